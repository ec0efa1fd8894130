"""Activation functions made of straight pieces, and the exponential linear units.

In the formulas `g` is the gradient of the result. Subgradients at kinks are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels
from ..device import apart, as_array
from ..errors import ArgumentError, DtypeError, ShapeError
from ..record import record1, record2
from ..tensor import Tensor
from .cast import as_operand, different_devices, not_complex
from .choose import held
from .elementwise import relu
from .inplace import inplace as inplace_form
from .output import into
from .shape import reshape

__all__ = [
    "celu", "celu_", "hardshrink", "prelu", "relu_", "selu", "selu_", "threshold", "threshold_",
]  # fmt: skip
METHODS = ["hardshrink", "prelu"]


def floats(op: str, input: Any) -> Tensor:
    """A real floating tensor, or an error."""
    if not isinstance(input, Tensor):
        input = as_operand(input, op)
    if input.array.dtype.kind != "f":
        raise DtypeError(
            f"{op}: input must be floating, got {input.array.dtype}; convert it with .float()"
        )
    return input


def numbers(op: str, input: Any, kinds: str = "fiu") -> Tensor:
    """A tensor of numbers, by default real ones, whole ones included, or an error."""
    input = as_operand(input, op)
    if input.array.dtype.kind not in kinds:
        raise DtypeError(f"{op}: input must be of real numbers, got {input.array.dtype}")
    return input


def published(operation: Callable[..., Tensor], more: str = "") -> Callable[..., Tensor]:
    """The in-place form of an activation, documented as a function of its own."""
    form = inplace_form(operation)
    name = operation.__name__
    form.__doc__ = f"""In-place form of `{name}`; returns the tensor itself.

    Args:
        input: tensor that is overwritten.
        args, kwargs: as for `{name}`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([-1.0, 2.0])
        >>> tg.nn.functional.{name}_(x{more}) is x
        True
    """
    return form


relu_ = published(relu)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Limit to an interval.

    Value: `min(max(input, min_val), max_val)`. Adjoint: `g` strictly between the ends, else 0.

    Args:
        input: tensor of any shape.
        min_val, max_val: ends of the interval.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if the ends are in the wrong order, or beyond what the dtype holds.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.hardtanh(tg.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if inplace:
        return hardtanh_(input, min_val, max_val)
    return _hardtanh("hardtanh", input, min_val, max_val)


def _hardtanh(op: str, input: Any, low: Any, high: Any) -> Tensor:
    input = numbers(op, input)
    x = input.array
    if low > high:
        raise ArgumentError(f"{op}: min_val must not exceed max_val, got {low} and {high}")
    if x.dtype.kind == "u" and low < 0:
        raise DtypeError(f"{op}: {x.dtype} holds no negative numbers, min_val is {low}")
    low, high = held(op, low, x.dtype), held(op, high, x.dtype)
    return record1(np.minimum(np.maximum(x, low), high), _hardtanh_vjp, input, (x, low, high))


def _hardtanh_vjp(g, x, low, high):
    return kernels.masked(g, (x > low) & (x < high))


hardtanh_ = published(hardtanh)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Rectified linear unit that ends at 6.

    Value: `min(max(input, 0), 6)`. Adjoint: `g` strictly between 0 and 6, else 0.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.relu6(tg.tensor([-1.0, 2.0, 8.0]))
        tensor([0., 2., 6.])

    References:
        Howard et al., "MobileNets" (2017).
    """
    return _relu6_(input) if inplace else _hardtanh("relu6", input, 0, 6)


