"""Scaled dot-product attention without more than one score for each pair of positions in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import kernel
from .fused import largest


def attention_weights(q, k, mask, scale):
    """Softmax over the keys of `q @ k.T * scale`, masked; zero where every key is masked.

    Args:
        q, k: arrays, (..., L, E) and (..., S, E).
        mask: bools, False for keys that are left out, or numbers to add to the scores; or None.
        scale: factor of the scores.
    """
    s = np.matmul(q * scale, k.swapaxes(-1, -2))  # (..., L, S)
    if mask is not None:
        if mask.dtype.kind == "b":
            np.copyto(s, -np.inf, where=~mask)
        else:
            s += mask
    if not s.shape[-1]:
        return s
    top = largest(s, -1)
    s -= np.where(top == -np.inf, np.zeros_like(top, shape=()), top)
    np.exp(s, out=s)
    total = np.add.reduce(s, axis=-1, keepdims=True)
    s *= 1 / np.where(total == 0, np.ones_like(total, shape=()), total)
    return s


@kernel
def attention_grad(g, q, k, v, mask, p, kept, share, scale, out, needs):
    """Gradients of attention for queries, keys, values and an additive mask.

    Args:
        g: gradient of the result, (..., L, Ev).
        q, k, v, mask: what went in.
        p: attention weights, (..., L, S).
        kept: which of them dropout has left, or None.
        share: what those were multiplied by.
        scale: factor of the scores.
        out: the result.
        needs: which of the four gradients are wanted; None is given for the others.
    """
    dv: Any = None
    ds: Any = None
    if needs[2]:
        dv = np.matmul((p if kept is None else p * kept * share).swapaxes(-1, -2), g)
    if needs[0] or needs[1] or needs[3]:
        ds = np.matmul(g, v.swapaxes(-1, -2))
        if kept is not None:
            ds *= kept
            ds *= share
        ds -= np.add.reduce(g * out, axis=-1, keepdims=True)
        ds *= p
    dq = np.matmul(ds, k) * scale if needs[0] else None
    dk = np.matmul(ds.swapaxes(-1, -2), q * scale) if needs[1] else None
    return dq, dk, dv, ds if needs[3] else None
