"""Operations that reduce one, several or all dimensions."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes, kernels
from .._typing import Dim, DTypeLike
from ..device import as_array
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import OUT, record, record1
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast
from .choose import maximum, minimum
from .shape import normal_dim, normal_dims

__all__ = ["all", "any", "argmax", "argmin", "max", "mean", "min", "sum", "var"]
METHODS = __all__

_add: Any = np.add  # NumPy's stubs know keepdims as a literal only

# Named as PyTorch shows them: `max(values=..., indices=...)`.
max_pair: Any = namedtuple("max", ("values", "indices"))  # type: ignore[name-match]
min_pair: Any = namedtuple("min", ("values", "indices"))  # type: ignore[name-match]


def kept_shape(shape: Any, dims: Any) -> tuple[int, ...]:
    """The shape with the reduced dimensions as ones, so that a gradient broadcasts back."""
    return tuple(1 if i in dims else n for i, n in enumerate(shape))


# What elements are added or multiplied in, by the character of their dtype, where that is not their
# own: many float16 numbers would overflow or lose digits ("E" is bfloat16 of ml_dtypes).
ACCUMULATOR = dict.fromkeys("?bBhHiIlLqQ", dtypes.int64) | dict.fromkeys("eE", dtypes.float32)


def accumulated(op: str, input: Any, dtype: DTypeLike) -> tuple[Tensor, Any, Any]:
    """Input converted to the dtype asked for, the dtype to accumulate in, and that of the result."""
    input = as_operand(input, op)
    if dtype is None:
        wide = ACCUMULATOR.get(input.array.dtype.char)
        return input, wide, wide if wide == dtypes.int64 else input.array.dtype
    input = cast(input, dtypes.as_dtype(dtype))
    own = input.array.dtype
    return input, own if own.kind in "biu" else ACCUMULATOR.get(own.char), own


def is_half(array: Any) -> bool:
    """Whether elements are floating numbers of two bytes."""
    return ACCUMULATOR.get(array.dtype.char) == dtypes.float32


def in_float32(operation: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """An operation on a float16 tensor, computed in float32, gradient included, and rounded once."""
    out = operation(cast(input, dtypes.float32), *args, **kwargs)
    if isinstance(out, tuple):
        return tuple(cast(o, input.dtype) for o in out)
    return cast(out, input.dtype)


def floating_operand(op: str, value: Any, hint: str = "convert it with .float()") -> Tensor:
    """A tensor whose dtype is floating, or an error."""
    tensor = as_operand(value, op)
    if tensor.array.dtype.kind in "biu":
        raise DtypeError(f"{op}: input must be floating, got {tensor.array.dtype}; {hint}")
    return tensor


def sum(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: DTypeLike = None
) -> Tensor:
    """Sum over dimensions.

    Adjoint: `g` broadcast over what was summed.

    Args:
        input: tensor; integers and bools are summed in int64.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.

    Returns:
        The sums; 0 over no elements.

    Example:
        >>> import tapegrad as tg
        >>> tg.sum(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        tensor([4., 6.])
    """
    if dtype is None and isinstance(input, Tensor):
        wide = ACCUMULATOR.get(input.array.dtype.char)
    else:
        input, wide, _ = accumulated("sum", input, dtype)
    x = input.array
    if dim is None and not keepdim:
        out = np.add.reduce(x, axis=None, dtype=wide)
        kept = None
    else:
        dims = normal_dims("sum", dim, x.ndim)
        out = _add.reduce(x, axis=dims, dtype=wide, keepdims=keepdim)
        kept = kept_shape(x.shape, dims)
    if wide is dtypes.float32:
        out = out.astype(x.dtype)
    return record1(out, _sum_vjp, input, (x.shape, kept))


def _sum_vjp(g, shape, kept):
    return kernels.broadcast(g if kept is None else g.reshape(kept), shape)


def mean(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: DTypeLike = None
) -> Tensor:
    """Arithmetic mean over dimensions.

    Adjoint: `g / n`, broadcast over the `n` elements that were averaged.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.

    Returns:
        The means; NaN over no elements.

    Raises:
        DtypeError: for an integer or bool tensor without `dtype`.

    Example:
        >>> import tapegrad as tg
        >>> tg.mean(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        tensor([2., 3.])
    """
    input = as_operand(input, "mean")
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    input = floating_operand("mean", input, "pass dtype=tapegrad.float32")
    x = input.array
    if is_half(x):
        return in_float32(mean, input, dim, keepdim)
    dims = normal_dims("mean", dim, x.ndim)
    n = math.prod(x.shape[d] for d in dims)
    total = _add.reduce(x, axis=dims, keepdims=keepdim)
    out = total * (1 / n) if n else total * math.nan
    return record1(out, _mean_vjp, input, (x.shape, kept_shape(x.shape, dims), n))


def _mean_vjp(g, shape, kept, n):
    return kernels.broadcast(g.reshape(kept) * (1 / n if n else math.nan), shape)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Variance over dimensions.

    Value: `sum((input - mean)**2) / (n - correction)`. Adjoint:
    `2 g (input - mean) / (n - correction)`.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        unbiased: True means `correction=1`, False `correction=0`.
        keepdim: keep them with size 1.
        correction: what is taken off the number of elements; 1 by default (Bessel's correction).

    Returns:
        The variances; infinite where no degree of freedom is left, NaN if all elements are equal too.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.var(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
        tensor(1.2500)
    """
    dim, correction = correction_of("var", dim, unbiased, correction)
    input = floating_operand("var", input)
    x = input.array
    if is_half(x):
        return in_float32(var, input, dim, None, keepdim, correction=correction)
    out, _, dims, n, scale = deviation("var", x, dim, keepdim, correction)
    return record1(out, _var_vjp, input, (x, dims, n, scale))


def _var_vjp(g, x, dims, n, scale):
    centred = x - np.add.reduce(x, axis=dims, keepdims=True) * (1 / n if n else math.nan)
    g = g.reshape(kept_shape(x.shape, dims))
    if scale == math.inf:
        return g * np.where(centred == 0, math.nan, math.inf)
    return g * (2 * scale) * centred


def correction_of(op: str, dim: Any, unbiased: bool | None, correction: Any) -> tuple[Any, Any]:
    """Dimensions and correction from PyTorch's two spellings, `(unbiased)` and `(dim, unbiased)`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is None:
        return dim, 1 if correction is None else correction
    if correction is not None:
        raise ArgumentError(f"{op}: give either unbiased or correction, not both")
    return dim, int(unbiased)


def deviation(op: str, x: Any, dim: Any, keepdim: bool, correction: float) -> Any:
    """Variance, mean (dimensions kept), dimensions, their number of elements and one over the freedom."""
    dims = normal_dims(op, dim, x.ndim)
    n = math.prod(x.shape[d] for d in dims)
    scale = 1 / (n - correction) if n > correction else math.inf  # 0 * inf: no spread, no freedom
    mean = np.add.reduce(x, axis=dims, keepdims=True) * (1 / n if n else math.nan)
    centred = x - mean
    squares = _add.reduce(centred * centred, axis=dims, keepdims=keepdim)
    return squares * scale if n else squares * math.nan, mean, dims, n, scale


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element, or the largest along a dimension with its index; NaN beats all.

    Adjoint: without `dim`, `g` shared equally among the elements that attain the maximum; with `dim`,
    `g` at the index that was returned (the first, at ties).

    Args:
        input: tensor.
        dim: dimension to reduce; None for all. A tensor here means `maximum(input, dim)`.
        keepdim: keep it with size 1.

    Returns:
        A 0-d tensor, or a named tuple `(values, indices)`.

    Raises:
        ShapeError: if there are no elements to choose from.
        ArgumentError: for `keepdim` without `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.max(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        max(values=tensor([5., 7.]), indices=tensor([1, 0]))
    """
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    if dim is None:
        return _whole("max", _max_vjp, input, keepdim)
    return max_pair(*_along("max", np.argmax, _max_dim_vjp, input, dim, keepdim))


def _max_vjp(g, x, y):
    chosen = np.where(y == y, x == y, x != x)  # y != y: the maximum is NaN
    return g * chosen / np.add.reduce(raw(chosen), axis=None, dtype=x.dtype)


def _max_dim_vjp(g, indices, dim, shape):
    return kernels.scatter_along(g.reshape(indices.shape), indices, dim, shape)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element, or the smallest along a dimension with its index; NaN beats all.

    Adjoint: without `dim`, `g` shared equally among the elements that attain the minimum; with `dim`,
    `g` at the index that was returned (the first, at ties).

    Args:
        input: tensor.
        dim: dimension to reduce; None for all. A tensor here means `minimum(input, dim)`.
        keepdim: keep it with size 1.

    Returns:
        A 0-d tensor, or a named tuple `(values, indices)`.

    Raises:
        ShapeError: if there are no elements to choose from.
        ArgumentError: for `keepdim` without `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.min(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        min(values=tensor([1., 2.]), indices=tensor([0, 1]))
    """
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    if dim is None:
        return _whole("min", _min_vjp, input, keepdim)
    return min_pair(*_along("min", np.argmin, _min_dim_vjp, input, dim, keepdim))


def _min_vjp(g, x, y):
    return _max_vjp(g, x, y)


def _min_dim_vjp(g, indices, dim, shape):
    return _max_dim_vjp(g, indices, dim, shape)


def _whole(op: str, rule: Any, input: Any, keepdim: bool) -> Tensor:
    if keepdim:
        raise ArgumentError(f"{op}: keepdim needs a dim; use a{op}(input, keepdim=True)")
    input = as_operand(input, op)
    x = input.array
    if not x.size:
        raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from")
    return record(getattr(x, op)(), (rule,), (input,), (x, OUT))  # CuPy has no np.maximum.reduce


def _along(op: str, find: Any, rule: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    input = as_operand(input, op)
    x = input.array
    d = normal_dim(op, dim, x.ndim)
    if not x.ndim:
        return input.clone(), wrap(np.zeros_like(x, dtype=dtypes.int64))
    if not x.shape[d]:
        raise ShapeError(f"{op}: dim {d} of shape {x.shape} has no elements to choose from")
    indices = find(x, axis=d, keepdims=True)
    values = np.take_along_axis(x, indices, d)
    shape = values.shape if keepdim else values.shape[:d] + values.shape[d + 1 :]
    out = record1(values.reshape(shape), rule, input, (indices, d, x.shape))
    return out, wrap(indices.reshape(shape))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the largest element (the first, at ties); int64, carries no gradient.

    Args:
        input: tensor.
        dim: dimension to search; None for the index into the flattened tensor.
        keepdim: keep the dimension with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.argmax(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        tensor([1, 0])
    """
    return _index_of("argmax", np.argmax, input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the smallest element (the first, at ties); int64, carries no gradient.

    Args:
        input: tensor.
        dim: dimension to search; None for the index into the flattened tensor.
        keepdim: keep the dimension with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.argmin(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        tensor([0, 1])
    """
    return _index_of("argmin", np.argmin, input, dim, keepdim)


def _index_of(op: str, find: Any, input: Any, dim: int | None, keepdim: bool) -> Tensor:
    x = as_operand(input, op).array
    if x.dtype.kind == "b":
        raise DtypeError(f"{op}: not defined for bool; use input.to(tapegrad.uint8)")
    if dim is not None:
        dim = normal_dim(op, dim, x.ndim)
    if not (x.size if dim is None or not x.ndim else x.shape[dim]):
        raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from along dim {dim}")
    return wrap(as_array(find(x, axis=dim if x.ndim else None, keepdims=keepdim)))


def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true (not zero); bool, carries no gradient.

    The result for uint8 is uint8, and over `dim=()` every element is judged alone, as in PyTorch.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.all(tg.tensor([True, False]))
        tensor(False)
    """
    return _truth("all", np.all, input, dim, keepdim)


def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true (not zero); bool, carries no gradient.

    The result for uint8 is uint8, and over `dim=()` every element is judged alone, as in PyTorch.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.any(tg.tensor([True, False]))
        tensor(True)
    """
    return _truth("any", np.any, input, dim, keepdim)


def _truth(op: str, find: Any, input: Any, dim: Any, keepdim: bool) -> Tensor:
    x = as_operand(input, op).array
    if isinstance(dim, (tuple, list)) and not dim:
        out = as_array(x != 0)
    else:
        out = as_array(find(x, axis=normal_dims(op, dim, x.ndim), keepdims=keepdim))
    return wrap(out.astype(x.dtype) if x.dtype == dtypes.uint8 else out)
