"""Hooks of modules: functions called around `forward`, and when the gradients come back."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..autograd import origins
from ..errors import ArgumentError, DtypeError
from ..gradients import RemovableHandle, crossed, exclusive
from ..record import join_family, record
from ..tensor import Tensor, raw, wrap

KINDS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
# Hooks of all modules; they run before a module's own.
everywhere: dict[str, OrderedDict[int, Any]] = {kind: OrderedDict() for kind in KINDS}


class Hook(NamedTuple):
    """A function and how it is called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False

    def called(self, module: Any, args: Any, kwargs: Any, result: Any) -> Any:
        """What it answers to the result of a call."""
        if self.with_kwargs:
            return self.function(module, args, kwargs, result)
        return self.function(module, args, result)


class HookHandle(RemovableHandle):
    """The handle of a module's hook."""

    def __init__(self, module: Hooked, hooks: dict[int, Any]) -> None:
        super().__init__(hooks)
        self.module = module

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        super().remove()
        _unhook(self.module)


def _unhook(module: Hooked) -> None:
    held = vars(module)
    if not any(held.get(kind) for kind in KINDS):
        held.pop("_hooked", None)  # what the class says holds again


def hooks_of(module: Hooked, kind: type[Any]) -> list[Any]:
    """The forward pre-hooks of a module that are of a class."""
    found = [hook.function for hook in module._forward_pre_hooks.values()]
    return [function for function in found if isinstance(function, kind)]


