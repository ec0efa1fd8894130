"""One epoch of a loader: in blocks, batch by batch, or with workers."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from operator import length_hint
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import TapegradError
from .columns import BLOCK, Columns
from .fetching import MapFetcher, StreamFetcher
from .sampler import as_positions
from .workers import Ended, Failure, Pool

if TYPE_CHECKING:
    from .dataloader import DataLoader


class Begun(NamedTuple):
    """What an epoch began with.

    Attributes:
        generators: states of the generators, before anything was drawn.
        samplers: states of the samplers that have one.
        base_seed: of the workers.
    """

    generators: list[list[int]]
    samplers: list[Any]
    base_seed: int


class Iteration:
    """An epoch under way: an iterator that knows how many batches it has given.

    The loader refers to it weakly, so that leaving a loop early ends workers and closes streams; where
    it was is then left with the loader.
    """

    def __init__(self, loader: DataLoader[Any], begun: Begun) -> None:
        self.loader = loader
        self.begun = begun
        self.finished = False
        self.given = 0
        loader._started += 1
        self.number = loader._started

    def start(self) -> Iterator[Any]:
        """The batches that are left."""
        return self

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def place(self) -> Any:
        """Where in the epoch it is."""
        return {"position": self.given}

    def whereabouts(self) -> tuple[Begun, Any]:
        """What `state_dict` needs: how the epoch began, where it is; None for at its end."""
        return self.begun, None if self.finished else self.place()

    def __del__(self) -> None:
        with suppress(Exception):  # at the end of the interpreter anything may be gone
            if self.number == self.loader._started:
                self.loader._left = self.whereabouts()

    def _end(self) -> StopIteration:
        self.finished = True
        return StopIteration()

    def _count(self) -> None:
        self.given += 1
        loader = self.loader
        if loader._stream and loader._length is not None and self.given == loader._length + 1:
            advice = "; split it among the workers by get_worker_info" if loader.num_workers else ""
            warnings.warn(
                f"DataLoader: {type(loader.dataset).__name__} gives more batches than the "
                f"{loader._length} samples of its length{advice}",
                stacklevel=3,
            )


class InBlocks(Iteration):
    """Batches of a dataset in memory: gathered a few at a time, then cut.

    The batches of a block are views of one new array, of bytes that no other batch has. They come from
    a generator, which costs 0.2 us less per batch than `__next__`.
    """

    plan: tuple[Columns, Any, int, int]
    cut: Iterator[Any] = iter(())  # batches of the block, as far as they have not been given

    @classmethod
    def of(
        cls, loader: DataLoader[Any], begun: Begun, place: Any, order: Any, size: int, count: int
    ) -> InBlocks | None:
        """The iteration, or None if the dataset cannot be read so."""
        columns = MapFetcher(loader.dataset, loader.collate_fn, True).columns
        if columns is None or not (isinstance(order, range) or order.dtype.kind == "i"):
            return None
        if place is not None and place.get("done"):
            return None
        if isinstance(order, range) and order.stop > len(loader.dataset):
            order = as_positions(order)  # a slice would end early, where rows must be refused
        self = cls(loader, begun)
        self.given = 0 if place is None else place["position"]
        self.plan = columns, order, size, count
        return self

    def start(self) -> Iterator[Any]:
        """The batches that are left."""
        columns, order, size, count = self.plan
        given = self.given
        full = min(count, len(order) // size)
        some = max(1, BLOCK // (size * columns.bytes))
        while given < full:
            k = min(some, full - given)
            arrays = columns.read(order[given * size : (given + k) * size])
            cut = [_entries(array.reshape(k, size, *array.shape[1:])) for array in arrays]
            given += k
            self.given, self.cut = given, cut[0]
            yield from columns.each(cut)
        if given < count:
            self.given, self.cut = count, iter(())
            yield columns.build(columns.read(order[given * size :]))
        self.finished = True

    def place(self) -> Any:
        """Where in the epoch it is: a block is counted when it is gathered, what is left of it not."""
        return {"position": self.given - length_hint(self.cut)}


def _entries(array: Any) -> Iterator[Any]:
    """Views of the entries of the first dimension; arrays of devices do not like to be iterated."""
    if isinstance(array, np.ndarray):
        return iter(array)
    return iter([array[i] for i in range(len(array))])


class InProcess(Iteration):
    """Batches read one by one, in this process.

    Args:
        batches: of positions; None for a stream.
    """

    def __init__(
        self, loader: DataLoader[Any], begun: Begun, place: Any, batches: Iterator[Any] | None
    ) -> None:
        place = place or {"position": 0}
        self.position = place["position"]
        self.done = set(place.get("done", ()))  # batches given before earlier ones, by workers
        self.batches = None if batches is None else enumerate(batches)
        self.fetcher: Any
        if self.batches is None:
            self.fetcher = StreamFetcher(
                loader.dataset, loader.collate_fn, loader.batch_size, loader.drop_last,
                self.position, place.get("dataset"),
            )  # fmt: skip
        else:
            skip(self.batches, self.position)
            self.fetcher = MapFetcher(loader.dataset, loader.collate_fn, loader._batched)
        super().__init__(loader, begun)
        self.given = self.position + len(self.done)

    def __next__(self) -> Any:
        batch = self._of_stream() if self.batches is None else self._at_positions()
        self._count()
        return batch

    def _of_stream(self) -> Any:
        try:
            batch = self.fetcher.fetch()
        except StopIteration:
            raise self._end() from None
        self.position += 1
        return batch

    def _at_positions(self) -> Any:
        assert self.batches is not None
        for index, where in self.batches:
            self.position = index + 1
            if index not in self.done:
                return self.fetcher.fetch(where)
        raise self._end()

    def place(self) -> Any:
        """How many batches were given, and the state of a stream that has one."""
        if self.batches is not None:
            later = sorted(index for index in self.done if index >= self.position)
            return {"position": self.position, "done": later}
        state = self.fetcher.state()
        return {"position": self.position, "dataset": copy.deepcopy(state)}


def skip(batches: Iterator[Any], count: int) -> None:
    """Throw away the first batches of positions."""
    for _ in islice(batches, count):
        pass


class WithWorkers(Iteration):
    """Batches read ahead by worker processes.

    Batches of positions go to the workers in turn, those of streams come from them in turn, so that
    the order does not depend on who is fast, unless `in_order` is false.

    Args:
        pool: the workers.
        batches: of positions; None for streams.
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        pool: Pool,
        begun: Begun,
        place: Any,
        batches: Iterator[Any] | None,
    ) -> None:
        self.pool = pool
        super().__init__(loader, begun)
        self.batches = None if batches is None else enumerate(batches)
        pool.epoch += 1
        self.epoch = pool.epoch
        workers = range(loader.num_workers)
        place = place or {}
        self.counts: list[int] = list(place.get("counts", [0] * len(workers)))
        self.states: list[Any] = list(place.get("states", [None] * len(workers)))
        self.live = [n for n in workers if n not in place.get("ended", ())]
        self.turn = place.get("turn", 0)  # of the next batch of a stream; a worker's number
        self.done = set(place.get("done", ()))  # batches given before earlier ones
        self.first = place.get("position", 0)  # of the batches not given yet
        self.given = sum(self.counts) if batches is None else self.first + len(self.done)
        self.owed: list[list[int]] = [[] for _ in workers]
        try:
            self._fill()
        except BaseException:
            pool.close()
            raise

    def _fill(self) -> None:
        """Begin the epoch in the workers and give them their first tasks."""
        if self.batches is not None:
            skip(self.batches, self.first)
        for n, (count, state) in enumerate(zip(self.counts, self.states, strict=True)):
            self.pool.tell(n, ("epoch", self.epoch, self.begun.base_seed, count, state))
        for _ in range(self.loader.prefetch_factor or 1):
            for n in self.live:
                self._give_out(n)

    def _give_out(self, number: int) -> None:
        """A task for a worker, if there is one."""
        if self.batches is None:
            self.owed[number].append(0)
            self.pool.tell(number, ("fetch", self.epoch, 0, None))
            return
        for index, where in self.batches:
            if index in self.done:
                continue
            self.owed[number].append(index)
            self.pool.tell(number, ("fetch", self.epoch, index, where))
            return

    def _source(self) -> list[int]:
        """Workers of whom the next batch may come."""
        owing = [n for n in self.live if self.owed[n]]
        if not self.loader.in_order:
            return owing
        if self.batches is None:
            return [n for n in owing if n >= self.turn][:1] or owing[:1]
        return [min(owing, key=lambda n: self.owed[n][0])] if owing else []

    def __next__(self) -> Any:
        if self.finished:
            raise StopIteration
        if self.pool.epoch != self.epoch:
            raise TapegradError(
                "DataLoader: another iteration has begun over the same persistent workers; use a loader "
                "for each, or persistent_workers=False"
            )
        try:
            result = self._next()
        except StopIteration:
            self.finished = True
            if not self.loader.persistent_workers:
                self.pool.close()
            raise
        except BaseException:  # a worker has died, or a message was interrupted
            self.finished = True
            self.pool.close()
            raise
        if isinstance(result, Failure):
            result.raise_here()
        self._count()
        return result

    def _next(self) -> Any:
        while source := self._source():
            number, index, result, state = self.pool.ask(source)
            self.owed[number].remove(index)
            if isinstance(result, Ended):
                self.live.remove(number)
                continue
            self._give_out(number)
            if self.batches is None:
                self.turn = number + 1
                self.counts[number] += 1
                self.states[number] = state
            else:
                self.done.add(index)
                while self.first in self.done:
                    self.done.remove(self.first)
                    self.first += 1
            return result
        raise StopIteration

    def place(self) -> Any:
        """Batches given, by the sampler's count or of each worker's stream."""
        if self.batches is not None:
            return {"position": self.first, "done": sorted(self.done)}
        ended = [n for n in range(len(self.counts)) if n not in self.live]
        states = copy.deepcopy(self.states)
        return {"counts": list(self.counts), "states": states, "ended": ended, "turn": self.turn}

    def __del__(self) -> None:
        super().__del__()
        with suppress(Exception):
            if not self.loader.persistent_workers:
                self.pool.close()
