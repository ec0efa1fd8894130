"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, Bad, Row, S, Sample, away, normal
from tapegrad import errors

Rng = np.random.Generator


def _shapes(*calls: Any) -> Any:
    """Samples from tuples of shapes, each perhaps with a dict of options last; and an odd layout."""

    def make(rng: Rng) -> list[Sample]:
        out = []
        for call in calls:
            options = call[-1] if isinstance(call[-1], dict) else {}
            shapes = call[:-1] if isinstance(call[-1], dict) else call
            out.append(S(tuple(normal(rng, *shape) for shape in shapes), options))
        first = calls[0]
        shapes = first[:-1] if isinstance(first[-1], dict) else first
        odd = tuple(normal(rng, *shape[::-1])[::-1].T for shape in shapes)
        return [*out, S(odd)]

    return make


def _two(x: Any, y: Any) -> Any:
    return lambda rng: [S((np.array(x), np.array(y)))]


def _added(product: Any) -> Any:
    """Reference of `addmm` and its kind."""

    def reference(x: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
        out = np.zeros_like(product(a, b)) if alpha == 0 else alpha * product(a, b)
        return out if beta == 0 else beta * x + out

    return reference


def _added_edges(*shapes: Any) -> Any:
    """NaN in what a factor of 0 leaves out."""

    def make(rng: Rng) -> list[Sample]:
        x, a, b = (normal(rng, *shape) for shape in shapes)
        return [
            S((x * NAN, a, b), {"beta": 0}),
            S((x, a * INF, np.abs(b)), {"beta": 2.5}),
            S((x, a, b), {"beta": 0.5, "alpha": -1.5}),
        ]

    return make


def _sum_of_products(a: Any, b: Any) -> Any:
    return np.add.reduce(a @ b, axis=0)


def _factors_bad(*arrays: Any) -> tuple[Bad, ...]:
    """Refusals that the whole kind of `addmm` shares."""
    wide = (np.ones((7, *arrays[0].shape)), *arrays[1:])
    whole = tuple(a.astype(np.int64) for a in arrays)
    return (
        Bad(wide, errors.ShapeError, "does not broadcast to"),
        Bad(arrays, errors.ArgumentError, "beta must be a number", {"beta": "1"}),
        Bad(whole, errors.DtypeError, "alpha must be an int", {"alpha": 0.5}),
    )


# -- one after another -------------------------------------------------------------------------------


def _chain_samples(rng: Rng) -> list[Sample]:
    sizes = [(2, 3, 4), (2, 3), (3, 1, 4, 2), (2, 5, 1, 3, 2), (2, 0, 3)]
    chains = [[normal(rng, n, m) for n, m in pairwise(s)] for s in sizes]
    return [
        *(S(tuple(c)) for c in chains),
        S((normal(rng, 3, 2)[::-1].T, normal(rng, 3, 2)[:, ::-1])),
    ]


def _dot_samples(rng: Rng) -> list[Sample]:
    shapes = [
        [(2, 3), (3, 4)], [(3,), (3, 4)], [(3, 4), (4,)], [(3,), (3,)], [(3,), (3, 2), (2,)],
        [(2, 3), (3, 1), (1, 4), (4, 2)], [(2, 0), (0, 2)],
    ]  # fmt: skip
    return [S(([normal(rng, *s) for s in chain],)) for chain in shapes]


# -- vectors -----------------------------------------------------------------------------------------


def _cross_reference(x: Any, y: Any, dim: Any = None) -> Any:
    return np.cross(x, y, axis=np.shape(x).index(3) if dim is None else dim)


def _cross_samples(rng: Rng) -> list[Sample]:
    return [
        *(S((normal(rng, *s), normal(rng, *s))) for s in [(3,), (2, 3), (3, 2), (3, 3), (0, 3)]),
        S((normal(rng, 2, 3, 3), normal(rng, 1, 3, 3), 1)), S((normal(rng, 3, 2), normal(rng, 3, 2), -2)),
        S((normal(rng, 1, 3), normal(rng, 2, 3)[::-1])),
    ]  # fmt: skip


def _linalg_cross_samples(rng: Rng) -> list[Sample]:
    return [
        S((normal(rng, 3), normal(rng, 3))), S((normal(rng, 4, 3), normal(rng, 1, 3))),
        S((normal(rng, 3, 2), normal(rng, 3, 2)), {"dim": 0}), S((normal(rng, 0, 3), normal(rng, 1, 3))),
        S((normal(rng, 3, 2)[::-1], normal(rng, 2, 3).T), {"dim": -2}),
    ]  # fmt: skip


def _vecdot_reference(x: Any, y: Any, dim: int = -1) -> Any:
    return np.sum(np.conj(x) * y, axis=dim if np.ndim(x * y) else None)


# -- sums over names ---------------------------------------------------------------------------------

# Equations and shapes. The reference is NumPy's own, in which named sizes of 1 do not broadcast.
_EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)),
    ("ii", (3, 3)), ("ii->i", (3, 3)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)),
    ("ji", (2, 3)), ("iij->ij", (2, 2, 3)), ("iii", (2, 2, 2)), ("ijij->ij", (2, 3, 2, 3)),
    ("i,j->ij", (2,), (3,)), ("i,i", (3,), (3,)), ("i,i->i", (3,), (3,)), ("i,j->", (2,), (3,)),
    ("ij,ij->", (2, 3), (2, 3)), ("ij,ji->", (2, 3), (3, 2)), ("ij,j->i", (2, 3), (3,)),
    ("i,ij->j", (2,), (2, 3)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("bi,bi->b", (2, 3), (2, 3)),
    ("bij,bj->bi", (2, 2, 3), (2, 3)), ("bi,bj->bij", (2, 2), (2, 3)), ("bij,jk->bik", (2, 2, 3), (3, 2)),
    ("bi,bio->bo", (2, 3), (2, 3, 2)), ("kij,kl->ijl", (2, 2, 3), (2, 2)), ("abij,abjk->baik", (1, 2, 2, 2), (1, 2, 2, 2)),
    ("ijk,jki->", (2, 1, 3), (1, 3, 2)), ("aBc,Bc", (2, 2, 2), (2, 2)), (" i j , j k -> k i ", (2, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (2, 3, 2)), ("...ij,...jk", (2, 2), (1, 2, 2)),
    ("i...->...", (2, 3, 2)), ("...i->i...", (2, 3, 2)), ("...,...->...", (2, 1), (3,)), ("...", (2, 3)),
    ("i...j,j->i...", (2, 2, 3), (3,)), ("...ii->...i", (2, 3, 3)), (",i->i", (), (2,)), (",", (), ()), ("", ()),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)), ("ij,kj,kl,lm->im", (2, 3), (2, 3), (2, 1), (1, 2)),
    ("i,j,k->ijk", (2,), (2,), (2,)), ("i,i,i->i", (3,), (3,), (3,)), ("bqc,bkc,bkd->bqd", (2, 1, 2), (2, 2, 2), (2, 2, 2)),
    ("ij,jk->ik", (2, 0), (0, 2)), ("ij,jk->ik", (0, 2), (2, 2)), ("i->", (0,)), ("ij,ij,jk->", (2, 2), (2, 2), (2, 2)),
]  # fmt: skip


