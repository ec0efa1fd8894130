"""Repetition and combination: tiles, products of all pairs, selections."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..device import apart, backend_of
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, raw, to_host, wrap
from .arithmetic import mul, pow
from .arrange import broadcast_tensors
from .cast import as_operand, different_devices
from .index import getitem
from .output import into
from .shape import flatten, normal_dim, reshape, sizes, stack, unsqueeze
from .words import implements

__all__ = ["cartesian_prod", "combinations", "kron", "repeat_interleave", "tile", "vander"]
METHODS = ["kron", "repeat", "repeat_interleave", "tile"]


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeat the whole tensor along its dimensions, as `numpy.tile` does.

    Adjoint: `g` summed over the repetitions.

    Args:
        input: tensor.
        dims: how often per dimension, counted from the last one; more than there are give new ones.

    Raises:
        ArgumentError: for a number less than zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.tile(tg.tensor([1, 2]), (2, 2))
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    input = as_operand(input, "tile")
    times = sizes("tile", dims)
    return _tiled("tile", input, (1,) * (input.ndim - len(times)) + times)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Repeat the whole tensor along its dimensions; `tile` with a number for each of them.

    Args:
        input: tensor.
        repeats: how often per dimension; more than there are give new dimensions in front.

    Raises:
        ShapeError: for fewer numbers than dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    input = as_operand(input, "repeat")
    times = sizes("repeat", repeats)
    if len(times) < input.ndim or not repeats:
        raise ShapeError(
            f"repeat: needs a number for each dimension of {input.shape}, got {times}; use tile"
        )
    return _tiled("repeat", input, times)


def _tiled(op: str, input: Tensor, times: tuple[int, ...]) -> Tensor:
    if min(times, default=0) < 0:
        raise ArgumentError(f"{op}: the numbers of repetitions must not be negative, got {times}")
    x = input.array
    shape = (1,) * (len(times) - x.ndim) + x.shape
    apart = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    out = np.empty_like(x, shape=apart)
    out[...] = x.reshape(tuple(1 if i % 2 == 0 else n for i, n in enumerate(apart)))
    joined = tuple(k * n for k, n in zip(times, shape, strict=True))
    return record1(out.reshape(joined), _tile_vjp, input, (apart, x.shape))


def _tile_vjp(g, apart, shape):
    return np.add.reduce(g.reshape(apart), axis=tuple(range(0, len(apart), 2))).reshape(shape)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element, or each slice along a dimension, as `numpy.repeat` does.

    Adjoint: `g` summed over the repetitions.

    Args:
        input: tensor. Alone, it is taken for `repeats` of the numbers 0, 1, 2, ...
        repeats: how often: one number, or an integer tensor with one for each.
        dim: the dimension; None flattens first.
        output_size: the size that `dim` must have in the end.

    Raises:
        ArgumentError: for a number less than zero, or a wrong `output_size`.
        DtypeError: if `repeats` are no integers.
        ShapeError: if there are not as many `repeats` as slices.

    Example:
        >>> import tapegrad as tg
        >>> tg.repeat_interleave(tg.tensor([5, 6]), tg.tensor([1, 3]))
        tensor([5, 6, 6, 6])
    """
    input = as_operand(input, "repeat_interleave")
    if repeats is None:
        if input.ndim != 1:
            raise ShapeError(f"repeat_interleave: repeats must be 1-d, got shape {input.shape}")
        numbers = backend_of(input.array).namespace.arange(input.shape[0])
        return repeat_interleave(wrap(numbers), input, 0, output_size=output_size)
    if dim is None:
        input, dim = flatten(input), 0
    elif not input.ndim:
        raise DimensionError("repeat_interleave: a 0-d tensor has no dimensions; leave dim out")
    d = normal_dim("repeat_interleave", dim, input.ndim)
    n = input.shape[d]
    if isinstance(repeats, int) and not isinstance(repeats, bool):
        times = repeats
        _check_repeats(times, times * n, output_size)
    else:
        times, size = _repeats(input, repeats, n, output_size)
        if times is not None:
            return _picked(input, times, size, d)
        times = size
    out = np.repeat(input.array, times, d)
    apart = (*input.shape[: d + 1], times, *input.shape[d + 1 :])
    return record1(out, _repeat_interleave_vjp, input, (apart, d + 1))


