"""Distributions of transformed samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import no_grad
from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .parameters import sum_rightmost
from .transforms import ComposeTransform, Transform


class TransformedDistribution(Distribution):
    """The distribution of samples of another one after some mappings.

    Value: `log_prob(y) = base.log_prob(x) - log |det dy/dx|`.

    Args:
        base_distribution: where x comes from.
        transforms: a mapping or a list of them, the first one applied first.
        validate_args: whether values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions
        >>> logistic = d.TransformedDistribution(d.Uniform(0.0, 1.0), d.SigmoidTransform().inv)
        >>> logistic.log_prob(tg.tensor(0.0))
        tensor(-1.3863)
    """

    base_dist: Any

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        listed = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(listed, list) or not all(isinstance(t, Transform) for t in listed):
            raise DtypeError(
                f"{type(self).__name__}: transforms must be a Transform or a list of them, got "
                f"{transforms!r}"
            )
        self.transforms = listed
        whole = ComposeTransform(listed)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        base_events = len(base_distribution.event_shape)
        wanted = whole.domain.event_dim
        if len(shape) < wanted:
            raise ArgumentError(
                f"{type(self).__name__}: the transforms take events of {wanted} dimensions, got "
                f"samples of shape {shape}"
            )
        result = whole.forward_shape(shape)
        broadcast = whole.inverse_shape(result)
        if broadcast != shape:  # parameters of the transforms add to the batch
            base_distribution = base_distribution.expand(broadcast[: len(broadcast) - base_events])
        if wanted > base_events:
            base_distribution = Independent(base_distribution, wanted - base_events)
        self.base_dist = base_distribution
        gained = whole.codomain.event_dim - wanted
        cut = len(result) - max(whole.codomain.event_dim, base_events + gained)
        super().__init__(result[:cut], result[cut:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._like(tuple(batch_shape), _instance)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self._event_shape))
        cut = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(shape[:cut])
        new.transforms = self.transforms
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples carry a gradient for the parameters."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self) -> Any:
        """Where the last mapping ends."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        events = len(self._event_shape)
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            events += transform.domain.event_dim - transform.codomain.event_dim
            term = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(term, events - transform.domain.event_dim)
            y = x
        more = events - len(self.base_dist.event_shape)
        return total + sum_rightmost(self.base_dist.log_prob(y), more)

    def _rising(self, probability: Tensor) -> Tensor:
        """The probability, or what is left of it where the mapping falls."""
        sign = ComposeTransform(self.transforms).sign
        if isinstance(sign, int) and sign == 1:
            return probability
        return sign * (probability - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._rising(self.base_dist.cdf(ComposeTransform(self.transforms)._invert(value)))

    def icdf(self, value: Tensor) -> Tensor:
        x = self.base_dist.icdf(self._rising(value))
        return ComposeTransform(self.transforms)(x)

    def __repr__(self) -> str:
        if self.arg_constraints:
            return super().__repr__()
        return f"{type(self).__name__}({self.base_dist!r}, {self.transforms!r})"
