"""Complex numbers: their parts, conjugates, magnitudes and angles.

In the formulas `g` is the gradient of the result as the tape holds it: for a complex value `z` the
one with `df = Re(sum(g * dz))`. `z*` is the conjugate of `z`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..batching import widened
from ..device import apart, as_array
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import ALL, NOTHING, OUT, record, record1, record2, record_view
from ..tensor import Tensor, wrap
from .cast import as_operand, cast, different_devices, floating, refused
from .compare import ne
from .elementwise import sign
from .index import setitem
from .output import into
from .words import UFUNCS, implements

__all__ = [
    "angle", "complex", "conj", "conj_physical", "imag", "is_complex", "is_conj", "is_neg", "isreal",
    "polar", "real", "resolve_conj", "resolve_neg", "sgn", "view_as_complex", "view_as_real",
]  # fmt: skip
METHODS = [
    "angle", "conj", "conj_physical", "is_complex", "is_conj", "is_neg", "isreal", "resolve_conj",
    "resolve_neg", "sgn",
]  # fmt: skip
INPLACE = ["conj_physical", "sgn"]


def real(input: TensorLike) -> Tensor:
    """The real part, a view; a real tensor is its own. Value: `Re(input)`. Adjoint: `g`.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.real(tg.tensor([1 + 2j, 3 - 1j]))
        tensor([1., 3.])
    """
    input = as_operand(input, "real")
    if input.array.dtype.kind != "c":
        return input
    return record_view(input.array.real, _real_vjp, input)


def _real_vjp(g):
    return g


def imag(input: TensorLike) -> Tensor:
    """The imaginary part, a view. Value: `Im(input)`. Adjoint: `-i g`.

    Args:
        input: complex tensor of any shape.

    Raises:
        DtypeError: for a real tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.imag(tg.tensor([1 + 2j, 3 - 1j]))
        tensor([ 2., -1.])
    """
    input = as_operand(input, "imag")
    if input.array.dtype.kind != "c":
        raise DtypeError(
            f"imag: input must be complex, got {input.dtype}; it has no imaginary part"
        )
    return record_view(input.array.imag, _imag_vjp, input)


def _imag_vjp(g):
    return g * -1j


def set_real(self: Tensor, value: TensorLike) -> None:
    """Change the real part in place: `z.real = value`."""
    if self.array.dtype.kind == "c":
        value = complex(_part(self, value), imag(self))
    setitem(self, ..., value)


def set_imag(self: Tensor, value: TensorLike) -> None:
    """Change the imaginary part in place: `z.imag = value`."""
    imag(self)  # refuses a real tensor
    setitem(self, ..., complex(real(self), _part(self, value)))


def _part(z: Tensor, value: Any) -> Tensor:
    """A tensor in the dtype of the parts of `z`."""
    parts = z.array.real
    if not isinstance(value, Tensor):
        value = wrap(np.full_like(parts, value, shape=()))
    return cast(value, parts.dtype)


def conj(input: TensorLike) -> Tensor:
    """The complex conjugate; a real tensor is its own. Value: `input*`. Adjoint: `g*`.

    It is computed at once, where PyTorch marks a view as conjugate and computes later.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.conj(tg.tensor([1 + 2j, 3 - 1j]))
        tensor([1.-2.j, 3.+1.j])
    """
    input = as_operand(input, "conj")
    if input.array.dtype.kind != "c":
        return input
    return record1(np.conjugate(input.array), _conj_vjp, input)


def _conj_vjp(g):
    return np.conjugate(g)


def conj_physical(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate, as `conj`.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.conj_physical(tg.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    return conj(input) if out is None else into(out, conj_physical, input)


def resolve_conj(input: TensorLike) -> Tensor:
    """The tensor itself: no conjugation is ever put off.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.resolve_conj(tg.tensor([1 + 2j]).conj())
        tensor([1.-2.j])
    """
    return as_operand(input, "resolve_conj")


def resolve_neg(input: TensorLike) -> Tensor:
    """The tensor itself: no negation is ever put off.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.resolve_neg(tg.tensor([1 + 2j]).conj().imag)
        tensor([-2.])
    """
    return as_operand(input, "resolve_neg")


def is_conj(input: TensorLike) -> bool:
    """Whether a conjugation has been put off, which it never is: False.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_conj(tg.tensor([1 + 2j]).conj())
        False
    """
    as_operand(input, "is_conj")
    return False


def is_neg(input: TensorLike) -> bool:
    """Whether a negation has been put off, which it never is: False.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_neg(tg.tensor([1 + 2j]).conj().imag)
        False
    """
    as_operand(input, "is_neg")
    return False


def is_complex(input: TensorLike) -> bool:
    """Whether the dtype is a complex one.

    Args:
        input: tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_complex(tg.tensor(1j)), tg.is_complex(tg.tensor(1.0))
        (True, False)
    """
    return bool(as_operand(input, "is_complex").array.dtype.kind == "c")


def isreal(input: TensorLike) -> Tensor:
    """Bool tensor that is true where the imaginary part is zero: everywhere in a real tensor.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.isreal(tg.tensor([1 + 0j, 1j]))
        tensor([ True, False])
    """
    return wrap(as_array(np.isreal(as_operand(input, "isreal").array)))


def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Put complex numbers together from their parts.

    Value: `real + i imag`. Adjoint: `Re(g)` for `real`, `-Im(g)` for `imag`.

    Args:
        real, imag: floating tensors of one dtype, shapes that broadcast.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers, numbers, or different dtypes.

    Example:
        >>> import tapegrad as tg
        >>> tg.complex(tg.tensor([1.0, 2.0]), tg.tensor([3.0, -4.0]))
        tensor([1.+3.j, 2.-4.j])
    """
    if out is not None:
        return into(out, complex, real, imag)
    real, imag = _two("complex", ("real", "imag"), real, imag)
    try:
        z = kernels.from_parts(widened(real.array, imag.array), imag.array)
    except ValueError as error:
        raise refused("complex", error, real, imag) from None
    return record2(z, (_complex_vjp_real, _complex_vjp_imag), real, imag, (), NOTHING)


