"""How far two computations of one value may differ, by dtype: the only tolerances in the suite."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """Relative and absolute difference allowed."""

    rtol: float
    atol: float


# Two correct texts differ by a few roundings: about 16 eps for sums and products of a dozen terms.
VALUE = {
    np.dtype("float64"): Tolerance(1e-12, 1e-13),  # eps 2.2e-16; exp and pow differ by library
    np.dtype("float32"): Tolerance(1e-5, 1e-6),  # eps 1.2e-7
    np.dtype("float16"): Tolerance(1e-2, 1e-2),  # eps 9.8e-4
    np.dtype("complex128"): Tolerance(1e-12, 1e-13),
    np.dtype("complex64"): Tolerance(1e-5, 1e-6),
}
EXACT = Tolerance(0.0, 0.0)  # integers and bools

# Central differences in float64 with step h have an error of about h**2 * f'''/6 + eps * f / h:
# 1e-10 at h = 1e-5, for functions and derivatives of order one.
STEP = 1e-5
DIFFERENCES = Tolerance(1e-6, 1e-7)


def of(dtype: Any) -> Tolerance:
    """The tolerance for values of a dtype."""
    return VALUE.get(np.dtype(dtype), EXACT)


def assert_same(
    actual: Any, expected: Any, what: str = "", tolerance: Tolerance | None = None
) -> None:
    """Compare values and shapes; NaN equals NaN."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (
        f"{what}: shape {actual.shape}, expected {expected.shape}"
    )
    if (actual == expected).all():
        return
    rtol, atol = tolerance or of(actual.dtype)
    if rtol:
        with np.errstate(
            all="ignore"
        ):  # quicker than NumPy's own, which knows NaN and says what differs
            if (np.abs(actual - expected) <= atol + rtol * np.abs(expected)).all():
                return
    np.testing.assert_allclose(actual, expected, rtol, atol, err_msg=what)
