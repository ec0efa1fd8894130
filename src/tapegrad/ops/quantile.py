"""Medians and quantiles. NaN counts as the largest value, as in PyTorch and NumPy."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from ..batching import widened
from ..device import apart
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import CROSS, OUT, record, record2
from ..tensor import Tensor, raw, wrap
from .cast import NUMBERS, as_operand, cast, different_devices, floating
from .gather import add_at
from .output import into
from .reduce import (
    alone,
    filled_dim,
    floating_operand,
    is_half,
    pick,
    put_back,
    shared_equally,
)
from .search import truth
from .shape import normal_dim, normal_dims, permute
from .sort import order_along, ordered
from .words import implements

__all__ = ["median", "nanmedian", "nanquantile", "quantile"]
METHODS = __all__

# Named as PyTorch shows them: `median(values=..., indices=...)`.
median_pair: Any = namedtuple("median", ("values", "indices"))  # type: ignore[name-match]
nanmedian_pair: Any = namedtuple("nanmedian", ("values", "indices"))  # type: ignore[name-match]


def median(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The median, the lower one of the two in the middle; NaN if there is any.

    Found by partition, in linear time where the array's type has it. Adjoint: without `dim`, `g` shared
    equally among the elements that equal the median; with `dim`, `g` at the index that was returned.

    Args:
        input: tensor, neither bool nor complex.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.
        out: tensor, two with `dim`, to write into, shaped alike or empty; where nothing is recorded.

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
    if out is not None:
        return into(out, median, input, dim, keepdim)
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
    return shared_equally(g, x, y)


def _median_dim_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def nanmedian(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The median of what is not NaN, the lower one of the two in the middle.

    Adjoint: as for `median`.

    Args:
        input: tensor, neither bool nor complex.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.
        out: tensor, two with `dim`, to write into, shaped alike or empty; where nothing is recorded.

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
    if out is not None:
        return into(out, nanmedian, input, dim, keepdim)
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
    return shared_equally(g, x, y)


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
    out: Tensor | None = None,
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
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

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
    if out is not None:
        return into(out, quantile, input, q, dim, keepdim, interpolation=interpolation)
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Quantiles of what is not NaN; NaN where there is nothing else.

    Adjoint: as for `quantile`.

    Args:
        input: floating tensor.
        q: probabilities from 0 to 1: a number, a 0-d tensor, or (Q,), of the input's dtype.
        dim: dimension to reduce; None for all elements.
        keepdim: keep it with size 1.
        interpolation: `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

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
    if out is not None:
        return into(out, nanquantile, input, q, dim, keepdim, interpolation=interpolation)
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
        q = cast(q, dtypes.float32) if isinstance(q, Tensor) else q
        return cast(_quantile_along(wide, q, dim, d, keepdim, interpolation, skip_nan), input.dtype)
    return _quantile_along(input, q, dim, d, keepdim, interpolation, skip_nan)


def _probabilities(op: str, q: Any, input: Tensor) -> Any:
    if isinstance(q, (int, float, np.integer, np.floating)):
        q = float(q)
        outside = not 0 <= q <= 1
    else:
        q = as_operand(q, op, "q")
        if apart(q.array, input.array):
            raise different_devices(op, input, q)
        if q.dtype != input.dtype:
            raise DtypeError(f"{op}: q must have the input's dtype {input.dtype}, got {q.dtype}")
        if q.ndim > 1:
            raise ShapeError(f"{op}: q must be a number or 1-d, got shape {q.shape}")
        outside = truth(np.any(~((q.array >= 0) & (q.array <= 1))))
    if outside:
        raise ArgumentError(f"{op}: q must be between 0 and 1, got {q}")
    return q


def _quantile_along(
    input: Tensor, q: Any, dim: Any, d: int, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    """Quantiles of the lanes of the input, seen as (A, n, B), by positions in it flattened."""
    shape = input.shape
    if dim is None or not shape:
        before, n, after = 1, math.prod(shape), 1
        rest = (1,) * len(shape) if keepdim else ()
    else:
        before, n, after = math.prod(shape[:d]), shape[d], math.prod(shape[d + 1 :])
        rest = shape[:d] + ((1,) if keepdim else ()) + shape[d + 1 :]
    p = q.array.reshape(-1, 1, 1) if isinstance(q, Tensor) else q
    lanes = widened(input.array, p).reshape(before, n, after)
    x = lanes.reshape(-1)
    order = np.argsort(lanes, axis=1).reshape(-1)
    starts = np.arange(before, like=x)[:, None] * (n * after) + np.arange(after, like=x)

    def place(rank: Any) -> Any:
        """Where the elements of some rank, counted from 0, stand."""
        return starts + order[starts + rank * after] * after

    if skip_nan:
        most = np.add.reduce(lanes == lanes, axis=1, dtype=getattr(p, "dtype", dtypes.float64)) - 1
        ranks = p * np.maximum(most, 0)
        number = most >= 0
    else:
        most = n - 1
        last = x[place(most)]
        number = last == last  # NaN, the largest, stands at the end
        ranks = np.where(number, p * most, most)
    slope = weight = None
    if interpolation in _STEPS:
        at: Any = (place(_STEPS[interpolation](ranks).astype(dtypes.int64)),)
        out = x[at[0]]
    else:
        below, above = np.floor(ranks), np.ceil(ranks)
        at = place(below.astype(dtypes.int64)), place(above.astype(dtypes.int64))
        low, high = x[at[0]], x[at[1]]
        weight = ranks - below if interpolation == "linear" else (above > below) * 0.5
        weight = weight.astype(x.dtype)
        with np.errstate(invalid="ignore"):  # infinity minus itself, which is not chosen
            out = np.where(weight == 0, low, low + weight * (high - low))
    moving = interpolation == "linear" and isinstance(q, Tensor) and q.node is not None
    if moving:  # then the weight is slope * q + weight, and constant where there is no number
        slope, weight = np.where(number, most, 0).astype(x.dtype), np.where(number, -below, 0)
    return record2(
        out.reshape((q.shape if isinstance(q, Tensor) else ()) + rest),
        (_quantile_vjp_input, _quantile_vjp_q), input, q if moving else None,
        (input.array, raw(q), at, shape, slope, weight), CROSS,
    )  # fmt: skip


def _quantile_vjp_input(g, x, q, at, shape, slope, weight):
    g = g.reshape(at[0].shape)
    several = g.ndim > 2  # probabilities, which may name one element twice
    if weight is None:
        return add_at(g, at[0], shape, several)
    if slope is not None:
        weight = q.reshape(-1, 1, 1) * slope + weight
    low = add_at(g * (1 - weight), at[0], shape, several)
    return low + add_at(np.where(weight == 0, 0, g * weight), at[1], shape, several)


def _quantile_vjp_q(g, x, q, at, shape, slope, weight):
    low, high = (np.take_along_axis(x.reshape(-1), each.reshape(-1), 0) for each in at)
    with np.errstate(invalid="ignore"):  # infinity minus itself
        steps = (high - low).reshape(at[0].shape)
    return np.add.reduce(np.where(slope == 0, 0, g.reshape(steps.shape) * steps) * slope, (1, 2))


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
