"""Order and statistics: ties, large inputs, gradients of weights, NumPy's words on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
from calls import host
from tapegrad import errors

NAN, INF = float("nan"), float("inf")


def tied(n: int = 5000, seed: int = 0) -> np.ndarray:
    """Many equal values, NaN and infinities among them."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.standard_normal(n) * 20)
    x[rng.integers(0, n, 50)] = NAN
    x[rng.integers(0, n, 50)] = INF
    return x


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_a_sort_with_ties_names_where_its_values_come_from(
    dtype: str, stable: bool, descending: bool
) -> None:
    x = tied() if dtype.startswith("float") else np.nan_to_num(np.abs(tied()), posinf=0) % 200
    x = x.astype(dtype).reshape(50, 100)
    values, indices = tg.sort(tg.tensor(x), 1, descending, stable=stable)
    want = np.sort(x, axis=1)
    np.testing.assert_array_equal(host(values), want[:, ::-1] if descending else want)
    np.testing.assert_array_equal(np.take_along_axis(x, host(indices), 1), host(values))
    np.testing.assert_array_equal(np.sort(host(indices), axis=1), np.tile(np.arange(100), (50, 1)))
    if stable:
        same = host(values)[:, 1:] == host(values)[:, :-1]
        assert np.all(np.diff(host(indices))[same] > 0)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("k", [1, 3, 60, 99, 100])
def test_topk_with_ties_is_the_front_of_the_sort(k: int, largest: bool) -> None:
    x = tied().reshape(50, 100)
    values, indices = tg.topk(tg.tensor(x), k, 1, largest)
    want = np.sort(x, axis=1)[:, ::-1] if largest else np.sort(x, axis=1)
    np.testing.assert_array_equal(host(values), want[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(x, host(indices), 1), host(values))
    loose = tg.topk(tg.tensor(x), k, 1, largest, sorted=False).values
    np.testing.assert_array_equal(np.sort(host(loose)), np.sort(want[:, :k]))


def test_kthvalue_and_median_with_ties_name_where_they_found_the_value() -> None:
    x = np.nan_to_num(tied(), nan=0.0).reshape(50, 100)
    for values, indices in (tg.kthvalue(tg.tensor(x), 50, 1), tg.median(tg.tensor(x), 1)):
        np.testing.assert_array_equal(host(values), np.sort(x, axis=1)[:, 49])
        found = np.take_along_axis(x, host(indices)[:, None], 1)[:, 0]
        np.testing.assert_array_equal(found, host(values))


def test_the_median_of_a_row_with_nan_names_its_first() -> None:
    values, indices = tg.median(tg.tensor([[1.0, NAN, 2.0, NAN], [1.0, 2.0, 3.0, 4.0]]), 1)
    assert np.isnan(values[0].item()) and values[1].item() == 2
    assert indices.tolist() == [1, 1]
    assert np.isnan(tg.median(tg.zeros(0)).item())


def test_a_sorted_copy_carries_each_gradient_back_to_its_place() -> None:
    x = tg.tensor([3.0, 1.0, 2.0], requires_grad=True)
    tg.sort(x).values.backward(tg.tensor([10.0, 20.0, 30.0]))
    assert x.grad is not None and x.grad.tolist() == [30.0, 10.0, 20.0]


def test_a_quantile_at_an_infinite_element_is_that_element() -> None:
    q = tg.tensor([0.0, 0.5, 0.9, 1.0])
    assert tg.quantile(tg.tensor([1.0, 2.0, INF]), q).tolist() == [1.0, 2.0, INF, INF]
    assert tg.quantile(tg.tensor([-INF, 2.0, 3.0]), q[:2]).tolist() == [-INF, 2.0]


def test_the_gradient_of_a_quantile_between_equal_elements_is_shared() -> None:
    x = tg.tensor([[1.0, 1.0, 1.0, 1.0]], requires_grad=True)
    tg.quantile(x, 0.5).backward()
    assert x.grad is not None and sorted(x.grad.tolist()[0]) == [0.0, 0.0, 0.5, 0.5]


def test_low_precision_names_positions_of_many_elements() -> None:
    x = tg.arange(3001, dtype=tg.float32).to(tg.float16)
    assert tg.quantile(x, 0.5).item() == 1500
    assert tg.median(x).item() == 1500


def test_modes_of_many_rows() -> None:
    x = np.random.default_rng(1).integers(0, 9, (40, 60))
    values, indices = tg.mode(tg.tensor(x))
    counts = np.sum(x[:, :, None] == np.arange(9), axis=1)
    np.testing.assert_array_equal(host(values), np.argmax(counts, axis=1))
    last = 59 - np.argmax(x[:, ::-1] == host(values)[:, None], axis=1)
    np.testing.assert_array_equal(host(indices), last)
    assert tg.mode(tg.tensor([[True, False]]), 0).values.tolist() == [True, False]


def test_bincount_is_differentiable_in_its_weights() -> None:
    x = tg.tensor([2, 0, 2, 5])
    w = np.random.default_rng(0).standard_normal(4)
    gradients.check(lambda w: tg.bincount(x, w * w), [w])
    gradients.check_second(lambda w: tg.bincount(x, w * w, 8), [w])
    assert tg.bincount(x, tg.ones(4)).dtype == tg.float32
    assert tg.bincount(x, tg.ones(4, dtype=tg.float16)).dtype == tg.float64


def test_cov_is_differentiable_in_its_weights() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 4)), rng.uniform(0.5, 2, 4)]
    f = tg.tensor([1, 2, 1, 3])
    gradients.check(lambda x, a: tg.cov(x, fweights=f, aweights=a), arrays)
    gradients.check_second(lambda x, a: tg.cov(x, aweights=a, correction=0), arrays)


