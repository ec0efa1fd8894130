"""Schedulers beside PyTorch's: sixty steps of every configuration, states, resuming, warnings."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tapegrad as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

STEPS = 60
MIDDLE = 23

Spec = tuple[str, dict[str, Any]]

TABLE: list[Spec] = [
    ("LambdaLR", {"lr_lambda": lambda e: 0.95**e}),
    ("LambdaLR", {"lr_lambda": [lambda e: 1 / (e + 1), lambda e: e // 7]}),
    ("MultiplicativeLR", {"lr_lambda": lambda e: 0.9 + 0.01 * (e % 5)}),
    ("MultiplicativeLR", {"lr_lambda": (lambda e: 0.95, lambda e: 1.01)}),
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [3, 20, 20, 21, 50]}),
    ("MultiStepLR", {"milestones": [0, 40], "gamma": 0.5}),
    ("MultiStepLR", {"milestones": []}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.7, "total_iters": 30}),
    ("ConstantLR", {"factor": 1.0, "total_iters": 1}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 40}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 50}),
    ("LinearLR", {"start_factor": 0.5, "total_iters": 7.5}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("ExponentialLR", {"gamma": 1.02}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 45, "power": 1.7}),
    ("PolynomialLR", {"total_iters": 100, "power": 0.5}),
    ("CosineAnnealingLR", {"T_max": 25}),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 37.5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 10}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.02}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 7}),
    ("CyclicLR", {"base_lr": [0.01, 0.2], "max_lr": [0.3, 0.1], "step_size_up": 4,
                  "step_size_down": 9, "mode": "triangular2", "base_momentum": [0.5, 0.6],
                  "max_momentum": (0.95, 0.99)}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 5, "mode": "exp_range",
                  "gamma": 0.97}),
    ("CyclicLR", {"base_lr": 0.0, "max_lr": 1.0, "step_size_up": 5, "step_size_down": 0,
                  "cycle_momentum": False}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 5, "scale_mode": "iterations",
                  "scale_fn": lambda x: 1 / (1 + x)}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 2.5, "scale_mode": "cycle",
                  "scale_fn": lambda x: 0.5 * (1 + np.sin(x))}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 61}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 9, "steps_per_epoch": 7,
                    "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 80, "three_phase": True, "pct_start": 0.4,
                    "base_momentum": [0.5, 0.6], "max_momentum": 0.99}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 100, "div_factor": 5, "final_div_factor": 10.0,
                    "cycle_momentum": False, "pct_start": 0.0}),
    ("ChainedScheduler", {"schedulers": [
        ("ConstantLR", {"factor": 0.1, "total_iters": 20}), ("ExponentialLR", {"gamma": 0.95})]}),
    ("ChainedScheduler", {"schedulers": [
        ("StepLR", {"step_size": 9, "gamma": 0.5}), ("LinearLR", {"total_iters": 30}),
        ("CosineAnnealingLR", {"T_max": 40, "eta_min": 0.001}),
        ("MultiplicativeLR", {"lr_lambda": lambda e: 0.99})]}),
    ("SequentialLR", {"milestones": [5, 30], "schedulers": [
        ("LinearLR", {"start_factor": 0.1}), ("CosineAnnealingLR", {"T_max": 25}),
        ("ExponentialLR", {"gamma": 0.9})]}),
    ("SequentialLR", {"milestones": [0, 10, 10, 29, 40], "schedulers": [
        ("ConstantLR", {}), ("PolynomialLR", {"total_iters": 10}), ("StepLR", {"step_size": 1}),
        ("CosineAnnealingWarmRestarts", {"T_0": 5}), ("LambdaLR", {"lr_lambda": lambda e: 2.0 + e}),
        ("MultiplicativeLR", {"lr_lambda": lambda e: 0.9})]}),
    ("SequentialLR", {"milestones": [20], "schedulers": [
        ("MultiStepLR", {"milestones": [3, 9]}),
        ("OneCycleLR", {"max_lr": 0.5, "total_steps": 50})]}),
    ("SequentialLR", {"milestones": [20], "schedulers": [
        ("ChainedScheduler", {"schedulers": [
            ("ConstantLR", {"total_iters": 10}), ("StepLR", {"step_size": 6})]}),
        ("ExponentialLR", {"gamma": 0.9})]}),
]  # fmt: skip

LEAVES = [spec for spec in TABLE if "schedulers" not in spec[1]]


def ident(value: Any) -> str:
    return value[0] if isinstance(value, tuple) else str(value)


cases = partial(pytest.mark.parametrize, ids=ident)


def optimiser(package: Any, kind: str, lr: Any = float) -> Any:
    """One with two groups and different rates."""
    a, b = package.ones(3, requires_grad=True), package.ones(2, requires_grad=True)
    groups = [{"params": [a]}, {"params": [b], "lr": lr(0.5)}]
    if kind == "SGD":
        return package.optim.SGD(groups, lr=lr(0.1), momentum=0.9)
    return getattr(package.optim, kind)(groups, lr=lr(0.1))


def make(package: Any, optimizer: Any, spec: Spec, **more: Any) -> Any:
    name, options = spec
    kind = getattr(package.optim.lr_scheduler, name)
    options = {**options, **more}
    if "schedulers" in options:
        options["schedulers"] = [make(package, optimizer, part) for part in options["schedulers"]]
    if name != "ChainedScheduler":
        options["optimizer"] = optimizer
    with warnings.catch_warnings():
        if package is torch:  # it warns of the order when a chain begins a sequence
            warnings.simplefilter("ignore")
        return kind(**options)


def numbers(optimizer: Any) -> list[float]:
    """What schedulers change, of every group."""
    found = []
    for group in optimizer.param_groups:
        betas = group.get("betas", ())
        found += [float(group["lr"]), float(group.get("momentum", 0.0)), *map(float, betas)]
    return found


def advance(optimizer: Any, scheduler: Any, steps: int) -> list[list[float]]:
    """Numbers before every step."""
    found = []
    for _ in range(steps):
        row = numbers(optimizer)
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        assert [float(rate) for rate in scheduler.get_last_lr()] == rates
        found.append(row)
        optimizer.step()
        scheduler.step()
    return found


def expected(kind: str, spec: Spec, steps: int = STEPS) -> list[list[float]]:
    optimizer = optimiser(torch, kind)
    return advance(optimizer, make(torch, optimizer, spec), steps)


def assert_equal(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


@cases("spec", TABLE)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_sixty_steps_are_pytorchs(kind: str, spec: Spec) -> None:
    optimizer = optimiser(tg, kind)
    scheduler = make(tg, optimizer, spec)
    assert_equal(advance(optimizer, scheduler, STEPS), expected(kind, spec))


@cases("spec", LEAVES)
def test_learning_rates_may_be_tensors(spec: Spec) -> None:
    if spec[0] in ("CyclicLR", "OneCycleLR"):
        spec = (spec[0], {**spec[1], "cycle_momentum": False})
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD", partial(package.tensor, dtype=package.float64))
        held = [group["lr"] for group in optimizer.param_groups]
        scheduler = make(package, optimizer, spec)
        found.append(advance(optimizer, scheduler, STEPS))
        assert all(g["lr"] is lr for g, lr in zip(optimizer.param_groups, held, strict=True))
        last = scheduler.get_last_lr()
        assert all(type(rate) is type(held[0]) for rate in last)
        assert not any(rate is lr for rate, lr in zip(last, held, strict=True))
    assert_equal(*found)


def test_highest_rates_may_be_tensors() -> None:
    spec = ("OneCycleLR", {"total_steps": STEPS})
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "Adam", partial(package.tensor, dtype=package.float64))
        highest = package.tensor(0.7, dtype=package.float64)
        scheduler = make(package, optimizer, spec, max_lr=highest)
        found.append(advance(optimizer, scheduler, STEPS))
        assert float(highest) == 0.7
    assert_equal(*found)


def layout(value: Any) -> Any:
    """Keys of dicts in dicts and lists."""
    if isinstance(value, dict):
        return {k: layout(v) for k, v in value.items()}
    if isinstance(value, list):
        return [layout(v) for v in value]
    return None


def halves(first: Any, second: Any, spec: Spec, kind: str = "SGD") -> list[list[float]]:
    """Numbers of a run that begins in one package and goes on in another, by state dicts."""
    optimizer = optimiser(first, kind)
    scheduler = make(first, optimizer, spec)
    found = advance(optimizer, scheduler, MIDDLE)
    saved = pickle.loads(pickle.dumps(scheduler.state_dict()))
    optimizer_state = optimizer.state_dict()
    if first is not second:
        optimizer_state["state"] = {}
    optimizer = optimiser(second, kind)
    scheduler = make(second, optimizer, spec)
    optimizer.load_state_dict(optimizer_state)
    before = pickle.dumps(saved)
    scheduler.load_state_dict(saved)
    if second is tg:
        assert pickle.dumps(saved) == before, "loading must not change what is loaded"
    return found + advance(optimizer, scheduler, STEPS - MIDDLE)


@cases("spec", TABLE)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_run_may_go_on_from_a_state_dict(kind: str, spec: Spec) -> None:
    assert_equal(halves(tg, tg, spec, kind), expected(kind, spec))


@cases("spec", TABLE)
def test_state_dicts_go_from_and_to_pytorch(spec: Spec) -> None:
    wanted = expected("SGD", spec)
    assert_equal(halves(torch, tg, spec), wanted)
    assert_equal(halves(tg, torch, spec), wanted)
    layouts = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        scheduler = make(package, optimizer, spec)
        advance(optimizer, scheduler, 3)
        layouts.append(layout(scheduler.state_dict()))
    passing = {"_step_count", "_is_initial"}  # PyTorch counts steps of a chain inside a sequence
    for mine, theirs in zip(*(d.get("_schedulers", []) for d in layouts), strict=True):
        if "_schedulers" in mine:
            assert set(theirs) - set(mine) <= passing | {"last_epoch"}
            layouts[0]["_schedulers"] = layouts[1]["_schedulers"]
            break
    assert layouts[0] == layouts[1]


def test_a_state_dict_of_pytorch_may_hold_tensors() -> None:
    spec: Spec = ("CosineAnnealingWarmRestarts", {"T_0": 10})
    rows, saved = [], None
    for package in (torch, tg):
        optimizer = optimiser(package, "SGD", partial(package.tensor, dtype=package.float64))
        scheduler = make(package, optimizer, spec)
        if saved is None:
            advance(optimizer, scheduler, MIDDLE)
            saved = scheduler.state_dict()
        else:
            scheduler.base_lrs = []
            scheduler.load_state_dict(saved)
        scheduler.step()
        rows.append(numbers(optimizer))
    assert_equal(*rows)


@cases("spec", LEAVES)
@pytest.mark.parametrize("passed", [1, 20, 21, 23])
def test_a_run_may_go_on_from_its_last_epoch(spec: Spec, passed: int) -> None:
    wanted = expected("SGD", spec)
    optimizer = optimiser(tg, "SGD")
    scheduler = make(tg, optimizer, spec)
    found = advance(optimizer, scheduler, passed)
    resumed = optimiser(tg, "SGD")
    resumed.load_state_dict(optimizer.state_dict())
    last_epoch = scheduler.last_epoch - 1
    scheduler = make(tg, resumed, spec, last_epoch=last_epoch)
    assert scheduler.last_epoch == passed
    assert_equal(found + advance(resumed, scheduler, STEPS - passed), wanted)


@pytest.mark.parametrize("second", LEAVES, ids=ident)
@pytest.mark.parametrize("first", [LEAVES[4], LEAVES[12], LEAVES[21]], ids=ident)
def test_two_schedulers_act_on_one_optimiser(first: Spec, second: Spec) -> None:
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        schedulers = [make(package, optimizer, spec) for spec in (first, second)]
        if second[0] == "CyclicLR":  # PyTorch begins with the rates before the first scheduler
            schedulers[1]._update_lr(0)
        rows = []
        for _ in range(STEPS):
            rows.append(numbers(optimizer))
            optimizer.step()
            for scheduler in schedulers:
                scheduler.step()
        found.append(rows)
    assert_equal(*found)


@cases("spec", LEAVES)
def test_an_epoch_may_be_named(spec: Spec) -> None:
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        scheduler = make(package, optimizer, spec)
        rows = []
        optimizer.step()
        for epoch in (3, 20, 21, None, 5, 0, None, 45, None):
            deprecated = epoch is not None and spec[0] != "CosineAnnealingWarmRestarts"
            if deprecated:
                with pytest.warns(UserWarning, match="epoch"):
                    scheduler.step(epoch)
            else:
                scheduler.step(epoch)
            assert scheduler.last_epoch == epoch or epoch is None
            rows.append(numbers(optimizer))
        found.append(rows)
    assert_equal(*found)


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_restarts_may_lie_between_epochs(T_mult: int) -> None:
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        spec = ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": T_mult, "eta_min": 0.01})
        scheduler = make(package, optimizer, spec)
        rows = []
        for epoch in [*np.arange(0, 30, 0.3).tolist(), 2.5, None, None, 9.75, None]:
            scheduler.step(epoch)
            rows.append([*numbers(optimizer), scheduler.T_cur, scheduler.T_i])
            rows[-1].append(scheduler.last_epoch)
        found.append(rows)
    assert_equal(*found)


# -- a metric --------------------------------------------------------------------------------------

PLATEAUS: list[dict[str, Any]] = [
    {},
    {"patience": 0, "factor": 0.5},
    {"patience": 2, "cooldown": 3, "factor": 0.9},
    {"patience": 1, "threshold": 0.3, "min_lr": [0.01, 0.2]},
    {"patience": 1, "min_lr": 0.05, "eps": 0.02},
    {"patience": 0, "factor": 0.0},
    {"patience": 0, "eps": 1e-3, "threshold": 0.0},
]


@pytest.mark.parametrize("options", PLATEAUS)
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("tensors", [False, True])
def test_plateaus_are_pytorchs(
    options: dict[str, Any], mode: str, threshold_mode: str, tensors: bool
) -> None:
    metrics = np.cumsum(np.random.randn(STEPS)).tolist()
    metrics[30:35] = [float("nan"), 1e9, -1e9, float("inf"), -float("inf")]
    options = {**options, "mode": mode, "threshold_mode": threshold_mode}
    found, layouts, saved = [], [], {}
    for package in (torch, tg):
        lr = partial(package.tensor, dtype=package.float64) if tensors else float
        optimizer = optimiser(package, "SGD", lr)
        scheduler = make(package, optimizer, ("ReduceLROnPlateau", options))
        rows = []
        for step, metric in enumerate(metrics):
            given = package.tensor(metric, dtype=package.float64) if step % 2 else metric
            scheduler.step(given)
            state = [scheduler.num_bad_epochs, scheduler.cooldown_counter, scheduler.best]
            rows.append([*numbers(optimizer), *state, scheduler.in_cooldown])
            assert list(map(float, scheduler.get_last_lr())) == rows[-1][:3:2]
            if step == MIDDLE:
                saved[package] = scheduler.state_dict()
                scheduler = make(package, optimizer, ("ReduceLROnPlateau", {}))
                scheduler.load_state_dict(saved[torch])
                assert {type(rate) for rate in scheduler.get_last_lr()} == {type(lr(1.0))}
        found.append(rows)
        layouts.append(layout(scheduler.state_dict()))
    assert_equal(*found)
    assert layouts[0] == layouts[1]


# -- groups, order, parameters ---------------------------------------------------------------------


def add_group(package: Any, optimizer: Any) -> None:
    group = {"params": [package.ones(1, requires_grad=True)], "lr": 0.3, "initial_lr": 0.3}
    optimizer.add_param_group(group)


@cases("spec", [s for s in LEAVES if s[0] not in ("OneCycleLR", "CosineAnnealingLR")])
def test_a_group_added_later_is_stepped_or_refused_as_in_pytorch(spec: Spec) -> None:
    found = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        scheduler = make(package, optimizer, spec)
        advance(optimizer, scheduler, 5)
        add_group(package, optimizer)
        before = numbers(optimizer), scheduler.last_epoch
        rows: Any = []
        for _ in range(9):
            optimizer.step()
            try:
                scheduler.step()
            except ValueError:
                rows = "refused"
                if package is tg:
                    assert (numbers(optimizer), scheduler.last_epoch) == before
                break
            rows.append(numbers(optimizer))
        found.append(rows)
    if "refused" in found:
        assert found == ["refused", "refused"]
    else:
        assert_equal(*found)


def plain(package: Any, optimizer: Any, scheduler: Any) -> None:
    optimizer.step()
    scheduler.step()


def wrong(package: Any, optimizer: Any, scheduler: Any) -> None:
    scheduler.step()
    optimizer.step()
    scheduler.step()


def never(package: Any, optimizer: Any, scheduler: Any) -> None:
    for _ in range(3):
        scheduler.step()


def two(package: Any, optimizer: Any, scheduler: Any) -> None:
    other = package.optim.lr_scheduler.StepLR(optimizer, 3)
    scheduler.step()
    optimizer.step()
    other.step()
    scheduler.step()


def hooked(package: Any, optimizer: Any, scheduler: Any) -> None:
    optimizer.register_step_post_hook(lambda *_: None)
    optimizer.step()
    scheduler.step()


def replaced(package: Any, optimizer: Any, scheduler: Any) -> None:
    optimizer.step = lambda: None
    optimizer.step()
    scheduler.step()


def asked(package: Any, optimizer: Any, scheduler: Any) -> None:
    scheduler.get_last_lr()
    scheduler.get_lr()


@pytest.mark.parametrize("use", [plain, wrong, never, two, hooked, replaced, asked])
def test_warnings_come_where_pytorchs_do(use: Callable[..., None]) -> None:
    counts = []
    for package in (tg, torch):
        optimizer = optimiser(package, "SGD")
        scheduler = package.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use(package, optimizer, scheduler)
        assert {w.category for w in caught} <= {UserWarning}
        assert package is torch or all(w.filename == __file__ for w in caught)
        counts.append(len(caught))
    assert counts[0] == counts[1]
    assert counts[0] == (0 if use in (plain, hooked) else 1)


@cases("spec", [s for s in LEAVES if s[0] in ("CyclicLR", "OneCycleLR")])
@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RMSprop"])
def test_parameters_follow_the_rates_and_momenta(kind: str, spec: Spec) -> None:
    found = []
    for package in (tg, torch):
        a, b = (package.ones(3, requires_grad=True, dtype=package.float64) for _ in range(2))
        optimizer = getattr(package.optim, kind)([{"params": [a]}, {"params": [b]}], lr=0.1)
        scheduler = make(package, optimizer, spec)
        for _ in range(STEPS):
            optimizer.zero_grad()
            (((a - b * 3) ** 2).sum() / 40 + (b**4).sum() / 40).backward()
            optimizer.step()
            scheduler.step()
        found.append(np.concatenate([a.detach().numpy(), b.detach().numpy()]))
    np.testing.assert_allclose(*found, rtol=1e-9)
