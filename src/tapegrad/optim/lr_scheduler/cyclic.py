"""Learning rates that rise and fall in cycles, and momentum that goes the other way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ...errors import ArgumentError, DtypeError
from ..optimizer import Optimizer
from ..options import check_number
from .arguments import (
    Rate,
    check_choice,
    check_optimizer,
    check_positive,
    check_whole,
    per_group,
)
from .functions import function_misfit, load_function, saved_function
from .scheduler import LRScheduler, set_rate

Mode = Literal["triangular", "triangular2", "exp_range"]


class MomentumLR(LRScheduler):
    """A scheduler that may also cycle the momentum, or the first beta, of every group."""

    cycle_momentum: bool
    use_beta1: bool

    def _momenta(self, optimizer: Optimizer, base: Any, most: Any) -> tuple[list[Any], list[Any]]:
        """Lowest and highest momentum of every group, checked."""
        if not {"momentum", "betas"} & set(optimizer.defaults):
            raise ArgumentError(
                f"{self._op}: {type(optimizer).__name__} has neither momentum nor betas to cycle; "
                "pass cycle_momentum=False"
            )
        limits = {"below": 1.0} if "betas" in optimizer.defaults else {}
        return (
            per_group(self._op, "base_momentum", base, optimizer, **limits),
            per_group(self._op, "max_momentum", most, optimizer, **limits),
        )

    def _begin_momentum(self, optimizer: Optimizer, base: list[Any], most: list[Any]) -> None:
        """Put the bounds into the groups, and the highest as their momentum."""
        for group, low, high in zip(optimizer.param_groups, base, most, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _set_momentum(self, group: dict[str, Any], momentum: Any) -> None:
        """Give a group its momentum."""
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(MomentumLR):
    """Let the learning rate rise and fall linearly between two bounds, batch by batch.

    With a up and b down, x = e / (a + b), cycle c = floor(1 + x) and the height h, which rises from
    0 to 1 during the a steps up and falls to 0 during the b steps down,

        lr_e = base_lr + (max_lr - base_lr) * h * s

    where s is 1 (triangular), 1 / 2^(c - 1) (triangular2), gamma^e (exp_range), or a function of
    one's own. Momentum goes the other way:

        momentum_e = max_momentum - (max_momentum - base_momentum) * h * s

    Args:
        optimizer: whose groups are changed.
        base_lr: lower bound, or one for each group; the rate of the first step.
        max_lr: upper bound, or one for each group.
        step_size_up: a.
        step_size_down: b, as many as up by default.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: for exp_range.
        scale_fn: s, instead of that of `mode`. Only the attributes of a callable object are saved.
        scale_mode: whether `scale_fn` gets the "cycle" c or the "iterations" e.
        cycle_momentum: also cycle `momentum`, or the first of the `betas`.
        base_momentum: lower bound, or one for each group; at the highest learning rate.
        max_momentum: upper bound, or one for each group.
        last_epoch: number of the last batch, -1 to begin.

    Raises:
        ArgumentError: for arguments without meaning, or an optimiser without momentum.
        DtypeError: for a `scale_fn` that is no function.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], momentum=0.9)
        >>> scheduler = tg.optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
        >>> for batch in range(5):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr(), f"{optimizer.param_groups[0]['momentum']:.2f}")
        ...     scheduler.step()
        [0.0] 0.90
        [0.5] 0.85
        [1.0] 0.80
        [0.5] 0.85
        [0.0] 0.90

    References:
        Smith, "Cyclical learning rates for training neural networks", WACV 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Mode = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        op = self._op
        check_optimizer(op, optimizer)
        check_whole(op, "last_epoch", last_epoch, least=-1)
        base_lrs = per_group(op, "base_lr", base_lr, optimizer)
        max_lrs = per_group(op, "max_lr", max_lr, optimizer)
        check_positive(op, "step_size_up", step_size_up)
        if step_size_down is not None:
            check_number(op, "step_size_down", step_size_down)
        check_number(op, "gamma", gamma)
        if scale_fn is None:
            check_choice(op, "mode", mode, ("triangular", "triangular2", "exp_range"))
        elif not callable(scale_fn):
            raise DtypeError(f"{op}: scale_fn must be a function, got {type(scale_fn).__name__}")
        check_choice(op, "scale_mode", scale_mode, ("cycle", "iterations"))
        if cycle_momentum:
            lows, highs = self._momenta(optimizer, base_momentum, max_momentum)
        up = float(step_size_up)
        self.max_lrs = max_lrs
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums = lows
            self.max_momentums = highs
        if last_epoch == -1:
            if cycle_momentum:
                self._begin_momentum(optimizer, lows, highs)
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_rate(group, lr)
        self._attach(optimizer, last_epoch)
        self.base_lrs = base_lrs  # not the `initial_lr` that an earlier scheduler left
        self._initial_step()

    def scale_fn(self, x: float) -> float:
        """The scale s of a cycle or a step, whichever `scale_mode` says."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else float(self.gamma**x)

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`; sets the momentum of every group, if it is cycled."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        if x <= self.step_ratio:
            height = x / self.step_ratio
        else:
            height = (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        bounds = self._bounds("base_lrs", "max_lrs")
        rates = [low + (high - low) * height * scale for low, high in bounds]
        if self.cycle_momentum:
            bounds = self._bounds("base_momentums", "max_momentums")
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
                self._set_momentum(group, high - (high - low) * height * scale)
        return rates

    def _bounds(self, low: str, high: str) -> list[tuple[Any, Any]]:
        """Pairs of bounds, one for each group."""
        lows = self._one_per_group(low, getattr(self, low))
        return list(zip(lows, self._one_per_group(high, getattr(self, high)), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and a function; of a callable object its attributes."""
        saved = super().state_dict()
        saved["_scale_fn_custom"] = saved_function(self._scale_fn_custom)
        return saved

    def _misfits(self, state_dict: Any) -> list[str]:
        return super()._misfits(state_dict) or function_misfit(
            "scale_fn", self._scale_fn_custom, state_dict["_scale_fn_custom"]
        )

    def _take(self, state_dict: Mapping[str, Any]) -> None:
        super()._take({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        load_function(self._scale_fn_custom, state_dict["_scale_fn_custom"])
