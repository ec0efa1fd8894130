"""Changes of shape in place, strides and sizes, and the short forms of `questions`."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors

CHANGES = {
    "t_": ((2, 3), ()), "transpose_": ((2, 3, 4), (0, 2)), "swapaxes_": ((2, 3), (0, 1)), "swapdims_": ((2, 3), (1, 0)),
    "squeeze_": ((2, 1, 3), ()), "unsqueeze_": ((2, 3), (1,)), "as_strided_": ((2, 3), ((2, 2), (1, 2), 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_the_tensor_itself_is_seen_in_another_shape(name, device):
    shape, args = CHANGES[name]
    x = tg.arange(int(np.prod(shape)), dtype=tg.float64).reshape(shape).to(device)
    want = getattr(x, name[:-1])(*args)
    y = x.clone()
    other = y.view(-1)
    assert getattr(y, name)(*args) is y and tg.equal(y, want)
    other[0] = 99  # the memory is the same
    assert (y == 99).sum().item() == 1 or name == "as_strided_"

    leaf = tg.tensor(x.cpu().numpy(), device=device, requires_grad=True)
    y, z = leaf * 2, getattr(leaf * 2, name[:-1])(*args)
    squares = y * y
    getattr(y, name)(*args)
    weight = tg.arange(z.numel(), dtype=z.dtype, device=device).reshape(z.shape)
    ((y * weight).sum() + squares.sum()).backward()
    mine = leaf.grad.clone()
    leaf.grad = None
    ((z * weight).sum() + (leaf * leaf * 4).sum()).backward()
    np.testing.assert_allclose(mine.cpu().numpy(), leaf.grad.cpu().numpy())


def test_leaves_change_their_shape_under_no_grad_alone():
    x = tg.ones(2, 3, requires_grad=True)
    with pytest.raises(errors.GraphError, match="t_: a leaf"):
        x.t_()
    y = x * 1
    with tg.no_grad():
        assert x.t_().shape == (3, 2)
        with pytest.raises(errors.GraphError, match="no_grad"):
            y.t_()
    assert x.requires_grad and x.is_leaf
    x.sum().backward()
    assert x.grad.shape == (3, 2)


def test_detach_in_place():
    x = tg.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y and not y.requires_grad and y.grad_fn is None
    assert not x.detach_().requires_grad


def test_resize_and_set(device):
    x = tg.arange(6.0, device=device)
    whole = x.view(-1)
    assert x.resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    whole[0] = 7
    assert x[0, 0].item() == 7
    assert x.resize_((3, 3)).shape == (3, 3) and x[0].tolist() == [7.0, 1.0, 2.0]
    assert x.resize_as_(tg.ones(2)).shape == (2,)
    source = tg.ones(3, device=device)
    assert x.set_(source) is x
    source[0] = 5
    assert x.tolist() == [5.0, 1.0, 1.0] and x.set_().shape == (0,)
    with pytest.raises(errors.DtypeError, match="set_"):
        x.set_(tg.tensor([1], device=device))
    with pytest.raises(errors.GraphError, match="resize_"):
        tg.ones(2, requires_grad=True).resize_(1)
    with pytest.raises(errors.GraphError, match="set_"):
        tg.ones(2, requires_grad=True).set_(tg.ones(2))


@pytest.mark.torch
def test_memory_is_described_as_in_pytorch():
    torch = pytest.importorskip("torch")
    for lib in (tg, torch):
        x = lib.arange(24.0).reshape(2, 3, 4)
        assert (
            x.stride() == (12, 4, 1)
            and x.stride(1) == 4
            and x.transpose(0, 2).stride() == (1, 4, 12)
        )
        assert x[1].storage_offset() == 12 and x[:, 1, 2:].storage_offset() == 6
        assert (x.itemsize, x.nbytes, x.get_device(), x.is_cpu) == (4, 96, -1, True)
        assert not (x.is_pinned() or x.is_shared() or x.is_sparse or x.is_quantized or x.is_meta)
        assert x.nelement() == 24 and x.ndimension() == 3


@pytest.mark.torch
def test_short_forms_are_pytorchs():
    torch = pytest.importorskip("torch")
    results = []
    for lib in (tg, torch):
        x = lib.arange(6.0).reshape(2, 3)
        ones = lib.ones(3, 2)
        results.append([
            x.byte(), x.char(), x.reshape_as(ones), x.where(x > 2, -x), *x.split_with_sizes([1, 2], 1),
            x.sum_to_size(1, 3), x.sum_to_size(3), x.sum_to_size((2, 3)), x.sum_to_size(2, 1), x.new([1, 2]), lib.fill(x, 3),
            lib.fill(x, lib.tensor(2.0)), lib.scalar_tensor(3), lib.scalar_tensor(3, dtype=lib.int64), lib.zeros(3, 2).fill_diagonal_(7),
            lib.zeros(7, 3).fill_diagonal_(7), lib.zeros(7, 3).fill_diagonal_(7, wrap=True), lib.zeros(2, 5).fill_diagonal_(1, True),
            lib.zeros(3, 3, 3).fill_diagonal_(2), *lib.split_with_sizes(x, [2, 1], 1), lib.ones(3, 2).bernoulli(),
            lib.tensor(lib.broadcast_shapes((2, 1), 3)), lib.tensor([lib.is_tensor(x), lib.is_tensor(3), lib.is_floating_point(x)]),
            lib.tensor([lib.is_signed(x), x.byte().is_signed(), (x > 1).is_signed(), lib.is_nonzero(x[0, 1]), x[0, 0].is_nonzero()]),
            lib.ravel(x), lib.tensor([lib.inf, -lib.inf, lib.pi, lib.e]), x[lib.newaxis],
        ])  # fmt: skip
    for ours, theirs in zip(*results, strict=True):
        assert f"torch.{ours.dtype}" == str(theirs.dtype) and ours.shape == tuple(theirs.shape)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert tg.ones(2, 3).new(4).shape == (4,) and tg.nan != tg.nan


def test_short_forms_record():
    x, v = tg.ones(2, 3, requires_grad=True), tg.tensor(2.0, requires_grad=True)
    (tg.fill(x, v) * 3).sum().backward()
    assert v.grad.item() == 18 and not x.grad.any()
    y = x * 2
    y.fill_diagonal_(5.0)
    x.grad = None
    (y * y).sum().backward()
    assert x.grad.tolist() == [[0.0, 8.0, 8.0], [8.0, 0.0, 8.0]]
    x.grad = None
    (x.sum_to_size(1, 3) * tg.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_what_makes_no_sense_is_refused():
    for call, error in (
        (lambda: tg.ones(2, 3).sum_to_size(2, 2), errors.ShapeError),
        (lambda: tg.broadcast_shapes((2,), (3,)), errors.ShapeError),
        (lambda: tg.is_nonzero(tg.ones(2)), errors.ArgumentError),
        (lambda: tg.fill(tg.ones(2), tg.ones(2)), errors.ArgumentError),
        (lambda: tg.ones(3).fill_diagonal_(1), errors.ShapeError),
        (lambda: tg.ones(3, 2, 3).fill_diagonal_(1), errors.ShapeError),
        (lambda: tg.ones(2).split_with_sizes([1, 2]), errors.TapegradError),
    ):
        with pytest.raises(error):
            call()
