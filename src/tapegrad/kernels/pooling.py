"""Windows over dimensions: sums with weights, and maxima, by one pass per offset of the window.

What a window reads is given per dimension as taps: pairs (where, at), for every offset the positions of
the result and the positions of the input that they read, as slices or as arrays of integers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

BLOCK = 1 << 17  # elements at a time, which stay in the cache for all offsets


def _read(x, at, dim):
    """The positions `at` along a dimension counted from the end."""
    if at.__class__ is slice:
        return x[(Ellipsis, at, *(slice(None),) * (-dim - 1))]
    return np.take(x, at, axis=x.ndim + dim)


def sum_windows(x, stages):
    """Multiply by a sparse matrix along each of several dimensions.

    Args:
        x: array.
        stages: for each dimension (dim, size, taps, whole): the dimension counted from the end; its
            size in the result; taps (where, at, weight) with None for "everywhere" and for "one"; and
            whether everything is summed to a single element.
    """
    outer = x.ndim + min([stage[0] for stage in stages])  # from here on it is worked on as a whole
    lead, plane = x.shape[:outer], x.shape[outer:]
    sizes = list(plane)
    for dim, size, *_ in stages:
        sizes[dim] = size
    each, read = math.prod(sizes), math.prod(plane)
    stages = stages[::-1] if each > read else stages  # the small arrays along the last dimension
    if x.__class__ is not np.ndarray or max(x.size, each) <= BLOCK:
        return _staged(x, stages)
    rows = math.prod(lead)
    x = x.reshape(rows, *plane)
    out = np.empty((rows, *sizes), x.dtype)
    count = max(1, BLOCK // max(1, each, read))
    for start in range(0, rows, count):
        block = slice(start, start + count)
        _staged(x[block], stages, out[block])
    return out.reshape(*lead, *sizes)


def _staged(x, stages, into=None):
    for left, (dim, size, taps, whole) in zip(range(len(stages) - 1, -1, -1), stages, strict=True):
        place = None if left else into
        if whole:
            x = np.add.reduce(x, axis=x.ndim + dim, keepdims=True, out=place)
        else:
            x = _sum(x, dim, size, taps, place)
    return x


def _sum(x, dim, size, taps, into):
    out = None
    behind = (slice(None),) * (-dim - 1)
    for where, at, weight in taps:
        part = _read(x, at, dim)
        if weight is not None:
            weight = weight.reshape((-1,) + (1,) * len(behind))
            if at.__class__ is slice:
                part = part * weight
            else:  # a copy already
                part *= weight
        if where is None and out is None:
            if into is not None:
                np.copyto(into, part)
                out = into
            else:
                out = part if weight is not None or at.__class__ is not slice else part.copy()
            continue
        if out is None:
            out = _zeros(x, dim, size, into)
        out[(Ellipsis, slice(None) if where is None else where, *behind)] += part
    return _zeros(x, dim, size, into) if out is None else out


def _zeros(x, dim, size, into):
    if into is None:
        return np.zeros_like(x, shape=_resized(x, dim, size))
    into[...] = 0
    return into


def _resized(x, dim, size):
    shape = list(x.shape)
    shape[dim] = size
    return tuple(shape)


def _lowest(x):
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def max_windows(x, stages):
    """Largest element of every window; NaN wins.

    Args:
        x: array of floats or integers.
        stages: for each dimension (dim, size, taps, reads): the dimension counted from the end; its
            size in the result; taps (where, at, number), slices for `where`; and what `max_windows_at`
            needs.
    """
    for dim, size, taps, _ in stages:
        out = np.full_like(x, _lowest(x), shape=_resized(x, dim, size))
        for where, at, _ in taps:
            place = out[(Ellipsis, where, *(slice(None),) * (-dim - 1))]
            np.maximum(place, _read(x, at, dim), out=place)
        x = out
    return x


def max_windows_at(x, stages):
    """Largest element of every window and where it stands: the first of equal ones, the last NaN.

    One dimension after the other, the last one first: the first maximum of the first row that has it
    is the first one of all.

    Args:
        x: array of floats or integers, with more dimensions than windows have.
        stages: as for `max_windows`; `reads` is (first, base, step, last): tap `k` of window `i` reads
            position `min(base[i] + step * k, last[i])`, and `first[i]` is its first tap inside.

    Returns:
        The values; and their positions in the flattened last dimensions, int64.
    """
    sizes = (*x.shape[: x.ndim - len(stages)], *(stage[1] for stage in stages))
    count = len(x)
    if x.__class__ is np.ndarray:  # a device runs each step on everything at once
        count = max(1, BLOCK * count // max(1, x.size))
    if count >= len(x):
        return _maxima_at(x, stages)
    out, index = np.empty_like(x, shape=sizes), np.empty_like(x, np.int64, shape=sizes)
    for start in range(0, len(x), count):
        block = slice(start, start + count)
        out[block], index[block] = _maxima_at(x[block], stages)
    return out, index


def _maxima_at(x, stages):
    # a device does not wait to learn whether there are NaN
    nan = x.dtype.kind == "f" and (x.__class__ is not np.ndarray or bool(np.isnan(x).any()))
    most = max(number for _, _, taps, _ in stages for *_, number in taps)
    small = np.uint8 if most < 256 else np.int32
    plane = x.shape[x.ndim - len(stages) :]
    taken: list[Any] = []  # the tap taken along each dimension so far
    for dim, size, taps, (first, base, step, _) in stages[::-1]:
        behind = (slice(None),) * (-dim - 1)
        out = np.full_like(x, _lowest(x), shape=_resized(x, dim, size))
        tap = np.empty_like(out, dtype=small)
        tap[...] = first.reshape(-1, *(1,) * len(behind))
        begun = [(t, np.take(t, base + step * first, axis=t.ndim + dim)) for t in taken]
        for where, at, number in taps:
            place = (Ellipsis, where, *behind)
            best, part = out[place], _read(x, at, dim)
            better = part > best
            if nan:
                better |= np.isnan(part)
            np.maximum(best, part, out=best)
            _replace(tap[place], small(number), better)
            for before, after in begun:
                _replace(after[place], _read(before, at, dim), better)
        x, taken = out, [tap, *(after for _, after in begun)]
    index = None
    for n, tap, (dim, *_, (_, base, step, last)) in zip(plane, taken, stages, strict=True):
        along = (-1, *(1,) * (-dim - 1))
        at = tap.astype(np.int64)
        at *= step
        at += base.reshape(along)
        if last is not None:
            at = np.minimum(at, last.reshape(along))
        index = at if index is None else index * n + at
    return x, index


def _replace(old, new, where):
    """`old[where] = new[where]` for small integers, without a branch: a tenth of `np.copyto`'s time."""
    change = new - old
    change *= where
    old += change
