"""The tape: nodes, and the three recorders that put them there.

A node stands for one operation that ran. It holds the nodes of the operation's inputs, one rule per
input that turns the gradient of the result into the gradient of that input, and the values that the
rules read. It never holds a tensor, so tensors die when the user lets go of them.

Saved values are plain arrays. When a gradient is itself recorded they must become tensors again, tied
to the nodes they came from; they are recognised by identity: whoever saves a node's array notes its
`id` there, and since the array is alive as long as it is saved, equal ids mean the same array. That is
why no two tensors share one array object.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from ._typing import DType, Rule, Shape
from .errors import GraphError
from .hooking import HookTable
from .stamps import tick
from .tensor import Tensor, wrap

recording_mode: ContextVar[bool] = ContextVar("tapegrad_recording", default=True)
recording = recording_mode.get


# Rules whose derivative may be infinite: where the gradient of the result is zero, it stays zero.
singular_rules: set[Rule] = set()


class Node:
    """One recorded operation.

    Attributes:
        parents: node of each input, None where it needs no gradient.
        rules: one function per input, `rule(g, *saved)`, giving that input's gradient.
        saved: values that the rules read, a tuple, or what makes them when it is iterated
            (`autograd/checkpoint.py`); None once they have been freed.
        seq: time on the tape's clock.
        shape, dtype: of the value, and so of its gradient.
        value: `id` of the value's array, set once somebody saves it.
    """

    __slots__ = (
        "__weakref__", "dtype", "hooks", "parents", "rules", "saved", "seq", "shape", "value",
    )  # fmt: skip

    parents: tuple[Node | None, ...]
    rules: tuple[Rule, ...]
    saved: tuple[Any, ...] | None
    seq: int
    shape: Shape
    dtype: DType
    value: int

    @property
    def op(self) -> str:
        """Name of the operation."""
        return op_name(self.rules[0])

    @property
    def name(self) -> str:
        """The name in PyTorch's manner: `MulBackward`."""
        return "".join(part.capitalize() for part in self.op.split("_")) + "Backward"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The inputs' nodes, as PyTorch lists them."""
        return tuple((parent, 0) for parent in self.parents)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def pull(self, g: Any, saved: Sequence[Any]) -> Sequence[Any]:
        """Gradients of all inputs from the gradient of the value, None where none is needed."""
        return [
            None if parent is None else rule(g, *saved)
            for parent, rule in zip(self.parents, self.rules, strict=True)
        ]

    def linked(self) -> list[Any]:
        """The saved values as tensors tied to their nodes; constants as they are."""
        assert self.saved is not None
        return [self._link(value) for value in self.saved]

    def _link(self, value: Any) -> Any:
        key = id(value)
        for node in (self, *self.parents):
            if node is not None and getattr(node, "value", 0) == key:
                return wrap(value, node)
        return value


# Functions called with a node's gradient, by handle. Beside the tape, since few nodes have any.
hooks = HookTable("hooks")


class Pair(Node):
    """An operation of two operands that saves them in their order, or nothing."""

    __slots__ = ()

    def linked(self) -> list[Any]:
        assert self.saved is not None
        return [
            value if parent is None or value is None else wrap(value, parent)
            for value, parent in zip(self.saved, self.parents, strict=False)
        ]


class Leaf(Node):
    """The node of a tensor that the user made: gradients end here, in `tensor.grad`."""

    __slots__ = ("deposited", "tensor")

    tensor: weakref.ref[Tensor]

    @property
    def op(self) -> str:
        return "accumulate_grad"

    @property
    def name(self) -> str:
        return "AccumulateGrad"

    @property
    def variable(self) -> Tensor | None:
        """The tensor, while it lives."""
        return self.tensor()


class Joint(Node):
    """An operation whose inputs' gradients are computed together, or that has several outputs.

    The only rule gets the gradient (for several outputs a list of them, None where an output did not
    take part) and returns one gradient per input.
    """

    __slots__ = ("outputs",)

    outputs: list[Any] | None  # per output (id of the array, shape, dtype); None for a single one

    def pull(self, g: Any, saved: Sequence[Any]) -> Sequence[Any]:
        gradients = self.rules[0](g, *saved)
        if len(gradients) != len(self.parents):
            raise GraphError(
                f"{self.op}: its rule must return one gradient per input "
                f"({len(self.parents)}), got {len(gradients)}"
            )
        return gradients  # type: ignore[no-any-return]

    def _link(self, value: Any) -> Any:
        for index, output in enumerate(self.outputs or ()):
            if output[0] == id(value):
                return wrap(value, output_node(self, index))
        return super()._link(value)


class Output(Node):
    """One of several outputs: passes its gradient to its place in the list of the operation's."""

    __slots__ = ("index",)

    index: int

    @property
    def op(self) -> str:
        owner = self.parents[0]
        assert owner is not None
        return owner.op


def op_name(rule: Rule) -> str:
    """The operation's name, read off its rule's: `_mul_vjp_x` belongs to `mul`."""
    name: str = getattr(rule, "__name__", type(rule).__name__)
    return getattr(rule, "op", None) or name.lstrip("_").partition("_vjp")[0]


def leaf(tensor: Tensor) -> Leaf:
    """A new leaf node for a tensor."""
    node = Leaf()
    array = tensor.array
    node.parents = node.rules = ()
    node.saved = ()
    node.seq = tick()
    node.shape, node.dtype = array.shape, array.dtype
    node.tensor = weakref.ref(tensor)
    return node


def output_node(owner: Joint, index: int) -> Output:
    """The node of one of several outputs."""
    assert owner.outputs is not None
    node = Output()
    node.parents, node.rules, node.saved = (owner,), (_output_vjp,), ()
    node.seq = tick()
    node.value, node.shape, node.dtype = owner.outputs[index]
    node.index = index
    return node


def _output_vjp(g: Any) -> Any:
    return g
