"""How quantiles of gamma and beta distributions move with the parameters of the distribution.

Where the distribution function `F(z; a)` stays the same while `a` changes, `dz/da = -F_a / f`. With the
density written as an exponential this is an integral over either side of z:

    F_a = integral of f(t) (log t - c) below z = -(the same above z),  c = the mean of log t

On the side where `log t` does not cross `c` nothing cancels. A logarithmic variable makes the integrand
smooth and log-concave, so that Gauss-Legendre quadrature between 0 and the place where it has fallen to
e**-40 is right to 12 digits. Every further derivative with respect to a parameter is another power of
the logarithm under the same integral.

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

FALLEN = 40.0  # the integrand ends where its exponent has fallen by so much: 4e-18
NEAR = 45.0  # beyond it nothing is left of terms that fall like e**-v
BLOCK = 2**13  # up to so many elements all nodes are evaluated at once


@cache
def _nodes():
    """Nodes and weights of Gauss-Legendre quadrature on (0, 1)."""
    from numpy.polynomial.legendre import leggauss  # loaded on first use

    nodes, weights = leggauss(44)
    return (nodes + 1) / 2, weights / 2


def _integral(integrand, end):
    """Integral from 0 to `end`, one for each element, in two panels where it is long."""
    near = np.minimum(end, NEAR)
    total = _panel(integrand, 0 * near, near)
    if type(end) is np.ndarray and not np.any(end > NEAR):
        return total
    return total + _panel(integrand, near, end)


def _panel(integrand, start, end):
    nodes, weights = _nodes()
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
    z, a = _wide(z), _wide(a)
    # `log z - mean of log t`, and its derivatives
    ahead = [np.log(z) - digamma(a), *(-polygamma(a, k) for k in range(1, n + 1))]
    below = (ahead[0] < 0) | (z < 0.5)  # for small z there is a long plateau above
    side = np.where(below, -1.0, 1.0)
    # ends: where a simpler bound of the exponent has fallen, so a little late
    fall = FALLEN - 2 * (a - z)
    end_below = (fall + np.sqrt(fall * fall + 8 * FALLEN * a)) / (2 * a)
    large = np.maximum(z, 0.5)
    end_above = ((a - large) + np.sqrt((a - large) ** 2 + 2 * FALLEN * large)) / large
    for _ in range(4):
        end_above = np.log1p((FALLEN + a * end_above) / large)

    def integrand(v):
        move = side * v
        return np.exp(a * move - z * np.expm1(move)) * _leibniz(ahead, move)

    return (side * z * _integral(integrand, np.where(below, end_below, end_above))).astype(kind)


def _leibniz(ahead, move):
    """n-th derivative of `e**(a move) (move + ahead)`, divided by the exponential."""
    n = len(ahead) - 1
    total = move ** (n + 1)
    for k, term in enumerate(ahead):
        total = total + comb(n, k) * term * move ** (n - k)
    return total


@kernel
def beta_quantile_slope(x, a, b, m=0, n=0):
    """`dx/da` at a fixed quantile of Beta(a, b), derived m times by `a` and n times by `b`.

    In the logit of t, which moves away from that of x by v, the exponent is
    `a log(t / x) + b log((1 - t) / (1 - x))`.
    """
    kind = x.dtype
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
    end = (FALLEN - total * np.log(np.where(below, 1 - x, x))) / rate
    for _ in range(14):
        slope = total * start / (start + (1 - start) * np.exp(np.minimum(end, 700.0))) - rate
        end = end - (total * nearer(end) - rate * end + FALLEN) / slope

    def integrand(v):
        near = nearer(v)
        far = near - v
        log_t, log_rest = np.where(below, far, near), np.where(below, near, far)
        powers = log_t ** (m + 1) * log_rest**n
        for (i, j), term in ahead.items():
            ways = comb(m, i) * comb(n, j)
            powers = powers + ways * term * log_t ** (m - i) * log_rest ** (n - j)
        return np.exp(total * near - rate * v) * powers

    return (side * x * (1 - x) * _integral(integrand, end)).astype(kind)
