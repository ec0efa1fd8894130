"""Replay of the tape: collect, check, run the rules by descending time, hand out the gradients.

Nothing here recurses, so the tape may be as long as memory allows; and nothing is changed before the
whole part of the tape that will be replayed has been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from operator import attrgetter
from typing import Any

import numpy as np

from . import stamps
from ._typing import Rule
from .device import is_array
from .errors import GraphError, ShapeError
from .gradients import call_hooks
from .tape import Node, Output, Pair, hooks, recording_mode, singular_rules
from .tensor import Tensor

ndarray = np.ndarray
_seq = attrgetter("seq")
_unguarded = nullcontext()


def replay(
    roots: Sequence[tuple[Node, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """Run the tape backwards.

    Args:
        roots: nodes to start from, each with the gradient of its value (an array; a tensor when
            `create_graph`).
        retain_graph: keep the saved values for another replay.
        create_graph: run the rules on tensors, so that the gradients are recorded in turn.
        targets: the nodes whose gradients are wanted; by default every leaf that is reached.

    Returns:
        Gradient by node, for those of the targets (or leaves) that were reached.
    """
    order = collect(roots)
    wanted = needed = None
    if targets is not None:
        wanted = set(targets)
        needed = leading_to(wanted, order)
        order = [node for node in order if node in needed and not ends_at(node, needed)]
    latest = stamps.latest
    for node in order:
        if node.saved is None or node.seq < latest:
            check(node)
    pending: dict[Node, Any] = {}
    owned: set[Node] = set()
    found: dict[Node, Any] = {}
    for node, g in roots:
        if needed is None or node in needed:
            if node in pending or g.dtype is not node.dtype:
                accumulate(pending, owned, node, g)
            else:
                pending[node] = g
    guard = _Guard()
    hooked = hooks.data  # whose emptiness is seen without a call
    token = recording_mode.set(create_graph)
    try:
        while order:
            node = order.pop()
            g = pending.pop(node, None)
            if g is None:  # every rule on the way answered "no gradient"
                continue
            if hooked and node in hooks:
                guard.leave()
                g = call_hooks(node, g)
            if wanted is not None and node in wanted:
                found[node] = g
            saved: Any = node.saved
            if saved is None:
                raise GraphError(freed(node))
            if create_graph:
                saved = node.linked() if isinstance(saved, tuple) else saved.linked(node)
            kind = node.__class__
            if kind is Pair or kind is Node:
                plain = g.__class__ is ndarray
                values = saved if saved.__class__ is tuple else tuple(saved)
                rules = node.rules
                place = -1  # counted by hand: zip and one call for all lengths cost 170 ns per node
                for parent in node.parents:
                    place += 1
                    if parent is None or (needed is not None and parent not in needed):
                        continue
                    rule = rules[place]
                    if guard.state is None and rule in singular_rules:
                        guard.enter()
                    try:
                        if not plain:
                            h = careful(rule, g, values)
                        elif kind is Pair and values:
                            h = rule(g, values[0], values[1])
                        else:
                            h = rule(g, *values) if values else rule(g)
                    except FloatingPointError:
                        if guard.state is None:  # the user has asked NumPy to raise
                            raise
                        guard.leave()
                        h = zero_times_infinity(rule, g, saved)
                    if h is None:
                        continue
                    if parent in pending or h.shape != parent.shape or h.dtype is not parent.dtype:
                        accumulate(pending, owned, parent, h, guard.state)
                    else:  # the first gradient is borrowed as it is
                        pending[parent] = h
            else:
                guard.leave()
                if kind is Output:
                    to_output(pending, node, g)
                    continue
                for parent, h in zip(node.parents, node.pull(g, saved), strict=True):
                    if h is None or parent is None:
                        continue
                    if needed is None or parent in needed:
                        accumulate(pending, owned, parent, h)
            if saved and not retain_graph:
                node.saved = None
        # what is left was never asked to go further: leaves, and targets at the end of their path
        guard.leave()
        for node, g in pending.items():
            found[node] = call_hooks(node, g) if hooked and node in hooks else g
    finally:
        guard.leave()
        recording_mode.reset(token)
    return found


class _Guard:
    """NumPy told to raise where a NaN is made of numbers; switched on at the first singular rule."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: Any = None

    def enter(self) -> None:
        self.state = np.errstate(invalid="raise")
        self.state.__enter__()

    def leave(self) -> None:
        if self.state is not None:
            self.state.__exit__(None, None, None)
            self.state = None


def careful(rule: Rule, g: Any, saved: Sequence[Any]) -> Any:
    """Run a rule on what is no NumPy array: a tensor, a NumPy scalar, a device array."""
    if isinstance(g, Tensor):
        again = getattr(rule, "recompute", None)
        return rule(g, *again(*saved)) if again else rule(g, *saved)
    h = rule(g, *saved)
    if rule in singular_rules and not isinstance(g, np.generic):
        h = np.where(g == 0, 0, h)  # a device raises no flag, so its zeros are kept always
    return h


