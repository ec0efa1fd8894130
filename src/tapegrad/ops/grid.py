"""Reading images at given places: affine maps and sampling."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ..device import apart, backend_of
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor, wrap
from .arithmetic import add, mul, sub
from .cast import as_operand, different_devices
from .choose import where
from .index import getitem, take_along_dim
from .linalg import matmul
from .shape import reshape, sizes, transpose

__all__: list[str] = []


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Places that an affine map sends the pixels of an image to, for `grid_sample`.

    Value: `theta [x, y, 1]'` for every pixel, x and y between -1 and 1. Adjoint: sums of `g` times
    `[x, y, 1]`.

    Args:
        theta: maps, (N, 2, 3); or (N, 3, 4) for volumes.
        size: the result's sizes, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the corner pixels, or else their outer
            corners.

    Returns:
        (N, H, W, 2), the last dimension in the order x, y; or (N, D, H, W, 3).

    Raises:
        ShapeError: for a `theta` that does not fit `size`.
        ArgumentError: for sizes that are not positive.
        DtypeError: for a `theta` that is not floating.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import affine_grid
        >>> mirror = tg.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> affine_grid(mirror, (1, 1, 1, 2), align_corners=True)
        tensor([[[[ 1.,  0.],
                  [-1.,  0.]]]])

    References:
        Jaderberg et al., "Spatial transformer networks", NIPS 2015.
    """
    theta = as_operand(theta, "affine_grid", "theta")
    shape = sizes("affine_grid", (size,))
    if theta.dtype.kind != "f":
        raise DtypeError(f"affine_grid: theta must be floating, got {theta.dtype}")
    k = len(shape) - 2
    if k not in (2, 3) or theta.shape != (shape[0], k, k + 1):
        raise ShapeError(
            "affine_grid: size must be (N, C, H, W) with theta (N, 2, 3), or (N, C, D, H, W) with theta "
            f"(N, 3, 4), got size {shape} and theta {theta.shape}"
        )
    if min(shape) < 1:
        raise ArgumentError(f"affine_grid: sizes must be positive, got {shape}")
    plane = shape[2:]
    axes = [_centres(n, bool(align_corners)) for n in plane]
    places = [*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(plane)]
    base = np.stack([p.reshape(-1) for p in places], 1).astype(theta.dtype)  # (H W, 3)
    host = theta.array.__class__ is np.ndarray
    array = base if host else backend_of(theta.array).from_host(base)
    return reshape(matmul(wrap(array), transpose(theta, 1, 2)), (shape[0], *plane, k))


def _centres(n: int, align_corners: bool) -> Any:
    """Centres of pixels, the image reaching from -1 to 1."""
    if align_corners:
        return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    return (2 * np.arange(n) + 1) / n - 1


