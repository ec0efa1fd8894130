"""PyTorch's former functions, beside those of the same names in `linalg`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from . import decompose
from . import lu as factors
from .lapack import matrix, transposed
from .output import into

__all__ = ["lu_solve", "qr", "svd"]
METHODS = __all__
INPLACE: list[str] = []

# Named as PyTorch shows it.
svd_triple: Any = namedtuple("svd", ("U", "S", "V"))  # type: ignore[name-match]


def qr(input: Tensor, some: bool = True, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Decompose into an orthogonal and an upper triangular factor; see `linalg.qr`.

    Args:
        input: (..., M, N).
        some: False for the complete Q (..., M, M).
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(Q, R)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.qr(tg.tensor([[2.0], [0.0]])).R.abs()
        tensor([[2.]])
    """
    if out is not None:
        return into(out, qr, input, some)
    return decompose.qr(matrix(input, "qr", "input"), "reduced" if some else "complete")


def svd(
    input: Tensor,
    some: bool = True,
    compute_uv: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> Any:
    """Singular value decomposition `U diag(S) V'`; `linalg.svd` returns the transpose of V.

    Args:
        input: (..., M, N).
        some: False for complete U (..., M, M) and V (..., N, N).
        compute_uv: False for zeros in the place of U and V.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(U, S, V)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.svd(tg.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    if out is not None:
        return into(out, svd, input, some, compute_uv)
    input = matrix(input, "svd", "input")
    if not compute_uv:
        x = input.array
        lead, (m, n) = x.shape[:-2], x.shape[-2:]
        u, v = (wrap(np.zeros_like(x, shape=(*lead, k, k))) for k in (m, n))
        return svd_triple(u, decompose.svdvals(input), v)
    U, S, Vh = decompose.svd(input, not some)
    return svd_triple(U, S, transposed(Vh))


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Solve `A X = b` by the factors that `linalg.lu_factor` returned.

    Args:
        b: (..., N, K).
        LU_data, LU_pivots: the factors, (..., N, N) and (..., N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> factors = tg.linalg.lu_factor(tg.tensor([[2.0]]))
        >>> tg.lu_solve(tg.tensor([[4.0]]), *factors)
        tensor([[2.]])
    """
    if out is not None:
        return into(out, lu_solve, b, LU_data, LU_pivots)
    return factors.lu_solve(LU_data, LU_pivots, b)
