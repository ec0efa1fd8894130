"""What whole operations cost on arrays of a useful size, forward and backward, beside PyTorch.

Every row is one call followed by the backward of its result, in microseconds: both frameworks run
the same text on the same numbers. PyTorch runs as it comes, and with its images in `channels_last`.

    python benchmarks/bench_ops.py
    python benchmarks/bench_ops.py --rounds 3 --match "conv|norm"
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from side_by_side import Contender, Results, Settings, main, number, time_blocks


class Case(NamedTuple):
    """One row of the table.

    Attributes:
        family: what its target is set for.
        shapes: of the float32 operands that require a gradient.
        call: from the framework, its `nn.functional`, and the operands, to the result.
        constants: shapes of float32 operands that need none, and counts for random indices below 32.
        scale: standard deviation of the float32 operands.
    """

    family: str
    shapes: tuple[tuple[int, ...], ...]
    call: Callable[..., Any]
    constants: tuple[Any, ...] = ()
    scale: float = 1.0


MILLION = (1024, 1024)
IMAGES = (32, 64, 16, 16)
HEADS = (8, 8, 128, 64)
LSTM = "lstm 64 x 32 x 128 -> 128"
CASES = {
    # elementwise
    "a * b": Case("elementwise", (MILLION, MILLION), lambda t, F, a, b: a * b),
    "a + row": Case("elementwise", (MILLION, (1024,)), lambda t, F, a, b: a + b),
    "a / (1 + a * a)": Case("elementwise", (MILLION,), lambda t, F, a: a / (1 + a * a)),
    "exp": Case("elementwise", (MILLION,), lambda t, F, a: a.exp()),
    "tanh": Case("elementwise", (MILLION,), lambda t, F, a: a.tanh()),
    "sigmoid": Case("elementwise", (MILLION,), lambda t, F, a: a.sigmoid()),
    "relu": Case("elementwise", (MILLION,), lambda t, F, a: F.relu(a)),
    "gelu": Case("elementwise", (MILLION,), lambda t, F, a: F.gelu(a)),
    "gelu, tanh form": Case(
        "elementwise", (MILLION,), lambda t, F, a: F.gelu(a, approximate="tanh")
    ),
    "silu": Case("elementwise", (MILLION,), lambda t, F, a: F.silu(a)),
    "where": Case("elementwise", (MILLION, MILLION), lambda t, F, a, b: t.where(a > 0, a, b)),
    "clamp": Case("elementwise", (MILLION,), lambda t, F, a: a.clamp(-0.5, 0.5)),
    "pow(3)": Case("elementwise", (MILLION,), lambda t, F, a: a**3),
    "dropout": Case("elementwise", (MILLION,), lambda t, F, a: F.dropout(a, 0.5)),
    # reductions
    "sum": Case("reductions", (MILLION,), lambda t, F, a: a.sum()),
    "mean(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.mean(dim=1)),
    "sum(dim=0)": Case("reductions", (MILLION,), lambda t, F, a: a.sum(dim=0)),
    "max(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.max(dim=1).values),
    "var(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.var(dim=1)),
    "logsumexp(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.logsumexp(dim=1)),
    "softmax(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.softmax(dim=1)),
    "cumsum(dim=1)": Case("reductions", (MILLION,), lambda t, F, a: a.cumsum(dim=1)),
    # products
    "matmul 512": Case("products", ((512, 512), (512, 512)), lambda t, F, a, b: a @ b),
    "bmm 64 x 64 x 64": Case("products", ((64, 64, 64), (64, 64, 64)), lambda t, F, a, b: a @ b),
    "linear 256 x 512 -> 512": Case(
        "products", ((256, 512), (512, 512), (512,)), lambda t, F, x, w, b: F.linear(x, w, b)
    ),
    # norms
    "layer_norm 2048 x 512": Case(
        "norms", ((2048, 512), (512,), (512,)), lambda t, F, x, w, b: F.layer_norm(x, (512,), w, b)
    ),
    "rms_norm 2048 x 512": Case(
        "norms", ((2048, 512), (512,)), lambda t, F, x, w: F.rms_norm(x, (512,), w)
    ),
    "batch_norm": Case(
        "norms",
        (IMAGES, (64,), (64,)),
        lambda t, F, x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    ),
    "group_norm, 8 groups": Case(
        "norms", (IMAGES, (64,), (64,)), lambda t, F, x, w, b: F.group_norm(x, 8, w, b)
    ),
    # convolution and pooling
    "conv2d 3x3, 64 -> 64": Case(
        "convolution", (IMAGES, (64, 64, 3, 3)), lambda t, F, x, w: F.conv2d(x, w, padding=1)
    ),
    "conv2d 3x3, stride 2": Case(
        "convolution",
        (IMAGES, (64, 64, 3, 3)),
        lambda t, F, x, w: F.conv2d(x, w, padding=1, stride=2),
    ),
    "conv2d 1x1": Case("convolution", (IMAGES, (64, 64, 1, 1)), lambda t, F, x, w: F.conv2d(x, w)),
    "conv2d depthwise 3x3": Case(
        "convolution",
        (IMAGES, (64, 1, 3, 3)),
        lambda t, F, x, w: F.conv2d(x, w, padding=1, groups=64),
    ),
    "conv2d 3x3, 4 groups": Case(
        "convolution",
        (IMAGES, (64, 16, 3, 3)),
        lambda t, F, x, w: F.conv2d(x, w, padding=1, groups=4),
    ),
    "conv_transpose2d 2x2": Case(
        "convolution",
        (IMAGES, (64, 64, 2, 2)),
        lambda t, F, x, w: F.conv_transpose2d(x, w, stride=2),
    ),
    "conv1d 5, 64 -> 64": Case(
        "convolution", ((32, 64, 256), (64, 64, 5)), lambda t, F, x, w: F.conv1d(x, w, padding=2)
    ),
    "max_pool2d": Case("pooling", (IMAGES,), lambda t, F, x: F.max_pool2d(x, 2)),
    "avg_pool2d": Case("pooling", (IMAGES,), lambda t, F, x: F.avg_pool2d(x, 2)),
    "interpolate, bilinear": Case(
        "pooling", (IMAGES,), lambda t, F, x: F.interpolate(x, scale_factor=2, mode="bilinear")
    ),
    # attention, recurrence
    "attention 8 x 8 x 128 x 64": Case(
        "attention", (HEADS,) * 3, lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v)
    ),
    "attention, causal": Case(
        "attention",
        (HEADS,) * 3,
        lambda t, F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    ),
    LSTM: Case(
        "recurrence",
        ((64, 32, 128), (512, 128), (512, 128), (512,), (512,)),
        lambda t, F, x, w, r, a, b, h: t.lstm(
            x, (h, h), (w, r, a, b), True, 1, 0.0, True, False, False
        )[0],
        ((1, 32, 128),),
        0.1,
    ),
    "gru 64 x 32 x 128 -> 128": Case(
        "recurrence",
        ((64, 32, 128), (384, 128), (384, 128), (384,), (384,)),
        lambda t, F, x, w, r, a, b, h: t.gru(x, h, (w, r, a, b), True, 1, 0.0, True, False, False)[
            0
        ],
        ((1, 32, 128),),
        0.1,
    ),
    # losses, indexing
    "cross_entropy 1024 x 1024": Case(
        "losses", (MILLION,), lambda t, F, x, i: F.cross_entropy(x, i), (1024,)
    ),
    "mse_loss": Case("losses", (MILLION,), lambda t, F, x, y: F.mse_loss(x, y), (MILLION,)),
    "embedding 4096 of 32 x 256": Case(
        "indexing", ((32, 256),), lambda t, F, w, i: F.embedding(i, w), (4096,)
    ),
    "x[indices]": Case("indexing", ((32, 1024),), lambda t, F, x, i: x[i], (2048,)),
    "cat": Case("indexing", (MILLION, MILLION), lambda t, F, a, b: t.cat((a, b), 1)),
    "transpose, contiguous": Case("indexing", (MILLION,), lambda t, F, a: a.t().contiguous()),
    "sort(dim=1)": Case("indexing", ((256, 256),), lambda t, F, a: a.sort(dim=1).values),
    "pad, reflect": Case("indexing", (IMAGES,), lambda t, F, x: F.pad(x, (1, 1, 1, 1), "reflect")),
}
# tapegrad's time over PyTorch's better one, at most: the geometric mean of a family
TARGETS = {"elementwise": 1.0, "reductions": 1.0, "attention": 1.5}
CONVOLUTION = "conv2d 3x3, 64 -> 64"
MATCH = "TAPEGRAD_BENCH_MATCH"  # rows to run, for the child processes


def _chosen() -> list[str]:
    return [name for name in CASES if re.search(os.environ.get(MATCH, ""), name)]


def _drawn(rng: Any, shape: tuple[int, ...], case: Case) -> Any:
    return rng.standard_normal(shape, "f4") * case.scale


def _run(framework: Any, settings: Settings, arrange: Callable[[Any], Any]) -> dict[str, Any]:
    import numpy as np

    functional = framework.nn.functional
    rows = {}
    for name in _chosen():
        case = CASES[name]
        rng = np.random.default_rng(0)
        operands = [
            arrange(framework.tensor(_drawn(rng, shape, case))).requires_grad_()
            for shape in case.shapes
        ]
        constants = [
            framework.tensor(rng.integers(0, 32, c))
            if isinstance(c, int)
            else framework.tensor(_drawn(rng, c, case))
            for c in case.constants
        ]
        result = case.call(framework, functional, *operands, *constants)
        gradient = framework.ones_like(result)

        def once(
            case: Case = case,
            operands: Any = operands,
            constants: Any = constants,
            g: Any = gradient,
        ) -> None:
            case.call(framework, functional, *operands, *constants).backward(g)
            for operand in operands:
                operand.grad = None

        rows[name] = time_blocks(once, 1, settings.seconds)
    return {"version": framework.__version__, "rows": rows}


def tapegrad(settings: Settings) -> dict[str, Any]:
    """tapegrad."""
    import tapegrad

    return _run(tapegrad, settings, lambda t: t)


def torch(settings: Settings) -> dict[str, Any]:
    """PyTorch as it comes."""
    import torch

    return {**_run(torch, settings, lambda t: t), "threads": torch.get_num_threads()}


def torch_channels_last(settings: Settings) -> dict[str, Any]:
    """PyTorch with images in the layout that its convolutions prefer."""
    import torch

    def arrange(t: Any) -> Any:
        return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t

    return {**_run(torch, settings, arrange), "threads": torch.get_num_threads()}


CONTENDERS = [
    Contender("tapegrad", "tapegrad", tapegrad, smoke=True),
    Contender("torch", "torch", torch),
    Contender("torch channels_last", "torch", torch_channels_last),
]


def report(results: Results) -> list[str]:
    """Print times, ratios and the targets."""
    names = results.names
    others = [name for name in names if name != "tapegrad"]
    ratios: dict[str, float] = {}
    table = []
    for row in _chosen():
        mine, best = results.figure("tapegrad", row), results.better(others, row)
        if mine and best:
            ratios[row] = mine / best[0]
        shown = f"{ratios[row]:.2f}" if row in ratios else ""
        table.append([row, *(number(results.figure(name, row)) for name in names), shown])
    results.table(["us, forward and backward", *names, "ratio"], table)
    families: dict[str, list[float]] = {}
    for row, ratio in ratios.items():
        families.setdefault(CASES[row].family, []).append(ratio)
    means = {f: math.exp(sum(map(math.log, r)) / len(r)) for f, r in families.items()}
    if means:
        lines = [[f, str(len(families[f])), f"{means[f]:.2f}"] for f in means]
        results.table(["family", "rows", "geometric mean of the ratios"], lines)
    missed = []
    for family, limit in TARGETS.items():
        missed += results.target(f"{family}, times PyTorch's time", means.get(family), limit)
    missed += results.target(f"{CONVOLUTION}, times PyTorch's time", ratios.get(CONVOLUTION), 3.0)
    missed += results.target(f"{LSTM}, times PyTorch's time", ratios.get(LSTM), 1.5)
    return missed


if __name__ == "__main__":
    import sys

    if "--match" in sys.argv:
        place = sys.argv.index("--match")
        os.environ[MATCH] = sys.argv[place + 1]
        del sys.argv[place : place + 2]
    main(__file__, "operations on arrays of a useful size", CONTENDERS, report, rounds=5)
