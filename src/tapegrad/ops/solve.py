"""Inverses and linear systems.

In the formulas `A'` is the transpose of `A`, and `g` the gradient of the result.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from ..errors import ArgumentError, ShapeError
from ..record import OUT, record, record1
from ..tensor import Tensor, wrap
from .lapack import (
    adjoint,
    batched,
    floats,
    identity,
    lapack,
    mask,
    matrix,
    same_kind,
    single,
    square,
    transposed,
)
from .output import into
from .shape import normal_dims, permute, reshape
from .words import implements

__all__ = ["cholesky_inverse", "cholesky_solve", "inverse"]
METHODS = __all__
INPLACE: list[str] = []


@implements(np.linalg.inv)
@single
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Invert square matrices; where a product with the inverse is wanted, `solve` is better.

    Value: `Y = inv(A)`. Adjoint: `-Y' g Y'` (Giles 2008, 2.2.3).

    Args:
        A: (..., N, N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        LinAlgError: if a matrix is singular.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])

    References:
        M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
        differentiation", 2008.
    """
    if out is not None:
        return into(out, inv, A)
    A = square(A, "inv")
    return record1(lapack("inv", np.linalg.inv, A.array), _inv_vjp, A, OUT)


def _inv_vjp(g, y):
    yt = y.swapaxes(-1, -2)
    return -np.matmul(yt, np.matmul(g, yt))


inverse = inv


def is_vectors(A: Tensor, B: Tensor) -> bool:
    """Whether B holds right-hand sides that are vectors, in PyTorch's reading of the shapes."""
    a, b = A.array.shape, B.array.shape
    return len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])


@single
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """Solve the linear systems `A X = B`, or `X A = B`.

    Adjoint, for `A X = B`: `G = inv(A') g` for `B`, `-G X'` for `A` (Giles 2008, 2.3.1).

    Args:
        A: (..., N, N).
        B: (..., N, K); or vectors: (N,), or (..., N) with exactly the leading dimensions of A.
        left: False for `X A = B`, with B (..., K, N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        X, in the shape of B after broadcasting the leading dimensions.

    Raises:
        LinAlgError: if a matrix is singular.
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, solve, A, B, left=left)
    A, B = square(A, "solve"), floats(B, "solve", "B")
    same_kind("solve", A, B)
    b = B.array.shape
    if is_vectors(A, B):
        X = solve(A, reshape(B, (*b, 1) if left else (*b[:-1], 1, b[-1])), left=left)
        return reshape(X, X.shape[:-1] if left else (*X.shape[:-2], X.shape[-1]))
    fit("solve", A, matrix(B, "solve", "B"), left)
    if not left:
        return transposed(solve(transposed(A), transposed(B)))
    A, B = batched("solve", A, B)
    result = lapack("solve", np.linalg.solve, A.array, B.array)
    return record(result, _solve_vjp, (A, B), (A.array, OUT))


def _solve_vjp(g, a, x):
    gb = np.linalg.solve(a.swapaxes(-1, -2), g)
    return -np.matmul(gb, x.swapaxes(-1, -2)), gb


def fit(op: str, A: Tensor, B: Tensor, left: bool = True) -> None:
    """Refuse right-hand sides with another number of equations."""
    n, side = A.array.shape[-1 if left else -2], -2 if left else -1
    if B.array.shape[side] != n:
        raise ShapeError(
            f"{op}: A {A.shape} and B {B.shape} do not fit {'A X = B' if left else 'X A = B'}: "
            f"B must have {n} {'rows' if left else 'columns'}, got {B.array.shape[side]}"
        )


@implements(np.linalg.solve)
def _numpy_solve(a: Any, b: Any) -> Tensor:
    return solve(a, b)


@single
def solve_triangular(
    A: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Solve `A X = B`, or `X A = B`, for triangular A by substitution; the other triangle is not read.

    Adjoint, for `A X = B`: `G = inv(A') g` for `B`, the triangle of `-G X'` for `A`.

    Args:
        A: (..., N, N).
        B: (..., N, K), or (..., K, N) if not `left`.
        upper: whether A is upper triangular.
        left: False for `X A = B`.
        unitriangular: take the diagonal of A as ones, without reading it.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        LinAlgError: if the diagonal of A has a zero, where PyTorch returns infinities.
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> A = tg.tensor([[2.0, 0.0], [1.0, 4.0]])
        >>> tg.linalg.solve_triangular(A, tg.tensor([[2.0], [9.0]]), upper=False)
        tensor([[1.],
                [2.]])
    """
    if out is not None:
        return into(
            out, solve_triangular, A, B, upper=upper, left=left, unitriangular=unitriangular
        )
    A, B = square(A, "solve_triangular"), matrix(B, "solve_triangular", "B")
    same_kind("solve_triangular", A, B)
    fit("solve_triangular", A, B, left)
    if not left:
        X = solve_triangular(
            transposed(A), transposed(B), upper=not upper, unitriangular=unitriangular
        )
        return transposed(X)
    A, B = batched("solve_triangular", A, B)
    a, b = A.array, B.array
    kept = mask(a, a.shape[-1], k=-1 if unitriangular else 0)
    kept = kept.swapaxes(-1, -2) if upper else kept
    result = lapack(
        "solve_triangular",
        lambda t: kernels.solve_triangular(b, t, upper, unitriangular),
        np.where(kept, a, 0),
    )
    saved = (a, OUT, kept, upper, unitriangular)
    return record(result, _solve_triangular_vjp, (A, B), saved)


