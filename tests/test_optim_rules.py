"""All optimisers: on the stand-in device, in every dtype, with penalties, and what a step costs."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from optimisers import MATRICES, SHAPES, TABLE
from standin import StrictArray
from tapegrad import nn, optim
from tapegrad.errors import ArgumentError, DtypeError, GraphError, ShapeError, StateDictError
from tolerances import assert_same

MORE: dict[str, list[dict[str, Any]]] = {
    "Lion": [{}, {"lr": 0.01, "betas": (0.5, 0.7), "weight_decay": 0.3}, {"maximize": True}],
    "SparseAdam": [{}, {"lr": 0.1, "betas": (0.5, 0.9), "maximize": True}],
}
ALL = {**TABLE, **MORE}
CASES = [(name, options) for name, rows in ALL.items() for options in rows]
NAMES = list(ALL)
ELEMENTWISE = [name for name in NAMES if name not in ("Adafactor", "Muon", "SparseAdam")]
DECOUPLED = {"AdamW", "Lion", "Muon", "Adafactor"}


def shapes_of(name: str) -> list[tuple[int, ...]]:
    return MATRICES if name == "Muon" else SHAPES


def parameters(name: str, dtype: Any = tg.float64, device: str = "cpu") -> list[nn.Parameter]:
    return [
        nn.Parameter(tg.tensor(np.random.randn(*shape), dtype=dtype).to(device))
        for shape in shapes_of(name)
    ]


def give(params: list[Any]) -> None:
    for p in params:
        p.grad = tg.tensor(np.random.randn(*p.shape), dtype=p.dtype).to(p.device)


def host(t: Any) -> Any:
    return t.detach().cpu().numpy()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_stand_in_device_takes_the_same_steps(name: str, options: dict[str, Any]) -> None:
    results = []
    for device in ("cpu", "standin"):
        np.random.seed(0)
        params = parameters(name, device=device)
        optimizer = getattr(optim, name)(params, **options)
        for _ in range(4):
            give(params)
            optimizer.step()
        assert all(p.device.type == device for p in params)
        results.append([host(p).copy() for p in params])
        copied = getattr(optim, name)(params)
        copied.load_state_dict(optimizer.state_dict())
        give(params)
        copied.step()
    for a, b in zip(*results, strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", ["cpu", "standin"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_half(name: str, device: str, dtype: str) -> None:
    half = np.dtype(getattr(pytest.importorskip("ml_dtypes"), dtype, dtype))
    params = parameters(name, half, device)
    optimizer = getattr(optim, name)(params, lr=50.0 if name == "Adadelta" else 0.5)
    for _ in range(2):
        give(params)
        before = [host(p).copy() for p in params]
        optimizer.step()
    for p, old in zip(params, before, strict=True):
        assert p.dtype == half and np.all(np.isfinite(host(p)))
        assert p.array.size == 0 or not np.array_equal(host(p), old)


@pytest.mark.parametrize("name", ["Adafactor", "Muon"])
def test_sums_over_half_precision_do_not_overflow(name: str) -> None:
    p = nn.Parameter(tg.full((4, 4), 300.0, dtype=tg.float16))
    optimizer = getattr(optim, name)([p], lr=1.0)
    p.grad = tg.full((4, 4), 200.0, dtype=tg.float16)  # the sum of squares is beyond float16
    optimizer.step()
    assert np.all(np.isfinite(host(p))) and np.all(host(p) < 300)


# -- a step costs the same, whatever the number of parameters --------------------------------------


def calls_of_a_step(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    params = [nn.Parameter(tg.ones(3, 2).to("standin")) for _ in range(count)]
    optimizer = getattr(optim, name)(params)
    for _ in range(2):  # blocks are made in the first
        give(params)
        optimizer.step()
    give(params)
    found = [0]
    with monkeypatch.context() as patch:
        for method in ("__array_ufunc__", "__array_function__", "__getitem__", "__setitem__"):
            plain = getattr(StrictArray, method)

            def counted(self: Any, *args: Any, plain: Any = plain, **kwargs: Any) -> Any:
                found[0] += 1
                return plain(self, *args, **kwargs)

            patch.setattr(StrictArray, method, counted)
        optimizer.step()
    return found[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_as_many_calls_for_fifty_parameters_as_for_two(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (calls_of_a_step(name, count, monkeypatch) for count in (2, 50))
    assert few == many <= {"Adafactor": 30, "Muon": 65}.get(name, 25)


# -- Lion ------------------------------------------------------------------------------------------


def lion_of_the_paper(
    w: Any, g: Any, m: Any, eta: float, betas: tuple[float, float], decay: float
) -> Any:
    """Algorithm 2 of Chen et al., 2023."""
    c = betas[0] * m + (1 - betas[0]) * g
    w = w - eta * (np.sign(c) + decay * w)
    return w, betas[1] * m + (1 - betas[1]) * g


@pytest.mark.parametrize("options", MORE["Lion"])
@pytest.mark.parametrize("dtype", [tg.float64, tg.float32])
def test_lion_is_the_papers(options: dict[str, Any], dtype: Any) -> None:
    params = parameters("Lion", dtype)
    optimizer = optim.Lion(params, **options)
    defaults = optimizer.defaults
    expected = [(host(p).copy(), np.zeros_like(host(p))) for p in params]
    for _ in range(30):
        give(params)
        optimizer.step()
        for i, (w, m) in enumerate(expected):
            g = -host(params[i].grad) if defaults["maximize"] else host(params[i].grad)
            expected[i] = lion_of_the_paper(
                w, g, m, defaults["lr"], defaults["betas"], defaults["weight_decay"]
            )
    for p, (w, m) in zip(params, expected, strict=True):
        assert_same(host(p), w)
        assert_same(host(optimizer.state[p]["exp_avg"]), m)


# -- penalties -------------------------------------------------------------------------------------


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("l2", [0, 0.3])
def test_coupled_penalties_are_gradients_of_the_penalty(maximize: bool, l2: float) -> None:
    params = parameters("SGD")
    groups = [{"params": params[:2], "l1_decay": 0.2}, {"params": params[2:]}]
    optimizer = optim.SGD(groups, lr=0.1, weight_decay=l2, maximize=maximize)
    give(params)
    before = [host(p).copy() for p in params]
    optimizer.step()
    for i, (p, w) in enumerate(zip(params, before, strict=True)):
        g = -host(p.grad) if maximize else host(p.grad)
        assert_same(host(p), w - 0.1 * (g + l2 * w + (0.2 if i < 2 else 0) * np.sign(w)))


@pytest.mark.parametrize("name", sorted(DECOUPLED))
def test_decoupled_l1_decay_draws_to_zero_and_not_beyond(name: str) -> None:
    p = nn.Parameter(tg.tensor([[2.0, -1.0, 1e-3, 0.0]], dtype=tg.float64))
    optimizer = getattr(optim, name)([{"params": [p], "l1_decay": 0.5}], lr=0.1, weight_decay=0.1)
    p.grad = tg.zeros(1, 4, dtype=tg.float64)
    optimizer.step()
    assert_same(host(p), np.array([[2.0 * 0.99 - 0.05, -0.99 + 0.05, 0.0, 0.0]]))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_l1_decay_works_with_every_optimiser(name: str) -> None:
    p = nn.Parameter(tg.ones(3))
    optimizer = getattr(optim, name)([{"params": [p], "l1_decay": 0.5}])
    p.grad = tg.zeros(3)
    optimizer.step()
    assert np.all(host(p) < 1)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_the_learning_rate_may_be_a_tensor(name: str) -> None:
    found = []
    for lr in (0.25, tg.tensor(0.25)):
        p = nn.Parameter(tg.tensor([[1.0, 2.0]]))
        optimizer = getattr(optim, name)([p], lr=lr)

        def closure(p: Any = p) -> Any:
            p.grad = None
            loss = (p * p).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        if isinstance(lr, tg.Tensor):
            lr.fill_(0.125)
        else:
            optimizer.param_groups[0]["lr"] = 0.125
        optimizer.step(closure)
        found.append(host(p))
    assert_same(*found)
    with pytest.raises(ArgumentError, match=r"lr must be a number or a tensor with one element"):
        getattr(optim, name)([nn.Parameter(tg.ones(1, 1))], lr=tg.ones(2))


@pytest.mark.parametrize("name", NAMES)
def test_switches_of_speed_are_accepted_and_change_nothing(name: str) -> None:
    found = []
    known = inspect.signature(getattr(optim, name)).parameters
    for switch in (
        {},
        {"foreach": True},
        {"foreach": False},
        {"fused": True},
        {"capturable": True},
    ):
        if set(switch) <= set(known):
            p = nn.Parameter(tg.tensor([[1.0, 2.0]]))
            optimizer = getattr(optim, name)([p], **switch)
            p.grad = tg.ones(1, 2)
            optimizer.step()
            found.append(host(p))
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_betas_may_be_tensors() -> None:
    found = []
    for betas in ((0.5, 0.75), (tg.tensor(0.5), tg.tensor(0.75))):
        p = nn.Parameter(tg.ones(2))
        optimizer = optim.Adam([p], betas=betas)
        p.grad = tg.ones(2)
        optimizer.step()
        found.append(host(p))
    assert_same(*found)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {"lr": bad}) for name in [*NAMES, "LBFGS"] for bad in (-1, math.nan, "fast")),
        *((name, {"weight_decay": -0.1}) for name in NAMES if name not in ("Rprop", "SparseAdam")),
        *((name, {"eps": -1e-8}) for name in ("NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta",
                                              "RMSprop", "SparseAdam", "Muon")),
        *((name, {"betas": (0.9, 1.0)}) for name in ("AdamW", "NAdam", "RAdam", "Adamax", "Lion",
                                                     "SparseAdam")),
        *((name, {"differentiable": True}) for name in ELEMENTWISE),
        ("Adam", {"fused": True, "foreach": True}),
        ("NAdam", {"momentum_decay": -1}),
        ("Adagrad", {"lr_decay": -1}),
        ("Adagrad", {"initial_accumulator_value": -1}),
        ("Adadelta", {"rho": 1.1}),
        ("RMSprop", {"alpha": -0.1}),
        ("RMSprop", {"momentum": -0.1}),
        ("Rprop", {"etas": (0.5, 0.9)}),
        ("Rprop", {"etas": (0.0, 1.2)}),
        ("Rprop", {"etas": 0.5}),
        ("Rprop", {"step_sizes": (1, math.inf)}),
        ("ASGD", {"t0": math.nan}),
        ("SparseAdam", {"lr": 0}),
        ("SparseAdam", {"eps": 0}),
        ("Adafactor", {"d": 0.5}),
        ("Adafactor", {"beta2_decay": 0.1}),
        ("Adafactor", {"eps": (None, None)}),
        ("Adafactor", {"eps": 1e-3}),
        ("Muon", {"adjust_lr_fn": "mine"}),
        ("Muon", {"ns_coefficients": (1, 2)}),
        ("Muon", {"ns_steps": 100}),
        ("LBFGS", {"max_iter": 0}),
        ("LBFGS", {"history_size": 0}),
        ("LBFGS", {"line_search_fn": "armijo"}),
        ("LBFGS", {"tolerance_grad": -1}),
    ],
)  # fmt: skip
def test_options_without_meaning_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"{name}: "):
        getattr(optim, name)([nn.Parameter(tg.zeros(1, 1))], **options)


def test_parameters_that_an_optimiser_cannot_train_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"Muon: params\[1\] has shape \(2,\)"):
        optim.Muon([nn.Parameter(tg.ones(2, 2)), nn.Parameter(tg.ones(2))])
    wave = tg.tensor(np.ones((2, 2), np.complex64))
    for name in ("Muon", "Adafactor", "SparseAdam"):
        with pytest.raises(DtypeError, match=rf"{name}: params\[0\] is .*complex64"):
            getattr(optim, name)([wave])
    with pytest.raises(ArgumentError, match="LBFGS: there can be one group only"):
        optim.LBFGS(
            [{"params": [nn.Parameter(tg.ones(1))]}, {"params": [nn.Parameter(tg.ones(1))]}]
        )
    with pytest.raises(ArgumentError, match=r"LBFGS\.step: needs a closure"):
        optim.LBFGS([nn.Parameter(tg.ones(1))]).step()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("device", ["cpu", "standin"])
def test_lbfgs_finds_the_minimum_of_rosenbrocks_valley(search: str | None, device: str) -> None:
    x = tg.tensor([-1.2, 1.0], dtype=tg.float64).to(device).requires_grad_()
    lr, exact = (1.0 if search else 0.5), 1e-15
    optimizer = optim.LBFGS([x], lr, 500, tolerance_change=exact, line_search_fn=search)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((1 - x[:1]) ** 2 + 100 * (x[1:] - x[:1] ** 2) ** 2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == pytest.approx(24.2)
    np.testing.assert_allclose(host(x), [1.0, 1.0], rtol=1e-5)
    assert optimizer.state[x]["func_evals"] < (80 if search else 500)


def test_graphs_from_before_a_step_of_lbfgs_are_stale() -> None:
    x = nn.Parameter(tg.tensor([3.0]))
    optimizer = optim.LBFGS([x])
    y = (x * x).sum()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with pytest.raises(GraphError, match=r"LBFGS\.step"):
        y.backward()


def test_a_closure_that_fails_leaves_lbfgs_as_it_was() -> None:
    x = nn.Parameter(tg.tensor([3.0, 4.0]))
    optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")
    calls = [0]

    def closure() -> Any:
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt
        optimizer.zero_grad()
        loss = (x**4).sum()
        loss.backward()
        return loss

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert x.tolist() == [3.0, 4.0] and not optimizer.state_dict()["state"]


def test_a_line_search_comes_back_from_where_the_function_is_not_defined() -> None:
    x = nn.Parameter(tg.tensor([0.5], dtype=tg.float64))
    optimizer = optim.LBFGS([x], 100.0, tolerance_change=1e-15, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        with np.errstate(invalid="ignore", divide="ignore"):
            loss = (x - x.log()).sum()  # NaN for x < 0, least at 1
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert x.item() == pytest.approx(1.0)


def test_lbfgs_leaves_penalties_to_the_loss() -> None:
    with pytest.raises(ArgumentError, match="LBFGS: l1_decay is not supported"):
        optim.LBFGS([{"params": [nn.Parameter(tg.ones(1))], "l1_decay": 0.1}])


def test_centered_rmsprop_stays_finite_where_the_variance_is_zero() -> None:
    p = nn.Parameter(tg.ones(1000))
    optimizer = optim.RMSprop([p], centered=True, alpha=0.5, eps=1e-3)
    p.grad = tg.rand(1000)
    for _ in range(60):
        optimizer.step()
    assert np.all(np.isfinite(host(p)))


def test_rows_without_gradient_stay_as_they_are() -> None:
    p = nn.Parameter(tg.ones(3, 2))
    optimizer = optim.SparseAdam([p], lr=0.5)
    p.grad = tg.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    optimizer.step()
    p.grad = tg.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    optimizer.step()
    assert p[0].tolist() == [1.0, 1.0] and p[1].tolist() == pytest.approx([1.0, 0.5])
    assert p[2, 0].item() < 1
    assert optimizer.state[p]["step"].item() == 2


# -- groups with names, hooks, state dicts ---------------------------------------------------------


def trained(order: list[str], **options: Any) -> tuple[dict[str, nn.Parameter], Any]:
    params = {name: nn.Parameter(tg.full((len(name),), 1.0)) for name in order}
    return params, optim.Adam(params.items(), **options)


def test_states_with_names_are_matched_by_name() -> None:
    one, a = trained(["w", "bb", "ccc"], lr=0.5)
    for i, p in enumerate(one.values()):
        p.grad = tg.full(p.shape, float(i))
    a.step()
    two, b = trained(["ccc", "w", "bb"])
    b.load_state_dict(a.state_dict())
    for name, p in two.items():
        assert b.state[p]["exp_avg"].tolist() == a.state[one[name]]["exp_avg"].tolist()
    assert b.param_groups[0]["param_names"] == ["ccc", "w", "bb"]
    assert b.param_groups[0]["lr"] == 0.5
    _, c = trained(["w", "bb", "dd"])
    with pytest.raises(StateDictError, match=r"missing \['dd'\], unexpected \['ccc'\]"):
        c.load_state_dict(a.state_dict())
    assert not c.state and c.param_groups[0]["lr"] == 1e-3
    unnamed = optim.Adam(list(two.values()))
    saved = a.state_dict()
    del saved["param_groups"][0]["param_names"]
    saved["state"] = {}
    unnamed.load_state_dict(saved)
    assert "param_names" not in unnamed.param_groups[0]


def test_names_are_for_all_groups_or_for_none() -> None:
    p, q = nn.Parameter(tg.ones(1)), nn.Parameter(tg.ones(1))
    with pytest.raises(ArgumentError, match="name all parameters of a group or none"):
        optim.SGD([("p", p), q])
    optimizer = optim.SGD([("p", p)])
    with pytest.raises(ArgumentError, match="this group has no names and another has some"):
        optimizer.add_param_group({"params": [q]})
    assert len(optimizer.param_groups) == 1


def test_everything_that_does_not_fit_is_reported_and_nothing_changed() -> None:
    _, optimizer = trained(["w", "bb"])
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"] = {
        0: {"step": tg.ones(2), "exp_avg": tg.ones(2), "exp_avg_sq": tg.ones(1)},
        1: {"exp_avg": np.ones(5)},
        7: {},
    }
    saved["param_groups"][0]["eps"] = -1
    with pytest.raises(StateDictError) as caught:
        optimizer.load_state_dict(saved)
    for part in (
        "step of parameter 0: expected (), got (2,)",
        "exp_avg of parameter 0: expected (1,), got (2,)",
        "exp_avg of parameter 1: expected (2,), got (5,)",
        "state of parameter 7",
        "eps must be",
    ):
        assert part in str(caught.value)
    assert not optimizer.state and optimizer.param_groups[0]["eps"] == 1e-8
    matrix = optim.Adafactor([nn.Parameter(tg.ones(3, 2))])
    saved = matrix.state_dict()
    saved["state"] = {0: {"row_var": tg.ones(3, 2), "col_var": tg.ones(1, 2)}}
    with pytest.raises(StateDictError, match=r"row_var .*expected \(3, 1\), got \(3, 2\)"):
        matrix.load_state_dict(saved)


def test_states_may_be_numpy_arrays() -> None:
    params, optimizer = trained(["ab"])
    saved = optimizer.state_dict()
    saved["state"] = {0: {"step": np.float32(3), "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}}
    optimizer.load_state_dict(saved)
    p = params["ab"]
    p.grad = tg.zeros(2)
    optimizer.step()
    assert optimizer.state[p]["step"].item() == 4
    assert optimizer.state[p]["exp_avg"].dtype == tg.float32


def test_step_hooks_are_called_around_the_step() -> None:
    p = nn.Parameter(tg.ones(1))
    optimizer = optim.SGD([p], lr=1.0)
    seen: list[Any] = []
    before = optimizer.register_step_pre_hook(lambda o, a, k: seen.append((o is optimizer, a, k)))
    after = optimizer.register_step_post_hook(lambda o, a, k: seen.append(p.item()))
    p.grad = tg.ones(1)
    optimizer.step()
    assert seen == [(True, (), {}), 0.0]
    before.remove()
    after.remove()
    optimizer.step()
    assert len(seen) == 2 and p.item() == -1.0

    def count() -> float:
        return 5.0

    handle = optimizer.register_step_pre_hook(lambda o, a, k: ((count,), {}))
    assert optimizer.step() == 5.0
    handle.remove()
    optimizer.register_step_pre_hook(lambda o, a, k: 3)
    with pytest.raises(DtypeError, match=r"SGD\.step: a pre-hook must return"):
        optimizer.step()
    assert copy.deepcopy(optimizer).step() is None  # hooks stay behind, as in PyTorch


def test_state_dict_hooks() -> None:
    p = nn.Parameter(tg.ones(1))
    optimizer = optim.SGD([p], lr=1.0)
    seen: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("before saving"))
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 0}, prepend=True)
    saved = optimizer.state_dict()
    assert seen == ["before saving"] and saved["extra"] == 1

    def slower(o: Any, d: Any) -> Any:
        d["param_groups"] = [{**group, "lr": 0.5} for group in d["param_groups"]]
        return d

    optimizer.register_load_state_dict_pre_hook(slower)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(saved)
    assert seen[-1] == "loaded" and optimizer.param_groups[0]["lr"] == 0.5
    assert saved["param_groups"][0]["lr"] == 1.0
    with pytest.raises(ArgumentError, match="a hook must be a function"):
        optimizer.register_step_pre_hook(3)  # type: ignore[arg-type]


def test_an_optimiser_of_ones_own_needs_only_a_step() -> None:
    class Halving(optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"share": 0.5})

        def step(self, closure: Any = None) -> Any:
            with tg.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(group["share"])
                        state = self.state[p]
                        state["step"] = state.get("step", 0) + 1
                        state["halves"] = [p.detach().clone()]

    p = nn.Parameter(tg.ones(1))
    optimizer = Halving([p])
    calls: list[int] = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    saved = optimizer.state_dict()
    assert p.item() == 0.5 and calls == [1] and saved["state"][0]["step"] == 1
    other = Halving([nn.Parameter(tg.ones(1))])
    other.load_state_dict(saved)
    other.step()
    assert other.state_dict()["state"][0]["step"] == 2
    with pytest.raises(NotImplementedError):
        optim.Optimizer([p], {}).step()


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_copies_and_pickles_go_on_alike(name: str) -> None:
    p = nn.Parameter(tg.tensor([[1.0, 2.0]]))
    optimizer = getattr(optim, name)([p])

    def step(p: Any, optimizer: Any) -> None:
        def closure() -> Any:
            p.grad = None
            loss = (p * p * p).sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    step(p, optimizer)
    copies = [copy.deepcopy((p, optimizer)), pickle.loads(pickle.dumps((p, optimizer)))]
    step(p, optimizer)
    for q, other in copies:
        assert other.param_groups[0]["params"][0] is q
        step(q, other)
        assert_same(host(q), host(p))
