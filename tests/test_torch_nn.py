"""Layers, losses and optimisers against PyTorch, step by step."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def pair(build):
    """The same module in both libraries, with the same float64 state."""
    theirs = build(torch.nn).double()
    ours = build(tg.nn).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


MODULES = {
    "linear": lambda nn: nn.Linear(3, 4),
    "linear without bias": lambda nn: nn.Linear(3, 4, bias=False),
    "mlp": lambda nn: nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2), nn.Tanh()),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "softmax": lambda nn: nn.Softmax(dim=1),
    "log_softmax": lambda nn: nn.LogSoftmax(dim=-1),
    "flatten": lambda nn: nn.Flatten(0),
    "identity": lambda nn: nn.Identity(),
    "inplace relu": lambda nn: nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True)),
    "list": lambda nn: nn.Sequential(*nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_output_gradients_and_printing(name):
    ours, theirs = pair(MODULES[name])
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = np.random.randn(5, 3)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12, atol=1e-14)
    g = np.random.randn(*y.shape)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12, atol=1e-14)
    for (name, p), (other, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_printing_of_nested_and_repeated_modules():
    def build(nn):
        return nn.ModuleList(
            [nn.Linear(1, 2), nn.Linear(1, 2), nn.Sequential(nn.ReLU(True), nn.LogSoftmax(1))]
            + [nn.Sequential(nn.Linear(1, 2), nn.Identity())] * 2
            + [nn.Sequential(), nn.Softmax(), nn.Flatten(), nn.CrossEntropyLoss(), nn.MSELoss()]
        )

    assert repr(build(tg.nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy(reduction, weighted, smoothing):
    x, t = np.random.randn(6, 4), np.array([0, 3, 1, -100, 2, 2])
    w = np.array([1.0, 2.0, 0.5, 1.5])
    results = []
    for lib in (tg, torch):
        options = {"weight": lib.tensor(w)} if weighted else {}
        loss = lib.nn.CrossEntropyLoss(reduction=reduction, label_smoothing=smoothing, **options)
        a = lib.tensor(x, requires_grad=True)
        y = loss(a, lib.tensor(t))
        y.sum().backward()
        results.append((y.detach().numpy(), a.grad.numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_and_mse(reduction):
    x, t, y = np.random.randn(6, 4), np.array([0, 3, 1, -100, 2, 2]), np.random.randn(6, 4)
    for kind, target in (("NLLLoss", t), ("MSELoss", y)):
        results = []
        for lib in (tg, torch):
            a = lib.tensor(x, requires_grad=True)
            value = getattr(lib.nn, kind)(reduction=reduction)(a, lib.tensor(target))
            value.sum().backward()
            results.append((value.detach().numpy(), a.grad.numpy()))
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


SGD = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "weight_decay": 1e-2},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2},
    {"momentum": 0.9, "dampening": 0.3, "maximize": True},
    {"weight_decay": 1e-2, "maximize": True},
]
ADAM = [
    {},
    {"weight_decay": 1e-2},
    {"amsgrad": True},
    {"betas": (0.5, 0.9), "eps": 1e-3},
    {"maximize": True, "amsgrad": True, "weight_decay": 1e-2},
]


@pytest.mark.parametrize(
    ("kind", "options"), [("SGD", o) for o in SGD] + [("Adam", o) for o in ADAM]
)
def test_thirty_steps_of_training_give_the_same_numbers(kind, options):
    ours, theirs = pair(lambda nn: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)))
    x, t = np.random.randn(10, 3), np.random.randn(10, 2)
    runs = []
    for lib, model in ((tg, ours), (torch, theirs)):
        optimizer = getattr(lib.optim, kind)(model.parameters(), lr=0.01, **options)
        loss_of = lib.nn.MSELoss()
        for _ in range(30):
            optimizer.zero_grad()
            loss_of(model(lib.tensor(x)), lib.tensor(t)).backward()
            optimizer.step()
        runs.append(optimizer.state_dict())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12, atol=1e-14)
    mine, yours = runs
    assert mine["state"].keys() == yours["state"].keys()
    for number, entry in yours["state"].items():
        assert set(entry) == set(mine["state"][number])
        for name, value in entry.items():
            np.testing.assert_allclose(
                mine["state"][number][name].numpy(), value.numpy(), rtol=1e-10, atol=1e-14
            )
    for own, other in zip(mine["param_groups"], yours["param_groups"], strict=True):
        missing = set(other) - set(own) - {"decoupled_weight_decay"}
        assert not missing and all(own[name] == other[name] for name in own)
