"""What every operation on matrices begins with: checks, precision, and LAPACK's refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .. import dtypes
from ..device import apart, every_value
from ..errors import DtypeError, GraphError, LinAlgError, ShapeError
from ..kernels import conj
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, different_devices
from .choose import where
from .shape import broadcast_to, swapaxes

__all__: list[str] = []

F = TypeVar("F", bound=Callable[..., Any])


def single(function: F) -> F:
    """Let an operation take half precision: computed in float32, rounded once.

    LAPACK has no half precision. PyTorch refuses it on the CPU.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and _is_low(value):
                break
        else:
            return function(*args, **kwargs)
        if kwargs.get("out") is not None:  # `into` calls again, without it
            return function(*args, **kwargs)
        dtype = value.array.dtype
        named = {name: _raised(value) for name, value in kwargs.items()}
        return _lowered(function(*map(_raised, args), **named), dtype)

    return call  # type: ignore[return-value]


def _is_low(value: Tensor) -> bool:
    dtype = value.array.dtype
    return dtype.itemsize == 2 and dtype.kind not in "biu"


def _raised(value: Any) -> Any:
    return cast(value, dtypes.float32) if isinstance(value, Tensor) and _is_low(value) else value


def _lowered(result: Any, dtype: Any) -> Any:
    if isinstance(result, tuple):
        parts = (_lowered(part, dtype) for part in result)
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if isinstance(result, Tensor) and result.array.dtype == dtypes.float32:
        return cast(result, dtype)
    return result


def floats(value: Any, op: str, argument: str = "A") -> Tensor:
    """A floating or complex tensor; integers are refused, as in PyTorch."""
    tensor = as_operand(value, op, argument)
    if tensor.array.dtype.kind in "biu":
        raise DtypeError(
            f"{op}: {argument} must be floating, got {tensor.dtype}; convert it with .to(dtype)"
        )
    return tensor


def matrix(value: Any, op: str, argument: str = "A") -> Tensor:
    """A floating tensor with at least two dimensions, (..., M, N)."""
    tensor = floats(value, op, argument)
    if tensor.array.ndim < 2:
        raise ShapeError(
            f"{op}: {argument} must be a matrix or a batch of them, (..., M, N), got shape {tensor.shape}"
        )
    return tensor


def square(value: Any, op: str, argument: str = "A") -> Tensor:
    """A floating tensor of square matrices, (..., N, N)."""
    tensor = matrix(value, op, argument)
    if tensor.array.shape[-1] != tensor.array.shape[-2]:
        raise ShapeError(
            f"{op}: {argument} must be square matrices, (..., N, N), got shape {tensor.shape}"
        )
    return tensor


def same_kind(op: str, first: Tensor, second: Tensor) -> None:
    """Refuse two operands of different devices or dtypes."""
    x, y = first.array, second.array
    if apart(x, y):
        raise different_devices(op, first, second)
    if x.dtype != y.dtype:
        raise DtypeError(
            f"{op}: operands have dtypes {x.dtype} and {y.dtype}; convert one with .to(dtype)"
        )


def batched(op: str, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors of matrices with equal leading dimensions, broadcast if need be."""
    a, b = first.array.shape, second.array.shape
    if a[:-2] == b[:-2]:
        return first, second
    try:
        lead = np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise ShapeError(f"{op}: leading dimensions of {a} and {b} do not broadcast") from None
    if a[:-2] != lead:
        first = broadcast_to(first, lead + a[-2:])
    if b[:-2] != lead:
        second = broadcast_to(second, lead + b[-2:])
    return first, second


def lapack(op: str, function: Callable[..., Any], x: Any, *args: Any, **options: Any) -> Any:
    """Call NumPy's function; where LAPACK gives up, say which matrix of the batch it was."""
    try:
        return function(x, *args, **options)
    except np.linalg.LinAlgError as error:
        host = every_value(raw(x))
        where, why = _diagnosis(host, str(error))
        at = f"batch element {where} " if host.ndim > 2 else "the matrix "
        raise LinAlgError(f"{op}: {at}{why}") from None


def _diagnosis(x: Any, error: str) -> tuple[Any, str]:
    """The first matrix that is not finite, or singular; NumPy does not tell which one it was."""
    x = x.reshape(-1, *x.shape[-2:])
    wild = ~np.isfinite(x).all(axis=(-2, -1))
    if wild.any():
        return int(wild.argmax()), "contains values that are not finite"
    if "singular" in error.lower():
        dead = np.linalg.slogdet(x)[0] == 0
        return int(dead.argmax()), "is singular; it has no inverse (see pinv and lstsq)"
    return "?", f"could not be decomposed ({error})"


def mask(x: Any, rows: int, columns: int | None = None, k: int = 0) -> Any:
    """True on and below the k-th diagonal, on the device of `x`."""
    return np.tri(rows, columns, k, dtype=bool, like=x)


def identity(x: Any, n: int, dtype: Any = bool) -> Any:
    """The identity matrix, by default as bools, on the device of `x`."""
    return np.eye(n, dtype=dtype, like=x)


def transposed(input: Tensor) -> Tensor:
    """The matrices transposed, recorded."""
    return swapaxes(input, -1, -2)


def adjoint(x):
    """The matrices transposed, and conjugated if they are complex."""
    return conj(x.swapaxes(-1, -2))


def check_gauge(op: str, turned: Any) -> None:
    """Refuse a gradient that depends on the phases of complex vectors, which are arbitrary.

    Args:
        op: name for the error.
        turned: what the gradient says about turning every vector by a phase; must be zero.
    """
    host = every_value(raw(turned))
    if not np.all(np.abs(host) <= 1e-2):  # PyTorch's tolerance; NaN is refused too
        raise GraphError(
            f"backward of {op}: complex vectors are determined up to a factor of absolute value 1, and "
            "what is differentiated depends on it; use a function of them that does not, such as "
            "their absolute values or projectors"
        )


def lower(input: Tensor, k: int = 0, unit: bool = False) -> Tensor:
    """What stands on and below the k-th diagonal, recorded; with ones on the diagonal if `unit`."""
    x = input.array
    rows, columns = x.shape[-2:]
    rest = wrap(np.eye(rows, columns, dtype=x.dtype, like=x)) if unit else 0
    return where(wrap(mask(x, rows, columns, -1 if unit else k)), input, rest)


def upper(input: Tensor) -> Tensor:
    """What stands on and above the diagonal, recorded."""
    x = input.array
    rows, columns = x.shape[-2:]
    return where(wrap(~mask(x, rows, columns, -1)), input, 0)
