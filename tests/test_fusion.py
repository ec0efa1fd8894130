"""Batch normalisation folded into the layer before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, ShapeError

utils = nn.utils
PAIRS: dict[str, Any] = {
    "Conv1d": (lambda bias: nn.Conv1d(3, 4, 2, bias=bias), nn.BatchNorm1d, (2, 3, 6)),
    "Conv2d": (lambda bias: nn.Conv2d(4, 4, 3, groups=2, bias=bias), nn.BatchNorm2d, (2, 4, 6, 5)),
    "Conv3d": (lambda bias: nn.Conv3d(2, 4, 2, bias=bias), nn.BatchNorm3d, (1, 2, 4, 4, 3)),
    "ConvTranspose2d": (
        lambda bias: nn.ConvTranspose2d(3, 4, 2, stride=2, bias=bias), nn.BatchNorm2d, (2, 3, 4, 4),
    ),
    "Linear": (lambda bias: nn.Linear(3, 4, bias=bias), nn.BatchNorm1d, (5, 3)),
}  # fmt: skip


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_one_layer_does_what_both_did(name: str, bias: bool, affine: bool) -> None:
    make, norm, shape = PAIRS[name]
    layer, bn = make(bias).double(), norm(4, affine=affine).double()
    for tensor in [*bn.parameters(), *bn.buffers()]:
        if tensor.ndim:
            tensor.detach().uniform_(0.5, 2.0)
    x = tg.randn(shape, dtype=tg.float64)
    both = bn.eval()(layer.eval()(x))
    if name == "Linear":
        fused = utils.fuse_linear_bn_eval(layer, bn)
    else:
        fused = utils.fuse_conv_bn_eval(layer, bn, transpose="Transpose" in name)
    assert type(fused) is type(layer) and fused is not layer
    np.testing.assert_allclose(fused(x).detach().numpy(), both.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.torch
def test_weights_are_pytorchs(transpose: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((4, 4, 2)), *(rng.random(4) for _ in range(3)), 1e-3]
    arrays += [rng.random(4) for _ in range(2)]
    results = []
    for lib in (tg, torch):
        given = [lib.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]
        results.append(lib.nn.utils.fuse_conv_bn_weights(*given, transpose))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


def test_refusals() -> None:
    conv, bn = nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3)
    with pytest.raises(ArgumentError, match="evaluation mode"):
        utils.fuse_conv_bn_eval(conv, bn.eval())
    with pytest.raises(ArgumentError, match="evaluation mode"):
        utils.fuse_conv_bn_eval(conv.eval(), bn.train())
    with pytest.raises(ArgumentError, match="no running statistics"):
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm1d(3, track_running_stats=False).eval())
    with pytest.raises(ShapeError, match="has 3 channels, the convolution gives 4"):
        utils.fuse_conv_bn_eval(nn.Conv1d(2, 4, 1).eval(), nn.BatchNorm1d(3).eval())
    with pytest.raises(ShapeError, match="has 3 features"):
        utils.fuse_linear_bn_eval(nn.Linear(2, 4).eval(), nn.BatchNorm1d(3).eval())
