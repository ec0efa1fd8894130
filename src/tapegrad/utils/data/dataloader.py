"""`DataLoader`: batches of a dataset, epoch by epoch, and where it is among them."""

from __future__ import annotations

import multiprocessing
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Generic

from ...errors import ArgumentError, StateDictError
from ...random import Generator, default_generator
from ...tensor import wrap
from .collate import default_collate, default_convert
from .dataset import IterableDataset, T
from .iteration import Begun, InBlocks, InProcess, Iteration, WithWorkers
from .sampler import BatchSampler, RandomSampler, SequentialSampler, batch_count, epoch_order
from .workers import Job, Pool

_FIXED = {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}


class DataLoader(Generic[T]):
    """Batches of a dataset.

    Datasets in memory (`TensorDataset`, tensors, arrays, and `Subset`, `ConcatDataset`, `StackDataset`
    of these) are gathered by whole batches. A batch is always a copy: changing it in place leaves the
    dataset as it is.

    Random numbers come from `generator`, or from a stream of the loader's own, which is seeded from the
    default generator at first and again after each `manual_seed`. What else is drawn between epochs
    does not change the order of the samples.

    Args:
        dataset: positions to samples (`__getitem__`, `__len__`), or an `IterableDataset`.
        batch_size: samples of a batch; None for single samples, as they are.
        shuffle: visit the samples in a new random order in every epoch.
        sampler: order of the positions, instead of `shuffle`.
        batch_sampler: lists of positions, instead of all of `batch_size`, `shuffle`, `sampler`,
            `drop_last`.
        num_workers: processes that read ahead; 0 reads in this one.
        collate_fn: makes a batch of a list of samples; `default_collate` by default, and
            `default_convert` without batches.
        pin_memory: accepted for PyTorch's sake; there is nothing to pin.
        drop_last: leave out a last batch that is smaller.
        timeout: seconds to wait for a worker's batch; 0 for ever.
        worker_init_fn: called in each worker with its number, after seeding.
        multiprocessing_context: of the workers, or its name.
        generator: where random numbers come from.
        prefetch_factor: batches that each worker prepares ahead; 2 by default.
        persistent_workers: keep the workers from one epoch to the next.
        pin_memory_device: accepted for PyTorch's sake.
        in_order: whether workers' batches come in the order of the sampler, or as they are ready.

    Raises:
        ArgumentError: for arguments that have no meaning, or none together.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.utils.data import DataLoader, TensorDataset
        >>> loader = DataLoader(TensorDataset(tg.arange(5), tg.ones(5)), batch_size=2)
        >>> [x.tolist() for x, y in loader]
        [[0, 1], [2, 3], [4]]
        >>> epoch = iter(loader)
        >>> _ = next(epoch)
        >>> state = loader.state_dict()
        >>> again = DataLoader(TensorDataset(tg.arange(5), tg.ones(5)), batch_size=2)
        >>> again.load_state_dict(state)
        >>> [x.tolist() for x, y in again]
        [[2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self._stream = isinstance(dataset, IterableDataset)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_order(self._stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if generator is not None and not isinstance(generator, Generator):
            raise ArgumentError(
                f"DataLoader: generator must be a tapegrad.Generator, got {type(generator).__name__}"
            )
        self._context = _context(multiprocessing_context, num_workers)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None and not self._stream:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = sampler or SequentialSampler(dataset)
        if batch_size is not None and not self._stream:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif batch_size is not None:
            batch_size = BatchSampler(
                (), batch_size, drop_last
            ).batch_size  # refuses what it refuses
        self._batched = batch_size is not None or batch_sampler is not None
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._own = Generator()
        self._own_from: Any = None  # the default generator's stream that seeded it
        self._pool: Pool | None = None
        self._started = 0  # epochs
        self._running: weakref.ref[Iteration] | None = None
        self._left: tuple[Begun, Any] | None = None  # by the last epoch, when it was given up
        self._length: int | None = None  # samples of a stream, if it was asked for
        self._loaded: dict[str, Any] | None = None
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_ready" in self.__dict__:
            raise ArgumentError(
                f"DataLoader: {name} cannot be changed after construction; make a new loader"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if not self._stream:
            return len(self.batch_sampler if self._batched else self.sampler)
        samples = self._length = len(self.dataset)
        if self.batch_size is None:
            return samples
        return batch_count(samples, self.batch_size, self.drop_last)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None, "_running": None, "_own_from": None}  # no processes

    # -- an epoch ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        numbers = self._numbers()
        loaded, self._loaded = self._loaded, None
        generators = self._generators(numbers)
        if loaded is not None:
            for generator, state in zip(generators, loaded["generators"], strict=True):
                _set(generator, state)
            for sampler, state in zip(self._stateful(), loaded["samplers"], strict=True):
                sampler.load_state_dict(state)
        begun = Begun(
            [_get(generator) for generator in generators],
            [sampler.state_dict() for sampler in self._stateful()],
            int(numbers.numpy.integers(2**63 - 2**16)),
        )
        place = None if loaded is None else loaded["place"]
        iteration = self._iteration(numbers, begun, place)
        self._running = weakref.ref(iteration)
        return iteration.start()

    def _iteration(self, numbers: Generator, begun: Begun, place: Any) -> Iteration:
        order, batches = None, None
        if not self._stream:
            source = self.batch_sampler if self._batched else self.sampler
            size = 1
            if self._batched and type(source).__iter__ is BatchSampler.__iter__:
                order = epoch_order(source.sampler, numbers)
                size = source.batch_size
                drop_last = source.drop_last
            elif not self._batched:
                order, drop_last = epoch_order(source, numbers), False
            if order is not None:
                count = batch_count(len(order), size, drop_last)
                batches = _cut(order, size, count) if self._batched else _single(order)
            else:
                batches = iter(source)
        if self.num_workers:
            return WithWorkers(self, self._workers(begun), begun, place, batches)
        if order is not None and self._batched:
            blocks = InBlocks.of(self, begun, place, order, size, count)
            if blocks is not None:
                return blocks
        return InProcess(self, begun, place, batches)

    def _workers(self, begun: Begun) -> Pool:
        if self._pool is not None and self._pool.healthy():
            return self._pool
        job = Job(
            self.dataset, self._stream, self.collate_fn, self.batch_size, self.drop_last,
            self._batched, self.worker_init_fn, self.num_workers,
        )  # fmt: skip
        pool = Pool(self._context or multiprocessing, job, begun.base_seed, self.timeout)
        if self.persistent_workers:
            self._pool = pool
        return pool

    # -- random numbers --------------------------------------------------------------------------------

    def _numbers(self) -> Generator:
        """Where the epoch's random numbers come from."""
        if self.generator is not None:
            return self.generator
        source = default_generator.numpy  # another object after `manual_seed`
        if self._own_from is not source:
            self._own.manual_seed(int(source.integers(2**63)))
            self._own_from = source
        return self._own

    def _generators(self, numbers: Generator) -> list[Generator]:
        """All generators that an epoch draws from."""
        found = [numbers]
        for sampler in self._samplers():
            own = getattr(sampler, "generator", None)
            if isinstance(own, Generator) and all(own is not known for known in found):
                found.append(own)
        return found

    def _samplers(self) -> list[Any]:
        if self._stream:
            return []
        found = [self.batch_sampler] if self._batched else []
        return [*found, getattr(self.batch_sampler, "sampler", None) or self.sampler]

    def _stateful(self) -> list[Any]:
        return [s for s in self._samplers() if callable(getattr(s, "load_state_dict", None))]

    # -- where it is -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: in the epoch that was begun last, or between two.

        Plain lists, ints and dicts, and what the dataset's and the sampler's own `state_dict` return.
        Taken after the last batch of an epoch, before the iterator has ended, it is the end of that
        epoch, of which nothing is left.
        """
        if self._loaded is not None:
            return self._loaded
        running = None if self._running is None else self._running()
        begun, place = self._left or (None, None)
        if running is not None:
            begun, place = running.whereabouts()
        if begun is None or place is None:
            generators = [_get(generator) for generator in self._generators(self._numbers())]
            samplers = [sampler.state_dict() for sampler in self._stateful()]
        else:
            generators, samplers = begun.generators, begun.samplers
        return {
            "version": 1,
            "stream": self._stream,
            "workers": self.num_workers,
            "generators": generators,
            "samplers": samplers,
            "place": place,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to where another loader was: the next epoch is the rest of the one it was in.

        Generators, also the sampler's own, are set when that epoch begins.
        The loader must be made with the same arguments; `num_workers` may differ unless the dataset
        is a stream.

        Args:
            state_dict: from `state_dict`.

        Raises:
            StateDictError: if it is not such a state, or of another kind of loader.
        """
        keys = {"version", "stream", "workers", "generators", "samplers", "place"}
        if not isinstance(state_dict, dict) or not keys <= set(state_dict):
            raise StateDictError(
                f"DataLoader.load_state_dict: expected the result of state_dict, with {sorted(keys)}, "
                f"got {sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict)}"
            )
        if state_dict["version"] != 1:
            raise StateDictError(
                f"DataLoader.load_state_dict: version {state_dict['version']} is not known, expected 1"
            )
        numbers = self._numbers()
        mine: dict[str, Any] = {
            "stream": self._stream,
            "generators": len(self._generators(numbers)),
            "samplers": len(self._stateful()),
        }
        theirs: dict[str, Any] = {
            "stream": state_dict["stream"],
            "generators": len(state_dict["generators"]),
            "samplers": len(state_dict["samplers"]),
        }
        if self._stream and state_dict["place"] is not None:
            mine["workers"], theirs["workers"] = self.num_workers, state_dict["workers"]
        if mine != theirs:
            raise StateDictError(
                f"DataLoader.load_state_dict: the state is of another kind of loader, got {theirs}, "
                f"expected {mine}; make the loader with the same arguments"
            )
        self._loaded = state_dict
        self._running = self._left = None


