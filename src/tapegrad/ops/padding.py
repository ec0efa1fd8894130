"""Padding, shuffling of pixels and channels, one-hot codes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from .. import dtypes, kernels
from ..device import backend_of, every_value, innermost
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, wrap
from .cast import as_operand
from .choose import held
from .compare import eq
from .index import getitem
from .shape import permute, reshape, sizes, transpose, unsqueeze
from .words import implements

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]

# How many dimensions may be padded in the modes that repeat elements: {widths given: dimensions}.
_NDIMS = {2: (2, 3), 4: (3, 4), 6: (4, 5)}


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Add elements before and after the last dimensions; less than zero cuts off.

    Adjoint: `g` without what was added; what repeats an element is added to its gradient.

    Args:
        input: tensor; for the modes other than `"constant"` (N, C, ...) or (C, ...), whose one, two or
            three last dimensions are all padded.
        pad: how much before and after, beginning with the last dimension: (left, right, top, bottom,
            ...).
        mode: `"constant"`; `"reflect"`, mirrored at the edge element; `"replicate"`, the edge element
            repeated; or `"circular"`, continued from the other end.
        value: the constant, 0 by default.

    Raises:
        ArgumentError: for an odd number of widths, an unknown mode, or a `value` in another mode.
        ShapeError: for widths that do not fit the shape.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import pad
        >>> pad(tg.tensor([[1.0, 2.0, 3.0]]), (1, 2))
        tensor([[0., 1., 2., 3., 0., 0.]])
        >>> pad(tg.tensor([[1.0, 2.0, 3.0]]), (1, 2), mode="reflect")
        tensor([[2., 1., 2., 3., 2., 1.]])
    """
    input = as_operand(input, "pad")
    given = sizes("pad", (pad,))
    if len(given) % 2 or len(given) > 2 * input.ndim:
        raise ArgumentError(
            f"pad: pad must be pairs, one per dimension of {input.shape} at most, got {given}"
        )
    pairs = list(zip(given[::2], given[1::2], strict=True))[::-1]
    widths = ((0, 0),) * (input.ndim - len(pairs)) + tuple(pairs)
    if mode == "constant":
        return _padded(input, widths, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ArgumentError(
            f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}"
        )
    if value:
        raise ArgumentError(f"pad: mode {mode!r} takes no value, got {value}")
    if input.ndim not in _NDIMS.get(len(given), ()):
        raise ShapeError(
            f"pad: mode {mode!r} pads the last dimension of 2-d and 3-d, the last two of 3-d and 4-d "
            f"and the last three of 4-d and 5-d tensors, got {len(given)} widths for {input.shape}"
        )
    _check_widths(mode, input.shape, pairs)
    cut = tuple((min(before, 0), min(after, 0)) for before, after in widths)
    cuts = any(map(any, cut)) or not any(given)  # no width at all: a copy
    if cuts and mode == "circular":  # continued from the end that is left
        input = _padded(input, cut, 0)
    for dim, (before, after) in enumerate(widths):
        if before > 0 or after > 0:
            input = _pad_along(input, dim, max(before, 0), max(after, 0), mode)
    return _padded(input, cut, 0) if cuts and mode != "circular" else input


def _check_widths(mode: str, shape: Any, pairs: Any) -> None:
    """Refuse widths that reach further than there are elements to repeat."""
    first = len(shape) - len(pairs)
    if mode != "circular" and 0 in shape[first - 1 :]:
        raise ShapeError(f"pad: mode {mode!r} needs elements to repeat, got shape {shape}")
    for dim, (before, after) in enumerate(pairs, first):
        n = shape[dim]
        left = n + min(before, 0) + min(after, 0)
        most = {"reflect": n - 1, "replicate": max(before, after), "circular": left}[mode]
        if max(before, after) > most or n + before + after < (mode != "circular"):
            raise ShapeError(
                f"pad: widths ({before}, {after}) do not fit mode {mode!r} and size {n} of dim {dim}"
            )


def _padded(input: Tensor, widths: Any, value: Any) -> Tensor:
    x = input.array
    for n, (before, after) in zip(x.shape, widths, strict=True):
        if n + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(f"pad: widths ({before}, {after}) cut more off than size {n}")
    try:
        if x.dtype.kind in "biuf":
            value = held("pad", value, x.dtype)
        out = kernels.pad(x, widths, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"pad: value {value!r} does not fit into {x.dtype} ({error})") from None
    if out.base is not None:  # nothing was added: a view so far
        out = out.copy()
    return record1(out, _pad_vjp, input, (widths,))


def _pad_vjp(g, widths):
    return kernels.pad(g, tuple((-before, -after) for before, after in widths), 0)


@kernels.pad.register(Tensor)
def _pad(input, widths, value):
    return _padded(input, widths, value)


@kernels.pad_along.register(Tensor)
def _pad_along(input, dim, before, after, mode):
    out = kernels.pad_along(input.array, dim, before, after, mode)
    return record1(out, _pad_along_vjp, input, (dim, before, after, mode))


def _pad_along_vjp(g, dim, before, after, mode):
    return kernels.unpad_along(g, dim, before, after, mode)


@kernels.unpad_along.register(Tensor)
def _unpad_along(input, dim, before, after, mode):
    out = kernels.unpad_along(input.array, dim, before, after, mode)
    return record1(out, _unpad_along_vjp, input, (dim, before, after, mode))


