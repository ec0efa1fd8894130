"""Closeness, membership, and the long names of the comparisons; no result carries a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import as_array, is_array
from ..errors import ArgumentError, DtypeError
from ..tensor import Tensor, raw, to_host, wrap
from .cast import NUMBERS, as_operand, floating, promoted, refused
from .compare import ge, gt, le, lt, ne
from .output import into
from .words import implements

__all__ = [
    "allclose", "greater", "greater_equal", "isclose", "isin", "less", "less_equal", "not_equal",
]  # fmt: skip
METHODS = [name for name in __all__ if name != "isin"]


@implements(np.isclose)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Bool tensor of `|input - other| <= atol + rtol * |other|`.

    Equal infinities are close, a finite number and an infinity are not.

    Args:
        input, other: tensors of one dtype, shapes that broadcast.
        rtol, atol: relative and absolute tolerance, not negative.
        equal_nan: count two NaN as close.

    Raises:
        DtypeError: if the dtypes differ.
        ArgumentError: for a negative tolerance.

    Example:
        >>> import tapegrad as tg
        >>> tg.isclose(tg.tensor([1.0, 2.0]), tg.tensor([1.0 + 1e-7, 2.1]))
        tensor([ True, False])
    """
    input, other = as_operand(input, "isclose"), as_operand(other, "isclose", "other")
    if input.dtype != other.dtype:
        raise DtypeError(f"isclose: dtypes differ, {input.dtype} and {other.dtype}; convert one")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise ArgumentError(f"isclose: {name} must not be negative, got {tolerance}")
    x, y = floating(input, "isclose").array, floating(other, "isclose").array
    try:
        with np.errstate(invalid="ignore"):  # infinities of one sign differ by NaN, and are equal
            error = np.abs(x - y)
            close = (x == y) | ((error <= atol + rtol * np.abs(y)) & np.isfinite(error))
    except (ValueError, TypeError) as failure:
        raise refused("isclose", failure, input, other) from None
    if equal_nan:
        close = close | (np.isnan(x) & np.isnan(y))
    return wrap(as_array(close))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether two tensors are close everywhere, see `isclose`.

    Args:
        input, other, rtol, atol, equal_nan: as for `isclose`.

    Example:
        >>> import tapegrad as tg
        >>> tg.allclose(tg.tensor([1.0]), tg.tensor([1.0 + 1e-7]))
        True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


@implements(np.isin)
def isin(
    elements: TensorLike,
    test_elements: TensorLike,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Bool tensor, of the shape of `elements`, that tells which of them are in a set.

    NaN is in no set.

    Args:
        elements: tensor or number.
        test_elements: tensor or number; its shape does not matter.
        assume_unique: promise that neither has repeated values, which is faster.
        invert: tell instead which are not in the set.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for bool and complex tensors, and for lists.

    Example:
        >>> import tapegrad as tg
        >>> tg.isin(tg.tensor([[1, 2], [3, 4]]), tg.tensor([2, 3]))
        tensor([[False,  True],
                [ True, False]])
    """
    if out is not None:
        return into(out, isin, elements, test_elements, assume_unique=assume_unique, invert=invert)
    for name, value in (("elements", elements), ("test_elements", test_elements)):
        if not (isinstance(value, (Tensor, np.generic, *NUMBERS)) or is_array(value)):
            raise DtypeError(
                f"isin: {name} must be a tensor or a number, got {type(value).__name__}; "
                "use tapegrad.tensor(...)"
            )
    elements, test_elements = promoted("isin", (elements, test_elements))
    x, y = raw(elements), raw(test_elements)
    like = x if isinstance(elements, Tensor) else y
    if like.dtype.kind not in "iuf":
        raise DtypeError(f"isin: needs integers or floating numbers, got {like.dtype}")
    if not isinstance(elements, Tensor):
        x = np.full_like(like, x, shape=())
    if not isinstance(test_elements, Tensor):
        y = np.full_like(like, y, shape=())
    return wrap(as_array(np.isin(x, y, assume_unique=assume_unique, invert=invert)))


greater = gt
greater_equal = ge
less = lt
less_equal = le
not_equal = ne


@implements(np.allclose)
def _np_allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    return np.allclose(_host(a), _host(b), rtol=rtol, atol=atol, equal_nan=equal_nan)


@implements(np.array_equal)
def _np_array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    return np.array_equal(_host(a1), _host(a2), equal_nan=equal_nan)


@implements(np.array_equiv)
def _np_array_equiv(a1: Any, a2: Any) -> bool:
    return np.array_equiv(_host(a1), _host(a2))


def _host(value: Any) -> Any:
    return to_host(value) if isinstance(value, Tensor) else value
