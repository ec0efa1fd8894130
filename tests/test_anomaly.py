"""Finding the operation where NaN and infinity begin."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
from calls import as_function, label, samples_of, varied
from samples import ROWS, Row
from tapegrad import engine, nn
from tapegrad.autograd import detect_anomaly, set_detect_anomaly
from tapegrad.autograd.origins import _NAMES
from tapegrad.errors import AnomalyError, GraphError
from tapegrad.tape import Node
from tapegrad.utils.checkpoint import checkpoint

HERE = Path(__file__).name
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(autouse=True)
def off_again() -> Iterator[None]:
    """Whatever a test did, afterwards nothing is different from before."""
    replay = engine.replay
    yield
    assert "__init__" not in vars(Node)
    assert engine.replay is replay
    assert nn.Module._hooked is False


def leaf(*values: Any) -> tg.Tensor:
    return tg.tensor(list(values), requires_grad=True)


def found(function: Any, **options: Any) -> AnomalyError:
    with pytest.raises(AnomalyError) as caught, detect_anomaly(**options):
        function()
    return caught.value


def line_of(text: str) -> int:
    """The number of the line of this file that ends with a marker."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = (i for i, line in enumerate(lines, 1) if line.endswith(f"# {text}"))
    return number


# -- values ------------------------------------------------------------------------------------------


def logarithm(x: tg.Tensor) -> tg.Tensor:
    return x.log()  # mark: log


def test_a_value_that_becomes_infinite_is_reported_where_it_does():
    x = leaf(1.0, 2.0, 0.0, 0.0)
    error = found(lambda: logarithm(x * 1).sum() * 2)
    assert (error.op, error.phase, error.module, error.index) == ("log", "forward", None, (2,))
    assert error.line is not None
    assert error.line.endswith(f"{HERE}:{line_of('mark: log')} in logarithm")
    text = str(error)
    assert text.startswith("log: its value became -inf at [2], out of finite numbers\n")
    assert "return x.log()  # mark: log" in text
    assert "  input  (4,) float32: 0 to 2, all 4 finite, 2 zero\n" in text
    assert "clamp(min=1e-12)" in text


def test_it_is_an_error_of_both_families():
    error = found(lambda: leaf(0.0).log())
    assert isinstance(error, FloatingPointError)
    assert isinstance(error, RuntimeError)


@pytest.mark.parametrize(
    ("operation", "op", "shown"),
    [
        (lambda x: x.log(), "log", "-inf"),
        (lambda x: (x * 1000).exp(), "exp", "inf"),
        (lambda x: 1 / x, "div", "inf"),
        (lambda x: x / x, "div", "NaN"),
        (lambda x: (-x - 1).sqrt(), "sqrt", "NaN"),
        (lambda x: (x - 3) ** 0.5, "pow", "NaN"),
        (lambda x: (x.half() * 40000 * 3), "mul", "inf"),
        (lambda x: tg.split(x.log(), 1), "log", "-inf"),
        (lambda x: tg.cat([x, x]).log1p().reciprocal(), "reciprocal", "inf"),
        (lambda x: tg.complex(x, x).log(), "log", "-inf"),
        (lambda x: x.double().log(), "log", "-inf"),
        (lambda x: nn.functional.linear(x.double() * 1e200, tg.full((1, 2), 1e200, dtype=tg.float64)), "linear", "inf"),
    ],
)  # fmt: skip
def test_the_operation_is_named(operation: Any, op: str, shown: str):
    error = found(lambda: operation(leaf(0.0, 2.0)))
    assert error.op == op
    assert f"became {shown} at [" in str(error) or f"became ({shown}" in str(error)


