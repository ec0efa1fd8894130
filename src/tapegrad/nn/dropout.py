"""Dropout as modules. Random numbers come from the default generator."""

from __future__ import annotations

from ..errors import ArgumentError
from ..ops.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ..tensor import Tensor
from .module import Module


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Set elements to zero at random in training, and scale the others by `1 / (1 - p)`.

    Shape:
        any; the result has the input's shape.

    Args:
        p: probability of a zero.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Dropout().eval()(tg.ones(2))
        tensor([1., 1.])

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: A Simple Way to
        Prevent Neural Networks from Overfitting" (2014).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Set whole channels to zero at random in training, and scale the others.

    Shape:
        input (N, C, L) or (C, L); the result has the input's shape.

    Args:
        p: probability of a zero.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Dropout1d(1.0)(tg.ones(1, 2))
        tensor([[0., 0.]])

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient Object Localization Using
        Convolutional Networks" (2015).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Set whole channels to zero at random in training, and scale the others.

    Shape:
        input (N, C, H, W), or (N, C, L); the result has the input's shape.

    Args:
        p: probability of a zero.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Dropout2d(1.0)(tg.ones(1, 1, 2))
        tensor([[[0., 0.]]])

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient Object Localization Using
        Convolutional Networks" (2015).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Set whole channels to zero at random in training, and scale the others.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W); the result has the input's shape.

    Args:
        p: probability of a zero.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Dropout3d(1.0)(tg.ones(1, 1, 1, 2))
        tensor([[[[0., 0.]]]])

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient Object Localization Using
        Convolutional Networks" (2015).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Set elements to the lower limit of `SELU` at random, keeping mean 0 and variance 1.

    Shape:
        any; the result has the input's shape.

    Args:
        p: probability of the limit.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.AlphaDropout().eval()(tg.ones(2))
        tensor([1., 1.])

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter, "Self-Normalizing Neural Networks" (2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """Set whole channels to the lower limit of `SELU` at random.

    Shape:
        input (N, C, ...); the result has the input's shape.

    Args:
        p: probability of the limit.
        inplace: overwrite the input.

    Raises:
        ArgumentError: if p is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.FeatureAlphaDropout().eval()(tg.ones(1, 2))
        tensor([[1., 1.]])

    References:
        Klambauer, Unterthiner, Mayr, Hochreiter, "Self-Normalizing Neural Networks" (2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop in training, give back the input otherwise."""
        return feature_alpha_dropout(input, self.p, self.training, self.inplace)
