"""Distributions of trials with two outcomes: Bernoulli, geometric, binomial, negative binomial; and Poisson."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .._typing import TensorLike
from ..autograd import no_grad
from ..errors import ArgumentError
from ..ops.choose import where
from ..ops.special import xlogy
from ..patterns import arange
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import (
    broadcast_all,
    drawn,
    lazy_property,
    log_one_plus_exp,
    logits_to_probs,
    one_of,
    probs_to_logits,
)


class _Trial(Distribution):
    """A success with probability `probs`, or with log odds `logits`: the one not given is computed."""

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None, **more: Any) -> None:
        op = type(self).__name__
        one_of(op, probs=probs, logits=logits)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        # the trial comes first: numbers take its dtype
        made = broadcast_all(op, **{name: value}, **more)
        for key, tensor in zip((name, *more), made, strict=True):
            self.__dict__[key] = tensor.to(made[0].dtype)
        super().__init__(made[0].shape, (), validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Log odds of a success."""
        return probs_to_logits(self.probs, True)

    @lazy_property
    def probs(self) -> Tensor:
        """Probability of a success."""
        return logits_to_probs(self.logits, True)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Shape of the probabilities."""
        return self._given.shape

    @property
    def _given(self) -> Tensor:
        return self.__dict__["probs" if "probs" in self.__dict__ else "logits"]

    def _entropy_of_trial(self) -> Tensor:
        # in the log odds, which do not round: log p = -log(1 + exp(-logits))
        return log_one_plus_exp(self.logits) - self.logits * self.probs

    def _listed(self, count: int, expand: bool) -> Tensor:
        """The numbers from 0 to count - 1 along a new first dimension."""
        like = self._given
        values = arange(count, dtype=like.dtype, device=like.device)
        values = values.reshape((count, *(1 for _ in self._batch_shape)))
        return values.expand((count, *self._batch_shape)) if expand else values


class Bernoulli(_Trial):
    """One trial: 1 with probability `probs`, else 0.

    Args:
        probs: probability of 1, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.Bernoulli(tg.tensor([0.25]))
        >>> d.log_prob(tg.tensor([1.0])), d.variance
        (tensor([-1.3863]), tensor([0.1875]))
    """

    support = constraints.boolean
    has_enumerate_support = True

    def __init__(
        self,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, math.nan, mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            drawn_below = drawn("random", shape, self.probs.double())
            return (drawn_below < self.probs).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return value * self.logits - log_one_plus_exp(self.logits)

    def entropy(self) -> Tensor:
        return self._entropy_of_trial()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._listed(2, expand)


class Geometric(_Trial):
    """How many trials fail before the first success.

    Args:
        probs: probability of a success, above 0, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Geometric(0.25).mean
        tensor(3.)
    """

    support = constraints.nonnegative_integer

    def __init__(
        self,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        if self._validate_args and logits is None:
            with no_grad():
                valid = (self.probs > 0).all().item()
            if not valid:
                raise ArgumentError(f"Geometric: probs must be above 0, got {self.probs.detach()}")

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return self.probs.new_zeros(self.probs.shape)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            probs = self.probs.double().clamp(
                max=1 - 2**-53
            )  # a failure has no finite logarithm at 1
            waiting = drawn("standard_exponential", shape, probs)
            return (-waiting / (-probs).log1p()).floor().to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        sure = (self.probs == 1) & (value == 0)  # 0 * log(0)
        return value * (-where(sure, 0.0, self.probs)).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return self._entropy_of_trial() / self.probs


class Binomial(_Trial):
    """How many of some trials succeed.

    Args:
        total_count: how many trials, a tensor or a number, not negative.
        probs: probability of a success, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Binomial(4, tg.tensor([0.5])).log_prob(tg.tensor([2.0])).exp()
        tensor([0.3750])
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    total_count: Tensor

    def __init__(
        self,
        total_count: TensorLike = 1,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args, total_count=total_count)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> Any:
        """The whole numbers up to the number of trials."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            probs = self.probs.detach()
            return drawn("binomial", shape, probs, self.total_count.long(), probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        ways = (
            (self.total_count + 1).lgamma()
            - (value + 1).lgamma()
            - (self.total_count - value + 1).lgamma()
        )
        return ways + value * self.logits - self.total_count * log_one_plus_exp(self.logits)

    def _one_count(self, what: str) -> int:
        with no_grad():
            most = int(self.total_count.max().item())
            if most != self.total_count.min().item():
                raise self._without(f"{what} of different total_count together")
        return most

    def entropy(self) -> Tensor:
        log_prob = self.log_prob(self._listed(self._one_count("entropy") + 1, False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._listed(self._one_count("enumerate_support") + 1, expand)


class NegativeBinomial(_Trial):
    """How many trials succeed before `total_count` have failed.

    Args:
        total_count: how many failures end it, a tensor or a number, not negative, also between whole ones.
        probs: probability of a success, below 1, a tensor or a number.
        logits: its log odds, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.NegativeBinomial(3.0, tg.tensor([0.25])).mean
        tensor([1.])
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    total_count: Tensor

    def __init__(
        self,
        total_count: TensorLike,
        probs: TensorLike | None = None,
        logits: TensorLike | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args, total_count=total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            rate = drawn("standard_gamma", shape, self.logits.double(), self.total_count)
            return drawn("poisson", shape, self.logits, rate * self.logits.exp())

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        nothing = n + value == 0  # certain, while lgamma(0) is infinite
        ways = (n + value).lgamma() - (1 + value).lgamma() - n.lgamma()
        chances = -n * log_one_plus_exp(self.logits) - value * log_one_plus_exp(-self.logits)
        return chances + where(nothing, 0.0, ways)


class Poisson(Distribution):
    """How many events happen where `rate` are expected.

    Probability: `rate**k * exp(-rate) / k!`.

    Args:
        rate: not negative, a tensor or a number.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.Poisson(2.0).log_prob(tg.tensor(0.0))
        tensor(-2.)
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    rate: Tensor

    def __init__(self, rate: TensorLike, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all("Poisson", rate=rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return drawn("poisson", self._extended_shape(sample_shape), self.rate, self.rate)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return xlogy(value, self.rate) - self.rate - (value + 1).lgamma()