def test_a_single_value_has_the_empty_index():
    x = tg.tensor(0.0, requires_grad=True)
    error = found(lambda: x.log())
    assert error.index == ()
    assert "became -inf, out of finite numbers" in str(error)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (lambda x: x.log2(), "log2(0) is -inf: keep away from it, as in x.clamp(min=1e-12).log2()"),
        (lambda x: (x - 1).log(), "a negative number has no real logarithm"),
        (lambda x: (x - 1).log1p(), "log1p is infinite where its range ends"),
        (lambda x: x.reciprocal(), "division by zero"),
        (lambda x: (x * 100).exp(), "exp overflows in float32: softmax, log_softmax and logsumexp"),
        (lambda x: (-x).sqrt(), "a negative number has no real root"),
        (lambda x: x.half() * 40000, "float16 ends at 65504"),
        (lambda x: x * 1e20 * 1e20, "lower the learning rate, or clip the gradients"),
        (lambda x: x * NAN * 2 + tg.tensor(NAN), "look at the data"),
        (lambda x: tg.tensor(NAN, requires_grad=True) * x, "a parameter became NaN in the step"),
        (lambda x: x.log().sum().backward(), "(0) is -inf"),
        (lambda x: (x * x).sqrt().sum().backward(), "the derivative is infinite at 0"),
        (lambda x: x.rsqrt().sum().backward(), "division by zero"),
        (lambda x: (x**0.5).sum().backward(), "the derivative is infinite at 0"),
        (lambda x: (x * 1e20).sum().backward(tg.tensor(1e30)), "lower the learning rate"),
    ],
)
def test_the_help_fits(operation: Any, words: str):
    text = str(found(lambda: operation(leaf(0.0, 2.0))))
    assert words in text.rpartition("  help")[2]


def test_an_empty_input_is_named_as_the_reason():
    error = found(lambda: tg.zeros(2, 0, requires_grad=True).mean(1))
    assert "became NaN at [0], though none of its inputs was NaN" in str(error)
    assert "one of the inputs is empty" in str(error)


def test_an_operation_of_two_operands_tells_of_both():
    x = leaf(1.0, 2.0)
    text = str(found(lambda: tg.div(x, tg.tensor([4.0, 0.0]))))
    assert "input  (2,) float32: 1 to 2, all 2 finite\n" in text
    assert "other  (2,) float32: 0 to 4, all 2 finite, 1 zero\n" in text
    assert "division by zero" in text


def test_one_of_several_outputs_is_named():
    def rule(g: Any, x: Any) -> Any:
        return [sum(h for h in g if h is not None)]

    x = leaf(1.0, 0.0)
    error = found(lambda: tg.record.record((x.array, 1 / x.array), rule, (x,), (x.array,)))
    assert "its value 1 became inf at [1]" in str(error)


class Reciprocal(tg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: tg.Tensor, sign: float) -> tg.Tensor:
        ctx.save_for_backward(x)
        return sign / x

    @staticmethod
    def backward(ctx: Any, g: tg.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return g / (x - x), None


def test_the_value_of_a_function_is_looked_at():
    error = found(lambda: Reciprocal.apply(leaf(1.0, 0.0), -1.0))
    assert error.op == "Reciprocal"
    assert "became -inf at [1]" in str(error)


def test_a_change_in_place_is_looked_at_and_not_made():
    x = leaf(1.0, 0.0) * 1
    assert found(lambda: x.log_()).op == "log"
    assert x.tolist() == [1.0, 0.0]


# -- what is meant, and what is not ------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: tg.masked_fill(x, x > 1, -INF).softmax(0),
        lambda x: tg.masked_fill(x, x > 1, tg.tensor(-INF)).softmax(0),
        lambda x: (x + tg.tensor([0.0, -INF])).softmax(0),
        lambda x: tg.where(x > 1, -INF, x).logsumexp(0),
        lambda x: tg.where(x > 1, tg.tensor(-INF), x).amax(0),
        lambda x: nn.functional.pad(x, (1, 1), value=-INF).max(),
        lambda x: x * INF,
        lambda x: tg.maximum(x, tg.tensor(-INF)),
        lambda x: nn.functional.max_pool1d(x[None, None], 2, padding=1),
        lambda x: nn.functional.scaled_dot_product_attention(
            x[None, :, None], x[None, :, None], x[None, :, None], is_causal=True
        ),
        lambda x: x.clamp(0.5, INF),
    ],
)
def test_an_infinity_that_is_put_in_is_meant(operation: Any):
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        operation(x).sum().backward()


def test_an_infinity_written_in_place_is_meant():
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = x * 1
        y[1] = -INF
        y.softmax(0)[0].backward()
    assert x.grad is not None


