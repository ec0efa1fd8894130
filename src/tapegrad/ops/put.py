"""Writing by index into a copy: whole slices, single positions, masks.

All of these copy the input, write there, and have one pair of adjoints: `g` with zeros where was
written for the input, what `g` holds there for the values. With repeated positions it is left open
which value stays; each of them gets the gradient of the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from ..batching import widened
from ..device import apart, backend_of
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record2
from ..tensor import Tensor, raw
from .cast import NUMBERS, as_operand, cast, different_devices
from .gather import (
    broadcast_with_mask,
    from_front,
    grid,
    index_operand,
    mask_operand,
    slices,
    slices_along,
    strides_of,
    zero_at,
)
from .index import getitem, index_arrays, read, refused_index, stages_of
from .output import into
from .shape import reshape

__all__ = ["index_add", "index_copy", "index_fill", "index_put", "masked_scatter", "put"]
METHODS = __all__
INPLACE = __all__


def values_operand(op: str, input: Tensor, values: Any, argument: str) -> Tensor:
    """A tensor of the input's dtype on the input's device."""
    values = as_operand(values, op, argument)
    if apart(values.array, input.array):
        raise different_devices(op, input, values)
    if values.dtype != input.dtype:
        raise DtypeError(
            f"{op}: {argument} must have the dtype of input, {input.dtype}, got {values.dtype}; use "
            f"{argument}.to(input.dtype)"
        )
    return values


def number_operand(op: str, input: Tensor, value: Any, argument: str) -> Any:
    """A Python number as the input's dtype holds it: a float given to integers is cut off."""
    number: Any = value.item() if isinstance(value, np.generic) else value
    kind = input.array.dtype.kind
    if not isinstance(number, NUMBERS) or (kind != "c" and isinstance(number, complex)):
        raise DtypeError(
            f"{op}: {argument} must be a real number for an input of {input.dtype}, got "
            f"{type(value).__name__}"
        )
    if kind == "b":
        return bool(number)
    if kind not in "iu":
        return number
    limits: Any = np.iinfo(input.array.dtype)
    lowest = -limits.max if kind == "u" else limits.min  # a negative one wraps, as in PyTorch
    if not lowest <= number <= limits.max:
        raise ArgumentError(f"{op}: {argument} {number} does not fit into {input.dtype}")
    whole: Any = number
    return int(whole) % (limits.max + 1) if kind == "u" else int(whole)


