"""Convolutions, transposed convolutions, unfold and fold."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, normal
from tapegrad import errors
from tapegrad.nn import functional as F


def each(value: Any, ndim: int) -> tuple[int, ...]:
    """One number per dimension."""
    found = (value,) if isinstance(value, int) else tuple(value)
    return found * (ndim // len(found))


def windows(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The windows of the padded input, (N, C, *Q, *K)."""
    ndim = len(kernel)
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(each(dilation, ndim), kernel, strict=True)]
        pairs = [(t // 2, t - t // 2) for t in total]
    else:
        pairs = [(n, n) for n in each(0 if padding == "valid" else padding, ndim)]
    x = np.pad(x, [(0, 0), (0, 0), *pairs])
    spans = [d * (k - 1) + 1 for d, k in zip(each(dilation, ndim), kernel, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, ndim + 2)))
    steps = [slice(None, None, n) for n in (*each(stride, ndim), *each(dilation, ndim))]
    return seen[(slice(None), slice(None), *steps)]


def _conv(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    if x.ndim < w.ndim:
        return _conv(x[None], w, b, stride, padding, dilation, groups)[0]
    ndim = x.ndim - 2
    cut = np.split(w, groups)
    parts = []
    for part, weight in zip(np.split(x, groups, 1), cut, strict=True):
        seen = windows(part, w.shape[2:], stride, padding, dilation)
        k = tuple(range(2 + ndim, 2 + 2 * ndim))
        parts.append(
            np.moveaxis(np.tensordot(seen, weight, ((1, *k), tuple(range(1, 2 + ndim)))), -1, 1)
        )
    out = np.concatenate(parts, 1)
    return out if b is None else out + b.reshape(-1, *(1,) * ndim)


def _conv_transpose(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    if x.ndim < w.ndim:
        given = (stride, padding, output_padding, groups, dilation)
        return _conv_transpose(x[None], w, b, *given)[0]
    ndim = x.ndim - 2
    steps, gaps, cuts, more = (each(v, ndim) for v in (stride, dilation, padding, output_padding))
    whole = [
        (n - 1) * s + d * (k - 1) + 1 + m
        for n, k, s, d, m in zip(x.shape[2:], w.shape[2:], steps, gaps, more, strict=True)
    ]
    out = np.zeros((x.shape[0], w.shape[1] * groups, *whole), x.dtype)
    every = (slice(None), slice(None))
    inputs = np.split(x, groups, 1)
    for offset in itertools.product(*map(range, w.shape[2:])):
        place = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(offset, gaps, x.shape[2:], steps, strict=True)
        )
        out[(*every, *place)] += np.concatenate([
            np.einsum("nc...,co->no...", part, weight[(*every, *offset)])
            for part, weight in zip(inputs, np.split(w, groups), strict=True)
        ], 1)  # fmt: skip
    out = out[(*every, *(slice(c, n - c) for c, n in zip(cuts, whole, strict=True)))]
    return out if b is None else out + b.reshape(-1, *(1,) * ndim)


def _unfold(x: Any, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    if x.ndim == 3:
        return _unfold(x[None], kernel, dilation, padding, stride)[0]
    shape = each(kernel, 2)
    seen = windows(x, shape, stride, padding, dilation)  # (N, C, QH, QW, KH, KW)
    columns = seen.transpose(0, 1, 4, 5, 2, 3)
    n, c, *rest = columns.shape
    return columns.reshape(n, c * rest[0] * rest[1], rest[2] * rest[3])


def _fold(
    x: Any, size: Any, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Every column set alone, as the transposed of `_unfold`'s matrix."""
    if x.ndim == 2:
        return _fold(x[None], size, kernel, dilation, padding, stride)[0]
    h, w = each(size, 2)
    c = x.shape[1] // int(np.prod(each(kernel, 2)))
    units = np.eye(c * h * w).reshape(c * h * w, c, h, w)
    matrix = _unfold(units, kernel, dilation, padding, stride)
    return np.einsum("ukl,nkl->nu", matrix, x).reshape(len(x), c, h, w)


def _samples(*calls: Any) -> Any:
    """Samples from (shapes, options): None is no bias."""

    def make(rng: np.random.Generator) -> list[S]:
        return [
            S(tuple(None if s is None else normal(rng, *s) for s in shapes), options)
            for shapes, options in calls
        ]

    return make


CONV1D = _samples(
    (((1, 2, 4), (3, 2, 2), (3,)), {}),
    (((2, 1, 5), (1, 1, 3)), {"stride": 2, "padding": 1}),
    (((2, 4), (2, 2, 3), (2,)), {"padding": "same"}),
    (((2, 4), (2, 2, 2), (2,)), {"padding": "same", "dilation": (2,)}),
    (((1, 1, 6), (2, 1, 2)), {"dilation": 3, "stride": (2,)}),
    (((1, 4, 3), (2, 2, 2), None), {"groups": 2, "padding": (1,)}),
    (((1, 3, 4), (3, 1, 2)), {"groups": 3, "padding": "valid", "stride": 3}),
    (((0, 2, 4), (3, 2, 2), (3,)), {}),
    (((1, 1, 1), (1, 1, 1), (1,)), {}),
    (((1, 2, 3), (2, 2, 1)), {"padding": 2}),
)
CONV2D = _samples(
    (((1, 1, 3, 3), (1, 1, 2, 2), (1,)), {}),
    (((1, 2, 3, 3), (2, 2, 2, 2), (2,)), {"padding": 1}),
    (((1, 1, 4, 5), (1, 1, 2, 2)), {"stride": (2, 3), "padding": (1, 0)}),
    (((1, 1, 4, 4), (1, 1, 2, 3), (1,)), {"dilation": (2, 1), "padding": "same"}),
    (((1, 5, 5), (1, 1, 2, 2), (1,)), {"stride": 2}),
    (((1, 2, 3, 3), (2, 1, 2, 2)), {"groups": 2, "stride": 2, "padding": 1}),
    (((1, 4, 2, 2), (2, 2, 1, 2)), {"groups": 2}),
    (((2, 3, 2, 1), (2, 3, 1, 1), (2,)), {}),
    (((1, 1, 2, 2), (1, 1, 1, 1)), {"stride": 2, "padding": 3}),
    (((0, 2, 3, 3), (3, 2, 2, 2), (3,)), {"stride": 2}),
)
CONV3D = _samples(
    (((1, 1, 2, 3, 2), (1, 1, 2, 2, 1), (1,)), {}),
    (((1, 2, 2, 2, 2), (1, 2, 1, 2, 2)), {"padding": (0, 1, 0), "stride": (1, 2, 1)}),
    (((2, 2, 2, 2), (2, 1, 1, 1, 3), (2,)), {"groups": 2, "padding": "same"}),
    (((1, 1, 3, 1, 3), (1, 1, 2, 1, 2)), {"dilation": (2, 1, 2)}),
    (((0, 1, 2, 2, 2), (1, 1, 2, 2, 2)), {}),
)
TRANSPOSE1D = _samples(
    (((1, 2, 3), (2, 3, 2), (3,)), {}),
    (((2, 1, 3), (1, 1, 3)), {"stride": 2, "padding": 1}),
    (((2, 3), (2, 1, 3), (1,)), {"stride": 2, "output_padding": 1}),
    (((1, 1, 3), (1, 2, 2)), {"dilation": 3, "output_padding": 2, "padding": 1}),
    (((1, 4, 2), (4, 1, 2), (2,)), {"groups": 2, "stride": (3,), "output_padding": (2,)}),
    (((0, 2, 3), (2, 3, 2), (3,)), {"stride": 2}),
    (((1, 2, 3), (2, 2, 1)), {"padding": 1}),
)
TRANSPOSE2D = _samples(
    (((1, 2, 2, 2), (2, 1, 2, 2), (1,)), {}),
    (((1, 1, 2, 3), (1, 2, 2, 2)), {"stride": (2, 1), "padding": 1, "output_padding": (1, 0)}),
    (((2, 2, 2), (2, 1, 2, 2), (2,)), {"groups": 2, "stride": 2}),
    (((1, 1, 2, 2), (1, 1, 2, 3), (1,)), {"stride": 2, "dilation": (3, 1), "output_padding": (2, 1)}),
    (((1, 1, 3, 3), (1, 1, 2, 2)), {"stride": 3, "padding": 2, "dilation": 2}),
    (((0, 2, 2, 2), (2, 1, 2, 2), (1,)), {}),
    (((1, 1, 2, 2), (1, 1, 1, 1)), {"stride": 2, "output_padding": 1}),
)  # fmt: skip
TRANSPOSE3D = _samples(
    (((1, 2, 1, 2, 2), (2, 1, 1, 2, 1), (1,)), {}),
    (((1, 1, 2, 1, 2), (1, 1, 2, 2, 2)), {"stride": (2, 1, 2), "padding": (1, 0, 1), "output_padding": (1, 0, 0)}),
    (((2, 1, 2, 1), (2, 1, 1, 2, 1), (2,)), {"groups": 2, "dilation": 2}),
    (((0, 1, 2, 2, 2), (1, 1, 2, 2, 2)), {"stride": 2}),
)  # fmt: skip


def _unfold_samples(rng: np.random.Generator) -> list[S]:
    x = normal(rng, 1, 2, 3, 4)
    return [
        S((x, 2)), S((x, (2, 3), 1, (1, 0), (2, 1))), S((x[0], 2), {"dilation": (1, 2), "padding": 1}),
        S((normal(rng, 0, 1, 3, 3), 2)), S((x[:, :, ::-1], (3, 1), 1, 0, 2)), S((x, 1)),
    ]  # fmt: skip


def _fold_samples(rng: np.random.Generator) -> list[S]:
    return [
        S((normal(rng, 1, 8, 4), 3, 2)), S((normal(rng, 4, 6), (3, 4), 2)),
        S((normal(rng, 1, 4, 4), (3, 4), (2, 2), 1, (1, 0), 2)), S((normal(rng, 1, 4, 4), 4, 2), {"dilation": 2}),
        S((normal(rng, 0, 4, 4), 3, 2)), S((normal(rng, 2, 1, 6), (2, 3), 1)), S((normal(rng, 4, 4).T, 3, 2)),
    ]  # fmt: skip


def _special(rng: np.random.Generator) -> list[S]:
    """Infinity and NaN reach the results that see them."""
    return [S((np.array([[[1.0, INF, 2.0, 1.0, NAN, 0.0]]]), np.ones((1, 1, 2))))]


INTERNAL = {"conv", "conv_transpose", "conv_weight_grad"}
X1, X2, X3 = np.ones((1, 2, 4)), np.ones((1, 2, 4, 4)), np.ones((1, 2, 3, 3, 3))
W1, W2, W3 = np.ones((4, 2, 2)), np.ones((4, 2, 2, 2)), np.ones((4, 2, 2, 2, 2))
V1, V2, V3 = (w.swapaxes(0, 1) for w in (W1, W2, W3))  # (2, 4, ...), transposed


def bad_of(x: Any, w: Any, transposed: bool) -> tuple[Bad, ...]:
    """What every convolution refuses."""
    shape, argument, dtype = errors.ShapeError, errors.ArgumentError, errors.DtypeError
    whole, text = np.ones(x.shape, np.int64), TEXT.args[0]
    found = [
        Bad((x[0, 0], w), shape, "input must be (N, C, "), Bad((x[None], w), shape, "input must be"),
        Bad((x, w[0]), shape, "weight must have"), Bad((x, w[..., None]), shape, "weight must have"),
        Bad((x[:, :1], w), shape, "channels"), Bad((x, w, np.ones(3)), shape, "bias must be (4,)"),
        Bad((x, w, np.ones((4, 1))), shape, "bias must be (4,)"), Bad((x, w[..., :0]), shape, "no size 0"),
        Bad((x[..., :0], w), shape, "the input" if not transposed else "empty"),
        Bad((x, w), argument, "groups must be", {"groups": 0}), Bad((x, w), argument, "groups must be", {"groups": 1.0}),
        Bad((x, w), shape, "not divisible", {"groups": 3}), Bad((x, w), argument, "stride must be", {"stride": 0}),
        Bad((x, w), argument, "stride must be", {"stride": 1.5}), Bad((x, w), argument, "stride must be", {"stride": (1,) * 4}),
        Bad((x, w), argument, "padding must be", {"padding": -1}), Bad((x, w), argument, "dilation must be", {"dilation": 0}),
        Bad((x, w), argument, "dilation must be", {"dilation": "a"}), Bad((x, w), argument, "stride must be", {"stride": ()}),
        Bad((whole, w), dtype, "input is int64"), Bad((x, w, np.ones(4, np.float32)), dtype, "bias is float32"),
        Bad((whole > 0, np.ones(w.shape, bool)), dtype, "not defined for bool"),
        Bad((text, w), dtype, "must be a tensor"), Bad((x, text), dtype, "weight must be a tensor"),
        Bad((x, w, 1.0), dtype, "bias must be a tensor"),
    ]  # fmt: skip
    if transposed:
        return (
            *found, Bad((x, w), argument, "padding must be", {"padding": "same"}),
            Bad((x, w), argument, "output_padding must be", {"output_padding": -1}),
            Bad((x, w), argument, "output_padding must be smaller", {"output_padding": 2, "stride": 2}),
            Bad((x[..., :1], w), shape, "leaves nothing", {"padding": 1}),
        )  # fmt: skip
    return (
        *found, Bad((x, w[:3]), shape, "not divisible", {"groups": 2}), Bad((x, w), argument, "'same' or 'valid'", {"padding": "full"}),
        Bad((x, w), argument, "no meaning with stride", {"padding": "same", "stride": 2}),
        Bad((x[..., :1], w), shape, "larger than the input"), Bad((x, w), shape, "larger than the input", {"dilation": 4}),
        Bad((x[..., :0], w), shape, "only the batch", {"padding": 1}), Bad((x, w[:0]), shape, "no size 0"),
    )  # fmt: skip


A, SH = errors.ArgumentError, errors.ShapeError
ROWS = [
    Row("conv1d", tg.conv1d, _conv, CONV1D, _special, torch="nn.functional.conv1d", bad=bad_of(X1, W1, False), complex=3),
    Row("conv2d", tg.conv2d, _conv, CONV2D, torch="nn.functional.conv2d", bad=bad_of(X2, W2, False), complex=3),
    Row("conv3d", tg.conv3d, _conv, CONV3D, torch="nn.functional.conv3d", bad=bad_of(X3, W3, False), complex=3),
    Row("conv_transpose1d", tg.conv_transpose1d, _conv_transpose, TRANSPOSE1D, bad=bad_of(X1, V1, True), complex=3),
    Row("conv_transpose2d", tg.conv_transpose2d, _conv_transpose, TRANSPOSE2D, bad=bad_of(X2, V2, True), complex=3),
    Row("conv_transpose3d", tg.conv_transpose3d, _conv_transpose, TRANSPOSE3D, bad=bad_of(X3, V3, True), complex=3),
    Row("im2col", F.unfold, _unfold, _unfold_samples, torch="nn.functional.unfold", bad=(
        Bad((X1[0], 2), SH, "input must be"), Bad((X3, 2), SH, "input must be"), Bad((X2, 5), SH, "larger than the input"),
        Bad((X2, 2, 4), SH, "larger than the input"), Bad((X2, 0), A, "kernel_size must be"), Bad((X2, (2, 2, 2)), A, "kernel_size must be"),
        Bad((X2, "a"), A, "kernel_size must be"), Bad((X2, 2, 0), A, "dilation must be"), Bad((X2, 2, 1, -1), A, "padding must be"),
        Bad((X2, 2, 1, 0, 0), A, "stride must be"), Bad((X2, 2, 1, "same"), A, "padding must be"), Bad((X2[:, :0], 2), SH, "only the batch"),
        Bad((X2[..., :0], 2), SH, "only the batch"), Bad(("text", 2), errors.DtypeError, "must be a tensor")), complex=3),
    Row("col2im", F.fold, _fold, _fold_samples, torch="nn.functional.fold", bad=(
        Bad((np.ones(4), 2, 2), SH, "input must be"), Bad((X2, 2, 2), SH, "input must be"), Bad((np.ones((1, 7, 9)), 4, 2), SH, "not divisible"),
        Bad((np.ones((1, 8, 8)), 4, 2), SH, "8 columns"), Bad((np.ones((1, 8, 9)), 1, 2), SH, "9 columns"), Bad((np.ones((1, 8, 0)), 4, 2), SH, "no size 0"),
        Bad((np.ones((1, 8, 9)), 0, 2), A, "output_size must be"), Bad((np.ones((1, 8, 9)), (4, 4, 4), 2), A, "output_size must be"),
        Bad((np.ones((1, 8, 9)), 4, 0), A, "kernel_size must be"), Bad((np.ones((1, 8, 9)), 4, 2, 0), A, "dilation must be"),
        Bad((np.ones((1, 8, 9)), 4, 2, 1, -1), A, "padding must be"), Bad((np.ones((1, 8, 9)), 4, 2, 1, 0, 0), A, "stride must be"),
        Bad((np.ones((1, 8, 9)), 4, 2, 2), SH, "9 columns"), Bad(("text", 2, 2), errors.DtypeError, "must be a tensor")), complex=3),
]  # fmt: skip
