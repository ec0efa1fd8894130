"""Values from the sets on which functions are defined, drawn element by element so that they shrink.

Real numbers are multiples of 1/8 between -4 and 4: exact in every dtype, with ties and zeros among them, and
simple when they have shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DependencyError
from .subject import HostArray

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise DependencyError(
        f"tapegrad.testing.strategies: hypothesis cannot be imported ({error}); install it with "
        "pip install 'tapegrad[testing]'"
    ) from None

__all__ = ["DOMAINS", "SQUARE", "in_complex", "st"]

Draw = Callable[[Any], Any]
Domain = Callable[[Draw, tuple[int, ...]], HostArray]

SQUARE = {
    "invertible",
    "positive_definite",
    "symmetric",
}  # of matrices, whose last two sizes are equal


def _between(low: int, high: int, unit: int = 8) -> Domain:
    """Multiples of 1/unit."""

    def draw_values(draw: Draw, shape: tuple[int, ...]) -> HostArray:
        size = int(np.prod(shape))
        drawn = draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
        return np.array(drawn, np.float64).reshape(shape) / unit

    return draw_values


def _nonzero(draw: Draw, shape: tuple[int, ...]) -> HostArray:
    values = _between(-31, 32)(draw, shape)
    return np.where(values <= 0, values - 0.125, values)


def _distinct(draw: Draw, shape: tuple[int, ...]) -> HostArray:
    size = int(np.prod(shape))
    order = np.array(draw(st.permutations(range(size))), np.float64)
    return (order - size // 2 + 0.5).reshape(shape) / 4


def _invertible(draw: Draw, shape: tuple[int, ...]) -> HostArray:
    n = max(shape[-1], 1)
    return np.eye(shape[-1]) + _between(-15, 15, 16)(draw, shape) / (2 * n)


def _positive_definite(draw: Draw, shape: tuple[int, ...]) -> HostArray:
    factor = _between(-15, 15, 16)(draw, shape)
    return factor @ np.swapaxes(factor, -1, -2) + np.eye(shape[-1])


def _symmetric(draw: Draw, shape: tuple[int, ...]) -> HostArray:
    n = shape[-1]
    half = _between(-15, 15, 16)(draw, shape) / (4 * max(n, 1))
    return half + np.swapaxes(half, -1, -2) + np.diag(1.5 * np.arange(n) + 1)


DOMAINS: dict[str, Domain] = {
    "real": _between(-32, 32),
    "positive": _between(1, 32),
    "nonnegative": _between(0, 32),
    "nonzero": _nonzero,
    "unit": _between(-15, 15, 16),  # in (-1, 1)
    "probability": _between(1, 15, 16),  # in (0, 1)
    "distinct": _distinct,  # at least 1/4 apart, and 1/8 from zero
    "invertible": _invertible,  # diagonally dominant: condition number below 4
    "positive_definite": _positive_definite,  # eigenvalues of 1 and more
    "symmetric": _symmetric,  # eigenvalues at least 1 apart
}


def in_complex(draw: Draw, values: HostArray, domain: str) -> HostArray:
    """The values turned in the complex plane by eighths of a circle; Hermitian where they were symmetric."""
    turned: HostArray
    turns = np.exp(0.25j * np.pi * _between(-4, 4, 1)(draw, values.shape)) * np.exp(0.3j)
    if domain in ("positive_definite", "symmetric"):
        lower = np.tril(values * turns, -1)
        upper = np.conj(np.swapaxes(lower, -1, -2))
        turned = lower + upper + values * (np.eye(values.shape[-1]) * 2)
    elif domain == "invertible":
        turned = np.eye(values.shape[-1]) + (values - np.eye(values.shape[-1])) * turns
    else:
        turned = values * turns
    return turned
