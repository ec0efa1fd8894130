"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average
from .block import Block
from .flat import FlatOptimizer
from .options import number


class Lion(FlatOptimizer):
    """Step by the sign of momentum: every element moves by lr.

    For a parameter p with gradient g (negated when maximising):

        u = sign(beta1 * m + (1 - beta1) * g)
        p = p - lr * (u + weight_decay * p)
        m = beta2 * m + (1 - beta2) * g

    `state[p]` holds `exp_avg` (m). The authors advise a learning rate three to ten times smaller
    than for AdamW, and a decay as many times larger.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: weight of the momentum in the step, and what momentum keeps.
        weight_decay: share, times lr, by which the parameters shrink in each step; a group may also
            have `l1_decay`.
        maximize: step along the gradient instead of against it.
        foreach, capturable, fused: accepted; there is only one way here.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Lion([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
    """

    slots = ("exp_avg",)
    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands."""
        beta1, beta2 = group["betas"]
        return block.scalars(number(group["lr"]), beta1 / (1 - beta1), beta2, 1 - beta2)

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        lr, ratio, beta2, rest2 = prepared
        m = states[0]
        np.multiply(m, ratio, out=s)  # only the sign counts: both terms over 1 - beta1
        np.add(s, g, out=s)
        np.sign(s, out=s)
        np.multiply(s, lr, out=s)
        np.subtract(p, s, out=p)
        average(m, g, beta2, rest2, s)
