"""Reading by index: along a dimension, from the flattened tensor, by mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._typing import Shape
from ..batching import widened
from ..device import apart, backend_of, every_value
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, wrap
from .cast import as_operand, different_devices, refused
from .index import getitem
from .output import into
from .shape import expand, normal_dim, reshape
from .words import implements

__all__ = ["argwhere", "gather", "index_select", "masked_select", "nonzero", "take"]
METHODS = __all__


def index_operand(op: str, input: Tensor, index: Any, dtypes: str) -> Any:
    """The array of an index tensor, refused unless it has one of the dtypes and the input's device.

    Args:
        op: name for errors.
        input: what is indexed.
        index: integer tensor.
        dtypes: those allowed, `"q"` for int64, `"qi"` for int64 and int32.
    """
    index = as_operand(index, op, "index")
    i = index.array
    if apart(i, input.array):
        raise different_devices(op, input, index)
    if i.dtype != np.int64 and not ("i" in dtypes and i.dtype == np.int32):
        wanted = "int64 or int32" if "i" in dtypes else "int64"
        raise DtypeError(f"{op}: index must be an {wanted} tensor, got {i.dtype}; use index.long()")
    return i


def check_range(op: str, index: Any, n: int) -> None:
    """Refuse positions outside 0..n-1; on a device this waits for the answer."""
    if not index.size:
        return
    # seen as unsigned, a negative position is larger than any: one pass for both ends
    unsigned = index.view(f"u{index.itemsize}")
    largest = unsigned.max()
    if every_value(largest >= n).any():
        found = every_value(index)
        wrong = found[(found < 0) | (found >= n)].ravel()[0]
        raise DimensionError(f"{op}: index must lie between 0 and {n - 1}, got {wrong}")


def from_front(op: str, index: Any, n: int) -> Any:
    """Positions with the negative ones counted from the end; outside -n..n-1 they are refused."""
    counted = np.where(index < 0, index + n, index)
    try:
        check_range(op, counted, n)
    except DimensionError:
        found = every_value(index)
        wrong = found[(found < -n) | (found >= n)].ravel()[0]
        raise DimensionError(
            f"{op}: index must lie between {-n} and {n - 1}, got {wrong}"
        ) from None
    return counted


def grid(like: Any, strides: Shape, sizes: Shape) -> Any:
    """Positions in a flattened array of the elements below `sizes`, in the shape of `sizes`.

    Args:
        like: array whose device is wanted.
        strides: of the flattened array, in elements.
        sizes: how far to go in each dimension.
    """
    arange = backend_of(like).namespace.arange
    ndim = len(sizes)
    at = arange(1).reshape((1,) * ndim)
    for i, (n, stride) in enumerate(zip(sizes, strides, strict=True)):
        if n != 1:
            at = at + (arange(n) * stride).reshape((n,) + (1,) * (ndim - i - 1))
    return at


def strides_of(shape: Shape) -> Shape:
    """Elements from one index to the next, in every dimension of a flattened array."""
    strides = [1]
    for n in reversed(shape[1:]):
        strides.append(strides[-1] * n)
    return tuple(reversed(strides))[: len(shape)]


def positions_along(op: str, input: Tensor, dim: int, index: Any) -> Any:
    """Positions in the flattened input that an index of `gather` names, in the index's shape."""
    x = input.array
    i = index_operand(op, input, index, "qi")
    d = normal_dim(op, dim, x.ndim)
    if not i.size:
        return i.astype(np.int64)
    shape, sizes = x.shape or (1,), i.shape or (1,)
    if len(shape) != len(sizes):
        raise ShapeError(
            f"{op}: index must have as many dimensions as input, got shapes {i.shape} and {x.shape}"
        )
    for k, (n, m) in enumerate(zip(shape, sizes, strict=True)):
        if k != d and m > n:
            raise ShapeError(
                f"{op}: index of shape {i.shape} is larger than input of shape {x.shape} in dim {k}; "
                f"only dim {d} may be larger"
            )
    check_range(op, i, shape[d])
    strides = strides_of(shape)
    at = i.reshape(sizes).astype(np.int64) * strides[d]
    others = (*sizes[:d], 1, *sizes[d + 1 :])
    return (at + grid(x, strides, others)).reshape(i.shape)


