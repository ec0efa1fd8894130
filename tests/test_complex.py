"""Complex gradients where they meet the user, against PyTorch: its convention, `df/da + i df/db`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host
from tapegrad import errors

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Using backward.. with create_graph:UserWarning"),
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning"),
    pytest.mark.filterwarnings("ignore:Complex modules are a new feature:UserWarning"),
]

rng = np.random.default_rng(7)
Z = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
W = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
X = rng.standard_normal((3, 2))


def values(found: Any) -> Any:
    """Tensors of either framework as arrays, in their own nesting."""
    if isinstance(found, (tuple, list)):
        return [values(f) for f in found]
    if found is None or isinstance(found, bool):
        return found
    return host(found) if isinstance(found, tg.Tensor) else found.detach().resolve_conj().numpy()


def agree(scenario: Callable[[Any], Any]) -> Any:
    """The same few lines in both frameworks must answer the same; returns tapegrad's answer."""
    have, want = values(scenario(tg)), values(scenario(torch))

    def compare(a: Any, b: Any) -> None:
        if isinstance(a, list):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                compare(x, y)
        elif a is None or isinstance(a, bool):
            assert a is b
        else:
            assert a.dtype == b.dtype
            tolerances.assert_same(a, b)

    compare(have, want)
    return have


def leaf(m: Any, value: Any = Z) -> Any:
    return m.tensor(value).requires_grad_()


# What is differentiated below: neither holomorphic nor the opposite, with a real value.
def loss(z: Any, w: Any) -> Any:
    return ((z * z * w + z.conj()).abs() ** 2).sum() + (z.imag * w.real).sum()


# -- backward and grad -------------------------------------------------------------------------------


def test_grad_is_the_direction_of_steepest_ascent() -> None:
    z = leaf(tg)
    loss(z, tg.tensor(W)).backward()
    step = 1e-6 * host(z.grad)
    change = loss(tg.tensor(Z + step), tg.tensor(W)) - loss(tg.tensor(Z), tg.tensor(W))
    assert change.item() == pytest.approx(1e-6 * np.sum(np.abs(host(z.grad)) ** 2), rel=1e-4)


def test_grad_of_backward() -> None:
    def scenario(m: Any) -> Any:
        z, w = leaf(m), leaf(m, W)
        loss(z, w).backward()
        return z.grad, w.grad

    agree(scenario)


def test_grad_accumulates_over_two_backward_calls() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        (z * z * m.tensor(W)).real.sum().backward()
        first = z.grad.clone()
        (z * m.tensor(1j)).real.sum().backward()
        return first, z.grad

    agree(scenario)


def test_grad_of_a_graph_with_several_paths_and_a_given_gradient() -> None:
    def scenario(m: Any) -> Any:
        z, w = leaf(m), leaf(m, W)
        y = z.exp() * w + z
        y = y * z
        return m.autograd.grad([y, w * z], [z, w], [m.tensor(W), m.tensor(Z)])

    agree(scenario)


def test_a_complex_root_needs_a_gradient() -> None:
    z = tg.tensor(1 + 1j, requires_grad=True)
    for start in (
        (z * z).backward,
        lambda: tg.autograd.grad(z * z, z),
        lambda: (z * z).backward(create_graph=True),
    ):
        with pytest.raises(errors.GraphError, match="only for a real value, got complex64"):
            start()
    assert z.grad is None


def test_a_real_gradient_is_taken_for_a_complex_root() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        (z * z).backward(m.tensor(X + 0j))
        return z.grad

    agree(scenario)


def test_a_real_parameter_times_a_complex_constant_has_a_real_gradient() -> None:
    def scenario(m: Any) -> Any:
        x, y = leaf(m, X), leaf(m, X.astype(np.float32))
        ((x * m.tensor(W) + y * (1 + 2j)).abs() ** 2).sum().backward()
        return x.grad, y.grad

    grads = agree(scenario)
    assert [g.dtype for g in grads] == ["float64", "float32"]


def test_a_complex_parameter_through_a_real_value_and_back() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        y = m.complex(z.real * z.imag, z.real.exp()) / z
        (y * m.tensor(W)).imag.sum().backward()
        return z.grad

    agree(scenario)


