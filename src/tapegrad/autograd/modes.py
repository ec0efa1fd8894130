"""Switching recording on and off: per thread and per task, as context managers and decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar

from ..tape import recording, recording_mode

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """A mode to enter; usable as `with mode():`, `@mode()` and `@mode`."""

    _value: bool

    def __new__(cls, *args: Any) -> Any:
        made = object.__new__(cls)
        if args and callable(args[0]):  # @mode without brackets
            cls.__init__(made)
            return made(args[0])
        return made

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(recording_mode.set(self._value))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        recording_mode.reset(self._tokens.pop())

    def __call__(self, function: F) -> F:
        value = self._value

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            token = recording_mode.set(value)
            try:
                return function(*args, **kwargs)
            finally:
                recording_mode.reset(token)

        return switched  # type: ignore[return-value]


class no_grad(_Mode):
    """Record nothing inside: results do not require a gradient.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> with tg.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    _value = False


class enable_grad(_Mode):
    """Record inside, also within `no_grad`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> with tg.no_grad(), tg.enable_grad():
        ...     y = x * 2
        >>> y.requires_grad
        True
    """

    _value = True


class set_grad_enabled(_Mode):
    """Switch recording on or off, at once; inside `with` only until its end.

    Args:
        mode: whether to record.

    Example:
        >>> import tapegrad as tg
        >>> with tg.set_grad_enabled(False):
        ...     tg.is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._value = bool(mode)
        self._at_once: Token[bool] | None = recording_mode.set(self._value)

    def __enter__(self) -> None:
        if self._at_once is not None:
            self._tokens.append(self._at_once)
            self._at_once = None
        else:
            super().__enter__()

    def __call__(self, function: F) -> F:
        if self._at_once is not None:  # as a decorator it changes nothing outside the function
            recording_mode.reset(self._at_once)
            self._at_once = None
        return super().__call__(function)


class inference_mode(_Mode):
    """Like `no_grad`, under PyTorch's other name.

    Tensors carry no version counters here, so there is nothing more that inference could leave out.

    Args:
        mode: False makes it do nothing.

    Example:
        >>> import tapegrad as tg
        >>> with tg.inference_mode():
        ...     tg.is_grad_enabled()
        False
    """

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self._on = bool(mode)

    @property
    def _value(self) -> bool:  # type: ignore[override]
        return not self._on and recording()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread and task.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_grad_enabled()
        True
    """
    return recording()
