"""Decompositions by Cholesky, QR and singular values.

In the formulas `A'` is the transpose of `A`, and `g` the gradient of a factor, as in `gU`.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..device import as_array, backend_of
from ..errors import ArgumentError, GraphError, LinAlgError, ShapeError
from ..record import OUT, record
from ..tensor import Tensor, wrap
from .lapack import (
    floats,
    identity,
    lapack,
    lower,
    mask,
    matrix,
    same_kind,
    single,
    square,
    transposed,
)
from .linalg import matmul
from .shape import cat
from .solve import solve
from .words import implements

__all__ = ["cholesky"]
METHODS = __all__
INPLACE: list[str] = []

# Named as PyTorch shows them.
cholesky_pair: Any = namedtuple("cholesky_ex", ("L", "info"))  # type: ignore[name-match]
qr_pair: Any = namedtuple("qr", ("Q", "R"))  # type: ignore[name-match]
svd_triple: Any = namedtuple("svd", ("U", "S", "Vh"))  # type: ignore[name-match]


def cholesky(A: Tensor, upper: bool = False) -> Tensor:
    """Cholesky factor of symmetric positive-definite matrices.

    Value: lower triangular `L` with `A = L L'`; A is taken to be symmetric. Adjoint: the symmetric
    part of `inv(L') P(L' gL) inv(L)`, where P keeps the lower triangle with half of the diagonal
    (Murray 2016).

    Args:
        A: (..., N, N).
        upper: return the transpose of L instead.

    Raises:
        LinAlgError: if a matrix is not positive-definite.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])

    References:
        I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, 2016.
    """
    return cholesky_ex(A, upper=upper, check_errors=True)[0]


@single
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Cholesky factor, and whether there is one; see `cholesky`.

    Args:
        A: (..., N, N).
        upper: return the transpose of L instead.
        check_errors: raise instead.

    Returns:
        Named tuple `(L, info)`. `info` (int32) is 0, or the order of the first leading minor that is
        not positive; L is NaN there.

    Raises:
        LinAlgError: with `check_errors`, if a matrix is not positive-definite.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.cholesky_ex(tg.tensor([[1.0, 0.0], [0.0, -1.0]])).info
        tensor(2, dtype=tapegrad.int32)
    """
    A = square(A, "cholesky")
    x = A.array
    out, info = kernels.cholesky(x)
    info = as_array(info)
    if check_errors:
        _check_definite(info)
    eye = identity(x, x.shape[-1], x.dtype)
    weights = mask(x, x.shape[-1]) - eye / 2
    L = record(out, (_cholesky_vjp,), (A,), (OUT, weights))
    return cholesky_pair(transposed(L) if upper else L, wrap(info))


def _cholesky_vjp(g, y, weights):
    yt = y.swapaxes(-1, -2)
    half = kernels.solve_triangular(np.matmul(yt, g) * weights, yt, True, False)
    out = kernels.solve_triangular(half.swapaxes(-1, -2), yt, True, False)
    return (out + out.swapaxes(-1, -2)) / 2


def _check_definite(info: Any) -> None:
    failed = backend_of(info).to_host(info)
    if failed.any():
        flat = failed.reshape(-1)
        where = int((flat != 0).argmax())
        which = f"batch element {where}" if failed.ndim else "the matrix"
        raise LinAlgError(
            f"cholesky: {which} is not positive-definite: its leading minor of order "
            f"{int(flat[where])} is not positive"
        )


@implements(np.linalg.cholesky)
def _numpy_cholesky(a: Any, /, *, upper: bool = False) -> Tensor:
    return cholesky(a, upper)


