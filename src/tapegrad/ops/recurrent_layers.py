"""One layer of a recurrent network in one direction.

It is one node, whose rule runs back through time by hand (`kernels/recurrent.py`). When its gradient
is recorded, or values are batched by `vmap`, the same recurrence is written in recorded operations,
and the tape differentiates those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import kernels
from ..device import wrapping
from ..engine import replay
from ..record import record
from ..tape import recording, recording_mode
from ..tensor import Tensor, raw, wrap
from .elementwise import relu, sigmoid, tanh
from .linalg import linear
from .shape import cat, chunk, clone, split

__all__: list[str] = []  # `recurrent.py` and `recurrent_cells.py` publish what it is used for


class Kind(NamedTuple):
    """What distinguishes the networks.

    Attributes:
        name: of the operation.
        gates: how many times H rows the weights have.
        states: how many states are carried.
        layer: a layer in one direction as one node: `layer(inputs, sizes, reverse)`, where the
            inputs are x, the states, weight_ih, weight_hh, bias_ih, bias_hh and for an LSTM
            weight_hr.
        step: `step(given, states, weights)` gives the states after a step in recorded operations.
    """

    name: str
    gates: int
    states: int
    layer: Callable[..., Any]
    step: Callable[..., Any]


def run(kind: Kind, inputs: Sequence[Any], sizes: tuple[int, ...], reverse: bool = False) -> Any:
    """Compute a layer in one direction: one node, or operations where values are batched.

    Args:
        kind: which network.
        inputs: as for `Kind.layer`, None for what there is not.
        sizes: number of sequences at each time.
        reverse: whether time runs backwards.

    Returns:
        The outputs of all times and the final states, tensors.
    """
    if any(raw(t).__class__ in wrapping for t in inputs):
        return in_operations(kind, inputs, sizes, reverse)
    return kind.layer(inputs, sizes, reverse)


def _prepared(inputs: Sequence[Any]) -> tuple[list[Any], tuple[bool, ...]]:
    """The arrays, and which of the inputs need a gradient."""
    return [raw(t) for t in inputs], tuple(t is not None and t.node is not None for t in inputs)


def _lstm_layer(inputs: Sequence[Any], sizes: Any, reverse: bool) -> Any:
    arrays, needs = _prepared(inputs)
    kept = recording() and any(needs)
    y, finals, saved = kernels.lstm(*arrays, sizes, reverse, kept)
    return record((y, *finals), _lstm_vjp, inputs, (*arrays, y, *saved, sizes, reverse, needs))


def _lstm_vjp(g, *saved):
    *inputs, y, gates, cells, bounded, sizes, reverse, needs = saved
    if _in_operations(g):
        return _grad_in_operations(LSTM, g, inputs, sizes, reverse, needs)
    return kernels.lstm_grad(*inputs, y, gates, cells, bounded, g, sizes, reverse, needs)


def _lstm_step(given: Tensor, states: Sequence[Tensor], weights: Sequence[Any]) -> list[Tensor]:
    w_hh, b_hh, w_hr = weights
    h, c = states
    i, f, g, o = chunk(given + linear(h, w_hh, b_hh), 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return [h if w_hr is None else linear(h, w_hr), c]


def _gru_layer(inputs: Sequence[Any], sizes: Any, reverse: bool) -> Any:
    arrays, needs = _prepared(inputs)
    kept = recording() and any(needs)
    y, finals, saved = kernels.gru(*arrays, sizes, reverse, kept)
    return record((y, *finals), _gru_vjp, inputs, (*arrays, y, *saved, sizes, reverse, needs))


def _gru_vjp(g, *saved):
    *inputs, y, gates, hidden, sizes, reverse, needs = saved
    if _in_operations(g):
        return _grad_in_operations(GRU, g, inputs, sizes, reverse, needs)
    return kernels.gru_grad(*inputs, y, gates, hidden, g, sizes, reverse, needs)


def _gru_step(given: Tensor, states: Sequence[Tensor], weights: Sequence[Any]) -> list[Tensor]:
    w_hh, b_hh = weights
    (h,) = states
    r, z, n = chunk(given, 3, -1)
    hr, hz, hn = chunk(linear(h, w_hh, b_hh), 3, -1)
    n = tanh(n + sigmoid(r + hr) * hn)
    return [n + sigmoid(z + hz) * (h - n)]


def _rnn_layer(rule: Any, rectified: bool) -> Callable[..., Any]:
    def layer(inputs: Sequence[Any], sizes: Any, reverse: bool) -> Any:
        arrays, needs = _prepared(inputs)
        y, finals = kernels.rnn(*arrays, rectified, sizes, reverse)
        return record((y, *finals), rule, inputs, (*arrays, y, sizes, reverse, needs))

    return layer


def _rnn_tanh_vjp(g, *saved):
    *inputs, y, sizes, reverse, needs = saved
    if _in_operations(g):
        return _grad_in_operations(RNN_TANH, g, inputs, sizes, reverse, needs)
    return kernels.rnn_grad(*inputs, y, g, False, sizes, reverse, needs)


def _rnn_relu_vjp(g, *saved):
    *inputs, y, sizes, reverse, needs = saved
    if _in_operations(g):
        return _grad_in_operations(RNN_RELU, g, inputs, sizes, reverse, needs)
    return kernels.rnn_grad(*inputs, y, g, True, sizes, reverse, needs)


def _rnn_step(bounded: Callable[..., Tensor]) -> Callable[..., Any]:
    def step(given: Tensor, states: Sequence[Tensor], weights: Sequence[Any]) -> list[Tensor]:
        return [bounded(given + linear(states[0], *weights))]

    return step


LSTM = Kind("lstm", 4, 2, _lstm_layer, _lstm_step)
GRU = Kind("gru", 3, 1, _gru_layer, _gru_step)
RNN_TANH = Kind("rnn_tanh", 1, 1, _rnn_layer(_rnn_tanh_vjp, False), _rnn_step(tanh))
RNN_RELU = Kind("rnn_relu", 1, 1, _rnn_layer(_rnn_relu_vjp, True), _rnn_step(relu))


def in_operations(kind: Kind, inputs: Sequence[Any], sizes: Any, reverse: bool) -> tuple[Any, ...]:
    """`run` in recorded operations."""
    x, rest = inputs[0], inputs[1:]
    initial, (w_ih, w_hh, b_ih, *more) = rest[: kind.states], rest[kind.states :]
    given = split(linear(x, w_ih, b_ih), list(sizes))
    times = range(len(sizes))
    outputs, ended = [], []
    have = sizes[-1] if reverse else sizes[0]
    states = [first[:have] for first in initial]
    for t in reversed(times) if reverse else times:
        n = sizes[t]
        if n < have:
            ended.append([state[n:] for state in states])
            states = [state[:n] for state in states]
        elif n > have:
            states = [
                cat([state, first[have:n]]) for state, first in zip(states, initial, strict=True)
            ]
        states = kind.step(given[t], states, (w_hh, *more))
        outputs.append(states[0])
        have = n
    finals = zip(states, *reversed(ended), strict=True)
    return cat(outputs[::-1] if reverse else outputs), *(cat(pieces) for pieces in finals)


def _in_operations(g: Any) -> bool:
    return any(isinstance(h, Tensor) or h.__class__ in wrapping for h in g)


def _grad_in_operations(
    kind: Kind, g: Any, inputs: Any, sizes: Any, reverse: bool, needs: Sequence[bool]
) -> list[Any]:
    """Gradients by the tape, recorded if those of the results are."""
    recorded = any(isinstance(h, Tensor) for h in g)

    def own(value: Any, needed: bool) -> Any:
        """A tensor with a node of its own: one weight may have several parts to play."""
        if value is None:
            return None
        if isinstance(value, Tensor):
            return clone(value) if needed else value
        made = wrap(value.view())
        return made.requires_grad_() if needed else made

    token = recording_mode.set(True)
    try:
        tensors = [own(value, needed) for value, needed in zip(inputs, needs, strict=True)]
        outputs = in_operations(kind, tensors, sizes, reverse)
    finally:
        recording_mode.reset(token)
    roots: list[Any] = [
        (out.node, h)
        for out, h in zip(outputs, g, strict=True)
        if h is not None and out.node is not None
    ]
    targets: list[Any] = [
        t.node if needed else None for t, needed in zip(tensors, needs, strict=True)
    ]
    found = replay(
        roots,
        retain_graph=recorded,
        create_graph=recorded,
        targets=[node for node in targets if node is not None],
    )
    return [found.get(node) for node in targets]
