"""Cross entropy with the last linear map, against PyTorch."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError, ShapeError
from tapegrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

CASES: list[tuple[dict[str, Any], Any]] = [
    ({}, [1, 0, 3]), ({"bias": True, "reduction": "sum"}, [1, -100, 3]), ({"reduction": "none", "ignore_index": 3}, [1, 0, 3]),
    ({"out_features": (2,), "bias": True}, [[1, 0], [3, 2], [0, 0]]), ({"label_smoothing": 0.2, "weight": True}, [1, 0, 3]),
    ({"out_features": (2, 1)}, np.full((3, 4, 2, 1), 0.25)), ({}, 2),
]  # fmt: skip


@pytest.mark.parametrize(("options", "target"), CASES)
def test_the_layer_is_pytorchs(options: dict[str, Any], target: Any) -> None:
    x = np.random.randn(*((5,) if np.ndim(target) == 0 else (3, 5)))
    state = None
    results = []
    for lib in (torch, tg):
        given = dict(options)
        if "weight" in given:
            given["weight"] = lib.tensor([0.5, 1.0, 2.0, 1.5])
        layer = lib.nn.LinearCrossEntropyLoss(5, 4, **given).double()
        if state is None:
            state = {k: v.numpy() for k, v in layer.state_dict().items()}
        assert list(layer.state_dict()) == list(state)
        if lib is tg:
            layer.load_state_dict(state)
        a = lib.tensor(x, requires_grad=True)
        loss = layer(a, lib.tensor(target))
        loss.sum().backward()
        values = [loss.detach().numpy(), a.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]  # fmt: skip
        results.append((values, repr(layer)))
    for ours, theirs in zip(results[1][0], results[0][0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert results[0][1] == results[1][1]


def test_signatures() -> None:
    for ours, theirs in (
        (tg.nn.LinearCrossEntropyLoss, torch.nn.LinearCrossEntropyLoss),
        (F.linear_cross_entropy, torch.nn.functional.linear_cross_entropy),
    ):
        a, b = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
        assert [(p.name, p.default, p.kind) for p in a.values()] == [
            (p.name, p.default, p.kind) for p in b.values()
        ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.linear_cross_entropy(tg.ones(2, 3), tg.ones(4, 5), tg.tensor([0, 0])), ShapeError, "linear_weight"),
        (lambda: F.linear_cross_entropy(tg.ones(3), tg.ones(4, 2, 3), tg.tensor(0)), ShapeError, "must be"),
        (lambda: F.linear_cross_entropy(tg.ones(2, 3), tg.ones(4, 3), tg.tensor([0, 0]), linear_bias=tg.ones(3)), ShapeError, "linear_bias"),
        (lambda: F.linear_cross_entropy(tg.ones(2, 3), tg.ones(4, 3), tg.ones(2, 4), ignore_index=1), ArgumentError, "probabilities"),
        (lambda: F.linear_cross_entropy(tg.ones(2, 3), tg.ones(4, 3), tg.tensor([0, 0]), options=3), ArgumentError, "options"),
        (lambda: tg.nn.LinearCrossEntropyLoss(2, 0), ArgumentError, "num_classes"),
        (lambda: tg.nn.LinearCrossEntropyLoss(2, 3, weight=tg.ones(2)), ShapeError, "weight must be"),
        (lambda: tg.nn.LinearCrossEntropyLoss(2, 3, reduction="x"), ArgumentError, "reduction"),
        (lambda: tg.nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2.0), ArgumentError, "label_smoothing"),
        (lambda: tg.nn.LinearCrossEntropyLoss(2, 3, options=3), ArgumentError, "options"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
