"""Batching rules of the words that look elements up, count and place them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..device import every_value
from .array import BatchArray, Level, data_dependent, lift, unbatched_target
from .ufuncs import aligned, shifted
from .words import rule


@rule(np.take)
def _take(level: Level, a: Any, indices: Any, axis: Any = None) -> Any:
    if axis is None:
        a, axis = a.reshape(-1), 0
    axis = axis % a.ndim
    if isinstance(indices, BatchArray) and indices.level is level:
        if isinstance(a, BatchArray) and a.level is level:
            return a[(slice(None),) * axis + (indices,)]
        found = np.take(a, indices.inner, axis)
        return BatchArray(np.moveaxis(found, axis, 0), level)
    return BatchArray(np.take(a.inner, indices, axis + 1), level)


@rule(np.take_along_axis)
def _take_along_axis(level: Level, arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        arr, axis = arr.ravel(), 0
    a, i = lift(arr, level), lift(indices, level)
    return BatchArray(np.take_along_axis(a.inner, i.inner, shifted(axis, a.ndim)), level)


@rule(np.put_along_axis)
def _put_along_axis(level: Level, arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if not isinstance(arr, BatchArray) or arr.level is not level:
        raise unbatched_target("np.put_along_axis")
    i = lift(indices, level)
    v = aligned(values, level, arr.ndim)
    np.put_along_axis(arr.inner, i.inner, v, shifted(axis, arr.ndim))


@rule(np.copyto)
def _copyto(
    level: Level, dst: Any, src: Any, casting: Any = "same_kind", where: Any = True
) -> None:
    if not isinstance(dst, BatchArray) or dst.level is not level:
        raise unbatched_target("an in-place operation")
    src, where = (aligned(value, level, dst.ndim) for value in (src, where))
    np.copyto(dst.inner, src, casting=casting, where=where)


@rule(np.searchsorted)
def _searchsorted(level: Level, a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Any:
    if not isinstance(a, BatchArray) and sorter is None:
        return BatchArray(np.searchsorted(a, v.inner, side), level)
    # as many comparisons as there are pairs, in place of a search for every example
    values = v[..., None] if hasattr(v, "ndim") else v
    before = a < values if side == "left" else a <= values
    return np.add.reduce(before, axis=-1, dtype=np.int64)


@rule(np.isin)
def _isin(
    level: Level, element: Any, test_elements: Any, assume_unique: bool = False,
    invert: bool = False, **options: Any,
) -> Any:  # fmt: skip
    if not isinstance(test_elements, BatchArray):
        return BatchArray(np.isin(element.inner, test_elements, invert=invert), level)
    found = np.any(element[..., None] == test_elements.ravel(), axis=-1)
    return ~found if invert else found


@rule(np.lexsort)
def _lexsort(level: Level, keys: Any, axis: int = -1) -> Any:
    if not isinstance(keys, BatchArray):
        keys = np.stack([lift(key, level) for key in keys])
    inner = np.moveaxis(keys.inner, 0, 1)  # (keys, hidden, rest)
    return BatchArray(np.lexsort(inner, shifted(axis, keys.ndim - 1)), level)


@rule(np.bincount)
def _bincount(level: Level, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if not x.size or not minlength or every_value(np.max(x)).max() >= minlength:
        raise data_dependent(x)  # the largest number of an example is the size of its result
    if weights is None:
        weights = np.ones_like(x)
    out = np.zeros_like(weights, shape=(minlength,))
    return kernels.combine_at(lift(out, level), x, weights, np.add)


def _sizes_depend(level: Level, a: Any, *args: Any, **kwargs: Any) -> Any:
    raise data_dependent(a)


rule(np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.histogram, np.array_equal)(
    _sizes_depend
)
