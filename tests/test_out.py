"""`out=`: every function of the table that takes it, and the functions that make tensors."""

from __future__ import annotations

import ast
import inspect
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import about, host, is_varied, label, listed, mapped, samples_of
from samples import ROWS, Row, Sample
from tapegrad import errors
from tapegrad.ops import output
from tapegrad.ops.words import UFUNCS
from tapegrad.tensor import Tensor, wrap


def takes_out(function: Any) -> bool:
    return inspect.isroutine(function) and "out" in inspect.signature(function).parameters


def symmetric(rng: np.random.Generator) -> np.ndarray:
    x = rng.standard_normal((2, 3, 3))
    return x @ np.swapaxes(x, -1, -2) + np.eye(3)


def solved_by_factors(solve: Any) -> Callable[[np.random.Generator], list[Sample]]:
    def make(rng: np.random.Generator) -> list[Sample]:
        a, b = symmetric(rng), rng.standard_normal((2, 3, 2))
        factors, pivots = map(host, tg.linalg.lu_factor(tg.tensor(a)))
        swapped = (b, factors, pivots) if solve is tg.lu_solve else (factors, pivots, b)
        return [Sample(swapped)]

    return make


def of_matrix(function: Any, **options: Any) -> Row:
    return Row(
        f"linalg.{function.__name__}", function, function,
        lambda rng: [Sample((symmetric(rng),), options)],
    )  # fmt: skip


# The tables test these through what they are made of, not by themselves.
OTHERS = [
    *map(of_matrix, [
        tg.linalg.cholesky, tg.linalg.cholesky_ex, tg.linalg.eig, tg.linalg.eigh, tg.linalg.eigvals,
        tg.linalg.eigvalsh, tg.linalg.lu_factor, tg.linalg.svd, tg.linalg.slogdet, tg.linalg.lu,
        tg.linalg.inv_ex, tg.linalg.lu_factor_ex,
    ]),
    of_matrix(tg.linalg.qr, mode="complete"),
    Row("qr", tg.qr, tg.qr, lambda rng: [Sample((symmetric(rng),))]),
    Row("svd", tg.svd, tg.svd, lambda rng: [Sample((symmetric(rng),))]),
    Row("linalg.solve_ex", tg.linalg.solve_ex, tg.linalg.solve_ex,
        lambda rng: [Sample((symmetric(rng), rng.standard_normal((2, 3, 1))))]),
    Row("lu_unpack", tg.lu_unpack, tg.lu_unpack,
        lambda rng: [Sample(tuple(map(host, tg.linalg.lu_factor(tg.tensor(symmetric(rng))))))]),
    Row("lu_solve", tg.lu_solve, tg.lu_solve, solved_by_factors(tg.lu_solve)),
    Row("linalg.lu_solve", tg.linalg.lu_solve, tg.lu_solve, solved_by_factors(tg.linalg.lu_solve)),
]  # fmt: skip
WITH_OUT = [row for row in ROWS if takes_out(row.function)] + OTHERS
rows = pytest.mark.parametrize("row", WITH_OUT, ids=repr)


class Call:
    """One sample of a row, with what it answers without `out`."""

    def __init__(self, row: Row, sample: Sample, device: str = "cpu", grad: bool = False) -> None:
        def make(array: np.ndarray) -> Tensor:
            return tg.tensor(array, device=device, requires_grad=grad and is_varied(array))

        self.function = row.function
        self.args, self.kwargs = mapped(sample.args, make), mapped(sample.kwargs, make)
        self.label = f"{row}{label(sample)}"
        with np.errstate(all="ignore"):
            answer = self.function(*self.args, **self.kwargs)
        self.several = isinstance(answer, tuple)
        self.kind = type(answer)
        self.want: list[Tensor] = listed(answer)

    def fresh(self, change: Callable[[Tensor], Tensor]) -> list[Tensor]:
        return [change(w) for w in self.want]

    def into(self, outs: list[Tensor]) -> Any:
        out = tuple(outs) if self.several else outs[0]
        with np.errstate(all="ignore"):
            return self.function(*self.args, **self.kwargs, out=out)


