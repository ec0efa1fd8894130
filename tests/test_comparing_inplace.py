"""Comparisons and logic in place, and the operators `x &= y` and their like."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors

COMPARISONS = {
    "eq_": np.equal, "ne_": np.not_equal, "lt_": np.less, "le_": np.less_equal, "gt_": np.greater,
    "ge_": np.greater_equal, "not_equal_": np.not_equal, "less_": np.less, "less_equal_": np.less_equal,
    "greater_": np.greater, "greater_equal_": np.greater_equal, "logical_and_": np.logical_and,
    "logical_or_": np.logical_or, "logical_xor_": np.logical_xor,
}  # fmt: skip
BITS = {
    "bitwise_and_": np.bitwise_and,
    "bitwise_or_": np.bitwise_or,
    "bitwise_xor_": np.bitwise_xor,
}
X, Y = np.array([[0, 1, 2], [3, 0, 1]]), np.array([0, 2, 2])


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("name", COMPARISONS)
def test_the_answer_is_written_in_the_tensors_own_dtype(name, dtype, device):
    x = tg.tensor(X.astype(dtype), device=device)
    view = x[0]
    assert getattr(x, name)(tg.tensor(Y.astype(dtype), device=device)) is x
    want = COMPARISONS[name](X.astype(dtype), Y.astype(dtype)).astype(dtype)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x.cpu().numpy(), want)
    np.testing.assert_array_equal(view.cpu().numpy(), want[0])


def test_negations(device):
    x = tg.tensor([0.0, 2.0], device=device)
    assert x.logical_not_() is x and x.tolist() == [1.0, 0.0]
    n = tg.tensor([0, 5], device=device)
    assert n.bitwise_not_() is n and n.tolist() == [-1, -6]


@pytest.mark.parametrize("name", [*COMPARISONS, "logical_not_"])
def test_the_gradients_are_zero(name):
    x, y = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor([1.0, 3.0], requires_grad=True)
    z = x * 1
    getattr(z, name)(*(() if name == "logical_not_" else (y,)))
    (3 * z).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    if name != "logical_not_":
        assert y.grad.tolist() == [0.0, 0.0]


def test_what_was_saved_is_known_to_be_stale():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    z = y * y
    y.eq_(1)
    with pytest.raises(errors.GraphError, match="eq_"):
        z.sum().backward()


def test_what_cannot_be_written_is_refused():
    with pytest.raises(errors.GraphError, match="leaf"):
        tg.ones(2, requires_grad=True).eq_(1)
    x = tg.ones(3)
    with pytest.raises(errors.ShapeError, match="fit"):
        x.eq_(tg.ones(2, 3))
    with pytest.raises(errors.DtypeError, match="bitwise_and"):
        x.bitwise_and_(1)
    assert x.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", BITS)
def test_bits(name, device):
    for other in (tg.tensor([3, 0], device=device), 6):
        x = tg.tensor([5, 7], device=device)
        want = BITS[name](x.cpu().numpy(), other if isinstance(other, int) else other.cpu().numpy())
        assert getattr(x, name)(other) is x and x.tolist() == want.tolist()


@pytest.mark.parametrize(
    "change", ["iand", "ior", "ixor", "ilshift", "irshift", "imod", "ifloordiv", "ipow"]
)
def test_augmented_assignment_changes_the_tensor_itself(change, device):
    x = tg.tensor([5, 7], device=device)
    want = getattr(operator, change)(np.array([5, 7]), 2).tolist()
    assert getattr(operator, change)(x, 2) is x and x.tolist() == want


@pytest.mark.torch
@pytest.mark.parametrize("name", [*COMPARISONS, *BITS])
def test_as_pytorch(name):
    torch = pytest.importorskip("torch")
    for x, y in [
        (X, Y),
        (X, Y.astype(float)),
        (X.astype("i2"), Y),
        (X > 1, Y > 0),
        (X > 1, Y),
        (X.astype(float), Y),
    ]:
        try:
            want = getattr(torch.tensor(x), name)(torch.tensor(y))
        except (RuntimeError, NotImplementedError):
            with pytest.raises(errors.TapegradError):
                getattr(tg.tensor(x), name)(tg.tensor(y))
            continue
        have = getattr(tg.tensor(x), name)(tg.tensor(y))
        assert f"torch.{have.dtype}" == str(want.dtype)
        np.testing.assert_array_equal(have.numpy(), want.numpy())
