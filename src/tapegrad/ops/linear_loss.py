"""The loss of a classifier, its last linear map included."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from .cast import as_operand
from .linalg import linear
from .loss import cross_entropy
from .shape import reshape

__all__: list[str] = []  # PyTorch has it in nn.functional only


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Cross entropy of the logits `input @ linear_weight.T + linear_bias`.

    Value: `cross_entropy(linear(input, linear_weight, linear_bias), target)`, with the logits of all
    positions of a weight that has more dimensions.

    Args:
        input: (N, D) or (D,).
        linear_weight: (C, D), or (C, d1, ..., D) for a loss at each of d1 x ... positions.
        target: classes, (N,), (N, d1, ...) or (), or probabilities shaped as the logits, (N, C, d1, ...).
        linear_bias: (C,) or (C, d1, ...).
        weight, reduction, label_smoothing: as for `cross_entropy`.
        ignore_index: target that does not count, -100 by default; not for probabilities.
        options: must be None; logits are computed as a whole.

    Raises:
        ShapeError: if shapes do not belong together.
        ArgumentError: for options, or an `ignore_index` beside probabilities.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.functional import linear_cross_entropy
        >>> linear_cross_entropy(tg.ones(1, 3), tg.zeros(2, 3), tg.tensor([0]))
        tensor(0.6931)
    """
    op = "linear_cross_entropy"
    if options is not None:
        raise ArgumentError(f"{op}: options must be None; logits are computed as a whole")
    input, linear_weight, target = (
        as_operand(input, op), as_operand(linear_weight, op, "linear_weight"), as_operand(target, op, "target"),
    )  # fmt: skip
    if input.ndim not in (1, 2) or linear_weight.ndim < 2 or input.shape[-1] != linear_weight.shape[-1]:  # fmt: skip
        raise ShapeError(
            f"{op}: input must be (N, D) or (D,) and linear_weight (C, ..., D), got {input.shape} and "
            f"{linear_weight.shape}"
        )
    shape = linear_weight.shape[:-1]
    if len(shape) > 1 and input.ndim == 1:
        raise ShapeError(
            f"{op}: input must be (N, D) for linear_weight of shape {linear_weight.shape}, got {input.shape}"
        )
    if linear_bias is not None:
        if linear_bias.shape != shape:
            raise ShapeError(f"{op}: linear_bias must be {shape}, got {linear_bias.shape}")
        linear_bias = reshape(linear_bias, -1)
    if ignore_index is None:
        ignore_index = -100
    elif target.shape == (*input.shape[:-1], *shape):
        raise ArgumentError(f"{op}: ignore_index has no meaning where target is probabilities")
    rows = linear(input, reshape(linear_weight, -1, linear_weight.shape[-1]), linear_bias)
    logits = reshape(rows, *input.shape[:-1], *shape)
    return cross_entropy(logits, target, weight, ignore_index, reduction, label_smoothing)