def _einsum_samples(rng: Rng) -> list[Sample]:
    out = [S((e, *(normal(rng, *s) for s in shapes))) for e, *shapes in _EQUATIONS]
    a, b = normal(rng, 2, 3), normal(rng, 3, 2)
    out += [S(("ij,jk->ik", [a, b])), S(("ik,jk->ij", a[:, ::-1], normal(rng, 3, 2).T))]
    out += [
        S((a, [0, 1], b, [1, 2], [0, 2])),
        S((a, [0, 1], b, [1, 2])),
        S((a, [..., 1], [1, ...])),
    ]
    return out


def _einsum_reference(*args: Any) -> Any:
    if isinstance(args[0], str):
        given = args[1] if isinstance(args[1], list) else args[1:]
        return np.einsum(args[0].replace(" ", ""), *given)
    return np.einsum(*args)


def _tensordot_samples(rng: Rng) -> list[Sample]:
    return [
        S((normal(rng, 2, 3), normal(rng, 3, 2), 1)), S((normal(rng, 2, 3), normal(rng, 2, 3))),
        S((normal(rng, 2), normal(rng, 3), 0)), S((normal(rng), normal(rng, 3), 0)),
        S((normal(rng, 2, 3, 2), normal(rng, 3, 2), ([1, 2], [0, 1]))),
        S((normal(rng, 2, 3, 2), normal(rng, 2, 3), ([1, 0], [-1, 0]))), S((normal(rng, 2, 0), normal(rng, 0, 3), 1)),
        S((normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1], ([1], [1]))),
    ]  # fmt: skip


