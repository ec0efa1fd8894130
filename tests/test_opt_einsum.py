"""opt_einsum on tensors: its own tests with tensors for operands, and what is recorded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tapegrad as tg

oe = pytest.importorskip("opt_einsum")
theirs = pytest.importorskip("opt_einsum.tests.test_contract")


@pytest.fixture(autouse=True)
def tensors_for_arrays(monkeypatch):
    """Let the operands that opt_einsum's own tests make be tensors."""
    made = theirs.build_views

    def build(*args, **kwargs):
        return tuple(tg.tensor(np.asarray(view)) for view in made(*args, **kwargs))

    monkeypatch.setattr(theirs, "build_views", build)


@pytest.mark.parametrize("string", theirs.tests)
def test_their_comparisons(string):
    theirs.test_drop_in_replacement(string)
    for optimize in ("auto", "greedy", "optimal"):
        theirs.test_compare(optimize, string)
        theirs.test_compare_blas(optimize, string)
        for use_blas in (False, True):
            theirs.test_contract_expressions(string, optimize, use_blas, False)


@pytest.mark.parametrize("n_out", [0, 2])
def test_their_random_equations(n_out):
    for n, reg, all_share in itertools.product((4, 5), (2, 3), (False, True)):
        theirs.test_rand_equation("greedy", n, reg, n_out, all_share)


def test_their_constants():
    mark = next(m for m in theirs.test_contract_expression_with_constants.pytestmark)
    for string, constants in mark.args[1]:
        theirs.test_contract_expression_with_constants(string, constants)


EQUATIONS = [
    "ij,jk,kl->il",
    "ij,ij,ij->i",
    "ab,bc,cd,de->ae",
    "iij,jk->k",
    "i,j,k->kij",
    "ab,cd->",
    "abc,bcd,dea",
]


@pytest.mark.parametrize("optimize", ["auto", "greedy", "optimal", False])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_contractions_record(equation, optimize, device):
    terms = equation.split("->")[0].split(",")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((3,) * len(term)) for term in terms]
    ours = [tg.tensor(a, device=device, requires_grad=True) for a in arrays]
    out = oe.contract(equation, *ours, optimize=optimize)
    assert isinstance(out, tg.Tensor) and out.device == ours[0].device
    np.testing.assert_allclose(out.detach().cpu().numpy(), np.einsum(equation, *arrays))
    (out * out).sum().backward()
    plain = [tg.tensor(a, requires_grad=True) for a in arrays]
    same = tg.einsum(equation, *plain)
    (same * same).sum().backward()
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a.grad.cpu().numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_the_functions_that_opt_einsum_looks_for_have_numpys_arguments():
    a, b = np.random.randn(2, 3, 4), np.random.randn(4, 3, 5)
    for axes in (([1, 2], [1, 0]), ([2], [0]), ([], []), 1):
        have = tg.tensordot(tg.tensor(a), tg.tensor(b), axes=axes)
        np.testing.assert_allclose(have.numpy(), np.tensordot(a, b, axes=axes))
    for order in itertools.permutations(range(3)):
        np.testing.assert_array_equal(tg.transpose(tg.tensor(a), order).numpy(), a.transpose(order))
    x = tg.tensor(a, requires_grad=True)
    (x.transpose((2, 0, 1)) * tg.arange(24.0).reshape(4, 2, 3)).sum().backward()
    np.testing.assert_array_equal(
        x.grad.numpy(), np.arange(24.0).reshape(4, 2, 3).transpose(1, 2, 0)
    )
    with pytest.raises(tg.errors.ArgumentError, match="two dimensions"):
        x.transpose(0)
