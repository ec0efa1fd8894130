"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import DeviceError, DtypeError, ShapeError
from ...ops.shape import cat, reshape
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Put the elements of all parameters into one vector; gradients pass through it.

    Args:
        parameters: tensors of any shapes on one device.

    Returns:
        The vector, of the dtype that holds all of them.

    Raises:
        DeviceError: for tensors on several devices.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.utils.parameters_to_vector([tg.zeros(2), tg.ones(1, 2)])
        tensor([0., 0., 1., 1.])
    """
    return cat([reshape(p, -1) for p in _on_one_device("parameters_to_vector", parameters)])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give parameters the values in a vector, one after the other; they look at its memory from then on.

    Args:
        vec: 1-d tensor with as many elements as the parameters have together.
        parameters: leaves, or tensors that do not require grad.

    Raises:
        DtypeError: if `vec` is no tensor.
        ShapeError: for another number of elements; nothing is changed.
        DeviceError: for parameters on several devices.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.Linear(2, 1)
        >>> tg.nn.utils.vector_to_parameters(tg.tensor([1.0, 2.0, 3.0]), layer.parameters())
        >>> layer.bias
        Parameter containing:
        tensor([3.], requires_grad=True)
    """
    if not isinstance(vec, Tensor):
        raise DtypeError(f"vector_to_parameters: vec must be a tensor, got {type(vec).__name__}")
    held = _on_one_device("vector_to_parameters", parameters)
    count = sum(p.numel() for p in held)
    if vec.shape != (count,):
        raise ShapeError(
            f"vector_to_parameters: the parameters have {count} elements, got vec of shape {vec.shape}"
        )
    values, start = vec.detach(), 0
    for p in held:
        setattr(p, "data", values[start : start + p.numel()].view(p.shape))  # noqa: B010
        start += p.numel()


def _on_one_device(op: str, parameters: Iterable[Tensor]) -> list[Tensor]:
    held = list(parameters)
    for p in held:
        if not isinstance(p, Tensor):
            raise DtypeError(f"{op}: needs tensors, got {type(p).__name__}")
        if p.device != held[0].device:
            raise DeviceError(
                f"{op}: all parameters must be on one device, got {held[0].device} and {p.device}"
            )
    return held
