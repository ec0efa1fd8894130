"""Special functions, element by element, against SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

import tapegrad as tg
from rows import INF, NAN, STRING, TEXT, UNFIT, Bad, Row, S, Sample, away, pairs, positive, special
from rows import both as one
from tapegrad import errors

ONES, COMPLEX = np.ones(2), np.ones(2, complex)
NUMBER = Bad((1.5,), errors.DtypeError, "must be a tensor")
IMAGINARY = Bad((COMPLEX,), errors.DtypeError, "must be real")


def none(rng: np.random.Generator) -> list[Sample]:
    """No edges."""
    return []


def at(*values: float) -> Any:
    """One edge sample."""
    return lambda rng: [S((np.array(values),))]


def unary(name: str, reference: Any, make: Any = away, edges: Any = None, **more: Any) -> Row:
    """Row of a function of one tensor, in `tapegrad` or in `tapegrad.special`."""
    if hasattr(tg, name):
        settings = {"method": name, "inplace": f"{name}_", **more}
    else:
        settings = {"torch": f"special.{name}", **more}
    function = getattr(tg, name, None) or getattr(tg.special, name)
    bad = (TEXT, NUMBER, IMAGINARY)
    return Row(name, function, reference, one(make), edges or special(), bad=bad, **settings)


def wide(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values in every range of the approximations, without zero."""
    x: np.ndarray = away(rng, *shape, high=3.0) * rng.choice([0.1, 0.7, 1.0], shape)
    return x


def inside(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values between -0.95 and 0.95, away from zero."""
    return away(rng, *shape, low=0.05, high=0.95)


def probability(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values between 0.03 and 0.97."""
    return rng.uniform(0.03, 0.97, shape)


def no_poles(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs far from the poles of the gamma function."""
    x: np.ndarray = rng.choice([-2.0, -1.0, 0.0, 1.0, 3.0], shape) + rng.uniform(0.3, 0.7, shape)
    return x


def large(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values between 2 and 5."""
    return rng.uniform(2.0, 5.0, shape)


def _polygamma_samples(rng: np.random.Generator) -> list[Sample]:
    # orders 0 and 1 are in test_special.py: PyTorch's trigamma is right to nine digits only
    out = [S((n, positive(rng, 2, 3))) for n in (2, 3, 4)]
    out += [S((2, no_poles(rng, 6))), S((2, positive(rng)))]
    return [*out, S((2, positive(rng, 0, 2))), S((3, positive(rng, 3, 2)[::-1]))]


def _mvlgamma_samples(rng: np.random.Generator) -> list[Sample]:
    return [
        S((large(rng, 2, 3), 1)), S((large(rng, 2, 3), 3)), S((large(rng), 2)), S((large(rng, 0, 2), 2)),
        S((large(rng, 1),), {"p": 4}), S((large(rng, 3, 2)[::-1, ::-1], 2)),
    ]  # fmt: skip


def _mvlgamma(x: Any, p: int) -> Any:
    constant = p * (p - 1) / 4 * math.log(math.pi)
    return constant + sum(sp.gammaln(x - j / 2) for j in range(p))


def _orders(rng: np.random.Generator) -> list[Sample]:
    """Integer orders, which are constants, and differentiable arguments."""
    shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 2)), ((), ()),
              ((0, 3), (3,))]  # fmt: skip
    out = [S((rng.integers(2, 5, a), positive(rng, *b))) for a, b in shapes]
    return [*out, S((rng.integers(2, 5, 6), positive(rng, 3, 2).T.ravel()[::-1]))]


def _zeta_samples(rng: np.random.Generator) -> list[Sample]:
    return [*_orders(rng), S((2.5, positive(rng, 3)))]


def _logarithms(rng: np.random.Generator) -> list[Sample]:
    out = pairs(away, positive, numbers=())(rng)
    return [*out, S((2.5, positive(rng, 2, 2))), S((away(rng, 2, 2), 2.5))]


def _nothing(rng: np.random.Generator) -> list[Sample]:
    values = np.array([0.0, 1.0, -1.0, 0.5, INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y))]


def _logarithm_edges(rng: np.random.Generator) -> list[Sample]:
    values = np.array([0.0, 1.0, 0.5, 2.0, INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y)), S((x, -y))]


COMPLEX_PAIR = Bad((COMPLEX, ONES), errors.DtypeError, "must be real")
NUMBERS = Bad((1.5, 2.5), errors.DtypeError, "at least one tensor")
FIRST_NUMBER = Bad((2.5, ONES), errors.DtypeError, "input must be a tensor")
SECOND_NUMBER = Bad((ONES, 2.5), errors.DtypeError, "other must be a tensor")
INTEGERS = Bad((np.ones(2, int), np.ones(2, int)), errors.DtypeError, "not defined for int64")

