"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

import tapegrad as tg
from rows import TEXT, Bad, Row, S, normal, positive, unreal
from tapegrad import errors

V, C = np.ones(8), np.ones((3, 5)) * 1j
ODD = {"center": False, "return_complex": True}


def _padded(window: Any, length: int, n: int) -> Any:
    window = np.ones(length) if window is None else window
    before = (n - length) // 2
    return np.pad(window, (before, n - length - before))


def _stft(
    x: Any, n: int, hop: Any = None, win: Any = None, window: Any = None, center: bool = True,
    pad_mode: str = "reflect", normalized: bool = False, onesided: Any = None,
    return_complex: bool | None = None, align_to_window: bool = False,
) -> Any:  # fmt: skip
    """Piece by piece."""
    hop, win = hop or n // 4, win or n
    weights = _padded(window, win, n)
    if center or align_to_window:
        width = n // 2 if center else (n - win) // 2
        mode = (
            {"replicate": "edge", "circular": "wrap"}.get(pad_mode, pad_mode)
            if center
            else "constant"
        )
        x = np.pad(x, ((0, 0),) * (x.ndim - 1) + ((width, width),), mode)  # type: ignore[arg-type]
    unreal = np.iscomplexobj(x) or np.iscomplexobj(weights)
    transform = np.fft.rfft if onesided or (onesided is None and not unreal) else np.fft.fft
    count = (x.shape[-1] - n) // hop + 1
    spectra = [transform(x[..., t * hop : t * hop + n] * weights) for t in range(count)]
    y = np.stack(spectra, -1) / (np.sqrt(n) if normalized else 1)
    return y if return_complex is not False else np.stack((y.real, y.imag), -1)


