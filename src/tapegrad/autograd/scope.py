"""Settings per thread and per task that hold from `with` to its end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Scope:
    """Gives a context variable a value from `with` to its end; may be entered again while it is open."""

    _variable: ContextVar[Any]
    _value: Any

    def __init__(self) -> None:
        self._tokens: list[Token[Any]] = []

    def __enter__(self) -> None:
        self._tokens.append(self._variable.set(self._value))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(self._tokens.pop())

    def _leave(self, token: Token[Any]) -> None:
        self._variable.reset(token)


class Mode(Scope):
    """A scope that is a decorator too: `with mode():`, `@mode()`, and `@mode` if it takes no argument."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        if args and callable(args[0]):  # @mode without brackets
            cls.__init__(made)
            return made(args[0])
        return made

    def __call__(self, function: F) -> F:
        variable = self._variable

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            token = variable.set(self._value)
            try:
                return function(*args, **kwargs)
            finally:
                self._leave(token)

        return switched  # type: ignore[return-value]


class AtOnce(Mode):
    """A mode that holds from the moment when it is made; inside `with` only until its end."""

    def __init__(self) -> None:
        super().__init__()
        self._at_once: Token[Any] | None = self._variable.set(self._value)

    def __enter__(self) -> None:
        if self._at_once is not None:
            self._tokens.append(self._at_once)
            self._at_once = None
        else:
            super().__enter__()

    def __call__(self, function: F) -> F:
        if self._at_once is not None:  # as a decorator it changes nothing outside the function
            self._variable.reset(self._at_once)
            self._at_once = None
        return super().__call__(function)
