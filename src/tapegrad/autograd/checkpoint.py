"""Gradient checkpointing: computing values a second time instead of keeping them for the gradient.

After the function has run, the part of the tape that it made is walked once, from its outputs back to
what was there before. What its nodes saved and nobody else keeps alive is let go, and a `Recomputed`
takes the place of each `saved`. The first time the replay reads one of them the function is run again,
and every node gets what its counterpart of the second run has saved. The nodes themselves stay: they are
those that the user's tensors, hooks and second derivatives know.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any

from .. import stamps
from .._typing import Array
from ..batching import Journal, journal
from ..device import is_array
from ..engine import check
from ..errors import ArgumentError, GraphError
from ..random import default_generator
from ..tape import Leaf, Node, leaf, output_node, recording
from ..tensor import Tensor, wrap
from .graph import current_hooks, places


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function, and keep for its gradient only what it was called with.

    `backward()` runs the function a second time when it needs the values in between, so that memory is
    paid for with time. Gradients flow to the arguments and to everything else that the function reads,
    such as parameters; `autograd.grad`, `create_graph=True`, several outputs and checkpoints inside of
    checkpoints work as without.

    The second run sees the same arguments, random numbers (of the default generator), grad mode and
    other context variables. It must do the same again: another sequence of operations is an error, and
    so is an argument or a parameter that has been changed in place in between. What the function changes
    itself, such as running statistics, it changes twice.

    The recomputed values are freed as a replay passes them; with `retain_graph=True` they stay, as the
    values of an ordinary tape would.

    Args:
        function: takes `args` and `kwargs`; returns a tensor, or tuples, lists and dicts of them.
        args, kwargs: tensors and other values.
        use_reentrant: only PyTorch's non-reentrant form exists: None or False.
        preserve_rng_state: run again with the random numbers of the first run.

    Returns:
        What the function returned.

    Raises:
        ArgumentError: for `use_reentrant=True`.
        GraphError: from the replay, if the second run differs from the first.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = tg.utils.checkpoint.checkpoint(lambda x: (x * x).exp().log(), x)
        >>> y.sum().backward()
        >>> x.grad
        tensor([2., 4.])

    References:
        Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016).
    """
    if use_reentrant:
        raise ArgumentError(
            "checkpoint: use_reentrant=True does not exist here; leave it out: the other form does all "
            "that it does, and lets gradients flow to parameters and closures too"
        )
    if not recording():
        return function(*args, **kwargs)
    hooks = current_hooks.set(None)  # this is the innermost way of saving
    mappings = journal.set(Journal(journal.get()))
    try:
        run = _Run(function, args, kwargs, preserve_rng_state)
        out = function(*args, **kwargs)
    finally:
        journal.reset(mappings)
        current_hooks.reset(hooks)
    run.take_from(_made(out, run.start))
    return out


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Call functions one after the other, keeping only the values between segments of them.

    All segments but the last, which the gradient needs first, are checkpointed. With as many segments as
    the square root of the number of functions, both the values kept and the values recomputed at a time
    grow with that root.

    Args:
        functions: a sequence of functions of one argument, or an `nn.Sequential`.
        segments: how many parts to cut them into.
        input: argument of the first function.
        use_reentrant, preserve_rng_state: as for `checkpoint`.

    Returns:
        What the last function returned.

    Raises:
        ArgumentError: if there are fewer functions than segments.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([0.5], requires_grad=True)
        >>> y = tg.utils.checkpoint.checkpoint_sequential([tg.exp, tg.log, tg.exp, tg.log], 2, x)
        >>> y.backward()
        >>> x.grad
        tensor([1.])

    References:
        Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016), section 4.
    """
    if hasattr(functions, "children"):
        functions = functions.children()
    functions = list(functions)
    if isinstance(segments, bool) or not isinstance(segments, int):
        raise ArgumentError(
            f"checkpoint_sequential: segments must be an int, got {type(segments).__name__}"
        )
    if not 1 <= segments <= len(functions):
        raise ArgumentError(
            f"checkpoint_sequential: segments must be from 1 to the number of functions, "
            f"{len(functions)}, got {segments}"
        )
    size = len(functions) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(
            partial(_chain, functions[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )
    return _chain(functions[last:], input)


def _chain(functions: Sequence[Callable[[Any], Any]], value: Any) -> Any:
    for function in functions:
        value = function(value)
    return value


class _Gone:
    def __repr__(self) -> str:
        return "GONE"


GONE = _Gone()  # in `kept`: a value that was let go
FRESH = "fresh"  # in a description: a leaf that the function made


class Recomputed:
    """Stands for what a node saved until the replay asks for it.

    It knows nothing of its node, so that nothing refers in a circle.
    """

    __slots__ = ("__weakref__", "kept", "places", "run", "seq", "values")

    def __init__(self, run: _Run, seq: int, kept: tuple[Any, ...] | None) -> None:
        self.run: _Run | None = run
        self.seq = seq
        self.kept = kept  # None: all of it is up to a checkpoint or hooks inside this one
        self.values: Any = None  # a tuple, or what that has left in the second run
        self.places: list[int | None] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._get())

    def _get(self) -> Any:
        if self.run is not None:
            self.run.again()
        return self.values

    @property
    def watched(self) -> Any:
        """The arrays that must not have been changed in place; asking for them computes nothing."""
        if self.run is None:
            return getattr(self.values, "watched", self.values)
        return (*(self.kept or ()), *self.run.read)

    @property
    def held(self) -> Any:
        """What is kept in memory for the values; asking for it computes nothing."""
        return self.values if self.run is None else (self.kept, self.run.read)

    def linked(self, node: Node) -> list[Any]:
        """The values as tensors tied to nodes of the first run, as `node.linked()` has them."""
        values = self._get()
        if not isinstance(values, tuple):
            return values.linked(node)  # type: ignore[no-any-return]
        family = (node, *node.parents)
        linked = []
        for value, place in zip(values, self.places, strict=True):
            if place is None:
                linked.append(value)
            elif place < 0:
                linked.append(wrap(value, output_node(node, -1 - place)))  # type: ignore[arg-type]
            else:
                linked.append(wrap(value, family[place]))
        return linked

    def fill(self, node: Node, begin: int) -> None:
        """Take over what the node of the second run, begun at the given time, has saved."""
        saved: Any = node.saved
        plain = isinstance(saved, tuple)
        if self.kept is None:
            self.values = saved
        else:
            values = tuple(saved)
            if len(values) != len(self.kept):
                raise _differs(node.op, f"saved {len(self.kept)} values", f"{len(values)}")
            for new, old in zip(values, self.kept, strict=True):
                self._check(node.op, new, old, begin)
            pairs = zip(values, self.kept, strict=True)
            self.values = tuple(new if old is GONE else old for new, old in pairs)
        if isinstance(self.values, tuple):
            while isinstance(saved, Recomputed) and not isinstance(saved.values, tuple):
                saved = saved.values
            self.places = places(node, node.linked()) if plain else saved.places
        self.run = self.kept = None

    def _check(self, op: str, new: Any, old: Any, begin: int) -> None:
        value = new if old is GONE else old
        if stamps.latest > self.seq and is_array(value):
            change = stamps.stamp_of(value)
            if (
                change is not None
                and change.time > self.seq
                and (old is value or change.time < begin)
            ):
                raise _changed(value, change, f"that {op} saved")


class _Run:
    """A call of the function: what the second run needs, and who waits for it."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, preserve_rng_state: bool
    ) -> None:
        self.function: Callable[..., Any] | None = function
        self.read: list[Array] = []
        self.call: Any = self._hold((args, kwargs))
        self.leaves: list[tuple[Leaf, Array]] = []
        self.state = default_generator.get_state() if preserve_rng_state else None
        self.context: Any = copy_context()
        self.mappings = journal.get()
        self.start = stamps.tick()
        self.made: list[tuple[Any, tuple[Any, ...]]] = []
        self.waiting: list[weakref.ref[Recomputed] | None] = []

    def _hold(self, value: Any) -> Any:
        """Arguments with arrays and nodes for tensors, which may be given another node in place."""
        if isinstance(value, Tensor):
            self.read.append(value.array)
            return _Held(value.array, value.node)
        if type(value) in (tuple, list):
            return type(value)(map(self._hold, value))
        if type(value) is dict:
            return {key: self._hold(item) for key, item in value.items()}
        return value

    def take_from(self, nodes: list[Node]) -> None:
        """Let go what the nodes saved and nobody else keeps alive."""
        savers = [node for node in nodes if node.saved]  # none that were freed inside the function
        saved = [_let_go(node) for node in savers]  # all of them, before looking what is left
        kept = [None if values is None else tuple(map(_alive, values)) for values in saved]
        if all(v is not None and all(value is not GONE for value in v) for v in kept):
            for node, values in zip(savers, kept, strict=True):
                node.saved = values
            return
        waiting: dict[Node, Recomputed] = {}
        for node, values in zip(savers, kept, strict=True):
            waiting[node] = waits = Recomputed(self, node.seq, values)
            node.saved = waits  # type: ignore[assignment]
        self.waiting = [weakref.ref(waiting[node]) if node in waiting else None for node in nodes]
        self.made = _described(nodes, self.start)
        self._watch_leaves(nodes)

    def _watch_leaves(self, nodes: list[Node]) -> None:
        found = {p for node in nodes for p in node.parents if isinstance(p, Leaf)}
        for node in found:
            tensor = node.tensor()
            if tensor is not None and node.seq <= self.start:
                self.leaves.append((node, tensor.array))
                self.read.append(tensor.array)

    def again(self) -> None:
        """Run the function a second time, and give every waiting node its values."""
        assert self.function is not None
        self._check()
        args, kwargs = _restored(self.call)
        now = None if self.state is None else default_generator.get_state()
        if self.state is not None:
            default_generator.set_state(self.state)
        begin = stamps.tick()
        if self.mappings is not None:
            self.mappings.place = 0  # what is mapped over is the same as in the first run
        try:
            out = self.context.run(self.function, *args, **kwargs)
        finally:
            if now is not None:
                default_generator.set_state(now)
        nodes = _made(out, begin)
        _compare(self.made, _described(nodes, begin))
        filled = []
        for node, waits in zip(nodes, self.waiting, strict=True):
            target = None if waits is None else waits()
            if target is not None and target.run is not None:
                if node.seq < stamps.latest:
                    check(node)
                filled.append((target, node))
        for target, node in filled:
            target.fill(node, begin)
        self.function = self.call = self.context = self.state = None
        self.read, self.leaves = [], []

    def _check(self) -> None:
        for array in self.read:
            change = stamps.stamp_of(array)
            if change is not None and change.time > self.start:
                raise _changed(array, change, "that the function reads")
        for node, array in self.leaves:
            tensor = node.tensor()
            if tensor is not None and tensor.array is not array:
                raise GraphError(
                    f"checkpoint: a leaf of shape {array.shape} that the function reads holds another "
                    "array now, so it cannot be run again; call backward() before replacing it"
                )


