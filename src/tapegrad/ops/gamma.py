"""The gamma function's logarithm, its derivatives, and the incomplete gamma functions.

In the formulas `g` is the gradient of the result. The values come from SciPy or, on a card, from CuPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..device import is_array
from ..errors import ArgumentError, DtypeError, GraphError
from ..record import record1
from ..tensor import Tensor, raw
from .arithmetic import singular
from .cast import real
from .inplace import inplace
from .output import into
from .special import binary_special

__all__ = ["digamma", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma"]
METHODS = ["digamma", "igamma", "igammac", "lgamma", "mvlgamma"]
INPLACE = METHODS


def lgamma(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of the absolute value of the gamma function.

    Value: `log(|gamma(input)|)`. Adjoint: `g * digamma(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.lgamma(tg.tensor([0.5, 1.0, 5.0]))
        tensor([0.5724, 0.0000, 3.1781])
    """
    if out is not None:
        return into(out, lgamma, input)
    input = real(input, "lgamma")
    x = input.array
    return record1(kernels.lgamma(x), _lgamma_vjp, input, (x,))


@singular
def _lgamma_vjp(g, x):
    return g * kernels.digamma(x)


def digamma(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Derivative of `lgamma`.

    Value: `psi(input)`. Adjoint: `g * polygamma(1, input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.digamma(tg.tensor([0.5, 1.0]))
        tensor([-1.9635, -0.5772])
    """
    if out is not None:
        return into(out, digamma, input)
    input = real(input, "digamma")
    x = input.array
    return record1(kernels.digamma(x), _digamma_vjp, input, (x,))


@singular
def _digamma_vjp(g, x):
    return g * kernels.polygamma(x, 1)


def polygamma(n: int, input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """n-th derivative of `digamma`; the method is `x.polygamma(n)`.

    Value: `(-1)**(n + 1) * n! * zeta(n + 1, input)`. Adjoint: `g * polygamma(n + 1, input)`.

    Args:
        n: order, an integer from 0 on.
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for a negative order.
        DtypeError: if the order is no integer.
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.polygamma(1, tg.tensor([1.0, 2.0]))
        tensor([1.6449, 0.6449])
    """
    if out is not None:
        return into(out, polygamma, n, input)
    n = _integer("polygamma", "n", n)
    if n < 0:
        raise ArgumentError(f"polygamma: n must not be negative, got {n}")
    input = real(input, "polygamma")
    x = input.array
    return record1(kernels.polygamma(x, n), _polygamma_vjp, input, (x, n))


@singular
def _polygamma_vjp(g, x, n):
    return g * kernels.polygamma(x, n + 1)


def _integer(op: str, argument: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise DtypeError(f"{op}: {argument} must be an integer, got {type(value).__name__}")
    return int(value)


def mvlgamma(input: TensorLike, p: int, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of the multivariate gamma function, as in the Wishart distribution.

    Value: `p * (p - 1) / 4 * log(pi) + sum(lgamma(input - j / 2))` for j from 0 to p - 1.
    Adjoint: `g * sum(digamma(input - j / 2))`.

    Args:
        input: tensor of any shape; integers become the default dtype. The function is meant for values
            above `(p - 1) / 2`.
        p: dimension, at least 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: if p is below 1.
        DtypeError: if p is no integer, or for a bool tensor.
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.mvlgamma(tg.tensor([1.0, 3.0]), 2)
        tensor([1.1447, 1.5502])
    """
    if out is not None:
        return into(out, mvlgamma, input, p)
    p = _integer("mvlgamma", "p", p)
    if p < 1:
        raise ArgumentError(f"mvlgamma: p must be at least 1, got {p}")
    if getattr(raw(input), "dtype", None) == np.bool_:
        raise DtypeError("mvlgamma: not defined for a bool tensor; use input.float()")
    input = real(input, "mvlgamma")
    x = input.array
    constant = p * (p - 1) / 4 * math.log(math.pi)
    result = np.add.reduce(kernels.lgamma(_halves(x, p)), axis=-1) + constant
    return record1(result, _mvlgamma_vjp, input, (x, p))


@singular
def _mvlgamma_vjp(g, x, p):
    return g * np.add.reduce(kernels.digamma(_halves(x, p)), axis=-1)


def _halves(x, p):
    """`x - j / 2` for j from 0 to p - 1, along a new last dimension."""
    return np.stack([x - j / 2 for j in range(p)], axis=-1)


def gammainc(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Regularised lower incomplete gamma function.

    Value: `integral of t**(input - 1) * e**-t from 0 to other, divided by gamma(input)`.
    Adjoint: `g * other**(input - 1) * e**-other / gamma(input)` for `other`; none for `input`.

    Args:
        input, other: tensors, not negative, at least one of them floating; shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        GraphError: in the backward pass, if `input` requires grad.
        DtypeError: for numbers, and if both are integers.
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.gammainc(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0]))
        tensor([0.6321, 0.5940])
    """
    if out is not None:
        return into(out, gammainc, input, other)
    _check_incomplete("gammainc", input, other)
    rules = _gammainc_vjp_input, _gammainc_vjp_other
    return binary_special("gammainc", lambda a, x: kernels.gammainc(x, a), rules, input, other)


def _check_incomplete(op: str, input: Any, other: Any) -> None:
    for argument, value in (("input", input), ("other", other)):
        if not isinstance(value, Tensor) and not is_array(value):
            raise DtypeError(f"{op}: {argument} must be a tensor, got {type(value).__name__}")
    if input.dtype.kind in "biu" and other.dtype.kind in "biu":
        raise DtypeError(f"{op}: not defined for {input.dtype} and {other.dtype}; use float()")


def _no_derivative(op: str, argument: str) -> GraphError:
    return GraphError(
        f"{op}: the derivative with respect to {argument} has no closed form and is not "
        f"implemented; detach() {argument}"
    )


def _gammainc_vjp_input(g, a, x):
    raise _no_derivative("gammainc", "input")


@singular
def _gammainc_vjp_other(g, a, x):
    return g * np.exp((a - 1) * np.log(x) - x - kernels.lgamma(a))


def gammaincc(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Regularised upper incomplete gamma function `1 - gammainc(input, other)`, precise when small.

    Value: `integral of t**(input - 1) * e**-t from other to infinity, divided by gamma(input)`.
    Adjoint: `-g * other**(input - 1) * e**-other / gamma(input)` for `other`; none for `input`.

    Args:
        input, other: tensors, not negative, at least one of them floating; shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        GraphError: in the backward pass, if `input` requires grad.
        DtypeError: for numbers, and if both are integers.
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.gammaincc(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0]))
        tensor([0.3679, 0.4060])
    """
    if out is not None:
        return into(out, gammaincc, input, other)
    _check_incomplete("gammaincc", input, other)
    rules = _gammaincc_vjp_input, _gammaincc_vjp_other
    return binary_special("gammaincc", lambda a, x: kernels.gammaincc(x, a), rules, input, other)


def _gammaincc_vjp_input(g, a, x):
    raise _no_derivative("gammaincc", "input")


@singular
def _gammaincc_vjp_other(g, a, x):
    return -_gammainc_vjp_other(g, a, x)


def zeta(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz zeta function.

    Value: `sum of (k + other)**-input over k >= 0`.
    Adjoint: `-g * input * zeta(input + 1, other)` for `other`; none for `input`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        GraphError: in the backward pass, if `input` requires grad.
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.zeta(2.0, tg.tensor([1.0, 2.0]))
        tensor([1.6449, 0.6449])
    """
    if out is not None:
        return into(out, zeta, input, other)
    rules = _zeta_vjp_input, _zeta_vjp_other
    return binary_special("zeta", lambda s, q: kernels.zeta(q, s), rules, input, other)


def _zeta_vjp_input(g, s, q):
    raise _no_derivative("zeta", "input")


@singular
def _zeta_vjp_other(g, s, q):
    return g * -s * kernels.zeta(q, s + 1)


kernels.lgamma.register(Tensor)(lgamma)
kernels.digamma.register(Tensor)(digamma)


@kernels.polygamma.register(Tensor)
def _polygamma_of_tensor(input, n):
    return polygamma(n, input)


@kernels.zeta.register(Tensor)
def _zeta_of_tensor(q, s):
    return zeta(s, q)


_polygamma_of_tensor.__name__ = "polygamma"
_polygamma_of_tensor.__doc__ = polygamma.__doc__
setattr(Tensor, "polygamma", _polygamma_of_tensor)  # noqa: B010  (whose tensor comes first)
setattr(Tensor, "polygamma_", inplace(_polygamma_of_tensor))  # noqa: B010

igamma = gammainc
igammac = gammaincc
