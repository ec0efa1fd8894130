"""Losses that compare two tensors, or tensors with labels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.special

from rows import INF, NAN, TEXT, Bad, Row, S, Sample, away, distinct, normal, positive
from tapegrad import errors
from tapegrad.nn import functional as F

REDUCTIONS = ("mean", "sum", "none")
X, Y = np.ones((2, 3)), np.ones((3,))


def reduced(loss: Any, reduction: str = "mean") -> Any:
    """The losses, their sum, or their mean."""
    if reduction == "none":
        return loss
    return np.sum(loss) if reduction == "sum" else np.mean(loss) if np.size(loss) else NAN


def reducing(function: Any) -> Any:
    """A reference from a function that answers the losses one by one."""

    def reference(*args: Any, reduction: str = "mean", **kwargs: Any) -> Any:
        return reduced(function(*args, **kwargs), reduction)

    return reference


def errors_of(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Two tensors whose difference stays away from 0, 0.5, 1 and 2."""
    y = normal(rng, *shape)
    size = rng.choice([0.0, 0.5, 1.0, 2.0], shape) + rng.uniform(0.1, 0.4, shape)
    return y + size * rng.choice([-1.0, 1.0], shape), y


def two(make: Any, *options: dict[str, Any]) -> Any:
    """Samples of input and target with every reduction, and with options."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        out = [S(make(rng, 2, 3), {"reduction": r}) for r in REDUCTIONS]
        out += [S(make(rng)), S(make(rng, 1)), S(make(rng, 0, 2), {"reduction": "sum"})]
        x, y = make(rng, 3, 2)
        out.append(S((x[::-1].T, y[::-1].T)))
        return out + [
            S(make(rng, 2, 3), {**o, "reduction": r}) for o in options for r in REDUCTIONS
        ]

    return samples


REDUCTION = Bad((X, X), errors.ArgumentError, "reduction", {"reduction": "all"})
SHAPES = Bad((X, Y), errors.ShapeError, "must be equal")
USUAL = (SHAPES, REDUCTION, TEXT._replace(args=("text", X)), TEXT._replace(args=(X, 1.0)))


def loss(name: str, reference: Any, samples: Any, edges: Any = None, **more: Any) -> Row:
    """Row of a loss."""
    settings = {"torch": f"nn.functional.{name}", "integers": False, "bad": USUAL, **more}
    return Row(
        name, getattr(F, name), reducing(reference), samples, edges or (lambda rng: []), **settings
    )


def _huber(x: Any, y: Any, delta: float = 1.0, weight: Any = 1.0) -> Any:
    return weight * scipy.special.huber(delta, x - y)


def _smooth_l1(x: Any, y: Any, beta: float = 1.0) -> Any:
    return scipy.special.huber(beta, x - y) / beta if beta else np.abs(x - y)


def chances(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Probabilities away from 0 and 1."""
    return rng.uniform(0.1, 0.9, shape), rng.uniform(0.1, 0.9, shape)


def _bce(x: Any, target: Any, weight: Any = 1.0) -> Any:
    with np.errstate(divide="ignore"):
        return -weight * (
            target * np.maximum(np.log(x), -100) + (1 - target) * np.maximum(np.log(1 - x), -100)
        )


