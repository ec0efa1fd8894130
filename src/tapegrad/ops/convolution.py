"""Convolutions, transposed convolutions, and the windows that they read."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import kernels
from .._typing import Shape
from ..batching import over
from ..device import apart
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels import Window
from ..record import CROSS, record2, record3
from ..tensor import Tensor
from .cast import as_operand, different_devices
from .reduce import ACCUMULATOR
from .shape import reshape, whole_number
from .window import Numbers, per_dimension, same_padding

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

ndarray = np.ndarray


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve sequences, one node on the tape; see `conv2d`.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, K).
        bias: (O,), or None.
        stride, padding, dilation, groups: as in `conv2d`.

    Returns:
        (N, O, L'), without N if the input had none.

    Raises:
        ShapeError, ArgumentError, DtypeError: as in `conv2d`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[1.0, 2.0, 4.0]])
        >>> tg.conv1d(x, tg.tensor([[[-1.0, 1.0]]]))
        tensor([[1., 2.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with a kernel that is not turned around (cross-correlation), one node on the tape.

    Value: `y[n, o, p] = bias[o] + sum over c, k of weight[o, c, k] * x[n, c, stride * p + dilation * k]`,
    where `x` is the padded input and `p`, `k` are positions. Adjoint: `conv_transpose2d` of `g` with the same
    weight for `input`; the products of `g` with what each weight met, summed, for `weight`; the
    sum of `g` over all but the channels for `bias`.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O,), or None.
        stride: step of the kernel, one number or one per dimension.
        padding: zeros on both sides, one number or one per dimension; "valid" for none; "same" for as
            many as give a result of the input's size, one more after than before if the number is odd.
        dilation: distance between the kernel's elements, one number or one per dimension.
        groups: number of groups of channels that are convolved apart.

    Returns:
        (N, O, H', W'), without N if the input had none; H' is `(H + 2 padding - dilation (KH - 1) - 1) //
        stride + 1`. Its memory has the channels last; `contiguous()` copies it into row order.

    Raises:
        ShapeError: if the shapes do not fit, or the kernel is larger than the padded input.
        ArgumentError: for a number without meaning, or "same" with a stride.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.arange(9.0).reshape(1, 1, 3, 3)
        >>> tg.conv2d(x, tg.ones(1, 1, 2, 2))
        tensor([[[[ 8., 12.],
                  [20., 24.]]]])

    References:
        Chellapilla et al., "High performance convolutional neural networks for document processing", 2006.
        Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve volumes, one node on the tape; see `conv2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (O, C / groups, KD, KH, KW).
        bias: (O,), or None.
        stride, padding, dilation, groups: as in `conv2d`.

    Returns:
        (N, O, D', H', W'), without N if the input had none.

    Raises:
        ShapeError, ArgumentError, DtypeError: as in `conv2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.conv3d(tg.ones(1, 2, 2, 2), tg.ones(1, 1, 2, 2, 2))
        tensor([[[[8.]]]])
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """Convolve sequences by the transposed map, one node on the tape; see `conv_transpose2d`.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, K).
        bias: (O,), or None.
        stride, padding, output_padding, groups, dilation: as in `conv_transpose2d`.

    Returns:
        (N, O, L'), without N if the input had none.

    Raises:
        ShapeError, ArgumentError, DtypeError: as in `conv_transpose2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.conv_transpose1d(tg.tensor([[1.0, 2.0]]), tg.tensor([[[1.0, 10.0]]]), stride=2)
        tensor([[ 1., 10.,  2., 20.]])
    """
    given = (stride, padding, output_padding, dilation, groups)
    return _convolve_transposed("conv_transpose1d", 1, input, weight, bias, *given)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """Convolve images by the transposed map of `conv2d`, one node on the tape.

    Value: every input element adds the kernel, times itself, to the window that `conv2d` would have read
    for it. Adjoint: `conv2d` of `g` with the same weight for `input`; the products of the input with what
    each weight meets in `g`, summed, for `weight`; the sum of `g` over all but the channels for `bias`.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, KH, KW).
        bias: (O,), or None.
        stride: step between the windows, one number or one per dimension.
        padding: how much is cut off on both sides, one number or one per dimension.
        output_padding: how much the result is longer at the end, less than stride or dilation: it tells
            apart the sizes that `conv2d` maps to one size.
        groups: number of groups of channels that are convolved apart.
        dilation: distance between the kernel's elements, one number or one per dimension.

    Returns:
        (N, O, H', W'), without N if the input had none; H' is `(H - 1) stride - 2 padding + dilation (KH - 1)
        + output_padding + 1`.

    Raises:
        ShapeError: if the shapes do not fit, or nothing would be left.
        ArgumentError: for a number without meaning.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.conv_transpose2d(tg.tensor([[[1.0, 2.0]]]), tg.ones(1, 1, 2, 2))
        tensor([[[1., 3., 2.],
                 [1., 3., 2.]]])

    References:
        Zeiler et al., "Deconvolutional networks", CVPR 2010.
        Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
    """
    given = (stride, padding, output_padding, dilation, groups)
    return _convolve_transposed("conv_transpose2d", 2, input, weight, bias, *given)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    """Convolve volumes by the transposed map, one node on the tape; see `conv_transpose2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (C, O / groups, KD, KH, KW).
        bias: (O,), or None.
        stride, padding, output_padding, groups, dilation: as in `conv_transpose2d`.

    Returns:
        (N, O, D', H', W'), without N if the input had none.

    Raises:
        ShapeError, ArgumentError, DtypeError: as in `conv_transpose2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.conv_transpose3d(tg.ones(1, 1, 1, 1), tg.ones(1, 1, 1, 1, 2), stride=2)
        tensor([[[[1., 1.]]]])
    """
    given = (stride, padding, output_padding, dilation, groups)
    return _convolve_transposed("conv_transpose3d", 3, input, weight, bias, *given)


def _convolve(
    op: str,
    ndim: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    input, weight, bias = _operands(op, ndim, input, weight, bias)
    if input.ndim == ndim + 1:
        lone = reshape(input, (1, *input.shape))
        out = _convolve(op, ndim, lone, weight, bias, stride, padding, dilation, groups)
        return reshape(out, out.shape[1:])
    steps = per_dimension(op, "stride", stride, ndim, 1)
    gaps = per_dimension(op, "dilation", dilation, ndim, 1)
    x, w = input.array, weight.array
    groups = whole_number(op, "groups", groups, 1)
    window = Window(steps, _pairs(op, padding, steps, gaps, w.shape[2:]), gaps, groups)
    _check_weight(op, "C_out, C_in / groups", weight, groups)
    if x.shape[1] != w.shape[1] * groups:
        raise ShapeError(
            f"{op}: weight of shape {w.shape} with groups={groups} expects {w.shape[1] * groups} channels, "
            f"got {x.shape[1]} in input of shape {x.shape}"
        )
    _check_bias(op, bias, w.shape[0])
    kernel = w.shape[2:]
    if min(window.places(x.shape[2:], kernel)) < 1:
        raise ShapeError(
            f"{op}: the kernel, {kernel} with dilation {gaps}, is larger than the input {x.shape[2:]} "
            f"padded by {window.padding}"
        )
    _check_sizes(op, x.shape[2:])
    out = kernels.conv(x, w, window, None if bias is None else bias.array)
    saved = (None if weight.node is None else x, None if input.node is None else w)
    return record3(out, _conv_rules, input, weight, bias, (*saved, x.shape[2:], kernel, window))


def _conv_vjp_input(g, x, w, spatial, kernel, window):
    return kernels.conv_input_grad(g, w, spatial, window)


def _conv_vjp_weight(g, x, w, spatial, kernel, window):
    return kernels.conv_weight_grad(g, x, kernel, window)


def _conv_vjp_bias(g, x, w, spatial, kernel, window):
    if g.__class__ is ndarray and g.dtype.char in "fd" and g.size:
        last = g.transpose(0, *range(2, g.ndim), 1)
        if last.flags.c_contiguous:  # BLAS sums such rows faster than np.add.reduce
            rows = last.reshape(-1, g.shape[1])
            return _ones(rows.shape[0], g.dtype).dot(rows)
    axes = (0, *range(2, g.ndim))
    return np.add.reduce(g, axis=axes, dtype=ACCUMULATOR.get(g.dtype.char))


_conv_rules = (_conv_vjp_input, _conv_vjp_weight, _conv_vjp_bias)


@lru_cache(maxsize=32)
def _ones(n, dtype):
    return np.ones(n, dtype)


@kernels.conv.register(Tensor)
def _conv(x, w, window):
    x, w = as_operand(x, "conv"), as_operand(w, "conv")
    out = kernels.conv(x.array, w.array, window)
    saved = (x.array, w.array, x.shape[2:], w.shape[2:], window)
    return record2(out, _conv_rules[:2], x, w, saved, CROSS)


def _convolve_transposed(
    op: str,
    ndim: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    input, weight, bias = _operands(op, ndim, input, weight, bias)
    if input.ndim == ndim + 1:
        lone = reshape(input, (1, *input.shape))
        given = (stride, padding, output_padding, dilation, groups)
        out = _convolve_transposed(op, ndim, lone, weight, bias, *given)
        return reshape(out, out.shape[1:])
    steps = per_dimension(op, "stride", stride, ndim, 1)
    gaps = per_dimension(op, "dilation", dilation, ndim, 1)
    cuts = per_dimension(op, "padding", padding, ndim, 0)
    more = per_dimension(op, "output_padding", output_padding, ndim, 0)
    if any(p >= max(s, d) for p, s, d in zip(more, steps, gaps, strict=True)):
        raise ArgumentError(
            f"{op}: output_padding must be smaller than stride or dilation, got {more} for stride {steps} "
            f"and dilation {gaps}"
        )
    x, w = input.array, weight.array
    # what lies beyond the last window counts as cut off less, so that every place stays one place
    pairs = tuple((cut, cut - end) for cut, end in zip(cuts, more, strict=True))
    groups = whole_number(op, "groups", groups, 1)
    window = Window(steps, pairs, gaps, groups)
    _check_weight(op, "C_in, C_out / groups", weight, groups)
    if x.shape[1] != w.shape[0]:
        raise ShapeError(
            f"{op}: weight of shape {w.shape} expects {w.shape[0]} channels, got {x.shape[1]} in input of "
            f"shape {x.shape}"
        )
    _check_bias(op, bias, w.shape[1] * groups)
    kernel = w.shape[2:]
    _check_sizes(op, x.shape[2:])
    spatial = tuple(
        (n - 1) * s + d * (k - 1) + 1 - before - after
        for n, k, s, d, (before, after) in zip(x.shape[2:], kernel, steps, gaps, pairs, strict=True)
    )
    if min(spatial) < 1:
        raise ShapeError(
            f"{op}: padding {cuts} leaves nothing of the result: its size would be {spatial} for input "
            f"{x.shape[2:]}"
        )
    out = kernels.conv_input_grad(x, w, spatial, window, None if bias is None else bias.array)
    saved = (None if weight.node is None else x, None if input.node is None else w)
    return record3(out, _conv_transpose_rules, input, weight, bias, (*saved, kernel, window))


def _conv_transpose_vjp_input(g, x, w, kernel, window):
    return kernels.conv(g, w, window)


def _conv_transpose_vjp_weight(g, x, w, kernel, window):
    return kernels.conv_weight_grad(x, g, kernel, window)


def _conv_transpose_vjp_bias(g, x, w, kernel, window):
    return _conv_vjp_bias(g, None, None, None, None, None)


_conv_transpose_rules = (
    _conv_transpose_vjp_input,
    _conv_transpose_vjp_weight,
    _conv_transpose_vjp_bias,
)


@kernels.conv_input_grad.register(Tensor)
def _conv_input_grad(g, w, spatial, window):
    g, w = as_operand(g, "conv_input_grad"), as_operand(w, "conv_input_grad")
    out = kernels.conv_input_grad(g.array, w.array, spatial, window)
    saved = (g.array, w.array, w.shape[2:], window)
    return record2(out, _conv_transpose_rules[:2], g, w, saved, CROSS)


@kernels.conv_weight_grad.register(Tensor)
def _conv_weight_grad(g, x, kernel, window):
    g, x = as_operand(g, "conv_weight_grad"), as_operand(x, "conv_weight_grad")
    out = kernels.conv_weight_grad(g.array, x.array, kernel, window)
    rules = (_conv_weight_grad_vjp_g, _conv_weight_grad_vjp_input)
    return record2(out, rules, g, x, (g.array, x.array, x.shape[2:], window), CROSS)


def _conv_weight_grad_vjp_g(h, g, x, spatial, window):
    return kernels.conv(x, h, window)


def _conv_weight_grad_vjp_input(h, g, x, spatial, window):
    return kernels.conv_input_grad(g, h, spatial, window)


def _pairs(op: str, padding: Any, stride: Shape, dilation: Shape, kernel: Shape) -> Any:
    if not isinstance(padding, str):
        return tuple((n, n) for n in per_dimension(op, "padding", padding, len(kernel), 0))
    if padding not in ("same", "valid"):
        raise ArgumentError(f"{op}: padding must be ints, 'same' or 'valid', got {padding!r}")
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if any(step != 1 for step in stride):
        raise ArgumentError(f"{op}: padding 'same' has no meaning with stride {stride}; give ints")
    return same_padding(dilation, kernel)


def _operands(op: str, ndim: int, input: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """Tensors of one dtype and device, of the right rank."""
    input, weight = as_operand(input, op), as_operand(weight, op, "weight")
    if bias is not None:
        bias = as_operand(bias, op, "bias")
    for name, other in (("weight", weight), ("bias", bias)):
        if other is None:
            continue
        if apart(other.array, input.array):
            raise different_devices(op, input, other)
        if other.dtype != input.dtype:
            raise DtypeError(
                f"{op}: input is {input.dtype} and {name} is {other.dtype}; convert one with .to(dtype)"
            )
    if input.dtype.kind == "b" and input.array.size:  # PyTorch refuses where it computes
        raise DtypeError(f"{op}: not defined for bool; convert with .to(dtype)")
    letters = ("L",) if ndim == 1 else ("D", "H", "W")[-ndim:]
    shape = ", ".join(letters)
    if input.ndim not in (ndim + 1, ndim + 2):
        raise ShapeError(f"{op}: input must be (N, C, {shape}) or (C, {shape}), got {input.shape}")
    if weight.ndim != ndim + 2:
        raise ShapeError(
            f"{op}: weight must have {ndim + 2} dimensions, two of channels and {ndim} of the kernel, got "
            f"{weight.shape}"
        )
    input = over(input, weight.array, None if bias is None else bias.array)
    return input, weight, bias


def _check_weight(op: str, order: str, weight: Tensor, groups: int) -> None:
    if 0 in (weight.shape[0], *weight.shape[2:]):
        raise ShapeError(
            f"{op}: weight must be ({order}, ...) with no size 0 but that of the second dimension, got "
            f"{weight.shape}"
        )
    if weight.shape[0] % groups:
        raise ShapeError(
            f"{op}: the first dimension of weight, of shape {weight.shape}, is not divisible by groups="
            f"{groups}"
        )


def _check_bias(op: str, bias: Tensor | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ShapeError(
            f"{op}: bias must be ({channels},), one per output channel, got {bias.shape}"
        )


def _check_sizes(op: str, spatial: Shape) -> None:
    if 0 in spatial:
        raise ShapeError(f"{op}: only the batch may be empty, got an input with sizes {spatial}")
