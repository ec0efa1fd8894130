"""Normalising layers, embeddings and attention against PyTorch, with the same state."""

from __future__ import annotations

import copy
import itertools
import warnings

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors
from tapegrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

IMAGE, VOLUME = (4, 6, 3, 2), (2, 6, 2, 3, 2)
LAYERS = {
    "LayerNorm": (lambda nn: nn.LayerNorm(6), (4, 6)),
    "LayerNorm of two sizes": (lambda nn: nn.LayerNorm((3, 2), eps=0.1), IMAGE),
    "LayerNorm without affine": (lambda nn: nn.LayerNorm([2], elementwise_affine=False), IMAGE),
    "LayerNorm without bias": (lambda nn: nn.LayerNorm(6, bias=False), (2, 3, 6)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), (4, 6)),
    "RMSNorm without affine": (lambda nn: nn.RMSNorm((6,), 1e-3, False), (4, 6)),
    "GroupNorm": (lambda nn: nn.GroupNorm(3, 6), IMAGE),
    "GroupNorm of features": (lambda nn: nn.GroupNorm(3, 6, eps=0.1), (4, 6)),
    "GroupNorm without affine": (lambda nn: nn.GroupNorm(2, 6, affine=False), (4, 6, 3)),
    "GroupNorm without bias": (lambda nn: nn.GroupNorm(2, 6, bias=False), (4, 6, 3)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(6), (4, 6)),
    "BatchNorm1d of positions": (lambda nn: nn.BatchNorm1d(6, momentum=0.3), (4, 6, 3)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(6), IMAGE),
    "BatchNorm2d average": (lambda nn: nn.BatchNorm2d(6, momentum=None), IMAGE),
    "BatchNorm2d without statistics": (lambda nn: nn.BatchNorm2d(6, track_running_stats=False), IMAGE),
    "BatchNorm2d without affine": (lambda nn: nn.BatchNorm2d(6, 1e-2, affine=False), IMAGE),
    "BatchNorm2d without bias": (lambda nn: nn.BatchNorm2d(6, bias=False), IMAGE),
    "BatchNorm3d": (lambda nn: nn.BatchNorm3d(6), VOLUME),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(6), (4, 6, 3)),
    "InstanceNorm1d of one sample": (lambda nn: nn.InstanceNorm1d(6, affine=True), (6, 5)),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(6, affine=True), IMAGE),
    "InstanceNorm2d with statistics": (
        lambda nn: nn.InstanceNorm2d(6, affine=True, track_running_stats=True, momentum=0.4), IMAGE,
    ),
    "InstanceNorm3d": (lambda nn: nn.InstanceNorm3d(6, eps=0.1, track_running_stats=True), VOLUME),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(3, 2.0, 0.5, 0.7), IMAGE),
}  # fmt: skip


def close(ours, theirs, what=""):
    ours = ours.detach().numpy() if isinstance(ours, tg.Tensor) else ours
    np.testing.assert_allclose(ours, theirs.detach().numpy(), 1e-10, 1e-12, err_msg=what)


def pair(build):
    """The same layer twice, in float64, with random parameters."""
    theirs = build(torch.nn).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.uniform_(-1, 1)
    ours = build(tg.nn).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def same_step(ours, theirs, *arrays):
    """Values and all gradients of one call."""
    mine = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    yours = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    for parameter in (*ours.parameters(), *theirs.parameters()):
        parameter.grad = None
    y, z = ours(*mine), theirs(*yours)
    close(y, z, "value")
    g = np.random.randn(*z.shape)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    for a, b in zip(mine, yours, strict=True):
        if b.grad is not None:
            close(a.grad, b.grad, "gradient")
    for (name, p), (other, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        close(p.grad, q.grad, name)


def same_state(ours, theirs):
    mine, yours = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(yours)
    for name, value in yours.items():
        assert str(value.dtype) == f"torch.{mine[name].dtype}"
        close(mine[name], value, name)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_in_training_and_evaluation(name):
    build, shape = LAYERS[name]
    ours, theirs = pair(build)
    assert repr(ours) == repr(theirs)
    for _ in range(3):
        same_step(ours, theirs, np.random.randn(*shape) * 3 + 1)
        same_state(ours, theirs)
    ours.eval(), theirs.eval()
    same_step(ours, theirs, np.random.randn(*shape))
    same_state(ours, theirs)
    ours.train(), theirs.train()
    same_step(ours, theirs, np.random.randn(*shape) * 2)
    same_state(ours, theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_new_layer_has_the_same_state_and_gives_it_back(name):
    build, _ = LAYERS[name]
    ours, theirs = build(tg.nn), build(torch.nn)
    same_state(ours, theirs)
    assert [p.requires_grad for p in ours.parameters()] == [
        p.requires_grad for p in theirs.parameters()
    ]
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})