def _get(generator: Generator) -> list[int]:
    return generator.get_state().tolist()  # type: ignore[no-any-return]


def _set(generator: Generator, state: list[int]) -> None:
    import numpy as np

    generator.set_state(wrap(np.array(state, dtype=np.uint64)))


def _cut(order: Any, size: int, count: int) -> Iterator[Any]:
    return (order[i * size : (i + 1) * size] for i in range(count))


def _single(order: Any) -> Iterator[Any]:
    return iter(order if isinstance(order, range) else order.tolist())


def _check_workers(
    num_workers: Any, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 0:
        raise ArgumentError(
            f"DataLoader: num_workers must be a count, got {num_workers!r}; 0 reads in this process"
        )
    if timeout < 0:
        raise ArgumentError(f"DataLoader: timeout must not be negative, got {timeout}")
    if timeout and not num_workers:
        raise ArgumentError(
            f"DataLoader: timeout needs workers, got timeout={timeout} with num_workers=0"
        )
    if prefetch_factor is not None and not num_workers:
        raise ArgumentError(
            f"DataLoader: prefetch_factor needs workers, got {prefetch_factor} with num_workers=0"
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentError(f"DataLoader: prefetch_factor must be positive, got {prefetch_factor}")
    if persistent_workers and not num_workers:
        raise ArgumentError("DataLoader: persistent_workers needs num_workers > 0, got 0")


def _check_order(
    stream: bool, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if stream and value is not None:
            raise ArgumentError(
                f"DataLoader: {name} has no meaning for an IterableDataset, which has an order of its "
                f"own, got {value!r}"
            )
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: sampler and shuffle exclude each other; leave one out")
    if batch_sampler is not None and (
        batch_size != 1 or shuffle or sampler is not None or drop_last
    ):
        raise ArgumentError(
            "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; leave them "
            "out"
        )
    if batch_size is None and batch_sampler is None and drop_last:
        raise ArgumentError("DataLoader: drop_last needs batches, got batch_size=None")


def _context(context: Any, num_workers: int) -> Any:
    if context is None:
        return None  # asking now would fix the start method of the program
    if not num_workers:
        raise ArgumentError(
            "DataLoader: multiprocessing_context needs workers, got it with num_workers=0"
        )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ArgumentError(
                f"DataLoader: multiprocessing_context must be one of {known}, got {context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            f"DataLoader: multiprocessing_context must be a context of multiprocessing or its name, "
            f"got {type(context).__name__}"
        )
    return context
