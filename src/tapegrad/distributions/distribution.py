"""What all distributions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from ..autograd import no_grad
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor
from .constraints import Constraint, is_dependent

Shape = tuple[int, ...]


class Distribution:
    """A batch of probability distributions.

    A sample has the shape `sample_shape + batch_shape + event_shape`: independent draws, one for each
    set of parameters, each of them an event of the distribution.

    Args:
        batch_shape: shape of the batch of parameters.
        event_shape: shape of one event.
        validate_args: whether parameters and values are checked; by default what
            `set_default_validate_args` said, at first True except under `python -O`.

    Attributes:
        arg_constraints: dict from the name of each parameter to the region it lies in.
        support: the region that samples lie in.
        has_rsample: whether samples carry a gradient for the parameters.
        has_enumerate_support: whether the values it can take can be listed.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.Normal(tg.zeros(3), 1.0)
        >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
        ((3,), (), (2, 3))
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[Any] = {}
    support: Any = None
    _validate_args = __debug__

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape: Shape = tuple(batch_shape)
        self._event_shape: Shape = tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            if is_dependent(constraint):
                continue  # it needs other parameters
            if name not in self.__dict__ and isinstance(
                getattr(type(self), name, None), cached_property
            ):
                continue  # computed from the one that was given
            value = getattr(self, name)
            with no_grad():
                valid = constraint.check(value).all().item()
            if not valid:
                raise ArgumentError(
                    f"{type(self).__name__}: {name} of shape {value.shape} must satisfy the "
                    f"constraint {constraint!r}, got {value.detach()}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check their parameters and values where they are not told."""
        if value is not True and value is not False:
            raise ArgumentError(
                f"set_default_validate_args: value must be True or False, got {value!r}"
            )
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Shape:
        """Shape of the batch of parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """Shape of one event."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise self._without("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._without("mode")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        raise self._without("variance")

    @property
    def stddev(self) -> Tensor:
        """Square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw, without a gradient.

        Args:
            sample_shape: how many independent draws of the batch.
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw, with the gradient of the sample with respect to the parameters."""
        raise self._without("rsample", "use sample and log_prob")

    def log_prob(self, value: Tensor) -> Tensor:
        """Logarithm of the density, or of the probability, at a value."""
        raise self._without("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of a result up to a value."""
        raise self._without("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value up to which a result has a given probability."""
        raise self._without("icdf")

    def entropy(self) -> Tensor:
        """Expected value of `-log_prob`."""
        raise self._without("entropy")

    def perplexity(self) -> Tensor:
        """Exponential of the entropy."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """List the values of a discrete distribution along a new first dimension.

        Args:
            expand: whether to repeat them for the batch, or to leave sizes of 1.
        """
        raise self._without("enumerate_support")

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """The same distribution with its batch expanded, without a copy of the parameters."""
        new = self._like(tuple(batch_shape), _instance)
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value = getattr(self, name)
                event = value.shape[value.ndim - constraint.event_dim :]
                setattr(new, name, value.expand((*new._batch_shape, *event)))
        return new

    def _like(self, batch_shape: Shape, instance: Any = None) -> Any:
        """A distribution of the same kind and events, whose parameters are still to be set."""
        new = object.__new__(type(self)) if instance is None else instance
        new._batch_shape, new._event_shape = batch_shape, self._event_shape
        new._validate_args = self._validate_args
        return new

    def _without(self, what: str, instead: str = "") -> NotImplementedError:
        more = f"; {instead}" if instead else ""
        return NotImplementedError(f"{type(self).__name__}: {what} is not implemented{more}")

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Shape:
        return (*sample_shape, *self._batch_shape, *self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        """Refuse a value that is no tensor, does not fit or lies outside of the support."""
        if not self._validate_args:
            return
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise DtypeError(f"{name}: value must be a tensor, got {type(value).__name__}")
        events = len(self._event_shape)
        if value.shape[value.ndim - events :] != self._event_shape:
            raise ShapeError(
                f"{name}: the last dimensions of value must be the event shape "
                f"{self._event_shape}, got {value.shape}"
            )
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ShapeError(
                    f"{name}: value of shape {value.shape} does not broadcast with the batch and "
                    f"event shape {expected}"
                )
        support: Constraint = self.support
        with no_grad():
            valid = support.check(value).all().item()
        if not valid:
            raise ArgumentError(
                f"{name}: value of shape {value.shape} must lie in the support {support!r}, got "
                f"{value.detach()}; validate_args=False skips the check"
            )

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            if name in self.__dict__ or type(getattr(type(self), name, None)) is property:
                value = getattr(self, name)
                parts.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{type(self).__name__}({', '.join(parts)})"
