"""The short-time Fourier transform and its inverse.

References:
    D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier transform",
    IEEE Transactions on Acoustics, Speech, and Signal Processing 32 (1984).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import apart, every_value
from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor, wrap
from .arithmetic import div, mul, square
from .cast import as_operand, different_devices
from .complex_numbers import view_as_real
from .cutting import fold_along, narrow, unfold
from .fft import fft, ifft, irfft, rfft
from .lapack import single
from .padding import pad
from .shape import expand, reshape, transpose

__all__ = ["istft", "stft"]
METHODS = __all__

LEAST = 1e-11  # of the windows' sum that `istft` divides by


@single
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Short-time Fourier transform: the spectra of overlapping pieces of a signal.

    Value: `y[k, t] = sum_j window[j] input[t hop_length + j] e**(-2 pi i j k / n_fft)`. Adjoint:
    the transforms of `g`, times the window, added up where pieces overlap; for the window the sum
    over the pieces.

    Args:
        input: signals, (L,) or (N, L), real or complex.
        n_fft: length of a piece, and of its transform.
        hop_length: from one piece to the next; `n_fft // 4` by default.
        win_length: length of the window, which is filled with zeros on both sides; `n_fft` by
            default.
        window: weights, (win_length,); ones by default.
        center: extend the signal by `n_fft // 2` on both sides, so that piece `t` has its middle at
            `t hop_length`.
        pad_mode: how it is extended, as in `nn.functional.pad`.
        normalized: divide by `sqrt(n_fft)`.
        onesided: only the frequencies up to the middle, `K = n_fft//2 + 1` of them instead of
            `n_fft`; by
            default if input and window are real.
        return_complex: True for complex numbers, False for pairs of real ones in a last dimension;
            must be given for a real input and a real window.
        align_to_window: without `center`, let the first window, not the first piece, begin where
            the signal does.

    Returns:
        (K, T) or (N, K, T), where T is the number of pieces; or (..., 2).

    Raises:
        DtypeError: for an integer tensor.
        ShapeError: for another number of dimensions, a signal shorter than a piece, a window of
            another length.
        ArgumentError: for lengths without meaning, if `return_complex` is missing, or for half a
            spectrum of complex numbers.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.sin(tg.arange(16.0))
        >>> tg.stft(x, 8, window=tg.hann_window(8), return_complex=True).shape
        (5, 9)
    """
    input = as_operand(input, "stft")
    x = input.array
    if x.dtype.kind not in "fc":
        raise DtypeError(f"stft: input must be floating or complex, got {x.dtype}")
    if x.ndim not in (1, 2):
        raise ShapeError(f"stft: input must be (L,) or (N, L), got {x.shape}")
    if center and align_to_window is not None:
        raise ArgumentError("stft: align_to_window has a meaning only without center")
    n, hop, length = _lengths("stft", n_fft, hop_length, win_length)
    weights = _weights("stft", input, window, length, n)
    unreal = x.dtype.kind == "c" or (weights is not None and weights.dtype.kind == "c")
    if return_complex is None:
        if not unreal:
            raise ArgumentError(
                "stft: return_complex must be given for a real input; pass return_complex=True"
            )
        return_complex = True
    if onesided is None:
        onesided = not unreal
    if onesided and unreal:
        raise ArgumentError(
            "stft: onesided must be False for a complex input or window: their spectrum has no symmetry"
        )
    if center:
        rows = reshape(input, (1,) * (3 - x.ndim) + x.shape)
        rows = pad(rows, (n // 2, n // 2), pad_mode)
        input = reshape(rows, (*x.shape[:-1], rows.shape[-1]))
    elif align_to_window:
        input = pad(input, ((n - length) // 2,) * 2)
    if input.shape[-1] < n:
        raise ShapeError(
            f"stft: n_fft must be {input.shape[-1]} at most, the length of the signal, got {n}"
        )
    pieces = unfold(input, -1, n, hop)
    if weights is not None:
        pieces = mul(pieces, weights)
    norm = "ortho" if normalized else None
    out = transpose((rfft if onesided else fft)(pieces, norm=norm), -2, -1)
    return out if return_complex else view_as_real(out)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Inverse of `stft`: the signal whose pieces have spectra closest to those given.

    Value: the inverse transforms of the spectra, times the window, added up where pieces overlap,
    divided by the sum of the squared windows. Adjoint: through each of these steps.

    Args:
        input: complex spectra, (K, T) or (N, K, T), with `K = n_fft//2 + 1` or `n_fft`.
        n_fft, hop_length, win_length, window, center, normalized: as given to `stft`.
        onesided: whether K is `n_fft//2 + 1`; by default if it is not `n_fft`.
        length: of the signal; zeros stand where there is no piece. By default what the pieces
            cover, without the extension at the end if they are centred.
        return_complex: give a complex signal, from spectra with all frequencies.

    Returns:
        (L,) or (N, L).

    Raises:
        DtypeError: for a real tensor.
        ShapeError: if shapes do not fit `n_fft`.
        ArgumentError: for lengths without meaning, or if the windows' sum has zeros, so that part
            of the signal is unknown.

    Example:
        >>> import tapegrad as tg
        >>> x, window = tg.arange(6.0), tg.hann_window(4)
        >>> y = tg.stft(x, 4, 1, window=window, return_complex=True)
        >>> tg.istft(y, 4, 1, window=window).round(decimals=3)
        tensor([0., 1., 2., 3., 4., 5.])
    """
    input = as_operand(input, "istft")
    shape = input.shape
    if input.dtype.kind != "c":
        raise DtypeError(
            "istft: input must be complex, as stft gives it with return_complex=True, got "
            f"{input.dtype}"
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise ShapeError(f"istft: input must be (K, T) or (N, K, T) and not empty, got {shape}")
    n, hop, win = _lengths("istft", n_fft, hop_length, win_length)
    if hop > win:
        raise ArgumentError(
            f"istft: hop_length must be {win} at most, the length of the window, got {hop}"
        )
    bins, count = shape[-2:]
    if onesided is None:
        onesided = bins != n
    if bins != (n // 2 + 1 if onesided else n):
        raise ShapeError(
            f"istft: with n_fft={n} and onesided={onesided} input must have "
            f"{n // 2 + 1 if onesided else n} frequencies, got shape {shape}"
        )
    weights = _weights("istft", input, window, win, n)
    if return_complex:
        if onesided:
            raise ArgumentError("istft: return_complex needs all frequencies, onesided=False")
    elif weights is not None and weights.dtype.kind == "c":
        raise ArgumentError("istft: a complex window needs return_complex=True")
    norm = "ortho" if normalized else None
    spectra = transpose(input, -2, -1)
    if return_complex:
        pieces = ifft(spectra, norm=norm)
    else:
        pieces = irfft(narrow(spectra, -1, 0, n // 2 + 1), n, norm=norm)
    if weights is None:
        weights = wrap(np.ones_like(pieces.array.real, shape=(n,)))
    whole = n + hop * (count - 1)
    signal = fold_along(mul(pieces, weights), pieces.ndim - 2, whole, hop)
    sums = fold_along(expand(square(weights), (count, n)), 0, whole, hop)
    first = n // 2 if center else 0
    wanted = whole - 2 * first if length is None else length
    size = min(wanted, whole - first)
    if size < 1:
        raise ArgumentError(
            f"istft: there must be something left, the signal would have {size} elements; see length"
            " and center"
        )
    signal, sums = narrow(signal, -1, first, size), narrow(sums, 0, first, size)
    if every_value(np.min(np.abs(sums.array))).min() <= LEAST:
        raise ArgumentError(
            "istft: the squared windows add up to zero somewhere, where the signal is unknown; take "
            "a smaller hop_length, center=True, or a shorter length"
        )
    signal = div(signal, sums)
    return pad(signal, (0, wanted - size)) if wanted > size else signal


def _lengths(op: str, n_fft: Any, hop_length: Any, win_length: Any) -> tuple[int, int, int]:
    """The lengths of a piece, of a step and of the window."""
    for name, value in (("n_fft", n_fft), ("hop_length", hop_length), ("win_length", win_length)):
        if value is None and name != "n_fft":
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
            raise ArgumentError(f"{op}: {name} must be an int, at least 1, got {value!r}")
    n = int(n_fft)
    hop = n // 4 if hop_length is None else int(hop_length)
    win = n if win_length is None else int(win_length)
    if hop < 1:
        raise ArgumentError(f"{op}: hop_length must be given, the default n_fft // 4 is 0")
    if win > n:
        raise ArgumentError(
            f"{op}: win_length must be {n} at most, the length of a piece, got {win}"
        )
    return n, hop, win


def _weights(op: str, input: Tensor, window: Any, length: int, n: int) -> Tensor | None:
    """The window between zeros, of the length of a piece; None if there is none."""
    if window is None:
        if length == n:
            return None
        window = wrap(np.ones_like(input.array.real, shape=(length,)))
    window = as_operand(window, op, "window")
    if apart(window.array, input.array):
        raise different_devices(op, input, window)
    if window.shape != (length,):
        raise ShapeError(f"{op}: window must have the shape ({length},), got {window.shape}")
    before = (n - length) // 2
    return pad(window, (before, n - length - before)) if length < n else window
