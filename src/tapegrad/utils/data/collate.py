"""Batches out of samples: stacked if they are numbers, element by element if they are structures."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...creation import as_tensor, tensor
from ...errors import ArgumentError, ShapeError
from ...ops.shape import stack
from ...tensor import Tensor

NUMERIC = "biufc"  # kinds of NumPy dtypes that tensors have


def default_collate(batch: Any) -> Any:
    """Make a batch of samples, with a new first dimension.

    Tensors and arrays are stacked, numbers become a tensor (floats float64), text stays a list.
    Mappings, named tuples, tuples (as lists) and sequences are collated element by element.

    Args:
        batch: samples of one kind, at least one.

    Raises:
        TypeError: for samples that are none of these.
        ArgumentError: if there are none, or if sequences have different lengths.
        ShapeError: if shapes of tensors differ.

    Example:
        >>> from tapegrad.utils.data import default_collate
        >>> default_collate([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
        {'x': tensor([1, 2]), 'y': ['a', 'b']}
        >>> default_collate([(0, 1), (2, 3)])
        [tensor([0, 2]), tensor([1, 3])]
    """
    if not len(batch):
        raise ArgumentError("default_collate: expected one or more samples, got none")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, (np.ndarray, np.bool_, np.number)):
        if first.dtype.kind not in NUMERIC:
            raise TypeError(_refusal(f"an array of dtype {first.dtype}"))
        if isinstance(first, np.ndarray):
            return _stacked([as_tensor(sample) for sample in batch])
        return as_tensor(np.array(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype="float64")
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _mapping(first, lambda key: default_collate([sample[key] for sample in batch]))
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise ArgumentError(
                "default_collate: sequences of a batch must have equal lengths, got "
                f"{[len(sample) for sample in batch]}; pad them in a collate_fn of your own"
            )
        columns = zip(*batch, strict=True)
        return _sequence(first, [default_collate(column) for column in columns])
    raise TypeError(_refusal(type(first).__name__))


def default_convert(data: Any) -> Any:
    """Make tensors of the arrays in a sample; anything else stays.

    Args:
        data: an array, a structure with arrays, or anything else.

    Example:
        >>> import numpy as np
        >>> from tapegrad.utils.data import default_convert
        >>> default_convert({"x": np.array([1, 2]), "y": "a"})
        {'x': tensor([1, 2]), 'y': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return as_tensor(data) if data.dtype.kind in NUMERIC else data
    if isinstance(data, Mapping):
        return _mapping(data, lambda key: default_convert(data[key]))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence(data, [default_convert(value) for value in data])
    return data


def _refusal(found: str) -> str:
    return (
        f"default_collate: samples must be tensors, numeric arrays, numbers, text, mappings or "
        f"sequences of these, got {found}; pass a collate_fn of your own"
    )


def _stacked(batch: Sequence[Tensor]) -> Tensor:
    shapes = {sample.shape for sample in batch}
    if len(shapes) > 1:
        raise ShapeError(
            f"default_collate: samples of a batch must have equal shapes, got {sorted(shapes)}; pad "
            f"them in a collate_fn of your own"
        )
    return stack(batch)


def _mapping(first: Mapping[Any, Any], value: Callable[[Any], Any]) -> Any:
    """A mapping of the same type with other values, a dict if the type does not allow it."""
    values = {key: value(key) for key in first}
    try:
        if isinstance(first, MutableMapping):
            made = copy.copy(first)  # it may carry more than its keys
            made.update(values)
            return made
        return type(first)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _sequence(first: Sequence[Any], values: list[Any]) -> Any:
    """A sequence of the same type with other elements; a tuple becomes a list, as in PyTorch."""
    if isinstance(first, tuple):
        return type(first)(*values) if hasattr(first, "_fields") else values
    try:
        if isinstance(first, MutableSequence):
            made = copy.copy(first)
            for i, value in enumerate(values):
                made[i] = value
            return made
        return type(first)(values)  # type: ignore[call-arg]
    except TypeError:
        return values
