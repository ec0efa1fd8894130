"""The loss of a classifier that holds its last linear map."""

from __future__ import annotations

import math
from typing import Any

from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops.linear_loss import linear_cross_entropy
from ..ops.shape import reshape, sizes, whole_number
from ..tensor import Tensor
from .linear import Linear
from .loss import check_reduction
from .module import Module


class LinearCrossEntropyLoss(Module):
    """Map features to logits and compute the cross entropy with target classes.

    Shape:
        input (N, D) or (D,) with D = `in_features`; target (N, *out_features) or () classes, or probabilities
        (N, C, *out_features); a scalar, or the shape of the classes when not reduced.

    Attributes:
        linear: `Linear` from D to `C * prod(out_features)`.
        weight: as given.

    Args:
        in_features, num_classes: D and C.
        out_features: sizes of the positions that each have a class.
        bias: whether the map adds one.
        device, dtype: of the parameters.
        reduction: "mean", "sum" or "none".
        weight: (C,) weight of each class.
        ignore_index: target that does not count, -100 by default.
        label_smoothing: share of the target spread evenly over all classes, 0 to 1.
        options: must be None.

    Raises:
        ArgumentError: for a wrong size, another reduction, a smoothing outside 0 to 1, or options.
        ShapeError: if weight is not (C,).

    Example:
        >>> import tapegrad as tg
        >>> loss = tg.nn.LinearCrossEntropyLoss(5, 10)
        >>> loss(tg.zeros(2, 5), tg.tensor([3, 9]))
        tensor(2.3026, grad_fn=<CrossEntropyBackward>)
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_classes = whole_number(name, "num_classes", num_classes, 1)
        self.out_features = sizes(name, (tuple(out_features),))
        if weight is not None and weight.shape != (num_classes,):
            raise ShapeError(f"{name}: weight must be {(num_classes,)}, got {weight.shape}")
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"{name}: label_smoothing must be between 0 and 1, got {label_smoothing}"
            )
        if options is not None:
            raise ArgumentError(f"{name}: options must be None; logits are computed as a whole")
        self.register_buffer("weight", weight)
        self.reduction = check_reduction(name, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        count = math.prod(self.out_features, start=num_classes)
        self.linear = Linear(in_features, count, bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compute the loss."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return linear_cross_entropy(
            input,
            reshape(self.linear.weight, *shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else reshape(bias, *shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
