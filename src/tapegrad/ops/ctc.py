"""Connectionist temporal classification: labels of a sequence without their times."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..device import as_array, backend_of, move
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, raw
from .activation import floats
from .distance import reduced
from .loss import _reduction as check_reduction
from .reduce import in_float32, is_half, mean
from .shape import reshape, unsqueeze

# Logarithm of what is impossible: finite, so that no gradient is 0 * inf or inf - inf, and far below
# every sum of log-probabilities.
NEVER = -1e30


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences, summed over all alignments with the input.

    An alignment names a class or the blank at each time; the labels are what is left after repetitions
    are merged and blanks dropped.

    Value for each sequence: `-log(sum over alignments of exp(sum over t of log_probs[t, class]))`.
    Adjoint: minus `g` times the posterior probability of each class at each time.

    PyTorch's gradient with respect to `log_probs` contains that of the `log_softmax` which it takes for
    granted; this one does not, and both agree on what arrives behind a `log_softmax`.

    Args:
        log_probs: (T, N, C) or (T, C) log-probabilities.
        targets: integer labels other than the blank, (N, S), or all of them joined, or (S,).
        input_lengths, target_lengths: tensor or sequence of N ints; one int without a batch.
        blank: class of the blank.
        reduction: "mean" (each loss divided by its number of labels first), "sum" or "none".
        zero_infinity: take losses for 0 where the input is too short for the labels.

    Raises:
        ShapeError: if the shapes do not fit.
        DimensionError: for a label or blank outside 0..C-1.
        ArgumentError: for lengths that are negative or too large.
        DtypeError: if labels or lengths are no integers.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.log(tg.full((2, 1, 2), 0.5))
        >>> tg.nn.functional.ctc_loss(x, tg.tensor([[1]]), [2], [1], reduction="none")
        tensor([0.2877])

    References:
        Graves et al., "Connectionist Temporal Classification" (2006).
    """
    check_reduction("ctc_loss", reduction)
    log_probs = floats("ctc_loss", log_probs)
    if log_probs.ndim not in (2, 3) or not log_probs.shape[0] or not log_probs.shape[-1]:
        raise ShapeError(
            f"ctc_loss: log_probs must be (T, N, C) or (T, C), not empty, got {log_probs.shape}"
        )
    if is_half(log_probs.array):
        return in_float32(
            ctc_loss, log_probs, targets, input_lengths, target_lengths, blank, reduction,
            zero_infinity,
        )  # fmt: skip
    batched = log_probs.ndim == 3
    rows = log_probs if batched else unsqueeze(log_probs, 1)
    x = rows.array
    times, n, classes = x.shape
    spent = _lengths("input_lengths", input_lengths, n, times)
    counts = _lengths("target_lengths", target_lengths, n, None)
    if not 0 <= blank < classes:
        raise DimensionError(
            f"ctc_loss: blank must be a class from 0 to {classes - 1}, got {blank}"
        )
    labels = _padded(targets, counts, n, batched, blank)
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise DimensionError(
            f"ctc_loss: targets must be classes from 0 to {classes - 1}, got {labels.min()} to "
            f"{labels.max()}"
        )
    plan = _plan(labels, spent, counts, times, blank, rows)
    logp = _log_likelihood(x, plan)
    possible = logp > NEVER / 2
    loss = np.where(possible, -logp, 0 if zero_infinity else np.inf)
    known = as_array(np.where(possible, -1, 0 if zero_infinity else np.nan).astype(x.dtype))
    out = record1(loss, _ctc_loss_vjp, rows, (x, known, *plan))
    if not batched:
        out = reshape(out, ())
    if reduction != "mean":
        return reduced(out, reduction)
    sizes = move(np.maximum(counts, 1).astype(x.dtype), rows.device)
    return mean(out / (sizes if batched else sizes.reshape(())))


def _lengths(name: str, value: Any, n: int, most: int | None) -> Any:
    """N lengths as integers on the host."""
    array = raw(value)
    lengths = np.asarray(backend_of(array).to_host(array) if isinstance(value, Tensor) else array)
    if lengths.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: {name} must be integers, got {lengths.dtype}")
    lengths = lengths.reshape(-1).astype(np.int64)
    if lengths.shape != (n,):
        raise ShapeError(f"ctc_loss: {name} must hold {n} lengths, got {lengths.shape[0]}")
    if n and (lengths.min() < 0 or (most is not None and lengths.max() > most)):
        limit = "at least 0" if most is None else f"from 0 to {most}"
        raise ArgumentError(f"ctc_loss: {name} must be {limit}, got {lengths.tolist()}")
    return lengths