def test_the_nan_that_comes_of_it_is_not():
    x = leaf(1.0, 2.0)
    error = found(lambda: tg.masked_fill(x, x > 0, -INF).softmax(0))
    assert error.op == "softmax"
    assert "became NaN at [0], though none of its inputs was NaN" in str(error)
    assert "0 of 2 finite, 2 -inf" in str(error)
    assert "unmasked" in str(error)


def test_a_nan_among_the_data_is_reported_where_it_comes_in():
    x = leaf(1.0, 2.0)
    error = found(lambda: x * tg.tensor([1.0, NAN]))
    assert (error.op, error.index) == ("mul", (1,))
    assert "since other was NaN when it came in" in str(error)


def test_a_nan_parameter_is_called_by_its_path():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with tg.no_grad():
        model[1].bias.fill_(NAN)
    error = found(lambda: model(tg.ones(3, 2)))
    assert (error.op, error.module) == ("linear", "1 (Linear)")
    assert "since bias (1.bias) was NaN when it came in" in str(error)


def test_a_nan_from_outside_the_mode_is_reported_once_it_is_inside():
    x = leaf(-1.0).sqrt()
    error = found(lambda: (x + 1).exp())
    assert error.op == "add"
    assert "when it came in" in str(error)


def test_a_nan_given_as_a_number_is_meant_and_followed_by_others():
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = tg.masked_fill(x, x > 1, NAN)
        assert (y * 2).isnan().tolist() == [False, True]


def test_what_is_not_recorded_is_not_looked_at():
    with detect_anomaly():
        assert tg.zeros(1).log().item() == -INF
        with tg.no_grad():
            assert leaf(0.0).log().item() == -INF


def test_infinities_may_be_passed_over():
    x = leaf(0.0, 1.0)
    with detect_anomaly(check_inf=False):
        x.log().exp().sum()
    assert found(lambda: x.log() * x, check_inf=False).op == "mul"


def test_infinities_alone_may_be_looked_for():
    x = leaf(0.0, -1.0)
    with detect_anomaly(check_nan=False, check_inf=True):
        x.sqrt()
    assert found(lambda: 1 / x, check_nan=False, check_inf=True).op == "div"


def test_without_checks_nothing_is_reported():
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        y = x.log() * x
        y.backward()
    assert np.isnan(y.item())


# -- modules -----------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
        self.steps = [nn.Linear(2, 2)]  # not registered, so without a path

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.steps[0](self.encoder(x)).exp()  # mark: net


def test_module_and_line_are_told():
    net = Net()
    with tg.no_grad():
        net.encoder[2].weight.fill_(1e38)
        net.encoder[0].weight.fill_(1.0)
    error = found(lambda: net(tg.ones(1, 2) * 1e8))
    assert (error.op, error.module) == ("linear", "encoder.2 (Linear)")
    assert error.line is not None
    assert error.line.endswith(f"{HERE}:{line_of('mark: net')} in Net.forward")
    assert "\n  module  encoder.2 (Linear)\n" in str(error)
    assert "  weight  encoder.2.weight (2, 3) float32: 1e+38, all 6 finite\n" in str(error)


def test_the_outermost_module_and_one_without_a_path_are_called_by_their_kind():
    net = Net()
    with tg.no_grad():
        net.steps[0].bias.fill_(1e4)
    assert found(lambda: net(tg.ones(1, 2))).module == "Net"
    with tg.no_grad():
        net.steps[0].bias.fill_(NAN)
    assert found(lambda: net(tg.ones(1, 2))).module == "Linear"


def test_modules_with_hooks_are_told_too():
    net = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    handle = net[1].register_forward_hook(lambda module, args, out: out / 0)
    assert found(lambda: net(tg.ones(1, 1))).module == "1 (Linear)"
    handle.remove()
    assert "_hooked" not in vars(net[1])
    with detect_anomaly():
        net(tg.ones(1, 1))


# -- gradients ---------------------------------------------------------------------------------------


