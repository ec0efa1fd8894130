"""Layers that normalise each channel, and may keep running statistics of it."""

from __future__ import annotations

import warnings
from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..ops import normalisation as ops
from ..ops.shape import whole_number
from ..tensor import Tensor
from .arguments import check_numbers
from .lazy import LazyModuleMixin
from .module import Module
from .normalisation import Affine


class Running(Affine):
    """Weight, bias and running statistics per channel."""

    _version = 2
    dims: tuple[int, ...]  # numbers of dimensions that an input may have
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: DTypeLike,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = whole_number(type(self).__name__, "num_features", num_features)
        check_numbers(self, eps=eps, momentum=0.0 if momentum is None else momentum)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make((self.num_features,), affine, affine and bias, device, dtype)
        mean = var = count = None
        if track_running_stats:
            mean = creation.zeros(self.num_features, device=device, dtype=dtype)
            var = creation.ones(self.num_features, device=device, dtype=dtype)
            count = creation.zeros((), device=device, dtype=int64)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to zeros, the running variance to ones and the number of batches to 0."""
        for tensor, value in (
            (self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0),
        ):  # fmt: skip
            if tensor is not None:
                tensor.fill_(value)

    def reset_parameters(self) -> None:
        """Set weight, bias and running statistics to their initial values."""
        self.reset_running_stats()
        super().reset_parameters()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        counted = self.num_batches_tracked
        if local_metadata.get("version", 1) < 2 and counted is not None and key not in state_dict:
            state_dict[key] = counted  # which early versions of PyTorch did not count
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{n}-d" for n in self.dims)
            raise ShapeError(
                f"{type(self).__name__.lower()}: input must be {wanted}, got shape {input.shape}"
            )

    def _channels(self, input: Tensor) -> int:
        """How many channels an input has whose number of dimensions is right."""
        return input.shape[1]

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training move the running statistics."""
        self._check(input)
        if input.shape[1] != self.num_features and (self.affine or self.track_running_stats):
            raise ShapeError(
                f"{type(self).__name__.lower()}: expected {self.num_features} channels, "
                f"got {input.shape[1]} in input of shape {input.shape}"
            )
        counted = self.num_batches_tracked
        tracked = self.training and self.track_running_stats
        momentum = self.momentum
        if momentum is None:  # the average over all batches so far
            momentum = 1 / (counted.item() + 1) if tracked and counted is not None else 0.0
        used = tracked or not self.training
        out = ops.batch_norm(
            input,
            self.running_mean if used else None,
            self.running_var if used else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            momentum,
            self.eps,
        )
        if tracked and counted is not None:
            counted.add_(1)
        return out


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch, and over positions if there are any.

    Shape:
        input (N, C) or (N, C, L) with C = `num_features`; result the same.

    Attributes:
        weight: (C,), at first ones; None without `affine`.
        bias: (C,), at first zeros; None without.
        running_mean, running_var: (C,), at first zeros and ones; None without `track_running_stats`.
        num_batches_tracked: how many batches they have seen.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move towards those of a batch; None for the average
            over all batches.
        affine: whether to multiply by a weight and add a bias.
        track_running_stats: whether to keep running statistics, which `eval()` uses.
        device, dtype: of parameters and buffers.
        bias: whether to add one.

    Raises:
        ArgumentError: if `num_features` is no int or negative.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.BatchNorm1d(2, affine=False)
        >>> layer(tg.tensor([[1.0, 10.0], [3.0, 30.0]]))
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
        >>> layer.running_mean
        tensor([0.2000, 2.0000])

    References:
        Ioffe, Szegedy, "Batch Normalization" (2015).
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel over the batch and all positions of an image.

    Shape:
        input (N, C, H, W) with C = `num_features`; result the same.

    Attributes and arguments are those of `BatchNorm1d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.BatchNorm2d(3)(tg.ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)

    References:
        Ioffe, Szegedy, "Batch Normalization" (2015).
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel over the batch and all positions of a volume.

    Shape:
        input (N, C, D, H, W) with C = `num_features`; result the same.

    Attributes and arguments are those of `BatchNorm1d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.BatchNorm3d(3)(tg.ones(2, 3, 2, 2, 2)).shape
        (2, 3, 2, 2, 2)

    References:
        Ioffe, Szegedy, "Batch Normalization" (2015).
    """

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Normalise each channel over the batch of all processes that train together.

    In a process of its own it is `BatchNorm1d`, `BatchNorm2d` or `BatchNorm3d`, whatever the input has the
    shape for. Its parameters and buffers have their names, so that checkpoints fit.

    Shape:
        input (N, C, ...) with C = `num_features`; result the same.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as for `BatchNorm1d`.
        process_group: must be None, no groups of processes are there yet.
        device, dtype, bias: as for `BatchNorm1d`.

    Raises:
        ArgumentError: if `num_features` is no int or negative, or there is a process group.

    Example:
        >>> import tapegrad as tg
        >>> model = tg.nn.Sequential(tg.nn.Conv2d(1, 2, 3), tg.nn.BatchNorm2d(2))
        >>> tg.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
        SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

    References:
        Ioffe, Szegedy, "Batch Normalization" (2015).
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise ArgumentError(
                f"SyncBatchNorm: process_group must be None, got {process_group!r}; statistics are those "
                "of this process"
            )
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check(self, input: Tensor) -> None:
        if input.ndim < 2 or not input.shape[1]:
            raise ShapeError(
                "syncbatchnorm: input must be at least 2-d and have channels, got shape "
                f"{input.shape}"
            )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Replace all batch normalisations of a model, which is changed, by this one.

        Args:
            module: the model.
            process_group: must be None.

        Returns:
            The model, or what replaces it if it is a batch normalisation itself. Parameters and buffers are
            the same as before.

        Raises:
            ArgumentError: for a lazy normalisation that has not been called yet; nothing is changed then.
        """
        made: dict[Module, Module] = {}
        for old in module.modules():
            if isinstance(old, _BatchNorm):
                if isinstance(old, LazyModuleMixin):
                    raise ArgumentError(
                        f"convert_sync_batchnorm: {type(old).__name__} has no channels yet; call the model "
                        "once with an example before"
                    )
                new = made[old] = cls(
                    old.num_features, old.eps, old.momentum, old.affine, old.track_running_stats,
                    process_group, bias=old.bias is not None,
                )  # fmt: skip
                for name in (
                    "weight", "bias", "running_mean", "running_var", "num_batches_tracked", "training",
                ):  # fmt: skip
                    setattr(new, name, getattr(old, name))
        for owner in list(module.modules()):
            for name, child in list(owner._modules.items()):
                if child in made:
                    setattr(owner, name, made[child])
        return made.get(module, module)


