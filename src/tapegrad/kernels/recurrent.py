"""Recurrent layers: one direction of one layer over sequences that may differ in length.

Sequences are packed as PyTorch packs them: sorted by length, longest first, the elements of all
sequences at one time are neighbouring rows, and `sizes` says how many there are at each time. For
sequences of one length all sizes are N, and the rows are those of a (T, N, D) array.

The products with the inputs of all times are one product, and so are those that give the gradients
of the weights. What is left for each time is one product and a dozen passes over contiguous arrays;
the factors of the gradients that do not depend on the gradient itself are computed for all times at
once.

References:
    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9, 1997.
    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014 (GRU, here with
    the reset gate behind the product, as in cuDNN and PyTorch).
    J. Appleyard, T. Kocisky, P. Blunsom, "Optimizing Performance of Recurrent Neural Networks on
    GPUs", 2016 (products of all times together).
"""

from __future__ import annotations

import numpy as np

from . import kernel
from .arrays import packed


def walk(sizes, reverse):
    """The rows of each time and how many they are, in the order in which they are visited."""
    steps, start = [], 0
    for n in sizes:
        steps.append((slice(start, start + n), n))
        start += n
    return steps[::-1] if reverse else steps


def unroll(step, initial, sizes, reverse):
    """Carry states through time.

    Forwards, sequences end one after the other, and their states are final; backwards, they begin
    one after the other, with their initial states. Gradients run the other way round.

    Args:
        step: `step(rows, n, *states)` gives the states after a time from the n states before it.
        initial: states of all N sequences, (N, ...) each.
        sizes: number of sequences at each time.
        reverse: whether time runs backwards.

    Returns:
        The final states, new arrays.
    """
    steps = walk(sizes, reverse)
    have = steps[0][1]
    states = [first[:have] for first in initial]
    finals = [np.empty_like(first) for first in initial]
    for rows, n in steps:
        if n < have:
            for final, state in zip(finals, states, strict=True):
                final[n:have] = state[n:]
            states = [state[:n] for state in states]
        elif n > have:
            states = [
                np.concatenate([state, first[have:n]])
                for state, first in zip(states, initial, strict=True)
            ]
        states = step(rows, n, *states)
        have = n
    for final, state in zip(finals, states, strict=True):
        final[:have] = state
    return finals


def before(y, first, sizes, reverse):
    """The state from which each step started, by rows; `y` has those after the steps."""
    pieces = []
    last, room = 0, 0  # where the rows of the step before begin, and how many they are
    for rows, n in walk(sizes, reverse):
        have = min(n, room)
        pieces.append([y[last : last + have], first[have:n]])
        last, room = rows.start, n
    return np.concatenate(
        [part for piece in (pieces[::-1] if reverse else pieces) for part in piece]
    )


def _zeros(like, *shape):
    return np.zeros_like(like, shape=shape)


def _scratch(like, *shape):
    return np.empty_like(like, shape=shape)


def _sigmoid_of_negative(x, one):
    """`1 / (1 + exp(x))` in place: the sign is in the weights, which saves a pass each time."""
    np.exp(x, x)
    np.add(x, one, x)
    np.divide(one, x, x)


def _weight_grads(d_ih, d_hh, x, h, needs):
    """Gradients of both weights from those of the gates, and of what is added to the gates."""
    dw_ih = np.matmul(d_ih.T, x) if needs[0] else None
    dw_hh = np.matmul(d_hh.T, h) if needs[1] else None
    return dw_ih, dw_hh


def _cut(sizes, *buffers):
    """The first n rows of buffers, for each of the sizes: cut once, not at each time."""
    return {n: tuple(buffer[:n] for buffer in buffers) for n in set(sizes)}


