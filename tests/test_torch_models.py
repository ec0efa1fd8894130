"""Models as they are written for PyTorch: the same text, the same weights, the same numbers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tapegrad as tg

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning"),
    pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning"),
]


def residual_network(lib: Any) -> Any:
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = None
            if stride != 1 or inplanes != planes:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
                )

        def forward(self, x: Any) -> Any:
            identity = x if self.downsample is None else self.downsample(x)
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += identity
            return self.relu(out)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(3, 4, 5, 2, 2, bias=False), nn.GroupNorm(2, 4), nn.SiLU(), nn.MaxPool2d(3, 2, 1)
            )  # fmt: skip
            self.layers = nn.ModuleList([Block(4, 4), Block(4, 6, 2)])
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for layer in self.layers:
                x = layer(x)
            return self.fc(lib.flatten(self.avgpool(x), 1))

    return Network()


def language_model(lib: Any) -> Any:
    nn = lib.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = nn.ModuleDict({"token": nn.Embedding(11, 8, padding_idx=0)})
            self.position = nn.Parameter(lib.zeros(1, 7, 8))
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(7).double())
            layer = nn.TransformerEncoderLayer(
                8, 2, 16, 0.0, nn.GELU(), batch_first=True, norm_first=True
            )
            self.blocks = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))
            self.scales = nn.ParameterDict({"out": lib.ones(8)})
            self.head = nn.Linear(8, 11, bias=False)
            self.head.weight = self.embeddings["token"].weight

        def forward(self, tokens: Any) -> Any:
            x = self.embeddings["token"](tokens) + self.position
            x = self.blocks(x, self.mask, src_key_padding_mask=tokens == 0, is_causal=True)
            return self.head(x * self.scales["out"])

    return Model()


def hourglass(lib: Any) -> Any:
    nn = lib.nn
    down = nn.Sequential(
        OrderedDict(pad=nn.ReflectionPad2d(1), conv=nn.Conv2d(2, 4, 4, 2), norm=nn.InstanceNorm2d(4, affine=True),
                    act=nn.LeakyReLU(0.2, inplace=True))
    )  # fmt: skip
    up = nn.Sequential(
        nn.ConvTranspose2d(4, 8, 4, 2, 1), nn.PReLU(8), nn.PixelShuffle(2), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Conv2d(2, 1, 1), nn.Sigmoid(),
    )  # fmt: skip
    return nn.Sequential(OrderedDict(down=down, up=up))


def lazy_network(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.LazyConv1d(4, 3, padding="same"), nn.LazyBatchNorm1d(), nn.Hardswish(), nn.Flatten(), nn.LazyLinear(3)
    )  # fmt: skip


MODELS = {
    "residual network": (residual_network, lambda: np.random.randn(3, 3, 17, 17)),
    "language model": (language_model, lambda: np.array([[1, 5, 3, 2, 9, 10, 4], [7, 7, 1, 2, 3, 0, 0]])),
    "hourglass": (hourglass, lambda: np.random.randn(2, 2, 8, 8)),
    "lazy network": (lazy_network, lambda: np.random.randn(4, 2, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_outputs_gradients_and_state(name: str) -> None:
    build, draw = MODELS[name]
    theirs, ours = build(torch).double(), build(tg).double()
    if name != "language model":  # a `ParameterDict` prints PyTorch's dtypes
        assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = draw()
    if name.startswith("lazy"):
        theirs(torch.tensor(x))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    floating = x.dtype.kind == "f"
    for _ in range(2):  # the second time with statistics that the first has moved
        a = tg.tensor(x, requires_grad=floating)
        b = torch.tensor(x, requires_grad=floating)
        y, z = ours(a), theirs(b)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-10, atol=1e-10)
        g = np.random.randn(*y.shape)
        y.backward(tg.tensor(g))
        z.backward(torch.tensor(g))
        for (key, p), (_, q) in zip(
            [*ours.named_parameters(), *([("input", a)] if floating else [])],
            [*theirs.named_parameters(), *([("input", b)] if floating else [])],
            strict=True,
        ):
            np.testing.assert_allclose(
                p.grad.numpy(), q.grad.numpy(), rtol=1e-10, atol=1e-10, err_msg=key
            )
    for (key, p), (_, q) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):  # fmt: skip
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-10, atol=1e-10, err_msg=key)
    with torch.no_grad():
        np.testing.assert_allclose(
            ours.eval()(tg.tensor(x)).detach().numpy(), build_eval(theirs)(torch.tensor(x)).numpy(),
            rtol=1e-10, atol=1e-10,
        )  # fmt: skip


def build_eval(theirs: Any) -> Any:
    """PyTorch's model in evaluation, without its other results for padded positions."""
    for module in theirs.modules():
        if hasattr(module, "enable_nested_tensor"):
            module.enable_nested_tensor = module.use_nested_tensor = False
    return theirs.eval()


@pytest.mark.parametrize("name", ["residual network", "language model", "hourglass"])
def test_our_state_loads_into_pytorch(name: str) -> None:
    build, _ = MODELS[name]
    ours, theirs = build(tg), build(torch)
    state = OrderedDict((k, torch.from_numpy(v.numpy().copy())) for k, v in ours.state_dict().items())  # fmt: skip
    theirs.load_state_dict(state)
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), ours.state_dict()[key].numpy())
