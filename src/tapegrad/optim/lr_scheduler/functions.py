"""Schedules by functions of the epoch, and how such functions are saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from ..optimizer import Optimizer
from .arguments import Rate, check_optimizer, copied, functions_per_group
from .scheduler import LRScheduler, taken


def saved_function(function: Any) -> dict[str, Any] | None:
    """The attributes of a callable object; None for a function, whose code is not saved."""
    if isinstance(function, FunctionType) or not hasattr(function, "__dict__"):
        return None
    return dict(vars(function))


def function_misfit(name: str, function: Any, saved: Any) -> list[str]:
    """What keeps the attributes of a callable object from being loaded, in words."""
    if saved and saved_function(function) is None:
        return [
            f"unexpected: attributes of {name}, which is no callable object here; make the "
            "scheduler with one, as it was when saved"
        ]
    return []


def load_function(function: Any, saved: Mapping[str, Any] | None) -> None:
    """Give a callable object the attributes that were saved."""
    if saved:
        vars(function).update({k: taken(v) for k, v in saved.items()})


class _FunctionLR(LRScheduler):
    """A scheduler with one function for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(self._op, optimizer)
        self.lr_lambdas = functions_per_group(self._op, lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and functions; of callable objects their attributes."""
        saved = super().state_dict()
        saved["lr_lambdas"] = [saved_function(function) for function in self.lr_lambdas]
        return saved

    def _misfits(self, state_dict: Any) -> list[str]:
        problems = super()._misfits(state_dict)
        if problems:
            return problems
        saved = state_dict["lr_lambdas"]
        if len(saved) != len(self.lr_lambdas):
            return [f"lr_lambdas: expected {len(self.lr_lambdas)}, got {len(saved)}"]
        pairs = enumerate(zip(self.lr_lambdas, saved, strict=True))
        return [p for i, (f, s) in pairs for p in function_misfit(f"lr_lambdas[{i}]", f, s)]

    def _take(self, state_dict: Mapping[str, Any]) -> None:
        super()._take({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            load_function(function, saved)


class LambdaLR(_FunctionLR):
    """Set the learning rate to the first one times a function of the epoch.

        lr_e = lr_0 * f(e)

    Args:
        optimizer: whose groups are changed.
        lr_lambda: f, or a list of functions, one for each group.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for another number of functions than of groups.
        DtypeError: for what is no function.

    Example:
        The schedule of the first transformer, for a width of 512:

        >>> import tapegrad as tg
        >>> optimizer = tg.optim.Adam([tg.ones(1, requires_grad=True)], lr=512**-0.5)
        >>> scheduler = tg.optim.lr_scheduler.LambdaLR(
        ...     optimizer, lambda e: min((e + 1) ** -0.5, (e + 1) * 4 ** -1.5)
        ... )
        >>> for step in range(5):
        ...     optimizer.step()
        ...     print(f"{scheduler.get_last_lr()[0]:.4f}")
        ...     scheduler.step()
        0.0055
        0.0110
        0.0166
        0.0221
        0.0198

    References:
        Vaswani et al., "Attention is all you need", NeurIPS 2017, section 5.3.
    """

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`."""
        self._warn_outside_step()
        functions = self._one_per_group("lr_lambdas", self.lr_lambdas)
        bases = self._one_per_group("base_lrs", self.base_lrs)
        return [lr * f(self.last_epoch) for lr, f in zip(bases, functions, strict=True)]


class MultiplicativeLR(_FunctionLR):
    """Multiply the learning rate by a function of the epoch.

        lr_e = lr_(e - 1) * f(e)    for e > 0

    Args:
        optimizer: whose groups are changed.
        lr_lambda: f, or a list of functions, one for each group.
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for another number of functions than of groups.
        DtypeError: for what is no function.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = tg.optim.lr_scheduler.MultiplicativeLR(
        ...     optimizer, lambda e: 0.5 if e < 3 else 1.0
        ... )
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [1.0]
        [0.5]
        [0.25]
        [0.25]
    """

    def get_lr(self) -> list[Rate]:
        """The rates of `last_epoch`, from those of the epoch before."""
        self._warn_outside_step()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return [copied(group["lr"]) for group in groups]
        functions = self._one_per_group("lr_lambdas", self.lr_lambdas)
        return [g["lr"] * f(self.last_epoch) for g, f in zip(groups, functions, strict=True)]
