"""NumPy's functions of shapes: what they mean on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .shape import (
    cat,
    clone,
    expand,
    flatten,
    normal_dims,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)
from .words import implements

__all__: list[str] = []


@implements(np.reshape)
def _np_reshape(
    a: Any,
    /,
    shape: Any = None,
    order: str = "C",
    *,
    newshape: Any = None,
    copy: bool | None = None,
) -> Any:
    if order not in ("C", "A"):
        raise ArgumentError(f"np.reshape: tensors have the order 'C', got {order!r}")
    out = reshape(a, newshape if shape is None else shape)
    return clone(out) if copy else out


@implements(np.ravel)
def _np_ravel(a: Any, order: str = "C") -> Any:
    if order not in ("C", "A"):
        raise ArgumentError(f"np.ravel: tensors have the order 'C', got {order!r}")
    return flatten(a)


@implements(np.transpose)
def _np_transpose(a: Any, axes: Any = None) -> Any:
    return permute(a, tuple(reversed(range(a.ndim))) if axes is None else tuple(axes))


@implements(np.swapaxes)
def _np_swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    return transpose(a, axis1, axis2)


@implements(np.squeeze)
def _np_squeeze(a: Any, axis: Any = None) -> Any:
    for dim in () if axis is None else normal_dims("squeeze", axis, a.ndim):
        if a.shape[dim] != 1:
            raise ShapeError(f"np.squeeze: dimension {dim} of shape {a.shape} is not 1")
    return squeeze(a, axis)


@implements(np.expand_dims)
def _np_expand_dims(a: Any, axis: Any) -> Any:
    dims = axis if isinstance(axis, (tuple, list)) else (axis,)
    for dim in sorted(normal_dims("expand_dims", tuple(dims), a.ndim + len(dims))):
        a = unsqueeze(a, dim)
    return a


@implements(np.broadcast_to)
def _np_broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return expand(array, (shape,) if isinstance(shape, int) else tuple(shape))


@implements(np.concatenate)
def _np_concatenate(
    arrays: Any,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    parts = [flatten(a) for a in arrays] if axis is None else list(arrays)
    joined = cat(parts, axis or 0)
    return joined if dtype is None else joined.to(dtype)


@implements(np.stack)
def _np_stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    joined = stack(list(arrays), axis)
    return joined if dtype is None else joined.to(dtype)


@implements(np.copy)
def _np_copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return clone(a)


@implements(np.shape)
def _np_shape(a: Any) -> Any:
    return a.shape


@implements(np.ndim)
def _np_ndim(a: Any) -> Any:
    return a.ndim


@implements(np.size)
def _np_size(a: Any, axis: Any = None) -> Any:
    return a.numel() if axis is None else int(np.prod([a.shape[d] for d in np.atleast_1d(axis)]))
