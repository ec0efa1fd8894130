"""Initial values: every function fills a tensor in place, unrecorded, and returns it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import kernels, stamps
from ..autograd import no_grad
from ..errors import ArgumentError, ShapeError
from ..linalg import qr
from ..ops.inplace import check_writable
from ..random import Generator
from ..tensor import Tensor, wrap

_skipping: ContextVar[bool] = ContextVar("tapegrad_skip_init", default=False)


@contextmanager
def skipped() -> Iterator[None]:
    """Leave tensors inside as they are, whatever is to be filled; `nn.utils.skip_init` uses it."""
    token = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(token)


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
    if not _skipping.get():
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

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.normal_(tg.empty(3), std=0.0)
        tensor([0., 0., 0.])
    """
    if not _skipping.get():
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
    if not _skipping.get():
        with no_grad():
            tensor.fill_(val)
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    Args:
        tensor: tensor of any shape.

    Returns:
        The tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.zeros_(tg.empty(2))
        tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Args:
        tensor: tensor of any shape.

    Returns:
        The tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.ones_(tg.empty(2))
        tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def _write(op: str, tensor: Tensor, values: Any, places: Any = ...) -> Tensor:
    """Set a tensor to zero and then its elements at some places to values, unrecorded."""
    if _skipping.get():
        return tensor
    with no_grad():
        check_writable(op, tensor, None, "make a new tensor")
    if places is not ...:
        tensor.array[...] = 0
    tensor.array[places] = values
    stamps.stamp(tensor.array, op)
    return tensor


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity; rows or columns beyond it are zero.

    Args:
        tensor: (N, M).

    Returns:
        The tensor.

    Raises:
        ShapeError: if it is no matrix.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.eye_(tg.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: tensor must be a matrix, got shape {tensor.shape}")
    i = np.arange(min(tensor.shape), like=tensor.array)
    return _write("eye_", tensor, 1, (i, i))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it hands its input channels on, as many as there are outputs.

    Args:
        tensor: (O, C, ...) with one, two or three dimensions of the window.
        groups: number of groups of output channels, each of which does it by itself.

    Returns:
        The tensor.

    Raises:
        ShapeError: for another number of dimensions.
        ArgumentError: if O is no multiple of `groups`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.dirac_(tg.empty(2, 2, 3))
        tensor([[[0., 1., 0.],
                 [0., 0., 0.]],
        <BLANKLINE>
                [[0., 0., 0.],
                 [0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: tensor must have 3, 4 or 5 dimensions, got shape {tensor.shape}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ArgumentError(
            f"dirac_: groups must divide the {tensor.shape[0]} output channels, got {groups}"
        )
    each = tensor.shape[0] // groups
    channels = np.arange(min(each, tensor.shape[1]), like=tensor.array)
    outputs = np.arange(groups, like=tensor.array)[:, None] * each + channels
    middle = tuple(n // 2 for n in tensor.shape[2:])
    return _write("dirac_", tensor, 1, (outputs, channels, *middle))


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
    mode = mode.lower()
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

    Example:
        >>> import tapegrad as tg
        >>> bool((tg.nn.init.xavier_uniform_(tg.empty(3, 3)).abs() <= 1).all())
        True

    References:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010.
    """
    bound = gain * math.sqrt(6 / max(sum(fans(tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill normally with the variance of `xavier_uniform_`, `gain^2 * 2 / (fan_in + fan_out)`.

    Args:
        tensor: weight of at least 2 dimensions, (M, D, ...).
        gain: see `calculate_gain`.
        generator: source of the numbers.

    Returns:
        The tensor.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.init.xavier_normal_(tg.empty(1, 2), gain=0)
        tensor([[0., 0.]])
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(sum(fans(tensor)), 1)), generator)


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

    Example:
        >>> import tapegrad as tg
        >>> w = tg.nn.init.kaiming_uniform_(tg.empty(2, 6), nonlinearity="relu")
        >>> bool((w.abs() <= 1).all())
        True

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

    Example:
        >>> import tapegrad as tg
        >>> w = tg.nn.init.kaiming_normal_(tg.empty(200, 200), nonlinearity="relu")
        >>> abs(w.std().item() - 0.1) < 0.01
        True
    """
    gain = calculate_gain(nonlinearity, a)
    return normal_(tensor, 0.0, gain / math.sqrt(max(_fan(tensor, mode), 1)), generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normally distributed random numbers, of which only those in [a, b] count.

    Args:
        tensor: floating tensor of any shape.
        mean, std: of the distribution before it is cut.
        a, b: the ends, in absolute numbers.
        generator: source of the numbers.

    Returns:
        The tensor.

    Raises:
        ArgumentError: if `std` is not positive, or `a > b`.

    Example:
        >>> import tapegrad as tg
        >>> bool((tg.nn.init.trunc_normal_(tg.empty(100)).abs() <= 2).all())
        True
    """
    if not std > 0 or not a <= b:
        raise ArgumentError(f"trunc_normal_: needs std > 0 and a <= b, got std={std}, a={a}, b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: mean {mean} is more than two std from [{a}, {b}], where the numbers may be "
            "distributed wrongly",
            stacklevel=2,
        )
    if _skipping.get():
        return tensor
    low, high = (math.erf((end - mean) / (std * math.sqrt(2))) for end in (a, b))
    kind = tensor.dtype if tensor.dtype.itemsize >= 4 else np.float32
    numbers = uniform_(wrap(np.empty_like(tensor.array, dtype=kind)), low, high, generator).array
    numbers = kernels.erfinv(numbers) * (std * math.sqrt(2)) + mean
    return _write("trunc_normal_", tensor, np.clip(numbers, a, b))


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with a random matrix whose rows, or columns if there are fewer, are orthonormal.

    Args:
        tensor: (M, D), or (M, D, ...), which is read as a matrix of M rows.
        gain: what it is multiplied by.
        generator: source of the numbers.

    Returns:
        The tensor.

    Raises:
        ShapeError: with fewer than two dimensions.

    Example:
        >>> import tapegrad as tg
        >>> w = tg.nn.init.orthogonal_(tg.empty(3, 5), gain=2)
        >>> tg.allclose(w @ w.T, 4 * tg.eye(3), atol=1e-5)
        True

    References:
        Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks", ICLR 2014.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"orthogonal_: tensor must have at least 2 dimensions, got shape {tensor.shape}"
        )
    if not tensor.numel() or _skipping.get():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        numbers = tensor.new_empty((max(rows, columns), min(rows, columns)))
        q, r = qr(numbers.normal_(generator=generator))
        # R with a positive diagonal makes Q uniformly distributed (Mezzadri, 2007)
        q = q * r.diagonal().sgn()
        q = q.mT if rows < columns else q
    return _write("orthogonal_", tensor, (gain * q.array).reshape(tensor.shape))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix normally, with a share of the elements of every column at zero.

    Args:
        tensor: (M, D).
        sparsity: the share, rounded up to whole elements.
        std: of the others, whose mean is zero.
        generator: source of the numbers.

    Returns:
        The tensor.

    Raises:
        ShapeError: if it is no matrix.
        ArgumentError: for a share outside [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> (tg.nn.init.sparse_(tg.empty(10, 3), 0.25) == 0).sum(0)
        tensor([3, 3, 3])

    References:
        Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: tensor must be a matrix, got shape {tensor.shape}")
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_: sparsity must be between 0 and 1, got {sparsity}")
    if _skipping.get():
        return tensor
    zeros = math.ceil(sparsity * tensor.shape[0])
    with no_grad():
        order = wrap(np.empty_like(tensor.array, dtype=np.float64)).uniform_(generator=generator)
    normal_(tensor, 0.0, std, generator)
    ranks = np.argsort(np.argsort(order.array, axis=0), axis=0)
    return _write("sparse_", tensor, np.where(ranks < zeros, 0, tensor.array))


__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
