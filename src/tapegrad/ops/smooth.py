"""Smooth activation functions, gated and normalised ones.

In the formulas `g` is the gradient of the result, `s` the sigmoid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._typing import DTypeLike
from ..device import as_array
from ..errors import ArgumentError, ShapeError
from ..kernels.parallel import blocked
from ..record import record1
from ..tensor import Tensor, wrap
from .activation import floats, numbers
from .cast import as_operand, floating, not_complex
from .inplace import inplace as inplace_form
from .nn import softmax
from .norms import norm
from .output import into
from .shape import normal_dim
from .ternary import clamp_min

SQRT_2PI = math.sqrt(2 * math.pi)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit.

    Value: `input * ndtr(input)`, with the normal distribution function `ndtr`; for "tanh"
    `input / 2 * (1 + tanh(u))` with `u = sqrt(2 / pi) * (input + 0.044715 * input**3)`.
    Adjoint: `g` times the derivative, `ndtr(input) + input * e**(-input**2 / 2) / sqrt(2 pi)`.

    Args:
        input: tensor of any shape.
        approximate: "none", or "tanh" for the approximation.

    Raises:
        ArgumentError: for another approximation.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.gelu(tg.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.1587,  0.0000,  0.8413])

    References:
        Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016).
    """
    input = floats("gelu", input)
    x = input.array
    if approximate == "none":
        p = kernels.normal_cdf(x)
        return record1(x * p, _gelu_vjp, input, (x, p))
    if approximate != "tanh":
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return record1(_gelu_tanh(x), _gelu_tanh_vjp, input, (x,))


@blocked
def _gelu_vjp(g, x, p):
    return g * (p + x * (np.exp(x * (x * -0.5)) / SQRT_2PI))


_gelu_vjp.recompute = lambda x, p: (x, kernels.ndtr(x))


CUBIC, FAR = 0.044715, 10.0  # beyond FAR the tanh is 1 in every dtype, and x**2 must not overflow


def _gelu_inner(x):
    return (x + x * x * x * CUBIC) * math.sqrt(2 / math.pi)


@blocked
def _gelu_tanh(x):
    return x * (np.tanh(_gelu_inner(np.minimum(np.maximum(x, -FAR), FAR))) * 0.5 + 0.5)


@blocked
def _gelu_tanh_vjp(g, x):
    near = np.clip(x, -FAR, FAR)
    t = np.tanh(_gelu_inner(near))
    slope = (near * near * (3 * CUBIC) + 1) * math.sqrt(2 / math.pi)
    return g * (t * 0.5 + 0.5 + near * (1 - t * t) * slope * 0.5)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Input times its sigmoid, also called swish.

    Value: `input * s(input)`. Adjoint: `g * s * (1 + input * (1 - s))`.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.silu(tg.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.2689,  0.0000,  0.7311])

    References:
        Ramachandran, Zoph, Le, "Searching for Activation Functions" (2017).
    """
    if inplace:
        return _silu_(input)
    input = as_operand(input, "silu")
    if input.array.dtype.kind != "c":
        floats("silu", input)
    x = input.array
    s = kernels.sigmoid(x)
    return record1(x * s, _silu_vjp, input, (x, s))


@blocked
def _silu_vjp(g, x, s):
    return g * (s * (1 + x * (1 - s)))


_silu_vjp.recompute = lambda x, s: (x, kernels.sigmoid(x))


_silu_ = inplace_form(silu)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Input times the tanh of its softplus.

    Value: `input * t` with `t = tanh(log(1 + e**input))`. Adjoint: `g * (t + input * (1 - t**2) * s)`.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.mish(tg.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.3034,  0.0000,  0.8651])

    References:
        Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).
    """
    if inplace:
        return _mish_(input)
    input = floats("mish", input)
    x = input.array
    return record1(_mish(x), _mish_vjp, input, (x,))


@blocked
def _mish(x):
    return x * np.tanh(kernels.softplus(x))


@blocked
def _mish_vjp(g, x):
    t = np.tanh(kernels.softplus(x))
    return g * (t + x * ((1 - t * t) * kernels.sigmoid(x)))


