"""Schedules that multiply the learning rate by factors of the epoch alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..optimizer import Optimizer
from ..options import check_number
from .arguments import Rate, check_positive, check_whole
from .scheduler import LRScheduler


class _FactorLR(LRScheduler):
    """A rate that is `share()` times the base rate, and `ratio()` times the one of the last epoch.

    `step` multiplies by the ratio, so that other schedulers may act on the same groups.
    """

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        raise NotImplementedError

    def ratio(self) -> float:
        """The rate of `last_epoch` over that of the epoch before."""
        raise NotImplementedError

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from those of the epoch before."""
        self._warn_outside_step()
        if self.last_epoch == 0:
            factor = self.share()
        else:  # a resumed epoch has its rates already
            factor = 1.0 if self._is_initial else self.ratio()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from the base rates."""
        factor = self.share()
        return [lr * factor for lr in self._one_per_group("base_lrs", self.base_lrs)]


class StepLR(_FactorLR):
    """Multiply the learning rate by gamma every `step_size` epochs.

        lr_e = lr_0 * gamma^floor(e / step_size)

    Args:
        optimizer: whose groups are changed.
        step_size: epochs from one decay to the next.
        gamma: factor.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for a `step_size` below 1 or a gamma that is negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for epoch in range(5):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [1.0]
        [1.0]
        [0.5]
        [0.5]
        [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        check_whole(self._op, "step_size", step_size, least=1)
        check_number(self._op, "gamma", gamma)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        return float(self.gamma ** (self.last_epoch // self.step_size))

    def ratio(self) -> float:
        """Gamma where a decay is due."""
        return self.gamma if self.last_epoch % self.step_size == 0 else 1.0


class MultiStepLR(_FactorLR):
    """Multiply the learning rate by gamma at certain epochs.

        lr_e = lr_0 * gamma^(number of milestones up to e)

    Args:
        optimizer: whose groups are changed.
        milestones: the epochs; one that is there twice counts twice.
        gamma: factor.
        last_epoch: number of the last epoch, -1 to begin.

    Attributes:
        milestones: a `Counter` of them.

    Raises:
        ArgumentError: for milestones that are no epochs, or a gamma that is negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [1.0]
        [0.5]
        [0.5]
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        counted = Counter(milestones)
        for milestone in counted:
            check_whole(self._op, "milestones", milestone)
        check_number(self._op, "gamma", gamma)
        self.milestones = counted
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        passed = sum(n for epoch, n in self.milestones.items() if epoch <= self.last_epoch)
        return float(self.gamma**passed)

    def ratio(self) -> float:
        """Gamma where a decay is due, as often as the milestone is there."""
        return float(self.gamma ** self.milestones.get(self.last_epoch, 0))


class ConstantLR(_FactorLR):
    """Multiply the learning rate by a factor during the first epochs.

        lr_e = factor * lr_0    for e < total_iters,    lr_0 from then on

    Args:
        optimizer: whose groups are changed.
        factor: from 0 to 1. After 0 the base rate is set anew, whatever other schedulers did.
        total_iters: number of epochs.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for a factor outside [0, 1] or a `total_iters` that is no whole number.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [0.5]
        [0.5]
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_number(self._op, "factor", factor, most=1)
        check_whole(self._op, "total_iters", total_iters)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        return 1.0 if self.last_epoch >= self.total_iters else self.factor

    def ratio(self) -> float:
        """One over the factor where its time is over."""
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from those of the epoch before."""
        if self.factor == 0 and self.last_epoch == self.total_iters and not self._is_initial:
            return self._get_closed_form_lr()  # nothing is left that could be multiplied
        return super().get_lr()


class LinearLR(_FactorLR):
    """Multiply the learning rate by a factor that changes linearly during the first epochs.

        lr_e = lr_0 * (start_factor + (end_factor - start_factor) * min(e, total_iters) / total_iters)

    Args:
        optimizer: whose groups are changed.
        start_factor: factor of epoch 0, above 0 and at most 1.
        end_factor: factor from epoch `total_iters` on, from 0 to 1.
        total_iters: number of epochs; with 0 it is over at once.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for factors or a `total_iters` outside these bounds.

    Example:
        A warm-up:

        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.LinearLR(optimizer, 0.25, total_iters=3)
        >>> for epoch in range(5):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [0.25]
        [0.5]
        [0.75]
        [1.0]
        [1.0]

    References:
        Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour",
        arXiv:1706.02677, 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_number(self._op, "start_factor", start_factor, most=1)
        check_positive(self._op, "start_factor", start_factor)
        check_number(self._op, "end_factor", end_factor, most=1)
        check_number(self._op, "total_iters", total_iters)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        if not self.total_iters:
            return self.end_factor
        way = self.end_factor - self.start_factor
        return self.start_factor + way * min(self.total_iters, self.last_epoch) / self.total_iters

    def ratio(self) -> float:
        """The quotient of two factors, which differ by way / total_iters."""
        if self.last_epoch > self.total_iters:
            return 1.0
        way = self.end_factor - self.start_factor
        return 1.0 + way / (self.total_iters * self.start_factor + (self.last_epoch - 1) * way)


class ExponentialLR(_FactorLR):
    """Multiply the learning rate by gamma after every epoch.

        lr_e = lr_0 * gamma^e

    Args:
        optimizer: whose groups are changed.
        gamma: factor.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for a gamma that is negative or not finite.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [1.0]
        [0.5]
        [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        check_number(self._op, "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        return float(self.gamma**self.last_epoch)

    def ratio(self) -> float:
        """Gamma."""
        return self.gamma


class PolynomialLR(_FactorLR):
    """Let the learning rate fall to zero by a power of what is left of the epochs.

        lr_e = lr_0 * (1 - min(e, total_iters) / total_iters)^power

    Args:
        optimizer: whose groups are changed.
        total_iters: number of epochs, above 0.
        power: the exponent, at least 0.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for a `total_iters` or a power outside these bounds.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     print(f"{scheduler.get_last_lr()[0]:.4f}")
        ...     scheduler.step()
        1.0000
        0.5625
        0.2500
        0.0625
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        check_positive(self._op, "total_iters", total_iters)
        check_number(self._op, "power", power)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def share(self) -> float:
        """The rate of `last_epoch` over the base rate."""
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return float((1.0 - done) ** self.power)

    def ratio(self) -> float:
        """The quotient of what is left now and before, to the power."""
        if self.last_epoch > self.total_iters:
            return 1.0
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return float((left / before) ** self.power)