def calls_of(row: Row, device: str = "cpu", grad: bool = False) -> Iterator[Call]:
    for sample in samples_of(row):
        yield Call(row, sample, device, grad)


def full_call_of(row: Row, device: str = "cpu", grad: bool = False) -> Call:
    """The first sample whose results have elements."""
    return next(c for c in calls_of(row, device, grad) if all(w.numel() for w in c.want))


def other_values(tensor: Tensor) -> Tensor:
    return tg.full_like(tensor.detach(), 1)


def check(have: list[Tensor], call: Call) -> None:
    for h, w in zip(have, call.want, strict=True):
        np.testing.assert_array_equal(host(h), host(w), call.label)


@rows
def test_the_result_is_written_into_out(row: Row, device: str) -> None:
    for call in calls_of(row, device):
        with about(call.label):
            written_and_returned(call)
            written_into_a_view(call)
            given_the_results_shape(call)


def written_and_returned(call: Call) -> None:
    outs = call.fresh(other_values)
    memory = [out.array for out in outs]
    answer = call.into(outs)
    assert all(a is out for a, out in zip(listed(answer), outs, strict=True))
    assert type(answer) is call.kind
    assert all(out.array is m for out, m in zip(outs, memory, strict=True))
    check(outs, call)


def written_into_a_view(call: Call) -> None:
    pairs = [between(w) for w in call.want]
    call.into([view for _, view in pairs])
    for (memory, _), want in zip(pairs, call.want, strict=True):
        np.testing.assert_array_equal(host(memory)[..., 0].T, host(want))
        np.testing.assert_array_equal(host(memory)[..., 1], 0)


