"""Counting, the mode, covariance and correlation."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from ..device import apart, as_array, backend_of
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels import conj
from ..record import record1
from ..tensor import Tensor, wrap
from .cast import as_operand, cast, different_devices, floating
from .choose import clamp
from .complex_numbers import complex, imag, real
from .elementwise import sqrt
from .linalg import matmul
from .output import into
from .reduce import alone, filled_dim, floating_operand, is_half, mean, pick, put_back, sum
from .search import truth
from .shape import cat, reshape, transpose, whole_number
from .sort import order_along, ordered
from .words import implements

__all__ = ["bincount", "corrcoef", "cov", "histc", "histogram", "mode"]
METHODS = __all__

# Named as PyTorch shows them: `mode(values=..., indices=...)`.
mode_pair: Any = namedtuple("mode", ("values", "indices"))  # type: ignore[name-match]
histogram_pair: Any = namedtuple("histogram", ("hist", "bin_edges"))  # type: ignore[name-match]


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer occurs, or the sum of the weights at its places.

    Value: `out[i] = sum(weights[input == i])`. Adjoint: `g[input]` for the weights.

    Args:
        input: (N,), integers that are not negative.
        weights: (N,); 1 for every element by default.
        minlength: the least length of the result.

    Returns:
        Counts in int64; sums in float32 for float32 weights, in float64 for all others.

    Raises:
        ShapeError: if the input is not 1-d, or the weights do not fit.
        DtypeError: if the input is not integer.
        ArgumentError: for a negative element or `minlength`.

    Example:
        >>> import tapegrad as tg
        >>> tg.bincount(tg.tensor([1, 3, 1]))
        tensor([0, 2, 0, 1])
    """
    input = as_operand(input, "bincount")
    x = input.array
    if x.dtype.kind not in "iu":
        raise DtypeError(f"bincount: input must be integer, got {input.dtype}")
    if x.ndim != 1:
        raise ShapeError(f"bincount: input must be 1-d, got shape {input.shape}")
    minlength = whole_number("bincount", "minlength", minlength)
    w = None
    if weights is not None:
        weights = as_operand(weights, "bincount", "weights")
        w = weights.array
        if apart(w, x):
            raise different_devices("bincount", input, weights)
        if w.shape != x.shape:
            raise ShapeError(
                f"bincount: weights must have the input's shape {input.shape}, got {weights.shape}"
            )
    if x.dtype.kind == "i" and truth(np.any(x < 0)):
        raise ArgumentError("bincount: input must not have negative elements")
    x = x.astype(dtypes.int64)
    out = _tally(x, w, minlength)
    if weights is None:
        return wrap(out)
    wanted = dtypes.float32 if weights.dtype == dtypes.float32 else dtypes.float64
    return record1(out.astype(wanted), _bincount_vjp, weights, (x,))


def _bincount_vjp(g, x):
    return g[x]


def _tally(x: Any, weights: Any, least: int) -> Any:
    """`np.bincount`, also of nothing, which CuPy's refuses."""
    return np.bincount(x, weights, least) if x.size else np.zeros_like(x, shape=(least,))


def histc(
    input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None
) -> Tensor:
    """Counts in bins of one width; carries no gradient.

    Each bin includes its left end, the last one both; elements outside and NaN are not counted.

    Args:
        input: floating tensor of any shape.
        bins: number of bins.
        min, max: ends of the range; if they are equal, the least and the largest element.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (bins,), the counts in the input's dtype.

    Raises:
        DtypeError: if the input is not floating.
        ArgumentError: for no bins, or a range that is empty or not finite.

    Example:
        >>> import tapegrad as tg
        >>> tg.histc(tg.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=4)
        tensor([0., 2., 1., 0.])
    """
    if out is not None:
        return into(out, histc, input, bins, min, max)
    x = _countable("histc", input)
    bins = whole_number("histc", "bins", bins, 1)
    if min == max and x.size:
        min, max = _extent(x)
    low, high = _range("histc", min, max, 1.0)
    inside = (x >= low) & (x <= high)
    places = (np.where(inside, x, low) - low) * (bins / (high - low))
    places = np.minimum(places.astype(dtypes.int64), bins - 1)
    return wrap(_inner(places, inside, bins, None).astype(x.dtype))


