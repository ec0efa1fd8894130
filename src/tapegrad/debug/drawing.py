"""A tape as the text of a drawing: Mermaid and Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .table import dtypes, label, shapes, time

if TYPE_CHECKING:
    from .listing import Entry, Tape

# A Mermaid label is Markdown and HTML, so whatever means something there is written as its code.
_MERMAID = {ord(c): f"#{ord(c)};" for c in '#&<>"`\\'}
_DOT = {ord("\\"): "\\\\", ord('"'): '\\"', ord("&"): "&amp;"}


def mermaid(tape: Tape) -> str:
    """A flowchart; see `Tape.mermaid`."""
    lines = ["flowchart TD"]
    for entry in tape:
        text = "<br>".join(line.translate(_MERMAID) for line in _label(entry))
        opening, closing = ("([", "])") if entry.leaf else ("[", "]")
        lines.append(f'    n{entry.index}{opening}"{text}"{closing}')
    for source, target, place in _arrows(tape):
        arrow = "-->" if place is None else f"-->|{place}|"
        lines.append(f"    n{source} {arrow} n{target}")
    return "\n".join(lines)


def dot(tape: Tape) -> str:
    """A directed graph; see `Tape.dot`."""
    lines = ["digraph tape {", "    node [shape=box];"]
    for entry in tape:
        text = "\\n".join(line.translate(_DOT) for line in _label(entry))
        shape = ", shape=ellipse" if entry.leaf else ""
        lines.append(f'    n{entry.index} [label="{text}"{shape}];')
    for source, target, place in _arrows(tape):
        which = "" if place is None else f' [label="{place}"]'
        lines.append(f"    n{source} -> n{target}{which};")
    return "\n".join([*lines, "}"])


def _label(entry: Entry) -> list[str]:
    lines = [label(entry), f"{shapes(entry)} {dtypes(entry)}"]
    times = (entry.forward_time, "forward"), (entry.backward_time, "backward")
    lines.append(", ".join(f"{time(spent)} {what}" for spent, what in times if spent is not None))
    lines += [entry.module or "", entry.line or ""]
    # line breaks within a name would end the label's line, or the statement
    return [" ".join(line.split()) for line in lines if line]


def _arrows(tape: Tape) -> Iterator[tuple[int, int, int | None]]:
    """From which entry to which, and from which output if there are several."""
    for entry in tape:
        for source, place in zip(entry.inputs, entry.places, strict=True):
            if source is not None:
                yield source, entry.index, place if len(tape[source].outputs) > 1 else None
