"""Maxima, means and norms over windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rows import INF, NAN, Bad, Row, S, distinct, normal, positive
from tapegrad import errors
from tapegrad.nn import functional as F


def _each(value: Any, ndim: int) -> tuple[int, ...]:
    return (value,) * ndim if isinstance(value, int) else tuple(value)


def _spans(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> list[Any]:
    """The positions of every window along a dimension, those in the padding too, counted from 0."""
    out = []
    start = -p
    while start + d * (k - 1) < n + p or (
        ceil_mode and start < n and start + d * (k - 1) - s < n + p - 1
    ):
        out.append(np.arange(start, start + d * (k - 1) + 1, d))
        start += s
    return out


def _windows(x: Any, ndim: int, spans: Any) -> Any:
    """For every place in the result the elements of its window, and how they are indexed."""
    shape = tuple(map(len, spans))
    for place in np.ndindex(shape):
        at = [span[i] for span, i in zip(spans, place, strict=True)]
        kept = [a[(a >= 0) & (a < n)] for a, n in zip(at, x.shape[-ndim:], strict=True)]
        yield place, at, kept, x[(Ellipsis, *np.ix_(*kept))]


def _plans(
    x: Any, ndim: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Any:
    k = _each(kernel, ndim)
    s = k if stride is None else _each(stride, ndim)
    rest = zip(x.shape[-ndim:], k, s, _each(padding, ndim), _each(dilation, ndim), strict=True)
    return [_spans(*window, ceil) for window in rest]


def _largest(x: Any, ndim: int, spans: Any, return_indices: bool) -> Any:
    out = np.zeros(x.shape[:-ndim] + tuple(map(len, spans)), x.dtype)
    index = np.zeros(out.shape, np.int64)
    for place, _, kept, window in _windows(x, ndim, spans):
        flat = window.reshape(*x.shape[:-ndim], int(np.prod(window.shape[-ndim:])))
        best = np.where(
            np.isnan(flat).any(-1),
            flat.shape[-1] - 1 - np.isnan(flat)[..., ::-1].argmax(-1),
            flat.argmax(-1),
        )
        out[(Ellipsis, *place)] = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        positions = np.ravel_multi_index(np.ix_(*kept), x.shape[-ndim:]).reshape(-1)
        index[(Ellipsis, *place)] = positions[best]
    return (out, index) if return_indices else out


def max_pool(ndim: int) -> Callable[..., Any]:
    """Reference of `max_pool1d` and its kin."""

    def reference(
        x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        spans = _plans(x, ndim, kernel_size, stride, padding, dilation, ceil_mode)
        return _largest(x, ndim, spans, return_indices)

    return reference


def avg_pool(ndim: int) -> Callable[..., Any]:
    """Reference of `avg_pool1d` and its kin."""

    def reference(
        x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Any:  # fmt: skip
        spans = _plans(x, ndim, kernel_size, stride, padding, 1, ceil_mode)
        out = np.zeros(x.shape[:-ndim] + tuple(map(len, spans)))
        pad = _each(padding, ndim)
        for place, at, kept, window in _windows(x, ndim, spans):
            padded = [a[a < n + p] for a, n, p in zip(at, x.shape[-ndim:], pad, strict=True)]
            size = np.prod([len(a) for a in (padded if count_include_pad else kept)])
            total = window.sum(axis=tuple(range(-ndim, 0)))
            out[(Ellipsis, *place)] = total / (divisor_override or size)
        return out

    return reference


def lp_pool(ndim: int) -> Callable[..., Any]:
    """Reference of `lp_pool1d` and its kin, for positive values."""
    mean, largest = avg_pool(ndim), max_pool(ndim)

    def reference(
        x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Any:
        if norm_type == INF:
            return largest(np.abs(x), kernel_size, stride, ceil_mode=ceil_mode)
        if norm_type == -INF:
            return -largest(-np.abs(x), kernel_size, stride, ceil_mode=ceil_mode)
        powers = mean(x**norm_type, kernel_size, stride, 0, ceil_mode)
        return (powers * np.prod(_each(kernel_size, ndim))) ** (1 / norm_type)

    return reference


def _parts(x: Any, ndim: int, output_size: Any) -> Any:
    sizes = (output_size,) * ndim if isinstance(output_size, int) else output_size
    return [
        [np.arange(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]
        for n, o in zip(x.shape[-ndim:], (n if o is None else o for n, o in zip(x.shape[-ndim:], sizes, strict=True)), strict=True)
    ]  # fmt: skip


def adaptive_max(ndim: int) -> Callable[..., Any]:
    """Reference of `adaptive_max_pool1d` and its kin."""
    return lambda x, output_size, return_indices=False: _largest(
        x, ndim, _parts(x, ndim, output_size), return_indices
    )


def adaptive_avg(ndim: int) -> Callable[..., Any]:
    """Reference of `adaptive_avg_pool1d` and its kin."""

    def reference(x: Any, output_size: Any) -> Any:
        spans = _parts(x, ndim, output_size)
        out = np.zeros(x.shape[:-ndim] + tuple(map(len, spans)))
        for place, _, _, window in _windows(x, ndim, spans):
            out[(Ellipsis, *place)] = window.mean(axis=tuple(range(-ndim, 0)))
        return out

    return reference


def max_unpool(ndim: int) -> Callable[..., Any]:
    """Reference of `max_unpool1d` and its kin."""

    def reference(
        x: Any,
        indices: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Any:
        k = _each(kernel_size, ndim)
        s = k if stride is None else _each(stride, ndim)
        plane = tuple(
            (n - 1) * b + a - 2 * p
            for n, a, b, p in zip(x.shape[-ndim:], k, s, _each(padding, ndim), strict=True)
        )
        if output_size is not None:
            plane = tuple(output_size)[-ndim:]
        out = np.zeros((*x.shape[:-ndim], int(np.prod(plane))))
        for lead in np.ndindex(x.shape[:-ndim]):
            out[lead][indices[lead].reshape(-1)] = x[lead].reshape(-1)
        return out.reshape(*x.shape[:-ndim], *plane)

    return reference


def max_samples(ndim: int) -> Any:
    """Windows that overlap or not, with padding, dilation, the last one over the edge."""

    def make(rng: np.random.Generator) -> list[S]:
        plane = {1: (7,), 2: (4, 5), 3: (2, 3, 4)}[ndim]
        x, one = distinct(rng, 1, 1, *plane), distinct(rng, 1, *plane)
        k = 2
        out = [
            S((x, k)), S((one, k, 1)), S((one, k, 1, 1)), S((x, k, k, 1, 1, True)), S((one, 3 if ndim < 3 else 2, 2, 1)),
            S((one, k, 1), {"return_indices": True}), S((distinct(rng, 0, 2, *plane), k)), S((one, 1)),
            S((one[..., ::-1], [k] * ndim, [1] * ndim, [0] * ndim)), S((one, k, 2, 0), {"ceil_mode": True, "return_indices": True}),
        ]  # fmt: skip
        if ndim == 1:
            out += [S((x, 2, 2, 1, 3)), S((x, 3, 1, 0, 2)), S((distinct(rng, 2, 2, 3), (2,), (1,)))]
        if ndim == 2:
            out += [S((x, (2, 3), (1, 2), (1, 0), (1, 2))), S((x, (1, 2)))]
        return out

    return make


def max_edges(ndim: int) -> Any:
    """Ties, NaN and infinities."""

    def make(rng: np.random.Generator) -> list[S]:
        x = np.array([1.0, 1.0, NAN, 0.0, NAN, 2.0, -INF, -INF, -INF, INF, INF, 3.0])
        x = x.reshape({1: (1, 12), 2: (1, 2, 6), 3: (1, 1, 2, 6)}[ndim])
        k = {1: 2, 2: 2, 3: (1, 2, 2)}[ndim]
        return [
            S((x, k)),
            S((x, k), {"return_indices": True}),
            S((x, k, 1), {"return_indices": True}),
        ]

    return make


def avg_samples(ndim: int) -> Any:
    """Windows that overlap or not, with both counts of the padding."""

    def make(rng: np.random.Generator) -> list[S]:
        plane = {1: (7,), 2: (4, 5), 3: (2, 3, 4)}[ndim]
        x, one = normal(rng, 1, 1, *plane), normal(rng, 1, *plane)
        out = [
            S((x, 2)), S((one, 2, 1)), S((one, 2, 1, 1)), S((one, 2, 1, 1, False, False)), S((one, 2, 2, 1, True)),
            S((x, 2, 2, 1, True, False)), S((normal(rng, 0, 2, *plane), 2)), S((one, 1)), S((one[..., ::-1], [2] * ndim)),
            S((one, plane)), S((one, 2, 3, 0, True)),
        ]  # fmt: skip
        if ndim > 1:
            out += [S((x, 2), {"divisor_override": 3}), S((x, 2, 1), {"divisor_override": -1})]
        if ndim == 2:
            out.append(S((x, (2, 3), (1, 2), (1, 0))))
        return out

    return make


def lp_samples(ndim: int) -> Any:
    """Powers and both infinities."""

    def make(rng: np.random.Generator) -> list[S]:
        plane = {1: (6,), 2: (3, 5), 3: (2, 3, 4)}[ndim]
        x = positive(rng, 1, *plane) + distinct(rng, 1, *plane) % 0.3
        return [S((x, p, 2)) for p in (1, 2, 3.5, INF, -INF)] + [S((x, 2.0, 2, 1, True))]

    return make


def adaptive_samples(make_one: Any, ndim: int, indices: bool) -> Any:
    """Fewer windows, as many, more than elements, and none."""

    def make(rng: np.random.Generator) -> list[S]:
        plane = {1: (7,), 2: (4, 5), 3: (2, 3, 4)}[ndim]
        x, one = make_one(rng, 1, 1, *plane), make_one(rng, 1, *plane)
        sizes: list[Any] = [1, 2, 3, (2,) * ndim]
        if ndim > 1:
            sizes += [(None, 2, 3)[-ndim:], (1, None, 2)[-ndim:]]
        out = [S((x, size)) for size in sizes] + [
            S((one, 3)),
            S((make_one(rng, 1, *(2,) * ndim), 3)),
        ]
        out += [S((make_one(rng, 0, 2, *plane), 2)), S((one[..., ::-1], 2))]
        return [*out, S((one, 3, True)), S((one, 1), {"return_indices": True})] if indices else out

    return make


def unpool_samples(ndim: int) -> Any:
    """Indices of a pooling, and others."""

    def make(rng: np.random.Generator) -> list[S]:
        plane, small = ((4,) * ndim, (2,) * ndim) if ndim < 3 else ((2, 2, 4), (1, 1, 2))
        x = distinct(rng, 1, *plane)
        _, index = max_pool(ndim)(x, 2, return_indices=True)
        batch = normal(rng, 1, 1, *small)
        bigger = tuple(n + 1 for n in plane)
        return [
            S((normal(rng, 1, *small), index, 2)), S((batch, index[None], 2), {"output_size": bigger}),
            S((batch, index[None], 2, 2, 0), {"output_size": [1, 1, *bigger]}), S((normal(rng, 0, 1, *small), np.zeros((0, 1, *small), np.int64), 2)),
        ]  # fmt: skip

    return make


def pool_bad(ndim: int, *more: Any) -> tuple[Bad, ...]:
    """What every pooling refuses; `more` stands before the window's size."""
    x = np.ones((1, 2) + (4,) * ndim)
    return (
        Bad((x[0, 0], *more, 2), errors.ShapeError, "dimensions"), Bad((x[None], *more, 2), errors.ShapeError, "dimensions"),
        Bad((x, *more, 0), errors.ArgumentError, "kernel_size"), Bad((x, *more, 2.0), errors.ArgumentError, "kernel_size"),
        Bad((x, *more, (2,) * (ndim + 1)), errors.ArgumentError, "kernel_size"), Bad((x, *more, 2, 0), errors.ArgumentError, "stride"),
        Bad((x, *more, 5), errors.ShapeError, "" if ndim == 3 else "does not fit"), Bad((x[:, :0], *more, 2), errors.ShapeError, "batch"),
        Bad((x[..., :0], *more, 1), errors.ShapeError, "batch"), Bad(("text", *more, 2), errors.DtypeError, "tensor"),
        Bad((x > 0, *more, 2), errors.DtypeError, "input must be"),
    )  # fmt: skip


