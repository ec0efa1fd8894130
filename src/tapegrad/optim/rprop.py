"""Rprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tensor import Tensor
from .block import Block
from .flat import FlatOptimizer
from .options import check_number, check_pair, number


class Rprop(FlatOptimizer):
    """Step by the sign of the gradient, each element by a length of its own; for whole batches.

    For a parameter p with gradient g (negated when maximising), last gradient q and step length d:

        d = d * eta_plus,   at most the largest step      where g * q > 0
        d = d * eta_minus,  at least the smallest step    where g * q < 0; there g = 0
        p = p - d * sign(g)
        q = g

    `state[p]` holds `step`, `prev` (q) and `step_size` (d, which begins with lr).

    Args:
        params: parameters, or dicts with `params` and options of their own.
        lr: first step length; a tensor with one element too.
        etas: `(eta_minus, eta_plus)`, below and above 1.
        step_sizes: smallest and largest step length.
        capturable, foreach: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.
        differentiable: not supported, must be False.

    Raises:
        ArgumentError: for options without meaning.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = tg.optim.Rprop([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([ 0.9000, -1.9000])

    References:
        Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the
        RPROP algorithm", ICNN 1993; the variant iRprop- of Igel and Huesken, 2000.
    """

    counters = ("step",)
    slots = ("prev", "step_size")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        for name in ("etas", "step_sizes"):
            check_pair("Rprop", name, options[name])
            for index, value in enumerate(options[name]):
                check_number("Rprop", f"{name}[{index}]", value)
        less, more = options["etas"]
        if not 0 < less < 1 < more:
            raise ArgumentError(
                f"Rprop: etas must be below and above 1, 0 < etas[0] < 1 < etas[1], got "
                f"{options['etas']!r}"
            )

    def first(self, name: str, group: dict[str, Any]) -> float:
        """The first step length is the learning rate."""
        return float(number(group["lr"])) if name == "step_size" else 0.0

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options as operands."""
        return block.scalars(*group["etas"], *group["step_sizes"])

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to one block."""
        less, more, smallest, largest = prepared
        q, d = states
        np.multiply(g, q, out=s)
        same, turned = s > 0, s < 0
        s[...] = 1
        np.copyto(s, more, where=same)
        np.copyto(s, less, where=turned)
        np.multiply(d, s, out=d)
        np.clip(d, smallest, largest, out=d)
        np.copyto(q, g)
        np.copyto(q, 0, where=turned)
        np.sign(q, out=s)
        np.multiply(s, d, out=s)
        np.subtract(p, s, out=p)
