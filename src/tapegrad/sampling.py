"""Tensors of random numbers, new ones and refilled ones.

Numbers are drawn on the host by the generator and copied to the device, so that the same seed gives
the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, stamps
from ._typing import DTypeLike
from .creation import finish
from .device import move
from .errors import ArgumentError, DtypeError
from .ops.inplace import check_writable
from .ops.shape import sizes
from .random import Generator, numpy_generator
from .tensor import Tensor, raw

__all__ = ["rand", "rand_like", "randint", "randn", "randn_like", "randperm"]
METHODS = ["normal_", "uniform_"]


def _drawn(
    op: str, draw: Callable[[Any, Any, Any], Any], size: Any, generator: Any, dtype: Any
) -> Any:
    shape = sizes(op, size)
    kind = dtypes.as_dtype(dtype)
    if dtypes.category(kind) != 2:
        raise DtypeError(f"{op}: dtype must be floating, got {kind}")
    wide = kind if kind.itemsize >= 4 else dtypes.float32
    return np.asarray(draw(numpy_generator(generator), shape, wide)).astype(kind, copy=False)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    Args:
        size: sizes, one by one or as one sequence.
        generator: where the numbers come from; the default generator by default.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.rand(2, 3).shape
        (2, 3)
    """
    array = _drawn("rand", lambda g, s, d: g.random(s, dtype=d), size, generator, dtype)
    return finish(array, device, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Random numbers from the standard normal distribution.

    Args:
        size: sizes, one by one or as one sequence.
        generator: where the numbers come from; the default generator by default.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.randn(2, 3).shape
        (2, 3)
    """
    array = _drawn("randn", lambda g, s, d: g.standard_normal(s, dtype=d), size, generator, dtype)
    return finish(array, device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
) -> Tensor:
    """Random integers from `low` to `high`, without it.

    Args:
        low, high: the range; `randint(high, size)` starts at 0.
        size: sequence of sizes.
        generator: where the numbers come from; the default generator by default.
        dtype: int64 by default.
        device: the CPU by default.

    Raises:
        ArgumentError: if the range is empty.

    Example:
        >>> import tapegrad as tg
        >>> tg.randint(0, 10, (2, 3)).shape
        (2, 3)
    """
    if size is None:
        low, high, size = 0, low, high
    if high is None or size is None or not low < high:
        raise ArgumentError(f"randint: needs low < high and a size, got {low}, {high}, {size}")
    numbers = numpy_generator(generator).integers(low, high, sizes("randint", (size,)))
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return finish(np.asarray(numbers).astype(kind, copy=False), device)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: DTypeLike = None, device: Any = None
) -> Tensor:
    """A random order of the integers 0 to n - 1.

    Args:
        n: how many.
        generator: where the numbers come from; the default generator by default.
        dtype: int64 by default.
        device: the CPU by default.

    Example:
        >>> import tapegrad as tg
        >>> sorted(tg.randperm(4).tolist())
        [0, 1, 2, 3]
    """
    if n < 0:
        raise ArgumentError(f"randperm: n must not be negative, got {n}")
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


def _refill(op: str, input: Tensor, values: Any) -> Tensor:
    check_writable(op, input, None, "make a new tensor")
    detached = input.node is not None and not hasattr(input.node, "tensor")
    if detached:
        input.node = None  # nothing of the old value is left for a gradient to flow to
    input.array[...] = move(np.asarray(values), input.device)
    stamps.stamp(input.array, op)
    return input


def uniform_(
    input: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniform random numbers in [a, b), in place; returns the tensor.

    Args:
        input: floating tensor.
        a, b: the range.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `a > b`.
    """
    if not a <= b:
        raise ArgumentError(f"uniform_: needs a <= b, got {a} and {b}")
    numbers = raw(rand(input.shape, dtype=input.dtype, generator=generator))
    return _refill("uniform_", input, numbers * (b - a) + a)


def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normally distributed random numbers, in place; returns the tensor.

    Args:
        input: floating tensor.
        mean, std: of the distribution.
        generator: where the numbers come from.

    Raises:
        ArgumentError: if `std` is negative.
    """
    if not std >= 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    numbers = raw(randn(input.shape, dtype=input.dtype, generator=generator))
    return _refill("normal_", input, numbers * std + mean)
