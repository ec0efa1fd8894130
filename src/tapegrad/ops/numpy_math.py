"""NumPy's arithmetic and statistics that PyTorch has no function for: what they mean on tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..device import as_array, is_array
from ..errors import ArgumentError, ShapeError
from ..record import OUT, record1
from ..tensor import Tensor, raw, wrap
from .arithmetic import add, div, mul, remainder, singular, sub
from .arithmetic import floor_divide as floor_division
from .cast import as_operand, cast, floating, promoted, transfer
from .choose import clamp, where
from .compare import gt, isnan, logical_not, lt
from .convolution import conv1d
from .elementwise import abs as magnitude
from .elementwise import sqrt
from .gather import take
from .linalg import matmul
from .moments import amax, amin
from .reduce import all as all_of
from .reduce import argmax, argmin, mean
from .reduce import sum as sum_over
from .rounding import trunc
from .scan import cummax, cummin, cumprod, cumsum, diff, logcumsumexp
from .search import searchsorted
from .shape import cat, flatten, reshape, squeeze, unsqueeze
from .sort import argsort
from .statistics import histogram
from .words import ACCUMULATIONS, UFUNCS, implements

__all__: list[str] = []


def operands(*values: Any) -> list[Tensor]:
    """Tensors from tensors, arrays, lists and numbers, on the device of the tensors among them."""
    like = next(v for v in values if isinstance(v, Tensor))
    return [v if isinstance(v, Tensor) else _as_tensor(v, like) for v in values]


def _as_tensor(value: Any, like: Tensor) -> Tensor:
    if is_array(value):
        return as_operand(value, "np")
    if isinstance(value, (bool, int, float, complex)):
        return promoted_number(value, like)
    made = wrap(np.asarray([v.tolist() if isinstance(v, Tensor) else v for v in value]))
    return transfer(made, like.device)


def promoted_number(value: Any, like: Tensor) -> Tensor:
    """A 0-d tensor of the dtype that the number has beside `like`."""
    dtype = promoted("np", (like, value))[0].dtype
    return wrap(np.full_like(like.array, value, dtype=dtype, shape=()))


# -- functions of one or two operands ----------------------------------------------------------------


def _cbrt(x: Any) -> Tensor:
    input = floating(x, "cbrt")
    return record1(np.cbrt(input.array), _cbrt_vjp, input, OUT)


@singular
def _cbrt_vjp(g, y):
    return g / (3 * y * y)


def _divmod(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    return floor_division(x1, x2), remainder(x1, x2)


def _modf(x: Any) -> tuple[Tensor, Tensor]:
    whole = trunc(floating(x, "modf"))
    # what is left of an infinite value is zero
    rest = where(np.isinf(whole.array), 0.0, sub(x, whole))
    return rest, whole


def _matvec(x1: Any, x2: Any) -> Tensor:
    x1, x2 = operands(x1, x2)
    return squeeze(matmul(x1, unsqueeze(x2, -1)), -1)


def _vecmat(x1: Any, x2: Any) -> Tensor:
    x1, x2 = operands(x1, x2)
    return squeeze(matmul(unsqueeze(np.conjugate(x1), -2), x2), -2)


def _fabs(x: Any) -> Tensor:
    return magnitude(floating(x, "fabs"))


UFUNCS.update({np.cbrt: _cbrt, np.fabs: _fabs, np.divmod: _divmod, np.modf: _modf})
for _name, _operation in (("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _name):  # NumPy 2.2
        UFUNCS[getattr(np, _name)] = _operation

ACCUMULATIONS.update({
    np.add: cumsum, np.multiply: cumprod, np.logaddexp: logcumsumexp,
    np.maximum: lambda x, axis: cummax(x, axis).values,
    np.minimum: lambda x, axis: cummin(x, axis).values,
})  # fmt: skip


@implements(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Tensor:
    input = floating(p, "unwrap")
    out = np.unwrap(input.array, discont, axis, period=period)
    return record1(as_array(out), _unwrap_vjp, input)


def _unwrap_vjp(g):
    return g  # whole periods are added


@implements(np.interp)
def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tensor:
    """Piecewise linear: the gradient reaches the places, the knots and their values."""
    tensors = operands(*(np.asarray(v) if isinstance(v, (list, tuple)) else v for v in (x, xp, fp)))
    x, xp, fp = (floating(t, "interp") for t in tensors)
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.numel():
        raise ShapeError(
            f"np.interp: xp and fp must be vectors of one size, got {xp.shape} and {fp.shape}"
        )
    if period is not None:
        period = math.fabs(period)
        x, xp = remainder(x, period), remainder(xp, period)
        order = argsort(xp.detach())
        xp, fp = take(xp, order), take(fp, order)
        xp = cat([sub(xp[-1:], period), xp, add(xp[:1], period)])
        fp = cat([fp[-1:], fp, fp[:1]])
        left = right = None
    n = xp.shape[0]
    at = clamp(searchsorted(xp.detach(), x.detach(), right=True) - 1, 0, max(n - 2, 0))
    after = clamp(at + 1, None, n - 1)
    low, start = take(xp, at), take(fp, at)
    step = sub(take(xp, after), low) if n > 1 else wrap(np.ones_like(low.array))
    out = add(start, mul(div(sub(take(fp, after), start), step), sub(x, low)))
    # at and behind the last knot not the formula, which may round
    out = where(x.array >= xp.array[-1], fp[-1], out)
    out = where(lt(x, xp[0]), fp[0] if left is None else left, out)
    return out if right is None else where(gt(x, xp[-1]), right, out)


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    a, v = _vectors("convolve", a, v)
    if v.shape[0] > a.shape[0]:
        a, v = v, a
    return _slid(a, v.flip(0), mode, "convolve")


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    a, v = _vectors("correlate", a, v)
    v = np.conjugate(v)
    if v.shape[0] <= a.shape[0]:
        return _slid(a, v, mode, "correlate")
    return _slid(v, a, mode, "correlate").flip(0)


def _vectors(op: str, *given: Any) -> list[Tensor]:
    values = [np.asarray(v) if isinstance(v, (list, tuple, int, float)) else v for v in given]
    tensors = [t if t.ndim else reshape(t, (1,)) for t in operands(*values)]
    for tensor in tensors:
        if tensor.ndim != 1 or not tensor.numel():
            raise ShapeError(f"np.{op}: both must be vectors with elements, got {tensor.shape}")
    return list(promoted(op, tuple(tensors)))


def _slid(a: Tensor, v: Tensor, mode: str, op: str) -> Tensor:
    """Sums of products of a vector with a shorter one, at every place or some of them."""
    n, m = a.shape[0], v.shape[0]
    edges = {"full": (m - 1, n + m - 1), "same": (m // 2, n), "valid": (0, n - m + 1)}
    if mode not in edges:
        raise ArgumentError(f"np.{op}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    before, size = edges[mode]
    whole = a.dtype.kind in "biu"
    if whole:  # in float64 sums below 2**53 are exact
        dtype, a, v = a.dtype, cast(a, np.dtype("f8")), cast(v, np.dtype("f8"))
    out = conv1d(reshape(a, (1, 1, n)), reshape(v, (1, 1, m)), padding=before)
    out = reshape(out, (-1,))[:size]
    return cast(out, dtype) if whole else out


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Tensor:
    """Horner's rule, the highest power first."""
    coefficients = list(p) if isinstance(p, (list, tuple)) else [p[i] for i in range(p.shape[0])]
    out = mul(x, 0) if isinstance(x, Tensor) else wrap(np.zeros_like(raw(p), shape=np.shape(x)))
    for coefficient in coefficients:
        out = add(mul(out, x), coefficient)
    return out


