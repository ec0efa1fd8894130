"""Discrete Fourier transforms along one dimension, and what those of several are made of.

In the formulas `w = e**(-2 pi i / n)`, `F` is the transform as a matrix, and `g` is the gradient of
the result as the tape holds it: for a complex value `z` the one with `df = Re(sum(g * dz))`. Since
the matrix is symmetric, the gradient of a transform is the same transform; only where half a
spectrum stands for the whole do its inner frequencies count twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, kernels
from .._typing import Dim, Shape
from ..errors import ArgumentError, DimensionError, DtypeError
from ..record import record1
from ..tensor import Tensor, raw
from .arrange import roll
from .cast import as_operand, cast, floating
from .lapack import single
from .output import into
from .shape import normal_dim
from .words import implements

NORMS = (None, "backward", "ortho", "forward")


def fft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform along a dimension.

    Value: `y[k] = sum_j input[j] w**(j k)`. Adjoint: `fft(g)` with the same `norm`, cut or filled
    with zeros to the size of the input; its real part for a real input.

    Args:
        input: tensor with at least one dimension, real or complex; integers become the default
            dtype.
        n: number of points: the input is cut, or filled with zeros at the end; by default its size.
        dim: the dimension.
        norm: `"backward"` (or None) to scale only inverse transforms, by `1/n`; `"forward"` to
            scale only forward ones; `"ortho"` for `1/sqrt(n)` in both.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with `n` elements along `dim`.

    Raises:
        DimensionError: for a 0-d tensor, or a dimension that it has not.
        ArgumentError: if there is no point to transform, or for an unknown `norm`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.fft(tg.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])

    References:
        J. W. Cooley and J. W. Tukey, "An algorithm for the machine calculation of complex Fourier
        series", Mathematics of Computation 19 (1965).
    """
    if out is not None:
        return into(out, fft, input, n, dim, norm)
    input, d, points = _one("fft", input, n, dim, norm)
    return c2c(input, (d,), (points,), norm, False)