def _from_inputs(x, w, bias, size):
    """What the inputs of all times add to the gates, each gate in one piece: (gates, S, H)."""
    w = w.reshape(w.shape[0] // size, size, w.shape[1])
    out = np.matmul(x, w.swapaxes(1, 2))
    if bias is not None:
        out += bias.reshape(w.shape[0], 1, size)
    return out


def _column_sums(d):
    return np.matmul(np.ones_like(d, shape=d.shape[:1]), d)  # by BLAS in a third of the time


# -- LSTM ------------------------------------------------------------------------------------------


def _lstm_order(w):
    """Rows of the gates i, f, g, o in the order i, f, o, g, the first three negated."""
    size = w.shape[0] // 4
    out = np.empty_like(w)
    np.negative(w[: 2 * size], out=out[: 2 * size])
    np.negative(w[3 * size :], out=out[2 * size : 3 * size])
    out[3 * size :] = w[2 * size : 3 * size]
    return out


@kernel
def lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse, kept):
    """A layer of long short-term memory, in one direction.

    `i, f, o = sigmoid(...)`, `g = tanh(...)` of `x @ w_ih.T + b_ih + h @ w_hh.T + b_hh`;
    `c = f * c + i * g`, `h = o * tanh(c)`, or `h = (o * tanh(c)) @ w_hr.T`.

    Args:
        x: inputs of all times, (S, D).
        h0, c0: initial states, (N, P) and (N, H); P = H without `w_hr`.
        w_ih, w_hh: (4 H, D) and (4 H, P), with the gates in the order i, f, g, o.
        b_ih, b_hh: (4 H,), or None.
        w_hr: projection, (P, H), or None.
        sizes: number of sequences at each time, N at first and never growing.
        reverse: whether time runs backwards.
        kept: whether what the gradient needs is kept.

    Returns:
        `h` of all times, (S, P); the final states; the gates i, f, o, g, (4, S, H), `c` and
        `tanh(c)` of all times, or None for the three.
    """
    count, size = x.shape[0], c0.shape[1]
    w = packed(_lstm_order(w_hh).T)
    bias = None if b_ih is None else _lstm_order(b_ih + b_hh)
    gates = _from_inputs(x, _lstm_order(w_ih), bias, size)
    by_row = gates.transpose(1, 0, 2)
    room = count if kept else sizes[0]
    cells, bounded = _scratch(x, room, size), _scratch(x, room, size)
    y = _scratch(x, count, h0.shape[1])
    one = np.ones_like(x, shape=())
    flat = _scratch(x, sizes[0], 4 * size)
    cut = _cut(sizes, flat, flat.reshape(sizes[0], 4, size), _scratch(x, sizes[0], size))
    three, first, second, third, last = gates[:3], gates[0], gates[1], gates[2], gates[3]

    def step(rows, n, h, c):
        product, z, t = cut[n]
        place = rows if kept else slice(0, n)
        all_four, g, new, top, out = by_row[rows], last[rows], cells[place], bounded[place], y[rows]
        np.matmul(h, w, product)
        np.add(all_four, z, all_four)
        _sigmoid_of_negative(three[:, rows], one)
        np.tanh(g, g)
        np.multiply(first[rows], g, t)
        np.multiply(second[rows], c, new)
        np.add(new, t, new)
        np.tanh(new, top)
        if w_hr is None:
            np.multiply(third[rows], top, out)
        else:
            np.multiply(third[rows], top, t)
            np.matmul(t, w_hr.T, out)
        return out, new

    with np.errstate(over="ignore"):  # infinity gives the right zero
        finals = unroll(step, (h0, c0), sizes, reverse)
    return y, finals, (gates, cells, bounded) if kept else (None, None, None)


@kernel
def lstm_grad(
    x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, y, gates, cells, bounded, gs, sizes, reverse, needs
):
    """Gradients of `lstm` for its first eight arguments.

    Args:
        x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse: what went in.
        y, gates, cells, bounded: what came out and what was kept.
        gs: gradients of `y` and the final states, each an array or None.
        needs: which of the eight gradients are wanted; None is given for the others.
    """
    count, size = x.shape[0], c0.shape[1]
    gy, gh, gc = gs
    i, f, o, g = gates[0], gates[1], gates[2], gates[3]
    # i, f, g: what the gradient of c is multiplied by; o: what that of h is
    d = _scratch(x, count, 4, size)
    start = before(cells, c0, sizes, reverse)
    np.multiply((1 - i) * i, g, out=d[:, 0])
    np.multiply((1 - f) * f, start, out=d[:, 1])
    np.multiply(1 - g * g, i, out=d[:, 2])
    np.multiply((1 - o) * o, bounded, out=d[:, 3])
    top = (1 - bounded * bounded) * o
    flat = d.reshape(count, 4 * size)
    n = sizes[0]
    total = _scratch(x, 0 if w_hr is None else count, h0.shape[1])
    cell = _scratch(x, n, size)
    cut = _cut(
        sizes,
        cell,
        cell[:, None],
        _scratch(x, n, size),
        _scratch(x, n, size),
        _scratch(x, *h0.shape),
    )
    of_c, of_h = d[:, :3], d[:, 3]

    def step(rows, n, dh, dc):
        dc_all, column, t, sums, back = cut[n]
        if w_hr is not None:
            dh = np.add(dh, 0 if gy is None else gy[rows], total[rows])
            dh = np.matmul(dh, w_hr, sums)
        elif gy is not None:
            dh = np.add(dh, gy[rows], sums)
        np.multiply(dh, top[rows], t)
        np.add(dc, t, dc_all)
        three, last = of_c[rows], of_h[rows]
        np.multiply(three, column, three)
        np.multiply(last, dh, last)
        np.multiply(dc_all, f[rows], dc_all)
        return np.matmul(flat[rows], w_hh, back), dc_all

    dh = _zeros(x, *h0.shape) if gh is None else gh
    dc = _zeros(x, *c0.shape) if gc is None else gc
    dh0, dc0 = unroll(step, (dh, dc), sizes, not reverse)
    h = before(y, h0, sizes, reverse) if needs[4] else None
    dw_ih, dw_hh = _weight_grads(flat, flat, x, h, needs[3:5])
    db = _column_sums(flat) if needs[5] or needs[6] else None
    return (
        np.matmul(flat, w_ih) if needs[0] else None, dh0, dc0, dw_ih, dw_hh, db, db,
        np.matmul(total.T, o * bounded) if needs[7] else None,
    )  # fmt: skip


