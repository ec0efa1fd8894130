"""Handing out what a replay found: every tensor gets an array of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import lru_cache
from itertools import count
from typing import Any, Self

import numpy as np

from . import stamps
from ._typing import DType
from .device import as_array
from .errors import DtypeError, GraphError, ShapeError
from .hooking import HookTable
from .kernels import packed
from .tape import Leaf, Node, hooks
from .tensor import Tensor, raw, wrap

ndarray = np.ndarray
new = object.__new__
RETAIN = -1  # key of the hook that fills `grad` of a non-leaf: it runs after all others
_deposit_lock = threading.Lock()
# Functions called with a leaf once its `grad` has been filled, by handle.
deposited_hooks = HookTable("deposited")


def clear_grad(tensor: Tensor, set_to_none: bool) -> None:
    """Forget a gradient: drop it, or fill it with zeros and keep none of its history."""
    if set_to_none:
        tensor._grad = None
    elif tensor.grad is not None:
        grad = tensor.grad.detach()
        grad.array[...] = 0
        stamps.stamp(grad.array, "zero_grad")
        tensor._grad = grad


def crossed(g: Any) -> Any:
    """A gradient that crosses between tape and user: conjugated if it is complex.

    On the tape the gradient `h` of a complex value `z` is the one with `df = Re(sum(h * dz))`, so that the
    rule of a holomorphic function is the same text as for real numbers. Users see PyTorch's, its conjugate,
    which is the direction of steepest ascent.
    """
    return np.conjugate(g) if g.dtype.kind == "c" else g


def exclusive(g: Any) -> Any:
    """An array that shares its memory with no other: itself, or a copy of a view."""
    g = as_array(g)
    own = g.base is None and getattr(g.flags, "writeable", True)  # CuPy has no read-only arrays
    return g if own else packed(g)


def deposit(found: dict[Node, Any], given: Iterable[Any] = ()) -> None:
    """Add the gradients of the leaves to their tensors' `grad`.

    Args:
        found: gradient by leaf node.
        given: arrays that belong to the caller and must not become anybody's `grad`.
    """
    taken = {id(raw(array)) for array in given}
    with _deposit_lock:  # several threads may reach the same parameters
        for node, g in found.items():
            tensor = node.tensor() if isinstance(node, Leaf) else None
            if tensor is None:
                continue
            if g.dtype.kind == "c":
                g = crossed(g)
            try:
                have = tensor._grad
            except AttributeError:
                have = None
            if have is None and g.__class__ is ndarray and g.base is None and id(g) not in taken:
                taken.add(id(g))  # the usual case: 1.5 us less per parameter
                tensor._grad = grad = new(Tensor)
                grad.array = g
                grad.node = None
            else:
                _deposit_one(tensor, g, taken)
    if deposited_hooks.data:
        for node in found:
            tensor = node.tensor() if isinstance(node, Leaf) else None
            for hook in tuple(deposited_hooks.get(node).values()) if tensor is not None else ():
                hook(tensor)


def _deposit_one(tensor: Tensor, g: Any, taken: set[int]) -> None:
    have = tensor.grad
    if have is None:
        tensor._grad = own(g, taken)
    elif isinstance(g, Tensor) or have.node is not None:
        tensor._grad = have + g
    else:
        np.add(have.array, g, out=have.array)
        stamps.stamp(have.array, "backward")


def own(g: Any, taken: set[int]) -> Tensor:
    """A gradient as a tensor whose array is nobody else's; `taken` notes those handed out."""
    if isinstance(g, Tensor):
        copied: Tensor = g.clone() if id(g.array) in taken or g.array.base is not None else g
        taken.add(id(copied.array))
        return copied
    g = exclusive(g)
    if id(g) in taken:
        g = g.copy()
    taken.add(id(g))
    return wrap(g)


@lru_cache(maxsize=16)
def _one(dtype: DType) -> Any:
    if dtype.kind == "c":
        raise no_direction("backward", dtype)
    one = np.ones((), dtype)
    one.flags.writeable = False  # every backward begins with it
    return one


def no_direction(op: str, dtype: DType) -> GraphError:
    """The error for a complex root: its real part, or any other, could be meant."""
    return GraphError(
        f"{op}: the gradient can be left out only for a real value, got {dtype}; pass gradient=, or "
        "differentiate its real part or its abs()"
    )


def ones_for(array: Any) -> Any:
    """The gradient of a real value with respect to itself, not to be written to."""
    if array.__class__ is ndarray:
        return np.ones(array.shape, array.dtype) if array.ndim else _one(array.dtype)
    return np.ones_like(array)


class RemovableHandle:
    """What a `register_*hook` returns: takes the hook away again.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.ones(1, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 2)
        >>> handle.remove()
    """

    _ids = count()

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.hooks = hooks
        self.id = next(self._ids)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def call_hooks(node: Node, g: Any, depositing: bool = True) -> Any:
    """Show a gradient to the hooks of its node; what they answer takes its place.

    Args:
        node: whose value it is the gradient of.
        g: the gradient.
        depositing: also fill the `grad` of a tensor that retains it.
    """
    recorded = isinstance(g, Tensor)
    for key, hook in sorted(hooks[node].items(), key=lambda item: item[0] == RETAIN):
        if key == RETAIN and not depositing:
            continue
        shown = crossed(g)
        seen = shown if recorded else wrap(exclusive(shown))
        answer = hook(seen)
        if answer is None:
            continue
        if not isinstance(answer, Tensor):
            raise DtypeError(
                f"hook: a gradient hook must return a tensor or None, got {type(answer).__name__}"
            )
        if answer.shape != node.shape:
            raise ShapeError(
                f"hook: the gradient has shape {node.shape}, the hook returned {answer.shape}"
            )
        g = crossed(answer if recorded else answer.array)
    return g
