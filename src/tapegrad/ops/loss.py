"""Losses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import dtypes, kernels
from .._typing import DType
from ..device import apart, every_value
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import record1, record2
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, different_devices, not_complex, promoted
from .index import take_along_dim
from .nn import log_softmax, softmax
from .shape import reshape


def _reduction(op: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{op}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def mse_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Mean squared error.

    Value: mean over all elements of `(input - target)**2`. Adjoint: `2 g (input - target) / n`, and its
    negative for `target`.

    Args:
        input: tensor of any shape.
        target: tensor of the same shape.
        reduction: `"mean"`, `"sum"`, or `"none"` for the squared errors themselves.
        weight: tensor of the same shape; the mean is divided by its sum.

    Raises:
        ShapeError: if the shapes differ; broadcasting here would hide a mistake.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
        tensor(2.)
    """
    _reduction("mse_loss", reduction)
    input, target = as_operand(input, "mse_loss"), as_operand(target, "mse_loss", "target")
    if input.shape != target.shape:
        raise ShapeError(
            f"mse_loss: input has shape {input.shape} and target {target.shape}; they must be equal "
            "(they would broadcast silently to something else); reshape one of them"
        )
    if weight is not None:
        return _weighted_mse_loss(input, target, reduction, weight)
    if input.array.dtype is not target.array.dtype or type(input.array) is not type(target.array):
        input, target = promoted("mse_loss", (input, target), floating=True)
    x, y = input.array, target.array
    if x.dtype.kind == "c":
        not_complex("mse_loss", input)
    error = x - y
    out = error * error
    scale = 2.0
    if reduction != "none":
        out = np.add.reduce(out, axis=None)
    if reduction == "mean":
        n = x.size
        out, scale = out / n if n else out * np.nan, 2.0 / n if n else np.nan
    rules = (_mse_loss_vjp_input, _mse_loss_vjp_target)
    return record2(out, rules, input, target, (x, y, scale))


def _weighted_mse_loss(input: Tensor, target: Tensor, reduction: str, weight: Any) -> Tensor:
    weight = as_operand(weight, "mse_loss", "weight")
    if weight.shape != input.shape:
        raise ShapeError(
            f"mse_loss: weight must have the input's shape {input.shape}, got {weight.shape}"
        )
    loss = mse_loss(input, target, "none") * weight
    if reduction == "none":
        return loss
    total = loss.sum()
    return total if reduction == "sum" else total / weight.sum()


def _mse_loss_vjp_input(g, x, y, scale):
    return (x - y) * (g * scale)


