"""Functions of whole numbers: divisors, multiples, shifted bits. They carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array
from ..errors import DtypeError
from ..tensor import Tensor, raw, wrap
from .cast import promoted, refused
from .words import UFUNCS

__all__ = ["bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm"]
METHODS = __all__
INPLACE = __all__


def _whole(ufunc: Any, op: str, input: Any, other: Any) -> Tensor:
    input, other = promoted(op, (input, other))
    dtype = (input if isinstance(input, Tensor) else other).dtype
    if dtype.kind not in "iu":
        raise DtypeError(f"{op}: needs integer operands, got {dtype}; convert with .long()")
    try:
        return wrap(as_array(ufunc(raw(input), raw(other))))
    except (ValueError, TypeError) as error:
        raise refused(op, error, input, other) from None


def gcd(input: TensorLike, other: TensorLike) -> Tensor:
    """Greatest common divisor; never negative, and 0 only for two zeros.

    Args:
        input, other: integer tensors or numbers, shapes that broadcast.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.gcd(tg.tensor([5, 10, -15]), tg.tensor([3, 4, 5]))
        tensor([1, 2, 5])
    """
    return _whole(np.gcd, "gcd", input, other)


def lcm(input: TensorLike, other: TensorLike) -> Tensor:
    """Least common multiple; 0 where either is 0.

    Args:
        input, other: integer tensors or numbers, shapes that broadcast.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.lcm(tg.tensor([5, 10, -15]), tg.tensor([3, 4, 5]))
        tensor([15, 20, 15])
    """
    return _whole(np.lcm, "lcm", input, other)


def bitwise_left_shift(input: TensorLike, other: TensorLike) -> Tensor:
    """Shift bits to the left: `input * 2**other` without what leaves the dtype.

    Args:
        input: integer tensor or number.
        other: how far, from 0 to the number of bits; integer tensor or number, shapes that broadcast.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1, -3]) << 2
        tensor([  4, -12])
    """
    return _whole(np.left_shift, "bitwise_left_shift", input, other)


def bitwise_right_shift(input: TensorLike, other: TensorLike) -> Tensor:
    """Shift bits to the right and keep the sign: `floor(input / 2**other)`.

    Args:
        input: integer tensor or number.
        other: how far, from 0 to the number of bits; integer tensor or number, shapes that broadcast.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([4, -3]) >> 1
        tensor([ 2, -2])
    """
    return _whole(np.right_shift, "bitwise_right_shift", input, other)


UFUNCS.update({
    np.gcd: gcd, np.lcm: lcm, np.left_shift: bitwise_left_shift, np.right_shift: bitwise_right_shift,
})  # fmt: skip