def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """Counts, or sums of weights, in bins; carries no gradient.

    Each bin includes its left end, the last one both; elements outside and NaN are not counted.

    Args:
        input: floating tensor of any shape.
        bins: number of bins of one width; or their edges, (B + 1,), increasing, of the input's dtype.
        range: ends of the range for a number of bins; by default the least and the largest element.
        weight: of the input's shape and dtype; 1 for every element by default.
        density: divide by the total and the widths, so that the integral is 1.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(hist, bin_edges)` in the input's dtype.

    Raises:
        DtypeError: if the input is not floating, or edges or weights have another dtype.
        ShapeError: if edges or weights do not fit.
        ArgumentError: for no bins, a range beside given edges, or one that is empty or not finite.

    Example:
        >>> import tapegrad as tg
        >>> tg.histogram(tg.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 4.0))
        histogram(hist=tensor([2., 1.]), bin_edges=tensor([0., 2., 4.]))
    """
    if out is not None:
        return into(out, histogram, input, bins, range=range, weight=weight, density=density)
    x = _countable("histogram", input)
    w = None if weight is None else _beside(weight, "weight", x).reshape(-1)
    if w is not None and weight.shape != x.shape:  # type: ignore[union-attr]
        raise ShapeError(
            f"histogram: weight must have the input's shape {x.shape}, got {weight.shape}"  # type: ignore[union-attr]
        )
    if isinstance(bins, Tensor):
        edges = _beside(bins, "bins", x)
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise ShapeError(f"histogram: edges must be 1-d, at least two, got shape {edges.shape}")
        if range is not None:
            raise ArgumentError("histogram: range has no meaning beside given edges; leave it out")
        edges = edges.copy()
    else:
        edges = _edges(x, whole_number("histogram", "bins", bins, 1), range)
    count = edges.shape[0] - 1
    inside = (x >= edges[0]) & (x <= edges[-1])
    places = np.searchsorted(edges, x.reshape(-1), side="right") - 1
    hist = _inner(np.minimum(places, count - 1), inside.reshape(-1), count, w).astype(x.dtype)
    if density:
        hist = hist / np.add.reduce(hist) / np.diff(edges)
    return histogram_pair(wrap(as_array(hist)), wrap(edges))


def _countable(op: str, input: Any) -> Any:
    return floating_operand(op, ordered(op, input, bools=True)).array


def _beside(value: Any, name: str, x: Any) -> Any:
    value = as_operand(value, "histogram", name)
    if apart(value.array, x):
        raise different_devices("histogram", wrap(x[...]), value)
    if value.dtype != x.dtype:
        raise DtypeError(
            f"histogram: {name} must have the input's dtype {x.dtype}, got {value.dtype}"
        )
    return value.array


_NUMBER = (int, float, np.integer, np.floating)


def _range(op: str, low: float, high: float, margin: float) -> tuple[float, float]:
    """The ends of a range, moved apart by a margin if they are equal."""
    if not (isinstance(low, _NUMBER) and isinstance(high, _NUMBER)):
        raise ArgumentError(
            f"{op}: the ends of the range must be numbers, got {low!r} and {high!r}"
        )
    if low > high:
        raise ArgumentError(f"{op}: the range must not end before it begins, got {low} to {high}")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ArgumentError(f"{op}: the range must be finite, got {low} to {high}")
    return (low - margin, high + margin) if low == high else (low, high)


def _extent(x: Any) -> tuple[float, float]:
    to_host = backend_of(x).to_host
    low, high = (float(to_host(as_array(end))) for end in (np.min(x), np.max(x)))
    return low, high


