"""The tape's nodes where values enter a mapping, leave it, or are the same for all its examples.

Three recorded operations, each with a rule in the words of the others. What the gradient of a node is
mapped over can be read off its shape (`BatchShape`), so the engine itself knows nothing of mappings: a value
that is not batched and meets one that is gets a node of its own in between, whose rule adds up the
examples.
"""

from __future__ import annotations

from typing import Any

from .._typing import Rule
from ..device import as_array, wrapping
from ..stamps import tick
from ..tape import Node, recording
from ..tensor import Tensor, raw, wrap
from . import array as arrays
from .array import Level, hidden_in, levels_of, lift_all


def _tied(out: Any, rule: Rule, input: Tensor, saved: tuple[Any, ...]) -> Tensor:
    out = as_array(out)
    made = wrap(out)
    if input.node is not None and recording():
        made.node = node = Node()
        node.parents, node.rules, node.saved = (input.node,), (rule,), saved
        node.seq = tick()
        node.shape, node.dtype = out.shape, out.dtype
    return made


def enter(input: Tensor, level: Level, dim: int) -> Tensor:
    """A tensor with one dimension hidden; a view. Adjoint: `leave`."""
    return _tied(arrays.enter(input.array, level, dim), _enter_vjp, input, (level, dim))


def _enter_vjp(g: Any, level: Level, dim: int) -> Any:
    return leave(g, level, dim) if isinstance(g, Tensor) else arrays.leave(g, level, dim)


def leave(input: Tensor, level: Level, dim: int) -> Tensor:
    """A tensor with the hidden dimension in sight again. Adjoint: `enter`."""
    if level not in hidden_in(input.shape):
        input = spread(input, (*hidden_in(input.shape), level))
    return _tied(arrays.leave(input.array, level, dim), _leave_vjp, input, (level, dim))


def _leave_vjp(g: Any, level: Level, dim: int) -> Any:
    return enter(g, level, dim) if isinstance(g, Tensor) else arrays.enter(g, level, dim)


def spread(input: Tensor, levels: tuple[Level, ...]) -> Tensor:
    """A tensor as one of every example, without copying. Adjoint: `g` added up over the examples."""
    missing = tuple(level for level in levels if level not in hidden_in(input.shape))
    if not missing:
        return input
    out = lift_all(input.array, missing)
    return _tied(out, _spread_vjp, input, (missing,))


def _spread_vjp(g: Any, levels: tuple[Level, ...]) -> Any:
    if isinstance(g, Tensor):
        return together(g, levels)
    for level in levels:
        g = arrays.total(g, level)
    return g


def over(input: Tensor, *arrays: Any) -> Tensor:
    """The tensor, mapped over whatever one of the arrays is mapped over."""
    if not any(array.__class__ in wrapping for array in arrays):
        return input
    return spread(input, levels_of(input.array, *arrays))


def widened(array: Any, *others: Any) -> Any:
    """An array, or inside of a rule a tensor, over all levels of the others.

    NumPy looks an element up, and writes one, in the array's memory: it does not ask the index or the value
    whether they are batched.
    """
    others = tuple(map(raw, others))
    if isinstance(array, Tensor):
        return over(array, *others)
    if not any(other.__class__ in wrapping for other in others):
        return array
    return lift_all(array, levels_of(array, *others))


def together(input: Tensor, levels: tuple[Level, ...]) -> Tensor:
    """The sum over all examples of some levels. Adjoint: `g` for each of them."""
    return _tied(_spread_vjp(input.array, levels), _together_vjp, input, (levels,))


def _together_vjp(g: Any, levels: tuple[Level, ...]) -> Any:
    return spread(g, levels) if isinstance(g, Tensor) else lift_all(g, levels)


def fitted(out: Any, inputs: tuple[Any, ...], saved: Any) -> tuple[tuple[Any, ...], Any]:
    """The inputs of an operation, each that carries a gradient over all levels of the result.

    Args:
        out: the result, a batched array.
        inputs: tensors, constants and None.
        saved: what the rules read.

    Returns:
        The inputs, and `saved` with their arrays in the place of those that were given.
    """
    if not recording():
        return inputs, saved
    levels = hidden_in(out.shape)
    changed: dict[int, Any] = {}
    fitting = []
    for given in inputs:
        if isinstance(given, Tensor) and given.node is not None:
            have = hidden_in(given.shape)
            if have is not levels and not set(have).issuperset(levels):
                wide = spread(given, levels)
                changed[id(given.array)] = wide.array
                given = wide
        fitting.append(given)
    if changed and isinstance(saved, tuple):
        saved = tuple(changed.get(id(value), value) for value in saved)
    return tuple(fitting), saved
