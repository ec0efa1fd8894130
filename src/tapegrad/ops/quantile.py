"""Medians and quantiles. NaN counts as the largest value, as in PyTorch and NumPy."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import OUT, record
from ..tensor import Tensor, raw, wrap
from .cast import NUMBERS, as_operand, cast, different_devices, floating
from .choose import where
from .index import take_along_dim
from .reduce import floating_operand, is_half
from .search import truth
from .shape import normal_dim, normal_dims, permute
from .sort import alone, filled_dim, order_along, ordered, pick, put_back, sort
from .words import implements

__all__ = ["median", "nanmedian", "nanquantile", "quantile"]
METHODS = __all__

# Named as PyTorch shows them: `median(values=..., indices=...)`.
median_pair: Any = namedtuple("median", ("values", "indices"))  # type: ignore[name-match]
nanmedian_pair: Any = namedtuple("nanmedian", ("values", "indices"))  # type: ignore[name-match]


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, the lower one of the two in the middle; NaN if there is any.

    Found by partition, in linear time where the array's type has it. Adjoint: without `dim`, `g` shared
    equally among the elements that equal the median; with `dim`, `g` at the index that was returned.

    Args:
        input: tensor, neither bool nor complex.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.

    Returns:
        A 0-d tensor, NaN over no elements; or a named tuple `(values, indices)`, in which the first
        NaN is named, and any of several equal elements.

    Raises:
        ShapeError: if there are no elements to choose from.
        DtypeError: for a bool or complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.median(tg.tensor([4.0, 1.0, 3.0, 2.0]))
        tensor(2.)
        >>> tg.median(tg.tensor([[3.0, 1.0, 2.0]]), 1)
        median(values=tensor([2.]), indices=tensor([2]))
    """
    input = ordered("median", input)
    x = input.array
    if dim is None:
        return _middle("median", _median_vjp, input, False, keepdim)
    d = filled_dim("median", dim, x)
    if not x.ndim:
        return alone(median_pair, input)
    k = (x.shape[d] - 1) // 2
    indices = np.argpartition(x, k, axis=d)[(slice(None),) * d + (slice(k, k + 1),)]
    if x.dtype.kind not in "biu":
        nan = np.isnan(x)
        some = np.any(nan, axis=d, keepdims=True)
        indices = np.where(some, np.argmax(nan, axis=d, keepdims=True), indices)
    return pick(median_pair, _median_dim_vjp, input, indices, d, keepdim)


def _median_vjp(g, x, y):
    chosen = np.where(y == y, x == y, x != x)  # y != y: the median is NaN
    return g * chosen / np.add.reduce(raw(chosen), axis=None, dtype=x.dtype)


