"""Joining tensors in NumPy's manner: side by side, on top of each other, in depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tensor import Tensor
from .arrange import atleast_1d, atleast_2d, atleast_3d
from .cast import as_operand
from .output import into
from .shape import cat, reshape
from .words import implements

__all__ = [
    "column_stack", "concat", "concatenate", "dstack", "hstack", "row_stack", "vstack",
]  # fmt: skip

concat = concatenate = cat


def _parts(op: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise ArgumentError(f"{op}: tensors must be a tuple or list of tensors")
    if not tensors:
        raise ArgumentError(f"{op}: needs at least one tensor, got none")
    return [as_operand(x, op, f"tensors[{i}]") for i, x in enumerate(tensors)]


def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join side by side: 1-d tensors along dimension 0, others along dimension 1.

    Args:
        tensors: tensors that agree in all other sizes; 0-d ones become 1-d.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.hstack([tg.tensor([1, 2]), tg.tensor([3])])
        tensor([1, 2, 3])
    """
    if out is not None:
        return into(out, hstack, tensors)
    parts = [atleast_1d(x) for x in _parts("hstack", tensors)]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join on top of each other, along dimension 0; 1-d tensors are rows.

    Args:
        tensors: tensors that agree in all other sizes.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.vstack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[1, 2],
                [3, 4]])
    """
    if out is not None:
        return into(out, vstack, tensors)
    return cat([atleast_2d(x) for x in _parts("vstack", tensors)], 0)


def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join in depth, along dimension 2; tensors with fewer dimensions are made 3-d first.

    Args:
        tensors: tensors that agree in all other sizes.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.dstack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[[1, 3],
                 [2, 4]]])
    """
    if out is not None:
        return into(out, dstack, tensors)
    return cat([atleast_3d(x) for x in _parts("dstack", tensors)], 2)


def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Join side by side, 0-d and 1-d tensors as columns.

    Args:
        tensors: tensors that agree in all sizes but that of dimension 1.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the other sizes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.column_stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[1, 3],
                [2, 4]])
    """
    if out is not None:
        return into(out, column_stack, tensors)
    parts = _parts("column_stack", tensors)
    return cat([reshape(x, (-1, 1)) if x.ndim < 2 else x for x in parts], 1)


row_stack = vstack


@implements(np.hstack)
def _numpy_hstack(tup: Any) -> Any:
    return hstack(list(tup))


@implements(np.vstack)
def _numpy_vstack(tup: Any) -> Any:
    return vstack(list(tup))


@implements(np.dstack)
def _numpy_dstack(tup: Any) -> Any:
    return dstack(list(tup))


@implements(np.column_stack)
def _numpy_column_stack(tup: Any) -> Any:
    return column_stack(list(tup))
