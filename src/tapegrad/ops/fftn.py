"""Discrete Fourier transforms along several dimensions; see `fft.py` for those along one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from .._typing import Dim, Shape
from ..errors import ArgumentError, DimensionError, ShapeError
from ..tensor import Tensor
from .cast import cast
from .fft import c2c, c2r, points_of, r2c, real_only, spectral
from .lapack import single
from .output import into
from .shape import clone, normal_dim
from .words import implements


def fftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform along several dimensions.

    Value: `fft` along one dimension after the other. Adjoint: `fftn(g)` with the same `norm`, cut
    or filled with zeros to the shape of the input; its real part for a real input.

    Args:
        input: tensor, real or complex; integers become the default dtype.
        s: numbers of points, one per dimension: the input is cut, or filled with zeros at the ends;
            -1, or no `s` at all, for all there are.
        dim: dimensions; by default the last ones, as many as `s` has, or all.
        norm: as for `fft`, where `n` is the number of all points together.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`.

    Raises:
        ArgumentError: if `s` and `dim` differ in length, `dim` names a dimension twice, there is no
            point to transform, or for an unknown `norm`.
        ShapeError: if `s` has more sizes than the input has dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.fftn(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[10.+0.j, -2.+0.j],
                [-4.+0.j,  0.+0.j]])
    """
    if out is not None:
        return into(out, fftn, input, s, dim, norm)
    return _both_complex("fftn", input, s, dim, norm, False)


def ifftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse discrete Fourier transform along several dimensions.

    Value: `ifft` along one dimension after the other. Adjoint: `ifftn(g)` with the same `norm`.

    Args:
        input, s, dim, norm: as for `fftn`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ifftn(tg.fft.fftn(tg.tensor([[1.0, 2.0], [3.0, 4.0]])))
        tensor([[1.+0.j, 2.+0.j],
                [3.+0.j, 4.+0.j]])
    """
    if out is not None:
        return into(out, ifftn, input, s, dim, norm)
    return _both_complex("ifftn", input, s, dim, norm, True)


def rfftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of real numbers along several dimensions.

    Value: `rfft` along the last of them, then `fft` along the others. Adjoint: theirs in turn.

    Args:
        input: real tensor; integers become the default dtype.
        s: numbers of points, one per dimension: the input is cut, or filled with zeros at the ends;
            -1, or no `s` at all, for all there are.
        dim: dimensions; by default the last ones, as many as `s` has, or all.
        norm: as for `fft`, where `n` is the number of all points together.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`, the last of them as `s[-1]//2 + 1`.

    Raises:
        DtypeError: for a complex tensor.
        ArgumentError: if there is no dimension to transform.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.rfftn(tg.ones(4, 4)).shape
        (4, 3)
    """
    if out is not None:
        return into(out, rfftn, input, s, dim, norm)
    return _from_real("rfftn", input, s, dim, norm, False)


@single
def irfftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `rfftn`: real numbers from the half of their spectrum.

    Value: `ifft` along all dimensions but the last, then `irfft` along that one. Adjoint: theirs in
    turn.

    Args:
        input: tensor; integers become the default dtype.
        s: numbers of points, one per dimension: the input is cut, or filled with zeros at the ends;
            -1, or no `s` at all, for all there are, and `2 (size - 1)` in the last dimension.
        dim: dimensions; by default the last ones, as many as `s` has, or all.
        norm: as for `fft`, where `n` is the number of all points together.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with the sizes `s`.

    Raises:
        ArgumentError: if there is no dimension to transform.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.irfftn(tg.fft.rfftn(tg.tensor([[1.0, 2.0], [3.0, 4.0]])))
        tensor([[1., 2.],
                [3., 4.]])
    """
    if out is not None:
        return into(out, irfftn, input, s, dim, norm)
    return _to_real("irfftn", input, s, dim, norm, True)


@single
def hfftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of Hermitian numbers, of which one half is given.

    Value: `fft` along all dimensions but the last, then `hfft` along that one. Adjoint: theirs in
    turn.

    Args:
        input, s, dim, norm: as for `irfftn`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with the sizes `s`.

    Raises:
        ArgumentError: if there is no dimension to transform.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.hfftn(tg.ones(2, 3)).shape
        (2, 4)
    """
    if out is not None:
        return into(out, hfftn, input, s, dim, norm)
    return _to_real("hfftn", input, s, dim, norm, False)


