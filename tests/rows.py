"""Rows of the table of operations, and makers of their inputs.

A row says how to call an operation, what NumPy or SciPy would answer, and on which inputs. Arrays in a
sample's arguments become tensors; those in float64 or complex128 are differentiable. `samples` stay away from kinks,
so that difference quotients are right; `edges` go there: ties, zeros, NaN, infinities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tapegrad as tg
from tapegrad import errors


class Sample(NamedTuple):
    """Arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}


class Bad(NamedTuple):
    """Arguments that must be refused, the type of the error and a piece of its message."""

    args: tuple[Any, ...]
    error: type[Exception]
    fragment: str
    kwargs: dict[str, Any] = {}


class Row(NamedTuple):
    """One operation.

    Attributes:
        name: its name in tapegrad, and in PyTorch unless `torch` says otherwise.
        function: the operation.
        reference: the same on NumPy arrays.
        samples: makes smooth samples from a random generator.
        edges: makes samples at kinks and ends of the domain.
        method: name of the method form.
        inplace: name of the in-place form.
        numpy: NumPy function that, given a tensor, is this operation.
        torch: path below `torch`, "" where there is no counterpart.
        broadcast: whether two operands broadcast.
        differentiable: whether the result carries a gradient.
        integers: whether integer inputs are accepted.
        torch_gradient: False where PyTorch has no gradient and tapegrad has.
        keeps_nan: True where PyTorch's gradient at NaN is a number and tapegrad's is NaN.
        complex: makes samples with complex arrays, on which the operation is tested a second time; a
            number takes so many of the smooth samples and turns them.
        torch_complex_gradient: False where PyTorch has no gradient for complex values and tapegrad has.
        bad: refused calls.
    """

    name: str
    function: Callable[..., Any]
    reference: Callable[..., Any]
    samples: Callable[[np.random.Generator], list[Sample]]
    edges: Callable[[np.random.Generator], list[Sample]] = lambda rng: []
    method: str | None = None
    inplace: str | None = None
    numpy: Any = None
    torch: str | None = None
    broadcast: bool = False
    differentiable: bool = True
    integers: bool = True
    torch_gradient: bool = True
    keeps_nan: bool = False
    complex: Callable[[np.random.Generator], list[Sample]] | int | None = None
    torch_complex_gradient: bool = True
    bad: tuple[Bad, ...] = ()

    def __repr__(self) -> str:
        return self.name


def in_complex(row: Row) -> Row:
    """The row that tests the same operation on complex samples."""
    make = row.complex
    assert make is not None
    if isinstance(make, int):
        make = turned(some(row.samples, make))
    return row._replace(
        name=f"{row.name} (complex)",
        torch=row.name if row.torch is None else row.torch,
        samples=make,
        edges=lambda rng: [],
        integers=False,
        torch_gradient=row.torch_gradient and row.torch_complex_gradient,
        complex=None,
        bad=(),
    )


def some(
    samples: Callable[[np.random.Generator], list[Sample]], count: int
) -> Callable[[np.random.Generator], list[Sample]]:
    """So many of the samples, from all along their list."""

    def make(rng: np.random.Generator) -> list[Sample]:
        made = samples(rng)
        step = max(len(made) / count, 1)
        return [made[int(i * step)] for i in range(min(count, len(made)))]

    return make


def turned(
    samples: Callable[[np.random.Generator], list[Sample]], every: int = 1
) -> Callable[[np.random.Generator], list[Sample]]:
    """Samples whose float64 arrays are turned in the complex plane, each element by its own angle.

    Args:
        samples: makes the real ones.
        every: 2 turns only every second array, so that real and complex operands meet.
    """

    def make(rng: np.random.Generator) -> list[Sample]:
        count = 0

        def turn(value: Any) -> Any:
            nonlocal count
            if isinstance(value, (np.ndarray, np.float64)) and value.dtype == np.float64:
                count += 1
                if (count - 1) % every:
                    return value
                angle = rng.uniform(0.3, 1.2, value.shape)  # and its like in all four quadrants
                phase = rng.choice([1, -1], value.shape) * np.exp(1j * angle)
                return value * np.where(rng.random(value.shape) < 0.5, phase, phase.conj())
            if isinstance(value, (tuple, list)):
                return type(value)(map(turn, value))
            return value

        return [Sample(tuple(map(turn, s.args)), s.kwargs) for s in samples(rng)]

    return make


