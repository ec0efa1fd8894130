"""Loaders beside PyTorch's: batches, lengths and types where nothing is random."""

from __future__ import annotations

import contextlib
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tapegrad.utils.data

torch = pytest.importorskip("torch")
# Python 3.12 warns whenever a program with threads forks
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

Point = namedtuple("Point", ["x", "y"])
BOTH = (tg, torch)


def plain(value: Any) -> Any:
    """A batch as comparable values: dtypes, shapes and elements of tensors, and types of the rest."""
    if isinstance(value, (tg.Tensor, torch.Tensor)):
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist()
    if isinstance(value, (dict, MappingProxyType)):
        return type(value), [(key, plain(v)) for key, v in value.items()]
    if isinstance(value, (list, tuple, range)):
        return type(value), [plain(v) for v in value]
    return type(value), value


def data(f: Any, n: int = 7, begin: int = 0) -> Any:
    x = f.arange(begin, begin + 2 * n, dtype=f.float32).reshape(n, 2)
    return f.utils.data.TensorDataset(x, f.arange(n))


def stream(f: Any, n: int = 7) -> Any:
    class Stream(f.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            return iter(range(n))

        def __len__(self) -> int:
            return n

    return Stream()


def u(f: Any) -> Any:
    return f.utils.data


LOADERS: dict[str, Callable[[Any], Any]] = {
    "tensors": lambda f: u(f).DataLoader(data(f), 3),
    "drop_last": lambda f: u(f).DataLoader(data(f), 3, drop_last=True),
    "one by one": lambda f: u(f).DataLoader(data(f)),
    "no batches": lambda f: u(f).DataLoader(data(f), None),
    "too large": lambda f: u(f).DataLoader(data(f), 100),
    "nothing left": lambda f: u(f).DataLoader(data(f), 100, drop_last=True),
    "tensor": lambda f: u(f).DataLoader(f.arange(5), 2),
    "array": lambda f: u(f).DataLoader(np.arange(10, dtype=np.float32).reshape(5, 2), 2),
    "array of numbers": lambda f: u(f).DataLoader(np.arange(5, dtype=np.int32), 2),
    "list": lambda f: u(f).DataLoader([1.5, 2.5, 3.5], 2),
    "text": lambda f: u(f).DataLoader([("a", 1), ("b", 2), ("c", 3)], 2),
    "text alone": lambda f: u(f).DataLoader("abc", 2),
    "no batches of arrays": lambda f: u(f).DataLoader([(np.arange(2), 1)], None),
    "subset": lambda f: u(f).DataLoader(u(f).Subset(data(f), [5, 0, 5, 2]), 3),
    "concat": lambda f: u(f).DataLoader(u(f).ConcatDataset([data(f, 4), data(f, 3, 50)]), 3),
    "added": lambda f: u(f).DataLoader(data(f, 2) + data(f, 3), 2),
    "stack": lambda f: u(f).DataLoader(u(f).StackDataset(data(f), f.arange(7)), 3),
    "stack of names": lambda f: u(f).DataLoader(u(f).StackDataset(a=data(f), b="abcdefg"), 3),
    "sampler": lambda f: u(f).DataLoader(data(f), 2, sampler=[6, 1, 1]),
    "batch sampler": lambda f: u(f).DataLoader(data(f), batch_sampler=[[1, 2], [3], [0, 6, 5]]),
    "negative positions": lambda f: u(f).DataLoader(data(f), batch_sampler=[[-1, 2]]),
    "negative positions of a concat": lambda f: u(f).DataLoader(
        u(f).ConcatDataset([data(f, 4), data(f, 3, 50)]), batch_sampler=[[-1, 2, -7], [-4]]
    ),
    "collate_fn": lambda f: u(f).DataLoader(data(f), 3, collate_fn=list),
    "keys": lambda f: u(f).DataLoader({"a": 1, "b": 2}, 2, sampler=["b", "a"]),
    "stream": lambda f: u(f).DataLoader(stream(f), 3),
    "stream, drop_last": lambda f: u(f).DataLoader(stream(f), 3, drop_last=True),
    "stream, no batches": lambda f: u(f).DataLoader(stream(f), None),
    "chain": lambda f: u(f).DataLoader(stream(f, 2) + stream(f, 3), 2),
    "workers": lambda f: u(f).DataLoader(data(f), 2, num_workers=2),
    "workers, streams": lambda f: u(f).DataLoader(stream(f, 4), 3, num_workers=2),
    "split": lambda f: u(f).DataLoader([len(p) for p in u(f).random_split(range(13), [0.4, 0.3, 0.3])]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOADERS)
def test_batches_are_pytorchs(name: str) -> None:
    mine, theirs = (LOADERS[name](f) for f in BOTH)
    found = []
    for loader in (mine, theirs):
        found.append([plain(batch) for batch in loader])
        with contextlib.suppress(TypeError):
            found.append(len(loader))
    half = len(found) // 2
    assert found[:half] == found[half:]


SAMPLES: dict[str, Callable[[Any], Any]] = {
    "ints": lambda f: [1, 2],
    "bools": lambda f: [True, False],
    "floats": lambda f: [1.5, 2],
    "numpy numbers": lambda f: [np.float32(1), np.float32(2)],
    "numpy bools": lambda f: [np.bool_(True), np.bool_(False)],
    "arrays": lambda f: [np.ones((2, 1), np.int8), np.zeros((2, 1), np.int8)],
    "0-d arrays": lambda f: [np.array(1.0), np.array(2.0)],
    "tensors": lambda f: [f.ones(2, 3), f.zeros(2, 3)],
    "0-d tensors": lambda f: [f.tensor(1), f.tensor(2)],
    "text": lambda f: ["a", "b"],
    "bytes": lambda f: [b"a", b"b"],
    "tuples": lambda f: [(1, "a"), (2, "b")],
    "lists": lambda f: [[1, 2.5], [3, 4.5]],
    "points": lambda f: [Point(1, f.ones(1)), Point(2, f.ones(1))],
    "dicts": lambda f: [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    "ordered": lambda f: [OrderedDict(a=1), OrderedDict(a=2)],
    "proxies": lambda f: [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    "ranges": lambda f: [range(2), range(2, 4)],
    "deep": lambda f: [{"a": [(1, {"b": np.ones(2)})]}] * 3,
    "extra keys": lambda f: [{"a": 1}, {"a": 2, "b": 3}],
    "empty lists": lambda f: [[], []],
    "a tuple of samples": lambda f: (1, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_structures_are_collated_and_converted_as_by_pytorch(name: str, function: str) -> None:
    mine, theirs = (plain(getattr(u(f), function)(SAMPLES[name](f))) for f in BOTH)
    assert mine == theirs


REFUSED: dict[str, Callable[[Any], Any]] = {
    "text": lambda f: u(f).default_collate([np.array(["a"])]),
    "objects": lambda f: u(f).default_collate([object()]),
    "none": lambda f: u(f).default_collate([None]),
    "lengths": lambda f: u(f).default_collate([[1], [1, 2]]),
    "shapes": lambda f: u(f).default_collate([f.ones(1), f.ones(2)]),
    "missing keys": lambda f: u(f).default_collate([{"a": 1, "b": 3}, {"a": 2}]),
    "batch_size 0": lambda f: u(f).DataLoader(data(f), 0),
    "batch_size": lambda f: u(f).DataLoader(data(f), True),
    "workers": lambda f: u(f).DataLoader(data(f), num_workers=-1),
    "sampler": lambda f: u(f).DataLoader(data(f), sampler=[0], shuffle=True),
    "no samples": lambda f: u(f).DataLoader([], shuffle=True),
    "num_samples": lambda f: u(f).RandomSampler([1], num_samples=0),
    "weighted": lambda f: u(f).WeightedRandomSampler([1.0], 0),
    "fractions": lambda f: u(f).random_split(range(3), [0.5, 0.6]),
    "concat": lambda f: u(f).ConcatDataset([[1]])[-2],
    "getitem": lambda f: u(f).Dataset()[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_by_the_same_kind_of_error(name: str) -> None:
    kinds = []
    for f in BOTH:
        with pytest.raises(Exception) as caught:
            REFUSED[name](f)
        kinds.append(caught.type)
    assert issubclass(*kinds) or issubclass(kinds[0], RuntimeError), kinds
