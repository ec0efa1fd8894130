"""Other sizes for images: nearest neighbours, linear and cubic interpolation, areas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor
from .average_pooling import adaptive_mean
from .cast import as_operand
from .taps import Sparse, tap_sum
from .window import per_dimension

__all__: list[str] = []

_RANKS = {
    "nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5),
    "linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,),
}  # fmt: skip


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Give images another size; each dimension by itself.

    Value: with pixel centres at `i + 1/2`, result `i` is read at `(i + 1/2) scale - 1/2`, where `scale` is
    the old size over the new one. Adjoint: each element of `g` added to what it was read from, with the
    same weights.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: the new sizes, one int or one for each dimension.
        scale_factor: the new sizes by the old ones; the sizes are rounded down. One of both is given.
        mode: `"nearest"`, which rounds positions as PyTorch and OpenCV do, `"nearest-exact"`, which rounds
            to the nearest centre, `"linear"` (3-d), `"bilinear"`, `"bicubic"` (4-d), `"trilinear"` (5-d) or
            `"area"`, which averages as `adaptive_avg_pool2d` does.
        align_corners: whether the centres of the corner pixels, not their outer corners, stay in place;
            for the linear and cubic modes only.
        recompute_scale_factor: whether positions follow from the sizes and not from `scale_factor`.
        antialias: not available.

    Returns:
        (N, C, ...) with the new sizes.

    Raises:
        ArgumentError: for arguments that contradict each other, or `antialias`.
        ShapeError: for a mode that does not fit the number of dimensions, or empty images.
        DtypeError: for tensors that are not floating, but for uint8 in the nearest modes.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import interpolate
        >>> x = tg.tensor([[[0.0, 4.0]]])
        >>> interpolate(x, size=4)
        tensor([[[0., 0., 4., 4.]]])
        >>> interpolate(x, scale_factor=2, mode="linear")
        tensor([[[0., 1., 3., 4.]]])

    References:
        Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on
        Acoustics, Speech, and Signal Processing 29 (1981), with a = -3/4.
    """
    input = as_operand(input, "interpolate")
    if mode not in _RANKS:
        raise ArgumentError(f"interpolate: mode must be one of {tuple(_RANKS)}, got {mode!r}")
    if antialias:
        raise ArgumentError(
            "interpolate: antialias is not available; average before, or use 'area'"
        )
    nearest = mode.startswith("nearest")
    if align_corners is not None and (nearest or mode == "area"):
        raise ArgumentError(f"interpolate: mode {mode!r} has no align_corners; leave it out")
    if input.ndim not in _RANKS[mode]:
        raise ShapeError(
            f"interpolate: mode {mode!r} needs {_RANKS[mode]} dimensions, got shape {input.shape}"
        )
    if 0 in input.shape[1:]:
        raise ShapeError(f"interpolate: only the batch may be empty, got shape {input.shape}")
    if input.dtype.kind != "f" and not (nearest and input.dtype == np.uint8):
        raise DtypeError(
            f"interpolate: mode {mode!r} is not defined for {input.dtype}; convert with .to()"
        )
    plane = input.shape[2:]
    counts, factors = _target(plane, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ArgumentError("interpolate: recompute_scale_factor needs scale_factor, not size")
    if mode == "area":
        return adaptive_mean(input, counts)
    if min(counts) < 1:
        raise ArgumentError(f"interpolate: sizes must be positive, got {counts} for {plane}")
    if recompute_scale_factor:
        factors = (None,) * len(plane)
    single = input.dtype.itemsize < 8  # positions are as exact as PyTorch computes them
    if mode.endswith("linear"):
        mode = "linear"
    elif mode == "nearest" and len(plane) == 2:
        mode = "nearest-2d"
    plan = tuple(
        (d - len(plane), _matrix(mode, n, count, factor, bool(align_corners), single))
        for d, (n, count, factor) in enumerate(zip(plane, counts, factors, strict=True))
    )
    return tap_sum(input, plan)


def _target(plane: Any, size: Any, scale_factor: Any) -> tuple[Any, Any]:
    """The new sizes, and the factors to compute positions with."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: give either size or scale_factor")
    if size is not None:
        if isinstance(size, (tuple, list)) and len(size) != len(plane):
            raise ArgumentError(f"interpolate: size must be {len(plane)} ints, got {tuple(size)}")
        return per_dimension("interpolate", "size", size, len(plane)), (None,) * len(plane)
    given = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,)
    if isinstance(scale_factor, (tuple, list)) and len(given) != len(plane):
        raise ArgumentError(
            f"interpolate: scale_factor must be {len(plane)} numbers, got {tuple(scale_factor)}"
        )
    try:
        factors = tuple(float(f) for f in given) * (len(plane) // len(given))
        counts = tuple(int(n * f) for n, f in zip(plane, factors, strict=True))
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(
            f"interpolate: scale_factor must be a number, got {scale_factor!r}"
        ) from None
    return counts, factors


@lru_cache(maxsize=512)
def _matrix(
    mode: str, n: int, count: int, factor: float | None, align_corners: bool, single: bool
) -> Sparse:
    """What each new element reads along a dimension, and the weights."""
    real: Any = np.float32 if single else np.float64
    each = np.arange(count)
    if mode == "nearest-2d" and count in (n, 2 * n):  # whatever the factor was, as in PyTorch
        return Sparse((count, n), [(each, each // (count // n), None)])
    if mode == "linear" and n == count:
        return Sparse((count, n), [(each, each, None)])
    if align_corners:
        scale = real(n - 1) / real(count - 1) if count > 1 else real(0)
    else:
        scale = real(1.0 / factor) if factor is not None and factor > 0 else real(n) / real(count)
    if mode.startswith("nearest"):
        shift = real(0.5) if mode == "nearest-exact" else real(0)
        at = scale * (each.astype(real) + shift)
        at = np.minimum(np.floor(at.astype(np.float32)).astype(np.intp), n - 1)
        return Sparse((count, n), [(each, at, None)])
    at = scale * each.astype(real)
    if not align_corners:
        at = (float(scale) * (each + 0.5) - 0.5).astype(real)  # rounded once
        if mode != "bicubic":
            at = np.maximum(at, 0)
    left = np.minimum(np.floor(at).astype(np.intp), n - 1)
    t = np.clip(at - left, 0, 1).astype(np.float64)
    if mode == "bicubic":
        weights = [_outer(t + 1), _inner(t), _inner(1 - t), _outer(2 - t)]
        reads = [np.clip(left + k, 0, n - 1) for k in (-1, 0, 1, 2)]
    else:
        weights = [1 - t, t]
        reads = [left, np.minimum(left + 1, n - 1)]
    return Sparse((count, n), [(each, a, w) for a, w in zip(reads, weights, strict=True)])


_A = -0.75  # of Keys' family; PyTorch's and OpenCV's choice


def _inner(t: Any) -> Any:
    """Keys' kernel at distances up to one."""
    return ((_A + 2) * t - (_A + 3)) * t * t + 1


def _outer(t: Any) -> Any:
    """Keys' kernel at distances from one to two."""
    return ((_A * t - 5 * _A) * t + 8 * _A) * t - 4 * _A


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Give images another size: `interpolate` by its former name.

    Args:
        input, size, scale_factor, mode, align_corners: as for `interpolate`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import upsample
        >>> upsample(tg.tensor([[[1.0, 2.0]]]), 4)
        tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Give images another size by nearest neighbours; `interpolate` by a former name.

    Args:
        input, size, scale_factor: as for `interpolate`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import upsample_nearest
        >>> upsample_nearest(tg.tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Give images another size by bilinear interpolation, with aligned corners.

    Args:
        input, size, scale_factor: as for `interpolate`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import upsample_bilinear
        >>> upsample_bilinear(tg.tensor([[[[0.0, 4.0]]]]), (1, 3))
        tensor([[[[0., 2., 4.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
