"""Discrete Fourier transforms under PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from ._typing import DTypeLike
from .creation import finish
from .errors import ArgumentError, DtypeError
from .ops.fft import fft, fftshift, hfft, ifft, ifftshift, ihfft, irfft, rfft
from .ops.fftn import (
    fft2,
    fftn,
    hfft2,
    hfftn,
    ifft2,
    ifftn,
    ihfft2,
    ihfftn,
    irfft2,
    irfftn,
    rfft2,
    rfftn,
)  # fmt: skip
from .ops.output import into
from .tensor import Tensor

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2",
    "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2",
    "rfftfreq", "rfftn",
]  # fmt: skip


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the elements of `fft`, in cycles per unit of the sample spacing.

    Value: `[0, 1, ..., (n - 1)//2, -(n//2), ..., -1] / (n d)`.

    Args:
        n: number of points.
        d: sample spacing.
        out: tensor to write the result into, of its shape or empty.
        dtype: a floating dtype, the default one by default.
        device: the CPU by default.
        requires_grad: whether to record what is computed from it.

    Raises:
        ArgumentError: if `n` is negative or no int.
        DtypeError: for a dtype that is not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.fftfreq(5, d=0.5)
        tensor([ 0.0000,  0.4000,  0.8000, -0.8000, -0.4000])
    """
    if out is not None:
        return into(out, fftfreq, n, d, dtype=dtype or out.dtype, device=device)
    n = _count("fftfreq", n)
    places = np.arange(n)
    places[(n + 1) // 2 :] -= n
    return _frequencies("fftfreq", places, n, d, dtype, device, requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: DTypeLike = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the elements of `rfft`, in cycles per unit of the sample spacing.

    Value: `[0, 1, ..., n//2] / (n d)`.

    Args:
        n: number of points that are transformed.
        d, out, dtype, device, requires_grad: as for `fftfreq`.

    Raises:
        ArgumentError: if `n` is negative or no int.
        DtypeError: for a dtype that is not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.rfftfreq(5, d=0.5)
        tensor([0.0000, 0.4000, 0.8000])
    """
    if out is not None:
        return into(out, rfftfreq, n, d, dtype=dtype or out.dtype, device=device)
    n = _count("rfftfreq", n)
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, dtype, device, requires_grad)


def _count(op: str, n: Any) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 0:
        raise ArgumentError(f"{op}: n must be an int, not negative, got {n!r}")
    return int(n.__index__())


def _frequencies(
    op: str, places: Any, n: int, d: float, dtype: DTypeLike, device: Any, requires_grad: bool
) -> Tensor:
    kind = dtypes.as_dtype(dtype)
    if dtypes.category(kind) != 2:
        raise DtypeError(f"{op}: dtype must be floating, got {kind}")
    with np.errstate(divide="ignore", invalid="ignore"):  # no points, or no spacing
        values = places / np.float64(n * d)
    return finish(values.astype(kind), device, requires_grad)