def test_a_gradient_that_becomes_infinite_is_reported_with_the_line_of_its_operation():
    x = leaf(1.0, 4.0, 0.0)

    def run() -> None:
        y = x.sqrt()  # mark: sqrt
        y.sum().backward()

    error = found(run)
    assert (error.op, error.phase, error.index) == ("sqrt", "backward", (2,))
    assert error.line is not None
    assert error.line.endswith(f"{HERE}:{line_of('mark: sqrt')} in run")
    text = str(error)
    assert (
        "the gradient of its input 0, a leaf of shape (3,), became inf at [2], out of finite"
        in text
    )
    assert "  gradient  (3,) float32: 1, all 3 finite\n" in text
    assert "  saved 0   (3,) float32: 0 to 2, all 3 finite, 1 zero\n" in text
    assert "infinite at 0" in text
    assert x.grad is None


def test_a_gradient_that_becomes_nan_is_reported():
    error = found(lambda: Reciprocal.apply(leaf(1.0, 2.0), 1.0).sum().backward())
    assert (error.op, error.phase) == ("Reciprocal", "backward")
    assert "the gradient of its input 0, a leaf of shape (2,), became" in str(error)


def test_the_first_gradient_in_the_order_of_the_replay_is_named():
    x = leaf(0.0, 1.0)
    assert found(lambda: (x * 2).sqrt().exp().sum().backward()).op == "sqrt"


def test_a_sum_of_gradients_is_looked_at():
    x, big = leaf(1.0), tg.tensor([3e38])
    error = found(lambda: tg.autograd.backward([x * 1, x * 1], [big, big]))
    assert error.op == "mul"
    assert "the sum of all gradients of its input 0, a leaf of shape (1,), became inf" in str(error)


def test_a_sum_of_gradients_of_outputs_is_looked_at():
    x = leaf(1.0, 1.0)

    def run() -> None:
        a, _ = tg.split(x, 1)
        (a * 3e38 + a * 3e38 * 0.9).backward()

    assert "became inf" in str(found(run))


def test_the_gradient_given_is_looked_at():
    x = leaf(1.0, 2.0)
    error = found(lambda: x.exp().backward(tg.tensor([0.0, NAN])))
    assert error.op == "exp"
    assert "the gradient given for its value (shape (2,)) is NaN at [1]" in str(error)


def test_what_a_hook_answers_is_looked_at():
    x = leaf(1.0, 2.0)

    def run() -> None:
        y = x.exp()
        y.register_hook(lambda g: g / 0)
        y.sum().backward()

    error = found(run)
    assert error.op == "exp"
    assert "a hook returned a gradient of its value that is inf" in str(error)


def test_a_graph_from_outside_the_mode_has_no_line():
    loss = leaf(0.0, 1.0).sqrt().sum()
    error = found(loss.backward)
    assert (error.op, error.line, error.module) == ("sqrt", None, None)
    assert "unknown: it was recorded outside" in str(error)


def test_only_what_leads_to_an_input_is_looked_at():
    x, y = leaf(0.0), leaf(1.0)
    with detect_anomaly():
        tg.autograd.grad(x.sqrt() + y, y)
    assert found(lambda: tg.autograd.grad(x.sqrt() + y, x)).op == "sqrt"


def test_zero_times_an_infinite_derivative_is_no_anomaly():
    x = leaf(0.0, 4.0)
    with detect_anomaly():
        tg.where(x > 1, x.sqrt(), x).sum().backward()
    assert x.grad.tolist() == [1.0, 0.25]


def test_recorded_gradients_are_looked_at_as_gradients():
    x = leaf(0.0, 1.0)
    error = found(lambda: tg.autograd.grad(x.sqrt().sum(), x, create_graph=True))
    assert (error.op, error.phase) == ("sqrt", "backward")


def test_the_second_derivative_says_whose_gradient_it_is_of():
    x = leaf(0.0, 1.0)

    def run() -> None:
        (dx,) = tg.autograd.grad((x**1.5).sum(), x, create_graph=True)  # mark: first
        dx.sum().backward()

    error = found(run)
    assert error.phase == "backward"
    assert "part of   the gradient of pow" in str(error)
    assert error.line is not None
    assert f":{line_of('mark: first')} in" in error.line


def test_a_checkpoint_is_looked_at_in_both_runs():
    x = leaf(0.0, 1.0)
    assert found(lambda: checkpoint(lambda x: x.log().sin(), x)).op == "log"
    error = found(lambda: checkpoint(lambda x: (x * 1).sqrt().sin(), x).sum().backward())
    assert (error.op, error.phase) == ("sqrt", "backward")
    assert error.line is not None


