"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, shaped
from tables.arrange import ONE, V, X, several
from tapegrad import errors


def _diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return np.diagonal(x, offset, dim1, dim2)


def _diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    for i in range(x.shape[-1]):
        out[..., i + max(-offset, 0), i + max(offset, 0)] = x[..., i]
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def _block_diag(*xs: Any) -> Any:
    xs = [np.atleast_2d(x) for x in xs]
    out = np.zeros((sum(x.shape[0] for x in xs), sum(x.shape[1] for x in xs)), np.result_type(*xs))
    row = column = 0
    for x in xs:
        out[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return out


def infinite(rng: np.random.Generator) -> list[S]:
    """Infinities and NaN on both sides of the diagonal."""
    return [S((np.array([[NAN, INF], [-INF, NAN]]),)), S((np.array([[NAN, INF], [-INF, NAN]]), -1))]


INTERNAL = {"diagonal_put"}

TRIANGLES = (
    ((2, 3),),
    ((3, 2), 1),
    ((3, 3), -1),
    ((2, 3, 3), 0),
    ((2, 0),),
    ((1, 1), 5),
    ((2, 2), -3),
)
BAD_TRIANGLES = (
    Bad((V,), errors.ShapeError, "two dimensions"),
    Bad((ONE,), errors.ShapeError, "two dimensions"),
    Bad((X, 1.0), errors.ArgumentError, "diagonal must be an int"),
    TEXT,
)

ROWS = [
    Row("diagonal", tg.diagonal, _diagonal,
        shaped(((3, 3),), ((2, 3), 1), ((3, 2), -1), ((2, 3, 4), 1, 2, 0), ((2, 3, 4), 0, -1, 1), ((2, 3), 3),
               ((2, 3), -7), ((0, 2),), ((1, 1),), ((2, 0, 2), 0, 0, 2)), method="diagonal", numpy=np.diagonal, bad=(
            Bad((X, 0, 1, 1), errors.ArgumentError, "different"), Bad((X, 0, 1, -1), errors.ArgumentError, "different"),
            Bad((V,), errors.DimensionError, "between"), Bad((ONE,), errors.DimensionError, "between"),
            Bad((X, 0.5), errors.ArgumentError, "offset"), Bad((X, 0, 0, 2), errors.DimensionError, "between")), complex=3),
    Row("diag", tg.diag, np.diag,
        shaped(((3,),), ((3,), 1), ((2,), -2), ((2, 3),), ((2, 3), 1), ((3, 2), -2), ((0,),), ((0,), 1), ((2, 3), 3)),
        method="diag", numpy=np.diag, bad=(
            Bad((ONE,), errors.ShapeError, "1-d or 2-d"), Bad((np.ones((1, 1, 1)),), errors.ShapeError, "1-d or 2-d"),
            Bad((V, 0.5), errors.ArgumentError, "must be an int"), TEXT), complex=3),
    Row("diag_embed", tg.diag_embed, _diag_embed,
        shaped(((3,),), ((2, 3),), ((2, 3), 1), ((2, 3), -1, 0, 2), ((2, 3), 1, 2, 0), ((2, 0),), ((1,), 2),
               ((2, 2), 0, 0, 1)), method="diag_embed", bad=(
            Bad((ONE,), errors.DimensionError, "one dimension"), Bad((V, 0, 0, 0), errors.ArgumentError, "different"),
            Bad((V, 0, 0, 3), errors.DimensionError, "between"), Bad((V, 0.5), errors.ArgumentError, "offset")), complex=3),
    Row("diagflat", tg.diagflat, np.diagflat, shaped(((3,),), ((2, 2),), ((),), ((2,), 1), ((2,), -1), ((0,),)),
        method="diagflat", numpy=np.diagflat, bad=(Bad((V, 0.5), errors.ArgumentError, "offset"), TEXT), complex=3),
    Row("tril", tg.tril, np.tril, shaped(*TRIANGLES), infinite, method="tril", inplace="tril_", numpy=np.tril,
        bad=BAD_TRIANGLES, complex=3),
    Row("triu", tg.triu, np.triu, shaped(*TRIANGLES), infinite, method="triu", inplace="triu_", numpy=np.triu,
        bad=BAD_TRIANGLES, complex=3),
    Row("block_diag", tg.block_diag, _block_diag,
        several([(2, 3), (1, 2)], [(2, 2), (3,), ()], [(1, 1)], [(2, 0), (2, 2)]), bad=(
            Bad((X, np.ones((1, 1, 1))), errors.ShapeError, "tensors[1]"), Bad((X, 3.0), errors.DtypeError, "tensors[1]"),
            Bad((), errors.ArgumentError, "at least one"), Bad(([X, X],), errors.DtypeError, "tensors[0]")), complex=3),
]  # fmt: skip
