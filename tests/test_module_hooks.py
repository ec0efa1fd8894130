"""Hooks around the calls of modules: when they run, whatever happens, and those of all modules at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, ShapeError
from tapegrad.nn import module as modules


def noting(seen: list[Any], name: str) -> Any:
    def hook(module: Any, *args: Any) -> None:
        seen.append((name, type(module).__name__, len(args)))

    return hook


def registered(lib: Any, seen: list[Any]) -> tuple[Any, list[Any]]:
    """A model with hooks of every kind, in every order."""
    net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Tanh())
    place = modules if lib is tg else lib.nn.modules.module
    handles = []
    for part in (net, net[1]):
        for how in ({}, {"prepend": True}, {"with_kwargs": True}):
            note = noting(seen, f"pre {how}")
            handles.append(part.register_forward_pre_hook(note, **how))
        for how in ({}, {"prepend": True}, {"with_kwargs": True}, {"always_call": True}):
            handles.append(part.register_forward_hook(noting(seen, f"after {how}"), **how))
        handles.append(part.register_full_backward_hook(noting(seen, "backward")))
        handles.append(part.register_full_backward_hook(noting(seen, "first"), prepend=True))
        handles.append(part.register_full_backward_pre_hook(noting(seen, "backward pre")))
    handles.append(place.register_module_forward_pre_hook(noting(seen, "all pre")))
    handles.append(place.register_module_forward_hook(noting(seen, "all after")))
    handles.append(
        place.register_module_forward_hook(noting(seen, "all with kwargs"), with_kwargs=True)
    )
    handles.append(place.register_module_full_backward_pre_hook(noting(seen, "all backward pre")))
    handles.append(place.register_module_full_backward_hook(noting(seen, "all backward")))
    return net, handles


@pytest.mark.torch
def test_hooks_run_in_pytorchs_order() -> None:
    torch = pytest.importorskip("torch")
    logs = []
    for lib in (tg, torch):
        seen: list[Any] = []
        net, handles = registered(lib, seen)
        try:
            net(lib.ones(1, 2, requires_grad=True)).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        count = len(seen)
        net(lib.ones(1, 2))
        assert len(seen) == count
        logs.append(seen)
    assert logs[0] == logs[1]


def test_hooks_of_all_modules_replace_what_goes_in_comes_out_and_back() -> None:
    net = nn.Sequential(nn.Identity(), nn.Identity())
    x = tg.tensor(1.0, requires_grad=True)
    with modules.register_module_forward_pre_hook(lambda m, args: args[0] + 1):
        assert net(x).item() == 4
    with modules.register_module_forward_hook(lambda m, args, out: out * 2):
        assert net(x).item() == 8
    with modules.register_module_full_backward_hook(lambda m, gi, go: (gi[0] * 10,)):
        net(x).backward()
    assert x.grad is not None and x.grad.item() == 1000
    assert net(x).item() == 1 and nn.Module._hooked is False
    with pytest.raises(ArgumentError, match="needs a function"):
        modules.register_module_forward_hook(3)  # type: ignore[arg-type]


def test_hooks_of_all_modules_and_debugging_do_not_switch_each_other_off() -> None:
    seen: list[Any] = []
    handle = modules.register_module_forward_hook(noting(seen, "all"))
    with tg.autograd.detect_anomaly():
        nn.Identity()(tg.ones(1))
    nn.Identity()(tg.ones(1))
    assert len(seen) == 2
    with tg.autograd.detect_anomaly():
        handle.remove()
        assert nn.Module._hooked
    assert not nn.Module._hooked


class Failing(nn.Module):
    def forward(self, x: Any) -> Any:
        raise ShapeError("failing: always")


@pytest.mark.torch
def test_hooks_that_are_always_called_see_a_failure() -> None:
    torch = pytest.importorskip("torch")
    logs = []
    for lib in (tg, torch):

        class Fails(lib.nn.Module):  # type: ignore[name-defined, misc]
            def forward(self, x: Any) -> Any:
                if x is None:
                    raise ValueError
                return x

        seen: list[Any] = []

        def note(name: str, seen: list[Any] = seen) -> Any:
            return lambda module, args, output: seen.append((name, output))

        def fail(module: Any, args: Any, output: Any) -> Any:
            raise KeyError

        net = Fails()
        net.register_forward_hook(note("before"))
        net.register_forward_hook(note("always"), always_call=True)
        with pytest.raises(ValueError):
            net(None)
        broken = net.register_forward_hook(fail)
        net.register_forward_hook(note("after"))
        net.register_forward_hook(note("after always"), always_call=True)
        with pytest.raises(KeyError):
            net(3)
        broken.remove()
        net.register_forward_pre_hook(lambda module, args: fail(module, args, None))
        with pytest.raises(KeyError):
            net(4)
        logs.append(seen)
    assert logs[0] == logs[1]


def test_a_failure_within_a_hook_that_is_always_called_is_only_warned_of() -> None:
    net = Failing()

    def fail(module: Any, args: Any, output: Any) -> Any:
        raise KeyError("hook")

    net.register_forward_hook(fail, always_call=True)
    with (
        pytest.warns(RuntimeWarning, match=r"always_call failed \(KeyError"),
        pytest.raises(ShapeError, match="Failing: always"),
    ):
        net(tg.ones(1))


def test_a_hook_may_register_and_remove_others() -> None:
    net = nn.Identity()
    seen: list[str] = []

    def once(module: Any, args: Any) -> None:
        seen.append("once")
        handle.remove()
        module.register_forward_hook(lambda m, a, out: out + 1)

    handle = net.register_forward_pre_hook(once)
    np.testing.assert_array_equal([net(tg.tensor(0.0)).item() for _ in range(3)], [1, 1, 1])
    assert seen == ["once"]
