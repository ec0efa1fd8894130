"""Multi-head attention: projections, heads, masks, and the attention between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, ShapeError
from ..tensor import Tensor, wrap
from .attention import scaled_dot_product_attention
from .cast import as_operand, cast
from .choose import where
from .dropout import dropout
from .linalg import linear, matmul
from .nn import softmax
from .shape import cat, reshape, transpose, unsqueeze

__all__: list[str] = []  # PyTorch has it in nn.functional only

OP = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Let several heads attend to projections of the same sequences, and project what they find.

    Value: with `q = query @ Wq.T + bq`, and `k` and `v` alike, cut into H heads of E / H features, each head
    gives `softmax(q @ k.T / sqrt(E / H) + mask) @ v`; the heads side by side go through `out_proj`. The
    gradients are those of the parts.

    Args:
        query: (L, N, E), or (L, E) without batch.
        key: (S, N, Ek), or (S, Ek); Ek = E unless `use_separate_proj_weight`.
        value: (S, N, Ev), or (S, Ev).
        embed_dim_to_check: E.
        num_heads: H, a divisor of E.
        in_proj_weight: (3 E, E), the three projections one below the other.
        in_proj_bias: (3 E,), or None.
        bias_k, bias_v: (1, 1, E), one more key and its value, the same for all; or None.
        add_zero_attn: whether one more key and value are zeros.
        dropout_p: chance for each weight to be set to zero in training.
        out_proj_weight, out_proj_bias: (E, E) and (E,) or None.
        training: whether weights are dropped.
        key_padding_mask: (N, S), or (S,); bools, True for keys that no query sees, or numbers added to
            the scores.
        need_weights: whether to return the weights; without them the attention is one node.
        attn_mask: (L, S) or (N H, L, S); bools, True for what is not seen, or numbers added.
        use_separate_proj_weight: take the projections from the next three instead of `in_proj_weight`.
        q_proj_weight, k_proj_weight, v_proj_weight: (E, E), (E, Ek) and (E, Ev).
        static_k, static_v: (N H, S, E / H), used instead of the projected keys and values.
        average_attn_weights: whether the weights are averaged over the heads.
        is_causal: says that `attn_mask` is the causal one, so that it need not be read.

    Returns:
        The result, (L, N, E) or (L, E), and the weights, (N, L, S) or (N, H, L, S), or None. A query that
        sees nothing gets NaN, and zeros without weights, as in PyTorch.

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: for a mask that is neither bool nor floating.
        ArgumentError: if E is not a multiple of H, or an argument that another one asks for is missing.

    Example:
        >>> import tapegrad as tg
        >>> x, w = tg.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), tg.eye(2)
        >>> out, weights = tg.nn.functional.multi_head_attention_forward(
        ...     x, x, x, 2, 1, tg.cat([w, w, w]), None, None, None, False, 0.0, w, None)
        >>> weights
        tensor([[[0.6698, 0.3302],
                 [0.3302, 0.6698]]])

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2.
    """
    query, key, value = (
        as_operand(query, OP, "query"), as_operand(key, OP, "key"), as_operand(value, OP, "value"),
    )  # fmt: skip
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise ArgumentError(f"{OP}: is_causal says what attn_mask is, so attn_mask must be given")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        is_causal = False
    if not batched:
        same_key, same_value = key is query, value is key
        query = unsqueeze(query, 1)
        key = query if same_key else unsqueeze(key, 1)
        value = key if same_value else unsqueeze(value, 1)
        if key_padding_mask is not None:
            key_padding_mask = unsqueeze(key_padding_mask, 0)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    length, batch, features = query.shape
    if use_separate_proj_weight:
        weights: Any = q_proj_weight, k_proj_weight, v_proj_weight
        for name, weight in zip("qkv", weights, strict=True):
            if weight is None:
                raise ArgumentError(f"{OP}: use_separate_proj_weight needs {name}_proj_weight")
        q, k, v = _project(query, key, value, weights, _thirds(in_proj_bias))
    elif in_proj_weight is None:
        raise ArgumentError(f"{OP}: in_proj_weight is needed unless use_separate_proj_weight")
    elif key is query and value is query:
        packed = linear(query, in_proj_weight, in_proj_bias)
        q, k, v = packed.chunk(3, -1)
    else:
        q, k, v = _project(query, key, value, _thirds(in_proj_weight), _thirds(in_proj_bias))

    keys = key.shape[0] if static_k is None else static_k.shape[1]
    mask = _mask("attn_mask", attn_mask, q)
    if mask is not None:
        _check_mask(mask, (batch * num_heads, length, keys))
    padding = _mask("key_padding_mask", key_padding_mask, q)
    if padding is not None and padding.shape != (batch, keys):
        raise ShapeError(
            f"{OP}: key_padding_mask must be {(batch, keys)} for batch and keys, got {padding.shape}"
        )

    added = 0  # keys behind those that the masks know of
    if (bias_k is None) != (bias_v is None):
        raise ArgumentError(f"{OP}: bias_k and bias_v must be given together")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise ArgumentError(f"{OP}: bias_k and bias_v cannot be added to static_k and static_v")
        k = cat([k, bias_k.expand(1, batch, features)])
        v = cat([v, bias_v.expand(1, batch, features)])
        added += 1
    size = features // num_heads
    q = _heads(q, num_heads, size)
    k = _heads(k, num_heads, size) if static_k is None else _static("static_k", static_k, q)
    v = _heads(v, num_heads, size) if static_v is None else _static("static_v", static_v, q)
    if add_zero_attn:
        zero = wrap(np.zeros_like(q.array, shape=(batch * num_heads, 1, size)))
        k, v = cat([k, zero], 1), cat([v, zero], 1)
        added += 1
    bias = _score_bias(mask, padding, added, batch, num_heads)

    p = float(dropout_p) if training else 0.0
    shape = (batch, num_heads, -1, size)
    q, k, v = (reshape(t, shape) for t in (q, k, v))
    if need_weights:
        scores = matmul(q * (1 / math.sqrt(max(size, 1))), transpose(k, -2, -1))
        weights = softmax(scores if bias is None else scores + bias, -1)
        weights = dropout(weights, p) if p else weights
        found = matmul(weights, v)
    else:
        weights = None
        found = scaled_dot_product_attention(q, k, v, bias, p, is_causal)
    found = reshape(found.permute(2, 0, 1, 3), (length, batch, features))
    out = linear(found, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, padding: Any, mask: Any, num_heads: int
) -> bool:
    """Whether there is a batch; all inputs must agree in that."""
    if query.ndim not in (2, 3):
        raise ShapeError(
            f"{OP}: query must be (length, batch, features) or (length, features), got {query.shape}"
        )
    for name, tensor in (("key", key), ("value", value)):
        if tensor.ndim != query.ndim:
            raise ShapeError(
                f"{OP}: {name} must have {query.ndim} dimensions as query, got {tensor.shape}"
            )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise ShapeError(
            f"{OP}: key_padding_mask must have {query.ndim - 1} dimensions, got {padding.shape}"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise ShapeError(
            f"{OP}: attn_mask must be (L, S) or (N * {num_heads}, L, S), got {mask.shape}"
        )
    return query.ndim == 3


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, features: int, num_heads: int, separate: bool
) -> None:
    if query.shape[-1] != features:
        raise ShapeError(
            f"{OP}: query must have embed_dim_to_check = {features} features, got {query.shape}"
        )
    if num_heads <= 0 or features % num_heads:
        raise ArgumentError(
            f"{OP}: {features} features cannot be cut into num_heads = {num_heads} equal heads"
        )
    last = 2 if separate else 3
    if key.shape[:last] != value.shape[:last]:
        raise ShapeError(
            f"{OP}: key and value must have the same sizes, got {key.shape} and {value.shape}"
        )
    if key.shape[1] != query.shape[1]:
        raise ShapeError(
            f"{OP}: query and key must have the same batch, got {query.shape} and {key.shape}"
        )


