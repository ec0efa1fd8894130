"""Averaged SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .block import Block
from .flat import FlatOptimizer
from .options import number


class ASGD(FlatOptimizer):
    """SGD with a falling step that also keeps the average of its parameters.

    For a parameter p with gradient g (negated when maximising) in step t, from eta = lr and mu = 1:

        g = g + weight_decay * p
        p = p - lambd * eta * p
        p = p - eta * g
        a = a + mu * (p - a)
        eta = lr / (1 + lambd * lr * t)^alpha
        mu = 1 / max(1, t - t0)

    The average is `state[p]["ax"]` (a), beside `step`, `eta` and `mu`; the parameters themselves
    are the plain iterates.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        lambd: decay, of the step and of the parameters.
        alpha: power of the decay of the step.
        t0: step at which averaging begins.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        foreach, capturable: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.ASGD([x], lr=0.1, t0=0)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (x * x).sum().backward()
        ...     optimizer.step()
        >>> x.detach(), optimizer.state[x]["ax"]
        (tensor([ 0.6400, -1.2800]), tensor([ 0.6400, -1.2800]))

    References:
        Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
        Control Optim. 30, 1992; the steps by Xu, "Towards optimal one pass large scale learning
        with averaged stochastic gradient descent", 2011. eta and mu are kept in float32, as PyTorch
        keeps them.
    """

    counters = ("step", "eta", "mu")
    slots = ("ax",)
    numbers = ("lambd", "alpha", "t0")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def first(self, name: str, group: dict[str, Any]) -> float:
        """The first step is lr; the first parameters are their own average."""
        return {"eta": float(number(group["lr"])), "mu": 1.0}.get(name, 0.0)

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The step and the share of the average now; those of the next step go into the state."""
        count, eta, mu = (block.counters[name] for name in self.counters)
        now = eta.item(), mu.item()
        lr, t = number(group["lr"]), count.item()
        eta[...] = lr / (1 + group["lambd"] * lr * t) ** group["alpha"]
        mu[...] = 1 / max(1, t - group["t0"])
        return block.scalars(1 - group["lambd"] * now[0], *now), now[1] == 1

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (keep, eta, mu), alone = prepared
        a = states[0]
        np.multiply(p, keep, out=p)
        np.multiply(g, eta, out=s)
        np.subtract(p, s, out=p)
        if alone:
            np.copyto(a, p)
        else:
            np.subtract(p, a, out=s)
            np.multiply(s, mu, out=s)
            np.add(a, s, out=a)
