"""Matrix products."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import TensorLike
from ..device import apart, wrapping
from ..errors import DtypeError, ShapeError
from ..record import CROSS, record2, record3
from ..tensor import Tensor
from .cast import as_operand, different_devices
from .output import into
from .words import UFUNCS

__all__ = ["matmul"]
METHODS = __all__

ndarray = np.ndarray


def check_matched(op: str, *operands: Any) -> None:
    """Refuse operands of different dtypes or devices; called when something looks odd."""
    first = operands[0]
    for other in operands[1:]:
        if apart(other.array, first.array):
            raise different_devices(op, first, other)
        if other.array.dtype != first.array.dtype:
            raise DtypeError(
                f"{op}: operands have dtypes {first.dtype} and {other.dtype}; convert one with .to(dtype)"
            )


def matmul(input: TensorLike, other: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Matrix product; vectors count as a row on the left and a column on the right.

    Value: `input @ other`. Adjoint: `g @ other.T` for `input`, `input.T @ g` for `other`.

    Args:
        input: (..., N, D) or (D,).
        other: (..., D, M) or (D,), the leading dimensions broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (..., N, M), without N or M where a vector was given.

    Raises:
        ShapeError: if the inner sizes differ, or an operand is 0-d.
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.matmul(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]))
        tensor([[11.]])
    """
    if out is not None:
        return into(out, matmul, input, other)
    input, other = as_operand(input, "matmul"), as_operand(other, "matmul", "other")
    x, y = input.array, other.array
    if x.dtype is not y.dtype or x.__class__ is not y.__class__:
        check_matched("matmul", input, other)
    if x.dtype.kind == "b" and x.size and y.size:  # as in PyTorch
        raise DtypeError("matmul: not defined for bool; convert with .float() or .to(dtype)")
    try:
        result = product(x, y) if 0 < y.ndim < 3 else np.matmul(x, y)
    except ValueError:
        raise _matmul_error(x.shape, y.shape) from None
    if y.ndim == 1:
        rules = _matvec_rules
    elif x.ndim == 1:
        rules = _vecmat_rules
    else:
        rules = _matmul_rules if y.ndim > 2 or x.ndim == 2 else _rows_rules
    return record2(result, rules, input, other, (x, y), CROSS)


def _matmul_vjp_input(g, x, y):
    return np.matmul(g, y.swapaxes(-1, -2))


def _matmul_vjp_other(g, x, y):
    return np.matmul(x.swapaxes(-1, -2), g)


# Of many matrices times one: the sum over the many is part of one product, not a pass over as many
# gradients.
def _matmul_vjp_input_rows(g, x, y):
    return product(g, y.swapaxes(0, 1))


def _matmul_vjp_other_rows(g, x, y):
    return np.matmul(_rows(x).swapaxes(0, 1), _rows(g))


def _matmul_vjp_input_matvec(g, x, y):
    return g[..., None] * y


def _matmul_vjp_other_matvec(g, x, y):
    return np.matmul(g.reshape(math.prod(g.shape)), _rows(x))


def _matmul_vjp_input_vecmat(g, x, y):
    return np.matmul(y, g[..., None])[..., 0]


def _matmul_vjp_other_vecmat(g, x, y):
    return x[:, None] * g[..., None, :]


_matmul_rules = (_matmul_vjp_input, _matmul_vjp_other)
_rows_rules = (_matmul_vjp_input_rows, _matmul_vjp_other_rows)
_matvec_rules = (_matmul_vjp_input_matvec, _matmul_vjp_other_matvec)
_vecmat_rules = (_matmul_vjp_input_vecmat, _matmul_vjp_other_vecmat)


def _matmul_error(x: Any, y: Any) -> ShapeError:
    if not x or not y:
        return ShapeError(f"matmul: {x} @ {y}: a 0-d operand cannot take part; use mul")
    inner = y[-2] if len(y) > 1 else y[0]
    if x[-1] == inner:
        return ShapeError(f"matmul: {x} @ {y}: the leading dimensions do not broadcast")
    hint = ""
    if len(x) == len(y) == 2:
        hint = {x[1] == y[1]: "; did you mean y.T?", x[0] == y[0]: "; did you mean x.T?"}.get(
            True, ""
        )
    return ShapeError(f"matmul: {x} @ {y} do not align ({x[-1]} != {inner}){hint}")


