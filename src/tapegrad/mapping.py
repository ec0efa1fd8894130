"""`vmap`: a function of one example, applied to all examples at once.

The function runs once, on tensors whose arrays hide the dimension of the examples (`batching/`), so
everything that the operations do with an array they do with all examples in whole-array calls.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from . import batching
from .batching import Level, hidden_in, journal, levels, new_level
from .errors import ArgumentError, DimensionError, ShapeError
from .ops.shape import cat
from .random import default_generator
from .record import join_family
from .tensor import Tensor

__all__ = ["vmap"]

Function = Callable[..., Any]


# -- nested containers -------------------------------------------------------------------------------


def leaves_of(tree: Any) -> list[Any]:
    """What stands in nested tuples, lists and dicts, from the left."""
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves_of(part)]
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves_of(tree[key])]
    return [tree]


def rebuilt(tree: Any, leaves: Any) -> Any:
    """The same containers around other leaves, taken from an iterator."""
    if isinstance(tree, (tuple, list)):
        parts = [rebuilt(part, leaves) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {key: rebuilt(part, leaves) for key, part in tree.items()}
    return next(leaves)


def per_leaf(prefix: Any, tree: Any) -> list[Any] | None:
    """One value for each leaf, from a value for a whole container or for each of its parts.

    Returns:
        The values; None if the containers differ.
    """
    if isinstance(tree, (tuple, list)):
        if isinstance(prefix, (tuple, list)):
            if type(prefix) is not type(tree) and not hasattr(tree, "_fields"):
                return None
            parts = list(zip(prefix, tree, strict=True)) if len(prefix) == len(tree) else None
        else:
            parts = None if isinstance(prefix, dict) else [(prefix, part) for part in tree]
    elif isinstance(tree, dict):
        if isinstance(prefix, dict):
            same = prefix.keys() == tree.keys()
            parts = [(prefix[key], tree[key]) for key in tree] if same else None
        else:
            parts = (
                None
                if isinstance(prefix, (tuple, list))
                else [(prefix, part) for part in tree.values()]
            )
    else:
        return None if isinstance(prefix, (tuple, list, dict)) else [prefix]
    found: list[Any] = []
    for given, part in parts if parts is not None else [(None, None)]:
        below = None if parts is None else per_leaf(given, part)
        if below is None:
            return None
        found += below
    return found


# -- what goes in ------------------------------------------------------------------------------------


def _dims_in(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """The leaves of all arguments and the dimension, or None, that each is mapped over."""
    if not isinstance(in_dims, (int, tuple)) or isinstance(in_dims, bool):
        raise ArgumentError(
            f"vmap: in_dims of {name} must be an int or a (nested) tuple like the arguments, got "
            f"{type(in_dims).__name__}"
        )
    if not args:
        raise ArgumentError(f"vmap: {name} was called without arguments to map over")
    values = leaves_of(args)
    dims = per_leaf(in_dims, args)
    if dims is None:
        raise ArgumentError(
            f"vmap: in_dims {in_dims} of {name} does not fit its {len(args)} arguments; it must be one "
            "int, or for every argument an int, None, or the containers that the argument has"
        )
    for i, (value, dim) in enumerate(zip(values, dims, strict=True)):
        if dim is None:
            continue
        if not isinstance(dim, int) or isinstance(dim, bool):
            raise ArgumentError(f"vmap: in_dims must hold ints and None, got {dim!r}")
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"vmap: input {i} of {name} is no tensor but {type(value).__name__} and cannot be "
                "mapped over; give it None in in_dims"
            )
        if not -value.ndim <= dim < value.ndim:
            raise ArgumentError(
                f"vmap: in_dims has {dim} for input {i} of {name}, which has {value.ndim} dimensions"
            )
        dims[i] = dim % value.ndim
    return values, dims


def _size_of(name: str, values: list[Any], dims: list[Any]) -> int:
    """The number of examples."""
    sizes = [v.shape[d] for v, d in zip(values, dims, strict=True) if d is not None]
    if not sizes:
        raise ArgumentError(
            f"vmap: {name} has no tensor to map over; give at least one argument a dimension in in_dims"
        )
    if len(set(sizes)) > 1:
        raise ShapeError(
            f"vmap: all inputs of {name} must have the same size in the mapped dimension, got {sizes}"
        )
    return int(sizes[0])


# -- what comes out ----------------------------------------------------------------------------------


def _dims_out(name: str, out_dims: Any, result: Any) -> list[Any]:
    dims = per_leaf(out_dims, result)
    if isinstance(result, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = per_leaf(out_dims[0], result)  # one dimension for a single tensor, as a tuple
    if dims is None:
        raise ArgumentError(
            f"vmap: out_dims {out_dims} does not fit what {name} returns; it must be one int, or the "
            "containers of the result with an int or None for every tensor"
        )
    return dims


def _out(name: str, value: Any, dim: Any, level: Level) -> Any:
    """A result with its examples along a dimension."""
    if dim is None:
        if isinstance(value, Tensor) and level in hidden_in(value.shape):
            raise ArgumentError(
                f"vmap: {name} returns a batched tensor where out_dims is None; give it a dimension"
            )
        return value
    if not isinstance(value, Tensor):
        raise ArgumentError(
            f"vmap: {name} must return tensors, got {type(value).__name__}; give it None in out_dims"
        )
    ndim = value.ndim + 1
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise ArgumentError(f"vmap: out_dims must hold ints and None, got {dim!r}")
    if not -ndim <= dim < ndim:
        raise DimensionError(
            f"vmap: out_dims has {dim!r} for a result of {name}, which has {ndim} dimensions"
        )
    return batching.leave(value, level, dim % ndim)


# -- the transformation ------------------------------------------------------------------------------


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """From a function of one example to one of many: map it over a dimension of its arguments.

    The function runs once, in whole-array operations; there is no loop over the examples. Mappings nest,
    and they compose with `grad`, `jacrev` and the other transformations in any order.

    Args:
        func: function of tensors, also in nested tuples, lists and dicts. It must not ask for values
            of single examples (`item()`, `if x > 0`), and writes in place only to batched tensors.
        in_dims: the dimension of each argument that counts the examples, None for an argument that is
            the same for all; an int for all arguments, or a tuple that is nested as they are.
        out_dims: where the examples stand in each result.
        randomness: `"error"` refuses random numbers inside, `"same"` draws them once, `"different"` for
            every example.
        chunk_size: how many examples to compute at once, to save memory; all by default.

    Returns:
        A function of the same arguments. Named arguments are handed through, the same for all examples.

    Raises:
        ArgumentError: if `in_dims` or `out_dims` does not fit.
        ShapeError: when called, if the arguments do not hold equally many examples.
        GraphError: when called, if `func` does what needs the values of single examples.

    Example:
        >>> import tapegrad as tg
        >>> dot = tg.func.vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))
        >>> dot(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 10.0]))
        tensor([21., 43.])
        >>> gradients = tg.func.vmap(tg.func.grad(lambda x: (x**2).sum()))
        >>> gradients(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[2., 4.],
                [6., 8.]])
    """
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(
            f"vmap: randomness must be 'error', 'same' or 'different', got {randomness!r}"
        )
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise ArgumentError(f"vmap: chunk_size must be None or at least 1, got {chunk_size!r}")
    name = getattr(func, "__name__", type(func).__name__)

    @wraps(func, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        values, dims = _dims_in(name, in_dims, args)
        size = _size_of(name, values, dims)

        def run(part: list[Any], count: int) -> Any:
            return _mapped(name, func, out_dims, randomness, args, kwargs, part, dims, count)

        if chunk_size is None or chunk_size >= size:
            return run(values, size)
        return _in_chunks(name, run, values, dims, size, chunk_size, randomness, out_dims)

    return mapped


def _mapped(
    name: str,
    func: Function,
    out_dims: Any,
    randomness: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    values: list[Any],
    dims: list[Any],
    size: int,
) -> Any:
    running = levels.get()
    level = new_level(journal.get(), size, len(running) + 1, randomness)
    given = []
    for value, dim in zip(values, dims, strict=True):
        if dim is None:
            given.append(value)
            continue
        seen = batching.enter(value, level, dim)
        join_family(seen, value)
        given.append(seen)
    token = levels.set((*running, level))
    try:
        result = func(*rebuilt(args, iter(given)), **kwargs)
    finally:
        levels.reset(token)
    found = leaves_of(result)
    out = [
        _out(name, value, dim, level)
        for value, dim in zip(found, _dims_out(name, out_dims, result), strict=True)
    ]
    return rebuilt(result, iter(out))


def _in_chunks(
    name: str,
    run: Callable[[list[Any], int], Any],
    values: list[Any],
    dims: list[Any],
    size: int,
    chunk_size: int,
    randomness: str,
    out_dims: Any,
) -> Any:
    """Some examples at a time; their results are joined."""
    state = default_generator.get_state() if randomness == "same" else None
    results = []
    for start in range(0, size, chunk_size):
        if state is not None:
            default_generator.set_state(state)
        stop = min(start + chunk_size, size)
        part = [
            v if d is None else v[(slice(None),) * d + (slice(start, stop),)]
            for v, d in zip(values, dims, strict=True)
        ]
        results.append(run(part, stop - start))
    out = [
        pieces[0] if dim is None else cat(list(pieces), dim)
        for dim, *pieces in zip(
            _dims_out(name, out_dims, results[0]), *map(leaves_of, results), strict=True
        )
    ]
    return rebuilt(results[0], iter(out))
