"""Kernels on batched arrays where their text would not run, or the examples can be folded away."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .array import BatchArray, Later, levels, levels_of, lift, lowered, shape_over
from .nodes import widened
from .ufuncs import aligned


def _folded(array: BatchArray) -> Any:
    """The examples as part of the first dimension that is seen."""
    inner = array.inner
    return inner.reshape(inner.shape[0] * inner.shape[1], *inner.shape[2:])


def _unfolded(array: Any, like: BatchArray) -> BatchArray:
    shape = (like.level.size, array.shape[0] // max(like.level.size, 1), *array.shape[1:])
    return like.around(array.reshape(shape))


def combine_at(x: Any, at: Any, values: Any, ufunc: Any) -> Any:
    """All examples in one row, each with positions of its own."""
    level = levels_of(x, at, values)[-1]
    x, at = lift(x, level), lift(at, level)
    n = x.size
    each = np.arange(level.size, like=at.inner).reshape(-1, 1) * n
    places = (at.inner + each).reshape(-1)
    values = np.broadcast_to(aligned(values, level, 1), at.inner.shape).reshape(-1)
    flat = kernels.combine_at(x.inner.reshape(-1), places, values, ufunc)
    return BatchArray(flat.reshape(level.size, *x.shape), level)


def _differs(x: BatchArray, *weights: Any) -> bool:
    """Whether a weight is another one for the examples of `x`, or there is nothing to fold."""
    return x.inner.size == 0 or any(x.level in levels_of(w) for w in weights)


def conv(x: Any, w: Any, window: Any, bias: Any = None) -> Any:
    """With one weight for all examples, they are one batch of images."""
    text = kernels.conv.__wrapped__
    w, bias = lowered(w, x.level), lowered(bias, x.level)
    if _differs(x, w, bias):
        return text(x, w, window, bias)
    return _unfolded(kernels.conv(widened(_folded(x), w, bias), w, window, bias), x)


def conv_input_grad(g: Any, w: Any, spatial: Any, window: Any, *more: Any) -> Any:
    """The same for the gradient of the images."""
    text = kernels.conv_input_grad.__wrapped__
    w, more = lowered(w, g.level), tuple(lowered(m, g.level) for m in more)
    if _differs(g, w, *more):
        return text(g, w, spatial, window, *more)
    return _unfolded(kernels.conv_input_grad(widened(_folded(g), w), w, spatial, window, *more), g)


def conv_weight_grad(g: Any, x: Any, shape: Any, window: Any) -> Any:
    """For a weight that all examples share their sum is asked for: again one batch of images."""
    text = kernels.conv_weight_grad.__wrapped__
    level = g.level
    fits = isinstance(x, BatchArray) and x.level is level and x.shape[0] == g.shape[0]
    if level in levels.get() or not fits:
        return text(g, x, shape, window)
    # only for its shape: the weight's, whose groups the window knows
    sizes = (g.shape[1], x.shape[1] // window.groups, *shape)
    later = Later(
        lambda: text(g, x, shape, window).inner,
        lambda: kernels.conv_weight_grad(_folded(g), _folded(x), shape, window),
    )
    return BatchArray.later(shape_over(sizes, levels_of(g, x)), g.dtype, level, later)


def add_rows(g: Any, indices: Any, n: int) -> Any:
    """The same for the rows of a table, which would be one table for each example."""
    text = kernels.add_rows.__wrapped__
    level = g.level
    fits = isinstance(indices, BatchArray) and indices.level is level
    if level in levels.get() or not fits:
        return text(g, indices, n)
    later = Later(
        lambda: text(g, indices, n).inner,
        lambda: kernels.add_rows(_folded(g), indices.inner.reshape(-1), n),
    )
    return BatchArray.later(
        shape_over((n, g.shape[1]), levels_of(g, indices)), g.dtype, level, later
    )


kernels.conv_weight_grad.register(BatchArray)(conv_weight_grad)
kernels.add_rows.register(BatchArray)(add_rows)
kernels.combine_at.register(BatchArray)(combine_at)
kernels.conv.register(BatchArray)(conv)
kernels.conv_input_grad.register(BatchArray)(conv_input_grad)
