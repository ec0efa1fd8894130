"""The bilinear layer."""

from __future__ import annotations

import math
from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..ops.bilinear import bilinear
from ..ops.shape import whole_number
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter


class Bilinear(Module):
    """Map two vectors to one, linear in each: `input1 @ weight[m] @ input2 + bias[m]`.

    Shape:
        input1 (..., D1), input2 (..., D2); result (..., M), with D1 = `in1_features`,
        D2 = `in2_features` and M = `out_features`.

    Attributes:
        weight: (M, D1, D2), at first U(-1/sqrt(D1), 1/sqrt(D1)).
        bias: (M,), at first from the same interval; None without bias.

    Args:
        in1_features, in2_features, out_features: D1, D2 and M.
        bias: whether to add one.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if a number of features is no integer, or D1 is not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Bilinear(2, 3, 4)(tg.ones(5, 2), tg.ones(5, 3)).shape
        (5, 4)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.in1_features = whole_number("Bilinear", "in1_features", in1_features, 1)
        self.in2_features = whole_number("Bilinear", "in2_features", in2_features)
        self.out_features = whole_number("Bilinear", "out_features", out_features)
        shape = out_features, in1_features, in2_features
        self.weight = Parameter(creation.empty(*shape, device=device, dtype=dtype))
        self.bias = None
        if bias:
            self.bias = Parameter(creation.empty(out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from their initial distribution."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Compute the map."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
