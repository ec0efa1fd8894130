"""The error function, the normal distribution and entropy, element by element.

In the formulas `g` is the gradient of the result. Nothing here needs SciPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..device import as_array
from ..record import OUT, record1, record2
from ..tensor import Tensor, raw
from .arithmetic import singular
from .cast import not_complex, promoted, real, refused
from .output import into

__all__ = ["erf", "erfc", "erfinv", "xlogy"]
METHODS = __all__
INPLACE = __all__

SQRT1_2, SQRT_PI = math.sqrt(0.5), math.sqrt(math.pi)
SQRT_2PI = math.sqrt(2 * math.pi)


def erf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Error function.

    Value: `2 / sqrt(pi) * integral of e**(-t**2) from 0 to input`.
    Adjoint: `g * 2 / sqrt(pi) * e**(-input**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.erf(tg.tensor([0.0, -1.0, 10.0]))
        tensor([ 0.0000, -0.8427,  1.0000])

    References:
        W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
        Computation 23 (1969).
    """
    if out is not None:
        return into(out, erf, input)
    input = real(input, "erf")
    x = input.array
    return record1(kernels.erf(x), _erf_vjp, input, (x,))


def _erf_vjp(g, x):
    return g * (np.exp(-(x * x)) * (2 / SQRT_PI))


