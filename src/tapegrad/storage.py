"""A tensor's place in memory: strides, sizes in bytes, and changes of shape that touch no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._typing import Shape
from .device import owner
from .errors import DtypeError, GraphError
from .ops.arrange import t
from .ops.cutting import as_strided
from .ops.shape import sizes, squeeze, transpose, unsqueeze
from .stamps import stamp
from .tape import Leaf, recording
from .tensor import Tensor

METHODS = [
    "as_strided_", "detach_", "get_device", "is_pinned", "is_shared", "pin_memory", "resize_", "resize_as_",
    "set_", "squeeze_", "storage_offset", "stride", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_",
]  # fmt: skip
PROPERTIES = ["is_cpu", "is_meta", "is_quantized", "is_sparse", "itemsize", "nbytes"]


# -- changes of shape --------------------------------------------------------------------------------


def _seen_as(view: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of a view: the tensor itself is seen so from now on; its memory stays."""
    name = f"{view.__name__}_"

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.node is not None and isinstance(self.node, Leaf) == recording():
            raise GraphError(
                f"{name}: a leaf that requires grad cannot change its shape while recording, nor anything "
                f"else that does under no_grad(); use {view.__name__}"
            )
        out = view(self, *args, **kwargs)
        if self.node is not None and not recording():
            setattr(self, "data", out)  # noqa: B010
        else:
            self.array, self.node = out.array[...] if out is self else out.array, out.node
        return self

    change.__name__ = change.__qualname__ = name
    change.__doc__ = f"In-place form of `{view.__name__}`; returns the tensor itself."
    return change


t_ = _seen_as(t)
transpose_ = swapaxes_ = swapdims_ = _seen_as(transpose)
squeeze_ = _seen_as(squeeze)
unsqueeze_ = _seen_as(unsqueeze)
as_strided_ = _seen_as(as_strided)


def detach_(self: Tensor) -> Tensor:
    """Leave the tape: the tensor does not require grad from now on; returns it."""
    self.node = None
    return self


def _unrecorded(op: str, self: Tensor) -> None:
    if self.node is not None:
        raise GraphError(f"{op}: the tensor requires grad; use detach() first")


def resize_(self: Tensor, *size: Any) -> Tensor:
    """Change the sizes; elements keep their order, new ones are uninitialised. Returns the tensor.

    Args:
        size: sizes, one by one or as one sequence. Fewer elements stay in the same memory.

    Raises:
        GraphError: if the tensor requires grad.
    """
    _unrecorded("resize_", self)
    shape = sizes("resize_", size)
    old = self.array.reshape(-1)
    count = int(np.prod(shape))
    if count > old.size:
        new = np.empty_like(self.array, shape=(count,))
        new[: old.size] = old
        old = new
    self.array = old[:count].reshape(shape)
    return self


def resize_as_(self: Tensor, the_template: Tensor) -> Tensor:
    """`resize_` to another tensor's shape."""
    return resize_(self, the_template.shape)


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Look at another tensor's memory from now on, or at none; returns the tensor.

    Raises:
        GraphError: if one of the two requires grad while recording.
        DtypeError: if the dtypes differ.
    """
    if source is None:
        _unrecorded("set_", self)
        self.array = np.empty_like(self.array, shape=(0,))
        return self
    for tensor in (self, source):
        if recording():
            _unrecorded("set_", tensor)
    if source.dtype != self.dtype:
        raise DtypeError(f"set_: source must be {self.dtype}, got {source.dtype}")
    if self.node is None:
        self.array = source.array[...]
    else:
        setattr(self, "data", source)  # noqa: B010
    stamp(self.array, "set_")
    return self


# -- what it is --------------------------------------------------------------------------------------


def stride(self: Tensor, dim: int | None = None) -> Any:
    """Distances of neighbours in memory along every dimension, in elements; or along one."""
    distances: Shape = tuple(s // self.array.itemsize for s in self.array.strides)
    return distances if dim is None else distances[dim]


def storage_offset(self: Tensor) -> int:
    """Where in its memory the first element stands, counted in elements."""
    whole = owner(self.array)
    start = whole.ctypes.data if isinstance(whole, np.ndarray) else whole.data.ptr
    return int(self.data_ptr() - start) // int(self.array.itemsize)


def get_device(self: Tensor) -> int:
    """The number of the card; -1 on the CPU."""
    return -1 if self.device.type == "cpu" else self.device.index or 0


def is_pinned(self: Tensor) -> bool:
    """False: memory is not pinned for transfers here."""
    return False


def is_shared(self: Tensor) -> bool:
    """False: memory is not shared between processes here."""
    return False


def pin_memory(self: Tensor) -> Tensor:
    """The tensor itself: transfers go through memory of their own."""
    return self


def is_cpu(self: Tensor) -> bool:
    """Whether the values are in the memory of the CPU."""
    return self.device.type == "cpu"


def itemsize(self: Tensor) -> int:
    """Bytes of one element."""
    return int(self.array.itemsize)


def nbytes(self: Tensor) -> int:
    """Bytes of all elements."""
    return int(self.array.nbytes)


def _never(self: Tensor) -> bool:
    """False: there are no such tensors here."""
    return False


is_meta = is_quantized = is_sparse = _never