def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Tensor:
    """Pick along a dimension by an index for each element: `out[i, j] = input[index[i, j], j]` for dim 0.

    Adjoint: zeros of the input's shape with `g` added at the index.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor with as many dimensions as `input` and, except in `dim`, no
            larger; positions count from 0.
        sparse_grad: must be False; gradients are dense.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        A tensor of the index's shape.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index of another dtype.
        ShapeError: for an index of another number of dimensions, or too large.

    Example:
        >>> import tapegrad as tg
        >>> tg.gather(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, tg.tensor([[0, 0], [1, 0]]))
        tensor([[1., 1.],
                [4., 3.]])
    """
    if out is not None:
        return into(out, gather, input, dim, index, sparse_grad=sparse_grad)
    if sparse_grad:
        raise ArgumentError("gather: sparse_grad must be False; gradients are dense")
    input = as_operand(input, "gather")
    at = positions_along("gather", input, dim, index)
    x = input.array
    return record1(widened(x, at).reshape(-1)[at], _gather_vjp, input, (at, x.shape))


def _gather_vjp(g, at, shape):
    return add_at(g, at, shape)


def add_at(g: Any, at: Any, shape: Shape, repeats: bool = True) -> Any:
    """Zeros with values added at positions of the flattened result, which may repeat or not."""
    stages = ((at.reshape(-1),),)
    return kernels.index_add(g.reshape(-1), stages, (math.prod(shape),), repeats).reshape(shape)


def zero_at(g: Any, at: Any) -> Any:
    """A copy with zeros at positions of the flattened array."""
    return kernels.index_zero(g.reshape(-1), ((at,),)).reshape(g.shape)


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Pick whole slices along a dimension: `out[:, j] = input[:, index[j]]` for dim 1.

    Adjoint: zeros of the input's shape with the slices of `g` added at the index.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor, 1-d or 0-d; positions count from 0.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index of another dtype.
        ShapeError: for an index with more dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.index_select(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, tg.tensor([1, 1]))
        tensor([[2., 2.],
                [4., 4.]])
    """
    if out is not None:
        return into(out, index_select, input, dim, index)
    input = as_operand(input, "index_select")
    if not input.ndim:
        if as_operand(index, "index_select", "index").array.size != 1:
            raise ShapeError(
                "index_select: index must have one position for a 0-d input, got shape "
                f"{index.shape}"
            )
        return reshape(index_select(reshape(input, 1), dim, index), ())
    d, i = slices_along("index_select", input, dim, index, "qi")
    x = input.array
    return record1(widened(x, i)[slices(d, i)], _index_select_vjp, input, (i, d, x.shape))


def _index_select_vjp(g, index, dim, shape):
    return kernels.index_add(g, (slices(dim, index),), shape, True)


def slices_along(
    op: str, input: Tensor, dim: int, index: Any, dtypes: str, negative: bool = False
) -> tuple[int, Any]:
    """The dimension and the checked 1-d index of an operation on whole slices."""
    d = normal_dim(op, dim, input.ndim)
    i = index_operand(op, input, index, dtypes)
    if i.ndim > 1:
        raise ShapeError(f"{op}: index must be 1-d or 0-d, got shape {i.shape}")
    n = (input.shape or (1,))[d]
    i = i.reshape(-1)
    if negative:
        return d, from_front(op, i, n)
    check_range(op, i, n)
    return d, i


def slices(dim: int, index: Any) -> tuple[Any, ...]:
    """The index of whole slices along a dimension."""
    return (*(slice(None),) * dim, index)


def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Pick elements of the flattened tensor: `out[i] = input.ravel()[index[i]]`.

    Adjoint: zeros of the input's shape with `g` added at the index.

    Args:
        input: tensor of any shape.
        index: int64 tensor of any shape; negative positions count from the end.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        A tensor of the index's shape.

    Raises:
        DimensionError: for a position outside the tensor.
        DtypeError: for an index of another dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.take(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([0, -1]))
        tensor([1., 4.])
    """
    if out is not None:
        return into(out, take, input, index)
    input = as_operand(input, "take")
    x = input.array
    at = from_front("take", index_operand("take", input, index, "q"), x.size)
    return record1(widened(x, at).reshape(-1)[at], _take_vjp, input, (at, x.shape))


