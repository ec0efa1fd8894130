"""Adam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .block import Block
from .optimizer import Optimizer, check_number, check_switches


class Adam(Optimizer):
    """Step by running averages of the gradient and of its square.

    For a parameter p with gradient g (negated when maximising) in step t:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With amsgrad the largest v so far stands under the root. `state[p]` holds `step`, `exp_avg` (m),
    `exp_avg_sq` (v) and, with amsgrad, `max_exp_avg_sq`.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate.
        betas: what the two averages keep in each step.
        eps: added to the root.
        weight_decay: L2 penalty.
        amsgrad: never let the denominator shrink.
        foreach, fused, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

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
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. Reddi, Kale and Kumar,
        "On the convergence of Adam and beyond", ICLR 2018 (amsgrad).
    """

    counts_steps = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
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
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        for name in ("lr", "eps", "weight_decay"):
            check_number("Adam", name, options[name])
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"Adam: betas must be a pair of numbers, got {betas!r}")
        for index, beta in enumerate(betas):
            check_number("Adam", f"betas[{index}]", beta, below=1)
        if options.get("decoupled_weight_decay"):
            raise ArgumentError("Adam: decoupled_weight_decay=True is AdamW, which is not Adam")
        check_switches("Adam", options)

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The two averages, and the largest second one with amsgrad."""
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options and the corrections for the averages' start at zero."""
        count = block.count.item()
        beta1, beta2 = group["betas"]
        # both corrections moved onto single numbers: sqrt(v / c) + eps = (sqrt(v) + eps sqrt(c)) / sqrt(c)
        root = math.sqrt(1 - beta2**count)
        numbers = (beta1, 1 - beta1, beta2, 1 - beta2, group["eps"] * root, group["weight_decay"])
        scale = group["lr"] * root / (1 - beta1**count)
        return (
            block.scalars(*numbers, scale),
            bool(group["weight_decay"]),
            group["maximize"],
        )

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (beta1, rest1, beta2, rest2, eps, decay, scale), decays, maximize = prepared
        m, v = states[:2]
        if decays:
            np.multiply(p, decay, out=t)
            g = np.subtract(t, g, out=t) if maximize else np.add(t, g, out=t)
        elif maximize:
            g = np.negative(g, out=t)
        np.multiply(m, beta1, out=m)
        np.multiply(g, rest1, out=s)
        np.add(m, s, out=m)
        np.multiply(v, beta2, out=v)
        np.multiply(g, g, out=s)
        np.multiply(s, rest2, out=s)
        np.add(v, s, out=v)
        if len(states) == 3:
            v = np.maximum(states[2], v, out=states[2])
        np.sqrt(v, out=s)
        np.add(s, eps, out=s)
        np.divide(m, s, out=s)
        np.multiply(s, scale, out=s)
        np.subtract(p, s, out=p)
