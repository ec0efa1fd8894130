"""What to do about a NaN or an infinity, in one sentence for those who see it for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._typing import DType
from ..device import every_value, is_array
from ..tape import Leaf
from ..tensor import raw

_LOGARITHMS = {"log", "log2", "log10", "log1p", "xlogy", "logit"}
_EXPONENTIALS = {"exp", "exp2", "expm1", "sinh", "cosh"}
_QUOTIENTS = {"div", "reciprocal", "rsqrt", "remainder", "fmod"}
_ROOTS = {
    "sqrt",
    "rsqrt",
    "pow",
    "norm",
    "vector_norm",
    "std",
    "cdist",
    "acos",
    "asin",
    "acosh",
    "atanh",
}


def advice(
    op: str, phase: str, nan: bool, came_in: Sequence[Any], dtype: DType, values: Sequence[Any]
) -> str:
    """The sentence, empty if there is nothing to say.

    Args:
        op: name of the operation.
        phase: `"forward"` or `"backward"`.
        nan: whether it is a NaN; otherwise an infinity.
        came_in: the inputs that were NaN before.
        dtype: of the value or gradient.
        values: inputs of the operation, or what it saved.
    """
    if came_in:
        if any(isinstance(getattr(value, "node", None), Leaf) for value in came_in):
            return "a parameter became NaN in the step before this one: have the mode on from the first step"
        return "look at the data, and at what is computed before or outside of the mode"
    if any(is_array(raw(value)) and 0 in raw(value).shape for value in values):
        return "there is nothing to compute it from: one of the inputs is empty"
    if phase == "backward":
        return _backward(op, nan, dtype, values)
    if op in _LOGARITHMS:
        if nan:
            return "a negative number has no real logarithm: use clamp(min=...) where rounding made it so"
        if _has_zero(values) and op in ("log", "log2", "log10"):
            return f"{op}(0) is -inf: keep away from it, as in x.clamp(min=1e-12).{op}()"
        return f"{op} is infinite where its range ends: keep away from it with clamp()"
    if op in _QUOTIENTS and _has_zero(values):
        return (
            "division by zero: add a small number to what is divided by, or leave it out by a mask"
        )
    if op in _EXPONENTIALS:
        return f"{op} overflows in {dtype.name}: softmax, log_softmax and logsumexp subtract the maximum first"
    if op in ("sqrt", "pow") and nan:
        return (
            "a negative number has no real root: use clamp(min=0) where rounding made it negative"
        )
    if "softmax" in op and nan:
        return "a row of nothing but -inf has no softmax: leave one of its positions unmasked"
    return _grown(dtype) if not nan else ""


def _backward(op: str, nan: bool, dtype: DType, values: Sequence[Any]) -> str:
    if _has_zero(values):
        if op in _ROOTS:
            where = (
                "0" if op in ("sqrt", "rsqrt", "pow", "norm", "vector_norm", "std") else "a limit"
            )
            return f"the derivative is infinite at {where}: keep away from it, as in (x + 1e-12).sqrt()"
        if op in _LOGARITHMS or op in _QUOTIENTS:
            return "the derivative is infinite at 0: keep away from it with clamp(min=1e-12)"
    return _grown(dtype) if not nan else ""


def _grown(dtype: DType) -> str:
    if dtype.name == "float16":
        return "float16 ends at 65504: scale the loss, or compute this part in float32"
    return "numbers grow from step to step: lower the learning rate, or clip the gradients"


def _has_zero(values: Sequence[Any]) -> bool:
    for value in values:
        array = raw(value)
        if is_array(array) and array.dtype.kind in "fc":
            if (every_value(array) == 0).any():
                return True
        elif isinstance(array, (int, float)) and array == 0:
            return True
    return False
