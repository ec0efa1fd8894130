"""Distances between all rows of two matrices, or of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..device import backend_of
from ..errors import ArgumentError, ShapeError
from ..record import OUT, record
from ..tensor import Tensor
from .cast import as_operand, not_complex
from .linalg import check_matched
from .reduce import floating_operand
from .shape import reshape

__all__ = ["cdist", "pdist"]

_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Distance of every row of one matrix from every row of another, in the p-norm.

    Value: `y[i, j] = sum(abs(x1[i] - x2[j])**p)**(1/p)`; for p 0 the number of components that differ,
    for p infinity the largest difference. Adjoint, with `d = x1[i] - x2[j]`: the sum over j of
    `g[i, j] * sign(d) * (abs(d) / y[i, j])**(p - 1)` for row i of `x1`, the negative sum over i for row
    j of `x2`; 0 where two points coincide and for p 0. For p infinity every component that attains the
    distance counts.

    Args:
        x1: floating, (..., P, M).
        x2: (..., R, M), of the same dtype; the leading dimensions broadcast.
        p: 0 or more, or infinity.
        compute_mode: for p 2, whether to use a matrix product, `|a|**2 + |b|**2 - 2 a b`: faster, with
            less memory, and less accurate for points that are close together. By default where there
            are more than 25 rows.

    Returns:
        (..., P, R).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ or are not floating.
        ArgumentError: for a negative or NaN `p`, or an unknown `compute_mode`.

    Example:
        >>> import tapegrad as tg
        >>> tg.cdist(tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    x1, x2 = floating_operand("cdist", x1), floating_operand("cdist", as_operand(x2, "cdist", "x2"))
    not_complex("cdist", x1, x2)
    check_matched("cdist", x1, x2)
    _check_p("cdist", p)
    if compute_mode not in _MODES:
        raise ArgumentError(
            f"cdist: compute_mode must be one of {', '.join(map(repr, _MODES))}, got {compute_mode!r}"
        )
    a, b = x1.array, x2.array
    if a.ndim < 2 or b.ndim < 2:
        raise ShapeError(f"cdist: needs matrices, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            f"cdist: rows must have one length, got shapes {a.shape} and {b.shape} "
            f"({a.shape[-1]} != {b.shape[-1]})"
        )
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"cdist: the leading dimensions of {a.shape} and {b.shape} do not broadcast"
        ) from None
    many = max(a.shape[-2], b.shape[-2]) > 25
    if p == 2 and (compute_mode == _MODES[1] or (many and compute_mode == _MODES[0])):
        return record(_by_product(a, b), _cdist_vjp_product, (x1, x2), (a, b, OUT))
    return record(_by_difference(a, b, p), _cdist_vjp, (x1, x2), (a, b, OUT, p))


def _check_p(op: str, p: Any) -> None:
    if not isinstance(p, (int, float, np.floating, np.integer)) or not p >= 0:
        raise ArgumentError(f"{op}: p must be a number that is not negative, got {p!r}")


def _by_difference(a: Any, b: Any, p: float) -> Any:
    d = a[..., :, None, :] - b[..., None, :, :]  # (..., P, R, M)
    if p == 2:
        return np.sqrt(np.add.reduce(d * d, axis=-1))
    d = np.abs(d)
    if p == 0:
        return np.add.reduce(np.sign(d), axis=-1)  # NaN stays NaN
    if p == 1:
        return np.add.reduce(d, axis=-1)
    if p == math.inf:
        return np.max(d, axis=-1) if d.shape[-1] else np.add.reduce(d, axis=-1)
    return np.add.reduce(d**p, axis=-1) ** (1 / p)


def _cdist_vjp(g, a, b, y, p):
    d = a[..., :, None, :] - b[..., None, :, :]
    g, y = g[..., None], y[..., None]
    if p == 0:
        slope = np.zeros_like(d)
    elif p == 1:
        slope = g * np.sign(d)
    elif p == 2:
        slope = g / np.where(y == 0, 1, y) * d
    elif p == math.inf:
        slope = g * np.sign(d) * (np.abs(d) == y)
    else:
        same = d == 0 if p < 1 else y == 0
        ratio = np.where(same, 1, np.abs(d)) / np.where(y == 0, 1, y)
        slope = g * np.where(same, 0, np.sign(d) * ratio ** (p - 1))
    return np.add.reduce(slope, axis=-2), -np.add.reduce(slope, axis=-3)


def _by_product(a: Any, b: Any) -> Any:
    squares = (
        np.add.reduce(a * a, axis=-1)[..., :, None] + np.add.reduce(b * b, axis=-1)[..., None, :]
    )
    squares -= 2 * np.matmul(a, b.swapaxes(-1, -2))
    return np.sqrt(np.maximum(squares, 0))


def _cdist_vjp_product(g, a, b, y):
    w = np.where(y == 0, 0, g / np.where(y == 0, 1, y))  # (..., P, R)
    grad1 = np.add.reduce(w, axis=-1)[..., None] * a - np.matmul(w, b)
    grad2 = np.add.reduce(w, axis=-2)[..., None] * b - np.matmul(w.swapaxes(-1, -2), a)
    return grad1, grad2


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances between all pairs of rows of a matrix, in the p-norm.

    Value: the distances of `cdist(input, input, p)` above its diagonal, row by row. Adjoint: as that of
    `cdist`.

    Args:
        input: floating, (N, M).
        p: 0 or more, or infinity.

    Returns:
        (N * (N - 1) / 2,).

    Raises:
        ShapeError: if the input is no matrix.
        DtypeError: for integers.
        ArgumentError: for a negative or NaN `p`.

    Example:
        >>> import tapegrad as tg
        >>> tg.pdist(tg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
        tensor([5.0000, 1.0000, 4.2426])
    """
    input = floating_operand("pdist", input)
    not_complex("pdist", input)
    _check_p("pdist", p)
    if input.ndim != 2:
        raise ShapeError(f"pdist: input must be a matrix, got shape {input.shape}")
    x = input.array
    first, second = backend_of(x).namespace.triu_indices(x.shape[0], 1)
    # as many batches of one row as there are pairs: (N (N - 1) / 2, 1, M)
    out = cdist(input[first][:, None], input[second][:, None], p, _MODES[2])
    return reshape(out, out.shape[:1])
