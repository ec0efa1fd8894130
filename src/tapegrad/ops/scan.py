"""Running sums and their kin along a dimension.

In the formulas `g` is the gradient of the result, and `i`, `j` are positions along the dimension. What is
no running sum is computed, on devices, in log2(n) steps over the whole array (`kernels/scan.py`).
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes, kernels
from .._typing import DTypeLike
from ..device import backend_of
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels.scan import flip, part
from ..record import OUT, record, record1
from ..tensor import Tensor, raw, wrap
from .arithmetic import add, mul
from .cast import as_operand, floating, not_complex, promoted
from .index import take_along_dim
from .output import into
from .reduce import accumulated, floating_operand, in_float32, is_half
from .reduce import sum as sum_over
from .shape import cat, clone, flatten, normal_dim, reshape, whole_number
from .words import implements

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp", "trapezoid",
    "trapz",
]  # fmt: skip
METHODS = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]
INPLACE = ["cumprod", "cumsum"]

# Named as PyTorch shows them: `cummax(values=..., indices=...)`.
cummax_pair: Any = namedtuple("cummax", ("values", "indices"))  # type: ignore[name-match]
cummin_pair: Any = namedtuple("cummin", ("values", "indices"))  # type: ignore[name-match]


def cumsum(
    input: Tensor, dim: int, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Running sum along a dimension.

    Value: `y[i] = input[0] + ... + input[i]`. Adjoint: the running sum of `g` from the end.

    Args:
        input: tensor; integers and bools are summed in int64.
        dim: dimension to sum along.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cumsum(tg.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 3., 6.])
    """
    if out is not None:
        return into(out, cumsum, input, dim, dtype=dtype)
    input, wide, kind = accumulated("cumsum", input, dtype)
    x = input.array
    d = normal_dim("cumsum", dim, x.ndim)
    if is_half(x):
        return in_float32(cumsum, input, d)
    result = np.cumsum(x, axis=d, dtype=wide) if x.ndim else x.astype(kind)
    return record1(result, _cumsum_vjp, input, (d,))


def _cumsum_vjp(g, d):
    return flip(np.cumsum(flip(g, d), axis=d), d) if g.ndim else g


def cumprod(
    input: Tensor, dim: int, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Running product along a dimension.

    Value: `y[i] = input[0] * ... * input[i]`. Adjoint: `y[i - 1] * s[i]` with the recurrence from the end
    `s[i] = g[i] + input[i + 1] * s[i + 1]`. It divides by nothing, so it is exact where there are zeros.

    Args:
        input: tensor; integers and bools are multiplied in int64.
        dim: dimension to multiply along.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cumprod(tg.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 2., 6.])
    """
    if out is not None:
        return into(out, cumprod, input, dim, dtype=dtype)
    input, wide, kind = accumulated("cumprod", input, dtype)
    x = input.array
    d = normal_dim("cumprod", dim, x.ndim)
    if is_half(x):
        return in_float32(cumprod, input, d)
    result = np.cumprod(x, axis=d, dtype=wide) if x.ndim else x.astype(kind)
    return record(result, (_cumprod_vjp,), (input,), (x, OUT, d))


def _cumprod_vjp(g, x, y, d):
    if not g.ndim:
        return g
    return shifted(y, d) * flip(kernels.recurrence(flip(g, d), flip(x[part(d, 1, None)], d), d), d)


def shifted(products: Any, d: int) -> Any:
    """Running products without the element itself: one place further, a one in front."""
    ones = np.ones_like(products[part(d, 1)])
    return np.concatenate([ones, products[part(d, -1)]], axis=d)


@kernels.recurrence.register(Tensor)
def _recurrence(b, a, d):
    out = kernels.recurrence(b.array, raw(a), d)
    return record(
        out, (_recurrence_vjp_b, _recurrence_vjp_a), (b, a), (raw(a), OUT, d)
    )  # fmt: skip


def _recurrence_vjp_b(g, a, s, d):
    return flip(kernels.recurrence(flip(g, d), flip(a, d), d), d)


def _recurrence_vjp_a(g, a, s, d):
    return _recurrence_vjp_b(g, a, s, d)[part(d, 1, None)] * s[part(d, -1)]


def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """Running logarithm of the sum of exponentials along a dimension, without overflow.

    Value: `y[i] = log(e**input[0] + ... + e**input[i])`. Adjoint: `e**(input[i] - y[i]) * s[i]` with the
    recurrence from the end `s[i] = g[i] + e**(y[i] - y[i + 1]) * s[i + 1]`, all of whose factors are at
    most 1.

    Args:
        input: floating tensor.
        dim: dimension to sum along.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for an integer or bool tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.logcumsumexp(tg.tensor([0.0, 0.0, 1000.0]), 0)
        tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    if out is not None:
        return into(out, logcumsumexp, input, dim)
    input = floating_operand("logcumsumexp", input)
    x = input.array
    d = normal_dim("logcumsumexp", dim, x.ndim)
    if is_half(x):
        return in_float32(logcumsumexp, input, d)
    result = kernels.logaddexp_scan(x, d) if x.ndim else x.copy()
    return record(result, (_logcumsumexp_vjp,), (input,), (x, OUT, d))


