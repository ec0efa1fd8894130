"""NumPy's functions on tensors: `np.exp(t)` and `np.add.reduce(t)` record like `tg.exp(t)`.

What each function means stands beside the operations, in the registries of `ops/words.py`; here a call is
looked up there. The same protocols let the rules be written in NumPy's words: handed a tensor, they record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .equivalents import EQUIVALENTS
from .errors import ArgumentError, DtypeError
from .ops.output import into
from .ops.shape import unsqueeze
from .ops.words import ACCUMULATIONS, FUNCTIONS, REDUCTIONS, UFUNCS
from .tensor import Tensor, wrap


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__":
        operation = UFUNCS.get(ufunc)
        if operation is not None:
            if not kwargs:
                try:
                    return operation(*inputs)
                except DtypeError:
                    if not any(isinstance(x, (list, tuple)) for x in inputs):
                        raise
                return operation(*map(_listed, inputs))
            if not kwargs.keys() - {"dtype", "out"}:
                return _finished(operation, inputs, kwargs)
    elif method == "reduce":
        operation = REDUCTIONS.get(ufunc)
        if operation is not None and not kwargs.keys() - {"axis", "keepdims", "dtype", "out"}:
            axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
            given = inputs[0], axis, kwargs.pop("keepdims", False)
            return _finished(operation, given, kwargs) if kwargs else operation(*given)
    elif method == "accumulate":
        operation = ACCUMULATIONS.get(ufunc)
        if operation is not None and not kwargs.keys() - {"axis", "dtype", "out"}:
            axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
            return _finished(operation, (inputs[0], axis), kwargs)
    elif method == "outer" and ufunc in UFUNCS and not kwargs:
        first, second = (x if isinstance(x, Tensor) else wrap(np.asarray(x)[...]) for x in inputs)
        for _ in range(second.ndim):
            first = unsqueeze(first, -1)
        return UFUNCS[ufunc](first, second)
    called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    raise _not_recorded(f"np.{called}", f" with {', '.join(kwargs)}" if kwargs else "")


def _listed(value: Any) -> Any:
    """NumPy reads lists as arrays."""
    return np.asarray(value) if isinstance(value, (list, tuple)) else value


def _finished(operation: Any, inputs: Any, kwargs: Any) -> Any:
    """The operation with NumPy's `dtype` and `out`."""
    dtype, out = kwargs.get("dtype"), kwargs.get("out")

    def converted(*given: Any) -> Any:
        made = operation(*given)
        return made if dtype is None else made.to(dtype)

    if out is None:
        return converted(*inputs)
    converted.__name__ = f"np.{operation.__name__}"
    return into(out[0] if len(out) == 1 else out, converted, *inputs)


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        raise _not_recorded(name_of(function))
    out = kwargs.get("out")
    try:
        if out is None:
            return implementation(*args, **kwargs)
        return _into(out, function, implementation, args, kwargs)
    except TypeError as error:
        raise _misfit(function, implementation, args, kwargs) or error from None


def _into(out: Any, function: Any, implementation: Any, args: Any, kwargs: Any) -> Any:
    def compute(*given: Any, **options: Any) -> Any:
        return implementation(*given, **options)

    compute.__name__ = name_of(function)
    return into(out, compute, *args, **{k: v for k, v in kwargs.items() if k != "out"})


def name_of(function: Any) -> str:
    """`np.linalg.norm` for `numpy.linalg.norm`."""
    return f"np{function.__module__.removeprefix('numpy')}.{function.__name__}"


def _misfit(function: Any, implementation: Any, args: Any, kwargs: Any) -> Exception | None:
    """The error for arguments that NumPy has and the implementation has not."""
    import inspect

    try:
        inspect.signature(implementation).bind(*args, **kwargs)
    except TypeError as error:
        return ArgumentError(f"{name_of(function)}: {error}, when it is called with a tensor")
    return None


def _not_recorded(name: str, options: str = "") -> DtypeError:
    instead = EQUIVALENTS.get(name.removeprefix("np."), "a tapegrad function")
    return DtypeError(
        f"{name}{options} is not recorded for tensors; use {instead}, or x.detach().numpy() to leave "
        "the tape"
    )


setattr(Tensor, "__array_ufunc__", _array_ufunc)  # noqa: B010
setattr(Tensor, "__array_function__", _array_function)  # noqa: B010
