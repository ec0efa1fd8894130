"""Batched arrays, which `vmap` hands to the operations: one hidden dimension per mapping."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..device import Backend, backend_of, innermost, wrapping
from . import indexing, kernel_rules, places, shapes, words
from .array import (
    BatchArray,
    Journal,
    Level,
    check_width,
    data_dependent,
    hidden_in,
    journal,
    levels,
    levels_of,
    lift,
    lift_all,
    lowered,
    new_level,
)
from .nodes import enter, fitted, leave, over, spread, widened
from .randomness import drawing

__all__ = [
    "BatchArray",
    "Journal",
    "Level",
    "check_width",
    "data_dependent",
    "drawing",
    "enter",
    "fitted",
    "hidden_in",
    "indexing",
    "journal",
    "kernel_rules",
    "leave",
    "levels",
    "levels_of",
    "lift",
    "lift_all",
    "lowered",
    "new_level",
    "over",
    "places",
    "shapes",
    "spread",
    "widened",
    "words",
]


@lru_cache(maxsize=8)
def _backend(inner: Backend) -> Backend:
    def to_host(array: Any) -> Any:
        raise data_dependent(array)

    def locate(array: Any) -> Any:
        return inner.locate(innermost(array))

    def special() -> Any:
        return inner.special("vmap")

    return Backend(
        BatchArray, inner.device_type, inner.namespace, inner.from_host, to_host, locate, special
    )


wrapping[BatchArray] = lambda array: _backend(backend_of(innermost(array)))