# -- reductions and scans ----------------------------------------------------------------------------


@implements(np.average)
def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    if weights is None:
        out = mean(floating(a, "average"), axis, keepdims)
        scale: Any = wrap(np.full_like(out.array, a.numel() / max(out.numel(), 1), shape=out.shape))
    else:
        a, w = operands(a, np.asarray(weights) if isinstance(weights, list) else weights)
        if w.shape != a.shape:
            if axis is None or w.ndim != 1 or w.shape[0] != a.shape[axis]:
                raise ShapeError(
                    f"np.average: weights must have the shape {a.shape} or fit the axis {axis}, got "
                    f"{w.shape}"
                )
            w = reshape(w, (-1,) + (1,) * (a.ndim - 1 - axis % a.ndim))
        product = mul(a, w)
        scale = sum_over(w.expand(a.shape), axis, keepdims)
        out = div(sum_over(product, axis, keepdims), scale)
    return (out, scale) if returned else out


@implements(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
    return sub(amax(a, axis, keepdims), amin(a, axis, keepdims))


def _nan_extreme(a: Tensor, axis: Any, keepdims: bool, find: Any, worst: float) -> Tensor:
    if a.dtype.kind in "biu":
        return find(a, axis, keepdims)
    missing = isnan(a)
    found = find(where(missing, worst, a), axis, keepdims)
    return where(all_of(missing, axis, keepdims), math.nan, found)


@implements(np.nanmax)
def _nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
    return _nan_extreme(a, axis, keepdims, amax, -math.inf)


@implements(np.nanmin)
def _nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
    return _nan_extreme(a, axis, keepdims, amin, math.inf)


def _nan_place(op: str, a: Tensor, axis: Any, keepdims: bool, find: Any, worst: float) -> Tensor:
    if a.dtype.kind in "biu":
        return find(a, axis, keepdims)
    missing = isnan(a)
    if all_of(missing, axis).any():
        raise ArgumentError(f"np.{op}: there is nothing but NaN along axis {axis}")
    return find(where(missing, worst, a), axis, keepdims)


@implements(np.nanargmax)
def _nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Tensor:
    return _nan_place("nanargmax", a, axis, keepdims, argmax, -math.inf)


@implements(np.nanargmin)
def _nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Tensor:
    return _nan_place("nanargmin", a, axis, keepdims, argmin, math.inf)


@implements(np.nanprod)
def _nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return np.prod(where(isnan(a), 1, a), axis=axis, dtype=dtype, keepdims=keepdims)


@implements(np.nanvar)
def _nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False
) -> Tensor:  # fmt: skip
    a = floating(a if dtype is None else a.to(dtype), "nanvar")
    there = logical_not(isnan(a))
    count = cast(sum_over(there, axis, True), a.dtype)
    centre = div(sum_over(where(there, a, 0.0), axis, True), count)
    away = where(there, sub(a, centre), 0.0)
    left = cast(sum_over(there, axis, keepdims), a.dtype) - ddof
    found = div(sum_over(mul(away, away), axis, keepdims), left)
    return where(gt(left, 0), found, math.nan)


