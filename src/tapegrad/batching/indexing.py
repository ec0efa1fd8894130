"""Reading, writing and combining by index, where the array, the index or the value is batched."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..device import innermost
from .array import BatchArray, data_dependent, levels_of, lift, unbatched_target
from .ufuncs import aligned, ndim_of


class _Place(NamedTuple):
    """An index of an example as an index of the array inside.

    Attributes:
        at: index of the array inside.
        ndim: number of dimensions of what is named, as it is seen.
        wide: how many of them come from arrays; 0 if the index has none.
        before: how many stand in front of those.
        apart: whether something stands between the arrays; NumPy then puts their dimensions first.
        gathered: whether the index names the examples too, by an array.
    """

    at: tuple[Any, ...]
    ndim: int
    wide: int = 0
    before: int = 0
    apart: bool = False
    gathered: bool = False

    @property
    def order(self) -> tuple[int, ...] | None:
        """How what is named inside has to be transposed; None if it need not be."""
        n, m = self.wide, self.before
        if self.gathered:  # (hidden, wide, before, rest)
            if not m or not n:
                return None
            front = (0, *range(n + 1, n + 1 + m), *range(1, n + 1))
            return (*front, *range(n + 1 + m, self.ndim + 1))
        if not self.apart or not n:
            return None
        return (n, *range(n), *range(n + 1, self.ndim + 1))  # (wide, hidden, rest)


def _parts(index: Any, ndim: int) -> list[Any]:
    """An index without Ellipsis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [np.asarray(p) if isinstance(p, (list, bool, np.bool_)) else p for p in parts]
    used = sum(_used(p) for p in parts)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
    if at is None:
        at = len(parts)
        parts.append(Ellipsis)
    if used > ndim:
        raise IndexError(f"too many indices: {used} for {ndim} dimensions")
    parts[at : at + 1] = [slice(None)] * (ndim - used)
    return parts


def _used(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return int(part.ndim) if _is_mask(part) else 1


def _is_mask(part: Any) -> bool:
    return _is_array(part) and part.dtype.kind == "b"


def _is_array(part: Any) -> bool:
    return hasattr(part, "dtype") and not isinstance(part, np.integer)


def _place(x: BatchArray, index: Any) -> _Place:
    level = x.level
    parts = _parts(index, x.ndim)
    whole = [i for i, part in enumerate(parts) if not (part is None or isinstance(part, slice))]
    arrays = [i for i in whole if _is_array(parts[i])]
    kept = len(parts) - len(whole)
    if not arrays:
        return _Place((slice(None), *parts), kept)
    apart = whole[-1] - whole[0] + 1 != len(whole)
    before = 0 if apart else whole[0]
    wide = max(1 if parts[i].dtype == bool else parts[i].ndim for i in arrays)
    if not any(isinstance(parts[i], BatchArray) and parts[i].level is level for i in arrays):
        return _Place((slice(None), *parts), kept + wide, wide, before, apart)
    for i in arrays:
        if isinstance(parts[i], BatchArray) and parts[i].dtype == bool:
            raise data_dependent(parts[i])
        parts[i] = aligned(parts[i], level, wide)
    each = np.arange(level.size, like=innermost(x)).reshape(-1, *(1,) * wide)
    return _Place((each, *parts), kept + wide, wide, before, apart, True)


def _lifted(x: Any, index: Any) -> BatchArray:
    parts = index if isinstance(index, tuple) else (index,)
    return lift(x, levels_of(x, *parts)[-1])


def read(x: Any, index: Any) -> BatchArray:
    """`x[index]`: a view if no part of the index is an array."""
    x = _lifted(x, index)
    place = _place(x, index)
    at = (*place.at, ...)  # so that one element is an array too
    older = any(part.__class__ is BatchArray for part in at)
    out = read(x.inner, at) if older else x.inner[at]
    return BatchArray(out if place.order is None else out.transpose(place.order), x.level)


def _valued(x: BatchArray, place: _Place, value: Any) -> Any:
    """A value as it is written inside."""
    if not isinstance(value, BatchArray) and (place.order is None or not ndim_of(value)):
        return value
    if ndim_of(value) > place.ndim:
        value = value.reshape(*value.shape[ndim_of(value) - place.ndim :])
    if place.order is None:
        return aligned(value, x.level, place.ndim)
    inverse = sorted(range(place.ndim + 1), key=place.order.__getitem__)
    return aligned(lift(value, x.level), x.level, place.ndim).transpose(inverse)


def _target(x: Any, index: Any, values: tuple[Any, ...], what: str) -> BatchArray:
    parts = index if isinstance(index, tuple) else (index,)
    if not isinstance(x, BatchArray) or levels_of(x) != levels_of(x, *parts, *values):
        raise unbatched_target(what)
    return x


def write(x: Any, index: Any, value: Any) -> None:
    """`x[index] = value`."""
    x = _target(x, index, (value,), "x[i] = v")
    parts = index if isinstance(index, tuple) else (index,)
    masked = [part for part in parts if part is not Ellipsis]
    if len(masked) == 1 and parts[0] is masked[0] and _is_mask(masked[0]) and not ndim_of(value):
        _write_masked(x, parts[0], value)
        return
    place = _place(x, index)
    x.inner[place.at] = _valued(x, place, value)


def _write_masked(x: BatchArray, mask: Any, value: Any) -> None:
    """One value for every place that a mask names, which may be others in every example."""
    mask = mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))
    copy_to: Any = np.copyto  # NumPy's stubs know its own arrays only
    copy_to(x, value, where=mask, casting="unsafe")


def combine(ufunc: Any, x: Any, index: Any, *values: Any) -> None:
    """`ufunc.at(x, index, values)`."""
    x = _target(x, index, values, f"np.{ufunc.__name__}.at")
    place = _place(x, index)
    ufunc.at(x.inner, place.at, *(_valued(x, place, value) for value in values))


setattr(BatchArray, "__getitem__", read)  # noqa: B010
setattr(BatchArray, "__setitem__", write)  # noqa: B010
