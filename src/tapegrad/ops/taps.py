"""What windows read: sizes of results, taps along a dimension, and the sums that they make."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..device import backend_of
from ..errors import ArgumentError, ShapeError
from ..kernels.pooling import sum_windows
from ..record import record1
from ..tensor import Tensor

__all__: list[str] = []


def check_images(op: str, input: Tensor, ndim: int, channels: bool = True) -> None:
    """Refuse everything but (C, ...) and (N, C, ...) with elements; only the batch may be empty."""
    if input.ndim not in (ndim + 1, ndim + 2):
        raise ShapeError(
            f"{op}: input must have {ndim + 1} or {ndim + 2} dimensions, got shape {input.shape}"
        )
    first = input.ndim - ndim - (1 if channels else 0)
    if 0 in input.shape[first:]:
        raise ShapeError(f"{op}: only the batch may be empty, got shape {input.shape}")


def window_counts(
    op: str, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[int, ...]:
    """How many windows there are along each of the last dimensions."""
    plane = shape[len(shape) - len(kernel) :]
    out = []
    for n, k, s, p, d in zip(plane, kernel, stride, padding, dilation, strict=True):
        if 2 * p > k:
            raise ArgumentError(f"{op}: padding {p} must be at most half of kernel_size {k}")
        room = n + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1  # the last window would begin in the padding
        if count < 1:
            raise ShapeError(
                f"{op}: kernel_size {kernel} with dilation {dilation} and padding {padding} does not "
                f"fit into {tuple(plane)}, the last dimensions of shape {tuple(shape)}"
            )
        out.append(count)
    return tuple(out)


def as_slice(positions: Any) -> Any:
    """Positions at equal distances as a slice; others as they are."""
    if positions.size == 1:
        return slice(int(positions[0]), int(positions[0]) + 1, 1)
    steps = np.diff(positions)
    if steps.size and steps[0] > 0 and (steps == steps[0]).all():
        return slice(int(positions[0]), int(positions[-1]) + 1, int(steps[0]))
    return positions


class Sparse:
    """A sparse matrix for `sum_windows`, on the host.

    Args:
        shape: of the matrix: size of the result, size of the input.
        taps: pairs (where, at) of position arrays, and weights or None; `where` ascends.
    """

    def __init__(self, shape: tuple[int, int], taps: Any) -> None:
        self.size, self.columns = shape
        self.entries = [tap for tap in taps if len(tap[0])]
        self.taps = tuple(
            (None if len(where) == self.size else as_slice(where), as_slice(at), weight)
            for where, at, weight in self.entries
        )
        # a sum begins with what is read for every element: nothing is filled with zeros then
        self.sums = tuple(sorted(self.taps, key=lambda tap: tap[0] is not None))
        self.weighted = any(weight is not None for *_, weight in self.entries)
        self.whole = self.size == 1 and len(self.entries) == self.columns and not self.weighted
        self._adjoint: Sparse | None = None

    @property
    def adjoint(self) -> Sparse:
        """The transposed matrix."""
        if self._adjoint is None:
            shape = self.columns, self.size
            strided = all(at.__class__ is slice for _, at, _ in self.taps)
            if strided and self.size > 1:
                taps = [(at, where, weight) for where, at, weight in self.entries]
            else:  # what is read twice by one tap cannot be written by one
                taps = _ranked(self.entries)
            self._adjoint = Sparse(shape, taps)
            self._adjoint._adjoint = self
        return self._adjoint


def _ranked(entries: Any) -> Any:
    """Taps of the transposed matrix: the first element of each of its rows, the second, ..."""
    if not entries:
        return []
    rows = np.concatenate([at for _, at, _ in entries])
    columns = np.concatenate([where for where, _, _ in entries])
    weighted = any(weight is not None for *_, weight in entries)
    weights = (
        np.concatenate([np.ones(len(at)) if w is None else w for _, at, w in entries])
        if weighted
        else None
    )
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    starts = np.searchsorted(rows, rows)  # where the row of each element begins
    rank = np.arange(len(rows)) - starts
    taps = []
    by_rank = np.argsort(rank, kind="stable")
    for part in np.split(by_rank, np.cumsum(np.bincount(rank))[:-1]):
        taps.append((rows[part], columns[part], None if weights is None else weights[order][part]))
    return taps


@lru_cache(maxsize=512)
def regular(n: int, count: int, kernel: int, stride: int, padding: int, dilation: int) -> Sparse:
    """Windows at equal distances; what lies in the padding is not read."""
    taps = []
    for offset in range(kernel):
        at = np.arange(count) * stride - padding + offset * dilation
        where = np.flatnonzero((at >= 0) & (at < n))
        taps.append((where, at[where], None))
    return Sparse((count, n), taps)


@lru_cache(maxsize=512)
def adaptive(n: int, count: int) -> tuple[Sparse, Any]:
    """Windows that together cover everything, as equal as they can be; and their lengths."""
    if count and n % count == 0:
        length = n // count
        return regular(n, count, length, length, 0, 1), np.full(count, length)
    starts = np.arange(count) * n // max(count, 1)
    ends = -(-(np.arange(1, count + 1) * n) // max(count, 1))
    lengths = ends - starts
    taps = []
    for offset in range(int(lengths.max(initial=0))):
        where = np.flatnonzero(offset < lengths)
        taps.append((where, starts[where] + offset, None))
    return Sparse((count, n), taps), lengths


def on_device(value: Any, like: Any) -> Any:
    """The host arrays in nested tuples as arrays of the type of `like`."""
    if like.__class__ is np.ndarray:
        return value
    if isinstance(value, tuple):
        return tuple(on_device(v, like) for v in value)
    return backend_of(like).from_host(value) if isinstance(value, np.ndarray) else value


def summed(x: Any, plan: Any, divisor: Any = None) -> Any:
    """Sums over windows, divided by their sizes; those of float16 in single precision, as in PyTorch.

    Args:
        x: array.
        plan: pairs of a dimension, counted from the end, and the sparse matrix along it.
        divisor: number or array, or None for one.
    """
    dtype = x.dtype
    if dtype.char == "e":
        x = x.astype(np.float32)
    stages = tuple(
        [(dim, matrix.size, _sums(matrix, x.dtype), matrix.whole) for dim, matrix in plan]
    )
    out = sum_windows(x, on_device(stages, x))
    if divisor is not None:
        out = out / divisor
    return out if out.dtype == dtype else out.astype(dtype)


def _sums(matrix: Sparse, dtype: Any) -> Any:
    """The taps with their weights in the dtype of what is summed."""
    if not matrix.weighted:
        return matrix.sums
    return tuple(
        (where, at, weight if weight is None else weight.astype(dtype))
        for where, at, weight in matrix.sums
    )


def tap_sum(input: Tensor, plan: Any) -> Tensor:
    """The sums of `summed`, recorded."""
    return record1(summed(input.array, plan), _tap_sum_vjp, input, (plan,))


def _tap_sum_vjp(g, plan):
    return spread(g, plan)


def spread(g: Any, plan: Any) -> Any:
    """The adjoint of summing: every sum's gradient to all that it was made of."""
    back = tuple((dim, matrix.adjoint) for dim, matrix in plan)
    return tap_sum(g, back) if isinstance(g, Tensor) else summed(g, back)
