"""Mixtures of distributions of one family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import no_grad
from ..errors import DtypeError, ShapeError
from ..ops.index import take_along_dim
from ..ops.nn import log_softmax
from ..tensor import Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """A component, drawn from a categorical distribution, and a draw from this component.

    Args:
        mixture_distribution: `Categorical` with the probabilities of the K components.
        component_distribution: distribution with batch shape (..., K).
        validate_args: whether values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions
        >>> parts = d.Normal(tg.tensor([-1.0, 1.0]), 1.0)
        >>> mixture = d.MixtureSameFamily(d.Categorical(tg.tensor([0.5, 0.5])), parts)
        >>> mixture.mean, mixture.variance
        (tensor(0.), tensor(2.))
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise DtypeError(
                "MixtureSameFamily: mixture_distribution must be a Categorical, got "
                f"{type(mixture_distribution).__name__}"
            )
        if not isinstance(component_distribution, Distribution):
            raise DtypeError(
                "MixtureSameFamily: component_distribution must be a Distribution, got "
                f"{type(component_distribution).__name__}"
            )
        self._mixture, self._components = mixture_distribution, component_distribution
        batch = component_distribution.batch_shape
        count = mixture_distribution.param_shape[-1]
        pairs = zip(reversed(mixture_distribution.batch_shape), reversed(batch[:-1]), strict=False)
        if not batch or batch[-1] != count or any(1 != i != j != 1 for i, j in pairs):
            raise ShapeError(
                f"MixtureSameFamily: the batch shape {batch} of component_distribution must end in the "
                f"shape {mixture_distribution.param_shape} of the probabilities"
            )
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._like(tuple(batch_shape), _instance)
        new._components = self._components.expand((*batch_shape, self._mixture.param_shape[-1]))
        new._mixture = self._mixture.expand(batch_shape)
        return new

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the components."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._components

    @constraints.dependent_property
    def support(self) -> Any:
        """The support of the components, for one value."""
        return _OfComponents(self._components.support, len(self._event_shape))

    def _weights(self) -> Tensor:
        probs = self._mixture.probs  # (..., K) to (..., K, 1 for each dimension of the event)
        return probs.reshape((*probs.shape, *(1 for _ in self._event_shape)))

    @property
    def _dim(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._components.mean).sum(self._dim)

    @property
    def variance(self) -> Tensor:
        centred = self._components.mean - self.mean.unsqueeze(self._dim)
        spread = self._components.variance + centred.square()
        return (self._weights() * spread).sum(self._dim)

    def cdf(self, value: Tensor) -> Tensor:
        parts = self._components.cdf(value.unsqueeze(self._dim))
        return (parts * self._mixture.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        parts = self._components.log_prob(value.unsqueeze(self._dim))
        return (parts + log_softmax(self._mixture.logits, -1)).logsumexp(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = (*sample_shape, *self._batch_shape)
            chosen = self._mixture.expand(self._batch_shape).sample(sample_shape)
            drawn = self._components.sample(sample_shape)  # (..., K, event)
            index = chosen.reshape((*shape, 1, *(1 for _ in self._event_shape)))
            index = index.expand((*shape, 1, *self._event_shape))
            return take_along_dim(drawn, index, self._dim).squeeze(self._dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self._mixture!r}, {self._components!r})"


class _OfComponents(constraints.Constraint):
    """Values that lie in the support of every component."""

    def __init__(self, base_constraint: constraints.Constraint, event_dim: int) -> None:
        self.base_constraint = base_constraint
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = event_dim

    def check(self, value: Tensor) -> Tensor:
        return self.base_constraint.check(value.unsqueeze(-1 - self.event_dim)).all(-1)

    def __repr__(self) -> str:
        return f"OfComponents({self.base_constraint!r})"
