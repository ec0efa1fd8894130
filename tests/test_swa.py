"""Averages of models: formulas, PyTorch's numbers, and the learning rate that goes with them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.errors import ArgumentError, ShapeError
from tapegrad.optim import swa_utils
from tapegrad.optim.swa_utils import SWALR, AveragedModel
from tolerances import assert_same


def net(package: Any) -> Any:
    parts = package.nn
    return parts.Sequential(parts.Linear(3, 4), parts.BatchNorm1d(4), parts.Linear(4, 1))


def same_start(mine: Any, theirs: Any) -> None:
    mine.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


FUNCTIONS = [
    ({}, {}),
    ({"avg_fn": "get_swa_avg_fn"}, {}),
    ({"multi_avg_fn": "get_swa_multi_avg_fn"}, {}),
    ({"avg_fn": "get_ema_avg_fn"}, {"decay": 0.7}),
    ({"multi_avg_fn": "get_ema_multi_avg_fn"}, {"decay": 0.7}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("functions", "options"), FUNCTIONS)
@pytest.mark.parametrize("use_buffers", [False, True])
def test_the_average_is_pytorchs(
    functions: dict[str, str], options: dict[str, float], use_buffers: bool
) -> None:
    torch = pytest.importorskip("torch")
    if use_buffers and functions.get("multi_avg_fn") == "get_swa_multi_avg_fn":
        pytest.skip("PyTorch's cannot average the integer buffers")
    models, averages = [], []
    for package, utilities in ((tg, swa_utils), (torch, torch.optim.swa_utils)):
        made = {k: getattr(utilities, f)(**options) for k, f in functions.items()}
        models.append(net(package))
        averages.append(utilities.AveragedModel(models[-1], use_buffers=use_buffers, **made))
    same_start(*models)
    for _ in range(4):
        inputs = np.random.randn(5, 3).astype(np.float32)
        for model, package in zip(models, (tg, torch), strict=True):
            model(package.tensor(inputs))  # batch normalisation changes its buffers
            with package.no_grad():
                for p in model.parameters():
                    p.mul_(1.5)
        for model, average in zip(models, averages, strict=True):
            average.update_parameters(model)
    mine, theirs = averages[0].state_dict(), averages[1].state_dict()
    assert list(mine) == list(theirs)
    for key, value in theirs.items():
        assert_same(mine[key].numpy(), value.numpy(), key)
    inputs = np.random.randn(5, 3).astype(np.float32)
    assert_same(
        averages[0](tg.tensor(inputs)).detach().numpy(),
        averages[1](torch.tensor(inputs)).detach().numpy(),
    )


@pytest.mark.parametrize("device", ["cpu", "standin"])
def test_ema_follows_its_formula(device: str) -> None:
    model = nn.Linear(2, 1).to(device)
    average = AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.75))
    expected = None
    for _ in range(3):
        with tg.no_grad():
            model.weight.add_(1.0)
        average.update_parameters(model)
        now = model.weight.detach().cpu().numpy()
        expected = now.copy() if expected is None else 0.75 * expected + 0.25 * now
    assert_same(average.module.weight.detach().cpu().numpy(), expected)
    assert int(average.n_averaged) == 3 and average.module.weight.device.type == device
    assert average.module.weight.requires_grad


def test_averages_of_small_parameters_lie_in_one_buffer_and_keep_their_gradients() -> None:
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(10)))
    average = AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5))
    first = average.module[0].weight
    first.grad = tg.ones(3, 3)
    for _ in range(2):
        average.update_parameters(model)
    mine = list(average.module.parameters())
    assert len({id(p.array.base) for p in mine}) == 1 and first.array.base.size == 120
    assert first.grad.tolist() == tg.ones(3, 3).tolist() and mine[1].grad is None
    for again in (copy.deepcopy(average), pickle.loads(pickle.dumps(average))):
        with tg.no_grad():
            model[0].weight.fill_(3.0)
        again.update_parameters(model)
        found, old = again.module[0].weight.detach().numpy(), first.detach().numpy()
        assert_same(found, (old + 3) / 2)
        assert int(again.n_averaged) == 3 and int(average.n_averaged) == 2


def test_another_model_is_refused() -> None:
    average = AveragedModel(nn.Linear(2, 1))
    for other in (nn.Linear(1, 1), nn.Linear(2, 1, bias=False)):
        with pytest.raises(ShapeError, match="the parameters of this model are not those"):
            average.update_parameters(other)
    assert int(average.n_averaged) == 0


def test_an_average_may_live_elsewhere() -> None:
    model = nn.Linear(2, 1)
    average = AveragedModel(model, device="standin")
    average.update_parameters(model)
    average.update_parameters(model)
    assert average.module.weight.device.type == "standin"
    assert tg.equal(average.module.weight.detach().cpu(), model.weight.detach())


def test_what_has_no_meaning_is_refused() -> None:
    for function in (swa_utils.get_ema_avg_fn, swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ArgumentError, match="decay must be between 0 and 1"):
            function(1.5)
    with pytest.raises(ArgumentError, match="avg_fn or multi_avg_fn"):
        AveragedModel(
            nn.Linear(1, 1),
            avg_fn=swa_utils.get_swa_avg_fn(),
            multi_avg_fn=swa_utils.get_swa_multi_avg_fn(),
        )


@pytest.mark.torch
@pytest.mark.parametrize("as_lists", [False, True])
def test_statistics_of_batch_normalisation_are_pytorchs(as_lists: bool) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = net(tg), net(torch)
    same_start(mine, theirs)
    batches = [np.random.randn(n, 3).astype(np.float32) for n in (4, 7, 2)]
    for model, package, utilities in (
        (mine, tg, swa_utils),
        (theirs, torch, torch.optim.swa_utils),
    ):
        model.eval()
        loader = [package.tensor(b) for b in batches]
        utilities.update_bn([[b, 0] for b in loader] if as_lists else loader, model)
        assert not model.training and model[1].momentum == 0.1
    for key, value in theirs.state_dict().items():
        assert_same(mine.state_dict()[key].numpy(), value.numpy(), key)


def test_a_failing_batch_leaves_momentum_and_mode() -> None:
    model = net(tg).eval()
    with pytest.raises(tg.errors.ShapeError):
        swa_utils.update_bn([tg.ones(2, 3), tg.ones(2, 5)], model)
    assert not model.training and model[1].momentum == 0.1


@pytest.mark.torch
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
def test_the_learning_rate_is_pytorchs(strategy: Any, epochs: int) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for package, make in ((tg, SWALR), (torch, torch.optim.swa_utils.SWALR)):
        w, v = (package.zeros(1, requires_grad=True) for _ in range(2))
        optimizer = package.optim.SGD([{"params": [w]}, {"params": [v], "lr": 0.2}], lr=1.0)
        schedule = make(optimizer, [0.05, 0.5], epochs, strategy)
        rates = [schedule.get_last_lr()]
        for step in range(7):
            optimizer.step()
            schedule.step()
            rates.append(list(schedule.get_last_lr()))
            if step == 3:
                saved = schedule.state_dict()
                schedule = make(optimizer, 0.1, 9)
                schedule.load_state_dict(saved)
                for group, rate, last in zip(
                    optimizer.param_groups, rates[-1], (0.05, 0.5), strict=True
                ):
                    group["lr"], group["swa_lr"] = rate, last
        found.append(rates)
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_schedules_without_meaning_are_refused() -> None:
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=tg.tensor(1.0))
    with pytest.raises(ArgumentError, match="'cos' or 'linear'"):
        SWALR(optimizer, 0.1, anneal_strategy="step")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="anneal_epochs"):
        SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ArgumentError, match="one for each group"):
        SWALR(optimizer, [0.1, 0.2])
    schedule = SWALR(optimizer, 0.5, 1)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"].item() == 0.5
