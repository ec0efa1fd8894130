"""Rows of a table looked up by number, one by one and in bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, kernels, stamps
from ..batching import check_width, widened
from ..device import apart, backend_of, every_value
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1
from ..tensor import Tensor, wrap
from .arithmetic import div, mul
from .cast import as_operand, different_devices
from .choose import where
from .gather import check_range
from .index import getitem
from .reduce import is_half
from .reduce import max as largest
from .shape import unsqueeze

# PyTorch's functions at top level take weight before input; these stand in nn.functional only.
__all__: list[str] = []


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Look up rows of a table.

    Value: `weight[input]`. Adjoint: zeros with `g` added at the rows that were read.

    Args:
        input: row numbers, int64 or int32, any shape.
        weight: the table, (V, D).
        padding_idx: row whose gradient is zero.
        max_norm: rows that are read are first scaled down, in place, to this norm if theirs is larger.
        norm_type: exponent of that norm.
        scale_grad_by_freq: whether to divide the gradients by how often their row was read.
        sparse: must be False, gradients are dense.

    Returns:
        (*input.shape, D).

    Raises:
        DimensionError: for a row that does not exist.
        DtypeError: if the row numbers are no int64 or int32.
        ArgumentError: for `sparse`, or a `padding_idx` that does not exist.

    Example:
        >>> import tapegrad as tg
        >>> table = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> tg.nn.functional.embedding(tg.tensor([1, 0, 1]), table)
        tensor([[3., 4.],
                [1., 2.],
                [3., 4.]])
    """
    indices, weight = _operands("embedding", input, weight, sparse)
    padding = padding_row("embedding", padding_idx, weight.shape[0])
    if max_norm is not None:
        _renormalise("embedding", weight, indices, max_norm, norm_type)
    return _looked_up(indices, weight, padding, scale_grad_by_freq)


def _looked_up(indices: Any, weight: Tensor, padding: int | None, by_frequency: bool) -> Tensor:
    w = weight.array
    out = np.take(widened(w, indices), indices, axis=0)
    return record1(out, _embedding_vjp, weight, (indices, w.shape[0], padding, by_frequency))


def _embedding_vjp(g, indices, n, padding, by_frequency):
    g = g.reshape(indices.size, g.shape[-1])
    indices = indices.reshape(-1)
    if padding is not None:
        g = np.where((indices != padding)[:, None], g, np.zeros_like(g, shape=()))
    if by_frequency:
        often = np.bincount(indices, minlength=n)[indices]
        g = g * (1 / often).astype(g.dtype)[:, None]
    return kernels.add_rows(g, indices, n)


@kernels.add_rows.register(Tensor)
def _add_rows(g, indices, n):
    return record1(kernels.add_rows(g.array, indices, n), _add_rows_vjp, g, (indices,))


def _add_rows_vjp(g, indices):
    return g[indices]


def _operands(op: str, input: Any, weight: Any, sparse: bool) -> tuple[Any, Tensor]:
    """Row numbers as an array, and the table, checked."""
    if sparse:
        raise ArgumentError(f"{op}: sparse=True is not supported; gradients are dense")
    input, weight = as_operand(input, op), as_operand(weight, op, "weight")
    indices = _integers(op, "input", input)
    if apart(indices, weight.array):
        raise different_devices(op, weight, input)
    if weight.ndim != 2:
        raise ShapeError(f"{op}: weight must be (rows, features), got shape {weight.shape}")
    check_range(op, indices, weight.shape[0])
    return indices, weight


def _integers(op: str, name: str, tensor: Tensor) -> Any:
    if tensor.dtype not in (dtypes.int64, dtypes.int32):
        raise DtypeError(f"{op}: {name} must be int64 or int32, got {tensor.dtype}; use .long()")
    return tensor.array


