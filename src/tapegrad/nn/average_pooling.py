"""Averages and norms of windows as modules."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ArgumentError
from ..ops.average_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
)
from ..ops.pooling import Sizes
from ..tensor import Tensor
from .arguments import check_counts, check_numbers, check_windows
from .module import Module
from .pooling import AnySizes, each_dimension


class AvgPool1d(Module):
    """Average every window; see `nn.functional.avg_pool1d`.

    Args:
        kernel_size: size of a window.
        stride: distance of two windows; that of the window's size by default.
        padding: zeros on both sides.
        ceil_mode: also have the last window if it reaches over the edge.
        count_include_pad: whether the padding counts as part of a window.

    Shape:
        (N, C, L) or (C, L), and the same with size `floor((L + 2 padding - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AvgPool1d(2)(tg.zeros(1, 1, 4)).shape
        (1, 1, 2)
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        check_windows(self, 1, kernel_size, stride, padding, most=2)
        self.kernel_size = each_dimension(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else each_dimension(stride, 1)
        self.padding = each_dimension(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Average every window."""
        return avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    _ndim: int
    _pool: Callable[..., Tensor]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        check_windows(self, self._ndim, kernel_size, stride, padding, most=2)
        if divisor_override == 0:
            raise ArgumentError(f"{type(self).__name__}: divisor_override must not be zero")
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Average every window."""
        return type(self)._pool(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """Average every window; see `nn.functional.avg_pool2d`.

    Args:
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: zeros on both sides.
        ceil_mode: also have the last window if it reaches over the edge.
        count_include_pad: whether the padding counts as part of a window.
        divisor_override: divide by this instead of the size of the window.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with sizes
        `floor((size + 2 padding - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AvgPool2d(2)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 2, 2)
    """

    _ndim = 2
    _pool = staticmethod(avg_pool2d)


class AvgPool3d(_AvgPool):
    """Average every window; see `nn.functional.avg_pool3d`.

    Args:
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: zeros on both sides.
        ceil_mode: also have the last window if it reaches over the edge.
        count_include_pad: whether the padding counts as part of a window.
        divisor_override: divide by this instead of the size of the window.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with sizes
        `floor((size + 2 padding - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AvgPool3d(2)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 2, 2, 2)
    """

    _ndim = 3
    _pool = staticmethod(avg_pool3d)


class _LPPool(Module):
    _ndim: int
    _pool: Callable[..., Tensor]

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        check_numbers(self, norm_type=norm_type)
        if norm_type == 0:
            raise ArgumentError(f"{type(self).__name__}: norm_type must not be zero")
        check_windows(self, self._ndim, kernel_size, stride)
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """Take the p-norm of every window."""
        return type(self)._pool(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """Take the p-norm of every window; see `nn.functional.lp_pool1d`.

    Args:
        norm_type: p.
        kernel_size: size of a window.
        stride: distance of two windows; that of the window's size by default.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, L) or (C, L), and the same with sizes
        `floor((size - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LPPool1d(2, 2)(tg.ones(1, 1, 4)).shape
        (1, 1, 2)
    """

    _ndim = 1
    _pool = staticmethod(lp_pool1d)


class LPPool2d(_LPPool):
    """Take the p-norm of every window; see `nn.functional.lp_pool2d`.

    Args:
        norm_type: p.
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with sizes
        `floor((size - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LPPool2d(2, 2)(tg.ones(1, 1, 4, 4)).shape
        (1, 1, 2, 2)
    """

    _ndim = 2
    _pool = staticmethod(lp_pool2d)


class LPPool3d(_LPPool):
    """Take the p-norm of every window; see `nn.functional.lp_pool3d`.

    Args:
        norm_type: p.
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with sizes
        `floor((size - kernel_size) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LPPool3d(2, 2)(tg.ones(1, 1, 4, 4, 4)).shape
        (1, 1, 2, 2, 2)
    """

    _ndim = 3
    _pool = staticmethod(lp_pool3d)


class _AdaptiveAvgPool(Module):
    _ndim: int
    _pool: Callable[..., Tensor]

    def __init__(self, output_size: AnySizes) -> None:
        super().__init__()
        check_counts(self, self._ndim, output_size)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Average every window."""
        return type(self)._pool(input, self.output_size)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Average a given number of windows; see `nn.functional.adaptive_avg_pool1d`.

    Args:
        output_size: how many windows.

    Shape:
        (N, C, L) or (C, L), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveAvgPool1d(1)(tg.zeros(1, 1, 4)).shape
        (1, 1, 1)
    """

    _ndim = 1
    _pool = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Average a given number of windows; see `nn.functional.adaptive_avg_pool2d`.

    Args:
        output_size: how many windows, one int or one for each dimension; None keeps one.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveAvgPool2d(1)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 1, 1)
    """

    _ndim = 2
    _pool = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Average a given number of windows; see `nn.functional.adaptive_avg_pool3d`.

    Args:
        output_size: how many windows, one int or one for each dimension; None keeps one.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveAvgPool3d(1)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 1, 1, 1)
    """

    _ndim = 3
    _pool = staticmethod(adaptive_avg_pool3d)
