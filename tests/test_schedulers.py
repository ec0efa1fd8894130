"""Schedulers: closed forms, what is refused, resuming, order of steps, state dicts."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import optim
from tapegrad.errors import ArgumentError, DtypeError, StateDictError
from tapegrad.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tapegrad.optim.swa_utils import SWALR

LR = 0.8


def sgd(lr: Any = LR, groups: int = 1, **options: Any) -> optim.SGD:
    made = [{"params": [tg.ones(2, requires_grad=True)]} for _ in range(groups)]
    return optim.SGD(made, lr=lr, momentum=0.9, **options)


def rates(optimizer: Any, scheduler: Any, steps: int) -> list[float]:
    """The first group's rate of so many epochs."""
    found = []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


def cosine(epoch: float, length: float, low: float) -> float:
    return low + (LR - low) * (1 + math.cos(math.pi * epoch / length)) / 2


def triangle(epoch: int) -> float:
    """From 0.1 to 0.5 in four steps and back in two."""
    e = epoch % 6
    return 0.1 + 0.4 * (e / 4 if e <= 4 else (6 - e) / 2)


def one_cycle(epoch: int) -> float:
    """From 0.1 to 0.5 at epoch 3, down to 0.01 at epoch 9."""
    e = epoch
    return 0.1 + 0.4 * e / 3 if e <= 3 else 0.5 + (0.01 - 0.5) * (e - 3) / 6


