"""Searching in sorted values, and finding the distinct ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from .._typing import TensorLike
from ..device import apart, as_array, every_value
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..tensor import Tensor, wrap
from .cast import NUMBERS, as_operand, different_devices
from .output import into
from .shape import normal_dim
from .sort import order_along, ordered
from .words import implements

__all__ = ["bucketize", "searchsorted", "unique", "unique_consecutive"]
METHODS = ["unique", "unique_consecutive"]


def searchsorted(
    sorted_sequence: Tensor,
    input: TensorLike,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where values would have to be inserted to keep sequences sorted; carries no gradient.

    Value: the `i` with `sequence[i - 1] < v <= sequence[i]`, or, on the right side,
    `sequence[i - 1] <= v < sequence[i]`.

    Args:
        sorted_sequence: (N,), or (..., N): sorted along the last dimension.
        input: values of any shape, or a number, for one sequence; (..., M) for several.
        out_int32: answer int32 instead of int64.
        right: insert after equal elements, not before.
        side: `"left"` or `"right"`, the same said in NumPy's way.
        sorter: int64 indices, of the sequence's shape, that sort a sequence which is not.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Indices from 0 to N, of the input's shape.

    Raises:
        ShapeError: if the leading sizes, or those of `sorter`, do not fit.
        ArgumentError: for another `side`, or one that contradicts `right`.
        DtypeError: for bool and complex tensors, or a sorter that is not int64.

    Example:
        >>> import tapegrad as tg
        >>> tg.searchsorted(tg.tensor([1.0, 3.0, 5.0]), tg.tensor([3.0, 4.0]))
        tensor([1, 2])
    """
    if out is not None:
        return into(
            out,
            searchsorted,
            sorted_sequence,
            input,
            out_int32=out_int32,
            right=right,
            side=side,
            sorter=sorter,
        )
    sequence = ordered("searchsorted", sorted_sequence)
    if side not in (None, "left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ArgumentError("searchsorted: side='left' contradicts right=True; give one of them")
    s = sequence.array
    v = _values("searchsorted", input, sequence)
    if not s.ndim:
        raise ShapeError("searchsorted: sorted_sequence must have a dimension, got a 0-d tensor")
    if s.ndim > 1 and s.shape[:-1] != v.shape[:-1]:
        raise ShapeError(
            f"searchsorted: input of shape {v.shape} does not fit sequences of shape {s.shape}: "
            "all sizes but the last must be equal"
        )
    if sorter is not None:
        s = np.take_along_axis(s, _sorter(sorter, sequence), -1)
    return _search(s, v, right or side == "right", out_int32)


def _search(s: Any, v: Any, right: bool, out_int32: bool) -> Tensor:
    side: Any = "right" if right else "left"
    out = np.searchsorted(s, v, side) if s.ndim == 1 else _bisect(s, v, side)
    return wrap(as_array(out.astype(dtypes.int32 if out_int32 else dtypes.int64)))


def _values(op: str, input: Any, sequence: Tensor) -> Any:
    """The array of values to search for; a number becomes a 0-d array on the sequence's device."""
    if isinstance(input, (*NUMBERS, np.generic)):
        if isinstance(input, (complex, np.complexfloating)):
            raise DtypeError(f"{op}: not defined for a complex number, got {input}")
        dtype = dtypes.result_of([], [sequence.dtype], [dtypes.default_for(input)])
        return np.full_like(sequence.array, input, dtype=dtype, shape=())
    values = ordered(op, input)
    if apart(values.array, sequence.array):
        raise different_devices(op, sequence, values)
    return values.array


def _sorter(sorter: Any, sequence: Tensor) -> Any:
    sorter = as_operand(sorter, "searchsorted", "sorter")
    i, n = sorter.array, sequence.shape[-1]
    if apart(i, sequence.array):
        raise different_devices("searchsorted", sequence, sorter)
    if i.dtype != dtypes.int64:
        raise DtypeError(f"searchsorted: sorter must be int64, got {i.dtype}")
    if i.shape != sequence.shape:
        raise ShapeError(
            f"searchsorted: sorter must have the sequence's shape {sequence.shape}, got {i.shape}"
        )
    if truth(np.any((i < 0) | (i >= n))):
        raise DimensionError(f"searchsorted: sorter has an index outside 0 to {n - 1}")
    return i


def truth(value: Any) -> bool:
    """A 0-d array's truth on the host; inside `vmap` whether it is true for any example."""
    return bool(every_value(value).any())


def _bisect(s: Any, v: Any, side: str) -> Any:
    """`np.searchsorted` for every row: all values bisect their rows at once, log2(N) times."""
    n = s.shape[-1]
    low = np.zeros_like(v, dtype=dtypes.int64)
    high = low + n
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        there = np.take_along_axis(s, np.minimum(middle, n - 1), -1)
        # negated, so that NaN comes after everything
        after = ~(there > v) if side == "right" else ~(there >= v)
        after &= low < high
        low, high = np.where(after, middle + 1, low), np.where(after, high, middle)
    return low


def bucketize(
    input: TensorLike,
    boundaries: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The bucket that each value falls into; carries no gradient.

    Value: the `i` with `boundaries[i - 1] < v <= boundaries[i]`, or, if `right`,
    `boundaries[i - 1] <= v < boundaries[i]`.

    Args:
        input: tensor of any shape, or a number.
        boundaries: (N,), sorted.
        out_int32: answer int32 instead of int64.
        right: which end of a bucket is open, see above.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Indices from 0 to N, of the input's shape.

    Raises:
        ShapeError: if `boundaries` is not 1-d.

    Example:
        >>> import tapegrad as tg
        >>> tg.bucketize(tg.tensor([0.5, 3.0, 9.0]), tg.tensor([1.0, 3.0, 5.0]))
        tensor([0, 1, 3])
    """
    if out is not None:
        return into(out, bucketize, input, boundaries, out_int32=out_int32, right=right)
    boundaries = as_operand(boundaries, "bucketize", "boundaries")
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: boundaries must be 1-d, got shape {boundaries.shape}")
    boundaries = ordered("bucketize", boundaries)
    values = _values("bucketize", input, boundaries)
    return _search(boundaries.array, values, right, out_int32)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements, or the distinct slices along a dimension; carries no gradient.

    Every NaN is distinct from every other one.

    Args:
        input: tensor, not complex.
        sorted: whether they must be sorted; they always are, slices in lexicographic order.
        return_inverse: also where in the result each element went.
        return_counts: also how often each distinct one occurs.
        dim: compare the slices along this dimension; None for all elements.

    Returns:
        The distinct values, 1-d if `dim` is None; or a tuple of them, the inverse and the counts.

    Raises:
        DimensionError: for a dimension that does not exist.
        ShapeError: for slices without elements.
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.unique(tg.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    return _unique(input, return_inverse, return_counts, dim, False)


def _unique(
    input: Any, return_inverse: bool, return_counts: bool, dim: Any, equal_nan: bool
) -> Any:
    x = ordered("unique", input, bools=True).array
    if dim is not None:
        d, rows = _rows("unique", x, dim)
        order: Any = np.lexsort(rows.T[::-1])  # its last key counts most
        ordered_rows = rows[order]
        first = _first(ordered_rows, np.any(ordered_rows[1:] != ordered_rows[:-1], axis=1))
        found = _slices(ordered_rows[first], x, d)
        return _answer(found, first, order, order.shape, return_inverse, return_counts)
    flat = x.reshape(-1)
    order = order_along(flat, 0) if return_inverse else None
    ordered_values = np.sort(flat) if order is None else flat[order]
    changes = ordered_values[1:] != ordered_values[:-1]
    if equal_nan:  # all NaNs stand together, at the end
        changes &= ordered_values[:-1] == ordered_values[:-1]
    first = _first(ordered_values, changes)
    found = ordered_values[first]
    return _answer(found, first, order, x.shape, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The first element, or slice, of every run of equal ones; carries no gradient.

    Args:
        input: tensor, not complex.
        return_inverse: also where in the result each element went.
        return_counts: also how long each run is.
        dim: compare the slices along this dimension; None for the flattened elements.

    Returns:
        The values, 1-d if `dim` is None; or a tuple of them, the inverse and the counts.

    Raises:
        DimensionError: for a dimension that does not exist.
        ShapeError: for slices without elements.
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.unique_consecutive(tg.tensor([1, 1, 2, 1]), return_counts=True)
        (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    x = ordered("unique_consecutive", input, bools=True).array
    if dim is not None:
        d, rows = _rows("unique_consecutive", x, dim)
        first = _first(rows, np.any(rows[1:] != rows[:-1], axis=1))
        found = _slices(rows[first], x, d)
        return _answer(found, first, None, first.shape, return_inverse, return_counts)
    flat = x.reshape(-1)
    first = _first(flat, flat[1:] != flat[:-1])
    return _answer(flat[first], first, None, x.shape, return_inverse, return_counts)


def _rows(op: str, x: Any, dim: Any) -> tuple[int, Any]:
    """The slices along a dimension as rows of a matrix."""
    d = normal_dim(op, dim, x.ndim)
    if not x.ndim:
        raise DimensionError(f"{op}: dim {dim} was given for a 0-d tensor, which has none")
    if 0 in x.shape[:d] + x.shape[d + 1 :]:
        raise ShapeError(f"{op}: the slices along dim {d} of shape {x.shape} have no elements")
    width = int(np.prod(x.shape[:d] + x.shape[d + 1 :], dtype=np.int64))
    return d, np.moveaxis(x, d, 0).reshape(x.shape[d], width)


def _slices(rows: Any, x: Any, dim: int) -> Any:
    """Back from rows to slices."""
    shape = rows.shape[:1] + x.shape[:dim] + x.shape[dim + 1 :]
    return np.moveaxis(rows.reshape(shape), 0, dim)


def _first(x: Any, changes: Any) -> Any:
    """Where runs begin: at the first element and wherever it changes."""
    begin = np.ones_like(x, dtype=dtypes.bool, shape=x.shape[:1])
    begin[1:] = changes
    return begin


def _answer(
    found: Any, first: Any, order: Any, shape: Any, return_inverse: bool, return_counts: bool
) -> Any:
    """The values, with the inverse and the counts if wanted.

    Args:
        found: the distinct values.
        first: where runs of equal ones begin.
        order: indices that put the elements into the order of the runs; None if they stand so.
        shape: of the inverse.
        return_inverse, return_counts: what is wanted.
    """
    answers = [wrap(found)]
    if return_inverse:
        runs = np.cumsum(first, dtype=dtypes.int64) - 1
        if order is not None:
            inverse = np.empty_like(runs)
            inverse[order] = runs
            runs = inverse
        answers.append(wrap(runs.reshape(shape)))
    if return_counts:
        ends = np.nonzero(first)[0]
        total = np.full_like(ends, first.shape[0], shape=(1,))
        answers.append(wrap(np.diff(np.concatenate([ends, total]))))
    return tuple(answers) if len(answers) > 1 else answers[0]


# -- NumPy's words -----------------------------------------------------------------------------------


@implements(np.searchsorted)
def _np_searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    return searchsorted(a, v, side=side, sorter=sorter)


@implements(np.digitize)
def _np_digitize(x: Any, bins: Any, right: bool = False) -> Any:
    return bucketize(x, bins, right=not right)


@implements(np.unique)
def _np_unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    if return_index:
        raise DtypeError("np.unique: return_index is not there for tensors; use return_inverse")
    return _unique(ar, return_inverse, return_counts, axis, equal_nan)
