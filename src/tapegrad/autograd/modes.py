"""Switching recording on and off: per thread and per task, as context managers and decorators."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ..tape import recording, recording_mode
from .scope import AtOnce, Mode


class _GradMode(Mode):
    _variable: ContextVar[Any] = recording_mode


class no_grad(_GradMode):
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


class enable_grad(_GradMode):
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


class set_grad_enabled(AtOnce, _GradMode):
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
        self._value = bool(mode)
        super().__init__()


class inference_mode(_GradMode):
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
    def _value(self) -> bool:
        return not self._on and recording()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread and task.

    Example:
        >>> import tapegrad as tg
        >>> tg.is_grad_enabled()
        True
    """
    return recording()
