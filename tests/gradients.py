"""Gradients checked against central finite differences, first and second order.

A check draws one random gradient per output (so a mistake in any element shows), lets the tape answer,
and compares with difference quotients in float64: along one random direction in which every element of every
input moves, which takes two calls whatever the sizes and is held to a tolerance a hundred times narrower; where
that disagrees, element by element, which decides and says which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tapegrad as tg
import tolerances
from tapegrad.tensor import Tensor, to_host
from tapegrad.testing import gradcheck


def tensor(array: Any, device: str = "cpu", requires_grad: bool = False) -> Tensor:
    """A leaf with a copy of the values."""
    return tg.tensor(np.array(array), device=device, requires_grad=requires_grad)


def outputs_of(result: Any) -> list[Tensor]:
    """The outputs that carry a gradient, as a list."""
    results = result if isinstance(result, (tuple, list)) else [result]
    return [r for r in results if isinstance(r, Tensor) and r.dtype.kind in "fc"]


def taped(
    function: Callable[..., Any], arrays: Sequence[Any], device: str = "cpu", seed: int = 0
) -> list[np.ndarray]:
    """Gradients by `backward()`, zeros where there is none."""
    inputs = [tensor(a, device, requires_grad=True) for a in arrays]
    outputs = outputs_of(function(*inputs))
    cotangents = draw(outputs, seed)
    live = [
        (o, tensor(c, device)) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad
    ]
    if live:
        tg.autograd.backward([o for o, _ in live], [c for _, c in live])
    for i in inputs:
        assert i.grad is None or (i.grad.shape == i.shape and i.grad.dtype == i.dtype)
    return [np.zeros(i.shape) if i.grad is None else to_host(i.grad) for i in inputs]


def draw(outputs: Sequence[Any], seed: int) -> list[np.ndarray]:
    """One random gradient per output, never near zero; complex for a complex output."""
    rng = np.random.default_rng(seed)
    drawn = [rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1.0, 1.0], o.shape) for o in outputs]
    return [
        d * np.exp(1j * rng.uniform(0, 6, d.shape)) if o.dtype.kind == "c" else d
        for o, d in zip(outputs, drawn, strict=True)
    ]


def check(function: Callable[..., Any], arrays: Sequence[Any], device: str = "cpu") -> None:
    """First order: the tape's gradients against differences.

    Args:
        function: of as many tensors as there are arrays.
        arrays: float64 or complex128 values, away from kinks.
    """
    inputs = [tensor(a, device, requires_grad=True) for a in arrays]
    if inputs and outputs_of(function(*inputs)):
        rtol, atol = tolerances.DIFFERENCES
        gradcheck(function, inputs, eps=tolerances.STEP, rtol=rtol, atol=atol, nondet_tol=np.inf)


def gradient_of(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function from inputs and gradients of outputs to gradients of inputs, recorded."""

    def derived(*values: Tensor) -> list[Tensor]:
        inputs, cotangents = values[:count], values[count:]
        outputs = outputs_of(function(*inputs))
        pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
        if not pairs:
            return []
        found = tg.autograd.grad(
            [o for o, _ in pairs],
            inputs,
            [c for _, c in pairs],
            create_graph=True,
            allow_unused=True,
        )
        return [f for f in found if f is not None]

    return derived


def check_second(function: Callable[..., Any], arrays: Sequence[Any], device: str = "cpu") -> None:
    """Second order: gradients of the gradients, for inputs and output gradients alike."""
    outputs = outputs_of(function(*(tensor(a, device) for a in arrays)))
    check(gradient_of(function, len(arrays)), [*arrays, *draw(outputs, 1)], device)
