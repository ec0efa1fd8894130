"""NumPy's functions on tensors: `np.exp(t)` and `np.add.reduce(t)` record like `tg.exp(t)`.

The same protocols let the rules be written in NumPy's words: handed a tensor, they record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .device import backend_of
from .errors import ArgumentError, DtypeError
from .ops import (
    arithmetic,
    choose,
    compare,
    cutting,
    elementwise,
    index,
    linalg,
    moments,
    reduce,
    shape,
)  # fmt: skip
from .ops.words import FUNCTIONS, REDUCTIONS, UFUNCS, implements
from .tensor import Tensor, raw, wrap

UFUNCS.update({
    np.add: arithmetic.add, np.subtract: arithmetic.sub, np.multiply: arithmetic.mul,
    np.true_divide: arithmetic.div, np.floor_divide: arithmetic.floor_divide,
    np.remainder: arithmetic.remainder, np.power: arithmetic.pow, np.negative: arithmetic.neg,
    np.square: arithmetic.square, np.exp: elementwise.exp, np.log: elementwise.log,
    np.sqrt: elementwise.sqrt, np.sin: elementwise.sin, np.cos: elementwise.cos,
    np.tanh: elementwise.tanh, np.absolute: elementwise.abs, np.sign: elementwise.sign,
    np.maximum: choose.maximum, np.minimum: choose.minimum, np.matmul: linalg.matmul,
    np.equal: compare.eq, np.not_equal: compare.ne, np.less: compare.lt, np.less_equal: compare.le,
    np.greater: compare.gt, np.greater_equal: compare.ge, np.logical_and: compare.logical_and,
    np.logical_or: compare.logical_or, np.logical_xor: compare.logical_xor,
    np.logical_not: compare.logical_not, np.bitwise_and: compare.bitwise_and,
    np.bitwise_or: compare.bitwise_or, np.bitwise_xor: compare.bitwise_xor,
    np.invert: compare.bitwise_not, np.isnan: compare.isnan, np.isfinite: compare.isfinite,
    np.isinf: compare.isinf,
})  # fmt: skip


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__":
        operation = UFUNCS.get(ufunc)
        if operation is not None and not {k for k in kwargs if k != "dtype"}:
            out = operation(*inputs)
            return out if kwargs.get("dtype") is None else out.to(kwargs["dtype"])
    elif (
        method == "reduce"
        and ufunc in REDUCTIONS
        and not kwargs.keys() - {"axis", "keepdims", "dtype"}
    ):
        axis = kwargs.get("axis", inputs[1] if len(inputs) > 1 else 0)
        out = REDUCTIONS[ufunc](inputs[0], axis, kwargs.get("keepdims", False))
        return out if kwargs.get("dtype") is None else out.to(kwargs["dtype"])
    called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    options = f" with {', '.join(kwargs)}" if kwargs else ""
    raise DtypeError(
        f"np.{called}{options} is not recorded for tensors; use a tapegrad function, or "
        "x.detach().numpy() to leave the tape"
    )


def _reduce_max(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    if axis is None or isinstance(axis, tuple):
        return moments.amax(x, axis, keepdims)
    return reduce.max(x, axis, keepdims).values  # type: ignore[no-any-return]


def _reduce_min(x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    if axis is None or isinstance(axis, tuple):
        return moments.amin(x, axis, keepdims)
    return reduce.min(x, axis, keepdims).values  # type: ignore[no-any-return]


REDUCTIONS.update({
    np.add: reduce.sum, np.maximum: _reduce_max, np.minimum: _reduce_min,
    np.logical_and: reduce.all, np.logical_or: reduce.any,
})  # fmt: skip


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    implementation = FUNCTIONS.get(function)
    out = kwargs.get("out") is not None
    if implementation is None or out:
        raise DtypeError(
            f"np.{function.__name__}{' with out' if out else ''} is not recorded for tensors; use a "
            "tapegrad function, or x.detach().numpy() to leave the tape"
        )
    return implementation(*args, **kwargs)


@implements(np.sum)
def _sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return reduce.sum(a, axis, keepdims, dtype=dtype)


@implements(np.mean)
def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return reduce.mean(a, axis, keepdims, dtype=dtype)


@implements(np.var)
def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: bool = False,
) -> Any:
    return reduce.var(a, axis, correction=ddof, keepdim=keepdims)


@implements(np.max, np.amax)
def _max(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return _reduce_max(a, axis, keepdims)


@implements(np.min, np.amin)
def _min(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return _reduce_min(a, axis, keepdims)


@implements(np.argmax)
def _argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return reduce.argmax(a, axis, keepdims)


@implements(np.argmin)
def _argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return reduce.argmin(a, axis, keepdims)


@implements(np.all)
def _all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return reduce.all(a, axis, keepdims)


@implements(np.any)
def _any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return reduce.any(a, axis, keepdims)


@implements(np.where)
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return choose.where(condition, x, y)


@implements(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    return choose.clamp(a, a_min, a_max)


@implements(np.reshape)
def _reshape(a: Any, shape_: Any) -> Any:
    return shape.reshape(a, shape_)


@implements(np.ravel)
def _ravel(a: Any) -> Any:
    return shape.flatten(a)


@implements(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    return shape.permute(a, tuple(reversed(range(a.ndim))) if axes is None else tuple(axes))


@implements(np.swapaxes)
def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    return shape.transpose(a, axis1, axis2)


@implements(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    return shape.squeeze(a, axis)


@implements(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    return shape.unsqueeze(a, axis)


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape_: Any) -> Any:
    return shape.expand(array, (shape_,) if isinstance(shape_, int) else tuple(shape_))


@implements(np.concatenate)
def _concatenate(arrays: Any, axis: int = 0) -> Any:
    return shape.cat(list(arrays), axis)


@implements(np.stack)
def _stack(arrays: Any, axis: int = 0) -> Any:
    return shape.stack(list(arrays), axis)


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    n, sections = ary.shape[axis], indices_or_sections
    if isinstance(sections, int) and (sections <= 0 or n % sections):
        raise ArgumentError(
            f"np.split: {sections} parts of {n} elements are not equal; use np.array_split"
        )
    return list(cutting.tensor_split(ary, sections, axis))


@implements(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int = -1) -> Any:
    return index.take_along_dim(
        arr, indices if isinstance(indices, Tensor) else wrap(indices[...]), axis
    )


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return shape.clone(a)


@implements(np.allclose)
def _allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    return np.allclose(_plain(a), _plain(b), rtol=rtol, atol=atol, equal_nan=equal_nan)


@implements(np.array_equal)
def _array_equal(a: Any, b: Any, equal_nan: bool = False) -> Any:
    return np.array_equal(_plain(a), _plain(b), equal_nan=equal_nan)


@implements(np.shape)
def _shape(a: Any) -> Any:
    return a.shape


@implements(np.ndim)
def _ndim(a: Any) -> Any:
    return a.ndim


@implements(np.size)
def _size(a: Any, axis: Any = None) -> Any:
    return a.numel() if axis is None else a.shape[axis]


def _plain(value: Any) -> Any:
    return backend_of(value.array).to_host(value.array) if isinstance(value, Tensor) else raw(value)


@implements(np.zeros_like)
def _zeros_like(a: Tensor, dtype: Any = None, shape: Any = None, **options: Any) -> Tensor:
    return wrap(np.zeros_like(a.array, dtype=dtype, shape=shape))


@implements(np.ones_like)
def _ones_like(a: Tensor, dtype: Any = None, shape: Any = None, **options: Any) -> Tensor:
    return wrap(np.ones_like(a.array, dtype=dtype, shape=shape))


setattr(Tensor, "__array_ufunc__", _array_ufunc)  # noqa: B010
setattr(Tensor, "__array_function__", _array_function)  # noqa: B010
