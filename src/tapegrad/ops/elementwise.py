"""Elementwise operations: forward and gradient of each, from simple to complex.

In the formulas `g` is the gradient of the result. Operands broadcast against each other; the engine
sums the gradients back. Integer operands of operations whose result is not an integer become floating.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..device import as_array
from ..errors import ArgumentError, DtypeError
from ..stamps import tick
from ..tape import ALL, CROSS, NOTHING, OUT, Node, op_name, record, record1, record2, recording
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, floating, promoted, refused

ndarray = np.ndarray
new = object.__new__


def binary(ufunc: Any, rules: Any, reads: str) -> Any:
    """Make an operation of two operands from a NumPy function and the rules of its gradient.

    Promotion, the call and the recording stand in one frame, and operators are bound to it directly:
    0.3 us less than `record2` would take, for the operations that small programs consist of
    (benchmarks/bench_dispatch.py).

    Args:
        ufunc: the NumPy function of two operands.
        rules: the gradients of both, each `rule(g, x, y)`, or `rule(g)` if `reads` is `NOTHING`.
        reads: which operands the rules read: `ALL`, `CROSS` (each the other one's), or `NOTHING`.
    """
    op = op_name(rules[0])

    def apply(input: Any, other: Any) -> Tensor:
        kind = other.__class__
        if kind is Tensor or isinstance(other, Tensor):
            y = other.array
            py = other.node
            try:
                x = input.array
                px = input.node
                promote = x.dtype is not y.dtype
            except AttributeError:
                x = input
                px = None
                promote = not (_is_number(input) and _is_floating(other))
        elif (kind is float or kind is int) and _is_floating(input):
            x = input.array
            px = input.node
            y = other
            py = None
            promote = False
        else:
            promote = True
        if promote:
            input, other = promoted(op, (input, other))
            x, y = raw(input), raw(other)
            px, py = _node(input), _node(other)
        try:
            out = ufunc(x, y)
        except (ValueError, TypeError) as error:
            raise refused(op, error, input, other) from None
        if out.__class__ is not ndarray:
            out = as_array(out)
        tensor = new(Tensor)
        tensor.array = out
        if (px is None and py is None) or not recording():
            tensor.node = None
            return tensor
        tensor.node = node = Node()
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
        node.dtype = out.dtype
        node.value = id(out)
        node.hooks = None
        return tensor

    apply.__name__ = apply.__qualname__ = op
    return apply


def _is_number(value: Any) -> bool:
    return value.__class__ is float or value.__class__ is int


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.array.dtype.kind == "f"


def _node(value: Any) -> Node | None:
    return value.node if isinstance(value, Tensor) else None


def singular(rule: Any) -> Any:
    """Mark an elementwise rule whose derivative may be infinite: zero gradients stay zero there."""
    rule.singular = True
    return rule


def singulars(*rules: Any) -> Any:
    """`singular` for several rules."""
    return tuple(singular(rule) for rule in rules)


# -- arithmetic --------------------------------------------------------------------------------------


def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """Add elementwise.

    Value: `input + alpha * other`. Adjoint: `g` for `input`, `alpha * g` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        alpha: factor of `other`.

    Example:
        >>> import tapegrad as tg
        >>> tg.add(tg.tensor([1.0, 2.0]), 10)
        tensor([11., 12.])
    """
    if alpha != 1:
        other = mul(other, alpha)
    return _add(input, other)


def _add_vjp(g):
    return g


_add = binary(np.add, (_add_vjp, _add_vjp), NOTHING)


def sub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """Subtract elementwise.

    Value: `input - alpha * other`. Adjoint: `g` for `input`, `-alpha * g` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast; not bool.
        alpha: factor of `other`.

    Raises:
        DtypeError: for bool tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.sub(tg.tensor([1.0, 2.0]), 1)
        tensor([0., 1.])
    """
    if alpha != 1:
        other = mul(other, alpha)
    return _sub(input, other)


def _sub_vjp_input(g):
    return g


def _sub_vjp_other(g):
    return -g


_sub = binary(np.subtract, (_sub_vjp_input, _sub_vjp_other), NOTHING)


def mul(input: TensorLike, other: TensorLike) -> Tensor:
    """Multiply elementwise.

    Value: `input * other`. Adjoint: `g * other` for `input`, `g * input` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.mul(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor([3., 8.])
    """
    return _mul(input, other)


def _mul_vjp_input(g, x, y):
    return g * y


def _mul_vjp_other(g, x, y):
    return g * x


_mul = binary(np.multiply, (_mul_vjp_input, _mul_vjp_other), CROSS)


def div(input: TensorLike, other: TensorLike, *, rounding_mode: str | None = None) -> Tensor:
    """Divide elementwise; integers give the default floating dtype.

    Value: `input / other`. Adjoint: `g / other` for `input`, `-g * input / other**2` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.
        rounding_mode: None for true division, `"floor"` or `"trunc"` for a rounded quotient in the
            promoted dtype, whose gradient is zero.

    Raises:
        ArgumentError: for another rounding mode.

    Example:
        >>> import tapegrad as tg
        >>> tg.div(tg.tensor([1, 2]), 2)
        tensor([0.5000, 1.0000])
    """
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


_INT = np.dtype("int64")


def _div_vjp_input(g, x, y):
    return g / y


def _div_vjp_other(g, x, y):
    return -g * (x / y / y)


_div = binary(np.true_divide, singulars(_div_vjp_input, _div_vjp_other), ALL)


def _trunc_divide(x, y):
    # fmod is exact, so the quotient of what is left rounds to the right integer
    whole = (x - np.fmod(x, y)) / y
    return np.rint(whole).astype(np.result_type(x, y))


def floor_divide(input: TensorLike, other: TensorLike) -> Tensor:
    """Divide and round towards minus infinity; the gradient is zero.

    Value: `floor(input / other)` in the promoted dtype.

    Args:
        input, other: tensors or numbers, shapes that broadcast.

    Raises:
        ZeroDivisionError: never; integer division by zero gives 0 with NumPy's warning.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([7, -7]) // 2
        tensor([ 3, -4])
    """
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


def remainder(input: TensorLike, other: TensorLike) -> Tensor:
    """Remainder with the sign of the divisor, as Python's `%`.

    Value: `input - floor(input / other) * other`. Adjoint: `g` for `input`,
    `-g * floor(input / other)` for `other`.

    Args:
        input, other: tensors or numbers, shapes that broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([5.0, -5.0]) % 3
        tensor([2., 1.])
    """
    return _remainder(input, other)


def _remainder_vjp_input(g, x, y):
    return g


def _remainder_vjp_other(g, x, y):
    return -g * np.floor_divide(x, y)


_remainder = binary(np.remainder, (_remainder_vjp_input, _remainder_vjp_other), ALL)


def pow(input: TensorLike, exponent: TensorLike) -> Tensor:
    """Raise to a power elementwise.

    Value: `input ** exponent`. Adjoint: `g * exponent * input**(exponent - 1)` for `input`, zero where
    the exponent is zero; `g * value * log(input)` for `exponent`, zero where `input` is zero and the
    exponent is not negative.

    Args:
        input, exponent: tensors or numbers, shapes that broadcast.

    Raises:
        ArgumentError: for an integer to a negative integer power.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.0, 2.0, 3.0]) ** 2
        tensor([1., 4., 9.])
    """
    return _pow(input, exponent)


def _pow_vjp_input(g, x, y):
    if isinstance(y, (int, float)):
        return g * x * 2 if y == 2 else g * (y * x ** (y - 1)) if y != 0 else g * 0
    return g * np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))


def _pow_vjp_exponent(g, x, y):
    if isinstance(x, (int, float)):
        return g * (x**y * np.log(x)) if x != 0 else np.where(y < 0, g * np.nan, 0)
    return g * np.where((x == 0) & (y >= 0), 0, x**y * np.log(np.where(x == 0, 1, x)))


_pow = binary(np.power, singulars(_pow_vjp_input, _pow_vjp_exponent), ALL)


def neg(input: TensorLike) -> Tensor:
    """Negate. Value: `-input`. Adjoint: `-g`.

    Args:
        input: tensor of any shape, not bool.

    Raises:
        DtypeError: for a bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> -tg.tensor([1.0, -2.0])
        tensor([-1.,  2.])
    """
    input = as_operand(input, "neg")
    if input.array.dtype.kind == "b":
        raise DtypeError("neg: not defined for a bool tensor; use ~input")
    return record1(-input.array, _neg_vjp, input)


def _neg_vjp(g):
    return -g


def square(input: TensorLike) -> Tensor:
    """Square. Value: `input**2`. Adjoint: `2 * g * input`.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.square(tg.tensor([1.0, -3.0]))
        tensor([1., 9.])
    """
    input = as_operand(input, "square")
    if input.array.dtype.kind == "b":  # as input**2
        input = cast(input, np.dtype("int64"))
    x = input.array
    return record1(x * x, _square_vjp, input, (x,))


def _square_vjp(g, x):
    return g * 2 * x


# -- functions of one operand ------------------------------------------------------------------------


def exp(input: TensorLike) -> Tensor:
    """Exponential. Value: `y = e**input`. Adjoint: `g * y`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.exp(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    input = floating(input, "exp")
    return record1(np.exp(input.array), _exp_vjp, input, OUT)


@singular
def _exp_vjp(g, y):
    return g * y


def log(input: TensorLike) -> Tensor:
    """Natural logarithm. Value: `log(input)`. Adjoint: `g / input`.

    Args:
        input: tensor of any shape; integers become the default dtype. NumPy's floating-point warnings
            (`np.seterr`) tell about zeros and negative numbers, whose values are -inf and NaN.

    Example:
        >>> import tapegrad as tg
        >>> tg.log(tg.tensor([1.0, 2.0]))
        tensor([0.0000, 0.6931])
    """
    input = floating(input, "log")
    x = input.array
    return record1(np.log(x), _log_vjp, input, (x,))


@singular
def _log_vjp(g, x):
    return g / x


def sqrt(input: TensorLike) -> Tensor:
    """Square root. Value: `y = sqrt(input)`. Adjoint: `g / (2 y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sqrt(tg.tensor([4.0, 9.0]))
        tensor([2., 3.])
    """
    input = floating(input, "sqrt")
    return record1(np.sqrt(input.array), _sqrt_vjp, input, OUT)


@singular
def _sqrt_vjp(g, y):
    return g / (2 * y)


def sin(input: TensorLike) -> Tensor:
    """Sine of an angle in radians. Value: `sin(input)`. Adjoint: `g * cos(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sin(tg.tensor([0.0]))
        tensor([0.])
    """
    input = floating(input, "sin")
    x = input.array
    return record1(np.sin(x), _sin_vjp, input, (x,))


def _sin_vjp(g, x):
    return g * np.cos(x)


def cos(input: TensorLike) -> Tensor:
    """Cosine of an angle in radians. Value: `cos(input)`. Adjoint: `-g * sin(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.cos(tg.tensor([0.0]))
        tensor([1.])
    """
    input = floating(input, "cos")
    x = input.array
    return record1(np.cos(x), _cos_vjp, input, (x,))


def _cos_vjp(g, x):
    return -g * np.sin(x)


def tanh(input: TensorLike) -> Tensor:
    """Hyperbolic tangent. Value: `y = tanh(input)`. Adjoint: `g * (1 - y**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.tanh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    input = floating(input, "tanh")
    return record1(np.tanh(input.array), _tanh_vjp, input, OUT)


def _tanh_vjp(g, y):
    return g * (1 - y * y)


def sigmoid(input: TensorLike) -> Tensor:
    """Logistic function. Value: `y = 1 / (1 + e**-input)`. Adjoint: `g * y * (1 - y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sigmoid(tg.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """
    input = floating(input, "sigmoid")
    return record1(kernels.sigmoid(input.array), _sigmoid_vjp, input, OUT)


def _sigmoid_vjp(g, y):
    return g * (y * (1 - y))


def relu(input: TensorLike) -> Tensor:
    """Rectified linear unit. Value: `y = max(input, 0)`. Adjoint: `g` where `y > 0`, else 0.

    The subgradient at 0 is 0, as in PyTorch.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    input = as_operand(input, "relu")
    return record1(kernels.relu(input.array), _relu_vjp, input, OUT)


@singular
def _relu_vjp(g, y):
    return kernels.relu_grad(g, y)


def abs(input: TensorLike) -> Tensor:
    """Absolute value. Value: `|input|`. Adjoint: `g * sign(input)`, with the subgradient 0 at 0.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.abs(tg.tensor([-1.0, 2.0]))
        tensor([1., 2.])
    """
    input = as_operand(input, "abs")
    x = input.array
    return record1(np.abs(x), _abs_vjp, input, (x,))


def _abs_vjp(g, x):
    return g * np.sign(x)


def sign(input: TensorLike) -> Tensor:
    """Sign: -1, 0 or 1. The gradient is zero.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.sign(tg.tensor([-3.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    input = as_operand(input, "sign")
    if input.array.dtype.kind == "b":
        return wrap(input.array.copy())
    return record1(np.sign(input.array), _sign_vjp, input)


def _sign_vjp(g):
    return g * 0


# -- choosing ----------------------------------------------------------------------------------------


def maximum(input: TensorLike, other: TensorLike) -> Tensor:
    """The larger of two values; NaN where either is NaN.

    Value: `max(input, other)`. Adjoint: `g` to the larger one, half of it to each at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.maximum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
        tensor([3., 5.])
    """
    return _maximum(input, other)


def _maximum_vjp_input(g, x, y):
    return np.where(x < y, 0, np.where(x == y, g / 2, g))


def _maximum_vjp_other(g, x, y):
    return np.where(x > y, 0, np.where(x == y, g / 2, g))


_maximum = binary(np.maximum, (_maximum_vjp_input, _maximum_vjp_other), ALL)


def minimum(input: TensorLike, other: TensorLike) -> Tensor:
    """The smaller of two values; NaN where either is NaN.

    Value: `min(input, other)`. Adjoint: `g` to the smaller one, half of it to each at a tie.

    Args:
        input, other: tensors or numbers, shapes that broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.minimum(tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    return _minimum(input, other)


def _minimum_vjp_input(g, x, y):
    return np.where(x > y, 0, np.where(x == y, g / 2, g))


def _minimum_vjp_other(g, x, y):
    return np.where(x < y, 0, np.where(x == y, g / 2, g))


_minimum = binary(np.minimum, (_minimum_vjp_input, _minimum_vjp_other), ALL)


def clamp(input: TensorLike, min: Any = None, max: Any = None) -> Tensor:
    """Limit to a range.

    Value: `min(max(input, min), max)`. Adjoint: `g` where `min <= input <= max`, both ends included,
    else 0; a tensor given as a bound gets `g` where it was chosen.

    Args:
        input: tensor of any shape.
        min, max: numbers or tensors that broadcast; None for no bound. NaN stays NaN.

    Raises:
        ArgumentError: if both bounds are None.

    Example:
        >>> import tapegrad as tg
        >>> tg.clamp(tg.tensor([-2.0, 0.5, 2.0]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise ArgumentError("clamp: at least one of min and max must be given")
    bounds = [bound for bound in (min, max) if bound is not None]
    input, *bounds = promoted("clamp", (input, *bounds))
    low = bounds[0] if min is not None else None
    high = bounds[-1] if max is not None else None
    x, lo, hi = raw(input), raw(low), raw(high)
    try:
        out = x if lo is None else np.maximum(x, lo)
        out = out if hi is None else np.minimum(out, hi)
    except (ValueError, TypeError) as error:
        raise refused("clamp", error, input, *bounds) from None
    return record(
        out, (_clamp_vjp_input, _clamp_vjp_min, _clamp_vjp_max), (input, low, high), (x, lo, hi)
    )


def _clamp_vjp_input(g, x, lo, hi):
    if lo is not None:
        g = np.where(x >= lo, g, 0)
    return g if hi is None else np.where(x <= hi, g, 0)


def _clamp_vjp_min(g, x, lo, hi):
    g = np.where(x < lo, g, 0)
    return g if hi is None else np.where(lo < hi, g, 0)


def _clamp_vjp_max(g, x, lo, hi):
    below = x > hi if lo is None else (x > hi) | (lo > hi)
    return np.where(below, g, 0)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Choose elementwise: `input` where the condition is true, `other` elsewhere.

    Adjoint: `g` to the chosen one, exactly zero to the other. That zero stays zero on its way through
    elementwise operations whose derivative is infinite there (`log`, `sqrt`, `div`, `pow`, `exp`,
    `relu`), where 0 * inf would make it NaN. It goes no further: after a sum or a matrix product
    that mixes the element with others, an infinite derivative is an infinite derivative.

    Args:
        condition: bool tensor. Alone, its true positions are returned, one index tensor a dimension.
        input, other: tensors or numbers; all three shapes broadcast.

    Raises:
        DtypeError: if the condition is not bool.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([-1.0, 0.0, 4.0], requires_grad=True)
        >>> tg.where(x > 0, tg.sqrt(tg.clamp(x, min=0)), 0.0).sum().backward()
        >>> x.grad
        tensor([0.0000, 0.0000, 0.2500])
    """
    condition = as_operand(condition, "where", "condition")
    c = condition.array
    if input is None and other is None:
        return tuple(wrap(index) for index in np.nonzero(c))
    if c.dtype.kind != "b":
        raise DtypeError(f"where: condition must be a bool tensor, got {c.dtype}; use e.g. x != 0")
    if not isinstance(raw(input), (ndarray, type(c))) and not isinstance(raw(other), (ndarray, type(c))):
        wanted = np.result_type(np.asarray(input), np.asarray(other))
        input = cast(wrap(np.full_like(c, raw(input), dtype=wanted, shape=())), _number_dtype(wanted))
    input, other = promoted("where", (input, other))
    x, y = raw(input), raw(other)
    try:
        out = np.where(c, x, y)
    except (ValueError, TypeError) as error:
        raise refused("where", error, condition, input, other) from None
    return record2(out, (_where_vjp_input, _where_vjp_other), input, other, (c,))


def _number_dtype(dtype: Any) -> Any:
    from ..dtypes import complex_of, get_default_dtype

    default = get_default_dtype()
    return {"f": default, "c": complex_of(default)}.get(dtype.kind, dtype)


def _where_vjp_input(g, c):
    return np.where(c, g, 0)


def _where_vjp_other(g, c):
    return np.where(c, 0, g)
