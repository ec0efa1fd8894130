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
from ..kernels.sums import MANY
from ..record import OUT, record, record1
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, not_complex
from .choose import maximum, minimum
from .output import into
from .shape import normal_dim, normal_dims
from .words import REDUCTIONS, implements

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
    return cast(operation(cast(input, dtypes.float32), *args, **kwargs), input.dtype)


def floating_operand(op: str, value: Any, hint: str = "convert it with .float()") -> Tensor:
    """A tensor whose dtype is floating, or an error."""
    tensor = as_operand(value, op)
    if tensor.array.dtype.kind in "biu":
        raise DtypeError(f"{op}: input must be floating, got {tensor.array.dtype}; {hint}")
    return tensor


def sum(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum over dimensions.

    Adjoint: `g` broadcast over what was summed.

    Args:
        input: tensor; integers and bools are summed in int64.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The sums; 0 over no elements.

    Example:
        >>> import tapegrad as tg
        >>> tg.sum(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        tensor([4., 6.])
    """
    if out is not None:
        return into(out, sum, input, dim, keepdim, dtype=dtype)
    if dtype is None and isinstance(input, Tensor):
        wide = ACCUMULATOR.get(input.array.dtype.char)
    else:
        input, wide, _ = accumulated("sum", input, dtype)
    x = input.array
    if dim is None and not keepdim:
        dims = kept = None
    else:
        dims = normal_dims("sum", dim, x.ndim)
        kept = kept_shape(x.shape, dims)
    if wide is None and x.size >= MANY:
        result = kernels.total(x, dims, keepdim)
    else:
        result = _add.reduce(x, axis=dims, dtype=wide, keepdims=keepdim)
    if wide is dtypes.float32:
        result = result.astype(x.dtype)
    return record1(result, _sum_vjp, input, (x.shape, kept))


def _sum_vjp(g, shape, kept):
    return kernels.broadcast(g if kept is None else g.reshape(kept), shape)


def mean(
    input: Tensor,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """Arithmetic mean over dimensions.

    Adjoint: `g / n`, broadcast over the `n` elements that were averaged.

    Args:
        input: floating tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The means; NaN over no elements.

    Raises:
        DtypeError: for an integer or bool tensor without `dtype`.

    Example:
        >>> import tapegrad as tg
        >>> tg.mean(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
        tensor([2., 3.])
    """
    if out is not None:
        return into(out, mean, input, dim, keepdim, dtype=dtype)
    input = as_operand(input, "mean")
    if dtype is not None:
        input = cast(input, dtypes.as_dtype(dtype))
    input = floating_operand("mean", input, "pass dtype=tapegrad.float32")
    x = input.array
    if is_half(x):
        return in_float32(mean, input, dim, keepdim)
    dims = normal_dims("mean", dim, x.ndim)
    n = math.prod(x.shape[d] for d in dims)
    if x.size >= MANY:
        total = kernels.total(x, dims, keepdim)
    else:
        total = _add.reduce(x, axis=dims, keepdims=keepdim)
    result = total * (1 / n) if n else total * math.nan
    return record1(result, _mean_vjp, input, (x.shape, kept_shape(x.shape, dims), n))


def _mean_vjp(g, shape, kept, n):
    return kernels.broadcast(g.reshape(kept) * (1 / n if n else math.nan), shape)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Variance over dimensions.

    Value: `sum(|input - mean|**2) / (n - correction)`. Adjoint:
    `2 g (input - mean) / (n - correction)`.

    Args:
        input: floating or complex tensor; the result is real.
        dim: dimension or dimensions; None for all.
        unbiased: True means `correction=1`, False `correction=0`.
        keepdim: keep them with size 1.
        correction: what is taken off the number of elements; 1 by default (Bessel's correction).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The variances; infinite where no degree of freedom is left, NaN if all elements are equal too.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.var(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
        tensor(1.2500)
    """
    if out is not None:
        return into(out, var, input, dim, unbiased, keepdim, correction=correction)
    dim, correction = correction_of("var", dim, unbiased, correction)
    input = floating_operand("var", input)
    x = input.array
    if is_half(x):
        return in_float32(var, input, dim, None, keepdim, correction=correction)
    result, _, dims, n, scale = deviation("var", x, dim, keepdim, correction)
    return record1(result, _var_vjp, input, (x, dims, n, scale))


def _var_vjp(g, x, dims, n, scale):
    centred = x - np.add.reduce(x, axis=dims, keepdims=True) * (1 / n if n else math.nan)
    g = g.reshape(kept_shape(x.shape, dims))
    if scale == math.inf:
        return g * np.where(centred == 0, math.nan, math.inf)
    return g * (2 * scale) * kernels.conj(centred)


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
    squares = _add.reduce(kernels.squares(centred), axis=dims, keepdims=keepdim)
    return squares * scale if n else squares * math.nan, mean, dims, n, scale


def max(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The largest element, or the largest along a dimension with its index; NaN beats all.

    Adjoint: without `dim`, `g` shared equally among the elements that attain the maximum; with `dim`,
    `g` at the index that was returned (the first, at ties).

    Args:
        input: tensor.
        dim: dimension to reduce; None for all. A tensor here means `maximum(input, dim)`.
        keepdim: keep it with size 1.
        out: tensor, two with `dim`, to write into, shaped alike or empty; where nothing is recorded.

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
    if out is not None:
        return into(out, max, input, dim, keepdim)
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    if dim is None:
        return _whole("max", _max_vjp, input, keepdim)
    return _along("max", max_pair, np.argmax, _max_dim_vjp, input, dim, keepdim)


def _max_vjp(g, x, y):
    return shared_equally(g, x, y)


def _max_dim_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def min(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The smallest element, or the smallest along a dimension with its index; NaN beats all.

    Adjoint: without `dim`, `g` shared equally among the elements that attain the minimum; with `dim`,
    `g` at the index that was returned (the first, at ties).

    Args:
        input: tensor.
        dim: dimension to reduce; None for all. A tensor here means `minimum(input, dim)`.
        keepdim: keep it with size 1.
        out: tensor, two with `dim`, to write into, shaped alike or empty; where nothing is recorded.

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
    if out is not None:
        return into(out, min, input, dim, keepdim)
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    if dim is None:
        return _whole("min", _min_vjp, input, keepdim)
    return _along("min", min_pair, np.argmin, _min_dim_vjp, input, dim, keepdim)


def _min_vjp(g, x, y):
    return shared_equally(g, x, y)


def _min_dim_vjp(g, indices, dim, shape):
    return put_back(g, indices, dim, shape)


def _whole(op: str, rule: Any, input: Any, keepdim: bool) -> Tensor:
    if keepdim:
        raise ArgumentError(f"{op}: keepdim needs a dim; use a{op}(input, keepdim=True)")
    input = as_operand(input, op)
    not_complex(op, input)
    x = input.array
    if not x.size:
        raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from")
    return record(getattr(x, op)(), (rule,), (input,), (x, OUT))  # CuPy has no np.maximum.reduce


def shared_equally(g, x, y):
    """The rule of an element chosen from all: `g` shared among those that equal it."""
    chosen = np.where(y == y, x == y, x != x)  # y != y: it is NaN
    return g * chosen / np.add.reduce(raw(chosen), axis=None, dtype=x.dtype)


def _along(op: str, pair: Any, find: Any, rule: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    input = as_operand(input, op)
    not_complex(op, input)
    x = input.array
    d = filled_dim(op, dim, x)
    if not x.ndim:
        return alone(pair, input)
    return pick(pair, rule, input, find(x, axis=d, keepdims=True), d, keepdim)


def filled_dim(op: str, dim: Any, x: Any) -> int:
    """A dimension, counted from the front, that has elements to choose from."""
    d = normal_dim(op, dim, x.ndim)
    if x.ndim and not x.shape[d]:
        raise ShapeError(f"{op}: dim {d} of shape {x.shape} has no elements to choose from")
    return d


def pick(pair: Any, rule: Any, input: Tensor, indices: Any, dim: int, keepdim: bool = True) -> Any:
    """What stands at `indices` along a dimension, recorded, with the indices.

    Args:
        pair: the named tuple to answer.
        rule: called with (g, indices, dim, shape of the input).
        input: tensor with at least one dimension.
        indices: index array in which no element is named twice.
        dim: the dimension.
        keepdim: False drops it.
    """
    x = input.array
    values = np.take_along_axis(x, indices, dim)
    shape = values.shape if keepdim else values.shape[:dim] + values.shape[dim + 1 :]
    out = record1(values.reshape(shape), rule, input, (indices, dim, x.shape))
    return pair(out, wrap(indices.reshape(shape)))


def put_back(g, indices, dim, shape):
    """The rule of everything that was picked: `g` at the indices, zero elsewhere."""
    return kernels.scatter_along(g.reshape(indices.shape), indices, dim, shape)


def alone(pair: Any, input: Tensor) -> Any:
    """The answer for a 0-d tensor: itself, at index 0."""
    return pair(input.clone(), wrap(np.zeros_like(input.array, dtype=dtypes.int64)))


def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Index of the largest element (the first, at ties); int64, carries no gradient.

    Args:
        input: tensor.
        dim: dimension to search; None for the index into the flattened tensor.
        keepdim: keep the dimension with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.argmax(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        tensor([1, 0])
    """
    if out is not None:
        return into(out, argmax, input, dim, keepdim)
    return _index_of("argmax", np.argmax, input, dim, keepdim)


def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Index of the smallest element (the first, at ties); int64, carries no gradient.

    Args:
        input: tensor.
        dim: dimension to search; None for the index into the flattened tensor.
        keepdim: keep the dimension with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.argmin(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
        tensor([0, 1])
    """
    if out is not None:
        return into(out, argmin, input, dim, keepdim)
    return _index_of("argmin", np.argmin, input, dim, keepdim)


def _index_of(op: str, find: Any, input: Any, dim: int | None, keepdim: bool) -> Tensor:
    x = as_operand(input, op).array
    if x.dtype.kind == "b":
        raise DtypeError(f"{op}: not defined for bool; use input.to(tapegrad.uint8)")
    not_complex(op, x)
    if dim is not None:
        dim = normal_dim(op, dim, x.ndim)
    if not (x.size if dim is None or not x.ndim else x.shape[dim]):
        raise ShapeError(f"{op}: shape {x.shape} has no elements to choose from along dim {dim}")
    return wrap(as_array(find(x, axis=dim if x.ndim else None, keepdims=keepdim)))


def all(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Whether all elements are true (not zero); bool, carries no gradient.

    The result for uint8 is uint8, and over `dim=()` every element is judged alone, as in PyTorch.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.all(tg.tensor([True, False]))
        tensor(False)
    """
    if out is not None:
        return into(out, all, input, dim, keepdim)
    return _truth("all", np.all, input, dim, keepdim)


def any(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Whether any element is true (not zero); bool, carries no gradient.

    The result for uint8 is uint8, and over `dim=()` every element is judged alone, as in PyTorch.

    Args:
        input: tensor.
        dim: dimension or dimensions; None for all.
        keepdim: keep them with size 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.any(tg.tensor([True, False]))
        tensor(True)
    """
    if out is not None:
        return into(out, any, input, dim, keepdim)
    return _truth("any", np.any, input, dim, keepdim)


def _truth(op: str, find: Any, input: Any, dim: Any, keepdim: bool) -> Tensor:
    x = as_operand(input, op).array
    if isinstance(dim, (tuple, list)) and not dim:
        out = as_array(x != 0)
    else:
        out = as_array(find(x, axis=normal_dims(op, dim, x.ndim), keepdims=keepdim))
    return wrap(out.astype(x.dtype) if x.dtype == dtypes.uint8 else out)


REDUCTIONS.update({np.add: sum, np.logical_and: all, np.logical_or: any})


@implements(np.sum)
def _np_sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return sum(a, axis, keepdims, dtype=dtype)


@implements(np.mean)
def _np_mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    return mean(a, axis, keepdims, dtype=dtype)


@implements(np.var)
def _np_var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    a = a if dtype is None else a.to(dtype)
    return var(a, axis, correction=ddof if correction is None else correction, keepdim=keepdims)


@implements(np.argmax)
def _np_argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return argmax(a, axis, keepdims)


@implements(np.argmin)
def _np_argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    return argmin(a, axis, keepdims)


@implements(np.all)
def _np_all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return all(a, axis, keepdims)


@implements(np.any)
def _np_any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return any(a, axis, keepdims)
