"""Logarithms and exponentials of activations and losses that neither overflow nor lose their tails."""

from __future__ import annotations

import numpy as np

from . import kernel


@kernel
def softplus(x):
    """`log(1 + exp(x))`."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@kernel
def bounded_log(x):
    """`max(log(x), -100)`: a finite stand-in for the logarithm of zero."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(x), -100)
