"""`gradcheck` and `gradgradcheck`: what they accept, what they refuse, and what they call it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError, GradcheckError
from tapegrad.tensor import Tensor
from tapegrad.testing import gradcheck, gradgradcheck


def leaf(*values: Any) -> Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


def matrix(*shape: int) -> Tensor:
    return tg.tensor(np.random.default_rng(0).uniform(0.5, 2, shape), requires_grad=True)


def doubled(x: Tensor) -> Tensor:
    """Right values, and a gradient that is twice too large."""
    return 2 * x * x - (x * x).detach()


def complaint(function: Callable[..., Any], inputs: Any, reason: str, **more: Any) -> str:
    with np.errstate(all="ignore"):
        with pytest.raises(GradcheckError) as caught:
            gradcheck(function, inputs, **more)
        assert caught.value.reason == reason
        assert gradcheck(function, inputs, raise_exception=False, **more) is False
    return str(caught.value)


# -- what passes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (tg.exp, matrix(2, 3)),
        (lambda x, n: x**n, (matrix(2), 3)),
        (lambda x, i: x[i], (matrix(3, 2), tg.tensor([2, 0, 2]))),
        (lambda x: {"a": x.sin(), "b": (x.cos(), x.argmax())}, matrix(3)),
        (lambda x: x * 2, matrix(0, 2)),
        (lambda x: x.expand(3, 2), tg.ones(2, dtype=tg.float64, requires_grad=True)),
        (lambda z: z * z.conj(), leaf(1 + 2j, 0.5 - 1j)),
        (lambda z: z.abs(), leaf(1 + 2j, 0.5 - 1j)),
        (lambda z, x: z * x, (leaf(1 + 2j), leaf(0.5))),
        (tg.nn.Linear(3, 2), tg.ones(4, 3)),
        (tg.nn.Embedding(4, 2), tg.tensor([1, 3, 1])),
        (tg.nn.BatchNorm1d(3), matrix(4, 3)),
        (lambda x: (x * 1e7).sum() * 1e-7 + 1e4, matrix(3)),  # rounding, and no more
        (lambda x: (1000 * x).exp(), leaf(0.01)),  # steep
        (lambda x: 50 * x * x.abs(), leaf(0.0, 1.0)),  # a jump in the second derivative
        (tg.relu, leaf(3e-7, -3e-7)),  # a kink that a smaller step does not see
        (lambda x: x.max(), leaf(1.0, 1.0)),
    ],
    ids=lambda value: "",
)
def test_a_right_gradient_passes(function: Callable[..., Any], inputs: Any) -> None:
    assert gradcheck(function, inputs)


def test_a_module_is_as_before() -> None:
    layer = tg.nn.BatchNorm1d(3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    gradcheck(layer, matrix(4, 3))
    for name, value in layer.state_dict().items():
        assert tg.equal(value, before[name])
    assert all(p.grad is None for p in layer.parameters())


def test_parameters_are_checked_with_the_inputs() -> None:
    class Layer(tg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = tg.nn.Parameter(tg.ones(2))

        def forward(self, x: Tensor) -> Tensor:
            return x * doubled(self.scale)

    assert "parameter 'scale'" in complaint(Layer(), matrix(3, 2), "gradient")


def test_every_check_passes_for_a_right_gradient() -> None:
    for inputs in (matrix(2, 2), leaf(1 + 2j, 0.5 - 1j)):
        assert gradcheck(
            lambda x: (x * x, x.sin()), inputs, check_grad_dtypes=True, check_batched_grad=True,
            check_forward_ad=True, check_batched_forward_grad=True, fast_mode=True,
        )  # fmt: skip
        assert gradgradcheck(
            lambda x: x * x * x, inputs, gen_non_contig_grad_outputs=True, check_fwd_over_rev=True,
            check_batched_grad=True, check_grad_dtypes=True,
        )  # fmt: skip
    assert gradcheck(tg.sin, matrix(2), check_backward_ad=False, check_forward_ad=True)
    assert gradgradcheck(tg.sin, matrix(2), tg.ones(2, dtype=tg.float64))
    assert gradgradcheck(lambda x: x.detach(), matrix(2))


# -- functions that bring their gradient -------------------------------------------------------------


def test_a_gradient_of_another_library_is_checked() -> None:
    x, y = np.array([[1.0, 2.0], [0.5, 3.0]]), np.array([0.5, 2.0])
    assert gradcheck(lambda x, y: (x * y, lambda g: (g * y, (g * x).sum(0))), (x, y))
    assert gradcheck(lambda x: (np.exp(x), lambda g: g * np.exp(x)), np.float64(0.5))
    z = np.array([1 + 2j, 0.5 - 1j])
    assert gradcheck(lambda z: (z * z, lambda g: g * np.conj(2 * z)), z)
    assert "complex conjugate" in complaint(lambda z: (z * z, lambda g: g * 2 * z), z, "gradient")


def test_a_product_with_the_jacobian_is_checked_where_it_is_given() -> None:
    x = np.array([1.0, 2.0])
    right = lambda x: (x * x, lambda g: 2 * g * x, lambda v: 2 * v * x)  # noqa: E731
    wrong = lambda x: (x * x, lambda g: 2 * g * x, lambda v: v * x)  # noqa: E731
    assert gradcheck(right, x, check_forward_ad=True)
    assert "wrong jvp" in complaint(wrong, x, "gradient", check_forward_ad=True)
    with pytest.raises(ArgumentError, match="jvp"):
        gradcheck(lambda x: (x, lambda g: g), x, check_forward_ad=True)


@pytest.mark.parametrize(
    ("vjp", "fragment"),
    [
        (lambda g: (g, g), "the sum over axis 0 is missing"),
        (lambda g: (g, g.sum(0)), "shape (3,), the input has (1, 3)"),
        (lambda g: (g.T, g.sum(0, keepdims=True)), "it is transposed"),
        (lambda g: g, "one gradient for each of 2"),
        (lambda g: (g, None), "analytic is zero"),
    ],
)
def test_gradients_of_the_wrong_shape_are_explained(vjp: Any, fragment: str) -> None:
    x, y = np.ones((2, 3)), np.ones((1, 3))
    assert fragment in complaint(lambda x, y: (x + y, vjp), (x, y), "gradient")


def test_a_mean_squared_error_that_is_too_large_by_the_number_of_outputs() -> None:
    """As in a small library: it differentiates the sum, and returns the mean."""

    def mse(y: np.ndarray, a: np.ndarray) -> Any:
        return np.mean((y - a) ** 2), lambda g: (2 * g * (y - a), -2 * g * (y - a))

    y = np.random.default_rng(0).uniform(0.5, 2, 5)
    found = complaint(mse, (y, y[::-1] / 2), "gradient")
    assert "analytic is 5.000 times numeric everywhere" in found
    assert "(5 is the size of axis 0 of the input)" in found


def test_an_elu_by_where_has_no_gradient_for_large_inputs() -> None:
    def elu(x: np.ndarray) -> Any:
        positive = x > 0
        value = np.where(positive, x, np.exp(x) - 1)
        return value, lambda g: g * positive + (g * ~positive) * np.exp(x)

    assert gradcheck(elu, np.array([-1.0, 2.0]))
    found = complaint(elu, np.array([-1.0, 800.0]), "gradient")
    assert "analytic nan" in found and "not finite where the difference quotients are" in found


# -- wrong gradients are described -------------------------------------------------------------------


def test_the_worst_entry_and_both_matrices_are_shown() -> None:
    found = complaint(doubled, leaf(1.0, 3.0), "gradient")
    assert "wrong gradient of input 0 (shape (2,)) for output 0 (shape (2,))" in found
    assert (
        "worst: input 0 at (1,) for output 0 at (1,): analytic 12, numeric 6 (ratio 2.000)" in found
    )
    assert "analytic:\n[[ 4.  0.]\n [ 0. 12.]]" in found
    assert "numeric:\n[[2. 0.]\n [0. 6.]]" in found
    assert len(complaint(doubled, matrix(9, 9), "gradient")) < 2000


def made(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    members = {
        "forward": staticmethod(lambda ctx, *x: ctx.save_for_backward(*x) or forward(*x)),
        "backward": staticmethod(backward),
    }
    return type("Written", (tg.autograd.Function,), members).apply  # type: ignore[attr-defined, no-any-return]


def first_only(ctx: Any, g: Tensor) -> Tensor:
    out = tg.zeros_like(ctx.saved_tensors[0])
    out[0] = g[0]
    return out


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (doubled, "analytic is 2.000 times numeric everywhere"),
        (made(tg.sin, lambda ctx, g: -g * tg.cos(ctx.saved_tensors[0])), "the wrong sign"),
        (lambda x: x.detach() * 1.0, "the path to this input is cut"),
        (made(lambda x: x.T * 1.0, lambda ctx, g: g * 1.0), "analytic is transposed"),
        (made(lambda x: x * 1.0, lambda ctx, g: g.flip(0)), "reversed along axis 0"),
        (made(lambda x: x * 1.0, lambda ctx, g: g.roll(1, 1)), "rolled along axis 1"),
        (made(lambda x: x * 1.0, first_only), "missing: only index 0 counts of 3"),
        (
            made(lambda x: x.sum(0), lambda ctx, g: g.expand(3, 3) / 3),
            "(3 is the size of axis 0 of the output: a mean for a sum?)",
        ),
        (
            made(
                lambda x: x * 1.0, lambda ctx, g: g + tg.nn.functional.pad(g[:1, :1], (0, 2, 0, 2))
            ),
            "1 of 9 elements of the input are wrong: (0, 0)",
        ),
        (lambda x: tg.linalg.cholesky(x @ x.detach().T), ""),
        (tg.linalg.cholesky, "reads one triangle"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cause_is_guessed(function: Callable[..., Any], hint: str) -> None:
    x = matrix(3, 3) if function is not tg.linalg.cholesky else leaf([4.0, 1.0], [1.0, 3.0])
    assert hint in complaint(function, x, "gradient")


def test_one_wrong_element_of_many_is_found_by_halving() -> None:
    def backward(ctx: Any, g: Tensor) -> Tensor:
        out = 2 * g * ctx.saved_tensors[0]
        out[31, 4] *= 3
        return out

    found = complaint(made(tg.square, backward), matrix(60, 50), "gradient")
    assert "(shape (60, 50)) at (31, 4)" in found and "(ratio 3.000)" in found
    assert gradcheck(lambda x: x.exp() * 1e3, matrix(60, 50))
    low = matrix(60, 50).detach().to(tg.float32).requires_grad_()
    assert "(ratio 2.0" in complaint(doubled, low, "gradient")
    zeros = tg.zeros(60, 50, dtype=tg.float64, requires_grad=True)
    assert "has a kink" in complaint(tg.relu, zeros, "kink")


def test_a_complex_gradient_is_held_to_the_convention() -> None:
    wrong = made(tg.exp, lambda ctx, g: g * tg.exp(ctx.saved_tensors[0]))
    right = made(tg.exp, lambda ctx, g: g * tg.exp(ctx.saved_tensors[0]).conj())
    z = leaf(1 + 2j, 0.5 - 1j)
    assert gradcheck(right, z)
    assert "complex conjugate" in complaint(wrong, z, "gradient")


def test_a_wrong_gradient_is_found_beside_a_kink() -> None:
    assert "at (1,)" in complaint(
        lambda x: tg.relu(x) + tg.relu(x * x.detach()), leaf(0.0, 1.0), "gradient"
    )


def test_a_wrong_gradient_of_the_gradient() -> None:
    constant = made(lambda x: x**3, lambda ctx, g: 3 * g * ctx.saved_tensors[0].detach() ** 2)
    x = leaf(1.0, 2.0)
    assert gradcheck(constant, x)
    with pytest.raises(GradcheckError, match="analytic is zero"):
        gradgradcheck(constant, x)
    assert gradgradcheck(constant, x, raise_exception=False) is False


# -- what is no wrong gradient -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "x", "fragment"),
    [
        (tg.relu, leaf(0.0, 1.0), "its slope is 0 on the left and 1 on the right"),
        (tg.relu, leaf(3e-8, 1.0), "has a kink"),
        (tg.relu, leaf(-3e-8, 1.0), "has a kink"),
        (lambda x: x.abs(), leaf(2e-8), "has a kink"),
        (tg.sign, leaf(0.0), "jumps"),
        (lambda x: x.sort().values, leaf(0.0, 0.0, 0.0), "do not add up"),
    ],
)
def test_a_kink_is_told_from_a_wrong_gradient(function: Any, x: Tensor, fragment: str) -> None:
    found = complaint(function, x, "kink")
    assert "no wrong gradient" in found and fragment in found


def test_a_gradient_outside_of_the_slopes_at_a_kink_is_wrong() -> None:
    wrong = made(tg.relu, lambda ctx, g: g * tg.where(ctx.saved_tensors[0] == 0, 3.0, 1.0))
    assert "analytic 3" in complaint(wrong, leaf(0.0, 1.0), "gradient")


def test_tied_elements_share_a_gradient_of_the_right_sum() -> None:
    wrong = made(
        lambda x: x.max(), lambda ctx, g: g * (ctx.saved_tensors[0] == ctx.saved_tensors[0].max())
    )
    found = complaint(wrong, leaf(1.0, 1.0), "gradient")
    assert "where its elements tie" in found and "(ratio 2.000)" in found


def test_the_end_of_a_domain_is_named() -> None:
    assert "end of the domain" in complaint(tg.sqrt, leaf(0.0, 1.0), "domain")


@pytest.mark.parametrize(
    "function", [tg.exp, lambda x: x.to(tg.float32).exp().to(tg.float64)], ids=["float32", "inside"]
)
def test_too_little_precision_is_named(function: Any) -> None:
    x = leaf(1.0, 2.0)
    given = x if function is not tg.exp else x.detach().to(tg.float32).requires_grad_()
    assert "exp computes in float32" in complaint(function, given, "precision")


def test_a_wrong_gradient_in_float32_is_still_wrong() -> None:
    x = tg.tensor([1.0, 2.0], dtype=tg.float32, requires_grad=True)
    complaint(doubled, x, "gradient")


@pytest.mark.parametrize(
    "function",
    [lambda x: x * tg.rand(2), lambda x: tg.nn.functional.dropout(x.expand(20, 2))],
    ids=["rand", "dropout"],
)
def test_random_functions_are_named(function: Any) -> None:
    assert "draws random numbers" in complaint(function, leaf(1.0, 2.0), "random")
    seeded = lambda x: x * tg.rand(2, generator=tg.Generator().manual_seed(3))  # noqa: E731
    assert gradcheck(seeded, leaf(1.0, 2.0))


def test_a_random_backward_is_named_unless_it_is_allowed() -> None:
    noisy = made(lambda x: x * 1.0, lambda ctx, g: g * (1 + 1e-7 * tg.rand((), dtype=g.dtype)))
    assert "two backward passes" in complaint(noisy, leaf(1.0, 2.0), "random")
    assert gradcheck(noisy, leaf(1.0, 2.0), nondet_tol=1e-5)


def test_functions_that_write_to_their_inputs_are_named() -> None:
    def writing(x: Tensor, y: Any = None) -> Tensor:
        (x if y is None else y).array[0] += 1
        return x * 1

    def mutating(ctx: Any, g: Tensor) -> Tensor:
        g.array[...] *= 1
        return g * 1

    assert "the function changes input 0 in place" in complaint(writing, leaf(1.0, 2.0), "modified")
    x, y = leaf(1.0, 2.0), tg.ones(2)
    assert "changes input 1" in complaint(writing, (x, y), "modified")


@pytest.mark.parametrize(
    ("function", "fragment"),
    [
        (lambda x: x.sum().item(), "its output 0 is a float"),
        (lambda x: (x, x.detach().numpy()), "its output 1 is a ndarray"),
        (lambda x: x.argmax(), "at least one floating-point or complex tensor, got int64"),
        (lambda x: None, "got nothing"),
        (lambda x: "text", "its output 0 is a str"),
    ],
)
def test_functions_that_return_no_tensors_are_named(function: Any, fragment: str) -> None:
    assert fragment in complaint(function, leaf(1.0, 2.0), "type")


def test_there_must_be_something_to_check() -> None:
    with pytest.raises(ArgumentError, match="no input requires a gradient"):
        gradcheck(tg.exp, tg.ones(2))
    with pytest.raises(ArgumentError, match="no input is a floating-point"):
        gradcheck(lambda x: (x, lambda g: g), np.arange(3))
    with pytest.raises(ArgumentError, match="give tensors that require"):
        gradcheck(lambda x: tg.tensor(x), np.ones(3))
    with pytest.raises(ArgumentError, match="func must be callable"):
        gradcheck(3, tg.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="either"):
        gradcheck(tg.exp, leaf(1.0), check_backward_ad=False)
    with pytest.raises(ArgumentError, match="second derivatives need"):
        gradgradcheck(lambda x: (x, lambda g: g), np.ones(3))
    with pytest.raises(ArgumentError, match="one gradient for each of 1"):
        gradgradcheck(tg.exp, leaf(1.0), (tg.ones(1), tg.ones(1)))


def test_outputs_left_out_count_as_zeros() -> None:
    def forward(ctx: Any, x: Tensor) -> Any:
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx: Any, g: Any, h: Any) -> Tensor:
        return 2 * (1.0 if g is None else g) + 3 * (1.0 if h is None else h)

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    function = type("Pair", (tg.autograd.Function,), members).apply  # type: ignore[attr-defined]
    assert "an output that is left out" in complaint(function, leaf(1.0, 2.0), "gradient")
    assert gradcheck(function, leaf(1.0, 2.0), check_undefined_grad=False)


def test_memory_layout_reaches_the_function() -> None:
    seen = []
    x = tg.from_numpy(np.arange(6.0).reshape(2, 3)[::-1].T).requires_grad_()
    gradcheck(lambda x: seen.append(x.array.strides) or x * x, x)  # type: ignore[func-returns-value]
    assert set(seen) == {x.array.strides}
    seen.clear()
    column = tg.from_numpy(np.broadcast_to(np.ones(1), (3, 10**9))[:, :1]).requires_grad_()
    sparse = tg.from_numpy(
        np.lib.stride_tricks.as_strided(np.ones(9), (2,), (64,))
    ).requires_grad_()
    gradcheck(lambda x, y: seen.append(y.array.strides) or x * y, (column, sparse))  # type: ignore[func-returns-value]
    assert set(seen) == {(64,)}
    wide = tg.from_numpy(np.ones((2, 1000))[:, 0]).requires_grad_()
    seen.clear()
    gradcheck(lambda x: seen.append(x.array.strides) or x * x, wide)  # type: ignore[func-returns-value]
    assert set(seen) == {(8,)}  # not worth its gaps


# -- where they are ----------------------------------------------------------------------------------


def test_they_are_where_pytorch_has_them_and_load_when_asked_for() -> None:
    assert tg.autograd.gradcheck is gradcheck and tg.autograd.gradgradcheck is gradgradcheck
    code = (
        "import sys, tapegrad; assert 'tapegrad.testing' not in sys.modules; tapegrad.testing.gradcheck; "
        "assert 'hypothesis' not in sys.modules; tapegrad.testing.strategies; "
        "assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_hypothesis_the_rest_works() -> None:
    code = """
import sys; sys.modules["hypothesis"] = None
import tapegrad as tg
tg.testing.gradcheck(tg.exp, tg.ones(2, dtype=tg.float64, requires_grad=True))
for name in ("strategies", "gradient_property"):
    try:
        getattr(tg.testing, name)
    except tg.errors.DependencyError as error:
        assert "tapegrad[testing]" in str(error)
    else:
        raise AssertionError(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.torch
def test_signatures_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for mine, theirs in (
        (gradcheck, torch.autograd.gradcheck),
        (gradgradcheck, torch.autograd.gradgradcheck),
        (tg.testing.assert_close, torch.testing.assert_close),
    ):
        have, want = (inspect.signature(f).parameters for f in (mine, theirs))
        assert list(have) == list(want)
        assert all(
            have[n].default == want[n].default and have[n].kind == want[n].kind for n in want
        )