def test_unique_of_many_values_is_numpys() -> None:
    x = tied().reshape(50, 100)
    values, inverse, counts = tg.unique(tg.tensor(x), return_inverse=True, return_counts=True)
    want, where, how_many = np.unique(x, False, True, True, equal_nan=False)
    np.testing.assert_array_equal(host(values), want)
    finite = ~np.isnan(x)
    np.testing.assert_array_equal(host(inverse)[finite], where.reshape(x.shape)[finite])
    np.testing.assert_array_equal(host(counts), how_many)


def test_rows_are_searched_like_single_sequences() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 64, 100):
        rows, values = np.sort(rng.integers(0, 30, (5, n))), rng.integers(-1, 31, (5, 40))
        for right in (False, True):
            side: Any = "right" if right else "left"
            want = [np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)]
            have = tg.searchsorted(tg.tensor(rows), tg.tensor(values), right=right)
            np.testing.assert_array_equal(host(have), want)


WORDS = {
    "sort": (lambda x: np.sort(x)),
    "sort along 0": (lambda x: np.sort(x, 0, kind="stable")),
    "sort flattened": (lambda x: np.sort(x, axis=None)),
    "argsort": (lambda x: np.argsort(x, 0)),
    "argsort flattened": (lambda x: np.argsort(x, axis=None, stable=True)),
    "median": (lambda x: np.median(x)),
    "median along 1": (lambda x: np.median(x, 1)),
    "median along two": (lambda x: np.median(x, axis=(0, 2), keepdims=True)),
    "nanmedian": (lambda x: np.nanmedian(x, axis=-1)),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=(0, 1))),
    "quantiles": (lambda x: np.quantile(x, [[0.1, 0.2], [0.7, 1.0]], axis=1, keepdims=True)),
    "quantile of a method": (lambda x: np.quantile(x, 0.37, method="lower")),
    "nanquantile": (lambda x: np.nanquantile(x, [0.3], axis=0)),
    "percentile": (lambda x: np.percentile(x, 30, axis=2)),
    "percentiles": (lambda x: np.percentile(x, [10, 50.0])),
    "nanpercentile": (lambda x: np.nanpercentile(x, 75)),
    "searchsorted": (lambda x: np.searchsorted(np.sort(x, axis=None), x, side="right")),
    "digitize": (lambda x: np.digitize(x, np.sort(x[0, 0]))),
    "digitize right": (lambda x: np.digitize(x, np.sort(x[0, 0]), right=True)),
    "unique": (lambda x: np.unique(x)),
    "unique with counts": (lambda x: np.unique(x > 0, return_inverse=True, return_counts=True)),
    "cov": (lambda x: np.cov(x[0], bias=True)),
    "cov with ddof": (lambda x: np.cov(x[0], ddof=2)),
    "corrcoef": (lambda x: np.corrcoef(x[0])),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("device", ["cpu", "standin"])
