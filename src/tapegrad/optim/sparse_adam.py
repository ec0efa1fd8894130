"""SparseAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor
from .block import Block
from .flat import FlatOptimizer
from .options import number


class SparseAdam(FlatOptimizer):
    """Adam for gradients that are zero in most rows, such as those of an embedding.

    Gradients are dense here; the rows (along the first dimension) that hold nothing but zeros count
    as not being there, and their parameters and averages stay as they are. For the other rows, with
    the number t of steps of the whole parameter:

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)

    `state[p]` holds `step`, `exp_avg` (m) and `exp_avg_sq` (v).

    Args:
        params: real parameters, or dicts with `params` and options of their own.
        lr: learning rate, above 0; a tensor with one element is read in every step.
        betas: what the two averages keep in each step.
        eps: added to the root, above 0.
        maximize: step along the gradient instead of against it.

    Raises:
        ArgumentError: for options without meaning.
        DtypeError: for complex parameters.

    Example:
        >>> import tapegrad as tg
        >>> table = tg.nn.Embedding(3, 2)
        >>> before = table.weight.detach().clone()
        >>> optimizer = tg.optim.SparseAdam(table.parameters(), lr=0.5)
        >>> table(tg.tensor([1])).sum().backward()
        >>> optimizer.step()
        >>> before - table.weight.detach()
        tensor([[0.0000, 0.0000],
                [0.5000, 0.5000],
                [0.0000, 0.0000]])

    References:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; eps stands where the
        end of section 2 has it.
    """

    counters = ("step",)
    slots = ("exp_avg", "exp_avg_sq")
    numbers = ("eps",)
    stacked = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        for name in ("lr", "eps"):
            if number(options[name]) == 0:
                raise ArgumentError(f"SparseAdam: {name} must be above 0, got {options[name]!r}")

    def check_parameter(self, where: str, parameter: Tensor) -> None:
        """Refuse complex parameters."""
        if parameter.dtype.kind == "c":
            raise DtypeError(
                f"{where} is {parameter.dtype}; SparseAdam trains real parameters only"
            )

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options and the step corrected for the averages' start at zero."""
        count = block.counters["step"].item()
        beta1, beta2 = group["betas"]
        scale = number(group["lr"]) * math.sqrt(1 - beta2**count) / (1 - beta1**count)
        return block.scalars(beta1, 1 - beta1, beta2, 1 - beta2, group["eps"], scale)

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to the rows that have a gradient."""
        beta1, rest1, beta2, rest2, eps, scale = prepared
        m, v = states
        found = g != 0
        if g.ndim > 2:
            found = np.any(found, axis=tuple(range(2, g.ndim)))  # (parameters, rows)
        rows = np.nonzero(found)
        g = g[rows]
        m[rows] = m_rows = beta1 * m[rows] + rest1 * g
        v[rows] = v_rows = beta2 * v[rows] + rest2 * (g * g)
        p[rows] -= scale * m_rows / (np.sqrt(v_rows) + eps)
