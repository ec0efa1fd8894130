"""Distributions against PyTorch's: every quantity, and its gradients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.tensor import Tensor, to_host

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

D, T = tg.distributions, torch.distributions
UNLISTED = {  # PyTorch does not list these beside the others
    "ExpRelaxedCategorical": T.relaxed_categorical.ExpRelaxedCategorical,
    "LogitRelaxedBernoulli": T.relaxed_bernoulli.LogitRelaxedBernoulli,
}
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
# PyTorch's trigamma is right to nine digits only, and its entropy of a multinomial takes a logarithm in
# single precision; what the numbers are instead is tested in test_distributions.py
ROUGH = {"rtol": 1e-7, "atol": 1e-7}
TRIGAMMA = {"Gamma", "InverseGamma", "Chi2", "Beta", "Dirichlet", "StudentT"}


class Case(NamedTuple):
    """A distribution: its name, its parameters and values in its support."""

    name: str
    parameters: dict[str, Any]
    value: Any
    more: dict[str, Any] = {}

    def __repr__(self) -> str:
        shapes = "-".join(f"{k}{np.shape(v)}" for k, v in self.parameters.items())
        return f"{self.name}-{shapes}"


rng = np.random.default_rng(3)
P = lambda *shape: rng.uniform(0.4, 3.0, shape)  # noqa: E731
R = lambda *shape: rng.normal(size=shape)  # noqa: E731
Q = lambda *shape: rng.uniform(0.1, 0.9, shape)  # noqa: E731
K = lambda n, *shape: rng.integers(0, n, shape).astype(float)  # noqa: E731


def simplex(*shape: int) -> np.ndarray:
    """Points of the simplex."""
    x = rng.uniform(0.2, 1.0, shape)
    return x / x.sum(-1, keepdims=True)


def spd(*shape: int) -> np.ndarray:
    """Symmetric positive-definite matrices."""
    a = rng.normal(size=(*shape, shape[-1]))
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def one_hot(n: int, *shape: int) -> np.ndarray:
    """Vectors with a single 1."""
    return np.eye(n)[rng.integers(0, n, shape)]


CASES = [
    Case("Normal", {"loc": R(2, 3), "scale": P(3)}, R(4, 2, 3)),
    Case("Normal", {"loc": R(), "scale": P()}, R(5)),
    Case("Normal", {"loc": 0.5, "scale": P(2, 1)}, R(2, 3)),
    Case("LogNormal", {"loc": R(2, 1), "scale": P(3)}, P(2, 3)),
    Case("HalfNormal", {"scale": P(3)}, P(2, 3)),
    Case("Uniform", {"low": R(2, 1), "high": R(3) + 9}, 2 + P(2, 3)),
    Case("Exponential", {"rate": P(2, 3)}, P(4, 1, 3)),
    Case("Laplace", {"loc": R(2, 1), "scale": P(3)}, R(2, 3)),
    Case("Cauchy", {"loc": R(2, 1), "scale": P(3)}, R(2, 3)),
    Case("HalfCauchy", {"scale": P(3)}, P(2, 3)),
    Case("Gumbel", {"loc": R(2, 1), "scale": P(3)}, R(2, 3)),
    Case("Weibull", {"scale": P(2, 1), "concentration": 1 + P(3)}, P(2, 3)),
    Case("Pareto", {"scale": P(2, 1), "alpha": np.array([0.7, 1.6, 3.0])}, 3 + P(2, 3)),
    Case("InverseGamma", {"concentration": P(2, 1), "rate": P(3)}, P(2, 3)),
    Case("NegativeBinomial", {"total_count": P(2, 1), "probs": Q(3)}, K(6, 2, 3)),
    Case("NegativeBinomial", {"total_count": P(2, 1), "logits": R(3)}, K(6, 2, 3)),
    Case("Gamma", {"concentration": P(2, 1), "rate": P(3)}, P(2, 3)),
    Case("Gamma", {"concentration": 0.5, "rate": P(2)}, P(2)),
    Case("Chi2", {"df": P(3)}, P(2, 3)),
    Case("Beta", {"concentration1": P(2, 1), "concentration0": P(3)}, Q(2, 3)),
    Case("Beta", {"concentration1": 2.0, "concentration0": 0.5}, Q(4)),
    Case("Dirichlet", {"concentration": 1 + P(2, 4)}, simplex(3, 2, 4)),
    Case("Dirichlet", {"concentration": Q(4)}, simplex(3, 4)),
    Case("StudentT", {"df": np.array([0.7, 1.5, 3.0]), "loc": R(2, 1), "scale": P(3)}, R(2, 3)),
    Case("Bernoulli", {"probs": Q(2, 3)}, K(2, 4, 2, 3)),
    Case("Bernoulli", {"logits": R(2, 3)}, K(2, 2, 3)),
    Case("Geometric", {"probs": Q(3)}, K(5, 2, 3)),
    Case("Geometric", {"logits": R(3)}, K(5, 2, 3)),
    Case("Binomial", {"probs": Q(2, 3)}, K(6, 2, 3), {"total_count": 5}),
    Case("Binomial", {"logits": R(3)}, K(6, 2, 3), {"total_count": 5}),
    Case("Poisson", {"rate": P(2, 3)}, K(6, 2, 3)),
    Case("Categorical", {"probs": P(2, 4)}, K(4, 3, 2)),
    Case("Categorical", {"logits": R(2, 4)}, K(4, 2)),
    Case("Categorical", {"logits": R(4)}, K(4, 5)),
    Case("OneHotCategorical", {"probs": P(2, 4)}, one_hot(4, 3, 2)),
    Case("OneHotCategorical", {"logits": R(4)}, one_hot(4, 5)),
    Case("OneHotCategoricalStraightThrough", {"logits": R(4)}, one_hot(4, 5)),
    Case("Multinomial", {"probs": P(4)}, K(2, 3, 4), {"total_count": 6}),
    Case("Multinomial", {"logits": R(2, 4)}, K(2, 2, 4), {"total_count": 6}),
    Case("MultivariateNormal", {"loc": R(2, 3), "covariance_matrix": spd(3)}, R(4, 2, 3)),
    Case("MultivariateNormal", {"loc": R(3), "precision_matrix": spd(2, 3)}, R(2, 3)),
    Case("MultivariateNormal", {"loc": R(2, 1, 3), "scale_tril": np.linalg.cholesky(spd(4, 3))},
         R(5, 2, 4, 3)),
    Case("LogitRelaxedBernoulli", {"temperature": P(), "probs": Q(2, 3)}, R(2, 3)),
    Case("RelaxedBernoulli", {"temperature": P(), "logits": R(2, 3)}, Q(2, 3)),
    Case("ExpRelaxedCategorical", {"temperature": P(), "probs": P(2, 4)}, np.log(simplex(2, 4))),
    Case("RelaxedOneHotCategorical", {"temperature": P(), "logits": R(2, 4)}, simplex(3, 2, 4)),
]  # fmt: skip
cases = pytest.mark.parametrize("case", CASES, ids=repr)
QUANTITIES = ["mean", "mode", "variance", "stddev"]


def theirs_of(name: str) -> Any:
    """PyTorch's class of a name."""
    return UNLISTED.get(name) or getattr(T, name)


