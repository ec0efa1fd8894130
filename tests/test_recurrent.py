"""Recurrent networks: what the table of operations does not say."""

from __future__ import annotations

import copy
import gc
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host
from tapegrad import errors, kernels
from tapegrad.nn.utils import rnn
from tapegrad.ops import recurrent_layers as layers
from tapegrad.tensor import Tensor

KINDS = {
    "lstm": (layers.LSTM, 0), "projected lstm": (layers.LSTM, 2), "gru": (layers.GRU, 0),
    "rnn_tanh": (layers.RNN_TANH, 0), "rnn_relu": (layers.RNN_RELU, 0),
}  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "projected"), KINDS.values(), ids=KINDS)
directions = pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
NETWORKS = [
    lambda **more: tg.nn.LSTM(2, 3, **more), lambda **more: tg.nn.LSTM(2, 3, proj_size=2, **more),
    lambda **more: tg.nn.GRU(2, 3, **more), lambda **more: tg.nn.RNN(2, 3, **more),
]  # fmt: skip
networks = pytest.mark.parametrize(
    "network", NETWORKS, ids=["lstm", "projected lstm", "gru", "rnn"]
)


def arrays_of(
    kind: Any, projected: int, sizes: tuple[int, ...], features: int, size: int, dtype: str = "float64"
) -> list[Any]:  # fmt: skip
    """Input, states and weights of one layer; None where there is nothing."""
    rng = np.random.default_rng(0)
    width, rows, batch = projected or size, kind.gates * size, sizes[0]
    shapes: list[Any] = [(sum(sizes), features), (batch, width)]
    shapes += [(batch, size)] if kind.states == 2 else []
    shapes += [(rows, features), (rows, width), (rows,), (rows,)]
    shapes += [(width, size) if projected else None] if kind is layers.LSTM else []
    return [None if s is None else rng.standard_normal(s).astype(dtype) for s in shapes]


def layer(kind: Any, arrays: list[Any], sizes: tuple[int, ...], reverse: bool) -> Any:
    """A layer as a function of the tensors that there are."""

    def function(*tensors: Tensor) -> Any:
        given = iter(tensors)
        inputs = [None if a is None else next(given) for a in arrays]
        return layers.run(kind, inputs, sizes, reverse)

    return function


# -- one layer in one direction ----------------------------------------------------------------------


@directions
@kinds
def test_gradients_over_many_lengths_equal_differences(
    kind: Any, projected: int, reverse: bool, device: str
) -> None:
    sizes = (3, 3, 2, 1)
    arrays = arrays_of(kind, projected, sizes, 2, 3)
    there = [a for a in arrays if a is not None]
    gradients.check(layer(kind, arrays, sizes, reverse), there, device)


@directions
@kinds
def test_second_gradients_over_many_lengths_equal_differences(
    kind: Any, projected: int, reverse: bool, device: str
) -> None:
    sizes = (2, 1)
    arrays = arrays_of(kind, min(projected, 1), sizes, 1, 2 if kind.gates < 4 or projected else 1)
    there = [a for a in arrays if a is not None]
    gradients.check_second(layer(kind, arrays, sizes, reverse), there, device)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("where", ["cpu", "standin"])
@directions
@kinds
def test_the_kernel_is_the_recurrence_written_in_operations(
    kind: Any, projected: int, reverse: bool, where: str, dtype: str
) -> None:
    sizes = (4, 3, 3, 1, 1)
    arrays = arrays_of(kind, projected, sizes, 3, 4, dtype)
    found = []
    for run in (layers.run, layers.in_operations):
        tensors = [
            None if a is None else tg.tensor(a, device=where, requires_grad=True) for a in arrays
        ]
        outputs = list(run(kind, tensors, sizes, reverse))
        cotangents = [tg.tensor(c.astype(dtype), device=where) for c in gradients.draw(outputs, 0)]
        tg.autograd.backward(outputs, cotangents)
        found.append([host(t) for t in (*outputs, *(t.grad for t in tensors if t is not None))])
    for have, want in zip(*found, strict=True):
        scale = max(1.0, float(np.abs(want).max()))
        tolerances.assert_same(have / scale, want / scale)


