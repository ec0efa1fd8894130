"""Running averages and roots, which all adaptive methods share."""

from __future__ import annotations

from typing import Any

import numpy as np


def average(m: Any, x: Any, keep: Any, rest: Any, s: Any) -> None:
    """Write `keep * m + rest * x` into m, with scratch s or None."""
    np.multiply(m, keep, out=m)
    s = np.multiply(x, rest, out=s)
    np.add(m, s, out=m)


def average_square(v: Any, x: Any, keep: Any, rest: Any, s: Any) -> None:
    """Write `keep * v + rest * x^2` into v, with scratch s."""
    np.multiply(v, keep, out=v)
    np.multiply(x, x, out=s)
    np.multiply(s, rest, out=s)
    np.add(v, s, out=v)


def root(v: Any, eps: Any, s: Any) -> Any:
    """Write `sqrt(v) + eps` into s, and return it."""
    np.sqrt(v, out=s)
    return np.add(s, eps, out=s)


def wide(x: Any) -> Any:
    """Half precision as float32, in which sums of many terms are right; others as they are."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x