ROWS = [
    unary("erf", sp.erf, wide, special(0.46875, 4.0, 6.0, -30.0)),
    unary("erfc", sp.erfc, wide, special(0.46875, 4.0, 6.0, -30.0, 26.0, 30.0)),
    unary("erfcx", sp.erfcx, wide, at(0.0, 1.0, -1.0, NAN, 0.46875, 4.0, 50.0, -5.0, 1e20)),
    unary("erfinv", sp.erfinv, inside, special(0.85, 0.9999999, -1e-9, 1.5, -1.5)),
    unary("ndtr", sp.ndtr, wide, special(-8.0, 8.0, -30.0)),
    unary("ndtri", sp.ndtri, probability, special(0.5, 0.075, 0.925, 1e-20, 1 - 1e-10, 1.5)),
    unary("log_ndtr", sp.log_ndtr, wide, at(0.0, INF, NAN, -8.0, 8.0, -30.0)),
    unary("entr", sp.entr, positive, special()),
    Row("xlogy", tg.xlogy, sp.xlogy, _logarithms, _logarithm_edges, method="xlogy", inplace="xlogy_",
        broadcast=True, bad=(UNFIT, STRING, NUMBERS, COMPLEX_PAIR)),
    Row("xlog1py", tg.special.xlog1py, sp.xlog1py, _logarithms, _nothing, torch="special.xlog1py",
        broadcast=True, bad=(UNFIT, STRING, NUMBERS, COMPLEX_PAIR)),
    unary("lgamma", sp.gammaln, no_poles, at(0.0, -0.0, 1.0, -1.0, INF, NAN)),
    unary("digamma", sp.digamma, no_poles, at(0.0, -0.0, 1.0, -1.0, 0.5, INF, NAN), torch_gradient=False),
    Row("polygamma", tg.polygamma, sp.polygamma, _polygamma_samples, bad=(
        Bad((-1, ONES), errors.ArgumentError, "n must not be negative"),
        Bad((1.5, ONES), errors.DtypeError, "n must be an integer"),
        Bad((True, ONES), errors.DtypeError, "n must be an integer"),
        Bad((1, 2.0), errors.DtypeError, "must be a tensor"),
        Bad((1, COMPLEX), errors.DtypeError, "must be real"))),
    Row("mvlgamma", tg.mvlgamma, _mvlgamma, _mvlgamma_samples, method="mvlgamma", inplace="mvlgamma_",
        bad=(
            Bad((ONES, 0), errors.ArgumentError, "p must be at least 1"),
            Bad((ONES, 1.5), errors.DtypeError, "p must be an integer"),
            Bad((np.ones(2, bool), 2), errors.DtypeError, "bool"),
            Bad((COMPLEX, 2), errors.DtypeError, "must be real"),
            Bad((1.5, 2), errors.DtypeError, "must be a tensor"))),
    Row("gammainc", tg.special.gammainc, sp.gammainc, _orders, torch="special.gammainc",
        torch_gradient=False,         bad=(UNFIT, FIRST_NUMBER, SECOND_NUMBER, INTEGERS, COMPLEX_PAIR)),
    Row("gammaincc", tg.special.gammaincc, sp.gammaincc, _orders, torch="special.gammaincc",
        torch_gradient=False,         bad=(UNFIT, FIRST_NUMBER, SECOND_NUMBER, INTEGERS, COMPLEX_PAIR)),
    Row("zeta", tg.special.zeta, sp.zeta, _zeta_samples, torch="special.zeta",
        bad=(UNFIT, STRING, NUMBERS, COMPLEX_PAIR)),
    unary("i0", sp.i0, edges=at(0.0, NAN, INF, 10.0), numpy=np.i0),
    unary("i0e", sp.i0e, edges=at(0.0, NAN, 100.0)),
    unary("i1", sp.i1, edges=at(0.0, NAN, 10.0), keeps_nan=True),
    unary("i1e", sp.i1e, edges=at(0.0, NAN, 100.0), keeps_nan=True),
    unary("bessel_j0", sp.j0, edges=at(0.0, NAN, 20.0), torch_gradient=False),
    unary("bessel_j1", sp.j1, edges=at(0.0, NAN, 20.0), torch_gradient=False),
    unary("bessel_y0", sp.y0, positive, at(0.0, -1.0, NAN, 20.0), torch_gradient=False),
    unary("bessel_y1", sp.y1, positive, at(0.0, -1.0, NAN, 20.0), torch_gradient=False),
]  # fmt: skip
