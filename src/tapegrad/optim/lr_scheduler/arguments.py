"""Arguments of schedulers: what is refused, and one value for each group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from ...errors import ArgumentError, DtypeError
from ...tensor import Tensor
from ..optimizer import Optimizer
from ..options import check_number

Rate = float | Tensor


def copied(value: Any) -> Any:
    """A value of a group; tensors are copied, since the group's own are written into."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def check_optimizer(op: str, optimizer: Any) -> None:
    """Refuse what is no optimiser, or one without learning rates."""
    if not isinstance(optimizer, Optimizer):
        raise DtypeError(
            f"{op}: optimizer must be an optimiser, got {type(optimizer).__name__}; pass one of "
            "tapegrad.optim"
        )
    for index, group in enumerate(optimizer.param_groups):
        if "lr" not in group:
            raise ArgumentError(f"{op}: group {index} of the optimiser has no 'lr' to schedule")


def check_whole(op: str, name: str, value: Any, least: int = 0) -> None:
    """Refuse what is no whole number of at least `least`; 5.0 is one."""
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or value != int(value) or value < least:
        raise ArgumentError(
            f"{op}: {name} must be a whole number of at least {least}, got {value!r}"
        )


def check_positive(op: str, name: str, value: Any) -> None:
    """Refuse what is no finite number above 0."""
    check_number(op, name, value)
    if value == 0:
        raise ArgumentError(f"{op}: {name} must be above 0, got {value!r}")


def check_choice(op: str, name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse what is none of some words."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices[:-1])
        raise ArgumentError(f"{op}: {name} must be {listed} or {choices[-1]!r}, got {value!r}")


def per_group(op: str, name: str, value: Any, optimizer: Optimizer, **limits: float) -> list[Any]:
    """One checked number for each group, from one for all or a list of them.

    Args:
        op: the scheduler, for errors.
        name: the argument.
        value: a number, a tensor with one element, or a list or tuple with one for each group.
        optimizer: whose groups they are for.
        **limits: of `check_number`.
    """
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise ArgumentError(
            f"{op}: {name} must be one number or {groups}, one for each group, got {len(values)}"
        )
    for one in values:
        check_number(op, name, one, **limits)
    return [copied(one) for one in values]


def functions_per_group(op: str, given: Any, optimizer: Optimizer) -> list[Callable[[int], float]]:
    """One function for each group, from one for all or a list of them."""
    groups = len(optimizer.param_groups)
    functions = list(given) if isinstance(given, (list, tuple)) else [given] * groups
    if len(functions) != groups:
        raise ArgumentError(
            f"{op}: lr_lambda must be one function or {groups}, one for each group, got "
            f"{len(functions)}"
        )
    for function in functions:
        if not callable(function):
            raise DtypeError(
                f"{op}: lr_lambda must be a function of the epoch, got {type(function).__name__}"
            )
    return functions
