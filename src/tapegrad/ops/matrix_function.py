"""Powers and exponentials of matrices, Vandermonde matrices, diagonals."""

from __future__ import annotations

import numpy as np

from .. import kernels
from ..device import every_value
from ..dtypes import int64
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor
from . import diagonal as diagonals
from .cast import as_operand, cast
from .lapack import single, square
from .linalg import matmul
from .output import into
from .repeating import powers_of
from .shape import clone
from .solve import inv
from .words import implements

__all__ = ["matrix_exp", "matrix_power"]
METHODS = __all__
INPLACE: list[str] = []


@single
def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """Power of square matrices, by repeated squaring; a negative one is a power of the inverse.

    Adjoint: that of the products.

    Args:
        A: (..., N, N); integers too for n >= 0.
        n: the power; 0 gives identity matrices.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        LinAlgError: for a negative power of a singular matrix.

    Example:
        >>> import tapegrad as tg
        >>> tg.matrix_power(tg.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    if out is not None:
        return into(out, matrix_power, A, n)
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise ArgumentError(f"matrix_power: n must be an int, got {type(n).__name__}")
    n = int(n.__index__())
    A = as_operand(A, "matrix_power", "A")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(
            f"matrix_power: A must be square matrices, (..., N, N), got shape {A.shape}"
        )
    if A.array.dtype.kind in "biu" and n < 0:
        raise DtypeError(f"matrix_power: a negative power needs a floating dtype, got {A.dtype}")
    if n == 0:
        x = A.array
        result = np.zeros_like(x) + np.eye(x.shape[-1], dtype=x.dtype, like=x)
        return record1(result, _matrix_power_vjp, A)
    power = inv(A) if n < 0 else A
    n = -n if n < 0 else n
    while not n & 1:
        power, n = matmul(power, power), n >> 1
    product = power
    while n := n >> 1:
        power = matmul(power, power)
        if n & 1:
            product = matmul(product, power)
    return clone(product) if product is A else product


def _matrix_power_vjp(g):
    return g * 0


implements(np.linalg.matrix_power)(matrix_power)


@single
def matrix_exp(A: Tensor) -> Tensor:
    """Exponential of square matrices, by scaling and squaring.

    Value: `I + A + A A / 2 + ...`, computed as `r(A / 2**s) ** (2**s)`, r being the [13/13] Pade
    approximant and s such that the 1-norm of `A / 2**s` is at most 5.37 (Higham 2005). Adjoint: the
    upper right block of `exp([[A', g], [0, A']])` (Al-Mohy and Higham 2009).

    Args:
        A: (..., N, N).

    Example:
        >>> import tapegrad as tg
        >>> tg.matrix_exp(tg.tensor([[0.0, 1.0], [0.0, 0.0]]))
        tensor([[1., 1.],
                [0., 1.]])

    References:
        N. J. Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J.
        Matrix Anal. Appl. 26, 2005.
        A. H. Al-Mohy and N. J. Higham, "Computing the Frechet derivative of the matrix exponential,
        with an application to condition number estimation", SIAM J. Matrix Anal. Appl. 30, 2009.
    """
    A = square(A, "matrix_exp")
    x = A.array
    return record1(_exponential(x), _matrix_exp_vjp, A, (x,))


# Coefficients of the numerator of the [13/13] approximant; the denominator's alternate in sign.
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_RADIUS = 5.371920351148152  # theta_13 of Higham 2005: exact to double precision within


@kernels.kernel
def _exponential(x):
    n = x.shape[-1]
    if x.size == 0:
        return x.copy()
    size = np.max(np.add.reduce(np.abs(x), axis=-2), axis=-1)
    finite = np.isfinite(size)
    ratio = np.where(finite, size, 0) / _RADIUS
    # what lies within the radius is not scaled, and what is not finite stays so whatever the scale
    squarings = np.ceil(np.log2(np.maximum(ratio, np.ones_like(ratio)))).astype(int64)
    most = int(every_value(np.max(squarings)).max())
    a = x * (0.5**squarings).astype(x.dtype)[..., None, None]
    eye = np.eye(n, dtype=x.dtype, like=x)
    # divided by the leading coefficient, so that float32 keeps them
    b = [c / _PADE[0] for c in _PADE]
    a2 = np.matmul(a, a)
    a4 = np.matmul(a2, a2)
    a6 = np.matmul(a4, a2)
    odd = np.matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
    odd = np.matmul(a, odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    even = np.matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2)
    even = even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    out = np.linalg.solve(even - odd, even + odd)
    for i in range(most):  # every matrix is squared as often as it was halved
        out = np.where((squarings > i)[..., None, None], np.matmul(out, out), out)
    return out


_exponential.register(Tensor)(matrix_exp)


def _matrix_exp_vjp(g, x):
    n = x.shape[-1]
    xt = x.swapaxes(-1, -2)
    top = np.concatenate([xt, g], axis=-1)
    bottom = np.concatenate([np.zeros_like(xt), xt], axis=-1)
    return _exponential(np.concatenate([top, bottom], axis=-2))[..., :n, n:]


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde matrices: the powers 0 to N - 1 of every element as a row.

    Adjoint: that of the powers.

    Args:
        x: (..., M).
        N: number of columns, by default M.

    Returns:
        (..., M, N); int64 for integers.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.vander(tg.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [1, 2, 4],
                [1, 3, 9]])
    """
    x = as_operand(x, "vander", "x")
    if not x.ndim:
        raise ShapeError("vander: x is 0-d, expected (..., M)")
    N = x.shape[-1] if N is None else N
    if not isinstance(N, int) or N <= 1:
        raise ArgumentError(f"vander: N must be an int of at least 2, got {N!r}")
    if x.array.dtype.kind in "biu":
        x = cast(x, int64)
    return powers_of(x, N)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Diagonals of matrices; `tapegrad.diagonal` with the last two dimensions by default.

    Args:
        A: tensor with at least two dimensions.
        offset: which diagonal; positive ones lie above the main one.
        dim1, dim2: dimensions of rows and columns.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.diagonal(tg.ones(4, 3, 3)).shape
        (4, 3)
    """
    return diagonals.diagonal(A, offset, dim1, dim2)
