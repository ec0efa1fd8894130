"""The testers are tested: every seeded bug is caught, and nothing that is right is flagged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import as_function, label, samples_of, varied
from samples import ROWS, Row
from seeded import ANYWHERE, COMPLEX, SAVING, seeded
from tapegrad.errors import GradcheckError
from tapegrad.testing import assert_gradients, gradcheck, gradient_property, strategies

strategy = strategies.tensors
any_pair = strategies.broadcastable(2)
matrices = strategies.shapes(2, 2, min_side=1).flatmap(
    lambda s: strategies.st.tuples(strategy(shape=s), strategy(shape=(s[1], 2)))
)
some_dims = strategies.shapes(1, 3, min_side=1)

# name: function, inputs, which input has the bug, whether the rule reads what was saved
OPERATIONS: dict[str, tuple[Callable[..., Any], Any, int, bool]] = {
    "exp": (tg.exp, strategy(domain="unit"), 0, True),
    "tanh": (tg.tanh, strategy(domain="unit"), 0, True),
    "square": (tg.square, strategy(), 0, True),
    "mul": (tg.mul, any_pair, 0, True),
    "softmax": (lambda x: tg.softmax(x, -1), strategy(shape=some_dims), 0, True),
    "sum": (lambda x: x.sum(0), strategy(shape=some_dims), 0, False),
    "matmul": (tg.matmul, matrices, 1, False),
    "add": (tg.add, any_pair, 1, False),
}


def is_caught(function: Callable[..., Any], inputs: Any) -> bool:
    """Whether the property fails within the default number of examples."""
    try:
        gradient_property(function, inputs=inputs, shrink=False)()
    except (GradcheckError, tg.errors.TapegradError, ValueError):
        return True
    return False


# What is no bug there: no dims or elements to show it, a linear rule, or a gradient that is positive anyway.
HARMLESS = {
}


SEEDED = [
    pytest.param(name, bug, id=f"{name}-{bug}")
    for name, (_, _, _, saves) in OPERATIONS.items()
    for bug in (*ANYWHERE, *(SAVING if saves else ()))
    if (name, bug) not in HARMLESS
]


@pytest.mark.parametrize(("name", "bug"), SEEDED)
def test_a_seeded_bug_is_caught(name: str, bug: str) -> None:
    function, inputs, place, _ = OPERATIONS[name]
    assert is_caught(seeded(function, {**ANYWHERE, **SAVING}[bug], place), inputs)
