"""Functions of one operand, element by element.

In the formulas `g` is the gradient of the result. Integer operands become the default dtype where the
result is no integer.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..errors import DtypeError
from ..record import OUT, record1
from ..tensor import Tensor, wrap
from .arithmetic import singular
from .cast import as_operand, floating, refused
from .output import into
from .words import UFUNCS

__all__ = ["abs", "absolute", "cos", "exp", "log", "relu", "sigmoid", "sign", "sin", "sqrt", "tanh"]
METHODS = __all__
INPLACE = __all__


def exp(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Exponential. Value: `y = e**input`. Adjoint: `g * y`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.exp(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    if out is not None:
        return into(out, exp, input)
    input = floating(input, "exp")
    return record1(np.exp(input.array), _exp_vjp, input, OUT)


@singular
def _exp_vjp(g, y):
    return g * y


def log(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Natural logarithm. Value: `log(input)`. Adjoint: `g / input`.

    Args:
        input: tensor of any shape; integers become the default dtype. NumPy's floating-point warnings
            (`np.seterr`) tell about zeros and negative numbers, whose values are -inf and NaN.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.log(tg.tensor([1.0, 2.0]))
        tensor([0.0000, 0.6931])
    """
    if out is not None:
        return into(out, log, input)
    input = floating(input, "log")
    x = input.array
    return record1(np.log(x), _log_vjp, input, (x,))


@singular
def _log_vjp(g, x):
    return g / x


def sqrt(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Square root. Value: `y = sqrt(input)`. Adjoint: `g / (2 y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sqrt(tg.tensor([4.0, 9.0]))
        tensor([2., 3.])
    """
    if out is not None:
        return into(out, sqrt, input)
    input = floating(input, "sqrt")
    return record1(np.sqrt(input.array), _sqrt_vjp, input, OUT)


@singular
def _sqrt_vjp(g, y):
    return g / (2 * y)


def sin(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Sine of an angle in radians. Value: `sin(input)`. Adjoint: `g * cos(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sin(tg.tensor([0.0]))
        tensor([0.])
    """
    if out is not None:
        return into(out, sin, input)
    input = floating(input, "sin")
    x = input.array
    return record1(np.sin(x), _sin_vjp, input, (x,))


def _sin_vjp(g, x):
    return g * np.cos(x)


def cos(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Cosine of an angle in radians. Value: `cos(input)`. Adjoint: `-g * sin(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.cos(tg.tensor([0.0]))
        tensor([1.])
    """
    if out is not None:
        return into(out, cos, input)
    input = floating(input, "cos")
    x = input.array
    return record1(np.cos(x), _cos_vjp, input, (x,))


def _cos_vjp(g, x):
    return -g * np.sin(x)


def tanh(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic tangent. Value: `y = tanh(input)`. Adjoint: `g * (1 - y**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.tanh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    if out is not None:
        return into(out, tanh, input)
    input = floating(input, "tanh")
    return record1(np.tanh(input.array), _tanh_vjp, input, OUT)


def _tanh_vjp(g, y):
    return g * (1 - y * y)


def sigmoid(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Logistic function. Value: `y = 1 / (1 + e**-input)`. Adjoint: `g * y * (1 - y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.sigmoid(tg.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """
    if out is not None:
        return into(out, sigmoid, input)
    input = floating(input, "sigmoid")
    return record1(kernels.sigmoid(input.array), _sigmoid_vjp, input, OUT)


def _sigmoid_vjp(g, y):
    return g * (y * (1 - y))


def relu(input: TensorLike, inplace: bool = False) -> Tensor:
    """Rectified linear unit. Value: `y = max(input, 0)`. Adjoint: `g` where `y > 0`, else 0.

    The subgradient at 0 is 0, as in PyTorch.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if not isinstance(input, Tensor):
        input = as_operand(input, "relu")
    if inplace:
        return input.relu_()
    try:
        y = kernels.relu(input.array)
    except TypeError as error:
        raise refused("relu", error, input) from None
    return record1(y, _relu_vjp, input, OUT)


_relu_vjp = kernels.relu_grad
_relu_vjp.op = "relu"


def abs(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Absolute value. Value: `|input|`. Adjoint: `g * sign(input)`, with the subgradient 0 at 0.

    For a complex tensor the magnitude, which is real; adjoint `g * input* / |input|`, 0 at 0.

    Args:
        input: tensor of any shape.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.abs(tg.tensor([-1.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, abs, input)
    input = as_operand(input, "abs")
    x = input.array
    return record1(np.abs(x), _abs_vjp_complex if x.dtype.kind == "c" else _abs_vjp, input, (x,))


def _abs_vjp(g, x):
    return g * np.sign(x)


def _abs_vjp_complex(g, x):
    r = np.abs(x)
    return np.conjugate(x) * (g / np.where(r == 0, 1, r))


def sign(input: TensorLike, *, out: Tensor | None = None) -> Tensor:
    """Sign: -1, 0 or 1. The gradient is zero.

    Args:
        input: tensor of any shape, not complex.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        DtypeError: for a complex tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.sign(tg.tensor([-3.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    if out is not None:
        return into(out, sign, input)
    input = as_operand(input, "sign")
    if input.array.dtype.kind == "c":
        raise DtypeError(f"sign: not defined for a {input.dtype} tensor; use sgn, its direction")
    if input.array.dtype.kind == "b":
        return wrap(input.array.copy())
    return record1(np.sign(input.array), _sign_vjp, input)


def _sign_vjp(g):
    return g * 0


absolute = abs
UFUNCS.update({
    np.exp: exp, np.log: log, np.sqrt: sqrt, np.sin: sin, np.cos: cos, np.tanh: tanh, np.absolute: abs,
})  # fmt: skip
