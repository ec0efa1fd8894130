"""Ways through operations that no sample of the tables takes: other types of arguments, half precision, nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host
from tapegrad.nn import functional as F

X = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])
Y = np.array([[0.5, 1.0, 2.0], [1.5, -1.0, 1.0]])
LABELS = np.array([2, 0])


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y, labels: F.linear(x, y, y[:, 0]),
        lambda x, y, labels: F.cross_entropy(x, labels),
        lambda x, y, labels: tg.addcmul(x, x, y, value=np.float64(2.5)),
        lambda x, y, labels: F.embedding_bag(labels[None] // 2, y),
    ],
)
def test_arrays_are_taken_as_tensors(call: Callable[..., Any]) -> None:
    want = call(*(tg.tensor(a) for a in (X, Y, LABELS)))
    np.testing.assert_array_equal(host(call(X, Y, LABELS)), host(want))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.cov(x),
        lambda x: tg.linalg.slogdet(x @ x.T),
        lambda x: tg.linalg.lu_factor(x @ x.T),
        lambda x: tg.linalg.eigvalsh(x @ x.T),
        lambda x: F.local_response_norm(x[None], np.int64(2)),  # type: ignore[arg-type]
        lambda x: F.ctc_loss(
            F.log_softmax(x.reshape(3, 1, 2), -1), tg.tensor([[1]]), tg.tensor([3]), tg.tensor([1])
        ),
    ],
)
def test_half_precision_is_computed_in_single(call: Callable[..., Any]) -> None:
    narrow = tg.tensor(X, dtype=tg.float16)
    found, wanted = call(narrow), call(narrow.double())
    for have, want in zip(
        *(r if isinstance(r, tuple) else (r,) for r in (found, wanted)), strict=True
    ):
        assert have.dtype == (tg.float16 if want.dtype == tg.float64 else want.dtype)
        tolerances.assert_same(host(have), host(want).astype(have.dtype), "half")


def test_the_sign_of_a_determinant_has_no_slope() -> None:
    a = tg.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    tg.linalg.slogdet(a).sign.backward()
    assert a.grad is not None and a.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_the_largest_of_a_single_value_along_its_dimension() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    value, index = tg.max(x, 0)
    value.backward()
    assert (value.item(), index.item(), x.grad.item()) == (2.0, 0, 1.0)


def test_what_lies_in_other_rows_is_laid_in_order() -> None:
    x = tg.tensor(X, requires_grad=True)
    turned = x.T.contiguous()
    assert turned.is_contiguous() and not x.T.is_contiguous()
    turned[0].sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_each_part_of_a_complex_number_has_its_own_gradient_where_it_is_finite() -> None:
    z = tg.tensor([complex(np.nan, 1), complex(1, -np.inf), 2 + 3j], requires_grad=True)
    tg.nan_to_num(z).backward(tg.tensor([1 + 2j, 3 + 4j, 5 + 6j]))
    assert z.grad is not None and z.grad.tolist() == [2j, 3 + 0j, 5 + 6j]
    gradients.check(tg.nan_to_num, [np.array([2 + 3j, -1j])])


def test_pooling_to_nothing_has_zeros_for_its_gradient() -> None:
    x = tg.ones(1, 2, 4, requires_grad=True)
    out = F.adaptive_avg_pool1d(x, 0)
    assert out.shape == (1, 2, 0)
    out.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[[0.0] * 4] * 2]


@pytest.mark.parametrize("y", [[-1.0, 0.0, 0.5, 2.0], [np.nan]])
def test_the_gradient_of_a_power_of_zero_for_its_exponent(y: list[float]) -> None:
    exponent = tg.tensor(y, requires_grad=True)
    with np.errstate(divide="ignore"):
        tg.pow(0.0, exponent).sum().backward()
    assert exponent.grad is not None
    np.testing.assert_array_equal(host(exponent.grad), [-np.inf if v < 0 else 0.0 for v in y])
