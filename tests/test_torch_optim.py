"""Optimisers beside PyTorch's: thirty steps of every configuration, states and state dicts."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from optimisers import MATRICES, SHAPES, TABLE
from tapegrad import nn, optim
from tapegrad.optim import block, flat
from tolerances import Tolerance, assert_same, of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

STEPS = 30

CASES = [(name, options) for name, rows in TABLE.items() for options in rows]


@pytest.fixture
def _exact_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch rounds Muon's iteration to bfloat16; here it shall not."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())


def starts(name: str, dtype: Any) -> list[np.ndarray]:
    shapes = MATRICES if name == "Muon" else SHAPES
    if name == "Adafactor":  # PyTorch divides by the number of elements
        shapes = [shape for shape in shapes if 0 not in shape]
    return [np.asarray(np.random.randn(*shape)).astype(dtype) for shape in shapes]


def pair(
    name: str, values: list[np.ndarray], options: dict[str, Any]
) -> tuple[list[tg.Tensor], Any, list[Any], Any]:
    mine = [tg.tensor(value) for value in values]
    mine = [p if p.dtype.kind == "c" else nn.Parameter(p) for p in mine]
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in values]
    return (
        mine,
        getattr(optim, name)(mine, **options),
        theirs,
        getattr(torch.optim, name)(theirs, **options),
    )


def give(mine: list[tg.Tensor], theirs: list[Any], which: set[int] | None = None) -> None:
    """New gradients, the same for both; none for those not in `which`."""
    for i, (p, q) in enumerate(zip(mine, theirs, strict=True)):
        p.grad = q.grad = None
        if which is None or i in which:
            g = np.asarray(np.random.randn(*p.shape)).astype(p.dtype)
            p.grad, q.grad = tg.tensor(g), torch.tensor(g)


def assert_close(actual: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Sums are as exact as their largest terms, which are like the largest values."""
    rtol, atol = of(expected.dtype)
    largest = float(np.max(np.abs(expected), initial=1.0))
    assert_same(actual, expected, what, Tolerance(rtol, atol * largest))


def assert_equal(mine: list[tg.Tensor], theirs: list[Any], what: str) -> None:
    for i, (p, q) in enumerate(zip(mine, theirs, strict=True)):
        assert_close(p.detach().numpy(), q.detach().numpy(), f"{what}, parameter {i}")


def assert_states_equal(mine: Any, theirs: Any) -> None:
    a, b = mine.state_dict(), theirs.state_dict()
    assert [g["params"] for g in a["param_groups"]] == [g["params"] for g in b["param_groups"]]
    for i, entry in b["state"].items():
        assert a["state"].get(i, {}).keys() == entry.keys()
        for key, value in entry.items():
            assert_close(a["state"][i][key].numpy(), np.asarray(value), f"{key} of {i}")


@pytest.mark.usefixtures("_exact_iteration")
@pytest.mark.parametrize(("dtype", "small", "piece"), [("float64", 100, 100), ("float32", 20, 7)])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_thirty_steps_are_pytorchs(
    name: str,
    options: dict[str, Any],
    dtype: str,
    small: int,
    piece: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block, "SMALL", small)  # with 20 the last parameter stays where it is
    monkeypatch.setattr(flat, "PIECE", piece)  # with 7 all others and it are cut into pieces
    mine, a, theirs, b = pair(name, starts(name, dtype), options)
    for step in range(STEPS):
        give(mine, theirs)
        a.step()
        b.step()
        assert_equal(mine, theirs, f"step {step}")
    assert_states_equal(a, b)
    assert a.param_groups[0].keys() == b.param_groups[0].keys()


