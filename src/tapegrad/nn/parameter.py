"""`Parameter`: a tensor that a module trains."""

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
        if data is None:
            array = np.empty(0, get_default_dtype())
        elif isinstance(data, Tensor):
            array = data.array[...]
        elif is_array(data):
            array = data[...]
        else:
            raise DtypeError(f"Parameter: data must be a tensor, got {type(data).__name__}")
        return _build(cls, array, requires_grad, {})

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        from copy import deepcopy

        known = memo.get(id(self))
        if known is not None:
            return known  # type: ignore[no-any-return]
        copied = _build(type(self), self.array.copy(), self.requires_grad, {})
        memo[id(self)] = copied
        vars(copied).update(deepcopy(vars(self), memo))
        if self.grad is not None:
            copied.grad = self.grad.detach().clone()
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _build, (type(self), self.array, self.requires_grad, vars(self))


def _build(cls: Any, array: Any, requires_grad: bool, attributes: dict[str, Any]) -> Parameter:
    if requires_grad and category(array.dtype) != 2:
        raise DtypeError(
            f"Parameter: only floating tensors can require grad, got {array.dtype}; "
            "pass requires_grad=False"
        )
    parameter: Parameter = object.__new__(cls)
    parameter.array = array
    parameter.node = None
    if requires_grad:
        parameter.node = leaf(parameter)
    vars(parameter).update(attributes)
    return parameter
