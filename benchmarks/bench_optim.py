"""What a step of an optimiser costs, for many small parameters and for few large ones.

Gradients are there already and stay the same: nothing is timed but `step`. All begin with the same
values, and what they are after a few steps is compared. Sizes are 100 parameters of 1,000 elements,
one of 1,000,000, and ten of 1,000,000, float32.

    python benchmarks/bench_optim.py
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from side_by_side import Contender, Results, Settings, main, number, time_blocks

SIZES = {"100 x 1,000": (100, 1_000), "1M": (1, 1_000_000), "10 x 1M": (10, 1_000_000)}
OPTIMISERS = {"Adam": {"lr": 1e-3}, "SGD": {"lr": 1e-3, "momentum": 0.9}}
ROWS = [f"{name}, {size}" for name in OPTIMISERS for size in SIZES]
CHECKED = 5  # steps after which the values are compared

Make = Callable[[str, list[np.ndarray], list[np.ndarray]], tuple[Callable[[], Any], Any]]


def run(make: Make, settings: Settings) -> dict[str, Any]:
    """Measure one contender.

    Args:
        make: from the optimiser's name, first values and gradients: a step, and a function that
            gives one of the values as they are now.
        settings: how long; in a try everything is a hundred times smaller.
    """
    rows, values = {}, {}
    for name in OPTIMISERS:
        for size, (count, elements) in SIZES.items():
            random = np.random.default_rng(0)
            shape = (count, elements // 100 if settings.smoke else elements)
            first = list(random.standard_normal(shape, np.float32))
            grads = list(random.standard_normal(shape, np.float32))
            step, value = make(name, first, grads)
            for _ in range(CHECKED):
                step()
            row = f"{name}, {size}"
            values[row] = [float(value(i)[7]) for i in (0, count - 1)]
            rows[row] = time_blocks(step, 1, settings.seconds)
    return {"rows": rows, "values": values}


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(flat: bool) -> Make:
    """The formulas, every array allocated once and every change in place.

    Args:
        flat: one vector of all parameters and one of all gradients, which is what no framework has
            before it has copied them there.
    """

    def make(
        name: str, first: list[np.ndarray], grads: list[np.ndarray]
    ) -> tuple[Callable[[], Any], Any]:
        count = len(first)
        if flat:
            first, grads = [np.concatenate(first)], [np.concatenate(grads)]
        else:
            first = [value.copy() for value in first]
        lr = np.array(OPTIMISERS[name]["lr"], np.float32)
        states = [[np.zeros_like(p), np.zeros_like(p), np.empty_like(p)] for p in first]
        work = list(zip(first, grads, states, strict=True))
        update = _sgd if name == "SGD" else _adam
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            for p, g, state in work:
                update(p, g, *state, lr, steps)

        def value(i: int) -> np.ndarray:
            return np.split(first[0], count)[i] if flat else first[i]

        return step, value

    return make


def _sgd(p: Any, g: Any, v: Any, _: Any, s: Any, lr: Any, steps: int) -> None:
    np.multiply(v, np.float32(OPTIMISERS["SGD"]["momentum"]), out=v)
    np.add(v, g, out=v)
    np.multiply(v, lr, out=s)
    np.subtract(p, s, out=p)


def _adam(p: Any, g: Any, m: Any, v: Any, s: Any, lr: Any, steps: int) -> None:
    root = math.sqrt(1 - 0.999**steps)
    np.multiply(m, np.float32(0.9), out=m)
    np.multiply(g, np.float32(0.1), out=s)
    np.add(m, s, out=m)
    np.multiply(v, np.float32(0.999), out=v)
    np.multiply(g, g, out=s)
    np.multiply(s, np.float32(0.001), out=s)
    np.add(v, s, out=v)
    np.sqrt(v, out=s)
    np.add(s, np.float32(1e-8 * root), out=s)
    np.divide(m, s, out=s)
    np.multiply(s, np.float32(lr * root / (1 - 0.9**steps)), out=s)
    np.subtract(p, s, out=p)


def numpy(settings: Settings) -> dict[str, Any]:
    """The formulas, one parameter after the other."""
    return {**run(by_hand(flat=False), settings), "version": np.__version__}


def numpy_flat(settings: Settings) -> dict[str, Any]:
    """The formulas over one vector."""
    return {**run(by_hand(flat=True), settings), "version": np.__version__}


# -- tapegrad and PyTorch, by one text -------------------------------------------------------------


def eager(framework: Any, **options: Any) -> Make:
    """The optimiser as it comes, or with options."""

    def make(
        name: str, first: list[np.ndarray], grads: list[np.ndarray]
    ) -> tuple[Callable[[], Any], Any]:
        params = [framework.nn.Parameter(framework.tensor(value)) for value in first]
        for p, g in zip(params, grads, strict=True):
            p.grad = framework.tensor(g)
        optimizer = getattr(framework.optim, name)(params, **OPTIMISERS[name], **options)
        return optimizer.step, lambda i: params[i].detach().numpy()

    return make


def tapegrad(settings: Settings) -> dict[str, Any]:
    """tapegrad."""
    import tapegrad

    return {**run(eager(tapegrad), settings), "version": tapegrad.__version__}


def _torch(settings: Settings, threads: int | None = None, **options: Any) -> dict[str, Any]:
    import torch

    if threads:
        torch.set_num_threads(threads)
    result = run(eager(torch, **options), settings)
    return {**result, "version": torch.__version__, "threads": torch.get_num_threads()}


def torch(settings: Settings) -> dict[str, Any]:
    """PyTorch as it comes."""
    return _torch(settings)


def torch_1_thread(settings: Settings) -> dict[str, Any]:
    """PyTorch with one thread."""
    return _torch(settings, 1)


def torch_foreach(settings: Settings) -> dict[str, Any]:
    """PyTorch with lists of parameters."""
    return _torch(settings, foreach=True)


def torch_fused(settings: Settings) -> dict[str, Any]:
    """PyTorch with its fused kernels."""
    return _torch(settings, fused=True)


def torch_fused_1_thread(settings: Settings) -> dict[str, Any]:
    """PyTorch with its fused kernels and one thread."""
    return _torch(settings, 1, fused=True)


CONTENDERS = [
    Contender("numpy", "numpy", numpy, smoke=True),
    Contender("numpy flat", "numpy", numpy_flat, smoke=True),
    Contender("tapegrad", "tapegrad", tapegrad, smoke=True),
    Contender("torch", "torch", torch),
    Contender("torch 1 thread", "torch", torch_1_thread),
    Contender("torch foreach", "torch", torch_foreach),
    Contender("torch fused", "torch", torch_fused),
    Contender("torch fused 1 thread", "torch", torch_fused_1_thread),
]


def report(results: Results) -> list[str]:
    """Print times, times over tapegrad's, whether all computed the same, and the targets."""
    names = results.names
    head = ["us per step", *names]
    results.table(
        head, [[row, *(number(results.figure(name, row)) for name in names)] for row in ROWS]
    )
    if "tapegrad" in names:
        over = [[row, *(number(_over(results, name, row)) for name in names)] for row in ROWS]
        results.table(["over tapegrad", *names], over)
    for name in names:
        threads = results.note(name, "threads")
        print(f"{name}: {results.note(name, 'version')}", f"({threads} threads)" if threads else "")
    print()
    wrong = _compare_values(results)
    plain = [name for name in ("torch", "torch 1 thread") if name in names]
    best = results.better(plain, ROWS[0])
    faster = _over(results, best[1], ROWS[0]) if best else None
    return wrong + results.target(
        "Adam, 100 x 1,000, times faster than PyTorch's default", faster, -5, "x"
    )


def _over(results: Results, name: str, row: str) -> float | None:
    other, mine = results.figure(name, row), results.figure("tapegrad", row)
    return other / mine if other is not None and mine else None


def _compare_values(results: Results) -> list[str]:
    reference = results.names[0]
    expected = results.note(reference, "values")
    wrong = []
    for name in results.names:
        for row, value in results.note(name, "values").items():
            if not np.allclose(value, expected[row], rtol=1e-4, atol=1e-6):
                wrong.append(f"{name} does not compute what {reference} computes")
                print(f"VALUES DIFFER: {row}: {name} {value}, {reference} {expected[row]}")
    if not wrong:
        print(f"values after {CHECKED} steps agree within 0.01 %")
    return wrong


if __name__ == "__main__":
    main(__file__, "optimisers: one step, float32", CONTENDERS, report)
