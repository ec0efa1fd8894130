"""The layers that Transformers are stacks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._typing import DTypeLike
from ..errors import ArgumentError
from ..ops.elementwise import relu
from ..ops.smooth import gelu
from ..tensor import Tensor
from .attention import MultiheadAttention
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalisation import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


def _function(op: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    if callable(activation):
        return activation
    known = {"relu": relu, "gelu": gelu}
    if activation not in known:
        raise ArgumentError(
            f"{op}: activation must be 'relu', 'gelu' or a function, got {activation!r}"
        )
    return known[activation]  # type: ignore[return-value]


def _attended(
    attention: Any, x: Tensor, memory: Tensor, mask: Any, padding: Any, is_causal: bool
) -> Any:
    """What attention answers for every position of `x`, without its weights."""
    return attention(x, memory, memory, padding, False, mask, is_causal=is_causal)[0]


class TransformerEncoderLayer(Module):
    """Let a sequence attend to itself, then map each position by two linear layers.

    Value, with the residual connections normalised behind (or, with `norm_first`, the inputs of both parts):
    `x = norm1(src + dropout1(self_attn(src)))`,
    `norm2(x + dropout2(linear2(dropout(activation(linear1(x))))))`.

    Shape:
        src (S, N, E), or (N, S, E) with `batch_first`, or (S, E); result the same. E = `d_model`.

    Attributes:
        self_attn: `MultiheadAttention`.
        linear1, linear2: `Linear` from E to F = `dim_feedforward`, and back.
        norm1, norm2: `LayerNorm`.
        dropout, dropout1, dropout2: `Dropout`.

    Args:
        d_model: E.
        nhead: heads, a divisor of E.
        dim_feedforward: F.
        dropout: chance to be set to zero, of attention weights and of what the parts compute.
        activation: `"relu"`, `"gelu"`, or a function, which may be a module.
        layer_norm_eps: `eps` of the normalisations.
        batch_first: whether the batch is the first dimension.
        norm_first: whether to normalise before each part and not behind it.
        bias: whether linear layers and normalisations add one.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if E is not a positive multiple of the number of heads, or for an unknown activation.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
        >>> mask = tg.nn.Transformer.generate_square_subsequent_mask(5)
        >>> layer(tg.ones(3, 5, 8), mask, is_causal=True).shape
        (3, 5, 8)

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.1; for `norm_first` Xiong et al., "On
        Layer Normalization in the Transformer Architecture" (2020).
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _function("TransformerEncoderLayer", activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Compute the result.

        Args:
            src: the sequence.
            src_mask: (S, S) or (N * heads, S, S); bools, True for what is not seen, or numbers added to the
                scores.
            src_key_padding_mask: (N, S), or (S,); bools, True for positions that none sees, or numbers.
            is_causal: says that `src_mask` is the causal one.
        """
        masks = src_mask, src_key_padding_mask, is_causal
        x = src
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *masks)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attend(x, *masks))
        return self.norm2(x + self._feed_forward(x))  # type: ignore[no-any-return]

    def _attend(self, x: Tensor, *masks: Any) -> Tensor:
        return self.dropout1(_attended(self.self_attn, x, x, *masks))  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))  # type: ignore[no-any-return]


class TransformerDecoderLayer(Module):
    """Let a sequence attend to itself and to what an encoder made of another, then map each position.

    Value, with the residual connections normalised behind (or, with `norm_first`, the inputs of the parts):
    `x = norm1(tgt + dropout1(self_attn(tgt)))`, `y = norm2(x + dropout2(multihead_attn(x, memory)))`,
    `norm3(y + dropout3(linear2(dropout(activation(linear1(y))))))`.

    Shape:
        tgt (T, N, E) and memory (S, N, E), or with `batch_first` the batch N first, or without N; result
        shaped as tgt. E = `d_model`.

    Attributes:
        self_attn, multihead_attn: `MultiheadAttention`.
        linear1, linear2: `Linear` from E to F = `dim_feedforward`, and back.
        norm1, norm2, norm3: `LayerNorm`.
        dropout, dropout1, dropout2, dropout3: `Dropout`.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias,
            device, dtype: as for `TransformerEncoderLayer`.

    Raises:
        ArgumentError: if E is not a positive multiple of the number of heads, or for an unknown activation.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16)
        >>> layer(tg.ones(4, 3, 8), tg.ones(5, 3, 8)).shape
        (4, 3, 8)

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        heads = {"bias": bias, "batch_first": batch_first, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, **heads)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, **heads)
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, True, bias, device, dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _function("TransformerDecoderLayer", activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Compute the result.

        Args:
            tgt: the sequence.
            memory: what the encoder made.
            tgt_mask: (T, T) or (N * heads, T, T); bools, True for what is not seen, or numbers added to the
                scores.
            memory_mask: (T, S) or (N * heads, T, S), likewise.
            tgt_key_padding_mask: (N, T), or (T,); bools, True for positions that none sees, or numbers.
            memory_key_padding_mask: (N, S), or (S,), likewise.
            tgt_is_causal, memory_is_causal: say that the mask is the causal one.
        """
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        other = memory_mask, memory_key_padding_mask, memory_is_causal
        x = tgt
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *own)
            x = x + self._look_up(self.norm2(x), memory, *other)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._attend(x, *own))
        x = self.norm2(x + self._look_up(x, memory, *other))
        return self.norm3(x + self._feed_forward(x))  # type: ignore[no-any-return]

    def _attend(self, x: Tensor, *masks: Any) -> Tensor:
        return self.dropout1(_attended(self.self_attn, x, x, *masks))  # type: ignore[no-any-return]

    def _look_up(self, x: Tensor, memory: Tensor, *masks: Any) -> Tensor:
        out = _attended(self.multihead_attn, x, memory, *masks)
        return self.dropout2(out)  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout3(self.linear2(hidden))  # type: ignore[no-any-return]
