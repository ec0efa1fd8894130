"""PyTorch's path to what works beside modules: `utils.checkpoint`."""

from . import checkpoint

__all__ = ["checkpoint"]
