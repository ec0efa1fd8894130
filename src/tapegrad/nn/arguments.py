"""What constructors check, so that a wrong argument is refused when a layer is made, not when it is called."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..ops.window import distances, per_dimension


def check_numbers(layer: Any, **given: Any) -> None:
    """Refuse what is no number.

    Args:
        layer: whose arguments they are.
        given: values by name.

    Raises:
        ArgumentError: naming the class, the argument and what it got.
    """
    for name, value in given.items():
        if isinstance(value, str) or not hasattr(value, "__float__"):
            raise ArgumentError(f"{type(layer).__name__}: {name} must be a number, got {value!r}")


def check_dims(layer: Any, **given: Any) -> None:
    """Refuse what names no dimension; None is left to the layer."""
    for name, value in given.items():
        if value is not None and not hasattr(value, "__index__"):
            raise ArgumentError(f"{type(layer).__name__}: {name} must be an int, got {value!r}")


def check_windows(
    layer: Any,
    ndim: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    most: int | None = None,
) -> None:
    """Refuse windows of no size, or at no distance.

    Args:
        layer: whose arguments they are.
        ndim: number of dimensions of a window.
        kernel_size, stride, padding, dilation: an int, or one for each dimension; None for a stride of the
            window's size.
        most: the padding is at most the size of the window divided by this.

    Raises:
        ArgumentError: naming the class, the argument and what it got.
    """
    name = type(layer).__name__
    kernel = per_dimension(name, "kernel_size", kernel_size, ndim, 1)
    distances(name, stride, kernel)
    padded = per_dimension(name, "padding", padding, ndim)
    per_dimension(name, "dilation", dilation, ndim, 1)
    if most is not None and any(p > k // most for p, k in zip(padded, kernel, strict=True)):
        raise ArgumentError(
            f"{name}: padding must be at most half of the window, got {padding} for kernel_size={kernel_size}"
        )


def check_counts(layer: Any, ndim: int, output_size: Any) -> None:
    """Refuse what is no number of windows; None keeps a dimension as it is."""
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,)
    if len(given) not in (1, ndim) or any(
        n is not None and (not hasattr(n, "__index__") or n < 0) for n in given
    ):
        wanted = "an int" if ndim == 1 else f"an int or {ndim} of them"
        raise ArgumentError(
            f"{type(layer).__name__}: output_size must be {wanted}, at least 0, or None, got {output_size!r}"
        )
