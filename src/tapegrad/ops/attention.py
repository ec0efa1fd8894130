"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes, kernels
from ..batching import over
from ..device import apart, backend_of, move
from ..errors import ArgumentError, DtypeError, ShapeError
from ..kernels.attention import attention_weights
from ..record import OUT, record
from ..tensor import Tensor, raw, wrap
from .cast import as_operand, cast, different_devices
from .reduce import is_half
from .repeating import repeat_interleave
from .shape import reshape, unsqueeze

__all__: list[str] = []  # PyTorch has it in nn.functional only

OP = "scaled_dot_product_attention"


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Average values, weighted by how well their keys fit a query.

    Value: `p @ value` with `p = softmax(query @ key.T * scale + attn_mask)`; a query all of whose keys are
    masked gets zeros. Adjoint, with `ds = p * (g @ value.T - sum(g * out))`: `ds @ key * scale`,
    `ds.T @ query * scale`, `p.T @ g`, and `ds` for an additive mask.

    Args:
        query: (..., L, E), floating; or (..., Hq, L, E) with `enable_gqa`.
        key: (..., S, E); or (..., H, S, E).
        value: (..., S, Ev); or (..., H, S, Ev).
        attn_mask: broadcasts to (..., L, S); bools, False for keys that a query may not see, or numbers
            added to the scores.
        dropout_p: chance for each weight to be set to zero; not only in training.
        is_causal: whether a query sees only the keys up to its own position.
        scale: factor of the scores, `1 / sqrt(E)` by default.
        enable_gqa: whether Hq / H neighbouring heads of queries share a head of keys and values.

    Returns:
        (..., L, Ev).

    Raises:
        ShapeError: if the shapes do not fit.
        DtypeError: if the dtypes differ, or are not floating.
        ArgumentError: for a mask together with `is_causal`, or a chance outside of [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> q, k = tg.zeros(1, 2), tg.ones(2, 2)
        >>> tg.nn.functional.scaled_dot_product_attention(q, k, tg.tensor([[1.0], [3.0]]))
        tensor([[2.]])

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.2; gradients as in Dao et al.,
        "FlashAttention" (2022), section 3.
    """
    if isinstance(dropout_p, bool) or not isinstance(dropout_p, (int, float)):
        raise ArgumentError(f"{OP}: dropout_p must be a number, got {dropout_p!r}")
    if not 0 <= dropout_p <= 1:
        raise ArgumentError(f"{OP}: dropout_p must be between 0 and 1, got {dropout_p}")
    if attn_mask is not None and is_causal:
        raise ArgumentError(f"{OP}: give either attn_mask or is_causal, not both")
    query, key, value = _operands(query, key, value)
    mask = None if attn_mask is None else _mask(attn_mask, query)
    half = query.dtype if is_half(query.array) else None
    if half is not None:
        query, key, value = (cast(t, dtypes.float32) for t in (query, key, value))
    if mask is not None and mask.dtype.kind != "b":
        mask = cast(mask, query.dtype)
    heads = None
    if enable_gqa:
        query, key, value, mask, heads = _grouped(query, key, value, mask)
    shape = _score_shape(query, key, value)
    query = over(query, key.array, value.array, None if mask is None else mask.array)
    if is_causal:
        arange = backend_of(query.array).namespace.arange
        mask = wrap(arange(shape[-2])[:, None] >= arange(shape[-1]))
    if mask is not None:
        _check_mask(mask, shape)
    if scale is None:
        scale = 1 / math.sqrt(max(query.shape[-1], 1))
    out = _attention(query, key, value, mask, float(dropout_p), float(scale), shape)
    if heads is not None:
        out = reshape(out, (*out.shape[:-4], heads, *out.shape[-2:]))
    return out if half is None else cast(out, half)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Any, dropout: float, scale: float, shape: Any
) -> Tensor:
    """Attention in one node."""
    q, k, v = query.array, key.array, value.array
    m = None if mask is None else mask.array
    p = attention_weights(q, k, m, scale)
    kept, share = None, 1.0
    if dropout:
        from ..random import numpy_generator  # a layer above, looked up when it runs

        drawn = numpy_generator(None).random(shape, dtype=np.float32) >= dropout
        kept = move(drawn, query.device)
        share = 1 / (1 - dropout) if dropout < 1 else 0.0
    out = np.matmul(p if kept is None else p * kept * share, v)
    inputs = query, key, value, mask
    needs = tuple(t is not None and t.node is not None for t in inputs)
    saved = (q, k, v, m, p, kept, share, scale, OUT, needs)
    return record(out, _scaled_dot_product_attention_vjp, inputs, saved)


def _scaled_dot_product_attention_vjp(g, *saved):
    return kernels.attention_grad(g, *saved)


@kernels.attention_grad.register(Tensor)
def _attention_grad(g, q, k, v, mask, p, kept, share, scale, out, needs):
    """The same on tensors, with the weights computed again, so that they are on the tape."""
    s = np.matmul(q, k.swapaxes(-1, -2)) * scale
    if mask is not None:
        lowest = np.zeros_like(g, shape=()) - np.inf
        s = np.where(mask, s, lowest) if mask.dtype.kind == "b" else s + mask
    if s.shape[-1]:
        top = kernels.largest(raw(s), -1)  # a constant: the weights do not depend on it
        e = np.exp(s - np.where(top == -np.inf, np.zeros_like(top), top))
        total = np.add.reduce(e, axis=-1, keepdims=True)
        p = e / np.where(raw(total) == 0, np.ones_like(raw(total)), total)
    noise = None if kept is None else raw(kept).astype(raw(p).dtype) * share
    dropped = p if noise is None else p * noise
    dp = np.matmul(g, v.swapaxes(-1, -2))
    if noise is not None:
        dp = dp * noise
    ds = p * (dp - np.add.reduce(dp * p, axis=-1, keepdims=True))
    return (
        np.matmul(ds, k) * scale if needs[0] else None,
        np.matmul(ds.swapaxes(-1, -2), q) * scale if needs[1] else None,
        np.matmul(dropped.swapaxes(-1, -2), g) if needs[2] else None,
        ds if needs[3] else None,
    )


def _operands(query: Any, key: Any, value: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values: floating, of one dtype, on one device, at least 2-d."""
    tensors = (
        as_operand(query, OP, "query"), as_operand(key, OP, "key"), as_operand(value, OP, "value"),
    )  # fmt: skip
    first = tensors[0]
    for name, tensor in zip(("query", "key", "value"), tensors, strict=True):
        if apart(tensor.array, first.array):
            raise different_devices(OP, first, tensor)
        if tensor.ndim < 2:
            raise ShapeError(f"{OP}: {name} must be (..., length, features), got {tensor.shape}")
        if tensor.dtype.kind != "f" and not is_half(tensor.array):
            raise DtypeError(f"{OP}: {name} must be floating, got {tensor.dtype}")
        if tensor.dtype != first.dtype:
            raise DtypeError(f"{OP}: query is {first.dtype} and {name} {tensor.dtype}; convert one")
    return tensors


def _mask(attn_mask: Any, query: Tensor) -> Tensor:
    mask = as_operand(attn_mask, OP, "attn_mask")
    if apart(mask.array, query.array):
        raise different_devices(OP, query, mask)
    if mask.dtype.kind != "b" and mask.dtype not in (query.dtype, dtypes.float32):
        raise DtypeError(
            f"{OP}: attn_mask must be bool, float32 or of the dtype of query ({query.dtype}), got "
            f"{mask.dtype}"
        )
    return mask


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, int]:
    """Heads of queries that share keys in a dimension of their own, and the number of heads."""
    if min(query.ndim, key.ndim, value.ndim) < 3:
        raise ShapeError(
            f"{OP}: enable_gqa needs (..., heads, length, features), got query {query.shape}, key "
            f"{key.shape} and value {value.shape}"
        )
    heads = query.shape[-3]
    shared = max(key.shape[-3], value.shape[-3])
    for name, tensor in (("key", key), ("value", value)):
        if not tensor.shape[-3] or heads % tensor.shape[-3] or shared % tensor.shape[-3]:
            raise ShapeError(
                f"{OP}: the {tensor.shape[-3]} heads of {name} do not divide the {heads} of query"
            )
    split = (shared, heads // shared)
    query = reshape(query, (*query.shape[:-3], *split, *query.shape[-2:]))
    if mask is not None and mask.ndim > 2:
        sizes = (1, 1) if mask.shape[-3] == 1 else split
        if mask.shape[-3] not in (1, heads):
            raise ShapeError(f"{OP}: attn_mask of shape {mask.shape} does not fit {heads} heads")
        mask = reshape(mask, (*mask.shape[:-3], *sizes, *mask.shape[-2:]))
    return query, _apart(key, shared), _apart(value, shared), mask, heads


def _apart(tensor: Tensor, shared: int) -> Tensor:
    """Keys or values with a dimension of size 1 for the queries that share them."""
    heads = tensor.shape[-3]
    if heads not in (1, shared):  # keys have fewer heads than values, or the other way round
        tensor = repeat_interleave(tensor, shared // heads, -3)
    return unsqueeze(tensor, -3)


def _score_shape(query: Tensor, key: Tensor, value: Tensor) -> Any:
    """(..., L, S), after a check of all sizes."""
    q, k, v = query.shape, key.shape, value.shape
    if q[-1] != k[-1]:
        raise ShapeError(f"{OP}: query and key must have the same features, got {q} and {k}")
    if k[-2] != v[-2]:
        raise ShapeError(f"{OP}: key and value must have the same length, got {k} and {v}")
    try:
        np.broadcast_shapes(q[:-2], k[:-2], v[:-2])
        lead = np.broadcast_shapes(q[:-2], k[:-2])
    except ValueError:
        raise ShapeError(
            f"{OP}: the leading sizes of query {q}, key {k} and value {v} do not broadcast"
        ) from None
    return (*lead, q[-2], k[-2])


def _check_mask(mask: Tensor, shape: Any) -> None:
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{OP}: attn_mask of shape {mask.shape} does not broadcast to {shape}")
