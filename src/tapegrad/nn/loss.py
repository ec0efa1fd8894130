"""Losses as modules."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..ops.ctc import ctc_loss
from ..ops.distance import huber_loss, l1_loss, smooth_l1_loss
from ..ops.entropy import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    kl_div,
    poisson_nll_loss,
)
from ..ops.loss import cross_entropy, mse_loss, nll_loss
from ..ops.shape import whole_number
from ..tensor import Tensor
from .arguments import check_dims, check_numbers
from .module import Module

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(name: str, reduction: str, known: tuple[str, ...] = REDUCTIONS) -> str:
    """The reduction, if it is one of those that are known; ArgumentError otherwise."""
    if reduction not in known:
        *most, last = map(repr, known)
        raise ArgumentError(
            f"{name}: reduction must be {', '.join(most)} or {last}, got {reduction!r}"
        )
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
        self.reduction = check_reduction("MSELoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return mse_loss(input, target, reduction=self.reduction)


class _WeightedLoss(Module):
    weight: Tensor | None

    def __init__(self, weight: Tensor | None, ignore_index: int, reduction: str) -> None:
        super().__init__()
        check_dims(self, ignore_index=ignore_index)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = check_reduction(type(self).__name__, reduction)


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

    References:
        for `label_smoothing` Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the
        Inception Architecture for Computer Vision" (2016), section 7.
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


class L1Loss(Module):
    """Compute the absolute difference and reduce it.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([0.0, 3.0]), tg.tensor([1.0, 0.0])
        >>> tg.nn.L1Loss()(x, t)
        tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction("L1Loss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return l1_loss(input, target, self.reduction)


class HuberLoss(Module):
    """Compute squared errors where small, absolute errors where large, and reduce them.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the straight line begins, positive.

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([0.0, 3.0]), tg.tensor([1.0, 0.0])
        >>> tg.nn.HuberLoss()(x, t)
        tensor(1.5000)

    References:
        Huber, "Robust Estimation of a Location Parameter" (1964).
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__()
        self.reduction = check_reduction("HuberLoss", reduction)
        check_numbers(self, delta=delta)
        if not delta > 0:
            raise ArgumentError(f"HuberLoss: delta must be positive, got {delta}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(Module):
    """Compute absolute errors whose corner is rounded off, and reduce them.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "mean", "sum" or "none".
        beta: where the straight line begins; 0 for `L1Loss`.

    Raises:
        ArgumentError: for another reduction, or a negative beta.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([0.0, 3.0]), tg.tensor([1.0, 0.0])
        >>> tg.nn.SmoothL1Loss(beta=2.0)(x, t)
        tensor(1.1250)

    References:
        Girshick, "Fast R-CNN" (2015), section 2.3.
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__()
        self.reduction = check_reduction("SmoothL1Loss", reduction)
        check_numbers(self, beta=beta)
        if not beta >= 0:
            raise ArgumentError(f"SmoothL1Loss: beta must not be negative, got {beta}")
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return smooth_l1_loss(input, target, self.reduction, self.beta)


class BCELoss(Module):
    """Compute the cross entropy of probabilities, and reduce it.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        weight: of a shape that broadcasts to the input's.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.BCELoss()(tg.tensor([0.5]), tg.tensor([1.0]))
        tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = check_reduction("BCELoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Module):
    """Compute the cross entropy of logits, the sigmoid included, and reduce it.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        weight: of a shape that broadcasts to the input's.
        reduction: "mean", "sum" or "none".
        pos_weight: weight of the positive answer, usually (C,).

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = check_reduction("BCEWithLogitsLoss", reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )


class KLDivLoss(Module):
    """Compute the divergence of log-probabilities from a target distribution, and reduce it.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        reduction: "batchmean" for the divergence as defined, "mean", "sum" or "none".
        log_target: whether the target is given by its logarithms.

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([[-0.5, -1.0]]), tg.tensor([[1.0, 0.0]])
        >>> tg.nn.KLDivLoss("batchmean")(x, t)
        tensor(0.5000)

    References:
        Kullback, Leibler, "On Information and Sufficiency" (1951).
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__()
        self.reduction = check_reduction(
            "KLDivLoss", reduction, ("mean", "sum", "none", "batchmean")
        )
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return kl_div(input, target, self.reduction, self.log_target)


class PoissonNLLLoss(Module):
    """Compute the negative log-likelihood of counts from Poisson distributions.

    Shape:
        input and target of one shape; a scalar, or that shape when not reduced.

    Args:
        log_input: whether the input holds logarithms of the rates.
        full: add Stirling's approximation of the constant.
        eps: keeps the logarithm of a rate finite.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.PoissonNLLLoss()(tg.tensor([0.0]), tg.tensor([2.0]))
        tensor(1.)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = check_reduction("PoissonNLLLoss", reduction)
        check_numbers(self, eps=eps)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        return poisson_nll_loss(input, target, self.log_input, self.full, self.eps, self.reduction)


class GaussianNLLLoss(Module):
    """Compute the negative log-likelihood of numbers from normal distributions.

    Shape:
        input and target of one shape; var of that shape, or with size 1 in one dimension, or without
        the last; a scalar, or that shape when not reduced.

    Args:
        full: add the constant.
        eps: smallest variance, positive.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x, t = tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0])
        >>> tg.nn.GaussianNLLLoss()(x, t, tg.ones(2))
        tensor(1.)

    References:
        Nix, Weigend, "Estimating the mean and variance of the target probability distribution"
        (1994).
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__()
        self.full = full
        self.eps = eps
        self.reduction = check_reduction("GaussianNLLLoss", reduction)
        check_numbers(self, eps=eps)
        if not eps > 0:
            raise ArgumentError(f"GaussianNLLLoss: eps must be positive, got {eps}")

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Compute the loss."""
        return gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class CTCLoss(Module):
    """Compute the negative log-likelihood of label sequences over all their alignments.

    Shape:
        log_probs (T, N, C) or (T, C); targets (N, S), joined, or (S,); lengths (N,) or (); a scalar, or
        (N,) or () when not reduced.

    Args:
        blank: class of the blank.
        reduction: "mean", "sum" or "none".
        zero_infinity: take losses for 0 where the input is too short for the labels.

    Raises:
        ArgumentError: for another reduction.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.log(tg.full((2, 1, 2), 0.5))
        >>> tg.nn.CTCLoss()(x, tg.tensor([[1]]), (2,), (1,))
        tensor(0.2877)

    References:
        Graves, Fernandez, Gomez, Schmidhuber, "Connectionist Temporal Classification" (2006).
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__()
        self.blank = whole_number("CTCLoss", "blank", blank)
        self.reduction = check_reduction("CTCLoss", reduction)
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """Compute the loss."""
        return ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
