"""Trigonometric and hyperbolic functions and their inverses, element by element.

In the formulas `g` is the gradient of the result. Angles are in radians unless the name says otherwise;
integer operands become the default dtype.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import TensorLike
from ..record import OUT, record1
from ..tensor import Tensor
from .arithmetic import singular
from .cast import floating, real
from .output import into
from .words import UFUNCS

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh",
    "atan", "atanh", "cosh", "deg2rad", "rad2deg", "sinh", "tan",
]  # fmt: skip
METHODS = __all__
INPLACE = __all__


def tan(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Tangent. Value: `y = tan(input)`. Adjoint: `g * (1 + y**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tan(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """
    if out is not None:
        return into(out, tan, input)
    input = floating(input, "tan")
    return record1(np.tan(input.array), _tan_vjp, input, OUT)


@singular
def _tan_vjp(g, y):
    return g * (y * y + 1)


def asin(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse sine, from -pi/2 to pi/2. Value: `asin(input)`. Adjoint: `g / sqrt(1 - input**2)`.

    Args:
        input: tensor of any shape, of numbers in [-1, 1]; outside, value and gradient are NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.asin(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """
    if out is not None:
        return into(out, asin, input)
    input = floating(input, "asin")
    x = input.array
    return record1(np.arcsin(x), _asin_vjp, input, (x,))


@singular
def _asin_vjp(g, x):
    return g / np.sqrt((1 - x) * (x + 1))  # factored: precise where x**2 is nearly 1


def acos(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse cosine, from 0 to pi. Value: `acos(input)`. Adjoint: `-g / sqrt(1 - input**2)`.

    Args:
        input: tensor of any shape, of numbers in [-1, 1]; outside, value and gradient are NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.acos(tg.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0000])
    """
    if out is not None:
        return into(out, acos, input)
    input = floating(input, "acos")
    x = input.array
    return record1(np.arccos(x), _acos_vjp, input, (x,))


@singular
def _acos_vjp(g, x):
    return -g / np.sqrt((1 - x) * (x + 1))


def atan(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse tangent, from -pi/2 to pi/2. Value: `atan(input)`. Adjoint: `g / (1 + input**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.atan(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """
    if out is not None:
        return into(out, atan, input)
    input = floating(input, "atan")
    x = input.array
    return record1(np.arctan(x), _atan_vjp, input, (x,))


def _atan_vjp(g, x):
    return g / (x * x + 1)


def sinh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic sine. Value: `sinh(input)`. Adjoint: `g * cosh(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sinh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """
    if out is not None:
        return into(out, sinh, input)
    input = floating(input, "sinh")
    x = input.array
    return record1(np.sinh(x), _sinh_vjp, input, (x,))


@singular
def _sinh_vjp(g, x):
    return g * np.cosh(x)


def cosh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic cosine. Value: `cosh(input)`. Adjoint: `g * sinh(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cosh(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """
    if out is not None:
        return into(out, cosh, input)
    input = floating(input, "cosh")
    x = input.array
    return record1(np.cosh(x), _cosh_vjp, input, (x,))


@singular
def _cosh_vjp(g, x):
    return g * np.sinh(x)


def asinh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic sine. Value: `asinh(input)`. Adjoint: `g / sqrt(1 + input**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.asinh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """
    if out is not None:
        return into(out, asinh, input)
    input = floating(input, "asinh")
    x = input.array
    return record1(np.arcsinh(x), _asinh_vjp, input, (x,))


def _asinh_vjp(g, x):
    return g / np.sqrt(x * x + 1)


def acosh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic cosine, from 0. Value: `acosh(input)`. Adjoint: `g / sqrt(input**2 - 1)`.

    Args:
        input: tensor of any shape, of numbers from 1; below, the value is NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.acosh(tg.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """
    if out is not None:
        return into(out, acosh, input)
    input = floating(input, "acosh")
    x = input.array
    return record1(np.arccosh(x), _acosh_vjp, input, (x,))


@singular
def _acosh_vjp(g, x):
    if x.dtype.kind == "c":  # one root of the product has the other sign for negative real parts
        return g / (np.sqrt(x - 1) * np.sqrt(x + 1))
    return g / np.sqrt((x - 1) * (x + 1))


def atanh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic tangent. Value: `atanh(input)`. Adjoint: `g / (1 - input**2)`.

    Args:
        input: tensor of any shape, of numbers in [-1, 1]; outside, the value is NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.atanh(tg.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """
    if out is not None:
        return into(out, atanh, input)
    input = floating(input, "atanh")
    x = input.array
    return record1(np.arctanh(x), _atanh_vjp, input, (x,))


@singular
def _atanh_vjp(g, x):
    return g / ((1 - x) * (x + 1))


def deg2rad(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Degrees to radians. Value: `input * pi / 180`. Adjoint: `g * pi / 180`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.deg2rad(tg.tensor([180, -90]))
        tensor([ 3.1416, -1.5708])
    """
    if out is not None:
        return into(out, deg2rad, input)
    input = real(input, "deg2rad")
    return record1(np.deg2rad(input.array), _deg2rad_vjp, input)


def _deg2rad_vjp(g):
    return g * (math.pi / 180)


def rad2deg(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Radians to degrees. Value: `input * 180 / pi`. Adjoint: `g * 180 / pi`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.rad2deg(tg.tensor([0.0, 3.1415927]))
        tensor([  0., 180.])
    """
    if out is not None:
        return into(out, rad2deg, input)
    input = real(input, "rad2deg")
    return record1(np.rad2deg(input.array), _rad2deg_vjp, input)


def _rad2deg_vjp(g):
    return g * (180 / math.pi)


arcsin, arccos, arctan = asin, acos, atan
arcsinh, arccosh, arctanh = asinh, acosh, atanh

UFUNCS.update({
    np.tan: tan, np.arcsin: asin, np.arccos: acos, np.arctan: atan, np.sinh: sinh, np.cosh: cosh,
    np.arcsinh: asinh, np.arccosh: acosh, np.arctanh: atanh, np.deg2rad: deg2rad, np.radians: deg2rad,
    np.rad2deg: rad2deg, np.degrees: rad2deg,
})  # fmt: skip
