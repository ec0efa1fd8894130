"""Solving and decomposing matrices, their norms and functions.

Factors whose signs are free are compared by what does not depend on the signs; where PyTorch's
function has other results than the row, tests/test_decompose.py compares them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.linalg

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, Sample, away, distinct, normal, turned
from tapegrad import errors

la = tg.linalg

# Rules of no operation of their own.
INTERNAL = {"cofactors"}  # the gradient of det: second order


# -- makers of inputs --------------------------------------------------------------------------------


def regular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Square matrices far from singular."""
    return rng.uniform(-0.5, 0.5, shape) + 2 * np.eye(shape[-1])


def spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Matrices with the singular values 1, 2, 3 and so on."""
    m, n = shape[-2:]
    k = min(m, n)
    u = np.linalg.qr(normal(rng, *shape[:-2], m, m))[0][..., :k]
    v = np.linalg.qr(normal(rng, *shape[:-2], n, n))[0][..., :k]
    return (u * np.arange(k, 0.0, -1)) @ v.swapaxes(-1, -2)


def unreal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex square matrices far from singular."""
    return regular(rng, *shape) + 1j * rng.uniform(-0.5, 0.5, shape)


def wide(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex matrices with the singular values 1, 2, 3 and so on."""
    m, n = shape[-2:]
    k = min(m, n)
    u = np.linalg.qr(normal(rng, *shape[:-2], m, m) + 1j * normal(rng, *shape[:-2], m, m))[0]
    v = np.linalg.qr(normal(rng, *shape[:-2], n, n) + 1j * normal(rng, *shape[:-2], n, n))[0]
    return (u[..., :k] * np.arange(k, 0.0, -1)) @ ct(v[..., :k])


def ct(x: Any) -> Any:
    """The matrices transposed and conjugated."""
    return x.swapaxes(-1, -2).conj()


def of(function: Any, *shapes: Any, **options: Any) -> Any:
    """Samples of one matrix."""
    return lambda rng: [S((function(rng, *shape),), options) for shape in shapes]


def squares(rng: np.random.Generator) -> list[Sample]:
    """Regular matrices: batches, one element, none, negative strides, a negative determinant."""
    shapes = [(3, 3), (2, 2, 2), (1, 1), (0, 3, 3), (0, 0), (2, 1, 2, 2)]
    out = [S((regular(rng, *shape),)) for shape in shapes]
    return [*out, S((regular(rng, 3, 3)[::-1],)), S((regular(rng, 3, 3)[:, ::-1].T,))]


def rectangles(function: Any) -> Any:
    """Square, tall, wide, batches, one row, negative strides."""
    shapes = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3), (1, 3), (1, 1), (0, 2, 2)]

    def make(rng: np.random.Generator) -> list[Sample]:
        out = [S((function(rng, *shape),)) for shape in shapes]
        return [*out, S((function(rng, 3, 2)[::-1, ::-1],))]

    return make


def sym(x: Any) -> Any:
    """The symmetric, or Hermitian, part, so that every element of the input counts."""
    return (x + ct(x)) / 2


def with_options(make: Any, *options: dict[str, Any]) -> Any:
    """Every sample with every set of options."""
    return lambda rng: [S(s.args, {**s.kwargs, **o}) for s in make(rng) for o in options]


def _systems(rng: np.random.Generator) -> list[Sample]:
    shapes = [
        ((3, 3), (3, 2)), ((3, 3), (3,)), ((2, 2, 2), (2, 2)), ((2, 2, 2), (2, 2, 1)),
        ((2, 2), (2, 2, 1)), ((2, 1, 2, 2), (2, 2, 1)), ((0, 2, 2), (2, 3)), ((1, 1), (1, 1)), ((3, 3), (3, 0)),
    ]  # fmt: skip
    out = [S((regular(rng, *a), normal(rng, *b))) for a, b in shapes]
    return [
        *out, S((regular(rng, 3, 3)[::-1].T, normal(rng, 2, 3).T)),
        S((regular(rng, 2, 2), normal(rng, 3, 2)), {"left": False}),
        S((regular(rng, 2, 2, 2), normal(rng, 1, 2)), {"left": False}),
    ]  # fmt: skip


def _triangular_systems(rng: np.random.Generator) -> list[Sample]:
    shapes = [
        ((3, 3), (3, 2)),
        ((2, 2, 2), (2, 1)),
        ((2, 2), (2, 2, 1)),
        ((0, 2, 2), (2, 2)),
        ((1, 1), (1, 1)),
    ]
    out = [
        S((regular(rng, *a), normal(rng, *b)), {"upper": upper})
        for a, b in shapes for upper in (True, False)
    ]  # fmt: skip
    for upper in (True, False):
        pair = regular(rng, 3, 3), normal(rng, 2, 3)
        out += [
            S(pair, {"upper": upper, "left": False}),
            S(pair, {"upper": upper, "left": False, "unitriangular": True}),
            S((pair[0][::-1, ::-1], pair[1].T), {"upper": upper, "unitriangular": True}),
        ]
    return out


def _factor_and_right(rng: np.random.Generator) -> list[Sample]:
    return [
        S((normal(rng, *b), regular(rng, *a)), {"upper": upper})
        for a, b in [((3, 3), (3, 2)), ((2, 2, 2), (2, 1))] for upper in (False, True)
    ]  # fmt: skip


# -- references --------------------------------------------------------------------------------------


def _solve(a: Any, b: Any, left: bool = True) -> Any:
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    b = (b[..., None] if left else b[..., None, :]) if vector else b
    out = np.linalg.inv(a) @ b if left else b @ np.linalg.inv(a)
    return (out[..., 0] if left else out[..., 0, :]) if vector else out


def _solve_triangular(
    a: Any, b: Any, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    t = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        t = t * (1 - np.eye(a.shape[-1])) + np.eye(a.shape[-1])
    return _solve(t, b, left)


def _gram(L: Any, upper: bool) -> Any:
    t = np.triu(L) if upper else np.tril(L)
    return ct(t) @ t if upper else t @ ct(t)


def _householder(a: Any, tau: Any) -> Any:
    m, n = a.shape[-2:]
    q = np.broadcast_to(np.eye(m), (*a.shape[:-2], m, m))
    for i in range(tau.shape[-1]):
        v = np.where(np.arange(m) > i, a[..., i], np.arange(m) == i)
        q = q @ (np.eye(m) - tau[..., i, None, None] * v[..., :, None] * v[..., None, :].conj())
    return q[..., :n]


def _vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    how = {
        "axis": tuple(range(x.ndim)) if dim is None else dim if x.ndim else (),
        "keepdims": keepdim,
    }
    if ord == 0:
        return (x != 0).astype(x.real.dtype).sum(**how)
    if math.isinf(ord):
        return (np.max if ord > 0 else np.min)(abs(x), **how)
    return (abs(x) ** ord).sum(**how) ** (1 / ord)


def _matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis=dim, keepdims=keepdim)


def _norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if ord is None:
        return _vector_norm(x, 2, dim, keepdim)
    return np.linalg.norm(x, ord, axis=dim, keepdims=keepdim)


# -- calls that do not depend on free signs ----------------------------------------------------------


def svd_parts(svd: Any) -> Any:
    """Products of the factors that no choice of signs changes."""

    def parts(x: Any, full_matrices: bool = False) -> Any:
        u, s, vh = svd(x, full_matrices)
        k = s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        first, last = u[..., :1], vh[..., -1:, :]
        return (
            (u * (s * s)[..., None, :]) @ vh, s, first @ ct(first), ct(last) @ last, u @ ct(u),
        )  # fmt: skip

    return parts


def eigh_parts(eigh: Any) -> Any:
    """Products of the factors that no choice of signs changes."""

    def parts(x: Any, UPLO: str = "L") -> Any:
        w, v = eigh(sym(x), UPLO)
        first = v[..., :1]
        return (
            w,
            first @ ct(first),
            (v * (w * w * w)[..., None, :]) @ ct(v),
        )

    return parts


def eig_parts(eig: Any, inv: Any) -> Any:
    """What no choice of lengths and phases of the eigenvectors changes."""

    def parts(x: Any) -> Any:
        w, v = eig(x)
        first = v[..., :1]
        return w, first @ ct(first), (v * (w * w)[..., None, :]) @ inv(v)

    return parts


def _distinct_eigenvalues(rng: np.random.Generator) -> list[Sample]:
    """Real matrices, one with a pair of conjugate eigenvalues, and complex ones."""
    rotation = np.array([[1.0, 2.0, 0.0], [-2.0, 1.0, 0.5], [0.0, 0.5, 4.0]])
    rows = np.diag([1.0, 3.0, 6.0])
    return [
        S((regular(rng, 3, 3) + rows,)), S((regular(rng, 3, 3) / 2 + rotation,)), S((regular(rng, 1, 1),)),
        S((unreal(rng, 3, 3) + rows,)), S((unreal(rng, 2, 2, 2) + rows[:2, :2],)), S((unreal(rng, 0, 2, 2),)),
    ]  # fmt: skip


def _complex_eig(function: Any) -> Any:
    """NumPy answers real arrays where all eigenvalues are real."""
    return lambda x: tuple(np.asarray(part, np.complex128) for part in function(x))


def definite(function: Any) -> Any:
    """The function of the symmetric part."""
    return lambda x, **options: function(sym(x), **options)


def _compact_lu(x: Any) -> Any:
    _, lower, upper = scipy.linalg.lu(x)
    m, n = x.shape[-2:]
    k = min(m, n)
    out = np.zeros_like(x)
    out[..., :k] += np.tril(lower, -1)
    out[..., :k, :] += upper
    return out


def _lu(a: Any) -> Any:
    p, lower, upper = scipy.linalg.lu(a)
    return p.astype(a.dtype), lower, upper


def _lu_solve(a: Any, b: Any, left: bool = True, adjoint: bool = False) -> Any:
    return _solve(ct(a) if adjoint else a, b, left)


def _by_lu(a: Any, b: Any, **options: Any) -> Any:
    return la.lu_solve(*la.lu_factor(a), b, **options)


def _lu_systems(rng: np.random.Generator) -> list[Sample]:
    out = []
    for adjoint in (False, True):
        swapped = regular(rng, 3, 3)[[2, 0, 1]]
        out += [
            S((swapped, normal(rng, 3, 2)), {"adjoint": adjoint}),
            S((regular(rng, 2, 2, 2)[:, ::-1], normal(rng, 2, 1)), {"adjoint": adjoint}),
            S((swapped, normal(rng, 2, 3)), {"adjoint": adjoint, "left": False}),
        ]
    return out


# -- bad inputs --------------------------------------------------------------------------------------

FLAT = Bad((np.ones(3),), errors.ShapeError, "must be a matrix or a batch of them")
OBLONG = Bad(
    (np.ones((2, 3)),), errors.ShapeError, "must be square matrices, (..., N, N), got shape (2, 3)"
)
WHOLE = Bad((np.ones((2, 2), np.int64),), errors.DtypeError, "must be floating, got int64")
HALF_SINGULAR = np.stack([np.eye(2), np.ones((2, 2))])
SINGULAR = Bad((HALF_SINGULAR,), errors.LinAlgError, "batch element 1 is singular")
WILD = Bad(
    (np.stack([np.eye(2), np.full((2, 2), NAN)]),),
    errors.LinAlgError,
    "batch element 1 contains values",
)
NOT_MATRIX = (TEXT, FLAT, WHOLE)
NOT_SQUARE = (TEXT, FLAT, OBLONG, WHOLE)


def _pair(a: Any, b: Any, error: type[Exception], fragment: str, **options: Any) -> Bad:
    return Bad((np.array(a), np.array(b)), error, fragment, options)


E2, E3 = np.eye(2), np.eye(3)

SOLVING = [
    Row("inv", la.inv, np.linalg.inv, squares, method="inverse", numpy=np.linalg.inv, torch="linalg.inv",
        bad=(*NOT_SQUARE, SINGULAR), complex=3),
    Row("solve", la.solve, _solve, _systems, torch="linalg.solve", bad=(
        *(b._replace(args=(*b.args, np.ones(2))) for b in NOT_SQUARE),
        _pair(HALF_SINGULAR, np.ones((2, 1)), errors.LinAlgError, "batch element 1 is singular"),
        _pair(np.ones((2, 2)), np.ones((2, 1)), errors.LinAlgError, "the matrix is singular"),
        _pair(E3, np.ones((2, 1)), errors.ShapeError, "B must have 3 rows, got 2"),
        _pair(E3, np.ones((2, 1)), errors.ShapeError, "B must have 3 columns, got 1", left=False),
        _pair(E2, np.ones(()), errors.ShapeError, "B must be a matrix"),
        _pair(np.zeros((2, 2, 2)) + E2, np.ones((3, 2, 1)), errors.ShapeError, "do not broadcast"),
        _pair(E2, np.ones((2, 1), np.float32), errors.DtypeError, "dtypes float64 and float32")), complex=3),
    Row("solve_triangular", la.solve_triangular, _solve_triangular, _triangular_systems,
        torch="linalg.solve_triangular", bad=(
        *(b._replace(args=(*b.args, np.ones((2, 1))), kwargs={"upper": True}) for b in NOT_SQUARE),
        _pair(E3, np.ones(3), errors.ShapeError, "B must be a matrix", upper=True),
        _pair(E3, np.ones((2, 1)), errors.ShapeError, "B must have 3 rows", upper=True),
        _pair(np.diag([1.0, 0.0]), E2, errors.LinAlgError, "the matrix is singular", upper=True),
        _pair(E2, np.ones((2, 1), np.float32), errors.DtypeError, "dtypes", upper=True)), complex=3),
    Row("cholesky_solve", tg.cholesky_solve, lambda b, L, upper=False: _solve(_gram(L, upper), b),
        _factor_and_right, method="cholesky_solve", torch="", bad=(
        TEXT._replace(args=("text", E2)),
        _pair(np.ones(3), E3, errors.ShapeError, "input must be a matrix"),
        _pair(np.ones((2, 1)), E3, errors.ShapeError, "B must have 3 rows"),
        _pair(np.ones((2, 1)), np.ones((2, 3)), errors.ShapeError, "L must be square")), complex=3),
    Row("cholesky_inverse", tg.cholesky_inverse, lambda L, upper=False: np.linalg.inv(_gram(L, upper)),
        with_options(of(regular, (3, 3), (2, 2, 2), (1, 1)), {}, {"upper": True}),
        method="cholesky_inverse", torch="", bad=NOT_SQUARE, complex=3),
    Row("tensorinv", la.tensorinv, np.linalg.tensorinv,
        lambda rng: [S((regular(rng, 4, 4).reshape(2, 2, 4),)), S((regular(rng, 4, 4).reshape(4, 2, 2), 1))],
        numpy=np.linalg.tensorinv, torch="linalg.tensorinv", bad=(
        TEXT, WHOLE, Bad((np.ones((2, 3, 4)),), errors.ShapeError, "one product, got 6 and 4"),
        Bad((np.ones((2, 2)), 0), errors.ArgumentError, "ind must be a positive int"),
        Bad((np.ones((2, 2)), 1), errors.LinAlgError, "singular")), complex=3),
    Row("tensorsolve", la.tensorsolve, lambda a, b, dims=None: np.linalg.tensorsolve(a, b, dims),
        lambda rng: [
            S((regular(rng, 4, 4).reshape(2, 2, 4), normal(rng, 2, 2))),
            S((regular(rng, 4, 4).reshape(4, 2, 2), normal(rng, 4))),
            S((np.moveaxis(regular(rng, 4, 4).reshape(2, 2, 4), -1, 0).copy(), normal(rng, 2, 2), (0,))),
        ], numpy=np.linalg.tensorsolve, torch="linalg.tensorsolve", bad=(
        TEXT._replace(args=("text", E2)),
        _pair(np.ones((2, 3, 6)), np.ones(5), errors.ShapeError, "do not fit"),
        _pair(np.ones((2, 2)), np.ones(2), errors.LinAlgError, "singular")), complex=3),
]  # fmt: skip

DETERMINANTS = [
    Row("det", tg.det, np.linalg.det, squares,
        method="det", numpy=np.linalg.det, bad=NOT_SQUARE, complex=3),
    Row("slogdet", tg.slogdet, np.linalg.slogdet, squares, method="slogdet", bad=NOT_SQUARE, complex=3),
    Row("logdet", tg.logdet, lambda x: np.log(np.linalg.det(x)), of(regular, (3, 3), (2, 2, 2), (1, 1), (0, 2, 2)),
        lambda rng: [S((-np.eye(3),))], method="logdet", bad=NOT_SQUARE, complex=2),
]  # fmt: skip

DECOMPOSITIONS = [
    Row("cholesky", definite(la.cholesky), lambda x, upper=False: np.linalg.cholesky(sym(x), upper=upper),
        with_options(of(regular, (3, 3), (2, 2, 2), (1, 1), (0, 2, 2), (0, 0)), {}, {"upper": True}), torch="",
        bad=(Bad((np.stack([E3, np.diag([1.0, -1.0, 1.0])]),), errors.LinAlgError,
                 "batch element 1 is not positive-definite: its leading minor of order 2"),
             Bad((-E2,), errors.LinAlgError, "the matrix is not positive-definite"),
             Bad((np.full((2, 2), NAN),), errors.LinAlgError, "not positive-definite")), complex=with_options(of(unreal, (3, 3), (2, 2, 2), (0, 0)), {}, {"upper": True})),
    Row("qr", la.qr, lambda x, mode="reduced": tuple(np.linalg.qr(x, mode)), rectangles(spread), torch="linalg.qr",
        bad=(*NOT_MATRIX, Bad((E2, "full"), errors.ArgumentError, "mode must be")), complex=of(wide, (3, 3), (2, 3, 2), (2, 3))),
    Row("svd", svd_parts(la.svd), svd_parts(np.linalg.svd),
        with_options(rectangles(spread), {}, {"full_matrices": True}), torch="", bad=(*NOT_MATRIX, WILD), complex=with_options(of(wide, (2, 3, 2), (2, 3), (2, 2)), {}, {"full_matrices": True})),
    Row("svdvals", la.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), rectangles(spread),
        numpy=np.linalg.svdvals, torch="linalg.svdvals", bad=(*NOT_MATRIX, WILD), complex=of(wide, (2, 3, 2), (2, 3))),
    Row("eigh", eigh_parts(la.eigh), eigh_parts(np.linalg.eigh),
        lambda rng: [S((sym(x.args[0]) + np.diag(np.arange(x.args[0].shape[-1])),)) for x in squares(rng)[:5]],
        torch="", bad=(Bad((E2, "X"), errors.ArgumentError, "UPLO must be 'L' or 'U'"),), complex=lambda rng: [S((unreal(rng, *s) + np.diag(np.arange(s[-1])),), o) for s, o in [((3, 3), {}), ((2, 2, 2), {"UPLO": "U"})]]),
    Row("eigvalsh", lambda x, UPLO="L": la.eigvalsh(sym(x), UPLO), lambda x, UPLO="L": np.linalg.eigvalsh(sym(x), UPLO),
        lambda rng: [S((regular(rng, 3, 3) + np.diag([0.0, 2.0, 4.0]),)), S((regular(rng, 1, 1), "U"))], torch="",
        bad=(Bad((E2, "X"), errors.ArgumentError, "UPLO"),), complex=lambda rng: [S((unreal(rng, 3, 3) + np.diag([0.0, 2.0, 4.0]),))]),
    Row("eig", eig_parts(la.eig, la.inv), eig_parts(_complex_eig(np.linalg.eig), np.linalg.inv), _distinct_eigenvalues,
        torch="", bad=NOT_SQUARE),
    Row("eigvals", la.eigvals, lambda x: np.asarray(np.linalg.eigvals(x), np.complex128), _distinct_eigenvalues,
        numpy=np.linalg.eigvals, torch="", bad=NOT_SQUARE),
    Row("lu", la.lu, _lu,
        lambda rng: [S((spread(rng, *s),)) for s in [(3, 3), (4, 2), (2, 4), (2, 2, 2), (1, 1), (1, 3)]],
        torch="linalg.lu", bad=NOT_MATRIX, complex=of(wide, (3, 3), (3, 2), (2, 3))),
    Row("lu_factor", lambda x: la.lu_factor(x)[0], _compact_lu,
        lambda rng: [S((spread(rng, *s),)) for s in [(3, 3), (4, 2), (2, 4), (2, 2, 2), (2, 3, 2), (2, 2, 3)]],
        torch="", bad=(*NOT_MATRIX, Bad((HALF_SINGULAR,), errors.LinAlgError, "batch element (1,): U[1, 1] is zero")), complex=of(wide, (3, 3), (2, 3))),
    Row("lu_solve", _by_lu, _lu_solve, _lu_systems, torch="", bad=(
        _pair(E3, np.ones((2, 1)), errors.ShapeError, "B must have 3 rows"),
        _pair(E3, np.ones(3), errors.ShapeError, "B must be a matrix")), complex=turned(_lu_systems)),
    Row("householder_product", la.householder_product, _householder,
        lambda rng: [S((normal(rng, *a), normal(rng, *t))) for a, t in
                     [((3, 2), (2,)), ((3, 3), (2,)), ((2, 3, 2), (2, 2)), ((1, 1), (1,)), ((3, 2), (1,))]],
        torch="linalg.householder_product", bad=(
        _pair(np.ones((2, 3)), np.ones(2), errors.ShapeError, "M >= N"),
        _pair(np.ones((3, 2)), np.ones(3), errors.ShapeError, "K <= N"),
        _pair(np.ones((3, 2)), np.ones(2, np.float32), errors.DtypeError, "dtypes")), complex=3),
    Row("pinv", la.pinv, lambda x, **k: np.linalg.pinv(x), rectangles(spread),
        lambda rng: [S((np.ones((2, 2)),)), S((np.zeros((2, 3)),))], numpy=np.linalg.pinv, torch="linalg.pinv",
        bad=(*NOT_MATRIX, WILD, OBLONG._replace(kwargs={"hermitian": True})), complex=of(wide, (3, 2), (2, 2, 3))),
    Row("pinverse", tg.pinverse, np.linalg.pinv, of(spread, (3, 2), (2, 2, 3)), method="pinverse", bad=NOT_MATRIX, complex=of(wide, (3, 2))),
    Row("lstsq", lambda a, b: la.lstsq(a, b).solution, lambda a, b: np.linalg.pinv(a) @ b,
        lambda rng: [S((spread(rng, *a), normal(rng, *b))) for a, b in [
            ((4, 2), (4, 2)), ((2, 4), (2, 1)), ((3, 3), (3,)), ((2, 3, 2), (3, 1)), ((3, 2), (2, 3, 1))]], torch="",
        bad=(_pair(E3, np.ones((2, 1)), errors.ShapeError, "B must have 3 rows"),
             _pair(E2, np.ones((2, 1), np.float32), errors.DtypeError, "dtypes")), complex=3),
    Row("matrix_rank", la.matrix_rank, lambda x, **k: np.asarray(np.linalg.matrix_rank(x, tol=k.get("atol")), np.int64),
        lambda rng: [*rectangles(spread)(rng), S((np.ones((3, 2)),)), S((np.zeros((2, 2)),)),
                     S((spread(rng, 3, 3),), {"atol": 1.5}), S((np.ones((2, 2)),), {"hermitian": True})],
        differentiable=False, numpy=np.linalg.matrix_rank, torch="linalg.matrix_rank", bad=(*NOT_MATRIX, WILD), complex=2),
]  # fmt: skip

ORDERS = [0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1, -2.5]


def _vector_samples(rng: np.random.Generator) -> list[Sample]:
    out = [S((distinct(rng, 2, 3), p)) for p in ORDERS]
    out += [S((distinct(rng, 2, 3, 2), p, (0, 2)), {"keepdim": True}) for p in (2, 3, INF)]
    return [
        *out, S((away(rng),)), S((away(rng, 1),)), S((away(rng, 0),)), S((away(rng, 0, 2), 1)),
        S((away(rng, 0, 2), INF, 1)), S((away(rng, 3, 2)[::-1], 2, 0)), S((away(rng), 3, 0)),
    ]  # fmt: skip


def _vector_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[0.0, 0.0, 0.0], [2.0, -2.0, 0.0], [1.0, NAN, 3.0]])
    return [S((x, p, 1)) for p in (0, 1, 1.5, 2, 3, INF, -INF)]


def _matrix_samples(rng: np.random.Generator) -> list[Sample]:
    orders = ["fro", "nuc", 1, -1, 2, -2, INF, -INF]
    out = [S((spread(rng, 3, 2), p)) for p in orders]
    return [*out, *(S((spread(rng, 2, 2, 2), p, (0, 2)), {"keepdim": True}) for p in orders)]


NORMS = [
    Row("vector_norm", la.vector_norm, _vector_norm, _vector_samples, _vector_edges, torch="linalg.vector_norm", keeps_nan=True, bad=(
        TEXT, WHOLE, Bad((np.ones(0), INF), errors.ShapeError, "no elements"),
        Bad((np.ones((0, 2)), -1, 0), errors.ShapeError, "no elements"),
        Bad((np.ones(2), "fro"), errors.ArgumentError, "ord must be a number"),
        Bad((np.ones(2), 2, 1), errors.DimensionError, "dim"),
        Bad((np.ones(2), 2, (0, 0)), errors.ArgumentError, "twice"),
        Bad((np.ones(2),), errors.DtypeError, "dtype must be floating", {"dtype": tg.int64})), complex=3),
    Row("matrix_norm", la.matrix_norm, _matrix_norm, _matrix_samples,
        lambda rng: [S((np.ones((2, 2)), p)) for p in (1, INF, -1, -INF)], torch="linalg.matrix_norm", bad=(
        *NOT_MATRIX, Bad((E2, 3), errors.ArgumentError, "ord must be"), Bad((E2, "x"), errors.ArgumentError, "ord"),
        Bad((E2, 1, (0, 0)), errors.ArgumentError, "twice"), Bad((E2, 1, 0), errors.ArgumentError, "two dimensions")), complex=3),
    Row("linalg_norm", la.norm, _norm, lambda rng: [
        S((distinct(rng, 2, 3),)), S((distinct(rng, 2, 3, 2),)), S((spread(rng, 3, 2), 2)), S((spread(rng, 3, 2), "nuc")),
        S((distinct(rng, 4), 3)), S((away(rng, 2, 3, 2), INF, 1)), S((away(rng, 2, 3, 2), 1, (0, 2), True)),
        S((distinct(rng, 2, 3, 2), None, (0, 2), True)), S((distinct(rng, 2, 3)[::-1], None, 1)),
        ], numpy=np.linalg.norm, torch="linalg.norm", bad=(
        TEXT, WHOLE, Bad((np.ones((2, 2, 2)), 2), errors.ShapeError, "1-d or 2-d"),
        Bad((np.ones((2, 2, 2)), 2, (0, 1, 2)), errors.ArgumentError, "one or two dimensions"),
        Bad((np.ones(2), "fro"), errors.ArgumentError, "for matrices")), complex=3),
    Row("cond", la.cond, lambda a, p=None: np.real(np.linalg.cond(a, p)),  # complex in NumPy 2.0
        lambda rng: [S((spread(rng, *s), p)) for s in [(3, 3), (2, 2, 2)] for p in (None, "fro", "nuc", 1, -1, 2, -2, INF, -INF)]
        + [S((spread(rng, 3, 2),)), S((spread(rng, 2, 3), -2))],
        numpy=np.linalg.cond, torch="", bad=(
        *NOT_MATRIX, OBLONG._replace(args=(np.ones((2, 3)), 1)), Bad((E2, 3), errors.ArgumentError, "p must be")), complex=6),
]  # fmt: skip


def _powers(x: Any, N: Any = None) -> Any:
    return x[..., None] ** np.arange(x.shape[-1] if N is None else N)


FUNCTIONS = [
    Row("matrix_power", tg.matrix_power, np.linalg.matrix_power,
        lambda rng: [S((regular(rng, 2, 2), n)) for n in (0, 1, 2, 3, 5, -1, -2)]
        + [S((regular(rng, 2, 2, 2), 3)), S((regular(rng, 0, 2, 2), -2))],
        method="matrix_power", numpy=np.linalg.matrix_power, bad=(
        Bad((np.ones(3), 2), errors.ShapeError, "square"), Bad((E2, 1.5), errors.ArgumentError, "n must be an int"),
        Bad((np.ones((2, 3)), 2), errors.ShapeError, "square"), Bad(("text", 2), errors.DtypeError, "must be a tensor"),
        Bad((np.ones((2, 2), np.int64), -1), errors.DtypeError, "negative power"),
        Bad((np.ones((2, 2)), -1), errors.LinAlgError, "singular")), complex=3),
    Row("matrix_exp", tg.matrix_exp, lambda x: scipy.linalg.expm(x) if x.size else x,
        lambda rng: [S((normal(rng, *s) * scale,)) for s, scale in
                     [((3, 3), 1), ((2, 2, 2), 0.5), ((1, 1), 1), ((2, 2), 3), ((0, 2, 2), 1), ((0, 0), 1)]]
        + [S((normal(rng, 3, 3)[::-1],))],
        lambda rng: [S((np.stack([np.zeros((2, 2)), np.diag([0.01, 9.0]), [[0.0, 20.0], [-20.0, 0.0]]]),))],
        method="matrix_exp", bad=NOT_SQUARE, complex=3),
    Row("linalg_vander", la.vander, _powers,
        lambda rng: [S((away(rng, 3),)), S((away(rng, 2, 2),), {"N": 4}), S((away(rng, 1),), {"N": 3})],
        lambda rng: [S((np.array([0.0, 1.0, -1.0]),))], torch="linalg.vander", bad=(
        TEXT, Bad((np.ones(()),), errors.ShapeError, "0-d"), Bad((np.ones(1),), errors.ArgumentError, "at least 2")), complex=3),
    Row("linalg_diagonal", la.diagonal, lambda x, offset=0, dim1=-2, dim2=-1: np.diagonal(x, offset, dim1, dim2),
        lambda rng: [S((normal(rng, 2, 3, 3),)), S((normal(rng, 2, 3, 2),), {"offset": 1, "dim1": 0})],
        torch="linalg.diagonal", bad=(TEXT, Bad((np.ones(2),), errors.TapegradError, "dim")), complex=3),
]  # fmt: skip

ROWS: list[Row] = [*SOLVING, *DETERMINANTS, *DECOMPOSITIONS, *NORMS, *FUNCTIONS]
