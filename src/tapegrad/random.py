"""Random numbers: one default generator, explicit ones everywhere else.

Numbers are drawn on the host by NumPy's PCG64 and copied to the device, so that the same seed gives
the same numbers on every device.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .batching import drawing, levels
from .device import device as Device
from .errors import ArgumentError, DtypeError
from .tensor import Tensor, wrap


class Generator:
    """A stream of random numbers of its own.

    Args:
        device: accepted for PyTorch's sake; numbers are drawn on the host and copied.

    Example:
        >>> import tapegrad as tg
        >>> g = tg.Generator().manual_seed(0)
        >>> h = tg.Generator().manual_seed(0)
        >>> tg.equal(tg.rand(3, generator=g), tg.rand(3, generator=h))
        True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = Device(device)
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to a seed; returns the generator.

        Args:
            seed: any int; negative ones count from 2**64.
        """
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise ArgumentError(f"manual_seed: seed must be an int, got {type(seed).__name__}")
        self._seed = int(seed)
        self._stream: np.random.Generator | None = None
        return self

    @property
    def numpy(self) -> np.random.Generator:
        """The NumPy generator behind the stream, made when first drawn from.

        So that importing tapegrad does not load `numpy.random`: 10 ms.
        """
        if self._stream is None:
            self._stream = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self._stream

    def seed(self) -> int:
        """Start a stream by a seed from the operating system; returns the seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed the stream was started with."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state of the stream, a uint64 tensor of six numbers."""
        state = self.numpy.bit_generator.state
        words = state["state"]
        parts = [words["state"], words["state"] >> 64, words["inc"], words["inc"] >> 64]
        parts += [state["has_uint32"], state["uinteger"]]
        return wrap(np.array([part % 2**64 for part in parts], dtype=np.uint64))

    def set_state(self, new_state: Tensor) -> None:
        """Go to a state that `get_state` returned.

        Args:
            new_state: uint64 tensor of six numbers.

        Raises:
            ArgumentError: for anything else.
        """
        if new_state.shape != (6,) or new_state.dtype != np.uint64:
            raise ArgumentError(
                f"set_state: expected a uint64 tensor of shape (6,) from get_state, got "
                f"{new_state.dtype} {new_state.shape}"
            )
        parts = [int(part) for part in new_state.tolist()]
        self.numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": parts[0] | parts[1] << 64, "inc": parts[2] | parts[3] << 64},
            "has_uint32": parts[4],
            "uinteger": parts[5],
        }


default_generator = Generator()
default_generator.seed()


def numpy_generator(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator behind ours, the default one for None."""
    if levels.get():
        stream = default_generator.numpy if generator is None else _numpy_of(generator)
        return drawing(stream)  # type: ignore[no-any-return]
    if generator is None:
        return default_generator.numpy
    return _numpy_of(generator)


def _numpy_of(generator: Generator) -> np.random.Generator:
    if not isinstance(generator, Generator):
        raise DtypeError(
            f"generator: must be a tapegrad.Generator or None, got {type(generator).__name__}"
        )
    return generator.numpy


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; the same seed gives the same bits.

    Args:
        seed: any int.

    Returns:
        The default generator.

    Example:
        >>> import tapegrad as tg
        >>> _ = tg.manual_seed(0)
        >>> a = tg.rand(2)
        >>> _ = tg.manual_seed(0)
        >>> tg.equal(a, tg.rand(2))
        True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed.

    Example:
        >>> import tapegrad as tg
        >>> tg.seed() == tg.initial_seed()
        True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the default generator.

    Example:
        >>> import tapegrad as tg
        >>> _ = tg.manual_seed(3)
        >>> tg.initial_seed()
        3
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator, a uint64 tensor of six numbers.

    Example:
        >>> import tapegrad as tg
        >>> tg.get_rng_state().shape
        (6,)
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Put the default generator into a state that `get_rng_state` returned.

    Args:
        new_state: uint64 tensor of six numbers.

    Example:
        >>> import tapegrad as tg
        >>> state = tg.get_rng_state()
        >>> first = tg.rand(2)
        >>> tg.set_rng_state(state)
        >>> tg.equal(tg.rand(2), first)
        True
    """
    default_generator.set_state(new_state)
