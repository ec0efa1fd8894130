"""Upsampling as modules."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ArgumentError
from ..ops.interpolation import interpolate
from ..tensor import Tensor
from .module import Module

MODES = (
    "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area",
)  # fmt: skip


class Upsample(Module):
    """Give images another size; see `nn.functional.interpolate`.

    Args:
        size: the new sizes, one int or one for each dimension.
        scale_factor: the new sizes by the old ones. One of both is given.
        mode: `"nearest"`, `"linear"`, `"bilinear"`, `"bicubic"` or `"trilinear"`, and all others of
            `interpolate`.
        align_corners: whether the centres of the corner pixels, not their outer corners, stay in place.
        recompute_scale_factor: whether positions follow from the sizes and not from `scale_factor`.

    Shape:
        (N, C, L), (N, C, H, W) or (N, C, D, H, W), and the same with the new sizes.

    Raises:
        ArgumentError: for another mode, neither or both of `size` and `scale_factor`, or `align_corners` where
            a mode has none.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Upsample(scale_factor=2)(tg.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in MODES:
            raise ArgumentError(f"{name}: mode must be one of {MODES}, got {mode!r}")
        if (size is None) == (not scale_factor):
            raise ArgumentError(
                f"{name}: give either size or scale_factor, got {size} and {scale_factor}"
            )
        if align_corners is not None and (mode.startswith("nearest") or mode == "area"):
            raise ArgumentError(f"{name}: mode {mode!r} has no align_corners; leave it out")
        if recompute_scale_factor and size is not None:
            raise ArgumentError(f"{name}: recompute_scale_factor needs scale_factor, not size")
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None = None
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        elif scale_factor:
            self.scale_factor = float(scale_factor)  # type: ignore[arg-type]
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Give the images the new size."""
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Give images another size by nearest neighbours.

    Args:
        size: the new sizes, one int or (H, W).
        scale_factor: the new sizes by the old ones.

    Shape:
        (N, C, H, W), and the same with the new sizes.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.UpsamplingNearest2d(scale_factor=2)(tg.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1., 1., 2., 2.],
                  [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """Give images another size by bilinear interpolation, with aligned corners.

    Args:
        size: the new sizes, one int or (H, W).
        scale_factor: the new sizes by the old ones.

    Shape:
        (N, C, H, W), and the same with the new sizes.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.UpsamplingBilinear2d((1, 3))(tg.tensor([[[[0.0, 4.0]]]]))
        tensor([[[[0., 2., 4.]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
