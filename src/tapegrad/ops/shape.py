"""Operations that move elements about without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import kernels
from .._typing import Shape
from ..device import apart
from ..errors import ArgumentError, DimensionError, ShapeError
from ..record import join_family, record, record1, record_view
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, different_devices
from .output import into

__all__ = [
    "broadcast_to", "cat", "chunk", "clone", "detach", "flatten", "permute", "ravel", "reshape", "split",
    "squeeze", "stack", "swapaxes", "swapdims", "transpose", "unsqueeze",
]  # fmt: skip
METHODS = [
    "broadcast_to", "chunk", "clone", "contiguous", "detach", "expand", "flatten", "permute", "ravel",
    "reshape", "split", "squeeze", "swapaxes", "swapdims", "transpose", "unsqueeze",
]  # fmt: skip


def normal_dim(op: str, dim: Any, ndim: int) -> int:
    """A dimension counted from the front; a 0-d tensor counts as having one."""
    try:
        d = dim.__index__()
    except AttributeError:
        raise ArgumentError(f"{op}: dim must be an int, got {type(dim).__name__}") from None
    n = max(ndim, 1)
    if not -n <= d < n:
        raise DimensionError(f"{op}: dim must be between {-n} and {n - 1}, got {d}")
    return int(d % n)


def normal_dims(op: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """Several dimensions counted from the front; None or an empty sequence means all of them."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, (tuple, list)):
        dims = tuple(normal_dim(op, d, ndim) for d in dim) or tuple(range(ndim))
        if len(set(dims)) != len(dims):
            raise ArgumentError(f"{op}: dim {tuple(dim)} names a dimension twice")
        return dims if ndim else ()
    return (normal_dim(op, dim, ndim),) if ndim else ()


def sizes(op: str, given: tuple[Any, ...]) -> Shape:
    """Sizes given one by one, or as one sequence."""
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    try:
        return tuple(int(n.__index__()) for n in given)
    except AttributeError:
        raise ArgumentError(f"{op}: sizes must be ints, got {given}") from None


def whole_number(op: str, name: str, value: Any, least: int = 0) -> int:
    """An int that is not below a limit, or an error."""
    if value.__class__ is int and value >= least:
        return value
    try:
        number = least - 1 if isinstance(value, bool) else int(value.__index__())
    except (AttributeError, TypeError):
        number = least - 1
    if number < least:
        wanted = "a positive int" if least == 1 else f"an int of at least {least}"
        raise ArgumentError(f"{op}: {name} must be {wanted}, got {value!r}")
    return number


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Give the same elements another shape, as a view where the memory allows it.

    Adjoint: `g` in the input's shape.

    Args:
        input: tensor of any shape.
        shape: the new sizes; one of them may be -1.

    Raises:
        ShapeError: if the number of elements differs.

    Example:
        >>> import tapegrad as tg
        >>> tg.reshape(tg.arange(4), (2, -1))
        tensor([[0, 1],
                [2, 3]])
    """
    input = as_operand(input, "reshape")
    x = input.array
    try:
        out = x.reshape(*shape)
    except (TypeError, ValueError):
        new = sizes("reshape", shape)
        raise ShapeError(
            f"reshape: {x.size} elements of shape {x.shape} do not fit into {new}"
        ) from None
    return record_view(out, _reshape_vjp, input, (x.shape,))


def _reshape_vjp(g, shape):
    return g.reshape(shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join consecutive dimensions into one.

    Args:
        input: tensor; a 0-d one becomes 1-d.
        start_dim, end_dim: first and last dimension to join.

    Example:
        >>> import tapegrad as tg
        >>> tg.flatten(tg.zeros(2, 3, 4), 1).shape
        (2, 12)
    """
    input = as_operand(input, "flatten")
    shape = input.shape or (1,)
    start = normal_dim("flatten", start_dim, len(shape))
    end = normal_dim("flatten", end_dim, len(shape))
    if start > end:
        raise ArgumentError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    joined = int(np.prod(shape[start : end + 1], dtype=np.int64))
    return reshape(input, (*shape[:start], joined, *shape[end + 1 :]))


def transpose(input: Tensor, dim0: Any, dim1: int | None = None) -> Tensor:
    """Swap two dimensions; a view. Adjoint: `g` with the same two swapped.

    Args:
        input: tensor.
        dim0, dim1: the dimensions; or all of them in a new order, as one sequence, which is NumPy's form.

    Raises:
        DimensionError: if one does not exist.

    Example:
        >>> import tapegrad as tg
        >>> tg.transpose(tg.zeros(2, 3), 0, 1).shape
        (3, 2)
    """
    input = as_operand(input, "transpose")
    if dim1 is None:
        if not isinstance(dim0, (tuple, list)):
            raise ArgumentError(
                f"transpose: needs two dimensions or a sequence of all, got {dim0!r}"
            )
        return permute(input, tuple(dim0))
    a = normal_dim("transpose", dim0, input.ndim)
    b = normal_dim("transpose", dim1, input.ndim)
    if not input.ndim:
        return record_view(input.array.reshape(()), _reshape_vjp, input, ((),))
    return record_view(input.array.swapaxes(a, b), _transpose_vjp, input, (a, b))


