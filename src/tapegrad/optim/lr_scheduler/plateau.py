"""A schedule by what is measured."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from ...errors import ArgumentError, DtypeError
from ..optimizer import Optimizer
from ..options import INFINITY, check_number
from .arguments import check_choice, check_optimizer, check_whole, per_group
from .scheduler import LRScheduler, set_rate


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by a factor when a metric has stopped improving.

    An epoch is good if its metric is better than the best so far by a threshold,

        metric < best * (1 - threshold)  (min, rel)    metric < best - threshold  (min, abs)
        metric > best * (1 + threshold)  (max, rel)    metric > best + threshold  (max, abs)

    and after more than `patience` bad ones in a row, lr = max(lr * factor, min_lr).

    Args:
        optimizer: whose groups are changed.
        mode: "min" for a metric that is to fall, "max" for one that is to rise.
        factor: at least 0 and below 1.
        patience: bad epochs in a row that are put up with.
        threshold: by how much an epoch must be better.
        threshold_mode: "rel" for a share of the best, "abs".
        cooldown: epochs after a reduction in which bad ones are not counted.
        min_lr: lowest rate, or one for each group.
        eps: smaller changes of the rate are left out.

    Attributes:
        best: the best metric so far.
        num_bad_epochs: bad ones in a row.
        cooldown_counter: epochs of the cooldown that are left.

    Raises:
        ArgumentError: for arguments without meaning.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.1, 2.2, 1.0):
        ...     scheduler.step(loss)
        ...     print(scheduler.get_last_lr())
        [1.0]
        [1.0]
        [1.0]
        [0.5]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        op = self._op
        check_optimizer(op, optimizer)
        check_choice(op, "mode", mode, ("min", "max"))
        check_number(op, "factor", factor, below=1)
        check_whole(op, "patience", patience)
        check_number(op, "threshold", threshold)
        check_choice(op, "threshold_mode", threshold_mode, ("rel", "abs"))
        check_whole(op, "cooldown", cooldown)
        check_number(op, "eps", eps)
        self.min_lrs = per_group(op, "min_lr", min_lr, optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.optimizer = optimizer
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.mode_worse = INFINITY if mode == "min" else -INFINITY
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._note_lr()

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs are not counted now."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take the metric of an epoch into account.

        Args:
            metrics: a number, or a tensor with one element; NaN is never better.
            epoch: deprecated, as in PyTorch: the number of the epoch.

        Raises:
            DtypeError: for what is no number.
            ArgumentError: where `min_lr` was a list and a group has been added.
        """
        try:
            current = float(metrics)
        except (TypeError, ValueError) as error:
            raise DtypeError(
                f"{self._op}.step: metrics must be a number, got {metrics!r}"
            ) from error
        if epoch is not None:
            warnings.warn(
                f"{self._op}.step: epoch is deprecated; call step(metrics) after every epoch",
                UserWarning,
                stacklevel=2,
            )
        better = self._is_better(current, self.best)
        bad = 0 if better or self.in_cooldown else self.num_bad_epochs + 1
        if bad > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            bad = 0
        elif self.in_cooldown:
            self.cooldown_counter -= 1
        self.num_bad_epochs = bad
        self.best = current if better else self.best
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._note_lr()

    def _is_better(self, metric: float, best: float) -> bool:
        """Whether an epoch is good."""
        if self.threshold_mode == "rel":
            share = -self.threshold if self.mode == "min" else self.threshold
            bound = best * (1.0 + share)
        else:
            bound = best - self.threshold if self.mode == "min" else best + self.threshold
        return metric < bound if self.mode == "min" else metric > bound

    def _reduce(self) -> None:
        """Lower the rates of all groups."""
        groups = self.optimizer.param_groups
        if self.default_min_lr is not None and len(self.min_lrs) != len(groups):
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self._one_per_group("min_lrs", self.min_lrs), strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, float(least))
            if old - new > self.eps:
                set_rate(group, new)

    def get_lr(self) -> list[Any]:
        """There are no rates before the metric is known; ask `get_last_lr`."""
        raise ArgumentError(
            f"{self._op}: get_lr() does not tell what comes; ask get_last_lr() for the current rates"
        )
