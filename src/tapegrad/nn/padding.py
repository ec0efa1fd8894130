"""Padding and shuffling as modules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from ..errors import ArgumentError
from ..ops.arrange import unflatten
from ..ops.padding import channel_shuffle, pad, pixel_shuffle, pixel_unshuffle
from ..ops.shape import whole_number
from ..ops.window import per_dimension
from ..tensor import Tensor
from .arguments import check_dims, check_numbers
from .module import Module


class _Pad(Module):
    _ndim: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        name, count = type(self).__name__, 2 * self._ndim
        if isinstance(padding, (tuple, list)) and len(padding) != count:
            raise ArgumentError(f"{name}: padding must be an int or {count} ints, got {padding!r}")
        self.padding = per_dimension(name, "padding", padding, count, -math.inf)

    def forward(self, input: Tensor) -> Tensor:
        """Add elements at the edges."""
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Continue a signal by its mirror image; see `nn.functional.pad`.

    Args:
        padding: widths (left, right), or one for all; less than zero cuts off.

    Shape:
        (N, C, L) or (C, L), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReflectionPad1d(1)(tg.zeros(1, 1, 4)).shape
        (1, 1, 6)
    """

    _ndim = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Continue an image by its mirror image; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom), or one for all; less than zero cuts off.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReflectionPad2d(1)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 6, 6)
    """

    _ndim = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Continue a volume by its mirror image; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom, front, back), or one for all; less than zero cuts off.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReflectionPad3d(1)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 6, 6, 6)
    """

    _ndim = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Continue a signal by its edge elements; see `nn.functional.pad`.

    Args:
        padding: widths (left, right), or one for all; less than zero cuts off.

    Shape:
        (N, C, L) or (C, L), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReplicationPad1d(1)(tg.zeros(1, 1, 4)).shape
        (1, 1, 6)
    """

    _ndim = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Continue an image by its edge elements; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom), or one for all; less than zero cuts off.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReplicationPad2d(1)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 6, 6)
    """

    _ndim = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Continue a volume by its edge elements; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom, front, back), or one for all; less than zero cuts off.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReplicationPad3d(1)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 6, 6, 6)
    """

    _ndim = 3
    _mode = "replicate"


class CircularPad1d(_Pad):
    """Continue a signal by its other end; see `nn.functional.pad`.

    Args:
        padding: widths (left, right), or one for all; less than zero cuts off.

    Shape:
        (N, C, L) or (C, L), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CircularPad1d(1)(tg.zeros(1, 1, 4)).shape
        (1, 1, 6)
    """

    _ndim = 1
    _mode = "circular"


class CircularPad2d(_Pad):
    """Continue an image by its other end; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom), or one for all; less than zero cuts off.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CircularPad2d(1)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 6, 6)
    """

    _ndim = 2
    _mode = "circular"


class CircularPad3d(_Pad):
    """Continue a volume by its other end; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom, front, back), or one for all; less than zero cuts off.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CircularPad3d(1)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 6, 6, 6)
    """

    _ndim = 3
    _mode = "circular"


class ZeroPad1d(_Pad):
    """Add zeros around a signal; see `nn.functional.pad`.

    Args:
        padding: widths (left, right), or one for all; less than zero cuts off.

    Shape:
        (N, C, L) or (C, L), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ZeroPad1d(1)(tg.zeros(1, 1, 4)).shape
        (1, 1, 6)
    """

    _ndim = 1
    _mode = "constant"


class ZeroPad2d(_Pad):
    """Add zeros around an image; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom), or one for all; less than zero cuts off.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ZeroPad2d(1)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 6, 6)
    """

    _ndim = 2
    _mode = "constant"


class ZeroPad3d(_Pad):
    """Add zeros around a volume; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom, front, back), or one for all; less than zero cuts off.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ZeroPad3d(1)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 6, 6, 6)
    """

    _ndim = 3
    _mode = "constant"


class _ConstantPad(_Pad):
    _mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        check_numbers(self, value=value)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Add the constant at the edges."""
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Add a constant around a signal; see `nn.functional.pad`.

    Args:
        padding: widths (left, right), or one for all; less than zero cuts off.
        value: the constant.

    Shape:
        (N, C, L) or (C, L), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ConstantPad1d(1, 2.5)(tg.zeros(1, 1, 4)).shape
        (1, 1, 6)
    """

    _ndim = 1


class ConstantPad2d(_ConstantPad):
    """Add a constant around an image; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom), or one for all; less than zero cuts off.
        value: the constant.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ConstantPad2d(1, 2.5)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 6, 6)
    """

    _ndim = 2


class ConstantPad3d(_ConstantPad):
    """Add a constant around a volume; see `nn.functional.pad`.

    Args:
        padding: widths (left, right, top, bottom, front, back), or one for all; less than zero cuts off.
        value: the constant.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with the widths added.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ConstantPad3d(1, 2.5)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 6, 6, 6)
    """

    _ndim = 3


class PixelShuffle(Module):
    """Turn channels into pixels; see `nn.functional.pixel_shuffle`.

    Args:
        upscale_factor: r.

    Shape:
        (..., C r^2, H, W), and (..., C, H r, W r).

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.PixelShuffle(2)(tg.zeros(1, 4, 3, 3)).shape
        (1, 1, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = whole_number("PixelShuffle", "upscale_factor", upscale_factor, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Turn channels into pixels."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Turn pixels into channels; see `nn.functional.pixel_unshuffle`.

    Args:
        downscale_factor: r.

    Shape:
        (..., C, H r, W r), and (..., C r^2, H, W).

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.PixelUnshuffle(2)(tg.zeros(1, 1, 6, 6)).shape
        (1, 4, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = whole_number(
            "PixelUnshuffle", "downscale_factor", downscale_factor, 1
        )

    def forward(self, input: Tensor) -> Tensor:
        """Turn pixels into channels."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleave the channels of groups; see `nn.functional.channel_shuffle`.

    Args:
        groups: number of groups.

    Shape:
        (N, C, ...), and the same.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ChannelShuffle(2)(tg.arange(4).reshape(1, 4, 1)).flatten()
        tensor([0, 2, 1, 3])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = whole_number("ChannelShuffle", "groups", groups, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Interleave the channels."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"groups={self.groups}"


class Unflatten(Module):
    """Split a dimension into several; the inverse of `Flatten`.

    Args:
        dim: the dimension.
        unflattened_size: the sizes it becomes; one of them may be -1.

    Raises:
        ArgumentError: if `unflattened_size` is no tuple of ints.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Unflatten(1, (2, 3))(tg.zeros(5, 6)).shape
        (5, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)) or not all(
            isinstance(n, int) for n in unflattened_size
        ):
            raise ArgumentError(
                f"Unflatten: unflattened_size must be a tuple of ints, got {unflattened_size!r}"
            )
        check_dims(self, dim=dim)
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Split the dimension."""
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
