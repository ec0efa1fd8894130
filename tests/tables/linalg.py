"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import Bad, Row, S, Sample, normal
from tapegrad import errors
from tapegrad.nn import functional as F


def _matmul_samples(rng: np.random.Generator) -> list[Sample]:
    shapes = [
        ((2, 3), (3, 2)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 1, 2, 3), (3, 3, 2)),
        ((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 2)),
        ((1, 1), (1, 1)),
    ]  # fmt: skip
    out = [S((normal(rng, *a), normal(rng, *b))) for a, b in shapes]
    return [*out, S((normal(rng, 3, 2).T, normal(rng, 2, 3)[:, ::-1].T))]


def _linear_reference(x: Any, w: Any, b: Any = None) -> Any:
    return x @ w.T if b is None else x @ w.T + b


def _linear_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        S((normal(rng, 4, 3), normal(rng, 2, 3), normal(rng, 2))), S((normal(rng, 3), normal(rng, 2, 3))),
        S((normal(rng, 2, 2, 3), normal(rng, 2, 3), normal(rng, 2))),
        S((normal(rng, 3), normal(rng, 2, 3), normal(rng, 2))), S((normal(rng, 4, 3), normal(rng, 3))),
        S((normal(rng, 0, 3), normal(rng, 2, 3), normal(rng, 2))),
        S((normal(rng, 3, 4).T, normal(rng, 3, 2).T, normal(rng, 4)[::2])),
    ]  # fmt: skip


ROWS = [
    Row("matmul", tg.matmul, np.matmul, _matmul_samples, method="matmul", numpy=np.matmul, bad=(
        Bad((np.ones((3, 4)), np.ones((5, 4))), errors.ShapeError, "did you mean y.T?"),
        Bad((np.ones((3, 4)), np.ones(())), errors.ShapeError, "0-d"),
        Bad((np.ones((2, 2, 3)), np.ones((3, 3, 2))), errors.ShapeError, "leading dimensions"),
        Bad((np.ones((2, 2)), np.ones((2, 2), np.float32)), errors.DtypeError, "dtypes")), complex=3),
    Row("linear", F.linear, _linear_reference, _linear_samples, torch="nn.functional.linear", bad=(
        Bad((np.ones((2, 3)), np.ones((4, 5))), errors.ShapeError, "expected last dimension 5"),
        Bad((np.ones((2, 3)), np.ones((4, 3)), np.ones(5)), errors.ShapeError, "bias"),
        Bad((np.ones((2, 3)), np.ones((2, 4, 3))), errors.ShapeError, "weight must be"),
        Bad((np.ones((2, 3)), "weight"), errors.DtypeError, "weight must be a tensor"),
        Bad((np.ones((2, 3)), np.ones((4, 3)), np.ones(4, np.float32)), errors.DtypeError, "dtypes"),
        Bad((np.ones(()), np.ones((4, 3))), errors.ShapeError, "0-d")), complex=3),
]  # fmt: skip
