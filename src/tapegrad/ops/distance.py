"""Losses between tensors of one shape, and distances.

In the formulas `g` is the gradient of the result, divided by the number of elements for a mean.
Shapes that would broadcast silently are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..kernels import conj, direction
from ..record import record2
from ..tensor import Tensor
from .cast import as_operand, not_complex, promoted
from .loss import _reduction as check_reduction
from .norms import norm
from .reduce import mean, sum
from .ternary import clamp_min

__all__ = ["cosine_similarity", "pairwise_distance"]


def same_shape(op: str, input: Tensor, target: Tensor, name: str = "target") -> None:
    """Refuse operands that would broadcast."""
    if input.shape != target.shape:
        raise ShapeError(
            f"{op}: input has shape {input.shape} and {name} {target.shape}; they must be equal "
            "(they would broadcast silently to something else); reshape one of them"
        )


def paired(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Input and target of one shape, real floating dtype and device."""
    input, target = paired_any(op, input, target)
    if input.array.dtype.kind != "f":
        not_complex(op, input)
    return input, target


def paired_any(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Input and target of one shape, floating or complex dtype, and device."""
    input, target = as_operand(input, op), as_operand(target, op, "target")
    same_shape(op, input, target)
    x, y = input.array, target.array
    if x.dtype is not y.dtype or type(x) is not type(y) or x.dtype.kind != "f":
        input, target = promoted(op, (input, target), floating=True)
    return input, target


def summed(out: Any, reduction: str) -> tuple[Any, float]:
    """A reduced array, and the factor of its gradient."""
    if reduction == "none":
        return out, 1.0
    n = out.size
    total = np.add.reduce(out, axis=None)
    if reduction == "sum":
        return total, 1.0
    return (total / n, 1 / n) if n else (total * np.nan, np.nan)


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Mean, sum, or the losses themselves."""
    if reduction == "none":
        return loss
    return sum(loss) if reduction == "sum" else mean(loss)


def weighted(op: str, loss: Tensor, weight: Any, reduction: str) -> Tensor:
    """Losses times weights that broadcast to them, reduced."""
    weight = as_operand(weight, op, "weight")
    check_weight(op, "weight", weight, loss.shape)
    return reduced(loss * weight, reduction)


def check_weight(op: str, name: str, weight: Tensor, shape: Any) -> None:
    """Refuse weights that do not broadcast to a shape."""
    sizes = zip(weight.shape[::-1], shape[::-1], strict=False)
    if weight.ndim > len(shape) or any(w not in (1, n) for w, n in sizes):
        raise ShapeError(
            f"{op}: {name} must broadcast to the input's shape {tuple(shape)}, got {weight.shape}"
        )


def l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Mean absolute error.

    Value: mean of `|input - target|`. Adjoint: `g * sgn(input - target)`, and its negative for `target`.

    Args:
        input: tensor of any shape; the error of complex numbers is real.
        target: tensor of the same shape.
        reduction: "mean", "sum" or "none".
        weight: of the same shape; the mean is divided by their sum.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 5.0]))
        tensor(1.5000)
    """
    check_reduction("l1_loss", reduction)
    input, target = paired_any("l1_loss", input, target)
    if weight is not None:
        same_shape("l1_loss", input, as_operand(weight, "l1_loss", "weight"), "weight")
        total = weighted("l1_loss", l1_loss(input, target, "none"), weight, _whole(reduction))
        return total / sum(weight) if reduction == "mean" else total
    x, y = input.array, target.array
    out, scale = summed(np.abs(x - y), reduction)
    return record2(out, (_l1_loss_vjp_input, _l1_loss_vjp_target), input, target, (x, y, scale))


def _whole(reduction: str) -> str:
    return "sum" if reduction == "mean" else reduction


def _l1_loss_vjp_input(g, x, y, scale):
    return conj(direction(x - y)) * (g * scale)


def _l1_loss_vjp_target(g, x, y, scale):
    return conj(direction(y - x)) * (g * scale)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error where small, absolute error where large.

    Value: mean of `e**2 / 2` for `e = input - target` with `|e| <= delta`, else
    `delta * (|e| - delta / 2)`. Adjoint: `g * min(max(e, -delta), delta)`, and its negative for `target`.

    Args:
        input: tensor of any shape.
        target: tensor of the same shape.
        reduction: "mean", "sum" or "none".
        delta: where the straight line begins, positive.
        weight: of the same shape.

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if delta is not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.huber_loss(tg.tensor([0.0, 3.0]), tg.tensor([1.0, 0.0]))
        tensor(1.5000)

    References:
        Huber, "Robust Estimation of a Location Parameter" (1964).
    """
    check_reduction("huber_loss", reduction)
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    input, target = paired("huber_loss", input, target)
    if weight is not None:
        same_shape("huber_loss", input, as_operand(weight, "huber_loss", "weight"), "weight")
        loss = huber_loss(input, target, "none", delta)
        return weighted("huber_loss", loss, weight, reduction)
    x, y = input.array, target.array
    out, scale = summed(_bent(x - y, delta), reduction)
    rules = (_huber_loss_vjp_input, _huber_loss_vjp_target)
    return record2(out, rules, input, target, (x, y, delta, scale))


