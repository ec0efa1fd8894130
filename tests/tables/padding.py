"""Padding, shuffling of pixels and channels, one-hot codes."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, normal, shaped
from tables.arrange import ONE, V, X, ints
from tapegrad import errors
from tapegrad.nn import functional as F

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    added = [(max(a, 0), max(b, 0)) for a, b in pairs]

    def cut(array: Any) -> Any:
        ends = zip(array.shape, pairs, strict=True)
        return array[(*(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in ends), ...)]

    if not pairs:
        return x
    if mode == "constant":
        return np.pad(cut(x), added, constant_values=value or 0)
    return (
        np.pad(cut(x), added, "wrap") if mode == "circular" else cut(np.pad(x, added, MODES[mode]))
    )


def _pixel_shuffle(x: Any, r: int) -> Any:
    *rest, c, h, w = x.shape
    out = np.zeros((*rest, c // r**2, h * r, w * r), x.dtype)
    for i in range(r):
        for j in range(r):
            out[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return out


def _pixel_unshuffle(x: Any, r: int) -> Any:
    *rest, c, h, w = x.shape
    out = np.zeros((*rest, c * r**2, h // r, w // r), x.dtype)
    for i in range(r):
        for j in range(r):
            out[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return out


def _channel_shuffle(x: Any, groups: int) -> Any:
    each = x.shape[1] // groups
    order = [j * each + i for i in range(each) for j in range(groups)]
    return x[:, order]


def _one_hot(x: Any, num_classes: int = -1) -> Any:
    return np.eye(int(x.max()) + 1 if num_classes == -1 else num_classes, dtype=np.int64)[x]


def constant_samples(rng: np.random.Generator) -> list[S]:
    """Constants on some sides, cut off on others."""
    x = normal(rng, 2, 3)
    return [
        S((x, (1, 2))), S((x, (1, 0, 0, 2)), {"value": 1.5}), S((x, (-1, 2, 1, -1))), S((x, (-1, -1))),
        S((x, (0, 0))), S((x, ())), S((normal(rng, 0, 2), (1, 1, 2, 0))), S((normal(rng), ())),
        S((x[::-1].T, (1, 1), "constant", 2.0)), S((x, (-1, -2))), S((normal(rng, 2, 2, 2), (0, 0, 1, 1))),
    ]  # fmt: skip


def repeated_samples(rng: np.random.Generator) -> list[S]:
    """The modes that repeat elements, as far as they go, on one to three dimensions."""
    x, y, z = normal(rng, 2, 3), normal(rng, 1, 3, 4), normal(rng, 1, 2, 2, 2)
    out = [S((x, pad, mode)) for mode in MODES for pad in
           ((1, 1), (2, 0), (0, 2), (0, 0), (-1, 1), (2, -1), (-1, -1))]  # fmt: skip
    out += [S((y, (1, 2, 2, 1), mode)) for mode in MODES]
    out += [S((y, (1, 2), mode)) for mode in MODES]
    out += [S((z, (1, 0, 0, 1, 1, 1), mode)) for mode in MODES]
    out += [
        S((x, (3, 3), "circular")),
        S((x, (5, 4), "replicate")),
        S((normal(rng, 2, 1), (0, 0), "reflect")),
    ]
    out += [
        S((normal(rng, 2, 1), (2, 2), "replicate")),
        S((normal(rng, 0, 2, 3), (1, 1), "reflect")),
    ]
    return out


INTERNAL = {"pad_along", "unpad_along"}
W = np.ones((2, 3, 4))
SHUFFLED = np.ones((1, 4, 2, 2))

ROWS = [
    Row("pad", F.pad, _pad, constant_samples, lambda rng: [
            S((np.array([[NAN, INF]]), (1, 1))), S((np.array([1.0, 2.0]), (1, 1)), {"value": NAN}),
            S((np.array([1.0, 2.0]), (1, -1)), {"value": -INF})],
        torch="nn.functional.pad", bad=(
            Bad((X, (1,)), errors.ArgumentError, "pairs"), Bad((X, (1,) * 6), errors.ArgumentError, "pairs"),
            Bad((X, (-2, -2)), errors.ShapeError, "cut more off"), Bad((X, (-4, 4)), errors.ShapeError, "cut more off"),
            Bad((X, (1.0, 1)), errors.ArgumentError, "ints"), Bad((X, (1, 1), "what"), errors.ArgumentError, "mode"),
            Bad((X, (1, 1), "constant", "a"), errors.ArgumentError, "value"), TEXT._replace(args=("text", (1, 1)))), complex=3),
    Row("pad_repeated", F.pad, _pad, repeated_samples, torch="nn.functional.pad", bad=(
        Bad((X, (1, 1), "circular", 1.0), errors.ArgumentError, "takes no value"),
        Bad((V, (1, 1), "reflect"), errors.ShapeError, "2 widths"), Bad((X, (1,) * 4, "reflect"), errors.ShapeError, "4 widths"),
        Bad((X[None, None], (1, 1), "replicate"), errors.ShapeError, "2 widths"),
        Bad((X, (3, 0), "reflect"), errors.ShapeError, "do not fit"), Bad((X, (4, 0), "circular"), errors.ShapeError, "do not fit"),
        Bad((X, (-1, -2), "replicate"), errors.ShapeError, "do not fit"),
        Bad((np.ones((2, 0)), (1, 1), "replicate"), errors.ShapeError, "elements to repeat"),
        Bad((np.ones((2, 0)), (1, 1), "circular"), errors.ShapeError, "do not fit"),
        Bad((np.ones((0, 3)), (1, 1), "reflect"), errors.ShapeError, "elements to repeat"),
        Bad((W, (1, 1, 2, 3), "reflect"), errors.ShapeError, "do not fit")), complex=3),
    Row("pixel_shuffle", tg.pixel_shuffle, _pixel_shuffle,
        shaped(((1, 4, 1, 2), 2), ((8, 2, 1), 2), ((2, 3, 2), 1), ((0, 1, 1), 2), ((2, 1, 9, 1, 1), 3)),
        bad=(Bad((X, 2), errors.ShapeError, "three dimensions"), Bad((SHUFFLED, 3), errors.ShapeError, "not divisible"),
             Bad((SHUFFLED, 0), errors.ArgumentError, "positive"), Bad((SHUFFLED, -1), errors.ArgumentError, "positive"),
             Bad((SHUFFLED, 2.0), errors.ArgumentError, "ints")), complex=3),
    Row("pixel_unshuffle", tg.pixel_unshuffle, _pixel_unshuffle,
        shaped(((1, 2, 2, 4), 2), ((2, 2, 2), 2), ((2, 3, 2), 1), ((1, 3, 3), 3)),
        bad=(Bad((X, 2), errors.ShapeError, "three dimensions"), Bad((W, 2), errors.ShapeError, "not divisible"),
             Bad((SHUFFLED, 0), errors.ArgumentError, "positive"), Bad((SHUFFLED, "a"), errors.ArgumentError, "ints")), complex=3),
    Row("channel_shuffle", tg.channel_shuffle, _channel_shuffle,
        shaped(((1, 4, 2), 2), ((2, 6, 1, 1), 3), ((1, 3, 2), 1), ((1, 3, 2), 3), ((0, 4, 1), 2)),
        bad=(Bad((X, 3), errors.ShapeError, "three dimensions"), Bad((SHUFFLED, 3), errors.ShapeError, "not divisible"),
             Bad((SHUFFLED, 0), errors.ArgumentError, "positive"), Bad((SHUFFLED, 2.0), errors.ArgumentError, "ints")), complex=3),
    Row("one_hot", F.one_hot, _one_hot, lambda rng: [
            S((ints(0, 2, 1),)), S((ints(0, 2, 1), 5)), S((np.array(2),)), S((ints(0, 1, 1, 3).reshape(2, 2),)),
            S((ints(), 3))],
        torch="nn.functional.one_hot", differentiable=False, bad=(
            Bad((ints(0, 2), 2), errors.ArgumentError, "not below"), Bad((ints(0, 2), 0), errors.ArgumentError, "not below"),
            Bad((ints(0, -1),), errors.ArgumentError, "negative"), Bad((ints(0, 1), -2), errors.ArgumentError, "not below"),
            Bad((V,), errors.DtypeError, "int64"), Bad((np.array([1], np.int32),), errors.DtypeError, "int64"),
            Bad((ints(),), errors.ArgumentError, "must be given"), Bad((ints(1), 2.0), errors.ArgumentError, "ints"),
            Bad((np.array([True]),), errors.DtypeError, "int64"), Bad((ONE,), errors.DtypeError, "int64"))),
]  # fmt: skip
