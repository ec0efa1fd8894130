"""Activations, dropout and losses as modules against PyTorch, class by class."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings(r"ignore:reduction. 'mean' divides the total loss:UserWarning"),
    pytest.mark.filterwarnings("ignore:Implicit dimension choice:UserWarning"),
]

ACTIVATIONS = {
    "ReLU6": [(), (True,)], "LeakyReLU": [(), (0.2, True)], "PReLU": [(), (4,), (4, 0.1)], "RReLU": [(0.1, 0.4)],
    "ELU": [(), (0.5, True)], "SELU": [(), (True,)], "CELU": [(), (0.5, True)], "GELU": [(), ("tanh",)],
    "SiLU": [(), (True,)], "Mish": [(), (True,)], "Softplus": [(), (2.0, 1.0)], "Softsign": [()], "Softshrink": [(), (0.3,)],
    "Hardshrink": [(), (0.3,)], "Hardtanh": [(), (-0.5, 0.25, True)], "Hardswish": [(), (True,)],
    "Hardsigmoid": [(), (True,)], "Threshold": [(0.1, 0.7), (0.1, 0.7, True)], "LogSigmoid": [()], "GLU": [(), (1,)],
    "Tanhshrink": [()], "Softmin": [(), (1,)], "Softmax2d": [()], "Dropout": [(), (0.2, True)], "Dropout1d": [()],
    "Dropout2d": [(0.1,)], "Dropout3d": [()], "AlphaDropout": [(0.2,)], "FeatureAlphaDropout": [()],
}  # fmt: skip
CASES = [(name, args) for name, all_args in ACTIVATIONS.items() for args in all_args]


def same(ours, theirs):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-12
    )


@pytest.mark.parametrize(("name", "args"), CASES)
def test_activation_modules(name, args):
    ours, theirs = getattr(tg.nn, name)(*args), getattr(torch.nn, name)(*args)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours, theirs = ours.double().eval(), theirs.double().eval()
    x = np.random.randn(2, 4, 3, 2)
    if name == "Dropout1d":
        x = x[..., 0]
    if name == "Dropout3d":
        x = x[..., None]
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a * 1), theirs(b * 1)
    same(y, z)
    g = np.random.randn(*y.shape)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    same(a.grad, b.grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad)


def inputs(name):
    """Arguments of a loss of this name, the first of them differentiable."""
    x, y, t = np.random.randn(4, 3), np.random.randn(4, 3), np.random.rand(4, 3)
    signs, classes = np.random.choice([-1.0, 1.0], (4, 3)), np.array([0, 2, 1, 1])
    return {
        "NLLLoss": (x, classes), "BCELoss": (np.random.rand(4, 3), t), "BCEWithLogitsLoss": (x, t), "KLDivLoss": (x, t),
        "HingeEmbeddingLoss": (np.abs(x), signs), "MarginRankingLoss": (x, y, signs), "MultiMarginLoss": (x, classes),
        "MultiLabelMarginLoss": (x, np.array([[0, -1, 1], [2, 1, -1], [-1, 0, 0], [1, 0, 2]])), "SoftMarginLoss": (x, signs),
        "MultiLabelSoftMarginLoss": (x, t), "TripletMarginLoss": (x, y, t), "TripletMarginWithDistanceLoss": (x, y, t),
        "CosineEmbeddingLoss": (x, y, signs[:, 0]), "PoissonNLLLoss": (x, 5 * t), "GaussianNLLLoss": (x, y, t + 0.1),
    }.get(name, (x, y))  # fmt: skip


W = np.array([0.5, 2.0, 1.0])
LOSSES = {
    "L1Loss": [{}], "HuberLoss": [{}, {"delta": 0.3}], "SmoothL1Loss": [{}, {"beta": 0.3}],
    "NLLLoss": [{}, {"weight": W, "ignore_index": 1}], "BCELoss": [{}, {"weight": W}],
    "BCEWithLogitsLoss": [{}, {"weight": W, "pos_weight": W}], "KLDivLoss": [{}, {"log_target": True}],
    "HingeEmbeddingLoss": [{}, {"margin": 0.4}], "MarginRankingLoss": [{}, {"margin": 0.4}],
    "MultiMarginLoss": [{}, {"p": 2, "margin": 0.4, "weight": W}], "MultiLabelMarginLoss": [{}], "SoftMarginLoss": [{}],
    "MultiLabelSoftMarginLoss": [{}, {"weight": W}],
    "TripletMarginLoss": [{}, {"margin": 0.4, "p": 3.0, "eps": 1e-4, "swap": True}],
    "TripletMarginWithDistanceLoss": [{}, {"margin": 0.4, "swap": True}], "CosineEmbeddingLoss": [{}, {"margin": 0.2}],
    "PoissonNLLLoss": [{}, {"full": True}], "GaussianNLLLoss": [{}, {"full": True, "eps": 0.2}],
}  # fmt: skip
LOSS_CASES = [(name, options) for name, every in LOSSES.items() for options in every]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options"), LOSS_CASES)
def test_loss_modules(name, options, reduction):
    arrays, results = inputs(name), []
    for lib in (tg, torch):
        made = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        module = getattr(lib.nn, name)(reduction=reduction, **made)
        first = lib.tensor(arrays[0], requires_grad=True)
        value = module(first, *map(lib.tensor, arrays[1:]))
        value.sum().backward()
        results.append((repr(module), list(module.state_dict()), value, first.grad))
    (shown, state, value, grad), (shown2, state2, value2, grad2) = results
    assert shown == shown2 and state == state2
    same(value, value2)
    same(grad, grad2)


def test_distance_modules():
    x, y = np.random.randn(4, 3), np.random.randn(4, 3)
    for name, args in [("CosineSimilarity", (0,)), ("CosineSimilarity", ()), ("PairwiseDistance", (1.0, 1e-3, True)),
                       ("PairwiseDistance", ())]:  # fmt: skip
        ours, theirs = getattr(tg.nn, name)(*args), getattr(torch.nn, name)(*args)
        assert repr(ours) == repr(theirs)
        same(ours(tg.tensor(x), tg.tensor(y)), theirs(torch.tensor(x), torch.tensor(y)))


DEPRECATED = {"size_average", "reduce", "min_value", "max_value"}
NAMES = sorted(
    {
        *ACTIVATIONS,
        *LOSSES,
        "CosineSimilarity",
        "PairwiseDistance",
        "MSELoss",
        "CTCLoss",
        "CrossEntropyLoss",
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_constructors_have_pytorchs_arguments(name):
    ours = inspect.signature(getattr(tg.nn, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.nn, name)).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = [
        (p.name, p.default) for p in theirs if p.name not in DEPRECATED and p.kind not in kinds
    ]
    assert [(p.name, p.default) for p in ours if p.kind not in kinds] == wanted


def test_dropout_modules_drop_in_training_alone():
    for name in ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"):
        module, x = getattr(tg.nn, name)(0.5), tg.ones(8, 8, 4)
        tg.manual_seed(0)
        dropped = module(x)
        assert not tg.equal(dropped, x)
        tg.manual_seed(0)
        assert tg.equal(module(x), dropped)
        assert tg.equal(module.eval()(x), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tg.nn.Dropout(1.5), "Dropout: p must be between 0 and 1"),
        (lambda: tg.nn.AlphaDropout(-1.0), "AlphaDropout: p must"),
        (lambda: tg.nn.L1Loss("all"), "L1Loss: reduction"),
        (lambda: tg.nn.KLDivLoss("batch"), "'batchmean'"),
        (lambda: tg.nn.MultiMarginLoss(3), "p must be 1 or 2"),
        (lambda: tg.nn.TripletMarginLoss(0.0), "margin must be positive"),
        (lambda: tg.nn.Hardtanh(1.0, 0.0), "min_val must be below"),
        (lambda: tg.nn.PReLU(0), "must be positive"),
        (lambda: tg.nn.PReLU(1.5), "must be an int"),
        (lambda: tg.nn.Softmax2d()(tg.ones(2)), "Softmax2d: input must be"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((tg.errors.ArgumentError, tg.errors.ShapeError), match=message):
        make()


def test_a_distance_of_ones_own():
    def distance(x, y):
        return (x - y).abs().sum(-1)

    a, p, n = (np.random.randn(4, 3) for _ in range(3))
    results = []
    for lib in (tg, torch):
        module = lib.nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=3.0)
        results.append(module(*map(lib.tensor, (a, p, n))).item())
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    assert F.triplet_margin_with_distance_loss(
        *map(tg.tensor, (a, p, n)), distance_function=distance, margin=3.0
    ).item() == pytest.approx(results[0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("joined", [False, True])
def test_ctc_loss_behind_a_log_softmax(reduction, joined):
    x = np.random.randn(12, 4, 5)
    targets = np.random.randint(1, 5, (4, 5))
    targets[0] = [1, 1, 2, 2, 2]
    spent, counts = np.array([12, 11, 0, 12]), np.array([5, 3, 0, 0])
    if joined:
        targets = np.concatenate([row[:n] for row, n in zip(targets, counts, strict=True)])
    results = []
    for lib in (tg, torch):
        a = lib.tensor(x, requires_grad=True)
        logp = lib.log_softmax(a, 2)
        lengths = lib.tensor(spent), lib.tensor(counts)
        y = lib.nn.CTCLoss(reduction=reduction)(logp, lib.tensor(targets), *lengths)
        y.sum().backward()
        results.append((y, a.grad))
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("zero", [False, True])
def test_ctc_loss_of_impossible_sequences(zero):
    x = np.random.randn(2, 2, 3)
    results = []
    for lib in (tg, torch):
        a = lib.tensor(x, requires_grad=True)
        loss = lib.nn.CTCLoss(reduction="none", zero_infinity=zero)
        y = loss(lib.log_softmax(a, 2), lib.tensor([[1, 1], [1, 2]]), (2, 2), (2, 2))
        y.sum().backward()
        results.append((y, a.grad))
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)
