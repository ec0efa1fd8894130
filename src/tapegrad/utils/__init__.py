"""PyTorch's path to what works beside modules: `utils.checkpoint` and `utils.data`."""

from typing import TYPE_CHECKING

from . import checkpoint

__all__ = ["checkpoint", "data"]

if TYPE_CHECKING:
    from . import data
else:

    def __getattr__(name: str) -> object:
        """`data` is loaded when it is first asked for: it brings multiprocessing along."""
        if name != "data":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return importlib.import_module(".data", __name__)
