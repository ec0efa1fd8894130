"""Rounding, signs and the places where numbers end: NaN and the infinities.

In the formulas `g` is the gradient of the result. A step function has the gradient zero, which is
recorded, so that `backward` can be called on its result.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array
from ..dtypes import finfo
from ..errors import ArgumentError, DtypeError
from ..record import record1
from ..tensor import Tensor, wrap
from .cast import as_operand
from .output import into
from .words import UFUNCS, implements

__all__ = [
    "ceil", "fix", "floor", "frac", "isneginf", "isposinf", "nan_to_num", "positive", "round",
    "signbit", "trunc",
]  # fmt: skip
METHODS = __all__
INPLACE = ["ceil", "fix", "floor", "frac", "nan_to_num", "round", "trunc"]


def _number(input: Any, op: str) -> Tensor:
    input = as_operand(input, op)
    if input.array.dtype.kind in "bc":
        raise DtypeError(
            f"{op}: needs an integer or floating tensor, got {input.dtype}; convert it with .to(dtype)"
        )
    return input


def _step(function: Any, op: str, rule: Any, input: Any) -> Tensor:
    input = _number(input, op)
    x = input.array
    if x.dtype.kind in "iu":  # already whole, and exact only without a detour through floats
        return wrap(x.copy())
    return record1(function(x), rule, input)


def floor(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Round down to a whole number. Value: `floor(input)`, in the same dtype. The gradient is zero.

    Args:
        input: tensor of any shape, not bool.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.floor(tg.tensor([1.7, -1.2]))
        tensor([ 1., -2.])
    """
    if out is not None:
        return into(out, floor, input)
    return _step(np.floor, "floor", _floor_vjp, input)


def _floor_vjp(g):
    return np.zeros_like(g)


