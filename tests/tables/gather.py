"""Reading, writing and reducing by index tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, Sample, away, distinct, normal, some, turned
from tapegrad import errors

INTERNAL = {"cleared", "product_at", "extreme"}  # scatter_reduce and index_reduce


# -- references: NumPy's own words, or a loop over positions -----------------------------------------


def _place(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """The open mesh that names, for each element of an index, its element along a dimension."""
    mesh = list(np.indices(index.shape))
    mesh[dim] = index
    return tuple(mesh)


def _one_dim(function: Any) -> Any:
    """The reference for 0-d arrays too, as if they had one dimension."""

    def reference(x: Any, dim: int, index: Any, *rest: Any, **options: Any) -> Any:
        x = np.asarray(x)
        if index.size == 0 and index.ndim != max(x.ndim, 1):
            index = index.reshape((0,) * max(x.ndim, 1))
        arrays = [np.atleast_1d(r) if isinstance(r, np.ndarray) else r for r in rest]
        out = function(np.atleast_1d(x), dim, np.atleast_1d(index), *arrays, **options)
        return out.reshape(index.shape if function is _gather else x.shape)

    return reference


def _gather(x: Any, dim: int, index: Any) -> Any:
    return x[_place(index, dim)]


def _into(x: Any, place: Any, values: Any) -> Any:
    out = x.copy()
    out[place] = values
    return out


def _first(src: Any, index: Any) -> Any:
    """The part of `src` that an index reaches."""
    return src[tuple(map(slice, index.shape))] if isinstance(src, np.ndarray) else src


@_one_dim
def _scatter(x: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Any:
    return _into(x, _place(index, dim), _first(src, index) if value is None else value)


NAMES = {"add": "sum", "multiply": "prod"}


@_one_dim
def _scatter_with(x: Any, dim: int, index: Any, src: Any, *, reduce: str) -> Any:
    values = np.broadcast_to(_first(src, index), index.shape)
    return _fold(x, _place(index, dim), values, NAMES[reduce], True)


def _fold(x: Any, place: Any, values: Any, reduce: str, include_self: bool) -> Any:
    """Every element reduced with all values that go there, one element at a time."""
    found: dict[Any, list[Any]] = {}
    for where, value in zip(
        zip(*(p.ravel() for p in place), strict=True), values.ravel(), strict=True
    ):
        found.setdefault(where, [x[where]] if include_self else []).append(value)
    function = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}
    out = x.copy()
    for where, group in found.items():
        out[where] = function[reduce](group)
    return out


@_one_dim
def _scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    return _fold(x, _place(index, dim), _first(src, index), "sum", True)


@_one_dim
def _scatter_reduce(
    x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    return _fold(x, _place(index, dim), _first(src, index), reduce, include_self)


def _slices(x: Any, dim: int, index: Any) -> tuple[np.ndarray, ...]:
    shape = [*x.shape]
    shape[dim] = index.size
    mesh = list(np.indices(shape))
    mesh[dim] = np.broadcast_to(index.reshape((-1,) + (1,) * (x.ndim - dim % x.ndim - 1)), shape)
    return tuple(mesh)


@_one_dim
def _index_reduce(
    x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    return _fold(x, _slices(x, dim, index), source, reduce, include_self)


@_one_dim
def _index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    return _fold(x, _slices(x, dim, index), alpha * source, "sum", True)


@_one_dim
def _index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    return _into(x, _slices(x, dim, index), source)


@_one_dim
def _index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    return _into(x, (*(slice(None),) * (dim % x.ndim), index), value)


def _index_select(x: Any, dim: int, index: Any) -> Any:
    out = np.take(np.atleast_1d(x), np.atleast_1d(index), axis=dim)
    return out if np.ndim(x) else out.reshape(())


def _index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    out = x.copy()
    if accumulate:
        np.add.at(out, tuple(indices), values)
    else:
        out[tuple(indices)] = values
    return out


def _put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    flat = np.ravel(x).copy()
    if accumulate:
        np.add.at(flat, index.ravel(), source.ravel())
    else:
        flat[index.ravel()] = source.ravel()
    return flat.reshape(np.shape(x))


def _masked_select(x: Any, mask: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask)
    return x[mask]


def _masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    x, mask = np.broadcast_arrays(x, mask)
    return _into(x, mask, source.ravel()[: mask.sum()])


def _nonzero(x: Any, *, as_tuple: bool = False) -> Any:
    return np.nonzero(np.atleast_1d(x)) if as_tuple else np.argwhere(x)


def _select_scatter(x: Any, src: Any, dim: int, index: int) -> Any:
    return _into(x, (*(slice(None),) * (dim % x.ndim), index), src)


def _slice_scatter(
    x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    return _into(x, (*(slice(None),) * (dim % x.ndim), slice(start, end, step)), src)


def _diagonal_scatter(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    out = x.copy()
    moved = np.moveaxis(out, (dim1, dim2), (-2, -1))
    rows, columns = np.indices(moved.shape[-2:])
    moved[..., columns - rows == offset] = src
    return out


# -- samples -----------------------------------------------------------------------------------------

A = np.array([[2, 0, 1, 0], [1, 1, 2, 0]])  # for dim 0 of a (3, 4, ...) array, with repeats
B = np.array([[0, 1, 2, 1], [2, 0, 1, 0]])  # without
EMPTY = np.zeros(0, np.int64)
I = np.array([2, 0, 2])  # noqa: E741
J = np.array([2, 0])


def _gather_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, 0, A)), S((x, 1, A)), S((x, -1, A[:, :1])), S((x[::-1], 0, A.astype(np.int32))),
        S((normal(rng, 2, 3, 2), 1, rng.integers(0, 3, (2, 5, 1)))), S((normal(rng), 0, np.array(0))),
        S((normal(rng), 0, np.array([0, 0]))), S((normal(rng, 2), 0, np.array(1))),
        S((x, 0, np.zeros((0, 4), np.int64))), S((normal(rng, 0, 2), 1, np.zeros((0, 2), np.int64))),
    ]  # fmt: skip


def _scatter_samples(function: Any, repeats: Any) -> Any:
    """Input, dimension, index, source: all of the index's shape, larger sources, 0-d, empty."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 3, 4)
        many = rng.integers(0, 3, (2, 4, 1)) if repeats is A else np.array([[[0], [2], [1]]])
        return [
            S((x, 0, repeats, function(rng, 2, 4))),
            S((x[:, ::-1], -2, repeats.astype(np.int32), function(rng, 4, 2).T)),
            S((function(rng, 2, 3, 2), 1, many, function(rng, *many.shape))),
            S((function(rng), 0, np.array(0), function(rng))),
            S((function(rng, 2), 0, np.array(1), function(rng))),
            S((x, 0, np.zeros((0, 4), np.int64), function(rng, 0, 4))),
        ]  # fmt: skip

    return make


