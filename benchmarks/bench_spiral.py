"""The training step of a small network: where the cost of the framework is most of the cost.

Linear(2, 100) - ReLU - Linear(100, 3) on spirals of 3 x 100 points, batches of 20, float32,
cross entropy, SGD with momentum 0.9 and weight decay 1e-3. A step is everything from zero_grad to
the optimiser's step. All contenders begin with the same weights and see the same batches, and their
losses are compared.

    python benchmarks/bench_spiral.py
"""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from side_by_side import Contender, Results, Settings, Timing, main, number, summary, time_blocks

BATCH, HIDDEN, CLASSES, POINTS = 20, 100, 3, 300
RATE, MOMENTUM, DECAY = 0.1, 0.9, 1e-3
CHECKED = 60  # steps after which losses are compared: later, rounding has grown to differences
EPOCHS = 50
ROWS = STEP, TRAINING = "step, us", f"{EPOCHS} epochs, ms"

Step = Callable[[Any, Any], Any]  # of a batch and its classes; returns the loss
Make = Callable[[list[np.ndarray]], tuple[Step, Callable[[np.ndarray], Any]]]


def spiral() -> tuple[np.ndarray, np.ndarray]:
    """Three arms of 100 points in the plane, (300, 2), and their classes, (300,)."""
    random = np.random.default_rng(0)
    target = np.repeat(np.arange(CLASSES), POINTS // CLASSES)
    radius = np.tile(np.linspace(0.0, 1.0, POINTS // CLASSES), CLASSES)
    angle = 4 * (target + radius) + 0.2 * random.standard_normal(POINTS)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], 1)
    return points.astype(np.float32), target


def weights() -> list[np.ndarray]:
    """First weights by PyTorch's rule: (100, 2), (100,), (3, 100), (3,)."""
    random = np.random.default_rng(1)

    def uniform(*shape: int, fan_in: int) -> np.ndarray:
        bound = 1 / math.sqrt(fan_in)
        return random.uniform(-bound, bound, shape).astype(np.float32)

    return [
        uniform(HIDDEN, 2, fan_in=2),
        uniform(HIDDEN, fan_in=2),
        uniform(CLASSES, HIDDEN, fan_in=HIDDEN),
        uniform(CLASSES, fan_in=HIDDEN),
    ]


def run(make: Make, settings: Settings) -> dict[str, Any]:
    """Measure one contender.

    Args:
        make: from the first weights, a step and the conversion of arrays into what it takes.
        settings: how long.
    """
    points, target = spiral()
    order = np.random.default_rng(2).permutation(POINTS)
    step, convert = make(weights())
    batches = [(convert(points[i]), convert(target[i])) for i in np.split(order, POINTS // BATCH)]
    losses = [float(step(*batches[n % len(batches)])) for n in range(CHECKED)]

    def block() -> None:
        for x, t in batches:
            step(x, t)

    rows = {STEP: time_blocks(block, len(batches), 2 * settings.seconds)}
    rows[TRAINING] = _training(make, settings)
    return {"rows": rows, "losses": losses, "version": None}


def _training(make: Make, settings: Settings) -> Timing:
    """A whole training with shuffled batches, in milliseconds."""
    points, target = spiral()
    samples: list[float] = []
    epochs = 2 if settings.smoke else EPOCHS
    for _ in range(1 if settings.smoke else 3):
        step, convert = make(weights())
        random = np.random.default_rng(3)
        start = time.perf_counter()
        for _ in range(epochs):
            order = random.permutation(POINTS)
            total = 0.0
            for i in range(0, POINTS, BATCH):
                chosen = order[i : i + BATCH]
                total += float(step(convert(points[chosen]), convert(target[chosen])))
        samples.append(time.perf_counter() - start)
    return {key: value / 1e3 for key, value in summary(samples).items()}


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(flat: bool) -> Make:
    """Backpropagation written out, every array allocated once and every change in place.

    Args:
        flat: keep all parameters in one vector, so that the optimiser is four calls instead of
            sixteen. The fastest that NumPy does; a program that grows is seldom written so.
    """

    def make(first: list[np.ndarray]) -> tuple[Step, Callable[[np.ndarray], Any]]:
        shapes = [(2, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
        if flat:
            params, grads = _views(shapes), _views(shapes)
            updates = [(params[0].base, grads[0].base)]
        else:
            params = [np.empty(shape, np.float32) for shape in shapes]
            grads = [np.empty_like(p) for p in params]
            updates = list(zip(params, grads, strict=True))
        for p, value in zip(params, first, strict=True):
            p[...] = value.T
        update = [(p, g, np.zeros_like(p), np.empty_like(p)) for p, g in updates]
        w1, b1, w2, b2 = params
        gw1, gb1, gw2, gb2 = grads
        w2_transposed = w2.T
        h = np.empty((BATCH, HIDDEN), np.float32)
        gh = np.empty_like(h)
        h_transposed = h.T
        active = np.empty(h.shape, bool)
        z = np.empty((BATCH, CLASSES), np.float32)
        column = np.empty((BATCH, 1), np.float32)
        rows = np.arange(BATCH)
        zero, one = np.zeros((), np.float32), np.ones((), np.float32)
        share = np.array(1 / BATCH, np.float32)
        decay, momentum, rate = (np.array(v, np.float32) for v in (DECAY, MOMENTUM, RATE))
        add, multiply, subtract, divide = np.add, np.multiply, np.subtract, np.divide
        matmul, maximum, greater, exp, log = np.matmul, np.maximum, np.greater, np.exp, np.log
        total, largest = np.add.reduce, np.maximum.reduce

        def step(x: np.ndarray, t: np.ndarray) -> np.float32:
            matmul(x, w1, out=h)
            add(h, b1, out=h)
            maximum(h, zero, out=h)
            matmul(h, w2, out=z)
            add(z, b2, out=z)
            # cross entropy and its gradient
            largest(z, 1, None, column, True)
            subtract(z, column, out=z)
            picked = z[rows, t]
            exp(z, out=z)
            total(z, 1, None, column, True)
            divide(z, column, out=z)
            loss = (total(log(column), None) - total(picked)) * share
            z[rows, t] -= one
            multiply(z, share, out=z)
            # backward
            matmul(h_transposed, z, out=gw2)
            total(z, 0, None, gb2)
            matmul(z, w2_transposed, out=gh)
            greater(h, zero, out=active)
            multiply(gh, active, out=gh)
            matmul(x.T, gh, out=gw1)
            total(gh, 0, None, gb1)
            # optimiser
            for p, g, velocity, work in update:
                multiply(p, decay, out=work)
                add(g, work, out=g)
                multiply(velocity, momentum, out=velocity)
                add(velocity, g, out=velocity)
                multiply(velocity, rate, out=work)
                subtract(p, work, out=p)
            return loss

        return step, lambda array: array

    return make


def _views(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Arrays of the given shapes in one new vector."""
    sizes = [math.prod(shape) for shape in shapes]
    vector = np.zeros(sum(sizes), np.float32)
    pieces = np.split(vector, np.cumsum(sizes)[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def numpy(settings: Settings) -> dict[str, Any]:
    """Hand-written backpropagation."""
    return {**run(by_hand(flat=False), settings), "version": np.__version__}


def numpy_flat(settings: Settings) -> dict[str, Any]:
    """Hand-written backpropagation with all parameters in one vector."""
    return {**run(by_hand(flat=True), settings), "version": np.__version__}


# -- tapegrad and PyTorch, by one text -------------------------------------------------------------


def eager(tg: Any, **options: Any) -> Make:
    """The step as everybody writes it; `tg` is tapegrad or torch."""

    def make(first: list[np.ndarray]) -> tuple[Step, Callable[[np.ndarray], Any]]:
        nn = tg.nn
        model = nn.Sequential(nn.Linear(2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
        names = ("0.weight", "0.bias", "2.weight", "2.bias")
        model.load_state_dict(
            {name: tg.tensor(value) for name, value in zip(names, first, strict=True)}
        )
        criterion = nn.CrossEntropyLoss()
        optimizer = tg.optim.SGD(
            model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, **options
        )

        def step(x: Any, t: Any) -> Any:
            optimizer.zero_grad()
            loss = criterion(model(x), t)
            loss.backward()
            optimizer.step()
            return loss

        return step, tg.from_numpy

    return make


def tapegrad(settings: Settings) -> dict[str, Any]:
    """tapegrad."""
    import tapegrad

    return {**run(eager(tapegrad), settings), "version": tapegrad.__version__}


def _torch(settings: Settings, threads: int | None, **options: Any) -> dict[str, Any]:
    import torch

    if threads:
        torch.set_num_threads(threads)
    result = run(eager(torch, **options), settings)
    return {**result, "version": torch.__version__, "threads": torch.get_num_threads()}


def torch(settings: Settings) -> dict[str, Any]:
    """PyTorch as it comes."""
    return _torch(settings, None)


def torch_1_thread(settings: Settings) -> dict[str, Any]:
    """PyTorch with one thread."""
    return _torch(settings, 1)


def torch_fused(settings: Settings) -> dict[str, Any]:
    """PyTorch with its fused optimiser."""
    return _torch(settings, None, fused=True)


def torch_fused_1_thread(settings: Settings) -> dict[str, Any]:
    """PyTorch with its fused optimiser and one thread."""
    return _torch(settings, 1, fused=True)


# -- frameworks without layers: the same step in their own words -----------------------------------


def _sgd(params: list[np.ndarray]) -> Callable[[list[np.ndarray]], None]:
    """SGD by hand, for frameworks that have none."""
    velocities = [np.zeros_like(p) for p in params]

    def update(grads: list[np.ndarray]) -> None:
        for p, g, velocity in zip(params, grads, velocities, strict=True):
            velocity *= MOMENTUM
            velocity += g
            velocity += DECAY * p
            p -= RATE * velocity

    return update


def autograd(settings: Settings) -> dict[str, Any]:
    """HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    def make(first: list[np.ndarray]) -> tuple[Step, Callable[[np.ndarray], Any]]:
        params = [value.copy() for value in first]
        update = _sgd(params)
        rows = np.arange(BATCH)

        def loss_of(params: Any, x: Any, t: Any) -> Any:
            w1, b1, w2, b2 = params
            h = anp.maximum(anp.dot(x, w1.T) + b1, 0)
            z = anp.dot(h, w2.T) + b2
            z = z - anp.max(z, axis=1, keepdims=True)
            return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[rows, t])

        gradient = value_and_grad(loss_of)

        def step(x: Any, t: Any) -> Any:
            loss, grads = gradient(params, x, t)
            update(grads)
            return loss

        return step, lambda array: array

    return {**run(make, settings), "version": importlib.metadata.version("autograd")}


def mygrad(settings: Settings) -> dict[str, Any]:
    """MyGrad without its memory guard, as its manual advises where speed counts."""
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    mygrad.turn_memory_guarding_off()

    def make(first: list[np.ndarray]) -> tuple[Step, Callable[[np.ndarray], Any]]:
        params = [mygrad.tensor(value.T.copy()) for value in first]
        w1, b1, w2, b2 = params
        update = _sgd([p.data for p in params])

        def step(x: Any, t: Any) -> Any:
            h = relu(mygrad.matmul(x, w1) + b1)
            loss = softmax_crossentropy(mygrad.matmul(h, w2) + b2, t)
            loss.backward()
            update([p.grad for p in params])
            return loss

        return step, lambda array: array

    return {**run(make, settings), "version": mygrad.__version__}


CONTENDERS = [
    Contender("numpy by hand", "numpy", numpy, smoke=True),
    Contender("numpy flat", "numpy", numpy_flat, smoke=True),
    Contender("tapegrad", "tapegrad", tapegrad, smoke=True),
    Contender("torch", "torch", torch),
    Contender("torch 1 thread", "torch", torch_1_thread),
    Contender("torch fused", "torch", torch_fused),
    Contender("torch fused 1 thread", "torch", torch_fused_1_thread),
    Contender("autograd", "autograd", autograd),
    Contender("mygrad", "mygrad", mygrad),
]
TORCH = [contender.name for contender in CONTENDERS if contender.module == "torch"]


def report(results: Results) -> list[str]:
    """Print times, ratios, whether all computed the same, and the targets."""
    head = ["", STEP, "least - greatest", "over numpy", "over tapegrad", TRAINING]
    rows = []
    hand, mine = results.figure("numpy by hand", STEP), results.figure("tapegrad", STEP)
    for name in results.names:
        value, spread = results.figure(name, STEP), results.spread(name, STEP)
        assert value is not None and spread is not None
        rows.append([
            name,
            number(value),
            f"{number(spread[0])} - {number(spread[1])}",
            number(hand and value / hand),
            number(mine and value / mine),
            number(results.figure(name, TRAINING)),
        ])  # fmt: skip
    results.table(head, rows)
    for name in results.names:
        threads = results.note(name, "threads")
        print(f"{name}: {results.note(name, 'version')}", f"({threads} threads)" if threads else "")
    print()
    wrong = _compare_losses(results)
    best = results.better(TORCH, STEP)
    missed = results.target("tapegrad over numpy by hand", hand and mine and mine / hand, 1.6, "x")
    missed += results.target(
        f"times faster than PyTorch's better figure ({best[1] if best else 'none'})",
        best[0] / mine if best and mine else None, -2.5, "x",
    )  # fmt: skip
    return wrong + missed


def _compare_losses(results: Results) -> list[str]:
    reference = results.names[0]
    expected = np.array(results.note(reference, "losses"))
    wrong = []
    for name in results.names:
        for run in results.runs[name]:
            apart = float(np.max(np.abs(np.array(run["losses"]) / expected - 1)))
            if not apart < 1e-3:
                wrong.append(f"{name} does not compute what {reference} computes")
                print(f"LOSSES DIFFER: {name} from {reference} by a factor of 1 + {apart:.1e}")
    if not wrong:
        print(
            f"losses of the first {CHECKED} steps agree within 0.1 %: "
            f"{expected[0]:.4f} at first, {expected[-1]:.4f} at last"
        )
    return wrong


if __name__ == "__main__":
    main(__file__, "spiral: one training step, batch 20, float32", CONTENDERS, report)
