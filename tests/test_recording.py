"""What operations put on the tape."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

import gradients
import tapegrad as tg
from calls import as_function, label, samples_of, varied
from samples import ROWS, Row
from tapegrad.record import OUT, record1
from tapegrad.tape import Node
from tapegrad.tensor import Tensor


def nodes_behind(tensors: Iterable[Tensor]) -> list[Node]:
    """All nodes that the tensors were computed by."""
    found: dict[Node, None] = {}
    waiting = [tensor.node for tensor in tensors]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found:
            found[node] = None
            waiting.extend(node.parents)
    return list(found)


def check_saved(tensors: Iterable[Tensor], what: str) -> None:
    """`OUT` stands for the result while an operation is recorded; a rule must never get it."""
    for node in nodes_behind(tensors):
        kept = any(value is OUT for value in node.saved or ())
        assert not kept, f"{what}: {node.op} saved the placeholder, not the result"


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=repr)
def test_no_rule_gets_the_placeholder(row: Row) -> None:
    for sample in samples_of(row):
        inputs = [tg.tensor(array, requires_grad=True) for array in varied(sample)]
        results = gradients.outputs_of(as_function(row, sample)(*inputs))
        live = [result for result in results if result.requires_grad]
        check_saved(live, f"{row}{label(sample)}")
        if live:
            ones = [tg.ones_like(result, requires_grad=True) for result in live]
            found = tg.autograd.grad(live, inputs, ones, create_graph=True, allow_unused=True)
            check_saved((g for g in found if g is not None), f"gradient of {row}{label(sample)}")


def test_a_saved_placeholder_is_noticed() -> None:
    def _square_root_vjp(g, y, n):  # type: ignore[no-untyped-def]
        return g / (n * y)

    x = tg.tensor([4.0], requires_grad=True)
    right = record1(np.sqrt(x.array), lambda g, y: g / (2 * y), x, OUT)
    check_saved([right], "sqrt")
    wrong = record1(np.sqrt(x.array), _square_root_vjp, x, (OUT, 2))
    with pytest.raises(AssertionError, match="square_root saved the placeholder"):
        check_saved([wrong * 2], "sqrt")