def _thirds(packed: Any) -> Any:
    """The parts for queries, keys and values of a packed weight or bias."""
    return (None, None, None) if packed is None else packed.chunk(3)


def _project(
    query: Tensor, key: Tensor, value: Tensor, weights: Any, biases: Any
) -> tuple[Tensor, ...]:
    inputs = zip((query, key, value), weights, biases, strict=True)
    return tuple(linear(x, w, b) for x, w, b in inputs)


def _heads(x: Tensor, num_heads: int, size: int) -> Tensor:
    """(S, N, E) as (N H, S, E / H)."""
    return transpose(reshape(x, (x.shape[0], x.shape[1] * num_heads, size)), 0, 1)


def _static(name: str, given: Tensor, q: Tensor) -> Tensor:
    rows, _, size = q.shape
    if given.ndim != 3 or given.shape[0] != rows or given.shape[2] != size:
        raise ShapeError(
            f"{OP}: {name} must be ({rows}, S, {size}) for all heads of the batch, got {given.shape}"
        )
    return given


def _mask(name: str, given: Any, like: Tensor) -> Tensor | None:
    """A mask as numbers to add to the scores."""
    if given is None:
        return None
    mask = as_operand(given, OP, name)
    if mask.dtype.kind == "b":
        zero = wrap(np.zeros_like(like.array, shape=()))
        return where(mask, zero - np.inf, zero)
    if mask.dtype.kind not in "fV":
        raise DtypeError(f"{OP}: {name} must be bool or floating, got {mask.dtype}")
    return cast(mask, like.dtype)


def _check_mask(mask: Tensor, shape: tuple[int, int, int]) -> None:
    wanted = shape[3 - mask.ndim :]
    if mask.shape != wanted:
        raise ShapeError(f"{OP}: attn_mask must be {wanted}, got {mask.shape}")


def _score_bias(
    mask: Tensor | None, padding: Tensor | None, added: int, batch: int, num_heads: int
) -> Tensor | None:
    """Both masks as one that broadcasts to (N, H, L, S), with nothing masked of added keys."""
    if mask is not None and mask.ndim == 3:
        mask = reshape(mask, (batch, num_heads, *mask.shape[1:]))
    if padding is not None:
        padding = reshape(padding, (batch, 1, 1, padding.shape[-1]))
        mask = padding if mask is None else mask + padding
    if mask is None or not added:
        return mask
    return cat([mask, wrap(np.zeros_like(mask.array, shape=(*mask.shape[:-1], added)))], -1)
