"""`save` and `load`."""

from __future__ import annotations

import os
from typing import Any

from ..device import backend_for, move
from ..errors import ArgumentError, FileFormatError
from ..tensor import wrap
from . import archive
from .formats import dtype_of
from .structure import Decoder, Encoder

Path = str | os.PathLike[str]
# How a file that `torch.save` made before PyTorch 1.6 begins: the pickle of a long number.
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def save(obj: Any, path: Path) -> None:
    """Write tensors and the containers around them into one safetensors file.

    The file is whole or not there: an interrupted call leaves an older file of that name as it was.
    Tensors are named by their path, joined by dots, so that other readers of the format find a state
    dict's under its own keys. Views of the same elements are written once, and share memory again
    after loading. Values are kept, gradients and `requires_grad` are not.

    Args:
        obj: tensors, NumPy arrays and scalars, dtypes, numbers, strings, bytes, None, and lists, tuples, dicts,
            `OrderedDict` and `Counter` of these, such as state dicts.
        path: of the file; by custom it ends in `.safetensors`.

    Raises:
        ArgumentError: naming the place in `obj` of what is not data.
        OSError: if the file cannot be written.

    Example:
        >>> import os, tempfile, tapegrad as tg
        >>> model = tg.nn.Linear(2, 1)
        >>> optimizer = tg.optim.Adam(model.parameters(), lr=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "checkpoint.safetensors")
        ...     states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
        ...     tg.save({**states, "random": tg.get_rng_state()}, path)
        ...     loaded = tg.load(path)
        >>> model.load_state_dict(loaded["model"])
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> optimizer.load_state_dict(loaded["optimizer"])
        >>> tg.set_rng_state(loaded["random"])
        >>> loaded["epoch"]
        3
    """
    name = _path("save", path)
    encoder = Encoder()
    structure = encoder.encode(obj)
    archive.write(name, encoder.arrays, structure)


def load(path: Path, device: Any = None, *, verify: bool = True) -> Any:
    """Read what `save` wrote; or any safetensors file; or the tensors in a file of PyTorch's.

    Nothing in a file is executed. A safetensors file of others becomes a dict. Of PyTorch's `.pt` and `.pth`
    files, which are pickles, only tensors, containers and numbers are read; one that asks for
    anything else is refused.

    Args:
        path: of the file.
        device: where the tensors shall live; the CPU by default, wherever they were.
        verify: compare tensors with their checksums.

    Returns:
        The object. Tensors do not require grad.

    Raises:
        FileFormatError: if the file is damaged or of another kind.
        OSError: if it cannot be read.

    Example:
        >>> import os, tempfile, tapegrad as tg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "weights.safetensors")
        ...     tg.save({"weight": tg.ones(2), "shape": (1, 2)}, path)
        ...     tg.load(path)
        {'weight': tensor([1., 1.]), 'shape': (1, 2)}
    """
    name = _path("load", path)
    if device is not None:
        backend_for(device)  # a device that is not there is no fault of the file
    with open(name, "rb") as file:
        start = file.read(len(_OLD_TORCH))
    if start[8:9] != b"{":
        if start.startswith(b"PK\x03\x04"):
            from .torch_files import load_torch

            return load_torch(name, device)
        if start == _OLD_TORCH:
            raise FileFormatError(
                f"load: {name} is a file of PyTorch before 1.6; load it there and torch.save it again"
            )
        if start.startswith(b"\x80"):
            raise FileFormatError(
                f"load: {name} is a pickle, which could run anything; it is not read"
            )
    found, arrays = archive.read(name, verify)
    fetched: dict[str, Any] = {}

    def fetch(key: str, as_tensor: bool, seen_as: str | None) -> Any:
        array = arrays[key]
        if seen_as is not None:
            array = array.view(dtype_of(seen_as))[..., 0]
        if not as_tensor:
            return array[...]
        if key not in fetched:
            fetched[key] = array if device is None else move(array, device)
        return wrap(fetched[key][...])

    if not found:
        return {key: fetch(key, True, None) for key in arrays}
    try:
        return Decoder(fetch).decode(found[0])
    except FileFormatError as error:
        raise FileFormatError(f"{error} ({name})") from None
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise FileFormatError(f"load: {name}: the structure is damaged: {error!r}") from None


def _path(op: str, path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"{op}: path must be a string or a path, got {type(path).__name__}")
    return os.fsdecode(path)
