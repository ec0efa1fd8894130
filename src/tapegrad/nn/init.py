"""Initial values: every function fills a tensor in place, unrecorded, and returns it."""

from __future__ import annotations

import math

from .. import stamps
from ..autograd import no_grad
from ..errors import ArgumentError, ShapeError
from ..random import Generator
from ..tensor import Tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights must grow to keep the variance through a nonlinearity.

    Args:
        nonlinearity: "linear", "conv1d" and its like, "sigmoid" (1), "tanh" (5/3), "relu" (sqrt 2),
            "leaky_relu" (sqrt(2 / (1 + slope^2))), "selu" (3/4).
        param: negative slope of "leaky_relu", 0.01 by default.

    Raises:
        ArgumentError: for an unknown name.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.calculate_gain("tanh")
        1.6666666666666667
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: the slope must be a number, got {param!r}")
        return math.sqrt(2 / (1 + slope**2))
    known = ", ".join([*_GAINS, "leaky_relu"])
    raise ArgumentError(f"calculate_gain: {nonlinearity!r} is unknown; known are {known}")


_LINEAR = ["linear", "conv1d", "conv2d", "conv3d"]
_LINEAR += ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
_GAINS = dict.fromkeys([*_LINEAR, "sigmoid"], 1.0)
_GAINS |= {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniform random numbers from [a, b).

    Args:
        tensor: floating tensor of any shape.
        a, b: the ends of the interval.
        generator: source of the numbers; the default generator by default.

    Returns:
        The tensor.

    Example:
        >>> import tapegrad as tg
        >>> bool((tg.nn.init.uniform_(tg.empty(5), -1, 1).abs() <= 1).all())
        True
    """
    with no_grad():
        tensor.uniform_(a, b, generator=generator)
    return tensor


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normally distributed random numbers.

    Args:
        tensor: floating tensor of any shape.
        mean, std: of the distribution.
        generator: source of the numbers; the default generator by default.

    Returns:
        The tensor.
    """
    with no_grad():
        tensor.normal_(mean, std, generator=generator)
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number.

    Args:
        tensor: tensor of any shape.
        val: the number.

    Returns:
        The tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.constant_(tg.empty(2), 3.0)
        tensor([3., 3.])
    """
    tensor.array[...] = val
    stamps.stamp(tensor.array, "constant_")
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros; returns the tensor."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones; returns the tensor."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity; rows or columns beyond it are zero.

    Args:
        tensor: (N, M).

    Returns:
        The tensor.

    Raises:
        ShapeError: if it is no matrix.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: tensor must be a matrix, got shape {tensor.shape}")
    array = tensor.array
    array[...] = 0
    for i in range(min(array.shape)):
        array[i, i] = 1
    stamps.stamp(array, "eye_")
    return tensor


def fans(tensor: Tensor) -> tuple[int, int]:
    """Numbers of inputs and of outputs that one element of a weight connects.

    Args:
        tensor: (M, D), or (M, D, ...) for convolutions, whose window multiplies both.

    Raises:
        ShapeError: with fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"init: fan in and fan out need a weight of at least 2 dimensions, got {tensor.shape}"
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"init: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fans(tensor)[mode == "fan_out"]


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill uniformly so that the variance stays the same forward and backward.

    Value: U(-a, a) with `a = gain * sqrt(6 / (fan_in + fan_out))`.

    Args:
        tensor: weight of at least 2 dimensions, (M, D, ...).
        gain: see `calculate_gain`.
        generator: source of the numbers.

    Returns:
        The tensor.

    Raises:
        ShapeError: with fewer than two dimensions.

    References:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010.
    """
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill normally with the variance of `xavier_uniform_`, `gain^2 * 2 / (fan_in + fan_out)`.

    Args:
        tensor: weight of at least 2 dimensions, (M, D, ...).
        gain: see `calculate_gain`.
        generator: source of the numbers.

    Returns:
        The tensor.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill uniformly so that the variance stays the same through a rectifier.

    Value: U(-b, b) with `b = gain * sqrt(3 / fan)`.

    Args:
        tensor: weight of at least 2 dimensions, (M, D, ...).
        a: negative slope of the rectifier.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: see `calculate_gain`.
        generator: source of the numbers.

    Returns:
        The tensor.

    Raises:
        ShapeError: with fewer than two dimensions.
        ArgumentError: for an unknown mode or nonlinearity.

    References:
        He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    gain = calculate_gain(nonlinearity, a)
    bound = gain * math.sqrt(3 / max(_fan(tensor, mode), 1))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill normally with the variance of `kaiming_uniform_`, `gain^2 / fan`.

    Args:
        tensor: weight of at least 2 dimensions, (M, D, ...).
        a, mode, nonlinearity: as for `kaiming_uniform_`.
        generator: source of the numbers.

    Returns:
        The tensor.
    """
    gain = calculate_gain(nonlinearity, a)
    return normal_(tensor, 0.0, gain / math.sqrt(max(_fan(tensor, mode), 1)), generator)


__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
