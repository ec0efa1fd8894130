"""Moving modules to a device and to a dtype, which may be named in many ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from .._typing import DType
from ..device import device as Device
from ..device import move
from ..dtypes import as_dtype, category, float16, float32, float64
from ..errors import ArgumentError, DependencyError, DtypeError
from ..tensor import Tensor
from .uninitialised import memory


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


class Movable:
    """What can be moved with all parameters and buffers; the module itself changes."""

    parameters: Callable[..., Iterator[Any]]  # of Module
    buffers: Callable[..., Iterator[Any]]

    def _convert(self, change: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace the arrays of all parameters, their gradients and buffers; all or none."""
        planned: list[tuple[Tensor, Any]] = []
        for tensor in [*self.parameters(recurse), *self.buffers(recurse)]:
            planned.append((tensor, change(memory(tensor))))
            if tensor.grad is not None:
                planned.append((tensor.grad, change(tensor.grad.array)))
        for tensor, array in planned:
            if array is not memory(tensor):
                tensor.array = array
                if tensor.node is not None:
                    tensor.node.dtype, tensor.node.value = array.dtype, id(array)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device, convert floating values to a dtype, or both; the module itself changes.

        Args:
            args: a device, a floating dtype, both in this order, or a tensor to follow.
            kwargs: `device`, `dtype`; `non_blocking` is accepted.

        Raises:
            ArgumentError: for anything else.
            DtypeError: for an integer dtype.

        Example:
            >>> import tapegrad as tg
            >>> tg.nn.Linear(2, 3).to(tg.float64).weight.dtype
            dtype('float64')
        """
        device, dtype = destination(args, kwargs)

        def change(array: Any) -> Any:
            if device is not None:
                array = move(array, device)
            if dtype is not None and category(array.dtype) == category(dtype):
                array = array.astype(dtype) if array.dtype != dtype else array
            return array

        return self._convert(change)

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to(float32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to(float64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to(float16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16, which the package ml_dtypes defines."""
        return self.to(bfloat16())

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers, integer ones too, to a dtype.

        Args:
            dst_type: the dtype.

        Raises:
            DtypeError: for an integer dtype, if a parameter requires grad; nothing is changed.
        """
        dtype = as_dtype(dst_type)
        if category(dtype) < 2 and any(p.requires_grad for p in self.parameters()):
            raise DtypeError(
                f"type: parameters that require grad must be floating or complex, got {dtype}"
            )
        return self._convert(lambda array: array.astype(dtype, copy=False))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values, which are arbitrary then.

        Args:
            device: where to; None keeps every tensor where it is.
            recurse: include all modules below.
        """
        place = None if device is None else Device(device)

        def change(array: Any) -> Any:
            empty = np.empty_like(array)
            return empty if place is None else move(empty, place)

        return self._convert(change, recurse)

    def cpu(self) -> Self:
        """Move parameters and buffers to the host."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move parameters and buffers to a GPU, by default the current one."""
        return self.to("cuda" if device is None else Device(device))
