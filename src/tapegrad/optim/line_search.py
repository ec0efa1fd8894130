"""Line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2 of the conditions, as advised for quasi-Newton methods


class Point(NamedTuple):
    """A point on the line: step length, value, gradient, and slope along the line."""

    t: float
    f: float
    g: Any
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    t: float,
    start: Point,
    largest: float,
    tolerance: float,
    tries: int,
) -> tuple[Point, int]:
    """Find a step length that lowers the function enough and flattens its slope enough.

        f(t) <= f(0) + c1 * t * f'(0)   and   |f'(t)| <= c2 * |f'(0)|

    First the step is lengthened until a bracket holds such a point, then the bracket is narrowed by
    cubic interpolation.

    Args:
        at: evaluates a step length.
        t: first length to try.
        start: the point at length 0, with negative slope.
        largest: size of the direction's largest element.
        tolerance: the bracket is narrow enough when no element moves by more across it.
        tries: how many more lengths may be tried after the first.

    Returns:
        The best point, and the number of evaluations.

    References:
        Nocedal and Wright, "Numerical optimization", 2nd edition, algorithms 3.5 and 3.6; the
        safeguards as in Schmidt's minFunc, which PyTorch follows too.
    """

    def too_high(point: Point) -> bool:
        return not point.f <= start.f + DECREASE * point.t * start.slope  # NaN is too high

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * start.slope

    before, now = start, at(t)
    used = 0
    bracket = [start, now]
    while used < tries:
        bracket = [before, now]
        if too_high(now) or (used > 1 and now.f >= before.f):
            break
        if flat(now):
            return now, used + 1
        if now.slope >= 0:
            break
        least = now.t + 0.01 * (now.t - before.t)
        before, now = now, at(cubic_minimum(before, now, least, 10 * now.t))
        used += 1
        bracket = [start, now]
    low, high = _order(bracket)
    close = False  # whether the last length was close to an end of the bracket
    while used < tries:
        left, right = sorted(point.t for point in bracket)
        if (right - left) * largest < tolerance:
            break
        t = cubic_minimum(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            close = False
        elif close or not left < t < right:
            t = right - margin if right - t < t - left else left + margin
            close = False
        else:
            close = True
        now = at(t)
        used += 1
        if too_high(now) or now.f >= bracket[low].f:
            bracket[high] = now
            low, high = _order(bracket)
            continue
        if flat(now):
            bracket[low] = now
            break
        if now.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = now
    return bracket[low], used + 1


def cubic_minimum(p: Point, q: Point, lower: float, upper: float) -> float:
    """Where the cubic through values and slopes of two points is least, within bounds.

    The middle of the bounds where it has no minimum.
    """
    if p.t > q.t:
        p, q = q, p
    length = q.t - p.t
    if length > 0:
        a = p.slope + q.slope - 3 * (q.f - p.f) / length
        square = a * a - p.slope * q.slope
        b = math.sqrt(square) if square >= 0 else math.nan
        below = q.slope - p.slope + 2 * b
        if math.isfinite(below) and below != 0:
            return min(max(q.t - length * ((q.slope + b - a) / below), lower), upper)
    return (lower + upper) / 2


def _order(bracket: list[Point]) -> tuple[int, int]:
    """Which end of a bracket is lower and which is higher."""
    return (1, 0) if bracket[1].f < bracket[0].f else (0, 1)  # NaN is the higher one
