"""Activations and reshaping as modules."""

from __future__ import annotations

from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.nn import log_softmax, softmax
from ..ops.shape import flatten
from ..tensor import Tensor
from .module import Module


class ReLU(Module):
    """Apply `max(input, 0)` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Compute `max(input, 0)`."""
        if self.inplace:
            return input.relu_()  # type: ignore[no-any-return]
        return relu(input)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """Apply `1 / (1 + exp(-input))` to every element; any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Sigmoid()(tg.tensor(0.0))
        tensor(0.5000)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Compute `1 / (1 + exp(-input))`."""
        return sigmoid(input)


class Tanh(Module):
    """Apply the hyperbolic tangent to every element; any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Tanh()(tg.tensor(0.0))
        tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Compute `tanh(input)`."""
        return tanh(input)


class Softmax(Module):
    """Normalise exponentials along a dimension; the result has the input's shape.

    Args:
        dim: dimension along which the results sum to 1; None takes 0 for 0-d, 1-d and 3-d input
            and 1 otherwise, as PyTorch does.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softmax(dim=0)(tg.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Compute `exp(input) / sum(exp(input))`."""
        return softmax(input, _dim(self.dim, input))

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Apply the logarithm of the softmax along a dimension; the result has the input's shape.

    Args:
        dim: as for `Softmax`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LogSoftmax(dim=0)(tg.zeros(2))
        tensor([-0.6931, -0.6931])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Compute `input - log(sum(exp(input)))`."""
        return log_softmax(input, _dim(self.dim, input))

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"dim={self.dim}"


def _dim(dim: int | None, input: Tensor) -> int:
    if dim is None:
        return 0 if input.ndim in (0, 1, 3) else 1
    return dim


class Flatten(Module):
    """Join dimensions `start_dim` to `end_dim` into one; by default all but the batch.

    Args:
        start_dim, end_dim: first and last dimension to join.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Flatten()(tg.zeros(5, 2, 3)).shape
        (5, 6)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Join the dimensions."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
