"""Recurrent networks and their single steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import NAN, Bad, Row, S, Sample, normal
from tapegrad import errors

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
sigmoid = scipy.special.expit


def lstm_step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
    h, c = states
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h if w_hr is None else h @ w_hr.T), c


def gru_step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, _: Any) -> Any:
    (h,) = states
    r, z, n = np.split(x @ w_ih.T + b_ih, 3, -1)
    hr, hz, hn = np.split(h @ w_hh.T + b_hh, 3, -1)
    z = sigmoid(z + hz)
    return ((1 - z) * np.tanh(n + sigmoid(r + hr) * hn) + z * h,)


def rnn_step(bounded: Callable[[Any], Any]) -> Any:
    def step(x: Any, states: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, _: Any) -> Any:
        return (bounded(x @ w_ih.T + b_ih + states[0] @ w_hh.T + b_hh),)

    return step


STEPS = {
    "lstm": lstm_step, "gru": gru_step, "rnn_tanh": rnn_step(np.tanh),
    "rnn_relu": rnn_step(lambda x: np.where(x > 0, x, x * 0)),
}  # fmt: skip


def network(name: str) -> Any:
    """The reference: one sequence of steps after the other, as the formula says."""

    def reference(
        x: Any, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float, train: bool,
        bidirectional: bool, batch_first: bool,
    ) -> Any:  # fmt: skip
        if batch_first:
            x = x.swapaxes(0, 1)
        initial = hx if isinstance(hx, (tuple, list)) else (hx,)
        finals: list[Any] = [[] for _ in initial]
        directions = 1 + bidirectional
        each = len(params) // (num_layers * directions)
        for layer in range(num_layers):
            outs = []
            for direction in range(directions):
                k = layer * directions + direction
                w_ih, w_hh, *rest = params[k * each : (k + 1) * each]
                b_ih, b_hh = rest[:2] if has_biases else (0.0, 0.0)
                w_hr = rest[-1] if len(rest) % 2 else None
                states = tuple(s[k] for s in initial)
                made = []
                for row in x[::-1] if direction else x:
                    states = STEPS[name](row, states, w_ih, w_hh, b_ih, b_hh, w_hr)
                    made.append(states[0])
                outs.append(np.stack(made[::-1] if direction else made))
                for final, state in zip(finals, states, strict=True):
                    final.append(state)
            x = np.concatenate(outs, -1)
        return [x.swapaxes(0, 1) if batch_first else x, *map(np.stack, finals)]

    return reference


def cell(name: str) -> Any:
    """The reference of a single step."""

    def reference(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = 0.0, b_hh: Any = 0.0) -> Any:
        states = hx if isinstance(hx, (tuple, list)) else (hx,)
        after = STEPS[name](x, states, w_ih, w_hh, b_ih, b_hh, None)
        return list(after) if len(after) > 1 else after[0]

    return reference


def _call(
    rng: np.random.Generator, name: str, times: int, batch: int, features: int, size: int,
    layers: int = 1, directions: int = 1, bias: bool = True, batch_first: bool = False, projected: int = 0,
) -> Sample:  # fmt: skip
    width, rows = projected or size, GATES[name] * size
    params = []
    for layer in range(layers):
        for _ in range(directions):
            taken = features if layer == 0 else directions * width
            shapes: list[tuple[int, ...]] = [(rows, taken), (rows, width)]
            shapes += [(rows,)] * (2 * bias) + [(width, size)] * bool(projected)
            params += [normal(rng, *shape) * 0.7 for shape in shapes]
    count = layers * directions
    h, c = normal(rng, count, batch, width), normal(rng, count, batch, size)
    x = normal(rng, *((batch, times) if batch_first else (times, batch)), features)
    hx = (h, c) if name == "lstm" else h
    return S((x, hx, params, bias, layers, 0.0, True, directions == 2, batch_first))


def networks(name: str) -> Any:
    """Samples: short ones of one unit, whose second gradients are tested too, and every option."""

    def make(rng: np.random.Generator) -> list[Sample]:
        def sample(*shape: int, **options: Any) -> Sample:
            return _call(rng, name, *shape, **options)

        made = [
            sample(2, 1, 1, 1), sample(2, 2, 1, 1, directions=2, bias=False), sample(3, 2, 2, 3),
            sample(2, 2, 2, 2, layers=2, directions=2), sample(3, 2, 2, 2, layers=2, batch_first=True),
            sample(1, 1, 2, 1, bias=False), sample(2, 0, 2, 2),
        ]  # fmt: skip
        if name == "lstm":
            made += [sample(2, 1, 1, 2, bias=False, projected=1),
                     sample(2, 2, 1, 2, layers=2, directions=2, projected=1)]  # fmt: skip
        x, hx, params, *rest = made[2].args
        back = tuple(h[:, ::-1] for h in hx) if name == "lstm" else hx[:, ::-1]
        return [*made, S((x[::-1, :, ::-1], back, [np.asfortranarray(p)[::-1] for p in params], *rest))]  # fmt: skip

    return make


def cells(name: str) -> Any:
    """Samples of single steps."""

    def make(rng: np.random.Generator) -> list[Sample]:
        def sample(batch: int, features: int, size: int, bias: bool = True) -> Sample:
            rows = GATES[name] * size
            h, c = normal(rng, batch, size), normal(rng, batch, size)
            weights = [normal(rng, rows, features), normal(rng, rows, size)]
            weights += [normal(rng, rows), normal(rng, rows)] if bias else []
            x = normal(rng, batch, features)
            return S((x, (h, c) if name == "lstm" else h, *weights))

        return [sample(1, 1, 1), sample(2, 3, 2), sample(2, 2, 1, False), sample(0, 2, 2)]

    return make


def _extremes(name: str) -> Any:
    """Saturated gates and NaN, in one unit without biases."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = np.array([200.0, -200.0, 0.0, NAN]).reshape(1, 4, 1)
        h = np.array([1.0, 0.5, 0.0, 1.0]).reshape(1, 4, 1)
        w = np.ones((GATES[name], 1))
        hx = (h, 2 * h) if name == "lstm" else h
        return [S((x, hx, [w, 1 - w], False, 1, 0.0, False, False, False))]

    return make


