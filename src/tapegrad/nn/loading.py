"""Loading a state dict: everything is checked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import stamps
from ..device import is_array, move
from ..errors import StateDictError
from ..tensor import Tensor, raw, wrap
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(
    module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Copy values into a module; nothing is changed unless everything fits."""
    op = f"{type(module).__name__}.load_state_dict"
    if not isinstance(state_dict, Mapping):
        raise StateDictError(f"{op}: needs a mapping, got {type(state_dict).__name__}")
    own = list(module._state())
    keys = {key for key, _, _, _ in own}
    missing = [key for key, _, _, _ in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in keys]
    problems = [f"missing: {key}" for key in missing] if strict else []
    problems += [f"unexpected: {key}" for key in unexpected] if strict else []
    for key, _, _, tensor in own:
        if key in state_dict:
            problems += _misfit(key, tensor, state_dict[key])
    if problems:
        raise StateDictError(f"{op}: nothing was loaded:\n  " + "\n  ".join(problems))
    change = _adopted if assign else _beside
    ready = [
        (owner, name, tensor, change(tensor, state_dict[key]))
        for key, owner, name, tensor in own
        if key in state_dict
    ]
    for owner, name, tensor, value in ready:  # nothing fails from here on
        if assign:
            vars(owner)[name] = value
        else:
            np.copyto(tensor.array, value, casting="unsafe")
            stamps.stamp(tensor.array, "load_state_dict")
    return IncompatibleKeys(missing, unexpected)


def _misfit(key: str, tensor: Tensor, value: Any) -> list[str]:
    array = raw(value)
    if not is_array(array):
        return [f"not a tensor: {key}: got {type(value).__name__}"]
    if array.shape != tensor.shape:
        return [f"shape: {key}: expected {tensor.shape}, got {array.shape}"]
    if array.dtype.kind == "c" and tensor.dtype.kind != "c":
        return [f"dtype: {key}: {array.dtype} cannot become {tensor.dtype}"]
    return []


def _beside(tensor: Tensor, value: Any) -> Any:
    """The array of a value, on the tensor's device."""
    array = raw(value)
    return array if type(array) is type(tensor.array) else move(array, tensor.device)


def _adopted(tensor: Tensor, value: Any) -> Tensor:
    """What the module will hold in the place of a tensor."""
    if not isinstance(tensor, Parameter):
        return value if isinstance(value, Tensor) else wrap(value[...])
    if isinstance(value, Parameter):
        return value
    return Parameter(value, requires_grad=tensor.requires_grad)