def _transpose_vjp(g, a, b):
    return g.swapaxes(a, b)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """Reorder all dimensions; a view. Adjoint: `g` in the inverse order.

    Args:
        input: tensor.
        dims: every dimension once, in the new order.

    Raises:
        ArgumentError: if `dims` is no permutation.

    Example:
        >>> import tapegrad as tg
        >>> tg.permute(tg.zeros(2, 3, 4), (2, 0, 1)).shape
        (4, 2, 3)
    """
    input = as_operand(input, "permute")
    order = tuple(normal_dim("permute", d, input.ndim) for d in sizes("permute", dims))
    if sorted(order) != list(range(input.ndim)):
        raise ArgumentError(
            f"permute: dims must name each of {input.ndim} dimensions once, got {order}"
        )
    inverse = tuple(order.index(d) for d in range(input.ndim))
    return record_view(np.transpose(input.array, order), _permute_vjp, input, (inverse,))


def _permute_vjp(g, inverse):
    return np.transpose(g, inverse)


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Drop dimensions of size 1; a view. Adjoint: `g` in the input's shape.

    Args:
        input: tensor.
        dim: one or several; those of another size stay. By default all of size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.squeeze(tg.zeros(1, 3, 1)).shape
        (3,)
    """
    input = as_operand(input, "squeeze")
    shape = input.shape
    dims = normal_dims("squeeze", dim, input.ndim) if dim != () else ()
    new = tuple(n for i, n in enumerate(shape) if n != 1 or i not in dims)
    return record_view(input.array.reshape(new), _reshape_vjp, input, (shape,))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1; a view. Adjoint: `g` in the input's shape.

    Args:
        input: tensor.
        dim: where the new dimension will be, from `-ndim - 1` to `ndim`.

    Raises:
        DimensionError: if `dim` is outside that range.

    Example:
        >>> import tapegrad as tg
        >>> tg.unsqueeze(tg.zeros(3), 0).shape
        (1, 3)
    """
    input = as_operand(input, "unsqueeze")
    shape = input.shape
    d = normal_dim("unsqueeze", dim, len(shape) + 1)
    new = (*shape[:d], 1, *shape[d:])
    return record_view(input.array.reshape(new), _reshape_vjp, input, (shape,))


