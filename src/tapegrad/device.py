"""A device is the type of the array.

`Backend` describes one array type: the device it lives on, the namespace that creates such arrays,
and how a host array becomes one and comes back. NumPy is always there; CuPy is added when first
asked for or first seen; tests add a strict stand-in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import ArgumentError, DependencyError, DeviceError, DtypeError

ndarray = np.ndarray


class device:
    """The place where a tensor's values live.

    Args:
        type: `"cpu"`, `"cuda"`, or with an index `"cuda:1"`.
        index: number of the card, when not given in `type`.

    Raises:
        ArgumentError: for a string that names no device.

    Example:
        >>> import tapegrad as tg
        >>> tg.device("cuda:1").index
        1
        >>> tg.zeros(2).device
        device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            name, index = type.type, type.index
        else:
            name = "cuda" if isinstance(type, int) else type
            index = type if isinstance(type, int) else index
        name, _, number = name.partition(":")
        if number:
            if index is not None or not number.isdigit():
                raise ArgumentError(
                    f"device: {type!r} names no device; use 'cpu', 'cuda' or 'cuda:0'"
                )
            index = int(number)
        if name not in _DEVICE_TYPES:
            known = ", ".join(repr(t) for t in sorted(_DEVICE_TYPES))
            raise ArgumentError(f"device: {type!r} names no device; known are {known}")
        self.type = name
        self.index = index

    def __repr__(self) -> str:
        shown = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{shown})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            other = device(other)
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


class Backend:
    """One array type and what it takes to make it a device."""

    def __init__(
        self,
        array_type: type,
        device_type: str,
        namespace: Any,
        from_host: Callable[[Any], Any],
        to_host: Callable[[Any], Any],
        locate: Callable[[Any], device] | None = None,
        special: Callable[[], Any] | None = None,
    ) -> None:
        self.array_type = array_type
        self.device_type = device_type
        self.namespace = namespace
        self.from_host = from_host
        self.to_host = to_host
        self.device = device(device_type)
        self.locate = locate or (lambda array: self.device)
        self._import_special = special
        self._special: Any = None

    def special(self, op: str) -> Any:
        """The namespace of special functions, under SciPy's names; imported when first asked for.

        Args:
            op: the function that needs it, for errors.

        Raises:
            DeviceError: if the backend has none.
            DependencyError: if it cannot be imported.
        """
        if self._special is None:
            if self._import_special is None:
                raise DeviceError(
                    f"{op}: device '{self.device}' has no special functions; "
                    "register_backend(..., special=...) names their namespace"
                )
            try:
                self._special = self._import_special()
            except ImportError as error:
                raise DependencyError(
                    f"{op}: SciPy cannot be imported ({error}); install it with "
                    "pip install 'tapegrad[scipy]'"
                ) from None
        return self._special


_DEVICE_TYPES = {"cpu", "cuda"}
# Array types around other arrays (`inner`), and what makes the backend of one (`batching/`).
wrapping: dict[Any, Callable[[Any], Backend]] = {}
_by_array: dict[type, Backend] = {}
_by_device: dict[str, Backend] = {}


def register_backend(
    array_type: type,
    device_type: str,
    namespace: Any,
    from_host: Callable[[Any], Any],
    to_host: Callable[[Any], Any],
    locate: Callable[[Any], device] | None = None,
    special: Callable[[], Any] | None = None,
) -> Backend:
    """Make an array type a device: from then on tensors may wrap such arrays.

    Args:
        array_type: the class; it must speak `__array_ufunc__` and `__array_function__`.
        device_type: the name used in `device=`.
        namespace: module with NumPy's creation functions for that type.
        from_host: turns a NumPy array into one.
        to_host: turns one into a NumPy array.
        locate: tells which `device` an array lives on; by default `device(device_type)`.
        special: imports the module with special functions for that type, under SciPy's names.

    Returns:
        The registered backend.
    """
    _DEVICE_TYPES.add(device_type)
    backend = Backend(array_type, device_type, namespace, from_host, to_host, locate, special)
    _by_array[array_type] = _by_device[device_type] = backend
    return backend


