"""What is under test, seen as a function of arrays on the host.

A subject runs at given arrays; a run holds the values and pulls gradients back through them. Functions of
tensors and modules are recorded on the tape; other libraries' functions bring their own gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import enable_grad, functional, grad
from ..device import is_array, move
from ..errors import ArgumentError, GradcheckError
from ..mapping import leaves_of
from ..tape import Node
from ..tensor import Tensor, to_host, wrap

HostArray = np.ndarray[Any, Any]
Arrays = list[HostArray]
Function = Callable[..., Any]


def laid_like(values: HostArray, like: HostArray) -> HostArray:
    """A copy of the values with the strides of another array.

    Contiguous where elements share memory, or where the copy would be mostly gaps.
    """
    if 0 in like.strides and values is like:
        return np.broadcast_to(like, like.shape)
    size = like.itemsize
    regular = all(
        s % size == 0 and (s or n < 2) for s, n in zip(like.strides, like.shape, strict=True)
    )
    if not like.size or not regular:
        return np.array(values, like.dtype, order="C")
    steps = [s // size * (n - 1) for s, n in zip(like.strides, like.shape, strict=True)]
    low = sum(s for s in steps if s < 0)
    span = sum(s for s in steps if s > 0) - low + 1
    if span > 64 * like.size:
        return np.array(values, like.dtype, order="C")
    room = np.zeros(span, like.dtype)
    laid: HostArray = np.ndarray(like.shape, like.dtype, room, -low * size, like.strides)
    laid[...] = values
    if not np.array_equal(laid, values.astype(like.dtype), equal_nan=True):  # elements overlap
        return np.array(values, like.dtype, order="C")
    return laid


def differentiable(value: Any) -> bool:
    """Whether a tensor or an array has a dtype that carries gradients."""
    return value.dtype.kind in "fc"


def same(first: HostArray, second: HostArray) -> bool:
    """Whether all elements are equal, NaN to NaN."""
    if first.shape != second.shape:
        return False
    if (first == second).all():
        return True
    return np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")


class Subject:
    """A function under test.

    Attributes:
        op: name of the check, for messages.
        names: what each differentiable input is called.
        arrays: their values, in the memory layout that they were given in.
    """

    op: str
    names: list[str]
    arrays: Arrays

    def run(self, arrays: Sequence[HostArray]) -> Run:
        """Call the function at other values."""
        raise NotImplementedError

    def values(self, arrays: Sequence[HostArray]) -> Arrays:
        """The values of the function elsewhere."""
        return self.run(arrays).values


class Run:
    """One call of a function under test.

    Attributes:
        names: of the differentiable inputs.
        values: of the outputs that may carry a gradient.
        low: the operation that computed in less than double precision, or None.
    """

    names: list[str]
    values: Arrays
    low: str | None = None

    def pull(self, cotangents: Sequence[HostArray | None]) -> Arrays:
        """Gradients of the inputs, in PyTorch's convention; zeros where there is none."""
        raise NotImplementedError

    def push(self, tangents: Sequence[HostArray]) -> Arrays | None:
        """Derivatives of the outputs along a direction; None where nobody can compute them."""
        return None


# -- functions of tensors ----------------------------------------------------------------------------


