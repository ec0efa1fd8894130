"""Random numbers inside of mappings: refused, the same for all examples, or drawn for each."""

from __future__ import annotations

from typing import Any

from ..device import innermost
from ..errors import GraphError
from .array import BatchArray, Level, levels, levels_of, lift_all


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
        return (*(level.size for level in self.over), *size)

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

    def _by(self, method: str, parameter: Any) -> Any:
        """Numbers of a distribution with a parameter, which may differ between the examples."""
        if not set(self.over).issuperset(levels_of(parameter)):
            raise GraphError(
                "vmap: a batched parameter of a distribution needs randomness='different' in every mapping "
                "that it is batched by"
            )
        full = innermost(lift_all(parameter, self.over))
        return self._batched(getattr(self.stream, method)(full))

    def poisson(self, lam: Any) -> Any:
        return self._by("poisson", lam)

    def standard_gamma(self, shape: Any) -> Any:
        return self._by("standard_gamma", shape)

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
