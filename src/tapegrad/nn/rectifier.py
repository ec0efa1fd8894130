"""Activations made of straight pieces, and exponential linear units, as modules."""

from __future__ import annotations

from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError
from ..ops.activation import (
    celu,
    elu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    selu,
    softshrink,
    threshold,
)
from ..ops.dropout import rrelu
from ..tensor import Tensor
from .arguments import check_numbers
from .module import Module
from .parameter import Parameter


class ReLU6(Module):
    """Limit every element to the range 0 to 6; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ReLU6()(tg.tensor([-1.0, 8.0]))
        tensor([0., 6.])

    References:
        Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return relu6(input, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """Apply `input` where positive, else `negative_slope * input`; any shape.

    Args:
        negative_slope: slope on the negative side.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.LeakyReLU(0.5)(tg.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])

    References:
        Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models"
        (2013).
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        check_numbers(self, negative_slope=negative_slope)
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"negative_slope={self.negative_slope}{more}"


class PReLU(Module):
    """Apply `input` where positive, else `weight * input`, with learned slopes.

    Attributes:
        weight: (C,) or (1,).

    Shape:
        input (N, C, ...), or any for one slope; the result has the input's shape.

    Args:
        num_parameters: 1, or C for a slope for each channel.
        init: the slopes at first.
        device: where the slopes live, the CPU by default.
        dtype: of the slopes, the default dtype by default.

    Raises:
        ArgumentError: for a number of slopes that is not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.PReLU()(tg.tensor([-1.0, 2.0]))
        tensor([-0.2500,  2.0000], grad_fn=<PreluBackward>)

    References:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers" (2015).
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        if isinstance(num_parameters, bool) or not hasattr(num_parameters, "__index__"):
            raise ArgumentError(f"PReLU: num_parameters must be an int, got {num_parameters!r}")
        if num_parameters < 1:
            raise ArgumentError(f"PReLU: num_parameters must be positive, got {num_parameters}")
        check_numbers(self, init=init)
        self.weight = Parameter(
            creation.full((num_parameters,), float(init), device=device, dtype=dtype)
        )
        self.num_parameters = num_parameters
        self.init = init

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return prelu(input, self.weight)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """Apply a leaky rectified linear unit, with random slopes in training; any shape.

    Args:
        lower: smallest slope.
        upper: largest slope; without training the slope is in the middle.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if lower exceeds upper.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.RReLU(0.25, 0.75).eval()(tg.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])

    References:
        Xu, Wang, Chen, Li, "Empirical Evaluation of Rectified Activations in Convolutional
        Network" (2015).
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        check_numbers(self, lower=lower, upper=upper)
        if not lower <= upper:
            raise ArgumentError(f"RReLU: lower must not exceed upper, got {lower} and {upper}")
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"lower={self.lower}, upper={self.upper}{more}"


class ELU(Module):
    """Apply `input` where positive, else `alpha * (exp(input) - 1)`; any shape.

    Args:
        alpha: limit, with the sign changed, on the negative side.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.ELU()(tg.tensor([-1000.0, 2.0]))
        tensor([-1.,  2.])

    References:
        Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by
        Exponential Linear Units (ELUs)" (2016).
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check_numbers(self, alpha=alpha)
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"alpha={self.alpha}{more}"


class SELU(Module):
    """Apply the self-normalising exponential linear unit; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.SELU()(tg.tensor([-1000.0, 0.0]))
        tensor([-1.7581,  0.0000])

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter, "Self-Normalizing Neural Networks" (2017).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return selu(input, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return "inplace=True" if self.inplace else ""


class CELU(Module):
    """Apply `input` where positive, else `alpha * (exp(input / alpha) - 1)`; any shape.

    Args:
        alpha: limit, with the sign changed, on the negative side; not 0.
        inplace: overwrite the input.

    Raises:
        ArgumentError: for an alpha of 0.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.CELU(0.5)(tg.tensor([-1000.0, 2.0]))
        tensor([-0.5000,  2.0000])

    References:
        Barron, "Continuously Differentiable Exponential Linear Units" (2017).
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check_numbers(self, alpha=alpha)
        if alpha == 0:
            raise ArgumentError("CELU: alpha must not be zero")
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"alpha={self.alpha}{more}"


class Hardtanh(Module):
    """Limit every element to an interval; any shape.

    Args:
        min_val: lower end.
        max_val: upper end.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if the ends are in the wrong order.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Hardtanh()(tg.tensor([-2.0, 2.0]))
        tensor([-1.,  1.])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check_numbers(self, min_val=min_val, max_val=max_val)
        if not min_val < max_val:
            raise ArgumentError(
                f"Hardtanh: min_val must be below max_val, got {min_val} and {max_val}"
            )
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"min_val={self.min_val}, max_val={self.max_val}{more}"


class Hardsigmoid(Module):
    """Apply `min(max(input + 3, 0), 6) / 6` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Hardsigmoid()(tg.tensor([-4.0, 0.0]))
        tensor([0.0000, 0.5000])

    References:
        Howard et al., "Searching for MobileNetV3" (2019).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return hardsigmoid(input, self.inplace)


class Hardswish(Module):
    """Apply `input * min(max(input + 3, 0), 6) / 6` to every element; any shape.

    Args:
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Hardswish()(tg.tensor([1.0, 4.0]))
        tensor([0.6667, 4.0000])

    References:
        Howard et al., "Searching for MobileNetV3" (2019).
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return hardswish(input, self.inplace)


class Hardshrink(Module):
    """Set every element between `-lambd` and `lambd` to zero; any shape.

    Args:
        lambd: half the width of what becomes zero.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Hardshrink()(tg.tensor([-1.0, 0.3]))
        tensor([-1.,  0.])

    References:
        Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994).
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        check_numbers(self, lambd=lambd)
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"{self.lambd}"


class Softshrink(Module):
    """Move every element towards zero by `lambd`, small ones all the way; any shape.

    Args:
        lambd: how far.

    Raises:
        ArgumentError: for a negative one.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Softshrink()(tg.tensor([-1.0, 0.3]))
        tensor([-0.5000,  0.0000])

    References:
        Donoho, Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994).
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        check_numbers(self, lambd=lambd)
        if not lambd >= 0:
            raise ArgumentError(f"Softshrink: lambd must not be negative, got {lambd}")
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"{self.lambd}"


class Threshold(Module):
    """Replace every element that does not exceed a threshold; any shape.

    Args:
        threshold: the threshold.
        value: what stands for the rest.
        inplace: overwrite the input.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Threshold(1.0, -1.0)(tg.tensor([0.5, 1.5]))
        tensor([-1.0000,  1.5000])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        check_numbers(self, threshold=threshold, value=value)
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        return threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        more = ", inplace=True" if self.inplace else ""
        return f"threshold={self.threshold}, value={self.value}{more}"
