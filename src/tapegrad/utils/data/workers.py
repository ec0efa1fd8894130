"""Worker processes: each has a pipe of its own, its tasks come in and its batches go out by it.

No queue, lock or thread is shared, so that a worker that dies takes nothing along. A worker ends when
its pipe is closed, when it is told to, and when its parent is gone; Ctrl-C is the parent's affair.
"""

from __future__ import annotations

import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from typing import Any, NamedTuple

import numpy as np

from ...errors import TapegradError
from ...kernels.parallel import set_num_threads
from ...random import manual_seed
from .fetching import MapFetcher, StreamFetcher

_MASKS = hasattr(signal, "pthread_sigmask")  # POSIX
GRACE = 1.0  # seconds that a worker has to end by itself, and again after SIGTERM


class WorkerInfo(NamedTuple):
    """What a worker knows about itself.

    Attributes:
        id: number of the worker, from 0.
        num_workers: how many there are.
        seed: that of the epoch plus `id`; random numbers of the worker begin with it.
        dataset: the worker's copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None
_ends: weakref.WeakSet[Any] = weakref.WeakSet()  # of pipes, in the main process


def get_worker_info() -> WorkerInfo | None:
    """What this worker process knows about itself; None in the main process.

    Example:
        >>> from tapegrad.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return _info


class Job(NamedTuple):
    """All that a worker needs to know; it is pickled where processes are spawned."""

    dataset: Any
    stream: bool
    collate_fn: Callable[[Any], Any]
    batch_size: int | None
    drop_last: bool
    batched: bool
    worker_init_fn: Callable[[int], Any] | None
    num_workers: int


class Failure(NamedTuple):
    """An exception of a worker."""

    kind: type[BaseException]
    text: str  # with the worker's traceback

    def raise_here(self) -> None:
        """Raise an exception of the same type, or a RuntimeError if the type wants other arguments."""
        text: str = _Verbatim(self.text) if issubclass(self.kind, KeyError) else self.text
        try:
            error = self.kind(text)
        except Exception:
            error = RuntimeError(text)
        raise error from None


class _Verbatim(str):
    """Text that KeyError shows with its line breaks."""

    def __repr__(self) -> str:
        return str(self)


class Ended(NamedTuple):
    """A worker's stream has no more batches."""


def _failure(number: int, error: BaseException) -> Failure:
    kind = type(error)
    try:
        pickle.loads(pickle.dumps(kind))
    except Exception:
        kind = RuntimeError  # a class that only the worker knows
    lines = "".join(traceback.format_exception(error))
    name = type(error).__name__
    return Failure(kind, f"Caught {name} in DataLoader worker process {number}.\nOriginal {lines}")


# -- messages: a pickle, and the memory of its arrays beside it ------------------------------------


def send(pipe: Any, message: Any) -> None:
    """Send a message; arrays are not copied into the pickle."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    pipe.send_bytes(pickle.dumps([view.nbytes for view in views]))
    pipe.send_bytes(head)
    for view in views:
        if view.nbytes:
            pipe.send_bytes(view)


def receive(pipe: Any) -> Any:
    """Receive a message; its arrays are writable and nobody else's."""
    sizes = pickle.loads(pipe.recv_bytes())
    head = pipe.recv_bytes()
    buffers = [np.empty(size, dtype=np.uint8) for size in sizes]
    for buffer in buffers:
        if buffer.nbytes:
            pipe.recv_bytes_into(buffer.data)
    return pickle.loads(head, buffers=buffers)


# -- in the worker ---------------------------------------------------------------------------------


def seed_all(*entropy: int) -> None:
    """Seed tapegrad, `random` and NumPy's old generator, by independent numbers."""
    words = np.random.SeedSequence(entropy).generate_state(6)
    random.seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(words[2:])


def work(number: int, pipe: Any, job: Job, base_seed: int) -> None:
    """Body of a worker process."""
    global _info
    for end in list(_ends):
        end.close()  # a forked worker that kept them open would not notice that the parent closes them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    set_num_threads(1)
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    broken: Failure | None = None

    def begin(seed: int) -> None:
        global _info
        _info = WorkerInfo(number, job.num_workers, seed + number, job.dataset)
        manual_seed(_info.seed)
        seed_all(_info.seed)

    begin(base_seed)
    try:
        if job.worker_init_fn is not None:
            job.worker_init_fn(number)
    except Exception as error:
        broken = _failure(number, error)
    fetcher: Any = None
    failed: Failure | None = broken
    epoch = 0
    first = True
    while (task := tasks.get()) is not None:
        if task[0] == "epoch":
            _, epoch, base_seed, skip, state = task
            if not first:
                begin(base_seed)
            first, failed = False, broken
            try:
                fetcher = failed or _fetcher(job, skip, state)
            except Exception as error:
                failed = _failure(number, error)
            continue
        _, epoch, index, where = task
        result, state = failed, None
        if result is None:
            try:
                result, state = _one(job, fetcher, base_seed, index, where)
            except Exception as error:
                result = _failure(number, error)
        try:
            send(pipe, (epoch, index, result, state))
        except OSError:
            return  # the parent has closed the pipe
        except Exception as error:  # a batch that cannot be pickled
            send(pipe, (epoch, index, _failure(number, error), None))


