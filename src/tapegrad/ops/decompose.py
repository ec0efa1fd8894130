"""Decompositions by Cholesky, QR and singular values.

In the formulas `A'` is the transpose of `A`, and `g` the gradient of a factor, as in `gU`. For complex
matrices `A'` is the conjugate transpose, and the formulas are those of PyTorch's gradients; the rules get
and return their conjugates, and so take the conjugates of the factors.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..device import as_array, every_value
from ..errors import ArgumentError, GraphError, LinAlgError, ShapeError
from ..kernels import conj
from ..record import OUT, record
from ..tensor import Tensor, raw, wrap
from .lapack import (
    adjoint,
    check_gauge,
    floats,
    identity,
    lapack,
    lower,
    mask,
    matrix,
    same_kind,
    single,
    square,
)
from .linalg import matmul
from .output import into
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


def cholesky(A: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Cholesky factor of symmetric, or Hermitian, positive-definite matrices.

    Value: lower triangular `L` with `A = L L'`; A is taken to be symmetric. Adjoint:
    `inv(L') P(L' gL) inv(L)`, where P takes the lower triangle for both, and half of all (Murray 2016).

    Args:
        A: (..., N, N).
        upper: return the (conjugate) transpose of L instead.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

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
    if out is not None:
        return into(out, cholesky, A, upper)
    return cholesky_ex(A, upper=upper, check_errors=True)[0]


@single
def cholesky_ex(
    A: Tensor,
    *,
    upper: bool = False,
    check_errors: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """Cholesky factor, and whether there is one; see `cholesky`.

    Args:
        A: (..., N, N).
        upper: return the (conjugate) transpose of L instead.
        check_errors: raise instead.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

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
    if out is not None:
        return into(out, cholesky_ex, A, upper=upper, check_errors=check_errors)
    A = square(A, "cholesky")
    x = A.array
    result, info = kernels.cholesky(x)
    info = as_array(info)
    if check_errors:
        _check_definite(info)
    n = x.shape[-1]
    L = record(result, (_cholesky_vjp,), (A,), (OUT, mask(x, n), mask(x, n, k=-1)))
    return cholesky_pair(adjoint(L) if upper else L, wrap(info))


def _cholesky_vjp(g, y, below, strictly):
    y = conj(y)
    yt = adjoint(y)
    turned = np.matmul(yt, g)
    both = (np.where(below, turned, 0) + adjoint(np.where(strictly, turned, 0))) / 2
    half = kernels.solve_triangular(both, yt, True, False)
    return adjoint(kernels.solve_triangular(adjoint(half), yt, True, False))


