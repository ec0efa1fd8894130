"""`autograd.functional` against closed forms and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.autograd import functional as AF

X = np.array([[0.3, -0.7, 1.1], [0.5, 0.2, -0.4]])
Y = np.array([0.8, -0.3, 0.6])


def products(fw: Any) -> Any:
    """Two inputs, two results, not square."""
    return lambda x, y: ((x * y).tanh(), (x @ y) * (x @ y))


def energy(fw: Any) -> Any:
    """Two inputs, one value."""
    return lambda x, y: (x * y).exp().sum() * (x * x * x).sum() + (y * y).sum() ** 2


def given(fw: Any, device: Any = None) -> tuple[Any, Any]:
    options = {} if device is None else {"device": device}
    return fw.tensor(X, **options), fw.tensor(Y, **options)


def flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in flat(v)]
    return [np.array(value.detach().cpu().tolist())]


def differences(function: Any, inputs: list[np.ndarray], step: float = 1e-6) -> list[list[Any]]:
    """Jacobians by central differences, result by input."""

    def values() -> list[np.ndarray]:
        return flat(function(*(tg.tensor(a) for a in inputs)))

    base = values()
    found = [[np.zeros((*out.shape, *a.shape)) for a in inputs] for out in base]
    for j, a in enumerate(inputs):
        for place in np.ndindex(a.shape):
            kept = a[place]
            a[place] = kept + step
            above = values()
            a[place] = kept - step
            below = values()
            a[place] = kept
            for i in range(len(base)):
                found[i][j][(..., *place)] = (above[i] - below[i]) / (2 * step)
    return found


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_jacobian_equals_differences(strategy: str, device: str) -> None:
    have = AF.jacobian(products(tg), given(tg, device), strategy=strategy)
    want = differences(products(tg), [X.copy(), Y.copy()])
    assert isinstance(have, tuple) and isinstance(have[0], tuple)
    for i in range(2):
        for j in range(2):
            assert not have[i][j].requires_grad
            np.testing.assert_allclose(flat(have[i][j])[0], want[i][j], rtol=1e-7, atol=1e-8)


def test_products_agree_with_the_whole_jacobian(device: str) -> None:
    x, y = given(tg, device)
    whole = AF.jacobian(lambda x: products(tg)(x, y)[0], x).reshape(6, 6).cpu().numpy()
    v = np.arange(6.0).reshape(2, 3) - 2.5
    function = lambda x: products(tg)(x, y)[0]  # noqa: E731
    value, row = AF.vjp(function, x, tg.tensor(v, device=device))
    np.testing.assert_allclose(flat(row)[0].ravel(), v.ravel() @ whole, rtol=1e-12)
    np.testing.assert_allclose(flat(value)[0], np.tanh(X * Y), rtol=1e-12)
    _, column = AF.jvp(function, x, tg.tensor(v, device=device))
    np.testing.assert_allclose(flat(column)[0].ravel(), whole @ v.ravel(), rtol=1e-12)


def test_hessian_is_the_jacobian_of_the_gradient(device: str) -> None:
    have = AF.hessian(energy(tg), given(tg, device))

    def gradient(x: tg.Tensor, y: tg.Tensor) -> Any:
        x, y = x.requires_grad_(), y.requires_grad_()
        return tg.autograd.grad(energy(tg)(x, y), (x, y))

    want = differences(gradient, [X.copy(), Y.copy()])
    for i in range(2):
        for j in range(2):
            np.testing.assert_allclose(flat(have[i][j])[0], want[i][j], rtol=1e-6, atol=1e-7)


def test_hessian_products_agree_with_the_hessian() -> None:
    x, y = given(tg)
    function = lambda x: energy(tg)(x, y)  # noqa: E731
    whole = AF.hessian(function, x).reshape(6, 6).numpy()
    v = tg.tensor(np.arange(6.0).reshape(2, 3) - 2.5)
    for product in (AF.hvp, AF.vhp):
        value, found = product(function, x, v)
        np.testing.assert_allclose(found.numpy().ravel(), whole @ v.numpy().ravel(), rtol=1e-10)
        assert value.shape == ()


def test_create_graph_records_the_products() -> None:
    x = tg.tensor([0.5, 1.5], dtype=tg.float64, requires_grad=True)
    jac = AF.jacobian(lambda x: x**3, x, create_graph=True)
    jac.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * np.array([0.5, 1.5]))
    x.grad = None
    AF.hvp(lambda x: (x**4).sum(), x, tg.ones_like(x), create_graph=True)[1].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 24 * np.array([0.5, 1.5]))


def test_inputs_are_left_alone_and_unused_ones_give_zeros() -> None:
    x, y = tg.tensor([1.0, 2.0]), tg.tensor([3.0])
    found = AF.jacobian(lambda x, y: x * 2, (x, y))
    assert found[1].tolist() == [[0.0], [0.0]] and not x.requires_grad and x.grad is None
    assert AF.jacobian(lambda x: tg.ones(2), x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert AF.jacobian(lambda x: x * 2, tg.zeros(0)).shape == (0, 0)
    with tg.no_grad():
        assert AF.vjp(lambda x: x * x, x, tg.ones(2))[1].tolist() == [2.0, 4.0]
    with pytest.raises(tg.errors.GraphError, match="do not depend on input 1"):
        AF.jacobian(lambda x, y: x * 2, (x, y), strict=True)
    with pytest.raises(tg.errors.GraphError, match="output 0 does not depend"):
        AF.vjp(lambda x: tg.ones(2), x, tg.ones(2), strict=True)


def test_bad_input_is_refused() -> None:
    x = tg.tensor([1.0, 2.0])
    with pytest.raises(tg.errors.ShapeError, match="v must have the shapes of the results"):
        AF.vjp(lambda x: x * x, x, tg.ones(3))
    with pytest.raises(tg.errors.ShapeError, match="v must have the shapes of the inputs"):
        AF.jvp(lambda x: x * x, x, tg.ones(3))
    with pytest.raises(tg.errors.ArgumentError, match="left out only for a single value"):
        AF.vjp(lambda x: x * x, x)
    with pytest.raises(tg.errors.ShapeError, match="single value"):
        AF.hessian(lambda x: x * x, x)
    with pytest.raises(tg.errors.DtypeError, match="inputs must be a tensor"):
        AF.jacobian(lambda x: x, 3.0)
    with pytest.raises(tg.errors.DtypeError, match="result of func must be a tensor"):
        AF.jacobian(lambda x: 3.0, x)
    with pytest.raises(tg.errors.ArgumentError, match="strategy"):
        AF.jacobian(lambda x: x, x, strategy="sideways")


@pytest.mark.torch
@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_the_same_structure_and_numbers_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for fw in (tg, torch):
        x, y = given(fw)
        function = energy(fw) if name in ("hessian", "vhp", "hvp") else products(fw)
        extra = []
        if name in ("jvp", "vhp", "hvp"):
            extra = [(x * 2, y * 3)]
        if name == "vjp":
            extra = [(x * 2, y[:2] * 3)]
        found.append(getattr(fw.autograd.functional, name)(function, (x, y), *extra))

    def same(a: Any, b: Any) -> None:
        assert isinstance(a, tuple) == isinstance(b, tuple)
        if isinstance(a, tuple):
            assert len(a) == len(b)
            for p, q in zip(a, b, strict=True):
                same(p, q)
        else:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)

    same(*found)
