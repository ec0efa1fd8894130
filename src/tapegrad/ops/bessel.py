"""Bessel functions of orders 0 and 1.

In the formulas `g` is the gradient of the result. The values come from SciPy or, on a card, from CuPy.
PyTorch has no gradients for `bessel_j0` to `bessel_y1`; they are here.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..record import record1
from ..tensor import Tensor
from .arithmetic import singular
from .cast import real
from .output import into
from .words import implements

__all__ = ["i0"]
METHODS = __all__
INPLACE = __all__


def i0(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Modified Bessel function of the first kind, order 0. Adjoint: `g * i1(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.i0(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """
    if out is not None:
        return into(out, i0, input)
    input = real(input, "i0")
    x = input.array
    return record1(kernels.i0(x), _i0_vjp, input, (x,))


def _i0_vjp(g, x):
    return g * kernels.i1(x)


def i0e(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """`i0` without its growth.

    Value: `y = e**-|input| * i0(input)`. Adjoint: `g * (i1e(input) - sign(input) * y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.i0e(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """
    if out is not None:
        return into(out, i0e, input)
    input = real(input, "i0e")
    x = input.array
    return record1(kernels.i0e(x), _i0e_vjp, input, (x,))


def _i0e_vjp(g, x):
    return g * (kernels.i1e(x) - np.sign(x) * kernels.i0e(x))


def i1(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Modified Bessel function of the first kind, order 1.

    Value: `y = i1(input)`. Adjoint: `g * (i0(input) - y / input)`, and `g / 2` at 0.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.i1(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """
    if out is not None:
        return into(out, i1, input)
    input = real(input, "i1")
    x = input.array
    return record1(kernels.i1(x), _i1_vjp, input, (x,))


def _i1_vjp(g, x):
    return g * (kernels.i0(x) - _over(kernels.i1(x), x))


def _over(y, x):
    """`y / x` for a function that begins as x / 2."""
    zero = x == 0
    return np.where(zero, 0.5, y / np.where(zero, 1, x))


def i1e(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """`i1` without its growth.

    Value: `y = e**-|input| * i1(input)`.
    Adjoint: `g * (i0e(input) - y / input - sign(input) * y)`, and `g / 2` at 0.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.i1e(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """
    if out is not None:
        return into(out, i1e, input)
    input = real(input, "i1e")
    x = input.array
    return record1(kernels.i1e(x), _i1e_vjp, input, (x,))


def _i1e_vjp(g, x):
    y = kernels.i1e(x)
    return g * (kernels.i0e(x) - _over(y, x) - np.sign(x) * y)


def bessel_j0(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bessel function of the first kind, order 0. Adjoint: `-g * j1(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.bessel_j0(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.7652])
    """
    if out is not None:
        return into(out, bessel_j0, input)
    input = real(input, "bessel_j0")
    x = input.array
    return record1(kernels.bessel_j0(x), _bessel_j0_vjp, input, (x,))


def _bessel_j0_vjp(g, x):
    return -g * kernels.bessel_j1(x)


def bessel_j1(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bessel function of the first kind, order 1.

    Value: `y = j1(input)`. Adjoint: `g * (j0(input) - y / input)`, and `g / 2` at 0.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.bessel_j1(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.4401])
    """
    if out is not None:
        return into(out, bessel_j1, input)
    input = real(input, "bessel_j1")
    x = input.array
    return record1(kernels.bessel_j1(x), _bessel_j1_vjp, input, (x,))


def _bessel_j1_vjp(g, x):
    return g * (kernels.bessel_j0(x) - _over(kernels.bessel_j1(x), x))


def bessel_y0(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bessel function of the second kind, order 0: -inf at 0, NaN below. Adjoint: `-g * y1(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.bessel_y0(tg.tensor([0.0, 1.0]))
        tensor([  -inf, 0.0883])
    """
    if out is not None:
        return into(out, bessel_y0, input)
    input = real(input, "bessel_y0")
    x = input.array
    return record1(kernels.bessel_y0(x), _bessel_y0_vjp, input, (x,))


@singular
def _bessel_y0_vjp(g, x):
    return -g * kernels.bessel_y1(x)


def bessel_y1(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bessel function of the second kind, order 1: -inf at 0, NaN below.

    Value: `y = y1(input)`. Adjoint: `g * (y0(input) - y / input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DependencyError: if SciPy is not installed.

    Example:
        >>> import tapegrad as tg
        >>> tg.special.bessel_y1(tg.tensor([0.0, 1.0]))
        tensor([   -inf, -0.7812])
    """
    if out is not None:
        return into(out, bessel_y1, input)
    input = real(input, "bessel_y1")
    x = input.array
    return record1(kernels.bessel_y1(x), _bessel_y1_vjp, input, (x,))


@singular
def _bessel_y1_vjp(g, x):
    return g * (kernels.bessel_y0(x) - kernels.bessel_y1(x) / x)


for _operation in (i0, i0e, i1, i1e, bessel_j0, bessel_j1, bessel_y0, bessel_y1):
    getattr(kernels, _operation.__name__).register(Tensor)(_operation)
implements(np.i0)(i0)
