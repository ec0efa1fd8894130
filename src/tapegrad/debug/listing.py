"""The operations behind a result, in the order in which they ran, with what each keeps alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, overload

from .._typing import DType, Shape
from ..autograd.checkpoint import Recomputed
from ..autograd.graph import Packed
from ..autograd.origins import origins
from ..device import is_array, owner
from ..errors import ArgumentError, GraphError
from ..tape import Leaf, Node, Output
from ..tensor import Tensor
from . import drawing, table
from .steps import Root, Steps, operation

Names = Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]


class Value(NamedTuple):
    """Shape and dtype of a result.

    Example:
        >>> import numpy as np
        >>> from tapegrad.debug import Value
        >>> Value((2, 3), np.dtype("float32")).shape
        (2, 3)
    """

    shape: Shape
    dtype: DType


class Saved(NamedTuple):
    """An array that an operation saved for its gradient.

    Attributes:
        shape, dtype: of the array.
        nbytes: of its elements.
        view: whether it looks at memory that another array owns, all of which it keeps alive.
        account: index of the entry that answers for that memory: the leaf whose value it is, otherwise
            the first entry that saved any of it.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.ones(3, requires_grad=True)
        >>> tape = (x * x).tape()
        >>> tape[1].saved[0].account == tape[0].index  # the leaf's own value
        True
    """

    shape: Shape
    dtype: DType
    nbytes: int
    view: bool
    account: int


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One operation of a tape, or one leaf, as it was when the tape was listed.

    Attributes:
        index: its place in the tape.
        op: name of the operation; `leaf` for a leaf.
        name: of the tensor, where `names` gave one.
        leaf: whether gradients end here, in the `grad` of a tensor.
        outputs: shape and dtype of every result; most operations have one.
        inputs: for every input the index of the entry that made it, None for constants.
        places: for every input which of that entry's outputs it is; 0 unless there are several.
        saved: the arrays saved for the gradient, not counting constants; empty once freed.
        saved_bytes: size of the memory that this entry answers for, see `Tape`.
        freed: whether a backward has dropped what was saved.
        node: the node itself, as `Tensor.grad_fn` gives it.
        recomputed: whether what its rules read is computed again when it is needed, by a checkpoint; then
            `saved` is what is kept for that, on the account of the checkpoint's first operation.
        module: path and kind of the module that it ran in, such as `encoder.2 (Linear)`.
        line: the line of the program that called it, `file.py:123 in function`.
        gradient_of: if it is part of the recorded gradient of an operation, that one's name.
        forward_time, backward_time: seconds that it took and that its rules took.

    The last five are known of operations recorded under `debug.recording`, all but the backward time also
    under `autograd.detect_anomaly`, and None for others.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.ones(3, requires_grad=True)
        >>> tape = (x.exp() * 2).tape()
        >>> tape[1].op, tape[1].inputs, tape[1].shape, tape[1].saved_bytes
        ('exp', (0,), (3,), 12)
        >>> tape[2].inputs
        (1, None)
    """

    index: int
    op: str
    name: str | None
    leaf: bool
    outputs: tuple[Value, ...]
    inputs: tuple[int | None, ...]
    places: tuple[int, ...]
    saved: tuple[Saved, ...]
    saved_bytes: int
    freed: bool
    node: Node = field(repr=False)
    recomputed: bool = False
    module: str | None = None
    line: str | None = None
    gradient_of: str | None = None
    forward_time: float | None = None
    backward_time: float | None = None

    @property
    def shape(self) -> Shape:
        """Shape of the result, of the first one if there are several."""
        return self.outputs[0].shape

    @property
    def dtype(self) -> DType:
        """dtype of the result, of the first one if there are several."""
        return self.outputs[0].dtype