def test_gradients_of_gradients() -> None:
    def scenario(m: Any) -> Any:
        z, w = leaf(m), leaf(m, W)
        (first,) = m.autograd.grad(loss(z, w), z, create_graph=True)
        second = m.autograd.grad((first.abs() ** 2).sum(), (z, w), create_graph=True)
        third = m.autograd.grad(second[0].real.sum(), z)
        return first, *second, *third

    agree(scenario)


def test_gradients_of_gradients_by_backward() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        m.autograd.backward(
            (z * z * z).sum(), m.tensor(1 + 2j, dtype=m.complex128), create_graph=True
        )
        first = z.grad
        z.grad = None
        first.backward(m.tensor(W))
        return first, z.grad

    agree(scenario)


def test_materialised_zeros_are_complex() -> None:
    def scenario(m: Any) -> Any:
        z, w = leaf(m), leaf(m, W)
        return m.autograd.grad(z.abs().sum(), (z, w), materialize_grads=True)

    agree(scenario)


def test_chosen_inputs_of_backward() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        y = z * m.tensor(W)
        y.retain_grad()
        (y * y).imag.sum().backward(inputs=[y])
        return z.grad, y.grad

    agree(scenario)


# -- where else gradients are seen -------------------------------------------------------------------


def test_hooks_see_and_replace_pytorchs_gradient() -> None:
    def scenario(m: Any) -> Any:
        z, seen = leaf(m), []
        y = z * m.tensor(W)
        z.register_hook(lambda g: seen.append(g.clone()))
        y.register_hook(lambda g: g * (2 + 1j))
        y.register_hook(lambda g: seen.append(g.clone()))
        y.retain_grad()
        (y * y.conj() * y).real.sum().backward()
        return z.grad, y.grad, *seen

    agree(scenario)


def test_hooks_while_gradients_are_recorded() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        handle = z.register_hook(lambda g: g * z)
        (first,) = m.autograd.grad((z * z).abs().sum(), z, create_graph=True)
        second = m.autograd.grad(first.real.sum(), z)
        handle.remove()  # the budgets of test_tensor.py are those of a tape without hooks
        return first, *second

    agree(scenario)


def function_of(m: Any) -> Any:
    """|z| z and its conjugate, with the gradient written by hand in PyTorch's convention."""

    class Scaled(m.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            ctx.save_for_backward(z)
            return z.abs() * z, z.conj() * 2

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            (z,) = ctx.saved_tensors
            return g * z.abs() + (g * z.conj()).real * z / z.abs() + 2 * h.conj()

    return Scaled


def test_a_function_is_written_for_pytorchs_gradient() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m)
        a, b = function_of(m).apply(z * m.tensor(W))
        (a * b + a).imag.sum().backward()
        return z.grad

    agree(scenario)
    gradients.check(function_of(tg).apply, [Z])
    gradients.check_second(function_of(tg).apply, [Z])


def test_a_function_of_real_and_complex_inputs() -> None:
    def scenario(m: Any) -> Any:
        class Product(m.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any, z: Any) -> Any:
                ctx.save_for_backward(x, z)
                return x * z

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                x, z = ctx.saved_tensors
                return (g * z.conj()).real, g * x

        x, z = leaf(m, X), leaf(m)
        (Product.apply(x, z) ** 2).real.sum().backward()
        return x.grad, z.grad

    agree(scenario)


def test_full_backward_hooks_of_a_module() -> None:
    def scenario(m: Any) -> Any:
        layer, seen = m.nn.Linear(2, 2, dtype=m.complex128), []
        with m.no_grad():
            layer.weight.copy_(m.tensor(W[:2]))
            layer.bias.copy_(m.tensor(Z[0]))

        def scaled(module: Any, grad_input: Any, grad_output: Any) -> Any:
            seen.extend([grad_input[0].clone(), grad_output[0].clone()])
            return (grad_input[0] * 1j,)

        layer.register_full_backward_hook(scaled)
        layer.register_full_backward_pre_hook(lambda module, g: (g[0] * (1 - 1j),))
        z = leaf(m)
        (layer(z * z) ** 2).real.sum().backward()
        return z.grad, layer.weight.grad, layer.bias.grad, *seen

    agree(scenario)


