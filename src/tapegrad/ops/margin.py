"""Margin and ranking losses.

In the formulas `g` is the gradient of the result, divided by the number of losses for a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching import widened
from ..device import apart, as_array, backend_of, every_value
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, wrap
from .activation import floats
from .cast import as_operand, different_devices
from .choose import minimum, where
from .distance import (
    paired,
    pairwise_distance,
    reduced,
    same_shape,
    weighted,
)
from .elementwise import relu, sqrt
from .entropy import binary_cross_entropy_with_logits
from .index import take_along_dim
from .loss import _class_error as class_error
from .loss import _reduction as check_reduction
from .reduce import mean, sum
from .shape import reshape, unsqueeze
from .smooth import logsigmoid
from .ternary import clamp_min


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Distances of pairs that should be small (target 1) or at least the margin (target -1).

    Value: mean of `input` where the target is 1, `max(margin - input, 0)` where it is -1.
    Adjoint: `g` for the first, `-g` for the second up to the margin.

    Args:
        input: distances, any shape.
        target: 1 or -1, of the same shape.
        margin: how far apart dissimilar pairs should be.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.hinge_embedding_loss(tg.tensor([0.5, 0.25]), tg.tensor([1.0, -1.0]))
        tensor(0.6250)
    """
    check_reduction("hinge_embedding_loss", reduction)
    input, target = paired("hinge_embedding_loss", input, target)
    x, t = input.array, target.array
    out = np.where(t != 1, np.maximum(margin - x, 0), 0) + np.where(t != -1, x, 0)
    down, up = as_array(t != -1), as_array((t != 1) & (x <= margin))
    return reduced(record1(out, _hinge_embedding_loss_vjp, input, (down, up)), reduction)


