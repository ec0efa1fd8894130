"""Eigenvalues and eigenvectors.

In the formulas `A'` is the conjugate transpose of `A`, for real matrices the transpose, and `g` PyTorch's
gradient of a factor. The rules get and return its conjugate, and so take the conjugates of the factors.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..dtypes import complex64, complex128
from ..errors import ArgumentError
from ..kernels import conj
from ..record import record
from ..tensor import Tensor, raw, wrap
from .lapack import adjoint, check_gauge, identity, lapack, single, square
from .output import into
from .words import implements

__all__: list[str] = []
METHODS = __all__
INPLACE = __all__

# Named as PyTorch shows them.
eigh_pair: Any = namedtuple("eigh", ("eigenvalues", "eigenvectors"))  # type: ignore[name-match]
eig_pair: Any = namedtuple("eig", ("eigenvalues", "eigenvectors"))  # type: ignore[name-match]


@single
def eigh(A: Tensor, UPLO: str = "L", *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Eigenvalues and eigenvectors of symmetric, or Hermitian, matrices.

    Value: `A = V diag(w) V'`, w ascending. Adjoint: `V (diag(gw) + F * (V' gV - gV' V) / 2) V'` with
    `F = 1 / (w_j - w_i)` off the diagonal and 0 on it (Giles 2008, 3.1); it is symmetric itself.

    The gradient through V is infinite where eigenvalues coincide, and depends on the vectors' signs,
    which are arbitrary, unless the result does not; complex vectors are arbitrary up to a phase, and a
    gradient that depends on it is refused. Through the eigenvalues alone there is no such restriction.

    Args:
        A: (..., N, N); taken to be symmetric, of which one triangle is read.
        UPLO: `"L"` to read the lower triangle, `"U"` the upper.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(eigenvalues, eigenvectors)`, (..., N), real, and (..., N, N) with vectors as
        columns.

    Raises:
        ArgumentError: for another triangle.
        GraphError: by `backward()`, if the gradient depends on the phases of complex vectors.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigh(tg.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
        tensor([1., 3.])
    """
    if out is not None:
        return into(out, eigh, A, UPLO)
    A = square(A, "eigh")
    x = A.array
    w, v = lapack("eigh", np.linalg.eigh, x, _triangle("eigh", UPLO))
    eye = identity(x, x.shape[-1])
    return eigh_pair(*record((w, v), _eigh_vjp, (A,), (w, v, eye)))


def _eigh_vjp(g, w, v, eye):
    gw, gv = g
    v = conj(v)
    vt = adjoint(v)
    if gv is None:
        return (np.matmul(v * gw[..., None, :], vt),)
    gaps = np.where(eye, 1, w[..., None, :] - w[..., :, None])
    turned = np.matmul(vt, gv)
    turned = (turned - adjoint(turned)) / 2
    if v.dtype.kind == "c":
        check_gauge("eigh", np.where(eye, raw(turned), 0))
    diagonal = 0 if gw is None else gw[..., None, :]
    return (np.matmul(v, np.matmul(np.where(eye, diagonal, turned / gaps), vt)),)


def _triangle(op: str, UPLO: Any) -> str:
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{op}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return str(UPLO).upper()


@single
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """Eigenvalues of symmetric, or Hermitian, matrices, ascending and real.

    Adjoint: `V diag(g) V'`, also where eigenvalues coincide.

    Args:
        A: (..., N, N); taken to be symmetric, of which one triangle is read.
        UPLO: `"L"` to read the lower triangle, `"U"` the upper.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigvalsh(tg.tensor([[2.0, 1.0], [1.0, 2.0]]))
        tensor([1., 3.])
    """
    if out is not None:
        return into(out, eigvalsh, A, UPLO)
    A = square(A, "eigvalsh")
    if A.node is not None:
        return eigh(A, UPLO)[0]
    UPLO = _triangle("eigvalsh", UPLO)
    return wrap(lapack("eigvalsh", np.linalg.eigvalsh, A.array, UPLO))


implements(np.linalg.eigh)(eigh)
implements(np.linalg.eigvalsh)(eigvalsh)


@single
def eig(A: Tensor, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Eigenvalues and eigenvectors of square matrices; complex, whatever the matrices.

    Value: `A V = V diag(w)`, every column of V of length 1. Adjoint, with `T = V' gV` and
    `F = 1 / (w_j - w_i)` off the diagonal and 0 on it:
    `inv(V') (diag(gw) + conj(F) * (T - V' V diag(Re(T)))) V'` (Boeddeker et al. 2017).

    The gradient is infinite where eigenvalues coincide. That through V exists where it does not depend
    on the vectors' phases, which are arbitrary, and is refused otherwise. For symmetric matrices `eigh` is
    better.

    Args:
        A: (..., N, N).
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(eigenvalues, eigenvectors)`, complex, in no particular order.

    Raises:
        GraphError: by `backward()`, if the gradient depends on the phases of the vectors.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eig(tg.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.shape
        (2,)

    References:
        C. Boeddeker, P. Hanebrink, L. Drude, J. Heymann, R. Haeb-Umbach, "On the computation of
        complex-valued gradients with application to statistically optimum beamforming",
        arXiv:1701.00392, 2017.
    """
    if out is not None:
        return into(out, eig, A)
    A = square(A, "eig")
    x = A.array
    w, v = map(_as_complex, lapack("eig", np.linalg.eig, x))
    return eig_pair(*record((w, v), _eig_vjp, (A,), (w, v, identity(x, x.shape[-1]))))


def _eig_vjp(g, w, v, eye):
    gw, gv = g
    v = np.conjugate(v)
    vt = adjoint(v)
    if gv is None:
        inner = gw[..., None] * vt
    else:
        turned = np.matmul(vt, gv)
        check_gauge("eig", np.where(eye, raw(turned), 0).imag)
        grown = np.add.reduce(np.where(eye, (turned + np.conjugate(turned)) / 2, 0), axis=-2)
        turned = turned - np.matmul(vt, v) * grown[..., None, :]
        gaps = np.where(eye, 1, w[..., None, :] - w[..., :, None])
        diagonal = 0 if gw is None else gw[..., None, :]
        inner = np.matmul(np.where(eye, diagonal, turned / gaps), vt)
    return (np.linalg.solve(vt, inner),)


@single
def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Eigenvalues of square matrices; complex, whatever the matrices.

    Adjoint: `inv(V') diag(g) V'`, V being the eigenvectors; it exists where V has an inverse.

    Args:
        A: (..., N, N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.eigvals(tg.tensor([[2.0, 1.0], [0.0, 2.0]])).dtype
        dtype('complex64')
    """
    if out is not None:
        return into(out, eigvals, A)
    A = square(A, "eigvals")
    if A.node is not None:
        return eig(A)[0]
    return wrap(_as_complex(lapack("eigvals", np.linalg.eigvals, A.array)))


def _as_complex(x: Any) -> Any:
    # NumPy answers real arrays where no imaginary part is needed
    return (
        x.astype(complex64 if x.dtype.itemsize == 4 else complex128) if x.dtype.kind == "f" else x
    )


implements(np.linalg.eig)(eig)
implements(np.linalg.eigvals)(eigvals)
