"""Special functions: precision in every range, and what the table of operations cannot express."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import gradients
import standin
import tapegrad as tg
import tolerances
from tapegrad import kernels
from tapegrad.device import Backend, backend_of
from tapegrad.tensor import to_host

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def ulps(have: Any, want: Any) -> float:
    """Largest relative difference in units of the dtype's eps."""
    have = np.asarray(have)
    exact = np.asarray(want, "f8")
    return float(np.max(np.abs(have.astype("f8") - exact) / np.abs(exact)) / EPS[str(have.dtype)])


def spread(low: float, high: float, dtype: str = "float64", n: int = 20000) -> np.ndarray:
    """Random values, more than one block of them."""
    return np.random.default_rng(0).uniform(low, high, n).astype(dtype)


def by_libm(function: Any, x: np.ndarray) -> np.ndarray:
    """The C library's answer in float64, right to one unit in the last place."""
    return np.array([function(v) for v in x.astype("f8").ravel().tolist()]).reshape(x.shape)


# -- the error function and the normal distribution ---------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_erf_is_right_to_a_few_units_in_the_last_place(dtype: str) -> None:
    for low, high in ((-0.47, 0.47), (-4.1, 4.1), (-7.0, 7.0), (1e-20, 1e-10)):
        x = spread(low, high, dtype)
        assert ulps(kernels.erf(x), by_libm(math.erf, x)) < 4


@pytest.mark.parametrize(("dtype", "end"), [("float64", 26.0), ("float32", 9.0)])
def test_erfc_is_right_however_small_it_is(dtype: str, end: float) -> None:
    for low, high in ((-6.0, 0.5), (0.4, 4.1), (3.9, end)):
        x = spread(low, high, dtype)
        assert ulps(kernels.erfc(x), by_libm(math.erfc, x)) < 6


def test_erfcx_is_right_where_erfc_underflows() -> None:
    x = spread(-5.0, 5.0)
    assert ulps(kernels.erfcx(x), sp.erfcx(x)) < 10
    far = spread(5.0, 1e3)
    assert ulps(kernels.erfcx(far), sp.erfcx(far)) < 10
    assert kernels.erfcx(np.array([1e200]))[0] == 1 / math.sqrt(math.pi) / 1e200


def test_known_values() -> None:
    # Abramowitz and Stegun, "Handbook of Mathematical Functions", tables 7.1 to 7.3 and 26.1
    x = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(
        kernels.erf(x), [0.5204998778130465, 0.8427007929497149, 0.9953222650189527], 1e-15
    )
    np.testing.assert_allclose(kernels.erfc(np.array([10.0])), [2.088487583762545e-45], 1e-15)
    np.testing.assert_allclose(kernels.ndtr(np.array([1.0])), [0.841344746068543], 1e-14)
    np.testing.assert_allclose(kernels.ndtri(np.array([0.975])), [1.959963984540054], 1e-15)


def test_small_and_large_arrays_and_devices_agree() -> None:
    x = spread(-6.0, 6.0, n=600)
    for kernel in (kernels.erf, kernels.erfc):
        large, small = kernel(x), np.concatenate([kernel(x[:300]), kernel(x[300:])])
        assert ulps(small, large) < 6
        assert ulps(kernel(standin.from_host(x)).host, large) < 2


@pytest.mark.parametrize("kernel", [kernels.erf, kernels.erfc, kernels.erfcx, kernels.erfinv])
def test_memory_layout_of_large_arrays_changes_nothing(kernel: Any) -> None:
    x = spread(-0.9, 0.9, n=24000).reshape(20, 30, 40)
    plain = kernel(x)
    for odd in (
        x.transpose(2, 0, 1), x[::-1], x[:, ::-2, 3:], np.broadcast_to(x[:1], x.shape), x[..., None],
        np.asfortranarray(x), x.transpose(1, 2, 0)[::-1, :, ::3],
    ):  # fmt: skip
        np.testing.assert_array_equal(kernel(odd), kernel(odd.copy()))
    moved = kernel(x.transpose(2, 0, 1))
    assert moved.strides == plain.transpose(2, 0, 1).strides
    np.testing.assert_array_equal(moved, plain.transpose(2, 0, 1))


@pytest.mark.parametrize("kernel", [kernels.erf, kernels.erfc, kernels.erfinv, kernels.ndtr])
def test_nan_stays_in_its_place(kernel: Any) -> None:
    x = spread(-0.9, 0.9)
    x[::7] = np.nan
    np.testing.assert_array_equal(np.isnan(kernel(x)), np.isnan(x))


def test_no_warning_comes_from_ranges_that_were_not_chosen() -> None:
    x = np.array([-1e300, -1e10, -5.0, 0.0, 1e-300, 5.0, 1e10, 1e300] * 200)
    finite = np.array([-20.0, 0.0, 1e300] * 600)
    with np.errstate(all="raise", under="ignore"):
        for device in ("cpu", "standin"):
            t = tg.tensor(x, device=device)
            for function in (tg.erf, tg.erfc, tg.special.ndtr):
                function(t)
            tg.special.erfcx(tg.tensor(finite, device=device))
            tg.special.log_ndtr(tg.tensor(finite, device=device))
            tg.erfinv(tg.tensor(np.linspace(-2, 2, 41), device=device))
            tg.special.ndtri(tg.tensor(np.linspace(-1, 2, 31), device=device))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_quantile_is_right_to_a_few_units_in_the_last_place(dtype: str) -> None:
    exact = statistics.NormalDist().inv_cdf
    p = np.concatenate([spread(1e-4, 0.45, dtype), spread(1e-30, 1e-20, dtype)])
    assert ulps(kernels.ndtri(p), by_libm(exact, p)) < 6
    x = spread(0.01, 0.99, dtype)
    assert ulps(kernels.erfinv(x), sp.erfinv(x.astype("f8"))) < 6