def product(x, w):
    """`x @ w` for a matrix or vector w: one `dot` whatever the leading dimensions of x.

    Cheaper than `np.matmul`: 0.5 us for small matrices, and for many of few rows several times.
    """
    if x.__class__ is w.__class__ is ndarray and x.ndim > 1:
        if x.ndim == 2:
            return x.dot(w)
        if x.flags.c_contiguous:  # otherwise a copy would cost what the one `dot` wins
            return _rows(x).dot(w).reshape(x.shape[:-1] + w.shape[1:])
    return np.matmul(x, w)


def _rows(x):
    """All leading dimensions as one: (..., D) as (N, D)."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


@lru_cache(maxsize=32)
def _ones(n, dtype):
    return np.ones(n, dtype)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of the last dimension, one node on the tape.

    Value: `input @ weight.T + bias`. Adjoint: `g @ weight` for `input`, `g.T @ input` for `weight` and
    the sum of `g` for `bias`, over all leading dimensions.

    Args:
        input: (..., D).
        weight: (M, D), or (D,).
        bias: (M,), or None.

    Returns:
        (..., M), or (...) if the weight is 1-d.

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.linear(tg.ones(1, 2), tg.ones(3, 2), tg.zeros(3))
        tensor([[2., 2., 2.]])
    """
    try:
        x, w = input.array, weight.array
        b = None if bias is None else bias.array
    except AttributeError:
        input, weight = as_operand(input, "linear"), as_operand(weight, "linear", "weight")
        return linear(input, weight, None if bias is None else as_operand(bias, "linear", "bias"))
    if x.dtype is not w.dtype or x.__class__ is not w.__class__ or not x.ndim:
        _linear_checks(input, weight, bias)
    if b is not None and (b.dtype is not w.dtype or b.__class__ is not w.__class__):
        _linear_checks(input, weight, bias)
    try:
        out = product(x, w.T) if w.ndim == 2 else np.matmul(x, w)
        if b is not None:
            own = b.__class__ is ndarray or b.__class__ not in wrapping  # else room for one example
            out = np.add(out, b, out) if own and b.ndim < 2 and out.ndim else out + b
    except ValueError:
        raise _linear_error(x.shape, w.shape, None if b is None else b.shape) from None
    saved = None if weight.node is None else x, None if input.node is None else w
    return record3(out, _linear_rules, input, weight, bias, saved)


def _linear_vjp_input(g, x, w):
    return product(g, w) if w.ndim == 2 else g[..., None] * w


def _linear_vjp_weight(g, x, w):
    if g.__class__ is ndarray and g.ndim == x.ndim == 2:
        return g.T.dot(x)
    if g.ndim < x.ndim:  # the weight is 1-d
        return np.matmul(g.reshape(-1), _rows(x))
    return np.matmul(_rows(g).swapaxes(0, 1), _rows(x))


def _linear_vjp_bias(g, x, w):
    if g.ndim != 2:
        return g  # summed by the engine
    if g.__class__ is ndarray and g.dtype.char in "fd":
        return _ones(g.shape[0], g.dtype).dot(g)  # BLAS sums rows faster than np.add.reduce
    return np.add.reduce(g, axis=0)


_linear_rules = (_linear_vjp_input, _linear_vjp_weight, _linear_vjp_bias)


def _linear_checks(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    check_matched("linear", *(t for t in (input, weight, bias) if t is not None))
    if not input.ndim:
        raise ShapeError("linear: input is 0-d, expected a last dimension of features")


def _linear_error(x: Any, w: Any, b: Any) -> ShapeError:
    if len(w) not in (1, 2):
        return ShapeError(f"linear: weight must be (out_features, in_features), got {w}")
    if x[-1] != w[-1]:
        return ShapeError(
            f"linear: expected last dimension {w[-1]}, got {x[-1]} (input {x}, weight {w})"
        )
    return ShapeError(f"linear: bias of shape {b} does not fit {w[:-1]} outputs")


UFUNCS[np.matmul] = matmul
