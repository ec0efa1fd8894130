"""Derivatives of functions: products with the Jacobian and the Hessian, and these matrices whole.

`func` takes the inputs as arguments, one tensor or several, and returns a tensor or a tuple of them.
Products with the Jacobian from the right use the reverse mode twice: `J v` is the gradient, with respect
to `u`, of `(J^T u) . v`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..batching import levels, spread
from ..creation import zeros_like
from ..device import innermost
from ..errors import ArgumentError, DtypeError, GraphError, ShapeError
from ..mapping import vmap
from ..ops.arrange import movedim
from ..ops.shape import stack
from ..tensor import Tensor, wrap
from .backward import grad
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
Function = Callable[..., Any]


def _tuple(op: str, what: str, value: Any) -> tuple[bool, Tensors]:
    """Whether several were given, and all of them as a tuple."""
    several = isinstance(value, (tuple, list))
    values = tuple(value) if several else (value,)
    for i, v in enumerate(values):
        if not isinstance(v, Tensor):
            raise DtypeError(
                f"{op}: {what} must be a tensor or a tuple of them, got {type(v).__name__} at {i}"
            )
    return several, values


def _inputs(op: str, inputs: Any, create_graph: bool) -> tuple[bool, Tensors]:
    """The inputs as values of their own, so that the gradients stop there (or go on, if recorded)."""
    several, given = _tuple(op, "inputs", inputs)
    return several, tuple(own_value(t if create_graph else t.detach()) for t in given)


def own_value(tensor: Tensor) -> Tensor:
    """The tensor as a value of its own, where gradients stop, or go on if it is recorded.

    Inside of `vmap` every example has one, also of what is the same for all.
    """
    tensor = spread(tensor, levels.get())
    own: Tensor = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach()
    return own if own.requires_grad else own.requires_grad_()


def _outputs(op: str, outputs: Any, strict: bool) -> tuple[bool, Tensors]:
    several, values = _tuple(op, "the result of func", outputs)
    for i, value in enumerate(values):
        if strict and not value.requires_grad:
            raise GraphError(f"{op}: output {i} does not depend on the inputs (strict=True)")
    return several, values


def _vector(op: str, v: Any, like: Tensors, of: str) -> Tensors:
    """The vector of a product, checked against what it stands for; 1 for a single value."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ArgumentError(f"{op}: v can be left out only for a single value in {of}")
        return (zeros_like(like[0]) + 1,)
    _, vectors = _tuple(op, "v", v)
    if [t.shape for t in vectors] != [t.shape for t in like]:
        raise ShapeError(
            f"{op}: v must have the shapes of {of}, {[t.shape for t in like]}, "
            f"got {[t.shape for t in vectors]}"
        )
    return vectors


def pulled(
    op: str,
    outputs: Tensors,
    inputs: Tensors,
    v: Tensors,
    create_graph: bool,
    strict: bool = False,
) -> Tensors:
    """`v^T J` for every input, zeros where nothing depends on it."""
    live = [(o, g) for o, g in zip(outputs, v, strict=True) if o.requires_grad]
    if not live:
        return tuple(zeros_like(t) for t in inputs)
    found = grad(
        [o for o, _ in live], inputs, [g for _, g in live],
        retain_graph=True, create_graph=create_graph, allow_unused=True,
    )  # fmt: skip
    if strict and any(g is None for g in found):
        i = [g is None for g in found].index(True)
        raise GraphError(f"{op}: the outputs do not depend on input {i} (strict=True)")
    return tuple(zeros_like(t) if g is None else g for t, g in zip(inputs, found, strict=True))


def _shaped(several: bool, values: Sequence[Any]) -> Any:
    return tuple(values) if several else values[0]