_relu6_ = inplace_form(relu6)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Rectified linear unit with a slope on the negative side.

    Value: `input` where positive, else `negative_slope * input`. Adjoint: `g` where the input is
    positive, else `negative_slope * g`.

    Args:
        input: tensor of any shape.
        negative_slope: slope at and below 0.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.leaky_relu(tg.tensor([-1.0, 2.0]), 0.5)
        tensor([-0.5000,  2.0000])

    References:
        Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).
    """
    if inplace:
        return leaky_relu_(input, negative_slope)
    input = floats("leaky_relu", input)
    x = input.array
    scaled = x * negative_slope
    # three times faster than np.where, and the same for slopes from above 0 to 1
    out = np.maximum(x, scaled) if 0 < negative_slope <= 1 else np.where(x > 0, x, scaled)
    return record1(out, _leaky_relu_vjp, input, (x, negative_slope))


def _leaky_relu_vjp(g, x, slope):
    return kernels.select(x > 0, g, g * slope)


leaky_relu_ = published(leaky_relu)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Rectified linear unit whose slope on the negative side is learned.

    Value: `input` where positive, else `weight * input`. Adjoint: `g` where the input is positive, else
    `weight * g`, for `input`; the sum of `g * input` over inputs that are not positive for `weight`.

    Args:
        input: tensor, (N, C, ...) for a slope for each channel.
        weight: slopes, (C,), or a single one.

    Raises:
        ShapeError: if the slopes do not fit the channels.
        DtypeError: if the dtypes differ or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.prelu(tg.tensor([[-1.0, -1.0]]), tg.tensor([0.5, 0.25]))
        tensor([[-0.5000, -0.2500]])

    References:
        He et al., "Delving Deep into Rectifiers" (2015).
    """
    input = floats("prelu", input)
    weight = as_operand(weight, "prelu", "weight")
    x = input.array
    if apart(x, weight.array):
        raise different_devices("prelu", input, weight)
    if weight.array.dtype != x.dtype:
        raise DtypeError(f"prelu: weight must be {x.dtype} as the input, got {weight.dtype}")
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.array.ndim > 1 or weight.array.size not in (1, channels):
        raise ShapeError(
            f"prelu: weight must hold one slope or one for each of {channels} channels (dimension 1 of "
            f"{x.shape}), got {weight.shape}"
        )
    w = reshape(weight, (-1,) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim)
    slopes = w.array
    rules = (_prelu_vjp_input, _prelu_vjp_weight)
    return record2(np.where(x > 0, x, x * slopes), rules, input, w, (x, slopes))


def _prelu_vjp_input(g, x, w):
    return kernels.select(x > 0, g, g * w)


def _prelu_vjp_weight(g, x, w):
    return np.where(x > 0, 0, g * x)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Exponential linear unit.

    Value: `input` where positive, else `alpha * (e**input - 1)`. Adjoint: `g` where the input is
    positive, else `g * alpha * e**input`.

    Args:
        input: tensor of any shape.
        alpha: limit, with the sign changed, on the negative side.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.elu(tg.tensor([-1000.0, 0.0, 2.0]))
        tensor([-1.,  0.,  2.])

    References:
        Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear
        Units" (2016).
    """
    return elu_(input, alpha) if inplace else _elu("elu", input, alpha, 1.0, 1.0)


def _elu(op: str, input: Any, alpha: float, scale: float, rate: float) -> Tensor:
    input = floats(op, input)
    x = input.array
    negative = np.minimum(x, 0)  # else the exponential of a large input would overflow unseen
    if rate != 1.0:
        negative = negative * rate
    bent = np.expm1(negative)
    if alpha * scale != 1.0:
        bent *= alpha * scale
    out = np.where(x > 0, x if scale == 1.0 else x * scale, bent)
    return record1(out, _elu_vjp, input, (x, alpha, scale, rate))


def _elu_vjp(g, x, alpha, scale, rate):
    bent = np.exp(np.minimum(x, 0) * rate) * (alpha * scale * rate)
    return g * np.where(x > 0, scale, bent)


elu_ = published(elu)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalising exponential linear unit: mean 0 and variance 1 are a fixed point.

    Value: `scale * input` where positive, else `scale * alpha * (e**input - 1)`, with alpha = 1.6733 and
    scale = 1.0507. Adjoint: `scale * g` where the input is positive, else `scale * alpha * e**input * g`.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.selu(tg.tensor([-1000.0, 0.0, 1.0]))
        tensor([-1.7581,  0.0000,  1.0507])

    References:
        Klambauer et al., "Self-Normalizing Neural Networks" (2017).
    """
    return selu_(input) if inplace else _elu("selu", input, SELU_ALPHA, SELU_SCALE, 1.0)


