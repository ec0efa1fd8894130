"""Products of many matrices, multiplied in the cheapest order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from .cast import as_operand
from .linalg import check_matched, matmul
from .output import into
from .shape import reshape
from .words import implements

__all__ = ["chain_matmul"]


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """Product of matrices in the order that costs fewest multiplications.

    Value: `matrices[0] @ matrices[1] @ ...`. Adjoint: as that of `matmul`.

    Args:
        matrices: at least one, or a sequence of them; sizes (N, D), (D, E), (E, M) and so on.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M).

    Raises:
        ShapeError: if one is no matrix, or inner sizes differ.
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.chain_matmul(tg.ones(2, 3), tg.ones(3, 4), tg.ones(4, 1))
        tensor([[12.],
                [12.]])
    """
    if out is not None:
        return into(out, chain_matmul, *matrices)
    given = matrices
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    tensors = _sequence("chain_matmul", given, 1)
    for i, t in enumerate(tensors):
        if t.ndim != 2:
            raise ShapeError(f"chain_matmul: matrix {i} must be 2-d, got shape {t.shape}")
    return tensors[0] if len(tensors) == 1 else _multiplied("chain_matmul", tensors)


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Product of matrices in the order that costs fewest multiplications, vectors at the ends.

    Value: `tensors[0] @ tensors[1] @ ...`. Adjoint: as that of `matmul`.

    Args:
        tensors: at least two; matrices, but the first may be a vector (a row) and the last as well (a
            column).
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        (N, M), without N or M where a vector was given.

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.multi_dot([tg.ones(3), tg.ones(3, 4), tg.ones(4)])
        tensor(12.)

    References:
        T. H. Cormen, C. E. Leiserson, R. L. Rivest, C. Stein, "Introduction to Algorithms", section on
        matrix-chain multiplication.
    """
    if out is not None:
        return into(out, multi_dot, tensors)
    given = _sequence("multi_dot", tensors, 2)
    last = len(given) - 1
    for i, t in enumerate(given):
        if t.ndim != 2 and not (t.ndim == 1 and i in (0, last)):
            expected = "1-d or 2-d" if i in (0, last) else "2-d"
            raise ShapeError(f"multi_dot: tensor {i} must be {expected}, got shape {t.shape}")
    first, final = given[0], given[-1]
    shape = (*first.shape[:-1], *final.shape[1:])
    if first.ndim == 1:
        given[0] = reshape(first, (1, *first.shape))
    if final.ndim == 1:
        given[-1] = reshape(final, (*final.shape, 1))
    result = _multiplied("multi_dot", given)
    return result if result.shape == shape else reshape(result, shape)


def _sequence(op: str, given: Any, least: int) -> list[Tensor]:
    if isinstance(given, Tensor) or not isinstance(given, (tuple, list)):
        raise ArgumentError(f"{op}: tensors must be a tuple or list of tensors")
    if len(given) < least:
        raise ArgumentError(f"{op}: needs at least {least} tensor(s), got {len(given)}")
    tensors = [as_operand(t, op, f"tensors[{i}]") for i, t in enumerate(given)]
    check_matched(op, *tensors)
    return tensors


def _multiplied(op: str, tensors: list[Tensor]) -> Tensor:
    for i in range(len(tensors) - 1):
        a, b = tensors[i].shape, tensors[i + 1].shape
        if a[1] != b[0]:
            raise ShapeError(
                f"{op}: tensors {i} and {i + 1} do not align: {a} @ {b} ({a[1]} != {b[0]})"
            )
    cut = _best_cuts((tensors[0].shape[0], *(t.shape[1] for t in tensors)))

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return tensors[i]
        return matmul(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, len(tensors) - 1)


@lru_cache(maxsize=256)
def _best_cuts(sizes: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Where to cut each part of a chain, so that its product costs least: dynamic programming.

    Args:
        sizes: matrix k is (sizes[k], sizes[k + 1]).

    Returns:
        For matrices i to j, the last one of the left factor.
    """
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cut = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cut


@implements(np.linalg.multi_dot)
def _numpy_multi_dot(arrays: Any) -> Any:
    return multi_dot(list(arrays))
