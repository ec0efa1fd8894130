"""Datasets, samplers and loaders: reading, resuming, workers, refusals."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError, ShapeError, StateDictError
from tapegrad.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)

# Python 3.12 warns whenever a program with threads forks
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def plain(value: Any) -> Any:
    """A batch as lists, for comparison."""
    if isinstance(value, (tg.Tensor, np.ndarray)):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def batches(loader: Any) -> list[Any]:
    return [plain(batch) for batch in loader]


def rows(n: int = 10) -> TensorDataset:
    return TensorDataset(tg.arange(3 * n, dtype=tg.float32).reshape(n, 3), tg.arange(n))


class Slow(Dataset[Any]):
    """The same samples, which can only be asked for one by one."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getitem__(self, index: int) -> Any:
        return self.inner[index]

    def __len__(self) -> int:
        return len(self.inner)


class Noisy(Dataset[Any]):
    """Samples with random numbers of all three kinds, and who read them."""

    def __getitem__(self, index: int) -> Any:
        info = get_worker_info()
        who = -1 if info is None else info.id
        drawn = float(tg.rand(())), random.random(), float(np.random.rand())
        return index, who, *drawn

    def __len__(self) -> int:
        return 12


class Count(IterableDataset[Any]):
    """A stream of numbers, divided among the workers."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Any:
        info = get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))


class Remembering(Count):
    """A stream that knows where it is, and counts what was read."""

    at = 0
    reads = 0

    def __iter__(self) -> Any:
        info = get_worker_info()
        step, begin = (1, 0) if info is None else (info.num_workers, info.id)
        while begin + self.at * step < self.n:
            self.at += 1
            self.reads += 1
            yield begin + (self.at - 1) * step
        self.at = 0

    def state_dict(self) -> dict[str, int]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.at = state["at"]


class Stubborn(Dataset[Any]):
    """Fails, ends its process or sleeps at one position."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __getitem__(self, index: int) -> int:
        if index == 3:
            if self.how == "exit":
                os._exit(7)
            if self.how == "sleep":
                time.sleep(60)
            raise {"key": KeyError, "value": ValueError}[self.how](f"no sample {index}")
        return index

    def __len__(self) -> int:
        return 6


def no_children() -> bool:
    gc.collect()
    end = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < end:
        time.sleep(0.02)
    return not multiprocessing.active_children()


# -- reading ---------------------------------------------------------------------------------------

IN_MEMORY = {
    "tensors": rows,
    "not contiguous": lambda: TensorDataset(tg.arange(20).reshape(2, 10).T),
    "tensor": lambda: tg.arange(10),
    "array": lambda: np.arange(20.0).reshape(10, 2),
    "subset": lambda: Subset(rows(20), list(range(19, -1, -2))),
    "concat": lambda: ConcatDataset([rows(4), rows(1), Subset(rows(9), [8, 0, 1, 7, 2])]),
    "stack": lambda: StackDataset(a=rows(), b=tg.arange(10.0)),
    "nested": lambda: StackDataset(StackDataset(rows(), rows()), Subset(tg.arange(12), range(10))),
}


@pytest.mark.parametrize("name", IN_MEMORY)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_datasets_in_memory_give_what_single_samples_give(
    name: str, shuffle: bool, drop_last: bool
) -> None:
    dataset = IN_MEMORY[name]()
    found = []
    for kind in (dataset, Slow(dataset)):
        loader = DataLoader(kind, 3, shuffle, drop_last=drop_last)
        tg.manual_seed(1)
        found.append([batches(loader), batches(loader)])
        assert len(loader) == len(found[-1][0])
        types = [type(batch) for batch in loader]
        found[-1].append(types)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", IN_MEMORY)
