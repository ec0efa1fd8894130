"""Other sizes for images, and reading them at given places."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import numpy as np

from rows import Bad, Row, S, normal
from tables.pooling import adaptive_avg
from tapegrad import errors
from tapegrad.nn import functional as F


def _keys(distance: float) -> float:
    d, a = abs(distance), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _resized(x: Any, axis: int, count: int, scale: float, mode: str, corners: bool) -> Any:
    """One dimension by a dense matrix, position by position."""
    n = x.shape[axis]
    matrix = np.zeros((count, n))
    for i in range(count):
        if mode.startswith("nearest"):
            at = i * scale if mode == "nearest" else (i + 0.5) * scale
            matrix[i, min(int(np.floor(np.float32(at))), n - 1)] = 1
            continue
        at = i * scale if corners else (i + 0.5) * scale - 0.5
        if mode == "bicubic":
            left = int(np.floor(at))
            for j in range(left - 1, left + 3):
                matrix[i, min(max(j, 0), n - 1)] += _keys(at - j)
        else:
            at = min(max(at, 0.0), n - 1.0)
            for j in range(n):
                matrix[i, j] = max(0.0, 1 - abs(at - j))
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


def _interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None,
) -> Any:  # fmt: skip
    ndim = x.ndim - 2
    factors = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * ndim
    sizes = size if isinstance(size, tuple) else (size,) * ndim
    if size is None:
        sizes = tuple(int(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    if mode == "area":
        return adaptive_avg(ndim)(x, sizes)
    dtype = x.dtype
    for axis, (count, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        n = x.shape[axis]
        scale = n / count if factor is None or recompute_scale_factor else 1 / factor
        if align_corners:
            scale = (n - 1) / (count - 1) if count > 1 else 0.0
        if mode.endswith("linear") and n == count:
            continue  # whatever the factor is
        x = _resized(x, axis, count, scale, mode, bool(align_corners))
    return x.astype(dtype)


def _upsample_bilinear(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    return _interpolate(x, size, scale_factor, "bilinear", True)


def _affine_grid(theta: Any, size: Any, align_corners: Any = None) -> Any:
    n, _, *plane = size
    k = len(plane)
    out = np.zeros((n, *plane, k))
    for place in np.ndindex(n, *plane):
        at = [
            (-1 + 2 * i / (m - 1) if m > 1 else 0.0) if align_corners else (2 * i + 1) / m - 1
            for i, m in zip(place[1:], plane, strict=True)
        ]
        out[place] = theta[place[0]] @ np.array([*at[::-1], 1.0])
    return out


def _mirrored(at: float, low: float, high: float) -> float:
    if high == low:
        return 0.0
    while at < low or at > high:
        at = 2 * low - at if at < low else 2 * high - at
    return at


def _grid_sample(
    x: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: Any = None,
) -> Any:
    plane = x.shape[2:]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for place in np.ndindex(grid.shape[:-1]):
        at = []
        for n, c in zip(plane, grid[place][::-1], strict=True):
            p = (c + 1) / 2 * (n - 1) if align_corners else ((c + 1) * n - 1) / 2
            if padding_mode == "reflection":
                p = _mirrored(p, 0, n - 1) if align_corners else _mirrored(p, -0.5, n - 0.5)
            at.append(p if padding_mode == "zeros" else min(max(p, 0), n - 1))
        corners = (
            [(int(np.rint(p)),) for p in at]
            if mode == "nearest"
            else [(int(np.floor(p)), int(np.floor(p)) + 1) for p in at]
        )
        for pixel in product(*corners):
            if all(0 <= i < n for i, n in zip(pixel, plane, strict=True)):
                nears = [1 - abs(p - i) for p, i in zip(at, pixel, strict=True)]
                weight = 1.0 if mode == "nearest" else np.prod(nears)
                out[(place[0], slice(None), *place[1:])] += (
                    weight * x[(place[0], slice(None), *pixel)]
                )
    return out


def nearest_samples(rng: np.random.Generator) -> list[S]:
    """Larger and smaller, by size and by factor, in one to three dimensions."""
    x, y, z = normal(rng, 1, 2, 5), normal(rng, 1, 1, 3, 4), normal(rng, 1, 1, 2, 2, 3)
    out = []
    for mode in ("nearest", "nearest-exact"):
        out += [
            S((x, 8), {"mode": mode}), S((x, (3,)), {"mode": mode}), S((x, None, 2.0), {"mode": mode}),
            S((x, None, 0.5), {"mode": mode}), S((y, (5, 3)), {"mode": mode}), S((y, None, (2, 1.7)), {"mode": mode}),
            S((z, (3, 1, 4)), {"mode": mode}), S((x[..., ::-1], 1), {"mode": mode}), S((normal(rng, 0, 1, 3), 2), {"mode": mode}),
            S((y, None, 1.7), {"mode": mode, "recompute_scale_factor": True}),
        ]  # fmt: skip
    return out


def smooth_samples(rng: np.random.Generator) -> list[S]:
    """The modes that weigh, with corners aligned or not."""
    out = []
    for mode, plane in (
        ("linear", (5,)),
        ("bilinear", (3, 4)),
        ("bicubic", (3, 4)),
        ("trilinear", (2, 2, 3)),
    ):
        x, k = normal(rng, 1, 1, *plane), len(plane)
        sizes: list[dict[str, Any]] = [
            {"size": 7}, {"size": (1, 6, 2)[:k]}, {"scale_factor": 1.7}, {"scale_factor": (0.5, 2.0, 1.3)[:k]},
            {"scale_factor": 1.7, "recompute_scale_factor": True},
        ]  # fmt: skip
        for corners in (None, False, True):
            out += [S((x,), {"mode": mode, "align_corners": corners, **size}) for size in sizes]
        out.append(S((normal(rng, 0, 2, *plane), 3), {"mode": mode}))
        out.append(S((x[..., ::-1], None, 2), {"mode": mode}))
    for plane in ((5,), (3, 4), (2, 2, 3)):
        x = normal(rng, 1, 1, *plane)
        out += [S((x, size), {"mode": "area"}) for size in (2, 4)]
        out.append(S((x, None, 1.5), {"mode": "area"}))
    return out


def affine_samples(rng: np.random.Generator) -> list[S]:
    """Images and volumes."""
    return [
        S((normal(rng, n, k, k + 1), (n, 1, *plane)), {"align_corners": corners})
        for n, k, plane, corners in (
            (2, 2, (2, 3), False),
            (2, 2, (2, 3), True),
            (1, 2, (1, 4), False),
            (1, 3, (2, 3, 2), True),
            (1, 3, (2, 1, 2), False),
        )
    ]


def places(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Places inside and outside, away from the centres and edges of pixels of images of up to 4."""
    return np.round(rng.uniform(-1.8, 1.8, shape) * 8) / 8 + 0.0313


