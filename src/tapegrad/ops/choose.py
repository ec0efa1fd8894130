"""Choosing between values: maximum, minimum, clamp, where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._typing import DType, TensorLike
from ..device import is_array
from ..errors import ArgumentError, DtypeError
from ..record import ALL, record, record2
from ..tensor import Tensor, raw, wrap
from .arithmetic import NO_ORDER, binary, refusing
from .cast import as_operand, cast, promoted, refused
from .output import into
from .words import UFUNCS, implements

__all__ = ["clamp", "clip", "maximum", "minimum", "where"]
METHODS = ["clamp", "clip", "maximum", "minimum"]
INPLACE = ["clamp", "clip"]

ndarray = np.ndarray


def maximum(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The larger of two values; NaN where either is NaN.

    Value: `max(input, other)`. Adjoint: `g` to the larger one, half of it to each at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.maximum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
        tensor([3., 5.])
    """
    if out is not None:
        return into(out, maximum, input, other)
    return _maximum(input, other)


def _won(g, x, y):
    """`g` where `x` is the greater one or either is NaN, half of it where they tie."""
    return kernels.masked(g, ~(x <= y)) + kernels.masked(g / 2, x == y)


def _maximum_vjp_input(g, x, y):
    return _won(g, x, y)


def _maximum_vjp_other(g, x, y):
    return _won(g, y, x)


_maximum = binary(
    refusing("c", np.maximum, NO_ORDER), (_maximum_vjp_input, _maximum_vjp_other), ALL
)


def minimum(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two values; NaN where either is NaN.

    Value: `min(input, other)`. Adjoint: `g` to the smaller one, half of it to each at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.minimum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, minimum, input, other)
    return _minimum(input, other)


def _minimum_vjp_input(g, x, y):
    return _won(g, y, x)


def _minimum_vjp_other(g, x, y):
    return _won(g, x, y)


_minimum = binary(
    refusing("c", np.minimum, NO_ORDER), (_minimum_vjp_input, _minimum_vjp_other), ALL
)