_MODES = ("bilinear", "nearest")
_PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read images at given places, between the pixels by interpolation.

    Value: the four pixels around a place, weighted by how near they are; eight in volumes. Adjoint: `g`
    with the same weights added to those pixels, and the slopes between them for the places.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating.
        grid: places, (N, H', W', 2), the last dimension in the order x, y; or (N, D', H', W', 3). The
            image reaches from -1 to 1.
        mode: `"bilinear"`, or `"nearest"`, which carries no gradient to the places.
        padding_mode: what is outside: `"zeros"`; `"border"`, the pixel at the border; or `"reflection"`,
            the image mirrored.
        align_corners: whether -1 and 1 are the centres of the corner pixels, or else their outer
            corners.

    Returns:
        (N, C, H', W') or (N, C, D', H', W').

    Raises:
        ArgumentError: for an unknown mode.
        ShapeError: for shapes that do not fit each other, or empty images.
        DtypeError: if input and grid are not floating and of one dtype.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import grid_sample
        >>> x = tg.tensor([[[[0.0, 4.0]]]])
        >>> grid_sample(x, tg.tensor([[[[0.25, 0.0]]]]), align_corners=False)
        tensor([[[[3.]]]])

    References:
        Jaderberg et al., "Spatial transformer networks", NIPS 2015.
    """
    input = as_operand(input, "grid_sample")
    grid = as_operand(grid, "grid_sample", "grid")
    _check_sampling(input, grid, mode, padding_mode)
    plane, places = input.shape[2:], grid.shape[1:-1]
    k, rows = len(plane), int(np.prod(plane))
    coordinates = []
    for d, n in enumerate(plane):
        given = getitem(grid, (Ellipsis, k - 1 - d))
        given = reshape(given, (grid.shape[0], int(np.prod(places))))
        coordinates.append(_coordinate(given, n, padding_mode, bool(align_corners)))
    flat = reshape(input, (*input.shape[:2], rows))
    out: Any = None
    for corner in product((0, 1), repeat=k) if mode == "bilinear" else ((0,) * k,):
        at: Any = 0
        inside: Any = True
        weight: Any = None
        for c, side, n in zip(coordinates, corner, plane, strict=True):
            x = c.array
            place = np.rint(x) if mode == "nearest" else np.floor(x) + side
            inside = (place >= 0) & (place < n) & inside
            at = at * n + np.clip(place, 0, n - 1).astype(np.int64)
            if mode == "bilinear":
                near = sub(1.0, sub(c, wrap(place)) if not side else sub(wrap(place), c))
                weight = near if weight is None else mul(weight, near)
        pixels = take_along_dim(flat, wrap(at[:, None, :]), 2)  # (N, C, H' W')
        pixels = where(wrap(inside[:, None, :]), pixels, 0.0)
        if weight is not None:
            pixels = mul(pixels, getitem(weight, (slice(None), None)))
        out = pixels if out is None else add(out, pixels)
    return reshape(out, (*input.shape[:2], *places))


def _check_sampling(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in _MODES:
        raise ArgumentError(f"grid_sample: mode must be one of {_MODES}, got {mode!r}")
    if padding_mode not in _PADDINGS:
        raise ArgumentError(
            f"grid_sample: padding_mode must be one of {_PADDINGS}, got {padding_mode!r}"
        )
    if apart(input.array, grid.array):
        raise different_devices("grid_sample", input, grid)
    if input.dtype.kind != "f" or input.dtype != grid.dtype:
        raise DtypeError(
            "grid_sample: input and grid must be floating and of one dtype, got "
            f"{input.dtype} and {grid.dtype}"
        )
    k = input.ndim - 2
    if k not in (2, 3) or grid.ndim != k + 2 or grid.shape[-1] != k:
        raise ShapeError(
            "grid_sample: needs input (N, C, H, W) with grid (N, H', W', 2), or input (N, C, D, H, W) "
            f"with grid (N, D', H', W', 3), got {input.shape} and {grid.shape}"
        )
    if input.shape[0] != grid.shape[0]:
        raise ShapeError(
            f"grid_sample: input and grid must have one batch size, got {input.shape} and {grid.shape}"
        )
    if 0 in input.shape[1:]:
        raise ShapeError(f"grid_sample: only the batch may be empty, got shape {input.shape}")


def _coordinate(given: Tensor, n: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Positions along a dimension of n pixels, brought inside as the padding mode says."""
    if align_corners:
        c = mul(add(given, 1.0), (n - 1) / 2)
    else:
        c = sub(mul(add(given, 1.0), n / 2), 0.5)
    most = min(1e9, float(np.finfo(c.dtype).max) / 4)
    known = abs(c.array) < most
    c = where(wrap(known), c, -100.0)  # outside, as infinities and NaN are in PyTorch
    if padding_mode == "zeros":
        return c
    x = c.array
    if padding_mode == "reflection":
        low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
        if not span:
            return mul(c, 0.0)
        away = abs(x - low)
        flips = np.floor(away / span)
        rest = away - flips * span
        turned = flips % 2 == 1
        sign = np.where((x < low) != turned, -1.0, 1.0).astype(x.dtype)
        mirrored = np.where(turned, span - rest, rest) + low
        c = add(mul(c, wrap(sign)), wrap((mirrored - sign * x).astype(x.dtype)))
        x = c.array
    # at the very border the gradient is zero, as in PyTorch
    return where(wrap((x > 0) & (x < n - 1)), c, wrap(np.clip(x, 0, n - 1)))
