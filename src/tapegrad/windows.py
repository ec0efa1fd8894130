"""Windows: weights that let a piece of a signal fade in and out before it is transformed.

A periodic window of `n` weights is a symmetric one of `n + 1` without its last; the sums of its
shifted copies are constant, as `istft` likes them. A symmetric one is for the design of filters.

References:
    F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform",
    Proceedings of the IEEE 66 (1978).
    J. F. Kaiser and R. W. Schafer, "On the use of the I0-sinh window for spectrum analysis", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 28 (1980).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from ._typing import DTypeLike
from .creation import finish
from .errors import ArgumentError, DtypeError
from .tensor import Tensor

__all__ = [
    "bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window",
]  # fmt: skip


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One period of a raised cosine.

    Value: `w[k] = 1/2 - 1/2 cos(2 pi k / m)`, where `m` is the length, or one less if not periodic.

    Args:
        window_length: number of weights; a single one is 1.
        periodic: leave out the last weight of a symmetric window that is longer by one.
        dtype: a floating dtype, the default one by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Raises:
        ArgumentError: for a length that is negative or no int.
        DtypeError: for a dtype that is not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window(
        "hann_window", _cosines(0.5, 0.5), window_length, periodic, dtype, device, requires_grad
    )


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine that does not reach zero.

    Value: `w[k] = alpha - beta cos(2 pi k / m)`, where `m` is the length, or one less if not
    periodic.

    Args:
        window_length, periodic, dtype, device, requires_grad: as for `hann_window`.
        alpha, beta: the two coefficients.

    Example:
        >>> import tapegrad as tg
        >>> tg.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window(
        "hamming_window", _cosines(alpha, beta), window_length, periodic, dtype, device, requires_grad
    )  # fmt: skip


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Two cosines, whose sum fades more smoothly than one.

    Value: `w[k] = 0.42 - 0.5 cos(2 pi k / m) + 0.08 cos(4 pi k / m)`, where `m` is the length, or
    one less if not periodic.

    Args:
        window_length, periodic, dtype, device, requires_grad: as for `hann_window`.

    Example:
        >>> import tapegrad as tg
        >>> tg.blackman_window(4)[1:]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return _window(
        "blackman_window", _cosines(0.42, 0.5, 0.08), window_length, periodic, dtype, device,
        requires_grad,
    )  # fmt: skip


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle.

    Value: `w[k] = 1 - |2 k / m - 1|`, where `m` is the length, or one less if not periodic.

    Args:
        window_length, periodic, dtype, device, requires_grad: as for `hann_window`.

    Example:
        >>> import tapegrad as tg
        >>> tg.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window(
        "bartlett_window", lambda t: 1 - np.abs(2 * t - 1), window_length, periodic, dtype, device,
        requires_grad,
    )  # fmt: skip


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window, which a number makes as narrow as one likes.

    Value: `w[k] = I0(beta sqrt(1 - (2 k / m - 1)**2)) / I0(beta)`, where `I0` is the modified
    Bessel function of order zero and `m` the length, or one less if not periodic.

    Args:
        window_length, periodic, dtype, device, requires_grad: as for `hann_window`.
        beta: 0 for a rectangle; the larger, the narrower the window and the lower the side lobes of
            its spectrum.

    Example:
        >>> import tapegrad as tg
        >>> tg.kaiser_window(4, beta=5.0)
        tensor([0.0367, 0.5529, 1.0000, 0.5529])
    """

    def bell(t: Any) -> Any:
        return np.i0(beta * np.sqrt(1 - (2 * t - 1) ** 2)) / np.i0(beta)

    return _window("kaiser_window", bell, window_length, periodic, dtype, device, requires_grad)


def _cosines(*coefficients: float) -> Callable[[Any], Any]:
    """A sum of cosines whose signs alternate, over one period from 0 to 1."""

    def function(t: Any) -> Any:
        total = np.full_like(t, coefficients[0])
        for i, coefficient in enumerate(coefficients[1:], 1):
            total += (-1) ** i * coefficient * np.cos(2 * np.pi * i * t)
        return total

    return function


def _window(
    op: str,
    function: Callable[[Any], Any],
    length: Any,
    periodic: bool,
    dtype: DTypeLike,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    if isinstance(length, bool) or not hasattr(length, "__index__") or length.__index__() < 0:
        raise ArgumentError(f"{op}: window_length must be an int, not negative, got {length!r}")
    kind = dtypes.as_dtype(dtype)
    if dtypes.category(kind) != 2:
        raise DtypeError(f"{op}: dtype must be floating, got {kind}")
    n = int(length.__index__())
    # in float64, rounded once
    values = np.ones(n) if n < 2 else function(np.arange(n) / (n if periodic else n - 1))
    return finish(values.astype(kind), device, requires_grad)