def index_add(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add slices to those that an index names; one may be named several times.

    Value for dim 0: `out[index[i]] += alpha * source[i]`. Adjoint: `g` for `input`,
    `alpha * g[index]` for `source`.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor, 1-d or 0-d; positions count from 0.
        source: tensor of the input's dtype and shape, except that its size in `dim` is that of the
            index.
        alpha: factor of `source`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.index_add(tg.zeros(3), 0, tg.tensor([0, 2, 2]), tg.tensor([1.0, 2.0, 3.0]))
        tensor([1., 0., 5.])
    """
    if out is not None:
        return into(out, index_add, input, dim, index, source, alpha=alpha)
    input = as_operand(input, "index_add")
    source = values_operand("index_add", input, source, "source")
    if not input.ndim and not source.ndim:
        one = index_add(reshape(input, 1), dim, index, reshape(source, 1), alpha=alpha)
        return reshape(one, ())
    d, i = slices_along("index_add", input, dim, index, "qi")
    check_source("index_add", input, d, i, source)
    alpha = number_operand("index_add", input, alpha, "alpha")
    x, v = input.array, source.array
    if alpha != 1:
        v = (v & alpha) if v.dtype.kind == "b" else v * alpha
    at = positions_of_slices(x, d, i)
    result = kernels.combine_at(widened(x, at, v), at.reshape(-1), v.reshape(-1), np.add)
    rules = _index_add_vjp_input, _index_add_vjp_source
    return record2(result, rules, input, source, (i, d, alpha))


def _index_add_vjp_input(g, index, dim, alpha):
    return g


def _index_add_vjp_source(g, index, dim, alpha):
    g = g[slices(dim, index)]
    return g if alpha == 1 else g * alpha


def check_source(op: str, input: Tensor, dim: int, index: Any, source: Tensor) -> None:
    """Refuse slices whose number is not that of the positions, or whose other sizes differ."""
    shape = input.shape
    wanted = (*shape[:dim], index.size, *shape[dim + 1 :]) if shape else ()
    if source.shape != wanted:
        raise ShapeError(
            f"{op}: source must have shape {wanted} for an input of shape {shape} and {index.size} "
            f"positions in dim {dim}, got {source.shape}"
        )


def positions_of_slices(x: Any, dim: int, index: Any) -> Any:
    """Positions in the flattened array of the elements of slices, in the shape of the slices."""
    shape = x.shape
    strides = strides_of(shape)
    others = (*shape[:dim], 1, *shape[dim + 1 :])
    steps = (index.astype(np.int64) * strides[dim]).reshape((-1,) + (1,) * (len(shape) - dim - 1))
    return steps + grid(x, strides, others)


def index_copy(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """Replace the slices that an index names. Value for dim 0: `out[index[i]] = source[i]`.

    Adjoint: `g` with zeros at the index for `input`, `g[index]` for `source`.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 tensor, 1-d or 0-d; positions count from 0. One of the slices with equal
            positions stays, it is not said which.
        source: tensor of the input's dtype and shape, except that its size in `dim` is that of the
            index.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.index_copy(tg.zeros(3), 0, tg.tensor([0, 2]), tg.tensor([1.0, 2.0]))
        tensor([1., 0., 2.])
    """
    if out is not None:
        return into(out, index_copy, input, dim, index, source)
    input = as_operand(input, "index_copy")
    source = values_operand("index_copy", input, source, "source")
    if not input.ndim and source.array.size == 1:
        return reshape(index_copy(reshape(input, 1), dim, index, reshape(source, 1)), ())
    d, i = slices_along("index_copy", input, dim, index, "q")
    check_source("index_copy", input, d, i, source)
    result = widened(input.array, i, source.array).copy()
    result[slices(d, i)] = source.array
    return record2(result, (_index_copy_vjp_input, _index_copy_vjp_source), input, source, (i, d))


def _index_copy_vjp_input(g, index, dim):
    return kernels.index_zero(g, (slices(dim, index),))


def _index_copy_vjp_source(g, index, dim):
    return g[slices(dim, index)]


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Fill the slices that an index names. Value for dim 0: `out[index[i]] = value`.

    Adjoint: `g` with zeros at the index for `input`, the sum of `g` over the filled slices for
    `value`.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 tensor, 1-d or 0-d; negative positions count from the end.
        value: number or 0-d tensor; it is converted to the input's dtype.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index of another dtype.
        ShapeError: for an index with more dimensions, or a value with any.

    Example:
        >>> import tapegrad as tg
        >>> tg.index_fill(tg.zeros(3), 0, tg.tensor([0, -1]), 5)
        tensor([5., 0., 5.])
    """
    input = as_operand(input, "index_fill")
    if not input.ndim:
        return reshape(index_fill(reshape(input, 1), dim, index, value), ())
    d, i = slices_along("index_fill", input, dim, index, "q", negative=True)
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                f"index_fill: value must be a number or a 0-d tensor, got shape {value.shape}"
            )
        if apart(value.array, input.array):
            raise different_devices("index_fill", input, value)
        value = cast(value, input.dtype)
        v = value.array
    else:
        v = number_operand("index_fill", input, value, "value")
    out = widened(input.array, i, v).copy()
    out[slices(d, i)] = v
    return record2(out, (_index_fill_vjp_input, _index_fill_vjp_value), input, value, (i, d))


def _index_fill_vjp_input(g, index, dim):
    return kernels.index_zero(g, (slices(dim, index),))


def _index_fill_vjp_value(g, index, dim):
    named = np.zeros_like(raw(g), dtype=bool)
    named[slices(dim, index)] = True
    return kernels.masked(g, named)  # summed by the engine


