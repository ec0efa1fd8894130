"""Products of vectors and matrices added to something, each as one operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import wrapping
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record3
from ..tensor import Tensor
from .cast import NUMBERS, as_operand, promoted
from .linalg import product
from .output import into
from .products import check_dims, check_product, operands
from .shape import permute, reshape

__all__ = ["addbmm", "addmm", "addmv", "addr", "baddbmm"]
METHODS = __all__
INPLACE = __all__


def addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add a matrix to the product of two others.

    Value: `beta * input + alpha * (mat1 @ mat2)`. Adjoint: `beta * g` for `input`,
    `alpha * g @ mat2.T` for `mat1`, `alpha * mat1.T @ g` for `mat2`.

    Args:
        input: (N, M), or a shape that broadcasts to it.
        mat1: (N, D).
        mat2: (D, M).
        beta: factor of `input`; with 0 its values do not matter, not even NaN.
        alpha: factor of the product; with 0 its values do not matter.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, are bool, or are integers and a factor is not.

    Example:
        >>> import tapegrad as tg
        >>> tg.addmm(tg.tensor([1.0, 2.0]), tg.ones(2, 3), tg.ones(3, 2), beta=10)
        tensor([[13., 23.],
                [13., 23.]])
    """
    if out is not None:
        return into(out, addmm, input, mat1, mat2, beta=beta, alpha=alpha)
    return _addmm("addmm", ("mat1", "mat2"), 2, input, mat1, mat2, beta, alpha)


def baddbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add matrices to the products of two batches of matrices.

    Value: `beta * input[i] + alpha * (batch1[i] @ batch2[i])`. Adjoint: as that of `addmm`.

    Args:
        input: (B, N, M), or a shape that broadcasts to it.
        batch1: (B, N, D).
        batch2: (B, D, M).
        beta: factor of `input`; with 0 its values do not matter, not even NaN.
        alpha: factor of the products; with 0 their values do not matter.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (B, N, M).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, are bool, or are integers and a factor is not.

    Example:
        >>> import tapegrad as tg
        >>> tg.baddbmm(tg.ones(2), tg.ones(1, 2, 3), tg.ones(1, 3, 2), alpha=2)
        tensor([[[7., 7.],
                 [7., 7.]]])
    """
    if out is not None:
        return into(out, baddbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    return _addmm("baddbmm", ("batch1", "batch2"), 3, input, batch1, batch2, beta, alpha)


def _addmm(
    op: str, names: tuple[str, str], ndim: int, input: Any, x: Any, y: Any, beta: Any, alpha: Any
) -> Tensor:
    input, x, y = operands(op, ("input", *names), input, x, y)
    check_product(op, names, x, y, (ndim, ndim))
    beta, alpha = _factors(op, beta, alpha, x)
    a, b = x.array, y.array
    _check_fits(op, input, (*a.shape[:-1], b.shape[-1]))
    out = _combined(input.array, product(a, b) if ndim == 2 else np.matmul(a, b), beta, alpha)
    saved = None if y.node is None else a, None if x.node is None else b, beta, alpha
    return record3(out, _addmm_rules, input, x, y, saved)


def _addmm_vjp_input(g, a, b, beta, alpha):
    return g if beta == 1 else g * beta  # summed by the engine


def _addmm_vjp_mat1(g, a, b, beta, alpha):
    out = np.matmul(g, b.swapaxes(-1, -2))
    return out if alpha == 1 else out * alpha


def _addmm_vjp_mat2(g, a, b, beta, alpha):
    out = np.matmul(a.swapaxes(-1, -2), g)
    return out if alpha == 1 else out * alpha


_addmm_rules = (_addmm_vjp_input, _addmm_vjp_mat1, _addmm_vjp_mat2)


_PLAIN = {int, float}


def _factors(op: str, beta: Any, alpha: Any, like: Tensor) -> tuple[Any, Any]:
    """The two factors as Python numbers that the dtype can take."""
    kind = like.array.dtype.kind
    if kind == "f" and beta.__class__ in _PLAIN and alpha.__class__ in _PLAIN:
        return beta, alpha
    found = []
    for name, value in (("beta", beta), ("alpha", alpha)):
        number = value.item() if isinstance(value, np.generic) else value
        if not isinstance(number, NUMBERS):
            raise ArgumentError(f"{op}: {name} must be a number, got {type(value).__name__}")
        if kind in "biu" and isinstance(number, (float, complex)):
            raise DtypeError(f"{op}: {name} must be an int for integer tensors, got {number}")
        if kind in "iu":
            number = promoted(op, (like, number))[1]  # wraps around
        found.append(bool(number) if kind == "b" else number)
    return found[0], found[1]


def _check_fits(op: str, input: Tensor, shape: tuple[int, ...]) -> None:
    own = input.array.shape
    if own in (shape, shape[1:]):
        return
    if len(own) > len(shape) or any(
        m not in (1, n) for m, n in zip(reversed(own), reversed(shape), strict=False)
    ):
        raise ShapeError(f"{op}: input of shape {own} does not broadcast to {shape}")


def _combined(x: Any, out: Any, beta: Any, alpha: Any) -> Any:
    """`beta * x + alpha * out`, in the memory of `out`, a product that nobody else has seen."""
    if alpha == 0:
        out = np.zeros_like(out)  # as BLAS: what is multiplied by 0 is not looked at
    elif alpha != 1:
        out *= alpha
    if beta != 0:
        x = x if beta == 1 else x * beta
        if x.__class__ in wrapping:  # the product may have room for one example only
            return out + x
        out += x
    return out


def addbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add a matrix to the sum of the products of two batches of matrices.

    Value: `beta * input + alpha * sum(batch1[i] @ batch2[i])`. Adjoint: as that of `addmm`.

    Args:
        input: (N, M), or a shape that broadcasts to it.
        batch1: (B, N, D).
        batch2: (B, D, M).
        beta: factor of `input`; with 0 its values do not matter, not even NaN.
        alpha: factor of the sum; with 0 its values do not matter.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, are bool, or are integers and a factor is not.

    Example:
        >>> import tapegrad as tg
        >>> tg.addbmm(tg.zeros(2, 2), tg.ones(5, 2, 3), tg.ones(5, 3, 2))
        tensor([[15., 15.],
                [15., 15.]])
    """
    if out is not None:
        return into(out, addbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    names = "batch1", "batch2"
    input, x, y = operands("addbmm", ("input", "batch1", "batch2"), input, batch1, batch2)
    check_product("addbmm", names, x, y, (3, 3))
    (b, n, d), m = x.shape, y.shape[-1]
    # the sum over matrices is part of one product with an inner size of B * D
    wide = reshape(permute(x, (1, 0, 2)), (n, b * d))
    return _addmm("addbmm", names, 2, input, wide, reshape(y, (b * d, m)), beta, alpha)


def addmv(
    input: Tensor,
    mat: Tensor,
    vec: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add a vector to the product of a matrix and a vector.

    Value: `beta * input + alpha * (mat @ vec)`. Adjoint: `beta * g` for `input`,
    `alpha * outer(g, vec)` for `mat`, `alpha * mat.T @ g` for `vec`.

    Args:
        input: (N,), or a shape that broadcasts to it.
        mat: (N, M).
        vec: (M,).
        beta: factor of `input`; with 0 its values do not matter, not even NaN.
        alpha: factor of the product; with 0 its values do not matter.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N,).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, are bool, or are integers and a factor is not.

    Example:
        >>> import tapegrad as tg
        >>> tg.addmv(tg.tensor([1.0, 2.0]), tg.ones(2, 3), tg.ones(3))
        tensor([4., 5.])
    """
    if out is not None:
        return into(out, addmv, input, mat, vec, beta=beta, alpha=alpha)
    input, mat, vec = operands("addmv", ("input", "mat", "vec"), input, mat, vec)
    check_product("addmv", ("mat", "vec"), mat, vec, (2, 1))
    beta, alpha = _factors("addmv", beta, alpha, mat)
    _check_fits("addmv", input, mat.shape[:1])
    a, v = mat.array, vec.array
    result = _combined(input.array, product(a, v), beta, alpha)
    saved = None if vec.node is None else a, None if mat.node is None else v, beta, alpha
    return record3(result, _addmv_rules, input, mat, vec, saved)


def _addmv_vjp_input(g, a, v, beta, alpha):
    return g if beta == 1 else g * beta


def _addmv_vjp_mat(g, a, v, beta, alpha):
    return (g if alpha == 1 else g * alpha)[:, None] * v


def _addmv_vjp_vec(g, a, v, beta, alpha):
    return np.matmul(a.swapaxes(0, 1), g if alpha == 1 else g * alpha)


_addmv_rules = (_addmv_vjp_input, _addmv_vjp_mat, _addmv_vjp_vec)


def addr(
    input: Tensor,
    vec1: Tensor,
    vec2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Add a matrix to the outer product of two vectors.

    Value: `beta * input + alpha * outer(vec1, vec2)`. Adjoint: `beta * g` for `input`,
    `alpha * g @ vec2` for `vec1`, `alpha * vec1 @ g` for `vec2`.

    Args:
        input: (N, M), or a shape that broadcasts to it; dtypes are promoted.
        vec1: (N,).
        vec2: (M,).
        beta: factor of `input`; with 0 its values do not matter, not even NaN.
        alpha: factor of the outer product.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M). For bools, `and` takes the place of the product and `or` that of the sum.

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes are integers and a factor is not.

    Example:
        >>> import tapegrad as tg
        >>> tg.addr(tg.zeros(2, 2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]), alpha=10)
        tensor([[30., 40.],
                [60., 80.]])
    """
    if out is not None:
        return into(out, addr, input, vec1, vec2, beta=beta, alpha=alpha)
    input, vec1 = as_operand(input, "addr"), as_operand(vec1, "addr", "vec1")
    vec2 = as_operand(vec2, "addr", "vec2")
    check_dims("addr", "vec1", vec1, 1)
    check_dims("addr", "vec2", vec2, 1)
    input, vec1, vec2 = promoted("addr", (input, vec1, vec2))
    beta, alpha = _factors("addr", beta, alpha, input)
    _check_fits("addr", input, (*vec1.shape, *vec2.shape))
    u, v = vec1.array, vec2.array
    result = u[:, None] * v
    # alpha 0 does look at the vectors: this is no routine of BLAS in PyTorch
    result = _combined(input.array, result * alpha if alpha == 0 else result, beta, alpha or 1)
    saved = None if vec2.node is None else u, None if vec1.node is None else v, beta, alpha
    return record3(result, _addr_rules, input, vec1, vec2, saved)


def _addr_vjp_input(g, u, v, beta, alpha):
    return g if beta == 1 else g * beta


def _addr_vjp_vec1(g, u, v, beta, alpha):
    return np.matmul(g, v if alpha == 1 else v * alpha)


def _addr_vjp_vec2(g, u, v, beta, alpha):
    return np.matmul(u if alpha == 1 else u * alpha, g)


_addr_rules = (_addr_vjp_input, _addr_vjp_vec1, _addr_vjp_vec2)
