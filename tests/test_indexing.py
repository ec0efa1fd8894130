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
MASK2 = np.array([[True, False, True, False], [False] * 4, [True, True, False, False]])
# Read as NumPy reads them: PyTorch refuses negative steps, takes a list of lists for a tuple, and uint8 for a mask.
NUMPYS = [
    slice(None, None, -1), (every, slice(3, 0, -2)), (I, slice(None, None, -1)), (slice(None, None, -2), ..., 0),
    (..., slice(None, None, -1), None), [[0, 1], [1, 0]], np.array([1, 0, 1], np.uint8), np.array([2, -1], np.int16),
]  # fmt: skip
# NumPy moves the indexed dimensions to the front here; PyTorch takes the ints first.
MIXED = [
    (0, every, np.array([0, 1])), (I, 0), (0, I), (I, every, 1), (1, I, every), (-1, ..., np.array([1, 0])),
    (every, 1, np.array([0, 1, 1])), (I, 1, np.array([0, 1, 1])), (MASK, 1), (0, slice(1, 3), np.array([1])),
    (None, 0, I), (I, None, 0), (0, None, I), (TWO, 1, TWO), (1, TWO), (every, 0, TWO), (I, every, np.array([0, 1, 1])),
    (I, ..., np.array([0, 1, 1])), (I, None, np.array([0, 1, 1])), (0, np.array([True, False, True, True])),
    (0, [1, 2], every), (every, 0, [1, 0]), (slice(1, None), 0, np.array([0])),
    # a 0-d tensor among tensors is one of them; alone, or beside ints, it is an int
    (np.array(0), every, np.array([0, 1])), (I, every, np.array(1)), (np.array(0), None, I), (np.array(1), I, 0),
    (every, np.array(1), np.array([0, 1])), (np.array(1), np.array(2)), (None, np.array(0), None), (np.array(1), ..., 0),
    # truth values insert a dimension
    True, False, np.array(True), np.array(False), (True, 0), (0, True), (0, True, 0), (0, 0, 0, True), (True, 0, 0, 0),
    (True, True), (None, True), (True, None, 0), (every, True), (True, I), (I, True), (every, True, I), (True, every, I),
    (np.array(True), I), (np.array(True), np.array(True)), (np.array(True), None), (False, 0), (0, False),
    # masks of several dimensions, beside other parts
    (MASK2, 0), (MASK2, np.array(0)), (MASK2, None), (None, MASK2), (None, MASK2, None, 0), (MASK2, np.array([0])),
    (every, MASK2.T[:, :2]), (0, MASK2.T[:, :2]), (MASK, np.array([1, 0])), (MASK, every, np.array([1, 0])),
    (MASK, 1, np.array([1, 0])), ([True, False, True], 0), ([True, False, True], every, [0, 1]),
    # ... in the middle, None anywhere
    (I, ..., None, 1), (0, ..., np.array([1, 0])), (I, ..., 0), (None, ..., None), (..., None, np.array([1, 0])),
    (0, None, I, None), (None, I, None, 0), (TWO, None, TWO), (slice(0, 2), None, I, None, np.array([0, 1, 1])),
    (TWO[:, :1], every, np.array([0, 1])), (every, I, TWO[:, :1]), (np.array([1]), 0, 0), (0, 0, np.array([1, 0])),
    (range(2), 0), range(2), (slice(tg.tensor(0), tg.tensor(2)), 0), (np.zeros(0, int), 0), ([], 0), [],
]  # fmt: skip


def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(SHAPE)


def name(index: Any) -> str:
    return str(mapped(index, lambda a: a.tolist())).replace(" ", "").replace("slice", "s")


numpy_forms = pytest.mark.parametrize("index", [*INDICES, *NUMPYS], ids=name)
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
    "index",
    [
        3, -4, (0, 4), (0, 0, 0, 0), "a", 1.5, np.array([3]), np.array([0.5]), np.array([-4]), slice(0, 1.5),
        slice(0, tg.tensor(1.5)), slice(0, 2, 0), [every, 0], (I, np.array([0, 1])), np.array([True, False]),
        (np.array([0]),) * 4, 1j, (0, 0, 0, np.array([0])), {1: 2},
    ],
    ids=name,
)  # fmt: skip
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
    wanted = np.zeros(SHAPE) if t.grad is None else t.grad.numpy()  # None: nothing was read
    tolerances.assert_same(host(x.grad), wanted)
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
        if w.grad is not None:
            tolerances.assert_same(host(v.grad), w.grad.numpy())


def test_numbers_of_numpy_are_indices(device):
    x = tg.tensor(np.arange(6.0).reshape(2, 3), device=device)
    assert x[np.int64(1), np.int8(-1)].item() == 5
    assert x[np.bool_(True)].shape == (1, 2, 3)
    with pytest.raises(tg.errors.DtypeError, match="got float"):
        x[np.float64(1)]


def test_lists_and_numbers_are_written_on_the_tensors_device(device):
    x = tg.zeros(2, 3, device=device)
    x[0] = [1, 2, 3]
    x[1, 0] = tg.tensor(4.0)
    np.testing.assert_array_equal(host(x), [[1, 2, 3], [4, 0, 0]])


def test_values_on_another_device_are_not_written():
    x = tg.zeros(2, 3)
    x[0, 0] = tg.tensor(4.0, device="standin")
    with pytest.raises(tg.errors.DeviceError, match="different devices"):
        x[1] = tg.ones(3, device="standin")
    with pytest.raises(tg.errors.DeviceError, match="the index is on another device"):
        x[tg.tensor([0], device="standin")]
    np.testing.assert_array_equal(host(x), [[4, 0, 0], [0, 0, 0]])
