"""Broadcasting and scattering without a Python loop, and without leaving the device."""

from __future__ import annotations

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
        np.add.at(place, stages[-1], g)
    else:
        place[stages[-1]] = g
    return out


@kernel
def index_zero(g, stages):
    """A copy of `g` with zeros at an index: the adjoint of writing there."""
    out = g.copy()
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