def _finished(values: Any, create_graph: bool) -> Any:
    if create_graph:
        return values
    if isinstance(values, tuple):
        return tuple(_finished(v, False) for v in values)
    return values.detach()


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Multiply a vector by the Jacobian: `v^T J`, one replay.

    Args:
        func: function of the inputs.
        inputs: tensor or tuple of tensors.
        v: of the shapes of the results; None means 1 for a single value.
        create_graph: record the product, for derivatives of higher order.
        strict: refuse results that do not depend on an input, instead of giving zeros.

    Returns:
        The results of `func`, and the product: one tensor for each input.

    Raises:
        ShapeError: if `v` does not have the shapes of the results.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.autograd.functional.vjp(lambda x: x * x, x, tg.tensor([1.0, 10.0]))[1]
        tensor([ 2., 40.])
    """
    with enable_grad():
        several, leaves = _inputs("vjp", inputs, create_graph)
        outputs = func(*leaves)
        _, values = _outputs("vjp", outputs, strict)
        vectors = _vector("vjp", v, values, "the results")
        product = pulled("vjp", values, leaves, vectors, create_graph, strict)
    return _finished(_results(outputs), create_graph), _finished(
        _shaped(several, product), create_graph
    )


def _results(outputs: Any) -> Any:
    return tuple(outputs) if isinstance(outputs, (tuple, list)) else outputs


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Multiply the Jacobian by a vector: `J v`, two replays.

    Args:
        func, inputs, create_graph, strict: as for `vjp`.
        v: of the shapes of the inputs; None means 1 for a single value.

    Returns:
        The results of `func`, and the product: one tensor for each result.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.autograd.functional.jvp(lambda x: x * x, x, tg.tensor([1.0, 10.0]))[1]
        tensor([ 2., 40.])
    """
    with enable_grad():
        _, leaves = _inputs("jvp", inputs, create_graph)
        vectors = _vector("jvp", v, leaves, "the inputs")
        outputs = func(*leaves)
        several, values = _outputs("jvp", outputs, strict)
        product = pushed("jvp", values, leaves, vectors, create_graph, strict)
    return _finished(_results(outputs), create_graph), _finished(
        _shaped(several, product), create_graph
    )


def pushed(
    op: str,
    outputs: Tensors,
    inputs: Tensors,
    v: Tensors,
    create_graph: bool,
    strict: bool = False,
) -> Tensors:
    """`J v` as the derivative of `u -> J^T u`, which is linear in `u`."""
    linear, dummies = _transposed(op, outputs, inputs, strict)
    return pulled(op, linear, dummies, v, create_graph)


