"""Activations and losses in as few passes over the array as NumPy allows."""

from __future__ import annotations

import numpy as np

from . import Kernel


@Kernel
def relu(x):
    """`max(x, 0)`, NaN where x is NaN."""
    return np.maximum(x, np.zeros_like(x, shape=()))  # three times faster than with a Python 0


_ZERO = {np.dtype(name): np.zeros((), name) for name in ("float32", "float64")}


@relu.register(np.ndarray)
def _relu_numpy(x):
    return np.maximum(x, _ZERO.get(x.dtype, 0))


@Kernel
def relu_grad(g, y):
    """`g` where `y` is not 0, else 0: `y` is never negative, and NaN passes the gradient on."""
    return g * (y != 0)


@relu_grad.register(np.ndarray)
def _relu_grad_numpy(g, y):
    # a bool operand would make the product buffer: half the time with a cast first
    return g * (y != _ZERO.get(y.dtype, 0)).astype(g.dtype)


@Kernel
def sigmoid(x):
    """`1 / (1 + exp(-x))` without overflow and with full precision in both tails."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@Kernel
def softmax(x, axis):
    """`exp(x) / sum(exp(x))` along an axis, shifted by the maximum so that nothing overflows."""
    e = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


@Kernel
def cross_entropy_grad(g, p, picked, scale):
    """Gradient of the mean cross entropy with respect to the logits: `g * scale * (p - onehot)`.

    Args:
        g: gradient of the loss, 0-d.
        p: softmax of the logits, (N, C), in row order.
        picked: position of each row's class in the flattened logits, (N,).
        scale: a number, 1/N for the mean.
    """
    scale = g * scale
    out = p * scale
    out.reshape(-1)[picked] -= scale
    return out
