"""Transformations of functions: from a function to its derivative, which is a function again.

They nest: `grad(grad(f))` is the second derivative. What the function is differentiated by are its
arguments, chosen by position; nobody's `grad` is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .autograd import enable_grad, functional, is_grad_enabled
from .creation import ones_like
from .errors import ArgumentError, DtypeError, ShapeError, StateDictError
from .mapping import leaves_of, per_leaf, rebuilt, vmap
from .nn.module import Module
from .ops.shape import stack
from .tensor import Tensor

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip

Function = Callable[..., Any]
Places = int | tuple[int, ...]


def _chosen(
    op: str, args: tuple[Any, ...], argnums: Places
) -> tuple[Any, tuple[Tensor, ...], list[Any]]:
    """The arguments to differentiate by.

    Returns:
        Those that were chosen, one or a tuple; the tensors in them, as new values; and all arguments with
        these in their places.
    """
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    given = list(args)
    leaves: list[Tensor] = []
    for place in wanted:
        if not -len(args) <= place < len(args):
            raise ArgumentError(f"{op}: argnums has {place}, but {len(args)} arguments were given")
        found = leaves_of(args[place])
        for value in found:
            if not isinstance(value, Tensor):
                raise DtypeError(
                    f"{op}: argument {place % len(args)} must be a tensor, got {type(value).__name__}; "
                    "a container must hold tensors only"
                )
        # a value that is recorded stays tied to its history, so that transformations nest
        own = [functional.own_value(value) for value in found]
        given[place] = rebuilt(args[place], iter(own))
        leaves += own
    chosen = tuple(args[place] for place in wanted)
    return chosen[0] if isinstance(argnums, int) else chosen, tuple(leaves), given


def _is_recorded(args: Any, outputs: Sequence[Tensor] = (), leaves: Sequence[Tensor] = ()) -> bool:
    """Whether derivatives have to be recorded themselves, because somebody may differentiate them.

    That is so if an argument is recorded, or anything else that the outputs have been computed from, such as
    a tensor that the function closes over.
    """
    if any(isinstance(a, Tensor) and a.requires_grad for a in leaves_of(args)):
        return True
    seen = {leaf.node for leaf in leaves}
    nodes = [output.node for output in outputs]
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        if not node.parents:
            return True
        seen.add(node)
        nodes += node.parents
    return False


def _with_aux(op: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """What a function returns, and what it hands through."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ArgumentError(f"{op}: with has_aux, func must return a pair (value, aux)")
    return result


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
        watched = is_grad_enabled()
        with enable_grad():
            chosen, leaves, given = _chosen("grad", args, argnums)
            value, aux = _with_aux("grad", func(*given, **kwargs), has_aux)
            if not isinstance(value, Tensor) or value.numel() != 1:
                shown = value.shape if isinstance(value, Tensor) else type(value).__name__
                raise ShapeError(f"grad: func must return a single value, got {shown}")
            recorded = watched and _is_recorded(args, (value,), leaves)
            found = functional.pulled("grad", (value,), leaves, (ones_like(value),), recorded)
        if not recorded:
            value = value.detach()
        return rebuilt(chosen, iter(found)), ((value, aux) if has_aux else value)

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
        func: function of tensors, also in nested tuples, lists and dicts.
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
    watched = is_grad_enabled()
    with enable_grad():
        chosen, leaves, given = _chosen("vjp", primals, tuple(range(len(primals))))
        outputs, aux = _with_aux("vjp", func(*given), has_aux)
    values = tuple(leaves_of(outputs))
    recorded = watched and _is_recorded(primals, values, leaves)

    def pull(*cotangents: Any) -> Any:
        """Gradients of the arguments from those of the results, given as the results are nested."""
        given: Any = cotangents
        if len(cotangents) == 1:
            given = cotangents[0]
            several = isinstance(given, (tuple, list))
        else:
            several = isinstance(outputs, (tuple, list))
        pair = (tuple(given), tuple(outputs)) if several else (given, outputs)
        gradients = per_leaf(*pair) if len(leaves_of(given)) == len(values) else None
        if gradients is None:
            raise ArgumentError(
                f"vjp: needs one gradient for each of {len(values)} results, nested as they are, got "
                f"{len(leaves_of(given))}"
            )
        again = recorded or (is_grad_enabled() and _is_recorded(gradients))
        found = functional.pulled("vjp", values, leaves, tuple(gradients), again)
        return rebuilt(chosen, iter(found))

    shown = outputs
    if not recorded:
        shown = rebuilt(outputs, (v.detach() for v in values))
    return (shown, pull, aux) if has_aux else (shown, pull)


