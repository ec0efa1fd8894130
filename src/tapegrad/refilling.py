"""Random numbers in place: tensors refilled from a distribution.

Whatever can be refused is refused before a number is drawn, so that an error leaves the tensor and the
generator as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, stamps
from .batching import check_width
from .device import as_array, move
from .errors import ArgumentError, DtypeError, ShapeError
from .ops.inplace import check_writable
from .random import Generator, numpy_generator
from .sampling import (
    bernoulli_numbers,
    chances_of,
    limits_of,
    normal_numbers,
    number,
    uniform_numbers,
    whole_numbers,
    whole_range,
)
from .tensor import Tensor

METHODS = [
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_",
    "uniform_",
]  # fmt: skip

FLOATING = (2,)
INEXACT = (2, 3)
NUMBERS = (1, 2)
ANY = (0, 1, 2)


def _refill(op: str, input: Tensor, kinds: tuple[int, ...], draw: Callable[[], Any]) -> Tensor:
    """Overwrite a tensor by what `draw` answers, after every check."""
    if dtypes.category(input.dtype) not in kinds:
        wanted = {FLOATING: "floating", INEXACT: "floating or complex"}.get(kinds, "one of numbers")
        raise DtypeError(f"{op}: the dtype must be {wanted}, got {input.dtype}")
    check_writable(op, input, None, "make a new tensor")
    numbers = move(as_array(draw()), input.device)
    check_width(op, input.array, numbers)
    if input.node is not None and not hasattr(input.node, "tensor"):
        input.node = None  # nothing of the old value is left for a gradient to flow to
    with np.errstate(over="ignore"):  # what half precision cannot hold becomes infinite
        input.array[...] = numbers.astype(input.dtype, copy=False)
    stamps.stamp(input.array, op)
    return input


def _in_all_parts(value: float, input: Tensor) -> Any:
    return value * (1 + 1j) if input.dtype.kind == "c" else value


def _positive(value: Any) -> bool:
    return bool(value > 0)


def _finite(value: Any) -> bool:
    return math.isfinite(value)


def uniform_(
    input: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniform random numbers in [a, b), in place; returns the tensor.

    Args:
        input: floating or complex tensor; of complex numbers each part is drawn alone.
        a, b: the range, finite.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `a > b`, or one is not finite.
        DtypeError: for a tensor that is not floating.
    """
    low = number("uniform_", "a", a, _finite, "a finite number")
    high = number("uniform_", "b", b, _finite, "a finite number")
    if not low <= high:
        raise ArgumentError(f"uniform_: needs a <= b, got {a} and {b}")

    def draw() -> Any:
        numbers = uniform_numbers(input.shape, input.dtype, generator)
        return numbers * (high - low) + _in_all_parts(low, input)

    return _refill("uniform_", input, INEXACT, draw)


def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normally distributed random numbers, in place; returns the tensor.

    Args:
        input: floating or complex tensor; each part of complex numbers has the mean, and half the
            variance.
        mean, std: of the distribution.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `std` is negative.
        DtypeError: for a tensor that is not floating.
    """
    mean = number("normal_", "mean", mean, lambda v: True, "a number")
    std = number("normal_", "std", std, lambda v: v >= 0, "a number of at least 0")

    def draw() -> Any:
        numbers = normal_numbers(input.shape, input.dtype, generator)
        return numbers * std + _in_all_parts(mean, input)

    return _refill("normal_", input, INEXACT, draw)


def log_normal_(
    input: Tensor, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers whose logarithm is normally distributed, in place; returns the tensor.

    Args:
        input: floating tensor.
        mean, std: of the logarithm.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `std` is not positive.
        DtypeError: for a tensor that is not floating.
    """
    mean = number("log_normal_", "mean", mean, lambda v: True, "a number")
    std = number("log_normal_", "std", std, _positive, "a positive number")

    def draw() -> Any:
        with np.errstate(over="ignore"):
            return np.exp(normal_numbers(input.shape, input.dtype, generator) * std + mean)

    return _refill("log_normal_", input, FLOATING, draw)


def exponential_(
    input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with exponentially distributed random numbers above 0, in place; returns the tensor.

    Args:
        input: floating tensor.
        lambd: the rate, one divided by the mean.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `lambd` is not positive.
        DtypeError: for a tensor that is not floating.
    """
    rate = number("exponential_", "lambd", lambd, _positive, "a positive number")

    def draw() -> Any:
        kind = input.dtype if input.dtype.itemsize >= 4 else dtypes.float32
        times = as_array(numpy_generator(generator).standard_exponential(input.shape, kind))
        # NumPy draws a 0 now and then, whose logarithm nobody who samples by it expects
        return np.maximum(times, dtypes.finfo(input.dtype).tiny) / rate

    return _refill("exponential_", input, FLOATING, draw)


def cauchy_(
    input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with random numbers of the Cauchy distribution, in place; returns the tensor.

    Args:
        input: floating tensor.
        median, sigma: middle, and half the distance between the quartiles.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `sigma` is not positive.
        DtypeError: for a tensor that is not floating.
    """
    median = number("cauchy_", "median", median, lambda v: True, "a number")
    sigma = number("cauchy_", "sigma", sigma, _positive, "a positive number")

    def draw() -> Any:
        return numpy_generator(generator).standard_cauchy(input.shape) * sigma + median

    return _refill("cauchy_", input, FLOATING, draw)


def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with how many trials the first success takes, in place; returns the tensor.

    Args:
        input: floating or integer tensor.
        p: chance of a success.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `p` does not lie between 0 and 1, without them.
        DtypeError: for a bool tensor.
    """
    chance = number("geometric_", "p", p, lambda v: 0 < v < 1, "a number between 0 and 1")

    def draw() -> Any:
        return numpy_generator(generator).geometric(chance, input.shape)

    return _refill("geometric_", input, NUMBERS, draw)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with ones and zeros, in place; returns the tensor.

    Args:
        input: tensor of any dtype.
        p: chance of a one, a number or a floating tensor whose shape broadcasts to the input's.
        generator: where the numbers come from.

    Raises:
        ArgumentError: for a chance below 0, above 1 or NaN.
        ShapeError: if the shape of `p` does not broadcast.
    """
    chances = chances_of("bernoulli_", p)
    if isinstance(p, Tensor):
        try:
            fits = np.broadcast_shapes(p.shape, input.shape) == input.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"bernoulli_: p of shape {p.shape} does not fit into {input.shape}")
    return _refill("bernoulli_", input, ANY, lambda: bernoulli_numbers(input, chances, generator))


def random_(input: Tensor, *bounds: int | None, generator: Generator | None = None) -> Tensor:
    """Fill with random whole numbers, in place; returns the tensor.

    Args:
        input: tensor of any dtype.
        bounds: the end of the range, which begins at 0 then; or its begin and its end, which does not
            belong to it, None for no end. Without an end, numbers go up to the largest of an integer
            dtype, or as far as a floating one holds every whole number.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if the range is empty, or beyond what the dtype holds.
    """
    if len(bounds) > 2:
        raise ArgumentError(f"random_: takes at most a begin and an end, got {bounds}")
    begin: Any = bounds[0] if len(bounds) == 2 else 0
    end: Any = bounds[-1] if bounds else None
    if end is None:
        kind = input.dtype
        floating = dtypes.category(kind) == 2
        end = (int(2 / dtypes.finfo(kind).eps) if floating else limits_of(kind)[1]) + 1
    low, high = whole_range("random_", begin, end, input.dtype)
    return _refill(
        "random_", input, ANY, lambda: whole_numbers(low, high, input.shape, input.dtype, generator)
    )
