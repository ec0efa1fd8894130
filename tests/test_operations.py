"""Every row of the table through every test that its flags allow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

import numpy as np
import pytest

import gradients
import standin
import tapegrad as tg
import tolerances
from calls import (
    about,
    as_function,
    call,
    edges_of,
    expected,
    host,
    is_varied,
    label,
    listed,
    lowered,
    mapped,
    samples_of,
    varied,
)
from samples import ROWS, Bad, Row, Sample
from tapegrad.device import is_array
from tapegrad.tensor import Tensor, wrap

ops = pytest.mark.parametrize("row", ROWS, ids=repr)
DIFFERENTIABLE = [row for row in ROWS if row.differentiable]
smooth = pytest.mark.parametrize("row", DIFFERENTIABLE, ids=repr)


def check_values(row: Row, sample: Sample, device: str) -> None:
    with np.errstate(all="ignore"):
        results = listed(call(row, sample, lambda a: tg.tensor(a, device=device)))
    wanted = expected(row, sample)
    assert len(results) == len(wanted)
    for have, want in zip(results, wanted, strict=True):
        assert isinstance(have, Tensor)
        assert have.device == tg.tensor(0.0, device=device).device
        want = np.asarray(want)
        assert have.dtype.kind == want.dtype.kind, label(sample)
        tolerances.assert_same(host(have), want, f"{row}{label(sample)}")


@ops
def test_value_equals_the_reference(row: Row, device: str) -> None:
    for sample in samples_of(row):
        check_values(row, sample, device)


@ops
def test_value_at_edges_equals_the_reference(row: Row, device: str) -> None:
    for sample in edges_of(row):
        check_values(row, sample, device)


@smooth
def test_gradient_equals_finite_differences(row: Row, device: str) -> None:
    for sample in samples_of(row):
        gradients.check(as_function(row, sample, device), varied(sample), device)


@smooth
def test_gradient_of_the_gradient_equals_finite_differences(row: Row, device: str) -> None:
    for sample in samples_of(row):
        if sum(a.size for a in varied(sample)) <= 30:
            gradients.check_second(as_function(row, sample, device), varied(sample), device)


@smooth
def test_low_precision_is_kept_by_value_and_gradient(row: Row, device: str) -> None:
    for sample in filter(varied, samples_of(row)):
        wanted = expected(row, sample)
        check_low(row, sample, wanted, "float32", device)
        if all(a.dtype.kind == "f" for a in varied(sample)):
            check_low(row, sample, wanted, "float16", device)


def check_low(row: Row, sample: Sample, wanted: list[Any], dtype: str, device: str) -> None:
    inputs: list[Tensor] = []

    def make(array: np.ndarray) -> Tensor:
        if not is_varied(array):
            return tg.tensor(array, device=device)
        inputs.append(tg.tensor(lowered(array, dtype), device=device, requires_grad=True))
        return inputs[-1]

    said = f"{row}{label(sample)} in {dtype}"
    results = gradients.outputs_of(call(row, sample, make))
    for have, want in zip(results, wanted, strict=False):
        assert have.dtype == lowered(np.asarray(want), dtype).dtype, said
        low = tolerances.of(dtype)
        tolerances.assert_same(
            host(have).astype(np.asarray(want).dtype), want, said,
            tolerances.Tolerance(4 * low.rtol, 4 * low.atol),
        )  # fmt: skip
    live = [r for r in results if r.requires_grad]
    tg.autograd.backward(live, [tg.ones_like(r) for r in live])
    for i in inputs:
        assert i.grad is None or (i.grad.dtype == i.dtype and i.grad.shape == i.shape), said


PHASES = {"eig", "eigh (complex)", "svd (complex)", "cond (complex)"}  # vectors without a phase


@pytest.mark.parametrize("row", [r for r in DIFFERENTIABLE if r.name not in PHASES], ids=repr)
def test_gradients_of_a_sum_can_be_taken_to_the_third_order(row: Row) -> None:
    """Where the gradient of the result is a constant, rules of rules see constants, too."""
    for sample in samples_of(row)[:2]:
        if not 0 < sum(a.size for a in varied(sample)) <= 40:
            continue
        inputs = [gradients.tensor(a, requires_grad=True) for a in varied(sample)]
        found = gradients.outputs_of(as_function(row, sample)(*inputs))
        for order in range(3):
            live = [f for f in found if f is not None and f.requires_grad]
            if not live:
                break
            total = sum((f.abs() ** 2 if order else f.real).sum() for f in live)
            found = tg.autograd.grad(total, inputs, create_graph=True, allow_unused=True)


LAYOUTS = {
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: a[(slice(None, None, -1),) * a.ndim].copy()[
        (slice(None, None, -1),) * a.ndim
    ],
    "strided": lambda a: np.repeat(a[..., None], 2, -1)[..., 0],
}


@ops
def test_memory_layout_changes_nothing(row: Row) -> None:
    for sample in samples_of(row):
        plain = run(row, sample, np.ascontiguousarray)
        for layout, change in LAYOUTS.items():
            if not any(map(is_laid_differently, arrays_of(sample), repeat(change))):
                continue
            for have, want in zip(run(row, sample, change), plain, strict=True):
                tolerances.assert_same(have, want, f"{row}{label(sample)} {layout}")


def is_laid_differently(array: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> bool:
    return bool(array.ndim) and change(array).strides != np.ascontiguousarray(array).strides


def run(row: Row, sample: Sample, change: object) -> list[np.ndarray]:
    """Values and gradients with every array laid out in another way."""
    inputs = []

    def make(array: np.ndarray) -> Tensor:
        laid = change(array).reshape(array.shape) if not array.ndim else change(array)  # type: ignore[operator]
        made = wrap(laid[...])
        if is_varied(array):
            inputs.append(made.requires_grad_())
        return made

    results = listed(call(row, sample, make))
    values = [host(r).copy() for r in results]
    live = [r for r in results if r.requires_grad]
    cotangents = [tg.tensor(c) for c in gradients.draw(live, 0)]
    if live:
        tg.autograd.backward(live, cotangents)
    return values + [host(i.grad) if i.grad is not None else np.zeros(i.shape) for i in inputs]


@pytest.mark.parametrize("row", [r for r in DIFFERENTIABLE if r.broadcast], ids=repr)
def test_gradients_are_summed_back_over_broadcast_dimensions(row: Row, device: str) -> None:
    wide = next(
        s
        for s in samples_of(row)
        if len(varied(s)) == 2 and varied(s)[0].shape == varied(s)[1].shape
    )
    x, y = varied(wide)
    narrow = y[:1]
    full = np.broadcast_to(narrow, x.shape)
    gx, gy = gradients.taped(row.function, [x, narrow], device)
    fx, fy = gradients.taped(row.function, [x, full], device)
    tolerances.assert_same(gx, fx)
    tolerances.assert_same(gy, fy.sum(0, keepdims=True))


@ops
def test_the_stand_in_gives_the_same_values_and_stays_on_the_device(row: Row) -> None:
    for sample in (*samples_of(row), *edges_of(row)):
        check_values(row, sample, "standin")


@smooth
def test_the_stand_in_gives_the_same_gradients(row: Row) -> None:
    for sample in samples_of(row):
        arrays = varied(sample)
        for have, want in zip(
            gradients.taped(as_function(row, sample, "standin"), arrays, "standin"),
            gradients.taped(as_function(row, sample), arrays),
            strict=True,
        ):
            tolerances.assert_same(have, want, f"{row}{label(sample)}")


@smooth
def test_the_stand_in_gives_the_same_second_gradients(row: Row) -> None:
    for sample in samples_of(row):
        arrays = varied(sample)
        found = []
        for device in ("standin", "cpu"):
            function = as_function(row, sample, device)
            outputs = gradients.outputs_of(function(*(gradients.tensor(a, device) for a in arrays)))
            derived = gradients.gradient_of(function, len(arrays))
            found.append(gradients.taped(derived, [*arrays, *gradients.draw(outputs, 1)], device))
        for have, want in zip(*found, strict=True):
            tolerances.assert_same(have, want, f"{row}{label(sample)}")


@pytest.mark.parametrize("row", [r for r in ROWS if r.method], ids=repr)
def test_the_method_is_the_function(row: Row, device: str) -> None:
    for sample in samples_of(row):
        args = mapped(sample.args, lambda a: tg.tensor(a, device=device))
        kwargs = mapped(sample.kwargs, lambda a: tg.tensor(a, device=device))
        if not isinstance(args[0], Tensor):
            continue
        by_method = listed(getattr(args[0], row.method)(*args[1:], **kwargs))
        for have, want in zip(by_method, listed(row.function(*args, **kwargs)), strict=True):
            assert have.dtype == want.dtype
            np.testing.assert_array_equal(host(have), host(want))


@pytest.mark.parametrize("row", [r for r in ROWS if r.inplace], ids=repr)
def test_the_in_place_form_is_the_operation_with_its_gradient(row: Row, device: str) -> None:
    done = 0
    for sample in samples_of(row):
        arrays = varied(sample)
        function = as_function(row, sample, device)
        out = function(*(gradients.tensor(a, device) for a in arrays))
        if not isinstance(sample.args[0], np.ndarray) or out.shape != sample.args[0].shape:
            continue
        changed = row._replace(function=lambda x, *a, **k: getattr(x.clone(), row.inplace)(*a, **k))
        for have, want in zip(
            gradients.taped(as_function(changed, sample, device), arrays, device),
            gradients.taped(function, arrays, device),
            strict=True,
        ):
            tolerances.assert_same(have, want, f"{row}{label(sample)}")
        x = gradients.tensor(sample.args[0], device)
        rest = mapped(sample.args[1:], lambda a: tg.tensor(a, device=device))
        kwargs = mapped(sample.kwargs, lambda a: tg.tensor(a, device=device))
        assert getattr(x, row.inplace)(*rest, **kwargs) is x
        np.testing.assert_array_equal(host(x), host(out))
        done += 1
    assert done


@ops
def test_inputs_are_not_modified(row: Row) -> None:
    for sample in samples_of(row):
        kept: list[tuple[np.ndarray, np.ndarray]] = []

        def make(array: np.ndarray, kept: list[tuple[np.ndarray, np.ndarray]] = kept) -> Tensor:
            own = array.copy()
            kept.append((own, array.copy()))
            made = wrap(own[...])
            return made.requires_grad_() if is_varied(array) else made

        results = gradients.outputs_of(call(row, sample, make))
        live = [r for r in results if r.requires_grad]
        if live:
            tg.autograd.backward(live, [tg.ones_like(r) for r in live])
        for own, before in kept:
            np.testing.assert_array_equal(own, before)


@pytest.mark.parametrize("row", [r for r in ROWS if r.bad], ids=repr)
def test_bad_input_is_refused_by_a_clear_error(row: Row, device: str) -> None:
    for i, bad in enumerate(row.bad):
        with about(f"{row}: bad[{i}] {label(bad)}"):
            check_refused(row, bad, device)


def check_refused(row: Row, bad: Bad, device: str) -> None:
    made: list[tuple[Tensor, np.ndarray]] = []

    def make(array: np.ndarray) -> Tensor:
        made.append((tg.tensor(array, device=device), array))
        return made[-1][0]

    args, kwargs = mapped(bad.args, make), mapped(bad.kwargs, make)
    with pytest.raises(bad.error) as caught:
        row.function(*args, **kwargs)
    assert bad.fragment in str(caught.value)
    for tensor, before in made:
        np.testing.assert_array_equal(host(tensor), before)
        assert tensor.grad is None and not tensor.requires_grad


@pytest.mark.parametrize("row", [r for r in ROWS if r.numpy is not None], ids=repr)
def test_the_numpy_function_on_a_tensor_is_the_operation(row: Row, device: str) -> None:
    done = 0
    for sample in samples_of(row):
        if sample.kwargs or (
            row.name.split()[0] in ("sum", "mean", "all", "any", "argmax", "argmin")
            and len(sample.args) > 2
        ):
            continue
        inputs: list[Tensor] = []

        def make(array: np.ndarray, inputs: list[Tensor] = inputs) -> Tensor:
            made = tg.tensor(array, device=device)
            inputs.append(
                made.requires_grad_() if is_varied(array) and row.differentiable else made
            )
            return inputs[-1]

        args = mapped(sample.args, make)
        if not any(isinstance(a, Tensor) for a in args):
            continue
        have, want = row.numpy(*args), row.function(*args)
        assert isinstance(have, Tensor)
        assert have.dtype == want.dtype
        assert (have.grad_fn is None) == (want.grad_fn is None)
        tolerances.assert_same(host(have), host(want), f"{row}{label(sample)}")
        done += 1
    assert done


# Results look at their own operand alone; lengths and an index may come from the host.
TRAVELLING = {"broadcast_tensors", "ctc_loss", "getitem"}


def arrays_of(sample: Sample) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    mapped((sample.args, sample.kwargs), lambda a: found.append(a) or a)  # type: ignore[func-returns-value]
    return found


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.name.partition(" ")[0] not in TRAVELLING], ids=repr
)
def test_operands_on_different_devices_are_refused(row: Row) -> None:
    """Each array of a sample with several is put elsewhere in its turn."""
    for sample in samples_of(row):
        arrays = arrays_of(sample)
        if len(arrays) < 2 or not all(a.ndim and a.size for a in arrays):
            continue
        for i in range(len(arrays)):
            places = iter("standin" if j == i else "cpu" for j in range(len(arrays)))
            with (
                about(f"{row}{label(sample)}, array {i} elsewhere"),
                pytest.raises(tg.errors.DeviceError, match="different devices"),
            ):
                call(row, sample, lambda a, places=places: tg.tensor(a, device=next(places)))
        break


# -- the checkers are checked ------------------------------------------------------------------------


def _record(rule: object) -> object:
    def operation(x: Tensor, y: Tensor) -> Tensor:
        out = x.array * y.array
        return tg.record.record(out, (rule, lambda g, x, y: g * x), (x, y), (x.array, y.array))

    return operation


def _rule(function: object) -> object:
    function.op = "seeded"  # type: ignore[attr-defined]
    return function


WRONG = {
    "missing factor": _rule(lambda g, x, y: g),
    "wrong sign": _rule(lambda g, x, y: -g * y),
    "wrong operand": _rule(lambda g, x, y: g * x),
    "ignores the incoming gradient": _rule(lambda g, x, y: y + 0 * g),
    "off by a little": _rule(lambda g, x, y: g * y * 1.0001),
    "summed over rows": _rule(lambda g, x, y: (g * y).sum(axis=0, keepdims=True) + 0 * g),
    "one element wrong": _rule(lambda g, x, y: g * np.where(np.arange(3) == 2, 0, y)),
    "transposed": _rule(lambda g, x, y: (g * y)[:, ::-1]),
    "zero": _rule(lambda g, x, y: g * 0),
}


def operands() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.uniform(0.5, 2, (2, 3)), rng.uniform(0.5, 2, (2, 3))]


def test_the_checker_passes_a_right_gradient() -> None:
    right = _record(_rule(lambda g, x, y: g * y))
    gradients.check(right, operands())  # type: ignore[arg-type]
    gradients.check_second(right, operands())  # type: ignore[arg-type]


@pytest.mark.parametrize("mistake", WRONG)
def test_the_checker_catches_a_seeded_mistake(mistake: str) -> None:
    with pytest.raises(AssertionError, match="gradient of input 0"):
        gradients.check(_record(WRONG[mistake]), operands())  # type: ignore[arg-type]


def test_the_checker_catches_a_forgotten_broadcast_sum() -> None:
    def take_one_row(g, x, y):  # type: ignore[no-untyped-def]
        return (g * x)[:1]

    take_one_row.op = "seeded"

    def operation(x: Tensor, y: Tensor) -> Tensor:
        rules = (WRONG["zero"], take_one_row)
        return tg.record.record(x.array * y.array, rules, (x.detach(), y), (x.array, y.array))

    rng = np.random.default_rng(1)
    with pytest.raises(AssertionError, match="gradient of input 0"):
        gradients.check(
            lambda y: operation(tg.tensor(rng.uniform(0.5, 2, (2, 3))) * 0 + 2, y),
            [np.ones((1, 3))],
        )


def test_the_second_order_checker_catches_a_rule_that_leaves_the_tape() -> None:
    def constant(g, x):  # type: ignore[no-untyped-def]
        values = x.array if isinstance(x, Tensor) else x
        return g * (3 * values * values)  # right, but its own derivative is lost

    constant.op = "seeded"

    def cube(x: Tensor) -> Tensor:
        return tg.record.record1(x.array**3, constant, x, (x.array,))

    values = [np.array([0.5, 1.5])]
    gradients.check(cube, values)
    with pytest.raises(AssertionError, match="gradient of input 0"):
        gradients.check_second(cube, values)


def test_the_checker_catches_a_gradient_missing_from_one_path() -> None:
    with pytest.raises(AssertionError, match="gradient of input 0"):
        gradients.check(lambda x: x * x.detach(), [np.array([1.0, 2.0])])


# -- the stand-in is checked -------------------------------------------------------------------------


def strict(*shape: int) -> standin.StrictArray:
    return standin.from_host(np.ones(shape))


HOST = {
    "__array__": np.asarray,
    "array": np.array,
    "float": lambda a: float(a[0]),
    "int": lambda a: int(a[0]),
    "bool": lambda a: bool(a[0]),
    "complex": lambda a: complex(a[0]),
    "index": lambda a: [1, 2][a[0].astype(int)],
    "range": lambda a: range(a[0].astype(int)),
    "iteration": list,
    "unpacking": lambda a: (lambda x, y: x)(*a),
    "in": lambda a: 1.0 in a,
    "tolist": lambda a: a.tolist(),
    "item": lambda a: a[0].item(),
    "host operand right": lambda a: a + np.ones(2),
    "host operand left": lambda a: np.ones(2) + a,
    "host in-place": lambda a: np.ones(2).__iadd__(a),
    "host out": lambda a: np.add(a, a, out=np.ones(2)),
    "host where": lambda a: np.add(a, a, where=np.ones(2, bool)),
    "host at": lambda a: np.add.at(a, np.array([0]), a[:1]),
    "host index": lambda a: a[np.array([0])],
    "host value": lambda a: a.__setitem__(slice(None), np.ones(2)),
    "host in a list": lambda a: np.concatenate([a, np.ones(2)]),
    "host in a function": lambda a: np.where(np.ones(2, bool), a, a),
    "assigned to host": lambda a: np.ones(2).__setitem__(slice(None), a),
    "if": lambda a: 1 if a[0] > 0 else 0,
    "math": lambda a: __import__("math").sqrt(a[0]),
    "format": lambda a: f"{a[0]:.2f}",
    "np.maximum.reduce, which CuPy has not": np.maximum.reduce,
    "np.maximum.accumulate, which CuPy has not": np.maximum.accumulate,
}


@pytest.mark.parametrize("what", HOST)
def test_the_stand_in_refuses_conversion_to_the_host(what: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        HOST[what](strict(2))


def test_the_stand_in_answers_arrays_of_its_own_kind() -> None:
    a = strict(2, 3)
    for result in (
        a + 1, 1 - a, a @ a.T, np.exp(a), np.add.reduce(a), np.add.reduce(a, axis=None), a[0, 0], a[0],
        np.sum(a), np.where(a > 0, a, 0), np.concatenate([a, a]), a.sum(), a > 0, np.all(a), a.T, a.real,
        np.argmax(a), np.zeros_like(a, shape=()), a.astype("f4"), standin.namespace.arange(3),
        np.max(a, axis=1), np.split(a, 2)[0], np.nonzero(a)[1], np.broadcast_to(a[0], (4, 3)),
    ):  # fmt: skip
        assert type(result) is standin.StrictArray
    assert not isinstance(a, np.ndarray)


def test_views_of_the_stand_in_know_the_owner_of_their_memory() -> None:
    from tapegrad.device import owner

    a = strict(4, 3)
    for view in (a[1:], a[1:][:, 0], a.T, a.reshape(12), a[0, 0], np.transpose(a), np.broadcast_to(a, (2, 4, 3)),
                 a.view(), a.swapaxes(0, 1)[0], np.expand_dims(a, 0)):  # fmt: skip
        assert owner(view) is a
    for copy in (a.copy(), a + 0, a[standin.from_host(np.array([0]))], a.astype("f4")):
        assert copy.base is None
    a[1:][...] = 5
    assert a.host[2, 0] == 5


def test_the_stand_in_is_a_device() -> None:
    t = tg.tensor([1.0, 2.0], device="standin")
    assert str(t.device) == "standin" and is_array(t.array) and type(t.array) is standin.StrictArray
    assert t.sum().item() == 3.0
    assert t.to("cpu").tolist() == [1.0, 2.0]