def made(case: Case, grad: bool = True) -> tuple[Any, Any, list[Any], list[Any]]:
    """Ours and PyTorch's, and their leaves."""
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for name, value in case.parameters.items():
        if isinstance(value, float) and not isinstance(value, np.floating):
            ours[name] = theirs[name] = value
        else:
            ours[name] = tg.tensor(value, dtype=tg.float64, requires_grad=grad)
            theirs[name] = torch.tensor(value, dtype=torch.float64, requires_grad=grad)
    leaves = [v for v in ours.values() if isinstance(v, Tensor)]
    counterparts = [v for v in theirs.values() if isinstance(v, torch.Tensor)]
    return (
        getattr(D, case.name)(**case.more, **ours),
        theirs_of(case.name)(**case.more, **theirs),
        leaves,
        counterparts,
    )


def check(
    have: Any,
    want: Any,
    leaves: list[Any],
    counterparts: list[Any],
    close: dict[str, float] = CLOSE,
    slopes: dict[str, float] = CLOSE,
) -> None:
    """Compare values, and gradients of a sum with unequal weights."""
    assert have.shape == tuple(want.shape)
    assert f"torch.{have.dtype}" == str(want.dtype)
    if have.dtype == np.float32:
        close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(to_host(have.detach()), want.detach().numpy(), **close)
    if not want.requires_grad:
        return
    weights = np.linspace(0.5, 1.5, max(want.numel(), 1)).reshape(have.shape)
    wanted = torch.autograd.grad(
        (want * torch.tensor(weights)).sum(), counterparts, allow_unused=True, retain_graph=True
    )
    found: list[Any] = [None] * len(leaves)
    if have.requires_grad:
        found = tg.autograd.grad(
            (have * tg.tensor(weights)).sum(), leaves, allow_unused=True, retain_graph=True
        )
    for f, w in zip(found, wanted, strict=True):
        f = 0.0 if f is None else to_host(f)
        w = 0.0 if w is None else w.numpy()
        np.testing.assert_allclose(np.broadcast_to(f, np.shape(w)), w, **slopes)


