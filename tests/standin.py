"""A device without a card: an array type that keeps NumPy inside and refuses to show it.

`StrictArray` speaks both NumPy protocols as CuPy does, answers arrays where CuPy answers arrays (0-d
ones too), and raises wherever CuPy would need a copy to the host. Operations, rules, layers and
optimisers that run on it hold no hidden conversion, which is what has to be true on a card.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tapegrad.device import register_backend

# NumPy functions that answer a Python bool without looking at the values.
_ABOUT_TYPES = {np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory, np.can_cast}


def _refuse(what: str) -> TypeError:
    return TypeError(f"standin: implicit conversion to the host by {what} is not allowed")


# The methods of ufuncs that CuPy 14 has: `np.maximum.reduce` is not among them, `np.max` is.
_SUMS = {"add", "multiply"}
# and the dtypes that their `at` has: those of a card's atomic operations
_BITS = "iIlLqQ"
_AT = {
    "add": "efdiILQ", "subtract": "iI", "maximum": "fdiILQ", "minimum": "fdiILQ",
    "bitwise_and": _BITS, "bitwise_or": _BITS, "bitwise_xor": _BITS,
}  # fmt: skip
_METHODS = {
    "reduce": _SUMS, "accumulate": _SUMS, "reduceat": _SUMS, "outer": set(dir(np)),
    "at": set(_AT),
}  # fmt: skip


class StrictArray(NDArrayOperatorsMixin):
    """An array on the device "standin"."""

    __slots__ = ("__weakref__", "base", "host")
    __array_priority__ = 100

    def __init__(self, host: np.ndarray, base: StrictArray | None = None) -> None:
        self.host = host
        self.base = base

    # -- what is known without looking at the values ---------------------------------------------

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    flags = property(lambda self: self.host.flags)
    nbytes = property(lambda self: self.host.nbytes)
    itemsize = property(lambda self: self.host.itemsize)
    strides = property(lambda self: self.host.strides)
    __cuda_array_interface__ = property(lambda self: self.host.__array_interface__)
    T = property(lambda self: _wrap(self.host.T, self))
    real = property(lambda self: _wrap(self.host.real, self))
    imag = property(lambda self: _wrap(self.host.imag, self))

    def __len__(self) -> int:
        return len(self.host)

    def __repr__(self) -> str:
        return f"StrictArray(shape={self.shape}, dtype={self.dtype})"

    def __reduce__(self) -> Any:
        return StrictArray, (self.host.copy(),)

    def __deepcopy__(self, memo: Any) -> StrictArray:
        return self.copy()

    # -- what would need the values on the host --------------------------------------------------

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise _refuse("__array__")

    def __float__(self) -> float:
        raise _refuse("float()")

    def __int__(self) -> int:
        raise _refuse("int()")

    def __bool__(self) -> bool:
        raise _refuse("bool()")

    def __index__(self) -> int:
        raise _refuse("use as an index")

    def __complex__(self) -> complex:
        raise _refuse("complex()")

    def __iter__(self) -> Any:
        raise _refuse("iteration")

    def __contains__(self, value: Any) -> bool:
        raise _refuse("in")

    def tolist(self) -> Any:
        raise _refuse("tolist()")

    def item(self, *args: Any) -> Any:
        raise _refuse("item()")

    # -- the two protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        outs = kwargs.pop("out", ())
        if not all(map(_known, (*inputs, *outs, *kwargs.values()))):
            return NotImplemented
        strict = [i for i in inputs if isinstance(i, StrictArray)]
        if any(not isinstance(out, StrictArray) for out in outs if out is not None):
            raise _refuse(f"out= of {ufunc.__name__}")
        if method != "__call__" and ufunc.__name__ not in _METHODS[method]:
            raise _refuse(f"np.{ufunc.__name__}.{method}")
        if method == "at" and inputs[0].dtype.char not in _AT[ufunc.__name__]:
            raise _refuse(f"np.{ufunc.__name__}.at on {inputs[0].dtype}")
        given = [_lower(value) for value in inputs]
        kwargs = {key: _lower(value) for key, value in kwargs.items()}
        if outs:
            kwargs["out"] = tuple(None if out is None else out.host for out in outs)
        result = getattr(ufunc, method)(*given, **kwargs)
        if method == "at":
            return None
        if outs:
            if isinstance(result, tuple):
                return tuple(
                    _lift(r, strict) if out is None else out
                    for r, out in zip(result, outs, strict=True)
                )
            return outs[0]
        return _lift(result, strict)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(map(_known, (*args, *kwargs.values()))):
            return NotImplemented
        strict = list(_arrays_in((args, kwargs)))
        outs = kwargs.get("out")
        result = function(*_lower(args), **_lower(kwargs))
        if outs is not None:
            return outs
        if isinstance(result, bool) and function in _ABOUT_TYPES:
            return result
        return _lift(np.asarray(result) if isinstance(result, bool) else result, strict)

    # -- methods that CuPy's arrays have too -----------------------------------------------------

    def __getitem__(self, index: Any) -> StrictArray:
        return _wrap(self.host[_lower(_whole(index))], self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if not _known(value):
            raise TypeError(f"standin: cannot assign a {type(value).__name__}")
        self.host[_lower(_whole(index))] = _lower(value)

    def reshape(self, *shape: Any, order: str = "C") -> StrictArray:
        return _wrap(self.host.reshape(*shape, order=order), self)

    def transpose(self, *axes: Any) -> StrictArray:
        return _wrap(self.host.transpose(*axes), self)

    def swapaxes(self, a: int, b: int) -> StrictArray:
        return _wrap(self.host.swapaxes(a, b), self)

    def ravel(self, order: str = "C") -> StrictArray:
        return _wrap(self.host.ravel(order), self)

    def view(self, *args: Any) -> StrictArray:
        return _wrap(self.host.view(*args), self)

    def squeeze(self, axis: Any = None) -> StrictArray:
        return _wrap(self.host.squeeze(axis), self)

    def astype(self, dtype: Any, order: str = "K", *, copy: bool = True) -> StrictArray:
        return _wrap(self.host.astype(dtype, order, copy=copy), self)

    def copy(self, order: str = "C") -> StrictArray:
        return StrictArray(self.host.copy(order))

    def fill(self, value: Any) -> None:
        self.host.fill(_lower(value))

    def all(self, *args: Any, **kwargs: Any) -> StrictArray:
        return _wrap(self.host.all(*args, **kwargs))

    def any(self, *args: Any, **kwargs: Any) -> StrictArray:
        return _wrap(self.host.any(*args, **kwargs))

    def sum(self, *args: Any, **kwargs: Any) -> StrictArray:
        return _wrap(self.host.sum(*args, **kwargs))

    def max(self, *args: Any, **kwargs: Any) -> StrictArray:
        return _wrap(self.host.max(*args, **kwargs))

    def min(self, *args: Any, **kwargs: Any) -> StrictArray:
        return _wrap(self.host.min(*args, **kwargs))


def _wrap(result: Any, source: StrictArray | None = None) -> StrictArray:
    """A result as an array of the device, tied to the array whose memory it looks at."""
    if source is not None and isinstance(result, np.ndarray) and result.base is not None:
        shares = result.size == 0 or np.may_share_memory(result, source.host)
        return StrictArray(result, source if shares else None)
    return StrictArray(np.asarray(result))


def _lift(result: Any, sources: list[StrictArray]) -> Any:
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(_lift(r, sources) for r in result))
    if isinstance(result, (tuple, list)):
        return type(result)(_lift(r, sources) for r in result)
    if isinstance(result, np.ndarray):
        for source in sources:
            if result is source.host:
                return source
            if result.base is not None and np.may_share_memory(result, source.host):
                return StrictArray(result, source)
        return StrictArray(result)
    if isinstance(result, np.generic):
        return StrictArray(np.asarray(result))
    return result


def _lower(value: Any) -> Any:
    if isinstance(value, StrictArray):
        return value.host
    if isinstance(value, np.ndarray) and value.ndim:
        raise _refuse("an operation with a NumPy array")
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(map(_lower, value))
    if isinstance(value, list):
        return [_lower(v) for v in value]
    if isinstance(value, dict):
        return {key: _lower(v) for key, v in value.items()}
    return value


def _arrays_in(value: Any) -> Any:
    if isinstance(value, StrictArray):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _arrays_in(v)
    elif isinstance(value, dict):
        yield from _arrays_in(tuple(value.values()))


def _known(value: Any) -> bool:
    """Whether a value is none that has its own way with NumPy's functions (a tensor has)."""
    if isinstance(value, (tuple, list)):
        return all(map(_known, value))
    if isinstance(value, (StrictArray, np.ndarray, np.generic, type)):
        return True
    return not hasattr(type(value), "__array_function__")


def _whole(index: Any) -> Any:
    """An index that gives an array, not a scalar, for one element."""
    parts = index if isinstance(index, tuple) else (index,)
    return parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)


def _as_strided(x: StrictArray, shape: Any, strides: Any) -> StrictArray:
    return _wrap(np.lib.stride_tricks.as_strided(x.host, shape, strides), x)


class _Namespace:
    """NumPy's functions with results on the device."""

    ndarray = StrictArray
    lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=_as_strided))

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if isinstance(found, type) or not callable(found):
            return found

        def function(*args: Any, **kwargs: Any) -> Any:
            return _lift(found(*_lower(args), **_lower(kwargs)), [])

        function.__name__ = name
        return function


namespace = _Namespace()


def from_host(array: Any) -> StrictArray:
    """A copy on the device."""
    return StrictArray(np.array(array))


def to_host(array: StrictArray) -> np.ndarray:
    """A copy on the host."""
    return array.host.copy()


def special() -> Any:
    """SciPy's functions, which are NumPy ufuncs and so run on the device."""
    import scipy.special

    return scipy.special


register_backend(StrictArray, "standin", namespace, from_host, to_host, special=special)
