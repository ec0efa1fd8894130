"""Samplers: in which order a loader visits the samples.

Each of the samplers here has, beside `__iter__`, a method `order` that gives the positions of a whole
epoch as one array; loaders cut it into batches without a step of Python per sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from ...creation import as_tensor
from ...errors import ArgumentError, ShapeError
from ...random import Generator, numpy_generator
from ...sampling import multinomial
from ...tensor import Tensor, to_host

T = TypeVar("T", covariant=True)


class Sampler(Generic[T]):
    """Base of samplers.

    Subclasses write `__iter__`, which yields positions (or, as `batch_sampler`, lists of them), and
    `__len__` if they know it. A loader that is saved starts them again and skips: one that is random
    should draw from a `tapegrad.Generator` in its attribute `generator`, or have `state_dict()` and
    `load_state_dict()`.

    Example:
        >>> from tapegrad.utils.data import DataLoader, Sampler
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        ...     def __len__(self):
        ...         return len(self.data)
        >>> list(DataLoader([1, 2, 3], batch_size=2, sampler=Backwards([1, 2, 3])))
        [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__}: a sampler must define __iter__")


class _Ordered(Sampler[int]):
    """A sampler that knows the positions of a whole epoch at its beginning."""

    generator: Generator | None = None

    def order(self, numbers: Generator | None = None) -> Any:
        """Positions of one epoch: a range, or an int64 array.

        Args:
            numbers: where random numbers come from if the sampler has no generator of its own.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        order = self.order()
        return iter(order if isinstance(order, range) else order.tolist())


def positive_int(where: str, name: str, value: Any) -> int:
    """A count as an int; anything else is refused."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ArgumentError(f"{where}: {name} must be a positive int, got {value!r}")
    return int(value)


def _boolean(where: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"{where}: {name} must be True or False, got {value!r}")
    return value


class SequentialSampler(_Ordered):
    """The positions of a dataset from first to last.

    Args:
        data_source: anything with a length.

    Example:
        >>> from tapegrad.utils.data import SequentialSampler
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def order(self, numbers: Generator | None = None) -> Any:
        """All positions, a range."""
        return range(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(_Ordered):
    """The positions of a dataset in random order, or drawn with replacement.

    Args:
        data_source: anything with a length N.
        replacement: whether a position may be drawn twice.
        num_samples: how many to draw; N by default. Without replacement, more than N go through
            several orders in turn.
        generator: where the numbers come from; the default generator, or the loader's own, by default.

    Raises:
        ArgumentError: if `num_samples` is not positive, or `replacement` not a bool.

    Example:
        >>> from tapegrad.utils.data import RandomSampler
        >>> sorted(RandomSampler("abc"))
        [0, 1, 2]
        >>> len(list(RandomSampler("abc", replacement=True, num_samples=7)))
        7
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = _boolean("RandomSampler", "replacement", replacement)
        self._num_samples = num_samples
        self.generator = generator
        positive_int("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many positions an epoch has; follows the dataset's length if not given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self, numbers: Generator | None = None) -> Any:
        """Positions of one epoch, newly drawn."""
        stream = numpy_generator(self.generator or numbers)
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            return stream.integers(0, n, wanted)
        if wanted == n:
            return stream.permutation(n)
        rounds = [stream.permutation(n) for _ in range(-(-wanted // n))]
        return np.concatenate(rounds)[:wanted]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Ordered):
    """Some positions in random order.

    Args:
        indices: the positions.
        generator: where the numbers come from; the default generator, or the loader's own, by default.

    Example:
        >>> from tapegrad.utils.data import SubsetRandomSampler
        >>> sorted(SubsetRandomSampler([5, 3, 8]))
        [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def order(self, numbers: Generator | None = None) -> Any:
        """The positions, newly shuffled."""
        stream = numpy_generator(self.generator or numbers)
        return as_positions(self.indices)[stream.permutation(len(self.indices))]

    def __len__(self) -> int:
        return len(self.indices)


def as_positions(indices: Any) -> Any:
    """Positions as an array; of objects if they are keys of another kind."""
    if isinstance(indices, range):  # 30 times faster than by `asarray`
        return np.arange(indices.start, indices.stop, indices.step)
    if isinstance(indices, Tensor):
        indices = to_host(indices)
    found = np.asarray(indices)
    if found.ndim == 1 and found.dtype.kind in "iu":
        return found.astype(np.int64, copy=False)
    keys = np.empty(len(indices), dtype=object)
    keys[:] = list(indices)
    return keys


class WeightedRandomSampler(_Ordered):
    """Positions drawn with probabilities proportional to weights.

    Args:
        weights: of the positions 0 to K - 1; they need not add up to one.
        num_samples: how many to draw.
        replacement: whether a position may be drawn twice.
        generator: where the numbers come from; the default generator, or the loader's own, by default.

    Raises:
        ArgumentError: if `num_samples` is not positive, or `replacement` not a bool.
        ShapeError: if the weights are not one-dimensional.

    Example:
        >>> from tapegrad.utils.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 0.0, 2.0], 4))
        [2, 2, 2, 2]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        where = "WeightedRandomSampler"
        self.num_samples = positive_int(where, "num_samples", num_samples)
        self.replacement = _boolean(where, "replacement", replacement)
        self.weights = as_tensor(weights, dtype="float64")
        self.generator = generator
        if self.weights.ndim != 1:
            raise ShapeError(f"{where}: weights must have shape (K,), got {self.weights.shape}")

    def order(self, numbers: Generator | None = None) -> Any:
        """Positions of one epoch, newly drawn."""
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator or numbers
        )
        return to_host(drawn)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The positions of another sampler in lists.

    Args:
        sampler: anything that yields positions.
        batch_size: length of the lists.
        drop_last: leave out a last list that is shorter.

    Raises:
        ArgumentError: if `batch_size` is not positive, or `drop_last` not a bool.

    Example:
        >>> from tapegrad.utils.data import BatchSampler
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size = positive_int("BatchSampler", "batch_size", batch_size)
        self.drop_last = _boolean("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        positions = iter(self.sampler)
        while batch := list(islice(positions, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        return batch_count(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def batch_count(samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches some samples make."""
    return samples // batch_size if drop_last else -(-samples // batch_size)


def epoch_order(sampler: Any, numbers: Generator | None) -> Any:
    """The whole order of an epoch, or None if the sampler must be asked step by step."""
    if isinstance(sampler, _Ordered) and type(sampler).__iter__ is _Ordered.__iter__:
        return sampler.order(numbers)
    return None