def _edges(x: Any, bins: int, given: Any) -> Any:
    """Edges of bins of one width, counted from both ends so that these are exact."""
    if given is None:
        given = _extent(x) if x.size else (0.0, 1.0)
    elif not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ArgumentError(f"histogram: range must be two numbers, got {given!r}")
    low, high = _range("histogram", given[0], given[1], 0.5)
    steps = np.cumsum(np.ones_like(x, shape=(bins + 1,), dtype=dtypes.float64)) - 1
    step = (high - low) / bins
    edges = np.where(steps < (bins + 1) // 2, low + step * steps, high - step * (bins - steps))
    return edges.astype(x.dtype)


def _inner(places: Any, inside: Any, bins: int, weights: Any) -> Any:
    """Counts by bin; what is outside goes into one more bin, which is dropped."""
    places = np.where(inside, places, bins).reshape(-1)
    return _tally(places, weights, bins + 1)[:bins]


def mode(
    input: Tensor, dim: int = -1, keepdim: bool = False, *, out: tuple[Tensor, ...] | None = None
) -> Any:
    """The most frequent value along a dimension, the smallest of several.

    Every NaN counts as a value of its own. Adjoint: `g` at the index that was returned.

    Args:
        input: tensor, not complex.
        dim: dimension to reduce.
        keepdim: keep it with size 1.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`; the index is that of the last occurrence.

    Raises:
        ShapeError: if there are no elements to choose from.
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.mode(tg.tensor([3, 1, 3, 2]))
        mode(values=tensor(3), indices=tensor(2))
    """
    if out is not None:
        return into(out, mode, input, dim, keepdim)
    input = ordered("mode", input, bools=True)
    x = input.array
    d = filled_dim("mode", dim, x)
    if not x.ndim:
        return alone(mode_pair, input)
    order = np.moveaxis(order_along(x, d, stable=True), d, -1)
    lanes = np.take_along_axis(np.moveaxis(x, d, -1), order, -1)
    n = x.shape[d]
    begin = np.ones_like(lanes, dtype=dtypes.int64)
    begin[..., 1:] = lanes[..., 1:] != lanes[..., :-1]
    begin = begin.reshape(-1, n)
    runs = np.cumsum(begin.reshape(-1)) - 1  # counted through all lanes
    # how long the run is that each element belongs to; the first longest has the smallest value
    lengths = _tally(runs, None, runs.size)[runs].reshape(-1, n)
    longest = np.argmax(lengths, axis=1, keepdims=True)
    last = longest + np.take_along_axis(lengths, longest, 1) - 1
    found = np.take_along_axis(order.reshape(-1, n), last, 1)
    indices = np.moveaxis(found.reshape(*order.shape[:-1], 1), -1, d)
    return pick(mode_pair, _mode_vjp, input, indices, d, keepdim)


def _mode_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Covariance matrix of the rows.

    Value: `(x - m) diag(w) (x - m)' / norm`, the second factor transposed and conjugated, with `w = fweights * aweights`, the weighted means `m` and
    `norm = sum(w) - correction * sum(w * aweights) / sum(w)`. Adjoint:
    `(g + g.T) (x - m) diag(w) / norm` for the input, and what follows for `aweights`.

    Args:
        input: (D, N), a row for each variable and a column for each observation; (N,) for one variable.
        correction: what is taken off the number of observations; 1 is Bessel's correction.
        fweights: (N,), integers: how often each observation was made.
        aweights: (N,), floating: how much each observation counts.

    Returns:
        (D, D); 0-d for one variable. Infinite or NaN where no degree of freedom is left.

    Raises:
        ShapeError: for more than two dimensions, or weights that do not fit.
        DtypeError: for a bool input, or weights of the wrong kind.
        ArgumentError: for weights that are negative or sum to zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.cov(tg.tensor([[1.0, 2.0, 3.0], [2.0, 5.0, 1.0]]))
        tensor([[ 1.0000, -0.5000],
                [-0.5000,  4.3333]])
    """
    input = as_operand(input, "cov")
    if input.dtype.kind == "b":
        raise DtypeError("cov: not defined for a bool tensor; convert it with .to(dtype)")
    if input.ndim > 2:
        raise ShapeError(f"cov: input must have at most two dimensions, got shape {input.shape}")
    if not hasattr(correction, "__index__"):
        raise ArgumentError(f"cov: correction must be an int, got {type(correction).__name__}")
    x = floating(input, "cov")
    kind = x.dtype
    if x.ndim < 2:
        x = x.reshape(1, -1)
    narrow = is_half(x.array)  # the sum of many would overflow
    if narrow:
        x = cast(x, dtypes.float32)
    weights = _weights(x, fweights, aweights)
    if weights is None:
        total: Any = x.shape[1]
        norm: Any = max(total - correction, 0)
        average = mean(x, 1, True)
    else:
        total = sum(weights)
        if truth(total.array == 0):
            raise ArgumentError("cov: the weights sum to zero")
        lost: Any = correction
        if aweights is not None and correction:
            lost = correction * sum(weights * aweights) / total
        norm = clamp(total - lost, 0)
        average = sum(x * weights, 1, True) / total
    centred = x - average
    weighed = centred if weights is None else centred * weights
    out = matmul(weighed, conj(centred.transpose(0, 1))) / norm
    if narrow:
        out = cast(out, kind)
    return out.reshape(()) if out.shape == (1, 1) else out


def _weights(x: Tensor, fweights: Any, aweights: Any) -> Tensor | None:
    found = None
    for name, given, kinds, kind in (
        ("fweights", fweights, "iu", "integer"),
        ("aweights", aweights, "f", "floating"),
    ):
        if given is None:
            continue
        w = as_operand(given, "cov", name)
        if apart(w.array, x.array):
            raise different_devices("cov", x, w)
        if w.array.dtype.kind not in kinds:
            raise DtypeError(f"cov: {name} must be {kind}, got {w.dtype}")
        if w.ndim > 1 or w.array.size != x.shape[1]:
            raise ShapeError(
                f"cov: {name} must have one weight for each of {x.shape[1]} observations, got shape "
                f"{w.shape}"
            )
        if truth(np.any(w.array < 0)):
            raise ArgumentError(f"cov: {name} must not be negative")
        found = w if found is None else found * w
    return found


def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of the rows.

    Value: `c[i, j] / sqrt(c[i, i] * c[j, j])` with the covariances `c`, kept within -1 and 1, complex ones
    each part for itself. Adjoint:
    through these quotients and `cov`.

    Args:
        input: (D, N), a row for each variable and a column for each observation; (N,) for one variable.

    Returns:
        (D, D); 0-d for one variable. NaN for a variable that does not vary.

    Raises:
        ShapeError: for more than two dimensions.
        DtypeError: for a bool input.

    Example:
        >>> import tapegrad as tg
        >>> tg.corrcoef(tg.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 7.0]]))
        tensor([[1.0000, 0.9934],
                [0.9934, 1.0000]])
    """
    input = as_operand(input, "corrcoef")
    if input.ndim > 2:
        raise ShapeError(
            f"corrcoef: input must have at most two dimensions, got shape {input.shape}"
        )
    c = cov(input)
    if not c.ndim:
        return c / c
    variance = c.reshape(-1)[:: c.shape[0] + 1]
    deviation = sqrt(real(variance))
    c = c / deviation.reshape(-1, 1) / deviation
    if c.dtype.kind == "c":
        return complex(clamp(real(c), -1, 1), clamp(imag(c), -1, 1))
    return clamp(c, -1, 1)


# -- NumPy's words -----------------------------------------------------------------------------------


@implements(np.bincount)
def _np_bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    return bincount(x, weights, minlength)


@implements(np.cov)
def _np_cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    correction = int(not bias) if ddof is None else ddof
    return cov(
        _variables(m, y, rowvar), correction=correction, fweights=fweights, aweights=aweights
    )


@implements(np.corrcoef)
def _np_corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    return corrcoef(_variables(x, y, rowvar))


def _variables(m: Any, y: Any, rowvar: bool) -> Any:
    """NumPy's two sets of variables as rows of one matrix."""
    sets = [
        v if isinstance(v, Tensor) else wrap(np.asarray(v)[...]) for v in (m, y) if v is not None
    ]
    if rowvar and y is None:
        return sets[0]
    rows = [reshape(v, (1, -1)) if v.ndim < 2 else v for v in sets]
    turned = [v if rowvar or v.shape[0] == 1 else transpose(v, 0, 1) for v in rows]
    return cat(turned) if y is not None else turned[0]
