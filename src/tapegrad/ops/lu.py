"""LU factorisation.

In the formulas `A'` is the transpose of `A`, and `g` the gradient of a factor, as in `gL`.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..device import every_value
from ..errors import DtypeError, LinAlgError, ShapeError
from ..record import OUT, record
from ..tensor import Tensor, wrap
from .cast import as_operand
from .lapack import adjoint as turned
from .lapack import identity, lower, mask, matrix, same_kind, single, square, transposed, upper
from .linalg import matmul
from .output import into
from .solve import fit, solve_triangular

__all__ = ["lu_unpack"]

# Named as PyTorch shows them.
lu_triple: Any = namedtuple("lu", ("P", "L", "U"))  # type: ignore[name-match]
lu_unpacked: Any = namedtuple("lu_unpack", ("P", "L", "U"))  # type: ignore[name-match]
lu_pair: Any = namedtuple("lu_factor", ("LU", "pivots"))  # type: ignore[name-match]


def _permutation(order: Any, dtype: Any) -> Any:
    """The matrix P with `P A[order] = A`."""
    rows = np.arange(order.shape[-1], like=order)
    return (rows[:, None] == order[..., None, :]).astype(dtype)


def _factored(op: str, A: Tensor, pivot: bool) -> tuple[Tensor, Any, Any]:
    A = matrix(A, op)
    x = A.array
    out, pivots, order = kernels.lu_factor(x, pivot)
    p = _permutation(order, x.dtype)
    k = min(x.shape[-2:])
    saved = (OUT, p, mask(x, k, k=-1), identity(x, k, x.dtype))
    return record(out, (_lu_factor_vjp,), (A,), saved), pivots, p


def _lu_factor_vjp(g, y, p, below, eye):
    m, n = y.shape[-2:]
    k = min(m, n)
    square_part = y[..., :k, :k]
    lower_part = np.where(below, square_part, eye)
    upper_part = np.where(below, 0, square_part)
    lt, ut = lower_part.swapaxes(-1, -2), upper_part.swapaxes(-1, -2)
    core = g[..., :k, :k]
    left = np.matmul(lt, np.where(below, core, 0))
    right = np.matmul(np.where(below, 0, core), ut)
    parts = []
    if n > k:  # U = (U1, U2) with U2 = inv(L) A2
        extra = kernels.solve_triangular(g[..., :, k:], lt, True, True)
        left = left - np.matmul(g[..., :, k:], y[..., :, k:].swapaxes(-1, -2))
        parts = [extra]
    if m > k:  # L = (L1; L2) with L2 = A2 inv(U)
        gt = g[..., k:, :].swapaxes(-1, -2)
        extra = kernels.solve_triangular(gt, upper_part, True, False).swapaxes(-1, -2)
        right = right - np.matmul(y[..., k:, :].swapaxes(-1, -2), g[..., k:, :])
        parts = [extra]
    inner = np.where(below, left, right)
    half = kernels.solve_triangular(inner, lt, True, True)
    out = kernels.solve_triangular(half.swapaxes(-1, -2), upper_part, True, False)
    out = out.swapaxes(-1, -2)
    if parts:
        out = np.concatenate([out, *parts], axis=-1 if n > k else -2)
    return np.matmul(p, out)


@single
def lu_factor(A: Tensor, *, pivot: bool = True, out: tuple[Tensor, ...] | None = None) -> Any:
    """LU factorisation in the compact form that `lu_solve` takes.

    Adjoint, for square A: `P inv(L') (tril(L' gL, -1) + triu(gU U')) inv(U')`.

    Args:
        A: (..., M, N).
        pivot: exchange rows for stability.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(LU, pivots)`: U and, below the diagonal, L without its ones; and the row that
        each row was exchanged with, from 1 (int32).

    Raises:
        LinAlgError: if U has a zero on its diagonal, so that nothing can be solved with it.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.lu_factor(tg.tensor([[1.0, 2.0], [2.0, 2.0]])).LU
        tensor([[2.0000, 2.0000],
                [0.5000, 1.0000]])
    """
    if out is not None:
        return into(out, lu_factor, A, pivot=pivot)
    LU, pivots, _ = _factored("lu_factor", A, pivot)
    x = LU.array
    zero = every_value(np.diagonal(x, 0, -2, -1) == 0)
    if zero.any():
        place = np.argwhere(zero)[0]
        which = f"batch element {tuple(map(int, place[:-1]))}: " if zero.ndim > 1 else ""
        raise LinAlgError(
            f"lu_factor: {which}U[{place[-1]}, {place[-1]}] is zero, so nothing can be solved with the "
            "factors; use lu for the decomposition itself"
        )
    return lu_pair(LU, wrap(pivots))


@single
def lu(A: Tensor, *, pivot: bool = True, out: tuple[Tensor, ...] | None = None) -> Any:
    """LU factorisation with partial pivoting.

    Value: `A = P L U`. Adjoint: as for `lu_factor`; for wide and tall matrices the part beyond the
    square one is a triangular system.

    Args:
        A: (..., M, N); `K = min(M, N)`.
        pivot: exchange rows for stability; without it P is empty.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(P, L, U)`: a permutation (..., M, M), unit lower triangular (..., M, K), upper
        triangular (..., K, N).

    Example:
        >>> import tapegrad as tg
        >>> P, L, U = tg.linalg.lu(tg.tensor([[1.0, 2.0], [2.0, 2.0]]))
        >>> L
        tensor([[1.0000, 0.0000],
                [0.5000, 1.0000]])
    """
    if out is not None:
        return into(out, lu, A, pivot=pivot)
    LU, _, p = _factored("lu", A, pivot)
    k = min(LU.shape[-2:])
    P = wrap(p if pivot else np.zeros_like(p, shape=(0,)))
    return lu_triple(P, lower(LU[..., :k], unit=True), upper(LU[..., :k, :]))


@single
def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Solve `A X = B` by the factors that `lu_factor` returned.

    Args:
        LU, pivots: from `lu_factor`, (..., N, N) and (..., N).
        B: (..., N, K), or (..., K, N) if not `left`.
        left: False for `X A = B`.
        adjoint: use the conjugate transpose of A.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> factors = tg.linalg.lu_factor(tg.tensor([[1.0, 2.0], [2.0, 2.0]]))
        >>> tg.linalg.lu_solve(*factors, tg.tensor([[3.0], [4.0]]))
        tensor([[1.],
                [1.]])
    """
    if out is not None:
        return into(out, lu_solve, LU, pivots, B, left=left, adjoint=adjoint)
    LU, B = square(LU, "lu_solve", "LU"), matrix(B, "lu_solve", "B")
    pivots = as_operand(pivots, "lu_solve", "pivots")
    same_kind("lu_solve", LU, B)
    if pivots.array.dtype != np.int32:
        raise DtypeError(f"lu_solve: pivots must be int32, got {pivots.dtype}")
    if pivots.shape != LU.shape[:-1]:
        raise ShapeError(
            f"lu_solve: pivots must have the shape {LU.shape[:-1]} for LU {LU.shape}, got {pivots.shape}"
        )
    fit("lu_solve", LU, B, left)
    if not left:
        return turned(lu_solve(LU, pivots, turned(B), adjoint=not adjoint))
    P = wrap(_permutation(kernels.row_order(pivots.array, LU.shape[-1]), LU.dtype))
    if adjoint:
        half = solve_triangular(turned(LU), B, upper=False)
        half = solve_triangular(turned(LU), half, upper=True, unitriangular=True)
        return matmul(P, half)
    half = solve_triangular(LU, matmul(transposed(P), B), upper=False, unitriangular=True)
    return solve_triangular(LU, half, upper=True)


