"""Type aliases of the public interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor

Scalar: TypeAlias = bool | int | float | complex
Array: TypeAlias = Any  # numpy.ndarray, cupy.ndarray, or any type registered in `device.py`
TensorLike: TypeAlias = "Tensor | np.ndarray[Any, Any] | Scalar"
DType: TypeAlias = "np.dtype[Any]"
DTypeLike: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
Dim: TypeAlias = int | Sequence[int] | None
Rule: TypeAlias = Callable[..., Any]
