"""Comparisons and logic in place: the answer becomes numbers of the tensor's own dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..record import record2
from ..tensor import Tensor
from .cast import cast
from .compare import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    ge,
    gt,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from .inplace import inplace

__all__: list[str] = []  # PyTorch has them as methods only
METHODS = [
    "bitwise_and_", "bitwise_not_", "bitwise_or_", "bitwise_xor_", "eq_", "ge_", "greater_", "greater_equal_",
    "gt_", "le_", "less_", "less_equal_", "logical_and_", "logical_not_", "logical_or_", "logical_xor_", "lt_",
    "ne_", "not_equal_",
]  # fmt: skip


def _answering(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The in-place form of an operation whose answer is true or false: 1 or 0 of the tensor's dtype.

    The answer does not depend on small changes of the operands: their gradients are zero.
    """

    def answer(input: Tensor, *other: Any) -> Tensor:
        out = cast(operation(input, *other), input.dtype).array
        rules = (_answer_vjp, _answer_vjp)
        return record2(out, rules, input, other[0] if other else None)

    answer.__name__ = operation.__name__
    return inplace(answer)


def _answer_vjp(g):
    return np.zeros_like(g)


eq_, ne_ = _answering(eq), _answering(ne)
lt_, le_, gt_, ge_ = _answering(lt), _answering(le), _answering(gt), _answering(ge)
not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_
logical_and_, logical_or_ = _answering(logical_and), _answering(logical_or)
logical_xor_, logical_not_ = _answering(logical_xor), _answering(logical_not)
bitwise_and_, bitwise_or_ = inplace(bitwise_and), inplace(bitwise_or)
bitwise_xor_, bitwise_not_ = inplace(bitwise_xor), inplace(bitwise_not)