@directions
@kinds
def test_nothing_changes_where_nothing_is_recorded(
    kind: Any, projected: int, reverse: bool
) -> None:
    sizes = (3, 3, 2)
    arrays = arrays_of(kind, projected, sizes, 2, 3)
    function = layer(kind, arrays, sizes, reverse)
    there = [a for a in arrays if a is not None]
    recorded = function(*(tg.tensor(a, requires_grad=True) for a in there))
    with tg.no_grad():
        plain = function(*(tg.tensor(a, requires_grad=True) for a in there))
    for have, want in zip(plain, recorded, strict=True):
        assert not have.requires_grad and want.requires_grad
        np.testing.assert_array_equal(have.numpy(), want.detach().numpy())


@directions
@kinds
def test_each_gradient_is_the_same_alone(kind: Any, projected: int, reverse: bool) -> None:
    """For every input that needs one, and every output that takes part."""
    sizes = (3, 2, 2)
    arrays = arrays_of(kind, projected, sizes, 2, 3)
    function = layer(kind, arrays, sizes, reverse)
    there = [a for a in arrays if a is not None]
    for which in range(1 + kind.states):
        whole = [tg.tensor(a, requires_grad=True) for a in there]
        (function(*whole)[which] ** 2).sum().backward()
        for i, want in enumerate(whole):
            single = [tg.tensor(a, requires_grad=i == j) for j, a in enumerate(there)]
            (function(*single)[which] ** 2).sum().backward()
            assert [t.grad is None for t in single] == [i != j for j in range(len(there))]
            tolerances.assert_same(single[i].grad.numpy(), want.grad.numpy())


@pytest.mark.parametrize("kind", [kind for kind, projected in KINDS.values() if not projected])
def test_one_tensor_may_play_several_parts(kind: Any) -> None:
    """A weight used for input and state gets the sum of both gradients, recorded or not."""
    w = np.random.default_rng(1).standard_normal((kind.gates * 2, 2))
    x = np.random.default_rng(2).standard_normal((4, 2))

    def function(x: Tensor, w: Tensor) -> Any:
        states = [x[:2]] * kind.states
        return layers.run(
            kind, [x, *states, w, w, None, None, *[None] * (kind is layers.LSTM)], (2, 2)
        )

    gradients.check(function, [x, w])
    recorded = gradients.gradient_of(function, 2)
    outputs = function(tg.tensor(x), tg.tensor(w))
    leaves = [tg.tensor(a, requires_grad=True) for a in (x, w)]
    found = recorded(*leaves, *map(tg.tensor, gradients.draw(outputs, 0)))
    for have, want in zip(found, gradients.taped(function, [x, w]), strict=True):
        tolerances.assert_same(host(have), want)
    gradients.check_second(function, [x, w])


@kinds
def test_saturated_gates_say_nothing(kind: Any, projected: int) -> None:
    """No warning of an overflow on the way to a right zero; warnings are errors here."""
    arrays = arrays_of(kind, projected, (2, 2), 2, 3, "float32")
    tensors = [None if a is None else tg.tensor(300 * a, requires_grad=True) for a in arrays]
    bounded = kind is not layers.RNN_RELU
    outputs = layers.run(kind, tensors, (2, 2))
    (outputs[0] if bounded else outputs[0] * 1e-20).sum().backward()
    assert bool(tg.isfinite(outputs[0]).all())
    assert all(bool(tg.isfinite(t.grad).all()) for t in tensors if t is not None)


def test_less_memory_is_taken_where_nothing_is_recorded() -> None:
    model, x = tg.nn.LSTM(8, 64), tg.ones(200, 16, 8)

    def peak() -> int:
        tracemalloc.start()
        model(x)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return taken

    recorded = peak()
    with tg.no_grad():
        plain = peak()
    step = 16 * 64 * 4 * 200  # one value of each unit, for all times
    assert recorded - plain > 1.9 * step  # cells and their tanh


def test_values_saved_for_the_gradient_are_guarded() -> None:
    network = tg.nn.GRU(2, 3)
    out, _ = network(tg.ones(4, 1, 2))
    out.mul_(2.0)
    with pytest.raises(errors.GraphError, match="gru saved"):
        out.sum().backward()


