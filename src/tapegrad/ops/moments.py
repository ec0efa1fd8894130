"""Products, spreads, extremes and counts over dimensions.

In the formulas `g` is the gradient of the result.
"""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from .._typing import Dim, DTypeLike
from ..device import as_array
from ..errors import ArgumentError, ShapeError
from ..kernels.scan import flip
from ..record import OUT, record, record1
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, not_complex
from .output import into
from .reduce import (
    _mean_vjp,
    _var_vjp,
    accumulated,
    correction_of,
    deviation,
    floating_operand,
    in_float32,
    is_half,
    kept_shape,
)
from .reduce import max as max_along
from .reduce import min as min_along
from .reduce import sum as sum_over
from .scan import shifted
from .shape import normal_dim, normal_dims
from .words import REDUCTIONS, implements

__all__ = [
    "amax", "amin", "aminmax", "count_nonzero", "nanmean", "nansum", "prod", "std", "std_mean",
    "var_mean",
]  # fmt: skip
METHODS = ["amax", "amin", "aminmax", "count_nonzero", "nanmean", "nansum", "prod", "std"]

# NumPy's stubs know keepdims as a literal only
_reduce: Any = np.add.reduce
_multiply: Any = np.multiply.reduce

aminmax_pair: Any = namedtuple("aminmax", ("min", "max"))  # type: ignore[name-match]


