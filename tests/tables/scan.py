"""Running sums and their kin along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, NO_DIM, Bad, Row, S, Sample, away, distinct, normal
from tapegrad import errors

INTERNAL = {"recurrence"}  # adjoint of cumprod and logcumsumexp: second order


def along(function: Any) -> Any:
    """Every dimension, 0-d, size 1, longer than one doubling, empty, reversed."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        return [
            S((x, 1)), S((x, 0)), S((x, -1)), S((function(rng), 0)), S((function(rng), -1)),
            S((function(rng, 1), 0)), S((function(rng, 7), 0)), S((function(rng, 2, 5)[::-1, ::-1], 1)),
            S((function(rng, 0, 2), 0)), S((function(rng, 0, 2), 1)),
        ]  # fmt: skip

    return make


def running(function: Any) -> Any:
    """A NumPy scan, which would make 1-d what is 0-d."""

    def reference(x: Any, dim: int) -> Any:
        return function(x, axis=dim) if np.ndim(x) else np.asarray(x)

    return reference


def _with_zeros(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[1.5, 0.0, 2.0, 0.0, 3.0], [0.0, 0.5, 2.0, 0.7, -1.0], [1.0, 2.0, 3.0, 0.3, 0.0]])
    return [*along(away)(rng), S((x, 1)), S((x, 0))]


def _nans(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array([1.0, NAN, 2.0, 0.5]), 0)), S((np.array([[1.0, 2.0], [NAN, 0.0]]), 1))]


def _ties(rng: np.random.Generator) -> list[Sample]:
    x = np.array([1.0, 3.0, 3.0, 1.0, 2.0, 5.0, NAN, 6.0, NAN, 0.0])
    return [S((x, 0)), S((x[:6], 0)), S((np.stack([x, x[::-1]]), 1)), S((np.stack([x, x[::-1]]), 0)),
            S((np.array([[INF, -INF, INF], [-INF, -INF, NAN]]), 1))]  # fmt: skip


def _reached(better: Any) -> Any:
    """Running extremes one element at a time: the last index at ties, NaN beats all."""

    def reference(x: Any, dim: int) -> Any:
        if not np.ndim(x):
            return np.asarray(x), np.zeros((), int)
        values, indices = np.moveaxis(x.copy(), dim, 0), np.zeros(x.shape, int)
        moved = np.moveaxis(indices, dim, 0)
        for i in range(1, len(values)):
            take = better(values[i], values[i - 1]) | np.isnan(values[i])
            moved[i] = np.where(take, i, moved[i - 1])
            values[i] = np.where(take, values[i], values[i - 1])
        return np.moveaxis(values, 0, dim), indices

    return reference


def _logcumsumexp_reference(x: Any, dim: int) -> Any:
    if np.iscomplexobj(x):
        return np.log(np.cumsum(np.exp(x), axis=dim)) if np.ndim(x) else np.asarray(x)
    return np.logaddexp.accumulate(x, axis=dim) if np.ndim(x) else np.asarray(x)


def _infinite(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array(values), 0)) for values in (
        [-INF, -INF, 1.0, 2.0, -INF, 3.0], [1.0, INF, 2.0], [-INF, INF, 2.0, INF, -INF], [1.0, NAN, 2.0],
        [1000.0, 1001.0, -1000.0])]  # fmt: skip


def _diff_reference(
    x: Any, n: int = 1, dim: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    return np.diff(x, n, dim, prepend, append)


def _diff_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 5)
    one, two = normal(rng, 2, 1), normal(rng, 2, 2)
    return [
        S((x,)), S((x, 1, 0)), S((x, 2)), S((x, 3, -1)), S((x, 0)), S((x, 2, 0)), S((x, 7)), S((x[::-1, ::-1], 1)),
        S((x, 1, 1, one, two)), S((x, 2, -1, two, one)), S((x, 1, -1, one)), S((x,), {"append": np.ones((2, 1))}),
        S((normal(rng, 1),)), S((normal(rng, 0),)), S((normal(rng, 0, 3), 1, 1)), S((normal(rng, 2, 0), 1, 1)),
        S((normal(rng, 3, 2).T, 1, 1)),
    ]  # fmt: skip


def _trapezoid_samples(rng: np.random.Generator) -> list[Sample]:
    y = normal(rng, 2, 3)
    cube = normal(rng, 2, 3, 2)
    return [
        S((y,)), S((y, normal(rng, 3))), S((y, normal(rng, 2, 3))), S((y,), {"dx": 2.5}), S((y,), {"dim": 0}),
        S((y, normal(rng, 2)), {"dim": 0}), S((cube, normal(rng, 3)), {"dim": 1}), S((y[::-1, ::-1],)),
        S((cube, normal(rng, 3, 2)), {"dim": -2}), S((cube, normal(rng, 2, 1, 2)), {"dim": 0}),
        S((normal(rng, 1),)), S((normal(rng, 0, 3),)), S((normal(rng, 4), normal(rng, 4))),
    ]  # fmt: skip


