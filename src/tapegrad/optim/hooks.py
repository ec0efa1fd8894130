"""Hooks of optimisers: functions called around `step`, `state_dict` and `load_state_dict`."""

from __future__ import annotations

import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, DtypeError
from ..gradients import RemovableHandle


class Hooked:
    """What an optimiser needs to have hooks; a step without any costs nothing more."""

    _hooks: dict[str, OrderedDict[int, Callable[..., Any]]] | None = None
    _step_hooked = False

    def _add_hook(self, kind: str, hook: Any, prepend: bool = False) -> RemovableHandle:
        if not callable(hook):
            raise ArgumentError(
                f"{type(self).__name__}: a hook must be a function, got {type(hook).__name__}"
            )
        if self._hooks is None:
            self._hooks = {}
        hooks = self._hooks.setdefault(kind, OrderedDict())
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def _hooks_of(self, kind: str) -> list[Callable[..., Any]]:
        return list((self._hooks or {}).get(kind, {}).values())

    def _add_step_hook(self, kind: str, hook: Any) -> RemovableHandle:
        handle = self._add_hook(kind, hook)
        if not self._step_hooked:
            self._step_hooked = True
            vars(self)["step"] = _step_with_hooks(self)
        return handle

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function before every step.

        Args:
            hook: called as `hook(optimizer, args, kwargs)` with the arguments of `step`; it may
                answer other ones, as `(args, kwargs)`.

        Returns:
            A handle; its `remove()` takes the hook away.

        Example:
            >>> import tapegrad as tg
            >>> w = tg.ones(1, requires_grad=True)
            >>> optimizer = tg.optim.SGD([w], lr=0.1)
            >>> handle = optimizer.register_step_pre_hook(lambda *_: print("before"))
            >>> optimizer.step()
            before
            >>> handle.remove()
        """
        return self._add_step_hook("before step", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function after every step.

        Args:
            hook: called as `hook(optimizer, args, kwargs)` with the arguments of `step`.

        Returns:
            A handle; its `remove()` takes the hook away.

        Example:
            >>> import tapegrad as tg
            >>> w = tg.ones(1, requires_grad=True)
            >>> optimizer = tg.optim.SGD([w], lr=0.1)
            >>> handle = optimizer.register_step_post_hook(lambda *_: print("after"))
            >>> optimizer.step()
            after
        """
        return self._add_step_hook("after step", hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function before `state_dict` collects anything.

        Args:
            hook: called as `hook(optimizer)`.
            prepend: call it before those that are there.

        Returns:
            A handle; its `remove()` takes the hook away.
        """
        return self._add_hook("before saving", hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function with what `state_dict` collected.

        Args:
            hook: called as `hook(optimizer, state_dict)`; what it answers takes its place.
            prepend: call it before those that are there.

        Returns:
            A handle; its `remove()` takes the hook away.
        """
        return self._add_hook("after saving", hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function before `load_state_dict` looks at what it got.

        Args:
            hook: called as `hook(optimizer, state_dict)` with a shallow copy; what it answers is
                loaded instead.
            prepend: call it before those that are there.

        Returns:
            A handle; its `remove()` takes the hook away.
        """
        return self._add_hook("before loading", hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call a function when `load_state_dict` is done.

        Args:
            hook: called as `hook(optimizer)`.
            prepend: call it before those that are there.

        Returns:
            A handle; its `remove()` takes the hook away.
        """
        return self._add_hook("after loading", hook, prepend)


def _step_with_hooks(optimizer: Hooked) -> Callable[..., Any]:
    """The optimiser's step with its hooks around it, to stand before the class's own."""
    own = vars(optimizer).get("step")  # somebody else's, e.g. a scheduler's
    plain = type(optimizer).step  # type: ignore[attr-defined]
    reference = weakref.ref(optimizer)  # the optimiser holds this function

    @functools.wraps(own or plain)
    def step(*args: Any, **kwargs: Any) -> Any:
        optimizer = reference()
        assert optimizer is not None
        for hook in optimizer._hooks_of("before step"):
            answer = hook(optimizer, args, kwargs)
            if answer is not None:
                if not isinstance(answer, tuple) or len(answer) != 2:
                    raise DtypeError(
                        f"{type(optimizer).__name__}.step: a pre-hook must return None or "
                        f"(args, kwargs), got {type(answer).__name__}"
                    )
                args, kwargs = answer
        result = own(*args, **kwargs) if own else plain(optimizer, *args, **kwargs)
        for hook in optimizer._hooks_of("after step"):
            hook(optimizer, args, kwargs)
        return result

    return step