Maker = Callable[[Any], LRScheduler]
FORMS: list[tuple[str, Maker, Callable[[int], float], int]] = [
    ("lambda", lambda o: LambdaLR(o, lambda e: 1 / (1 + e)), lambda e: LR / (1 + e), 40),
    ("multiplicative", lambda o: MultiplicativeLR(o, lambda e: e / (e + 1)),
     lambda e: LR / (e + 1), 40),
    ("step", lambda o: StepLR(o, 3, 0.5), lambda e: LR * 0.5 ** (e // 3), 40),
    ("milestones", lambda o: MultiStepLR(o, [4, 4, 9], 0.5),
     lambda e: LR * (1 if e < 4 else 0.25 if e < 9 else 0.125), 40),
    ("constant", lambda o: ConstantLR(o, 0.25, 7), lambda e: LR * (0.25 if e < 7 else 1), 40),
    ("no constant", lambda o: ConstantLR(o, 0.25, 0), lambda e: LR, 10),
    ("zero", lambda o: ConstantLR(o, 0, 7), lambda e: LR * (0 if e < 7 else 1), 20),
    ("linear", lambda o: LinearLR(o, 0.2, 0.9, 10),
     lambda e: LR * (0.2 + 0.7 * min(e, 10) / 10), 40),
    ("no linear", lambda o: LinearLR(o, 0.2, 0.9, 0), lambda e: LR * 0.9, 10),
    ("exponential", lambda o: ExponentialLR(o, 0.9), lambda e: LR * 0.9**e, 40),
    ("polynomial", lambda o: PolynomialLR(o, 30, 2.5),
     lambda e: LR * (1 - min(e, 30) / 30) ** 2.5, 40),
    ("cosine", lambda o: CosineAnnealingLR(o, 13, 0.05), lambda e: cosine(e, 13, 0.05), 60),
    ("restarts", lambda o: CosineAnnealingWarmRestarts(o, 6, eta_min=0.05),
     lambda e: cosine(e % 6, 6, 0.05), 40),
    ("longer restarts", lambda o: CosineAnnealingWarmRestarts(o, 2, 2),
     lambda e: next(cosine(e - s, n, 0) for s, n in ((30, 32), (14, 16), (6, 8), (2, 4), (0, 2))
                    if e >= s), 60),
    ("cyclic", lambda o: CyclicLR(o, 0.1, 0.5, 4, 2), triangle, 40),
    ("cyclic, by scale", lambda o: CyclicLR(o, 0.1, 0.5, 4, 2, scale_fn=lambda c: 1 / c),
     lambda e: 0.1 + (triangle(e) - 0.1) / (1 + e // 6), 40),
    ("one cycle", lambda o: OneCycleLR(o, 0.5, 10, pct_start=0.4, anneal_strategy="linear",
                                       div_factor=5, final_div_factor=10), one_cycle, 10),
    ("sequence", lambda o: SequentialLR(
        o, [LinearLR(o, 0.5, total_iters=4), CosineAnnealingLR(o, 8)], [4]),
     lambda e: LR * (0.5 + e / 8) if e < 4 else cosine(e - 4, 8, 0), 13),
    ("chain", lambda o: ChainedScheduler([ExponentialLR(o, 0.9), LinearLR(o, 0.5)]),
     lambda e: LR * 0.9**e * (0.5 + min(e, 5) / 10), 20),
    ("chain, then rate", lambda o: SequentialLR(
        o, [ChainedScheduler([ExponentialLR(o, 0.9), ConstantLR(o, 0.5, 3)]), StepLR(o, 5)], [8]),
     lambda e: LR * 0.9**e * (0.5 if e < 3 else 1) if e < 8 else LR * 0.1 ** ((e - 8) // 5), 20),
    ("rate, then chain", lambda o: SequentialLR(
        o, [StepLR(o, 5), ChainedScheduler([ExponentialLR(o, 0.9), ConstantLR(o, 0.5, 3)])], [8]),
     lambda e: LR * 0.1 ** (e // 5) if e < 8 else LR * 0.9 ** (e - 8) * (0.5 if e < 11 else 1), 20),
    ("sequence in a sequence", lambda o: SequentialLR(o, [
        SequentialLR(o, [ConstantLR(o, 0.5, 9), ExponentialLR(o, 0.9)], [3]),
        SequentialLR(o, [LinearLR(o, 0.5), ExponentialLR(o, 0.8)], [2])], [7]),
     lambda e: LR * (0.5 if e < 3 else 0.9 ** (e - 3) if e < 7 else (0.5 + (e - 7) / 10) if e < 9
                     else 0.8 ** (e - 9)), 20),
]  # fmt: skip
forms = pytest.mark.parametrize(
    ("make", "form", "steps"), [f[1:] for f in FORMS], ids=[f[0] for f in FORMS]
)


@forms
def test_rates_follow_their_closed_form(
    make: Maker, form: Callable[[int], float], steps: int
) -> None:
    optimizer = sgd()
    scheduler = make(optimizer)
    found = rates(optimizer, scheduler, steps)
    np.testing.assert_allclose(found, [form(e) for e in range(steps)], rtol=1e-12, atol=1e-15)


@forms
def test_a_pickled_or_copied_scheduler_goes_on(
    make: Maker, form: Callable[[int], float], steps: int
) -> None:
    optimizer = sgd()
    scheduler = make(optimizer)
    rates(optimizer, scheduler, steps // 2)
    both = [copy.deepcopy((optimizer, scheduler))]
    if "lambda" not in repr(vars(scheduler)):
        both.append(pickle.loads(pickle.dumps((optimizer, scheduler))))
    wanted = [form(e) for e in range(steps // 2, steps)]
    for again, other in both:
        assert other.optimizer is again is not optimizer
        found = rates(again, other, steps - steps // 2)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


def test_restarts_are_found_exactly_where_logarithms_round() -> None:
    optimizer = sgd()
    scheduler = CosineAnnealingWarmRestarts(optimizer, 1, 10)
    scheduler.step(111)  # log(1000, 10) is 2.9999999999999996
    assert (scheduler.T_cur, scheduler.T_i) == (0, 1000)
    assert scheduler.get_last_lr() == [LR]


def test_restarts_are_resumed_in_the_cycle_of_their_epoch() -> None:
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = LR
    scheduler = CosineAnnealingWarmRestarts(optimizer, 2, 2, last_epoch=9)
    assert (scheduler.last_epoch, scheduler.T_cur, scheduler.T_i) == (10, 4, 8)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_ends_at_its_lowest_rate(strategy: Any) -> None:
    optimizer = sgd()
    scheduler = OneCycleLR(optimizer, 0.5, 6, anneal_strategy=strategy)
    rates(optimizer, scheduler, 6)
    group = optimizer.param_groups[0]
    assert scheduler.last_epoch == 6
    np.testing.assert_allclose(group["lr"], group["min_lr"], rtol=1e-12, atol=1e-15)
    before = dict(group), scheduler.state_dict()
    with pytest.raises(ArgumentError, match="the cycle has 6 steps and is over"):
        scheduler.step()
    assert (dict(group), scheduler.state_dict()) == before


def test_one_cycle_may_begin_at_the_top() -> None:
    optimizer = sgd()
    OneCycleLR(optimizer, 0.5, 10, pct_start=0.1)  # a rise of no length
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_cycle_begins_at_its_own_rate_after_another_scheduler() -> None:
    optimizer = sgd()
    StepLR(optimizer, 3)
    assert CyclicLR(optimizer, 0.1, 0.5).get_last_lr() == [0.1]


@pytest.mark.parametrize(
    ("make", "due"),
    [
        (lambda o, last: StepLR(o, 4, last_epoch=last), 4),
        (lambda o, last: MultiStepLR(o, [4], last_epoch=last), 4),
        (lambda o, last: ConstantLR(o, 0.5, 4, last_epoch=last), 4),
    ],
)
def test_resuming_at_a_change_does_not_change_twice(make: Any, due: int) -> None:
    optimizer = sgd()
    scheduler = make(optimizer, -1)
    rates(optimizer, scheduler, due)
    before = optimizer.param_groups[0]["lr"]
    assert make(optimizer, due - 1).get_last_lr() == [before]


def test_a_subclass_writes_get_lr_alone() -> None:
    class Falling(LRScheduler):
        def get_lr(self) -> list[Any]:
            return [lr / (1 + self.last_epoch) for lr in self.base_lrs]

    optimizer = sgd(groups=2)
    scheduler = Falling(optimizer)
    assert rates(optimizer, scheduler, 3) == [LR, LR / 2, LR / 3]
    other = Falling(sgd(groups=2))
    other.load_state_dict(scheduler.state_dict())
    assert other.last_epoch == 3
    with pytest.raises(NotImplementedError, match=r"LRScheduler: get_lr\(\)"):
        LRScheduler(optimizer)


@pytest.mark.parametrize("device", ["cpu", "standin"])
def test_a_tensor_as_rate_stays_where_it_is(device: str) -> None:
    lr = tg.tensor(LR, dtype=tg.float64, device=device)
    optimizer = sgd(lr)
    scheduler = ChainedScheduler([StepLR(optimizer, 2, 0.5), CosineAnnealingLR(optimizer, 20)])
    rates(optimizer, scheduler, 4)
    held = optimizer.param_groups[0]["lr"]
    assert held is lr and lr.device.type == device
    expected = 0.25 * cosine(4, 20, 0)
    np.testing.assert_allclose(lr.item(), expected, rtol=1e-12)
    last = scheduler.get_last_lr()[0]
    assert isinstance(last, tg.Tensor)
    last.fill_(0.0)
    assert lr.item() > 0
    ReduceLROnPlateau(optimizer, patience=0).step(tg.tensor(float("nan"), device=device))
    np.testing.assert_allclose(lr.item(), 0.1 * expected, rtol=1e-12)


# -- refused ---------------------------------------------------------------------------------------

NAN = float("nan")
BAD: list[tuple[str, Callable[[Any], Any], type[Exception]]] = [
    ("StepLR: step_size must be a whole number", lambda o: StepLR(o, 0), ArgumentError),
    ("StepLR: step_size", lambda o: StepLR(o, 2.5), ArgumentError),  # type: ignore[arg-type]
    ("StepLR: gamma", lambda o: StepLR(o, 2, -0.1), ArgumentError),
    ("StepLR: last_epoch", lambda o: StepLR(o, 2, last_epoch=-2), ArgumentError),
    ("StepLR: last_epoch=3 resumes", lambda o: StepLR(o, 2, last_epoch=3), StateDictError),
    ("StepLR: optimizer", lambda o: StepLR(o.param_groups, 2), DtypeError),
    ("MultiStepLR: milestones", lambda o: MultiStepLR(o, [3, -1]), ArgumentError),
    ("MultiStepLR: gamma", lambda o: MultiStepLR(o, [3], NAN), ArgumentError),
    ("ConstantLR: factor", lambda o: ConstantLR(o, 1.5), ArgumentError),
    ("ConstantLR: factor", lambda o: ConstantLR(o, -0.5), ArgumentError),
    ("ConstantLR: total_iters", lambda o: ConstantLR(o, 0.5, 2.5), ArgumentError),  # type: ignore[arg-type]
    ("LinearLR: start_factor", lambda o: LinearLR(o, 0.0), ArgumentError),
    ("LinearLR: start_factor", lambda o: LinearLR(o, 1.1), ArgumentError),
    ("LinearLR: end_factor", lambda o: LinearLR(o, 0.5, -0.1), ArgumentError),
    ("LinearLR: total_iters", lambda o: LinearLR(o, total_iters=-1), ArgumentError),
    ("ExponentialLR: gamma", lambda o: ExponentialLR(o, "0.5"), ArgumentError),  # type: ignore[arg-type]
    ("PolynomialLR: total_iters", lambda o: PolynomialLR(o, 0), ArgumentError),
    ("PolynomialLR: power", lambda o: PolynomialLR(o, power=-1), ArgumentError),
    ("CosineAnnealingLR: T_max", lambda o: CosineAnnealingLR(o, 0), ArgumentError),
    ("CosineAnnealingLR: eta_min", lambda o: CosineAnnealingLR(o, 5, -1), ArgumentError),
    ("WarmRestarts: T_0", lambda o: CosineAnnealingWarmRestarts(o, 0), ArgumentError),
    ("WarmRestarts: T_mult", lambda o: CosineAnnealingWarmRestarts(o, 2, 0), ArgumentError),
    ("WarmRestarts: eta_min", lambda o: CosineAnnealingWarmRestarts(o, 2, 1, NAN), ArgumentError),
    ("CyclicLR: base_lr", lambda o: CyclicLR(o, [0.1], 0.5), ArgumentError),
    ("CyclicLR: max_lr", lambda o: CyclicLR(o, 0.1, -0.5), ArgumentError),
    ("CyclicLR: step_size_up", lambda o: CyclicLR(o, 0.1, 0.5, 0), ArgumentError),
    ("CyclicLR: step_size_down", lambda o: CyclicLR(o, 0.1, 0.5, 1, -1), ArgumentError),
    ("CyclicLR: mode must be 'tri", lambda o: CyclicLR(o, 0.1, 0.5, mode="x"), ArgumentError),  # type: ignore[arg-type]
    ("CyclicLR: scale_mode", lambda o: CyclicLR(o, 0.1, 0.5, scale_mode="x"), ArgumentError),  # type: ignore[arg-type]
    ("CyclicLR: scale_fn", lambda o: CyclicLR(o, 0.1, 0.5, scale_fn=1), DtypeError),  # type: ignore[arg-type]
    ("CyclicLR: max_momentum", lambda o: CyclicLR(o, 0.1, 0.5, max_momentum=NAN), ArgumentError),
    ("CyclicLR: base_momentum", lambda o: CyclicLR(o, 0.1, 0.5, base_momentum=[1]), ArgumentError),
    ("OneCycleLR: give total_steps", lambda o: OneCycleLR(o, 0.5, epochs=3), ArgumentError),
    ("OneCycleLR: total_steps", lambda o: OneCycleLR(o, 0.5, 0), ArgumentError),
    ("OneCycleLR: epochs", lambda o: OneCycleLR(o, 0.5, epochs=-1, steps_per_epoch=2),
     ArgumentError),
    ("OneCycleLR: pct_start", lambda o: OneCycleLR(o, 0.5, 9, pct_start=1.1), ArgumentError),
    ("OneCycleLR: anneal_strategy", lambda o: OneCycleLR(o, 0.5, 9, anneal_strategy="x"),  # type: ignore[arg-type]
     ArgumentError),
    ("OneCycleLR: div_factor", lambda o: OneCycleLR(o, 0.5, 9, div_factor=0), ArgumentError),
    ("OneCycleLR: final_div_factor", lambda o: OneCycleLR(o, 0.5, 9, final_div_factor=NAN),
     ArgumentError),
    ("OneCycleLR: last_epoch=3 resumes.*'initial_lr'", lambda o: OneCycleLR(o, 0.5, 9, last_epoch=3),
     StateDictError),
    ("LambdaLR: lr_lambda must be one", lambda o: LambdaLR(o, [abs]), ArgumentError),
    ("LambdaLR: lr_lambda must be a", lambda o: LambdaLR(o, 0.5), DtypeError),  # type: ignore[arg-type]
    ("MultiplicativeLR: lr_lambda", lambda o: MultiplicativeLR(o, [abs, None]), DtypeError),  # type: ignore[list-item]
    ("Plateau: mode must be 'min'", lambda o: ReduceLROnPlateau(o, "x"), ArgumentError),  # type: ignore[arg-type]
    ("Plateau: factor", lambda o: ReduceLROnPlateau(o, factor=1.0), ArgumentError),
    ("Plateau: patience", lambda o: ReduceLROnPlateau(o, patience=-1), ArgumentError),
    ("Plateau: threshold", lambda o: ReduceLROnPlateau(o, threshold=NAN), ArgumentError),
    ("Plateau: threshold_mode", lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ArgumentError),  # type: ignore[arg-type]
    ("Plateau: cooldown", lambda o: ReduceLROnPlateau(o, cooldown=0.5), ArgumentError),  # type: ignore[arg-type]
    ("Plateau: min_lr", lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), ArgumentError),
    ("Plateau: optimizer", lambda o: ReduceLROnPlateau(None), DtypeError),  # type: ignore[arg-type]
    ("SWALR: swa_lr", lambda o: SWALR(o, -1.0), ArgumentError),
    ("SequentialLR: schedulers must be a list", lambda o: SequentialLR(o, [], []), ArgumentError),
    ("ChainedScheduler: schedulers must be a list", lambda o: ChainedScheduler([]), ArgumentError),
    ("ChainedScheduler: schedulers.0. must be", lambda o: ChainedScheduler([o]), DtypeError),
]  # fmt: skip


@pytest.mark.parametrize(("match", "make", "error"), BAD, ids=[b[0] for b in BAD])
def test_what_has_no_meaning_is_refused_and_changes_nothing(
    match: str, make: Callable[[Any], Any], error: type[Exception]
) -> None:
    optimizer = sgd(groups=2)
    before = [dict(group) for group in optimizer.param_groups], dict(vars(optimizer))
    with pytest.raises(error, match=match):
        make(optimizer)
    assert ([dict(group) for group in optimizer.param_groups], dict(vars(optimizer))) == before


def test_parts_must_be_schedulers_of_one_optimiser() -> None:
    optimizer, other = sgd(), sgd()
    parts = [StepLR(optimizer, 3), StepLR(other, 3)]
    with pytest.raises(ArgumentError, match=r"schedulers\[1\] changes another optimiser"):
        ChainedScheduler(parts)
    with pytest.raises(ArgumentError, match=r"schedulers\[0\] changes another optimiser"):
        SequentialLR(other, parts, [3])
    plateau = [parts[0], ReduceLROnPlateau(optimizer)]
    for make in (lambda: ChainedScheduler(plateau), lambda: SequentialLR(optimizer, plateau, [3])):
        with pytest.raises(ArgumentError, match=r"schedulers\[1\] is a ReduceLROnPlateau"):
            make()
    mine = [parts[0], StepLR(optimizer, 2)]
    for milestones, match in (([], "1 milestones"), ([-1], "milestones must"), ([2, 1], "got 2")):
        with pytest.raises(ArgumentError, match=match):
            SequentialLR(optimizer, mine, milestones)
    with pytest.raises(ArgumentError, match="must not decrease"):
        SequentialLR(optimizer, [*mine, parts[0]], [5, 3])
    with pytest.raises(ArgumentError, match="last_epoch must be -1"):
        SequentialLR(optimizer, mine, [3], last_epoch=2)


def test_momentum_is_cycled_only_where_there_is_some() -> None:
    optimizer = optim.Adagrad([tg.ones(1, requires_grad=True)])
    for make in (lambda: CyclicLR(optimizer, 0.1, 0.5), lambda: OneCycleLR(optimizer, 0.5, 9)):
        with pytest.raises(ArgumentError, match="Adagrad has neither momentum nor betas"):
            make()
    CyclicLR(optimizer, 0.1, 0.5, cycle_momentum=False)
    adam = optim.Adam([tg.ones(1, requires_grad=True)])
    with pytest.raises(ArgumentError, match=r"max_momentum.*below 1"):
        OneCycleLR(adam, 0.5, 9, max_momentum=1.0)


def test_an_optimiser_without_rates_is_refused() -> None:
    class Still(optim.Optimizer):
        def step(self, closure: Any = None) -> None: ...

    with pytest.raises(ArgumentError, match="group 0 of the optimiser has no 'lr'"):
        ExponentialLR(Still([tg.ones(1)], {}), 0.5)


def test_a_failing_step_changes_nothing() -> None:
    def factor(epoch: int) -> float:
        if epoch == 3:
            raise RuntimeError("no rate")
        return 0.5

    optimizer = sgd()
    scheduler = LambdaLR(optimizer, factor)
    rates(optimizer, scheduler, 2)
    before = scheduler.state_dict(), optimizer.param_groups[0]["lr"]
    with pytest.raises(RuntimeError, match="no rate"):
        scheduler.step()
    assert (scheduler.state_dict(), optimizer.param_groups[0]["lr"]) == before


def test_a_group_added_later_needs_a_rate_of_its_own() -> None:
    optimizer = sgd()
    schedulers = [
        LambdaLR(optimizer, lambda e: 0.5),
        CosineAnnealingWarmRestarts(optimizer, 5),
        CyclicLR(optimizer, 0.1, 0.5),
        OneCycleLR(optimizer, 0.5, 9),
    ]
    matches = ["1 values for 2 groups"] * 3 + ["group 1 of the optimiser has no 'initial_lr'"]
    optimizer.add_param_group({"params": [tg.ones(1, requires_grad=True)]})
    optimizer.step()
    before = [dict(group) for group in optimizer.param_groups]
    for scheduler, match in zip(schedulers, matches, strict=True):
        state = scheduler.state_dict()
        with pytest.raises(ArgumentError, match=match):
            scheduler.step()
        assert scheduler.state_dict() == state
    assert [dict(group) for group in optimizer.param_groups] == before
    plateau = ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1, 0.1])
    plateau.step(1.0)
    optimizer.add_param_group({"params": [tg.ones(1, requires_grad=True)]})
    before = plateau.state_dict()
    with pytest.raises(ArgumentError, match="min_lrs has 2 values for 3 groups"):
        plateau.step(2.0)
    assert plateau.state_dict() == before


def test_a_metric_must_be_a_number() -> None:
    scheduler = ReduceLROnPlateau(sgd())
    for metric in (None, "x", [1.0]):
        with pytest.raises(DtypeError, match="metrics must be a number"):
            scheduler.step(metric)
    with pytest.warns(UserWarning, match="epoch is deprecated"):
        scheduler.step(1.0, epoch=4)
    assert scheduler.last_epoch == 4


def test_rates_are_asked_for_by_get_last_lr() -> None:
    optimizer = sgd()
    for compound in (
        ReduceLROnPlateau(optimizer),
        ChainedScheduler([StepLR(optimizer, 2)]),
        SequentialLR(optimizer, [StepLR(optimizer, 2)], []),
    ):
        with pytest.raises(ArgumentError, match=r"ask get_last_lr\(\)"):
            compound.get_lr()


# -- state dicts -----------------------------------------------------------------------------------


class Power:
    """A function with a state."""

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, epoch: float) -> float:
        return float(self.base**epoch)


def test_of_callable_objects_the_attributes_are_saved() -> None:
    optimizer = sgd(groups=2)
    scheduler = LambdaLR(optimizer, [Power(0.5), lambda e: 1.0])
    saved = scheduler.state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]
    other = LambdaLR(sgd(groups=2), [Power(0.9), lambda e: 1.0])
    other.load_state_dict(saved)
    assert other.lr_lambdas[0](2) == 0.25
    with pytest.raises(StateDictError, match=r"attributes of lr_lambdas\[0\]"):
        LambdaLR(optimizer, lambda e: 1.0).load_state_dict(saved)
    with pytest.raises(StateDictError, match="lr_lambdas: expected 1, got 2"):
        LambdaLR(sgd(), Power(1.0)).load_state_dict(saved)
    cyclic = CyclicLR(optimizer, 0.1, 0.5, scale_fn=Power(0.5))
    saved = cyclic.state_dict()
    assert saved["_scale_fn_custom"] == {"base": 0.5}
    mine = CyclicLR(optimizer, 0.1, 0.5, scale_fn=Power(0.9))
    mine.load_state_dict(saved)
    assert mine.scale_fn(1) == 0.5
    with pytest.raises(StateDictError, match="attributes of scale_fn"):
        CyclicLR(optimizer, 0.1, 0.5).load_state_dict(saved)


def test_a_state_dict_that_does_not_fit_changes_nothing() -> None:
    optimizer = sgd()
    parts = [StepLR(optimizer, 2), ExponentialLR(optimizer, 0.5)]
    scheduler = SequentialLR(optimizer, parts, [3])
    saved = scheduler.state_dict()
    wrong = copy.deepcopy(saved)
    wrong["last_epoch"] = 7
    del wrong["_schedulers"][0]["gamma"]
    wrong["_schedulers"][1]["speed"] = 1
    with pytest.raises(StateDictError, match=r"nothing was loaded") as caught:
        scheduler.load_state_dict(wrong)
    assert "_schedulers[0]: missing: 'gamma'" in str(caught.value)
    assert "_schedulers[1]: unexpected: 'speed'" in str(caught.value)
    for bad in ([], {}, {**saved, "_schedulers": []}):
        with pytest.raises(StateDictError):
            scheduler.load_state_dict(bad)  # type: ignore[arg-type]
    assert scheduler.state_dict() == saved
    with pytest.raises(StateDictError, match="missing: 'T_max'"):
        CosineAnnealingLR(optimizer, 9).load_state_dict(parts[0].state_dict())


def test_flags_of_other_versions_do_not_matter() -> None:
    scheduler = StepLR(sgd(), 2)
    saved = {**scheduler.state_dict(), "verbose": False, "last_epoch": 4}
    del saved["_is_initial"], saved["_get_lr_called_within_step"]
    scheduler.load_state_dict(saved)
    assert scheduler.last_epoch == 4 and not hasattr(scheduler, "verbose")


def test_what_was_loaded_is_a_copy() -> None:
    optimizer = sgd(tg.tensor(LR))
    scheduler = MultiStepLR(optimizer, [2])
    saved = scheduler.state_dict()
    scheduler.load_state_dict(saved)
    saved["milestones"][5] = 1
    saved["base_lrs"][0].fill_(0.0)
    assert dict(scheduler.milestones) == {2: 1}
    assert float(scheduler.base_lrs[0]) == pytest.approx(LR)


# -- the optimiser's step --------------------------------------------------------------------------


def test_the_first_step_is_noted_and_later_ones_cost_nothing() -> None:
    optimizer = sgd()
    scheduler = StepLR(optimizer, 2)
    ExponentialLR(optimizer, 0.5)
    assert "step" in vars(optimizer)
    with pytest.warns(UserWarning, match=r"before optimizer\.step\(\)"):
        scheduler.step()
    assert optimizer.step(lambda: 5) == 5
    assert "step" not in vars(optimizer)
    StepLR(optimizer, 2).step()
    assert "step" not in vars(optimizer)


@pytest.mark.parametrize("hook_first", [False, True])
def test_hooks_and_schedulers_share_the_step(hook_first: bool) -> None:
    optimizer, calls = sgd(), []
    if hook_first:
        optimizer.register_step_post_hook(lambda *_: calls.append(1))
    scheduler = StepLR(optimizer, 2)
    if not hook_first:
        optimizer.register_step_post_hook(lambda *_: calls.append(1))
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    assert calls == [1, 1, 1]


def test_the_order_is_watched_after_copying() -> None:
    optimizer = sgd()
    scheduler = StepLR(optimizer, 2)
    for again in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        with pytest.warns(UserWarning, match=r"before optimizer\.step\(\)"):
            again.step()
        other = copy.deepcopy(scheduler)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other.optimizer.step()
            other.step()


def test_a_scheduler_keeps_no_optimiser_alive_by_a_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        optimizer = sgd()
        scheduler = SequentialLR(optimizer, [StepLR(optimizer, 2)], [])
        optimizer.step()
        scheduler.step()
        reference = weakref.ref(optimizer)
        del optimizer, scheduler
        assert reference() is None
    finally:
        gc.enable()
