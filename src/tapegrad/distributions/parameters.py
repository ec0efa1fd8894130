"""Parameters of distributions: brought to one shape, turned into one another, kept when computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from .. import dtypes
from ..autograd import enable_grad
from ..creation import tensor
from ..device import as_array, is_array, move
from ..errors import ArgumentError, DtypeError, GraphError, ShapeError
from ..ops.arrange import broadcast_tensors
from ..ops.cast import as_operand, not_complex
from ..ops.nn import softmax
from ..ops.smooth import logsigmoid
from ..random import numpy_generator
from ..sampling import normal_numbers, uniform_numbers
from ..tensor import Tensor, wrap

EULER = 0.5772156649015329

T = TypeVar("T")


class lazy_property(cached_property[T]):
    """A property that is computed once, on the tape even where nothing else is recorded."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        def recorded(instance: Any) -> T:
            with enable_grad():
                return function(instance)

        recorded.__doc__ = function.__doc__
        super().__init__(recorded)


def broadcast_all(op: str, **values: Any) -> tuple[Tensor, ...]:
    """Floating tensors of one shape from tensors, arrays and numbers.

    Args:
        op: name of the distribution, for errors.
        values: parameters by name. Numbers, and tensors of whole numbers, get the dtype of the first
            floating tensor; numbers get the device of the first tensor.
    """
    for name, value in values.items():
        if is_array(value):
            values[name] = as_operand(value, op, name)
        elif not isinstance(value, (Tensor, bool, int, float, np.generic)):
            raise DtypeError(
                f"{op}: {name} must be a tensor or a number, got {type(value).__name__}"
            )
    tensors = [v for v in values.values() if isinstance(v, Tensor)]
    not_complex(op, *tensors)
    device = tensors[0].device if tensors else None
    # whole numbers become floating ones, where PyTorch would cut the others to whole numbers
    floating = [v.dtype for v in tensors if v.dtype.kind not in "biu"]
    dtype = floating[0] if floating else dtypes.get_default_dtype()
    made = [
        (v.to(dtype) if v.dtype.kind in "biu" else v)
        if isinstance(v, Tensor)
        else tensor(v, dtype=dtype, device=device)
        for v in values.values()
    ]
    try:
        return tuple(broadcast_tensors(*made))
    except ShapeError:
        shapes = ", ".join(f"{n} {m.shape}" for n, m in zip(values, made, strict=True))
        raise ShapeError(f"{op}: the shapes of the parameters do not broadcast: {shapes}") from None


def one_of(op: str, **values: Any) -> None:
    """Refuse all but one of several ways to give a parameter."""
    if sum(v is not None for v in values.values()) != 1:
        given = [n for n, v in values.items() if v is not None] or "none"
        raise ArgumentError(f"{op}: give exactly one of {', '.join(values)}; got {given}")


def sum_rightmost(value: Tensor, count: int) -> Tensor:
    """Sum over so many dimensions on the right."""
    return value.sum(tuple(range(-count, 0))) if count else value


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1 by the precision of their dtype."""
    eps = float(dtypes.finfo(probs.dtype).eps)
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logarithms of probabilities; log odds if there are two outcomes."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities from their logarithms; from log odds if there are two outcomes."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def log_one_plus_exp(input: Tensor) -> Tensor:
    """`log(1 + exp(input))`, exact everywhere: `softplus` is linear from 20 on."""
    return -logsigmoid(-input)


# -- random numbers like a tensor ---------------------------------------------------------------------


def standard_normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Standard normal numbers with the dtype and device of a tensor."""
    return wrap(move(normal_numbers(tuple(shape), like.dtype, None), like.device))


def uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """Numbers between 0 and 1, without both, with the dtype and device of a tensor."""
    kind = dtypes.finfo(like.dtype)
    numbers = uniform_numbers(tuple(shape), like.dtype, None)
    least = np.asarray(float(kind.tiny)).astype(like.dtype)
    return wrap(move(as_array(np.maximum(numbers, least)), like.device))


def drawn(method: str, shape: Sequence[int], like: Tensor, *parameters: Tensor) -> Tensor:
    """Numbers by a method of NumPy's generators, with the dtype and device of a tensor.

    Args:
        method: name of the method; it is called with the parameters, or with the shape.
        shape: of the result.
        like: the tensor.
        parameters: broadcast to the shape, on the host; floating ones in double precision.
    """
    stream = numpy_generator(None)
    if not hasattr(stream, method):
        raise GraphError(
            f"vmap: {method} numbers cannot be drawn inside of vmap; draw them outside"
        )
    arguments: list[Any] = [move(p.expand(shape).array, "cpu") for p in parameters]
    arguments = [a if a.dtype.kind == "i" else a.astype(np.float64) for a in arguments]
    numbers = as_array(getattr(stream, method)(*(arguments or [tuple(shape)])))
    return wrap(move(numbers.astype(like.dtype), like.device))