def take_off(module: Hooked, chosen: Callable[[Any], bool]) -> Any:
    """Remove the first forward pre-hook that is chosen, and return it; None if there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if chosen(hook.function):
            del vars(module)["_forward_pre_hooks"][key]
            _unhook(module)
            return hook.function
    return None


def check_function(hook: Any) -> None:
    """Refuse what cannot be called."""
    if not callable(hook):
        raise ArgumentError(f"register hook: needs a function, got {type(hook).__name__}")


class Hooked:
    """What has hooks; a call without any costs one attribute test."""

    forward: Callable[..., Any]
    _hooked: bool = False
    _forward_hooks: Mapping[int, Any] = MappingProxyType({})
    _forward_pre_hooks: Mapping[int, Any] = MappingProxyType({})
    _backward_hooks: Mapping[int, Any] = MappingProxyType({})
    _backward_pre_hooks: Mapping[int, Any] = MappingProxyType({})

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        running = origins.enter(self)  # for debugging, which sends every call this way
        try:
            return self._call_between_hooks(args, kwargs)
        finally:
            origins.leave(running)

    def _call_between_hooks(self, args: Any, kwargs: Any) -> Any:
        result, called = None, list[Hook]()
        try:
            for hook in self._hooks("_forward_pre_hooks"):
                if hook.with_kwargs:
                    answer = hook.function(self, args, kwargs)
                    if answer is not None:
                        args, kwargs = answer
                else:
                    answer = hook.function(self, args)
                    if answer is not None:
                        args = answer if isinstance(answer, tuple) else (answer,)
            watch = _Watch(self) if self._watched() else None
            if watch:
                args = watch.inputs(args)
            result = self.forward(*args, **kwargs)
            for hook in self._hooks("_forward_hooks"):
                called.append(hook)
                answer = hook.called(self, args, kwargs, result)
                if answer is not None:
                    result = answer
            return watch.outputs(result) if watch else result
        except Exception:
            for hook in self._hooks("_forward_hooks"):
                if hook.always_call and not any(hook is done for done in called):
                    _called_after_all(hook, self, args, kwargs, result)
            raise

    def _hooks(self, kind: str) -> list[Hook]:
        return [*everywhere[kind].values(), *getattr(self, kind).values()]

    def _watched(self) -> bool:
        kinds = "_backward_pre_hooks", "_backward_hooks"
        return any(getattr(self, kind) or everywhere[kind] for kind in kinds)

    def _add_hook(
        self,
        kind: str,
        hook: Any,
        prepend: bool,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        check_function(hook)
        hooks = vars(self).setdefault(kind, OrderedDict())
        handle = HookHandle(self, hooks)
        hooks[handle.id] = Hook(hook, with_kwargs, always_call)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        self._hooked = True
        return handle

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call a function before `forward`; it may replace the arguments.

        Args:
            hook: `hook(module, args)` answers None or new arguments; with `with_kwargs`,
                `hook(module, args, kwargs)` answers None or a pair.
            prepend: run before the hooks that are there.
            with_kwargs: see `hook`.

        Returns:
            A handle whose `remove()` takes the hook off.
        """
        return self._add_hook("_forward_pre_hooks", hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call a function after `forward`; it may replace the result.

        Args:
            hook: `hook(module, args, output)` answers None or a new output; with `with_kwargs`,
                `hook(module, args, kwargs, output)`.
            prepend: run before the hooks that are there.
            with_kwargs: see `hook`.
            always_call: also after `forward` or a hook before has failed; the output is None, or what
                it was then, and the error goes on.

        Returns:
            A handle whose `remove()` takes the hook off.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Identity()
            >>> handle = layer.register_forward_hook(lambda module, args, output: output * 2)
            >>> layer(tg.tensor(1.0))
            tensor(2.)
            >>> handle.remove()
            >>> layer(tg.tensor(1.0))
            tensor(1.)
        """
        return self._add_hook("_forward_hooks", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function when the gradients of the module's results are known.

        Args:
            hook: `hook(module, grad_output)` gets a tuple with the gradient of each result (None
                where there is none); answers None or gradients to go on with.
            prepend: run before the hooks that are there.

        Returns:
            A handle whose `remove()` takes the hook off.
        """
        return self._add_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function when the gradients of the module's inputs have been computed.

        Args:
            hook: `hook(module, grad_input, grad_output)` gets two tuples, with the gradient of each
                positional argument and of each result (None where there is none); answers None or
                gradients to put in the place of `grad_input`.
            prepend: run before the hooks that are there.

        Returns:
            A handle whose `remove()` takes the hook off.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Identity()
            >>> handle = layer.register_full_backward_hook(
            ...     lambda module, grad_input, grad_output: (grad_input[0] * 10,)
            ... )
            >>> x = tg.tensor(1.0, requires_grad=True)
            >>> layer(x).backward()
            >>> x.grad
            tensor(10.)
        """
        return self._add_hook("_backward_hooks", hook, prepend)


def _called_after_all(hook: Hook, module: Any, args: Any, kwargs: Any, result: Any) -> None:
    try:
        hook.called(module, args, kwargs, result)
    except Exception as error:
        warnings.warn(
            f"{type(module).__name__}: a hook with always_call failed ({error!r}) after the error that "
            "is raised",
            RuntimeWarning,
            stacklevel=2,
        )


_debugged = False


def _debugging(on: bool) -> None:
    global _debugged
    _debugged = on
    switch()


def switch() -> None:
    """Send the calls of all modules past the hooks, or straight to `forward`."""
    Hooked._hooked = _debugged or any(everywhere.values())


origins.switches.append(_debugging)


class _Watch:
    """One call of a module with backward hooks: all inputs pass one node, and all results another."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.recorded = False  # whether an input requires grad
        self.count = 0
        self.grad_output: tuple[Any, ...] = ()

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.count = len(args)
        passed, places = _through(args, self._inputs_known)
        self.recorded = bool(places)
        return passed

    def outputs(self, result: Any) -> Any:
        several = isinstance(result, (tuple, list))
        passed, _ = _through(tuple(result) if several else (result,), self._outputs_known)
        if not several:
            return passed[0]
        made = type(result)
        return made(*passed) if hasattr(result, "_fields") else made(passed)

    def _outputs_known(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.module._hooks("_backward_pre_hooks"):
            answer = hook.function(self.module, gradients)
            gradients = _checked("register_full_backward_pre_hook", answer, gradients)
        self.grad_output = gradients
        if not self.recorded:
            self._inputs_known((None,) * self.count)
        return gradients

    def _inputs_known(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.module._hooks("_backward_hooks"):
            answer = hook.function(self.module, gradients, self.grad_output)
            gradients = _checked("register_full_backward_hook", answer, gradients)
        return gradients


def _checked(op: str, given: Any, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
    if given is None:
        return gradients
    answer = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if len(answer) != len(gradients):
        raise ArgumentError(
            f"{op}: the hook must return {len(gradients)} gradients, got {len(answer)}"
        )
    for value in answer:
        if value is not None and not isinstance(value, Tensor):
            raise DtypeError(
                f"{op}: the hook must return tensors or None, got {type(value).__name__}"
            )
    return answer


def _through(
    values: tuple[Any, ...], known: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> tuple[tuple[Any, ...], list[int]]:
    """Pass the tensors that require grad through one node, which calls `known` with their gradients.

    Args:
        values: tensors and anything else.
        known: gets the gradients, None for what is no such tensor, and returns them or others.

    Returns:
        The values, tensors replaced by views of them; and the places of those.
    """
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.node is not None]
    if not places:
        return values, places

    def rule(g: list[Any]) -> list[Any]:
        recorded = any(isinstance(h, Tensor) for h in g)
        shown: list[Any] = [None] * len(values)
        for place, h in zip(places, g, strict=True):
            if h is not None:
                h = crossed(h)
                shown[place] = h if recorded else wrap(exclusive(h))
        answer = known(tuple(shown))
        back = [answer[place] if recorded else raw(answer[place]) for place in places]
        return [None if h is None else crossed(h) for h in back]

    rule.op = "backward_hook"  # type: ignore[attr-defined]
    tensors = [values[place] for place in places]
    passed = list(values)
    views = record(tuple(t.array[...] for t in tensors), rule, tensors)
    for place, tensor, view in zip(places, tensors, views, strict=True):
        join_family(view, tensor)
        passed[place] = view
    return tuple(passed), places
