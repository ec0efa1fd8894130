"""Questions about the CUDA cards of this machine, answered through CuPy.

Not yet run on a card: CI has none. The strict stand-in of the tests proves the device rules.
"""

from __future__ import annotations

from typing import Any

from .device import backend_for, device
from .errors import DeviceError


def _cupy() -> Any:
    return backend_for("cuda").namespace


def is_available() -> bool:
    """Whether CuPy is installed and its driver finds a card.

    Example:
        >>> import tapegrad as tg
        >>> isinstance(tg.cuda.is_available(), bool)
        True
    """
    try:
        _cupy()
    except DeviceError:
        return False
    return True


def device_count() -> int:
    """Number of cards; 0 without CuPy or a driver.

    Example:
        >>> import tapegrad as tg
        >>> tg.cuda.device_count() >= 0
        True
    """
    return int(_cupy().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """Number of the card that is used when none is named.

    Raises:
        DeviceError: without CuPy or a driver.
    """
    return int(_cupy().cuda.Device().id)


def get_device_name(where: Any = None) -> str:
    """Name of a card.

    Args:
        where: device or number; the current one by default.

    Raises:
        DeviceError: without CuPy or a driver.
    """
    index = current_device() if where is None else device(where).index or 0
    name = _cupy().cuda.runtime.getDeviceProperties(index)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def synchronize(where: Any = None) -> None:
    """Wait until a card has done all its work.

    Args:
        where: device or number; the current one by default.

    Raises:
        DeviceError: without CuPy or a driver.
    """
    index = current_device() if where is None else device(where).index or 0
    _cupy().cuda.Device(index).synchronize()
