"""Gamma, chi-squared, inverse gamma, Dirichlet, beta and Student's t distribution: those built on the gamma function.

Their samples carry gradients for the concentrations (`ops/reparameterised.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .. import dtypes
from .._typing import TensorLike
from ..errors import ShapeError
from ..ops.choose import where
from ..ops.gamma import gammainc
from ..ops.padding import one_hot
from ..ops.reparameterised import dirichlet_sample, standard_gamma
from ..ops.shape import stack
from ..ops.special import xlogy
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import broadcast_all, standard_normal
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform


class Gamma(Distribution):
    """Gamma distribution.

    Density: `rate**a * x**(a - 1) * exp(-rate * x) / gamma(a)` for `x > 0`, with a = concentration.

    Args:
        concentration: positive, a tensor or a number.
        rate: inverse of the scale, positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.Gamma(tg.tensor([2.0]), tg.tensor([4.0]))
        >>> d.mean, d.variance
        (tensor([0.5000]), tensor([0.1250]))

    References:
        M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients", 2018, for the gradient
        of samples.
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True

    concentration: Tensor
    rate: Tensor

    def __init__(
        self, concentration: TensorLike, rate: TensorLike, validate_args: bool | None = None
    ) -> None:
        self.concentration, self.rate = broadcast_all(
            type(self).__name__, concentration=concentration, rate=rate
        )
        super().__init__(self.concentration.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate
        return value.clamp(min=float(dtypes.finfo(value.dtype).tiny))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        return xlogy(a, self.rate) + xlogy(a - 1, value) - self.rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()


class Chi2(Gamma):
    """Chi-squared distribution, of the sum of `df` squares of standard normal numbers.

    Args:
        df: degrees of freedom, positive, a tensor or a number.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Chi2(3.0).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[Any] = {"df": constraints.positive}

    def __init__(self, df: TensorLike, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all("Chi2", df=df)
        super().__init__(0.5 * df, 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._like(tuple(batch_shape), _instance)
        new.concentration = self.concentration.expand(new._batch_shape)
        new.rate = self.rate.expand(new._batch_shape)
        return new


class InverseGamma(TransformedDistribution):
    """Distribution of `1 / x` where x has a gamma distribution.

    Args:
        concentration: positive, a tensor or a number.
        rate: of x, which is the scale of 1 / x, positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.InverseGamma(3.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive

    def __init__(
        self, concentration: TensorLike, rate: TensorLike, validate_args: bool | None = None
    ) -> None:
        base = Gamma(concentration, rate, validate_args=False)
        super().__init__(base, PowerTransform(-1), validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """The concentration."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """The rate of the gamma distribution."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        return where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return where(a > 2, self.rate.square() / ((a - 1).square() * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class Dirichlet(Distribution):
    """Dirichlet distribution of points of the simplex.

    Density: `gamma(sum(a)) * prod(x**(a - 1) / gamma(a))` for `x >= 0` with sum 1.

    Args:
        concentration: positive tensor, shape (..., K).
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Dirichlet(tg.tensor([1.0, 1.0, 2.0])).mean
        tensor([0.2500, 0.2500, 0.5000])
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.independent(constraints.positive, 1)
    }
    support = constraints.simplex
    has_rsample = True

    concentration: Tensor

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        (self.concentration,) = broadcast_all("Dirichlet", concentration=concentration)
        shape = self.concentration.shape
        if not shape:
            raise ShapeError(
                "Dirichlet: concentration needs at least one dimension, got a 0-d tensor"
            )
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        a = self.concentration
        above = (a - 1).clamp(min=0)
        flat = (a < 1).all(-1).unsqueeze(-1)  # infinite in every corner: the first, as in PyTorch
        corner = one_hot(flat[..., 0] * 0, a.shape[-1]).to(a.dtype)
        total = where(flat, 1.0, above.sum(-1, True))
        return where(flat, corner, above / total)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        total = a.sum(-1, True)
        return a * (total - a) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return dirichlet_sample(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a = self.concentration
        total = a.sum(-1)
        return (
            a.lgamma().sum(-1)
            - total.lgamma()
            - (a.shape[-1] - total) * total.digamma()
            - ((a - 1) * a.digamma()).sum(-1)
        )


class Beta(Distribution):
    """Beta distribution on the unit interval.

    Density: `x**(a - 1) * (1 - x)**(b - 1) * gamma(a + b) / (gamma(a) * gamma(b))`.

    Args:
        concentration1: a, positive, a tensor or a number.
        concentration0: b, positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Beta(1.0, 3.0).mean
        tensor(0.2500)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        concentration1: TensorLike,
        concentration0: TensorLike,
        validate_args: bool | None = None,
    ) -> None:
        both = broadcast_all("Beta", concentration1=concentration1, concentration0=concentration0)
        self._dirichlet = Dirichlet(stack(both, -1), validate_args=False)
        super().__init__(self._dirichlet.batch_shape, (), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._like(tuple(batch_shape), _instance)
        new._dirichlet = self._dirichlet.expand(batch_shape)
        return new

    @property
    def concentration1(self) -> Tensor:
        """The exponent of x, plus 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The exponent of 1 - x, plus 1."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.square() * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._dirichlet.log_prob(stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """Student's t-distribution.

    Args:
        df: degrees of freedom, positive, a tensor or a number.
        loc: mean, where there is one.
        scale: positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.StudentT(4.0).variance
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    df: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(
        self,
        df: TensorLike,
        loc: TensorLike = 0.0,
        scale: TensorLike = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all("StudentT", df=df, loc=loc, scale=scale)
        super().__init__(self.df.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.df > 2
        df = where(finite, self.df, 3.0)
        large = where(self.df > 1, math.inf, where(self.df == self.df, math.nan, self.df))
        return where(finite, self.scale.square() * df / (df - 2), large)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        numbers = standard_normal(shape, self.loc)
        squares = standard_gamma((0.5 * self.df).expand(shape)) * 2
        return self.loc + self.scale * numbers * (squares / self.df).rsqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (value - self.loc) / self.scale
        return (
            -0.5 * (self.df + 1) * (y.square() / self.df).log1p()
            - self.scale.log()
            - 0.5 * self.df.log()
            - 0.5 * math.log(math.pi)
            - (0.5 * self.df).lgamma()
            + (0.5 * (self.df + 1)).lgamma()
        )

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = half.lgamma() + math.lgamma(0.5) - more.lgamma()
        return (
            self.scale.log()
            + more * (more.digamma() - half.digamma())
            + 0.5 * self.df.log()
            + log_beta
        )