def test_datasets_in_memory_are_read_in_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = IN_MEMORY[name]()

    def refuse(*_: Any) -> None:
        raise AssertionError("read batch by batch")

    monkeypatch.setattr("tapegrad.utils.data.fetching.MapFetcher.fetch", refuse)
    assert len(batches(DataLoader(dataset, 3, shuffle=True))) == 4
    with pytest.raises(AssertionError):
        batches(DataLoader(Slow(dataset), 3))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_shares_no_memory_with_the_dataset_or_another_batch(shuffle: bool) -> None:
    dataset = rows()
    before = plain(dataset.tensors)
    loader = DataLoader(dataset, 4, shuffle)
    found = list(loader)
    kept = plain(found[1])
    for tensor in found[0]:
        tensor.zero_()
    assert plain(dataset.tensors) == before
    assert plain(found[1]) == kept


def test_a_saved_batch_is_not_stale_because_another_one_was_changed() -> None:
    first, second = DataLoader(tg.arange(4.0), 2)
    w = tg.ones(2, requires_grad=True)
    loss = (w * first).sum()
    second.zero_()
    loss.backward()
    assert w.grad is not None and w.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("workers", [0, 1])
def test_two_iterations_over_one_loader_do_not_disturb_each_other(workers: int) -> None:
    loader = DataLoader(rows(6), 2, num_workers=workers)
    for one, other in zip(loader, loader, strict=True):
        assert plain(one) == plain(other)
    assert batches(loader) == batches(DataLoader(rows(6), 2))


def test_rows_of_a_recorded_tensor_are_recorded() -> None:
    x = tg.ones(4, 2, requires_grad=True)
    for batch in DataLoader(TensorDataset(x), 2):
        batch[0].sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[1, 1]] * 4


def test_an_own_getitem_is_asked() -> None:
    class Doubled(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(2 * t for t in super().__getitem__(index))

    assert batches(DataLoader(Doubled(tg.arange(3)), 2)) == [[[0, 2]], [[4]]]


def test_a_changed_dataset_is_read_as_it_is() -> None:
    dataset = TensorDataset(tg.zeros(3))
    loader = DataLoader(dataset, 3)
    dataset.tensors[0][1] = 5
    assert batches(loader) == [[[0, 5, 0]]]


@pytest.mark.parametrize("shuffle", [False, True])
def test_devices_keep_their_batches(device: str, shuffle: bool) -> None:
    for where in (device, "standin"):
        x = tg.arange(10, device=where)
        found = [batch[0] for batch in DataLoader(TensorDataset(x), 4, shuffle)]
        assert {str(batch.device) for batch in found} == {str(x.device)}
        assert sorted(tg.cat(found).tolist()) == list(range(10))


def test_getitems_must_answer_every_position() -> None:
    class Short(Dataset[Any]):
        def __getitems__(self, indices: Any) -> Any:
            return [0]

        def __len__(self) -> int:
            return 4

    with pytest.raises(ArgumentError, match="returned 1 samples for 2 positions"):
        StackDataset(Short(), Short()).__getitems__([0, 1])


def test_a_batch_sampler_of_the_users_own() -> None:
    wanted = [[3, 1], [0], [2, -1]]
    loader = DataLoader(rows(4), batch_sampler=wanted)
    assert [batch[1].tolist() for batch in loader] == [[3, 1], [0], [2, 3]]
    assert len(loader) == 3 and loader.batch_size is None


def test_out_of_range_is_refused() -> None:
    with pytest.raises(IndexError):
        list(DataLoader(rows(4), batch_sampler=[[4]]))
    with pytest.raises(IndexError):
        list(DataLoader(ConcatDataset([rows(2), rows(2)]), batch_sampler=[[4]]))
    with pytest.raises(IndexError):
        ConcatDataset([rows(2)])[2]
    with pytest.raises(IndexError):
        list(DataLoader(rows(4), 3, sampler=SequentialSampler(range(5))))
    with pytest.raises(IndexError):
        list(DataLoader(Subset(rows(4), range(2)), batch_sampler=[range(1, 3)]))


# -- random numbers --------------------------------------------------------------------------------


def test_the_seed_gives_the_order_whatever_else_is_drawn() -> None:
    runs = []
    for noise in (0, 3):
        tg.manual_seed(4)
        loader = DataLoader(tg.arange(20), 6, shuffle=True)
        runs.append([])
        for _ in range(3):
            runs[-1] += batches(loader)
            tg.rand(noise)
    assert runs[0] == runs[1]
    assert runs[0][:4] != runs[0][4:8]
    tg.manual_seed(4)
    assert batches(loader) == runs[0][:4]


def test_a_generator_gives_the_order() -> None:
    def first(seed: int) -> Any:
        g = tg.Generator().manual_seed(seed)
        return batches(DataLoader(tg.arange(20), 6, shuffle=True, generator=g))

    assert first(1) == first(1) != first(2)


def test_samplers_visit_what_they_should() -> None:
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(RandomSampler(range(50))) == list(range(50)) != list(RandomSampler(range(50)))
    long = list(RandomSampler(range(4), num_samples=10))
    assert sorted(long[:4]) == sorted(long[4:8]) == [0, 1, 2, 3] and len(long) == 10
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=4000))
    assert np.all(np.abs(np.bincount(drawn) - 1000) < 150)
    assert sorted(SubsetRandomSampler([9, 4, 4])) == [4, 4, 9]
    keys = SubsetRandomSampler(["a", "b"])  # type: ignore[list-item]
    assert sorted(keys) == ["a", "b"]
    weighted = np.bincount(list(WeightedRandomSampler([1.0, 0.0, 3.0], 4000)))
    assert weighted[1] == 0 and abs(weighted[2] - 3000) < 150
    assert sorted(WeightedRandomSampler([1, 2, 3], 3, replacement=False)) == [0, 1, 2]


