"""Checks of gradients: what a new operation, layer or `Function` is tested with.

`gradcheck`, `gradgradcheck`, `assert_gradients` and `assert_close` need nothing; `strategies` and
`gradient_property` need Hypothesis (`pip install 'tapegrad[testing]'`), which is loaded when they are first
asked for.
"""

from typing import TYPE_CHECKING

from .close import assert_close
from .gradcheck import gradcheck, gradgradcheck
from .properties import assert_gradients

__all__ = [
    "assert_close",
    "assert_gradients",
    "gradcheck",
    "gradgradcheck",
    "gradient_property",
    "strategies",
]

if TYPE_CHECKING:
    from . import strategies
    from .generated import gradient_property
else:

    def __getattr__(name: str) -> object:
        if name not in ("gradient_property", "strategies"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        if name == "strategies":
            return importlib.import_module(".strategies", __name__)
        return importlib.import_module(".generated", __name__).gradient_property
