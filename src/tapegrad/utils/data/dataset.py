"""Datasets: maps from positions to samples, streams of samples, and ways to put them together."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from ...errors import ArgumentError, DimensionError, ShapeError
from ...random import Generator
from ...sampling import randperm
from ...tensor import Tensor

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """A map from positions (or keys) to samples.

    Subclasses write `__getitem__`, mostly `__len__`, and may write `__getitems__`, which takes a list
    of positions and returns the list of their samples: the loader prefers it.

    Example:
        >>> from tapegrad.utils.data import Dataset
        >>> class Squares(Dataset):
        ...     def __getitem__(self, index):
        ...         return index**2
        ...     def __len__(self):
        ...         return 4
        >>> both = Squares() + Squares()
        >>> len(both), both[6]
        (8, 4)
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError(f"{type(self).__name__}: a dataset must define __getitem__")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """A stream of samples.

    Subclasses write `__iter__`. Every worker process of a loader has a copy of its own and would give
    all samples: `get_worker_info` tells it which part is its own. With `state_dict()` and
    `load_state_dict()` a loader resumes without reading again what was read before.

    Example:
        >>> from tapegrad.utils.data import DataLoader, IterableDataset
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(DataLoader(Countdown(), batch_size=2))
        [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__}: a stream must define __iter__")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the rows of tensors.

    A loader gathers whole batches at once; a batch is always a copy.

    Args:
        *tensors: of the same size N in their first dimension.

    Raises:
        ShapeError: if there are none, a 0-d one, or sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.utils.data import TensorDataset
        >>> data = TensorDataset(tg.arange(6).reshape(3, 2), tg.tensor([0, 1, 0]))
        >>> len(data), data[1]
        (3, (tensor([2, 3]), tensor(1)))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ShapeError("TensorDataset: expected one or more tensors, got none")
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: tensors[{i}] must be a tensor, got {type(tensor).__name__}; "
                    f"convert it by tapegrad.as_tensor"
                )
            if not tensor.ndim or len(tensor) != len(tensors[0]):
                raise ShapeError(
                    f"TensorDataset: tensors[{i}] has shape {tensor.shape}, expected as many rows as "
                    f"tensors[0] of shape {tensors[0].shape}"
                )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, ...]]:
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return [self[i] for i in indices]
        rows = list(
            indices
        )  # gathered once, then cut: the samples do not share the dataset's memory
        return list(zip(*(tensor[rows].unbind(0) for tensor in self.tensors), strict=True))

    def __len__(self) -> int:
        return len(self.tensors[0])


def _items(dataset: Any, indices: Sequence[Any]) -> Sequence[Any]:
    """Samples at several positions, all at once where the dataset can."""
    if callable(getattr(dataset, "__getitems__", None)):
        found: Sequence[Any] = dataset.__getitems__(indices)
        if len(found) != len(indices):
            raise ArgumentError(
                f"{type(dataset).__name__}.__getitems__: returned {len(found)} samples for "
                f"{len(indices)} positions; it must return one for each"
            )
        return found
    return [dataset[i] for i in indices]


class StackDataset(Dataset[Any]):
    """Datasets of equal length side by side: a sample is the tuple, or the dict, of theirs.

    Args:
        *args: datasets; samples are tuples.
        **kwargs: datasets; samples are dicts with these keys.

    Raises:
        ArgumentError: for none, for both kinds, or if lengths differ.

    Example:
        >>> from tapegrad.utils.data import StackDataset
        >>> StackDataset(word=["a", "b"], number=[1, 2])[1]
        {'word': 'b', 'number': 2}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError(
                "StackDataset: pass datasets either by position (samples are tuples) or by name "
                f"(samples are dicts), got {len(args)} and {len(kwargs)}"
            )
        self.datasets = args or kwargs
        sizes = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(sizes)) > 1:
            raise ArgumentError(f"StackDataset: datasets must have equal lengths, got {sizes}")
        self._length = sizes[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {key: dataset[index] for key, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        if type(self).__getitem__ is not StackDataset.__getitem__:
            return [self[i] for i in indices]
        if isinstance(self.datasets, dict):
            columns = [_items(dataset, indices) for dataset in self.datasets.values()]
            return [
                dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        return list(zip(*(_items(dataset, indices) for dataset in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T]):
    """Datasets one after the other.

    Args:
        datasets: one or more, none of them a stream.

    Raises:
        ArgumentError: for none, or for an `IterableDataset`.

    Example:
        >>> from tapegrad.utils.data import ConcatDataset
        >>> both = ConcatDataset(["ab", "cde"])
        >>> len(both), both[3], both[-5]
        (5, 'd', 'a')
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: expected one or more datasets, got none")
        for i, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise ArgumentError(
                    f"ConcatDataset: datasets[{i}] is an IterableDataset, which has no positions; "
                    f"use ChainDataset"
                )
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def _place(self, index: int) -> tuple[int, int]:
        """The dataset of a position, and the position in it."""
        size = len(self)
        if not -size <= index < size:
            raise DimensionError(
                f"ConcatDataset: position {index} is out of range for {size} samples"
            )
        index %= size
        k = bisect_right(self.cumulative_sizes, index)
        return k, index - (self.cumulative_sizes[k - 1] if k else 0)

    def __getitem__(self, index: int) -> T:
        k, within = self._place(index)
        return self.datasets[k][within]  # type: ignore[no-any-return]

    def __getitems__(self, indices: Sequence[int]) -> list[T]:
        if type(self).__getitem__ is not ConcatDataset.__getitem__:
            return [self[i] for i in indices]
        wanted: dict[int, tuple[list[int], list[int]]] = {}  # of each dataset: slots, positions
        for slot, index in enumerate(indices):
            k, within = self._place(index)
            slots, positions = wanted.setdefault(k, ([], []))
            slots.append(slot)
            positions.append(within)
        found: list[Any] = [None] * len(indices)
        for k, (slots, positions) in wanted.items():
            for slot, item in zip(slots, _items(self.datasets[k], positions), strict=True):
                found[slot] = item
        return found

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[T]):
    """Streams one after the other.

    Args:
        datasets: `IterableDataset`s.

    Example:
        >>> from tapegrad.utils.data import ChainDataset, IterableDataset
        >>> class Two(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([1, 2])
        >>> list(Two() + Two())
        [1, 2, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        for i, dataset in enumerate(self.datasets):
            if not isinstance(dataset, IterableDataset):
                raise ArgumentError(
                    f"ChainDataset: datasets[{i}] must be an IterableDataset, got "
                    f"{type(dataset).__name__}; use ConcatDataset"
                )

    def __iter__(self) -> Iterator[T]:
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[T]):
    """The samples of a dataset at some positions.

    Args:
        dataset: the whole.
        indices: positions in it.

    Raises:
        ArgumentError: if a subclass defines `__getitem__` and not `__getitems__`.

    Example:
        >>> from tapegrad.utils.data import Subset
        >>> list(Subset("abcdef", [4, 0]))
        ['e', 'a']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise ArgumentError(
                f"{kind.__name__}: a Subset that defines __getitem__ must define __getitems__ too, "
                f"which loaders call"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]  # type: ignore[no-any-return]
        return self.dataset[self.indices[index]]  # type: ignore[no-any-return]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[T]:
        return _items(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[Any]]:
    """Divide a dataset at random into parts that do not overlap.

    Args:
        dataset: the whole, with a length N.
        lengths: of the parts, adding up to N; or fractions adding up to 1, which are rounded down, and
            the samples that are left go to the first parts, one each.
        generator: where the numbers come from; the default generator by default.

    Raises:
        ArgumentError: if lengths do not add up, or a fraction is not between 0 and 1.

    Example:
        >>> from tapegrad.utils.data import random_split
        >>> [len(part) for part in random_split(range(10), [0.5, 0.25, 0.25])]
        [6, 2, 2]
    """
    total = len(dataset)
    lengths = list(lengths)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ArgumentError(
                    f"random_split: lengths[{i}] must be a fraction between 0 and 1, got {fraction}"
                )
        sizes = [math.floor(total * fraction) for fraction in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if not size:
                warnings.warn(f"random_split: part {i} of {lengths} is empty", stacklevel=2)
    else:
        sizes = []
        for i, length in enumerate(lengths):
            if int(length) != length or length < 0:
                raise ArgumentError(
                    f"random_split: lengths[{i}] must be a whole number of samples, or all of them "
                    f"fractions that add up to 1, got {length}"
                )
            sizes.append(int(length))
    if sum(sizes) != total:
        raise ArgumentError(
            f"random_split: lengths must add up to the {total} samples of the dataset, got {sum(sizes)}"
        )
    order = randperm(total, generator=generator).tolist()
    return [
        Subset(dataset, order[end - size : end])
        for size, end in zip(sizes, accumulate(sizes), strict=True)
    ]
