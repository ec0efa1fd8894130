"""Initial values: closed forms, distributions beside PyTorch's, and nothing drawn where nothing should be.

Two samples of n numbers each are compared by the Kolmogorov-Smirnov statistic, the largest distance
between their empirical distribution functions. If both come from one distribution it exceeds
`sqrt(ln(2 / a) / n)` with probability a (for large n); a = 1e-6 makes 3.81 / sqrt(n). Means and variances
of n numbers are compared at five standard errors. Seeds are fixed, so that a run repeats the last.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, ShapeError

init = nn.init


def sample(tensor: Any) -> Any:
    return tensor.detach().numpy().astype(np.float64).reshape(-1)


def alike(ours: Any, theirs: Any) -> None:
    """Two samples of one distribution; the same number if both are constant."""
    n = ours.size
    assert theirs.size == n
    if np.ptp(theirs) == 0:
        np.testing.assert_array_equal(ours, theirs)
        return
    both = np.concatenate([ours, theirs])
    grid = np.sort(both)
    distance = (
        np.abs(
            np.searchsorted(np.sort(ours), grid, "right")
            - np.searchsorted(np.sort(theirs), grid, "right")
        ).max()
        / n
    )
    assert distance < math.sqrt(math.log(2 / 1e-6) / n)
    spread = both.std()
    assert abs(ours.mean() - theirs.mean()) < 5 * spread * math.sqrt(2 / n)
    fourth = ((both - both.mean()) ** 4).mean() - spread**4
    assert abs(ours.var() - theirs.var()) < 5 * math.sqrt(2 * fourth / n) + 1e-12


def test_the_comparison_sees_what_differs() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(20000)
    alike(x, rng.standard_normal(20000))
    for other in (
        rng.standard_normal(20000) + 0.06,
        rng.standard_normal(20000) * 1.06,
        rng.uniform(-math.sqrt(3), math.sqrt(3), 20000),
    ):
        with pytest.raises(AssertionError):
            alike(x, other)


FILLS: dict[str, Any] = {
    "uniform": lambda i, t: i.uniform_(t, -3.0, 1.0),
    "normal": lambda i, t: i.normal_(t, 2.0, 0.5),
    "xavier uniform": lambda i, t: i.xavier_uniform_(t, gain=2.0),
    "xavier normal": lambda i, t: i.xavier_normal_(t),
    "kaiming uniform": lambda i, t: i.kaiming_uniform_(t, a=0.3),
    "kaiming normal": lambda i, t: i.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
    "truncated": lambda i, t: i.trunc_normal_(t),
    "truncated on one side": lambda i, t: i.trunc_normal_(t, 0.5, 2.0, 0.0, 1.5),
    "truncated far out": lambda i, t: i.trunc_normal_(t, 0.0, 1.0, 1.5, 1.9),
    "orthogonal": lambda i, t: i.orthogonal_(t, 1.5),
    "sparse": lambda i, t: i.sparse_(t, 0.3, 0.5),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", FILLS)
def test_distributions_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    tg.manual_seed(1)
    torch.manual_seed(1)
    ours, theirs = nn.Parameter(tg.empty(120, 200)), torch.empty(120, 200)
    assert FILLS[name](init, ours) is ours and ours.is_leaf and ours.requires_grad
    alike(sample(ours), sample(FILLS[name](torch.nn.init, theirs)))


LAYERS: dict[str, Any] = {
    "Linear": lambda n: n.Linear(100, 200),
    "Bilinear": lambda n: n.Bilinear(20, 10, 100),
    "Conv1d": lambda n: n.Conv1d(20, 200, 5),
    "Conv2d": lambda n: n.Conv2d(10, 200, 3),
    "Conv2d in groups": lambda n: n.Conv2d(12, 240, 3, groups=4),
    "Conv3d": lambda n: n.Conv3d(4, 100, 3),
    "ConvTranspose1d": lambda n: n.ConvTranspose1d(20, 200, 5),
    "ConvTranspose2d": lambda n: n.ConvTranspose2d(10, 200, 3),
    "ConvTranspose3d": lambda n: n.ConvTranspose3d(4, 100, 3),
    "Embedding": lambda n: n.Embedding(100, 50),
    "Embedding padded": lambda n: n.Embedding(100, 50, padding_idx=3),
    "EmbeddingBag": lambda n: n.EmbeddingBag(100, 50),
    "BatchNorm2d": lambda n: n.BatchNorm2d(10),
    "InstanceNorm1d": lambda n: n.InstanceNorm1d(10, affine=True, track_running_stats=True),
    "GroupNorm": lambda n: n.GroupNorm(2, 10),
    "LayerNorm": lambda n: n.LayerNorm((3, 10)),
    "RMSNorm": lambda n: n.RMSNorm(10),
    "PReLU": lambda n: n.PReLU(10),
    "MultiheadAttention": lambda n: n.MultiheadAttention(64, 4),
    "MultiheadAttention of others": lambda n: n.MultiheadAttention(
        64, 4, kdim=32, vdim=48, add_bias_kv=True
    ),
    "LSTM": lambda n: n.LSTM(20, 50, 2),
    "GRU": lambda n: n.GRU(20, 50, bidirectional=True),
    "RNN": lambda n: n.RNN(20, 100),
    "LSTMCell": lambda n: n.LSTMCell(20, 50),
    "GRUCell": lambda n: n.GRUCell(20, 50),
    "RNNCell": lambda n: n.RNNCell(20, 50),
    "TransformerEncoderLayer": lambda n: n.TransformerEncoderLayer(32, 4, 64),
    "TransformerDecoderLayer": lambda n: n.TransformerDecoderLayer(32, 4, 64),
    "Transformer": lambda n: n.Transformer(32, 4, 1, 1, 64),
    "AdaptiveLogSoftmaxWithLoss": lambda n: n.AdaptiveLogSoftmaxWithLoss(32, 60, [10, 30]),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", LAYERS)
def test_layers_begin_as_pytorchs(name: str) -> None:
    """Small parameters are made several times, so that there are enough numbers of each."""
    torch = pytest.importorskip("torch")
    if not hasattr(nn, name.split()[0]):
        pytest.skip("not there")
    tg.manual_seed(2)
    torch.manual_seed(2)
    runs = 40
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's about nested tensors
        ours = [LAYERS[name](nn).state_dict() for _ in range(runs)]
        theirs = [LAYERS[name](torch.nn).state_dict() for _ in range(runs)]
    assert list(ours[0]) == list(theirs[0])
    for key in ours[0]:
        times = max(1, min(runs, 4000 // max(1, ours[0][key].numel())))
        alike(
            *(np.concatenate([sample(s[key]) for s in every[:times]]) for every in (ours, theirs))
        )


@pytest.mark.torch
def test_gains_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    names = [
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
        "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu",
    ]  # fmt: skip
    for name in names:
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0, 0.3, 1):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain(
            "leaky_relu", slope
        )
    for wrong in (True, "a"):
        with pytest.raises(ArgumentError, match="slope"):
            init.calculate_gain("leaky_relu", wrong)


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 6, 2), (2, 4, 3, 4), (6, 2, 3, 3, 1), (4, 4, 1)])
def test_dirac_and_eye_are_pytorchs(shape: Any, groups: int) -> None:
    torch = pytest.importorskip("torch")
    ours = init.dirac_(tg.full(shape, 7.0), groups)
    np.testing.assert_array_equal(ours.numpy(), torch.nn.init.dirac_(torch.empty(shape), groups))
    ours = init.eye_(tg.full(shape[:2], 7.0))
    np.testing.assert_array_equal(ours.numpy(), np.eye(*shape[:2]))


def test_dirac_hands_channels_on() -> None:
    conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    init.dirac_(conv.weight)
    x = tg.randn(1, 3, 4, 4)
    assert tg.equal(conv(x), x)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal_matrices(shape: Any) -> None:
    t = init.orthogonal_(tg.empty(shape, dtype=tg.float64), gain=3)
    w = t.numpy().reshape(shape[0], -1) / 3
    w = w if w.shape[0] <= w.shape[1] else w.T
    np.testing.assert_allclose(w @ w.T, np.eye(len(w)), atol=1e-12)
    assert init.orthogonal_(tg.empty(0, 3)).numel() == 0


def test_orthogonal_matrices_prefer_no_sign() -> None:
    tg.manual_seed(0)
    signs = [float(init.orthogonal_(tg.empty(2, 2))[0, 0]) > 0 for _ in range(200)]
    assert 60 < sum(signs) < 140  # 100 expected, with a standard deviation of 7


def test_sparse_columns_have_the_zeros_they_should() -> None:
    t = init.sparse_(tg.empty(11, 5), 0.31, std=2.0)
    assert ((t == 0).sum(0) == 4).all()
    assert (init.sparse_(tg.ones(3, 3), 1.0) == 0).all()
    assert (init.sparse_(tg.ones(3, 3), 0.0) != 0).all()


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
def test_truncated_numbers_stay_inside_and_finite(dtype: Any) -> None:
    t = init.trunc_normal_(tg.empty(2000, dtype=dtype), 1.0, 2.0, 0.5, 3.0)
    assert bool((t >= 0.5).all()) and bool((t <= 3).all()) and t.dtype == dtype
    wide = init.trunc_normal_(tg.empty(2000, dtype=dtype), a=-100.0, b=100.0)
    assert bool(wide.isfinite().all()) and abs(wide.double().std().item() - 1) < 0.1
    with pytest.warns(UserWarning, match="more than two std"):
        init.trunc_normal_(t, 5.0, 1.0, -2.0, 2.0)


@pytest.mark.parametrize("name", FILLS)
def test_a_generator_of_ones_own_decides(name: str) -> None:
    class Own:
        """The module with one generator for every function."""

        def __getattr__(self, function: str) -> Any:
            made = tg.Generator().manual_seed(3)
            return lambda *a, **k: getattr(init, function)(*a, **k, generator=made)

    state = tg.get_rng_state()
    first, second = (FILLS[name](Own(), tg.empty(6, 8)) for _ in range(2))
    assert tg.equal(first, second) and tg.equal(tg.get_rng_state(), state)


def test_initialisers_on_another_device() -> None:
    for fill in FILLS.values():
        t = fill(init, tg.zeros(4, 4).to("standin"))
        assert t.device == "standin"
    for t in (
        init.eye_(tg.zeros(2, 3).to("standin")),
        init.dirac_(tg.zeros(2, 2, 3).to("standin")),
    ):
        assert t.sum().item() == 2


def test_a_tensor_that_requires_grad_is_no_worse_for_it() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    y = (x * x).sum()
    init.eye_(x)
    assert x.is_leaf and x.requires_grad
    with pytest.raises(tg.errors.GraphError, match="eye_"):
        y.backward()


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: init.dirac_(tg.ones(2, 2)), ShapeError, "3, 4 or 5"),
        (lambda: init.dirac_(tg.ones(3, 2, 1), 2), ArgumentError, "groups must divide"),
        (lambda: init.orthogonal_(tg.ones(3)), ShapeError, "at least 2"),
        (lambda: init.sparse_(tg.ones(3), 0.5), ShapeError, "matrix"),
        (lambda: init.sparse_(tg.ones(3, 3), 1.5), ArgumentError, "between 0 and 1"),
        (lambda: init.trunc_normal_(tg.ones(3), std=-1), ArgumentError, "std > 0"),
        (lambda: init.trunc_normal_(tg.ones(3), a=2, b=1), ArgumentError, "a <= b"),
        (lambda: init.eye_(tg.zeros(1).expand(2, 2)), ArgumentError, "read-only"),
        (lambda: init.ones_(tg.zeros(1).expand(2)), ArgumentError, "read-only"),
    ],
)
def test_refusals(act: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        act()


def test_skip_init_draws_nothing() -> None:
    state = tg.get_rng_state()
    layer = nn.utils.skip_init(nn.MultiheadAttention, 8, 2, dtype=tg.float64)
    assert tg.equal(tg.get_rng_state(), state) and layer.in_proj_weight.dtype == tg.float64
    other = nn.MultiheadAttention(8, 2, dtype=tg.float64)
    layer.load_state_dict(other.state_dict())
    assert tg.equal(layer.in_proj_weight, other.in_proj_weight)
    assert not tg.equal(nn.Linear(2, 2).weight, nn.Linear(2, 2).weight)
    with pytest.raises(ArgumentError, match="class of modules"):
        nn.utils.skip_init(dict)
