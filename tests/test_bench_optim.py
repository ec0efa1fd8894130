"""The benchmark of optimisers runs, and everybody in it computes the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks/bench_optim.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not part of a source distribution")
def test_the_benchmark_runs_and_all_compute_the_same() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--smoke"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "values after 5 steps agree" in done.stdout and "DIFFER" not in done.stdout
    assert "Adam, 100 x 1,000" in done.stdout and "SGD, 10 x 1M" in done.stdout
