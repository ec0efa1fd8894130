"""The layer of multi-head attention."""

from __future__ import annotations

from typing import Any

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError
from ..ops.multi_head import multi_head_attention_forward
from ..ops.shape import whole_number
from ..tensor import Tensor
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Let several heads attend to projections of the same sequences, and project what they find.

    Shape:
        query (L, N, E), key (S, N, Ek), value (S, N, Ev), or with the batch N first, or without N; the
        result is shaped like query. E = `embed_dim`, Ek = `kdim`, Ev = `vdim`.

    Attributes:
        in_proj_weight: (3 E, E), at first uniform after Glorot; None if `kdim` or `vdim` differ from E.
        q_proj_weight, k_proj_weight, v_proj_weight: (E, E), (E, Ek) and (E, Ev) in that case, else None.
        in_proj_bias: (3 E,), at first 0; None without bias.
        out_proj: the last projection, a `Linear` whose bias is at first 0.
        bias_k, bias_v: (1, 1, E), at first normal after Glorot; None without `add_bias_kv`.

    Args:
        embed_dim: E.
        num_heads: heads, a divisor of E.
        dropout: chance for each weight of the attention to be set to zero in training.
        bias: whether projections add one.
        add_bias_kv: whether one more key and its value are learned.
        add_zero_attn: whether one more key and value are zeros.
        kdim, vdim: features of keys and values, E by default.
        batch_first: whether the batch is the first dimension.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if the number of features is not a positive multiple of the number of heads, or dropout
            is not between 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.MultiheadAttention(4, 2, batch_first=True)
        >>> x = tg.ones(3, 5, 4)
        >>> out, weights = layer(x, x, x)
        >>> out.shape, weights.shape
        ((3, 5, 4), (3, 5, 5))

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2.
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        for argument, value in (("embed_dim", embed_dim), ("num_heads", num_heads)):
            whole_number(name, argument, value, 1)
        if not 0 <= dropout <= 1:
            raise ArgumentError(f"{name}: dropout must be between 0 and 1, got {dropout}")
        if embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim must be a positive multiple of num_heads, got "
                f"{embed_dim} and {num_heads}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn

        def parameter(*shape: int) -> Parameter:
            return Parameter(creation.empty(*shape, device=device, dtype=dtype))

        packed = self.kdim == self.vdim == embed_dim
        self.q_proj_weight = None if packed else parameter(embed_dim, embed_dim)
        self.k_proj_weight = None if packed else parameter(embed_dim, self.kdim)
        self.v_proj_weight = None if packed else parameter(embed_dim, self.vdim)
        self.in_proj_weight = parameter(3 * embed_dim, embed_dim) if packed else None
        self.in_proj_bias = parameter(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the input projections anew; biases become 0, `out_proj.weight` stays."""
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for more in (self.bias_k, self.bias_v):
            if more is not None:
                init.xavier_normal_(more)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Compute the result and the weights.

        Args:
            query, key, value: the sequences.
            key_padding_mask: (N, S), or (S,); bools, True for keys that no query sees, or numbers added
                to the scores.
            need_weights: whether to return the weights; it is faster without.
            attn_mask: (L, S) or (N * heads, L, S); bools, True for what is not seen, or numbers added.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: says that `attn_mask` is the causal one.

        Returns:
            The result, and the weights, (N, L, S) or (N, heads, L, S), or None.
        """
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            same_key, same_value = key is query, value is key
            query = query.transpose(0, 1)
            key = query if same_key else key.transpose(0, 1)
            value = key if same_value else value.transpose(0, 1)
        out, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=self.in_proj_weight is None,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(0, 1) if swapped else out), weights
