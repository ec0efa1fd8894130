"""Maxima over windows, and putting them back where they stood."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes, kernels
from ..batching import widened
from ..device import apart, backend_of, every_value
from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..record import record1
from ..tape import recording
from ..tensor import Tensor, wrap
from .activation import numbers
from .cast import as_operand, different_devices
from .gather import add_at
from .taps import (
    Sparse,
    adaptive,
    check_images,
    on_device,
    regular,
    window_counts,
)
from .window import distances, per_dimension

__all__ = ["max_pool1d", "max_pool2d", "max_pool3d"]

Sizes = int | Sequence[int]


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the largest element of every window; see `max_pool2d`.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as for `max_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _max_pool(
        1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )  # fmt: skip


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the largest element of every window.

    Adjoint: zeros of the input's shape with `g` added where the maxima stand. The first of equal
    elements is the maximum, in the order of rows; NaN is larger than everything.

    Args:
        input: (N, C, H, W) or (C, H, W), of floats or integers.
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: how far windows reach over the edge, at most half of `kernel_size`; nothing there is
            ever the maximum.
        dilation: distance of the elements within a window.
        ceil_mode: also have the last window if it reaches over the edge.
        return_indices: also return where the maxima stand.

    Returns:
        (N, C, H', W') with `H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)`;
        with `return_indices` a pair of it and of the positions in the flattened (H, W), int64.

    Raises:
        ShapeError: for other numbers of dimensions, an empty image, or windows that do not fit.
        ArgumentError: for a padding larger than half the window, or sizes that are not positive.
        DtypeError: for bool and complex tensors.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.arange(16.0).reshape(1, 4, 4)
        >>> tg.max_pool2d(x, 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
        >>> tg.nn.functional.max_pool2d(x, 3, return_indices=True)[1]
        tensor([[[10]]])
    """
    return _max_pool(
        2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )  # fmt: skip


