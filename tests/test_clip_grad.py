"""Gradients clipped by norm and by value; parameters as a vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError, DtypeError, ShapeError

utils = tg.nn.utils
ORDERS = [
    (p, dtype)
    for p in [2.0, 1.0, 3, 0.5, 0, math.inf, -math.inf, -1]
    for dtype in [np.float64, np.float32, np.complex64, np.float16]
    if (p, dtype) != (0, np.complex64)  # where PyTorch warns of its own conversion
]
SHAPES = [(3,), (2, 4), (), (0,), (5, 1, 2)]


def given(lib: Any, arrays: list[Any]) -> list[Any]:
    """Parameters with these gradients, and one without."""
    held = []
    for array in arrays:
        p = lib.zeros(array.shape, dtype=getattr(lib, str(array.dtype)), requires_grad=True)
        p.grad = lib.tensor(array)
        held.append(p)
    return [*held, lib.zeros(2, requires_grad=True)]


def gradients(rng: Any, dtype: Any = np.float64, shapes: Any = SHAPES) -> list[Any]:
    return [np.asarray(rng.standard_normal(shape) * 3, dtype) for shape in shapes]


@pytest.mark.parametrize(("p", "dtype"), ORDERS)
@pytest.mark.torch
def test_norms_are_pytorchs(p: float, dtype: Any) -> None:
    torch = pytest.importorskip("torch")
    shapes = [shape for shape in SHAPES if math.prod(shape) or 0 <= p < math.inf]
    arrays = gradients(np.random.default_rng(0), dtype, shapes)
    ours, theirs = given(tg, arrays), given(torch, arrays)
    rtol = {2: 5e-3, 4: 1e-5, 8: 1e-12 if dtype == np.float64 else 1e-5}[np.dtype(dtype).itemsize]
    norm = utils.clip_grad_norm_(ours, 1.5, p)
    other = torch.nn.utils.clip_grad_norm_(theirs, 1.5, p)
    assert norm.shape == () and str(norm.dtype) == str(other.dtype).removeprefix("torch.")
    np.testing.assert_allclose(norm.numpy(), other.numpy(), rtol=rtol)
    for a, b in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=rtol, atol=1e-7)
    assert ours[-1].grad is None


def test_small_gradients_stay_to_the_bit_and_one_tensor_will_do() -> None:
    w = tg.ones(2, requires_grad=True)
    w.grad = tg.tensor([0.3, 0.4])
    kept = w.grad.array.copy()
    assert utils.clip_grad_norm_(w, 1.0).item() == pytest.approx(0.5)
    assert (w.grad.array == kept).all()


@pytest.mark.parametrize("size", [1e20, 1e-30, 1e-41])
def test_the_norm_of_float32_does_not_overflow_or_vanish(size: float) -> None:
    w = tg.zeros(2, requires_grad=True)
    w.grad = tg.tensor([3.0, 4.0]) * size
    assert utils.get_total_norm([w.grad]).item() == pytest.approx(
        5 * size, rel=1e-6 if size > 1e-40 else 0.1
    )


def test_no_gradients_have_the_norm_0() -> None:
    assert utils.clip_grad_norm_([], 1.0).item() == utils.get_total_norm([], 1.0).item() == 0
    assert utils.clip_grad_norm_([tg.zeros(2, requires_grad=True)], 1.0).item() == 0
    assert utils.get_total_norm([tg.zeros(0)]).item() == 0


def test_parameters_may_come_from_a_generator() -> None:
    layer = tg.nn.Linear(3, 2)
    layer(tg.ones(4, 3)).square().sum().backward()
    before = utils.clip_grad_norm_(layer.parameters(), 0.5)
    after = utils.get_total_norm(p.grad for p in layer.parameters())
    assert before.item() > 0.5 and after.item() == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_refused_or_used(bad: float) -> None:
    w = tg.zeros(2, requires_grad=True)
    w.grad = tg.tensor([bad, 2.0])
    with pytest.raises(ArgumentError, match=r"the norm of order 2\.0 is (nan|inf)"):
        utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad.tolist()[1] == 2.0
    with np.errstate(invalid="ignore"):
        utils.clip_grad_norm_(w, 1.0)
    assert math.isnan(w.grad.tolist()[0])
    np.testing.assert_equal(w.grad.tolist()[1], math.nan if math.isnan(bad) else 0.0)


def test_a_gradient_that_cannot_be_written_to_is_refused_before_any_is_changed() -> None:
    v, w = tg.zeros(2, requires_grad=True), tg.zeros(2, requires_grad=True)
    v.grad, w.grad = tg.tensor([30.0, 40.0]), tg.tensor(7.0).expand(2)
    for clip in (utils.clip_grad_norm_, utils.clip_grad_value_):
        with pytest.raises(ArgumentError, match="read-only"):
            clip([v, w], 1.0)
    assert v.grad.tolist() == [30.0, 40.0]
    with pytest.raises(DtypeError, match="needs tensors, got float"):
        utils.clip_grad_norm_([v, 3.0], 1.0)
    with pytest.raises(DtypeError, match="needs tensors, got int"):
        utils.clip_grad_norm_(3, 1.0)


def test_gradients_of_another_norm_are_scaled_by_it() -> None:
    w = tg.zeros(2, requires_grad=True)
    w.grad = tg.tensor([3.0, 4.0])
    utils.clip_grads_with_norm_([w], 1.0, tg.tensor(10.0))
    np.testing.assert_allclose(w.grad.numpy(), [0.3, 0.4], rtol=1e-6)


def test_values_are_clipped_one_by_one() -> None:
    w, z = tg.zeros(3, requires_grad=True), tg.zeros(1, dtype=tg.complex64, requires_grad=True)
    w.grad, z.grad = tg.tensor([3.0, -0.5, -4.0]), tg.tensor([2j])
    with pytest.raises(DtypeError, match="complex"):
        utils.clip_grad_value_([w, z], 1.0)
    assert w.grad.tolist() == [3.0, -0.5, -4.0]
    assert utils.clip_grad_value_([w], 1.0) is None
    assert w.grad.tolist() == [1.0, -0.5, -1.0]


def test_clipping_is_noticed_by_a_recorded_gradient() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    y = x.grad * x.grad
    utils.clip_grad_value_(x, 1.0)
    with pytest.raises(tg.errors.GraphError, match="clip_grad_value_"):
        y.backward()


def test_gradients_on_another_device() -> None:
    w = tg.zeros(2).to("standin").requires_grad_()
    w.grad = tg.tensor([3.0, 4.0]).to("standin")
    norm = utils.clip_grad_norm_(w, 1.0)
    assert norm.device == "standin"
    np.testing.assert_allclose(w.grad.cpu().numpy(), [0.6, 0.8], rtol=1e-6)
    here = tg.zeros(1, requires_grad=True)
    here.grad = tg.tensor([2.0])
    utils.clip_grads_with_norm_([w, here], 1.0, tg.tensor(2.0).to("standin"))
    utils.clip_grads_with_norm_([w, here], 1.0, tg.tensor(1.0))
    np.testing.assert_allclose(here.grad.numpy(), [1.0], rtol=1e-5)
    assert utils.get_total_norm([w.grad, here.grad]).item() == pytest.approx(1.25**0.5, rel=1e-5)
    w.grad.mul_(2.0)
    utils.clip_grad_value_(w, 0.5)
    assert w.grad.cpu().tolist() == [0.5, 0.5]


# -- vectors -----------------------------------------------------------------------------------------


def test_a_vector_of_parameters_and_back() -> None:
    layer = tg.nn.Linear(2, 3)
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,) and vector.requires_grad
    vector.square().sum().backward()
    assert layer.weight.grad is not None
    np.testing.assert_allclose(layer.weight.grad.numpy(), 2 * layer.weight.detach().numpy())
    new = tg.arange(9.0)
    utils.vector_to_parameters(new, layer.parameters())
    assert layer.weight.tolist() == [[0, 1], [2, 3], [4, 5]] and layer.weight.is_leaf
    assert layer.bias is not None and layer.bias.tolist() == [6, 7, 8]
    new[8] = 70.0
    assert layer.bias.tolist() == [6, 7, 70]


def test_vectors_that_do_not_fit_are_refused_before_anything_is_changed() -> None:
    layer = tg.nn.Linear(2, 1)
    before = layer.weight.tolist()
    for wrong in (tg.zeros(2), tg.zeros(4), tg.zeros(1, 3)):
        with pytest.raises(ShapeError, match="have 3 elements"):
            utils.vector_to_parameters(wrong, layer.parameters())
    with pytest.raises(DtypeError, match="must be a tensor"):
        utils.vector_to_parameters([0.0, 0.0, 0.0], layer.parameters())  # type: ignore[arg-type]
    with pytest.raises(tg.errors.DeviceError, match="one device"):
        utils.parameters_to_vector([tg.zeros(1), tg.zeros(1).to("standin")])
    assert layer.weight.tolist() == before