def _solve_triangular_vjp(g, a, x, kept, upper, unit):
    gb = kernels.solve_triangular(g, a.swapaxes(-1, -2), not upper, unit)
    return np.where(kept, -np.matmul(gb, x.swapaxes(-1, -2)), 0), gb


def _recorded_solve_triangular(b: Tensor, a: Any, upper: bool, unit: bool) -> Tensor:
    return solve_triangular(a, b, upper=upper, unitriangular=unit)


kernels.solve_triangular.register(Tensor)(_recorded_solve_triangular)


def cholesky_solve(
    input: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Solve `A X = input` for a positive-definite A given by its Cholesky factor.

    Args:
        input: (..., N, K).
        L: the factor (..., N, N): `A = L L*`, or `A = L* L` if `upper`, `*` being the conjugate
            transpose.
        upper: whether the factor is upper triangular.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cholesky_solve(tg.tensor([[4.0]]), tg.tensor([[2.0]]))
        tensor([[1.]])
    """
    if out is not None:
        return into(out, cholesky_solve, input, L, upper)
    B, L = matrix(input, "cholesky_solve", "input"), square(L, "cholesky_solve", "L")
    same_kind("cholesky_solve", L, B)
    fit("cholesky_solve", L, B)
    first, second = (adjoint(L), L) if upper else (L, adjoint(L))
    half = solve_triangular(first, B, upper=False)
    return solve_triangular(second, half, upper=True)


def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Invert a positive-definite matrix given by its Cholesky factor.

    Args:
        L: the factor (..., N, N): `A = L L*`, or `A = L* L` if `upper`, `*` being the conjugate
            transpose.
        upper: whether the factor is upper triangular.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cholesky_inverse(tg.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    if out is not None:
        return into(out, cholesky_inverse, L, upper)
    L = square(L, "cholesky_inverse", "L")
    x = L.array
    return cholesky_solve(wrap(identity(x, x.shape[-1], x.dtype)), L, upper)


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Invert a tensor as a matrix from its last dimensions to its first.

    Args:
        A: the product of the first `ind` sizes equals that of the others.
        ind: how many dimensions count as rows.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Tensor of shape `A.shape[ind:] + A.shape[:ind]`.

    Raises:
        LinAlgError: if the matrix is singular.
        ShapeError: if it is not square.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.tensorinv(tg.tensor([[2.0]]), ind=1)
        tensor([[0.5000]])
    """
    if out is not None:
        return into(out, tensorinv, A, ind)
    A = floats(A, "tensorinv")
    if isinstance(ind, bool) or not isinstance(ind, int) or ind < 1:
        raise ArgumentError(f"tensorinv: ind must be a positive int, got {ind!r}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise ShapeError(
            f"tensorinv: the first {ind} sizes of {A.shape} and the others must have one product, got "
            f"{math.prod(rows)} and {math.prod(columns)}"
        )
    n = math.prod(rows)
    return reshape(inv(reshape(A, (n, n))), columns + rows)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Solve `tensordot(A, X, X.ndim) = B` for X.

    Args:
        A: of shape `B.shape + X.shape`, both with the same number of elements.
        B: the right-hand side.
        dims: dimensions of A to move to its end first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        LinAlgError: if A as a matrix is singular.
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.tensorsolve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 4.0]))
        tensor([1., 1.])
    """
    if out is not None:
        return into(out, tensorsolve, A, B, dims)
    A, B = floats(A, "tensorsolve"), floats(B, "tensorsolve", "B")
    same_kind("tensorsolve", A, B)
    if dims is not None:
        last = normal_dims("tensorsolve", dims, A.ndim)
        A = permute(A, (*(d for d in range(A.ndim) if d not in last), *last))
    rows, columns = A.shape[: B.ndim], A.shape[B.ndim :]
    n = math.prod(columns)
    if math.prod(rows) != n or B.array.size != n:
        raise ShapeError(
            f"tensorsolve: A {A.shape} and B {B.shape} do not fit: the first {B.ndim} sizes of A, the "
            f"others, and those of B must have one product, got {math.prod(rows)}, {n} and "
            f"{B.array.size}"
        )
    return reshape(solve(reshape(A, (n, n)), reshape(B, (n,))), columns)


@implements(np.linalg.tensorinv)
def _numpy_tensorinv(a: Any, ind: int = 2) -> Tensor:
    return tensorinv(a, ind)


@implements(np.linalg.tensorsolve)
def _numpy_tensorsolve(a: Any, b: Any, axes: Any = None) -> Tensor:
    return tensorsolve(a, b, axes)