@single
def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """The factors and the permutation that `lu_factor` returned in its compact form.

    Args:
        LU_data, LU_pivots: from `lu_factor`, (..., M, N) and (..., min(M, N)).
        unpack_data: whether L and U are wanted.
        unpack_pivots: whether P is wanted.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(P, L, U)` as from `lu`; without elements where not wanted.

    Raises:
        DtypeError: if the pivots are not int32.
        ShapeError: if they do not fit.

    Example:
        >>> import tapegrad as tg
        >>> P, L, U = tg.lu_unpack(*tg.linalg.lu_factor(tg.tensor([[1.0, 2.0], [2.0, 2.0]])))
        >>> P @ L @ U
        tensor([[1., 2.],
                [2., 2.]])
    """
    if out is not None:
        return into(out, lu_unpack, LU_data, LU_pivots, unpack_data, unpack_pivots)
    LU = matrix(LU_data, "lu_unpack")
    pivots = as_operand(LU_pivots, "lu_unpack", "LU_pivots")
    k = min(LU.shape[-2:])
    if pivots.array.dtype != np.int32:
        raise DtypeError(f"lu_unpack: LU_pivots must be int32, got {pivots.dtype}")
    if pivots.shape != (*LU.shape[:-2], k):
        raise ShapeError(
            f"lu_unpack: LU_pivots must be {(*LU.shape[:-2], k)} for LU_data {LU.shape}, got "
            f"{pivots.shape}"
        )
    nothing = wrap(np.zeros_like(LU.array, shape=(0,)))
    P = L = U = nothing
    if unpack_pivots:
        P = wrap(_permutation(kernels.row_order(pivots.array, LU.shape[-2]), LU.dtype))
    if unpack_data:
        L, U = lower(LU[..., :k], unit=True), upper(LU[..., :k, :])
    return lu_unpacked(P, L, U)
