"""`repr` of a tensor, laid out like PyTorch's."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .device import innermost
from .errors import ArgumentError
from .tape import Leaf

if TYPE_CHECKING:
    from .tensor import Tensor

PREFIX = "tensor("
PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 75},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 75},
    "full": {"precision": 4, "threshold": sys.maxsize, "edgeitems": 3, "linewidth": 75},
}
OPTIONS: dict[str, Any] = {**PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors are printed; what is left out stays as it was.

    Args:
        precision: digits behind the point, 4 at first.
        threshold: number of elements beyond which only the ends are shown, 1000 at first.
        edgeitems: how many elements stand at each end, 3 at first.
        linewidth: characters of a line, 75 at first.
        profile: `"default"`, `"short"` or `"full"`, for all of these at once.
        sci_mode: scientific notation always or never; where the range asks for it by default, which every
            call without it restores.

    Raises:
        ArgumentError: for another profile.

    Example:
        >>> import tapegrad as tg
        >>> tg.set_printoptions(precision=2)
        >>> tg.tensor([0.12345])
        tensor([0.12])
        >>> tg.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(
                f"set_printoptions: profile must be 'default', 'short' or 'full', got {profile!r}"
            )
        OPTIONS.update(PROFILES[profile])
    given = {
        "precision": precision,
        "threshold": sys.maxsize if threshold == math.inf else threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    OPTIONS.update({name: value for name, value in given.items() if value is not None})
    OPTIONS["sci_mode"] = sci_mode


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
    """The numbers, as `set_printoptions` says; all integers are shown as `1.`."""
    if (host.dtype.kind == "f" and host.dtype.itemsize < 4) or host.dtype.name == "bfloat16":
        host = host.astype(np.float32)  # 1e8 is beyond float16
    shown = _ends(host)
    return np.array2string(
        host, precision=OPTIONS["precision"], separator=", ", threshold=OPTIONS["threshold"],
        edgeitems=OPTIONS["edgeitems"], max_line_width=OPTIONS["linewidth"], prefix=PREFIX,
        suppress_small=_suppress(shown), formatter=_formatter(shown),
    )  # fmt: skip


def _ends(host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What is shown of the elements; they alone decide how all are written."""
    edge = OPTIONS["edgeitems"]
    if host.size > OPTIONS["threshold"]:
        for d, n in enumerate(host.shape):
            if n > 2 * edge:
                host = np.take(host, [*range(edge), *range(n - edge, n)], d)
    return host


def _suppress(host: np.ndarray[Any, Any]) -> bool:
    # As PyTorch: scientific notation only where the range asks for it.
    if host.dtype.kind not in "fc" or not host.size:
        return False
    if OPTIONS["sci_mode"] is not None:
        return not OPTIONS["sci_mode"]
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
    kind = f"{OPTIONS['precision']}{'f' if fixed else 'e'}"
    width = max(len(f"{v:.{kind}}") for v in (finite.min(), finite.max()))
    if finite.size < host.size:
        width = max(width, 4 if (host == -np.inf).any() else 3)
    return {"float_kind": lambda v: f"{v:{width}.{kind}}"}


def _part(values: np.ndarray[Any, Any]) -> Callable[[Any], str]:
    """How real or imaginary parts are written: each with the digits that it needs itself."""
    finite = values[np.isfinite(values)]
    fixed = _suppress(values)
    if fixed and (finite == np.trunc(finite)).all():
        return lambda v: f"{v:.0f}." if np.isfinite(v) else f"{v:f}"
    return lambda v: f"{v:.{OPTIONS['precision']}{'f' if fixed else 'e'}}"


def _signed(text: str) -> str:
    return text if text[0] in "+-" else f"+{text}"
