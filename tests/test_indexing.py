"""Reading and writing by every form of index, against NumPy and, where ints mix with tensors, PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from calls import host, mapped
from tables.index import INDICES

SHAPE = (3, 4, 2)
every = slice(None)
I = np.array([2, 0, 0])  # noqa: E741
TWO = np.array([[0, 1], [1, 0]])
MASK = np.array([True, False, True])
# NumPy moves the indexed dimensions to the front here; PyTorch takes the ints first.
MIXED = [
    (0, every, np.array([0, 1])), (I, 0), (0, I), (I, every, 1), (1, I, every), (-1, ..., np.array([1, 0])),
    (every, 1, np.array([0, 1, 1])), (I, 1, np.array([0, 1, 1])), (MASK, 1), (0, slice(1, 3), np.array([1])),
    (None, 0, I), (I, None, 0), (0, None, I), (TWO, 1, TWO), (1, TWO), (every, 0, TWO), (I, every, np.array([0, 1, 1])),
    (I, ..., np.array([0, 1, 1])), (I, None, np.array([0, 1, 1])), (0, np.array([True, False, True, True])),
    (0, [1, 2], every), (every, 0, [1, 0]), (slice(1, None), 0, np.array([0])),
]  # fmt: skip


def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(SHAPE)


def name(index: Any) -> str:
    return str(mapped(index, lambda a: a.tolist())).replace(" ", "").replace("slice", "s")


numpy_forms = pytest.mark.parametrize("index", INDICES, ids=name)
mixed_forms = pytest.mark.parametrize("index", MIXED, ids=name)


def tensors(index: Any, device: str) -> Any:
    return mapped(index, lambda a: tg.tensor(a, device=device))


@numpy_forms
def test_reading_and_its_gradient_equal_numpys(index: Any, device: str) -> None:
    x = tg.tensor(values(), device=device, requires_grad=True)
    out = x[tensors(index, device)]
    wanted = values()[index]
    tolerances.assert_same(host(out), wanted)
    g = np.random.default_rng(1).standard_normal(np.shape(wanted))
    out.backward(tg.tensor(g, device=device))
    gradient = np.zeros(SHAPE)
    np.add.at(gradient, index, g)
    tolerances.assert_same(host(x.grad), gradient)


@numpy_forms
def test_writing_and_its_gradients_equal_numpys(index: Any, device: str) -> None:
    wanted = values()
    places = np.arange(wanted.size).reshape(SHAPE)[index]
    if np.unique(places).size != np.size(places):
        pytest.skip("an element named twice: which value stays is nobody's promise")
    value = np.random.default_rng(1).standard_normal(places.shape)
    wanted[index] = value
    x = tg.tensor(values(), device=device, requires_grad=True)
    v = tg.tensor(value, device=device, requires_grad=True)
    y = x.clone()
    y[tensors(index, device)] = v
    tolerances.assert_same(host(y), wanted)
    g = np.random.default_rng(2).standard_normal(SHAPE)
    y.backward(tg.tensor(g, device=device))
    tolerances.assert_same(host(v.grad), g[index])
    g[index] = 0
    tolerances.assert_same(host(x.grad), g)


@numpy_forms
def test_writing_a_number_equals_numpys(index: Any, device: str) -> None:
    wanted = values()
    wanted[index] = 7
    x = tg.tensor(values(), device=device)
    x[tensors(index, device)] = 7
    tolerances.assert_same(host(x), wanted)


def test_basic_indices_are_views_and_advanced_ones_copies() -> None:
    x = tg.zeros(3, 4)
    x[0][1] = 5
    x[1:, 2].fill_(2)
    x[tg.tensor([0])][0] = 9
    assert x[0, 1].item() == 5 and x[2, 2].item() == 2 and x[0, 0].item() == 0


def test_a_repeated_index_accumulates_its_gradient() -> None:
    x = tg.zeros(3, requires_grad=True)
    x[tg.tensor([1, 1, 1])].sum().backward()
    assert x.grad.tolist() == [0, 3, 0]


@pytest.mark.parametrize(
    "index", [3, -4, (0, 4), (0, 0, 0, 0), "a", 1.5, np.array([3]), np.array([0.5])], ids=name
)
def test_a_wrong_index_changes_nothing(index: Any) -> None:
    x = tg.tensor(values())
    with pytest.raises((tg.errors.DimensionError, tg.errors.DtypeError)):
        x[tensors(index, "cpu")]
    with pytest.raises((tg.errors.DimensionError, tg.errors.DtypeError)):
        x[tensors(index, "cpu")] = 1.0
    np.testing.assert_array_equal(host(x), values())


@mixed_forms
def test_the_stand_in_reads_mixed_indices_as_the_host_does(index: Any) -> None:
    here, there = (tg.tensor(values(), device=d)[tensors(index, d)] for d in ("cpu", "standin"))
    tolerances.assert_same(host(there), host(here))


@pytest.mark.torch
@pytest.mark.parametrize("index", [*INDICES, *MIXED], ids=name)
def test_reading_and_writing_equal_pytorchs(index: Any) -> None:
    torch = pytest.importorskip("torch")
    x = tg.tensor(values(), requires_grad=True)
    t = torch.tensor(values(), requires_grad=True)
    out, wanted = x[tensors(index, "cpu")], t[mapped(index, torch.tensor)]
    tolerances.assert_same(host(out), wanted.detach().numpy())
    g = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(tg.tensor(g))
    wanted.backward(torch.tensor(g))
    tolerances.assert_same(host(x.grad), t.grad.numpy())
    y, u = x.clone(), t.clone()
    y[tensors(index, "cpu")] = 7.0
    u[mapped(index, torch.tensor)] = 7.0
    tolerances.assert_same(host(y), u.detach().numpy())
    v = tg.tensor(g, requires_grad=True)
    places = np.arange(24).reshape(SHAPE)
    if np.unique(host(tg.tensor(places)[tensors(index, "cpu")])).size == v.numel():
        w = torch.tensor(g, requires_grad=True)
        y, u = x.clone(), t.clone()
        y[tensors(index, "cpu")] = v
        u[mapped(index, torch.tensor)] = w
        tolerances.assert_same(host(y), u.detach().numpy())
        (y * y).sum().backward()
        (u * u).sum().backward()
        tolerances.assert_same(host(v.grad), w.grad.numpy())