def _check_definite(info: Any) -> None:
    failed = every_value(info)
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
def qr(A: Tensor, mode: str = "reduced", *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Decompose into an orthogonal, or unitary, and an upper triangular factor.

    Value: `A = Q R`, the diagonal of R real. Adjoint, for M >= N: `(gQ + Q S) inv(R')`, where S is the
    symmetric (Hermitian) matrix with the upper triangle of `gR R' - Q' gQ` (Walter and Lehmann 2010). For
    M < N the square part is decomposed and the rest of R is `Q'` times the rest of A.

    Args:
        A: (..., M, N).
        mode: `"reduced"` for Q (..., M, K) and R (..., K, N) with `K = min(M, N)`; `"complete"` for Q
            (..., M, M) and R (..., M, N); `"r"` for R alone, as in `"reduced"`, and an empty Q.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

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
    if out is not None:
        return into(out, qr, A, mode)
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
        weights = mask(x, n).swapaxes(-1, -2) - identity(x, n, x.dtype) / 2
        return qr_pair(*record((q, r), rule, (A,), (q, r, weights)))
    if A.node is None:
        q, r = lapack("qr", np.linalg.qr, x)
        return qr_pair(wrap(q), wrap(r))
    Q, R = qr(A[..., :m])
    return qr_pair(Q, cat([R, matmul(adjoint(Q), A[..., m:])], -1))


def _qr_vjp(g, q, r, weights):
    gq, gr = g
    q, r = conj(q), conj(r)
    s: Any = 0
    if gr is not None:
        s = np.matmul(gr, adjoint(r))
    if gq is not None:
        s = s - np.matmul(adjoint(q), gq)
    s = s * weights
    out = np.matmul(q, s + adjoint(s))
    if gq is not None:
        out = out + gq
    return (adjoint(kernels.solve_triangular(adjoint(out), r, True, False)),)


def _qr_vjp_complete(g, q, r, weights):
    raise GraphError(
        "qr: mode='complete' has no gradient for matrices with more rows than columns, since the last "
        "columns of Q are not unique; use mode='reduced'"
    )


@implements(np.linalg.qr)
def _numpy_qr(a: Any, mode: str = "reduced") -> Any:
    return qr(a)[1] if mode == "r" else qr(a, mode)


@single
def svd(A: Tensor, full_matrices: bool = True, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Singular value decomposition.

    Value: `A = U diag(S) Vh`, S descending. Adjoint, with `V = Vh'` and `F = 1 / (s_j**2 - s_i**2)`
    off the diagonal: `U (F * (U' gU - gU' U) diag(S) + diag(S) F * (V' gV - gV' V) + diag(gS)) V'`,
    and for tall and wide matrices `(I - U U') gU inv(diag(S)) V'` and
    `U inv(diag(S)) gV' (I - V V')` more (Townsend 2016); for complex matrices also
    `i U diag(Im(U' gU) / S) V'`.

    The gradient through U and Vh is infinite where singular values coincide, and depends on their
    signs, which are arbitrary, unless the result does not; complex vectors are arbitrary up to a phase,
    and a gradient that depends on it is refused. It ignores the columns that `full_matrices` adds. Through
    S alone there is no such restriction.

    Args:
        A: (..., M, N).
        full_matrices: U (..., M, M) and Vh (..., N, N), instead of (..., M, K) and (..., K, N) with
            `K = min(M, N)`.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(U, S, Vh)`.

    Raises:
        LinAlgError: if a matrix is not finite.
        GraphError: by `backward()`, if the gradient depends on the phases of complex vectors.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.svd(tg.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])

    References:
        J. Townsend, "Differentiating the singular value decomposition", 2016.
    """
    if out is not None:
        return into(out, svd, A, full_matrices)
    A = matrix(A, "svd")
    x = A.array
    u, s, vh = lapack("svd", np.linalg.svd, x, full_matrices)
    eye = identity(x, s.shape[-1])
    return svd_triple(*record((u, s, vh), _svd_vjp, (A,), (u, s, vh, eye)))


def _svd_vjp(g, u, s, vh, eye):
    gu, gs, gvh = g
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    u, vh = conj(u[..., :k]), conj(vh[..., :k, :])
    row, column = s[..., None, :], s[..., :, None]
    if gu is None and gvh is None:
        return (np.matmul(u * gs[..., None, :], vh),)
    gaps = np.where(eye, 1, (row - column) * (row + column))
    inner, rest = 0 if gs is None else np.where(eye, gs[..., None, :], 0), 0
    phases: Any = 0  # twice what turning each pair of vectors by a phase would change
    if gu is not None:
        gu = gu[..., :k]
        turn = np.matmul(adjoint(u), gu)
        skew = turn - adjoint(turn)
        inner = inner + np.where(eye, 0, skew / gaps) * row
        if u.dtype.kind == "c":
            phases = raw(np.where(eye, skew, 0))
            if gvh is not None:
                inner = inner + np.where(eye, skew / (2 * row), 0)
        if m > k:
            rest = np.matmul((gu - np.matmul(u, turn)) / row, vh)
    if gvh is not None:
        gvh = gvh[..., :k, :]
        turn = np.matmul(vh, adjoint(gvh))
        skew = turn - adjoint(turn)
        inner = inner + column * np.where(eye, 0, skew / gaps)
        if u.dtype.kind == "c":
            phases = phases + raw(np.where(eye, skew, 0))
        if n > k:
            rest = rest + np.matmul(u / row, gvh - np.matmul(adjoint(turn), vh))
    if u.dtype.kind == "c":
        check_gauge("svd", phases)
    return (np.matmul(u, np.matmul(inner, vh)) + rest,)


@single
def svdvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Singular values, descending; cheaper than `svd` and with a gradient where they coincide.

    Adjoint: `U diag(g) V'`.

    Args:
        A: (..., M, N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.svdvals(tg.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor([4., 3.])
    """
    if out is not None:
        return into(out, svdvals, A)
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
def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of Householder reflections, as `Q` is stored by LAPACK's `geqrf`.

    Value: the first N columns of `H_1 ... H_K`, `H_i = I - tau_i v_i v_i'`, where `v_i` is column i of
    A below the diagonal, with a one on the diagonal. Computed without a loop by the compact form
    `I - V inv(I + diag(tau) S) diag(tau) V'`, S being the upper triangle of `V' V` without the
    diagonal.

    Args:
        A: (..., M, N), M >= N.
        tau: (..., K), K <= N.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.householder_product(tg.tensor([[1.0], [1.0]]), tg.tensor([1.0]))
        tensor([[ 0.],
                [-1.]])

    References:
        R. Schreiber and C. Van Loan, "A storage-efficient WY representation for products of
        Householder transformations", SIAM J. Sci. Stat. Comput. 10, 1989.
    """
    if out is not None:
        return into(out, householder_product, A, tau)
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
    crossed = matmul(adjoint(V), V)
    above = wrap(~mask(x, k) * np.ones_like(x, shape=()))
    middle = crossed * above * factor + wrap(identity(x, k, x.dtype))
    T = solve(middle, wrap(identity(x, k, x.dtype)) * tau[..., None, :])
    eye = wrap(np.eye(m, n, dtype=x.dtype, like=x))
    return eye - matmul(matmul(V, T), adjoint(V[..., :n, :]))
