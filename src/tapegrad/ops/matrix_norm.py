"""Norms of vectors and matrices.

In the formulas `y` is the norm and `g` its gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from .._typing import Dim, DTypeLike
from ..device import as_array
from ..errors import ArgumentError, DtypeError, LinAlgError, ShapeError
from ..tensor import Tensor, wrap
from . import norms
from .arithmetic import div, mul
from .cast import cast
from .choose import where
from .decompose import svdvals
from .lapack import floats, identity, matrix, single, square
from .output import into
from .reduce import sum
from .shape import normal_dims, permute, reshape
from .solve import inv
from .words import implements

__all__: list[str] = []
METHODS = __all__
INPLACE = __all__


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Vector norm over dimensions.

    Value: `sum(|x|**p) ** (1/p)` with `p = ord`; the largest or smallest `|x|` for plus and minus
    infinity, the number of nonzero elements for 0. Adjoint: `g sign(x) |x|**(p-1) / y**(p-1)`, zero
    where the norm is; for infinity `g sign(x)`, shared equally by the elements that attain it.

    Args:
        x: floating tensor of any shape.
        ord: any number.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for an integer tensor.
        ShapeError: for no elements, if `ord` is negative or infinite.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.vector_norm(tg.tensor([3.0, -4.0]))
        tensor(5.)
    """
    if out is not None:
        return into(out, vector_norm, x, ord, dim, keepdim, dtype=dtype)
    x = _converted("vector_norm", x, dtype)
    if isinstance(ord, str) or not isinstance(ord, (int, float)):
        raise ArgumentError(f"vector_norm: ord must be a number, got {ord!r}")
    return norms.norm(x, ord, dim, keepdim)


def _converted(op: str, x: Any, dtype: Any) -> Tensor:
    x = floats(x, op, "input")
    if dtype is None:
        return x
    kind = dtypes.as_dtype(dtype)
    if dtypes.category(kind) < 2:
        raise DtypeError(f"{op}: dtype must be floating, got {kind}")
    if (kind.kind == "c") != (x.dtype.kind == "c"):
        raise DtypeError(
            f"{op}: dtype must be {'complex' if kind.kind != 'c' else 'real'} as the {x.dtype} input, got "
            f"{kind}; the norm is real in any case"
        )
    return cast(x, kind)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Matrix norm over two dimensions.

    Value: by `ord`: `"fro"` the root of the sum of squares; `"nuc"` the sum of the singular values; 2
    and -2 the largest and smallest singular value; 1 and -1 the largest and smallest sum of absolute
    values of a column; inf and -inf those of a row. Adjoint: that of the sums, maxima and singular
    values it is made of; equal maxima share the gradient.

    Args:
        A: floating tensor with at least two dimensions.
        ord: one of those above.
        dim: the dimensions of rows and columns.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for another `ord`.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.matrix_norm(tg.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    if out is not None:
        return into(out, matrix_norm, A, ord, dim, keepdim, dtype=dtype)
    A = matrix(_converted("matrix_norm", A, dtype), "matrix_norm")
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) != 2:
        raise ArgumentError(f"matrix_norm: dim must be two dimensions, got {dim!r}")
    rows, columns = normal_dims("matrix_norm", dims, A.ndim)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        first, second = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = vector_norm(A, 1, first, True)
        result = vector_norm(sums, math.copysign(math.inf, ord), second, True)
    elif ord in ("nuc", 2, -2):
        order = [d for d in range(A.ndim) if d not in (rows, columns)]
        s = svdvals(permute(A, (*order, rows, columns)))
        if ord == "nuc":
            result = sum(s, -1)
        else:
            result = vector_norm(s, math.inf if ord == 2 else -math.inf, -1)
    else:
        raise ArgumentError(
            f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}"
        )
    both = (rows, columns)
    if keepdim:
        return reshape(result, tuple(1 if i in both else n for i, n in enumerate(A.shape)))
    return reshape(result, tuple(n for i, n in enumerate(A.shape) if i not in both))


def norm(
    A: Tensor,
    ord: Any = None,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Vector or matrix norm, by the number of dimensions.

    Args:
        A: floating tensor.
        ord: order, as for `vector_norm` over one dimension and `matrix_norm` over two; None for the
            root of the sum of squares.
        dim: one or two dimensions; None for all, which must be one or two if `ord` is given.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if `ord` is given, `dim` is not, and there are not one or two dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.norm(tg.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor(5.)
    """
    if out is not None:
        return into(out, norm, A, ord, dim, keepdim, dtype=dtype)
    A = _converted("norm", A, dtype)
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise ArgumentError(f"norm: dim must be one or two dimensions, got {dim}")
    if ord is None:
        return vector_norm(A, 2, dims, keepdim)
    if dims is None:
        if A.ndim not in (1, 2):
            raise ShapeError(
                f"norm: with ord and without dim the tensor must be 1-d or 2-d, got shape {A.shape}"
            )
        dims = tuple(range(A.ndim))
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim)
    if isinstance(ord, str):
        raise ArgumentError(f"norm: order {ord!r} is for matrices; dim must be two dimensions")
    return vector_norm(A, ord, dims, keepdim)


@single
def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Condition number of matrices.

    Value: `norm(A, p) * norm(inv(A), p)`; for p None or 2 the largest singular value over the
    smallest, for -2 the inverse of that. Infinity for a
    singular matrix, 0 for one without elements.

    Args:
        A: (..., N, N); (..., M, N) for p None, 2 or -2.
        p: order, as for `matrix_norm`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for another order.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.cond(tg.tensor([[4.0, 0.0], [0.0, 2.0]]))
        tensor(2.)
    """
    if out is not None:
        return into(out, cond, A, p)
    A = matrix(A, "cond")
    if 0 in A.shape[-2:]:
        return sum(svdvals(A), -1)
    if p in (None, 2, -2):
        s = svdvals(A)
        largest, smallest = s[..., 0], s[..., -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return div(smallest, largest) if p == -2 else div(largest, smallest)
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise ArgumentError(
            f"cond: p must be None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {p!r}"
        )
    A = square(A, "cond")
    try:
        return mul(matrix_norm(A, p), matrix_norm(inv(A), p))
    except LinAlgError:
        x = A.array
        singular = np.linalg.slogdet(x)[0] == 0
        eye = wrap(identity(x, x.shape[-1], x.dtype))
        regular = where(wrap(as_array(singular)[..., None, None]), eye, A)
        found = mul(matrix_norm(A, p), matrix_norm(inv(regular), p))
        return where(wrap(as_array(singular)), math.inf, found)


@implements(np.linalg.norm)
def _numpy_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    return norm(x, ord, axis, keepdims)


@implements(np.linalg.vector_norm)
def _numpy_vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Tensor:
    return vector_norm(x, ord, axis, keepdims)


@implements(np.linalg.matrix_norm)
def _numpy_matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    return matrix_norm(x, ord, keepdim=keepdims)


@implements(np.linalg.cond)
def _numpy_cond(x: Any, p: Any = None) -> Tensor:
    return cond(x, p)
