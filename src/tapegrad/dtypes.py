"""dtypes are NumPy's own objects under PyTorch's names; promotion is PyTorch's.

References:
    The promotion rules are those of PyTorch's `torch.result_type`: a tensor with dimensions
    outranks a 0-d tensor, which outranks a Python number, and a lower rank changes the dtype only
    when its category (bool < integer < floating < complex) is higher.
"""

from __future__ import annotations

import builtins  # the public names below hide bool, int and float in this file
from functools import cache
from typing import Any

import numpy as np

from ._typing import DType, DTypeLike
from .errors import ArgumentError, DtypeError

float64 = double = np.dtype("float64")
float32 = float = np.dtype("float32")
float16 = half = np.dtype("float16")
complex128 = cdouble = np.dtype("complex128")
complex64 = cfloat = np.dtype("complex64")
int64 = long = np.dtype("int64")
int32 = int = np.dtype("int32")
int16 = short = np.dtype("int16")
int8 = np.dtype("int8")
uint64 = np.dtype("uint64")
uint32 = np.dtype("uint32")
uint16 = np.dtype("uint16")
uint8 = np.dtype("uint8")
bool = np.dtype("bool")

_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
_default = float32


def get_default_dtype() -> DType:
    """Return the dtype that Python floats become.

    Returns:
        A floating dtype; float32 unless `set_default_dtype` changed it.

    Example:
        >>> import tapegrad as tg
        >>> tg.get_default_dtype()
        dtype('float32')
    """
    return _default


def set_default_dtype(d: DTypeLike) -> None:
    """Choose the dtype that Python floats become (`tg.tensor(1.0)`, `tg.zeros(3)`, int / int).

    Args:
        d: float16, float32 or float64.

    Raises:
        DtypeError: for any other dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.set_default_dtype(tg.float64)
        >>> tg.tensor(1.0).dtype
        dtype('float64')
        >>> tg.set_default_dtype(tg.float32)
    """
    global _default
    dtype = as_dtype(d)
    if dtype.kind != "f":
        raise DtypeError(f"set_default_dtype: d must be a floating dtype, got {dtype}")
    _default = dtype


def as_dtype(dtype: DTypeLike) -> DType:
    """Turn anything that names a dtype into the dtype, or say that it names none."""
    if dtype is None:
        return _default
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise DtypeError(f"dtype: {dtype!r} names no dtype; use e.g. tapegrad.float32") from None
    if category(found) is None:
        raise DtypeError(f"dtype: {found} cannot be held by a tensor; use a number or bool dtype")
    return found


def category(dtype: DType) -> Any:
    """0 bool, 1 integer, 2 floating, 3 complex; None for what a tensor cannot hold."""
    found = _CATEGORY.get(dtype.kind)
    if found is None and dtype.name == "bfloat16":  # ml_dtypes registers it with kind "V"
        return 2
    return found


def default_for(value: Any) -> DType:
    """The dtype of a Python number standing alone."""
    if isinstance(value, builtins.bool):
        return bool
    if isinstance(value, builtins.int):
        return int64
    if isinstance(value, builtins.float):
        return _default
    return complex_of(_default)


def complex_of(dtype: DType) -> DType:
    """The complex dtype with the same precision as a floating one."""
    return complex128 if dtype == float64 else complex64


@cache
def promote_types(type1: DTypeLike, type2: DTypeLike) -> DType:
    """Return the smallest dtype that holds both, with PyTorch's rule that integers never widen floats.

    Args:
        type1, type2: two dtypes.

    Returns:
        The common dtype: `float32` for int64 and float32, where NumPy would answer float64.

    Example:
        >>> import tapegrad as tg
        >>> tg.promote_types(tg.int64, tg.float32)
        dtype('float32')
    """
    a, b = np.dtype(type1), np.dtype(type2)
    ranks = category(a), category(b)
    if ranks[0] == ranks[1]:
        if ranks[0] == 2 and {a.name, b.name} == {"bfloat16", "float16"}:
            return float32
        return np.promote_types(a, b)
    high, low = (a, b) if ranks[0] > ranks[1] else (b, a)
    if high.kind == "c" and low == float64:
        return complex128
    return high


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return higher if lower is None else lower
    if category(higher) == 2 and category(lower) == 3:
        return complex_of(higher)
    if category(lower) > category(higher):
        return promote_types(higher, lower)
    return higher


def result_of(dimensioned: list[DType], zero_dim: list[DType], numbers: list[DType]) -> DType:
    """The dtype of an operation from the dtypes of its operands, sorted by their rank."""
    found: list[DType | None] = []
    for group in (dimensioned, zero_dim, numbers):
        common: DType | None = None
        for dtype in group:
            common = dtype if common is None else promote_types(common, dtype)
        found.append(common)
    result = _combine(found[0], _combine(found[1], found[2]))
    if result is None:
        raise ArgumentError("result_type: needs at least one operand")
    return result


def can_cast(from_: DTypeLike, to: DTypeLike) -> builtins.bool:
    """Say whether a value may be cast without changing its category downwards.

    Args:
        from_: dtype of the value.
        to: dtype wanted.

    Returns:
        False for complex to real, floating to integer, number to bool; True otherwise.

    Example:
        >>> import tapegrad as tg
        >>> tg.can_cast(tg.float64, tg.float32), tg.can_cast(tg.float32, tg.int64)
        (True, False)
    """
    have, want = category(as_dtype(from_)), category(as_dtype(to))
    return builtins.bool(have <= want)


class finfo:
    """Limits of a floating dtype, as Python numbers.

    Args:
        type: floating or complex dtype; the default dtype by default.

    Attributes:
        bits: size of one number.
        eps: distance from 1 to the next larger number.
        max, min: largest and smallest finite number.
        smallest_normal, tiny: smallest positive number with full precision, under both its names.
        resolution: `10**-digits`, with the number of decimal digits that are always kept.
        dtype: name of the dtype; for a complex one that of its parts.

    Raises:
        DtypeError: for an integer or bool dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.finfo(tg.float64).eps
        2.220446049250313e-16
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: DTypeLike = None) -> None:
        dtype = as_dtype(type)
        if category(dtype) < 2:
            raise DtypeError(f"finfo: type must be floating, got {dtype}; use tapegrad.iinfo")
        info: Any
        if dtype.name == "bfloat16":
            import ml_dtypes

            info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
        else:
            info = np.finfo(dtype)
        self.bits = builtins.int(info.bits)
        self.eps = builtins.float(info.eps)
        self.max = builtins.float(info.max)
        self.min = builtins.float(info.min)
        self.smallest_normal = self.tiny = builtins.float(info.smallest_normal)
        self.resolution = builtins.float(f"1e-{info.precision}")
        self.dtype = str(info.dtype)

    def __eq__(self, other: object) -> builtins.bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> builtins.int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype, as Python numbers.

    Args:
        type: integer dtype.

    Attributes:
        bits: size of one number.
        max, min: largest and smallest number.
        dtype: name of the dtype.

    Raises:
        DtypeError: for any other dtype, bool included.

    Example:
        >>> import tapegrad as tg
        >>> tg.iinfo(tg.int8)
        iinfo(min=-128, max=127, dtype=int8)
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: DTypeLike) -> None:
        dtype = as_dtype(type)
        if dtype.kind not in "iu":
            raise DtypeError(f"iinfo: type must be an integer dtype, got {dtype}")
        info = np.iinfo(dtype)
        self.bits, self.max, self.min = info.bits, builtins.int(info.max), builtins.int(info.min)
        self.dtype = dtype.name

    def __eq__(self, other: object) -> builtins.bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> builtins.int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
