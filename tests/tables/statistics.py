"""Medians, quantiles, counts, covariance."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, NO_DIM, TEXT, Bad, Row, S, Sample, distinct, normal, positive
from tapegrad import errors


def _median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None:
        flat = np.sort(x, axis=None)
        return np.max(flat) if np.isnan(flat).any() else flat[(x.size - 1) // 2]
    if not x.ndim:
        return x, 0
    order = np.argsort(x, axis=dim, kind="stable")
    at = np.take(order, [(x.shape[dim] - 1) // 2], dim)
    nan = np.isnan(x)
    at = np.where(nan.any(axis=dim, keepdims=True), np.argmax(nan, axis=dim, keepdims=True), at)
    return _taken(x, at, dim, keepdim)


def _taken(x: Any, at: Any, dim: int, keepdim: bool) -> Any:
    found = np.take_along_axis(x, at, dim), at
    return found if keepdim else tuple(np.squeeze(a, dim) for a in found)


def _nanmedian(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None:
        flat = np.sort(x[~np.isnan(x)])
        return flat[(flat.size - 1) // 2] if flat.size else NAN
    if not x.ndim:
        return x, 0
    count = np.sum(~np.isnan(x), axis=dim, keepdims=True)
    order = np.argsort(x, axis=dim, kind="stable")
    at = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, dim)
    return _taken(x, at, dim, keepdim)


def _medians(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 5, 2)
    return [
        S((x,)), S((x, 1)), S((x, -1)), S((x,), {"dim": 0, "keepdim": True}), S((distinct(rng),)),
        S((distinct(rng), 0)), S((distinct(rng, 1),)), S((distinct(rng, 7, 3)[::-1, ::-1], 0)),
        S((distinct(rng, 30),)), S((distinct(rng, 31, 1), 0, True)), S((distinct(rng, 0, 2), 1)),
    ]  # fmt: skip


def _median_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[1.0, 2.0, 3.0, 5.0], [NAN, 1.0, NAN, 2.0], [INF, -INF, 0.0, 1.0], [NAN] * 4])
    return [
        S((x[:3], 1)), S((x[:3], 0, True)), S((x,)), S((x[0],)), S((x[3],)), S((x[1],)),
        S((np.array([1.0, 2.0, 2.0, 2.0, 3.0]),)), S((np.array([2.0, 2.0, 3.0, 3.0]),)),
    ]  # fmt: skip


def _quantile_reference(function: Any) -> Any:
    def reference(
        x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear"
    ) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy warns about rows of NaN only
            return function(x, q, None if not x.ndim else dim, method=interpolation, keepdims=keepdim)  # fmt: skip

    return reference


def _quantiles(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 5, 2)
    q = np.array([0.13, 0.43, 0.87])
    methods = ("linear", "lower", "higher", "midpoint", "nearest")
    out = [S((x, q, 1), {"interpolation": m}) for m in methods]
    out += [S((x, 0.37), {"interpolation": m}) for m in methods]
    return [
        *out, S((x, q)), S((x, q, 0), {"keepdim": True}), S((x, q, -1)), S((x, 0.3), {"dim": 1, "keepdim": True}), S((x, 0.3, 2)),
        S((x, q), {"keepdim": True}), S((x, 0.6), {"keepdim": True}), S((x, np.array(0.71), 1)),
        S((distinct(rng), 0.5)), S((distinct(rng, 1), q, 0)), S((distinct(rng, 6, 3)[::-1, ::-1], q, 0)),
        S((distinct(rng), 0.5, 0)), S((x, np.zeros(0), 1)), S((distinct(rng, 4), 1 / 6)),
    ]  # fmt: skip


def _quantile_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[1.0, 2.0, 3.0, 5.0, 4.0], [5.0, 1.0, NAN, 2.0, 3.0], [-INF, 7.0, 0.0, 1.0, INF]])
    q = np.array([0.0, 0.25, 0.5, 1.0])
    rows = x[:2]
    return [
        S((x, 0.5, 1)), S((x, 0.5)), S((rows, 0.0)), S((rows, 1.0, 1)), S((rows, 1, 1), {"keepdim": True}),
        *(S((rows, q, 1), {"interpolation": m}) for m in ("linear", "lower", "higher", "midpoint", "nearest")),
        S((np.array([[NAN, NAN], [1.0, 3.0]]), 0.3, 1)), S((np.array([1.0, 2.0, 3.0, 4.0]), 0.5), {"interpolation": "nearest"}),
    ]  # fmt: skip


def _mode(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if not x.ndim:
        return x, 0

    def last(lane: Any) -> Any:
        values, counts = np.unique(lane, return_counts=True)
        return np.flatnonzero(lane == values[np.argmax(counts)])[-1]

    shape = (
        x.shape[:dim] + x.shape[dim + 1 :]
        if dim >= 0
        else x.shape[: x.ndim + dim] + x.shape[x.ndim + dim + 1 :]
    )
    at = np.apply_along_axis(last, dim, x) if x.size else np.zeros(shape, np.int64)
    return _taken(x, np.expand_dims(at, dim), dim, keepdim)


def _modes(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 5, 2)
    return [
        S((x, 1)), S((x,)), S((x, 0, True)), S((distinct(rng),)), S((distinct(rng, 1), 0)),
        S((distinct(rng, 4, 3)[::-1, ::-1], 0)), S((distinct(rng, 0, 3),)),
    ]  # fmt: skip


def _mode_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.round(rng.uniform(-1, 1, (3, 9, 2))) + 0.0
    return [S((x, 1)), S((x, 0, True)), S((x,)), S((np.array([3.0, 1.0, 3.0, 1.0, 2.0, INF, INF, -INF]),))]  # fmt: skip


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    n = max(minlength, int(x.max()) + 1 if x.size else 0)
    hot = x[:, None] == np.arange(n)
    return hot.sum(0) if weights is None else (hot * weights[:, None]).sum(0).astype(float)


def _bincounts(rng: np.random.Generator) -> list[Sample]:
    x, w = rng.integers(0, 6, 9), normal(rng, 9)
    return [
        S((x,)), S((x,), {"minlength": 10}), S((x,), {"weights": w}), S((x[:0],)),
        S((x[:0],), {"minlength": 3}), S((x[::-1],), {"weights": w[::-1], "minlength": 8}),
        S((x[:1],)), S((x.astype(np.uint8),)), S((x,), {"weights": x}),
    ]  # fmt: skip


def _histc(x: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    flat = x[np.isfinite(x)]
    if min == max and x.size:
        min, max = flat.min(), flat.max()
    if min == max:
        min, max = min - 1, max + 1
    return np.histogram(flat, bins, (min, max))[0].astype(x.dtype)


def _histcs(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 5, 6)
    return [
        S((x,)), S((x, 7)), S((x, 7, -1, 1)), S((x,), {"bins": 4, "min": -0.5, "max": 2.0}), S((normal(rng), 3)),
        S((x[:0], 3)), S((x[:0], 3, 0, 1)), S((x[::-1, ::-2], 3)), S((x[:1, :1], 4)), S((x, 3, 5, 6)),
    ]  # fmt: skip


def _histc_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([0.0, 1.0, 2.0, 2.0, 4.0, -1.0])
    return [S((x, 4, 0, 4)), S((np.array([1.0, NAN, INF, 0.25, -INF]), 4, 0, 1)), S((np.ones(3), 4))]  # fmt: skip


def _histogram(
    x: Any, bins: Any = 100, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    kept = ~np.isnan(x)
    w = None if weight is None else weight[kept]
    hist, edges = np.histogram(x[kept], bins, range, weights=w, density=density)
    return hist.astype(x.dtype), edges


def _histograms(rng: np.random.Generator) -> list[Sample]:
    x, w = normal(rng, 5, 6), positive(rng, 5, 6)
    edges = np.array([-1.1, -0.3, 0.4, 2.2])
    return [
        S((x,)), S((x, 7)), S((x, edges)), S((x, 7), {"range": (-1.0, 0.5)}), S((x, edges), {"weight": w}),
        S((x, edges), {"density": True}), S((x, 5), {"density": True, "weight": w}), S((normal(rng), 3)),
        S((x[:0], 3)), S((x[::-1, ::-2], edges[:2])), S((x[:1, :1], 4)),
    ]  # fmt: skip


def _histogram_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([0.0, 1.0, 2.0, 2.0, 4.0, -1.0])
    return [
        S((x, 4), {"range": (0.0, 4.0)}), S((x, np.array([0.0, 1.0, 2.0, 4.0]))), S((np.ones(3), 4)),
        S((np.array([1.0, NAN, 2.0]), np.array([0.0, 1.0, 3.0]))),
        S((np.array([1.0, NAN, 2.0]), 3), {"range": (0.0, 3.0)}),
        S((x, 4), {"range": (2.0, 2.0)}),
    ]  # fmt: skip


def _cov(x: Any, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    return np.cov(x, ddof=correction, fweights=fweights, aweights=aweights)


def _covs(rng: np.random.Generator) -> list[Sample]:
    x, f, a = normal(rng, 3, 5), rng.integers(1, 4, 5), positive(rng, 5)
    return [
        S((x,)), S((x,), {"correction": 0}), S((x,), {"correction": 2}), S((x,), {"fweights": f}),
        S((x,), {"aweights": a}), S((x,), {"fweights": f, "aweights": a}), S((x[0],)), S((x[:1],)),
        S((x,), {"fweights": f, "aweights": a, "correction": 0}), S((x[::-1, ::-1],)),
    ]  # fmt: skip


def _corrcoef(x: Any) -> Any:
    return np.corrcoef(x)


def _corrcoefs(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 5)
    return [S((x,)), S((x[0],)), S((x[::-1, ::-1],)), S((x[:2],)), S((x[:1],))]


NOTHING = Bad((np.ones((2, 0)), 1), errors.ShapeError, "no elements")
BOOL = Bad((np.ones(2, bool),), errors.DtypeError, "bool")
INTEGER = Bad((np.ones(3, int), 0.5), errors.DtypeError, "floating")
SPACE = Bad((np.ones((2, 2, 2)),), errors.ShapeError, "at most two dimensions")
KEEP = Bad((np.ones(2),), errors.ArgumentError, "keepdim needs a dim", {"keepdim": True})
INTS = np.array([1, 2])

QUANTILE_BAD = (
    INTEGER,
    Bad(("text", 0.5), errors.DtypeError, "must be a tensor"),
    Bad((np.ones(2), 1.5), errors.ArgumentError, "between 0 and 1"),
    Bad((np.ones(2), NAN), errors.ArgumentError, "between 0 and 1"),
    Bad((np.ones(2), np.array([0.5, -0.1])), errors.ArgumentError, "between 0 and 1"),
    Bad((np.ones(2), np.array([0.5], np.float32)), errors.DtypeError, "float64"),
    Bad((np.ones(2), "half"), errors.DtypeError, "q must be a tensor"),
    Bad((np.ones(2), np.ones((1, 1))), errors.ShapeError, "number or 1-d"),
    Bad((np.ones((0, 2)), 0.5), errors.ShapeError, "no elements"),
    Bad((np.ones((2, 3)), 0.5, 2), errors.DimensionError, "between -2 and 1"),
    Bad((np.ones(2), 0.5), errors.ArgumentError, "'cubic'", {"interpolation": "cubic"}),
)

ROWS = [
    Row("median", tg.median, _median, _medians, _median_edges, method="median", integers=False,
        bad=(TEXT, NO_DIM, NOTHING, BOOL, KEEP, Bad((np.zeros(0, int),), errors.ShapeError, "no elements"))),
    Row("nanmedian", tg.nanmedian, _nanmedian, _medians, _median_edges, method="nanmedian", integers=False,
        bad=(TEXT, NO_DIM, NOTHING, BOOL, KEEP)),
    Row("quantile", tg.quantile, _quantile_reference(np.quantile), _quantiles, _quantile_edges,
        method="quantile", numpy=np.quantile, integers=False, bad=QUANTILE_BAD),
    Row("nanquantile", tg.nanquantile, _quantile_reference(np.nanquantile), _quantiles, _quantile_edges,
        method="nanquantile", numpy=np.nanquantile, integers=False, bad=QUANTILE_BAD),
    Row("mode", tg.mode, _mode, _modes, _mode_edges, method="mode", bad=(
        TEXT, NO_DIM, NOTHING, Bad((np.array([1j]),), errors.DtypeError, "complex"))),
    Row("bincount", tg.bincount, _bincount, _bincounts, method="bincount", numpy=np.bincount,
        differentiable=False, bad=(
            Bad((np.ones(2),), errors.DtypeError, "integer"), BOOL, TEXT,
            Bad((np.ones((2, 2), int),), errors.ShapeError, "1-d"),
            Bad((np.array([1, -1]),), errors.ArgumentError, "negative"),
            Bad((INTS,), errors.ArgumentError, "minlength", {"minlength": -1}),
            Bad((INTS, np.ones(3)), errors.ShapeError, "weights must have"))),
    Row("histc", tg.histc, _histc, _histcs, _histc_edges, method="histc", differentiable=False,
        integers=False, bad=(
            TEXT, Bad((INTS,), errors.DtypeError, "floating"),
            Bad((np.ones(2), 0), errors.ArgumentError, "bins"),
            Bad((np.ones(2), 3, 2, 1), errors.ArgumentError, "end before"),
            Bad((np.ones(2), 3, 0, INF), errors.ArgumentError, "finite"),
            Bad((np.ones(2), 3, "a", 2), errors.ArgumentError, "numbers"),
            Bad((np.array([1.0, NAN]), 3), errors.ArgumentError, "finite"))),
    Row("histogram", tg.histogram, _histogram, _histograms, _histogram_edges, method="histogram",
        differentiable=False, torch_gradient=False, integers=False, bad=(
            TEXT, Bad((INTS,), errors.DtypeError, "floating"),
            Bad((np.ones(2), 0), errors.ArgumentError, "bins"),
            Bad((np.ones(2), np.ones(1)), errors.ShapeError, "edges"),
            Bad((np.ones(2), np.ones((2, 2))), errors.ShapeError, "edges"),
            Bad((np.ones(2), INTS), errors.DtypeError, "bins must have"),
            Bad((np.ones(2), np.ones(2)), errors.ArgumentError, "range", {"range": (0.0, 1.0)}),
            Bad((np.ones(2), 3), errors.ArgumentError, "end before", {"range": (2.0, 1.0)}),
            Bad((np.ones(2), 3), errors.ArgumentError, "two numbers", {"range": 2.0}),
            Bad((np.ones(2), 3), errors.ArgumentError, "numbers", {"range": (0.0, "a")}),
            Bad((np.ones(2), 3), errors.ShapeError, "weight", {"weight": np.ones(3, np.float64)}),
            Bad((np.ones(2), 3), errors.DtypeError, "weight", {"weight": np.ones(2, np.float32)}),
            Bad((np.array([1.0, NAN]), 3), errors.ArgumentError, "finite"))),
    Row("cov", tg.cov, _cov, _covs, method="cov", numpy=np.cov, bad=(
        TEXT, SPACE, BOOL,
        Bad((np.ones(3),), errors.ArgumentError, "correction", {"correction": 0.5}),
        Bad((np.ones(3),), errors.DtypeError, "fweights", {"fweights": np.ones(3, np.float32)}),
        Bad((np.ones(3),), errors.DtypeError, "aweights", {"aweights": np.array([1, 2, 3])}),
        Bad((np.ones(3),), errors.ShapeError, "fweights", {"fweights": np.array([1, 2])}),
        Bad((np.ones(3),), errors.ArgumentError, "negative", {"fweights": np.array([1, 2, -1])}),
        Bad((np.ones(3),), errors.ArgumentError, "zero", {"aweights": np.zeros(3, np.float32)})), complex=3),
    Row("corrcoef", tg.corrcoef, _corrcoef, _corrcoefs, method="corrcoef", numpy=np.corrcoef,
        bad=(TEXT, SPACE, BOOL), complex=3),
]  # fmt: skip
INTERNAL = {"median_dim", "nanmedian_dim"}
