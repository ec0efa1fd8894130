"""Sorting and ranking. NaN counts as the largest value, as in PyTorch and NumPy."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DimensionError, DtypeError
from ..tensor import Tensor, wrap
from .cast import as_operand
from .output import into
from .reduce import alone, pick, put_back
from .shape import normal_dim
from .words import implements

__all__ = ["argsort", "kthvalue", "msort", "sort", "topk"]
METHODS = __all__

# Named as PyTorch shows them: `sort(values=..., indices=...)`.
sort_pair: Any = namedtuple("sort", ("values", "indices"))  # type: ignore[name-match]
topk_pair: Any = namedtuple("topk", ("values", "indices"))  # type: ignore[name-match]
kthvalue_pair: Any = namedtuple("kthvalue", ("values", "indices"))  # type: ignore[name-match]


def ordered(op: str, input: Any, bools: bool = False) -> Tensor:
    """A tensor whose elements can be put in order; bool ones only if said so."""
    input = as_operand(input, op)
    kind = input.array.dtype.kind
    if kind == "c" or (kind == "b" and not bools):
        raise DtypeError(
            f"{op}: not defined for a {input.dtype} tensor; convert it with .to(dtype)"
        )
    return input


def order_along(x: Any, axis: int, descending: bool = False, stable: bool = False) -> Any:
    """Indices that sort an array along an axis, counted from the front.

    Stably only if asked for: on floats NumPy's other way is two to five times faster.
    """
    backwards = (slice(None),) * axis + (slice(None, None, -1),)
    if not stable:
        order = np.argsort(x, axis=axis)
        return order[backwards] if descending else order
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # sorted backwards from back to front, so that equal elements keep their order
    order = np.argsort(x[backwards], axis=axis, kind="stable")[backwards]
    return x.shape[axis] - 1 - order


def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    *,
    stable: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """Sort along a dimension. NaN counts as the largest value.

    Adjoint: each element's gradient back at the place it came from.

    Args:
        input: tensor, not complex.
        dim: dimension to sort along.
        descending: from the largest to the smallest.
        stable: keep the order of equal elements; without it their indices come in any order.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.sort(tg.tensor([3.0, 1.0, 2.0]))
        sort(values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
    """
    if out is not None:
        return into(out, sort, input, dim, descending, stable=stable)
    input = ordered("sort", input, bools=True)
    x = input.array
    d = normal_dim("sort", dim, x.ndim)
    if not x.ndim:
        return alone(sort_pair, input)
    return pick(sort_pair, _sort_vjp, input, order_along(x, d, descending, stable), d)


def _sort_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def argsort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Indices that sort along a dimension; int64, carries no gradient.

    Args:
        input: tensor, not complex.
        dim: dimension to sort along.
        descending: from the largest to the smallest.
        stable: keep the order of equal elements.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.argsort(tg.tensor([3.0, 1.0, 2.0]))
        tensor([1, 2, 0])
    """
    if out is not None:
        return into(out, argsort, input, dim, descending, stable)
    input = ordered("argsort", input, bools=True)
    x = input.array
    d = normal_dim("argsort", dim, x.ndim)
    if not x.ndim:
        return wrap(np.zeros_like(x, dtype=dtypes.int64))
    return wrap(order_along(x, d, descending, stable))


def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sort along the first dimension; the values of `sort(input, 0)`.

    Args:
        input: tensor, not complex.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.msort(tg.tensor([[3.0, 1.0], [2.0, 4.0]]))
        tensor([[2., 1.],
                [3., 4.]])
    """
    if out is not None:
        return into(out, msort, input)
    return sort(ordered("msort", input, bools=True), 0).values


def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """The `k` largest or smallest elements along a dimension. NaN counts as the largest value.

    Found by partition, in linear time where the array's type has it. Adjoint: each element's gradient
    back at the place it came from.

    Args:
        input: tensor, neither bool nor complex.
        k: how many, at most the size of the dimension.
        dim: dimension to search.
        largest: False for the smallest ones.
        sorted: in order, the most extreme first; False leaves them in any order.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`; which of several equal elements is named is not fixed.

    Raises:
        DimensionError: if the dimension has fewer than `k` elements.
        DtypeError: for a bool or complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.topk(tg.tensor([3.0, 1.0, 4.0]), 2)
        topk(values=tensor([4., 3.]), indices=tensor([2, 0]))
    """
    if out is not None:
        return into(out, topk, input, k, dim, largest, sorted)
    input = ordered("topk", input)
    x = input.array
    d = normal_dim("topk", dim, x.ndim)
    n = x.shape[d] if x.ndim else 1
    k = _count("topk", k, 0, n, d)
    if not x.ndim:
        return alone(topk_pair, input)
    found = slice(n - k, n) if largest else slice(0, k)
    if 0 < k < n:
        order = np.argpartition(x, n - k if largest else k - 1, axis=d)
        indices = order[(slice(None),) * d + (found,)]
        if sorted and k > 1:
            ranks = order_along(np.take_along_axis(x, indices, d), d, largest)
            indices = np.take_along_axis(indices, ranks, d)
    else:
        indices = order_along(x, d, largest)[(slice(None),) * d + (slice(0, k),)]
    return pick(topk_pair, _topk_vjp, input, indices, d)


def _topk_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def _count(op: str, k: Any, least: int, most: int, dim: int) -> int:
    try:
        k = k.__index__()
    except (AttributeError, TypeError):
        raise ArgumentError(f"{op}: k must be an int, got {type(k).__name__}") from None
    if not least <= k <= most:
        raise DimensionError(
            f"{op}: k must be between {least} and {most}, the size of dim {dim}, got {k}"
        )
    return k


def kthvalue(
    input: Tensor,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """The `k`-th smallest element along a dimension. NaN counts as the largest value.

    Adjoint: `g` at the index that was returned.

    Args:
        input: tensor, neither bool nor complex.
        k: which one, counted from 1.
        dim: dimension to reduce.
        keepdim: keep it with size 1.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`; which of several equal elements is named is not fixed.

    Raises:
        DimensionError: if the dimension has fewer than `k` elements.
        DtypeError: for a bool or complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.kthvalue(tg.tensor([3.0, 1.0, 4.0]), 2)
        kthvalue(values=tensor(3.), indices=tensor(0))
    """
    if out is not None:
        return into(out, kthvalue, input, k, dim, keepdim)
    input = ordered("kthvalue", input)
    x = input.array
    d = normal_dim("kthvalue", dim, x.ndim)
    k = _count("kthvalue", k, 1, x.shape[d] if x.ndim else 1, d)
    if not x.ndim:
        return alone(kthvalue_pair, input)
    order = np.argpartition(x, k - 1, axis=d)
    indices = order[(slice(None),) * d + (slice(k - 1, k),)]
    return pick(kthvalue_pair, _kthvalue_vjp, input, indices, d, keepdim)


def _kthvalue_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


# -- NumPy's words -----------------------------------------------------------------------------------


@implements(np.sort)
def _np_sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    a, axis = _flat(a, axis)
    return sort(a, axis, stable=bool(stable) or kind in ("stable", "mergesort")).values


@implements(np.argsort)
def _np_argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    a, axis = _flat(a, axis)
    return argsort(a, axis, stable=bool(stable) or kind in ("stable", "mergesort"))


def _flat(a: Any, axis: Any) -> tuple[Any, int]:
    """NumPy's `axis=None`: the flattened array."""
    return (a.reshape(-1), 0) if axis is None else (a, axis)
