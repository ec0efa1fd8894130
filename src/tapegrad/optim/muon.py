"""Muon."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor
from .averages import average, wide
from .block import Block
from .flat import FlatOptimizer
from .options import INFINITY, number

ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(FlatOptimizer):
    """Step along the orthogonal matrix nearest to momentum; for the weights of hidden layers.

    For a matrix p (A x B) with gradient g:

        m = momentum * m + (1 - momentum) * g
        n = momentum * m + (1 - momentum) * g      (n = m without nesterov)
        X = n / max(|n|, eps)
        X = a * X + (b * X X^T + c * (X X^T)^2) X  ns_steps times
        p = p - lr * weight_decay * p
        p = p - lr * sqrt(max(1, A / B)) * X       (match_rms_adamw: 0.2 * sqrt(max(A, B)))

    The iteration draws all singular values of n to about 1. `state[p]` holds `momentum_buffer` (m).
    Matrices of one shape are worked through together. Biases, embeddings and the last layer belong
    to another optimiser, AdamW for instance.

    Args:
        params: real matrices, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        weight_decay: share, times lr, by which the parameters shrink in each step; a group may also
            have `l1_decay`.
        momentum: share of the average that is kept.
        nesterov: look ahead along the average.
        ns_coefficients: `(a, b, c)` of the Newton-Schulz iteration.
        eps: least norm to divide by.
        ns_steps: number of iterations, less than 100.
        adjust_lr_fn: how the step grows with the matrix: "original" (also None) or
            "match_rms_adamw", with which AdamW's learning rate and decay can be kept.

    Raises:
        ArgumentError: for options without meaning.
        ShapeError: for a parameter that is no matrix.
        DtypeError: for complex parameters.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[3.0, 0.0], [0.0, 1.0]], requires_grad=True)
        >>> optimizer = tg.optim.Muon([x], lr=0.1, weight_decay=0.0)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach().round(decimals=1)
        tensor([[2.9000, 0.0000],
                [0.0000, 0.9000]])

    References:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Liu et al.,
        "Muon is scalable for LLM training", 2025 (match_rms_adamw). The iteration runs in the
        parameter's dtype here, at least float32; PyTorch rounds it to bfloat16.
    """

    slots = ("momentum_buffer",)
    numbers = ("momentum", "eps")
    decoupled = True
    stacked = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        if options["adjust_lr_fn"] not in ADJUSTMENTS:
            raise ArgumentError(
                f"Muon: adjust_lr_fn must be one of {ADJUSTMENTS}, got {options['adjust_lr_fn']!r}"
            )
        given = options["ns_coefficients"]
        if len(given) != 3 or not all(-INFINITY < c < INFINITY for c in given):
            raise ArgumentError(
                f"Muon: ns_coefficients must be three finite numbers, got {given!r}"
            )
        steps = options["ns_steps"]
        if not isinstance(steps, int) or not 0 <= steps < 100:
            raise ArgumentError(
                f"Muon: ns_steps must be a whole number from 0 to 99, got {steps!r}"
            )

    def check_parameter(self, where: str, parameter: Tensor) -> None:
        """Refuse what is no real matrix."""
        if parameter.ndim != 2:
            raise ShapeError(
                f"{where} has shape {parameter.shape}; Muon trains matrices only, give the others "
                "to another optimiser"
            )
        if parameter.dtype.kind == "c":
            raise DtypeError(f"{where} is {parameter.dtype}; Muon trains real matrices only")

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options, and the step adjusted to the shape of the matrices."""
        rows, columns = block.params[0].shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1.0, rows / max(columns, 1)))
        momentum = group["momentum"]
        operands = block.scalars(momentum, 1 - momentum, number(group["lr"]) * ratio)
        iteration = (group["ns_coefficients"], group["ns_steps"], group["eps"])
        return operands, group["nesterov"], iteration

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to a stack of matrices of one shape."""
        (momentum, rest, lr), nesterov, iteration = prepared
        m = states[0]
        average(m, g, momentum, rest, None)
        n = momentum * m + rest * g if nesterov else m
        x = orthogonalised(wide(n), *iteration)
        np.subtract(p, x * lr, out=p)


def orthogonalised(n: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """Matrices with the singular vectors of n and singular values near 1 (Newton-Schulz).

    Args:
        n: (..., A, B).
        coefficients: a, b, c of the odd polynomial a x + b x^3 + c x^5 of the singular values.
        steps: how often it is applied.
        eps: least norm to divide by.
    """
    a, b, c = coefficients
    tall = n.shape[-2] > n.shape[-1]
    x = np.swapaxes(n, -2, -1) if tall else n
    x = x / np.maximum(np.sqrt(np.sum(x * x, axis=(-2, -1), keepdims=True)), eps)
    for _ in range(steps):
        gram = np.matmul(x, np.swapaxes(x, -2, -1))  # of the shorter side
        x = a * x + np.matmul(b * gram + c * np.matmul(gram, gram), x)
    return np.swapaxes(x, -2, -1) if tall else x