def _larger(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, 0, B[:1], normal(rng, 3, 5))), S((x, 1, B[:, 2:], normal(rng, 3, 4))),
        S((x, 0, np.zeros((0, 4), np.int64), normal(rng, 2, 4))),
        S((normal(rng, 2), 0, np.array(1), normal(rng, 1))),
    ]  # fmt: skip


def _with(samples: Any, *more: Any, **options: Any) -> Any:
    return lambda rng: [S((*s.args, *more), {**s.kwargs, **options}) for s in samples(rng)]


def _all(*makers: Any) -> Any:
    return lambda rng: [s for make in makers for s in make(rng)]


def _values(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, 0, A, 2.5)),
        S((x, 1, A[:, :2]), {"value": 3}),
        S((normal(rng), 0, np.array([0]), 1.5)),
    ]


def _slices_samples(function: Any, index: Any) -> Any:
    def make(rng: np.random.Generator) -> list[Sample]:
        n = index.size
        return [
            S((function(rng, 3, 4), 0, index, function(rng, n, 4))),
            S((function(rng, 2, 3), -1, index, function(rng, 2, n))),
            S((function(rng, 2, 3, 2)[::-1], 1, index, function(rng, 2, 2, n).swapaxes(1, 2))),
            S((function(rng, 3), 0, np.array(1), function(rng, 1))),
            S((function(rng), 0, np.array([0]), function(rng))),
            S((function(rng, 3, 2), 0, EMPTY, function(rng, 0, 2))),
            S((function(rng, 0, 2), 1, np.array([1]), function(rng, 0, 1))),
        ]  # fmt: skip

    return make