def ceil(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Round up to a whole number. Value: `ceil(input)`, in the same dtype. The gradient is zero.

    Args:
        input: tensor of any shape, not bool.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.ceil(tg.tensor([1.2, -1.7]))
        tensor([ 2., -1.])
    """
    if out is not None:
        return into(out, ceil, input)
    return _step(np.ceil, "ceil", _ceil_vjp, input)


def _ceil_vjp(g):
    return np.zeros_like(g)


def trunc(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Cut off the fraction: round towards zero, in the same dtype. The gradient is zero.

    Args:
        input: tensor of any shape, not bool.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.trunc(tg.tensor([1.7, -1.7]))
        tensor([ 1., -1.])
    """
    if out is not None:
        return into(out, trunc, input)
    return _step(np.trunc, "trunc", _trunc_vjp, input)


def _trunc_vjp(g):
    return np.zeros_like(g)


def round(input: TensorLike, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """Round to the nearest number with so many decimals, halves to the even one.

    The gradient is zero.

    Args:
        input: tensor of any shape, not bool.
        decimals: digits kept after the point; negative ones round before it.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a bool tensor, and for an integer tensor if `decimals` is not 0.
        ArgumentError: if `decimals` is no int.

    Example:
        >>> import tapegrad as tg
        >>> tg.round(tg.tensor([0.5, 1.5, -2.7]))
        tensor([ 0.,  2., -3.])
        >>> tg.round(tg.tensor([0.126, 3.14159]), decimals=2)
        tensor([0.1300, 3.1400])
    """
    if out is not None:
        return into(out, round, input, decimals=decimals)
    if isinstance(decimals, bool) or not isinstance(decimals, (int, np.integer)):
        raise ArgumentError(f"round: decimals must be an int, got {decimals!r}")
    input = _number(input, "round")
    x = input.array
    if x.dtype.kind in "iu":
        if decimals:
            raise DtypeError(
                f"round: decimals must be 0 for an integer tensor ({x.dtype}), got {decimals}"
            )
        return wrap(x.copy())
    return record1(np.round(x, decimals) if decimals else np.rint(x), _round_vjp, input)


def _round_vjp(g):
    return np.zeros_like(g)


def frac(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Keep the fraction, with the sign of the input. Value: `input - trunc(input)`. Adjoint: `g`.

    Args:
        input: floating tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.frac(tg.tensor([1.25, -1.75]))
        tensor([ 0.2500, -0.7500])
    """
    if out is not None:
        return into(out, frac, input)
    input = as_operand(input, "frac")
    x = input.array
    if x.dtype.kind in "biuc":
        raise DtypeError(f"frac: needs a floating tensor, got {x.dtype}")
    return record1(x - np.trunc(x), _frac_vjp, input)


def _frac_vjp(g):
    return g


def positive(input: TensorLike) -> Tensor:
    """Return the input itself, as `+input`.

    Args:
        input: tensor of any shape, not bool.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.positive(tg.tensor([1.0, -2.0]))
        tensor([ 1., -2.])
    """
    input = as_operand(input, "positive")
    if input.array.dtype.kind == "b":
        raise DtypeError("positive: not defined for a bool tensor; convert it with .to(dtype)")
    return input


def nan_to_num(
    input: TensorLike,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Put numbers in the place of NaN and the infinities.

    Adjoint: `g` where the input is finite, else 0; complex numbers are treated part by part.

    Args:
        input: tensor of any shape; integers stay as they are.
        nan: instead of NaN, 0 by default.
        posinf, neginf: instead of inf and -inf, by default the largest and the smallest number of the
            dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: if a replacement is no number.

    Example:
        >>> import tapegrad as tg
        >>> tg.nan_to_num(tg.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
        tensor([1., 0., 9.])
    """
    if out is not None:
        return into(out, nan_to_num, input, nan, posinf, neginf)
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if value is not None and not isinstance(value, Real):
            raise ArgumentError(f"nan_to_num: {name} must be None or a number, got {value!r}")
    input = as_operand(input, "nan_to_num")
    x = input.array
    if x.dtype.kind in "biu":
        return wrap(x.copy())
    wide = x
    if x.dtype.kind not in "fc":  # NumPy's function would pass bfloat16 through as it is
        wide, limits = x.astype(np.float32), finfo(x.dtype)
        posinf = limits.max if posinf is None else posinf
        neginf = limits.min if neginf is None else neginf
    result = np.nan_to_num(wide, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)
    result = as_array(result).astype(x.dtype, copy=False)
    return record1(result, _nan_to_num_vjp, input, (x,))


def _nan_to_num_vjp(g, x):
    if x.dtype.kind == "c":  # each part for itself
        imag = np.where(np.isfinite(x.imag), g.imag, 0)
        return np.where(np.isfinite(x.real), g.real, 0) + imag * 1j
    return np.where(np.isfinite(x), g, 0)


def signbit(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where the sign is minus, at -0.0 and NaN with a minus too.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.signbit(tg.tensor([1.0, 0.0, -0.0, -2.0]))
        tensor([False, False,  True,  True])
    """
    if out is not None:
        return into(out, signbit, input)
    return wrap(as_array(np.signbit(_real("signbit", input))))


def isposinf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where the input is plus infinity.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.isposinf(tg.tensor([1.0, float("inf"), -float("inf")]))
        tensor([False,  True, False])
    """
    if out is not None:
        return into(out, isposinf, input)
    return wrap(as_array(_real("isposinf", input) == np.inf))


def isneginf(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Bool tensor that is true where the input is minus infinity.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.isneginf(tg.tensor([1.0, float("inf"), -float("inf")]))
        tensor([False, False,  True])
    """
    if out is not None:
        return into(out, isneginf, input)
    return wrap(as_array(_real("isneginf", input) == -np.inf))


def _real(op: str, input: Any) -> Any:
    x = as_operand(input, op).array
    if x.dtype.kind == "c":
        raise DtypeError(f"{op}: needs a real tensor, got {x.dtype}")
    return x


fix = trunc

UFUNCS.update({
    np.floor: floor, np.ceil: ceil, np.trunc: trunc, np.rint: round, np.positive: positive,
    np.signbit: signbit,
})  # fmt: skip
implements(np.fix)(trunc)
implements(np.isposinf)(isposinf)
implements(np.isneginf)(isneginf)


@implements(np.round, np.around)
def _np_round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return round(a, decimals=decimals)


@implements(np.nan_to_num)
def _np_nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    return nan_to_num(x, nan, posinf, neginf)
