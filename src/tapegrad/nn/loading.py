"""Loading a state dict: everything is checked before anything is changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import stamps
from ..device import is_array, move
from ..errors import ArgumentError, StateDictError
from ..tensor import Tensor, raw, wrap
from .parameter import Buffer, Parameter
from .uninitialised import Uninitialized, memory

if TYPE_CHECKING:
    from .state import Stateful

EXTRA = "_extra_state"  # the key of what `get_extra_state` returns


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Plan:
    """What loading will change, noted module by module and done when none has found a fault.

    Attributes:
        assign: whether modules will hold the given tensors themselves.
        values: owner, attribute, tensor and its new value.
        extra: module and its extra state.
    """

    def __init__(self, assign: bool) -> None:
        self.assign = assign
        self.values: list[tuple[Any, str, Tensor, Any]] = []
        self.extra: list[tuple[Any, Any]] = []

    def carry_out(self) -> None:
        """Change everything; whatever can be refused is refused first."""
        change = _adopted if self.assign else _beside
        ready = [(*item[:3], change(*item[2:])) for item in self.values]
        for owner, name, tensor, value in ready:
            if self.assign:
                if isinstance(value, Parameter):
                    value.requires_grad_(tensor.requires_grad)
                vars(owner)[name] = value
                continue
            if isinstance(tensor, Uninitialized):
                tensor.materialize(value.shape)
            np.copyto(tensor.array, value, casting="unsafe")
            stamps.stamp(tensor.array, "load_state_dict")
        for module, state in self.extra:
            module.set_extra_state(state)

    def undo(self) -> Callable[[], None]:
        """What puts everything back as it is now."""
        arrays = [
            (tensor, None if isinstance(tensor, Uninitialized) else tensor.array.copy())
            for _, _, tensor, _ in self.values
        ]
        kinds = [(tensor, type(tensor), memory(tensor)) for tensor, kept in arrays if kept is None]
        extra = [
            (module, module.get_extra_state())
            for module, _ in self.extra
            if module._extends("get_extra_state")
        ]

        def put_back() -> None:
            for owner, name, tensor, _ in self.values:
                vars(owner)[name] = tensor
            for tensor, kind, array in kinds:
                tensor.__class__ = kind
                tensor.array = array
            for tensor, kept in arrays:
                if kept is not None:
                    tensor.array[...] = kept
                    stamps.stamp(tensor.array, "load_state_dict")
            for module, state in extra:
                module.set_extra_state(state)

        return put_back


class Metadata(dict[str, Any]):
    """What goes along with a module's part of a state dict: its version, and the plan of the loading."""

    plan: Plan


def load(
    module: Stateful, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Copy values into a module; nothing is changed unless everything fits."""
    op = f"{type(module).__name__}.load_state_dict"
    if not isinstance(state_dict, Mapping):
        raise StateDictError(f"{op}: needs a mapping, got {type(state_dict).__name__}")
    versions = getattr(state_dict, "_metadata", {})
    plan, keys, errors = Plan(assign), IncompatibleKeys([], []), list[str]()
    hooks: list[tuple[Any, Any]] = []

    def visit(part: Any, state: dict[str, Any], prefix: str) -> None:
        metadata = Metadata(versions.get(prefix[:-1], {}))
        metadata["assign_to_params_buffers"] = assign
        metadata.plan = plan
        part._load_from_state_dict(state, prefix, metadata, True, *keys, errors)
        below: dict[str, dict[str, Any]] = {name: {} for name in part._modules}
        for key, value in state.items():  # once, not for every child
            name, dot, _ = key[len(prefix) :].partition(".")
            if dot and name in below and key.startswith(prefix):
                below[name][key] = value
        for name, child in part._modules.items():
            visit(child, below[name], f"{prefix}{name}.")
        hooks.extend((part, hook) for hook in part._load_state_dict_post_hooks.values())

    def refuse_misfits() -> None:
        problems = [f"missing: {key}" for key in keys.missing_keys] if strict else []
        problems += [f"unexpected: {key}" for key in keys.unexpected_keys] if strict else []
        problems += errors
        if problems:
            raise StateDictError(f"{op}: nothing was loaded:\n  " + "\n  ".join(problems))

    visit(module, OrderedDict(state_dict), "")
    if errors or not hooks:
        refuse_misfits()
    undo = plan.undo() if hooks or plan.extra else None  # user code that may fail
    try:
        plan.carry_out()
        for owner, hook in hooks:
            if hook(owner, keys) is not None:
                raise ArgumentError(
                    f"{op}: a post-hook changes the lists it is given, and must return None"
                )
        refuse_misfits()
    except BaseException:
        if undo is not None:
            undo()
        raise
    return keys


def note(
    module: Stateful,
    state: Mapping[str, Any],
    prefix: str,
    metadata: Metadata,
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """Compare a module's own part with a state dict and note in the plan what is to be changed."""
    if not isinstance(metadata, Metadata):
        raise ArgumentError(
            "_load_from_state_dict: hand on the local_metadata that it was called with, got "
            f"{type(metadata).__name__}"
        )
    plan, own = metadata.plan, dict(module._own_state())
    extended = module._extends("set_extra_state")
    for name, tensor in own.items():
        if (key := prefix + name) not in state:
            missing += [key] if strict else []
            continue
        value = state[key]
        if not isinstance(tensor, Uninitialized) and not tensor.ndim and _is_vector_of_one(value):
            value = raw(value)[0, ...]  # early versions of PyTorch saved numbers so
        problems = _misfit(key, tensor, value)
        errors += problems
        if not problems and not isinstance(value, Uninitialized):
            plan.values.append((module, name, tensor, value))
    if (key := prefix + EXTRA) in state and extended:
        plan.extra.append((module, state[key]))
    elif extended and strict:
        missing.append(key)
    if not strict:
        return
    children = module._modules
    for key in state:
        if key.startswith(prefix):
            name, dot, _ = key[len(prefix) :].partition(".")
            if not (name in children if dot else name in own or (extended and name == EXTRA)):
                unexpected.append(key)


def _is_vector_of_one(value: Any) -> bool:
    return not isinstance(value, Uninitialized) and getattr(raw(value), "shape", None) == (1,)


def _misfit(key: str, tensor: Tensor, value: Any) -> list[str]:
    if isinstance(value, Uninitialized):
        if isinstance(tensor, Uninitialized):
            return []  # nothing to load
        return [f"not initialised: {key}: expected {tensor.shape}, got a lazy layer's tensor"]
    array = raw(value)
    if not is_array(array):
        return [f"not a tensor: {key}: got {type(value).__name__}"]
    if not isinstance(tensor, Uninitialized) and array.shape != tensor.shape:
        return [f"shape: {key}: expected {tensor.shape}, got {array.shape}"]
    if array.dtype.kind == "c" and tensor.dtype.kind != "c":
        return [f"dtype: {key}: {array.dtype} cannot become {tensor.dtype}"]
    return []


def _beside(tensor: Tensor, value: Any) -> Any:
    """The array of a value, on the tensor's device."""
    array = raw(value)
    return array if type(array) is type(memory(tensor)) else move(array, tensor.device)


def _adopted(tensor: Tensor, value: Any) -> Tensor:
    """What the module will hold in the place of a tensor."""
    if isinstance(tensor, Buffer):
        return Buffer(value, persistent=tensor.persistent)
    if not isinstance(tensor, Parameter):
        return value if isinstance(value, Tensor) else wrap(value[...])
    if isinstance(value, Parameter):
        return value
    return Parameter(value, requires_grad=tensor.requires_grad)
