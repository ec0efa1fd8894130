"""Products: what a row of the table cannot say."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from tapegrad.ops.chain import _best_cuts
from tapegrad.ops.einsum import _plan

RNG = np.random.default_rng(5)


def leaf(*shape: int) -> Any:
    return tg.tensor(RNG.standard_normal(shape), requires_grad=True)


# -- matmul ------------------------------------------------------------------------------------------

MANY = [((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (4, 5)), ((2, 0, 4), (4, 5)), ((2, 3, 0), (0, 5)), ((5, 1, 4), (4, 1)),
        ((2, 3, 4), (4,)), ((4,), (2, 4, 3)), ((4,), (4, 3)), ((4,), (4,)), ((3, 4), (2, 4, 5)), ((0, 4), (4,))]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), MANY)
@pytest.mark.parametrize("flipped", [False, True])
def test_many_matrices_times_one_have_the_right_gradient(a: Any, b: Any, flipped: bool) -> None:
    x, y = RNG.standard_normal(a), RNG.standard_normal(b)
    if flipped:  # memory that one product cannot take as it is
        x, y = x.T.copy().T, y.T.copy().T
    gradients.check(tg.matmul, [x, y])
    gradients.check_second(tg.matmul, [x, y])
    tolerances.assert_same(tg.matmul(tg.tensor(x), tg.tensor(y)).numpy(), np.matmul(x, y))


def test_a_product_with_a_vector_is_one_node() -> None:
    x, v = leaf(2, 3), leaf(3)
    assert [parent for parent, _ in tg.matmul(x, v).grad_fn.next_functions] == [x.node, v.node]


def test_matmul_refuses_bool_and_names_another_dtype_to_use() -> None:
    with pytest.raises(tg.errors.DtypeError, match=r"convert with .float()"):
        tg.matmul(tg.ones(2, 2, dtype=tg.bool), tg.ones(2, 2, dtype=tg.bool))


def test_linear_without_features_is_the_bias() -> None:
    x, w, b = leaf(2, 2, 0), leaf(3, 0), leaf(3)
    out = tg.nn.functional.linear(x, w, b)
    out.sum().backward()
    np.testing.assert_array_equal(
        out.detach().numpy(), np.broadcast_to(b.detach().numpy(), (2, 2, 3))
    )
    assert w.grad.shape == (3, 0) and x.grad.shape == (2, 2, 0)


# -- addmm and its kind ------------------------------------------------------------------------------


def test_an_input_with_beta_zero_has_a_gradient_of_zero() -> None:
    x, a, b = tg.tensor(np.full((1, 1), np.nan), requires_grad=True), leaf(1, 2), leaf(2, 1)
    out = tg.addmm(x, a, b, beta=0)
    out.sum().backward()
    assert x.grad.tolist() == [[0.0]] and np.isfinite(out.item())


def test_addmm_keeps_only_what_its_rules_read() -> None:
    x, a, b = tg.zeros(2, 2, dtype=tg.float64), tg.ones(2, 3, dtype=tg.float64), leaf(3, 2)
    node = tg.addmm(x, a, b).grad_fn
    assert node.saved[0] is a.array and node.saved[1] is None


def test_a_factor_wraps_around_as_the_dtype_does() -> None:
    ones = tg.ones(1, 1, dtype=tg.uint8)
    assert tg.addmm(ones, ones, ones, alpha=-2).tolist() == [[255]]


def test_the_product_is_added_in_place_under_the_tape() -> None:
    x, a, b = leaf(2, 2), leaf(2, 3), leaf(3, 2)
    y = x.clone()
    assert y.addmm_(a, b, alpha=2) is y
    y.sum().backward()
    tolerances.assert_same(x.grad.numpy(), np.ones((2, 2)))
    tolerances.assert_same(a.grad.numpy(), 2 * np.ones((2, 2)) @ b.detach().numpy().T)


# -- chains ------------------------------------------------------------------------------------------


def cost(sizes: tuple[int, ...], cut: Any, i: int, j: int) -> int:
    if i == j:
        return 0
    k = cut[i, j]
    work = sizes[i] * sizes[k + 1] * sizes[j + 1]
    return cost(sizes, cut, i, k) + cost(sizes, cut, k + 1, j) + work


def least(sizes: tuple[int, ...]) -> int:
    """The cost of the best order, by trying all."""
    if len(sizes) == 2:
        return 0
    return min(
        least(sizes[:k] + sizes[k + 1 :]) + sizes[k - 1] * sizes[k] * sizes[k + 1]
        for k in range(1, len(sizes) - 1)
    )


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    draw = random.Random(0)
    for _ in range(50):
        sizes = tuple(draw.randint(1, 9) for _ in range(draw.randint(3, 7)))
        assert cost(sizes, _best_cuts(sizes), 0, len(sizes) - 2) == least(sizes)


def test_numpys_multi_dot_takes_tensors() -> None:
    chain = [leaf(2, 3), leaf(3, 4), leaf(4)]
    out = np.linalg.multi_dot(chain)
    assert out.requires_grad and out.shape == (2,)
    tolerances.assert_same(
        out.detach().numpy(), np.linalg.multi_dot([c.detach().numpy() for c in chain])
    )


# -- NumPy's words -----------------------------------------------------------------------------------

WORDS = [
    (np.dot, ((2, 3), (4, 3, 5)), {}), (np.dot, ((), (2, 3)), {}), (np.dot, ((2, 2, 3), (3,)), {}),
    (np.vdot, ((2, 3), (2, 3)), {}), (np.outer, ((2, 2), (3,)), {}), (np.tensordot, ((2, 3), (3, 2)), {"axes": (1, 0)}),
    (np.trace, ((2, 3, 3),), {"offset": 1, "axis1": 1, "axis2": 2}), (np.cross, ((3, 2), (3, 2)), {"axis": 0}),
    (np.linalg.cross, ((2, 3), (2, 3)), {}), (np.linalg.vecdot, ((2, 3), (3,)), {}), (np.vecdot, ((2, 3), (2, 3)), {}),
]  # fmt: skip


@pytest.mark.parametrize(("word", "shapes", "options"), WORDS)
def test_numpys_word_answers_a_recorded_tensor(word: Any, shapes: Any, options: Any) -> None:
    tensors = [leaf(*shape) for shape in shapes]
    out = word(*tensors, **options)
    assert out.requires_grad
    want = word(*(t.detach().numpy() for t in tensors), **options)
    tolerances.assert_same(out.detach().numpy(), want)


def test_numpys_einsum_takes_its_options() -> None:
    a, b = leaf(2, 3), leaf(3, 2)
    out = np.einsum("ij,jk->ik", a, b, optimize=True)
    assert out.requires_grad and out.shape == (2, 2)
    with pytest.raises(tg.errors.ArgumentError, match="casting"):
        np.einsum("ij,jk->ik", a, b, casting="no")


# -- einsum ------------------------------------------------------------------------------------------


def test_einsum_of_one_operand_is_a_view_where_nothing_is_computed() -> None:
    x = tg.ones(2, 2)
    for equation in ("ij->ji", "ii->i", "ij"):
        assert np.shares_memory(tg.einsum(equation, x).array, x.array)


def test_einsum_maps_a_sum_to_one_matrix_product() -> None:
    for equation, shapes in {
        "ij,jk->ik": ((2, 3), (3, 4)),
        "bij,jk->bik": ((2, 2, 3), (3, 4)),
        "kij,kl->lij": ((3, 2, 2), (3, 4)),
        "bqhd,bkhd->bhqk": ((2, 3, 2, 4), (2, 5, 2, 4)),
        "i,i->": ((3,), (3,)),
    }.items():
        assert [pair.how for pair in _plan(equation, shapes).pairs] == ["matmul"]


def test_einsum_multiplies_small_products_first() -> None:
    plan = _plan("ij,jk,kl->il", ((1000, 2), (2, 1000), (1000, 2)))
    assert (plan.pairs[0].first, plan.pairs[0].second) == (1, 2)


def test_einsum_promotes_where_nothing_is_summed() -> None:
    assert tg.einsum("i,i->i", tg.arange(3), tg.ones(3)).dtype == tg.float32
    with pytest.raises(tg.errors.DtypeError, match="dtypes"):
        tg.einsum("i,i->", tg.arange(3), tg.ones(3))


def test_einsum_sums_integers_in_int64_before_they_meet_others() -> None:
    x, y = tg.full((2, 3), 100, dtype=tg.uint8), tg.full((4,), 100, dtype=tg.uint8)
    assert tg.einsum("ij,k->i", x, y).tolist() == [120000, 120000]
    assert tg.einsum("ij,kj->i", x, tg.full((4, 3), 100, dtype=tg.uint8)).tolist() == [120000] * 2
    assert tg.einsum("ij,ij->ij", x, x).dtype == tg.uint8


def test_einsum_refuses_operands_on_different_devices() -> None:
    with pytest.raises(tg.errors.DeviceError, match="different devices"):
        tg.einsum("i,i->i", tg.ones(3), tg.ones(3, device="standin"))


def random_equation(draw: random.Random) -> tuple[str, list[list[int]]]:
    """An equation with its shapes: repeated letters, ellipses, sizes of 0 and 1 that broadcast."""
    letters = "abcdAB"[: draw.randint(1, 6)]
    size = {letter: draw.choice([0, 1, 2, 2, 3, 3]) for letter in letters}
    covered = [draw.choice([1, 2, 3]) for _ in range(2)]
    terms, shapes = [], []
    for _ in range(draw.choice([1, 2, 2, 3, 4])):
        own = {letter: 1 if draw.random() < 0.1 else n for letter, n in size.items()}
        term = [draw.choice(letters) for _ in range(draw.randint(0, 4))]
        shape = [own[letter] for letter in term]
        if draw.random() < 0.4:
            place, n = draw.randint(0, len(term)), draw.randint(0, 2)
            term.insert(place, "...")
            shape[place:place] = [k if draw.random() < 0.8 else 1 for k in covered[2 - n :]]
        terms.append("".join(term))
        shapes.append(shape)
    equation = ",".join(terms)
    if draw.random() < 0.7:
        used = sorted({letter for term in terms for letter in term if letter in letters})
        out = draw.sample(used, draw.randint(0, len(used)))
        if "..." in equation and draw.random() < 0.7:
            out.insert(draw.randint(0, len(out)), "...")
        equation += "->" + "".join(out)
    return equation, shapes


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(4))
def test_random_equations_equal_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    for equation, shapes in itertools.islice(iter(lambda: random_equation(draw), None), 150):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        ours = [tg.tensor(a, requires_grad=True) for a in arrays]
        want = torch.einsum(equation, *theirs)
        have = tg.einsum(equation, *ours)
        what = f"{equation} {shapes}"
        tolerances.assert_same(have.detach().numpy(), want.detach().numpy(), what)
        g = rng.standard_normal(have.shape)
        have.backward(tg.tensor(g))
        want.backward(torch.tensor(g))
        for o, t in zip(ours, theirs, strict=True):
            tolerances.assert_same(o.grad.numpy(), t.grad.numpy(), what)


# -- distances ---------------------------------------------------------------------------------------


def test_distances_by_a_matrix_product_equal_those_by_differences() -> None:
    x, y = RNG.standard_normal((30, 3)), RNG.standard_normal((4, 3))
    product, direct = (
        lambda a, b, mode=mode: tg.cdist(a, b, 2.0, mode)
        for mode in ("use_mm_for_euclid_dist_if_necessary", "donot_use_mm_for_euclid_dist")
    )
    tolerances.assert_same(
        product(tg.tensor(x), tg.tensor(y)).numpy(), direct(tg.tensor(x), tg.tensor(y)).numpy()
    )
    for have, want in zip(
        gradients.taped(product, [x, y]), gradients.taped(direct, [x, y]), strict=True
    ):
        tolerances.assert_same(have, want)
    assert product(tg.tensor(x), tg.tensor(y)).numpy().all()


def test_points_that_coincide_have_no_gradient() -> None:
    x = np.tile([[1.0, -2.0, 3.0]], (30, 1))  # whole numbers, exact in a matrix product too
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"):
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf):
            a = tg.tensor(x, requires_grad=True)
            tg.cdist(a, tg.tensor(x[:2]), p, mode).sum().backward()
            np.testing.assert_array_equal(a.grad.numpy(), 0.0)


@pytest.mark.parametrize("n", [0, 1])
def test_without_a_pair_there_is_no_distance(n: int, device: str) -> None:
    x = tg.zeros(n, 3, device=device, requires_grad=True)
    out = tg.pdist(x)
    out.sum().backward()
    assert out.shape == (0,) and x.grad.shape == (n, 3)


def test_a_chain_may_be_given_as_a_list() -> None:
    a, b = tg.ones(2, 3), tg.ones(3, 4)
    assert tg.chain_matmul([a, b]).tolist() == (a @ b).tolist()  # type: ignore[arg-type]


def test_the_number_of_dimensions_of_tensordot_may_be_a_tensor() -> None:
    a, b = tg.ones(2, 3), tg.ones(3, 4)
    assert tg.tensordot(a, b, tg.tensor(1)).tolist() == (a @ b).tolist()
