"""More functions of two operands that broadcast.

In the formulas `g` is the gradient of the result. Operands broadcast against each other; the engine
sums the gradients back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..errors import DtypeError
from ..kernels.scan import logaddexp_complex
from ..record import ALL, record2
from ..tensor import Tensor, raw
from .arithmetic import NO_ORDER, binary, pow, refusing, singular, singulars, sub
from .cast import as_operand, cast, not_complex, operand, promoted, refused
from .elementwise import sigmoid
from .inplace import inplace
from .output import into
from .words import UFUNCS

__all__ = [
    "arctan2", "atan2", "float_power", "fmax", "fmin", "fmod", "heaviside", "hypot", "logaddexp",
    "logaddexp2", "rsub",
]  # fmt: skip
METHODS = [*(name for name in __all__ if name != "rsub"), "float_power_"]
INPLACE = ["arctan2", "atan2", "fmod", "heaviside", "hypot"]

_DOUBLE, _COMPLEX = np.dtype("float64"), np.dtype("complex128")

kernels.sigmoid.register(Tensor)(sigmoid)  # the rules of logaddexp call it on tensors


def floating_only(ufunc: Any) -> Callable[..., Any]:
    return refusing("biu", ufunc, "it needs floating operands; convert with .float()")


def floats(op: str, input: Any, other: Any) -> tuple[Any, ...]:
    """Both operands, integers made floating; a floating tensor leaves promotion to the operation."""
    if isinstance(input, Tensor) and input.array.dtype.kind == "f":
        return input, other
    return promoted(op, (input, other), floating=True)


def fmod(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Remainder with the sign of the dividend, as C's `fmod`.

    Value: `input - trunc(input / other) * other`. Adjoint: `g` for `input`,
    `-g * trunc(input / other)` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; not bool.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for bool tensors.
        ZeroDivisionError: never; integers by zero give 0 with NumPy's warning.

    Example:
        >>> import tapegrad as tg
        >>> tg.fmod(tg.tensor([5.0, -5.0]), 3)
        tensor([ 2., -2.])
    """
    if out is not None:
        return into(out, fmod, input, other)
    return _fmod(input, other)


def _fmod_vjp_input(g, x, y):
    return g


@singular
def _fmod_vjp_other(g, x, y):
    return -g * np.trunc(x / y)


_fmod = binary(
    refusing("b", np.fmod, "convert one with .to(dtype)"), (_fmod_vjp_input, _fmod_vjp_other), ALL
)