def grid_samples(mode: str, rng: np.random.Generator) -> list[S]:
    """Inside and outside, images and volumes."""
    out = []
    for padding, corners in product(("zeros", "border", "reflection"), (False, True)):
        x, grid = normal(rng, 1, 2, 3, 4), places(rng, 1, 2, 2, 2)
        out.append(S((x, grid, mode, padding, corners)))
        out.append(
            S((normal(rng, 2, 1, 2, 1, 3), places(rng, 2, 1, 2, 1, 3), mode, padding, corners))
        )
        out.append(S((normal(rng, 1, 1, 2, 2), places(rng, 1, 1, 2, 2), mode, padding, corners)))
    empty = S((normal(rng, 0, 1, 2, 2), places(rng, 0, 1, 2, 2), mode), {"align_corners": False})
    return [*out, empty]


def grid_edges(rng: np.random.Generator) -> list[S]:
    """Places at the corners and centres of pixels."""
    steps = np.linspace(-1.5, 1.5, 13)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1)[None]
    return [
        S((normal(rng, 1, 1, 3, 4), grid, mode, padding, corners))
        for mode, padding, corners in product(
            ("bilinear",), ("zeros", "border", "reflection"), (False, True)
        )
    ]


X, Y = np.ones((1, 2, 4)), np.ones((1, 2, 4, 4))
GRID, THETA = np.zeros((1, 2, 2, 2)), np.ones((1, 2, 3))
A, SH, D = errors.ArgumentError, errors.ShapeError, errors.DtypeError

