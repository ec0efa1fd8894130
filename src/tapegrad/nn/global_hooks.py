"""Hooks of every module there is, now and later: for profilers, debuggers and counters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..gradients import RemovableHandle
from . import hooks
from .hooks import Hook, check_function


class _Handle(RemovableHandle):
    """The handle of a hook of all modules."""

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        super().remove()
        hooks.switch()


def _add(kind: str, function: Any, *how: bool) -> RemovableHandle:
    check_function(function)
    handle = _Handle(hooks.everywhere[kind])
    hooks.everywhere[kind][handle.id] = Hook(function, *how)
    hooks.switch()
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a function before the `forward` of every module, before the module's own hooks.

    Args:
        hook: `hook(module, args)` answers None or new arguments.

    Returns:
        A handle whose `remove()` takes the hook off.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.module import register_module_forward_pre_hook
        >>> def show(module, args):
        ...     print(type(module).__name__)
        >>> with register_module_forward_pre_hook(show):
        ...     _ = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU())(tg.ones(1, 2))
        Sequential
        Linear
        ReLU
    """
    return _add("_forward_pre_hooks", hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call a function after the `forward` of every module, before the module's own hooks.

    Args:
        hook: `hook(module, args, output)` answers None or a new output.
        with_kwargs: call it as `hook(module, args, kwargs, output)`.
        always_call: also after `forward` has failed.

    Returns:
        A handle whose `remove()` takes the hook off.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.module import register_module_forward_hook
        >>> with register_module_forward_hook(lambda module, args, output: output + 1):
        ...     tg.nn.Identity()(tg.tensor(1.0))
        tensor(2.)
    """
    return _add("_forward_hooks", hook, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a function when the gradients of any module's results are known.

    Args:
        hook: `hook(module, grad_output)`, as for `Module.register_full_backward_pre_hook`.

    Returns:
        A handle whose `remove()` takes the hook off.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.module import register_module_full_backward_pre_hook
        >>> x = tg.tensor(1.0, requires_grad=True)
        >>> with register_module_full_backward_pre_hook(lambda module, g: (2 * g[0],)):
        ...     tg.nn.Identity()(x).backward()
        >>> x.grad
        tensor(2.)
    """
    return _add("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call a function when the gradients of any module's inputs have been computed.

    Args:
        hook: `hook(module, grad_input, grad_output)`, as for `Module.register_full_backward_hook`.

    Returns:
        A handle whose `remove()` takes the hook off.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.module import register_module_full_backward_hook
        >>> x = tg.tensor(1.0, requires_grad=True)
        >>> with register_module_full_backward_hook(lambda module, g_in, g_out: (3 * g_in[0],)):
        ...     tg.nn.Identity()(x).backward()
        >>> x.grad
        tensor(3.)
    """
    return _add("_backward_hooks", hook)