class TensorSubject(Subject):
    """A function of tensors, or a module with its parameters.

    Attributes:
        call: the function of the differentiable tensors alone.
    """

    def __init__(self, op: str, function: Function, inputs: Any, every: bool = False) -> None:
        given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
        tensors = [(i, t) for i, t in enumerate(given) if isinstance(t, Tensor)]
        chosen = [(i, t) for i, t in tensors if t.requires_grad]
        if every and not chosen:
            chosen = [(i, t) for i, t in tensors if differentiable(t)]
        self.op = op
        self.names = [f"input {i}" for i, _ in chosen]
        self.arrays = [_kept(t) for _, t in chosen]
        self.devices = [t.device for _, t in chosen]
        places = {i for i, _ in chosen}
        self.others = [(f"input {i}", t, _kept(t)) for i, t in tensors if i not in places]

        def call(*leaves: Tensor) -> Any:
            passed = list(given)
            for (i, _), leaf in zip(chosen, leaves, strict=True):
                passed[i] = leaf
            return function(*passed)

        self.call: Function = call
        if hasattr(function, "named_parameters"):
            self._take_parameters(function, given, [i for i, _ in chosen])
        if not self.arrays:
            raise ArgumentError(
                f"{op}: no input requires a gradient, so there is nothing to check; make at least one "
                "by tapegrad.tensor(..., requires_grad=True)"
            )

    def _take_parameters(self, module: Any, given: tuple[Any, ...], places: list[int]) -> None:
        """Check the module's parameters, too; in double precision unless the inputs have less."""
        from ..func import functional_call

        double = all(a.itemsize >= 8 * (1 + (a.dtype.kind == "c")) for a in self.arrays)

        def wide(array: HostArray) -> HostArray:
            return array.astype(np.result_type(array, np.float64)) if double else array

        named = {n: p for n, p in module.named_parameters() if p.requires_grad}
        buffers = {n: _kept(b) for n, b in module.named_buffers()}
        fixed = {n: _kept(p) for n, p in module.named_parameters() if n not in named}
        where = {n: t.device for n, t in (*module.named_buffers(), *module.named_parameters())}
        self.names += [f"parameter '{name}'" for name in named]
        self.arrays += [wide(_kept(p)) for p in named.values()]
        self.devices += [p.device for p in named.values()]

        def call(*leaves: Tensor) -> Any:
            passed = [
                tensor_of(wide(_kept(v)), v.device)
                if double and isinstance(v, Tensor) and i not in places and differentiable(v)
                else v
                for i, v in enumerate(given)
            ]
            for i, leaf in zip(places, leaves, strict=False):
                passed[i] = leaf
            values = dict(zip(named, leaves[len(places) :], strict=True))
            for name, array in (*buffers.items(), *fixed.items()):  # anew, since they may change
                kept = wide(array) if differentiable(array) else array
                values[name] = tensor_of(kept.copy(), where[name])
            return functional_call(module, values, tuple(passed))

        self.call = call

    def leaves(self, arrays: Sequence[HostArray]) -> list[Tensor]:
        """Tensors that require a gradient, with the layout of the given ones."""
        made = []
        for array, like, device in zip(arrays, self.arrays, self.devices, strict=True):
            made.append(tensor_of(laid_like(array, like), device).requires_grad_())
        return made

    def run(self, arrays: Sequence[HostArray]) -> TensorRun:
        with enable_grad():
            leaves = self.leaves(arrays)
            return TensorRun(self, arrays, leaves, outputs_of(self.op, self.call(*leaves)))


class TensorRun(Run):
    """One recorded call."""

    def __init__(
        self,
        subject: TensorSubject,
        arrays: Sequence[HostArray],
        leaves: list[Tensor],
        outputs: list[Tensor],
    ) -> None:
        self.subject = subject
        self.names = subject.names
        self.arrays = arrays
        self.leaves = leaves
        self.outputs = outputs
        self.values = [np.array(to_host(o)) for o in outputs]
        self._unmodified("the function")

    def _unmodified(self, who: str) -> None:
        for name, leaf, array in zip(self.subject.names, self.leaves, self.arrays, strict=True):
            if not same(to_host(leaf), np.asarray(array, leaf.dtype)):
                raise modified(self.subject.op, who, name)
        for name, tensor, array in self.subject.others:
            if not same(to_host(tensor), array):
                raise modified(self.subject.op, who, name)

    @property
    def low(self) -> str | None:  # type: ignore[override]
        stack: list[Node | None] = [o.node for o in self.outputs]
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if getattr(node, "dtype", None) in _LOW:
                return f"{node.op} computes in {node.dtype}" if node.parents else str(node.dtype)
            stack += getattr(node, "parents", ())
        return next((str(v.dtype) for v in self.values if v.dtype in _LOW), None)

    def pull(self, cotangents: Sequence[HostArray | None]) -> Arrays:
        pairs = [
            (o, tensor_of(laid_like(c, c.astype(o.dtype, copy=False)), o.device), c)
            for o, c in zip(self.outputs, cotangents, strict=True)
            if c is not None and o.requires_grad
        ]
        if not pairs:
            return [np.zeros_like(leaf) for leaf in map(to_host, self.leaves)]
        found = grad(
            [o for o, _, _ in pairs], self.leaves, [c for _, c, _ in pairs],
            retain_graph=True, allow_unused=True,
        )  # fmt: skip
        for o, c, kept in pairs:
            if not same(to_host(c), np.asarray(kept, o.dtype)):
                raise modified(self.subject.op, "the backward pass", "the incoming gradient")
        self._unmodified("the backward pass")
        return [
            np.zeros(leaf.shape, leaf.dtype) if g is None else np.array(to_host(g))
            for leaf, g in zip(self.leaves, found, strict=True)
        ]

    def push(self, tangents: Sequence[HostArray]) -> Arrays:
        vectors = tuple(
            tensor_of(np.array(t, leaf.dtype), leaf.device)
            for t, leaf in zip(tangents, self.leaves, strict=True)
        )
        found = functional.pushed("jvp", tuple(self.outputs), tuple(self.leaves), vectors, False)
        return [to_host(f) for f in found]


