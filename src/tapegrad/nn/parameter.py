"""`Parameter`: a tensor that a module trains; `Buffer`: one that only belongs to its state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import is_array
from ..dtypes import category, get_default_dtype
from ..errors import DtypeError
from ..tape import leaf
from ..tensor import Tensor


class Parameter(Tensor):
    """Mark a tensor as something to be trained: assigned to a module, it is one of its parameters.

    Args:
        data: the values, any shape; the parameter looks at the same memory. None gives an empty one.
        requires_grad: whether gradients are wanted.

    Raises:
        DtypeError: if `data` is no tensor, or an integer one while `requires_grad`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Parameter(tg.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    # No __slots__: a parameter takes any attribute that its user wants to attach.

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        return _build(cls, _array("Parameter", data), requires_grad, {})  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        from copy import deepcopy

        known = memo.get(id(self))
        if known is not None:
            return known  # type: ignore[no-any-return]
        copied: Parameter = _build(type(self), self.array.copy(), self.requires_grad, {})
        memo[id(self)] = copied
        vars(copied).update(deepcopy(vars(self), memo))
        if self.grad is not None:
            copied.grad = self.grad.detach().clone()
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _build, (type(self), self.array, self.requires_grad, vars(self))


class Buffer(Tensor):
    """Mark a tensor as part of a module's state that is not trained: assigned, it is a buffer.

    A plain tensor that is assigned in its place later is one too, if the module has been looked through before,
    as an optimiser, `to` or `state_dict` does.

    Args:
        data: the values, any shape; the buffer looks at the same memory. None gives an empty one.
        persistent: whether `state_dict` contains it.

    Raises:
        DtypeError: if `data` is no tensor.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.Module()
        >>> layer.mean = tg.nn.Buffer(tg.zeros(2))
        >>> list(layer.state_dict())
        ['mean']
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        wanted = isinstance(data, Tensor) and data.requires_grad
        array = _array("Buffer", data)
        return _build(cls, array, wanted, {"persistent": persistent})  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _build, (type(self), self.array, self.requires_grad, vars(self))


def _array(op: str, data: Any) -> Any:
    if data is None:
        return np.empty(0, get_default_dtype())
    if isinstance(data, Tensor):
        return data.array[...]
    if is_array(data):
        return data[...]
    raise DtypeError(f"{op}: data must be a tensor, got {type(data).__name__}")


def _build(cls: Any, array: Any, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    if requires_grad and category(array.dtype) < 2:
        raise DtypeError(
            f"Parameter: only floating or complex tensors can require grad, got {array.dtype}; "
            "pass requires_grad=False"
        )
    made = object.__new__(cls)
    made.array = array
    made.node = None
    if requires_grad:
        made.node = leaf(made)
    vars(made).update(attributes)
    return made
