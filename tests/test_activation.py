"""Activations and dropout: what the table cannot say."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors
from tapegrad.nn import functional as F

INPLACE = {
    "relu": (), "leaky_relu": (0.3,), "elu": (0.5,), "selu": (), "celu": (0.5,), "hardtanh": (-0.5, 0.5),
    "threshold": (0.1, 0.7), "rrelu": (0.1, 0.4),
}  # fmt: skip
FLAGGED = {**INPLACE, "relu6": (), "silu": (), "mish": (), "hardswish": (), "hardsigmoid": ()}
VALUES = np.array([[-2.0, -0.3, 0.2], [0.6, 1.5, 7.0]])


def gradient(function, values=VALUES, dtype="float64"):
    """Value and gradient of the sum of squares of a function of a copy."""
    x = tg.tensor(values.astype(dtype), requires_grad=True)
    y = function(x * 1)
    (y * y).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


def assert_equal(have, want):
    for h, w in zip(have, want, strict=True):
        np.testing.assert_array_equal(h, w)


@pytest.mark.parametrize("name", INPLACE)
def test_the_in_place_function_changes_the_tensor_and_has_the_same_gradient(name):
    options = INPLACE[name]
    plain, changed = getattr(F, name), getattr(F, name + "_")
    assert_equal(gradient(lambda x: changed(x, *options)), gradient(lambda x: plain(x, *options)))
    x = tg.tensor(VALUES)
    assert changed(x, *options) is x
    np.testing.assert_array_equal(x.numpy(), plain(tg.tensor(VALUES), *options).numpy())
    with pytest.raises(errors.GraphError, match="leaf"):
        changed(tg.tensor(VALUES, requires_grad=True), *options)


@pytest.mark.parametrize("name", FLAGGED)
def test_inplace_true_changes_the_tensor_and_has_the_same_gradient(name):
    options, function = FLAGGED[name], getattr(F, name)
    assert_equal(
        gradient(lambda x: function(x, *options, inplace=True)),
        gradient(lambda x: function(x, *options)),
    )
    x = tg.tensor(VALUES)
    assert function(x, *options, inplace=True) is x


SMOOTH = [
    F.elu, F.selu, F.celu, F.gelu, lambda x: F.gelu(x, "tanh"), F.silu, F.mish, F.softplus, F.logsigmoid,
    F.softsign, F.tanhshrink, F.leaky_relu, F.hardswish, F.softshrink, lambda x: F.softplus(x, 2.0, 1e9),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("function", SMOOTH, ids=range(len(SMOOTH)))
def test_large_inputs_have_finite_first_and_second_gradients(function, dtype):
    large = float(np.finfo(dtype).max) / 8
    values = [-large, -1e4, -800.0, -100.0, -20.0, 0.0, 20.0, 100.0, 800.0, 1e4, large]
    with np.errstate(over="ignore", under="ignore"):
        x = tg.tensor(np.array(values, dtype), requires_grad=True)
        y = function(x)
        (g,) = tg.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = tg.autograd.grad((g + 0 * x.clamp(-1, 1)).sum(), x)  # straight pieces have none
    assert np.isfinite(y.detach().numpy()).all()
    assert np.isfinite(g.detach().numpy()).all()
    assert np.isfinite(h.numpy()).all()
    assert g.dtype == dtype and h.dtype == dtype


def test_the_left_tail_of_gelu_is_precise():
    y = F.gelu(tg.tensor([-10.0], dtype=tg.float64))
    np.testing.assert_allclose(y.numpy(), [-7.61985302416053e-23], rtol=1e-12)


DROPOUTS = {
    "dropout": (F.dropout, (4, 6)), "dropout1d": (F.dropout1d, (4, 6, 3)), "dropout2d": (F.dropout2d, (4, 6, 3, 2)),
    "dropout3d": (F.dropout3d, (4, 6, 2, 1, 2)), "alpha_dropout": (F.alpha_dropout, (4, 6)),
    "feature_alpha_dropout": (F.feature_alpha_dropout, (4, 6, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_keeps_mean_and_variance_and_repeats_with_the_seed(name):
    function, shape = DROPOUTS[name]

    def run(x, **more):
        return function(x, 0.3, True, generator=tg.Generator().manual_seed(5), **more)

    x = tg.tensor(np.random.randn(*shape))
    y = run(x)
    assert tg.equal(y, run(x)) and y.dtype == x.dtype
    z = x.clone()
    assert run(z, inplace=True) is z and tg.equal(z, y)
    tg.manual_seed(5)
    assert tg.equal(function(x, 0.3, True), y)
    assert function(x, 0.3, False) is x and function(x, 0.0, True) is x
    assert not function(x, 1.0, True).numpy().any()
    large = tg.tensor(np.random.randn(200, 300, *shape[2:]), requires_grad=True)
    out = run(large)
    kept, moved = large.detach().numpy(), out.detach().numpy()
    assert abs(moved.mean() - kept.mean()) < 0.03
    if "alpha" in name:
        assert abs(moved.var() - kept.var()) < 0.05
    else:
        share = (moved == 0).mean()
        assert abs(share - 0.3) < 0.02
        np.testing.assert_allclose(moved[moved != 0], (kept / 0.7)[moved != 0], rtol=1e-12)
    out.sum().backward()
    slopes = large.grad.numpy()
    assert len(np.unique(slopes)) == 2 and slopes.min() == 0
    if name not in ("dropout", "alpha_dropout"):  # one draw for each channel
        assert (
            slopes
            == slopes.reshape(200, 300, -1)[..., 0].reshape(200, 300, *(1,) * (len(shape) - 2))
        ).all()


def test_dropout_in_place_is_recorded():
    def run(x, inplace):
        return F.dropout(x, 0.4, inplace=inplace, generator=tg.Generator().manual_seed(1))

    assert_equal(gradient(lambda x: run(x, True)), gradient(lambda x: run(x, False)))
    assert_equal(
        gradient(lambda x: F.rrelu_(x, training=True, generator=tg.Generator().manual_seed(1))),
        gradient(lambda x: F.rrelu(x, training=True, generator=tg.Generator().manual_seed(1))),
    )


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (F.dropout1d, (4,)),
        (F.dropout2d, (4, 2)),
        (F.dropout3d, (4, 2, 2)),
        (F.feature_alpha_dropout, (3,)),
    ],
)
def test_channel_dropout_refuses_other_numbers_of_dimensions(function, shape):
    with pytest.raises(errors.ShapeError, match="input must"):
        function(tg.ones(shape), training=True)


def test_unbatched_channels_are_dropped():
    for function, shape in ((F.dropout1d, (50, 3)), (F.dropout3d, (50, 2, 2, 2))):
        y = function(tg.ones(shape), generator=tg.Generator().manual_seed(0)).numpy()
        assert (y == y.reshape(50, -1)[:, :1].reshape(50, *(1,) * (len(shape) - 1))).all()
        assert set(np.unique(y)) == {0.0, 2.0}


def test_random_slopes_lie_in_their_interval():
    y = tg.rrelu(tg.full((1000,), -1.0), 0.25, 0.5, training=True)
    assert -0.5 <= y.min().item() < -0.45 and -0.3 < y.max().item() <= -0.25
    assert tg.equal(tg.rrelu(tg.tensor([-1.0]), 0.25, 0.5), tg.tensor([-0.375]))


def test_hard_gumbel_softmax_is_one_hot_with_the_smooth_gradient():
    def run(hard, tau=0.7):
        x = tg.tensor(np.arange(12.0).reshape(3, 4) / 5, requires_grad=True)
        y = F.gumbel_softmax(x, tau, hard, generator=tg.Generator().manual_seed(2))
        (y * tg.tensor([1.0, 2.0, 3.0, 4.0], dtype=tg.float64)).sum().backward()
        return y.detach().numpy(), x.grad.numpy()

    (soft, smooth), (hard, through) = run(False), run(True)
    np.testing.assert_array_equal(through, smooth)
    np.testing.assert_array_equal(hard.argmax(1), soft.argmax(1))
    assert set(np.unique(hard)) == {0.0, 1.0} and (hard.sum(1) == 1).all()


def test_gumbel_softmax_draws_classes_with_their_probabilities():
    p = np.array([0.1, 0.2, 0.7])
    logits = tg.tensor(np.broadcast_to(np.log(p), (20000, 3)).copy())
    drawn = F.gumbel_softmax(logits, hard=True, generator=tg.Generator().manual_seed(0))
    np.testing.assert_allclose(drawn.mean(0).numpy(), p, atol=0.015)


def test_top_level_names_are_pytorchs():
    for name in ("celu", "celu_", "hardshrink", "prelu", "relu_", "rrelu", "rrelu_", "selu", "selu_", "threshold",
                 "threshold_", "cosine_similarity", "pairwise_distance"):  # fmt: skip
        assert getattr(tg, name) is getattr(F, name)
    for name in ("gelu", "silu", "elu", "l1_loss"):
        assert not hasattr(tg, name)
