"""Functions of three operands that broadcast: blending, fused multiplication, masking, bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..errors import DtypeError, ShapeError
from ..record import record2, record3
from ..tensor import Tensor, raw
from .arithmetic import singular
from .cast import NUMBERS, as_operand, cast, operand, promoted, refused
from .choose import clamp, held
from .output import into

__all__ = ["addcdiv", "addcmul", "clamp_max", "clamp_min", "lerp", "masked_fill"]
METHODS = __all__
INPLACE = __all__


def lerp(input: Tensor, end: Tensor, weight: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Interpolate linearly between two tensors.

    Value: `input + weight * (end - input)`, computed from the nearer side, so that it is exactly `end`
    for the weight 1. Adjoint: `g * (1 - weight)` for `input`, `g * weight` for `end`,
    `g * (end - input)` for a tensor as weight.

    Args:
        input, end: floating or complex tensors of one dtype, shapes that broadcast.
        weight: number, or tensor of the same dtype (of any dtype if it is 0-d).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers, or if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.lerp(tg.tensor([0.0, 10.0]), tg.tensor([1.0, 20.0]), 0.25)
        tensor([ 0.2500, 12.5000])
    """
    if out is not None:
        return into(out, lerp, input, end, weight)
    input, end = as_operand(input, "lerp"), as_operand(end, "lerp", "end")
    x, y = input.array, end.array
    if x.dtype.kind not in "fc":
        raise DtypeError(f"lerp: input must be floating, got {x.dtype}; use .float()")
    if x.dtype != y.dtype:
        raise DtypeError(f"lerp: dtypes differ, input is {x.dtype} and end {y.dtype}; convert one")
    weight = operand(weight, input, "lerp", "weight")
    if not isinstance(weight, Tensor):
        w = held("lerp", _number(weight, "lerp", "weight"), x.dtype)
        try:
            d = y - x
            result = x + w * d if abs(w) < 0.5 else y - d * (1 - w)
        except (ValueError, TypeError) as error:
            raise refused("lerp", error, input, end) from None
        return record2(result, (_lerp_vjp_input, _lerp_vjp_end), input, end, (None, None, w))
    if weight.dtype != x.dtype:
        if weight.ndim:
            raise DtypeError(
                f"lerp: dtypes differ, input is {x.dtype} and weight {weight.dtype}; convert one"
            )
        weight = cast(weight, x.dtype)
    w = weight.array
    try:
        d = y - x
        result = np.where(np.abs(w) < 0.5, x + w * d, y - d * (1 - w))
    except (ValueError, TypeError) as error:
        raise refused("lerp", error, input, end, weight) from None
    rules = _lerp_vjp_input, _lerp_vjp_end, _lerp_vjp_weight
    ends = (x, y) if weight.node is not None else (None, None)
    return record3(result, rules, input, end, weight, (*ends, w))


def _lerp_vjp_input(g, x, y, w):
    return g * (1 - w)


def _lerp_vjp_end(g, x, y, w):
    return g * w


def _lerp_vjp_weight(g, x, y, w):
    return g * (y - x)


def _number(value: Any, op: str, argument: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, NUMBERS):
        return value
    raise DtypeError(f"{op}: {argument} must be a number, got {type(value).__name__}")


def _three(op: str, input: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[Any, ...]:
    """The tensors in their common dtype, and the factor as a number that this dtype can hold."""
    names = ("input", "tensor1", "tensor2")
    tensors = tuple(
        as_operand(t, op, name) for t, name in zip((input, tensor1, tensor2), names, strict=True)
    )
    tensors = promoted(op, tensors)
    return (*tensors, held(op, _number(value, op, "value"), tensors[0].dtype))


def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Tensor | None = None
) -> Tensor:
    """Add a product.

    Value: `input + value * tensor1 * tensor2`. Adjoint: `g` for `input`, `g * value * tensor2` for
    `tensor1`, `g * value * tensor1` for `tensor2`.

    Args:
        input, tensor1, tensor2: tensors, shapes that broadcast; not bool.
        value: factor of the product; truncated for integers.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for bool tensors.
        ArgumentError: for a `value` that the dtype cannot hold.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.addcmul(x, x, x, value=0.5)
        tensor([1.5000, 4.0000])
    """
    if out is not None:
        return into(out, addcmul, input, tensor1, tensor2, value=value)
    input, tensor1, tensor2, value = _three("addcmul", input, tensor1, tensor2, value)
    if input.dtype.kind == "b":
        raise DtypeError("addcmul: not defined for bool tensors; convert one to a number dtype")
    x, y, z = input.array, tensor1.array, tensor2.array
    try:
        product = y * z
        result = x + (product if value == 1 else product * value)
    except (ValueError, TypeError) as error:
        raise refused("addcmul", error, input, tensor1, tensor2) from None
    rules = _addcmul_vjp_input, _addcmul_vjp_tensor1, _addcmul_vjp_tensor2
    y, z = (None if tensor2.node is None else y), (None if tensor1.node is None else z)
    return record3(result, rules, input, tensor1, tensor2, (y, z, value))


def _addcmul_vjp_input(g, y, z, value):
    return g


def _addcmul_vjp_tensor1(g, y, z, value):
    return g * z if value == 1 else g * (z * value)


