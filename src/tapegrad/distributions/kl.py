"""Kullback-Leibler divergences: the registry, and the pairs that have a formula.

    KL(p || q) = E_p[log p(x) - log q(x)]

Across families it is what is left of `-entropy(p) - E_p[log q(x)]`, where the expectation needs no more
than the mean, the variance or the mean logarithm of p.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from ..autograd import no_grad
from ..errors import ArgumentError, DtypeError
from ..ops.choose import where
from ..ops.solve import solve_triangular
from ..ops.special import erf, xlogy
from ..tensor import Tensor
from .bernoulli import Bernoulli, Binomial, Geometric, Poisson
from .categorical import Categorical, OneHotCategorical
from .distribution import Distribution
from .elementary import Cauchy, Exponential, Laplace, Uniform
from .extremes import Gumbel, Pareto
from .gamma import Beta, Dirichlet, Gamma
from .independent import Independent
from .multivariate_normal import MultivariateNormal, half_log_det, mahalanobis
from .normal import Normal
from .parameters import EULER, log_one_plus_exp, sum_rightmost
from .transformed_distribution import TransformedDistribution

Pair = tuple[type[Distribution], type[Distribution]]
F = TypeVar("F", bound=Callable[[Any, Any], Tensor])

_formulas: dict[Pair, Callable[[Any, Any], Tensor]] = {}
_found: dict[Pair, Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[F], F]:
    """Register a function as the divergence of a pair of distributions, and of their subclasses.

    Args:
        type_p, type_q: subclasses of `Distribution`. Among several pairs that fit, the most special one
            is taken, with a `RuntimeWarning` where p and q do not agree about which that is.

    Returns:
        A decorator of functions `f(p, q)`.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions
        >>> class Mine(d.Normal): pass
        >>> @d.register_kl(Mine, Mine)
        ... def _(p, q):
        ...     return p.loc * 0 + 7
        >>> d.kl_divergence(Mine(0.0, 1.0), Mine(1.0, 1.0))
        tensor(7.)
    """
    for name, value in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(value, type) and issubclass(value, Distribution)):
            raise DtypeError(
                f"register_kl: {name} must be a subclass of Distribution, got {value!r}"
            )

    def keep(function: F) -> F:
        _formulas[type_p, type_q] = function
        _found.clear()  # what is most special may have changed
        return function

    return keep


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Kullback-Leibler divergence `KL(p || q) = E_p[log p(x) - log q(x)]`.

    Args:
        p, q: distributions whose batches broadcast.

    Returns:
        A tensor of the batch shape, with gradients for the parameters of both.

    Raises:
        NotImplementedError: if no formula is registered for the two.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions
        >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
        tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _found:
        _found[pair] = _most_special(*pair)
    return _found[pair](p, q)


def _most_special(
    type_p: type[Distribution], type_q: type[Distribution]
) -> Callable[[Any, Any], Tensor]:
    places = {
        (type_p.__mro__.index(a), type_q.__mro__.index(b)): function
        for (a, b), function in _formulas.items()
        if issubclass(type_p, a) and issubclass(type_q, b)
    }
    names = f"{type_p.__name__}, {type_q.__name__}"
    if not places:
        raise NotImplementedError(
            f"kl_divergence: no formula for ({names}); register one with register_kl({names})"
        )
    first = places[min(places)]
    if first is not places[min(places, key=lambda place: place[::-1])]:
        warnings.warn(
            f"kl_divergence: several formulas fit ({names}); settle it with register_kl({names})",
            RuntimeWarning,
            stacklevel=3,
        )
    return first


def _infinite(p: Any, q: Any) -> Tensor:
    """Where p gives weight to what q excludes."""
    return (p.mean + q.mean) * 0 + math.inf


# -- of one family ------------------------------------------------------------------------------------


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    ones = p.probs * (log_one_plus_exp(-q.logits) - log_one_plus_exp(-p.logits))
    zeros = (1 - p.probs) * (log_one_plus_exp(q.logits) - log_one_plus_exp(p.logits))
    ones = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, ones))
    zeros = where(p.probs == 1, 0.0, where(q.probs == 1, math.inf, zeros))
    return ones + zeros


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    with no_grad():
        fewer = (p.total_count < q.total_count).any().item()
    if fewer:
        raise NotImplementedError(
            "kl_divergence: of two Binomial, q with more trials than p has no formula"
        )
    of_one = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, math.inf, p.total_count * of_one)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, terms))
    return terms.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - q.probs.log() - p.mean * (-q.probs).log1p()


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    constants = a.sum(-1).lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    logs = a.digamma() - a.sum(-1, True).digamma()
    return constants + ((a - b) * logs).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + b.lgamma()
        - a.lgamma()
        + (a - b) * a.digamma()
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    distance = (p.loc - q.loc).abs()
    return distance / q.scale + ratio * (-distance / p.scale).exp() - 1 - ratio.log()


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    # F. Chyzak, F. Nielsen, "A closed-form formula for the KL divergence between Cauchy
    # distributions", 2019
    squares = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return squares.log() - (4 * p.scale * q.scale).log()


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    difference = (q.loc - p.loc) / q.scale
    tail = (difference + (1 + ratio).lgamma()).exp()
    return ratio * EULER + tail - ratio.log() - difference - (1 + EULER)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, result)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ArgumentError(
            f"kl_divergence: events have different shapes, {p.event_shape} and {q.event_shape}"
        )
    of_p, of_q = p.scale_tril, q.scale_tril
    trace = solve_triangular(of_q, of_p, upper=False).square().sum((-2, -1))
    square = mahalanobis(of_q, q.loc - p.loc)
    dets = half_log_det(of_q) - half_log_det(of_p)
    return dets + 0.5 * (trace + square - p.event_shape[0])


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, result)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            "kl_divergence: two Independent must have the same reinterpreted_batch_ndims, got "
            f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims}"
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError(
            "kl_divergence: two transformed distributions must have the same transforms and events"
        )
    # a bijection changes nothing; what it takes together is summed
    more = len(p.event_shape) - len(p.base_dist.event_shape)
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), max(more, 0))


# -- across families ----------------------------------------------------------------------------------


@register_kl(Beta, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Pareto, Normal)
@register_kl(Uniform, Normal)
def _to_normal(p: Any, q: Normal) -> Tensor:
    square = p.variance + (p.mean - q.loc).square()
    constant = 0.5 * math.log(2 * math.pi)
    return constant + q.scale.log() + 0.5 * square / q.scale.square() - p.entropy()


@register_kl(Beta, Exponential)
@register_kl(Gamma, Exponential)
@register_kl(Pareto, Exponential)
def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log() - p.entropy()


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return where(p.low < 0, math.inf, _to_exponential(p, q))


def _to_gamma(p: Any, q: Gamma, mean_log: Tensor) -> Tensor:
    a = q.concentration
    return a.lgamma() - a * q.rate.log() - (a - 1) * mean_log + q.rate * p.mean - p.entropy()


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    total = p.concentration1 + p.concentration0
    return _to_gamma(p, q, p.concentration1.digamma() - total.digamma())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _to_gamma(p, q, -p.rate.log() - EULER)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return _to_gamma(p, q, p.scale.log() + 1 / p.alpha)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    outside = p.low < 0
    low, high = where(outside, 0.25, p.low), where(outside, 0.75, p.high)
    return where(outside, math.inf, _to_gamma(p, q, _mean_log(low, high)))


def _mean_log(low: Tensor, high: Tensor) -> Tensor:
    """Of a number between two, not negative."""
    return (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    outside = (p.low < 0) | (p.high > 1)
    low, high = where(outside, 0.25, p.low), where(outside, 0.75, p.high)
    a, b = q.concentration1, q.concentration0
    logs = (a - 1) * _mean_log(low, high) + (b - 1) * _mean_log(1 - high, 1 - low)
    constants = a.lgamma() + b.lgamma() - (a + b).lgamma()
    return where(outside, math.inf, constants - logs - p.entropy())


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    outside = p.low < q.scale
    low, high = where(outside, 0.25, p.low), where(outside, 0.75, p.high)
    logs = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(low, high)
    return where(outside, math.inf, -logs - p.entropy())


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    result = (q.high - q.low).log() - p.entropy()
    return where((q.low > 0) | (q.high < 1), math.inf, result)


def _to_gumbel(p: Any, q: Gumbel, log_mean_exp: Tensor) -> Tensor:
    """Given `log E_p[exp(-x / q.scale)]`."""
    tail = (q.loc / q.scale + log_mean_exp).exp()
    return q.scale.log() + (p.mean - q.loc) / q.scale + tail - p.entropy()


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, -p.loc / q.scale + 0.5 * (p.scale / q.scale).square())


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, -(1 / (p.rate * q.scale)).log1p())


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    return _to_gumbel(p, q, -p.concentration * (1 / (p.rate * q.scale)).log1p())


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    width = (p.high - p.low) / q.scale
    return _to_gumbel(p, q, (-(-width).expm1() / width).log() - p.low / q.scale)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    difference = p.loc - q.loc
    z = difference / p.scale
    # the mean distance of x from the centre of q
    far = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z.square()).exp()
    distance = far + difference * erf(math.sqrt(0.5) * z)
    return (2 * q.scale).log() + distance / q.scale - p.entropy()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log() - p.entropy()


for _unbounded in (Exponential, Gamma, Gumbel, Laplace, Normal):
    for _bounded in (Beta, Pareto, Uniform):
        register_kl(_unbounded, _bounded)(_infinite)
for _two_sided in (Gumbel, Laplace, Normal):
    for _one_sided in (Exponential, Gamma):
        register_kl(_two_sided, _one_sided)(_infinite)
for _narrow in (Beta, Uniform):
    register_kl(Pareto, _narrow)(_infinite)
register_kl(Beta, Pareto)(_infinite)
for _counts in (Bernoulli, Binomial):
    register_kl(Poisson, _counts)(_infinite)
