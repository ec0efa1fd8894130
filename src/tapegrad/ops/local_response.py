"""Normalisation across neighbouring channels."""

from __future__ import annotations

from ..errors import ShapeError
from ..tensor import Tensor
from .normalisation import in_float32, operands
from .reduce import is_half
from .shape import whole_number
from .taps import regular, tap_sum

__all__: list[str] = []  # PyTorch has it in nn.functional only


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by a power of the mean square over neighbouring channels.

    Value: `input / (k + alpha * mean)**beta`, where `mean` is the sum of the squares of `size` channels
    about each, those beyond the ends counted as zeros, divided by `size`.

    Args:
        input: floating tensor, (N, C, ...) with at least three dimensions.
        size: number of channels in a window; of an even one, more come before the channel than after.
        alpha, beta, k: factor, exponent, and what is added.

    Raises:
        ArgumentError: if `size` is no positive int.
        ShapeError: for fewer than three dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.functional.local_response_norm(tg.ones(1, 2, 1), 2, alpha=6.0, beta=1.0)
        tensor([[[0.2500],
                 [0.1429]]])

    References:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks"
        (2012), section 3.3.
    """
    op = "local_response_norm"
    input, _, _ = operands(op, input, None, None)
    if input.ndim < 3:
        raise ShapeError(f"{op}: input must be (N, C, ...) with positions, got shape {input.shape}")
    size = whole_number(op, "size", size, 1)
    if is_half(input.array):
        return in_float32(
            lambda x, w, b: local_response_norm(x, size, alpha, beta, k), input, None, None
        )
    n = input.shape[1]
    before, after = min(size // 2, n - 1), min((size - 1) // 2, n - 1)
    channels = regular(n, n, before + after + 1, 1, before, 1)
    squares = tap_sum(input * input, ((1 - input.ndim, channels),))
    return input / (squares * (alpha / size) + k) ** beta