# -- distances ---------------------------------------------------------------------------------------


def _norm(d: Any, p: float) -> Any:
    if p == 0:
        return np.sum(np.where(np.isnan(d), NAN, d != 0), axis=-1, dtype=d.dtype)
    if math.isinf(p):
        return np.max(np.abs(d), axis=-1, initial=0)
    return np.sum(np.abs(d) ** p, axis=-1) ** (1 / p)


def _cdist_reference(a: Any, b: Any, p: float = 2.0, compute_mode: str = "") -> Any:
    return _norm(a[..., :, None, :] - b[..., None, :, :], p)


def _pdist_reference(x: Any, p: float = 2.0) -> Any:
    i, j = np.triu_indices(len(x), 1)
    return _norm(x[i] - x[j], p)


_NORMS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF]


def _cdist_samples(rng: Rng) -> list[Sample]:
    out = [S((away(rng, 2, 3) + 4, away(rng, 3, 3), p)) for p in _NORMS]
    product = {"compute_mode": "use_mm_for_euclid_dist"}
    return [
        *out, S((away(rng, 2, 2, 2) + 4, away(rng, 1, 3, 2))), S((away(rng, 2, 2) + 4, away(rng, 2, 1, 2), 1)),
        S((away(rng, 0, 2), away(rng, 3, 2))), S((away(rng, 1, 1) + 4, away(rng, 1, 1))),
        S((away(rng, 2, 2) + 4, away(rng, 2, 3, 2)), product), S((away(rng, 3, 2)[::-1] + 4, away(rng, 2, 2).T)),
    ]  # fmt: skip


