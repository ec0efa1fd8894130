"""Pseudo-inverses, least squares and rank.

In the formulas `A'` is the conjugate transpose of `A`, for real matrices the transpose, and `g` PyTorch's
gradient of the result. The rule gets and returns its conjugate, and so takes the conjugates of matrices.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..device import as_array
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..kernels import conj
from ..record import OUT, record
from ..tensor import Tensor, raw, wrap
from .arithmetic import mul, sub
from .arithmetic import square as squared
from .cast import not_complex
from .complex_numbers import real
from .lapack import adjoint, batched, floats, lapack, matrix, same_kind, single, square
from .linalg import matmul
from .output import into
from .reduce import sum
from .shape import reshape
from .solve import is_vectors
from .words import implements

__all__: list[str] = ["pinverse"]
METHODS = __all__
INPLACE: list[str] = []

# Named as PyTorch shows it.
lstsq_result: Any = namedtuple(  # type: ignore[name-match]
    "lstsq", ("solution", "residuals", "rank", "singular_values")
)


def _cutoff(largest: Any, shape: Any, dtype: Any, atol: Any, rtol: Any) -> Any:
    """Below this a singular value counts as zero."""
    if rtol is None:
        given = atol is not None and (isinstance(atol, Tensor) or atol > 0)
        rtol = 0.0 if given else max(shape[-2:]) * float(np.finfo(dtype).eps)
    return np.maximum(raw(rtol) * largest, 0.0 if atol is None else raw(atol))


def _symmetric(op: str, A: Tensor, hermitian: bool) -> Tensor:
    return square(A, op) if hermitian else matrix(A, op)


@single
def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Moore-Penrose pseudo-inverse, by singular values.

    Value: `Y = V diag(1 / s) U'` over the singular values above the tolerance. Adjoint:
    `-Y' g Y' + (I - A Y) g' Y Y' + Y' Y g' (I - Y A)` (Golub and Pereyra 1973), right where the rank
    does not change.

    Args:
        A: (..., M, N).
        rcond: the same as `rtol`.
        hermitian: whether A is symmetric, or Hermitian, which is cheaper.
        atol, rtol: singular values up to `max(atol, rtol * largest)` count as zero. By default rtol is
            `max(M, N) * eps`, or 0 if a positive `atol` is given.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (..., N, M).

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.pinv(tg.tensor([[2.0, 0.0], [0.0, 0.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])

    References:
        G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
        problems whose variables separate", SIAM J. Numer. Anal. 10, 1973.
    """
    if out is not None:
        return into(out, pinv, A, rcond, hermitian, atol=atol, rtol=rtol)
    A = _symmetric("pinv", A, hermitian)
    x = A.array
    rtol = rcond if rtol is None else rtol
    not_complex("pinv", atol, rtol)
    if x.size == 0:
        return _pinv(np.zeros_like(x.swapaxes(-1, -2)), A)
    result, _, _ = _inverted("pinv", x, hermitian, atol, rtol)
    return _pinv(result, A)


def _pinv(out: Any, A: Tensor) -> Tensor:
    return record(out, (_pinv_vjp,), (A,), (A.array, OUT))


def _inverted(op: str, x: Any, hermitian: bool, atol: Any, rtol: Any) -> tuple[Any, Any, Any]:
    if hermitian:
        s, u = lapack(op, np.linalg.eigh, x)
        vh = adjoint(u)
    else:
        u, s, vh = lapack(op, np.linalg.svd, x, False)
    size = np.abs(s)
    cutoff = _cutoff(np.max(size, axis=-1), x.shape, x.dtype, atol, rtol)
    kept = size > cutoff[..., None]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(x.dtype)
    out = np.matmul(adjoint(vh) * inverse[..., None, :], adjoint(u))
    return out, s, as_array(np.add.reduce(kept, axis=-1, dtype=int64))