def _transposed(
    op: str, outputs: Tensors, inputs: Tensors, strict: bool
) -> tuple[Tensors, Tensors]:
    """`J^T u`, recorded, and `u`."""
    dummies = tuple(zeros_like(o).requires_grad_() for o in outputs)
    return pulled(op, outputs, inputs, dummies, True, strict), dummies


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Compute the Jacobian, the derivative of every result by every input.

    Args:
        func, inputs, create_graph, strict: as for `vjp`.
        vectorize: compute all rows (or columns) in one replay, by `vmap`: much faster, for the memory of
            all of them at once.
        strategy: `"reverse-mode"`, one replay for each element of the results, or `"forward-mode"`, one
            product `J v` for each element of the inputs: cheaper where there are fewer of these.

    Returns:
        For one input and one result a tensor of shape (result's shape, input's shape); a tuple over
        inputs, over results, or over results of tuples over inputs otherwise.

    Raises:
        ArgumentError: for another strategy.

    Example:
        >>> import tapegrad as tg
        >>> tg.autograd.functional.jacobian(lambda x: x * x, tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(
            f"jacobian: strategy must be 'reverse-mode' or 'forward-mode', got {strategy!r}"
        )
    if strict and vectorize:
        raise ArgumentError("jacobian: strict=True cannot be kept with vectorize=True")
    with enable_grad():
        several_in, leaves = _inputs("jacobian", inputs, create_graph)
        several_out, values = _outputs("jacobian", func(*leaves), strict)
        at_once = None if vectorize else 1
        rows = jacobian_of(values, leaves, create_graph, strict, at_once, strategy)
    return _shaped(several_out, [_shaped(several_in, row) for row in rows])


def jacobian_of(
    outputs: Tensors,
    inputs: Tensors,
    create_graph: bool,
    strict: bool = False,
    at_once: int | None = None,
    strategy: str = "reverse-mode",
) -> tuple[Tensors, ...]:
    """The derivatives of every output by every input.

    Args:
        outputs, inputs: of a function, recorded.
        create_graph, strict, strategy: as for `jacobian`.
        at_once: how many rows or columns to compute in one replay; None for all of them.
    """
    fill = _rows if strategy == "reverse-mode" else _columns
    found = tuple(tuple(fill(o, inputs, create_graph, strict, at_once)) for o in outputs)
    return _finished(found, create_graph)  # type: ignore[no-any-return]


def _for_units(product: Callable[[Tensor], Tensors], like: Tensor, at_once: int | None) -> Tensors:
    """A product for every unit vector of a tensor's shape, stacked along a first dimension."""
    n = like.numel()
    units = wrap(np.eye(n, dtype=like.dtype, like=innermost(like.array)).reshape(n, *like.shape))
    if at_once == 1:
        found = [product(units[i]) for i in range(n)]
        return tuple(stack(list(rows)) for rows in zip(*found, strict=True))
    rows: Tensors = vmap(product, randomness="same", chunk_size=at_once)(units)
    # what does not depend on the unit vector has been repeated without copying
    return tuple(r if r.array.flags.writeable else r.clone() for r in rows)


def _rows(
    output: Tensor, inputs: Tensors, create_graph: bool, strict: bool, at_once: int | None
) -> list[Tensor]:
    """The derivatives of one result by all inputs, one replay for each element of the result."""
    if not output.numel():
        return [x.new_zeros((*output.shape, *x.shape)) for x in inputs]

    def row(unit: Tensor) -> Tensors:
        return pulled("jacobian", (output,), inputs, (unit,), create_graph, strict)

    found = _for_units(row, output, at_once)
    return [f.reshape((*output.shape, *x.shape)) for f, x in zip(found, inputs, strict=True)]


def _columns(
    output: Tensor, inputs: Tensors, create_graph: bool, strict: bool, at_once: int | None
) -> list[Tensor]:
    """The same, one product for each element of the inputs."""
    made = []
    for x in inputs:
        shape = (*output.shape, *x.shape)
        if not x.numel():
            made.append(x.new_zeros(shape))
            continue
        linear, dummies = _transposed("jacobian", (output,), (x,), strict)

        def column(unit: Tensor, linear: Tensors = linear, dummies: Tensors = dummies) -> Tensors:
            return pulled("jacobian", linear, dummies, (unit,), create_graph)

        (found,) = _for_units(column, x, at_once)
        made.append(movedim(found, 0, -1).reshape(shape))
    return made


def _scalar(op: str, func: Function) -> Function:
    def checked(*inputs: Tensor) -> Tensor:
        value = func(*inputs)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shown = value.shape if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError(f"{op}: func must return a single value, got {shown}")
        single: Tensor = value.reshape(())
        return single

    return checked


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Compute the Hessian of a function with a single value: all its second derivatives.

    Args:
        func, inputs, create_graph, strict: as for `vjp`; the result has one element.
        vectorize, outer_jacobian_strategy: as for `jacobian`.

    Returns:
        For one input a tensor of shape (input's shape, input's shape); for several a tuple of tuples.

    Raises:
        ShapeError: if the result of `func` has more than one element.

    Example:
        >>> import tapegrad as tg
        >>> tg.autograd.functional.hessian(lambda x: (x**3).sum(), tg.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    scalar = _scalar("hessian", func)

    def gradient(*leaves: Tensor) -> Any:
        found = jacobian(scalar, leaves, create_graph=True)
        return found if isinstance(inputs, (tuple, list)) else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Multiply a vector by the Hessian, `v^T H`: two replays; the Hessian itself is never made.

    Args:
        func, inputs, create_graph, strict: as for `hessian`.
        v: of the shapes of the inputs; None means 1 for a single value.

    Returns:
        The value of `func`, and the product: one tensor for each input.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.autograd.functional.vhp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 1.0]))[1]
        tensor([ 6., 12.])
    """
    return _second("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Multiply the Hessian by a vector, `H v`; the same as `vhp`, since the Hessian is symmetric.

    Args:
        func, inputs, v, create_graph, strict: as for `vhp`.

    Returns:
        The value of `func`, and the product: one tensor for each input.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.autograd.functional.hvp(lambda x: (x**3).sum(), x, tg.tensor([1.0, 1.0]))[1]
        tensor([ 6., 12.])
    """
    return _second("hvp", func, inputs, v, create_graph, strict)


def _second(
    op: str, func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        several, leaves = _inputs(op, inputs, create_graph)
        vectors = _vector(op, v, leaves, "the inputs")
        value = _scalar(op, func)(*leaves)
        _outputs(op, value, strict)
        first = pulled(op, (value,), leaves, (zeros_like(value) + 1,), True, strict)
        found = pulled(op, first, leaves, vectors, create_graph, strict)
    return _finished(value, create_graph), _finished(_shaped(several, found), create_graph)