@implements(np.nanstd)
def _nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False
) -> Tensor:  # fmt: skip
    return sqrt(_nanvar(a, axis, dtype, None, ddof, keepdims))


@implements(np.nancumsum)
def _nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumsum(where(isnan(a), 0, a), axis=axis, dtype=dtype)


@implements(np.nancumprod)
def _nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return np.cumprod(where(isnan(a), 1, a), axis=axis, dtype=dtype)


def _cumulative(op: str, scan: Any, x: Any, axis: Any, dtype: Any, first: Any) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ArgumentError(f"np.{op}: axis is needed for shape {x.shape}")
        axis = 0
    out: Tensor = scan(x, axis, dtype=dtype)
    if first is None:
        return out
    shape = tuple(1 if d == axis % x.ndim else n for d, n in enumerate(x.shape))
    return cat([wrap(np.full_like(out.array, first, shape=shape)), out], axis)


def _cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Tensor:
    return _cumulative("cumulative_sum", cumsum, x, axis, dtype, 0 if include_initial else None)


def _cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Tensor:
    return _cumulative("cumulative_prod", cumprod, x, axis, dtype, 1 if include_initial else None)


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    implements(np.cumulative_sum)(_cumulative_sum)
    implements(np.cumulative_prod)(_cumulative_prod)


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    middle = diff(flatten(ary))
    ends = [
        None if end is None else flatten(cast(operands(middle, end)[1], middle.dtype))
        for end in (to_begin, to_end)
    ]
    return cat([part for part in (ends[0], middle, ends[1]) if part is not None])


@implements(np.histogram)
def _histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    a = flatten(a)
    if isinstance(bins, (list, tuple)) or is_array(bins):
        bins = operands(a, np.asarray(bins, dtype=a.dtype))[1]
    if weights is not None:
        weights = flatten(operands(a, weights)[1])
    found = histogram(a, bins, range=range, weight=weights, density=bool(density))
    counts = found[0] if density or weights is not None else cast(found[0], np.dtype(np.int64))
    return counts, found[1]
