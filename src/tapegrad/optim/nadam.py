"""NAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average, average_square, root
from .block import Block
from .flat import FlatOptimizer
from .options import number


class NAdam(FlatOptimizer):
    """Adam with Nesterov momentum.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p                    (decoupled: p = p - lr * weight_decay * p)
        mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        n = mu_{t+1} * m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) * g / (1 - mu_1 ... mu_t)
        p = p - lr * n / (sqrt(v / (1 - beta2^t)) + eps)

    `state[p]` holds `step`, `mu_product` (mu_1 ... mu_t), `exp_avg` (m) and `exp_avg_sq` (v).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: what the two averages keep in each step.
        eps: added to the root.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        momentum_decay: how fast mu_t grows from beta1 / 2 towards beta1.
        decoupled_weight_decay: shrink the parameters themselves, as `AdamW` does.
        foreach, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.NAdam([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.8944, -1.8944])

    References:
        Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016. mu_product is kept
        in float32, as PyTorch keeps it.
    """

    counters = ("step", "mu_product")
    slots = ("exp_avg", "exp_avg_sq")
    numbers = ("eps", "momentum_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def first(self, name: str, group: dict[str, Any]) -> float:
        """The product of no factors is 1."""
        return 1.0 if name == "mu_product" else 0.0

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options, and the weights of gradient and average in this step."""
        count, product = block.counters["step"].item(), block.counters["mu_product"]
        beta1, beta2 = group["betas"]
        mu, following = (
            beta1 * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (count, count + 1)
        )
        product *= mu
        past = product.item()
        # the correction of v moved onto single numbers, as in Adam
        correction = math.sqrt(1 - beta2**count)
        lr = number(group["lr"]) * correction
        return block.scalars(
            beta1, 1 - beta1, beta2, 1 - beta2, group["eps"] * correction,
            lr * (1 - mu) / (1 - past), lr * following / (1 - past * following),
        )  # fmt: skip

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        beta1, rest1, beta2, rest2, eps, of_gradient, of_average = prepared
        m, v = states
        average(m, g, beta1, rest1, s)
        average_square(v, g, beta2, rest2, s)
        np.multiply(g, of_gradient, out=t)
        np.multiply(m, of_average, out=s)
        np.add(t, s, out=t)
        np.divide(t, root(v, eps, s), out=t)
        np.subtract(p, t, out=p)
