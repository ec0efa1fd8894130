"""Constructors of PyTorch's first years, one for each dtype: `FloatTensor(2, 3)`, `LongTensor([1, 2])`.

They are no classes of their own: what they make are tensors, and `isinstance` looks at dtype and device.
"""

from __future__ import annotations

import builtins
from typing import Any

from . import dtypes
from ._typing import DType, DTypeLike
from .creation import legacy_tensor
from .errors import DtypeError
from .ops.cast import cast
from .tensor import Tensor

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor", "set_default_tensor_type",
]  # fmt: skip
METHODS = ["type"]


class _OfDtype(builtins.type):
    """The type of the constructors."""

    dtype: DType

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        return legacy_tensor(Tensor, *args, dtype=cls.dtype, device=device)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value.dtype == cls.dtype and value.device.type == "cpu"


class BoolTensor(metaclass=_OfDtype):
    """Make a bool tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.BoolTensor([0, 2])
        tensor([False,  True])
    """

    dtype = dtypes.bool


class ByteTensor(metaclass=_OfDtype):
    """Make a uint8 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.ByteTensor([1, 2]).dtype
        dtype('uint8')
    """

    dtype = dtypes.uint8


class CharTensor(metaclass=_OfDtype):
    """Make an int8 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.CharTensor([1, 2]).dtype
        dtype('int8')
    """

    dtype = dtypes.int8


class ShortTensor(metaclass=_OfDtype):
    """Make an int16 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.ShortTensor([1, 2]).dtype
        dtype('int16')
    """

    dtype = dtypes.int16


class IntTensor(metaclass=_OfDtype):
    """Make an int32 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.IntTensor([1, 2]).dtype
        dtype('int32')
    """

    dtype = dtypes.int32


class LongTensor(metaclass=_OfDtype):
    """Make an int64 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.LongTensor([1, 2])
        tensor([1, 2])
    """

    dtype = dtypes.int64


class HalfTensor(metaclass=_OfDtype):
    """Make a float16 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.HalfTensor([1, 2]).dtype
        dtype('float16')
    """

    dtype = dtypes.float16


class FloatTensor(metaclass=_OfDtype):
    """Make a float32 tensor: from sizes an uninitialised one, from data a copy.

    `isinstance(x, FloatTensor)` is true for every float32 tensor on the CPU.

    Args:
        args: sizes one by one, or data: a nested sequence, an array, or a tensor of this dtype. A tuple is
            data.
        device: the CPU by default.

    Raises:
        DtypeError: for a tensor of another dtype, or a single number that is no size.

    Example:
        >>> import tapegrad as tg
        >>> tg.FloatTensor(2, 3).shape
        (2, 3)
        >>> tg.FloatTensor([1, 2])
        tensor([1., 2.])
        >>> isinstance(tg.ones(1), tg.FloatTensor)
        True
    """

    dtype = dtypes.float32


class DoubleTensor(metaclass=_OfDtype):
    """Make a float64 tensor; see `FloatTensor`.

    Example:
        >>> import tapegrad as tg
        >>> tg.DoubleTensor([1, 2]).dtype
        dtype('float64')
    """

    dtype = dtypes.float64


NAMES = {name: globals()[name] for name in __all__ if name.endswith("Tensor")}


def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's constructor, or the tensor converted.

    Args:
        dtype: a dtype, a constructor as `FloatTensor`, or its name; None for the name of this one.
        non_blocking: accepted and ignored; copies are always complete here.

    Returns:
        A string as "tapegrad.FloatTensor", or a tensor, the same one if it has that dtype.
    """
    if dtype is not None:
        return cast(self, _dtype_of("type", dtype))
    place = "" if self.device.type == "cpu" else f"{self.device.type}."
    for name, kind in NAMES.items():
        if kind.dtype == self.dtype:
            return f"tapegrad.{place}{name}"
    return f"tapegrad.{place}{self.dtype}"


def _dtype_of(op: str, given: Any) -> DTypeLike:
    """The dtype that a constructor, its name or a dtype stands for."""
    if isinstance(given, str) and given.endswith("Tensor"):
        given = NAMES.get(given.rpartition(".")[2])
        if given is None:
            raise DtypeError(f"{op}: the constructors are {', '.join(NAMES)}")
    return given.dtype if isinstance(given, _OfDtype) else dtypes.as_dtype(given)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by a constructor; PyTorch's older form of `set_default_dtype`.

    Args:
        t: `FloatTensor`, `DoubleTensor` or `HalfTensor`, or the name of one.

    Example:
        >>> import tapegrad as tg
        >>> tg.set_default_tensor_type(tg.FloatTensor)
    """
    dtypes.set_default_dtype(_dtype_of("set_default_tensor_type", t))