def ifft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse discrete Fourier transform along a dimension.

    Value: `y[j] = 1/n sum_k input[k] w**(-j k)`. Adjoint: `ifft(g)` with the same `norm`.

    Args:
        input, n, dim, norm: as for `fft`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with `n` elements along `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ifft(tg.fft.fft(tg.tensor([1.0, 2.0, 3.0])))
        tensor([1.+0.j, 2.+0.j, 3.+0.j])
    """
    if out is not None:
        return into(out, ifft, input, n, dim, norm)
    input, d, points = _one("ifft", input, n, dim, norm)
    return c2c(input, (d,), (points,), norm, True)


def rfft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of real numbers: the half of the spectrum that is not redundant.

    Value: the first `n//2 + 1` elements of `fft`. Adjoint: `hfft(g)` with the same `norm` and the
    inner frequencies halved.

    Args:
        input: real tensor with at least one dimension; integers become the default dtype.
        n, dim, norm: as for `fft`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with `n//2 + 1` elements along `dim`.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.rfft(tg.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    if out is not None:
        return into(out, rfft, input, n, dim, norm)
    input, d, points = _one("rfft", real_only("rfft", input), n, dim, norm)
    return r2c(input, d, points, norm, False)


@single
def irfft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `rfft`: real numbers from the half of their spectrum.

    Value: `ifft` of the spectrum continued by `y[n - k] = y[k]*`; the imaginary parts of the first
    element, and of the last one for an even `n`, do not count. Adjoint: `ihfft(g)` with the same
    `norm` and the inner frequencies doubled.

    Args:
        input: tensor with at least one dimension, (..., n//2 + 1, ...).
        n: number of points of the result; by default the even one, `2 (size - 1)`.
        dim, norm: as for `fft`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with `n` elements along `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.irfft(tg.fft.rfft(tg.tensor([1.0, 2.0, 3.0])), n=3)
        tensor([1., 2., 3.])
    """
    if out is not None:
        return into(out, irfft, input, n, dim, norm)
    input, d, points = _one("irfft", input, n, dim, norm, halved=True)
    return c2r(input, d, points, norm, True)


@single
def hfft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of numbers that are Hermitian, of which one half is given.

    Value: `fft` of the input continued by `x[n - j] = x[j]*`, which is real. Adjoint: `rfft(g)`
    with the same `norm` and the inner elements doubled.

    Args:
        input: tensor with at least one dimension, (..., n//2 + 1, ...).
        n: number of points of the result; by default the even one, `2 (size - 1)`.
        dim, norm: as for `fft`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with `n` elements along `dim`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.hfft(tg.tensor([1 + 0j, 2 - 1j, 3 + 0j]))
        tensor([ 8., -4.,  0.,  0.])
    """
    if out is not None:
        return into(out, hfft, input, n, dim, norm)
    input, d, points = _one("hfft", input, n, dim, norm, halved=True)
    return c2r(input, d, points, norm, False)


def ihfft(
    input: Tensor,
    n: int | None = None,
    dim: int = -1,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `hfft`: one half of the Hermitian numbers that have this real spectrum.

    Value: the first `n//2 + 1` elements of `ifft`. Adjoint: `irfft(g)` with the same `norm` and the
    inner elements halved.

    Args:
        input: real tensor with at least one dimension; integers become the default dtype.
        n, dim, norm: as for `fft`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with `n//2 + 1` elements along `dim`.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ihfft(tg.tensor([8.0, -4.0, 0.0, 0.0]))
        tensor([1.-0.j, 2.-1.j, 3.-0.j])
    """
    if out is not None:
        return into(out, ihfft, input, n, dim, norm)
    input, d, points = _one("ihfft", real_only("ihfft", input), n, dim, norm)
    return r2c(input, d, points, norm, True)


def fftshift(input: Tensor, dim: Dim = None) -> Tensor:
    """Move the frequency zero to the middle.

    Value: `input` rolled by `n//2` along each dimension. Adjoint: `g` rolled back.

    Args:
        input: tensor with at least one dimension.
        dim: dimension or dimensions; by default all of them.

    Raises:
        DimensionError: if there is no dimension to shift.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.fftshift(tg.fft.fftfreq(4))
        tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted("fftshift", input, dim, 0)


def ifftshift(input: Tensor, dim: Dim = None) -> Tensor:
    """Inverse of `fftshift`: move the frequency zero from the middle to the beginning.

    Args:
        input: tensor with at least one dimension.
        dim: dimension or dimensions; by default all of them.

    Raises:
        DimensionError: if there is no dimension to shift.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ifftshift(tg.tensor([-1, 0, 1]))
        tensor([ 0,  1, -1])
    """
    return _shifted("ifftshift", input, dim, 1)


def _shifted(op: str, input: Any, dim: Dim, odd: int) -> Tensor:
    input = as_operand(input, op)
    given = range(input.ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    if not input.ndim or not given:
        raise DimensionError(f"{op}: there must be a dimension to shift, shape is {input.shape}")
    dims = [normal_dim(op, d, input.ndim) for d in given]
    return roll(input, [(input.shape[d] + odd) // 2 for d in dims], dims)


# -- arguments -------------------------------------------------------------------------------------


def spectral(op: str, input: Any, norm: Any) -> Tensor:
    """A tensor that can be transformed, in single precision at least: half has no complex."""
    if norm not in NORMS:
        raise ArgumentError(
            f"{op}: norm must be None, 'backward', 'ortho' or 'forward', got {norm!r}"
        )
    input = floating(input, op)
    return cast(input, dtypes.float32) if input.dtype.itemsize < 4 else input


def real_only(op: str, input: Any) -> Tensor:
    """The tensor, if it is not complex."""
    input = as_operand(input, op)
    if input.dtype.kind == "c":
        raise DtypeError(
            f"{op}: input must be real, got {input.dtype}; use {op.replace('ih', 'i').lstrip('r')}"
        )
    return input


def points_of(op: str, name: str, n: Any, size: int, halved: bool = False) -> int:
    """The number of points to transform.

    Args:
        op, name: names for errors.
        n: as given; None for all there are.
        size: of the dimension.
        halved: whether these are half of the points.
    """
    if n is None:
        points = 2 * (size - 1) if halved else size
        if points < 1:
            raise ArgumentError(
                f"{op}: there must be at least one point, the size {size} means {max(points, 0)}; "
                f"give {name}"
            )
        return points
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise ArgumentError(f"{op}: {name} must be an int, at least 1, got {n!r}")
    return int(n.__index__())


def _one(
    op: str, input: Any, n: Any, dim: Any, norm: Any, halved: bool = False
) -> tuple[Tensor, int, int]:
    input = spectral(op, input, norm)
    if not input.ndim:
        raise DimensionError(f"{op}: input must have a dimension, a 0-d tensor has none")
    d = normal_dim(op, dim, input.ndim)
    return input, d, points_of(op, "n", n, input.shape[d], halved)


# -- the three transforms that are recorded --------------------------------------------------------


def c2c(input: Tensor, dims: Shape, points: Shape, norm: Any, inverse: bool) -> Tensor:
    """Transform complex numbers, or real ones, to complex ones."""
    x = input.array
    out = _transform(x, points, dims, norm, inverse)
    return record1(out, _fft_c2c_vjp, input, (dims, norm, inverse, x.shape))


def _fft_c2c_vjp(g, dims, norm, inverse, shape):
    return _resized(_transform(g, None, dims, norm, inverse), shape)


def _transform(x: Any, points: Any, dims: Shape, norm: Any, inverse: bool) -> Any:
    if len(dims) > 1:
        return (np.fft.ifftn if inverse else np.fft.fftn)(x, points, dims, norm)
    n = None if points is None else points[0]
    return (np.fft.ifft if inverse else np.fft.fft)(x, n, dims[0], norm)


def r2c(input: Tensor, dim: int, n: int, norm: Any, inverse: bool) -> Tensor:
    """Transform real numbers to one half of the complex ones."""
    x = input.array
    out = (np.fft.ihfft if inverse else np.fft.rfft)(x, n, dim, norm)
    return record1(out, _fft_r2c_vjp, input, (dim, n, norm, inverse, x.shape))


def _fft_r2c_vjp(g, dim, n, norm, inverse, shape):
    g = g * _weights(raw(g), dim, n, 0.5)
    return _resized((np.fft.irfft if inverse else np.fft.hfft)(g, n, dim, norm), shape)


def c2r(input: Tensor, dim: int, n: int, norm: Any, inverse: bool) -> Tensor:
    """Transform complex numbers, of which one half is given, to real ones."""
    x = input.array
    out = (np.fft.irfft if inverse else np.fft.hfft)(x, n, dim, norm)
    return record1(out, _fft_c2r_vjp, input, (dim, n, norm, inverse, x.shape))


def _fft_c2r_vjp(g, dim, n, norm, inverse, shape):
    half = (np.fft.ihfft if inverse else np.fft.rfft)(g, n, dim, norm)
    return _resized(half * _weights(raw(g), dim, n, 2), shape)


def _weights(like: Any, dim: int, n: int, inner: float) -> Any:
    """A factor for the elements of half a spectrum that stand for two."""
    weights = np.full_like(like.real, inner, shape=(n // 2 + 1,))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return weights.reshape((-1,) + (1,) * (like.ndim - 1 - dim))


def _resized(g: Any, shape: Shape) -> Any:
    """Cut or filled with zeros at the ends: the adjoint of `n` points from another number."""
    if g.shape == shape:
        return g
    return kernels.pad(g, tuple((0, n - m) for n, m in zip(shape, g.shape, strict=True)), 0)


# -- NumPy's words ---------------------------------------------------------------------------------


def _numpy_word(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def word(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tensor:
        return operation(a, n, axis, norm)

    return word


for _operation in (fft, ifft, rfft, irfft, hfft, ihfft):
    implements(getattr(np.fft, _operation.__name__))(_numpy_word(_operation))


@implements(np.fft.fftshift)
def _numpy_fftshift(x: Any, axes: Any = None) -> Tensor:
    return fftshift(x, axes)


@implements(np.fft.ifftshift)
def _numpy_ifftshift(x: Any, axes: Any = None) -> Tensor:
    return ifftshift(x, axes)