def _listen(pipe: Any, tasks: queue.SimpleQueue[Any]) -> None:
    """Take tasks at once, so that the parent never waits; end the process if the parent is gone."""
    parent = parent_process()
    pid = os.getppid()
    watched = [pipe] if parent is None else [pipe, parent.sentinel]
    while True:
        ready = connection.wait(watched, timeout=5)
        if pipe not in ready:
            if ready or os.getppid() != pid:
                os._exit(1)
            continue
        try:
            task = receive(pipe)
        except (EOFError, OSError):
            task = None
        tasks.put(task)
        if task is None:
            return


def _fetcher(job: Job, skip: int, state: Any) -> Any:
    if job.stream:
        return StreamFetcher(
            job.dataset, job.collate_fn, job.batch_size, job.drop_last, skip, state
        )
    return MapFetcher(job.dataset, job.collate_fn, job.batched)


def _one(job: Job, fetcher: Any, base_seed: int, index: int, where: Any) -> tuple[Any, Any]:
    if not job.stream:
        # by the batch, not by the worker: a resumed epoch draws what the whole one would have drawn
        words = np.random.SeedSequence((base_seed, index)).generate_state(1, np.uint64)
        manual_seed(int(words[0]))
        seed_all(base_seed, index)
        return fetcher.fetch(where), None
    try:
        return fetcher.fetch(), fetcher.state()
    except StopIteration:
        return Ended(), None


# -- in the main process ---------------------------------------------------------------------------


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back: a worker begins so, and ignores it before it could be hit by it."""
    if not _MASKS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Pool:
    """The workers of a loader, seen from the main process.

    Args:
        context: of `multiprocessing`.
        job: what they do.
        base_seed: of the first epoch.
        timeout: seconds to wait for a batch; 0 for ever.
    """

    def __init__(self, context: Any, job: Job, base_seed: int, timeout: float) -> None:
        self.timeout = timeout
        self.epoch = 0
        self.processes: list[Any] = []
        self.pipes: list[Any] = []
        self.close = weakref.finalize(self, _close, self.processes, self.pipes, os.getpid())
        for number in range(job.num_workers):
            ours, theirs = context.Pipe()
            _ends.add(ours)
            process = context.Process(
                target=work, args=(number, theirs, job, base_seed), daemon=True,
                name=f"DataLoader worker {number}",
            )  # fmt: skip
            self.pipes.append(ours)
            try:
                with _without_interrupts():
                    process.start()
            except BaseException:
                self.close()
                raise
            finally:
                theirs.close()
            self.processes.append(process)

    def healthy(self) -> bool:
        """Whether all workers are there."""
        return self.close.alive and all(process.is_alive() for process in self.processes)

    def tell(self, number: int, task: tuple[Any, ...]) -> None:
        """Give a worker a task."""
        try:
            send(self.pipes[number], task)
        except OSError:
            self._dead(number)

    def ask(self, numbers: Sequence[int]) -> tuple[int, int, Any, Any]:
        """Wait for a result of the running epoch: worker, number of the batch, batch, state.

        Args:
            numbers: workers that owe one.

        Raises:
            TapegradError: if it takes longer than the timeout, or a worker has died.
        """
        until = time.monotonic() + self.timeout if self.timeout else None
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            owing = {self.pipes[n]: n for n in numbers}
            watched = [*owing, *(self.processes[n].sentinel for n in numbers)]
            ready = connection.wait(watched, left)
            found = [owing[pipe] for pipe in ready if pipe in owing]
            if not ready:
                raise TapegradError(
                    f"DataLoader: timed out, no batch within timeout={self.timeout} seconds; the "
                    f"dataset or the collate_fn takes longer, or hangs"
                )
            if not found:
                self._dead(next(n for n in numbers if self.processes[n].sentinel in ready))
            try:
                epoch, index, result, state = receive(self.pipes[found[0]])
            except (EOFError, OSError):
                self._dead(found[0])
            if epoch == self.epoch:  # else it belongs to an iteration that was given up
                return found[0], index, result, state

    def _dead(self, number: int) -> None:
        process = self.processes[number]
        process.join(GRACE)
        raise TapegradError(
            f"DataLoader: worker {number} (pid {process.pid}) exited unexpectedly with exit code "
            f"{process.exitcode}; num_workers=0 shows what it does"
        )


def _close(processes: list[Any], pipes: list[Any], owner: int) -> None:
    """End all workers: they are asked, then terminated, then killed."""
    if os.getpid() != owner:
        return  # a forked copy of the parent has no say
    for pipe in pipes:
        pipe.close()
    for signalled in (None, "terminate", "kill"):
        until = time.monotonic() + GRACE
        for process in processes:
            if signalled and process.is_alive():
                getattr(process, signalled)()
        for process in processes:
            process.join(max(0.0, until - time.monotonic()))
    for process in processes:
        if process.exitcode is not None:
            process.close()
    processes.clear()
    pipes.clear()