class _Held:
    __slots__ = ("array", "node")

    def __init__(self, array: Array, node: Node | None) -> None:
        self.array = array
        self.node = node


def _restored(value: Any) -> Any:
    """The arguments again, tensors as leaves of their own: their hooks and history stay out of it.

    For the time of the run they share their arrays with the arguments, so that a value that is saved in
    either run is the same one.
    """
    if isinstance(value, _Held):
        tensor = wrap(value.array)
        if value.node is not None:
            tensor.node = leaf(tensor)
            tensor.node.seq = value.node.seq  # by which the two runs are compared
        return tensor
    if type(value) in (tuple, list):
        return type(value)(map(_restored, value))
    if type(value) is dict:
        return {key: _restored(item) for key, item in value.items()}
    return value


def _made(out: Any, start: int) -> list[Node]:
    """The nodes made after a time that lead to outputs, by ascending time, without leaves."""
    pending: list[Any] = [out]
    roots: list[Node | None] = []
    while pending:
        value = pending.pop()
        if isinstance(value, Tensor):
            roots.append(value.node)
        elif isinstance(value, (tuple, list)):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    found: set[Node] = set()
    while roots:
        node = roots.pop()
        if node is None or node.seq <= start or node in found or isinstance(node, Leaf):
            continue
        found.add(node)
        roots.extend(node.parents)
    return sorted(found, key=lambda node: node.seq)


