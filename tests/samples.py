"""One table of operations, from which the operation tests are generated.

A row says how to call an operation, what NumPy or SciPy would answer, and on which inputs. Arrays in a
sample's arguments become tensors; those in float64 are differentiable. `samples` stay away from kinks,
so that difference quotients are right; `edges` go there: ties, zeros, NaN, infinities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.special

import tapegrad as tg
from tapegrad import errors
from tapegrad.nn import functional as F


class Sample(NamedTuple):
    """Arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}


class Bad(NamedTuple):
    """Arguments that must be refused, the type of the error and a piece of its message."""

    args: tuple[Any, ...]
    error: type[Exception]
    fragment: str
    kwargs: dict[str, Any] = {}


class Row(NamedTuple):
    """One operation.

    Attributes:
        name: its name in tapegrad, and in PyTorch unless `torch` says otherwise.
        function: the operation.
        reference: the same on NumPy arrays.
        samples: makes smooth samples from a random generator.
        edges: makes samples at kinks and ends of the domain.
        method: name of the method form.
        inplace: name of the in-place form.
        numpy: NumPy function that, given a tensor, is this operation.
        torch: path below `torch`, "" where there is no counterpart.
        broadcast: whether two operands broadcast.
        differentiable: whether the result carries a gradient.
        integers: whether integer inputs are accepted.
        bad: refused calls.
    """

    name: str
    function: Callable[..., Any]
    reference: Callable[..., Any]
    samples: Callable[[np.random.Generator], list[Sample]]
    edges: Callable[[np.random.Generator], list[Sample]] = lambda rng: []
    method: str | None = None
    inplace: str | None = None
    numpy: Any = None
    torch: str | None = None
    broadcast: bool = False
    differentiable: bool = True
    integers: bool = True
    bad: tuple[Bad, ...] = ()

    def __repr__(self) -> str:
        return self.name


S = Sample
NAN, INF = float("nan"), float("inf")


# -- makers of inputs --------------------------------------------------------------------------------


def away(rng: np.random.Generator, *shape: int, low: float = 0.3, high: float = 2.0) -> np.ndarray:
    """Values of both signs with a distance from zero."""
    return rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape)


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values between 0.4 and 2."""
    return rng.uniform(0.4, 2.0, shape)


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values at least 0.1 apart from each other, and from zero."""
    n = int(np.prod(shape))
    return (rng.permutation(n) - n // 2 + 0.5).reshape(shape) * 0.2 + rng.uniform(0, 0.05)


def both(function: Any) -> Any:
    """Samples of one operand: matrix, 0-d, size 1, empty, negative strides."""

    def make(rng: np.random.Generator) -> list[Sample]:
        arrays = [function(rng, 2, 3), function(rng), function(rng, 1), function(rng, 0, 2)]
        arrays.append(function(rng, 3, 2)[::-1, ::-1])
        return [S((a,)) for a in arrays]

    return make


def pairs(function: Any, second: Any = None, numbers: tuple[Any, ...] = (2.5,)) -> Any:
    """Samples of two operands: same shape, broadcast both ways, 0-d, empty, numbers on either side."""
    second = second or function

    def make(rng: np.random.Generator) -> list[Sample]:
        shapes = [
            ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 2), ()),
            ((), ()), ((1,), (3,)), ((0, 3), (3,)),
        ]  # fmt: skip
        out = [S((function(rng, *a), second(rng, *b))) for a, b in shapes]
        out.append(S((function(rng, 3, 2)[::-1], second(rng, 2, 3).T)))
        for number in numbers:
            out.append(S((function(rng, 2, 2), number)))
            out.append(S((abs(number), second(rng, 2, 2))))
        return out

    return make


def apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Second operands that never tie with `grid`."""
    return np.round(rng.uniform(-2, 2, shape), 1) + 0.05


def grid(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values on a grid of tenths."""
    return np.round(rng.uniform(-2, 2, shape), 1)


def quotients(rng: np.random.Generator) -> list[Sample]:
    """Operands whose quotient is far from an integer."""
    out = []
    for a, b in [((2, 3), (2, 3)), ((2, 3), (3,)), ((), (2,)), ((0, 2), (2,))]:
        y = positive(rng, *b) * rng.choice([-1.0, 1.0], b)
        whole = rng.integers(-3, 4, np.broadcast_shapes(a, b))
        if a == np.broadcast_shapes(a, b):
            out.append(S((y * (whole + rng.uniform(0.2, 0.8, a)), y)))
        else:
            out.append(S((np.float64(0.37) + np.zeros(a), y)))
    out.append(S((np.array([0.3, 1.7, -2.4]), 1.1)))
    return out


