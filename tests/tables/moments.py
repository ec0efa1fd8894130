"""Products, spreads, norms and other reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import (
    INF,
    NAN,
    NO_DIM,
    TEXT,
    TWICE,
    UNFIT,
    Bad,
    Row,
    S,
    Sample,
    away,
    axes,
    distinct,
    ints,
    normal,
    one_dim,
    pairs,
    ties,
)
from tapegrad import errors

FLOATING = Bad((np.ones((3, 2), int),), errors.DtypeError, "floating")
NOTHING = Bad((np.ones((0, 2)),), errors.ShapeError, "no elements")
NONE_ALONG = Bad((np.ones((2, 0)), 1), errors.ShapeError, "no elements")
EITHER = Bad((np.ones(3),), errors.ArgumentError, "either", {"unbiased": True, "correction": 0})


def over(function: Any, empty: bool = True) -> Any:
    """Whole, one dimension, several, kept, 0-d, reversed; options by name."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        out = [*one_dim(function, empty)(rng), S((x, (0, 2))), S((x, (1, -1)), {"keepdim": True})]
        return [*out, S((function(rng, 0, 2), 0))] if empty else out

    return make


def _with_nan(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[1.0, NAN, 3.0], [NAN, 2.0, INF]])
    return [
        S((x,)),
        S((x, 1)),
        S((x, 0), {"keepdim": True}),
        S((np.array([NAN, NAN]),)),
        S((np.array(NAN),)),
    ]


