"""NumPy's ufuncs on batched arrays: dimensions aligned from the right, the hidden one in front."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .array import (
    BatchArray,
    Later,
    Level,
    levels,
    levels_of,
    lift,
    lowered,
    shape_over,
    unbatched_target,
)


def top(*arrays: Any) -> Any:
    """The youngest level of some arrays, which is their outermost hidden dimension."""
    found: Any = None
    for array in arrays:
        if array.__class__ is BatchArray and (found is None or array.level.number > found.number):
            found = array.level
    return found


def ndim_of(value: Any) -> int:
    """Number of dimensions that are seen."""
    kind = value.__class__
    if kind is float or kind is int:
        return 0
    return value.ndim if hasattr(value, "ndim") else np.ndim(value)


def aligned(value: Any, level: Level, ndim: int) -> Any:
    """What broadcasts, at a level, as an operand of `ndim` dimensions; constants as they are."""
    if value.__class__ is not BatchArray or value.level is not level:
        return value
    missing = ndim - value.ndim
    if missing <= 0:
        return value.inner
    return value.inner.reshape(level.size, *(1,) * missing, *value.shape)


def wrapped(result: Any, level: Level) -> Any:
    """A result, or each of several, as batched."""
    if result.__class__ is np.ndarray:
        return BatchArray(result, level)
    if isinstance(result, tuple):
        items = (wrapped(r, level) for r in result)
        return type(result)(*items) if hasattr(result, "_fields") else tuple(items)
    if isinstance(result, list):
        return [wrapped(r, level) for r in result]
    return BatchArray(result, level)


def shifted(axis: Any, ndim: int) -> Any:
    """Axes of an example as axes of the array inside; None means all of them."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, (tuple, list)):
        return tuple(_shifted(a, ndim) for a in axis)
    return _shifted(axis, ndim) if ndim else ()


def _shifted(axis: Any, ndim: int) -> int:
    a = axis.__index__()
    if not -ndim <= a < ndim:
        raise np.exceptions.AxisError(a, ndim)
    return int(a % ndim + 1)