@pytest.mark.parametrize(
    "name", ["LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm2d", "InstanceNorm2d"]
)
def test_float32_is_as_exact_far_from_zero(name):
    build, shape = LAYERS[name]
    x = (np.random.randn(*shape) + 1000).astype(np.float32)
    exact = build(torch.nn).double()(torch.tensor(x).double())
    np.testing.assert_allclose(
        build(tg.nn)(tg.tensor(x)).detach().numpy(), exact.detach().numpy(), 2e-3, 2e-3
    )


@pytest.mark.parametrize(
    "name", ["LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm2d", "InstanceNorm2d"]
)
def test_float16_is_computed_in_float32(name):
    build, shape = LAYERS[name]
    x = (np.random.randn(*shape) * 300).astype(np.float16)  # whose squares float16 cannot hold
    for parameters in ("half", "float"):
        out = getattr(build(tg.nn), parameters)()(tg.tensor(x))
        assert out.dtype == tg.float16
        exact = build(torch.nn).double()(torch.tensor(x).double())
        np.testing.assert_allclose(out.detach().numpy(), exact.detach().numpy(), 2e-3, 2e-3)


def test_a_copy_keeps_its_own_running_statistics():
    layer = tg.nn.BatchNorm1d(3)
    copied = copy.deepcopy(layer)
    layer(tg.randn(5, 3))
    assert copied.num_batches_tracked.item() == 0 and layer.num_batches_tracked.item() == 1
    np.testing.assert_array_equal(copied.running_mean.numpy(), np.zeros(3))


def test_running_statistics_are_left_alone_by_a_refused_call():
    layer = tg.nn.BatchNorm1d(3)
    for bad in (
        tg.randn(1, 3),
        tg.randn(2, 4),
        tg.zeros(2, 3, dtype=tg.int64),
        tg.randn(2, 3, 4, 5),
    ):
        with pytest.raises(errors.TapegradError):
            layer(bad)
    same_state(layer, torch.nn.BatchNorm1d(3))


def test_running_statistics_change_in_place_and_are_noticed():
    layer = tg.nn.BatchNorm1d(3)
    mean = layer.running_mean
    product = mean * tg.ones(3, requires_grad=True)
    layer(tg.randn(5, 3))
    assert layer.running_mean is mean and mean.numpy().any()
    with pytest.raises(errors.GraphError, match="batch_norm"):
        product.sum().backward()


def test_evaluation_can_be_replayed_after_training_changed_the_statistics():
    layer = tg.nn.BatchNorm1d(2).double()
    x = tg.tensor(np.random.randn(4, 2), requires_grad=True)
    out = layer.eval()(x)
    want = 1 / np.sqrt(1 + 1e-5) * np.ones((4, 2))
    layer.train()(x.detach())
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), want)


def test_running_statistics_must_not_require_a_gradient():
    with pytest.raises(errors.ArgumentError, match="must not require a gradient"):
        F.batch_norm(tg.randn(4, 2), tg.zeros(2, requires_grad=True), tg.ones(2), training=True)


