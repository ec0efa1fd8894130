"""Discrete Fourier transforms of real and complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft

import tapegrad as tg
from rows import TEXT, Bad, Row, S, normal, unreal
from tapegrad import errors

INTERNAL = {"fft_c2c", "fft_r2c", "fft_c2r"}  # what all transforms are made of

REAL, COMPLEX, ONE = np.ones((2, 3)), np.ones((2, 3)) * 1j, np.ones(())
Make = Callable[..., np.ndarray]


def along_one(*makes: Make) -> Callable[..., list[S]]:
    """Odd and even lengths, cut, filled up, every norm, every place of the dimension."""

    def samples(rng: np.random.Generator) -> list[S]:
        out = []
        for make in makes:
            out += [S((make(rng, *shape), *more)) for shape, *more in (
                ((4,),), ((5,),), ((1, 3), 1), ((2, 3), 5), ((2, 3), 4, -1, "ortho"), ((5, 2), 3, 0, "forward"),
                ((4, 2), 2, 0, "backward"), ((2, 3, 2), None, 1, "ortho"), ((2, 4), None, -1, "forward"), ((6,), 2),
            )]  # fmt: skip
            out.append(S((make(rng, 3, 2)[::-1].T,), {"n": 6, "norm": "ortho"}))
        return out

    return samples


def along_several(*makes: Make, two: bool = False) -> Callable[..., list[S]]:
    """All dimensions, some, in any order, with sizes of their own."""

    def samples(rng: np.random.Generator) -> list[S]:
        calls: Any = [
            ((2, 3),), ((3, 4),), ((2, 3, 2),), ((3, 2, 2), None, (0, 2), "ortho"), ((2, 2, 3), (3, 2), (2, 0), "forward"),
            ((2, 3), (4, 5)), ((3, 5), (2, -1), (0, 1)),
        ]  # fmt: skip
        if not two:
            calls += [((2, 3), (2,)), ((2, 3), None, 0), ((2, 3), 5), ((4,),)]
        out = [S((make(rng, *shape), *more)) for make in makes for shape, *more in calls]
        return [*out, S((makes[0](rng, 3, 2)[::-1].T,), {"norm": "ortho"})]

    return samples


def _reference(name: str) -> Any:
    """SciPy's, where -1 stands for a size of its own."""
    function = getattr(scipy.fft, name)
    pair = name.endswith("2")

    def reference(
        x: Any, s: Any = None, dim: Any = (-2, -1) if pair else None, norm: Any = None
    ) -> Any:
        if isinstance(s, tuple) and -1 in s:
            s = tuple(x.shape[d] if n == -1 else n for n, d in zip(s, dim, strict=True))
            if name.startswith(("irfft", "hfft")):
                s = (*s[:-1], 2 * (x.shape[dim[-1]] - 1))
        return function(x, s, dim, norm)

    return reference


