"""More functions of two operands that broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import (
    INF,
    NAN,
    STRING,
    TEXT,
    UNFIT,
    Bad,
    Row,
    S,
    Sample,
    apart,
    away,
    binary,
    bools,
    both,
    compare,
    grid,
    ints,
    pairs,
    positive,
    quotients,
    special_pairs,
)
from tapegrad import errors

WHOLE = np.ones(2, int)
NUMBERS = Bad((2.0, 3.0), errors.DtypeError, "at least one tensor")


def _no_integers(name: str) -> tuple[Bad, ...]:
    return (
        UNFIT, STRING, NUMBERS, Bad((WHOLE, WHOLE), errors.DtypeError, f"{name}: not defined for int64"),
        Bad((WHOLE > 0, WHOLE > 0), errors.DtypeError, f"{name}: not defined for bool"),
    )  # fmt: skip


def _finite_first(rng: np.random.Generator) -> list[Sample]:
    """Every pair of special values whose first is finite or NaN."""
    first = np.array([0.0, -0.0, 1.0, -1.0, NAN])
    second = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(first, second))
    return [S((x, y))]


def _signed_pairs(rng: np.random.Generator) -> list[Sample]:
    """Every pair of special values with both zeros, and some of very different size."""
    values = np.array([0.0, -0.0, 1.0, -1.0, 2.0, INF, -INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y)), S((np.array([800.0, -800.0, 1e5]), np.array([-800.0, 800.0, -1e5])))]


# -- powers ------------------------------------------------------------------------------------------


def _logaddexp(x: Any, y: Any) -> Any:
    if np.iscomplexobj(x):
        return np.log(np.exp(x) + np.exp(y))
    return np.logaddexp(x, y)


def _float_power_samples(rng: np.random.Generator) -> list[Sample]:
    out = pairs(positive, away, numbers=())(rng)
    out += [S((away(rng, 2, 2), n)) for n in (2, -1, 0)]
    return [*out, S((positive(rng, 3), 0.5)), S((2.0, away(rng, 3)))]


def _float_power_reference(x: Any, y: Any) -> Any:
    return np.float_power(x, y)


def _float_power_edges(rng: np.random.Generator) -> list[Sample]:
    zeros = np.array([0.0, 0.0, 0.0, 2.0, -2.0, NAN, 1.0, INF])
    return [S((zeros, np.array([0.0, 1.0, 2.0, 0.0, 2.0, 0.0, NAN, -1.0])))]


# -- the numbers' representation ---------------------------------------------------------------------


def _ldexp_samples(rng: np.random.Generator) -> list[Sample]:
    out = pairs(away, numbers=())(rng)
    shapes = [((2, 3), (3,)), ((2, 3), (2, 1)), ((2,), ()), ((0, 2), (2,))]
    # not negative: PyTorch's gradient is 0 there
    out += [S((away(rng, *a), np.asarray(np.abs(ints(rng, *b))))) for a, b in shapes]
    for kind in ("int8", "uint8", "int32"):
        out.append(S((away(rng, 3), np.array([0, 1, 5], kind))))
    return out


def _ldexp_reference(x: Any, y: Any) -> Any:
    return x * 2.0**y


def _ldexp_edges(rng: np.random.Generator) -> list[Sample]:
    exponents = np.array([3, 3, 1, 1, 1, 2, 40], np.int64)
    return [
        *special_pairs(rng),
        S((np.array([0.0, -0.0, INF, -INF, NAN, 1.0, 3.0]), exponents)),
    ]


def _heaviside_samples(rng: np.random.Generator) -> list[Sample]:
    out = pairs(away, numbers=())(rng)
    out += [S((ints(rng, 2, 3), np.array([7, 8, 9]))), S((bools(rng, 3), bools(rng, 3)))]
    return out


def _heaviside_reference(x: Any, values: Any) -> Any:
    return np.where(x == 0, values, (x > 0).astype(x.dtype))


def _dividends(rng: np.random.Generator) -> list[Sample]:
    return [*quotients(rng), S((np.array([-7, 7, 5]), np.array([3, -3, 2])))]


def _rsub_samples(rng: np.random.Generator) -> list[Sample]:
    out = [s for s in pairs(away)(rng) if isinstance(s.args[0], np.ndarray)]
    x, y = away(rng, 2, 3), away(rng, 3)
    return [*out, S((x, y), {"alpha": 2}), S((x, 1.5), {"alpha": 0.5}), S((ints(rng, 3), 7))]


# -- whole numbers -----------------------------------------------------------------------------------


def _whole_pairs(rng: np.random.Generator) -> list[Sample]:
    return [
        S((ints(rng, 2, 3) * 6, ints(rng, 2, 3) * 4)), S((ints(rng, 2, 3), ints(rng, 3))),
        S((ints(rng, 2, 1), ints(rng, 3))), S((np.array(12), np.array(-18))), S((ints(rng, 0, 3), ints(rng, 3))),
        S((np.array([12, 200, 9], np.uint8), np.array([8, 50, 6], np.uint8))),
        S((np.array([12, -10], np.int8), np.array([8, 7], np.int32))),
        S((np.array([4, 6]), np.array([True, True]))), S((ints(rng, 3, 2)[::-1], ints(rng, 2, 3).T)),
    ]  # fmt: skip


def _whole_edges(rng: np.random.Generator) -> list[Sample]:
    return [S((np.array([0, 0, -4, 5]), np.array([0, -3, 0, 5])))]


def _shift_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        S((ints(rng, 2, 3), rng.integers(0, 5, (2, 3)))), S((ints(rng, 2, 3), rng.integers(0, 5, 3))),
        S((ints(rng, 3), rng.integers(0, 5, (2, 3)))), S((np.array(-7), np.array(2))), S((ints(rng, 3), 2)),
        S((2, np.array([0, 3]))), S((ints(rng, 0), np.array([1]))),
        S((np.array([3, 255], np.uint8), np.array([1, 4], np.uint8))),
        S((np.array([3, -100], np.int8), np.array([1, 4], np.int8))),
        S((np.array([4, 6]), np.array([True, True]))), S((ints(rng, 3, 2)[::-1], rng.integers(0, 5, (2, 3)).T)),
    ]  # fmt: skip


def _shift_edges(rng: np.random.Generator) -> list[Sample]:
    return [
        S((np.array([1, -1, -8, 5]), np.array([64, -1, 100, 63]))),
        S((np.array([1, 200, 7], np.uint8), np.array([8, 7, 255], np.uint8))),
    ]


def _whole(name: str, samples: Any, edges: Any, **more: Any) -> Row:
    return Row(
        name, getattr(tg, name), more.pop("reference", getattr(np, name)), samples, edges, method=name,
        inplace=f"{name}_", broadcast=True, differentiable=False, bad=(
            Bad((WHOLE, np.ones(3, int)), errors.ShapeError, "broadcast"), STRING,
            Bad((np.ones(2), np.ones(2)), errors.DtypeError, f"{name}: needs integer operands"),
            Bad((WHOLE, 2.5), errors.DtypeError, f"{name}: needs integer operands"),
            Bad((WHOLE > 0, WHOLE > 0), errors.DtypeError, f"{name}: needs integer operands"),
            Bad((2, 3), errors.DtypeError, "at least one tensor")), **more,
    )  # fmt: skip


# -- closeness and membership ------------------------------------------------------------------------


def _isclose_samples(rng: np.random.Generator) -> list[Sample]:
    x = away(rng, 2, 3)
    out = [
        S((x, x + rng.choice([0.0, 1e-9, 1e-4, -1e-9], (2, 3)))),
        S((x, x[0])),
        S((x[:, :1], x[:1])),
    ]
    return [
        *out, S((x, x + 0.01), {"atol": 0.02}), S((x, x * 1.01, 0.02)), S((x, x, 0.0, 0.0, True)),
        S((away(rng), away(rng))), S((away(rng, 0, 2), away(rng, 2))), S((x.T[::-1], x.T)),
        S((ints(rng, 4), ints(rng, 4)), {"atol": 1.5}), S((bools(rng, 4), bools(rng, 4))),
        S((np.array([0, 9], np.uint8), np.array([255, 8], np.uint8)), {"atol": 2}),
    ]  # fmt: skip


def _isclose_reference(x: Any, y: Any, *rest: Any, **more: Any) -> Any:
    if x.dtype.kind in "bu":
        x, y = x.astype(int), y.astype(int)
    return np.isclose(x, y, *rest, **more)


def _isclose_edges(rng: np.random.Generator) -> list[Sample]:
    (pair,) = special_pairs(rng)
    return [pair, S(pair.args, {"equal_nan": True}), S(pair.args, {"rtol": 0, "atol": 0})]


def _isin_samples(rng: np.random.Generator) -> list[Sample]:
    x, few = ints(rng, 2, 3), np.array([[1, 2], [3, -4]])
    return [
        S((x, few)), S((x, few), {"invert": True}), S((grid(rng, 4), np.round(grid(rng, 40), 1))),
        S((np.array([1, 2, 3]), np.array([3, 1])), {"assume_unique": True}), S((np.array(2), few)),
        S((x, 2)), S((2, few)), S((x, 2.5)), S((x, np.array([1.0, 2.5]))), S((x, np.zeros(0, int))),
        S((x, np.zeros(0, int)), {"invert": True}), S((np.zeros((0, 2), int), few)),
        S((x.T[::-1], few[::-1])), S((np.array([1, 7], np.uint8), np.array([-1, 7]))),
    ]  # fmt: skip


ROWS = [
    binary("fmod", np.fmod, _dividends, _signed_pairs, numpy=np.fmod, bad=(
        UNFIT, STRING, NUMBERS,
        Bad((WHOLE > 0, WHOLE > 0), errors.DtypeError, "fmod: not defined for bool"))),
    # differentiable=False: the dtype is float64 always; tests/test_pairwise.py has the differences
    Row("float_power", tg.float_power, _float_power_reference, _float_power_samples,
        _float_power_edges, method="float_power", inplace="float_power_", numpy=np.float_power,
        broadcast=True, differentiable=False, bad=(
            UNFIT, NUMBERS, Bad((np.ones(2), "two"), errors.DtypeError, "must be a tensor"))),
    binary("copysign", np.copysign, edges=_finite_first, numpy=np.copysign,
           samples=pairs(away, numbers=()), bad=(UNFIT, STRING, NUMBERS)),
    binary("atan2", np.arctan2, pairs(away, numbers=()), _signed_pairs, numpy=np.arctan2,
           bad=(UNFIT, STRING, NUMBERS)),
    binary("hypot", np.hypot, pairs(away, numbers=()), _signed_pairs, numpy=np.hypot,
           integers=False, bad=_no_integers("hypot")),
    binary("logaddexp", _logaddexp, pairs(away, numbers=()), _signed_pairs, numpy=np.logaddexp,
           inplace=None, integers=False, bad=_no_integers("logaddexp"), complex=3),
    binary("logaddexp2", np.logaddexp2, pairs(away, numbers=()), _signed_pairs, numpy=np.logaddexp2,
           inplace=None, integers=False, bad=_no_integers("logaddexp2")),
    binary("fmax", np.fmax, pairs(grid, apart, ()), _signed_pairs, numpy=np.fmax, inplace=None,
           bad=(UNFIT, STRING, NUMBERS)),
    binary("fmin", np.fmin, pairs(grid, apart, ()), _signed_pairs, numpy=np.fmin, inplace=None,
           bad=(UNFIT, STRING, NUMBERS)),
    binary("nextafter", np.nextafter, pairs(grid, apart, ()), _signed_pairs, numpy=np.nextafter,
           integers=False, bad=_no_integers("nextafter")),
    binary("heaviside", _heaviside_reference, _heaviside_samples, _signed_pairs, numpy=np.heaviside,
           torch_gradient=False, bad=(
               UNFIT, Bad((1.0, np.ones(2)), errors.DtypeError, "input must be a tensor"),
               Bad((np.ones(2), "two"), errors.DtypeError, "values must be a tensor"),
               Bad((np.ones(2), np.ones(2, "f4")), errors.DtypeError, "dtypes differ"),
               Bad((np.ones(2, "f4"), np.ones(2)), errors.DtypeError, "dtypes differ"),
               Bad((WHOLE, 0.5), errors.DtypeError, "dtypes differ, int64 and float"))),
    binary("ldexp", _ldexp_reference, _ldexp_samples, _ldexp_edges, numpy=np.ldexp, bad=(
        UNFIT, STRING, Bad((2.0, np.ones(2)), errors.DtypeError, "input must be a tensor"),
        Bad((np.ones(2), np.ones(3, int)), errors.ShapeError, "broadcast")), complex=3),
    Row("frexp", tg.frexp, np.frexp, both(away), lambda rng: [
        S((np.array([0.0, -0.0, INF, -INF, NAN, 1e-310, 3.0, -1e300, 0.5, 1.0]),))],
        method="frexp", bad=(TEXT, Bad((WHOLE,), errors.DtypeError, "frexp: input must be a floating"))),
    Row("rsub", tg.rsub, lambda x, y, alpha=1: y - alpha * x, _rsub_samples, special_pairs,
        broadcast=True, bad=(
            UNFIT, Bad((WHOLE > 0, WHOLE > 0), errors.DtypeError, "rsub: not defined for bool"),
            Bad((np.ones(2), True), errors.DtypeError, "rsub: not defined for bool")), complex=3),
    _whole("gcd", _whole_pairs, _whole_edges, numpy=np.gcd),
    _whole("lcm", _whole_pairs, _whole_edges, numpy=np.lcm),
    _whole("bitwise_left_shift", _shift_samples, _shift_edges, numpy=np.left_shift),
    _whole("bitwise_right_shift", _shift_samples, _shift_edges, numpy=np.right_shift),
    Row("isclose", tg.isclose, _isclose_reference, _isclose_samples, _isclose_edges, method="isclose",
        numpy=np.isclose, broadcast=True, differentiable=False, bad=(
            UNFIT, Bad((np.ones(2), np.ones(2, "f4")), errors.DtypeError, "isclose: dtypes differ"),
            Bad((np.ones(2), 1.0), errors.DtypeError, "other must be a tensor"),
            Bad((np.ones(2), np.ones(2)), errors.ArgumentError, "rtol must not be negative", {"rtol": -1}),
            Bad((np.ones(2), np.ones(2)), errors.ArgumentError, "atol must not be negative", {"atol": NAN})), complex=3),
    Row("isin", tg.isin, np.isin, _isin_samples, lambda rng: [
        S((np.array([NAN, 1.0, -0.0, INF]), np.array([NAN, INF, 0.0])))], numpy=np.isin,
        differentiable=False, bad=(
            Bad((WHOLE > 0, WHOLE > 0), errors.DtypeError, "isin: needs integers"),
            Bad((WHOLE, [1, 2]), errors.DtypeError, "isin: test_elements must be a tensor or a number"),
            Bad((1, 2), errors.DtypeError, "at least one tensor"))),
    compare("greater", np.greater), compare("greater_equal", np.greater_equal),
    compare("less", np.less), compare("less_equal", np.less_equal),
    compare("not_equal", np.not_equal),
]  # fmt: skip