def refused(name: str) -> tuple[Bad, ...]:
    """Networks that do not fit together: D = 2, H = 3, N = 2."""
    n = GATES[name]
    x, h, w, r, b = (np.ones(s) for s in ((4, 2, 2), (1, 2, 3), (3 * n, 2), (3 * n, 3), (3 * n,)))
    rest = (True, 1, 0.0, False, False, False)

    def hx(state: Any) -> Any:
        return (state, h) if name == "lstm" else state

    good = [w, r, b, b]
    shape, dtype, argument = errors.ShapeError, errors.DtypeError, errors.ArgumentError
    return (
        Bad((x[..., :1], hx(h), good, *rest), shape, "has 1 features, and weight_ih_l0"),
        Bad((x[0], hx(h), good, *rest), shape, "input must be (T, N, D)"),
        Bad((x[:0], hx(h), good, *rest), shape, "must not be empty"),
        Bad((x, hx(h[:, :1]), good, *rest), shape, "h_0 must be (1, 2, 3)"),
        Bad((x, hx(h[..., :2]), good, *rest), shape, "h_0 must be (1, 2, 3)"),
        Bad((x, hx(h), [w, r[:, :2], b, b], *rest), shape, "weight_hh_l0 must be"),
        Bad((x, hx(h), [w, r, b[:-1], b], *rest), shape, "bias_ih_l0 must be"),
        Bad((x, hx(h), [w[:-1], r, b, b], *rest), shape, "weight_ih_l0 must be"),
        Bad((x, hx(h), good[:3], *rest), argument, "4 weights"),
        Bad((x, hx(h), good * 2, True, 2, *rest[2:]), shape, "layer 1 has 3 features"),
        Bad((x, hx(h), good, True, 1, 1.5, *rest[3:]), argument, "dropout must be between 0 and 1"),
        Bad((x, (h, h, h), good, *rest), argument, "hx must be"),
        Bad((x, hx(h.astype("f4")), good, *rest), dtype, "hx float32"),
        Bad((x, hx(h), [w, r.astype("f4"), b, b], *rest), dtype, "params float32"),
        Bad((x.astype(int), hx(h), good, *rest), dtype, "floating"),
        Bad(("x", hx(h), good, *rest), dtype, "input must be a tensor"),
    )


def refused_steps(name: str) -> tuple[Bad, ...]:
    """Single steps that do not fit together."""
    n = GATES[name]
    x, h, w, r, b = (np.ones(s) for s in ((2, 2), (2, 3), (3 * n, 2), (3 * n, 3), (3 * n,)))

    def hx(state: Any) -> Any:
        return (state, h) if name == "lstm" else state

    shape, dtype, argument = errors.ShapeError, errors.DtypeError, errors.ArgumentError
    more = (Bad((x, h, w, r), argument, "pair (h, c)"),) if name == "lstm" else ()
    return (
        Bad((x[:, :1], hx(h), w, r), shape, "input has 1 features"),
        Bad((x[0], hx(h), w, r), shape, "input must be (N, D)"),
        Bad((x, hx(h[:1]), w, r), shape, "must be (2, 3)"),
        Bad((x, hx(h[:, :1]), w, r), shape, "must be (2, 3)"),
        Bad((x, hx(h), w, r[:, :2]), shape, "w_hh must be"),
        Bad((x, hx(h), w[:-1], r), shape, "w_ih must be"),
        Bad((x, hx(h), w, r, b, b[1:]), shape, "b_hh must be"),
        Bad((x, hx(h), w, r, b), argument, "both b_ih and b_hh"),
        Bad((x.astype(int), hx(h), w, r), dtype, "floating"),
        Bad((x, hx(h), w.astype("f4"), r), dtype, "float32"),
        *more,
    )


ROWS = [
    *(Row(name, getattr(tg, name), network(name), networks(name), _extremes(name), integers=False,
          bad=refused(name)) for name in GATES),
    *(Row(f"{name}_cell", getattr(tg, f"{name}_cell"), cell(name), cells(name), integers=False,
          bad=refused_steps(name)) for name in GATES),
]  # fmt: skip