def _istft(
    y: Any, n: int, hop: Any = None, win: Any = None, window: Any = None, center: bool = True,
    normalized: bool = False, onesided: Any = None, length: Any = None, return_complex: bool = False,
) -> Any:  # fmt: skip
    """Piece by piece."""
    hop, win = hop or n // 4, win or n
    weights = _padded(window, win, n)
    count = y.shape[-1]
    whole = n + hop * (count - 1)
    signal = np.zeros((*y.shape[:-2], whole), complex if return_complex else float)
    sums = np.zeros(whole, weights.dtype)
    for t in range(count):
        spectrum = y[..., t] * (np.sqrt(n) if normalized else 1)
        piece = (
            np.fft.ifft(spectrum)
            if return_complex
            else np.fft.irfft(spectrum[..., : n // 2 + 1], n)
        )
        signal[..., t * hop : t * hop + n] += piece * weights
        sums[t * hop : t * hop + n] += weights**2
    first = n // 2 if center else 0
    wanted = whole - 2 * first if length is None else length
    out = signal[..., first : first + wanted] / sums[first : first + wanted]
    return np.pad(out, ((0, 0),) * (out.ndim - 1) + ((0, wanted - out.shape[-1]),))


def _stft_samples(rng: np.random.Generator) -> list[S]:
    w = positive(rng, 4)
    return [
        S((normal(rng, 7), 4, 2, 4, w), {"return_complex": True}),
        S((normal(rng, 2, 7), 4, 1, 3, w[:3]), {"return_complex": False, "normalized": True}),
        S((normal(rng, 6), 4, None, None, None, False), {"return_complex": True}),
        S((normal(rng, 2, 6), 5, 3, 2, w[:2]), ODD),
        S((normal(rng, 9), 5, 2, 2, w[:2]), {"align_to_window": True, **ODD}),
        S((normal(rng, 5), 4, 6, 4, w, True, "constant", False, False), {"return_complex": True}),
        S((normal(rng, 5), 3, 1, 2, None, True, "replicate"), {"return_complex": True}),
        S((normal(rng, 5), 2, 1, 2, None, True, "circular", True, True, True)),
        S((unreal(rng, 5), 4, 2, 4, w)),
        S((normal(rng, 5), 4, 3, 4, unreal(rng, 4))),
        S((unreal(rng, 2, 4), 4, 1, 4, w, False), {"return_complex": False}),
        S((normal(rng, 9)[::-2], 2, 1), {"return_complex": True}),
    ]


def _istft_samples(rng: np.random.Generator) -> list[S]:
    w = positive(rng, 4)
    return [
        S((unreal(rng, 3, 4), 4, 2, 4, w)),
        S((unreal(rng, 2, 3, 3), 4, 1, 3, w[:3]), {"normalized": True}),
        S((unreal(rng, 3, 3), 5, 2), {"center": False}),
        S((unreal(rng, 4, 3), 4, 2, 4, w, False, False, False)),
        S((unreal(rng, 3, 3), 3, 1, 3, None, True, False, False), {"return_complex": True}),
        S((unreal(rng, 4, 2), 4, 1, 4, unreal(rng, 4), False), {"return_complex": True}),
        S((unreal(rng, 3, 3), 4, 2), {"length": 3}),
        S((unreal(rng, 3, 3), 4, 2), {"length": 9}),
        S((unreal(rng, 3, 1), 4, 3), {"center": False}),
        S((unreal(rng, 5, 3).T[:, :4], 5, 2, 5), {"center": False, "length": 20}),
    ]


def calls(*bad: Any) -> tuple[Bad, ...]:
    """Refused calls from (arguments, error, fragment, options)."""
    return (TEXT._replace(args=("text", 4)), *(Bad(*call) for call in bad))


ARGUMENT, SHAPE, DTYPE = errors.ArgumentError, errors.ShapeError, errors.DtypeError
ON = {"return_complex": True}
ROWS = [
    Row("stft", tg.stft, _stft, _stft_samples, method="stft", integers=False, bad=calls(
        ((V, 4), ARGUMENT, "return_complex must be given"), ((np.ones(8, int), 4), DTYPE, "floating or complex"),
        ((np.ones((1, 1, 8)), 4), SHAPE, "must be (L,) or (N, L)", ON), ((V, 0), ARGUMENT, "n_fft must be an int", ON),
        ((V, 3), ARGUMENT, "hop_length must be given", ON), ((V, 4, 0), ARGUMENT, "hop_length must be an int", ON),
        ((V, 4, 1, 5), ARGUMENT, "win_length must be 4 at most", ON), ((V, 9), SHAPE, "n_fft must be 8 at most", ODD),
        ((V, 4, 1, 3, np.ones(4)), SHAPE, "window must have the shape (3,)", ON),
        ((V, 4, 1, 4, 1.0), DTYPE, "window must be a tensor", ON), ((V, 20), SHAPE, "do not fit mode 'reflect'", ON),
        ((V, 4, 1, 4, None, True, "mirror"), ARGUMENT, "mode must be", ON),
        ((V * 1j, 4), ARGUMENT, "onesided must be False", {"onesided": True}),
        ((V, 4), ARGUMENT, "align_to_window has a meaning only", {"align_to_window": False, **ON}))),
    Row("istft", tg.istft, _istft, _istft_samples, method="istft", integers=False, bad=calls(
        ((V, 4), DTYPE, "must be complex"), ((C[0], 4), SHAPE, "must be (K, T) or (N, K, T)"),
        ((C[:, :0], 4), SHAPE, "not empty"), ((C, 6), SHAPE, "must have 4 frequencies"),
        ((C, 4), SHAPE, "must have 4 frequencies", {"onesided": False}), ((C, 4, 5), ARGUMENT, "hop_length must be 4 at most"),
        ((C, 4, 1, 5), ARGUMENT, "win_length must be 4 at most"), ((C, 4, 2), ARGUMENT, "needs all frequencies", ON),
        ((C, 4, 2, 4, np.ones(4) * 1j), ARGUMENT, "complex window needs return_complex"),
        ((C, 4, 2), ARGUMENT, "must be something left", {"length": 0}), ((C[:, :1], 4, 2), ARGUMENT, "must be something left"),
        ((C, 4, 2, 4, np.array([0.0, 1, 1, 1]), False), ARGUMENT, "add up to zero"))),
]  # fmt: skip
