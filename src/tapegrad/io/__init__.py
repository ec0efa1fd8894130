"""Files: `save` and `load`; nothing in a file is ever executed."""

from .checkpoints import load, save

__all__ = ["load", "save"]
