"""Affine layers."""

from __future__ import annotations

import math
from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError
from ..ops.linalg import linear
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
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
                raise ArgumentError(f"Linear: {name} must be an int of at least 0, got {value!r}")
        self.in_features = in_features
        self.out_features = out_features
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
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
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
