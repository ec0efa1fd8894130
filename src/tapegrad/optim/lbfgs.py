"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import stamps
from ..autograd import enable_grad
from ..device import as_array, move
from ..errors import ArgumentError
from ..tensor import Tensor, wrap
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .options import check_number, number

_VECTORS = ("d", "prev_flat_grad", "old_dirs", "old_stps")


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last changes of the gradient; for whole batches.

    All parameters are one vector x with gradient g. From the last steps s_i and the changes y_i of
    the gradient, with r_i = 1 / (y_i . s_i), the direction d = -H g comes by two loops over the
    history,

        q = -g;                      a_i = r_i * (s_i . q),  q = q - a_i * y_i     from new to old
        d = (s . y) / (y . y) * q;   d = d + (a_i - r_i * (y_i . d)) * s_i         from old to new

    and x moves by t * d with t = lr (in the first iteration lr * min(1, 1 / |g|_1)), or with the t
    that a line search finds. One call of `step` does up to `max_iter` such iterations.

    The state of all is `state` of the first parameter: `n_iter` and `func_evals`, `d`, `t`,
    `old_dirs` (y), `old_stps` (s), `ro` (r), `H_diag`, `prev_flat_grad` and `prev_loss`.

    Args:
        params: parameters; there is one group only.
        lr: step length, where the line search begins.
        max_iter: iterations in one step.
        max_eval: evaluations of the closure in one step, 1.25 * max_iter by default.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where neither parameters nor loss change by more.
        history_size: number of pairs s, y that are kept.
        line_search_fn: "strong_wolfe", or None for fixed steps.

    Raises:
        ArgumentError: for options without meaning, or a second group.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([-1.5, 2.0], dtype=tg.float64, requires_grad=True)
        >>> optimizer = tg.optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        12.5
        >>> x.detach()
        tensor([1.0000, 1.0000], dtype=tapegrad.float64)

    References:
        Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35, 1980. Liu
        and Nocedal, "On the limited memory BFGS method for large scale optimization", Math.
        Program. 45, 1989.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        for name in ("lr", "tolerance_grad", "tolerance_change"):
            check_number("LBFGS", name, options[name])
        for name in ("max_iter", "max_eval", "history_size"):
            value = options[name]
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(
                    f"LBFGS: {name} must be a whole number of at least 1, got {value!r}"
                )
        if options.get("l1_decay"):
            raise ArgumentError("LBFGS: l1_decay is not supported; add the penalty to the loss")
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(
                f"LBFGS: line_search_fn must be None or 'strong_wolfe', got "
                f"{options['line_search_fn']!r}"
            )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the one group; the curvature is that of all parameters together.

        Args:
            param_group: dict with `params` and any hyper-parameters.

        Raises:
            ArgumentError: for a second group.
        """
        if self.param_groups:
            raise ArgumentError("LBFGS: there can be one group only; put all parameters into it")
        super().add_param_group(param_group)

    def state_shape(self, name: str, parameter: Tensor) -> tuple[int, ...] | None:
        """Vectors in the state are as long as all parameters together."""
        if name not in _VECTORS:
            return None
        params = self.param_groups[0]["params"]
        return (sum(p.array.size * (2 if p.dtype.kind == "c" else 1) for p in params),)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate until a tolerance or a limit is reached.

        Args:
            closure: computes the loss anew: `zero_grad`, the loss, `backward`. It is called many
                times.

        Returns:
            What the closure returned first.

        Raises:
            ArgumentError: without a closure. What the closure raises leaves everything as it was.
        """
        if closure is None:
            raise ArgumentError("LBFGS.step: needs a closure that computes the loss anew")
        group = self.param_groups[0]
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        params = group["params"]
        state = self.state[params[0]]

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        def at(t: float) -> Point:
            _assign(params, x + t * d)
            f = float(evaluate())
            g = _gradient(params)
            return Point(t, f, g, _dot(g, d))

        first = evaluate()
        f, g = float(first), _gradient(params)
        calls = 1
        if _largest(g) <= group["tolerance_grad"]:
            state.setdefault("n_iter", 0)
            state["func_evals"] = state.get("func_evals", 0) + calls
            return first
        history = _History(state, group["history_size"])
        iterations = state.get("n_iter", 0)
        d, t, old_g = (_array(state.get(name)) for name in ("d", "t", "prev_flat_grad"))
        start = _flat([p.array for p in params])
        try:
            for iteration in range(1, group["max_iter"] + 1):
                iterations += 1
                if iterations == 1:
                    d = -g
                    t = min(1.0, 1 / _host(np.sum(np.absolute(g)))) * lr
                else:
                    history.remember(d * t, g - old_g)
                    d = history.direction(g)
                    t = lr
                old_f, old_g = f, g
                slope = _dot(g, d)
                if slope > -tolerance:
                    break
                x = _flat([p.array for p in params])
                if group["line_search_fn"] is not None:
                    point, more = strong_wolfe(
                        at, t, Point(0.0, f, g, slope), _largest(d), tolerance,
                        group["max_eval"] - calls,
                    )  # fmt: skip
                    t, f, g = point.t, point.f, point.g
                    _assign(params, x + t * d)
                    calls += more
                else:
                    _assign(params, x + t * d)
                    if iteration < group["max_iter"]:
                        f, g = float(evaluate()), _gradient(params)
                        calls += 1
                if (
                    calls >= group["max_eval"]
                    or _largest(g) <= group["tolerance_grad"]
                    or _largest(d) * t <= tolerance
                    or abs(f - old_f) < tolerance
                ):
                    break
        except BaseException:  # the closure's: parameters and state as they were before the step
            _assign(params, start)
            raise
        state.update(n_iter=iterations, func_evals=state.get("func_evals", 0) + calls)
        state.update(d=wrap(d[...]), t=t, **history.state())
        state.update(prev_flat_grad=wrap(old_g[...]), prev_loss=old_f)
        return first


