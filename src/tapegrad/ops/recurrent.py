"""Recurrent networks: stacks of layers in one or both directions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .. import dtypes
from ..device import apart
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor, raw
from .cast import as_operand, cast, different_devices
from .dropout import dropout as drop
from .recurrent_layers import GRU, LSTM, RNN_RELU, RNN_TANH, Kind, run
from .reduce import is_half
from .shape import cat, reshape, stack, transpose, unsqueeze

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]


def lstm(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run layers of long short-term memory over sequences.

    Value, for every layer and time: `i, f, o = sigmoid(a)`, `g = tanh(a)` of
    `a = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh`, each with rows of its own;
    `c = f * c + i * g`; `h = o * tanh(c)`, or `(o * tanh(c)) @ weight_hr.T`. Adjoint, back through
    time: `dc += dh * o * (1 - tanh(c)**2)`, `da = (dc * g * i * (1 - i), dc * c_before * f *
    (1 - f), dc * i * (1 - g**2), dh * tanh(c) * o * (1 - o))`, then `dh = da @ weight_hh` and
    `dc = dc * f`; for all times at once `da @ weight_ih`, `da.T @ x`, `da.T @ h_before` and the sum
    of `da`.

    As in PyTorch there is a second form for packed sequences, `lstm(data, batch_sizes, hx, params,
    has_biases, num_layers, dropout, train, bidirectional)`, whose data and outputs are
    (S, features).

    Args:
        input: (T, N, D), or (N, T, D) with `batch_first`; D features.
        hx: the pair of initial states `(h_0, c_0)`, (L K, N, P) and (L K, N, H).
        params: weight_ih (4 H, D or K P), weight_hh (4 H, P), bias_ih, bias_hh (4 H,), and
            weight_hr (P, H) if there is a projection, of every layer and direction in turn; the
            gates in the order i, f, g, o.
        has_biases: whether there are biases.
        num_layers: number of layers L; all but the first take the outputs of the one below.
        dropout: chance for outputs between layers to be set to zero in training.
        train: whether they are.
        bidirectional: whether a second half of each layer runs back through time
            (K = 2 directions, else 1).
        batch_first: whether the batch is the first dimension.

    Returns:
        `h` of the last layer, (T, N, K P), and the final states, (L K, N, P) and (L K, N, H).

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: if there are too few or too many weights.

    Example:
        >>> import tapegrad as tg
        >>> x, state, w, b = tg.ones(2, 1, 1), tg.zeros(1, 1, 1), tg.ones(4, 1), tg.zeros(4)
        >>> out, h, c = tg.lstm(x, (state, state), [w, w, b, b], True, 1, 0.0, False, False, False)
        >>> out[:, 0, 0]
        tensor([0.3696, 0.6505])

    References:
        Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber, Cummins,
        "Learning to Forget" (2000); Sak, Senior, Beaufays, "Long Short-Term Memory Based Recurrent
        Neural Network Architectures for Large Vocabulary Speech Recognition" (2014), for the
        projection.
    """
    return network(LSTM, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)  # fmt: skip


