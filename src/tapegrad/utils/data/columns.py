"""Datasets in memory, read by whole batches.

A dataset whose samples are rows of arrays is a few columns and a way to build a batch of them. A batch
is gathered with one call of NumPy per column; subsets and concatenations only change which rows those
are. It is the batch that `default_collate` would make of the single samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...autograd.modes import is_grad_enabled
from ...creation import as_tensor
from ...ops.gather import index_select
from ...tensor import Tensor, wrap
from .collate import NUMERIC
from .dataset import ConcatDataset, StackDataset, Subset, TensorDataset
from .sampler import as_positions

Rows = Any  # a range of positions with step 1, or an int64 array
BLOCK = 2**18  # bytes gathered at once, cut into batches: a call of NumPy costs as much as 20 rows


class Columns(NamedTuple):
    """How to read a dataset in memory.

    Attributes:
        read: from rows to an array per column: new ones, which share no memory with the dataset.
        build: from arrays to a batch.
        each: from arrays with a dimension more, one entry per batch, to these batches in turn.
        kinds: dtype, shape of a row and array type of each column.
        structure: what `build` makes, comparable.
    """

    read: Callable[[Rows], list[Any]]
    build: Callable[[Sequence[Any]], Any]
    each: Callable[[list[Any]], Iterator[Any]]
    kinds: list[tuple[Any, ...]]
    structure: Any

    @property
    def bytes(self) -> int:
        """Bytes of one sample."""
        sizes = (int(dtype.itemsize * np.prod(shape)) for dtype, shape, _ in self.kinds)
        return max(1, int(sum(sizes)))


def columns_of(dataset: Any) -> Columns | None:
    """The columns of a dataset; None if it must be asked for its samples one by one.

    Subclasses with a `__getitem__` or `__getitems__` of their own are asked. So are tensors that
    require a gradient, while one is recorded.
    """
    if isinstance(dataset, Tensor):
        return _of_tensors([dataset], single=True)
    if type(dataset) is np.ndarray:
        if not dataset.ndim or dataset.dtype.kind not in NUMERIC:
            return None
        return _of_tensors([as_tensor(dataset)], single=True)
    for kind, find in _FINDERS.items():
        if isinstance(dataset, kind):
            own = type(dataset)
            same = own.__getitem__ is kind.__getitem__ and own.__getitems__ is kind.__getitems__
            return find(dataset) if same else None
    return None


def _of_tensors(tensors: list[Tensor], single: bool = False) -> Columns | None:
    if is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return None
    if not all(t.ndim for t in tensors):
        return None
    kinds = [(t.dtype, t.shape[1:], type(t.array)) for t in tensors]
    read = _reader(tensors)
    if not all(kind is np.ndarray for _, _, kind in kinds):
        read = _device_reader(tensors)
    if single:
        return Columns(read, lambda arrays: wrap(arrays[0]), _each_tensor, kinds, "tensor")
    return Columns(read, lambda arrays: list(map(wrap, arrays)), _each_list, kinds, len(tensors))


def _each_tensor(arrays: list[Any]) -> Iterator[Any]:
    return map(wrap, arrays[0])


def _each_list(arrays: list[Any]) -> Iterator[Any]:
    if len(arrays) == 1:  # 0.1 us less per batch than by `zip`
        return ([wrap(array)] for array in arrays[0])
    return map(list, zip(*[map(wrap, array) for array in arrays], strict=True))


def _device_reader(tensors: list[Tensor]) -> Callable[[Rows], list[Any]]:
    def read(rows: Rows) -> list[Any]:
        if isinstance(rows, range):
            return [t.array[rows.start : rows.stop].copy() for t in tensors]
        where = [as_tensor(rows, device=t.device) for t in tensors]
        return [index_select(t.detach(), 0, i).array for t, i in zip(tensors, where, strict=True)]

    return read


def _reader(tensors: list[Tensor]) -> Callable[[Rows], list[Any]]:
    # `take` would copy the whole of an array that is not contiguous
    whole = all(t.array.flags.c_contiguous for t in tensors)

    def read(rows: Rows) -> list[Any]:
        if isinstance(rows, range):
            return [t.array[rows.start : rows.stop].copy() for t in tensors]
        if whole:
            return [t.array.take(rows, 0) for t in tensors]
        return [t.array[rows] for t in tensors]

    return read


def _tensor_dataset(dataset: TensorDataset) -> Columns | None:
    return _of_tensors(list(dataset.tensors))


def _subset(dataset: Subset[Any]) -> Columns | None:
    inner = columns_of(dataset.dataset)
    positions = as_positions(dataset.indices)
    if inner is None or positions.dtype == object:
        return None

    def read(rows: Rows) -> list[Any]:
        if isinstance(rows, range):
            rows = slice(rows.start, rows.stop)
        return inner.read(positions[rows])

    return inner._replace(read=read)


def _concat(dataset: ConcatDataset[Any]) -> Columns | None:
    parts = [columns_of(part) for part in dataset.datasets if len(part)]
    if not parts or any(part is None for part in parts):
        return None
    first = parts[0]
    assert first is not None
    readers = []
    for part in parts:
        assert part is not None
        if part.structure != first.structure or part.kinds != first.kinds:
            return None  # `default_collate` says what does not fit, sample by sample
        readers.append(part.read)
    if any(kind is not np.ndarray for _, _, kind in first.kinds):
        return None
    ends = np.cumsum([len(part) for part in dataset.datasets if len(part)])
    size = int(ends[-1])

    def read(rows: Rows) -> list[Any]:
        rows = np.asarray(rows)
        if rows.size and (rows.min() < -size or rows.max() >= size):
            raise IndexError(f"ConcatDataset: positions must be within {size} samples, got {rows}")
        rows = rows % size
        which = np.searchsorted(ends, rows, side="right")
        arrays = [np.empty((len(rows), *shape), dtype) for dtype, shape, _ in first.kinds]
        for k in np.flatnonzero(np.bincount(which, minlength=len(ends))):
            slots = np.flatnonzero(which == k)
            begin = ends[k - 1] if k else 0
            for array, part in zip(arrays, readers[k](rows[slots] - begin), strict=True):
                array[slots] = part
        return arrays

    return first._replace(read=read)


def _stack(dataset: StackDataset) -> Columns | None:
    names = list(dataset.datasets) if isinstance(dataset.datasets, dict) else None
    parts: list[Columns] = []
    for part in (
        dataset.datasets.values() if isinstance(dataset.datasets, dict) else dataset.datasets
    ):
        found = columns_of(part)
        if found is None:
            return None
        parts.append(found)

    def read(rows: Rows) -> list[Any]:
        return [array for part in parts for array in part.read(rows)]

    def build(arrays: Sequence[Any]) -> Any:
        rest = iter(arrays)
        values = [part.build([next(rest) for _ in part.kinds]) for part in parts]
        return values if names is None else dict(zip(names, values, strict=True))

    kinds = [kind for part in parts for kind in part.kinds]

    def each(arrays: list[Any]) -> Iterator[Any]:
        return map(build, zip(*arrays, strict=True))

    return Columns(read, build, each, kinds, ("stack", names, [part.structure for part in parts]))


_FINDERS: dict[Any, Callable[[Any], Columns | None]] = {
    TensorDataset: _tensor_dataset,
    Subset: _subset,
    ConcatDataset: _concat,
    StackDataset: _stack,
}
