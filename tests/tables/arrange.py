"""Flipping, rolling, repeating, joining and cutting."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, product
from typing import Any

import numpy as np

import tapegrad as tg
from rows import NO_DIM, TEXT, Bad, Row, S, normal, shaped, unreal
from tapegrad import errors

X, V, ONE = np.ones((2, 3)), np.ones(3), np.ones(())
INTERNAL = {"fold_along"}  # the adjoint of unfold: second order


def ints(*values: int) -> np.ndarray:
    """Indices."""
    return np.array(values, np.int64)


def lists(*calls: Any) -> Any:
    """Samples from (shapes of a list of tensors, further arguments) pairs."""
    return lambda rng: [
        S(([normal(rng, *shape) for shape in shapes], *more)) for shapes, *more in calls
    ]


def several(*calls: Any) -> Any:
    """Samples from shapes of tensors given one by one."""
    return lambda rng: [S(tuple(normal(rng, *shape) for shape in shapes)) for shapes in calls]


def joined(name: str, calls: Any, unfit: Any) -> Row:
    """Row of a function that joins a list of tensors as NumPy's of that name."""
    return Row(
        name, getattr(tg, name), getattr(np, name), lists(*calls), complex=3, bad=(
            Bad(([],), errors.ArgumentError, "at least one"), Bad((V,), errors.ArgumentError, "a tuple or list"),
            Bad((unfit,), errors.ShapeError, "tensors[1]"), Bad(([V, 2.0],), errors.DtypeError, "tensors[1]")),
    )  # fmt: skip


def _flip(x: Any, *dims: Any) -> Any:
    return np.flip(x, dims[0] if isinstance(dims[0], tuple) else dims) if x.ndim else x


def _unflatten(x: Any, dim: int, sizes: Any) -> Any:
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def _t(x: Any) -> Any:
    return x.T


def _roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    return np.roll(x, shifts, dims)


def _repeat(x: Any, *times: Any) -> Any:
    return np.tile(x, times[0] if isinstance(times[0], tuple) else times)


def _repeat_interleave(
    x: Any, repeats: Any = None, dim: Any = None, output_size: Any = None
) -> Any:
    if repeats is None:
        return np.repeat(np.arange(len(x)), x)
    return np.repeat(x, repeats, dim)


def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    return np.vander(x, N, increasing)


def _cartesian_prod(*xs: Any) -> Any:
    rows = [list(row) for row in product(*(x.tolist() for x in xs))]
    return np.array(rows).reshape(-1, len(xs)) if len(xs) > 1 else xs[0]


def _combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    rows = (combinations_with_replacement if with_replacement else combinations)(x.tolist(), r)
    return np.array([list(row) for row in rows], dtype=x.dtype).reshape((-1, r) if r else (0,))


def _tensor_split(x: Any, where: Any, dim: int = 0) -> Any:
    return tuple(np.array_split(x, where if np.ndim(where) == 0 else list(where), dim))


def _unfold(x: Any, dim: int, size: int, step: int) -> Any:
    dim %= x.ndim
    starts = range(0, x.shape[dim] - size + 1, step)
    windows = [np.moveaxis(x.take(range(i, i + size), dim), dim, -1) for i in starts]
    return np.stack(windows, dim)


