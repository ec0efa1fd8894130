"""Convolutional layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import creation
from .._typing import DTypeLike, Shape
from ..errors import ArgumentError, ShapeError
from ..ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ..ops.padding import pad
from ..ops.shape import whole_number
from ..ops.window import Numbers, per_dimension, same_padding
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter

_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """What all convolutional layers share: their arguments, parameters and how they are printed."""

    ndim: int
    transposed = False
    weight: Parameter
    bias: Parameter | None
    padding: Any

    def _set(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        output_padding: Any,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: DTypeLike,
    ) -> None:
        Module.__init__(self)
        name = type(self).__name__
        # None in lazy layers, which learn it from their first input
        known = 0 if in_channels is None else whole_number(name, "in_channels", in_channels, 1)
        out_channels = whole_number(name, "out_channels", out_channels, 1)
        groups = whole_number(name, "groups", groups, 1)
        if known % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: in_channels={known} and out_channels={out_channels} must be divisible by "
                f"groups={groups}"
            )
        modes = ("zeros",) if self.transposed else _MODES
        if padding_mode not in modes:
            wanted = " or ".join(map(repr, modes))
            raise ArgumentError(f"{name}: padding_mode must be {wanted}, got {padding_mode!r}")
        self.in_channels = known
        self.out_channels = out_channels
        self.kernel_size = per_dimension(name, "kernel_size", kernel_size, self.ndim, 1)
        self.stride = per_dimension(name, "stride", stride, self.ndim, 1)
        self.dilation = per_dimension(name, "dilation", dilation, self.ndim, 1)
        if isinstance(padding, str) and not self.transposed:
            if padding not in ("same", "valid"):
                raise ArgumentError(
                    f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}"
                )
            if padding == "same" and any(step != 1 for step in self.stride):
                raise ArgumentError(
                    f"{name}: padding 'same' has no meaning with stride {self.stride}; give ints"
                )
            self.padding = padding
        else:
            self.padding = per_dimension(name, "padding", padding, self.ndim, 0)
        self.output_padding = per_dimension(name, "output_padding", output_padding, self.ndim, 0)
        self.groups = groups
        self.padding_mode = padding_mode
        self._make(bias, device, dtype)
        self.reset_parameters()

    def _make(self, bias: bool, device: Any, dtype: DTypeLike) -> None:
        shape = self._weight_shape(self.in_channels)
        self.weight = Parameter(creation.empty(*shape, device=device, dtype=dtype))
        self.bias = (
            Parameter(creation.empty(self.out_channels, device=device, dtype=dtype))
            if bias
            else None
        )

    def _weight_shape(self, in_channels: int) -> Shape:
        first, second = (in_channels, self.out_channels) if self.transposed else (self.out_channels, in_channels)  # fmt: skip
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from their initial distribution."""
        # sqrt(5) makes the bound 1/sqrt(fan_in): PyTorch's choice, older than the cited paper
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        shown.append(f"stride={self.stride}")
        usual = {
            "padding": (0,) * self.ndim, "dilation": (1,) * self.ndim,
            "output_padding": (0,) * self.ndim, "groups": 1,
        }  # fmt: skip
        shown += [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


class _Forward(Convolution):
    """Layers of `conv1d` and its like."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        given = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set(*given, 0, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the input with the weight and add the bias."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input = pad(input, self._widths(), mode=self.padding_mode)
            padding = 0
        convolve = (conv1d, conv2d, conv3d)[self.ndim - 1]
        return convolve(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _widths(self) -> list[int]:
        """What `pad` is told, beginning with the last dimension."""
        if self.padding == "valid":
            return [0] * (2 * self.ndim)
        if self.padding == "same":
            pairs = same_padding(self.dilation, self.kernel_size)
        else:
            pairs = tuple((n, n) for n in self.padding)
        return [n for pair in pairs[::-1] for n in pair]


class Conv1d(_Forward):
    """Convolve sequences; see `Conv2d`.

    Shape:
        input (N, C, L) or (C, L) with C = `in_channels`; result (N, O, L') or (O, L') with O =
        `out_channels`.

    Attributes:
        weight: (O, C / groups, K), at first U(-1/sqrt(F), 1/sqrt(F)) with F = C / groups * K.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype: as in `Conv2d`.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Conv1d(2, 4, 3, padding="same")(tg.zeros(1, 2, 8)).shape
        (1, 4, 8)
    """

    ndim = 1


class Conv2d(_Forward):
    """Convolve images with a learned kernel, and add a learned bias.

    Shape:
        input (N, C, H, W) or (C, H, W) with C = `in_channels`; result (N, O, H', W') or (O, H', W') with O =
        `out_channels` and `H' = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1`.

    Attributes:
        weight: (O, C / groups, KH, KW), at first U(-1/sqrt(F), 1/sqrt(F)) with F = C / groups * KH * KW.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels: C and O.
        kernel_size: (KH, KW), or one number for both.
        stride, padding, dilation, groups: as in `tapegrad.conv2d`.
        bias: whether to add one.
        padding_mode: what is put around the input: "zeros", or the modes "reflect", "replicate" and
            "circular" of `tapegrad.nn.functional.pad`.
        device: where the parameters live, the CPU by default.
        dtype: of the parameters, the default dtype by default.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.Conv2d(3, 8, 3, padding=1)
        >>> layer
        Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
        >>> layer(tg.zeros(2, 3, 5, 5)).shape
        (2, 8, 5, 5)

    References:
        Dumoulin, Visin, "A guide to convolution arithmetic for deep learning" (2016).
    """

    ndim = 2


class Conv3d(_Forward):
    """Convolve volumes; see `Conv2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) with C = `in_channels`; result (N, O, D', H', W') or (O, D', H',
        W') with O = `out_channels`.

    Attributes:
        weight: (O, C / groups, KD, KH, KW), at first U(-1/sqrt(F), 1/sqrt(F)), F = C / groups * KD * KH * KW.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            device, dtype: as in `Conv2d`.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Conv3d(1, 4, 2)(tg.zeros(1, 3, 3, 3)).shape
        (4, 2, 2, 2)
    """

    ndim = 3


class _Transposed(Convolution):
    """Layers of `conv_transpose1d` and its like."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Numbers,
        stride: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Numbers = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        given = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set(*given, output_padding, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Convolve the input by the transposed map and add the bias.

        Args:
            input: (N, C, ...) or (C, ...).
            output_size: the sizes of the result, in place of `output_padding`; those of all dimensions, or
                of the last ones only.

        Raises:
            ShapeError: if the stride leads to no such size.
        """
        more = self.output_padding
        if output_size is not None:
            more = self._output_padding(input, tuple(output_size))
        convolve = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[self.ndim - 1]
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            more,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, wanted: Shape) -> Shape:
        name, ndim = type(self).__name__, self.ndim
        if len(wanted) == input.ndim and input.ndim > ndim:
            wanted = wanted[input.ndim - ndim :]
        if len(wanted) != ndim:
            raise ShapeError(
                f"{name}: output_size must have {ndim} or {input.ndim} elements for input of shape "
                f"{input.shape}, got {len(wanted)}"
            )
        least = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, k, s, p, d in zip(
                input.shape[-ndim:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
            )
        )  # fmt: skip
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if any(not a <= n <= b for a, n, b in zip(least, wanted, most, strict=True)):
            raise ShapeError(
                f"{name}: output_size must be between {least} and {most} for input of shape {input.shape}, "
                f"got {wanted}"
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))


class ConvTranspose1d(_Transposed):
    """Convolve sequences by the transposed map; see `ConvTranspose2d`.

    Shape:
        input (N, C, L) or (C, L) with C = `in_channels`; result (N, O, L') or (O, L') with O =
        `out_channels`.

    Attributes:
        weight: (C, O / groups, K), at first U(-1/sqrt(F), 1/sqrt(F)) with F = O / groups * K.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation,
            padding_mode, device, dtype: as in `ConvTranspose2d`.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ConvTranspose1d(4, 2, 2, stride=2)(tg.zeros(1, 4, 5)).shape
        (1, 2, 10)
    """

    ndim = 1


class ConvTranspose2d(_Transposed):
    """Convolve images by the transposed map of `Conv2d`, and add a learned bias.

    A call takes `output_size`, the sizes of the result, where a stride leaves several possible.

    Shape:
        input (N, C, H, W) or (C, H, W) with C = `in_channels`; result (N, O, H', W') or (O, H', W') with O =
        `out_channels` and `H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1`.

    Attributes:
        weight: (C, O / groups, KH, KW), at first U(-1/sqrt(F), 1/sqrt(F)) with F = O / groups * KH * KW.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels: C and O.
        kernel_size: (KH, KW), or one number for both.
        stride, padding, output_padding, groups, dilation: as in `tapegrad.conv_transpose2d`.
        bias: whether to add one.
        padding_mode: only "zeros".
        device: where the parameters live, the CPU by default.
        dtype: of the parameters, the default dtype by default.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.ConvTranspose2d(8, 3, 3, stride=2)
        >>> layer(tg.zeros(1, 8, 4, 4)).shape
        (1, 3, 9, 9)
        >>> layer(tg.zeros(1, 8, 4, 4), output_size=(10, 9)).shape
        (1, 3, 10, 9)

    References:
        Dumoulin, Visin, "A guide to convolution arithmetic for deep learning" (2016).
    """

    ndim = 2


class ConvTranspose3d(_Transposed):
    """Convolve volumes by the transposed map; see `ConvTranspose2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) with C = `in_channels`; result (N, O, D', H', W') or (O, D', H',
        W') with O = `out_channels`.

    Attributes:
        weight: (C, O / groups, KD, KH, KW), at first U(-1/sqrt(F), 1/sqrt(F)), F = O / groups * KD * KH * KW.
        bias: (O,), at first from the same interval; None without bias.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation,
            padding_mode, device, dtype: as in `ConvTranspose2d`.

    Raises:
        ArgumentError: for a number without meaning, or channels that groups do not divide.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ConvTranspose3d(4, 1, 2)(tg.zeros(4, 2, 2, 2)).shape
        (1, 3, 3, 3)
    """

    ndim = 3
