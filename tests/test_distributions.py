"""Distributions against SciPy: gradients of quantiles, samples, checks of arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
import scipy.stats as st

import gradients
import standin  # noqa: F401  registers the device "standin"
import tapegrad as tg
import tolerances
from tapegrad import errors
from tapegrad.kernels.quantile_slopes import beta_quantile_slope, gamma_quantile_slope
from tapegrad.ops.reparameterised import dirichlet_sample, standard_gamma
from tapegrad.tensor import to_host

D = tg.distributions
PROBABILITIES = np.array([1e-4, 0.01, 0.2, 0.5, 0.7, 0.95, 0.999])


@pytest.fixture
def double() -> Iterator[None]:
    """Numbers become double precision."""
    tg.set_default_dtype(tg.float64)
    yield
    tg.set_default_dtype(tg.float32)


def moves_like(quantiles: Callable[[Any], Any], a: float, found: Any) -> bool:
    """Whether slopes are those of the quantiles by central differences of fourth order.

    Differences of logarithms, because a quantile near 0 is the power `1 / a` of its probability; SciPy's
    are right to 12 digits.
    """
    h, z = 1e-3 * a, quantiles(a)

    def log(b: float) -> Any:
        return np.log(quantiles(b))

    wanted = z * (8 * (log(a + h) - log(a - h)) - log(a + 2 * h) + log(a - 2 * h)) / (12 * h)
    return bool(np.all(np.abs(found - wanted) <= 1e-7 * np.abs(wanted) + 1e-12 * z / h))


# -- how quantiles move -------------------------------------------------------------------------------

CONCENTRATIONS = [0.05, 0.3, 0.5, 0.9, 1.0, 1.5, 3.0, 10.0, 50.0, 300.0, 1e4]


@pytest.mark.parametrize("a", CONCENTRATIONS)
def test_gamma_quantiles_move_as_differences_of_scipys(a: float) -> None:
    p = PROBABILITIES

    def quantiles(b: float) -> Any:
        return np.where(p < 0.5, sp.gammaincinv(b, p), sp.gammainccinv(b, 1 - p))

    z = quantiles(a)
    assert moves_like(quantiles, a, gamma_quantile_slope(z, a + 0 * z))


@pytest.mark.parametrize("a", [0.1, 0.5, 1.0, 2.0, 20.0, 500.0])
@pytest.mark.parametrize("b", [0.1, 0.5, 1.0, 2.0, 20.0, 500.0])
def test_beta_quantiles_move_as_differences_of_scipys(a: float, b: float) -> None:
    p = PROBABILITIES[sp.betaincinv(a, b, PROBABILITIES) < 0.999]  # beyond, rounding moves them
    x = sp.betaincinv(a, b, p)
    found = beta_quantile_slope(x, a + 0 * x, b + 0 * x)
    assert moves_like(lambda c: sp.betaincinv(c, b, p), a, found)


@pytest.mark.parametrize("a", [1e-3, 0.01, 0.2, 1.0, 7.0, 1e3])
def test_an_exponential_tail_is_exact(a: float) -> None:
    """The quantiles of Beta(a, 1) are `p**(1 / a)`, which can be differentiated."""
    p = np.array([0.05, 0.3, 0.5, 0.9, 0.999])
    x = p ** (1 / a)
    x = x[x > 1e-300]
    wanted = -x * np.log(x) / a
    tolerances.assert_same(
        beta_quantile_slope(x, a + 0 * x, 1 + 0 * x),
        wanted,
        tolerance=tolerances.Tolerance(1e-11, 0),
    )


Z = np.array([0.01, 0.3, 0.7, 2.0, 5.0, 40.0, 0.2])
A = np.array([0.2, 0.5, 0.9, 2.5, 3.0, 35.0, 2.0])
X = np.array([0.1, 0.5, 0.9, 0.3, 0.97, 0.02])
B = np.array([[0.5, 2.0, 0.3, 10.0, 3.0, 0.8], [0.7, 3.0, 4.0, 25.0, 0.4, 6.0]])


def test_derivatives_of_the_gradients_equal_differences(device: str) -> None:
    gradients.check(gamma_quantile_slope, [Z, A], device)
    gradients.check_second(gamma_quantile_slope, [Z, A], device)
    gradients.check(beta_quantile_slope, [X, *B], device)
    gradients.check_second(beta_quantile_slope, [X, *B], device)


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (0, 1), (2, 1)])
def test_the_stand_in_gives_the_same_slopes(orders: tuple[int, int]) -> None:
    for where in ("cpu", "standin"):
        z, a, x, b = (tg.tensor(v, device=where) for v in (Z, A, X, B))
        gamma = gamma_quantile_slope(z, a, sum(orders))
        beta = beta_quantile_slope(x, b[0], b[1], *orders)
        if where == "cpu":
            wanted = to_host(gamma), to_host(beta)
    tolerances.assert_same(to_host(gamma), wanted[0])
    tolerances.assert_same(to_host(beta), wanted[1])


def test_many_elements_give_what_few_give() -> None:
    z = np.tile(Z, 2000)
    found = gamma_quantile_slope(z, np.tile(A, 2000))
    tolerances.assert_same(found, np.tile(gamma_quantile_slope(Z, A), 2000))
    found = beta_quantile_slope(np.tile(X, 2000), np.tile(B[0], 2000), np.tile(B[1], 2000))
    tolerances.assert_same(found, np.tile(beta_quantile_slope(X, *B), 2000))


def test_single_precision_is_kept() -> None:
    z, a, x, b, c = (v.astype(np.float32) for v in (Z, A, X, *B))
    exact = gamma_quantile_slope(z.astype(float), a.astype(float))
    assert gamma_quantile_slope(z, a).dtype == np.float32
    low = tolerances.of("float32")
    tolerances.assert_same(gamma_quantile_slope(z, a), exact, tolerance=low)
    exact = beta_quantile_slope(*(v.astype(float) for v in (x, b, c)))
    tolerances.assert_same(beta_quantile_slope(x, b, c), exact, tolerance=low)


def test_gradients_of_samples_of_gamma_are_those_of_their_quantiles() -> None:
    a = tg.tensor(A, requires_grad=True)
    z = standard_gamma(a)
    (found,) = tg.autograd.grad(z.sum(), a)
    tolerances.assert_same(to_host(found), gamma_quantile_slope(to_host(z.detach()), A))


def test_gradients_of_a_dirichlet_sample_keep_it_in_the_simplex() -> None:
    a = tg.tensor(B[:, :4].copy(), requires_grad=True)
    x = dirichlet_sample(a)
    (found,) = tg.autograd.grad(x.sum(), a)
    tolerances.assert_same(
        to_host(found), np.zeros((2, 4)), tolerance=tolerances.Tolerance(0, 1e-9)
    )


def test_second_derivatives_of_samples_are_those_of_their_quantiles() -> None:
    a, b = (tg.tensor(v, dtype=tg.float64, requires_grad=True) for v in (1.7, 2.5))
    z, x = standard_gamma(a), D.Beta(a, b).rsample()
    h = 1e-3
    for sample, quantiles in (
        (z, lambda c: sp.gammaincinv(c, sp.gammainc(1.7, z.item()))),
        (x, lambda c: sp.betaincinv(c, 2.5, sp.betainc(1.7, 2.5, x.item()))),
    ):
        (slope,) = tg.autograd.grad(sample, a, create_graph=True)
        (found,) = tg.autograd.grad(slope, a)
        wanted = (quantiles(1.7 + h) - 2 * quantiles(1.7) + quantiles(1.7 - h)) / h**2
        assert found.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (D.Gamma, (0.4, 2.0)),
        (D.Gamma, (3.0, 0.5)),
        (D.Beta, (0.6, 1.7)),
        (D.Beta, (5.0, 2.0)),
        (D.Chi2, (3.0,)),
        (D.LogNormal, (0.1, 0.4)),
    ],
)
def test_the_mean_gradient_of_samples_is_the_gradient_of_the_mean(
    build: Any, parameters: tuple[float, ...]
) -> None:
    leaves = [tg.tensor(p, dtype=tg.float64, requires_grad=True) for p in parameters]
    found = tg.autograd.grad(build(*leaves).rsample((20000,)).mean(), leaves)
    wanted = tg.autograd.grad(build(*leaves).mean, leaves)
    for f, w in zip(found, wanted, strict=True):
        assert f.item() == pytest.approx(w.item(), rel=0.05)


def test_the_mean_gradient_of_dirichlet_samples_is_the_gradient_of_the_mean() -> None:
    a = tg.tensor([0.5, 1.5, 3.0], dtype=tg.float64, requires_grad=True)
    weights = tg.tensor([1.0, -2.0, 0.5], dtype=tg.float64)
    distribution = D.Dirichlet(a)
    (found,) = tg.autograd.grad((distribution.rsample((20000,)).mean(0) * weights).sum(), a)
    (wanted,) = tg.autograd.grad((distribution.mean * weights).sum(), a)
    np.testing.assert_allclose(to_host(found), to_host(wanted), rtol=0.05)


@pytest.mark.parametrize("concentration", [1e-3, 1e-2, 1e5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_concentrations_give_finite_samples_and_gradients(
    concentration: float, dtype: str
) -> None:
    a = tg.full((50, 3), concentration, dtype=dtype, requires_grad=True)
    for sample in (D.Gamma(a, 1.0).rsample(), D.Dirichlet(a).rsample(), D.Beta(a, a).rsample()):
        assert sample.dtype == a.dtype
        assert np.isfinite(to_host(sample.detach())).all() and to_host(sample.detach()).min() > 0
        (found,) = tg.autograd.grad(sample.sum(), a)
        assert np.isfinite(to_host(found)).all()


# -- formulas whose gradient PyTorch has in single precision only ---------------------------------------


@pytest.mark.parametrize(
    ("build", "arrays"),
    [
        (D.Gamma, [A, A[::-1].copy()]),
        (D.Beta, [A, A[::-1].copy()]),
        (D.Dirichlet, [B]),
        (D.StudentT, [A, Z, A]),
    ],
)
def test_gradients_of_the_entropy_equal_differences(build: Any, arrays: Any) -> None:
    gradients.check(lambda *leaves: build(*leaves).entropy(), arrays)
    gradients.check_second(lambda *leaves: build(*leaves).entropy(), arrays)


@pytest.mark.parametrize(("build", "count"), [(D.Gamma, 2), (D.Beta, 2)])
def test_gradients_of_the_divergence_equal_differences(build: Any, count: int) -> None:
    arrays = [A[:4], A[3:], Z[:4] + 0.5, Z[3:]]
    gradients.check(lambda a, b, c, d: D.kl_divergence(build(a, b), build(c, d)), arrays)


def test_the_entropy_of_a_multinomial_is_scipys() -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    found = D.Multinomial(7, tg.tensor(p)).entropy()
    np.testing.assert_allclose(to_host(found), st.multinomial(7, p).entropy(), rtol=1e-12)


PAIRS = [
    (lambda: D.Uniform(0.1, 0.8), lambda: D.Beta(2.0, 3.0)),
    (lambda: D.Uniform(0.5, 2.0), lambda: D.Gamma(2.0, 3.0)),
    (lambda: D.Beta(2.0, 3.0), lambda: D.Gamma(1.5, 2.0)),
    (lambda: D.Exponential(2.0), lambda: D.Gamma(1.5, 2.0)),
    (lambda: D.Normal(0.3, 1.2), lambda: D.Laplace(-0.5, 0.7)),
    (lambda: D.Laplace(0.3, 1.2), lambda: D.Normal(-0.5, 0.7)),
    (lambda: D.Beta(2.0, 3.0), lambda: D.Uniform(-1.0, 2.0)),
    (lambda: D.Cauchy(0.3, 1.2), lambda: D.Cauchy(-0.5, 0.7)),
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergence_is_the_mean_difference_of_the_densities(p: Any, q: Any) -> None:
    p, q = p(), q()
    x = p.sample((100000,))
    differences = to_host(p.log_prob(x) - q.log_prob(x))
    error = differences.std() / np.sqrt(differences.size)
    assert D.kl_divergence(p, q).item() == pytest.approx(differences.mean(), abs=5 * error + 1e-12)


# -- samples ------------------------------------------------------------------------------------------

# 20000 numbers show a distribution function that is wrong by 0.02; a right one fails with this seed with a
# chance of one in ten thousand
UNLIKELY = 1e-4

CONTINUOUS: dict[str, tuple[Any, Any]] = {
    "normal": (lambda: D.Normal(1.0, 2.0), st.norm(1, 2)),
    "log-normal": (lambda: D.LogNormal(0.5, 0.7), st.lognorm(0.7, scale=np.exp(0.5))),
    "half-normal": (lambda: D.HalfNormal(2.0), st.halfnorm(scale=2)),
    "uniform": (lambda: D.Uniform(-1.0, 3.0), st.uniform(-1, 4)),
    "exponential": (lambda: D.Exponential(0.5), st.expon(scale=2)),
    "laplace": (lambda: D.Laplace(1.0, 2.0), st.laplace(1, 2)),
    "cauchy": (lambda: D.Cauchy(1.0, 2.0), st.cauchy(1, 2)),
    "half-Cauchy": (lambda: D.HalfCauchy(2.0), st.halfcauchy(scale=2)),
    "Gumbel": (lambda: D.Gumbel(1.0, 2.0), st.gumbel_r(1, 2)),
    "Weibull": (lambda: D.Weibull(2.0, 1.5), st.weibull_min(1.5, scale=2)),
    "Pareto": (lambda: D.Pareto(2.0, 1.5), st.pareto(1.5, scale=2)),
    "inverse gamma": (lambda: D.InverseGamma(1.5, 2.0), st.invgamma(1.5, scale=2)),
    "gamma": (lambda: D.Gamma(0.7, 2.0), st.gamma(0.7, scale=0.5)),
    "chi-squared": (lambda: D.Chi2(3.0), st.chi2(3)),
    "beta": (lambda: D.Beta(0.6, 1.5), st.beta(0.6, 1.5)),
    "beta with small parameters": (lambda: D.Beta(0.3, 0.2), st.beta(0.3, 0.2)),
    "one part of Dirichlet": (lambda: _First(D.Dirichlet(tg.tensor([0.5, 1.0, 2.0]))), st.beta(0.5, 3)),
    "student": (lambda: D.StudentT(3.0, 1.0, 2.0), st.t(3, 1, 2)),
    "one part of a vector": (
        lambda: _First(D.MultivariateNormal(tg.tensor([1.0, 0.0]), tg.tensor([[4.0, 1.0], [1.0, 2.0]]))),
        st.norm(1, 2),
    ),
    "logistic": (
        lambda: D.TransformedDistribution(D.Uniform(0.0, 1.0), D.SigmoidTransform().inv),
        st.logistic(),
    ),
    "relaxed": (lambda: D.LogitRelaxedBernoulli(2.0, probs=0.5), st.logistic(scale=0.5)),
}  # fmt: skip


class _First:
    """The first part of vectors."""

    def __init__(self, distribution: Any) -> None:
        self.distribution = distribution

    def sample(self, shape: Any = ()) -> Any:
        return self.distribution.sample(shape)[..., 0]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_follow_scipys_distribution(name: str) -> None:
    build, reference = CONTINUOUS[name]
    numbers = to_host(build().sample((20000,)))
    assert st.kstest(numbers, reference.cdf).pvalue > UNLIKELY


DISCRETE: dict[str, tuple[Any, Any]] = {
    "bernoulli": (lambda: D.Bernoulli(0.3), st.bernoulli(0.3)),
    "geometric": (lambda: D.Geometric(0.3), st.geom(0.3, loc=-1)),
    "binomial": (lambda: D.Binomial(6, 0.3), st.binom(6, 0.3)),
    "negative binomial": (lambda: D.NegativeBinomial(2.5, 0.3), st.nbinom(2.5, 0.7)),
    "poisson": (lambda: D.Poisson(2.5), st.poisson(2.5)),
    "categorical": (
        lambda: D.Categorical(tg.tensor([1.0, 2.0, 5.0])),
        st.rv_discrete(values=([0, 1, 2], [0.125, 0.25, 0.625])),
    ),
    "one part of a multinomial": (
        lambda: _First(D.Multinomial(6, tg.tensor([0.3, 0.2, 0.5]))), st.binom(6, 0.3),
    ),
    "one part of a one-hot vector": (
        lambda: _First(D.OneHotCategorical(tg.tensor([0.3, 0.2, 0.5]))), st.bernoulli(0.3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DISCRETE)
def test_counts_of_samples_follow_scipys_probabilities(name: str) -> None:
    build, reference = DISCRETE[name]
    numbers = to_host(build().sample((20000,))).astype(int)
    counts = np.bincount(numbers)
    chances = reference.pmf(np.arange(counts.size))
    kept = chances * numbers.size > 5  # the rest of the tail is one cell
    observed = [*counts[kept], counts[~kept].sum()]
    wanted = [*chances[kept], 1 - chances[kept].sum()]
    if wanted[-1] < 1e-9:
        assert observed[-1] == 0
        observed, wanted = observed[:-1], wanted[:-1]
    wanted = np.array(wanted) / sum(wanted) * sum(observed)
    assert st.chisquare(observed, wanted).pvalue > UNLIKELY


def test_vectors_have_the_covariance_asked_for() -> None:
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    for form in (
        {"covariance_matrix": tg.tensor(covariance)},
        {"precision_matrix": tg.tensor(np.linalg.inv(covariance))},
        {"scale_tril": tg.tensor(np.linalg.cholesky(covariance))},
    ):
        d = D.MultivariateNormal(tg.zeros(2, dtype=tg.float64), **form)
        np.testing.assert_allclose(to_host(d.covariance_matrix), covariance, rtol=1e-12)
        np.testing.assert_allclose(
            to_host(d.precision_matrix), np.linalg.inv(covariance), rtol=1e-12
        )
        found = np.cov(to_host(d.sample((20000,))).T)
        np.testing.assert_allclose(found, covariance, atol=0.06)


def test_mixtures_draw_from_their_components() -> None:
    parts = D.Normal(tg.tensor([-5.0, 5.0]), tg.tensor([0.5, 1.0]))
    mixture = D.MixtureSameFamily(D.Categorical(tg.tensor([0.3, 0.7])), parts)
    numbers = to_host(mixture.sample((20000,)))

    def cdf(x: Any) -> Any:
        return 0.3 * st.norm(-5, 0.5).cdf(x) + 0.7 * st.norm(5, 1).cdf(x)

    assert st.kstest(numbers, cdf).pvalue > UNLIKELY


BUILDERS = {**{k: v[0] for k, v in CONTINUOUS.items()}, **{k: v[0] for k, v in DISCRETE.items()}}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_same_seed_gives_the_same_bits(name: str) -> None:
    distribution = BUILDERS[name]()
    assert distribution.sample().ndim == 0
    first, second, third = (
        (tg.manual_seed(seed), to_host(distribution.sample((50,))))[1] for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_samples_live_where_the_parameters_do() -> None:
    for build in (
        lambda t: D.Normal(t([0.5, 1.0]), 1.0), lambda t: D.Gamma(t([0.5, 1.0]), 1.0),
        lambda t: D.Beta(t([0.5, 1.0]), 1.0), lambda t: D.Laplace(0.0, t([0.5, 1.0])),
        lambda t: D.Bernoulli(t([0.5, 1.0])), lambda t: D.Poisson(t([0.5, 1.0])),
        lambda t: D.Categorical(t([0.5, 1.0])), lambda t: D.MultivariateNormal(t([0.5, 1.0]), t([[2.0, 0], [0, 1]])),
    ):  # fmt: skip
        found = []
        for device in ("cpu", "standin"):
            tg.manual_seed(5)

            def make(values: Any, device: str = device) -> Any:
                return tg.tensor(values, dtype=tg.float64, device=device, requires_grad=True)

            d = build(make)
            sample = d.sample((3,))
            assert sample.device == tg.tensor(0.0, device=device).device
            found.append(to_host(sample))
            assert d.log_prob(sample).device == sample.device
            if d.has_rsample:
                d.rsample((3,)).sum().backward()
        tolerances.assert_same(found[0], found[1])


# -- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "error", "fragment"),
    [
        (lambda: D.Normal(0.0, -1.0), errors.ArgumentError, r"Normal: scale .*GreaterThan\(lower_bound=0.0\)"),
        (lambda: D.Normal(tg.tensor(np.nan), 1.0), errors.ArgumentError, "Normal: loc"),
        (lambda: D.Normal("0", 1.0), errors.DtypeError, "Normal: loc must be a tensor or a number, got str"),
        (lambda: D.Normal(tg.zeros(2), tg.ones(3)), errors.ShapeError, r"loc \(2,\), scale \(3,\)"),
        (lambda: D.LogNormal(0.0, 0.0), errors.ArgumentError, "scale"),
        (lambda: D.HalfNormal(-1.0), errors.ArgumentError, "HalfNormal: scale"),
        (lambda: D.Uniform(1.0, 1.0), errors.ArgumentError, "Uniform: low must be below high"),
        (lambda: D.Exponential(0.0), errors.ArgumentError, "Exponential: rate"),
        (lambda: D.Gamma(1.0, 0.0), errors.ArgumentError, "Gamma: rate"),
        (lambda: D.Chi2(-1.0), errors.ArgumentError, "Chi2: df"),
        (lambda: D.Beta(-1.0, 1.0), errors.ArgumentError, "Beta: concentration1"),
        (lambda: D.Dirichlet(tg.tensor(1.0)), errors.ShapeError, "Dirichlet: concentration"),
        (lambda: D.Dirichlet(tg.tensor([1.0, 0.0])), errors.ArgumentError, "Dirichlet: concentration"),
        (lambda: D.Bernoulli(), errors.ArgumentError, "Bernoulli: give exactly one of probs, logits; got none"),
        (lambda: D.Bernoulli(0.5, 0.1), errors.ArgumentError, "exactly one"),
        (lambda: D.Bernoulli(1.5), errors.ArgumentError, "Bernoulli: probs"),
        (lambda: D.Geometric(0.0), errors.ArgumentError, "Geometric: probs must be above 0"),
        (lambda: D.Binomial(-1, 0.5), errors.ArgumentError, "Binomial: total_count"),
        (lambda: D.Poisson(-1.0), errors.ArgumentError, "Poisson: rate"),
        (lambda: D.Categorical(tg.tensor([-1.0, 2.0])), errors.ArgumentError, "Categorical: probs"),
        (lambda: D.Categorical(tg.tensor(1.0)), errors.ShapeError, "Categorical: probs"),
        (lambda: D.Multinomial(2.5, tg.ones(2)), errors.DtypeError, "Multinomial: total_count"),
        (lambda: D.MultivariateNormal(tg.zeros(2)), errors.ArgumentError, "exactly one of covariance_matrix"),
        (lambda: D.MultivariateNormal(tg.zeros(2), tg.eye(3)), errors.ShapeError, "covariance_matrix must have"),
        (lambda: D.MultivariateNormal(tg.tensor(0.0), tg.eye(1)), errors.ShapeError, "loc needs at least 1"),
        (lambda: D.MultivariateNormal(tg.zeros(2), -tg.eye(2)), errors.ArgumentError, "PositiveDefinite"),
        (lambda: D.MultivariateNormal(tg.zeros(2), scale_tril=tg.ones(2, 2)), errors.ArgumentError,
         "LowerCholesky"),
        (lambda: D.Independent(D.Normal(tg.zeros(2), 1.0), 2), errors.ArgumentError, "reinterpreted_batch_ndims"),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), "exp"), errors.DtypeError, "transforms must be"),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), D.SoftmaxTransform()), errors.ArgumentError,
         "events of 1 dimensions"),
        (lambda: D.ExpTransform(cache_size=2), errors.ArgumentError, "cache_size"),
        (lambda: D.MixtureSameFamily(D.Categorical(tg.ones(3)), D.Normal(tg.zeros(2), 1.0)), errors.ShapeError,
         "component_distribution"),
        (lambda: D.Normal(0.0, 1.0).log_prob(1.0), errors.DtypeError, "Normal: value must be a tensor"),
        (lambda: D.Normal(tg.zeros(3), 1.0).log_prob(tg.zeros(2)), errors.ShapeError, "does not broadcast"),
        (lambda: D.Dirichlet(tg.ones(3)).log_prob(tg.ones(2) / 2), errors.ShapeError, "event shape"),
        (lambda: D.Gamma(1.0, 1.0).log_prob(tg.tensor(-1.0)), errors.ArgumentError, "Gamma: value .*support"),
        (lambda: D.Bernoulli(0.5).log_prob(tg.tensor(0.5)), errors.ArgumentError, r"Boolean\(\)"),
        (lambda: D.Categorical(tg.ones(3)).log_prob(tg.tensor(3)), errors.ArgumentError, "IntegerInterval"),
        (lambda: D.Normal(0.0, 1.0).set_default_validate_args(1), errors.ArgumentError, "True or False"),
        (lambda: D.register_kl(D.Normal, int), errors.DtypeError, "type_q"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_by_a_clear_error(
    build: Any, error: type[Exception], fragment: str
) -> None:
    with pytest.raises(error, match=fragment):
        build()


def test_checks_can_be_left_out() -> None:
    loose = D.Uniform(0.0, 1.0, validate_args=False)
    assert loose.log_prob(tg.tensor(2.0)).item() == -np.inf
    D.Normal(0.0, -1.0, validate_args=False)
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


def test_what_has_no_formula_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Poisson: entropy is not implemented"):
        D.Poisson(1.0).entropy()
    with pytest.raises(NotImplementedError, match="use sample and log_prob"):
        D.Poisson(1.0).rsample()


# -- the rest -----------------------------------------------------------------------------------------


def test_a_kept_result_is_inverted_without_loss() -> None:
    x = tg.tensor([30.0])
    kept, lost = D.TanhTransform(cache_size=1), D.TanhTransform()
    assert kept.inv(kept(x)) is x
    with np.errstate(divide="ignore"):
        assert lost.inv(lost(x)).item() == np.inf


def test_equal_transforms_are_equal() -> None:
    one = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(tg.zeros(2), 2.0)])
    two = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(tg.zeros(2), 2.0)])
    other = D.ComposeTransform([D.ExpTransform(), D.AffineTransform(tg.zeros(2), 3.0)])
    assert one == two and one != other and one != D.ExpTransform()


def test_an_ambiguous_divergence_warns() -> None:
    class P(D.Distribution):
        pass

    class Q(P):
        pass

    D.register_kl(P, Q)(lambda p, q: tg.tensor(1.0))
    D.register_kl(Q, P)(lambda p, q: tg.tensor(2.0))
    with pytest.warns(RuntimeWarning, match=r"register_kl\(Q, Q\)"):
        assert D.kl_divergence(Q(), Q()).item() == 2.0
    D.register_kl(Q, Q)(lambda p, q: tg.tensor(3.0))
    assert D.kl_divergence(Q(), Q()).item() == 3.0


def test_parameters_are_shown() -> None:
    assert repr(D.Normal(0.0, tg.ones(1))) == "Normal(loc: tensor([0.]), scale: tensor([1.]))"
    assert repr(D.Beta(tg.ones(2), 1.0)) == "Beta(concentration1: (2,), concentration0: (2,))"
    assert repr(D.constraints.interval(0.0, 1.0)) == "Interval(lower_bound=0.0, upper_bound=1.0)"

    logarithm = D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(1.0, 2.0))
    assert repr(logarithm) == (
        "TransformedDistribution(Normal(loc: 0.0, scale: 1.0), [AffineTransform(1.0, 2.0)])"
    )


@pytest.mark.parametrize("build", [
    lambda a: D.Normal(a, 1.0, validate_args=False),
    lambda a: D.Gamma(a, 1.0, validate_args=False),
    lambda a: D.Beta(a, 1.0, validate_args=False),
    lambda a: D.StudentT(a, validate_args=False),
    lambda a: D.Poisson(a, validate_args=False),
    lambda a: D.Bernoulli(logits=a, validate_args=False),
    lambda a: D.Geometric(logits=a, validate_args=False),
])  # fmt: skip
def test_every_example_of_a_mapping_has_its_own_samples(build: Any) -> None:
    a = tg.tensor(np.tile([0.5, 2.0], (40, 1)), requires_grad=True)
    out = tg.vmap(lambda row: build(row).sample(), randomness="different")(a)
    assert out.shape == (40, 2) and (to_host(out) != to_host(out[0])).any()
    if build(1.0).has_rsample:
        moved = tg.vmap(lambda row: build(row).rsample(), randomness="different")(a)
        (found,) = tg.autograd.grad(moved.sum(), a)
        assert np.isfinite(to_host(found)).all() and to_host(found).any()


def test_gradients_of_samples_in_a_mapping_are_those_of_their_quantiles() -> None:
    a = tg.tensor(np.tile(A, (3, 1)), requires_grad=True)
    z = tg.vmap(standard_gamma, randomness="different")(a)
    (found,) = tg.autograd.grad(z.sum(), a)
    wanted = gamma_quantile_slope(to_host(z.detach()), np.tile(A, (3, 1)))
    tolerances.assert_same(to_host(found), wanted)


def test_a_lazy_parameter_is_on_the_tape_though_first_asked_for_without_it() -> None:
    logits = tg.zeros(2, requires_grad=True)
    d = D.Bernoulli(logits=logits)
    d.sample()
    d.probs.sum().backward()
    np.testing.assert_allclose(to_host(logits.grad), 0.25)


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, tapegrad as tg; assert 'tapegrad.distributions' not in sys.modules; "
        "tg.distributions.Normal(0.0, 1.0); assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_policy_learns_by_both_kinds_of_gradients() -> None:
    """Score function and pathwise gradients of the same expectation agree."""
    a = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    d = D.Gamma(a, 1.5)
    x = d.sample((200000,))
    (score,) = tg.autograd.grad((d.log_prob(x) * x.sin()).mean(), a)
    (path,) = tg.autograd.grad(d.rsample((20000,)).sin().mean(), a)
    assert score.item() == pytest.approx(path.item(), abs=0.02)
