"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import finfo
from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor
from .averages import wide
from .block import Block
from .flat import FlatOptimizer
from .options import check_number, check_pair, number
from .penalties import Penalty, penalised


class Adafactor(FlatOptimizer):
    """Adam's step from averages of rows and columns: memory of a matrix's edges, not of its area.

    For a parameter p with gradient g (negated when maximising) in step t, a matrix in its last two
    dimensions:

        b = t^beta2_decay
        rho = min(lr, 1 / sqrt(t));  step = max(eps2, rms(p)) * rho
        p = p - lr * weight_decay * p
        R = R + b * (mean of g^2 over each row - R)
        C = C + b * (mean of g^2 over each column - C)
        V = R C / max(mean(R), eps1)
        u = g / sqrt(max(V, eps1^2))
        p = p - step * u / max(1, rms(u) / d)

    where rms is the root mean square over the whole parameter. Vectors and scalars keep the average
    V of g^2 itself. `state[p]` holds `step` and `row_var` (R) and `col_var` (C), or `variance` (V).

    Args:
        params: real parameters, or dicts with `params` and options of their own.
        lr: largest relative step; a tensor with one element is read in every step.
        beta2_decay: power by which the newest gradient counts less, at most 0.
        eps: `(eps1, eps2)`: least variance, its root; None for the spacing of the dtype at 1. Least
            size of a parameter.
        d: root mean square that an update may have, at least 1.
        weight_decay: share, times lr, by which the parameters shrink in each step; a group may also
            have `l1_decay`.
        foreach: accepted; there is only one way here.
        maximize: step along the gradient instead of against it.

    Raises:
        ArgumentError: for options without meaning.
        DtypeError: for complex parameters.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[1.0, -2.0]], requires_grad=True)
        >>> optimizer = tg.optim.Adafactor([x], lr=0.1)
        >>> (x * x).sum().backward()
        >>> optimizer.step()
        >>> x.detach()
        tensor([[ 0.8419, -1.8419]])

    References:
        Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML
        2018, algorithms 4 and 5; eps1 bounds the variance here, as in PyTorch, where the paper adds
        it to g^2.
    """

    counters = ("step",)
    slots = ("row_var", "col_var", "variance")
    decoupled = True
    stacked = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        super().check(options)
        check_pair("Adafactor", "eps", options["eps"])
        for index, eps in enumerate(options["eps"]):
            if eps is not None or index:
                check_number("Adafactor", f"eps[{index}]", eps)
        check_number("Adafactor", "d", options["d"])
        if options["d"] < 1:
            raise ArgumentError(f"Adafactor: d must be at least 1, got {options['d']!r}")
        if not -math.inf < options["beta2_decay"] <= 0:
            raise ArgumentError(
                f"Adafactor: beta2_decay must be finite and at most 0, got "
                f"{options['beta2_decay']!r}"
            )

    def check_parameter(self, where: str, parameter: Tensor) -> None:
        """Refuse complex parameters."""
        if parameter.dtype.kind == "c":
            raise DtypeError(f"{where} is {parameter.dtype}; Adafactor trains real parameters only")

    def slots_for(self, slots: tuple[str, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
        """Rows and columns of a matrix, every element of what is none."""
        return slots[:2] if len(shape) > 1 else slots[2:]

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Averages of rows and columns are as long as these are many."""
        if len(shape) < 2 or name == "variance":
            return shape
        return (*shape[:-1], 1) if name == "row_var" else (*shape[:-2], 1, shape[-1])

    def penalty(self, group: dict[str, Any], block: Block) -> Penalty | None:
        """Decay is done in `update`, which needs the size of the parameters before it."""
        return None

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The options, the weight of the newest gradient and the relative step."""
        count, lr = block.counters["step"].item(), number(group["lr"])
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = finfo(block.values.dtype).eps
        newest, rho = count ** group["beta2_decay"], min(lr, 1 / math.sqrt(count))
        return newest, rho, eps1, eps2, group["d"], super().penalty(group, block)

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Apply the formula of the class to a stack of parameters of one shape."""
        newest, rho, eps1, eps2, d, penalty = prepared
        if not p.size:
            return
        step = np.maximum(_rms(p), eps2) * rho
        if penalty is not None:
            g = penalised(penalty, p, g, None, None)
        g = wide(g)
        square = g * g
        if len(states) == 2:
            row, column = states
            row += newest * (np.mean(square, axis=-1, keepdims=True) - row)
            column += newest * (np.mean(square, axis=-2, keepdims=True) - column)
            mean = np.maximum(np.mean(row, axis=-2, keepdims=True), eps1)
            variance = np.matmul(wide(row), wide(column)) / mean
        else:
            variance = states[0]
            variance += newest * (square - variance)
        u = g / np.sqrt(np.maximum(variance, eps1 * eps1))
        u *= step / np.maximum(_rms(u) / d, 1.0)
        np.subtract(p, u, out=p)


def _rms(x: Any) -> Any:
    """Root mean square of each parameter of a stack, (n, 1, ..., 1)."""
    if x.ndim == 1:
        return np.absolute(x)
    x = wide(x)
    return np.sqrt(np.mean(x * x, axis=tuple(range(1, x.ndim)), keepdims=True))
