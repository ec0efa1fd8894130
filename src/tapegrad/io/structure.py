"""What a file holds beside its tensors: the nested containers around them, as JSON.

`None`, bools, strings, finite floats and ints of 64 bits are JSON's own, lists are arrays; all
else is an object with one key that says what it is, such as `{"tuple": [1, 2]}` or `{"tensor": "weight"}`.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import backend_of, is_array, wrapping
from ..errors import ArgumentError, FileFormatError
from ..tensor import Tensor
from .formats import NAMES, check_bools, dtype_of

DEPTH = 100  # levels of nesting; each takes three of JSON, and the interpreter allows 1000 calls
_ODD_FLOATS = {"nan", "inf", "-inf"}


def _place(path: tuple[Any, ...]) -> str:
    return "obj" + "".join(f"[{key!r}]" for key in path)


def simple_key(key: Any) -> bool:
    """Whether files take it as the key of a dict: hashing it costs no more than reading it."""
    if type(key) is tuple:
        return all(type(part) is not tuple and simple_key(part) for part in key)
    return key is None or type(key) in (str, int, float, bool, bytes)


# -- writing -----------------------------------------------------------------------------------------


class Encoder:
    """Turns an object into what JSON can write, and takes its arrays out.

    Attributes:
        arrays: by the names that the result calls them by: the paths to them, joined by dots.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._names: dict[Any, str] = {}  # by memory: what is shared is taken once

    def encode(self, value: Any, path: tuple[Any, ...] = ()) -> Any:
        """The value at a path as JSON.

        Raises:
            ArgumentError: for what is not data; the message names its path.
        """
        kind = type(value)
        if value is None or kind is str or kind is bool:
            return value
        if kind is int:
            return value if value.bit_length() < 64 else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if len(path) >= DEPTH:
            raise ArgumentError(
                f"save: {_place(path[:3])}... is nested deeper than {DEPTH} levels, or contains "
                "itself"
            )
        if kind is list:
            return self._items(value, path)
        if kind is tuple:
            return {"tuple": self._items(value, path)}
        if kind is dict:
            return {"dict": self._pairs(value, path)}
        if kind is Counter:  # the milestones of MultiStepLR
            return {"counter": self._pairs(value, path)}
        if kind is OrderedDict:
            return self._ordered(value, path)
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if isinstance(value, np.generic):
            name = _checked(value.dtype, path)
            return {
                "scalar": [name, np.asarray(value, value.dtype.newbyteorder("<")).tobytes().hex()]
            }
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind is complex:
            return {"complex": [self.encode(value.real), self.encode(value.imag)]}
        if isinstance(value, np.dtype):
            return {"dtype": _checked(value, path)}
        if is_array(value) and (
            not isinstance(value, np.ndarray) or kind in (np.ndarray, np.memmap)
        ):
            return self._array("array", value, path)
        raise ArgumentError(_refusal(value, path))

    def _items(self, values: Any, path: tuple[Any, ...]) -> list[Any]:
        return [self.encode(item, (*path, index)) for index, item in enumerate(values)]

    def _pairs(self, value: Any, path: tuple[Any, ...]) -> list[Any]:
        pairs = []
        for key, item in value.items():
            if not simple_key(key):
                raise ArgumentError(
                    f"save: a key of {_place(path)} is a {type(key).__name__}; keys must be strings, numbers, "
                    "bytes, None or tuples of these"
                )
            pairs.append([self.encode(key), self.encode(item, (*path, key))])
        return pairs

    def _ordered(self, value: Any, path: tuple[Any, ...]) -> Any:
        attributes = dict(vars(value))
        found = {"ordered": self._pairs(value, path)}
        if "_metadata" in attributes:  # versions of the modules, put there by state_dict
            metadata = self.encode(attributes.pop("_metadata"), (*path, "_metadata"))
            found["metadata"] = metadata
        if attributes:
            raise ArgumentError(
                f"save: {_place(path)} has the attribute {min(attributes)!r}, which files do not keep; "
                "save dict(...) of it"
            )
        return found

    def _tensor(self, value: Tensor, path: tuple[Any, ...]) -> Any:
        try:
            array = value.array
        except ArgumentError as error:  # of a lazy layer
            raise ArgumentError(f"save: {_place(path)} cannot be saved: {error}") from None
        if type(array) in wrapping:
            raise ArgumentError(f"save: {_place(path)} is mapped over by vmap; save outside of it")
        return self._array("tensor", array, path)

    def _array(self, kind: str, array: Any, path: tuple[Any, ...]) -> Any:
        name = _checked(array.dtype, path)
        saved = self._saved_before(array)
        if saved is None:
            host = backend_of(array).to_host(array)
            saved = self._names[_memory(array)] = self._free_name(path)
            host = host.astype(host.dtype.newbyteorder("="), copy=False)
            if not host.flags.c_contiguous:
                host = host.copy(order="C")
            if name == "complex128":
                host = host.reshape(*host.shape, 1).view(np.float64)
            self.arrays[saved] = host
        return {kind: saved, "as": name} if name == "complex128" else {kind: saved}

    def _saved_before(self, array: Any) -> str | None:
        return self._names.get(_memory(array)) if array.size else None

    def _free_name(self, path: tuple[Any, ...]) -> str:
        wanted = ".".join(map(str, path)) if path else "tensor"
        wanted = wanted.encode("utf-8", "replace").decode()
        name, number = wanted, 1
        while name in self.arrays or name == "__metadata__":
            number += 1
            name = f"{wanted}#{number}"
        return name


