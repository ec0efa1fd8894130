"""Transformations of functions: from a function to its derivative, which is a function again.

They nest: `grad(grad(f))` is the second derivative. What the function is differentiated by are its
arguments, chosen by position; nobody's `grad` is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .autograd import enable_grad, functional
from .autograd import grad as gradients
from .creation import zeros_like
from .errors import ArgumentError, DtypeError, ShapeError, StateDictError
from .nn.module import Module
from .tensor import Tensor

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp",
]  # fmt: skip

Function = Callable[..., Any]
Places = int | tuple[int, ...]


def _chosen(op: str, args: tuple[Any, ...], argnums: Places) -> tuple[list[int], list[Any]]:
    """The places of the arguments to differentiate by, and all arguments with those as new values."""
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    places = []
    given = list(args)
    for place in wanted:
        if not -len(args) <= place < len(args):
            raise ArgumentError(f"{op}: argnums has {place}, but {len(args)} arguments were given")
        place %= len(args)
        value = args[place]
        if not isinstance(value, Tensor):
            raise DtypeError(f"{op}: argument {place} must be a tensor, got {type(value).__name__}")
        # a value that is recorded stays tied to its history, so that transformations nest
        given[place] = (
            value.view_as(value) if value.requires_grad else value.detach().requires_grad_()
        )
        places.append(place)
    return places, given


def grad_and_value(func: Function, argnums: Places = 0, has_aux: bool = False) -> Function:
    """From a function with a single value to one that gives its gradient and that value.

    Args:
        func: function that returns a tensor with one element; with `has_aux`, and something else.
        argnums: place or places of the arguments to differentiate by.
        has_aux: whether `func` returns a pair, of which the second is handed through.

    Returns:
        A function of the same arguments that returns `(gradient, value)`, or
        `(gradient, (value, aux))`; the gradient is a tuple where `argnums` is one.

    Raises:
        ShapeError: when called, if the value is not a single one.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.grad_and_value(lambda x: (x**2).sum())(tg.tensor([1.0, 3.0]))
        (tensor([2., 6.]), tensor(10.))
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        recorded = any(isinstance(a, Tensor) and a.requires_grad for a in args)
        with enable_grad():
            places, given = _chosen("grad", args, argnums)
            result = func(*given, **kwargs)
            if has_aux and not (isinstance(result, tuple) and len(result) == 2):
                raise ArgumentError("grad: with has_aux, func must return a pair (value, aux)")
            value, aux = result if has_aux else (result, None)
            if not isinstance(value, Tensor) or value.numel() != 1:
                shown = value.shape if isinstance(value, Tensor) else type(value).__name__
                raise ShapeError(f"grad: func must return a single value, got {shown}")
            leaves = [given[place] for place in places]
            found: Any = [None] * len(leaves)
            if value.requires_grad:
                found = gradients(value, leaves, create_graph=recorded, allow_unused=True)
            found = tuple(
                zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)
            )
        if not recorded:
            value = value.detach()
        answer = found[0] if isinstance(argnums, int) else found
        return answer, ((value, aux) if has_aux else value)

    return transformed


def grad(func: Function, argnums: Places = 0, has_aux: bool = False) -> Function:
    """From a function with a single value to its gradient.

    Args:
        func, argnums, has_aux: as for `grad_and_value`.

    Returns:
        A function of the same arguments that returns the gradient, or `(gradient, aux)`.

    Example:
        >>> import tapegrad as tg
        >>> third = tg.func.grad(tg.func.grad(tg.func.grad(lambda x: x**4)))
        >>> third(tg.tensor(2.0))
        tensor(48.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return transformed


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Run a function and get the map from gradients of its results to gradients of its arguments.

    Args:
        func: function of tensors.
        primals: its arguments.
        has_aux: whether `func` returns a pair, of which the second is handed through.

    Returns:
        `(results, pull)`, or `(results, pull, aux)`: `pull(gradients)` takes one gradient for each result
        and returns a tuple with one for each argument. It may be called several times.

    Example:
        >>> import tapegrad as tg
        >>> value, pull = tg.func.vjp(lambda x: x * x, tg.tensor([1.0, 2.0]))
        >>> pull(tg.tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    recorded = any(isinstance(a, Tensor) and a.requires_grad for a in primals)
    with enable_grad():
        places, given = _chosen("vjp", primals, tuple(range(len(primals))))
        result = func(*given)
    outputs, aux = result if has_aux else (result, None)
    values = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    leaves = [given[place] for place in places]

    def pull(*cotangents: Any) -> tuple[Tensor, ...]:
        if len(cotangents) == 1 and isinstance(cotangents[0], (tuple, list)):
            cotangents = tuple(cotangents[0])
        if len(cotangents) != len(values):
            raise ArgumentError(
                f"vjp: needs one gradient for each of {len(values)} results, got {len(cotangents)}"
            )
        live = [(v, g) for v, g in zip(values, cotangents, strict=True) if v.requires_grad]
        found: Any = [None] * len(leaves)
        if live:
            found = gradients(
                [v for v, _ in live], leaves, [g for _, g in live],
                retain_graph=True, create_graph=recorded, allow_unused=True,
            )  # fmt: skip
        return tuple(zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True))

    shown: Any = outputs
    if not recorded:
        shown = tuple(v.detach() for v in values)
        shown = shown if isinstance(outputs, (tuple, list)) else shown[0]
    return (shown, pull, aux) if has_aux else (shown, pull)


def jvp(func: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Run a function and push a direction of its arguments forward: `J v`.

    Args:
        func: function of tensors.
        primals: tuple of its arguments.
        tangents: tuple with a direction for each, of its shape.

    Returns:
        `(results, derivatives of the results along the direction)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jvp(lambda x: x * x, (tg.tensor(3.0),), (tg.tensor(1.0),))
        (tensor(9.), tensor(6.))
    """
    recorded = any(isinstance(a, Tensor) and a.requires_grad for a in primals)
    return functional.jvp(func, tuple(primals), tuple(tangents), create_graph=recorded)