_LOW = {np.dtype(name) for name in ("float16", "float32", "complex64")}


def _kept(tensor: Tensor) -> HostArray:
    host = to_host(tensor)
    return laid_like(host, host)


def tensor_of(array: HostArray, device: Any) -> Tensor:
    """A tensor around a host array that is nobody else's, with its layout where it lives on the host."""
    return wrap(move(array, device)[...])


def modified(op: str, who: str, name: str) -> GradcheckError:
    """The error for a function that writes to what it was given."""
    return GradcheckError(
        f"{op}: {who} changes {name} in place, so it gives other results at each call; "
        "let it work on a copy (clone())",
        "modified",
    )


def outputs_of(op: str, result: Any) -> list[Tensor]:
    """The outputs that may carry a gradient; None and integers are passed over."""
    found = [leaf for leaf in leaves_of(result) if leaf is not None]
    for i, output in enumerate(found):
        if not isinstance(output, Tensor):
            raise GradcheckError(
                f"{op}: the function must return tensors, but its output {i} is "
                f"{_described(output)}; {_instead(output)}",
                "type",
            )
    outputs = [o for o in found if differentiable(o)]
    if not outputs:
        shown = ", ".join(str(o.dtype) for o in found) or "nothing"
        raise GradcheckError(
            f"{op}: the function must return at least one floating-point or complex tensor, got {shown}",
            "type",
        )
    return outputs


def _described(value: Any) -> str:
    name = type(value).__qualname__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _instead(value: Any) -> str:
    if is_array(value) or isinstance(value, (int, float, complex)):
        return "item(), numpy() and float() leave the tape: compute with tensors to the end"
    return "return a tensor, or a tuple, list or dict of them"


# -- functions that bring their gradient -------------------------------------------------------------


class PairSubject(Subject):
    """A function of arrays that returns `(value, vjp)` or `(value, vjp, jvp)`."""

    def __init__(self, op: str, function: Function, inputs: tuple[Any, ...]) -> None:
        given = [np.asarray(a) if isinstance(a, np.generic) else a for a in inputs]
        self.op = op
        self.function = function
        self.given = given
        self.places = [
            i for i, a in enumerate(given) if isinstance(a, np.ndarray) and differentiable(a)
        ]
        self.names = [f"input {i}" for i in self.places]
        self.arrays = [laid_like(given[i], given[i]) for i in self.places]
        if not self.places:
            raise ArgumentError(
                f"{op}: no input is a floating-point or complex array, so there is nothing to check"
            )

    def run(self, arrays: Sequence[HostArray]) -> PairRun:
        passed = list(self.given)
        own = [laid_like(a, like) for a, like in zip(arrays, self.arrays, strict=True)]
        for i, array in zip(self.places, own, strict=True):
            passed[i] = array
        result = self.function(*passed)
        if isinstance(result, Tensor):
            raise ArgumentError(
                f"{self.op}: the function returns a tensor, but its inputs were given as arrays; give "
                "tensors that require a gradient"
            )
        if not (
            isinstance(result, tuple)
            and len(result) in (2, 3)
            and all(callable(part) for part in result[1:])
        ):
            raise GradcheckError(
                f"{self.op}: a function of arrays must return (value, vjp) or (value, vjp, jvp), got "
                f"{_described(result)}",
                "type",
            )
        return PairRun(self, own, [np.array(a) for a in arrays], result)


