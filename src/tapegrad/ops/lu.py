"""LU factorisation.

In the formulas `A'` is the transpose of `A`, and `g` the gradient of a factor, as in `gL`.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..device import backend_of
from ..errors import DtypeError, LinAlgError, ShapeError
from ..record import OUT, record
from ..tensor import Tensor, wrap
from .cast import as_operand
from .lapack import identity, lower, mask, matrix, same_kind, single, square, transposed, upper
from .linalg import matmul
from .solve import fit, solve_triangular

__all__: list[str] = []
METHODS = __all__
INPLACE = __all__

# Named as PyTorch shows them.
lu_triple: Any = namedtuple("lu", ("P", "L", "U"))  # type: ignore[name-match]
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
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """LU factorisation in the compact form that `lu_solve` takes.

    Adjoint, for square A: `P inv(L') (tril(L' gL, -1) + triu(gU U')) inv(U')`.

    Args:
        A: (..., M, N).
        pivot: exchange rows for stability.

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
    LU, pivots, _ = _factored("lu_factor", A, pivot)
    x = LU.array
    zero = backend_of(x).to_host(np.diagonal(x, 0, -2, -1) == 0)
    if zero.any():
        place = np.argwhere(zero)[0]
        which = f"batch element {tuple(map(int, place[:-1]))}: " if zero.ndim > 1 else ""
        raise LinAlgError(
            f"lu_factor: {which}U[{place[-1]}, {place[-1]}] is zero, so nothing can be solved with the "
            "factors; use lu for the decomposition itself"
        )
    return lu_pair(LU, wrap(pivots))


@single
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """LU factorisation with partial pivoting.

    Value: `A = P L U`. Adjoint: as for `lu_factor`; for wide and tall matrices the part beyond the
    square one is a triangular system.

    Args:
        A: (..., M, N); `K = min(M, N)`.
        pivot: exchange rows for stability; without it P is empty.

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
    LU, _, p = _factored("lu", A, pivot)
    k = min(LU.shape[-2:])
    P = wrap(p if pivot else np.zeros_like(p, shape=(0,)))
    return lu_triple(P, lower(LU[..., :k], unit=True), upper(LU[..., :k, :]))


@single
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """Solve `A X = B` by the factors that `lu_factor` returned.

    Args:
        LU, pivots: from `lu_factor`, (..., N, N) and (..., N).
        B: (..., N, K), or (..., K, N) if not `left`.
        left: False for `X A = B`.
        adjoint: use the transpose of A.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> factors = tg.linalg.lu_factor(tg.tensor([[1.0, 2.0], [2.0, 2.0]]))
        >>> tg.linalg.lu_solve(*factors, tg.tensor([[3.0], [4.0]]))
        tensor([[1.],
                [1.]])
    """
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
        return transposed(lu_solve(LU, pivots, transposed(B), adjoint=not adjoint))
    P = wrap(_permutation(kernels.row_order(pivots.array, LU.shape[-1]), LU.dtype))
    if adjoint:
        half = solve_triangular(transposed(LU), B, upper=False)
        half = solve_triangular(transposed(LU), half, upper=True, unitriangular=True)
        return matmul(P, half)
    half = solve_triangular(LU, matmul(transposed(P), B), upper=False, unitriangular=True)
    return solve_triangular(LU, half, upper=True)
