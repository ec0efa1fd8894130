"""Recurrent layers, cells and packed sequences with copied state against PyTorch."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from tapegrad.nn.utils import rnn

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning"),
]
their_rnn = torch.nn.utils.rnn


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other ten times as long as these small products take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


T, N, D, H = 6, 4, 3, 5
LENGTHS = [6, 4, 4, 1]
LAYERS = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {}), ("LSTM", {"proj_size": 2}),
]  # fmt: skip
OPTIONS = [
    {}, {"bias": False}, {"num_layers": 3}, {"bidirectional": True}, {"batch_first": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": False},
    {"num_layers": 2, "bidirectional": True, "dropout": 1.0},
]  # fmt: skip


def pair(name: str, options: dict[str, Any], dtype: str = "float64") -> tuple[Any, Any]:
    """Both layers with the same state."""
    theirs = getattr(torch.nn, name)(D, H, **options).to(getattr(torch, dtype))
    ours = getattr(tg.nn, name)(D, H, **options).to(getattr(tg, dtype))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: tg.tensor(v.numpy()) for key, v in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    return ours, theirs


def states_for(layer: Any, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Any:
    """Initial states as arrays, one or two."""
    width = getattr(layer, "proj_size", 0) or H
    sizes = (width, H) if type(layer).__name__.startswith("LSTM") else (width,)
    return [rng.standard_normal((*shape, n)).astype(dtype) for n in sizes]


def given(lib: Any, arrays: Any) -> Any:
    """States as leaves, and as the layer takes them."""
    leaves = [lib.tensor(a, requires_grad=True) for a in arrays]
    return leaves, tuple(leaves) if len(leaves) == 2 else leaves[0]


def flat(result: Any) -> list[Any]:
    """The output and every final state."""
    out, finals = result
    return [out, *finals] if isinstance(finals, tuple) else [out, finals]


def gradients(lib: Any, layer: Any, outputs: Any, leaves: Any) -> list[np.ndarray]:
    """Gradients of the leaves and all parameters for a weight on every output."""
    rng = np.random.default_rng(7)
    total = 0
    for output in outputs:
        w = rng.standard_normal(tuple(output.shape)).astype(
            str(output.dtype).removeprefix("torch.")
        )
        total = total + (output * lib.tensor(w)).sum()
    total.backward()
    return [t.grad.numpy() for t in (*leaves, *layer.parameters())]


def same(have: Any, want: Any, dtype: str = "float64") -> None:
    for h, w in zip(have, want, strict=True):
        h, w = (np.asarray(t.detach().numpy() if hasattr(t, "detach") else t) for t in (h, w))
        scale = max(1.0, float(np.abs(w).max(initial=0)))
        tolerances.assert_same(h / scale, w / scale, tolerance=tolerances.of(dtype))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("name", "more"), LAYERS, ids=str)
@pytest.mark.parametrize(
    ("form", "dtype"),
    [("padded", "float64"), ("padded", "float32"), ("packed", "float64"), ("unsorted", "float64"),
     ("alone", "float64")],
)  # fmt: skip
def test_a_network_gives_pytorchs_outputs_and_gradients(
    name: str, more: dict[str, Any], options: dict[str, Any], form: str, dtype: str
) -> None:
    both = pair(name, {**options, **more}, dtype)
    rng = np.random.default_rng(3)
    ours = both[0]
    count = ours.num_layers * (2 if ours.bidirectional else 1)
    shape = (T, D) if form == "alone" else (N, T, D) if ours.batch_first else (T, N, D)
    x = rng.standard_normal(shape).astype(dtype)
    initial = states_for(ours, (count,) if form == "alone" else (count, N), dtype, rng)
    lengths = LENGTHS if form == "packed" else [4, 1, 6, 4]
    for with_states in (False, True):
        results = []
        for lib, layer, packing in zip((tg, torch), both, (rnn, their_rnn), strict=True):
            layer.zero_grad()
            leaf = lib.tensor(x, requires_grad=True)
            leaves, hx = given(lib, initial)
            input = leaf
            if form in ("packed", "unsorted"):
                input = packing.pack_padded_sequence(
                    leaf, lengths, ours.batch_first, form == "packed"
                )
            outputs = flat(layer(input, hx) if with_states else layer(input))
            if form in ("packed", "unsorted"):
                padded, found = packing.pad_packed_sequence(outputs[0], ours.batch_first, -1.0)
                assert found.tolist() == lengths
                outputs[0] = padded
            taken = [leaf, *leaves] if with_states else [leaf]
            results.append([*outputs, *gradients(lib, layer, outputs, taken)])
        same(*results, dtype)


@pytest.mark.parametrize("options", [{}, {"bias": False}], ids=str)
@pytest.mark.parametrize(
    ("name", "more"),
    [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})],
    ids=str,
)
@pytest.mark.parametrize("shape", [(N, D), (D,)], ids=str)
def test_a_cell_gives_pytorchs_states_and_gradients(
    name: str, more: dict[str, Any], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    both = pair(name, {**options, **more})
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, *shape))
    initial = states_for(both[0], shape[:-1], "float64", rng)
    for with_states in (False, True):
        results = []
        for lib, cell in zip((tg, torch), both, strict=True):
            cell.zero_grad()
            leaf = lib.tensor(x, requires_grad=True)
            leaves, hx = given(lib, initial)
            after = cell(leaf[0], hx) if with_states else cell(leaf[0])
            after = cell(leaf[1], after)  # a second step on top of the first
            outputs = list(after) if isinstance(after, tuple) else [after]
            taken = [leaf, *leaves] if with_states else [leaf]
            results.append([*outputs, *gradients(lib, cell, outputs, taken)])
        same(*results)


def test_second_gradients_are_pytorchs() -> None:
    """The penalty on a gradient, which is itself differentiated."""
    for name, options in [
        ("LSTM", {"proj_size": 2}),
        ("GRU", {"bidirectional": True}),
        ("RNN", {}),
    ]:
        both = pair(name, {**options, "num_layers": 2})
        x = np.random.default_rng(5).standard_normal((T, N, D))
        results = []
        for lib, layer, packing in zip((tg, torch), both, (rnn, their_rnn), strict=True):
            leaf = lib.tensor(x, requires_grad=True)
            out = layer(packing.pack_padded_sequence(leaf, LENGTHS))[0].data
            (first,) = lib.autograd.grad((out**3).sum(), [leaf], create_graph=True)
            (first**2).sum().backward()
            results.append([leaf.grad, *(p.grad for p in layer.parameters())])
        same(*results)


@pytest.mark.parametrize("name", ["RNNBase", "RNNCellBase", "LSTMCell", "GRUCell", "RNNCell"])
def test_constructors_have_pytorchs_arguments(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(lib.nn, name)).parameters for lib in (tg, torch))
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", rnn.__all__)
def test_sequence_functions_have_pytorchs_arguments(name: str) -> None:
    assert set(their_rnn.__all__) == set(rnn.__all__)
    ours, theirs = (
        inspect.signature(getattr(module, name)).parameters for module in (rnn, their_rnn)
    )
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


def test_weights_are_grouped_and_named_as_in_pytorch() -> None:
    ours, theirs = pair("LSTM", {"num_layers": 2, "bidirectional": True, "proj_size": 2})
    ours.flatten_parameters()
    for have, want in zip(ours.all_weights, theirs.all_weights, strict=True):
        same(have, want)
    assert ours.mode == theirs.mode == "LSTM"


def sequences(
    lib: Any, *lengths: int, width: tuple[int, ...] = (2,), dtype: str = "float64"
) -> Any:
    rng = np.random.default_rng(6)
    return [lib.tensor(rng.standard_normal((n, *width)).astype(dtype)) for n in lengths]


def parts(packed: Any) -> list[Any]:
    return [None if part is None else part.tolist() for part in packed]


@pytest.mark.parametrize("width", [(), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("lengths", [(3,), (4, 4, 4), (5, 3, 3, 1), (2, 5, 1, 5)], ids=str)
def test_padding_and_packing_are_pytorchs(lengths: tuple[int, ...], width: tuple[int, ...]) -> None:
    ordered = list(lengths) == sorted(lengths, reverse=True)
    for batch_first, side in itertools.product((False, True), ("left", "right")):
        have, want = (
            m.pad_sequence(sequences(lib, *lengths, width=width), batch_first, 0.5, side)
            for lib, m in ((tg, rnn), (torch, their_rnn))
        )
        assert have.tolist() == want.tolist()
    for enforce, total in itertools.product((True, False) if ordered else (False,), (None, 7)):
        results = []
        for lib, m in ((tg, rnn), (torch, their_rnn)):
            packed = m.pack_sequence(sequences(lib, *lengths, width=width), enforce)
            again, found = m.pad_packed_sequence(packed, True, -2.0, total)
            results.append([parts(packed)[:2], again.tolist(), found.tolist()])
            assert str(found.dtype).endswith("int64")
            taken_apart = m.unpack_sequence(packed)
            results[-1] += [s.tolist() for s in taken_apart]
            assert [len(s) for s in taken_apart] == list(lengths)
            cut = m.unpad_sequence(again, lib.tensor(np.array(lengths)), True)
            results[-1] += [s.tolist() for s in cut]
        assert results[0] == results[1]


def test_packed_sequences_convert_as_pytorchs() -> None:
    ours, theirs = (
        m.pack_sequence(sequences(lib, 2, 3), enforce_sorted=False)
        for lib, m in ((tg, rnn), (torch, their_rnn))
    )
    for name in ("float", "double", "half", "int", "long", "short", "char", "byte", "cpu"):
        have, want = getattr(ours, name)(), getattr(theirs, name)()
        assert str(want.data.dtype) == f"torch.{have.data.dtype}"
        assert have.batch_sizes.tolist() == want.batch_sizes.tolist()
    assert ours.double() is ours and theirs.double() is theirs
    assert ours.is_cuda == theirs.is_cuda
    assert ours.pin_memory() is ours and ours.is_pinned() == theirs.is_pinned()
    assert rnn.PackedSequence((ours.data, ours.batch_sizes)).sorted_indices is None
    places = tg.tensor(np.array([1, 2, 0]))
    made = rnn.PackedSequence(ours.data, ours.batch_sizes, places)
    assert made.unsorted_indices.tolist() == [2, 0, 1]


def test_gradients_through_padding_and_packing_are_pytorchs() -> None:
    results = []
    for lib, m in ((tg, rnn), (torch, their_rnn)):
        leaves = [s.requires_grad_() for s in sequences(lib, 2, 5, 1, 5)]
        padded = m.pad_sequence(leaves, padding_value=3.0)
        packed = m.pack_padded_sequence(padded**2, [2, 5, 1, 5], enforce_sorted=False)
        again, _ = m.pad_packed_sequence(packed, padding_value=2.0)
        (again**3).sum().backward()
        results.append([leaf.grad for leaf in leaves])
    same(*results)


BAD = [
    lambda lib, m, x: lib.nn.LSTM(D, H)(x[..., :1]),
    lambda lib, m, x: lib.nn.LSTM(D, H)(lib.tensor(np.ones((T, N, D)))),
    lambda lib, m, x: lib.nn.GRU(D, H)(x[0, 0]),
    lambda lib, m, x: lib.nn.GRU(D, H)(x[None]),
    lambda lib, m, x: lib.nn.GRU(D, H)(x[:0]),
    lambda lib, m, x: lib.nn.LSTM(D, H)(x, (lib.ones(1, N, H), lib.ones(1, N - 1, H))),
    lambda lib, m, x: lib.nn.LSTM(D, H)(x, (lib.ones(1, N, H), lib.ones(N, H))),
    lambda lib, m, x: lib.nn.LSTM(D, H)(x, lib.ones(1, N, H)),
    lambda lib, m, x: lib.nn.GRU(D, H)(x, lib.ones(2, N, H)),
    lambda lib, m, x: lib.nn.GRU(D, H)(x, (lib.ones(1, N, H),)),
    lambda lib, m, x: lib.nn.GRU(D, H)(x[0], lib.ones(1, N, H)),
    lambda lib, m, x: lib.nn.RNN(D, H, nonlinearity="cube"),
    lambda lib, m, x: lib.nn.RNN(D, H, proj_size=2),
    lambda lib, m, x: lib.nn.LSTM(D, H, proj_size=H),
    lambda lib, m, x: lib.nn.LSTM(D, H, proj_size=-1),
    lambda lib, m, x: lib.nn.LSTM(D, H, dropout=1.5),
    lambda lib, m, x: lib.nn.LSTM(D, H, dropout=True),
    lambda lib, m, x: lib.nn.LSTM(D, 0),
    lambda lib, m, x: lib.nn.LSTM(D, 2.0),
    lambda lib, m, x: lib.nn.LSTM(0, H),
    lambda lib, m, x: lib.nn.LSTM(D, H, 0),
    lambda lib, m, x: lib.nn.LSTM(D, H, bias=1),
    lambda lib, m, x: lib.nn.LSTM(D, H, batch_first=1),
    lambda lib, m, x: lib.nn.RNNBase("CUBE", D, H),
    lambda lib, m, x: lib.nn.GRUCell(D, H)(x),
    lambda lib, m, x: lib.nn.GRUCell(D, H)(x[0, :, :1]),
    lambda lib, m, x: lib.nn.LSTMCell(D, H)(x[0], (lib.ones(N, H), lib.ones(H))),
    lambda lib, m, x: lib.nn.RNNCell(D, H)(x[0], lib.ones(N - 1, H)),
    lambda lib, m, x: lib.nn.RNNCell(D, H, nonlinearity="cube")(x[0]),
    lambda lib, m, x: lib.nn.GRU(D, H)(m.pack_padded_sequence(x[..., :1], LENGTHS)),
    lambda lib, m, x: lib.nn.GRU(D, H)(m.pack_padded_sequence(x, LENGTHS), lib.ones(1, N - 1, H)),
    lambda lib, m, x: m.pack_padded_sequence(x, [6, 4]),
    lambda lib, m, x: m.pack_padded_sequence(x, [4, 6, 1, 1]),
    lambda lib, m, x: m.pack_padded_sequence(x, [6, 4, 1, 0]),
    lambda lib, m, x: m.pack_padded_sequence(x, lib.tensor(np.array([LENGTHS]))),
    lambda lib, m, x: m.pack_padded_sequence(x[:, :0], []),
    lambda lib, m, x: m.pack_padded_sequence(x[0, 0], [1, 1, 1]),
    lambda lib, m, x: m.pad_packed_sequence(m.pack_padded_sequence(x, LENGTHS), total_length=5),
    lambda lib, m, x: m.pad_packed_sequence(x),
    lambda lib, m, x: m.pack_sequence([x[:2, 0], x[:3, 0]]),
    lambda lib, m, x: m.pad_sequence([]),
    lambda lib, m, x: m.pad_sequence([x, x[:, 0]]),
    lambda lib, m, x: m.pad_sequence([x[0, 0, 0]]),
    lambda lib, m, x: m.pad_sequence([x], padding_side="up"),
    lambda lib, m, x: m.PackedSequence(x),
]


@pytest.mark.parametrize("bad", BAD, ids=map(str, range(len(BAD))))
def test_what_pytorch_refuses_is_refused(bad: Any) -> None:
    with pytest.raises(
        (RuntimeError, ValueError, TypeError, AttributeError, IndexError, AssertionError)
    ):
        bad(torch, their_rnn, torch.ones(T, N, D))
    refused = (tg.errors.ArgumentError, tg.errors.ShapeError, tg.errors.DtypeError, TypeError)
    with pytest.raises(refused):
        bad(tg, rnn, tg.ones(T, N, D))
