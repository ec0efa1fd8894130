"""Threads for long chains of passes over large arrays: NumPy lets go of the interpreter during a pass.

BLAS has threads of its own, and a single pass is as fast as memory is, so only kernels that take many
passes over every part of an array come here.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

BLOCK = (
    1 << 18
)  # elements at a time, so that arrays larger than the cache are not read again and again
LEAST = 1 << 17  # elements of a share: starting a thread's work takes about 30 us


def _cores() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_threads = _cores()
_pool: Any = None
_lock = threading.Lock()
# Whether this is a share already: its thread does what is in it alone, since a thread of the pool that waited for
# the pool would wait for itself.
_sharing: contextvars.ContextVar[bool] = contextvars.ContextVar("tapegrad_sharing", default=False)


def get_num_threads() -> int:
    """Return how many threads one operation may use.

    By default as many as there are cores for this process, or `OMP_NUM_THREADS`.

    Example:
        >>> import tapegrad as tg
        >>> tg.get_num_threads() > 0
        True
    """
    return _threads


def set_num_threads(threads: int) -> None:
    """Set how many threads one operation may use; BLAS is told by its own means (threadpoolctl).

    Args:
        threads: at least 1. Results do not depend on it.

    Raises:
        ValueError: for less than 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.set_num_threads(tg.get_num_threads())
    """
    global _threads
    if isinstance(threads, bool) or not isinstance(threads, int):
        raise TypeError(f"set_num_threads: must be an int, got {type(threads).__name__}")
    if threads < 1:
        raise ValueError(f"set_num_threads: must be at least 1, got {threads}")
    _threads = threads
    _forget()


def _forget() -> None:
    global _pool
    _pool = None  # in a forked process its threads are gone


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def in_shares(work: Callable[[slice], Any], count: int, step: int, each: int) -> None:
    """Call `work` with slices that cover `range(count)`, in several threads if that is worth it.

    Args:
        work: writes its part of a result that has been allocated; called once per share.
        count: number of rows, or elements.
        step: shares begin at multiples of it.
        each: elements of a row.
    """
    shares = min(_threads, count * each // LEAST, -(-count // step))
    if shares < 2 or _sharing.get():
        work(slice(0, count))
        return
    width = -(-count // (shares * step)) * step
    parts = [slice(start, min(start + width, count)) for start in range(0, count, width)]
    token = _sharing.set(True)
    # what is told to NumPy (`np.errstate`) holds in the threads as well
    waiting = [_started().submit(contextvars.copy_context().run, work, part) for part in parts[1:]]
    try:
        work(parts[0])
    finally:
        _sharing.reset(token)
        for future in waiting:
            future.exception()  # nobody writes any more when an error leaves
    for future in waiting:
        future.result()


def fill(target: Any, of: Callable[[slice], Any], size: int) -> None:
    """Write the elements of a flat array block by block, in shares.

    Args:
        target: 1-d array.
        of: the elements of a slice of it.
        size: of a block.
    """

    def work(share: slice) -> None:
        for start in range(share.start, share.stop, size):
            block = slice(start, min(start + size, share.stop))
            target[block] = of(block)

    in_shares(work, target.size, 1 << 12, 1)


def _started() -> Any:
    global _pool
    with _lock:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(_threads - 1, "tapegrad")
        return _pool


def blocked(text: Callable[..., Any]) -> Any:
    """Run an elementwise text on large NumPy arrays block by block, and in several threads.

    Args:
        text: function of arrays and numbers; what it does to an element depends on no other one.

    Returns:
        The function; other arrays, tensors and small arrays go to the text as they are.
    """

    @wraps(text)
    def call(x: Any, *others: Any) -> Any:
        if x.__class__ is not np.ndarray or x.size < 2 * LEAST:
            return text(x, *others)
        if _threads == 1 and x.size < 8 * BLOCK:
            return text(x, *others)
        arrays = [a for a in (x, *others) if not isinstance(a, (int, float))]
        for a in arrays:
            if a.__class__ is not np.ndarray or a.shape != x.shape or not a.flags.c_contiguous:
                return text(x, *others)
        flat = [a if isinstance(a, (int, float)) else a.reshape(-1) for a in (x, *others)]

        def of(block: slice) -> Any:
            return text(*(a if isinstance(a, (int, float)) else a[block] for a in flat))

        out = np.empty(x.shape, of(slice(0, 1)).dtype)
        fill(out.reshape(-1), of, BLOCK)
        return out

    return call