def test_numpys_words_keep_their_meaning_on_tensors(word: str, device: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    have = WORDS[word](tg.tensor(x, device=device))
    want = WORDS[word](x)
    pairs = zip(have, want, strict=True) if isinstance(want, tuple) else [(have, want)]
    for h, w in pairs:
        assert isinstance(h, tg.Tensor)
        np.testing.assert_allclose(host(h), w, rtol=1e-12)


def test_numpys_unique_takes_all_nans_for_one_and_its_median_takes_integers() -> None:
    x = tg.tensor([NAN, 1.0, NAN])
    np.testing.assert_array_equal(host(np.unique(x)), [1.0, NAN])
    assert np.median(tg.tensor([1, 2, 4, 8])).item() == 3.0
    with pytest.raises(errors.DtypeError, match="return_index"):
        np.unique(x, return_index=True)


def test_numpys_median_is_differentiable() -> None:
    x = np.random.default_rng(0).permutation(12).reshape(3, 4) * 1.0
    gradients.check(lambda t: np.median(t, axis=1), [x])
    gradients.check(lambda t: np.percentile(t, [20, 30], axis=0), [x])


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32"])
def test_values_and_dtypes_of_integers_equal_pytorchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).integers(0, 9, (4, 7)).astype(dtype)
    ours, theirs = tg.tensor(x), torch.tensor(x)
    for name, *args in (
        ("sort", 0), ("topk", 3), ("topk", 2, 0, False), ("kthvalue", 4), ("median", 1), ("median",),
        ("nanmedian", 0), ("nanmedian",), ("mode", 1), ("msort",),
    ):  # fmt: skip
        have, want = getattr(tg, name)(ours, *args), getattr(torch, name)(theirs, *args)
        h, w = (have[0], want[0]) if isinstance(want, tuple) else (have, want)
        assert str(w.dtype) == f"torch.{h.dtype}", name
        np.testing.assert_array_equal(host(h), w.numpy(), err_msg=name)
    s, t = ours.reshape(-1).sort().values, theirs.reshape(-1).sort().values
    for v, u in ((ours, theirs), (3, 3), (2.5, 2.5), (ours.to(tg.float64), theirs.double())):
        np.testing.assert_array_equal(
            host(tg.searchsorted(s, v, right=True)), torch.searchsorted(t, u, right=True).numpy()
        )


@pytest.mark.torch
def test_counts_of_values_on_edges_equal_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    x = (np.random.default_rng(0).integers(-50, 51, 3000) * 0.1).astype("f4")
    ours, theirs = tg.tensor(x), torch.tensor(x)
    for bins in (5, 10, 64):
        have, want = tg.histogram(ours, bins), torch.histogram(theirs, bins)
        np.testing.assert_allclose(
            host(have.bin_edges), want.bin_edges.numpy(), rtol=1e-6, atol=1e-6
        )
        assert have.hist.sum().item() == 3000
    np.testing.assert_array_equal(
        host(tg.histc(ours, 10, -8, 8)), torch.histc(theirs, 10, -8, 8).numpy()
    )
    edges = np.array([-5.0, -1.5, 0.25, 4.0], "f4")
    np.testing.assert_array_equal(
        host(tg.histogram(ours, tg.tensor(edges)).hist),
        torch.histogram(theirs, torch.tensor(edges)).hist.numpy(),
    )


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_rows_without_a_number_leave_the_gradient_of_q_alone(name: str, device: str) -> None:
    x = tg.tensor([[NAN, NAN, NAN], [1.0, 2.0, 4.0]], device=device)
    q = tg.tensor([0.3, 0.75], device=device, requires_grad=True)
    y = getattr(tg, name)(x, q, dim=1)
    y[:, 1].sum().backward()
    np.testing.assert_allclose(host(q.grad), [2.0, 4.0])
    q.grad = None
    getattr(tg, name)(x, q, dim=1).sum().backward()
    np.testing.assert_allclose(host(q.grad), [2.0, 4.0])