BAD = (
    TEXT,
    Bad((REAL, 0), errors.ArgumentError, "n must be an int, at least 1, got 0"),
    Bad((REAL, 2.5), errors.ArgumentError, "n must be an int"),
    Bad((REAL, True), errors.ArgumentError, "n must be an int"),
    Bad((REAL, 3, 2), errors.DimensionError, "dim must be between -2 and 1"),
    Bad((REAL, 3, (0,)), errors.ArgumentError, "dim must be an int"),
    Bad((REAL, None, -1, "orthogonal"), errors.ArgumentError, "norm must be None"),
    Bad((ONE,), errors.DimensionError, "a 0-d tensor has none"),
    Bad((np.ones((2, 0)),), errors.ArgumentError, "there must be at least one point"),
)
BAD_SEVERAL = (
    TEXT,
    Bad((REAL, (0, 2), (0, 1)), errors.ArgumentError, "s must be an int, at least 1, got 0"),
    Bad(
        (REAL, (2,), (0, 1)),
        errors.ArgumentError,
        "s (2,) and dim (0, 1) must have the same length",
    ),
    Bad((REAL, None, (0, -2)), errors.ArgumentError, "names a dimension twice"),
    Bad((REAL, None, (0, 2)), errors.DimensionError, "dim must be between -2 and 1"),
    Bad((REAL, None, (0, 1), "orthogonal"), errors.ArgumentError, "norm must be None"),
    Bad((ONE, None, 0), errors.DimensionError, "dim must be empty for a 0-d tensor"),
    Bad((np.ones((0, 2)), None, (0, 1)), errors.ArgumentError, "there must be at least one point"),
)
NO_COMPLEX = (Bad((COMPLEX,), errors.DtypeError, "input must be real, got complex128"),)
TOO_MANY = (Bad((REAL, (2, 3, 4)), errors.ShapeError, "s has 3 sizes"),)
NOTHING = (
    Bad((REAL, None, ()), errors.ArgumentError, "there must be a dimension to transform"),
    Bad((ONE,), errors.ArgumentError, "there must be a dimension to transform"),
)
TO_REAL = (Bad((np.ones((2, 1)),), errors.ArgumentError, "the size 1 means 0"),)


def one(name: str, *makes: Make, bad: tuple[Bad, ...] = ()) -> Row:
    """Row of a transform along one dimension."""
    function = getattr(np.fft, name)
    return Row(
        name, getattr(tg.fft, name), function, along_one(*makes), numpy=function, torch=f"fft.{name}",
        bad=(*BAD, *bad),
    )  # fmt: skip


def many(name: str, *makes: Make, bad: tuple[Bad, ...] = ()) -> Row:
    """Row of a transform along several dimensions."""
    return Row(
        name, getattr(tg.fft, name), _reference(name), along_several(*makes, two=name.endswith("2")),
        numpy=getattr(np.fft, name, None), torch=f"fft.{name}",
        bad=(*BAD_SEVERAL, *(TOO_MANY if name.endswith("n") else ()), *bad),
    )  # fmt: skip


def shift(name: str) -> Row:
    """Row of a shift."""
    calls = (
        ((4,),),
        ((5,),),
        ((3, 4),),
        ((3, 4), 1),
        ((3, 4), (0, -1)),
        ((2, 5), (1, 1)),
        ((0, 3),),
    )
    function = getattr(np.fft, name)
    return Row(
        name, getattr(tg.fft, name), function,
        lambda rng: [S((make(rng, *shape), *more)) for make in (normal, unreal) for shape, *more in calls],
        numpy=function, torch=f"fft.{name}", bad=(
            TEXT, Bad((REAL, 2), errors.DimensionError, "dim must be between"),
            Bad((ONE,), errors.DimensionError, "there must be a dimension to shift"),
            Bad((REAL, ()), errors.DimensionError, "there must be a dimension to shift")),
    )  # fmt: skip


ROWS = [
    one("fft", normal, unreal), one("ifft", normal, unreal),
    one("rfft", normal, bad=NO_COMPLEX), one("ihfft", normal, bad=NO_COMPLEX),
    one("irfft", unreal, normal, bad=TO_REAL), one("hfft", unreal, normal, bad=TO_REAL),
    many("fft2", normal, unreal), many("ifft2", normal, unreal),
    many("fftn", normal, unreal), many("ifftn", normal, unreal),
    many("rfft2", normal, bad=NO_COMPLEX), many("ihfft2", normal, bad=NO_COMPLEX),
    many("rfftn", normal, bad=(*NO_COMPLEX, *NOTHING)), many("ihfftn", normal, bad=(*NO_COMPLEX, *NOTHING)),
    many("irfft2", unreal, normal, bad=TO_REAL), many("hfft2", unreal, bad=TO_REAL),
    many("irfftn", unreal, normal, bad=(*TO_REAL, *NOTHING)), many("hfftn", unreal, bad=(*TO_REAL, *NOTHING)),
    shift("fftshift"), shift("ifftshift"),
]  # fmt: skip