def logits(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Logits and probabilities."""
    return away(rng, *shape), rng.uniform(0.1, 0.9, shape)


def _bce_logits(x: Any, t: Any, weight: Any = 1.0, pos_weight: Any = 1.0) -> Any:
    return -weight * (
        pos_weight * t * scipy.special.log_expit(x) + (1 - t) * scipy.special.log_expit(-x)
    )


def _kl(x: Any, t: Any, log_target: bool = False) -> Any:
    return np.exp(t) * (t - x) if log_target else scipy.special.xlogy(t, t) - t * x


def log_chances(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Log-probabilities and probabilities."""
    return normal(rng, *shape), rng.uniform(0.1, 0.9, shape)


def _poisson(x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Any:
    out = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        out = out + np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0)
    return out


def counts(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Rates and counts."""
    return positive(rng, *shape), rng.uniform(0.1, 0.8, shape) + rng.integers(0, 4, shape)


def _gaussian(x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6) -> Any:
    if np.ndim(var) == x.ndim - 1 and np.shape(var) == x.shape[:-1]:
        var = np.asarray(var)[..., None]
    v = np.maximum(var, eps)
    return 0.5 * (np.log(v) + (x - t) ** 2 / v + (np.log(2 * np.pi) if full else 0))


def _gaussian_samples(rng: np.random.Generator) -> list[Sample]:
    def three(*shape: int, var: Any = None) -> tuple[Any, ...]:
        return (
            normal(rng, *shape),
            normal(rng, *shape),
            positive(rng, *(shape if var is None else var)),
        )

    out = [S(three(2, 3), {"reduction": r}) for r in REDUCTIONS]
    return [*out, S(three(2, 3), {"full": True}), S(three(2, 3, var=(2, 1))), S(three(2, 3, var=(2,))),
            S(three(2, 3, var=(1, 3))), S((normal(rng, 3), normal(rng, 3), 0.5))]  # fmt: skip


def signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Ones and minus ones, as integers."""
    return rng.choice([-1, 1], shape)


def hinged(rng: np.random.Generator, *shape: int) -> tuple[Any, Any]:
    """Distances away from 0, 0.5 and 1, with signs."""
    return rng.choice([0.1, 0.7, 1.3], shape) + rng.uniform(0, 0.2, shape), signs(rng, *shape)


def _ranking(x: Any, y: Any, t: Any, margin: float = 0.0) -> Any:
    return np.maximum(margin - t * (x - y), 0)


def _ranking_samples(rng: np.random.Generator) -> list[Sample]:
    out = [S((*errors_of(rng, 2, 3), signs(rng, 2, 3)), {"reduction": r}) for r in REDUCTIONS]
    return [*out, S((*errors_of(rng, 4), signs(rng, 4), 0.5)), S((*errors_of(rng), signs(rng)))]


def _multi_margin(x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None) -> Any:
    rows, classes = np.atleast_2d(x), np.atleast_1d(t)
    out = []
    for row, c in zip(rows, classes, strict=True):
        short = np.maximum(np.delete(row, c) - row[c] + margin, 0) ** p
        out.append(short.sum() * (1 if weight is None else weight[c]) / row.size)
    return np.array(out).reshape(np.shape(t))


def _multi_margin_samples(rng: np.random.Generator) -> list[Sample]:
    def scores(*shape: int) -> np.ndarray:  # differences stay away from 0.5 and 1
        return distinct(rng, *shape) * 0.97

    t, w = np.array([2, 0]), np.array([0.5, 2.0, 1.0])
    out = [S((scores(2, 3), t), {"reduction": r}) for r in REDUCTIONS]
    out += [S((scores(2, 3), t), {"p": 2, "weight": w, "reduction": r}) for r in REDUCTIONS]
    return [*out, S((scores(3), np.array(1))), S((scores(2, 3), t), {"margin": 0.5, "weight": w}),
            S((scores(3, 2)[::-1].T, t[::-1]))]  # fmt: skip


def _multilabel_margin(x: Any, t: Any) -> Any:
    out = []
    for row, classes in zip(np.atleast_2d(x), np.atleast_2d(t), strict=True):
        right = classes[: list([*classes, -1]).index(-1)]
        wrong = np.delete(row, right)
        out.append(np.maximum(1 - row[right][:, None] + wrong, 0).sum() / row.size)
    return np.array(out).reshape(np.shape(t)[:-1])


def _multilabel_samples(rng: np.random.Generator) -> list[Sample]:
    t = np.array([[2, 0, -1, 1], [-1, 0, 1, 2], [3, 1, 2, 0]])
    out = [S((distinct(rng, 3, 4) * 0.97, t), {"reduction": r}) for r in REDUCTIONS]
    return [*out, S((distinct(rng, 4) * 0.97, t[0]))]


def _multilabel_soft(x: Any, t: Any, weight: Any = 1.0) -> Any:
    return (weight * _bce_logits(x, t)).mean(-1)


def _multilabel_soft_samples(rng: np.random.Generator) -> list[Sample]:
    w = np.array([0.5, 2.0, 1.0])
    out = [S(logits(rng, 2, 3), {"reduction": r}) for r in REDUCTIONS]
    out += [S(logits(rng, 2, 3), {"weight": w, "reduction": r}) for r in REDUCTIONS]
    return [*out, S(logits(rng, 3))]


def _cosine(x: Any, y: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    sizes = [np.maximum(np.sqrt((a * a).sum(dim, keepdims=True)), eps) for a in (x, y)]
    return (x / sizes[0] * (y / sizes[1])).sum(dim)


def _cosine_embedding(x: Any, y: Any, t: Any, margin: float = 0.0) -> Any:
    sizes = ((x * x).sum(-1) + 1e-12) * ((y * y).sum(-1) + 1e-12)
    cosine = (x * y).sum(-1) / np.sqrt(sizes)
    return np.where(t == 1, 1 - cosine, np.maximum(cosine - margin, 0))


def _cosine_embedding_samples(rng: np.random.Generator) -> list[Sample]:
    x = away(rng, 4, 3)
    y = x * np.array([1.0, -1.0, 1.0, -1.0])[:, None] + 0.1 * normal(rng, 4, 3)
    t = np.array([1, -1, -1, 1])
    out = [S((x, y, t), {"reduction": r}) for r in REDUCTIONS]
    return [*out, S((x, y, t, 0.3)), S((x[0], y[0], np.array(-1)))]


def _distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return (np.abs(x - y + eps) ** p).sum(-1, keepdims=keepdim) ** (1 / p)


def _triplet(a: Any, x: Any, y: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
             swap: bool = False) -> Any:  # fmt: skip
    far = _distance(a, y, p, eps)
    if swap:
        far = np.minimum(far, _distance(x, y, p, eps))
    return np.maximum(_distance(a, x, p, eps) - far + margin, 0)


def _triplet_samples(rng: np.random.Generator) -> list[Sample]:
    a = normal(rng, 3, 2)
    three = a, a + away(rng, 3, 2), a + 3 * away(rng, 3, 2)
    out = [S(three, {"reduction": r}) for r in REDUCTIONS]
    return [
        *out,
        S(three, {"swap": True, "margin": 3.0}),
        S(tuple(t[0] for t in three), {"margin": 2.5}),
    ]


def pairs_of(rng: np.random.Generator) -> list[Sample]:
    """Vectors to compare, broadcasting too."""
    return [
        S((away(rng, 2, 3), away(rng, 2, 3))),
        S((away(rng, 2, 3), away(rng, 1, 3))),
        S((away(rng, 4, 1), away(rng, 4, 1))),
    ]


def _ctc(x: Any, targets: Any, spent: Any, counts: Any, blank: int = 0) -> Any:
    """The sum over all alignments, one by one."""
    batch = x if x.ndim == 3 else x[:, None]
    starts = np.cumsum([0, *counts])
    out = []
    for i, (time, count) in enumerate(zip(spent, counts, strict=True)):
        flat = targets.ndim == 1
        wanted = list(targets[starts[i] : starts[i] + count] if flat else targets[i, :count])
        total = []
        for path in itertools.product(range(x.shape[-1]), repeat=time):
            merged = [c for c, _ in itertools.groupby(path) if c != blank]
            if merged == wanted:
                total.append(sum(batch[t, i, c] for t, c in enumerate(path)))
        out.append(-scipy.special.logsumexp(total) if total else INF)
    return np.array(out) if x.ndim == 3 else np.array(out[0])


def _ctc_reference(x: Any, targets: Any, spent: Any, counts: Any, blank: int = 0, reduction: str = "mean",
                   zero_infinity: bool = False) -> Any:  # fmt: skip
    out = _ctc(x, targets, spent, counts, blank)
    out = np.where(np.isinf(out), 0, out) if zero_infinity else out
    return np.mean(out / np.maximum(counts, 1)) if reduction == "mean" else reduced(out, reduction)


def _ctc_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 4, 2, 3)
    out = [S((x, np.array([[1, 2], [2, 0]]), [4, 3], [2, 1]), {"reduction": r}) for r in REDUCTIONS]
    return [
        *out, S((x, np.array([1, 1, 2]), [4, 3], [2, 1])), S((x, np.array([[0], [1]]), [4, 2], [1, 1], 2)),
        S((x[:, 0], np.array([2, 1]), [4], [2])), S((x[:2], np.array([[1, 0], [0, 0]]), [2, 1], [1, 0])),
        S((x[:1], np.array([[1], [2]]), [1, 1], [1, 1])),
        S((x[:3], np.array([[1, 1], [2, 2]]), [2, 3], [2, 2]), {"zero_infinity": True, "reduction": "none"}),
    ]  # fmt: skip


CTC = np.zeros((3, 2, 4)), np.array([[1, 2], [2, 3]])
ONES = np.ones((2, 3))
ZEROS_ONES = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
BIG = np.array([1000.0, -1000.0, 0.0, 1000.0]), np.array([1.0, 0.0, 0.5, 0.0])
TIES = np.array([0.0, 1.0, -1.0, 2.0, 1000.0]), np.zeros(5)
WEIGHT = {"weight": np.array([[0.5, 2.0, 1.0], [1.0, 0.0, 3.0]])}
ROW_WEIGHT = {"weight": np.array([0.5, 2.0, 1.0])}
POSITIVE = {"pos_weight": np.array([0.5, 2.0, 3.0])}
INTERNAL = {"positive_weight", "gaussian_variance"}
BAD_CLASSES = (
    Bad((ONES, np.array([0, 1, 2])), errors.ShapeError, "must be (2,)"),
    Bad((ONES, np.array([0, 3])), errors.DimensionError, "3"),
    Bad((ONES, np.array([0.0, 1.0])), errors.DtypeError, "integer classes"),
    Bad((ONES, np.array([0, 1])), errors.ArgumentError, "p must", {"p": 3}),
    Bad((np.ones((2, 0)), np.array([0, 1])), errors.ShapeError, "with classes"),
)

ROWS = [
    loss("l1_loss", lambda x, y: np.abs(x - y), two(errors_of), lambda rng: [S(TIES), S((np.array([-INF, INF]), np.zeros(2)))], complex=3),
    loss("huber_loss", _huber, two(errors_of, {"delta": 0.5}, WEIGHT), lambda rng: [S(TIES), S((np.array([NAN, INF]), np.zeros(2)))],
         bad=(*USUAL, Bad((X, X), errors.ArgumentError, "delta", {"delta": 0.0}))),
    loss("smooth_l1_loss", _smooth_l1, two(errors_of, {"beta": 0.5}, {"beta": 0.0}), lambda rng: [S(TIES)],
         bad=(*USUAL, Bad((X, X), errors.ArgumentError, "beta", {"beta": -1.0}))),
    loss("binary_cross_entropy", _bce, two(chances, WEIGHT, ROW_WEIGHT), lambda rng: [S(ZEROS_ONES[:1], {"target": ZEROS_ONES[1], "reduction": "none"})],
         bad=(*USUAL, Bad((X * 2, X), errors.ArgumentError, "probabilities"), Bad((X * NAN, X), errors.ArgumentError, "probabilities"),
              Bad((X, X), errors.ShapeError, "broadcast", {"weight": np.ones(2)}))),
    loss("binary_cross_entropy_with_logits", _bce_logits, two(logits, WEIGHT, ROW_WEIGHT, POSITIVE, {**WEIGHT, **POSITIVE}),
         lambda rng: [S(BIG), S((np.array([0.0, NAN]), np.array([0.0, 1.0])))],
         bad=(*USUAL, Bad((X, X), errors.ShapeError, "pos_weight", {"pos_weight": np.ones(2)}))),
    loss("kl_div", _kl, two(log_chances, {"log_target": True}), lambda rng: [S((np.array([-1.0, -2.0]), np.array([1.0, 0.5])))]),
    loss("poisson_nll_loss", _poisson, two(counts, {"log_input": False}, {"full": True}), complex=3),
    loss("gaussian_nll_loss", _gaussian, _gaussian_samples, bad=(
        *(b._replace(args=(*b.args, ONES)) for b in USUAL), Bad((X, X, -ONES), errors.ArgumentError, "negative"),
        Bad((X, X, np.ones(3)), errors.ShapeError, "var"), Bad((X, X, np.ones((1, 1))), errors.ShapeError, "var"))),
    loss("hinge_embedding_loss", lambda x, t, margin=1.0: np.where(t == 1, x, np.maximum(margin - x, 0)),
         two(hinged, {"margin": 0.5}), lambda rng: [S((np.array([1.0, 1.0, NAN]), np.array([1, -1, -1])), {"reduction": "none"})]),
    loss("margin_ranking_loss", _ranking, _ranking_samples, lambda rng: [S((np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.array([1, 1])))],
         bad=(*(b._replace(args=(*b.args, ONES)) for b in USUAL), Bad((X, X, Y), errors.ShapeError, "must be equal"))),
    loss("soft_margin_loss", lambda x, t: np.logaddexp(0, -t * x), two(lambda rng, *shape: (normal(rng, *shape), signs(rng, *shape)))),
    loss("multilabel_soft_margin_loss", _multilabel_soft, _multilabel_soft_samples,
         bad=(*USUAL, Bad((np.array(1.0), np.array(1.0)), errors.ShapeError, "0-d"))),
    loss("multi_margin_loss", _multi_margin, _multi_margin_samples,
         lambda rng: [S((np.array([[0.0, 1.0, 2.0]]), np.array([1])))], bad=(
             *BAD_CLASSES, Bad((ONES, np.array([0, 1])), errors.ShapeError, "weight", {"weight": np.ones(2)}))),
    loss("multilabel_margin_loss", _multilabel_margin, _multilabel_samples,
         lambda rng: [S((np.array([[0.0, 1.0, 2.0]]), np.array([[1, -1, 0]])))], bad=(
             Bad((ONES, np.array([0, 1])), errors.ShapeError, "must be equal"), Bad((ONES, np.full((2, 3), 3)), errors.DimensionError, "3"),
             Bad((ONES, np.full((2, 3), -2)), errors.DimensionError, "-2"), Bad((ONES, ONES), errors.DtypeError, "integer classes"))),
    loss("cosine_embedding_loss", _cosine_embedding, _cosine_embedding_samples, bad=(
        SHAPES._replace(args=(X, Y, np.array([1, 1]))), Bad((X, X, np.array([1, 1, 1])), errors.ShapeError, "target"))),
    loss("triplet_margin_loss", _triplet, _triplet_samples, bad=(
        Bad((X, X, Y), errors.ShapeError, "negative"), Bad((X, X, X, 0.0), errors.ArgumentError, "margin"),
        Bad((X, X, X), errors.ArgumentError, "reduction", {"reduction": "all"})), complex=3),
    loss("triplet_margin_with_distance_loss", _triplet, _triplet_samples, bad=(
        Bad((X, X, Y), errors.ShapeError, "negative"), Bad((X, X, X), errors.ArgumentError, "margin", {"margin": -1.0})), complex=3),
    Row("cosine_similarity", F.cosine_similarity, _cosine, lambda rng: [
            *pairs_of(rng), S((away(rng, 2, 3), away(rng, 2, 3)), {"dim": 0}), S((away(rng, 3), away(rng, 3), -1))],
        torch="cosine_similarity", integers=False, bad=(
            Bad((X, np.ones((2, 4))), errors.ShapeError, "broadcast"), Bad((X, X, 2), errors.DimensionError, "dim"))),
    Row("pairwise_distance", F.pairwise_distance, _distance, lambda rng: [
            *pairs_of(rng), S((away(rng, 2, 3), away(rng, 2, 3), 1.0)), S((away(rng, 2, 3), away(rng, 2, 3)), {"keepdim": True}),
            S((away(rng, 3), away(rng, 3), 3.0))], torch="pairwise_distance", integers=False, bad=(
            Bad((X, np.ones((2, 4))), errors.ShapeError, "broadcast"),), complex=3),
    # PyTorch's gradient holds that of a log_softmax: compared behind one, in test_torch_layers.py
    Row("ctc_loss", F.ctc_loss, _ctc_reference, _ctc_samples, lambda rng: [
            S((normal(rng, 2, 2, 3), np.array([[1, 1], [2, 1]]), [2, 2], [2, 2]), {"reduction": "none"}),
            S((np.array([[[-0.5, -INF]], [[-INF, -0.25]]]), np.array([[1]]), [2], [1]))],
        torch="", bad=(
            Bad((*CTC, [3, 3], [2, 3]), errors.ArgumentError, "target_lengths"), Bad((*CTC, [3, 4], [2, 2]), errors.ArgumentError, "from 0 to 3"),
            Bad((*CTC, [3, -1], [2, 2]), errors.ArgumentError, "input_lengths"), Bad((*CTC, [3], [2, 2]), errors.ShapeError, "2 lengths"),
            Bad((*CTC, [3.0, 3.0], [2, 2]), errors.DtypeError, "integers"), Bad((*CTC, [3, 3], [2, 2], 4), errors.DimensionError, "blank"),
            Bad((CTC[0], CTC[1] + 2, [3, 3], [2, 2]), errors.DimensionError, "targets"), Bad((CTC[0], CTC[1] * 1.0, [3, 3], [2, 2]), errors.DtypeError, "labels"),
            Bad((CTC[0], CTC[1][:1], [3, 3], [2, 2]), errors.ShapeError, "N = 2"), Bad((CTC[0], np.array([1, 2, 3]), [3, 3], [2, 2]), errors.ShapeError, "add up"),
            Bad((np.zeros(3), CTC[1], [3, 3], [2, 2]), errors.ShapeError, "log_probs"), REDUCTION._replace(args=(*CTC, [3, 3], [2, 2])))),
]  # fmt: skip
