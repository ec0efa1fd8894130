"""Gradient checkpointing: the same gradients for less memory, or an error that says why not."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from contextvars import ContextVar

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.autograd.checkpoint import Recomputed
from tapegrad.errors import ArgumentError, GraphError
from tapegrad.utils.checkpoint import checkpoint, checkpoint_sequential


def tensor(*shape, requires_grad=True):
    return tg.tensor(np.random.randn(*shape), requires_grad=requires_grad)


def mixed(x, w):
    """Operations of all kinds: pairs, saved results, views, several outputs, an in-place change."""
    h = (x @ w).tanh() * x
    a, b = h.exp().unbind(0)
    q = tg.where(a > 1, a, b * b).sin()
    q = q + tg.softmax(h, 1)[0] + h.max(0).values
    r = (q * 2).relu_()
    return r + x.T.sum()


def gradients(function, x, w, order):
    """The gradients of all orders up to one, as arrays."""
    found = []
    out = function(x, w)
    for k in range(order):
        grads = tg.autograd.grad(out.sum(), (x, w), create_graph=k + 1 < order, allow_unused=True)
        found += [g.detach().numpy() for g in grads]
        out = sum((g**2 * 0.1).sum() for g in grads)
    return found


def assert_same(function, checkpointed, order=3):
    x, w = tensor(2, 3), tensor(3, 3)
    expected = gradients(function, x, w, order)
    for a, b in zip(gradients(checkpointed, x, w, order), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradients_of_any_order_are_those_without(order):
    assert_same(mixed, lambda x, w: checkpoint(mixed, x, w), order)


def test_gradients_reach_what_the_function_reads_beside_its_arguments():
    assert_same(mixed, lambda x, w: checkpoint(lambda x: mixed(x, w), x))
    assert_same(mixed, lambda x, w: checkpoint(lambda: mixed(x, w)))


def test_tensors_computed_outside_are_read_by_closures():
    def plain(x, w):
        h = x.exp()
        return (h * w.sum()).sin() * h

    def saved(x, w):
        h = x.exp()
        return checkpoint(lambda x: (h * w.sum()).sin() * x, h)

    assert_same(plain, saved)


def test_checkpoints_nest():
    def inner(x, w):
        return (x @ w).exp().sin() + x

    def plain(x, w):
        return (inner(inner(x, w).tanh(), w) * inner(x * w.sum(), w)).cos()

    def nested(x, w):
        def outer(x):
            a = checkpoint(inner, x, w)
            b = checkpoint(lambda x: checkpoint(inner, x.tanh(), w), a)
            return (b * checkpoint(inner, x * w.sum(), w)).cos()

        return checkpoint(outer, x)

    assert_same(plain, nested)


def test_the_same_tensor_may_be_passed_twice():
    assert_same(
        lambda x, w: (x.exp() * x).sin() * w.sum(),
        lambda x, w: checkpoint(lambda a, b: (a.exp() * b).sin() * w.sum(), x, x),
    )


def test_saved_results_that_the_user_differentiates_by():
    x = tensor(3)

    def second(function):
        y = function(x)
        (dx,) = tg.autograd.grad((y * y).sum(), x, create_graph=True)
        return tg.autograd.grad(dx.sum(), (y, x))

    plain, saved = second(tg.exp), second(lambda x: checkpoint(tg.exp, x))
    for a, b in zip(saved, plain, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13)


def test_second_derivatives_do_not_disturb_what_reads_an_argument_outside():
    def beside(x, inside):
        return (x.sigmoid() + x.sin() + inside(x)).sum() + x.logsumexp(0)

    def function(x):
        return x.sin().exp() + x.logsumexp(0)

    assert_same(
        lambda x, w: beside(x[0], function) * w.sum(),
        lambda x, w: beside(x[0], lambda h: checkpoint(function, h)) * w.sum(),
    )


def test_arguments_and_results_of_any_structure():
    x, w = tensor(3), tensor(3)

    def function(pair, scale, *, shift):
        a, b = pair["a"], pair["b"][0]
        return {"sum": (a.exp() + b).sin() * scale, "rest": [(a * b).exp().sin() + shift, 7, None]}

    def total(made):
        return made["sum"].sum() + made["rest"][0].sum()

    expected = tg.autograd.grad(total(function({"a": x, "b": (w,)}, 2.0, shift=w)), (x, w))
    made = checkpoint(function, {"a": x, "b": (w,)}, 2.0, shift=w)
    assert made["rest"][1:] == [7, None]
    for a, b in zip(tg.autograd.grad(total(made), (x, w)), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13)


def test_user_functions_with_several_outputs():
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

    assert_same(function, lambda x, w: checkpoint(function, x, w), order=1)

    def both(x, w):
        return tuple(Both.apply(x.sin(), w[:2].tanh()))

    assert_same(
        lambda x, w: both(x, w)[0].cos() + both(x, w)[1] ** 2,
        lambda x, w: checkpoint(both, x, w)[0].cos() + checkpoint(both, x, w)[1] ** 2,
        order=2,
    )


def test_the_function_runs_twice_and_no_more():
    runs = []

    def function(x):
        runs.append(tg.is_grad_enabled())
        return x.exp().sin(), x.cos().exp()

    x = tensor(3)
    a, b = checkpoint(function, x)
    (a.sum() + b.sum()).backward()
    assert runs == [True, True]
    a, b = checkpoint(function, x)
    a.sum().backward(retain_graph=True)
    a.sum().backward()
    b.sum().backward()  # what the first replay computed for it is still there
    assert len(runs) == 4
    with pytest.raises(GraphError, match="freed by an earlier"):
        b.sum().backward()


def test_nothing_runs_again_where_nothing_was_let_go():
    runs = []
    x, w = tensor(3), tensor(3)
    checkpoint(lambda x: runs.append(1) or x * w, x).sum().backward()
    assert runs == [1]


def test_without_recording_it_is_the_call():
    x = tensor(3)
    with tg.no_grad():
        assert checkpoint(tg.exp, x).node is None
    assert checkpoint(tg.exp, tensor(3, requires_grad=False)).node is None
    assert checkpoint(lambda: 3) == 3
    assert checkpoint(lambda x: x, x) is x


def test_grad_mode_inside_is_that_of_the_first_run():
    def function(x):
        with tg.no_grad():
            c = x.exp()
        return (c * x).sin()

    assert_same(
        lambda x, w: function(x) * w.sum(),
        lambda x, w: checkpoint(lambda x: function(x) * w.sum(), x),
    )


def test_context_variables_are_those_of_the_first_run():
    scale = ContextVar("scale", default=1.0)
    x = tensor(3)
    token = scale.set(2.0)
    y = checkpoint(lambda x: (x * scale.get()).exp().sin(), x)
    scale.reset(token)
    (got,) = tg.autograd.grad(y.sum(), x)
    (expected,) = tg.autograd.grad((x * 2.0).exp().sin().sum(), x)
    np.testing.assert_allclose(got.numpy(), expected.numpy())


def test_a_replay_in_another_thread():
    x = tensor(3)
    y = checkpoint(lambda x: x.exp().sin(), x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(np.exp(x.array)) * np.exp(x.array))


def dropped(x):
    mask = tg.rand(*x.shape, dtype=x.dtype) < 0.5
    return tg.where(mask, x.exp(), x * 0).sin() * tg.randn(*x.shape, dtype=x.dtype)


def test_random_numbers_are_those_of_the_first_run():
    x = tensor(50)
    tg.manual_seed(3)
    (expected,) = tg.autograd.grad(dropped(x).sum(), x)
    tg.manual_seed(3)
    y = checkpoint(dropped, x)
    between = tg.rand(2)
    (got,) = tg.autograd.grad(y.sum(), x)
    after = tg.rand(2)
    np.testing.assert_array_equal(got.numpy(), expected.numpy())
    tg.manual_seed(3)
    dropped(x)
    np.testing.assert_array_equal(between.numpy(), tg.rand(2).numpy())
    np.testing.assert_array_equal(after.numpy(), tg.rand(2).numpy())


def test_random_numbers_go_on_if_asked_to():
    x = tensor(50)
    tg.manual_seed(3)
    y = checkpoint(dropped, x, preserve_rng_state=False)
    y.sum().backward()
    assert not np.array_equal(x.grad.numpy(), tg.autograd.grad(dropped(x).sum(), x)[0].numpy())
    tg.manual_seed(3)
    for _ in range(3):
        dropped(x)
    state = tg.get_rng_state()
    tg.manual_seed(3)
    checkpoint(dropped, x, preserve_rng_state=False).sum().backward()
    dropped(x)
    np.testing.assert_array_equal(state.numpy(), tg.get_rng_state().numpy())


def test_floating_point_errors_in_the_second_run_are_treated_as_in_the_first():
    x = tg.tensor([-1.0, 1.0], requires_grad=True)
    with np.errstate(invalid="ignore"):
        y = checkpoint(lambda x: tg.where(x > 0, x.log(), x).exp().sin(), x)
    with np.errstate(all="raise"):
        y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


# -- what must be noticed --------------------------------------------------------------------------


def changed(x):
    with tg.no_grad():
        x.mul_(2)


@pytest.mark.parametrize("saves", [True, False])
def test_an_argument_changed_in_place_is_noticed(saves):
    x = tensor(3)
    y = checkpoint(lambda x: (x * x if saves else x + 1).exp().sin(), x).sum()
    changed(x)
    with pytest.raises(GraphError, match=r"changed in place.*mul_ at .*test_checkpoint\.py"):
        y.backward()
    assert x.grad is None


def test_a_parameter_changed_in_place_is_noticed_though_nothing_saved_it():
    x, bias = tensor(3), tensor(3)
    y = checkpoint(lambda x: (x + bias).exp().sin(), x).sum()
    changed(bias)
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


def test_a_constant_changed_in_place_is_noticed_where_it_was_saved():
    x, c = tensor(3, 3), tensor(3, 3, requires_grad=False)
    for function in (lambda x: (x * c).sin().exp(), lambda x: (x.sin() @ c.T).exp()):
        y = checkpoint(function, x).sum()
        changed(c)
        with pytest.raises(GraphError, match="changed in place"):
            y.backward()


def test_a_computed_tensor_changed_in_place_is_noticed():
    x = tensor(3)
    h = x * 2
    y = checkpoint(lambda x: (x + h).exp().sin(), x).sum()
    h.add_(1)
    with pytest.raises(GraphError, match="did not do the same"):
        y.backward()


def test_an_argument_that_gets_another_node_is_still_the_old_one():
    x = tensor(3)
    h = x * 2
    y = checkpoint(lambda h: h.sin().exp(), h)
    h.add_(y)  # would refer in a circle, were the tensor kept
    gone = weakref.ref(y.node)
    del y, h
    assert gone() is None


def test_an_argument_changed_by_the_function_is_refused():
    x, buffer = tensor(3), tensor(3, requires_grad=False)

    def function(x, buffer):
        buffer.mul_(2)
        return (x + buffer).exp().sin()

    with pytest.raises(GraphError, match="changed in place"):
        checkpoint(function, x, buffer).sum().backward()


def test_a_value_overwritten_by_the_function_is_refused_as_without():
    def function(x):
        h = x.exp().exp()
        z = h.sin() * 1.5
        h.mul_(3)
        return z.exp()

    x = tensor(3)
    with pytest.raises(GraphError, match="was changed in place later, by mul_"):
        checkpoint(function, x).sum().backward()


def test_a_saved_value_that_the_second_run_changes_is_refused():
    buffer, x = tensor(3, requires_grad=False), tensor(3)

    def function(x):
        buffer.add_(1)
        return (x * buffer).exp().sin()

    with pytest.raises(GraphError, match="changed in place, by add_"):
        checkpoint(function, x).sum().backward()


def test_state_that_no_gradient_reads_is_changed_twice():
    mean, x = tensor(3, requires_grad=False), tensor(4, 3)

    def function(x):
        mean.add_(x.detach().mean(0))
        return x.exp().sin()

    before = mean.numpy().copy()
    checkpoint(function, x).sum().backward()
    np.testing.assert_allclose(mean.numpy(), before + 2 * x.array.mean(0))


def alternating(first, second):
    turns = iter((first, second))
    return lambda x: next(turns)(x)


@pytest.mark.parametrize(
    ("first", "second", "match"),
    [
        (lambda x: x.exp().sin(), lambda x: x.exp().cos(), "operation 1: first sin .* then cos"),
        (lambda x: x.exp().sin(), lambda x: x.exp().sin().cos(), "recorded 2 operations, then 3"),
        (lambda x: x.exp().sin(), lambda x: x[:2].exp().sin(), "then getitem"),
        (lambda x: x.exp()[:2].sin(), lambda x: x.exp()[:1].sin(), r"\(2,\).*\(1,\)"),
        (lambda x: x.exp().sin(), lambda x: None, "then 0"),
        (lambda x: x.exp().sin() + x, lambda x: x.exp().sin() + x.detach(), "other operands"),
    ],
)
def test_a_function_that_does_not_do_the_same_again_is_refused(first, second, match):
    x = tensor(3)
    y = checkpoint(alternating(first, second), x)
    with pytest.raises(GraphError, match=f"did not do the same.*{match}"):
        y.sum().backward()
    assert x.grad is None


def test_a_leaf_that_holds_another_array_is_refused():
    x, w = tensor(3), tensor(3)
    y = checkpoint(lambda x: (x + w).exp().sin(), x)
    w.array = w.array * 2
    with pytest.raises(GraphError, match="another array"):
        y.sum().backward()


def test_an_error_in_the_second_run_leaves_everything_as_it_was():
    x = tensor(3)
    fail = []

    def function(x):
        y = x.exp().sin() * tg.rand(3)
        if fail:
            raise KeyError("mine")
        return y

    y = checkpoint(function, x)
    fail.append(1)
    state = tg.get_rng_state().numpy()
    with pytest.raises(KeyError, match="mine"):
        y.sum().backward()
    assert tg.is_grad_enabled()
    np.testing.assert_array_equal(tg.get_rng_state().numpy(), state)
    fail.clear()
    y.sum().backward()
    assert x.grad is not None


def test_the_reentrant_form_is_refused():
    with pytest.raises(ArgumentError, match="use_reentrant=True"):
        checkpoint(tg.exp, tensor(3), use_reentrant=True)
    checkpoint(tg.exp, tensor(3), use_reentrant=False)


# -- what is kept and what runs --------------------------------------------------------------------


def test_hooks_run_once():
    calls = []
    x = tensor(3)
    x.register_hook(lambda g: calls.append("x"))

    def function(x):
        h = x.exp()
        h.register_hook(lambda g: calls.append("h"))
        x.register_hook(lambda g: calls.append("x inside"))
        return h.sin()

    checkpoint(function, x).sum().backward()
    assert sorted(calls) == ["h", "x", "x inside"]


def test_the_checks_of_a_replay_compute_nothing():
    runs = []
    x, c = tensor(3), tensor(3, requires_grad=False)
    y = checkpoint(lambda x: runs.append(1) or x.exp().sin(), x).sum() + (x * c).sum()
    c.add_(1)
    with pytest.raises(GraphError, match=r"mul saved .* was changed in place later"):
        y.backward()
    assert runs == [1]


def test_only_the_boundaries_of_segments_stay():
    n, depth = 10_000, 64
    x = tg.tensor(np.random.randn(n), requires_grad=True)
    layers = [lambda x: (x.sin() * x.cos()).tanh()] * depth

    def measured(call):
        tracemalloc.start()
        y = call()
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        y.sum().backward()
        later = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        grad, x.grad = x.grad.numpy(), None
        return now / x.array.nbytes, max(peak, later) / x.array.nbytes, grad

    now, peak, grad = measured(lambda: checkpoint_sequential(layers, 8, x))
    plain_now, plain_peak, plain_grad = measured(lambda: checkpoint_sequential(layers, 1, x))
    np.testing.assert_array_equal(grad, plain_grad)
    assert plain_now > 2.5 * depth
    assert now < 7 + 8 * 4 + 4  # the boundaries, the last segment, and nodes
    assert peak < 7 + 2 * 8 * 5 + 8 < plain_peak / 2
    now, _, _ = measured(lambda: checkpoint(lambda x: checkpoint_sequential(layers, 1, x), x))
    assert now < 3


def test_nested_checkpoints_keep_only_what_the_outer_one_was_called_with():
    kept = []

    def inner(h):
        kept.append(weakref.ref(h.array))
        return h.exp().sin()

    def outer(x):
        return checkpoint(inner, checkpoint(inner, x.sin()).cos()).tanh()

    y = checkpoint(outer, tensor(3))
    assert [array() is None for array in kept] == [True, True]
    y.sum().backward()


def test_nothing_is_left_for_the_garbage_collector():
    x, w = tensor(2, 3), tensor(3, 3)

    def step(order):
        y = checkpoint(lambda x: checkpoint(mixed, x, w).exp(), x)
        arrays = [weakref.ref(y.node)]
        (dx,) = tg.autograd.grad(y.sum(), x, create_graph=order > 1)
        if order > 1:
            (dx**2).sum().backward()
        return arrays

    step(2)
    x.grad = w.grad = None
    gc.collect()
    gc.disable()
    try:
        for order in (1, 2):
            (node,) = step(order)
            assert node() is None
            x.grad = w.grad = None
        checkpoint(mixed, x, w)  # never replayed
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_values_are_freed_as_the_replay_passes_them():
    x = tensor(3)
    y = checkpoint(lambda x: x.exp().sin(), x)
    node = y.node
    assert isinstance(node.saved, Recomputed)
    y.sum().backward()
    assert node.saved is None


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_sequential_gives_the_same_gradients(segments):
    net = tg.nn.Sequential(*[m for _ in range(3) for m in (tg.nn.Linear(4, 4), tg.nn.Tanh())])
    x = tg.randn(2, 4, requires_grad=True)
    net(x).sum().backward()
    expected = [p.grad.numpy() for p in (x, *net.parameters())]
    for p in (x, *net.parameters()):
        p.grad = None
    checkpoint_sequential(net, segments, x, use_reentrant=False).sum().backward()
    for p, e in zip((x, *net.parameters()), expected, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), e)


@pytest.mark.parametrize(
    ("segments", "match"), [(0, "from 1 to"), (4, "from 1 to"), (2.0, "int"), (True, "int")]
)
def test_sequential_refuses_wrong_numbers_of_segments(segments, match):
    with pytest.raises(ArgumentError, match=match):
        checkpoint_sequential([tg.exp, tg.sin, tg.cos], segments, tensor(3))


def test_training_steps_are_those_without():
    net = tg.nn.Sequential(tg.nn.Linear(3, 5), tg.nn.Tanh(), tg.nn.Linear(5, 1))
    twin = tg.nn.Sequential(tg.nn.Linear(3, 5), tg.nn.Tanh(), tg.nn.Linear(5, 1))
    twin.load_state_dict(net.state_dict())
    x = tg.randn(8, 3)
    for model, call in ((net, net), (twin, lambda x: checkpoint(twin, x))):
        optimiser = tg.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(3):
            optimiser.zero_grad()
            (call(x) ** 2).mean().backward()
            optimiser.step()
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_on_the_strict_device():
    x = tg.tensor(np.random.randn(2, 3), requires_grad=True, device="standin")
    w = tg.tensor(np.random.randn(3, 3), requires_grad=True, device="standin")
    expected = tg.autograd.grad(mixed(x, w).sum(), (x, w))
    got = tg.autograd.grad(checkpoint(mixed, x, w).sum(), (x, w))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a.cpu().numpy(), b.cpu().numpy())


# -- against PyTorch -------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_are_those_of_torch(order):
    torch = pytest.importorskip("torch")
    from torch.utils.checkpoint import checkpoint as theirs

    x, w = np.random.randn(3, 3), np.random.randn(3, 3)

    def run(lib, checkpoint):
        a = lib.tensor(x, requires_grad=True)
        b = lib.tensor(w, requires_grad=True)

        def block(h):
            h = lib.softmax((h @ b).tanh(), 1) * h
            return checkpoint(lambda h: (h * b).exp().sin(), h, use_reentrant=False) + h

        y = checkpoint(block, a, use_reentrant=False).sum()
        grads = lib.autograd.grad(y, (a, b), create_graph=order > 1)
        if order > 1:
            grads = lib.autograd.grad(sum((g**2).sum() for g in grads), (a, b))
        return [g.detach().numpy() for g in grads]

    for ours, expected in zip(run(tg, checkpoint), run(torch, theirs), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.torch
def test_sequential_is_that_of_torch():
    torch = pytest.importorskip("torch")
    from torch.utils.checkpoint import checkpoint_sequential as theirs

    def build(nn):
        return nn.Sequential(*[m for _ in range(4) for m in (nn.Linear(3, 3), nn.Tanh())]).double()

    net, twin = build(tg.nn), build(torch.nn)
    net.load_state_dict({k: v.numpy() for k, v in twin.state_dict().items()})
    x = np.random.randn(2, 3)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    checkpoint_sequential(net, 3, a).sum().backward()
    theirs(twin, 3, b, use_reentrant=False).sum().backward()
    for p, q in zip((a, *net.parameters()), (b, *twin.parameters()), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12, atol=1e-14)