def _median_dim_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of what is not NaN, the lower one of the two in the middle.

    Adjoint: as for `median`.

    Args:
        input: tensor, neither bool nor complex.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.

    Returns:
        A 0-d tensor, or a named tuple `(values, indices)`; NaN where there is nothing else.

    Raises:
        ShapeError: if there are no elements to choose from.
        DtypeError: for a bool or complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nanmedian(tg.tensor([4.0, float("nan"), 3.0]))
        tensor(3.)
    """
    input = ordered("nanmedian", input)
    x = input.array
    if dim is None:
        return _middle("nanmedian", _nanmedian_vjp, input, True, keepdim)
    d = filled_dim("nanmedian", dim, x)
    if not x.ndim:
        return alone(nanmedian_pair, input)
    order = order_along(x, d, stable=True)
    indices = np.take_along_axis(order, _middle_of_numbers(x, d), d)
    return pick(nanmedian_pair, _nanmedian_dim_vjp, input, indices, d, keepdim)


def _nanmedian_vjp(g, x, y):
    return _median_vjp(g, x, y)


def _nanmedian_dim_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def _middle_of_numbers(x: Any, axis: int) -> Any:
    """Where the lower median of what is not NaN stands after sorting; 0 if all is NaN."""
    count = np.add.reduce(x == x, axis=axis, keepdims=True, dtype=dtypes.int64)
    return np.maximum(count - 1, 0) // 2


def _middle(op: str, rule: Any, input: Tensor, skip_nan: bool, keepdim: bool) -> Tensor:
    """The lower median of all elements."""
    if keepdim:
        raise ArgumentError(f"{op}: keepdim needs a dim; give one, or leave keepdim out")
    x = input.array
    if not x.size:
        if x.dtype.kind in "biu":
            raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from")
        return record(np.full_like(x, math.nan, shape=()), (rule,), (input,), (x, OUT))
    flat = x.reshape(-1)
    k = (flat.shape[0] - 1) // 2
    if x.dtype.kind in "biu":
        return wrap(np.partition(flat, k)[k, ...])
    if skip_nan:
        out = np.take_along_axis(np.sort(flat), _middle_of_numbers(flat, 0), 0).reshape(())
    else:
        parts = np.partition(flat, (k, flat.shape[0] - 1))  # NaN, the largest, comes to the end
        out = np.where(parts[-1] == parts[-1], parts[k], parts[-1])
    return record(out, (rule,), (input,), (x, OUT))


_STEPS = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}
_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of all elements or along a dimension; NaN where there is any.

    Value: the sorted elements read at the position `q * (N - 1)`, between two of them by the
    interpolation. Adjoint: the weights of these two times `g`, at the places they came from; and for a
    tensor `q`, under linear interpolation, `g * (N - 1)` times their difference.

    Args:
        input: floating tensor.
        q: probabilities from 0 to 1: a number, a 0-d tensor, or (Q,), of the input's dtype.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.
        interpolation: `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`.

    Returns:
        The quantiles; those of several `q` along a new first dimension.

    Raises:
        ArgumentError: for a `q` outside 0 to 1, or another interpolation.
        DtypeError: if the input is not floating, or `q` has another dtype.
        ShapeError: if the input is empty, or `q` has more than one dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.quantile(tg.tensor([1.0, 2.0, 4.0]), tg.tensor([0.5, 0.75]))
        tensor([2., 3.])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Quantiles of what is not NaN; NaN where there is nothing else.

    Adjoint: as for `quantile`.

    Args:
        input: floating tensor.
        q: probabilities from 0 to 1: a number, a 0-d tensor, or (Q,), of the input's dtype.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.
        interpolation: `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`.

    Returns:
        The quantiles; those of several `q` along a new first dimension.

    Raises:
        ArgumentError: for a `q` outside 0 to 1, or another interpolation.
        DtypeError: if the input is not floating, or `q` has another dtype.
        ShapeError: if the input is empty, or `q` has more than one dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.nanquantile(tg.tensor([1.0, float("nan"), 4.0]), 0.5)
        tensor(2.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(
    op: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    input = floating_operand(op, ordered(op, input, bools=True))
    if interpolation not in _INTERPOLATIONS:
        raise ArgumentError(
            f"{op}: interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}"
        )
    if not input.array.size:
        raise ShapeError(f"{op}: shape {input.shape} has no elements to choose from")
    q = _probabilities(op, q, input)
    d = 0 if dim is None else normal_dim(op, dim, input.ndim)
    if is_half(input.array):  # too coarse to name positions
        wide = cast(input, dtypes.float32)
        out = _quantile_along(wide, cast(q, dtypes.float32), dim, d, interpolation, skip_nan)
        out = cast(out, input.dtype)
    else:
        out = _quantile_along(input, q, dim, d, interpolation, skip_nan)
    if dim is None:
        rest = (1,) * input.ndim if keepdim else ()
    else:
        out = permute(out, (d, *range(d), *range(d + 1, out.ndim)))
        kept = (1,) if keepdim and input.ndim else ()
        rest = input.shape[:d] + kept + input.shape[d + 1 :]
    return out.reshape(q.shape + rest)


def _probabilities(op: str, q: Any, input: Tensor) -> Tensor:
    if isinstance(q, (int, float, np.integer, np.floating)):
        q = wrap(np.full_like(input.array, float(q), shape=(), dtype=dtypes.float64))
    else:
        q = as_operand(q, op, "q")
        if type(q.array) is not type(input.array):
            raise different_devices(op, input, q)
        if q.dtype != input.dtype:
            raise DtypeError(f"{op}: q must have the input's dtype {input.dtype}, got {q.dtype}")
        if q.ndim > 1:
            raise ShapeError(f"{op}: q must be a number or 1-d, got shape {q.shape}")
    if not truth(np.all((q.array >= 0) & (q.array <= 1))):
        raise ArgumentError(f"{op}: q must be between 0 and 1, got {q}")
    return q


def _quantile_along(
    input: Tensor, q: Tensor, dim: Any, d: int, interpolation: str, skip_nan: bool
) -> Tensor:
    """Quantiles where the reduced dimension was: as many as there are `q`."""
    x = input.reshape(-1) if dim is None or not input.ndim else input
    x = sort(x, d).values
    n = x.shape[d]
    q = q.reshape((-1,) + (1,) * (x.ndim - 1 - d))
    number = x.array == x.array
    if skip_nan:
        count = np.add.reduce(number, axis=d, keepdims=True, dtype=dtypes.int64)
        ranks = q * wrap(np.maximum(count - 1, 0))
    else:
        last = number[(slice(None),) * d + (slice(n - 1, n),)]
        ranks = where(wrap(last), q * (n - 1), n - 1)  # NaN, the largest, stands at the end
    r = ranks.array
    if interpolation in _STEPS:
        return _at(x, _STEPS[interpolation](r), d)
    below, above = np.floor(r), np.ceil(r)
    low, high = _at(x, below, d), _at(x, above, d)
    weight = ranks - wrap(below) if interpolation == "linear" else wrap((above > below) * 0.5)
    weight = cast(weight, x.dtype)
    with np.errstate(invalid="ignore"):  # infinity minus itself, which is not chosen
        between = low + weight * (high - low)
    return where(weight == 0, low, between)


def _at(x: Tensor, places: Any, dim: int) -> Tensor:
    return take_along_dim(x, wrap(places.astype(dtypes.int64)), dim)


# -- NumPy's words -----------------------------------------------------------------------------------


def _np_quantile_of(
    op: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool
) -> Any:
    """Quantiles in NumPy's manner: of integers too, over several axes, for `q` of any shape."""
    a = floating(a, op)
    dims = normal_dims(op, axis, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in dims)
    sizes = tuple(a.shape[i] for i in rest)
    lanes = permute(a, (*rest, *dims)).reshape((*sizes, math.prod(a.shape[i] for i in dims)))
    kept = tuple(1 if i in dims else n for i, n in enumerate(a.shape)) if keepdims else sizes
    if not isinstance(q, Tensor) and isinstance(q, (list, tuple, np.ndarray)):
        from ..creation import tensor as make

        q = make(np.asarray(q, a.dtype), device=a.device)
    shape = q.shape if isinstance(q, Tensor) else ()
    flat = q.reshape(-1) if isinstance(q, Tensor) else q
    return _quantile(op, lanes, flat, -1, False, method, skip_nan).reshape(shape + kept)


def _np_words(skip_nan: bool) -> Any:
    """What `np.quantile`, `np.percentile` and `np.median` mean on tensors."""
    prefix = "nan" if skip_nan else ""

    def quantile_(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Any:
        return _np_quantile_of(f"np.{prefix}quantile", a, q, axis, method, keepdims, skip_nan)

    def percentile(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Any:
        part = q / 100 if isinstance(q, (Tensor, *NUMBERS)) else np.asarray(q) / 100
        return _np_quantile_of(f"np.{prefix}percentile", a, part, axis, method, keepdims, skip_nan)

    def median_(
        a: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        keepdims: bool = False,
    ) -> Any:
        # the mean of the two in the middle, where `tapegrad.median` answers the lower one
        return _np_quantile_of(f"np.{prefix}median", a, 0.5, axis, "midpoint", keepdims, skip_nan)

    return quantile_, percentile, median_


for _skip, _functions in (
    (False, (np.quantile, np.percentile, np.median)),
    (True, (np.nanquantile, np.nanpercentile, np.nanmedian)),
):
    for _function, _word in zip(_functions, _np_words(_skip), strict=True):
        implements(_function)(_word)