@cases
def test_density_equals_pytorchs_with_gradients(case: Case) -> None:
    ours, theirs, leaves, counterparts = made(case)
    assert (ours.batch_shape, ours.event_shape) == (
        tuple(theirs.batch_shape), tuple(theirs.event_shape),
    )  # fmt: skip
    assert ours.has_rsample == (theirs.has_rsample or case.name in UNLISTED)
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    assert set(ours.arg_constraints) == set(theirs.arg_constraints)
    real = not ours.support.is_discrete
    value = tg.tensor(case.value, requires_grad=real)
    counterpart = torch.tensor(case.value, requires_grad=real)
    if real:
        leaves, counterparts = [*leaves, value], [*counterparts, counterpart]
    check(ours.log_prob(value), theirs.log_prob(counterpart), leaves, counterparts)


EDGES = [
    Case("Gamma", {"concentration": [0.5, 1.0, 2.0], "rate": [1.0, 1.0, 1.0]}, [0.0, 0.0, 0.0]),
    Case("Beta", {"concentration1": [0.5, 1.0, 2.0], "concentration0": [1.0, 1.0, 2.0]}, [0.0, 0.0, 1.0]),
    Case("Dirichlet", {"concentration": [0.5, 1.0, 2.0]}, [0.0, 0.0, 1.0]),
    Case("Uniform", {"low": [0.0, 0.0], "high": [1.0, 1.0]}, [0.0, 1.0]),
    Case("Poisson", {"rate": [0.0, 0.0, 2.0]}, [0.0, 1.0, 0.0]),
    Case("Binomial", {"probs": [0.0, 1.0, 0.0, 1.0]}, [0.0, 3.0, 1.0, 2.0], {"total_count": 3}),
    Case("Bernoulli", {"probs": [0.0, 1.0, 0.0, 1.0]}, [0.0, 1.0, 1.0, 0.0]),
    Case("Bernoulli", {"logits": [30.0, -30.0, 100.0, -100.0]}, [0.0, 1.0, 1.0, 0.0]),
    Case("Geometric", {"probs": [1.0, 1.0, 0.5]}, [0.0, 1.0, 0.0]),
    Case("Categorical", {"probs": [0.0, 1.0, 1.0]}, [0.0, 1.0]),
    Case("Categorical", {"logits": [-np.inf, 1.0, 1.0]}, [0.0, 1.0]),
    Case("Multinomial", {"probs": [0.0, 1.0, 1.0]}, [0.0, 1.0, 2.0], {"total_count": 3}),
    Case("Multinomial", {"logits": [-np.inf, 1.0, 1.0]}, [0.0, 1.0, 2.0], {"total_count": 3}),
    Case("OneHotCategorical", {"probs": [0.0, 1.0, 1.0]}, [1.0, 0.0, 0.0]),
    Case("Exponential", {"rate": [1.0]}, [0.0]),
    Case("HalfNormal", {"scale": [1.0]}, [0.0]),
    Case("Laplace", {"loc": [1.0], "scale": [1.0]}, [1.0]),
    Case("StudentT", {"df": [1.0, 1e8], "loc": [1.0, 1.0]}, [1.0, 1e10]),
    Case("RelaxedBernoulli", {"temperature": 1.0, "probs": [0.5, 0.5]}, [1e-20, 1 - 1e-16]),
    Case("Normal", {"loc": [1.0], "scale": [1.0]}, [1e200]),
]  # fmt: skip


