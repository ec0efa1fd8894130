"""Normalisation: of layers, batches, instances and groups, by the root mean square."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes, kernels, stamps
from .._typing import Shape
from ..batching import check_width, over
from ..device import apart
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels.normalisation import Layout, normalise, recorded_grad, scaled
from ..record import record
from ..tensor import Tensor, raw
from .arithmetic import square
from .cast import as_operand, cast, different_devices
from .elementwise import sqrt
from .reduce import is_half, mean
from .shape import whole_number

# PyTorch's batch_norm and instance_norm at top level take their arguments in another order than those of
# nn.functional: these stand there only.
__all__ = ["group_norm", "layer_norm", "rms_norm"]

kernels.normalise_grad.register(Tensor)(recorded_grad)


def operands(
    op: str, input: Any, weight: Any, bias: Any, shape: Any = None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Input, weight and bias, checked; `shape` is that of weight and bias, by default (C,)."""
    input = as_operand(input, op)
    if input.dtype.kind != "f" and not is_half(input.array):
        raise DtypeError(f"{op}: input must be floating, got {input.dtype}; use .float()")
    if shape is None:
        if input.ndim < 2:
            raise ShapeError(f"{op}: input must be (N, C, ...), got shape {input.shape}")
        shape = (input.shape[1],)
    weight = None if weight is None else _fitting(op, "weight", weight, input, shape)
    bias = None if bias is None else _fitting(op, "bias", bias, input, shape)
    return over(input, raw(weight), raw(bias)), weight, bias


def _fitting(op: str, name: str, value: Any, input: Tensor, shape: Shape) -> Tensor:
    """A weight, bias or running statistic that fits the input."""
    tensor = as_operand(value, op, name)
    if apart(tensor.array, input.array):
        raise different_devices(op, input, tensor)
    if tensor.shape != shape:
        raise ShapeError(f"{op}: {name} must have shape {shape}, got {tensor.shape}")
    wide = is_half(input.array) and tensor.dtype == dtypes.float32
    if tensor.dtype != input.dtype and not wide:
        raise DtypeError(
            f"{op}: input is {input.dtype} and {name} {tensor.dtype}; convert one with .to(dtype)"
        )
    return tensor


def in_float32(operation: Any, input: Tensor, weight: Any, bias: Any) -> Tensor:
    """The operation on a float16 input, computed in float32 and rounded once."""
    wide = (None if t is None else cast(t, dtypes.float32) for t in (weight, bias))
    return cast(operation(cast(input, dtypes.float32), *wide), input.dtype)


def _recorded(
    rule: Any, input: Tensor, weight: Any, bias: Any, layout: Layout, eps: float,
    centred: bool = True,
) -> tuple[Tensor, Any, Any]:  # fmt: skip
    """Normalise and record; also gives mean and variance."""
    w, b = (None if t is None else t.array for t in (weight, bias))
    out, mean, var, rstd = normalise(input.array, w, b, layout, eps, centred)
    return _on_tape(rule, out, input, weight, bias, mean, rstd, layout, eps, False), mean, var


def _on_tape(
    rule: Any, out: Any, input: Tensor, weight: Any, bias: Any, mean: Any, rstd: Any, layout: Layout,
    eps: float, fixed: bool,
) -> Tensor:  # fmt: skip
    needs = tuple(t is not None and t.node is not None for t in (input, weight, bias))
    x = input.array if needs[0] or needs[1] else None
    w = weight.array if weight is not None and needs[0] else None
    saved = (x, w, mean, rstd, layout, needs, eps, fixed)
    return record(out, rule, (input, weight, bias), saved)


def _trailing(op: str, input: Tensor, normalized_shape: Any) -> Shape:
    """The last sizes of the input, which are normalised together."""
    try:
        shape = tuple(int(n.__index__()) for n in normalized_shape)
    except (AttributeError, TypeError):
        raise ArgumentError(
            f"{op}: normalized_shape must be a sequence of ints, got {normalized_shape!r}"
        ) from None
    if not shape:
        raise ArgumentError(f"{op}: normalized_shape must name at least one size, got ()")
    if input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{op}: the last sizes of input must be {shape} (normalized_shape), got shape {input.shape}"
        )
    return shape


