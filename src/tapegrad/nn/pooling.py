"""Maxima of windows as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.pooling import (
    Sizes,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from ..tensor import Tensor
from .arguments import check_counts, check_windows
from .module import Module

AnySizes = int | tuple[int | None, ...] | None


def each_dimension(value: Any, count: int) -> tuple[Any, ...]:
    """One value per dimension from one for all or a sequence."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class _MaxPool(Module):
    _ndim: int
    _pool: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        check_windows(self, self._ndim, kernel_size, stride, padding, dilation, most=2)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        """Take the largest element of every window."""
        return type(self)._pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Take the largest element of every window; see `nn.functional.max_pool1d`.

    Args:
        kernel_size: size of a window.
        stride: distance of two windows; that of the window's size by default.
        padding: how far windows reach over the edge.
        dilation: distance of the elements within a window.
        return_indices: also return where the maxima stand, for `MaxUnpool1d`.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, L) or (C, L), and the same with sizes
        `floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MaxPool1d(2)(tg.zeros(1, 1, 4)).shape
        (1, 1, 2)
    """

    _ndim = 1
    _pool = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """Take the largest element of every window; see `nn.functional.max_pool2d`.

    Args:
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: how far windows reach over the edge.
        dilation: distance of the elements within a window.
        return_indices: also return where the maxima stand, for `MaxUnpool2d`.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with sizes
        `floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MaxPool2d(2)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 2, 2)
    """

    _ndim = 2
    _pool = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    """Take the largest element of every window; see `nn.functional.max_pool3d`.

    Args:
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: how far windows reach over the edge.
        dilation: distance of the elements within a window.
        return_indices: also return where the maxima stand, for `MaxUnpool3d`.
        ceil_mode: also have the last window if it reaches over the edge.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with sizes
        `floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MaxPool3d(2)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 2, 2, 2)
    """

    _ndim = 3
    _pool = staticmethod(max_pool3d)


class _AdaptiveMaxPool(Module):
    _ndim: int
    _pool: Callable[..., Any]

    def __init__(self, output_size: AnySizes, return_indices: bool = False) -> None:
        super().__init__()
        check_counts(self, self._ndim, output_size)
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Take the largest element of every window."""
        return type(self)._pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Take the largest elements of a given number of windows; see `nn.functional.adaptive_max_pool1d`.

    Args:
        output_size: how many windows.
        return_indices: also return where the maxima stand, for `MaxUnpool1d`.

    Shape:
        (N, C, L) or (C, L), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveMaxPool1d(3)(tg.zeros(1, 1, 4)).shape
        (1, 1, 3)
    """

    _ndim = 1
    _pool = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Take the largest elements of a given number of windows; see `nn.functional.adaptive_max_pool2d`.

    Args:
        output_size: how many windows, one int or one for each dimension; None keeps one.
        return_indices: also return where the maxima stand, for `MaxUnpool2d`.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveMaxPool2d(3)(tg.zeros(1, 1, 4, 4)).shape
        (1, 1, 3, 3)
    """

    _ndim = 2
    _pool = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Take the largest elements of a given number of windows; see `nn.functional.adaptive_max_pool3d`.

    Args:
        output_size: how many windows, one int or one for each dimension; None keeps one.
        return_indices: also return where the maxima stand, for `MaxUnpool3d`.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AdaptiveMaxPool3d(3)(tg.zeros(1, 1, 4, 4, 4)).shape
        (1, 1, 3, 3, 3)
    """

    _ndim = 3
    _pool = staticmethod(adaptive_max_pool3d)


class _MaxUnpool(Module):
    _ndim: int
    _unpool: Callable[..., Tensor]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        check_windows(self, self._ndim, kernel_size, stride, padding)
        self.kernel_size = each_dimension(kernel_size, self._ndim)
        self.stride = self.kernel_size if stride is None else each_dimension(stride, self._ndim)
        self.padding = each_dimension(padding, self._ndim)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Put maxima back where they stood, among zeros."""
        return type(self)._unpool(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Put maxima back where they stood, among zeros; see `nn.functional.max_unpool1d`.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        (N, C, L) or (C, L) with indices of the same shape, and the same with sizes
        `(size - 1) stride - 2 padding + kernel_size`, or `output_size` given in the call.

    Example:
        >>> import tapegrad as tg
        >>> pooled = tg.nn.MaxPool1d(2, return_indices=True)(tg.zeros(1, 1, 4))
        >>> tg.nn.MaxUnpool1d(2)(*pooled).shape
        (1, 1, 4)
    """

    _ndim = 1
    _unpool = staticmethod(max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Put maxima back where they stood, among zeros; see `nn.functional.max_unpool2d`.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        (N, C, H, W) or (C, H, W) with indices of the same shape, and the same with sizes
        `(size - 1) stride - 2 padding + kernel_size`, or `output_size` given in the call.

    Example:
        >>> import tapegrad as tg
        >>> pooled = tg.nn.MaxPool2d(2, return_indices=True)(tg.zeros(1, 1, 4, 4))
        >>> tg.nn.MaxUnpool2d(2)(*pooled).shape
        (1, 1, 4, 4)
    """

    _ndim = 2
    _unpool = staticmethod(max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Put maxima back where they stood, among zeros; see `nn.functional.max_unpool3d`.

    Args:
        kernel_size, stride, padding: those of the pooling.

    Shape:
        (N, C, D, H, W) or (C, D, H, W) with indices of the same shape, and the same with sizes
        `(size - 1) stride - 2 padding + kernel_size`, or `output_size` given in the call.

    Example:
        >>> import tapegrad as tg
        >>> pooled = tg.nn.MaxPool3d(2, return_indices=True)(tg.zeros(1, 1, 4, 4, 4))
        >>> tg.nn.MaxUnpool3d(2)(*pooled).shape
        (1, 1, 4, 4, 4)
    """

    _ndim = 3
    _unpool = staticmethod(max_unpool3d)
