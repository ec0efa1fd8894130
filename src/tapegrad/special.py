"""Special functions under PyTorch's names."""

from .ops.bessel import bessel_j0, bessel_j1, bessel_y0, bessel_y1, i0, i0e, i1, i1e
from .ops.elementwise import sigmoid
from .ops.exponential import exp2, expm1, log1p, logit, sinc
from .ops.gamma import digamma, gammainc, gammaincc, lgamma, mvlgamma, polygamma, zeta
from .ops.nn import log_softmax, softmax
from .ops.norms import logsumexp
from .ops.rounding import round
from .ops.special import (
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    log_ndtr,
    ndtr,
    ndtri,
    xlog1py,
    xlogy,
)

expit = sigmoid
gammaln = lgamma
multigammaln = mvlgamma
psi = digamma

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]
