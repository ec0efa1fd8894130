"""Hooks on the values that the tape saves."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.autograd.graph import save_on_cpu, saved_tensors_hooks
from tapegrad.errors import GraphError
from tapegrad.tape import Node
from tapegrad.utils.checkpoint import checkpoint
from test_checkpoint import assert_same, changed, mixed, tensor


class Counted(saved_tensors_hooks):
    """Copies to Python lists and back."""

    def __init__(self):
        self.packs = self.unpacks = 0
        super().__init__(self.pack, self.unpack)

    def pack(self, t):
        assert not tg.is_grad_enabled() and t.node is None
        self.packs += 1
        return t.device, t.dtype, t.shape, (t + 0).tolist()

    def unpack(self, packed):
        self.unpacks += 1
        device, dtype, shape, values = packed
        return tg.tensor(values, dtype=dtype, device=device).reshape(shape)


@pytest.fixture(autouse=True)
def recorders_are_left_alone():
    yield
    assert "__init__" not in vars(Node)


@pytest.mark.parametrize("make", [Counted, save_on_cpu, lambda: saved_tensors_hooks(id_, id_)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients_of_any_order_are_those_without(make, order):
    def inside(x, w):
        with make():
            return mixed(x, w)

    assert_same(mixed, inside, order)


def id_(value):
    return value


def test_gradients_recorded_inside_are_packed_too():
    x, w = tensor(2, 3), tensor(3, 3)
    expected = []
    for hooks in (None, Counted()):
        if hooks:
            hooks.__enter__()
        (dx,) = tg.autograd.grad(mixed(x, w).sum(), x, create_graph=True)
        if hooks:
            hooks.__exit__(None, None, None)
        expected.append([g.numpy() for g in tg.autograd.grad((dx**2).sum(), (x, w))])
    for a, b in zip(*expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_each_saved_value_is_packed_once_and_unpacked_per_replay():
    x = tensor(3)
    hooks = Counted()
    with hooks:
        y = x.exp().sin().sum()
    assert (hooks.packs, hooks.unpacks) == (2, 0)
    y.backward(retain_graph=True)
    y.backward()
    assert (hooks.packs, hooks.unpacks) == (2, 4)
    with pytest.raises(GraphError, match="freed by an earlier"):
        y.backward()


def test_values_are_packed_as_the_next_operation_is_recorded():
    x = tensor(3)
    with saved_tensors_hooks(lambda t: t.tolist(), lambda v: tg.tensor(v, dtype=tg.float64)):
        y = x.exp()
        array = weakref.ref(y.array)
        y = y * 2
        assert array() is None
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(x.array))


def test_the_innermost_context_counts_and_contexts_belong_to_their_thread():
    outer, inner = Counted(), Counted()
    x = tensor(3)

    def elsewhere():
        x.exp().exp()

    with outer:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        x.exp()
        with inner:
            x.sin()
            x.cos()
        x.exp()
    x.exp()
    assert (outer.packs, inner.packs) == (2, 2)


def test_several_outputs_of_a_user_function():
    class Both(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            e = x.exp()
            ctx.save_for_backward(x, w, e)
            return e, x * w

        @staticmethod
        def backward(ctx, g, h):
            x, w, e = ctx.saved_tensors
            return g * e + h * w, h * x

    def function(x, w):
        e, p = Both.apply(x.sin(), w[:2].tanh())
        return e.cos() * p

    hooks = Counted()

    def inside(x, w):
        with hooks:
            return function(x, w)

    assert_same(function, inside)
    assert hooks.packs and hooks.unpacks


def test_with_checkpoints_outside_and_inside():
    hooks = Counted()

    def around(x, w):
        with hooks:
            return checkpoint(mixed, x, w)

    assert_same(mixed, around)
    assert hooks.packs == 0  # the checkpoint is the innermost way of saving

    def within(x, w):
        with hooks:
            return mixed(x, w)

    assert_same(mixed, lambda x, w: checkpoint(within, x, w))
    assert hooks.packs


def test_a_second_run_that_packs_what_the_first_did_not():
    runs = []

    def function(x, w):
        runs.append(1)
        if len(runs) % 2:
            return mixed(x, w)
        with Counted():
            return mixed(x, w)

    assert_same(mixed, lambda x, w: checkpoint(function, x, w))
    runs.append(1)
    assert_same(mixed, lambda x, w: checkpoint(function, x, w))


def test_a_value_changed_in_place_is_noticed():
    x = tensor(3)
    with saved_tensors_hooks(id_, id_):
        y = (x * x).sum()
    changed(x)
    with pytest.raises(GraphError, match=r"mul saved.*changed in place later, by mul_"):
        y.backward()
    with Counted():
        h = x.exp()
        changed(h)  # before it has been packed
        z = h.sum()
    with pytest.raises(GraphError, match=r"exp saved.*changed in place later, by mul_"):
        z.backward()


def test_a_copy_does_not_notice_what_happens_to_the_original():
    x = tensor(3)
    with saved_tensors_hooks(lambda t: t.clone(), id_):
        y = (x * x).sum()
    expected = 2 * x.array
    changed(x)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_pack_hook_that_changes_its_tensor_is_refused():
    x = tensor(3)
    with (
        pytest.raises(GraphError, match="pack_hook changed"),
        saved_tensors_hooks(lambda t: t.mul_(2), id_),
    ):
        x.exp()


@pytest.mark.parametrize(
    ("unpack", "match"),
    [
        (lambda t: None, "must return a tensor, got NoneType"),
        (lambda t: t[:2], r"shape \(3,\)"),
        (lambda t: t.float(), "float64"),
        (lambda t: t.to("standin"), "on standin"),
    ],
)
def test_an_unpack_hook_that_returns_something_else_is_refused(unpack, match):
    x = tensor(3)
    with saved_tensors_hooks(id_, unpack):
        y = x.exp().sum()
    with pytest.raises(GraphError, match=match):
        y.backward()
    assert x.grad is None


def test_an_error_inside_closes_the_context():
    x = tensor(3)
    with pytest.raises(KeyError), Counted():
        x.exp()
        raise KeyError("mine")
    assert "__init__" not in vars(Node)


def test_nothing_is_left_for_the_garbage_collector():
    x, w = tensor(2, 3), tensor(3, 3)

    def step():
        with saved_tensors_hooks(id_, id_):
            y = mixed(x, w).sum()
        (dx,) = tg.autograd.grad(y, x, create_graph=True)
        (dx**2).sum().backward()
        x.grad = w.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_saving_on_the_host():
    x = tg.tensor(np.random.randn(2, 3), requires_grad=True, device="standin")
    w = tg.tensor(np.random.randn(3, 3), requires_grad=True, device="standin")
    expected = tg.autograd.grad(mixed(x, w).sum(), (x, w))
    kept = []
    with save_on_cpu(pin_memory=True):
        h = x.exp()
        kept.append(weakref.ref(h.array))
        h = mixed(h, w)
    with save_on_cpu():
        y = mixed(x, w).sum()
    for a, b in zip(tg.autograd.grad(y, (x, w)), expected, strict=True):
        np.testing.assert_array_equal(a.cpu().numpy(), b.cpu().numpy())
    assert kept[0]() is None


@pytest.mark.torch
def test_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    x = np.random.randn(3, 3)

    def run(lib, hooks):
        a = lib.tensor(x, requires_grad=True)
        seen = []
        with hooks(lambda t: seen.append(1) or t * 2, lambda t: t / 2):
            y = (a.exp() @ a.sin()).tanh().sum()
        y.backward()
        return a.grad.numpy(), len(seen)

    ours, packs = run(tg, saved_tensors_hooks)
    expected, theirs = run(torch, torch.autograd.graph.saved_tensors_hooks)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    assert packs == theirs