@pytest.mark.parametrize("case", EDGES, ids=repr)
def test_density_at_the_edges_equals_pytorchs_with_gradients(case: Case) -> None:
    ours, theirs, leaves, counterparts = made(
        case._replace(parameters={k: np.array(v) for k, v in case.parameters.items()})
    )
    with np.errstate(all="ignore"):
        have = ours.log_prob(tg.tensor(case.value, dtype=tg.float64))
        want = theirs.log_prob(torch.tensor(case.value, dtype=torch.float64))
        check(have.reshape(-1), want.reshape(-1), leaves, counterparts)


@cases
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_moments_equal_pytorchs_with_gradients(case: Case, quantity: str) -> None:
    ours, theirs, leaves, counterparts = made(case)
    try:
        want = getattr(theirs, quantity)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            getattr(ours, quantity)
        return
    if not torch.isfinite(want).all():
        want = want.detach()
    have = getattr(ours, quantity)
    if "Relaxed" in case.name or quantity == "mode":
        want = want.detach()
    check(have, want, leaves, counterparts)


@cases
def test_entropy_equals_pytorchs_with_gradients(case: Case) -> None:
    ours, theirs, leaves, counterparts = made(case)
    try:
        want = theirs.entropy()
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            ours.entropy()
        return
    close = ROUGH if case.name == "Multinomial" else CLOSE
    slopes = ROUGH if case.name in TRIGAMMA else close
    check(ours.entropy(), want, leaves, counterparts, close, slopes)
    check(ours.perplexity(), theirs.perplexity(), leaves, counterparts, close, slopes)


@cases
def test_distribution_function_and_quantiles_equal_pytorchs(case: Case) -> None:
    ours, theirs, leaves, counterparts = made(
        case, case.name not in ("Gamma", "Chi2", "InverseGamma")
    )
    for method, values in (("cdf", case.value), ("icdf", Q(*np.shape(case.value)))):
        try:
            want = getattr(theirs, method)(torch.tensor(values))
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                getattr(ours, method)(tg.tensor(values))
            continue
        check(getattr(ours, method)(tg.tensor(values)), want, leaves, counterparts)


@cases
def test_expanding_repeats_the_batch_as_in_pytorch(case: Case) -> None:
    ours, theirs, leaves, counterparts = made(case)
    shape = (7, *ours.batch_shape)
    ours, theirs = ours.expand(shape), theirs.expand(shape)
    assert ours.batch_shape == shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    value = np.broadcast_to(case.value[..., :], case.value.shape)
    events = len(ours.event_shape)
    value = value.reshape(-1, *value.shape[value.ndim - events :])[0]
    have = ours.log_prob(tg.tensor(value.copy()))
    assert have.shape == shape
    check(have, theirs.log_prob(torch.tensor(value.copy())), leaves, counterparts)
    assert ours.sample((2,)).shape == tuple(theirs.sample((2,)).shape)


