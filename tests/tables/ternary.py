"""Functions of three operands that broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, Bad, Row, S, Sample, apart, away, grid, ints, pairs
from tapegrad import errors

WHOLE = np.ones(2, int)
ONES = np.ones(2)
SHAPES = [
    ((2, 3), (2, 3), (2, 3)), ((2, 3), (3,), (2, 1)), ((3,), (2, 3), ()), ((), (), ()), ((1,), (3,), (2, 1)),
    ((), (2,), (2,)), ((0, 3), (3,), (1, 3)), ((2, 3), (), (1, 1)),
]  # fmt: skip


def _triples(*makers: Any) -> Any:
    """Samples of three tensors: same shape, broadcast every way, 0-d, empty, other strides."""

    def make(rng: np.random.Generator) -> list[Sample]:
        out = [
            S(tuple(maker(rng, *s) for maker, s in zip(makers, shapes, strict=True)))
            for shapes in SHAPES
        ]
        a, b, c = makers
        return [*out, S((a(rng, 3, 2)[::-1], b(rng, 2, 3).T, c(rng, 3, 2)[:, ::-1]))]

    return make


def _weight(rng: np.random.Generator, *shape: int) -> Any:
    """Weights on both sides of 0.5, inside and outside of 0 to 1."""
    return rng.choice([-0.7, -0.3, 0.2, 0.45, 0.6, 1.4], shape) + rng.uniform(0, 0.04, shape)


def _lerp_samples(rng: np.random.Generator) -> list[Sample]:
    out = _triples(away, away, _weight)(rng)
    for weight in (0.25, 0.75, 0, 1, -2, True):
        out.append(S((away(rng, 2, 3), away(rng, 3), weight)))
    return [*out, S((away(rng, 3), away(rng, 3), np.array(2))), S((away(rng), away(rng, 2), 0.3))]


def _lerp_edges(rng: np.random.Generator) -> list[Sample]:
    x, y = np.array([-INF, 0.0, INF, NAN, 1.0, 0.1]), np.array([0.0, INF, INF, 1.0, 3.0, 0.7])
    w = np.array([0.3, 0.3, 0.7, 0.5, 1.0, 1.0])
    return [S((x, y, w)), S((x, y, 0.5)), S((x, y, 1.0)), S((x, y, 0.0)), S((x, y, INF))]


def _lerp_reference(x: Any, y: Any, w: Any) -> Any:
    return np.where(
        np.abs(w) < 0.5,
        x + w * (y - x),
        y - (y - x) * (1 - np.asarray(w, np.result_type(w, float))),
    )


def _addcmul_samples(rng: np.random.Generator) -> list[Sample]:
    x, y, z = away(rng, 2, 3), away(rng, 3), away(rng, 2, 1)
    return [
        *_triples(away, away, away)(rng), S((x, y, z), {"value": -2}), S((x, y, z), {"value": 0.5}),
        S((ints(rng, 3), ints(rng, 3), ints(rng, 1)), {"value": 3}), S((x, ints(rng, 3), y)),
    ]  # fmt: skip


def _addcdiv_samples(rng: np.random.Generator) -> list[Sample]:
    x, y, z = away(rng, 2, 3), away(rng, 3), away(rng, 2, 1)
    return [
        *_triples(away, away, away)(rng), S((x, y, z), {"value": -2}), S((x, y, z), {"value": 0.5}),
        S((x, ints(rng, 3), y)), S((ints(rng, 3), x, y)),
    ]  # fmt: skip


def _three_edges(rng: np.random.Generator) -> list[Sample]:
    values = np.array([0.0, 1.0, -2.0, INF, NAN])
    x, y, z = (m.ravel() for m in np.meshgrid(values, values, values))
    return [S((x, y, z)), S((x, y, z), {"value": 0.5})]


def _masked_fill_samples(rng: np.random.Generator) -> list[Sample]:
    x = away(rng, 2, 3)
    m = np.array([[True, False, True], [False, False, True]])
    return [
        S((x, m, 1.5)), S((x, m[0], -2)), S((x, m[:, :1], True)), S((x[0], m, 0.0)), S((x, m, away(rng))),
        S((x[0], m, away(rng))), S((x, m, np.array(3))), S((away(rng), np.array(True), 2.0)),
        S((away(rng, 0, 3), m[0], 1.0)), S((x.T[::-1], m.T, 0.25)), S((ints(rng, 2, 3), m, 7)),
        S((ints(rng, 2, 3), m, 2.5)), S((np.array([3, 5, 7], np.uint8), m[0], -1)), S((m, m[0], 2)),
        S((ints(rng, 3), m[0], np.array(7, np.int8))), S((away(rng), m[0], 2.0)),
    ]  # fmt: skip


def _masked_fill_reference(x: Any, mask: Any, value: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask)
    out = x.copy()
    out[mask] = np.asarray(value).astype(x.dtype)
    return out


def _masked_fill_edges(rng: np.random.Generator) -> list[Sample]:
    x, m = np.array([NAN, INF, 1.0, 2.0]), np.array([True, True, False, True])
    return [S((x, m, NAN)), S((x, m, -INF)), S((x, m, np.array(NAN))), S((x, ~m, 0.0))]


def _clamped(name: str, function: Any) -> Row:
    return Row(
        name, getattr(tg, name), function,
        lambda rng: [s for s in pairs(grid, apart, (0.25,))(rng) if isinstance(s.args[0], np.ndarray)],
        lambda rng: [
            S((np.array([0.0, 1.0, -1.0, INF, -INF, NAN]), bound)) for bound in (1.0, NAN, INF, -INF)
        ] + [S((np.array([0.0, 1.0, NAN, 2.0, 2.0]), np.array([0.0, NAN, 1.0, 1.0, 3.0])))],
        method=name, inplace=f"{name}_", broadcast=True, bad=(
            Bad((np.ones(2), np.ones(3)), errors.ShapeError, "broadcast"),
            Bad((np.ones(2), None), errors.ArgumentError, "at least one of min and max"),
            Bad((np.ones(2), "two"), errors.DtypeError, "must be a tensor")),
    )  # fmt: skip


ROWS = [
    Row("lerp", tg.lerp, _lerp_reference, _lerp_samples, _lerp_edges, method="lerp", inplace="lerp_",
        integers=False, bad=(
            Bad((WHOLE, WHOLE, 0.5), errors.DtypeError, "lerp: input must be floating"),
            Bad((ONES, ONES.astype("f4"), 0.5), errors.DtypeError, "lerp: dtypes differ"),
            Bad((ONES, ONES, ONES.astype("f4")), errors.DtypeError, "and weight float32"),
            Bad((ONES, 1.0, 0.5), errors.DtypeError, "end must be a tensor"),
            Bad((ONES, ONES, "x"), errors.DtypeError, "weight must be a tensor"),
            Bad((ONES, ONES, 2j), errors.DtypeError, "takes a real number"),
            Bad((ONES, np.ones(3), 0.5), errors.ShapeError, "broadcast"),
            Bad((ONES, ONES, np.ones(3)), errors.ShapeError, "broadcast")), complex=3),
    Row("addcmul", tg.addcmul, lambda x, y, z, value=1: x + value * y * z, _addcmul_samples,
        _three_edges, method="addcmul", inplace="addcmul_", bad=(
            Bad((WHOLE > 0, WHOLE > 0, WHOLE > 0), errors.DtypeError, "addcmul: not defined for bool"),
            Bad((WHOLE, WHOLE, WHOLE), errors.ArgumentError, "number inf is beyond", {"value": INF}),
            Bad((ONES, 2.0, ONES), errors.DtypeError, "tensor1 must be a tensor"),
            Bad((ONES, ONES, "x"), errors.DtypeError, "tensor2 must be a tensor"),
            Bad((2.0, ONES, ONES), errors.DtypeError, "input must be a tensor"),
            Bad((ONES, ONES, ONES), errors.DtypeError, "takes a real number", {"value": 2j}),
            Bad((ONES, ONES, np.ones(3)), errors.ShapeError, "broadcast")), complex=3),
    Row("addcdiv", tg.addcdiv, lambda x, y, z, value=1: x + value * (y / z), _addcdiv_samples,
        _three_edges, method="addcdiv", inplace="addcdiv_", integers=False, bad=(
            Bad((ONES, WHOLE, WHOLE), errors.DtypeError, "addcdiv: integers are not divided"),
            Bad((ONES, WHOLE > 0, WHOLE), errors.DtypeError, "addcdiv: integers are not divided"),
            Bad((ONES, 2.0, ONES), errors.DtypeError, "tensor1 must be a tensor"),
            Bad((ONES, ONES, ONES), errors.DtypeError, "value must be a number", {"value": "x"}),
            Bad((ONES, ONES, np.ones(3)), errors.ShapeError, "broadcast")), complex=3),
    Row("masked_fill", tg.masked_fill, _masked_fill_reference, _masked_fill_samples,
        _masked_fill_edges, method="masked_fill", inplace="masked_fill_", bad=(
            Bad((ONES, WHOLE, 0.0), errors.DtypeError, "mask must be a bool tensor"),
            Bad((ONES, [True, False], 0.0), errors.DtypeError, "mask must be a tensor"),
            Bad((ONES, WHOLE > 0, ONES), errors.ShapeError, "0-d tensor, got shape (2,)"),
            Bad((ONES, np.ones(3, bool), 0.0), errors.ShapeError, "broadcast"),
            Bad((ONES, WHOLE > 0, 2j), errors.DtypeError, "real number"), Bad((ONES, WHOLE > 0, np.array(2j)), errors.DtypeError, "must be real"),
            Bad((ONES, WHOLE > 0, "x"), errors.DtypeError, "value must be a tensor"),
            Bad((WHOLE, WHOLE > 0, INF), errors.ArgumentError, "beyond the range of int64"),
            Bad((WHOLE, WHOLE > 0, NAN), errors.ArgumentError, "beyond the range of int64"),
            Bad((ONES.astype("u1"), WHOLE > 0, 300), errors.ArgumentError, "beyond the range of uint8"),
            Bad((ONES.astype("f4"), WHOLE > 0, 1e300), errors.ArgumentError, "range of float32")), complex=3),
    _clamped("clamp_min", np.maximum),
    _clamped("clamp_max", np.minimum),
]  # fmt: skip
