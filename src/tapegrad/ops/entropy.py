"""Likelihood losses: entropies between probabilities, counts, normal distributions.

In the formulas `g` is the gradient of the result, divided by the number of elements for a mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..device import apart, every_value
from ..errors import ArgumentError, ShapeError
from ..record import record, record1, record2
from ..tensor import Tensor, wrap
from .cast import as_operand, cast, different_devices, not_complex
from .choose import clamp, where
from .distance import check_weight, paired, paired_any, reduced, summed, weighted
from .elementwise import exp, log
from .loss import _reduction as check_reduction
from .reduce import sum
from .shape import unsqueeze
from .special import xlogy


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Cross entropy of probabilities; logarithms are bounded by -100.

    Value: mean of `-(target * log(input) + (1 - target) * log(1 - input))`.
    Adjoint: `g * (input - target) / (input * (1 - input))`, and `g * (log(1 - input) - log(input))`
    for `target`.

    Args:
        input: probabilities, any shape.
        target: tensor of the same shape, from 0 to 1.
        weight: of a shape that broadcasts to it.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.
        ArgumentError: for probabilities outside 0 to 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.binary_cross_entropy(tg.tensor([0.5, 1.0]), tg.tensor([1.0, 1.0]))
        tensor(0.3466)
    """
    op = "binary_cross_entropy"
    check_reduction(op, reduction)
    input, target = paired(op, input, target)
    x, t = input.array, target.array
    if every_value(np.any(~((x >= 0) & (x <= 1)))).any():
        raise ArgumentError(
            f"{op}: input must hold probabilities between 0 and 1; use "
            "binary_cross_entropy_with_logits for logits"
        )
    if weight is not None:
        loss = binary_cross_entropy(input, target, None, "none")
        return weighted(op, loss, weight, reduction)
    out = (t - 1) * kernels.bounded_log(1 - x) - t * kernels.bounded_log(x)
    out, scale = summed(out, reduction)
    rules = (_binary_cross_entropy_vjp_input, _binary_cross_entropy_vjp_target)
    return record2(out, rules, input, target, (x, t, scale))


LEAST = 9.999999960041972e-13  # PyTorch's: 1e-12 rounded to single precision


def _binary_cross_entropy_vjp_input(g, x, t, scale):
    least = LEAST if x.dtype.itemsize > 2 else 1e-7  # float16 cannot hold it
    return (x - t) / np.maximum(x * (1 - x), least) * (g * scale)


def _binary_cross_entropy_vjp_target(g, x, t, scale):
    return (kernels.bounded_log(1 - x) - kernels.bounded_log(x)) * (g * scale)


