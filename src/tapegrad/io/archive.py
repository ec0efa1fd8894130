"""One safetensors file: arrays under names, and a text about them; written at once or not at all.

References:
    https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import ArgumentError, FileFormatError
from .formats import CODES, check_bools, dtype_of, octets

KEY = "tapegrad"  # of the text in the metadata of the file
_START = f"{KEY} 1 "  # of the text: found by either, should a bit of one be wrong
_HEADER = 100_000_000  # bytes that readers accept


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """The name of a new file to be written, which takes the place of `path` when all went well.

    It has the permissions of the file that it replaces, or those of any new file. A link stays a link.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    made = os.path.join(folder, f".tapegrad-{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "save: there is no such folder", folder) from None
    os.close(handle)
    try:
        mode = os.stat(target if os.path.exists(target) else made).st_mode
        yield made
        _flush(made, os.O_RDWR)
        os.chmod(made, stat.S_IMODE(mode))  # the writer may have made another file of that name
        os.replace(made, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(made)
        raise
    if os.name == "posix":  # the new name too must survive a loss of power
        _flush(folder, os.O_RDONLY)


def _flush(path: str, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: str, arrays: dict[str, Any], structure: Any) -> None:
    """Write arrays and what holds them, with checksums of both.

    Args:
        path: of the file.
        arrays: contiguous NumPy arrays by name.
        structure: what JSON can write.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    about = {
        "structure": structure,
        "sha256": {name: _digest(array) for name, array in arrays.items()},
    }
    text = json.dumps(about, separators=(",", ":"), allow_nan=False)
    metadata = {KEY: f"{_START}{hashlib.sha256(text.encode()).hexdigest()} {text}"}
    with replacing(path) as made:
        try:
            save_file(arrays, made, metadata)
        except SafetensorError as error:
            raise OSError(f"save: {path}: {error}") from error
        with open(made, "rb") as file:
            if int.from_bytes(file.read(8), "little") > _HEADER:
                raise ArgumentError(
                    "save: what stands around the tensors takes more than 100 MB; put long lists of numbers "
                    "into arrays"
                )


def read(path: str, verify: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What `write` was given: (structure,), or () of a file of others, and the arrays by name.

    Raises:
        FileFormatError: for a file that is damaged or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    names, text = _checked_header(path)
    try:
        with safe_open(path, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, OverflowError) as error:
        raise FileFormatError(f"load: {path} is no valid safetensors file: {error}") from None
    for name, array in arrays.items():
        check_bools(array, f"tensor {name!r} of {path}")
    if text is None:
        return (), arrays
    about = _about(path, text)
    digests = about["sha256"]
    if digests.keys() != arrays.keys():
        odd = min(digests.keys() ^ arrays.keys())
        raise FileFormatError(f"load: {path} has no tensor {odd!r}, or one too many; it is damaged")
    for name, array in arrays.items() if verify else ():
        if digests[name] != _digest(array):
            raise FileFormatError(
                f"load: tensor {name!r} of {path} does not match its checksum; the file is damaged "
                "(verify=False reads it all the same)"
            )
    return (about["structure"],), arrays


def _digest(array: Any) -> str:
    found = hashlib.sha256(f"{array.dtype.name} {array.shape}\n".encode())
    found.update(octets(array))
    return found.hexdigest()


def _checked_header(path: str) -> tuple[list[str], str | None]:
    """Names of the tensors and our text; what safetensors itself does not refuse is refused here."""
    with open(path, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise FileFormatError(f"load: {path} is not a regular file")
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(about.st_size - 8, _HEADER):
            raise FileFormatError(f"load: {path} is no safetensors file, or cut off")
        header = _json(path, "header", file.read(length))
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        code = entry.get("dtype") if isinstance(entry, dict) else None
        if not isinstance(code, str) or code not in CODES:
            raise FileFormatError(
                f"load: tensor {name!r} of {path} has the dtype {code}, which is not known here"
            )
        dtype_of(CODES[code])  # says what to install for bfloat16
    if not isinstance(metadata, dict):
        raise FileFormatError(f"load: {path}: the metadata of the header are no object")
    if KEY in metadata:
        return list(header), str(metadata[KEY])
    return list(header), next((v for v in metadata.values() if str(v).startswith(_START)), None)


def _about(path: str, text: str) -> dict[str, Any]:
    """What our text says, if it is whole."""
    digest, _, rest = text.removeprefix(_START).partition(" ")
    if not text.startswith(f"{KEY} "):
        raise FileFormatError(f"load: {path}: the structure is damaged")
    if not text.startswith(_START):
        raise FileFormatError(f"load: {path} was written by a newer version of tapegrad")
    if hashlib.sha256(rest.encode("utf-8", "replace")).hexdigest() != digest:
        raise FileFormatError(
            f"load: {path}: the structure does not match its checksum; it is damaged"
        )
    about = _json(path, "structure", rest)
    if set(about) != {"structure", "sha256"} or not isinstance(about["sha256"], dict):
        raise FileFormatError(f"load: {path}: the structure is none that this version knows")
    return about


def _json(path: str, what: str, text: str | bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a name stands twice in it")
        return made

    try:
        found = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"load: {path}: the {what} is no valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise FileFormatError(f"load: {path}: the {what} is no JSON object")
    return found