def clamp(
    input: TensorLike, min: Any = None, max: Any = None, *, out: Tensor | None = None
) -> Tensor:
    """Limit to a range.

    Value: `min(max(input, min), max)`. Adjoint: `g` where `min <= input <= max`, both ends included,
    else 0; a tensor given as a bound gets `g` where it was chosen.

    Args:
        input: tensor of any shape.
        min, max: numbers or tensors that broadcast; None for no bound. NaN stays NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: if both bounds are None, or for a number that the dtype cannot hold.
        DtypeError: for complex operands, and for bool ones unless the only bound is a tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.clamp(tg.tensor([-2.0, 0.5, 2.0]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if out is not None:
        return into(out, clamp, input, min, max)
    if min is None and max is None:
        raise ArgumentError("clamp: at least one of min and max must be given")
    given = [bound for bound in (min, max) if bound is not None]
    input, *bounds = promoted("clamp", (input, *given))
    dtype = next(value.dtype for value in (input, *bounds) if isinstance(value, Tensor))
    numbers = [isinstance(bound, Tensor) for bound in bounds].count(False)
    if dtype.kind == "c" or (dtype.kind == "b" and (numbers or len(bounds) > 1)):
        raise DtypeError(f"clamp: not defined for {dtype}; convert the operands to a real dtype")
    if numbers:
        bounds = [
            bound if isinstance(bound, Tensor) else held("clamp", value, dtype)
            for value, bound in zip(given, bounds, strict=True)
        ]
    low = bounds[0] if min is not None else None
    high = bounds[-1] if max is not None else None
    x, lo, hi = raw(input), raw(low), raw(high)
    try:
        result = x if lo is None else np.maximum(x, lo)
        result = result if hi is None else np.minimum(result, hi)
    except (ValueError, TypeError) as error:
        raise refused("clamp", error, input, *bounds) from None
    return record(
        result, (_clamp_vjp_input, _clamp_vjp_min, _clamp_vjp_max), (input, low, high), (x, lo, hi)
    )


def _clamp_vjp_input(g, x, lo, hi):
    if lo is not None:
        g = kernels.masked(g, x >= lo)
    return g if hi is None else kernels.masked(g, x <= hi)


def _clamp_vjp_min(g, x, lo, hi):
    g = kernels.masked(g, x < lo)
    return g if hi is None else kernels.masked(g, lo < hi)


def _clamp_vjp_max(g, x, lo, hi):
    below = x > hi if lo is None else (x > hi) | (lo > hi)
    return kernels.masked(g, below)


def held(op: str, value: Any, dtype: DType) -> Any:
    """A number as the dtype holds it, truncated as in PyTorch, or an error beyond its range."""
    value = value.item() if isinstance(value, np.generic) else value
    if dtype.kind == "c":
        return complex(value)
    if isinstance(value, complex):
        raise DtypeError(f"{op}: a {dtype} tensor takes a real number, got {value}")
    size = abs(value)
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind == "f":
        # the largest float16 first: np.finfo costs a microsecond
        if size <= 65504 or not size < math.inf or size <= float(np.finfo(dtype).max):
            return float(value)
    elif size < math.inf:
        info = np.iinfo(dtype)
        value = int(value)
        if info.min <= value <= info.max:
            return value
        if info.min == 0 and -info.max <= value < 0:  # wraps around, as in PyTorch
            return value + info.max + 1
    raise ArgumentError(f"{op}: the number {value} is beyond the range of {dtype}")


def where(
    condition: Any, input: Any = None, other: Any = None, *, out: Tensor | None = None
) -> Any:
    """Choose elementwise: `input` where the condition is true, `other` elsewhere.

    Adjoint: `g` to the chosen one, exactly zero to the other. That zero stays zero on its way through
    elementwise operations whose derivative is infinite there (`log`, `sqrt`, `div`, `pow`, `exp`,
    `relu`), where 0 * inf would make it NaN. It goes no further: after a sum or a matrix product
    that mixes the element with others, an infinite derivative is an infinite derivative.

    Args:
        condition: bool tensor. Alone, its true positions are returned, one index tensor a dimension.
        input, other: tensors or numbers; all three shapes broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: if the condition is not bool.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([-1.0, 0.0, 4.0], requires_grad=True)
        >>> tg.where(x > 0, tg.sqrt(tg.clamp(x, min=0)), 0.0).sum().backward()
        >>> x.grad
        tensor([0.0000, 0.0000, 0.2500])
    """
    if out is not None:
        return into(out, where, condition, input, other)
    condition = as_operand(condition, "where", "condition")
    c = condition.array
    if input is None and other is None:
        return tuple(wrap(index) for index in np.nonzero(c))
    if c.dtype.kind != "b":
        raise DtypeError(f"where: condition must be a bool tensor, got {c.dtype}; use e.g. x != 0")
    if not is_array(raw(input)) and not is_array(raw(other)):
        wanted = np.result_type(np.asarray(input), np.asarray(other))
        input = cast(
            wrap(np.full_like(c, raw(input), dtype=wanted, shape=())), _number_dtype(wanted)
        )
    input, other = promoted("where", (input, other))
    x, y = raw(input), raw(other)
    try:
        result = kernels.select(c, x, y)
    except (ValueError, TypeError) as error:
        raise refused("where", error, condition, input, other) from None
    return record2(result, (_where_vjp_input, _where_vjp_other), input, other, (c,))


def _number_dtype(dtype: Any) -> Any:
    from ..dtypes import complex_of, get_default_dtype

    default = get_default_dtype()
    return {"f": default, "c": complex_of(default)}.get(dtype.kind, dtype)


def _where_vjp_input(g, c):
    return kernels.masked(g, c)


def _where_vjp_other(g, c):
    return kernels.masked(g, ~c)


clip = clamp
UFUNCS.update({np.maximum: maximum, np.minimum: minimum})


@implements(np.where)
def _np_where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return where(condition, x, y)


@implements(np.clip)
def _np_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    return clamp(a, min if a_min is None else a_min, max if a_max is None else a_max)