def _bent(e: Any, delta: float) -> Any:
    near = np.minimum(np.maximum(e, -delta), delta)
    return near * (e - near * 0.5)


def _huber_loss_vjp_input(g, x, y, delta, scale):
    return np.clip(x - y, -delta, delta) * (g * scale)


def _huber_loss_vjp_target(g, x, y, delta, scale):
    return np.clip(y - x, -delta, delta) * (g * scale)


def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Absolute error whose corner is rounded off: `huber_loss` divided by its bend.

    Value: mean of `e**2 / (2 * beta)` for `e = input - target` with `|e| < beta`, else
    `|e| - beta / 2`. Adjoint: `g * min(max(e / beta, -1), 1)`, and its negative for `target`.

    Args:
        input: tensor of any shape.
        target: tensor of the same shape.
        reduction: "mean", "sum" or "none".
        beta: where the straight line begins; 0 for `l1_loss`.

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: if beta is negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.smooth_l1_loss(tg.tensor([0.0, 3.0]), tg.tensor([1.0, 0.0]), beta=2.0)
        tensor(1.1250)

    References:
        Girshick, "Fast R-CNN" (2015).
    """
    check_reduction("smooth_l1_loss", reduction)
    if not beta >= 0:
        raise ArgumentError(f"smooth_l1_loss: beta must be at least 0, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction)
    input, target = paired("smooth_l1_loss", input, target)
    x, y = input.array, target.array
    out, scale = summed(_bent(x - y, beta) / beta, reduction)
    rules = (_smooth_l1_loss_vjp_input, _smooth_l1_loss_vjp_target)
    return record2(out, rules, input, target, (x, y, beta, scale))


def _smooth_l1_loss_vjp_input(g, x, y, beta, scale):
    return np.clip((x - y) / beta, -1, 1) * (g * scale)


def _smooth_l1_loss_vjp_target(g, x, y, beta, scale):
    return np.clip((y - x) / beta, -1, 1) * (g * scale)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Distances between vectors along the last dimension.

    Value: `norm(x1 - x2 + eps, p)`. Adjoint: that of `norm`, and its negative for `x2`.

    Args:
        x1, x2: (N, D) or (D,) each; shapes that broadcast.
        p: order of the norm.
        eps: added to every difference, so that equal vectors have a gradient.
        keepdim: keep the last dimension with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.pairwise_distance(tg.tensor([[3.0, 0.0]]), tg.tensor([[0.0, 4.0]]))
        tensor([5.])
    """
    x1, x2 = promoted("pairwise_distance", (x1, x2), floating=True)
    return norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors.

    Value: `sum(x1 * x2) / (max(norm(x1), eps) * max(norm(x2), eps))` along a dimension.
    Adjoint: by those of the operations it is made of.

    Args:
        x1, x2: tensors of shapes that broadcast.
        dim: the dimension of the vectors.
        eps: smallest divisor.

    Example:
        >>> import tapegrad as tg
        >>> tg.cosine_similarity(tg.tensor([[1.0, 0.0]]), tg.tensor([[1.0, 1.0]]))
        tensor([0.7071])
    """
    x1, x2 = promoted("cosine_similarity", (x1, x2), floating=True)
    not_complex("cosine_similarity", x1)
    return sum(_unit(x1, dim, eps) * _unit(x2, dim, eps), dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    # divided before they are multiplied, so that neither overflows
    return x / clamp_min(norm(x, 2, dim, True), eps)
