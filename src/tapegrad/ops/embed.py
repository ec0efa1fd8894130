"""Putting a tensor in the place of a view, in a copy: of a slice, a range, a diagonal."""

from __future__ import annotations

from typing import Any

from .. import kernels
from ..batching import widened
from ..device import apart
from ..errors import ArgumentError, DimensionError, ShapeError
from ..record import record2
from ..tensor import Tensor
from .cast import as_operand, cast, different_devices
from .gather import grid, slices, strides_of, zero_at
from .output import into
from .put import written_at
from .shape import normal_dim

__all__ = ["diagonal_scatter", "select_scatter", "slice_scatter"]
METHODS = __all__


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Replace one slice: `out[:, index] = src` for dim 1, in a copy.

    Adjoint: `g` with zeros there for `input`, `g[:, index]` for `src`.

    Args:
        input: tensor with at least one dimension.
        src: tensor of the slice's shape; it is converted to the input's dtype.
        dim: the dimension.
        index: position of the slice; a negative one counts from the end.

    Raises:
        DimensionError: for a position outside the dimension.
        ShapeError: if `src` has another shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.select_scatter(tg.zeros(2, 2), tg.ones(2), 1, 0)
        tensor([[1., 0.],
                [1., 0.]])
    """
    input = as_operand(input, "select_scatter")
    d = _dim_of("select_scatter", input, dim)
    n = input.shape[d]
    try:
        i = index.__index__()
    except AttributeError:
        raise ArgumentError(
            f"select_scatter: index must be an int, got {type(index).__name__}"
        ) from None
    if not -n <= i < n:
        raise DimensionError(
            f"select_scatter: index must lie between {-n} and {n - 1}, the size of dim {d} being {n}, "
            f"got {i}"
        )
    place = (*slices(d, i), ...)
    out, src = _view_written("select_scatter", input, src, place)
    return record2(out, (_select_scatter_vjp_input, _select_scatter_vjp_src), input, src, (place,))


def _select_scatter_vjp_input(g, place):
    return kernels.index_zero(g, (place,))


def _select_scatter_vjp_src(g, place):
    return g[place]


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Replace a range: `out[start:end:step] = src` for dim 0, in a copy.

    Adjoint: `g` with zeros there for `input`, `g[start:end:step]` for `src`.

    Args:
        input: tensor with at least one dimension.
        src: tensor of the range's shape; it is converted to the input's dtype.
        dim: the dimension.
        start, end: first position and the one after the last, as in a slice.
        step: distance of two positions, positive.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for a step that is not positive.
        ShapeError: if `src` has another shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.slice_scatter(tg.zeros(4), tg.ones(2), start=1, step=2)
        tensor([0., 1., 0., 1.])
    """
    if out is not None:
        return into(out, slice_scatter, input, src, dim, start, end, step)
    input = as_operand(input, "slice_scatter")
    d = _dim_of("slice_scatter", input, dim)
    if step < 1:
        raise ArgumentError(f"slice_scatter: step must be positive, got {step}")
    place = slices(d, slice(start, end, step))
    result, src = _view_written("slice_scatter", input, src, place)
    return record2(result, (_slice_scatter_vjp_input, _slice_scatter_vjp_src), input, src, (place,))


def _slice_scatter_vjp_input(g, place):
    return kernels.index_zero(g, (place,))


def _slice_scatter_vjp_src(g, place):
    return g[place]


def _dim_of(op: str, input: Tensor, dim: int) -> int:
    if not input.ndim:
        raise DimensionError(f"{op}: a 0-d tensor has no dimension to write along")
    return normal_dim(op, dim, input.ndim)


def _view_written(op: str, input: Tensor, src: Any, place: Any) -> tuple[Any, Tensor]:
    """A copy of the input's array with a view replaced, and what it was replaced by."""
    src = as_operand(src, op, "src")
    if apart(src.array, input.array):
        raise different_devices(op, input, src)
    out = widened(input.array, src.array).copy()
    _check_src(op, src, out[place].shape)
    src = cast(src, input.dtype)
    out[place] = src.array
    return out, src


def _check_src(op: str, src: Tensor, shape: Any) -> None:
    if src.shape != shape:
        raise ShapeError(
            f"{op}: src must have the shape that it replaces, {shape}, got {src.shape}"
        )


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Replace a diagonal by `src`, in a copy.

    Adjoint: `g` with zeros on the diagonal for `input`, the diagonal of `g` for `src`.

    Args:
        input: tensor with at least two dimensions.
        src: tensor of the shape of `diagonal(input, offset, dim1, dim2)`: the other dimensions, then
            the diagonal; it is converted to the input's dtype.
        offset: diagonals above the main one are positive, below negative.
        dim1, dim2: the dimensions of the matrices.

    Raises:
        ArgumentError: if both dimensions are the same.
        ShapeError: if `src` has another shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.diagonal_scatter(tg.zeros(2, 2), tg.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    input = as_operand(input, "diagonal_scatter")
    src = as_operand(src, "diagonal_scatter", "src")
    x = input.array
    if apart(src.array, x):
        raise different_devices("diagonal_scatter", input, src)
    a = normal_dim("diagonal_scatter", dim1, x.ndim)
    b = normal_dim("diagonal_scatter", dim2, x.ndim)
    if a == b:
        raise ArgumentError(f"diagonal_scatter: dim1 and dim2 must differ, both are {a}")
    others = [k for k in range(x.ndim) if k not in (a, b)]
    n = max(0, min(x.shape[a] + min(offset, 0), x.shape[b] - max(offset, 0)))
    shape = (*(x.shape[k] for k in others), n)
    _check_src("diagonal_scatter", src, shape)
    src = cast(src, input.dtype)
    strides = strides_of(x.shape)
    steps = (*(strides[k] for k in others), strides[a] + strides[b])
    first = max(-offset, 0) * strides[a] + max(offset, 0) * strides[b]
    at = grid(x, steps, shape) + first
    out = written_at(x, at, src.array)
    return record2(out, (_diagonal_scatter_vjp_input, _diagonal_scatter_vjp_src), input, src, (at,))


def _diagonal_scatter_vjp_input(g, at):
    return zero_at(g, at)


def _diagonal_scatter_vjp_src(g, at):
    return g.reshape(-1)[at]
