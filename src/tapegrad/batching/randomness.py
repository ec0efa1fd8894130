"""Random numbers inside of mappings: refused, the same for all examples, or drawn for each."""

from __future__ import annotations

from typing import Any

from ..errors import GraphError
from .array import BatchArray, Level, levels


class _Drawing:
    """A generator that draws for every example.

    It answers what NumPy's methods answer for the shape of one example, with the numbers of all of them:
    an array with a hidden dimension for each level.
    """

    def __init__(self, stream: Any, over: tuple[Level, ...]) -> None:
        self.stream = stream
        self.over = over

    @property
    def bit_generator(self) -> Any:
        return self.stream.bit_generator

    def _batched(self, array: Any) -> Any:
        for level in self.over:
            array = BatchArray(array, level)
        return array

    def _size(self, size: Any) -> tuple[int, ...]:
        size = (size,) if isinstance(size, int) else tuple(() if size is None else size)
        return (*(level.size for level in reversed(self.over)), *size)

    def random(self, size: Any = None, dtype: Any = "f8") -> Any:
        return self._batched(self.stream.random(self._size(size), dtype=dtype))

    def standard_normal(self, size: Any = None, dtype: Any = "f8") -> Any:
        return self._batched(self.stream.standard_normal(self._size(size), dtype=dtype))

    def standard_exponential(self, size: Any = None, dtype: Any = "f8") -> Any:
        return self._batched(self.stream.standard_exponential(self._size(size), dtype=dtype))

    def standard_cauchy(self, size: Any = None) -> Any:
        return self._batched(self.stream.standard_cauchy(self._size(size)))

    def geometric(self, p: Any, size: Any = None) -> Any:
        return self._batched(self.stream.geometric(p, self._size(size)))

    def integers(self, low: Any, high: Any, size: Any = None, dtype: Any = "i8") -> Any:
        return self._batched(self.stream.integers(low, high, self._size(size), dtype=dtype))

    def permutation(self, n: int) -> Any:
        return self._batched(self.stream.random(self._size(n)).argsort(axis=-1))


def drawing(stream: Any) -> Any:
    """What random numbers are drawn from where some mappings are running.

    Args:
        stream: NumPy's generator.

    Raises:
        GraphError: if the innermost mapping does not allow random numbers.
    """
    running = levels.get()
    if running[-1].randomness == "error":
        raise GraphError(
            "vmap: a random operation was called inside of vmap with randomness='error'; pass "
            "randomness='different' for other numbers in every example, or 'same' for the same ones"
        )
    over = tuple(level for level in running if level.randomness == "different")
    return _Drawing(stream, over) if over else stream
