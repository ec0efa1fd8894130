"""Windows over dimensions: sums with weights, and maxima, by one pass per offset of the window.

What a window reads is given per dimension as taps: pairs (where, at), for every offset the positions of
the result and the positions of the input that they read, as slices or as arrays of integers.
"""

from __future__ import annotations

import math

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
        stages: for each dimension (dim, size, taps, first), the taps (where, at) with slices for
            `where`.
    """
    for dim, size, taps, _ in stages:
        out = np.full_like(x, _lowest(x), shape=_resized(x, dim, size))
        for where, at in taps:
            place = out[(Ellipsis, where, *(slice(None),) * (-dim - 1))]
            np.maximum(place, _read(x, at, dim), out=place)
        x = out
    return x


def max_windows_at(x, stages):
    """Largest element of every window and where it stands: the first of equal ones, the last NaN.

    One dimension after the other, the last one first: the first maximum of the first row that has it
    is the first one of all.

    Args:
        x: array of floats or integers.
        stages: as for `max_windows`; `first` is the first position that each window reads.

    Returns:
        The values; and their positions in the flattened last dimensions, int64.
    """
    ndim = len(stages)
    lead, plane = x.shape[: x.ndim - ndim], x.shape[x.ndim - ndim :]
    sizes = tuple(stage[1] for stage in stages)
    rows = int(np.prod(lead, dtype=np.int64))
    x = x.reshape(rows, *plane)
    each = int(np.prod(plane))
    where = np.arange(each, like=x).reshape(plane)
    # a device runs each step on everything at once
    count = max(1, BLOCK // max(1, each)) if x.__class__ is np.ndarray else rows
    if count >= rows:
        out, index = _maxima_at(x, where, stages)
        return out.reshape(*lead, *sizes), index.reshape(*lead, *sizes)
    out, index = np.empty((rows, *sizes), x.dtype), np.empty((rows, *sizes), np.int64)
    for start in range(0, rows, count):
        block = slice(start, start + count)
        out[block], index[block] = _maxima_at(x[block], where, stages)
    return out.reshape(*lead, *sizes), index.reshape(*lead, *sizes)


def _maxima_at(x, index, stages):
    # a device does not wait to learn whether there are NaN
    nan = x.dtype.kind == "f" and (x.__class__ is not np.ndarray or bool(np.isnan(x).any()))
    for dim, size, taps, first in stages[::-1]:
        behind = (slice(None),) * (-dim - 1)
        out = np.full_like(x, _lowest(x), shape=_resized(x, dim, size))
        at_best = np.empty_like(out, dtype=np.int64)
        at_best[...] = np.take(index, first, axis=index.ndim + dim)
        for where, at in taps:
            place = (Ellipsis, where, *behind)
            best, part = out[place], _read(x, at, dim)
            better = part > best
            if nan:
                better |= np.isnan(part)
            np.copyto(best, part, where=better)
            np.copyto(at_best[place], _read(index, at, dim), where=better)
        x, index = out, at_best
    return x, index
