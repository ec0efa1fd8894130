"""NumPy's ways to join, cut, choose and sort that PyTorch has no function for: what they mean on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..device import backend_of
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor, to_host, wrap
from .arrange import broadcast_tensors, movedim
from .cast import cast, common_dtype
from .choose import where
from .cutting import unbind, unfold
from .diagonal import diagonal
from .einsum import tensordot
from .gather import index_select, masked_select, nonzero, take
from .index import take_along_dim
from .linalg import matmul
from .numpy_math import operands
from .predicates import isin
from .products import outer
from .put import masked_scatter
from .reduce import sum as sum_over
from .shape import broadcast_to, cat, expand, flatten, normal_dim, reshape, stack, transpose
from .sort import argsort, sort
from .words import implements

__all__: list[str] = []


def _common(*values: Any) -> list[Tensor]:
    """Tensors of one dtype."""
    tensors = operands(*values)
    dtype = common_dtype(tuple(tensors))
    return [cast(t, dtype) for t in tensors]


def _numbers(like: Tensor, values: Any) -> Tensor:
    """An integer tensor on the device of another one."""
    host = np.asarray(values, dtype=np.int64)
    array = host if isinstance(like.array, np.ndarray) else backend_of(like.array).from_host(host)
    return wrap(array[...])


# -- joining and resizing ----------------------------------------------------------------------------


@implements(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Tensor:
    arr, values = _common(arr, np.asarray(values) if isinstance(values, (list, tuple)) else values)
    if axis is None:
        return cat([flatten(arr), flatten(values)])
    return cat([arr, values], axis)


@implements(np.block)
def _block(arrays: Any) -> Tensor:
    leaves: list[Any] = []
    depth = _collect(arrays, leaves, 0)
    tensors = iter(_common(*leaves))
    ndim = max(depth, *(np.ndim(leaf) for leaf in leaves))

    def joined(part: Any, level: int) -> Tensor:
        if isinstance(part, list):
            return cat([joined(p, level + 1) for p in part], level - depth)
        tensor = next(tensors)
        return reshape(tensor, (1,) * (ndim - tensor.ndim) + tensor.shape)

    return joined(arrays, 0)


def _collect(part: Any, leaves: list[Any], level: int) -> int:
    """All leaves of nested lists in order, and how deep they lie, which must be the same for all."""
    if not isinstance(part, list):
        leaves.append(part)
        return level
    depths = {_collect(p, leaves, level + 1) for p in part}
    if len(depths) != 1:
        raise ArgumentError("np.block: lists must not be empty, and of the same depth everywhere")
    return depths.pop()


@implements(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        arr, axis = flatten(arr), 0
    kept = np.delete(np.arange(arr.shape[axis]), _positions(obj))
    return index_select(arr, axis, _numbers(arr, kept))


def _positions(obj: Any) -> Any:
    return to_host(obj) if isinstance(obj, Tensor) else obj


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    arr, values = operands(arr, np.asarray(values) if isinstance(values, (list, tuple)) else values)
    if axis is None:
        arr, axis = flatten(arr), 0
    axis = normal_dim("insert", axis, arr.ndim)
    values, n = cast(values, arr.dtype), arr.shape[axis]
    obj = _positions(obj)
    places = np.arange(n)[obj] if isinstance(obj, slice) else np.asarray(obj)
    if values.ndim < arr.ndim:
        values = reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if not places.ndim:  # for a single place the values' first dimension is the one to insert
        values = movedim(values, 0, axis)
        count = values.shape[axis]
    else:
        count = places.size
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    joined = cat([arr, broadcast_to(values, shape)], axis)
    return index_select(joined, axis, _numbers(arr, order))


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Tensor:
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    flat = flatten(a)
    size = int(np.prod(shape))
    if not flat.shape[0]:
        return wrap(np.zeros_like(flat.array, shape=shape))
    return reshape(take(flat, _numbers(flat, np.arange(size) % flat.shape[0])), shape)


# -- shape -------------------------------------------------------------------------------------------


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    axis = normal_dim("rollaxis", axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return movedim(a, axis, start - (axis < start))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Tensor:
    return transpose(x, -2, -1)


def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    return unbind(x, axis)


def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    return x.to(dtype, copy=copy)


for _name, _word in (("unstack", _unstack), ("astype", _astype)):
    if hasattr(np, _name):  # NumPy 2.1
        implements(getattr(np, _name))(_word)


@implements(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Tensor:
    sizes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if len(sizes) != len(axes):
        raise ArgumentError(
            f"np.lib.stride_tricks.sliding_window_view: {len(sizes)} sizes do not fit {len(axes)} axes"
        )
    for size, dim in zip(sizes, axes, strict=True):
        x = unfold(x, dim if dim >= 0 else dim + x.ndim - len(sizes), size, 1)
    return x


implements(np.linalg.matmul)(lambda x1, x2, /: matmul(x1, x2))
implements(np.linalg.outer)(lambda x1, x2, /: outer(x1, x2))


@implements(np.linalg.tensordot)
def _tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Tensor:
    first, second = operands(x1, x2)
    return tensordot(first, second, axes)


@implements(np.linalg.diagonal)
def _diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    return diagonal(x, offset, -2, -1)


@implements(np.linalg.trace)
def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    return sum_over(diagonal(x, offset, -2, -1), -1, dtype=dtype)


# -- choosing ----------------------------------------------------------------------------------------


@implements(np.flatnonzero)
def _flatnonzero(a: Any) -> Tensor:
    return nonzero(flatten(a), as_tuple=True)[0]


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Tensor:
    condition, arr = operands(condition, arr)
    return masked_select(flatten(arr), flatten(condition) != 0)


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Tensor:
    if axis is None:
        a, axis = flatten(a), 0
    return index_select(a, axis, _numbers(a, np.flatnonzero(_positions(condition))))


@implements(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Tensor:
    places, *options = broadcast_tensors(*operands(a, *choices))
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentError(f"np.choose: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    n = len(options)
    if mode != "raise":
        places = places % n if mode == "wrap" else places.clamp(0, n - 1)
    return take_along_dim(stack(_common(*options)), places[None], 0)[0]


@implements(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(
            f"np.select: as many conditions as choices are needed, got {len(condlist)} and "
            f"{len(choicelist)}"
        )
    out: Any = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        tensors = operands(*(v for v in (condition, choice, out)), *_some(condlist, choicelist))
        out = where(tensors[0], tensors[1], tensors[2])
    return out


def _some(*lists: Any) -> list[Tensor]:
    """One tensor of some lists, which tells the device."""
    return [next(v for values in lists for v in values if isinstance(v, Tensor))]


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tensor:
    """Each function sees its own elements only, so no other one's NaN reaches the gradient."""
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    x, *conditions = operands(x, *conditions)
    masks = [m != 0 for m in conditions]
    if len(funclist) == len(masks) + 1:
        rest = ~masks[0]
        for mask in masks[1:]:
            rest = rest & ~mask
        masks.append(rest)
    if len(funclist) != len(masks):
        raise ArgumentError(
            f"np.piecewise: {len(masks)} conditions need as many functions, or one more, got "
            f"{len(funclist)}"
        )
    out = wrap(np.zeros_like(x.array))
    for mask, function in zip(masks, funclist, strict=True):
        mask = expand(mask, x.shape)
        if callable(function):
            values = function(masked_select(x, mask), *args, **kw)
            out = masked_scatter(out, mask, cast(operands(values, x)[0], x.dtype))
        else:
            out = where(mask, cast(operands(function, x)[0], x.dtype), out)
    return out


