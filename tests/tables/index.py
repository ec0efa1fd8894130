"""Indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import Bad, Row, S, Sample, normal
from tapegrad import errors

I = np.array([2, 0, 0])  # noqa: E741  an index with a repeat
MASK = np.array([True, False, True])
every = slice(None)
INDICES = [  # for a (3, 4, 2) tensor; those that NumPy and PyTorch read alike
    1, -1, (0, 1), (0, -2, 1), slice(1, None), slice(None, None, 2), (every, 1), (..., 0), (0, ...), None,
    (None, 1, None), (every, None, slice(1, 3)), ..., (slice(0, 0),), I, (I, np.array([1, 1, 3])),
    (every, I), (I, slice(1, 3)), (every, every, np.array([1])), MASK,
    (every, np.array([True, False, True, True])), np.array([[0, 1], [2, 2]]), [0, 2], ([0, 1], [1, 2]),
    (I[:2, None], np.array([0, 3])), (np.array(1),), (..., np.array([1, 0])), np.zeros(0, int),
]  # fmt: skip


def _get(x: Any, index: Any) -> Any:
    return x[index]


def _getitem_samples(rng: np.random.Generator) -> list[Sample]:
    out = [S((normal(rng, 3, 4, 2), index)) for index in INDICES]
    every_element = (normal(rng, 3, 2), normal(rng, 3, 2) > 0)
    return [*out, S(every_element), S((normal(rng), ())), S((normal(rng), None))]


def _set(x: Any, index: Any, value: Any) -> Any:
    out = (
        x.clone()
        if isinstance(x, tg.Tensor)
        else x.copy()
        if isinstance(x, np.ndarray)
        else x.clone()
    )
    out[index] = value
    return out


def _setitem_samples(rng: np.random.Generator) -> list[Sample]:
    out = []
    for index in INDICES:
        x = normal(rng, 3, 4, 2)
        if index is I or (isinstance(index, tuple) and any(part is I for part in index)):
            continue  # which of two values for one element stays is nobody's promise
        if isinstance(index, np.ndarray) and index.shape == (2, 2):
            continue
        out.append(S((x, index, normal(rng, *x[index].shape))))
    x = normal(rng, 3, 4, 2)
    return [*out, S((x, 0, normal(rng))), S((x, (every, 1), normal(rng, 1, 2))), S((x, MASK, 2.5)),
            S((normal(rng), (), normal(rng)))]  # fmt: skip


ROWS = [
    Row("getitem", _get, _get, _getitem_samples, torch="", bad=(
        Bad((np.ones((2, 3)), 2), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), (0, 0, 0)), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([0, 5])), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([True, False, True])), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([0.5])), errors.DtypeError, "integer or bool"),
        Bad((np.ones((2, 3)), "a"), errors.DtypeError, "made of ints"),
        Bad((np.ones((2, 3)), 1.0), errors.DtypeError, "made of ints")), complex=4),
    Row("setitem", _set, _set, _setitem_samples, torch="", bad=(
        Bad((np.ones((2, 3)), 2, 0.0), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), 0, np.ones(4)), errors.ShapeError, "does not broadcast"),
        Bad((np.ones((2, 3)), np.array([0.5]), 0.0), errors.DtypeError, "integer or bool")), complex=4),
]  # fmt: skip
