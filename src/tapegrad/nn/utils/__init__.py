"""PyTorch's `nn.utils`: what works on parameters and sequences beside the layers."""

from . import rnn

__all__ = ["rnn"]
