"""Complex tensors: views of their parts, changes in place, what they look like, NumPy's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from calls import host
from tapegrad.errors import ArgumentError, DtypeError, GraphError, ShapeError

NAN, INF = float("nan"), float("inf")


def values(*numbers: complex, **options: Any) -> tg.Tensor:
    return tg.tensor(list(numbers), dtype=tg.complex128, **options)


# -- parts -------------------------------------------------------------------------------------------


def test_parts_are_views_of_the_numbers() -> None:
    z = values(1 + 2j, 3 - 1j)
    z.real[0] = 5.0
    z.imag[1] = 7.0
    tg.view_as_real(z)[0, 1] = -2.0
    assert z.tolist() == [5 - 2j, 3 + 7j]
    pairs = tg.tensor([[1.0, 2.0]])
    tg.view_as_complex(pairs)[0] = 3j
    assert pairs.tolist() == [[0.0, 3.0]]


@pytest.mark.parametrize("change", ["transposed", "reversed", "expanded"])
def test_pairs_of_any_layout_are_views(change: str) -> None:
    z = tg.tensor(np.arange(6.0).reshape(2, 3) * (1 + 2j))
    z = {"transposed": z.T, "reversed": tg.tensor(0j).expand(2), "expanded": z[:1].expand(4, 3)}[
        change
    ]
    pairs = tg.view_as_real(z)
    assert pairs.shape == (*z.shape, 2)
    assert np.shares_memory(pairs.array, z.array)
    np.testing.assert_array_equal(pairs.numpy()[..., 1], z.numpy().imag)


def test_pairs_that_are_apart_are_refused() -> None:
    with pytest.raises(ArgumentError, match="side by side in memory; use input"):
        tg.view_as_complex(tg.ones(2, 3).T)


def test_parts_without_elements_have_gradients() -> None:
    z = tg.zeros(0, 2, dtype=tg.complex64, requires_grad=True)
    tg.view_as_real(z).sum().backward()
    assert z.grad is not None and z.grad.shape == (0, 2) and z.grad.dtype == tg.complex64
    x = tg.zeros(0, 2, requires_grad=True)
    tg.view_as_complex(x).abs().sum().backward()
    assert x.grad is not None and x.grad.shape == (0, 2)


def test_parts_are_assigned_in_place() -> None:
    z = values(1 + 2j, 3 - 1j)
    z.real = tg.tensor(5.0)
    z.imag = tg.tensor([1, 2])
    assert z.tolist() == [5 + 1j, 5 + 2j]
    z.imag = 0.5
    assert z.tolist() == [5 + 0.5j, 5 + 0.5j]
    x = tg.ones(2)
    x.real = tg.tensor(3.0)
    assert x.tolist() == [3.0, 3.0]
    with pytest.raises(DtypeError, match="imag: input must be complex"):
        x.imag = tg.tensor(3.0)
    with pytest.raises(ShapeError):
        z.real = tg.ones(3)


def test_assigned_parts_are_differentiated() -> None:
    z = values(1 + 2j, 3 - 1j, requires_grad=True)
    x = tg.tensor([2.0, 0.5], dtype=tg.float64, requires_grad=True)
    w = z * 1
    w.real = x
    (w * w).imag.sum().backward()  # 2 x Im(z)
    assert x.grad is not None and z.grad is not None
    assert x.grad.tolist() == [4.0, -2.0]
    assert z.grad.tolist() == [4j, 1j]


def test_changes_of_a_recorded_part_are_refused_where_the_whole_would_be_ambiguous() -> None:
    w = values(1 + 2j, requires_grad=True) * 1
    with pytest.raises(GraphError, match="views the same memory"):
        w.real.mul_(2)


def test_questions_about_complex_numbers() -> None:
    z, x = values(1j), tg.ones(1)
    assert tg.is_complex(z) and z.is_complex() and not x.is_complex()
    assert not z.conj().is_conj() and not z.conj().imag.is_neg()
    assert not tg.is_conj(x) and not tg.is_neg(x)
    with pytest.raises(DtypeError, match="is_complex: input must be a tensor"):
        tg.is_complex(3)
    assert z.cfloat().dtype == tg.complex64 and x.cdouble().dtype == tg.complex128


def test_real_tensors_are_their_own_conjugates() -> None:
    x = tg.ones(2, requires_grad=True)
    assert x.conj() is x and x.real is x and tg.conj_physical(x) is x


def test_hermitian_transposes_are_conjugated() -> None:
    z = tg.tensor([[1 + 2j, 3.0]])
    for adjoint in (z.H, z.mH, z.adjoint()):
        assert adjoint.tolist() == [[1 - 2j], [3 + 0j]]


def test_operations_without_a_complex_meaning_are_refused() -> None:
    z = values(1j)
    with pytest.raises(DtypeError, match="sign: not defined for a complex128 tensor; use sgn"):
        z.sign()
    with pytest.raises(DtypeError, match="abs_: not defined for complex numbers; use abs"):
        z.abs_()
    assert z.tolist() == [1j]


def test_infinite_parts_stay_apart() -> None:
    z = tg.complex(tg.tensor([1.0, INF]), tg.tensor([INF, 0.0]))
    np.testing.assert_array_equal(z.numpy().real, np.array([1.0, INF], "f4"))
    np.testing.assert_array_equal(z.numpy().imag, np.array([INF, 0.0], "f4"))


# -- NumPy's words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", [np.real, np.imag, np.conjugate, np.angle, np.isreal, np.iscomplex]
)
@pytest.mark.parametrize("make", [lambda: np.array([1 + 2j, -3.0]), lambda: np.array([1.0, -2.0])])
def test_numpy_words_for_parts_mean_the_same(word: Any, make: Any) -> None:
    np.testing.assert_array_equal(word(tg.tensor(make())).numpy(), word(make()))


def test_numpy_questions_and_degrees() -> None:
    z = values(1j)
    assert np.iscomplexobj(z) and not np.isrealobj(z) and np.isrealobj(tg.ones(1))
    np.testing.assert_allclose(np.angle(z, deg=True).numpy(), [90.0])


# -- how they look -----------------------------------------------------------------------------------

SHOWN = [
    (1 + 2j, "tensor(1.+2.j)"),
    ([1 + 2j, 3.5 - 1j], "tensor([1.0000+2.j, 3.5000-1.j])"),
    ([[1e-5 + 2j, 3.5 - 1e6j]], "tensor([[1.0000e-05+2.0000e+00j, 3.5000e+00-1.0000e+06j]])"),
    ([complex(NAN, -INF), 1 + 2j], "tensor([nan-infj, 1.+2.j])"),
    ([-0.25 + 0.5j, 100j], "tensor([-0.2500+0.5000j,  0.0000+100.0000j])"),
    ([complex(-0.0, -0.0), 1], "tensor([-0.-0.j, 1.+0.j])"),
]


@pytest.mark.parametrize(("data", "shown"), SHOWN)
def test_complex_tensors_read_well(data: Any, shown: str) -> None:
    assert repr(tg.tensor(data)) == shown


@pytest.mark.torch
@pytest.mark.parametrize(
    "data", [data for data, _ in SHOWN] + [[0j], [1e9 + 1j], [[1.5j, -2], [3, 4j]]]
)
def test_complex_tensors_read_as_in_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    assert repr(tg.tensor(data)) == repr(torch.tensor(data))


def test_complex_tensors_without_elements_and_on_the_tape_read_well() -> None:
    assert repr(tg.zeros(0, dtype=tg.complex64)) == "tensor([], dtype=tapegrad.complex64)"
    assert repr(values(1j)) == "tensor([0.+1.j], dtype=tapegrad.complex128)"
    z = tg.tensor([1 + 2j], requires_grad=True)
    assert repr(z * 2) == "tensor([2.+4.j], grad_fn=<MulBackward>)"
    assert "..." in repr(tg.zeros(2000, dtype=tg.complex64))


def test_numbers_and_lists_come_out_as_they_went_in() -> None:
    z = values(1 + 2j, 3)
    assert z[0].item() == 1 + 2j and complex(z[0]) == 1 + 2j and z.tolist() == [1 + 2j, 3 + 0j]
    assert (z == z).all() and (z != tg.tensor([1 + 2j, 0])).tolist() == [False, True]


# -- windows and frequencies -------------------------------------------------------------------------

WINDOWS = {
    "hann_window": [(), (False,)],
    "hamming_window": [(), (False,), (True, 0.5, 0.4)],
    "blackman_window": [(), (False,)],
    "bartlett_window": [(), (False,)],
    "kaiser_window": [(), (False,), (True, 3.0), (False, 0.0)],
}


@pytest.mark.torch
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("length", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_windows_equal_pytorchs(name: str, length: int, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for options in WINDOWS[name]:
        have = getattr(tg, name)(length, *options, dtype=dtype)
        want = getattr(torch, name)(length, *options, dtype=getattr(torch, dtype))
        assert have.dtype == dtype
        tolerances.assert_same(have.numpy(), want.numpy(), f"{name}{options}")


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_have_the_options_of_every_new_tensor(name: str) -> None:
    make = getattr(tg, name)
    made = make(4, device="standin", requires_grad=True)
    assert made.device.type == "standin" and made.requires_grad and made.dtype == tg.float32
    np.testing.assert_array_equal(host(made), make(4).numpy())
    for length in (-1, 2.5, True):
        with pytest.raises(ArgumentError, match=f"{name}: window_length must be an int"):
            make(length)
    for dtype in ("int64", "complex64"):
        with pytest.raises(DtypeError, match=f"{name}: dtype must be floating"):
            make(4, dtype=dtype)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
@pytest.mark.parametrize("call", [(4,), (5,), (4, 0.5), (1,), (0,), (4, 0.0)])
def test_frequencies_equal_pytorchs(name: str, call: Any) -> None:
    torch = pytest.importorskip("torch")
    have = getattr(tg.fft, name)(*call)
    assert have.dtype == tg.float32
    tolerances.assert_same(have.numpy(), getattr(torch.fft, name)(*call).numpy())


@pytest.mark.parametrize("make", [tg.fft.fftfreq, tg.fft.rfftfreq])
def test_frequencies_have_the_options_of_every_new_tensor(make: Any) -> None:
    made = make(4, dtype="float64", device="standin", requires_grad=True)
    assert made.device.type == "standin" and made.requires_grad and made.dtype == tg.float64
    out = tg.empty(0)
    assert make(4, out=out) is out and out.tolist() == make(4).tolist()
    with pytest.raises(ArgumentError, match="n must be an int, not negative"):
        make(-1)
    with pytest.raises(DtypeError, match="dtype must be floating, got int64"):
        make(4, dtype="int64")


# -- transforms --------------------------------------------------------------------------------------


def test_transforms_keep_single_precision() -> None:
    x = tg.rand(4)
    assert tg.fft.fft(x).dtype == tg.fft.rfft(x).dtype == tg.complex64
    assert tg.fft.irfft(tg.fft.rfft(x)).dtype == tg.float32
    assert tg.fft.fft(tg.arange(4)).dtype == tg.complex64
    assert tg.fft.fft(x.double()).dtype == tg.complex128


def test_transforms_of_no_dimension_are_copies() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    y = tg.fft.fftn(x)
    assert y.dtype == tg.complex64 and y.shape == ()
    y.real.backward()
    assert x.grad is not None and x.grad.item() == 1.0
    z = values(1j)
    assert tg.fft.ifftn(z, dim=()).tolist() == [1j] and tg.fft.fftn(z, dim=()) is not z


def test_empty_batches_are_transformed() -> None:
    assert tg.fft.fft(tg.ones(0, 3)).shape == (0, 3) and tg.fft.rfft(tg.ones(0, 3)).shape == (0, 2)


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "fftn", "irfft2", "angle", "sgn"])
def test_results_go_where_out_says(name: str) -> None:
    function = getattr(tg.fft, name, None) or getattr(tg, name)
    x = tg.rand(3, 4)
    want = function(x)
    out = tg.empty(0, dtype=want.dtype)
    assert function(x, out=out) is out
    np.testing.assert_array_equal(out.numpy(), want.numpy())


def test_parseval() -> None:
    """Gradients of energies in both domains are the same."""
    x = tg.rand(2, 8, dtype=tg.float64, requires_grad=True)
    (gradient,) = tg.autograd.grad(tg.fft.fft(x, norm="ortho").abs().square().sum(), x)
    tolerances.assert_same(gradient.numpy(), 2 * x.detach().numpy())


# -- overlapping windows -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "size", "step"), [(9, 4, 1), (9, 7, 2), (9, 2, 3), (9, 9, 1), (5, 0, 2), (6, 3, 3)]
)
@pytest.mark.parametrize("dim", [0, 1])
def test_windows_added_up_are_the_adjoint_of_taking_them(
    n: int, size: int, step: int, dim: int
) -> None:
    x = tg.rand(2, n, dtype=tg.float64) if dim else tg.rand(n, 2, dtype=tg.float64)
    windows = x.unfold(dim, size, step)
    g = tg.rand(*windows.shape, dtype=tg.float64)
    folded = tg.kernels.fold_along(g.array, dim, n, step)
    assert folded.shape == x.shape
    tolerances.assert_same((folded * x.numpy()).sum(), (g * windows).sum().numpy())
    np.testing.assert_array_equal(
        tg.kernels.unfold_along(x.array, dim, size, step), windows.numpy()
    )
