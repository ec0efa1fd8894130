"""Stamps of in-place changes, kept per storage and on the tape's clock.

A value saved on the tape and changed later would give a wrong gradient. So every in-place operation
stamps the bytes that it changed of the array that owns them; the engine compares the stamps on the
bytes of a saved value with the node's time. The time of the latest stamp of all lets it skip the
comparison altogether in ordinary training, where parameters change only between one backward and the
next forward.
"""

from __future__ import annotations

import os
import sys
import weakref
from itertools import count
from types import FrameType
from typing import Any

from .device import innermost, owner

tick = count(1).__next__  # the one clock: nodes and in-place changes
latest = 0  # time of the latest stamp

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MANY = 64  # stamps kept apart per storage; more become one on all of it


class Stamp:
    """When, by which operation and from which line which bytes were changed."""

    __slots__ = ("bytes", "code", "number", "op", "time")

    def __init__(self, bytes: tuple[int, float], op: str, frame: Any) -> None:
        self.bytes = bytes
        self.op = op
        self.code = frame.f_code
        self.number = frame.f_lineno
        self.time = tick()

    @property
    def line(self) -> str:
        """File and line of the innermost frame outside this package."""
        return f"{self.code.co_filename}:{self.number}"


_ALL = (0, float("inf"))
_stamps: dict[int, tuple[Any, list[Stamp]]] = {}  # by id of the owner, with a weak reference to it


def outside(frame: FrameType) -> FrameType:
    """The innermost frame from the given one outwards that does not belong to this package."""
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame


def stamp(array: Any, op: str) -> None:
    """Note that the memory of an array has been changed in place."""
    global latest
    array = innermost(array)
    storage = array if array.base is None else owner(array)
    key = id(storage)
    if key not in _stamps:
        _stamps[key] = _watch(storage, key), []
    stamps = _stamps[key][1]
    frame = outside(sys._getframe(1))
    new = Stamp(_ALL if array is storage else _bytes(array), op, frame)
    latest = new.time
    if new.bytes is _ALL:
        stamps[:] = [new]
    else:
        start, stop = new.bytes
        stamps[:] = [old for old in stamps if old.bytes[0] < start or old.bytes[1] > stop]
        if len(stamps) >= _MANY:
            new.bytes = _ALL
            stamps.clear()
        stamps.append(new)


def _watch(storage: Any, key: int) -> Any:
    # The callback must not reach into a later array that was given the same id.
    def forget(reference: Any) -> None:
        found = _stamps.get(key)
        if found is not None and found[0] is reference:
            del _stamps[key]

    return weakref.ref(storage, forget)


def stamp_of(array: Any) -> Stamp | None:
    """The last change of an array's memory, or None."""
    array = innermost(array)
    storage = owner(array)
    found = _stamps.get(id(storage))
    if found is None:
        return None
    start, stop = _ALL if array is storage else _bytes(array)
    last = None
    for stamp in found[1]:  # in the order of time
        if stamp.bytes[0] < stop and start < stamp.bytes[1]:
            last = stamp
    return last


def _bytes(array: Any) -> tuple[int, float]:
    """Addresses from the first to after the last byte that an array looks at."""
    interface = getattr(array, "__array_interface__", None)
    if interface is None:
        interface = array.__cuda_array_interface__
    start = interface["data"][0]
    stop = start + array.itemsize
    for n, stride in zip(array.shape, array.strides, strict=True):
        if not n:
            return start, start
        reach = (n - 1) * stride
        start, stop = (start + reach, stop) if reach < 0 else (start, stop + reach)
    return start, stop
