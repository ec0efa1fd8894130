"""Products of vectors and matrices.

Unlike `matmul`, most of these say how many dimensions each operand has, and refuse others.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..kernels import conj
from ..record import CROSS, record2
from ..tensor import Tensor
from .arithmetic import mul
from .cast import as_operand, promoted
from .linalg import check_matched, matmul
from .output import into
from .shape import flatten, permute, reshape
from .words import implements

__all__ = ["bmm", "dot", "ger", "inner", "mm", "mv", "outer", "vdot"]
METHODS = __all__


def operands(op: str, names: tuple[str, ...], *values: Any) -> Any:
    """Tensors of one dtype, on one device, not bool (unless there is nothing to multiply)."""
    try:
        arrays = [value.array for value in values]
    except AttributeError:
        values = tuple(as_operand(v, op, name) for v, name in zip(values, names, strict=True))
        arrays = [value.array for value in values]
    first = arrays[0]
    for array in arrays:
        if array.dtype is not first.dtype or array.__class__ is not first.__class__:
            check_matched(op, *values)
    if first.dtype.kind == "b" and all(array.size for array in arrays):  # as in PyTorch
        raise DtypeError(f"{op}: not defined for bool; convert with .float() or .to(dtype)")
    return values


def check_dims(op: str, argument: str, tensor: Tensor, ndim: int) -> None:
    """Refuse a tensor with another number of dimensions."""
    if tensor.array.ndim != ndim:
        raise ShapeError(f"{op}: {argument} must be {ndim}-d, got shape {tensor.shape}")


def check_product(
    op: str, names: tuple[str, str], x: Tensor, y: Tensor, ndims: tuple[int, int]
) -> None:
    """Refuse operands that have another number of dimensions, or inner sizes that differ."""
    check_dims(op, names[0], x, ndims[0])
    check_dims(op, names[1], y, ndims[1])
    a, b = x.array.shape, y.array.shape
    inner = b[0] if ndims[1] == 1 else b[-2]
    if a[-1] != inner:
        raise ShapeError(f"{op}: {a} and {b} do not align ({a[-1]} != {inner})")
    if ndims[0] == 3 and a[0] != b[0]:
        raise ShapeError(
            f"{op}: {names[0]} has {a[0]} matrices and {names[1]} has {b[0]}; the numbers must be "
            "equal (matmul broadcasts)"
        )


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices.

    Value: `input @ mat2`. Adjoint: as that of `matmul`.

    Args:
        input: (N, D).
        mat2: (D, M), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M).

    Raises:
        ShapeError: if an operand is no matrix, or the inner sizes differ.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.mm(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]))
        tensor([[11.]])
    """
    if out is not None:
        return into(out, mm, input, mat2)
    input, mat2 = operands("mm", ("input", "mat2"), input, mat2)
    check_product("mm", ("input", "mat2"), input, mat2, (2, 2))
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of two batches of matrices, one by one.

    Value: `input[i] @ mat2[i]`. Adjoint: as that of `matmul`.

    Args:
        input: (B, N, D).
        mat2: (B, D, M), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (B, N, M).

    Raises:
        ShapeError: if an operand is not 3-d, or the sizes do not fit; nothing is broadcast.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.bmm(tg.ones(5, 2, 3), tg.ones(5, 3, 4)).shape
        (5, 2, 4)
    """
    if out is not None:
        return into(out, bmm, input, mat2)
    input, mat2 = operands("bmm", ("input", "mat2"), input, mat2)
    check_product("bmm", ("input", "mat2"), input, mat2, (3, 3))
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of a matrix and a vector.

    Value: `input @ vec`. Adjoint: as that of `matmul`.

    Args:
        input: (N, M).
        vec: (M,), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N,).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.mv(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    if out is not None:
        return into(out, mv, input, vec)
    input, vec = operands("mv", ("input", "vec"), input, vec)
    check_product("mv", ("input", "vec"), input, vec, (2, 1))
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors.

    Value: `sum(input * tensor)`. Adjoint: `g * tensor` for `input`, `g * input` for `tensor`.

    Args:
        input: (N,).
        tensor: (N,), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        A 0-d tensor.

    Raises:
        ShapeError: if an operand is no vector, or the sizes differ.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if out is not None:
        return into(out, dot, input, tensor)
    input, tensor = operands("dot", ("input", "tensor"), input, tensor)
    return _dot("dot", input, tensor)


def _dot(op: str, input: Tensor, other: Tensor) -> Tensor:
    x, y = input.array, other.array
    if x.ndim != 1 or y.ndim != 1 or x.shape != y.shape:
        raise ShapeError(
            f"{op}: expected two vectors of one length, got shapes {x.shape} and {y.shape}"
        )
    return record2(np.dot(x, y), (_dot_vjp_input, _dot_vjp_tensor), input, other, (x, y), CROSS)


def _dot_vjp_input(g, x, y):
    return g * y


def _dot_vjp_tensor(g, x, y):
    return g * x


def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors, the first one conjugated; for real ones the same as `dot`.

    Args:
        input: (N,).
        other: (N,), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        A 0-d tensor.

    Raises:
        ShapeError: if an operand is no vector, or the sizes differ.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.vdot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if out is not None:
        return into(out, vdot, input, other)
    input, other = operands("vdot", ("input", "other"), input, other)
    return _dot("vdot", conj(input), other)


def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner products over the last dimension; with a 0-d operand the product.

    Value: `out[..., :] = sum(input[..., None, :] * other, -1)`, for matrices `input @ other.T`.
    Adjoint: as that of `matmul`.

    Args:
        input: (..., D).
        other: (*, D), of the same dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (..., *), the other dimensions of `input` before those of `other`.

    Raises:
        ShapeError: if the last sizes differ.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.inner(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 10.0]))
        tensor([21., 43.])
    """
    if out is not None:
        return into(out, inner, input, other)
    input, other = as_operand(input, "inner"), as_operand(other, "inner", "other")
    if not input.ndim or not other.ndim:
        return mul(input, other)
    input, other = operands("inner", ("input", "other"), input, other)
    a, b = input.shape, other.shape
    if a[-1] != b[-1]:
        raise ShapeError(f"inner: the last dimensions of {a} and {b} differ ({a[-1]} != {b[-1]})")
    if len(a) == len(b) == 1:
        return _dot("inner", input, other)
    rows = other if len(b) == 2 else reshape(other, (math.prod(b[:-1]), b[-1]))
    result = matmul(input, permute(rows, (1, 0)))
    return result if len(b) == 2 else reshape(result, (*a[:-1], *b[:-1]))


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Outer product of two vectors.

    Value: `out[i, j] = input[i] * vec2[j]`. Adjoint: `g @ vec2` for `input`, `input @ g` for `vec2`.

    Args:
        input: (N,).
        vec2: (M,); dtypes are promoted.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M).

    Raises:
        ShapeError: if an operand is no vector.

    Example:
        >>> import tapegrad as tg
        >>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    if out is not None:
        return into(out, outer, input, vec2)
    input, vec2 = as_operand(input, "outer"), as_operand(vec2, "outer", "vec2")
    check_dims("outer", "input", input, 1)
    check_dims("outer", "vec2", vec2, 1)
    if input.array.dtype is not vec2.array.dtype or type(input.array) is not type(vec2.array):
        input, vec2 = promoted("outer", (input, vec2))
    x, y = input.array, vec2.array
    rules = _outer_vjp_input, _outer_vjp_vec2
    return record2(x[:, None] * y, rules, input, vec2, (x, y), CROSS)


def _outer_vjp_input(g, x, y):
    return np.matmul(g, y)


def _outer_vjp_vec2(g, x, y):
    return np.matmul(x, g)


ger = outer


@implements(np.dot)
def _numpy_dot(a: Any, b: Any) -> Any:
    a, b = as_operand(a, "dot"), as_operand(b, "dot", "other")
    if b.ndim < 3 or not a.ndim:
        return matmul(a, b) if a.ndim and b.ndim else mul(a, b)
    return inner(a, b.swapaxes(-1, -2))  # every row with every column, nothing broadcast


@implements(np.vdot)
def _numpy_vdot(a: Any, b: Any) -> Any:
    return vdot(flatten(a), flatten(b))


@implements(np.inner)
def _numpy_inner(a: Any, b: Any) -> Any:
    return inner(a, b)


@implements(np.outer)
def _numpy_outer(a: Any, b: Any) -> Any:
    return outer(flatten(a), flatten(b))
