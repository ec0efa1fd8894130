"""The lazy forms of layers, with all arguments but the size of the input."""

from __future__ import annotations

from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..ops.shape import whole_number
from ..ops.window import Numbers
from ..tensor import Tensor
from .batch_normalisation import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    Running,
)
from .convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    Convolution,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from .lazy import LazyModuleMixin
from .linear import Linear
from .uninitialised import UninitializedBuffer, UninitializedParameter


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes `in_features` from its first input, and becomes one.

    Shape:
        input (..., D); result (..., M) with M = `out_features`.

    Args:
        out_features: M.
        bias: whether to add one.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if the number of features is no integer or negative.

    Example:
        >>> import tapegrad as tg
        >>> model = tg.nn.Sequential(tg.nn.LazyLinear(4), tg.nn.ReLU(), tg.nn.LazyLinear(2))
        >>> model(tg.zeros(5, 3)).shape
        (5, 2)
        >>> model[2]
        Linear(in_features=4, out_features=2, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.out_features = whole_number("LazyLinear", "out_features", out_features)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self, input: Tensor) -> None:
        """Take `in_features` from the input, and draw weight and bias."""
        if not input.ndim:
            raise ShapeError("lazylinear: input must have at least one dimension, got a 0-d tensor")
        shape = (self.out_features, input.shape[-1])
        self._materialise({"weight": shape, "bias": shape[:1]})
        self.in_features = input.shape[-1]


class _LazyConvolution(LazyModuleMixin, Convolution):
    """What lazy convolutions share."""

    def _make(self, bias: bool, device: Any, dtype: DTypeLike) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None

    def initialize_parameters(self, input: Tensor, output_size: Any = None) -> None:
        """Take `in_channels` from the input, and draw weight and bias."""
        name, ndim = type(self).__name__, self.ndim
        if input.ndim not in (ndim + 1, ndim + 2):
            raise ShapeError(
                f"{name.lower()}: input must be {ndim + 1}-d, or {ndim + 2}-d with a batch, got shape "
                f"{input.shape}"
            )
        channels = input.shape[-1 - ndim]
        if not channels or channels % self.groups:
            raise ArgumentError(
                f"{name}: the channels of input of shape {input.shape} must be divisible by "
                f"groups={self.groups}"
            )
        self._materialise({"weight": self._weight_shape(channels), "bias": (self.out_channels,)})
        self.in_channels = channels


class _LazyForward(_LazyConvolution):
    def __init__(
        self,
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
        given = (None, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set(*given, 0, bias, padding_mode, device, dtype)


class _LazyTransposed(_LazyConvolution):
    def __init__(
        self,
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
        given = (None, out_channels, kernel_size, stride, padding, dilation, groups)
        self._set(*given, output_padding, bias, padding_mode, device, dtype)


class LazyConv1d(_LazyForward, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `Conv1d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConv1d(4, 3)
        >>> layer(tg.zeros(1, 2, 5)).shape, type(layer).__name__
        ((1, 4, 3), 'Conv1d')
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyForward, Conv2d):
    """A `Conv2d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `Conv2d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConv2d(4, 3)
        >>> layer(tg.zeros(1, 2, 5, 5)).shape, type(layer).__name__
        ((1, 4, 3, 3), 'Conv2d')
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyForward, Conv3d):
    """A `Conv3d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `Conv3d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConv3d(4, 3)
        >>> layer(tg.zeros(1, 2, 5, 5, 5)).shape, type(layer).__name__
        ((1, 4, 3, 3, 3), 'Conv3d')
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposed, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `ConvTranspose1d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConvTranspose1d(4, 3)
        >>> layer(tg.zeros(1, 2, 5)).shape, type(layer).__name__
        ((1, 4, 7), 'ConvTranspose1d')
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposed, ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `ConvTranspose2d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConvTranspose2d(4, 3)
        >>> layer(tg.zeros(1, 2, 5, 5)).shape, type(layer).__name__
        ((1, 4, 7, 7), 'ConvTranspose2d')
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposed, ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from its first input, and becomes one.

    Shape, attributes and arguments but `in_channels` are those of `ConvTranspose3d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyConvTranspose3d(4, 3)
        >>> layer(tg.zeros(1, 2, 5, 5, 5)).shape, type(layer).__name__
        ((1, 4, 7, 7, 7), 'ConvTranspose3d')
    """

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin, Running):
    """What lazy normalisations share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            for name in ("running_mean", "running_var"):
                self.register_buffer(name, UninitializedBuffer(device=device, dtype=dtype))
            self.num_batches_tracked = creation.zeros((), device=device, dtype=int64)

    def initialize_parameters(self, input: Tensor) -> None:
        """Take `num_features` from the input, and set parameters and statistics to their first values."""
        self._check(input)
        channels = self._channels(input)
        names = ("weight", "bias", "running_mean", "running_var")
        self._materialise({**dict.fromkeys(names, (channels,)), "num_batches_tracked": ()})
        self.num_features = channels


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A `BatchNorm1d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `BatchNorm1d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyBatchNorm1d()
        >>> layer(tg.zeros(2, 3, 4)).shape, layer.num_features
        ((2, 3, 4), 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A `BatchNorm2d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `BatchNorm2d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyBatchNorm2d()
        >>> layer(tg.zeros(2, 3, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4), 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A `BatchNorm3d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `BatchNorm3d`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyBatchNorm3d()
        >>> layer(tg.zeros(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An `InstanceNorm1d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `InstanceNorm1d`; `affine`
    and `track_running_stats` are True by default, as in PyTorch.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyInstanceNorm1d()
        >>> layer(tg.zeros(2, 3, 4)).shape, layer.num_features
        ((2, 3, 4), 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An `InstanceNorm2d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `InstanceNorm2d`; `affine`
    and `track_running_stats` are True by default, as in PyTorch.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyInstanceNorm2d()
        >>> layer(tg.zeros(2, 3, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4), 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An `InstanceNorm3d` that takes `num_features` from its first input, and becomes one.

    Shape, attributes and arguments but `num_features` are those of `InstanceNorm3d`; `affine`
    and `track_running_stats` are True by default, as in PyTorch.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.LazyInstanceNorm3d()
        >>> layer(tg.zeros(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = InstanceNorm3d
