"""Tensors of random numbers, new ones and refilled ones.

Numbers are drawn on the host by the generator and copied to the device, so that the same seed gives
the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from . import dtypes
from ._typing import DType, DTypeLike
from .creation import finish, new_shape, renewed
from .device import apart, as_array, every_value, move
from .errors import ArgumentError, DtypeError, ShapeError
from .ops.cast import as_operand, different_devices, refused
from .ops.output import into
from .random import Generator, numpy_generator
from .tensor import Tensor, raw, to_host, wrap

__all__ = [
    "bernoulli", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm",
]  # fmt: skip


def floating_dtype(op: str, dtype: DTypeLike, unreal: bool = False) -> DType:
    """The dtype of random numbers that are not whole; complex ones only if `unreal`."""
    kind = dtypes.as_dtype(dtype)
    if dtypes.category(kind) not in ((2, 3) if unreal else (2,)):
        raise DtypeError(f"{op}: dtype must be floating{' or complex' * unreal}, got {kind}")
    return kind


def in_parts(draw: Callable[..., Any], shape: Any, kind: DType, *args: Any) -> Any:
    """Complex numbers whose real and imaginary parts are drawn alike."""
    parts = draw((*shape, 2), np.dtype(f"f{kind.itemsize // 2}"), *args)
    return parts.view(kind)[..., 0]


def uniform_numbers(shape: Any, kind: DType, generator: Generator | None) -> Any:
    """Uniform random numbers in [0, 1), each part of a complex one, on the host."""
    if kind.kind == "c":
        return in_parts(uniform_numbers, shape, kind, generator)
    stream = numpy_generator(generator)
    if kind.itemsize >= 4:
        return as_array(stream.random(shape, dtype=kind))
    steps = 2 / dtypes.finfo(kind).eps  # so that nothing is rounded up to 1
    numbers = np.floor(as_array(stream.random(shape, dtype=np.float32)) * steps) / steps
    return numbers.astype(kind)


def normal_numbers(shape: Any, kind: DType, generator: Generator | None) -> Any:
    """Standard normal random numbers, complex ones with half the variance in each part, on the host."""
    if kind.kind == "c":
        return in_parts(normal_numbers, shape, kind, generator) * kind.type(0.5**0.5)
    wide = kind if kind.itemsize >= 4 else dtypes.float32
    numbers = numpy_generator(generator).standard_normal(shape, dtype=wide)
    return as_array(numbers).astype(kind, copy=False)


def number(op: str, name: str, value: Any, fits: Callable[[Any], bool], wanted: str) -> float:
    """A parameter of a distribution as a Python number; NaN never fits."""
    value = value.item() if isinstance(value, Tensor) and value.array.size == 1 else value
    if not isinstance(value, Real) or not fits(value):
        raise ArgumentError(f"{op}: {name} must be {wanted}, got {value!r}")
    return float(value)


def whole_range(op: str, low: Any, high: Any, kind: DType) -> tuple[int, int]:
    """Ends of a range of integers that a dtype can hold."""
    try:
        low, high = int(low.__index__()), int(high.__index__())
    except AttributeError:
        raise ArgumentError(f"{op}: low and high must be ints, got {low!r} and {high!r}") from None
    if not low < high:
        raise ArgumentError(f"{op}: needs low < high and a size, got {low} and {high}")
    least, most = limits_of(kind)
    if low < least or high - 1 > most:
        raise ArgumentError(
            f"{op}: {kind} holds numbers from {least} to {most}, the range asked for is {low} to "
            f"{high - 1}"
        )
    return low, high


def limits_of(kind: DType) -> tuple[int, int]:
    """Smallest and largest whole number that a dtype holds and a generator draws."""
    if kind.kind == "b":
        return 0, 1
    if kind.kind in "iu":
        info = dtypes.iinfo(kind)
        return info.min, info.max
    most = dtypes.finfo(kind).max
    return (-(2**63), 2**63 - 1) if most > 2**63 else (-int(most), int(most))


def whole_numbers(low: int, high: int, shape: Any, kind: DType, generator: Generator | None) -> Any:
    """Random integers from `low` to `high`, without it, on the host."""
    drawn = np.uint64 if high > 2**63 else np.int64
    numbers = numpy_generator(generator).integers(low, high, shape, dtype=drawn)
    return as_array(numbers).astype(kind, copy=False)


@contextmanager
def unmoved(generator: Generator | None) -> Iterator[None]:
    """Put a generator back if what is drawn from it is refused."""
    stream: Any = numpy_generator(generator).bit_generator
    state = stream.state
    try:
        yield
    except Exception:
        stream.state = state
        raise


def redrawn(
    out: Tensor,
    make: Callable[..., Tensor],
    args: tuple[Any, ...],
    generator: Generator | None,
    dtype: DTypeLike,
    device: Any,
    requires_grad: bool = False,
) -> Tensor:
    """`renewed` for functions that draw numbers."""
    with unmoved(generator):
        return renewed(out, make, args, dtype, device, requires_grad, generator=generator)


def rand(
    *size: Any,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1); of complex ones each part.

    Args:
        size: sizes, one by one or as one sequence.
        generator: where the numbers come from; the default generator by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.rand(2, 3).shape
        (2, 3)
    """
    if out is not None:
        return redrawn(out, rand, size, generator, dtype, device, requires_grad)
    kind = floating_dtype("rand", dtype, True)
    return finish(uniform_numbers(new_shape("rand", size), kind, generator), device, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution; of complex ones each part has variance 1/2.

    Args:
        size: sizes, one by one or as one sequence.
        generator: where the numbers come from; the default generator by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.randn(2, 3).shape
        (2, 3)
    """
    if out is not None:
        return redrawn(out, randn, size, generator, dtype, device, requires_grad)
    kind = floating_dtype("randn", dtype, True)
    return finish(normal_numbers(new_shape("randn", size), kind, generator), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random integers from `low` to `high`, without it.

    Args:
        low, high: the range; `randint(high, size)` starts at 0.
        size: sequence of sizes.
        generator: where the numbers come from; the default generator by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: int64 by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it; for a floating dtype.

    Raises:
        ArgumentError: if the range is empty, or beyond what the dtype holds.

    Example:
        >>> import tapegrad as tg
        >>> tg.randint(0, 10, (2, 3)).shape
        (2, 3)
    """
    if out is not None:
        return redrawn(out, randint, (low, high, size), generator, dtype, device, requires_grad)
    if size is None:
        low, high, size = 0, low, high
    if high is None or size is None:
        raise ArgumentError(f"randint: needs low < high and a size, got {low}, {high}, {size}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    low, high = whole_range("randint", low, high, kind)
    array = whole_numbers(low, high, new_shape("randint", (size,)), kind, generator)
    return finish(array, device, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
) -> Tensor:
    """A random order of the integers 0 to n - 1.

    Args:
        n: how many.
        generator: where the numbers come from; the default generator by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: int64 by default.
        device: the CPU by default.

    Example:
        >>> import tapegrad as tg
        >>> sorted(tg.randperm(4).tolist())
        [0, 1, 2, 3]
    """
    if out is not None:
        return redrawn(out, randperm, (n,), generator, dtype, device)
    (n,) = new_shape("randperm", (n,))
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    order = numpy_generator(generator).permutation(n)
    return finish(order.astype(kind, copy=False), device)


def rand_like(input: Tensor, **options: Any) -> Tensor:
    """`rand` with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        options: as for `rand`.

    Example:
        >>> import tapegrad as tg
        >>> tg.rand_like(tg.zeros(3)).shape
        (3,)
    """
    return rand(input.shape, **{"dtype": input.dtype, "device": input.device, **options})


def randn_like(input: Tensor, **options: Any) -> Tensor:
    """`randn` with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        options: as for `randn`.

    Example:
        >>> import tapegrad as tg
        >>> tg.randn_like(tg.zeros(3)).shape
        (3,)
    """
    return randn(input.shape, **{"dtype": input.dtype, "device": input.device, **options})


def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """`randint` with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        low, high: the range; one alone is the end.
        options: as for `randint`.

    Raises:
        ArgumentError: if the range is empty, or beyond what the dtype holds.

    Example:
        >>> import tapegrad as tg
        >>> tg.randint_like(tg.zeros(3), 5).dtype
        dtype('float32')
    """
    options = {"dtype": input.dtype, "device": input.device, **options}
    return randint(
        0 if high is None else low, low if high is None else high, input.shape, **options
    )


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed random numbers, each with its own mean and deviation if these are tensors.

    Args:
        mean, std: numbers, or floating tensors whose shapes broadcast.
        size: sequence of sizes; only for two numbers, and needed there.
        generator: where the numbers come from; the default generator by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype, device, requires_grad: as for `randn`, for two numbers; otherwise those of the tensor
            (of `mean`, if both are), and the result carries no gradient.

    Raises:
        ArgumentError: if a deviation is negative, or `size` is missing or too much.
        DtypeError: for tensors that are not floating.
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.normal(0.0, 2.0, (2, 3)).shape
        (2, 3)
        >>> tg.normal(tg.zeros(4), tg.ones(4)).shape
        (4,)
    """
    if out is not None:
        if isinstance(mean, Tensor) or isinstance(std, Tensor):
            options = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
            with unmoved(generator):
                return into(out, normal, mean, std, size, generator=generator, **options)
        return redrawn(out, normal, (mean, std, size), generator, dtype, device, requires_grad)
    if not isinstance(std, Tensor):
        std = number("normal", "std", std, lambda v: v >= 0, "a number of at least 0")
    if not isinstance(mean, Tensor):
        mean = number("normal", "mean", mean, lambda v: True, "a number or a tensor")
    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if not tensors:
        if size is None:
            raise ArgumentError("normal: needs a size when mean and std are numbers")
        kind = floating_dtype("normal", dtype)
        numbers = normal_numbers(new_shape("normal", (size,)), kind, generator)
        return finish(numbers * std + mean, device, requires_grad)
    if size is not None or dtype is not None or device is not None or requires_grad:
        raise ArgumentError("normal: size, dtype, device and requires_grad are for numbers only")
    kinds = [floating_dtype("normal", t.dtype) for t in tensors]
    if apart(tensors[0].array, tensors[-1].array):
        raise different_devices("normal", *tensors)
    if isinstance(std, Tensor) and not np.all(every_value(std.array) >= 0):
        raise ArgumentError("normal: std must not be negative or NaN anywhere")
    try:
        shape = np.broadcast_shapes(*(t.shape for t in tensors))
    except ValueError as error:
        raise refused("normal", error, *tensors) from None
    numbers = move(normal_numbers(shape, kinds[0], generator), tensors[0].device)
    return wrap((numbers * raw(std) + raw(mean)).astype(kinds[0], copy=False).reshape(shape))


def bernoulli(
    input: Tensor,
    p: float | None = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Ones and zeros, a one with the given probability.

    Args:
        input: floating tensor of probabilities, any shape.
        p: one probability for all; the input then only gives shape, dtype and device.
        generator: where the numbers come from; the default generator by default.
        out: tensor to write the result into, of its shape or empty.

    Returns:
        A tensor with the input's shape and dtype. It carries no gradient.

    Raises:
        ArgumentError: for a probability below 0, above 1 or NaN.
        DtypeError: for probabilities that are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.bernoulli(tg.tensor([0.0, 1.0, 1.0]))
        tensor([0., 1., 1.])
    """
    if out is not None:
        with unmoved(generator):
            return into(out, bernoulli, input, p, generator=generator)
    input = as_operand(input, "bernoulli")
    chances = chances_of("bernoulli", input if p is None else p)
    return finish(bernoulli_numbers(input, chances, generator), input.device)


def chances_of(op: str, p: Any) -> Any:
    """Probabilities from a number or a tensor, on the host."""
    if isinstance(p, Tensor):
        floating_dtype(op, p.dtype)
        values = every_value(p.array)
        if not np.all((values >= 0) & (values <= 1)):
            raise ArgumentError(f"{op}: probabilities must lie between 0 and 1")
        return move(p.array, "cpu")
    return number(op, "p", p, lambda v: 0 <= v <= 1, "a number from 0 to 1")


def bernoulli_numbers(input: Tensor, chances: Any, generator: Generator | None) -> Any:
    """Ones and zeros in a tensor's shape and dtype, on the host."""
    # drawn in double precision: in single, a chance below 2**-24 would be rounded up to it
    drawn = as_array(numpy_generator(generator).random(input.shape))
    return (drawn < chances).astype(input.dtype)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Random positions, each drawn with a probability proportional to its weight.

    Args:
        input: floating tensor of weights, shape (K,) or (N, K); a row need not add up to one.
        num_samples: S, how many to draw from each row.
        replacement: whether a position may be drawn twice. Without, those of weight zero come last.
        generator: where the numbers come from; the default generator by default.
        out: tensor to write the result into, of its shape or empty.

    Returns:
        int64 tensor of shape (S,) or (N, S).

    Raises:
        ShapeError: for another number of dimensions.
        ArgumentError: for negative or infinite weights, NaN, a row of zeros, and if more samples are
            asked for without replacement than there are.

    Example:
        >>> import tapegrad as tg
        >>> tg.multinomial(tg.tensor([0.0, 1.0, 0.0]), 4, replacement=True)
        tensor([1, 1, 1, 1])

    References:
        Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir: the positions of the
        S smallest of independent exponential variables with the weights as their rates.
    """
    if out is not None:
        with unmoved(generator):
            return into(out, multinomial, input, num_samples, replacement, generator=generator)
    input = as_operand(input, "multinomial")
    floating_dtype("multinomial", input.dtype)
    if input.ndim not in (1, 2):
        raise ShapeError(f"multinomial: input must have shape (K,) or (N, K), got {input.shape}")
    (count,) = new_shape("multinomial", (num_samples,))
    if not count:
        raise ArgumentError("multinomial: num_samples must be positive, got 0")
    if not replacement and count > input.shape[-1]:
        raise ArgumentError(
            f"multinomial: {count} samples without replacement need as many weights, got "
            f"{input.shape[-1]}"
        )
    weights = to_host(input).astype(np.float64)
    if not np.all((weights >= 0) & (weights < np.inf)):
        raise ArgumentError("multinomial: weights must not be negative, infinite or NaN")
    largest = np.max(weights, axis=-1, keepdims=True, initial=0)
    if not np.all(largest > 0):
        raise ArgumentError("multinomial: every row needs a weight above zero")
    draw = _with_replacement if replacement else _without_replacement
    picked = draw(weights / largest, count, numpy_generator(generator))
    return finish(picked.astype(np.int64, copy=False), input.device)


def _without_replacement(weights: Any, count: int, stream: Any) -> Any:
    times = stream.standard_exponential(weights.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        # logarithms, so that small weights do not all arrive at infinity
        arrivals = np.where(weights > 0, np.log(times) - np.log(weights), np.inf)
    return np.argsort(arrivals, axis=-1, kind="stable")[..., :count]


def _with_replacement(weights: Any, count: int, stream: Any) -> Any:
    ends = np.cumsum(weights, axis=-1)
    total = ends[..., -1:]
    drawn = stream.random((*weights.shape[:-1], count)) * total
    drawn = np.minimum(drawn, np.nextafter(total, 0))  # the product may be rounded up to the total
    # How many ends lie at or below each number: all rows at once, by sorting both together.
    order = np.argsort(np.concatenate([ends, drawn], axis=-1), axis=-1, kind="stable")
    below = np.empty_like(order)
    np.put_along_axis(below, order, np.cumsum(order < weights.shape[-1], axis=-1), axis=-1)
    return below[..., weights.shape[-1] :]


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Random counts from Poisson distributions with the given rates.

    Args:
        input: floating tensor of rates, any shape.
        generator: where the numbers come from; the default generator by default.

    Returns:
        A tensor with the input's shape and dtype. It carries no gradient.

    Raises:
        ArgumentError: for a rate that is negative, NaN, or too large for a count of 64 bits.
        DtypeError: for rates that are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.poisson(tg.tensor([0.0, 0.0]))
        tensor([0., 0.])
    """
    input = as_operand(input, "poisson")
    floating_dtype("poisson", input.dtype)
    rates = move(input.array, "cpu").astype(np.float64)
    if not every_value((rates >= 0) & (rates <= LARGEST_RATE)).all():
        raise ArgumentError(f"poisson: rates must lie between 0 and {LARGEST_RATE:g}")
    counts = as_array(numpy_generator(generator).poisson(rates))
    return finish(counts.astype(input.dtype), input.device)


LARGEST_RATE = 9.2e18  # NumPy counts in 64 bits
