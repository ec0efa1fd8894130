"""Network heads and losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import INF, NAN, NO_DIM, Bad, Row, S, Sample, normal, shaped
from tapegrad import errors
from tapegrad.nn import functional as F


def _nll_reference(
    x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    batch = x[None] if x.ndim == 1 else x
    t = np.atleast_1d(target)
    picked = np.moveaxis(batch, 1, -1)  # (N, ..., C)
    kept = t != ignore_index
    safe = np.where(kept, t, 0)
    w = np.ones(batch.shape[1]) if weight is None else weight
    w = np.where(kept, w[safe], 0)
    loss = -np.take_along_axis(picked, safe[..., None], -1)[..., 0] * w
    if reduction == "none":
        return loss[0] if x.ndim == 1 else loss
    return loss.sum() / w.sum() if reduction == "mean" else loss.sum()


def _cross_entropy_reference(x: Any, target: Any, weight: Any = None, ignore_index: int = -100,
                             reduction: str = "mean", label_smoothing: float = 0.0) -> Any:  # fmt: skip
    """Everything as probabilities: `-sum_c weight[c] * p[c] * logp[c]` for each row."""
    dim = 0 if x.ndim == 1 else 1
    logp = scipy.special.log_softmax(x, dim)
    classes = x.shape[dim]
    w = np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        p, kept = target, np.ones(np.delete(x.shape, dim))
        n: Any = kept.size
    else:
        kept = target != ignore_index
        safe = np.where(kept, target, 0)
        p = np.moveaxis(np.eye(classes)[safe], -1, dim)
        n = (w[safe] * kept).sum()
    p = p * (1 - label_smoothing) + label_smoothing / classes
    along = w.reshape((-1,) + (1,) * (x.ndim - dim - 1))
    loss = -(p * logp * along).sum(dim) * kept
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / n}[reduction]


def _mse_reference(x: Any, y: Any, reduction: str = "mean") -> Any:
    d = (x - y) ** 2
    return {"none": d, "sum": d.sum(), "mean": d.mean() if d.size else NAN}[reduction]


def _class_samples() -> Any:
    def make(rng: np.random.Generator) -> list[Sample]:
        x, t = normal(rng, 4, 3), np.array([2, 0, 1, 1])
        w = np.array([0.5, 2.0, 1.0], np.float64)
        out = [S((x, t), {"reduction": r}) for r in ("mean", "sum", "none")]
        out += [
            S((x, np.array([2, -100, 1, 1]))), S((x, t), {"ignore_index": 1}), S((normal(rng, 3), np.array(1))),
            S((normal(rng, 2, 3, 2), np.array([[0, 2], [1, 1]]))), S((x[::-1], t[::-1])),
        ]  # fmt: skip
        out += [S((x, t), {"weight": w, "reduction": r}) for r in ("mean", "sum", "none")]
        return [*out, S((x, np.array([2, -100, 1, 1])), {"weight": w})]

    return make


def _smoothed_samples(rng: np.random.Generator) -> list[Sample]:
    x, t, w = normal(rng, 4, 3), np.array([2, -100, 1, 1]), np.array([0.5, 2.0, 1.0])
    out = [S((x, t), {"label_smoothing": 0.2, "reduction": r}) for r in ("mean", "sum", "none")]
    out += [
        S((x, t), {"label_smoothing": 0.2, "weight": w, "reduction": r})
        for r in ("mean", "sum", "none")
    ]
    p = scipy.special.softmax(normal(rng, 4, 3), 1)
    return [*out, S((x, p), {"label_smoothing": 0.2}), S((x, p), {"weight": w})]


def _soft_samples(rng: np.random.Generator) -> list[Sample]:
    p = scipy.special.softmax(normal(rng, 4, 3), 1)
    return [S((normal(rng, 4, 3), p), {"reduction": r}) for r in ("mean", "sum", "none")]


BAD_CLASSES = (
    Bad((np.ones((4, 3)), np.array([0, 1, 2])), errors.ShapeError, "(4, 3)"),
    Bad((np.ones((2, 3)), np.array([0, 3])), errors.DimensionError, "3"),
    Bad(
        (np.ones((2, 3)), np.array([0, 1])), errors.ArgumentError, "reduction", {"reduction": "all"}
    ),
)
ROWS = [
    Row("softmax", tg.softmax, scipy.special.softmax,
        shaped(((2, 3), 1), ((2, 3), 0), ((2, 3, 2), -2), ((1,), 0), ((0, 3), 1)),
        lambda rng: [S((np.array([1000.0, 0.0, -1000.0]), 0)), S((np.array([1.0, 1.0, -INF]), 0))],
        method="softmax", integers=False, bad=(NO_DIM,)),
    Row("log_softmax", tg.log_softmax, scipy.special.log_softmax,
        shaped(((2, 3), 1), ((2, 3), 0), ((2, 3, 2), -2), ((1,), 0), ((0, 3), 1)),
        lambda rng: [S((np.array([1000.0, 0.0, -1000.0]), 0)), S((np.array([1.0, 1.0, -INF]), 0))],
        method="log_softmax", integers=False, bad=(NO_DIM,)),
    Row("cross_entropy", F.cross_entropy, _cross_entropy_reference,
        lambda rng: [*_class_samples()(rng), *_soft_samples(rng), *_smoothed_samples(rng)], torch="nn.functional.cross_entropy",
        integers=False, bad=(*BAD_CLASSES,
            Bad((np.ones((2, 3)), np.array([0, 1])), errors.ArgumentError, "label_smoothing", {"label_smoothing": 1.5}),
            Bad((np.ones((2, 3), int), np.array([0, 1])), errors.DtypeError, "floating logits"),
            Bad((np.ones(()), np.array(0)), errors.ShapeError, "0-d"), Bad(("x", np.array(0)), errors.DtypeError, "must be a tensor"),
            Bad((np.ones((2, 3)), np.ones((2, 4))), errors.ShapeError, "the logits' shape (2, 3)"))),
    Row("nll_loss", F.nll_loss, _nll_reference, _class_samples(), torch="nn.functional.nll_loss",
        integers=False, bad=(*BAD_CLASSES, Bad((np.ones((2, 3)), np.ones(2)), errors.DtypeError, "integer classes"),
            Bad((np.ones(()), np.array(0)), errors.ShapeError, "0-d"),
            Bad((np.ones((2, 3)), np.array([0, 1]), np.ones(4)), errors.ShapeError, "weight must be (3,)"))),
    Row("mse_loss", F.mse_loss, _mse_reference, lambda rng: [
        *(S((normal(rng, 2, 3), normal(rng, 2, 3)), {"reduction": r}) for r in ("mean", "sum", "none")),
        S((normal(rng), normal(rng))), S((normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1])), S((normal(rng, 4), np.arange(4)))],
        torch="nn.functional.mse_loss", integers=False, bad=(
            Bad((np.ones((4, 1)), np.ones(4)), errors.ShapeError, "(4, 1)"),
            Bad((np.ones(4, complex), np.ones(4, complex)), errors.DtypeError, "complex"),
            Bad((np.ones(4), np.ones(4)), errors.ArgumentError, "reduction", {"reduction": "all"}))),
]  # fmt: skip
