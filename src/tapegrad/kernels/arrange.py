"""Padding, windows and diagonals, each with its adjoint in the same words."""

from __future__ import annotations

import numpy as np

from . import kernel


@kernel
def pad(x, widths, value):
    """`x` with a constant before and after; the adjoint is `pad` of the negated widths with zero.

    Args:
        x: array.
        widths: per dimension how much to add before and after; less than zero cuts off.
        value: the constant.
    """
    cut = tuple(
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(x.shape, widths, strict=True)
    )
    x = x[(*cut, ...)]
    added = [(max(before, 0), max(after, 0)) for before, after in widths]
    if not any(map(any, added)):
        return x
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, added, strict=True))
    out = np.full_like(x, value, shape=shape)
    out[tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, added, strict=True))] = x
    return out


def _sources(mode, n, before, after):
    """The slices of `n` elements that are seen before and after them."""
    if mode == "replicate":
        return slice(0, 1), slice(n - 1, n)
    if mode == "circular":
        return slice(n - before, n), slice(0, after)
    stop = n - 2 - after
    right = slice(n - 2, stop if stop >= 0 else None, -1) if after else slice(0, 0)
    return slice(before, 0, -1), right


@kernel
def pad_along(x, dim, before, after, mode):
    """`x` with its own elements repeated before and after, along one dimension.

    Args:
        x: array.
        dim: the dimension.
        before, after: how many elements to add; at most `n - 1` if reflected, `n` if circular.
        mode: `"reflect"`, `"replicate"` or `"circular"`.
    """
    n = x.shape[dim]
    every = (slice(None),) * dim
    out = np.empty_like(x, shape=(*x.shape[:dim], before + n + after, *x.shape[dim + 1 :]))
    left, right = _sources(mode, n, before, after)
    out[(*every, slice(before, before + n))] = x
    out[(*every, slice(0, before))] = x[(*every, left)]
    out[(*every, slice(before + n, None))] = x[(*every, right)]
    return out


@kernel
def unpad_along(g, dim, before, after, mode):
    """The adjoint of `pad_along`: what was repeated is added up."""
    n = g.shape[dim] - before - after
    every = (slice(None),) * dim
    ends = [g[(*every, slice(0, before))], g[(*every, slice(before + n, None))]]
    if mode == "replicate":
        ends = [np.add.reduce(end, axis=dim, keepdims=True) for end in ends]
    out = g[(*every, slice(before, before + n))].copy()
    for source, end in zip(_sources(mode, n, before, after), ends, strict=True):
        out[(*every, source)] += end
    return out


@kernel
def unfold_along(x, dim, size, step):
    """Windows along a dimension, which counts them, with their elements in a new last dimension.

    Args:
        x: array.
        dim: the dimension, not negative.
        size: of a window.
        step: from one window to the next.
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows[(slice(None),) * dim + (slice(None, None, step),)]


@kernel
def fold_along(g, dim, n, step):
    """The adjoint of `unfold_along`: windows added up where they overlap.

    Args:
        g: windows, counted along `dim`, with their elements in the last dimension.
        dim: the dimension, not negative.
        n: its size in the result.
        step: from one window to the next.
    """
    g = np.moveaxis(g, dim, -2)
    count, size = g.shape[-2:]
    lead = g.shape[:-2]
    parts = -(-size // step)  # no two of one part overlap
    rows = max(count + parts - 1, -(-n // step))
    out = np.zeros_like(g, order="C", shape=(*lead, rows, step))
    if parts <= count:
        for i in range(parts):
            part = g[..., i * step : (i + 1) * step]
            out[..., i : i + count, : part.shape[-1]] += part
        out = out.reshape(*lead, rows * step)
    else:
        out = out.reshape(*lead, rows * step)
        for i in range(count):
            out[..., i * step : i * step + size] += g[..., i, :]
    return np.moveaxis(out[..., :n], -1, dim)


@kernel
def diagonal_put(g, shape, offset, dim1, dim2):
    """Zeros of the given shape with the last dimension of `g` on a diagonal: adjoint of reading it.

    Args:
        g: values, (..., k), where k is the length of the diagonal.
        shape: of the result.
        offset: which diagonal; above the main one if positive.
        dim1, dim2: the two dimensions of the matrices in the result, not negative.
    """
    rows, columns = shape[dim1], shape[dim2]
    out = np.zeros_like(g, order="C", shape=(*g.shape[:-1], rows * columns))
    first = offset if offset >= 0 else -offset * columns
    reach = (g.shape[-1] - 1) * (columns + 1) + 1
    if reach > 0:
        out[..., first : first + reach : columns + 1] = g
    out = out.reshape(*g.shape[:-1], rows, columns)
    return np.moveaxis(out, (-2, -1), (dim1, dim2))
