"""Where operations come from: what debugging notes of each of them, and whether it is on.

Debugging is on as long as a context of a thread or task holds settings. While any context in the process
does, three things are different: new nodes are announced (`births.py`), `engine.replay` is the one that
goes node by node (`stepping.py`), and modules take the way with hooks, so that they can be named. With
debugging off all three are as ever, so that it costs nothing.
"""

from __future__ import annotations

import linecache
import os
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar, Token
from time import perf_counter
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .. import cuda, engine, stamps
from ..device import backend_of, is_array
from ..ops import arithmetic
from ..record import record, record1, record2, record3
from ..tape import Leaf, Node, Output, op_name
from ..tensor import raw
from . import births
from .function import Function
from .scope import Mode

# -- on and off ------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What debugging does in a context.

    Attributes:
        recording: note lines, modules and times for the user, also the times of replays.
        anomaly: say where the first anomaly is; `nan` and `inf` are what counts as one.
    """

    recording: bool = False
    anomaly: bool = False
    nan: bool = False
    inf: bool = False


class Held:
    """Settings as a context variable holds them, in force until they are closed or no context holds them.

    So debugging ends with its `with` even if a traceback keeps a copy of the context, and ends with its
    thread if it was switched on for good.
    """

    __slots__ = ("__weakref__", "_end", "settings")

    def __init__(self, settings: Settings) -> None:
        self.settings: Settings | None = settings
        _begin()
        self._end = weakref.finalize(self, _end)
        self._end.atexit = False

    def close(self) -> None:
        """End it for all that hold it; a second time does nothing."""
        self.settings = None
        self._end()


held: ContextVar[Held | None] = ContextVar("tapegrad_debugging", default=None)
switches: list[Callable[[bool], None]] = []  # called when debugging begins and ends in the process
_lock = threading.RLock()  # garbage may be collected inside
_contexts = 0


class Debugging(Mode):
    """A mode of debugging: the settings of the context with some of them changed."""

    _variable: ContextVar[Any] = held
    _changes: dict[str, bool]

    @property
    def _value(self) -> Held | None:
        settings = (current() or Settings())._replace(**self._changes)
        _since.set(perf_counter())
        return Held(settings) if settings.recording or settings.anomaly else None

    def _leave(self, token: Token[Any]) -> None:
        ended = held.get()
        super()._leave(token)
        if ended is not None:
            ended.close()


def current() -> Settings | None:
    """The settings of this thread and task, None when debugging is off.

    The frames of errors must not keep `Held` alive, so nobody else looks at it.
    """
    found = held.get()
    return None if found is None else found.settings


def _begin() -> None:
    global _contexts
    with _lock:
        _contexts += 1
        if _contexts == 1:
            from . import stepping

            engine.replay = stepping.replay
            births.listen(_born)
            for switch in switches:
                switch(True)


def _end() -> None:
    global _contexts
    with _lock:
        _contexts -= 1
        if not _contexts:
            from . import stepping

            engine.replay = stepping.plain
            births.ignore(_born)
            for switch in switches:
                switch(False)


# -- modules ---------------------------------------------------------------------------------------


class _Inside(NamedTuple):
    paths: dict[Any, str]  # of all modules below the outermost one that is running
    label: str


_inside: ContextVar[_Inside | None] = ContextVar("tapegrad_module", default=None)
# When the operation that is recorded next may have begun.
_since: ContextVar[float | None] = ContextVar("tapegrad_since", default=None)


def enter(module: Any) -> Token[_Inside | None] | None:
    """Say that a module begins to run; to be undone by `leave`."""
    if current() is None:
        return None
    outer = _inside.get()
    if outer is not None and module in outer.paths:
        paths = outer.paths
    else:
        paths = {inner: path for path, inner in module.named_modules()}
    path, kind = paths.get(module, ""), type(module).__name__
    _since.set(perf_counter())
    return _inside.set(_Inside(paths, f"{path} ({kind})" if path else kind))


def leave(token: Token[_Inside | None] | None) -> None:
    """Undo `enter`."""
    if token is not None:
        _inside.reset(token)


def path_of(value: Any) -> str | None:
    """The path by which the modules that are running hold a parameter or buffer."""
    inside = _inside.get()
    for module, path in inside.paths.items() if inside is not None else ():
        for name, member in vars(module).items():
            if member is value:
                return f"{path}.{name}" if path else name
    return None


# -- operations ------------------------------------------------------------------------------------


class Origin:
    """What debugging noted of an operation.

    Attributes:
        code, number: code object and line number of the innermost frame outside this package.
        module: path and kind of the innermost module that was running, or None.
        forward: seconds from the operation before it, or the beginning of the module, to its end.
        backward: seconds that its rules took in all replays under `debug.recording`, None before.
        gradient_of: if it belongs to the recorded gradient of an operation, that one's name.
        checked: whether its value was looked at, so that a NaN in it is not news.
    """

    __slots__ = ("backward", "checked", "code", "forward", "gradient_of", "module", "number")

    def __init__(self, frame: FrameType, module: str | None, gradient_of: str | None) -> None:
        self.code = frame.f_code
        self.number = frame.f_lineno
        self.module = module
        self.gradient_of = gradient_of
        self.forward: float | None = None
        self.backward: float | None = None
        self.checked = False

    @property
    def line(self) -> str:
        """`file.py:123 in function`, the path as seen from the working directory."""
        path = self.code.co_filename
        here = os.getcwd() + os.sep
        function = self.code.co_qualname.rpartition("<locals>.")[2]
        return f"{path.removeprefix(here)}:{self.number} in {function}"

    @property
    def source(self) -> str:
        """The text of the line, empty if the file cannot be read."""
        return linecache.getline(self.code.co_filename, self.number).strip()


# Beside the tape, since nodes have origins only in debugging.
origins: weakref.WeakKeyDictionary[Node, Origin] = weakref.WeakKeyDictionary()
# The node whose gradient is being computed, while `stepping` does so.
replayed: ContextVar[Node | None] = ContextVar("tapegrad_replayed", default=None)


class Made(NamedTuple):
    """An operation as its recorder sees it before the node is complete."""

    op: str
    outs: tuple[Any, ...]  # arrays
    inputs: tuple[tuple[str, Any], ...]  # tensors, arrays, numbers and others, with their names
    frame: FrameType  # of the recorder


# Under which names the recorders hold the results, the inputs and the rules.
_NAMES: dict[CodeType, tuple[str, tuple[str, ...] | str, str]] = {
    record1.__code__: ("out", ("input",), "rule"),
    record2.__code__: ("out", ("input", "other"), "rules"),
    record3.__code__: ("out", ("input", "second", "third"), "rules"),
    record.__code__: ("outs", "inputs", "rules"),
    arithmetic._add.__code__: ("out", ("input", "other"), "rules"),
    Function._record.__func__.__code__: ("outputs", "args", "cls"),  # type: ignore[attr-defined]
}


def made(frame: FrameType) -> Made | None:
    """Read an operation off the frame of its recorder; None if this is none of ours."""
    names = _NAMES.get(frame.f_code)
    if names is None:
        return None
    values = frame.f_locals
    outs, inputs, rules = values[names[0]], names[1], values[names[2]]
    if isinstance(inputs, str):
        given = tuple((f"input {i}", value) for i, value in enumerate(values[inputs]))
    else:
        given = tuple((name, values[name]) for name in inputs)
    return Made(
        rules.__name__ if isinstance(rules, type) else op_name(_first(rules)),
        tuple(map(raw, outs)) if isinstance(outs, tuple) else (raw(outs),),
        given,
        frame,
    )


def _first(rules: Any) -> Any:
    return rules[0] if isinstance(rules, tuple) else rules


def _born(node: Node, frame: FrameType) -> None:
    settings = current()
    if settings is None or isinstance(node, (Leaf, Output)):
        return
    operation = made(frame)
    if operation is not None:
        await_card(operation.outs)
    now = perf_counter()
    target = replayed.get()
    source = None if target is None else origins.get(target)
    origin = Origin(
        stamps.outside(frame),
        _label(),
        None if target is None else target.op,
    )
    if source is not None:
        origin.code, origin.number, origin.module = source.code, source.number, source.module
    since = _since.get()
    origin.forward = None if since is None else now - since
    origin.checked = settings.nan and operation is not None
    if operation is not None and settings.anomaly and target is None:
        from ..debug.findings import check_value

        check_value(operation, origin, settings)
    origins[node] = origin
    _since.set(perf_counter())


def _label() -> str | None:
    inside = _inside.get()
    return None if inside is None else inside.label


def await_card(values: Any) -> None:
    """Wait until a card has made arrays, since until then the clock says little."""
    for value in values:
        array = raw(value)
        if is_array(array) and (backend := backend_of(array)).device_type == "cuda":
            cuda.synchronize(backend.locate(array))