@kernels.bounded_log.register(Tensor)
def _bounded_log_of_tensor(input):
    with np.errstate(divide="ignore"):
        return clamp(log(input), min=-100)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross entropy of logits and probabilities, the sigmoid included.

    Value: mean of `(1 - target) * softplus(input) + pos_weight * target * softplus(-input)`.
    Adjoint: `g * (s - target)` with `s = sigmoid(input)`, in general
    `g * ((1 - target) * s - pos_weight * target * (1 - s))`; for `target`
    `g * (pos_weight * softplus(-input) - softplus(input))`.

    Args:
        input: logits, any shape.
        target: tensor of the same shape, from 0 to 1.
        weight: of a shape that broadcasts to it.
        reduction: "mean", "sum" or "none".
        pos_weight: weight of the positive answer, of a shape that broadcasts; usually (C,).

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([0.0, 1000.0]), tg.tensor([1.0, 1.0])
        >>> tg.nn.functional.binary_cross_entropy_with_logits(x, t)
        tensor(0.3466)
    """
    op = "binary_cross_entropy_with_logits"
    check_reduction(op, reduction)
    input, target = paired(op, input, target)
    if weight is not None:
        loss = binary_cross_entropy_with_logits(input, target, None, "none", pos_weight)
        return weighted(op, loss, weight, reduction)
    if pos_weight is not None:
        return reduced(_with_positive_weight(op, input, target, pos_weight), reduction)
    x, t = input.array, target.array
    out, scale = summed(kernels.softplus(x) - x * t, reduction)
    rules = (
        _binary_cross_entropy_with_logits_vjp_input,
        _binary_cross_entropy_with_logits_vjp_target,
    )
    return record2(out, rules, input, target, (x, t, scale))


def _binary_cross_entropy_with_logits_vjp_input(g, x, t, scale):
    return (kernels.sigmoid(x) - t) * (g * scale)


def _binary_cross_entropy_with_logits_vjp_target(g, x, t, scale):
    return -x * (g * scale)


def _with_positive_weight(op: str, input: Tensor, target: Tensor, weight: Any) -> Tensor:
    weight = as_operand(weight, op, "pos_weight")
    check_weight(op, "pos_weight", weight, input.shape)
    if apart(weight.array, input.array):
        raise different_devices(op, input, weight)
    weight = cast(weight, input.dtype)
    x, t, w = input.array, target.array, weight.array
    out = (1 - t) * kernels.softplus(x) + t * w * kernels.softplus(-x)
    rules = (
        _positive_weight_vjp_input, _positive_weight_vjp_target, _positive_weight_vjp_weight,
    )  # fmt: skip
    return record(out, rules, (input, target, weight), (x, t, w))


def _positive_weight_vjp_input(g, x, t, w):
    return g * ((1 - t) * kernels.sigmoid(x) - t * w * kernels.sigmoid(-x))


def _positive_weight_vjp_target(g, x, t, w):
    return g * (w * kernels.softplus(-x) - kernels.softplus(x))


def _positive_weight_vjp_weight(g, x, t, w):
    return g * (t * kernels.softplus(-x))


def kl_div(
    input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence of a distribution from a target, element by element.

    Value: `target * (log(target) - input)`, 0 where the target is 0; for logarithms as targets
    `e**target * (target - input)`. Adjoint: `-g * target` for `input`.

    Args:
        input: log-probabilities, any shape.
        target: probabilities of the same shape, or their logarithms.
        reduction: "mean" over all elements, "batchmean" for the sum divided by the first size (the
            divergence as it is defined), "sum" or "none".
        log_target: whether the target is given by its logarithms.

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> p = tg.tensor([[0.5, 0.5]])
        >>> tg.nn.functional.kl_div(tg.log(p), tg.tensor([[1.0, 0.0]]), reduction="batchmean")
        tensor(0.6931)
    """
    if reduction != "batchmean":
        check_reduction("kl_div", reduction)
    input, target = paired("kl_div", input, target)
    if log_target:
        loss = exp(target) * (target - input)
    else:
        loss = xlogy(target, target) - target * input
    if reduction != "batchmean":
        return reduced(loss, reduction)
    if not input.ndim:
        raise ShapeError("kl_div: batchmean needs a dimension of the batch, input is 0-d")
    return sum(loss) / input.shape[0]


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts from Poisson distributions.

    Value: mean of `e**input - target * input`, or `input - target * log(input + eps)`.
    Adjoint: `g * (e**input - target)`, or `g * (1 - target / (input + eps))`.

    Args:
        input: logarithms of the rates, or the rates; any shape.
        target: counts of the same shape.
        log_input: whether the logarithms are given.
        full: add Stirling's approximation of `log(target!)` where the target is above 1.
        eps: keeps the logarithm of a rate finite.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.poisson_nll_loss(tg.tensor([0.0]), tg.tensor([2.0]))
        tensor(1.)
    """
    check_reduction("poisson_nll_loss", reduction)
    input, target = paired_any("poisson_nll_loss", input, target)
    if log_input:
        loss = exp(input) - target * input
    else:
        loss = input - target * log(input + eps)
    if full:
        not_complex("poisson_nll_loss", input)
        many = target > 1
        t = where(many, target, 2.0)  # any number above 1: it is not used
        loss = loss + where(many, t * log(t) - t + 0.5 * log(t * (2 * math.pi)), 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of numbers from normal distributions.

    Value: mean of `(log(v) + (input - target)**2 / v) / 2` with `v = max(var, eps)`.
    Adjoint: `g * (input - target) / v`; for `var` as if it had not been limited.

    Args:
        input: expectations, any shape.
        target: tensor of the same shape.
        var: variances: a number, or a tensor of that shape, or with size 1 in one dimension, or
            without the last.
        full: add the constant `log(2 pi) / 2`.
        eps: smallest variance.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: for a negative variance.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 3.0])
        >>> tg.nn.functional.gaussian_nll_loss(x, tg.tensor([1.0, 1.0]), tg.ones(2))
        tensor(1.)
    """
    op = "gaussian_nll_loss"
    check_reduction(op, reduction)
    input, target = paired(op, input, target)
    var = as_operand(var, op, "var") if not isinstance(var, (int, float)) else var
    not_complex(op, var)
    if not isinstance(var, Tensor):
        var = wrap(np.full_like(input.array, var, shape=()))
    elif var.shape != input.shape and var.shape == input.shape[:-1]:
        var = unsqueeze(var, -1)
    elif var.shape != input.shape:
        wrong = [n for v, n in zip(var.shape, input.shape, strict=False) if v != n and v == 1]
        odd = [n for v, n in zip(var.shape, input.shape, strict=False) if v != n]
        if var.ndim != input.ndim or len(odd) != 1 or len(wrong) != 1:
            raise ShapeError(
                f"{op}: var must have the input's shape {input.shape}, size 1 in one dimension, or no "
                f"last one; got {var.shape}"
            )
    v = var.array
    if apart(v, input.array):
        raise different_devices(op, input, var)
    if every_value(np.any(v < 0)).any():
        raise ArgumentError(f"{op}: var must not be negative anywhere")
    var = record1(np.maximum(v, eps), _gaussian_variance_vjp, var)
    error = input - target
    loss = (log(var) + error * error / var) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def _gaussian_variance_vjp(g):
    return g  # PyTorch's choice: a variance below eps still feels which way to go