S = Sample
NAN, INF = float("nan"), float("inf")


# -- makers of inputs --------------------------------------------------------------------------------


def away(rng: np.random.Generator, *shape: int, low: float = 0.3, high: float = 2.0) -> np.ndarray:
    """Values of both signs with a distance from zero."""
    return rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape)


def positive(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values between 0.4 and 2."""
    return rng.uniform(0.4, 2.0, shape)


def distinct(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values at least 0.1 apart from each other, and from zero."""
    n = int(np.prod(shape))
    return (rng.permutation(n) - n // 2 + 0.5).reshape(shape) * 0.2 + rng.uniform(0, 0.05)


def both(function: Any) -> Any:
    """Samples of one operand: matrix, 0-d, size 1, empty, negative strides."""

    def make(rng: np.random.Generator) -> list[Sample]:
        arrays = [function(rng, 2, 3), function(rng), function(rng, 1), function(rng, 0, 2)]
        arrays.append(function(rng, 3, 2)[::-1, ::-1])
        return [S((a,)) for a in arrays]

    return make


def pairs(function: Any, second: Any = None, numbers: tuple[Any, ...] = (2.5,)) -> Any:
    """Samples of two operands: same shape, broadcast both ways, 0-d, empty, numbers on either side."""
    second = second or function

    def make(rng: np.random.Generator) -> list[Sample]:
        shapes = [
            ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 2), ()),
            ((), ()), ((1,), (3,)), ((0, 3), (3,)),
        ]  # fmt: skip
        out = [S((function(rng, *a), second(rng, *b))) for a, b in shapes]
        out.append(S((function(rng, 3, 2)[::-1], second(rng, 2, 3).T)))
        for number in numbers:
            out.append(S((function(rng, 2, 2), number)))
            out.append(S((abs(number), second(rng, 2, 2))))
        return out

    return make


def apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Second operands that never tie with `grid`."""
    return np.round(rng.uniform(-2, 2, shape), 1) + 0.05


def grid(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values on a grid of tenths."""
    return np.round(rng.uniform(-2, 2, shape), 1)


def quotients(rng: np.random.Generator) -> list[Sample]:
    """Operands whose quotient is far from an integer."""
    out = []
    for a, b in [((2, 3), (2, 3)), ((2, 3), (3,)), ((), (2,)), ((0, 2), (2,))]:
        y = positive(rng, *b) * rng.choice([-1.0, 1.0], b)
        whole = rng.integers(-3, 4, np.broadcast_shapes(a, b))
        if a == np.broadcast_shapes(a, b):
            out.append(S((y * (whole + rng.uniform(0.2, 0.8, a)), y)))
        else:
            out.append(S((np.float64(0.37) + np.zeros(a), y)))
    out.append(S((np.array([0.3, 1.7, -2.4]), 1.1)))
    return out


def special(*extra: float) -> Any:
    """One edge sample with zeros, infinities and NaN."""
    return lambda rng: [S((np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, *extra]),))]


def special_pairs(rng: np.random.Generator) -> list[Sample]:
    """Every pair of special values."""
    values = np.array([0.0, 1.0, -1.0, 2.0, INF, -INF, NAN])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y))]


def finite_pairs(rng: np.random.Generator) -> list[Sample]:
    """Ties and signs without infinities."""
    values = np.array([0.0, 1.0, -1.0, 2.0])
    x, y = (m.ravel() for m in np.meshgrid(values, values))
    return [S((x, y))]


def ties(rng: np.random.Generator) -> list[Sample]:
    """Reductions over equal values."""
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    return [S((x,)), S((x, 1)), S((np.array([1.0, NAN, 3.0, NAN]),))]


