"""`tapegrad.func`: transformations that nest, against closed forms and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import func


def test_grad_nests_to_any_order(device: str) -> None:
    f = lambda x: (x.sin() * x).sum()  # noqa: E731
    x = tg.tensor([0.3, 1.2], dtype=tg.float64, device=device)
    v = x.cpu().numpy()
    first, second = func.grad(f), func.grad(lambda x: func.grad(f)(x).sum())
    np.testing.assert_allclose(first(x).cpu().numpy(), np.cos(v) * v + np.sin(v), rtol=1e-12)
    np.testing.assert_allclose(second(x).cpu().numpy(), 2 * np.cos(v) - v * np.sin(v), rtol=1e-12)
    assert not first(x).requires_grad and x.grad is None and not x.requires_grad


def test_argnums_choose_and_aux_is_handed_through() -> None:
    f = lambda a, b, *, scale=1.0: ((a * b).sum() * scale, "aux")  # noqa: E731
    a, b = tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])
    (da, db), aux = func.grad(f, argnums=(0, 1), has_aux=True)(a, b, scale=2.0)
    assert da.tolist() == [6.0, 8.0] and db.tolist() == [2.0, 4.0] and aux == "aux"
    db, (value, aux) = func.grad_and_value(f, argnums=-1, has_aux=True)(a, b)
    assert db.tolist() == [1.0, 2.0] and value.item() == 11.0 and aux == "aux"
    assert func.grad(lambda a, b: a.sum(), argnums=1)(a, b).tolist() == [0.0, 0.0]


def test_results_stay_tied_to_what_is_recorded_outside() -> None:
    w = tg.tensor(3.0, requires_grad=True)
    slope = func.grad(lambda x: w * x * x)(tg.tensor(2.0, requires_grad=True))
    slope.backward()
    assert w.grad.item() == 4.0


def test_pull_may_be_called_again() -> None:
    value, pull = func.vjp(lambda x, y: (x * y, x + y), tg.tensor([2.0]), tg.tensor([5.0]))
    assert [v.tolist() for v in value] == [[10.0], [7.0]] and not value[0].requires_grad
    one, zero = tg.ones(1), tg.zeros(1)
    assert [g.tolist() for g in pull((one, zero))] == [[5.0], [2.0]]
    assert [g.tolist() for g in pull(zero, one)] == [[1.0], [1.0]]
    with pytest.raises(tg.errors.ArgumentError, match="one gradient for each of 2"):
        pull(one)
    _, _, aux = func.vjp(lambda x: (x * 2, "aux"), tg.ones(1), has_aux=True)
    assert aux == "aux"


def test_jacobians_agree_in_both_modes() -> None:
    f = lambda x, y: (x * y).tanh()  # noqa: E731
    x, y = tg.tensor([0.2, 0.4], dtype=tg.float64), tg.tensor([[1.0], [2.0]], dtype=tg.float64)
    for argnums in (0, 1, (0, 1)):
        back, forth = func.jacrev(f, argnums)(x, y), func.jacfwd(f, argnums)(x, y)
        pairs = [(back, forth)] if isinstance(argnums, int) else zip(back, forth, strict=True)
        for b, c in pairs:
            np.testing.assert_allclose(b.numpy(), c.numpy(), rtol=1e-12)
    several = func.jacrev(lambda x: (x * 2, x.sum()))(x)
    assert isinstance(several, tuple) and [t.shape for t in several] == [(2, 2), (2,)]
    mixed = func.hessian(lambda x, y: (x * y).sum() ** 2, argnums=(0, 1))(x, y)
    assert mixed[0][1].shape == (2, 2, 1)


def test_functional_call_puts_everything_back(device: str) -> None:
    layer = tg.nn.Linear(2, 1).to(device)
    weight = layer.weight
    values = {"weight": tg.tensor([[1.0, 2.0]], device=device), "bias": tg.zeros(1, device=device)}
    x = tg.tensor([[3.0, 4.0]], device=device)
    assert func.functional_call(layer, values, x).tolist() == [[11.0]]
    assert layer.weight is weight
    with pytest.raises(tg.errors.ShapeError):
        func.functional_call(layer, {"weight": tg.ones(1, 5, device=device)}, (x,))
    assert layer.weight is weight
    loss = lambda p: func.functional_call(layer, p, x).sum()  # noqa: E731
    w = values["weight"].clone().requires_grad_()
    loss({**values, "weight": w}).backward()
    assert w.grad.tolist() == [[3.0, 4.0]] and weight.grad is None
    with pytest.raises(tg.errors.StateDictError, match="has no missing; there are: bias, weight"):
        func.functional_call(layer, {"missing": w}, x)


def test_a_shared_parameter_is_replaced_under_all_its_names() -> None:
    class Tied(tg.nn.Module):
        """Two layers with one weight."""

        def __init__(self) -> None:
            super().__init__()
            self.first = tg.nn.Linear(2, 2, bias=False)
            self.second = tg.nn.Linear(2, 2, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            """Both in a row."""
            return self.second(self.first(x))

    model = Tied()
    kept = model.first.weight
    out = func.functional_call(model, {"first.weight": tg.eye(2) * 3}, tg.tensor([1.0, 1.0]))
    assert out.tolist() == [9.0, 9.0]
    assert model.first.weight is kept and model.second.weight is kept


def test_bad_input_is_refused() -> None:
    x = tg.tensor([1.0, 2.0])
    with pytest.raises(tg.errors.ShapeError, match="single value"):
        func.grad(lambda x: x)(x)
    with pytest.raises(tg.errors.ArgumentError, match="argnums has 1, but 1 arguments"):
        func.grad(lambda x: x.sum(), argnums=1)(x)
    with pytest.raises(tg.errors.DtypeError, match="argument 0 must be a tensor, got float"):
        func.grad(lambda x: x)(1.0)
    with pytest.raises(tg.errors.ArgumentError, match="must return a pair"):
        func.grad(lambda x: x.sum(), has_aux=True)(x)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch.func's own doing
def test_the_same_numbers_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    found: list[list[Any]] = []
    for fw in (tg, torch):
        x = fw.tensor([0.3, -0.8, 1.5])
        y = fw.tensor([1.0, 0.5, -0.2])
        f = lambda x, y: (x * y).tanh()  # noqa: E731
        energy = lambda x: (x.exp() * x).sum()  # noqa: E731
        value, pull = fw.func.vjp(f, x, y)
        found.append([
            fw.func.grad(energy)(x), fw.func.hessian(energy)(x), fw.func.jacrev(f, argnums=1)(x, y),
            *fw.func.jacrev(f, argnums=(0, 1))(x, y), value, *pull(x), *fw.func.jvp(f, (x, y), (y, x)),
        ])  # fmt: skip
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=1e-6)