def special(*extra: float) -> Any:
    """One edge sample with zeros, infinities and NaN."""
    return lambda rng: [S((np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, *extra]),))]


def special_pairs(rng: np.random.Generator) -> list[Sample]:
    """Every pair of special values."""
    values = np.array([0.0, 1.0, -1.0, 2.0, INF, -INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y))]


def finite_pairs(rng: np.random.Generator) -> list[Sample]:
    """Ties and signs without infinities."""
    values = np.array([0.0, 1.0, -1.0, 2.0])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y))]


def ties(rng: np.random.Generator) -> list[Sample]:
    """Reductions over equal values."""
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    return [S((x,)), S((x, 1)), S((np.array([1.0, NAN, 3.0, NAN]),))]


def one_dim(function: Any, empty: bool = True) -> Any:
    """Reductions: whole, one dimension, negative, several, kept, 0-d, empty."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        out = [
            S((x,)), S((x, 1)), S((x, -1)), S((x,), {"dim": 0, "keepdim": True}),
            S((function(rng),)), S((function(rng, 1),)), S((function(rng, 3, 2)[::-1], 0)),
        ]  # fmt: skip
        return [*out, S((function(rng, 0, 2), 1))] if empty else out

    return make


def several(function: Any) -> Any:
    """`one_dim` and reductions of several dimensions at once."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        more = [S((x, (0, 2))), S((x, (1, -1), True)), S((function(rng, 0, 2), 0))]
        return [*one_dim(function)(rng), *more]

    return make


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal values."""
    return rng.standard_normal(shape)


def axes(function: Any) -> Any:
    """A NumPy reduction with PyTorch's argument names."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return function(x, axis=None if not np.ndim(x) else dim, keepdims=keepdim)

    return reference


def extreme(values: Any, indices: Any) -> Any:
    """Reference of `max` and `min`, which answer two arrays along a dimension."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return values(x)
        return values(x, axis=dim, keepdims=keepdim), indices(x, axis=dim, keepdims=keepdim)

    return reference


def ints(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Integers from -4 to 4."""
    return rng.integers(-4, 5, shape)


