"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tensor import Tensor
from .block import Block
from .flat import FlatOptimizer
from .options import number


class SGD(FlatOptimizer):
    """Step against the gradient, with momentum if wanted.

    For a parameter p with gradient g (negated when maximising):

        g = g + weight_decay * p
        v = momentum * v + (1 - dampening) * g        (v = g in the first step)
        p = p - lr * v                                (with nesterov: p - lr * (g + momentum * v))

    and `p - lr * g` without momentum. The velocity of each parameter is
    `state[p]["momentum_buffer"]`.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate; a tensor with one element is read in every step.
        momentum: share of the velocity that is kept.
        dampening: share of the gradient that does not enter the velocity.
        weight_decay: L2 penalty; a group may also have `l1_decay`.
        nesterov: look ahead along the velocity; needs momentum and no dampening.
        maximize: step along the gradient instead of against it.
        foreach, fused: accepted; there is only one way here.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options that are negative, not finite or contradict each other.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([x], lr=0.1, momentum=0.9)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([0.8000, 1.6000])

    References:
        Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
        2013; the learning rate multiplies the velocity here, as in PyTorch, not the gradient.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    numbers = ("momentum", "dampening")

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum above 0 and no dampening, got "
                f"momentum={options['momentum']!r} and dampening={options['dampening']!r}"
            )

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The velocity, where there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands, and which of the formula's terms are there."""
        damping = group["dampening"]
        return (
            block.scalars(number(group["lr"]), group["momentum"], 1 - damping),
            bool(damping),
            group["nesterov"],
            block.fresh,
        )

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (lr, momentum, intake), damps, nesterov, fresh = prepared
        if states:
            v = states[0]
            if fresh:
                np.copyto(v, g)
            else:
                np.multiply(v, momentum, out=v)
                np.add(v, np.multiply(g, intake, out=s) if damps else g, out=v)
            if nesterov:
                np.multiply(v, momentum, out=s)
                g = np.add(s, g, out=s)
            else:
                g = v
        np.multiply(g, lr, out=s)
        np.subtract(p, s, out=p)
