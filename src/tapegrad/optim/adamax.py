"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average
from .block import Block
from .flat import FlatOptimizer
from .options import number


class Adamax(FlatOptimizer):
    """Adam with the largest gradient, slowly forgotten, in the place of the second average.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1^t) * m / u

    `state[p]` holds `step`, `exp_avg` (m) and `exp_inf` (u).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: what the average and the largest gradient keep in each step.
        eps: added to the gradient's size.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        foreach, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Adamax([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, section 7.1; without
        eps there.
    """

    counters = ("step",)
    slots = ("exp_avg", "exp_inf")
    numbers = ("eps",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options and the correction for the average's start at zero."""
        beta1, beta2 = group["betas"]
        scale = number(group["lr"]) / (1 - beta1 ** block.counters["step"].item())
        return block.scalars(beta1, 1 - beta1, beta2, group["eps"], scale)

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        beta1, rest1, beta2, eps, scale = prepared
        m, u = states
        average(m, g, beta1, rest1, s)
        np.multiply(u, beta2, out=u)
        np.absolute(g, out=s)
        np.add(s, eps, out=s)
        np.maximum(u, s, out=u)
        np.divide(m, u, out=s)
        np.multiply(s, scale, out=s)
        np.subtract(p, s, out=p)