def _memory(array: Any) -> Any:
    """What two views have in common that show the same elements of the same memory."""
    about = getattr(array, "__array_interface__", None) or array.__cuda_array_interface__
    return about["data"][0], array.shape, array.strides, array.dtype.str, array.dtype.name


def _checked(dtype: Any, path: tuple[Any, ...]) -> str:
    if dtype.name not in NAMES:
        raise ArgumentError(
            f"save: {_place(path)} has the dtype {dtype}, which files do not hold; convert it to one of "
            f"{', '.join(sorted(NAMES))}"
        )
    return str(dtype.name)


def _refusal(value: Any, path: tuple[Any, ...]) -> str:
    kind = type(value)
    shown = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if callable(getattr(value, "state_dict", None)):
        hint = "save its state_dict()"
    elif callable(getattr(value, "get_state", None)):
        hint = "save its get_state()"
    elif isinstance(value, (dict, list, tuple, str, int, float)):
        base = next(base for base in kind.__mro__ if base in (dict, list, tuple, str, int, float))
        hint = f"convert it to a plain {base.__name__}"
    else:
        hint = (
            "files hold tensors, arrays, dtypes, numbers, strings, bytes, None, and lists, tuples and dicts "
            "of these"
        )
    return f"save: {_place(path)} is a {shown}, which is not saved; {hint}"


# -- reading -----------------------------------------------------------------------------------------


class Decoder:
    """Makes the object again.

    Args:
        fetch: gives the tensor (True) or the NumPy array (False) of a name, seen as a dtype or as it is.
    """

    def __init__(self, fetch: Callable[[str, bool, str | None], Any]) -> None:
        self._fetch = fetch

    def decode(self, value: Any, depth: int = 0) -> Any:
        """The object that a JSON value stands for.

        Raises:
            FileFormatError: for what `Encoder` does not write.
        """
        if value is None or isinstance(value, (bool, str, int, float)):
            return value
        if depth > DEPTH:
            raise FileFormatError(f"load: the structure is nested deeper than {DEPTH} levels")
        if isinstance(value, list):
            return [self.decode(item, depth + 1) for item in value]
        tag, given = next(iter(value.items()), ("", None))
        if len(value) == 1 or (tag, len(value)) in (("tensor", 2), ("array", 2), ("ordered", 2)):
            found = self._object(tag, given, value, depth)
            if found is not NotImplemented:
                return found
        raise FileFormatError(f"load: the structure has an unknown entry {str(value)[:60]!r}")

    def _object(self, tag: str, given: Any, entry: dict[str, Any], depth: int) -> Any:
        match tag, given:
            case "tuple", list():
                return tuple(self.decode(item, depth + 1) for item in given)
            case "dict", list():
                return self._filled({}, given, depth)
            case "counter", list():
                return self._filled(Counter(), given, depth)
            case "ordered", list():
                made = self._filled(OrderedDict(), given, depth)
                if len(entry) == 2:
                    made._metadata = self.decode(entry["metadata"], depth + 1)
                return made
            case (("tensor" | "array"), str()) if len(entry) == 1:
                return self._fetch(given, tag == "tensor", None)
            case (("tensor" | "array"), str()) if entry.get("as") == "complex128":
                return self._fetch(given, tag == "tensor", "complex128")
            case "int", str():
                return int(given, 16)
            case "float", str() if given in _ODD_FLOATS:
                return float(given)
            case "bytes", str():
                return bytes.fromhex(given)
            case "dtype", str() if given in NAMES:
                return dtype_of(given)
            case "complex", [real, imag]:
                return complex(self.decode(real, depth + 1), self.decode(imag, depth + 1))
            case "scalar", [str(name), str(text)] if name in NAMES:
                array = np.frombuffer(bytes.fromhex(text), dtype_of(name).newbyteorder("<"))
                check_bools(array, "the structure")
                (number,) = array.astype(dtype_of(name))
                return number
        return NotImplemented

    def _filled(self, made: Any, pairs: list[Any], depth: int) -> Any:
        for pair in pairs:
            key, value = (self.decode(part, depth + 1) for part in pair)
            if not simple_key(key) or key in made:
                raise FileFormatError(
                    f"load: the structure has the key {str(key)[:60]!r} in a wrong place"
                )
            made[key] = value
        return made