class PairRun(Run):
    """One call of a function of arrays."""

    def __init__(self, subject: PairSubject, own: Arrays, kept: Arrays, result: Any) -> None:
        self.subject = subject
        self.names = subject.names
        self.own = own
        self.kept = kept
        value, self.vjp, *rest = result
        self.jvp = rest[0] if rest else None
        self.values = [
            np.array(v) for v in (value if isinstance(value, (tuple, list)) else (value,))
        ]
        for i, v in enumerate(self.values):
            if v.dtype.kind not in "fc":
                raise GradcheckError(
                    f"{subject.op}: the function must return floating-point or complex arrays, its value "
                    f"{i} is {v.dtype}",
                    "type",
                )
        self.low = next((str(v.dtype) for v in self.values if v.dtype in _LOW), None)
        self._unmodified("the function")

    def _unmodified(self, who: str) -> None:
        for name, own, kept in zip(self.subject.names, self.own, self.kept, strict=True):
            if not same(own, kept.astype(own.dtype)):
                raise modified(self.subject.op, who, name)

    def pull(self, cotangents: Sequence[HostArray | None]) -> Arrays:
        given = [
            np.zeros_like(v) if c is None else np.array(c, v.dtype)
            for c, v in zip(cotangents, self.values, strict=True)
        ]
        kept = [g.copy() for g in given]
        answer = self.vjp(*given)
        answers = answer if isinstance(answer, (tuple, list)) else (answer,)
        for g, before in zip(given, kept, strict=True):
            if not same(g, before):
                raise modified(self.subject.op, "vjp", "the incoming gradient")
        self._unmodified("vjp")
        subject = self.subject
        if len(answers) != len(subject.arrays):
            raise GradcheckError(
                f"{subject.op}: vjp must return one gradient for each of {len(subject.arrays)} "
                f"floating-point inputs, got {len(answers)}"
            )
        found = []
        for name, g, like in zip(subject.names, answers, subject.arrays, strict=True):
            array = np.zeros(like.shape) if g is None else np.array(g)
            if array.shape != like.shape:
                raise GradcheckError(
                    f"{subject.op}: the gradient of {name} has shape {array.shape}, the input has "
                    f"{like.shape}{_missing_sum(array.shape, like.shape)}"
                )
            found.append(array)
        return found

    def push(self, tangents: Sequence[HostArray]) -> Arrays | None:
        if self.jvp is None:
            return None
        found = self.jvp(*(np.array(t) for t in tangents))
        return [np.asarray(f) for f in (found if isinstance(found, (tuple, list)) else (found,))]


def _missing_sum(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    """The sum that a gradient lacks, in words, if that is what is wrong with its shape."""
    if have == want[::-1]:
        return ": it is transposed"
    extra = len(have) - len(want)
    if extra < 0:
        return ""
    padded = (1,) * extra + want
    axes = [i for i, (h, w) in enumerate(zip(have, padded, strict=True)) if h != w]
    if any(padded[i] != 1 for i in axes):
        return ""
    axes = sorted({*axes, *range(extra)})
    return f": the sum over axis {axes[0]} is missing" if len(axes) == 1 else (
        f": the sum over the axes {tuple(axes)} is missing"
    )  # fmt: skip


def subject_of(op: str, function: Function, inputs: Any, every: bool = False) -> Subject:
    """The function under test with its inputs.

    Args:
        op: name of the check.
        function: of tensors; or, if no input is a tensor and some are arrays, of arrays with its own gradient.
        inputs: one or a sequence.
        every: differentiate by all floating-point tensors if none requires a gradient.
    """
    if not callable(function):
        raise ArgumentError(f"{op}: func must be callable, got {_described(function)}")
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    is_plain = not any(isinstance(a, Tensor) for a in given)
    if is_plain and any(isinstance(a, (np.ndarray, np.generic)) for a in given):
        return PairSubject(op, function, given)
    return TensorSubject(op, function, given, every)
