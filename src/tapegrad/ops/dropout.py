"""Dropout, and the leaky unit with random slopes.

Numbers are drawn on the host by the generator, so that the same seed gives the same bits on every
device. `generator` is an extension of PyTorch's signatures.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..device import as_array
from ..errors import ArgumentError, ShapeError
from ..record import record1
from ..tensor import Tensor
from .activation import floats, leaky_relu, published
from .cast import as_operand
from .inplace import inplace as inplace_form
from .smooth import like

__all__ = ["rrelu", "rrelu_"]


def _uniform(shape: Any, generator: Any) -> Any:
    from ..random import numpy_generator  # a layer above, looked up when it runs

    return as_array(numpy_generator(generator).random(shape, dtype=np.float32))


def _idle(op: str, p: float, training: bool) -> bool:
    """Whether nothing is dropped."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"{op}: p must be between 0 and 1, got {p}")
    return not training or p == 0


def _dropped(op: str, input: Any, p: float, shape: Any, generator: Any, alpha: bool) -> Tensor:
    """Multiply by noise of a shape that broadcasts; with alpha, keep mean 0 and variance 1."""
    input = floats(op, input)
    x = input.array
    if p == 1:
        noise = like(np.zeros(shape), input).array
        return record1(x * noise, _dropout_vjp, input, (noise,))
    kept = _uniform(shape, generator) >= p
    if not alpha:
        noise = like(kept * x.dtype.type(1 / (1 - p)), input).array
        return record1(x * noise, _dropout_vjp, input, (noise,))
    a = 1 / math.sqrt((SATURATED * SATURATED * p + 1) * (1 - p))
    noise = like(kept * x.dtype.type(a), input).array
    out = (x + SATURATED) * noise - (1 - p) * SATURATED * a
    return record1(out, _dropout_vjp, input, (noise,))


SATURATED = 1.7580993408473766  # minus the limit of selu at minus infinity


def _dropout_vjp(g, noise):
    return g * noise


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Set elements to zero at random, and scale the others so that the mean stays.

    Value: `input * noise`, where the noise is 0 with probability p, else `1 / (1 - p)`.
    Adjoint: `g * noise`.

    Args:
        input: tensor of any shape.
        p: probability of a zero.
        training: otherwise the input itself is returned.
        inplace: overwrite the input.
        generator: where the numbers come from; the default generator by default.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> y = tg.nn.functional.dropout(tg.ones(100))
        >>> tg.all((y == 0) | (y == 2))
        tensor(True)

    References:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).
    """
    if _idle("dropout", p, training):
        return as_operand(input, "dropout")
    if inplace:
        return _dropout_(input, p, generator=generator)
    input = floats("dropout", input)
    return _dropped("dropout", input, p, input.shape, generator, False)


_dropout_ = inplace_form(dropout)


def _channels(op: str, input: Any, dims: tuple[int, ...], batched: int) -> tuple[int, ...]:
    """Shape of noise for each channel; the first dimension is the channel's if there is no batch."""
    shape = as_operand(input, op).shape
    if len(shape) not in dims:
        wanted = " or ".join(map(str, dims))
        raise ShapeError(f"{op}: input must have {wanted} dimensions, got shape {shape}")
    kept = 2 if len(shape) >= batched else 1
    return (*shape[:kept], *(1,) * (len(shape) - kept))


def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Set whole channels to zero at random, and scale the others so that the mean stays.

    Value: `input * noise`, one draw for each channel. Adjoint: `g * noise`.

    Args:
        input: (N, C, L) or (C, L).
        p, training, inplace, generator: as for `dropout`.

    Raises:
        ShapeError: for another number of dimensions.
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.dropout1d(tg.ones(1, 2, 3), 1.0)
        tensor([[[0., 0., 0.],
                 [0., 0., 0.]]])
    """
    shape = _channels("dropout1d", input, (2, 3), 3)
    if _idle("dropout1d", p, training):
        return as_operand(input, "dropout1d")
    if inplace:
        return _dropout1d_(input, p, generator=generator)
    return _dropped("dropout1d", input, p, shape, generator, False)


_dropout1d_ = inplace_form(dropout1d)


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Set whole channels to zero at random, and scale the others so that the mean stays.

    Value: `input * noise`, one draw for each channel. Adjoint: `g * noise`.

    Args:
        input: (N, C, H, W); three dimensions count as (N, C, L), as in PyTorch.
        p, training, inplace, generator: as for `dropout`.

    Raises:
        ShapeError: for another number of dimensions.
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.dropout2d(tg.ones(1, 1, 1, 2), 1.0)
        tensor([[[[0., 0.]]]])

    References:
        Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015).
    """
    shape = _channels("dropout2d", input, (3, 4), 3)
    if _idle("dropout2d", p, training):
        return as_operand(input, "dropout2d")
    if inplace:
        return _dropout2d_(input, p, generator=generator)
    return _dropped("dropout2d", input, p, shape, generator, False)