@networks
def test_the_tape_of_a_network_dies_with_its_result(network: Any) -> None:
    model = network()
    out, _ = model(tg.ones(4, 2, 2))
    node = weakref.ref(out.grad_fn)
    gc.disable()
    try:
        del out, _
        assert node() is None
    finally:
        gc.enable()


@networks
def test_mapping_over_gradients_is_the_loop(network: Any) -> None:
    model = network().double()
    x = tg.tensor(np.random.default_rng(0).standard_normal((3, 1, 2)))

    def last(x: Tensor) -> Tensor:
        return model(x)[0][-1, 0]

    jacobian = tg.autograd.functional.jacobian
    tolerances.assert_same(host(jacobian(last, x, vectorize=True)), host(jacobian(last, x)))


@networks
def test_a_network_maps_over_models_and_sequences(network: Any) -> None:
    model = network(num_layers=2, bidirectional=True).double()
    x = tg.tensor(np.random.default_rng(0).standard_normal((5, 3, 2, 2)))
    have = tg.func.vmap(lambda sequence: model(sequence)[0])(x)
    tolerances.assert_same(host(have), np.stack([host(model(one)[0]) for one in x]))


# -- speed that does not depend on the machine -------------------------------------------------------


class Counting(np.ndarray):
    """An array that counts the calls of ufuncs."""

    calls = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        Counting.calls += 1

        def plain(value: Any) -> Any:
            return value.view(np.ndarray) if isinstance(value, Counting) else value

        outs = kwargs.pop("out", None)
        if outs is not None:
            kwargs["out"] = tuple(map(plain, outs))
        result = getattr(ufunc, method)(*map(plain, inputs), **kwargs)
        return outs[0] if outs is not None else result.view(Counting)


# products and passes for each time, forwards and backwards
BUDGET = {"lstm": (11, 7), "projected lstm": (12, 8), "gru": (12, 5), "rnn_tanh": (3, 3)}


@pytest.mark.parametrize("name", BUDGET)
def test_a_step_takes_few_calls_of_numpy(name: str) -> None:
    kind, projected = KINDS[name]

    def counted(times: int) -> tuple[int, int]:
        sizes = (2,) * times
        arrays = arrays_of(kind, projected, sizes, 3, 4)
        given = [None if a is None else a.view(Counting) for a in arrays]
        cotangents = [np.ones((2 * times, projected or 4)).view(Counting), *[None] * kind.states]
        needs = tuple(a is not None for a in given)
        Counting.calls = 0
        if kind is layers.LSTM:
            y, _, saved = kernels.lstm(*given, sizes, False, True)
        elif kind is layers.GRU:
            y, _, saved = kernels.gru(*given, sizes, False, True)
        else:
            y, _ = kernels.rnn(*given, False, sizes, False)
        forward, Counting.calls = Counting.calls, 0
        if kind is layers.LSTM:
            kernels.lstm_grad(*given, y, *saved, cotangents, sizes, False, needs)
        elif kind is layers.GRU:
            kernels.gru_grad(*given, y, *saved, cotangents, sizes, False, needs)
        else:
            kernels.rnn_grad(*given, y, cotangents, False, sizes, False, needs)
        return forward, Counting.calls

    short, long = counted(5), counted(15)
    assert tuple((b - a) / 10 for a, b in zip(short, long, strict=True)) == BUDGET[name]


# -- layers ------------------------------------------------------------------------------------------


@networks
def test_packed_sequences_are_what_each_is_alone(network: Any) -> None:
    model = network(num_layers=2, bidirectional=True).double()
    rng = np.random.default_rng(0)
    sequences = [tg.tensor(rng.standard_normal((n, 2))) for n in (2, 5, 1, 5)]
    packed, finals = model(rnn.pack_sequence(sequences, enforce_sorted=False))
    finals = finals if isinstance(finals, tuple) else (finals,)
    for i, (sequence, out) in enumerate(zip(sequences, rnn.unpack_sequence(packed), strict=True)):
        alone, ends = model(sequence)
        tolerances.assert_same(host(out), host(alone))
        for have, want in zip(finals, ends if isinstance(ends, tuple) else (ends,), strict=True):
            tolerances.assert_same(host(have[:, i]), host(want))


