"""What counts as an anomaly, and how it is told.

Two rules. NaN is never meant: it is reported where it is first seen, whether it is made there or comes in.
Infinity may be meant: it is reported only where it is made out of finite numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np

from .. import stamps
from ..autograd.origins import Made, Origin, Settings, origins, path_of
from ..autograd.stepping import Step
from ..device import every_value, innermost, is_array
from ..errors import AnomalyError
from ..tape import Leaf, Node
from ..tensor import Tensor, raw
from .advice import advice

# -- looking at values -----------------------------------------------------------------------------


def state(value: Any) -> tuple[bool, bool]:
    """Whether there is a NaN, and whether there is an infinity, among numbers; False for all else."""
    value = innermost(raw(value))
    if isinstance(value, (float, complex)):
        parts = (value.real, value.imag)
        return any(map(math.isnan, parts)), any(map(math.isinf, parts))
    if isinstance(value, (list, tuple)):
        states = [state(item) for item in value]
        return any(nan for nan, _ in states), any(inf for _, inf in states)
    if not isinstance(value, np.generic) and not is_array(value):
        return False, False
    if value.dtype.kind not in "fcV" or _flag(np.isfinite(value).all()):
        return False, False
    return _flag(np.isnan(value).any()), _flag(np.isinf(value).any())


def _flag(value: Any) -> bool:
    return bool(every_value(value))


def on_host(value: Any) -> np.ndarray[Any, Any]:
    """All values of an array, a tensor or a scalar in the host's memory."""
    host: np.ndarray[Any, Any] = every_value(raw(value))
    return host


def first(value: Any, wanted: Any) -> tuple[tuple[int, ...], Any]:
    """Index and value of the first element for which a function of arrays is true."""
    host = on_host(value)
    flat = int(np.argmax(wanted(host)))
    index = tuple(int(i) for i in np.unravel_index(flat, host.shape))
    return index, host[index]


def described(value: Any) -> str:
    """Shape, dtype and range of an array, and how many of its elements are what."""
    if isinstance(value, (bool, int, float, complex)):
        return repr(value)
    host = on_host(value)
    shown = f"{host.shape} {host.dtype.name}"
    if not host.size or host.dtype.kind == "b":
        return shown
    finite = host[np.isfinite(host)] if host.dtype.kind in "fcV" else host
    if host.dtype.kind == "c":
        finite = np.abs(finite)
        shown += " modulus"
    if finite.size:
        low, high = finite.min(), finite.max()
        shown += f": {_short(low)}" if low == high else f": {_short(low)} to {_short(high)}"
    if host.dtype.kind not in "fcV":
        return shown
    if finite.size == host.size:
        counts = [f"all {host.size:,} finite"] if host.size > 1 else []
    else:
        counts = [f"{finite.size:,} of {host.size:,} finite"]
    infinite, kinds = np.isinf(host), {"NaN": np.isnan(host)}
    if host.dtype.kind == "c":
        kinds |= {"inf": infinite}
    else:
        kinds |= {"inf": infinite & (host > 0), "-inf": infinite & (host < 0)}
    for what, many in (kinds | {"zero": host == 0}).items():
        number = int(np.count_nonzero(many))
        if number and (host.size > 1 or what != "zero"):
            counts.append(f"{number:,} {what}")
    return ", ".join([shown, *counts]) if finite.size else f"{shown}: {', '.join(counts)}"


def _short(value: Any) -> str:
    return f"{value.item():.4g}" if value.dtype.kind in "fV" else str(value.item())


FINITE = ", out of finite numbers"
NO_NAN = ", though none of its inputs was NaN"


# -- values ----------------------------------------------------------------------------------------


def check_value(made: Made, origin: Origin, settings: Settings) -> None:
    """Look at what an operation has computed."""
    for place, out in enumerate(made.outs):
        nan, inf = state(out)
        if nan and settings.nan and (how := _news(made)):
            raise _of_value(made, origin, place, np.isnan, how)
        if inf and settings.inf and not any(map(any, map(state, _given(made)))):
            raise _of_value(made, origin, place, np.isinf, FINITE)


def _news(made: Made) -> str:
    """How a NaN came about, empty if it was meant or has been reported before."""
    if any(state(value)[0] for value in _numbers(made)):
        return ""
    having = [(name, value) for name, value in _named(made) if state(value)[0]]
    if not having:
        return NO_NAN
    for name, value in having:
        node = value.node if isinstance(value, Tensor) else None
        origin = None if node is None else origins.get(node)
        if origin is None or not origin.checked:
            path = _path(value)
            return f", since {name}{path and f' ({path})'} was NaN when it came in"
    return ""


def _given(made: Made) -> Iterator[Any]:
    """Everything that an operation was computed from, as far as that can be seen."""
    yield from (value for _, value in made.inputs)
    for frame in _frames(made):
        yield from _arguments(frame).values()


def _numbers(made: Made) -> Iterator[Any]:
    for value in _given(made):
        if not isinstance(value, Tensor) and not is_array(value):
            yield value


def _frames(made: Made) -> Iterator[FrameType]:
    """The functions of this package between the recorder and the program, from the inside."""
    frame, end = made.frame.f_back, stamps.outside(made.frame)
    while frame is not None and frame is not end:
        yield frame
        frame = frame.f_back


def _arguments(frame: FrameType) -> dict[str, Any]:
    """Tensors and numbers, also in lists, that a function was called with."""
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    found = {name: values.get(name) for name in code.co_varnames[:count]}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, (Tensor, float, complex, list, tuple))
    }


