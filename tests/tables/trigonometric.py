"""Trigonometric and hyperbolic functions and their inverses, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, Sample, away, both, special
from tapegrad import errors


def _inside(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-0.8, 0.8, shape)


def _above_one(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(1.3, 3.0, shape)


def _angles(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-1.2, 1.2, shape)


def _finite(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array([0.0, -0.0, 3.0, -100.0, NAN]),))]


def _acosh_edges(rng: np.random.Generator) -> list[Sample]:
    # not -1, far outside the domain, where PyTorch's gradient is inf and ours -inf
    return [S((np.array([1.0, 1.0 + 1e-12, 2.0, 0.5, 0.0, -2.0, INF, -INF, NAN]),))]


def _row(
    name: str, reference: Any, make: Any = away, edges: Any = None, complex: int | None = 3
) -> Row:
    bad = (TEXT, Bad((2.0,), errors.DtypeError, f"{name}: input must be a tensor, got float"))
    return Row(
        name, getattr(tg, name), reference, both(make), edges or special(2.0, 0.5, -0.5),
        method=name, inplace=f"{name}_", numpy=reference, complex=complex, bad=bad,
    )  # fmt: skip


ROWS: list[Row] = [
    _row("tan", np.tan, _angles, _finite),
    _row("asin", np.arcsin, _inside),
    _row("acos", np.arccos, _inside),
    _row("atan", np.arctan),
    _row("sinh", np.sinh, edges=special(800.0, -800.0)),
    _row("cosh", np.cosh, edges=special(800.0, -800.0)),
    _row("asinh", np.arcsinh),
    _row("acosh", np.arccosh, _above_one, _acosh_edges),
    _row("atanh", np.arctanh, _inside),
    _row("deg2rad", np.deg2rad, complex=None),
    _row("rad2deg", np.rad2deg, complex=None),
]
