"""Affine layers."""

from __future__ import annotations

import math
from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops.dropout import dropout
from ..ops.linalg import linear, matmul
from ..ops.shape import squeeze, unsqueeze, whole_number
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """Give back the input; any arguments are accepted and ignored.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Identity()(tg.tensor(1.0))
        tensor(1.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input itself."""
        return input


class Linear(Module):
    """Apply an affine map to the last dimension: `input @ weight.T + bias`.

    Shape:
        input (..., D) with D = `in_features`; result (..., M) with M = `out_features`.

    Attributes:
        weight: (M, D), at first U(-1/sqrt(D), 1/sqrt(D)).
        bias: (M,), at first from the same interval; None without bias.

    Args:
        in_features, out_features: D and M.
        bias: whether to add one.
        device: where the parameters live, the CPU by default.
        dtype: of the parameters, the default dtype by default.

    Raises:
        ArgumentError: if a number of features is no integer or negative.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.Linear(2, 3)
        >>> layer
        Linear(in_features=2, out_features=3, bias=True)
        >>> layer(tg.zeros(5, 2)).shape
        (5, 3)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.in_features = whole_number("Linear", "in_features", in_features)
        self.out_features = whole_number("Linear", "out_features", out_features)
        self.weight = Parameter(
            creation.empty(out_features, in_features, device=device, dtype=dtype)
        )
        self.bias = (
            Parameter(creation.empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew from their initial distribution."""
        # sqrt(5) makes the bound 1/sqrt(fan_in): PyTorch's choice, older than the cited paper
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            features = self.weight.shape[1]
            bound = 1 / math.sqrt(features) if features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Compute `input @ weight.T + bias`."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class DropConnect(Linear):
    """A `Linear` that drops weights, not outputs: each is zero with probability p in training.

    Value: `input @ (mask * weight / (1 - p)).T + bias` with a mask of zeros and ones that is drawn for every
    call. The other weights are scaled up, so that `eval()`, which drops nothing, has the same mean; the
    paper draws the sums from a normal distribution there. The bias is never dropped.

    Shape:
        input (..., D) with D = `in_features`; result (..., M) with M = `out_features`.

    Attributes:
        weight, bias: those of `Linear`, under the same names.

    Args:
        in_features, out_features: D and M.
        p: probability of a zero.
        bias: whether to add one.
        per_sample: draw a mask for each row of the input, as the paper does, which takes memory for as many
            weights; otherwise all rows share one.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if p is not between 0 and 1, or a number of features is no integer or negative.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.DropConnect(2, 3, p=0.25)
        >>> layer
        DropConnect(in_features=2, out_features=3, bias=True, p=0.25)
        >>> layer(tg.zeros(5, 2)).shape
        (5, 3)

    References:
        Wan, Zeiler, Zhang, LeCun, Fergus, "Regularization of Neural Networks using DropConnect" (2013).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        p: float = 0.5,
        bias: bool = True,
        per_sample: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        if not 0 <= p <= 1:
            raise ArgumentError(f"DropConnect: p must be between 0 and 1, got {p}")
        super().__init__(in_features, out_features, bias, device, dtype)
        self.p = p
        self.per_sample = per_sample

    def forward(self, input: Tensor) -> Tensor:
        """Compute the affine map, in training of some of the weights."""
        if not self.training or self.p == 0:
            return linear(input, self.weight, self.bias)
        if not self.per_sample:
            return linear(input, dropout(self.weight, self.p), self.bias)
        if input.shape[-1:] != (self.in_features,):
            raise ShapeError(
                f"dropconnect: expected last dimension {self.in_features}, got input of shape {input.shape}"
            )
        copies = self.weight.expand(*input.shape[:-1], *self.weight.shape)
        mapped = squeeze(matmul(dropout(copies, self.p), unsqueeze(input, -1)), -1)
        return mapped if self.bias is None else mapped + self.bias

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", per_sample=True" if self.per_sample else ""
        return f"{super().extra_repr()}, p={self.p}{more}"
