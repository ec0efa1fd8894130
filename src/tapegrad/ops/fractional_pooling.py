"""Maxima over windows at pseudo-random distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..device import apart, backend_of
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1
from ..tape import recording
from ..tensor import Tensor, wrap
from .activation import floats
from .cast import as_operand, different_devices
from .pooling import _max_pool_vjp, flat_positions
from .taps import check_images
from .window import per_dimension

__all__: list[str] = []  # PyTorch has them in nn.functional only

Sizes = int | Sequence[int]
Ratios = float | Sequence[float]


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Take the largest elements of windows that stand at irregular distances.

    Window i of n, of size k, over size s begins at `floor((i + u) a) - floor(u a)` with
    `a = (s - k) / (n - 1)`, the last one at `s - k`; u is drawn for every image, channel and dimension.
    Adjoint: zeros of the input's shape with `g` added where the maxima stand, the first of equal ones.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        kernel_size: size of a window, one int or one for each dimension.
        output_size: how many windows, one int or one for each dimension.
        output_ratio: how many, as a fraction of the input's size, between 0 and 1; instead of
            `output_size`.
        return_indices: also return where the maxima stand, as `max_pool2d` does.
        _random_samples: u, at least (N, C, 2), for width and height in this order; drawn from [0, 1) by
            default.

    Raises:
        ShapeError: for other numbers of dimensions, an empty image, or windows that do not fit.
        ArgumentError: if neither or both of `output_size` and `output_ratio` are missing, or out of range.
        DtypeError: if the input is not floating, or the samples have another dtype.

    Example:
        >>> import tapegrad as tg
        >>> x, u = tg.arange(16.0).reshape(1, 4, 4), tg.zeros(1, 1, 2)
        >>> tg.nn.functional.fractional_max_pool2d(x, 2, output_size=2, _random_samples=u)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])

    References:
        Graham, "Fractional Max-Pooling" (2014).
    """
    return _fractional(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Take the largest elements of windows that stand at irregular distances; see `fractional_max_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size, output_size, output_ratio, return_indices: as for `fractional_max_pool2d`.
        _random_samples: at least (N, C, 3), for depth, height and width in this order.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.arange(8.0).reshape(1, 2, 2, 2)
        >>> tg.nn.functional.fractional_max_pool3d(x, 2, output_size=1)
        tensor([[[[7.]]]])
    """
    return _fractional(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def _fractional(
    ndim: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    op = f"fractional_max_pool{ndim}d"
    input = floats(op, input)
    check_images(op, input, ndim)
    kernel = per_dimension(op, "kernel_size", kernel_size, ndim, 1)
    plane = input.shape[-ndim:]
    counts = _counts(op, plane, output_size, output_ratio)
    for n, k, count in zip(plane, kernel, counts, strict=True):
        if count + k - 1 > n:
            raise ShapeError(
                f"{op}: {count} windows of size {k} do not fit into size {n}, the last dimensions being "
                f"{plane}"
            )
    x = input.array
    lead = x.shape[:-ndim] if x.ndim > ndim + 1 else (1, x.shape[0])
    u = _samples(op, input, samples, lead, ndim)
    rows = lead[0] * lead[1]
    order = reversed(range(ndim)) if ndim == 2 else range(ndim)  # PyTorch's: (W, H), but (D, H, W)
    starts = [
        _starts(u[:lead[0], :, i].reshape(rows), plane[d], counts[d], kernel[d])
        for d, i in enumerate(order)
    ]  # fmt: skip
    values, index = _maxima_at(x.reshape(rows, *plane), starts, kernel)
    shape = (*x.shape[:-ndim], *counts)
    values, index = values.reshape(shape), index.reshape(shape)
    if input.node is None or not recording():
        out = wrap(values)
    else:
        out = record1(
            values, _max_pool_vjp, input, (flat_positions(index, x.shape, ndim), x.shape, True)
        )
    return (out, wrap(index)) if return_indices else out


def _counts(op: str, plane: Any, size: Any, ratio: Any) -> tuple[int, ...]:
    """How many windows there are along each dimension."""
    if (size is None) == (ratio is None):
        raise ArgumentError(f"{op}: give one of output_size and output_ratio")
    if size is not None:
        return per_dimension(op, "output_size", size, len(plane))
    ratios = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * len(plane)
    if len(ratios) != len(plane) or any(not 0 < r < 1 for r in ratios):
        raise ArgumentError(
            f"{op}: output_ratio must be between 0 and 1, one number or one for each of {len(plane)} "
            f"dimensions, got {ratio}"
        )
    return tuple(int(n * r) for n, r in zip(plane, ratios, strict=True))


def _samples(op: str, input: Tensor, given: Any, lead: Any, ndim: int) -> Any:
    """The array of random numbers, at least (N, C, ndim)."""
    x = input.array
    if given is None:
        from ..random import numpy_generator  # a layer above, looked up when it runs

        drawn = numpy_generator(None).random((*lead, ndim), dtype=np.float32).astype(x.dtype)
        return drawn if isinstance(x, np.ndarray) else backend_of(x).from_host(drawn)
    samples = as_operand(given, op, "_random_samples")
    if apart(samples.array, x):
        raise different_devices(op, input, samples)
    if samples.dtype != x.dtype:
        raise DtypeError(f"{op}: _random_samples must be {x.dtype} as input, got {samples.dtype}")
    if samples.ndim != 3 or samples.shape[0] < lead[0] or samples.shape[1:] != (lead[1], ndim):
        raise ShapeError(
            f"{op}: _random_samples must be {(*lead, ndim)} for batch, channels and dimensions, got "
            f"{samples.shape}"
        )
    return samples.array


def _starts(u: Any, n: int, count: int, k: int) -> Any:
    """Where the windows of every row begin, (rows, count)."""
    at = np.zeros_like(u, shape=(*u.shape, count), dtype=np.int64)
    if count > 1:
        # in the dtype of the samples, so that windows are those of PyTorch
        step = u.dtype.type(n - k) / u.dtype.type(count - 1)
        i = np.arange(count - 1, like=u).astype(u.dtype)
        at[:, :-1] = ((i + u[:, None]) * step).astype(np.int64)
        at[:, :-1] -= (u * step).astype(np.int64)[:, None]
    at[:, count - 1 :] = n - k
    return at


def _maxima_at(x: Any, starts: list[Any], kernel: Any) -> tuple[Any, Any]:
    """Maxima of windows that begin elsewhere in every row, and where they stand.

    One dimension after the other, the last one first, as in `kernels.max_windows_at`.
    """
    rows, *plane = x.shape
    index = np.broadcast_to(np.arange(int(np.prod(plane)), like=x).reshape(1, *plane), x.shape)
    for d in reversed(range(len(kernel))):
        shape = [1] * x.ndim
        shape[0], shape[d + 1] = rows, starts[d].shape[1]
        first = starts[d].reshape(shape)
        best, at_best = (np.take_along_axis(a, first, d + 1) for a in (x, index))
        for k in range(1, kernel[d]):
            part = np.take_along_axis(x, first + k, d + 1)
            better = (part > best) | np.isnan(part)
            best = np.where(better, part, best)
            at_best = np.where(better, np.take_along_axis(index, first + k, d + 1), at_best)
        x, index = best, at_best
    return x, index