def _complex_vjp_real(g):
    return g.real


def _complex_vjp_imag(g):
    return -g.imag


kernels.from_parts.register(Tensor)(complex)


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Put complex numbers together from magnitude and angle.

    Value: `y = abs * (cos(angle) + i sin(angle))`. Adjoint: `Re(g e**(i angle))` for `abs`, `-Im(g
    y)` for `angle`.

    Args:
        abs, angle: floating tensors of one dtype, shapes that broadcast; the angle in radians.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for integers, numbers, or different dtypes.

    Example:
        >>> import math, tapegrad as tg
        >>> tg.polar(tg.tensor([1.0, 2.0]), tg.tensor([0.0, math.pi / 3]))
        tensor([1.0000+0.0000j, 1.0000+1.7321j])
    """
    if out is not None:
        return into(out, polar, abs, angle)
    abs, angle = _two("polar", ("abs", "angle"), abs, angle)
    r, t = abs.array, angle.array
    try:
        z = kernels.from_parts(r * np.cos(t), r * np.sin(t))
    except ValueError as error:
        raise refused("polar", error, abs, angle) from None
    return record2(z, (_polar_vjp_abs, _polar_vjp_angle), abs, angle, (r, t), ALL)


def _polar_vjp_abs(g, r, t):
    return g.real * np.cos(t) - g.imag * np.sin(t)


def _polar_vjp_angle(g, r, t):
    return -r * (g.imag * np.cos(t) + g.real * np.sin(t))


def _two(op: str, names: tuple[str, str], first: Any, second: Any) -> tuple[Tensor, Tensor]:
    """Two floating tensors of one dtype, on one device."""
    x, y = as_operand(first, op, names[0]), as_operand(second, op, names[1])
    for name, part in zip(names, (x, y), strict=True):
        if part.array.dtype.kind != "f":
            raise DtypeError(
                f"{op}: {name} must be floating, got {part.dtype}; convert it with .float()"
            )
    if x.dtype != y.dtype:
        raise DtypeError(
            f"{op}: {names[0]} and {names[1]} must have the same dtype, got {x.dtype} and {y.dtype}"
        )
    if apart(x.array, y.array):
        raise different_devices(op, x, y)
    return x, y


def view_as_real(input: Tensor) -> Tensor:
    """See complex numbers as pairs of their real and imaginary part, in a new last dimension.

    The result is a view (a copy of a CuPy array that is not contiguous). Adjoint:
    `g[..., 0] - i g[..., 1]`.

    Args:
        input: complex tensor of any shape, (...).

    Returns:
        Real tensor (..., 2).

    Raises:
        DtypeError: for a real tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.view_as_real(tg.tensor([1 + 2j, 3 - 1j]))
        tensor([[ 1.,  2.],
                [ 3., -1.]])
    """
    input = as_operand(input, "view_as_real")
    x = input.array
    if x.dtype.kind != "c":
        raise DtypeError(f"view_as_real: input must be complex, got {x.dtype}")
    if not _viewable(x):
        x = x.copy()
    return record_view(x[..., None].view(x.real.dtype), _view_as_real_vjp, input)


def _view_as_real_vjp(g):
    return kernels.from_parts(g[..., 0], -g[..., 1])


def view_as_complex(input: Tensor) -> Tensor:
    """See pairs of real numbers, in the last dimension, as complex ones; a view.

    Adjoint: `Re(g)` for the first of each pair, `-Im(g)` for the second.

    Args:
        input: float32 or float64 tensor (..., 2) whose pairs lie side by side in memory.

    Returns:
        Complex tensor (...).

    Raises:
        DtypeError: for another dtype.
        ShapeError: if the last dimension has another size.
        ArgumentError: if the pairs are apart; use `contiguous()`.

    Example:
        >>> import tapegrad as tg
        >>> tg.view_as_complex(tg.tensor([[1.0, 2.0], [3.0, -1.0]]))
        tensor([1.+2.j, 3.-1.j])
    """
    input = as_operand(input, "view_as_complex")
    x = input.array
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise DtypeError(f"view_as_complex: input must be float32 or float64, got {x.dtype}")
    if x.shape[-1:] != (2,):
        raise ShapeError(
            f"view_as_complex: the last dimension must have size 2, got shape {x.shape}"
        )
    try:
        pairs = x.view(np.result_type(x.dtype, np.complex64)) if _viewable(x) else None
    except ValueError:
        pairs = None
    if pairs is None:
        raise ArgumentError(
            "view_as_complex: the two numbers of a pair must lie side by side in memory; "
            "use input.contiguous()"
        )
    return record_view(pairs[..., 0], _view_as_complex_vjp, input)


def _viewable(x: Any) -> bool:
    """Whether numbers of another size can be seen in the memory: CuPy's must be contiguous."""
    return isinstance(x, np.ndarray) or bool(x.flags.c_contiguous)


