"""Exponentials, logarithms and their kin, element by element.

In the formulas `g` is the gradient of the result. Integer operands become the default dtype.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from .._typing import TensorLike
from ..errors import ArgumentError
from ..record import OUT, record1
from ..tensor import Tensor
from .arithmetic import singular
from .cast import floating, real
from .output import into
from .words import UFUNCS, implements

__all__ = [
    "exp2", "expm1", "log1p", "log2", "log10", "logit", "reciprocal", "rsqrt", "sinc",
]  # fmt: skip
METHODS = __all__
INPLACE = __all__

LN2, LN10 = math.log(2), math.log(10)


def exp2(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Power of two. Value: `y = 2**input`. Adjoint: `g * y * log(2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.exp2(tg.tensor([0.0, 3.0, -1.0]))
        tensor([1.0000, 8.0000, 0.5000])
    """
    if out is not None:
        return into(out, exp2, input)
    input = floating(input, "exp2")
    return record1(np.exp2(input.array), _exp2_vjp, input, OUT)


@singular
def _exp2_vjp(g, y):
    return g * (y * LN2)


def expm1(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Exponential minus one, precise near zero. Value: `y = e**input - 1`. Adjoint: `g * (y + 1)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.expm1(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    if out is not None:
        return into(out, expm1, input)
    input = floating(input, "expm1")
    return record1(np.expm1(input.array), _expm1_vjp, input, OUT)


@singular
def _expm1_vjp(g, y):
    return g * (y + 1)


def log2(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 2. Value: `log2(input)`. Adjoint: `g / (input * log(2))`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.log2(tg.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """
    if out is not None:
        return into(out, log2, input)
    input = floating(input, "log2")
    x = input.array
    return record1(np.log2(x), _log2_vjp, input, (x,))


@singular
def _log2_vjp(g, x):
    return g / (x * LN2)


def log10(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 10. Value: `log10(input)`. Adjoint: `g / (input * log(10))`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.log10(tg.tensor([2.0, 50.0]))
        tensor([0.3010, 1.6990])
    """
    if out is not None:
        return into(out, log10, input)
    input = floating(input, "log10")
    x = input.array
    return record1(np.log10(x), _log10_vjp, input, (x,))


@singular
def _log10_vjp(g, x):
    return g / (x * LN10)


def log1p(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of one plus the input, precise near zero.

    Value: `log(1 + input)`. Adjoint: `g / (1 + input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.log1p(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    if out is not None:
        return into(out, log1p, input)
    input = floating(input, "log1p")
    x = input.array
    return record1(np.log1p(x), _log1p_vjp, input, (x,))


@singular
def _log1p_vjp(g, x):
    return g / (x + 1)


def reciprocal(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """One divided by the input. Value: `y = 1 / input`. Adjoint: `-g * y**2`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.reciprocal(tg.tensor([2, -4]))
        tensor([ 0.5000, -0.2500])
    """
    if out is not None:
        return into(out, reciprocal, input)
    input = floating(input, "reciprocal")
    return record1(np.reciprocal(input.array), _reciprocal_vjp, input, OUT)


@singular
def _reciprocal_vjp(g, y):
    return -g * (y * y)


def rsqrt(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """One divided by the square root. Value: `y = 1 / sqrt(input)`. Adjoint: `-g * y**3 / 2`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.rsqrt(tg.tensor([1.0, 4.0]))
        tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, rsqrt, input)
    input = floating(input, "rsqrt")
    return record1(1 / np.sqrt(input.array), _rsqrt_vjp, input, OUT)


@singular
def _rsqrt_vjp(g, y):
    return g * (-0.5 * y * y * y)


def logit(input: TensorLike, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """Inverse of the logistic function: the logarithm of the odds.

    Value: `log(z / (1 - z))` with `z = input`, or `z = clamp(input, eps, 1 - eps)`. Adjoint:
    `g / (z * (1 - z))`; where the input lies outside [0, 1] it is NaN like the value, and with `eps`,
    outside [eps, 1 - eps], 0.

    Args:
        input: tensor of any shape, of probabilities; integers become the default dtype.
        eps: how far to stay away from 0 and 1; None for the values as they are.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: if `eps` is no number from 0 to 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.logit(tg.tensor([0.5, 0.9]))
        tensor([0.0000, 2.1972])
        >>> tg.logit(tg.tensor([0.0, 1.0]), eps=0.1)
        tensor([-2.1972,  2.1972])
    """
    if out is not None:
        return into(out, logit, input, eps)
    if eps is not None and not (isinstance(eps, Real) and 0 <= eps <= 1):
        raise ArgumentError(f"logit: eps must be None or a number from 0 to 1, got {eps!r}")
    input = real(input, "logit")
    x = z = input.array
    if eps is not None:
        low = np.full_like(x, eps, shape=())
        high = 1 - low
        # in this order an eps above 1/2 gives PyTorch's answer: the lower end is looked at first
        z = np.where(x < low, low, np.where(x > high, high, x))
        return record1(np.log(z / (1 - z)), _logit_vjp, input, (x, low, high))
    return record1(np.log(z / (1 - z)), _logit_vjp, input, (x,))


@singular
def _logit_vjp(g, x, low=None, high=None):
    inner = g / (x * (1 - x))
    if low is None:
        return np.where((x < 0) | (x > 1), np.nan, inner)
    return np.where((x < low) | (x > high), 0, inner)


def sinc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Normalised cardinal sine, 1 at zero.

    Value: `sin(t) / t` with `t = pi * input`. Adjoint: `g * pi * (t * cos(t) - sin(t)) / t**2`, 0 at
    zero.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sinc(tg.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """
    if out is not None:
        return into(out, sinc, input)
    input = floating(input, "sinc")
    x = input.array
    t = x * math.pi
    zero, one = t == 0, np.ones_like(t, shape=())
    result = np.where(zero, one, np.sin(t) / np.where(zero, one, t))
    return record1(result.astype(x.dtype, copy=False), _sinc_vjp, input, (x,))


# The Taylor coefficients of (t cos(t) - sin(t)) / t**3 in powers of t**2.
_SINC_SERIES = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 8)]


def _sinc_vjp(g, x):
    # Near zero the closed form loses every digit (eps / t**2 in its own derivative), so there a
    # series takes its place: below |t| = 1/2 its first missing term is under 1e-17.
    t = x * math.pi
    near = np.abs(t) < 0.5
    s = np.where(near, t, 0)
    t = np.where(near, 1, t)
    square = s * s
    series = square * _SINC_SERIES[-1]
    for coefficient in _SINC_SERIES[-2:0:-1]:
        series = (series + coefficient) * square
    series = (series + _SINC_SERIES[0]) * s
    closed = (t * np.cos(t) - np.sin(t)) / (t * t)
    return g * (np.where(near, series, closed) * math.pi)


UFUNCS.update({
    np.exp2: exp2, np.expm1: expm1, np.log2: log2, np.log10: log10, np.log1p: log1p,
    np.reciprocal: reciprocal,
})  # fmt: skip
implements(np.sinc)(sinc)
