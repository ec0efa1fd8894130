"""`inv_ex`, `solve_ex`, `lu_factor_ex`: regular and singular matrices side by side; `lu_unpack`."""

from __future__ import annotations

import numpy as np
import pytest

import gradients
import tapegrad as tg
from tapegrad import errors

RNG = np.random.default_rng(0)
REGULAR = RNG.standard_normal((2, 3, 3)) + 3 * np.eye(3)
MIXED = np.stack(
    [REGULAR[0], np.ones((3, 3)), REGULAR[1], np.zeros((3, 3)), np.diag([1.0, 2.0, 0.0])]
)
INFO = [0, 2, 0, 1, 3]


def host(tensor):
    return tensor.detach().cpu().numpy()


def test_regular_matrices_have_the_plain_results(device):
    a, b = (
        tg.tensor(REGULAR, device=device),
        tg.tensor(RNG.standard_normal((2, 3, 2)), device=device),
    )
    for found, plain in (
        (tg.linalg.inv_ex(a), tg.linalg.inv(a)),
        (tg.linalg.solve_ex(a, b, check_errors=True), tg.linalg.solve(a, b)),
        (tg.linalg.solve_ex(a, b[..., 0]), tg.linalg.solve(a, b[..., 0])),
        (tg.linalg.solve_ex(a, b.mT, left=False), tg.linalg.solve(a, b.mT, left=False)),
        (tg.linalg.lu_factor_ex(a), tg.linalg.lu_factor(a)[0]),
    ):
        np.testing.assert_array_equal(host(found[0]), host(plain))
        assert found.info.dtype == tg.int32 and found.info.tolist() == [0, 0]
        assert found.info.device == a.device


def test_singular_ones_are_named_and_spoil_no_others(device):
    a = tg.tensor(MIXED, device=device)
    inverse, info = tg.linalg.inv_ex(a)
    assert info.tolist() == INFO and tg.linalg.lu_factor_ex(a).info.tolist() == INFO
    np.testing.assert_allclose(host(inverse)[[0, 2]], np.linalg.inv(REGULAR))
    assert np.isnan(host(inverse)[[1, 3, 4]]).all()
    for b in (np.ones((3, 2)), np.ones((5, 3))):
        result, info = tg.linalg.solve_ex(a, tg.tensor(b, device=device))
        assert info.tolist() == INFO and np.isnan(host(result)[[1, 3, 4]]).all()
        want = np.linalg.solve(
            REGULAR, np.ones((3, 2)) if b.shape == (3, 2) else np.ones((2, 3, 1))
        )
        np.testing.assert_allclose(host(result)[[0, 2]].reshape(want.shape), want)
    for function in (
        tg.linalg.inv_ex,
        tg.linalg.lu_factor_ex,
        lambda *x, **k: tg.linalg.solve_ex(*x, a[..., 0], **k),
    ):
        with pytest.raises(errors.LinAlgError, match="singular"):
            function(a, check_errors=True)


def test_gradients_of_the_regular_ones_are_right(device):
    def inverse(a):
        return tg.linalg.inv_ex(
            tg.cat([a, tg.zeros(1, 3, 3, dtype=a.dtype, device=a.device)])
        ).inverse[:2]

    def solution(a, b):
        whole = tg.cat([a, tg.zeros(1, 3, 3, dtype=a.dtype, device=a.device)])
        return tg.linalg.solve_ex(whole, b).result[:2]

    gradients.check(inverse, [REGULAR], device)
    gradients.check(solution, [REGULAR, np.ones((3, 1))], device)
    gradients.check(lambda a: tg.linalg.lu_factor_ex(a).LU, [REGULAR], device)


@pytest.mark.torch
def test_info_is_pytorchs():
    torch = pytest.importorskip("torch")
    for a in (
        MIXED,
        MIXED[0],
        MIXED[1],
        np.zeros((0, 0)),
        np.zeros((0, 2, 2)),
        MIXED[:, :2],
        MIXED[:, :, :2],
    ):
        if a.shape[-1] == a.shape[-2]:
            ours, theirs = tg.linalg.inv_ex(tg.tensor(a)), torch.linalg.inv_ex(torch.tensor(a))
            assert ours.info.tolist() == theirs.info.tolist()
        ours, theirs = (
            tg.linalg.lu_factor_ex(tg.tensor(a)),
            torch.linalg.lu_factor_ex(torch.tensor(a)),
        )
        assert ours.info.tolist() == theirs.info.tolist()
        np.testing.assert_allclose(host(ours.LU), theirs.LU.numpy(), atol=1e-12)
        assert ours.pivots.tolist() == theirs.pivots.tolist()


def test_compact_factors_are_unpacked(device):
    for shape in ((3, 3), (2, 4, 3), (2, 3, 4), (0, 2, 2)):
        a = tg.tensor(RNG.standard_normal(shape), device=device, requires_grad=True)
        factors = tg.linalg.lu_factor_ex(a)
        p, lo, u = tg.lu_unpack(factors.LU, factors.pivots)
        for have, want in zip((p, lo, u, p @ lo @ u), (*tg.linalg.lu(a), a), strict=True):
            np.testing.assert_allclose(host(have), host(want), atol=1e-12)
        assert lo.requires_grad and u.requires_grad
        assert [t.shape for t in tg.lu_unpack(factors.LU, factors.pivots, False, False)] == [
            (0,)
        ] * 3
    with pytest.raises(errors.ShapeError, match="LU_pivots"):
        tg.lu_unpack(factors.LU, factors.pivots[..., :1])
    with pytest.raises(errors.DtypeError, match="LU_pivots"):
        tg.lu_unpack(factors.LU, factors.pivots.long())

    def products(x):
        LU, pivots, _ = tg.linalg.lu_factor_ex(x)
        return tg.lu_unpack(LU, pivots)[1:]

    gradients.check(products, [REGULAR], device)
