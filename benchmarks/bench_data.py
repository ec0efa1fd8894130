"""What one epoch of a loader costs: 60,000 rows in memory, batches of 64.

Only the loader is timed, nothing is computed on the batches, and what is counted is the time of the
thread on the processor, not the time that passed. PyTorch's loader asks its dataset for every row. All
see the same rows, and the sums of an epoch are compared.

    python benchmarks/bench_data.py
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import numpy as np
from side_by_side import Contender, Results, Settings, main, number, summary

SAMPLES, FEATURES, BATCH = 60_000, 20, 64
ROWS = [
    "x, shuffled",
    "x and y, shuffled",
    "x, in order",
    "x and y, in order",
    "half of x, shuffled",
]


def run(framework: Any, settings: Settings) -> dict[str, Any]:
    """Measure one contender; both run this text."""
    data = import_module(f"{framework.__name__}.utils.data")
    count = SAMPLES // 100 if settings.smoke else SAMPLES
    random = np.random.default_rng(0)
    x = framework.from_numpy(random.standard_normal((count, FEATURES), np.float32))
    y = framework.from_numpy(random.integers(0, 10, count))
    rows, sums = {}, {}
    for row in ROWS:
        dataset = data.TensorDataset(x, y) if "y" in row else data.TensorDataset(x)
        if "half" in row:
            dataset = data.Subset(dataset, range(0, count, 2))
        loader = data.DataLoader(dataset, BATCH, shuffle="shuffled" in row)
        sums[row] = float(sum(float(batch[0].sum()) for batch in loader))
        samples: list[float] = []
        end = time.perf_counter() + settings.seconds
        while len(samples) < 3 or time.perf_counter() < end:
            start = time.thread_time()
            for _ in loader:
                pass
            samples.append(time.thread_time() - start)
        rows[row] = summary(samples)
    return {"rows": rows, "sums": sums, "version": framework.__version__}


def tapegrad(settings: Settings) -> dict[str, Any]:
    """tapegrad."""
    import tapegrad

    return run(tapegrad, settings)


def torch(settings: Settings) -> dict[str, Any]:
    """PyTorch with one thread, the faster way here."""
    import torch

    torch.set_num_threads(1)
    return run(torch, settings)


CONTENDERS = [
    Contender("tapegrad", "tapegrad", tapegrad, smoke=True),
    Contender("torch", "torch", torch),
]


def report(results: Results) -> list[str]:
    """Print milliseconds of an epoch, times over tapegrad's, whether the rows were the same, the target."""
    names = results.names
    lines = []
    for row in ROWS:
        figures = [results.figure(name, row) for name in names]
        lines.append([row, *(number(f if f is None else f / 1e3) for f in figures)])
        lines[-1].append(number(_faster(results, row)))
    results.table(["ms per epoch", *names, "faster"], lines)
    for name in names:
        print(f"{name}: {results.note(name, 'version')}")
    print()
    wrong = []
    expected = results.note(names[0], "sums")
    for name in names:
        for row, value in results.note(name, "sums").items():
            if not np.isclose(value, expected[row], rtol=1e-3, atol=1e-2):
                wrong.append(f"{name} does not give the rows that {names[0]} gives")
                print(f"SUMS DIFFER: {row}: {name} {value}, {names[0]} {expected[row]}")
    if not wrong:
        print("sums of an epoch agree")
    text = "x and y, shuffled, times faster than PyTorch"
    return wrong + results.target(text, _faster(results, ROWS[1]), -100, "x")


def _faster(results: Results, row: str) -> float | None:
    other, mine = results.figure("torch", row), results.figure("tapegrad", row)
    return other / mine if other is not None and mine else None


if __name__ == "__main__":
    main(__file__, "loader: one epoch of rows in memory", CONTENDERS, report, rounds=5)
