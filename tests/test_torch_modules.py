"""Every layer against PyTorch: printing, state, signature; values, gradients and buffers of one state."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tapegrad as tg

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
]

A = (2, 4, 6)  # (N, C, L)
B = (2, 4, 6, 5)  # (N, C, H, W)
C = (2, 4, 5, 4, 3)  # (N, C, D, H, W)
Args = tuple[Any, ...]

# Class: arguments of the constructor, the last a dict if it holds keywords; and the shapes of inputs.
LAYERS: dict[str, list[tuple[Args, Any]]] = {
    "Identity": [((), A), ((3, {"anything": 4}), B)],
    "Linear": [((6, 3), A), ((6, 3, {"bias": False}), (6,))],
    "LazyLinear": [((3,), A), ((3, False), (6,))],
    "Bilinear": [((6, 5, 3), [(2, 6), (2, 5)]), ((6, 6, 2, False), [A, A])],
    "Flatten": [((), B), ((0, 2), B)],
    "Unflatten": [((1, (2, 2)), B), ((-1, (3, 2)), A)],
    "Softmax": [((1,), A)], "LogSoftmax": [((-1,), A)], "Softmin": [((0,), A)], "Softmax2d": [((), B)],
    "GLU": [((1,), A)], "PReLU": [((4,), A), ((), A)],
    "Unfold": [((2,), B), (((3, 2), 1, (1, 0), 2), B)],
    "Fold": [(((5, 4), 2), (2, 8, 12)), (((6, 5), (3, 2), 1, (1, 0), (2, 1)), (2, 12, 12))],
    "PixelShuffle": [((2,), B)], "PixelUnshuffle": [((3,), (2, 4, 6, 3))], "ChannelShuffle": [((2,), B)],
    "GroupNorm": [((2, 4), B), ((4, 4, {"affine": False}), A), ((1, 4, {"bias": False}), A)],
    "LayerNorm": [((6,), A), (((4, 6), 1e-3, False), A), ((6, {"bias": False}), A)],
    "RMSNorm": [((6,), A), (((4, 6), 1e-3, False), A)],
    "LocalResponseNorm": [((3, 0.5, 0.6, 2.0), A), ((2,), B)],
    "CosineSimilarity": [((), [A, A]), ((2,), [A, A])],
    "PairwiseDistance": [((), [A, A]), ((1.0, 1e-3, True), [A, A])],
    "MultiheadAttention": [((6, 2), [(3, 2, 6)] * 3), ((6, 3, {"batch_first": True, "kdim": 4, "vdim": 5}), [(2, 3, 6), (2, 4, 4), (2, 4, 5)])],
    "Upsample": [((None, 2), A), (((7, 3), None, "bilinear", True), B), ((None, 1.5, "trilinear"), C)],
    "UpsamplingNearest2d": [(((3, 9),), B), ((None, 2), B)], "UpsamplingBilinear2d": [(((3, 9),), B), ((None, 2), B)],
    "SyncBatchNorm": [((4,), B), ((4, {"affine": False, "momentum": None}), A), ((4, {"track_running_stats": False}), (3, 4))],
    "TransformerEncoderLayer": [((6, 2, 7, 0.0), (3, 2, 6)), ((6, 2, 7, 0.0, "gelu", 1e-3, True, True, False), (2, 3, 6))],
    "TransformerDecoderLayer": [((6, 2, 7, 0.0), [(3, 2, 6), (4, 2, 6)]), ((6, 2, 7, 0.0, "gelu", 1e-3, True, True, False), [(2, 3, 6), (2, 4, 6)])],
    "Transformer": [((6, 2, 1, 2, 7, 0.0), [(3, 2, 6), (4, 2, 6)])],
}  # fmt: skip
for n, shape in enumerate((A, B, C), 1):
    LAYERS |= {
        f"Conv{n}d": [((4, 6, 3), shape), ((4, 6, 2, 2, 1, 1, 2, False, "circular"), shape), ((4, 6, 3, {"padding": "same", "padding_mode": "replicate"}), shape[1:])],
        f"ConvTranspose{n}d": [((4, 6, 3), shape), ((4, 6, 3, 2, 1, 1, 2, False), shape[1:])],
        f"LazyConv{n}d": [((6, 3), shape), ((6, 2, 2, 1, 1, 2, False, "reflect"), shape[1:])],
        f"LazyConvTranspose{n}d": [((6, 3), shape), ((6, 3, 2, 1, 1, 2, False), shape[1:])],
        f"BatchNorm{n}d": [((4,), shape), ((4, 1e-3, None, False), shape), ((4, {"track_running_stats": False, "bias": False}), shape)],
        f"InstanceNorm{n}d": [((4,), shape), ((4, 1e-3, 0.3, True, True), shape[1:]), ((4, {"affine": True, "bias": False}), shape)],
        f"LazyBatchNorm{n}d": [((), shape), ((1e-3, None, False), shape), ((1e-3, 0.1, True, False, {"bias": False}), shape)],
        f"LazyInstanceNorm{n}d": [((), shape), ((1e-3, 0.2, True, False, {"bias": False}), shape)],
        f"MaxPool{n}d": [((2,), shape), ((3, 1, 1, 2, False, True), shape[1:])],
        f"AvgPool{n}d": [((2,), shape), ((3, 2, 1, True, False), shape[1:])],
        f"LPPool{n}d": [((2, 2), shape), ((4, 3, 1, True), shape[1:])],
        f"AdaptiveAvgPool{n}d": [((2,), shape), ((3,), shape[1:])],
        f"AdaptiveMaxPool{n}d": [((2,), shape), ((3,), shape[1:])],
        f"ReflectionPad{n}d": [((1,), shape), (((1, 2, 1, 0, 0, 1)[: 2 * n],), shape[1:])],
        f"ReplicationPad{n}d": [((1,), shape), (((1, 2, 1, 0, 0, 4)[: 2 * n],), shape[1:])],
        f"CircularPad{n}d": [((1,), shape), (((1, 2, 1, 0, 0, 1)[: 2 * n],), shape[1:])],
        f"ZeroPad{n}d": [((1,), shape), (((1, -2, 1, 0, 0, 1)[: 2 * n],), shape[1:])],
        f"ConstantPad{n}d": [((1, 0.5), shape), (((1, -2, 1, 0, 0, 1)[: 2 * n], -1.0), shape[1:])],
    }  # fmt: skip
for name in ("Sigmoid", "Tanh", "ReLU", "ReLU6", "SELU", "CELU", "ELU", "GELU", "SiLU", "Mish", "Softplus", "Softsign",
             "Softshrink", "Hardshrink", "Hardtanh", "Hardswish", "LeakyReLU", "LogSigmoid", "Tanhshrink"):  # fmt: skip
    LAYERS[name] = [((), A)]
CASES = [(name, given, shapes) for name, rows in LAYERS.items() for given, shapes in rows]

# Compared with PyTorch in the files named.
ELSEWHERE = {
    "test_torch_layers.py": {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
        "RReLU", "Threshold", "CTCLoss", "Hardsigmoid"},
    "test_torch_normalisation.py": {"Embedding", "EmbeddingBag"},
    "test_torch_pooling.py": {"FractionalMaxPool2d", "FractionalMaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"},
    "test_torch_recurrent.py": {"RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell", "RNNCellBase"},
    "test_transformer.py": {"TransformerEncoder", "TransformerDecoder"},
    "test_containers.py": {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"},
    "test_torch_modules.py": {"CrossMapLRN2d"},
    "test_adaptive.py": {"AdaptiveLogSoftmaxWithLoss"},
}  # fmt: skip


def made(lib: Any, name: str, given: Args) -> Any:
    named = given[-1] if given and isinstance(given[-1], dict) else {}
    return getattr(lib.nn, name)(*(given[:-1] if named else given), **named)


def pair(name: str, given: Args) -> tuple[Any, Any]:
    """The same layer in both libraries, with PyTorch's state, moved away from its simple beginnings."""
    theirs = made(torch, name, given)
    ours = made(tg, name, given)
    assert repr(ours) == repr(theirs).replace("NonDynamicallyQuantizable", "")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours, theirs = ours.double(), theirs.double()
    if not name.startswith("Lazy"):
        with torch.no_grad():
            for tensor in theirs.state_dict().values():
                if tensor.is_floating_point():
                    tensor += torch.rand_like(tensor) * 0.5
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def close(ours: Any, theirs: Any, what: str = "") -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype, what
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10, err_msg=what)


