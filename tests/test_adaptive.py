"""Softmax in clusters, dropped weights and normalisation across processes, which have files of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DimensionError, ShapeError

# -- softmax in clusters ------------------------------------------------------------------------------


def pair(*args: Any, **named: Any) -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(*args, **named).double()
    ours = nn.AdaptiveLogSoftmaxWithLoss(*args, **named).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs, torch


@pytest.mark.torch
@pytest.mark.parametrize("targets", [[0, 3, 19, 7, 4, 12, 0], [1, 2], [19], 5])
@pytest.mark.parametrize("bias", [False, True])
def test_adaptive_softmax_is_pytorchs(targets: Any, bias: bool) -> None:
    ours, theirs, torch = pair(8, 20, [4, 7, 15], div_value=2.0, head_bias=bias)
    x = np.random.randn(*np.shape(targets), 8)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a, tg.tensor(targets)), theirs(b, torch.tensor(targets))
    np.testing.assert_allclose(y.output.detach().numpy(), z.output.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(y.loss.item(), z.loss.item(), rtol=1e-12)
    (y.loss + y.output.sum()).backward()
    (z.loss + z.output.sum()).backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if q.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-10, atol=1e-12)
    rows = np.random.randn(30, 8) * 3
    np.testing.assert_allclose(
        ours.log_prob(tg.tensor(rows)).detach().numpy(), theirs.log_prob(torch.tensor(rows)).detach().numpy(),
        rtol=1e-12,
    )  # fmt: skip
    np.testing.assert_array_equal(
        ours.predict(tg.tensor(rows)).numpy(), theirs.predict(torch.tensor(rows)).numpy()
    )


def test_adaptive_softmax_is_a_distribution_and_agrees_with_itself() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(6, 12, [3, 5]).double()
    x = tg.randn(12, 6, dtype=tg.float64)
    everything = layer.log_prob(x)
    np.testing.assert_allclose(everything.exp().sum(1).detach().numpy(), 1.0, rtol=1e-12)
    classes = tg.arange(12)
    found = everything[classes, classes].detach().numpy()
    np.testing.assert_allclose(layer(x, classes).output.detach().numpy(), found, rtol=1e-12)
    tg.manual_seed(0)
    layer.reset_parameters()
    tg.manual_seed(0)
    again = nn.AdaptiveLogSoftmaxWithLoss(6, 12, [3, 5], dtype=tg.float64)
    assert all(tg.equal(p, q) for p, q in zip(layer.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("cutoffs", "more"),
    [([], {}), ([3, 3], {}), ([5, 3], {}), ([0, 3], {}), ([10], {}), ([2.5], {}), ([3], {"div_value": 0.0})],
)  # fmt: skip
def test_adaptive_softmax_refuses_cutoffs_that_do_not_ascend(cutoffs: Any, more: Any) -> None:
    with pytest.raises(ArgumentError, match="AdaptiveLogSoftmaxWithLoss"):
        nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs, **more)


@pytest.mark.parametrize(
    ("shape", "target", "error"),
    [((2, 4), [1, 2, 3], ShapeError), ((4,), [1], ShapeError), ((2, 4), [[1, 2]], ShapeError), ((2, 4), 1, ShapeError),
     ((2, 4), [1, 10], DimensionError), ((2, 4), [-1, 2], DimensionError)],
)  # fmt: skip
def test_adaptive_softmax_refuses_targets_that_do_not_fit(shape: Any, target: Any, error: Any) -> None:  # fmt: skip
    with pytest.raises(error, match="AdaptiveLogSoftmaxWithLoss: "):
        nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3])(tg.ones(*shape), tg.tensor(target))


# -- dropped weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("per_sample", [False, True])
def test_dropped_weights_are_zero_and_the_others_larger(per_sample: bool) -> None:
    layer = nn.DropConnect(4, 1000, p=0.25, bias=False, per_sample=per_sample).double()
    nn.init.ones_(layer.weight)
    x = tg.tensor(np.eye(4), requires_grad=True)
    y = layer(x)  # each element is one weight
    kept = y.detach().numpy() != 0
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.75, rtol=1e-12)
    assert 0.72 < kept.mean() < 0.78
    y.sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), kept.T / 0.75, rtol=1e-12)
    if not per_sample:
        np.testing.assert_allclose(x.grad.numpy(), np.tile(kept.sum(1) / 0.75, (4, 1)), rtol=1e-12)


def test_samples_share_a_mask_or_have_their_own() -> None:
    x = tg.ones(6, 40)
    layer = nn.DropConnect(40, 3)
    assert np.ptp(layer(x).detach().numpy(), 0).max() < 1e-5
    layer = nn.DropConnect(40, 3, per_sample=True)
    assert np.ptp(layer(x).detach().numpy(), 0).min() > 1e-3
    assert layer(tg.ones(2, 5, 40)).shape == (2, 5, 3) and layer(tg.ones(40)).shape == (3,)


def test_nothing_is_dropped_in_evaluation() -> None:
    layer, plain = nn.DropConnect(4, 3), nn.Linear(4, 3)
    assert layer.load_state_dict(plain.state_dict()) == ([], [])
    x = tg.randn(2, 4)
    assert tg.equal(layer.eval()(x), plain(x)) and not tg.equal(layer.train()(x), plain(x))
    assert tg.equal(nn.DropConnect(4, 3, p=1.0, bias=False)(x), tg.zeros(2, 3))
    with pytest.raises(ArgumentError, match="p must be between 0 and 1"):
        nn.DropConnect(4, 3, p=1.5)
    for per_sample in (False, True):
        with pytest.raises(ShapeError, match=r"DropConnect: .*expected last dimension 4, got"):
            nn.DropConnect(4, 3, per_sample=per_sample)(tg.ones(2, 5))


# -- normalisation across processes -------------------------------------------------------------------


def test_batch_normalisations_of_a_model_are_replaced() -> None:
    shared = nn.BatchNorm1d(3)
    model = nn.Sequential(nn.BatchNorm2d(2, bias=False), nn.Sequential(shared, nn.ReLU()), shared)
    model[0].eval()
    state, parameters = list(model.state_dict()), list(model.parameters())
    made = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert made is model and list(model.state_dict()) == state
    assert type(model[0]) is type(model[2]) is nn.SyncBatchNorm and model[1][0] is model[2]
    assert not model[0].training and model[2].training and model[0].bias is None
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert model[2].running_mean is shared.running_mean
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(shared)) is nn.SyncBatchNorm
    linear = nn.Linear(1, 1)
    assert nn.SyncBatchNorm.convert_sync_batchnorm(linear) is linear


def test_sync_batch_norm_refuses_what_it_cannot_do() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.LazyBatchNorm1d())
    with pytest.raises(ArgumentError, match="LazyBatchNorm1d has no channels yet"):
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert type(model[0]) is nn.BatchNorm1d
    with pytest.raises(ArgumentError, match="process_group must be None"):
        nn.SyncBatchNorm(3, process_group=object())
    with pytest.raises(ShapeError, match="SyncBatchNorm: input must be at least 2-d"):
        nn.SyncBatchNorm(3)(tg.ones(3))
    with pytest.raises(ShapeError, match="expected 3 channels, got 4"):
        nn.SyncBatchNorm(3)(tg.ones(2, 4))


@pytest.mark.parametrize(
    ("make", "shape", "more"),
    [
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3, 6]), (5, 4), [[0, 9, 4, 2, 8]]),
        (lambda: nn.DropConnect(4, 3).eval(), (5, 4), []),
        (lambda: nn.CrossMapLRN2d(4), (2, 5, 3, 3), []),
        (lambda: nn.SyncBatchNorm(4), (5, 4), []),
        (lambda: nn.LinearCrossEntropyLoss(4, 3), (5, 4), [[0, 2, 1, 1, 0]]),
    ],
)
def test_another_device_gives_the_same(make: Any, shape: Any, more: Any) -> None:
    layer = make().double()
    results = []
    for device in ("cpu", "standin"):
        layer.zero_grad()
        layer.to(device)
        x = tg.tensor(np.cos(np.arange(np.prod(shape))).reshape(shape)).to(device).requires_grad_()
        y = layer(x, *(tg.tensor(m).to(device) for m in more))
        y = y.output if isinstance(y, tuple) else y
        assert y.device == device
        (y * y).sum().backward()
        results.append([y, x.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(
            a.detach().cpu().numpy(), b.detach().cpu().numpy(), rtol=1e-12, atol=1e-14
        )
    if hasattr(layer, "predict"):
        assert layer.predict(x).device == "standin"
