"""Distributions of extremes: Gumbel, Weibull, Pareto."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .._typing import TensorLike
from ..ops.choose import where
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import EULER, broadcast_all, clamp_probs, drawn, uniform


class Gumbel(Distribution):
    """Gumbel distribution, of the largest of many numbers.

    Distribution function: `exp(-exp(-(x - loc) / scale))`.

    Args:
        loc: mode, a tensor or a number.
        scale: positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Gumbel(0.0, 1.0).mean
        tensor(0.5772)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    loc: Tensor
    scale: Tensor

    def __init__(
        self, loc: TensorLike, scale: TensorLike, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all("Gumbel", loc=loc, scale=scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = clamp_probs(uniform(self._extended_shape(sample_shape), self.loc))
        return self.loc - self.scale * (-noise.log()).log()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - y.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)


class Weibull(Distribution):
    """Weibull distribution, of the smallest of many positive numbers.

    Distribution function: `1 - exp(-(x / scale)**concentration)`.

    Args:
        scale: positive, a tensor or a number.
        concentration: positive; 1 makes it exponential.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Weibull(1.0, 2.0).cdf(tg.tensor(1.0))
        tensor(0.6321)
    """

    arg_constraints: ClassVar[Any] = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    scale: Tensor
    concentration: Tensor

    def __init__(
        self, scale: TensorLike, concentration: TensorLike, validate_args: bool | None = None
    ) -> None:
        self.scale, self.concentration = broadcast_all(
            "Weibull", scale=scale, concentration=concentration
        )
        super().__init__(self.scale.shape, (), validate_args)

    def _moment(self, n: int) -> Tensor:
        """Mean of the n-th power, for the scale 1."""
        return (1 + n / self.concentration).lgamma().exp()

    @property
    def mean(self) -> Tensor:
        return self.scale * self._moment(1)

    @property
    def mode(self) -> Tensor:
        inside = self.concentration > 1  # else the density falls from 0 on
        k = where(inside, self.concentration, 2.0)
        return where(inside, self.scale * ((k - 1) / k) ** k.reciprocal(), 0.0)

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (self._moment(2) - self._moment(1).square())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        waiting = drawn("standard_exponential", shape, self.scale)
        return self.scale * waiting ** self.concentration.reciprocal()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k, y = self.concentration, value / self.scale
        return (k / self.scale).log() + (k - 1) * y.log() - y**k

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(-((value / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p()) ** self.concentration.reciprocal()

    def entropy(self) -> Tensor:
        inverse = self.concentration.reciprocal()
        return EULER * (1 - inverse) + (self.scale * inverse).log() + 1


class Pareto(Distribution):
    """Pareto distribution: a power law from `scale` on.

    Distribution function: `1 - (scale / x)**alpha`.

    Args:
        scale: the least value, positive, a tensor or a number.
        alpha: the exponent, positive.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {
        "alpha": constraints.positive,
        "scale": constraints.positive,
    }
    has_rsample = True

    scale: Tensor
    alpha: Tensor

    def __init__(
        self, scale: TensorLike, alpha: TensorLike, validate_args: bool | None = None
    ) -> None:
        self.scale, self.alpha = broadcast_all("Pareto", scale=scale, alpha=alpha)
        super().__init__(self.scale.shape, (), validate_args)

    @constraints.dependent_property
    def support(self) -> Any:
        """The numbers from the scale on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        finite = self.alpha > 1
        a = where(finite, self.alpha, 2.0)
        return where(finite, a * self.scale / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        finite = self.alpha > 2
        a = where(finite, self.alpha, 3.0)
        return where(finite, self.scale.square() * a / ((a - 1).square() * (a - 2)), math.inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.scale * (drawn("standard_exponential", shape, self.scale) / self.alpha).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        far = (value / self.scale).log()
        return self.alpha.log() - self.scale.log() - (self.alpha + 1) * far

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(-self.alpha * (value / self.scale).log()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p() / self.alpha).exp()

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()
