"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import (
    NO_DIM,
    TEXT,
    TWICE,
    Bad,
    Row,
    S,
    Sample,
    axes,
    bools,
    distinct,
    extreme,
    normal,
    one_dim,
    several,
    ties,
)
from tapegrad import errors


def _var_reference(x: Any, dim: Any = None, keepdim: bool = False, correction: float = 1) -> Any:
    return np.var(x, axis=dim if np.ndim(x) else None, ddof=correction, keepdims=keepdim)


def _var_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3, 2)
    return [
        S((x,)), S((x, 1)), S((x, -1), {"correction": 0}), S((x, (0, 2)), {"keepdim": True}),
        S((x,), {"dim": 0, "correction": 0, "keepdim": True}), S((normal(rng),), {"correction": 0}),
        S((normal(rng, 4, 3)[::-2], 0)), S((normal(rng, 2, 0), 0)),
    ]  # fmt: skip


FLOATING = Bad((np.ones(3, int),), errors.DtypeError, "floating")
NOTHING = Bad((np.ones((0, 2)),), errors.ShapeError, "no elements")
NONE_ALONG = Bad((np.ones((2, 0)), 1), errors.ShapeError, "no elements")

ROWS = [
    Row("sum", tg.sum, axes(np.sum), several(normal), method="sum", numpy=np.sum,
        bad=(TEXT, NO_DIM, TWICE), complex=3),
    Row("mean", tg.mean, axes(np.mean), one_dim(normal, empty=False), method="mean", numpy=np.mean,
        integers=False, bad=(TEXT, NO_DIM, TWICE, FLOATING), complex=3),
    Row("var", tg.var, _var_reference, _var_samples, method="var", integers=False,
        bad=(NO_DIM, FLOATING,
             Bad((np.ones(3),), errors.ArgumentError, "either", {"unbiased": True, "correction": 0})), complex=3),
    Row("max", tg.max, extreme(np.max, np.argmax), one_dim(distinct, False), ties, method="max",
        bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("min", tg.min, extreme(np.min, np.argmin), one_dim(distinct, False), ties, method="min",
        bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("argmax", tg.argmax, axes(np.argmax), one_dim(distinct, False), ties, method="argmax",
        numpy=np.argmax, differentiable=False, bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("argmin", tg.argmin, axes(np.argmin), one_dim(distinct, False), ties, method="argmin",
        numpy=np.argmin, differentiable=False, bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("all", tg.all, axes(np.all), several(bools), method="all", numpy=np.all, differentiable=False,
        bad=(TEXT, NO_DIM)),
    Row("any", tg.any, axes(np.any), several(bools), method="any", numpy=np.any, differentiable=False,
        bad=(TEXT, NO_DIM)),
]  # fmt: skip
