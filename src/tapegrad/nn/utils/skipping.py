"""Modules without initial values."""

from __future__ import annotations

from typing import Any, TypeVar

from ...errors import ArgumentError
from ..init import skipped
from ..module import Module

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """Make a module whose parameters are arbitrary, for one that is loaded at once.

    No random numbers are drawn, so that neither time nor the generator's state is spent.

    Args:
        module_cls: the class.
        args, kwargs: for its constructor.

    Returns:
        The module.

    Raises:
        ArgumentError: if it is no class of modules.

    Example:
        >>> import tapegrad as tg
        >>> state = tg.get_rng_state()
        >>> layer = tg.nn.utils.skip_init(tg.nn.Linear, 2, 3)
        >>> layer.weight.shape, tg.equal(tg.get_rng_state(), state)
        ((3, 2), True)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise ArgumentError(f"skip_init: needs a class of modules, got {module_cls!r}")
    with skipped():
        return module_cls(*args, **kwargs)
