"""Gradients kept small: scaled by their common norm, or cut off one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ... import stamps
from ...autograd import no_grad
from ...creation import tensor as make
from ...device import backend_of, move
from ...errors import ArgumentError, DtypeError
from ...ops.inplace import check_writable
from ...ops.norms import norm
from ...ops.shape import stack
from ...tensor import Tensor, wrap

Tensors = Tensor | Iterable[Tensor]


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Norm of all tensors together, as if their elements stood in one vector.

    Args:
        tensors: tensors of any shapes, or one.
        norm_type: order p of the norm; `inf` is the largest absolute value.
        error_if_nonfinite: refuse a norm that is infinite or NaN.
        foreach: accepted; it changes nothing here.

    Returns:
        The norm, 0-d; 0 for no tensors. Of a float32 vector it is right also where squares overflow.

    Raises:
        ArgumentError: see `error_if_nonfinite`.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.utils.get_total_norm([tg.tensor([3.0]), tg.tensor([[4.0]])])
        tensor(5.)
    """
    p = float(norm_type)
    held = _listed("get_total_norm", tensors)
    if not held:
        return make(0.0)
    total = _euclidean([t.array for t in held]) if p == 2 else None
    if total is None:
        with no_grad():
            norms = [norm(t.detach(), p) for t in held]
            first = norms[0].device
            total = norm(stack([wrap(move(n.array, first)[...]) for n in norms]), p)
    if error_if_nonfinite and not bool(np.isfinite(total.array)):
        raise ArgumentError(
            f"get_total_norm: the norm of order {p} is {total.item()}, so nothing was scaled; look for "
            "what is not finite, or pass error_if_nonfinite=False"
        )
    return total


def _euclidean(arrays: list[Any]) -> Tensor | None:
    """The norm of NumPy arrays, each read once; None for others."""
    kinds = {x.dtype.char for x in arrays}
    if any(x.__class__ is not np.ndarray for x in arrays) or not kinds <= {"f", "d"}:
        return None
    flat = [x.reshape(-1) for x in arrays]
    with np.errstate(over="ignore", under="ignore"):
        square = math.fsum([float(np.dot(x, x)) for x in flat])
        if not 1e-30 < square < math.inf:  # beyond float32, or nothing but zeros
            largest = max(float(np.abs(x).max(initial=0)) for x in flat)
            if 0 < largest < math.inf:
                parts = [x / largest for x in flat]
                square = math.fsum([float(np.dot(x, x)) for x in parts])
                return wrap(np.asarray(largest * math.sqrt(square), "d" if "d" in kinds else "f"))
    return wrap(np.asarray(math.sqrt(square), "d" if "d" in kinds else "f"))


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale gradients in place by `min(1, max_norm / (total_norm + 1e-6))`.

    Args:
        parameters: tensors whose gradients are scaled, or one; those without are left out.
        max_norm: the largest norm that is allowed.
        total_norm: their norm, from `get_total_norm`, or of a larger set of gradients.
        foreach: accepted; it changes nothing here.

    Example:
        >>> import tapegrad as tg
        >>> w = tg.ones(2, requires_grad=True)
        >>> (3 * w[0] + 4 * w[1]).backward()
        >>> tg.nn.utils.clip_grads_with_norm_(w, 1.0, tg.tensor(5.0))
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    _scale(_gradients("clip_grads_with_norm_", parameters), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total_norm: Tensor) -> None:
    with np.errstate(divide="ignore"):
        share = np.minimum(float(max_norm) / (total_norm.array + 1e-6), 1.0)
    if backend_of(total_norm.array).device_type == "cpu" and bool(share >= 1):
        return  # on a card the question would have to wait for the answer
    here = total_norm.device
    for grad in grads:
        array = grad.array
        near = array.__class__ is total_norm.array.__class__ is np.ndarray or grad.device == here
        factor = share if near else move(share[...], grad.device)
        np.multiply(array, factor, out=array, casting="same_kind")
        stamps.stamp(array, "clip_grad_norm_")


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale gradients in place so that their norm, all of them in one vector, is at most `max_norm`.

    Args:
        parameters: tensors whose gradients are scaled, or one; those without are left out.
        max_norm: the largest norm that is allowed.
        norm_type: order of the norm; `inf` is the largest absolute value.
        error_if_nonfinite: refuse a norm that is infinite or NaN, and leave the gradients alone. Without,
            they are scaled by it like by any other.
        foreach: accepted; it changes nothing here.

    Returns:
        The norm before, 0-d.

    Raises:
        ArgumentError: see `error_if_nonfinite`.

    Example:
        >>> import tapegrad as tg
        >>> w = tg.ones(2, requires_grad=True)
        >>> (3 * w[0] + 4 * w[1]).backward()
        >>> tg.nn.utils.clip_grad_norm_(w, max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])

    References:
        Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
    """
    grads = _gradients("clip_grad_norm_", parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    _scale(grads, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Bring every element of the gradients into [-clip_value, clip_value], in place.

    Args:
        parameters: tensors whose gradients are changed, or one; those without are left out.
        clip_value: the bound.
        foreach: accepted; it changes nothing here.

    Raises:
        DtypeError: for complex gradients, of which there is no order; nothing is changed.

    Example:
        >>> import tapegrad as tg
        >>> w = tg.ones(2, requires_grad=True)
        >>> (3 * w[0] - 0.5 * w[1]).backward()
        >>> tg.nn.utils.clip_grad_value_(w, 1.0)
        >>> w.grad
        tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    grads = _gradients("clip_grad_value_", parameters)
    if any(grad.dtype.kind == "c" for grad in grads):
        raise DtypeError("clip_grad_value_: complex gradients cannot be clipped by value")
    for grad in grads:
        np.clip(grad.array, -bound, bound, out=grad.array)
        stamps.stamp(grad.array, "clip_grad_value_")


def _listed(op: str, tensors: Any) -> list[Tensor]:
    if not isinstance(tensors, Iterable):
        raise DtypeError(f"{op}: needs tensors, got {type(tensors).__name__}")
    found = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for value in found:
        if not isinstance(value, Tensor):
            raise DtypeError(f"{op}: needs tensors, got {type(value).__name__}")
    return found


def _gradients(op: str, parameters: Any) -> list[Tensor]:
    """The gradients there are, all of which can be written to."""
    grads = [p.grad for p in _listed(op, parameters) if p.grad is not None]
    with no_grad():
        for grad in grads:
            check_writable(op, grad, None, "clone the gradient")
    return grads
