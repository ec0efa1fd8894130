"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average_square
from .block import Block
from .flat import FlatOptimizer
from .options import check_number, number


class Adadelta(FlatOptimizer):
    """Step by the size of earlier steps over the size of the gradients.

    For a parameter p with gradient g (negated when maximising):

        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g^2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d^2
        p = p - lr * d

    `state[p]` holds `step`, `square_avg` (v) and `acc_delta` (u).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        rho: what the two averages keep in each step.
        eps: added under both roots.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        foreach, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or rho above 1.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Adadelta([x], lr=10.0)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9684, -1.9684])

    References:
        Zeiler, "ADADELTA: an adaptive learning rate method", 2012; lr is 1 there.
    """

    counters = ("step",)
    slots = ("square_avg", "acc_delta")
    numbers = ("eps",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        check_number("Adadelta", "rho", options["rho"], most=1)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands."""
        rho = group["rho"]
        return block.scalars(number(group["lr"]), rho, 1 - rho, group["eps"])

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        lr, rho, rest, eps = prepared
        v, u = states
        average_square(v, g, rho, rest, s)
        np.add(v, eps, out=s)
        np.sqrt(s, out=s)
        d = np.divide(g, s, out=t)
        np.add(u, eps, out=s)
        np.sqrt(s, out=s)
        np.multiply(d, s, out=d)
        average_square(u, d, rho, rest, s)
        np.multiply(d, lr, out=d)
        np.subtract(p, d, out=p)
