"""What the strategies draw, and what a failing property says."""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.errors import ArgumentError, GradcheckError
from tapegrad.tensor import Tensor
from tapegrad.testing import assert_gradients, gradient_property, strategies
from tapegrad.testing.domains import DOMAINS, SQUARE
from tapegrad.testing.generated import script

quick = settings(max_examples=40, deadline=None, database=None, derandomize=True)


def within(name: str, x: np.ndarray) -> bool:
    """Whether values are in a domain."""
    size = abs(x)
    if name in ("positive_definite", "symmetric"):
        values = np.linalg.eigvalsh(x)
        is_hermitian = np.array_equal(x, x.conj().swapaxes(-1, -2))
        return is_hermitian and (name == "symmetric" or not x.size or values.min() > 0.5)
    return {
        "real": True,
        "positive": bool((x > 0).all()),
        "nonnegative": bool((x >= 0).all()),
        "nonzero": bool((size > 0.1).all()),
        "unit": bool((size < 1).all()),
        "probability": bool(((x > 0) & (x < 1)).all()),
        "distinct": len(np.unique(x)) == x.size and bool((size > 0.1).all()),
        "invertible": name != "invertible" or not x.size or bool((np.linalg.cond(x) < 8).all()),
    }[name]


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_values_are_in_their_domain(domain: str, dtype: str) -> None:
    @quick
    @given(strategies.tensors(np.dtype(dtype), domain=domain))
    def check(x: Tensor) -> None:
        assert x.dtype == dtype and x.requires_grad and x.is_leaf
        values = x.detach().numpy()
        assert np.isfinite(values).all()
        if dtype == "complex128" and domain not in SQUARE | {"nonzero", "unit"}:
            values = abs(values) if domain not in ("distinct", "real") else values.real * 0 + 1
            assert domain in ("distinct", "real") or within(domain, values)
        else:
            assert within(domain, values)

    check()


def drawn_by(strategy: Any, count: int = 200) -> list[Any]:
    found: list[Any] = []

    @settings(quick, max_examples=count)
    @given(strategy)
    def note(value: Any) -> None:
        found.append(value)

    note()
    return found


def test_every_layout_and_kind_of_shape_is_drawn() -> None:
    arrays = [x.detach().numpy() for x in drawn_by(strategies.tensors())]
    assert {a.ndim for a in arrays} == {0, 1, 2, 3}
    assert any(a.size == 0 for a in arrays) and any(a.size == 1 and a.ndim for a in arrays)
    assert any(a.ndim > 1 and not a.flags.c_contiguous and a.flags.f_contiguous for a in arrays)
    assert any(any(s < 0 for s in a.strides) for a in arrays)
    assert any(0 in a.strides and a.size > 1 for a in arrays)
    assert any(a.size > 1 and a.strides[-1] == 2 * a.itemsize for a in arrays)


def test_every_argument_may_be_a_strategy_or_a_value() -> None:
    for x in drawn_by(
        strategies.tensors(
            dtype=st.sampled_from(["float32", "int64"]), shape=strategies.shapes(1, 2, 1, 2),
            layout=st.sampled_from(["contiguous", "transposed"]), domain=st.just("positive"),
            device="standin",
        ), 30,
    ):  # fmt: skip
        assert str(x.device) == "standin" and x.requires_grad == (x.dtype == "float32")
    assert [x.shape for x in drawn_by(strategies.tensors(shape=(2, 3)), 5)] == [(2, 3)] * 5
    assert any(len(s) == 6 for s in drawn_by(strategies.shapes(6, 6, 1, 9), 5))


@pytest.mark.parametrize(
    ("strategy", "fragment"),
    [
        (strategies.tensors(domain="imaginary"), "domain must be one of 'real'"),
        (strategies.tensors(shape=(2, 3), domain="invertible"), "square matrices"),
        (strategies.tensors(layout="round"), "layout must be one of"),
    ],
)
def test_unknown_words_are_refused(strategy: Any, fragment: str) -> None:
    with pytest.raises(ArgumentError, match=fragment):
        drawn_by(strategy, 1)


