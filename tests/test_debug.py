"""The tape as a list: contents, memory, table, drawings."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
import weakref
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.debug import Entry, Tape, Value
from tapegrad.errors import ArgumentError, GraphError

F32 = np.dtype("float32")


def leaf(*sizes: int) -> tg.Tensor:
    return tg.ones(*sizes, requires_grad=True)


def ops(tape: Tape) -> list[str]:
    return [entry.op for entry in tape]


def small() -> tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
    x, w = leaf(2, 3), leaf(3)
    return x, w, ((x * 2).exp() * w).sum()


# -- contents ----------------------------------------------------------------------------------------


def test_a_small_tape_lists_everything_in_order_of_time():
    _, _, loss = small()
    tape = loss.tape()
    assert isinstance(tape, Tape)
    assert len(tape) == 6
    assert ops(tape) == ["leaf", "leaf", "mul", "exp", "mul", "sum"]
    assert [e.index for e in tape] == list(range(6))
    assert [e.inputs for e in tape] == [(), (), (0, None), (2,), (3, 1), (4,)]
    assert [e.places for e in tape] == [(), (), (0, 0), (0,), (0, 0), (0,)]
    assert [e.shape for e in tape] == [(2, 3), (3,), (2, 3), (2, 3), (2, 3), ()]
    assert {e.dtype for e in tape} == {F32}
    assert [e.leaf for e in tape] == [True, True, False, False, False, False]
    assert [e.name for e in tape] == [None] * 6
    assert not any(e.freed for e in tape)
    assert tape.roots == (5,)


def test_an_entry_knows_its_node():
    x, _, loss = small()
    tape = loss.tape()
    assert tape[-1].node is loss.grad_fn
    assert tape[0].node is x.node


def test_it_is_a_sequence():
    _, _, loss = small()
    tape = loss.tape()
    assert [e.op for e in tape[-2:]] == ["mul", "sum"]
    assert tape[2] in tape
    assert next(reversed(tape)) is tape[5]
    with pytest.raises(IndexError):
        tape[6]


def test_a_leaf_is_a_tape_of_one():
    (entry,) = leaf(2).tape()
    assert entry.leaf
    assert entry.saved == ()


def test_a_shared_leaf_is_listed_once():
    x = leaf(2)
    tape = (x.exp() + x * x).tape()
    assert ops(tape) == ["leaf", "exp", "mul", "add"]
    assert [e.inputs for e in tape] == [(), (0,), (0, 0), (1, 2)]


def test_several_outputs_are_one_operation():
    x = leaf(5)
    a, b, c = tg.split(x, [1, 2, 2])
    tape = (b * a).sum().tape()
    assert ops(tape) == ["leaf", "split", "mul", "sum"]
    assert tape[1].outputs == (Value((1,), F32), Value((2,), F32), Value((2,), F32))
    assert (tape[1].shape, tape[1].dtype) == ((1,), F32)
    assert tape[2].inputs == (1, 1)
    assert tape[2].places == (1, 0)
    assert ops(c.tape()) == ["leaf", "split"]
    assert c.tape().roots == (1,)


def test_several_tensors_make_one_tape():
    x = leaf(2)
    a, b = x.exp(), x.sin()
    tape = Tape(b, a, b)
    assert ops(tape) == ["leaf", "exp", "sin"]
    assert tape.roots == (2, 1, 2)


class Both(tg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tg.Tensor, factor: float) -> Any:
        ctx.save_for_backward(x)
        return x * factor, x.sum()

    @staticmethod
    def backward(ctx: Any, g: tg.Tensor, h: tg.Tensor) -> Any:
        return g * 2 + h, None


class Cube(tg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
        square = x * x
        ctx.save_for_backward(x, square)
        return square * x

    @staticmethod
    def backward(ctx: Any, g: tg.Tensor) -> tg.Tensor:
        _, square = ctx.saved_tensors
        return 3 * g * square


def test_a_function_is_one_operation():
    x = leaf(4)
    tape = Cube.apply(x).tape()
    assert ops(tape) == ["leaf", "Cube"]
    assert tape[1].outputs == (Value((4,), F32),)
    assert [(s.nbytes, s.account) for s in tape[1].saved] == [(16, 0), (16, 1)]
    assert (tape.saved_bytes, tape.leaf_bytes) == (16, 16)


def test_a_function_with_several_outputs_is_one_operation():
    big, total = Both.apply(leaf(4), 2.0)
    tape = (big * total).tape()
    assert ops(tape) == ["leaf", "Both", "mul"]
    assert tape[1].outputs == (Value((4,), F32), Value((), F32))
    assert tape[1].inputs == (0, None)
    assert (tape[2].inputs, tape[2].places) == ((1, 1), (0, 1))


def test_the_inputs_of_an_entry_come_before_it():
    x = leaf(3)
    y = x.exp()
    y += x
    y[0] = x.sum()
    tape = (y * x).sum().tape()
    for entry in tape:
        assert all(i is None or i < entry.index for i in entry.inputs)


def test_a_recorded_gradient_can_be_listed():
    x = leaf(3)
    (g,) = tg.autograd.grad((x**3).sum(), x, create_graph=True)
    tape = g.sum().tape()
    assert tape[0].node is x.node
    assert tape[-1].op == "sum"


# -- freed -------------------------------------------------------------------------------------------


def test_backward_frees_and_a_new_list_shows_it():
    _, _, loss = small()
    before = loss.tape()
    loss.backward()
    after = loss.tape()
    assert [e.freed for e in after] == [False, False, True, True, True, True]
    assert all(e.saved == () and e.saved_bytes == 0 for e in after)
    assert after.saved_bytes == after.leaf_bytes == 0
    assert not any(e.freed for e in before)  # the moment when it was made
    assert before.saved_bytes > 0


def test_a_retained_graph_is_not_freed():
    _, _, loss = small()
    before = loss.tape().saved_bytes
    loss.backward(retain_graph=True)
    tape = loss.tape()
    assert not any(e.freed for e in tape)
    assert tape.saved_bytes == before


def test_listing_changes_nothing():
    x, w, loss = small()
    expected = tg.autograd.grad(loss, (x, w), retain_graph=True)
    clock, version = loss.node.seq, loss.node.saved
    tape = loss.tape(names={"x": x})
    str(tape), repr(tape), tape.dot(), tape.mermaid()
    assert (loss.node.seq, loss.node.saved) == (clock, version)
    loss.backward()
    assert x.grad.tolist() == expected[0].tolist()
    assert w.grad.tolist() == expected[1].tolist()


# -- memory ------------------------------------------------------------------------------------------


def test_bytes_are_counted_once_when_two_nodes_save_one_array():
    x = leaf(100)
    y = x.exp()  # saves its result
    tape = (y.sin() + y.cos()).tape()  # which both save too
    assert [e.saved_bytes for e in tape] == [0, 400, 0, 0, 0]
    assert [[s.account for s in e.saved] for e in tape] == [[], [1], [1], [1], []]
    assert tape.saved_bytes == 400


def test_a_leafs_value_is_counted_apart():
    x = leaf(100)
    tape = x.sin().tape()
    assert (tape.saved_bytes, tape.leaf_bytes) == (0, 400)
    (saved,) = tape[1].saved
    assert saved == ((100,), F32, 400, False, 0)


def test_a_view_of_a_leaf_is_the_leafs_memory():
    x = leaf(10, 10)
    tape = x.T.sin().tape()
    (saved,) = tape[2].saved
    assert saved.view
    assert saved.account == 0
    assert (tape.saved_bytes, tape.leaf_bytes) == (0, 400)


def test_the_value_of_a_dead_leaf_is_kept_by_the_tape_alone():
    x = leaf(100)
    y = x.sin()
    del x
    tape = y.tape()
    assert tape[0].leaf
    assert (tape.saved_bytes, tape.leaf_bytes) == (400, 0)


def test_a_view_keeps_all_of_what_it_looks_at():
    x = leaf(100)
    tape = (x * 2)[:10].sin().tape()
    (saved,) = tape[-1].saved
    assert saved.view
    assert (saved.nbytes, tape[-1].saved_bytes) == (40, 400)


def test_two_views_of_one_array_are_counted_once():
    x = leaf(100)
    y = x * 2
    tape = Tape(y[:50].sin(), y[50:].sin())
    assert tape.saved_bytes == 400


def test_indices_inside_what_was_saved_are_counted():
    x = leaf(100)
    tape = x[tg.arange(7)].tape()
    assert tape[1].saved_bytes == 7 * 8


def test_a_constant_is_counted_where_it_is_saved():
    x = leaf(100)
    tape = (x * tg.ones(100)).tape()
    assert tape[1].saved_bytes == 400


def test_memory_is_measured_on_devices():
    x = leaf(100).to("standin")
    tape = (x.exp() * x).tape()
    assert [e.op for e in tape][-2:] == ["exp", "mul"]
    assert tape.saved_bytes == 800  # the copy on the device, and its exponential


# -- life --------------------------------------------------------------------------------------------


def test_tensors_die_while_their_tape_lives():
    x = leaf(3)
    y = x.exp()
    loss = y.sum()
    tape = loss.tape(names={"x": x, "y": y})
    gone = [weakref.ref(t) for t in (x, y, loss)]
    gc.disable()
    try:
        del x, y, loss
        assert all(ref() is None for ref in gone)
    finally:
        gc.enable()
    assert ops(tape) == ["leaf", "exp", "sum"]


def test_nodes_die_with_the_last_of_tape_and_tensor():
    _, _, loss = small()
    tape, node = loss.tape(), weakref.ref(loss.node)
    del loss
    assert node() is not None
    gc.collect()
    gc.disable()
    try:
        del tape
        assert node() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_tape_is_listed_without_recursion():
    y = leaf(1)
    for _ in range(100_000):
        y = y + 1
    start = time.perf_counter()
    tape = y.tape()
    assert len(tape) == 100_001
    assert len(str(tape).splitlines()) == 100_003
    assert len(tape.dot().splitlines()) == 200_004
    assert len(tape.mermaid().splitlines()) == 200_002
    assert time.perf_counter() - start < 60  # some 4 s; a quadratic walk takes minutes
    assert len(repr(tape).splitlines()) == 43
    assert "... 99,961 more ..." in repr(tape)


def test_nothing_is_loaded_before_it_is_asked_for():
    code = (
        "import sys, tapegrad as tg; assert 'tapegrad.debug' not in sys.modules; "
        "tg.ones(1, requires_grad=True).tape(); assert tg.debug.Tape"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- names and errors --------------------------------------------------------------------------------


def test_leaves_get_the_names_of_parameters():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
    tape = model(tg.ones(4, 2)).sum().tape(names=model.named_parameters())
    assert {e.name for e in tape if e.leaf} == {"0.weight", "0.bias", "2.weight"}
    assert {e.name for e in tape if not e.leaf} == {None}


def test_names_may_be_a_mapping_and_name_results_too():
    x, unused, constant = leaf(2), leaf(2), tg.ones(2)
    y = x.exp()
    names = {"x": x, "again": x, "unused": unused, "constant": constant, "y": y}
    tape = y.sum().tape(names=names)
    assert [e.name for e in tape] == ["x", "y", None]


@pytest.mark.parametrize("names", [3, "xy", [("x", 1.0)], [1], {1: tg.ones(1)}, [("x",)]])
def test_bad_names_are_refused(names: Any):
    with pytest.raises(ArgumentError, match=r"tape: names must be .* got "):
        leaf(1).tape(names=names)


def test_a_tensor_without_history_is_refused():
    with pytest.raises(
        GraphError, match=r"tape: the tensor \(shape \(2,\)\) does not require grad"
    ):
        tg.ones(2).tape()
    with pytest.raises(GraphError, match="tape: tensor 1 "):
        Tape(leaf(1), tg.ones(2))


def test_something_else_is_refused():
    with pytest.raises(ArgumentError, match="must be a Tensor, got ndarray"):
        Tape(np.ones(2))
    with pytest.raises(ArgumentError, match="at least one"):
        Tape()


# -- table -------------------------------------------------------------------------------------------


def test_the_table():
    w, b = leaf(300, 2), leaf(300)
    h = nn.functional.linear(tg.ones(4, 2), w, b)
    wide, narrow = tg.split(h.exp(), [299, 1], dim=1)
    loss = (wide * narrow).sum()
    tape = loss.tape(names={"0.weight": w, "0.\nbias": b})
    assert str(tape) == repr(tape)
    assert str(tape) == (
        "#  op             inputs            shape    dtype  saved\n"
        "0  leaf 0.weight                 (300, 2)  float32\n"
        "1  leaf 0. bias                    (300,)  float32\n"
        "2  linear         - 0 1          (4, 300)  float32     32\n"
        "3  exp            2              (4, 300)  float32  4,800\n"
        "4  split          3       (4, 299) (4, 1)  float32      0\n"
        "5  mul            4 4.1          (4, 299)  float32      0\n"
        "6  sum            5                    ()  float32      0\n"
        "5 operations, 2 leaves, 4,832 bytes saved"
    )


def test_the_table_after_backward():
    x = leaf(2)
    y = (x * x).sum()
    text = str(y.tape())
    assert text.endswith("2 operations, 1 leaf, 0 bytes saved, 8 bytes of leaves' values")
    y.backward()
    assert str(y.tape()) == (
        "#  op    inputs  shape    dtype  saved\n"
        "0  leaf           (2,)  float32\n"
        "1  mul   0 0      (2,)  float32  freed\n"
        "2  sum   1          ()  float32  freed\n"
        "2 operations, 1 leaf, 0 bytes saved"
    )


def test_outputs_of_different_dtypes_are_all_named():
    out = Value((2,), F32), Value((), np.dtype("int64"))
    x = leaf(2)
    entry = Entry(1, "op", None, False, out, (0,), (0,), (), 0, False, x.node)
    assert tg.debug.table.dtypes(entry) == "float32 int64"


# -- drawings ----------------------------------------------------------------------------------------


def drawn() -> Tape:
    x = leaf(3)
    a, b = tg.split(x, [1, 2])
    return (a * b).tape(names={"x": x})


def test_the_mermaid_text():
    assert drawn().mermaid() == (
        "flowchart TD\n"
        '    n0(["leaf x<br>(3,) float32"])\n'
        '    n1["split<br>(1,) (2,) float32"]\n'
        '    n2["mul<br>(2,) float32"]\n'
        "    n0 --> n1\n"
        "    n1 -->|0| n2\n"
        "    n1 -->|1| n2"
    )


def test_the_dot_text():
    assert drawn().dot() == (
        "digraph tape {\n"
        "    node [shape=box];\n"
        '    n0 [label="leaf x\\n(3,) float32", shape=ellipse];\n'
        '    n1 [label="split\\n(1,) (2,) float32"];\n'
        '    n2 [label="mul\\n(2,) float32"];\n'
        "    n0 -> n1;\n"
        '    n1 -> n2 [label="0"];\n'
        '    n1 -> n2 [label="1"];\n'
        "}"
    )


STRING = r'"(?:[^"\\]|\\.)*"'
STATEMENT = re.compile(
    rf"    (n\d+( -> n\d+)?|node)( \[\w+=(\w+|{STRING})(, \w+=(\w+|{STRING}))*\])?;"
)
AWKWARD = 'a"b\\ <c> & #d; `e`\n|f| ]'


def test_dot_stays_well_formed_whatever_the_names():
    x = leaf(1)
    first, *body, last = x.exp().tape(names={AWKWARD: x}).dot().splitlines()
    assert (first, last) == ("digraph tape {", "}")
    assert all(STATEMENT.fullmatch(line) for line in body)
    assert r'label="leaf a\"b\\ <c> &amp; #d; `e` |f| ]\n(1,)' in body[1]


def test_mermaid_stays_well_formed_whatever_the_names():
    x = leaf(1)
    _, line, *_ = x.exp().tape(names={AWKWARD: x}).mermaid().splitlines()
    assert line == (
        '    n0(["leaf a#34;b#92; #60;c#62; #38; #35;d; #96;e#96; |f| ]<br>(1,) float32"])'
    )


def test_a_nameless_rule_is_drawn():
    x = leaf(1)
    y = tg.record.record(x.array * 2, (lambda g: g * 2,), (x,))
    assert 'n1["#60;lambda#62;<br>' in y.tape().mermaid()
    assert 'n1 [label="<lambda>\\n' in y.tape().dot()