@networks
def test_the_stand_in_gives_the_same(network: Any) -> None:
    model = network(num_layers=2, bidirectional=True, batch_first=True).double()
    x = np.random.default_rng(0).standard_normal((3, 5, 2))
    found = []
    for where in ("cpu", "standin"):
        moved = copy.deepcopy(model).to(where)
        leaf = tg.tensor(x, device=where, requires_grad=True)
        packed = rnn.pack_padded_sequence(leaf, [2, 5, 1], True, enforce_sorted=False)
        out, lengths = rnn.pad_packed_sequence(moved(packed)[0], True, 0.5)
        assert lengths.tolist() == [2, 5, 1] and lengths.device.type == "cpu"
        (out**2).sum().backward()
        found.append([host(t) for t in (out, leaf.grad, *(p.grad for p in moved.parameters()))])
    for have, want in zip(*found, strict=True):
        tolerances.assert_same(have, want)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@networks
def test_low_precision_is_rounded_once(network: Any, dtype: str) -> None:
    model = network(num_layers=2, bidirectional=True)
    low = copy.deepcopy(model).to(getattr(tg, dtype))
    exact = copy.deepcopy(low).double()
    x = tg.tensor(np.random.default_rng(0).standard_normal((4, 3, 2)).astype(dtype))
    out, _ = low(x)
    assert out.dtype == x.dtype
    tolerances.assert_same(host(out), host(exact(x.double())[0]).astype(dtype))
    out.sum().backward()
    assert all(p.grad.dtype == x.dtype for p in low.parameters())


@networks
def test_parameters_begin_uniform_within_one_over_the_root_of_the_size(network: Any) -> None:
    model = network(num_layers=2)
    for parameter in model.parameters():
        assert abs(parameter.detach().numpy()).max() <= 1 / np.sqrt(3)
    values = np.concatenate([p.detach().numpy().ravel() for p in tg.nn.GRU(64, 64).parameters()])
    np.testing.assert_allclose(values.std(), 1 / 8 / np.sqrt(3), rtol=0.02)
    assert abs(values).max() > 0.99 / 8


def test_dropout_stands_between_layers_in_training_alone() -> None:
    model = tg.nn.LSTM(2, 30, num_layers=2, dropout=0.5)
    x = tg.ones(3, 4, 2)
    tg.manual_seed(1)
    first = model(x)[0]
    tg.manual_seed(2)
    assert not tg.equal(model(x)[0], first)
    tg.manual_seed(1)
    assert tg.equal(model(x)[0], first)
    model.eval()
    assert tg.equal(model(x)[0], model(x)[0])
    whole = tg.nn.LSTM(2, 30, num_layers=2)
    whole.load_state_dict(model.state_dict())
    assert tg.equal(model(x)[0], whole(x)[0])
    with pytest.warns(UserWarning, match="there is one only"):
        single = tg.nn.GRU(2, 3, dropout=1.0)
    assert single(x)[0].abs().sum().item() > 0


def test_an_empty_batch_gives_empty_results() -> None:
    out, (h, c) = tg.nn.LSTM(2, 3, num_layers=2, bidirectional=True)(tg.ones(4, 0, 2))
    assert (out.shape, h.shape, c.shape) == ((4, 0, 6), (4, 0, 3), (4, 0, 3))
    out.sum().backward()