def _as_strided(x: Any, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.zeros(size, x.dtype)
    for place in np.ndindex(*size):
        out[place] = flat[storage_offset + sum(i * s for i, s in zip(place, stride, strict=True))]
    return out


def strided_samples(rng: np.random.Generator) -> list[S]:
    """Overlapping, skipping, transposing, single, empty and repeated elements."""
    x = normal(rng, 2, 3)
    return [
        S((x, (2, 2), (1, 2))), S((x, (2, 3), (1, 1), 1)), S((x, (3, 2), (1, 3))), S((x, (), (), 5)),
        S((x, (4,), (0,), 2)), S((x, (0, 2), (100, 1))), S((normal(rng), (1, 2), (3, 0))),
        S((normal(rng, 7), (3, 3), (2, 1))),
    ]  # fmt: skip


def repeats_samples(rng: np.random.Generator) -> list[S]:
    """Numbers and tensors of repetitions, with and without a dimension."""
    x = normal(rng, 2, 3)
    return [
        S((x, 2)), S((x, 2, 0)), S((x, 3, -1)), S((x, 0, 1)), S((x, ints(1, 2), 0)), S((x, ints(2), 1)),
        S((x, np.array(2), 0)), S((x, ints(0, 3, 1), 1)), S((x, ints(1, 0, 2, 0, 0, 1))),
        S((normal(rng), 3)), S((normal(rng, 0, 2), 2, 0)), S((normal(rng, 0, 2), ints(), 0)),
        S((x[:, ::-1], np.array([1, 2], np.int32), 0)), S((x, ints(1, 2), 0), {"output_size": 3}),
    ]  # fmt: skip


ROWS = [
    Row("unflatten", tg.unflatten, _unflatten,
        shaped(((2, 6), 1, (3, 2)), ((2, 6), -1, (-1, 2)), ((6,), 0, (6,)), ((0, 2), 0, (0, 3)),
               ((2, 6), 0, (1, 2, 1))), method="unflatten", bad=(
            Bad((X, 1, (2, 2)), errors.ShapeError, "multiply up to 3"),
            Bad((X, 1, ()), errors.ArgumentError, "empty"), Bad((ONE, 0, (1,)), errors.ShapeError, "0-d"),
            Bad((X, 1, (-1, -1)), errors.ShapeError, "multiply"),
            Bad((np.ones((2, 0)), 1, (-1, 0)), errors.ShapeError, "multiply"),
            Bad((X, 1, (-1, 2)), errors.ShapeError, "multiply"),
            Bad((X, 2, (1,)), errors.DimensionError, "between"), Bad((X, 1, ("a",)), errors.ArgumentError, "ints")), complex=3),
    Row("movedim", tg.movedim, np.moveaxis,
        shaped(((2, 3, 4), 0, 2), ((2, 3, 4), (0, 1), (-1, 0)), ((2, 3), 0, 0), ((0, 2), 1, 0),
               ((2, 3, 4), (2, 0, 1), (0, 1, 2)), ((2, 3), (), ()), ((), (), ())), method="movedim", numpy=np.moveaxis, bad=(
            Bad((X, (0, 1), (1,)), errors.ArgumentError, "same length"),
            Bad((X, (0, 0), (0, 1)), errors.ArgumentError, "twice"),
            Bad((X, (0, 1), (1, -1)), errors.ArgumentError, "destination"),
            Bad((X, 0, 2), errors.DimensionError, "between"), Bad((X, 0.5, 1), errors.ArgumentError, "int")), complex=3),
    Row("t", tg.t, _t, shaped(((2, 3),), ((3,),), ((),), ((0, 2),)), method="t",
        bad=(Bad((np.ones((1, 2, 3)),), errors.ShapeError, "at most two"), TEXT), complex=3),
    Row("adjoint", tg.adjoint, lambda x: np.swapaxes(x, -1, -2).conj(),
        lambda rng: [*shaped(((2, 3),), ((2, 3, 4),), ((0, 2),))(rng), S((unreal(rng, 2, 2, 3),))],
        method="adjoint", bad=(Bad((V,), errors.ShapeError, "matrices"), TEXT), complex=2),
    Row("broadcast_tensors", tg.broadcast_tensors, np.broadcast_arrays,
        several([(2, 1), (3,)], [(2, 3)], [(), (2, 2), (1, 2)], [(0, 1), (3,)], [(1,), (1,)]), bad=(
            Bad((X, np.ones(2)), errors.ShapeError, "do not broadcast"),
            Bad((X, 3.0), errors.DtypeError, "tensors[1]"), Bad(([X, X],), errors.DtypeError, "tensors[0]")), complex=3),
    *[Row(f"atleast_{n}d", getattr(tg, f"atleast_{n}d"), getattr(np, f"atleast_{n}d"),
          several([()], [(3,)], [(2, 3)], [(2, 3, 4)], [(0,)], [(), (2,), (2, 1)]), bad=(
              Bad((3.0,), errors.DtypeError, "tensors[0]"), Bad((X, "a"), errors.DtypeError, "tensors[1]")), complex=2)
      for n in (1, 2, 3)],
    Row("flip", tg.flip, _flip,
        shaped(((2, 3), (0,)), ((2, 3), (0, -1)), ((2, 3), ()), ((), (0,)), ((0, 2), (1,)), ((4,), (0,))),
        method="flip", numpy=lambda x, dims: np.flip(x, dims), bad=(
            Bad((X, (0, 0)), errors.ArgumentError, "twice"), Bad((X, (2,)), errors.DimensionError, "between"),
            Bad((X,), errors.ArgumentError, "missing"), Bad((X, ("a",)), errors.ArgumentError, "ints")), complex=3),
    Row("fliplr", tg.fliplr, np.fliplr, shaped(((2, 3),), ((2, 3, 2),), ((0, 2),)), method="fliplr",
        numpy=np.fliplr, bad=(Bad((V,), errors.ShapeError, "two dimensions"), TEXT), complex=3),
    Row("flipud", tg.flipud, np.flipud, shaped(((2, 3),), ((3,),), ((0, 2),)), method="flipud",
        numpy=np.flipud, bad=(Bad((ONE,), errors.ShapeError, "one dimension"), TEXT), complex=3),
    Row("roll", tg.roll, _roll,
        shaped(((2, 3), 1), ((2, 3), 1, 0), ((2, 3), (1, -2), (0, 1)), ((2, 3), (1, 2), (1, 1)), ((2, 3), -7, 1),
               ((), 2), ((0, 2), 1, 0), ((1,), 3, 0), ((4,), (2,))), method="roll", numpy=np.roll, bad=(
            Bad((X, (1, 2)), errors.ArgumentError, "same length"), Bad((X, 1, (0, 1)), errors.ArgumentError, "length"),
            Bad((X, 1.5, 0), errors.ArgumentError, "ints"), Bad((X, 1, 2), errors.DimensionError, "between"),
            Bad((ONE, 1, 0), errors.DimensionError, "0-d"), Bad((X, (), ()), errors.ArgumentError, "length")), complex=3),
    Row("rot90", tg.rot90, np.rot90,
        shaped(((2, 3),), ((2, 3), 2), ((2, 3), -1), ((2, 3), 0), ((2, 3, 2), 5, (0, -1)), ((2, 3), 1, (1, 0)),
               ((0, 2), 1)), method="rot90", numpy=np.rot90, bad=(
            Bad((V,), errors.ShapeError, "two dimensions"), Bad((X, 1, (0, 0)), errors.ArgumentError, "different"),
            Bad((X, 1, (0,)), errors.ArgumentError, "different"), Bad((X, 1, (0, 2)), errors.DimensionError, "between"),
            Bad((X, 0.5), errors.ArgumentError, "ints")), complex=3),
    Row("tile", tg.tile, np.tile,
        shaped(((2, 3), (2,)), ((2, 3), (2, 1, 3)), ((2, 3), ()), ((), (2, 2)), ((2, 3), (0, 1)), ((0, 2), (2, 2)),
               ((1,), (3,)), ((2, 3), (1, 1))), method="tile", numpy=np.tile, bad=(
            Bad((X, (-1,)), errors.ArgumentError, "negative"), Bad((X, (0.5,)), errors.ArgumentError, "ints")), complex=3),
    Row("repeat", lambda x, *times: x.repeat(*times), _repeat,
        shaped(((2, 3), 2, 1), ((2, 3), (2, 1, 3)), ((), 2), ((2, 3), 0, 1), ((3,), 2)), method="repeat",
        torch="Tensor.repeat", bad=(
            Bad((X, 2), errors.ShapeError, "each dimension"), Bad((ONE,), errors.ShapeError, "each dimension"),
            Bad((X, -1, 1), errors.ArgumentError, "negative"), Bad((X, 1, "a"), errors.ArgumentError, "ints")), complex=3),
    Row("repeat_interleave", tg.repeat_interleave, _repeat_interleave, repeats_samples,
        method="repeat_interleave", numpy=np.repeat, bad=(
            Bad((X, ints(1, 2, 3), 0), errors.ShapeError, "one number or 2"),
            Bad((X, ints(1, -2), 0), errors.ArgumentError, "negative"), Bad((X, -1), errors.ArgumentError, "negative"),
            Bad((X, np.array([1.0, 2.0]), 0), errors.DtypeError, "int64 or int32"),
            Bad((X, np.array([1, 2], np.int8), 0), errors.DtypeError, "int64 or int32"),
            Bad((X, np.array([[1, 2]]), 0), errors.ShapeError, "repeats"), Bad((X, [1, 2], 0), errors.DtypeError, "repeats"),
            Bad((X, 2.0, 0), errors.DtypeError, "repeats"), Bad((X, True, 0), errors.DtypeError, "repeats"),
            Bad((X, ints(1, 2), 0), errors.ArgumentError, "output_size is 4", {"output_size": 4}),
            Bad((X, 2, 0), errors.ArgumentError, "output_size is 3", {"output_size": 3}),
            Bad((ONE, 2, 0), errors.DimensionError, "0-d"), Bad((X, 2, 2), errors.DimensionError, "between"),
            Bad((X,), errors.ShapeError, "1-d")), complex=3),
    Row("kron", tg.kron, np.kron,
        several([(2, 3), (3, 2)], [(2,), (2, 3)], [(2, 2), (3,)], [(), (2, 2)], [(), ()], [(2, 0), (2, 3)],
                [(1,), (1,)], [(2, 1, 2), (2, 2)]), method="kron", numpy=np.kron, bad=(
            Bad((X, 2.0), errors.DtypeError, "other"), Bad((2.0, X), errors.DtypeError, "input")), complex=3),
    # PyTorch changes in place what its own gradient needs
    Row("vander_of_vector", tg.vander, _vander,
        shaped(((3,),), ((3,), 2), ((3,), 5, True), ((3,), 0), ((0,),), ((1,),), ((3,), None, True)),
        lambda rng: [S((np.array([0.0, 1.0, -2.0]),)), S((np.array([0.0, 1.0, -2.0]), 4, True))],
        numpy=np.vander, torch="vander", torch_gradient=False, bad=(
            Bad((X,), errors.ShapeError, "1-d"), Bad((ONE,), errors.ShapeError, "1-d"),
            Bad((V, -1), errors.ArgumentError, "negative"), Bad((V, 1.5), errors.ArgumentError, "ints")), complex=2),
    Row("cartesian_prod", tg.cartesian_prod, _cartesian_prod,
        several([(2,), (3,)], [(2,), (1,), (2,)], [(3,)], [(2,), (0,)]), bad=(
            Bad((X, V), errors.ShapeError, "1-d"), Bad((), errors.ArgumentError, "at least one"),
            Bad((V, ints(1)), errors.DtypeError, "tensors[1]"), Bad((V, ONE), errors.ShapeError, "tensors[1]")), complex=3),
    Row("combinations", tg.combinations, _combinations,
        shaped(((4,),), ((4,), 3), ((3,), 1), ((3,), 0), ((3,), 4), ((3,), 2, True), ((3,), 4, True), ((0,),), ((1,),), ((1,), 4)),
        bad=(Bad((X,), errors.ShapeError, "1-d"), Bad((ONE,), errors.ShapeError, "1-d"),
             Bad((V, -1), errors.ArgumentError, "negative"), Bad((V, "a"), errors.ArgumentError, "ints")), complex=3),
    joined("hstack", [([(2, 3), (2, 1)],), ([(3,), (2,)],), ([(), ()],), ([(0, 2), (0, 1)],)], [X, V]),
    joined("vstack", [([(2, 3), (1, 3)],), ([(3,), (3,)],), ([(3,), (2, 3)],), ([(), ()],), ([(0, 2), (1, 2)],)],
           [X, np.ones(2)]),
    joined("dstack", [([(2, 3), (2, 3)],), ([(3,), (3,)],), ([(2, 3, 2), (2, 3)],), ([(), (1,)],), ([(0, 2), (0, 2)],)],
           [X, V]),
    joined("column_stack", [([(2, 3), (2,)],), ([(3,), (3,)],), ([(), (1, 2)],), ([(0, 2), (0,)],)], [X, V]),
    Row("narrow", tg.narrow, lambda x, dim, start, length: x.take(range(int(start), int(start) + length), dim),
        shaped(((2, 4), 1, 1, 2), ((2, 4), 0, 0, 2), ((2, 4), 1, 4, 0), ((0, 2), 1, 1, 1), ((2, 4), -1, -3, 2)),
        method="narrow", bad=(
            Bad((X, 1, 4, 0), errors.DimensionError, "start"), Bad((X, 1, -4, 1), errors.DimensionError, "start"),
            Bad((X, 1, 2, 2), errors.ShapeError, "length"), Bad((X, 1, 0, -1), errors.ShapeError, "length"),
            Bad((ONE, 0, 0, 1), errors.ShapeError, "0-d"), Bad((X, 2, 0, 1), errors.DimensionError, "dim"),
            Bad((X, 1, 1.0, 1), errors.ArgumentError, "ints"), Bad((X, 1, ints(1), 1), errors.ArgumentError, "0-d")), complex=3),
    Row("select", tg.select, lambda x, dim, index: x.take(index, dim),
        shaped(((2, 3), 1, 0), ((2, 3), 0, -1), ((2, 3, 2), -2, 2), ((3,), 0, 1), ((0, 2), 1, 1)), method="select", bad=(
            Bad((X, 1, 3), errors.DimensionError, "index"), Bad((X, 2, 0), errors.DimensionError, "dim"),
            Bad((ONE, 0, 0), errors.DimensionError, "0-d"), Bad((X, 1, 0.5), errors.ArgumentError, "ints")), complex=3),
    Row("unbind", tg.unbind, lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)),
        shaped(((2, 3),), ((2, 3), -1), ((2, 3, 2), 1), ((3,),), ((0, 2),), ((2, 0),), ((1,),)), method="unbind", bad=(
            Bad((ONE,), errors.DimensionError, "0-d"), NO_DIM, TEXT), complex=3),
    Row("tensor_split", tg.tensor_split, _tensor_split,
        shaped(((5, 2), 2), ((2, 5), 3, 1), ((3,), 5), ((5,), (1, 3)), ((5,), (3, 1)), ((5,), (-2,)), ((5,), (7, 9)),
               ((5,), ()), ((0, 2), 2), ((5,), (1, 1, -1))), method="tensor_split",
        bad=(
            Bad((ONE, 2), errors.ShapeError, "0-d"), Bad((V, 0), errors.ArgumentError, "positive"),
            Bad((V, 2.0), errors.ArgumentError, "ints"), Bad((X, 2, 2), errors.DimensionError, "between"),
            Bad((V, np.array([1.0])), errors.DtypeError, "int64"), Bad((V, ints(1)[None]), errors.DtypeError, "int64"),
            Bad((V, np.array([1], np.int32)), errors.DtypeError, "int64")), complex=3),
    *[Row(name, getattr(tg, name), lambda x, where, name=name: tuple(getattr(np, name)(x, where)),
          shaped(*calls), method=name, complex=2, bad=(
              Bad((few, 1), errors.ShapeError, "-d at least"), Bad((X[..., None] if name != "dsplit" else X[None], 4), errors.ShapeError, "equal"),
              Bad((np.ones((2, 2, 2)), 0), errors.ShapeError, "equal"), Bad((np.ones((2, 2, 2)), 0.5), errors.ArgumentError, "ints")))
      for name, few, calls in (
          ("hsplit", ONE, [((2, 4), 2), ((4,), 4), ((2, 4), (1, 3)), ((0, 4), 2)]),
          ("vsplit", V, [((2, 3), 2), ((4, 2), (1, 3)), ((3, 0), 3)]),
          ("dsplit", X, [((2, 1, 2), 2), ((2, 1, 3), (1,)), ((0, 1, 2), 1)]))],
    Row("unfold", lambda x, *how: x.unfold(*how), _unfold,
        shaped(((5,), 0, 2, 1), ((2, 6), 1, 3, 2), ((6, 2), 0, 2, 3), ((2, 6), -1, 2, 9), ((0, 3), 1, 2, 1),
               ((1,), 0, 1, 1), ((2, 3), 1, 3, 1), ((7, 2), 0, 4, 1)),
        method="unfold", torch="Tensor.unfold", bad=(
            Bad((X, 1, 4, 1), errors.ShapeError, "3 at most"), Bad((X, 1, -1, 1), errors.ArgumentError, "negative"),
            Bad((X, 1, 2, 0), errors.ArgumentError, "positive"), Bad((X, 2, 1, 1), errors.DimensionError, "between"),
            Bad((X, 1, 1.5, 1), errors.ArgumentError, "ints"), Bad((ONE, 0, 2, 1), errors.ShapeError, "1 at most")), complex=3),
    Row("as_strided", lambda x, *how: tg.as_strided(x.contiguous(), *how), _as_strided, strided_samples, method="as_strided", bad=(
        Bad((X, (2, 2), (1, 2), 3), errors.ArgumentError, "reach element 6 of a memory of 6"),
        Bad((X, (2,), (6,)), errors.ArgumentError, "reach element 6"), Bad((X, (), (), 6), errors.ArgumentError, "reach"),
        Bad((X, (2,), (-1,), 3), errors.ArgumentError, "negative"), Bad((X, (-1,), (1,)), errors.ArgumentError, "negative"),
        Bad((X, (2,), (1, 2)), errors.ArgumentError, "same length"), Bad((X, (2,), (1,), -1), errors.ArgumentError, "negative"),
        Bad((X, (10**9,), (10**9,)), errors.ArgumentError, "reach"), Bad((X, (0.5,), (1,)), errors.ArgumentError, "ints")), complex=3),
]  # fmt: skip
