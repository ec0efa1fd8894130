"""The windows that convolutions and poolings read: their arguments, and laying them out as columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import kernels
from .._typing import Shape
from ..errors import ArgumentError, ShapeError
from ..kernels import Window
from ..record import record1
from ..tensor import Tensor
from .cast import as_operand
from .shape import reshape, sizes

Numbers: TypeAlias = int | Sequence[int]


def per_dimension(op: str, argument: str, given: Any, ndim: int, least: float = 0) -> Shape:
    """One number per dimension from one for all or a sequence.

    Args:
        op, argument: names for errors.
        given: an int, or a sequence of one or `ndim` ints.
        ndim: number of dimensions.
        least: the smallest number that has a meaning; minus infinity if all have one.

    Raises:
        ArgumentError: for anything else.
    """
    if given.__class__ is int and given >= least:
        return (given,) * ndim
    try:
        found = sizes(op, (given,))
    except ArgumentError:
        found = ()
    if len(found) not in (1, ndim) or min(found) < least:
        wanted = "an int" if ndim == 1 else f"an int or {ndim} ints"
        if least != -math.inf:
            wanted += f", at least {least}"
        raise ArgumentError(f"{op}: {argument} must be {wanted}, got {given!r}")
    return found * (ndim // len(found))


def distances(op: str, stride: Any, kernel: Shape) -> Shape:
    """The stride of poolings: None, or nothing, means the size of a window."""
    given = stride is not None and stride != []
    return per_dimension(op, "stride", stride, len(kernel), 1) if given else kernel


def same_padding(dilation: Shape, kernel: Shape) -> tuple[tuple[int, int], ...]:
    """Zeros before and after that keep the size; the odd one goes after."""
    totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _sliding(op: str, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Any, Window]:
    """The arguments of `unfold` and `fold`."""
    pads = per_dimension(op, "padding", padding, 2, 0)
    window = Window(
        per_dimension(op, "stride", stride, 2, 1),
        tuple((n, n) for n in pads),
        per_dimension(op, "dilation", dilation, 2, 1),
    )
    return per_dimension(op, "kernel_size", kernel, 2, 1), window


def unfold(
    input: Tensor,
    kernel_size: Numbers,
    dilation: Numbers = 1,
    padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """Lay the windows of images side by side as columns.

    Adjoint: `fold` of `g`.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: (KH, KW), or one number for both.
        dilation, padding, stride: as in `conv2d`.

    Returns:
        (N, C KH KW, L), without N if the input had none, where L is the number of windows.

    Raises:
        ShapeError: for another number of dimensions, or a window larger than the padded input.
        ArgumentError: for a number without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import unfold
        >>> unfold(tg.arange(6.0).reshape(1, 2, 3), 2)
        tensor([[0., 1.],
                [1., 2.],
                [3., 4.],
                [4., 5.]])
    """
    input = as_operand(input, "unfold")
    if input.ndim not in (3, 4):
        raise ShapeError(f"unfold: input must be (N, C, H, W) or (C, H, W), got {input.shape}")
    if input.ndim == 3:
        lone = reshape(input, (1, *input.shape))
        out = unfold(lone, kernel_size, dilation, padding, stride)
        return reshape(out, out.shape[1:])
    kernel, window = _sliding("unfold", kernel_size, dilation, padding, stride)
    if 0 in input.shape[1:]:
        raise ShapeError(f"unfold: only the batch may be empty, got input of shape {input.shape}")
    if min(window.places(input.shape[2:], kernel)) < 1:
        raise ShapeError(
            f"unfold: the window, {kernel} with dilation {window.dilation}, is larger than the input "
            f"{input.shape[2:]} padded by {window.padding}"
        )
    return _im2col(input, kernel, window)


@kernels.im2col.register(Tensor)
def _im2col(input, kernel, window):
    x = input.array
    out = kernels.im2col(x, kernel, window)
    return record1(out, _im2col_vjp, input, (x.shape[2:], kernel, window))


def _im2col_vjp(g, spatial, kernel, window):
    return kernels.col2im(g, spatial, kernel, window)


def fold(
    input: Tensor,
    output_size: Numbers,
    kernel_size: Numbers,
    dilation: Numbers = 1,
    padding: Numbers = 0,
    stride: Numbers = 1,
) -> Tensor:
    """Add columns up to images where `unfold` would have read them.

    Adjoint: `unfold` of `g`.

    Args:
        input: (N, C KH KW, L) or (C KH KW, L).
        output_size: (H, W), or one number for both.
        kernel_size: (KH, KW), or one number for both.
        dilation, padding, stride: as in `conv2d`.

    Returns:
        (N, C, H, W), without N if the input had none.

    Raises:
        ShapeError: if the sizes do not fit.
        ArgumentError: for a number without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import fold
        >>> fold(tg.ones(4, 2), (2, 3), 2)
        tensor([[[1., 2., 1.],
                 [1., 2., 1.]]])
    """
    input = as_operand(input, "fold")
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise ShapeError(
            f"fold: input must be (N, C KH KW, L) or (C KH KW, L) with no size 0 but N, got {input.shape}"
        )
    if input.ndim == 2:
        lone = reshape(input, (1, *input.shape))
        out = fold(lone, output_size, kernel_size, dilation, padding, stride)
        return reshape(out, out.shape[1:])
    kernel, window = _sliding("fold", kernel_size, dilation, padding, stride)
    spatial = per_dimension("fold", "output_size", output_size, 2, 1)
    if input.shape[1] % math.prod(kernel):
        raise ShapeError(
            f"fold: {input.shape[1]} rows of input are not divisible by the {math.prod(kernel)} elements of "
            f"kernel_size {kernel}"
        )
    places = window.places(spatial, kernel)
    if min(places) < 1 or math.prod(places) != input.shape[2]:
        raise ShapeError(
            f"fold: output_size {spatial} has {places} windows of size {kernel}, input of shape "
            f"{input.shape} has {input.shape[2]} columns"
        )
    return _col2im(input, spatial, kernel, window)


@kernels.col2im.register(Tensor)
def _col2im(input, spatial, kernel, window):
    out = kernels.col2im(input.array, spatial, kernel, window)
    return record1(out, _col2im_vjp, input, (kernel, window))


def _col2im_vjp(g, kernel, window):
    return kernels.im2col(g, kernel, window)
