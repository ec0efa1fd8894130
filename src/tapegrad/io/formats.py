"""The dtypes that files hold, and what is true of arrays on their way into and out of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import DType
from ..errors import FileFormatError

# safetensors' names; complex128 has none and is stored as pairs of float64
CODES = {
    "BOOL": "bool",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64",
}  # fmt: skip
NAMES = {*CODES.values(), "complex128"}


def dtype_of(name: str) -> DType:
    """The dtype of that name, among those that files hold.

    Raises:
        DependencyError: for bfloat16 without ml_dtypes.
    """
    if name == "bfloat16":
        from ..nn.destination import bfloat16

        return bfloat16()
    return np.dtype(name)


def octets(array: Any) -> Any:
    """The bytes of a contiguous array, as a flat array of uint8 over the same memory."""
    return array.reshape(-1).view(np.uint8)


def check_bools(array: Any, where: str) -> None:
    """Refuse bools that are neither 0 nor 1: NumPy's functions do not expect them."""
    if array.dtype == bool and octets(array).max(initial=0) > 1:
        raise FileFormatError(f"load: {where} holds bytes that are no bools; the file is damaged")
