"""Reading and writing by index, in every basic and advanced form."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels, stamps
from ..batching import check_width, over, widened
from ..device import apart, backend_of, is_array, wrapping
from ..errors import DeviceError, DimensionError, DtypeError, ShapeError
from ..record import join_family, record1
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, different_devices, transfer
from .inplace import check_writable, rebind
from .output import into
from .shape import normal_dim, reshape
from .words import implements

__all__ = ["take_along_dim"]
METHODS = __all__


def _plain(index: Any, array: Any) -> tuple[Any, ...]:
    """An index as a tuple without tensors and lists."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(_part(part, array) for part in parts)


def _part(part: Any, array: Any) -> Any:
    if isinstance(part, (int, slice)) or part is None or part is Ellipsis:
        return _slice(part) if isinstance(part, slice) else part
    if isinstance(part, (list, tuple, range)):
        part = np.asarray([raw(p) for p in part], dtype=None if len(part) else np.int64)
    part = raw(part)
    if isinstance(part, np.generic):
        part = part.item()
        if isinstance(part, int):
            return part
    if not is_array(part):
        raise DtypeError(
            f"index: must be made of ints, slices, None, ..., and integer or bool tensors, "
            f"got {type(part).__name__}"
        )
    if part.dtype.kind not in "iub":
        raise DtypeError(
            f"index: tensors used as indices must be integer or bool, got {part.dtype}"
        )
    if apart(part, array) and not isinstance(part, np.ndarray):
        raise DeviceError(
            "index: the index is on another device than the tensor; move it with .to()"
        )
    if not part.ndim and part.dtype.kind != "b" and part.__class__ not in wrapping:
        return int(backend_of(part).to_host(part))  # waits for the device, as PyTorch does
    if apart(part, array):  # a host index into a device array is copied there
        return np.asarray(part) if isinstance(array, np.ndarray) else _to_device(part, array)
    return part


def _slice(part: slice) -> slice:
    ends = (part.start, part.stop, part.step)
    if all(end is None or end.__class__ is int for end in ends):
        return part
    try:
        return slice(*(None if end is None else end.__index__() for end in ends))
    except AttributeError:
        raise DtypeError(
            f"index: the ends and the step of a slice must be ints, got {part}"
        ) from None


def _to_device(part: Any, array: Any) -> Any:
    return backend_of(array).from_host(part)