def expand(input: Tensor, *sizes_: Any) -> Tensor:
    """Repeat dimensions of size 1 without copying; a read-only view.

    Adjoint: `g` summed over the repeated dimensions.

    Args:
        input: tensor.
        sizes_: the new sizes, more in front if wanted; -1 keeps a size.

    Raises:
        ShapeError: if a size other than 1 would have to change.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([[1.0], [2.0]]).expand(2, 3)
        tensor([[1., 1., 1.],
                [2., 2., 2.]])
    """
    input = as_operand(input, "expand")
    have, want = input.shape, sizes("expand", sizes_)
    extra = len(want) - len(have)
    new = tuple(have[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(want))
    if extra < 0 or min(new, default=0) < 0:
        raise ShapeError(f"expand: {have} cannot become {want}: sizes are missing")
    try:
        out = np.broadcast_to(input.array, new)
    except ValueError:
        raise ShapeError(f"expand: {have} cannot become {want}: only sizes of 1 can grow") from None
    return record_view(out, _expand_vjp, input)


def _expand_vjp(g):
    return g  # summed by the engine


kernels.broadcast.register(Tensor)(lambda tensor, shape: expand(tensor, tuple(shape)))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Expand to a shape; the same as `input.expand(size)`.

    Args:
        input: tensor.
        size: the new shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.broadcast_to(tg.tensor([1.0]), (2, 2)).shape
        (2, 2)
    """
    return expand(input, tuple(size))


def tensors_of(op: str, tensors: Any) -> tuple[Tensor, ...]:
    """Tensors to be joined, on one device and in their common dtype."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise ArgumentError(f"{op}: tensors must be a tuple or list of tensors")
    if not tensors:
        raise ArgumentError(f"{op}: needs at least one tensor, got none")
    operands = [as_operand(t, op, f"tensors[{i}]") for i, t in enumerate(tensors)]
    for t in operands[1:]:
        if apart(t.array, operands[0].array):
            raise different_devices(op, operands[0], t)
    if any(t.array.dtype is not operands[0].array.dtype for t in operands):
        dtype = np.dtype(operands[0].dtype)
        from ..dtypes import promote_types
        from .cast import cast

        for t in operands:
            dtype = promote_types(dtype, t.dtype)
        operands = [cast(t, dtype) for t in operands]
    return tuple(operands)


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Join tensors along an existing dimension.

    Adjoint: each tensor gets its piece of `g`.

    Args:
        tensors: tensors that agree in all other sizes; an empty 1-d one is passed over.
        dim: the dimension to join.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.cat([tg.tensor([1.0]), tg.tensor([2.0, 3.0])])
        tensor([1., 2., 3.])
    """
    if out is not None:
        return into(out, cat, tensors, dim)
    parts = tensors_of("cat", tensors)
    full = [t for t in parts if t.shape != (0,)] or list(parts[:1])
    d = normal_dim("cat", dim, full[0].ndim)
    for i, t in enumerate(full):
        if not t.ndim:
            raise ShapeError(f"cat: tensors[{i}] is 0-d and cannot be joined; use stack")
        rest = full[0].shape[:d] + full[0].shape[d + 1 :]
        if t.ndim != full[0].ndim or t.shape[:d] + t.shape[d + 1 :] != rest:
            raise ShapeError(
                f"cat: tensors[{i}] has shape {t.shape}, expected {full[0].shape} except in dim {d}"
            )
    ends = np.cumsum([t.shape[d] for t in full]).tolist()
    result = np.concatenate([t.array for t in full], axis=d)
    return record(result, _cat_vjp, full, (d, ends))


def _cat_vjp(g, dim, ends):
    before = (slice(None),) * dim
    return [g[(*before, slice(a, b))] for a, b in zip([0, *ends], ends, strict=False)]


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Join tensors of one shape along a new dimension.

    Adjoint: each tensor gets its slice of `g`.

    Args:
        tensors: tensors of the same shape.
        dim: where the new dimension will be.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if shapes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.stack([tg.tensor(1.0), tg.tensor(2.0)])
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, stack, tensors, dim)
    parts = tensors_of("stack", tensors)
    d = normal_dim("stack", dim, parts[0].ndim + 1)
    for i, t in enumerate(parts):
        if t.shape != parts[0].shape:
            raise ShapeError(f"stack: tensors[{i}] has shape {t.shape}, expected {parts[0].shape}")
    result = np.stack([t.array for t in parts], axis=d)
    return record(result, _stack_vjp, parts, (d, len(parts)))


def _stack_vjp(g, dim, n):
    before = (slice(None),) * dim
    return [g[(*before, i)] for i in range(n)]


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Cut along a dimension; the pieces are views.

    Adjoint: the pieces' gradients joined again, zero for a piece that was not used.

    Args:
        tensor: tensor with at least one dimension.
        split_size_or_sections: size of each piece (the last may be smaller), or the sizes of all.
        dim: the dimension to cut.

    Raises:
        ShapeError: if the sizes do not add up.

    Example:
        >>> import tapegrad as tg
        >>> tg.split(tg.arange(5), 2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    tensor = as_operand(tensor, "split", "tensor")
    if not tensor.ndim:
        raise ShapeError("split: a 0-d tensor cannot be cut")
    d = normal_dim("split", dim, tensor.ndim)
    n = tensor.shape[d]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise ArgumentError(f"split: the size of a piece must be positive, got {size}")
        lengths = [min(size, n - start) for start in range(0, n, size)] if n else [0]
    else:
        lengths = list(split_size_or_sections)
        if sum(lengths) != n or min(lengths, default=0) < 0:
            raise ShapeError(f"split: sections {lengths} do not add up to {n}, the size of dim {d}")
    ends = np.cumsum(lengths).tolist()
    before = (slice(None),) * d
    pieces = tuple(
        tensor.array[(*before, slice(a, b))] for a, b in zip([0, *ends], ends, strict=False)
    )
    outs = record(pieces, _split_vjp, (tensor,), (d, [p.shape for p in pieces]))
    for piece in outs:
        join_family(piece, tensor)
    return outs


def _split_vjp(gs, dim, shapes):
    some = next(g for g in gs if g is not None)
    zeros = (np.zeros_like(raw(some), shape=shape) for shape in shapes)
    return (
        np.concatenate([z if g is None else g for g, z in zip(gs, zeros, strict=True)], axis=dim),
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along a dimension into at most so many pieces of one size (the last may be smaller).

    Args:
        input: tensor with at least one dimension.
        chunks: number of pieces wanted.
        dim: the dimension to cut.

    Example:
        >>> import tapegrad as tg
        >>> [piece.shape for piece in tg.chunk(tg.arange(5), 2)]
        [(3,), (2,)]
    """
    if chunks < 1:
        raise ArgumentError(f"chunk: chunks must be positive, got {chunks}")
    n = input.shape[normal_dim("chunk", dim, input.ndim)] if input.ndim else 0
    return split(input, -(-n // chunks), dim)


def clone(input: Tensor) -> Tensor:
    """A copy with its own memory, on the tape. Adjoint: `g`.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.clone(tg.tensor([1.0]))
        tensor([1.])
    """
    return record1(kernels.packed(input.array), _clone_vjp, input)


def _clone_vjp(g):
    return g


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if its elements lie in row order, else a copy that does.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.zeros(2, 3).T.contiguous().is_contiguous()
        True
    """
    if input.array.flags.c_contiguous:
        return input
    return clone(input)


def detach(input: Tensor) -> Tensor:
    """The same memory, cut from the tape: a constant for every gradient.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.detach(tg.ones(2, requires_grad=True)).requires_grad
        False
    """
    return wrap(input.array[...])


ravel = flatten
swapaxes = swapdims = transpose
