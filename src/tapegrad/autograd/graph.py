"""What happens to the values that the tape saves: hooks that store them elsewhere.

The recorders know nothing of hooks: while a context is open the innermost one hears of new nodes
(`births.py`). A node is told of before it is complete, so its values are packed when the next one is made,
or at the end of the context.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any

from .. import stamps
from ..device import is_array
from ..errors import GraphError
from ..record import record1
from ..tape import Joint, Node, Output, output_node, recording_mode
from ..tensor import Tensor, wrap
from . import births
from .scope import Mode, Scope

__all__ = ["disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]

current_hooks: ContextVar[saved_tensors_hooks | None]
current_hooks = ContextVar("tapegrad_saved_tensors_hooks", default=None)
_disabled: ContextVar[str | None] = ContextVar("tapegrad_disabled_hooks", default=None)


def _born(node: Node, frame: FrameType) -> None:
    hooks = current_hooks.get()
    if hooks is not None and hooks._tokens:
        hooks._settle()
        hooks._pending.append(node)


class saved_tensors_hooks(Scope):
    """A context that stores what the tape saves in a form of the user's choice.

    Each value that an operation inside saves for its gradient is given to `pack_hook`, and what that
    returns is kept in its place; the replay gives it to `unpack_hook`, which returns the tensor. Of
    nested contexts the innermost counts, and inside a checkpoint only those opened by its function.
    Contexts belong to their thread or task. A value is packed when the next operation is recorded or the
    context ends, so an error in `pack_hook` may appear one operation later.

    Args:
        pack_hook: takes a tensor, which it must not change; returns anything.
        unpack_hook: takes that; returns a tensor of the same shape and dtype, on the same device. It may
            be called again when the graph is retained.

    Raises:
        GraphError: if `pack_hook` changes its tensor, or `unpack_hook` returns something that does not fit;
            inside `disable_saved_tensors_hooks`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> def pack(t):
        ...     print("pack", t.shape)
        ...     return t.half()
        >>> def unpack(t):
        ...     print("unpack", t.dtype)
        ...     return t.float()
        >>> with tg.autograd.graph.saved_tensors_hooks(pack, unpack):
        ...     y = x.exp().sum()
        pack (2,)
        >>> y.backward()
        unpack float16
        >>> x.grad
        tensor([2.7188, 7.3906])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        super().__init__()
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook
        self._pending: list[Node] = []

    _variable: ContextVar[Any] = current_hooks

    @property
    def _value(self) -> saved_tensors_hooks:
        return self

    def __enter__(self) -> None:
        message = _disabled.get()
        if message is not None:
            raise GraphError(message)
        births.listen(_born)
        super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        births.ignore(_born)
        if kind is None:
            self._settle()
        self._pending = []

    def _settle(self) -> None:
        """Pack what the nodes that are complete by now have saved."""
        pending, self._pending = self._pending, []
        for node in pending:
            saved = getattr(node, "saved", None)
            if saved is None and not hasattr(node, "saved"):
                self._pending.append(node)  # its outputs are still being made
            elif saved and isinstance(saved, tuple):
                self._pack(node, saved)

    def _pack(self, node: Node, saved: tuple[Any, ...]) -> None:
        if any(_change(value, node.seq) for value in saved):
            return  # changed in place already: the replay will say so
        modes = recording_mode.set(False), current_hooks.set(None)
        try:
            node.saved = Packed(self, node, saved)  # type: ignore[assignment]
        finally:
            recording_mode.reset(modes[0])
            current_hooks.reset(modes[1])

    def _packed(self, value: Any) -> Any:
        before = stamps.tick()
        packed = self.pack_hook(wrap(value[...]))
        change = _change(value, before)
        if change:
            raise GraphError(
                f"saved_tensors_hooks: pack_hook changed its tensor of shape {value.shape} in place, by "
                f"{change.op} at {change.line}; let it work on a clone()"
            )
        return packed


def _change(value: Any, time: int) -> stamps.Stamp | None:
    """The last in-place change of a value, if it is later than a time."""
    if stamps.latest < time or not is_array(value):
        return None
    change = stamps.stamp_of(value)
    return change if change is not None and change.time > time else None