def _repeat_interleave_vjp(g, apart, dim):
    return np.add.reduce(g.reshape(apart), axis=dim)


def _check_repeats(least: int, size: int, output_size: int | None) -> None:
    if least < 0:
        raise ArgumentError(f"repeat_interleave: repeats must not be negative, got {least}")
    if output_size is not None and output_size != size:
        raise ArgumentError(f"repeat_interleave: output_size is {output_size}, expected {size}")


def _repeats(input: Tensor, repeats: Any, n: int, output_size: int | None) -> tuple[Any, int]:
    """The cumulated repeats and their sum; or None and the one number for all."""
    repeats = as_operand(repeats, "repeat_interleave", "repeats")
    array = repeats.array
    if array.dtype.char not in np.dtype("i8").char + np.dtype("i4").char + "lq":
        raise DtypeError(f"repeat_interleave: repeats must be int64 or int32, got {array.dtype}")
    if apart(array, input.array):
        raise different_devices("repeat_interleave", input, repeats)
    if array.ndim > 1 or array.size not in (1, n):
        raise ShapeError(
            f"repeat_interleave: repeats must be one number or {n}, the size of the dimension, got "
            f"shape {array.shape}"
        )
    host = to_host(repeats)  # the size of the result has to be known
    single = array.size == 1
    total = int(host.sum()) * (n if single else 1)
    _check_repeats(int(host.min(initial=0)), total, output_size)
    return (None, int(host.reshape(-1)[0])) if single else (np.cumsum(array), total)


def _picked(input: Tensor, ends: Any, size: int, dim: int) -> Tensor:
    which = np.searchsorted(ends, backend_of(ends).namespace.arange(size), side="right")
    place = (*(slice(None),) * dim, which)
    return record1(input.array[place], _repeat_interleave_vjp_each, input, ((place,), input.shape))


def _repeat_interleave_vjp_each(g, stages, shape):
    return kernels.index_add(g, stages, shape, True)


def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Kronecker product: `other` times each element of `input`, side by side.

    Value: `out[i * p + k, j * q + l] = input[i, j] * other[k, l]` for `other` of shape (p, q), and so
    on for any number of dimensions.

    Args:
        input, other: tensors; the one with fewer dimensions gets new ones in front.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.kron(tg.eye(2), tg.tensor([[1.0, 2.0]]))
        tensor([[1., 2., 0., 0.],
                [0., 0., 1., 2.]])

    References:
        Van Loan, "The ubiquitous Kronecker product", J. Comput. Appl. Math. 123 (2000).
    """
    if out is not None:
        return into(out, kron, input, other)
    input, other = as_operand(input, "kron"), as_operand(other, "kron", "other")
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + x.shape for x in (input, other))
    product = mul(
        reshape(input, [n for size in a for n in (size, 1)]),
        reshape(other, [n for size in b for n in (1, size)]),
    )
    return reshape(product, tuple(m * n for m, n in zip(a, b, strict=True)))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Vandermonde matrix: the powers of each element, a row for each.

    Value: `out[i, j] = x[i] ** (N - 1 - j)`, or `x[i] ** j` if increasing.

    Args:
        x: 1-d tensor, (n,).
        N: number of columns; n by default.
        increasing: let the powers rise from left to right.

    Raises:
        ShapeError: if `x` is not 1-d.
        ArgumentError: for a negative `N`.

    Example:
        >>> import tapegrad as tg
        >>> tg.vander(tg.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]])
    """
    x = as_operand(x, "vander", "x")
    if x.ndim != 1:
        raise ShapeError(f"vander: x must be 1-d, got shape {x.shape}")
    (columns,) = sizes("vander", (x.shape[0] if N is None else N,))
    if columns < 0:
        raise ArgumentError(f"vander: N must not be negative, got {columns}")
    return powers_of(x, columns, increasing)


