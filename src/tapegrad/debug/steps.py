"""The replay of a tape, one operation at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd import stepping
from ..creation import ones
from ..device import device, is_array
from ..errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError
from ..gradients import crossed, no_direction
from ..tape import Node, Output
from ..tensor import Tensor, wrap

if TYPE_CHECKING:
    from .listing import Entry, Tape

Gradients = tuple[Tensor | None, ...]


class Root(NamedTuple):
    """Where a tape was asked for: the node, also if it is one of several outputs, and its device."""

    node: Node
    device: device


def operation(node: Node) -> Node:
    """The node of the operation: an output among several stands for the whole."""
    if isinstance(node, Output):
        whole = node.parents[0]
        assert whole is not None
        return whole
    return node


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one operation did with its gradient.

    Attributes:
        entry: the operation, or the leaf.
        arrived: for every output the gradient that had come together, None if it took no part.
        hooked: what the hooks made of them; the same tensors if there are none.
        sent: for every input the gradient that was sent there, None for constants and where there is
            none; what several operations send to one place is added up there. Empty for a leaf.
        seconds: how long the rules took.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> first, *_ = (x * 3).tape().steps(tg.ones(2))
        >>> first
        #1 mul (2,) 1 -> #0 (2,) 3
        >>> first.sent
        (tensor([3., 3.]), None)
    """

    entry: Entry
    arrived: Gradients
    hooked: Gradients
    sent: Gradients
    seconds: float

    @property
    def op(self) -> str:
        """Name of the operation."""
        return self.entry.op

    @property
    def gradient(self) -> Tensor | None:
        """The gradient that went through it; of the first output if there are several."""
        return self.hooked[0]

    def __repr__(self) -> str:
        name = "" if self.entry.name is None else f" {self.entry.name}"
        came = " ".join("-" if g is None else _range(g) for g in self.hooked)
        pairs = zip(self.entry.inputs, self.sent, strict=False)
        went = ", ".join(f"#{index} {_range(g)}" for index, g in pairs if g is not None)
        return f"#{self.entry.index} {self.op}{name} {came}{went and f' -> {went}'}"


def _range(tensor: Tensor) -> str:
    from .findings import on_host

    host = on_host(tensor)
    shown = str(host.shape)
    if not host.size:
        return shown
    if host.dtype.kind == "c":
        host = np.abs(host)
    low, high = (f"{float(value):.4g}" for value in (host.min(), host.max()))
    return f"{shown} {low}" if low == high else f"{shown} {low}..{high}"


class Steps(Iterator[Step]):
    """A replay of a tape that stops after every operation; `Tape.steps` makes it.

    Iterating, or calling `step`, goes on by one operation, in the order of `backward()`; the leaves that
    were reached come last. Nobody's `grad` is touched and nothing is freed, so a `backward()` later works
    as if nothing had been. Hooks run, as they decide about the gradients that follow. Checkpoints are
    computed again, once. The gradients are views that cannot be written to.

    Attributes:
        waiting: the gradients that have been sent and not been used yet, by index of the entry.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> steps = (x.exp() * x).sum().tape(names={"x": x}).steps()
        >>> next(steps)
        #3 sum () 1 -> #2 (2,) 1
        >>> list(steps.waiting)
        [2]
        >>> for step in steps:
        ...     print(step)
        #2 mul (2,) 1 -> #1 (2,) 1..2, #0 (2,) 2.718..7.389
        #1 exp (2,) 1..2 -> #0 (2,) 2.718..14.78
        #0 leaf x (2,) 5.437..22.17
    """

    def __init__(self, tape: Tape, roots: Sequence[Root], gradient: Any) -> None:
        self._entries = {entry.node: entry for entry in tape}
        started = [(root.node, g) for root, g in zip(roots, _started(roots, gradient), strict=True)]
        self._replay = stepping.Stepping(
            started, retain_graph=True, create_graph=False, depositing=False
        )

    def __next__(self) -> Step:
        while (step := self._replay.step()) is not None:
            if not isinstance(step.node, Output):  # which only passes its gradient to the operation
                return self._shown(step)
        raise StopIteration

    def step(self) -> Step | None:
        """Go on by one operation; None at the end."""
        return next(self, None)

    @property
    def waiting(self) -> Mapping[int, Gradients]:
        found: dict[int, list[Any]] = {}
        for node, g in self._replay.pending.items():
            entry = self._entries[operation(node)]
            slots = found.setdefault(entry.index, [None] * len(entry.outputs))
            if isinstance(node, Output):
                slots[node.index] = g
            else:
                for place, h in enumerate(g if isinstance(g, list) else [g]):
                    slots[place] = slots[place] if h is None else h
        return {index: _tensors(found[index]) for index in sorted(found, reverse=True)}

    def _shown(self, step: stepping.Step) -> Step:
        arrived = _tensors(step.arrived)
        hooked = arrived if step.hooked is step.arrived else _tensors(step.hooked)
        sent = tuple(map(_tensor, step.sent))
        return Step(self._entries[step.node], arrived, hooked, sent, step.seconds)


def _tensors(g: Any) -> Gradients:
    return tuple(map(_tensor, g)) if isinstance(g, list) else (_tensor(g),)


def _tensor(g: Any) -> Tensor | None:
    """A gradient as users see it, safe from being changed where arrays can be."""
    if g is None:
        return None
    array = crossed(g)
    array = np.asarray(array) if isinstance(array, np.generic) else array[...]
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return wrap(array)


def _started(roots: Sequence[Root], gradient: Any) -> list[Any]:
    given = list(gradient) if isinstance(gradient, (tuple, list)) else [gradient]
    if gradient is None:
        given = [None] * len(roots)
    if len(given) != len(roots):
        raise ArgumentError(
            f"steps: the tape is that of {len(roots)} tensors, got {len(given)} gradients"
        )
    return [_start(root, g) for root, g in zip(roots, given, strict=True)]


def _start(root: Root, gradient: Any) -> Any:
    node = root.node
    if gradient is None:
        if node.dtype.kind == "c":
            raise no_direction("steps", node.dtype)
        if any(n != 1 for n in node.shape):
            raise GraphError(
                f"steps: the gradient can be left out only for a single value, not for shape "
                f"{node.shape}; pass gradient="
            )
        return ones(node.shape, dtype=node.dtype, device=root.device).array
    if is_array(gradient):
        gradient = wrap(gradient[...])
    if not isinstance(gradient, Tensor):
        raise DtypeError(f"steps: gradient must be a tensor, got {type(gradient).__name__}")
    if gradient.shape != node.shape:
        raise ShapeError(
            f"steps: gradient must have the shape of the result, {node.shape}, got {gradient.shape}"
        )
    if gradient.device != root.device:
        raise DeviceError(
            f"steps: gradient must be on the device of the result, {root.device}, got {gradient.device}"
        )
    return crossed(gradient.array)
