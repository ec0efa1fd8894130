"""Operators and methods of `Tensor`, bound by assignment to the operations.

What stands here and nowhere else are conversions, the protocols of NumPy and DLPack, and the methods
that concern a tensor's place on the tape.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import creation, dtypes, legacy, questions, refilling, sampling, stamps, storage
from .autograd.backward import backward as run_backward
from .device import device, innermost, owner
from .errors import ArgumentError, DeviceError, DtypeError, GraphError
from .gradients import RETAIN, RemovableHandle, deposited_hooks, own
from .ops import OPERATIONS, arithmetic, compare, complex_numbers, index, reduce, shape
from .ops.cast import cast, transfer
from .ops.inplace import check_writable, inplace
from .tape import Leaf, hooks
from .tensor import Tensor, raw, to_host, wrap

if TYPE_CHECKING:
    from .debug import Tape

# -- conversions -------------------------------------------------------------------------------------


def item(self: Tensor) -> Any:
    """The single element as a Python number.

    Raises:
        ArgumentError: if there is not exactly one element.
    """
    if self.array.size != 1:
        raise ArgumentError(f"item: needs exactly one element, shape is {self.shape}; use tolist()")
    return to_host(self).item()


def tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers."""
    return to_host(self).tolist()


def numpy(self: Tensor, *, force: bool = False) -> Any:
    """The values as a NumPy array on the same memory.

    Args:
        force: also detach, and copy from the device.

    Raises:
        GraphError: if the tensor requires grad; use `detach()` first.
        DeviceError: if it is not on the CPU; use `cpu()` first.
    """
    if not force:
        if self.node is not None:
            raise GraphError("numpy: the tensor requires grad; use x.detach().numpy()")
        if not isinstance(innermost(self.array), np.ndarray):
            raise DeviceError(f"numpy: the tensor is on {self.device}; use x.cpu().numpy()")
    return to_host(self)[...]


def _bool(self: Tensor) -> bool:
    if self.array.size != 1:
        raise ArgumentError(
            f"bool: a tensor of {self.array.size} elements (shape {self.shape}) is neither true nor "
            "false; use .any() or .all()"
        )
    return bool(to_host(self).item())


def _index(self: Tensor) -> int:
    if self.array.size != 1 or self.array.dtype.kind not in "iub":
        raise DtypeError(
            f"index: only integer tensors with one element can be used as an index, got {self.dtype} "
            f"of shape {self.shape}"
        )
    return int(to_host(self).item())


def _len(self: Tensor) -> int:
    if not self.array.ndim:
        raise TypeError("len: a 0-d tensor has no length")
    return int(self.array.shape[0])