def _neighbours(y: Any, x: Any, dx: Any, dim: int) -> Any:
    y = np.moveaxis(y, dim, -1)
    if x is None:
        return y[..., :-1] / 2 + y[..., 1:] / 2, dx
    x = x if x.ndim == 1 else np.moveaxis(x, dim, -1)
    return y[..., :-1] / 2 + y[..., 1:] / 2, np.diff(x)


def _trapezoid_reference(y: Any, x: Any = None, dx: Any = 1.0, dim: int = -1) -> Any:
    heights, widths = _neighbours(y, x, dx, dim)
    return np.sum(heights * widths, -1)


def _cumulative_reference(y: Any, x: Any = None, dx: Any = 1.0, dim: int = -1) -> Any:
    heights, widths = _neighbours(y, x, dx, dim)
    return np.moveaxis(np.cumsum(heights * widths, -1), -1, dim)


TEXT = Bad(("text", 0), errors.DtypeError, "must be a tensor")
SEVERAL = Bad((np.ones((2, 3)), (0, 1)), errors.ArgumentError, "int")
ALONG = (TEXT, NO_DIM, SEVERAL)
SAMPLED = (
    Bad(("text",), errors.DtypeError, "y must be a tensor"),
    Bad((np.ones(3, bool),), errors.DtypeError, "bool"),
    Bad((np.ones(3), np.ones(3, bool)), errors.DtypeError, "bool"),
    Bad((np.ones(()),), errors.ShapeError, "0-d"),
    Bad((np.ones(3), np.ones(2)), errors.ShapeError, "does not fit"),
    Bad((np.ones(3), np.ones((2, 3))), errors.ShapeError, "does not fit"),
    Bad((np.ones((2, 3, 2)), np.ones((2, 3))), errors.ShapeError, "does not fit"),
    Bad((np.ones(3), np.ones(3)), errors.ArgumentError, "either", {"dx": 1.0}),
    Bad((np.ones(3),), errors.ArgumentError, "dx must be", {"dx": [1.0]}),
    Bad((np.ones(3),), errors.DimensionError, "between", {"dim": 1}),
)

ROWS = [
    Row("cumsum", tg.cumsum, running(np.cumsum), along(normal), _nans, method="cumsum", inplace="cumsum_",
        numpy=np.cumsum, bad=ALONG, complex=3),
    Row("cumprod", tg.cumprod, running(np.cumprod), _with_zeros,
        lambda rng: [S((np.zeros((2, 3)), 1)), S((np.array([1.0, 0.0, -0.0, 0.0]), 0))], method="cumprod", inplace="cumprod_",
        numpy=np.cumprod, bad=ALONG, complex=3),
    Row("logcumsumexp", tg.logcumsumexp, _logcumsumexp_reference, along(normal), _infinite,
        method="logcumsumexp", integers=False,
        bad=(*ALONG, Bad((np.ones(2, int), 0), errors.DtypeError, "floating")), complex=3),
    Row("cummax", tg.cummax, _reached(np.greater_equal), along(distinct), _ties, method="cummax", bad=ALONG),
    Row("cummin", tg.cummin, _reached(np.less_equal), along(distinct), _ties, method="cummin", bad=ALONG),
    Row("diff", tg.diff, _diff_reference, _diff_samples, _nans, method="diff", numpy=np.diff, bad=(
        Bad(("text",), errors.DtypeError, "must be a tensor"),
        Bad((np.ones(()),), errors.ShapeError, "0-d"), Bad((np.ones(3), -1), errors.ArgumentError, "n must be"),
        Bad((np.ones(3), 1.5), errors.ArgumentError, "n must be"),
        Bad((np.ones(3), 1, 1), errors.DimensionError, "between"),
        Bad((np.ones((2, 3)), 1, -1, np.ones((3, 1))), errors.ShapeError, "prepend"),
        Bad((np.ones((2, 3)), 1, -1, None, np.ones(2)), errors.ShapeError, "append"),
        Bad((np.ones(3), 1, -1, 0.0), errors.DtypeError, "prepend")), complex=3),
    Row("trapezoid", tg.trapezoid, _trapezoid_reference, _trapezoid_samples, numpy=np.trapezoid,
        integers=False, bad=SAMPLED, complex=3),
    Row("cumulative_trapezoid", tg.cumulative_trapezoid, _cumulative_reference, _trapezoid_samples,
        integers=False, bad=SAMPLED, complex=3),
]  # fmt: skip
