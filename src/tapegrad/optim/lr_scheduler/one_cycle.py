"""The one-cycle policy."""

from __future__ import annotations

import math
from typing import Any, Literal

from ...errors import ArgumentError
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
from .cyclic import MomentumLR


class OneCycleLR(MomentumLR):
    """Let the learning rate rise to a high value and fall to a very low one, batch by batch.

        initial_lr = max_lr / div_factor,    min_lr = initial_lr / final_div_factor

    It goes from `initial_lr` to `max_lr` until step `pct_start * total_steps - 1` and on to
    `min_lr` until step `total_steps - 1`; with three phases from `max_lr` back to `initial_lr` as
    fast as it rose, and then to `min_lr`. From a to b, at the share q of a phase,

        a + (b - a) * q (linear)    or    b + (a - b) * (1 + cos(pi * q)) / 2 (cos)

    Momentum goes the other way, from `max_momentum` to `base_momentum` and back.

    Args:
        optimizer: whose groups are changed.
        max_lr: highest rate, or one for each group.
        total_steps: number of steps.
        epochs, steps_per_epoch: their product is the number of steps, if that is not given.
        pct_start: share of the steps with a rising rate.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: also cycle `momentum`, or the first of the `betas`.
        base_momentum: lowest momentum, or one for each group; at the highest learning rate.
        max_momentum: highest momentum, or one for each group.
        div_factor: highest rate over first.
        final_div_factor: first rate over last.
        three_phase: fall as fast as the rise, then further down.
        last_epoch: number of the last batch, -1 to begin.

    Raises:
        ArgumentError: for arguments without meaning, or an optimiser without momentum.
        StateDictError: if the groups were never changed by one and there is a `last_epoch`.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.Adam([tg.ones(1, requires_grad=True)])
        >>> scheduler = tg.optim.lr_scheduler.OneCycleLR(
        ...     optimizer, 1.0, total_steps=5, pct_start=0.6, anneal_strategy="linear", div_factor=4
        ... )
        >>> for batch in range(5):
        ...     optimizer.step()
        ...     beta = optimizer.param_groups[0]["betas"][0]
        ...     print(f"{scheduler.get_last_lr()[0]:.3f} {beta:.2f}")
        ...     scheduler.step()
        0.250 0.95
        0.625 0.90
        1.000 0.85
        0.500 0.90
        0.000 0.95

    References:
        Smith and Topin, "Super-convergence: very fast training of neural networks using large
        learning rates", SPIE 11006, 2019. Two phases and the cosine are those of the library fastai.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        op = self._op
        check_optimizer(op, optimizer)
        check_whole(op, "last_epoch", last_epoch, least=-1)
        if total_steps is not None:
            check_whole(op, "total_steps", total_steps, least=1)
        elif epochs is not None and steps_per_epoch is not None:
            check_whole(op, "epochs", epochs, least=1)
            check_whole(op, "steps_per_epoch", steps_per_epoch, least=1)
            total_steps = epochs * steps_per_epoch
        else:
            raise ArgumentError(f"{op}: give total_steps, or epochs and steps_per_epoch")
        check_number(op, "pct_start", pct_start, most=1)
        check_choice(op, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        check_positive(op, "div_factor", div_factor)
        check_positive(op, "final_div_factor", final_div_factor)
        max_lrs = per_group(op, "max_lr", max_lr, optimizer)
        if cycle_momentum:
            lows, highs = self._momenta(optimizer, base_momentum, max_momentum)
        if last_epoch != -1:
            momenta = ("max_momentum", "base_momentum") if cycle_momentum else ()
            names = ("initial_lr", "max_lr", "min_lr", *momenta)
            self._check_resumed(optimizer, last_epoch, names)
        self.total_steps = int(total_steps)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                self._begin_momentum(optimizer, lows, highs)
        super().__init__(optimizer, last_epoch)

    def _anneal(self, start: Any, end: Any, share: float) -> Any:
        """Between start and end, by the share of the way."""
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`; sets the momentum of every group, if it is cycled."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(
                f"{self._op}: the cycle has {self.total_steps} steps and is over; call step() once "
                "for each batch, and give total_steps accordingly"
            )
        names = ("initial_lr", "max_lr", "min_lr")
        for index, group in enumerate(self.optimizer.param_groups):
            for name in (*names, "max_momentum") if self.cycle_momentum else names:
                if name not in group:
                    raise ArgumentError(
                        f"{self._op}: group {index} of the optimiser has no {name!r}; it was added "
                        "after the scheduler was made; give it its own"
                    )
        phases = self._schedule_phases
        index = 0
        while index < len(phases) - 1 and step > phases[index]["end_step"]:
            index += 1
        phase = phases[index]
        start = phases[index - 1]["end_step"] if index else 0.0
        length = phase["end_step"] - start
        share = min(1.0, (step - start) / length) if length > 0 else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal(*ends, share))
        return rates


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and the keys of a group that it goes between."""
    ends: list[tuple[float, str, str]] = [
        (float(pct_start * total_steps) - 1, "max_lr", "base_momentum")
    ]
    if three_phase:
        ends.append((float(2 * pct_start * total_steps) - 2, "initial_lr", "max_momentum"))
    ends.append((total_steps - 1, "min_lr", "max_momentum"))
    phases = []
    lr, momentum = "initial_lr", "max_momentum"
    for end_step, next_lr, next_momentum in ends:
        phases.append(
            {
                "end_step": end_step,
                "start_lr": lr,
                "end_lr": next_lr,
                "start_momentum": momentum,
                "end_momentum": next_momentum,
            }
        )
        lr, momentum = next_lr, next_momentum
    return phases
