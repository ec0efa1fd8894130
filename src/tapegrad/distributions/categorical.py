"""Distributions of trials with several outcomes: categorical, one-hot, multinomial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from .. import dtypes
from ..autograd import no_grad
from ..errors import DtypeError, ShapeError
from ..ops.choose import where
from ..ops.index import take_along_dim
from ..ops.padding import one_hot
from ..patterns import arange, eye
from ..sampling import multinomial
from ..tensor import Tensor
from . import constraints
from .bernoulli import Binomial
from .distribution import Distribution
from .parameters import broadcast_all, lazy_property, logits_to_probs, one_of, probs_to_logits


class Categorical(Distribution):
    """One of K outcomes, as a number from 0 to K - 1.

    Args:
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Attributes:
        probs: the probabilities, which add up to one.
        logits: their logarithms.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.Categorical(tg.tensor([1.0, 1.0, 2.0]))
        >>> d.probs, d.log_prob(tg.tensor(2))
        (tensor([0.2500, 0.2500, 0.5000]), tensor(-0.6931))
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        one_of("Categorical", probs=probs, logits=logits)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        (given,) = broadcast_all("Categorical", **{name: value})
        if not given.ndim:
            raise ShapeError(f"Categorical: {name} needs at least one dimension, got a 0-d tensor")
        if logits is None:
            self.__dict__["probs"] = given / given.sum(-1, True)
        else:
            self.__dict__["logits"] = given - given.logsumexp(-1, True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], (), validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._num_events = self._num_events
        return new

    @lazy_property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities of the outcomes."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Shape of the probabilities."""
        return (*self._batch_shape, self._num_events)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> Any:
        """The numbers of the outcomes."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return self.probs.new_full(self._batch_shape, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.probs.new_full(self._batch_shape, math.nan)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            count = math.prod(sample_shape)
            shape = self._extended_shape(sample_shape)
            rows = self.probs.detach().reshape((-1, self._num_events))
            if not count or not rows.numel():
                return rows.new_zeros(shape, dtype=dtypes.int64)
            return multinomial(rows, count, True).T.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index = value.to(dtypes.int64).unsqueeze(-1)
        dims = max(index.ndim, self.logits.ndim)
        index = index.reshape((*(1 for _ in range(dims - index.ndim)), *index.shape))
        logits = self.logits
        logits = logits.reshape((*(1 for _ in range(dims - logits.ndim)), *logits.shape))
        return take_along_dim(logits, index, -1).squeeze(-1)

    def entropy(self) -> Tensor:
        least = float(dtypes.finfo(self.logits.dtype).min)
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self._num_events
        device = (self.probs if "probs" in self.__dict__ else self.logits).device
        values = arange(count, device=device).reshape((count, *(1 for _ in self._batch_shape)))
        return values.expand((count, *self._batch_shape)) if expand else values


class _OfCategorical(Distribution):
    """A distribution of vectors with a number for each outcome of a categorical one."""

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(
        self, probs: Tensor | None, logits: Tensor | None, validate_args: bool | None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def _check_parameters(self) -> None:
        """The categorical distribution has checked them."""

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = self._like(tuple(batch_shape), _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        """Probabilities of the outcomes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """Shape of the probabilities."""
        return self._categorical.param_shape

    def __repr__(self) -> str:
        given = "probs" if "probs" in self._categorical.__dict__ else "logits"
        return f"{type(self).__name__}({given}: {self.param_shape})"


class OneHotCategorical(_OfCategorical):
    """One of K outcomes, as a vector with a single 1.

    Args:
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.OneHotCategorical(tg.tensor([0.0, 1.0, 0.0])).sample()
        tensor([0., 1., 0.])
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            indices = self._categorical.sample(sample_shape)
            return one_hot(indices, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return self._categorical.log_prob(value.detach().argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        (count,) = self._event_shape
        values = eye(count, dtype=self.probs.dtype, device=self.probs.device)
        values = values.reshape((count, *(1 for _ in self._batch_shape), count))
        return values.expand((count, *self._batch_shape, count)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose samples pass their gradient on to the probabilities unchanged.

    Args:
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> p = tg.tensor([0.0, 1.0], requires_grad=True)
        >>> tg.distributions.OneHotCategoricalStraightThrough(p).rsample().requires_grad
        True

    References:
        Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic
        neurons for conditional computation", 2013.
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfCategorical):
    """How often each of K outcomes happens in some trials.

    Args:
        total_count: how many trials.
        probs: weights that need not add up to one, shape (..., K).
        logits: logarithms of such weights, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.Multinomial(2, tg.tensor([0.5, 0.5]))
        >>> d.log_prob(tg.tensor([1.0, 1.0])).exp()
        tensor(0.5000)
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if isinstance(total_count, bool) or not isinstance(total_count, int):
            raise DtypeError(
                f"Multinomial: total_count must be an int, got {type(total_count).__name__}"
            )
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.total_count = self.total_count
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts that add up to no more than the number of trials."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            drawn = self._categorical.sample((*sample_shape, self.total_count))
            # (..., trials, batch) to (..., batch, trials), which are then counted
            drawn = drawn.movedim(len(tuple(sample_shape)), -1)
            return one_hot(drawn, self._event_shape[0]).sum(-2).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        impossible = (value == 0) & (self.logits == -math.inf)
        return ways + (where(impossible, 0.0, self.logits) * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        counts = Binomial(n, probs=self.probs, validate_args=False)
        support = counts.enumerate_support(False)[1:]
        weights = counts.log_prob(support).exp() * (support + 1).lgamma()
        return n * self._categorical.entropy() - math.lgamma(n + 1) + weights.sum((0, -1))
