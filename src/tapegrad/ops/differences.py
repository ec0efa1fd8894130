"""Derivatives of sampled functions by finite differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..device import is_array
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor, wrap
from .arithmetic import add, div, mul, sub
from .cast import as_operand, floating
from .cutting import narrow
from .scan import diff
from .shape import cat, normal_dims, reshape
from .words import implements

__all__ = ["gradient"]


def gradient(
    input: Tensor,
    *,
    spacing: Any = 1,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Estimate the derivatives of a function from its values on a grid.

    Value: central differences of second order inside, `(f[i+1] - f[i-1]) / 2h` where samples stand h apart;
    one-sided ones of order `edge_order` at both ends. Gradients are those of these formulas.

    Args:
        input: values of the function, floating or complex.
        spacing: distance of two samples; one number for all dimensions, or a sequence with one for each, or
            with the coordinates along each, as vectors.
        dim: dimensions to differentiate along; all by default.
        edge_order: 1 or 2.

    Returns:
        A tensor of the shape of `input` for each dimension.

    Raises:
        ArgumentError: for another `edge_order`, or a sequence of another length.
        ShapeError: if a dimension has fewer than `edge_order + 1` samples, or other coordinates than samples.

    Example:
        >>> import tapegrad as tg
        >>> tg.gradient(tg.tensor([1.0, 4.0, 9.0, 16.0]))
        (tensor([3., 4., 6., 7.]),)

    References:
        Fornberg, "Generation of Finite Difference Formulas on Arbitrarily Spaced Grids" (1988).
    """
    input = floating(input, "gradient")
    dims = tuple(range(input.ndim)) if dim is None else normal_dims("gradient", dim, input.ndim)
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            raise ArgumentError(
                f"gradient: spacing must be one number or one for each of {len(dims)} dimensions, got "
                f"{len(spacing)}"
            )
        distances = tuple(spacing)
    else:
        distances = (spacing,) * len(dims)
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    for d in dims:
        if input.shape[d] <= edge_order:
            raise ShapeError(
                f"gradient: dimension {d} of shape {input.shape} needs {edge_order + 1} samples at least"
            )
    return tuple(_along(input, d, h, edge_order) for d, h in zip(dims, distances, strict=True))


def _along(f: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = f.shape[dim]
    steps = _steps(f, dim, spacing)

    def values(start: int, count: int) -> Tensor:
        return narrow(f, dim, start % n, count)

    def step(start: int, count: int) -> Any:
        return narrow(steps, dim, start % (n - 1), count) if isinstance(steps, Tensor) else steps

    parts = []
    if n > 2:
        before, after = step(0, n - 2), step(1, n - 2)
        if isinstance(steps, Tensor):
            whole = add(before, after)
            inner = _weighted(
                (values(0, n - 2), div(after, mul(before, whole)).neg()),
                (values(1, n - 2), div(sub(after, before), mul(before, after))),
                (values(2, n - 2), div(before, mul(after, whole))),
            )
        else:
            inner = div(sub(values(2, n - 2), values(0, n - 2)), 2 * steps)
        parts = [inner]
    if edge_order == 1:
        first = div(sub(values(1, 1), values(0, 1)), step(0, 1))
        last = div(sub(values(-1, 1), values(-2, 1)), step(-1, 1))
    else:
        first = _end(values(0, 1), values(1, 1), values(2, 1), step(0, 1), step(1, 1), 1)
        last = _end(values(-1, 1), values(-2, 1), values(-3, 1), step(-1, 1), step(-2, 1), -1)
    return cat([first, *parts, last], dim)


def _end(f0: Tensor, f1: Tensor, f2: Tensor, near: Any, far: Any, sign: int) -> Tensor:
    """The derivative of the parabola through three samples at the first of them."""
    whole = near + far
    return _weighted(
        (f0, sign * -(2 * near + far) / (near * whole)),
        (f1, sign * whole / (near * far)),
        (f2, sign * -near / (far * whole)),
    )


def _weighted(*pairs: tuple[Tensor, Any]) -> Tensor:
    first, second, third = (mul(f, w) for f, w in pairs)
    return add(add(first, second), third)


def _steps(f: Tensor, dim: int, spacing: Any) -> Any:
    """The distance of two samples: a number, or a tensor that broadcasts along `dim`."""
    if not isinstance(spacing, Tensor) and not is_array(spacing):
        return spacing
    coordinates = as_operand(spacing, "gradient", "spacing")
    n = f.shape[dim]
    if coordinates.ndim and coordinates.shape != (n,):
        raise ShapeError(
            f"gradient: dimension {dim} has {n} samples, its coordinates are {coordinates.shape}"
        )
    steps = diff(coordinates) if coordinates.ndim else coordinates.expand(n - 1)
    return reshape(steps, (1,) * dim + (-1,) + (1,) * (f.ndim - 1 - dim))


@implements(np.gradient)
def _np_gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = f if isinstance(f, Tensor) else wrap(np.asarray(f)[...])
    axes = axis if isinstance(axis, (tuple, list)) or axis is None else (axis,)
    count = f.ndim if axes is None else len(axes)
    given = tuple(np.asarray(v) if isinstance(v, list) else v for v in varargs)
    spacing: Any = given * count if len(given) == 1 else given
    out = gradient(f, spacing=spacing or 1, dim=axes, edge_order=edge_order)
    return out[0] if count == 1 else out
