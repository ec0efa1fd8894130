"""Batch normalisation in evaluation folded into the layer before it."""

from __future__ import annotations

import copy
from typing import TypeVar

from ...autograd import no_grad
from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor
from ..batch_normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from ..linear import Linear
from ..parameter import Parameter

BatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d
C = TypeVar("C", Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that does what one and batch normalisation after it do.

    Value, with `s = bn_w / sqrt(bn_rv + bn_eps)` per channel: `s * conv_w` and
    `s * (conv_b - bn_rm) + bn_b`.

    Args:
        conv_w: (O, C, ...), for transposed convolutions (C, O, ...).
        conv_b: (O,); None stands for zeros.
        bn_rm, bn_rv: running mean and variance, (O,).
        bn_eps: of the normalisation.
        bn_w, bn_b: (O,); None stands for ones and zeros.
        transpose: whether the convolution is transposed.

    Returns:
        Weight and bias, of the dtypes of the convolution's.

    Example:
        >>> import tapegrad as tg
        >>> one = tg.ones(1)
        >>> weight, bias = tg.nn.utils.fuse_conv_bn_weights(
        ...     tg.ones(1, 1, 1), None, one, 3 * one, 1.0, 4 * one, None
        ... )
        >>> weight.item(), bias.item()
        (2.0, -2.0)
    """
    with no_grad():
        scale = (bn_rv + bn_eps).rsqrt()
        if bn_w is not None:
            scale = bn_w * scale
        shift = -bn_rm if conv_b is None else conv_b - bn_rm
        bias = shift * scale if bn_b is None else shift * scale + bn_b
        shape = [1] * conv_w.ndim
        shape[1 if transpose else 0] = -1
        weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
        bias = bias.to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return (
        Parameter(weight, conv_w.requires_grad),
        Parameter(bias, conv_w.requires_grad if conv_b is None else conv_b.requires_grad),
    )


def fuse_conv_bn_eval(conv: C, bn: BatchNorm, transpose: bool = False) -> C:
    """Make one convolution of one and the batch normalisation after it, both in evaluation.

    Args:
        conv: a convolution.
        bn: batch normalisation of its channels, with running statistics.
        transpose: whether the convolution is transposed.

    Returns:
        A new convolution, for evaluation.

    Raises:
        ArgumentError: if one of them is in training mode, or there are no running statistics.
        ShapeError: for another number of channels.

    Example:
        >>> import tapegrad as tg
        >>> conv, bn = tg.nn.Conv2d(3, 8, 3).eval(), tg.nn.BatchNorm2d(8).eval()
        >>> x = tg.randn(1, 3, 5, 5)
        >>> fused = tg.nn.utils.fuse_conv_bn_eval(conv, bn)
        >>> tg.allclose(fused(x), bn(conv(x)), atol=1e-5)
        True
    """
    mean, var = _statistics("fuse_conv_bn_eval", conv, bn)
    if bn.num_features != conv.out_channels:
        raise ShapeError(
            f"fuse_conv_bn_eval: the normalisation has {bn.num_features} channels, the convolution gives "
            f"{conv.out_channels}"
        )
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def _statistics(op: str, layer: Linear | C, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    if layer.training or bn.training:
        raise ArgumentError(f"{op}: both layers must be in evaluation mode; call eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{op}: the normalisation has no running statistics")
    return bn.running_mean, bn.running_var


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that does what one and batch normalisation after it do.

    Args:
        linear_w: (O, D).
        linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b: as for `fuse_conv_bn_weights`.

    Returns:
        Weight and bias, of the dtypes of the linear layer's.

    Example:
        >>> import tapegrad as tg
        >>> one = tg.ones(1)
        >>> weight, bias = tg.nn.utils.fuse_linear_bn_weights(
        ...     tg.ones(1, 1), one, one, 3 * one, 1.0, 4 * one, one
        ... )
        >>> weight.item(), bias.item()
        (2.0, 1.0)
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_eval(linear: Linear, bn: BatchNorm) -> Linear:
    """Make one linear layer of one and the batch normalisation after it, both in evaluation.

    Args:
        linear: a linear layer.
        bn: batch normalisation of its features, or of a single channel.

    Returns:
        A new linear layer, for evaluation.

    Raises:
        ArgumentError: if one of them is in training mode, or there are no running statistics.
        ShapeError: for another number of features.

    Example:
        >>> import tapegrad as tg
        >>> linear, bn = tg.nn.Linear(3, 8).eval(), tg.nn.BatchNorm1d(8).eval()
        >>> x = tg.randn(2, 3)
        >>> fused = tg.nn.utils.fuse_linear_bn_eval(linear, bn)
        >>> tg.allclose(fused(x), bn(linear(x)), atol=1e-5)
        True
    """
    mean, var = _statistics("fuse_linear_bn_eval", linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise ShapeError(
            f"fuse_linear_bn_eval: the normalisation has {bn.num_features} features, the linear layer "
            f"gives {linear.out_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias
    )
    return fused
