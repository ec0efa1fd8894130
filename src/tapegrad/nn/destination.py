"""What `Module.to` was asked for: the many ways to name a device and a dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import DType
from ..device import device as Device
from ..dtypes import as_dtype, category
from ..errors import ArgumentError, DependencyError, DtypeError
from ..tensor import Tensor


def destination(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Device and dtype from the arguments of `to`, None for what is to stay."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    kwargs.pop("non_blocking", None)
    if kwargs:
        raise ArgumentError(f"to: unknown arguments {sorted(kwargs)}; use device= and dtype=")
    for value in args:
        if isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, Device) or (isinstance(value, (str, int)) and _names_device(value)):
            device = value
        elif value is not None and not isinstance(value, bool):
            dtype = value
    if dtype is not None:
        dtype = as_dtype(dtype)
        if category(dtype) < 2:
            raise DtypeError(f"to: a module takes floating or complex dtypes, got {dtype}")
    return (None if device is None else Device(device)), dtype


def _names_device(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    try:
        np.dtype(value)
    except TypeError:
        return True
    return False


def bfloat16() -> DType:
    """The dtype that NumPy itself does not have."""
    try:
        import ml_dtypes
    except ImportError as error:
        raise DependencyError(
            f"bfloat16: ml_dtypes cannot be imported ({error}); install it with pip install ml_dtypes"
        ) from None
    return as_dtype(ml_dtypes.bfloat16)
