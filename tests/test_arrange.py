"""Views and their memory, strides, NumPy's words, and what the table of operations cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import host, listed
from tapegrad import errors
from tapegrad.device import owner
from tapegrad.nn import functional as F

devices = pytest.mark.parametrize("device", ["cpu", "standin"])

VIEWS = {
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(0, 1),
    "unbind": lambda x: x.unbind(1)[2],
    "tensor_split": lambda x: x.tensor_split(2)[1],
    "hsplit": lambda x: x.hsplit(2)[1],
    "overlapping pieces": lambda x: x.tensor_split((2, 1))[2],
    "diagonal": lambda x: x.diagonal(1),
    "movedim": lambda x: x.movedim(0, 1),
    "t": lambda x: x.t(),
    "adjoint": lambda x: x.adjoint(),
    "H": lambda x: x.H,
    "mH": lambda x: x.mH,
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 2), (2, 3)),
    "atleast_3d": tg.atleast_3d,
}


@devices
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_and_can_be_written_to(name: str, device: str) -> None:
    x = tg.arange(12.0, device=device).reshape(3, 4)
    view = VIEWS[name](x)
    assert owner(view.array) is owner(x.array)
    before = host(view).copy()
    x += 100
    np.testing.assert_array_equal(host(view), before + 100)
    view.fill_(-1)
    assert (host(x) == -1).sum() == np.unique(before).size


@pytest.mark.parametrize("name", VIEWS)
def test_a_value_changed_through_a_view_is_noticed(name: str) -> None:
    x = tg.arange(12.0, requires_grad=True).reshape(3, 4).clone()
    y = x * x
    with tg.no_grad():
        VIEWS[name](x).fill_(0)
    with pytest.raises(errors.GraphError, match="changed"):
        y.sum().backward()


@pytest.mark.parametrize("name", VIEWS)
def test_a_recorded_change_beside_a_living_view_is_refused(name: str) -> None:
    x = tg.arange(12.0, requires_grad=True).reshape(3, 4).clone()
    view = VIEWS[name](x)
    with pytest.raises(errors.GraphError, match="views the same memory"):
        x.mul_(2)
    assert view.requires_grad


COPIES = {
    "flip": lambda x: x.flip(0),
    "flip nothing": lambda x: x.flip(()),
    "rot90": lambda x: x.rot90(2),
    "rot90 by nothing": lambda x: x.rot90(0),
    "roll": lambda x: x.roll(0),
    "tile": lambda x: x.tile((1,)),
    "repeat_interleave": lambda x: x.repeat_interleave(1, 0),
    "diag": lambda x: x.diag(),
    "tril": lambda x: x.tril(),
    "pad nothing": lambda x: F.pad(x, (0, 0)),
    "crop": lambda x: F.pad(x, (-1, 0)),
    "pad circular by nothing": lambda x: F.pad(x, (0, 0), "circular"),
    "diag_embed": lambda x: x.diag_embed(),
}


@devices
@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_its_own_memory(name: str, device: str) -> None:
    x = tg.arange(9.0, device=device).reshape(3, 3)
    out = COPIES[name](x)
    before = host(out).copy()
    x.fill_(-1)
    np.testing.assert_array_equal(host(out), before)
    out.fill_(0)


def test_expanded_tensors_stay_read_only_through_strides() -> None:
    x = tg.arange(3.0).expand(2, 3)
    for view in (x.unfold(1, 2, 1), x.as_strided((2,), (1,)), x.diagonal(), x.narrow(1, 0, 2)):
        with pytest.raises(errors.ArgumentError, match="read-only"):
            view.fill_(0)


# -- strides -----------------------------------------------------------------------------------------

LAYOUTS = {
    "row order": lambda x: x,
    "transposed": lambda x: x.permute(2, 0, 1),
    "cut": lambda x: x[1:, :, 1:],
    "skipping": lambda x: x[::2, :, ::2],
    "expanded": lambda x: x[:, :1].expand(3, 4, 5),
    "other order in memory": lambda x: x.transpose(0, 1).exp().transpose(0, 1),
}


@devices
@pytest.mark.parametrize("layout", LAYOUTS)
def test_windows_of_any_layout(layout: str, device: str) -> None:
    values = np.random.default_rng(0).standard_normal((3, 4, 5))

    def windows(x: Any) -> Any:
        return LAYOUTS[layout](x).unfold(-1, 2, 1)

    x = host(LAYOUTS[layout](tg.tensor(values, device=device)))
    want = np.lib.stride_tricks.sliding_window_view(x, 2, -1)
    np.testing.assert_array_equal(host(windows(tg.tensor(values, device=device))), want)
    if layout != "reversed":
        gradients.check(windows, [values], device)
        gradients.check_second(
            windows, [values[:1, :2]] if layout == "row order" else [values], device
        )


@devices
def test_windows_of_negative_strides_and_of_a_slice_with_gaps(device: str) -> None:
    x = tg.tensor(np.arange(10.0), device=device)
    backwards = tg.Tensor.detach(x)
    backwards.array = backwards.array[::-1]
    assert backwards.unfold(0, 4, 3).tolist() == [[9, 8, 7, 6], [6, 5, 4, 3], [3, 2, 1, 0]]
    assert x[1::3].unfold(0, 2, 1).tolist() == [[1, 4], [4, 7]]


@devices
def test_windows_of_a_single_element(device: str) -> None:
    x = tg.tensor(5.0, device=device, requires_grad=True)
    assert x.unfold(0, 1, 1).tolist() == [5.0] and x.unfold(0, 0, 1).shape == (0,)
    x.unfold(0, 1, 1).sum().backward()
    assert x.grad.item() == 1.0
    assert tg.zeros(0).unfold(0, 0, 1).shape == (1, 0)


@devices
def test_windows_lie_over_memory_without_copies(device: str) -> None:
    x = tg.zeros(4, 1000, device=device)
    windows = x.unfold(1, 500, 1)
    assert windows.shape == (4, 501, 500) and windows.array.strides == (4000, 4, 4)


@devices
def test_strides_begin_at_the_view_but_reach_all_of_the_memory(device: str) -> None:
    x = tg.arange(6.0, device=device).reshape(2, 3)[:, 1:]
    assert x.as_strided((2, 2), (1, 1)).tolist() == [[1, 2], [2, 3]]
    assert x.as_strided((2, 2), (1, 1), 0).tolist() == [[0, 1], [1, 2]]
    with pytest.raises(errors.ArgumentError, match="reach element 6"):
        x.as_strided((6,), (1,))


def test_strides_over_memory_of_another_order() -> None:
    x = tg.tensor(np.arange(6.0).reshape(2, 3)).T
    assert x.as_strided((6,), (1,)).tolist() == [0, 1, 2, 3, 4, 5]
    fortran = tg.Tensor.detach(tg.zeros(1))
    fortran.array = np.asfortranarray(np.arange(6.0).reshape(2, 3))[...]
    assert fortran.as_strided((6,), (1,)).tolist() == [0, 3, 1, 4, 2, 5]
    permuted = tg.arange(24.0).reshape(2, 3, 4).permute(1, 0, 2) * 1
    assert permuted.as_strided((24,), (1,)).tolist() == host(permuted).ravel(order="K").tolist()


STRIDED = {
    "row order": (lambda x: x, (2, 2), (1, 2), 1),
    "cut": (lambda x: x[:, 1:], (2, 3), (2, 1), 2),
    "transposed": (lambda x: x.t(), (3, 2), (1, 1), None),
    "skipping": (lambda x: x[:, ::2], (3,), (2,), None),
    "expanded": (lambda x: x[:1].expand(4, 4), (3, 2), (1, 1), None),
    "all of it": (lambda x: x[1:, 1:], (16,), (1,), 0),
    "other memory than the view's": (lambda x: x[:1], (4,), (1,), 8),
}


def strided(case: str, x: Any) -> Any:
    view, shape, strides, offset = STRIDED[case]
    return view(x * 1).as_strided(shape, strides, offset)


@devices
@pytest.mark.parametrize("case", ["row order", "transposed"])  # the strides see nothing else there
def test_gradient_through_strides(case: str, device: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 4))
    gradients.check(lambda x: strided(case, x), [values], device)
    gradients.check_second(lambda x: strided(case, x), [values], device)


@pytest.mark.torch
@pytest.mark.parametrize("case", STRIDED)
def test_gradient_through_strides_equals_pytorch(case: str) -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal((4, 4))
    found = []
    for framework in (tg, torch):
        x = framework.tensor(values, requires_grad=True)
        out = strided(case, x)
        out.backward(framework.tensor(1.0 + np.arange(out.numel()).reshape(out.shape)))
        found.append((out.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*found, strict=True):
        tolerances.assert_same(ours, theirs)


# -- NumPy's words -----------------------------------------------------------------------------------

WORDS: dict[str, Any] = {
    "flip": lambda x: np.flip(x),
    "flip one": lambda x: np.flip(x, 1),
    "flip some": lambda x: np.flip(x, (0, -1)),
    "roll flat": lambda x: np.roll(x, 2),
    "roll twice flat": lambda x: np.roll(x, (1, 2)),
    "roll both": lambda x: np.roll(x, 1, (0, 1)),
    "roll twice": lambda x: np.roll(x, (1, 2), 1),
    "moveaxis": lambda x: np.moveaxis(x, -1, 0),
    "tile": lambda x: np.tile(x, 2),
    "tile more": lambda x: np.tile(x, (2, 1, 2)),
    "repeat": lambda x: np.repeat(x, 2),
    "repeat along": lambda x: np.repeat(x, 3, axis=1),
    "repeat each": lambda x: np.repeat(x, [1, 0, 2], axis=0),
    "hstack": lambda x: np.hstack([x, x]),
    "vstack": lambda x: np.vstack((x, x)),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x[:, 0], x]),
    "atleast_1d": lambda x: np.atleast_1d(x[0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0]),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "atleast_2d of two": lambda x: np.atleast_2d(x[0], x),
    "diag": lambda x: np.diag(x, 1),
    "diag of vector": lambda x: np.diag(x[0]),
    "diagflat": lambda x: np.diagflat(x),
    "diagonal": lambda x: np.diagonal(x, -1),
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x, 1),
    "kron": lambda x: np.kron(x, x),
    "rot90": lambda x: np.rot90(x),
    "rot90 back": lambda x: np.rot90(x, -1, (1, 0)),
    "fliplr": lambda x: np.fliplr(x),
    "flipud": lambda x: np.flipud(x),
    "vander": lambda x: np.vander(x[0], 3, increasing=True),
    "array_split": lambda x: np.array_split(x, 2, axis=1),
    "array_split at": lambda x: np.array_split(x, [1, 2]),
    "hsplit": lambda x: np.hsplit(x, 2),
    "vsplit": lambda x: np.vsplit(x, [1]),
    "dsplit": lambda x: np.dsplit(np.atleast_3d(x), 1),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[0]),
    "pad": lambda x: np.pad(x, 1),
    "pad each": lambda x: np.pad(x, ((1, 0), (2, 3)), constant_values=((1, 2), (3, 4))),
    "pad pair": lambda x: np.pad(x, (0, 2), "constant", constant_values=5),
    "pad edge": lambda x: np.pad(x, 2, "edge"),
    "pad reflect": lambda x: np.pad(x, ((1, 2), (3, 1)), mode="reflect"),
    "pad reflect far": lambda x: np.pad(x, 7, mode="reflect"),
    "pad symmetric": lambda x: np.pad(x, (1, 3), "symmetric"),
    "pad wrap": lambda x: np.pad(x, ((0, 1), (5, 9)), "wrap"),
}


@devices
@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_numpy_has_its_value_and_a_gradient(word: str, device: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    have = listed(WORDS[word](tg.tensor(x, device=device)))
    want = listed(WORDS[word](x))
    assert len(have) == len(want)
    for h, w in zip(have, want, strict=True):
        assert isinstance(h, tg.Tensor) and str(h.device) == device
        tolerances.assert_same(host(h), w)
    gradients.check(WORDS[word], [x], device)


def test_padding_of_numpy_refuses_what_it_does_not_know() -> None:
    x = tg.ones(3)
    for refused in (
        lambda: np.pad(x, 1, "linear_ramp"), lambda: np.pad(x, 1, "reflect", reflect_type="odd"),
        lambda: np.pad(x, -1), lambda: np.pad(x, 1.5), lambda: np.pad(x, 1, "mean"),
    ):  # fmt: skip
        with pytest.raises(errors.ArgumentError, match=r"np\.pad"):
            refused()


# -- the rest ----------------------------------------------------------------------------------------


def test_other_names_are_the_same_functions() -> None:
    assert tg.moveaxis is tg.movedim and tg.concat is tg.concatenate is tg.cat
    assert tg.row_stack is tg.vstack


def test_sizes() -> None:
    assert tg.numel(tg.zeros(2, 3)) == 6
    assert tg.is_same_size(tg.zeros(2, 3), tg.ones(2, 3, dtype=tg.int64))
    assert not tg.zeros(2, 3).is_same_size(tg.zeros(3, 2))


def test_a_single_element_is_its_own_adjoint_and_a_vector_has_none() -> None:
    assert tg.tensor(2.0).H.item() == 2.0 and tg.tensor(2.0).adjoint().item() == 2.0
    for refused in (lambda: tg.ones(3).H, lambda: tg.ones(2, 2, 2).H, lambda: tg.ones(3).mH):
        with pytest.raises(errors.ShapeError, match="matri"):
            refused()


def test_matrices_without_elements_take_their_place_on_the_diagonal() -> None:
    x, y = tg.zeros(0, requires_grad=True), tg.ones(2, 2, requires_grad=True)
    out = tg.block_diag(x, y)  # an empty vector is a row without columns
    assert out.tolist() == [[0, 0], [1, 1], [1, 1]]
    (out * tg.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert y.grad.tolist() == [[1, 2], [3, 4]] and x.grad.shape == (0,)


@pytest.mark.parametrize("shape", [(0, 4, 1, 1), (4, 0, 1), (0, 1, 1)])
def test_images_without_pixels_can_be_shuffled(shape: tuple[int, ...]) -> None:
    x = tg.zeros(shape, requires_grad=True)
    out = tg.pixel_shuffle(x, 2)
    *rest, c, h, w = shape
    assert out.shape == (*rest, c // 4, 2 * h, 2 * w)
    assert tg.pixel_unshuffle(out, 2).shape == shape
    out.sum().backward()
    assert x.grad.shape == shape


@devices
def test_pieces_and_places_may_be_named_by_tensors(device: str) -> None:
    x = tg.arange(5.0, device=device)
    assert [p.tolist() for p in x.tensor_split(tg.tensor([1, 3]))] == [[0], [1, 2], [3, 4]]
    assert [p.shape for p in x.tensor_split(tg.tensor(2))] == [(3,), (2,)]
    assert x.narrow(0, tg.tensor(-2, device=device), 2).tolist() == [3, 4]
    if device != "cpu":
        with pytest.raises(errors.DtypeError, match="on the CPU"):
            x.tensor_split(tg.tensor([1], device=device))
        with pytest.raises(errors.DeviceError, match="different devices"):
            x.repeat_interleave(tg.tensor([1] * 5))


def test_pieces_that_are_not_used_have_zero_gradient() -> None:
    x = tg.arange(6.0, requires_grad=True).reshape(3, 2)
    first, _, third = x.unbind()
    (g,) = tg.autograd.grad((first * 2 + third).sum(), x)
    assert g.tolist() == [[2, 2], [0, 0], [1, 1]]
    assert tg.zeros(0, 2).unbind() == ()


def test_alone_the_repeats_repeat_their_places() -> None:
    assert tg.repeat_interleave(tg.tensor([1, 0, 2])).tolist() == [0, 2, 2]


def test_a_triangle_can_be_cut_in_place() -> None:
    x = tg.ones(2, 2, requires_grad=True)
    y = (x * 3).tril_()
    y.sum().backward()
    assert x.grad.tolist() == [[3, 0], [3, 3]]
    assert tg.ones(2, 2, dtype=tg.int64).triu_(1).tolist() == [[0, 1], [0, 0]]


def test_a_diagonal_can_be_written_to_and_is_recorded() -> None:
    x = tg.zeros(3, 3)
    x.diagonal().copy_(tg.tensor([1.0, 2.0, 3.0]))
    assert x.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]


def test_padding_keeps_the_dtype() -> None:
    x = tg.tensor([1, 2, 3])
    assert F.pad(x, (1, 1), value=2.5).tolist() == [2, 1, 2, 3, 2]
    assert F.pad(tg.tensor([True]), (1, 1), value=1).tolist() == [True, True, True]
    with pytest.raises(errors.ArgumentError, match="does not fit into uint8"):
        F.pad(tg.ones(2, dtype=tg.uint8), (1, 1), value=300)
    assert F.pad(tg.ones(1, dtype=tg.uint8), (1, 0), value=-1).tolist() == [255, 1]


def test_joined_tensors_have_their_common_dtype() -> None:
    x, y = tg.ones(2, dtype=tg.int64), tg.ones(2)
    for function in (tg.hstack, tg.vstack, tg.dstack, tg.column_stack):
        assert function([x, y]).dtype == tg.float32
    assert tg.block_diag(x, y).dtype == tg.float32


@devices
def test_where_without_values_is_nonzero(device: str) -> None:
    c = tg.tensor([[True, False], [True, True]], device=device)
    for have, want in zip(tg.where(c), np.nonzero(host(c)), strict=True):
        np.testing.assert_array_equal(host(have), want)


def test_tensors_of_different_shapes_are_not_equal() -> None:
    assert not tg.equal(tg.zeros(2), tg.zeros(2, 1))


def test_a_list_of_tensors_is_raised_in_rank_together() -> None:
    x, y = tg.atleast_2d([tg.zeros(()), tg.zeros(3)])  # type: ignore[arg-type]
    assert x.shape == (1, 1) and y.shape == (1, 3)


def test_memory_with_gaps_is_unfolded_by_a_copy_and_not_strided() -> None:
    x = tg.from_numpy(np.ndarray((3,), "f8", np.arange(6.0).tobytes(), 0, (16,)))
    assert x.unfold(0, 2, 1).tolist() == [[0.0, 2.0], [2.0, 4.0]]
    with pytest.raises(errors.ArgumentError, match="the memory has gaps"):
        x.as_strided((2,), (1,))


def test_strides_of_a_real_part_count_real_numbers() -> None:
    z = tg.tensor([1.0 + 2.0j, 3.0 + 4.0j])
    assert z.real.as_strided((4,), (1,)).tolist() == [1.0, 2.0, 3.0, 4.0]