def nansum(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum over dimensions as if NaN were zero.

    Adjoint: `g` broadcast over what was summed, 0 at NaN.

    Args:
        input: tensor; integers and bools are summed in int64.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.nansum(tg.tensor([1.0, float("nan"), 3.0]))
        tensor(4.)
    """
    if out is not None:
        return into(out, nansum, input, dim, keepdim, dtype=dtype)
    input, wide, kind = accumulated("nansum", input, dtype)
    not_complex("nansum", input)
    x = input.array
    if x.dtype.kind in "biu":
        return sum_over(input, dim, keepdim, dtype=kind)
    dims = normal_dims("nansum", dim, x.ndim)
    valid = x == x
    result = _reduce(np.where(valid, x, np.zeros_like(x, shape=())), dims, wide, keepdims=keepdim)
    return record1(result.astype(kind), _nansum_vjp, input, (valid, kept_shape(x.shape, dims)))


def _nansum_vjp(g, valid, kept):
    return g.reshape(kept) * valid


def nanmean(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Arithmetic mean over dimensions of the elements that are not NaN.

    Adjoint: `g / n` for the `n` elements that were averaged, 0 at NaN.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The means; NaN where all elements are.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nanmean(tg.tensor([1.0, float("nan"), 3.0]))
        tensor(2.)
    """
    if out is not None:
        return into(out, nanmean, input, dim, keepdim, dtype=dtype)
    input = floating_operand("nanmean", input)
    if dtype is not None:
        input = floating_operand("nanmean", cast(input, dtypes.as_dtype(dtype)))
    not_complex("nanmean", input)
    x = input.array
    if is_half(x):
        return in_float32(nanmean, input, dim, keepdim)
    dims = normal_dims("nanmean", dim, x.ndim)
    valid = x == x
    total = _reduce(np.where(valid, x, np.zeros_like(x, shape=())), dims, keepdims=True)
    n = _reduce(valid, dims, x.dtype, keepdims=True)
    result = total / n
    if not keepdim:
        result = result.reshape([m for d, m in enumerate(x.shape) if d not in dims])
    return record1(result, _nanmean_vjp, input, (valid, n))


def _nanmean_vjp(g, valid, n):
    return g.reshape(n.shape) / n * valid


def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Product over one dimension, or over all.

    Adjoint: `g` times the product of all other elements. That is the running product from the front times
    the one from the back, so it is exact where there are zeros.

    Args:
        input: tensor; integers and bools are multiplied in int64.
        dim: dimension; None for all.
        keepdim: keep it with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The products; 1 over no elements.

    Example:
        >>> import tapegrad as tg
        >>> tg.prod(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        tensor([3., 8.])
    """
    if out is not None:
        return into(out, prod, input, dim, keepdim, dtype=dtype)
    input, wide, _ = accumulated("prod", input, dtype)
    x = input.array
    if dim is not None:
        dim = normal_dim("prod", dim, x.ndim)
    axis = dim if x.ndim else None
    if is_half(x):
        return in_float32(prod, input, axis, keepdim)
    result = _multiply(x, axis, wide, keepdims=keepdim)
    return record1(result, _prod_vjp, input, (x, axis))


def _prod_vjp(g, x, axis):
    if axis is None:
        return (g.reshape(1) * _others(x.reshape(-1), 0)).reshape(x.shape)
    return g.reshape(kept_shape(x.shape, (axis,))) * _others(x, axis)


def _others(x: Any, d: int) -> Any:
    """For every element the product of all others along a dimension."""
    before = shifted(np.cumprod(x, axis=d), d)
    after = flip(shifted(np.cumprod(flip(x, d), axis=d), d), d)
    return before * after


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Standard deviation over dimensions.

    Value: `y = sqrt(sum(|input - mean|**2) / (n - correction))`. Adjoint:
    `g (input - mean) / (y (n - correction))`, with the subgradient 0 where `y = 0`.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        unbiased: True means `correction=1`, False `correction=0`.
        keepdim: keep them with size 1.
        correction: what is taken off the number of elements; 1 by default (Bessel's correction).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The deviations; infinite where no degree of freedom is left, NaN if all elements are equal
        too.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.std(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
        tensor(1.1180)
    """
    if out is not None:
        return into(out, std, input, dim, unbiased, keepdim, correction=correction)
    dim, correction = correction_of("std", dim, unbiased, correction)
    return _spread("std", input, dim, keepdim, correction)[0]


def _std_vjp(g, x, y, dims, n, scale):
    spread = y != 0
    g = np.where(spread, g, 0) / (2 * np.where(spread, y, 1))
    return _var_vjp(g, x, dims, n, scale)


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean over dimensions, in one go.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        unbiased: True means `correction=1`, False `correction=0`.
        keepdim: keep them with size 1.
        correction: what is taken off the number of elements; 1 by default (Bessel's correction).

    Returns:
        The variances and the means.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.var_mean(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
        (tensor(1.2500), tensor(2.5000))
    """
    dim, correction = correction_of("var_mean", dim, unbiased, correction)
    return _spread("var_mean", input, dim, keepdim, correction)


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over dimensions, in one go.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        unbiased: True means `correction=1`, False `correction=0`.
        keepdim: keep them with size 1.
        correction: what is taken off the number of elements; 1 by default (Bessel's correction).

    Returns:
        The deviations and the means.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.std_mean(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
        (tensor(1.1180), tensor(2.5000))
    """
    dim, correction = correction_of("std_mean", dim, unbiased, correction)
    return _spread("std_mean", input, dim, keepdim, correction)


def _spread(op: str, input: Any, dim: Any, keepdim: bool, correction: float) -> Any:
    """Variance or standard deviation, and mean."""
    input = floating_operand(op, input)
    x = input.array
    if is_half(x):
        wide = _spread(op, cast(input, dtypes.float32), dim, keepdim, correction)
        return tuple(cast(t, input.dtype) for t in wide)
    out, mean, dims, n, scale = deviation(op, x, dim, keepdim, correction)
    if op.startswith("std"):
        spread = record(np.sqrt(out), (_std_vjp,), (input,), (x, OUT, dims, n, scale))
    else:
        spread = record1(out, _var_vjp, input, (x, dims, n, scale))
    mean = mean.reshape(out.shape)
    return spread, record1(mean, _mean_vjp, input, (x.shape, kept_shape(x.shape, dims), n))


def amax(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The largest element over dimensions; NaN beats all.

    Adjoint: `g` shared equally among the elements that attain the maximum.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if there are no elements to choose from.

    Example:
        >>> import tapegrad as tg
        >>> tg.amax(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
        tensor([5., 7.])
    """
    if out is not None:
        return into(out, amax, input, dim, keepdim)
    return _extreme("amax", "max", _amax_vjp, input, dim, keepdim)


def _amax_vjp(g, x, y, kept):
    chosen = x == y.reshape(kept)
    dims = tuple(d for d, (n, m) in enumerate(zip(kept, x.shape, strict=True)) if n != m)
    return chosen * (
        g.reshape(kept) / _reduce(raw(chosen), axis=dims, dtype=x.dtype, keepdims=True)
    )


def amin(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest element over dimensions; NaN beats all.

    Adjoint: `g` shared equally among the elements that attain the minimum.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if there are no elements to choose from.

    Example:
        >>> import tapegrad as tg
        >>> tg.amin(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, amin, input, dim, keepdim)
    return _extreme("amin", "min", _amin_vjp, input, dim, keepdim)


def _amin_vjp(g, x, y, kept):
    return _amax_vjp(g, x, y, kept)


def _extreme(op: str, find: str, rule: Any, input: Any, dim: Any, keepdim: bool) -> Tensor:
    input = as_operand(input, op)
    not_complex(op, input)
    x = input.array
    dims = normal_dims(op, dim, x.ndim)
    if not math.prod(x.shape[d] for d in dims):
        raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from along dim {dims}")
    out = getattr(x, find)(dims, keepdims=keepdim)
    return record(out, (rule,), (input,), (x, OUT, kept_shape(x.shape, dims)))


def aminmax(
    input: Tensor,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """The smallest and the largest element, over all or along one dimension; NaN beats all.

    Adjoint: each gradient shared equally among the elements that attain the extreme.

    Args:
        input: tensor.
        dim: dimension; None for all.
        keepdim: keep it with size 1.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(min, max)`.

    Raises:
        ShapeError: if there are no elements to choose from.
        ArgumentError: for several dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.aminmax(tg.tensor([1.0, 5.0, 3.0]))
        aminmax(min=tensor(1.), max=tensor(5.))
    """
    if out is not None:
        return into(out, aminmax, input, dim=dim, keepdim=keepdim)
    input = as_operand(input, "aminmax")
    if dim is not None:
        dim = normal_dim("aminmax", dim, input.ndim)
    low = _extreme("aminmax", "min", _amin_vjp, input, dim, keepdim)
    return aminmax_pair(low, _extreme("aminmax", "max", _amax_vjp, input, dim, keepdim))


def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """Number of elements that are not zero, over dimensions; int64, carries no gradient.

    Args:
        input: tensor; NaN is not zero.
        dim: dimension or dimensions; None for all.

    Example:
        >>> import tapegrad as tg
        >>> tg.count_nonzero(tg.tensor([[1.0, 0.0], [2.0, 3.0]]), 0)
        tensor([2, 1])
    """
    x = as_operand(input, "count_nonzero").array
    dims = normal_dims("count_nonzero", dim, x.ndim)
    return wrap(as_array(_reduce(x != 0, axis=dims, dtype=dtypes.int64)))


# -- NumPy's functions on tensors --------------------------------------------------------------------


@implements(np.prod)
def _np_prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    if not isinstance(axis, tuple):
        return prod(a, axis, keepdims, dtype=dtype)
    for d in sorted(normal_dims("prod", axis, a.ndim), reverse=True) if axis else ():
        a = prod(a, d, keepdims, dtype=dtype)
    return a


REDUCTIONS[np.multiply] = lambda a, axis, keepdims: _np_prod(a, axis, keepdims=keepdims)


@implements(np.nansum)
def _np_nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return nansum(a, axis, keepdims, dtype=dtype)


@implements(np.nanmean)
def _np_nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return nanmean(a, axis, keepdims, dtype=dtype)


@implements(np.std)
def _np_std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
) -> Any:
    if dtype is not None:
        raise ArgumentError("np.std: dtype is not supported on tensors; convert with .to(dtype)")
    return std(a, axis, keepdim=keepdims, correction=ddof)


@implements(np.count_nonzero)
def _np_count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    count = count_nonzero(a, axis)
    return count.reshape(kept_shape(a.shape, normal_dims("", axis, a.ndim))) if keepdims else count


def _largest(input: Any, axis: Any, keepdims: bool) -> Any:
    """NumPy's `max` differentiates as PyTorch's: several dimensions share, one has the first place."""
    if axis is None or isinstance(axis, tuple):
        return amax(input, axis, keepdims)
    return max_along(input, axis, keepdims).values


def _smallest(input: Any, axis: Any, keepdims: bool) -> Any:
    if axis is None or isinstance(axis, tuple):
        return amin(input, axis, keepdims)
    return min_along(input, axis, keepdims).values


REDUCTIONS.update({np.maximum: _largest, np.minimum: _smallest})


@implements(np.max, np.amax)
def _np_max(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return _largest(a, axis, keepdims)


@implements(np.min, np.amin)
def _np_min(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return _smallest(a, axis, keepdims)