def test_erfinv_undoes_erf() -> None:
    x = np.linspace(-2.0, 2.0, 2001)
    np.testing.assert_allclose(kernels.erfinv(kernels.erf(x)), x, rtol=1e-13, atol=1e-300)


def test_log_ndtr_is_precise_in_both_tails() -> None:
    x = np.concatenate([spread(-1e4, -37.0), spread(-37.0, -1.0), spread(-1.0, 8.0)])
    np.testing.assert_allclose(kernels.log_ndtr(x), sp.log_ndtr(x), rtol=1e-14)


# -- gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1])
def test_polygamma_of_the_first_orders(n: int, device: str) -> None:
    x = np.array([0.3, 0.9, 2.5, 7.0, -1.4])
    out = tg.polygamma(n, tg.tensor(x, device=device))
    tolerances.assert_same(to_host(out), sp.digamma(x) if n == 0 else sp.zeta(2, x))
    gradients.check(lambda t: tg.polygamma(n, t), [x], device)
    gradients.check_second(lambda t: tg.polygamma(n, t), [x], device)


def test_polygamma_as_a_method_takes_the_order(device: str) -> None:
    x = tg.tensor([0.5, 2.0], device=device, requires_grad=True)
    assert x.polygamma(2).tolist() == tg.polygamma(2, x).tolist()
    y = x * 1
    assert y.polygamma_(2) is y
    y.sum().backward()
    want = tg.polygamma(3, x.detach())
    assert x.grad.tolist() == want.tolist()


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma_of_fractional_orders(name: str, device: str) -> None:
    a, x = np.array([[0.5], [2.3], [40.0]]), np.array([0.2, 3.0, 35.0])
    function = getattr(tg.special, name)
    order = tg.tensor(a, device=device)
    out = function(order, tg.tensor(x, device=device))
    tolerances.assert_same(to_host(out), getattr(sp, name)(a, x))
    gradients.check(lambda t: function(order, t), [x], device)
    gradients.check_second(lambda t: function(order, t), [x], device)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_the_order_has_no_gradient_and_says_so(name: str) -> None:
    order = tg.tensor([2.0, 3.0], requires_grad=True)
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    function = getattr(tg.special, name)
    (g,) = tg.autograd.grad(function(order, x).sum(), [x])
    assert g.shape == (2,)
    with pytest.raises(tg.errors.GraphError, match=f"{name}: the derivative with respect to input"):
        function(order, x).sum().backward()


@pytest.mark.parametrize("name", ["i1", "i1e", "bessel_j1"])
def test_gradient_at_zero_is_a_half(name: str) -> None:
    x = tg.tensor([0.0], requires_grad=True)
    getattr(tg.special, name)(x).backward()
    assert x.grad.tolist() == [0.5]


def test_zero_gradients_stay_zero_at_infinite_derivatives() -> None:
    x = tg.tensor([0.0, 2.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        tg.where(x > 0, tg.xlogy(2.0, x), 0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


# -- where the values come from -----------------------------------------------------------------------


def test_what_is_common_works_without_scipy_and_the_rest_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['scipy'] = None\n"
        "import tapegrad as tg\n"
        "x = tg.tensor([0.25, 0.5], requires_grad=True)\n"
        "s = tg.special\n"
        "for f in (tg.erf, tg.erfc, s.erfcx, tg.erfinv, s.ndtr, s.ndtri, s.log_ndtr, s.entr, s.logit):\n"
        "    f(x).sum().backward()\n"
        "tg.xlogy(x, x).sum().backward()\n"
        "try:\n"
        "    tg.lgamma(x)\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("DependencyError lgamma: SciPy cannot be imported")
    assert "pip install 'tapegrad[scipy]'" in done.stdout


def test_a_backend_without_special_functions_says_so() -> None:
    plain = backend_of(np.ones(1))
    bare = Backend(np.ndarray, "cpu", np, plain.from_host, plain.to_host)
    with pytest.raises(
        tg.errors.DeviceError, match=r"lgamma: device 'cpu' has no special functions"
    ):
        bare.special("lgamma")
    assert plain.special("lgamma") is sp


def test_aliases_are_the_functions() -> None:
    s = tg.special
    assert s.expit is tg.sigmoid and s.gammaln is tg.lgamma and s.psi is tg.digamma
    assert s.multigammaln is tg.mvlgamma and s.erf is tg.erf and s.softmax is tg.softmax
    assert tg.igamma is s.gammainc and tg.igammac is s.gammaincc


# -- PyTorch ------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("name", ["digamma", "gammainc", "gammaincc", "polygamma"])
def test_gradients_equal_what_pytorch_has_to_eight_digits(name: str) -> None:
    torch = pytest.importorskip("torch")
    x, a = np.array([0.3, 1.7, 4.2]), np.array([0.5, 2.3, 4.0])
    first: dict[str, tuple[Any, ...]] = {"digamma": (), "polygamma": (1,)}
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    have = getattr(tg.special, name)(*first.get(name, (tg.tensor(a),)), ours)
    want = getattr(torch.special, name)(*first.get(name, (torch.tensor(a),)), theirs)
    np.testing.assert_allclose(have.detach().numpy(), want.detach().numpy(), rtol=1e-8)
    have.sum().backward()
    want.sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-8)


@pytest.mark.torch
def test_the_namespace_has_pytorchs_names() -> None:
    torch = pytest.importorskip("torch")
    missing = [name for name in tg.special.__all__ if not hasattr(torch.special, name)]
    assert not missing
