"""`Tensor`: an array and the node of the tape that made it.

The class holds what needs nothing else; operators and methods are bound in `methods.py`, so that
every operation is written once, in `ops/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._typing import Array, DType, Shape
from .device import backend_of, device
from .errors import DeviceError, ShapeError

if TYPE_CHECKING:
    from .tape import Node


class Tensor:
    """A multi-dimensional array that remembers how it was computed.

    Create tensors by `tapegrad.tensor`, `zeros`, `randn` and their like, or by an operation. The
    constructor itself follows PyTorch's: sizes give an uninitialised tensor, data gives a copy, both
    in the default dtype.

    Attributes:
        array: the wrapped NumPy or CuPy array. No two tensors share one array object (views of the
            same memory are fine): the tape tells values apart by identity.
        node: the tape's node for this value, or None when it does not require a gradient.
        grad: gradient accumulated by `backward()`, a tensor of the same shape, or None.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4., 6.])
    """

    # `_grad` and `family` stay unset until used: two stores per recorded operation saved.
    __slots__ = ("__weakref__", "_grad", "array", "family", "node")

    array: Array
    node: Node | None
    family: list[Any]  # weak references to the tensors that view the same memory

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        from .creation import legacy_tensor

        return legacy_tensor(cls, *args, **kwargs)

    if TYPE_CHECKING:  # bound in methods.py

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __iter__(self) -> Any: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __len__(self) -> int: ...

    # -- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """Sizes of all dimensions, a tuple."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        """dtype of the elements, a NumPy dtype."""
        return self.array.dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> device:
        """Where the values live."""
        return backend_of(self.array).locate(self.array)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.array.ndim  # type: ignore[no-any-return]

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded; may be set on leaves."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def grad(self) -> Tensor | None:
        """Gradient accumulated so far, or None."""
        try:
            return self._grad
        except AttributeError:
            return None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: must be a tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: must have the tensor's shape {self.shape}, got {value.shape}"
                )
            if value.device != self.device:
                raise DeviceError(
                    f"grad: must be on the tensor's device {self.device}, got {value.device}"
                )
        self._grad: Tensor | None = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    # -- how it looks ----------------------------------------------------------------------------

    def __repr__(self) -> str:
        from ._printing import tensor_repr

        return tensor_repr(self)


def wrap(array: Array, node: Node | None = None) -> Tensor:
    """A tensor around an array that no other tensor holds."""
    tensor = object.__new__(Tensor)
    tensor.array = array
    tensor.node = node
    return tensor


def raw(value: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return value.array if isinstance(value, Tensor) else value


def to_host(tensor: Tensor) -> np.ndarray[Any, Any]:
    """The values as a NumPy array, copied from the device if they are not on the host."""
    host: np.ndarray[Any, Any] = backend_of(tensor.array).to_host(tensor.array)
    return host
