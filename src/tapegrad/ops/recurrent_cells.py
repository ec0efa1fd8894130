"""Single steps of recurrent networks."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from .cast import as_operand, cast
from .recurrent import uniform
from .recurrent_layers import GRU, LSTM, RNN_RELU, RNN_TANH, Kind, run

__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def lstm_cell(
    input: Tensor,
    hx: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Take one step of long short-term memory.

    Value: `i, f, o = sigmoid(a)`, `g = tanh(a)` of `a = input @ w_ih.T + b_ih + h @ w_hh.T + b_hh`,
    each with rows of its own; `c' = f * c + i * g`, `h' = o * tanh(c')`. Adjoint: that of `lstm`
    for one time.

    Args:
        input: (N, D).
        hx: the pair of states `(h, c)`, (N, H) each.
        w_ih, w_hh: (4 H, D) and (4 H, H), with the gates in the order i, f, g, o.
        b_ih, b_hh: (4 H,), both or neither.

    Returns:
        The states after the step, `(h', c')`.

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: for one bias without the other, or no pair of states.

    Example:
        >>> import tapegrad as tg
        >>> zero, w = tg.zeros(1, 1), tg.ones(4, 1)
        >>> h, c = tg.lstm_cell(tg.ones(1, 1), (zero, zero), w, w)
        >>> h
        tensor([[0.3696]])

    References:
        Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997).
    """
    h, c = _step(LSTM, input, hx, w_ih, w_hh, b_ih, b_hh)
    return h, c


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Take one step of a gated recurrent unit.

    Value: `r, z = sigmoid(input @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`,
    `n = tanh(input @ w_in.T + b_in + r * (h @ w_hn.T + b_hn))`, `h' = (1 - z) * n + z * h`.
    Adjoint: that of `gru` for one time.

    Args:
        input: (N, D).
        hx: the state, (N, H).
        w_ih, w_hh: (3 H, D) and (3 H, H), with the gates in the order r, z, n.
        b_ih, b_hh: (3 H,), both or neither.

    Returns:
        The state after the step.

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: for one bias without the other.

    Example:
        >>> import tapegrad as tg
        >>> tg.gru_cell(tg.ones(1, 1), tg.zeros(1, 1), tg.ones(3, 1), tg.ones(3, 1))
        tensor([[0.2048]])

    References:
        Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
        Machine Translation" (2014), with the reset gate behind the product.
    """
    return _step(GRU, input, hx, w_ih, w_hh, b_ih, b_hh)[0]


def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Take one step of Elman's network.

    Value: `h' = tanh(input @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`. Adjoint: with
    `da = g * (1 - h'**2)`, `da @ w_ih`, `da @ w_hh`, `da.T @ input`, `da.T @ h` and the sum of
    `da`.

    Args:
        input: (N, D).
        hx: the state, (N, H).
        w_ih, w_hh: (H, D) and (H, H).
        b_ih, b_hh: (H,), both or neither.

    Returns:
        The state after the step.

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: for one bias without the other.

    Example:
        >>> import tapegrad as tg
        >>> tg.rnn_tanh_cell(tg.ones(1, 1), tg.zeros(1, 1), tg.ones(1, 1), tg.ones(1, 1))
        tensor([[0.7616]])

    References:
        Elman, "Finding Structure in Time", Cognitive Science 14 (1990).
    """
    return _step(RNN_TANH, input, hx, w_ih, w_hh, b_ih, b_hh)[0]


def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Take one step of Elman's network with rectified units.

    Value: `h' = max(input @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 0)`. Adjoint: as for
    `rnn_tanh_cell`, with `da` equal to `g` where `h'` is positive, else 0.

    Args:
        input: (N, D).
        hx: the state, (N, H).
        w_ih, w_hh: (H, D) and (H, H).
        b_ih, b_hh: (H,), both or neither.

    Returns:
        The state after the step.

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: for one bias without the other.

    Example:
        >>> import tapegrad as tg
        >>> tg.rnn_relu_cell(tg.ones(1, 1), tg.ones(1, 1), tg.ones(1, 1), tg.ones(1, 1))
        tensor([[2.]])
    """
    return _step(RNN_RELU, input, hx, w_ih, w_hh, b_ih, b_hh)[0]


def _step(kind: Kind, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """The states after one time, for a batch."""
    op = f"{kind.name}_cell"
    if kind.states == 1:
        hx = (hx,)
    elif not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise ArgumentError(f"{op}: hx must be the pair (h, c), got {type(hx).__name__}")
    if (b_ih is None) != (b_hh is None):
        raise ArgumentError(f"{op}: give both b_ih and b_hh, or neither")
    input = as_operand(input, op)
    states = [as_operand(state, op, "hx") for state in hx]
    given = {"w_ih": w_ih, "w_hh": w_hh, "b_ih": b_ih, "b_hh": b_hh}
    weights = [as_operand(w, op, name) for name, w in given.items() if w is not None]
    input, states, weights, half = uniform(op, input, states, weights)
    _check(op, kind, input, states, weights)
    inputs = [input, *states, *weights, *(None,) * (4 - len(weights))]
    if kind is LSTM:
        inputs.append(None)  # no projection
    out, _, *more = run(kind, inputs, (input.shape[0],))
    after = [out, *more]  # the outputs of the only time are the final state
    return after if half is None else [cast(state, half) for state in after]


def _check(op: str, kind: Kind, input: Tensor, states: Any, weights: Any) -> None:
    if input.ndim != 2:
        raise ShapeError(f"{op}: input must be (N, D), got shape {input.shape}")
    w_ih, w_hh, *biases = weights
    batch, features = input.shape
    size = w_hh.shape[-1] if w_hh.ndim == 2 else 0
    rows = kind.gates * size
    if w_hh.shape != (rows, size):
        raise ShapeError(
            f"{op}: w_hh must be ({kind.gates} H, H) with H = hidden_size, got {w_hh.shape}"
        )
    if w_ih.ndim != 2 or w_ih.shape[0] != rows:
        raise ShapeError(f"{op}: w_ih must be {(rows, features)}, got {w_ih.shape}")
    if w_ih.shape[1] != features:
        raise ShapeError(
            f"{op}: input has {features} features, and w_ih of shape {w_ih.shape} takes {w_ih.shape[1]}"
        )
    for name, bias in zip(("b_ih", "b_hh"), biases, strict=False):
        if bias.shape != (rows,):
            raise ShapeError(f"{op}: {name} must be {(rows,)}, got {bias.shape}")
    for name, state in zip(("h", "c"), states, strict=False):
        if state.shape != (batch, size):
            raise ShapeError(
                f"{op}: state {name} must be {(batch, size)} (batch, hidden_size), got {state.shape}"
            )