def adaptive_bad(ndim: int) -> tuple[Bad, ...]:
    """What both adaptive poolings refuse."""
    x = np.ones((1, 2) + (4,) * ndim)
    return (
        Bad((x[0, 0], 2), errors.ShapeError, "dimensions"), Bad((x[None], 2), errors.ShapeError, "dimensions"),
        Bad((x, -1), errors.ArgumentError, "output_size"), Bad((x, (2,) * (ndim + 1)), errors.ArgumentError, "output_size"),
        Bad((x, 1.5), errors.ArgumentError, "output_size"), Bad((x[..., :0], 2), errors.ShapeError, "batch"),
        Bad((x, None), errors.ArgumentError, "output_size"), Bad((x > 0, 2), errors.DtypeError, "input must be"),
    )  # fmt: skip


def unpool_bad(ndim: int) -> tuple[Bad, ...]:
    """Indices and sizes that do not fit."""
    x, i = np.ones((1, 1) + (2,) * ndim), np.zeros((1, 1) + (2,) * ndim, np.int64)
    return (
        Bad((x, x, 2), errors.DtypeError, "int64"), Bad((x, i[..., :1], 2), errors.ShapeError, "indices"),
        Bad((x[0, 0], i[0, 0], 2), errors.ShapeError, "dimensions"), Bad((x, i + 4**ndim, 2), errors.DimensionError, "indices"),
        Bad((x, i - 1, 2), errors.DimensionError, "indices"), Bad((x, i, 2, 2, 0, (7,) * ndim), errors.ArgumentError, "output_size"),
        Bad((x, i, 2, 2, 0, (4,) * (ndim + 1)), errors.ArgumentError, "output_size"), Bad((x, i, 0), errors.ArgumentError, "kernel_size"),
        Bad((x, i, 1, 1, 1), errors.ArgumentError, "positive"),
    )  # fmt: skip


