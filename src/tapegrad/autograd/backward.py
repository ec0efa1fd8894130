"""`backward` and `grad`: what starts a replay of the tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import engine
from ..batching import levels, levels_of, widened
from ..device import apart, is_array
from ..errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError
from ..gradients import crossed, deposit, no_direction, ones_for, own
from ..tape import Leaf, Node
from ..tensor import Tensor, wrap


def _sequence(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, Tensor) or value is None:
        return (value,)
    if isinstance(value, (tuple, list)):
        return tuple(value)
    if is_array(value):
        return (wrap(value[...]),)
    raise DtypeError(f"{name}: must be a tensor or a sequence of them, got {type(value).__name__}")


def _roots(
    op: str, tensors: tuple[Tensor, ...], gradients: tuple[Any, ...], create_graph: bool
) -> list[tuple[Node, Any]]:
    if len(gradients) != len(tensors):
        raise ArgumentError(
            f"{op}: {len(tensors)} tensors but {len(gradients)} gradients were given"
        )
    roots = []
    for i, (tensor, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        which = f"tensors[{i}]" if len(tensors) > 1 else "the tensor"
        if not isinstance(tensor, Tensor):
            raise DtypeError(f"{op}: {which} must be a tensor, got {type(tensor).__name__}")
        if tensor.node is None:
            raise GraphError(
                f"{op}: {which} does not require grad and was not computed from one that does; "
                "set requires_grad=True on a leaf, and compute outside no_grad()"
            )
        roots.append((tensor.node, _root_gradient(op, which, tensor, gradient, create_graph)))
    return roots


def _root_gradient(op: str, which: str, tensor: Tensor, gradient: Any, create_graph: bool) -> Any:
    if gradient is None:
        if tensor.numel() != 1:
            raise GraphError(
                f"{op}: the gradient can be left out only for a single value; {which} has shape "
                f"{tensor.shape}: reduce it (.sum(), .mean()) or pass gradient="
            )
        if tensor.array.dtype.kind == "c":
            raise no_direction(op, tensor.array.dtype)
        ones = ones_for(tensor.array)
        return wrap(ones) if create_graph else ones
    if is_array(gradient) and not isinstance(gradient, Tensor):
        gradient = wrap(gradient[...])
    if not isinstance(gradient, Tensor):
        raise DtypeError(f"{op}: gradient must be a tensor, got {type(gradient).__name__}")
    if gradient.shape != tensor.shape:
        raise ShapeError(
            f"{op}: gradient must have the shape of {which}, {tensor.shape}, got {gradient.shape}"
        )
    gradient = widened(gradient, tensor.array)  # inside vmap: one for every example
    if apart(gradient.array, tensor.array):
        raise DeviceError(
            f"{op}: gradient must be on the device of {which}, {tensor.device}, got {gradient.device}"
        )
    return crossed(gradient if create_graph else gradient.array)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Compute the gradients of tensors and add them to the `grad` of the leaves.

    Args:
        tensors: where to start.
        grad_tensors: gradient for each, of its shape; None for single values means 1.
        retain_graph: keep the saved values, for another backward; by default as `create_graph`.
        create_graph: record the gradients' own computation, for derivatives of higher order.
        inputs: only these tensors get their `grad`; by default all leaves.

    Raises:
        GraphError: for a tensor without history, a second backward over freed values, or a saved value
            that was changed in place.
        ShapeError: if a gradient does not have its tensor's shape.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> tg.autograd.backward((x * x).sum())
        >>> x.grad
        tensor([2., 4.])

    References:
        Griewank and Walther, "Evaluating Derivatives" (2008), chapter 3: the reverse mode.
    """
    if isinstance(tensors, Tensor) and grad_tensors is inputs is None and not create_graph:
        node = tensors.node
        if node is not None and tensors.array.size == 1:  # the usual loss: 3 us less
            one = ones_for(tensors.array)
            found = engine.replay(
                [(node, one)], retain_graph=bool(retain_graph), create_graph=False
            )
            deposit(found, (one,))
            return
    roots_of = _sequence("backward", tensors)
    given = (None,) * len(roots_of) if grad_tensors is None else _sequence("backward", grad_tensors)
    roots = _roots("backward", roots_of, given, create_graph)
    retain = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        targets = _targets("backward", _sequence("backward", inputs))
    found = engine.replay(roots, retain_graph=retain, create_graph=create_graph, targets=targets)
    deposit(found, [g for _, g in roots])
    if targets is not None:
        _deposit_inner(_sequence("backward", inputs), found)


