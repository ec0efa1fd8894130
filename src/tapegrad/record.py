"""Recorders: the only ways onto the tape.

One by arity, not one loop for all: 0.3 to 1.4 us per operation (benchmarks/bench_dispatch.py). This is
the one sanctioned repetition.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ._typing import Array, Rule
from .batching import fitted
from .device import as_array, wrapping
from .stamps import tick
from .tape import Joint, Node, output_node, recording
from .tensor import Tensor, wrap

ndarray = np.ndarray
new = object.__new__


class _Out:
    def __repr__(self) -> str:
        return "OUT"


OUT: Final = _Out()  # in `saved`: the result itself
# What the rules of an operation with two operands read, see `record2`.
ALL, CROSS, NOTHING = "all", "cross", "nothing"


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
        if out.__class__ in wrapping:
            (input,), saved = fitted(out, (input,), saved)
    tensor = new(Tensor)
    tensor.array = out
    parent = input.node
    if parent is None or not recording():
        tensor.node = None
        return tensor
    tensor.node = node = Node()
    node.parents = (parent,)
    node.rules = (rule,)
    if saved is OUT:
        node.saved = (out,)
        node.value = id(out)
    else:
        node.saved = saved
        if saved:
            parent.value = id(input.array)
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
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
        if out.__class__ in wrapping:
            (input, other), saved = fitted(out, (input, other), saved)
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
    if saved:
        if x is not None:
            x.value = id(input.array)
        if y is not None:
            y.value = id(other.array)
    tensor.node = node = Node()
    node.parents = (x, y)
    node.rules = rules
    node.saved = saved
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
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
        if out.__class__ in wrapping:
            (input, second, third), saved = fitted(out, (input, second, third), saved)
    tensor = new(Tensor)
    tensor.array = out
    x, y = input.node, second.node
    z = None if third is None else third.node
    if (x is None and y is None and z is None) or not recording():
        tensor.node = None
        return tensor
    if x is not None:
        x.value = id(input.array)
    if y is not None:
        y.value = id(second.array)
    if z is not None:
        z.value = id(third.array)  # type: ignore[union-attr]
    tensor.node = node = Node()
    node.parents = (x, y, z)
    node.rules = rules
    node.saved = saved
    node.seq = tick()
    node.shape = out.shape
    node.dtype = out.dtype
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
        ...     return tg.record.record(input.array ** 3, (_cube_vjp,), (input,), (input.array,))
        >>> x = tg.tensor(2.0, requires_grad=True)
        >>> cube(x)
        tensor(8., grad_fn=<CubeBackward>)
        >>> cube(x).backward()
        >>> x.grad
        tensor(12.)
    """
    outs = tuple(map(as_array, out)) if isinstance(out, (tuple, list)) else (as_array(out),)
    if outs[0].__class__ in wrapping:
        inputs, saved = fitted(outs[0], tuple(inputs), saved)
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
    for i, parent in zip(inputs, parents, strict=True):
        if parent is not None:
            parent.value = id(i.array)
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
    family = getattr(input, "family", None)
    if family is None:
        input.family = view.family = [weakref.ref(input), weakref.ref(view)]
        return
    if len(family) > 64:  # a parameter viewed in every step must not collect dead references
        family[:] = [member for member in family if member() is not None]
    family.append(weakref.ref(view))
    view.family = family
