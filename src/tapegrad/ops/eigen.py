"""Eigenvalues and eigenvectors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..dtypes import complex64, complex128
from ..errors import ArgumentError
from ..record import record
from ..tensor import Tensor, wrap
from .lapack import identity, lapack, single, square
from .words import implements

__all__: list[str] = []
METHODS = __all__
INPLACE = __all__

# Named as PyTorch shows them.
eigh_pair: Any = namedtuple("eigh", ("eigenvalues", "eigenvectors"))  # type: ignore[name-match]
eig_pair: Any = namedtuple("eig", ("eigenvalues", "eigenvectors"))  # type: ignore[name-match]


@single
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of symmetric matrices.

    Value: `A = V diag(w) V'`, w ascending. Adjoint: `V (diag(gw) + F * (V' gV)) V'` with
    `F = 1 / (w_j - w_i)` off the diagonal and 0 on it (Giles 2008, 3.1).

    The gradient through V is infinite where eigenvalues coincide, and depends on the vectors' signs,
    which are arbitrary, unless the result does not. Through the eigenvalues alone there is no such
    restriction.

    Args:
        A: (..., N, N); taken to be symmetric, of which one triangle is read.
        UPLO: `"L"` to read the lower triangle, `"U"` the upper.

    Returns:
        Named tuple `(eigenvalues, eigenvectors)`, (..., N) and (..., N, N) with vectors as columns.

    Raises:
        ArgumentError: for another triangle.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigh(tg.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
        tensor([1., 3.])
    """
    A = square(A, "eigh")
    x = A.array
    w, v = lapack("eigh", np.linalg.eigh, x, _triangle("eigh", UPLO))
    eye = identity(x, x.shape[-1])
    return eigh_pair(*record((w, v), _eigh_vjp, (A,), (w, v, eye)))


def _eigh_vjp(g, w, v, eye):
    gw, gv = g
    vt = v.swapaxes(-1, -2)
    if gv is None:
        return (np.matmul(v * gw[..., None, :], vt),)
    gaps = np.where(eye, 1, w[..., None, :] - w[..., :, None])
    diagonal = 0 if gw is None else gw[..., None, :]
    return (np.matmul(v, np.matmul(np.where(eye, diagonal, np.matmul(vt, gv) / gaps), vt)),)


def _triangle(op: str, UPLO: Any) -> str:
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{op}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return str(UPLO).upper()


@single
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric matrices, ascending, with a gradient where they coincide.

    Adjoint: `V diag(g) V'`.

    Args:
        A: (..., N, N); taken to be symmetric, of which one triangle is read.
        UPLO: `"L"` to read the lower triangle, `"U"` the upper.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigvalsh(tg.tensor([[2.0, 1.0], [1.0, 2.0]]))
        tensor([1., 3.])
    """
    A = square(A, "eigvalsh")
    if A.node is not None:
        return eigh(A, UPLO)[0]
    UPLO = _triangle("eigvalsh", UPLO)
    return wrap(lapack("eigvalsh", np.linalg.eigvalsh, A.array, UPLO))


implements(np.linalg.eigh)(eigh)
implements(np.linalg.eigvalsh)(eigvalsh)


@single
def eig(A: Tensor) -> Any:
    """Eigenvalues and eigenvectors of square matrices, complex and **without gradient**.

    Complex results are not recorded yet: what is computed from them carries no gradient. For
    symmetric matrices use `eigh`, which is differentiable.

    Args:
        A: (..., N, N).

    Returns:
        Named tuple `(eigenvalues, eigenvectors)`, complex, in no particular order.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eig(tg.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.shape
        (2,)
    """
    A = square(A, "eig")
    w, v = lapack("eig", np.linalg.eig, A.array)
    return eig_pair(wrap(_as_complex(w)), wrap(_as_complex(v)))


@single
def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues of square matrices, complex and **without gradient**; see `eig`.

    Args:
        A: (..., N, N).

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigvals(tg.tensor([[2.0, 1.0], [0.0, 2.0]])).dtype
        dtype('complex64')
    """
    A = square(A, "eigvals")
    return wrap(_as_complex(lapack("eigvals", np.linalg.eigvals, A.array)))


def _as_complex(x: Any) -> Any:
    # NumPy answers real arrays where no imaginary part is needed
    return (
        x.astype(complex64 if x.dtype.itemsize == 4 else complex128) if x.dtype.kind == "f" else x
    )


implements(np.linalg.eig)(eig)
implements(np.linalg.eigvals)(eigvals)