def bools(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random truth values."""
    return rng.random(shape) < 0.5


def mixed_bits(rng: np.random.Generator) -> list[Sample]:
    """Integers and bools for bitwise operations."""
    return [
        S((ints(rng, 2, 3), ints(rng, 3))), S((bools(rng, 2, 3), bools(rng, 2, 3))),
        S((ints(rng), 5)), S((ints(rng, 0), ints(rng, 1))),
    ]  # fmt: skip


def truths(rng: np.random.Generator) -> list[Sample]:
    """Operands of every kind for logic."""
    return [
        S((bools(rng, 2, 3), bools(rng, 3))), S((ints(rng, 4), ints(rng, 4))),
        S((grid(rng, 4), ints(rng, 1))), S((bools(rng), bools(rng))), S((bools(rng, 0), bools(rng, 0))),
    ]  # fmt: skip


# -- bad inputs that many operations share -----------------------------------------------------------

UNFIT = Bad((np.ones((2, 3)), np.ones((4,))), errors.ShapeError, "broadcast")
STRING = Bad((np.ones(2), "two"), errors.DtypeError, "other must be a tensor")
TEXT = Bad(("text",), errors.DtypeError, "must be a tensor")
NO_DIM = Bad((np.ones((2, 3)), 2), errors.DimensionError, "dim must be between -2 and 1")
TWICE = Bad((np.ones((2, 3)), (0, -2)), errors.ArgumentError, "twice")


def unary(name: str, reference: Any, make: Any = away, edges: Any = None, **more: Any) -> Row:
    """Row of a function of one tensor."""
    settings = {"method": name, "inplace": f"{name}_", "numpy": getattr(np, name, None), **more}
    return Row(
        name, getattr(tg, name), reference, both(make), edges or special(), bad=(TEXT,), **settings
    )


def binary(
    name: str, reference: Any, samples: Any = None, edges: Any = special_pairs, **more: Any
) -> Row:
    """Row of a function of two operands that broadcast."""
    settings = {"method": name, "inplace": f"{name}_", "bad": (UNFIT, STRING), **more}
    return Row(
        name,
        getattr(tg, name),
        reference,
        samples or pairs(away),
        edges,
        broadcast=True,
        **settings,
    )


def compare(name: str, function: Any) -> Row:
    """Row of a comparison."""
    return Row(
        name, getattr(tg, name), function, pairs(grid), special_pairs, method=name, numpy=function,
        broadcast=True, differentiable=False, bad=(UNFIT,),
    )  # fmt: skip


# -- the operations ----------------------------------------------------------------------------------


def _pow_samples(rng: np.random.Generator) -> list[Sample]:
    out = pairs(positive, away, numbers=())(rng)
    out += [S((away(rng, 2, 2), n)) for n in (2, 3, -1, 0, 1)]
    return [*out, S((positive(rng, 3), 0.5)), S((2.0, away(rng, 3)))]


def _pow_edges(rng: np.random.Generator) -> list[Sample]:
    zeros = np.array([0.0, 0.0, 0.0, 2.0, -2.0, 0.0])
    return [S((zeros, np.array([0.0, 1.0, 2.0, 0.0, 2.0, 3.0]))), S((np.array([0.0, 1.0]), 0)),
            S((np.array([0.0, 2.0]), 1)), S((np.array([0.0, 2.0]), 2))]  # fmt: skip


def _clamp_samples(rng: np.random.Generator) -> list[Sample]:
    x = np.array([[-2.0, 0.4, 3.0], [0.1, -0.7, 1.2]])
    lo, hi = np.array([-1.0, 0.0, 0.5]), np.array([[1.0], [0.7]])
    return [
        S((x, -1, 1)), S((x,), {"min": 0.25}), S((x,), {"max": 0.25}), S((x, lo, hi)), S((x, lo)),
        S((x,), {"max": hi}), S((np.array(0.3), 0.5)), S((np.zeros((0, 3)), lo)),
        S((x[::-1, ::-1], -0.5, 0.5)),
    ]  # fmt: skip


def _clamp_reference(x: Any, min: Any = None, max: Any = None) -> Any:
    out = x if min is None else np.maximum(x, min)
    return out if max is None else np.minimum(out, max)


def _clamp_edges(rng: np.random.Generator) -> list[Sample]:
    x = np.array([-1.0, 1.0, 0.0, NAN, INF])
    return [S((x, -1, 1)), S((x, 2, -2)), S((x, np.full(5, -1.0), np.full(5, 1.0)))]


def _where_samples(rng: np.random.Generator) -> list[Sample]:
    c = np.array([[True, False, True], [False, False, True]])
    return [
        S((c, away(rng, 2, 3), away(rng, 2, 3))), S((c, away(rng, 3), away(rng, 2, 1))),
        S((c, away(rng), 1.5)), S((c, 0.5, away(rng, 3))), S((np.array(True), away(rng, 2), away(rng, 2))),
        S((np.zeros((0, 2), bool), away(rng, 2), away(rng))), S((c.T, away(rng, 3, 2), away(rng, 3, 2))),
    ]  # fmt: skip


ELEMENTWISE = [
    binary("add", lambda x, y, alpha=1: x + alpha * y, numpy=np.add),
    binary("sub", lambda x, y, alpha=1: x - alpha * y, numpy=np.subtract, bad=(
        UNFIT, STRING, Bad((np.ones(2, bool), np.ones(2, bool)), errors.DtypeError, "sub"))),
    binary("mul", np.multiply, numpy=np.multiply),
    binary("div", np.true_divide, edges=finite_pairs, numpy=np.true_divide, bad=(
        UNFIT, STRING, Bad((np.ones(2), 2), errors.ArgumentError, "rounding_mode", {"rounding_mode": "up"}))),
    binary("floor_divide", np.floor_divide, quotients, lambda rng: [], numpy=np.floor_divide),
    binary("remainder", np.remainder, quotients, lambda rng: [], numpy=np.remainder),
    binary("pow", np.power, _pow_samples, _pow_edges, numpy=np.power, bad=(
        UNFIT, Bad((np.ones(2, int), np.array([-1, 2])), errors.ArgumentError, "pow"))),
    Row("neg", tg.neg, np.negative, both(away), special(), method="neg", inplace="neg_",
        numpy=np.negative, bad=(TEXT, Bad((np.ones(2, bool),), errors.DtypeError, "~input"))),
    unary("square", np.square),
    unary("exp", np.exp),
    unary("log", np.log, positive),
    unary("sqrt", np.sqrt, positive),
    unary("sin", np.sin, edges=lambda rng: [S((np.array([0.0, NAN]),))]),
    unary("cos", np.cos, edges=lambda rng: [S((np.array([0.0, NAN]),))]),
    unary("tanh", np.tanh),
    unary("sigmoid", scipy.special.expit, edges=special(800.0, -800.0, 40.0, -40.0)),
    unary("relu", lambda x: np.where(x > 0, x, np.where(np.isnan(x), x, 0))),
    unary("abs", np.abs),
    unary("sign", np.sign, edges=lambda rng: [S((np.array([0.0, -0.0, INF, -INF]),))]),
    Row("maximum", tg.maximum, np.maximum, pairs(grid, apart, ()), special_pairs, method="maximum",
        numpy=np.maximum, broadcast=True, bad=(UNFIT, STRING)),
    Row("minimum", tg.minimum, np.minimum, pairs(grid, apart, ()), special_pairs, method="minimum",
        numpy=np.minimum, broadcast=True, bad=(UNFIT, STRING)),
    Row("clamp", tg.clamp, _clamp_reference, _clamp_samples, _clamp_edges, method="clamp",
        inplace="clamp_", bad=(
            Bad((np.ones(2),), errors.ArgumentError, "at least one of min and max"),
            Bad((np.ones(2), np.ones(3)), errors.ShapeError, "broadcast"))),
    Row("where", tg.where, np.where, _where_samples, numpy=np.where, bad=(
        Bad((np.ones(2), 1.0, 0.0), errors.DtypeError, "condition must be a bool"),
        Bad((np.ones(2, bool), np.ones(3), 0.0), errors.ShapeError, "broadcast"))),
]  # fmt: skip

COMPARE = [
    compare("eq", np.equal), compare("ne", np.not_equal), compare("lt", np.less),
    compare("le", np.less_equal), compare("gt", np.greater), compare("ge", np.greater_equal),
    *(
        Row(name, getattr(tg, name), getattr(np, name), truths, method=name, numpy=getattr(np, name),
            broadcast=True, differentiable=False, bad=(UNFIT,))
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    *(
        Row(name, getattr(tg, name), getattr(np, name), mixed_bits, method=name,
            numpy=getattr(np, name), broadcast=True, differentiable=False,
            bad=(Bad((np.ones(2), 1), errors.DtypeError, name),
                 Bad((np.ones((2,), int), np.ones(3, int)), errors.ShapeError, "broadcast")))
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    Row("logical_not", tg.logical_not, np.logical_not, lambda rng: [
        S((bools(rng, 2, 3),)), S((ints(rng, 4),)), S((np.array(0.0),)), S((bools(rng, 0),))],
        special(), method="logical_not", numpy=np.logical_not, differentiable=False, bad=(TEXT,)),
    Row("bitwise_not", tg.bitwise_not, np.invert, lambda rng: [
        S((bools(rng, 2, 3),)), S((ints(rng, 4),)), S((ints(rng),)), S((bools(rng, 0),))],
        method="bitwise_not", numpy=np.invert, differentiable=False,
        bad=(Bad((np.ones(2),), errors.DtypeError, "integer or bool"),)),
    *(
        Row(name, getattr(tg, name), getattr(np, name), both(away), special(), method=name,
            numpy=getattr(np, name), differentiable=False, bad=(TEXT,))
        for name in ("isnan", "isfinite", "isinf")
    ),
]  # fmt: skip


def _var_reference(x: Any, dim: Any = None, keepdim: bool = False, correction: float = 1) -> Any:
    return np.var(x, axis=dim if np.ndim(x) else None, ddof=correction, keepdims=keepdim)


def _var_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3, 2)
    return [
        S((x,)), S((x, 1)), S((x, -1), {"correction": 0}), S((x, (0, 2)), {"keepdim": True}),
        S((x,), {"dim": 0, "correction": 0, "keepdim": True}), S((normal(rng),), {"correction": 0}),
        S((normal(rng, 4, 3)[::-2], 0)), S((normal(rng, 2, 0), 0)),
    ]  # fmt: skip


FLOATING = Bad((np.ones(3, int),), errors.DtypeError, "floating")
NOTHING = Bad((np.ones((0, 2)),), errors.ShapeError, "no elements")
NONE_ALONG = Bad((np.ones((2, 0)), 1), errors.ShapeError, "no elements")

REDUCE = [
    Row("sum", tg.sum, axes(np.sum), several(normal), method="sum", numpy=np.sum,
        bad=(TEXT, NO_DIM, TWICE)),
    Row("mean", tg.mean, axes(np.mean), one_dim(normal, empty=False), method="mean", numpy=np.mean,
        integers=False, bad=(TEXT, NO_DIM, TWICE, FLOATING)),
    Row("var", tg.var, _var_reference, _var_samples, method="var", integers=False,
        bad=(NO_DIM, FLOATING,
             Bad((np.ones(3),), errors.ArgumentError, "either", {"unbiased": True, "correction": 0}))),
    Row("max", tg.max, extreme(np.max, np.argmax), one_dim(distinct, False), ties, method="max",
        bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("min", tg.min, extreme(np.min, np.argmin), one_dim(distinct, False), ties, method="min",
        bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("argmax", tg.argmax, axes(np.argmax), one_dim(distinct, False), ties, method="argmax",
        numpy=np.argmax, differentiable=False, bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("argmin", tg.argmin, axes(np.argmin), one_dim(distinct, False), ties, method="argmin",
        numpy=np.argmin, differentiable=False, bad=(TEXT, NO_DIM, NOTHING, NONE_ALONG)),
    Row("all", tg.all, axes(np.all), several(bools), method="all", numpy=np.all, differentiable=False,
        bad=(TEXT, NO_DIM)),
    Row("any", tg.any, axes(np.any), several(bools), method="any", numpy=np.any, differentiable=False,
        bad=(TEXT, NO_DIM)),
]  # fmt: skip


def _matmul_samples(rng: np.random.Generator) -> list[Sample]:
    shapes = [
        ((2, 3), (3, 2)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 1, 2, 3), (3, 3, 2)),
        ((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 2)),
        ((1, 1), (1, 1)),
    ]  # fmt: skip
    out = [S((normal(rng, *a), normal(rng, *b))) for a, b in shapes]
    return [*out, S((normal(rng, 3, 2).T, normal(rng, 2, 3)[:, ::-1].T))]


def _linear_reference(x: Any, w: Any, b: Any = None) -> Any:
    return x @ w.T if b is None else x @ w.T + b


def _linear_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        S((normal(rng, 4, 3), normal(rng, 2, 3), normal(rng, 2))), S((normal(rng, 3), normal(rng, 2, 3))),
        S((normal(rng, 2, 2, 3), normal(rng, 2, 3), normal(rng, 2))),
        S((normal(rng, 3), normal(rng, 2, 3), normal(rng, 2))), S((normal(rng, 4, 3), normal(rng, 3))),
        S((normal(rng, 0, 3), normal(rng, 2, 3), normal(rng, 2))),
        S((normal(rng, 3, 4).T, normal(rng, 3, 2).T, normal(rng, 4)[::2])),
    ]  # fmt: skip


LINALG = [
    Row("matmul", tg.matmul, np.matmul, _matmul_samples, method="matmul", numpy=np.matmul, bad=(
        Bad((np.ones((3, 4)), np.ones((5, 4))), errors.ShapeError, "did you mean y.T?"),
        Bad((np.ones((3, 4)), np.ones(())), errors.ShapeError, "0-d"),
        Bad((np.ones((2, 2, 3)), np.ones((3, 3, 2))), errors.ShapeError, "leading dimensions"),
        Bad((np.ones((2, 2)), np.ones((2, 2), np.float32)), errors.DtypeError, "dtypes"))),
    Row("linear", F.linear, _linear_reference, _linear_samples, torch="nn.functional.linear", bad=(
        Bad((np.ones((2, 3)), np.ones((4, 5))), errors.ShapeError, "expected last dimension 5"),
        Bad((np.ones((2, 3)), np.ones((4, 3)), np.ones(5)), errors.ShapeError, "bias"),
        Bad((np.ones((2, 3)), np.ones((4, 3)), np.ones(4, np.float32)), errors.DtypeError, "dtypes"),
        Bad((np.ones(()), np.ones((4, 3))), errors.ShapeError, "0-d"))),
]  # fmt: skip


# -- shape -------------------------------------------------------------------------------------------


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


def _shaped(*calls: Any) -> Any:
    """Samples from (shape, further arguments) pairs."""
    return lambda rng: [S((normal(rng, *shape), *more)) for shape, *more in calls]


SHAPE = [
    Row("reshape", tg.reshape, lambda x, shape: np.reshape(x, shape), lambda rng: [
        S((normal(rng, 2, 3), (3, 2))), S((normal(rng, 2, 3), (-1,))), S((normal(rng), (1, 1))),
        S((normal(rng, 3, 2).T, (6,))), S((normal(rng, 0, 2), (2, 0))), S((normal(rng, 1), ()))],
        method="reshape", numpy=np.reshape, bad=(
            Bad((np.ones((2, 3)), (4, 2)), errors.ShapeError, "do not fit"),
            Bad((np.ones((2, 3)), ("a",)), errors.ArgumentError, "ints"))),
    Row("flatten", tg.flatten, _flatten_reference,
        _shaped(((2, 3, 2),), ((2, 3, 2), 1), ((2, 3, 2), 0, 1), ((),), ((0, 2),), ((2, 3, 2), -2, -1)),
        method="flatten", bad=(
            Bad((np.ones((2, 3)), 1, 0), errors.ArgumentError, "comes after"),
            Bad((np.ones((2, 3)), 3), errors.DimensionError, "between"))),
    Row("transpose", tg.transpose, lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
        _shaped(((2, 3), 0, 1), ((2, 3, 2), -1, 0), ((), 0, -1), ((0, 2), 1, 0), ((2, 3), 1, 1)),
        method="transpose", bad=(Bad((np.ones((2, 3)), 0, 2), errors.DimensionError, "between"),)),
    Row("permute", tg.permute, np.transpose,
        _shaped(((2, 3, 2), (2, 0, 1)), ((2, 3), (-1, 0)), ((), ()), ((0, 2, 1), (1, 2, 0))),
        method="permute", bad=(
            Bad((np.ones((2, 3)), (0, 0)), errors.ArgumentError, "each of 2"),
            Bad((np.ones((2, 3)), (0, 2)), errors.DimensionError, "between"))),
    Row("squeeze", tg.squeeze, _squeeze_reference,
        _shaped(((1, 3, 1),), ((1, 3, 1), 0), ((1, 3, 1), -1), ((1, 3, 1), 1), ((),), ((1, 0),),
                ((1, 3, 1), (0, 2))),
        method="squeeze", bad=(Bad((np.ones((2, 3)), 5), errors.DimensionError, "between"),)),
    Row("unsqueeze", tg.unsqueeze, np.expand_dims,
        _shaped(((2, 3), 0), ((2, 3), -1), ((2, 3), 1), ((), 0), ((0,), 1)), method="unsqueeze",
        numpy=np.expand_dims, bad=(Bad((np.ones(2), 3), errors.DimensionError, "between"),)),
    Row("expand", lambda x, *s: x.expand(*s), _expand_reference,
        _shaped(((2, 1), 2, 3), ((3,), (2, -1)), ((), 2, 2), ((1,), 0), ((1, 3), 2, 2, 3)),
        torch="Tensor.expand", bad=(
            Bad((np.ones((2, 1)), 3, 3), errors.ShapeError, "only sizes of 1"),
            Bad((np.ones((2, 1)), 2), errors.ShapeError, "sizes are missing"))),
    Row("broadcast_to", tg.broadcast_to, np.broadcast_to,
        _shaped(((2, 1), (2, 3)), ((3,), (2, 3)), ((), (2, 2)), ((1,), (0,))),
        numpy=np.broadcast_to,
        bad=(Bad((np.ones((2, 2)), (2, 3)), errors.ShapeError, "only sizes of 1"),)),
    Row("cat", tg.cat, lambda ts, dim=0: np.concatenate(ts, dim), lambda rng: [
        S(([normal(rng, 2, 3), normal(rng, 1, 3)],)), S(([normal(rng, 2, 1), normal(rng, 2, 2)], -1)),
        S(([normal(rng, 2)],)), S(([normal(rng, 0, 2), normal(rng, 2, 2)], 0)),
        S(([normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1]], 1))], bad=(
            Bad(([np.ones((2, 3)), np.ones((2, 2))],), errors.ShapeError, "tensors[1]"),
            Bad(([],), errors.ArgumentError, "at least one"),
            Bad(([np.ones(()), np.ones(())],), errors.ShapeError, "use stack"),
            Bad(([np.ones(2), 3.0],), errors.DtypeError, "tensors[1]"))),
    Row("stack", tg.stack, lambda ts, dim=0: np.stack(ts, dim), lambda rng: [
        S(([normal(rng, 2, 3), normal(rng, 2, 3)],)), S(([normal(rng, 2), normal(rng, 2)], -1)),
        S(([normal(rng), normal(rng)],)), S(([normal(rng, 0, 2), normal(rng, 0, 2)], 1)),
        S(([normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1]], 1))], bad=(
            Bad(([np.ones((2, 3)), np.ones((3,))],), errors.ShapeError, "tensors[1]"),
            Bad(([],), errors.ArgumentError, "at least one"),
            Bad(([np.ones(2), np.ones(2)], 3), errors.DimensionError, "between"))),
    Row("split", tg.split, _split_reference,
        _shaped(((5, 2), 2), ((2, 5), [2, 3], 1), ((4,), 4), ((4,), 2, -1), ((3,), [0, 3])),
        method="split", bad=(
            Bad((np.ones(()), 1), errors.ShapeError, "0-d"),
            Bad((np.ones(3), [1, 1]), errors.ShapeError, "add up"),
            Bad((np.ones(3), 0), errors.ArgumentError, "positive"))),
    Row("chunk", tg.chunk, _chunk_reference,
        _shaped(((5, 2), 2), ((2, 5), 3, 1), ((4,), 1)), method="chunk",
        bad=(Bad((np.ones(3), 0), errors.ArgumentError, "positive"),)),
    Row("clone", tg.clone, np.copy, both(normal), special(), method="clone"),
    Row("take_along_dim", tg.take_along_dim, np.take_along_axis, lambda rng: [
        S((normal(rng, 2, 3), np.array([[2, 0], [1, 1]]), 1)),
        S((normal(rng, 3, 2), np.array([[2, 0]]), 0)), S((normal(rng, 3), np.array([0, 0, 2, 1]), -1)),
        S((normal(rng, 2, 3), np.zeros((2, 0), int), 1))], method="take_along_dim",
        numpy=np.take_along_axis, bad=(
            Bad((np.ones((2, 3)), np.array([[5], [0]]), 1), errors.DimensionError, "take_along_dim"),
            Bad((np.ones((2, 3)), np.array([[0], [0]]), 2), errors.DimensionError, "between"),
            Bad((np.ones((2, 3)), np.array([[0.0], [0.0]]), 1), errors.DtypeError, "take_along_dim"))),
]  # fmt: skip


# -- indexing ----------------------------------------------------------------------------------------

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


INDEX = [
    Row("getitem", _get, _get, _getitem_samples, torch="", bad=(
        Bad((np.ones((2, 3)), 2), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), (0, 0, 0)), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([0, 5])), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([True, False, True])), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), np.array([0.5])), errors.DtypeError, "integer or bool"),
        Bad((np.ones((2, 3)), "a"), errors.DtypeError, "made of ints"),
        Bad((np.ones((2, 3)), 1.0), errors.DtypeError, "made of ints"))),
    Row("setitem", _set, _set, _setitem_samples, torch="", bad=(
        Bad((np.ones((2, 3)), 2, 0.0), errors.DimensionError, "(2, 3)"),
        Bad((np.ones((2, 3)), 0, np.ones(4)), errors.ShapeError, "does not broadcast"),
        Bad((np.ones((2, 3)), np.array([0.5]), 0.0), errors.DtypeError, "integer or bool"))),
]  # fmt: skip


# -- network heads and losses ------------------------------------------------------------------------


def _nll_reference(
    x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    batch = x[None] if x.ndim == 1 else x
    t = np.atleast_1d(target)
    picked = np.moveaxis(batch, 1, -1)  # (N, ..., C)
    kept = t != ignore_index
    safe = np.where(kept, t, 0)
    w = np.ones(batch.shape[1]) if weight is None else weight
    w = np.where(kept, w[safe], 0)
    loss = -np.take_along_axis(picked, safe[..., None], -1)[..., 0] * w
    if reduction == "none":
        return loss[0] if x.ndim == 1 else loss
    return loss.sum() / w.sum() if reduction == "mean" else loss.sum()


def _cross_entropy_reference(x: Any, target: Any, weight: Any = None, ignore_index: int = -100,
                             reduction: str = "mean", label_smoothing: float = 0.0) -> Any:  # fmt: skip
    dim = 0 if x.ndim == 1 else 1
    logp = scipy.special.log_softmax(x, dim)
    if target.dtype.kind == "f":
        loss = -(logp * target).sum(dim)
        n = max(loss.size, 1)
        return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / n}[reduction]
    return _nll_reference(logp, target, weight, ignore_index, reduction)


def _mse_reference(x: Any, y: Any, reduction: str = "mean") -> Any:
    d = (x - y) ** 2
    return {"none": d, "sum": d.sum(), "mean": d.mean() if d.size else NAN}[reduction]


def _class_samples(weighted: bool) -> Any:
    def make(rng: np.random.Generator) -> list[Sample]:
        x, t = normal(rng, 4, 3), np.array([2, 0, 1, 1])
        w = np.array([0.5, 2.0, 1.0], np.float64)
        out = [S((x, t), {"reduction": r}) for r in ("mean", "sum", "none")]
        out += [
            S((x, np.array([2, -100, 1, 1]))), S((x, t), {"ignore_index": 1}), S((normal(rng, 3), np.array(1))),
            S((normal(rng, 2, 3, 2), np.array([[0, 2], [1, 1]]))), S((x[::-1], t[::-1])),
        ]  # fmt: skip
        if weighted:
            out += [S((x, t), {"weight": w, "reduction": r}) for r in ("mean", "sum", "none")]
        return out

    return make


def _soft_samples(rng: np.random.Generator) -> list[Sample]:
    p = scipy.special.softmax(normal(rng, 4, 3), 1)
    return [S((normal(rng, 4, 3), p), {"reduction": r}) for r in ("mean", "sum", "none")]


BAD_CLASSES = (
    Bad((np.ones((4, 3)), np.array([0, 1, 2])), errors.ShapeError, "(4, 3)"),
    Bad((np.ones((2, 3)), np.array([0, 3])), errors.DimensionError, "3"),
    Bad(
        (np.ones((2, 3)), np.array([0, 1])), errors.ArgumentError, "reduction", {"reduction": "all"}
    ),
)
HEADS = [
    Row("softmax", tg.softmax, scipy.special.softmax,
        _shaped(((2, 3), 1), ((2, 3), 0), ((2, 3, 2), -2), ((1,), 0), ((0, 3), 1)),
        lambda rng: [S((np.array([1000.0, 0.0, -1000.0]), 0)), S((np.array([1.0, 1.0, -INF]), 0))],
        method="softmax", integers=False, bad=(NO_DIM,)),
    Row("log_softmax", tg.log_softmax, scipy.special.log_softmax,
        _shaped(((2, 3), 1), ((2, 3), 0), ((2, 3, 2), -2), ((1,), 0), ((0, 3), 1)),
        lambda rng: [S((np.array([1000.0, 0.0, -1000.0]), 0)), S((np.array([1.0, 1.0, -INF]), 0))],
        method="log_softmax", integers=False, bad=(NO_DIM,)),
    Row("cross_entropy", F.cross_entropy, _cross_entropy_reference,
        lambda rng: [*_class_samples(False)(rng), *_soft_samples(rng)], torch="nn.functional.cross_entropy",
        integers=False, bad=BAD_CLASSES),
    Row("nll_loss", F.nll_loss, _nll_reference, _class_samples(False), torch="nn.functional.nll_loss",
        integers=False, bad=BAD_CLASSES),
    Row("mse_loss", F.mse_loss, _mse_reference, lambda rng: [
        *(S((normal(rng, 2, 3), normal(rng, 2, 3)), {"reduction": r}) for r in ("mean", "sum", "none")),
        S((normal(rng), normal(rng))), S((normal(rng, 3, 2).T, normal(rng, 2, 3)[::-1]))],
        torch="nn.functional.mse_loss", integers=False, bad=(
            Bad((np.ones((4, 1)), np.ones(4)), errors.ShapeError, "(4, 1)"),
            Bad((np.ones(4), np.ones(4)), errors.ArgumentError, "reduction", {"reduction": "all"}))),
]  # fmt: skip

ROWS = [*ELEMENTWISE, *COMPARE, *REDUCE, *LINALG, *SHAPE, *INDEX, *HEADS]
BY_NAME = {row.name: row for row in ROWS}
