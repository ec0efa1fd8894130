"""Stamps of in-place changes, kept per storage and on the tape's clock.

A value saved on the tape and changed later would give a wrong gradient. So every in-place operation
stamps the storage, which all views share; the engine compares the stamp with the node's time. The
time of the latest stamp of all lets it skip the comparison altogether in ordinary training, where
parameters change only between one backward and the next forward.
"""

from __future__ import annotations

import os
import sys
import weakref
from itertools import count
from typing import Any, NamedTuple

from .device import owner

tick = count(1).__next__  # the one clock: nodes and in-place changes
latest = 0  # time of the latest stamp

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Stamp(NamedTuple):
    """When, by which operation and from which line a storage was last changed."""

    time: int
    op: str
    line: str
    owner: Any  # weak reference, so that the entry goes with the array


_stamps: dict[int, Stamp] = {}


def stamp(array: Any, op: str) -> None:
    """Note that the memory of an array has been changed in place."""
    global latest
    storage = owner(array)
    key = id(storage)
    old = _stamps.get(key)
    reference = old.owner if old is not None else _watch(storage, key)
    latest = tick()
    _stamps[key] = Stamp(latest, op, _caller(), reference)


def _watch(storage: Any, key: int) -> Any:
    # The callback must not reach into a later array that was given the same id.
    def forget(reference: Any) -> None:
        found = _stamps.get(key)
        if found is not None and found.owner is reference:
            del _stamps[key]

    return weakref.ref(storage, forget)


def stamp_of(array: Any) -> Stamp | None:
    """The last change of an array's memory, or None."""
    return _stamps.get(id(owner(array)))


def _caller() -> str:
    """File and line of the innermost frame outside this package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