class _History:
    """The last steps and changes of the gradient."""

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self.size = size
        self.steps = [_array(s) for s in state.get("old_stps", ())]
        self.changes = [_array(y) for y in state.get("old_dirs", ())]
        self.inverses = [number(r) for r in state.get("ro", ())]  # 1 / (y . s)
        self.scale = number(state.get("H_diag", 1.0))

    def remember(self, s: Any, y: Any) -> None:
        """Take up a step, unless the curvature along it is not positive."""
        curvature = _dot(y, s)
        if curvature > 1e-10:
            kept = slice(-self.size + 1, None) if self.size > 1 else slice(0)
            self.steps = [*self.steps[kept], s]
            self.changes = [*self.changes[kept], y]
            self.inverses = [*self.inverses[kept], 1 / curvature]
            self.scale = curvature / _dot(y, y)

    def direction(self, g: Any) -> Any:
        """-H g."""
        d, scratch = -g, np.empty_like(g)
        shares = []
        pairs = list(zip(self.steps, self.changes, self.inverses, strict=True))
        for s, y, r in reversed(pairs):
            shares.append(r * _dot(s, d))
            d -= np.multiply(y, shares[-1], out=scratch)
        d *= self.scale
        for (s, y, r), share in zip(pairs, reversed(shares), strict=True):
            d += np.multiply(s, share - r * _dot(y, d), out=scratch)
        return d

    def state(self) -> dict[str, Any]:
        """What `state` keeps of it."""
        return {
            "old_stps": [wrap(s[...]) for s in self.steps],
            "old_dirs": [wrap(y[...]) for y in self.changes],
            "ro": list(self.inverses),
            "H_diag": self.scale,
        }


def _array(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) and value.ndim else number(value)


def _host(value: Any) -> float:
    return float(move(as_array(value), "cpu"))


def _dot(a: Any, b: Any) -> float:
    return _host(np.dot(a, b))


def _largest(x: Any) -> float:
    return _host(np.max(np.absolute(x))) if x.size else 0.0


def _flat(arrays: list[Any]) -> Any:
    """All values in one new vector, complex ones as pairs of real ones."""
    return np.concatenate(
        [x.reshape(-1).copy().view(x.real.dtype) if x.dtype.kind == "c" else x for x in arrays],
        axis=None,
    )


def _gradient(params: list[Tensor]) -> Any:
    """All gradients in one new vector, zeros where there is none."""
    return _flat([np.zeros_like(p.array) if p.grad is None else p.grad.array for p in params])


def _assign(params: list[Tensor], values: Any) -> None:
    """Write a vector into the parameters."""
    start = 0
    for p in params:
        paired = p.dtype.kind == "c"
        stop = start + p.array.size * (2 if paired else 1)
        part = values[start:stop]
        p.array[...] = (part.view(p.dtype) if paired else part).reshape(p.shape)
        stamps.stamp(p.array, "LBFGS.step")
        start = stop
