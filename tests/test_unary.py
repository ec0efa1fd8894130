"""Functions of one operand: precision, zero gradients and names that the table cannot express."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import tapegrad as tg
import tolerances

NEAR_ZERO = np.array([0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.159, 0.16, 0.5])


def gradient(function: Any, x: Any) -> Any:
    """The gradient of the sum, recorded."""
    (found,) = tg.autograd.grad(function(x).sum(), x, create_graph=True)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_gradient_of_sinc_keeps_its_digits_near_zero(dtype: str, device: str) -> None:
    values = np.concatenate([NEAR_ZERO, -NEAR_ZERO]).astype(dtype)
    x = tg.tensor(values, requires_grad=True, device=device)
    exact = -np.pi * scipy.special.spherical_jn(1, np.pi * values.astype("f8"))
    tolerances.assert_same(gradient(tg.sinc, x).numpy(force=True), exact)


def test_the_second_gradient_of_sinc_keeps_its_digits_near_zero(device: str) -> None:
    x = tg.tensor(NEAR_ZERO, requires_grad=True, device=device)
    second = gradient(lambda x: gradient(tg.sinc, x), x)
    exact = -(np.pi**2) * scipy.special.spherical_jn(1, np.pi * NEAR_ZERO, derivative=True)
    tolerances.assert_same(second.numpy(force=True), exact)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("asin", 0.0, 1.0), ("acos", 0.0, 1.0), ("atanh", 0.0, 1.0), ("acosh", 1.0, 2.0)],
)
def test_gradients_keep_their_digits_at_the_end_of_the_domain(
    name: str, low: float, high: float
) -> None:
    step = 2.0**-40  # 1 - step**2 would round to 1
    end = 1.0
    x = tg.tensor(end - step if low < end else end + step, dtype=tg.float64, requires_grad=True)
    u = step * (2 - step) if low < end else step * (2 + step)  # |1 - x**2|
    exact = {"asin": u**-0.5, "acos": -(u**-0.5), "atanh": 1 / u, "acosh": u**-0.5}[name]
    np.testing.assert_allclose(gradient(getattr(tg, name), x).item(), exact, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "at"),
    [("log2", 0.0), ("log10", 0.0), ("log1p", -1.0), ("reciprocal", 0.0), ("rsqrt", 0.0),
     ("logit", 0.0), ("asin", 1.0), ("acos", 1.0), ("acosh", 1.0), ("atanh", 1.0), ("exp2", 2e3),
     ("expm1", 800.0), ("sinh", 800.0), ("cosh", 800.0)],
)  # fmt: skip
def test_a_zero_gradient_stays_zero_where_the_derivative_is_infinite(
    name: str, at: float, device: str
) -> None:
    x = tg.tensor([at, 0.5], dtype=tg.float64, requires_grad=True, device=device)
    with np.errstate(all="ignore"):
        y = getattr(tg, name)(x)
        tg.where(tg.tensor([False, False], device=device), y, 0.0).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "positive", "nan_to_num"])
def test_large_integers_stay_exact(name: str) -> None:
    whole = tg.tensor([2**62 + 1, -(2**62) - 1])
    assert tg.equal(getattr(tg, name)(whole), whole)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_whole_numbers_are_a_copy(name: str) -> None:
    whole = tg.tensor([1, 2])
    result = getattr(tg, name)(whole)
    result[0] = 7
    assert whole.tolist() == [1, 2]


def test_an_infinite_gradient_stops_at_a_step() -> None:
    x = tg.tensor([0.5, 1.5], requires_grad=True)
    tg.floor(x).backward(tg.tensor([float("inf"), float("nan")]))
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0]


def test_positive_is_the_tensor_itself() -> None:
    x = tg.tensor([1.0, -1.0], requires_grad=True)
    assert tg.positive(x) is x and +x is x


def test_options_given_as_numpy_numbers_do_not_widen() -> None:
    x = tg.tensor([0.0, 0.5, 1.0])
    assert tg.logit(x, np.float64(0.25)).dtype == tg.float32
    assert tg.nan_to_num(x, np.float64(0.25), np.float32(1)).dtype == tg.float32
    assert tg.round(x, decimals=np.int64(1)).dtype == tg.float32


ALIASES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "fix": "trunc",
}  # fmt: skip


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_operation_in_every_form(alias: str) -> None:
    assert getattr(tg, alias) is getattr(tg, ALIASES[alias])
    assert getattr(tg.Tensor, alias) is getattr(tg.Tensor, ALIASES[alias])
    x = tg.tensor([0.25, 0.75])
    with np.errstate(invalid="ignore"):
        want = getattr(tg, alias)(x)
        assert getattr(x, f"{alias}_")() is x
    np.testing.assert_array_equal(x.numpy(), want.numpy())


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
@pytest.mark.parametrize("word", [np.radians, np.degrees, np.rint, np.around, np.fix])
def test_numpy_words_with_two_names_are_the_operation(word: Any) -> None:
    values = np.array([0.4, 1.6, -2.5])
    result = word(tg.tensor(values, requires_grad=True))
    assert result.grad_fn is not None
    np.testing.assert_array_equal(result.detach().numpy(), word(values))


def test_numpy_options_of_rounding_words_are_understood() -> None:
    x = tg.tensor(np.array([1.26, np.nan]))
    np.testing.assert_array_equal(np.round(x, 1).numpy(), [1.3, np.nan])
    np.testing.assert_array_equal(np.nan_to_num(x, nan=5.0).numpy(), [1.26, 5.0])


HALF = [
    "exp2", "expm1", "log2", "log10", "log1p", "reciprocal", "rsqrt", "logit", "sinc", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "asinh", "atanh", "deg2rad", "rad2deg", "floor", "ceil", "round",
    "trunc", "frac", "positive", "sgn", "nan_to_num",
]  # fmt: skip


new_enough = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0",
    reason="NumPy 2.0 makes bfloat16 beside a number float32",
)


@new_enough
@pytest.mark.parametrize("name", HALF)
def test_bfloat16_stays_bfloat16(name: str) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    values = np.array([0.25, 0.5, 0.75])
    x = tg.tensor(values.astype(bfloat16), requires_grad=True)
    y = getattr(tg, name)(x)
    (g,) = tg.autograd.grad(y.sum(), x)
    assert y.dtype == g.dtype == bfloat16
    wide = getattr(tg, name)(tg.tensor(values)).numpy()
    np.testing.assert_allclose(y.detach().numpy().astype("f8"), wide, rtol=2**-6, atol=2**-6)


@new_enough
def test_options_keep_bfloat16() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = tg.tensor(np.array([0.0, 0.5, np.nan, np.inf, -np.inf]).astype(bfloat16))
    limits = tg.finfo(bfloat16)
    assert tg.nan_to_num(x, 2.0).tolist() == [0.0, 0.5, 2.0, limits.max, limits.min]
    assert tg.logit(x[:2], 0.25).dtype == bfloat16