@cases
def test_samples_have_pytorchs_shape_and_dtype_and_lie_in_the_support(case: Case) -> None:
    ours, theirs, leaves, _ = made(case)
    for shape in ((), (5,), (2, 3)):
        have, want = ours.sample(shape), theirs.sample(shape)
        assert have.shape == tuple(want.shape)
        assert f"torch.{have.dtype}" == str(want.dtype)
        assert not have.requires_grad
        assert ours.support.check(have).all().item()
    assert ours.sample((0, 2)).shape == (0, 2, *ours.batch_shape, *ours.event_shape)
    if ours.has_rsample:
        assert ours.rsample((2,)).requires_grad == bool(leaves)
        if not leaves:
            return
        found = tg.autograd.grad(ours.rsample((2,)).sum(), leaves, allow_unused=True)
        assert all(f is None or np.isfinite(to_host(f)).all() for f in found)


@cases
def test_the_support_can_be_listed_as_in_pytorch(case: Case) -> None:
    ours, theirs, _, _ = made(case, False)
    if not theirs.has_enumerate_support:
        with pytest.raises(NotImplementedError):
            ours.enumerate_support()
        return
    for expand in (True, False):
        have, want = ours.enumerate_support(expand), theirs.enumerate_support(expand)
        assert f"torch.{have.dtype}" == str(want.dtype)
        np.testing.assert_array_equal(to_host(have), want.numpy())


@pytest.mark.parametrize("name", [n for n in D.__all__ if inspect.isclass(getattr(D, n))])
def test_arguments_are_pytorchs(name: str) -> None:
    have = list(inspect.signature(getattr(D, name).__init__).parameters)
    assert have == list(inspect.signature(theirs_of(name).__init__).parameters)


# -- divergences --------------------------------------------------------------------------------------

PAIRS: dict[str, list[dict[str, Any]]] = {
    "Normal": [{"loc": R(2, 3), "scale": P(2, 3)}],
    "LogNormal": [{"loc": R(2, 3), "scale": P(2, 3)}],
    "HalfNormal": [{"scale": P(2, 3)}],
    "Laplace": [{"loc": R(2, 3), "scale": P(2, 3)}],
    "Cauchy": [{"loc": R(2, 3), "scale": P(2, 3)}],
    "HalfCauchy": [{"scale": P(2, 3)}],
    "Gumbel": [{"loc": R(2, 3), "scale": P(2, 3)}],
    "Pareto": [
        {"scale": P(2, 3), "alpha": P(2, 3)},
        {"scale": 0.1 * Q(2, 3), "alpha": 2 + P(2, 3)},
    ],
    "InverseGamma": [{"concentration": P(2, 3), "rate": P(2, 3)}],
    "Uniform": [
        {"low": 0.1 + Q(2, 3) / 4, "high": 0.5 + Q(2, 3) / 2},
        {"low": -P(2, 3), "high": 1 + P(2, 3)},
        {"low": -P(2, 3) - 3, "high": 4 + P(2, 3)},
    ],
    "Exponential": [{"rate": P(2, 3)}],
    "Gamma": [{"concentration": P(2, 3), "rate": P(2, 3)}],
    "Chi2": [{"df": P(2, 3)}],
    "Beta": [{"concentration1": P(2, 3), "concentration0": P(2, 3)}],
    "Bernoulli": [{"probs": Q(2, 3)}, {"logits": R(2, 3)}],
    "Binomial": [{"probs": Q(2, 3), "total_count": 4}, {"logits": R(2, 3), "total_count": 5}],
    "Geometric": [{"probs": Q(2, 3)}],
    "Poisson": [{"rate": P(2, 3)}],
    "Categorical": [{"probs": P(2, 3)}, {"logits": R(2, 3)}],
    "OneHotCategorical": [{"probs": P(2, 3)}],
    "Dirichlet": [{"concentration": P(2, 3)}],
    "MultivariateNormal": [
        {"loc": R(2, 3), "covariance_matrix": spd(2, 3)},
        {"loc": R(3), "precision_matrix": spd(2, 3)},
    ],
}