@pytest.mark.usefixtures("_exact_iteration")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_parameters_without_gradient_are_passed_over_as_in_pytorch(
    name: str, options: dict[str, Any]
) -> None:
    mine, a, theirs, b = pair(name, starts(name, "float64"), options)
    for step in range(STEPS):
        give(mine, theirs, {i for i in range(len(mine)) if (step // (i + 1)) % 3})
        a.step()
        b.step()
        assert_equal(mine, theirs, f"step {step}")


ELEMENTWISE = [(n, o) for n, o in CASES if n not in ("Muon", "Adafactor") and "fused" not in o]


@pytest.mark.parametrize(("name", "options"), ELEMENTWISE)
def test_complex_parameters_are_pairs_of_real_ones(name: str, options: dict[str, Any]) -> None:
    values = [
        np.asarray(np.random.randn(*s) + 1j * np.random.randn(*s)) for s in [(3, 2), (), (4,)]
    ]
    mine, a, theirs, b = pair(name, values, options)
    for step in range(8):
        for p, q, value in zip(mine, theirs, values, strict=True):
            g = np.asarray(np.random.randn(*value.shape) + 1j * np.random.randn(*value.shape))
            p.grad, q.grad = tg.tensor(g), torch.tensor(g)
        a.step()
        b.step()
        assert_equal(mine, theirs, f"step {step}")
    assert_states_equal(a, b)


def test_groups_that_come_later_have_options_and_ages_of_their_own() -> None:
    values = [np.random.randn(*shape) for shape in [(3,), (2, 2), (4,), (1,)]]
    mine = [nn.Parameter(tg.tensor(value)) for value in values]
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in values]
    optimizers = []
    for package, params in ((tg, mine), (torch, theirs)):
        groups = [
            {"params": params[:2], "lr": 0.1},
            {"params": params[2:3], "betas": (0.5, 0.5)},
        ]
        optimizers.append(package.optim.NAdam(groups, lr=0.01, weight_decay=0.1))
    for step in range(STEPS):
        if step == 7:
            for optimizer, params in zip(optimizers, (mine, theirs), strict=True):
                optimizer.add_param_group(
                    {"params": params[3], "lr": 1.0, "decoupled_weight_decay": True}
                )
        if step == 12:
            for optimizer in optimizers:
                optimizer.param_groups[0].update(lr=0.5, weight_decay=0, maximize=True)
        give(mine, theirs)
        for optimizer in optimizers:
            optimizer.step()
        assert_equal(mine, theirs, f"step {step}")
    assert_states_equal(*optimizers)


def test_muon_is_pytorchs_up_to_its_rounding_to_bfloat16() -> None:
    values = [np.random.randn(20, 30), np.random.randn(30, 20)]
    mine, a, theirs, b = pair("Muon", values, {"lr": 1.0, "weight_decay": 0.0})
    give(mine, theirs)
    a.step()
    b.step()
    for p, q, value in zip(mine, theirs, values, strict=True):
        step, expected = value - p.detach().numpy(), value - q.detach().numpy()
        assert np.linalg.norm(step - expected) < 0.02 * np.linalg.norm(expected)


# -- those with a way of their own -----------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"max_iter": 10},  # from about 50 iterations on roundings have grown to differences
        {"lr": 0.1, "max_iter": 3},
        {"line_search_fn": "strong_wolfe", "max_iter": 10},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7},
        {"line_search_fn": "strong_wolfe", "history_size": 1, "lr": 100.0},
        {"line_search_fn": "strong_wolfe", "max_eval": 2},
        {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_iter": 5},
        {"lr": 0.01, "tolerance_change": 1e-2},
        {"line_search_fn": "strong_wolfe", "tolerance_grad": 1.0},
    ],
)
def test_lbfgs_is_pytorchs(options: dict[str, Any]) -> None:
    inputs, targets = np.random.randn(30, 4), np.random.randn(30)
    values = [np.random.randn(4, 3), np.random.randn(3), np.random.randn(3), np.asarray(0.5)]
    mine, a, theirs, b = pair("LBFGS", values, options)

    def closure(params: list[Any], optimizer: Any, framework: Any) -> Any:
        def evaluate() -> Any:
            optimizer.zero_grad()
            w, bias, v, c = params
            h = framework.tanh(framework.tensor(inputs) @ w + bias)
            loss = ((h @ v + c - framework.tensor(targets)) ** 2).mean() + 0.01 * (w * w).sum()
            loss.backward()
            return loss

        return evaluate

    for step in range(3):
        first = a.step(closure(mine, a, tg)).item()
        expected = b.step(closure(theirs, b, torch)).item()
        assert first == pytest.approx(expected, rel=1e-9)
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(
                p.detach().numpy(), q.detach().numpy(), 1e-8, 1e-10, err_msg=f"step {step}"
            )
    one, other = a.state[mine[0]], b.state[theirs[0]]
    assert (one["n_iter"], one["func_evals"]) == (other["n_iter"], other["func_evals"])
    assert len(one["old_dirs"]) == len(other["old_dirs"])


@pytest.mark.parametrize(
    "options", [{}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}, {"maximize": True}]
)
def test_sparse_adam_is_pytorchs_on_the_rows_that_have_a_gradient(options: dict[str, Any]) -> None:
    values = [np.random.randn(5, 3), np.random.randn(4), np.random.randn(3, 2, 2)]
    mine, a, theirs, b = pair("SparseAdam", values, options)
    for step in range(STEPS):
        for p, q in zip(mine, theirs, strict=True):
            rows = np.random.permutation(len(p))[: step % len(p)]
            found = np.random.randn(len(rows), *p.shape[1:])
            if found.ndim > 1:
                found[:, 0] = 0  # rows with some zeros are there
            g = np.zeros(p.shape)
            g[rows] = found
            p.grad = tg.tensor(g)
            q.grad = torch.sparse_coo_tensor(rows[None], found, p.shape, check_invariants=True)
        a.step()
        b.step()
        assert_equal(mine, theirs, f"step {step}")
    assert_states_equal(a, b)