def test_other_errors_from_a_gradient_get_a_note():
    class Broken(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: tg.Tensor) -> tg.Tensor:
            raise ZeroDivisionError("broken")

    x = leaf(1.0)
    with pytest.raises(ZeroDivisionError, match="broken") as caught, detect_anomaly():
        y = Broken.apply(x)  # mark: broken
        y.backward()
    (note,) = caught.value.__notes__
    assert note.startswith("in the gradient of Broken, recorded at ")
    assert f"{HERE}:{line_of('mark: broken')} in test_other" in note


def test_a_freed_graph_is_refused_as_ever():
    loss = leaf(1.0).exp()
    with detect_anomaly():
        loss.backward()
        with pytest.raises(GraphError, match="freed"):
            loss.backward()


# -- on and off --------------------------------------------------------------------------------------


def enabled() -> bool:
    return tg.autograd.is_anomaly_enabled()


def test_the_function_switches_at_once():
    set_detect_anomaly(True)
    try:
        assert enabled()
        assert tg.autograd.is_anomaly_check_nan_enabled()
        with pytest.raises(AnomalyError):
            leaf(0.0).log()
    finally:
        set_detect_anomaly(False)
    assert not enabled()


def test_the_function_is_a_context_too():
    with set_detect_anomaly(True, check_nan=False):
        assert enabled()
        assert not tg.autograd.is_anomaly_check_nan_enabled()
        with set_detect_anomaly(False):
            assert not enabled()
        assert enabled()
    assert not enabled()


def test_it_is_a_decorator():
    @detect_anomaly()
    def run() -> bool:
        return enabled()

    assert run()
    assert not enabled()


def test_contexts_nest():
    with detect_anomaly(check_inf=False):
        with detect_anomaly(), pytest.raises(AnomalyError):
            leaf(0.0).log()
        leaf(0.0).log()


def test_other_threads_are_left_alone():
    seen: list[Any] = []

    def other() -> None:
        x = leaf(0.0, 1.0)
        with np.errstate(all="ignore"):
            x.log().sum().backward()
        seen.extend([enabled(), x.grad.tolist()])

    with detect_anomaly():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert enabled()
    assert seen == [False, [INF, 1.0]]


def test_it_may_be_on_in_a_thread_alone():
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        set_detect_anomaly(True)  # and never off
        inside.set()
        leave.wait()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait()
    try:
        assert not enabled()
        assert "__init__" in vars(Node)
        x = leaf(0.0)
        x.log().backward()
        assert x.grad.item() == INF
    finally:
        leave.set()
        thread.join()


def test_switching_disturbs_no_thread_that_computes():
    stop = threading.Event()
    wrong: list[Any] = []

    def compute() -> None:
        while not stop.is_set():
            model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
            x = leaf(0.0, 4.0)
            loss = model(x).sum() + x.sqrt().sum()
            try:
                with np.errstate(all="ignore"):
                    loss.backward()
            except Exception as error:
                wrong.append(error)
            if x.grad is None or x.grad[0].item() != INF or loss.tape()[-1].line is not None:
                wrong.append(x.grad)

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        for _ in range(300):
            with detect_anomaly():
                nn.Linear(2, 1)(leaf(1.0, 2.0)).backward()
    finally:
        stop.set()
        thread.join()
    assert wrong == []


def test_tasks_are_left_alone():
    async def on() -> bool:
        with detect_anomaly():
            await asyncio.sleep(0)
            return enabled()

    async def off() -> bool:
        await asyncio.sleep(0)
        return enabled()

    async def both() -> list[bool]:
        return list(await asyncio.gather(on(), off()))

    assert asyncio.run(both()) == [True, False]


def test_it_ends_in_copied_contexts_too():
    with detect_anomaly():
        copied = contextvars.copy_context()
        assert copied.run(enabled)
    assert not copied.run(enabled)


def test_an_error_that_is_kept_does_not_keep_it_on():
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        leaf(0.0).log()
    assert "__init__" not in vars(Node)
    with pytest.raises(AnomalyError) as again, detect_anomaly():
        leaf(0.0).sqrt().backward()
    assert "__init__" not in vars(Node)
    del caught, again