def one_dim(function: Any, empty: bool = True) -> Any:
    """Reductions: whole, one dimension, negative, several, kept, 0-d, empty."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        out = [
            S((x,)), S((x, 1)), S((x, -1)), S((x,), {"dim": 0, "keepdim": True}),
            S((function(rng),)), S((function(rng, 1),)), S((function(rng, 3, 2)[::-1], 0)),
        ]  # fmt: skip
        return [*out, S((function(rng, 0, 2), 1))] if empty else out

    return make


def several(function: Any) -> Any:
    """`one_dim` and reductions of several dimensions at once."""

    def make(rng: np.random.Generator) -> list[Sample]:
        x = function(rng, 2, 3, 2)
        more = [S((x, (0, 2))), S((x, (1, -1), True)), S((function(rng, 0, 2), 0))]
        return [*one_dim(function)(rng), *more]

    return make


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal values."""
    return rng.standard_normal(shape)


def axes(function: Any) -> Any:
    """A NumPy reduction with PyTorch's argument names."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return function(x, axis=None if not np.ndim(x) else dim, keepdims=keepdim)

    return reference


def extreme(values: Any, indices: Any) -> Any:
    """Reference of `max` and `min`, which answer two arrays along a dimension."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return values(x)
        return values(x, axis=dim, keepdims=keepdim), indices(x, axis=dim, keepdims=keepdim)

    return reference


def unreal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex values in every direction with a distance from zero, from both axes too."""
    return away(rng, *shape) + 1j * away(rng, *shape)


def ints(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Integers from -4 to 4."""
    return rng.integers(-4, 5, shape)


def bools(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random truth values."""
    return rng.random(shape) < 0.5


def mixed_bits(rng: np.random.Generator) -> list[Sample]:
    """Integers and bools for bitwise operations."""
    return [
        S((ints(rng, 2, 3), ints(rng, 3))), S((bools(rng, 2, 3), bools(rng, 2, 3))),
        S((ints(rng), 5)), S((ints(rng, 0), ints(rng, 1))),
    ]  # fmt: skip


def truths(rng: np.random.Generator) -> list[Sample]:
    """Operands of every kind for logic."""
    return [
        S((bools(rng, 2, 3), bools(rng, 3))), S((ints(rng, 4), ints(rng, 4))),
        S((grid(rng, 4), ints(rng, 1))), S((bools(rng), bools(rng))), S((bools(rng, 0), bools(rng, 0))),
    ]  # fmt: skip


# -- bad inputs that many operations share -----------------------------------------------------------

UNFIT = Bad((np.ones((2, 3)), np.ones((4,))), errors.ShapeError, "broadcast")
STRING = Bad((np.ones(2), "two"), errors.DtypeError, "other must be a tensor")
TEXT = Bad(("text",), errors.DtypeError, "must be a tensor")
NO_DIM = Bad((np.ones((2, 3)), 2), errors.DimensionError, "dim must be between -2 and 1")
TWICE = Bad((np.ones((2, 3)), (0, -2)), errors.ArgumentError, "twice")


def unary(name: str, reference: Any, make: Any = away, edges: Any = None, **more: Any) -> Row:
    """Row of a function of one tensor."""
    settings = {"method": name, "inplace": f"{name}_", "numpy": getattr(np, name, None), **more}
    return Row(
        name, getattr(tg, name), reference, both(make), edges or special(), bad=(TEXT,), **settings
    )


def binary(
    name: str, reference: Any, samples: Any = None, edges: Any = special_pairs, **more: Any
) -> Row:
    """Row of a function of two operands that broadcast."""
    settings = {"method": name, "inplace": f"{name}_", "bad": (UNFIT, STRING), **more}
    return Row(
        name,
        getattr(tg, name),
        reference,
        samples or pairs(away),
        edges,
        broadcast=True,
        **settings,
    )


def compare(name: str, function: Any, complex: int | None = None) -> Row:
    """Row of a comparison."""
    return Row(
        name, getattr(tg, name), function, pairs(grid), special_pairs, method=name, numpy=function,
        broadcast=True, differentiable=False, complex=complex, bad=(UNFIT,),
    )  # fmt: skip


def shaped(*calls: Any) -> Any:
    """Samples from (shape, further arguments) pairs."""
    return lambda rng: [S((normal(rng, *shape), *more)) for shape, *more in calls]
