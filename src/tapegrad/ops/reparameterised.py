"""Random numbers with a gradient for the parameters of their distribution, where no formula has one.

A sample of a gamma or Dirichlet distribution is not a smooth function of its parameters and of other
random numbers, but it has a smooth quantile: its gradient is how the sample moves with the parameter
while the probability below it stays the same.

In the formulas `g` is the gradient of the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, kernels
from ..device import as_array, move
from ..kernels.quantile_slopes import beta_quantile_slope, gamma_quantile_slope
from ..record import OUT, record, record2
from ..tensor import Tensor
from .arithmetic import singular
from .cast import as_operand


def standard_gamma(concentration: Tensor) -> Tensor:
    """Draw from gamma distributions with rate 1, one number for each concentration.

    Adjoint: `g * dz/da` at a fixed quantile, `z` the sample and `a` the concentration.

    Args:
        concentration: floating tensor of positive numbers, any shape.

    References:
        M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients", 2018.
    """
    from ..random import numpy_generator  # a layer above, looked up when it runs

    a = concentration.array
    drawn = as_array(numpy_generator(None).standard_gamma(_wide(concentration)))
    least = float(dtypes.finfo(a.dtype).tiny)  # no logarithm of a sample may be infinite
    drawn = np.maximum(drawn.astype(a.dtype, copy=False), a.dtype.type(least))
    z = move(as_array(drawn), concentration.device)
    return record(z, (_standard_gamma_vjp,), (concentration,), (a, OUT))


def _standard_gamma_vjp(g, a, z):
    return g * gamma_quantile_slope(z, a)


def dirichlet_sample(concentration: Tensor) -> Tensor:
    """Draw from Dirichlet distributions, one point of the simplex for each row of concentrations.

    Adjoint: `(g_j - sum(g * x)) / (1 - x_j) * dx_j/da_j`, where `x_j`, alone distributed as
    Beta(a_j, sum of the others), moves at a fixed quantile and the others keep their proportions.

    Args:
        concentration: floating tensor of positive numbers, shape (..., K).

    References:
        M. Jankowiak, F. Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018.
    """
    from ..random import numpy_generator  # a layer above, looked up when it runs

    a = concentration.array
    wide = _wide(concentration)
    stream = numpy_generator(None)
    # Gamma(a) = Gamma(a + 1) * U**(1 / a), in logarithms: those of small concentrations underflow
    logs = np.log(stream.standard_gamma(wide + 1)) - stream.standard_exponential(wide.shape) / wide
    parts = np.exp(logs - np.max(logs, axis=-1, keepdims=True))
    kind = dtypes.finfo(a.dtype)
    drawn = (parts / np.sum(parts, axis=-1, keepdims=True)).astype(a.dtype)
    drawn = np.clip(drawn, a.dtype.type(kind.tiny), a.dtype.type(1 - kind.eps / 2))
    x = move(drawn, concentration.device)
    return record(x, (_dirichlet_sample_vjp,), (concentration,), (a, OUT))


def _dirichlet_sample_vjp(g, a, x):
    others = np.sum(a, axis=-1, keepdims=True) - a
    common = np.sum(g * x, axis=-1, keepdims=True)
    return (g - common) / (1 - x) * beta_quantile_slope(x, a, others)


def _wide(parameter: Tensor) -> Any:
    return move(parameter.array, "cpu").astype(np.float64)


# -- their derivatives, recorded when a gradient is ---------------------------------------------------


@gamma_quantile_slope.register(Tensor)  # type: ignore[untyped-decorator]
def _gamma_slope(z: Tensor, a: Any, n: int = 0) -> Tensor:
    """`s_n`, the n-th derivative of `s = dz/da` with respect to a.

    Adjoint: for a `g * s_(n+1)`; for z from `ds/dz = -(log z - digamma(a)) - s * ((a - 1) / z - 1)`.
    """
    a = as_operand(a, "gamma_quantile_slope", "a")
    out = gamma_quantile_slope(z.array, a.array, n)
    return record2(out, (_gamma_slope_vjp_z, _gamma_slope_vjp_a), z, a, (z.array, a.array, n))


@singular
def _gamma_slope_vjp_z(g, z, a, n):
    slope = kernels.polygamma(a, n) - gamma_quantile_slope(z, a, n) * ((a - 1) / z - 1)
    if n == 0:
        return g * (slope - np.log(z))
    return g * (slope - n * gamma_quantile_slope(z, a, n - 1) / z)


def _gamma_slope_vjp_a(g, z, a, n):
    return g * gamma_quantile_slope(z, a, n + 1)


@beta_quantile_slope.register(Tensor)  # type: ignore[untyped-decorator]
def _beta_slope(x: Tensor, a: Any, b: Any, m: int = 0, n: int = 0) -> Tensor:
    """`s_mn`, the derivative of `s = dx/da`, m times with respect to a and n times to b.

    Adjoint: for a `g * s_(m+1)n`, for b `g * s_m(n+1)`; for x from
    `ds/dx = -(log x - digamma(a) + digamma(a + b)) - s * ((a - 1) / x - (b - 1) / (1 - x))`.
    """
    a, b = (as_operand(value, "beta_quantile_slope", "a and b") for value in (a, b))
    out = beta_quantile_slope(x.array, a.array, b.array, m, n)
    rules = _beta_slope_vjp_x, _beta_slope_vjp_a, _beta_slope_vjp_b
    return record(out, rules, (x, a, b), (x.array, a.array, b.array, m, n))


@singular
def _beta_slope_vjp_x(g, x, a, b, m, n):
    slope = -kernels.polygamma(a + b, m + n)
    if n == 0:
        slope = slope + kernels.polygamma(a, m)
    if m == n == 0:
        slope = slope - np.log(x)
    slope = slope - beta_quantile_slope(x, a, b, m, n) * ((a - 1) / x - (b - 1) / (1 - x))
    if m:
        slope = slope - m * beta_quantile_slope(x, a, b, m - 1, n) / x
    if n:
        slope = slope + n * beta_quantile_slope(x, a, b, m, n - 1) / (1 - x)
    return g * slope


def _beta_slope_vjp_a(g, x, a, b, m, n):
    return g * beta_quantile_slope(x, a, b, m + 1, n)


def _beta_slope_vjp_b(g, x, a, b, m, n):
    return g * beta_quantile_slope(x, a, b, m, n + 1)