def divergent() -> list[Any]:
    """All ordered pairs of which PyTorch knows the divergence."""
    out = []
    for a, of_a in PAIRS.items():
        for b, of_b in PAIRS.items():
            if T.kl._dispatch_kl(getattr(T, a), getattr(T, b)) is NotImplemented:
                continue
            for i, x in enumerate(of_a):
                for j, y in enumerate(of_b):
                    out.append(pytest.param((a, x), (b, y), id=f"{a}{i}-{b}{j}"))
    return out


@pytest.mark.parametrize(("p", "q"), divergent())
def test_divergence_equals_pytorchs_with_gradients(p: Any, q: Any) -> None:
    sides, leaves, counterparts = [], [], []
    for name, parameters in (p, q):
        more = {k: v for k, v in parameters.items() if isinstance(v, int)}
        case = Case(name, {k: v for k, v in parameters.items() if k not in more}, None, more)
        ours, theirs, own, other = made(case)
        sides.append((ours, theirs))
        leaves += own
        counterparts += other
    (a, x), (b, y) = sides
    try:
        want = T.kl_divergence(x, y)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            D.kl_divergence(a, b)
        return
    have = D.kl_divergence(a, b)
    if not torch.isfinite(want).all():
        want = want.detach()
    slopes = ROUGH if {p[0], q[0]} & TRIGAMMA else CLOSE
    check(have, want, leaves, counterparts, slopes=slopes)


def test_impossible_outcomes_have_pytorchs_divergence() -> None:
    probs = [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]]
    for name in ("Categorical", "OneHotCategorical", "Bernoulli"):
        for x in probs:
            for y in probs:
                have = D.kl_divergence(
                    getattr(D, name)(tg.tensor(x, dtype=tg.float64)),
                    getattr(D, name)(tg.tensor(y, dtype=tg.float64)),
                )
                want = T.kl_divergence(
                    getattr(T, name)(torch.tensor(x, dtype=torch.float64)),
                    getattr(T, name)(torch.tensor(y, dtype=torch.float64)),
                )
                np.testing.assert_allclose(to_host(have), want.numpy(), **CLOSE)


def test_a_pair_that_pytorch_does_not_know_is_not_known_here() -> None:
    with pytest.raises(NotImplementedError, match=r"register_kl\(Laplace, Dirichlet\)"):
        D.kl_divergence(D.Laplace(0.0, 1.0), D.Dirichlet(tg.ones(2)))


# -- combinations -------------------------------------------------------------------------------------


