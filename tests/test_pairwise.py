"""What the table cannot say about functions of two and three operands."""

from __future__ import annotations

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host
from rows import INF, NAN
from tapegrad import errors


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def values(*shape: int) -> np.ndarray:
    return rng().uniform(0.5, 2, shape)


@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((3,), (2, 1)), ((), (2,))])
def test_gradients_of_float_power_equal_finite_differences(shapes: tuple) -> None:
    arrays = [values(*shapes[0]), -values(*shapes[1])]
    gradients.check(tg.float_power, arrays)
    gradients.check_second(tg.float_power, arrays)


def test_float_power_is_double_and_its_gradient_is_not() -> None:
    x = tg.tensor([2.0, 3.0], requires_grad=True)
    y = x.float_power(2)
    assert y.dtype == tg.float64 and y.tolist() == [4.0, 9.0]
    y.sum().backward()
    assert x.grad.dtype == tg.float32 and x.grad.tolist() == [4.0, 6.0]
    assert tg.float_power(tg.tensor([2, 4]), tg.tensor([-1, 2])).tolist() == [0.5, 16.0]


def test_float_power_in_place_wants_a_double() -> None:
    x = tg.tensor([2.0, 3.0])
    with pytest.raises(errors.DtypeError, match="float_power_: the result is float64"):
        x.float_power_(2)
    assert x.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("x", "y"), [((2, 3), (3,)), ((3,), (2, 1)), ((), (2,)), ((2,), ())])
def test_ldexp_of_negative_whole_exponents_and_its_gradients(
    x: tuple, y: tuple, device: str
) -> None:
    exponents = tg.tensor(rng().integers(-4, 3, y), device=device)
    arrays = [values(*x)]
    np.testing.assert_array_equal(
        host(tg.ldexp(tg.tensor(arrays[0], device=device), exponents)),
        np.ldexp(arrays[0], host(exponents)),
    )
    gradients.check(lambda t: tg.ldexp(t, exponents), arrays, device)
    gradients.check_second(lambda t: tg.ldexp(t, exponents), arrays, device)


def test_ldexp_does_not_overflow_on_the_way() -> None:
    x = tg.tensor([1e-30, 1e38], requires_grad=True)
    y = tg.ldexp(x, tg.tensor([200, -200]))
    np.testing.assert_allclose(host(y), [np.ldexp(1e-30, 200), np.ldexp(1e38, -200)], 1e-6)
    assert tg.ldexp(tg.tensor([3, -5]), tg.tensor([3, -5])).tolist() == [24.0, -0.15625]
    assert tg.ldexp(tg.tensor([3.0]), 2).tolist() == [12.0]
    assert tg.ldexp(tg.tensor([3.0]), 0.5).dtype == tg.float32
    assert tg.ldexp(tg.tensor([3.0]), tg.tensor([2], dtype=tg.uint64)).tolist() == [12.0]


def test_a_mantissa_and_its_exponent_make_the_number_and_its_gradient_again() -> None:
    x = tg.tensor(values(4) * [1, 1e9, -1e-9, 1e300], requires_grad=True)
    mantissa, exponent = tg.frexp(x)
    assert exponent.dtype == tg.int32 and not exponent.requires_grad
    again = tg.ldexp(mantissa, exponent)
    assert tg.equal(again, x)
    again.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_copysign_has_a_gradient_at_infinity() -> None:
    x = tg.tensor([INF, -INF, INF], requires_grad=True)
    y = tg.copysign(x, tg.tensor([1.0, 1.0, -0.0]))
    assert y.tolist() == [INF, INF, -INF]
    y.backward(tg.ones(3))
    assert x.grad.tolist() == [1.0, -1.0, -1.0]


@pytest.mark.parametrize("number", [2.5, -1.5, 2])
@pytest.mark.parametrize(
    "name",
    ["atan2", "copysign", "fmax", "fmin", "fmod", "hypot", "logaddexp", "logaddexp2", "nextafter"],
)
def test_a_number_may_stand_on_either_side(name: str, number: float) -> None:
    operation = getattr(tg, name)
    x = values(2, 3)
    for call in (lambda t: operation(t, number), lambda t: operation(number, t)):
        gradients.check(call, [x])
        gradients.check_second(call, [x])
        low = tg.tensor(x.astype("f4"), requires_grad=True)
        out = call(low)
        assert out.dtype == tg.float32
        np.testing.assert_allclose(host(out), host(call(tg.tensor(x))), 1e-5, 1e-6)
        out.sum().backward()
        assert low.grad.dtype == tg.float32


@pytest.mark.parametrize("operation", [tg.hypot, tg.logaddexp, tg.logaddexp2])
def test_a_zero_gradient_stays_zero_where_the_derivative_is_not_defined(operation: object) -> None:
    start = 0.0 if operation is tg.hypot else -INF
    x = tg.tensor([start, 1.0], requires_grad=True)
    y = tg.tensor([start, 2.0], requires_grad=True)
    tg.where(tg.tensor([False, True]), operation(x, y), 0.0).sum().backward()  # type: ignore[operator]
    for grad in (x.grad, y.grad):
        assert grad[0] == 0 and 0 < grad[1] < 1


