"""Gradient checkpointing, where PyTorch has it; see `autograd/checkpoint.py`."""

from ..autograd.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
