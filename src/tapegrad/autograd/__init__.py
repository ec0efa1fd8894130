"""Gradients: backward, grad, Function, and the switches for recording."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import function, functional, graph
from .anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from .backward import backward, grad
from .function import Function
from .modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

if _TYPE_CHECKING:
    from ..testing import gradcheck, gradgradcheck
else:

    def __getattr__(name: str) -> object:
        """The checks of gradients are loaded when they are first asked for."""
        if name not in ("gradcheck", "gradgradcheck"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .. import testing

        return getattr(testing, name)