def _padded(targets: Any, counts: Any, n: int, batched: bool, blank: int) -> Any:
    """Labels (N, S) on the host, S at least 1, with blanks behind the end of each sequence."""
    if not isinstance(targets, Tensor):
        raise DtypeError(f"ctc_loss: targets must be a tensor, got {type(targets).__name__}")
    given = backend_of(targets.array).to_host(targets.array)
    if given.dtype.kind not in "iu":
        raise DtypeError(f"ctc_loss: targets must be integer labels, got {given.dtype}")
    most = max(int(counts.max(initial=0)), 1)
    inside = np.arange(most) < counts[:, None]
    labels = np.full((n, most), blank, np.int64)
    if given.ndim == 1 and batched:
        if given.size != counts.sum():
            raise ShapeError(
                f"ctc_loss: target_lengths add up to {counts.sum()}, but targets has {given.size} labels"
            )
        labels[inside] = given
        return labels
    given = given.reshape(n, -1) if given.ndim == 1 and n == 1 else given
    if given.ndim != 2 or given.shape[0] != n:
        raise ShapeError(f"ctc_loss: targets must be (N, S) with N = {n}, got {targets.shape}")
    if counts.max(initial=0) > given.shape[1]:
        raise ArgumentError(
            f"ctc_loss: target_lengths must not exceed {given.shape[1]}, got {counts.tolist()}"
        )
    width = min(most, given.shape[1])
    labels[:, :width] = np.where(inside[:, :width], given[:, :width], blank)
    return labels


def _plan(labels: Any, spent: Any, counts: Any, times: int, blank: int, like: Tensor) -> Any:
    """What depends on labels and lengths alone, on the device: states are blank, label, blank, ..."""
    n, most = labels.shape
    states = 2 * most + 1
    names = np.full((n, states), blank)
    names[:, 1::2] = labels
    place = np.arange(states)
    skips = np.zeros((n, states), bool)  # to a label from the one before, past the blank
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    ends = (place == 2 * counts[:, None]) | (place == 2 * counts[:, None] - 1)
    last = np.arange(times)[:, None] == spent - 1  # (T, N)
    during = np.arange(times)[:, None] < spent
    dtype = like.array.dtype

    def logs(allowed: Any) -> Any:
        return np.where(allowed, 0, NEVER).astype(dtype)

    # an input of no length is likely only if there are no labels
    nothing = np.where(spent > 0, 0, np.where(counts > 0, NEVER, 0))
    host = (
        np.arange(n)[:, None], names, logs(place < 2) + np.zeros((n, 1), dtype), logs(skips),
        logs(ends), last[..., None], during[..., None], nothing.astype(dtype), spent == 0,
    )  # fmt: skip
    return tuple(move(np.ascontiguousarray(a), like.device) for a in host)


def _forward(emitted, begin, skips):
    """Log-probability of being in each state at each time, that time's emission included."""
    a = emitted[0] + begin
    out = [a]
    for t in range(1, emitted.shape[0]):  # a recurrence in time: every step needs the one before
        a = _arrive(a, skips) + emitted[t]
        out.append(a)
    return np.stack(out)


def _arrive(a, skips):
    first = a[:, :1] * 0 + NEVER
    one = np.concatenate([first, a[:, :-1]], axis=1)
    two = np.concatenate([first, first, a[:, :-2]], axis=1) + skips
    return np.logaddexp(np.logaddexp(a, one), two)


def _backward(emitted, skips, ends, last):
    """Log-probability of all that follows each state, that time's emission not included."""
    b = emitted[-1] * 0 + np.where(last[-1], ends, NEVER)
    out = [b]
    for t in range(emitted.shape[0] - 2, -1, -1):
        c = b + emitted[t + 1]
        first = c[:, :1] * 0 + NEVER
        one = np.concatenate([c[:, 1:], first], axis=1)
        two = np.concatenate([(c + skips)[:, 2:], first, first], axis=1)
        b = np.where(last[t], ends, np.logaddexp(np.logaddexp(c, one), two))
        out.append(b)
    return np.stack(out[::-1])


def _total(alpha, ends, last, nothing, empty):
    """Log-likelihood of each sequence, from the states at its last time."""
    final = np.add.reduce(np.where(last, alpha, 0), axis=0) + ends  # (N, L)
    largest = np.max(final, axis=1, keepdims=True)
    total = np.log(np.add.reduce(np.exp(final - largest), axis=1)) + largest[:, 0]
    return np.where(empty, nothing, total)


def _emitted(x, rows, names):
    return np.maximum(x[:, rows, names], NEVER)  # (T, N, L)


def _log_likelihood(x, plan):
    rows, names, begin, skips, ends, last, _, nothing, empty = plan
    alpha = _forward(_emitted(x, rows, names), begin, skips)
    return _total(alpha, ends, last, nothing, empty)


def _ctc_loss_vjp(g, x, known, rows, names, begin, skips, ends, last, during, nothing, empty):
    emitted = _emitted(x, rows, names)
    alpha = _forward(emitted, begin, skips)
    total = _total(alpha, ends, last, nothing, empty)
    joint = alpha + _backward(emitted, skips, ends, last) - total[:, None]
    posterior = np.exp(np.where(during, np.minimum(joint, 1), NEVER))
    weighed = posterior * (g * known)[:, None]
    return kernels.index_add(weighed, ((slice(None), rows, names),), x.shape, True)
