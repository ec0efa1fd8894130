"""Scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from rows import INF, NAN, Bad, Row, S, Sample, normal
from tapegrad import errors
from tapegrad.nn import functional as F

INTERNAL = {"attention"}


def _attention(
    q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    if enable_gqa:
        k = np.repeat(k, q.shape[-3] // k.shape[-3], -3)
        v = np.repeat(v, q.shape[-3] // v.shape[-3], -3)
    s = q @ k.swapaxes(-1, -2) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tri(*s.shape[-2:], dtype=bool)
    if attn_mask is not None:
        s = np.where(attn_mask, s, -INF) if attn_mask.dtype == bool else s + attn_mask
    if not s.shape[-1]:
        return np.zeros((*s.shape[:-1], v.shape[-1]))
    p = scipy.special.softmax(s, -1)
    return np.where((s == -INF).all(-1, keepdims=True), 0, p) @ v


def _samples(rng: np.random.Generator) -> list[Sample]:
    q, k, v = normal(rng, 2, 3, 2), normal(rng, 2, 4, 2), normal(rng, 2, 4, 1)
    some = rng.random((3, 4)) < 0.6
    some[1] = False  # a query that sees nothing
    heads, shared = normal(rng, 1, 4, 2, 2), normal(rng, 1, 2, 3, 2)
    group = {"enable_gqa": True}
    return [
        S((q, k, v)), S((q[0], k[0], v[0])), S((q, k, v), {"is_causal": True}), S((q, k, v), {"scale": 0.3}),
        S((q, k, v, some)), S((q, k, v, normal(rng, 3, 4))), S((q, k, v, normal(rng, 2, 1, 4))),
        S((q, k, v, some[None, :1])), S((q[:1], k, v)), S((q, k[:1], v[:1])), S((normal(rng, 2, 1, 1, 2), k, v)),
        S((q[:, :0], k, v)), S((q, k[:, :0], v[:, :0])), S((q[:, ::-1], k.swapaxes(0, 1)[:2], v.swapaxes(0, 1)[:2])),
        S((heads, shared, shared[..., ::-1]), group), S((heads, shared, shared), {**group, "is_causal": True}),
        S((heads, shared, shared, rng.random((4, 2, 3)) < 0.7), group), S((heads, shared, shared, some[:2, :3]), group),
        S((heads, shared, shared, normal(rng, 1, 1, 2, 3)), group), S((heads[0], shared[0], shared[0, :1]), group), S((heads, shared, normal(rng, 1, 4, 3, 1)), group),
    ]  # fmt: skip


Q, K, V = np.ones((2, 3, 4)), np.ones((2, 5, 4)), np.ones((2, 5, 1))
MASK = np.ones((3, 5), bool)
ARGUMENT, SHAPE, DTYPE = errors.ArgumentError, errors.ShapeError, errors.DtypeError

ROWS = [
    Row("scaled_dot_product_attention", F.scaled_dot_product_attention, _attention, _samples,
        lambda rng: [
            S((np.array([[NAN], [1.0]]), np.ones((2, 1)), np.ones((2, 1)))),
            S((np.array([[1000.0], [-1000.0]]), np.array([[1.0], [-1.0]]), np.array([[1.0], [2.0]]))),
            S((np.ones((1, 2)), np.ones((3, 2)), np.ones((3, 2)), np.array([[0.0, -INF, 0.0]]))),
            S((np.ones((1, 2)), np.ones((2, 2)), np.ones((2, 2)), np.array([[-INF, -INF]])))],
        torch="nn.functional.scaled_dot_product_attention", integers=False, bad=(
            Bad((Q, K, V, MASK), ARGUMENT, "not both", {"is_causal": True}), Bad((Q, K[..., :2], V), SHAPE, "features"),
            Bad((Q, K, V[:, :2]), SHAPE, "length"), Bad((Q[0, 0], K, V), SHAPE, "query must be"),
            Bad((Q, K, V, MASK.astype(np.int64)), DTYPE, "attn_mask"), Bad((Q, K, V, MASK[:2, :2]), SHAPE, "attn_mask"),
            Bad((Q, K, V, np.ones((7, 2, 3, 5))), SHAPE, "attn_mask"), Bad((Q, K, V.astype("f4")), DTYPE, "value"),
            Bad((Q.astype(np.int64),) * 3, DTYPE, "floating"), Bad((Q, K, V, None, 1.5), ARGUMENT, "dropout_p"),
            Bad((Q, K, V, None, -0.5), ARGUMENT, "dropout_p"), Bad((Q, K, V, None, "half"), ARGUMENT, "dropout_p must be a number"), Bad((np.ones((3, 3, 4)), K, V), SHAPE, "leading"),
            Bad((Q[0], K[0], V[0]), SHAPE, "heads", {"enable_gqa": True}), Bad((Q, np.ones((3, 5, 4)), V), SHAPE, "heads", {"enable_gqa": True}),
            Bad((np.ones((4, 3, 4)), K, V, np.ones((3, 3, 5))), SHAPE, "does not fit 4 heads", {"enable_gqa": True}),
            Bad(("q", K, V), DTYPE, "query"))),
]  # fmt: skip
