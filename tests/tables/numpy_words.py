"""Operations that only NumPy has a name for; tests/test_numpy_words.py has the others, composed ones."""

from __future__ import annotations

import numpy as np

import tapegrad as tg
from rows import TEXT, Bad, Row, S, away, both, distinct, normal, special
from tapegrad import errors

GRADIENT_BAD = (
    Bad((np.ones(3),), errors.ArgumentError, "edge_order", {"edge_order": 3}),
    Bad((np.ones((3, 1)),), errors.ShapeError, "2 samples"),
    Bad((np.ones(3),), errors.ArgumentError, "spacing", {"spacing": (1.0, 2.0)}),
    Bad((np.ones(3),), errors.ShapeError, "coordinates", {"spacing": (np.ones(2),)}),
)


def _gradient(x, spacing=1, dim=None, edge_order=1):
    count = x.ndim if dim is None or isinstance(dim, (tuple, list)) else 1
    count = len(dim) if isinstance(dim, (tuple, list)) else count
    steps = spacing if isinstance(spacing, (tuple, list)) else (spacing,) * count
    found = np.gradient(x, *steps, axis=dim, edge_order=edge_order)
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


ROWS = [
    Row("cbrt", np.cbrt, np.cbrt, both(away), special(), torch="", numpy=np.cbrt),
    Row("unwrap", np.unwrap, np.unwrap, lambda rng: [
        S((5 * distinct(rng, 3, 4),)), S((5 * distinct(rng, 4),), {"period": 3.0}), S((normal(rng, 0, 2),)),
        S((5 * distinct(rng, 3, 2)[::-1],), {"axis": 0})],
        torch="", integers=False),
    Row("gradient", tg.gradient, _gradient, lambda rng: [
        S((normal(rng, 5),)), S((normal(rng, 3, 4),), {"spacing": 0.5}), S((normal(rng, 3, 2, 4),), {"dim": (0, 2), "spacing": (2.0, 0.3)}),
        S((normal(rng, 3, 4)[::-1],), {"edge_order": 2}), S((normal(rng, 5),), {"spacing": (np.array([0.1, 0.4, 0.5, 1.2, 1.9]),)}),
        S((normal(rng, 2, 4),), {"spacing": (np.array([0.1, 0.4, 0.5, 1.2]),), "dim": 1, "edge_order": 2}), S((normal(rng, 2),)),
        S((normal(rng, 4, 2),), {"dim": -2})],
        bad=(TEXT, *GRADIENT_BAD)),
    Row("unravel_index", tg.unravel_index, np.unravel_index, lambda rng: [
        S((rng.integers(0, 24, (2, 3)), (2, 3, 4))), S((rng.integers(0, 5, 4), 5)), S((np.array(7), (2, 4))), S((np.zeros(0, int), (2, 3)))],
        differentiable=False, bad=(
            Bad((np.ones(2), (2, 3)), errors.DtypeError, "integers"), Bad((np.ones(2, int), (2, -3)), errors.ArgumentError, "negative"))),
]  # fmt: skip