class Packed:
    """Stands for what a node saved: packed values, unpacked while the replay reads them."""

    __slots__ = ("hooks", "last", "like", "op", "places", "seq", "values")

    def __init__(self, hooks: saved_tensors_hooks, node: Node, saved: tuple[Any, ...]) -> None:
        self.hooks = hooks
        self.op, self.seq = node.op, node.seq
        self.places = places(node, node.linked())
        self.like = [(v.shape, v.dtype, type(v)) if is_array(v) else None for v in saved]
        self.values = [hooks._packed(v) if is_array(v) else v for v in saved]
        self.last: list[Any] = []

    watched = ()  # the arrays are the user's now: they are compared with the stamps when unpacked

    def __iter__(self) -> Iterator[Any]:
        return iter(self._get())

    @property
    def held(self) -> Any:
        """What is kept in memory for the values; asking for it unpacks nothing."""
        return self.values

    def _get(self) -> list[Any]:
        last = [value() if isinstance(value, weakref.ref) else value for value in self.last]
        if last and all(
            v is not None for v, like in zip(last, self.like, strict=True) if like is not None
        ):
            return last  # several rules of one node read them
        modes = recording_mode.set(False), current_hooks.set(None)
        try:
            values = [
                v if like is None else self._unpacked(v, like)
                for v, like in zip(self.values, self.like, strict=True)
            ]
        finally:
            recording_mode.reset(modes[0])
            current_hooks.reset(modes[1])
        self.last = [weakref.ref(v) if is_array(v) else v for v in values]
        return values

    def _unpacked(self, packed: Any, like: Any) -> Any:
        begin = stamps.tick()
        tensor = self.hooks.unpack_hook(packed)
        if not isinstance(tensor, Tensor):
            raise GraphError(
                f"saved_tensors_hooks: unpack_hook must return a tensor, got {type(tensor).__name__}"
            )
        array = tensor.array
        if (array.shape, array.dtype, type(array)) != like:
            raise GraphError(
                f"saved_tensors_hooks: unpack_hook must return a tensor of shape {like[0]} and dtype "
                f"{like[1]} on the device it came from, got {array.shape} and {array.dtype} on "
                f"{tensor.device}"
            )
        change = _change(array, self.seq)
        if change and change.time < begin:
            raise GraphError(
                f"saved_tensors_hooks: a value of shape {array.shape} that {self.op} saved for its gradient "
                f"was changed in place later, by {change.op} at {change.line}; let pack_hook copy it, or "
                "use the out-of-place form there"
            )
        return array

    def linked(self, node: Node) -> list[Any]:
        """The values as tensors tied to their nodes, as `node.linked()` has them.

        By a step of their own: a node is known by the array of its value, and these are others.
        """
        family = (node, *node.parents)
        linked = []
        for value, place in zip(self._get(), self.places, strict=True):
            if place is None:
                linked.append(value)
                continue
            target: Any = family[place] if place >= 0 else None
            if place < 0:
                assert isinstance(node, Joint)
                target = output_node(node, -1 - place)
            linked.append(record1(value[...], _unpack_vjp, wrap(value, target)))
        return linked


def _unpack_vjp(g: Any) -> Any:
    return g


def places(node: Node, linked: list[Any]) -> list[int | None]:
    """Which saved value belongs to which node: 0 its own, 1 ... the parents', -1 ... the outputs'."""
    family = (node, *node.parents)
    found: list[int | None] = []
    for value in linked:
        if not isinstance(value, Tensor):
            found.append(None)
        elif value.node in family:
            found.append(family.index(value.node))
        else:
            assert isinstance(value.node, Output)
            found.append(-1 - value.node.index)
    return found


class save_on_cpu(saved_tensors_hooks):
    """A context that keeps what the tape saves in the host's memory, and copies it back to use it.

    What is on the host already is kept as it is.

    Args:
        pin_memory: accepted for PyTorch's sake; without effect.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> with tg.autograd.graph.save_on_cpu():
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False) -> None:
        super().__init__(
            lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0])
        )


class disable_saved_tensors_hooks(Mode):
    """A mode in which no `saved_tensors_hooks` may be opened, for code that cannot do with them.

    Checkpoints need no hooks here, so they work inside.

    Args:
        error_message: message of the error.

    Raises:
        GraphError: with this message, where hooks are opened inside; or at once, if some are open.

    Example:
        >>> import tapegrad as tg
        >>> graph = tg.autograd.graph
        >>> with graph.disable_saved_tensors_hooks("no hooks here"), graph.save_on_cpu():
        ...     pass
        Traceback (most recent call last):
        tapegrad.errors.GraphError: no hooks here
    """

    _variable: ContextVar[Any] = _disabled

    def __init__(self, error_message: str) -> None:
        super().__init__()
        self.error_message = error_message

    @property
    def _value(self) -> str:
        if current_hooks.get() is not None:
            raise GraphError(self.error_message)
        return self.error_message
