"""The tape with lines, modules and times, and its replay one operation at a time."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import as_function, label, samples_of, varied
from gradients import outputs_of
from samples import ROWS, Row
from tapegrad import engine, nn
from tapegrad.debug import Step, Tape, recording
from tapegrad.errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError
from tapegrad.tape import Node
from tapegrad.tensor import to_host
from tapegrad.utils.checkpoint import checkpoint

HERE = Path(__file__).name


def leaf(*values: Any) -> tg.Tensor:
    return tg.tensor(list(values), requires_grad=True)


def lines(tape: Tape, gradient: Any = None) -> list[str]:
    return [str(step) for step in tape.steps(gradient)]


# -- stepping ----------------------------------------------------------------------------------------


def test_steps_go_backwards_and_end_at_the_leaves():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    tape = ((x * w).exp() * 0 + x * 2).sum().tape(names={"x": x, "w": w})
    steps = list(tape.steps())
    assert [s.op for s in steps] == ["sum", "add", "mul", "mul", "exp", "mul", "leaf", "leaf"]
    assert [s.entry.index for s in steps] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert steps[-1].entry is tape[0]
    assert steps[-1].gradient.tolist() == [2.0, 2.0]
    assert steps[-1].sent == ()


def test_a_step_tells_what_arrived_and_what_was_sent():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    steps = (x * w).tape().steps(tg.tensor([10.0, 100.0]))
    step = next(steps)
    assert isinstance(step, Step)
    assert [g.tolist() for g in step.arrived] == [[10.0, 100.0]]
    assert step.hooked is step.arrived
    assert [g.tolist() for g in step.sent] == [[30.0, 400.0], [10.0, 200.0]]
    assert step.entry.inputs == (0, 1)
    assert step.seconds > 0
    assert str(step) == "#2 mul (2,) 10..100 -> #0 (2,) 30..400, #1 (2,) 10..200"


def test_what_is_sent_has_the_shape_and_dtype_of_its_input():
    x, y = tg.ones(3, 1, requires_grad=True), tg.ones(2, requires_grad=True)
    step = next((x.double() * y).sum().tape().steps())
    assert step.sent[0].shape == (3, 2)
    (product,) = (s for s in (x * y).sum().tape().steps() if s.op == "mul")
    assert [g.shape for g in product.sent] == [(3, 1), (2,)]
    assert [g.tolist() for g in product.sent] == [[[2.0]] * 3, [3.0, 3.0]]


def test_constants_are_sent_nothing():
    step = next((leaf(2.0) * tg.tensor([5.0])).tape().steps())
    assert [None if g is None else g.tolist() for g in step.sent] == [[5.0], None]
    assert str(step) == "#1 mul (1,) 1 -> #0 (1,) 5"


def test_it_can_be_gone_step_by_step():
    x = leaf(1.0)
    steps = (x.exp() * x).tape().steps()
    assert {i: [g.tolist() for g in gs] for i, gs in steps.waiting.items()} == {2: [[1.0]]}
    assert steps.step().op == "mul"
    assert list(steps.waiting) == [1, 0]
    assert steps.step().op == "exp"
    assert list(steps.waiting) == [0]
    assert steps.step().op == "leaf"
    assert steps.waiting == {}
    assert steps.step() is None
    assert list(steps) == []


def test_nothing_is_deposited_or_freed_and_grad_mode_stays():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.retain_grad()
    loss = (y * x).sum()
    for _ in loss.tape().steps():
        assert tg.is_grad_enabled()
        assert (x * 2).requires_grad
    assert x.grad is None
    assert y.grad is None
    assert not any(entry.freed for entry in loss.tape())
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]) * [2, 3], rtol=1e-6)
    with pytest.raises(GraphError, match="freed"):
        loss.tape().steps()


def test_the_gradients_cannot_be_written_to():
    x = leaf(1.0, 2.0)
    for step in (x + x).tape().steps(tg.ones(2)):
        for g in (*step.arrived, *step.sent):
            with pytest.raises(ArgumentError, match="read-only"):
                g.mul_(2)


def test_one_operation_with_several_outputs_is_one_step():
    x = leaf(1.0, 2.0, 3.0)
    a, b, c = tg.split(x, 1)
    tape = (a * c).tape(names={"x": x})
    steps = tape.steps()
    next(steps)
    assert list(steps.waiting) == [1]
    assert [None if g is None else g.tolist() for g in steps.waiting[1]] == [[3.0], None, [1.0]]
    split = next(steps)
    assert split.op == "split"
    assert [None if g is None else g.tolist() for g in split.arrived] == [[3.0], None, [1.0]]
    assert split.sent[0].tolist() == [3.0, 0.0, 1.0]
    assert str(split) == "#1 split (1,) 3 - (1,) 1 -> #0 (3,) 0..3"
    assert lines(b.tape(names={"x": x}))[0] == "#1 split - (1,) 1 - -> #0 (3,) 0..1"


def test_several_tensors_start_together():
    x = leaf(1.0, 2.0)
    a, b = x * 2, x * 3
    tape = Tape(a, b)
    steps = list(tape.steps([tg.ones(2), tg.tensor([10.0, 0.0])]))
    assert [s.op for s in steps] == ["mul", "mul", "leaf"]
    assert steps[-1].gradient.tolist() == [32.0, 2.0]


def test_hooks_run_and_are_seen():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    step = next((y).tape().steps())
    assert [g.tolist() for g in step.arrived] == [[1.0]]
    assert [g.tolist() for g in step.hooked] == [[10.0]]
    assert step.gradient.tolist() == [10.0]
    assert step.sent[0].tolist() == [20.0]


def test_complex_gradients_are_those_that_users_see():
    z = tg.tensor([1 + 2j], requires_grad=True)
    steps = list((z * z).tape().steps(tg.tensor([1j])))
    (z * z).backward(tg.tensor([1j]))
    assert steps[-1].gradient.tolist() == z.grad.tolist()
    assert steps[0].gradient.tolist() == [1j]


def test_checkpoints_are_computed_again_once():
    x, runs = leaf(1.0), []

    def function(x: tg.Tensor) -> tg.Tensor:
        runs.append(x)
        return (x * 2).sin().exp()

    y = checkpoint(function, x)
    plain = (x * 2).sin().exp()
    assert lines(y.tape()) == lines(plain.tape())
    assert lines(y.tape()) == lines(plain.tape())
    assert len(runs) == 2
    y.backward()
    assert x.grad is not None


def test_a_value_changed_in_place_is_refused():
    x = leaf(1.0)
    y = x * 1
    z = y.exp() * y
    with tg.no_grad():
        y.mul_(2)
    with pytest.raises(GraphError, match="changed in place"):
        z.tape().steps()


def test_a_gradient_that_does_not_fit_is_refused():
    x = leaf(1.0, 2.0)
    tape = x.exp().tape()
    with pytest.raises(GraphError, match=r"steps: .* single value, not for shape \(2,\)"):
        tape.steps()
    with pytest.raises(ShapeError, match=r"\(2,\), got \(3,\)"):
        tape.steps(tg.ones(3))
    with pytest.raises(ArgumentError, match="1 tensors, got 2 gradients"):
        tape.steps([tg.ones(2), tg.ones(2)])
    with pytest.raises(DtypeError, match="must be a tensor, got float"):
        tape.steps(1.0)
    with pytest.raises(DeviceError, match="cpu, got standin"):
        tape.steps(tg.ones(2).to("standin"))
    with pytest.raises(GraphError, match="real value"):
        tg.tensor(1j, requires_grad=True).exp().tape().steps()
    assert next(tape.steps(np.ones(2, np.float32))).op == "exp"


def test_steps_work_on_a_device():
    x = leaf(1.0, 2.0).to("standin")
    steps = list((x * x).sum().tape().steps())
    assert [s.op for s in steps][:2] == ["sum", "mul"]
    assert steps[-1].entry.leaf
    assert to_host(steps[1].gradient).tolist() == [1.0, 1.0]
    assert str(steps[0]).startswith("#3 sum () 1 -> #2 (2,) 1")


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=repr)
def test_every_operation_steps_to_its_gradient(row: Row):
    for sample in samples_of(row):
        inputs = [tg.tensor(array, requires_grad=True) for array in varied(sample)]
        outs = [o for o in outputs_of(as_function(row, sample)(*inputs)) if o.requires_grad]
        if not outs:
            continue
        ones = [tg.ones_like(out) for out in outs]
        found = {s.entry.node: s.gradient for s in Tape(*outs).steps(ones) if s.entry.leaf}
        tg.autograd.backward(outs, ones)
        for x in inputs:
            assert (x.grad is None) == (x.node not in found), f"{row}{label(sample)}"
            if x.grad is not None:
                np.testing.assert_array_equal(found[x.node].numpy(), x.grad.numpy())


# -- lines, modules and times ------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        self.head = nn.Linear(3, 1)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        h = self.encoder(x)
        return self.head(h).tanh()


def noted() -> tuple[Net, tg.Tensor]:
    net = Net()
    with recording():
        loss = net(tg.ones(4, 2)).sum()
        loss.backward(retain_graph=True)
    return net, loss


def test_lines_modules_and_times_are_noted():
    _, loss = noted()
    entries = [entry for entry in loss.tape() if not entry.leaf]
    assert [(e.op, e.module) for e in entries] == [
        ("linear", "encoder.0 (Linear)"),
        ("relu", "encoder.1 (ReLU)"),
        ("linear", "head (Linear)"),
        ("tanh", "Net"),
        ("sum", None),
    ]
    functions = [e.line.rpartition(" in ")[2] for e in entries]
    assert functions == ["Net.forward"] * 4 + ["noted"]
    assert all(re.search(rf"{HERE}:\d+ in ", e.line) for e in entries)
    assert all(0 < e.forward_time < 10 and 0 < e.backward_time < 10 for e in entries)


def test_leaves_and_operations_from_outside_have_no_notes():
    x = leaf(1.0)
    y = x.exp()
    with recording():
        z = y.sin()
    outside = z.tape()[:2]
    assert [(e.module, e.line, e.forward_time, e.backward_time) for e in outside] == [
        (None, None, None, None)
    ] * 2
    assert z.tape()[2].line is not None
    assert z.tape()[2].backward_time is None


def test_backward_times_add_up_over_replays():
    with recording():
        y = leaf(1.0).exp()
        y.backward(retain_graph=True)
        once = y.tape()[1].backward_time
        y.backward(retain_graph=True)
        assert y.tape()[1].backward_time > once


def test_gradients_recorded_inside_say_whose_they_are():
    x = leaf(1.0)
    with recording():
        (dx,) = tg.autograd.grad(x**3, x, create_graph=True)
    first, *rest = (e for e in dx.tape() if not e.leaf)
    assert {e.gradient_of for e in (first, *rest)} == {"pow"}
    assert "in the gradient of pow" in str(dx.tape())
    assert f"{HERE}:" in first.line


def test_recording_and_the_search_for_anomalies_go_together():
    x = leaf(0.0)
    with recording(), np.errstate(all="ignore"):
        with tg.autograd.detect_anomaly(), pytest.raises(FloatingPointError):
            x.log()
        y = x.log()
    assert y.tape()[1].line is not None


def test_it_is_off_in_other_threads_and_afterwards():
    made: list[tg.Tensor] = []
    with recording():
        thread = threading.Thread(target=lambda: made.append(leaf(1.0).exp()))
        thread.start()
        thread.join()
    made.append(leaf(1.0).exp())
    assert [t.tape()[1].line for t in made] == [None, None]
    assert "__init__" not in vars(Node)
    assert engine.replay.__module__ == "tapegrad.engine"
    assert nn.Module._hooked is False


def test_a_hooked_module_is_named_and_its_hooks_still_run():
    net, calls = Net(), []
    handle = net.head.register_forward_hook(lambda *args: calls.append(1))
    with recording():
        out = net(tg.ones(1, 2))
    assert out.tape()[-2].module == "head (Linear)"
    assert calls == [1]
    handle.remove()
    net(tg.ones(1, 2))
    assert calls == [1]


def test_the_table_shows_what_was_noted():
    net, loss = noted()
    head, *rows, totals = str(loss.tape(names=net.named_parameters())).splitlines()
    assert head.split() == [
        "#", "op", "inputs", "shape", "dtype", "saved", "forward", "backward", "module", "line",
    ]  # fmt: skip
    assert re.fullmatch(
        rf"4  linear                 - 0 1   \(4, 3\)  float32     \d+ +[\d.]+ [µm]s +[\d.]+ [µm]s  "
        rf"encoder\.0 \(Linear\)  \S*{HERE}:\d+ in Net\.forward",
        rows[4],
    )
    assert re.fullmatch(r".* bytes saved, .*, [\d.]+ [µm]s forward, [\d.]+ [µm]s backward", totals)


def test_without_notes_the_table_has_no_columns_for_them():
    head = str(leaf(1.0).exp().tape()).splitlines()[0]
    assert head.split() == ["#", "op", "inputs", "shape", "dtype", "saved"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (1.5e-6, "1.5 µs"), (0.0123, "12.30 ms"), (2.0, "2.00 s"), (1234.5, "1,234.50 s")],
)
def test_times_have_units(seconds: float | None, text: str):
    assert tg.debug.table.time(seconds) == text


def test_drawings_show_what_was_noted():
    _, loss = noted()
    tape = loss.tape()
    (line,) = (text for text in tape.mermaid().splitlines() if text.startswith("    n4["))
    assert re.fullmatch(
        rf'    n4\["linear<br>\(4, 3\) float32<br>[\d.]+ [µm]s forward, [\d.]+ [µm]s backward<br>'
        rf'encoder\.0 \(Linear\)<br>\S*{HERE}:\d+ in Net\.forward"\]',
        line,
    )
    assert r"\nencoder.0 (Linear)\n" in tape.dot()


# -- what checkpoints and hooks keep -----------------------------------------------------------------


def test_a_checkpoint_shows_what_it_keeps():
    x = tg.ones(100, requires_grad=True)
    y = checkpoint(lambda h: h.exp().sin().exp(), x * 2)
    tape = y.tape()
    assert [e.recomputed for e in tape] == [False, False, True, True, True]
    assert [e.saved_bytes for e in tape] == [0, 0, 400, 0, 400]  # the argument, the result
    assert tape.saved_bytes == 800
    assert "400 recomputed" in str(tape)
    assert not any(e.freed for e in tape)
    before = str(tape)
    assert str(y.tape()) == before  # nothing was computed
    y.sum().backward(retain_graph=True)
    again = y.tape()
    assert not any(e.recomputed for e in again)
    assert again.saved_bytes == 800
    y.sum().backward()
    assert all(e.freed for e in y.tape()[1:])


def test_an_argument_that_is_a_leaf_is_the_leafs_memory():
    x = tg.ones(100, requires_grad=True)
    tape = checkpoint(lambda x: (x * 2).exp().sin() + 1, x).tape()
    assert (tape.saved_bytes, tape.leaf_bytes) == (0, 400)
    assert "recomputed" in str(tape)


def test_values_packed_by_hooks_are_shown():
    x = tg.ones(100, requires_grad=True)
    with tg.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
        y = x.exp()
    tape = y.tape()
    assert [(s.nbytes, s.dtype) for s in tape[1].saved] == [(200, np.dtype("float16"))]
    assert tape.saved_bytes == 200
