"""Floating-point numbers taken apart: sign, mantissa, exponent, and the next number."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array
from ..errors import DtypeError
from ..record import ALL, record1
from ..tensor import Tensor, raw, wrap
from .arithmetic import binary, mul, pow
from .cast import as_operand, floating, operand, refused
from .output import into
from .pairwise import floating_only, floats
from .words import UFUNCS

__all__ = ["copysign", "frexp", "ldexp", "nextafter"]
METHODS = __all__
INPLACE = ["copysign", "ldexp", "nextafter"]

# Named as PyTorch shows it: `frexp(mantissa=..., exponent=...)`.
frexp_pair: Any = namedtuple("frexp", ("mantissa", "exponent"))  # type: ignore[name-match]

_INT = np.dtype("int64")


def copysign(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Give the magnitude of one operand the sign of the other; -0.0 counts as negative.

    Value: `|input|` where `other` is not negative, else `-|input|`. Adjoint:
    `g * sign(input) * (1 or -1)` for `input`, which is 0 where `input` is 0; zero for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.copysign(tg.tensor([1.0, -2.0, 3.0]), tg.tensor([-1.0, -1.0, 1.0]))
        tensor([-1., -2.,  3.])
    """
    if out is not None:
        return into(out, copysign, input, other)
    return _copysign(*floats("copysign", input, other))


def _copysign_vjp_input(g, x, y):
    # not result / input, which would be NaN at infinity
    return g * (np.sign(x) * np.copysign(np.ones_like(x, shape=()), y))


def _copysign_vjp_other(g, x, y):
    return np.zeros_like(g)


_copysign = binary(np.copysign, (_copysign_vjp_input, _copysign_vjp_other), ALL)


def nextafter(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The next number that the dtype can hold, on the way from one operand to the other.

    Adjoint: `g` for `input`, 0 where both are equal; zero for `other`.

    Args:
        input, other: floating tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0])
        >>> tg.nextafter(x, tg.tensor([2.0])) - x
        tensor([1.1921e-07])
    """
    if out is not None:
        return into(out, nextafter, input, other)
    return _nextafter(input, other)


def _nextafter_vjp_input(g, x, y):
    return np.where(x == y, 0, g)


def _nextafter_vjp_other(g, x, y):
    return np.zeros_like(g)


_nextafter = binary(floating_only(np.nextafter), (_nextafter_vjp_input, _nextafter_vjp_other), ALL)


def ldexp(input: Tensor, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Multiply by a power of 2.

    Value: `y = input * 2**other`, exact for integer exponents, also where `2**other` alone overflows.
    Adjoint: `g * 2**other` for `input`, `g * y * log(2)` for a floating `other`.

    Args:
        input: tensor; integers become the default dtype.
        other: exponents; tensor or number, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.ldexp(tg.tensor([1.0, 3.0]), tg.tensor([4, -1]))
        tensor([16.0000,  1.5000])
    """
    if out is not None:
        return into(out, ldexp, input, other)
    input = as_operand(input, "ldexp")
    other = operand(other, input, "ldexp", "other")
    exponent = raw(other)
    if input.array.dtype.kind == "c":  # NumPy's is for real numbers
        return mul(input, pow(2.0, other) if isinstance(other, Tensor) else 2.0**other)
    if isinstance(exponent, float) or getattr(exponent, "dtype", _INT).kind not in "biu":
        return _ldexp(input, other)
    input = floating(input, "ldexp")
    if isinstance(other, Tensor) and exponent.dtype.kind == "u" and exponent.dtype.itemsize > 2:
        exponent = exponent.astype(_INT)  # NumPy takes signed exponents
    x = input.array
    try:
        result = np.ldexp(x, exponent)
    except (ValueError, TypeError) as error:
        raise refused("ldexp", error, input, other) from None
    return record1(result, _ldexp_vjp, input, (exponent,))


def _ldexp_vjp(g, exponent):
    return np.ldexp(g, exponent)


def _ldexp_vjp_input(g, x, y):
    return g * 2.0**y


def _ldexp_vjp_other(g, x, y):
    return g * (x * 2.0**y * math.log(2))


_ldexp = binary(floating_only(lambda x, y: x * 2.0**y), (_ldexp_vjp_input, _ldexp_vjp_other), ALL)


def frexp(input: Tensor, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Split into mantissa and exponent: `input = mantissa * 2**exponent`.

    Adjoint: `g * 2**-exponent` from the mantissa's gradient; the exponent carries none.

    Args:
        input: floating tensor.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(mantissa, exponent)`: magnitudes from 0.5 to below 1, and int32. Zeros,
        infinities and NaN are their own mantissa, with the exponent 0.

    Raises:
        DtypeError: for integers.

    Example:
        >>> import tapegrad as tg
        >>> tg.frexp(tg.tensor([1.0, 10.0]))
        frexp(mantissa=tensor([0.5000, 0.6250]), exponent=tensor([1, 4], dtype=tapegrad.int32))
    """
    if out is not None:
        return into(out, frexp, input)
    input = as_operand(input, "frexp")
    if input.dtype.kind != "f":
        raise DtypeError(f"frexp: input must be a floating tensor, got {input.dtype}; use .float()")
    mantissa, exponent = np.frexp(input.array)
    return frexp_pair(record1(mantissa, _frexp_vjp, input, (exponent,)), wrap(as_array(exponent)))


def _frexp_vjp(g, exponent):
    return np.ldexp(g, -exponent)


UFUNCS.update({
    np.copysign: copysign, np.nextafter: nextafter, np.ldexp: ldexp, np.frexp: frexp,
})  # fmt: skip
