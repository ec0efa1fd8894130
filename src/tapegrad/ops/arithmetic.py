"""Arithmetic, and the maker of operations with two operands.

In the formulas `g` is the gradient of the result. Operands broadcast against each other; the engine
sums the gradients back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._typing import TensorLike
from ..batching import fitted
from ..device import as_array, wrapping
from ..errors import ArgumentError, DtypeError
from ..record import ALL, CROSS, NOTHING, record1, record2
from ..stamps import tick
from ..tape import Pair, op_name, recording, singular_rules
from ..tensor import Tensor, raw
from .cast import as_operand, cast, promoted, refused
from .output import into
from .words import UFUNCS

__all__ = [
    "add", "div", "divide", "floor_divide", "mul", "multiply", "neg", "negative", "pow",
    "remainder", "square", "sub", "subtract", "true_divide",
]  # fmt: skip
METHODS = __all__
INPLACE = __all__

ndarray = np.ndarray
new = object.__new__
_INT = np.dtype("int64")


def binary(ufunc: Any, rules: Any, reads: str, check: Any = None) -> Any:
    """Make an operation of two operands from a NumPy function and the rules of its gradient.

    Promotion, the call and the recording stand in one frame, and operators are bound to it directly:
    0.3 us less than `record2` would take, for the operations that small programs consist of
    (benchmarks/bench_dispatch.py).

    Args:
        ufunc: the NumPy function of two operands.
        rules: the gradients of both, each `rule(g, x, y)`, or `rule(g)` if `reads` is `NOTHING`.
        reads: which operands the rules read: `ALL`, `CROSS` (each the other one's), or `NOTHING`.
        check: called with both operands, unless they are floating and alike, to refuse some.
    """
    op = op_name(rules[0])

    def apply(input: Any, other: Any) -> Tensor:
        kind = other.__class__
        if kind is Tensor or isinstance(other, Tensor):
            y = other.array
            py = other.node
            dtype = y.dtype
            try:
                x = input.array
                px = input.node
                if x.dtype is not dtype:
                    return unlike(input, other)
            except AttributeError:
                if not (_is_number(input) and _is_floating(other)):
                    return unlike(input, other)
                x = input
                px = None
        elif (kind is float or kind is int) and _is_floating(input):
            x = input.array
            px = input.node
            dtype = x.dtype
            y = other
            py = None
        else:
            return unlike(input, other)
        try:
            out = ufunc(x, y)
        except (ValueError, TypeError) as error:
            raise refused(op, error, input, other) from None
        if out.__class__ is not ndarray:
            out = as_array(out)
            if out.__class__ in wrapping:
                (input, other), _ = fitted(out, (input, other), ())
                x, y = raw(input), raw(other)
                px, py = getattr(input, "node", None), getattr(other, "node", None)
        tensor = new(Tensor)
        tensor.array = out
        if (px is None and py is None) or not recording():
            tensor.node = None
            return tensor
        tensor.node = node = Pair()
        node.parents = px, py
        node.rules = rules
        if reads is CROSS:
            node.saved = None if py is None else x, None if px is None else y
        elif reads is ALL:
            node.saved = x, y
        else:
            node.saved = ()
        node.seq = tick()
        node.shape = out.shape
        node.dtype = dtype
        return tensor

    def unlike(input: Any, other: Any) -> Tensor:
        """The same for operands of two dtypes, arrays, and whatever must be refused."""
        if check is not None:
            check(input, other)
        input, other = promoted(op, (input, other))
        x, y = raw(input), raw(other)
        try:
            out = ufunc(x, y)
        except (ValueError, TypeError) as error:
            raise refused(op, error, input, other) from None
        return record2(out, rules, input, other, () if reads is NOTHING else (x, y), reads)

    apply.__name__ = apply.__qualname__ = op
    return apply


def _is_number(value: Any) -> bool:
    return value.__class__ is float or value.__class__ is int


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.array.dtype.kind == "f"


NO_ORDER = "complex numbers have no order; use their real part, imaginary part or abs()"


def refusing(kinds: str, ufunc: Any, needs: str) -> Callable[..., Any]:
    """`ufunc` for `binary`, where NumPy would answer for operands that PyTorch refuses.

    Args:
        kinds: of the dtypes to be refused, in NumPy's characters.
        ufunc: function of two operands.
        needs: for the error, what it needs.
    """

    def call(x: Any, y: Any) -> Any:
        try:
            kind = x.dtype.kind
        except AttributeError:  # a number
            kind = y.dtype.kind
        if kind in kinds:
            raise TypeError(needs)
        return ufunc(x, y)

    return call


def singular(rule: Any) -> Any:
    """Mark an elementwise rule whose derivative may be infinite: zero gradients stay zero there."""
    singular_rules.add(rule)
    return rule


def singulars(*rules: Any) -> Any:
    """`singular` for several rules."""
    return tuple(singular(rule) for rule in rules)


def add(
    input: TensorLike, other: TensorLike, *, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """Add elementwise.

    Value: `input + alpha * other`. Adjoint: `g` for `input`, `alpha * g` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        alpha: factor of `other`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.add(tg.tensor([1.0, 2.0]), 10)
        tensor([11., 12.])
    """
    if alpha != 1:
        other = _times_alpha("add", input, other, alpha)
    if out is not None:
        return into(out, add, input, other)
    return _add(input, other)


def _times_alpha(op: str, input: Any, other: Any, alpha: Any) -> Any:
    values = raw(input), raw(other)
    whole = all(getattr(v, "dtype", np.dtype(type(v))).kind in "biu" for v in values)
    if isinstance(alpha, float) and whole:
        raise DtypeError(f"{op}: alpha must be an int for integer tensors, got {alpha}")
    if isinstance(alpha, complex) and all(_is_real(v) for v in values):
        raise DtypeError(f"{op}: alpha must be real for real tensors, got {alpha}")
    return mul(other, alpha)


def _is_real(value: Any) -> bool:
    return getattr(value, "dtype", np.dtype(type(value))).kind != "c"


def _add_vjp(g):
    return g


_add = binary(np.add, (_add_vjp, _add_vjp), NOTHING)


def sub(
    input: TensorLike, other: TensorLike, *, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """Subtract elementwise.

    Value: `input - alpha * other`. Adjoint: `g` for `input`, `-alpha * g` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; not bool.
        alpha: factor of `other`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for bool tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.sub(tg.tensor([1.0, 2.0]), 1)
        tensor([0., 1.])
    """
    if alpha != 1:
        other = _times_alpha("sub", input, other, alpha)
    if out is not None:
        return into(out, sub, input, other)
    return _sub(input, other)


def _no_bools(input: Any, other: Any) -> None:
    for value in (input, other):
        if isinstance(value, bool) or getattr(raw(value), "dtype", _INT).kind == "b":
            raise DtypeError("sub: not defined for a bool tensor; use logical_xor, or ~ for a mask")


def _sub_vjp_input(g):
    return g


def _sub_vjp_other(g):
    return -g


_sub = binary(np.subtract, (_sub_vjp_input, _sub_vjp_other), NOTHING, _no_bools)


def mul(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Multiply elementwise.

    Value: `input * other`. Adjoint: `g * other` for `input`, `g * input` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.mul(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor([3., 8.])
    """
    if out is not None:
        return into(out, mul, input, other)
    return _mul(input, other)


def _mul_vjp_input(g, x, y):
    return g * y


def _mul_vjp_other(g, x, y):
    return g * x


_mul = binary(np.multiply, (_mul_vjp_input, _mul_vjp_other), CROSS)


def div(
    input: TensorLike,
    other: TensorLike,
    *,
    rounding_mode: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Divide elementwise; integers give the default floating dtype.

    Value: `input / other`. Adjoint: `g / other` for `input`, `-g * input / other**2` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        rounding_mode: None for true division, `"floor"` or `"trunc"` for a rounded quotient in the
            promoted dtype, whose gradient is zero.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for another rounding mode.

    Example:
        >>> import tapegrad as tg
        >>> tg.div(tg.tensor([1, 2]), 2)
        tensor([0.5000, 1.0000])
    """
    if out is not None:
        return into(out, div, input, other, rounding_mode=rounding_mode)
    if rounding_mode is not None:
        if rounding_mode not in ("floor", "trunc"):
            raise ArgumentError(
                f"div: rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}"
            )
        if rounding_mode == "floor":
            return floor_divide(input, other)
        return _stepwise(_trunc_divide, "div", input, other)
    if raw(input).__class__ is not float and getattr(raw(input), "dtype", _INT).kind in "biu":
        input, other = promoted("div", (input, other), floating=True)
    return _div(input, other)


def _div_vjp_input(g, x, y):
    return g / y


def _div_vjp_other(g, x, y):
    return -g * (x / y / y)


_div = binary(np.true_divide, singulars(_div_vjp_input, _div_vjp_other), ALL)


def _trunc_divide(x, y):
    # fmod is exact, so the quotient of what is left rounds to the right integer
    whole = (x - np.fmod(x, y)) / y
    return np.rint(whole).astype(np.result_type(x, y))


def floor_divide(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Divide and round towards minus infinity; the gradient is zero.

    Value: `floor(input / other)` in the promoted dtype.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ZeroDivisionError: never; integer division by zero gives 0 with NumPy's warning.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([7, -7]) // 2
        tensor([ 3, -4])
    """
    if out is not None:
        return into(out, floor_divide, input, other)
    return _stepwise(np.floor_divide, "floor_divide", input, other)


def _stepwise(function: Any, op: str, input: Any, other: Any) -> Tensor:
    input, other = promoted(op, (input, other))
    try:
        out = as_array(function(raw(input), raw(other)))
    except (ValueError, TypeError) as error:
        raise refused(op, error, input, other) from None
    return record2(out, (_stepwise_vjp, _stepwise_vjp), input, other)


def _stepwise_vjp(g):
    return g * 0


_stepwise_vjp.op = "floor_divide"  # type: ignore[attr-defined]


def remainder(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Remainder with the sign of the divisor, as Python's `%`.

    Value: `input - floor(input / other) * other`. Adjoint: `g` for `input`,
    `-g * floor(input / other)` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([5.0, -5.0]) % 3
        tensor([2., 1.])
    """
    if out is not None:
        return into(out, remainder, input, other)
    return _remainder(input, other)


def _remainder_vjp_input(g, x, y):
    return g


@singular
def _remainder_vjp_other(g, x, y):
    return -g * np.floor_divide(x, y)


_remainder = binary(
    refusing("b", np.remainder, "convert one with .to(dtype)"),
    (_remainder_vjp_input, _remainder_vjp_other), ALL,
)  # fmt: skip


def pow(input: TensorLike, exponent: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Raise to a power elementwise.

    Value: `input ** exponent`. Adjoint: `g * exponent * input**(exponent - 1)` for `input`, zero where
    the exponent is zero; `g * value * log(input)` for `exponent`, zero where `input` is zero and the
    exponent is not negative.

    Args:
        input, exponent: tensors or numbers, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for an integer to a negative integer power.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) ** 2
        tensor([1., 4., 9.])
    """
    if out is not None:
        return into(out, pow, input, exponent)
    return _pow(input, exponent)


def _pow_vjp_input(g, x, y):
    if isinstance(y, (int, float, complex)):
        return g * x * 2 if y == 2 else g * (y * x ** (y - 1)) if y != 0 else g * 0
    return g * np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))


def _pow_vjp_exponent(g, x, y):
    if isinstance(x, (int, float, complex)):
        if x == 0:
            return np.where(y.real < 0, g * -np.inf, 0)
        return g * (x**y * np.log(complex(x) if y.dtype.kind == "c" else x))
    flat = (x == 0) & (y.real >= 0)
    return g * np.where(flat, 0, x**y * np.log(np.where(flat, 1, x)))


def _power(x, y):
    """`np.power`, which takes a hundred times as long as a product for these exponents."""
    if y.__class__ in (int, float) and y in (3, 4):
        square = x * x
        return square * (x if y == 3 else square)
    return np.power(x, y)


_pow = binary(_power, singulars(_pow_vjp_input, _pow_vjp_exponent), ALL)


def neg(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Negate. Value: `-input`. Adjoint: `-g`.

    Args:
        input: tensor of any shape, not bool.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> -tg.tensor([1.0, -2.0])
        tensor([-1.,  2.])
    """
    if out is not None:
        return into(out, neg, input)
    input = as_operand(input, "neg")
    if input.array.dtype.kind == "b":
        raise DtypeError("neg: not defined for a bool tensor; use ~input")
    return record1(-input.array, _neg_vjp, input)


def _neg_vjp(g):
    return -g


def square(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Square. Value: `input**2`. Adjoint: `2 * g * input`.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.square(tg.tensor([1.0, -3.0]))
        tensor([1., 9.])
    """
    if out is not None:
        return into(out, square, input)
    input = as_operand(input, "square")
    if input.array.dtype.kind == "b":  # as input**2
        input = cast(input, np.dtype("int64"))
    x = input.array
    return record1(x * x, _square_vjp, input, (x,))


def _square_vjp(g, x):
    return g * 2 * x


divide = true_divide = div
multiply = mul
subtract = sub
negative = neg
UFUNCS.update({
    np.add: add, np.subtract: sub, np.multiply: mul, np.true_divide: div, np.floor_divide: floor_divide,
    np.remainder: remainder, np.power: pow, np.negative: neg, np.square: square,
})  # fmt: skip