def padding_row(op: str, padding_idx: Any, n: int) -> int | None:
    """The row counted from the front, or None."""
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not hasattr(padding_idx, "__index__"):
        raise ArgumentError(f"{op}: padding_idx must be an int, got {padding_idx!r}")
    row = int(padding_idx.__index__())
    if not -n <= row < n:
        raise ArgumentError(f"{op}: padding_idx must lie between {-n} and {n - 1}, got {row}")
    return row % n


def _renormalise(op: str, weight: Tensor, indices: Any, max_norm: Any, norm_type: Any) -> None:
    """Scale the rows that will be read down to a norm, in place; not recorded, as in PyTorch."""
    for name, value, least in (("max_norm", max_norm, 0), ("norm_type", norm_type, 1e-300)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
            wanted = "a positive number" if least else "a number of at least 0"
            raise ArgumentError(f"{op}: {name} must be {wanted}, got {value!r}")
    w = weight.array
    if w.dtype.kind != "f" and not is_half(w):
        raise DtypeError(f"{op}: max_norm needs a floating weight, got {w.dtype}")
    check_width(op, w, indices)
    if not getattr(w.flags, "writeable", True):
        raise ArgumentError(f"{op}: max_norm changes weight, which is read-only; clone() it first")
    if not indices.size or not w.shape[1]:
        return
    rows = np.take(w, indices.reshape(-1), axis=0)
    sizes = np.abs(rows.astype(np.float32) if is_half(w) else rows)
    if norm_type == np.inf:
        norms = np.max(sizes, axis=1)
    elif norm_type == 2:
        norms = np.sqrt(np.add.reduce(sizes * sizes, axis=1))
    else:
        norms = np.add.reduce(sizes**norm_type, axis=1) ** (1 / norm_type)
    factor = np.where(norms > max_norm, max_norm / (norms + 1e-7), np.ones_like(norms))
    # a row that is read several times is written as often, with the same values
    w[indices.reshape(-1)] = (rows * factor[:, None]).astype(w.dtype)
    stamps.stamp(w, op)


MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Look up rows of a table and reduce them bag by bag; an empty bag gives zeros.

    Value: sum, mean or maximum of `weight[i]` over the numbers `i` of each bag. Adjoint: as that of
    `embedding` after that of the reduction.

    Args:
        input: row numbers, int64 or int32; (B, L), each row a bag, or (N,) cut into bags by `offsets`.
        weight: the table, (V, D), floating.
        offsets: (B,), where each bag begins; the first is 0.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for `embedding`.
        mode: `"sum"`, `"mean"` or `"max"`.
        per_sample_weights: factor of each row, shape of `input`; only for sums.
        include_last_offset: whether `offsets` has N as an additional last element.
        padding_idx: row that is left out of every bag.

    Returns:
        (B, D).

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: for offsets that do not start at 0 or decrease, or options that exclude each other.
        DimensionError: for a row that does not exist.

    Example:
        >>> import tapegrad as tg
        >>> table = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> tg.nn.functional.embedding_bag(tg.tensor([0, 1, 1]), table, tg.tensor([0, 1]), mode="sum")
        tensor([[1., 2.],
                [6., 8.]])
    """
    op = "embedding_bag"
    if mode not in MODES:
        raise ArgumentError(f"{op}: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError(f"{op}: scale_grad_by_freq does not go with mode='max'")
    indices, weight = _operands(op, input, weight, sparse)
    if weight.dtype.kind != "f" and not is_half(weight.array):
        raise DtypeError(f"{op}: weight must be floating, got {weight.dtype}")
    factors = _factors(op, per_sample_weights, weight, indices, mode)
    padding = padding_row(op, padding_idx, weight.shape[0])
    bag, bags = _bags(op, indices, offsets, include_last_offset)
    if max_norm is not None:
        _renormalise(op, weight, indices, max_norm, norm_type)
    indices = indices.reshape(-1)
    if factors is not None:
        factors = factors.reshape(-1)
    if padding is not None:
        kept = indices != padding
        indices, bag = indices[kept], bag[kept]
        factors = None if factors is None else getitem(factors, wrap(kept))
    rows = _looked_up(indices, weight, None, scale_grad_by_freq)
    if mode == "max":
        return _largest(rows, bag, bags)
    if factors is not None:
        rows = mul(rows, unsqueeze(factors, 1))
    out: Tensor = kernels.add_rows(rows, bag, bags)
    if mode == "sum":
        return out
    sizes = np.maximum(np.bincount(bag, minlength=bags), 1).astype(weight.dtype)
    return div(out, wrap(sizes[:, None]))


def _factors(op: str, given: Any, weight: Tensor, indices: Any, mode: str) -> Tensor | None:
    if given is None:
        return None
    factors = as_operand(given, op, "per_sample_weights")
    if mode != "sum":
        raise ArgumentError(f"{op}: per_sample_weights need mode='sum', got {mode!r}")
    if apart(factors.array, weight.array):
        raise different_devices(op, weight, factors)
    if factors.shape != indices.shape:
        raise ShapeError(
            f"{op}: per_sample_weights must have the shape of input, {indices.shape}, got "
            f"{factors.shape}"
        )
    if factors.dtype != weight.dtype:
        raise DtypeError(
            f"{op}: weight is {weight.dtype} and per_sample_weights {factors.dtype}; convert one"
        )
    return factors


def _bags(op: str, indices: Any, offsets: Any, last: bool) -> tuple[Any, int]:
    """The bag of every row number, and how many bags there are."""
    arange = backend_of(indices).namespace.arange
    if indices.ndim == 2:
        if offsets is not None:
            raise ArgumentError(f"{op}: an input of shape {indices.shape} takes no offsets")
        return arange(indices.size) // max(indices.shape[1], 1), indices.shape[0]
    if indices.ndim != 1:
        raise ShapeError(f"{op}: input must be 1-d or 2-d, got shape {indices.shape}")
    if offsets is None:
        raise ArgumentError(f"{op}: offsets must be given for a 1-d input")
    offsets = as_operand(offsets, op, "offsets")
    starts = _integers(op, "offsets", offsets)
    if apart(starts, indices):
        raise different_devices(op, wrap(indices), offsets)
    if starts.ndim != 1 or (last and not starts.size):
        raise ShapeError(f"{op}: offsets must be 1-d, and not empty with include_last_offset")
    ends = backend_of(starts).to_host(starts)
    n = indices.size
    if ends.size and (ends[0] != 0 or ends[-1] > n or (ends[1:] < ends[:-1]).any()):
        raise ArgumentError(f"{op}: offsets must start at 0 and ascend up to {n}, got {ends}")
    if last and ends[-1] != n:
        raise ArgumentError(
            f"{op}: with include_last_offset the last of offsets must be {n}, got {ends[-1]}"
        )
    if not starts.size and n:
        raise ArgumentError(f"{op}: offsets are empty and input has {n} numbers")
    if last:
        starts = starts[:-1]
    return np.searchsorted(starts, arange(n), side="right") - 1, starts.size


def _largest(rows: Tensor, bag: Any, bags: int) -> Tensor:
    """The maximum over each bag's rows, which follow each other: brought side by side, then reduced."""
    sizes = np.bincount(bag, minlength=bags)
    most = int(every_value(sizes.max()).max()) if bags else 0
    if not most:
        return kernels.add_rows(rows, bag, bags)  # zeros
    steps = backend_of(bag).namespace.arange(most)
    starts = np.cumsum(sizes) - sizes
    places = np.where(steps < sizes[:, None], starts[:, None] + steps, 0)  # (B, most)
    beside = getitem(rows, wrap(places))  # (B, most, D)
    low = wrap(np.full_like(rows.array, -np.inf, shape=()))
    beside = where(wrap((steps < sizes[:, None])[..., None]), beside, low)
    zero = wrap(np.zeros_like(rows.array, shape=()))
    return where(wrap((sizes > 0)[:, None]), largest(beside, 1).values, zero)