def erfc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Complementary error function `1 - erf(input)`, precise where it is small.

    Value: `2 / sqrt(pi) * integral of e**(-t**2) from input to infinity`.
    Adjoint: `-g * 2 / sqrt(pi) * e**(-input**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.erfc(tg.tensor([0.0, -1.0, 6.0]))
        tensor([1.0000e+00, 1.8427e+00, 2.1520e-17])
    """
    if out is not None:
        return into(out, erfc, input)
    input = real(input, "erfc")
    x = input.array
    return record1(kernels.erfc(x), _erfc_vjp, input, (x,))


def _erfc_vjp(g, x):
    return g * (np.exp(-(x * x)) * (-2 / SQRT_PI))


def erfcx(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Scaled complementary error function, which does not underflow.

    Value: `y = e**(input**2) * erfc(input)`. Adjoint: `g * (2 * input * y - 2 / sqrt(pi))`.

    Args:
        input: tensor of any shape; integers become the default dtype. Below about -26 (in float64)
            the value overflows to infinity.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.erfcx(tg.tensor([0.0, -1.0, 10.0]))
        tensor([1.0000, 5.0090, 0.0561])
    """
    if out is not None:
        return into(out, erfcx, input)
    input = real(input, "erfcx")
    x = input.array
    y = kernels.erfcx(x)
    return record1(y, _erfcx_vjp, input, (x,))


def _erfcx_vjp(g, x):
    return g * (2 * x * kernels.erfcx(x) - 2 / SQRT_PI)


def erfinv(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse of the error function: infinite at -1 and 1, NaN outside.

    Value: `y` with `erf(y) = input`. Adjoint: `g * sqrt(pi) / 2 * e**(y**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.erfinv(tg.tensor([0.0, 0.5, -1.0]))
        tensor([0.0000, 0.4769,   -inf])

    References:
        M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied
        Statistics 37 (1988).
    """
    if out is not None:
        return into(out, erfinv, input)
    input = real(input, "erfinv")
    return record1(kernels.erfinv(input.array), _erfinv_vjp, input, OUT)


@singular
def _erfinv_vjp(g, y):
    return g * (np.exp(y * y) * (SQRT_PI / 2))


def ndtr(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Distribution function of the standard normal distribution.

    Value: `erfc(-input / sqrt(2)) / 2`. Adjoint: `g * e**(-input**2 / 2) / sqrt(2 pi)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.ndtr(tg.tensor([-1.96, 0.0, 1.96]))
        tensor([0.0250, 0.5000, 0.9750])
    """
    if out is not None:
        return into(out, ndtr, input)
    input = real(input, "ndtr")
    x = input.array
    return record1(kernels.ndtr(x), _ndtr_vjp, input, (x,))


def _ndtr_vjp(g, x):
    return g * (np.exp(-0.5 * (x * x)) / SQRT_2PI)


def ndtri(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Quantile of the standard normal distribution: infinite at 0 and 1, NaN outside.

    Value: `y` with `ndtr(y) = input`. Adjoint: `g * sqrt(2 pi) * e**(y**2 / 2)`.

    Args:
        input: probabilities; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.ndtri(tg.tensor([0.025, 0.5, 1.0]))
        tensor([-1.9600,  0.0000,     inf])

    References:
        M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied
        Statistics 37 (1988).
    """
    if out is not None:
        return into(out, ndtri, input)
    input = real(input, "ndtri")
    return record1(kernels.ndtri(input.array), _ndtri_vjp, input, OUT)


@singular
def _ndtri_vjp(g, y):
    return g * (np.exp(0.5 * (y * y)) * SQRT_2PI)


def log_ndtr(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of the normal distribution function, precise in both tails.

    Value: `log(ndtr(input))`. Adjoint: `g * sqrt(2 / pi) / erfcx(-input / sqrt(2))`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.log_ndtr(tg.tensor([-30.0, 0.0, 3.0]))
        tensor([-4.5432e+02, -6.9315e-01, -1.3508e-03])
    """
    if out is not None:
        return into(out, log_ndtr, input)
    input = real(input, "log_ndtr")
    x = input.array
    return record1(kernels.log_ndtr(x), _log_ndtr_vjp, input, (x,))


def _log_ndtr_vjp(g, x):
    return g * (2 / SQRT_2PI / kernels.erfcx(x * -SQRT1_2))


def xlogy(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Product with a logarithm, 0 where `input` is 0.

    Value: `input * log(other)`. Adjoint: `g * log(other)` for `input`, and 0 where `input` is 0 and
    `other` not positive; `g * input / other` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.xlogy(tg.tensor([0.0, 2.0]), tg.tensor([0.0, 2.0]))
        tensor([0.0000, 1.3863])
    """
    if out is not None:
        return into(out, xlogy, input, other)
    return binary_special("xlogy", _xlogy, (_xlogy_vjp_input, _xlogy_vjp_other), input, other)


def binary_special(op: str, function: Any, rules: Any, input: Any, other: Any) -> Tensor:
    """An operation of two real operands; numbers become 0-d arrays, so kernels find their type."""
    input, other = promoted(op, (input, other), floating=True)
    x, y = raw(input), raw(other)
    if not isinstance(input, Tensor):
        x = np.full_like(y, x, shape=())
    elif not isinstance(other, Tensor):
        y = np.full_like(x, y, shape=())
    not_complex(op, x)
    try:
        out = as_array(function(x, y))
    except (ValueError, TypeError) as error:
        raise refused(op, error, input, other) from None
    return record2(out, rules, input, other, (x, y))


def _xlogy(x, y):
    nothing = (x == 0) & (y == y)
    return np.where(nothing, 0, x * np.log(np.where(nothing, 1, y)))


@singular
def _xlogy_vjp_input(g, x, y):
    nothing = (x == 0) & (y <= 0)
    return np.where(nothing, 0, g * np.log(np.where(nothing, 1, y)))


@singular
def _xlogy_vjp_other(g, x, y):
    return g * x / y


def xlog1py(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Product with the logarithm of one plus an operand, 0 where `input` is 0.

    Value: `input * log(1 + other)`. Adjoint: `g * log(1 + other)` for `input`, and 0 where `input` is
    0 and `other` at most -1; `g * input / (1 + other)` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.xlog1py(tg.tensor([0.0, 2.0]), tg.tensor([-1.0, 1.0]))
        tensor([0.0000, 1.3863])
    """
    if out is not None:
        return into(out, xlog1py, input, other)
    rules = _xlog1py_vjp_input, _xlog1py_vjp_other
    return binary_special("xlog1py", _xlog1py, rules, input, other)


def _xlog1py(x, y):
    nothing = (x == 0) & (y == y)
    return np.where(nothing, 0, x * np.log1p(np.where(nothing, 0, y)))


@singular
def _xlog1py_vjp_input(g, x, y):
    nothing = (x == 0) & (y <= -1)
    return np.where(nothing, 0, g * np.log1p(np.where(nothing, 0, y)))


@singular
def _xlog1py_vjp_other(g, x, y):
    return g * x / (y + 1)


def entr(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Entropy of a probability, element by element: 0 at 0, -inf below.

    Value: `-input * log(input)`. Adjoint: `-g * (1 + log(input))`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.entr(tg.tensor([0.0, 0.5, -1.0]))
        tensor([0.0000, 0.3466,   -inf])
    """
    if out is not None:
        return into(out, entr, input)
    input = real(input, "entr")
    x = input.array
    result = np.where(x < 0, -np.inf, _xlogy(-x, np.where(x < 0, 1, x)))
    return record1(result, _entr_vjp, input, (x,))


@singular
def _entr_vjp(g, x):
    return -g * (1 + np.log(x))


for _kernel, _operation in [
    (kernels.erf, erf), (kernels.erfc, erfc), (kernels.erfcx, erfcx), (kernels.erfinv, erfinv),
    (kernels.ndtr, ndtr), (kernels.ndtri, ndtri), (kernels.log_ndtr, log_ndtr),
]:  # fmt: skip
    _kernel.register(Tensor)(_operation)
