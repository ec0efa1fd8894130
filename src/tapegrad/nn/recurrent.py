"""Recurrent layers: networks over whole sequences, and cells that take one step."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops.cast import as_operand
from ..ops.gather import index_select
from ..ops.recurrent import batch_sizes_of, network, stacked
from ..ops.recurrent_layers import GRU as GRU_KIND
from ..ops.recurrent_layers import LSTM as LSTM_KIND
from ..ops.recurrent_layers import RNN_RELU, RNN_TANH
from ..ops.shape import squeeze, unsqueeze, whole_number
from ..tensor import Tensor, wrap
from .parameter import Parameter
from .recurrent_cells import Recurrent
from .utils.rnn import PackedSequence

KINDS = {"LSTM": LSTM_KIND, "GRU": GRU_KIND, "RNN_TANH": RNN_TANH, "RNN_RELU": RNN_RELU}


class RNNBase(Recurrent):
    """Base of the recurrent networks: their parameters and how sequences reach them.

    Attributes:
        weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k}, weight_hr_l{k}: of layer k,
            those of the direction back through time with `_reverse` behind; all at first
            U(-1/sqrt(H), 1/sqrt(H)).
        all_weights: all of them, in a list for each layer and direction.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size, hidden_size: D and H.
        num_layers: number of layers; all but the first take the outputs of the one below.
        bias: whether there are biases.
        batch_first: whether the batch is the first dimension of inputs and outputs (not of states).
        dropout: chance for outputs between layers to be set to zero in training.
        bidirectional: whether half of each layer runs back through time.
        proj_size: features P of the outputs of an LSTM with projection; 0 for none.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for sizes that are not positive, another mode, or a chance outside of [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.RNNBase("GRU", 2, 3).weight_ih_l0.shape
        (9, 2)
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in KINDS:
            raise ArgumentError(f"{name}: mode must be one of {', '.join(KINDS)}, got {mode!r}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)):
            raise ArgumentError(f"{name}: dropout must be a number, got {dropout!r}")
        if not 0 <= dropout <= 1:
            raise ArgumentError(f"{name}: dropout must be between 0 and 1, got {dropout}")
        for option, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise ArgumentError(f"{name}: {option} must be True or False, got {value!r}")
        self.mode = mode
        self.input_size = whole_number(name, "input_size", input_size, 1)
        self.hidden_size = whole_number(name, "hidden_size", hidden_size, 1)
        self.num_layers = whole_number(name, "num_layers", num_layers, 1)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        self.proj_size = whole_number(name, "proj_size", proj_size)
        if proj_size and mode != "LSTM":
            raise ArgumentError(f"{name}: proj_size is for an LSTM only, got {proj_size}")
        if proj_size >= hidden_size:
            raise ArgumentError(
                f"{name}: proj_size must be less than hidden_size ({hidden_size}), got {proj_size}"
            )
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} stands between layers, and there is one only; without "
                "effect",
                stacklevel=2 if type(self) is RNNBase else 3,
            )
        self._all_weights: list[list[str]] = []
        rows, width = KINDS[mode].gates * hidden_size, proj_size or hidden_size
        directions = 2 if self.bidirectional else 1
        for layer in range(num_layers):
            features = input_size if layer == 0 else directions * width
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (rows, features), "weight_hh": (rows, width),
            }  # fmt: skip
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in (f"l{layer}", f"l{layer}_reverse")[:directions]:
                for key, shape in shapes.items():
                    made = Parameter(creation.empty(*shape, device=device, dtype=dtype))
                    setattr(self, f"{key}_{suffix}", made)
                self._all_weights.append([f"{key}_{suffix}" for key in shapes])
        self.reset_parameters()

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, in a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Do nothing: here parameters need not be neighbours in memory, as cuDNN has them."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run the layers over sequences.

        Args:
            input: (T, N, D), (N, T, D) with `batch_first`, (T, D) without a batch, or packed
                sequences.
            hx: initial state, zeros by default; of an LSTM the pair of them.

        Returns:
            The outputs in the form of the input, and the final state, or the pair of them.
        """
        kind, name = KINDS[self.mode], type(self).__name__
        packed = isinstance(input, PackedSequence)
        data = input.data if packed else as_operand(input, name)
        if not packed and data.ndim not in (2, 3):
            raise ShapeError(
                f"{name}: input must be (T, N, D), or (T, D) without a batch, got shape {data.shape}"
            )
        if data.ndim and data.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input has {data.shape[-1]} features, expected input_size = {self.input_size}, "
                f"got shape {data.shape}"
            )
        weights = [weight for weights in self.all_weights for weight in weights]
        options = self.bias, self.num_layers, self.dropout, self.training, self.bidirectional
        if packed:
            sizes = batch_sizes_of(name, input.batch_sizes, data)
            states = self._states(hx, data, sizes[0], 3)
            order, back = input.sorted_indices, input.unsorted_indices
            if hx is not None and order is not None:
                states = [index_select(state, 1, order) for state in states]
            out, finals = stacked(kind, data, sizes, states, weights, *options)
            if back is not None:
                finals = [index_select(state, 1, back) for state in finals]
            return PackedSequence(out, input.batch_sizes, order, back), self._given_back(finals)
        alone = data.ndim == 2
        place = 0 if self.batch_first else 1
        batch = 1 if alone else data.shape[place]
        states = self._states(hx, data, batch, data.ndim)
        if alone:
            data = unsqueeze(data, place)
        hx = states if kind.states == 2 else states[0]
        out, *finals = network(kind, data, hx, weights, *options, self.batch_first)
        if alone:
            out, finals = squeeze(out, place), [squeeze(state, 1) for state in finals]
        return out, self._given_back(finals)

    def _states(self, hx: Any, data: Tensor, batch: int, ndim: int) -> list[Tensor]:
        """Initial states, (layers * directions, N, features) each, checked."""
        name = type(self).__name__
        wanted = KINDS[self.mode].states
        count = self.num_layers * (2 if self.bidirectional else 1)
        widths = (self.proj_size or self.hidden_size, self.hidden_size)[:wanted]
        if hx is None:
            return [wrap(np.zeros_like(data.array, shape=(count, batch, n))) for n in widths]
        given = hx if wanted == 2 else (hx,)
        if not isinstance(given, (tuple, list)) or len(given) != wanted:
            raise ArgumentError(
                f"{name}: hx must be the pair (h_0, c_0), got {type(hx).__name__}"
                + (f" of {len(given)}" if isinstance(given, (tuple, list)) else "")
            )
        states = []
        for key, state, width in zip(("h_0", "c_0"), given, widths, strict=False):
            state = as_operand(state, name, key)
            shape = (count, batch, width) if ndim == 3 else (count, width)
            if state.shape != shape:
                raise ShapeError(
                    f"{name}: {key} must be {shape} for input of shape {data.shape}, got {state.shape}"
                )
            states.append(state if ndim == 3 else unsqueeze(state, 1))
        return states

    def _given_back(self, finals: list[Tensor]) -> Any:
        return tuple(finals) if len(finals) == 2 else finals[0]

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        shown = f"{self.input_size}, {self.hidden_size}"
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False,
        }  # fmt: skip
        for option, default in usual.items():
            if getattr(self, option) != default:
                shown += f", {option}={getattr(self, option)}"
        return shown


class RNN(RNNBase):
    """Run Elman's network over sequences: `h = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`.

    Shape:
        input (T, N, D), (N, T, D) with `batch_first`, (T, D) without a batch, or packed; state
        (L K, N, H) or (L K, H), with L layers and K directions; outputs like the input with K H
        features.

    Attributes:
        weight_ih_l{k}, weight_hh_l{k}: (H, D or K H) and (H, H) of layer k.
        bias_ih_l{k}, bias_hh_l{k}: (H,) each.

    Args:
        input_size, hidden_size: D and H.
        num_layers: L.
        nonlinearity: "tanh" or "relu".
        bias, batch_first, dropout, bidirectional, device, dtype: as for `RNNBase`.

    Raises:
        ArgumentError: for sizes that are not positive, another nonlinearity, or a chance outside of
            [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> out, h = tg.nn.RNN(2, 3, num_layers=2)(tg.zeros(5, 4, 2))
        >>> out.shape, h.shape
        ((5, 4, 3), (2, 4, 3))

    References:
        Elman, "Finding Structure in Time", Cognitive Science 14 (1990).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """Run layers of long short-term memory over sequences.

    With `a = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh` for each gate, `i, f, o = sigmoid(a)` and
    `g = tanh(a)`: `c = f * c + i * g` and `h = o * tanh(c)`, or `h = (o * tanh(c)) @ w_hr.T`.

    Shape:
        input (T, N, D), (N, T, D) with `batch_first`, (T, D) without a batch, or packed; states
        (L K, N, P) and (L K, N, H), or without N, with L layers, K directions and P = H without
        projection; outputs like the input with K P features.

    Attributes:
        weight_ih_l{k}, weight_hh_l{k}: (4 H, D or K P) and (4 H, P) of layer k; gates in the order
            i, f, g, o.
        bias_ih_l{k}, bias_hh_l{k}: (4 H,) each.
        weight_hr_l{k}: the projection, (P, H).

    Args:
        input_size, hidden_size: D and H.
        num_layers: L.
        bias, batch_first, dropout, bidirectional, proj_size, device, dtype: as for `RNNBase`.

    Raises:
        ArgumentError: for sizes that are not positive, P not below H, or a chance outside of
            [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> out, (h, c) = tg.nn.LSTM(2, 3, bidirectional=True)(tg.zeros(5, 4, 2))
        >>> out.shape, h.shape
        ((5, 4, 6), (2, 4, 3))

    References:
        Hochreiter, Schmidhuber, "Long Short-Term Memory" (1997); Gers, Schmidhuber, Cummins,
        "Learning to Forget" (2000).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Run layers of gated recurrent units over sequences.

    `r, z = sigmoid(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`,
    `n = tanh(x @ w_in.T + b_in + r * (h @ w_hn.T + b_hn))`, `h = (1 - z) * n + z * h`.

    Shape:
        input (T, N, D), (N, T, D) with `batch_first`, (T, D) without a batch, or packed; state
        (L K, N, H) or (L K, H), with L layers and K directions; outputs like the input with K H
        features.

    Attributes:
        weight_ih_l{k}, weight_hh_l{k}: (3 H, D or K H) and (3 H, H) of layer k; gates in the order
            r, z, n.
        bias_ih_l{k}, bias_hh_l{k}: (3 H,) each.

    Args:
        input_size, hidden_size: D and H.
        num_layers: L.
        bias, batch_first, dropout, bidirectional, device, dtype: as for `RNNBase`.

    Raises:
        ArgumentError: for sizes that are not positive, or a chance outside of [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> out, h = tg.nn.GRU(2, 3, batch_first=True)(tg.zeros(4, 5, 2))
        >>> out.shape, h.shape
        ((4, 5, 3), (1, 4, 3))

    References:
        Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
        Machine Translation" (2014), with the reset gate behind the product, as in PyTorch.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
