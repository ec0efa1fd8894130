"""Convolution as matrix products over a bounded buffer of windows, for any number of dimensions.

The texts work on memory with the channels last, (N, *S, C): there a window is a few contiguous rows, and
results are views of such memory in the usual order, (N, C, *S). So a chain of convolutions transposes
nothing. The windows of a whole batch take prod(K) times the input's memory; they are copied into a buffer
block by block, which also keeps them in the processor's cache.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from . import kernel, kernel_of_two

# Windows that one matrix product reads. For 64 channels of 16 x 16 and a 3 x 3 kernel 2 to 7 MB cost the
# same within 10 %; all 19 MB of a batch of 32 at once cost 24 to 40 % more, 0.6 MB 20 % more.
BUFFER_BYTES = 6 << 20


class Window(NamedTuple):
    """How a kernel moves over its input.

    Attributes:
        stride: step, per dimension.
        padding: zeros before and after, per dimension; less than zero cuts off.
        dilation: distance of the kernel's elements, per dimension.
        groups: number of groups of channels that are convolved apart.
    """

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def places(self, sizes: Any, kernel: Any) -> tuple[int, ...]:
        """How often a kernel fits into an input, per dimension."""
        return tuple(
            (n + before + after - d * (k - 1) - 1) // s + 1
            for n, k, s, (before, after), d in zip(
                sizes, kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )

    def seen(self, offset: Any, places: Any, rows: slice | None = None) -> tuple[slice, ...]:
        """What one element of the kernel meets in the padded input, per dimension of `offset`.

        Args:
            offset: the element's position in the kernel.
            places: how often the kernel fits.
            rows: which places of the first dimension; all by default.
        """
        ranges = [(0, n) for n in places]
        if rows is not None:
            ranges[0] = (rows.start, rows.stop)
        return tuple(
            slice(k * d + first * s, k * d + (stop - 1) * s + 1, s)
            for k, (first, stop), s, d in zip(
                offset, ranges, self.stride, self.dilation, strict=False
            )
        )


@kernel_of_two
def conv(x, w, window, bias=None):
    """Convolution (cross-correlation, as everywhere in deep learning).

    Args:
        x: input, (N, C, *S).
        w: weight, (O, C / groups, *K).
        window: how the kernel moves.
        bias: (O,), or None.

    Returns:
        (N, O, *Q), where Q are the places of the window.
    """
    groups, outputs, shape = window.groups, w.shape[0], w.shape[2:]
    work = _work_dtype(x)
    padded = _channels_last(x, window.padding, work)
    places = window.places(x.shape[2:], shape)
    weights = _as_matrices(w, groups, work).swapaxes(-1, -2)
    if bias is not None:
        bias = bias.astype(work, copy=False)
    out = np.empty_like(padded, order="C", shape=(x.shape[0], *places, outputs))
    if _is_depthwise(w, groups):
        _depthwise(out, padded, _taps(w, work), places, window)
        if bias is not None:
            out += bias
        return _channels_first(out).astype(x.dtype, copy=False)
    for block, columns in _windows(padded, shape, places, window):
        target = out[block].reshape(columns.shape[0], outputs)
        if groups == 1:
            np.matmul(columns, weights[0], out=target)
        else:
            _apart(target, groups)[...] = np.matmul(_apart(columns, groups), weights)
        if bias is not None:
            np.add(target, bias, out=target)
    return _channels_first(out).astype(x.dtype, copy=False)


@kernel_of_two
def conv_input_grad(g, w, sizes, window, bias=None):
    """The adjoint of `conv` in its input: transposed convolution.

    Args:
        g: gradient, (N, O, *Q).
        w: weight, (O, C / groups, *K).
        sizes: S, the spatial sizes of the input.
        window: how the kernel moved.
        bias: (C,), or None: what a transposed convolution adds.

    Returns:
        (N, C, *S).
    """
    groups, outputs, each, shape = window.groups, w.shape[0], w.shape[1], w.shape[2:]
    if all(step == 1 for step in window.stride):
        # a convolution of the gradient with the kernel turned around: nothing to be added up
        turned = w.reshape(groups, outputs // groups, each, *shape).swapaxes(1, 2)
        turned = turned.reshape(groups * each, outputs // groups, *shape)
        turned = turned[(..., *(slice(None, None, -1),) * len(shape))]
        reach = [d * (k - 1) for k, d in zip(shape, window.dilation, strict=True)]
        padding = tuple(
            (most - before, most - after)
            for most, (before, after) in zip(reach, window.padding, strict=True)
        )
        return conv(g, turned, window._replace(padding=padding), bias)
    work, places = _work_dtype(g), g.shape[2:]
    grad = _channels_last(g, ((0, 0),) * len(shape), work)
    ends = [(before, before + n) for n, (before, _) in zip(sizes, window.padding, strict=True)]
    spans = [
        stop + max(after, 0) for (_, stop), (_, after) in zip(ends, window.padding, strict=True)
    ]
    out = np.zeros_like(grad, order="C", shape=(g.shape[0], *spans, groups * each))
    if _is_depthwise(w, groups):
        _add_depthwise(out, grad, _taps(w, work), places, window)
    else:
        _add_windows(out, grad, _as_matrices(w, groups, work), shape, places, window)
    out = out[(slice(None), *itertools.starmap(slice, ends))]
    if bias is not None:
        out = out + bias.astype(work, copy=False)
    return _channels_first(out).astype(g.dtype, copy=False)


def _add_windows(out, grad, weights, shape, places, window):
    """Add what every place gives to its window.

    Args:
        out: zeros, (N, *P, C), changed.
        grad: (N, *Q, O), in row order.
        weights: (groups, O / groups, prod(K) * C / groups).
        shape: K, the sizes of the kernel.
        places: Q.
        window: how the kernel moved.
    """
    groups = window.groups
    each = out.shape[-1] // groups
    out = out.reshape(*out.shape[:-1], groups, each)
    width = weights.shape[0] * weights.shape[2]
    for images, rows in _blocks(grad.shape[0], places, width * weights.dtype.itemsize):
        block = grad[images, rows]
        columns = np.matmul(_apart(block.reshape(-1, grad.shape[-1]), groups), weights)
        columns = columns.reshape(groups, *block.shape[:-1], *shape, each)
        columns = np.moveaxis(columns, 0, len(shape) + 1)  # (n, *q, groups, *K, C / groups)
        for offset in _offsets(shape):
            seen = (images, *window.seen(offset, places, rows))
            out[seen] += columns[(..., *offset, slice(None))]


@kernel_of_two
def conv_weight_grad(g, x, shape, window):
    """The adjoint of `conv` in its weight.

    Args:
        g: gradient, (N, O, *Q).
        x: input, (N, C, *S).
        shape: K, the sizes of the kernel.
        window: how the kernel moved.

    Returns:
        (O, C / groups, *K).
    """
    groups, outputs, each = window.groups, g.shape[1], x.shape[1] // window.groups
    work = _work_dtype(g)
    grad = _channels_last(g, ((0, 0),) * len(shape), work)
    padded = _channels_last(x, window.padding, work)
    if each == 1 and groups == outputs > 1:
        total = _depthwise_weight_grad(grad, padded, shape, g.shape[2:], window)
        return _channels_first(total[None]).swapaxes(0, 1).astype(g.dtype, order="C")
    total = np.zeros_like(
        grad, order="C", shape=(groups, outputs // groups, math.prod(shape) * each)
    )
    for block, columns in _windows(padded, shape, g.shape[2:], window):
        rows = _apart(grad[block].reshape(columns.shape[0], outputs), groups)
        total += np.matmul(rows.swapaxes(-1, -2), _apart(columns, groups))
    return _channels_first(total.reshape(outputs, *shape, each)).astype(g.dtype, order="C")


def _is_depthwise(w, groups):
    """Whether every channel is convolved alone: nothing to be gained from matrix products."""
    return groups > 1 and w.shape[:2] == (groups, 1)


def _taps(w, dtype):
    """A weight (C, 1, *K) as (*K, C)."""
    return np.moveaxis(w[:, 0], 0, -1).astype(dtype, order="C", copy=False)


def _elementwise_bytes(x):
    """What counts for one place of (N, *Q, C) where passes over a block should stay in the cache."""
    return 16 * x.shape[-1] * x.dtype.itemsize


def _depthwise(out, padded, taps, places, window):
    """Convolve every channel alone: `padded` (N, *P, C) into `out` (N, *Q, C)."""
    for images, rows in _blocks(out.shape[0], places, _elementwise_bytes(out)):
        target, product = out[images, rows], None
        for offset in _offsets(taps.shape[:-1]):
            seen = padded[(images, *window.seen(offset, places, rows))]
            if product is None:
                product = np.empty_like(target)
                np.multiply(seen, taps[offset], out=target)
            else:
                np.multiply(seen, taps[offset], out=product)
                target += product


def _add_depthwise(out, grad, taps, places, window):
    """The adjoint: `grad` (N, *Q, C) added into `out` (N, *P, C)."""
    for images, rows in _blocks(out.shape[0], places, _elementwise_bytes(out)):
        block = grad[images, rows]
        for offset in _offsets(taps.shape[:-1]):
            out[(images, *window.seen(offset, places, rows))] += block * taps[offset]


def _depthwise_weight_grad(grad, padded, shape, places, window):
    """The adjoint in the taps, (*K, C)."""
    channels = grad.shape[-1]
    total = np.zeros_like(grad, order="C", shape=(*shape, channels))
    for images, rows in _blocks(grad.shape[0], places, _elementwise_bytes(grad)):
        block = grad[images, rows]
        ones = np.ones_like(grad, shape=(math.prod(block.shape[:-1]),))
        for offset in _offsets(shape):
            seen = padded[(images, *window.seen(offset, places, rows))]
            # BLAS sums rows faster than np.add.reduce
            total[offset] += np.matmul(ones, (block * seen).reshape(-1, channels))
    return total


@kernel
def im2col(x, shape, window):
    """The windows of an input as columns.

    Args:
        x: input, (N, C, *S).
        shape: K, the sizes of the kernel.
        window: how the kernel moves.

    Returns:
        (N, C * prod(K), prod(Q)), where Q are the places of the window.
    """
    places = window.places(x.shape[2:], shape)
    padded = _padded(x, ((0, 0), (0, 0), *window.padding), x.dtype)
    out = np.empty_like(x, order="C", shape=(*x.shape[:2], *shape, *places))
    for offset in _offsets(shape):
        every = (slice(None), slice(None))
        out[(*every, *offset)] = padded[(*every, *window.seen(offset, places))]
    return out.reshape(x.shape[0], x.shape[1] * math.prod(shape), math.prod(places))


@kernel
def col2im(columns, sizes, shape, window):
    """The adjoint of `im2col`: columns added up where their windows were.

    Args:
        columns: (N, C * prod(K), prod(Q)).
        sizes: S, the spatial sizes of the result.
        shape: K, the sizes of the kernel.
        window: how the kernel moves.

    Returns:
        (N, C, *S).
    """
    places = window.places(sizes, shape)
    images, channels = columns.shape[0], columns.shape[1] // math.prod(shape)
    work = _work_dtype(columns)
    columns = columns.reshape(images, channels, *shape, *places)
    spans = [before + n + after for n, (before, after) in zip(sizes, window.padding, strict=True)]
    out = np.zeros_like(columns, dtype=work, order="C", shape=(images, channels, *spans))
    every = (slice(None), slice(None))
    for offset in _offsets(shape):
        out[(*every, *window.seen(offset, places))] += columns[(*every, *offset)]
    ends = (slice(before, before + n) for n, (before, _) in zip(sizes, window.padding, strict=True))
    return out[(*every, *ends)].astype(columns.dtype, copy=False)


def _work_dtype(x):
    """Products of half precision are added in single precision and rounded once."""
    return np.dtype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype


def _offsets(shape):
    return itertools.product(*map(range, shape))


def _channels_first(x):
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def _channels_last(x, padding, dtype):
    """(N, C, *S) as contiguous memory of (N, *S, C), padded; the memory itself where it is that."""
    x = x.transpose(0, *range(2, x.ndim), 1)
    return _padded(x, ((0, 0), *padding, (0, 0)), dtype)


def _padded(x, widths, dtype):
    """Zeros before and after, where a width is less than zero a cut, in row order."""
    if not any(map(any, widths)):
        return x if x.flags.c_contiguous and x.dtype == dtype else x.astype(dtype, order="C")
    kept = [
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(x.shape, widths, strict=True)
    ]
    x = x[(*kept,)]
    spans = [
        max(before, 0) + n + max(after, 0)
        for n, (before, after) in zip(x.shape, widths, strict=True)
    ]
    out = np.zeros_like(x, dtype=dtype, order="C", shape=tuple(spans))
    inside = [
        slice(max(before, 0), max(before, 0) + n)
        for n, (before, _) in zip(x.shape, widths, strict=True)
    ]
    out[(*inside,)] = x
    return out


def _as_matrices(w, groups, dtype):
    """A weight (O, C / groups, *K) as matrices (groups, O / groups, prod(K) * C / groups)."""
    rows = w.transpose(0, *range(2, w.ndim), 1).astype(dtype, order="C", copy=False)
    return rows.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _apart(rows, groups):
    """(M, groups * X) as (groups, M, X), a view."""
    count, width = rows.shape
    return rows.reshape(count, groups, width // groups).swapaxes(0, 1)


def _blocks(images, places, nbytes):
    """Cut a batch into as many images, or rows of one image, as fit into the buffer.

    Args:
        images: N.
        places: Q, of each image.
        nbytes: of what is needed at one place.

    Yields:
        Slices of the images and of the first dimension of Q.
    """
    count, rows = places[0], BUFFER_BYTES // max(nbytes * math.prod(places[1:]), 1)
    if rows >= count:
        step = rows // max(count, 1)
        for n in range(0, images, step):
            yield slice(n, min(n + step, images)), slice(0, count)
        return
    rows = max(rows, 1)
    for n in range(images):
        for first in range(0, count, rows):
            yield slice(n, n + 1), slice(first, min(first + rows, count))


def _windows(padded, shape, places, window):
    """The windows of a padded input, block by block in one buffer.

    Args:
        padded: input, (N, *P, C), in row order.
        shape: K, the sizes of the kernel.
        places: Q, how often it fits.
        window: how it moves.

    Yields:
        Slices of the images and of the first dimension of Q, and the windows there: (M, groups * prod(K)
        * C / groups), to be used before the next are asked for.
    """
    groups, channels = window.groups, padded.shape[-1]
    width = math.prod(shape) * channels
    buffer = None
    # neighbours in the last dimension lie side by side: with few channels copying them together counts
    together = groups == window.dilation[-1] == 1 and channels > 0
    if together:
        lines = padded.reshape(*padded.shape[:-2], padded.shape[-2] * channels)
        source = np.lib.stride_tricks.sliding_window_view(lines, shape[-1] * channels, axis=-1)
        source = source[..., :: window.stride[-1] * channels, :]
    else:
        source = padded.reshape(*padded.shape[:-1], groups, channels // groups)
    for images, rows in _blocks(padded.shape[0], places, width * padded.dtype.itemsize):
        n, r = images.stop - images.start, rows.stop - rows.start
        if math.prod(shape) == math.prod(window.stride) == 1:
            part = padded[images, rows]
        else:
            if buffer is None:
                buffer = np.empty_like(padded, order="C", shape=(n, r, *places[1:], width))
            part = buffer[:n, :r]
            if together:
                _fill_together(part, source, shape, places, window, images, rows)
            else:
                split = part.reshape(*part.shape[:-1], groups, *shape, channels // groups)
                for offset in _offsets(shape):
                    seen = (images, *window.seen(offset, places, rows))
                    split[(..., *offset, slice(None))] = source[seen]
        yield (images, rows), part.reshape(math.prod(part.shape[:-1]), width)


def _fill_together(part, source, shape, places, window, images, rows):
    """Copy windows whose last dimension and channels lie side by side."""
    lines = part.reshape(*part.shape[:-1], *shape[:-1], source.shape[-1])
    if len(shape) == 1:
        lines[...] = source[images, rows]
        return
    for offset in _offsets(shape[:-1]):
        seen = window.seen(offset, places, rows)
        lines[(..., *offset, slice(None))] = source[(images, *seen)]