def float_power(input: TensorLike, exponent: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Raise to a power in double precision, whatever the operands' dtype.

    Value: `input ** exponent` in float64, or complex128 if an operand is complex. Adjoint: as that of
    `pow`, converted back.

    Args:
        input, exponent: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.float_power(tg.tensor([2, 4]), tg.tensor([-1, 2]))
        tensor([ 0.5000, 16.0000], dtype=tapegrad.float64)
    """
    if out is not None:
        return into(out, float_power, input, exponent)
    input, exponent = promoted("float_power", (input, exponent), floating=True)
    return pow(_double(input), _double(exponent))


def _double(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return cast(value, _COMPLEX if value.array.dtype.kind == "c" else _DOUBLE)


def float_power_(input: Tensor, exponent: TensorLike) -> Tensor:
    """In-place form of `float_power`, for float64 and complex128; returns the tensor itself."""
    if input.dtype not in (_DOUBLE, _COMPLEX):
        raise DtypeError(
            f"float_power_: the result is float64 or complex128, which {input.dtype} cannot hold; "
            "use x = x.float_power(exponent)"
        )
    return _float_power_(input, exponent)


_float_power_ = inplace(float_power)


def atan2(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Angle of the point (`other`, `input`) in radians, between -pi and pi.

    Value: `atan2(input, other)`. Adjoint, with `d = input**2 + other**2`: `g * other / d` for `input`,
    `-g * input / d` for `other`; both are 0 at the origin.

    Args:
        input: ordinates; tensor or number.
        other: abscissae; tensor or number whose shape broadcasts. Integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.atan2(tg.tensor([1.0, -1.0]), tg.tensor([1.0, 0.0]))
        tensor([ 0.7854, -1.5708])
    """
    if out is not None:
        return into(out, atan2, input, other)
    return _atan2(*floats("atan2", input, other))


def _atan2_vjp_input(g, x, y):
    d = x * x + y * y
    return g * (y / np.where(d == 0, 1, d))


def _atan2_vjp_other(g, x, y):
    d = x * x + y * y
    return -g * (x / np.where(d == 0, 1, d))


_atan2 = binary(np.arctan2, (_atan2_vjp_input, _atan2_vjp_other), ALL)


def hypot(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Length of the hypotenuse, without overflow on the way.

    Value: `y = sqrt(input**2 + other**2)`. Adjoint: `g * input / y` for `input`, `g * other / y` for
    `other`; NaN at the origin, as in PyTorch.

    Args:
        input, other: floating tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers.

    Example:
        >>> import tapegrad as tg
        >>> tg.hypot(tg.tensor([3.0, 5.0]), tg.tensor([4.0, 12.0]))
        tensor([ 5., 13.])
    """
    if out is not None:
        return into(out, hypot, input, other)
    return _hypot(input, other)


def _hypot_vjp_input(g, x, y):
    return g * (x / np.hypot(x, y))


def _hypot_vjp_other(g, x, y):
    return g * (y / np.hypot(x, y))


_hypot = binary(floating_only(np.hypot), singulars(_hypot_vjp_input, _hypot_vjp_other), ALL)


def logaddexp(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm of the sum of exponentials, without overflow.

    Value: `log(e**input + e**other)`. Adjoint: `g * sigmoid(input - other)` for `input`,
    `g * sigmoid(other - input)` for `other`.

    Args:
        input, other: floating tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers.

    Example:
        >>> import tapegrad as tg
        >>> tg.logaddexp(tg.tensor([0.0, 1000.0]), tg.tensor([0.0, 1000.0]))
        tensor([6.9315e-01, 1.0007e+03])
    """
    if out is not None:
        return into(out, logaddexp, input, other)
    return _logaddexp(input, other)


# Singular: the derivative is not defined where both are the same infinity.
@singular
def _logaddexp_vjp_input(g, x, y):
    return g * kernels.sigmoid(x - y)


@singular
def _logaddexp_vjp_other(g, x, y):
    return g * kernels.sigmoid(y - x)


def _log_of_sum(x, y):
    try:
        return np.logaddexp(x, y)
    except TypeError:  # complex numbers
        return logaddexp_complex(x, y)


_logaddexp = binary(floating_only(_log_of_sum), (_logaddexp_vjp_input, _logaddexp_vjp_other), ALL)


def logaddexp2(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 2 of the sum of powers of 2, without overflow.

    Value: `log2(2**input + 2**other)`. Adjoint: `g * sigmoid((input - other) * log(2))` for `input`,
    `g * sigmoid((other - input) * log(2))` for `other`.

    Args:
        input, other: floating tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers.

    Example:
        >>> import tapegrad as tg
        >>> tg.logaddexp2(tg.tensor([0.0, 3.0]), tg.tensor([0.0, 3.0]))
        tensor([1., 4.])
    """
    if out is not None:
        return into(out, logaddexp2, input, other)
    return _logaddexp2(input, other)


@singular
def _logaddexp2_vjp_input(g, x, y):
    return g * kernels.sigmoid((x - y) * math.log(2))


@singular
def _logaddexp2_vjp_other(g, x, y):
    return g * kernels.sigmoid((y - x) * math.log(2))


_logaddexp2 = binary(
    floating_only(np.logaddexp2), (_logaddexp2_vjp_input, _logaddexp2_vjp_other), ALL
)


def fmax(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The larger of two values; where one is NaN, the other one.

    Value: `max(input, other)`. Adjoint: `g` to the one that was chosen, to `input` at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.fmax(tg.tensor([1.0, float("nan")]), tg.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """
    if out is not None:
        return into(out, fmax, input, other)
    return _fmax(input, other)


def _fmax_vjp_input(g, x, y):
    return kernels.masked(g, (x >= y) | np.isnan(y))


def _fmax_vjp_other(g, x, y):
    return kernels.masked(g, ~((x >= y) | np.isnan(y)))


_fmax = binary(refusing("c", np.fmax, NO_ORDER), (_fmax_vjp_input, _fmax_vjp_other), ALL)


def fmin(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The smaller of two values; where one is NaN, the other one.

    Value: `min(input, other)`. Adjoint: `g` to the one that was chosen, to `input` at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.fmin(tg.tensor([1.0, float("nan")]), tg.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, fmin, input, other)
    return _fmin(input, other)


def _fmin_vjp_input(g, x, y):
    return kernels.masked(g, (x <= y) | np.isnan(y))


def _fmin_vjp_other(g, x, y):
    return kernels.masked(g, ~((x <= y) | np.isnan(y)))


_fmin = binary(refusing("c", np.fmin, NO_ORDER), (_fmin_vjp_input, _fmin_vjp_other), ALL)


def heaviside(input: Tensor, values: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Step from 0 to 1 at zero, with given values at the step itself.

    Value: 0 where `input < 0` or NaN, `values` where it is 0, 1 where it is positive. Adjoint: zero for
    `input`, `g` where `input` is 0 for `values`.

    Args:
        input: tensor of any shape.
        values: tensor of the same dtype, or number; shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.heaviside(tg.tensor([-1.5, 0.0, 2.0]), tg.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return into(out, heaviside, input, values)
    input = as_operand(input, "heaviside")
    kinds = input.dtype, getattr(raw(values), "dtype", input.dtype)
    values = operand(values, input, "heaviside", "values")
    input, values = promoted("heaviside", (input, values))
    not_complex("heaviside", input)
    if kinds != (input.dtype, input.dtype):
        given = kinds[1] if isinstance(values, Tensor) else type(values).__name__
        raise DtypeError(f"heaviside: dtypes differ, {kinds[0]} and {given}; convert one")
    x = input.array
    try:
        result = np.where(x == 0, raw(values), (x > 0).astype(x.dtype))
    except (ValueError, TypeError) as error:
        raise refused("heaviside", error, input, values) from None
    return record2(result, (_heaviside_vjp_input, _heaviside_vjp_values), input, values, (x,))


def _heaviside_vjp_input(g, x):
    return np.zeros_like(g)


def _heaviside_vjp_values(g, x):
    return kernels.masked(g, x == 0)


def rsub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """Subtract the first operand from the second.

    Value: `other - alpha * input`. Adjoint: `-alpha * g` for `input`, `g` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; not bool.
        alpha: factor of `input`.

    Raises:
        DtypeError: for bool tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.rsub(tg.tensor([1.0, 2.0]), 10)
        tensor([9., 8.])
    """
    for value in (raw(input), raw(other)):
        if isinstance(value, bool) or getattr(value, "dtype", _DOUBLE).kind == "b":
            raise DtypeError("rsub: not defined for bool; use ^ or logical_xor")
    return sub(other, input, alpha=alpha)


arctan2 = atan2
UFUNCS.update({
    np.fmod: fmod, np.float_power: float_power, np.arctan2: atan2, np.hypot: hypot,
    np.logaddexp: logaddexp, np.logaddexp2: logaddexp2, np.fmax: fmax, np.fmin: fmin,
    np.heaviside: heaviside,
})  # fmt: skip
