"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..batching import widened
from ..device import as_array
from ..errors import ArgumentError, DimensionError, ShapeError
from ..record import record, record1, record_view
from ..tensor import Tensor
from .cast import as_operand
from .output import into
from .shape import clone, flatten, normal_dim, tensors_of
from .words import implements

__all__ = ["block_diag", "diag", "diag_embed", "diagflat", "diagonal", "tril", "triu"]
METHODS = ["diag", "diag_embed", "diagflat", "diagonal", "tril", "triu"]
INPLACE = ["tril", "triu"]


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal of the matrices that two dimensions span; a view, with the diagonal last.

    Value: `out[..., i] = input[..., i, i + offset]`. Adjoint: zeros with `g` on that diagonal.

    Args:
        input: tensor with at least two dimensions.
        offset: which diagonal; above the main one if positive, below if negative.
        dim1, dim2: the two dimensions.

    Raises:
        ArgumentError: if `dim1` and `dim2` are the same.
        DimensionError: if one does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.diagonal(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([1., 4.])
    """
    input = as_operand(input, "diagonal")
    x = input.array
    d1, d2 = _two_dims("diagonal", dim1, dim2, x.ndim)
    offset = whole("diagonal", "offset", offset)
    out = np.diagonal(x, offset, d1, d2)
    if getattr(x.flags, "writeable", False):  # NumPy's diagonal is read-only until told otherwise
        out.flags.writeable = True
    return record_view(out, _diagonal_vjp, input, (x.shape, offset, d1, d2))


def _diagonal_vjp(g, shape, offset, dim1, dim2):
    return kernels.diagonal_put(g, shape, offset, dim1, dim2)


@kernels.diagonal_put.register(Tensor)
def _diagonal_put(input, shape, offset, dim1, dim2):
    out = kernels.diagonal_put(input.array, shape, offset, dim1, dim2)
    return record1(out, _diagonal_put_vjp, input, (offset, dim1, dim2))


def _diagonal_put_vjp(g, offset, dim1, dim2):
    return np.diagonal(g, offset, dim1, dim2)


def whole(op: str, argument: str, value: Any) -> int:
    """An argument that must be an integer."""
    try:
        return int(value.__index__())
    except AttributeError:
        raise ArgumentError(
            f"{op}: {argument} must be an int, got {type(value).__name__}"
        ) from None


def _two_dims(op: str, dim1: Any, dim2: Any, ndim: int) -> tuple[int, int]:
    d1, d2 = normal_dim(op, dim1, ndim), normal_dim(op, dim2, ndim)
    if d1 == d2:
        raise ArgumentError(f"{op}: dim1 and dim2 must be different dimensions, got {dim1} twice")
    return d1, d2


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension of the input on a diagonal and zeros elsewhere.

    Adjoint: the diagonal of `g`.

    Args:
        input: tensor with at least one dimension.
        offset: which diagonal; above the main one if positive, below if negative.
        dim1, dim2: the matrices' dimensions in the result.

    Raises:
        ArgumentError: if `dim1` and `dim2` are the same.
        DimensionError: if one does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.diag_embed(tg.tensor([1.0, 2.0]))
        tensor([[1., 0.],
                [0., 2.]])
    """
    input = as_operand(input, "diag_embed")
    if not input.ndim:
        raise DimensionError("diag_embed: input must have at least one dimension, got a 0-d tensor")
    offset = whole("diag_embed", "offset", offset)
    d1, d2 = _two_dims("diag_embed", dim1, dim2, input.ndim + 1)
    n = input.shape[-1] + abs(offset)
    rest = list(input.shape[:-1])
    for d in sorted((d1, d2)):
        rest.insert(d, n)
    out = kernels.diagonal_put(input.array, tuple(rest), offset, d1, d2)
    return record1(out, _diag_embed_vjp, input, (offset, d1, d2))


def _diag_embed_vjp(g, offset, dim1, dim2):
    return np.diagonal(g, offset, dim1, dim2)


def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A matrix with a vector on a diagonal, or a copy of a matrix's diagonal.

    Adjoint: of `diag_embed` for a vector, of `diagonal` for a matrix.

    Args:
        input: 1-d or 2-d tensor.
        diagonal: which diagonal; above the main one if positive, below if negative.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: for another number of dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.diag(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
        tensor([2.])
    """
    if out is not None:
        return into(out, diag, input, diagonal)
    input = as_operand(input, "diag")
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"diag: input must be 1-d or 2-d, got shape {input.shape}")
    return clone(_diagonal(input, diagonal))


_diagonal = diagonal  # the argument of `diag` has that name too


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of the input on a diagonal.

    Args:
        input: tensor of any shape.
        offset: which diagonal; above the main one if positive, below if negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.diagflat(tg.tensor([[1.0, 2.0]]))
        tensor([[1., 0.],
                [0., 2.]])
    """
    return diag_embed(flatten(as_operand(input, "diagflat")), offset)


def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices, zeros above it. Adjoint: the lower triangle of `g`.

    Args:
        input: tensor with at least two dimensions, (..., n, m).
        diagonal: the last diagonal that is kept.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: for fewer dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.tril(tg.ones(2, 3))
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
    """
    if out is not None:
        return into(out, tril, input, diagonal)
    input = _matrices("tril", input)
    k = whole("tril", "diagonal", diagonal)
    return record1(np.tril(input.array, k), _tril_vjp, input, (k,))


def _tril_vjp(g, k):
    return np.tril(g, k)


def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices, zeros below it. Adjoint: the upper triangle of `g`.

    Args:
        input: tensor with at least two dimensions, (..., n, m).
        diagonal: the first diagonal that is kept.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: for fewer dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.triu(tg.ones(2, 3))
        tensor([[1., 1., 1.],
                [0., 1., 1.]])
    """
    if out is not None:
        return into(out, triu, input, diagonal)
    input = _matrices("triu", input)
    k = whole("triu", "diagonal", diagonal)
    return record1(np.triu(input.array, k), _triu_vjp, input, (k,))


def _triu_vjp(g, k):
    return np.triu(g, k)


def _matrices(op: str, input: Any) -> Tensor:
    tensor = as_operand(input, op)
    if tensor.ndim < 2:
        raise ShapeError(f"{op}: input must have at least two dimensions, got shape {tensor.shape}")
    return tensor


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given ones along its diagonal and zeros elsewhere.

    Adjoint: each tensor gets its block of `g`.

    Args:
        tensors: 2-d tensors; a 1-d one is a row, a 0-d one a single element.

    Raises:
        ShapeError: for a tensor with more dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.block_diag(tg.ones(1, 2), tg.tensor([[5.0]]))
        tensor([[1., 1., 0.],
                [0., 0., 5.]])
    """
    parts = tensors_of("block_diag", tensors)
    for i, t in enumerate(parts):
        if t.ndim > 2:
            raise ShapeError(
                f"block_diag: tensors[{i}] must have at most two dimensions, got shape {t.shape}"
            )
    arrays = [t.array.reshape((1,) * (2 - t.ndim) + t.shape) for t in parts]
    corner = (0, 0)
    blocks = []
    for array in arrays:
        end = corner[0] + array.shape[0], corner[1] + array.shape[1]
        blocks.append((slice(corner[0], end[0]), slice(corner[1], end[1])))
        corner = end
    out = np.zeros_like(widened(arrays[0], *arrays), shape=corner)
    for block, array in zip(blocks, arrays, strict=True):
        out[block] = array
    return record(as_array(out), _block_diag_vjp, parts, (blocks, [t.shape for t in parts]))


def _block_diag_vjp(g, blocks, shapes):
    return [g[block].reshape(shape) for block, shape in zip(blocks, shapes, strict=True)]


@implements(np.diagonal)
def _numpy_diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return diagonal(a, offset, axis1, axis2)


@implements(np.diag)
def _numpy_diag(v: Any, k: int = 0) -> Any:
    return diag(v, k)


@implements(np.diagflat)
def _numpy_diagflat(v: Any, k: int = 0) -> Any:
    return diagflat(v, k)


@implements(np.tril)
def _numpy_tril(m: Any, k: int = 0) -> Any:
    return tril(m, k)


@implements(np.triu)
def _numpy_triu(m: Any, k: int = 0) -> Any:
    return triu(m, k)
