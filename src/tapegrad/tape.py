"""The tape: nodes, and the three recorders that put them there.

A node stands for one operation that ran. It holds the nodes of the operation's inputs, one rule per
input that turns the gradient of the result into the gradient of that input, and the values that the
rules read. It never holds a tensor, so tensors die when the user lets go of them.

Saved values are plain arrays. When a gradient is itself recorded they must become tensors again, tied
to the nodes they came from; they are recognised by identity: a node notes the `id` of its array, and
since the saved array is alive and was alive together with its node's array when it was recorded, equal
ids mean the same array. That is why no two tensors share one array object.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final

import numpy as np

from ._typing import Array, DType, Rule, Shape
from .device import as_array
from .errors import GraphError
from .stamps import tick
from .tensor import Tensor, wrap

ndarray = np.ndarray
new = object.__new__

recording_mode: ContextVar[bool] = ContextVar("tapegrad_recording", default=True)
recording = recording_mode.get


class _Out:
    def __repr__(self) -> str:
        return "OUT"


OUT: Final = _Out()  # in `saved`: the result itself
ALL, CROSS, NOTHING = "all", "cross", "nothing"  # what the rules of a two-operand operation read, see `record2`


class Node:
    """One recorded operation.

    Attributes:
        parents: node of each input, None where it needs no gradient.
        rules: one function per input, `rule(g, *saved)`, giving that input's gradient.
        saved: values that the rules read; None once they have been freed.
        seq: time on the tape's clock.
        shape, dtype: of the value, and so of its gradient.
        value: `id` of the value's array.
        hooks: functions called with the gradient, by handle, or None.
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
    hooks: dict[int, Callable[..., Any]] | None

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
        if key == self.value:
            return wrap(value, self)
        for parent in self.parents:
            if parent is not None and parent.value == key:
                return wrap(value, parent)
        return value


class Leaf(Node):
    """The node of a tensor that the user made: gradients end here, in `tensor.grad`."""

    __slots__ = ("tensor",)

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
    return getattr(rule, "op", None) or rule.__name__.lstrip("_").partition("_vjp")[0]


def leaf(tensor: Tensor) -> Leaf:
    """A new leaf node for a tensor."""
    node = Leaf()
    array = tensor.array
    node.parents = node.rules = ()
    node.saved = ()
    node.seq = tick()
    node.shape, node.dtype, node.value = array.shape, array.dtype, id(array)
    node.hooks = None
    node.tensor = weakref.ref(tensor)
    return node


def output_node(owner: Joint, index: int) -> Output:
    """The node of one of several outputs."""
    assert owner.outputs is not None
    node = Output()
    node.parents, node.rules, node.saved = (owner,), (_output_vjp,), ()
    node.seq = tick()
    node.value, node.shape, node.dtype = owner.outputs[index]
    node.hooks = None
    node.index = index
    return node


def _output_vjp(g: Any) -> Any:
    return g


# A recorder by arity, not one loop: 0.3 to 1.4 us per operation (benchmarks/bench_dispatch.py).


def record1(out: Array, rule: Rule, input: Tensor, saved: Any = ()) -> Tensor:
    """Put an operation with one input on the tape.

    Args:
        out: the result, a new array.
        rule: `rule(g, *saved)` gives the gradient of `input`.
        input: the tensor it was computed from.
        saved: what the rule reads; `OUT` alone stands for the result.

    Returns:
        The result as a tensor.
    """
    if out.__class__ is not ndarray:
        out = as_array(out)
    tensor = new(Tensor)
    tensor.array = out
    parent = input.node
    if parent is None or not recording():
        tensor.node = None
        return tensor
    tensor.node = node = Node()
    node.parents = (parent,)
    node.rules = (rule,)
    node.saved = (out,) if saved is OUT else saved
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
    node.value = id(out)
    node.hooks = None
    return tensor


def record2(
    out: Array,
    rules: tuple[Rule, Rule],
    input: Any,
    other: Any,
    saved: tuple[Any, ...] = (),
    reads: str = ALL,
) -> Tensor:
    """Put an operation with two operands on the tape.

    Args:
        out: the result, a new array.
        rules: the gradients of both operands, each `rule(g, *saved)`.
        input, other: tensors, or constants.
        saved: what the rules read.
        reads: `CROSS` says that `saved` begins with both operands and each rule reads only the other
            one's, so that what no rule will read is not kept alive; `ALL` keeps everything.

    Returns:
        The result as a tensor.
    """
    if out.__class__ is not ndarray:
        out = as_array(out)
    tensor = new(Tensor)
    tensor.array = out
    x = input.node if isinstance(input, Tensor) else None
    y = other.node if isinstance(other, Tensor) else None
    if (x is None and y is None) or not recording():
        tensor.node = None
        return tensor
    if reads is CROSS:
        if y is None:
            saved = (None, *saved[1:])
        elif x is None:
            saved = (saved[0], None, *saved[2:])
    tensor.node = node = Node()
    node.parents = (x, y)
    node.rules = rules
    node.saved = saved
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
    node.value = id(out)
    node.hooks = None
    return tensor


