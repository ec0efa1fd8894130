"""Norms, distances of whole tensors, and the logarithm of a sum of exponentials.

In the formulas `g` is the gradient of the result, `|x|` the absolute value of every element.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from .. import dtypes, kernels
from .._typing import Dim, DTypeLike
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels import conj, direction
from ..record import OUT, record, record1
from ..tensor import Tensor, raw
from .arithmetic import mul, sub
from .cast import as_operand, cast, floating, promoted, refused
from .choose import where
from .output import into
from .reduce import floating_operand, in_float32, is_half, kept_shape
from .shape import normal_dim, normal_dims

__all__ = ["dist", "logsumexp", "norm", "renorm"]
METHODS = __all__
INPLACE = ["renorm"]

_reduce: Any = np.add.reduce  # NumPy's stubs know keepdims as a literal only


def logsumexp(
    input: Tensor, dim: Dim, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Logarithm of the sum of exponentials over dimensions, without overflow.

    Value: `y = log(sum(e**input))`. Adjoint: `g * e**(input - y)`.

    Args:
        input: tensor; integers become the default dtype.
        dim: dimension or dimensions.
        keepdim: keep them with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The logarithms; -inf over no elements.

    Example:
        >>> import tapegrad as tg
        >>> tg.logsumexp(tg.tensor([100.0, 100.0]), 0)
        tensor(100.6931)
    """
    if out is not None:
        return into(out, logsumexp, input, dim, keepdim)
    input = floating(input, "logsumexp")
    if dim is None:
        raise ArgumentError("logsumexp: dim must be an int or a tuple of ints, got None")
    x = input.array
    if is_half(x):
        return in_float32(logsumexp, input, dim, keepdim)
    dims = normal_dims("logsumexp", dim, x.ndim)
    kept = kept_shape(x.shape, dims)
    if math.prod(x.shape[d] for d in dims):
        high = x.real.max(dims, keepdims=True)
        high = np.where(np.isfinite(high), high, np.zeros_like(high, shape=()))
        result = np.log(_reduce(np.exp(x - high), axis=dims, keepdims=True)) + high
    else:
        result = np.full_like(x, -math.inf, shape=kept)
    if not keepdim:
        result = result.reshape([n for d, n in enumerate(x.shape) if d not in dims])
    return record(result, (_logsumexp_vjp,), (input,), (x, OUT, kept))


def _logsumexp_vjp(g, x, y, kept):
    return g.reshape(kept) * np.exp(x - y.reshape(kept))