def test_operands_broadcast() -> None:
    groups = drawn_by(strategies.broadcastable(3, domain=("real", "positive", "unit")))
    for a, b, c in groups:
        tg.broadcast_shapes(a.shape, b.shape, c.shape)
        assert within("positive", b.detach().numpy()) and within("unit", c.detach().numpy())
    assert any(a.shape != b.shape for a, b, _ in groups)
    for a, b in drawn_by(strategies.broadcastable(2, shape=(2, 3)), 20):
        assert np.broadcast_shapes(a.shape, b.shape, (2, 3)) == (2, 3)


def test_indices_are_numpys() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    kinds = set()
    for index in drawn_by(strategies.indices(x.shape)):
        parts = index if isinstance(index, tuple) else (index,)
        kinds |= {type(p).__name__ for p in parts}
        if {"int", "Tensor"} <= {type(p).__name__ for p in parts}:
            continue  # NumPy counts integers among the arrays
        plain = tuple(p.numpy() if isinstance(p, Tensor) else p for p in parts)
        wanted = x[plain if isinstance(index, tuple) else plain[0]]
        np.testing.assert_array_equal(tg.tensor(x)[index].numpy(), wanted)
    assert kinds == {"int", "slice", "NoneType", "ellipsis", "Tensor"}
    for index in drawn_by(strategies.indices((2, 2), arrays=False), 40):
        assert not any(
            isinstance(p, Tensor) for p in (index if isinstance(index, tuple) else (index,))
        )


def test_equations_are_numpys() -> None:
    for equation, *operands in drawn_by(strategies.einsums(), 60):
        wanted = np.einsum(equation, *(o.detach().numpy() for o in operands))
        np.testing.assert_allclose(
            tg.einsum(equation, *operands).detach().numpy(), wanted, atol=1e-12
        )


def test_examples_shrink_to_something_simple() -> None:
    x = find(strategies.tensors(), lambda x: x.numel() > 1, settings=quick)
    assert x.shape == (2,) and x.tolist() == [0.0, 0.0] and x.array.flags.c_contiguous
    y = find(strategies.tensors(domain="nonzero"), lambda y: y.ndim == 2, settings=quick)
    assert y.shape == (1, 1) and abs(y.item()) == 0.125


# -- properties --------------------------------------------------------------------------------------


