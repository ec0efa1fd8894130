"""Optimisers: their formulas, their flat blocks, their state, and what they refuse."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn, optim
from tapegrad.device import owner
from tapegrad.errors import ArgumentError, DtypeError, GraphError, ShapeError, StateDictError

SGD_OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"momentum": 0.9, "maximize": True, "weight_decay": 0.1, "dampening": 0.5},
    {"maximize": True},
]
ADAM_OPTIONS = [
    {},
    {"weight_decay": 0.1, "betas": (0.5, 0.9)},
    {"amsgrad": True, "eps": 1e-3},
    {"maximize": True},
    {"maximize": True, "weight_decay": 0.1, "amsgrad": True},
]
KINDS = [(optim.SGD, o) for o in SGD_OPTIONS] + [(optim.Adam, o) for o in ADAM_OPTIONS]
SHAPES = [(3, 2), (3,), (), (200, 200)]  # the last one is too large to be moved


def sgd_by_hand(
    p, g, state, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False
):
    g = (-g if maximize else g) + weight_decay * p
    if momentum:
        v = state.get("v")
        state["v"] = v = g if v is None else momentum * v + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return p - lr * g


def adam_by_hand(
    p, g, state, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False
):
    t = state["t"] = state.get("t", 0) + 1
    g = (-g if maximize else g) + weight_decay * p
    m = state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    v = state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
    if amsgrad:
        v = state["top"] = np.maximum(state.get("top", 0), v)
    m, v = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return p - lr * m / (np.sqrt(v) + eps)


BY_HAND = {optim.SGD: sgd_by_hand, optim.Adam: adam_by_hand}


def parameters(dtype=tg.float64, device="cpu"):
    return [
        nn.Parameter(tg.tensor(np.random.randn(*shape), dtype=dtype).to(device)) for shape in SHAPES
    ]


def host(tensor):
    return tensor.detach().cpu().numpy()


def set_gradients(params, which=None):
    grads = []
    for i, p in enumerate(params):
        g = np.asarray(np.random.randn(*p.shape))
        grads.append(g)
        if which is None or i in which:
            p.grad = tg.tensor(g, dtype=p.dtype).to(p.device)
        else:
            p.grad = None
    return grads


@pytest.mark.parametrize("device", ["cpu", "standin"])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_thirty_steps_follow_the_formula(kind, options, device):
    params = parameters(device=device)
    optimizer = kind(params, lr=0.05, **options)
    expected = [host(p).copy() for p in params]
    states = [{} for _ in params]
    for _ in range(30):
        grads = set_gradients(params)
        optimizer.step()
        expected = [
            BY_HAND[kind](p, g, s, 0.05, **options)
            for p, g, s in zip(expected, grads, states, strict=True)
        ]
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(host(p), e, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_parameters_without_gradient_are_passed_over(kind, options):
    params = parameters()
    optimizer = kind(params, lr=0.05, **options)
    expected = [host(p).copy() for p in params]
    states = [{} for _ in params]
    for step in range(12):
        which = [i for i in range(len(params)) if (step // (i + 1)) % 3]
        grads = set_gradients(params, which)
        optimizer.step()
        for i in which:
            expected[i] = BY_HAND[kind](expected[i], grads[i], states[i], 0.05, **options)
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(host(p), e, rtol=1e-11, atol=1e-12)
    assert kind(params).step() is None


def test_nothing_happens_without_any_gradient():
    p = nn.Parameter(tg.ones(2))
    optimizer = optim.SGD([p], lr=1, momentum=0.9)
    optimizer.step()
    assert p.tolist() == [1.0, 1.0] and not optimizer.state


# -- flat blocks -------------------------------------------------------------------------------------


def test_small_parameters_become_views_of_one_buffer():
    params = parameters()
    optimizer = optim.SGD(params, momentum=0.9)
    set_gradients(params)
    optimizer.step()
    small = params[:3]
    assert len({id(p.array.base) for p in small}) == 1 and small[0].array.base.size == 10
    assert params[3].array.base is None or params[3].array.base.size == 200 * 200
    buffers = [optimizer.state[p]["momentum_buffer"] for p in small]
    assert len({id(b.array.base) for b in buffers}) == 1
    assert [b.shape for b in buffers] == [p.shape for p in small]


def test_memory_that_somebody_looks_at_is_not_moved():
    params = parameters()
    seen = params[0].data
    optimizer = optim.SGD(params, lr=1.0)
    set_gradients(params)
    optimizer.step()
    assert tg.equal(seen, params[0].data)
    assert len({id(p.array.base) for p in params[1:3]}) == 1


def test_changing_one_small_parameter_does_not_stale_its_neighbours(device):
    model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Linear(3, 1)).to(device)
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    x = tg.ones(4, 2, device=device)
    model(x).sum().backward()
    optimizer.step()  # now all parameters look at one buffer
    assert owner(model[0].weight.array) is owner(model[1].weight.array)
    loss = model(x).sum()
    with tg.no_grad():
        model[0].weight.mul_(2.0)  # its saved value is read by nobody: x needs no gradient
    optimizer.zero_grad()
    loss.backward()
    loss = model(x).sum()
    with tg.no_grad():
        model[1].weight.mul_(2.0)
    with pytest.raises(tg.errors.GraphError, match=r"linear saved .* changed in place"):
        loss.backward()


def test_views_taken_after_a_step_follow():
    params = parameters()
    optimizer = optim.SGD(params, lr=1.0)
    for _ in range(2):
        set_gradients(params)
        optimizer.step()
        seen = params[0].data
    set_gradients(params)
    optimizer.step()
    assert tg.equal(seen, params[0].data)


def test_graph_alive_from_before_the_first_step_stays_right():
    w = nn.Parameter(tg.tensor([2.0]))
    b = nn.Parameter(tg.tensor([1.0]))
    optimizer = optim.SGD([w, b], lr=1.0)
    y = (w * w * b).sum()
    y.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(GraphError, match=r"SGD\.step"):
        y.backward()


def test_second_optimizer_over_the_same_parameters():
    params = parameters()
    first, second = optim.SGD(params, lr=0.1), optim.SGD(params, lr=0.2)
    expected = [host(p).copy() for p in params]
    for _ in range(3):
        for optimizer, lr in ((first, 0.1), (second, 0.2)):
            grads = set_gradients(params)
            optimizer.step()
            expected = [e - lr * g for e, g in zip(expected, grads, strict=True)]
    for p, e in zip(params, expected, strict=True):
        np.testing.assert_allclose(host(p), e, rtol=1e-12)
    del first, second, optimizer
    third = optim.SGD(params)
    set_gradients(params)
    third.step()
    assert max(len(block.params) for plan in third._plans.values() for block in plan.blocks) == 3


def test_parameters_that_share_memory_keep_sharing_it():
    data = tg.zeros(3)
    a, b = nn.Parameter(data), nn.Parameter(data)
    del data
    optimizer = optim.SGD([a, b], lr=1.0)
    a.grad, b.grad = tg.ones(3), tg.ones(3)
    optimizer.step()
    assert a.tolist() == b.tolist() == [-2.0, -2.0, -2.0]


@pytest.mark.parametrize(("kind", "options"), [(optim.SGD, {"momentum": 0.9}), (optim.Adam, {})])
def test_replaced_arrays_are_noticed(kind, options):
    m = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = kind(m.parameters(), lr=0.1, **options)
    m(tg.ones(4, 2)).sum().backward()
    optimizer.step()
    m.double()
    before = host(m[0].weight).copy()
    m.zero_grad()
    m(tg.ones(4, 2, dtype=tg.float64)).sum().backward()
    optimizer.step()
    assert m[0].weight.dtype == tg.float64 and not np.array_equal(host(m[0].weight), before)
    name = "momentum_buffer" if kind is optim.SGD else "exp_avg"
    assert optimizer.state[m[0].weight][name].dtype == tg.float64


def test_replaced_state_is_noticed():
    params = parameters()
    optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
    set_gradients(params)
    optimizer.step()
    optimizer.state[params[0]]["momentum_buffer"] = tg.zeros(3, 2, dtype=tg.float64)
    optimizer.state[params[1]].clear()
    before = host(params[0]).copy(), host(params[1]).copy()
    grads = set_gradients(params)
    optimizer.step()
    np.testing.assert_allclose(host(params[0]), before[0] - grads[0])
    np.testing.assert_allclose(host(params[1]), before[1] - grads[1])


def test_options_are_read_in_every_step():
    p = nn.Parameter(tg.zeros(1))
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = tg.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert p.item() == -1.5
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert p.item() == -1.5 - 0.5 - 0.75


def test_gradients_are_not_changed_by_a_step():
    for kind, options in KINDS:
        params = parameters()
        optimizer = kind(params, **options)
        grads = set_gradients(params)
        optimizer.step()
        optimizer.step()
        for p, g in zip(params, grads, strict=True):
            np.testing.assert_array_equal(host(p.grad), g)


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
def test_dtype_stays_and_dtypes_may_be_mixed(dtype):
    params = [nn.Parameter(tg.ones(3, dtype=dtype)), nn.Parameter(tg.ones(2))]
    for kind, options in KINDS:
        optimizer = kind(params, **options)
        set_gradients(params)
        optimizer.step()
    assert [p.dtype for p in params] == [dtype, tg.float32]


def test_transposed_parameter():
    p = nn.Parameter(tg.tensor(np.arange(6.0).reshape(2, 3)).T)
    q = nn.Parameter(tg.zeros(2, dtype=tg.float64))
    optimizer = optim.Adam([p, q], lr=0.1)
    p.grad, q.grad = tg.ones(3, 2, dtype=tg.float64), tg.ones(2, dtype=tg.float64)
    before = host(p).copy()
    optimizer.step()
    np.testing.assert_allclose(host(p), before - 0.1, rtol=1e-6)


# -- groups, zero_grad, closure ----------------------------------------------------------------------


def test_groups_have_options_of_their_own():
    a, b = nn.Parameter(tg.zeros(1)), nn.Parameter(tg.zeros(1))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=1.0)
    c = nn.Parameter(tg.zeros(1))
    optimizer.add_param_group({"params": [c], "lr": 0.25})
    for p in (a, b, c):
        p.grad = tg.ones(1)
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == [-1.0, -0.5, -0.25]
    assert optimizer.defaults["lr"] == 1.0


def test_zero_grad():
    p = nn.Parameter(tg.zeros(2))
    optimizer = optim.SGD([p])
    p.grad = tg.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closure_is_called_with_recording_on():
    p = nn.Parameter(tg.tensor([3.0]))
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == pytest.approx(2.4)


def test_training_after_steps_has_right_gradients():
    m = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    optimizer = optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    x = tg.randn(4, 2, dtype=tg.float64)
    for _ in range(3):
        optimizer.zero_grad()
        m(x).sum().backward()
        optimizer.step()
    w = m[0].weight
    (g,) = tg.autograd.grad(m(x).sum(), [w], create_graph=True)
    (gg,) = tg.autograd.grad((g * g).sum(), [w])
    h = 1e-6
    for index in np.ndindex(*w.shape):
        values = []
        for sign in (1, -1):
            w.array[index] += sign * h
            (again,) = tg.autograd.grad(m(x).sum(), [w])
            values.append((again * again).sum().item())
            w.array[index] -= sign * h
        assert gg.array[index] == pytest.approx(
            (values[0] - values[1]) / (2 * h), rel=1e-4, abs=1e-7
        )


# -- state dict --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_state_dict_round_trip_continues_identically(kind, options):
    a = parameters()
    one = kind(a, lr=0.1, **options)
    for _ in range(3):
        set_gradients(a)
        one.step()
    b = [nn.Parameter(p.detach().clone()) for p in a]
    two = kind(b, lr=0.7)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    assert two.param_groups[0]["lr"] == 0.1
    for _ in range(3):
        grads = set_gradients(a)
        for p, g in zip(b, grads, strict=True):
            p.grad = tg.tensor(g)
        one.step()
        two.step()
    for p, q in zip(a, b, strict=True):
        np.testing.assert_array_equal(host(p), host(q))


def test_state_dict_layout():
    p = [nn.Parameter(tg.zeros(2)), nn.Parameter(tg.zeros(1))]
    adam = optim.Adam([{"params": p[:1]}, {"params": p[1:], "lr": 0.5}])
    assert adam.state_dict()["state"] == {}
    p[1].grad = tg.ones(1)
    adam.step()
    state = adam.state_dict()
    assert list(state["state"]) == [1]
    assert set(state["state"][1]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][1]["step"].item() == 1
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]


def test_load_state_dict_refuses_what_does_not_fit_and_changes_nothing():
    p = [nn.Parameter(tg.zeros(2)), nn.Parameter(tg.zeros(1))]
    optimizer = optim.SGD(p, lr=0.1, momentum=0.9)
    good = optim.SGD([nn.Parameter(tg.zeros(2)), nn.Parameter(tg.zeros(1))], lr=0.2).state_dict()
    with pytest.raises(
        StateDictError, match=r"groups of \[2\] parameters, the state dict of \[1\]"
    ):
        optimizer.load_state_dict(optim.SGD(p[:1]).state_dict())
    with pytest.raises(StateDictError, match="'state' and 'param_groups'"):
        optimizer.load_state_dict({"state": {}})
    bad = copy.deepcopy(good)
    bad["state"] = {0: {"momentum_buffer": tg.zeros(3)}, 9: {}}
    bad["param_groups"][0]["lr"] = math.nan
    with pytest.raises(StateDictError) as caught:
        optimizer.load_state_dict(bad)
    for part in ("expected (2,), got (3,)", "unexpected: state of parameter 9", "lr must be"):
        assert part in str(caught.value)
    assert optimizer.param_groups[0]["lr"] == 0.1 and not optimizer.state


def test_deepcopy_of_an_optimizer_with_its_model_is_independent():
    m = nn.Linear(2, 1)
    optimizer = optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    m(tg.ones(1, 2)).backward()
    optimizer.step()
    m2, optimizer2 = copy.deepcopy((m, optimizer))
    before = host(m.weight).copy()
    m2(tg.ones(1, 2)).backward()
    optimizer2.step()
    assert optimizer2.param_groups[0]["params"][0] is m2.weight
    assert np.array_equal(before, host(m.weight)) and not np.array_equal(before, host(m2.weight))


def test_state_of_another_shape_is_refused():
    p = nn.Parameter(tg.zeros(2))
    optimizer = optim.SGD([p], momentum=0.9)
    optimizer.state[p]["momentum_buffer"] = tg.zeros(3)
    p.grad = tg.ones(2)
    with pytest.raises(ShapeError, match="momentum_buffer"):
        optimizer.step()


# -- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"lr": math.nan},
        {"lr": -1},
        {"lr": math.inf},
        {"lr": "fast"},
        {"lr": True},
        {"momentum": -0.1},
        {"weight_decay": math.nan},
        {"dampening": math.inf},
        {"nesterov": True},
        {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
        {"differentiable": True},
    ],
)
def test_sgd_refuses_options_without_meaning(options):
    with pytest.raises(ArgumentError, match="SGD: "):
        optim.SGD([nn.Parameter(tg.zeros(1))], **options)
    with pytest.raises(ArgumentError, match="SGD: "):
        optim.SGD([{"params": [nn.Parameter(tg.zeros(1))], **options}])


@pytest.mark.parametrize(
    "options",
    [
        {"lr": math.nan},
        {"eps": -1e-8},
        {"betas": (1.0, 0.9)},
        {"betas": (0.9, math.nan)},
        {"betas": (-0.1, 0.9)},
        {"betas": 0.9},
        {"weight_decay": -1},
        {"differentiable": True},
    ],
)
def test_adam_refuses_options_without_meaning(options):
    with pytest.raises(ArgumentError, match="Adam: "):
        optim.Adam([nn.Parameter(tg.zeros(1))], **options)


def test_parameters_that_cannot_be_optimised_are_refused():
    p = nn.Parameter(tg.zeros(1))
    with pytest.raises(GraphError, match=r"params\[0\] was computed by mul"):
        optim.SGD([p * 2])
    with pytest.raises(DtypeError, match=r"params\[1\] must be a tensor, got float"):
        optim.SGD([p, 1.0])
    with pytest.raises(DtypeError, match="put a single tensor into a list"):
        optim.SGD(p)
    with pytest.raises(DtypeError, match="set"):
        optim.SGD([{"params": {p}}])
    with pytest.raises(DtypeError, match="only floating"):
        optim.SGD([tg.tensor([1])])
    for empty in ([], [{"params": []}]):
        with pytest.raises(ArgumentError, match="empty"):
            optim.SGD(empty)
    with pytest.raises(ArgumentError, match="this group"):
        optim.SGD([p, p])
    optimizer = optim.SGD([p])
    with pytest.raises(ArgumentError, match="another group"):
        optimizer.add_param_group({"params": [p]})
    assert len(optimizer.param_groups) == 1


def test_printing():
    text = repr(optim.SGD([nn.Parameter(tg.zeros(1))], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    assert text.endswith("    weight_decay: 0\n)") and "    lr: 0.5\n" in text