def _reductions(samples: Any) -> Any:
    return _all(*(
        _with(samples, reduce, include_self=include)
        for reduce in ("prod", "mean", "amax", "amin") for include in (True, False)
    ))  # fmt: skip


def _spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values none of which tie, in one array or two."""
    return distinct(rng, *shape) + rng.uniform(0, 0.02)


def _group(*values: float, into: float = 3.0) -> tuple[Any, ...]:
    return np.array([into, 2.0]), 0, np.zeros(len(values), np.int64), np.array(values)


def _ties(rng: np.random.Generator) -> list[Sample]:
    groups = [
        _group(3.0, 3.0, 1.0),
        _group(4.0, 4.0),
        _group(NAN, 1.0),
        _group(INF, -INF),
        _group(NAN, into=NAN),
    ]
    return [S((*g, r)) for g in groups for r in ("amax", "amin")] + [S((*_group(INF, 1.0), "mean"))]


def _zeros(rng: np.random.Generator) -> list[Sample]:
    groups = [
        _group(0.0, 2.0, 5.0),
        _group(0.0, 0.0, 5.0),
        _group(2.0, into=0.0),
        _group(0.0, into=0.0),
    ]
    return [S((*g, "prod"), {"include_self": i}) for g in groups for i in (True, False)]


def _put_samples(repeats: bool) -> Any:
    def make(rng: np.random.Generator) -> list[Sample]:
        x = normal(rng, 3, 4)
        index = np.array([[1, -1], [5, 1]]) if repeats else np.array([[1, -1], [5, 0]])
        return [
            S((x, index, normal(rng, 2, 2))), S((x[::-1].T, index, normal(rng, 4))),
            S((normal(rng), np.array([0]), normal(rng))), S((x, EMPTY, normal(rng, 0))),
        ]  # fmt: skip

    return make


def _index_put_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4, 2)
    two = np.array([[True, False, True, False]] * 2 + [[False] * 4])
    return [
        S((x, (J,), normal(rng, 2, 4, 2))), S((x, [J, np.array([-1, 2])], normal(rng, 2, 2))),
        S((x, (J[:, None], np.array([0, 3, 1])), normal(rng, 3, 1))), S((x, (two,), normal(rng, 4, 2))),
        S((x, (np.array([True, False, True]),), normal(rng))), S((x, (np.array(1, np.int32),), normal(rng, 2))),
        S((x, (J, J, np.array([0, 1])), normal(rng, 2))), S((x, (EMPTY,), normal(rng, 1, 4, 2))),
        S((x, (np.array([1, 1, 2]),), normal(rng, 3, 1, 2), True)),
        S((x, (two,), normal(rng, 1)), {"accumulate": True}),
        S((x, (np.array([0, 0]), np.array([3, -1])), normal(rng), True)),
    ]  # fmt: skip


def _mask_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, x > 0)), S((x[::-1], x[0] > 0)), S((x[:, :1], x > 0)), S((normal(rng), np.array(True))),
        S((x, x > 99)), S((normal(rng, 0, 3), np.zeros(3, bool))), S((normal(rng), x > 0)),
    ]  # fmt: skip


def _masked_scatter_samples(rng: np.random.Generator) -> list[Sample]:
    more = [S((*s.args, normal(rng, 3, 5))) for s in _mask_samples(rng)]
    x = normal(rng, 2, 3)
    return [*more, S((x, x > 0, normal(rng, int((x > 0).sum())))), S((x, x > 9, normal(rng, 0)))]


def _nonzero_samples(rng: np.random.Generator) -> list[Sample]:
    x = rng.integers(-1, 2, (3, 4)) * 1.5
    arrays = [x, x[::-1].T, np.array(2.0), np.array(0.0), np.zeros((0, 3)), x > 0,
              rng.integers(0, 2, (2, 2, 3))]  # fmt: skip
    return [S((a,)) for a in arrays]


def _odd_numbers(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array([0.0, NAN, -0.0, INF]),))]


def _select_scatter_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4, 2)
    return [
        S((x, normal(rng, 4, 2), 0, 1)), S((x[::-1], normal(rng, 3, 2), 1, -1)), S((x, normal(rng, 4, 3).T, -1, 0)),
        S((normal(rng, 3), normal(rng), 0, 2)), S((normal(rng, 0, 2), normal(rng, 0), 1, 0)),
    ]  # fmt: skip


def _slice_scatter_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, normal(rng, 3, 4))), S((x, normal(rng, 2, 4), 0, 1)), S((x[:, ::-1], normal(rng, 2, 3).T, 1, 0, 4, 2)),
        S((x, normal(rng, 2, 4)), {"start": -2, "end": 99}), S((x, normal(rng, 0, 4), 0, 2, 1)),
        S((x, normal(rng, 3, 1), -1, -1)),
    ]  # fmt: skip


def _diagonal_scatter_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 3, 4)
    return [
        S((x, normal(rng, 3))), S((x, normal(rng, 3), 1)), S((x[::-1], normal(rng, 2), -1)), S((x, normal(rng, 0), 9)),
        S((normal(rng, 2, 3, 4), normal(rng, 3, 2), 0, 0, 2)), S((normal(rng, 2, 3, 4), normal(rng, 4, 2), 0, 1, 0)),
        S((normal(rng, 2, 3, 4), normal(rng, 2, 2)), {"offset": -1, "dim1": -2, "dim2": -1}),
        S((normal(rng, 0, 3), normal(rng, 0))), S((normal(rng, 1, 1), normal(rng, 1))),
        S((normal(rng, 1, 3, 1), normal(rng, 3, 1)), {"dim1": 0, "dim2": 2}),
        S((normal(rng, 2, 3), normal(rng, 0), -5)),
    ]  # fmt: skip


# -- refused -----------------------------------------------------------------------------------------

X = np.ones((3, 4))
ONE = np.array([[0]])
FLOATS = np.array([[0.0]])


def _bad_index(*more: Any, flat: bool = False, narrow: bool = False) -> tuple[Bad, ...]:
    """What every operation with `(input, dim, index, *more)` refuses."""
    i = (lambda a: a.ravel()) if flat else (lambda a: a)
    out = [
        Bad((X, 0, i(FLOATS), *more), errors.DtypeError, "index must be an int64"),
        Bad((X, 0, i(ONE).astype(np.int16), *more), errors.DtypeError, "got int16"),
        Bad((X, 2, i(ONE), *more), errors.DimensionError, "dim must be between -2 and 1"),
        Bad((X, 0, i(ONE) + 3, *more), errors.DimensionError, "got 3"),
        Bad((X, 0, [0], *more), errors.DtypeError, "index must be a tensor"),
        Bad(("text", 0, i(ONE), *more), errors.DtypeError, "must be a tensor"),
    ]
    if narrow:
        out.append(Bad((X, 0, i(ONE).astype(np.int32), *more), errors.DtypeError, "got int32"))
    return tuple(out)


NEGATIVE = "between 0 and 2, got -1"
GATHER_BAD = (
    *_bad_index(), Bad((X, 0, ONE - 1), errors.DimensionError, NEGATIVE),
    Bad((X, 0, np.array([0])), errors.ShapeError, "as many dimensions"),
    Bad((X, 0, np.zeros((1, 5), int)), errors.ShapeError, "larger than input"),
    Bad((X, 0, ONE), errors.ArgumentError, "sparse_grad", {"sparse_grad": True}),
)  # fmt: skip
ROW = np.ones((1, 4))


def _scatter_bad(*more: Any) -> tuple[Bad, ...]:
    return (
        *_bad_index(X, *more), Bad((X, 0, ONE - 1, X, *more), errors.DimensionError, NEGATIVE),
        Bad((X, 1, np.zeros((4, 1), int), np.ones((4, 4)), *more), errors.ShapeError, "larger than input"),
        Bad((X, 0, np.zeros((1, 4), int), np.ones((1, 3)), *more), errors.ShapeError, "no larger"),
        Bad((X, 0, ONE, np.ones(3), *more), errors.ShapeError, "as many dimensions as src"),
        Bad((X, 0, ONE, X.astype(int), *more), errors.DtypeError, "dtype of input"),
    )  # fmt: skip


def _source_bad(*more: Any, narrow: bool = False) -> tuple[Bad, ...]:
    return (
        *_bad_index(ROW, *more, flat=True, narrow=narrow),
        Bad((X, 0, ONE.ravel() - 1, ROW, *more), errors.DimensionError, NEGATIVE),
        Bad((X, 0, ONE, ROW, *more), errors.ShapeError, "1-d or 0-d"),
        Bad((X, 0, np.array([0, 1]), ROW, *more), errors.ShapeError, "(2, 4)"),
        Bad((X, 0, np.array([0]), np.ones((1, 1)), *more), errors.ShapeError, "(1, 4)"),
        Bad((X, 0, np.array([0]), ROW.astype(int), *more), errors.DtypeError, "dtype of input"),
    )


FLAT = (
    Bad((X, np.array([12]), ), errors.DimensionError, "between -12 and 11, got 12"),
    Bad((X, np.array([0, -13])), errors.DimensionError, "got -13"),
    Bad((X, np.array([0], np.int32)), errors.DtypeError, "int64"),
    Bad((np.ones(0), np.array([0])), errors.DimensionError, "got 0"),
    Bad(("text", np.array([0])), errors.DtypeError, "must be a tensor"),
)  # fmt: skip
MASK_BAD = (
    Bad((X, np.ones((3, 4), int)), errors.DtypeError, "mask must be a bool"),
    Bad((X, np.ones(3, bool)), errors.ShapeError, "broadcast"),
)

ROWS = [
    Row("gather", tg.gather, _one_dim(_gather), _gather_samples, method="gather", bad=tuple(
        b for b in GATHER_BAD), complex=3),
    Row("index_select", tg.index_select, _index_select, _all(
            lambda rng: [S(s.args[:3]) for s in _slices_samples(normal, I)(rng)],
            lambda rng: [S((normal(rng, 3), 0, np.array([2], np.int32)))]),
        method="index_select", bad=(*_bad_index(flat=True),
            Bad((X, 0, np.array([-1])), errors.DimensionError, NEGATIVE),
            Bad((X, 0, ONE), errors.ShapeError, "1-d or 0-d"),
            Bad((np.ones(()), 0, np.array([0, 0])), errors.ShapeError, "one position")), complex=3),
    Row("take", tg.take, lambda x, i: np.ravel(x)[i], lambda rng: [S(s.args[:2]) for s in _put_samples(True)(rng)],
        method="take", numpy=np.take, bad=FLAT, complex=3),
    Row("masked_select", tg.masked_select, _masked_select, _mask_samples, method="masked_select", bad=MASK_BAD, complex=3),
    Row("nonzero", tg.nonzero, _nonzero, _all(_nonzero_samples, _with(_nonzero_samples, as_tuple=True)), _odd_numbers,
        method="nonzero", differentiable=False, bad=(TEXT,), complex=2),
    Row("argwhere", tg.argwhere, np.argwhere, _nonzero_samples, _odd_numbers, method="argwhere",
        numpy=np.argwhere, differentiable=False, bad=(TEXT,), complex=2),
    Row("scatter", tg.scatter, _scatter, _all(_scatter_samples(normal, B), _values), method="scatter",
        inplace="scatter_", bad=(*_scatter_bad(),
            Bad((X, 0, ONE), errors.ArgumentError, "exactly one"),
            Bad((X, 0, ONE, X), errors.ArgumentError, "exactly one", {"value": 1}),
            Bad((X, 0, ONE, X), errors.ArgumentError, "reduce must be", {"reduce": "sum"}),
            Bad((X, 0, ONE, 1j), errors.DtypeError, "real number"),
            Bad((X.astype(np.uint8), 0, ONE, 300), errors.ArgumentError, "does not fit"),
            Bad((X, 0, ONE, "one"), errors.DtypeError, "real number")), complex=3),
    Row("scatter with reduce", tg.scatter, _scatter_with, _all(
            _with(_all(_scatter_samples(away, A), _larger, lambda rng: _values(rng)[::2]), reduce="add"),
            _with(_all(_scatter_samples(away, A), _larger, lambda rng: _values(rng)[::2]), reduce="multiply")),
        inplace="scatter_", torch="scatter", torch_gradient=False),
    Row("scatter_add", tg.scatter_add, _scatter_add, _scatter_samples(normal, A), method="scatter_add",
        inplace="scatter_add_", bad=_scatter_bad(), complex=3),
    Row("scatter_reduce", tg.scatter_reduce, _scatter_reduce, _all(
            _with(_scatter_samples(_spread, A), "sum"), _with(_scatter_samples(_spread, A), "sum", include_self=False),
            _reductions(_scatter_samples(_spread, A))), _all(_ties, _zeros),
        method="scatter_reduce", inplace="scatter_reduce_", bad=(*_scatter_bad("amax"),
            Bad((X, 0, ONE, X, "max"), errors.ArgumentError, "reduce must be one of"),
            Bad((X > 0, 0, ONE, X > 0, "mean"), errors.DtypeError, "bool"),
            Bad((X * 1j, 0, ONE, X * 1j, "amax"), errors.DtypeError, "must be real")),
        complex=turned(_all(*(some(_with(_scatter_samples(_spread, A), reduce), 2) for reduce in ("sum", "mean", "prod")))), torch_complex_gradient=False),
    Row("index_reduce", tg.index_reduce, _index_reduce, _reductions(_slices_samples(_spread, I)), _all(_ties, _zeros),
        method="index_reduce", inplace="index_reduce_", bad=(*_source_bad("prod"),
            Bad((X, 0, np.array([0]), ROW, "sum"), errors.ArgumentError, "use index_add"),
            Bad((X * 1j, 0, np.array([0]), ROW * 1j, "amin"), errors.DtypeError, "must be real"))),
    Row("index_add", tg.index_add, _index_add,
        _all(_slices_samples(normal, I), _with(_slices_samples(normal, I), alpha=-2.5)),
        method="index_add", inplace="index_add_", bad=(*_source_bad(),
            Bad((X, 0, np.array([0]), ROW), errors.DtypeError, "alpha", {"alpha": "2"}),
            Bad((np.ones(()), 0, np.array([0]), np.ones(1)), errors.ShapeError, "source must have shape")), complex=3),
    Row("index_copy", tg.index_copy, _index_copy, _slices_samples(normal, J), method="index_copy",
        inplace="index_copy_", bad=_source_bad(narrow=True), complex=3),
    Row("index_fill", tg.index_fill, _index_fill, lambda rng: [
            S((x, d, i, v)) for x, d, i, _ in (s.args for s in _slices_samples(normal, I)(rng))
            for v in (2.5, normal(rng))], method="index_fill", inplace="index_fill_", bad=(
        *_bad_index(1.0, flat=True, narrow=True),
        Bad((X, 0, np.array([-4]), 1.0), errors.DimensionError, "between -3 and 2, got -4"),
        Bad((X, 0, np.array([0]), np.ones(1)), errors.ShapeError, "0-d tensor"),
        Bad((X, 0, np.array([0]), "1"), errors.DtypeError, "value must be")), complex=3),
    Row("index_fill from the end", tg.index_fill, _index_fill,
        lambda rng: [S((normal(rng, 3, 4), 0, np.array([-1, 1, 2]), normal(rng)))], torch="index_fill",
        torch_gradient=False, complex=2),
    Row("index_put", tg.index_put, _index_put, _index_put_samples, method="index_put", inplace="index_put_", bad=(
        Bad((X, (), np.ones(())), errors.ArgumentError, "at least one"),
        Bad((X, np.array([0]), np.ones(())), errors.ArgumentError, "tuple"),
        Bad((X, (1,), np.ones(())), errors.DtypeError, "indices[0] must be a tensor"),
        Bad((X, (None, np.array([0])), np.ones(())), errors.DtypeError, "indices[0] must be a tensor"),
        Bad((X, (np.array([0.0]),), np.ones(())), errors.DtypeError, "int64, int32 or bool"),
        Bad((X, (np.array([3]),), np.ones(())), errors.DimensionError, "(3, 4)"),
        Bad((X, (np.array([0]),) * 3, np.ones(())), errors.DimensionError, "too many"),
        Bad((X, (np.array([0]),), np.ones(3)), errors.ShapeError, "do not broadcast"),
        Bad((X, (np.array([0]),), 1.0), errors.DtypeError, "values must be a tensor"),
        Bad((X, (np.array([0]),), np.ones((), int)), errors.DtypeError, "dtype of input")), complex=3),
    Row("put", tg.put, _put, _all(_put_samples(False), _with(_put_samples(True), True)), method="put",
        inplace="put_", bad=(*(Bad((*b.args, np.ones(b.args[1].size)), b.error, b.fragment) for b in FLAT[:4]),
            Bad((X, np.array([0]), np.ones(2)), errors.ShapeError, "same number of elements"),
            Bad((X, np.array([0]), np.array([1])), errors.DtypeError, "dtype of input")), complex=3),
    Row("masked_scatter", tg.masked_scatter, _masked_scatter, _masked_scatter_samples, method="masked_scatter",
        inplace="masked_scatter_", bad=(*(Bad((*b.args, X), b.error, b.fragment) for b in MASK_BAD),
            Bad((X, X > 0, np.ones(11)), errors.ShapeError, "12 true ones"),
            Bad((X, X > 0, X.astype(int)), errors.DtypeError, "dtype of input")), complex=3),
    Row("select_scatter", tg.select_scatter, _select_scatter, _select_scatter_samples, method="select_scatter", bad=(
        Bad((X, np.ones(4), 0, 3), errors.DimensionError, "between -3 and 2"),
        Bad((X, np.ones(1), 0, 1), errors.ShapeError, "(4,)"),
        Bad((X, np.ones(4), 2, 1), errors.DimensionError, "dim must be"),
        Bad((X, np.ones(4), 0, 1.0), errors.ArgumentError, "index must be an int"),
        Bad((np.ones(()), np.ones(()), 0, 0), errors.DimensionError, "0-d")), complex=2, torch_complex_gradient=False),
    Row("slice_scatter", tg.slice_scatter, _slice_scatter, _slice_scatter_samples, method="slice_scatter", bad=(
        Bad((X, ROW, 0, 1), errors.ShapeError, "(2, 4)"), Bad((X, ROW, 0, 1, 2, 0), errors.ArgumentError, "positive"),
        Bad((X, ROW, 0, 1, 2, -1), errors.ArgumentError, "positive"),
        Bad((X, ROW, 3), errors.DimensionError, "dim must be"),
        Bad((np.ones(()), np.ones(())), errors.DimensionError, "0-d")), complex=2, torch_complex_gradient=False),
    Row("diagonal_scatter", tg.diagonal_scatter, _diagonal_scatter, _diagonal_scatter_samples,
        method="diagonal_scatter", bad=(
            Bad((X, np.ones(1)), errors.ShapeError, "(3,)"),
            Bad((X, np.ones(3), 0, 1, 1), errors.ArgumentError, "must differ"),
            Bad((X, np.ones(3), 0, 0, 2), errors.DimensionError, "dim must be"),
            Bad((np.ones(3), np.ones(3)), errors.DimensionError, "dim must be")), complex=3),
    # PyTorch has no gradient where the source is larger than the index
    *(Row(f"{name} of a larger source", getattr(tg, name), reference, _with(_larger, *more), torch=name,
          torch_gradient=False)
      for name, reference, more in [("scatter", _scatter, ()), ("scatter_add", _scatter_add, ()),
                                    ("scatter_reduce", _scatter_reduce, ("amax",))]),
]  # fmt: skip