# -- order -------------------------------------------------------------------------------------------


@implements(np.partition)
def _partition(
    a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None
) -> Tensor:
    """Sorted altogether, which is a partition at every place."""
    return sort(flatten(a), 0)[0] if axis is None else sort(a, axis)[0]


@implements(np.argpartition)
def _argpartition(
    a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None
) -> Tensor:
    return argsort(flatten(a), 0) if axis is None else argsort(a, axis)


@implements(np.lexsort)
def _lexsort(keys: Any, axis: int = -1) -> Tensor:
    first, *others = unbind(keys) if isinstance(keys, Tensor) else operands(*keys)
    order = argsort(first, axis, stable=True)
    for key in others:
        later = argsort(take_along_dim(key, order, axis), axis, stable=True)
        order = take_along_dim(order, later, axis)
    return order


def _set(values: Any) -> Tensor:
    return np.unique(flatten(values))  # type: ignore[return-value]


@implements(np.union1d)
def _union1d(ar1: Any, ar2: Any) -> Tensor:
    first, second = _common(ar1, ar2)
    return _set(cat([flatten(first), flatten(second)]))


@implements(np.intersect1d)
def _intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tensor:
    first, second = _common(ar1, ar2)
    first = _set(first)
    return masked_select(first, isin(first, second))


@implements(np.setdiff1d)
def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tensor:
    first, second = operands(ar1, ar2)
    first = flatten(first) if assume_unique else _set(first)
    return masked_select(first, isin(first, second, invert=True))


@implements(np.setxor1d)
def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tensor:
    first, second = _common(ar1, ar2)
    return sort(cat([_setdiff1d(first, second), _setdiff1d(second, first)]), 0)[0]


@implements(np.unique_values)
def _unique_values(x: Any) -> Tensor:
    return _set(x)


# -- places ------------------------------------------------------------------------------------------


@implements(np.ravel_multi_index)
def _ravel_multi_index(
    multi_index: Any, dims: Any, mode: str = "raise", order: str = "C"
) -> Tensor:
    if mode not in ("raise", "wrap", "clip") or order != "C":
        raise ArgumentError(
            f"np.ravel_multi_index: mode must be 'raise', 'wrap' or 'clip' and order 'C', got {mode!r} "
            f"and {order!r}"
        )
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    places = (
        list(unbind(multi_index)) if isinstance(multi_index, Tensor) else operands(*multi_index)
    )
    if len(places) != len(dims):
        raise ShapeError(f"np.ravel_multi_index: {len(places)} indices for {len(dims)} dimensions")
    out: Any = 0
    for place, n in zip(places, dims, strict=True):
        if mode == "raise" and bool(((place < 0) | (place >= n)).any()):
            raise ArgumentError(f"np.ravel_multi_index: an index is not between 0 and {n - 1}")
        place = place % n if mode == "wrap" else place.clamp(0, n - 1) if mode == "clip" else place
        out = place + n * out
    return out
