"""Functions of whole numbers: divisors, multiples, shifted bits. They carry no gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array
from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, promoted, refused
from .output import into
from .words import UFUNCS, implements

__all__ = ["bitwise_left_shift", "bitwise_right_shift", "gcd", "lcm", "unravel_index"]
METHODS = [name for name in __all__ if name != "unravel_index"]
INPLACE = METHODS


def _whole(ufunc: Any, op: str, input: Any, other: Any) -> Tensor:
    input, other = promoted(op, (input, other))
    dtype = (input if isinstance(input, Tensor) else other).dtype
    if dtype.kind not in "iu":
        raise DtypeError(f"{op}: needs integer operands, got {dtype}; convert with .long()")
    try:
        return wrap(as_array(ufunc(raw(input), raw(other))))
    except (ValueError, TypeError) as error:
        raise refused(op, error, input, other) from None


def gcd(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Greatest common divisor; never negative, and 0 only for two zeros.

    Args:
        input, other: integer tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.gcd(tg.tensor([5, 10, -15]), tg.tensor([3, 4, 5]))
        tensor([1, 2, 5])
    """
    if out is not None:
        return into(out, gcd, input, other)
    return _whole(np.gcd, "gcd", input, other)


def lcm(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Least common multiple; 0 where either is 0.

    Args:
        input, other: integer tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.lcm(tg.tensor([5, 10, -15]), tg.tensor([3, 4, 5]))
        tensor([15, 20, 15])
    """
    if out is not None:
        return into(out, lcm, input, other)
    return _whole(np.lcm, "lcm", input, other)


def bitwise_left_shift(
    input: TensorLike, other: TensorLike, *, out: Tensor | None = None
) -> Tensor:
    """Shift bits to the left: `input * 2**other` without what leaves the dtype.

    Args:
        input: integer tensor or number.
        other: how far, from 0 to the number of bits; integer tensor or number, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1, -3]) << 2
        tensor([  4, -12])
    """
    if out is not None:
        return into(out, bitwise_left_shift, input, other)
    return _whole(np.left_shift, "bitwise_left_shift", input, other)


def bitwise_right_shift(
    input: TensorLike, other: TensorLike, *, out: Tensor | None = None
) -> Tensor:
    """Shift bits to the right and keep the sign: `floor(input / 2**other)`.

    Args:
        input: integer tensor or number.
        other: how far, from 0 to the number of bits; integer tensor or number, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating and bool operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([4, -3]) >> 1
        tensor([ 2, -2])
    """
    if out is not None:
        return into(out, bitwise_right_shift, input, other)
    return _whole(np.right_shift, "bitwise_right_shift", input, other)


UFUNCS.update({
    np.gcd: gcd, np.lcm: lcm, np.left_shift: bitwise_left_shift, np.right_shift: bitwise_right_shift,
})  # fmt: skip


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The positions along every dimension of places in a flattened tensor.

    Args:
        indices: integer tensor; beyond the number of elements they begin again.
        shape: sizes of the tensor, one int or several.

    Returns:
        A tensor of the shape of `indices` for each dimension.

    Raises:
        DtypeError: for floating and bool indices.
        ArgumentError: for a negative size.

    Example:
        >>> import tapegrad as tg
        >>> tg.unravel_index(tg.tensor([5, 3]), (2, 3))
        (tensor([1, 1]), tensor([2, 0]))
    """
    places = as_operand(indices, "unravel_index", "indices")
    if places.dtype.kind not in "iu":
        raise DtypeError(f"unravel_index: indices must be integers, got {places.dtype}")
    sizes = tuple(int(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    if any(n < 0 for n in sizes):
        raise ArgumentError(f"unravel_index: sizes must not be negative, got {sizes}")
    rest, found = places.array, []
    for n in reversed(sizes):
        found.append(wrap(as_array(rest % max(n, 1))))
        rest = rest // max(n, 1)
    return tuple(reversed(found))


@implements(np.unravel_index)
def _np_unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Tensor, ...]:
    size, array = int(np.prod(shape)), indices.array
    if order != "C":
        raise ArgumentError(f"np.unravel_index: tensors have the order 'C', got {order!r}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= size):
        raise ArgumentError(f"np.unravel_index: indices must lie between 0 and {size - 1}")
    return unravel_index(indices, shape)
