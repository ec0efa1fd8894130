"""Special functions that SciPy has for NumPy arrays and CuPy for its own.

The backend of an array names the namespace; it is imported when the first of these is called. Results
have the dtype of the first argument.
"""

from __future__ import annotations

import math

from . import kernel


def _call(op, name, x, *more):
    from ..device import as_array, backend_of  # a layer above, looked up when it runs

    x = as_array(x)
    out = getattr(backend_of(x).special(op), name)(*more, x)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@kernel
def lgamma(x):
    """`log(|gamma(x)|)`."""
    return _call("lgamma", "gammaln", x)


@kernel
def digamma(x):
    """Derivative of `lgamma`."""
    return _call("digamma", "digamma", x)


@kernel
def polygamma(x, n):
    """n-th derivative of `digamma`: `(-1)**(n + 1) * n! * zeta(n + 1, x)`."""
    if n == 0:
        return digamma(x)
    factor = math.factorial(n) if n <= 170 else math.inf
    return zeta(x, float(n + 1)) * float(factor if n % 2 else -factor)


@kernel
def zeta(q, s):
    """Hurwitz zeta function: the sum of `(k + q)**-s` over k >= 0."""
    return _call("zeta", "zeta", q, s)


@kernel
def gammainc(x, a):
    """Regularised lower incomplete gamma function."""
    return _call("gammainc", "gammainc", x, a)


@kernel
def gammaincc(x, a):
    """Regularised upper incomplete gamma function."""
    return _call("gammaincc", "gammaincc", x, a)


@kernel
def bessel_j0(x):
    """Bessel function of the first kind, order 0."""
    return _call("bessel_j0", "j0", x)


@kernel
def bessel_j1(x):
    """Bessel function of the first kind, order 1."""
    return _call("bessel_j1", "j1", x)


@kernel
def bessel_y0(x):
    """Bessel function of the second kind, order 0."""
    return _call("bessel_y0", "y0", x)


@kernel
def bessel_y1(x):
    """Bessel function of the second kind, order 1."""
    return _call("bessel_y1", "y1", x)


@kernel
def i0(x):
    """Modified Bessel function of the first kind, order 0."""
    return _call("i0", "i0", x)


@kernel
def i0e(x):
    """`exp(-|x|) * i0(x)`."""
    return _call("i0e", "i0e", x)


@kernel
def i1(x):
    """Modified Bessel function of the first kind, order 1."""
    return _call("i1", "i1", x)


@kernel
def i1e(x):
    """`exp(-|x|) * i1(x)`."""
    return _call("i1e", "i1e", x)
