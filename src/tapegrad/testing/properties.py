"""`assert_gradients`: everything that is true of every right gradient, at one place."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import cuda
from ..autograd import enable_grad, functional, grad
from ..errors import DeviceError, GradcheckError
from ..mapping import vmap
from ..tensor import Tensor, to_host
from .check import Check, gap_between
from .differences import drawn, inner
from .gradcheck import gradient_of
from .layouts import LAYOUTS
from .report import ratio
from .subject import (
    Arrays,
    HostArray,
    Run,
    Subject,
    TensorRun,
    TensorSubject,
    outputs_of,
    subject_of,
    tensor_of,
)

__all__ = ["assert_gradients"]

OP = "assert_gradients"
ROUNDING = 1e-9  # two texts of one computation in float64, whose sums may be in another order


def assert_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    second_order: bool = True,
    batched: bool | None = None,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
) -> None:
    """Assert whatever is true of a right gradient.

    That it equals difference quotients; that it is linear in the incoming gradient, also where that is zero, not
    contiguous or expanded; that products `J v` are adjoint to it; that its own gradient equals difference
    quotients and second derivatives are symmetric; that dtypes and shapes are those of the inputs; that nothing is
    modified; that the memory layout of the inputs changes nothing, nor `vmap` over them, nor a GPU where there is
    one; and that what was recorded dies with the result.

    Args:
        f: a function of tensors, a module, or a function of arrays with its own gradient, see `gradcheck`.
        inputs: its arguments, in float64 or complex128, away from kinks; the tensors that require a gradient,
            or all floating-point ones if none does.
        second_order: False for what cannot be differentiated twice. Functions of arrays never are.
        batched: whether to compare `vmap` with a loop; None does so where `f` can be mapped.
        eps, atol, rtol: step and tolerances of the differences.

    Raises:
        GradcheckError: which of these is not so, and where; see its `reason`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[0.5, -1.0], [2.0, 1.5]], dtype=tg.float64)
        >>> tg.testing.assert_gradients(lambda x: tg.tanh(x) @ x, x)
    """
    subject = subject_of(OP, f, inputs, every=True)
    double = all(a.dtype in ("float64", "complex128") for a in subject.arrays)
    check = Check(subject, eps, atol, rtol)
    run = check.settled()
    check.backward(run)
    check.dtypes(run, True)
    check.undefined(run)
    rng = np.random.default_rng(3)
    u, v = drawn(run.values, rng), drawn(subject.arrays, rng)
    slack = ROUNDING if double else 1e-3
    _assert_linear(run, u, drawn(run.values, rng), slack)
    _assert_any_cotangent(run, u, slack)
    twice = second_order and isinstance(subject, TensorSubject)
    if twice or not isinstance(subject, TensorSubject):
        _assert_adjoint(run, u, v, slack)
    if isinstance(subject, TensorSubject) and isinstance(run, TensorRun) and twice:
        _assert_second_order(subject, run, u, v, check)
    _assert_layouts(subject, run, u, slack)
    if isinstance(subject, TensorSubject):
        if batched is not False:
            _assert_batched(subject, batched is True, slack)
        if cuda.is_available() and all(d.type == "cpu" for d in subject.devices):
            _assert_device(subject, run, u, "cuda")
        _assert_no_cycle(subject, u)


def _fail(message: str) -> GradcheckError:
    return GradcheckError(f"{OP}: {message}")


def _size(*groups: Sequence[HostArray]) -> float:
    """The greatest finite magnitude."""
    sizes = [np.abs(a[np.isfinite(a)]).max(initial=0) for group in groups for a in group]
    return float(max(sizes, default=0.0))


def _compare(have: Arrays, want: Arrays, slack: float, message: str, names: Any = None) -> None:
    """Raise if arrays differ by more than rounding, naming the first that does."""
    for i, (a, b) in enumerate(zip(have, want, strict=True)):
        which = names[i] if names else f"output {i}"
        if a.shape != b.shape:
            raise _fail(f"{message.format(which)}: shape {a.shape} and {b.shape}")
        gap = gap_between([a], [b])
        if gap > slack * (1 + _size([a], [b])):
            with np.errstate(invalid="ignore"):
                worst = int(np.nanargmax(np.abs(np.ravel(a - b)))) if np.isfinite(gap) else 0
            place = tuple(map(int, np.unravel_index(worst, a.shape)))
            raise _fail(
                f"{message.format(which)}, by {gap:.3g}, at {place}: {a[place]} and {b[place]}"
            )


def _assert_linear(run: Run, first: Arrays, second: Arrays, slack: float) -> None:
    """The gradient of a sum of cotangents is the sum of their gradients."""
    names = run.names
    both = run.pull([2 * a - 3 * b for a, b in zip(first, second, strict=True)])
    one, other = run.pull(first), run.pull(second)
    summed = [2 * a - 3 * b for a, b in zip(one, other, strict=True)]
    _compare(
        both, summed, slack, "the gradient of {} is not linear in the incoming gradient", names
    )
    zeros = run.pull([np.zeros_like(a) for a in first])
    for name, g in zip(names, zeros, strict=True):
        if np.any(np.nan_to_num(g, nan=1.0) != 0):
            raise _fail(f"an incoming gradient of zeros gives {name} a gradient that is not zero")


def _assert_any_cotangent(run: Run, u: Arrays, slack: float) -> None:
    """Its layout changes nothing, also where all elements are one in memory, as behind a sum."""
    names = run.names
    plain = run.pull(u)
    for layout, change in LAYOUTS.items():
        found = run.pull([change(c) for c in u])
        _compare(found, plain, slack, f"the gradient of {{}} depends on whether the incoming gradient "
                 f"is {layout}", names)  # fmt: skip
    for axis in (None, 0, -1):
        spread = [_spread(c, axis) for c in u]
        _compare(
            run.pull(spread), run.pull([c.copy() for c in spread]), slack,
            "the gradient of {} depends on whether the incoming gradient is expanded", names,
        )  # fmt: skip


def _spread(array: HostArray, axis: int | None) -> HostArray:
    """The array with a dimension, or all, whose elements are one in memory."""
    if not array.size or not array.ndim:
        return array
    kept = array.ravel()[:1].reshape((1,) * array.ndim) if axis is None else array.take([0], axis)
    return np.broadcast_to(kept, array.shape)


def _assert_adjoint(run: Run, u: Arrays, v: Arrays, slack: float) -> None:
    pushed = run.push(v)
    if pushed is None:
        return
    pulled = run.pull(u)
    forward, reverse = inner(u, pushed), inner(pulled, v)
    scale = sum(float(np.abs(g * t).sum()) for g, t in zip(pulled, v, strict=True))
    if not abs(forward - reverse) <= slack * (1 + scale):
        raise _fail(
            f"products with the Jacobian are not adjoint: <u, J v> = {forward:.9g}, <J^T u, v> = "
            f"{reverse:.9g}{ratio(forward, reverse)}"
        )


def _assert_second_order(
    subject: TensorSubject, run: TensorRun, u: Arrays, v: Arrays, first: Check
) -> None:
    """The gradient's own gradient, and the symmetry of second derivatives."""
    live = [(o, c) for o, c in zip(run.outputs, u, strict=True) if o.requires_grad]
    if not live:
        return
    cotangents = [
        tensor_of(c.astype(o.dtype), o.device).requires_grad_()
        for o, c in zip(run.outputs, u, strict=True)
    ]
    leaves = subject.leaves(subject.arrays)
    op = f"{OP} (second order; inputs {len(leaves)} and on are incoming gradients)"
    derived = TensorSubject(op, gradient_of(subject, len(leaves)), (*leaves, *cotangents))
    check = Check(derived, first.eps, first.atol, first.rtol)
    check.backward(check.settled())
    w = drawn(subject.arrays, np.random.default_rng(4))
    with enable_grad():
        found = grad(
            [o for o, _ in live],
            run.leaves,
            [tensor_of(c.astype(o.dtype), o.device) for o, c in live],
            create_graph=True,
            materialize_grads=True,
        )
        gradients = tuple(g for g in found if g is not None)
        forms = []
        for left, right in ((v, w), (w, v)):
            given = tuple(
                tensor_of(t.astype(x.dtype), x.device)
                for t, x in zip(left, run.leaves, strict=True)
            )
            product = functional.pulled(OP, gradients, tuple(run.leaves), given, False)
            forms.append((inner([to_host(p) for p in product], right), product))
    scale = sum(
        float(np.abs(to_host(p)).sum()) for _, product in forms for p in product if p.numel()
    )
    if not abs(forms[0][0] - forms[1][0]) <= 1e-8 * (1 + scale):
        raise _fail(
            f"second derivatives are not symmetric: <H v, w> = {forms[0][0]:.9g}, <H w, v> = "
            f"{forms[1][0]:.9g}"
        )