def padded_bad(ndim: int) -> tuple[Bad, ...]:
    """Padding of more than half a window, or less than nothing."""
    x = np.ones((1, 2) + (4,) * ndim)
    return (
        Bad((x, 2, 1, 2), errors.ArgumentError, "half"), Bad((x, 2, 1, -1), errors.ArgumentError, "padding"),
        Bad((x, 1, 1, 1), errors.ArgumentError, "half"),
    )  # fmt: skip


def dilated_bad(ndim: int) -> tuple[Bad, ...]:
    """Dilation that is no distance, or leaves nothing to read."""
    x = np.ones((1, 2) + (4,) * ndim)
    return (
        Bad((x, 2, 1, 0, 0), errors.ArgumentError, "dilation"), Bad((x, 3, 1, 0, 2), errors.ShapeError, "does not fit"),
        Bad((x[..., :1], 2, 1, 1, 2), errors.ArgumentError, "reads nothing") if ndim == 1 else
        Bad((x, 3, 1, 2, 2), errors.ArgumentError, "half"),
    )  # fmt: skip


INTERNAL = {"max_pool", "max_unpool", "avg_pool", "tap_sum"}

ROWS: list[Row] = []
for _ndim in (1, 2, 3):
    _path = "nn.functional.{}" + f"{_ndim}d"
    _zero = Bad(
        (np.ones((1,) * (_ndim + 1)), 1), errors.ArgumentError, "zero", {"divisor_override": 0}
    )
    for _name, _reference, _samples, _options in (
        ("max_pool", max_pool, max_samples(_ndim),
         {"edges": max_edges(_ndim), "bad": pool_bad(_ndim) + padded_bad(_ndim) + dilated_bad(_ndim)}),
        ("avg_pool", avg_pool, avg_samples(_ndim),
         {"integers": False, "bad": pool_bad(_ndim) + padded_bad(_ndim) + ((_zero,) if _ndim > 1 else ())}),
        ("lp_pool", lp_pool, lp_samples(_ndim), {"integers": False, "bad": (
            *pool_bad(_ndim, 2.0), Bad((np.ones((1,) * (_ndim + 1)), 0, 1), errors.ArgumentError, "norm_type"))}),
        ("adaptive_max_pool", adaptive_max, adaptive_samples(distinct, _ndim, True), {"bad": adaptive_bad(_ndim)}),
        ("adaptive_avg_pool", adaptive_avg, adaptive_samples(normal, _ndim, False),
         {"integers": False, "bad": adaptive_bad(_ndim)}),
        ("max_unpool", max_unpool, unpool_samples(_ndim), {"bad": unpool_bad(_ndim)}),
    ):  # fmt: skip
        ROWS.append(Row(
            f"{_name}{_ndim}d", getattr(F, f"{_name}{_ndim}d"), _reference(_ndim), _samples,
            torch=_path.format(_name), **_options,
        ))  # fmt: skip
