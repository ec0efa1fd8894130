"""Inverses, solutions and factors that tell of a singular matrix instead of raising."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..errors import LinAlgError
from ..tensor import Tensor, wrap
from .choose import where
from .lapack import single, square
from .lu import _factored
from .output import into
from .shape import reshape
from .solve import inv, is_vectors, solve

__all__: list[str] = []  # PyTorch has them in linalg only

inv_pair: Any = namedtuple("inv_ex", ("inverse", "info"))  # type: ignore[name-match]
solve_pair: Any = namedtuple("solve_ex", ("result", "info"))  # type: ignore[name-match]
lu_triple: Any = namedtuple("lu_factor_ex", ("LU", "pivots", "info"))  # type: ignore[name-match]


def _first_zero(lu: Any) -> Any:
    """The order of the first zero on the diagonal, from 1; 0 if there is none."""
    zero = np.diagonal(lu, 0, -2, -1) == 0
    if not zero.shape[-1]:
        return np.zeros_like(lu, shape=lu.shape[:-2], dtype=np.int32)
    return np.where(zero.any(-1), np.argmax(zero, -1) + 1, 0).astype(np.int32)


@single
def lu_factor_ex(
    A: Tensor,
    *,
    pivot: bool = True,
    check_errors: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """LU factorisation, and whether it can be solved with; see `lu_factor`.

    Args:
        A: (..., M, N).
        pivot: exchange rows for stability.
        check_errors: raise instead.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(LU, pivots, info)`. `info` (int32) is 0, or the number, from 1, of the first zero on
        the diagonal of U.

    Raises:
        LinAlgError: with `check_errors`, if there is a zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.lu_factor_ex(tg.tensor([[1.0, 0.0], [1.0, 0.0]])).info
        tensor(2, dtype=tapegrad.int32)
    """
    if out is not None:
        return into(out, lu_factor_ex, A, pivot=pivot, check_errors=check_errors)
    LU, pivots, _ = _factored("lu_factor_ex", A, pivot)
    info = wrap(_first_zero(LU.array)[...])
    _check("lu_factor_ex", info, check_errors)
    return lu_triple(LU, wrap(pivots), info)


def _check(op: str, info: Tensor, wanted: bool) -> None:
    if wanted and bool((info != 0).any()):
        raise LinAlgError(
            f"{op}: a matrix is singular: U has a zero on its diagonal at {info.tolist()}, counted from 1"
        )


def inv_ex(A: Tensor, *, check_errors: bool = False, out: tuple[Tensor, ...] | None = None) -> Any:
    """Inverse, and whether there is one; see `inv`.

    Args:
        A: (..., N, N).
        check_errors: raise instead.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(inverse, info)`. `info` (int32) is 0, or the number, from 1, of the first zero on the
        diagonal of the factor U; the inverse is NaN there.

    Raises:
        LinAlgError: with `check_errors`, if a matrix is singular.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.inv_ex(tg.tensor([[1.0, 0.0], [0.0, 0.0]])).info
        tensor(2, dtype=tapegrad.int32)
    """
    if out is not None:
        return into(out, inv_ex, A, check_errors=check_errors)
    A = square(A, "inv_ex")
    try:
        return inv_pair(inv(A), _no_zeros(A))
    except LinAlgError:
        if check_errors:
            raise
    regular, singular, info = _regular(A)
    return inv_pair(where(singular, np.nan, inv(regular)), info)


def solve_ex(
    A: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    check_errors: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """Solution of linear systems, and whether there is one; see `solve`.

    Args:
        A: (..., N, N).
        B: (..., N, K); or vectors: (N,), or (..., N).
        left: False for `X A = B`.
        check_errors: raise instead.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(result, info)`. `info` (int32) is 0, or the number, from 1, of the first zero on the
        diagonal of the factor U; the result is NaN there.

    Raises:
        LinAlgError: with `check_errors`, if a matrix is singular.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.solve_ex(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 2.0])).result
        tensor([1.0000, 0.5000])
    """
    if out is not None:
        return into(out, solve_ex, A, B, left=left, check_errors=check_errors)
    A = square(A, "solve_ex")
    try:
        return solve_pair(solve(A, B, left=left), _no_zeros(A))
    except LinAlgError:
        if check_errors:
            raise
    regular, singular, info = _regular(A)
    if is_vectors(A, B):
        singular = reshape(singular, singular.shape[:-1])
    return solve_pair(where(singular, np.nan, solve(regular, B, left=left)), info)


def _no_zeros(A: Tensor) -> Tensor:
    return wrap(np.zeros_like(A.array, shape=A.shape[:-2], dtype=np.int32))


def _regular(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The matrices with the identity for singular ones; which those are, (..., 1, 1); and `info`."""
    info = lu_factor_ex(A.detach()).info
    singular = reshape(info != 0, (*info.shape, 1, 1))
    identity = wrap(np.eye(A.shape[-1], dtype=A.dtype, like=A.array))
    return where(singular, identity, A), singular, info
