"""Options, fixtures and guards of the whole suite."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Iterator

# Before NumPy is loaded: threads of BLAS wait for each other longer than these small matrices take.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

import standin  # noqa: F401  registers the device "standin"
import tapegrad as tg


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tapegrad-device",
        default="cpu",
        choices=("cpu", "cuda", "standin"),
        help="device on which the tests that take the `device` fixture run",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "torch: compares with PyTorch; skipped where it is missing")


def pytest_collection_finish() -> None:
    """What was collected stays: garbage is not looked for in it; PyTorch, too, works in one thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """Name of the device chosen on the command line."""
    name: str = request.config.getoption("--tapegrad-device")
    if name == "cuda" and not tg.cuda.is_available():
        pytest.fail("--tapegrad-device cuda: there is no usable card")
    return name


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    tg.manual_seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_leak() -> Iterator[None]:
    """A test leaves grad mode, default dtype and NumPy's error state as it found them."""
    before = (tg.is_grad_enabled(), tg.get_default_dtype(), np.geterr())
    yield
    after = (tg.is_grad_enabled(), tg.get_default_dtype(), np.geterr())
    tg.set_default_dtype(before[1])
    np.seterr(**before[2])
    assert after == before, "the test leaked (grad mode, default dtype, errstate)"
