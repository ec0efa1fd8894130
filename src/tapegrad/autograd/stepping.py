"""The tape replayed node by node: `engine.replay` with a stop after every node, for debugging.

It computes the same bits as the engine, from the engine's own pieces, without the engine's straight line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from operator import attrgetter
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from .. import stamps
from .._typing import Rule
from ..engine import (
    accumulate,
    careful,
    check,
    collect,
    ends_at,
    freed,
    leading_to,
    to_output,
    zero_times_infinity,
)
from ..engine import replay as straight
from ..errors import AnomalyError, GraphError
from ..gradients import call_hooks
from ..tape import Joint, Node, Output, hooks, recording_mode, singular_rules
from .origins import await_card, current, origins, replayed

plain = straight  # what `engine.replay` is while debugging is off


class Step(NamedTuple):
    """What one node did with its gradient. Gradients are as the tape has them, arrays or tensors.

    Attributes:
        node: the node; a leaf, or another node where the replay ends, sends nothing on.
        arrived: the gradient of its value, a list of them (some None) if it has several outputs.
        hooked: what its hooks made of it; the same object if there are none.
        sent: for every input the gradient that it was sent, None for none.
        sums: for every input what was there of its gradient before and afterwards.
        saved: what the rules read.
        seconds: how long the rules took.
    """

    node: Node
    arrived: Any
    hooked: Any
    sent: Sequence[Any] = ()
    sums: Sequence[tuple[Any, Any]] = ()
    saved: Sequence[Any] = ()
    seconds: float = 0.0


class Stepping:
    """A replay that can be looked at; arguments and order are those of `engine.replay`.

    Args:
        depositing: whether hooks may fill the `grad` of tensors that retain theirs.
    """

    def __init__(
        self,
        roots: Sequence[tuple[Node, Any]],
        *,
        retain_graph: bool,
        create_graph: bool,
        targets: Iterable[Node] | None = None,
        depositing: bool = True,
    ) -> None:
        self._retain_graph, self._create_graph = retain_graph, create_graph
        self._depositing = depositing
        order = collect(roots)
        self._wanted: set[Node] | None = None
        self._needed: set[Node] | None = None
        if targets is not None:
            self._wanted = set(targets)
            self._needed = needed = leading_to(self._wanted, order)
            order = [node for node in order if node in needed and not ends_at(node, needed)]
        for node in order:
            if node.saved is None or node.seq < stamps.latest:
                check(node)
        self._order = order
        self.pending: dict[Node, Any] = {}
        self._owned: set[Node] = set()
        for node, g in roots:
            if self._needed is None or node in self._needed:
                accumulate(self.pending, self._owned, node, g)
        self._ends: list[Node] | None = None
        self.found: dict[Node, Any] = {}

    def __iter__(self) -> Iterator[Step]:
        while (step := self.step()) is not None:
            yield step

    def step(self) -> Step | None:
        """Go through the next node that a gradient arrives at; None at the end."""
        while self._order:
            node = self._order.pop()
            g = self.pending.pop(node, None)
            if g is not None:
                return self._through(node, g)
        if self._ends is None:  # what is left was never asked to go further: leaves, and targets
            self._ends = sorted(self.pending, key=attrgetter("seq"))
        if not self._ends:
            return None
        node = self._ends.pop()
        g = self.pending.pop(node)
        self.found[node] = hooked = self._hooked(node, g)
        return Step(node, g, hooked)

    def _through(self, node: Node, arrived: Any) -> Step:
        modes = recording_mode.set(self._create_graph), replayed.set(node)
        try:
            g = self._hooked(node, arrived)
            if self._wanted is not None and node in self._wanted:
                self.found[node] = g
            saved: Any = node.saved
            if saved is None:
                raise GraphError(freed(node))
            if self._create_graph:
                saved = node.linked() if isinstance(saved, tuple) else saved.linked(node)
            saved = tuple(saved)
            began = perf_counter()
            gradients = self._gradients(node, g, saved)
            await_card(gradients)
            seconds = perf_counter() - began
            pairs = zip(node.parents, gradients, strict=True)
            moves = [self._send(node, parent, h) for parent, h in pairs]
        except Exception as error:
            _locate(error, node)
            raise
        finally:
            recording_mode.reset(modes[0])
            replayed.reset(modes[1])
        if saved and not self._retain_graph:
            node.saved = None
        sent = [h for h, _, _ in moves]
        sums = [(before, after) for _, before, after in moves]
        return Step(node, arrived, g, sent, sums, saved, seconds)

    def _hooked(self, node: Node, g: Any) -> Any:
        return call_hooks(node, g, self._depositing) if node in hooks else g

    def _gradients(self, node: Node, g: Any, saved: tuple[Any, ...]) -> Sequence[Any]:
        if isinstance(node, Output):
            return (g,)
        if isinstance(node, Joint):
            return node.pull(g, saved)
        needed = self._needed
        return [
            None
            if parent is None or (needed is not None and parent not in needed)
            else _run(rule, g, saved)
            for parent, rule in zip(node.parents, node.rules, strict=False)
        ]

    def _send(self, node: Node, parent: Node | None, h: Any) -> tuple[Any, Any, Any]:
        """Add a gradient to that of an input: the gradient as it fits there, the sum before and after."""
        needed = self._needed
        if h is None or parent is None or (needed is not None and parent not in needed):
            return None, None, None
        before: Any = self.pending.get(parent)
        if isinstance(node, Output):
            before = None if before is None else before[node.index]
            to_output(self.pending, node, h)
            return h, before, self.pending[parent][node.index]
        fitted: dict[Node, Any] = {}
        accumulate(fitted, set(), parent, h)
        h = fitted[parent]
        if parent in self._owned:
            before = before.copy()  # the engine is about to add in place
        accumulate(self.pending, self._owned, parent, h)
        return h, before, self.pending[parent]


def _run(rule: Rule, g: Any, saved: tuple[Any, ...]) -> Any:
    with np.errstate(invalid="raise") if rule in singular_rules else nullcontext():
        try:
            return rule(g, *saved) if g.__class__ is np.ndarray else careful(rule, g, saved)
        except FloatingPointError:
            if rule not in singular_rules:  # the user has asked NumPy to raise
                raise
    return zero_times_infinity(rule, g, saved)


def _locate(error: Exception, node: Node) -> None:
    """Add to an error from a rule where the operation was recorded, as PyTorch prints it."""
    origin = origins.get(node)
    if origin is None or isinstance(error, AnomalyError):
        return
    module = "" if origin.module is None else f" of {origin.module}"
    error.add_note(f"in the gradient of {node.op}{module}, recorded at {origin.line}")


def replay(
    roots: Sequence[tuple[Node, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """`engine.replay` while debugging is on anywhere: node by node if it is on here."""
    settings = current()
    if settings is None:
        return plain(roots, retain_graph=retain_graph, create_graph=create_graph, targets=targets)
    steps = Stepping(roots, retain_graph=retain_graph, create_graph=create_graph, targets=targets)
    looking = settings.nan or settings.inf
    if looking:
        from ..debug.findings import check_roots, check_step

        check_roots(roots, settings)
    # NumPy's warnings would come first and say less
    with np.errstate(all="ignore") if looking else nullcontext():
        for step in steps:
            origin = origins.get(step.node)
            if settings.recording and origin is not None:
                origin.backward = (origin.backward or 0.0) + step.seconds
            if looking:
                check_step(step, settings)
    return steps.found
