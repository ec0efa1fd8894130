"""What one operation costs: small arrays, so that everything but the framework is nearly nothing.

Every row is one operation on 4 float32 elements (4 x 4 for `matmul`), in microseconds. "Recorded"
means that the operands require a gradient. The last rows are a chain of 1000 such operations.

    python benchmarks/bench_dispatch.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from side_by_side import (
    Contender,
    Results,
    Settings,
    Timing,
    main,
    number,
    summary,
    time_statement,
)

OPERATIONS = {
    "a * b": "a * b",
    "a + b": "a + b",
    "a * 2.0": "a * 2.0",
    "exp(a)": "exp(a)",
    "a.sum()": "a.sum()",
    "m @ n (4 x 4)": "m @ n",
    "a.reshape(2, 2)": "a.reshape(2, 2)",
}
FORWARD, BACKWARD = "chain, forward per op", "chain, backward per node"
ROWS = [*OPERATIONS, FORWARD, BACKWARD]
PAIRS = 500  # of a multiplication and an addition: 1000 operations


def _arrays() -> list[Any]:
    import numpy as np

    a = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    m = np.eye(4, dtype=np.float32) + 0.25
    return [a, a + 1, m, m.T.copy()]


def _operations(operands: list[Any], exp: Any, settings: Settings) -> dict[str, Timing]:
    names = {**dict(zip("abmn", operands, strict=True)), "exp": exp}
    return {
        row: time_statement(statement, names, settings.seconds)
        for row, statement in OPERATIONS.items()
    }


def _chain(x: Any, c: Any) -> Any:
    for _ in range(PAIRS):
        x = x * c + c
    return x


def _time_chain(
    forward: Callable[[], Any], backward: Callable[[Any], Any] | None, settings: Settings
) -> dict[str, Timing]:
    clock = time.perf_counter
    there: list[float] = []
    back: list[float] = []
    end = clock() + 2 * settings.seconds
    while len(there) < 5 or clock() < end:
        start = clock()
        y = forward()
        middle = clock()
        if backward is not None:
            backward(y)
        there.append((middle - start) / (2 * PAIRS))
        back.append((clock() - middle) / (2 * PAIRS))
        del y
    rows = {FORWARD: summary(there)}
    if backward is not None:
        rows[BACKWARD] = summary(back)
    return rows


def raw_numpy(settings: Settings) -> dict[str, Any]:
    """The limit: the calls themselves, and the multiplications that backward amounts to."""
    import numpy as np

    operands = _arrays()
    a, b = operands[:2]
    c = b * np.float32(0.5)

    def backward(y: Any) -> Any:
        g = np.ones_like(y)
        for _ in range(PAIRS):
            g = g * c  # an addition passes its gradient on
        return g

    rows = _operations(operands, np.exp, settings)
    rows.update(_time_chain(lambda: _chain(a, c), backward, settings))
    return {"version": np.__version__, "rows": rows}


def _eager(framework: Any, recorded: bool, settings: Settings) -> dict[str, Any]:
    """tapegrad and PyTorch, by one text."""
    operands = [framework.tensor(array, requires_grad=True) for array in _arrays()]
    a, b = operands[:2]
    c = b.detach() * 0.5
    ones = framework.ones(4)
    if recorded:
        rows = _operations(operands, framework.exp, settings)
        rows.update(_time_chain(lambda: _chain(a, c), lambda y: y.backward(ones), settings))
    else:
        with framework.no_grad():
            rows = _operations(operands, framework.exp, settings)
            rows.update(_time_chain(lambda: _chain(a, c), None, settings))
    return {"version": framework.__version__, "rows": rows}


def tapegrad(settings: Settings) -> dict[str, Any]:
    """tapegrad, recorded."""
    import tapegrad

    return _eager(tapegrad, True, settings)


def tapegrad_no_grad(settings: Settings) -> dict[str, Any]:
    """tapegrad under no_grad."""
    import tapegrad

    return _eager(tapegrad, False, settings)


def torch(settings: Settings) -> dict[str, Any]:
    """PyTorch with its default threads, recorded."""
    import torch

    return {**_eager(torch, True, settings), "threads": torch.get_num_threads()}


def torch_1_thread(settings: Settings) -> dict[str, Any]:
    """PyTorch with one thread, recorded."""
    import torch

    torch.set_num_threads(1)
    return {**_eager(torch, True, settings), "threads": 1}


def torch_no_grad(settings: Settings) -> dict[str, Any]:
    """PyTorch under no_grad."""
    import torch

    return {**_eager(torch, False, settings), "threads": torch.get_num_threads()}


def autograd(settings: Settings) -> dict[str, Any]:
    """HIPS autograd: values under a trace."""
    import importlib.metadata

    import autograd.numpy as anp
    from autograd import grad
    from autograd.core import make_vjp

    rows: dict[str, Timing] = {}
    arrays = _arrays()
    c = arrays[1] * arrays[0].dtype.type(0.5)

    def traced(operands: Any) -> Any:
        boxes = list(operands)
        rows.update(_operations(boxes, anp.exp, settings))
        return boxes[0].sum()

    grad(traced)(tuple(arrays))
    rows.update(
        _time_chain(
            lambda: make_vjp(lambda x: _chain(x, c), arrays[0]),
            lambda traced_chain: traced_chain[0](anp.ones_like(c)),
            settings,
        )
    )
    return {"version": importlib.metadata.version("autograd"), "rows": rows}


def mygrad(settings: Settings) -> dict[str, Any]:
    """MyGrad without its memory guard, as its manual advises where speed counts."""
    import mygrad

    mygrad.turn_memory_guarding_off()
    operands = [mygrad.tensor(array) for array in _arrays()]
    c = operands[1].data * operands[1].dtype.type(0.5)
    rows = _operations(operands, mygrad.exp, settings)
    rows.update(_time_chain(lambda: _chain(operands[0], c), lambda y: y.backward(), settings))
    return {"version": mygrad.__version__, "rows": rows}


CONTENDERS = [
    Contender("numpy", "numpy", raw_numpy, smoke=True),
    Contender("tapegrad", "tapegrad", tapegrad, smoke=True),
    Contender("tapegrad no_grad", "tapegrad", tapegrad_no_grad, smoke=True),
    Contender("torch", "torch", torch),
    Contender("torch 1 thread", "torch", torch_1_thread),
    Contender("torch no_grad", "torch", torch_no_grad),
    Contender("autograd", "autograd", autograd),
    Contender("mygrad", "mygrad", mygrad),
]


def report(results: Results) -> list[str]:
    """Print times, times over raw NumPy, and the targets."""
    names = results.names
    head = ["us per operation", *names]
    results.table(
        head, [[row, *(number(results.figure(name, row)) for name in names)] for row in ROWS]
    )
    if "numpy" in names:
        others = [name for name in names if name != "numpy"]
        over = [
            [row, *(number(_over_numpy(results, name, row)) for name in others)] for row in ROWS
        ]
        results.table(["us over raw NumPy", *others], over)
    for name in names:
        threads = results.note(name, "threads")
        print(f"{name}: {results.note(name, 'version')}", f"({threads} threads)" if threads else "")
    print()
    missed = results.target(
        "recorded a * b over raw NumPy", _over_numpy(results, "tapegrad", "a * b"), 0.6, " us"
    )
    missed += results.target(
        "unrecorded a * b over raw NumPy",
        _over_numpy(results, "tapegrad no_grad", "a * b"), 0.3, " us",
    )  # fmt: skip
    best = results.better(["torch", "torch 1 thread"], "a * b")
    mine = results.figure("tapegrad", "a * b")
    faster = best[0] / mine if best and mine else None
    missed += results.target("recorded a * b, times faster than PyTorch", faster, -1)
    return missed


def _over_numpy(results: Results, name: str, row: str) -> float | None:
    mine, base = results.figure(name, row), results.figure("numpy", row)
    return None if mine is None or base is None else mine - base


if __name__ == "__main__":
    main(__file__, "dispatch: one operation on 4 float32 elements", CONTENDERS, report)