def _logcumsumexp_vjp(g, x, y, d):
    if g.ndim:
        earlier, later = y[part(d, -1)], y[part(d, 1, None)]
        # infinities that stay what they were would make NaN
        decay = np.where(earlier == later, 1, np.exp(earlier - later))
        g = flip(kernels.recurrence(flip(g, d), flip(decay, d), d), d)
    return np.exp(x - y) * g


def cummax(input: Tensor, dim: int, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Running maximum along a dimension, with the index where it was reached; NaN beats all.

    Adjoint: `g` at the index that was returned (the last, at ties).

    Args:
        input: tensor.
        dim: dimension to run along.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.cummax(tg.tensor([1.0, 3.0, 2.0, 3.0]), 0)
        cummax(values=tensor([1., 3., 3., 3.]), indices=tensor([0, 1, 1, 3]))
    """
    if out is not None:
        return into(out, cummax, input, dim)
    return cummax_pair(*_running("cummax", np.maximum, input, dim))


def cummin(input: Tensor, dim: int, *, out: tuple[Tensor, ...] | None = None) -> Any:
    """Running minimum along a dimension, with the index where it was reached; NaN beats all.

    Adjoint: `g` at the index that was returned (the last, at ties).

    Args:
        input: tensor.
        dim: dimension to run along.
        out: tensors to write into, of the results' shapes or empty; only where nothing is recorded.

    Returns:
        A named tuple `(values, indices)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.cummin(tg.tensor([3.0, 1.0, 2.0, 1.0]), 0)
        cummin(values=tensor([3., 1., 1., 1.]), indices=tensor([0, 1, 1, 3]))
    """
    if out is not None:
        return into(out, cummin, input, dim)
    return cummin_pair(*_running("cummin", np.minimum, input, dim))


def _running(op: str, ufunc: Any, input: Any, dim: int) -> tuple[Tensor, Tensor]:
    input = as_operand(input, op)
    not_complex(op, input)
    x = input.array
    d = normal_dim(op, dim, x.ndim)
    if not x.ndim:
        return clone(input), wrap(np.zeros_like(x, dtype=dtypes.int64))
    values = kernels.accumulate(x, ufunc, d)
    places = backend_of(x).namespace.arange(x.shape[d], dtype=dtypes.int64)
    places = places.reshape((-1,) + (1,) * (x.ndim - 1 - d))
    reached = np.where((x == values) | (x != x), places, 0)
    indices = kernels.accumulate(reached, np.maximum, d)
    return take_along_dim(input, wrap(indices), d), wrap(indices[...])


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along a dimension, taken `n` times.

    Value: `input[i + 1] - input[i]`; for bools, whether they differ. Adjoint: `g[i - 1] - g[i]`, with
    zeros beyond the ends.

    Args:
        input: tensor with at least one dimension.
        n: how often; 0 gives a copy.
        dim: dimension to differ along.
        prepend, append: tensors to put before and after the input along the dimension first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The differences, `n` fewer along the dimension.

    Raises:
        ShapeError: for a 0-d tensor, or for `prepend` or `append` that do not fit.
        ArgumentError: for a negative `n`.

    Example:
        >>> import tapegrad as tg
        >>> tg.diff(tg.tensor([1.0, 4.0, 9.0]))
        tensor([3., 5.])
    """
    if out is not None:
        return into(out, diff, input, n, dim, prepend, append)
    input = as_operand(input, "diff")
    n = whole_number("diff", "n", n)
    if not input.ndim:
        raise ShapeError("diff: input is 0-d; it needs at least one dimension")
    d = normal_dim("diff", dim, input.ndim)
    if not n:
        return clone(input)
    if prepend is not None or append is not None:
        input = _extended(input, prepend, append, d)
    x = input.array
    n = min(int(n), x.shape[d])
    return record1(np.diff(x, n, d), _diff_vjp, input, (n, d))


def _diff_vjp(g, n, d):
    zeros = np.zeros_like(g, shape=(*g.shape[:d], n, *g.shape[d + 1 :]))
    return np.diff(np.concatenate([zeros, g, zeros], axis=d), n, d) * (-1) ** n


def _extended(input: Tensor, prepend: Any, append: Any, d: int) -> Tensor:
    given = []
    for value, name in ((prepend, "prepend"), (input, "input"), (append, "append")):
        if value is None:
            continue
        value = as_operand(value, "diff", name)
        have, want = list(value.shape), list(input.shape)
        have[d : d + 1] = want[d : d + 1] = []
        if value.ndim != input.ndim or have != want:
            raise ShapeError(
                f"diff: {name} of shape {value.shape} does not fit to input of shape {input.shape}; "
                f"all sizes but that of dim {d} must be equal"
            )
        given.append(value)
    return cat(given, d)


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Integral of a sampled function by the trapezoidal rule.

    Value: `sum((y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]))`. The gradient goes to `y` and to `x`.

    Args:
        y: values of the function; integers become floating.
        x: where it was sampled: one position per value along `dim`, or a shape that broadcasts.
        dx: distance of the samples instead; 1 by default.
        dim: dimension to integrate along.

    Raises:
        ArgumentError: for both `x` and `dx`.
        DtypeError: for bools.
        ShapeError: for a 0-d tensor, or if `x` does not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.trapezoid(tg.tensor([1.0, 2.0, 4.0]), tg.tensor([0.0, 1.0, 3.0]))
        tensor(7.5000)
    """
    areas, d = _areas("trapezoid", y, x, dx, dim)
    return sum_over(areas, d)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """Running integral of a sampled function by the trapezoidal rule.

    Value: the running sum of `(y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i])`. The gradient goes to `y` and `x`.

    Args:
        y: values of the function; integers become floating.
        x: where it was sampled: one position per value along `dim`, or a shape that broadcasts.
        dx: distance of the samples instead; 1 by default.
        dim: dimension to integrate along.

    Returns:
        The integrals up to each sample but the first.

    Raises:
        ArgumentError: for both `x` and `dx`.
        DtypeError: for bools.
        ShapeError: for a 0-d tensor, or if `x` does not fit.

    Example:
        >>> import tapegrad as tg
        >>> tg.cumulative_trapezoid(tg.tensor([1.0, 2.0, 4.0]))
        tensor([1.5000, 4.5000])
    """
    areas, d = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, d)


def _areas(op: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The area between each two samples, and the dimension counted from the front."""
    y = _sampled(op, y, "y")
    if not y.ndim:
        raise ShapeError(f"{op}: y is 0-d; it needs at least one dimension")
    d = normal_dim(op, dim, y.ndim)
    if x is None:
        if not isinstance(dx, (int, float, type(None))) and not (
            isinstance(dx, Tensor) and not dx.ndim
        ):
            raise ArgumentError(f"{op}: dx must be a number or a 0-d tensor, got {dx!r}")
        y = floating(y, op)
        return mul(_neighbours(y, d), 0.5 if dx is None else dx * 0.5), d
    if dx is not None:
        raise ArgumentError(f"{op}: give either x or dx, not both")
    x = _sampled(op, x, "x")
    y, x = promoted(op, (y, x), floating=True)
    shape = x.shape
    if x.ndim == 1:
        x = reshape(x, (-1,) + (1,) * (y.ndim - 1 - d))
    if not 0 < len(shape) <= y.ndim or x.shape[d - y.ndim] != y.shape[d] or not _fits(x, y):
        raise ShapeError(
            f"{op}: x of shape {shape} does not fit to y of shape {y.shape}; give one position per "
            f"sample along dim {d}, or a shape that broadcasts"
        )
    return mul(_neighbours(y, d) * 0.5, diff(x, dim=d - y.ndim)), d


def _sampled(op: str, value: Any, name: str) -> Tensor:
    value = as_operand(value, op, name)
    if value.array.dtype.kind == "b":
        raise DtypeError(f"{op}: {name} must not be bool; use {name}.float()")
    return value


def _fits(x: Tensor, y: Tensor) -> bool:
    return all(n in (1, m) or m == 1 for n, m in zip(x.shape[::-1], y.shape[::-1], strict=False))


def _neighbours(y: Tensor, d: int) -> Tensor:
    return add(y[part(d, -1)], y[part(d, 1, None)])


@implements(np.cumsum)
def _np_cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumsum(flatten(a), 0, dtype=dtype) if axis is None else cumsum(a, axis, dtype=dtype)


@implements(np.cumprod)
def _np_cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumprod(flatten(a), 0, dtype=dtype) if axis is None else cumprod(a, axis, dtype=dtype)


@implements(np.diff)
def _np_diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    ends = [None if end is np._NoValue else end for end in (prepend, append)]
    return diff(a, n, axis, *ends)


@implements(np.trapezoid)
def _np_trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    return trapezoid(y, x, dx=dx if x is None else None, dim=axis)


trapz = trapezoid
