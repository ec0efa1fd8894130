"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .averages import average, average_square, root
from .block import Block
from .flat import FlatOptimizer
from .options import number


class Adam(FlatOptimizer):
    """Step by running averages of the gradient and of its square.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With decoupled decay `p = p - lr * weight_decay * p` comes in the place of the first line
    (AdamW). With amsgrad the largest v so far stands under the root. `state[p]` holds `step`,
    `exp_avg` (m), `exp_avg_sq` (v) and, with amsgrad, `max_exp_avg_sq`.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: what the two averages keep in each step.
        eps: added to the root.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        amsgrad: never let the denominator shrink.
        foreach, fused, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.
        decoupled_weight_decay: shrink the parameters themselves, as `AdamW` does.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Adam([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. Reddi, Kale and
        Kumar, "On the convergence of Adam and beyond", ICLR 2018 (amsgrad).
    """

    counters = ("step",)
    numbers = ("eps",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The two averages, and the largest second one with amsgrad."""
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options and the corrections for the averages' start at zero."""
        count = block.counters["step"].item()
        beta1, beta2 = group["betas"]
        # both corrections moved onto single numbers: sqrt(v / c) + eps = (sqrt(v) + eps sqrt(c)) /
        # sqrt(c)
        correction = math.sqrt(1 - beta2**count)
        scale = number(group["lr"]) * correction / (1 - beta1**count)
        return block.scalars(beta1, 1 - beta1, beta2, 1 - beta2, group["eps"] * correction, scale)

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        beta1, rest1, beta2, rest2, eps, scale = prepared
        m, v = states[:2]
        average(m, g, beta1, rest1, s)
        average_square(v, g, beta2, rest2, s)
        if len(states) == 3:
            v = np.maximum(states[2], v, out=states[2])
        np.divide(m, root(v, eps, s), out=s)
        np.multiply(s, scale, out=s)
        np.subtract(p, s, out=p)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    For a parameter p with gradient g (negated when maximising) in step t:

        p = p - lr * weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With amsgrad the largest v so far stands under the root. The state is that of `Adam`.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        betas: what the two averages keep in each step.
        eps: added to the root.
        weight_decay: share, times lr, by which the parameters shrink in each step; a group may also
            have `l1_decay`.
        amsgrad: never let the denominator shrink.
        maximize: step along the gradient instead of against it.
        foreach, fused, capturable: accepted; there is only one way here.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite, or a beta of 1 or more.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.AdamW([x], lr=0.1, weight_decay=0.5)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.8500, -1.8000])

    References:
        Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad,
            foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip
