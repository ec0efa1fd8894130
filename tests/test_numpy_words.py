"""NumPy's functions on tensors: each one's result is NumPy's, and it records."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import is_varied, listed, mapped
from tapegrad import errors
from tapegrad.equivalents import EQUIVALENTS
from tapegrad.ops.words import ACCUMULATIONS, FUNCTIONS, REDUCTIONS, UFUNCS
from tapegrad.protocols import name_of
from tapegrad.tensor import Tensor, to_host

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")  # newer NumPy
RNG = np.random.default_rng(0)
V, W, M, N, C = (
    RNG.uniform(0.3, 0.9, s) * RNG.choice([-1.0, 1.0], s) for s in (5, 5, (3, 4), (3, 4), (2, 3, 4))
)
P = RNG.uniform(0.2, 0.8, (3, 4))
SQUARE = RNG.standard_normal((3, 3)) + 4 * np.eye(3)
SPD = SQUARE @ SQUARE.T + np.eye(3)
A, J = np.array([[1, 2, 3], [6, 4, 5]]), np.array([[4, 2, 7], [1, 1, 3]])
B, D = A > 2, J > 2
HOLES = np.where(RNG.random((3, 4)) < 0.3, np.nan, M)
HOLES[:, 0] = [0.5, -0.25, 0.75]
K = np.array([0, 2, 3, 1, 0])
X = np.array([0.1, 0.4, 0.9, 1.7, 2.2])

# calls of every word, by its name after `np.`: arguments, and a dict last for those by name
CALLS: dict[str, list[tuple[Any, ...]]] = {
    # -- elements
    **{name: [(P,)] for name in (
        "abs", "absolute", "arccos", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "ceil", "conjugate", "cos",
        "cosh", "deg2rad", "degrees", "exp", "exp2", "expm1", "fabs", "fix", "floor", "i0", "log", "log10", "log1p",
        "log2", "modf", "negative", "positive", "rad2deg", "radians", "reciprocal", "rint", "sign", "signbit", "sin",
        "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "isfinite", "isinf", "isnan", "isneginf", "isposinf",
        "isreal", "iscomplex", "real", "imag", "angle", "frexp", "nan_to_num", "round", "around", "logical_not",
    )},
    **{name: [(M, N), (M, N[0]), (M, 1.5)] for name in (
        "add", "copysign", "divide", "equal", "floor_divide", "fmax", "fmin", "greater", "greater_equal",
        "heaviside", "less", "less_equal", "logaddexp", "logaddexp2", "logical_and", "logical_or", "logical_xor",
        "maximum", "minimum", "multiply", "nextafter", "not_equal", "remainder", "subtract", "true_divide", "fmod",
        "divmod", "arctan2", "hypot",
    )},
    "power": [(P, N), (P, 2)], "arccosh": [(P + 1.5,)],
    **{name: [(A, J), (A, 3)] for name in ("gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")},
    "ldexp": [(M, A[0, 0]), (M, np.array([1, 2, 0, 3]))], "invert": [(A,), (B,)],
    "matmul": [(M, N.T), (C, N.T), (V, W)], "matvec": [(M, N[0]), (C, N[0])], "vecmat": [(SQUARE[0], M)], "vecdot": [(M, N)],
    "unwrap": [(6 * C,), (6 * V, 1.0), (V, {"period": 0.5}), (6 * C, {"axis": 0})],
    "interp": [(X, np.array([0.0, 0.5, 2.0]), W[:3]), (X, np.array([0.0, 0.5, 2.0]), W[:3], -1.0, 7.0), (0.7, X, W), (X[:4] + 0.05, X, W),
                (3 * X, np.array([0.15, 0.35, 0.8]), W[:3], {"period": 1.0}), (X, X[:1] - 0.03, W[:1], -1.0)],
    **{name: [(V, W[:n], mode) for n in (1, 2, 3, 5) for mode in ("full", "same", "valid")] +
             [(V[:n], W, mode) for n in (2, 3) for mode in ("full", "same", "valid")] + [(A[0], J[1])]
       for name in ("convolve", "correlate")},
    "polyval": [(V[:3], M), (V, 0.5), ([2.0, 1.0], M)],
    "gradient": [(V,), (V, 0.5), (V, X), (C, {"axis": 1}), (C, 0.5, {"axis": (0, 2)}), (M, X[:3], 2.0), (V, X, {"edge_order": 2}),
                 (V, 0.3, {"edge_order": 2}), (V[:2],)],
    "diff": [(V,), (C, 2, 1)], "ediff1d": [(M,), (V, np.array([9.0]), np.array([7.0, 8.0])), (V, 3.0)], "trapezoid": [(M,), (M, X[:4])],
    "clip": [(M, -0.5, 0.5), (M, None, 0.5), (M, -0.5, None)], "where": [(B[:, :3].T[:1], 1.0, C[0, :, :2]), (M > 0, M, N)],
    "isclose": [(M, M + 1e-9)], "allclose": [(M, M), (M, N)], "array_equal": [(M, M), (M, N)], "array_equiv": [(M[:1], M), (M[:1], M[:1])],
    "isin": [(A, np.array([1, 4]))],
    # -- reductions and scans
    **{name: [(C,), (C, 1), (C, -1), (C, {"axis": 0, "keepdims": True})] for name in (
        "sum", "mean", "std", "var", "max", "min", "amax", "amin", "argmax", "argmin", "all", "any", "prod", "ptp", "median",
        "nansum", "nanmean", "nanstd", "nanvar", "nanmax", "nanmin", "nanprod", "nanargmax", "nanargmin", "nanmedian",
        "count_nonzero")},
        "average": [(M,), (M, 1), (M, None, P), (M, 0, P), (M, 1, X[:4]), (M, 0, X[:3], True), (M, 0, X[:3], {"keepdims": True})],
    **{name: [(M, 0.3), (M, [0.25, 0.6], 1)] for name in ("quantile", "nanquantile")},
    **{name: [(M, 30), (M, [25, 60], 1)] for name in ("percentile", "nanpercentile")},
    **{name: [(V,), (C, 1), (C,)] for name in ("cumsum", "cumprod", "nancumsum", "nancumprod")},
    **{name: [(V,), (C, {"axis": 1}), (C, {"axis": -1, "include_initial": True})] for name in ("cumulative_sum", "cumulative_prod")},
    "cov": [(M,), (V, W), (M, {"rowvar": False}), (M, N, False)], "corrcoef": [(M,), (V, W), (M, N), (M, None, False)], "bincount": [(K,), (K, X), (K, {"minlength": 6})],
    "histogram": [(M,), (M, 4, (-1.0, 1.0)), (V, np.array([-1.0, 0.0, 1.0])), (V, 3, {"weights": W})], "digitize": [(M, np.array([-0.5, 0.0, 0.5]))],
    "searchsorted": [(X, V)],
    # -- shape, joining, cutting
    "reshape": [(C, (6, 4)), (C, -1)], "ravel": [(C,)], "transpose": [(C,), (C, (1, 0, 2))], "swapaxes": [(C, 0, 2)],
    "squeeze": [(M[:1],), (M[:1], 0)], "expand_dims": [(M, 1), (M, (0, 3)), (M, -1)], "broadcast_to": [(V, (2, 5))],
    "concatenate": [([M, N],), ([M, N], 1), ([M, V], None)], "stack": [([M, N],), ([M, N], -1)], "copy": [(M,)],
    "shape": [(C,)], "ndim": [(C,)], "size": [(C,), (C, 1)], "moveaxis": [(C, 0, 2), (C, (0, 1), (2, 0))], "rollaxis": [(C, 2), (C, 0, 3), (C, 1, 0)],
    "matrix_transpose": [(C,)], "flip": [(C,), (C, 1)], "fliplr": [(M,)], "flipud": [(M,)], "roll": [(M, 2), (M, 1, 0)], "rot90": [(M,), (M, 3)],
    "tile": [(M, (2, 1)), (M, 2)], "repeat": [(M, 2), (M, 2, 1)], "kron": [(M, N)], "vander": [(V,)], "pad": [(M, 1), (M, ((0, 1), (2, 0)))],
    "split": [(V, [2, 3]), (M, 2, 1)], "array_split": [(V, 2)], "hsplit": [(M, 2)], "vsplit": [(M, 3)], "dsplit": [(C, 2)], "unstack": [(C,), (C, {"axis": 1})],
    "hstack": [([M, N],)], "vstack": [([M, N],)], "dstack": [([M, N],)], "column_stack": [([V, W],)], "append": [(M, N), (M, N, 0), (V, [1.0, 2.0])],
    "block": [([[M, N], [N, M]],), ([V, W, 1.0],)], "delete": [(M, 1), (M, 1, 0), (M, [0, 2], 1), (V, slice(1, 3)), (V, -1)],
    "insert": [(V, 1, 9.0), (V, [0, 2], [7.0, 8.0]), (M, 1, W[:4], 0), (M, 1, N[:, 0], 1), (M, [1, 3], N[:, :2], 1), (V, slice(0, 2), 5.0), (M, 2, 4.0)],
    "resize": [(M, (2, 3)), (V, 7)], "atleast_1d": [(V,)], "atleast_2d": [(V,)], "atleast_3d": [(M,)], "astype": [(M, np.float32), (A, np.float64)],
    "broadcast_arrays": [(M, N[0])], "meshgrid": [(V, W[:2]), (V, W[:2], {"indexing": "ij", "sparse": True}), (V, W[:2], X[:3])],
    "lib.stride_tricks.sliding_window_view": [(V, 3), (M, (2, 2)), (M, 2, 1)],
    "zeros_like": [(M,)], "ones_like": [(M,), (M, {"dtype": int, "shape": (2,)})], "full_like": [(M, 3.5)],
    # -- choosing and order
    "take": [(M, np.array([0, 2]), 1), (M, np.array([5, 1]))], "take_along_axis": [(M, np.array([[0], [2], [1]]), 1), (M, np.array([5, 1]), None)],
    "nonzero": [(B,)], "flatnonzero": [(B,)], "argwhere": [(B,)], "extract": [(M > 0, M)], "compress": [([True, False, True], M, 0), ([False, True], M)],
    "choose": [(np.array([1, 0, 1, 0]), [M, N[0]]), (np.array([5, -1]), (V[:2], W[:2]), {"mode": "clip"})],
    "select": [([M > 0.4, M < 0], [M, N]), ([M > 0.4], [M], 7.0)],
    "piecewise": [(M, [M < -0.2, M > 0.2], [lambda x: -x, lambda x: x * x]), (M, [M > 0], [np.sqrt, 1.5]), (V, [V > 9], [1.0])],
    "sort": [(C,), (C, 0), (C, None)], "argsort": [(C,), (C, 0)], "lexsort": [((K, A.ravel()[:5]),), (np.stack([K, K[::-1]]),)], "unique": [(K,)],
    **{f"unique_{name}": [(K,)] for name in ("values",)},
    **{name: [(K, np.array([1, 3, 7])), (A, J), (HOLES[0], HOLES[1])] for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d")},
    "tril": [(M,), (C, 1)], "triu": [(M, -1)], "diag": [(V,), (M, 1)], "diagflat": [(M,)], "diagonal": [(C, 0, 0, 2)], "trace": [(M,), (C, 1, 0, 2)],
    "tril_indices_from": [(M,), (M, -1)], "triu_indices_from": [(M, 1)], "diag_indices_from": [(SQUARE,)],
    "unravel_index": [(A, (3, 4))], "ravel_multi_index": [((A, J), (7, 8)), ((A, J), (4, 4), {"mode": "wrap"}), ((A, J), (4, 4), {"mode": "clip"})],
    # -- products and linear algebra
    "dot": [(M, N.T), (V, W)], "vdot": [(V, W)], "inner": [(M, N)], "outer": [(V, W)], "cross": [(SQUARE, SPD)], "einsum": [("ij,kj->ik", M, N)],
    "tensordot": [(C, N, {"axes": ([2], [1])}), (M, N.T, 1)],
    "linalg.matmul": [(M, N.T)], "linalg.outer": [(V, W)], "linalg.tensordot": [(M, N.T, {"axes": 1})], "linalg.diagonal": [(C,), (C, {"offset": 1})],
    "linalg.trace": [(C,)], "linalg.matrix_transpose": [(C,)], "linalg.cross": [(SQUARE, SPD)], "linalg.vecdot": [(M, N)],
    **{f"linalg.{name}": [(SPD,)] for name in ("inv", "det", "cholesky", "slogdet", "pinv", "eigvalsh", "svdvals", "cond", "norm", "matrix_norm", "vector_norm", "matrix_rank", "eigvals")},
    "linalg.solve": [(SPD, SQUARE), (SPD, V[:3])], "linalg.matrix_power": [(SQUARE, 3), (SQUARE, -1)], "linalg.multi_dot": [([M, N.T, M],)],
    "linalg.norm": [(M,), (V, 1), (M, None, 1)], "linalg.tensorsolve": [(np.eye(6).reshape(2, 3, 6) * 2.0, C[0, :2, :3])], "linalg.tensorinv": [(np.eye(6).reshape(2, 3, 6) * 2.0, {"ind": 2})],
    "linalg.qr": [(M,)], "linalg.svd": [(M, False)], "linalg.eigh": [(SPD,)], "linalg.eig": [(SPD,)], "linalg.lstsq": [(M.T, W[:4])],
}  # fmt: skip
MORE: dict[str, list[tuple[Any, ...]]] = {
    "float_power": [(P, N)],
    "heaviside": [(M, 0.5)],
    "var": [(C, 0, {"ddof": 1}), (C, (0, 2))], "std": [(C, {"axis": (0, 1), "ddof": 1})],
    **{name: [(HOLES,), (HOLES, 0), (HOLES, 1, {"keepdims": True})] for name in (
        "nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nanargmax", "nanargmin", "nanmedian")},
    **{name: [(A,), (A, 1)] for name in ("nanmax", "nanmin", "nanargmax", "nanargmin")},  # integers have no NaN
    "choose": [(np.array([1, 0]), [V[:2], [7.0, 8.0]])], "resize": [(V[:0], (2, 2))],
    "piecewise": [(M, [M < -0.2, M > 0.2], [lambda x: -x, np.exp, 0.5])],
    "cross": [(SQUARE, SPD, {"axis": 0})],
    "gradient": [(V, np.array(0.5))],
}  # fmt: skip
CALLS = {name: CALLS.get(name, []) + MORE.get(name, []) for name in {**CALLS, **MORE}}
# signs of vectors, or what is no array, differ: only the first values are compared with NumPy, if any
LOOSE = {
    "linalg.qr": None,
    "linalg.svd": 1,
    "linalg.eigh": 0,
    "linalg.eig": 0,
    "linalg.eigvals": 0,
    "linalg.lstsq": 0,
    "unique_values": 0,
}
# differences cannot tell: symmetric matrices, float32, edges of bins that carry no gradient
NO_DIFFERENCES = {
    "linalg.eig",
    "linalg.eigvals",
    "linalg.cholesky",
    "linalg.eigvalsh",
    "linalg.eigh",
    "linalg.lstsq",
    "astype",
    "histogram",
}
# words for every sorted result that NumPy leaves undefined, or nothing but a memory
OTHERWISE = {
    "partition",
    "argpartition",
    "empty_like",
    "isrealobj",
    "iscomplexobj",
}


def function_of(name: str) -> Any:
    """The function of NumPy, or None where this NumPy has none of the name."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


CASES = [(name, call) for name, calls in CALLS.items() for call in calls if function_of(name)]
cases = pytest.mark.parametrize(
    ("name", "call"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)]
)


def parts(call: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (call[:-1], call[-1]) if isinstance(call[-1], dict) else (call, {})


def as_numpy(value: Any) -> Any:
    return to_host(value) if isinstance(value, Tensor) else np.asarray(value)


@cases
def test_a_word_answers_as_numpy_does(name: str, call: Any, device: str) -> None:
    args, kwargs = parts(call)
    function = function_of(name)
    with np.errstate(all="ignore"):
        have = function(*mapped(args, lambda a: tg.tensor(a, device=device)), **kwargs)
        want = function(*args, **kwargs)
    assert mapped_types(have), f"np.{name} answers {type(have)}"
    have, want = listed(have), listed(want)
    if name in LOOSE:
        if LOOSE[name] is None:
            return
        have, want = [have[LOOSE[name]]], [want[LOOSE[name]]]
    assert len(have) == len(want)
    for h, w in zip(have, want, strict=True):
        w = np.asarray(w)
        h = as_numpy(h)
        if name in LOOSE:
            h, w = np.sort(h.real), np.sort(w.real)
        assert h.shape == w.shape
        assert h.dtype.kind == w.dtype.kind or "c" in (h.dtype.kind, w.dtype.kind)
        tolerances.assert_same(h, w, name)


def mapped_types(value: Any) -> bool:
    """Whether everything is a tensor, or what NumPy has for sizes and truths."""
    return all(isinstance(v, (Tensor, int, bool, tuple, np.bool_)) for v in listed(value))


@cases
def test_a_word_records(name: str, call: Any) -> None:
    args, kwargs = parts(call)
    arrays: list[np.ndarray] = []
    mapped(args, lambda a: arrays.append(a) if is_varied(a) else None)
    if not arrays or name in NO_DIFFERENCES or any(np.isnan(a).any() for a in arrays):
        return

    def call_on(*inputs: Any) -> Any:
        given = iter(inputs)
        return function_of(name)(
            *mapped(args, lambda a: next(given) if is_varied(a) else a), **kwargs
        )

    with np.errstate(all="ignore"):
        results = [r for r in listed(call_on(*map(tg.tensor, arrays))) if isinstance(r, Tensor)]
        floats = [r for r in results if r.dtype.kind == "f"]
        if not floats:
            return
        gradients.check(call_on, arrays)


def registered() -> set[str]:
    """The names after `np.` of all words."""
    return {u.__name__ for u in UFUNCS} | {name_of(f).removeprefix("np.") for f in FUNCTIONS}


def test_every_word_is_tested() -> None:
    known = {f for name in CALLS if (f := function_of(name)) is not None}
    words = (f for f in (*UFUNCS, *FUNCTIONS) if "fft" not in getattr(f, "__module__", ""))
    assert not [f for f in words if f not in known and f.__name__ not in OTHERWISE]


def test_equivalents_are_named_for_what_is_no_word() -> None:
    assert not EQUIVALENTS.keys() & registered()
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(
        errors.DtypeError, match=r"np\.ix_ is not recorded .* use x\[i\[:, None\], j\], or x\.d"
    ):
        np.ix_(x)
    with pytest.raises(errors.DtypeError, match=r"np\.add\.at is not recorded .* use x\.index_add"):
        np.add.at(x, 0, 1)
    with pytest.raises(
        errors.DtypeError, match=r"np\.trim_zeros is not recorded .* use a tapegrad function"
    ):
        np.trim_zeros(x)
    with pytest.raises(errors.DtypeError, match=r"np\.exp with where is not recorded"):
        np.exp(x, where=True)
    with pytest.raises(errors.ArgumentError, match=r"np\.sum: .*'where'.* called with a tensor"):
        np.sum(x, where=True)


@cases
def test_arrays_and_tensors_mix(name: str, call: Any) -> None:
    """Whichever of several arrays is a tensor: the result is one."""
    args, kwargs = parts(call)
    given: list[np.ndarray] = []
    mapped(args, lambda a: given.append(a))
    if name == "take" or len(given) < 2:  # NumPy asks the array alone
        return
    for chosen in range(len(given)):
        count = iter(range(len(given)))
        mixed = mapped(
            args, lambda a, count=count, chosen=chosen: tg.tensor(a) if next(count) == chosen else a
        )
        with np.errstate(all="ignore"):
            assert mapped_types(function_of(name)(*mixed, **kwargs))


def test_ufuncs_read_lists_as_arrays() -> None:
    x = tg.ones(3, requires_grad=True)
    for y in (np.add([1.0, 2.0, 3.0], x), np.maximum(x, (1.0, 2.0, 3.0))):
        assert isinstance(y, Tensor) and y.requires_grad
    with pytest.raises(errors.DtypeError):
        np.add("text", x)


def test_partitions_are_sorted(device: str) -> None:
    x = tg.tensor(C, device=device, requires_grad=True)
    y = np.partition(x, 2, axis=1)
    assert y.requires_grad
    np.testing.assert_array_equal(to_host(y), np.sort(C, 1))
    np.testing.assert_array_equal(to_host(np.argpartition(x, 2, axis=None)), np.argsort(C, None))


def test_empty_like_keeps_dtype_and_device(device: str) -> None:
    x = tg.zeros(2, 3, device=device)
    for y, shape in ((np.empty_like(x), (2, 3)), (np.empty_like(x, shape=(4,)), (4,))):
        assert y.shape == shape and y.dtype == x.dtype and y.device == x.device


def test_methods_of_ufuncs(device: str) -> None:
    x = tg.tensor(C, device=device, requires_grad=True)
    for ufunc in REDUCTIONS:
        for options in ({}, {"axis": 1, "keepdims": True}, {"axis": None}):
            with np.errstate(all="ignore"):
                have, want = ufunc.reduce(x, **options), ufunc.reduce(C, **options)
            tolerances.assert_same(to_host(have), want, f"{ufunc}.reduce")
    for ufunc in ACCUMULATIONS:
        for axis in (0, 2):
            have = ufunc.accumulate(x, axis=axis)
            tolerances.assert_same(
                to_host(have), ufunc.accumulate(C, axis=axis), f"{ufunc}.accumulate"
            )
            assert have.requires_grad
    for ufunc in (np.add, np.multiply, np.less):
        tolerances.assert_same(to_host(ufunc.outer(x[0], x[0, 0])), ufunc.outer(C[0], C[0, 0]))
    assert np.multiply.outer([1.0, 2.0], tg.ones(2)).tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_dtype_and_out(device: str) -> None:
    x, y = tg.tensor(M, device=device), tg.zeros(3, 4, dtype=tg.float64, device=device)
    assert np.exp(x, out=y) is y
    tolerances.assert_same(to_host(y), np.exp(M))
    s = tg.zeros(4, dtype=tg.float64, device=device)
    assert np.sum(x, axis=0, out=s) is s
    tolerances.assert_same(to_host(s), M.sum(0))
    assert np.add(x, 1, dtype=np.float32).dtype == tg.float32
    with pytest.raises(errors.DtypeError, match=r"np\.sum: out must be a tensor"):
        np.sum(x, axis=0, out=np.zeros(4))


PAGE = Path(__file__).parents[1] / "docs" / "numpy.md"


def page() -> str:
    """The list of words."""
    groups: dict[str, list[str]] = {}
    for name in sorted(registered()):
        groups.setdefault("np." + name.rpartition(".")[0] if "." in name else "np", []).append(name)
    lines = ["# NumPy's functions on tensors", ""]
    lines += [
        "These functions of NumPy take tensors, with NumPy's arguments, and record like tapegrad's own. Results",
        "have the dtypes of tapegrad's promotion; gradients at ties are PyTorch's. `out=` takes a tensor where",
        "nothing is recorded; `where=`, `order=` and `casting=` are refused. Of the methods of ufuncs there are",
        f"`reduce` ({', '.join(f'`{u.__name__}`' for u in REDUCTIONS)}), `accumulate`",
        f"({', '.join(f'`{u.__name__}`' for u in ACCUMULATIONS)}) and `outer` (all of two operands). Every other",
        "function answers with an error that names what to use instead.",
        "",
        "This page is written by `python tests/test_numpy_words.py`, and a test compares it with the registries.",
    ]
    for prefix, names in groups.items():
        lines += ["", f"## {prefix}", ""]
        lines += textwrap.wrap(" ".join(f"`{n.rpartition('.')[2]}`" for n in names), 110)
    lines += [
        "",
        "## Other packages",
        "",
        "- opt_einsum takes tensors as they are.",
        "- einops takes tensors where it was imported before tapegrad; otherwise after",
        "  `import tapegrad.interop.einops`, where its layers are too.",
    ]
    lines += ["", "## What to use instead", "", "| NumPy | tapegrad |", "|---|---|"]
    lines += [f"| `np.{name}` | {text} |".replace("||", "|") for name, text in EQUIVALENTS.items()]
    return "\n".join(lines) + "\n"


def test_the_page_lists_every_word() -> None:
    """Words that this NumPy is too old for may be missing here, nothing else."""
    listed_names, prefix = set(), ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            prefix = line.removeprefix("## np").removeprefix(".")
        elif not prefix.startswith("##") and line.startswith("`") and line.endswith("`"):
            names = (n.strip("`") for n in line.split())
            listed_names |= {f"{prefix}.{n}" if prefix else n for n in names}
    missing = registered() - listed_names
    assert not missing, f"run python tests/test_numpy_words.py: {missing} are not on the page"
    gone = {n for n in listed_names - registered() if function_of(n) is not None}
    assert not gone, f"run python tests/test_numpy_words.py: {gone} are no words any more"
    for name, text in EQUIVALENTS.items():
        assert f"| `np.{name}` | {text} |" in PAGE.read_text(encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