def stages_of(index: Any, array: Any) -> tuple[tuple[Any, ...], bool]:
    """An index as one or two plain indices to be applied in turn, and whether it copies.

    NumPy counts an int among tensors as a tensor, which moves the indexed dimensions; PyTorch takes
    ints (with slices and None) first. So a mixed index becomes two.
    """
    parts = _plain(index, array)
    copies = any(is_array(part) or isinstance(part, bool) for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts = (*parts, Ellipsis)  # an element is a 0-d view, not a NumPy scalar
    if not copies or not any(isinstance(p, int) and not isinstance(p, bool) for p in parts):
        return (parts,), copies
    used = sum(map(_dims_used, parts))
    first: list[Any] = []
    second: list[Any] = []
    every = slice(None)
    for part in parts:
        if part is Ellipsis:
            first += [every] * (array.ndim - used)
            second += [every] * (array.ndim - used)
        elif is_array(part):
            first += [every] * _dims_used(part)
            second.append(part)
        elif isinstance(part, bool):
            second.append(part)
        else:
            first.append(part)
            if part is None or isinstance(part, slice):
                second.append(every)
    return ((*first, Ellipsis), tuple(second)), True


def _dims_used(part: Any) -> int:
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if is_array(part) and part.dtype.kind == "b" else 1


def read(array: Any, stages: Any) -> Any:
    """Apply the stages of an index in turn."""
    for stage in stages:
        array = array[stage]
    return array


def getitem(input: Tensor, index: Any) -> Tensor:
    """Read by index: `input[index]`. Ints, slices, None and ... give a view, tensors and lists a copy.

    Adjoint: zeros of the input's shape with `g` added at the index.

    Args:
        input: tensor.
        index: as for NumPy arrays; an int beside a tensor is taken first, as in PyTorch.

    Raises:
        DimensionError: for an index out of range, or too many of them.
        DtypeError: for an index of floats.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x[:, 1], x[tg.tensor([1, 1]), [0, 1]]
        (tensor([2., 4.]), tensor([3., 4.]))
    """
    x = input.array
    stages, copies = stages_of(index, x)
    if copies:
        input = over(input, *index_arrays(stages))
        x = input.array
    try:
        out = read(x, stages)
    except (IndexError, ValueError) as error:
        raise refused_index(error, x) from None
    indices = index_arrays(stages) if copies else ()
    repeats = any(part.dtype.kind != "b" for part in indices)
    tensor = record1(out, _getitem_vjp, input, (stages, x.shape, repeats, *indices))
    if not copies:
        join_family(tensor, input)
    return tensor


def index_arrays(stages: Any) -> tuple[Any, ...]:
    """The arrays of an index, to be saved beside it: a later change of one is then noticed."""
    return tuple(part for part in stages[-1] if is_array(part))


def _getitem_vjp(g, stages, shape, repeats, *indices):
    return kernels.index_add(g, stages, shape, repeats)


@kernels.index_add.register(Tensor)
def _index_add(input, stages, shape, repeats):
    out = kernels.index_add(input.array, stages, shape, repeats)
    return record1(out, _index_add_vjp, input, (stages, *index_arrays(stages)))


def _index_add_vjp(g, stages, *indices):
    return read(g, stages)


@kernels.scatter_along.register(Tensor)
def _scatter_along(input, indices, dim, shape):
    out = kernels.scatter_along(input.array, indices, dim, shape)
    return record1(out, _scatter_along_vjp, input, (indices, dim))


def _scatter_along_vjp(g, indices, dim):
    return np.take_along_axis(g, indices, dim)


def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Pick along a dimension by an index per element: `out[i, j] = input[i, indices[i, j]]`.

    Adjoint: zeros of the input's shape with `g` added at the indices.

    Args:
        input: tensor.
        indices: integer tensor with the same number of dimensions; the others broadcast.
        dim: the dimension; None takes from the flattened input by the flattened indices.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DimensionError: for an index out of range, or a dimension that does not exist.
        DtypeError: if the indices are no integers.
        ShapeError: if the numbers of dimensions differ, or the other sizes do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.take_along_dim(tg.tensor([[1.0, 2.0]]), tg.tensor([[1]]), 1)
        tensor([[2.]])
    """
    if out is not None:
        return into(out, take_along_dim, input, indices, dim)
    input = as_operand(input, "take_along_dim")
    indices = as_operand(indices, "take_along_dim", "indices")
    if dim is None:
        return take_along_dim(reshape(input, (-1,)), reshape(indices, (-1,)), 0)
    x, i = input.array, indices.array
    if apart(i, x):
        raise different_devices("take_along_dim", input, indices)
    if i.dtype.kind not in "iu":
        raise DtypeError(f"take_along_dim: indices must be integers, got {i.dtype}")
    if i.ndim != x.ndim:
        raise ShapeError(
            f"take_along_dim: input of shape {x.shape} and indices of shape {i.shape} must have the "
            "same number of dimensions"
        )
    d = normal_dim("take_along_dim", dim, x.ndim)
    place = _along(i, d, x)
    try:
        result = widened(x, i)[place]
    except IndexError as error:
        kind = ShapeError if "broadcast" in str(error) else DimensionError
        raise kind(
            f"take_along_dim: {error} (input of shape {x.shape}, indices of shape {i.shape})"
        ) from None
    return record1(result, _take_along_dim_vjp, input, ((place,), x.shape, i))


def _along(indices: Any, dim: int, array: Any) -> tuple[Any, ...]:
    """The index that names, for each of `indices`, its element along a dimension."""
    arange = backend_of(array).namespace.arange
    ndim = array.ndim
    place = tuple(
        indices if i == dim else arange(n).reshape((1,) * i + (n,) + (1,) * (ndim - i - 1))
        for i, n in enumerate(array.shape)
    )
    return place or (Ellipsis,)


def _take_along_dim_vjp(g, stages, shape, indices):
    return kernels.index_add(g, stages, shape, True)


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Write by index, in place: `input[index] = value`.

    Adjoint: `g` with zeros at the index for `input`, `g[index]` for `value`.

    Args:
        input: tensor; recorded only if it is no leaf that requires a gradient.
        index: as for reading; an element named twice gets one of the values.
        value: tensor or number whose shape broadcasts to that of `input[index]`.

    Raises:
        GraphError: for a leaf that requires a gradient, or a tensor other tensors view.
        ShapeError: if the value does not fit.
        DimensionError: for an index out of range.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.zeros(3)
        >>> x[1:] = tg.tensor([5.0, 6.0])
        >>> x
        tensor([0., 5., 6.])
    """
    x = input.array
    stages, _ = stages_of(index, x)
    if not isinstance(value, (Tensor, int, float, complex)):
        from ..creation import tensor as make

        value = make(value, device=input.device)
    if isinstance(value, Tensor):
        if apart(value.array, x):
            if value.ndim:
                raise different_devices("x[i] = v", input, value)
            value = transfer(value, input.device)
        value = cast(value, x.dtype)
    elif isinstance(value, complex) and x.dtype.kind != "c":
        raise DtypeError(f"x[i] = v: a {x.dtype} tensor takes a real number, got {value}")
    check_width("x[i] = v", x, raw(value), *index_arrays(stages))
    recorded = check_writable("x[i] = v", input, value, "use tapegrad.where or a clone()")
    try:
        target = read(x, stages[:-1])
        target[stages[-1]] = raw(value)
    except (IndexError, ValueError) as error:
        raise refused_index(error, x, _shape_at(x, stages), value) from None
    stamps.stamp(x, "x[i] = v")
    if recorded:
        saved = (stages, *index_arrays(stages))
        rebind(input, (_setitem_vjp_input, _setitem_vjp_value), value, saved)


def _setitem_vjp_input(g, stages, *indices):
    return kernels.index_zero(g, stages)


def _setitem_vjp_value(g, stages, *indices):
    return read(g, stages)


@kernels.index_zero.register(Tensor)
def _index_zero(input, stages):
    saved = stages, *index_arrays(stages)
    return record1(kernels.index_zero(input.array, stages), _index_zero_vjp, input, saved)


def _index_zero_vjp(g, stages, *indices):
    return kernels.index_zero(g, stages)


def _shape_at(x: Any, stages: Any) -> Any:
    try:
        return read(x, stages).shape
    except (IndexError, ValueError):
        return None


def refused_index(error: Exception, x: Any, shape: Any = None, value: Any = None) -> Exception:
    """The error to raise when NumPy has refused an index, or a value at it."""
    if isinstance(error, IndexError) or shape is None:
        return DimensionError(f"index: {error} (tensor of shape {x.shape})")
    return ShapeError(
        f"x[i] = v: a value of shape {getattr(value, 'shape', ())} does not broadcast to {shape}, "
        "the shape of x[i]"
    )


@implements(np.take_along_axis)
def _np_take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    if not isinstance(indices, Tensor):
        indices = wrap(indices[...])
    return take_along_dim(arr, indices, axis)
