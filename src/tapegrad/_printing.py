"""`repr` of a tensor, laid out like PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .device import innermost
from .tape import Leaf

if TYPE_CHECKING:
    from .tensor import Tensor

PREFIX = "tensor("


def tensor_repr(tensor: Tensor) -> str:
    """`tensor([...], dtype=..., device=..., grad_fn=...)` with what goes without saying left out."""
    from .tensor import to_host, wrap

    array = tensor.array
    if innermost(array) is not array:
        level, inner = array.level, tensor_repr(wrap(array.inner))
        tied = "" if tensor.node is None else f", {_grad_text(tensor)}"
        return f"batched({inner}, level={level.depth}, size={level.size}{tied})"
    host = to_host(tensor)
    shown = [values_text(host) if host.size or host.ndim == 1 else "[]"]
    if not host.size and host.ndim != 1:
        shown.append(f"size={host.shape}")
    plain = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool, dtypes.complex64)
    if host.dtype not in plain or (not host.size and host.dtype != dtypes.get_default_dtype()):
        shown.append(f"dtype=tapegrad.{host.dtype.name}")
    if tensor.device.type != "cpu":
        shown.append(f"device='{tensor.device}'")
    if tensor.node is not None:
        shown.append(_grad_text(tensor))
    return f"{PREFIX}{', '.join(shown)})"


def _grad_text(tensor: Tensor) -> str:
    node = tensor.node
    assert node is not None
    return "requires_grad=True" if isinstance(node, Leaf) else f"grad_fn=<{node.name}>"


def values_text(host: np.ndarray[Any, Any]) -> str:
    """The numbers: four decimals, all integers shown as `1.`, summarised beyond 1,000 elements."""
    if (host.dtype.kind == "f" and host.dtype.itemsize < 4) or host.dtype.name == "bfloat16":
        host = host.astype(np.float32)  # 1e8 is beyond float16
    return np.array2string(
        host, precision=4, separator=", ", threshold=1000, edgeitems=3, prefix=PREFIX,
        suppress_small=_suppress(host), formatter=_formatter(host),
    )  # fmt: skip


def _suppress(host: np.ndarray[Any, Any]) -> bool:
    # As PyTorch: scientific notation only where the range asks for it.
    if host.dtype.kind not in "fc" or not host.size:
        return False
    finite = np.abs(host[np.isfinite(host) & (host != 0)])
    if not finite.size:
        return True
    least, most = float(finite.min()), float(finite.max())
    return most < 1e8 and most / least < 1e3 and least >= 1e-4


def _formatter(host: np.ndarray[Any, Any]) -> Any:
    if host.dtype.kind == "c" and host.size:
        real, imag = _part(host.real), _part(host.imag)
        counted = host.real[np.isfinite(host.real) & (host.real != 0)]  # as PyTorch
        width = max(len(real(v)) for v in (counted.min(), counted.max())) if counted.size else 0
        return {"complex_kind": lambda z: f"{real(z.real):>{width}}{_signed(imag(z.imag))}j"}
    if host.dtype.kind != "f" or not host.size:
        return None
    finite = host[np.isfinite(host)]
    if not finite.size or (finite == 0).all():
        return None
    fixed = _suppress(host)
    if fixed and (finite == np.trunc(finite)).all():
        return None
    kind = "f" if fixed else "e"
    width = max(len(f"{v:.4{kind}}") for v in (finite.min(), finite.max()))
    if finite.size < host.size:
        width = max(width, 4 if (host == -np.inf).any() else 3)
    return {"float_kind": lambda v: f"{v:{width}.4{kind}}"}


def _part(values: np.ndarray[Any, Any]) -> Callable[[Any], str]:
    """How real or imaginary parts are written: each with the digits that it needs itself."""
    finite = values[np.isfinite(values)]
    fixed = _suppress(values)
    if fixed and (finite == np.trunc(finite)).all():
        return lambda v: f"{v:.0f}." if np.isfinite(v) else f"{v:f}"
    return lambda v: f"{v:.4{'f' if fixed else 'e'}}"


def _signed(text: str) -> str:
    return text if text[0] in "+-" else f"+{text}"