@pytest.mark.parametrize("name", [*TABLE, "LBFGS", "SparseAdam"])
def test_arguments_and_defaults_are_pytorchs(name: str) -> None:
    def arguments(kind: Any) -> list[tuple[str, Any, Any]]:
        found = inspect.signature(kind).parameters.values()
        return [(p.name, p.kind, p.default) for p in found]

    mine, theirs = getattr(optim, name), getattr(torch.optim, name)
    assert arguments(mine) == arguments(theirs)
    shape = (1, 1)
    a, b = mine([nn.Parameter(tg.ones(shape))]), theirs([torch.nn.Parameter(torch.ones(shape))])
    assert a.defaults == b.defaults and list(a.state_dict()) == list(b.state_dict())


# -- state dicts -----------------------------------------------------------------------------------


def converted(value: Any) -> Any:
    """A state dict of PyTorch's with its tensors as ours."""
    if isinstance(value, torch.Tensor):
        return tg.tensor(value.detach().numpy())
    if isinstance(value, dict):
        return {k: converted(v) for k, v in value.items()}
    return type(value)(map(converted, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.usefixtures("_exact_iteration")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_training_goes_on_from_a_state_dict_of_pytorchs(name: str, options: dict[str, Any]) -> None:
    mine, _, theirs, b = pair(name, starts(name, "float64"), options)
    for step in range(3):
        give(mine, theirs, {i for i in range(len(mine)) if i >= step})  # of different ages
        b.step()
    fresh = [nn.Parameter(tg.tensor(q.detach().numpy())) for q in theirs]
    again = getattr(optim, name)(fresh)
    again.load_state_dict(converted(b.state_dict()))
    for step in range(3):
        give(fresh, theirs)
        again.step()
        b.step()
        assert_equal(fresh, theirs, f"step {step}")


def test_state_dicts_have_pytorchs_layout() -> None:
    def layout(value: Any) -> Any:
        if isinstance(value, (tg.Tensor, torch.Tensor)):
            return tuple(value.shape)
        if isinstance(value, dict):
            return {k: layout(v) for k, v in value.items()}
        return [layout(v) for v in value] if isinstance(value, (list, tuple)) else value

    found = []
    for package in (tg, torch):
        model = package.nn.Sequential(package.nn.Linear(3, 2), package.nn.Linear(2, 1))
        optimizer = package.optim.AdamW(
            [
                {"params": model[0].named_parameters(), "lr": 0.1},
                {"params": model[1].named_parameters()},
            ],
            amsgrad=True,
        )
        model(package.ones(1, 3)).sum().backward()
        optimizer.step()
        found.append(layout(optimizer.state_dict()))
    assert found[0] == found[1]
    assert found[0]["param_groups"][1]["param_names"] == ["weight", "bias"]


def test_lbfgs_goes_on_from_a_state_dict_of_pytorchs() -> None:
    values = [np.random.randn(3), np.random.randn(2)]
    mine, a, theirs, b = pair("LBFGS", values, {"max_iter": 4, "line_search_fn": "strong_wolfe"})

    def closure(params: list[Any], optimizer: Any) -> Any:
        def evaluate() -> Any:
            optimizer.zero_grad()
            loss = ((params[0] - 1) ** 4).sum() + (params[1] ** 2).sum() * params[0][0] ** 2
            loss.backward()
            return loss

        return evaluate

    b.step(closure(theirs, b))
    with tg.no_grad():
        for p, q in zip(mine, theirs, strict=True):
            p.copy_(tg.tensor(q.detach().numpy()))
    a.load_state_dict(converted(b.state_dict()))
    for _ in range(2):
        a.step(closure(mine, a))
        b.step(closure(theirs, b))
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-9, 1e-10)


def test_lbfgs_takes_complex_parameters_as_pairs() -> None:
    values = [np.random.randn(2, 2) + 1j * np.random.randn(2, 2), np.asarray(1.5 - 0.5j)]
    mine, a, theirs, b = pair("LBFGS", values, {"line_search_fn": "strong_wolfe", "max_iter": 6})

    def closure(params: list[Any], tensor: Any) -> Any:
        def evaluate() -> Any:
            loss = 0.0
            for p in params:  # sum of |z - 1|^4 and its gradient
                away = p.detach().numpy() - 1
                square = np.abs(away) ** 2
                loss += float(np.sum(square**2))
                p.grad = tensor(4 * square * away)
            return loss

        return evaluate

    for _ in range(2):
        a.step(closure(mine, tg.tensor))
        b.step(closure(theirs, torch.tensor))
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), 1e-9, 1e-10)