def _layer_layout(shape: Shape, last: Shape, plain: bool) -> Layout:
    n = math.prod(last)
    rows = math.prod(shape[: len(shape) - len(last)])
    within, rest = ((1,), ()) if plain else ((), (1,))
    return Layout((rows, n), (1,), within, rest, (0,), (1, n), last, n)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dimensions, each sample for itself.

    Value: `y * weight + bias` with `y = (input - mean) / sqrt(var + eps)`, `var` divided by the number
    of elements. Adjoint: `(h - mean(h) - y * mean(h * y)) / sqrt(var + eps)` with `h = g * weight` for
    `input`; `g * y` and `g`, summed, for `weight` and `bias`.

    Args:
        input: floating tensor, (..., *normalized_shape).
        normalized_shape: the last sizes.
        weight, bias: of that shape, or None.
        eps: added to the variance.

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the dtypes differ, or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.layer_norm(tg.tensor([[1.0, 2.0, 3.0]]), (3,))
        tensor([[-1.2247,  0.0000,  1.2247]])

    References:
        Ba, Kiros, Hinton, "Layer Normalization" (2016).
    """
    input = as_operand(input, "layer_norm")
    last = _trailing("layer_norm", input, normalized_shape)
    input, weight, bias = operands("layer_norm", input, weight, bias, last)
    if is_half(input.array):
        return in_float32(lambda x, w, b: layer_norm(x, last, w, b, eps), input, weight, bias)
    layout = _layer_layout(input.shape, last, weight is None and bias is None)
    return _recorded(_layer_norm_vjp, input, weight, bias, layout, eps)[0]


def _layer_norm_vjp(g, *saved):
    return kernels.normalise_grad(g, *saved)


def rms_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last dimensions.

    Value: `y * weight` with `y = input / sqrt(mean(input**2) + eps)`. Adjoint:
    `(h - y * mean(h * y)) / sqrt(mean(input**2) + eps)` with `h = g * weight` for `input`; `g * y`,
    summed, for `weight`.

    Args:
        input: floating tensor, (..., *normalized_shape).
        normalized_shape: the last sizes.
        weight: of that shape, or None.
        eps: added to the mean square; by default the distance from 1 to the next number of the dtype
            that is computed in (float32 for float16).

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the dtypes differ, or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.rms_norm(tg.tensor([[3.0, 4.0]]), (2,))
        tensor([[0.8485, 1.1314]])

    References:
        Zhang, Sennrich, "Root Mean Square Layer Normalization" (2019).
    """
    input = as_operand(input, "rms_norm")
    last = _trailing("rms_norm", input, normalized_shape)
    if input.dtype.kind == "c":
        return _rms_norm_complex(input, weight, last, eps)
    input, weight, _ = operands("rms_norm", input, weight, None, last)
    if is_half(input.array):
        return in_float32(lambda x, w, b: rms_norm(x, last, w, eps), input, weight, None)
    if eps is None:
        eps = float(dtypes.finfo(input.dtype).eps)
    layout = _layer_layout(input.shape, last, weight is None)
    return _recorded(_rms_norm_vjp, input, weight, None, layout, eps, centred=False)[0]


def _rms_norm_complex(input: Tensor, weight: Any, last: Shape, eps: float | None) -> Tensor:
    """The same formula, of squares and not of magnitudes, as in PyTorch."""
    if eps is None:
        eps = float(dtypes.finfo(input.dtype).eps)
    dims = tuple(range(-len(last), 0))
    out = input / sqrt(mean(square(input), dims, True) + eps)
    return out if weight is None else out * _fitting("rms_norm", "weight", weight, input, last)


