"""Functions that make tensors from data, and tensors of one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from ._typing import DType, DTypeLike, Shape
from .device import backend_for, backend_of, is_array, move, owner
from .device import device as Device
from .errors import ArgumentError, DeviceError, DtypeError, ShapeError
from .ops.cast import cast, transfer
from .ops.output import check_target, into
from .ops.shape import clone, sizes
from .ops.words import implements
from .tape import leaf
from .tensor import Tensor, raw, to_host, wrap

__all__ = [
    "as_tensor", "asarray", "empty", "empty_like", "from_dlpack", "from_numpy", "full", "full_like",
    "ones", "ones_like", "tensor", "zeros", "zeros_like",
]  # fmt: skip


def finish(array: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new leaf around a new array, moved to its device."""
    made = wrap(array if device is None else move(array, device))
    if requires_grad:
        require_grad(made)
    return made


def require_grad(made: Tensor) -> None:
    """Put a leaf on the tape."""
    dtype = made.array.dtype
    if (dtypes.category(dtype) or 0) < 2:
        raise DtypeError(
            f"requires_grad: {dtype} tensors cannot require a gradient; use a floating or complex dtype"
        )
    made.node = leaf(made)


def tensor(
    data: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor with its own copy of the data.

    Args:
        data: number, (nested) sequence of numbers, array or tensor.
        dtype: by default that of an array, float32 (the default dtype) for Python floats, int64 for
            ints, bool for bools.
        device: by default the data's, or the CPU.
        requires_grad: whether to record what is computed from it.

    Raises:
        ShapeError: for sequences of uneven lengths.
        DtypeError: for what is no number, or if an integer tensor is to require a gradient.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        tensor([[1., 2.],
                [3., 4.]])
    """
    return finish(_array(data, dtype, copy=True), device, requires_grad)


def _array(data: Any, dtype: DTypeLike, copy: bool) -> Any:
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    data = raw(data)
    if is_array(data):
        backend_of(data)
        if dtypes.category(data.dtype) is None:
            raise DtypeError(f"tensor: an array of {data.dtype} cannot become a tensor")
        if wanted is not None and wanted != data.dtype:
            return data.astype(wanted)
        if not data.dtype.isnative:
            return data.astype(data.dtype.newbyteorder("="))
        return data.copy() if copy else data[...]
    if isinstance(data, np.generic):
        return np.array(data, dtype=wanted)
    if isinstance(data, (list, tuple)) and _holds(data, Tensor):
        data = _lists(data)
    try:
        host = np.array(data)
    except ValueError:
        raise ShapeError(
            "tensor: nested sequences must have equal lengths at every level"
        ) from None
    except (TypeError, OverflowError) as error:
        raise DtypeError(f"tensor: the data cannot be held by a tensor: {error}") from None
    if dtypes.category(host.dtype) is None:
        raise DtypeError(
            f"tensor: data must be numbers or bools, got {type(data).__name__} of {host.dtype.name}"
        )
    if wanted is None:
        wanted = host.dtype
        if not _holds(data, np.generic) and not _holds(data, np.ndarray):
            default = dtypes.get_default_dtype()
            wanted = {"f": default, "c": dtypes.complex_of(default)}.get(host.dtype.kind, wanted)
        if host.size == 0 and not is_array(data):
            wanted = dtypes.get_default_dtype()
    if host.dtype.kind == "c" and wanted.kind != "c":
        raise DtypeError(f"tensor: complex data do not fit into {wanted}")
    return host.astype(wanted)


def _holds(data: Any, kind: type) -> bool:
    """Whether the first element of nested sequences is of a kind."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, kind)


def _lists(data: Any) -> Any:
    if isinstance(data, Tensor):
        return to_host(data)
    return [_lists(item) for item in data] if isinstance(data, (list, tuple)) else data


def as_tensor(data: Any, dtype: DTypeLike = None, device: Any = None) -> Tensor:
    """Make a tensor, sharing the memory where that is possible.

    Args:
        data: as for `tensor`; a tensor stays itself (and on the tape) if nothing has to change.
        dtype, device: as for `tensor`.

    Example:
        >>> import numpy as np, tapegrad as tg
        >>> a = np.zeros(2)
        >>> t = tg.as_tensor(a)
        >>> a[0] = 7.0
        >>> t
        tensor([7., 0.], dtype=tapegrad.float64)
    """
    if isinstance(data, Tensor):
        out = data if dtype is None else cast(data, dtypes.as_dtype(dtype))
        return out if device is None else transfer(out, device)
    return finish(_array(data, dtype, copy=False), device)


def asarray(
    obj: Any,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """Make a tensor, sharing the memory or not.

    Args:
        obj: number, (nested) sequence of numbers, array or tensor.
        dtype, device: as for `tensor`.
        copy: True to copy in any case, False to share or refuse, None to copy where it is needed.
        requires_grad: True for a leaf that records, False for a tensor that does not; None leaves a
            tensor on the tape and everything else off it.

    Raises:
        ArgumentError: if the memory cannot be shared and `copy` is False.

    Example:
        >>> import numpy as np, tapegrad as tg
        >>> a = np.zeros(2)
        >>> t = tg.asarray(a, copy=False)
        >>> a[0] = 7.0
        >>> t
        tensor([7., 0.], dtype=tapegrad.float64)
    """
    source = raw(obj)
    out = as_tensor(obj, dtype, device)
    shared = is_array(source) and owner(out.array) is owner(source)
    if copy is False and not shared:
        raise ArgumentError(
            f"asarray: a {type(obj).__name__} cannot become a tensor of {out.dtype} on "
            f"{out.device} without a copy; leave out copy=False"
        )
    if copy and shared:
        out = clone(out)
    if requires_grad is None or requires_grad == out.requires_grad:
        return out
    return finish(out.array[...], requires_grad=requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of a NumPy array; changes of one are seen by the other.

    Args:
        ndarray: NumPy array.

    Raises:
        DtypeError: for anything that is no NumPy array.

    Example:
        >>> import numpy as np, tapegrad as tg
        >>> tg.from_numpy(np.arange(3))
        tensor([0, 1, 2])
    """
    if not isinstance(ndarray, np.ndarray):
        raise DtypeError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}")
    return as_tensor(ndarray)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of any array that speaks DLPack.

    Args:
        ext_tensor: object with `__dlpack__` and `__dlpack_device__`.

    Example:
        >>> import numpy as np, tapegrad as tg
        >>> tg.from_dlpack(np.arange(3))
        tensor([0, 1, 2])
    """
    kind = int(ext_tensor.__dlpack_device__()[0])
    namespace = backend_for("cpu" if kind == 1 else "cuda").namespace
    return wrap(namespace.from_dlpack(ext_tensor))


def legacy_tensor(cls: type, *args: Any, dtype: DTypeLike = None, device: Any = None) -> Tensor:
    """`Tensor(2, 3)` is uninitialised, `Tensor(data)` a copy, both in the default dtype."""
    kind = dtypes.as_dtype(dtype)
    if len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        if isinstance(data, str) or not (isinstance(data, (Sequence, Tensor)) or is_array(data)):
            raise DtypeError(f"Tensor: data must be a sequence, got {type(data).__name__}")
        if isinstance(data, Tensor) and dtype is not None and data.dtype != kind:
            raise DtypeError(
                f"Tensor: data must be {kind}, got {data.dtype}; convert it with .to(tapegrad.{kind})"
            )
        made = tensor(
            data.detach() if isinstance(data, Tensor) else data, dtype=kind, device=device
        )
    else:
        made = empty(*(args or (0,)), dtype=kind, device=device)
    out: Tensor = object.__new__(cls)
    out.array, out.node = made.array, None
    return out


# -- constant ----------------------------------------------------------------------------------------


def new_shape(op: str, given: tuple[Any, ...]) -> Shape:
    """The shape of a new tensor, from sizes given one by one or as one sequence."""
    shape = sizes(op, given)
    if any(n < 0 for n in shape):
        raise ArgumentError(f"{op}: sizes must not be negative, got {shape}")
    return shape


def renewed(
    out: Tensor,
    make: Callable[..., Tensor],
    args: tuple[Any, ...],
    dtype: DTypeLike,
    device: Any,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """`into` for functions that make tensors: dtype and device are those of `out`, or refused."""
    op = make.__name__
    check_target(op, out)
    if dtype is not None and dtypes.as_dtype(dtype) != out.dtype:
        raise DtypeError(f"{op}: dtype is {dtypes.as_dtype(dtype)}, out has {out.dtype}; give one")
    if device is not None:
        wanted, have = Device(device), out.device
        if wanted.type != have.type or wanted.index not in (None, have.index):
            raise DeviceError(f"{op}: device is {wanted}, out is on {have}; give one of them")
    into(out, make, *args, dtype=out.dtype, device=out.device, **options)
    if requires_grad and out.node is None:
        require_grad(out)
    return out


def _filled(
    op: str, maker: str, shape: Any, dtype: DTypeLike, device: Any, requires_grad: bool, *fill: Any
) -> Tensor:
    size = new_shape(op, shape)
    make = getattr(backend_for(device).namespace, maker)
    kind = dtypes.as_dtype(dtype)
    _check_fill(op, fill, kind)
    return finish(make(size, *fill, dtype=kind), device, requires_grad)


def zeros(
    *size: Any,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of zeros.

    Args:
        size: sizes, one by one or as one sequence.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.zeros(2)
        tensor([0., 0.])
    """
    if out is not None:
        return renewed(out, zeros, size, dtype, device, requires_grad)
    return _filled("zeros", "zeros", size, dtype, device, requires_grad)


def ones(
    *size: Any,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of ones.

    Args:
        size: sizes, one by one or as one sequence.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.ones(2)
        tensor([1., 1.])
    """
    if out is not None:
        return renewed(out, ones, size, dtype, device, requires_grad)
    return _filled("ones", "ones", size, dtype, device, requires_grad)


def empty(
    *size: Any,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose values are whatever the memory held.

    Args:
        size: sizes, one by one or as one sequence.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: the default dtype by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.empty(2, 3).shape
        (2, 3)
    """
    if out is not None:
        return renewed(out, empty, size, dtype, device, requires_grad)
    return _filled("empty", "empty", size, dtype, device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value.

    Args:
        size: sequence of sizes.
        fill_value: the number.
        out: tensor to fill and return instead, of this shape or empty; gives dtype and device.
        dtype: by default what the number alone would get.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.full((2,), 7)
        tensor([7, 7])
    """
    if out is not None:
        return renewed(out, full, (size, fill_value), dtype, device, requires_grad)
    value = fill_value.item() if isinstance(fill_value, (Tensor, np.generic)) else fill_value
    kind = dtypes.default_for(value) if dtype is None else dtype
    return _filled("full", "full", (size,), kind, device, requires_grad, value)


def _check_fill(op: str, fill: tuple[Any, ...], dtype: DType) -> None:
    if dtype.kind != "c" and any(isinstance(value, complex) for value in fill):
        raise DtypeError(f"{op}: a {dtype} tensor takes a real number, got {fill[0]}")


def _like(
    name: str, input: Any, dtype: Any, device: Any, requires_grad: bool, *fill: Any
) -> Tensor:
    make = getattr(np, name)
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    _check_fill(name, fill, raw(input).dtype if kind is None else kind)
    return finish(make(raw(input), *fill, dtype=kind), device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        dtype, device: to override its own.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.zeros_like(tg.tensor([1, 2]))
        tensor([0, 0])
    """
    return _like("zeros_like", input, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        dtype, device: to override its own.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.ones_like(tg.tensor([1, 2]))
        tensor([1, 1])
    """
    return _like("ones_like", input, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An uninitialised tensor with the shape, dtype and device of another.

    Args:
        input: the tensor.
        dtype, device: to override its own.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.empty_like(tg.tensor([1, 2])).shape
        (2,)
    """
    return _like("empty_like", input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value, with the shape, dtype and device of another tensor.

    Args:
        input: the tensor.
        fill_value: the number.
        dtype, device: to override its own.
        requires_grad: whether to record what is computed from it.

    Example:
        >>> import tapegrad as tg
        >>> tg.full_like(tg.tensor([1, 2]), 5)
        tensor([5, 5])
    """
    return _like("full_like", input, dtype, device, requires_grad, fill_value)


@implements(np.zeros_like)
def _np_zeros_like(
    a: Tensor,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tensor:
    return wrap(np.zeros_like(a.array, dtype=dtype, shape=shape))


@implements(np.ones_like)
def _np_ones_like(
    a: Tensor,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tensor:
    return wrap(np.ones_like(a.array, dtype=dtype, shape=shape))


@implements(np.empty_like)
def _np_empty_like(
    prototype: Tensor, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Tensor:  # fmt: skip
    return wrap(np.empty_like(prototype.array, dtype=dtype, shape=shape))


@implements(np.full_like)
def _np_full_like(
    a: Tensor, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Tensor:  # fmt: skip
    return wrap(np.full_like(a.array, raw(fill_value), dtype=dtype, shape=shape))