def powers_of(x: Tensor, columns: int, increasing: bool = True) -> Tensor:
    """The powers 0 to `columns` - 1 of every element, along a new last dimension."""
    powers = backend_of(x.array).namespace.arange(columns)
    return pow(unsqueeze(x, -1), wrap(powers if increasing else powers[::-1]))


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All ways of taking one element from each tensor, a row for each; the last varies fastest.

    Args:
        tensors: 1-d tensors of one dtype. A single one is returned as it is.

    Raises:
        ShapeError: if one is not 1-d.
        DtypeError: if dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.cartesian_prod(tg.tensor([1, 2]), tg.tensor([7, 8]))
        tensor([[1, 7],
                [1, 8],
                [2, 7],
                [2, 8]])
    """
    operands = [as_operand(x, "cartesian_prod", f"tensors[{i}]") for i, x in enumerate(tensors)]
    if not operands:
        raise ArgumentError("cartesian_prod: needs at least one tensor, got none")
    for i, x in enumerate(operands):
        if x.ndim != 1:
            raise ShapeError(f"cartesian_prod: tensors[{i}] must be 1-d, got shape {x.shape}")
        if x.dtype != operands[0].dtype:
            raise DtypeError(
                f"cartesian_prod: tensors[{i}] is {x.dtype}, expected {operands[0].dtype} as the first"
            )
    count = len(operands)
    if count == 1:
        return operands[0]
    lying = (reshape(x, (-1,) + (1,) * (count - 1 - i)) for i, x in enumerate(operands))
    return reshape(stack(broadcast_tensors(*lying), -1), (-1, count))


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways of taking `r` elements in their order, a row for each, as `itertools` lists them.

    Args:
        input: 1-d tensor.
        r: how many elements to take.
        with_replacement: let an element be taken more than once.

    Raises:
        ShapeError: if the input is not 1-d.
        ArgumentError: for a negative `r`.

    Example:
        >>> import tapegrad as tg
        >>> tg.combinations(tg.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    input = as_operand(input, "combinations")
    (r,) = sizes("combinations", (r,))
    if input.ndim != 1:
        raise ShapeError(f"combinations: input must be 1-d, got shape {input.shape}")
    if r < 0:
        raise ArgumentError(f"combinations: r must not be negative, got {r}")
    if not r:
        return wrap(input.array[:0].copy())
    return getitem(input, _selections(input.shape[0], r, 0 if with_replacement else 1))


def _selections(n: int, r: int, gap: int) -> Any:
    """All rows of `r` indices below `n` that rise by `gap` at least, in lexicographic order."""
    rows = np.arange(n)[:, None]
    for _ in range(r - 1):  # every row is continued by each index that may come next
        first = rows[:, -1] + gap
        ways = np.maximum(n - first, 0)
        ends = np.cumsum(ways)
        following = np.arange(ways.sum()) + np.repeat(first - (ends - ways), ways)
        rows = np.concatenate([np.repeat(rows, ways, axis=0), following[:, None]], axis=1)
    return rows


@implements(np.tile)
def _numpy_tile(A: Any, reps: Any) -> Any:
    return tile(A, reps)


@implements(np.kron)
def _numpy_kron(a: Any, b: Any) -> Any:
    return kron(a, b)


@implements(np.vander)
def _numpy_vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    return vander(x, N, increasing)


@implements(np.repeat)
def _numpy_repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if not isinstance(repeats, (int, Tensor)):
        repeats = wrap(backend_of(raw(a)).from_host(np.asarray(repeats, dtype=np.int64)))
    return repeat_interleave(a, repeats, axis)
