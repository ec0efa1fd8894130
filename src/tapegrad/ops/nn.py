"""Operations of network heads: softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from .. import kernels
from .._typing import DTypeLike
from ..dtypes import as_dtype
from ..record import OUT, record
from ..tensor import Tensor
from .cast import cast, real
from .output import into
from .shape import normal_dim

__all__ = ["log_softmax", "softmax"]
METHODS = __all__


def softmax(
    input: Tensor, dim: int, dtype: DTypeLike = None, *, out: Tensor | None = None
) -> Tensor:
    """Normalised exponentials along a dimension.

    Value: `y = exp(input) / sum(exp(input))`. Adjoint: `y * (g - sum(g * y))`.

    Args:
        input: tensor.
        dim: the dimension along which the values will sum to 1.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.softmax(tg.tensor([0.0, 0.0]), 0)
        tensor([0.5000, 0.5000])
    """
    if out is not None:
        return into(out, softmax, input, dim, dtype)
    input = real(input if dtype is None else cast(input, as_dtype(dtype)), "softmax")
    d = normal_dim("softmax", dim, input.ndim)
    x = input.array
    if not x.size or not x.ndim:
        return input * 0 + 1
    return record(kernels.softmax(x, d), (_softmax_vjp,), (input,), (OUT, d))


def _softmax_vjp(g, y, dim):
    return kernels.softmax_grad(g, y, dim)


def log_softmax(
    input: Tensor, dim: int, dtype: DTypeLike = None, *, out: Tensor | None = None
) -> Tensor:
    """Logarithm of the softmax, without overflow and without loss for small probabilities.

    Value: `y = input - log(sum(exp(input)))`. Adjoint: `g - exp(y) * sum(g)`.

    Args:
        input: tensor.
        dim: the dimension that is normalised.
        dtype: convert to this dtype first.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.log_softmax(tg.tensor([0.0, 0.0]), 0)
        tensor([-0.6931, -0.6931])
    """
    if out is not None:
        return into(out, log_softmax, input, dim, dtype)
    input = real(input if dtype is None else cast(input, as_dtype(dtype)), "log_softmax")
    d = normal_dim("log_softmax", dim, input.ndim)
    x = input.array
    if not x.size or not x.ndim:
        return input * 0
    shifted = x - kernels.largest(x, d)
    result = shifted - np.log(np.add.reduce(np.exp(shifted), axis=d, keepdims=True))
    return record(result, (_log_softmax_vjp,), (input,), (OUT, d))


def _log_softmax_vjp(g, y, dim):
    return g - np.exp(y) * np.add.reduce(g, axis=dim, keepdims=True)