def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dim = None,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Norm over dimensions; several dimensions are read as one vector.

    Value: `y = sum(|input|**p)**(1/p)`; the largest or smallest `|input|` for `p` of `inf` and `-inf`, the
    number of elements that are not zero for 0. Adjoint: `g * sign(input) * (|input| / y)**(p - 1)`; for
    `inf` and `-inf` `g * sign(input)`, shared equally at ties; for 0 zero. The subgradient is 0
    where `input = 0`, and where `y = 0`.

    Args:
        input: floating tensor.
        p: order, any number; `"fro"` and None mean 2; `"nuc"` is the nuclear norm of matrices, the sum of
            their singular values.
        dim: dimension or dimensions, two for `"nuc"`; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this wider dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for an integer or bool tensor, or a `dtype` that would lose digits.
        ArgumentError: for another `p`.
        ShapeError: if an order that is negative or infinite finds no elements.

    Example:
        >>> import tapegrad as tg
        >>> tg.norm(tg.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
        tensor([ 5., 10.])
    """
    if out is not None:
        return into(out, norm, input, p, dim, keepdim, dtype)
    input = floating_operand("norm", input)
    order = _order("norm", p, dim)
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
        if dtypes.promote_types(dtype, input.dtype) != dtype or dtypes.category(dtype) < 2:
            raise DtypeError(f"norm: dtype {dtype} would lose digits of a {input.dtype} input")
        if dtype.kind == "c" != input.dtype.kind:
            raise DtypeError(f"norm: dtype must be real as the {input.dtype} input, got {dtype}")
        input = cast(input, dtype)
    x = input.array
    if is_half(x):
        return in_float32(norm, input, p, dim, keepdim)
    if p == "nuc":
        from .matrix_norm import matrix_norm  # which is built on this module

        return matrix_norm(input, "nuc", tuple(range(x.ndim)) if dim is None else dim, keepdim)
    dims = normal_dims("norm", dim, x.ndim)
    if (order < 0 or order == math.inf) and not math.prod(x.shape[d] for d in dims):
        raise ShapeError(f"norm: p={p} of no elements (shape {x.shape}, dim {dims}) is undefined")
    kept = kept_shape(x.shape, dims)
    if order == 2:
        result = np.sqrt(_reduce(kernels.squares(x), axis=dims, keepdims=keepdim))
        return record(result, (_norm_vjp_2,), (input,), (x, OUT, kept))
    if order == 0:
        return record1(
            _reduce(x != 0, axis=dims, dtype=x.real.dtype, keepdims=keepdim),
            _norm_vjp_0, input, (kept, x.shape),
        )  # fmt: skip
    size = np.abs(x)
    if order == 1:
        result = _reduce(size, axis=dims, keepdims=keepdim)
        return record1(result, _norm_vjp_1, input, (x, kept))
    if math.isinf(order):
        result = (size.max if order > 0 else size.min)(dims, keepdims=keepdim)
        return record(result, (_norm_vjp_inf,), (input,), (x, OUT, dims, kept))
    result = _reduce(size**order, axis=dims, keepdims=keepdim) ** (1 / order)
    return record(result, (_norm_vjp,), (input,), (x, OUT, kept, order))


def _norm_vjp(g, x, y, kept, p):
    y = y.reshape(kept)
    size = np.abs(x)
    # elsewhere the subgradient 0, without a detour over infinity; NaN goes on to all elements
    regular = ((x != 0) | (y != y)) & (y != 0)
    ratio = np.where(regular, size, 1) / np.where(y != 0, y, 1)
    return np.where(regular, g.reshape(kept) * conj(direction(x)) * ratio ** (p - 1), 0)


def _norm_vjp_0(g, kept, shape):
    return g.reshape(kept) * np.zeros_like(g, shape=shape)


def _norm_vjp_1(g, x, kept):
    return g.reshape(kept) * conj(direction(x))


def _norm_vjp_2(g, x, y, kept):
    y = y.reshape(kept)
    nonzero = y != 0
    return conj(x) * (np.where(nonzero, g.reshape(kept), 0) / np.where(nonzero, y, 1))


def _norm_vjp_inf(g, x, y, dims, kept):
    y = y.reshape(kept)
    chosen = np.where(y == y, np.abs(x) == y, x != x)
    count = _reduce(raw(chosen), axis=dims, dtype=y.dtype, keepdims=True)
    return g.reshape(kept) / count * np.where(chosen, conj(direction(x)), 0)


def _order(op: str, p: Any, dim: Any) -> float:
    if p is None or p == "nuc":
        return 2
    if p == "fro":
        if isinstance(dim, (tuple, list)) and len(dim) > 2:
            raise ShapeError(f"{op}: p='fro' takes at most 2 dimensions, got {tuple(dim)}; use p=2")
        return 2
    if not isinstance(p, Real):
        raise ArgumentError(f"{op}: p must be a number, 'fro' or 'nuc', got {p!r}")
    return float(p)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Norm of a difference: `norm(input - other, p)`.

    Args:
        input, other: floating tensors, shapes that broadcast.
        p: order of the norm, any number.

    Raises:
        DtypeError: for integer or bool tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.dist(tg.tensor([1.0, 2.0]), tg.tensor([4.0, 6.0]))
        tensor(5.)
    """
    input = as_operand(input, "dist")
    other = as_operand(other, "dist", "other")
    if not isinstance(p, Real):
        raise ArgumentError(f"dist: p must be a number, got {p!r}")
    input, other = promoted("dist", (input, other))
    floating_operand("dist", input)
    try:
        np.broadcast_shapes(input.shape, other.shape)
    except ValueError as error:
        raise refused("dist", error, input, other) from None
    return norm(sub(input, other), p)


def renorm(
    input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None
) -> Tensor:
    """Shrink every slice along a dimension whose norm is above a limit.

    Value: slices of norm `n > maxnorm` are multiplied with `maxnorm / (n + 1e-7)`, as in PyTorch.

    Args:
        input: floating tensor with at least two dimensions.
        p: order of the norm, positive.
        dim: dimension along which the slices lie.
        maxnorm: the largest norm allowed.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for a `p` that is not positive, or a negative `maxnorm`.
        ShapeError: for fewer than two dimensions.
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.renorm(tg.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    if out is not None:
        return into(out, renorm, input, p, dim, maxnorm)
    input = floating_operand("renorm", input)
    if not (isinstance(p, Real) and p > 0):
        raise ArgumentError(f"renorm: p must be a positive number, got {p!r}")
    if not (isinstance(maxnorm, Real) and maxnorm >= 0):
        raise ArgumentError(f"renorm: maxnorm must be a number and not negative, got {maxnorm!r}")
    if input.ndim < 2:
        raise ShapeError(f"renorm: input needs at least two dimensions, got shape {input.shape}")
    d = normal_dim("renorm", dim, input.ndim)
    if is_half(input.array):
        return in_float32(renorm, input, p, d, maxnorm)
    others = tuple(i for i in range(input.ndim) if i != d)
    n = norm(input, p, others, keepdim=True)
    return mul(input, where(n > maxnorm, maxnorm / (n + 1e-7), 1.0))