def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Write, or add, at positions given by one index tensor for each of the first dimensions.

    Value: `out[indices] = values`, or `out[indices] += values` with repeated positions counted each
    time. Adjoint: `g` for `input` (with zeros at the indices unless `accumulate`), `g[indices]` for
    `values`.

    Args:
        input: tensor.
        indices: tuple or list of integer or bool tensors that broadcast against each other; negative
            positions count from the end.
        values: tensor of the input's dtype whose shape broadcasts to that of `input[indices]`.
        accumulate: add instead of replacing.

    Raises:
        DimensionError: for a position outside its dimension, or too many indices.
        DtypeError: for an index of floats, or values of another dtype.
        ShapeError: if the values do not fit.

    Example:
        >>> import tapegrad as tg
        >>> rows, columns = tg.tensor([0, 1, 1]), tg.tensor([1, 0, 0])
        >>> tg.index_put(tg.zeros(2, 2), (rows, columns), tg.ones(3), accumulate=True)
        tensor([[0., 1.],
                [2., 0.]])
    """
    input = as_operand(input, "index_put")
    if not isinstance(indices, (tuple, list)) or not indices:
        raise ArgumentError(
            "index_put: indices must be a tuple of at least one tensor, got "
            + ("none" if isinstance(indices, (tuple, list)) else type(indices).__name__)
        )
    for k, index in enumerate(indices):
        i = as_operand(index, "index_put", f"indices[{k}]")
        if i.dtype not in (np.int64, np.int32, np.bool_):
            raise DtypeError(
                f"index_put: indices[{k}] must be an int64, int32 or bool tensor, got {i.dtype}"
            )
        if apart(i.array, input.array):
            raise different_devices("index_put", input, i)
    values = values_operand("index_put", input, values, "values")
    x, v = input.array, values.array
    stages, _ = stages_of(tuple(indices), x)
    x = widened(x, v, *index_arrays(stages))
    try:
        there = read(x, stages)
    except IndexError as error:
        raise refused_index(error, x) from None
    try:
        v = widened(np.broadcast_to(v, there.shape), x)
    except ValueError:
        raise ShapeError(
            f"index_put: values of shape {v.shape} do not broadcast to {there.shape}, the shape of "
            "input[indices]"
        ) from None
    if accumulate:
        out = x + kernels.index_add(v, stages, x.shape, True)
    else:
        out = x.copy()
        place = read(out, stages[:-1])
        place[stages[-1]] = v
    rules = _index_put_vjp_input, _index_put_vjp_values
    saved = (stages, accumulate, *index_arrays(stages))
    return record2(out, rules, input, values, saved)


def _index_put_vjp_input(g, stages, accumulate, *indices):
    return g if accumulate else kernels.index_zero(g, stages)


def _index_put_vjp_values(g, stages, accumulate, *indices):
    return read(g, stages)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Write, or add, at positions of the flattened tensor.

    Value: `out.ravel()[index] = source`, or `+=` with repeated positions counted each time. Adjoint:
    `g` for `input` (with zeros at the index unless `accumulate`), `g.ravel()[index]` for `source`.

    Args:
        input: tensor of any shape.
        index: int64 tensor of any shape; negative positions count from the end.
        source: tensor of the input's dtype with as many elements as the index.
        accumulate: add instead of replacing.

    Raises:
        DimensionError: for a position outside the tensor.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the numbers of elements differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.put(tg.zeros(2, 2), tg.tensor([0, -1]), tg.tensor([1.0, 2.0]))
        tensor([[1., 0.],
                [0., 2.]])
    """
    input = as_operand(input, "put")
    source = values_operand("put", input, source, "source")
    i = index_operand("put", input, index, "q")
    x, v = input.array, source.array
    if i.size != v.size:
        raise ShapeError(
            f"put: source and index must have the same number of elements, got {v.size} (shape "
            f"{v.shape}) and {i.size} (shape {i.shape})"
        )
    at = from_front("put", i.reshape(-1), x.size)
    out = written_at(x, at, v.reshape(-1), accumulate)
    rules = _put_vjp_input, _put_vjp_source
    return record2(out, rules, input, source, (at, accumulate, v.shape))


def _put_vjp_input(g, at, accumulate, shape):
    return g if accumulate else zero_at(g, at)


def _put_vjp_source(g, at, accumulate, shape):
    return g.reshape(-1)[at].reshape(shape)


def written_at(x: Any, at: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy of an array with values written, or added, at positions of the flattened array."""
    if accumulate:
        return kernels.combine_at(widened(x, at, values), at, values, np.add)
    out = widened(x, at, values).copy()
    out.reshape(-1)[at] = values
    return out


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Replace the elements where a mask is true, in row order, by the first ones of `source`.

    Adjoint: `g` with zeros where the mask is true for `input`; for `source`, the elements of `g` there,
    followed by zeros.

    Args:
        input: tensor.
        mask: bool tensor; both shapes broadcast.
        source: tensor of the input's dtype with at least as many elements as the mask has true ones.

    Raises:
        DtypeError: if the mask is not bool, or the source of another dtype.
        ShapeError: if the source has too few elements, or the shapes do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0, -3.0])
        >>> tg.masked_scatter(x, x < 0, tg.tensor([7.0, 8.0, 9.0]))
        tensor([1., 7., 8.])
    """
    input = as_operand(input, "masked_scatter")
    source = values_operand("masked_scatter", input, source, "source")
    mask = mask_operand("masked_scatter", input, mask)
    input, m = broadcast_with_mask("masked_scatter", input, mask)
    x = input.array
    n = int(backend_of(m).to_host(np.add.reduce(m, axis=None, dtype=np.int64)))
    if source.array.size < n:
        raise ShapeError(
            f"masked_scatter: source has {source.array.size} elements (shape {source.shape}), mask has "
            f"{n} true ones"
        )
    source = getitem(reshape(source, -1), slice(n))
    out = widened(x, source.array).copy()
    out[m] = source.array
    rules = _masked_scatter_vjp_input, _masked_scatter_vjp_source
    return record2(out, rules, input, source, (m,))


def _masked_scatter_vjp_input(g, mask):
    return kernels.masked(g, ~mask)


def _masked_scatter_vjp_source(g, mask):
    return g[mask]
