"""Bugs seeded into the gradients of real operations, to test the testers.

A bug makes a wrong rule of a right one. It is put on the node that a real operation has recorded, so that
everything else about the operation is as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tapegrad.batching.array import BatchArray
from tapegrad.tape import Joint, op_name
from tapegrad.tensor import Tensor, raw

Rule = Callable[..., Any]


def seeded(operation: Rule, bug: Callable[[Rule], Rule], place: int = 0) -> Rule:
    """The operation with a bug in the gradient of one of its inputs."""
    state: dict[Any, Any] = {}

    def wrong(*args: Any) -> Any:
        out = operation(*args)
        node = out.node
        if node is None:
            return out
        right = node.rules[0 if isinstance(node, Joint) else place]
        if isinstance(node, Joint):
            right = _part(right, place)
        made = bug(right, state) if bug.__code__.co_argcount == 2 else bug(right)
        if isinstance(node, Joint):
            made = _whole(node.rules[0], made, place)
        made.op = op_name(node.rules[0])
        node.rules = (
            (made,)
            if isinstance(node, Joint)
            else (*node.rules[:place], made, *node.rules[place + 1 :])
        )
        return out

    return wrong


def _part(joint: Rule, place: int) -> Rule:
    return lambda g, *saved: joint(g, *saved)[place]


def _whole(joint: Rule, part: Rule, place: int) -> Rule:
    def rule(g: Any, *saved: Any) -> list[Any]:
        found = list(joint(g, *saved))
        found[place] = part(g, *saved)
        return found

    return rule


def _arrays(value: Any) -> bool:
    return type(value) is np.ndarray


def _scaled(factor: float) -> Callable[[Rule], Rule]:
    return lambda right: lambda g, *s: right(g, *s) * factor


def _after(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """Changes the right gradient."""
    return lambda right: lambda g, *s: change(right(g, *s))


def _before(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """Changes the incoming gradient."""
    return lambda right: lambda g, *s: right(change(g), *s)


def _where(condition: Callable[[Any], Any], value: float = 0.0) -> Callable[[Rule], Rule]:
    """Wrong where what was saved is so and so."""
    return lambda right: lambda g, *s: np.where(condition(s[0]), value * g, right(g, *s))


def _stale(right: Rule, state: dict[Any, Any]) -> Rule:
    def rule(g: Any, *s: Any) -> Any:
        old = state.setdefault((g.shape, type(g)), s)
        return right(g, *old)

    return rule


def _every_second_call(right: Rule, state: dict[Any, Any]) -> Rule:
    def rule(g: Any, *s: Any) -> Any:
        state["calls"] = state.get("calls", 0) + 1
        return right(g, *s) * (1 + (state["calls"] % 2))

    return rule


def _mutates_g(right: Rule) -> Rule:
    def rule(g: Any, *s: Any) -> Any:
        out = right(g, *s) + 0
        if _arrays(g):
            g *= 2
        return out

    return rule


def _mutates_saved(right: Rule) -> Rule:
    def rule(g: Any, *s: Any) -> Any:
        out = right(g, *s)
        if _arrays(s[0]):
            s[0][...] += 1
        return out

    return rule


def _random(right: Rule, state: dict[Any, Any]) -> Rule:
    rng = state.setdefault("rng", np.random.default_rng(0))
    return lambda g, *s: right(g, *s) * (1 + 0.1 * rng.random())


def _in_memory_order(value: Any) -> Any:
    """What reading memory without looking at the strides gives."""
    if not _arrays(value):
        return value
    if any(s < 0 for s in value.strides):
        return value[tuple(slice(None, None, -1 if s < 0 else 1) for s in value.strides)]
    return value.ravel(order="K").reshape(value.shape)


def _if(condition: Callable[[Any], Any], factor: float) -> Callable[[Rule], Rule]:
    """Wrong for some incoming gradients only."""
    return lambda right: lambda g, *s: right(g, *s) * (factor if condition(raw(g)) else 1)


def _off_the_tape(right: Rule) -> Rule:
    """Right, but the derivative of what it has saved is lost."""
    return lambda g, *s: right(g, *(v.detach() if isinstance(v, Tensor) else v for v in s))


def _second(factor: float) -> Callable[[Rule], Rule]:
    """Right values, whose own gradient is wrong."""

    def bug(right: Rule) -> Rule:
        def rule(g: Any, *s: Any) -> Any:
            out = right(g, *s)
            return out + factor * (out - out.detach()) if isinstance(out, Tensor) else out

        return rule

    return bug


def _flat_first(value: Any, factor: float) -> Any:
    """The first element times a factor."""
    size = int(np.prod(value.shape))
    mask = np.ones(size)
    mask[:1] = factor
    return value * mask.reshape(value.shape)


def _each(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """Changes the arrays among what was saved."""
    return lambda right: (
        lambda g, *s: right(g, *(change(v) if hasattr(v, "ndim") else v for v in s))
    )


def _flip(value: Any) -> Any:
    return np.flip(value, -1) if value.ndim else value


def _swap(value: Any) -> Any:
    square = value.ndim > 1 and value.shape[-1] == value.shape[-2]
    return np.swapaxes(value, -1, -2) if square else value


def _roll(value: Any) -> Any:
    return np.roll(value, 1, -1) if value.ndim else value


# of any operation
ANYWHERE: dict[str, Any] = {
    "a factor of two": _scaled(2.0),
    "a factor of one half": _scaled(0.5),
    "the wrong sign": _scaled(-1.0),
    "off by one part in ten thousand": _scaled(1.0001),
    "zero": _scaled(0.0),
    "NaN": _scaled(float("nan")),
    "not a number where it is zero": _after(lambda h: h * (h / h)),
    "reversed": _after(_flip),
    "transposed": _after(_swap),
    "rolled": _after(_roll),
    "the first element doubled": _after(lambda h: _flat_first(h, 2.0)),
    "the first element lost": _after(lambda h: _flat_first(h, 0.0)),
    "clipped": _after(lambda h: np.clip(h, -0.5, 0.5)),
    "rounded to half precision": _after(lambda h: h * 1.001),
    "the absolute value": _after(np.abs),
    "summed and spread": _after(lambda h: h * 0 + h.sum()),
    "ignores the incoming gradient": _before(lambda g: g * 0 + 1),
    "the incoming gradient's absolute value": _before(np.abs),
    "the incoming gradient squared": _before(lambda g: g * g),
    "the incoming gradient clipped": _before(lambda g: np.clip(g, -1, 1)),
    "the incoming gradient's mean": _before(lambda g: g * 0 + g.mean() if g.size else g),
    "the incoming gradient reversed": _before(_flip),
    "a constant added": _after(lambda h: h + 1e-3),
    "reads the incoming gradient's memory, not its strides": _before(_in_memory_order),
    "wrong for an incoming gradient that is not contiguous": _if(
        lambda g: _arrays(g) and not g.flags.c_contiguous, 2.0
    ),
    "wrong for an expanded incoming gradient": _if(lambda g: _arrays(g) and 0 in g.strides, 2.0),
    "wrong for no dimensions": _if(lambda g: g.ndim == 0, 2.0),
    "wrong for one element": _if(lambda g: g.size == 1 and g.ndim, 2.0),
    "wrong for three dimensions": _if(lambda g: g.ndim == 3, 2.0),
    "wrong for a size of one": _if(lambda g: 1 in g.shape, 2.0),
    "wrong for many elements": _if(lambda g: g.size > 5, 2.0),
    "wrong when batched": _if(lambda g: type(g) is BatchArray, 2.0),
    "another factor at each call": _random,
    "doubled at every second call": _every_second_call,
    "mutates the incoming gradient": _mutates_g,
    "no gradient at all": lambda right: lambda g, *s: None,
    "wrong gradient of the gradient": _second(1.0),
    "gradient of the gradient with the wrong sign": _second(-2.0),
    "gradient of the gradient slightly off": _second(0.001),
}

# of operations that save an operand or the result
SAVING: dict[str, Any] = {
    "stale saved values": _stale,
    "mutates what was saved": _mutates_saved,
    "wrong for negative values": _where(lambda x: x < 0),
    "wrong for positive values": _where(lambda x: x > 0),
    "wrong for great values": _where(lambda x: abs(x) > 0.6, 1.0),
    "wrong for small values": _where(lambda x: abs(x) < 0.5, 7.0),
    "leaves the tape": _off_the_tape,
    "reads what was saved by its memory, not its strides": _each(_in_memory_order),
    "saved values reversed": _each(_flip),
    "saved values without their sign": _each(np.abs),
}

# of complex numbers
COMPLEX: dict[str, Any] = {
    "conjugated": _after(np.conjugate),
    "the imaginary part lost": _after(lambda h: h.real + 0j * h),
    "turned by a right angle": _after(lambda h: 1j * h),
    "incoming gradient conjugated": _before(np.conjugate),
}
