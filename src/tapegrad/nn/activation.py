"""Activations and reshaping as modules."""

from __future__ import annotations

from ..errors import ArgumentError, ShapeError
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.nn import log_softmax, softmax
from ..ops.shape import flatten
from ..ops.smooth import (
    gelu,
    glu,
    logsigmoid,
    mish,
    silu,
    softmin,
    softplus,
    softsign,
    tanhshrink,
)
from ..tensor import Tensor
from .arguments import check_dims, check_numbers
from .module import Module


class ReLU(Module):
    """Apply `max(input, 0)` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReLU()(tg.tensor([-1.0, 2.0]))
        tensor([0., 2.])

    References:
        Nair, Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).
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
        check_dims(self, dim=dim)
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
        check_dims(self, dim=dim)
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


class GELU(Module):
    """Apply `input * ndtr(input)`, with the normal distribution function; any shape.

    Args:
        approximate: "none", or "tanh" for the approximation.

    Raises:
        ArgumentError: for another approximation.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.GELU()(tg.tensor([-1.0, 1.0]))
        tensor([-0.1587,  0.8413])

    References:
        Hendrycks, Gimpel, "Gaussian Error Linear Units (GELUs)" (2016).
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f"GELU: approximate must be 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """Apply `input * sigmoid(input)` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.SiLU()(tg.tensor([-1.0, 1.0]))
        tensor([-0.2689,  0.7311])

    References:
        Elfwing, Uchibe, Doya, "Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning" (2018).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return silu(input, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return "inplace=True" if self.inplace else ""


class Mish(Module):
    """Apply `input * tanh(softplus(input))` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Mish()(tg.tensor([-1.0, 1.0]))
        tensor([-0.3034,  0.8651])

    References:
        Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return mish(input, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return "inplace=True" if self.inplace else ""


class Softplus(Module):
    """Apply `log(1 + exp(beta * input)) / beta` to every element; any shape.

    Args:
        beta: sharpness of the bend.
        threshold: value of `beta * input` above which the input itself is returned.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softplus()(tg.tensor(0.0))
        tensor(0.6931)

    References:
        Dugas, Bengio, Belisle, Nadeau, Garcia, "Incorporating Second-Order Functional Knowledge
        for Better Option Pricing" (2001).
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        check_numbers(self, beta=beta, threshold=threshold)
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"beta={self.beta}, threshold={self.threshold}"


class LogSigmoid(Module):
    """Apply the logarithm of the sigmoid to every element; any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LogSigmoid()(tg.tensor(0.0))
        tensor(-0.6931)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return logsigmoid(input)


class Softsign(Module):
    """Apply `input / (1 + |input|)` to every element; any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softsign()(tg.tensor(3.0))
        tensor(0.7500)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return softsign(input)


class Tanhshrink(Module):
    """Apply `input - tanh(input)` to every element; any shape.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Tanhshrink()(tg.tensor(1.0))
        tensor(0.2384)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return tanhshrink(input)


class GLU(Module):
    """Multiply one half of a dimension by the sigmoid of the other.

    Shape:
        input with an even size along `dim`; the result has half of it.

    Args:
        dim: the dimension that is halved.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.GLU()(tg.tensor([2.0, 4.0, 0.0, 0.0]))
        tensor([1., 2.])

    References:
        Dauphin, Fan, Auli, Grangier, "Language Modeling with Gated Convolutional Networks"
        (2017).
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        check_dims(self, dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return glu(input, self.dim)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"dim={self.dim}"


class Softmin(Module):
    """Apply the softmax of the negative along a dimension; the result has the input's shape.

    Args:
        dim: as for `Softmax`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softmin(0)(tg.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        check_dims(self, dim=dim)
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return softmin(input, _dim(self.dim, input))

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Apply the softmax over the channels at every place.

    Shape:
        input (N, C, H, W) or (C, H, W); the result has the input's shape.

    Raises:
        ShapeError: for another number of dimensions.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softmax2d()(tg.zeros(2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Compute `exp(input) / sum(exp(input))` over the channels."""
        if input.ndim not in (3, 4):
            raise ShapeError(
                f"Softmax2d: input must be (N, C, H, W) or (C, H, W), got {input.shape}"
            )
        return softmax(input, -3)


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
        check_dims(self, start_dim=start_dim, end_dim=end_dim)
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Join the dimensions."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
