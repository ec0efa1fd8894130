"""Reductions and scans: what the table of operations cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import standin
import tapegrad as tg
import tolerances
from calls import host
from tapegrad import errors, kernels
from tapegrad.tensor import Tensor

NAN, INF = float("nan"), float("inf")


def half(value: float, *shape: int) -> Tensor:
    """float16 of one value, recorded."""
    return tg.tensor(np.full(shape, value, np.float16), requires_grad=True)


# -- float16 is accumulated in float32 ---------------------------------------------------------------

MANY: list[tuple[str, Any, float]] = [
    ("sum over rows", lambda: half(1, 5000, 2).sum(0)[0], 5000),  # float16 stops counting at 2048
    ("sum of all", lambda: half(1, 5000, 2).sum(), 10000),
    ("sum that cancels", lambda: tg.cat([half(6e4, 2, 1), half(-6e4, 2, 1)]).sum(0)[0], 0),
    ("sum after conversion", lambda: tg.sum(tg.ones(5000, 2), 0, dtype=tg.float16)[0], 5000),
    ("mean", lambda: half(300, 5000).mean(), 300),
    ("var", lambda: tg.cat([half(250, 1), half(-250, 1)]).var(correction=0), 62500),
    ("std", lambda: tg.cat([half(6e4, 5000), half(-6e4, 5000)]).std(correction=0), 6e4),
    ("mean of std_mean", lambda: tg.std_mean(half(6e4, 5000))[1], 6e4),
    ("nansum", lambda: tg.nansum(half(1, 5000, 2), 0)[0], 5000),
    ("nanmean", lambda: tg.nanmean(half(300, 5000, 2), 0)[0], 300),
    ("prod", lambda: tg.cat([half(300, 2), half(0.001, 1)]).prod(), 90),
    ("cumsum", lambda: tg.cumsum(half(1, 5000), 0)[-1], 5000),
    ("cumprod", lambda: tg.cumprod(half(1 + 2**-10, 2000), 0)[-1], (1 + 2**-10) ** 2000),
    ("norm", lambda: tg.norm(half(300, 100)), 3000),
    ("norm of order 3", lambda: tg.norm(half(300, 1000), 3), 3000),
    ("dist", lambda: tg.dist(half(300, 100), tg.zeros(100, dtype=tg.float16)), 3000),
    ("renorm", lambda: tg.renorm(half(300, 1, 100), 2, 0, 300.0)[0, 0], 30),
    ("logsumexp", lambda: tg.logsumexp(half(12, 4000), 0), 12 + np.log(4000)),
    ("logcumsumexp", lambda: tg.logcumsumexp(half(12, 4000), 0)[-1], 12 + np.log(4000)),
    ("trapezoid", lambda: tg.trapezoid(half(1, 5001)), 5000),
]


@pytest.mark.parametrize(("call", "wanted"), [m[1:] for m in MANY], ids=[m[0] for m in MANY])
def test_float16_neither_overflows_nor_loses_small_terms_on_the_way(
    call: Any, wanted: float
) -> None:
    out = call()
    assert out.dtype == tg.float16
    np.testing.assert_allclose(host(out).astype(float), wanted, rtol=2e-3, atol=1e-6)


# -- dimensions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [None, 0, -1, (0,), (-1,), ()], ids=str)
def test_a_zero_dimensional_tensor_is_its_own_sum(dim: Any, device: str) -> None:
    x = tg.tensor(3.0, device=device, requires_grad=True)
    for operation in (
        tg.sum,
        tg.mean,
        tg.nansum,
        tg.amax,
        tg.nanmean,
        tg.logsumexp,
        tg.count_nonzero,
    ):
        if operation is tg.logsumexp and dim is None:
            continue
        assert operation(x, dim).shape == ()
    for keepdim in (False, True):
        out = tg.sum(x, dim, keepdim)
        assert out.shape == () and out.item() == 3
    (g,) = tg.autograd.grad(tg.sum(x, dim), x)
    assert g.shape == () and g.item() == 1


def test_an_empty_dim_means_all_dimensions_but_for_all_and_any(device: str) -> None:
    x = tg.tensor([[0.0, 2.0], [3.0, 0.0]], device=device)
    for operation in (
        tg.sum,
        tg.mean,
        tg.var,
        tg.std,
        tg.nansum,
        tg.amax,
        tg.amin,
        tg.count_nonzero,
    ):
        assert operation(x, ()).shape == ()
    for operation in (tg.all, tg.any):
        assert host(operation(x, ())).tolist() == [[False, True], [True, False]]


def test_all_and_any_of_uint8_are_uint8(device: str) -> None:
    x = tg.tensor(np.array([[2, 0], [1, 3]], np.uint8), device=device)
    for out, wanted in (
        (tg.all(x, 1), [0, 1]),
        (tg.any(x, 1), [1, 1]),
        (tg.all(x), 0),
        (tg.any(x), 1),
    ):
        assert out.dtype == tg.uint8 and host(out).tolist() == wanted
    assert tg.all(x.to(tg.int8)).dtype == tg.bool


# -- dtypes --------------------------------------------------------------------------------------------


def test_integers_are_accumulated_in_int64_or_in_the_dtype_asked_for() -> None:
    x = tg.tensor(np.array([200, 100], np.uint8))
    for operation in (tg.sum, tg.nansum):
        assert operation(x).item() == 300
        assert operation(x, dtype=tg.uint8).item() == 44
        assert operation(x, dtype=tg.uint8).dtype == tg.uint8
        assert operation(x, dtype=tg.float64).dtype == tg.float64
    assert tg.prod(x).item() == 20000 and tg.prod(x, dtype=tg.int16).dtype == tg.int16
    for operation in (tg.cumsum, tg.cumprod):
        assert operation(x, 0).dtype == tg.int64
        assert operation(x, 0, dtype=tg.int32).dtype == tg.int32
        assert operation(x[0], 0).dtype == tg.int64


def test_dtype_converts_first_and_the_gradient_back() -> None:
    x = tg.tensor(np.array([200, 200, 10], np.float16), requires_grad=True)
    for operation in (
        tg.sum,
        tg.prod,
        tg.nansum,
        tg.nanmean,
        tg.norm,
        lambda x, dtype: tg.cumsum(x, 0, dtype=dtype)[-1],
    ):
        out = operation(x, dtype=tg.float64)
        assert out.dtype == tg.float64
        (g,) = tg.autograd.grad(out, x)
        assert g.dtype == tg.float16
    assert tg.prod(x, dtype=tg.float64).item() == 4e5


def test_in_place_scans_keep_the_dtype_of_integers() -> None:
    x = tg.tensor(np.array([1, 2, 3], np.int32))
    assert x.cumsum_(0) is x and x.dtype == tg.int32 and x.tolist() == [1, 3, 6]
    assert x.cumprod_(0).tolist() == [1, 3, 18]
    with pytest.raises(errors.DtypeError, match="bool cannot hold"):
        tg.tensor([True, True]).cumsum_(0)


def test_maximum_and_minimum_of_bools(device: str) -> None:
    x = tg.tensor([[False, True], [False, False]], device=device)
    for operation, whole, rows, places in (
        (tg.max, True, [True, False], [1, 0]), (tg.min, False, [False, False], [0, 0]),
    ):  # fmt: skip
        assert operation(x).dtype == tg.bool and operation(x).item() is whole
        values, indices = operation(x, 1)
        assert values.dtype == tg.bool and host(values).tolist() == rows
        assert host(indices).tolist() == places
    assert host(tg.amax(x, 1)).tolist() == [True, False]
    assert host(tg.cummax(x, 1).values).tolist() == [[False, True], [False, False]]
    assert host(tg.cummax(x, 1).indices).tolist() == [[0, 1], [0, 1]]


# -- what is refused -----------------------------------------------------------------------------------

REFUSED: list[tuple[Any, type[Exception], str]] = [
    (lambda x: x.long().var(), errors.DtypeError, "floating"),
    (lambda x: x.long().std(), errors.DtypeError, "floating"),
    (lambda x: x.mean(dtype=tg.int64), errors.DtypeError, "floating"),
    (lambda x: (x > 0).argmax(), errors.DtypeError, "not defined for bool"),
    (lambda x: (x > 0).argmin(0), errors.DtypeError, "not defined for bool"),
    (lambda x: x.max(keepdim=True), errors.ArgumentError, "use amax"),
    (lambda x: x.min(keepdim=True), errors.ArgumentError, "use amin"),
    (lambda x: x.max((0, 1)), errors.ArgumentError, "int"),
    (lambda x: tg.nanmean(x, dtype=tg.int64), errors.DtypeError, "floating"),
    (lambda x: tg.all(x, (0, 0)), errors.ArgumentError, "twice"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_has_no_meaning_is_refused(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call(tg.ones(2, 3))


# -- no degrees of freedom -----------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("correction", [1, 3, 5])
@pytest.mark.parametrize(
    "values", [[2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [2.0, 2.0], []], ids=str
)
def test_spread_without_freedom_equals_pytorch(name: str, correction: int, values: Any) -> None:
    torch = pytest.importorskip("torch")
    if correction == 1 and len(values) > 1:
        return
    x = tg.tensor(np.array(values), requires_grad=True)
    t = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    with np.errstate(all="ignore"):
        have = getattr(tg, name)(x, correction=correction)
        want = getattr(torch, name)(t, correction=correction)
        have, want = (have, want) if isinstance(have, tuple) else ((have,), (want,))
        for h, w in zip(have, want, strict=True):
            tolerances.assert_same(host(h), w.detach().numpy())
        have[0].backward()
    want[0].backward()
    tolerances.assert_same(host(x.grad), t.grad.numpy())


# -- NumPy's functions ---------------------------------------------------------------------------------


def test_numpys_functions_take_numpys_arguments() -> None:
    a = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 2))
    x = tg.tensor(a, requires_grad=True)
    calls: list[Any] = [
        lambda v: np.std(v), lambda v: np.std(v, axis=1, ddof=1, keepdims=True),
        lambda v: np.prod(v, axis=(0, 2)), lambda v: np.prod(v, axis=(0, -1), keepdims=True),
        lambda v: np.prod(v, keepdims=True), lambda v: np.multiply.reduce(v, axis=1),
        lambda v: np.multiply.reduce(v), lambda v: np.cumsum(v), lambda v: np.cumprod(v),
        lambda v: np.cumsum(v, axis=1, dtype=np.float64), lambda v: np.nansum(v, axis=1, keepdims=True),
        lambda v: np.nanmean(v, axis=(0, 1)), lambda v: np.diff(v, n=2, axis=1),
        lambda v: np.diff(v, axis=0, prepend=v[:1], append=v), lambda v: np.trapezoid(v, dx=0.5, axis=1),
        lambda v: np.trapezoid(v, np.array([1.0, 2.0, 4.0]), axis=1), lambda v: np.max(v, axis=(0, 1)),
        lambda v: np.amin(v, axis=(0, 2), keepdims=True), lambda v: np.maximum.reduce(v, axis=(0, 1)),
    ]  # fmt: skip
    for i, call in enumerate(calls):
        out = call(x)
        assert isinstance(out, Tensor) and out.requires_grad, i
        tolerances.assert_same(host(out), call(a), f"call {i}")
    assert np.count_nonzero(x, axis=1, keepdims=True).tolist() == [[[3, 3]], [[3, 3]]]


# -- scans ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(10))
@pytest.mark.parametrize("axis", [0, 1])
def test_the_recurrence_is_the_loop(n: int, axis: int) -> None:
    rng = np.random.default_rng(n)
    b, a = rng.normal(size=(n, 3)), rng.normal(size=(max(n - 1, 0), 3))
    want = b.copy()
    for i in range(1, n):
        want[i] += a[i - 1] * want[i - 1]
    have = kernels.recurrence(*(np.moveaxis(m, 0, axis) for m in (b, a)), axis)
    tolerances.assert_same(have, np.moveaxis(want, 0, axis))


@pytest.mark.parametrize("n", range(10))
def test_the_generic_scans_equal_numpys(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(2, n))
    on_device = standin.from_host(x)
    for ufunc in (np.maximum, np.minimum, np.add):
        have = kernels.accumulate(on_device, ufunc, 1)
        tolerances.assert_same(standin.to_host(have), ufunc.accumulate(x, axis=1))
    have = kernels.logaddexp_scan(on_device, 1)
    tolerances.assert_same(standin.to_host(have), np.logaddexp.accumulate(x, axis=1))


def test_the_gradient_of_logcumsumexp_stays_finite_over_a_wide_range() -> None:
    values = np.array([0.0, 1000.0, -1000.0, 999.0, 2000.0])
    x = tg.tensor(values, requires_grad=True)
    tg.logcumsumexp(x, 0).sum().backward()
    y = np.logaddexp.accumulate(values)
    want = [np.exp(values[i] - y[i:]).sum() for i in range(5)]
    np.testing.assert_allclose(host(x.grad), want, rtol=1e-12)


def test_cumprod_has_the_gradient_of_the_products_where_there_are_zeros() -> None:
    x = tg.tensor(np.array([2.0, 0.0, 3.0, 0.0, 5.0]), requires_grad=True)
    tg.cumprod(x, 0).sum().backward()
    assert host(x.grad).tolist() == [1.0, 8.0, 0.0, 0.0, 0.0]


def test_nan_stays_in_running_products_and_sums() -> None:
    x = tg.tensor([1.0, NAN, 2.0])
    for operation in (tg.cumsum, tg.cumprod):
        np.testing.assert_array_equal(host(operation(x, 0)), [1, NAN, NAN])


def test_cummax_names_its_parts() -> None:
    found = tg.cummax(tg.tensor([1.0, 3.0, 2.0]), 0)
    assert found._fields == ("values", "indices") and type(found).__name__ == "cummax"
    assert found.indices.dtype == tg.int64 and found.indices.tolist() == [0, 1, 1]
    assert tg.aminmax(tg.ones(2))._fields == ("min", "max")


# -- trapezoid -----------------------------------------------------------------------------------------


def test_the_trapezoidal_rule_of_integers_is_floating_and_does_not_wrap_around() -> None:
    y = tg.tensor(np.array([200, 100, 250], np.uint8))
    x = tg.tensor(np.array([250, 100, 0], np.uint8))
    assert tg.trapezoid(y).dtype == tg.float32 and tg.trapezoid(y).item() == 325
    assert tg.cumulative_trapezoid(y).tolist() == [150, 325]
    assert tg.trapezoid(y, x).item() == -150 * 150 - 175 * 100
    assert tg.trapezoid(y.to(tg.int64), x.to(tg.float64)).dtype == tg.float64


def test_an_integral_over_nothing_is_zero() -> None:
    none = tg.zeros(0)
    assert tg.trapezoid(none).item() == 0 and tg.trapezoid(none, none).item() == 0
    assert tg.cumulative_trapezoid(none).shape == (0,)
    assert tg.cumulative_trapezoid(tg.ones(1)).shape == (0,)
    assert tg.trapz is tg.trapezoid


def test_the_spacing_may_be_learnt() -> None:
    dx = tg.tensor(0.5, requires_grad=True)
    tg.trapezoid(tg.tensor([1.0, 2.0, 4.0]), dx=dx).backward()
    assert dx.grad.item() == pytest.approx(4.5)


def test_a_norm_in_a_wider_dtype() -> None:
    x = tg.tensor(np.full(4, 3e38, np.float32), requires_grad=True)
    out = tg.norm(x, dtype=tg.float64)
    assert out.dtype == tg.float64 and out.item() == pytest.approx(6e38)
    (g,) = tg.autograd.grad(out, x)
    assert g.dtype == tg.float32
    np.testing.assert_allclose(host(g), 0.5)


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_extreme_of_two_tensors_is_taken_elementwise(name: str, device: str) -> None:
    x, y = (tg.tensor(v, device=device) for v in ([1.0, NAN, 3.0], [2.0, 0.0, -3.0]))
    np.testing.assert_array_equal(
        host(getattr(tg, name)(x, y)), host(getattr(tg, f"{name}imum")(x, y))
    )


def test_a_bool_for_dim_is_unbiased() -> None:
    x = tg.tensor([1.0, 2.0, 4.0])
    for unbiased in (False, True):
        assert tg.var(x, unbiased).item() == tg.var(x, correction=int(unbiased)).item()


def test_the_norm_keeps_real_and_complex_apart() -> None:
    with pytest.raises(errors.DtypeError, match="dtype must be real"):
        tg.norm(tg.ones(3), dtype=tg.complex64)
    with pytest.raises(errors.DtypeError, match="dtype must be real"):
        tg.linalg.vector_norm(tg.ones(3), dtype=tg.complex64)
    with pytest.raises(errors.DtypeError, match="dtype must be complex"):
        tg.linalg.vector_norm(tg.ones(3, dtype=tg.complex64), dtype=tg.float32)
    assert tg.linalg.vector_norm(tg.ones(4), dtype=tg.float64).dtype == tg.float64