def _pinv_vjp(g, x, y):
    x, y = conj(x), conj(y)
    yt, gt = adjoint(y), adjoint(g)
    left = np.matmul(np.matmul(gt, y), yt)
    right = np.matmul(yt, np.matmul(y, gt))
    return (
        left
        - np.matmul(x, np.matmul(y, left))
        + right
        - np.matmul(np.matmul(right, y), x)
        - np.matmul(yt, np.matmul(g, yt))
    )


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Moore-Penrose pseudo-inverse; the former name of `linalg.pinv`, with its former tolerance.

    Args:
        input: (..., M, N).
        rcond: singular values up to `rcond * largest` count as zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.pinverse(tg.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    return pinv(matrix(input, "pinverse", "input"), rtol=rcond)


@implements(np.linalg.pinv)
def _numpy_pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    rtol = 1e-15 if rcond is None and rtol is None else rcond if rtol is None else rtol
    return pinv(a, hermitian=hermitian, rtol=rtol)


@single
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """Least squares: X with the smallest `|A X - B|`, of those the smallest X.

    Value: `pinv(A) B`, by singular values whatever the driver. Adjoint: that of the product and of
    `pinv`, where the rank does not change.

    Args:
        A: (..., M, N).
        B: (..., M, K), or vectors: (M,), or (..., M) with exactly the leading dimensions of A.
        rcond: singular values up to `rcond * largest` count as zero; by default `max(M, N) * eps`.
        driver: PyTorch's choice of LAPACK routine: `"gelsy"` (the default), `"gels"`, `"gelsd"` or
            `"gelss"`; here it decides only what is returned beside the solution.

    Returns:
        Named tuple `(solution, residuals, rank, singular_values)`. `residuals` are the sums of squares
        of `A X - B` over the rows, empty unless M > N, every matrix has full rank and the driver is
        not gelsy; `rank` is empty for gels; `singular_values` for gels and gelsy.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> A = tg.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> tg.linalg.lstsq(A, tg.tensor([[1.0], [3.0], [5.0]])).solution.round()
        tensor([[1.],
                [2.]])
    """
    A, B = matrix(A, "lstsq"), floats(B, "lstsq", "B")
    same_kind("lstsq", A, B)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentError(
            f"lstsq: driver must be 'gels', 'gelsy', 'gelsd' or 'gelss', got {driver!r}"
        )
    vectors = is_vectors(A, B)
    if vectors:
        B = reshape(B, (*B.shape, 1))
    m, n = A.array.shape[-2:]
    if B.array.ndim < 2 or B.array.shape[-2] != m:
        raise ShapeError(f"lstsq: A {A.shape} and B {B.shape} do not fit: B must have {m} rows")
    A, B = batched("lstsq", A, B)
    x = A.array
    if x.size:
        out, s, rank = _inverted("lstsq", x, False, None, rcond)
    else:
        out = np.zeros_like(x.swapaxes(-1, -2))
        s = np.zeros_like(x.real, shape=(*x.shape[:-2], min(m, n)))
        rank = np.zeros_like(x, shape=x.shape[:-2], dtype=int64)
    solution = matmul(_pinv(out, A), B)
    empty = np.zeros_like(x.real, shape=(0,))
    residuals = wrap(empty)
    if m > n and driver not in (None, "gelsy") and _full(rank, n):
        error = sub(matmul(A, solution), B)
        unreal = error.dtype.kind == "c"
        residuals = sum(real(mul(error, conj(error))) if unreal else squared(error), -2)
    if vectors:
        solution = reshape(solution, solution.shape[:-1])
    return lstsq_result(
        solution,
        residuals,
        wrap(rank if driver != "gels" else np.zeros_like(rank, shape=(0,))),
        wrap(s if driver in ("gelsd", "gelss") else empty.copy()),
    )


def _full(rank: Any, n: int) -> bool:
    return bool(wrap(as_array(np.all(rank == n))))


@implements(np.linalg.lstsq)
def _numpy_lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    found = lstsq(a, b, rcond, driver="gelsd")
    return found.solution, found.residuals, found.rank, found.singular_values


@single
def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Number of singular values above a tolerance; without gradient.

    Args:
        A: (..., M, N).
        tol: the same as `atol`, and rtol is 0.
        hermitian: whether A is symmetric, which is cheaper.
        atol, rtol: singular values up to `max(atol, rtol * largest)` count as zero; see `pinv`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        int64, (...).

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.matrix_rank(tg.ones(2, 3))
        tensor(1)
    """
    if out is not None:
        return into(out, matrix_rank, A, tol, hermitian, atol=atol, rtol=rtol)
    x = _symmetric("matrix_rank", A, hermitian).array
    if tol is not None:
        atol, rtol = tol, 0.0
    not_complex("matrix_rank", atol, rtol)
    if x.size == 0:
        return wrap(np.zeros_like(x, shape=x.shape[:-2], dtype=int64))
    if hermitian:
        s = np.abs(lapack("matrix_rank", np.linalg.eigvalsh, x))
    else:
        s = lapack("matrix_rank", np.linalg.svd, x, compute_uv=False)
    cutoff = _cutoff(np.max(s, axis=-1), x.shape, x.dtype, atol, rtol)
    above = s > cutoff[..., None]
    return wrap(as_array(np.add.reduce(above, axis=-1, dtype=int64)))


@implements(np.linalg.matrix_rank)
def _numpy_matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Tensor:
    return matrix_rank(A, tol, hermitian, rtol=rtol)
