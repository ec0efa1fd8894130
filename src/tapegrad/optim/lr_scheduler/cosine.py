"""Schedules along a cosine, once or with restarts."""

from __future__ import annotations

import math

from ...errors import ArgumentError
from ..optimizer import Optimizer
from ..options import check_number
from .arguments import Rate, check_positive, check_whole
from .scheduler import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """Let the learning rate fall along half a cosine.

        lr_e = eta_min + (lr_0 - eta_min) * (1 + cos(pi * e / T_max)) / 2

    computed by the quotient to the epoch before, so that other schedulers may act as well:

        lr_e = eta_min + (lr_(e - 1) - eta_min) * (1 + cos(pi * e / T_max))
                                                / (1 + cos(pi * (e - 1) / T_max))

    There are no restarts: after `T_max` epochs it rises again.

    Args:
        optimizer: whose groups are changed.
        T_max: epochs until the lowest rate, above 0.
        eta_min: the lowest rate.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for a `T_max` or an `eta_min` without meaning.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
        >>> for epoch in range(5):
        ...     optimizer.step()
        ...     print(f"{scheduler.get_last_lr()[0]:.4f}")
        ...     scheduler.step()
        1.0000
        0.8536
        0.5000
        0.1464
        0.0000

    References:
        Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check_positive(self._op, "T_max", T_max)
        check_number(self._op, "eta_min", eta_min)
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        """1 + cos, twice the share of an epoch."""
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from those of the epoch before."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return [group["lr"] * 1.0 for group in groups]
        epoch, low = self.last_epoch, self.eta_min
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # from the lowest rate: 0 / 0
            rise = 1 - math.cos(math.pi / self.T_max)
            bases = self._one_per_group("base_lrs", self.base_lrs)
            return [g["lr"] + (lr - low) * rise / 2 for g, lr in zip(groups, bases, strict=True)]
        ratio = self._height(epoch) / self._height(epoch - 1)
        return [ratio * (group["lr"] - low) + low for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from the base rates."""
        height, low = self._height(self.last_epoch), self.eta_min
        bases = self._one_per_group("base_lrs", self.base_lrs)
        return [low + (lr - low) * height / 2 for lr in bases]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the learning rate fall along half a cosine, again and again.

        lr = eta_min + (lr_0 - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    `T_cur` epochs after the last restart, where the i-th cycle is `T_i = T_0 * T_mult^i` epochs
    long.

    Args:
        optimizer: whose groups are changed.
        T_0: epochs of the first cycle.
        T_mult: how many times as long each cycle is as the one before.
        eta_min: the lowest rate.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for lengths that are no whole numbers above 0, or an `eta_min` that is
            negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
        >>> for epoch in range(7):
        ...     optimizer.step()
        ...     print(f"{scheduler.get_last_lr()[0]:.4f}")
        ...     scheduler.step()
        1.0000
        0.5000
        1.0000
        0.8536
        0.5000
        0.1464
        1.0000

    References:
        Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        check_whole(self._op, "T_0", T_0, least=1)
        check_whole(self._op, "T_mult", T_mult, least=1)
        check_number(self._op, "eta_min", eta_min)
        self.T_0 = int(T_0)
        self.T_i = self.T_0
        self.T_mult = int(T_mult)
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The rates of `T_cur`."""
        self._warn_outside_step()
        height, low = 1 + math.cos(math.pi * self.T_cur / self.T_i), self.eta_min
        bases = self._one_per_group("base_lrs", self.base_lrs)
        return [low + (lr - low) * height / 2 for lr in bases]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of any; call it after the optimiser's step.

        Args:
            epoch: a number of at least 0, also between two epochs, as in
                `step(epoch + batch / batches)`.

        Raises:
            ArgumentError: for a negative epoch.
        """
        if epoch is not None and epoch < 0:
            raise ArgumentError(f"{self._op}.step: epoch must be at least 0, got {epoch!r}")
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        before = self.T_cur, self.T_i
        if epoch is None:
            epoch = self.last_epoch + 1
            if self._is_initial or epoch <= 0:
                self._place(epoch)
            else:
                self.T_cur += 1
                if self.T_cur >= self.T_i:
                    self.T_cur %= self.T_i
                    self.T_i *= self.T_mult
        else:
            self._place(epoch)
        try:
            super()._update_lr(math.floor(epoch))
        except BaseException:
            self.T_cur, self.T_i = before
            raise

    def _place(self, epoch: float) -> None:
        """Find the cycle of an epoch."""
        start, length = 0, self.T_0
        if self.T_mult == 1:
            start = math.floor(epoch / length) * length
        else:
            while epoch >= start + length:
                start += length
                length *= self.T_mult
        self.T_cur, self.T_i = epoch - start, length