def gru(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run layers of gated recurrent units over sequences.

    Value, for every layer and time:
    `r, z = sigmoid(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`,
    `n = tanh(x @ weight_in.T + bias_in + r * (h @ weight_hn.T + bias_hn))`,
    `h = (1 - z) * n + z * h`. Adjoint, back through time: `dn = dh * (1 - z) * (1 - n**2)`,
    `dz = dh * (h_before - n) * z * (1 - z)`, `dr = dn * (h @ weight_hn.T + bias_hn) * r * (1 - r)`,
    then `dh = dh * z + (dr, dz, dn * r) @ weight_hh`; for all times at once the products with `x`,
    `h_before` and `weight_ih`.

    As in PyTorch there is a second form for packed sequences, `gru(data, batch_sizes, hx, params,
    has_biases, num_layers, dropout, train, bidirectional)`, whose data and outputs are
    (S, features).

    Args:
        input: (T, N, D), or (N, T, D) with `batch_first`; D features.
        hx: the initial state, (L K, N, H).
        params: weight_ih (3 H, D or K H), weight_hh (3 H, H), bias_ih, bias_hh (3 H,) of every
            layer and direction in turn; the gates in the order r, z, n.
        has_biases: whether there are biases.
        num_layers: number of layers L; all but the first take the outputs of the one below.
        dropout: chance for outputs between layers to be set to zero in training.
        train: whether they are.
        bidirectional: whether a second half of each layer runs back through time
            (K = 2 directions, else 1).
        batch_first: whether the batch is the first dimension.

    Returns:
        `h` of the last layer, (T, N, K H), and the final state, (L K, N, H).

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: if there are too few or too many weights.

    Example:
        >>> import tapegrad as tg
        >>> x, state, w, b = tg.ones(2, 1, 1), tg.zeros(1, 1, 1), tg.ones(3, 1), tg.zeros(3)
        >>> out, h = tg.gru(x, state, [w, w, b, b], True, 1, 0.0, False, False, False)
        >>> out[:, 0, 0]
        tensor([0.2048, 0.3468])

    References:
        Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
        Machine Translation" (2014), with the reset gate behind the product.
    """
    return network(GRU, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)  # fmt: skip


def rnn_tanh(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run layers of Elman's network over sequences.

    Value, for every layer and time:
    `h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`. Adjoint, back through time:
    `da = dh * (1 - h**2)`, then `dh = da @ weight_hh`; for all times at once `da @ weight_ih`,
    `da.T @ x`, `da.T @ h_before` and the sum of `da`.

    As in PyTorch there is a second form for packed sequences, `rnn_tanh(data, batch_sizes, hx,
    params, has_biases, num_layers, dropout, train, bidirectional)`, whose data and outputs are
    (S, features).

    Args:
        input: (T, N, D), or (N, T, D) with `batch_first`; D features.
        hx: the initial state, (L K, N, H).
        params: weight_ih (H, D or K H), weight_hh (H, H), bias_ih, bias_hh (H,) of every layer and
            direction in turn.
        has_biases: whether there are biases.
        num_layers: number of layers L; all but the first take the outputs of the one below.
        dropout: chance for outputs between layers to be set to zero in training.
        train: whether they are.
        bidirectional: whether a second half of each layer runs back through time
            (K = 2 directions, else 1).
        batch_first: whether the batch is the first dimension.

    Returns:
        `h` of the last layer, (T, N, K H), and the final state, (L K, N, H).

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: if there are too few or too many weights.

    Example:
        >>> import tapegrad as tg
        >>> x, state, w, b = tg.ones(2, 1, 1), tg.zeros(1, 1, 1), tg.ones(1, 1), tg.zeros(1)
        >>> out, h = tg.rnn_tanh(x, state, [w, w, b, b], True, 1, 0.0, False, False, False)
        >>> out[:, 0, 0]
        tensor([0.7616, 0.9427])

    References:
        Elman, "Finding Structure in Time", Cognitive Science 14 (1990).
    """
    return network(RNN_TANH, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)  # fmt: skip


def rnn_relu(
    input: Tensor,
    hx: Any,
    params: Any,
    has_biases: Any,
    num_layers: Any,
    dropout: Any,
    train: Any,
    bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run layers of Elman's network with rectified units over sequences.

    Value, for every layer and time:
    `h = relu(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`. Adjoint, back through time:
    `da = dh where h > 0, else 0`, then `dh = da @ weight_hh`; for all times at once
    `da @ weight_ih`, `da.T @ x`, `da.T @ h_before` and the sum of `da`.

    As in PyTorch there is a second form for packed sequences, `rnn_relu(data, batch_sizes, hx,
    params, has_biases, num_layers, dropout, train, bidirectional)`, whose data and outputs are
    (S, features).

    Args:
        input: (T, N, D), or (N, T, D) with `batch_first`; D features.
        hx: the initial state, (L K, N, H).
        params: weight_ih (H, D or K H), weight_hh (H, H), bias_ih, bias_hh (H,) of every layer and
            direction in turn.
        has_biases: whether there are biases.
        num_layers: number of layers L; all but the first take the outputs of the one below.
        dropout: chance for outputs between layers to be set to zero in training.
        train: whether they are.
        bidirectional: whether a second half of each layer runs back through time
            (K = 2 directions, else 1).
        batch_first: whether the batch is the first dimension.

    Returns:
        `h` of the last layer, (T, N, K H), and the final state, (L K, N, H).

    Raises:
        ShapeError: if sizes do not fit.
        DtypeError: if dtypes differ, or are not floating.
        ArgumentError: if there are too few or too many weights.

    Example:
        >>> import tapegrad as tg
        >>> x, state, w, b = tg.ones(2, 1, 1), tg.zeros(1, 1, 1), tg.ones(1, 1), tg.zeros(1)
        >>> out, h = tg.rnn_relu(x, state, [w, w, b, b], True, 1, 0.0, False, False, False)
        >>> out[:, 0, 0]
        tensor([1., 2.])

    References:
        Le, Jaitly, Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear
        Units" (2015).
    """
    return network(RNN_RELU, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)  # fmt: skip


def stacked(
    kind: Kind, data: Tensor, sizes: tuple[int, ...], states: Sequence[Tensor], params: Sequence[Any],
    has_biases: bool, num_layers: int, dropout: float, train: bool, bidirectional: bool,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """All layers over packed sequences.

    Args:
        kind: which network.
        data: rows of all times, (S, D).
        sizes: number of sequences at each time.
        states: initial states, (layers * directions, N, ...) each.
        params: the weights of every layer and direction in turn.
        has_biases, num_layers, dropout, train, bidirectional: as for `lstm`.

    Returns:
        The outputs, (S, directions * P), and the final states.
    """
    directions = 2 if bidirectional else 1
    count = num_layers * directions
    each = 4 if has_biases else 2
    projected = kind is LSTM and len(params) == count * (each + 1)
    each += projected
    if len(params) != count * each:
        raise ArgumentError(
            f"{kind.name}: {num_layers} layers in {directions} directions have {count * each} weights "
            f"and biases, got {len(params)}"
        )
    params = [as_operand(p, kind.name, f"params[{i}]") for i, p in enumerate(params)]
    data, states, params, half = uniform(kind.name, data, states, params)
    if dropout and not 0 <= dropout <= 1:
        raise ArgumentError(f"{kind.name}: dropout must be between 0 and 1, got {dropout}")
    _check(kind, data, sizes[0], states, params, has_biases, projected, count, directions)
    finals: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            w_ih, w_hh, *rest = params[k * each : (k + 1) * each]
            b_ih, b_hh = rest[:2] if has_biases else (None, None)
            inputs = [data, *(state[k] for state in states), w_ih, w_hh, b_ih, b_hh]
            if kind is LSTM:
                inputs.append(rest[-1] if projected else None)
            out, *last = run(kind, inputs, sizes, direction == 1)
            outputs.append(out)
            for final, state in zip(finals, last, strict=True):
                final.append(state)
        data = outputs[0] if directions == 1 else cat(outputs, 1)
        if dropout and layer < num_layers - 1:
            data = drop(data, dropout, train)
    ends = [stack(final) if count > 1 else unsqueeze(final[0], 0) for final in finals]
    return (data, ends) if half is None else (cast(data, half), [cast(e, half) for e in ends])


def uniform(op: str, data: Tensor, states: Any, params: Any) -> tuple[Any, Any, Any, Any]:
    """Everything of one floating dtype on one device; halves as float32, and what they were."""
    named = [("input", data), *(("hx", s) for s in states), *(("params", p) for p in params)]
    if data.dtype.kind != "f" and not is_half(data.array):
        raise DtypeError(f"{op}: input must be floating, got {data.dtype}")
    for name, tensor in named:
        if apart(tensor.array, data.array):
            raise different_devices(op, data, tensor)
        if tensor.dtype != data.dtype:
            raise DtypeError(
                f"{op}: input is {data.dtype} and {name} {tensor.dtype}; convert one with .to(dtype)"
            )
    if not is_half(data.array):
        return data, states, params, None
    wide = [[cast(t, dtypes.float32) for t in group] for group in ([data], states, params)]
    return wide[0][0], wide[1], wide[2], data.dtype


def _check(
    kind: Kind, data: Tensor, batch: int, states: Sequence[Tensor], params: Sequence[Tensor],
    has_biases: bool, projected: bool, count: int, directions: int,
) -> None:  # fmt: skip
    """Refuse what does not fit, before anything is computed."""
    op = kind.name
    each = len(params) // count
    rows, size = params[1].shape if params[1].ndim == 2 else (0, 0)
    hidden = rows // kind.gates
    if params[1].ndim != 2 or rows != kind.gates * hidden or (not projected and hidden != size):
        raise ShapeError(
            f"{op}: weight_hh_l0 must be ({kind.gates} H, H) with H = hidden_size, got {params[1].shape}"
        )
    features = data.shape[-1]
    for k in range(count):
        suffix = f"l{k // directions}{'_reverse' if k % directions else ''}"
        wanted: dict[str, Any] = {"weight_ih": (rows, features), "weight_hh": (rows, size)}
        if has_biases:
            wanted |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if projected:
            wanted["weight_hr"] = (size, hidden)
        given = params[k * each : (k + 1) * each]
        for (name, shape), tensor in zip(wanted.items(), given, strict=True):
            if tensor.shape == shape:
                continue
            if name == "weight_ih" and tensor.ndim == 2 and tensor.shape[0] == rows:
                raise ShapeError(
                    f"{op}: the input of layer {k // directions} has {features} features, and "
                    f"{name}_{suffix} of shape {tensor.shape} takes {tensor.shape[1]}"
                )
            raise ShapeError(f"{op}: {name}_{suffix} must be {shape}, got {tensor.shape}")
        if k % directions == directions - 1:
            features = directions * size
    for name, state, width in zip(("h_0", "c_0"), states, (size, hidden), strict=False):
        if state.shape != (count, batch, width):
            raise ShapeError(
                f"{op}: {name} must be {(count, batch, width)} (layers * directions, batch, features), "
                f"got {state.shape}"
            )


def network(
    kind: Kind, input: Any, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any,
    train: Any, bidirectional: Any, batch_first: Any,
) -> Any:  # fmt: skip
    """Run all layers over padded or packed sequences; arguments and results as for `lstm`."""
    op = kind.name
    input = as_operand(input, op)
    packed = getattr(raw(hx), "dtype", np.dtype(float)).kind in "iu"
    if packed:  # PyTorch's second form: data, batch_sizes, hx, params, ..., bidirectional
        sizes = batch_sizes_of(op, hx, input)
        hx, params, has_biases, num_layers = params, has_biases, num_layers, dropout
        dropout, train, bidirectional = train, bidirectional, batch_first
    states = _states(kind, hx)
    options = params, has_biases, num_layers, dropout, train, bidirectional
    if packed:
        out, finals = stacked(kind, input, sizes, states, *options)
        return (out, *finals)
    if input.ndim != 3:
        raise ShapeError(f"{op}: input must be (T, N, D), got shape {input.shape}")
    if batch_first:
        input = transpose(input, 0, 1)
    times, batch, features = input.shape
    if not times:
        raise ShapeError(f"{op}: the sequences must not be empty, got input of shape {input.shape}")
    rows = reshape(input, (times * batch, features))
    out, finals = stacked(kind, rows, (batch,) * times, states, *options)
    out = reshape(out, (times, batch, out.shape[-1]))
    return (transpose(out, 0, 1) if batch_first else out, *finals)


def _states(kind: Kind, hx: Any) -> list[Tensor]:
    given = hx if isinstance(hx, (tuple, list)) else (hx,)
    if len(given) != kind.states:
        wanted = "the pair (h_0, c_0)" if kind.states == 2 else "one tensor, h_0"
        raise ArgumentError(f"{kind.name}: hx must be {wanted}, got {len(given)} tensors")
    return [as_operand(state, kind.name, "hx") for state in given]


def batch_sizes_of(op: str, batch_sizes: Any, data: Tensor) -> tuple[int, ...]:
    """The number of sequences at each time of packed data, checked."""
    if data.ndim != 2:
        raise ShapeError(f"{op}: packed data must be (S, D), got shape {data.shape}")
    array = raw(batch_sizes)
    if not isinstance(array, np.ndarray) or array.ndim != 1 or not array.size:
        raise ArgumentError(f"{op}: batch_sizes must be a 1-d tensor on the CPU, not empty")
    sizes = tuple(array.tolist())
    if sizes[-1] < 0 or any(n < m for n, m in pairwise(sizes)):
        raise ArgumentError(f"{op}: batch_sizes must not grow or be negative, got {list(sizes)}")
    if sum(sizes) != data.shape[0]:
        raise ShapeError(
            f"{op}: batch_sizes add up to {sum(sizes)}, but the packed data has {data.shape[0]} rows"
        )
    return sizes
