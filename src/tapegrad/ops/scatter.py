"""Scattering along a dimension: writing, adding and reducing at an index for each element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..batching import widened
from ..device import as_array, every_value, is_array
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import OUT, record, record1, record2
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, not_complex
from .choose import where
from .gather import positions_along, slices_along, zero_at
from .index import getitem
from .output import into
from .put import check_source, number_operand, positions_of_slices, values_operand, written_at
from .shape import reshape

__all__ = ["index_reduce", "scatter", "scatter_add", "scatter_reduce"]
METHODS = __all__
INPLACE = __all__


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Write along a dimension by an index for each element: `out[index[i, j], j] = src[i, j]` for dim 0.

    Adjoint: `g` with zeros at the index for `input`, `gather(g, dim, index)` for `src`; with `reduce`
    those of `scatter_reduce`. With repeated positions it is left open which value stays; each of them
    gets the gradient of the place.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor with as many dimensions as `input` and `src`, no larger than `src`
            and, except in `dim`, than `input`; positions count from 0.
        src: tensor of the input's dtype, or a number.
        value: a number, in place of `src`.
        reduce: None to replace, `"add"` or `"multiply"` to combine with what is there.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: unless exactly one of `src` and `value` is given; for another `reduce`.
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.scatter(tg.zeros(2, 3), 1, tg.tensor([[0], [2]]), 5.0)
        tensor([[5., 0., 0.],
                [0., 0., 5.]])
    """
    if out is not None:
        return into(out, scatter, input, dim, index, src, value=value, reduce=reduce)
    input = as_operand(input, "scatter")
    if (src is None) is (value is None):
        raise ArgumentError("scatter: exactly one of src and value must be given")
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce must be None, 'add' or 'multiply', got {reduce!r}")
    given = value if src is None else src
    if isinstance(given, Tensor) or is_array(given):
        at, values = _placed("scatter", input, dim, index, given)
    else:
        at = positions_along("scatter", input, dim, index).reshape(-1)
        number = number_operand("scatter", input, given, "value")
        values = wrap(np.full_like(input.array, number, shape=at.shape))
    if reduce == "add":
        return _total(input, at, values)
    if reduce == "multiply":
        return _product(input, at, values, True)
    result = written_at(input.array, at, values.array)
    return record2(result, (_scatter_vjp_input, _scatter_vjp_src), input, values, (at,))


def _scatter_vjp_input(g, at):
    return zero_at(g, at)


def _scatter_vjp_src(g, at):
    return g.reshape(-1)[at]


def _placed(op: str, input: Tensor, dim: int, index: Any, src: Any) -> tuple[Any, Tensor]:
    """Positions in the flattened input and the values that go there, both 1-d."""
    src = values_operand(op, input, src, "src")
    at = positions_along(op, input, dim, index)
    sizes, have = at.shape or (1,), src.shape or (1,)
    if not at.size:
        return at.reshape(-1), getitem(reshape(src, -1), slice(0))
    if len(sizes) != len(have) or any(m > n for m, n in zip(sizes, have, strict=True)):
        raise ShapeError(
            f"{op}: index of shape {at.shape} must have as many dimensions as src of shape {src.shape} "
            "and be no larger"
        )
    if sizes != have:
        src = getitem(src, tuple(slice(m) for m in sizes))
    return at.reshape(-1), reshape(src, -1)


