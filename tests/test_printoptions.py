"""`set_printoptions`, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors

RNG = np.random.default_rng(0)
VALUES = [
    RNG.standard_normal((3, 4)), 100 * RNG.standard_normal(7), np.arange(5.0), RNG.standard_normal((30, 40)), np.array([1e-7, 1.0]),
    np.array([1.5, np.inf]), np.array(3.14159265), np.arange(2000), np.array([1 + 2.5j, 3]),
]  # fmt: skip
OPTIONS = [
    {}, {"precision": 2}, {"sci_mode": True}, {"sci_mode": False}, {"profile": "short"}, {"profile": "full", "linewidth": 120},
    {"edgeitems": 2, "threshold": 10}, {"precision": 6, "linewidth": 40},
]  # fmt: skip


@pytest.fixture(autouse=True)
def restored():
    yield
    tg.set_printoptions(profile="default")


@pytest.mark.torch
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tensors_look_as_in_pytorch(options):
    torch = pytest.importorskip("torch")
    try:
        torch.set_printoptions(**options)
        tg.set_printoptions(**options)
        for value in VALUES:
            value = value.astype(np.float32) if value.dtype == np.float64 else value
            theirs = repr(torch.tensor(value)).replace("torch.", "tapegrad.")
            assert repr(tg.tensor(value)).split() == theirs.split()
    finally:
        torch.set_printoptions(profile="default")


def test_what_is_left_out_stays():
    tg.set_printoptions(precision=2)
    tg.set_printoptions(threshold=float("inf"))
    assert repr(tg.tensor([0.123456])) == "tensor([0.12])" and "..." not in repr(tg.zeros(3000))
    tg.set_printoptions(sci_mode=True)
    assert repr(tg.tensor([0.123456])) == "tensor([1.23e-01])"
    tg.set_printoptions()
    assert repr(tg.tensor([0.123456])) == "tensor([0.12])"
    tg.set_printoptions(profile="default")
    assert "..." in repr(tg.zeros(3000))
    with pytest.raises(errors.ArgumentError, match="profile"):
        tg.set_printoptions(profile="long")
