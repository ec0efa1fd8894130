"""Multi-head attention against PyTorch: every option, values and gradients for the same state."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors
from tapegrad.nn import functional as F

E, H, N, L, S = 4, 2, 3, 2, 5
MASKS = [*itertools.product(["none", "bool", "heads", "float"], [False, True])]


def same(ours, theirs):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12
    )


def masks(kind, rng, padded):
    """`attn_mask` and `key_padding_mask` of one kind; no query is left without a key."""
    given = {}
    if kind in ("bool", "heads"):
        shape = (L, S) if kind == "bool" else (N * H, L, S)
        given["attn_mask"] = rng.random(shape) < 0.4
        given["attn_mask"][..., 0] = False
    if kind == "float":
        given["attn_mask"] = rng.standard_normal((L, S))
    if padded:
        given["key_padding_mask"] = rng.random((N, S)) < 0.4
        given["key_padding_mask"][:, 0] = False
        if kind == "float":
            given["key_padding_mask"] = np.where(given["key_padding_mask"], -np.inf, 0.5)
    return given


@pytest.mark.torch
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(("kind", "padded"), MASKS)
@pytest.mark.parametrize("options", [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True, "add_bias_kv": True},
    {"kdim": 3, "vdim": 6}, {"vdim": 6, "add_bias_kv": True, "batch_first": True}, {"batch_first": True},
], ids=str)  # fmt: skip
def test_layer_equals_pytorch(options, kind, padded, need_weights):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    theirs = torch.nn.MultiheadAttention(E, H, dtype=torch.float64, **options)
    ours = tg.nn.MultiheadAttention(E, H, dtype=tg.float64, **options)
    state = {k: rng.standard_normal(v.shape) for k, v in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({k: tg.tensor(v) for k, v in state.items()})
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    shapes = [(L, N, E), (S, N, ours.kdim), (S, N, ours.vdim)]
    if ours.batch_first:
        shapes = [(b, a, c) for a, b, c in shapes]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    given = masks(kind, rng, padded)
    results = []
    for lib, layer in ((tg, ours), (torch, theirs)):
        inputs = [lib.tensor(a, requires_grad=True) for a in arrays]
        extra = {k: lib.tensor(v) for k, v in given.items()}
        if kind == "float":
            extra["attn_mask"].requires_grad_()
            inputs.append(extra["attn_mask"])
        out, weights = layer(*inputs[:3], need_weights=need_weights, **extra)
        (out * out).sum().backward()
        results.append((out, weights, inputs, list(layer.parameters())))
    (out, weights, inputs, parameters), (out2, weights2, inputs2, parameters2) = results
    same(out, out2)
    assert (weights is None) == (weights2 is None) == (not need_weights)
    if need_weights:
        same(weights, weights2)
    for a, b in zip(inputs + parameters, inputs2 + parameters2, strict=True):
        same(a.grad, b.grad)


@pytest.mark.torch
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_self_attention_without_batch_and_causal(average, need_weights):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(E, H, dtype=torch.float64, batch_first=True)
    ours = tg.nn.MultiheadAttention(E, H, dtype=tg.float64, batch_first=True)
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(1)
    causal, padding = np.triu(np.ones((L, L), bool), 1), np.array([False, True])
    for shape, more in [((L, E), {}), ((N, L, E), {}), ((L, E), {"key_padding_mask": padding})]:
        x = rng.standard_normal(shape)
        results = []
        for lib, layer in ((tg, ours), (torch, theirs)):
            leaf = lib.tensor(x, requires_grad=True)
            out, weights = layer(
                leaf, leaf, leaf, need_weights=need_weights, attn_mask=lib.tensor(causal), is_causal=True,
                average_attn_weights=average, **{k: lib.tensor(v) for k, v in more.items()},
            )  # fmt: skip
            (out * out).sum().backward()
            results.append((out, leaf.grad, weights))
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                same(a, b)


@pytest.mark.torch
def test_static_keys_and_the_signatures_are_pytorchs():
    torch = pytest.importorskip("torch")
    for ours, theirs in (
        (F.multi_head_attention_forward, torch.nn.functional.multi_head_attention_forward),
        (tg.nn.MultiheadAttention, torch.nn.MultiheadAttention),
        (tg.nn.MultiheadAttention.forward, torch.nn.MultiheadAttention.forward),
    ):
        ours, theirs = (inspect.signature(f).parameters.values() for f in (ours, theirs))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    rng = np.random.default_rng(2)
    x, w, b = (
        rng.standard_normal((L, N, E)),
        rng.standard_normal((3 * E, E)),
        rng.standard_normal(3 * E),
    )
    k, v = rng.standard_normal((2, N * H, S, E // H))
    results = []
    for lib in (tg, torch):
        t = lib.tensor(x)
        results.append(lib.nn.functional.multi_head_attention_forward(
            t, t, t, E, H, lib.tensor(w), lib.tensor(b), None, None, True, 0.3, lib.tensor(w[:E]), None,
            training=False, static_k=lib.tensor(k), static_v=lib.tensor(v),
        ))  # fmt: skip
    for a, b in zip(*results, strict=True):
        same(a, b)


def test_the_stand_in_gives_the_same(device):
    layer = tg.nn.MultiheadAttention(E, H, add_bias_kv=True, add_zero_attn=True, dtype=tg.float64)
    state = {k: v.numpy() for k, v in layer.state_dict().items()}
    moved = tg.nn.MultiheadAttention(
        E, H, add_bias_kv=True, add_zero_attn=True, dtype=tg.float64, device=device
    )
    moved.load_state_dict({k: tg.tensor(v, device=device) for k, v in state.items()})
    x, mask = np.random.default_rng(3).standard_normal((S, N, E)), np.triu(np.ones((S, S), bool), 1)
    found = []
    for one, where in ((layer, "cpu"), (moved, device)):
        leaf = tg.tensor(x, device=where, requires_grad=True)
        out, weights = one(leaf, leaf, leaf, attn_mask=tg.tensor(mask, device=where))
        out.sum().backward()
        found.append([t.cpu() for t in (out, weights, leaf.grad)])
    for a, b in zip(*found, strict=True):
        same(a, b)


def test_weights_are_dropped_in_training_alone():
    layer, x = tg.nn.MultiheadAttention(E, H, dropout=0.5), tg.ones(50, 1, E)
    tg.manual_seed(0)
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert 0.3 < (weights == 0).float().mean().item() < 0.7
    _, weights = layer.eval()(x, x, x)
    np.testing.assert_allclose(weights.detach().numpy(), 1 / 50, rtol=1e-6)


def test_what_pytorch_refuses_is_refused():
    layer, x = tg.nn.MultiheadAttention(E, H), tg.ones(L, N, E)
    bad = [
        ((x[..., :2], x, x), {}, errors.ShapeError, "features"),
        ((x[0], x, x), {}, errors.ShapeError, "key must have 2"),
        ((x, x, x[:1]), {}, errors.ShapeError, "same sizes"),
        ((x, x[:, :1], x[:, :1]), {}, errors.ShapeError, "same batch"),
        ((x, x, x), {"attn_mask": tg.ones(L, 7)}, errors.ShapeError, "attn_mask must be"),
        ((x, x, x), {"attn_mask": tg.ones(2, L, L)}, errors.ShapeError, "attn_mask must be"),
        ((x, x, x), {"attn_mask": tg.ones(L, L).long()}, errors.DtypeError, "attn_mask"),
        ((x, x, x), {"key_padding_mask": tg.ones(L, N)}, errors.ShapeError, "key_padding_mask"),
        ((x, x, x), {"key_padding_mask": tg.ones(N)}, errors.ShapeError, "key_padding_mask"),
        ((x, x, x), {"is_causal": True}, errors.ArgumentError, "attn_mask must be given"),
        ((x.long(), x, x), {}, errors.DtypeError, "linear"),
    ]
    for args, kwargs, error, fragment in bad:
        with pytest.raises(error, match=fragment):
            layer(*args, **kwargs)
    for sizes in ((5, 2), (0, 1), (4, 0)):
        with pytest.raises(errors.ArgumentError, match=r"multiple|positive"):
            tg.nn.MultiheadAttention(*sizes)
