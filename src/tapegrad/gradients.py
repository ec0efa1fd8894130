"""Handing out what a replay found: every tensor gets an array of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import stamps
from .device import as_array
from .tape import Leaf, Node
from .tensor import Tensor, raw, wrap

ndarray = np.ndarray
new = object.__new__
_deposit_lock = threading.Lock()


def exclusive(g: Any) -> Any:
    """An array that shares its memory with no other: itself, or a copy of a view."""
    g = as_array(g)
    return g if g.base is None else g.copy()


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
            fresh = g.__class__ is ndarray and g.base is None and id(g) not in taken
            if fresh and tensor.grad is None:  # the usual case: 1.5 us less per parameter
                taken.add(id(g))
                tensor._grad = grad = new(Tensor)
                grad.array = g
                grad.node = None
            else:
                _deposit_one(tensor, g, taken)


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


def ones_for(tensor: Tensor) -> Any:
    """The gradient of a scalar with respect to itself."""
    array = tensor.array
    if array.__class__ is ndarray:
        return np.ones(array.shape, array.dtype)
    return np.ones_like(array)
