"""Order: sorting, searching, ranking."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, NO_DIM, TEXT, Bad, Row, S, Sample, distinct, normal
from tapegrad import errors


def _sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    order = _argsort(x, dim, descending)
    return np.take_along_axis(np.atleast_1d(x), np.atleast_1d(order), dim).reshape(x.shape), order


def _argsort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # by number of larger elements and of equal ones before: slow, but plainly the definition
    x = np.moveaxis(x, dim, -1)
    a, b = x[..., :, None], x[..., None, :]  # does b come before a?
    larger = (b > a) | (np.isnan(b) & ~np.isnan(a))
    equal = (b == a) | (np.isnan(b) & np.isnan(a))
    before = np.arange(x.shape[-1])[None, :] < np.arange(x.shape[-1])[:, None]
    rank = np.sum(larger | (equal & before), axis=-1)
    order = np.zeros(x.shape, np.int64)
    np.put_along_axis(order, rank, np.broadcast_to(np.arange(x.shape[-1]), x.shape), -1)
    return np.moveaxis(order, -1, dim)


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    values, order = _sort(x, dim, largest)
    return tuple(np.take(a, range(k), dim) if x.ndim else a for a in (values, order))


def _kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    at = [k - 1] if keepdim else k - 1
    return tuple(np.take(a, at, dim) if x.ndim else a for a in _sort(x, dim))


def _searchsorted(
    s: Any,
    v: Any,
    out_int32: bool = False,
    right: bool = False,
    side: Any = None,
    sorter: Any = None,
) -> Any:
    if sorter is not None:
        s = np.take_along_axis(s, sorter, -1)
    before = s[..., None, :] <= np.asarray(v)[..., None]
    if not (right or side == "right"):
        before = s[..., None, :] < np.asarray(v)[..., None]
    if s.ndim == 1:
        v = np.asarray(v)
        before = (s <= v[..., None]) if right or side == "right" else (s < v[..., None])
    count = np.where(np.isnan(v), s.shape[-1], np.sum(before, axis=-1))
    return count.astype(np.int32 if out_int32 else np.int64)


def _bucketize(x: Any, boundaries: Any, out_int32: bool = False, right: bool = False) -> Any:
    return _searchsorted(boundaries, x, out_int32, right)


def _unique(
    x: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: Any = None,
) -> Any:
    found = np.unique(x, False, True, True, dim, equal_nan=False)
    inverse = found[1].reshape(-1) if dim is not None else found[1].reshape(x.shape)
    parts = [
        found[0],
        *([inverse] if return_inverse else []),
        *([found[2]] if return_counts else []),
    ]
    return tuple(parts) if len(parts) > 1 else parts[0]


def _unique_consecutive(
    x: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    rows = x.reshape(-1, 1) if dim is None else np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
    same = [i > 0 and bool(np.all(rows[i] == rows[i - 1])) for i in range(len(rows))]
    first = [i for i, s in enumerate(same) if not s]
    values = x.reshape(-1)[first] if dim is None else np.take(x, first, dim)
    inverse = np.cumsum(~np.array(same, bool)) - 1
    counts = np.diff([*first, len(rows)])
    if dim is None:
        inverse = inverse.reshape(x.shape)
    parts = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    return tuple(parts) if len(parts) > 1 else parts[0]


def _sorts(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 2, 3, 2)
    return [
        S((x,)), S((x, 1)), S((x, -3, True)), S((x,), {"stable": True}), S((x,), {"dim": 1, "descending": True, "stable": True}),
        S((distinct(rng),)), S((distinct(rng, 1), 0)), S((distinct(rng, 0, 2), 0)), S((distinct(rng, 2, 0),)),
        S((distinct(rng, 4, 3)[::-1, ::-1], 0)), S((distinct(rng, 40),)), S((distinct(rng, 40), 0, True)),
    ]  # fmt: skip


def _sort_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[2.0, NAN, 1.0, 2.0, INF, NAN, -INF, 1.0, 0.0, -0.0]] * 3)
    x[1] = 3.0
    options = [{"dim": 1}, {"dim": -1, "descending": True}, {"dim": 0}]
    return [S((x,), {"stable": True, **o}) for o in options]


def _matrices(rng: np.random.Generator) -> list[Sample]:
    return [S((distinct(rng, 3, 2),)), S((distinct(rng),)), S((distinct(rng, 4)[::-1],)), S((distinct(rng, 0, 2),))]  # fmt: skip


def _tops(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 4, 5, 2)
    return [
        S((x, 2)), S((x, 3, 1)), S((x, 1, 0, False)), S((x, 2, 1, False, True)), S((x, 5, 1)), S((x, 0, 1)),
        S((x, 1, -2)), S((distinct(rng), 1)), S((distinct(rng, 1), 1)), S((distinct(rng, 6, 3)[::-2], 2, 0)),
        S((distinct(rng, 2, 0), 0)), S((distinct(rng, 50), 7)), S((distinct(rng, 50), 7, 0, False)),
    ]  # fmt: skip


def _top_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([2.0, NAN, 1.0, INF, -INF])
    return [S((x, k, -1, largest)) for k in (1, 2, 4) for largest in (True, False)]


def _kths(rng: np.random.Generator) -> list[Sample]:
    x = distinct(rng, 4, 5, 2)
    return [
        S((x, 2)), S((x, 1, 1)), S((x, 5, 1, True)), S((x, 3), {"dim": 0, "keepdim": True}),
        S((distinct(rng), 1)), S((distinct(rng, 1), 1)), S((distinct(rng, 6, 3)[::-2], 2, 0)),
        S((distinct(rng, 0, 2), 1)),
    ]  # fmt: skip


def _kth_edges(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array([2.0, NAN, 1.0, INF, -INF]), k)) for k in (1, 3, 5)]


def _searches(rng: np.random.Generator) -> list[Sample]:
    s, v = np.sort(normal(rng, 5)), normal(rng, 2, 3)
    rows, values = np.sort(normal(rng, 2, 3, 5)), normal(rng, 2, 3, 4)
    shuffled = normal(rng, 2, 7)
    return [
        S((s, v)), S((s, v), {"right": True}), S((s, v), {"side": "right", "out_int32": True}),
        S((s, v), {"side": "left"}), S((s, normal(rng))), S((s, normal(rng, 0))), S((s[:0], v)),
        S((rows, values)), S((rows, values), {"right": True}), S((rows[..., :0], values)),
        S((rows, values[..., :0])), S((rows[..., :1], values)), S((s[::-1].copy()[::-1], v[::-1, ::-1])),
        S((shuffled, normal(rng, 2, 3)), {"sorter": np.argsort(shuffled)}),
        S((shuffled[0], normal(rng, 3)), {"sorter": np.argsort(shuffled[0])}),
        S((s, 0.5)), S((s, -100)), S((np.array([1, 3, 5]), 3.5)), S((np.array([1, 3, 5]), np.array([0, 3]))),
    ]  # fmt: skip


def _search_edges(rng: np.random.Generator) -> list[Sample]:
    s = np.array([-INF, 1.0, 1.0, 2.0, 2.0, 2.0, INF])
    v = np.array([-INF, INF, NAN, 1.0, 2.0, 1.5])
    options: list[dict[str, Any]] = [{}, {"right": True}]
    return [
        S(args, o) for o in options for args in ((s, v), (np.stack([s, s + 1]), np.stack([v, v])))
    ]


def _buckets(rng: np.random.Generator) -> list[Sample]:
    b = np.sort(normal(rng, 5))
    return [
        S((normal(rng, 2, 3), b)), S((normal(rng), b), {"right": True}), S((normal(rng, 0), b)),
        S((normal(rng, 4)[::-1], b), {"out_int32": True}), S((0.25, b)), S((normal(rng, 2), b[:0])),
        S((b, b)), S((b, b), {"right": True}),
    ]  # fmt: skip


def _few(rng: np.random.Generator, *shape: int) -> Any:
    return np.round(rng.uniform(-1, 1, shape)) + 0.0


def _uniques(rng: np.random.Generator) -> list[Sample]:
    everything = {"return_inverse": True, "return_counts": True}
    x = _few(rng, 4, 3, 2)
    return [
        S((x,)), S((x,), everything), S((x,), {"return_inverse": True}), S((x,), {"return_counts": True}),
        S((_few(rng),), everything), S((_few(rng, 0, 2),), everything), S((_few(rng, 1),), everything),
        S((_few(rng, 12, 2),), {"dim": 0, **everything}), S((_few(rng, 2, 12),), {"dim": -1, **everything}),
        S((_few(rng, 2, 9, 1),), {"dim": 1, **everything}), S((_few(rng, 6, 2)[::-1, ::-1],), everything),
        S((_few(rng, 7, 2)[::-1],), {"dim": 0}),
    ]  # fmt: skip


def _unique_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([2.0, NAN, INF, 1.0, NAN, -INF, 2.0])
    return [S((x,), {"return_counts": True}), S((np.array([True, False, True]),)), S((np.array([0.0, 0.0]),))]  # fmt: skip


def _consecutive_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([2.0, 2.0, NAN, NAN, INF, INF, 2.0])
    return [S((x,), {"return_counts": True, "return_inverse": True})]


COMPLEX = Bad((np.array([1j]),), errors.DtypeError, "complex")
NOT_INT = Bad((np.ones(2), "a"), errors.ArgumentError, "dim must be an int")

ROWS = [
    Row("sort", tg.sort, _sort, _sorts, _sort_edges, method="sort",
        integers=False, bad=(TEXT, NO_DIM, COMPLEX, NOT_INT)),
    Row("argsort", tg.argsort, _argsort, _sorts, _sort_edges, method="argsort", differentiable=False,
        integers=False, bad=(TEXT, NO_DIM, COMPLEX, NOT_INT)),
    Row("msort", tg.msort, lambda x: _sort(x, 0)[0], _matrices, method="msort", bad=(TEXT, COMPLEX)),
    Row("topk", tg.topk, _topk, _tops, _top_edges, method="topk", integers=False, bad=(
        Bad(("text", 1), errors.DtypeError, "must be a tensor"),
        Bad((np.ones((2, 3)), 4), errors.DimensionError, "k must be between 0 and 3"),
        Bad((np.ones((2, 3)), -1), errors.DimensionError, "k must be between 0 and 3"),
        Bad((np.ones((2, 3)), 1.5), errors.ArgumentError, "k must be an int"),
        Bad((np.ones((2, 3)), 1, 2), errors.DimensionError, "dim must be between"),
        Bad((np.ones(2, bool), 1), errors.DtypeError, "bool"))),
    Row("kthvalue", tg.kthvalue, _kthvalue, _kths, _kth_edges, method="kthvalue", integers=False, bad=(
        Bad((np.ones((2, 3)), 4), errors.DimensionError, "k must be between 1 and 3"),
        Bad((np.ones((2, 3)), 0), errors.DimensionError, "k must be between 1 and 3"),
        Bad((np.ones((2, 0)), 1), errors.DimensionError, "k must be between 1 and 0"),
        Bad((np.ones((2, 3)), 1.5), errors.ArgumentError, "k must be an int"),
        Bad((np.ones(2, bool), 1), errors.DtypeError, "bool"))),
    Row("searchsorted", tg.searchsorted, _searchsorted, _searches, _search_edges, differentiable=False,
        integers=False, bad=(
            Bad((np.array(1.0), np.ones(2)), errors.ShapeError, "0-d"),
            Bad((np.ones((2, 3)), np.ones((3, 3))), errors.ShapeError, "(2, 3)"),
            Bad((np.ones((2, 3)), 1.0), errors.ShapeError, "does not fit"),
            Bad((np.ones(2), 1.0), errors.ArgumentError, "'middle'", {"side": "middle"}),
            Bad((np.ones(2), 1.0), errors.ArgumentError, "contradicts", {"side": "left", "right": True}),
            Bad((np.ones(2), 1.0), errors.DtypeError, "int64", {"sorter": np.array([0, 1], np.int32)}),
            Bad((np.ones(2), 1.0), errors.ShapeError, "shape (2,)", {"sorter": np.array([0])}),
            Bad((np.ones(2), 1.0), errors.DimensionError, "outside", {"sorter": np.array([0, 2])}),
            Bad((np.ones(2, bool), True), errors.DtypeError, "bool"),
            Bad((np.ones(2), 1j), errors.DtypeError, "complex"),
            Bad((np.ones(2), "a"), errors.DtypeError, "must be a tensor"))),
    Row("bucketize", tg.bucketize, _bucketize, _buckets, differentiable=False, integers=False, bad=(
        Bad((np.ones(2), np.ones((2, 2))), errors.ShapeError, "1-d"),
        Bad((np.ones(2), 1.0), errors.DtypeError, "boundaries must be a tensor"),
        Bad(("a", np.ones(2)), errors.DtypeError, "must be a tensor"))),
    Row("unique", tg.unique, _unique, _uniques, _unique_edges, method="unique", numpy=np.unique,
        differentiable=False, torch_gradient=False, bad=(
            TEXT, COMPLEX, Bad((np.ones((2, 3)),), errors.DimensionError, "between", {"dim": 2}),
            Bad((np.array(1.0),), errors.DimensionError, "0-d", {"dim": 0}),
            Bad((np.ones((2, 0)),), errors.ShapeError, "no elements", {"dim": 0}))),
    Row("unique_consecutive", tg.unique_consecutive, _unique_consecutive, _uniques, _consecutive_edges,
        method="unique_consecutive", differentiable=False, torch_gradient=False, bad=(
            TEXT, COMPLEX, Bad((np.ones((2, 3)),), errors.DimensionError, "between", {"dim": 2}),
            Bad((np.array(1.0),), errors.DimensionError, "0-d", {"dim": 0}),
            Bad((np.ones((2, 0)),), errors.ShapeError, "no elements", {"dim": 0}))),
]  # fmt: skip
