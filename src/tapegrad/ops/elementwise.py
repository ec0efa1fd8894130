"""Functions of one operand, element by element.

In the formulas `g` is the gradient of the result. Integer operands become the default dtype where the
result is no integer.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .._typing import TensorLike
from ..record import OUT, record1
from ..tensor import Tensor, wrap
from .arithmetic import singular
from .cast import as_operand, floating

__all__ = ["abs", "absolute", "cos", "exp", "log", "relu", "sigmoid", "sign", "sin", "sqrt", "tanh"]
METHODS = __all__
INPLACE = __all__


def exp(input: TensorLike) -> Tensor:
    """Exponential. Value: `y = e**input`. Adjoint: `g * y`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.exp(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    input = floating(input, "exp")
    return record1(np.exp(input.array), _exp_vjp, input, OUT)


@singular
def _exp_vjp(g, y):
    return g * y


def log(input: TensorLike) -> Tensor:
    """Natural logarithm. Value: `log(input)`. Adjoint: `g / input`.

    Args:
        input: tensor of any shape; integers become the default dtype. NumPy's floating-point warnings
            (`np.seterr`) tell about zeros and negative numbers, whose values are -inf and NaN.

    Example:
        >>> import tapegrad as tg
        >>> tg.log(tg.tensor([1.0, 2.0]))
        tensor([0.0000, 0.6931])
    """
    input = floating(input, "log")
    x = input.array
    return record1(np.log(x), _log_vjp, input, (x,))


@singular
def _log_vjp(g, x):
    return g / x


def sqrt(input: TensorLike) -> Tensor:
    """Square root. Value: `y = sqrt(input)`. Adjoint: `g / (2 y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sqrt(tg.tensor([4.0, 9.0]))
        tensor([2., 3.])
    """
    input = floating(input, "sqrt")
    return record1(np.sqrt(input.array), _sqrt_vjp, input, OUT)


@singular
def _sqrt_vjp(g, y):
    return g / (2 * y)


def sin(input: TensorLike) -> Tensor:
    """Sine of an angle in radians. Value: `sin(input)`. Adjoint: `g * cos(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sin(tg.tensor([0.0]))
        tensor([0.])
    """
    input = floating(input, "sin")
    x = input.array
    return record1(np.sin(x), _sin_vjp, input, (x,))


def _sin_vjp(g, x):
    return g * np.cos(x)


def cos(input: TensorLike) -> Tensor:
    """Cosine of an angle in radians. Value: `cos(input)`. Adjoint: `-g * sin(input)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.cos(tg.tensor([0.0]))
        tensor([1.])
    """
    input = floating(input, "cos")
    x = input.array
    return record1(np.cos(x), _cos_vjp, input, (x,))


def _cos_vjp(g, x):
    return -g * np.sin(x)


def tanh(input: TensorLike) -> Tensor:
    """Hyperbolic tangent. Value: `y = tanh(input)`. Adjoint: `g * (1 - y**2)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.tanh(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    input = floating(input, "tanh")
    return record1(np.tanh(input.array), _tanh_vjp, input, OUT)


def _tanh_vjp(g, y):
    return g * (1 - y * y)


def sigmoid(input: TensorLike) -> Tensor:
    """Logistic function. Value: `y = 1 / (1 + e**-input)`. Adjoint: `g * y * (1 - y)`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.sigmoid(tg.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """
    input = floating(input, "sigmoid")
    return record1(kernels.sigmoid(input.array), _sigmoid_vjp, input, OUT)


def _sigmoid_vjp(g, y):
    return g * (y * (1 - y))


def relu(input: TensorLike) -> Tensor:
    """Rectified linear unit. Value: `y = max(input, 0)`. Adjoint: `g` where `y > 0`, else 0.

    The subgradient at 0 is 0, as in PyTorch.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.relu(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if not isinstance(input, Tensor):
        input = as_operand(input, "relu")
    return record1(kernels.relu(input.array), _relu_vjp, input, OUT)


_relu_vjp = kernels.relu_grad
_relu_vjp.op = "relu"


def abs(input: TensorLike) -> Tensor:
    """Absolute value. Value: `|input|`. Adjoint: `g * sign(input)`, with the subgradient 0 at 0.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.abs(tg.tensor([-1.0, 2.0]))
        tensor([1., 2.])
    """
    input = as_operand(input, "abs")
    x = input.array
    return record1(np.abs(x), _abs_vjp, input, (x,))


def _abs_vjp(g, x):
    return g * np.sign(x)


def sign(input: TensorLike) -> Tensor:
    """Sign: -1, 0 or 1. The gradient is zero.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.sign(tg.tensor([-3.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    input = as_operand(input, "sign")
    if input.array.dtype.kind == "b":
        return wrap(input.array.copy())
    return record1(np.sign(input.array), _sign_vjp, input)


def _sign_vjp(g):
    return g * 0


absolute = abs
