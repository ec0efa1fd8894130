"""Maxima over windows at pseudo-random distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rows import NAN, Bad, Row, S, Sample, distinct
from tapegrad import errors
from tapegrad.nn import functional as F


def _begin(u: float, n: int, count: int, k: int) -> list[int]:
    """The first positions of all windows, in the precision of u."""
    kind = type(u)
    step = kind(n - k) / kind(max(count - 1, 1))
    inner = [int((kind(i) + u) * step) - int(u * step) for i in range(count - 1)]
    return [*inner, n - k] if count else []


def _reference(ndim: int) -> Callable[..., Any]:
    def reference(
        x: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> Any:  # fmt: skip
        k = (kernel_size,) * ndim if isinstance(kernel_size, int) else kernel_size
        plane = x.shape[-ndim:]
        if output_size is None:
            output_size = [int(n * r) for n, r in zip(plane, output_ratio, strict=True)]
        counts = (output_size,) * ndim if isinstance(output_size, int) else output_size
        images = x.reshape(-1, *plane)
        samples = _random_samples[: len(x)] if x.ndim == ndim + 2 else _random_samples
        u = samples.reshape(-1, ndim)
        out = np.zeros((len(images), *counts), x.dtype)
        index = np.zeros(out.shape, np.int64)
        for row, image in enumerate(images):
            order = u[row, ::-1] if ndim == 2 else u[row]
            starts = [
                _begin(*given)
                for given in zip(order.astype(x.dtype), plane, counts, k, strict=True)
            ]
            for place in np.ndindex(*counts):
                spans = [range(b[i], b[i] + w) for b, i, w in zip(starts, place, k, strict=True)]
                at = np.ravel_multi_index(np.ix_(*spans), plane).ravel()
                values = image.ravel()[at]
                nan = np.flatnonzero(np.isnan(values))
                best = nan[-1] if nan.size else values.argmax()
                out[(row, *place)], index[(row, *place)] = values[best], at[best]
        shape = (*x.shape[:-ndim], *counts)
        return (out.reshape(shape), index.reshape(shape)) if return_indices else out.reshape(shape)

    return reference


def _samples(ndim: int) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        def one(plane: tuple[int, ...], *lead: int, **options: Any) -> Sample:
            u = rng.random((*(lead if len(lead) == 2 else (1, *lead)), ndim))
            x = distinct(rng, *lead, *plane[:ndim])
            return S((x, options.pop("kernel")), {**options, "_random_samples": u})

        plane = (5, 6, 4) if ndim == 2 else (6, 7, 5)
        return [
            one(plane, 2, 2, kernel=2, output_size=3), one(plane, 1, kernel=2, output_size=2),
            one(plane, 1, 2, kernel=(2, 3, 1)[:ndim], output_size=(2, 3, 4)[:ndim], return_indices=True),
            one(plane, 1, 1, kernel=2, output_ratio=(0.5, 0.4, 0.7)[:ndim]), one(plane, 0, 2, kernel=2, output_size=2),
            one(plane, 1, 1, kernel=4, output_size=1, return_indices=True), one((3, 4, 4) if ndim == 2 else (4, 5, 4), 1, 1, kernel=1, output_size=3),
            one(plane, 1, 1, kernel=2, output_size=0),
        ]  # fmt: skip

    return samples


def _edges(ndim: int) -> Callable[[np.random.Generator], list[Sample]]:
    def edges(rng: np.random.Generator) -> list[Sample]:
        x = rng.integers(0, 3, (2, 2, *(5, 6, 5)[:ndim])).astype(float)
        some = np.where(rng.random(x.shape) < 0.2, NAN, x)
        options = {"output_size": 3, "return_indices": True}
        return [
            S((a, 2), {**options, "_random_samples": rng.random((3, 2, ndim))})
            for a in (x, some, np.full_like(x, -np.inf))
        ]

    return edges


def _bad(ndim: int) -> tuple[Bad, ...]:
    x, u = np.ones((1, 2, *(4,) * ndim)), np.ones((1, 2, ndim))
    return (
        Bad((x, 2), errors.ArgumentError, "one of"), Bad((x, 2, 2, 0.5), errors.ArgumentError, "one of"),
        Bad((x, 2, None, 1.5), errors.ArgumentError, "output_ratio"), Bad((x, 2, 4), errors.ShapeError, "do not fit"),
        Bad((x, 2, None, (0.5,)), errors.ArgumentError, "output_ratio"), Bad((x, 0, 2), errors.ArgumentError, "kernel_size"),
        Bad((x[0, 0], 2, 2), errors.ShapeError, "dimensions"), Bad((x[:, :0], 2, 2), errors.ShapeError, "empty"),
        Bad((x.astype(int), 2, 2), errors.DtypeError, "floating"), Bad(("x", 2, 2), errors.DtypeError, "tensor"),
        Bad((x, 2, 2), errors.ShapeError, "_random_samples", {"_random_samples": u[..., :1]}),
        Bad((x, 2, 2), errors.ShapeError, "_random_samples", {"_random_samples": u[:, :1]}),
        Bad((x, 2, 2), errors.DtypeError, "_random_samples", {"_random_samples": u.astype("f4")}),
    )  # fmt: skip


ROWS = [
    Row(f"fractional_max_pool{n}d", getattr(F, f"fractional_max_pool{n}d"), _reference(n), _samples(n), _edges(n),
        torch=f"nn.functional.fractional_max_pool{n}d", integers=False, bad=_bad(n))
    for n in (2, 3)
]  # fmt: skip