@pytest.mark.parametrize("operation", [tg.logaddexp, tg.logaddexp2])
def test_second_gradients_of_logaddexp_at_a_tie_are_those_of_the_sigmoid(operation: object) -> None:
    arrays = [np.array([1.0, -0.5]), np.array([1.0, -0.5])]
    gradients.check_second(operation, arrays)  # type: ignore[arg-type]


def test_second_gradients_of_logaddexp_with_minus_infinity_are_numbers() -> None:
    x = tg.tensor([-INF, 0.0], requires_grad=True)
    y = tg.tensor([0.0, -INF], requires_grad=True)
    gx, gy = tg.autograd.grad(tg.logaddexp(x, y).sum(), [x, y], create_graph=True)
    assert gx.tolist() == [0.0, 1.0] and gy.tolist() == [1.0, 0.0]
    second = tg.autograd.grad((gx * gx + gy).sum(), [x, y])
    assert all(tg.isfinite(s).all() for s in second)


def test_heaviside_hands_its_gradient_to_the_values_at_zero() -> None:
    x = tg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    values = tg.tensor(0.5, requires_grad=True)
    tg.heaviside(x, values).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    assert values.grad.item() == 1.0
    assert tg.heaviside(x.detach(), 0.25).tolist() == [0.0, 0.25, 1.0]


def test_shift_operators_take_numbers_on_both_sides() -> None:
    x = tg.tensor([1, 2])
    assert (x << 2).tolist() == [4, 8]
    assert (x >> 1).tolist() == [0, 1]
    assert (2 << x).tolist() == [4, 8]
    assert (100 >> x).tolist() == [50, 25]
    with pytest.raises(errors.DtypeError, match="needs integer operands"):
        x << 2.5


def test_isclose_all_is_allclose() -> None:
    x = tg.tensor(values(3))
    assert tg.isclose(x, x + 1e-9).all() and tg.allclose(x, x + 1e-9)
    assert not tg.isclose(tg.tensor([INF, 1.0]), tg.tensor([1.0, INF]), rtol=INF).any()
    assert np.isclose(x, x + 1, atol=2).tolist() == [True, True, True]


def test_operands_on_two_devices_are_refused() -> None:
    x, y = tg.tensor([1.0]), tg.tensor([1.0], device="standin")
    mask = tg.tensor([True], device="standin")
    for call in (
        lambda: tg.lerp(x, y, 0.5), lambda: tg.lerp(x, x, y), lambda: tg.addcmul(x, x, y),
        lambda: tg.addcdiv(x, y, x), lambda: x.masked_fill(mask, 0), lambda: tg.isin(x, y),
    ):  # fmt: skip
        with pytest.raises(errors.DeviceError, match="different devices"):
            call()


def test_a_mask_must_fit_into_the_tensor_that_is_filled_in_place() -> None:
    x = tg.ones(1, 2)
    with pytest.raises(errors.ShapeError, match=r"masked_fill_: .*\(2, 2\)"):
        x.masked_fill_(tg.ones(2, 2, dtype=tg.bool), 0.0)
    assert x.tolist() == [[1.0, 1.0]]


def test_a_filled_mask_hides_nan_from_the_gradient() -> None:
    x = tg.tensor([0.0, 4.0], requires_grad=True)
    tg.masked_fill(tg.sqrt(x), x == 0, 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]


def test_lerp_ends_exactly_at_its_ends() -> None:
    x, end = tg.tensor([0.1, 1e8]), tg.tensor([0.7, 1.0])
    assert tg.equal(tg.lerp(x, end, 1.0), end)
    assert tg.equal(tg.lerp(x, end, 0.0), x)
    assert tg.equal(tg.lerp(x, end, tg.ones(2)), end)


def test_what_no_rule_will_read_is_not_kept() -> None:
    x, y, w = (tg.tensor([1.0]) for _ in range(3))
    x.requires_grad_()
    for out in (tg.lerp(x, y, w), tg.addcmul(x, y, w), tg.addcdiv(x, y, w)):
        arrays = [s for s in out.node.saved if isinstance(s, np.ndarray)]
        assert not any(s is y.array for s in arrays)


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1.0])
def test_masks_take_any_value_of_the_dtype(value: float) -> None:
    out = tg.tensor([1.0, 2.0], dtype=tg.float16).masked_fill(tg.tensor([True, False]), value)
    assert out.dtype == tg.float16
    tolerances.assert_same(host(out), np.array([value, 2.0], "f2"))


@pytest.mark.parametrize(
    "name", ["fmax", "fmin", "fmod", "hypot", "logaddexp", "logaddexp2", "nextafter", "remainder"]
)
def test_bfloat16_pairs_stay_bfloat16(name: str) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    pair = [np.array([0.75, -2.5, 3.0]), np.array([0.5, 2.0, -1.25])]
    inputs = [tg.tensor(array.astype(bfloat16), requires_grad=True) for array in pair]
    y = getattr(tg, name)(*inputs)
    found = tg.autograd.grad(y.sum(), inputs)
    assert all(t.dtype == bfloat16 for t in (y, *found))
    wide = getattr(tg, name)(*map(tg.tensor, pair)).numpy()
    np.testing.assert_allclose(y.detach().numpy().astype("f8"), wide, rtol=2**-6, atol=2**-6)