def jvp(
    func: Function, primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> Any:
    """Run a function and push a direction of its arguments forward: `J v`.

    Args:
        func: function of tensors.
        primals: tuple of its arguments.
        tangents: tuple with a direction for each, of its shape.
        has_aux: whether `func` returns a pair, of which the second is handed through.

    Returns:
        `(results, derivatives of the results along the direction)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jvp(lambda x: x * x, (tg.tensor(3.0),), (tg.tensor(1.0),))
        (tensor(9.), tensor(6.))
    """
    watched = is_grad_enabled()
    with enable_grad():
        _, leaves, given = _chosen("jvp", tuple(primals), tuple(range(len(primals))))
        outputs, aux = _with_aux("jvp", func(*given), has_aux)
        values = tuple(leaves_of(outputs))
        directions = tuple(per_leaf(tuple(tangents), tuple(primals)) or ())
        if [t.shape for t in directions] != [t.shape for t in leaves]:
            raise ShapeError(
                "jvp: tangents must be nested like the arguments, with their shapes "
                f"{[t.shape for t in leaves]}, got {[t.shape for t in leaves_of(tuple(tangents))]}"
            )
        recorded = watched and _is_recorded((primals, tangents), values, leaves)
        found = functional.pushed("jvp", values, leaves, directions, recorded)
    if not recorded:
        outputs = rebuilt(outputs, (v.detach() for v in values))
        found = tuple(f.detach() for f in found)
    pair = outputs, rebuilt(outputs, iter(found))
    return (*pair, aux) if has_aux else pair


def _whole(
    op: str, func: Function, argnums: Places, has_aux: bool, at_once: int | None, strategy: str
) -> Function:
    if at_once is not None and at_once < 1:
        raise ArgumentError(f"{op}: chunk_size must be None or at least 1, got {at_once}")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        chosen, leaves, given = _chosen(op, args, argnums)
        wanted = (argnums,) if isinstance(argnums, int) else argnums
        handed: list[Any] = []

        def flat(*values: Tensor) -> tuple[Any, ...]:
            """The function from the tensors to those of its result."""
            several = chosen if not isinstance(argnums, int) else (chosen,)
            inner = rebuilt(several, iter(values))
            for place, value in zip(wanted, inner, strict=True):
                given[place] = value
            handed[:] = _with_aux(op, func(*given, **kwargs), has_aux)
            return tuple(leaves_of(handed[0]))

        watched = is_grad_enabled()
        with enable_grad():
            values = flat(*leaves)
            recorded = watched and _is_recorded(args, values, leaves)
            found = functional.jacobian_of(
                values, leaves, recorded, at_once=at_once, strategy=strategy
            )
        rows = (rebuilt(chosen, iter(row)) for row in found)
        jacobian = rebuilt(handed[0], rows)
        return (jacobian, handed[1]) if has_aux else jacobian

    return transformed


def jacrev(
    func: Function,
    argnums: Places = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Function:
    """From a function to its Jacobian, by the reverse mode: cheap where there are few results.

    Args:
        func: function of tensors.
        argnums: place or places of the arguments to differentiate by.
        has_aux: whether `func` returns a pair, of which the second is handed through.
        chunk_size: how many rows to compute in one replay, to save memory; all by default, 1 for a replay
            for each row without `vmap`.

    Returns:
        A function of the same arguments; see `autograd.functional.jacobian` for the shapes.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jacrev(lambda x: x * x)(tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _whole("jacrev", func, argnums, has_aux, chunk_size, "reverse-mode")


def jacfwd(
    func: Function, argnums: Places = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:
    """From a function to its Jacobian, by products `J v`: cheap where there are few arguments.

    Args:
        func, argnums, has_aux: as for `jacrev`.
        randomness: accepted for PyTorch's sake: `func` runs once, outside of any mapping.

    Returns:
        A function of the same arguments, with the results of `jacrev`.

    Example:
        >>> import tapegrad as tg
        >>> tg.func.jacfwd(lambda x: x * x)(tg.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    return _whole("jacfwd", func, argnums, has_aux, None, "forward-mode")


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


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Stack the parameters and the buffers of several modules of one make, to map over them.

    Args:
        models: modules with parameters of the same names and shapes, all training or none.

    Returns:
        Two dicts by path: the parameters as new leaves, and the buffers, each with the modules along a
        new first dimension.

    Raises:
        ArgumentError: for no modules, or modules of different classes or modes.

    Example:
        >>> import tapegrad as tg
        >>> models = [tg.nn.Linear(3, 2) for _ in range(5)]
        >>> parameters, buffers = tg.func.stack_module_state(models)
        >>> parameters["weight"].shape
        (5, 2, 3)
        >>> def call(p, b, x):
        ...     return tg.func.functional_call(models[0], (p, b), (x,))
        >>> tg.func.vmap(call, (0, 0, None))(parameters, buffers, tg.ones(4, 3)).shape
        (5, 4, 2)
    """
    if not models:
        raise ArgumentError("stack_module_state: needs at least one module, got none")
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise ArgumentError(
            "stack_module_state: all modules must be of one class, and all training or none"
        )
    parameters = {
        name: stack([dict(m.named_parameters())[name].detach() for m in models]).requires_grad_(
            first.requires_grad
        )
        for name, first in models[0].named_parameters()
    }
    buffers = {
        name: stack([dict(m.named_buffers())[name] for m in models])
        for name, _ in models[0].named_buffers()
    }
    return parameters, buffers