def _rms_norm_vjp(g, *saved):
    return kernels.normalise_grad(g, *saved)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over groups of neighbouring channels and all positions, each sample for itself.

    Value and adjoint are those of `layer_norm` over each group, with a weight and bias per channel.

    Args:
        input: floating tensor, (N, C, ...).
        num_groups: how many groups; C is a multiple of it.
        weight, bias: (C,), or None.
        eps: added to the variance.

    Raises:
        ArgumentError: if `num_groups` is no positive int.
        ShapeError: if C is no multiple of it, there is one element in each group, or shapes do not fit.
        DtypeError: if the dtypes differ, or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.group_norm(tg.tensor([[1.0, 3.0, 5.0, 5.0]]), 2)
        tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])

    References:
        Wu, He, "Group Normalization" (2018).
    """
    input, weight, bias = operands("group_norm", input, weight, bias)
    groups = whole_number("group_norm", "num_groups", num_groups, 1)
    samples, channels, *rest = input.shape
    if channels % groups:
        raise ShapeError(
            f"group_norm: the {channels} channels of input, of shape {input.shape}, are not divisible "
            f"into {groups} groups"
        )
    positions = math.prod(rest)
    each = channels // groups
    if samples * each * positions == 1:
        raise ShapeError(
            f"group_norm: expected more than one value per group, got input of shape {input.shape}"
        )
    if is_half(input.array):
        return in_float32(lambda x, w, b: group_norm(x, groups, w, b, eps), input, weight, bias)
    view = samples, groups, each, positions
    layout = Layout(
        view, (2, 3), (3,), (2,), (0,), (1, groups, each, 1), (channels,), each * positions
    )
    return _recorded(_group_norm_vjp, input, weight, bias, layout, eps)[0]


def _group_norm_vjp(g, *saved):
    return kernels.normalise_grad(g, *saved)


def _running(op: str, input: Tensor, mean: Any, var: Any, written: bool) -> Any:
    """Running mean and variance, checked, both or neither."""
    if (mean is None) != (var is None):
        raise ArgumentError(f"{op}: give both running_mean and running_var, or neither")
    if mean is None:
        return None, None
    shape = (input.shape[1],)
    pair = [
        _fitting(op, name, value, input, shape)
        for name, value in (("running_mean", mean), ("running_var", var))
    ]
    for name, tensor in zip(("running_mean", "running_var"), pair, strict=True):
        if tensor.node is not None:
            raise ArgumentError(f"{op}: {name} must not require a gradient; give .detach()")
        if written and not getattr(tensor.array.flags, "writeable", True):
            raise ArgumentError(f"{op}: {name} is read-only; clone() it first")
    return pair


def _update(op: str, running: Tensor, value: Any, momentum: float) -> None:
    array = running.array
    check_width(op, array, value)
    array[...] = array * (1 - momentum) + value * momentum
    stamps.stamp(array, op)


def _factor(op: str, momentum: Any) -> float:
    if isinstance(momentum, bool) or not isinstance(momentum, (int, float)):
        raise ArgumentError(f"{op}: momentum must be a number, got {momentum!r}")
    return float(momentum)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch and all positions.

    Value: `y * weight + bias` with `y = (input - mean) / sqrt(var + eps)`. In training, mean and variance
    are those of the batch (`var` divided by the number of elements), and the running ones move towards
    them; otherwise they are the running ones. Adjoint: `(h - mean(h) - y * mean(h * y)) / sqrt(var + eps)`
    with `h = g * weight` for `input` in training, else `h / sqrt(var + eps)`; `g * y` and `g`, summed,
    for `weight` and `bias`.

    Args:
        input: floating tensor, (N, C, ...).
        running_mean, running_var: (C,), changed in place in training; both may be None there.
        weight, bias: (C,), or None.
        training: whether to use the statistics of the batch.
        momentum: how far the running statistics move towards those of the batch, whose variance is
            divided by one less than the number of elements for this.
        eps: added to the variance; positive in training.

    Raises:
        ArgumentError: if running statistics are missing.
        ShapeError: if the shapes do not fit, or there is one value per channel in training.
        DtypeError: if the dtypes differ, or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[1.0, 10.0], [3.0, 30.0]])
        >>> tg.nn.functional.batch_norm(x, None, None, training=True)
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])

    References:
        Ioffe, Szegedy, "Batch Normalization" (2015).
    """
    op = "batch_norm"
    input, weight, bias = operands(op, input, weight, bias)
    mean, var = _running(op, input, running_mean, running_var, training)
    momentum = _factor(op, momentum)
    samples, _, *rest = input.shape
    n = samples * math.prod(rest)
    if training:
        if n == 1:
            raise ShapeError(
                f"{op}: expected more than one value per channel in training, got input of shape "
                f"{input.shape}"
            )
        if not eps > 0:
            raise ArgumentError(f"{op}: eps must be positive in training, got {eps}")
    elif mean is None:
        raise ArgumentError(f"{op}: running_mean and running_var must be given unless training")
    if is_half(input.array):
        return in_float32(
            lambda x, w, b: _batch_norm(op, x, mean, var, w, b, training, momentum, eps),
            input, weight, bias,
        )  # fmt: skip
    return _batch_norm(op, input, mean, var, weight, bias, training, momentum, eps)


