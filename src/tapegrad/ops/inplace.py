"""In-place changes: what is refused, what is stamped, and how a recorded one gets its node.

A recorded in-place operation computes its result out of place, so that nothing its own rules read is
overwritten, and then writes it into the tensor's memory: every view and alias sees it, and whatever
another node had saved of that memory is known to be stale by the stamp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, stamps
from ..device import owner
from ..errors import ArgumentError, DtypeError, GraphError, ShapeError
from ..record import record1, record2
from ..tape import Leaf, recording
from ..tensor import Tensor


def check_writable(op: str, input: Tensor, value: Any, instead: str) -> bool:
    """Refuse an in-place change that cannot be right; say whether it must be recorded."""
    if not getattr(input.array.flags, "writeable", True):  # CuPy knows no read-only arrays
        raise ArgumentError(
            f"{op}: the memory is read-only (expanded, or given so); clone() it first"
        )
    if not recording():
        return False
    recorded = input.node is not None or (isinstance(value, Tensor) and value.node is not None)
    if isinstance(input.node, Leaf):
        raise GraphError(
            f"{op}: a leaf that requires grad cannot be changed in place while recording; "
            f"do it under tapegrad.no_grad(), or {instead}"
        )
    if recorded:
        storage = owner(input.array)
        for member in getattr(input, "family", ()):
            other = member()
            if other is not None and other is not input and owner(other.array) is storage:
                raise GraphError(
                    f"{op}: another tensor, of shape {other.shape}, views the same memory, so its "
                    f"gradient would become ambiguous; {instead}"
                )
    return recorded


def rebind(input: Tensor, rules: Any, value: Any, saved: tuple[Any, ...]) -> None:
    """Give a tensor whose memory has just been changed the node of the change."""
    input.node = record2(input.array, rules, input, value, saved).node


def inplace(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of an operation: `add_` from `add`."""
    name = f"{operation.__name__}_"

    def write_vjp(g: Any) -> Any:
        return g

    write_vjp.op = name  # type: ignore[attr-defined]

    def change(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kwargs and "out" in kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
        given = (*args, *kwargs.values())
        other = next((a for a in given if isinstance(a, Tensor) and a.node is not None), None)
        recorded = check_writable(name, input, other, f"use {operation.__name__}")
        out = operation(input, *args, **kwargs)
        check_result(name, input, out)
        if input.array.dtype.kind == "c" and out.array.dtype.kind != "c":
            raise DtypeError(f"{name}: not defined for complex numbers; use {operation.__name__}")
        node = out.node
        if recorded and node is not None:
            if any(saved is input.array for saved in node.saved or ()):
                # the rules read the old value, which is about to be overwritten
                out = operation(input.clone(), *args, **kwargs)
            out = record1(out.array[...], write_vjp, out)
        np.copyto(input.array, out.array, casting="unsafe")  # `check_result` knows that it fits
        stamps.stamp(input.array, name)
        if recorded:
            input.node = out.node
            if out.node is not None:
                out.node.seq = stamps.tick()  # the stamp above is its own, not a later one
                out.node.value = id(input.array)
                out.node.dtype = input.array.dtype
        return input

    change.__name__ = change.__qualname__ = name
    change.__doc__ = f"In-place form of `{operation.__name__}`; returns the tensor itself."
    return change


def check_result(name: str, input: Tensor, out: Tensor) -> None:
    """Refuse a result that a tensor's memory cannot hold."""
    if out.shape != input.shape:
        raise ShapeError(
            f"{name}: the result has shape {out.shape}, which does not fit into {input.shape}"
        )
    if not dtypes.can_cast(out.dtype, input.dtype):
        raise DtypeError(f"{name}: the result is {out.dtype}, which {input.dtype} cannot hold")