def _assert_layouts(subject: Subject, run: Run, u: Arrays, slack: float) -> None:
    """Equal values that lie otherwise in memory have equal results."""
    gradients = run.pull(u)
    for layout, change in LAYOUTS.items():
        other = copy.copy(subject)
        other.arrays = [change(a) for a in subject.arrays]
        odd = other.run(other.arrays)
        _compare(odd.values, run.values, slack, f"{{}} changes when the inputs are {layout}")
        _compare(
            odd.pull(u), gradients, slack,
            f"the gradient of {{}} changes when the inputs are {layout}", run.names,
        )  # fmt: skip


def _assert_device(subject: TensorSubject, run: Run, u: Arrays, where: str) -> None:
    other = copy.copy(subject)
    from ..device import device

    other.devices = [device(where)] * len(subject.devices)
    try:
        far = other.run(other.arrays)
        gradients = far.pull(u)
    except DeviceError:  # it holds tensors of its own, which stay where they are
        return
    _compare(far.values, run.values, 1e-6, f"{{}} is another one on {where}")
    _compare(
        gradients, run.pull(u), 1e-6, f"the gradient of {{}} is another one on {where}", run.names
    )


def _assert_batched(subject: TensorSubject, required: bool, slack: float) -> None:
    """Three examples at once and one after the other."""
    from ..func import vjp

    examples = [[a * t for a in subject.arrays] for t in (1.0, 1.01, 0.99)]
    runs = [subject.run(example) for example in examples]
    rng = np.random.default_rng(5)
    weights = [drawn(run.values, rng) for run in runs]
    one = runs[0]
    assert isinstance(one, TensorRun)
    if any([v.shape for v in run.values] != [v.shape for v in one.values] for run in runs):
        return
    count = len(subject.arrays)

    def both(*given: Tensor) -> Any:
        values, pull = vjp(lambda *x: tuple(outputs_of(OP, subject.call(*x))), *given[:count])
        return values, pull(tuple(given[count:]))

    like = [*one.leaves, *one.outputs]
    stacks = [
        tensor_of(np.stack(parts).astype(t.dtype), t.device)
        for parts, t in zip(
            zip(*([*e, *w] for e, w in zip(examples, weights, strict=True)), strict=True),
            like,
            strict=True,
        )
    ]
    try:
        values, gradients = vmap(both)(*stacks)
    except Exception:
        if required:
            raise
        return  # it looks at values, or leaves the tape: legitimate, but not for all examples at once
    for k, (run, w) in enumerate(zip(runs, weights, strict=True)):
        _compare(
            [to_host(value[k]) for value in values], run.values, slack,
            "{} batched by vmap differs from that of a loop",
        )  # fmt: skip
        _compare(
            [to_host(g[k]) for g in gradients], run.pull(w), slack,
            "the gradient of {} batched by vmap differs from that of a loop", run.names,
        )  # fmt: skip


def _assert_no_cycle(subject: TensorSubject, u: Arrays) -> None:
    """What was recorded dies with the result, without waiting for the garbage collector."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        traces = _traces(subject, u)
        alive = [trace for trace in traces if trace() is not None]
        if alive:
            gc.collect()
            if any(
                trace() is None for trace in alive
            ):  # the others are kept on purpose, by a cache
                raise _fail(
                    "what was recorded refers to itself in a circle, so its memory waits for the garbage "
                    "collector: a Function's ctx, or a closure, holds its own result"
                )
    finally:
        if enabled:
            gc.enable()


def _traces(subject: TensorSubject, u: Arrays) -> list[weakref.ref[Any]]:
    run = subject.run(subject.arrays)
    run.pull(u)
    parts: list[Any] = [*run.outputs]
    nodes = [o.node for o in run.outputs]
    leaves = {leaf.node for leaf in run.leaves}
    seen: set[Any] = {None, *leaves}
    while nodes:
        node = nodes.pop()
        if node not in seen and node is not None:
            seen.add(node)
            nodes += node.parents
            parts += [node, *(rule.ctx for rule in node.rules if hasattr(rule, "ctx"))]
    return [weakref.ref(part) for part in parts]
