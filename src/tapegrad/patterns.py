"""Functions that make tensors with a pattern: sequences, the identity, triangles, grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import dtypes
from ._typing import DType, DTypeLike
from .creation import finish, renewed
from .device import apart
from .errors import ArgumentError, DtypeError, ShapeError
from .ops.cast import as_operand, different_devices
from .ops.cutting import unbind
from .ops.numpy_math import operands
from .ops.shape import clone, expand, reshape
from .ops.words import implements
from .tensor import Tensor

__all__ = [
    "arange", "eye", "linspace", "logspace", "meshgrid", "tril_indices", "triu_indices",
]  # fmt: skip


def _number(op: str, name: str, value: Any) -> Any:
    """A Python number from a number or a tensor with one element."""
    if isinstance(value, (Tensor, np.generic)):
        value = value.item()
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ArgumentError(f"{op}: {name} must be a finite number, got {value!r}")
    return value


def _count(op: str, name: str, value: Any) -> int:
    try:
        count = int(value.__index__())
    except AttributeError:
        raise ArgumentError(f"{op}: {name} must be an int, got {value!r}") from None
    if count < 0:
        raise ArgumentError(f"{op}: {name} must not be negative, got {count}")
    return count


def _numeric(op: str, dtype: DTypeLike) -> DType:
    kind = dtypes.as_dtype(dtype)
    if kind.kind == "b":
        raise DtypeError(f"{op}: dtype must be one of numbers, got bool")
    return kind


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` up to `end`, without it, by `step`.

    Args:
        start, end, step: numbers, or tensors with one element; one alone is the end.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: int64 if all are ints, else the default dtype.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Raises:
        ArgumentError: if the step is zero or leads away from the end, and for infinity and NaN.
        DtypeError: for bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.arange(1, 7, 2)
        tensor([1, 3, 5])
    """
    if out is not None:
        return renewed(out, arange, (start, end, step), dtype, device, requires_grad)
    if end is None:
        start, end = 0, start
    start, end = _number("arange", "start", start), _number("arange", "end", end)
    step = _number("arange", "step", step)
    if step == 0 or (end - start) / step < 0:
        raise ArgumentError(f"arange: step {step} does not lead from {start} to {end}")
    whole = all(isinstance(v, int) for v in (start, end, step))
    kind = _numeric("arange", dtype) if dtype is not None or not whole else dtypes.int64
    count = math.ceil((end - start) / step)
    ramp = np.arange(count, dtype=np.int64 if whole else np.float64)
    return finish((start + ramp * step).astype(kind), device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Evenly spaced numbers, both ends included.

    Args:
        start, end: the ends, numbers or tensors with one element.
        steps: how many.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default; integers are rounded towards zero.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Raises:
        ArgumentError: if `steps` is negative or no int, or an end not finite.
        DtypeError: for bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return renewed(out, linspace, (start, end, steps), dtype, device, requires_grad)
    kind = _numeric("linspace", dtype)
    ramp = np.linspace(
        _number("linspace", "start", start),
        _number("linspace", "end", end),
        _count("linspace", "steps", steps),
    )
    return finish(ramp.astype(kind), device, requires_grad)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `base**start` to `base**end`, evenly spaced on a logarithmic scale.

    Args:
        start, end: exponents of the ends, numbers or tensors with one element.
        steps: how many.
        base: what is raised to them.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default; integers are rounded towards zero.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Raises:
        ArgumentError: if `steps` is negative or no int, or another argument not finite.
        DtypeError: for bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    if out is not None:
        return renewed(out, logspace, (start, end, steps, base), dtype, device, requires_grad)
    kind = _numeric("logspace", dtype)
    exponents = np.linspace(
        _number("logspace", "start", start),
        _number("logspace", "end", end),
        _count("logspace", "steps", steps),
    )
    powers = np.power(float(_number("logspace", "base", base)), exponents)
    return finish(powers.astype(kind), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere.

    Args:
        n, m: rows and columns; as many columns as rows by default.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    if out is not None:
        return renewed(out, eye, (n, m), dtype, device, requires_grad)
    rows = _count("eye", "n", n)
    columns = rows if m is None else _count("eye", "m", m)
    return finish(np.eye(rows, columns, dtype=dtypes.as_dtype(dtype)), device, requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None, device: Any = None
) -> Tensor:
    """Positions of the lower triangle of a matrix, row by row.

    Args:
        row, col: rows and columns of the matrix.
        offset: the highest diagonal that belongs to it: 0 the main one, negative ones below.
        dtype: int64 (the default) or int32.
        device: the CPU by default.

    Returns:
        Row numbers and column numbers, a tensor of shape (2, N).

    Raises:
        ArgumentError: if a size is negative, or an argument no int.
        DtypeError: for another dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    return _triangle("tril_indices", np.less_equal, row, col, offset, dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None, device: Any = None
) -> Tensor:
    """Positions of the upper triangle of a matrix, row by row.

    Args:
        row, col: rows and columns of the matrix.
        offset: the lowest diagonal that belongs to it: 0 the main one, positive ones above.
        dtype: int64 (the default) or int32.
        device: the CPU by default.

    Returns:
        Row numbers and column numbers, a tensor of shape (2, N).

    Raises:
        ArgumentError: if a size is negative, or an argument no int.
        DtypeError: for another dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    return _triangle("triu_indices", np.greater_equal, row, col, offset, dtype, device)


def _triangle(
    op: str, side: Any, row: Any, col: Any, offset: Any, dtype: DTypeLike, device: Any
) -> Tensor:
    rows, columns = _count(op, "row", row), _count(op, "col", col)
    if not hasattr(offset, "__index__"):
        raise ArgumentError(f"{op}: offset must be an int, got {offset!r}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if kind not in (dtypes.int64, dtypes.int32):
        raise DtypeError(f"{op}: dtype must be int64 or int32, got {kind}")
    diagonal = np.arange(columns) - np.arange(rows)[:, None]
    return finish(np.stack(np.nonzero(side(diagonal, int(offset)))).astype(kind), device)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid from the coordinates along its sides.

    Value: the i-th result is `tensors[i]` along dimension `i`, repeated along all others. Adjoint: `g`
    summed over the others.

    Args:
        tensors: K tensors of one dimension or none, one by one or as one sequence, of one dtype.
        indexing: `"ij"` for dimensions in the order of the tensors; `"xy"` exchanges the first two, as
            in pictures.

    Returns:
        K tensors with K dimensions, views that cannot be written to.

    Raises:
        ArgumentError: without tensors, and for another indexing.
        ShapeError: for a tensor with two or more dimensions.
        DtypeError, DeviceError: if dtypes or devices differ.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.meshgrid(tg.tensor([1, 2]), tg.tensor([3, 4, 5]), indexing="ij")
        >>> x
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise ArgumentError("meshgrid: needs at least one tensor, got none")
    sides = [as_operand(t, "meshgrid", f"tensors[{i}]") for i, t in enumerate(tensors)]
    for side in sides:
        _check_side(sides[0], side)
    dims = list(range(len(sides)))
    if indexing == "xy":
        dims[:2] = dims[1::-1]  # where each side goes
    shape = tuple(int(sides[dim].array.size) for dim in dims)  # the exchange undoes itself
    return tuple(
        expand(reshape(side, [-1 if i == dim else 1 for i in range(len(sides))]), shape)
        for side, dim in zip(sides, dims, strict=True)
    )


def _check_side(first: Tensor, side: Tensor) -> None:
    if side.ndim > 1:
        raise ShapeError(
            f"meshgrid: tensors must have at most one dimension, got shape {side.shape}"
        )
    if apart(side.array, first.array):
        raise different_devices("meshgrid", first, side)
    if side.dtype != first.dtype:
        raise DtypeError(f"meshgrid: dtypes differ, {first.dtype} and {side.dtype}; convert one")


@implements(np.meshgrid)
def _np_meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Tensor, ...]:
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"np.meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    sides = operands(*(np.asarray(x) if isinstance(x, (list, tuple)) else x for x in xi))
    dims = list(range(len(sides)))
    if indexing == "xy":
        dims[:2] = dims[1::-1]
    shape = tuple(int(sides[dim].array.size) for dim in dims)
    grids = []
    for side, dim in zip(sides, dims, strict=True):
        grid = reshape(side, [-1 if i == dim else 1 for i in range(len(sides))])
        grid = grid if sparse else expand(grid, shape)
        grids.append(clone(grid) if copy else grid)
    return tuple(grids)


@implements(np.tril_indices_from)
def _np_tril_indices_from(arr: Any, k: int = 0) -> tuple[Tensor, ...]:
    return unbind(tril_indices(arr.shape[0], arr.shape[1], k, device=arr.device))


@implements(np.triu_indices_from)
def _np_triu_indices_from(arr: Any, k: int = 0) -> tuple[Tensor, ...]:
    return unbind(triu_indices(arr.shape[0], arr.shape[1], k, device=arr.device))


@implements(np.diag_indices_from)
def _np_diag_indices_from(arr: Any) -> tuple[Tensor, ...]:
    if arr.ndim < 2 or len(set(arr.shape)) != 1:
        raise ShapeError(f"np.diag_indices_from: all sizes must be equal, got {arr.shape}")
    places = arange(arr.shape[0], device=arr.device)
    return tuple(places for _ in arr.shape)
