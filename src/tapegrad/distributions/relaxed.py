"""Continuous relaxations of discrete distributions, whose samples carry gradients.

References:
    C. J. Maddison, A. Mnih, Y. W. Teh, "The concrete distribution", 2017.
    E. Jang, S. Gu, B. Poole, "Categorical reparameterization with Gumbel-softmax", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .._typing import TensorLike
from ..creation import tensor
from ..tensor import Tensor
from . import constraints
from .bernoulli import _Trial
from .categorical import _OfCategorical
from .parameters import clamp_probs, log_one_plus_exp, uniform
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform


def _temperature(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value
    return tensor(value, dtype=like.dtype, device=like.device)


class LogitRelaxedBernoulli(_Trial):
    """Log odds of the samples of `RelaxedBernoulli`: logistic, divided by a temperature.

    Args:
        temperature: positive, a tensor or a number.
        probs: probability of 1, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.LogitRelaxedBernoulli(1.0, tg.tensor([0.5]))
        >>> d.log_prob(tg.tensor([0.0]))
        tensor([-1.3863])
    """

    support = constraints.real
    has_rsample = True

    def __init__(
        self,
        temperature: TensorLike,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        self.temperature = _temperature(temperature, self._given)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs)
        noise = clamp_probs(uniform(shape, probs))
        logistic = noise.log() - (-noise).log1p()
        return (logistic + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        distance = self.logits - value * self.temperature
        return self.temperature.log() + distance - 2 * log_one_plus_exp(distance)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1 that gather at both ends as the temperature falls.

    Args:
        temperature: positive, a tensor or a number.
        probs: probability of 1, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> p = tg.tensor([0.3], requires_grad=True)
        >>> tg.distributions.RelaxedBernoulli(0.5, p).rsample().requires_grad
        True
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.unit_interval

    def __init__(
        self,
        temperature: TensorLike,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def _check_parameters(self) -> None:
        """The distribution of the log odds has checked them."""

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """Probability of 1."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """Log odds of 1."""
        return self.base_dist.logits


class ExpRelaxedCategorical(_OfCategorical):
    """Logarithms of the samples of `RelaxedOneHotCategorical`.

    Args:
        temperature: positive 0-d tensor or number.
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.ExpRelaxedCategorical(0.5, tg.tensor([0.5, 0.5]))
        >>> d.rsample((3,)).shape
        (3, 2)
    """

    # the support is a surface, and rounding leaves it
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        temperature: TensorLike,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        self.temperature = _temperature(temperature, self.logits)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = clamp_probs(uniform(self._extended_shape(sample_shape), self.logits))
        scores = (self.logits - (-noise.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        count = float(self._event_shape[0])
        scale = (self.temperature * 0 + count).lgamma() + (count - 1) * self.temperature.log()
        score = self.logits - value * self.temperature
        return (score - score.logsumexp(-1, True)).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """Points of the simplex that gather at its corners as the temperature falls: Gumbel-softmax.

    Args:
        temperature: positive 0-d tensor or number.
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.RelaxedOneHotCategorical(0.5, tg.tensor([0.5, 0.5]))
        >>> d.rsample((3,)).shape
        (3, 2)
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    support = constraints.simplex

    def __init__(
        self,
        temperature: TensorLike,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def _check_parameters(self) -> None:
        """The distribution of the logarithms has checked them."""

    @property
    def temperature(self) -> Tensor:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """Probabilities of the outcomes."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self.base_dist.logits
