"""Rows looked up in tables, one by one and in bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from rows import NAN, Bad, Row, S, Sample, normal
from tapegrad import errors
from tapegrad.nn import functional as F

INTERNAL = {"add_rows"}


def ids(*values: Any) -> np.ndarray:
    """Row numbers."""
    return np.array(values, np.int64)


def _embedding(input: Any, weight: Any, padding_idx: Any = None, **options: Any) -> Any:
    return weight[input]


def _embedding_bag(
    input: Any, weight: Any, offsets: Any = None, mode: str = "mean", per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: Any = None, **options: Any,
) -> Any:  # fmt: skip
    if offsets is None:
        offsets = np.arange(len(input)) * input.shape[1]
    elif include_last_offset:
        offsets = offsets[:-1]
    flat = input.ravel()
    factors = np.ones(len(flat)) if per_sample_weights is None else per_sample_weights.ravel()
    out = np.zeros((len(offsets), weight.shape[1]))
    for b, begin in enumerate(offsets):
        end = offsets[b + 1] if b + 1 < len(offsets) else len(flat)
        kept = [
            i
            for i in range(begin, end)
            if padding_idx is None or flat[i] != padding_idx % len(weight)
        ]
        if kept:
            rows = weight[flat[kept]] * factors[kept][:, None]
            out[b] = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode](rows, axis=0)
    return out


def _embedding_samples(rng: np.random.Generator) -> list[Sample]:
    w, wide = normal(rng, 4, 2), normal(rng, 3, 9)
    return [
        S((ids(0, 2, 2, 1), w)), S((ids([0, 3], [3, 3]), w)), S((ids(1).reshape(()), w)), S((ids(), w)),
        S((ids(0, 1).astype(np.int32), w)), S((ids([2, 0], [1, 2])[::-1], w[::-1])), S((ids(0, 0, 2), wide)),
        S((ids(2, 1), wide)), S((ids(), wide)), S((ids([2, 2], [0, 2]), wide.T.copy().T)),
        S((ids(0, 0), normal(rng, 2, 0))),
    ]  # fmt: skip


def _bag_samples(rng: np.random.Generator) -> list[Sample]:
    w = normal(rng, 4, 2)
    flat, table = ids(0, 2, 2, 1, 3), ids([0, 2, 1], [3, 3, 0])
    out = []
    for mode in ("sum", "mean", "max"):
        o = {"mode": mode}
        out += [
            S((table, w), o), S((flat, w, ids(0, 2)), o), S((flat, w, ids(0, 0, 3, 5)), o),
            S((flat, w, ids(0, 3, 5)), {**o, "include_last_offset": True}), S((ids(), w, ids(0, 0)), o),
            S((flat, w, ids(0, 2)), {**o, "padding_idx": 2}), S((table, w), {**o, "padding_idx": -1}),
            S((ids(1, 1, 2), w, ids(0, 2)), {**o, "padding_idx": 1}), S((ids(), w, ids()), o),
            S((flat.astype(np.int32), w, ids(0, 2).astype(np.int32)), o), S((ids().reshape(0, 3), w), o),
        ]  # fmt: skip
    return out


def _weighted(bag: Any) -> Any:
    """Bags with factors as a differentiable argument."""

    def function(input: Any, weight: Any, factors: Any, offsets: Any = None, **options: Any) -> Any:
        return bag(input, weight, offsets, mode="sum", per_sample_weights=factors, **options)

    return function


def _weighted_samples(rng: np.random.Generator) -> list[Sample]:
    w = normal(rng, 4, 2)
    return [
        S((ids([0, 2, 1], [3, 3, 0]), w, normal(rng, 2, 3))), S((ids(0, 2, 2), w, normal(rng, 3), ids(0, 1))),
        S((ids(0, 2, 2), w, normal(rng, 3), ids(0, 1)), {"padding_idx": 0}),
    ]  # fmt: skip


W, WF = np.ones((4, 2)), np.ones((4, 2), np.float32)
I3 = ids(0, 1, 2)
ARGUMENT, SHAPE, DTYPE, RANGE = (
    errors.ArgumentError, errors.ShapeError, errors.DtypeError, errors.DimensionError,
)  # fmt: skip


ROWS = [
    Row("embedding", F.embedding, _embedding, _embedding_samples,
        lambda rng: [S((ids(0, 0, 1), np.array([[NAN, 1.0], [2.0, 3.0]])))],
        torch="nn.functional.embedding", integers=False, bad=(
            Bad((ids(0, 4), W), RANGE, "4"), Bad((ids(-1), W), RANGE, "-1"), Bad((np.array([0.0]), W), DTYPE, "int64"),
            Bad((ids(0).astype(np.uint8), W), DTYPE, "int64"), Bad((ids(0), W[0]), SHAPE, "weight"),
            Bad((ids(0), W, 4), ARGUMENT, "padding_idx"), Bad((ids(0), W, -5), ARGUMENT, "padding_idx"),
            Bad((ids(0), W, 1.5), ARGUMENT, "padding_idx"), Bad((ids(0), W), ARGUMENT, "sparse", {"sparse": True}),
            Bad((ids(0), W), ARGUMENT, "max_norm", {"max_norm": -1.0}),
            Bad((ids(0), W), ARGUMENT, "norm_type", {"max_norm": 1.0, "norm_type": 0}),
            Bad((ids(0), W.astype(np.int64)), DTYPE, "floating", {"max_norm": 1.0}),
            Bad((ids(9), W), RANGE, "9", {"max_norm": 0.5}), Bad((0, W), DTYPE, "tensor")), complex=2, torch_complex_gradient=False),
    Row("embedding_bag", F.embedding_bag, _embedding_bag, _bag_samples, torch="nn.functional.embedding_bag", integers=False, bad=(
        Bad((I3, W), ARGUMENT, "offsets"), Bad((I3, W, ids(1, 2)), ARGUMENT, "start at 0"),
        Bad((I3, W.astype(np.int64), ids(0)), DTYPE, "weight must be floating"),
        Bad((I3, W, ids(0)), ARGUMENT, "need mode='sum'", {"mode": "mean", "per_sample_weights": np.ones(3)}),
        Bad((I3, W, ids(0, 4)), ARGUMENT, "ascend up to 3"), Bad((I3, W, ids(0, 2, 1)), ARGUMENT, "ascend"),
        Bad((I3[None], W, ids(0)), ARGUMENT, "takes no offsets"), Bad((I3, W, ids(0)), ARGUMENT, "mode", {"mode": "min"}),
        Bad((I3, W, ids(0)), ARGUMENT, "scale_grad_by_freq", {"mode": "max", "scale_grad_by_freq": True}),
        Bad((ids(0, 9), W, ids(0)), RANGE, "9"), Bad((I3, W, ids()), ARGUMENT, "empty"),
        Bad((I3, W, ids(0, 1)), ARGUMENT, "must be 3", {"include_last_offset": True}),
        Bad((I3, W, ids()), SHAPE, "not empty", {"include_last_offset": True}),
        Bad((ids(1).reshape(()), W, ids(0)), SHAPE, "1-d or 2-d"), Bad((I3, W, np.array([0.0])), DTYPE, "offsets"),
        Bad((I3, W, ids(0)), ARGUMENT, "sparse", {"sparse": True}), Bad((I3, W, ids(0)), ARGUMENT, "padding_idx", {"padding_idx": 4}))),
    Row("embedding_bag_weighted", _weighted(F.embedding_bag), _weighted(_embedding_bag), _weighted_samples, torch="",
        integers=False, bad=(
            Bad((I3, W, np.ones(2), ids(0)), SHAPE, "shape of input"), Bad((I3, W, np.ones(3, np.float32), ids(0)), DTYPE, "float32"))),
]  # fmt: skip