def scatter_add(
    input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """Add along a dimension by an index for each element: `out[index[i, j], j] += src[i, j]` for dim 0.

    Repeated positions count each time. Adjoint: `g` for `input`, `gather(g, dim, index)` for `src`.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor with as many dimensions as `input` and `src`, no larger than `src`
            and, except in `dim`, than `input`; positions count from 0.
        src: tensor of the input's dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.scatter_add(tg.zeros(3), 0, tg.tensor([0, 2, 2]), tg.tensor([1.0, 2.0, 3.0]))
        tensor([1., 0., 5.])
    """
    if out is not None:
        return into(out, scatter_add, input, dim, index, src)
    input = as_operand(input, "scatter_add")
    return _total(input, *_placed("scatter_add", input, dim, index, src))


def _total(input: Tensor, at: Any, values: Tensor) -> Tensor:
    x, v = input.array, values.array
    out = kernels.combine_at(widened(x, at, v), at, v, np.add)
    return record2(out, (_scatter_add_vjp_input, _scatter_add_vjp_src), input, values, (at,))


def _scatter_add_vjp_input(g, at):
    return g


def _scatter_add_vjp_src(g, at):
    return g.reshape(-1)[at]


def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Reduce along a dimension all elements with one index, and what is there already.

    Value for dim 0: `out[k, j]` is the reduction of the `src[i, j]` with `index[i, j] == k`, and of
    `input[k, j]`. Adjoint: for the sum `g`, for the mean `g / count`, for the product `g` times the
    other factors, for `amax` and `amin` `g` divided equally among the elements that tie.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor with as many dimensions as `input` and `src`, no larger than `src`
            and, except in `dim`, than `input`; positions count from 0.
        src: tensor of the input's dtype.
        reduce: `"sum"`, `"prod"`, `"mean"`, `"amax"` or `"amin"`; the mean of integers is rounded down.
        include_self: whether the elements of `input` take part where the index points. Where it does
            not, `input` stays as it is.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for another reduction.
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> index, x = tg.tensor([0, 1, 1]), tg.tensor([5.0, 2.0, 4.0])
        >>> tg.scatter_reduce(tg.zeros(3), 0, index, x, "mean", include_self=False)
        tensor([5., 3., 0.])
    """
    if out is not None:
        return into(out, scatter_reduce, input, dim, index, src, reduce, include_self=include_self)
    input = as_operand(input, "scatter_reduce")
    if reduce not in _REDUCTIONS:
        raise ArgumentError(
            f"scatter_reduce: reduce must be one of {', '.join(_REDUCTIONS)}, got {reduce!r}"
        )
    at, values = _placed("scatter_reduce", input, dim, index, src)
    return _reduced("scatter_reduce", input, at, values, reduce, include_self)


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Reduce all slices with one index, and the one that is there already.

    Value for dim 0: `out[k]` is the reduction of the `source[i]` with `index[i] == k`, and of `input[k]`.
    Adjoint: as for `scatter_reduce`.

    Args:
        input: tensor.
        dim: the dimension.
        index: int64 or int32 tensor, 1-d or 0-d; positions count from 0.
        source: tensor of the input's dtype and shape, except that its size in `dim` is that of the
            index.
        reduce: `"prod"`, `"mean"`, `"amax"` or `"amin"`; the mean of integers is rounded down.
        include_self: whether the slices of `input` take part where the index points.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for another reduction.
        DimensionError: for a position outside the dimension.
        DtypeError: for an index or a source of another dtype.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> rows = tg.tensor([[1.0, 5.0], [4.0, 2.0]])
        >>> tg.index_reduce(tg.zeros(2, 2), 0, tg.tensor([1, 1]), rows, "amax")
        tensor([[0., 0.],
                [4., 5.]])
    """
    if out is not None:
        return into(out, index_reduce, input, dim, index, source, reduce, include_self=include_self)
    input = as_operand(input, "index_reduce")
    if reduce not in _REDUCTIONS or reduce == "sum":
        allowed = ", ".join(r for r in _REDUCTIONS if r != "sum")
        raise ArgumentError(
            f"index_reduce: reduce must be one of {allowed}, got {reduce!r}; for sums use index_add"
        )
    source = values_operand("index_reduce", input, source, "source")
    if not input.ndim and not source.ndim:
        whole = reshape(input, 1), dim, index, reshape(source, 1), reduce
        return reshape(index_reduce(*whole, include_self=include_self), ())
    d, i = slices_along("index_reduce", input, dim, index, "qi")
    check_source("index_reduce", input, d, i, source)
    at = positions_of_slices(input.array, d, i).reshape(-1)
    return _reduced("index_reduce", input, at, reshape(source, -1), reduce, include_self)


def _reduced(
    op: str, input: Tensor, at: Any, values: Tensor, reduce: str, include_self: bool
) -> Tensor:
    """The reduction of values, and of the input, at positions of the flattened input."""
    if reduce == "mean" and input.array.dtype.kind == "b":
        raise DtypeError(f"{op}: the mean is not defined for a bool tensor; use amax or amin")
    if reduce in ("amax", "amin"):
        not_complex(op, input)
    return _REDUCTIONS[reduce](input, at, values, include_self)


def _sum(input: Tensor, at: Any, values: Tensor, include_self: bool) -> Tensor:
    return _total(input if include_self else _cleared(input, at), at, values)


def _cleared(input: Tensor, at: Any) -> Tensor:
    out = written_at(input.array, at, 0)
    return record1(out, _cleared_vjp, input, (at,))


def _cleared_vjp(g, at):
    return zero_at(g, at)


_cleared_vjp.op = "scatter_reduce"  # type: ignore[attr-defined]


def _mean(input: Tensor, at: Any, values: Tensor, include_self: bool) -> Tensor:
    total = _sum(input, at, values, include_self)
    count = np.ones_like(input.array, dtype=np.int64)
    if not include_self:
        count = written_at(count, at, 0)
    count = _counts(count, at)
    if input.array.dtype.kind in "iu":
        return wrap(as_array(total.array // count).astype(input.array.dtype))
    return total / wrap(count)


def _product(input: Tensor, at: Any, values: Tensor, include_self: bool) -> Tensor:
    products = _product_at(values, at, input.shape)
    if include_self:
        return input * products
    named = written_at(np.zeros_like(input.array, dtype=bool), at, True)
    return where(wrap(named), products, input)


def _product_at(values: Tensor, at: Any, shape: Any) -> Tensor:
    """The products of the values with one position, 1 where there is none."""
    v = values.array
    ones = np.ones_like(v, shape=shape)
    out = kernels.combine_at(widened(ones, at), at, v, np.multiply)
    most = at.size
    if values.node is not None and most:
        most = int(every_value(_counts(np.zeros_like(ones, dtype=np.int64), at).max()).max())
    return record1(out, _product_at_vjp, values, (v, at, most))


def _counts(start: Any, at: Any) -> Any:
    """Integers plus the number of times that each position is named."""
    return kernels.combine_at(widened(start, at), at, np.ones_like(at), np.add)


def _product_at_vjp(g, v, at, most):
    g = g.reshape(-1)[at]
    if not at.size:
        return g
    # products of the factors before and after each one, so that zeros need no division
    order = np.argsort(at)
    keys, factors = at[order], widened(v, order)[order]
    before = kernels.running(np.multiply, factors, keys, most)
    after = kernels.running(np.multiply, factors[::-1], keys[::-1], most)[::-1]
    one = np.ones_like(raw(v), shape=(1,))
    together = keys[1:] == keys[:-1]
    before = np.concatenate([one, np.where(together, before[:-1], one)])
    after = np.concatenate([np.where(together, after[1:], one), one])
    return g * (before * after)[np.argsort(order)]


_product_at_vjp.op = "scatter_reduce"  # type: ignore[attr-defined]


def _largest(input: Tensor, at: Any, values: Tensor, include_self: bool) -> Tensor:
    return _extreme(np.maximum, _ends(input.array.dtype)[0], input, at, values, include_self)


def _smallest(input: Tensor, at: Any, values: Tensor, include_self: bool) -> Tensor:
    return _extreme(np.minimum, _ends(input.array.dtype)[1], input, at, values, include_self)


def _ends(dtype: Any) -> tuple[Any, Any]:
    """The lowest and the highest value of a dtype."""
    if dtype.kind == "b":
        return False, True
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return -np.inf, np.inf


def _extreme(
    ufunc: Any, end: Any, input: Tensor, at: Any, values: Tensor, include_self: bool
) -> Tensor:
    x, v = input.array, values.array
    start = x if include_self else written_at(x, at, end)
    out = kernels.combine_at(widened(start, at, v), at, v, ufunc)
    saved = x, v, OUT, at, include_self
    return record(out, _extreme_vjp, (input, values), saved)


def _extreme_vjp(g, x, v, out, at, include_self):
    shape = x.shape
    x, v, out = raw(x).reshape(-1), raw(v), raw(out).reshape(-1)  # which ones tie is a constant
    own = (x == out).astype(x.dtype)
    if not include_self:  # PyTorch counts an element that did not take part, if it happens to tie
        own = written_at(own, at, 0)
    won = (v == out[at]).astype(v.dtype)
    share = g.reshape(-1) / kernels.combine_at(widened(own, at), at, won, np.add)
    return (share * own).reshape(shape), share[at] * won


_extreme_vjp.op = "scatter_reduce"  # type: ignore[attr-defined]

_REDUCTIONS = {
    "sum": _sum, "prod": _product, "mean": _mean, "amax": _largest, "amin": _smallest,
}  # fmt: skip