def _whole(op: str, func: Function, argnums: Places, strategy: str) -> Function:
    def transformed(*args: Any, **kwargs: Any) -> Any:
        recorded = any(isinstance(a, Tensor) and a.requires_grad for a in args)
        places, _ = _chosen(op, args, argnums)

        def partial(*chosen: Any) -> Any:
            given = list(args)
            for place, value in zip(places, chosen, strict=True):
                given[place] = value
            return func(*given, **kwargs)

        inputs = tuple(args[place] for place in places)
        found = functional.jacobian(partial, inputs, create_graph=recorded, strategy=strategy)
        if not isinstance(argnums, int):
            return found
        # one argument: no tuple over arguments
        one = isinstance(found[0], tuple)
        return tuple(row[0] for row in found) if one else found[0]

    return transformed


def jacrev(func: Function, argnums: Places = 0) -> Function:
    """From a function to its Jacobian, one replay for each element of the result.

    Args:
        func: function of tensors.
        argnums: place or places of the arguments to differentiate by.

    Returns:
        A function of the same arguments; see `autograd.functional.jacobian` for the shapes.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jacrev(lambda x: x * x)(tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _whole("jacrev", func, argnums, "reverse-mode")


def jacfwd(func: Function, argnums: Places = 0) -> Function:
    """From a function to its Jacobian, one product `J v` for each element of the arguments.

    Args:
        func, argnums: as for `jacrev`.

    Returns:
        A function of the same arguments, with the results of `jacrev`.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jacfwd(lambda x: x * x)(tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _whole("jacfwd", func, argnums, "forward-mode")


def hessian(func: Function, argnums: Places = 0) -> Function:
    """From a function with a single value to its Hessian.

    Args:
        func, argnums: as for `jacrev`.

    Returns:
        A function of the same arguments; a tuple of tuples where `argnums` is a tuple.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.hessian(lambda x: (x**3).sum())(tg.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


def functional_call(
    module: Module,
    parameters: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    Args:
        module: the module; it is as before afterwards, whatever happens.
        parameters: tensors by path, as `named_parameters` names them, or several such mappings. What is
            not named keeps its value.
        args: positional arguments of the module, a tuple or a single one.
        kwargs: named arguments.

    Returns:
        What the module returns.

    Raises:
        StateDictError: for a name that is no parameter or buffer; nothing was called.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.Linear(1, 1)
        >>> values = {"weight": tg.tensor([[2.0]]), "bias": tg.tensor([1.0])}
        >>> tg.func.functional_call(layer, values, tg.tensor([3.0]))
        tensor([7.])
    """
    maps = [parameters] if isinstance(parameters, Mapping) else list(parameters)
    values = {name: tensor for mapping in maps for name, tensor in mapping.items()}
    known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    known |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise StateDictError(
            f"functional_call: {type(module).__name__} has no {', '.join(unknown)}; "
            f"there are: {', '.join(sorted(known))}"
        )
    with _replaced(module, values):
        return module(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))


@contextmanager
def _replaced(module: Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    # a parameter under two names is replaced under both
    shared: dict[int, list[tuple[Module, str]]] = {}
    places: dict[str, tuple[Module, str]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, value in vars(owner).items():
            if isinstance(value, Tensor):
                places[f"{path}.{name}" if path else name] = (owner, name)
                shared.setdefault(id(value), []).append((owner, name))
    kept: list[tuple[Module, str, Any]] = []
    try:
        for path, tensor in values.items():
            owner, name = places[path]
            for other, alias in shared[id(vars(owner)[name])]:
                kept.append((other, alias, vars(other)[alias]))
            for other, alias in shared[id(kept[-1][2])]:
                vars(other)[alias] = tensor
        yield
    finally:
        for owner, name, value in reversed(kept):
            vars(owner)[name] = value
