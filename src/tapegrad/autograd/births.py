"""Hearing of new nodes, without a branch in the recorders.

While somebody listens anywhere in the process, `Node` has an `__init__` that tells them of each new node;
while nobody does it has none, and recording costs what it always costs. A node is told of before it is
complete, together with the frame of the recorder that makes it.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType

from ..tape import Node

Listener = Callable[[Node, FrameType], None]

_listeners: Counter[Listener] = Counter()
_lock = threading.RLock()  # a listener may stop listening while garbage is collected


def listen(listener: Listener) -> None:
    """Have a function told of every new node of the process, until `ignore` has undone every call."""
    with _lock:
        _listeners[listener] += 1
        Node.__init__ = _tell  # type: ignore[method-assign, assignment]


def ignore(listener: Listener) -> None:
    """Undo one call of `listen`."""
    with _lock:
        _listeners[listener] -= 1
        if not _listeners[listener]:
            del _listeners[listener]
        if not _listeners:
            del Node.__init__


def _tell(node: Node) -> None:
    """`Node.__init__` while somebody listens."""
    frame = sys._getframe(1)
    for listener in tuple(_listeners):
        listener(node, frame)