def _named(made: Made) -> list[tuple[str, Any]]:
    """The inputs by the names that the operation calls them."""
    called: dict[int, str] = {}
    for frame in _frames(made):  # the innermost name counts
        for name, value in _arguments(frame).items():
            called.setdefault(id(value), name)
    named = []
    for name, value in made.inputs:
        if isinstance(value, Tensor):
            named.append((called.get(id(value), name), value))
        elif isinstance(value, (float, int, complex)) or is_array(value):
            named.append((name, value))
    return named


def _path(value: Any) -> str:
    return (path_of(value) or "") if isinstance(value, Tensor) else ""


def _of_value(made: Made, origin: Origin, place: int, wanted: Any, how: str) -> AnomalyError:
    out = made.outs[place]
    which = f"its value {place}" if len(made.outs) > 1 else "its value"
    inputs = _named(made)
    values = [value for _, value in inputs]
    came_in = how not in (FINITE, NO_NAN) and [v for v in values if state(v)[0]]
    help = advice(made.op, "forward", wanted is np.isnan, came_in or (), out.dtype, values)
    return _error(made.op, "forward", f"{which} became", out, wanted, how, origin, inputs, help)


# -- gradients -------------------------------------------------------------------------------------


def check_roots(roots: Iterable[tuple[Node, Any]], settings: Settings) -> None:
    """Look at the gradients that a replay begins with."""
    for node, g in roots:
        if settings.nan and state(g)[0]:
            said = f"the gradient given for its value (shape {node.shape}) is"
            raise _error(node.op, "backward", said, g, np.isnan, "", origins.get(node), [], "")


def check_step(step: Step, settings: Settings) -> None:
    """Look at what a node made of its gradient."""
    node, g = step.node, step.hooked
    if g is not step.arrived and (wanted := _worse(g, (step.arrived,), (), settings)):
        said = "a hook returned a gradient of its value that is"
        raise _of_gradient(step, said, g, wanted, "")
    for i, (h, (before, after)) in enumerate(zip(step.sent, step.sums, strict=True)):
        if h is None:
            continue
        which = f"its input {i}, {_known_as(node.parents[i])},"
        if wanted := _worse(h, (g,), step.saved, settings):
            raise _of_gradient(step, f"the gradient of {which} became", h, wanted, FINITE)
        if before is not None and (wanted := _worse(after, (before, h), (), settings)):
            said = f"the sum of all gradients of {which} became"
            raise _of_gradient(step, said, after, wanted, FINITE)


def _known_as(node: Node | None) -> str:
    assert node is not None
    return f"a leaf of shape {node.shape}" if isinstance(node, Leaf) else f"the value of {node.op}"


def _worse(now: Any, gradients: Sequence[Any], saved: Sequence[Any], settings: Settings) -> Any:
    """What a gradient became: `np.isnan` for NaN, `np.isinf` for an infinity, None for neither.

    Args:
        now: the gradient.
        gradients: those that it was made of. A NaN among them, or an infinity, is no news.
        saved: other values that it was made of. Only an infinity among them is not.
        settings: what counts.
    """
    nan, inf = state(now)
    if not nan and not inf:
        return None
    had = state(list(gradients))
    if nan and settings.nan and not had[0]:
        return np.isnan
    return np.isinf if inf and settings.inf and not any(had) and not any(state(saved)) else None


def _of_gradient(step: Step, said: str, value: Any, wanted: Any, how: str) -> AnomalyError:
    node = step.node
    rows = [("gradient", g) for g in _listed(step.arrived)]
    rows += [(f"saved {i}", v) for i, v in enumerate(step.saved) if is_array(raw(v))]
    saved = [v for name, v in rows if name != "gradient"]
    nan = wanted is np.isnan
    help = advice(node.op, "backward", nan, (), raw(value).dtype, saved) if how else ""
    how = ", though what arrived was not" if nan and how else how
    return _error(node.op, "backward", said, value, wanted, how, origins.get(node), rows, help)


def _listed(g: Any) -> list[Any]:
    return [h for h in g if h is not None] if isinstance(g, list) else [g]


# -- the report ------------------------------------------------------------------------------------


def _error(
    op: str,
    phase: str,
    said: str,
    value: Any,
    wanted: Any,
    how: str,
    origin: Origin | None,
    rows: Sequence[tuple[str, Any]],
    help: str,
) -> AnomalyError:
    index, element = first(value, wanted)
    shown = str(element).replace("nan", "NaN")
    place = f" at {list(index)}" if index else ""
    lines = [f"{op}: {said} {shown}{place}{how}"]
    told: list[tuple[str, str]] = []
    if origin is not None:
        if origin.gradient_of is not None:
            told.append(("part of", f"the gradient of {origin.gradient_of}"))
        if origin.module is not None:
            told.append(("module", origin.module))
        told.append(("line", origin.line))
        if origin.source:
            told.append(("", origin.source))
    else:
        told.append(("line", "unknown: it was recorded outside of detect_anomaly()"))
    told += [(name, f"{_path(given)} {described(given)}".lstrip()) for name, given in rows]
    if help:
        told.append(("help", help))
    width = max(len(name) for name, _ in told)
    lines += [f"  {name.ljust(width)}  {text}" for name, text in told]
    error = AnomalyError("\n".join(lines))
    error.op, error.phase, error.index = op, phase, index
    error.module = None if origin is None else origin.module
    error.line = None if origin is None else origin.line
    return error