def zero_times_infinity(rule: Rule, g: Any, saved: Sequence[Any]) -> Any:
    """Run a rule again that made a NaN out of numbers, keeping zeros zero if the rule is singular.

    An element that a `where` did not choose has the gradient zero, and that zero stays a zero when
    it meets the infinite derivative of the branch that was not taken.
    """
    if rule not in singular_rules:
        return careful(rule, g, saved)
    with np.errstate(invalid="ignore", divide="ignore"):
        h = careful(rule, g, saved)
        return np.where(g == 0, 0, h)


def collect(roots: Iterable[tuple[Node, Any]]) -> list[Node]:
    """All nodes that can be reached, by ascending time, without the leaves."""
    order: list[Node] = []
    for node, _ in roots:
        if node.parents and node not in order:
            order.append(node)
    seen = set(order)
    for node in order:  # grows while it is walked
        for parent in node.parents:
            if parent is not None and parent not in seen and parent.parents:
                seen.add(parent)
                order.append(parent)
    order.sort(key=_seq)
    return order


def leading_to(targets: set[Node], order: list[Node]) -> set[Node]:
    """The nodes from which a target can be reached, the targets among them."""
    needed = set(targets)
    for node in order:
        if node not in needed and any(parent in needed for parent in node.parents):
            needed.add(node)
    return needed


def ends_at(node: Node, needed: set[Node]) -> bool:
    """Whether a needed node leads to no other: its gradient is wanted and goes no further."""
    return all(parent not in needed for parent in node.parents)


def check(node: Node) -> None:
    """Refuse saved values that have been freed, or changed in place after they were recorded."""
    if node.saved is None:
        raise GraphError(freed(node))
    for value in getattr(node.saved, "watched", node.saved):
        if value is None or not is_array(value):
            continue
        change = stamps.stamp_of(value)
        if change is not None and change.time > node.seq:
            raise GraphError(
                f"backward: a value of shape {value.shape} that {node.op} saved for its "
                f"gradient was changed in place later, by {change.op} at {change.line}; "
                f"use the out-of-place form there, or give {node.op} a clone()"
            )


def freed(node: Node) -> str:
    """What to say about a node whose saved values are gone."""
    return (
        f"backward: the values that {node.op} saved for its gradient have been freed by an earlier "
        "backward; pass retain_graph=True to the earlier one to replay the tape again"
    )


def accumulate(
    pending: dict[Node, Any], owned: set[Node], node: Node, g: Any, guard: Any = None
) -> None:
    """Add a gradient: the first is borrowed, the second addition allocates, later ones add in place."""
    with np.errstate(invalid="ignore") if guard is not None else _unguarded:
        if g.shape != node.shape:
            g = unbroadcast(g, node)
        if g.dtype is not node.dtype and g.dtype != node.dtype:
            g = _as_dtype_of(node, g)
        have = pending.get(node)
        if have is None:
            pending[node] = g
        elif isinstance(have, Tensor) or isinstance(g, Tensor):
            pending[node] = have + g
        elif node.dtype.itemsize < 4:
            # float16 and bfloat16: each addition in float32, rounded once
            pending[node] = np.add(have, g, dtype=np.float32).astype(node.dtype)
        elif node in owned:
            have += g
            pending[node] = have  # a NumPy scalar is not changed by +=
        else:
            pending[node] = have + g
            owned.add(node)


def _as_dtype_of(node: Node, g: Any) -> Any:
    if node.dtype.kind == "f" and g.dtype.kind == "c":
        g = g.real
    return g.to(node.dtype) if isinstance(g, Tensor) else g.astype(node.dtype)


def unbroadcast(g: Any, node: Node) -> Any:
    """Sum a gradient back to the shape of a value that was broadcast."""
    shape = node.shape
    extra = g.ndim - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[extra:], strict=True)):
        raise ShapeError(
            f"backward: a gradient of shape {g.shape} does not fit the value of shape {shape} "
            f"(operation {node.op}): its rule must return the value's shape or one it broadcasts to"
        )
    if extra and shape == g.shape[extra:]:
        return np.add.reduce(g, axis=tuple(range(extra)))
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1
    )
    return (np.add.reduce(g, axis=axes, keepdims=True) if axes else g).reshape(shape)


def to_output(pending: dict[Node, Any], node: Any, g: Any) -> None:
    """Add the gradient of one of several outputs to the list of its operation."""
    joint = node.parents[0]
    assert joint is not None
    slots = pending.get(joint)
    if slots is None:
        slots = pending[joint] = [None] * len(joint.outputs)
    have = slots[node.index]
    slots[node.index] = g if have is None else have + g
