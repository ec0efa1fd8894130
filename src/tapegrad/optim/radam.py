"""RAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average, average_square, root
from .block import Block
from .flat import FlatOptimizer
from .options import number


class RAdam(FlatOptimizer):
    """Adam that waits with the second average until its variance is finite.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p                    (decoupled: p = p - lr * weight_decay * p)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        n = m / (1 - beta1^t)
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2^t / (1 - beta2^t)

    and while rho is at most 5, `p = p - lr * n`; afterwards

        r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        p = p - lr * n * r * sqrt(1 - beta2^t) / (sqrt(v) + eps)

    `state[p]` holds `step`, `exp_avg` (m) and `exp_avg_sq` (v).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: what the two averages keep in each step.
        eps: added to the root.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        decoupled_weight_decay: shrink the parameters themselves, as `AdamW` does.
        foreach, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.RAdam([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.8000, -1.6000])

    References:
        Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020; the limit
        is 5 here, as in PyTorch and in the authors' code, not 4.
    """

    counters = ("step",)
    slots = ("exp_avg", "exp_avg_sq")
    numbers = ("eps",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options, and whether this step uses the second average."""
        count = block.counters["step"].item()
        beta1, beta2 = group["betas"]
        correction = 1 - beta2**count
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * count * beta2**count / correction
        scale = number(group["lr"]) / (1 - beta1**count)
        rectified = rho > 5
        if rectified:
            scale *= math.sqrt(
                correction * (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
            )
        return block.scalars(beta1, 1 - beta1, beta2, 1 - beta2, group["eps"], scale), rectified

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (beta1, rest1, beta2, rest2, eps, scale), rectified = prepared
        m, v = states
        average(m, g, beta1, rest1, s)
        average_square(v, g, beta2, rest2, s)
        np.multiply(np.divide(m, root(v, eps, s), out=s) if rectified else m, scale, out=s)
        np.subtract(p, s, out=p)
