"""`gradient_property`: `assert_gradients` for all the inputs that a strategy draws."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DependencyError, GradcheckError
from ..tensor import Tensor, to_host
from .layouts import LAYOUTS
from .properties import assert_gradients
from .subject import HostArray

try:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
except ImportError as error:
    raise DependencyError(
        f"gradient_property: hypothesis cannot be imported ({error}); install it with "
        "pip install 'tapegrad[testing]'"
    ) from None

__all__ = ["gradient_property"]

EXAMPLES = 100


def gradient_property(
    f: Callable[..., Any] | None = None,
    *,
    inputs: Any,
    examples: int = EXAMPLES,
    shrink: bool = True,
    **checks: Any,
) -> Any:
    """Make a test that `assert_gradients` holds for all inputs.

    A failure is shrunk to the smallest tensors that still show it, and its message ends with a script that
    reproduces it. Inputs at kinks, or where the function is not defined, are passed over: nothing can be said
    there, but that elements which tie share a gradient of the right sum.

    Args:
        f: the function; left out when this decorates it.
        inputs: a strategy for its argument, a tuple with one for each, or one that draws tuples of all.
        examples: how many to try.
        shrink: False stops at the first failure.
        checks: as for `assert_gradients`: `second_order`, `batched`, `eps`, `atol`, `rtol`.

    Returns:
        A function without arguments, for pytest or to be called.

    Raises:
        GradcheckError: when called, for the smallest example found.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.testing import gradient_property, strategies
        >>> test_logarithm = gradient_property(tg.log, inputs=strategies.tensors(domain="positive"))
        >>> test_logarithm()
        >>> @gradient_property(inputs=strategies.broadcastable(2))
        ... def test_product(x, y):
        ...     return x * y
        >>> test_product()

    References:
        MacIver et al., "Hypothesis: a new approach to property-based testing" (2019).
    """
    if f is None:
        return functools.partial(
            gradient_property, inputs=inputs, examples=examples, shrink=shrink, **checks
        )
    function = f
    strategy = st.tuples(*inputs) if isinstance(inputs, tuple) else inputs
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    def test(drawn: Any) -> None:
        arguments = drawn if isinstance(drawn, tuple) else (drawn,)
        problem: Exception | None = None
        with np.errstate(all="ignore"):
            try:
                assert_gradients(function, *arguments, **checks)
            except GradcheckError as error:
                if error.reason not in ("kink", "domain"):
                    problem = GradcheckError(
                        f"{error}\n\nto reproduce:\n{script(function, arguments, checks)}",
                        error.reason,
                    )
            except Exception as error:
                error.add_note(f"to reproduce:\n{script(function, arguments, checks)}")
                raise
        if problem is not None:
            raise problem

    name = getattr(function, "__name__", "gradients")
    test.__name__ = test.__qualname__ = name if name.isidentifier() else "gradients"  # no <lambda>
    test.__module__ = getattr(function, "__module__", None) or __name__
    test.__doc__ = getattr(function, "__doc__", None)
    chosen = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    return chosen(given(strategy)(test))


def script(f: Callable[..., Any], arguments: tuple[Any, ...], checks: dict[str, Any]) -> str:
    """A program that checks one function at one place."""
    lines = [
        "import numpy as np",
        "import tapegrad as tg",
        "from tapegrad.testing import assert_gradients",
    ]
    lines += ["", *_definition(f), ""]
    names = []
    for i, argument in enumerate(arguments):
        names.append(f"x{i}")
        lines.append(f"x{i} = {_expression(argument)}")
    options = "".join(f", {name}={value!r}" for name, value in checks.items())
    lines.append(f"assert_gradients(f, {', '.join(names)}{options})")
    return textwrap.indent("\n".join(lines), "    ")


def _definition(f: Callable[..., Any]) -> list[str]:
    """How to get at the function: from where it is, or by its source."""
    import tapegrad

    name = getattr(f, "__name__", "")
    module = getattr(f, "__module__", None)
    if name and getattr(tapegrad, name, None) is f:
        return [f"f = tg.{name}"]
    found: Any = inspect.getmodule(f)
    if name and module and getattr(found, name, None) is f and module != "__main__":
        return [f"from {module} import {name} as f"]
    try:
        source = textwrap.dedent(inspect.getsource(f))
        (node,) = ast.parse(source).body
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            return [*ast.unparse(node).splitlines(), f"f = {node.name}"]
        shown = textwrap.shorten(" ".join(source.split()), 90)
    except (OSError, TypeError, SyntaxError, ValueError):
        shown = repr(f)
    return [f"f = ...  # {shown}"]


def _expression(value: Any) -> str:
    """Python text for a value, with the memory layout of a tensor."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            return f"{_expression(value.detach())}.requires_grad_()"
        if value.device.type != "cpu":
            return f"tg.tensor({_array(to_host(value))}, device={str(value.device)!r})"
        return f"tg.from_numpy({_array(to_host(value))})"
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_expression, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(_expression, value))}]"
    return "..." if value is Ellipsis else repr(value)


def _array(array: HostArray) -> str:
    if 0 in array.strides and array.size > 1:
        kept = array[tuple(slice(None, 1) if s == 0 else slice(None) for s in array.strides)].copy()
        return f"np.broadcast_to({_array(kept)}, {array.shape})"
    layouts = [n for n in LAYOUTS if LAYOUTS[n](array).strides == array.strides]
    if array.flags.c_contiguous or not layouts:
        return _plain(array)
    if layouts[0] == "transposed":
        return f"{_plain(array.T)}.T"
    if layouts[0] == "reversed":
        turned = (slice(None, None, -1),) * array.ndim
        return f"{_plain(array[turned])}[{', '.join(['::-1'] * array.ndim)}]"
    return f"np.repeat({_plain(array)}[..., None], 2, -1)[..., 0]"


def _plain(array: HostArray) -> str:
    shape = f".reshape{array.shape}" if not array.size and array.ndim > 1 else ""
    return f"np.array({array.tolist()}, {array.dtype.name!r}){shape}"
