"""Shape and order."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import Bad, Row, S, both, normal, shaped, special
from tapegrad import errors


def _flatten_reference(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    shape = np.shape(x) or (1,)
    end = end_dim % len(shape)
    start = start_dim % len(shape)
    return np.reshape(x, (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :]))


def _squeeze_reference(x: Any, dim: Any = None) -> Any:
    dims = range(x.ndim) if dim is None else [d % x.ndim for d in np.atleast_1d(dim)]
    return np.reshape(x, [n for i, n in enumerate(x.shape) if n != 1 or i not in dims])


def _expand_reference(x: Any, *sizes: Any) -> Any:
    sizes = sizes[0] if isinstance(sizes[0], tuple) else sizes
    extra = len(sizes) - x.ndim
    return np.broadcast_to(x, [x.shape[i - extra] if n == -1 else n for i, n in enumerate(sizes)])


def _split_reference(x: Any, size: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    ends = np.cumsum(size)[:-1] if isinstance(size, list) else range(size, n, size)
    return tuple(np.split(x, list(ends), axis=dim))


def _chunk_reference(x: Any, chunks: int, dim: int = 0) -> Any:
    return _split_reference(x, -(-x.shape[dim] // chunks), dim)


ROWS = [
    Row("reshape", tg.reshape, lambda x, shape: np.reshape(x, shape), lambda rng: [
        S((normal(rng, 2, 3), (3, 2))), S((normal(rng, 2, 3), (-1,))), S((normal(rng), (1, 1))),
        S((normal(rng, 3, 2).T, (6,))), S((normal(rng, 0, 2), (2, 0))), S((normal(rng, 1), ()))],
        method="reshape", numpy=np.reshape, bad=(
            Bad((np.ones((2, 3)), (4, 2)), errors.ShapeError, "do not fit"),
            Bad((np.ones((2, 3)), ("a",)), errors.ArgumentError, "ints")), complex=3),
    Row("flatten", tg.flatten, _flatten_reference,
        shaped(((2, 3, 2),), ((2, 3, 2), 1), ((2, 3, 2), 0, 1), ((),), ((0, 2),), ((2, 3, 2), -2, -1)),
        method="flatten", bad=(
            Bad((np.ones((2, 3)), 1, 0), errors.ArgumentError, "comes after"),
            Bad((np.ones((2, 3)), 3), errors.DimensionError, "between")), complex=3),
    Row("transpose", tg.transpose, lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
        shaped(((2, 3), 0, 1), ((2, 3, 2), -1, 0), ((), 0, -1), ((0, 2), 1, 0), ((2, 3), 1, 1)),
        method="transpose", bad=(Bad((np.ones((2, 3)), 0, 2), errors.DimensionError, "between"),), complex=3),
    Row("permute", tg.permute, np.transpose,
        shaped(((2, 3, 2), (2, 0, 1)), ((2, 3), (-1, 0)), ((), ()), ((0, 2, 1), (1, 2, 0))),
        method="permute", bad=(
            Bad((np.ones((2, 3)), (0, 0)), errors.ArgumentError, "each of 2"),
            Bad((np.ones((2, 3)), (0, 2)), errors.DimensionError, "between")), complex=3),
    Row("squeeze", tg.squeeze, _squeeze_reference,
        shaped(((1, 3, 1),), ((1, 3, 1), 0), ((1, 3, 1), -1), ((1, 3, 1), 1), ((),), ((1, 0),),
                ((1, 3, 1), (0, 2))),
        method="squeeze", bad=(Bad((np.ones((2, 3)), 5), errors.DimensionError, "between"),), complex=3),
    Row("unsqueeze", tg.unsqueeze, np.expand_dims,
        shaped(((2, 3), 0), ((2, 3), -1), ((2, 3), 1), ((), 0), ((0,), 1)), method="unsqueeze",
        numpy=np.expand_dims, bad=(Bad((np.ones(2), 3), errors.DimensionError, "between"),), complex=3),
    Row("expand", lambda x, *s: x.expand(*s), _expand_reference,
        shaped(((2, 1), 2, 3), ((3,), (2, -1)), ((), 2, 2), ((1,), 0), ((1, 3), 2, 2, 3)),
        torch="Tensor.expand", bad=(
            Bad((np.ones((2, 1)), 3, 3), errors.ShapeError, "only sizes of 1"),
            Bad((np.ones((2, 1)), 2), errors.ShapeError, "sizes are missing")), complex=3),
    Row("broadcast_to", tg.broadcast_to, np.broadcast_to,
        shaped(((2, 1), (2, 3)), ((3,), (2, 3)), ((), (2, 2)), ((1,), (0,))),
        numpy=np.broadcast_to,
        bad=(Bad((np.ones((2, 2)), (2, 3)), errors.ShapeError, "only sizes of 1"),), complex=3),
    Row("cat", tg.cat, lambda ts, dim=0: np.concatenate(ts, dim), lambda rng: [
        S(([normal(rng, 2, 3), normal(rng, 1, 3)],)), S(([normal(rng, 2, 1), normal(rng, 2, 2)], -1)),
        S(([normal(rng, 2)],)), S(([normal(rng, 0, 2), normal(rng, 2, 2)], 0)),
        S(([normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1]], 1))], bad=(
            Bad(([np.ones((2, 3)), np.ones((2, 2))],), errors.ShapeError, "tensors[1]"),
            Bad(([np.ones((2, 3)), np.ones(2)], 1), errors.ShapeError, "tensors[1]"),
            Bad(([],), errors.ArgumentError, "at least one"), Bad((np.ones((2, 3)),), errors.ArgumentError, "a tuple or list"),
            Bad(([np.ones(()), np.ones(())],), errors.ShapeError, "use stack"),
            Bad(([np.ones(2), 3.0],), errors.DtypeError, "tensors[1]")), complex=3),
    Row("stack", tg.stack, lambda ts, dim=0: np.stack(ts, dim), lambda rng: [
        S(([normal(rng, 2, 3), normal(rng, 2, 3)],)), S(([normal(rng, 2), normal(rng, 2)], -1)),
        S(([normal(rng), normal(rng)],)), S(([normal(rng, 0, 2), normal(rng, 0, 2)], 1)),
        S(([normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1]], 1))], bad=(
            Bad(([np.ones((2, 3)), np.ones((3,))],), errors.ShapeError, "tensors[1]"),
            Bad(([],), errors.ArgumentError, "at least one"),
            Bad(([np.ones(2), np.ones(2)], 3), errors.DimensionError, "between")), complex=3),
    Row("split", tg.split, _split_reference,
        shaped(((5, 2), 2), ((2, 5), [2, 3], 1), ((4,), 4), ((4,), 2, -1), ((3,), [0, 3])),
        method="split", bad=(
            Bad((np.ones(()), 1), errors.ShapeError, "0-d"),
            Bad((np.ones(3), [1, 1]), errors.ShapeError, "add up"),
            Bad((np.ones(3), 0), errors.ArgumentError, "positive")), complex=3),
    Row("chunk", tg.chunk, _chunk_reference,
        shaped(((5, 2), 2), ((2, 5), 3, 1), ((4,), 1)), method="chunk",
        bad=(Bad((np.ones(3), 0), errors.ArgumentError, "positive"),), complex=3),
    Row("clone", tg.clone, np.copy, both(normal), special(), method="clone", complex=3),
    Row("take_along_dim", tg.take_along_dim, np.take_along_axis, lambda rng: [
        S((normal(rng, 2, 3), np.array([[2, 0], [1, 1]]), 1)),
        S((normal(rng, 3, 2), np.array([[2, 0]]), 0)), S((normal(rng, 3), np.array([0, 0, 2, 1]), -1)),
        S((normal(rng, 2, 3), np.array([5, 0, 5]), None)), S((normal(rng, 2, 3), np.zeros((2, 0), int), 1))], method="take_along_dim",
        numpy=np.take_along_axis, bad=(
            Bad((np.ones((2, 3)), np.array([[5], [0]]), 1), errors.DimensionError, "take_along_dim"),
            Bad((np.ones((2, 3)), np.array([[0], [0]]), 2), errors.DimensionError, "between"),
            Bad((np.ones((2, 3)), np.array([0, 1]), 1), errors.ShapeError, "same number of dimensions"),
            Bad((np.ones((2, 3)), np.array([[0.0], [0.0]]), 1), errors.DtypeError, "take_along_dim")), complex=3),
]  # fmt: skip
