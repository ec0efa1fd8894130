"""What the table cannot say about windows: large arrays, which are worked through in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import host
from tapegrad.kernels import pooling
from tapegrad.nn import functional as F

OPERATIONS = {
    "means": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "means, apart": lambda x: F.avg_pool2d(x, 2),
    "means of everything": lambda x: F.adaptive_avg_pool2d(x, 1),
    "adaptive means": lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    "weighted sums": lambda x: F.interpolate(x, (11, 4), mode="bicubic"),
    "sums over channels": lambda x: F.local_response_norm(x, 3),
    "maxima": lambda x: F.max_pool2d(x, 3, 2, 1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_blocks_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).standard_normal((5, 3, 7, 6))

    def value_and_gradient() -> list[Any]:
        x = tg.tensor(values, requires_grad=True)
        y = OPERATIONS[name](x)
        (y * y).sum().backward()
        return [host(y.detach()), host(x.grad)]

    whole = value_and_gradient()
    for block in (1, 300):  # one row at a time, and a number of rows that does not divide all
        monkeypatch.setattr(pooling, "BLOCK", block)
        for have, want in zip(value_and_gradient(), whole, strict=True):
            np.testing.assert_array_equal(have, want)
