"""Turning the samples of the table into calls on tensors of any device, dtype and layout."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import samples
import tapegrad as tg
from tapegrad.tensor import Tensor, to_host


def rng_of(row: samples.Row) -> np.random.Generator:
    """The same numbers for one row in every test and every process."""
    return np.random.default_rng(zlib.crc32(row.name.encode()))


def samples_of(row: samples.Row) -> list[samples.Sample]:
    """The smooth samples of a row."""
    return row.samples(rng_of(row))


def edges_of(row: samples.Row) -> list[samples.Sample]:
    """The samples at kinks and ends of the domain."""
    return row.edges(rng_of(row))


def mapped(value: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """The value with every array in it changed."""
    if isinstance(value, (np.ndarray, np.generic)):
        return change(np.asarray(value))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(mapped(v, change) for v in value)
    if isinstance(value, list):
        return [mapped(v, change) for v in value]
    if isinstance(value, dict):
        return {key: mapped(v, change) for key, v in value.items()}
    return value


def is_varied(array: Any) -> bool:
    """Whether an array of a sample is one that is differentiated."""
    return isinstance(array, (np.ndarray, np.inexact)) and array.dtype in ("float64", "complex128")


def lowered(array: np.ndarray, dtype: str) -> np.ndarray:
    """The array in a floating dtype, or in the complex one of its precision."""
    return array.astype(np.result_type(dtype, np.complex64) if array.dtype.kind == "c" else dtype)


def varied(sample: samples.Sample) -> list[np.ndarray]:
    """The differentiable arrays of a sample, in the order of its arguments."""
    found: list[np.ndarray] = []

    def note(array: np.ndarray) -> np.ndarray:
        if is_varied(array):
            found.append(array)
        return array

    mapped(sample.args, note)
    return found


def as_function(
    row: samples.Row, sample: samples.Sample, device: str = "cpu"
) -> Callable[..., Any]:
    """The call as a function of its differentiable tensors only."""

    def function(*inputs: Any) -> Any:
        given = iter(inputs)

        def put(array: np.ndarray) -> Any:
            return next(given) if is_varied(array) else tg.tensor(array, device=device)

        kwargs = mapped(sample.kwargs, lambda a: tg.tensor(a, device=device))
        return row.function(*mapped(sample.args, put), **kwargs)

    return function


def call(row: samples.Row, sample: samples.Sample, make: Callable[[np.ndarray], Any]) -> Any:
    """Call the operation on what `make` makes of the arrays."""
    return row.function(*mapped(sample.args, make), **mapped(sample.kwargs, make))


def expected(row: samples.Row, sample: samples.Sample) -> list[Any]:
    """What the reference answers, as a list."""
    with np.errstate(all="ignore"):
        return listed(row.reference(*sample.args, **sample.kwargs))


def listed(result: Any) -> list[Any]:
    """One output or several, as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def host(tensor: Tensor) -> np.ndarray:
    """Values on the host."""
    return to_host(tensor)


@contextmanager
def about(what: str) -> Iterator[None]:
    """A failure inside says what it is about."""
    try:
        yield
    except BaseException as error:  # pytest's own failures are no Exceptions
        error.add_note(what)
        raise


def over(
    cases: Iterable[tuple[Any, ...]], said: Callable[..., Any] = lambda *case: case
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Make one test of many cases that take less time than a test of their own would; it names all that fail.

    Args:
        cases: arguments of the check, case by case.
        said: what a case is called, from its arguments.
    """

    def decorate(check: Callable[..., None]) -> Callable[[], None]:
        def test() -> None:
            failed = []
            for case in cases:
                with about(f"case {said(*case)}"):
                    try:
                        check(*case)
                    except AssertionError as error:
                        failed.append(f"{said(*case)}: {error}")
            assert not failed, "\n".join(failed)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def label(sample: samples.Sample) -> str:
    """Shapes and plain arguments, for messages."""
    shown = mapped(sample.args, lambda a: f"{a.dtype}{list(a.shape)}")
    return f"{shown} {mapped(sample.kwargs, lambda a: a.shape) or ''}"
