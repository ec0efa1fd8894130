"""Determinants and their logarithms."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..device import as_array
from ..record import record, record1
from ..tensor import Tensor
from .arithmetic import add
from .choose import where
from .elementwise import log
from .lapack import lapack, single, square
from .output import into
from .words import implements

__all__ = ["det", "logdet", "slogdet"]
METHODS = __all__
INPLACE: list[str] = []

# Named as PyTorch shows it.
slogdet_pair: Any = namedtuple("slogdet", ("sign", "logabsdet"))  # type: ignore[name-match]


@implements(np.linalg.det)
@single
def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Determinant of square matrices.

    Adjoint: `g * C`, C being the matrix of cofactors, which is `det(A) inv(A)'` for an invertible A
    (Giles 2008, 2.2.4) and exists for a singular one.

    Args:
        A: (..., N, N).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.det(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
    if out is not None:
        return into(out, det, A)
    A = square(A, "det")
    return record1(np.linalg.det(A.array), _det_vjp, A, (A.array,))


def _det_vjp(g, x):
    return g[..., None, None] * kernels.cofactors(x)


def _recorded_cofactors(input: Tensor) -> Tensor:
    x = input.array
    return record1(kernels.cofactors(x), _cofactors_vjp, input, (x,))


kernels.cofactors.register(Tensor)(_recorded_cofactors)


def _cofactors_vjp(g, x):
    y = np.linalg.inv(x).swapaxes(-1, -2)
    total = np.add.reduce(g * y, axis=(-2, -1), keepdims=True)
    return np.linalg.det(x)[..., None, None] * (
        total * y - np.matmul(y, np.matmul(g.swapaxes(-1, -2), y))
    )


@implements(np.linalg.slogdet)
@single
def slogdet(A: Tensor, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Sign and logarithm of the absolute value of the determinant; both are safe from overflow.

    Adjoint: `g * inv(A)'` for the logarithm; a real sign is constant, a complex one has
    `i Im(g * sign) * inv(A)'`.

    Args:
        A: (..., N, N).
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        Named tuple `(sign, logabsdet)`; 0 and minus infinity for a singular matrix. The sign of a complex
        determinant is a complex number of absolute value 1.

    Raises:
        LinAlgError: by `backward()`, if a matrix is singular.

    Example:
        >>> import tapegrad as tg
        >>> tg.slogdet(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        slogdet(sign=tensor(-1.), logabsdet=tensor(0.6931))
    """
    if out is not None:
        return into(out, slogdet, A)
    A = square(A, "slogdet")
    sign, logarithm = np.linalg.slogdet(A.array)
    sign = as_array(sign)  # saved as the array that the result will hold
    return slogdet_pair(*record((sign, logarithm), _slogdet_vjp, (A,), (A.array, sign)))


def _slogdet_vjp(g, x, sign):
    turned, grown = g
    if turned is not None and x.dtype.kind == "c":
        turned = turned * sign
        turned = (turned - np.conjugate(turned)) / 2  # i times the imaginary part
        grown = turned if grown is None else grown + turned
    if grown is None:
        return (np.zeros_like(x),)
    inverse = lapack("backward of slogdet", np.linalg.inv, x)
    return (grown[..., None, None] * inverse.swapaxes(-1, -2),)


def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant.

    Adjoint: `g * inv(input)'`, zero where a real determinant is negative.

    Args:
        input: (..., N, N).

    Returns:
        The logarithms; NaN for a negative determinant, minus infinity for zero. Those of complex
        determinants are complex, with an imaginary part between -pi and pi.

    Example:
        >>> import tapegrad as tg
        >>> tg.logdet(tg.tensor([[2.0, 0.0], [0.0, 3.0]]))
        tensor(1.7918)
    """
    sign, logarithm = slogdet(square(input, "logdet", "input"))
    if sign.dtype.kind == "c":
        return add(log(sign), logarithm)
    return where(sign.detach() < 0, np.nan, logarithm)
