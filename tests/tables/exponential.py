"""Exponentials, logarithms and their kin, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, Sample, away, both, positive, special, unary
from tapegrad import errors


def _probability(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(0.15, 0.85, shape)


def _above_minus_one(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-0.6, 2.0, shape)


def _logit_samples(rng: np.random.Generator) -> list[Sample]:
    x = np.array([0.07, 0.3, 0.7, 0.94])
    return [*both(_probability)(rng), S((x, 0.1)), S((x,), {"eps": 1e-6}), S((x, None)), S((x, 0))]


def _logit_reference(x: Any, eps: float | None = None) -> Any:
    return scipy.special.logit(x if eps is None else np.clip(x, eps, 1 - eps))


def _logit_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([0.0, 1.0, -0.5, 1.5, INF, -INF, NAN, 0.25, 0.75, 1e-300])
    return [S((x,)), S((x, 0.25)), S((x, 0)), S((x, 0.5))]


def _sinc_samples(rng: np.random.Generator) -> list[Sample]:
    # both sides of the place where the gradient changes over from its series
    near = np.array([0.0, 0.02, -0.05, 0.1, 0.158, 0.16, -0.17, 0.4])
    return [*both(away)(rng), S((near,))]


def _no_tensor(*calls: Any) -> tuple[Bad, ...]:
    return (TEXT, Bad((2.0,), errors.DtypeError, "must be a tensor, got float"), *calls)


EPS = (
    Bad((np.ones(2), -0.1), errors.ArgumentError, "eps must be None or a number from 0 to 1"),
    Bad((np.ones(2), 1.5), errors.ArgumentError, "got 1.5"),
    Bad((np.ones(2), NAN), errors.ArgumentError, "got nan"),
    Bad((np.ones(2), "small"), errors.ArgumentError, "got 'small'"),
)

ROWS: list[Row] = [
    unary("exp2", np.exp2, edges=special(2000.0, -2000.0), complex=3),
    unary("expm1", np.expm1, edges=special(1e-12, 800.0, -800.0), complex=3),
    unary("log2", np.log2, positive, complex=3),
    unary("log10", np.log10, positive, complex=3),
    unary("log1p", np.log1p, _above_minus_one, edges=special(1e-12, -2.0), complex=3),
    unary("reciprocal", lambda x: 1 / x, complex=3),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), positive, complex=3),
    Row("logit", tg.logit, _logit_reference, _logit_samples, _logit_edges, method="logit",
        inplace="logit_", bad=_no_tensor(*EPS)),
    Row("sinc", tg.sinc, np.sinc, _sinc_samples, special(), method="sinc", inplace="sinc_",
        numpy=np.sinc, bad=_no_tensor(), complex=3),
]  # fmt: skip