def _iter(self: Tensor) -> Any:
    if not self.array.ndim:
        raise TypeError("iter: a 0-d tensor cannot be iterated over")
    return (index.getitem(self, i) for i in range(self.array.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    return bool(reduce.any(compare.eq(self, value)))


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    host = numpy(self)
    if dtype is not None and host.dtype != dtype:
        if copy is False:
            raise ArgumentError(f"array: {host.dtype} cannot become {dtype} without a copy")
        return host.astype(dtype)
    return host.copy() if copy else host


def _format(self: Tensor, spec: str) -> str:
    return format(item(self), spec) if not self.array.ndim else object.__format__(self, spec)


def _dlpack(self: Tensor, **options: Any) -> Any:
    if self.node is not None:
        raise GraphError("dlpack: the tensor requires grad; use x.detach()")
    return self.array.__dlpack__(**options)


def _dlpack_device(self: Tensor) -> Any:
    return self.array.__dlpack_device__()


# -- dtype and device --------------------------------------------------------------------------------


def to(
    self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False
) -> Tensor:
    """Convert to a dtype, a device, both, or those of another tensor.

    Args:
        args: a dtype, a device, both, or a tensor.
        dtype, device: the same by name.
        copy: copy even if nothing changes.

    Returns:
        The tensor itself if nothing changes.
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, bool):  # non_blocking: copies are always complete here
            continue
        elif _names_device(arg):
            device = arg
        else:
            dtype = arg
    out = self if dtype is None else cast(self, dtypes.as_dtype(dtype))
    out = out if device is None else transfer(out, device)
    return shape.clone(out) if copy and out is self else out


def _names_device(value: Any) -> bool:
    if isinstance(value, (device, int)):
        return True
    return isinstance(value, str) and value.partition(":")[0] not in np.sctypeDict


def cuda(self: Tensor, device: Any = None) -> Tensor:
    """Copy to a CUDA card; the tensor itself if it is there."""
    return transfer(self, "cuda" if device is None else device)


def cpu(self: Tensor) -> Tensor:
    """Copy to the CPU; the tensor itself if it is there."""
    return transfer(self, "cpu")


def _to_dtype(name: str) -> Callable[[Tensor], Tensor]:
    dtype = getattr(dtypes, name)

    def convert(self: Tensor) -> Tensor:
        return cast(self, dtype)

    convert.__name__ = name
    convert.__doc__ = f"Convert to {dtype}."
    return convert


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Convert to another tensor's dtype and device."""
    return to(self, other)


# -- place on the tape -------------------------------------------------------------------------------


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Begin or end recording what is computed from a leaf; returns the tensor.

    Raises:
        GraphError: if the tensor is no leaf and recording is to end.
        DtypeError: if its dtype carries no gradient.
    """
    if requires_grad:
        if self.node is None:
            creation.require_grad(self)
    elif self.node is not None:
        if not isinstance(self.node, Leaf):
            raise GraphError("requires_grad: only a leaf can stop requiring grad; use x.detach()")
        self.node = None
    return self


def is_leaf(self: Tensor) -> bool:
    """Whether the tensor was made by the user, not by a recorded operation."""
    return self.node is None or isinstance(self.node, Leaf)


def grad_fn(self: Tensor) -> Any:
    """The node of the operation that made the tensor; None for a leaf."""
    return None if is_leaf(self) else self.node


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is no leaf, in its `grad`.

    Raises:
        GraphError: if the tensor does not require grad.
    """
    if self.node is None:
        raise GraphError("retain_grad: the tensor does not require grad")
    if isinstance(self.node, Leaf):
        return
    reference = weakref.ref(self)

    def keep(g: Tensor) -> None:
        tensor = reference()
        if tensor is not None:
            gradient = own(g if g.node is not None else g.array.copy(), set())
            tensor._grad = gradient if tensor.grad is None else tensor.grad + gradient

    hooks.setdefault(self.node).setdefault(RETAIN, keep)


def retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` was called."""
    return self.node is not None and RETAIN in hooks.get(self.node)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call a function with the tensor's gradient whenever it is computed.

    Args:
        hook: gets the gradient; returns another to replace it, or None. It must not change it in place.

    Returns:
        A handle whose `remove()` takes the hook away.

    Raises:
        GraphError: if the tensor does not require grad.
    """
    if self.node is None:
        raise GraphError("register_hook: the tensor does not require grad")
    mine = hooks.setdefault(self.node)
    handle = RemovableHandle(mine)
    mine[handle.id] = hook
    return handle


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call a function with this leaf after each `backward` that has added to its `grad`.

    With it a parameter can be updated, and its gradient let go, while the others still wait for theirs.

    Args:
        hook: gets the tensor; what it returns is ignored.

    Returns:
        A handle whose `remove()` takes the hook away.

    Raises:
        GraphError: if the tensor does not require grad, or is not a leaf.
    """
    if not isinstance(self.node, Leaf):
        raise GraphError(
            "register_post_accumulate_grad_hook: only leaves that require grad have one"
        )
    mine = deposited_hooks.setdefault(self.node)
    handle = RemovableHandle(mine)
    mine[handle.id] = hook
    return handle


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Compute gradients from this tensor on, adding to the `grad` of leaves.

    Args:
        gradient: of this tensor, same shape; may be left out for a single value, and means 1 then.
        retain_graph: keep the saved values, for another backward; by default as `create_graph`.
        create_graph: record the gradients' own computation.
        inputs: only these tensors get their `grad`; by default all leaves.

    Raises:
        GraphError: without history, after the saved values were freed or changed in place.
    """
    run_backward(self, gradient, retain_graph, create_graph, inputs)


def tape(self: Tensor, names: Any = None) -> Tape:
    """List the operations behind this tensor, in the order in which they ran; see `debug.Tape`.

    Args:
        names: names for tensors: a mapping from names, or pairs as `named_parameters()` gives.

    Raises:
        GraphError: if the tensor does not require grad.
    """
    from .debug import Tape

    return Tape(self, names=names)


def _get_data(self: Tensor) -> Tensor:
    return wrap(self.array[...])


def _set_data(self: Tensor, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise DtypeError(f"data: must be a tensor, got {type(value).__name__}")
    if self.node is not None and not isinstance(self.node, Leaf):
        raise GraphError("data: only a leaf's values can be replaced; assign to x.detach() instead")
    self.array = value.array[...]
    if self.node is not None:
        # a new node: operations already recorded go on referring to the old values
        moved = [(table, table.pop(self.node)) for table in (hooks, deposited_hooks)]
        self.node = None
        creation.require_grad(self)
        for table, mine in moved:
            if mine and self.node is not None:
                table[self.node] = mine


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if not is_leaf(self):
        raise GraphError("deepcopy: only leaves can be copied; use x.detach().clone()")
    made: Tensor = object.__new__(type(self))
    memo[id(self)] = made
    made.array, made.node = self.array.copy(), None
    if self.node is not None:
        creation.require_grad(made)
    if self.grad is not None:
        made.grad = copy.deepcopy(self.grad, memo)
    if hasattr(self, "__dict__"):
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return made


def _reduce_ex(self: Tensor, protocol: Any) -> Any:
    if not is_leaf(self):
        raise GraphError("pickle: only leaves can be pickled; use x.detach()")
    return _rebuild, (type(self), to_host(self).copy(), str(self.device), self.requires_grad)


def _rebuild(kind: type, host: Any, where: str, requires_grad: bool) -> Tensor:
    made: Any = object.__new__(kind)
    made.array, made.node = raw(creation.finish(host, where)), None
    if requires_grad:
        creation.require_grad(made)
    return made  # type: ignore[no-any-return]


# -- in place ----------------------------------------------------------------------------------------


def zero_(self: Tensor) -> Tensor:
    """Fill with zeros, in place; returns the tensor."""
    return fill_(self, 0)


def fill_(self: Tensor, value: Any) -> Tensor:
    """Fill with one value, in place; returns the tensor.

    Args:
        value: number or 0-d tensor.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ArgumentError(f"fill_: value must be a number or a 0-d tensor, got {value.shape}")
    index.setitem(self, ..., value)
    return self


def copy_(self: Tensor, src: Tensor) -> Tensor:
    """Take over the values of another tensor, in place; returns the tensor.

    Args:
        src: tensor whose shape broadcasts to this one's; dtype and device may differ.
    """
    src = src if isinstance(src, Tensor) else creation.as_tensor(src)
    index.setitem(self, ..., transfer(src, self.device))
    return self


def _augmented(change: Any, ufunc: Any) -> Any:
    """`x += y`: straight into the memory where nothing is recorded."""

    def augment(self: Tensor, other: Any) -> Tensor:
        plain = self.node is None and (not isinstance(other, Tensor) or other.node is None)
        y = raw(other)
        same = getattr(y, "dtype", None) is self.array.dtype and type(y) is type(self.array)
        if plain and same and self.array.dtype.kind in "fc" and self.array.ndim >= y.ndim:
            check_writable(change.__name__, self, None, "")
            try:
                ufunc(self.array, y, out=self.array)
            except ValueError:
                return change(self, other)  # type: ignore[no-any-return]
            stamps.stamp(self.array, change.__name__)
            return self
        return change(self, other)  # type: ignore[no-any-return]

    augment.__name__ = change.__name__
    return augment


# -- other methods -----------------------------------------------------------------------------------


def size(self: Tensor, dim: int | None = None) -> Any:
    """All sizes as a tuple, or the size of one dimension."""
    return self.shape if dim is None else self.shape[shape.normal_dim("size", dim, self.ndim)]


def numel(self: Tensor) -> int:
    """Number of elements."""
    return int(self.array.size)


def dim(self: Tensor) -> int:
    """Number of dimensions."""
    return self.ndim


def element_size(self: Tensor) -> int:
    """Bytes of one element."""
    return int(self.array.dtype.itemsize)


def is_contiguous(self: Tensor) -> bool:
    """Whether the elements lie in row order."""
    return bool(self.array.flags.c_contiguous)


def data_ptr(self: Tensor) -> int:
    """Address of the first element."""
    if isinstance(self.array, np.ndarray):
        return int(self.array.ctypes.data)
    return int(self.array.data.ptr)


def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is a floating one (complex is not)."""
    return bool(dtypes.category(self.dtype) == 2)


def view(self: Tensor, *shape_: Any) -> Tensor:
    """The same memory in another shape.

    Images in channels-last memory, as convolutions give them, are copied where the shape asks for it, so
    that `x.view(x.size(0), -1)` works as where the channels come first in memory.

    Raises:
        ArgumentError: if that would need a copy of anything else; use `reshape`.
    """
    out = shape.reshape(self, *shape_)
    if owner(out.array) is not owner(self.array) and not _channels_last(self.array):
        raise ArgumentError(
            f"view: shape {self.shape} cannot be seen as {out.shape} without a copy"
        )
    return out


def _channels_last(x: Any) -> bool:
    """Whether (N, C, ...) lies in memory as (N, ..., C)."""
    return x.ndim > 2 and bool(x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous)


def _transposed(self: Tensor) -> Tensor:
    return shape.permute(self, tuple(reversed(range(self.ndim))))


def _matrix_transposed(self: Tensor) -> Tensor:
    return shape.transpose(self, -2, -1)


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expand to another tensor's shape."""
    return shape.expand(self, other.shape)


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """View in another tensor's shape."""
    return view(self, other.shape)


def _new(make: Any) -> Callable[..., Tensor]:
    def new(self: Tensor, *args: Any, **options: Any) -> Tensor:
        return make(*args, **{"dtype": self.dtype, "device": self.device, **options})  # type: ignore[no-any-return]

    new.__name__ = f"new_{make.__name__}"
    new.__doc__ = f"`{make.__name__}` with this tensor's dtype and device by default."
    return new


def _is_cuda(self: Tensor) -> bool:
    return self.device.type == "cuda"


def _reflected(operation: Any) -> Any:
    def reflected(self: Tensor, other: Any) -> Tensor:
        return operation(other, self)  # type: ignore[no-any-return]

    return reflected


def _bind() -> None:
    for module in (*OPERATIONS, legacy, questions, refilling, sampling, storage):
        for name in getattr(module, "METHODS", ()):
            setattr(Tensor, name, getattr(module, name))
        for name in getattr(module, "INPLACE", ()):
            setattr(Tensor, f"{name}_", inplace(getattr(module, name)))
    here = (
        item, tolist, numpy, to, cuda, cpu, type_as, requires_grad_, retain_grad, register_hook,
        register_post_accumulate_grad_hook,
        backward, zero_, fill_, copy_, size, numel, dim, element_size, is_contiguous, data_ptr,
        is_floating_point, view, expand_as, view_as, tape,
    )  # fmt: skip
    for method in here:
        setattr(Tensor, method.__name__, method)
    for name in ["double", "float", "half", "long", "int", "short", "bool", "cfloat", "cdouble"]:
        setattr(Tensor, name, _to_dtype(name))
    for name, getter in {
        "is_leaf": is_leaf, "grad_fn": grad_fn, "retains_grad": retains_grad, "T": _transposed,
        "mT": _matrix_transposed, "is_cuda": _is_cuda,
    }.items():  # fmt: skip
        setattr(Tensor, name, property(getter))
    for name in storage.PROPERTIES:
        setattr(Tensor, name, property(getattr(storage, name)))
    setattr(Tensor, "data", property(_get_data, _set_data))  # noqa: B010
    setattr(Tensor, "real", property(complex_numbers.real, complex_numbers.set_real))  # noqa: B010
    setattr(Tensor, "imag", property(complex_numbers.imag, complex_numbers.set_imag))  # noqa: B010
    aliases = {
        "__truediv__": "div", "__floordiv__": "floor_divide", "__matmul__": "matmul", "__neg__": "neg", "__pos__": "positive",
        "__abs__": "abs",
        "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
        "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
        "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor",
        "__invert__": "bitwise_not",
        "__lshift__": "bitwise_left_shift", "__rshift__": "bitwise_right_shift",
    }  # fmt: skip
    for alias, name in aliases.items():
        setattr(Tensor, alias, getattr(Tensor, name))
    # straight to the recorder, past the documented function: 0.06 us
    for name in ("add", "sub", "mul", "pow"):
        setattr(Tensor, f"__{name}__", getattr(arithmetic, f"_{name}"))
    setattr(Tensor, "__mod__", arithmetic._remainder)  # noqa: B010
    for name in ("add", "mul"):  # they commute to the bit
        setattr(Tensor, f"__r{name}__", getattr(arithmetic, f"_{name}"))
    for name in ["sub", "truediv", "pow", "floordiv", "mod", "matmul", "lshift", "rshift"]:
        setattr(Tensor, f"__r{name}__", _reflected(getattr(Tensor, f"__{name}__")))
    for name, ufunc in {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    }.items():  # fmt: skip
        change = getattr(Tensor, "div_" if name == "truediv" else f"{name}_")
        setattr(Tensor, f"__i{name}__", _augmented(change, ufunc))
    for name, change in {
        "pow": "pow_", "floordiv": "floor_divide_", "mod": "remainder_", "and": "bitwise_and_", "or": "bitwise_or_",
        "xor": "bitwise_xor_", "lshift": "bitwise_left_shift_", "rshift": "bitwise_right_shift_",
    }.items():  # fmt: skip
        setattr(Tensor, f"__i{name}__", getattr(Tensor, change))
    for make in (creation.zeros, creation.ones, creation.empty, creation.full, creation.tensor):
        new = _new(make)
        setattr(Tensor, new.__name__, new)
    special = {
        "__getitem__": index.getitem, "__setitem__": index.setitem, "__bool__": _bool,
        "__index__": _index, "__len__": _len, "__iter__": _iter, "__contains__": _contains,
        "__float__": lambda self: float(item(self)), "__int__": lambda self: int(item(self)),
        "__complex__": lambda self: complex(item(self)), "__array__": _array, "__format__": _format,
        "__dlpack__": _dlpack, "__dlpack_device__": _dlpack_device, "__deepcopy__": _deepcopy,
        "__copy__": lambda self: _deepcopy(self, {}), "__reduce_ex__": _reduce_ex,
        "__hash__": object.__hash__,
    }  # fmt: skip
    for name, bound in special.items():
        setattr(Tensor, name, bound)


_bind()
