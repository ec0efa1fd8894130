"""Rounding, signs and the places where numbers end."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import (
    INF,
    NAN,
    TEXT,
    Bad,
    Row,
    S,
    Sample,
    away,
    bools,
    both,
    grid,
    ints,
    normal,
    special,
)
from tapegrad import errors


def _between(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values at least 0.1 from every integer and every half."""
    return rng.integers(-3, 3, shape) + rng.choice([0.1, 0.6], shape) + rng.uniform(0, 0.3, shape)


def _rounded(x: Any, *, decimals: int = 0) -> Any:
    return np.round(x, decimals)


def _round_samples(rng: np.random.Generator) -> list[Sample]:
    x = rng.integers(-9, 9, (2, 3)) * 0.1 + 0.02
    return [*both(_between)(rng), S((x,), {"decimals": 1}), S((x * 100,), {"decimals": -1}),
            S((x,), {"decimals": 0})]  # fmt: skip


def _round_edges(rng: np.random.Generator) -> list[Sample]:
    halves = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.0, -0.0, INF, -INF, NAN])
    return [S((halves,)), S((halves * 0.1,), {"decimals": 1}), S((halves * 10,), {"decimals": -1})]


def _whole(name: str, reference: Any, word: Any, edges: Any = None, **more: Any) -> Row:
    settings = {"method": name, "inplace": f"{name}_", "numpy": word, **more}
    bad = (TEXT, Bad((np.ones(2, bool),), errors.DtypeError, f"{name}: needs"))
    return Row(
        name, getattr(tg, name), reference, settings.pop("samples", both(_between)),
        edges or special(0.5, 2.5, -0.5), bad=(*bad, *settings.pop("more_bad", ())), **settings,
    )  # fmt: skip


def _about(name: str, reference: Any, word: Any = None, **more: Any) -> Row:
    """Row of a question with a bool for every element."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        return [*both(grid)(rng), S((ints(rng, 2, 3),)), S((bools(rng, 3),)),
                S((np.array([0, 255], np.uint8),))]  # fmt: skip

    return Row(
        name, getattr(tg, name), reference, samples, special(), method=name, numpy=word,
        differentiable=False,
        bad=(TEXT, Bad((2.0,), errors.DtypeError, f"{name}: input must be a tensor"),
             *more.get("more_bad", ())),
    )  # fmt: skip


def _complex(name: str) -> tuple[Bad, ...]:
    return (Bad((np.ones(2, complex),), errors.DtypeError, f"{name}: needs a real tensor"),)


def _finite_reference(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    low, high = np.finfo(x.dtype).min, np.finfo(x.dtype).max
    out = np.where(np.isnan(x), 0.0 if nan is None else nan, x)
    out = np.where(np.isposinf(x), high if posinf is None else posinf, out)
    return np.where(np.isneginf(x), low if neginf is None else neginf, out)


def _finite_samples(rng: np.random.Generator) -> list[Sample]:
    return [*both(normal)(rng), S((normal(rng, 3), 1.0)), S((normal(rng, 3),), {"neginf": 2})]


def _finite_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[NAN, INF, -INF], [0.0, -0.0, 1.5]])
    return [S((x,)), S((x, 1.0, 2.0, 3.0)), S((x,), {"posinf": 7}), S((x,), {"nan": INF})]


ROWS: list[Row] = [
    _whole("floor", np.floor, np.floor),
    _whole("ceil", np.ceil, np.ceil),
    _whole("trunc", np.trunc, np.trunc),
    _whole("round", _rounded, np.round, _round_edges, samples=_round_samples, more_bad=(
        Bad((np.ones(2, int),), errors.DtypeError, "decimals must be 0 for an integer tensor",
            {"decimals": 1}),
        Bad((np.ones(2),), errors.ArgumentError, "decimals must be an int", {"decimals": 1.5}))),
    Row("frac", tg.frac, lambda x: x - np.trunc(x), both(_between), special(), method="frac",
        inplace="frac_", integers=False, bad=(
            TEXT, Bad((np.ones(2, int),), errors.DtypeError, "frac: needs a floating tensor"),
            Bad((np.ones(2, bool),), errors.DtypeError, "frac: needs a floating tensor"))),
    Row("positive", tg.positive, np.positive, both(away), special(), method="positive",
        numpy=np.positive, bad=(
            TEXT, Bad((np.ones(2, bool),), errors.DtypeError, "positive: not defined for a bool")), complex=3),
    Row("nan_to_num", tg.nan_to_num, _finite_reference, _finite_samples, _finite_edges,
        method="nan_to_num", inplace="nan_to_num_", numpy=np.nan_to_num, bad=(
            TEXT, Bad((np.ones(2), "zero"), errors.ArgumentError, "nan must be None or a number"),
            Bad((np.ones(2),), errors.ArgumentError, "posinf must be None", {"posinf": [1.0]}))),
    _about("signbit", np.signbit, np.signbit, more_bad=_complex("signbit")),
    _about("isposinf", np.isposinf, np.isposinf, more_bad=_complex("isposinf")),
    _about("isneginf", np.isneginf, np.isneginf, more_bad=_complex("isneginf")),
]  # fmt: skip