def test_checkpointing() -> None:
    def scenario(m: Any) -> Any:
        checkpoint = __import__(
            f"{m.__name__}.utils.checkpoint", fromlist=["checkpoint"]
        ).checkpoint
        z, w = leaf(m), leaf(m, W)
        y = checkpoint(lambda z, w: (z * w).exp() + z.conj(), z, w, use_reentrant=False)
        (y * y).imag.sum().backward()
        return z.grad, w.grad

    agree(scenario)


@pytest.mark.parametrize("name", ["vjp", "jvp"])
def test_products_with_the_jacobian(name: str) -> None:
    def scenario(m: Any) -> Any:
        product = getattr(m.autograd.functional, name)
        return product(lambda z: z * z * z.abs() + z.conj(), m.tensor(Z), m.tensor(W))

    agree(scenario)


def test_jacobian() -> None:
    def scenario(m: Any) -> Any:
        return m.autograd.functional.jacobian(
            lambda z: (z * z * m.tensor(W[0])).abs(), m.tensor(Z[0])
        )

    agree(scenario)


def test_func_grad_and_vjp() -> None:
    def scenario(m: Any) -> Any:
        value, pull = m.func.vjp(lambda z: z * z.conj() * z, m.tensor(Z))
        return m.func.grad(lambda z: (z * z).abs().sum())(m.tensor(Z)), value, *pull(m.tensor(W))

    agree(scenario)


# -- several outputs ---------------------------------------------------------------------------------


def test_outputs_of_one_operation_real_and_complex() -> None:
    def scenario(m: Any) -> Any:
        z = leaf(m, Z @ Z.T + 3 * np.eye(3))
        sign, size = m.linalg.slogdet(z)
        var, mean = m.var_mean(z, 0)
        u, s, vh = m.linalg.svd(z)
        return m.autograd.grad(
            (sign * sign).imag + size + (var * mean).real.sum() + ((u * s) @ vh).imag.sum() + s[0],
            z,
        )

    agree(scenario)


def test_in_place_changes() -> None:
    def scenario(m: Any) -> Any:
        z, x = leaf(m), leaf(m, X)
        y = z * 1
        y *= m.tensor(W)
        y.add_(x)
        y[0] = z[1].conj() * x[0]
        y.exp_()
        y.real.sum().backward()
        return z.grad, x.grad

    agree(scenario)


# -- decompositions ----------------------------------------------------------------------------------

PHASES = {
    "svd": lambda m, z: m.linalg.svd(z, full_matrices=False)[0],
    "svd, right": lambda m, z: m.linalg.svd(z, full_matrices=False)[2],
    "eigh": lambda m, z: m.linalg.eigh(z.mT.conj() @ z)[1],
    "eig": lambda m, z: m.linalg.eig(z.mT @ z)[1],
}


@pytest.mark.parametrize("name", PHASES)
def test_a_gradient_that_depends_on_phases_is_refused(name: str) -> None:
    for m, error in ((tg, errors.GraphError), (torch, RuntimeError)):
        z = leaf(m)
        vectors = PHASES[name](m, z)
        with pytest.raises(error, match=r"up to a factor|up to multiplication"):
            (vectors * m.tensor(rng.standard_normal(vectors.shape))).real.sum().backward()
        assert z.grad is None


@pytest.mark.parametrize("name", PHASES)
def test_a_gradient_that_does_not_depend_on_phases(name: str) -> None:
    agree(lambda m: m.autograd.grad((PHASES[name](m, z := leaf(m)).abs() ** 3).sum(), z))


HERMITIAN = Z.conj().T @ Z + np.diag([1.0, 3.0])
FACTORS: dict[str, Callable[[Any, Any], Any]] = {
    "cholesky": lambda m, a: m.linalg.cholesky(a),
    "cholesky, upper": lambda m, a: m.linalg.cholesky(a, upper=True),
    "eigvalsh": lambda m, a: m.linalg.eigvalsh(a),
    "eigh": lambda m, a: m.linalg.eigh(a)[1].abs(),
    "pinv": lambda m, a: m.linalg.pinv(a, hermitian=True),
    "matrix_rank": lambda m, a: m.linalg.matrix_rank(a, hermitian=True) + a.abs().sum(),
    "cholesky_solve": lambda m, a: m.cholesky_solve(a, m.linalg.cholesky(a)),
    "cholesky_inverse": lambda m, a: m.cholesky_inverse(m.linalg.cholesky(a)),
}


