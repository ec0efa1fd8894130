"""What the table cannot say of operations by index: large arrays, integer dtypes, refusals that change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import call, host, is_varied, label, listed, mapped, samples_of
from samples import Row
from tables.gather import ROWS
from tapegrad import kernels

every = slice(None)
rng = np.random.default_rng(0)

# For a (40, 6, 5) array; each names more than 500 elements, where a faster text takes over.
LARGE = {
    "rows": (rng.integers(-40, 40, 90), ...),
    "columns": (every, rng.integers(-6, 6, 8)),
    "last": (..., rng.integers(0, 5, 9)),
    "two together": (rng.integers(0, 40, (30, 1)), rng.integers(-6, 0, 20)),
    "three together": tuple(rng.integers(0, n, 700) for n in (40, 6, 5)),
    "two apart": (rng.integers(0, 40, 200), every, rng.integers(0, 5, 200)),
    "a part": (rng.integers(0, 40, 50), slice(1, 4)),
    "an inserted dimension": (rng.integers(0, 40, 50), None),
    "narrow integers": (rng.integers(0, 40, 90).astype(np.int8),),
    "a mask": (rng.random((40, 6, 5)) < 0.7,),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_gradient_of_a_large_read_adds_at_every_position(name: str, device: str) -> None:
    index = LARGE[name]
    values = rng.standard_normal((40, 6, 5))
    x = tg.tensor(values, device=device, requires_grad=True)
    out = x[mapped(index, lambda a: tg.tensor(a, device=device))]
    g = rng.standard_normal(out.shape)
    assert g.size >= 500
    out.backward(tg.tensor(g, device=device))
    wanted = np.zeros_like(values)
    np.add.at(wanted, index, g)
    tolerances.assert_same(host(x.grad), wanted)


def test_a_gradient_in_another_memory_order_is_added_the_same() -> None:
    index = rng.integers(0, 40, 90)
    g = rng.standard_normal((5, 6, 90)).T
    wanted = np.zeros((40, 6, 5))
    np.add.at(wanted, index, g)
    tolerances.assert_same(kernels.index_add(g, ((index,),), wanted.shape, True), wanted)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=repr)
@pytest.mark.parametrize("places", [1, 2, 7, 150])
def test_values_are_combined_at_their_places(
    ufunc: Any, dtype: str, places: int, device: str
) -> None:
    at = rng.integers(0, places, 100)
    x, values = rng.integers(0, 2, places).astype(dtype), rng.integers(0, 3, 100).astype(dtype)
    wanted = x.copy()
    ufunc.at(wanted, at, values)
    arrays = (tg.tensor(a, device=device).array for a in (x, at, values))
    have = kernels.combine_at(*arrays, ufunc)
    assert have.dtype == dtype
    np.testing.assert_array_equal(host(tg.tensor(have)), wanted)


def test_the_second_gradient_of_a_product_with_two_zeros_is_exact(device: str) -> None:
    def product(x: Any, src: Any) -> Any:
        index = tg.tensor([0, 0, 0, 1], device=device)
        return tg.scatter_reduce(x, 0, index, src, "prod")

    values = [np.array([2.0, 0.0]), np.array([0.0, 0.0, 3.0, 0.0])]
    gradients.check(product, values, device)
    gradients.check_second(product, values, device)


def test_an_element_that_takes_no_part_gets_no_share_of_a_tie() -> None:
    x = tg.tensor([5.0, 7.0], requires_grad=True)
    src = tg.tensor([5.0, 5.0, 1.0], requires_grad=True)
    index = tg.tensor([0, 0, 1])
    out = tg.scatter_reduce(x, 0, index, src, "amax", include_self=False)
    out.backward(tg.tensor([1.0, 2.0]))
    assert x.grad.tolist() == [0.0, 0.0]
    assert src.grad.tolist() == [0.5, 0.5, 2.0]


READS = {
    "getitem": lambda x, i: x[i],
    "getitem of two": lambda x, i: x[i, i],
    "index_select": lambda x, i: tg.index_select(x, 0, i),
    "index_add": lambda x, i: tg.index_add(x, 0, i, x[:2] * 2),
    "index_copy": lambda x, i: tg.index_copy(x, 0, i, x[:2] * 2),
    "index_fill": lambda x, i: tg.index_fill(x, 0, i, 1.0),
    "index_put": lambda x, i: tg.index_put(x, (i,), x[:2] * 2),
    "setitem": lambda x, i: _written(x, i),
    "masked_select": lambda x, i: tg.masked_select(x, i > 0),
}


def _written(x: Any, i: Any) -> Any:
    y = x * 1
    y[i] = x[:2] * 2
    return y


@pytest.mark.parametrize("name", READS)
def test_an_index_changed_before_backward_is_noticed_or_does_no_harm(name: str) -> None:
    def gradient(change: bool) -> Any:
        x = tg.arange(9.0).reshape(3, 3).clone().requires_grad_()
        x = x.detach().requires_grad_()
        i = tg.tensor([0, 2])
        x_in = x[:, :2] if name == "masked_select" else x
        out = READS[name](x_in, i)
        if change:
            i.fill_(1)
        (out * out).sum().backward()
        return x.grad.tolist()

    wanted = gradient(False)
    try:
        assert gradient(True) == wanted
    except tg.errors.GraphError as error:
        assert "changed in place" in str(error)


REFUSED = [
    ("scatter_", (0, np.array([0, 9]), np.ones(2))),
    ("scatter_", (0, np.array([0, -1]), 1.0)),
    ("scatter_add_", (0, np.array([0, 3]), np.ones(2))),
    ("scatter_reduce_", (0, np.array([0, 3]), np.ones(2), "amax")),
    ("index_add_", (0, np.array([0, 3]), np.ones(2))),
    ("index_copy_", (0, np.array([0, 3]), np.ones(2))),
    ("index_fill_", (0, np.array([0, 3]), 1.0)),
    ("index_reduce_", (0, np.array([0, 3]), np.ones(2), "prod")),
    ("index_put_", ((np.array([0, 3]),), np.ones(2))),
    ("put_", (np.array([0, 3]), np.ones(2))),
    ("masked_scatter_", (np.array([True, True, False]), np.ones(1))),
    ("masked_scatter_", (np.ones((2, 3), bool), np.ones(6))),
]


@pytest.mark.parametrize(
    ("name", "args"), REFUSED, ids=[f"{n}{i}" for i, (n, _) in enumerate(REFUSED)]
)
def test_a_refused_change_in_place_changes_nothing(name: str, args: Any, device: str) -> None:
    x = tg.tensor([5.0, 6.0, 7.0], dtype=tg.float64, device=device)
    with pytest.raises((tg.errors.DimensionError, tg.errors.ShapeError)):
        getattr(x, name)(*mapped(args, lambda a: tg.tensor(a, device=device)))
    assert x.tolist() == [5.0, 6.0, 7.0]


def test_operands_on_another_device_are_refused() -> None:
    x, i = tg.ones(3), tg.tensor([0])
    far, far_i = tg.ones(1, device="standin"), tg.tensor([0], device="standin")
    for refused in (
        lambda: tg.gather(x, 0, far_i), lambda: tg.index_select(x, 0, far_i), lambda: tg.take(x, far_i),
        lambda: tg.scatter(x, 0, i, far), lambda: tg.scatter_add(x, 0, far_i, far), lambda: tg.put(x, i, far),
        lambda: tg.index_put(x, (far_i,), tg.ones(1)), lambda: tg.index_fill(x, 0, i, far.sum()),
        lambda: tg.masked_select(x, far > 0), lambda: tg.masked_scatter(x, x > 0, far),
        lambda: tg.select_scatter(x, far.sum(), 0, 0), lambda: tg.slice_scatter(x, far, 0, 0, 1),
        lambda: tg.diagonal_scatter(tg.ones(1, 1), far),
    ):  # fmt: skip
        with pytest.raises(tg.errors.DeviceError):
            refused()


def test_numpys_take_and_nonzero_are_recorded_on_tensors(device: str) -> None:
    values = rng.standard_normal((3, 4))
    x = tg.tensor(values, device=device, requires_grad=True)
    index = tg.tensor([[0, -1], [2, 0]], device=device)
    out = np.take(x, index, axis=1)
    tolerances.assert_same(host(out), np.take(values, host(index), axis=1))
    assert out.requires_grad
    for have, want in zip(np.nonzero(x > 0), np.nonzero(values > 0), strict=True):
        np.testing.assert_array_equal(host(have), want)
    with pytest.raises(tg.errors.DtypeError, match="mode"):
        np.take(x, index, mode="clip")


def test_an_index_on_a_view_of_a_transposed_array_reads_its_elements() -> None:
    values = rng.standard_normal((4, 3))
    t = tg.tensor(values).T
    tolerances.assert_same(host(tg.take(t, tg.tensor([1, 4]))), values.T.ravel()[[1, 4]])
    tolerances.assert_same(
        host(tg.put(t, tg.tensor([1]), tg.tensor([9.0], dtype=tg.float64))).T[1, 0], 9.0
    )


@pytest.mark.torch
@pytest.mark.filterwarnings(
    "ignore:.*in beta:UserWarning", "ignore:The reduce argument:UserWarning"
)
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool", "float16"])
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_other_dtypes_have_pytorchs_dtype_and_value(row: Row, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    function = getattr(torch, row.torch or row.name)
    for sample in samples_of(row):
        if dtype == "bool" and any(isinstance(a, str) and a == "mean" for a in sample.args):
            continue  # refused here; PyTorch refuses it in scatter_reduce only

        def change(array: np.ndarray) -> np.ndarray:
            if not is_varied(array):
                return array
            return np.round(np.abs(array) * 2).astype(dtype)

        args, kwargs = mapped(sample.args, change), mapped(sample.kwargs, change)
        try:
            want = listed(function(*mapped(args, torch.tensor), **mapped(kwargs, torch.tensor)))
        except (RuntimeError, TypeError, NotImplementedError):
            continue
        changed = sample._replace(args=args, kwargs=kwargs)
        for have, wanted in zip(listed(call(row, changed, tg.tensor)), want, strict=True):
            assert str(wanted.dtype) == f"torch.{have.dtype}", f"{row}{label(sample)}"
            tolerances.assert_same(host(have), wanted.numpy(), f"{row}{label(sample)} of {dtype}")


@pytest.mark.parametrize("where", ["cpu", "standin"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64"])
def test_whole_numbers_are_added_at_repeated_places(dtype: str, where: str) -> None:
    x, v = np.array([[0, 1], [1, 0], [-3, 5]]).astype(dtype), np.array([1, -2, 1]).astype(dtype)
    i, j = np.array([0, 0, 2]), np.array([0, 0, 1])
    want = x.copy()
    np.add.at(want, (i, j), v)
    x, v, i, j = (tg.tensor(a, device=where) for a in (x, v, i, j))
    for have in (
        tg.index_put(x, (i, j), v, accumulate=True),
        tg.put(x, i * 2 + j, v, accumulate=True),
    ):
        assert have.dtype == dtype
        np.testing.assert_array_equal(host(have), want)


def test_rows_of_a_read_only_table_are_not_scaled_down() -> None:
    table = tg.ones(1, 2).expand(3, 2)
    with pytest.raises(
        tg.errors.ArgumentError, match="max_norm changes weight, which is read-only"
    ):
        tg.nn.functional.embedding(tg.tensor([0]), table, max_norm=1.0)
    none = tg.nn.functional.embedding(tg.zeros(0, dtype=tg.int64), tg.ones(3, 2), max_norm=1.0)
    assert none.shape == (0, 2)