def _prod_samples(rng: np.random.Generator) -> list[Sample]:
    zeros = np.array([[0.0, 0.5, 2.0], [3.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    return [*one_dim(away)(rng), S((zeros, 1)), S((zeros, 0)), S((np.array([0.5, 0.0, 2.0]),)),
            S((np.array([0.0, 0.0, 2.0, 3.0]),)), S((away(rng, 0, 2), 0)), S((away(rng), -1))]  # fmt: skip


def _prod_edges(rng: np.random.Generator) -> list[Sample]:
    return [
        S((np.array([NAN, 0.0, 2.0]),)),
        S((np.array([INF, 0.0, 2.0]), 0)),
        S((np.zeros((2, 2)),)),
    ]


def _spread_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3, 2)
    return [
        S((x,)), S((x, 1)), S((x, -1), {"correction": 0}), S((x, (0, 2)), {"keepdim": True}),
        S((x,), {"dim": 0, "correction": 0, "keepdim": True}), S((x, 1), {"correction": 0.5}),
        S((normal(rng, 4, 3)[::-2], 0)), S((x,), {"unbiased": False}),
    ]  # fmt: skip


def _freedom(dim: Any, unbiased: Any, correction: Any) -> Any:
    return int(unbiased) if unbiased is not None else correction


def _std_reference(
    x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: float = 1
) -> Any:
    return np.std(x, axis=dim, ddof=_freedom(dim, unbiased, correction), keepdims=keepdim)


def _mean_reference(x: Any, dim: Any, keepdim: bool) -> Any:
    return np.mean(x, axis=dim, keepdims=keepdim)


def _std_mean_reference(x: Any, dim: Any = None, keepdim: bool = False, **rest: Any) -> Any:
    return _std_reference(x, dim, keepdim=keepdim, **rest), _mean_reference(x, dim, keepdim)


def _var_mean_reference(x: Any, dim: Any = None, keepdim: bool = False, **rest: Any) -> Any:
    return _std_reference(x, dim, keepdim=keepdim, **rest) ** 2, _mean_reference(x, dim, keepdim)


def _no_spread(rng: np.random.Generator) -> list[Sample]:
    return [S((np.full((2, 3), 2.0),)), S((np.array([[2.0, 1.0], [2.0, 3.0]]), 0)),
            S((np.array([1.0, NAN]),))]  # fmt: skip


def _aminmax_samples(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 3, 2)
    return [S((x,)), S((x,), {"dim": 1}), S((x[::-1],), {"dim": -1, "keepdim": True}),
            S((x,), {"keepdim": True}), S((distinct(rng),)), S((distinct(rng),), {"dim": 0}),
            S((distinct(rng, 0, 2),), {"dim": 1})]  # fmt: skip


def _aminmax_reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    axis = dim if np.ndim(x) else None
    return np.min(x, axis=axis, keepdims=keepdim), np.max(x, axis=axis, keepdims=keepdim)


def _count_samples(rng: np.random.Generator) -> list[Sample]:
    x = ints(rng, 2, 3, 2)
    return [S((x,)), S((x, 1)), S((x, (0, -1))), S((x.astype(float),)), S((ints(rng),)), S((ints(rng), 0)),
            S((ints(rng, 0, 2), 0)), S((x[::-1] > 0, 2))]  # fmt: skip


def _logsumexp_reference(x: Any, dim: Any, keepdim: bool = False) -> Any:
    if x.size == 0 and x.shape[dim] == 0:
        return np.full(np.sum(x, axis=dim).shape, -INF)
    return scipy.special.logsumexp(x, axis=dim if np.ndim(x) else None, keepdims=keepdim)


def _logsumexp_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3, 2)
    return [S((x, 1)), S((x, -1), {"keepdim": True}), S((x, (0, 2))), S((x, (0, 1, 2)), {"keepdim": True}),
            S((normal(rng), 0)), S((normal(rng, 1), 0)), S((normal(rng, 3, 2)[::-1], 0)),
            S((normal(rng, 0, 2), 0)), S((normal(rng, 0, 2), 1))]  # fmt: skip


def _infinite(rng: np.random.Generator) -> list[Sample]:
    return [
        S((np.array(values), 0))
        for values in (
            [1.0, 2.0, INF],
            [-INF, -INF],
            [1.0, -INF, 2.0],
            [1.0, NAN, 2.0],
            [INF, INF, 2.0],
            [900.0, 901.0],
        )
    ]


def _norm_reference(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    if p == "nuc":
        return np.linalg.norm(x, "nuc", dim, keepdim)
    p = 2 if p in ("fro", None) else p
    size = np.abs(x)
    options: Any = {"axis": dim if np.ndim(x) else None, "keepdims": keepdim}
    if p in (INF, -INF):
        return (np.max if p > 0 else np.min)(size, **options)
    if p == 0:
        return np.sum(size != 0, **options).astype(float)
    return np.sum(size**p, **options) ** (1 / p)


def _norm_samples(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 3, 2)
    x = np.where(np.arange(12).reshape(x.shape) % 5 == 0, x + 3, x)  # no two of one size
    out = [S((x,)), S((x,), {"dim": 1}), S((x, "fro", (0, 2)), {"keepdim": True}), S((x, None, -1)),
           S((away(rng),)), S((away(rng), 3, 0)), S((away(rng, 1),)), S((x[::-1, ::-1], 2, (1, 2))),
           S((x,), {"keepdim": True}), S((away(rng, 0, 2), 2, 1)), S((x[0], "nuc")), S((x, "nuc", (2, 0)), {"keepdim": True})]  # fmt: skip
    return out + [
        S((x, p, dim)) for p in (1, 3, 1.5, 0.5, -1, -2.5, INF, -INF, 0) for dim in (None, 1)
    ]


def _norm_edges(rng: np.random.Generator) -> list[Sample]:
    orders = (1, 2, 3, 1.5, 0.5, -1, INF, -INF)
    arrays = (np.array([0.0, -3.0, 3.0, 3.0, 1.0]), np.zeros(2), np.array([0.0, -3.0, NAN]))
    empty = [S((np.zeros((0, 2)), p, 0)) for p in (0, 1, 2, 3)]
    return empty + [S((x, p)) for p in orders for x in arrays]


def _dist_reference(x: Any, y: Any, p: Any = 2) -> Any:
    return _norm_reference(np.subtract(x, y), p)


def _dist_samples(rng: np.random.Generator) -> list[Sample]:
    x, y = distinct(rng, 2, 3), away(rng, 3, low=4.0, high=6.0)
    return [*pairs(away, numbers=())(rng), *(S((x, y, p)) for p in (1, 3, 0.5, INF, -INF))]


def _dist_edges(rng: np.random.Generator) -> list[Sample]:
    x, y = np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([0.0, 5.0])
    return [S((a, b, p)) for p in (1, 2, 3, 0.5, INF) for a, b in ((x, y), (y, y))]


def _renorm_reference(x: Any, p: Any, dim: Any, maxnorm: Any) -> Any:
    n = _norm_reference(x, p, tuple(i for i in range(x.ndim) if i != dim % x.ndim), True)
    return x * np.where(n > maxnorm, maxnorm / (n + 1e-7), 1)


def _renorm_samples(rng: np.random.Generator) -> list[Sample]:
    x = away(rng, 2, 3, 2) * np.array([[[1.0]], [[0.1]]])
    return [S((x, 2, 0, 1.0)), S((x, 1, 1, 2.5)), S((x, 3, -1, 0.9)), S((x[0, ::-1], 2.5, 0, 0.5)),
            S((away(rng, 2, 2), 2, 1, 100)), S((away(rng, 2, 2), 1, 0, 0)), S((away(rng, 0, 2), 2, 0, 1.0)),
            S((np.array([[0.5, 3.0], [0.2, 2.0]]), INF, 0, 1.0))]  # fmt: skip


def _renorm_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
    return [S((x, p, 0, limit)) for p in (1, 2, INF) for limit in (0.0, 1.0, 5.0)]


def _refused(*args: Any, error: Any = errors.ArgumentError, text: str, **kwargs: Any) -> Bad:
    return Bad((np.ones((2, 3)), *args), error, text, kwargs)


ROWS = [
    Row("nansum", tg.nansum, axes(np.nansum), over(normal), _with_nan, method="nansum", numpy=np.nansum,
        bad=(TEXT, NO_DIM, TWICE)),
    Row("nanmean", tg.nanmean, axes(np.nanmean), over(normal, False),
        lambda rng: _with_nan(rng)[:3], method="nanmean", numpy=np.nanmean, integers=False,
        bad=(TEXT, NO_DIM, TWICE, FLOATING)),
    Row("prod", tg.prod, axes(np.prod), _prod_samples, _prod_edges, method="prod", numpy=np.prod,
        bad=(TEXT, NO_DIM, _refused((0, 1), text="int")), complex=3),
    Row("std", tg.std, _std_reference, _spread_samples, _no_spread, method="std", integers=False,
        bad=(TEXT, NO_DIM, TWICE, FLOATING, EITHER), complex=3),
    Row("var_mean", tg.var_mean, _var_mean_reference, _spread_samples, _no_spread, integers=False,
        bad=(TEXT, NO_DIM, TWICE, FLOATING, EITHER), complex=3),
    Row("std_mean", tg.std_mean, _std_mean_reference, _spread_samples, _no_spread, integers=False,
        bad=(TEXT, NO_DIM, TWICE, FLOATING, EITHER), complex=3),
    Row("amax", tg.amax, axes(np.max), over(distinct, False), ties, method="amax", numpy=np.amax,
        bad=(TEXT, NO_DIM, TWICE, NOTHING, NONE_ALONG)),
    Row("amin", tg.amin, axes(np.min), over(distinct, False), ties, method="amin", numpy=np.amin,
        bad=(TEXT, NO_DIM, TWICE, NOTHING, NONE_ALONG)),
    Row("aminmax", tg.aminmax, _aminmax_reference, _aminmax_samples,
        lambda rng: [S(s.args[:1], {"dim": s.args[1]} if s.args[1:] else {}) for s in ties(rng)],
        method="aminmax",
        bad=(TEXT, NOTHING, _refused(dim=2, error=errors.DimensionError, text="between"),
             _refused(dim=(0, 1), text="int"))),
    Row("count_nonzero", tg.count_nonzero, lambda x, dim=None: np.asarray(
        np.count_nonzero(x, axis=dim if np.ndim(x) else None)), _count_samples,
        lambda rng: [S((np.array([0.0, -0.0, NAN, INF]),))], method="count_nonzero",
        numpy=np.count_nonzero, differentiable=False, bad=(TEXT, NO_DIM, TWICE), complex=2),
    Row("logsumexp", tg.logsumexp, _logsumexp_reference, _logsumexp_samples, _infinite,
        method="logsumexp", bad=(NO_DIM, TWICE, _refused(None, text="None")), complex=3),
    Row("norm", tg.norm, _norm_reference, _norm_samples, _norm_edges, method="norm", integers=False,
        keeps_nan=True, bad=(
            TEXT, FLOATING, _refused("nuc", 1, text="two dimensions"), _refused("x", text="'x'"),
            _refused(2, 2, error=errors.DimensionError, text="between"),
            _refused(2, (0, -2), text="twice"), _refused(dtype="int64", error=errors.DtypeError, text="digits"),
            _refused(dtype="float32", error=errors.DtypeError, text="digits"),
            Bad((np.ones((0, 2)), INF), errors.ShapeError, "no elements"),
            Bad((np.ones((0, 2)), -1, 0), errors.ShapeError, "no elements"),
            Bad((np.ones((2, 2, 2)), "fro", (0, 1, 2)), errors.ShapeError, "at most 2")), complex=3),
    Row("dist", tg.dist, _dist_reference, _dist_samples, _dist_edges, method="dist", broadcast=True,
        integers=False, bad=(
            UNFIT, Bad((np.ones(2), 1), errors.DtypeError, "other"), _refused(np.ones(3), None, text="number"),
            Bad((np.ones(2, int), np.ones(2, int)), errors.DtypeError, "floating")), complex=3),
    Row("renorm", tg.renorm, _renorm_reference, _renorm_samples, _renorm_edges, method="renorm",
        inplace="renorm_", integers=False, bad=(
            _refused(0, 0, 1.0, text="positive"), _refused("fro", 0, 1.0, text="positive"),
            _refused(2, 0, -1.0, text="maxnorm"), _refused(2, 2, 1.0, error=errors.DimensionError, text="between"),
            Bad((np.ones(3), 2, 0, 1.0), errors.ShapeError, "two dimensions"),
            Bad((np.ones((3, 2), int), 2, 0, 1.0), errors.DtypeError, "floating")), complex=3),
]  # fmt: skip
