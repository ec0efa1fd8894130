"""What NumPy's functions mean on tensors: filled in beside the operations, looked up by `protocols`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

UFUNCS: dict[Any, Callable[..., Any]] = {}  # `np.exp(t)`
REDUCTIONS: dict[
    Any, Callable[..., Any]
] = {}  # `np.add.reduce(t)`: called with (t, axis, keepdims)
ACCUMULATIONS: dict[Any, Callable[..., Any]] = {}  # `np.add.accumulate(t)`: called with (t, axis)
FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # `np.sum(t)`: called with NumPy's own arguments

F = TypeVar("F", bound=Callable[..., Any])


def implements(*functions: Any) -> Callable[[F], F]:
    """Let functions of NumPy mean this on tensors; it is called with NumPy's arguments."""

    def keep(implementation: F) -> F:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return keep