def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the largest element of every window; see `max_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as for `max_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.max_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 2)
        tensor([[[[7.]]]])
    """
    return _max_pool(
        3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )  # fmt: skip


def _max_pool(
    ndim: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    op = f"max_pool{ndim}d"
    input = numbers(op, input)
    check_images(op, input, ndim)
    kernel = per_dimension(op, "kernel_size", kernel_size, ndim, 1)
    steps = distances(op, stride, kernel)
    pad = per_dimension(op, "padding", padding, ndim)
    spread = per_dimension(op, "dilation", dilation, ndim, 1)
    counts = window_counts(op, input.shape, kernel, steps, pad, spread, ceil_mode)
    for n, count, s, p, d in zip(input.shape[-ndim:], counts, steps, pad, spread, strict=True):
        if any(start % d >= n for start in range(-p, 0, s)[:count]):
            raise ArgumentError(
                f"{op}: with padding {p} and dilation {d} a window reads nothing of size {n}"
            )
    plan = _regular_plan(input.shape[-ndim:], counts, kernel, steps, pad, spread)
    return _maxima(input, plan, return_indices)


class _Plan(NamedTuple):
    """What windows read, on the host; see `kernels.max_windows`."""

    stages: Any
    overlap: bool  # whether an element may be the maximum of several windows


@lru_cache(maxsize=128)
def _regular_plan(plane: Any, counts: Any, kernel: Any, steps: Any, pad: Any, spread: Any) -> _Plan:
    """Windows at equal distances."""
    windows = []
    for n, *window in zip(plane, counts, kernel, steps, pad, spread, strict=True):
        count, _, s, p, d = window
        base = np.arange(count) * s - p
        first = np.maximum(-(base // d), 0)  # what lies in the padding is not read
        windows.append((regular(n, *window), (first, base, d, None)))
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, steps, spread, strict=True))
    return _planned(plane, windows, not apart)


@lru_cache(maxsize=128)
def _adaptive_plan(plane: Any, counts: Any) -> _Plan:
    """A given number of windows along each dimension."""
    windows = []
    overlap = False
    for n, count in zip(plane, counts, strict=True):
        matrix, lengths = adaptive(n, count)
        base, last = np.arange(count) * n // max(count, 1), None
        if count and n % count:  # shorter windows read their last element twice
            last = base + lengths - 1
            reads = [np.minimum(base + k, last) for k in range(lengths.max())]
            matrix = Sparse((count, n), [(np.arange(count), at, None) for at in reads])
            overlap = True
        windows.append((matrix, (np.zeros_like(base), base, 1, last)))
    return _planned(plane, windows, overlap)


def _planned(plane: Any, windows: Any, overlap: bool) -> _Plan:
    """The plan of windows given per dimension by a sparse matrix and what its taps read."""
    stages = tuple(
        (
            d - len(plane),
            matrix.size,
            tuple(
                (slice(None) if where is None else where, at, number)
                for (where, at, _), number in zip(matrix.taps, _numbers(matrix, reads), strict=True)
            ),
            reads,
        )
        for d, (matrix, reads) in enumerate(windows)
    )
    return _Plan(stages, overlap)


def _numbers(matrix: Any, reads: Any) -> list[int]:
    """Which taps of the windows those of the matrix are: it has none that read only padding."""
    _, base, step, _ = reads
    return [int(((at - base[where]) // step).max()) for where, at, _ in matrix.entries]


def _maxima(input: Tensor, plan: _Plan, return_indices: bool) -> Any:
    """Maxima over windows."""
    x = input.array
    recorded = input.node is not None and recording()
    stages = on_device(plan.stages, x)
    if not return_indices and not recorded:
        return wrap(kernels.max_windows(x, stages))
    values, index = kernels.max_windows_at(x, stages)
    if not recorded:
        return wrap(values), wrap(index)
    at = flat_positions(index, x.shape, len(plan.stages))
    out = record1(values, _max_pool_vjp, input, (at, x.shape, plan.overlap))
    return (out, wrap(index)) if return_indices else out


def flat_positions(index: Any, shape: Any, ndim: int) -> Any:
    """Positions in whole flattened arrays from positions in their flattened last dimensions."""
    lead = shape[: len(shape) - ndim]
    each = int(np.prod(shape[len(lead) :], dtype=np.int64))
    rows = int(np.prod(lead, dtype=np.int64))
    start = backend_of(index).namespace.arange(rows) * each
    return (index.reshape(rows, -1 if rows else 0) + start[:, None]).reshape(-1)


def _max_pool_vjp(g, at, shape, overlap):
    return add_at(g, at, shape, overlap)


def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: bool = False) -> Any:
    """Take the largest elements of a given number of windows; see `adaptive_max_pool2d`.

    Args:
        input: (N, C, L) or (C, L).
        output_size: how many windows.
        return_indices: also return where the maxima stand.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import adaptive_max_pool1d
        >>> adaptive_max_pool1d(tg.tensor([[1.0, 3.0, 2.0]]), 2)
        tensor([[3., 3.]])
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False
) -> Any:
    """Take the largest elements of a given number of windows, as equal in size as they can be.

    Window `i` of `n` over size `s` goes from `floor(i s / n)` to `ceil((i + 1) s / n)`.
    Adjoint: zeros of the input's shape with `g` added where the maxima stand.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: how many windows, one int or one for each dimension; None keeps a dimension.
        return_indices: also return where the maxima stand, as `max_pool2d` does.

    Raises:
        ShapeError: for other numbers of dimensions, or an empty image.
        ArgumentError: for a number less than zero.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import adaptive_max_pool2d
        >>> adaptive_max_pool2d(tg.arange(6.0).reshape(1, 2, 3), (1, 2))
        tensor([[[4., 5.]]])
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(
    input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False
) -> Any:
    """Take the largest elements of a given number of windows; see `adaptive_max_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        output_size, return_indices: as for `adaptive_max_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import adaptive_max_pool3d
        >>> adaptive_max_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 1)
        tensor([[[[7.]]]])
    """
    return _adaptive_max_pool(3, input, output_size, return_indices)


def _adaptive_max_pool(ndim: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    op = f"adaptive_max_pool{ndim}d"
    input = numbers(op, input)
    check_images(op, input, ndim)
    counts = adaptive_counts(op, input, output_size, ndim)
    return _maxima(input, _adaptive_plan(input.shape[-ndim:], counts), return_indices)


def adaptive_counts(op: str, input: Tensor, output_size: Any, ndim: int) -> tuple[int, ...]:
    """The sizes asked for, with None replaced by those that there are."""
    if isinstance(output_size, (tuple, list)) and len(output_size) == ndim:
        plane = input.shape[-ndim:]
        output_size = [n if o is None else o for n, o in zip(plane, output_size, strict=True)]
    return per_dimension(op, "output_size", output_size, ndim)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they stood, among zeros; see `max_unpool2d`.

    Args:
        input, indices: (N, C, L) or (C, L).
        kernel_size, stride, padding, output_size: as for `max_unpool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import max_pool1d, max_unpool1d
        >>> pooled = max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True)
        >>> max_unpool1d(*pooled, 2)
        tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they stood, among zeros: a partial inverse of `max_pool2d`.

    Adjoint: the elements of `g` at the indices.

    Args:
        input: (N, C, H, W) or (C, H, W).
        indices: as `max_pool2d` returns them, int64; where two are equal, one of the values stays.
        kernel_size, stride, padding: those of the pooling.
        output_size: sizes of the result, (H', W') or with all dimensions;
            `(H - 1) stride - 2 padding + kernel_size` by default.

    Raises:
        ShapeError: for other numbers of dimensions, or indices of another shape.
        ArgumentError: for an `output_size` that no such pooling reduces to this.
        DimensionError: for indices outside the result.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import max_pool2d, max_unpool2d
        >>> pooled = max_pool2d(tg.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
        >>> max_unpool2d(*pooled, 2)
        tensor([[[0., 0.],
                 [0., 3.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put maxima back where they stood, among zeros; see `max_unpool2d`.

    Args:
        input, indices: (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, output_size: as for `max_unpool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import max_pool3d, max_unpool3d
        >>> pooled = max_pool3d(tg.arange(4.0).reshape(1, 1, 2, 2), (1, 1, 2), return_indices=True)
        >>> max_unpool3d(*pooled, (1, 1, 2))
        tensor([[[[0., 1.],
                  [0., 3.]]]])
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    ndim: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    op = f"max_unpool{ndim}d"
    input, indices = numbers(op, input), as_operand(indices, op, "indices")
    if apart(indices.array, input.array):
        raise different_devices(op, input, indices)
    if indices.dtype != dtypes.int64:
        raise DtypeError(f"{op}: indices must be int64, got {indices.dtype}")
    if indices.shape != input.shape:
        raise ShapeError(
            f"{op}: indices must have the input's shape {input.shape}, got {indices.shape}"
        )
    check_images(op, input, ndim)
    kernel = per_dimension(op, "kernel_size", kernel_size, ndim, 1)
    steps = distances(op, stride, kernel)
    pad = per_dimension(op, "padding", padding, ndim)
    usual = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(input.shape[-ndim:], steps, kernel, pad, strict=True)
    )
    plane = usual
    if output_size is not None:
        plane = tuple(int(n) for n in output_size)
        plane = plane[2:] if len(plane) == ndim + 2 else plane
        if len(plane) != ndim or any(
            not u - s < n < u + s for n, u, s in zip(plane, usual, steps, strict=True)
        ):
            raise ArgumentError(
                f"{op}: output_size must be {ndim} sizes less than stride {steps} away from {usual}, "
                f"got {tuple(output_size)}"
            )
    if min(plane) < 1:
        raise ArgumentError(f"{op}: the result would have sizes {plane}; they must be positive")
    return _unpooled(op, input, indices.array, plane)


def _unpooled(op: str, input: Tensor, index: Any, plane: tuple[int, ...]) -> Tensor:
    x = input.array
    each = int(np.prod(plane))
    if x.size:
        least, most = (int(end(every_value(end(index)))) for end in (np.min, np.max))
        if least < 0 or most >= each:
            raise DimensionError(
                f"{op}: indices must lie between 0 and {each - 1}, the result being {plane}, "
                f"got {least if least < 0 else most}"
            )
    ndim = len(plane)
    shape = (*x.shape[:-ndim], *plane)
    at = flat_positions(index, shape, ndim)
    out = add_at(widened(x, at), at, shape, False)
    return record1(out, _max_unpool_vjp, input, (at, x.shape))


def _max_unpool_vjp(g, at, shape):
    return g.reshape(-1)[at].reshape(shape)
