"""`BatchArray`: an array with a hidden dimension in front, which `vmap` maps over.

What an operation sees has the shape of one example. Inside is an array with the examples along its first
dimension; that may be a `BatchArray` again, of a mapping further out. So every word has one batching
rule, for one hidden dimension, and nested mappings need nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .._typing import DType, Shape
from ..errors import GraphError

_numbers = count(1).__next__


class Level:
    """One running `vmap`.

    Attributes:
        number: later mappings have higher ones; the highest is the outermost hidden dimension.
        depth: how many mappings it stands in, itself included; for messages.
        size: number of examples.
        randomness: `"error"`, `"same"` or `"different"`.
    """

    __slots__ = ("depth", "number", "randomness", "size")

    def __init__(self, size: int, depth: int = 1, randomness: str = "error") -> None:
        self.number = _numbers()
        self.size = size
        self.depth = depth
        self.randomness = randomness

    def __repr__(self) -> str:
        return f"level {self.depth} of vmap"


# The mappings that are running, the outermost first.
levels: ContextVar[tuple[Level, ...]] = ContextVar("tapegrad_vmap", default=())


class Journal:
    """The levels of a stretch of code that may run a second time, which then gets the same ones.

    Args:
        outer: the journal of what surrounds it.
    """

    __slots__ = ("made", "outer", "place")

    def __init__(self, outer: Journal | None) -> None:
        self.outer = outer
        self.made: list[Level] = []
        self.place: int | None = None  # in the second run

    def level(self, size: int, depth: int, randomness: str) -> Level:
        """The next level."""
        if self.place is not None and self.place < len(self.made):
            self.place += 1
            return self.made[self.place - 1]
        level = new_level(self.outer, size, depth, randomness)
        if self.place is None:
            self.made.append(level)
        return level


journal: ContextVar[Journal | None] = ContextVar("tapegrad_journal", default=None)


def new_level(kept: Journal | None, size: int, depth: int, randomness: str) -> Level:
    """A level, noted in a journal or read from it."""
    if kept is None:
        return Level(size, depth, randomness)
    return kept.level(size, depth, randomness)


class BatchShape(tuple):  # type: ignore[type-arg]
    """The shape of one example, which also knows what it is mapped over; equal to a plain tuple.

    Nodes keep it, so that the tape knows over which levels a gradient is hidden.
    """

    levels: tuple[Level, ...]  # from the innermost hidden dimension to the outermost


def hidden_in(shape: Shape) -> tuple[Level, ...]:
    """The levels that an array or a gradient of this shape is mapped over."""
    return shape.levels if isinstance(shape, BatchShape) else ()


def shape_over(shape: Any, levels: tuple[Level, ...]) -> Shape:
    """A shape that knows its levels; a plain one for none."""
    if not levels:
        return tuple(shape)
    made = BatchShape(shape)
    made.levels = levels
    return made


def levels_of(*arrays: Any) -> tuple[Level, ...]:
    """All levels of arrays, the highest last."""
    found = {level for array in arrays for level in hidden_in(getattr(array, "shape", ()))}
    return tuple(sorted(found, key=lambda level: level.number))


class Later(NamedTuple):
    """What a batched array will be computed by.

    Attributes:
        each: gives the values of all examples, along the first dimension.
        total: gives their sum, for less.
    """

    each: Callable[[], Any]
    total: Callable[[], Any]


class BatchArray(NDArrayOperatorsMixin):
    """Arrays of one shape, one for each example of a mapping.

    Args:
        inner: array with the examples along its first dimension.
        level: the mapping.
    """

    __slots__ = ("__weakref__", "_inner", "_later", "dtype", "level", "shape")
    __array_priority__ = 200

    _inner: Any
    _later: Later
    dtype: DType
    level: Level
    shape: Shape

    def __init__(self, inner: Any, level: Level) -> None:
        self._inner = inner
        self.level = level
        self.dtype = inner.dtype
        self.shape = shape_over(inner.shape[1:], (*hidden_in(inner.shape), level))

    @classmethod
    def later(cls, shape: Any, dtype: Any, level: Level, later: Later) -> BatchArray:
        """An array that is computed when somebody looks into it, if it is not added up before."""
        made = object.__new__(cls)
        made._inner = None
        made._later = later
        made.level = level
        made.dtype = dtype
        made.shape = shape
        return made

    @property
    def inner(self) -> Any:
        """The array with the examples along its first dimension."""
        if self._inner is None:
            self._inner = self._later.each()
            del self._later
        return self._inner

    # -- what is known without looking at the values ---------------------------------------------

    ndim = property(lambda self: len(self.shape))
    flags = property(lambda self: self.inner.flags)
    base = property(lambda self: self.inner.base)
    itemsize = property(lambda self: self.inner.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    strides = property(lambda self: self.inner.strides[1:])
    real = property(lambda self: BatchArray(self.inner.real, self.level))
    imag = property(lambda self: BatchArray(self.inner.imag, self.level))
    T = property(lambda self: self.transpose())

    @property
    def size(self) -> int:
        """Number of elements of one example."""
        n = 1
        for m in self.shape:
            n *= m
        return n

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d array has no length")
        return int(self.shape[0])

    def __repr__(self) -> str:
        return (
            f"BatchArray(lvl={self.level.depth}, size={self.level.size}, shape={tuple(self.shape)})"
        )

    def __deepcopy__(self, memo: Any) -> BatchArray:
        return self.copy()

    def around(self, inner: Any) -> BatchArray:
        """Another array of the same level."""
        return BatchArray(inner, self.level)

    # -- what would need the values of one example -----------------------------------------------

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise data_dependent(self)

    __array__ = __float__ = __int__ = __bool__ = __index__ = __complex__ = __contains__ = _refuse
    item = tolist = nonzero = __reduce__ = _refuse
    __array_interface__ = property(_refuse)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    if TYPE_CHECKING:  # bound beside their rules, in ufuncs.py, words.py and indexing.py

        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any: ...
        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any: ...
        def __getitem__(self, index: Any) -> BatchArray: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    # -- methods ---------------------------------------------------------------------------------

    def reshape(self, *shape: Any, order: str = "C") -> BatchArray:
        if len(shape) == 1 and not isinstance(shape[0], int):
            shape = tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else (int(shape[0]),)
        if -1 in shape and not self.inner.size:  # an empty mapping says nothing about its examples
            known = 1
            for n in shape:
                known *= n if n != -1 else 1
            shape = tuple(self.size // known if n == -1 and known else n for n in shape)
        if order == "F":
            reverse = (0, *range(self.ndim, 0, -1))
            turned = self.inner.transpose(reverse).reshape(self.level.size, *shape[::-1])
            out = turned.transpose(0, *range(len(shape), 0, -1))
        else:
            out = self.inner.reshape(self.level.size, *shape)
        return BatchArray(out, self.level)

    def transpose(self, *axes: Any) -> BatchArray:
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = tuple(axes[0] or ())
        order = tuple(range(self.ndim))[::-1] if not axes else tuple(a % self.ndim for a in axes)
        return BatchArray(self.inner.transpose(0, *(a + 1 for a in order)), self.level)

    def swapaxes(self, axis1: int, axis2: int) -> BatchArray:
        a, b = axis1 % self.ndim + 1, axis2 % self.ndim + 1
        return BatchArray(self.inner.swapaxes(a, b), self.level)

    def ravel(self, order: str = "C") -> BatchArray:
        return self.reshape(self.size, order=order)

    flatten = ravel

    def view(self, *args: Any) -> BatchArray:
        if args and not self.ndim and self.dtype.itemsize != np.dtype(args[0]).itemsize:
            raise ValueError("view: a 0-d array keeps the size of its elements")
        return BatchArray(self.inner.view(*args), self.level)

    def astype(self, dtype: Any, order: str = "K", *, copy: bool = True) -> BatchArray:
        return BatchArray(self.inner.astype(dtype, order, copy=copy), self.level)

    def copy(self, order: str = "C") -> BatchArray:
        return BatchArray(self.inner.copy(order), self.level)

    def fill(self, value: Any) -> None:
        self[...] = value

    def conj(self) -> BatchArray:
        return BatchArray(np.conjugate(self.inner), self.level)


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: BatchArray, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    "all", "any", "argmax", "argmin", "argsort", "cumprod", "cumsum", "diagonal", "max", "mean", "min",
    "prod", "repeat", "squeeze", "sum", "take",
):  # fmt: skip
    setattr(BatchArray, _name, _method(_name))


def data_dependent(array: Any) -> GraphError:
    """The error for asking a batched value for something that may differ between its examples."""
    return GraphError(
        f"vmap: this needs the values of single examples (a batched value of shape "
        f"{tuple(array.shape)} was asked for them), as item(), bool(), if, int() and sizes that depend "
        "on values do, and the examples may not agree; use where, clamp, masks or sums instead, or "
        "compute it outside of vmap"
    )


def unbatched_target(what: str) -> GraphError:
    """The error for writing what is batched into memory that is not."""
    return GraphError(
        f"vmap: {what} would write a batched value in place into a tensor that is not batched, which "
        "has room for one example only; use the out-of-place form, or make the tensor from a batched "
        "one (zeros_like(x), x.new_zeros(...), x.clone())"
    )


def check_width(what: str, target: Any, *values: Any) -> None:
    """Refuse to write into memory for one example what may differ between examples."""
    if set(levels_of(*values)) - set(hidden_in(target.shape)):
        raise unbatched_target(what)


def lift(array: Any, level: Level) -> BatchArray:
    """The array as one of a level, the same for every example if it is not mapped there."""
    if isinstance(array, BatchArray):
        if array.level is level:
            return array
        if array.level.number > level.number:
            return BatchArray(lift(array.inner, level), array.level)
    return BatchArray(np.broadcast_to(array, (level.size, *np.shape(array))), level)


def lift_all(array: Any, levels: tuple[Level, ...]) -> Any:
    """`lift` for several levels."""
    for level in levels:
        if level not in hidden_in(array.shape):
            array = lift(array, level)
    return array


def lowered(array: Any, level: Level) -> Any:
    """The array of one example of a level, if it is known to be the same memory for all."""
    if not isinstance(array, BatchArray) or array.level is not level:
        return array
    inner = array.inner
    return inner[0, ...] if level.size and inner.size and inner.strides[0] == 0 else array


def enter(array: Any, level: Level, dim: int) -> BatchArray:
    """Hide a dimension of an array: the examples of a level lie along it."""
    if isinstance(array, BatchArray) and array.level.number > level.number:
        return BatchArray(enter(array.inner, level, dim + 1), array.level)
    return BatchArray(np.moveaxis(array, dim, 0), level)


def leave(array: Any, level: Level, dim: int) -> Any:
    """The adjoint and inverse of `enter`: the examples along a dimension that is seen."""
    array = lift(array, level)
    if array.level is not level:
        return BatchArray(leave(array.inner, level, dim + 1), array.level)
    return np.moveaxis(array.inner, 0, dim)


def total(array: Any, level: Level) -> Any:
    """The sum over all examples of a level."""
    array = lift(array, level)
    if array.level is not level:
        return BatchArray(total(array.inner, level), array.level)
    if array._inner is None:
        return array._later.total()
    return np.add.reduce(array.inner, axis=0)
