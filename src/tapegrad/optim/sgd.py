"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from .block import Block
from .optimizer import Optimizer, check_number, check_switches


class SGD(Optimizer):
    """Step against the gradient, with momentum if wanted.

    For a parameter p with gradient g (negated when maximising):

        g = g + weight_decay * p
        v = momentum * v + (1 - dampening) * g        (v = g in the first step)
        p = p - lr * v                                (with nesterov: p - lr * (g + momentum * v))

    and `p - lr * g` without momentum. The velocity of each parameter is
    `state[p]["momentum_buffer"]`.

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: learning rate.
        momentum: share of the velocity that is kept.
        dampening: share of the gradient that does not enter the velocity.
        weight_decay: L2 penalty.
        nesterov: look ahead along the velocity; needs momentum and no dampening.
        maximize: step along the gradient instead of against it.
        foreach, fused: accepted; there is only one way here, and it is fused.
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
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
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

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        for name in ("lr", "momentum", "dampening", "weight_decay"):
            check_number("SGD", name, options[name])
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum above 0 and no dampening, got "
                f"momentum={options['momentum']!r} and dampening={options['dampening']!r}"
            )
        check_switches("SGD", options)

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The velocity, where there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands, and which of the formula's terms are there."""
        decay, damping = group["weight_decay"], group["dampening"]
        return (
            block.scalars(group["lr"], group["momentum"], decay, 1 - damping),
            bool(decay),
            bool(damping),
            group["nesterov"],
            group["maximize"],
            block.fresh,
        )

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        (lr, momentum, decay, intake), decays, damps, nesterov, maximize, fresh = prepared
        if decays:
            np.multiply(p, decay, out=s)
            g = np.subtract(s, g, out=s) if maximize else np.add(s, g, out=s)
        elif maximize:
            g = np.negative(g, out=s)
        if states:
            v = states[0]
            if fresh:
                np.copyto(v, g)
            else:
                np.multiply(v, momentum, out=v)
                np.add(v, np.multiply(g, intake, out=t) if damps else g, out=v)
            if nesterov:
                np.multiply(v, momentum, out=t)
                g = np.add(t, g, out=t)
            else:
                g = v
        np.multiply(g, lr, out=s)
        np.subtract(p, s, out=p)