BAD_LAYERS = [
    (lambda nn: nn.BatchNorm1d(3), (2, 3, 4, 5), "2-d or 3-d"),
    (lambda nn: nn.BatchNorm2d(3), (2, 3, 4), "4-d"),
    (lambda nn: nn.BatchNorm3d(3), (2, 3, 4, 5), "5-d"),
    (lambda nn: nn.BatchNorm1d(4), (2, 3), "expected 4 channels, got 3"),
    (lambda nn: nn.BatchNorm1d(3), (1, 3), "more than one value"),
    (lambda nn: nn.InstanceNorm1d(3), (2, 3, 4, 5), "2-d or 3-d"),
    (lambda nn: nn.InstanceNorm2d(3), (3, 4), "3-d or 4-d"),
    (lambda nn: nn.InstanceNorm1d(4, affine=True), (2, 3, 4), "4 channels"),
    (lambda nn: nn.InstanceNorm1d(3), (2, 3, 1), "more than one position"),
    (lambda nn: nn.GroupNorm(3, 3), (2, 6, 2), "expected 3 channels, got 6"),
    (lambda nn: nn.LayerNorm(3), (2, 4), "last sizes"),
    (lambda nn: nn.RMSNorm((2, 3)), (3,), "last sizes"),
    (lambda nn: nn.LocalResponseNorm(2), (2, 3), "positions"),
]


@pytest.mark.parametrize(("build", "shape", "message"), BAD_LAYERS)
def test_input_of_a_wrong_shape_is_refused_as_in_pytorch(build, shape, message):
    with pytest.raises(errors.ShapeError, match=message):
        build(tg.nn)(tg.ones(shape))
    with pytest.raises((ValueError, RuntimeError)):
        build(torch.nn)(torch.ones(shape))


def test_instance_norm_of_other_channels_warns_without_affine():
    with pytest.warns(UserWarning, match="expected 4 channels, got 3"):
        out = tg.nn.InstanceNorm1d(4)(tg.randn(2, 3, 5))
    assert out.shape == (2, 3, 5)