def _cdist_edges(rng: Rng) -> list[Sample]:
    a = np.array([[0.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    b = np.array([[0.0, 1.0], [2.0, 5.0], [5.0, 5.0]])
    out = [S((a, b, p)) for p in _NORMS]
    nan = np.array([[NAN, 1.0]])
    far = np.array([[INF, 1.0]])
    for p in _NORMS[
        :-1
    ]:  # for infinity PyTorch passes over NaN, and makes a gradient of NaN at infinity
        out += [S((nan, b[:1], p)), S((far, b[1:2], p))]
    return [*out, S((a[:, :0], b[:, :0]))]


def _pdist_samples(rng: Rng) -> list[Sample]:
    x = np.cumsum(rng.uniform(0.5, 1.5, (4, 2)), axis=0)
    # no samples without a pair: the backward pass of PyTorch crashes there
    return [*(S((x, p)) for p in _NORMS), S((x[::-1],)), S((x[:, ::-1].T, 3.0))]


def _pdist_edges(rng: Rng) -> list[Sample]:
    x = np.array([[0.0, 1.0], [0.0, 1.0], [2.0, 2.0], [3.0, 1.0]])
    return [*(S((x, p)) for p in _NORMS), S((np.array([[0.0, NAN], [1.0, 1.0], [2.0, NAN]]),))]


# -- the rows ----------------------------------------------------------------------------------------

O = np.ones  # noqa: E741
_SINGLE = np.ones((3, 2), np.float32)
_BOOLS = np.ones((2, 2), bool)

ROWS = [
    Row("mm", tg.mm, np.matmul, _shapes(((2, 3), (3, 2)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2))),
        _two([[0.0, INF], [NAN, 1.0]], [[1.0, 2.0], [1.0, 2.0]]), method="mm", bad=(
        Bad((O((2, 3)), O((2, 3))), errors.ShapeError, "mm: (2, 3) and (2, 3) do not align (3 != 2)"),
        Bad((O((2, 3)), O(3)), errors.ShapeError, "mat2 must be 2-d"),
        Bad((O((2, 3)), _SINGLE), errors.DtypeError, "mm: operands have dtypes"),
        Bad((_BOOLS, _BOOLS), errors.DtypeError, "bool"), Bad((O((2, 3)), 2.0), errors.DtypeError, "mat2 must be a tensor")), complex=3),
    Row("bmm", tg.bmm, np.matmul, _shapes(((2, 2, 3), (2, 3, 2)), ((1, 1, 1), (1, 1, 1)), ((0, 2, 3), (0, 3, 2)), ((2, 2, 0), (2, 0, 2))),
        method="bmm", bad=(
        Bad((O((2, 2, 3)), O((1, 3, 2))), errors.ShapeError, "the numbers must be equal"),
        Bad((O((2, 3)), O((2, 3, 2))), errors.ShapeError, "input must be 3-d"),
        Bad((O((2, 2, 3)), O((2, 2, 3))), errors.ShapeError, "do not align")), complex=3),
    Row("mv", tg.mv, np.matmul, _shapes(((2, 3), (3,)), ((1, 1), (1,)), ((0, 3), (3,)), ((2, 0), (0,))), method="mv", bad=(
        Bad((O((2, 3)), O(2)), errors.ShapeError, "do not align"), Bad((O((2, 3)), O((3, 1))), errors.ShapeError, "vec must be 1-d"),
        Bad((O((2, 2)), O(2, np.float32)), errors.DtypeError, "mv: operands have dtypes")), complex=3),
    Row("dot", tg.dot, np.dot, _shapes(((3,), (3,)), ((1,), (1,)), ((0,), (0,))), _two([1.0, INF, NAN], [0.0, 1.0, 2.0]),
        method="dot", numpy=np.dot, bad=(
        Bad((O(3), O(1)), errors.ShapeError, "dot: expected two vectors of one length"),
        Bad((O((1, 3)), O(3)), errors.ShapeError, "two vectors"), Bad((O(3), O(3, np.float32)), errors.DtypeError, "dtypes"),
        Bad((O(3, bool), O(3, bool)), errors.DtypeError, "bool")), complex=3),
    Row("vdot", tg.vdot, np.vdot, _shapes(((3,), (3,)), ((1,), (1,)), ((0,), (0,))), method="vdot", numpy=np.vdot, bad=(
        Bad((O(3), O(2)), errors.ShapeError, "vdot: expected two vectors"), Bad((O(3), 1.0), errors.DtypeError, "other must be")), complex=3),
    Row("inner", tg.inner, np.inner, _shapes(((2, 3), (3,)), ((3,), (3,)), ((2, 3), (2, 3)), ((3,), (2, 2, 3)), ((2, 1, 3), (2, 2, 3)),
        ((), (2, 3)), ((2, 3), ()), ((2, 0), (3, 0)), ((0, 2), (2,))), method="inner", numpy=np.inner, bad=(
        Bad((O((2, 3)), O(4)), errors.ShapeError, "3 != 4"), Bad((O(2), O(2, np.float32)), errors.DtypeError, "inner: operands"),
        Bad((O(2, bool), O(2, bool)), errors.DtypeError, "bool")), complex=3),
    Row("outer", tg.outer, np.outer, _shapes(((2,), (3,)), ((1,), (1,)), ((0,), (2,)), ((2,), (0,))), _two([0.0, INF, NAN], [1, 0]),
        method="outer", numpy=np.outer, bad=(
        Bad((O((2, 1)), O(3)), errors.ShapeError, "input must be 1-d"), Bad((O(2), O(())), errors.ShapeError, "vec2 must be 1-d"),
        Bad((O(2), [1.0]), errors.DtypeError, "vec2 must be a tensor")), complex=3),
    Row("ger", tg.ger, np.outer, _shapes(((2,), (3,))), method="ger", bad=(Bad((O((2, 1)), O(3)), errors.ShapeError, "must be 1-d"),), complex=3),
    Row("addmm", tg.addmm, _added(np.matmul), _shapes(((2, 2), (2, 3), (3, 2)), ((2,), (2, 3), (3, 2), {"beta": 3, "alpha": -2}),
        ((), (2, 3), (3, 2), {"beta": 2}), ((2, 1), (2, 3), (3, 2), {"beta": 0}), ((2, 2), (2, 0), (0, 2)), ((2, 2), (2, 1), (1, 2), {"alpha": 0}),
        ((0, 2), (0, 2), (2, 2))), _added_edges((2, 2), (2, 3), (3, 2)), method="addmm", inplace="addmm_", bad=(
        *_factors_bad(O((2, 2)), O((2, 3)), O((3, 2))),
        Bad((O((2, 2)), O((2, 3)), O((2, 2))), errors.ShapeError, "addmm: (2, 3) and (2, 2) do not align"),
        Bad((O((3, 2)), O((2, 3)), O((3, 2))), errors.ShapeError, "input of shape (3, 2)"),
        Bad((O((2, 2), np.float32), O((2, 3)), O((3, 2))), errors.DtypeError, "dtypes"),
        Bad((_BOOLS, _BOOLS, _BOOLS), errors.DtypeError, "bool")), complex=3),
    Row("baddbmm", tg.baddbmm, _added(np.matmul), _shapes(((2, 2, 2), (2, 2, 3), (2, 3, 2)), ((2, 1), (2, 2, 3), (2, 3, 2), {"beta": 3, "alpha": 2}),
        ((), (2, 2, 1), (2, 1, 2), {"beta": 0}), ((2, 2, 2), (2, 2, 0), (2, 0, 2)), ((1, 2, 2), (2, 2, 1), (2, 1, 2), {"alpha": 0})),
        _added_edges((2, 2, 2), (2, 2, 3), (2, 3, 2)), method="baddbmm", inplace="baddbmm_", bad=(
        *_factors_bad(O((2, 2, 2)), O((2, 2, 3)), O((2, 3, 2))),
        Bad((O((2, 2)), O((2, 2, 3)), O((1, 3, 2))), errors.ShapeError, "batch1 has 2 matrices and batch2 has 1")), complex=3),
    Row("addbmm", tg.addbmm, _added(_sum_of_products), _shapes(((2, 2), (3, 2, 3), (3, 3, 2)), ((2,), (3, 2, 3), (3, 3, 2), {"beta": 3, "alpha": 2}),
        ((), (2, 2, 1), (2, 1, 2), {"beta": 0}), ((2, 2), (0, 2, 3), (0, 3, 2)), ((2, 2), (2, 2, 1), (2, 1, 2), {"alpha": 0})),
        _added_edges((2, 2), (2, 2, 3), (2, 3, 2)), method="addbmm", inplace="addbmm_", bad=(
        *_factors_bad(O((2, 2)), O((2, 2, 3)), O((2, 3, 2))),
        Bad((O((2, 2)), O((2, 2, 3)), O((3, 3, 2))), errors.ShapeError, "addbmm: batch1 has 2 matrices")), complex=3),
    Row("addmv", tg.addmv, _added(np.matmul), _shapes(((2,), (2, 3), (3,)), ((1,), (2, 3), (3,), {"beta": 3, "alpha": -2}),
        ((), (2, 3), (3,), {"beta": 0}), ((2,), (2, 0), (0,)), ((2,), (2, 1), (1,), {"alpha": 0})), _added_edges((2,), (2, 3), (3,)),
        method="addmv", inplace="addmv_", bad=(
        *_factors_bad(O(2), O((2, 3)), O(3)), Bad((O(2), O((2, 3)), O(2)), errors.ShapeError, "do not align"),
        Bad((O(3), O((2, 3)), O(3)), errors.ShapeError, "does not broadcast to (2,)")), complex=3),
    Row("addr", tg.addr, _added(np.outer), _shapes(((2, 3), (2,), (3,)), ((3,), (2,), (3,), {"beta": 3, "alpha": -2}), ((), (2,), (3,), {"beta": 0}),
        ((0, 3), (0,), (3,)), ((2, 3), (2,), (3,), {"alpha": 0})), _added_edges((2, 3), (2,), (3,)), method="addr", inplace="addr_", bad=(
        *_factors_bad(O((2, 3)), O(2), O(3)), Bad((O((2, 3)), O((2, 1)), O(3)), errors.ShapeError, "vec1 must be 1-d")), complex=3),
    Row("chain_matmul", tg.chain_matmul, lambda *a: reduce(np.matmul, a), _chain_samples, bad=(
        Bad((), errors.ArgumentError, "at least 1"), Bad((O(3), O((3, 2))), errors.ShapeError, "matrix 0 must be 2-d"),
        Bad((O((2, 3)), O((2, 3))), errors.ShapeError, "tensors 0 and 1 do not align"), Bad((O((2, 3)), _SINGLE), errors.DtypeError, "dtypes")), complex=3),
    Row("multi_dot", tg.linalg.multi_dot, lambda a: reduce(np.matmul, a), _dot_samples, torch="linalg.multi_dot", bad=(
        Bad(([O((2, 2))],), errors.ArgumentError, "at least 2"), Bad(([O((2, 2)), O(2), O((2, 2))],), errors.ShapeError, "tensor 1 must be 2-d"),
        Bad(([O((2, 3)), O((2, 3))],), errors.ShapeError, "do not align"), Bad((O((2, 3)),), errors.ArgumentError, "tuple or list")), complex=3),
    Row("cross", tg.cross, _cross_reference, _cross_samples, _two([[1.0, INF, NAN]], [[0.0, 1.0, 2.0]]), method="cross", bad=(
        Bad((O((2, 2)), O((2, 2))), errors.ShapeError, "no dimension of size 3"), Bad((O((2, 3)), O(3)), errors.ShapeError, "number of dimensions"),
        Bad((O((2, 3)), O((2, 3)), 0), errors.ShapeError, "dim 0 must have size 3"), Bad((O((2, 3)), O((4, 3))), errors.ShapeError, "broadcast"),
        Bad((O(3), O(3, np.float32)), errors.DtypeError, "dtypes"), Bad((O(3), O(3), 1), errors.DimensionError, "dim must be between"),
        Bad((O(3, bool), O(3, bool)), errors.DtypeError, "bool")), complex=3),
    Row("linalg_cross", tg.linalg.cross, lambda x, y, dim=-1: np.cross(x, y, axis=dim), _linalg_cross_samples, numpy=np.cross, torch="linalg.cross", bad=(
        Bad((O((3, 2)), O((3, 2))), errors.ShapeError, "linalg.cross: dim 1 must have size 3"), Bad((O(()), O(())), errors.DimensionError, "0-d")), complex=3),
    Row("vecdot", tg.linalg.vecdot, _vecdot_reference, _shapes(((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), (2, 3), {"dim": 0}), ((2, 3), (1,)),
        ((), ()), ((0, 3), (3,)), ((2, 0), (2, 0))), torch="linalg.vecdot", integers=False, bad=(
        Bad((O((2, 3)), O(4)), errors.ShapeError, "broadcast"), Bad((O(2, int), O(2, int)), errors.DtypeError, "vecdot: input must be floating"),
        Bad((O(2), O(2, np.float32)), errors.DtypeError, "dtypes"), Bad((O(2), O(2)), errors.DimensionError, "dim must be", {"dim": 1})), complex=3),
    Row("trace", tg.trace, np.trace, _shapes(((2, 3),), ((3, 3),), ((1, 1),), ((0, 3),)), method="trace", numpy=np.trace, bad=(
        Bad((O((2, 2, 2)),), errors.ShapeError, "must be a matrix"), Bad((_BOOLS,), errors.DtypeError, "bool")), complex=3),
    Row("einsum", tg.einsum, _einsum_reference, _einsum_samples, numpy=np.einsum, bad=(
        Bad(("ij,jk", O((2, 3))), errors.ArgumentError, "is for 2 operand(s), got 1"), Bad(("ij",), errors.ArgumentError, "expected an equation and operands"),
        Bad(("ijk", O((2, 3))), errors.ArgumentError, "names 3 dimension(s)"), Bad(("i", O((2, 3))), errors.ArgumentError, "write ..."),
        Bad(("i.j", O((2, 3))), errors.ArgumentError, "'.' in 'i.j'"), Bad(("......", O((2, 3))), errors.ArgumentError, "one ... at most"),
        Bad(("i1", O((2, 3))), errors.ArgumentError, "'1' in 'i1'"), Bad(("ij->k", O((2, 3))), errors.ArgumentError, "is in no operand"),
        Bad(("ij->ii", O((2, 3))), errors.ArgumentError, "twice in the result"), Bad(("ij->i->j", O((2, 3))), errors.ArgumentError, "'-' in"),
        Bad(("ii", O((2, 3))), errors.ShapeError, "sizes 2 and 3"), Bad(("ij,jk", O((2, 3)), O((2, 3))), errors.ShapeError, "'j' has size 2 in operand 1"),
        Bad(("...i,...i", O((2, 3)), O((4, 3))), errors.ShapeError, "a dimension of '...'"), Bad(("ij,jk", O((2, 3)), _SINGLE), errors.DtypeError, "dtypes"),
        Bad(("ij,jk", _BOOLS, _BOOLS), errors.DtypeError, "bool"), Bad(("i", "x"), errors.DtypeError, "operand 0 must be a tensor"),
        Bad((), errors.ArgumentError, "expected an equation"),
        Bad((O(2), [52]), errors.ArgumentError, "int from 0 to 51"), Bad((5, O(2)), errors.ArgumentError, "list of dimensions")), complex=3),
    Row("tensordot", tg.tensordot, np.tensordot, _tensordot_samples, numpy=np.tensordot, bad=(
        Bad((O((2, 3)), O((2, 3)), 1), errors.ShapeError, "dim 1 of (2, 3) and dim 0 of (2, 3) differ"), Bad((O((2, 3)), O((3, 2)), 3), errors.ArgumentError, "between 0 and 2"),
        Bad((O((2, 3)), O((3, 2)), -1), errors.ArgumentError, "between 0"), Bad((O((2, 3)), O((3, 2)), ([1], [0, 1])), errors.ArgumentError, "1 dimension(s) of a and 2"),
        Bad((O((2, 2)), O((2, 2)), ([1, 1], [0, 0])), errors.ArgumentError, "twice"), Bad((O((2, 3)), O((3, 2)), (1, 0)), errors.ArgumentError, "sequence of ints"),
        Bad((O((2, 3)), O((3, 2)), ([2], [0])), errors.DimensionError, "dim must be"), Bad((O((2, 3)), _SINGLE, 1), errors.DtypeError, "dtypes"),
        Bad((_BOOLS, _BOOLS, 1), errors.DtypeError, "bool"), Bad((O(2), O(2), "all"), errors.ArgumentError, "int or two sequences")), complex=3),
    Row("cdist", tg.cdist, _cdist_reference, _cdist_samples, _cdist_edges, integers=False, bad=(
        Bad((O((2, 3)), O((4, 2))), errors.ShapeError, "3 != 2"), Bad((O(3), O((2, 3))), errors.ShapeError, "needs matrices"),
        Bad((O((2, 2, 3)), O((3, 2, 3))), errors.ShapeError, "leading dimensions"), Bad((O((2, 3)), O((2, 3)), -1.0), errors.ArgumentError, "p must be"),
        Bad((O((2, 3)), O((2, 3)), NAN), errors.ArgumentError, "p must be"), Bad((O((2, 3)), O((2, 3)), 2.0, "fast"), errors.ArgumentError, "compute_mode"),
        Bad((O((2, 2), int), O((2, 2), int)), errors.DtypeError, "must be floating"), Bad((O((2, 2)), O((2, 2), np.float32)), errors.DtypeError, "dtypes"))),
    Row("pdist", tg.pdist, _pdist_reference, _pdist_samples, _pdist_edges, integers=False, bad=(
        Bad((O(3),), errors.ShapeError, "must be a matrix"), Bad((O((3, 3), int),), errors.DtypeError, "floating"), Bad((O((3, 3)), -1), errors.ArgumentError, "p must be"))),
]  # fmt: skip
