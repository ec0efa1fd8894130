"""A tape as an aligned table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .listing import Entry, Tape

_HEAD = ("#", "op", "inputs", "shape", "dtype", "saved", "forward", "backward", "module", "line")
_LEFT = (False, True, True, False, False, False, False, False, True, True)
_NOTED = slice(6, None)  # columns that are left out where debugging has noted nothing


def text(tape: Tape, most: int | None = None) -> str:
    """The table, one line per entry, and a line with the totals.

    Args:
        tape: what to show.
        most: number of entries from which on the middle is left out.
    """
    whole = most is None or len(tape) <= most
    first, last = (tape[:], []) if whole else (tape[:20], tape[-20:])
    rows = [_HEAD, *map(_row, first), *map(_row, last)]
    columns = list(zip(*rows, strict=True))
    shown = [place < _NOTED.start or any(column[1:]) for place, column in enumerate(columns)]
    widths = [max(map(len, column)) for column in columns]
    lines = [_line(row, widths, shown) for row in rows]
    if not whole:
        lines.insert(1 + len(first), f"... {len(tape) - len(first) - len(last):,} more ...")
    return "\n".join([*lines, _totals(tape)])


def label(entry: Entry) -> str:
    """The operation, the tensor's name if it has one, and what it is a part of."""
    part = "" if entry.gradient_of is None else f" in the gradient of {entry.gradient_of}"
    return entry.op + part if entry.name is None else f"{entry.op} {entry.name}{part}"


def time(seconds: float | None) -> str:
    """A time with its unit, empty for None."""
    if seconds is None:
        return ""
    if seconds >= 1:
        return f"{seconds:,.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"


def shapes(entry: Entry) -> str:
    """The shapes of all outputs."""
    return " ".join(str(tuple(map(int, value.shape))) for value in entry.outputs)


def dtypes(entry: Entry) -> str:
    """The dtypes of all outputs; one if they agree."""
    names = [str(value.dtype) for value in entry.outputs]
    return names[0] if len(set(names)) == 1 else " ".join(names)


def _row(entry: Entry) -> tuple[str, ...]:
    inputs = " ".join(
        "-" if i is None else f"{i}.{place}" if place else str(i)
        for i, place in zip(entry.inputs, entry.places, strict=True)
    )
    saved = "" if entry.leaf else "freed" if entry.freed else f"{entry.saved_bytes:,}"
    if entry.recomputed:
        saved = f"{saved} recomputed" if entry.saved_bytes else "recomputed"
    shown = " ".join(label(entry).split())  # a name with a line break stays on its line
    return (
        str(entry.index),
        shown,
        inputs,
        shapes(entry),
        dtypes(entry),
        saved,
        time(entry.forward_time),
        time(entry.backward_time),
        entry.module or "",
        entry.line or "",
    )


def _line(row: Sequence[str], widths: Sequence[int], shown: Sequence[bool]) -> str:
    cells = [
        cell.ljust(width) if left else cell.rjust(width)
        for cell, width, left, kept in zip(row, widths, _LEFT, shown, strict=True)
        if kept
    ]
    return "  ".join(cells).rstrip()


def _totals(tape: Tape) -> str:
    leaves = sum(entry.leaf for entry in tape)
    parts = [
        _count(len(tape) - leaves, "operation", "operations"),
        _count(leaves, "leaf", "leaves"),
        f"{_count(tape.saved_bytes, 'byte', 'bytes')} saved",
    ]
    if tape.leaf_bytes:
        parts.append(f"{_count(tape.leaf_bytes, 'byte', 'bytes')} of leaves' values")
    forward = [e.forward_time for e in tape if e.forward_time is not None]
    backward = [e.backward_time for e in tape if e.backward_time is not None]
    parts += [f"{time(sum(forward))} forward"] if forward else []
    parts += [f"{time(sum(backward))} backward"] if backward else []
    return ", ".join(parts)


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
