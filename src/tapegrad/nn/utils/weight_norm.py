"""Weight normalisation by a hook that computes the weight before every call."""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd import no_grad
from ...errors import ArgumentError, DimensionError
from ...linalg import vector_norm
from ...tensor import Tensor
from ..hooks import hooks_of, take_off
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """Length of every slice along a dimension, which all keep with size 1; of all for dim -1, 0-d."""
    if dim == -1:
        return vector_norm(v)
    if not -v.ndim <= dim < v.ndim:
        raise DimensionError(f"weight_norm: a weight of shape {v.shape} has no dim {dim}")
    others = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return vector_norm(v, 2, others, keepdim=True) if others else v.abs()


def normalised(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """The direction of v with the length g."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The hook: computes a module's weight from its length and its direction.

    Args:
        name: of the weight.
        dim: see `weight_norm`; -1 for one length.
    """

    def __init__(self, name: str, dim: int) -> None:
        self.name = self.computes = name
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight as it is now."""
        held = vars(module)
        return normalised(held[f"{self.name}_v"], held[f"{self.name}_g"], self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        vars(module)[self.name] = self.compute_weight(module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn length and direction of a weight apart; a hook computes the weight before every call.

    Value: `weight = g * v / |v|`, the norm over all dimensions but `dim`. `parametrizations.weight_norm`
    does the same without a hook, so that the weight is never out of date and the module can be copied.

    Args:
        module: whose weight it is; it gets parameters `weight_g` and `weight_v` in its place.
        name: of the weight.
        dim: the dimension along which every slice has a length of its own; None for one in all.

    Returns:
        The module.

    Raises:
        ArgumentError: if there is no such parameter, or it is normalised already.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(20, 40))
        >>> layer.weight_g.shape, layer.weight_v.shape
        ((40, 1), (40, 20))

    References:
        Salimans and Kingma, "Weight normalization: a simple reparameterization to accelerate training of
        deep neural networks", NeurIPS 2016.
    """
    for hook in hooks_of(module, WeightNorm):
        if hook.name == name:
            raise ArgumentError(f"weight_norm: {name!r} is normalised already")
    weight = vars(module).get(name)
    if not isinstance(weight, Parameter):
        raise ArgumentError(f"weight_norm: {type(module).__name__} has no parameter {name!r}")
    fn = WeightNorm(name, -1 if dim is None else dim)
    with no_grad():
        length = norm_except_dim(weight, fn.dim)
    del vars(module)[name]
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    fn(module, ())
    module.register_forward_pre_hook(fn)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the weight, as it is now, is a parameter again.

    Args:
        module: whose weight it is.
        name: of the weight.

    Returns:
        The module.

    Raises:
        ArgumentError: if it is not normalised.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(2, 2))
        >>> list(tg.nn.utils.remove_weight_norm(layer).state_dict())
        ['bias', 'weight']
    """
    fn = take_off(module, lambda hook: isinstance(hook, WeightNorm) and hook.name == name)
    if fn is None:
        raise ArgumentError(
            f"remove_weight_norm: {name!r} of {type(module).__name__} is not normalised"
        )
    with no_grad():
        weight = fn.compute_weight(module)
    for part in (name, f"{name}_g", f"{name}_v"):
        del vars(module)[part]
    vars(module)[name] = Parameter(weight)
    return module