def _addcmul_vjp_tensor2(g, y, z, value):
    return g * y if value == 1 else g * (y * value)


def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Tensor | None = None
) -> Tensor:
    """Add a quotient.

    Value: `input + value * tensor1 / tensor2`. Adjoint: `g` for `input`, `g * value / tensor2` for
    `tensor1`, `-g * value * tensor1 / tensor2**2` for `tensor2`.

    Args:
        input, tensor1, tensor2: tensors, shapes that broadcast; `tensor1` and `tensor2` not both integer.
        value: factor of the quotient.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a quotient of integers.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0])
        >>> tg.addcdiv(x, tg.tensor([3.0, 8.0]), x, value=0.5)
        tensor([2.5000, 4.0000])
    """
    if out is not None:
        return into(out, addcdiv, input, tensor1, tensor2, value=value)
    kinds = [getattr(raw(t), "dtype", np.dtype(float)).kind for t in (tensor1, tensor2)]
    if kinds[0] in "biu" and kinds[1] in "biu":
        raise DtypeError("addcdiv: integers are not divided; convert tensor1 with .float()")
    input, tensor1, tensor2, value = _three("addcdiv", input, tensor1, tensor2, value)
    x, y, z = input.array, tensor1.array, tensor2.array
    try:
        quotient = y / z
        result = x + (quotient if value == 1 else quotient * value)
    except (ValueError, TypeError) as error:
        raise refused("addcdiv", error, input, tensor1, tensor2) from None
    rules = _addcdiv_vjp_input, _addcdiv_vjp_tensor1, _addcdiv_vjp_tensor2
    if tensor2.node is None:
        y = None
        z = None if tensor1.node is None else z
    return record3(result, rules, input, tensor1, tensor2, (y, z, value))


def _addcdiv_vjp_input(g, y, z, value):
    return g


@singular
def _addcdiv_vjp_tensor1(g, y, z, value):
    return g * (value / z)


@singular
def _addcdiv_vjp_tensor2(g, y, z, value):
    return -g * (y / z / z * value)


def masked_fill(input: Tensor, mask: Tensor, value: TensorLike) -> Tensor:
    """Put one value where a mask is true.

    Value: `value` where `mask`, else `input`. Adjoint: `g` for `input`, exactly 0 where the mask is
    true; the sum of `g` there for a tensor as value.

    Args:
        input: tensor, whose dtype the result has.
        mask: bool tensor whose shape broadcasts.
        value: number or 0-d tensor.

    Raises:
        DtypeError: if the mask is not bool, or for a complex value and a real input.
        ShapeError: if the value has dimensions, or the shapes do not broadcast.
        ArgumentError: for a number that the dtype cannot hold.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, -2.0, 3.0])
        >>> tg.masked_fill(x, x < 0, 0.5)
        tensor([1.0000, 0.5000, 3.0000])
    """
    input, mask = as_operand(input, "masked_fill"), as_operand(mask, "masked_fill", "mask")
    x, m = input.array, mask.array
    if m.dtype.kind != "b":
        raise DtypeError(
            f"masked_fill: mask must be a bool tensor, got {m.dtype}; use e.g. mask != 0"
        )
    value = operand(value, input, "masked_fill", "value")
    if not isinstance(value, Tensor):
        value = held("masked_fill", _number(value, "masked_fill", "value"), x.dtype)
    elif value.ndim:
        raise ShapeError(
            f"masked_fill: value must be a number or a 0-d tensor, got shape {value.shape}; "
            "use where(mask, value, input)"
        )
    elif value.dtype.kind == "c" != x.dtype.kind:
        raise DtypeError(f"masked_fill: value must be real for {x.dtype}, got {value.dtype}")
    else:
        value = cast(value, x.dtype)
    try:
        out = kernels.select(m, raw(value), x)
    except (ValueError, TypeError) as error:
        raise refused("masked_fill", error, input, mask) from None
    return record2(out, (_masked_fill_vjp_input, _masked_fill_vjp_value), input, value, (m,))


def _masked_fill_vjp_input(g, m):
    return kernels.masked(g, ~m)


def _masked_fill_vjp_value(g, m):
    return kernels.masked(g, m)


def clamp_min(input: TensorLike, min: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Limit from below: `clamp` with `min` alone.

    Value: `max(input, min)`. Adjoint: `g` where `input >= min`, else 0; a tensor given as bound gets
    `g` where it was chosen.

    Args:
        input: tensor of any shape.
        min: number or tensor that broadcasts.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.clamp_min(tg.tensor([-2.0, 0.5]), 0)
        tensor([0.0000, 0.5000])
    """
    if out is not None:
        return into(out, clamp_min, input, min)
    return clamp(input, min=min)


def clamp_max(input: TensorLike, max: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Limit from above: `clamp` with `max` alone.

    Value: `min(input, max)`. Adjoint: `g` where `input <= max`, else 0; a tensor given as bound gets
    `g` where it was chosen.

    Args:
        input: tensor of any shape.
        max: number or tensor that broadcasts.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.clamp_max(tg.tensor([-2.0, 0.5]), 0)
        tensor([-2.,  0.])
    """
    if out is not None:
        return into(out, clamp_max, input, max)
    return clamp(input, max=max)