# -- GRU -------------------------------------------------------------------------------------------


def _gru_order(w):
    """Rows of the gates r, z, n with the sign of the first two changed."""
    size = w.shape[0] // 3
    out = w.copy()
    np.negative(w[: 2 * size], out=out[: 2 * size])
    return out


@kernel
def gru(x, h0, w_ih, w_hh, b_ih, b_hh, sizes, reverse, kept):
    """A layer of gated recurrent units, in one direction.

    `r, z = sigmoid(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`,
    `n = tanh(x @ w_in.T + b_in + r * (h @ w_hn.T + b_hn))`, `h = (1 - z) * n + z * h`.

    Args:
        x: inputs of all times, (S, D).
        h0: initial state, (N, H).
        w_ih, w_hh: (3 H, D) and (3 H, H), with the gates in the order r, z, n.
        b_ih, b_hh: (3 H,), or None.
        sizes, reverse, kept: as for `lstm`.

    Returns:
        `h` of all times, (S, H); the final state, in a list; r, z, n, (3, S, H), and
        `h @ w_hn.T + b_hn`, (S, H), of all times, or None for both.
    """
    count, size = x.shape[0], h0.shape[1]
    w = packed(_gru_order(w_hh).T)
    bias, shift = None, _zeros(x, size)
    if b_ih is not None:
        bias = _gru_order(b_ih)
        bias[: 2 * size] -= b_hh[: 2 * size]
        shift = b_hh[2 * size :]
    gates = _from_inputs(x, _gru_order(w_ih), bias, size)
    by_row = gates[:2].transpose(1, 0, 2)
    hidden = _scratch(x, count if kept else sizes[0], size)
    y = _scratch(x, count, size)
    one = np.ones_like(x, shape=())
    flat = _scratch(x, sizes[0], 3 * size)
    cells = flat.reshape(sizes[0], 3, size)
    cut = _cut(sizes, flat, cells[:, :2], cells[:, 2], _scratch(x, sizes[0], size))
    two, first, second, third = gates[:2], gates[0], gates[1], gates[2]

    def step(rows, n, h):
        product, z, state, t = cut[n]
        both, new, inner = by_row[rows], third[rows], hidden[rows if kept else slice(0, n)]
        np.matmul(h, w, product)
        np.add(both, z, both)
        _sigmoid_of_negative(two[:, rows], one)
        np.add(state, shift, inner)
        np.multiply(first[rows], inner, t)
        np.add(new, t, new)
        np.tanh(new, new)
        np.subtract(h, new, t)
        np.multiply(t, second[rows], t)
        return (np.add(new, t, y[rows]),)

    with np.errstate(over="ignore"):  # infinity gives the right zero
        finals = unroll(step, (h0,), sizes, reverse)
    return y, finals, (gates, hidden) if kept else (None, None)


