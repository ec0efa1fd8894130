"""Activations and losses in as few passes over the array as NumPy allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import kernel
from .parallel import LEAST, in_shares


@kernel
def relu(x):
    """`max(x, 0)`, NaN where x is NaN."""
    if x.dtype.kind == "c":  # which NumPy would compare by their real parts
        raise TypeError("complex numbers have no order")
    return np.maximum(x, np.zeros_like(x, shape=()))  # three times faster than with a Python 0


_ZERO = {kind: np.zeros((), kind) for kind in (np.float32, np.float64)}


_ZEROS = {kind: np.zeros(1024, kind) for kind in _ZERO}


@relu.register(np.ndarray)
def _relu_numpy(x):
    zero = _ZERO.get(x.dtype.type)
    if x.size < 4096:
        return np.maximum(x, zero) if zero is not None else _relu_of_others(x)
    return _relu_of_many(x) if zero is not None else _relu_of_others(x)


def _relu_of_many(x):
    # against a row of zeros: twice as fast as against a single one
    zero, zeros = _ZERO[x.dtype.type], _ZEROS[x.dtype.type]
    axes = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    if not x.transpose(axes).flags.c_contiguous:
        return np.maximum(x, zero)
    out = np.empty_like(x)
    flat, target = x.transpose(axes).reshape(-1), out.transpose(axes).reshape(-1)
    whole = x.size - x.size % zeros.size
    rows = (-1, zeros.size)
    np.maximum(flat[:whole].reshape(rows), zeros, out=target[:whole].reshape(rows))
    np.maximum(flat[whole:], zero, out=target[whole:])
    return out


def _relu_of_others(x):
    if x.dtype.kind == "c":  # which NumPy would compare by their real parts
        raise TypeError("complex numbers have no order")
    return np.maximum(x, 0)


@kernel
def relu_grad(g, y):
    """`g` where `y` is not 0, else 0: `y` is never negative, and NaN passes the gradient on."""
    return np.where(y != 0, g, np.zeros_like(g, shape=()))


@relu_grad.register(np.ndarray)
def _relu_grad_numpy(g, y):
    bits = _BITS.get(g.dtype.type)
    if bits is None:
        return np.where(y != 0, g, g.dtype.type(0))
    kept = (y != _ZERO[g.dtype.type]).astype(bits)
    kept *= g.view(bits)
    return kept.view(g.dtype)


@kernel
def masked(g, mask):
    """`g` where the mask is True, else 0: `np.where(mask, g, 0)`, which takes six times as long."""
    return np.where(mask, g, np.zeros_like(g, shape=()))


_BITS: dict[Any, Any] = {np.float32: np.dtype(np.int32), np.float64: np.dtype(np.int64)}


@masked.register(np.ndarray)
def _masked_numpy(g, mask):
    # 0 or 1 times the bits: exact for infinity and NaN too, and no branch for the processor to guess
    bits = _BITS.get(g.dtype.type)
    if bits is None or mask.__class__ is not np.ndarray:
        return np.where(mask, g, g.dtype.type(0))
    if g.shape != mask.shape:
        return (g.view(bits) * mask).view(g.dtype)
    out = np.empty_like(g)
    np.multiply(g.view(bits), mask, out=out.view(bits))
    return out


@kernel
def select(condition, x, y):
    """`np.where(condition, x, y)`."""
    return np.where(condition, x, y)


@select.register(np.ndarray)
def _select_numpy(condition, x, y):
    # The bits of y, changed where they differ and the condition holds: np.where, whose branch the
    # processor guesses wrong on mixed conditions, takes up to seven times as long.
    if condition.size > 4000 and x.__class__ is y.__class__ is np.ndarray and x.dtype is y.dtype:
        bits = _BITS.get(x.dtype.type)
        if bits is not None and x.shape == y.shape == condition.shape and condition.dtype == bool:
            out = np.empty_like(x)
            changed = out.view(bits)
            np.bitwise_xor(x.view(bits), y.view(bits), out=changed)
            changed *= condition
            changed ^= y.view(bits)
            return out
    return np.where(condition, x, y)


@kernel
def sigmoid(x):
    """`1 / (1 + exp(-x))`."""
    with np.errstate(over="ignore"):  # infinity gives the right zero
        return 1 / (1 + np.exp(-x))


@sigmoid.register(np.ndarray)
def _sigmoid_numpy(x):
    if x.ndim == 0:
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x))
    out = np.empty_like(x)
    with np.errstate(over="ignore"):
        if x.size < 2 * LEAST:
            _sigmoid_into(x, out)
        else:
            in_shares(lambda part: _sigmoid_into(x[part], out[part]), len(x), 1, x.size // len(x))
    return out


def _sigmoid_into(x, out):
    np.negative(x, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


@kernel
def largest(x, axis):
    """The maximum along an axis, kept with size 1."""
    return np.max(x, axis=axis, keepdims=True)


@largest.register(np.ndarray)
def _largest_numpy(x, axis):
    return np.maximum.reduce(x, axis=axis, keepdims=True)  # 1.5 us less than np.max


@kernel
def softmax(x, axis):
    """`exp(x) / sum(exp(x))` along an axis, shifted by the maximum so that nothing overflows."""
    e = np.exp(x - largest(x, axis))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


@softmax.register(np.ndarray)
def _softmax_numpy(x, axis):
    out = np.empty_like(x)
    if axis in (x.ndim - 1, -1) and x.size >= 2 * LEAST and x.flags.c_contiguous:
        n = x.shape[-1]
        rows, into = x.reshape(-1, n), out.reshape(-1, n)
        in_shares(lambda part: _softmax_into(rows[part], 1, into[part]), len(rows), 1, n)
    else:
        _softmax_into(x, axis, out)
    return out


def _softmax_into(x, axis, out):
    np.subtract(x, largest(x, axis), out=out)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=axis, keepdims=True)  # BLAS rounds by its number of threads


@kernel
def softmax_grad(g, y, axis):
    """`y * (g - sum(g * y))`."""
    return y * (g - np.add.reduce(g * y, axis=axis, keepdims=True))


@softmax_grad.register(np.ndarray)
def _softmax_grad_numpy(g, y, axis):
    if axis in (y.ndim - 1, -1) and y.shape[-1] > 15:
        inner = np.vecdot(g, y)[..., None]
    else:
        inner = np.add.reduce(g * y, axis=axis, keepdims=True)
    out = np.subtract(g, inner)
    out *= y
    return out


@kernel
def cross_entropy_grad(g, e, total, picked):
    """Gradient of the summed cross entropy with respect to the logits: `g * (e / total - onehot)`.

    Args:
        g: gradient of every row's loss, (N,).
        e: exponentials of the logits, up to a factor for each row, (N, C), in row order.
        total: their sums, (N,).
        picked: position of each row's class in the flattened logits, (N,).
    """
    out = e * (g / total)[:, None]
    out.reshape(-1)[picked] -= g
    return out
