"""The windows that convolutions read, as layers."""

from __future__ import annotations

from ..ops.window import Numbers, fold, per_dimension, unfold
from ..tensor import Tensor
from .arguments import check_windows
from .module import Module


class Unfold(Module):
    """Lay the windows of images side by side as columns.

    Shape:
        input (N, C, H, W) or (C, H, W); result (N, C KH KW, L) or (C KH KW, L), L the number of windows.

    Args:
        kernel_size: (KH, KW), or one number for both.
        dilation, padding, stride: as in `tapegrad.conv2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Unfold(2)(tg.zeros(1, 3, 4, 4)).shape
        (1, 12, 9)
    """

    def __init__(
        self,
        kernel_size: Numbers,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:
        super().__init__()
        check_windows(self, 2, kernel_size, stride, padding, dilation)
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """Return the windows."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """Add columns up to images, where `Unfold` would have read them.

    Shape:
        input (N, C KH KW, L) or (C KH KW, L); result (N, C, H, W) or (C, H, W).

    Args:
        output_size: (H, W), or one number for both.
        kernel_size: (KH, KW), or one number for both.
        dilation, padding, stride: as in `tapegrad.conv2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Fold((4, 4), 2)(tg.zeros(1, 12, 9)).shape
        (1, 3, 4, 4)
    """

    def __init__(
        self,
        output_size: Numbers,
        kernel_size: Numbers,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        stride: Numbers = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        per_dimension("Fold", "output_size", output_size, 2, 1)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the images."""
        return fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