def compare(ours: Any, theirs: Any, arrays: list[Any]) -> None:
    """One call in training and one in evaluation, with gradients of inputs and parameters."""
    for mode in (True, False):
        inputs = [tg.tensor(x, requires_grad=True) for x in arrays]
        others = [torch.tensor(x, requires_grad=True) for x in arrays]
        y, z = ours.train(mode)(*inputs), theirs.train(mode)(*others)
        if isinstance(z, tuple):
            for a, b in zip(y[1:], z[1:], strict=True):
                close(a, b, "further result")
            y, z = y[0], z[0]
        close(y, z, f"training={mode}")
        if not z.requires_grad:
            continue
        g = np.random.randn(*z.shape)
        y.backward(tg.tensor(g))
        z.backward(torch.tensor(g))
        for a, b in zip(inputs, others, strict=True):
            close(a.grad, b.grad, "input")
        for (key, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):  # fmt: skip
            close(p.grad, q.grad, key)
        for (key, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
            close(a, b, key)
        ours.zero_grad()
        theirs.zero_grad()


@pytest.mark.parametrize(("name", "given", "shapes"), CASES)
def test_layer(name: str, given: Args, shapes: Any) -> None:
    ours, theirs = pair(name, given)
    arrays = [np.random.randn(*s) for s in (shapes if isinstance(shapes, list) else [shapes])]
    if name.startswith("Lazy"):
        theirs(*map(torch.tensor, arrays))
        theirs.load_state_dict(
            {k: torch.rand_like(v) + 0.5 if v.is_floating_point() else v * 0 for k, v in theirs.state_dict().items()}
        )  # fmt: skip
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        ours(*map(tg.tensor, arrays))
        assert repr(ours) == repr(theirs) and type(ours).__name__ == name.removeprefix("Lazy")
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    compare(ours, theirs, arrays)


@pytest.mark.parametrize("size", [3, 4, 7, 8])
def test_cross_map_normalisation(size: int) -> None:
    """PyTorch's own is right in a few cases only: it never takes channel 0 out of the sum again."""
    x = np.random.randn(2, 7, 3, 2)
    layer = tg.nn.CrossMapLRN2d(size, 0.5, 0.6, 2.0)
    assert repr(layer) == repr(torch.nn.CrossMapLRN2d(size, 0.5, 0.6, 2.0))
    reach = (size - 1) // 2
    sums = np.stack([(x[:, max(c - reach, 0) : c + reach + 1] ** 2).sum(1) for c in range(7)], 1)
    found = layer(tg.tensor(x)).numpy()
    np.testing.assert_allclose(found, x / (2 + 0.5 / size * sums) ** 0.6, rtol=1e-12)
    few = x[:, : reach + 1]
    theirs = torch.nn.CrossMapLRN2d(size, 0.5, 0.6, 2.0)(torch.tensor(few))
    close(layer(tg.tensor(few)), theirs)
    if size % 2:
        compare(layer, torch.nn.LocalResponseNorm(size, 0.5, 0.6, 2.0), [x])
    with pytest.raises(tg.errors.ShapeError, match="CrossMapLRN2d: input must be 4-d"):
        layer(tg.ones(1, 2, 3))


@pytest.mark.parametrize("name", [*sorted(LAYERS), "CrossMapLRN2d"])
def test_signature(name: str) -> None:
    def listed(lib: Any) -> list[Any]:
        found = inspect.signature(getattr(lib.nn, name)).parameters.values()
        return [
            (p.name, getattr(p.default, "__name__", p.default))
            for p in found
            if p.name not in ("min_value", "max_value", "args", "kwargs")
        ]

    assert listed(tg) == listed(torch)


def test_every_layer_that_pytorch_has_is_compared_with_it() -> None:
    kinds = [tg.nn.Parameter, tg.nn.Buffer]
    layers = {
        n for n in tg.nn.__all__
        if isinstance(getattr(tg.nn, n), type) and not issubclass(getattr(tg.nn, n), tuple(kinds)) and hasattr(torch.nn, n)
    }  # fmt: skip
    losses = {n for n in layers if n.endswith("Loss")}  # test_torch_layers.py
    assert layers - losses - set(LAYERS) - set().union(*ELSEWHERE.values()) == set()


def test_nothing_but_processes_and_quantisation_is_missing() -> None:
    theirs = {n for n in dir(torch.nn) if isinstance(getattr(torch.nn, n), type) and n[0].isupper()}
    missing = theirs - set(tg.nn.__all__)
    assert missing <= {"Container", "DataParallel", "NLLLoss2d", "LinearCrossEntropyOptions"}  # fmt: skip