class Tape(Sequence[Entry]):
    """The tape of one or several tensors: every operation and leaf behind them, in order of time.

    The list shows the moment when it was made; what a later backward frees is seen in a new one. It
    holds nodes and no tensors, and holds those only while it lives itself. An operation with several
    outputs is one entry.

    Memory is counted once, however many entries saved it, and always as a whole: a view keeps all of
    the memory it looks at. The value of a leaf is no cost of the tape as long as its tensor lives, so it
    stands in `leaf_bytes`; all other memory is in the `saved_bytes` of the first entry that saved it. What
    a `Function` keeps as attributes of its `ctx` is not seen.

    Lines, modules and times are shown of what was recorded under `debug.recording`.

    Args:
        tensors: the results; each must require grad.
        names: names for tensors by which their entries are shown: a mapping from names, or pairs as
            from `Module.named_parameters()`. The first of several names counts; passed over are
            tensors that took no part, and one of several outputs, which has no entry of its own.

    Attributes:
        roots: index of the entry that made each of the tensors.
        saved_bytes: memory of everything saved, without the values of leaves.
        leaf_bytes: memory of the leaves' values that were saved.

    Raises:
        GraphError: if a tensor does not require grad.
        ArgumentError: for something else than tensors, or no tensor at all.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = (x.exp() * x).sum()
        >>> tape = y.tape(names={"x": x})
        >>> tape
        #  op      inputs  shape    dtype  saved
        0  leaf x           (2,)  float32
        1  exp     0        (2,)  float32      8
        2  mul     1 0      (2,)  float32      0
        3  sum     2          ()  float32      0
        3 operations, 1 leaf, 8 bytes saved, 8 bytes of leaves' values
        >>> y.backward()
        >>> [entry.freed for entry in y.tape()]
        [False, True, True, True]
    """

    __slots__ = ("__weakref__", "_entries", "_roots", "leaf_bytes", "roots", "saved_bytes")

    roots: tuple[int, ...]
    saved_bytes: int
    leaf_bytes: int

    def __init__(self, *tensors: Tensor, names: Names | None = None) -> None:
        self._roots = [_root(tensor, i, len(tensors)) for i, tensor in enumerate(tensors)]
        nodes = _collect(root.node for root in self._roots)
        if not nodes:
            raise ArgumentError("tape: needs at least one tensor, got none")
        called = _names_by_node(names)
        index = {node: i for i, node in enumerate(nodes)}
        accounts = _Accounts(nodes)
        self._entries: list[Entry] = []
        for i, node in enumerate(nodes):
            read = [None if p is None else operation(p) for p in node.parents]
            saved, charged = accounts.enter(i, node.saved)
            self._entries.append(
                Entry(
                    index=i,
                    op="leaf" if isinstance(node, Leaf) else node.op,
                    name=called.get(node),
                    leaf=isinstance(node, Leaf),
                    outputs=_outputs(node),
                    inputs=tuple(None if p is None else index[p] for p in read),
                    places=tuple(p.index if isinstance(p, Output) else 0 for p in node.parents),
                    saved=saved,
                    saved_bytes=charged,
                    freed=node.saved is None,
                    node=node,
                    recomputed=isinstance(node.saved, Recomputed) and node.saved.run is not None,
                    **_noted(node),
                )
            )
        self.roots = tuple(index[operation(root.node)] for root in self._roots)
        self.saved_bytes = sum(entry.saved_bytes for entry in self._entries)
        self.leaf_bytes = accounts.leaf_bytes

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self._entries[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __str__(self) -> str:
        return table.text(self)

    def __repr__(self) -> str:
        return table.text(self, most=1000)

    def steps(self, gradient: Any = None) -> Steps:
        """Replay the tape one operation at a time; see `Steps`.

        Args:
            gradient: of the tensor that the tape is of, of its shape; None for a single value means 1. A
                sequence if there are several tensors.

        Returns:
            An iterator over what each operation does; it touches nobody's `grad` and frees nothing.

        Raises:
            GraphError: if values have been freed or changed in place, or a gradient is needed.
            ShapeError, ArgumentError, DtypeError: for a gradient that does not fit.

        Example:
            >>> import tapegrad as tg
            >>> x = tg.tensor([3.0, 4.0], requires_grad=True)
            >>> for step in (x * x).sum().sqrt().tape(names={"x": x}).steps():
            ...     print(step)
            #3 sqrt () 1 -> #2 () 0.1
            #2 sum () 0.1 -> #1 (2,) 0.1
            #1 mul (2,) 0.1 -> #0 (2,) 0.3..0.4, #0 (2,) 0.3..0.4
            #0 leaf x (2,) 0.6..0.8
        """
        return Steps(self, self._roots, gradient)

    def mermaid(self) -> str:
        """The tape as the text of a Mermaid flowchart: `n0` is the first entry, arrows go with time.

        Example:
            >>> import tapegrad as tg
            >>> x = tg.ones(2, requires_grad=True)
            >>> print(x.exp().tape(names={"x": x}).mermaid())
            flowchart TD
                n0(["leaf x<br>(2,) float32"])
                n1["exp<br>(2,) float32"]
                n0 --> n1
        """
        return drawing.mermaid(self)

    def dot(self) -> str:
        r"""The tape as the text of a Graphviz graph: `n0` is the first entry, arrows go with time.

        Example:
            >>> import tapegrad as tg
            >>> x = tg.ones(2, requires_grad=True)
            >>> print(x.exp().tape(names={"x": x}).dot())
            digraph tape {
                node [shape=box];
                n0 [label="leaf x\n(2,) float32", shape=ellipse];
                n1 [label="exp\n(2,) float32"];
                n0 -> n1;
            }
        """
        return drawing.dot(self)


def _root(tensor: Any, i: int, count: int) -> Root:
    which = f"tensor {i}" if count > 1 else "the tensor"
    if not isinstance(tensor, Tensor):
        raise ArgumentError(f"tape: {which} must be a Tensor, got {type(tensor).__name__}")
    if tensor.node is None:
        raise GraphError(
            f"tape: {which} (shape {tensor.shape}) does not require grad, so nothing was recorded; "
            "compute it from tensors with requires_grad=True, outside no_grad()"
        )
    return Root(tensor.node, tensor.device)


def _collect(roots: Iterable[Node]) -> list[Node]:
    """All operations and leaves that can be reached, by ascending time."""
    found = list(dict.fromkeys(map(operation, roots)))
    seen = set(found)
    for node in found:  # grows while it is walked
        for parent in node.parents:
            if parent is not None and (whole := operation(parent)) not in seen:
                seen.add(whole)
                found.append(whole)
    found.sort(key=attrgetter("seq"))
    return found


def _outputs(node: Node) -> tuple[Value, ...]:
    several = getattr(node, "outputs", None)
    if several is None:
        return (Value(node.shape, node.dtype),)
    return tuple(Value(shape, dtype) for _, shape, dtype in several)


def _noted(node: Node) -> dict[str, Any]:
    """What debugging noted of a node, as attributes of its entry."""
    origin = origins.get(node)
    if origin is None:
        return {}
    return {
        "module": origin.module,
        "line": origin.line,
        "gradient_of": origin.gradient_of,
        "forward_time": origin.forward,
        "backward_time": origin.backward,
    }


def _names_by_node(names: Names | None) -> dict[Node, str]:
    if names is None:
        return {}
    if not isinstance(names, Iterable):
        raise ArgumentError(_bad_names(f"a {type(names).__name__}"))
    called: dict[Node, str] = {}
    for pair in names.items() if isinstance(names, Mapping) else names:
        match pair:
            case (str(name), Tensor(node=node)):
                if node is not None:
                    called.setdefault(node, name)
            case _:
                raise ArgumentError(_bad_names(f"{_kinds(pair)} in it"))
    return called


def _bad_names(got: str) -> str:
    return (
        "tape: names must be a mapping from names to tensors, or pairs of a name and a tensor, got "
        f"{got}; pass model.named_parameters()"
    )


def _kinds(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(type(part).__name__ for part in value)})"
    return type(value).__name__