@pytest.mark.parametrize(
    "build",
    [
        lambda nn: nn.LayerNorm(1.5), lambda nn: nn.RMSNorm((-1,)), lambda nn: nn.GroupNorm(2, 3),
        lambda nn: nn.GroupNorm(0, 3), lambda nn: nn.BatchNorm1d(-1), lambda nn: nn.InstanceNorm1d("3"),
        lambda nn: nn.Embedding(3, 4, padding_idx=3), lambda nn: nn.Embedding(3, 4, sparse=True),
        lambda nn: nn.Embedding(3, -1), lambda nn: nn.EmbeddingBag(3.0, 4), lambda nn: nn.Bilinear(0, 3, 4),
        lambda nn: nn.Bilinear(2, 3, 4.5), lambda nn: nn.Embedding(2, 2, _weight=tg.ones(2, 3)),
        lambda nn: nn.Embedding.from_pretrained(tg.ones(3)),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(build):
    with pytest.raises((errors.ArgumentError, errors.ShapeError)):
        build(tg.nn)


# -- embeddings ------------------------------------------------------------------------------------

TABLES = {
    "plain": lambda nn: nn.Embedding(5, 3),
    "padding": lambda nn: nn.Embedding(5, 3, padding_idx=-2),
    "wide": lambda nn: nn.Embedding(5, 12, padding_idx=0),
    "by frequency": lambda nn: nn.Embedding(5, 3, scale_grad_by_freq=True),
    "all": lambda nn: nn.Embedding(5, 9, 1, scale_grad_by_freq=True, max_norm=0.5, norm_type=1.0),
    "norm": lambda nn: nn.Embedding(5, 3, max_norm=0.5),
    "largest": lambda nn: nn.Embedding(5, 3, max_norm=0.5, norm_type=float("inf")),
    "three": lambda nn: nn.Embedding(5, 3, max_norm=0.5, norm_type=3.0),
}
BAGS = {
    f"{mode} {name}": lambda nn, mode=mode, options=options: nn.EmbeddingBag(5, 9, mode=mode, **options)
    for mode in ("sum", "mean", "max")
    for name, options in {
        "plain": {}, "padding": {"padding_idx": 1}, "norm": {"max_norm": 0.5, "norm_type": 1.0},
        "by frequency": {"scale_grad_by_freq": mode != "max"},
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_embedding(name):
    ours, theirs = pair(TABLES[name])
    assert repr(ours) == repr(theirs)
    for index in ([[1, 0, 3], [3, 3, 2]], [4, 4], 1, [0, 1, 2, 3, 4]):
        same_step(ours, theirs, np.array(index))
        same_state(ours, theirs)


@pytest.mark.parametrize("name", BAGS)
def test_embedding_bag(name):
    ours, theirs = pair(BAGS[name])
    assert repr(ours) == repr(theirs)
    for arguments in ([[[1, 0, 3], [3, 3, 2]]], [[1, 1, 0, 1], [0, 3]], [[1, 2, 3], [0, 0, 3]]):
        same_step(ours, theirs, *map(np.array, arguments))
        same_state(ours, theirs)


def test_weighted_bags():
    ours, theirs = pair(lambda nn: nn.EmbeddingBag(5, 3, mode="sum", include_last_offset=True))
    same_step(ours, theirs, np.array([1, 2, 2, 4]), np.array([0, 1, 4]), np.random.randn(4))


def test_tables_start_with_zeros_at_the_padding():
    layer = tg.nn.Embedding(50, 40, padding_idx=3)
    values = layer.weight.detach().numpy()
    assert not values[3].any() and abs(values.std() - 1) < 0.1
    assert not tg.nn.EmbeddingBag(5, 4, padding_idx=-1).weight.detach().numpy()[4].any()


def test_a_pretrained_table_is_shared_and_frozen():
    table = tg.ones(3, 2)
    layer = tg.nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    table[0] = 5.0
    assert layer.weight.numpy()[0, 0] == 5.0
    assert tg.nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    bag = tg.nn.EmbeddingBag.from_pretrained(table, mode="max")
    assert not bag.weight.requires_grad and bag.mode == "max"


def test_renormalised_rows_are_noticed_by_the_tape():
    weight = tg.tensor(np.full((3, 2), 2.0), requires_grad=True)
    product = (weight * weight).sum()
    F.embedding(tg.tensor([1]), weight, max_norm=1.0)
    with pytest.raises(errors.GraphError, match="embedding"):
        product.backward()


@pytest.mark.parametrize("width", [3, 12])
def test_the_gradient_of_a_gradient_leaves_the_padding_out_too(width):
    table, g = np.random.randn(4, width), np.random.randn(5, width)
    found = []
    for lib in (tg, torch):
        weight, given = (lib.tensor(a, requires_grad=True) for a in (table, g))
        out = lib.nn.functional.embedding(lib.tensor([0, 1, 1, 3, 0]), weight, padding_idx=1)
        (grad,) = lib.autograd.grad((out**3 * given).sum(), weight, create_graph=True)
        found.append([grad, *lib.autograd.grad((grad**2).sum(), (weight, given))])
    for ours, theirs in zip(*found, strict=True):
        close(ours, theirs)


def test_gradients_of_embeddings_of_half_precision_are_added_in_float32():
    weight = tg.zeros(2, 8, dtype=tg.float16, requires_grad=True)
    F.embedding(tg.zeros(4096, dtype=tg.int64), weight).sum().backward()
    np.testing.assert_array_equal(weight.grad.numpy()[0], np.full(8, 4096.0))


def test_bilinear_layer():
    ours, theirs = pair(lambda nn: nn.Bilinear(3, 2, 4))
    assert repr(ours) == repr(theirs)
    same_step(ours, theirs, np.random.randn(5, 3), np.random.randn(5, 2))
    ours, theirs = pair(lambda nn: nn.Bilinear(3, 2, 4, bias=False))
    same_step(ours, theirs, np.random.randn(2, 5, 3), np.random.randn(2, 5, 2))
    values = tg.nn.Bilinear(25, 20, 30).weight.detach().numpy()
    assert 0.19 < np.abs(values).max() <= 0.2


# -- attention -------------------------------------------------------------------------------------


def test_attention_drops_weights_and_follows_them_back():
    tg.manual_seed(0)
    q, k, v = (tg.randn(2, 50, 4, dtype=tg.float64, requires_grad=True) for _ in range(3))
    ones = tg.ones(2, 50, 1, dtype=tg.float64)
    kept = F.scaled_dot_product_attention(q, k, ones, dropout_p=0.25).detach().numpy()
    assert abs(kept.mean() - 1) < 0.05 and kept.std() > 0.01

    def dropped(*inputs):
        tg.manual_seed(5)
        return F.scaled_dot_product_attention(*inputs, dropout_p=0.25)

    step, direction = 1e-5, tg.randn(2, 50, 4, dtype=tg.float64)
    g = tg.randn(2, 50, 4, dtype=tg.float64)
    for i in range(3):
        grads = tg.autograd.grad(dropped(q, k, v), (q, k, v), g)
        moved = [[t + (s * step * direction if j == i else 0) for j, t in enumerate((q, k, v))] for s in (1, -1)]  # fmt: skip
        above, below = ((dropped(*m) * g).sum().item() for m in moved)
        slope = (grads[i] * direction).sum().item()
        assert abs((above - below) / (2 * step) - slope) < 1e-6 * max(1, abs(slope))
    recorded = tg.autograd.grad(dropped(q, k, v), (q, k, v), g, create_graph=True)
    for a, b in zip(recorded, tg.autograd.grad(dropped(q, k, v), (q, k, v), g), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.numpy(), 1e-10, 1e-12)


def test_attention_with_everything_dropped_is_zero():
    q = tg.randn(2, 3, 4)
    out = F.scaled_dot_product_attention(q, q, q, dropout_p=1.0)
    np.testing.assert_array_equal(out.numpy(), np.zeros((2, 3, 4)))


def test_attention_in_float16_is_computed_in_float32():
    x = (np.random.randn(2, 5, 64) * 40).astype(np.float16)  # whose products float16 cannot hold
    out = F.scaled_dot_product_attention(*(tg.tensor(x) for _ in range(3)), is_causal=True)
    exact = torch.nn.functional.scaled_dot_product_attention(
        *(torch.tensor(x).double() for _ in range(3)), is_causal=True
    )
    assert out.dtype == tg.float16
    np.testing.assert_allclose(out.numpy(), exact.numpy(), 2e-3, 2e-2)


def test_a_float32_mask_goes_with_float64_queries():
    x, m = np.random.randn(2, 3, 4), np.random.randn(3, 3).astype(np.float32)
    out = F.scaled_dot_product_attention(*(tg.tensor(x),) * 3, tg.tensor(m))
    want = torch.nn.functional.scaled_dot_product_attention(
        *(torch.tensor(x),) * 3, torch.tensor(m).double()
    )
    close(out, want)


CALLS = {
    "layer_norm": (lambda F, x, w, b: F.layer_norm(x, (3,), w, b), [(2, 3), (3,), (3,)]),
    "rms_norm": (lambda F, x, w: F.rms_norm(x, (3,), w), [(2, 3), (3,)]),
    "batch_norm": (lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True), [(4, 3), (3,), (3,)]),
    "group_norm": (lambda F, x, w, b: F.group_norm(x, 2, w, b), [(2, 4, 3), (4,), (4,)]),
    "scaled_dot_product_attention": (
        lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), [(2, 3), (4, 3), (4, 2), (2, 4)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_gradients_of_some_inputs_only_and_their_gradients(name):
    call, shapes = CALLS[name]
    arrays = [np.random.randn(*s) for s in shapes]
    for wanted in itertools.product((True, False), repeat=len(arrays)):
        if not any(wanted):
            continue
        found = []
        for lib, functional in ((tg, F), (torch, torch.nn.functional)):
            inputs = [lib.tensor(a, requires_grad=w) for a, w in zip(arrays, wanted, strict=True)]
            live = [i for i in inputs if i.requires_grad]
            grads = lib.autograd.grad(
                (call(functional, *inputs) ** 3).sum(), live, create_graph=True
            )
            again = sum((g * g).sum() for g in grads)
            found.append([*grads, *lib.autograd.grad(again, live)])
        for ours, theirs in zip(*found, strict=True):
            close(ours, theirs, f"{wanted}")


def test_layers_keep_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = tg.zeros(3, 3, dtype=tg.bool)
        x = tg.randn(2, 3, 4, requires_grad=True)
        F.scaled_dot_product_attention(x, x, x, mask).sum().backward()
        F.layer_norm(x, (4,)).sum().backward()
