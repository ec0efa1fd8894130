"""Looking at what was recorded: the tape of a result as a list that can be printed, drawn and stepped."""

from .listing import Entry, Saved, Tape, Value
from .recording import recording
from .steps import Step, Steps

__all__ = ["Entry", "Saved", "Step", "Steps", "Tape", "Value", "recording"]