def between(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Memory of zeros, and a transposed view of every second element of it."""
    memory = tg.zeros((*reversed(tensor.shape), 2), dtype=tensor.dtype, device=tensor.device)
    return memory, memory[..., 0].permute(*reversed(range(tensor.ndim)))


def given_the_results_shape(call: Call) -> None:
    """An `out` without elements."""
    outs = call.fresh(lambda w: tg.empty((5, 0), dtype=w.dtype, device=w.device))
    call.into(outs)
    check(outs, call)
    assert [out.shape for out in outs] == [w.shape for w in call.want]


UP = {"bool": "int64", "int64": "float64", "int32": "int64", "float64": "complex128"}
DOWN = {"int64": "bool", "int32": "bool", "float64": "int64", "complex128": "float64"}


@rows
def test_out_of_a_higher_category_is_converted_to_and_of_a_lower_one_refused(
    row: Row, device: str
) -> None:
    call = full_call_of(row, device)
    outs = call.fresh(lambda w: other_values(w).to(UP.get(str(w.dtype), w.dtype)))
    call.into(outs)
    check(outs, call)
    for i, want in enumerate(call.want):
        if str(want.dtype) not in DOWN:
            continue  # everything holds bools
        outs = call.fresh(other_values)
        outs[i] = outs[i].to(DOWN[str(want.dtype)]) if want.dtype.kind != "c" else outs[i].real
        refused(call, outs, errors.DtypeError, f"is {want.dtype}, which {outs[i].dtype} cannot")


def refused(call: Call, outs: list[Tensor], error: type[Exception], fragment: str) -> None:
    """Refused, and nothing changed."""
    before = [host(out.detach()).copy() for out in outs]
    with pytest.raises(error, match=re.escape(fragment)):
        call.into(outs)
    for out, b in zip(outs, before, strict=True):
        np.testing.assert_array_equal(host(out.detach()), b)


@rows
def test_out_of_another_shape_or_on_another_device_is_refused(row: Row, device: str) -> None:
    call = full_call_of(row, device)
    for i, want in enumerate(call.want):
        outs = call.fresh(other_values)
        outs[i] = tg.ones((*want.shape, 2), dtype=want.dtype, device=device)
        message = f"has shape {want.shape}, which does not fit into {outs[i].shape}"
        refused(call, outs, errors.ShapeError, message)
        outs = call.fresh(other_values)
        outs[i] = outs[i].to("cpu" if device == "standin" else "standin")
        refused(call, outs, errors.DeviceError, "different devices")


@pytest.mark.parametrize("row", [r for r in WITH_OUT if r.differentiable], ids=repr)
def test_out_is_refused_while_recording(row: Row, device: str) -> None:
    call = full_call_of(row, device, grad=True)
    assert any(w.requires_grad for w in call.want)
    outs = call.fresh(other_values)
    refused(call, outs, errors.GraphError, "an input requires grad")
    with tg.no_grad():
        call.into(outs)
    check(outs, call)
    call = full_call_of(row, device)
    outs = call.fresh(other_values)
    i = next(i for i, w in enumerate(call.want) if w.dtype.kind in "fc")
    outs[i].requires_grad_()
    refused(call, outs, errors.GraphError, "out requires grad")


@rows
def test_out_may_overlap_with_an_input(row: Row, device: str) -> None:
    for sample in samples_of(row):
        call = Call(row, sample, device)
        first = call.args[0]
        if call.several or not isinstance(first, Tensor) or not first.ndim or not first.numel():
            continue
        if (first.shape, first.dtype) != (call.want[0].shape, call.want[0].dtype):
            continue
        want = host(call.want[0]).copy()  # it may be the input itself
        out = wrap(first.array[::-1])
        call.into([out])
        np.testing.assert_array_equal(host(out), want, call.label)


# -- what is the same for all of them ----------------------------------------------------------------


def test_a_value_saved_for_backward_and_overwritten_by_out_is_noticed() -> None:
    x = tg.ones(3, requires_grad=True)
    y = tg.ones(3)
    z = (x * y).sum()
    tg.exp(tg.zeros(3), out=y)
    with pytest.raises(errors.GraphError, match=r"test_out\.py"):
        z.backward()


@pytest.mark.parametrize(
    ("out", "fragment"),
    [
        (tg.ones(3), "sort: out must be 2 tensors here, got one tensor"),
        ((tg.ones(3),), "sort: out must be 2 tensors here, got 1 tensors"),
    ],
)
def test_out_must_have_as_many_tensors_as_there_are_results(out: Any, fragment: str) -> None:
    with pytest.raises(errors.ArgumentError, match=fragment):
        tg.sort(tg.ones(3), out=out)


def test_one_result_does_not_go_into_a_tuple() -> None:
    with pytest.raises(errors.ArgumentError, match="exp: out must be one tensor here"):
        tg.exp(tg.ones(3), out=(tg.ones(3),))  # type: ignore[arg-type]


def test_several_results_may_go_into_a_list() -> None:
    values, indices = tg.zeros(2), tg.zeros(2, dtype=tg.int64)
    answer = tg.sort(tg.tensor([2.0, 1.0]), out=[values, indices])  # type: ignore[arg-type]
    assert answer.values is values and answer.indices is indices
    assert values.tolist() == [1.0, 2.0] and indices.tolist() == [1, 0]


def test_out_must_be_a_tensor() -> None:
    with pytest.raises(errors.DtypeError, match="exp: out must be a tensor, got ndarray"):
        tg.exp(tg.ones(3), out=np.ones(3))  # type: ignore[arg-type]


def test_read_only_memory_is_refused() -> None:
    with pytest.raises(errors.ArgumentError, match="exp: the memory is read-only"):
        tg.exp(tg.ones(3), out=tg.ones(1).expand(3))


def test_a_leaf_is_written_to_under_no_grad_but_not_resized() -> None:
    leaf = tg.zeros(2, requires_grad=True)
    empty = tg.zeros(0, requires_grad=True)
    with tg.no_grad():
        assert tg.exp(tg.zeros(2), out=leaf) is leaf
        with pytest.raises(errors.GraphError, match=r"shape \(0,\) requires grad"):
            tg.exp(tg.zeros(2), out=empty)
    assert leaf.requires_grad and leaf.is_leaf and leaf.tolist() == [1.0, 1.0]


def test_forms_in_place_have_no_out() -> None:
    x, out = tg.zeros(2), tg.zeros(2)
    with pytest.raises(TypeError, match=r"exp_.*'out'"):
        x.exp_(out=out)
    assert x.tolist() == out.tolist() == [0.0, 0.0]


def test_values_are_converted_between_signs_and_widths() -> None:
    out = tg.zeros(2, dtype=tg.uint8)
    assert tg.add(tg.tensor([1, 2]), 1, out=out) is out
    assert out.dtype == tg.uint8 and out.tolist() == [2, 3]
    assert out.add_(tg.tensor([1, 1])).tolist() == [3, 4]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("ufunc", output.STRAIGHT, ids=lambda ufunc: ufunc.__name__)
def test_what_goes_straight_into_out_is_the_operations_own_result(ufunc: Any, dtype: str) -> None:
    special = [0.0, -0.0, 0.3, -0.7, 2.0, 400.0, np.inf, -np.inf, np.nan, 1e-7]
    x, y = (tg.tensor(v.ravel(), dtype=dtype) for v in np.meshgrid(special, special))  # type: ignore[arg-type]
    args = (x, y)[: ufunc.nin]
    out = tg.zeros_like(x)
    operation = UFUNCS[ufunc]
    with np.errstate(all="ignore"):
        want = host(operation(*args)).copy()
        assert output._straight(out, operation, args, {})
        assert operation(*args, out=x) is x  # over its own input
    for have in (host(out), host(x)):
        np.testing.assert_array_equal(have, want)
        known = want == want
        np.testing.assert_array_equal(np.signbit(have)[known], np.signbit(want)[known])


def test_a_large_sum_makes_no_second_array() -> None:
    x, out = tg.ones(100_000), tg.ones(100_000)
    tracemalloc.start()
    try:
        tg.add(x, x, out=out)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_half_precision_of_linear_algebra_is_written_into_out() -> None:
    a = tg.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=tg.float16)
    wide, narrow = tg.zeros(2, 2), tg.zeros(2, 2, dtype=tg.float16)
    for out in (wide, narrow):
        assert tg.linalg.inv(a, out=out) is out
        np.testing.assert_array_equal(host(out), host(tg.linalg.inv(a)))
    assert tg.linalg.inv(a.float(), out=narrow) is narrow


# -- functions that make tensors ---------------------------------------------------------------------

MADE: dict[str, Callable[..., Tensor]] = {
    "zeros": lambda **o: tg.zeros(2, 3, **o),
    "ones": lambda **o: tg.ones((2, 3), **o),
    "full": lambda **o: tg.full((2, 3), 7, **o),
    "arange": lambda **o: tg.arange(1, 7, **o),
    "linspace": lambda **o: tg.linspace(0, 2, 5, **o),
    "logspace": lambda **o: tg.logspace(0, 2, 5, 2.0, **o),
    "eye": lambda **o: tg.eye(2, 3, **o),
    "rand": lambda **o: tg.rand(2, 3, **o),
    "randn": lambda **o: tg.randn(2, 3, **o),
    "randint": lambda **o: tg.randint(5, (2, 3), **o),
    "randperm": lambda **o: tg.randperm(5, **o),
    "normal": lambda **o: tg.normal(1.0, 2.0, (2, 3), **o),
}
DRAWN = {
    "rand": MADE["rand"],
    "randn": MADE["randn"],
    "randint": MADE["randint"],
    "randperm": MADE["randperm"],
    "normal": MADE["normal"],
    "normal of tensors": lambda **o: tg.normal(tg.zeros(4), 2.0, **o),
    "bernoulli": lambda **o: tg.bernoulli(tg.full((3, 2), 0.5), **o),
    "multinomial": lambda **o: tg.multinomial(tg.ones(5), 3, **o),
}
made = pytest.mark.parametrize("name", MADE)
drawn = pytest.mark.parametrize("name", DRAWN)


@made
def test_new_values_are_written_into_out_in_its_dtype(name: str, device: str) -> None:
    wanted = MADE[name](dtype=tg.float64)
    for shape in (wanted.shape, (0,)):
        tg.manual_seed(3)
        want = host(MADE[name](dtype=tg.float64))
        tg.manual_seed(3)
        out = tg.full(shape, -1.0, dtype=tg.float64, device=device)
        assert MADE[name](out=out) is out
        np.testing.assert_array_equal(host(out), want)


@made
def test_dtype_and_device_must_be_those_of_out(name: str) -> None:
    out = tg.zeros(0, dtype=tg.float64)
    with pytest.raises(errors.DtypeError, match=f"{name}: dtype is float32, out has float64"):
        MADE[name](out=out, dtype=tg.float32)
    with pytest.raises(errors.DeviceError, match=f"{name}: device is standin, out is on cpu"):
        MADE[name](out=out, device="standin")
    assert MADE[name](out=out, dtype=tg.float64, device="cpu") is out


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"randperm"}))
def test_what_is_made_may_require_grad(name: str) -> None:
    out = tg.zeros(0)
    assert MADE[name](out=out, requires_grad=True).requires_grad
    with pytest.raises(errors.GraphError, match="out requires grad"):
        MADE[name](out=out)
    with tg.no_grad():
        assert MADE[name](out=out, requires_grad=True) is out


def test_empty_gives_out_its_shape() -> None:
    out = tg.zeros(0, dtype=tg.int32)
    assert tg.empty(2, 3, out=out) is out and out.shape == (2, 3)


@drawn
def test_drawn_numbers_are_those_without_out(name: str) -> None:
    own = tg.Generator().manual_seed(5)
    want = DRAWN[name](generator=own)
    own.manual_seed(5)
    out = tg.zeros_like(want)
    assert DRAWN[name](generator=own, out=out) is out
    np.testing.assert_array_equal(host(out), host(want))


@drawn
def test_a_refused_out_leaves_the_generator_where_it_was(name: str) -> None:
    own = tg.Generator().manual_seed(5)
    state = own.get_state()
    with pytest.raises(errors.ShapeError, match="does not fit into"):
        DRAWN[name](generator=own, out=tg.zeros(7, 7))
    assert tg.equal(own.get_state(), state)


# -- PyTorch -----------------------------------------------------------------------------------------

# PyTorch's documentation gives them an `out` that its functions refuse.
REFUSED_THERE = {"std_mean", "var_mean"}
SPACES = ["", "linalg", "special", "fft", "nn.functional"]
# One function stands for two of PyTorch's, one of which has no `out`.
SHARED = {
    "det", "nn.functional.hardshrink", "nn.functional.softmax", "nn.functional.log_softmax",
    "nn.functional.threshold", "nn.functional.sigmoid", "nn.functional.tanh", "special.softmax",
    "special.log_softmax",
}  # fmt: skip


def space(module: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        module = getattr(module, part)
    return module


@pytest.mark.torch
@pytest.mark.parametrize("path", SPACES)
def test_the_functions_with_out_are_pytorchs(path: str) -> None:
    torch = pytest.importorskip("torch")
    stubs = Path(torch.__file__).parent / "_C/_VariableFunctions.pyi"
    known = {
        node.name
        for node in ast.walk(ast.parse(stubs.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(arg.arg == "out" for arg in (*node.args.args, *node.args.kwonlyargs))
    }
    ours, theirs = space(tg, path), space(torch, path)
    have, want = set(), set()
    for name in dir(ours):
        function, other = getattr(ours, name), getattr(theirs, name, None)
        if name.startswith("_") or not inspect.isroutine(function) or other is None:
            continue
        if takes_out(function):
            have.add(name)
        documented = re.search(r"\bout ?= ?None", other.__doc__ or "") is not None
        python = inspect.isfunction(other) and takes_out(other)
        if documented or python or (not path and name in known):
            want.add(name)
    shared = {name.rpartition(".")[2] for name in SHARED if name.rpartition(".")[0] == path}
    assert have - shared == want - (set() if path else REFUSED_THERE)