ROWS = [
    Row("interpolate", F.interpolate, _interpolate, smooth_samples, torch="nn.functional.interpolate", integers=False, bad=(
        Bad((X, 3), A, "mode must be", {"mode": "cubic"}), Bad((X, 3, 2.0), A, "either"), Bad((X,), A, "either"),
        Bad((X, 3), SH, "dimensions", {"mode": "bilinear"}), Bad((Y, 3), SH, "dimensions", {"mode": "linear"}),
        Bad((Y, 3), SH, "dimensions", {"mode": "trilinear"}), Bad((X, 3), SH, "dimensions", {"mode": "bicubic"}),
        Bad((X[0], 3), SH, "dimensions"), Bad((X, 3), A, "align_corners", {"align_corners": False}),
        Bad((X, 3), A, "align_corners", {"align_corners": True, "mode": "area"}), Bad((Y, (3, 3, 3)), A, "size"),
        Bad((Y, None, (3, 3, 3)), A, "scale_factor"), Bad((Y, None, "a"), A, "scale_factor"), Bad((X, 0), A, "positive"),
        Bad((X, -1), A, "size"), Bad((X, None, 0.1), A, "positive"), Bad((X, 3), A, "recompute", {"recompute_scale_factor": True}),
        Bad((X[:, :0], 3), SH, "batch"), Bad((X[..., :0], 3), SH, "batch"), Bad((X > 0, 3), D, "bool"),
        Bad((X.astype(int), 3), D, "int64"), Bad((Y.astype("u1"), 3), D, "uint8", {"mode": "bilinear"}),
        Bad((Y, 3), A, "antialias", {"mode": "bilinear", "antialias": True}), Bad(("text", 3), D, "tensor"))),
    Row("interpolate_nearest", F.interpolate, _interpolate, nearest_samples, torch="nn.functional.interpolate"),
    Row("upsample", F.upsample, _interpolate, lambda rng: [
        S((normal(rng, 1, 1, 3), 5)), S((normal(rng, 1, 1, 2, 2), None, 2, "bilinear", True))], torch="",
        integers=False, bad=(Bad((X,), A, "either"),)),
    Row("upsample_nearest", F.upsample_nearest, _interpolate, lambda rng: [
        S((normal(rng, 1, 1, 3), 5)), S((normal(rng, 1, 1, 2, 2), None, 2))], torch="", integers=False,
        bad=(Bad((X,), A, "either"),)),
    Row("upsample_bilinear", F.upsample_bilinear, _upsample_bilinear, lambda rng: [
        S((normal(rng, 1, 1, 2, 3), 5)), S((normal(rng, 1, 1, 2, 2), None, 2))], torch="",
        integers=False, bad=(Bad((X, 2), SH, "dimensions"),)),
    Row("affine_grid", F.affine_grid, _affine_grid, affine_samples, torch="nn.functional.affine_grid", integers=False, bad=(
        Bad((THETA, (1, 1, 2)), SH, "size"), Bad((THETA, (2, 1, 2, 2)), SH, "size"), Bad((THETA[:, :1], (1, 1, 2, 2)), SH, "size"),
        Bad((THETA, (1, 1, 0, 2)), A, "positive"), Bad((THETA.astype(int), (1, 1, 2, 2)), D, "floating"),
        Bad((THETA, (1, 1, 2, 2.5)), A, "ints"), Bad(("text", (1, 1, 2, 2)), D, "tensor"))),
    Row("grid_sample", F.grid_sample, _grid_sample, partial(grid_samples, "bilinear"), grid_edges, torch="nn.functional.grid_sample",
        integers=False, bad=(
        Bad((Y, GRID, "bicubic"), A, "mode"), Bad((Y, GRID, "bilinear", "edge"), A, "padding_mode"), Bad((X, GRID), SH, "needs"),
        Bad((Y, GRID[0]), SH, "needs"), Bad((Y, GRID[..., :1]), SH, "needs"), Bad((Y, np.zeros((2, 1, 1, 2))), SH, "batch"),
        Bad((Y[:, :0], GRID), SH, "batch"), Bad((Y[..., :0], GRID), SH, "batch"), Bad((Y, GRID.astype("f4")), D, "one dtype"),
        Bad((Y.astype(int), GRID.astype(int)), D, "floating"), Bad(("text", GRID), D, "tensor"))),
    Row("grid_sample_nearest", F.grid_sample, _grid_sample, partial(grid_samples, "nearest"),
        torch="nn.functional.grid_sample", torch_gradient=False, integers=False),  # PyTorch's is zero for the grid
]  # fmt: skip
