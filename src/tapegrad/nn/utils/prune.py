"""Pruning: parameters of which some elements are held at zero by a mask.

A pruned parameter `weight` becomes a parameter `weight_orig` and a buffer `weight_mask`; a hook
computes `weight = weight_orig * weight_mask` before every call. A second method prunes what the first
has left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ... import creation
from ...autograd import no_grad
from ...errors import ArgumentError, DtypeError
from ...tensor import Tensor
from ..hooks import hooks_of, take_off
from ..module import Module
from .convert_parameters import parameters_to_vector
from .pruning_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
)

M = TypeVar("M", bound=Module)


def identity(module: M, name: str) -> M:
    """Apply `Identity` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.utils.prune.identity(tg.nn.Linear(2, 1), "weight").weight_mask
        tensor([[1., 1.]])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: float) -> M:
    """Apply `RandomUnstructured` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many elements, or their share from 0 to 1.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.prune.random_unstructured(tg.nn.Linear(4, 2), "weight", 3)
        >>> int(layer.weight_mask.sum())
        5
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: M, name: str, amount: float, importance_scores: Tensor | None = None
) -> M:
    """Apply `L1Unstructured` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many elements, or their share from 0 to 1.
        importance_scores: what to look at instead of the values.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.prune.l1_unstructured(tg.nn.Linear(4, 2), "weight", 0.5)
        >>> int(layer.weight_mask.sum())
        4
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Apply `RandomStructured` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many slices, or their share from 0 to 1.
        dim: along which dimension.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.prune.random_structured(tg.nn.Linear(4, 3), "weight", 1, dim=0)
        >>> sorted(layer.weight_mask[:, 0].tolist())
        [0.0, 1.0, 1.0]
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: M,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> M:
    """Apply `LnStructured` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many slices, or their share from 0 to 1.
        n: order of the norm.
        dim: along which dimension.
        importance_scores: what to look at instead of the values.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.prune.ln_structured(tg.nn.Linear(4, 3), "weight", 1, n=2, dim=0)
        >>> sorted(layer.weight_mask[:, 0].tolist())
        [0.0, 1.0, 1.0]
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Apply `CustomFromMask` to a parameter; returns the module.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        mask: ones for what stays, zeros for the rest.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.prune.custom_from_mask(tg.nn.Linear(1, 2), "bias", tg.tensor([0, 1]))
        >>> layer.bias == 0
        tensor([ True, False])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if their elements stood in one vector.

    Args:
        parameters: pairs of a module and the name of its parameter.
        pruning_method: a class of methods whose type is `"unstructured"`.
        importance_scores: by such pairs, what to look at instead of the values.
        kwargs: for the constructor of the method.

    Raises:
        DtypeError: for arguments of another kind, or a method of another type.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> layer = tg.nn.Linear(3, 3)
        >>> both = [(layer, "weight"), (layer, "bias")]
        >>> prune.global_unstructured(both, prune.L1Unstructured, amount=5)
        >>> int(layer.weight_mask.sum() + layer.bias_mask.sum())
        7
    """
    pairs, scores = list(parameters), importance_scores or {}
    if not isinstance(scores, dict):
        raise DtypeError(
            f"global_unstructured: importance_scores must be a dict, got {type(scores).__name__}"
        )
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise DtypeError(
            "global_unstructured: needs a method of the type 'unstructured', got "
            f"{method.PRUNING_TYPE!r}"
        )
    method._tensor_name = "all"
    values = [getattr(module, name) for module, name in pairs]
    with no_grad():
        shown = parameters_to_vector(
            [scores.get(pair, value) for pair, value in zip(pairs, values, strict=True)]
        )
        default = parameters_to_vector(
            [
                vars(module).get(f"{name}_mask", creation.ones_like(value))
                for (module, name), value in zip(pairs, values, strict=True)
            ]
        )
        mask = PruningContainer(method).compute_mask(shown, default)
    start = 0
    for (module, name), value in zip(pairs, values, strict=True):
        part = mask[start : start + value.numel()].view(value.shape)
        custom_from_mask(module, name, part)
        start += value.numel()


def remove(module: M, name: str) -> M:
    """Make pruning permanent: the parameter has the zeros itself, mask and hook are gone.

    Args:
        module: whose parameter it is.
        name: of the parameter.

    Returns:
        The module.

    Raises:
        ArgumentError: if the parameter is not pruned.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> layer = prune.l1_unstructured(tg.nn.Linear(2, 1), "weight", 1)
        >>> list(prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    method = take_off(
        module, lambda hook: isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    )
    if method is None:
        raise ArgumentError(f"prune.remove: {name!r} of {type(module).__name__} is not pruned")
    method.remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a module, or one below it, has pruned parameters.

    Args:
        module: the module.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> model = tg.nn.Sequential(tg.nn.Linear(2, 1))
        >>> prune.is_pruned(model), prune.is_pruned(prune.identity(model[0], "bias"))
        (False, True)
    """
    return any(hooks_of(part, BasePruningMethod) for part in module.modules())


__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]