def _array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`ufunc.method(*inputs, **kwargs)` where some of the operands are batched."""
    for value in inputs:
        if isinstance(value, Tensor):
            return NotImplemented
    if method == "__call__":
        if not kwargs and ufunc.signature is None:
            level = top(*inputs)
            ndim = max(map(ndim_of, inputs))
            return wrapped(ufunc(*[aligned(i, level, ndim) for i in inputs]), level)
        outs = kwargs.pop("out", None)
        level = top(*inputs, *(outs or ()), kwargs.get("where"))
        if ufunc.signature is not None:
            if ufunc is np.matmul and not kwargs and not outs and level not in levels.get():
                product = _product(level, *inputs)
                if product is not None:
                    return product
            result = _general(ufunc, level, inputs, kwargs)
        else:
            ndim = max(map(ndim_of, inputs))
            if outs and outs[0] is not None:
                return _into(ufunc, level, inputs, outs, kwargs)
            if "where" in kwargs:
                kwargs["where"] = aligned(kwargs["where"], level, ndim)
            result = ufunc(*(aligned(i, level, ndim) for i in inputs), **kwargs)
        if outs and outs[0] is not None:
            return write_over(outs[0], wrapped(result, level), ufunc.__name__)
        return wrapped(result, level)
    if kwargs.get("out", (None,))[0] is not None:
        raise NotImplementedError(f"vmap: np.{ufunc.__name__}.{method} has no out= here")
    kwargs.pop("out", None)
    rule: Any = _METHODS.get(method)
    if rule is None:
        raise NotImplementedError(f"vmap: np.{ufunc.__name__}.{method} has no batching rule")
    return rule(ufunc, *inputs, **kwargs)


def _into(ufunc: Any, level: Level, inputs: Any, outs: Any, kwargs: Any) -> Any:
    """A ufunc that writes where it is told to, without a temporary array."""
    out = outs[0]
    if not isinstance(out, BatchArray) or out.level is not level or len(outs) > 1:
        raise unbatched_target(f"np.{ufunc.__name__}")
    if "where" in kwargs:
        kwargs["where"] = aligned(kwargs["where"], level, out.ndim)
    ufunc(*(aligned(i, level, out.ndim) for i in inputs), out=(out.inner,), **kwargs)
    return out


def write_over(out: Any, result: BatchArray, what: str) -> Any:
    """Copy a result into the array that was given for it."""
    if not isinstance(out, BatchArray):
        raise unbatched_target(what)
    out[...] = result
    return out


def _general(ufunc: Any, level: Level, inputs: Any, kwargs: Any) -> Any:
    if ufunc is np.matmul:
        return matmul(level, *inputs, **kwargs)
    # (n),(n)->(): the last dimension belongs to the function, the others broadcast
    ndim = max(map(ndim_of, inputs))
    return ufunc(*(aligned(i, level, ndim) for i in inputs), **kwargs)


def matmul(level: Level, a: Any, b: Any, **kwargs: Any) -> Any:
    """Products of matrices and vectors, as one product where one operand is the same for all."""
    a, b = lowered(a, level), lowered(b, level)
    if not _is_at(a, level) and not _is_at(b, level):
        a = lift(a, level)
    if not _is_at(b, level) and b.ndim == 2 and a.ndim:
        inner = a.inner
        if a.ndim == 1:
            return np.matmul(inner, b, **kwargs)
        rows = inner.reshape(-1, inner.shape[-1]) if inner.size else inner
        return np.matmul(rows, b, **kwargs).reshape(*inner.shape[:-1], b.shape[-1])
    if not _is_at(a, level) and a.ndim == 2 and b.ndim == 1:
        return np.matmul(b.inner, a.swapaxes(0, 1), **kwargs)
    vector = (a.ndim == 1, b.ndim == 1)
    if vector[0]:
        a = a[None, :]
    if vector[1]:
        b = b[:, None]
    ndim = max(a.ndim, b.ndim)
    out = np.matmul(aligned(a, level, ndim), aligned(b, level, ndim), **kwargs)
    if vector[0]:
        out = out[..., 0, :]
    return out[..., 0] if vector[1] else out


def _product(level: Level, a: Any, b: Any) -> BatchArray | None:
    """A product of matrices in a replay, where a shared operand will ask for the sum over all examples.

    That sum is one product, with the examples beside the dimension that is summed anyway. The operands are
    gradients and saved values, which nobody changes in between.

    Returns:
        The product, not yet computed; None where it is none of two batched matrices.
    """
    a, b = lowered(a, level), lowered(b, level)
    if not (_is_at(a, level) and _is_at(b, level) and a.ndim == b.ndim == 2):
        return None
    if a.shape[1] != b.shape[0]:
        return None

    def summed() -> Any:
        x, y = a.inner, b.inner
        left = x.transpose(1, 0, 2).reshape(x.shape[1], x.shape[0] * x.shape[2])
        return np.matmul(left, y.reshape(y.shape[0] * y.shape[1], y.shape[2]))

    later = Later(lambda: np.matmul(a.inner, b.inner), summed)
    shape = shape_over((a.shape[0], b.shape[1]), levels_of(a, b))
    return BatchArray.later(shape, np.result_type(a.dtype, b.dtype), level, later)


def _is_at(array: Any, level: Level) -> bool:
    return isinstance(array, BatchArray) and array.level is level


def _reduce(
    ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, **more: Any
) -> Any:
    level = top(x, more.get("where"))
    if "where" in more:
        more["where"] = aligned(more["where"], level, x.ndim)
    x = lift(x, level)
    out = ufunc.reduce(x.inner, axis=shifted(axis, x.ndim), dtype=dtype, keepdims=keepdims, **more)
    return BatchArray(out, level)


def _accumulate(ufunc: Any, x: BatchArray, axis: int = 0, dtype: Any = None) -> BatchArray:
    return BatchArray(ufunc.accumulate(x.inner, shifted(axis, x.ndim), dtype), x.level)


def _outer(ufunc: Any, a: Any, b: Any, **kwargs: Any) -> Any:
    more = ndim_of(b)
    return ufunc(a.reshape(*a.shape, *(1,) * more) if more else a, b, **kwargs)


def _at(ufunc: Any, x: Any, index: Any, *values: Any) -> None:
    from .indexing import combine

    combine(ufunc, x, index, *values)


_METHODS = {"reduce": _reduce, "accumulate": _accumulate, "outer": _outer, "at": _at}

setattr(BatchArray, "__array_ufunc__", _array_ufunc)  # noqa: B010
