"""Parts, conjugates, magnitudes and angles of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import INF, NAN, TEXT, Bad, Row, S, away, both, normal, positive, unreal
from tapegrad import errors

REAL = np.ones((2, 2))
KINDS = [unreal, away]


def either(rng: np.random.Generator) -> list[S]:
    """Complex samples and real ones."""
    return [sample for make in KINDS for sample in both(make)(rng)]


def special(rng: np.random.Generator) -> list[S]:
    """Zeros of every sign, and the axes."""
    z = np.array([0j, -0.0 + 0j, 1, -1, 1j, -1j, complex(-1, -0.0), complex(0, -0.0), NAN + 1j])
    return [S((z,)), S((np.array([0.0, -0.0, 1.0, -1.0, INF, -INF]),))]


def _complex(x: Any, y: Any) -> Any:
    return x + 1j * y


def two(first: Any) -> Any:
    """Pairs of real arrays of one dtype that broadcast."""

    def make(rng: np.random.Generator) -> list[S]:
        shapes = [
            ((2, 3), (2, 3)),
            ((2, 3), (3,)),
            ((1, 3), (2, 1)),
            ((), ()),
            ((2,), ()),
            ((0, 2), (2,)),
        ]
        pairs = [S((first(rng, *a), normal(rng, *b))) for a, b in shapes]
        return [*pairs, S((first(rng, 3, 2)[::-1], normal(rng, 2, 3).T))]

    return make


def refused(first: str, second: str, op: str) -> tuple[Bad, ...]:
    """Calls that `complex` and `polar` refuse."""
    return (
        Bad(
            (REAL, np.ones((2, 2), "f4")),
            errors.DtypeError,
            f"{op}: {first} and {second} must have",
        ),
        Bad(
            (REAL, np.ones((2, 2), int)), errors.DtypeError, f"{second} must be floating, got int64"
        ),
        Bad((REAL, 1.0), errors.DtypeError, f"{second} must be a tensor"),
        Bad((REAL, np.ones(3)), errors.ShapeError, "do not broadcast"),
    )


def _direction(x: Any) -> Any:
    r = np.abs(x)
    return np.where(r == 0, 0, x / np.where(r == 0, 1, r))


def _angle(x: Any) -> Any:
    return np.angle(x if x.dtype.kind == "c" else x + 0)  # -0.0 is no negative number


def _as_complex(x: Any) -> Any:
    """Pairs side by side, in single precision at least."""
    if isinstance(x, tg.Tensor):
        x = (x.float() if x.dtype == "float16" else x).contiguous()
    return tg.view_as_complex(x)


def _pairs(x: Any) -> Any:
    return np.stack((x.real, x.imag), -1)


ROWS: list[Row] = [
    Row("real", tg.real, np.real, either, special, numpy=np.real, bad=(TEXT,)),
    Row("imag", tg.imag, np.imag, both(unreal), lambda rng: special(rng)[:1], numpy=np.imag,
        bad=(TEXT, Bad((REAL,), errors.DtypeError, "imag: input must be complex, got float64"))),
    *(Row(name, getattr(tg, name), np.conj, either, special, method=name, numpy=np.conj, bad=(TEXT,))
      for name in ("conj", "conj_physical")),
    *(Row(name, getattr(tg, name), lambda x: x, either, method=name, bad=(TEXT,))
      for name in ("resolve_conj", "resolve_neg")),
    Row("magnitude", tg.abs, np.abs, both(unreal), lambda rng: special(rng)[:1], method="abs", numpy=np.abs,
        torch="abs"),
    Row("sgn", tg.sgn, _direction, both(unreal),
        lambda rng: special(rng)[:1], method="sgn", inplace="sgn_", numpy=np.sign, bad=(TEXT,)),
    Row("angle", tg.angle, _angle, either, special, method="angle", numpy=np.angle, bad=(TEXT,)),
    Row("complex", tg.complex, _complex, two(normal), integers=False, bad=refused("real", "imag", "complex")),
    Row("polar", tg.polar, lambda r, t: r * np.exp(1j * t), two(positive), integers=False,
        bad=refused("abs", "angle", "polar")),
    # PyTorch's views of pairs have no gradient without elements: tests/test_complex_numbers.py
    Row("view_as_real", tg.view_as_real, _pairs, lambda rng: [s for s in both(unreal)(rng) if s.args[0].size],
        bad=(TEXT, Bad((REAL,), errors.DtypeError, "view_as_real: input must be complex"))),
    Row("view_as_complex", _as_complex, lambda x: _complex(x[..., 0], x[..., 1]),
        lambda rng: [S((normal(rng, *shape),)) for shape in ((3, 2), (2,), (2, 3, 2), (1, 2))],
        integers=False, bad=(
            TEXT, Bad((np.ones((2, 2), int),), errors.DtypeError, "must be float32 or float64, got int64"),
            Bad((np.ones(()),), errors.ShapeError, "must have size 2, got shape ()"),
            Bad((np.ones(3),), errors.ShapeError, "must have size 2, got shape (3,)"))),
    Row("isreal", tg.isreal, np.isreal, either, lambda rng: [S((np.array([1j, 0j, NAN + 0j, 1 + NAN * 1j]),))],
        method="isreal", numpy=np.isreal, differentiable=False, bad=(TEXT,)),
]  # fmt: skip
