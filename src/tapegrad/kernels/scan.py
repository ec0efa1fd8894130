"""Scans along an axis in log2(n) steps over the whole array.

The generic texts double: after step `k` an element knows the 2**k elements up to itself. That is more
work than one pass, but every step is a few whole-array operations, which any device has.

References:
    W. D. Hillis, G. L. Steele, "Data parallel algorithms", Communications of the ACM 29, 1986.
"""

from __future__ import annotations

import numpy as np

from . import kernel


def part(axis, *bounds):
    """The index that takes `slice(*bounds)` of an axis."""
    return (slice(None),) * axis + (slice(*bounds),)


def flip(x, axis):
    """The reverse order along an axis, as a view."""
    return x[part(axis, None, None, -1)]


@kernel
def accumulate(x, ufunc, axis):
    """`ufunc.accumulate` for an associative function; CuPy has it for sums and products alone."""
    out = x.copy()
    step, n = 1, x.shape[axis]
    while step < n:
        out[part(axis, step, None)] = ufunc(out[part(axis, step, None)], out[part(axis, n - step)])
        step *= 2
    return out


@accumulate.register(np.ndarray)
def _accumulate_numpy(x, ufunc, axis):
    return ufunc.accumulate(x, axis=axis)


@kernel
def logaddexp_scan(x, axis):
    """Running `log(sum(exp(x)))`."""
    return accumulate.__wrapped__(x, _logaddexp, axis)


@logaddexp_scan.register(np.ndarray)
def _logaddexp_scan_numpy(x, axis):
    if x.dtype.kind == "c":
        return logaddexp_scan.__wrapped__(x, axis)
    return np.logaddexp.accumulate(x, axis=axis)


_LOG2 = float(np.log(2.0))


def _logaddexp(x, y):
    # equal infinities would make NaN
    add = logaddexp_complex if x.dtype.kind == "c" else np.logaddexp
    return np.where(x == y, x + _LOG2, add(x, y))


def logaddexp_complex(x, y):
    """`log(exp(x) + exp(y))` without overflow; its imaginary part is not reduced to one turn."""
    first = x.real >= y.real
    large, small = np.where(first, x, y), np.where(first, y, x)
    return large + np.log1p(np.exp(small - large))


@kernel
def recurrence(b, a, axis):
    """First-order linear recurrence: `s[0] = b[0]`, `s[i] = b[i] + a[i - 1] * s[i - 1]`.

    Args:
        b: what is added, n along the axis.
        a: coefficients, n - 1 along the axis, else of the same shape.
        axis: dimension, counted from the front.
    """
    s = b.copy()
    step, n = 1, b.shape[axis]
    while step < n:  # a[k] leads from s[k] to s[k + step]
        s[part(axis, step, None)] += a * s[part(axis, n - step)]
        a = a[part(axis, step, None)] * a[part(axis, max(n - 2 * step, 0))]
        step *= 2
    return s
