"""The testers are tested: every seeded bug is caught, and nothing that is right is flagged."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import about, as_function, samples_of, varied
from samples import TABLES
from seeded import ANYWHERE, COMPLEX, SAVING, seeded
from tapegrad.errors import GradcheckError
from tapegrad.testing import assert_gradients, gradient_property, strategies

strategy = strategies.tensors
any_pair = strategies.broadcastable(2)
matrices = strategies.shapes(2, 2, min_side=1).flatmap(
    lambda s: strategies.st.tuples(strategy(shape=s), strategy(shape=(s[1], 2)))
)
some_dims = strategies.shapes(1, 3, min_side=1)

# name: function, inputs, which input has the bug, whether the rule reads what was saved
OPERATIONS: dict[str, tuple[Callable[..., Any], Any, int, bool]] = {
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


# No bugs there: no such shapes occur, values have one sign, or the gradient is zero anyway.
HARMLESS = {
    ("tanh", "saved values without their sign"),  # of which it reads the square
    ("softmax", "wrong for no dimensions"),
    ("softmax", "wrong for one element"),
    ("softmax", "wrong for negative values"),
    ("softmax", "saved values without their sign"),
    ("sum", "wrong for three dimensions"),
    ("matmul", "wrong for no dimensions"),
    ("matmul", "wrong for one element"),
    ("matmul", "wrong for three dimensions"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_seeded_bugs_are_caught(name: str) -> None:
    function, inputs, place, saves = OPERATIONS[name]
    bugs = {**ANYWHERE, **(SAVING if saves else {})}
    missed = [
        bug
        for bug, change in bugs.items()
        if (name, bug) not in HARMLESS and not is_caught(seeded(function, change, place), inputs)
    ]
    assert not missed


COMPLEX_OPERATIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    "exp": (tg.exp, strategy(np.complex128, domain="unit")),
    "mul": (tg.mul, strategies.broadcastable(2, dtype=np.complex128)),
}


@pytest.mark.parametrize("name", COMPLEX_OPERATIONS)
def test_bugs_with_complex_numbers_are_caught(name: str) -> None:
    function, inputs = COMPLEX_OPERATIONS[name]
    assert not [
        bug for bug, change in COMPLEX.items() if not is_caught(seeded(function, change), inputs)
    ]


def made(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """A `Function` of its two halves."""
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Written", (tg.autograd.Function,), members).apply  # type: ignore[attr-defined, no-any-return]


def keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    """A forward that saves its inputs."""

    def forward(ctx: Any, *inputs: Any) -> Any:
        ctx.save_for_backward(*inputs)
        return function(*inputs)

    return forward


def with_ones_for_none(ctx: Any, *g: Any) -> Any:
    (x,) = ctx.saved_tensors
    first, second = (tg.ones_like(x) if h is None else h for h in g)
    return 2 * x * first + second


def unmaterialised(ctx: Any, x: Any) -> Any:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x)
    return x * x, x + 0


def in_a_circle(ctx: Any, x: Any) -> Any:
    ctx.kept = []
    out = x * 2
    ctx.kept.append(ctx)
    return out


row = strategy(shape=(2, 3), domain="distinct")
pairs_of_rows = strategies.st.tuples(strategy(shape=(3, 2)), strategy(shape=(1, 2)))
two_squares = strategies.st.tuples(strategy(shape=(2, 2)), strategy(shape=(2, 2)))

WRITTEN: dict[str, tuple[Callable[..., Any], Any]] = {
    "every tied element gets the whole gradient": (
        made(
            keeping(lambda x: x.max()),
            lambda ctx, g: (ctx.saved_tensors[0] == ctx.saved_tensors[0].max()) * g,
        ),
        strategy(shape=some_dims),
    ),
    "no tied element gets a gradient": (
        made(
            keeping(lambda x: x.amax(-1)),
            lambda ctx, g: (
                (ctx.saved_tensors[0] == ctx.saved_tensors[0].amax(-1, True))
                * ((ctx.saved_tensors[0] == ctx.saved_tensors[0].amax(-1, True)).sum(-1, True) == 1)
                * g[..., None]
            ),
        ),
        strategy(shape=some_dims),
    ),
    "a slope outside of both sides of a kink": (
        made(
            keeping(tg.relu),
            lambda ctx, g: g * tg.where(ctx.saved_tensors[0] == 0, 3.0, ctx.saved_tensors[0] > 0),
        ),
        strategy(),
    ),
    "one row for the broadcast sum": (
        made(lambda ctx, x, y: x + y, lambda ctx, g: (g, g[:1])),
        pairs_of_rows,
    ),
    "a mean for the broadcast sum": (
        made(lambda ctx, x, y: x + y, lambda ctx, g: (g, g.mean(0, True))),
        pairs_of_rows,
    ),
    "operands exchanged": (
        made(
            keeping(lambda x, y: x * y),
            lambda ctx, g: (g * ctx.saved_tensors[0], g * ctx.saved_tensors[1]),
        ),
        two_squares,
    ),
    "a transposed operand": (
        made(
            keeping(lambda x, y: x @ y),
            lambda ctx, g: (g @ ctx.saved_tensors[1], ctx.saved_tensors[0].T @ g),
        ),
        two_squares,
    ),
    "factors of a product in the wrong order": (
        made(
            keeping(lambda x, y: x @ y),
            lambda ctx, g: (g @ ctx.saved_tensors[1].T, g @ ctx.saved_tensors[0].T),
        ),
        two_squares,
    ),
    "a mean along the wrong axis": (
        made(lambda ctx, x: x.mean(0), lambda ctx, g: (g / 3).expand(2, 3)),
        row,
    ),
    "a sum that comes back to the wrong axis": (
        made(lambda ctx, x: x.sum(0), lambda ctx, g: g[:, None].expand(2, 2).clone()),
        strategy(shape=(2, 2)),
    ),
    "gradients of two outputs exchanged": (
        made(
            keeping(lambda x: (x * x, 3 * x)),
            lambda ctx, g, h: 3 * g + 2 * h * ctx.saved_tensors[0],
        ),
        row,
    ),
    "one of two outputs forgotten": (
        made(keeping(lambda x: (x * x, 3 * x)), lambda ctx, g, h: 2 * g * ctx.saved_tensors[0]),
        row,
    ),
    "an output left out counts as one": (made(unmaterialised, with_ones_for_none), row),
    "a circle": (made(in_a_circle, lambda ctx, g: 2 * g), row),
    "a path cut": (lambda x: x * x.detach(), row),
    "a value that leaves the tape": (lambda x: x * float(x.sum()), row),
    "a softmax without its sum": (
        made(
            keeping(lambda x: tg.softmax(x, -1)),
            lambda ctx, g: g * tg.softmax(ctx.saved_tensors[0], -1),
        ),
        row,
    ),
    "the derivative of the input for that of the output": (
        made(keeping(tg.tanh), lambda ctx, g: g * (1 - ctx.saved_tensors[0] ** 2)),
        row,
    ),
    "a constant in the gradient of the gradient": (
        made(keeping(lambda x: x**3), lambda ctx, g: g * (3 * ctx.saved_tensors[0].detach() ** 2)),
        row,
    ),
    "another layout, another value": (
        lambda x: x * (2.0 if x.array.flags.c_contiguous else 3.0),
        strategy(shape=(2, 3), layout="contiguous"),
    ),
}


def test_bugs_of_written_functions_are_caught() -> None:
    assert not [bug for bug, case in WRITTEN.items() if not is_caught(*case)]


# -- nothing that is right is flagged ----------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__.partition(".")[2])
def test_no_right_gradient_lacks_a_property(table: ModuleType) -> None:
    for row in table.ROWS:
        sample = next((s for s in samples_of(row) if varied(s)), None)
        if row.differentiable and sample and sum(a.size for a in varied(sample)) <= 24:
            with about(row.name), np.errstate(all="ignore"):
                inputs = [tg.tensor(a, requires_grad=True) for a in varied(sample)]
                assert_gradients(as_function(row, sample), *inputs)


RIGHT: dict[str, tuple[Callable[..., Any], Any]] = {
    "relu": (tg.relu, strategy()),
    "amax": (lambda x: x.amax(-1), strategy(shape=some_dims)),
    "sort": (lambda x: x.sort().values, strategy(shape=some_dims)),
    "minimum": (tg.minimum, any_pair),
    "inv": (tg.linalg.inv, strategy(np.complex128, domain="invertible")),
    "cholesky": (
        lambda x: tg.linalg.cholesky((x + x.mH) / 2),
        strategy(domain="positive_definite"),
    ),
    "eigvalsh": (lambda x: tg.linalg.eigvalsh((x + x.mH) / 2), strategy(domain="symmetric")),
    "einsum": (tg.einsum, strategies.einsums()),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_operation_passes_everywhere(name: str) -> None:
    function, inputs = RIGHT[name]
    gradient_property(function, inputs=inputs, examples=25)()