def record3(
    out: Array,
    rules: tuple[Rule, Rule, Rule],
    input: Tensor,
    second: Tensor,
    third: Tensor | None,
    saved: tuple[Any, ...] = (),
) -> Tensor:
    """Put an operation of three tensors, the last of them optional, on the tape.

    Args:
        out: the result, a new array.
        rules: the gradients of all three, each `rule(g, *saved)`.
        input, second, third: the tensors; None for the third if it was left out.
        saved: what the rules read.

    Returns:
        The result as a tensor.
    """
    if out.__class__ is not ndarray:
        out = as_array(out)
    tensor = new(Tensor)
    tensor.array = out
    x, y = input.node, second.node
    z = None if third is None else third.node
    if (x is None and y is None and z is None) or not recording():
        tensor.node = None
        return tensor
    tensor.node = node = Node()
    node.parents = (x, y, z)
    node.rules = rules
    node.saved = saved
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
    node.value = id(out)
    node.hooks = None
    return tensor


def record(out: Any, rules: Any, inputs: Sequence[Any], saved: tuple[Any, ...] = ()) -> Any:
    """Put an operation with any number of inputs and outputs on the tape.

    Args:
        out: the result, a new array; or a tuple of them.
        rules: a tuple with one rule per input, each `rule(g, *saved)`; or one joint rule that returns
            the gradients of all inputs. An operation with several outputs has a joint rule; its `g` is
            a list with None for outputs that did not take part.
        inputs: tensors and constants.
        saved: what the rules read; `OUT` in it stands for the (single) result.

    Returns:
        A tensor, or a tuple of them.

    Example:
        >>> import numpy as np, tapegrad as tg
        >>> def _cube_vjp(g, x):
        ...     return 3 * g * x * x
        >>> def cube(input):
        ...     return tg.tape.record(input.array ** 3, (_cube_vjp,), (input,), (input.array,))
        >>> x = tg.tensor(2.0, requires_grad=True)
        >>> cube(x)
        tensor(8., grad_fn=<CubeBackward>)
        >>> cube(x).backward()
        >>> x.grad
        tensor(12.)
    """
    outs = tuple(map(as_array, out)) if isinstance(out, (tuple, list)) else (as_array(out),)
    parents = tuple(i.node if isinstance(i, Tensor) else None for i in inputs)
    if not recording() or all(parent is None for parent in parents):
        tensors = tuple(wrap(o) for o in outs)
        return tensors if isinstance(out, (tuple, list)) else tensors[0]
    node: Node
    if isinstance(rules, tuple):
        node = Node()
        node.rules = rules
    else:
        node = Joint()
        node.rules = (rules,)
        node.outputs = None
    node.parents = parents
    node.saved = tuple(outs[0] if value is OUT else value for value in saved)
    node.seq = tick()
    node.shape, node.dtype, node.value = outs[0].shape, outs[0].dtype, id(outs[0])
    node.hooks = None
    if not isinstance(out, (tuple, list)):
        return wrap(outs[0], node)
    assert isinstance(node, Joint), "several outputs need a joint rule"
    node.outputs = [(id(o), o.shape, o.dtype) for o in outs]
    node.value = 0
    return tuple(
        wrap(o, output_node(node, i) if o.dtype.kind in "fcV" else None) for i, o in enumerate(outs)
    )


def record_view(out: Array, rule: Rule, input: Tensor, saved: tuple[Any, ...] = ()) -> Tensor:
    """`record1` for a result that looks at its input's memory."""
    tensor = record1(out, rule, input, saved)
    join_family(tensor, input)
    return tensor


def join_family(view: Tensor, input: Tensor) -> None:
    """Let tensors that share memory know of each other, weakly.

    So a recorded in-place change can tell whether it would make another one's gradient ambiguous.
    """
    try:
        family = input.family
    except AttributeError:
        family = input.family = [weakref.ref(input)]
    if len(family) > 64:  # a parameter viewed in every step must not collect dead references
        family[:] = [member for member in family if member() is not None]
    family.append(weakref.ref(view))
    view.family = family