_mish_ = inplace_form(mish)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Smooth version of `relu`.

    Value: `log(1 + e**(beta * input)) / beta`, and `input` itself where `beta * input > threshold`.
    Adjoint: `g * s(beta * input)`, and `g` there.

    Args:
        input: tensor of any shape.
        beta: sharpness of the bend.
        threshold: where the straight line begins; as in PyTorch, for speed alone.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.softplus(tg.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    input = floats("softplus", input)
    not_complex("softplus", beta, threshold)
    x = input.array
    z = x if beta == 1 else x * beta
    bent = kernels.softplus(z)
    out = np.where(z > threshold, x, bent if beta == 1 else bent / beta)
    return record1(out, _softplus_vjp, input, (x, beta, threshold))


def _softplus_vjp(g, x, beta, threshold):
    z = x if beta == 1 else x * beta
    return np.where(z > threshold, g, g * kernels.sigmoid(z))


@kernels.softplus.register(Tensor)
def _softplus_of_tensor(input):
    return softplus(input, 1.0, math.inf)


def logsigmoid(input: Tensor) -> Tensor:
    """Logarithm of the sigmoid, precise in both tails.

    Value: `-log(1 + e**-input)`. Adjoint: `g * s(-input)`.

    Args:
        input: tensor of any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.logsigmoid(tg.tensor([-1000.0, 0.0]))
        tensor([-1.0000e+03, -6.9315e-01])
    """
    input = floats("logsigmoid", input)
    x = input.array
    return record1(-kernels.softplus(-x), _logsigmoid_vjp, input, (x,))


def _logsigmoid_vjp(g, x):
    return g * kernels.sigmoid(-x)


def softsign(input: Tensor) -> Tensor:
    """Bend towards -1 and 1, slower than `tanh`.

    Value: `input / (1 + |input|)`. Adjoint: `g / (1 + |input|)**2`; for complex numbers that of the
    quotient.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.softsign(tg.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """
    input = floating(numbers("softsign", input, "fiuc"), "softsign")
    x = input.array
    if x.dtype.kind == "c":
        return input / (abs(input) + 1)  # its gradient is not a multiple of g
    return record1(x / (np.abs(x) + 1), _softsign_vjp, input, (x,))


def _softsign_vjp(g, x):
    whole = np.abs(x) + 1
    return g / whole / whole


def tanhshrink(input: Tensor) -> Tensor:
    """Difference to the hyperbolic tangent.

    Value: `input - tanh(input)`. Adjoint: `g * tanh(input)**2`.

    Args:
        input: tensor of any shape; integers become the default dtype.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.tanhshrink(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2384])
    """
    input = floating(numbers("tanhshrink", input, "fiuc"), "tanhshrink")
    x = input.array
    return record1(x - np.tanh(x), _tanhshrink_vjp, input, (x,))


def _tanhshrink_vjp(g, x):
    t = np.tanh(x)
    return g * (t * t)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit: one half of a dimension, gated by the sigmoid of the other.

    Value: `a * s(b)` with `a, b = chunk(input, 2, dim)`. Adjoint: `g * s(b)` for the first half,
    `g * a * s(b) * (1 - s(b))` for the second.

    Args:
        input: tensor with an even size along `dim`.
        dim: the dimension that is halved.

    Raises:
        ShapeError: if the size is odd, or there is no dimension.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.glu(tg.tensor([2.0, 4.0, 0.0, 0.0]))
        tensor([1., 2.])

    References:
        Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2017).
    """
    input = floats("glu", input)
    x = input.array
    if not x.ndim:
        raise ShapeError("glu: input is 0-d, expected a dimension that can be halved")
    d = normal_dim("glu", dim, x.ndim)
    if x.shape[d] % 2:
        raise ShapeError(f"glu: dimension {d} of {x.shape} must be even, got {x.shape[d]}")
    a, b = _halves(x, d)
    return record1(a * kernels.sigmoid(b), _glu_vjp, input, (x, d))


def _halves(x, d):
    half = x.shape[d] // 2
    before = (slice(None),) * d
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


def _glu_vjp(g, x, d):
    a, b = _halves(x, d)
    s = kernels.sigmoid(b)
    gated = g * s
    return np.concatenate([gated, gated * (a * (1 - s))], axis=d)


def softmin(input: Tensor, dim: int, dtype: DTypeLike = None) -> Tensor:
    """Softmax of the negative.

    Value: `exp(-input) / sum(exp(-input))`. Adjoint: that of `softmax`, with the sign changed.

    Args:
        input: tensor.
        dim: the dimension along which the values will sum to 1.
        dtype: convert to this dtype first.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.softmin(tg.tensor([0.0, 0.0]), 0)
        tensor([0.5000, 0.5000])
    """
    return softmax(-as_operand(input, "softmin"), dim, dtype)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Any = None,
) -> Tensor:
    """Draw one-hot vectors, or smooth ones near them, so that gradients reach the logits.

    Value: `softmax((logits + G) / tau)` with independent Gumbel noise G; if hard, the one-hot vector of
    its maximum. Adjoint: that of the softmax, also for the one-hot vector.

    Args:
        logits: unnormalised log-probabilities.
        tau: temperature, positive; the smaller, the nearer to one-hot.
        hard: return one-hot vectors.
        eps: without effect; PyTorch has it.
        dim: the dimension of the classes.
        generator: where the numbers come from; the default generator by default.

    Raises:
        ArgumentError: if the temperature is not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.gumbel_softmax(tg.tensor([0.0, 0.0, 100.0]), hard=True)
        tensor([0., 0., 1.])

    References:
        Jang, Gu, Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017).
    """
    from ..random import numpy_generator  # a layer above, looked up when it runs

    logits = floats("gumbel_softmax", logits)
    if not tau > 0:
        raise ArgumentError(f"gumbel_softmax: tau must be positive, got {tau}")
    x = logits.array
    d = normal_dim("gumbel_softmax", dim, x.ndim)
    drawn = as_array(numpy_generator(generator).standard_exponential(x.shape))
    noise = -np.log(np.maximum(drawn, np.finfo(np.float64).tiny))
    soft = softmax((logits + like(noise, logits)) / tau, d)
    if not hard or not x.size or not x.ndim:
        return soft
    y = soft.array
    largest = np.argmax(y, axis=d, keepdims=True)
    one = np.ones_like(y, shape=largest.shape)
    onehot = kernels.scatter_along(one, largest, d, y.shape)
    return record1(onehot, _gumbel_softmax_vjp, soft)


def _gumbel_softmax_vjp(g):
    return g  # as if the smooth vector had been returned


def like(host: Any, input: Tensor) -> Tensor:
    """Numbers drawn on the host as a tensor of another one's dtype and device."""
    from ..device import move

    return wrap(move(as_array(host).astype(input.array.dtype, copy=False), input.device))


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the norm along a dimension.

    Value: `input / max(norm(input, p), eps)`. Adjoint: by those of `norm` and `div`.

    Args:
        input: tensor.
        p: order of the norm.
        dim: the dimension, or several, along which the norm will be 1.
        eps: smallest divisor.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    if out is not None:
        return into(out, normalize, input, p, dim, eps)
    input = as_operand(input, "normalize")
    if input.array.dtype.kind != "c":
        floats("normalize", input)
    return input / clamp_min(norm(input, p, dim, True), eps)
