"""Backward hooks of modules: what they see, what they replace, beside PyTorch."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn


class Two(nn.Module):
    """Two inputs, two results."""

    def forward(
        self, x: tg.Tensor, y: tg.Tensor, scale: float = 1.0
    ) -> tuple[tg.Tensor, tg.Tensor]:
        """Product and sum."""
        return x * y * scale, x + y


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


def test_a_backward_hook_sees_both_sides_and_replaces_the_inputs_side() -> None:
    layer = Two()
    seen: list[Any] = []

    def hook(module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        seen.append((module, [g.tolist() for g in grad_input], [g.tolist() for g in grad_output]))
        return grad_input[0] * 10, None

    layer.register_full_backward_hook(hook)
    x, y = leaf(2.0), leaf(3.0)
    product, total = layer(x, y, scale=2.0)
    (product + 5 * total).sum().backward()
    assert seen == [(layer, [[11.0], [9.0]], [[1.0], [5.0]])]
    assert x.grad is not None and x.grad.tolist() == [110.0]
    assert y.grad is None


def test_an_unused_result_has_no_gradient() -> None:
    layer = Two()
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda m, i, o: seen.append(o))
    layer(leaf(2.0), leaf(3.0))[1].sum().backward()
    assert seen[0][0] is None and seen[0][1].tolist() == [1.0]


def test_a_pre_hook_replaces_the_results_side() -> None:
    layer = nn.Identity()
    layer.register_full_backward_pre_hook(lambda module, grad_output: grad_output[0] * 3)
    x = leaf(1.0, 2.0)
    layer(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [3.0, 3.0]


def test_a_module_whose_input_needs_no_gradient_is_seen_too() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda m, i, o: seen.append((i, o[0].tolist())))
    layer(tg.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_hooks_run_in_order_and_go_when_removed() -> None:
    layer = nn.Identity()
    order: list[str] = []
    first = layer.register_full_backward_hook(lambda m, i, o: order.append("first"))
    layer.register_full_backward_hook(lambda m, i, o: order.append("second"), prepend=True)
    layer(leaf(1.0)).sum().backward()
    assert order == ["second", "first"]
    first.remove()
    layer(leaf(1.0)).sum().backward()
    assert order == ["second", "first", "second"]
    assert layer._hooked


def test_recorded_gradients_pass_through_hooks() -> None:
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, i, o: (i[0] * 2,))
    x = tg.tensor(0.5, requires_grad=True)
    (dx,) = tg.autograd.grad(layer(x), x, create_graph=True)
    (ddx,) = tg.autograd.grad(dx, x)
    t = np.tanh(0.5)
    np.testing.assert_allclose(dx.item(), 2 * (1 - t * t), rtol=1e-6)
    np.testing.assert_allclose(ddx.item(), 2 * (-2 * t * (1 - t * t)) * 2, rtol=1e-6)


def test_wrong_answers_are_refused() -> None:
    layer = nn.Identity()
    with (
        layer.register_full_backward_hook(lambda m, i, o: (i[0], i[0])),
        pytest.raises(tg.errors.ArgumentError, match="must return 1 gradients, got 2"),
    ):
        layer(leaf(1.0)).sum().backward()
    with (
        layer.register_full_backward_hook(lambda m, i, o: 3.0),
        pytest.raises(tg.errors.DtypeError, match="tensors or None, got float"),
    ):
        layer(leaf(1.0)).sum().backward()
    with pytest.raises(tg.errors.ArgumentError, match="needs a function"):
        layer.register_full_backward_hook(3)  # type: ignore[arg-type]


def test_nothing_is_left_behind() -> None:
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda m, i, o: None)
    gc.collect()
    gc.disable()
    try:
        out = layer(tg.ones(1, 2, requires_grad=True))
        gone = weakref.ref(out)
        out.sum().backward()
        del out
        assert gone() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.torch
def test_hooks_see_what_pytorch_shows() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for framework in (tg, torch):
        seen: list[Any] = []
        layer = framework.nn.Linear(2, 3)
        model = framework.nn.Sequential(layer, framework.nn.Tanh())
        with framework.no_grad():
            layer.weight.fill_(0.25)
            layer.bias.fill_(0.5)

        def show(module: Any, grad_input: Any, grad_output: Any, seen: list[Any] = seen) -> Any:
            seen.append([None if g is None else g.tolist() for g in (*grad_input, *grad_output)])
            return tuple(None if g is None else g * 2 for g in grad_input)

        layer.register_full_backward_hook(show)
        model[1].register_full_backward_hook(show)
        x = framework.ones(2, 2, requires_grad=True)
        model(x).sum().backward()
        found.append((seen, x.grad.tolist(), layer.weight.grad.tolist()))
    ours, theirs = found
    assert len(ours[0]) == len(theirs[0]) == 2
    for a, b in zip(ours[0], theirs[0], strict=True):
        for g, h in zip(a, b, strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-5)