def _mse_loss_vjp_target(g, x, y, scale):
    return (y - x) * (g * scale)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits and classes (or class probabilities).

    Value for each row: `-weight[target] * log_softmax(input)[target]`; the mean divides by the sum of
    the weights. Adjoint: `g * (softmax(input) - onehot(target)) / N`.

    Args:
        input: logits, (C,), (N, C) or (N, C, d1, ...).
        target: classes, int64 of shape (), (N,) or (N, d1, ...); or probabilities of input's shape.
        weight: (C,), importance of each class.
        ignore_index: rows with this class do not count.
        reduction: `"mean"`, `"sum"` or `"none"`.
        label_smoothing: in [0, 1], how much of each target is spread evenly over the classes.

    Raises:
        ShapeError: if target's shape does not fit.
        DimensionError: for a class outside 0..C-1.

    Example:
        >>> import tapegrad as tg
        >>> logits = tg.tensor([[2.0, 0.0], [0.0, 2.0]])
        >>> tg.nn.functional.cross_entropy(logits, tg.tensor([0, 1]))
        tensor(0.1269)

    References:
        Label smoothing: Szegedy et al., "Rethinking the Inception Architecture" (2016), section 7.
    """
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        input = as_operand(input, "cross_entropy")
        target = as_operand(target, "cross_entropy", "target")
    x, t = input.array, target.array
    summed = reduction == "mean" or reduction == "sum"
    if summed and weight is None and not label_smoothing and ignore_index < 0 and _usual(x, t):
        return _cross_entropy_plain(input, target, reduction)
    _reduction("cross_entropy", reduction)
    if apart(x, t):
        raise different_devices("cross_entropy", input, target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(
            f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}"
        )
    if x.dtype.kind != "f":
        raise DtypeError(f"cross_entropy: input must be floating logits, got {x.dtype}")
    if not x.ndim:
        raise ShapeError("cross_entropy: input is 0-d, expected logits with a dimension of classes")
    dim = 0 if x.ndim == 1 else 1
    logp = log_softmax(input, dim)
    if t.dtype.kind == "f":
        return _with_probabilities(logp, target, weight, reduction, label_smoothing, dim)
    loss = nll_loss(logp, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    classes = x.shape[dim]
    w = _row_weights(target, weight, ignore_index, input, dim)
    every = logp if weight is None else logp * _along_dim(weight, dim, x.ndim)
    smooth = -every.sum(dim)
    mask = cast(target != ignore_index, input.dtype)
    smooth = smooth * mask
    if reduction == "sum":
        smooth = smooth.sum()
    elif reduction == "mean":
        smooth = smooth.sum() / w.sum()
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / classes)


def _usual(x: Any, t: Any) -> bool:
    """Whether logits (N, C) and classes (N,) on the host fit, with every class in range."""
    if (
        x.__class__ is not np.ndarray
        or t.__class__ is not np.ndarray
        or t.dtype is not dtypes.int64
    ):
        return False
    if x.dtype.char not in "fd" or x.ndim != 2 or t.shape != x.shape[:1] or not x.size:
        return False
    # seen as unsigned, a negative class is larger than any: one comparison for both ends
    t = t.view(dtypes.uint64)
    return t.item(t.argmax()) < x.shape[1]  # four times faster than the maximum


def _cross_entropy_plain(input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """The usual case on the host in one node: no weights, no smoothing, nothing ignored."""
    x, t = input.array, target.array
    starts, ones, shares = _row_constants(*x.shape, x.dtype, reduction)
    picked = starts + t
    largest = x.take(starts + x.argmax(1))  # twice as fast as the maximum along rows
    e = np.subtract(x, largest[:, None], order="C")
    chosen = e.take(picked)
    np.exp(e, out=e)
    total = e.dot(ones)
    out = (np.log(total) - chosen).dot(shares)
    return record1(out, _cross_entropy_vjp, input, (x, e, total, picked, shares))


def _cross_entropy_vjp(g, x, e, total, picked, shares):
    return kernels.cross_entropy_grad(g * shares, e, total, picked)


def _with_recorded_softmax(x, e, total, picked, shares):
    """The saved values when the gradient is recorded in turn: the softmax must be on the tape."""
    return x, softmax(x, 1), total, picked, shares


_cross_entropy_vjp.recompute = _with_recorded_softmax  # type: ignore[attr-defined]


@kernels.cross_entropy_grad.register(Tensor)
def _cross_entropy_grad(g, p, total, picked):
    onehot = np.zeros_like(raw(p), order="C")
    onehot.reshape(-1)[picked] = 1
    return (p - wrap(onehot)) * g[:, None]


@lru_cache(maxsize=32)
def _row_constants(n: int, classes: int, dtype: DType, reduction: str) -> tuple[Any, ...]:
    """Position of each row's first class in the flattened logits, ones, each row's share."""
    starts = np.arange(0, n * classes, classes)
    share = 1 / n if reduction == "mean" else 1
    return starts, np.ones(classes, dtype), np.full(n, share, dtype)


def _along_dim(weight: Tensor, dim: int, ndim: int) -> Tensor:
    return reshape(weight, (-1,) + (1,) * (ndim - dim - 1))


def _with_probabilities(
    logp: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float, dim: int
) -> Tensor:
    if target.shape != logp.shape:
        raise ShapeError(
            f"cross_entropy: probabilities must have the logits' shape {logp.shape}, got {target.shape}"
        )
    classes = logp.shape[dim]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        target = target * _along_dim(weight, dim, logp.ndim)
    loss = -(target * logp).sum(dim)
    if reduction == "none":
        return loss
    total = loss.sum()
    return total if reduction == "sum" else total / max(loss.numel(), 1)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of classes, given log-probabilities.

    Value for each row: `-weight[target] * input[target]`; the mean divides by the sum of the weights.
    Adjoint: `-g * weight[target]` at the target, zero elsewhere.

    Args:
        input: log-probabilities, (C,), (N, C) or (N, C, d1, ...).
        target: classes, int64 of shape (), (N,) or (N, d1, ...).
        weight: (C,), importance of each class.
        ignore_index: rows with this class do not count.
        reduction: `"mean"`, `"sum"` or `"none"`.

    Raises:
        ShapeError: if target's shape does not fit.
        DimensionError: for a class outside 0..C-1.
        DtypeError: if the classes are not integers.

    Example:
        >>> import tapegrad as tg
        >>> logp = tg.tensor([[-0.5, -1.0]])
        >>> tg.nn.functional.nll_loss(logp, tg.tensor([1]))
        tensor(1.)
    """
    _reduction("nll_loss", reduction)
    input = as_operand(input, "nll_loss")
    target = as_operand(target, "nll_loss", "target")
    x, t = input.array, target.array
    if t.dtype.kind not in "iu":
        raise DtypeError(f"nll_loss: target must be integer classes, got {t.dtype}")
    not_complex("nll_loss", input)
    if not x.ndim:
        raise ShapeError("nll_loss: input is 0-d, expected a dimension of classes")
    dim = 0 if x.ndim == 1 else 1
    if t.shape != x.shape[:dim] + x.shape[dim + 1 :]:
        raise _target_error("nll_loss", x.shape, t.shape)
    if weight is not None and weight.shape != (x.shape[dim],):
        raise ShapeError(f"nll_loss: weight must be ({x.shape[dim]},), got {weight.shape}")
    counted = t != ignore_index
    safe = np.where(counted, t, 0)
    wrong = np.any((safe < 0) | (safe >= x.shape[dim]))
    if every_value(wrong).any():
        raise _class_error("nll_loss", safe, x.shape[dim])
    picked = take_along_dim(input, wrap(np.expand_dims(safe, dim)), dim)
    w = _row_weights(wrap(t[...]), weight, ignore_index, input, dim)
    loss = -(reshape(picked, t.shape) * w)
    if reduction == "none":
        return loss
    total = loss.sum()
    return total if reduction == "sum" else total / w.sum()


def _row_weights(
    target: Tensor, weight: Tensor | None, ignore: int, like: Tensor, dim: int
) -> Tensor:
    t = target.array
    counted = t != ignore
    if weight is None:
        return wrap(counted.astype(like.dtype))
    return weight[wrap(np.where(counted, t, 0))] * wrap(counted.astype(weight.dtype))


def _target_error(op: str, x: Any, t: Any) -> ShapeError:
    dim = 0 if len(x) == 1 else 1
    return ShapeError(
        f"{op}: target has shape {t}, expected {tuple(x[:dim] + x[dim + 1 :])} for input {x} "
        f"(classes along dim {dim})"
    )


def _class_error(op: str, target: Any, classes: int) -> DimensionError:
    host = every_value(target)
    worst = host.flat[int(np.argmax((host < 0) | (host >= classes)))]
    return DimensionError(f"{op}: target has the class {worst}, expected 0 to {classes - 1}")