def _hinge_embedding_loss_vjp(g, down, up):
    return np.where(down, g, 0) - np.where(up, g, 0)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Pairs of scores of which the first should be larger (target 1) or smaller (target -1).

    Value: mean of `max(margin - target * (input1 - input2), 0)`. Adjoint: `-g * target` for `input1` and
    `g * target` for `input2`, where the loss is positive or at the corner.

    Args:
        input1, input2: scores, of one shape.
        target: 1 or -1, of the same shape.
        margin: by how much.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0])
        >>> tg.nn.functional.margin_ranking_loss(x, y, tg.tensor([1.0, 1.0]))
        tensor(1.)
    """
    op = "margin_ranking_loss"
    check_reduction(op, reduction)
    input1, input2 = paired(op, input1, input2)
    target = as_operand(target, op, "target")
    same_shape(op, input1, target)
    return reduced(clamp_min(target * (input2 - input1) + margin, 0), reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Logistic loss of scores and signs.

    Value: mean of `log(1 + e**(-target * input))`. Adjoint: `-g * target * sigmoid(-target * input)`.

    Args:
        input: scores, any shape.
        target: 1 or -1, of the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.soft_margin_loss(tg.tensor([0.0, -1000.0]), tg.tensor([1.0, -1.0]))
        tensor(0.3466)
    """
    check_reduction("soft_margin_loss", reduction)
    input, target = paired("soft_margin_loss", input, target)
    return -reduced(logsigmoid(input * target), reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Logistic losses of several labels that may be true at once, averaged over the classes.

    Value: mean over the classes of `-(target * log(s) + (1 - target) * log(1 - s))`, `s = sigmoid(input)`.
    Adjoint: `g * (s - target) / C`.

    Args:
        input: logits, (N, C) or (C,).
        target: 0 or 1, of the same shape.
        weight: (C,), importance of each class.
        reduction: "mean", "sum" or "none", over the batch.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.multilabel_soft_margin_loss(tg.zeros(1, 2), tg.tensor([[1.0, 0.0]]))
        tensor(0.6931)
    """
    op = "multilabel_soft_margin_loss"
    check_reduction(op, reduction)
    loss = binary_cross_entropy_with_logits(input, target, reduction="none")
    if not loss.ndim:
        raise ShapeError(f"{op}: input is 0-d, expected a dimension of classes")
    if weight is not None:
        loss = weighted(op, loss, weight, "none")
    return reduced(mean(loss, -1), reduction)


def _classes(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Scores (N, C) or (C,) and integer targets on one device."""
    input, target = floats(op, input), as_operand(target, op, "target")
    if apart(input.array, target.array):
        raise different_devices(op, input, target)
    if target.array.dtype.kind not in "iu":
        raise DtypeError(f"{op}: target must be integer classes, got {target.dtype}")
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"{op}: input must be (N, C) or (C,) with classes, got {input.shape}")
    return input, target


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The right class should score higher than every other one, by a margin.

    Value for each row: `sum over c != t of weight[t] * max(margin - input[t] + input[c], 0)**p / C`.
    Adjoint: `g * weight[t] * p * max(...)**(p - 1) / C` for class c, minus their sum for class t.

    Args:
        input: scores, (N, C) or (C,).
        target: classes, (N,) or ().
        p: 1 or 2.
        margin: by how much.
        weight: (C,), importance of each class.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes do not fit.
        DimensionError: for a class outside 0..C-1.
        ArgumentError: for another p.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[0.0, 0.5]])
        >>> tg.nn.functional.multi_margin_loss(x, tg.tensor([1]))
        tensor(0.2500)
    """
    op = "multi_margin_loss"
    check_reduction(op, reduction)
    if p not in (1, 2):
        raise ArgumentError(f"{op}: p must be 1 or 2, got {p}")
    input, target = _classes(op, input, target)
    classes = input.shape[-1]
    if target.shape != input.shape[:-1] and (input.ndim, target.shape) != (1, (1,)):
        raise ShapeError(f"{op}: target must be {input.shape[:-1]}, got {target.shape}")
    t = target.array.reshape(-1, 1)
    if every_value(np.any((t < 0) | (t >= classes))).any():
        raise class_error(op, t, classes)
    share = np.full_like(input.array, 1 / classes, shape=t.shape)
    if weight is not None:
        weight = as_operand(weight, op, "weight")
        if weight.shape != (classes,):
            raise ShapeError(f"{op}: weight must be ({classes},), got {weight.shape}")
        if apart(weight.array, t):
            raise different_devices(op, input, weight)
        share = share * widened(weight.array.astype(share.dtype), t)[t]
    rows = input if input.ndim == 2 else reshape(input, (1, classes))
    x = rows.array
    others = backend_of(x).namespace.arange(classes) != t  # (N, C)
    short = np.where(others, np.maximum(_shortfall(x, t, margin), 0), 0)
    out = np.add.reduce(short if p == 1 else short * short, axis=1) * share[:, 0]
    loss = record1(out, _multi_margin_loss_vjp, rows, (x, t, others, share, p, margin))
    return reduced(loss if input.ndim == 2 else reshape(loss, target.shape), reduction)


def _shortfall(x, t, margin):
    return x - np.take_along_axis(x, t, 1) + margin


def _multi_margin_loss_vjp(g, x, t, others, share, p, margin):
    short = _shortfall(x, t, margin)
    rising = others & (short > 0)
    pull = np.where(rising, 1 if p == 1 else 2 * short, 0) * (g[:, None] * share)
    return np.where(others, pull, -np.add.reduce(pull, axis=1, keepdims=True))


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Every right class should score higher than every wrong one, by 1.

    Value for each row: `sum over right t, wrong c of max(1 - input[t] + input[c], 0) / C`.
    Adjoint: `g / C` for class c and `-g / C` for class t, for every pair that is not apart.

    Args:
        input: scores, (N, C) or (C,).
        target: the right classes of each row, then -1; of the input's shape. What follows the first
            -1 does not count.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.
        DimensionError: for a class outside -1..C-1.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([[0.1, 0.2, 0.4, 0.8]]), tg.tensor([[3, 0, -1, 1]])
        >>> tg.nn.functional.multilabel_margin_loss(x, t)
        tensor(0.8500)
    """
    op = "multilabel_margin_loss"
    check_reduction(op, reduction)
    input, target = _classes(op, input, target)
    same_shape(op, input, target)
    classes = input.shape[-1]
    rows = input if input.ndim == 2 else reshape(input, (1, classes))
    t = target.array.reshape(rows.shape)
    if every_value(np.any((t < -1) | (t >= classes))).any():
        raise class_error(op, np.where(t == -1, 0, t), classes)
    listed = np.cumsum(t < 0, axis=1) == 0  # (N, T)
    t = np.where(listed, t, 0)
    named = (t[:, :, None] == backend_of(t).namespace.arange(classes)) & listed[:, :, None]
    wrong = ~np.any(named, axis=1)  # (N, C)
    right = unsqueeze(take_along_dim(rows, wrap(t), 1), 2)
    pairs = wrap(listed[:, :, None] & wrong[:, None, :])  # (N, T, C)
    short = where(pairs, unsqueeze(rows, 1) - right + 1, 0.0)
    loss = sum(relu(short), (1, 2)) / classes
    return reduced(loss if input.ndim == 2 else reshape(loss, ()), reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Pairs of vectors that should point the same way (target 1) or not (target -1).

    Value: mean of `1 - cos` where the target is 1, `max(cos - margin, 0)` where it is -1.
    Adjoint: by those of the operations it is made of.

    Args:
        input1, input2: (N, D) or (D,).
        target: 1 or -1, (N,) or ().
        margin: cosine that dissimilar vectors may have, from -1 to 1.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.tensor([[1.0, 0.0]]), tg.tensor([[0.0, 1.0]])
        >>> tg.nn.functional.cosine_embedding_loss(x, y, tg.tensor([1]))
        tensor(1.)
    """
    op = "cosine_embedding_loss"
    check_reduction(op, reduction)
    input1, input2 = paired(op, input1, input2)
    target = as_operand(target, op, "target")
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ShapeError(
            f"{op}: expected input1, input2 of shape (N, D) and target (N,), or (D,) and (), got "
            f"{input1.shape} and {target.shape}"
        )
    products = sum(input1 * input2, -1)
    sizes = (sum(input1 * input1, -1) + TINY) * (sum(input2 * input2, -1) + TINY)
    cosine = products / sqrt(sizes)
    apart = where(target == -1, clamp_min(cosine - margin, 0), 0.0)
    return reduced(where(target == 1, 1 - cosine, apart), reduction)


TINY = 1e-12  # PyTorch's


def _three(op: str, anchor: Any, positive: Any, negative: Any) -> tuple[Tensor, ...]:
    given = {"anchor": anchor, "positive": positive, "negative": negative}
    first, *rest = (as_operand(value, op, name) for name, value in given.items())
    for name, other in zip(("positive", "negative"), rest, strict=True):
        if other.shape != first.shape:
            raise ShapeError(
                f"{op}: anchor has shape {first.shape} and {name} {other.shape}; they must be equal"
            )
    return first, *rest


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """An anchor should be nearer to its like than to others, by a margin.

    Value: mean of `max(d(anchor, positive) - d(anchor, negative) + margin, 0)` for
    `d = pairwise_distance`. Adjoint: by those of the operations it is made of.

    Args:
        anchor, positive, negative: (N, D) or (D,), of one shape.
        margin: by how much, positive.
        p, eps: order of the norm and what is added to differences, as for `pairwise_distance`.
        swap: take d(positive, negative) for the second distance if it is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if the margin is not positive.

    Example:
        >>> import tapegrad as tg
        >>> a, p, n = tg.tensor([[0.0]]), tg.tensor([[1.0]]), tg.tensor([[1.5]])
        >>> tg.nn.functional.triplet_margin_loss(a, p, n)
        tensor(0.5000)

    References:
        Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses" (2016).
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    three = anchor, positive, negative
    return _triplet("triplet_margin_loss", three, distance, margin, swap, reduction)


def _triplet(
    op: str, three: Any, distance: Any, margin: float, swap: bool, reduction: str
) -> Tensor:
    check_reduction(op, reduction)
    if not margin > 0:
        raise ArgumentError(f"{op}: margin must be positive, got {margin}")
    anchor, positive, negative = _three(op, *three)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min(near - far + margin, 0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own.

    Value: mean of `max(d(anchor, positive) - d(anchor, negative) + margin, 0)`.
    Adjoint: by those of the operations it is made of.

    Args:
        anchor, positive, negative: of one shape.
        distance_function: d; `pairwise_distance` by default.
        margin: by how much, positive.
        swap: take d(positive, negative) for the second distance if it is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if the margin is not positive.

    Example:
        >>> import tapegrad as tg
        >>> a, p, n = tg.tensor([[0.0]]), tg.tensor([[1.0]]), tg.tensor([[1.5]])
        >>> tg.nn.functional.triplet_margin_with_distance_loss(
        ...     a, p, n, distance_function=lambda x, y: tg.abs(x - y).sum(-1)
        ... )
        tensor(0.5000)
    """
    op = "triplet_margin_with_distance_loss"
    distance = pairwise_distance if distance_function is None else distance_function
    three = anchor, positive, negative
    return _triplet(op, three, distance, margin, swap, reduction)
