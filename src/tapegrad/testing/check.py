"""One check of the gradients of one function at one place, and what it says when they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..autograd import enable_grad, grad
from ..errors import ArgumentError, GradcheckError
from ..mapping import vmap
from ..tensor import Tensor, to_host
from .differences import (
    FAR,
    Line,
    Matrices,
    along,
    analytic_jacobian,
    drawn,
    examine,
    inner,
    numeric_jacobian,
)
from .report import compact, hint, number, ratio
from .subject import (
    Arrays,
    HostArray,
    Run,
    Subject,
    TensorRun,
    TensorSubject,
    outputs_of,
    same,
    tensor_of,
)

LARGE = 10**6  # entries of the Jacobian, beyond which one wrong element is looked for by halving
EXAMINED = 8  # entries that differ and are looked at closely


class Check:
    """One check of one function at one place."""

    def __init__(
        self, subject: Subject, eps: float, atol: float, rtol: float, nondet_tol: float = 0.0
    ) -> None:
        self.subject = subject
        self.op = subject.op
        self.eps = eps
        self.atol = atol
        self.rtol = rtol
        self.nondet_tol = nondet_tol
        self.rng = np.random.default_rng(0)

    def close(self, analytic: HostArray, numeric: HostArray) -> HostArray:
        """Which entries agree."""
        return np.isclose(analytic, numeric, self.rtol, self.atol, equal_nan=True)

    def settled(self) -> Run:
        """Run the function, twice, so that one that is not a function is recognised."""
        run = self.subject.run(self.subject.arrays)
        if self.nondet_tol == np.inf:
            return run
        values = self.subject.values(self.subject.arrays)
        if [v.shape for v in values] != [v.shape for v in run.values]:
            raise GradcheckError(
                f"{self.op}: the function returns other shapes at the second call", "random"
            )
        gap = gap_between(run.values, values)
        if gap > self.nondet_tol:
            raise GradcheckError(
                f"{self.op}: the function gives other values at each call with the same inputs (they differ "
                f"by {gap:.3g}): it draws random numbers, or keeps a state. Start a generator of its own in "
                "it (tapegrad.Generator().manual_seed(0)), or put the module into eval()",
                "random",
            )
        return run

    # -- reverse mode --------------------------------------------------------------------------------

    def backward(self, run: Run) -> None:
        """Gradients against differences."""
        u, v = drawn(run.values, self.rng), drawn(self.subject.arrays, self.rng)
        found = run.pull(u)
        gap = 0.0 if self.nondet_tol == np.inf else gap_between(found, run.pull(u))
        if gap > self.nondet_tol:
            raise GradcheckError(
                f"{self.op}: two backward passes over one call give gradients that differ by {gap:.3g}: the "
                "backward pass draws random numbers or changes what it has saved; nondet_tol allows a "
                "difference",
                "random",
            )
        line = along(self.subject, v, lambda values: inner(u, values))
        numeric = (line(self.eps) - line(-self.eps)) / (2 * self.eps)
        analytic = inner(found, v)
        size = sum(float(np.abs(g * t).sum()) for g, t in zip(found, v, strict=True))
        # a wrong entry shows here by at least a quarter: |u| and |v| are 0.5 or more. So whatever passes
        # would pass entry by entry.
        if not abs(analytic - numeric) <= self.atol / 4 + 1e-9 * size:
            entries = sum(a.size for a in self.subject.arrays) * sum(v.size for v in run.values)
            if entries > LARGE:
                self.halves(run, u, found)
            else:
                self.whole(run)

    def halves(self, run: Run, u: Arrays, found: Arrays) -> None:
        """Look for one wrong element of each input, in as many steps as its size has binary digits."""
        rng = np.random.default_rng(7)
        for i, (name, array) in enumerate(
            zip(self.subject.names, self.subject.arrays, strict=True)
        ):

            def quotient(
                rows: HostArray, i: int = i, array: HostArray = array
            ) -> tuple[float, Line]:
                tangents = [np.zeros_like(a) for a in self.subject.arrays]
                moved = drawn([array.ravel()[rows]], rng)[0]
                flat = np.zeros(array.size, moved.dtype)
                flat[rows] = moved
                tangents[i] = flat.reshape(array.shape)
                seen = examine(
                    along(self.subject, tangents, partial(inner, u)), self.eps, run.low is not None
                )
                return inner(found, tangents), seen

            def differs(rows: HostArray) -> bool:
                analytic, seen = quotient(rows)
                return not abs(analytic - seen.slope) <= self.atol / 4 + 1e-6 * abs(seen.slope)

            rows = np.arange(array.size)
            if not array.size or not differs(rows):
                continue
            while rows.size > 1:
                half = rows[: rows.size // 2]
                rows = half if differs(half) else rows[rows.size // 2 :]
            analytic, seen = quotient(rows)
            if self.close(np.array(analytic), np.array(seen.slope)):
                continue
            index = tuple(map(int, np.unravel_index(int(rows[0]), array.shape)))
            excuse = self._excuse(run, f"{name} at {index}", analytic, seen)
            if excuse is not None:
                raise excuse
            raise GradcheckError(
                f"{self.op}: wrong gradient of {name} (shape {array.shape}) at {index}: for a random incoming "
                f"gradient analytic {analytic:.6g}, numeric {seen.slope:.6g}{ratio(analytic, seen.slope)}; "
                "found by halving, since the whole Jacobian is large. Check smaller inputs to see it"
            )

    def whole(self, run: Run) -> None:
        """All derivatives, entry by entry."""
        numeric = numeric_jacobian(self.subject, run.values, self.eps)
        with np.errstate(all="ignore"):
            self.compare(run, analytic_jacobian(self.subject, run), numeric)

    def compare(self, run: Run, analytic: Matrices, numeric: Matrices) -> None:
        """Raise for what differs; a wrong gradient before whatever else is the matter."""
        excuses: list[GradcheckError] = []
        places = [
            (key, tuple(map(int, place)))
            for key, matrix in analytic.items()
            for place in np.argwhere(~self.close(matrix, numeric[key]))
        ]

        def badness(item: Any) -> tuple[float, float]:
            key, place = item
            gap = abs(analytic[key][place] - numeric[key][place])
            rounded = float(f"{gap:.6g}")  # of equals the first
            return rounded if np.isfinite(gap) else np.inf, float(f"{abs(numeric[key][place]):.6g}")

        places.sort(key=badness, reverse=True)
        for key, place in places[:EXAMINED]:
            found = self.judge(run, key, place, analytic[key], numeric[key])
            if found is None:
                continue
            if found.reason == "gradient":
                raise found
            excuses.append(found)
        if any(e.reason == "kink" for e in excuses):
            self.ties(run)
        if excuses:
            raise next((e for e in excuses if e.reason != "precision"), excuses[0])

    def judge(
        self,
        run: Run,
        key: tuple[int, int],
        place: tuple[int, ...],
        analytic: HostArray,
        numeric: HostArray,
    ) -> GradcheckError | None:
        """What an entry that differs means, seen from close by; None for no more than rounding."""
        i, o = key
        part, row, column = place
        worst = None
        for turn in (1, 1j) if self.subject.arrays[i].dtype.kind == "c" else (1,):
            component = complex(analytic[place]).imag if turn == 1j else analytic[place].real
            line = self._line(i, row, turn, o, column, part)
            seen = examine(line, self.eps, run.low is not None)
            if worst is None or _off(component, seen) > _off(*worst[:2]):
                worst = (float(component), seen, line)
        assert worst is not None
        component, seen, line = worst
        where = self._where(run, key, place)
        if seen.kind in ("smooth", "kink") and self._closer_by(line, component, seen.slope):
            return None
        excuse = self._excuse(run, where, component, seen)
        if excuse is not None:
            return excuse
        if seen.kind == "smooth" and not self._is_linear(key, place, numeric):
            return GradcheckError(
                f"{self.op}: not differentiable, which is no wrong gradient: {where}, the derivatives along "
                f"the axes do not add up to those along other directions, as where elements tie; analytic is "
                f"{component:.6g}. Move the input away from it",
                "kink",
            )
        if seen.kind == "smooth" and self.close(np.array(component), np.array(seen.slope)):
            return None
        return self.wrong(run, key, place, analytic, numeric)

    def _line(
        self, i: int, row: int, turn: complex, o: int, column: int, part: int
    ) -> Callable[[float], float]:
        tangents = [np.zeros_like(a) for a in self.subject.arrays]
        unit = np.zeros(tangents[i].size, tangents[i].dtype)
        unit[row] = turn
        tangents[i] = unit.reshape(tangents[i].shape)
        return self._component(tangents, o, column, part)

    def _component(
        self, tangents: Arrays, o: int, column: int, part: int
    ) -> Callable[[float], float]:
        def component(values: Arrays) -> float:
            value = values[o].ravel()[column]
            return float(value.imag if part else value.real)

        return along(self.subject, tangents, component)

    def _excuse(self, run: Run, where: str, component: float, seen: Line) -> GradcheckError | None:
        """Why nothing can be said of a derivative, if that is so."""
        allowed = self.atol + self.rtol * abs(seen.slope)
        if seen.kind == "undefined" and not (np.isfinite(seen.left) and np.isfinite(seen.right)):
            return GradcheckError(
                f"{self.op}: {where} is at or beyond the end of the domain: the function is not finite "
                f"within {2 * self.eps:g} of it. Move the input inside",
                "domain",
            )
        if seen.kind in ("kink", "jump"):
            low, high = sorted((seen.left, seen.right))
            slack = allowed + 1e-2 * (high - low)
            if low - slack <= component <= high + slack or seen.kind == "jump":
                how = (
                    f"jumps, or has an infinite slope, within {2 * self.eps:g} of the point"
                    if seen.kind == "jump"
                    else f"has a kink within {2 * self.eps:g} of the point: its slope is {seen.left:.6g} on "
                    f"the left and {seen.right:.6g} on the right"
                )
                return GradcheckError(
                    f"{self.op}: not differentiable, which is no wrong gradient: {where}, the function "
                    f"{how}; analytic is {component:.6g}. Move the input away from it",
                    "kink",
                )
        if seen.kind == "noise" and abs(component - seen.slope) <= allowed + seen.error:
            because = f" ({run.low})" if run.low else ""
            return GradcheckError(
                f"{self.op}: not enough precision to judge{because}: {where}, rounding changes a difference "
                f"quotient with eps={self.eps:g} by about {seen.error * FAR:.2g}. The gradient agrees "
                f"with a step of {self.eps * FAR:g} as far as that can be seen (analytic "
                f"{component:.6g}, numeric {seen.slope:.6g}). Use float64 throughout, or a larger eps",
                "precision",
            )
        return None

    def _closer_by(self, line: Callable[[float], float], component: float, slope: float) -> bool:
        """Whether a smaller step brings the quotient to the gradient.

        So it is beside a kink, and for `x * |x|` at 0, where the quotient is off by the step itself.
        """
        step = self.eps / 10
        finer = (line(step) - line(-step)) / (2 * step)
        return bool(
            self.close(np.array(component), np.array(finer))
            or abs(component - finer) <= 0.15 * abs(component - slope)
        )

    def ties(self, run: Run) -> None:
        """Elements that tie may share a gradient in any way, but moved together they are smooth.

        Where a function has a kink for each element of an input and none for all of them together, the sum
        of the gradient must be right.
        """
        for i, array in enumerate(self.subject.arrays):
            tangents = [np.zeros_like(a) for a in self.subject.arrays]
            tangents[i] = np.ones_like(array)
            u = drawn(run.values, np.random.default_rng(2))
            seen = examine(along(self.subject, tangents, partial(inner, u)), self.eps)
            total = inner(run.pull(u), tangents)
            if seen.kind == "smooth" and not self.close(np.array(total), np.array(seen.slope)):
                raise GradcheckError(
                    f"{self.op}: wrong gradient of {self.subject.names[i]} (shape {array.shape}) where its "
                    f"elements tie: moved together, all of them change the result at a rate of "
                    f"{seen.slope:.6g}, but their gradients add up to {total:.6g}"
                    f"{ratio(total, seen.slope)}"
                )

    def _is_linear(self, key: tuple[int, int], place: tuple[int, ...], numeric: HostArray) -> bool:
        """Whether the derivatives along the axes make those along other directions.

        The middle one of three equal numbers does not change when one of them moves, nor is it a constant.
        """
        i, o = key
        part, _, column = place
        tangents = [np.zeros_like(a) for a in self.subject.arrays]
        tangents[i] = drawn([tangents[i]], np.random.default_rng(6))[0]
        seen = examine(self._component(tangents, o, column, part), self.eps)
        expected = inner([numeric[part][:, column]], [tangents[i].ravel()])
        return seen.kind == "smooth" and bool(self.close(np.array(expected), np.array(seen.slope)))

    def _where(self, run: Run, key: tuple[int, int], place: tuple[int, ...]) -> str:
        i, o = key
        part, row, column = place
        index = tuple(map(int, np.unravel_index(row, self.subject.arrays[i].shape)))
        out_index = tuple(map(int, np.unravel_index(column, run.values[o].shape)))
        of = "" if run.values[o].dtype.kind != "c" else (" (imaginary)" if part else " (real part)")
        return f"{self.subject.names[i]} at {index} for output {o}{of} at {out_index}"

    def wrong(
        self,
        run: Run,
        key: tuple[int, int],
        place: tuple[int, ...],
        analytic: HostArray,
        numeric: HostArray,
    ) -> GradcheckError:
        """The error that shows a wrong gradient."""
        i, o = key
        part = place[0]
        a, n = analytic[part], numeric[part]
        shape, out_shape = self.subject.arrays[i].shape, run.values[o].shape
        guess = hint(a, n, shape, out_shape, self.close)
        bad = int((~self.close(a, n)).sum())
        lines = [
            f"{self.op}: wrong gradient of {self.subject.names[i]} (shape {shape}) for output {o} (shape "
            f"{out_shape})",
            f"worst: {self._where(run, key, place)}: analytic {number(analytic[place])}, numeric "
            f"{number(numeric[place])}{ratio(analytic[place], numeric[place])}",
        ]
        if guess:
            lines.append(f"hint: {guess}")
        lines += [
            f"{bad} of {a.size} entries differ by more than {self.atol:g} + {self.rtol:g} * |numeric|; rows "
            "are elements of the input, columns of the output",
            f"analytic:\n{compact(a)}",
            f"numeric:\n{compact(n)}",
        ]
        return GradcheckError("\n".join(lines))

    def dtypes(self, run: Run, strict: bool) -> None:
        """Gradients look like their inputs."""
        if not strict:
            return
        found = run.pull(drawn(run.values, self.rng))
        for name, g, a in zip(self.subject.names, found, self.subject.arrays, strict=True):
            if g.dtype != a.dtype:
                raise GradcheckError(
                    f"{self.op}: the gradient of {name} is {g.dtype}, the input is {a.dtype}"
                )

    def undefined(self, run: Run) -> None:
        """Outputs that are left out count as zero gradients."""
        if len(run.values) < 2:
            return
        u = drawn(run.values, self.rng)
        for o in range(len(u)):
            alone = run.pull([u[k] if k == o else None for k in range(len(u))])
            zeros = run.pull([u[k] if k == o else np.zeros_like(u[k]) for k in range(len(u))])
            gap = gap_between(alone, zeros)
            if gap > self.atol:
                raise GradcheckError(
                    f"{self.op}: the gradients of output {o} alone differ by {gap:.3g} from those with zeros "
                    "for the other outputs: an output that is left out must count as zeros"
                )

    def batched(self, run: Run) -> None:
        """`vmap` over replays against a loop."""
        if not isinstance(run, TensorRun):
            raise ArgumentError("gradcheck: check_batched_grad needs a function of tensors")
        live = [o for o in run.outputs if o.requires_grad]
        if not live:
            return
        like = [to_host(o) for o in live]
        pairs = zip(drawn(like, self.rng), drawn(like, self.rng), strict=True)
        stacks = [
            tensor_of(np.stack(p).astype(o.dtype), o.device)
            for p, o in zip(pairs, live, strict=True)
        ]

        def pull(*cotangents: Tensor) -> tuple[Tensor, ...]:
            return grad(live, run.leaves, cotangents, retain_graph=True, materialize_grads=True)  # type: ignore[return-value]

        together = vmap(pull)(*stacks)
        for k in range(2):
            one = pull(*(s[k] for s in stacks))
            gap = gap_between([to_host(g) for g in one], [to_host(g[k]) for g in together])
            if gap > self.atol + self.rtol * max(
                float(np.abs(to_host(g)).max(initial=0)) for g in one
            ):
                raise GradcheckError(
                    f"{self.op}: gradients batched by vmap differ by {gap:.3g} from those of a loop"
                )

    # -- forward mode --------------------------------------------------------------------------------

    def forward(self, run: Run) -> None:
        """Products `J v` against differences."""
        v = drawn(self.subject.arrays, self.rng)
        found = run.push(v)
        if found is None:
            raise ArgumentError(
                "gradcheck: check_forward_ad needs a function of arrays that returns (value, vjp, jvp)"
            )
        for o, (have, value) in enumerate(zip(found, run.values, strict=True)):
            if have.shape != value.shape:
                raise GradcheckError(
                    f"{self.op}: jvp gives shape {have.shape} for output {o} of shape {value.shape}"
                )
            for turn in (1, 1j) if value.dtype.kind == "c" else (1,):
                u = [np.zeros_like(w) for w in run.values]
                u[o] = drawn([value.real], self.rng)[0] * turn
                line = along(self.subject, v, lambda values, u=u: inner(u, values))  # type: ignore[misc]
                numeric = (line(self.eps) - line(-self.eps)) / (2 * self.eps)
                analytic = inner([u[o]], [have])
                scale = float(np.abs(u[o]).sum()) or 1.0
                if abs(analytic - numeric) > self.atol * scale + self.rtol * abs(numeric):
                    raise GradcheckError(
                        f"{self.op}: wrong jvp of output {o}: along a random direction analytic "
                        f"{analytic:.6g}, numeric {numeric:.6g}{ratio(analytic, numeric)}"
                    )

    def batched_forward(self, run: Run) -> None:
        """`vmap` over products `J v` against a loop."""
        from ..func import jvp

        if not isinstance(run, TensorRun) or not isinstance(self.subject, TensorSubject):
            raise ArgumentError("gradcheck: check_batched_forward_grad needs a function of tensors")
        subject = self.subject
        leaves = [leaf.detach() for leaf in run.leaves]
        pairs = zip(drawn(subject.arrays, self.rng), drawn(subject.arrays, self.rng), strict=True)
        stacks = [
            tensor_of(np.stack(p).astype(t.dtype), t.device)
            for p, t in zip(pairs, leaves, strict=True)
        ]

        def push(*tangents: Tensor) -> tuple[Tensor, ...]:
            with enable_grad():
                _, found = jvp(
                    lambda *x: tuple(outputs_of(self.op, subject.call(*x))), tuple(leaves), tangents
                )
            return tuple(found)

        together = vmap(push)(*stacks)
        for k in range(2):
            one = [to_host(t) for t in push(*(s[k] for s in stacks))]
            gap = gap_between(one, [to_host(t[k]) for t in together])
            if gap > self.atol:
                raise GradcheckError(
                    f"{self.op}: products J v batched by vmap differ by {gap:.3g} from those of a loop"
                )


def _off(component: float, seen: Line) -> float:
    gap = abs(component - seen.slope)
    return float(gap) if np.isfinite(gap) else np.inf


def gap_between(first: Sequence[HostArray], second: Sequence[HostArray]) -> float:
    """The greatest difference; 0 for equal arrays, NaN included."""
    greatest = 0.0
    for a, b in zip(first, second, strict=True):
        if not same(a, b):
            with np.errstate(invalid="ignore"):
                gap = np.abs(a.astype("c16" if a.dtype.kind == "c" else "f8") - b)
            finite = gap[np.isfinite(gap)]
            greatest = max(greatest, float(finite.max(initial=0)))
            if len(finite) < gap.size and not same(~np.isfinite(a), ~np.isfinite(b)):
                greatest = np.inf
    return greatest
