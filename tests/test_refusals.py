"""Refusals that the tables have no place for: words of NumPy, options that exclude each other, devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors
from tapegrad.nn import functional as F
from tapegrad.ops.lapack import lapack
from tapegrad.tensor import wrap

V = tg.tensor([1.0, 2.0, 3.0])
M = tg.ones(2, 3)
I3 = tg.tensor([0, 1, 2])


def far(*shape: int, dtype: Any = None) -> tg.Tensor:
    """Ones on another device."""
    return tg.ones(*shape, dtype=dtype, device="standin")


WORDS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "block of an empty list": (lambda: np.block([[V], []]), errors.ArgumentError, "not be empty"),
    "windows without sizes for all axes": (
        lambda: np.lib.stride_tricks.sliding_window_view(M, 2),
        errors.ArgumentError, "1 sizes do not fit 2 axes",
    ),
    "choose in an unknown mode": (
        lambda: np.choose(I3, [V, V, V], mode="wrapped"), errors.ArgumentError, "mode must be"),
    "select with fewer choices": (
        lambda: np.select([V > 1, V > 2], [V]), errors.ArgumentError, "as many conditions"),
    "piecewise with fewer functions": (
        lambda: np.piecewise(V, [V > 1, V > 2], [1.0]), errors.ArgumentError, "as many functions"),
    "ravel_multi_index in columns": (
        lambda: np.ravel_multi_index((I3, I3), (3, 3), order="F"), errors.ArgumentError, "order 'C'"),
    "ravel_multi_index of fewer indices": (
        lambda: np.ravel_multi_index((I3, I3), (3, 3, 3)), errors.ShapeError, "2 indices for 3"),
    "ravel_multi_index out of range": (
        lambda: np.ravel_multi_index((I3, I3), (3, 2)), errors.ArgumentError, "between 0 and 1"),
    "unravel_index in columns": (
        lambda: np.unravel_index(I3, (2, 2), order="F"), errors.ArgumentError, "order 'C'"),
    "unravel_index out of range": (
        lambda: np.unravel_index(I3, (2, 1)), errors.ArgumentError, "between 0 and 1"),
    "interp without knots": (
        lambda: np.interp(V, V[:0], V[:0]), errors.ShapeError, "vectors of one size"),
    "convolve of a matrix": (lambda: np.convolve(M, V), errors.ShapeError, "vectors with elements"),
    "convolve in an unknown mode": (
        lambda: np.convolve(V, V, mode="half"), errors.ArgumentError, "mode must be"),
    "average with unfit weights": (
        lambda: np.average(M, axis=0, weights=V), errors.ShapeError, "fit the axis 0"),
    "nanargmax of nothing but NaN": (
        lambda: np.nanargmax(M * np.nan), errors.ArgumentError, "nothing but NaN"),
    "cumulative_sum of a matrix without axis": (
        lambda: np.cumulative_sum(M), errors.ArgumentError, "axis is needed"),
    "std in another dtype": (
        lambda: np.std(V, dtype=np.float64), errors.ArgumentError, "convert with .to"),
    "reshape in columns": (lambda: np.reshape(M, (3, 2), order="F"), errors.ArgumentError, "order 'C'"),
    "ravel in columns": (lambda: np.ravel(M, order="F"), errors.ArgumentError, "order 'C'"),
    "squeeze of a long dimension": (lambda: np.squeeze(M, 1), errors.ShapeError, "is not 1"),
    "cross along several axes": (
        lambda: np.cross(tg.ones(3, 3), tg.ones(3, 3), axisa=0), errors.ArgumentError, "one axis for all"),
}  # fmt: skip

QKV = tg.ones(2, 3, 4), tg.ones(2, 3, 4), tg.ones(2, 3, 4)
PACKED = tg.ones(12, 4), tg.zeros(12), None, None, False, 0.0, tg.ones(4, 4), None


def attend(
    *inputs: tg.Tensor, features: int = 4, heads: int = 2, packed: Any = PACKED, **more: Any
) -> Any:
    return F.multi_head_attention_forward(*(inputs or QKV), features, heads, *packed, **more)


OPTIONS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "heads: one of three weights": (
        lambda: attend(use_separate_proj_weight=True, q_proj_weight=tg.ones(4, 4)),
        errors.ArgumentError, "needs k_proj_weight",
    ),
    "heads: no weight": (
        lambda: attend(packed=(None, *PACKED[1:])), errors.ArgumentError, "in_proj_weight is needed"),
    "heads: one of two biases": (
        lambda: attend(packed=(*PACKED[:2], tg.ones(1, 1, 4), *PACKED[3:])),
        errors.ArgumentError, "must be given together",
    ),
    "heads: biases beside static keys": (
        lambda: attend(
            packed=(*PACKED[:2], tg.ones(1, 1, 4), tg.ones(1, 1, 4), *PACKED[4:]),
            static_k=tg.ones(6, 2, 2), static_v=tg.ones(6, 2, 2),
        ),
        errors.ArgumentError, "cannot be added to static_k",
    ),
    "heads: one dimension": (
        lambda: attend(tg.ones(4), tg.ones(4), tg.ones(4)), errors.ShapeError, "query must be"),
    "heads: a mask of one dimension": (
        lambda: attend(attn_mask=tg.zeros(2)), errors.ShapeError, "attn_mask must be"),
    "heads: a padding of three dimensions": (
        lambda: attend(key_padding_mask=tg.zeros(3, 2, 1)), errors.ShapeError, "must have 2 dimensions"),
    "heads: other features": (
        lambda: attend(features=6), errors.ShapeError, "embed_dim_to_check = 6"),
    "heads: unequal heads": (lambda: attend(heads=3), errors.ArgumentError, "equal heads"),
    "heads: static keys for other heads": (
        lambda: attend(static_k=tg.ones(5, 2, 2)), errors.ShapeError, "static_k must be"),
    "a size that is no number": (
        lambda: F.local_response_norm(tg.ones(1, 2, 3), "two"),  # type: ignore[arg-type]
        errors.ArgumentError, "size must be",
    ),
    "labels that are no tensor": (
        lambda: F.ctc_loss(tg.zeros(4, 1, 3), [[1]], tg.tensor([4]), tg.tensor([1])),  # type: ignore[arg-type]
        errors.DtypeError, "targets must be a tensor",
    ),
    "spacing of one number too many": (
        lambda: tg.gradient(V, spacing=[1.0, 1.0]), errors.ArgumentError, "one number or one for each"),
}  # fmt: skip

DEVICES: dict[str, Callable[[], Any]] = {
    "array beside a tensor": lambda: tg.clamp(V, far(3).array),  # type: ignore[arg-type]
    "attention mask": lambda: F.scaled_dot_product_attention(M, M, M, far(2, 2)),
    "offsets of bags": lambda: F.embedding_bag(I3, tg.ones(3, 2), far(1, dtype=tg.int64)),
    "positive weight": lambda: F.binary_cross_entropy_with_logits(M, M, pos_weight=far(3)),
    "weight of margins": lambda: F.multi_margin_loss(M, tg.tensor([0, 1]), weight=far(3)),
    "sorter": lambda: tg.searchsorted(V, V, sorter=far(3, dtype=tg.int64)),
    "isin": lambda: tg.isin(V, far(3)),
    "out": lambda: tg.exp(V, out=far(3)),
}


@pytest.mark.parametrize("what", [*WORDS, *OPTIONS])
def test_it_is_refused(what: str) -> None:
    call, error, fragment = {**WORDS, **OPTIONS}[what]
    with pytest.raises(error) as caught:
        call()
    assert fragment in str(caught.value)


@pytest.mark.parametrize("what", DEVICES)
def test_operands_must_live_together(what: str) -> None:
    with pytest.raises(errors.DeviceError, match="different devices"):
        DEVICES[what]()


def test_what_lapack_says_of_no_single_matrix_is_passed_on() -> None:
    def gives_up(x: np.ndarray) -> None:
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    with pytest.raises(errors.LinAlgError, match=r"eig: the matrix .* \(Eigenvalues did not conv"):
        lapack("eig", gives_up, np.eye(2))


def test_memory_that_holds_no_whole_number_of_elements_is_not_looked_at_anew() -> None:
    memory = np.arange(17, dtype=np.uint8)
    view = memory[:16].view(np.float64)
    with pytest.raises(errors.ArgumentError, match="as_strided"):
        tg.as_strided(wrap(view), (2,), (1,))
