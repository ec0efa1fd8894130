"""dtype changes, and the promotion that every operation with several operands begins with."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from .._typing import DType
from ..device import apart, backend_of, is_array, move
from ..errors import ArgumentError, DeviceError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, raw, wrap

__all__ = ["result_type"]

NUMBERS = (bool, int, float, complex)


def cast(input: Tensor, dtype: DType) -> Tensor:
    """Convert to another dtype; the gradient is converted back.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([1.7, -1.7]).to(tg.int64)
        tensor([ 1, -1])
    """
    x = input.array
    if x.dtype == dtype:
        return input
    if dtypes.category(dtype) < 2:
        return wrap(_real(x).astype(dtype))
    if x.dtype.kind == "c" and dtype.kind == "f":
        x = x.real
    return record1(x.astype(dtype), _cast_vjp, input)


def _cast_vjp(g):
    return g  # the engine converts a gradient to the dtype of its value


def _real(x: Any) -> Any:
    return x.real if x.dtype.kind == "c" else x


def transfer(input: Tensor, device: Any) -> Tensor:
    """Copy to another device; the gradient is copied back. On the same device: the tensor itself."""
    x = input.array
    moved = move(x, device)
    if moved is x:
        return input
    return record1(moved, _transfer_vjp, input, (str(input.device),))


def _transfer_vjp(g, device):
    return transfer(g, device) if isinstance(g, Tensor) else move(g, device)


def operand(value: Any, like: Tensor, op: str, argument: str) -> Any:
    """A tensor or a Python number from what stands beside a tensor in an operation."""
    if isinstance(value, Tensor):
        if apart(value.array, like.array):
            raise different_devices(op, like, value)
        return value
    if isinstance(value, NUMBERS):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if is_array(value):
        if apart(value, like.array):
            raise different_devices(op, like, wrap(value))
        return wrap(value.view())
    raise DtypeError(
        f"{op}: {argument} must be a tensor, an array or a number, got {type(value).__name__}"
    )


def different_devices(op: str, first: Tensor, second: Tensor) -> DeviceError:
    """The error for operands that do not live together."""
    return DeviceError(
        f"{op}: operands are on different devices: shape {first.shape} on {first.device} and "
        f"shape {second.shape} on {second.device}; move one with .to(device)"
    )


def promoted(op: str, values: tuple[Any, ...], floating: bool = False) -> tuple[Any, ...]:
    """Operands brought to their common dtype: tensors by a recorded cast, numbers as they are.

    Args:
        op: name for errors.
        values: tensors, arrays and numbers, at least one of them no number.
        floating: make integers floating, as true division does.
    """
    like = next((v for v in values if isinstance(v, Tensor)), None)
    if like is None:
        array = next((v for v in values if is_array(v)), None)
        if array is None:
            kinds = ", ".join(type(v).__name__ for v in values)
            raise DtypeError(f"{op}: needs at least one tensor, got {kinds}")
        like = wrap(array)
    names = ("input", "other", "third")
    values = tuple(operand(v, like, op, name) for v, name in zip(values, names, strict=False))
    dtype = common_dtype(values)
    if floating and dtypes.category(dtype) < 2:
        dtype = dtypes.get_default_dtype()
    return tuple(
        cast(v, dtype) if isinstance(v, Tensor) else _number(v, dtype, like) for v in values
    )


def common_dtype(values: tuple[Any, ...]) -> DType:
    """PyTorch's result type of tensors and numbers."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    return dtypes.result_of(
        [t.dtype for t in tensors if t.ndim],
        [t.dtype for t in tensors if not t.ndim],
        [dtypes.default_for(v) for v in values if not isinstance(v, Tensor)],
    )


def _number(value: Any, dtype: DType, like: Tensor) -> Any:
    if dtype.kind in "iu" and not isinstance(value, bool):
        info = np.iinfo(dtype)
        if not info.min <= value <= info.max:  # wraps around, as in PyTorch
            return int(np.asarray(value).astype(dtype))
    if dtype.kind == "b":
        return bool(value)
    # NumPy does not know that bfloat16 is wider than a Python number
    return dtype.type(value) if dtype.kind == "V" else value


def floating(input: Any, op: str) -> Tensor:
    """A tensor with a floating or complex dtype: integers become the default dtype."""
    if isinstance(input, Tensor) and input.array.dtype.kind == "f":
        return input
    tensor = as_operand(input, op)
    if tensor.array.dtype.kind in "biu":
        return cast(tensor, dtypes.get_default_dtype())
    return tensor


def real(input: Any, op: str) -> Tensor:
    """A tensor with a floating dtype: integers become the default dtype, complex ones are refused."""
    if isinstance(input, Tensor) and input.array.dtype.kind == "f":
        return input
    tensor = floating(input, op)
    not_complex(op, tensor)
    return tensor


def not_complex(op: str, *values: Any) -> None:
    """Refuse complex tensors and numbers, which have no order."""
    for value in values:
        dtype = getattr(raw(value), "dtype", None)
        if isinstance(value, complex) or (dtype is not None and dtype.kind == "c"):
            raise DtypeError(
                f"{op}: operands must be real, got {dtype or value}; use their real part, imaginary part "
                "or abs()"
            )


def as_operand(value: Any, op: str, argument: str = "input") -> Tensor:
    """A tensor from a tensor or an array; anything else is an error."""
    if isinstance(value, Tensor):
        return value
    if is_array(value):
        backend_of(value)
        return wrap(value.view())
    if isinstance(value, np.bool_):  # what comparing NumPy's 0-d arrays gives: a mask
        return wrap(np.asarray(value))
    raise DtypeError(f"{op}: {argument} must be a tensor, got {type(value).__name__}")


def refused(op: str, error: Exception, *operands: Any) -> Exception:
    """The error to raise when NumPy has refused the operands of an elementwise operation."""
    tensors = [o for o in operands if isinstance(o, Tensor)]
    for other in tensors[1:]:
        if apart(other.array, tensors[0].array):
            return different_devices(op, tensors[0], other)
    shapes = [tuple(getattr(raw(o), "shape", ())) for o in operands]
    width = max(map(len, shapes))
    for i in range(1, width + 1):
        sizes = [s[-i] for s in shapes if len(s) >= i and s[-i] != 1]
        if len(set(sizes)) > 1:
            return ShapeError(
                f"{op}: shapes {' and '.join(map(str, shapes))} do not broadcast: dimension -{i} is "
                f"{sizes[0]} and {sizes[1]}; they must be equal, or one of them 1"
            )
    kinds = " and ".join(
        str(o.dtype) if isinstance(o, Tensor) else type(o).__name__ for o in operands
    )
    if isinstance(error, TypeError):
        return DtypeError(f"{op}: not defined for {kinds} ({error})")
    return ArgumentError(f"{op}: {error} (operands: {kinds})")


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """Return the dtype that an operation on two operands would have.

    Args:
        tensor1, tensor2: tensors or Python numbers.

    Returns:
        The dtype by PyTorch's promotion rules.

    Example:
        >>> import tapegrad as tg
        >>> tg.result_type(tg.ones(2, dtype=tg.int64), 0.5)
        dtype('float32')
    """
    return common_dtype((tensor1, tensor2))