def _view_as_complex_vjp(g):
    return np.stack((g.real, -g.imag), -1)


def angle(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The angle with the positive real axis, in radians, from -pi to pi.

    Value: `atan2(Im(input), Re(input))`; for a real tensor 0, or pi where it is negative. Adjoint:
    `-i g / input`, 0 where the input is 0 and for a real tensor.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.angle(tg.tensor([1 + 1j, 2j, -1.0]))
        tensor([0.7854, 1.5708, 3.1416])
    """
    if out is not None:
        return into(out, angle, input)
    input = floating(input, "angle")
    x = input.array
    if x.dtype.kind == "c":
        return record1(np.arctan2(x.imag, x.real), _angle_vjp, input, (x,))
    # adding zero makes -0.0 positive
    return record1(np.arctan2(np.zeros_like(x, shape=()), x + 0), _angle_vjp_real, input)


def _angle_vjp(g, x):
    flat = x == 0
    return np.where(flat, 0, g * -1j / np.where(flat, 1, x))


def _angle_vjp_real(g):
    return np.zeros_like(g)


def sgn(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """The direction: `input / |input|`, 0 at 0; for a real tensor the sign.

    Value: `y = input / |input|`. Adjoint: `(g - Re(g y) y*) / |input|`, 0 at 0 and for a real
    tensor.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sgn(tg.tensor([3 + 4j, 0j, -2.0]))
        tensor([ 0.6000+0.8000j,  0.0000+0.0000j, -1.0000+0.0000j])
    """
    if out is not None:
        return into(out, sgn, input)
    input = as_operand(input, "sgn")
    x = input.array
    if x.dtype.kind != "c":
        return sign(input)
    r = np.abs(x)
    r = np.where(r == 0, 1, r)
    return record(kernels.from_parts(x.real / r, x.imag / r), (_sgn_vjp,), (input,), (x, OUT))


def _sgn_vjp(g, x, y):
    r = np.abs(x)
    flat = r == 0
    return np.where(flat, 0, (g - np.conjugate(y) * (g * y).real) / np.where(flat, 1, r))


UFUNCS.update({np.conjugate: conj, np.sign: sgn})
implements(np.real)(real)
implements(np.isreal)(isreal)
implements(np.iscomplexobj)(is_complex)


@implements(np.imag)
def _numpy_imag(val: Any) -> Tensor:
    return imag(val) if is_complex(val) else wrap(np.zeros_like(val.array))


@implements(np.angle)
def _numpy_angle(z: Any, deg: bool = False) -> Tensor:
    return angle(z) * (180 / np.pi) if deg else angle(z)


@implements(np.isrealobj)
def _numpy_isrealobj(x: Any) -> bool:
    return not is_complex(x)


@implements(np.iscomplex)
def _numpy_iscomplex(x: Any) -> Tensor:
    return ne(_numpy_imag(x), 0)