def _import_scipy_special() -> Any:
    import scipy.special

    return scipy.special


register_backend(
    ndarray, "cpu", np, lambda array: array, lambda array: array, special=_import_scipy_special
)


def _import_cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            f"device 'cuda': CuPy cannot be imported ({error}); install it with "
            "pip install 'tapegrad[cuda13]' (CUDA 13) or 'tapegrad[cuda12]' (CUDA 12)"
        ) from None
    return cupy


def _register_cupy() -> Backend:
    cupy = _import_cupy()

    def from_host(array: Any) -> Any:
        return cupy.asarray(array)

    def locate(array: Any) -> device:
        return device("cuda", int(array.device.id))

    def special() -> Any:
        import cupyx.scipy.special  # needs no SciPy

        return cupyx.scipy.special

    return register_backend(cupy.ndarray, "cuda", cupy, from_host, cupy.asnumpy, locate, special)


def backend_of(array: Any) -> Backend:
    """The backend of an array, found by its type."""
    kind = type(array)
    found = _by_array.get(kind)
    if found is not None:
        return found
    if kind.__module__.partition(".")[0] == "cupy" and kind.__name__ == "ndarray":
        return _register_cupy()
    if isinstance(array, ndarray):
        return _by_array[ndarray]
    if kind in wrapping:
        return wrapping[kind](array)
    raise DtypeError(
        f"tensor: {kind.__module__}.{kind.__qualname__} is not an array type known here"
    )


def backend_for(where: Any) -> Backend:
    """The backend of a device, CuPy's made ready when first asked for."""
    wanted = device("cpu") if where is None else device(where)
    found = _by_device.get(wanted.type)
    if found is None:
        found = _register_cupy()
    if wanted.type == "cuda":
        _check_card(found.namespace, wanted)
    return found


def _check_card(cupy: Any, wanted: device) -> None:
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # whatever the driver says is what the user needs to read
        raise DeviceError(f"device '{wanted}': the CUDA driver answered: {error}") from None
    if not (wanted.index or 0) < count:
        raise DeviceError(f"device '{wanted}': there are {count} cards, numbered from 0")


def is_array(value: Any) -> bool:
    """Whether a value is an array that a tensor could wrap."""
    kind = type(value)
    return (
        kind in _by_array
        or isinstance(value, ndarray)
        or kind in wrapping
        or (kind.__name__ == "ndarray" and kind.__module__.partition(".")[0] == "cupy")
    )


def move(array: Any, where: Any) -> Any:
    """The array on another device; itself when it is there already."""
    if type(array) in wrapping:
        return array.around(move(array.inner, where))
    have, want = backend_of(array), backend_for(where)
    target = device(where)
    if have is want and (target.index is None or have.locate(array) == target):
        return array
    host = have.to_host(array)
    if want.device_type == "cuda" and target.index is not None:
        with want.namespace.cuda.Device(target.index):
            return want.from_host(host)
    return want.from_host(host)


def as_array(value: Any) -> Any:
    """What a computation returned, as an array: NumPy answers a scalar where the array is 0-d."""
    if isinstance(value, (np.generic, int, float)):  # its generators answer Python numbers
        return np.asarray(value)
    if type(value) in wrapping:
        return value
    backend_of(value)
    return value if type(value) in _by_array else np.asarray(value)


def innermost(array: Any) -> Any:
    """The array that holds the values: itself, or the one inside of one that `vmap` maps over."""
    inner: Any = array
    while inner.__class__ in wrapping:
        inner = inner.inner
    return inner


def apart(first: Any, second: Any) -> bool:
    """Whether two arrays live on different devices."""
    return type(first) is not type(second) and type(innermost(first)) is not type(innermost(second))


def every_value(array: Any) -> Any:
    """The values on the host for a check of all of them; inside `vmap` those of every example."""
    array = innermost(as_array(array))
    return backend_of(array).to_host(array)


def owner(array: Any) -> Any:
    """The array that owns the memory an array looks at; views of one storage have one owner."""
    array = innermost(array)
    base = array.base
    while base is not None and type(base) is type(array):
        array = base
        base = array.base
    return array
