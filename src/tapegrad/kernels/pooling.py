"""Windows over dimensions: sums with weights, and maxima, by one pass per offset of the window.

What a window reads is given per dimension as taps: pairs (where, at), for every offset the positions of
the result and the positions of the input that they read, as slices or as arrays of integers.
"""

from __future__ import annotations

from itertools import product

import numpy as np

BLOCK = 1 << 17  # elements at a time, which stay in the cache for all offsets


def _read(x, at, dim):
    """The positions `at` along a dimension counted from the end."""
    if at.__class__ is slice:
        return x[(Ellipsis, at, *(slice(None),) * (-dim - 1))]
    return np.take(x, at, axis=x.ndim + dim)


def sum_windows(x, stages):
    """Multiply by a sparse matrix along each of several of the last dimensions.

    Args:
        x: array.
        stages: for each dimension (dim, size, taps, whole): the dimension counted from the end; its
            size in the result; taps (where, at, weight) with None for "everywhere" and for "one"; and
            whether everything is summed to a single element.
    """
    ndim = len(stages)
    lead, plane = x.shape[: x.ndim - ndim], x.shape[x.ndim - ndim :]
    sizes = tuple(stage[1] for stage in stages)
    each, read = int(np.prod(sizes)), int(np.prod(plane))
    stages = stages[::-1] if each > read else stages  # the small arrays along the last dimension
    if x.__class__ is not np.ndarray or max(x.size, each) <= BLOCK:
        return _staged(x, stages)
    rows = int(np.prod(lead, dtype=np.int64))
    x = x.reshape(rows, *plane)
    out = np.empty((rows, *sizes), x.dtype)
    count = max(1, BLOCK // max(1, each, read))
    for start in range(0, rows, count):
        block = slice(start, start + count)
        out[block] = _staged(x[block], stages)
    return out.reshape(*lead, *sizes)


def _staged(x, stages):
    given = x
    for dim, size, taps, whole in stages:
        if whole:
            x = np.add.reduce(x, axis=x.ndim + dim, keepdims=True)
        else:
            x = _sum(x, dim, size, taps)
    return x.copy() if x is given else x


def _sum(x, dim, size, taps):
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
            out = part if weight is not None or at.__class__ is not slice else part.copy()
            continue
        if out is None:
            out = np.zeros_like(x, shape=_resized(x, dim, size))
        out[(Ellipsis, slice(None) if where is None else where, *behind)] += part
    return np.zeros_like(x, shape=_resized(x, dim, size)) if out is None else out


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
        stages: for each dimension (dim, size, taps, first), the taps with slices for `where`.
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

    Args:
        x: array of floats or integers.
        stages: for each of the last dimensions (dim, size, taps, first); `first` is the first position
            that each window reads.

    Returns:
        The values; and their positions in the flattened last dimensions, int64.
    """
    ndim = len(stages)
    sizes = tuple(size for _, size, _, _ in stages)
    lead, plane = x.shape[: x.ndim - ndim], x.shape[x.ndim - ndim :]
    steps = [int(np.prod(plane[d + 1 :], dtype=np.int64)) for d in range(ndim)]
    rows = int(np.prod(lead, dtype=np.int64))
    x = x.reshape(rows, *plane)
    out = np.full_like(x, _lowest(x), order="C", shape=(rows, *sizes))
    index = np.zeros_like(x, order="C", shape=out.shape, dtype=np.int64)
    behind = [(1,) * (ndim - d - 1) for d in range(ndim)]
    for d, (_, _, _, first) in enumerate(stages):
        index += (first * steps[d]).reshape(-1, *behind[d])
    windows = []
    for taps in product(*(stage[2] for stage in stages)):
        position = sum(
            (_positions(at, x) * steps[d]).reshape(-1, *behind[d]) for d, (_, at) in enumerate(taps)
        )
        where = (slice(None), *(where for where, _ in taps))
        windows.append((where, [at for _, at in taps], position))
    # a device runs each step on everything at once, and does not wait to learn whether there are NaN
    host = x.__class__ is np.ndarray
    count = max(1, BLOCK // max(1, int(np.prod(sizes)))) if host else rows
    floating = x.dtype.kind == "f"
    for start in range(0, rows, max(1, count)):
        block = slice(start, start + count)
        part, best, at_best = x[block], out[block], index[block]
        nan = floating and (not host or bool(np.isnan(part).any()))
        for where, at, position in windows:
            _improve(part, best[where], at_best[where], at, position, nan)
    return out.reshape(*lead, *sizes), index.reshape(*lead, *sizes)


def _improve(x, best, index, at, position, nan):
    """Replace what is smaller than the elements at one offset."""
    ndim = len(at)
    x = x[(Ellipsis, *(a if a.__class__ is slice else slice(None) for a in at))]
    for d, a in enumerate(at):
        if a.__class__ is not slice:
            x = np.take(x, a, axis=x.ndim - ndim + d)
    better = x > best
    if nan:
        better |= np.isnan(x)
    np.copyto(best, x, where=better)
    np.copyto(index, position, where=better)


def _positions(at, like):
    return np.arange(at.start, at.stop, at.step, like=like) if at.__class__ is slice else at