class _InstanceNorm(Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def _channels(self, input: Tensor) -> int:
        return input.shape[0 if input.ndim == self.dims[0] else 1]

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in training move the running statistics, if there are any."""
        self._check(input)
        single = input.ndim == self.dims[0]
        channels = self._channels(input)
        if channels != self.num_features:
            said = f"expected {self.num_features} channels, got {channels} in input of shape {input.shape}"
            if self.affine:
                raise ShapeError(f"{type(self).__name__.lower()}: {said}")
            warnings.warn(
                f"{type(self).__name__}: {said}, which makes no difference without affine",
                stacklevel=3,
            )
        out = ops.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sample over all positions.

    Shape:
        input (N, C, L), or (C, L) for one sample, with C = `num_features`; result the same.

    Attributes:
        weight: (C,), at first ones; None without `affine`.
        bias: (C,), at first zeros; None without.
        running_mean, running_var: (C,), at first zeros and ones; None without `track_running_stats`.
        num_batches_tracked: stays 0, as in PyTorch.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move towards those of an input.
        affine: whether to multiply by a weight and add a bias.
        track_running_stats: whether to keep running statistics, which `eval()` uses.
        device, dtype: of parameters and buffers.
        bias: whether to add one.

    Raises:
        ArgumentError: if `num_features` is no int or negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.InstanceNorm1d(2)(tg.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])

    References:
        Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (2016).
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each sample over all positions of an image.

    Shape:
        input (N, C, H, W), or (C, H, W) for one sample, with C = `num_features`; result the same.

    Attributes and arguments are those of `InstanceNorm1d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.InstanceNorm2d(3)(tg.ones(2, 3, 4, 4)).shape
        (2, 3, 4, 4)

    References:
        Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (2016).
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each sample over all positions of a volume.

    Shape:
        input (N, C, D, H, W), or (C, D, H, W) for one sample, with C = `num_features`; result the same.

    Attributes and arguments are those of `InstanceNorm1d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.InstanceNorm3d(3)(tg.ones(2, 3, 2, 2, 2)).shape
        (2, 3, 2, 2, 2)

    References:
        Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (2016).
    """

    dims = (4, 5)