@pytest.mark.parametrize("name", FACTORS)
def test_functions_of_hermitian_matrices(name: str) -> None:
    def scenario(m: Any) -> Any:
        a = leaf(m, HERMITIAN)
        out = FACTORS[name](m, a)
        cotangent = gradients.draw([out.detach().numpy()], 5)[0]
        return out, *m.autograd.grad(out, a, m.tensor(cotangent))

    agree(scenario)


def test_eigenvalues_of_real_matrices_have_a_real_gradient() -> None:
    matrix = np.array([[1.0, 2.0, 0.0], [-2.0, 1.5, 0.5], [0.0, 0.7, 4.0]])

    def scenario(m: Any) -> Any:
        a = leaf(m, matrix)
        w, v = m.linalg.eig(a)
        return m.autograd.grad((w**3).abs().sum() + (v.abs() ** 3).sum(), a)

    (found,) = agree(scenario)
    assert found.dtype == np.float64


def test_lstsq_beside_the_solution() -> None:
    def scenario(m: Any) -> Any:
        found = m.linalg.lstsq(m.tensor(Z), m.tensor(W), driver="gelsd")
        square = m.linalg.lstsq(m.tensor(Z[:2]), m.tensor(W[:2]))
        return (*found, square.residuals, square.singular_values)

    agree(scenario)


# -- values ------------------------------------------------------------------------------------------

