"""What a state dict means for an optimiser: which entry is whose, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..device import is_array, move
from ..tensor import Tensor, wrap


def paired(
    mine: list[dict[str, Any]], saved: list[dict[str, Any]], problems: list[str]
) -> dict[Any, Tensor]:
    """The parameter behind each number of a state dict.

    Groups whose parameters have names on both sides are matched by name, others by position.

    Args:
        mine: the optimiser's groups.
        saved: the state dict's, of the same sizes.
        problems: takes what does not fit.
    """
    found: dict[Any, Tensor] = {}
    for index, (group, other) in enumerate(zip(mine, saved, strict=True)):
        params = group["params"]
        here, there = group.get("param_names"), other.get("param_names")
        if here and there and here != there:
            missing = [name for name in here if name not in there]
            unexpected = [name for name in there if name not in here]
            if missing or unexpected:
                problems.append(
                    f"names of group {index}: missing {missing}, unexpected {unexpected}; delete "
                    "'param_names' from the group of the state dict to match by position"
                )
                continue
            by_name = dict(zip(here, params, strict=True))
            params = [by_name[name] for name in there]
        found.update(zip(other["params"], params, strict=True))
    return found


def fitted(
    name: str,
    value: Any,
    parameter: Tensor,
    expected: tuple[int, ...] | None,
    stays: bool,
    what: str,
    problems: list[str],
) -> Any:
    """One value of a state, copied for a parameter.

    Args:
        name: of the value in the state.
        value: a tensor, an array, a number, or lists and dicts of these.
        parameter: gives the dtype and the device.
        expected: shape that a tensor must have, or None for any.
        stays: whether it keeps its dtype and lives on the host.
        what: whose state it is, for `problems`.
        problems: takes what does not fit.
    """
    if isinstance(value, Tensor) or is_array(value):
        array = value.array if isinstance(value, Tensor) else value
        if expected is not None and array.shape != expected:
            problems.append(f"shape: {name} of {what}: expected {expected}, got {array.shape}")
            return None
        if stays:
            return wrap(move(array, "cpu").copy())
        if array.dtype.kind in "fcV":
            return wrap(move(array, parameter.device).astype(parameter.dtype))
        return wrap(move(array, parameter.device).copy())
    if isinstance(value, (list, tuple)):
        made = [fitted(name, v, parameter, None, stays, what, problems) for v in value]
        return tuple(made) if isinstance(value, tuple) else made
    if isinstance(value, Mapping):
        return {
            k: fitted(f"{name}.{k}", v, parameter, None, stays, what, problems)
            for k, v in value.items()
        }
    return deepcopy(value)
