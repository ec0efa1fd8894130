"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import root
from .block import Block
from .flat import FlatOptimizer
from .options import number


class Adagrad(FlatOptimizer):
    """Step the less, the larger all gradients so far were.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p
        a = a + g^2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(a) + eps)

    `state[p]` holds `step` and `sum` (a), from the first step on.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        lr_decay: how fast the learning rate falls.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        initial_accumulator_value: what a is before the first step.
        eps: added to the root.
        foreach, fused: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Adagrad([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization", JMLR 12, 2011.
    """

    counters = ("step",)
    slots = ("sum",)
    numbers = ("eps", "lr_decay", "initial_accumulator_value")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def first(self, name: str, group: dict[str, Any]) -> float:
        """The sum's first value is an option."""
        return float(group["initial_accumulator_value"]) if name == "sum" else 0.0

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options and the learning rate of this step."""
        past = block.counters["step"].item() - 1
        return block.scalars(number(group["lr"]) / (1 + past * group["lr_decay"]), group["eps"])

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        lr, eps = prepared
        a = states[0]
        np.multiply(g, g, out=s)
        np.add(a, s, out=a)
        np.divide(g, root(a, eps, s), out=s)
        np.multiply(s, lr, out=s)
        np.subtract(p, s, out=p)
