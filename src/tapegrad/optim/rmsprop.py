"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average, average_square, root
from .block import Block
from .flat import FlatOptimizer
from .options import number


class RMSprop(FlatOptimizer):
    """Step by the gradient over the root of its running mean square.

    For a parameter p with gradient g (negated when maximising):

        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g^2
        d = g / (sqrt(v) + eps)
        b = momentum * b + d
        p = p - lr * b                              (p - lr * d without momentum)

    Centered, `m = alpha * m + (1 - alpha) * g` and `v - m^2` stands under the root. `state[p]`
    holds `step`, `square_avg` (v), with momentum `momentum_buffer` (b), and centered `grad_avg`
    (m).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        alpha: what the averages keep in each step.
        eps: added to the root.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        momentum: share of the last step that is kept.
        centered: divide by the standard deviation instead of the root mean square.
        capturable, foreach: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.RMSprop([x], lr=0.01)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Hinton, "Neural networks for machine learning", lecture 6, 2012. Graves, "Generating
        sequences with recurrent neural networks", 2013 (centered); eps is under the root there.
    """

    counters = ("step",)
    numbers = ("alpha", "eps", "momentum")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The mean square, and what momentum and centering need."""
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return tuple(names)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands, and which states there are."""
        alpha, momentum = group["alpha"], group["momentum"]
        operands = block.scalars(number(group["lr"]), alpha, 1 - alpha, group["eps"], momentum, 0.0)
        return operands, momentum > 0, group["centered"]

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (lr, alpha, rest, eps, momentum, zero), moving, centered = prepared
        v = states[0]
        average_square(v, g, alpha, rest, s)
        if centered:
            m = states[-1]
            average(m, g, alpha, rest, s)
            np.multiply(m, m, out=s)
            np.subtract(v, s, out=s)
            v = np.maximum(s, zero, out=s)  # never below by rounding, which would be NaN
        d = np.divide(g, root(v, eps, s), out=s)
        if moving:
            b = states[1]
            np.multiply(b, momentum, out=b)
            d = np.add(b, d, out=b)
        np.multiply(d, lr, out=s)
        np.subtract(p, s, out=p)