def test_a_recurrent_network_learns_to_add() -> None:
    """The sum of a sequence, which only a state that is carried along can give."""
    model, head = tg.nn.GRU(1, 16), tg.nn.Linear(16, 1)
    optimiser = tg.optim.Adam([*model.parameters(), *head.parameters()], lr=0.02)
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(150):
        x = tg.tensor(rng.uniform(-1, 1, (6, 32, 1)).astype("f4"))
        loss = tg.nn.functional.mse_loss(head(model(x)[1][0]), x.sum(0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 1 and np.mean(losses[-10:]) < 0.05


# -- errors ------------------------------------------------------------------------------------------


def packed_of(*sizes: int) -> rnn.PackedSequence:
    return rnn.PackedSequence(tg.ones(5, 2), tg.tensor(np.array(sizes)))


x = tg.ones(4, 3, 2)
MESSAGES = [
    (lambda m: m(tg.ones(4, 3, 5)), "has 5 features, expected input_size = 2"),
    (lambda m: m(x, (tg.ones(1, 3, 4), tg.ones(1, 3, 3))), r"h_0 must be \(1, 3, 3\).*\(1, 3, 4\)"),
    (lambda m: m(x, (tg.ones(1, 3, 3), tg.ones(1, 2, 3))), r"c_0 must be \(1, 3, 3\).*\(1, 2, 3\)"),
    (lambda m: m(x, (tg.ones(1, 3, 3),)), r"pair \(h_0, c_0\), got tuple of 1"),
    (lambda m: m(x.double()), "input is float64 and params float32"),
    (lambda m: m(x.double(), (tg.ones(1, 3, 3),) * 2), "input is float64 and hx float32"),
    (lambda m: m(tg.ones(4, 3, 2).long()), "input must be floating, got int64"),
    (lambda m: m(tg.ones(2)), r"input must be \(T, N, D\)"),
    (lambda m: m(tg.ones(0, 3, 2)), "must not be empty"),
    (lambda m: m(packed_of(2, 3)), "must not grow"),
    (lambda m: m(packed_of(3, 1)), "add up to 4, but the packed data has 5 rows"),
    (lambda m: m(packed_of(3, 2), (tg.ones(1, 2, 3),) * 2), r"h_0 must be \(1, 3, 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[m for _, m in MESSAGES])
def test_errors_say_what_was_expected_and_where(call: Any, message: str) -> None:
    class Model(tg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = tg.nn.LSTM(2, 3)

        def forward(self, *args: Any) -> Any:
            return self.encoder(*args)

    refused = (errors.ShapeError, errors.DtypeError, errors.ArgumentError)
    with pytest.raises(refused, match=message) as caught:
        call(Model())
    if not isinstance(caught.value, errors.ArgumentError):
        assert str(caught.value).startswith("encoder (LSTM): ")


LENGTHS = [
    ([4, 3], errors.ShapeError, r"one length for each sequence of the batch \(3\), got 2"),
    ([3, 4, 1], errors.ArgumentError, r"sorted, longest first, got \[3, 4, 1\]"),
    ([4, 3, 0], errors.ArgumentError, "positive, got 0"),
    ([5, 3, 2], errors.ArgumentError, "a length of 5 is more than the input has, 4 times"),
    ([4.0, 3.0, 2.5], errors.DtypeError, "lengths must be ints"),
    ([[4, 3, 2]], errors.ShapeError, "lengths must be 1-d"),
]


@pytest.mark.parametrize(("lengths", "error", "message"), LENGTHS, ids=[m for *_, m in LENGTHS])
def test_lengths_that_do_not_fit_are_refused(lengths: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        rnn.pack_padded_sequence(x, lengths)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_the_second_form_takes_packed_sequences(name: str) -> None:
    """`lstm(data, batch_sizes, hx, params, ...)`, as PyTorch has it beside the padded one."""
    kind = KINDS[name][0]
    data, *rest = (None if a is None else tg.tensor(a) for a in arrays_of(kind, 0, (2, 1), 2, 3))
    states = [s.unsqueeze(0) for s in rest[: kind.states]]
    weights = [w for w in rest[kind.states :] if w is not None]
    hx = tuple(states) if kind.states == 2 else states[0]
    out, *finals = getattr(tg, name)(
        data, tg.tensor(np.array([2, 1])), hx, weights, True, 1, 0.0, False, False
    )
    want, *ends = layers.run(kind, [data, *rest], (2, 1))
    for have, expected in zip([out, *(f[0] for f in finals)], [want, *ends], strict=True):
        np.testing.assert_array_equal(have.numpy(), expected.numpy())
    with pytest.raises(errors.ShapeError, match="add up to 4"):
        getattr(tg, name)(data, tg.tensor(np.array([2, 2])), hx, weights, True, 1, 0.0, False, False)  # fmt: skip
    for bad, error, message in (
        ((data[:, 0], tg.tensor([2, 1])), errors.ShapeError, r"must be \(S, D\)"),
        ((data, tg.tensor(np.zeros(0, int))), errors.ArgumentError, "1-d tensor"),
        ((data, tg.tensor([1, 2])), errors.ArgumentError, "must not grow"),
    ):
        with pytest.raises(error, match=message):
            getattr(tg, name)(*bad, hx, weights, True, 1, 0.0, False, False)
