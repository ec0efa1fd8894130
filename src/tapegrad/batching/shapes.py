"""Batching rules of the words that change shapes, and join and cut arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import BatchArray, Level, lift
from .ufuncs import aligned, shifted
from .words import rule


@rule(np.reshape)
def _reshape(level: Level, a: Any, shape: Any, order: str = "C") -> Any:
    return a.reshape(*((shape,) if isinstance(shape, int) else tuple(shape)), order=order)


@rule(np.ravel)
def _ravel(level: Level, a: Any, order: str = "C") -> Any:
    return a.ravel(order)


@rule(np.transpose)
def _transpose(level: Level, a: Any, axes: Any = None) -> Any:
    return a.transpose(*(() if axes is None else axes))


@rule(np.swapaxes)
def _swapaxes(level: Level, a: Any, axis1: int, axis2: int) -> Any:
    return a.swapaxes(axis1, axis2)


@rule(np.moveaxis)
def _moveaxis(level: Level, a: Any, source: Any, destination: Any) -> Any:
    moved = np.moveaxis(a.inner, shifted(source, a.ndim), shifted(destination, a.ndim))
    return BatchArray(moved, level)


@rule(np.expand_dims)
def _expand_dims(level: Level, a: Any, axis: Any) -> Any:
    more = len(axis) if isinstance(axis, (tuple, list)) else 1
    return BatchArray(np.expand_dims(a.inner, shifted(axis, a.ndim + more)), level)


@rule(np.squeeze)
def _squeeze(level: Level, a: Any, axis: Any = None) -> Any:
    if axis is None:
        return a.reshape(*(n for n in a.shape if n != 1))
    return BatchArray(np.squeeze(a.inner, shifted(axis, a.ndim)), level)


@rule(np.broadcast_to)
def _broadcast_to(level: Level, array: Any, shape: Any) -> Any:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return BatchArray(
        np.broadcast_to(aligned(array, level, len(shape)), (level.size, *shape)), level
    )


@rule(np.concatenate)
def _concatenate(level: Level, arrays: Any, axis: Any = 0, **kwargs: Any) -> Any:
    parts = [lift(a, level) for a in arrays]
    if axis is None:
        parts, axis = [p.ravel() for p in parts], 0
    inner = [p.inner for p in parts]
    return BatchArray(np.concatenate(inner, axis=shifted(axis, parts[0].ndim), **kwargs), level)


@rule(np.stack)
def _stack(level: Level, arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
    inner = [lift(a, level).inner for a in arrays]
    return BatchArray(np.stack(inner, axis=shifted(axis, inner[0].ndim), **kwargs), level)


@rule(np.split)
def _split(level: Level, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    pieces = np.split(ary.inner, indices_or_sections, shifted(axis, ary.ndim))
    return [BatchArray(piece, level) for piece in pieces]


@rule(np.pad)
def _pad(level: Level, array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    return BatchArray(np.pad(array.inner, [(0, 0), *widths], mode, **kwargs), level)


@rule(np.diagonal)
def _diagonal(level: Level, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    one, two = shifted((axis1, axis2), a.ndim)
    return BatchArray(np.diagonal(a.inner, offset, one, two), level)


@rule(np.copy, np.ascontiguousarray)
def _copy(level: Level, a: Any, order: str = "C", **kwargs: Any) -> Any:
    return a.copy("C" if order == "K" else order)


@rule(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    level: Level, x: Any, window_shape: Any, axis: Any = None, **kwargs: Any
) -> Any:
    seen = np.lib.stride_tricks.sliding_window_view(
        x.inner, window_shape, shifted(axis, x.ndim), **kwargs
    )
    return BatchArray(seen, level)
