"""Files of PyTorch's: zip archives with the bytes of the tensors, and a pickle that is read, never run."""

from __future__ import annotations

import math
import os
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import device as Device
from ..device import move
from ..errors import FileFormatError, TapegradError
from ..ops.cutting import as_strided
from ..tensor import Tensor, wrap
from .formats import NAMES, check_bools, dtype_of
from .pickles import Maker, Name, Storage, read_pickle

# The classes of storages by the dtype of their elements, and the names that dtypes have.
_STORAGES = {
    "Bool": "bool", "Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64",
    "Half": "float16", "BFloat16": "bfloat16", "Float": "float32", "Double": "float64",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
_TENSORS = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
_CLASSES = {*_TENSORS, "torch.storage.UntypedStorage", "numpy.ndarray"}


def load_torch(path: str, device: Any) -> Any:
    """Read the tensors and containers in a file that `torch.save` wrote.

    Args:
        path: of the file.
        device: where the tensors shall live; the CPU by default.

    Raises:
        FileFormatError: if the file is damaged, or its pickle asks for anything but data.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            reader = _Reader(archive, os.path.getsize(path), device)
            return read_pickle(reader.entry("data.pkl"), reader.named, reader.storage)
    except FileFormatError as error:
        raise FileFormatError(f"{error} ({path})") from None
    except (TapegradError, FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:  # zipfile and pickletools have many ways to say that bytes are wrong
        raise FileFormatError(f"load: {path} is damaged: {error!r}") from None


class _Reader:
    """Makes tensors of what the pickle says about them."""

    def __init__(self, archive: zipfile.ZipFile, size: int, device: Any) -> None:
        self._archive, self._device = archive, device
        entries = archive.infolist()
        # stored as they are and not beyond the file: nothing grows while it is read
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise FileFormatError(
                "load: an entry of the archive is compressed, which PyTorch never does"
            )
        if sum(entry.file_size for entry in entries) > size:
            raise FileFormatError("load: the entries of the archive overlap")
        self._entries = {entry.filename: entry for entry in entries}
        roots = [
            name for name in self._entries if name.count("/") == 1 and name.endswith("/data.pkl")
        ]
        if len(roots) != 1 or len(self._entries) != len(entries):
            raise FileFormatError(
                f"load: a file of PyTorch's has one data.pkl, and no name twice; this one has {len(roots)}"
            )
        self._root = roots[0].removesuffix("data.pkl")
        self._swapped = (
            self._root + "byteorder" in self._entries and self.entry("byteorder") == b"big"
        )
        self._read: dict[str, Any] = {}  # elements of storages, which tensors may share
        self._makers: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_dtype,
            **_MAKERS,
        }

    def entry(self, name: str) -> bytes:
        """The bytes of a small entry."""
        return self._archive.read(self._entries[self._root + name])

    def storage(self, given: Any) -> Storage:
        """What a persistent id stands for."""
        match given:
            case ("storage", Name(name=str(kind)), str(key), str(), int(numel)) if numel >= 0:
                plain = kind.removeprefix("torch.").removesuffix("Storage")
                if kind == "torch.storage.UntypedStorage":
                    return Storage(key, None, numel)
                if plain in _STORAGES:
                    return Storage(key, _STORAGES[plain], numel)
                raise FileFormatError(f"load: tensors of {kind} are not known here")
        raise FileFormatError("load: the pickle names something that is no storage")

    def named(self, name: str) -> Any:
        """What the pickle means by a full name; None for what it may not name."""
        if name in self._makers:
            return Maker(name, self._makers[name])
        kind = name.removeprefix("torch.")
        if kind != name and kind in NAMES:
            return dtype_of(kind)
        known = name in _CLASSES or kind.removesuffix("Storage") in _STORAGES
        return Name(name) if known else None

    # -- tensors -----------------------------------------------------------------------------------

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> Tensor:
        if not isinstance(storage, Storage) or storage.dtype is None:
            raise FileFormatError("load: a tensor has no storage, or one without a dtype")
        metadata = more[2] if len(more) > 2 else None  # after requires_grad and hooks
        seen = (offset, size, stride, metadata)
        return self._view(storage, storage.dtype, storage.numel, *seen)

    def _tensor_of_dtype(
        self, storage: Any, offset: Any, size: Any, stride: Any, *more: Any
    ) -> Tensor:
        _, _, dtype, *metadata = more
        if not isinstance(storage, Storage) or not isinstance(dtype, np.dtype):
            raise FileFormatError("load: a tensor has no storage or no dtype")
        numel = storage.numel // dtype.itemsize  # without a dtype it is counted in bytes
        seen = (offset, size, stride, metadata[0] if metadata else None)
        return self._view(storage, dtype.name, numel, *seen)

    def _view(
        self,
        storage: Storage,
        dtype: str,
        numel: int,
        offset: Any,
        size: Any,
        stride: Any,
        metadata: Any,
    ) -> Tensor:
        numbers = (offset, *size, *stride)
        if any(type(number) is not int or not 0 <= number < 2**62 for number in numbers):
            raise FileFormatError(
                f"load: storage {storage.name!r} is seen with sizes that are none"
            )
        if math.prod(size) * dtype_of(dtype).itemsize >= 2**62:
            raise FileFormatError(
                f"load: storage {storage.name!r} is seen as a tensor beyond all memory"
            )
        memory = self._marked(storage.name, dtype, numel, metadata)
        try:
            made = as_strided(wrap(memory[...]), tuple(size), tuple(stride), offset)
        except TapegradError as error:
            raise FileFormatError(f"load: storage {storage.name!r}: {error}") from None
        repeats = any(n > 1 and step == 0 for n, step in zip(size, stride, strict=True))
        if repeats and isinstance(memory, np.ndarray):
            made.array.flags.writeable = False  # of an expanded tensor: elements share places
        return made

    def _marked(self, key: str, dtype: str, numel: int, metadata: Any) -> Any:
        """The elements of a storage, conjugated or negated where PyTorch has put that off."""
        elements = self._elements(key, dtype, numel)
        if not metadata:
            return elements
        if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
            raise FileFormatError("load: a tensor has marks that are not known here")
        for mark, change in (("conj", np.conj), ("neg", np.negative)):
            if metadata.get(mark) is True:
                key = f"{mark} {key}"
                if key not in self._read:
                    self._read[key] = change(elements)
                elements = self._read[key]
        return elements

    def _elements(self, key: str, dtype: str, numel: int) -> Any:
        """All elements of a storage, on the device; read once."""
        found = self._read.get(key)
        if found is not None:
            if found.dtype != dtype or found.size < numel:
                raise FileFormatError(f"load: storage {key!r} is seen as two dtypes or sizes")
            return found
        entry = self._entries.get(f"{self._root}data/{key}")
        kind = dtype_of(dtype)
        if entry is None or numel * kind.itemsize > entry.file_size:
            raise FileFormatError(
                f"load: storage {key!r} is missing or too short; the file is damaged"
            )
        octets = np.empty(entry.file_size, np.uint8)
        view, start = octets.data, 0
        file: Any
        with self._archive.open(entry) as file:
            while start < len(view) and (count := file.readinto(view[start:])):
                start += count
        if start < len(view):
            raise FileFormatError(f"load: storage {key!r} is cut off")
        elements = octets[: numel * kind.itemsize].view(kind)
        if self._swapped:
            elements = elements.byteswap()
        check_bools(elements, f"storage {key!r}")
        self._read[key] = elements if self._device is None else move(elements, self._device)
        return self._read[key]


# -- everything else ---------------------------------------------------------------------------------


def _same_tensor(data: Any, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise FileFormatError("load: a parameter holds no tensor")
    return data


def _of_type(rebuild: Any, kind: Any, args: Any, *_: Any) -> Tensor:
    """A tensor with attributes of its own, which are left out."""
    if not isinstance(rebuild, Maker) or not isinstance(kind, Name) or kind.name not in _TENSORS:
        raise FileFormatError("load: a tensor of an unknown class")
    return _same_tensor(rebuild(*args))


def _tuple(items: Any) -> tuple[Any, ...]:
    return tuple(items)


def _device(name: Any, index: Any = None) -> Device:
    if type(name) is not str or type(index) not in (int, type(None)):
        raise FileFormatError("load: a device has no name")
    try:
        return Device(name, index)
    except TapegradError as error:
        raise FileFormatError(f"load: {error}") from None


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    if pairs:
        raise FileFormatError("load: an OrderedDict is written as no PyTorch does")
    return OrderedDict()


def _counter(counts: Any) -> Counter[Any]:
    if not isinstance(counts, dict):  # which has simple keys
        raise FileFormatError("load: a Counter is written as no PyTorch does")
    return Counter(counts)


def _no_bytes() -> bytes:
    return b""


def _encoded(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding != "latin1":
        raise FileFormatError("load: bytes are written as no PyTorch does")
    return text.encode("latin1")


def _complex(real: Any, imag: Any) -> complex:
    return complex(float(real), float(imag))


def _set(items: Any) -> set[Any]:
    if any(type(item) not in (str, int, float, bool) for item in items):
        raise FileFormatError("load: a set holds more than strings and numbers")
    return set(items)


def _dtype(code: Any, *_: Any) -> np.dtype[Any]:
    if type(code) is not str or code[:1] not in "biufc" or np.dtype(code).name not in NAMES:
        raise FileFormatError("load: a dtype of NumPy's is not known here")
    return np.dtype(code).newbyteorder("<")  # the state that follows says so


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, np.dtype) or type(data) is not bytes:
        raise FileFormatError("load: a number of NumPy's is damaged")
    array = np.frombuffer(data, dtype)
    check_bools(array, "a number of NumPy's")
    (number,) = array
    return number


def _empty_array(kind: Any, shape: Any, code: Any) -> Any:
    if not isinstance(kind, Name) or kind.name != "numpy.ndarray" or shape != (0,) or code != b"b":
        raise FileFormatError("load: an array of NumPy's is damaged")
    return np.empty(0, np.int8)


_MAKERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_parameter": _same_tensor,
    "torch._utils._rebuild_parameter_with_state": _same_tensor,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.Size": _tuple,
    "torch.device": _device,
    "collections.Counter": _counter,
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _encoded,
    "numpy.dtype": _dtype,
    # the names of Python 3 and 2, of NumPy 2 and 1
    "builtins.bytes": _no_bytes,
    "__builtin__.bytes": _no_bytes,
    "builtins.complex": _complex,
    "__builtin__.complex": _complex,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray._reconstruct": _empty_array,
    "numpy.core.multiarray._reconstruct": _empty_array,
}