def test_random_split_divides_without_overlap() -> None:
    parts = random_split(rows(11), [0.5, 0.3, 0.2], generator=tg.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [6, 3, 2]
    assert sorted(i for part in parts for i in part.indices) == list(range(11))
    again = random_split(rows(11), [6, 3, 2], generator=tg.Generator().manual_seed(0))
    assert [part.indices for part in again] == [part.indices for part in parts]
    with pytest.warns(UserWarning, match="part 1 .* is empty"):
        random_split(range(1), [0.5, 0.5])


# -- resuming --------------------------------------------------------------------------------------


class Odd(Sampler[int]):
    """A sampler of another kind, with a generator."""

    def __init__(self) -> None:
        self.generator = tg.Generator().manual_seed(3)

    def __iter__(self) -> Any:
        yield from tg.randperm(9, generator=self.generator).tolist()

    def __len__(self) -> int:
        return 9


class Turning(Sampler[int]):
    """A sampler with a state of its own."""

    epoch = 0

    def __iter__(self) -> Any:
        self.epoch += 1
        return iter([(i + self.epoch) % 9 for i in range(9)])

    def __len__(self) -> int:
        return 9

    def state_dict(self) -> Any:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Any) -> None:
        self.epoch = state["epoch"]


LOADERS: dict[str, Any] = {
    "in order": lambda: DataLoader(rows(9), 2),
    "shuffled": lambda: DataLoader(rows(9), 2, shuffle=True),
    "shuffled, generator": lambda: DataLoader(
        rows(9), 2, shuffle=True, generator=tg.Generator().manual_seed(7)
    ),
    "shuffled, slow": lambda: DataLoader(Slow(rows(9)), 2, shuffle=True, drop_last=True),
    "shuffled, single": lambda: DataLoader(rows(5), None, shuffle=True),
    "weighted": lambda: DataLoader(
        rows(9), 2, sampler=WeightedRandomSampler(range(1, 10), 9, generator=tg.Generator())
    ),
    "batch sampler": lambda: DataLoader(rows(9), batch_sampler=BatchSampler(Odd(), 2, False)),
    "sampler with a state": lambda: DataLoader(rows(9), 2, sampler=Turning()),
    "stream": lambda: DataLoader(Count(9), 2),
    "stream, single": lambda: DataLoader(Count(4), None),
    "stream with a state": lambda: DataLoader(Remembering(9), 2),
    "workers": lambda: DataLoader(Noisy(), 3, shuffle=True, num_workers=2),
    "workers, stream": lambda: DataLoader(Count(9), 2, num_workers=2, persistent_workers=True),
    "workers, stream with a state": lambda: DataLoader(Remembering(9), 2, num_workers=2),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_resumed_loader_gives_the_rest_and_the_same_later_epochs(name: str) -> None:
    make = LOADERS[name]
    tg.manual_seed(5)
    whole = make()
    epochs = [batches(whole) for _ in range(3)]
    count = len(epochs[1])
    cuts = (0, count // 2, count) if "workers" not in name else (2,)
    for taken in cuts:
        tg.manual_seed(5)
        loader = make()
        assert batches(loader) == epochs[0]
        running = iter(loader)
        for _ in range(taken):
            next(running)
        state = json.loads(json.dumps(loader.state_dict()))  # it is plain
        left = batches(running)
        assert left == epochs[1][taken:]
        del running
        tg.manual_seed(99)
        resumed = make()
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert batches(resumed) == epochs[1][taken:]
        assert batches(resumed) == epochs[2]
    del whole, loader, resumed
    assert no_children()


def test_a_state_between_epochs_and_after_a_break() -> None:
    tg.manual_seed(5)
    loader = DataLoader(rows(9), 2, shuffle=True)
    epochs = [batches(loader) for _ in range(3)]
    for slow in (False, True):
        tg.manual_seed(5)
        loader = DataLoader(Slow(rows(9)) if slow else rows(9), 2, shuffle=True)
        batches(loader)
        between = loader.state_dict()
        for i, _ in enumerate(loader):
            if i == 1:
                break
        broken = loader.state_dict()
        resumed = DataLoader(rows(9), 2, shuffle=True)
        resumed.load_state_dict(between)
        assert batches(resumed) == epochs[1]
        resumed.load_state_dict(broken)
        assert batches(resumed) == epochs[1][2:]
        assert batches(resumed) == epochs[2]


def test_a_stream_with_a_state_is_not_read_again() -> None:
    loader = DataLoader(Remembering(9), 2)
    running = iter(loader)
    next(running), next(running)
    state = loader.state_dict()
    dataset = Remembering(9)
    resumed = DataLoader(dataset, 2)
    resumed.load_state_dict(state)
    assert batches(resumed) == [[4, 5], [6, 7], [8]]
    assert dataset.reads == 5


def test_a_resumed_loader_may_have_another_number_of_workers() -> None:
    loader = DataLoader(rows(9), 2, shuffle=True)
    running = iter(loader)
    next(running)
    state = loader.state_dict()
    rest = batches(running)
    other = DataLoader(rows(9), 2, shuffle=True, num_workers=1)
    other.load_state_dict(state)
    assert batches(other) == rest


def test_a_state_of_another_kind_is_refused() -> None:
    loader = DataLoader(rows(9), 2)
    with pytest.raises(StateDictError, match="expected the result of state_dict"):
        loader.load_state_dict({"position": 3})
    with pytest.raises(StateDictError, match="another kind of loader"):
        loader.load_state_dict(DataLoader(Count(3), 2).state_dict())
    with pytest.raises(StateDictError, match="version 2"):
        loader.load_state_dict({**loader.state_dict(), "version": 2})
    assert len(batches(loader)) == 5


# -- workers ---------------------------------------------------------------------------------------


def test_workers_keep_the_order_and_draw_the_same_numbers_again() -> None:
    runs = []
    for workers in (2, 3):
        tg.manual_seed(3)
        runs.append(batches(DataLoader(Noisy(), 2, shuffle=True, num_workers=workers)))
    numbers = [[batch[0], *batch[2:]] for run in runs for batch in run]
    assert numbers[:6] == numbers[6:]  # whoever reads them
    assert sorted(i for batch in numbers[:6] for i in batch[0]) == list(range(12))
    for kind in (1, 2, 3):
        drawn = [value for batch in numbers[:6] for value in batch[kind]]
        assert len(set(drawn)) == 12
    assert [set(batch[1]) for batch in runs[0]] == [{0}, {1}] * 3
    assert no_children()


def seeds(worker: int) -> None:
    info = get_worker_info()
    assert info is not None and info.id == worker and tg.initial_seed() == info.seed
    info.dataset.inner = [100 * worker, info.seed, random.random(), np.random.rand()]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_init_fn_may_change_the_workers_copy(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    tg.manual_seed(3)
    dataset = Slow([0.0] * 4)
    workers = 2 if method == "fork" else 1
    loader = DataLoader(
        dataset, 4, sampler=[0, 1, 2, 3] * workers, num_workers=workers, worker_init_fn=seeds,
        multiprocessing_context=method, collate_fn=list,
    )  # fmt: skip
    found = list(loader)
    assert [batch[0] for batch in found] == [0, 100][:workers]
    assert dataset.inner == [0.0] * 4
    if workers == 2:
        assert found[1][1] == found[0][1] + 1
        assert found[0][2] != found[1][2] and found[0][3] != found[1][3]


def test_streams_take_turns_until_each_has_ended() -> None:
    assert batches(DataLoader(Count(5), None, num_workers=2)) == [0, 1, 2, 3, 4]
    assert batches(DataLoader(Count(7), 2, num_workers=2)) == [[0, 2], [1, 3], [4, 6], [5]]


@pytest.mark.parametrize("how", ["value", "key"])
def test_an_exception_of_a_worker_comes_with_its_traceback(how: str) -> None:
    loader = DataLoader(Stubborn(how), 2, num_workers=1)
    running = iter(loader)
    assert next(running).tolist() == [0, 1]
    with pytest.raises({"value": ValueError, "key": KeyError}[how]) as caught:
        next(running)
    text = str(caught.value)
    assert "in DataLoader worker process 0" in text and "no sample 3" in text
    assert "\n" in text and "__getitem__" in text
    assert next(running).tolist() == [4, 5]
    with pytest.raises(StopIteration):
        next(running)
    assert no_children()


def test_a_worker_that_dies_is_noticed() -> None:
    loader = DataLoader(Stubborn("exit"), 2, num_workers=1, persistent_workers=True)
    with pytest.raises(RuntimeError, match=r"worker 0 .* exited unexpectedly with exit code 7"):
        list(loader)
    assert no_children()


def test_a_worker_that_hangs_is_given_up() -> None:
    loader = DataLoader(Stubborn("sleep"), 2, num_workers=1, timeout=0.3)
    with pytest.raises(RuntimeError, match="timed out"):
        list(loader)
    assert no_children()


def test_leaving_a_loop_ends_the_workers() -> None:
    for _ in DataLoader(rows(50), 2, num_workers=2):
        assert len(multiprocessing.active_children()) == 2
        break
    assert no_children()


def test_persistent_workers_stay_for_the_next_epoch() -> None:
    loader = DataLoader(Slow(range(6)), 2, num_workers=1, persistent_workers=True)
    for _ in loader:
        break
    children = multiprocessing.active_children()
    assert len(children) == 1
    old = iter(loader)
    assert next(old).tolist() == [0, 1]
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]
    assert multiprocessing.active_children() == children
    with pytest.raises(RuntimeError, match="another iteration has begun"):
        next(old)
    del loader, old
    assert no_children()


def test_batches_out_of_order_are_all_there_and_resume() -> None:
    loader = DataLoader(rows(12), 2, num_workers=2, in_order=False)
    running = iter(loader)
    taken = [next(running)[1].tolist() for _ in range(3)]
    state = loader.state_dict()
    del running
    other = DataLoader(rows(12), 2)
    other.load_state_dict(state)
    rest = [batch[1].tolist() for batch in other]
    assert sorted(taken + rest) == [[i, i + 1] for i in range(0, 12, 2)]


def test_large_batches_go_through_the_pipe_and_are_writable() -> None:
    loader = DataLoader(tg.arange(400_000, dtype=tg.float32), 200_000, num_workers=1)
    for batch in loader:
        batch += 1
    assert float(batch[-1]) == 400_000.0


PROGRAM = """
import os, signal, sys, time
import tapegrad as tg
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a script runs the tests in the background
from tapegrad.utils.data import DataLoader, Dataset

class Data(Dataset):
    def __getitem__(self, index):
        time.sleep(0.01)
        return index
    def __len__(self):
        return 10_000

loader = DataLoader(Data(), 1, num_workers=2)
for batch in (running := iter(loader)):
    print(*(p.pid for p in running.pool.processes), flush=True)
    if sys.argv[1] == "end":
        sys.exit()
    if sys.argv[1] == "kill":
        os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("how", ["end", "interrupt", "kill"])
def test_no_worker_outlives_its_program(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None and program.stderr is not None
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2
        if how == "interrupt":
            os.killpg(program.pid, signal.SIGINT)
        errors = program.stderr.read()
        program.wait(20)
    assert (program.returncode == 0) == (how == "end")
    if how == "interrupt":
        assert errors.count("KeyboardInterrupt") == 1
    end = time.monotonic() + 10
    while any(running(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(running(pid) for pid in pids)


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- refusals --------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[type[Exception], Any]] = {
    "sampler and shuffle": (ArgumentError, lambda: DataLoader(rows(), sampler=[1], shuffle=True)),
    "batch_sampler excludes": (
        ArgumentError, lambda: DataLoader(rows(), batch_size=2, batch_sampler=[[1]]),
    ),
    "drop_last needs": (ArgumentError, lambda: DataLoader(rows(), None, drop_last=True)),
    "batch_size must": (ArgumentError, lambda: DataLoader(rows(), 0)),
    "num_workers must": (ArgumentError, lambda: DataLoader(rows(), num_workers=-1)),
    "timeout must": (ArgumentError, lambda: DataLoader(rows(), num_workers=1, timeout=-1)),
    "prefetch_factor needs": (ArgumentError, lambda: DataLoader(rows(), prefetch_factor=2)),
    "prefetch_factor must": (
        ArgumentError, lambda: DataLoader(rows(), num_workers=1, prefetch_factor=-1),
    ),
    "persistent_workers needs": (
        ArgumentError, lambda: DataLoader(rows(), persistent_workers=True),
    ),
    "multiprocessing_context needs": (
        ArgumentError, lambda: DataLoader(rows(), multiprocessing_context="spawn"),
    ),
    "multiprocessing_context must": (
        ArgumentError, lambda: DataLoader(rows(), num_workers=1, multiprocessing_context="no"),
    ),
    "generator must": (ArgumentError, lambda: DataLoader(rows(), generator=3)),  # type: ignore[arg-type]
    "shuffle has no meaning": (ArgumentError, lambda: DataLoader(Count(3), shuffle=True)),
    "sampler has no meaning": (ArgumentError, lambda: DataLoader(Count(3), sampler=[1])),
    "batch_sampler has no": (ArgumentError, lambda: DataLoader(Count(3), batch_sampler=[[1]])),
    "num_samples must": (ArgumentError, lambda: RandomSampler([])),
    "replacement must": (ArgumentError, lambda: RandomSampler([1], replacement=1)),  # type: ignore[arg-type]
    "weights must": (ShapeError, lambda: WeightedRandomSampler([[1.0]], 1)),
    "BatchSampler: drop_last": (ArgumentError, lambda: BatchSampler([1], 2, 1)),  # type: ignore[arg-type]
    r"tensors\[1\] has shape": (ShapeError, lambda: TensorDataset(tg.ones(2), tg.ones(3))),
    "one or more tensors": (ShapeError, lambda: TensorDataset()),
    "equal lengths": (ArgumentError, lambda: StackDataset([1], [1, 2])),
    "either by position": (ArgumentError, lambda: StackDataset([1], a=[1])),
    "no positions": (ArgumentError, lambda: ConcatDataset([Count(2)])),
    "one or more datasets": (ArgumentError, lambda: ConcatDataset([])),
    "must be an IterableDataset": (ArgumentError, lambda: ChainDataset([[1]])),
    "must add up": (ArgumentError, lambda: random_split(range(4), [1, 2])),
    "between 0 and 1": (ArgumentError, lambda: random_split(range(4), [-0.5, 1.5])),
    "whole number": (ArgumentError, lambda: random_split(range(4), [1.5, 2.5])),
    "one or more samples": (ArgumentError, lambda: default_collate([])),
    "sequences of a batch": (ArgumentError, lambda: default_collate([[1], [1, 2]])),
    "equal shapes": (ShapeError, lambda: default_collate([tg.ones(1), tg.ones(2)])),
    "got object": (TypeError, lambda: default_collate([object()])),
    "dtype object": (TypeError, lambda: default_collate([np.array([None])])),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_meaning_is_refused(words: str) -> None:
    kind, call = REFUSED[words]
    with pytest.raises(kind, match=words):
        call()


def test_a_loader_keeps_what_it_was_made_of() -> None:
    loader = DataLoader(rows(), 2)
    with pytest.raises(ArgumentError, match="batch_size cannot be changed"):
        loader.batch_size = 3
    assert loader.batch_size == 2


def test_a_subset_with_half_of_the_methods_is_refused() -> None:
    class Half(Subset[Any]):
        def __getitem__(self, index: Any) -> Any:
            return 0

    with pytest.raises(ArgumentError, match="must define __getitems__"):
        Half(rows(), [1])


def test_a_stream_longer_than_it_said_warns() -> None:
    class Liar(Count):
        def __len__(self) -> int:
            return 2

    loader = DataLoader(Liar(4), 1)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="more batches than the 2 samples of its length"):
        list(loader)


def test_a_loader_can_be_copied_with_its_place() -> None:
    loader = DataLoader(rows(), 3, shuffle=True, generator=tg.Generator().manual_seed(2))
    running = iter(loader)
    next(running)
    rest = batches(running)
    loader.load_state_dict(loader.state_dict())
    copied = pickle.loads(pickle.dumps(loader))
    assert batches(copied) == batches(loader) != rest


def test_fewer_batches_than_workers() -> None:
    assert batches(DataLoader([1, 2], 2, num_workers=3)) == [[1, 2]]
    assert batches(DataLoader([1], 2, num_workers=2, drop_last=True)) == []
    assert no_children()


def odd_only(batch: Any) -> Any:
    return tg.tensor([x for x in batch if x % 2]), described(batch)


def described(batch: Any) -> Any:
    return {"text": [str(x) for x in batch], "none": None}


def test_batches_of_any_kind_come_back_from_workers() -> None:
    found = list(DataLoader(range(4), 3, collate_fn=odd_only, num_workers=1))
    assert plain(found) == [
        [[1], {"text": ["0", "1", "2"], "none": None}],
        [[3], {"text": ["3"], "none": None}],
    ]


def recorded(batch: Any) -> Any:
    return tg.ones(2, requires_grad=True) * len(batch)


def test_a_batch_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Caught GraphError .* only leaves can be pickled"):
        list(DataLoader(range(4), 2, collate_fn=recorded, num_workers=1))


def fail(worker: int) -> None:
    raise ValueError(f"no worker {worker}")


def test_a_failing_worker_init_fn_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"(?s)worker process 0.*no worker 0"):
        list(DataLoader(range(4), 2, num_workers=1, worker_init_fn=fail))