@kernel
def gru_grad(x, h0, w_ih, w_hh, b_ih, b_hh, y, gates, hidden, gs, sizes, reverse, needs):
    """Gradients of `gru` for its first six arguments; arguments as for `lstm_grad`."""
    count, size = x.shape[0], h0.shape[1]
    gy, gh = gs
    r, z, new = gates[0], gates[1], gates[2]
    start = before(y, h0, sizes, reverse)
    # n as seen by the state, then r, z, n as seen by the input, so that the gates of either weight are
    # neighbours: what the gradient of h is multiplied by
    d = _scratch(x, count, 4, size)
    np.multiply(1 - z, 1 - new * new, out=d[:, 3])
    np.multiply(d[:, 3], r, out=d[:, 0])
    np.multiply(d[:, 0] * hidden, 1 - r, out=d[:, 1])
    np.multiply((start - new) * z, 1 - z, out=d[:, 2])
    flat = d.reshape(count, 4 * size)
    of_state, of_input = flat[:, : 3 * size], flat[:, size:]
    w = np.concatenate([w_hh[2 * size :], w_hh[: 2 * size]])
    cut = _cut(sizes, *(_scratch(x, *h0.shape) for _ in range(3)))

    def step(rows, n, dh):
        total, t, out = cut[n]
        if gy is not None:
            dh = np.add(dh, gy[rows], total)
        all_four = d[rows]
        np.multiply(all_four, dh[:, None], all_four)
        np.multiply(dh, z[rows], t)
        np.matmul(of_state[rows], w, out)
        return (np.add(out, t, out),)

    (dh0,) = unroll(step, (_zeros(x, *h0.shape) if gh is None else gh,), sizes, not reverse)
    dw_ih, dw_hh = _weight_grads(of_input, of_state, x, start, needs[2:4])
    db_ih = db_hh = None
    if needs[4] or needs[5]:
        sums = _column_sums(flat)
        db_ih, db_hh = sums[size:].copy(), _gates_back(sums[: 3 * size])
    return (
        np.matmul(of_input, w_ih) if needs[0] else None, dh0, dw_ih,
        None if dw_hh is None else _gates_back(dw_hh), db_ih, db_hh,
    )  # fmt: skip


def _gates_back(d):
    """Rows of n, r, z in the order r, z, n."""
    size = d.shape[0] // 3
    return np.concatenate([d[size:], d[:size]])


# -- Elman's network -------------------------------------------------------------------------------


@kernel
def rnn(x, h0, w_ih, w_hh, b_ih, b_hh, rectified, sizes, reverse):
    """A layer of Elman's network, in one direction.

    `h = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`.

    Args:
        x: inputs of all times, (S, D).
        h0: initial state, (N, H).
        w_ih, w_hh: (H, D) and (H, H).
        b_ih, b_hh: (H,), or None.
        rectified: whether it is `max(..., 0)` instead of tanh.
        sizes, reverse: as for `lstm`.

    Returns:
        `h` of all times, (S, H), and the final state, in a list.
    """
    w = packed(w_hh.T)
    inputs = np.matmul(x, w_ih.T)
    if b_ih is not None:
        inputs += b_ih + b_hh
    zero = _zeros(x)
    y = _scratch(x, x.shape[0], h0.shape[1])

    def step(rows, n, h):
        h = np.matmul(h, w, y[rows])
        np.add(h, inputs[rows], h)
        return (np.maximum(h, zero, out=h) if rectified else np.tanh(h, h),)

    return y, unroll(step, (h0,), sizes, reverse)


@kernel
def rnn_grad(x, h0, w_ih, w_hh, b_ih, b_hh, y, gs, rectified, sizes, reverse, needs):
    """Gradients of `rnn` for its first six arguments; arguments as for `lstm_grad`."""
    gy, gh = gs
    d = (y != 0).astype(y.dtype) if rectified else 1 - y * y
    cut = _cut(sizes, _scratch(x, *h0.shape), _scratch(x, *h0.shape))

    def step(rows, n, dh):
        total, out = cut[n]
        if gy is not None:
            dh = np.add(dh, gy[rows], total)
        gate = d[rows]
        np.multiply(gate, dh, gate)
        return (np.matmul(gate, w_hh, out),)

    (dh0,) = unroll(step, (_zeros(x, *h0.shape) if gh is None else gh,), sizes, not reverse)
    h = before(y, h0, sizes, reverse) if needs[3] else None
    dw_ih, dw_hh = _weight_grads(d, d, x, h, needs[2:4])
    db = _column_sums(d) if needs[4] or needs[5] else None
    return np.matmul(d, w_ih) if needs[0] else None, dh0, dw_ih, dw_hh, db, db