SINGLE = np.array([1 + 2j, -0.5j], np.complex64)
VALUES: dict[str, Callable[[Any], Any]] = {
    "0-d tensor and float32": lambda m: m.tensor(1j) * m.ones(2),
    "number and float32": lambda m: m.ones(2) * 1j,
    "number and float64": lambda m: m.ones(2, dtype=m.float64) + 1j,
    "number and integers": lambda m: m.tensor([1, 2]) * 1j,
    "number and bools": lambda m: m.tensor([True, False]) + 1j,
    "integers and complex64": lambda m: m.tensor([1, 2]) / m.tensor(SINGLE),
    "power of a negative number": lambda m: m.tensor([-2.0, 3.0]) ** 1j,
    "number to complex powers": lambda m: (-2.0) ** m.tensor(SINGLE),
    "float_power": lambda m: m.float_power(m.tensor(SINGLE), 3),
    "float_power of a number": lambda m: m.float_power(2.0, m.tensor(SINGLE)),
    "alpha": lambda m: m.add(m.tensor(SINGLE), m.tensor(SINGLE), alpha=2j),
    "addcmul": lambda m: m.addcmul(*[m.tensor(SINGLE)] * 3, value=1j),
    "addcdiv": lambda m: m.addcdiv(*[m.tensor(SINGLE)] * 3, value=1 - 1j),
    "lerp": lambda m: m.lerp(m.tensor(SINGLE), m.tensor(SINGLE * 2), 0.2 + 0.7j),
    "masked_fill": lambda m: m.tensor(SINGLE).masked_fill(m.tensor([True, False]), 3j),
    "masked_fill by a tensor": lambda m: m.tensor(SINGLE).masked_fill(m.tensor([True, False]), m.tensor(2j)),
    "all": lambda m: m.all(m.tensor([[0j, 1j], [1j, 2.0]]), 1),
    "any": lambda m: m.any(m.tensor([[0j, 0j], [1j, 2.0]]), 1),
    "reciprocal of zero and others": lambda m: m.reciprocal(m.tensor(SINGLE)),
    "logsumexp": lambda m: m.logsumexp(m.tensor(SINGLE * 300), 0),
    "sum to complex": lambda m: m.sum(m.ones(3), dtype=m.complex64),
    "nan_to_num": lambda m: m.nan_to_num(m.tensor([complex("nan+1j"), complex("1-infj")]), 2.0, 3.0, 4.0),
    "isclose": lambda m: m.isclose(m.tensor([1j, complex("inf")]), m.tensor([1j * (1 + 1e-7), complex("inf")])),
    "norm of a kind": lambda m: m.linalg.vector_norm(m.tensor(SINGLE), dtype=m.complex128),
    "corrcoef": lambda m: m.corrcoef(m.tensor(Z)),
    "weighted cov": lambda m: m.cov(m.tensor(Z), aweights=m.tensor([0.5, 1.5])),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_and_dtypes(name: str) -> None:
    agree(VALUES[name])


REFUSED: dict[str, Callable[[Any], Any]] = {
    name: lambda m, name=name: getattr(m, name)(m.tensor(Z))
    for name in ("amax", "amin", "aminmax", "argmax", "argmin", "argsort", "ceil", "erf", "floor", "frac",
                 "lgamma", "logit", "max", "median", "min", "nansum", "relu", "round", "sign", "sort", "trunc", "deg2rad")
}  # fmt: skip
REFUSED |= {
    name: lambda m, name=name: getattr(m, name)(m.tensor(Z), m.tensor(W))
    for name in ("maximum", "minimum", "fmax", "fmin", "lt", "le", "gt", "ge", "fmod", "remainder", "floor_divide",
                 "hypot", "atan2", "copysign", "heaviside", "logaddexp2", "xlogy", "cdist", "searchsorted")
}  # fmt: skip
REFUSED |= {
    name: lambda m, name=name: getattr(m.nn.functional, name)(m.tensor(Z), m.tensor(W))
    for name in ("mse_loss", "huber_loss", "smooth_l1_loss", "cosine_similarity", "kl_div")
}  # fmt: skip
REFUSED |= {
    "softmax": lambda m: m.softmax(m.tensor(Z), 0), "log_softmax": lambda m: m.log_softmax(m.tensor(Z), 0),
    "cummax": lambda m: m.cummax(m.tensor(Z), 0), "clamp": lambda m: m.clamp(m.tensor(Z), 0),
    "clamp by a complex number": lambda m: m.clamp(m.tensor(X), 1j),
    "less than a number": lambda m: m.tensor(Z) < 1, "real less than a complex number": lambda m: m.tensor(X) < 1j,
    "topk": lambda m: m.topk(m.tensor(Z), 1), "quantile": lambda m: m.quantile(m.tensor(Z), 0.5),
    "nll_loss": lambda m: m.nn.functional.nll_loss(m.tensor(Z), m.tensor([0, 1, 0])),
    "cross_entropy": lambda m: m.nn.functional.cross_entropy(m.tensor(Z), m.tensor([0, 1, 0])),
    "layer_norm": lambda m: m.nn.functional.layer_norm(m.tensor(Z), (2,)),
    "scatter_reduce": lambda m: m.scatter_reduce(m.tensor(Z), 0, m.tensor([[0, 0]]), m.tensor(W), "amax"),
    "into a real tensor": lambda m: m.ones(2).mul_(1j), "fill_": lambda m: m.ones(2).fill_(1j),
    "alpha": lambda m: m.add(m.ones(2), m.ones(2), alpha=1j),
    "masked_fill": lambda m: m.ones(2).masked_fill(m.tensor([True, False]), 1j),
    "matmul of two kinds": lambda m: m.tensor(Z.T) @ m.tensor(X),
    "real norm of complex numbers": lambda m: m.linalg.vector_norm(m.tensor(Z), dtype=m.float64),
    "complex norm of real numbers": lambda m: m.linalg.vector_norm(m.tensor(X), dtype=m.complex128),
    "full": lambda m: m.full((2,), 1j, dtype=m.float32),
    "full_like": lambda m: m.full_like(m.ones(2), 1j),
    "celu": lambda m: m.nn.functional.celu(m.tensor(X), 1j),
    "hardshrink": lambda m: m.nn.functional.hardshrink(m.tensor(X), 1j),
    "softplus": lambda m: m.nn.functional.softplus(m.tensor(X), 1j),
    "tolerance of pinv": lambda m: m.linalg.pinv(m.tensor(X), m.tensor(1j)),
    "tolerance of matrix_rank": lambda m: m.linalg.matrix_rank(m.tensor(X), m.tensor(1j)),
    "complex norm": lambda m: m.norm(m.tensor(X), dtype=m.complex128),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused(name: str) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        REFUSED[name](torch)
    with pytest.raises(errors.DtypeError):
        REFUSED[name](tg)