def _unpad_along_vjp(g, dim, before, after, mode):
    return kernels.pad_along(g, dim, before, after, mode)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Turn channels into pixels: (..., C r^2, H, W) becomes (..., C, H r, W r).

    Args:
        input: tensor with at least three dimensions.
        upscale_factor: r.

    Raises:
        ShapeError: if the channels are not divisible by `r^2`.

    Example:
        >>> import tapegrad as tg
        >>> tg.pixel_shuffle(tg.arange(4).reshape(4, 1, 1), 2)
        tensor([[[0, 1],
                 [2, 3]]])

    References:
        Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
        convolutional neural network", CVPR 2016.
    """
    input, r = _images("pixel_shuffle", input, "upscale_factor", upscale_factor)
    *rest, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: {channels} channels of shape {input.shape} are not divisible by "
            f"upscale_factor squared, {r * r}"
        )
    n = len(rest)
    apart = reshape(input, (*rest, channels // (r * r), r, r, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return reshape(permute(apart, order), (*rest, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Turn pixels into channels: (..., C, H r, W r) becomes (..., C r^2, H, W).

    Args:
        input: tensor with at least three dimensions.
        downscale_factor: r.

    Raises:
        ShapeError: if height or width are not divisible by `r`.

    Example:
        >>> import tapegrad as tg
        >>> tg.pixel_unshuffle(tg.arange(4).reshape(1, 2, 2), 2).shape
        (4, 1, 1)
    """
    input, r = _images("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    *rest, channels, height, width = input.shape
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: height and width of shape {input.shape} are not divisible by "
            f"downscale_factor {r}"
        )
    n = len(rest)
    apart = reshape(input, (*rest, channels, height // r, r, width // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return reshape(permute(apart, order), (*rest, channels * r * r, height // r, width // r))


def _images(op: str, input: Any, argument: str, factor: Any) -> tuple[Tensor, int]:
    tensor = as_operand(input, op)
    (r,) = sizes(op, (factor,))
    if tensor.ndim < 3:
        raise ShapeError(f"{op}: input must have three dimensions at least, got {tensor.shape}")
    if r < 1:
        raise ArgumentError(f"{op}: {argument} must be positive, got {r}")
    return tensor, r


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the channels of groups: channel `i` of group `j` becomes number `i * groups + j`.

    Args:
        input: tensor with at least three dimensions, (N, C, ...).
        groups: number of groups of `C / groups` channels each.

    Raises:
        ShapeError: if the channels are not divisible by `groups`.

    Example:
        >>> import tapegrad as tg
        >>> tg.channel_shuffle(tg.arange(4).reshape(1, 4, 1), 2).flatten()
        tensor([0, 2, 1, 3])

    References:
        Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile
        devices", CVPR 2018.
    """
    input, groups = _images("channel_shuffle", input, "groups", groups)
    batch, channels, *rest = input.shape
    if channels % groups:
        raise ShapeError(
            f"channel_shuffle: {channels} channels of shape {input.shape} are not divisible by "
            f"groups {groups}"
        )
    apart = reshape(input, (batch, groups, channels // groups, *rest))
    return reshape(transpose(apart, 1, 2), input.shape)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a one at each class; int64, carries no gradient.

    Args:
        tensor: int64 tensor of classes, of any shape.
        num_classes: size of the new last dimension; by default the largest class plus one.

    Raises:
        DtypeError: for another dtype than int64.
        ArgumentError: for a class below zero or not below `num_classes`, or if there are no classes to
            count.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import one_hot
        >>> one_hot(tg.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    tensor = as_operand(tensor, "one_hot", "tensor")
    if tensor.dtype != dtypes.int64:
        raise DtypeError(f"one_hot: tensor must be int64, got {tensor.dtype}")
    (count,) = sizes("one_hot", (num_classes,))
    x = tensor.array
    if x.size:
        least, most = (int(end(every_value(end(x)))) for end in (np.min, np.max))
        if least < 0:
            raise ArgumentError(f"one_hot: classes must not be negative, got {least}")
        if count == -1:
            count = most + 1 if innermost(x) is x else int(np.max(x)) + 1  # refused
        if most >= count:
            raise ArgumentError(f"one_hot: class {most} is not below num_classes {count}")
    elif count < 1:
        raise ArgumentError(f"one_hot: num_classes must be given for an empty tensor, got {count}")
    classes = wrap(backend_of(x).namespace.arange(count))
    return eq(unsqueeze(wrap(x[...]), -1), classes).to(dtypes.int64)


_NUMPY_MODES = ("edge", "reflect", "symmetric", "wrap")


@implements(np.pad)
def _numpy_pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    widths = _numpy_widths(pad_width, array.ndim)
    values = _numpy_widths(kwargs.pop("constant_values", 0), array.ndim)
    if kwargs or mode not in ("constant", *_NUMPY_MODES):
        raise ArgumentError(
            f"np.pad: mode must be constant, {', '.join(_NUMPY_MODES)}, with no option but the "
            f"constant's constant_values, got {mode!r} with {sorted(kwargs)}"
        )
    if min((min(sizes("np.pad", pair)) for pair in widths), default=0) < 0:
        raise ArgumentError(f"np.pad: pad_width must not be negative, got {pad_width}")
    out = as_operand(array, "np.pad")
    if mode == "constant":
        if len({value for pair in values for value in pair}) < 2:
            return _padded(out, widths, values[0][0] if values else 0)
        for dim, side in product(range(array.ndim), (0, 1)):  # the last one fills the corners
            only = [(0, 0)] * array.ndim
            only[dim] = (widths[dim][0], 0) if side == 0 else (0, widths[dim][1])
            out = _padded(out, only, values[dim][side])
        return out
    for dim, pair in enumerate(widths):
        if any(pair):
            which = np.pad(np.arange(array.shape[dim]), pair, mode=mode)  # type: ignore[call-overload]
            out = getitem(out, (*(slice(None),) * dim, which))
    return out


def _numpy_widths(given: Any, ndim: int) -> Any:
    return np.broadcast_to(np.asarray(given), (ndim, 2)).tolist()
