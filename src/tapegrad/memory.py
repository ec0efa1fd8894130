"""How the C library treats memory that arrays let go.

glibc hands the top of the heap back to the kernel as soon as twice the largest freed block lies unused
there, and the next array of that size pays for every page again: on arrays of 4 MiB a recorded
multiplication with its backward took four times as long (benchmarks/bench_ops.py, row `a * b`). A
training step frees and takes the same arrays over and over, so tapegrad tells glibc to keep them.
"""

from __future__ import annotations

import ctypes
import os
import sys

KEPT = 1 << 30  # bytes of free memory at the top of the heap, above which it is handed back
MAPPED = (
    1 << 25
)  # bytes from which a block is taken from the kernel directly: glibc's own upper limit
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of `mallopt(3)`


def keep_freed_memory(kept: int = KEPT) -> bool:
    """Let the C library keep freed memory for the next arrays.

    Called when tapegrad is imported. Does nothing where there is no glibc, and where the environment
    says how memory is to be treated (`MALLOC_TRIM_THRESHOLD_`, any other `MALLOC_*`, `GLIBC_TUNABLES`).

    Args:
        kept: bytes that may lie unused at the top of the heap, 1 GiB by default; at most 2 GiB.

    Returns:
        Whether anything was changed.

    Example:
        >>> import tapegrad as tg
        >>> kept = tg.memory.keep_freed_memory(1 << 28)

    References:
        mallopt(3), Linux manual pages.
    """
    if not sys.platform.startswith("linux"):
        return False
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    changed = library.mallopt(_TRIM_THRESHOLD, min(kept, (1 << 31) - 1))
    return bool(changed and library.mallopt(_MMAP_THRESHOLD, MAPPED))
