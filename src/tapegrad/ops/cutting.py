"""Pieces of a tensor: cut out, cut apart, or seen through other strides. All are views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .. import kernels
from ..device import as_array, backend_of, owner, wrapping
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import join_family, record, record1, record_view
from ..tensor import Tensor, raw, to_host
from .cast import as_operand
from .index import getitem
from .shape import normal_dim, sizes, split
from .words import implements

__all__ = [
    "as_strided", "dsplit", "hsplit", "narrow", "select", "tensor_split", "unbind", "vsplit",
]  # fmt: skip
METHODS = [*__all__, "unfold"]


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """Elements `start` to `start + length - 1` along a dimension; a view.

    Adjoint: zeros of the input's shape with `g` at their place.

    Args:
        input: tensor with at least one dimension.
        dim: the dimension.
        start: first element, an int or a 0-d integer tensor; counted from the end if negative.
        length: number of elements.

    Raises:
        DimensionError: if `start` is out of range.
        ShapeError: if there are fewer elements than `length`.

    Example:
        >>> import tapegrad as tg
        >>> tg.narrow(tg.tensor([1, 2, 3, 4]), 0, 1, 2)
        tensor([2, 3])
    """
    input = as_operand(input, "narrow")
    if not input.ndim:
        raise ShapeError("narrow: a 0-d tensor cannot be narrowed")
    d = normal_dim("narrow", dim, input.ndim)
    if isinstance(start, Tensor) and (start.ndim or start.dtype.kind not in "iu"):
        raise ArgumentError(
            f"narrow: start must be an int or a 0-d integer tensor, got {start.dtype} of shape "
            f"{start.shape}"
        )
    first, length = sizes("narrow", (start, length))
    n = input.shape[d]
    if not -n <= first <= n:
        raise DimensionError(f"narrow: start must be between {-n} and {n}, got {first}")
    first = first + n if first < 0 else first
    if length < 0 or first + length > n:
        raise ShapeError(
            f"narrow: length must be between 0 and {n - first} (dim {d} has {n} elements, start is "
            f"{first}), got {length}"
        )
    return getitem(input, (*(slice(None),) * d, slice(first, first + length)))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at one index along a dimension; a view without that dimension.

    Adjoint: zeros of the input's shape with `g` at its place.

    Args:
        input: tensor with at least one dimension.
        dim: the dimension.
        index: which slice, counted from the end if negative.

    Raises:
        DimensionError: if the dimension or the index does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.select(tg.tensor([[1, 2], [3, 4]]), 1, 0)
        tensor([1, 3])
    """
    input = as_operand(input, "select")
    if not input.ndim:
        raise DimensionError("select: a 0-d tensor has no dimension to select from")
    d = normal_dim("select", dim, input.ndim)
    (i,) = sizes("select", (index,))
    n = input.shape[d]
    if not -n <= i < n:
        raise DimensionError(f"select: index must be between {-n} and {n - 1}, got {i}")
    return getitem(input, (*(slice(None),) * d, i))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All slices along a dimension, without it; views.

    Adjoint: the slices' gradients stacked, zero for a slice that was not used.

    Args:
        input: tensor with at least one dimension.
        dim: the dimension.

    Raises:
        DimensionError: if the dimension does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.unbind(tg.tensor([[1, 2], [3, 4]]))
        (tensor([1, 2]), tensor([3, 4]))
    """
    input = as_operand(input, "unbind")
    if not input.ndim:
        raise DimensionError("unbind: a 0-d tensor has no dimension to take apart")
    d = normal_dim("unbind", dim, input.ndim)
    before = (slice(None),) * d
    pieces = tuple(input.array[(*before, i, ...)] for i in range(input.shape[d]))
    if not pieces:
        return ()
    outs: tuple[Tensor, ...] = record(pieces, _unbind_vjp, (input,), (d,))
    for piece in outs:
        join_family(piece, input)
    return outs


def _unbind_vjp(gs, dim):
    zeros = np.zeros_like(raw(next(g for g in gs if g is not None)))
    return (np.stack([zeros if g is None else g for g in gs], axis=dim),)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along a dimension into so many pieces, or at indices; views.

    Args:
        input: tensor with at least one dimension.
        indices_or_sections: number of pieces, whose sizes differ by one at most; or where to cut.
            An int64 tensor on the CPU stands for either.
        dim: the dimension to cut.

    Raises:
        ArgumentError: if the number of pieces is not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor_split(tg.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
        >>> tg.tensor_split(tg.arange(5), (1, 3))
        (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    return _split_apart("tensor_split", input, indices_or_sections, dim)


def _split_apart(op: str, input: Any, where: Any, dim: int) -> tuple[Tensor, ...]:
    input = as_operand(input, op)
    if not input.ndim:
        raise ShapeError(f"{op}: a 0-d tensor cannot be cut")
    d = normal_dim(op, dim, input.ndim)
    n = input.shape[d]
    if isinstance(where, Tensor):
        if where.ndim > 1 or where.dtype != np.int64 or not isinstance(where.array, np.ndarray):
            raise DtypeError(
                f"{op}: indices_or_sections must be an int64 tensor with at most one dimension on "
                f"the CPU, got {where.dtype} of shape {where.shape} on {where.device}"
            )
        where = to_host(where).tolist()
    if isinstance(where, (tuple, list)):
        starts, stops = [0, *sizes(op, (where,))], [*sizes(op, (where,)), n]
        ranges = [slice(a, b).indices(n)[:2] for a, b in zip(starts, stops, strict=True)]
        if any(b < a for a, b in ranges) or any(p[1] != q[0] for p, q in pairwise(ranges)):
            # not in order: the pieces overlap or leave gaps
            before = (slice(None),) * d
            return tuple(getitem(input, (*before, slice(a, b))) for a, b in ranges)
        return split(input, [b - a for a, b in ranges], d)
    (pieces,) = sizes(op, (where,))
    if pieces < 1:
        raise ArgumentError(f"{op}: the number of pieces must be positive, got {pieces}")
    return split(input, [n // pieces + (i < n % pieces) for i in range(pieces)], d)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut into columns: along dimension 1, or 0 for a vector; views.

    Args:
        input: tensor with at least one dimension.
        indices_or_sections: number of equal pieces, or where to cut.

    Raises:
        ShapeError: if the pieces would not be equal.

    Example:
        >>> import tapegrad as tg
        >>> tg.hsplit(tg.tensor([[1, 2]]), 2)
        (tensor([[1]]), tensor([[2]]))
    """
    return _split_evenly("hsplit", input, indices_or_sections, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut into rows: along dimension 0; views.

    Args:
        input: tensor with at least two dimensions.
        indices_or_sections: number of equal pieces, or where to cut.

    Raises:
        ShapeError: if the pieces would not be equal.

    Example:
        >>> import tapegrad as tg
        >>> tg.vsplit(tg.tensor([[1], [2]]), 2)
        (tensor([[1]]), tensor([[2]]))
    """
    return _split_evenly("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut in depth: along dimension 2; views.

    Args:
        input: tensor with at least three dimensions.
        indices_or_sections: number of equal pieces, or where to cut.

    Raises:
        ShapeError: if the pieces would not be equal.

    Example:
        >>> import tapegrad as tg
        >>> tg.dsplit(tg.tensor([[[1, 2]]]), 2)
        (tensor([[[1]]]), tensor([[[2]]]))
    """
    return _split_evenly("dsplit", input, indices_or_sections, 2, 3)


def _split_evenly(op: str, input: Any, where: Any, dim: int, least: int = 1) -> tuple[Tensor, ...]:
    input = as_operand(input, op)
    if input.ndim < least:
        raise ShapeError(f"{op}: input must be {least}-d at least, got shape {input.shape}")
    d = min(dim, input.ndim - 1)
    if not isinstance(where, (tuple, list)):
        (pieces,) = sizes(op, (where,))
        if pieces < 1 or input.shape[d] % pieces:
            raise ShapeError(
                f"{op}: dim {d} of size {input.shape[d]} cannot be cut into {pieces} equal pieces"
            )
    return _split_apart(op, input, where, d)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows along a dimension, in a new last dimension; a view.

    Value: `out[..., i, ..., k] = input[..., i * step + k, ...]`. Adjoint: windows of `g` added up
    where they overlap.

    Args:
        input: tensor.
        dimension: the dimension.
        size: of a window.
        step: from one window to the next.

    Raises:
        ArgumentError: for a negative size, or a step that is not positive.
        ShapeError: if a window is larger than the dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    input = as_operand(input, "unfold")
    x = input.array
    d = normal_dim("unfold", dimension, x.ndim)
    size, step = sizes("unfold", (size, step))
    n = x.shape[d] if x.ndim else 1
    if size < 0 or step < 1:
        raise ArgumentError(
            f"unfold: size must not be negative and step must be positive, got {size} and {step}"
        )
    if size > n:
        raise ShapeError(f"unfold: size must be {n} at most, the size of dim {d}, got {size}")
    if not x.ndim:
        return getitem(input, (None,))[:size]
    count = (n - size) // step + 1

    def windows(along: Sequence[int]) -> tuple[int, ...]:
        return (*along[:d], along[d] * step, *along[d + 1 :], along[d])

    if x.__class__ in wrapping:  # what one example looks at is no memory of its own
        return record1(kernels.unfold_along(x, d, size, step), _unfold_vjp, input, (d, n, step))
    shape = (*x.shape[:d], count, *x.shape[d + 1 :], size)
    storage = _storage(x)
    if storage is None:
        x = x.copy()
        storage = x.reshape(-1), 0
    out = _seen(*storage, x, shape, windows(_strides(x)))
    return record_view(out, _unfold_vjp, input, (d, n, step))


def _unfold_vjp(g, dim, n, step):
    return kernels.fold_along(g, dim, n, step)


kernels.unfold_along.register(Tensor)(unfold)


@kernels.fold_along.register(Tensor)
def fold_along(input, dim, n, step):
    """Add windows up along a dimension, see the kernel of this name."""
    size = input.shape[-1]
    out = kernels.fold_along(input.array, dim, n, step)
    return record1(out, _fold_along_vjp, input, (dim, size, step))


def _fold_along_vjp(g, dim, size, step):
    return kernels.unfold_along(g, dim, size, step)


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """See the tensor's memory through another shape and other strides; a view.

    Value: `out[i, j] = memory[storage_offset + i * stride[0] + j * stride[1]]`, where `memory` is
    that of the whole array which the input looks at. Adjoint: `g` added up at those places, read where
    the input lies.

    Args:
        input: tensor.
        size: the new shape.
        stride: per dimension, from one element to the next; counted in elements, not negative.
        storage_offset: first element; by default that of the input.

    Raises:
        ArgumentError: if sizes, strides or offset are negative, do not match, or leave the memory.

    Example:
        >>> import tapegrad as tg
        >>> tg.as_strided(tg.arange(4), (2, 3), (1, 1))
        tensor([[0, 1, 2],
                [1, 2, 3]])
    """
    input = as_operand(input, "as_strided")
    x = input.array
    shape, strides = sizes("as_strided", (size,)), sizes("as_strided", (stride,))
    if x.__class__ in wrapping:
        raise ArgumentError(
            "as_strided: inside vmap one example has no memory of its own; use unfold, reshape or an index"
        )
    storage = _storage(x)
    if storage is None:
        raise ArgumentError("as_strided: the memory has gaps; use contiguous() first")
    memory, start = storage
    (offset,) = (start,) if storage_offset is None else sizes("as_strided", (storage_offset,))
    if len(shape) != len(strides):
        raise ArgumentError(
            f"as_strided: size {shape} and stride {strides} must have the same length"
        )
    if min((*shape, *strides, offset)) < 0:
        raise ArgumentError(
            f"as_strided: size, stride and storage_offset must not be negative, got {shape}, "
            f"{strides} and {offset}"
        )
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if 0 in shape:
        offset, strides = 0, _row_order(shape)
    elif last >= memory.size:
        raise ArgumentError(
            f"as_strided: size {shape}, stride {strides} and storage_offset {offset} reach element "
            f"{last} of a memory of {memory.size}"
        )
    out = _seen(memory, offset, x, shape, strides)
    return record_view(
        out, _as_strided_vjp, input, (strides, offset, x.shape, _strides(x), start, memory.size)
    )


def _as_strided_vjp(g, strides, offset, shape, own_strides, start, size):
    flat = _added(g, strides, offset, size)
    if own_strides == _row_order(shape):
        return flat[start : start + _count(shape)].reshape(shape)
    places = _places(raw(g), shape, own_strides, start)
    if any(stride == 0 and n > 1 for n, stride in zip(shape, own_strides, strict=True)):
        # elements that share a place share its gradient
        shared = np.zeros_like(raw(g).real, shape=(size,))
        np.add.at(shared, places, np.ones_like(shared, shape=()))
        return flat[places] / shared[places]
    return flat[places]


def _count(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _row_order(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a shape whose elements lie in row order."""
    strides = [1]
    for n in shape[:0:-1]:
        strides.append(strides[-1] * n)
    return tuple(reversed(strides[: len(shape)]))


def _strides(x: Any) -> tuple[int, ...]:
    return tuple(stride // x.itemsize for stride in x.strides)


def _storage(x: Any) -> tuple[Any, int] | None:
    """The memory that an array looks at, 1-d, and where the array begins; None if it has gaps."""
    base = owner(x)
    if not base.flags.c_contiguous:
        base = base.transpose(sorted(range(base.ndim), key=lambda d: -base.strides[d]))
        if not base.flags.c_contiguous:
            return None
    memory = base.reshape(-1)
    if memory.dtype != x.dtype:
        if memory.nbytes % x.itemsize:
            return None
        memory = memory.view(x.dtype)
    return memory, (_address(x) - _address(memory)) // x.itemsize


def _address(x: Any) -> int:
    interface = getattr(x, "__array_interface__", None) or x.__cuda_array_interface__
    return int(interface["data"][0])


def _seen(memory: Any, offset: int, x: Any, shape: Any, strides: Any) -> Any:
    """A view of the memory, read-only if `x` is."""
    steps = tuple(stride * x.itemsize for stride in strides)
    if isinstance(memory, np.ndarray):
        # checks that it stays inside the memory, and knows its owner, unlike NumPy's `as_strided`
        out = np.ndarray(shape, x.dtype, memory, offset * x.itemsize, steps)
        if not x.flags.writeable:
            out.flags.writeable = False
        return out
    tricks = backend_of(memory).namespace.lib.stride_tricks
    return tricks.as_strided(memory[offset:], shape, steps)


def _places(like: Any, shape: Any, strides: Any, offset: int) -> Any:
    """Where in the memory each element of a view lies."""
    arange = backend_of(as_array(like)).namespace.arange
    places = arange(1).reshape((1,) * len(shape)) + offset
    for d, (n, stride) in enumerate(zip(shape, strides, strict=True)):
        places = places + (arange(n) * stride).reshape((-1,) + (1,) * (len(shape) - d - 1))
    return places


def _added(g, strides, offset, size):
    """A memory of so many zeros with `g` added where a view of it has its elements."""
    places = _places(raw(g), g.shape, strides, offset).reshape(-1)
    return kernels.index_add(g.reshape(-1), ((places,),), (size,), True)


@implements(np.array_split)
def _numpy_array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return list(tensor_split(ary, indices_or_sections, axis))


@implements(np.hsplit)
def _numpy_hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return list(hsplit(ary, indices_or_sections))


@implements(np.vsplit)
def _numpy_vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return list(vsplit(ary, indices_or_sections))


@implements(np.dsplit)
def _numpy_dsplit(ary: Any, indices_or_sections: Any) -> Any:
    return list(dsplit(ary, indices_or_sections))


@implements(np.split)
def _numpy_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    n, sections = ary.shape[axis], indices_or_sections
    if isinstance(sections, int) and (sections <= 0 or n % sections):
        raise ArgumentError(
            f"np.split: {sections} parts of {n} elements are not equal; use np.array_split"
        )
    return list(tensor_split(ary, sections, axis))