class Cube(tg.autograd.Function):
    """Wrong for negative numbers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * g * x * x.abs()


def cube(x: Tensor) -> Tensor:
    return Cube.apply(x)  # type: ignore[no-any-return]


def failure(function: Callable[..., Any], **more: Any) -> str:
    with pytest.raises(GradcheckError) as caught:
        gradient_property(function, **more)()
    return str(caught.value)


def test_a_failure_shrinks_and_its_script_reproduces_it() -> None:
    found = failure(cube, inputs=strategies.tensors())
    assert "wrong gradient of input 0 (shape ())" in found and "wrong sign" in found
    _, _, program = found.partition("to reproduce:\n")
    program = "\n".join(line[4:] for line in program.splitlines())
    assert f"from {cube.__module__} import cube as f" in program
    assert "x0 = tg.from_numpy(np.array(-0." in program
    assert cube.__module__ in sys.modules
    with pytest.raises(GradcheckError, match="wrong sign"):
        exec(program, {})


def test_a_decorated_function_is_shown_by_its_source() -> None:
    @gradient_property(inputs=strategies.tensors(shape=(1,), domain="positive"), examples=5)
    def half(x: Tensor) -> Tensor:
        """Lost half of its gradient."""
        return x / 2 + x.detach() / 2

    assert half.__name__ == "half"
    with pytest.raises(GradcheckError) as caught:
        half()
    program = "\n".join(
        line[4:] for line in str(caught.value).partition("to reproduce:\n")[2].splitlines()
    )
    assert "@" not in program and "f = half" in program
    with pytest.raises(GradcheckError, match=r"0\.500 times"):
        exec(program, {"Tensor": Tensor})


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "reversed", "strided", "broadcast"])
@pytest.mark.parametrize("shape", [(2, 3), (3,), (), (0, 2)])
def test_a_script_keeps_values_and_layout(layout: str, shape: tuple[int, ...]) -> None:
    kept: list[Tensor] = []
    for x in drawn_by(strategies.tensors(shape=shape, layout=layout), 5):
        program = "\n".join(
            line[4:] for line in script(tg.tanh, (x, ..., (1, [None])), {}).splitlines()
        )
        assert "f = tg.tanh" in program
        exec(program.replace("assert_gradients(f", "kept.append(x0); (f"), {"kept": kept})
        again = kept.pop()
        assert again.array.strides == x.array.strides or not x.numel()
        np.testing.assert_array_equal(again.detach().numpy(), x.detach().numpy())
        assert again.requires_grad and again.dtype == x.dtype


def test_other_errors_come_with_the_script() -> None:
    def refusing(x: Tensor) -> Tensor:
        return x.reshape(7, 7)

    with pytest.raises(tg.errors.ShapeError) as caught:
        gradient_property(refusing, inputs=strategies.tensors(), examples=5)()
    assert "to reproduce:" in "".join(caught.value.__notes__)


def test_kinks_are_passed_over_but_randomness_is_not() -> None:
    gradient_property(tg.relu, inputs=strategies.tensors(shape=(2,)), examples=20)()
    gradient_property(tg.log, inputs=strategies.tensors(domain="nonnegative"), examples=20)()
    found = failure(lambda x: x * tg.rand(x.shape), inputs=strategies.tensors(domain="positive"))
    assert "draws random numbers" in found


def test_what_cannot_be_differentiated_twice_is_checked_once() -> None:
    class Sine(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return tg.sin(x)

        @staticmethod
        @tg.autograd.function.once_differentiable
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return tg.tensor(g.numpy() * np.cos(x.numpy()))

    x = tg.tensor([[0.5, 1.5]], dtype=tg.float64)
    assert_gradients(Sine.apply, x, second_order=False)
    with pytest.raises(tg.errors.GraphError, match="once_differentiable"):
        assert_gradients(Sine.apply, x)


def test_a_function_that_cannot_be_batched_is_refused_only_when_asked() -> None:
    def branching(x: Tensor) -> Tensor:
        return x * 2 if x.sum() > 0 else x * 3

    x = tg.tensor([0.5, 1.5], dtype=tg.float64)
    assert_gradients(branching, x)
    with pytest.raises(tg.errors.TapegradError):
        assert_gradients(branching, x, batched=True)


def test_other_libraries_functions_have_the_same_properties() -> None:
    x = np.array([[0.5, 1.5], [2.0, -1.0]])
    assert_gradients(lambda x: (np.sin(x), lambda g: g * np.cos(x), lambda v: v * np.cos(x)), x)
    with pytest.raises(GradcheckError, match="not linear"):
        # right for the first gradients that are tried: magnitudes up to 1.5
        assert_gradients(lambda x: (np.sin(x), lambda g: np.clip(g, -2, 2) * np.cos(x)), x)
    with pytest.raises(GradcheckError, match="not adjoint"):
        assert_gradients(lambda x: (np.sin(x), lambda g: g * np.cos(x), lambda v: v), x)
    with pytest.raises(GradcheckError, match="is float32, the input is float64"):
        assert_gradients(lambda x: (2 * x, lambda g: np.float32(2) * g.astype("f4")), x)
    with pytest.raises(GradcheckError, match="vjp changes the incoming gradient"):
        assert_gradients(lambda x: (2 * x, lambda g: np.multiply(g, 2, out=g)), x)


# -- the page about all this -------------------------------------------------------------------------


def test_the_page_prints_what_it_shows() -> None:
    page = Path(__file__).parents[1] / "docs/testing.md"
    sessions = re.findall(r"```pycon\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(sessions) == 4
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    names: dict[str, Any] = {}
    for session in sessions:
        parsed = doctest.DocTestParser().get_doctest(session, names, "testing.md", None, 0)
        runner.run(parsed, clear_globs=False)
        names.update(parsed.globs)
    assert runner.failures == 0
