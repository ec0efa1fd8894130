"""Cells: one step of a recurrent network, for loops of one's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops.cast import as_operand
from ..ops.recurrent_cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from ..ops.shape import squeeze, unsqueeze, whole_number
from ..tensor import Tensor, wrap
from . import init
from .module import Module
from .parameter import Parameter


class Recurrent(Module):
    """What cells and layers have in common: how their parameters begin."""

    hidden_size: int

    def reset_parameters(self) -> None:
        """Draw all parameters anew from their initial distribution."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)


class RNNCellBase(Recurrent):
    """Base of the cells: weights of a number of gates.

    Attributes:
        weight_ih, weight_hh: (num_chunks H, D) and (num_chunks H, H), at first U(-1/sqrt(H),
            1/sqrt(H)).
        bias_ih, bias_hh: (num_chunks H,), at first from the same interval; None without bias.

    Args:
        input_size, hidden_size: D and H.
        bias: whether there are biases.
        num_chunks: number of gates.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for sizes that are not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.RNNCellBase(2, 3, True, 4).weight_hh.shape
        (12, 3)
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None
    nonlinearity: str = "tanh"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = whole_number(name, "input_size", input_size, 1)
        self.hidden_size = whole_number(name, "hidden_size", hidden_size, 1)
        self.bias = bias
        rows = num_chunks * hidden_size

        def parameter(*shape: int) -> Parameter:
            return Parameter(creation.empty(*shape, device=device, dtype=dtype))

        self.weight_ih = parameter(rows, input_size)
        self.weight_hh = parameter(rows, hidden_size)
        self.bias_ih = parameter(rows) if bias else None
        self.bias_hh = parameter(rows) if bias else None
        self.reset_parameters()

    def _step(self, operation: Any, input: Any, hx: Any, pair: bool = False) -> Any:
        """One step of an operation, for a batch or without one."""
        name = type(self).__name__
        input = as_operand(input, name)
        if input.ndim not in (1, 2):
            raise ShapeError(
                f"{name}: input must be (N, D), or (D,) without a batch, got shape {input.shape}"
            )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input has {input.shape[-1]} features, expected input_size = "
                f"{self.input_size}, got shape {input.shape}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            states = [wrap(np.zeros_like(input.array, shape=shape)) for _ in range(1 + pair)]
        else:
            given = hx if pair else (hx,)
            if not isinstance(given, (tuple, list)) or len(given) != 1 + pair:
                raise ArgumentError(f"{name}: hx must be the pair (h, c), got {type(hx).__name__}")
            states = [as_operand(state, name, "hx") for state in given]
        for key, state in zip(("h", "c"), states, strict=False):
            if state.shape != shape:
                raise ShapeError(
                    f"{name}: state {key} must be {shape} for input of shape {input.shape}, got "
                    f"{state.shape}"
                )
        alone = input.ndim == 1
        if alone:
            input, states = unsqueeze(input, 0), [unsqueeze(state, 0) for state in states]
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        after = operation(input, tuple(states) if pair else states[0], *weights)
        if not alone:
            return after
        return tuple(squeeze(state, 0) for state in after) if pair else squeeze(after, 0)

    def extra_repr(self) -> str:
        """What stands between the parentheses when the cell is printed."""
        shown = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            shown += f", bias={self.bias}"
        if self.nonlinearity != "tanh":
            shown += f", nonlinearity={self.nonlinearity}"
        return shown


class RNNCell(RNNCellBase):
    """Take one step of Elman's network: `h' = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`.

    Shape:
        input (N, D) or (D,), state and result (N, H) or (H,).

    Attributes:
        weight_ih, weight_hh: (H, D) and (H, H).
        bias_ih, bias_hh: (H,), or None.

    Args:
        input_size, hidden_size: D and H.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for sizes that are not positive, or another nonlinearity.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.RNNCell(2, 3)(tg.zeros(4, 2)).shape
        (4, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Compute the state after the step; the one before it is zero by default."""
        operation = rnn_relu_cell if self.nonlinearity == "relu" else rnn_tanh_cell
        return self._step(operation, input, hx)  # type: ignore[no-any-return]


class LSTMCell(RNNCellBase):
    """Take one step of long short-term memory: `c' = f * c + i * g`, `h' = o * tanh(c')`.

    Shape:
        input (N, D) or (D,), both states and results (N, H) or (H,).

    Attributes:
        weight_ih, weight_hh: (4 H, D) and (4 H, H), with the gates in the order i, f, g, o.
        bias_ih, bias_hh: (4 H,), or None.

    Args:
        input_size, hidden_size: D and H.
        bias: whether there are biases.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for sizes that are not positive.

    Example:
        >>> import tapegrad as tg
        >>> h, c = tg.nn.LSTMCell(2, 3)(tg.zeros(4, 2))
        >>> h.shape, c.shape
        ((4, 3), (4, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the states after the step; those before it are zero by default."""
        return self._step(lstm_cell, input, hx, pair=True)  # type: ignore[no-any-return]


class GRUCell(RNNCellBase):
    """Take one step of a gated recurrent unit: `h' = (1 - z) * n + z * h`.

    Shape:
        input (N, D) or (D,), state and result (N, H) or (H,).

    Attributes:
        weight_ih, weight_hh: (3 H, D) and (3 H, H), with the gates in the order r, z, n.
        bias_ih, bias_hh: (3 H,), or None.

    Args:
        input_size, hidden_size: D and H.
        bias: whether there are biases.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for sizes that are not positive.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.GRUCell(2, 3)(tg.zeros(4, 2)).shape
        (4, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Compute the state after the step; the one before it is zero by default."""
        return self._step(gru_cell, input, hx)  # type: ignore[no-any-return]
