"""Looking at what was recorded: the tape of a result as a list that can be printed and drawn."""

from .listing import Entry, Saved, Tape, Value

__all__ = ["Entry", "Saved", "Tape", "Value"]
