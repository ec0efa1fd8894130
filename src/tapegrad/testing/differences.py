"""Difference quotients, and what values along a line say about a function.

Complex numbers are treated as pairs of real ones. The Jacobian of an input and an output is a stack of
matrices, one for a real output and two (of the real and of the imaginary part) for a complex one; rows are
elements of the input, columns elements of the output. For a complex input an entry is `d/da + i d/db`, so that
a column is the gradient in PyTorch's convention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .subject import Arrays, HostArray, Run, Subject

Matrices = dict[tuple[int, int], HostArray]  # by input and output: (parts, rows, columns)


def drawn(like: Sequence[HostArray], rng: np.random.Generator) -> Arrays:
    """Random numbers of these shapes, bounded away from zero; of any phase for complex arrays."""
    found = []
    for array in like:
        values = rng.uniform(0.5, 1.5, array.shape) * rng.choice([-1.0, 1.0], array.shape)
        if array.dtype.kind == "c":
            values = values * np.exp(1j * rng.uniform(0, 6, array.shape))
        found.append(np.asarray(values))
    return found


def inner(first: Sequence[HostArray], second: Sequence[HostArray]) -> float:
    """The real inner product: sum of `Re(conj(first) * second)`."""
    return float(
        sum(np.vdot(a.ravel(), b.ravel()).real for a, b in zip(first, second, strict=True))
    )


def shifted(arrays: Arrays, tangents: Sequence[HostArray], t: float) -> Arrays:
    """The arrays moved along a direction."""
    return [(a + t * v).astype(a.dtype) for a, v in zip(arrays, tangents, strict=True)]


def along(
    subject: Subject, tangents: Sequence[HostArray], weigh: Callable[[Arrays], float]
) -> Callable[[float], float]:
    """A number made of the outputs, as a function of how far the inputs are moved."""

    def line(t: float) -> float:
        with np.errstate(all="ignore"):  # the end of a domain is reported, not warned of
            return weigh(subject.values(shifted(subject.arrays, tangents, t)))

    return line


def numeric_jacobian(subject: Subject, values: Arrays, step: float) -> Matrices:
    """All derivatives by central differences: two calls for each element of the inputs."""
    found = empty(subject, values)
    for i, array in enumerate(subject.arrays):
        for place in range(array.size):
            for turn in (1, 1j) if array.dtype.kind == "c" else (1,):
                unit = np.zeros(array.size, array.dtype)
                unit[place] = turn
                tangents = [np.zeros_like(a) for a in subject.arrays]
                tangents[i] = unit.reshape(array.shape)
                with np.errstate(all="ignore"):
                    above = subject.values(shifted(subject.arrays, tangents, step))
                    below = subject.values(shifted(subject.arrays, tangents, -step))
                    slopes = [
                        (high.astype(_wide(high)) - low).ravel() / (2 * step)
                        for high, low in zip(above, below, strict=True)
                    ]
                    for o, slope in enumerate(slopes):
                        found[i, o][0, place] += turn * slope.real
                        if slope.dtype.kind == "c":
                            found[i, o][1, place] += turn * slope.imag
    return found


def _wide(array: HostArray) -> str:
    return "c16" if array.dtype.kind == "c" else "f8"


def analytic_jacobian(subject: Subject, run: Run) -> Matrices:
    """All derivatives by replays, one for each element of the outputs."""
    found = empty(subject, run.values)
    for o, value in enumerate(run.values):
        for place in range(value.size):
            for part, turn in enumerate((1, 1j) if value.dtype.kind == "c" else (1,)):
                unit = np.zeros(value.size, value.dtype)
                unit[place] = turn
                cotangents = [np.zeros_like(v) for v in run.values]
                cotangents[o] = unit.reshape(value.shape)
                for i, g in enumerate(run.pull(cotangents)):
                    found[i, o][part, :, place] = g.ravel()
    return found


def empty(subject: Subject, values: Arrays) -> Matrices:
    """Zeros for every input and output."""
    return {
        (i, o): np.zeros(
            (1 + (v.dtype.kind == "c"), a.size, v.size), "c16" if a.dtype.kind == "c" else "f8"
        )
        for i, a in enumerate(subject.arrays)
        for o, v in enumerate(values)
    }


class Line(NamedTuple):
    """What a function is like along a line.

    Attributes:
        kind: `"smooth"`, `"kink"`, `"jump"`, `"noise"` or `"undefined"`.
        left, right: one-sided slopes.
        slope: the best estimate of the derivative.
        error: how far the estimate may be off.
    """

    kind: str
    left: float
    right: float
    slope: float
    error: float


FAR = 100.0  # the second, wider fit


def examine(line: Callable[[float], float], step: float, low: bool = False) -> Line:
    """Fit five points along a line, twice, to tell what kind of point is in the middle.

    The third and fourth differences of five points vanish like `step**3` for a smooth function, grow like `step`
    at a kink, and do not depend on the step where rounding or a jump makes them.

    Args:
        line: the function.
        step: distance of the points; the second time `FAR` times as much.
        low: whether the function is known to compute in less than double precision.
    """
    near = [line(k * step) for k in (-2, -1, 0, 1, 2)]
    left, right = (near[2] - near[1]) / step, (near[3] - near[2]) / step
    slope = (near[3] - near[1]) / (2 * step)
    if not np.isfinite(near).all():
        return Line("undefined", left, right, slope, np.inf)
    wide = step * FAR
    far = [line(k * wide) for k in (-2, -1)] + near[2:3] + [line(k * wide) for k in (1, 2)]
    size = max(map(abs, near))
    rounding = float(np.finfo(np.float64).eps) * max(size, 1e-30)
    rough = _roughness(near)
    # a slope of fourth order, so that the wide step costs nothing
    best = (8 * (far[3] - far[1]) - (far[4] - far[0])) / (12 * wide)
    if rough <= 1e3 * rounding:
        is_rounding = abs(best - slope) <= 16 * rounding / step
        return Line("smooth", left, right, best if is_rounding else slope, rough / step)
    if not np.isfinite(far).all():
        return Line("undefined", left, right, slope, np.inf)
    growth = _roughness(far) / rough
    if growth > 1e5:  # only very steep
        return Line("smooth", left, right, slope, rough / step)
    if growth > 20:
        return Line("kink", left, right, slope, rough / step)
    if low or rough <= 1e-5 * size:
        return Line("noise", left, right, best, 4 * rough / wide)
    return Line("jump", left, right, slope, np.inf)


def _roughness(points: Sequence[float]) -> float:
    """The greater of the third and the fourth difference."""
    a, b, c, d, e = points
    return max(abs(a - 4 * b + 6 * c - 4 * d + e), abs(e - 2 * d + 2 * b - a))