def both(build: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """The same built from our names and from PyTorch's."""
    mine = build(D, lambda v: tg.tensor(v, dtype=tg.float64))
    return mine, build(T, lambda v: torch.tensor(v, dtype=torch.float64))


LOC, SCALE, WEIGHTS = R(4, 3), P(4, 3), P(4, 3)
COMBINATIONS = {
    "independent": lambda d, t: d.Independent(d.Normal(t(LOC), t(SCALE)), 1),
    "independent twice": lambda d, t: d.Independent(d.Gamma(t(SCALE), t(WEIGHTS)), 2),
    "none reinterpreted": lambda d, t: d.Independent(d.Laplace(t(LOC), t(SCALE)), 0),
    "affine": lambda d, t: d.TransformedDistribution(
        d.Normal(t(LOC), t(SCALE)), [d.AffineTransform(t(1.5), t([-2.0, 1.0, 0.5]))]
    ),
    "affine adds a batch": lambda d, t: d.TransformedDistribution(
        d.Normal(t(0.5), t(2.0)), [d.AffineTransform(t(LOC), t(SCALE))]
    ),
    "tanh of a vector": lambda d, t: d.TransformedDistribution(
        d.Independent(d.Normal(t(LOC), t(SCALE)), 1), [d.TanhTransform()]
    ),
    "logistic": lambda d, t: d.TransformedDistribution(
        d.Uniform(t(0.0), t(1.0)),
        [d.SigmoidTransform().inv, d.AffineTransform(t(LOC), t(SCALE))],
    ),
    "power of softplus": lambda d, t: d.TransformedDistribution(
        d.Normal(t(LOC), t(SCALE)), [d.SoftplusTransform(), d.PowerTransform(t(2.0))]
    ),
    "composed": lambda d, t: d.TransformedDistribution(
        d.Normal(t(LOC), t(SCALE)),
        d.ComposeTransform([d.ExpTransform(), d.IndependentTransform(d.AffineTransform(1.0, 2.0), 1)]),
    ),
    "vectors scaled": lambda d, t: d.TransformedDistribution(
        d.Normal(t(LOC), t(SCALE)), [d.AffineTransform(t(LOC), t(SCALE), event_dim=1)]
    ),
    "mixture": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t(WEIGHTS)), d.Normal(t(LOC), t(SCALE))
    ),
    "mixture of vectors": lambda d, t: d.MixtureSameFamily(
        d.Categorical(t(WEIGHTS[0, :2])),
        d.Independent(d.Normal(t(LOC[:2]), t(SCALE[:2])), 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMBINATIONS)
def test_combinations_equal_pytorchs(name: str) -> None:
    ours, theirs = both(COMBINATIONS[name])
    assert ours.batch_shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    value = theirs.sample((2,))
    mine = tg.tensor(value.numpy(), requires_grad=True)
    value.requires_grad_()
    assert ours.sample((2,)).shape == tuple(value.shape)
    check(ours.log_prob(mine), theirs.log_prob(value), [mine], [value])
    for what in (*QUANTITIES, "cdf", "icdf", "entropy"):
        given = (Q(*value.shape),) if what == "icdf" else (value.detach().numpy(),)
        given = () if what == "entropy" else given
        try:
            want = getattr(theirs, what)
            want = want(*map(torch.tensor, given)) if callable(want) else want
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                have = getattr(ours, what)
                have(*map(tg.tensor, given))
            continue
        have = getattr(ours, what)
        have = have(*map(tg.tensor, given)) if callable(have) else have
        check(have, want, [], [])
    shape = (5, *ours.batch_shape)
    more, others = ours.expand(shape), theirs.expand(shape)
    assert more.batch_shape == tuple(others.batch_shape)
    assert more.event_shape == tuple(others.event_shape)
    check(more.log_prob(mine[:1]), others.log_prob(value[:1]), [mine], [value])
    assert more.sample((3,)).shape == tuple(others.sample((3,)).shape)


@pytest.mark.parametrize("name", ["real", "positive", "unit_interval", "simplex", "one_hot", "boolean",
                                  "nonnegative_integer", "lower_cholesky", "lower_triangular",
                                  "positive_definite", "positive_semidefinite", "symmetric", "square",
                                  "real_vector", "nonnegative", "positive_integer"])  # fmt: skip
def test_constraints_answer_as_pytorchs(name: str) -> None:
    ours, theirs = getattr(D.constraints, name), getattr(T.constraints, name)
    assert (ours.is_discrete, ours.event_dim) == (theirs.is_discrete, theirs.event_dim)
    matrices = [
        spd(2, 3),
        np.linalg.cholesky(spd(2, 3)),
        R(2, 3, 3),
        -spd(2, 3),
        np.zeros((2, 3, 3)),
    ]
    others = [
        R(2, 3),
        P(2, 3),
        Q(2, 3),
        simplex(2, 3),
        one_hot(3, 2),
        K(3, 2, 3),
        np.full((2, 3), np.nan),
    ]
    for value in matrices if ours.event_dim == 2 else matrices + others:
        have, want = ours.check(tg.tensor(value)), theirs.check(torch.tensor(value))
        np.testing.assert_array_equal(to_host(have), want.numpy())
