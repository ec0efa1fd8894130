"""Margin and ranking losses as modules."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ArgumentError
from ..ops.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..tensor import Tensor
from .arguments import check_numbers
from .distance import PairwiseDistance
from .loss import check_reduction
from .module import Module


class HingeEmbeddingLoss(Module):
    """Compute distances of like pairs, and how much others fall short of a margin.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        margin: how far apart unlike pairs (target -1) should be.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.HingeEmbeddingLoss()(tg.tensor([0.5, 0.25]), tg.tensor([1, -1]))
        tensor(0.6250)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__()
        check_numbers(self, margin=margin)
        self.margin = margin
        self.reduction = check_reduction("HingeEmbeddingLoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return hinge_embedding_loss(input, target, self.margin, self.reduction)


class MarginRankingLoss(Module):
    """Compute by how much pairs of scores miss their order.

    Shape:
        inputs and target of one shape; a scalar, or that shape when not reduced.

    Args:
        margin: by how much they should differ.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.tensor([1.0, 2.0]), tg.tensor([0.0, 4.0])
        >>> tg.nn.MarginRankingLoss()(x, y, tg.tensor([1, 1]))
        tensor(1.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__()
        check_numbers(self, margin=margin)
        self.margin = margin
        self.reduction = check_reduction("MarginRankingLoss", reduction)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class SoftMarginLoss(Module):
    """Compute the logistic loss of scores and signs.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.SoftMarginLoss()(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction("SoftMarginLoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return soft_margin_loss(input, target, self.reduction)


class MultiLabelSoftMarginLoss(Module):
    """Compute logistic losses of labels that may be true at once, averaged over classes.

    Shape:
        input and target (N, C) or (C,); a scalar, or (N,) when not reduced.

    Args:
        weight: (C,), importance of each class.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MultiLabelSoftMarginLoss()(tg.zeros(1, 2), tg.tensor([[1.0, 0.0]]))
        tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = check_reduction("MultiLabelSoftMarginLoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return multilabel_soft_margin_loss(input, target, self.weight, self.reduction)


class MultiMarginLoss(Module):
    """Compute by how much other classes come near the right one.

    Shape:
        input (N, C) or (C,), target (N,) or () of classes; a scalar, or (N,) when not reduced.

    Args:
        p: exponent, 1 or 2.
        margin: by how much the right class should lead.
        weight: (C,), importance of each class.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction or exponent.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.MultiMarginLoss()(tg.tensor([[0.0, 0.5]]), tg.tensor([1]))
        tensor(0.2500)

    References:
        Weston, Watkins, "Support Vector Machines for Multi-Class Pattern Recognition" (1999).
    """

    weight: Tensor | None

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p must be 1 or 2, got {p}")
        check_numbers(self, margin=margin)
        self.p = p
        self.margin = margin
        self.register_buffer("weight", weight)
        self.reduction = check_reduction("MultiMarginLoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return multi_margin_loss(input, target, self.p, self.margin, self.weight, self.reduction)


class MultiLabelMarginLoss(Module):
    """Compute by how much wrong classes come near right ones.

    Shape:
        input and target (N, C) or (C,), the target with the right classes and then -1; a scalar, or
        (N,) when not reduced.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([[0.1, 0.2, 0.4, 0.8]]), tg.tensor([[3, 0, -1, 1]])
        >>> tg.nn.MultiLabelMarginLoss()(x, t)
        tensor(0.8500)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction("MultiLabelMarginLoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return multilabel_margin_loss(input, target, self.reduction)


class CosineEmbeddingLoss(Module):
    """Compute how far like pairs of vectors point apart, and unlike ones together.

    Shape:
        inputs (N, D) or (D,), target (N,) or (); a scalar, or the target's shape when not reduced.

    Args:
        margin: cosine that unlike vectors may have, from -1 to 1.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.tensor([[1.0, 0.0]]), tg.tensor([[0.0, 1.0]])
        >>> tg.nn.CosineEmbeddingLoss()(x, y, tg.tensor([1]))
        tensor(1.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__()
        check_numbers(self, margin=margin)
        self.margin = margin
        self.reduction = check_reduction("CosineEmbeddingLoss", reduction)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


def _check_margin(layer: Module, margin: float) -> None:
    check_numbers(layer, margin=margin)
    if not margin > 0:
        raise ArgumentError(f"{type(layer).__name__}: margin must be positive, got {margin}")


class TripletMarginLoss(Module):
    """Compute by how much anchors are not nearer to their like than to others.

    Shape:
        all (N, D) or (D,); a scalar, or (N,) or () when not reduced.

    Args:
        margin: by how much they should be, positive.
        p: order of the norm.
        eps: added to differences.
        swap: take the distance of positive and negative if it is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction, or a margin that is not positive.

    Example:
        >>> import tapegrad as tg
        >>> a, p, n = tg.tensor([[0.0]]), tg.tensor([[1.0]]), tg.tensor([[1.5]])
        >>> tg.nn.TripletMarginLoss()(a, p, n)
        tensor(0.5000)

    References:
        Balntas, Riba, Ponsa, Mikolajczyk, "Learning local feature descriptors with triplets and
        shallow convolutional neural networks" (2016).
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _check_margin(self, margin)
        check_numbers(self, p=p, eps=eps)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap
        self.reduction = check_reduction("TripletMarginLoss", reduction)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Compute the loss."""
        return triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class TripletMarginWithDistanceLoss(Module):
    """Compute `TripletMarginLoss` with a distance of one's own.

    Shape:
        all of one shape; a scalar, or the shape of the distances when not reduced.

    Args:
        distance_function: the distance; `PairwiseDistance()` by default.
        margin: by how much, positive.
        swap: take the distance of positive and negative if it is smaller.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction, or a margin that is not positive.

    Example:
        >>> import tapegrad as tg
        >>> a, p, n = tg.tensor([[0.0]]), tg.tensor([[1.0]]), tg.tensor([[1.5]])
        >>> loss = tg.nn.TripletMarginWithDistanceLoss(margin=2.0)
        >>> loss(a, p, n)
        tensor(1.5000)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _check_margin(self, margin)
        if distance_function is not None and not callable(distance_function):
            raise ArgumentError(
                "TripletMarginWithDistanceLoss: distance_function must be a function, got "
                f"{distance_function!r}"
            )
        self.distance_function = (
            PairwiseDistance() if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap
        self.reduction = check_reduction("TripletMarginWithDistanceLoss", reduction)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Compute the loss."""
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
