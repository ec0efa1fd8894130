"""Determinants and their logarithms."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import kernels
from ..record import record, record1
from ..tensor import Tensor
from .choose import where
from .lapack import lapack, single, square
from .words import implements

__all__ = ["det", "logdet", "slogdet"]
METHODS = __all__
INPLACE: list[str] = []

# Named as PyTorch shows it.
slogdet_pair: Any = namedtuple("slogdet", ("sign", "logabsdet"))  # type: ignore[name-match]


@implements(np.linalg.det)
@single
def det(A: Tensor) -> Tensor:
    """Determinant of square matrices.

    Adjoint: `g * C`, C being the matrix of cofactors, which is `det(A) inv(A)'` for an invertible A
    (Giles 2008, 2.2.4) and exists for a singular one.

    Args:
        A: (..., N, N).

    Example:
        >>> import tapegrad as tg
        >>> tg.det(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
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
def slogdet(A: Tensor) -> Any:
    """Sign and logarithm of the absolute value of the determinant; both are safe from overflow.

    Adjoint: `g * inv(A)'` for the logarithm; the sign is constant.

    Args:
        A: (..., N, N).

    Returns:
        Named tuple `(sign, logabsdet)`; 0 and minus infinity for a singular matrix.

    Raises:
        LinAlgError: by `backward()`, if a matrix is singular.

    Example:
        >>> import tapegrad as tg
        >>> tg.slogdet(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        slogdet(sign=tensor(-1.), logabsdet=tensor(0.6931))
    """
    A = square(A, "slogdet")
    sign, logarithm = np.linalg.slogdet(A.array)
    return slogdet_pair(*record((sign, logarithm), _slogdet_vjp, (A,), (A.array,)))


def _slogdet_vjp(g, x):
    if g[1] is None:
        return (np.zeros_like(x),)
    inverse = lapack("backward of slogdet", np.linalg.inv, x)
    return (g[1][..., None, None] * inverse.swapaxes(-1, -2),)


def logdet(input: Tensor) -> Tensor:
    """Logarithm of the determinant.

    Adjoint: `g * inv(input)'`, zero where the determinant is negative.

    Args:
        input: (..., N, N).

    Returns:
        The logarithms; NaN for a negative determinant, minus infinity for zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.logdet(tg.tensor([[2.0, 0.0], [0.0, 3.0]]))
        tensor(1.7918)
    """
    sign, logarithm = slogdet(square(input, "logdet", "input"))
    return where(sign.detach() < 0, np.nan, logarithm)
