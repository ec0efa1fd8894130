"""The bilinear map."""

from __future__ import annotations

import math

from ..device import apart
from ..errors import DtypeError, ShapeError
from ..tensor import Tensor
from .arithmetic import add
from .cast import as_operand, different_devices
from .linalg import matmul
from .shape import permute, reshape

__all__ = ["bilinear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Map two vectors to one, linear in each.

    Value: `out[m] = input1 @ weight[m] @ input2 + bias[m]`. Adjoint: for each input the product of the
    other, `weight` and `g`; for `weight` the outer product of all three others, summed.

    Args:
        input1: (..., D1).
        input2: (..., D2), the same leading sizes.
        weight: (M, D1, D2).
        bias: (M,), or None.

    Returns:
        (..., M).

    Raises:
        ShapeError: if the sizes do not fit.
        DtypeError: if the dtypes differ.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.bilinear(tg.ones(1, 2), tg.ones(1, 3), tg.ones(1, 2, 3))
        tensor([[6.]])
    """
    given = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
    tensors = {k: as_operand(v, "bilinear", k) for k, v in given.items() if v is not None}
    input1, input2, weight = (tensors[k] for k in ("input1", "input2", "weight"))
    bias = tensors.get("bias")
    for name, tensor in tensors.items():
        if apart(tensor.array, input1.array):
            raise different_devices("bilinear", input1, tensor)
        if tensor.dtype != input1.dtype:
            raise DtypeError(
                f"bilinear: input1 is {input1.dtype} and {name} {tensor.dtype}; convert one"
            )
    x, y, w = input1.shape, input2.shape, weight.shape
    if len(w) != 3:
        raise ShapeError(f"bilinear: weight must be (out, in1, in2), got shape {w}")
    if not x or not y or x[-1] != w[1] or y[-1] != w[2]:
        raise ShapeError(
            f"bilinear: last sizes of input1 {x} and input2 {y} must be {w[1]} and {w[2]} (weight {w})"
        )
    if x[:-1] != y[:-1]:
        raise ShapeError(f"bilinear: leading sizes of input1 {x} and input2 {y} must be equal")
    if bias is not None and bias.shape != w[:1]:
        raise ShapeError(f"bilinear: bias must have shape {w[:1]}, got {bias.shape}")
    n = math.prod(x[:-1])
    table = reshape(permute(weight, (1, 0, 2)), (w[1], w[0] * w[2]))
    half = reshape(matmul(reshape(input1, (n, w[1])), table), (n, w[0], w[2]))
    out = reshape(matmul(half, reshape(input2, (n, w[2], 1))), (*x[:-1], w[0]))
    return out if bias is None else add(out, bias)
