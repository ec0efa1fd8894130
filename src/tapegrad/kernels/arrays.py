"""Broadcasting and scattering without a Python loop, and without leaving the device; complex numbers."""

from __future__ import annotations

import math

import numpy as np

from . import kernel


@kernel
def broadcast(g, shape):
    """`np.broadcast_to`, whose Python costs 2 us on a small NumPy array."""
    return np.broadcast_to(g, shape)


def _broadcast_numpy(g, shape):
    out = np.empty(shape, g.dtype)
    out[...] = g
    return out


broadcast.register(np.ndarray, np.float32, np.float64)(_broadcast_numpy)


def conj(x):
    """The complex conjugate; a real array or tensor as it is, where `np.conjugate` would copy it."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


def direction(x):
    """`x / |x|`, 0 at 0: the sign of a real number; NumPy's `sign` before 2.0 and CuPy's mean another."""
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    return x / np.where(size == 0, 1, size)


def squares(x):
    """`|x|**2`, which is real."""
    return x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x


_ATOMIC = "efdiILQ"  # dtypes that CuPy's np.add.at has


def add_into(place, index, g):
    """`np.add.at` for every dtype; a card has atomic additions for some of them only."""
    if g.dtype.char in _ATOMIC:
        np.add.at(place, index, g)
    elif g.dtype.kind == "c":
        np.add.at(place.real, index, g.real)
        np.add.at(place.imag, index, g.imag)
    else:  # integers wrap around alike in all widths
        sums = np.zeros_like(place, dtype=np.uint64)
        np.add.at(sums, index, g.astype(np.uint64))
        place += sums.astype(place.dtype)


@kernel
def index_add(g, stages, shape, repeats):
    """Zeros of the given shape with `g` added at an index: the adjoint of reading it.

    Args:
        g: values, of the shape that was read.
        stages: one or two indices, applied in turn.
        shape: of the result.
        repeats: whether an element may be named more than once.
    """
    out = np.zeros_like(g, shape=shape)
    place = out
    for stage in stages[:-1]:
        place = place[stage]
    if repeats:
        add_into(place, stages[-1], g)
    else:
        place[stages[-1]] = g
    return out


@index_add.register(np.ndarray)
def _index_add_numpy(g, stages, shape, repeats):
    # NumPy adds at one 1-d index five times as fast as at rows, or at several indices together
    out = np.zeros(shape, g.dtype)
    place = out
    for stage in stages[:-1]:
        place = place[stage]
    if not repeats:
        place[stages[-1]] = g
        return out
    rows = stages[-1][0] if place is out and _names_rows(stages[-1]) else None
    each = math.prod(shape[1:])
    if rows is not None and each > 31 and g.size > 1 << 16:
        rows = np.where(rows < 0, rows + shape[0], rows).reshape(-1)
        return added_in_pairs(g.reshape(-1, each), rows, shape[0]).reshape(shape)
    few = g.size < 500  # then working the positions out costs more than it saves
    at = None if few or place is not out else _flat_positions(stages[-1], shape)
    if at is None:
        np.add.at(place, stages[-1], g)
    else:
        np.add.at(out.reshape(-1), at.reshape(-1), g.reshape(-1))
    return out


def _names_rows(index):
    """Whether an index is one array of whole rows."""
    rows, alone = index[0], all(part is Ellipsis for part in index[1:])
    return alone and rows.__class__ is np.ndarray and rows.dtype.kind in "iu"


def _flat_positions(index, shape):
    """Positions that an index names in the flattened array; None where NumPy's way is as good.

    Worked out for whole dimensions around a block of integer arrays.
    """
    if _names_rows(index):
        rows = index[0].astype(np.intp, copy=False)
        if len(shape) == 1:
            return rows
        each = math.prod(shape[1:])  # a negative row lies before the beginning, and so at the end
        return np.add.outer(rows * each, np.arange(each))
    ndim = len(shape)
    given = [part for part in index if part is not Ellipsis]
    if len(given) < len(index):
        hole = next(i for i, part in enumerate(index) if part is Ellipsis)
    else:
        hole = len(given)
    given[hole:hole] = [_ALL] * (ndim - len(given))
    named = [i for i, part in enumerate(given) if part.__class__ is np.ndarray]
    if len(given) != ndim or not named or named[-1] - named[0] + 1 != len(named):
        return None
    if any(
        part.dtype.kind not in "iu" if part.__class__ is np.ndarray else part != _ALL
        for part in given
    ):
        return None
    strides = np.cumprod((1, *shape[:0:-1]), dtype=np.intp)[::-1]
    block: np.ndarray | int = 0
    for i in named:
        part = given[i].astype(np.intp)
        block = block + np.where(part < 0, part + shape[i], part) * strides[i]
    after = _grid(shape[named[-1] + 1 :], strides[named[-1] + 1 :])
    before = _grid(shape[: named[0]], strides)
    inner = np.add.outer(block, after)
    return np.add.outer(before, inner)


_ALL = slice(None)


def _grid(sizes, strides):
    """Positions of all elements of some dimensions, relative to the first."""
    positions = np.zeros((), np.intp)
    for n, stride in zip(sizes, strides, strict=False):
        positions = np.add.outer(positions, np.arange(n) * stride)
    return positions


def added_in_pairs(g, indices, n):
    """Neighbours of one place added, and their sums again, until every place has one row.

    A third of the time that `np.add.reduceat` takes on long rows, and less rounding.
    """
    order = indices.argsort(kind="stable")
    places, rows = indices[order], None
    while True:
        count = len(places)
        first = np.ones(count, bool)
        np.not_equal(places[1:], places[:-1], out=first[1:])
        starts = first.nonzero()[0]
        if len(starts) == count:
            break
        rank = np.arange(count) - np.repeat(starts, np.diff(starts, append=count))
        even = rank % 2 == 0
        kept = even.nonzero()[0]
        paired = np.append(~first[1:], False)[kept]  # whether the next row belongs there too
        others = kept[paired] + 1
        if rows is None:  # in the order of `indices` still
            kept_rows, others = g.take(order[kept], 0), g.take(order[others], 0)
        else:
            kept_rows, others = rows.take(kept, 0), rows.take(others, 0)
        if len(others) == len(kept):
            kept_rows += others
        else:
            kept_rows[paired] += others
        places, rows = places[kept], kept_rows
    out = np.zeros((n, g.shape[1]), g.dtype)
    out[places] = g.take(order, 0) if rows is None else rows
    return out


@kernel
def index_zero(g, stages):
    """A copy of `g` with zeros at an index: the adjoint of writing there."""
    out = g[...].copy()  # a NumPy scalar becomes an array
    place = out
    for stage in stages[:-1]:
        place = place[stage]
    place[stages[-1]] = 0
    return out


@kernel
def scatter_along(g, indices, axis, shape):
    """Zeros of the given shape with `g` at `indices` along an axis: adjoint of `take_along_axis`."""
    out = np.zeros_like(g, shape=shape)
    np.put_along_axis(out, indices, g, axis)
    return out


@kernel
def packed(x):
    """A copy in row order."""
    return x.copy()


@packed.register(np.ndarray)
def _packed_numpy(x):
    # Elements that lie a multiple of 1024 bytes apart push each other out of the cache: eight columns
    # at a time are copied four times as fast then.
    if x.ndim > 1 and x.size > 1 << 14 and x.strides[-1] % 1024 == 0 and x.shape[-1] > 15:
        out = np.empty(x.shape, x.dtype)
        for start in range(0, x.shape[-1], 8):
            out[..., start : start + 8] = x[..., start : start + 8]
        return out
    return x.copy()
