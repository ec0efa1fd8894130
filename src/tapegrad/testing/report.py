"""What is wrong with a gradient, in words: the worst entry, the matrices, and a guess at the cause."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .subject import HostArray


def compact(matrix: HostArray) -> str:
    """A matrix of at most six rows and columns, the middle left out."""
    with np.printoptions(precision=4, suppress=True, threshold=64, edgeitems=3, linewidth=110):
        return str(matrix)


def number(value: complex) -> str:
    """A number with the digits that matter."""
    z = complex(value)
    return f"{z:.6g}" if z.imag else f"{z.real:.6g}"


def ratio(analytic: complex, numeric: complex) -> str:
    """The quotient of two entries, if there is one."""
    if not np.isfinite(analytic) or not np.isfinite(numeric) or abs(numeric) < 1e-12:
        return ""
    quotient = complex(analytic) / complex(numeric)
    shown = f"{quotient:.3f}" if abs(quotient.imag) > 5e-4 else f"{quotient.real:.3f}"
    return f" (ratio {shown})"


def hint(
    analytic: HostArray,
    numeric: HostArray,
    shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    close: Callable[[HostArray, HostArray], HostArray],
) -> str:
    """What would explain the difference, or nothing.

    Args:
        analytic, numeric: one matrix each, (elements of the input, elements of the output).
        shape: of the input.
        out_shape: of the output.
        close: which entries of two matrices agree.
    """

    def agree(a: HostArray, b: HostArray) -> bool:
        return bool(a.shape == b.shape and close(a, b).all())

    if not np.isfinite(analytic).all():
        return "analytic is not finite where the difference quotients are"
    if agree(analytic, np.zeros_like(numeric)):
        return (
            "analytic is zero: the path to this input is cut (detach, no_grad, or a rule left out)"
        )
    if agree(analytic, -numeric):
        return "analytic has the wrong sign everywhere"
    if np.iscomplexobj(analytic) and agree(analytic, numeric.conj()):
        return "analytic is the complex conjugate of numeric"
    scale = float(np.vdot(numeric, analytic).real) / max(
        float(np.vdot(numeric, numeric).real), 1e-300
    )
    if agree(analytic, scale * numeric):
        return f"analytic is {scale:.3f} times numeric everywhere{_named(scale, shape, out_shape)}"
    a, n = (m.reshape(shape + out_shape) for m in (analytic, numeric))
    for axis in range(len(shape)):
        if shape[axis] > 1 and agree(np.flip(a, axis), n):
            return f"analytic is reversed along axis {axis} of the input"
        if shape[axis] > 1 and any(agree(np.roll(a, k, axis), n) for k in range(1, shape[axis])):
            return f"analytic is rolled along axis {axis} of the input"
    if len(shape) > 1 and len(set(shape[-2:])) == 1:
        first, second = len(shape) - 2, len(shape) - 1
        turned = np.swapaxes(n, first, second)
        if agree(a, turned):
            return "analytic is transposed"
        if agree(a, (n + turned.conj()) / 2):
            return (
                "analytic is the symmetric part of numeric: the function reads one triangle of a symmetric "
                "matrix. Check lambda x: f((x + x.mH) / 2)"
            )
    if len(shape) == 2:
        turned = analytic.reshape(*shape[::-1], -1).swapaxes(0, 1).reshape(analytic.shape)
        if agree(turned, numeric):
            return "analytic is transposed: its elements are in the order of the other layout"
    for axis, size in enumerate(out_shape):
        columns = np.moveaxis(a, len(shape) + axis, 0)
        wanted = np.moveaxis(n, len(shape) + axis, 0)
        reached = [i for i in range(size) if not agree(columns[i], np.zeros_like(columns[i]))]
        if 0 < len(reached) < size and all(agree(columns[i], wanted[i]) for i in reached):
            only = ", ".join(map(str, reached))
            return (
                f"the sum over axis {axis} of the output is missing: only index {only} counts "
                f"of {size}"
            )
    bad = ~close(analytic, numeric)
    rows = np.flatnonzero(bad.any(axis=1))
    if len(rows) < len(bad) or not len(shape):
        places = [tuple(map(int, np.unravel_index(r, shape))) for r in rows[:3]]
        shown = ", ".join(map(str, places)) + (", ..." if len(rows) > 3 else "")
        return f"{len(rows)} of {len(bad)} elements of the input are wrong: {shown}"
    return ""


def _named(scale: float, shape: tuple[int, ...], out_shape: tuple[int, ...]) -> str:
    """What a factor may come from."""
    for what, sizes in (("output", out_shape), ("input", shape)):
        counts = [(n, f"the size of axis {k} of the {what}") for k, n in enumerate(sizes)]
        counts.append((int(np.prod(sizes)), f"the number of elements of the {what}"))
        for count, name in counts:
            if count > 1 and abs(scale - count) < 1e-3 * count:
                return f" ({count} is {name})"
            if count > 1 and abs(scale * count - 1) < 1e-3:
                return f" ({count} is {name}: a mean for a sum?)"
    return ""
