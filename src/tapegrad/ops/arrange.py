"""Another order of dimensions or elements: moved, flipped, rolled."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, DimensionError, ShapeError
from ..record import record1
from ..tensor import Tensor
from .cast import as_operand
from .complex_numbers import conj
from .shape import expand, normal_dim, normal_dims, permute, reshape, sizes, transpose
from .words import implements

__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors", "flip", "fliplr",
    "flipud", "is_same_size", "moveaxis", "movedim", "numel", "roll", "rot90", "t", "unflatten",
]  # fmt: skip
METHODS = [
    "H", "adjoint", "flip", "fliplr", "flipud", "is_same_size", "mH", "moveaxis", "movedim", "roll",
    "rot90", "t", "unflatten",
]  # fmt: skip


def numel(input: Tensor) -> int:
    """Number of elements.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.numel(tg.zeros(2, 3))
        6
    """
    return int(as_operand(input, "numel").array.size)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    Args:
        input, other: tensors.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_same_size(tg.zeros(2, 3), tg.zeros(3, 2))
        False
    """
    first, second = as_operand(input, "is_same_size"), as_operand(other, "is_same_size", "other")
    return first.shape == second.shape


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Split one dimension into several; the inverse of `flatten`, a view where memory allows it.

    Args:
        input: tensor with at least one dimension.
        dim: the dimension.
        sizes: what it becomes; one of them may be -1.

    Raises:
        ShapeError: if the sizes do not multiply up to that of `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.unflatten(tg.zeros(2, 6), 1, (3, -1)).shape
        (2, 3, 2)
    """
    input = as_operand(input, "unflatten")
    if not input.ndim:
        raise ShapeError("unflatten: a 0-d tensor has no dimension to split")
    d = normal_dim("unflatten", dim, input.ndim)
    new = list(_sizes("unflatten", (sizes,)))
    n = input.shape[d]
    if not new:
        raise ArgumentError("unflatten: sizes must not be empty")
    known = _product(s for s in new if s != -1)
    if new.count(-1) == 1 and known > 0 and n % known == 0:
        new[new.index(-1)] = n // known
    if min(new) < 0 or _product(new) != n:
        raise ShapeError(f"unflatten: sizes {new} do not multiply up to {n}, the size of dim {d}")
    return reshape(input, (*input.shape[:d], *new, *input.shape[d + 1 :]))


_sizes = sizes  # the argument of `unflatten` has that name too


def _product(numbers: Any) -> int:
    product = 1
    for n in numbers:
        product *= n
    return product


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Move dimensions to other places, the rest staying in order; a view.

    Args:
        input: tensor.
        source: dimension or dimensions to move.
        destination: where each of them goes.

    Raises:
        ArgumentError: if a dimension is named twice, or the numbers of dimensions differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.movedim(tg.zeros(2, 3, 4), 0, -1).shape
        (3, 4, 2)
    """
    input = as_operand(input, "movedim")
    start, end = (
        _places("source", source, input.ndim),
        _places("destination", destination, input.ndim),
    )
    if len(start) != len(end):
        raise ArgumentError(
            f"movedim: source {source} and destination {destination} must have the same length"
        )
    if not input.ndim:
        return permute(input, ())
    order = [d for d in range(input.ndim) if d not in start]
    for to, d in sorted(zip(end, start, strict=True)):
        order.insert(to, d)
    return permute(input, order)


def _places(argument: str, dim: Any, ndim: int) -> list[int]:
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    places = [normal_dim("movedim", d, ndim) for d in dims]
    if len(set(places)) != len(places):
        raise ArgumentError(f"movedim: {argument} {dim} names a dimension twice")
    return places


def t(input: Tensor) -> Tensor:
    """Transpose a matrix; a vector or a single element stays as it is. A view.

    Args:
        input: tensor with at most two dimensions.

    Raises:
        ShapeError: for more dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.t(tg.zeros(2, 3)).shape
        (3, 2)
    """
    input = as_operand(input, "t")
    if input.ndim > 2:
        raise ShapeError(
            f"t: input must have at most two dimensions, got shape {input.shape}; use transpose"
        )
    return permute(input, tuple(reversed(range(input.ndim))))


def adjoint(input: Tensor) -> Tensor:
    """Transpose matrices, the last two dimensions, and conjugate them if complex; a view if real.

    Args:
        input: tensor with at least two dimensions, (..., n, m); a single element stays as it is.

    Raises:
        ShapeError: for a vector.

    Example:
        >>> import tapegrad as tg
        >>> tg.adjoint(tg.zeros(5, 2, 3)).shape
        (5, 3, 2)
    """
    input = as_operand(input, "adjoint")
    if input.ndim == 1:
        raise ShapeError(f"adjoint: input must be matrices, got shape {input.shape}")
    return conj(transpose(input, -2, -1) if input.ndim else permute(input, ()))


def _hermitian(self: Tensor) -> Tensor:
    """`adjoint` of a matrix."""
    if self.ndim not in (0, 2):
        raise ShapeError(f"H: must be a matrix, got shape {self.shape}; use mH")
    return adjoint(self)


H = property(_hermitian)
mH = property(adjoint)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand tensors to the shape they have together; read-only views.

    Adjoint: each tensor's gradient summed over what was expanded.

    Args:
        tensors: tensors whose shapes broadcast.

    Raises:
        ShapeError: if they do not.

    Example:
        >>> import tapegrad as tg
        >>> [x.shape for x in tg.broadcast_tensors(tg.zeros(2, 1), tg.zeros(3))]
        [(2, 3), (2, 3)]
    """
    operands = [as_operand(x, "broadcast_tensors", f"tensors[{i}]") for i, x in enumerate(tensors)]
    try:
        shape = np.broadcast_shapes(*(x.shape for x in operands))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in operands)
        raise ShapeError(f"broadcast_tensors: shapes {shapes} do not broadcast") from None
    return tuple(expand(x, shape) for x in operands)


def atleast_1d(*tensors: Any) -> Any:
    """Give 0-d tensors one dimension; others stay as they are. Views.

    Args:
        tensors: one or several tensors, or one sequence of them.

    Returns:
        A tensor, or a tuple of them.

    Example:
        >>> import tapegrad as tg
        >>> tg.atleast_1d(tg.tensor(1.0))
        tensor([1.])
    """
    return _each("atleast_1d", tensors, lambda shape: shape or (1,))


def atleast_2d(*tensors: Any) -> Any:
    """Give tensors two dimensions at least, new ones in front. Views.

    Args:
        tensors: one or several tensors, or one sequence of them.

    Returns:
        A tensor, or a tuple of them.

    Example:
        >>> import tapegrad as tg
        >>> tg.atleast_2d(tg.zeros(3)).shape
        (1, 3)
    """
    return _each("atleast_2d", tensors, lambda shape: (1,) * (2 - len(shape)) + shape)


def atleast_3d(*tensors: Any) -> Any:
    """Give tensors three dimensions at least: (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1). Views.

    Args:
        tensors: one or several tensors, or one sequence of them.

    Returns:
        A tensor, or a tuple of them.

    Example:
        >>> import tapegrad as tg
        >>> tg.atleast_3d(tg.zeros(3)).shape
        (1, 3, 1)
    """

    def grown(shape: Any) -> Any:
        if len(shape) >= 3:
            return shape
        return (*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1)

    return _each("atleast_3d", tensors, grown)


def _each(op: str, tensors: Any, new_shape: Any) -> Any:
    several = len(tensors) != 1
    if not several and isinstance(tensors[0], (tuple, list)):
        tensors, several = tensors[0], True
    operands = [as_operand(x, op, f"tensors[{i}]") for i, x in enumerate(tensors)]
    grown = tuple(
        x if new_shape(x.shape) == x.shape else reshape(x, new_shape(x.shape)) for x in operands
    )
    return grown if several else grown[0]


def flip(input: Tensor, *dims: Any) -> Tensor:
    """Reverse the order along dimensions; a copy. Adjoint: `g` flipped alike.

    Args:
        input: tensor.
        dims: the dimensions, one by one or as a sequence.

    Raises:
        ArgumentError: if a dimension is named twice.
        DimensionError: if one does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.flip(tg.tensor([[1, 2], [3, 4]]), (0,))
        tensor([[3, 4],
                [1, 2]])
    """
    return _flipped("flip", input, _flip_dims("flip", input, dims))


def _flip_dims(op: str, input: Any, dims: Any) -> tuple[int, ...]:
    if not dims:
        raise ArgumentError(f"{op}: dims is missing; pass () to flip none")
    given = sizes(op, dims)
    return normal_dims(op, given, as_operand(input, op).ndim) if given else ()


def _flipped(op: str, input: Any, dims: tuple[int, ...]) -> Tensor:
    input = as_operand(input, op)
    return record1(_flip_vjp(input.array, dims).copy(), _flip_vjp, input, (dims,))


def _flip_vjp(g, dims):
    return np.flip(g, dims) if g.ndim else g


def fliplr(input: Tensor) -> Tensor:
    """Reverse the columns: `flip` along dimension 1.

    Args:
        input: tensor with at least two dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.fliplr(tg.tensor([[1, 2], [3, 4]]))
        tensor([[2, 1],
                [4, 3]])
    """
    input = as_operand(input, "fliplr")
    if input.ndim < 2:
        raise ShapeError(f"fliplr: input must have two dimensions at least, got {input.shape}")
    return _flipped("fliplr", input, (1,))


def flipud(input: Tensor) -> Tensor:
    """Reverse the rows: `flip` along dimension 0.

    Args:
        input: tensor with at least one dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.flipud(tg.tensor([[1, 2], [3, 4]]))
        tensor([[3, 4],
                [1, 2]])
    """
    input = as_operand(input, "flipud")
    if not input.ndim:
        raise ShapeError("flipud: input must have one dimension at least, got a 0-d tensor")
    return _flipped("flipud", input, (0,))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Shift along dimensions; what leaves at one end enters at the other.

    Adjoint: `g` rolled back.

    Args:
        input: tensor.
        shifts: by how many places, one number per dimension.
        dims: dimension or dimensions; None rolls the flattened tensor.

    Raises:
        ArgumentError: if the numbers of shifts and dimensions differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.roll(tg.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """
    input = as_operand(input, "roll")
    by = sizes("roll", (shifts,))
    along: tuple[int, ...] | None = None
    if dims is not None and dims != ():
        given = dims if isinstance(dims, (tuple, list)) else (dims,)
        if not input.ndim:
            raise DimensionError("roll: a 0-d tensor has no dimension to roll; leave dims out")
        along = tuple(normal_dim("roll", d, input.ndim) for d in given)
    if len(by) != (1 if along is None else len(along)):
        raise ArgumentError(f"roll: shifts {shifts} and dims {dims} must have the same length")
    return record1(_rolled(input.array, by, along), _roll_vjp, input, (by, along))


def _rolled(x, by, along):
    return np.roll(x, by[0]) if along is None else np.roll(x, by, along)


def _roll_vjp(g, by, along):
    return _rolled(g, tuple(-n for n in by), along)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Rotate a plane by multiples of 90 degrees, from the first of its dimensions to the second.

    Adjoint: `g` rotated back.

    Args:
        input: tensor with at least two dimensions.
        k: how many times; negative turns the other way.
        dims: the two dimensions of the plane.

    Raises:
        ArgumentError: if `dims` are not two different dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.rot90(tg.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    input = as_operand(input, "rot90")
    (turns,) = sizes("rot90", (k,))
    if input.ndim < 2:
        raise ShapeError(f"rot90: input must have two dimensions at least, got {input.shape}")
    plane = tuple(normal_dim("rot90", d, input.ndim) for d in sizes("rot90", (dims,)))
    if len(plane) != 2 or plane[0] == plane[1]:
        raise ArgumentError(f"rot90: dims must be two different dimensions, got {dims}")
    out = np.rot90(input.array, turns, plane).copy()
    return record1(out, _rot90_vjp, input, (turns, plane))


def _rot90_vjp(g, k, plane):
    return np.rot90(g, -k, plane)


moveaxis = movedim


@implements(np.moveaxis)
def _numpy_moveaxis(a: Any, source: Any, destination: Any) -> Any:
    return movedim(a, source, destination)


@implements(np.flip)
def _numpy_flip(m: Any, axis: Any = None) -> Any:
    return flip(m, tuple(range(m.ndim)) if axis is None else axis)


UNCHANGED = {
    np.fliplr: fliplr, np.flipud: flipud, np.atleast_1d: atleast_1d, np.atleast_2d: atleast_2d,
    np.atleast_3d: atleast_3d,
}  # fmt: skip
for _word, _operation in UNCHANGED.items():
    implements(_word)(_operation)


@implements(np.roll)
def _numpy_roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        shift = (sum(sizes("roll", (shift,))),)
    else:  # they broadcast
        many = max(len(np.atleast_1d(shift)), len(np.atleast_1d(axis)))
        shift, axis = (tuple(np.broadcast_to(v, many).tolist()) for v in (shift, axis))
    return roll(a, shift, axis)


@implements(np.rot90)
def _numpy_rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    return rot90(m, k, axes)


@implements(np.broadcast_arrays)
def _numpy_broadcast_arrays(*args: Any) -> Any:
    return broadcast_tensors(*args)