_dropout2d_ = inplace_form(dropout2d)


def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Set whole channels to zero at random, and scale the others so that the mean stays.

    Value: `input * noise`, one draw for each channel. Adjoint: `g * noise`.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        p, training, inplace, generator: as for `dropout`.

    Raises:
        ShapeError: for another number of dimensions.
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.dropout3d(tg.ones(1, 1, 1, 2), 1.0)
        tensor([[[[0., 0.]]]])
    """
    shape = _channels("dropout3d", input, (4, 5), 5)
    if _idle("dropout3d", p, training):
        return as_operand(input, "dropout3d")
    if inplace:
        return _dropout3d_(input, p, generator=generator)
    return _dropped("dropout3d", input, p, shape, generator, False)


_dropout3d_ = inplace_form(dropout3d)


def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Dropout for `selu`: elements become its lower limit, and mean 0 and variance 1 are kept.

    Value: `a * (input or -1.7581) + b`, with a and b such that mean and variance stay.
    Adjoint: `a * g` where the input was kept, else 0.

    Args:
        input: tensor of any shape.
        p, training, inplace, generator: as for `dropout`, but the default is not to drop.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.alpha_dropout(tg.ones(2), training=False)
        tensor([1., 1.])

    References:
        Klambauer et al., "Self-Normalizing Neural Networks" (2017).
    """
    if _idle("alpha_dropout", p, training):
        return as_operand(input, "alpha_dropout")
    if inplace:
        return _alpha_dropout_(input, p, True, generator=generator)
    input = floats("alpha_dropout", input)
    return _dropped("alpha_dropout", input, p, input.shape, generator, True)


_alpha_dropout_ = inplace_form(alpha_dropout)


def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """`alpha_dropout` of whole channels.

    Value: `a * (input or -1.7581) + b`, one draw for each channel. Adjoint: `a * g` where the channel was
    kept, else 0.

    Args:
        input: (N, C, ...), at least two dimensions.
        p, training, inplace, generator: as for `alpha_dropout`.

    Raises:
        ShapeError: for fewer than two dimensions.
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.feature_alpha_dropout(tg.ones(1, 2), training=False)
        tensor([[1., 1.]])
    """
    if _idle("feature_alpha_dropout", p, training):
        return as_operand(input, "feature_alpha_dropout")
    input = floats("feature_alpha_dropout", input)
    if input.ndim < 2:
        raise ShapeError(
            f"feature_alpha_dropout: input must be (N, C, ...), got shape {input.shape}"
        )
    if inplace:
        return _feature_alpha_dropout_(input, p, True, generator=generator)
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _dropped("feature_alpha_dropout", input, p, shape, generator, True)


_feature_alpha_dropout_ = inplace_form(feature_alpha_dropout)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Leaky rectified linear unit with random slopes.

    Value: `input` where positive, else `slope * input`; the slopes are drawn from U(lower, upper) in
    training, and the middle of the interval otherwise. Adjoint: `g` or `slope * g`.

    Args:
        input: tensor of any shape.
        lower, upper: interval of the slopes.
        training: whether to draw slopes.
        inplace: overwrite the input.
        generator: where the numbers come from; the default generator by default.

    Raises:
        ArgumentError: if the interval is empty.

    Example:
        >>> import tapegrad as tg
        >>> tg.rrelu(tg.tensor([-1.0, 2.0]), 0.25, 0.75)
        tensor([-0.5000,  2.0000])

    References:
        Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015).
    """
    if not -math.inf < lower <= upper < math.inf:
        raise ArgumentError(f"rrelu: needs finite lower <= upper, got {lower} and {upper}")
    if inplace:
        return rrelu_(input, lower, upper, training, generator=generator)
    input = floats("rrelu", input)
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    x = input.array
    slopes = like(_uniform(x.shape, generator) * (upper - lower) + lower, input).array
    factors = np.where(x > 0, 1, slopes)
    return record1(x * factors, _rrelu_vjp, input, (factors,))


def _rrelu_vjp(g, factors):
    return g * factors


rrelu_ = published(rrelu)