selu_ = published(selu)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Exponential linear unit that is smooth for every alpha.

    Value: `input` where positive, else `alpha * (e**(input / alpha) - 1)`. Adjoint: `g` where the input
    is positive, else `g * e**(input / alpha)`.

    Args:
        input: tensor of any shape.
        alpha: limit, with the sign changed, on the negative side.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if alpha is 0.

    Example:
        >>> import tapegrad as tg
        >>> tg.celu(tg.tensor([-1000.0, 0.0, 2.0]), 0.5)
        tensor([-0.5000,  0.0000,  2.0000])

    References:
        Barron, "Continuously Differentiable Exponential Linear Units" (2017).
    """
    if not alpha:
        raise ArgumentError("celu: alpha must not be 0")
    not_complex("celu", alpha)
    return celu_(input, alpha) if inplace else _elu("celu", input, alpha, 1.0, 1 / alpha)


celu_ = published(celu)


def threshold(
    input: Tensor,
    threshold: float,
    value: float,
    inplace: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Replace what does not exceed a threshold.

    Value: `input` where above the threshold, else `value`. Adjoint: `g` where above, else 0.

    Args:
        input: tensor of any shape.
        threshold: the threshold.
        value: what stands for the rest.
        inplace: overwrite the input.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Raises:
        ArgumentError: for a number that the dtype cannot hold.

    Example:
        >>> import tapegrad as tg
        >>> tg.threshold(tg.tensor([0.5, 1.5]), 1.0, -1.0)
        tensor([-1.0000,  1.5000])
    """
    if out is not None:
        return into(out, _threshold, input, threshold, value)
    if inplace:
        return threshold_(input, threshold, value)
    input = numbers("threshold", input)
    x = input.array
    low, other = held("threshold", threshold, x.dtype), held("threshold", value, x.dtype)
    return record1(np.where(x <= low, other, x), _threshold_vjp, input, (x, low))


_threshold = threshold  # the function, where an argument has its name


def _threshold_vjp(g, x, low):
    return kernels.masked(g, ~(x <= low))


threshold_ = published(threshold, ", 1.0, -1.0")


def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """Set small values to zero.

    Value: 0 where `-lambd <= input <= lambd`, else `input`. Adjoint: 0 there, else `g`.

    Args:
        input: tensor of any shape.
        lambd: half the width of what becomes zero.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Example:
        >>> import tapegrad as tg
        >>> tg.hardshrink(tg.tensor([-1.0, 0.3, 2.0]))
        tensor([-1.,  0.,  2.])
    """
    if out is not None:
        return into(out, hardshrink, input, lambd)
    input = floats("hardshrink", input)
    not_complex("hardshrink", lambd)
    x = input.array
    small = as_array((x >= -lambd) & (x <= lambd))
    return record1(np.where(small, 0, x), _hardshrink_vjp, input, (small,))


def _hardshrink_vjp(g, small):
    return kernels.masked(g, ~small)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Move values towards zero, the small ones all the way.

    Value: `sign(input) * max(|input| - lambd, 0)`. Adjoint: `g` where `|input| > lambd`, else 0.

    Args:
        input: tensor of any shape.
        lambd: how far.

    Raises:
        ArgumentError: if lambd is negative.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.softshrink(tg.tensor([-1.0, 0.3, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])
    """
    if not lambd >= 0:
        raise ArgumentError(f"softshrink: lambd must be at least 0, got {lambd}")
    input = floats("softshrink", input)
    x = input.array
    small = as_array((x >= -lambd) & (x <= lambd))
    out = np.where(small, 0, x - np.copysign(x.dtype.type(lambd), x))
    return record1(out, _softshrink_vjp, input, (small,))


def _softshrink_vjp(g, small):
    return kernels.masked(g, ~small)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Straight-line approximation of the sigmoid.

    Value: `min(max(input + 3, 0), 6) / 6`. Adjoint: `g / 6` strictly between -3 and 3, else 0.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.hardsigmoid(tg.tensor([-4.0, 0.0, 4.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    if inplace:
        return _hardsigmoid_(input)
    input = floats("hardsigmoid", input)
    x = input.array
    return record1(np.minimum(np.maximum(x + 3, 0), 6) / 6, _hardsigmoid_vjp, input, (x,))


def _hardsigmoid_vjp(g, x):
    return np.where((x > -3) & (x < 3), g / 6, 0)


_hardsigmoid_ = inplace_form(hardsigmoid)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Approximate `silu` by straight lines and a parabola.

    Value: `input * min(max(input + 3, 0), 6) / 6`. Adjoint: 0 up to -3, `g` from 3 on, and between them
    `g * (input / 3 + 1 / 2)`.

    Args:
        input: tensor of any shape.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.hardswish(tg.tensor([0.0, 1.0, 4.0]))
        tensor([0.0000, 0.6667, 4.0000])

    References:
        Howard et al., "Searching for MobileNetV3" (2019).
    """
    if inplace:
        return _hardswish_(input)
    input = floats("hardswish", input)
    x = input.array
    return record1(x * np.minimum(np.maximum(x + 3, 0), 6) / 6, _hardswish_vjp, input, (x,))


def _hardswish_vjp(g, x):
    return np.where(x <= -3, 0, np.where(x >= 3, g, g * (x / 3 + 0.5)))


_hardswish_ = inplace_form(hardswish)
