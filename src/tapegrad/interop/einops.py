"""einops on tensors: `rearrange`, `reduce`, `repeat`, `einsum`, `pack`, `unpack`, and its layers.

Loading this file tells einops what tensors are. It is loaded with tapegrad where einops was loaded before;
otherwise by `import tapegrad.interop.einops`.

Example:
    >>> import tapegrad as tg, tapegrad.interop.einops
    >>> from einops import rearrange
    >>> rearrange(tg.zeros(2, 3, 4), "b h w -> b (h w)").shape
    (2, 12)
"""

from __future__ import annotations

import sys
from typing import Any

from einops._backends import AbstractBackend
from einops.layers import RearrangeMixin, ReduceMixin
from einops.layers._einmix import _EinmixMixin

from .. import creation, patterns
from ..nn import init
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..ops.einsum import einsum
from ..ops.repeating import repeat
from ..ops.shape import cat, expand, permute, stack, unsqueeze
from ..tensor import Tensor, to_host

__all__ = ["EinMix", "Rearrange", "Reduce"]


class TapegradBackend(AbstractBackend):
    """What einops does with tensors; it finds this class among the subclasses of its own."""

    framework_name = "tapegrad"

    def is_appropriate_type(self, tensor: Any) -> bool:
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: Any) -> Tensor:
        made = creation.from_numpy(x)
        return made.requires_grad_() if self.is_float_type(made) else made

    def to_numpy(self, x: Tensor) -> Any:
        return to_host(x)

    def arange(self, start: int, stop: int) -> Tensor:
        return patterns.arange(start, stop)

    def reduce(self, x: Tensor, operation: str, reduced_axes: Any) -> Tensor:
        axes = tuple(reduced_axes)
        if operation in ("min", "max"):
            return getattr(x, f"a{operation}")(axes)
        if operation == "prod":  # one dimension at a time
            for axis in sorted(axes, reverse=True):
                x = x.prod(axis)
            return x
        return getattr(x, operation)(axes)

    def transpose(self, x: Tensor, axes: Any) -> Tensor:
        return permute(x, tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        return stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        return unsqueeze(x, new_position)

    def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
        sizes = [-1] * n_axes
        for position, length in pos2len.items():
            x = unsqueeze(x, position)
            sizes[position] = length
        return expand(x, sizes)

    def tile(self, x: Tensor, repeats: Any) -> Tensor:
        return repeat(x, tuple(repeats))

    def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
        return cat(tensors, axis)

    def is_float_type(self, x: Tensor) -> bool:
        return bool(x.is_floating_point())

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        return einsum(pattern, *x)

    def layers(self) -> Any:
        return sys.modules[__name__]


class Rearrange(RearrangeMixin, Module):
    """`einops.rearrange` as a layer.

    Args:
        pattern, axes_lengths: as for `einops.rearrange`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.interop.einops import Rearrange
        >>> tg.nn.Sequential(Rearrange("b (h w) -> b h w", h=2), tg.nn.ReLU())(tg.zeros(3, 8)).shape
        (3, 2, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Rearrange the dimensions."""
        return self._apply_recipe(input)


class Reduce(ReduceMixin, Module):
    """`einops.reduce` as a layer.

    Args:
        pattern, reduction, axes_lengths: as for `einops.reduce`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.interop.einops import Reduce
        >>> Reduce("b c (h 2) (w 2) -> b c h w", "max")(tg.zeros(1, 3, 4, 4)).shape
        (1, 3, 2, 2)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Reduce over the dimensions that are left out."""
        return self._apply_recipe(input)


class EinMix(_EinmixMixin, Module):
    """A linear layer between any dimensions, written as a sum of products.

    Attributes:
        weight: the axes of `weight_shape`, at first uniform, with the variance that keeps that of the input.
        bias: the axes of `bias_shape`, or None.

    Args:
        pattern: dimensions of the input and of the result.
        weight_shape: axes of the weight.
        bias_shape: axes of the bias; none by default.
        axes_lengths: sizes of the axes of both.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.interop.einops import EinMix
        >>> EinMix("t b c -> t b d", weight_shape="c d", c=3, d=5)(tg.zeros(2, 1, 3)).shape
        (2, 1, 5)
    """

    def _create_parameters(
        self, weight_shape: Any, weight_bound: float, bias_shape: Any, bias_bound: float
    ) -> None:
        self.weight = Parameter(creation.empty(tuple(weight_shape)))
        init.uniform_(self.weight, -weight_bound, weight_bound)
        self.bias = None
        if bias_shape is not None:
            self.bias = Parameter(creation.empty(tuple(bias_shape)))
            init.uniform_(self.bias, -bias_bound, bias_bound)

    def _create_rearrange_layers(
        self,
        pre_reshape_pattern: str | None,
        pre_reshape_lengths: dict[str, int] | None,
        post_reshape_pattern: str | None,
        post_reshape_lengths: dict[str, int] | None,
    ) -> None:
        self.pre_rearrange = self.post_rearrange = None
        if pre_reshape_pattern is not None:
            self.pre_rearrange = Rearrange(pre_reshape_pattern, **(pre_reshape_lengths or {}))
        if post_reshape_pattern is not None:
            self.post_rearrange = Rearrange(post_reshape_pattern, **(post_reshape_lengths or {}))

    def forward(self, input: Tensor) -> Tensor:
        """Compute the sums of products."""
        if self.pre_rearrange is not None:
            input = self.pre_rearrange(input)
        out = einsum(self.einsum_pattern, input, self.weight)
        if self.bias is not None:
            out = out + self.bias
        return out if self.post_rearrange is None else self.post_rearrange(out)
