"""From positions to batches, in the main process and in workers alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from .collate import default_collate
from .columns import Columns, columns_of
from .sampler import as_positions


class MapFetcher:
    """Batches of a dataset with positions.

    Args:
        dataset: maps positions to samples.
        collate_fn: makes a batch of samples.
        batched: whether positions come in batches.
    """

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], batched: bool) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.batched = batched
        self.columns: Columns | None = None
        if batched and collate_fn is default_collate:
            self.columns = columns_of(dataset)

    def fetch(self, where: Any) -> Any:
        """The batch at some positions, or the sample at one."""
        if not self.batched:
            return self.collate_fn(self.dataset[where])
        if self.columns is not None:
            rows = as_positions(where)
            if rows.dtype.kind == "i":
                return self.columns.build(self.columns.read(rows))
        where = where.tolist() if isinstance(where, np.ndarray) else list(where)
        if getattr(self.dataset, "__getitems__", None):
            return self.collate_fn(self.dataset.__getitems__(where))
        return self.collate_fn([self.dataset[i] for i in where])


class StreamFetcher:
    """Batches of a stream.

    Args:
        dataset: an iterable of samples.
        collate_fn: makes a batch of samples.
        batch_size: samples of a batch; None for samples as they are.
        drop_last: leave out a last batch that is smaller.
        skip: batches to read and throw away.
        state: of the dataset or its iterator, loaded instead of skipping.
    """

    def __init__(
        self, dataset: Any, collate_fn: Callable[[Any], Any], batch_size: int | None, drop_last: bool,
        skip: int = 0, state: Any = None,
    ) -> None:  # fmt: skip
        self.collate_fn = collate_fn
        self.batch_size = batch_size
        self.drop_last = drop_last
        own = state is not None and hasattr(dataset, "load_state_dict")
        if own:
            dataset.load_state_dict(state["of"])
        self.ended = state is not None and state["ended"]
        self.samples: Iterator[Any] = iter(()) if self.ended else iter(dataset)
        self.holder = self.samples if hasattr(self.samples, "state_dict") else dataset
        if state is None:
            for _ in islice(self.samples, skip * (batch_size or 1)):
                pass
        elif not own and not self.ended:
            self.samples.load_state_dict(state["of"])  # type: ignore[attr-defined]

    def fetch(self) -> Any:
        """The next batch; StopIteration after the last."""
        if self.ended:
            raise StopIteration
        if self.batch_size is None:
            return self.collate_fn(next(self.samples))
        batch = list(islice(self.samples, self.batch_size))
        self.ended = len(batch) < self.batch_size
        if not batch or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate_fn(batch)

    def state(self) -> Any:
        """Where the stream is, if it can tell; one that has ended may have begun again."""
        if callable(getattr(self.holder, "state_dict", None)):
            return {"of": self.holder.state_dict(), "ended": self.ended}
        return None