class _Accounts:
    """Who answers for the memory of saved arrays. Memory is told apart by the array that owns it."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.leaf_bytes = 0
        self._leaves: dict[int, int] = {}  # by id of the owner, which the tensor keeps alive
        self._charged: dict[int, int] = {}  # likewise, kept alive by the node that saved it
        self._alive: list[Any] = []  # the leaves' owners, so that no id is given out anew meanwhile
        for i, node in enumerate(nodes):
            tensor = node.variable if isinstance(node, Leaf) else None
            if tensor is not None:
                memory = owner(tensor.array)
                self._leaves.setdefault(id(memory), i)
                self._alive.append(memory)

    def enter(self, index: int, values: Any) -> tuple[tuple[Saved, ...], int]:
        """What an entry saved, and the size of the memory that it is the first to save."""
        saved, charged = [], 0
        for array in _arrays(values):
            memory = owner(array)
            key = id(memory)
            account = self._leaves.get(key)
            if key not in self._charged:
                self._charged[key] = index
                self._alive.append(memory)
                if account is None:
                    charged += memory.nbytes
                else:
                    self.leaf_bytes += memory.nbytes
            if account is None:
                account = self._charged[key]
            view = memory is not array
            saved.append(Saved(array.shape, array.dtype, array.nbytes, view, account))
        return tuple(saved), charged


def _arrays(values: Any) -> list[Any]:
    """The arrays among saved values, also inside of others, each once."""
    found: dict[int, Any] = {}
    pending = [values]
    while pending:
        value = pending.pop()
        if isinstance(value, (tuple, list)):
            pending.extend(reversed(value))
        elif isinstance(value, (Recomputed, Packed)):
            pending.append(value.held)
        elif isinstance(value, Tensor):  # what a hook of the user keeps in place of a value
            pending.append(value.array)
        elif value is not None and is_array(value):
            found.setdefault(id(value), value)
    return list(found.values())