def _take_vjp(g, at, shape):
    return add_at(g, at, shape)


@implements(np.take)
def _take_words(a: Any, indices: Any, axis: int | None = None, *rest: Any, **options: Any) -> Any:
    if rest or options:
        raise DtypeError("np.take with out or mode is not recorded for tensors; use tapegrad.take")
    if axis is None:
        return getitem(reshape(a, -1), indices)
    return getitem(a, slices(normal_dim("take", axis, a.ndim), indices))


def mask_operand(op: str, input: Tensor, mask: Any) -> Tensor:
    """A bool tensor on the input's device."""
    mask = as_operand(mask, op, "mask")
    if apart(mask.array, input.array):
        raise different_devices(op, input, mask)
    if mask.array.dtype.kind != "b":
        raise DtypeError(f"{op}: mask must be a bool tensor, got {mask.dtype}; use e.g. mask != 0")
    return mask


def broadcast_with_mask(op: str, input: Tensor, mask: Tensor) -> tuple[Tensor, Any]:
    """The input and the array of its mask, both in their common shape."""
    try:
        shape = np.broadcast_shapes(input.shape, mask.shape)
    except ValueError as error:
        raise refused(op, error, input, mask) from None
    if input.shape != shape:
        input = expand(input, shape)
    m = mask.array
    return input, m if m.shape == shape else np.broadcast_to(m, shape)


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where a mask is true, in row order, as a 1-d tensor.

    Adjoint: zeros with `g` where the mask is true.

    Args:
        input: tensor.
        mask: bool tensor; both shapes broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: if the mask is not bool.
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0, 3.0])
        >>> tg.masked_select(x, x > 0)
        tensor([1., 3.])
    """
    if out is not None:
        return into(out, masked_select, input, mask)
    input = as_operand(input, "masked_select")
    mask = mask_operand("masked_select", input, mask)
    input, m = broadcast_with_mask("masked_select", input, mask)
    x = input.array
    return record1(x[m], _masked_select_vjp, input, (m, x.shape))


def _masked_select_vjp(g, mask, shape):
    return kernels.index_add(g, ((mask,),), shape, False)


def nonzero(input: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """Positions of the elements that are not zero, in row order. NaN is not zero.

    Args:
        input: tensor.
        as_tuple: return one index tensor for each dimension, as `where(input)` does, instead of the
            table.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        An int64 tensor with a row for each such element and a column for each dimension; or the
        tuple of its columns (for a 0-d tensor that of the same tensor with one dimension).

    Example:
        >>> import tapegrad as tg
        >>> tg.nonzero(tg.tensor([[0, 1], [2, 0]]))
        tensor([[0, 1],
                [1, 0]])
        >>> tg.nonzero(tg.tensor([0, 1, 2]), as_tuple=True)
        (tensor([1, 2]),)
    """
    if out is not None:
        return into(out, nonzero, input, as_tuple=as_tuple)
    input = as_operand(input, "nonzero")
    x = input.array
    found = np.nonzero(x if x.ndim else x.reshape(1))
    if as_tuple:
        return tuple(wrap(positions) for positions in found)
    if not x.ndim:
        return wrap(np.zeros_like(found[0], shape=(found[0].size, 0)))
    return wrap(np.stack(found, axis=1))


def argwhere(input: Tensor) -> Tensor:
    """Positions of the elements that are not zero; the same as `nonzero(input)`.

    Args:
        input: tensor.

    Returns:
        An int64 tensor with a row for each such element and a column for each dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.argwhere(tg.tensor([0.0, 3.0, 4.0]))
        tensor([[1],
                [2]])
    """
    return nonzero(input)


@implements(np.nonzero)
def _nonzero_words(a: Tensor) -> Any:
    return nonzero(a, as_tuple=True)


implements(np.argwhere)(argwhere)
