"""Layers of maxima over windows at pseudo-random distances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError
from ..ops.fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from ..tensor import Tensor
from .arguments import check_windows
from .module import Module

Sizes = int | Sequence[int]
Ratios = float | Sequence[float]


class _FractionalMaxPool(Module):
    _ndim: int
    _pool: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: Ratios | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: give one of output_size and output_ratio")
        check_windows(self, self._ndim, kernel_size)
        self.kernel_size = self._each(kernel_size)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)
        if self.output_ratio is not None and any(not 0 < r < 1 for r in self.output_ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
        self.return_indices = return_indices
        self._random_samples = _random_samples

    def _each(self, value: Any) -> Any:
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self._ndim

    def forward(self, input: Tensor) -> Any:
        """Take the largest element of every window."""
        return type(self)._pool(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Take the largest elements of windows at irregular distances; see `nn.functional.fractional_max_pool2d`.

    Args:
        kernel_size, output_size, output_ratio, return_indices: as for the function.

    Shape:
        (N, C, H, W) or (C, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.FractionalMaxPool2d(2, output_ratio=0.5)(tg.zeros(1, 1, 6, 6)).shape
        (1, 1, 3, 3)
    """

    _ndim = 2
    _pool = staticmethod(fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """Take the largest elements of windows at irregular distances; see `nn.functional.fractional_max_pool3d`.

    Args:
        kernel_size, output_size, output_ratio, return_indices: as for the function.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), and the same with `output_size`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.FractionalMaxPool3d(2, output_size=3)(tg.zeros(1, 1, 6, 6, 6)).shape
        (1, 1, 3, 3, 3)
    """

    _ndim = 3
    _pool = staticmethod(fractional_max_pool3d)