def _let_go(node: Node) -> list[Any] | None:
    """Take a node's saved values away; weak references to the arrays, constants as they are."""
    saved: Any = node.saved
    node.saved = None
    if not isinstance(saved, tuple):
        return None  # a checkpoint or hooks inside the function have their own
    return [weakref.ref(value) if is_array(value) else value for value in saved]


def _alive(value: Any) -> Any:
    if isinstance(value, weakref.ref):
        array = value()
        return GONE if array is None else array
    return value


def _described(nodes: list[Node], start: int) -> list[tuple[Any, tuple[Any, ...]]]:
    """What two runs must have in common: operations, shapes, dtypes and who reads whom."""
    index = {node: i for i, node in enumerate(nodes)}

    def place(parent: Node | None) -> Any:
        if parent is None or parent in index:
            return None if parent is None else index[parent]
        return -parent.seq if parent.seq <= start else FRESH

    return [
        ((node.op, node.shape, node.dtype, type(node)), tuple(map(place, node.parents)))
        for node in nodes
    ]


def _compare(first: list[Any], second: list[Any]) -> None:
    for i, ((was, reads), (now, reads_now)) in enumerate(zip(first, second, strict=False)):
        if was != now:
            raise _differs(f"operation {i}", _worded(was), _worded(now))
        same = len(reads) == len(reads_now) and all(
            # a leaf made by the first run may be there already in the second, as a lazy parameter is
            p == q or (p is FRESH and q is not None and q < 0)
            for p, q in zip(reads, reads_now, strict=True)
        )
        if not same:
            raise _differs(f"operation {i}", _worded(was), f"{_worded(now)} of other operands")
    if len(first) != len(second):
        raise _differs("the function", f"recorded {len(first)} operations", f"{len(second)}")


def _worded(described: Any) -> str:
    op, shape, dtype, _ = described
    return f"{op} of shape {shape} and dtype {dtype}"


def _differs(what: str, was: str, now: str) -> GraphError:
    return GraphError(
        f"checkpoint: the function did not do the same when it was run again for its gradient: {what}: "
        f"first {was}, then {now}; it must depend on nothing that changes between forward and backward"
    )


def _changed(value: Any, change: stamps.Stamp, which: str) -> GraphError:
    return GraphError(
        f"checkpoint: a value of shape {value.shape} {which} was changed in place, by {change.op} at "
        f"{change.line}, so the function cannot be run again for its gradient; use the out-of-place "
        "form there, or call backward() first"
    )
