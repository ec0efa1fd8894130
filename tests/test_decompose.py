"""What the table cannot say of matrices: free signs, singular matrices, several results, blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host
from tables.decompose import eigh_parts, regular, spread, svd_parts, sym
from tapegrad import errors
from tapegrad.kernels.matrices import BLOCK

la = tg.linalg
rng = np.random.default_rng(7)


def leaf(array: Any) -> Any:
    """A copy that requires a gradient."""
    return tg.tensor(np.array(array), requires_grad=True)


# -- errors ------------------------------------------------------------------------------------------


def test_the_error_is_numpys_and_pytorchs() -> None:
    for caught in (np.linalg.LinAlgError, RuntimeError, la.LinAlgError):
        with pytest.raises(caught, match="inv: the matrix is singular"):
            la.inv(tg.ones(2, 2))


def test_operands_on_two_devices_are_refused() -> None:
    with pytest.raises(errors.DeviceError, match="different devices"):
        la.solve(tg.tensor(np.eye(2)), tg.tensor(np.ones(2), device="standin"))


def test_low_precision_is_taken_by_name_too() -> None:
    a = tg.tensor(2 * np.eye(2, dtype="f2"))
    assert la.solve(A=a, B=tg.ones(2, dtype=tg.float16)).dtype == tg.float16


# -- determinants ------------------------------------------------------------------------------------


def cofactors(x: np.ndarray) -> np.ndarray:
    """By minors."""
    n = len(x)
    out = np.zeros_like(x)
    for i, j in np.ndindex(n, n):
        minor = np.delete(np.delete(x, i, 0), j, 1)
        out[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


SINGULAR = [
    np.ones((2, 2)), np.diag([1.0, 2.0, 0.0]), np.zeros((3, 3)), np.zeros((1, 1)),
    np.arange(9.0).reshape(3, 3), np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, -1.0, 2.0]),
    np.diag([3.0, 0.0, 5.0])[::-1],
]  # fmt: skip


@pytest.mark.parametrize("device", ["cpu", "standin"])
@pytest.mark.parametrize("i", range(len(SINGULAR)))
def test_gradient_of_det_at_a_singular_matrix_is_its_cofactors(i: int, device: str) -> None:
    x = tg.tensor(SINGULAR[i], device=device, requires_grad=True)
    tg.det(x).backward()
    np.testing.assert_allclose(host(x.grad), cofactors(SINGULAR[i]), atol=1e-12)


def test_gradient_of_det_in_a_batch_with_a_singular_matrix() -> None:
    x = np.stack([regular(rng, 3, 3), np.diag([1.0, 2.0, 0.0]), regular(rng, 3, 3)[::-1]])
    gradients.check(tg.det, [x])


def test_gradient_of_slogdet_at_a_singular_matrix_is_refused() -> None:
    x = leaf(np.ones((2, 2)))
    sign, logarithm = tg.slogdet(x)
    assert sign.item() == 0 and logarithm.item() == -np.inf
    with pytest.raises(errors.LinAlgError, match="backward of slogdet: the matrix is singular"):
        logarithm.backward(create_graph=True)
    with pytest.raises(errors.LinAlgError, match="backward of slogdet: the matrix is singular"):
        logarithm.backward()


# -- systems -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "standin"])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [BLOCK, BLOCK + 1, 3 * BLOCK - 5])
def test_triangular_systems_in_blocks(n: int, upper: bool, device: str) -> None:
    a = rng.uniform(-1, 1, (2, n, n)) / n + 2 * np.eye(n)
    b = rng.uniform(-1, 1, (2, n, 3))
    A, B = (tg.tensor(v, device=device, requires_grad=True) for v in (a, b))
    x = la.solve_triangular(A, B, upper=upper)
    t = np.triu(a) if upper else np.tril(a)
    tolerances.assert_same(t @ host(x), b)
    (x * x).sum().backward()
    gb = np.linalg.solve(t.swapaxes(-1, -2), 2 * host(x))
    tolerances.assert_same(host(B.grad), gb)
    ga = -gb @ host(x).swapaxes(-1, -2)
    tolerances.assert_same(host(A.grad), np.triu(ga) if upper else np.tril(ga))


@pytest.mark.parametrize("upper", [False, True])
def test_the_other_triangle_is_not_read(upper: bool) -> None:
    a = np.where(np.tri(3, k=-1) == (1 if upper else 0), np.nan, regular(rng, 3, 3))
    a = np.where(np.eye(3) == 1, 2.0, a)
    A = leaf(a)
    x = la.solve_triangular(A, tg.tensor(np.ones((3, 1))), upper=upper)
    assert np.isfinite(host(x)).all()
    x.sum().backward()
    assert np.isfinite(host(A.grad)).all()


# -- decompositions ----------------------------------------------------------------------------------


def test_cholesky_ex_tells_the_minor_that_is_not_positive() -> None:
    x = np.stack([np.eye(3), np.diag([1.0, 1.0, -1.0]), -np.eye(3), np.full((3, 3), np.nan)])
    for device in ("cpu", "standin"):
        L, info = la.cholesky_ex(tg.tensor(x, device=device))
        assert info.dtype == tg.int32 and info.tolist() == [0, 3, 1, 1]
        assert np.isfinite(host(L)[0]).all() and np.isnan(host(L)[1:]).all()
    assert la.cholesky_ex(tg.tensor(4 * np.eye(2))).info.item() == 0
    with pytest.raises(errors.LinAlgError, match="batch element 1"):
        la.cholesky_ex(tg.tensor(x), check_errors=True)


@pytest.mark.parametrize(
    "shape",
    [
        (3, 3),
        (4, 2),
        (2, 4),
        (2, 3, 2),
        (5, 1),
        (1, 5),
        (0, 2, 2),
        (3, 0),
        (150, 150),
        (2, 70, 90),
        (140, 70),
    ],
)
@pytest.mark.parametrize("pivot", [True, False])
def test_lu_puts_the_matrix_together_again(shape: Any, pivot: bool) -> None:
    x = rng.standard_normal(shape)
    P, L, U = map(host, la.lu(tg.tensor(x), pivot=pivot))
    product = L @ U if not pivot else P @ L @ U
    np.testing.assert_allclose(product, x, atol=1e-10)
    np.testing.assert_array_equal(L, np.tril(L))
    np.testing.assert_array_equal(U, np.triu(U))
    if pivot:
        assert (abs(L) <= 1).all()
        assert set(P.ravel()) <= {0.0, 1.0} and (P.sum(-1) == 1).all() and (P.sum(-2) == 1).all()


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_gradient_of_lu_without_pivoting(shape: Any) -> None:
    x = rng.uniform(-0.5, 0.5, shape) + 2 * np.eye(*shape[-2:])
    gradients.check(lambda t: la.lu(t, pivot=False)[1:], [x])


def test_qr_modes() -> None:
    x = spread(rng, 4, 2)
    q, r = la.qr(tg.tensor(x), "complete")
    assert q.shape == (4, 4) and r.shape == (4, 2)
    np.testing.assert_allclose(host(q) @ host(r), x, atol=1e-12)
    q, r = la.qr(tg.tensor(x), "r")
    assert q.shape == (0,)
    np.testing.assert_allclose(host(r), np.linalg.qr(x, "r"), atol=1e-12)
    gradients.check(lambda t: la.qr(t, "r")[1], [x])
    gradients.check(lambda t: la.qr(t, "complete"), [spread(rng, 2, 4)])
    with pytest.raises(errors.GraphError, match="mode='reduced'"):
        la.qr(leaf(x), "complete").R.sum().backward()


def test_gradients_through_one_factor_alone() -> None:
    for shape in [(3, 3), (4, 2), (2, 4)]:
        x = spread(rng, *shape)
        gradients.check(lambda t: la.qr(t).Q, [x])
        gradients.check(lambda t: la.qr(t).R, [x])
        gradients.check(lambda t: la.svd(t, False).U ** 2, [x])
        gradients.check(lambda t: la.svd(t, False).Vh ** 2, [x])
        gradients.check(lambda t: la.svd(t).S, [x])
    x = sym(regular(rng, 3, 3)) + np.diag([0.0, 1.0, 2.0])
    gradients.check(lambda t: la.eigh(sym(t)).eigenvectors ** 2, [x])


def test_singular_values_and_eigenvalues_that_coincide_have_gradients() -> None:
    x = leaf(np.eye(3))
    la.svdvals(x).sum().backward()
    tolerances.assert_same(host(x.grad), np.eye(3))
    x = leaf(2 * np.eye(3))
    la.eigvalsh(x).sum().backward()
    tolerances.assert_same(host(x.grad), np.eye(3))
    x = leaf(np.eye(3))
    la.matrix_norm(x, "nuc").backward()
    tolerances.assert_same(host(x.grad), np.eye(3))


def test_eigenvalues_of_any_matrix_are_complex() -> None:
    x = leaf([[0.0, 1.0], [-1.0, 0.0]])
    w, v = la.eig(x)
    assert w.dtype == tg.complex128 and w.requires_grad and v.requires_grad
    np.testing.assert_allclose(sorted(host(w), key=np.imag), [-1j, 1j], atol=1e-12)
    np.testing.assert_allclose(host(x.detach()) @ host(v), host(v) * host(w), atol=1e-12)
    assert la.eigvals(tg.ones(2, 2)).dtype == tg.complex64


def test_pinv_of_a_matrix_without_full_rank() -> None:
    u, v = rng.standard_normal((3, 1)), rng.standard_normal((1, 4))
    gradients.check(lambda a, b: la.pinv(a @ b), [u, v])  # the rank does not change along a @ b
    gradients.check_second(lambda a, b: la.pinv(a @ b), [u[:2], v[:, :2]])
    s = sym(regular(rng, 3, 3)) - np.diag([0.0, 4.0, 0.0])
    tolerances.assert_same(host(la.pinv(tg.tensor(s), hermitian=True)), np.linalg.pinv(s))
    assert la.pinv(tg.tensor(np.diag([1.0, 0.1])), atol=0.5).tolist() == [[1, 0], [0, 0]]
    assert la.pinv(tg.tensor(np.diag([2.0, 0.1])), rtol=0.2).tolist() == [[0.5, 0], [0, 0]]
    assert la.pinv(tg.zeros(0, 3)).shape == (3, 0)


def test_former_names_are_methods_too() -> None:
    x = tg.tensor(regular(rng, 3, 3))
    b = tg.tensor(np.ones((3, 1)))
    assert x.qr()._fields == ("Q", "R") and x.qr(False).Q.shape == (3, 3)
    assert x.svd()._fields == ("U", "S", "V")
    np.testing.assert_array_equal(host((x @ x.mT).cholesky(True)), host(tg.cholesky(x @ x.mT).mT))
    tolerances.assert_same(host(x @ b.lu_solve(*la.lu_factor(x))), host(b))
    assert tg.inverse is la.inv and tg.matrix_exp is la.matrix_exp and tg.det is la.det


# -- functions ---------------------------------------------------------------------------------------


def test_matrix_exp_of_what_is_not_finite_is_not_finite() -> None:
    with np.errstate(all="ignore"):
        x = np.stack([np.full((2, 2), np.nan), np.eye(2), np.diag([np.inf, 1.0])])
        y = host(tg.matrix_exp(tg.tensor(x)))
    assert np.isnan(y[0]).all() and not np.isfinite(y[2]).all()
    tolerances.assert_same(y[1], np.e * np.eye(2))


def test_matrix_exp_in_float32_is_as_exact_as_its_dtype() -> None:
    scipy = pytest.importorskip("scipy.linalg")
    x = rng.standard_normal((4, 4)).astype("f4") * 3
    y = host(tg.matrix_exp(tg.tensor(x)))
    assert y.dtype == np.float32
    exact = scipy.expm(x.astype("f8"))
    assert abs(y - exact).max() <= 1e-4 * abs(exact).max()


def test_matrix_power_zero_and_one_are_new_tensors() -> None:
    x = leaf(regular(rng, 2, 2))
    assert tg.matrix_power(x, 1).array is not x.array
    tg.matrix_power(x, 0).sum().backward()
    assert x.grad.tolist() == [[0, 0], [0, 0]]


def test_cond_of_a_singular_matrix_is_infinite() -> None:
    x = tg.tensor(np.stack([np.ones((2, 2)), 2 * np.eye(2)]))
    for p in ("fro", "nuc", 1, -1, np.inf, -np.inf):
        wanted = np.linalg.cond(2 * np.eye(2), p)
        tolerances.assert_same(host(la.cond(x, p)), [np.inf, wanted], f"p={p}")
    assert la.cond(tg.zeros(0, 0)).item() == 0


# -- NumPy's words -----------------------------------------------------------------------------------


def test_numpys_functions_mean_these_operations() -> None:
    x = spread(rng, 3, 2)
    t = leaf(x)
    s = sym(regular(rng, 3, 3))
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (np.linalg.qr, (x,), {}), (np.linalg.qr, (x, "r"), {}), (np.linalg.svd, (x, False), {}),
        (np.linalg.svd, (x,), {"compute_uv": False}), (np.linalg.eigh, (s,), {}),
        (np.linalg.eigvalsh, (s, "U"), {}), (np.linalg.slogdet, (s,), {}), (np.linalg.cholesky, (s,), {}),
        (np.linalg.cholesky, (s,), {"upper": True}), (np.linalg.vector_norm, (x,), {"ord": 3, "axis": 0}),
        (np.linalg.matrix_norm, (x,), {"ord": 1, "keepdims": True}), (np.linalg.norm, (x, 2, (0, 1)), {}),
        (np.linalg.eigvals, (s,), {}), (np.linalg.lstsq, (x, np.ones(3)), {}),
        (np.linalg.solve, (s, np.ones(3)), {}), (np.linalg.matrix_rank, (x, 1.5), {}),
    ]  # fmt: skip
    for function, (array, *rest), named in calls:
        have = function(
            leaf(array), *(tg.tensor(r) if isinstance(r, np.ndarray) else r for r in rest), **named
        )
        want = function(array, *rest, **named)
        pairs = zip(have, want, strict=True) if isinstance(want, tuple) else [(have, want)]
        for h, w in pairs:
            assert isinstance(h, tg.Tensor)
            np.testing.assert_allclose(
                abs(host(h)), np.abs(w), atol=1e-12, err_msg=function.__name__
            )
    assert np.linalg.svd(t).U.requires_grad


# -- PyTorch -----------------------------------------------------------------------------------------


def by_lu(module: Any, x: Any, y: Any, **options: Any) -> Any:
    """Factor and solve."""
    return module.lu_solve(*module.lu_factor(x), y, **options)


@pytest.mark.torch
class TestAgainstPyTorch:
    """Values and gradients of calls that are not the same function of the same name."""

    def compare(self, ours: Any, theirs: Any, *arrays: np.ndarray) -> None:
        torch = pytest.importorskip("torch")
        x = [leaf(a) for a in arrays]
        y = [torch.tensor(np.array(a), requires_grad=True) for a in arrays]
        have, want = ours(*x), theirs(*y)
        have = list(have) if isinstance(have, tuple) else [have]
        want = list(want) if isinstance(want, tuple) else [want]
        for h, w in zip(have, want, strict=True):
            assert str(w.dtype) == f"torch.{h.dtype}"
            tolerances.assert_same(host(h), w.detach().numpy())
        live = [(h, w) for h, w in zip(have, want, strict=True) if w.requires_grad]
        assert all(h.requires_grad for h, _ in live)
        if not live:
            return
        cotangents = gradients.draw([h for h, _ in live], 5)
        tg.autograd.backward([h for h, _ in live], [tg.tensor(c) for c in cotangents])
        torch.autograd.backward([w for _, w in live], [torch.tensor(c) for c in cotangents])
        for a, b in zip(x, y, strict=True):
            tolerances.assert_same(host(a.grad), b.grad.numpy())

    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
    def test_svd(self, shape: Any) -> None:
        torch = pytest.importorskip("torch")
        x = spread(rng, *shape)
        for full in (False, True):
            parts = [svd_parts(svd) for svd in (la.svd, torch.linalg.svd)]
            self.compare(*(partial(p, full_matrices=full) for p in parts), x)

        def former(svd: Any) -> Any:
            return lambda t: (lambda u, s, v: ((u * s[..., None, :] ** 2) @ v.mT, s))(*svd(t))

        self.compare(former(tg.svd), former(torch.svd), x)
        for ours, theirs in zip(
            tg.svd(tg.tensor(x), True, False), torch.svd(torch.tensor(x), True, False), strict=True
        ):
            tolerances.assert_same(host(ours), theirs.numpy())

    @pytest.mark.filterwarnings("ignore")  # PyTorch deprecates torch.cholesky
    def test_eigh_and_cholesky(self) -> None:
        torch = pytest.importorskip("torch")
        x = sym(regular(rng, 2, 3, 3)) + np.diag([0.0, 1.0, 2.0])
        for uplo in "LU":
            parts = [eigh_parts(eigh) for eigh in (la.eigh, torch.linalg.eigh)]
            self.compare(*(partial(p, UPLO=uplo) for p in parts), x)
            both = [partial(m.eigvalsh, UPLO=uplo) for m in (la, torch.linalg)]
            self.compare(*both, x)
        for upper in (False, True):
            for ours, theirs in [(la, torch.linalg), (tg, torch)]:
                self.compare(*(partial(m.cholesky, upper=upper) for m in (ours, theirs)), x)

    @pytest.mark.filterwarnings("ignore")  # PyTorch deprecates torch.qr
    @pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
    def test_qr_and_lu(self, shape: Any) -> None:
        torch = pytest.importorskip("torch")
        x = spread(rng, *shape)
        self.compare(tg.qr, torch.qr, x)
        self.compare(la.lu_factor, torch.linalg.lu_factor, x)

    @pytest.mark.filterwarnings("ignore")  # PyTorch deprecates these names
    def test_lu_solve(self) -> None:
        torch = pytest.importorskip("torch")
        a, b = regular(rng, 2, 3, 3)[:, ::-1], rng.standard_normal((2, 3, 3))
        for left in (True, False):
            for adjoint in (True, False):
                options = {"left": left, "adjoint": adjoint}
                self.compare(*(partial(by_lu, m, **options) for m in (la, torch.linalg)), a, b)
        self.compare(
            lambda x, y: tg.lu_solve(y, *la.lu_factor(x)),
            lambda x, y: torch.lu_solve(y, *torch.linalg.lu_factor(x)),
            a,
            b,
        )

    @pytest.mark.parametrize("upper", [False, True])
    def test_systems_by_cholesky(self, upper: bool) -> None:
        torch = pytest.importorskip("torch")
        a, b = regular(rng, 3, 3), rng.standard_normal((3, 2))

        # PyTorch's gradient fills the triangle that is not read; here it is zero
        def triangle(t: Any) -> Any:
            return t * tg.tensor(np.tri(3).T if upper else np.tri(3))

        def torch_triangle(t: Any) -> Any:
            return t.triu() if upper else t.tril()

        self.compare(
            lambda x, y: tg.cholesky_solve(y, triangle(x), upper),
            lambda x, y: torch.cholesky_solve(y, torch_triangle(x), upper),
            a,
            b,
        )
        self.compare(
            lambda x: tg.cholesky_inverse(triangle(x), upper),
            lambda x: torch.cholesky_inverse(torch_triangle(x), upper),
            a,
        )

    @pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
    @pytest.mark.parametrize(
        "shapes", [((4, 2), (4, 3)), ((2, 4), (2, 1)), ((3, 3), (3,)), ((2, 4, 2), (2, 4))]
    )
    def test_lstsq(self, shapes: Any, driver: str | None) -> None:
        torch = pytest.importorskip("torch")
        a, b = spread(rng, *shapes[0]), rng.standard_normal(shapes[1])
        have = la.lstsq(tg.tensor(a), tg.tensor(b), driver=driver)
        want = torch.linalg.lstsq(torch.tensor(a), torch.tensor(b), driver=driver)
        for h, w in zip(have, want, strict=True):
            assert str(w.dtype) == f"torch.{h.dtype}"
            tolerances.assert_same(host(h), w.numpy())
        self.compare(
            lambda x, y: la.lstsq(x, y, driver=driver).solution,
            lambda x, y: torch.linalg.lstsq(x, y, driver=driver).solution,
            a,
            b,
        )

    @pytest.mark.parametrize("p", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
    def test_cond(self, p: Any) -> None:
        torch = pytest.importorskip("torch")
        for x in (spread(rng, 3, 3), spread(rng, 2, 2, 2), np.zeros((0, 2, 2)), np.zeros((0, 0))):
            have = la.cond(tg.tensor(x), p)
            tolerances.assert_same(host(have), torch.linalg.cond(torch.tensor(x), p).numpy())

    def test_pinv_of_a_matrix_without_full_rank(self) -> None:
        torch = pytest.importorskip("torch")
        x = rng.standard_normal((3, 1)) @ rng.standard_normal((1, 4))
        self.compare(la.pinv, torch.linalg.pinv, x)
        self.compare(
            lambda t: la.pinv(sym(t), hermitian=True),
            lambda t: torch.linalg.pinv(sym(t), hermitian=True),
            regular(rng, 3, 3),
        )

    def test_results_have_pytorchs_names(self) -> None:
        torch = pytest.importorskip("torch")
        fields = {
            "svd": "U S Vh", "qr": "Q R", "eigh": "eigenvalues eigenvectors", "slogdet": "sign logabsdet",
            "eig": "eigenvalues eigenvectors", "lu": "P L U", "lu_factor": "LU pivots", "cholesky_ex": "L info",
        }  # fmt: skip
        for name, names in fields.items():
            have = getattr(la, name)(tg.tensor(np.eye(2)))
            want = getattr(torch.linalg, name)(torch.eye(2))
            assert have._fields == tuple(names.split())
            assert all(hasattr(want, field) for field in names.split())
        assert la.lstsq(tg.tensor(np.eye(2)), tg.tensor(np.eye(2)))._fields == (
            "solution", "residuals", "rank", "singular_values",
        )  # fmt: skip


def test_lu_solve_wants_the_pivots_of_its_factors():
    factors, pivots = la.lu_factor(tg.tensor(np.eye(3)))
    b = tg.ones(3, 1, dtype=tg.float64)
    with pytest.raises(errors.DtypeError, match="pivots must be int32, got int64"):
        la.lu_solve(factors, pivots.long(), b)
    with pytest.raises(errors.ShapeError, match=r"pivots must have the shape \(3,\)"):
        la.lu_solve(factors, pivots[:2], b)


def test_lstsq_of_nothing_and_by_no_driver():
    solution, residuals, rank, values = la.lstsq(tg.zeros(0, 3), tg.zeros(0, 2))
    np.testing.assert_array_equal(host(solution), np.zeros((3, 2)))
    assert rank.item() == 0 and residuals.numel() == values.numel() == 0
    with pytest.raises(errors.ArgumentError, match="driver must be"):
        la.lstsq(tg.zeros(2, 2), tg.zeros(2, 2), driver="gesdd")
