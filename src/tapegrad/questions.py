"""Questions about tensors as functions, and short forms of other functions that PyTorch has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import creation, dtypes
from ._typing import DTypeLike, Shape
from .errors import ArgumentError, ShapeError
from .ops.cast import as_operand
from .ops.choose import where as choose
from .ops.inplace import inplace
from .ops.reduce import sum as sum_over
from .ops.shape import reshape, sizes, split
from .sampling import bernoulli, multinomial  # noqa: F401  bound as methods
from .tensor import Tensor
from .tensor import wrap as wrapped

__all__ = [
    "broadcast_shapes", "fill", "is_floating_point", "is_nonzero", "is_signed", "is_tensor", "scalar_tensor",
    "split_with_sizes",
]  # fmt: skip
METHODS = [
    "bernoulli", "byte", "char", "fill_diagonal_", "is_nonzero", "is_signed", "multinomial", "ndimension", "nelement",
    "new", "reshape_as", "split_with_sizes", "sum_to_size", "where",
]  # fmt: skip


def is_tensor(obj: Any) -> bool:
    """Whether something is a tensor.

    Args:
        obj: anything.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_tensor(tg.ones(1)), tg.is_tensor(1.0)
        (True, False)
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one; complex is not.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_floating_point(tg.ones(1)), tg.is_floating_point(tg.tensor(1))
        (True, False)
    """
    return bool(dtypes.category(input.dtype) == 2)


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_signed(tg.tensor(1)), tg.is_signed(tg.tensor(1, dtype=tg.uint8))
        (True, False)
    """
    return input.dtype.kind not in "bu"


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero.

    Args:
        input: tensor with one element.

    Raises:
        ArgumentError: if there is not exactly one.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_nonzero(tg.tensor([0.0]))
        False
    """
    return bool(input)


def broadcast_shapes(*shapes: int | Sequence[int]) -> Shape:
    """The shape that tensors of some shapes have together.

    Args:
        shapes: shapes; an int is that of a vector.

    Raises:
        ShapeError: if they do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.broadcast_shapes((2, 1), (3,), 3)
        (2, 3)
    """
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return np.broadcast_shapes(*given)
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes: {' and '.join(map(str, given))} do not broadcast"
        ) from None


def scalar_tensor(
    s: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of a number, in the default dtype where none is given.

    Args:
        s: number.
        dtype, device, requires_grad: as for `tensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.scalar_tensor(3)
        tensor(3.)
    """
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    return creation.tensor(s, dtype=kind, device=device, requires_grad=requires_grad)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like another one, full of one value; the gradient is the sum for a 0-d tensor as value.

    Args:
        input: tensor whose shape, dtype and device are taken.
        value: number or 0-d tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.fill(tg.zeros(2), 3)
        tensor([3., 3.])
    """
    input = as_operand(input, "fill")
    if isinstance(value, Tensor):
        if value.ndim:
            raise ArgumentError(f"fill: value must be a number or a 0-d tensor, got {value.shape}")
        value = value.to(input)
    everywhere = wrapped(np.ones_like(input.array, dtype=bool))
    return choose(everywhere, value, input)  # type: ignore[no-any-return]


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into pieces of given sizes; see `split`.

    Args:
        input: tensor.
        split_sizes: sizes along the dimension; their sum must be its size.
        dim: the dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.split_with_sizes(tg.arange(3), [1, 2])
        (tensor([0]), tensor([1, 2]))
    """
    return split(input, list(split_sizes), dim)


# -- methods only ------------------------------------------------------------------------------------


def ndimension(self: Tensor) -> int:
    """Number of dimensions."""
    return self.ndim


def nelement(self: Tensor) -> int:
    """Number of elements."""
    return int(self.array.size)


def byte(self: Tensor) -> Tensor:
    """Convert to uint8."""
    return self.to(dtypes.uint8)  # type: ignore[no-any-return]


def char(self: Tensor) -> Tensor:
    """Convert to int8."""
    return self.to(dtypes.int8)  # type: ignore[no-any-return]


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """`Tensor(...)` with this tensor's dtype and device: sizes, or data."""
    place = self.device if device is None else device
    return creation.legacy_tensor(Tensor, *args, dtype=self.dtype, device=place)


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Reshape to another tensor's shape."""
    return reshape(self, other.shape)


def where(self: Tensor, condition: Any, other: Any) -> Tensor:
    """The elements where a condition holds, those of `other` elsewhere; see `tapegrad.where`."""
    return choose(condition, self, other)  # type: ignore[no-any-return]


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Sum over what broadcasting from `size` has repeated; the inverse of `expand` for gradients.

    Args:
        size: sizes that broadcast to the shape.

    Raises:
        ShapeError: if they do not.
    """
    shape = sizes("sum_to_size", size)
    more = self.ndim - len(shape)
    if more < 0 or any(a not in (1, b) for a, b in zip(shape, self.shape[more:], strict=True)):
        raise ShapeError(f"sum_to_size: {shape} does not broadcast to {self.shape}")
    kept = [d for d in range(more, self.ndim) if shape[d - more] != self.shape[d]]
    dims = (*range(more), *kept)
    return reshape(sum_over(self, dims, True), shape) if dims else self


def fill_diagonal(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """One value on the diagonal; with `wrap` it begins again below the square of a tall matrix."""
    if input.ndim < 2:
        raise ShapeError(f"fill_diagonal_: needs two dimensions at least, got {input.shape}")
    if input.ndim > 2 and len(set(input.shape)) != 1:
        raise ShapeError(f"fill_diagonal_: all sizes must be equal, got {input.shape}")
    on = np.zeros_like(input.array, shape=(input.array.size,), dtype=bool)
    rows, columns = input.shape[-2:]
    step = 1 + sum(int(n) for n in np.cumprod(input.shape[:0:-1]))
    end = columns * columns if input.ndim == 2 and rows > columns and not wrap else on.size
    on[:end:step] = True
    return input.masked_fill(wrapped(on.reshape(input.shape)), fill_value)  # type: ignore[no-any-return]


fill_diagonal_ = inplace(fill_diagonal)
