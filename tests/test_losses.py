"""Losses: what the table cannot say."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.nn import functional as F

PAIRS = ["l1_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
         "kl_div", "poisson_nll_loss", "soft_margin_loss", "hinge_embedding_loss"]  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (1,)), ((2, 3), (3,)), ((4,), ())])
def test_shapes_that_would_broadcast_are_refused(name, shapes):
    x, t = (tg.full(shape, 0.5) for shape in shapes)
    with pytest.raises(tg.errors.ShapeError, match="must be equal"):
        getattr(F, name)(x, t)


@pytest.mark.parametrize("name", PAIRS)
def test_operands_on_different_devices_are_refused(name):
    with pytest.raises(tg.errors.DeviceError, match="different devices"):
        getattr(F, name)(tg.full((3,), 0.5), tg.full((3,), 0.5, device="standin"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cross_entropy_of_large_logits_is_finite_to_second_order(dtype):
    x = tg.tensor(np.array([-3e4, -800.0, 0.0, 800.0, 3e4], dtype), requires_grad=True)
    t = tg.tensor(np.array([1.0, 0.0, 0.5, 0.0, 1.0], dtype))
    for pos_weight in (None, tg.tensor(np.array([2.0], dtype))):
        y = F.binary_cross_entropy_with_logits(x, t, None, "none", pos_weight)
        (g,) = tg.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = tg.autograd.grad(g.sum(), x)
        for a in (y.detach(), g.detach(), h):
            assert np.isfinite(a.numpy()).all() and a.dtype == dtype


def test_cross_entropy_of_certain_answers_is_bounded():
    x = tg.tensor([0.0, 1.0, 1.0, 0.0], requires_grad=True)
    t = tg.tensor([1.0, 0.0, 1.0, 0.0], requires_grad=True)
    y = F.binary_cross_entropy(x, t, reduction="none")
    np.testing.assert_array_equal(y.detach().numpy(), [100.0, 100.0, 0.0, 0.0])
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    np.testing.assert_array_equal(t.grad.numpy(), [100.0, -100.0, -100.0, 100.0])


def test_batchmean_is_the_divergence_of_the_rows():
    p = np.array([[0.25, 0.75], [0.5, 0.5]])
    q = np.array([[0.5, 0.5], [0.1, 0.9]])
    x, t = tg.tensor(np.log(q)), tg.tensor(p)
    want = (p * np.log(p / q)).sum(1).mean()
    assert F.kl_div(x, t, "batchmean").item() == pytest.approx(want, rel=1e-12)
    assert F.kl_div(x, tg.log(t), "batchmean", True).item() == pytest.approx(want, rel=1e-12)
    with pytest.raises(tg.errors.ShapeError, match="batchmean"):
        F.kl_div(tg.tensor(0.0), tg.tensor(1.0), "batchmean")


def test_weights_of_the_mean_absolute_error_divide_it():
    x, t, w = tg.tensor([1.0, 2.0]), tg.tensor([0.0, 0.0]), tg.tensor([3.0, 1.0])
    assert F.l1_loss(x, t, weight=w).item() == 5 / 4
    assert F.l1_loss(x, t, "sum", w).item() == 5
    assert F.l1_loss(x, t, "none", w).tolist() == [3.0, 2.0]


def test_weights_of_the_mean_squared_error_divide_it():
    x, t, w = (
        tg.tensor([1.0, 2.0], requires_grad=True),
        tg.tensor([0.0, 0.0]),
        tg.tensor([3.0, 1.0]),
    )
    loss = F.mse_loss(x, t, weight=w)
    loss.backward()
    assert loss.item() == 7 / 4 and x.grad.tolist() == [1.5, 1.0]
    assert F.mse_loss(x, t, "sum", w).item() == 7
    assert F.mse_loss(x, t, "none", w).tolist() == [3.0, 4.0]
    with pytest.raises(tg.errors.ShapeError, match="weight"):
        F.mse_loss(x, t, weight=w[:1])


def test_small_variances_are_limited_but_keep_their_gradient():
    var = tg.tensor([1e-9, 1.0], requires_grad=True)
    F.gaussian_nll_loss(tg.zeros(2), tg.zeros(2), var, reduction="sum").backward()
    np.testing.assert_allclose(var.grad.numpy(), [0.5e6, 0.5], rtol=1e-6)


def test_similarity_of_large_and_zero_vectors():
    x = tg.tensor([[1e15, 0.0], [0.0, 0.0]], requires_grad=True)
    y = F.cosine_similarity(x, tg.tensor([[1e15, 1e15], [1.0, 1.0]]))
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    np.testing.assert_array_equal(y.detach().numpy()[1], 0)


def test_integer_targets_are_taken_as_numbers():
    x = tg.tensor([0.5, 0.25])
    for name in (
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "l1_loss",
        "soft_margin_loss",
    ):
        function = getattr(F, name)
        assert function(x, tg.tensor([1, 0])).item() == function(x, tg.tensor([1.0, 0.0])).item()
