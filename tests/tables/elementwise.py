"""Element by element: arithmetic, functions, choosing."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import (
    INF,
    NAN,
    STRING,
    TEXT,
    UNFIT,
    Bad,
    Row,
    S,
    Sample,
    apart,
    away,
    binary,
    both,
    finite_pairs,
    grid,
    pairs,
    positive,
    quotients,
    special,
    special_pairs,
    unary,
)
from tapegrad import errors


def _pow_samples(rng: np.random.Generator) -> list[Sample]:
    out = pairs(positive, away, numbers=())(rng)
    out += [S((away(rng, 2, 2), n)) for n in (2, 3, -1, 0, 1)]
    return [*out, S((positive(rng, 3), 0.5)), S((2.0, away(rng, 3)))]


def _pow_edges(rng: np.random.Generator) -> list[Sample]:
    zeros = np.array([0.0, 0.0, 0.0, 2.0, -2.0, 0.0])
    below = np.array([-1.0, -0.5, 2.0])
    return [S((np.zeros(3), below)), S((0.0, below)), S((zeros, np.array([0.0, 1.0, 2.0, 0.0, 2.0, 3.0]))), S((np.array([0.0, 1.0]), 0)),
            S((np.array([0.0, 2.0]), 1)), S((np.array([0.0, 2.0]), 2))]  # fmt: skip


def _divided_and_rounded(x: Any, y: Any, rounding_mode: str) -> Any:
    return (np.floor if rounding_mode == "floor" else np.trunc)(np.true_divide(x, y))


def _rounded_quotients(rng: np.random.Generator) -> list[Sample]:
    return [S(s.args, {"rounding_mode": m}) for s in quotients(rng) for m in ("floor", "trunc")]


def _clamp_samples(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[-2.0, 0.4, 3.0], [0.1, -0.7, 1.2]])
    lo, hi = np.array([-1.0, 0.0, 0.5]), np.array([[1.0], [0.7]])
    return [
        S((x, -1, 1)), S((x,), {"min": 0.25}), S((x,), {"max": 0.25}), S((x, lo, hi)), S((x, lo)),
        S((x,), {"max": hi}), S((np.array(0.3), 0.5)), S((np.zeros((0, 3)), lo)),
        S((x[::-1, ::-1], -0.5, 0.5)),
    ]  # fmt: skip


def _clamp_reference(x: Any, min: Any = None, max: Any = None) -> Any:
    out = x if min is None else np.maximum(x, min)
    return out if max is None else np.minimum(out, max)


def _clamp_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([-1.0, 1.0, 0.0, NAN, INF])
    return [S((x, -1, 1)), S((x, 2, -2)), S((x, np.full(5, -1.0), np.full(5, 1.0)))]


def _where_samples(rng: np.random.Generator) -> list[Sample]:
    c = np.array([[True, False, True], [False, False, True]])
    return [
        S((c, away(rng, 2, 3), away(rng, 2, 3))), S((c, away(rng, 3), away(rng, 2, 1))),
        S((c, away(rng), 1.5)), S((c, 0.5, away(rng, 3))), S((np.array(True), away(rng, 2), away(rng, 2))),
        S((np.zeros((0, 2), bool), away(rng, 2), away(rng))), S((c.T, away(rng, 3, 2), away(rng, 3, 2))),
    ]  # fmt: skip


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x)) if np.iscomplexobj(x) else scipy.special.expit(x)


ROWS = [
    binary("add", lambda x, y, alpha=1: x + alpha * y, numpy=np.add, bad=(
        UNFIT, STRING, Bad((np.ones(2, int), np.ones(2, int)), errors.DtypeError, "alpha", {"alpha": 0.5})), complex=3),
    binary("sub", lambda x, y, alpha=1: x - alpha * y, numpy=np.subtract, bad=(
        UNFIT, STRING, Bad((np.ones(2, bool), np.ones(2, bool)), errors.DtypeError, "sub"),
        Bad((np.ones(2, bool), 1), errors.DtypeError, "bool tensor"),
        Bad((np.ones(2), np.ones(2, bool)), errors.DtypeError, "bool tensor"),
        Bad((np.ones(2, int), np.ones(2, int)), errors.DtypeError, "alpha", {"alpha": 0.5})), complex=3),
    binary("mul", np.multiply, numpy=np.multiply, complex=3),
    binary("div", np.true_divide, edges=finite_pairs, numpy=np.true_divide, bad=(
        UNFIT, STRING, Bad((np.ones(2), 2), errors.ArgumentError, "rounding_mode", {"rounding_mode": "up"})), complex=3),
    Row("div_rounded", tg.div, _divided_and_rounded, _rounded_quotients, torch="div"),
    binary("floor_divide", np.floor_divide, quotients, lambda rng: [], numpy=np.floor_divide,
           torch_gradient=False),
    binary("remainder", np.remainder, quotients, lambda rng: [], numpy=np.remainder, bad=(
        UNFIT, STRING, Bad((np.ones(2, bool), np.ones(2, bool)), errors.DtypeError, "remainder"),
        Bad((True, np.ones(2, bool)), errors.DtypeError, "remainder"))),
    binary("pow", np.power, _pow_samples, _pow_edges, numpy=np.power, bad=(
        UNFIT, Bad((np.ones(2, int), np.array([-1, 2])), errors.ArgumentError, "pow")), complex=3),
    Row("neg", tg.neg, np.negative, both(away), special(), method="neg", inplace="neg_",
        numpy=np.negative, bad=(TEXT, Bad((np.ones(2, bool),), errors.DtypeError, "~input")), complex=3),
    unary("square", np.square, complex=3),
    unary("exp", np.exp, complex=3),
    unary("log", np.log, positive, complex=3),
    unary("sqrt", np.sqrt, positive, complex=3),
    unary("sin", np.sin, edges=lambda rng: [S((np.array([0.0, NAN]),))], complex=3),
    unary("cos", np.cos, edges=lambda rng: [S((np.array([0.0, NAN]),))], complex=3),
    unary("tanh", np.tanh, complex=3),
    unary("sigmoid", _sigmoid, edges=special(800.0, -800.0, 40.0, -40.0), complex=3),
    unary("relu", lambda x: np.where(x > 0, x, np.where(np.isnan(x), x, 0))),
    unary("abs", np.abs, keeps_nan=True),
    unary("sign", np.sign, edges=lambda rng: [S((np.array([0.0, -0.0, INF, -INF]),))]),
    Row("maximum", tg.maximum, np.maximum, pairs(grid, apart, ()), special_pairs, method="maximum",
        numpy=np.maximum, broadcast=True, bad=(UNFIT, STRING)),
    Row("minimum", tg.minimum, np.minimum, pairs(grid, apart, ()), special_pairs, method="minimum",
        numpy=np.minimum, broadcast=True, bad=(UNFIT, STRING)),
    Row("clamp", tg.clamp, _clamp_reference, _clamp_samples, _clamp_edges, method="clamp",
        inplace="clamp_", bad=(
            Bad((np.ones(2),), errors.ArgumentError, "at least one of min and max"),
            Bad((np.ones(2), np.ones(3)), errors.ShapeError, "broadcast"),
            Bad((np.ones(2, "u1"), 0, 300), errors.ArgumentError, "number 300 is beyond the range of uint8"),
            Bad((np.ones(2, "f2"), -1e9), errors.ArgumentError, "beyond the range of float16"),
            Bad((np.ones(2), 2j), errors.DtypeError, "clamp: not defined for complex"),
            Bad((np.ones(2, bool), True), errors.DtypeError, "clamp: not defined for bool"))),
    Row("where", tg.where, np.where, _where_samples, numpy=np.where, bad=(
        Bad((np.ones(2), 1.0, 0.0), errors.DtypeError, "condition must be a bool"),
        Bad((np.ones(2, bool), np.ones(3), 0.0), errors.ShapeError, "broadcast")), complex=3),
]  # fmt: skip
