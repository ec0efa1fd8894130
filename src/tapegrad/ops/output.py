"""`out=`: results written into memory that is there already.

A function with `out` hands itself over to `into`, which calls it without: once everything has been checked,
the values go into the memory of `out`, so that its views see them. An `out` that overlaps with an input
does no harm, since the result is complete before the first write. Arithmetic does without the second array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np

from .. import stamps
from ..device import apart, owner
from ..errors import ArgumentError, DtypeError, GraphError
from ..tape import recording
from ..tensor import Tensor, wrap
from .cast import different_devices
from .inplace import check_result, check_writable
from .words import UFUNCS

T = TypeVar("T")


def into(out: T, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> T:
    """Call an operation and write what it answers into `out`.

    Values are converted within and up the categories bool, integer, floating, complex. A tensor without
    elements takes the shape of the result, in new memory; any other must have it.

    Args:
        out: a tensor, or a tuple or list of them for an operation with several results.
        operation: the function itself, without `out`.
        args, kwargs: its arguments.

    Returns:
        `out`; several tensors in the operation's own kind of tuple.

    Raises:
        GraphError: if the result or `out` requires grad while recording.
        ArgumentError: for read-only memory, or if the number of tensors is not that of the results.
        ShapeError, DtypeError, DeviceError: if `out` cannot hold the result.

    Example:
        >>> import tapegrad as tg
        >>> y = tg.zeros(2, 2)
        >>> row = tg.exp(tg.zeros(2), out=y[0])
        >>> y
        tensor([[1., 1.],
                [0., 0.]])
    """
    op = operation.__name__
    several = isinstance(out, (tuple, list))
    targets: Any = out if several else (out,)
    for target in targets:
        check_target(op, target)
    if not several and _straight(targets[0], operation, args, kwargs):
        stamps.stamp(targets[0].array, f"{op}(out=)")
        return out
    answer = operation(*args, **kwargs)
    results = answer if isinstance(answer, tuple) else (answer,)
    if several != isinstance(answer, tuple) or len(targets) != len(results):
        wanted = f"{len(results)} tensors" if isinstance(answer, tuple) else "one tensor"
        given = f"{len(targets)} tensors" if several else "one tensor"
        raise ArgumentError(f"{op}: out must be {wanted} here, got {given}")
    places = [_place(op, *pair) for pair in zip(targets, results, strict=True)]
    for target, place, result in zip(targets, places, results, strict=True):
        values = result.array
        if owner(values) is owner(place.array):
            values = values.copy()  # the result is an input itself, which `out` overlaps
        np.copyto(place.array, values, casting="unsafe")  # `_place` knows that it fits
        target.array = place.array
        stamps.stamp(target.array, f"{op}(out=)")
    if not several:
        return out
    return type(answer)(*targets) if hasattr(answer, "_fields") else type(answer)(targets)


# Rounded rightly, so that the same bits come whichever way the memory lies. Half the time of a sum of a
# million numbers, and no second array.
STRAIGHT = (
    np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.absolute, np.sqrt,
)  # fmt: skip


@cache
def _ufunc_of(operation: Callable[..., Any]) -> Any:
    return next((ufunc for ufunc in STRAIGHT if UFUNCS.get(ufunc) is operation), None)


def _straight(
    target: Tensor, operation: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Let NumPy's function write where nothing is converted or recorded; say whether it did."""
    ufunc = _ufunc_of(operation)
    x = target.array
    if ufunc is None or x.dtype.kind != "f" or any(v is not None for v in kwargs.values()):
        return False
    for arg in args:
        if not isinstance(arg, Tensor) or arg.node is not None:
            return False
        y = arg.array
        if type(y) is not type(x) or y.dtype is not x.dtype or y.shape != x.shape:
            return False
    ufunc(*(arg.array for arg in args), out=x)
    return True


def check_target(op: str, target: Any) -> None:
    """Refuse what nothing can be written into."""
    if not isinstance(target, Tensor):
        raise DtypeError(f"{op}: out must be a tensor, got {type(target).__name__}")
    if target.node is not None and recording():
        raise _unrecorded(op, "out")
    check_writable(op, target, None, "leave out away")


def _unrecorded(op: str, what: str) -> GraphError:
    return GraphError(
        f"{op}: functions with out= are not recorded, but {what} requires grad; leave out away, or "
        "call it under tapegrad.no_grad()"
    )


def _place(op: str, target: Tensor, result: Tensor) -> Tensor:
    """A tensor with the memory to write to, after every check."""
    if result.node is not None:
        raise _unrecorded(op, "an input")
    if apart(result.array, target.array):
        raise different_devices(op, result, target)
    if not target.array.size and target.shape != result.shape:
        if target.node is not None:
            raise GraphError(
                f"{op}: out of shape {target.shape} requires grad and cannot become {result.shape}"
            )
        target = wrap(np.empty_like(target.array, shape=result.shape))
    check_result(op, target, result)
    return target
