"""Layers that normalise each sample for itself: over features, groups, and neighbouring channels."""

from __future__ import annotations

from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops import normalisation as ops
from ..ops.local_response import local_response_norm
from ..ops.shape import whole_number
from ..tensor import Tensor
from . import init
from .arguments import check_numbers
from .module import Module
from .parameter import Parameter


def _sizes(op: str, normalized_shape: Any) -> tuple[int, ...]:
    given = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    return tuple(whole_number(op, "normalized_shape", n) for n in given)


class Affine(Module):
    """A weight of ones and a bias of zeros, either of which may be None."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: DTypeLike) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            made = Parameter(creation.empty(*shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Set the weight to ones and the bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(Affine):
    """Normalise over the last dimensions, each sample for itself.

    Shape:
        input (..., *normalized_shape); result the same.

    Attributes:
        weight: of shape `normalized_shape`, at first ones; None without `elementwise_affine`.
        bias: of shape `normalized_shape`, at first zeros; None without.

    Args:
        normalized_shape: the last sizes, or the last size.
        eps: added to the variance.
        elementwise_affine: whether to multiply by a weight and add a bias.
        bias: whether to add one.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if a size is no int or negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LayerNorm(3)(tg.tensor([[1.0, 2.0, 3.0]]))
        tensor([[-1.2247,  0.0000,  1.2247]], grad_fn=<LayerNormBackward>)

    References:
        Ba, Kiros, Hinton, "Layer Normalization" (2016).
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        check_numbers(self, eps=eps)
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self._make(self.normalized_shape, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        return ops.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root mean square over the last dimensions.

    Shape:
        input (..., *normalized_shape); result the same.

    Attributes:
        weight: of shape `normalized_shape`, at first ones; None without `elementwise_affine`.

    Args:
        normalized_shape: the last sizes, or the last size.
        eps: added to the mean square; None for the dtype's distance from 1 to the next number.
        elementwise_affine: whether to multiply by a weight.
        device, dtype: of the weight.

    Raises:
        ArgumentError: if a size is no int or negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.RMSNorm(2)(tg.tensor([[3.0, 4.0]]))
        tensor([[0.8485, 1.1314]], grad_fn=<RmsNormBackward>)

    References:
        Zhang, Sennrich, "Root Mean Square Layer Normalization" (2019).
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        if eps is not None:
            check_numbers(self, eps=eps)
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = None
        if elementwise_affine:
            made = creation.empty(*self.normalized_shape, device=device, dtype=dtype)
            self.weight = Parameter(made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        return ops.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Affine):
    """Normalise over groups of neighbouring channels, each sample for itself.

    Shape:
        input (N, C, ...) with C = `num_channels`; result the same.

    Attributes:
        weight: (C,), at first ones; None without `affine`.
        bias: (C,), at first zeros; None without.

    Args:
        num_groups: how many groups.
        num_channels: C, a multiple of it.
        eps: added to the variance.
        affine: whether to multiply by a weight and add a bias.
        device, dtype: of the parameters.
        bias: whether to add one.

    Raises:
        ArgumentError: if `num_channels` is no multiple of `num_groups`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.GroupNorm(2, 4, affine=False)(tg.tensor([[1.0, 3.0, 5.0, 5.0]]))
        tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])

    References:
        Wu, He, "Group Normalization" (2018).
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_numbers(self, eps=eps)
        self.num_groups = whole_number("GroupNorm", "num_groups", num_groups)
        self.num_channels = whole_number("GroupNorm", "num_channels", num_channels)
        if not num_groups or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels ({num_channels}) must be divisible by num_groups "
                f"({num_groups})"
            )
        self.eps = eps
        self.affine = affine
        self._make((self.num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        if self.affine and input.ndim > 1 and input.shape[1] != self.num_channels:
            raise ShapeError(
                f"groupnorm: expected {self.num_channels} channels, got {input.shape[1]} in input of shape "
                f"{input.shape}"
            )
        return ops.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divide by a power of the mean square over neighbouring channels.

    Shape:
        input (N, C, ...) with at least three dimensions; result the same.

    Args:
        size: number of channels in a window.
        alpha, beta, k: factor, exponent, and what is added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LocalResponseNorm(2, alpha=6.0, beta=1.0)(tg.ones(1, 2, 1))
        tensor([[[0.2500],
                 [0.1429]]])

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks"
        (2012), section 3.3.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = whole_number(type(self).__name__, "size", size, 1)
        check_numbers(self, alpha=alpha, beta=beta, k=k)
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """Divide by a power of the mean square over neighbouring channels, as many before as after.

    Value: `input / (k + alpha / size * sum)**beta`, where `sum` is that of the squares of the channel itself
    and of `(size - 1) // 2` channels on either side. For an odd size it is `LocalResponseNorm`.

    Shape:
        input (N, C, H, W); result the same.

    Args:
        size: number of channels in a window.
        alpha, beta, k: factor, exponent, and what is added.

    Raises:
        ArgumentError: if `size` is no positive int.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)(tg.ones(1, 3, 1, 1)).flatten()
        tensor([0.3333, 0.2500, 0.3333])

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks"
        (2012), section 3.3.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        if input.ndim != 4:
            raise ShapeError(f"crossmaplrn2d: input must be 4-d, got shape {input.shape}")
        window = (self.size - 1) // 2 * 2 + 1
        return local_response_norm(
            input, window, self.alpha * window / self.size, self.beta, self.k
        )