def ihfftn(
    input: Tensor,
    s: Dim = None,
    dim: Dim = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `hfftn`: one half of the Hermitian numbers that have this real spectrum.

    Value: `ihfft` along the last dimension, then `ifft` along the others. Adjoint: theirs in turn.

    Args:
        input, s, dim, norm: as for `rfftn`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`, the last of them as `s[-1]//2 + 1`.

    Raises:
        DtypeError: for a complex tensor.
        ArgumentError: if there is no dimension to transform.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ihfftn(tg.ones(2, 4)).shape
        (2, 3)
    """
    if out is not None:
        return into(out, ihfftn, input, s, dim, norm)
    return _from_real("ihfftn", input, s, dim, norm, True)


def fft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of matrices.

    Value and adjoint: those of `fftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `fftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.fft2(tg.ones(4, 4)).shape
        (4, 4)
    """
    if out is not None:
        return into(out, fft2, input, s, dim, norm)
    return _both_complex("fft2", input, s, dim, norm, False)


def ifft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse discrete Fourier transform of matrices.

    Value and adjoint: those of `ifftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `ifftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ifft2(tg.ones(4, 4)).shape
        (4, 4)
    """
    if out is not None:
        return into(out, ifft2, input, s, dim, norm)
    return _both_complex("ifft2", input, s, dim, norm, True)


def rfft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of real matrices.

    Value and adjoint: those of `rfftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `rfftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`, the last of them as `s[-1]//2 + 1`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.rfft2(tg.ones(4, 4)).shape
        (4, 3)
    """
    if out is not None:
        return into(out, rfft2, input, s, dim, norm)
    return _from_real("rfft2", input, s, dim, norm, False)


@single
def irfft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `rfft2`: real matrices from the half of their spectrum.

    Value and adjoint: those of `irfftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `irfftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with the sizes `s`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.irfft2(tg.ones(4, 3)).shape
        (4, 4)
    """
    if out is not None:
        return into(out, irfft2, input, s, dim, norm)
    return _to_real("irfft2", input, s, dim, norm, True)


@single
def hfft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Discrete Fourier transform of Hermitian matrices of numbers, of which one half is given.

    Value and adjoint: those of `hfftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `hfftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Real tensor with the sizes `s`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.hfft2(tg.ones(4, 3)).shape
        (4, 4)
    """
    if out is not None:
        return into(out, hfft2, input, s, dim, norm)
    return _to_real("hfft2", input, s, dim, norm, False)


def ihfft2(
    input: Tensor,
    s: Dim = None,
    dim: Dim = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Inverse of `hfft2`: one half of the Hermitian numbers that have this real spectrum.

    Value and adjoint: those of `ihfftn` along the last two dimensions.

    Args:
        input, s, dim, norm: as for `ihfftn`; the last two dimensions by default.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        Complex tensor with the sizes `s`, the last of them as `s[-1]//2 + 1`.

    Example:
        >>> import tapegrad as tg
        >>> tg.fft.ihfft2(tg.ones(4, 4)).shape
        (4, 3)
    """
    if out is not None:
        return into(out, ihfft2, input, s, dim, norm)
    return _from_real("ihfft2", input, s, dim, norm, True)


def _both_complex(op: str, input: Any, s: Dim, dim: Dim, norm: Any, inverse: bool) -> Tensor:
    input = spectral(op, input, norm)
    dims, points = _several(op, input, s, dim, False)
    if dims:
        return c2c(input, dims, points, norm, inverse)
    return clone(input) if input.dtype.kind == "c" else cast(input, dtypes.complex_of(input.dtype))


def _from_real(op: str, input: Any, s: Dim, dim: Dim, norm: Any, inverse: bool) -> Tensor:
    input = spectral(op, real_only(op, input), norm)
    dims, points = _several(op, input, s, dim, False, least=1)
    half = r2c(input, dims[-1], points[-1], norm, inverse)
    return c2c(half, dims[:-1], points[:-1], norm, inverse) if dims[:-1] else half


def _to_real(op: str, input: Any, s: Dim, dim: Dim, norm: Any, inverse: bool) -> Tensor:
    input = spectral(op, input, norm)
    dims, points = _several(op, input, s, dim, True, least=1)
    half = c2c(input, dims[:-1], points[:-1], norm, inverse) if dims[:-1] else input
    return c2r(half, dims[-1], points[-1], norm, inverse)


def _several(
    op: str, input: Tensor, s: Any, dim: Any, halved: bool, least: int = 0
) -> tuple[Shape, Shape]:
    """The dimensions, counted from the front, and the number of points of each."""
    ndim = input.ndim
    given = None if s is None else _listed(s)
    if dim is not None:
        if not ndim and _listed(dim):
            raise DimensionError(f"{op}: dim must be empty for a 0-d tensor, got {dim}")
        dims = tuple(normal_dim(op, d, ndim) for d in _listed(dim))
        if len(set(dims)) != len(dims):
            raise ArgumentError(f"{op}: dim {dim} names a dimension twice")
        if given is not None and len(given) != len(dims):
            raise ArgumentError(f"{op}: s {s} and dim {dim} must have the same length")
    else:
        if given is not None and len(given) > ndim:
            raise ShapeError(f"{op}: s has {len(given)} sizes, but input has shape {input.shape}")
        dims = tuple(range(0 if given is None else ndim - len(given), ndim))
    if len(dims) < least:
        raise ArgumentError(f"{op}: there must be a dimension to transform, dim is {dim}")
    wanted = [None if n == -1 else n for n in given or (None,) * len(dims)]
    return dims, tuple(
        points_of(op, "s", n, input.shape[d], halved and d == dims[-1])
        for n, d in zip(wanted, dims, strict=True)
    )


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _numpy_word(operation: Callable[..., Tensor], axes_: Any) -> Callable[..., Tensor]:
    def word(a: Any, s: Any = None, axes: Any = axes_, norm: Any = None, out: Any = None) -> Tensor:
        return operation(a, s, axes, norm)

    return word


for _operation in (fftn, ifftn, rfftn, irfftn):
    implements(getattr(np.fft, _operation.__name__))(_numpy_word(_operation, None))
for _operation in (fft2, ifft2, rfft2, irfft2):
    implements(getattr(np.fft, _operation.__name__))(_numpy_word(_operation, (-2, -1)))