@single
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Decompose into an orthogonal and an upper triangular factor.

    Value: `A = Q R`. Adjoint, for M >= N: `(gQ + Q S) inv(R')`, where S is the symmetric matrix with
    the lower triangle of `R gR' - gQ' Q` (Walter and Lehmann 2010). For M < N the square part is
    decomposed and the rest of R is `Q'` times the rest of A.

    Args:
        A: (..., M, N).
        mode: `"reduced"` for Q (..., M, K) and R (..., K, N) with `K = min(M, N)`; `"complete"` for Q
            (..., M, M) and R (..., M, N); `"r"` for R alone, as in `"reduced"`, and an empty Q.

    Returns:
        Named tuple `(Q, R)`.

    Raises:
        ArgumentError: for another mode.
        GraphError: by `backward()`, for `"complete"` with M > N, where Q is not unique.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.qr(tg.tensor([[0.0, -2.0], [-1.0, 0.0]])).R.abs()
        tensor([[1., 0.],
                [0., 2.]])

    References:
        S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
        application in optimum experimental design", arXiv:1001.1654, 2010.
    """
    A = matrix(A, "qr")
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    x = A.array
    m, n = x.shape[-2:]
    if mode == "r":
        empty = np.zeros_like(x, shape=(0,))
        if A.node is None:
            return qr_pair(wrap(empty), wrap(lapack("qr", np.linalg.qr, x, "r")))
        return qr_pair(wrap(empty), qr(A)[1])
    if m >= n:
        q, r = lapack("qr", np.linalg.qr, x, mode)
        rule = _qr_vjp_complete if m > n and mode == "complete" else _qr_vjp
        return qr_pair(*record((q, r), rule, (A,), (q, r, mask(x, n), mask(x, n, k=-1))))
    if A.node is None:
        q, r = lapack("qr", np.linalg.qr, x)
        return qr_pair(wrap(q), wrap(r))
    Q, R = qr(A[..., :m])
    return qr_pair(Q, cat([R, matmul(transposed(Q), A[..., m:])], -1))


def _qr_vjp(g, q, r, below, strictly):
    gq, gr = g
    s: Any = 0
    if gr is not None:
        s = np.matmul(r, gr.swapaxes(-1, -2))
    if gq is not None:
        s = s - np.matmul(gq.swapaxes(-1, -2), q)
    s = np.where(below, s, 0) + np.where(strictly, s, 0).swapaxes(-1, -2)
    out = np.matmul(q, s)
    if gq is not None:
        out = out + gq
    return (kernels.solve_triangular(out.swapaxes(-1, -2), r, True, False).swapaxes(-1, -2),)


def _qr_vjp_complete(g, q, r, below, strictly):
    raise GraphError(
        "qr: mode='complete' has no gradient for matrices with more rows than columns, since the last "
        "columns of Q are not unique; use mode='reduced'"
    )


@implements(np.linalg.qr)
def _numpy_qr(a: Any, mode: str = "reduced") -> Any:
    return qr(a)[1] if mode == "r" else qr(a, mode)


@single
def svd(A: Tensor, full_matrices: bool = True) -> Any:
    """Singular value decomposition.

    Value: `A = U diag(S) Vh`, S descending. Adjoint, with `V = Vh'` and `F = 1 / (s_j**2 - s_i**2)`
    off the diagonal: `U (F * (U' gU - gU' U) diag(S) + diag(S) F * (V' gV - gV' V) + diag(gS)) V'`,
    and for tall and wide matrices `(I - U U') gU inv(diag(S)) V'` and
    `U inv(diag(S)) gV' (I - V V')` more (Townsend 2016).

    The gradient through U and Vh is infinite where singular values coincide, and depends on their
    signs, which are arbitrary, unless the result does not. It ignores the columns that
    `full_matrices` adds. Through S alone there is no such restriction.

    Args:
        A: (..., M, N).
        full_matrices: U (..., M, M) and Vh (..., N, N), instead of (..., M, K) and (..., K, N) with
            `K = min(M, N)`.

    Returns:
        Named tuple `(U, S, Vh)`.

    Raises:
        LinAlgError: if a matrix is not finite.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.svd(tg.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])

    References:
        J. Townsend, "Differentiating the singular value decomposition", 2016.
    """
    A = matrix(A, "svd")
    x = A.array
    u, s, vh = lapack("svd", np.linalg.svd, x, full_matrices)
    eye = identity(x, s.shape[-1])
    return svd_triple(*record((u, s, vh), _svd_vjp, (A,), (u, s, vh, eye)))


def _svd_vjp(g, u, s, vh, eye):
    gu, gs, gvh = g
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    row, column = s[..., None, :], s[..., :, None]
    if gu is None and gvh is None:
        return (np.matmul(u * gs[..., None, :], vh),)
    gaps = np.where(eye, 1, (row - column) * (row + column))
    inner, rest = 0 if gs is None else np.where(eye, gs[..., None, :], 0), 0
    if gu is not None:
        gu = gu[..., :k]
        turn = np.matmul(u.swapaxes(-1, -2), gu)
        inner = inner + (turn - turn.swapaxes(-1, -2)) / gaps * row
        if m > k:
            rest = np.matmul((gu - np.matmul(u, turn)) / row, vh)
    if gvh is not None:
        gvh = gvh[..., :k, :]
        turn = np.matmul(vh, gvh.swapaxes(-1, -2))
        inner = inner + column * ((turn - turn.swapaxes(-1, -2)) / gaps)
        if n > k:
            turned = np.matmul(turn.swapaxes(-1, -2), vh)
            rest = rest + np.matmul(u / row, gvh - turned)
    return (np.matmul(u, np.matmul(inner, vh)) + rest,)


@single
def svdvals(A: Tensor) -> Tensor:
    """Singular values, descending; cheaper than `svd` and with a gradient where they coincide.

    Adjoint: `U diag(g) V'`.

    Args:
        A: (..., M, N).

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.svdvals(tg.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor([4., 3.])
    """
    A = matrix(A, "svdvals")
    if A.node is not None:
        return svd(A, False)[1]
    return wrap(lapack("svdvals", np.linalg.svd, A.array, compute_uv=False))


@implements(np.linalg.svd)
def _numpy_svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    return svd(a, full_matrices) if compute_uv else svdvals(a)


implements(np.linalg.svdvals)(svdvals)


@single
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """Product of Householder reflections, as `Q` is stored by LAPACK's `geqrf`.

    Value: the first N columns of `H_1 ... H_K`, `H_i = I - tau_i v_i v_i'`, where `v_i` is column i of
    A below the diagonal, with a one on the diagonal. Computed without a loop by the compact form
    `I - V inv(I + diag(tau) S) diag(tau) V'`, S being the upper triangle of `V' V` without the
    diagonal.

    Args:
        A: (..., M, N), M >= N.
        tau: (..., K), K <= N.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.householder_product(tg.tensor([[1.0], [1.0]]), tg.tensor([1.0]))
        tensor([[ 0.],
                [-1.]])

    References:
        R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of
        Householder transformations", SIAM J. Sci. Stat. Comput. 10, 1989.
    """
    A, tau = matrix(A, "householder_product"), floats(tau, "householder_product", "tau")
    same_kind("householder_product", A, tau)
    m, n = A.array.shape[-2:]
    k = tau.array.shape[-1] if tau.array.ndim else -1
    if m < n or k > n or A.array.shape[:-2] != tau.array.shape[:-1] or k < 0:
        raise ShapeError(
            f"householder_product: expected A (..., M, N) with M >= N and tau (..., K) with K <= N and "
            f"the same leading dimensions, got {A.shape} and {tau.shape}"
        )
    x = A.array
    V = lower(A[..., :k], unit=True)  # (..., M, K)
    factor = tau[..., None]
    crossed = matmul(transposed(V), V)
    above = wrap(~mask(x, k) * np.ones_like(x, shape=()))
    middle = crossed * above * factor + wrap(identity(x, k, x.dtype))
    T = solve(middle, wrap(identity(x, k, x.dtype)) * tau[..., None, :])
    eye = wrap(np.eye(m, n, dtype=x.dtype, like=x))
    return eye - matmul(matmul(V, T), transposed(V[..., :n, :]))