def _batch_norm(
    op: str, input: Tensor, mean: Any, var: Any, weight: Any, bias: Any, training: bool,
    momentum: float, eps: float,
) -> Tensor:  # fmt: skip
    samples, channels, *rest = input.shape
    positions = math.prod(rest)
    n = samples * positions
    if rest:
        layout = Layout(
            (samples, channels, positions), (0, 2), (0, 2), (), (), (channels, 1), (channels,), n
        )
    else:
        layout = Layout((samples, channels), (0,), (0,), (), (), (channels,), (channels,), n)
    if not training:
        return _with_running(input, mean, var, weight, bias, layout, eps)
    out, found, spread = _recorded(_batch_norm_vjp, input, weight, bias, layout, eps)
    if mean is not None and n:
        _update(op, mean, found.reshape(channels), momentum)
        _update(op, var, spread.reshape(channels) * (n / (n - 1)), momentum)
    return out


def _with_running(
    input: Tensor, mean: Tensor, var: Tensor, weight: Any, bias: Any, layout: Layout, eps: float
) -> Tensor:
    """Normalise by given statistics; they are copied, since training will change them."""
    x = input.array
    m = mean.array.astype(x.dtype).reshape(layout.affine)
    rstd = 1 / np.sqrt(var.array.astype(x.dtype) + eps).reshape(layout.affine)
    w, b = (None if t is None else t.array for t in (weight, bias))
    out = scaled(x, x.reshape(layout.view) - m, w, b, layout, rstd, True)
    return _on_tape(_batch_norm_vjp, out, input, weight, bias, m, rstd, layout, eps, True)


def _batch_norm_vjp(g, *saved):
    return kernels.normalise_grad(g, *saved)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over all positions.

    Value and adjoint are those of `batch_norm` with every sample a batch of its own; running statistics
    move towards the averages over the samples.

    Args:
        input: floating tensor, (N, C, ...).
        running_mean, running_var: (C,), changed in place with `use_input_stats`; both may be None there.
        weight, bias: (C,), or None.
        use_input_stats: whether to use the statistics of the input, not the running ones.
        momentum: how far the running statistics move.
        eps: added to the variance.

    Raises:
        ArgumentError: if running statistics are missing.
        ShapeError: if the shapes do not fit, or there is one position.
        DtypeError: if the dtypes differ, or are not floating.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.instance_norm(tg.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])

    References:
        Ulyanov, Vedaldi, Lempitsky, "Instance Normalization" (2016).
    """
    op = "instance_norm"
    input, weight, bias = operands(op, input, weight, bias)
    mean, var = _running(op, input, running_mean, running_var, use_input_stats)
    momentum = _factor(op, momentum)
    if use_input_stats:
        if math.prod(input.shape[2:]) == 1:
            raise ShapeError(
                f"{op}: expected more than one position, got input of shape {input.shape}"
            )
        if not eps > 0:
            raise ArgumentError(f"{op}: eps must be positive, got {eps}")
    elif mean is None:
        raise ArgumentError(
            f"{op}: running_mean and running_var must be given without use_input_stats"
        )
    if is_half(input.array):
        return in_float32(
            lambda x, w, b: _instance_norm(op, x, mean, var, w, b, use_input_stats, momentum, eps),
            input, weight, bias,
        )  # fmt: skip
    return _instance_norm(op, input, mean, var, weight, bias, use_input_stats, momentum, eps)


def _instance_norm(
    op: str, input: Tensor, mean: Any, var: Any, weight: Any, bias: Any, own: bool, momentum: float,
    eps: float,
) -> Tensor:  # fmt: skip
    if not own:
        return _batch_norm(op, input, mean, var, weight, bias, False, momentum, eps)
    samples, channels, *rest = input.shape
    n = math.prod(rest)
    layout = Layout((samples, channels, n), (2,), (2,), (), (0,), (channels, 1), (channels,), n)
    out, found, spread = _recorded(_instance_norm_vjp, input, weight, bias, layout, eps)
    if mean is not None and samples * n:
        share = 1 / samples
        free = share * n / (n - 1)
        _update(op, mean, np.add.reduce(found.reshape(samples, channels), axis=0) * share, momentum)
        _update(op, var, np.add.reduce(spread.reshape(samples, channels), axis=0) * free, momentum)
    return out


def _instance_norm_vjp(g, *saved):
    return kernels.normalise_grad(g, *saved)
