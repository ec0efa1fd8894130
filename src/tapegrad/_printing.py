"""`repr` of a tensor, laid out like PyTorch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .tape import Leaf

if TYPE_CHECKING:
    from .tensor import Tensor

PREFIX = "tensor("


def tensor_repr(tensor: Tensor) -> str:
    """`tensor([...], dtype=..., device=..., grad_fn=...)` with what goes without saying left out."""
    from .tensor import to_host

    host = to_host(tensor)
    shown = [values_text(host) if host.size or host.ndim == 1 else "[]"]
    if not host.size and host.ndim != 1:
        shown.append(f"size={host.shape}")
    plain = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool, dtypes.complex64)
    if host.dtype not in plain or (not host.size and host.dtype != dtypes.get_default_dtype()):
        shown.append(f"dtype=tapegrad.{host.dtype.name}")
    if tensor.device.type != "cpu":
        shown.append(f"device='{tensor.device}'")
    if isinstance(tensor.node, Leaf):
        shown.append("requires_grad=True")
    elif tensor.node is not None:
        shown.append(f"grad_fn=<{tensor.node.name}>")
    return f"{PREFIX}{', '.join(shown)})"


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