def makers(tree: ast.AST, function: str = "") -> Iterator[str]:
    """The innermost functions that make nodes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Node", "Pair", "Joint"):
            yield function
        yield from makers(node, node.name if isinstance(node, ast.FunctionDef) else function)


def test_every_maker_of_operations_is_known():
    """Values are read off the variables of the recorders, so each of them must be in the table.

    Entering and leaving `vmap` (`batching/`) computes nothing.
    """
    files = Path(tg.__file__).parent.rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in files if path.parent.name != "batching"]
    found = {name for text in texts for name in makers(ast.parse(text))}
    assert found == {code.co_name for code in _NAMES}
    for code, (out, inputs, rules) in _NAMES.items():
        names = (out, rules, *((inputs,) if isinstance(inputs, str) else inputs))
        assert set(names) <= {*code.co_varnames, *code.co_cellvars, *code.co_freevars}


# -- every operation ---------------------------------------------------------------------------------


def twice(row: Row, sample: Any) -> list[Any]:
    """Gradients of all outputs, recorded, and the gradients of the sum of their squares."""
    inputs = [tg.tensor(array, requires_grad=True) for array in varied(sample)]
    outs = gradients.outputs_of(as_function(row, sample)(*inputs))
    outs = [out for out in outs if out.requires_grad]
    if not outs:
        return []
    ones = [tg.ones_like(out) for out in outs]
    first = tg.autograd.grad(outs, inputs, ones, create_graph=True, allow_unused=True)
    live = [g.abs().square().sum() for g in first if g is not None and g.requires_grad]
    second = tg.autograd.grad(live, inputs, allow_unused=True) if live else ()
    return [g.detach().numpy() for g in (*first, *second) if g is not None]


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=repr)
def test_gradients_are_those_without_and_nothing_is_alarmed(row: Row):
    for sample in samples_of(row):
        if any(array.size == 0 for array in varied(sample)):  # a mean of nothing is an anomaly
            continue
        expected = twice(row, sample)
        # a second derivative may be infinite where the first is not
        smooth = all(np.isfinite(g).all() for g in expected)
        with detect_anomaly(check_nan=smooth):
            found = twice(row, sample)
        assert len(found) == len(expected)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=f"{row}{label(sample)}")


def test_values_inside_vmap_are_looked_at():
    x = tg.tensor([[1.0, 2.0], [0.0, 4.0]], requires_grad=True)
    error = found(lambda: tg.func.vmap(lambda row: row.log().sum())(x))
    assert (error.op, error.index) == ("log", (1, 0))  # the examples come first
    error = found(lambda: tg.func.vmap(lambda row: row * 2)(leaf(1.0, NAN)))
    assert error.op == "mul"
    error = found(lambda: tg.func.vmap(lambda row: row.sqrt().sum())(x).sum().backward())
    assert (error.op, error.phase) == ("sqrt", "backward")


def test_values_on_a_device_are_looked_at():
    x = leaf(1.0, 0.0).to("standin")
    error = found(lambda: x.log())
    assert (error.op, error.index) == ("log", (1,))
    error = found(lambda: x.sqrt().backward(tg.ones(2, device="standin")))
    assert (error.op, error.phase) == ("sqrt", "backward")


# -- switching hooks off -----------------------------------------------------------------------------


def test_hooks_on_saved_values_can_be_forbidden():
    graph = tg.autograd.graph
    with graph.disable_saved_tensors_hooks("outer"):
        with (
            graph.disable_saved_tensors_hooks("inner"),
            pytest.raises(RuntimeError, match="inner"),
            graph.save_on_cpu(),
        ):
            pass
        with pytest.raises(GraphError, match="outer"), graph.save_on_cpu():
            pass
    with (
        graph.save_on_cpu(),
        pytest.raises(RuntimeError, match="late"),
        graph.disable_saved_tensors_hooks("late"),
    ):
        pass
    with graph.save_on_cpu():
        leaf(1.0).exp().backward()


def test_a_function_can_forbid_hooks():
    @tg.autograd.graph.disable_saved_tensors_hooks("not here")
    def run() -> None:
        with tg.autograd.graph.save_on_cpu():
            pass

    with pytest.raises(GraphError, match="not here"):
        run()
    with tg.autograd.graph.save_on_cpu(), pytest.raises(GraphError, match="not here"):
        run()
