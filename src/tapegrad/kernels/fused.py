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
def cross_entropy_grad(g, p, rows, target, weight):
    """Gradient of the summed cross entropy with respect to the logits: `g * weight * (p - onehot)`.

    Args:
        g: gradient of the loss, 0-d.
        p: softmax of the logits, (N, C).
        rows: `arange(N)`.
        target: class of each row, (N,).
        weight: of each row, (N, 1), or a number.
    """
    onehot = np.zeros_like(p)
    onehot[rows, target] = 1
    return (p - onehot) * (g * weight)


@cross_entropy_grad.register(np.ndarray)
def _cross_entropy_grad_numpy(g, p, rows, target, weight):
    scale = g * weight
    out = p * scale
    out[rows, target] -= scale if np.ndim(scale) == 0 else scale[:, 0]
    return out


for _scalar in (np.float32, np.float64):
    cross_entropy_grad.register(_scalar)(_cross_entropy_grad_numpy)
