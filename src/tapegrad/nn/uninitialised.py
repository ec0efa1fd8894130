"""Parameters and buffers whose shape is not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .. import creation
from .._typing import DType, DTypeLike
from ..device import backend_of, device
from ..errors import ArgumentError
from ..tensor import Tensor, raw
from .parameter import Buffer, Parameter

_array = vars(Tensor)["array"]


def memory(tensor: Tensor) -> Any:
    """The array of a tensor, also of one without a shape, where it says dtype and device."""
    return _array.__get__(tensor)


class Uninitialized(Tensor):
    """A tensor with dtype and device, but without a shape and values.

    Whatever asks for them gets an error, at no cost for other tensors: `array` is a property here.
    """

    becomes: Any  # the class that it has once it has a shape

    @property
    def array(self) -> Any:
        """Refused: there is none."""
        raise ArgumentError(
            f"{type(self).__name__}: it has neither shape nor values before the module has been called; "
            "call the model once with an example"
        )

    @array.setter
    def array(self, value: Any) -> None:
        _array.__set__(self, value)

    @property
    def dtype(self) -> DType:
        """The dtype that the elements will have."""
        return memory(self).dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> device:
        """Where the values will live."""
        return backend_of(memory(self)).locate(memory(self))

    def materialize(
        self, shape: Sequence[int], device: Any = None, dtype: DTypeLike = None
    ) -> None:
        """Take a shape, and become an ordinary parameter or buffer; the values are arbitrary.

        Args:
            shape: the sizes.
            device, dtype: instead of those it was made with.
        """
        made = creation.empty(
            tuple(shape),
            device=self.device if device is None else device,
            dtype=self.dtype if dtype is None else dtype,
        )
        self.__class__ = self.becomes
        self.data = made

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether gradients will be wanted."""
        kind = type(self)
        self.__class__ = self.becomes
        try:
            self.requires_grad_(requires_grad)
        finally:
            self.__class__ = kind
        return self

    def detach(self) -> Self:
        """The tensor itself, since there are no values to share; state dicts hold it."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = memo[id(self)] = _again(
            type(self), memory(self).copy(), self.requires_grad, dict(vars(self))
        )
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _again, (type(self), memory(self), self.requires_grad, dict(vars(self)))


def _again(kind: Any, array: Any, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    made: Any = object.__new__(kind)
    _array.__set__(made, array)
    made.node = None
    vars(made).update(attributes)
    made.requires_grad_(requires_grad)
    return made


def _nothing(device: Any, dtype: DTypeLike) -> Any:
    return raw(creation.empty(0, device=device, dtype=dtype))


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter that will get its shape by `materialize(shape)`.

    Args:
        requires_grad: whether gradients will be wanted.
        device, dtype: of the values.

    Example:
        >>> import tapegrad as tg
        >>> weight = tg.nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, weight.shape
        ('Parameter', (2, 3))
    """

    becomes = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: DTypeLike = None
    ) -> UninitializedParameter:
        return _again(cls, _nothing(device, dtype), requires_grad, {})  # type: ignore[no-any-return]


class UninitializedBuffer(Uninitialized, Buffer):
    """A buffer that will get its shape by `materialize(shape)`.

    Args:
        requires_grad: whether gradients will be wanted.
        device, dtype: of the values.
        persistent: whether `state_dict` contains it.

    Example:
        >>> import tapegrad as tg
        >>> mean = tg.nn.UninitializedBuffer()
        >>> mean.materialize((2,))
        >>> mean.shape
        (2,)
    """

    becomes = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        attributes = {"persistent": persistent}
        return _again(cls, _nothing(device, dtype), requires_grad, attributes)  # type: ignore[no-any-return]
