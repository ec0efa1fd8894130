"""How quantiles of gamma and beta distributions move with the parameters of the distribution.

Where the distribution function `F(z; a)` stays the same while `a` changes, `dz/da = -F_a / f`. With the
density written as an exponential this is an integral over either side of z:

    F_a = integral of f(t) (log t - c) below z = -(the same above z),  c = the mean of log t

On the side where `log t` does not cross `c` nothing cancels. A logarithmic variable makes the integrand
smooth and log-concave, so that Gauss-Legendre quadrature up to the place where nothing is left of it is
right to the precision asked for. Every further derivative with respect to a parameter is another power
of the logarithm under the same integral.

References:
    M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients", 2018.
    M. Jankowiak, F. Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018.
"""

from __future__ import annotations

from functools import cache
from math import comb

import numpy as np

from . import kernel
from .special import digamma, polygamma

# By precision: how many nodes; where the integrand ends, its exponent having fallen by so much; and beyond
# which distance nothing is left of terms that fall like e**-v.
DOUBLE = 44, 40.0, 45.0  # right to 13 digits, to 10 in the extremes
SINGLE = 24, 24.0, 26.0  # right to 7 digits, in half of the time
BLOCK = 2**13  # up to so many elements all nodes are evaluated at once


def _precision(kind):
    return DOUBLE if kind.itemsize > 4 else SINGLE


@cache
def _nodes(count):
    """Nodes and weights of Gauss-Legendre quadrature on (0, 1)."""
    from numpy.polynomial.legendre import leggauss  # loaded on first use

    nodes, weights = leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _integral(integrand, end, precision):
    """Integral from 0 to `end`, one for each element, in two panels where it is long."""
    count, _, distance = precision
    near = np.minimum(end, distance)
    total = _panel(integrand, 0 * near, near, count)
    if type(end) is np.ndarray and not np.any(end > distance):
        return total
    return total + _panel(integrand, near, end, count)


def _panel(integrand, start, end, count):
    nodes, weights = _nodes(count)
    length = end - start
    if type(length) is np.ndarray and length.size <= BLOCK:
        shape = (-1, *(1 for _ in length.shape))
        values = integrand(start + length * nodes.reshape(shape))
        return np.add.reduce(values * weights.reshape(shape), axis=0) * length
    total = 0.0
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        total = total + weight * integrand(start + length * node)
    return total * length


def _wide(x):
    from ..device import as_array  # a layer above, looked up when it runs

    return as_array(x).astype(np.float64)


@kernel
def gamma_quantile_slope(z, a, n=0):
    """n-th derivative with respect to `a` of `dz/da` at a fixed quantile of Gamma(a, 1).

    In `t = z e**(side v)` the exponent is `side a v - z (e**(side v) - 1)`.
    """
    kind = z.dtype
    precision = _precision(kind)
    fallen = precision[1]
    z, a = _wide(z), _wide(a)
    # `log z - mean of log t`, and its derivatives
    ahead = [np.log(z) - digamma(a), *(-polygamma(a, k) for k in range(1, n + 1))]
    below = (ahead[0] < 0) | (z < 0.5)  # for small z there is a long plateau above
    side = np.where(below, -1.0, 1.0)
    # ends: where a simpler bound of the exponent has fallen, so a little late
    fall = fallen - 2 * (a - z)
    end_below = (fall + np.sqrt(fall * fall + 8 * fallen * a)) / (2 * a)
    large = np.maximum(z, 0.5)
    end_above = ((a - large) + np.sqrt((a - large) ** 2 + 2 * fallen * large)) / large
    for _ in range(4):
        end_above = np.log1p((fallen + a * end_above) / large)

    def integrand(v):
        move = side * v
        return np.exp(a * move - z * np.expm1(move)) * _leibniz(ahead, move)

    return (
        side * z * _integral(integrand, np.where(below, end_below, end_above), precision)
    ).astype(kind)


def _leibniz(ahead, move):
    """n-th derivative of `e**(a move) (move + ahead)`, divided by the exponential."""
    n = len(ahead) - 1
    total = _power(move, n + 1)
    for k, term in enumerate(ahead):
        total = total + _power(move, n - k) * (comb(n, k) * term)
    return total


def _power(x, n):
    """`x**n`, which NumPy computes as such even for 0 and 1."""
    return (1.0, x)[n] if n < 2 else x**n


@kernel
def beta_quantile_slope(x, a, b, m=0, n=0):
    """`dx/da` at a fixed quantile of Beta(a, b), derived m times by `a` and n times by `b`.

    In the logit of t, which moves away from that of x by v, the exponent is
    `a log(t / x) + b log((1 - t) / (1 - x))`.
    """
    kind = x.dtype
    precision = _precision(kind)
    x, a, b = _wide(x), _wide(a), _wide(b)
    total = a + b
    # `log x - mean of log t`, and its derivatives
    ahead = {
        (i, j): polygamma(total, i + j) - (0 if j else polygamma(a, i))
        for i in range(m + 1)
        for j in range(n + 1)
    }
    ahead[0, 0] = ahead[0, 0] + np.log(x)
    below = ((ahead[0, 0] < 0) | (x * (b + 1) < 0.5)) & ((1 - x) * (a + 1) > 0.5)
    side = np.where(below, -1.0, 1.0)
    rate = np.where(below, a, b)
    start = np.where(below, x, 1 - x)

    def nearer(v):  # the logarithm that stays bounded, the other one is this minus v
        return -np.log1p(start * np.expm1(-v))

    # Newton's method from beyond the root of a concave function stays beyond it
    fallen = precision[1]
    end = (fallen - total * np.log(np.where(below, 1 - x, x))) / rate
    for _ in range(14):
        slope = total * start / (start + (1 - start) * np.exp(np.minimum(end, 700.0))) - rate
        end = end - (total * nearer(end) - rate * end + fallen) / slope

    below_too, above_too = np.where(below, 1.0, 0.0), np.where(below, 0.0, 1.0)

    def integrand(v):
        near = nearer(v)
        log_t = near - below_too * v
        log_rest = near - above_too * v if n else 1.0
        powers = _power(log_t, m + 1) * _power(log_rest, n)
        for (i, j), term in ahead.items():
            ways = comb(m, i) * comb(n, j)
            powers = powers + _power(log_t, m - i) * _power(log_rest, n - j) * (ways * term)
        return np.exp(total * near - rate * v) * powers

    return (side * x * (1 - x) * _integral(integrand, end, precision)).astype(kind)
