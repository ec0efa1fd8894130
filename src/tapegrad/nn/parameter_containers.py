"""Modules that hold parameters, and anything beside them: in order, or by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, Self

from ..errors import ArgumentError, DimensionError, DtypeError
from ..tensor import Tensor
from .containers import pairs
from .module import Module, framed, indented
from .parameter import Parameter


def _held(value: Any) -> Any:
    """What a container holds in the place of a value: tensors become parameters."""
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


def _row(key: Any, value: Any) -> str:
    if isinstance(value, Module):
        return f"({key}): {indented(repr(value))}"
    if not isinstance(value, Tensor):
        return f"({key}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    place = "" if value.device == "cpu" else f" ({value.device})"
    return f"({key}): {kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}{place}]"


class ParameterList(Module):
    """Hold parameters in a list; tensors put into it become parameters.

    Anything else may be put into it too, and is kept as it is.

    Args:
        values: what to begin with.

    Example:
        >>> import tapegrad as tg
        >>> weights = tg.nn.ParameterList([tg.zeros(2, 3), tg.zeros(3)])
        >>> weights
        ParameterList(
          (0): Parameter containing: [float32 of size 2x3]
          (1): Parameter containing: [float32 of size 3]
        )
        >>> list(weights.state_dict())
        ['0', '1']
    """

    _size: int

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name_at(self, index: Any) -> str:
        try:
            place: int = index.__index__()
        except AttributeError:
            raise ArgumentError(
                f"ParameterList: index must be an int or a slice, got {index!r}"
            ) from None
        if not -self._size <= place < self._size:
            raise DimensionError(
                f"ParameterList: index {place} is out of range, there are {self._size} values"
            )
        return str(place % self._size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(self._size)[index]])
        return vars(self)[self._name_at(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        vars(self)[self._name_at(index)] = _held(value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end; returns the list.

        Raises:
            DtypeError: for a tensor of integers, which cannot be trained; make it a
                `Parameter(..., requires_grad=False)`.
        """
        value = _held(value)
        self._size += 1
        vars(self)[str(self._size - 1)] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several values at the end, all or none; returns the list.

        Raises:
            DtypeError: if it is a tensor, or nothing that can be walked over.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise DtypeError(
                f"ParameterList: needs values one by one, in a list, got {type(values).__name__}"
            )
        for value in [_held(value) for value in values]:
            self.append(value)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("ParameterList: holds parameters and cannot be called")

    def __repr__(self) -> str:
        return framed(type(self).__name__, "", [_row(k, v) for k, v in enumerate(self)])


class ParameterDict(Module):
    """Hold parameters by name; tensors put into it become parameters.

    Anything else may be put into it too, and is kept as it is. The order is that in which names came, but
    those of a plain dict are sorted first, as in PyTorch, so that optimisers find parameters in the order
    of their checkpoints.

    Args:
        parameters: a mapping from names to values, or pairs of both.

    Raises:
        ArgumentError: for a name with a dot in it, or one that the class itself uses.

    Example:
        >>> import tapegrad as tg
        >>> weights = tg.nn.ParameterDict({"right": tg.zeros(3), "left": tg.zeros(2, 3)})
        >>> weights
        ParameterDict(
          (left): Parameter containing: [float32 of size 2x3]
          (right): Parameter containing: [float32 of size 3]
        )
        >>> weights["left"].requires_grad
        True
    """

    _keys: dict[str, None]

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _check_key(self, key: Any) -> None:
        if not isinstance(key, str):
            raise DtypeError(f"ParameterDict: keys must be strings, got {type(key).__name__}")
        if key not in self._keys:
            self._check_name("ParameterDict", key)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            known = ", ".join(self._keys) or "none"
            raise KeyError(f"ParameterDict: nothing under {key!r}; there are: {known}")
        return vars(self)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check_key(key)
        value = _held(value)
        self._keys[key] = None
        vars(self)[key] = value

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._keys[key], vars(self)[key]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(list(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a key, which is `default` from now on if there was none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a value out and return it; KeyError if there is none."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last pair out and return it; KeyError if there is none."""
        if not self._keys:
            raise KeyError("ParameterDict: popitem of an empty dictionary")
        key = next(reversed(self))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or `default`."""
        return vars(self)[key] if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with one value under all keys.

        Args:
            keys: the keys.
            default: the value.
        """
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> KeysView[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Pairs of keys and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values, all or none; one whose key is there replaces the one that has it.

        Args:
            parameters: a mapping from keys to values, of which a plain dict is sorted first, or pairs.

        Raises:
            ArgumentError: for something else, or a key that cannot be used.
            DtypeError: for a key that is no string, or a tensor of integers.
        """
        given = pairs("ParameterDict", parameters)
        for key, _ in given:
            self._check_key(key)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            given.sort(key=lambda pair: pair[0])
        for key, value in [(key, _held(value)) for key, value in given]:
            self[key] = value

    def __or__(self, other: Any) -> ParameterDict:
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Any) -> ParameterDict:
        joined = ParameterDict(other)
        joined.update(self)
        return joined

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("ParameterDict: holds parameters and cannot be called")

    def __repr__(self) -> str:
        return framed(type(self).__name__, "", [_row(k, v) for k, v in self.items()])
