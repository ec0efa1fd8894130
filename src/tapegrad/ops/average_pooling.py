"""Means and power means over windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..record import record1
from ..tensor import Tensor
from .activation import floats
from .arithmetic import mul, neg, pow
from .elementwise import abs, relu, sign
from .pooling import Sizes, adaptive_counts, max_pool1d, max_pool2d, max_pool3d
from .taps import (
    adaptive,
    check_images,
    on_device,
    regular,
    spread,
    summed,
    window_counts,
)
from .window import distances, per_dimension

__all__ = ["adaptive_avg_pool1d", "avg_pool1d"]


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Average every window; see `avg_pool2d`.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size, stride, padding, ceil_mode, count_include_pad: as for `avg_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> tg.avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average every window.

    Value: the sum of a window divided by its size. Adjoint: each element of `g`, divided by the same
    size, added to every element of its window.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        kernel_size: size of a window, one int or one for each dimension.
        stride: distance of two windows; that of the window's size by default.
        padding: zeros on both sides, at most half of `kernel_size`.
        ceil_mode: also have the last window if it reaches over the edge.
        count_include_pad: whether the padding counts as part of a window.
        divisor_override: divide by this instead of the size.

    Returns:
        (N, C, H', W') with `H' = floor((H + 2 padding - kernel_size) / stride + 1)`.

    Raises:
        ShapeError: for other numbers of dimensions, an empty image, or windows that do not fit.
        ArgumentError: for a padding larger than half the window, sizes that are not positive, or a
            divisor of zero.
        DtypeError: for tensors that are not floating.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import avg_pool2d
        >>> avg_pool2d(tg.arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average every window; see `avg_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: as for
            `avg_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import avg_pool3d
        >>> avg_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 2)
        tensor([[[[3.5000]]]])
    """
    return _avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _avg_pool(
    ndim: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Tensor:
    op = f"avg_pool{ndim}d"
    input = floats(op, input)
    check_images(op, input, ndim)
    kernel = per_dimension(op, "kernel_size", kernel_size, ndim, 1)
    steps = distances(op, stride, kernel)
    pad = per_dimension(op, "padding", padding, ndim)
    if divisor_override == 0:
        raise ArgumentError(f"{op}: divisor_override must not be zero")
    counts = window_counts(op, input.shape, kernel, steps, pad, (1,) * ndim, ceil_mode)
    if ndim == 3 and any(n < k for n, k in zip(input.shape[-3:], kernel, strict=True)):
        raise ShapeError(  # in three dimensions only, as in PyTorch
            f"{op}: kernel_size {kernel} is larger than {input.shape[-3:]}, the sizes of the images"
        )
    plan, sizes = [], []
    for d, (n, count, k, s, p) in enumerate(
        zip(input.shape[-ndim:], counts, kernel, steps, pad, strict=True)
    ):
        plan.append((d - ndim, regular(n, count, k, s, p, 1)))
        starts = np.arange(count) * s - p
        ends = np.minimum(starts + k, n + p)
        if not count_include_pad:
            starts, ends = np.maximum(starts, 0), np.minimum(ends, n)
        sizes.append(ends - starts)
    return _mean(input, tuple(plan), sizes, divisor_override)


def _mean(input: Tensor, plan: Any, sizes: Any, divisor: Any = None) -> Tensor:
    """Sums over windows divided by the products of their sizes along the dimensions."""
    x = input.array
    if divisor is None:
        table = sizes[0]
        for lengths in sizes[1:]:
            table = np.multiply.outer(table, lengths)
        if table.size and (table == table.flat[0]).all():
            divisor = float(table.flat[0])
        else:
            divisor = on_device(table.astype(x.dtype), x)
    return record1(summed(x, plan, divisor), _avg_pool_vjp, input, (plan, divisor))


def _avg_pool_vjp(g, plan, divisor):
    return spread(g / divisor, plan)


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """Average a given number of windows; see `adaptive_avg_pool2d`.

    Args:
        input: (N, C, L) or (C, L).
        output_size: how many windows.

    Example:
        >>> import tapegrad as tg
        >>> tg.adaptive_avg_pool1d(tg.tensor([[1.0, 3.0, 2.0]]), 2)
        tensor([[2.0000, 2.5000]])
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
    """Average a given number of windows, as equal in size as they can be.

    Window `i` of `n` over size `s` goes from `floor(i s / n)` to `ceil((i + 1) s / n)`. Adjoint: each
    element of `g`, divided by its window's size, added to every element of the window.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        output_size: how many windows, one int or one for each dimension; None keeps a dimension.

    Raises:
        ShapeError: for other numbers of dimensions, or an empty image.
        ArgumentError: for a number less than zero.
        DtypeError: for tensors that are not floating.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import adaptive_avg_pool2d
        >>> adaptive_avg_pool2d(tg.arange(6.0).reshape(1, 2, 3), (1, 2))
        tensor([[[2., 3.]]])
    """
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
    """Average a given number of windows; see `adaptive_avg_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        output_size: as for `adaptive_avg_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import adaptive_avg_pool3d
        >>> adaptive_avg_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 1)
        tensor([[[[3.5000]]]])
    """
    return _adaptive_avg_pool(3, input, output_size)


def _adaptive_avg_pool(ndim: int, input: Any, output_size: Any) -> Tensor:
    op = f"adaptive_avg_pool{ndim}d"
    input = floats(op, input)
    check_images(op, input, ndim, channels=False)
    counts = adaptive_counts(op, input, output_size, ndim)
    return adaptive_mean(input, counts)


def adaptive_mean(input: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Means of that many windows along the last dimensions."""
    ndim = len(counts)
    pairs = [adaptive(n, count) for n, count in zip(input.shape[-ndim:], counts, strict=True)]
    plan = tuple((d - ndim, matrix) for d, (matrix, _) in enumerate(pairs))
    return _mean(input, plan, [lengths for _, lengths in pairs])


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the p-norm of every window; see `lp_pool2d`.

    Args:
        input: (N, C, L) or (C, L).
        norm_type, kernel_size, stride, ceil_mode: as for `lp_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import lp_pool1d
        >>> lp_pool1d(tg.tensor([[3.0, 4.0]]), 2, 2)
        tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the p-norm of every window.

    Value: `(sum x^p)^(1/p)`, without absolute values, as in PyTorch; the largest absolute value for p
    infinity. A window over the edge is scaled up to its full size.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        norm_type: p.
        kernel_size, stride, ceil_mode: as for `avg_pool2d`.

    Raises:
        ArgumentError: for p = 0, and as for `avg_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import lp_pool2d
        >>> lp_pool2d(tg.ones(1, 2, 2), 2, 2)
        tensor([[[2.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the p-norm of every window; see `lp_pool2d`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        norm_type, kernel_size, stride, ceil_mode: as for `lp_pool2d`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import lp_pool3d
        >>> lp_pool3d(tg.ones(1, 2, 2, 2), 1, 2)
        tensor([[[[8.]]]])
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


_LARGEST = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _lp_pool(
    ndim: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    op = f"lp_pool{ndim}d"
    input = floats(op, input)
    if norm_type == 0:
        raise ArgumentError(f"{op}: norm_type must not be zero")
    if norm_type in (np.inf, -np.inf):
        largest = _LARGEST[ndim]
        if norm_type > 0:
            return largest(abs(input), kernel_size, stride, 0, 1, ceil_mode)
        return neg(largest(neg(abs(input)), kernel_size, stride, 0, 1, ceil_mode))
    check_images(op, input, ndim)
    kernel = per_dimension(op, "kernel_size", kernel_size, ndim, 1)
    mean = _avg_pool(ndim, pow(input, norm_type), kernel, stride, 0, ceil_mode, True, None)
    return pow(mul(mul(sign(mean), relu(abs(mean))), int(np.prod(kernel))), 1.0 / norm_type)
