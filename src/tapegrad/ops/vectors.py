"""Cross products, and inner products and sums along dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ..kernels import conj
from ..record import CROSS, record2
from ..tensor import Tensor
from .arithmetic import mul
from .cast import as_operand, refused
from .diagonal import diagonal
from .linalg import check_matched
from .output import into
from .products import operands
from .reduce import floating_operand, sum
from .shape import normal_dim
from .words import UFUNCS, implements

__all__ = ["cross", "trace"]
METHODS = __all__


def cross(
    input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Cross products of vectors with three components.

    Value: `input x other`. Adjoint: `other x g` for `input`, `g x input` for `other`.

    Args:
        input: tensor whose size along `dim` is 3.
        other: the same; as many dimensions, the others broadcast.
        dim: dimension of the components; by default the first of size 3.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the sizes do not fit, or no dimension has size 3.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.cross(tg.tensor([1.0, 0.0, 0.0]), tg.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    if out is not None:
        return into(out, cross, input, other, dim)
    if dim is None:
        shape = as_operand(input, "cross").shape
        if 3 not in shape:
            raise ShapeError(f"cross: input of shape {shape} has no dimension of size 3")
        dim = shape.index(3)
    return _cross("cross", input, other, dim)


def linalg_cross(
    input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None
) -> Tensor:
    """Cross products of vectors with three components, which are last by default.

    Value and adjoint: as those of `tapegrad.cross`.

    Args:
        input: tensor whose size along `dim` is 3.
        other: the same; as many dimensions, the others broadcast.
        dim: dimension of the components.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.cross(tg.tensor([[0.0, 0.0, 1.0]]), tg.tensor([[1.0, 0.0, 0.0]]))
        tensor([[0., 1., 0.]])
    """
    if out is not None:
        return into(out, linalg_cross, input, other, dim=dim)
    return _cross("linalg.cross", input, other, dim)


def _cross(op: str, input: Any, other: Any, dim: int) -> Tensor:
    input, other = operands(op, ("input", "other"), input, other)
    x, y = input.array, other.array
    if x.ndim != y.ndim:
        raise ShapeError(f"{op}: shapes {x.shape} and {y.shape} differ in the number of dimensions")
    if not x.ndim:
        raise DimensionError(f"{op}: input must have at least one dimension, got a 0-d tensor")
    d = normal_dim(op, dim, x.ndim)
    if x.shape[d] != 3 or y.shape[d] != 3:
        raise ShapeError(
            f"{op}: dim {d} must have size 3 in both operands, got shapes {x.shape} and {y.shape}"
        )
    try:
        out = np.cross(x, y, axis=d)
    except ValueError as error:
        raise refused(op, error, input, other) from None
    return record2(out, (_cross_vjp_input, _cross_vjp_other), input, other, (x, y, d), CROSS)


def _cross_vjp_input(g, x, y, dim):
    return np.cross(y, g, axis=dim)


def _cross_vjp_other(g, x, y, dim):
    return np.cross(g, x, axis=dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Inner products of vectors along a dimension, the first one conjugated.

    Value: `sum(conj(x) * y, dim)`. Adjoint: that of the product and the sum.

    Args:
        x, y: floating or complex tensors of one dtype, shapes that broadcast.
        dim: dimension of the components, after broadcasting.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: if the dtypes differ, or are not floating.
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import tapegrad as tg
        >>> tg.linalg.vecdot(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 10.0]))
        tensor([21., 43.])
    """
    if out is not None:
        return into(out, vecdot, x, y, dim=dim)
    x, y = floating_operand("vecdot", x), floating_operand("vecdot", y)
    check_matched("vecdot", x, y)
    return sum(mul(conj(x), y), normal_dim("vecdot", dim, max(x.ndim, y.ndim)))


def trace(input: Tensor) -> Tensor:
    """Sum of a matrix's main diagonal.

    Value: `sum(input[i, i])`. Adjoint: zeros with `g` on the diagonal.

    Args:
        input: (N, M); integers are summed in int64.

    Returns:
        A 0-d tensor.

    Raises:
        ShapeError: if the input is no matrix.
        DtypeError: for bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.trace(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)
    """
    input = as_operand(input, "trace")
    if input.ndim != 2:
        raise ShapeError(f"trace: input must be a matrix, got shape {input.shape}")
    if input.array.dtype.kind == "b":
        raise DtypeError("trace: not defined for bool; convert with .to(dtype)")
    return sum(diagonal(input))


@implements(np.trace)
def _numpy_trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return sum(diagonal(a, offset, axis1, axis2), -1)


@implements(np.cross)
def _numpy_cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    a, b = as_operand(a, "cross"), as_operand(b, "cross", "other")
    if axis is not None:
        axisa = axisb = axisc = axis
    if not a.ndim == b.ndim or axisa != axisb or axisa != axisc:
        raise ArgumentError(
            "np.cross: tensors need the same number of dimensions and one axis for all; "
            "use reshape and transpose"
        )
    return _cross("cross", a, b, axisa)


@implements(np.linalg.cross)
def _numpy_linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return linalg_cross(x1, x2, dim=axis)


@implements(np.linalg.vecdot)
def _numpy_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return vecdot(x1, x2, dim=axis)


UFUNCS[np.vecdot] = vecdot
