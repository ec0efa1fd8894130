"""Schedules made of others: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ArgumentError, DtypeError
from ..optimizer import Optimizer
from .arguments import check_optimizer, check_whole
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler, set_rate


class _CompoundLR(LRScheduler):
    """A scheduler of others, which are in `_schedulers`."""

    _schedulers: list[LRScheduler]

    def _check_parts(self, schedulers: Sequence[LRScheduler], optimizer: Any) -> Optimizer:
        """Refuse schedulers that cannot be put together; answers their optimiser."""
        op = self._op
        if not isinstance(schedulers, (list, tuple)) or not schedulers:
            raise ArgumentError(f"{op}: schedulers must be a list with at least one scheduler")
        for index, part in enumerate(schedulers):
            if not isinstance(part, LRScheduler):
                raise DtypeError(
                    f"{op}: schedulers[{index}] must be a scheduler, got {type(part).__name__}"
                )
            if isinstance(part, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{op}: schedulers[{index}] is a ReduceLROnPlateau, which needs a metric in "
                    "every step; step it by itself"
                )
        if optimizer is None:
            optimizer = schedulers[0].optimizer
        check_optimizer(op, optimizer)
        for index, part in enumerate(schedulers):
            if part.optimizer is not optimizer:
                raise ArgumentError(
                    f"{op}: schedulers[{index}] changes another optimiser; make them all for one"
                )
        found: Optimizer = optimizer
        return found

    def _reset_rates(self) -> None:
        """Give all groups the rates that they had before any scheduler."""
        for group in self.optimizer.param_groups:
            set_rate(group, group.get("initial_lr", group["lr"]))

    def _rewind(self) -> None:
        """Go before epoch 0."""
        for part in self._schedulers:
            part._rewind()

    def get_lr(self) -> list[Any]:
        """The parts compute the rates; ask `get_last_lr`."""
        raise ArgumentError(
            f"{self._op}: get_lr() is left to the schedulers that it is made of; ask get_last_lr() "
            "for the current rates"
        )

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser; the state dicts of the parts are under `_schedulers`."""
        saved = super().state_dict()
        saved["_schedulers"] = [part.state_dict() for part in self._schedulers]
        return saved

    def _misfits(self, state_dict: Any) -> list[str]:
        if isinstance(state_dict, Mapping):  # which PyTorch counts for those inside another
            state_dict = {k: v for k, v in state_dict.items() if k != "_step_count"}
        problems = super()._misfits(state_dict)
        if problems:
            return problems
        saved = state_dict["_schedulers"]
        if len(saved) != len(self._schedulers):
            return [f"_schedulers: expected {len(self._schedulers)}, got {len(saved)}"]
        pairs = enumerate(zip(self._schedulers, saved, strict=True))
        return [f"_schedulers[{i}]: {p}" for i, (part, s) in pairs for p in part._misfits(s)]

    def _take(self, state_dict: Mapping[str, Any]) -> None:
        own = {k: v for k, v in state_dict.items() if k not in ("_schedulers", "_step_count")}
        super()._take(own)
        for part, saved in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            part.load_state_dict(saved)


class SequentialLR(_CompoundLR):
    """Run schedulers one after another, each from its own epoch 0.

    The i-th runs from milestone i - 1 up to milestone i, where the next one takes over with the
    rates of its beginning.

    Args:
        optimizer: whose groups are changed.
        schedulers: schedulers of that optimiser, made in this order.
        milestones: the epochs at which the next one takes over, one fewer.
        last_epoch: must be -1. To resume, load a state dict.

    Raises:
        ArgumentError: for no schedulers, a `ReduceLROnPlateau`, one of another optimiser,
            milestones that are not as many or decrease, or a `last_epoch`.
        DtypeError: for what is no scheduler.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> warm_up = LinearLR(optimizer, 0.5, total_iters=2)
        >>> decay = ExponentialLR(optimizer, 0.5)
        >>> scheduler = SequentialLR(optimizer, [warm_up, decay], milestones=[2])
        >>> for epoch in range(5):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [0.5]
        [0.75]
        [1.0]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        op = self._op
        check_optimizer(op, optimizer)
        self._check_parts(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"{op}: {len(schedulers)} schedulers need {len(schedulers) - 1} milestones, got "
                f"{len(milestones)}"
            )
        for milestone in milestones:
            check_whole(op, "milestones", milestone)
        if list(milestones) != sorted(milestones):
            raise ArgumentError(f"{op}: milestones must not decrease, got {list(milestones)}")
        if last_epoch != -1:  # the schedulers have passed epochs of their own, which it cannot tell
            raise ArgumentError(
                f"{op}: last_epoch must be -1, got {last_epoch!r}; to resume, make it anew and load "
                "its state dict"
            )
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.optimizer = optimizer
        self._reset_rates()
        self._rewind()
        self._initial_step()

    def _rewind(self) -> None:
        """Go before epoch 0."""
        super()._rewind()
        self.last_epoch = -1

    def _initial_step(self) -> None:
        """Begin: the rates of the scheduler that runs at epoch 0."""
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self.last_epoch = 0
        self._last_lr = first.get_last_lr()

    def _restart(self) -> None:
        """Go to epoch 0, whatever the rates are now."""
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._restart()
        self.last_epoch = 0
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Set the rates of the next epoch; call it after the optimiser's step."""
        epoch = self.last_epoch + 1
        index = bisect_right(self._milestones, epoch)
        part = self._schedulers[index]
        if index and self._milestones[index - 1] == epoch:
            part._restart()
        else:
            part.step()
        self.last_epoch = epoch
        self._last_lr = part.get_last_lr()


class ChainedScheduler(_CompoundLR):
    """Step several schedulers at once; each changes the rates that the one before it set.

    Args:
        schedulers: schedulers of one optimiser, of those that multiply its current rates; one that
            computes them from the first rates undoes what those before it did.
        optimizer: that optimiser; may be left out.

    Raises:
        ArgumentError: for no schedulers, a `ReduceLROnPlateau`, or one of another optimiser.
        DtypeError: for what is no scheduler.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> parts = [ConstantLR(optimizer, 0.25, total_iters=2), ExponentialLR(optimizer, 0.5)]
        >>> scheduler = ChainedScheduler(parts)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [0.25]
        [0.125]
        [0.25]
        [0.125]
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self.optimizer = self._check_parts(schedulers, optimizer)
        self._schedulers = list(schedulers)
        self._note_lr()

    def _initial_step(self) -> None:
        """Begin, as a part of another."""
        for part in self._schedulers:
            part._initial_step()
        self._note_lr()

    def _restart(self) -> None:
        """Go to epoch 0, whatever the rates are now."""
        self._reset_rates()
        self._rewind()
        self._initial_step()

    def step(self) -> None:  # type: ignore[override]
        """Set the rates of the next epoch; call it after the optimiser's step."""
        for part in self._schedulers:
            part.step()
        self._note_lr()
