"""Losses as modules."""

from __future__ import annotations

from ..errors import ArgumentError
from ..ops.loss import cross_entropy, mse_loss, nll_loss
from ..tensor import Tensor
from .module import Module


def _check_reduction(name: str, reduction: str) -> str:
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    return reduction


class MSELoss(Module):
    """Compute the squared difference, `(input - target)^2`, and reduce it.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MSELoss()(tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0]))
        tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _check_reduction("MSELoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return mse_loss(input, target, reduction=self.reduction)


class _WeightedLoss(Module):
    weight: Tensor | None

    def __init__(self, weight: Tensor | None, ignore_index: int, reduction: str) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = _check_reduction(type(self).__name__, reduction)


class NLLLoss(_WeightedLoss):
    """Compute the negative log-likelihood of the target classes, `-weight[t] * input[n, t]`.

    Shape:
        input (N, C) or (N, C, ...) log-probabilities, target (N,) or (N, ...) classes; a scalar, or
        the target's shape when not reduced.

    Args:
        weight: (C,) weight of each class; the mean is divided by the sum of those used.
        ignore_index: target that does not count.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.NLLLoss()(tg.tensor([[-0.5, -1.0]]), tg.tensor([0]))
        tensor(0.5000)
    """

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, ignore_index, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """Compute the cross entropy between logits and target classes, softmax included.

    Shape:
        input (N, C) or (N, C, ...) logits, target (N,) or (N, ...) classes, or probabilities of the
        input's shape; a scalar, or the shape of the classes when not reduced.

    Args:
        weight: (C,) weight of each class; the mean is divided by the sum of those used.
        ignore_index: target that does not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target spread evenly over all classes, 0 to 1.

    Raises:
        ArgumentError: for another reduction, or a smoothing outside 0 to 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CrossEntropyLoss()(tg.zeros(1, 2), tg.tensor([0]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"CrossEntropyLoss: label_smoothing must be between 0 and 1, got {label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
