"""Hyper-parameters: what is refused, and their values where they are given as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import ArgumentError
from ..tensor import Tensor

INFINITY = float("inf")


def number(value: Any) -> Any:
    """A hyper-parameter's value: that of a one-element tensor, anything else as it is."""
    return value.item() if isinstance(value, Tensor) else value


def check_number(
    op: str, name: str, value: Any, *, below: float = INFINITY, most: float = INFINITY
) -> None:
    """Refuse a hyper-parameter that is no finite number in [0, below) and [0, most].

    Args:
        op: the optimiser, for errors.
        name: the hyper-parameter.
        value: a number, or a tensor with one element.
        below: what it must be less than.
        most: what it may be at most.
    """
    if isinstance(value, Tensor) and value.array.size != 1:
        raise ArgumentError(
            f"{op}: {name} must be a number or a tensor with one element, got shape {value.shape}"
        )
    found = number(value)
    real = isinstance(found, Real) and not isinstance(found, bool)
    if not real or not 0 <= float(found) < below or float(found) > most:
        limit = "" if below == INFINITY else f" and below {below}"
        limit += "" if most == INFINITY else f" and at most {most}"
        raise ArgumentError(
            f"{op}: {name} must be a finite number of at least 0{limit}, got {value!r}"
        )


def check_pair(op: str, name: str, pair: Any) -> None:
    """Refuse what is no pair."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ArgumentError(f"{op}: {name} must be a pair of numbers, got {pair!r}")


def check_betas(op: str, betas: Any) -> None:
    """Refuse what is no pair of numbers in [0, 1)."""
    check_pair(op, "betas", betas)
    for index, beta in enumerate(betas):
        check_number(op, f"betas[{index}]", beta, below=1)


def check_switches(op: str, options: Mapping[str, Any]) -> None:
    """Refuse what cannot be done; `foreach`, `fused` and `capturable` change nothing here."""
    if options.get("differentiable"):
        raise ArgumentError(
            f"{op}: differentiable=True is not supported; steps are not recorded. "
            "Write the update with operations on tensors to differentiate through it"
        )
    if options.get("fused") and options.get("foreach"):
        raise ArgumentError(f"{op}: fused and foreach cannot both be True; leave one of them out")