def _targets(op: str, inputs: tuple[Any, ...]) -> list[Node]:
    if not inputs:
        raise ArgumentError(f"{op}: inputs is empty; leave it out to reach all leaves")
    nodes = []
    for i, tensor in enumerate(inputs):
        if not isinstance(tensor, Tensor):
            raise DtypeError(f"{op}: inputs[{i}] must be a tensor, got {type(tensor).__name__}")
        if tensor.node is None:
            raise GraphError(f"{op}: inputs[{i}] (shape {tensor.shape}) does not require grad")
        nodes.append(tensor.node)
    return nodes


def _check_examples(outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
    """Refuse, inside of `vmap`, the gradient of each example by a value that all of them share."""
    mapped = set(levels_of(*(t.array for t in outputs))) & set(levels.get())
    for i, tensor in enumerate(inputs):
        if mapped - set(levels_of(tensor.array)):
            raise GraphError(
                f"grad: inside of vmap inputs[{i}] (shape {tensor.shape}) is one value for all examples, "
                "so its gradients would be added up; make it an argument of tapegrad.func.grad, which "
                "gives every example its own"
            )


def _deposit_inner(inputs: tuple[Any, ...], found: dict[Node, Any]) -> None:
    for tensor in inputs:
        if tensor.node in found and not isinstance(tensor.node, Leaf) and not tensor.retains_grad:
            g = own(crossed(found[tensor.node]), set())
            tensor.grad = g if tensor.grad is None else tensor.grad + g


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Compute the gradients of outputs with respect to inputs, and return them.

    Args:
        outputs: what to differentiate.
        inputs: with respect to what; leaves or values in between. Nobody's `grad` is touched.
        grad_outputs: gradient for each output, of its shape; None for single values means 1.
        retain_graph: keep the saved values; by default as `create_graph`.
        create_graph: record the gradients' own computation.
        allow_unused: return None for inputs that the outputs do not depend on, instead of an error.
        materialize_grads: return zeros for them.

    Returns:
        One gradient per input.

    Raises:
        GraphError: as `backward`, and for an unused input unless allowed.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> (dx,) = tg.autograd.grad(x**3, x, create_graph=True)
        >>> tg.autograd.grad(dx, x)
        (tensor(18.),)
    """
    outs, ins = _sequence("grad", outputs), _sequence("grad", inputs)
    given = (None,) * len(outs) if grad_outputs is None else _sequence("grad", grad_outputs)
    roots = _roots("grad", outs, given, create_graph)
    nodes = _targets("grad", ins)
    if levels.get():
        _check_examples(outs, ins)
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads needs allow_unused left out, or True")
    retain = create_graph if retain_graph is None else retain_graph
    found = engine.replay(roots, retain_graph=retain, create_graph=create_graph, targets=nodes)
    taken = {id(g.array if isinstance(g, Tensor) else g) for _, g in roots}
    results: list[Tensor | None] = []
    for i, (tensor, node) in enumerate(zip(ins, nodes, strict=True)):
        if node in found:
            results.append(own(crossed(found[node]), taken))
        elif materialize_grads:
            results.append(wrap(np.zeros_like(tensor.array)))
        elif allow_unused:
            results.append(None)
        else:
            raise GraphError(
                f"grad: the outputs do not depend on inputs[{i}] (shape {tensor.shape}); "
                "pass allow_unused=True to get None for it"
            )
    return tuple(results)
