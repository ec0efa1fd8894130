"""Comparisons and logic: results that carry no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array
from ..errors import DtypeError
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, not_complex, promoted, refused
from .output import into
from .words import UFUNCS

__all__ = [
    "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "equal", "ge",
    "gt", "isfinite", "isinf", "isnan", "le", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "ne",
]  # fmt: skip
METHODS = __all__


def _apply(ufunc: Any, op: str, input: Any, other: Any, ordered: bool = False) -> Tensor:
    x, y = raw(input), raw(other)
    dtype: Any = getattr(x, "dtype", None)
    if dtype is not getattr(y, "dtype", 0):
        input, other = promoted(op, (input, other))
        x, y = raw(input), raw(other)
        dtype = getattr(x, "dtype", None) or y.dtype
    if ordered and dtype.kind == "c":
        not_complex(op, x, y)
    try:
        return wrap(as_array(ufunc(x, y)))
    except (ValueError, TypeError) as error:
        raise refused(op, error, input, other) from None


def _integers(ufunc: Any, op: str, input: Any, other: Any) -> Tensor:
    for value in (raw(input), raw(other)):
        if isinstance(value, float) or getattr(value, "dtype", np.dtype(bool)).kind in "fc":
            raise DtypeError(f"{op}: needs integer or bool operands, got a floating one")
    return _apply(ufunc, op, input, other)


def eq(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input == other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) == 2
        tensor([False,  True, False])
    """
    if out is not None:
        return into(out, eq, input, other)
    return _apply(np.equal, "eq", input, other)


def ne(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input != other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) != 2
        tensor([ True, False,  True])
    """
    if out is not None:
        return into(out, ne, input, other)
    return _apply(np.not_equal, "ne", input, other)


def lt(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input < other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) < 2
        tensor([ True, False, False])
    """
    if out is not None:
        return into(out, lt, input, other)
    return _apply(np.less, "lt", input, other, True)


def le(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input <= other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) <= 2
        tensor([ True,  True, False])
    """
    if out is not None:
        return into(out, le, input, other)
    return _apply(np.less_equal, "le", input, other, True)


def gt(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input > other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) > 2
        tensor([False, False,  True])
    """
    if out is not None:
        return into(out, gt, input, other)
    return _apply(np.greater, "gt", input, other, True)


def ge(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Compare elementwise: bool tensor of `input >= other`; it carries no gradient.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) >= 2
        tensor([False,  True,  True])
    """
    if out is not None:
        return into(out, ge, input, other)
    return _apply(np.greater_equal, "ge", input, other, True)


def logical_and(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where both are not zero.

    Args:
        input, other: tensors or numbers of any dtype, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.logical_and(tg.tensor([1, 0]), tg.tensor([1, 1]))
        tensor([ True, False])
    """
    if out is not None:
        return into(out, logical_and, input, other)
    return _apply(np.logical_and, "logical_and", input, other)


def logical_or(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where either is not zero.

    Args:
        input, other: tensors or numbers of any dtype, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.logical_or(tg.tensor([1, 0]), tg.tensor([1, 1]))
        tensor([ True,  True])
    """
    if out is not None:
        return into(out, logical_or, input, other)
    return _apply(np.logical_or, "logical_or", input, other)


def logical_xor(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where exactly one is not zero.

    Args:
        input, other: tensors or numbers of any dtype, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.logical_xor(tg.tensor([1, 0]), tg.tensor([1, 1]))
        tensor([False,  True])
    """
    if out is not None:
        return into(out, logical_xor, input, other)
    return _apply(np.logical_xor, "logical_xor", input, other)


def bitwise_and(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bitwise `input & other` of integers, logical of bools.

    Args:
        input, other: integer or bool tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor(5) & 2
        tensor(0)
    """
    if out is not None:
        return into(out, bitwise_and, input, other)
    return _integers(np.bitwise_and, "bitwise_and", input, other)


def bitwise_or(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bitwise `input | other` of integers, logical of bools.

    Args:
        input, other: integer or bool tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor(5) | 2
        tensor(7)
    """
    if out is not None:
        return into(out, bitwise_or, input, other)
    return _integers(np.bitwise_or, "bitwise_or", input, other)


def bitwise_xor(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bitwise `input ^ other` of integers, logical of bools.

    Args:
        input, other: integer or bool tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for floating operands.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor(5) ^ 2
        tensor(7)
    """
    if out is not None:
        return into(out, bitwise_xor, input, other)
    return _integers(np.bitwise_xor, "bitwise_xor", input, other)


def logical_not(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where the input is zero.

    Args:
        input: tensor of any dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.logical_not(tg.tensor([0, 2]))
        tensor([ True, False])
    """
    if out is not None:
        return into(out, logical_not, input)
    return wrap(as_array(np.logical_not(as_operand(input, "logical_not").array)))


def bitwise_not(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Invert every bit of integers, or every bool.

    Args:
        input: integer or bool tensor.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a floating tensor.

    Example:
        >>> import tapegrad as tg
        >>> ~tg.tensor([True, False])
        tensor([False,  True])
    """
    if out is not None:
        return into(out, bitwise_not, input)
    input = as_operand(input, "bitwise_not")
    if input.array.dtype.kind in "fc":
        raise DtypeError(f"bitwise_not: needs an integer or bool tensor, got {input.dtype}")
    return wrap(as_array(np.invert(input.array)))


def isnan(input: TensorLike) -> Tensor:
    """Bool tensor that is true where the input is NaN.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.isnan(tg.tensor([0.0, float("nan")]))
        tensor([False,  True])
    """
    return wrap(as_array(np.isnan(as_operand(input, "isnan").array)))


def isfinite(input: TensorLike) -> Tensor:
    """Bool tensor that is true where the input is neither infinite nor NaN.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.isfinite(tg.tensor([0.0, float("inf")]))
        tensor([ True, False])
    """
    return wrap(as_array(np.isfinite(as_operand(input, "isfinite").array)))


def isinf(input: TensorLike) -> Tensor:
    """Bool tensor that is true where the input is infinite.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.isinf(tg.tensor([0.0, float("inf")]))
        tensor([False,  True])
    """
    return wrap(as_array(np.isinf(as_operand(input, "isinf").array)))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same values.

    Args:
        input, other: tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.equal(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 2.0]))
        True
    """
    input, other = as_operand(input, "equal"), as_operand(other, "equal", "other")
    if input.shape != other.shape:
        return False
    return bool(eq(input, other).all().item())


UFUNCS.update({
    np.equal: eq, np.not_equal: ne, np.less: lt, np.less_equal: le, np.greater: gt, np.greater_equal: ge,
    np.logical_and: logical_and, np.logical_or: logical_or, np.logical_xor: logical_xor,
    np.logical_not: logical_not, np.bitwise_and: bitwise_and, np.bitwise_or: bitwise_or,
    np.bitwise_xor: bitwise_xor, np.invert: bitwise_not, np.isnan: isnan, np.isfinite: isfinite,
    np.isinf: isinf,
})  # fmt: skip
