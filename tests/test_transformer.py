"""Transformers against PyTorch: masks, padding, stacks, activations; and what they refuse."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.nn import transformer

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
    pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning"),
]

N, S, T, E, H = 2, 5, 4, 6, 3


def pair(build: Any) -> tuple[Any, Any]:
    theirs = build(torch.nn).double()
    ours = build(tg.nn).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def compare(ours: Any, theirs: Any, arrays: list[Any], named: dict[str, Any]) -> None:
    """Values, and gradients of inputs and parameters."""
    results = []
    for lib, module in ((tg, ours), (torch, theirs)):
        inputs = [lib.tensor(x, requires_grad=True) for x in arrays]
        options = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in named.items()}
        y = module(*inputs, **options)
        (y * lib.tensor(np.cos(np.arange(y.numel() if lib is torch else y.array.size)).reshape(y.shape))).sum().backward()  # fmt: skip
        values = [y.detach().numpy()] + [x.grad.numpy() for x in inputs]
        values += [p.grad.numpy() for p in module.parameters()]
        results.append(values)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def masks(length: int, other: int) -> dict[str, Any]:
    """Kinds of masks for queries of one length and keys of another."""
    later = np.triu(np.ones((length, other), bool), 1)
    each = np.random.rand(N * H, length, other) < 0.3
    each[..., 0] = False
    return {
        "none": None, "bool": later, "causal": np.where(later, -np.inf, 0.0),
        "numbers": np.random.randn(length, other), "each": each,
    }  # fmt: skip


def padding(length: int) -> Any:
    padded = np.zeros((N, length), bool)
    padded[0, -2:] = True
    return padded


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["none", "bool", "causal", "numbers", "each"])
@pytest.mark.parametrize("padded", [False, True])
def test_encoder(norm_first: bool, batch_first: bool, kind: str, padded: bool) -> None:
    def build(nn: Any) -> Any:
        layer = nn.TransformerEncoderLayer(E, H, 7, 0.0, "gelu", 1e-5, batch_first, norm_first)
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(E), enable_nested_tensor=False)

    x = np.random.randn(*((N, S, E) if batch_first else (S, N, E)))
    named = {"mask": masks(S, S)[kind], "src_key_padding_mask": padding(S) if padded else None}
    compare(*pair(build), [x], named)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["none", "bool", "causal", "numbers", "each"])
def test_decoder(norm_first: bool, batch_first: bool, kind: str) -> None:
    def build(nn: Any) -> Any:
        layer = nn.TransformerDecoderLayer(
            E, H, 7, 0.0, batch_first=batch_first, norm_first=norm_first
        )
        return nn.TransformerDecoder(layer, 2)

    first = (N,) if batch_first else ()
    last = (E,) if batch_first else (N, E)
    x, memory = np.random.randn(*first, T, *last), np.random.randn(*first, S, *last)
    named = {
        "tgt_mask": masks(T, T)[kind], "memory_mask": masks(T, S)["numbers" if kind == "bool" else kind],
        "tgt_key_padding_mask": padding(T), "memory_key_padding_mask": padding(S),
    }  # fmt: skip
    if kind == "bool":
        named["tgt_key_padding_mask"] = None
    compare(*pair(build), [x, memory], named)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("custom", [False, True])
def test_whole_model(batched: bool, custom: bool) -> None:
    def build(nn: Any) -> Any:
        named = {}
        if custom:
            layer = nn.TransformerEncoderLayer(E, 2, 5, 0.0, nn.PReLU())
            named["custom_encoder"] = nn.TransformerEncoder(layer, 1)
        return nn.Transformer(
            E, H, 2, 1, 7, 0.0, bias=custom, activation=nn.functional.silu, **named
        )

    batch = (N,) if batched else ()
    arrays = [np.random.randn(S, *batch, E), np.random.randn(T, *batch, E)]
    compare(*pair(build), arrays, {"tgt_mask": masks(T, T)["causal"], "tgt_is_causal": True})


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_causal_mask(dtype: str) -> None:
    ours = tg.nn.Transformer.generate_square_subsequent_mask(3, dtype=getattr(tg, dtype))
    theirs = torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=getattr(torch, dtype))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert ours.numpy().dtype == theirs.numpy().dtype


def test_causal_masks_are_recognised_by_their_values() -> None:
    for mask in (masks(T, T)["bool"], masks(T, T)["causal"]):
        assert transformer._is_causal(tg.tensor(mask), None, T)
        assert not transformer._is_causal(tg.tensor(mask), False, T)
        assert not transformer._is_causal(tg.tensor(mask), None, T + 1)
        changed = mask.copy()
        changed[0, 1] = changed[0, 0]
        assert not transformer._is_causal(tg.tensor(changed), None, T)
    assert not transformer._is_causal(None, None, T)
    assert not transformer._is_causal(tg.zeros(T, T, requires_grad=True), None, T)


def test_a_mask_with_a_gradient_gets_it() -> None:
    layer = tg.nn.TransformerEncoderLayer(E, H, 7, 0.0)
    mask = tg.nn.Transformer.generate_square_subsequent_mask(S).requires_grad_()
    tg.nn.TransformerEncoder(layer, 1)(tg.randn(S, N, E), mask).sum().backward()
    assert mask.grad is not None


def test_layers_begin_alike_and_are_trained_apart() -> None:
    layer = tg.nn.TransformerEncoderLayer(E, H, 7)
    stack = tg.nn.TransformerEncoder(layer, 3)
    first, second, third = (m.linear1.weight for m in stack.layers)
    assert tg.equal(first, layer.linear1.weight) and tg.equal(second, third)
    assert len({id(p) for p in (first, second, third, layer.linear1.weight)}) == 4


def test_matrices_of_the_whole_model_begin_uniform_after_glorot() -> None:
    tg.manual_seed(0)
    model = tg.nn.Transformer(32, 4, 1, 1, 64)
    bound = np.sqrt(6 / (32 + 64))
    weight = model.encoder.layers[0].linear1.weight.detach().numpy()
    assert 0.97 * bound < np.abs(weight).max() <= bound
    assert abs(weight.std() - bound / np.sqrt(3)) < 0.02 * bound


def test_dropout_in_training_alone() -> None:
    layer, x = tg.nn.TransformerEncoderLayer(E, H, 7, 0.5), tg.randn(S, N, E)
    tg.manual_seed(0)
    y = layer(x)
    tg.manual_seed(0)
    assert tg.equal(layer(x), y) and not tg.equal(layer(x), y)
    layer.eval()
    assert tg.equal(layer(x), layer(x))


@pytest.mark.parametrize(
    "name",
    ["Transformer", *(f"Transformer{part}" for part in ("Encoder", "Decoder", "EncoderLayer", "DecoderLayer"))],
)  # fmt: skip
def test_signatures_and_methods(name: str) -> None:
    ours, theirs = getattr(tg.nn, name), getattr(torch.nn, name)
    for method in ("__init__", "forward"):
        a = inspect.signature(getattr(ours, method)).parameters.values()
        b = inspect.signature(getattr(theirs, method)).parameters.values()
        assert [p.name for p in a] == [p.name for p in b]
        assert [(p.default if not callable(p.default) else p.default.__name__) for p in a] == [
            (p.default if not callable(p.default) else p.default.__name__) for p in b
        ]


def test_printing() -> None:
    def build(nn: Any) -> Any:
        return nn.Transformer(E, H, 1, 2, 7)

    shown = repr(build(torch.nn)).replace("NonDynamicallyQuantizable", "")
    assert repr(build(tg.nn)) == shown


def model() -> Any:
    return tg.nn.Transformer(E, H, 1, 1, 7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.nn.TransformerEncoderLayer(6, 4), "multiple of num_heads"),
        (lambda: tg.nn.TransformerEncoderLayer(6, 2, activation="tanh"), "'relu', 'gelu' or a function"),
        (lambda: tg.nn.TransformerDecoderLayer(6, 2, 0.5), "out_features must be an int"),
        (lambda: tg.nn.TransformerEncoderLayer(6, 2, dropout=1.5), "between 0 and 1"),
        (lambda: tg.nn.TransformerEncoder(3, 2), "must be a module, got int"),
        (lambda: tg.nn.TransformerEncoder(tg.nn.Identity(), 1.5), "num_layers must be an int"),
        (lambda: tg.nn.Transformer.generate_square_subsequent_mask(-1), "sz must be"),
        (lambda: tg.nn.Transformer.generate_square_subsequent_mask(1, dtype=tg.int64), "floating"),
        (lambda: model()(tg.ones(5, 2, 6), tg.ones(5, 3, 6)), "Transformer: src and tgt must have the same batch"),
        (lambda: model()(tg.ones(5, 2, 6), tg.ones(5, 2, 5)), "d_model = 6 features"),
        (lambda: model()(tg.ones(5, 2, 6), tg.ones(5, 2, 6), src_is_causal=True), r"encoder.layers.0.self_attn"),
        (lambda: model()(tg.ones(5, 2, 6), tg.ones(5, 2, 6), tgt_mask=tg.ones(4, 4)), r"decoder.layers.0.self_attn.*\(5, 5\)"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(tg.errors.TapegradError, match=message):
        call()


@pytest.mark.parametrize("padded", [False, True])
def test_another_device_gives_the_same(padded: bool) -> None:
    build = tg.nn.Transformer(E, H, 1, 1, 7, 0.0).double()
    src, tgt = tg.randn(S, N, E, dtype=tg.float64), tg.randn(T, N, E, dtype=tg.float64)
    mask = build.generate_square_subsequent_mask(T, dtype=tg.float64)
    named = {"src_key_padding_mask": tg.tensor(padding(S))} if padded else {}
    expected = build(src, tgt, tgt_mask=mask, **named)
    build.to("standin")
    named = {k: v.to("standin") for k, v in named.items()}
    found = build(src.to("standin"), tgt.to("standin"), tgt_mask=mask.to("standin"), **named)
    assert found.device == "standin"
    np.testing.assert_allclose(
        found.detach().cpu().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12
    )
