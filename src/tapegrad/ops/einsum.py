"""Sums of products over named dimensions: `einsum` and `tensordot`.

A plan is made from the equation and the shapes alone, and remembered: which diagonals and sums to take
of each operand, which pair to multiply next, and how to lay out a pair so that BLAS does the work. It
is carried out by recorded operations, so gradients of every order follow.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import Shape
from ..device import apart
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from .arithmetic import mul
from .cast import as_operand, cast, different_devices
from .diagonal import diagonal
from .linalg import matmul
from .output import into
from .products import operands
from .reduce import sum
from .shape import normal_dim, permute, reshape
from .words import implements

__all__ = ["einsum", "tensordot"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Dimensions that "..." stands for, counted from the last: no letter, so they meet nothing else.
_DOTS = tuple(f"...{i}" for i in range(64))

Labels = tuple[str, ...]


def einsum(*args: Any) -> Tensor:
    """Sum of products of tensors, over the dimensions that the result does not name.

    Value: for `"ij,jk->ik"` `out[i, k] = sum over j of a[i, j] * b[j, k]`. A letter twice in one operand
    takes its diagonal. `...` stands for dimensions that broadcast. Without `->` the result has the
    dimensions of `...`, then the letters that occur once, in alphabetical order, capitals first.
    Adjoint: for each operand the same kind of sum, of `g` and the others.

    Several operands are multiplied in pairs, at each step the one whose product is smallest compared
    with its factors; each product is one `matmul` where a dimension is summed.

    Args:
        args: the equation and the operands, one by one or as one sequence; or operands each followed by
            a list of its dimensions as ints from 0 to 51 (and `...`), and perhaps the list of the result.
            Dimensions of size 1 broadcast.

    Returns:
        The result; a view if nothing had to be computed.

    Raises:
        ArgumentError: if the equation is no equation, or does not fit the operands.
        ShapeError: if a letter has different sizes.
        DtypeError: if dtypes differ where a dimension is summed.

    Example:
        >>> import tapegrad as tg
        >>> tg.einsum("ij,j->i", tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 10.0]))
        tensor([21., 43.])
        >>> tg.einsum("ii", tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)

    References:
        D. G. A. Smith, J. Gray, "opt_einsum: a Python package for optimizing contraction order",
        Journal of Open Source Software 3(26), 2018 (the greedy order).
    """
    equation, tensors = _equation(args)
    return _carried_out(_plan(equation, tuple(t.array.shape for t in tensors)), tensors)


def _carried_out(plan: _Plan, tensors: list[Tensor]) -> Tensor:
    kinds = {t.array.dtype for t in tensors}
    if plan.sums and len(tensors) > 1 and len(kinds) == 1 and kinds.pop().kind in "biu":
        tensors = [cast(t, int64) for t in tensors]  # the sums are int64, and meet the others
    for i, steps in enumerate(plan.alone):
        for step in steps:
            tensors[i] = _ALONE[step[0]](tensors[i], *step[1:])
    for pair in plan.pairs:
        second, first = tensors.pop(pair.second), tensors.pop(pair.first)
        tensors.append(_multiply(first, second, pair))
    out = tensors[0]
    return out if plan.order is None else permute(out, plan.order)


def _equation(args: Any) -> tuple[str, list[Tensor]]:
    """The equation as one string, and the operands."""
    if args and isinstance(args[0], str):
        equation, given = args[0], args[1:]
        if len(given) == 1 and isinstance(given[0], (tuple, list)):
            given = tuple(given[0])
    elif len(args) > 1:
        given, lists = args[: len(args) // 2 * 2 : 2], args[1::2]
        equation = ",".join(map(_spelled, lists))
        if len(args) % 2:
            equation += "->" + _spelled(args[-1])
    else:
        given = ()
    if not given:
        raise ArgumentError(
            "einsum: expected an equation and operands, or operands each followed by a list of its "
            "dimensions"
        )
    tensors = [as_operand(t, "einsum", f"operand {i}") for i, t in enumerate(given)]
    for t in tensors[1:]:
        if apart(t.array, tensors[0].array):
            raise different_devices("einsum", tensors[0], t)
    return equation, tensors


def _spelled(dims: Any) -> str:
    if not isinstance(dims, (tuple, list)):
        raise ArgumentError(f"einsum: expected a list of dimensions, got {type(dims).__name__}")
    spelled = ""
    for d in dims:
        if d is Ellipsis:
            spelled += "..."
        elif isinstance(d, int) and 0 <= d < len(_LETTERS):
            spelled += _LETTERS[d]
        else:
            raise ArgumentError(
                f"einsum: a dimension must be an int from 0 to 51 or ..., got {d!r}"
            )
    return spelled


class _Pair(NamedTuple):
    """How to multiply two operands; None where nothing is to be done.

    Attributes:
        first, second: their places, the first before the second.
        how: the function: "mul" or "matmul".
        order1, shape1, order2, shape2: permutation and shape of each before it.
        summed: the dimensions to sum after it, for "mul".
        shape: of the result.
        swapped: the second operand is the left one.
        contracts: whether a dimension is summed, so that dtypes must agree.
    """

    first: int
    second: int
    how: str
    order1: Shape | None
    shape1: Shape | None
    order2: Shape | None
    shape2: Shape | None
    summed: Shape
    shape: Shape | None
    swapped: bool
    contracts: bool


class _Plan(NamedTuple):
    """What `einsum` does: steps on single operands, products of pairs, and the final order."""

    alone: tuple[tuple[Any, ...], ...]
    sums: bool  # whether the steps sum
    pairs: tuple[_Pair, ...]
    order: tuple[int, ...] | None


_ALONE: dict[str, Any] = {
    "diagonal": lambda t, a, b: diagonal(t, 0, a, b),
    "reshape": reshape,
    "sum": sum,
}


def _multiply(x: Tensor, y: Tensor, pair: _Pair) -> Tensor:
    if pair.contracts:
        x, y = operands("einsum", ("input", "other"), x, y)
    if pair.swapped:
        x, y = y, x
    x, y = _laid(x, pair.order1, pair.shape1), _laid(y, pair.order2, pair.shape2)
    out = matmul(x, y) if pair.how == "matmul" else mul(x, y)
    if pair.summed:
        out = sum(out, pair.summed, dtype=out.dtype)
    return out if pair.shape is None else reshape(out, pair.shape)


def _laid(x: Tensor, order: Any, shape: Any) -> Tensor:
    if order is not None:
        x = permute(x, order)
    return x if shape is None else reshape(x, shape)


@lru_cache(maxsize=512)
def _plan(equation: str, shapes: tuple[Shape, ...]) -> _Plan:
    inputs, out = _labels(equation, shapes)
    sizes = _sizes(inputs, shapes)
    plain = [_plain(labels, shape, sizes) for labels, shape in zip(inputs, shapes, strict=True)]
    alone, left = [steps for steps, _ in plain], [labels for _, labels in plain]
    for i, labels in enumerate(left):
        others = {*out, *(label for them in (*left[:i], *left[i + 1 :]) for label in them)}
        summed = tuple(k for k, label in enumerate(labels) if label not in others)
        if summed:
            alone[i].append(("sum", summed))
            left[i] = tuple(label for label in labels if label in others)
    pairs = []
    while len(left) > 1:
        i, j = _cheapest(left, out, sizes)
        second, first = left.pop(j), left.pop(i)
        kept = {*out, *(label for labels in left for label in labels)}
        pair, product = _layout(first, second, kept, out, sizes)
        pairs.append(pair._replace(first=i, second=j))
        left.append(product)
    sums = any(step[0] == "sum" for steps in alone for step in steps)
    return _Plan(tuple(map(tuple, alone)), sums, tuple(pairs), _order(left[0], out))


def _order(labels: Labels, wanted: Labels) -> tuple[int, ...] | None:
    """The permutation that brings labels into an order, None if they are in it."""
    return None if labels == wanted else tuple(labels.index(label) for label in wanted)


def _labels(equation: str, shapes: tuple[Shape, ...]) -> tuple[list[Labels], Labels]:
    """One label for each dimension of each operand, and those of the result."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(
            f"einsum: equation {equation!r} is for {len(terms)} operand(s), got {len(shapes)}"
        )
    inputs: list[Labels] = []
    covered = 0
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        before, dots, after = _parsed(equation, term)
        extra = len(shape) - len(before) - len(after)
        if extra < 0 or (extra and not dots):
            raise ArgumentError(
                f"einsum: {term.strip()!r} names {len(before) + len(after)} dimension(s), but operand "
                f"{i} has shape {shape}; write ... for dimensions without a name"
            )
        covered = max(covered, extra)
        inputs.append((*before, *reversed(_DOTS[:extra]), *after))
    many = tuple(reversed(_DOTS[:covered]))
    if not arrow:
        count = Counter(label for labels in inputs for label in labels if label not in _DOTS)
        return inputs, (*many, *sorted(label for label, n in count.items() if n == 1))
    before, dots, after = _parsed(equation, right)
    out = (*before, *(many if dots else ()), *after)
    known = {label for labels in inputs for label in labels}
    for label in out:
        if label not in known:
            raise ArgumentError(f"einsum: {label!r} in the result is in no operand of {equation!r}")
        if out.count(label) > 1:
            raise ArgumentError(f"einsum: {label!r} is twice in the result of {equation!r}")
    return inputs, out


def _parsed(equation: str, term: str) -> tuple[str, bool, str]:
    """Letters before and after the ellipsis, and whether there is one."""
    before, dots, after = term.partition("...")
    letters = before.replace(" ", ""), after.replace(" ", "")
    for letter in letters[0] + letters[1]:
        if letter not in _LETTERS:
            hint = (
                "one ... at most" if letter == "." else "letters, spaces, '...', ',' and one '->'"
            )
            raise ArgumentError(
                f"einsum: {letter!r} in {term.strip()!r} of equation {equation!r}: expected {hint}"
            )
    return letters[0], bool(dots), letters[1]


def _sizes(inputs: list[Labels], shapes: tuple[Shape, ...]) -> dict[str, int]:
    """The size of each label: equal wherever it is not 1."""
    sizes: dict[str, int] = {}
    for i, (labels, shape) in enumerate(zip(inputs, shapes, strict=True)):
        own: dict[str, int] = {}
        for label, n in zip(labels, shape, strict=True):
            if own.setdefault(label, n) != n:
                raise ShapeError(
                    f"einsum: {label!r} is twice in operand {i}, with sizes {own[label]} and {n}"
                )
            known = sizes.get(label, 1)
            if n != known and n != 1 and known != 1:
                named = "a dimension of '...'" if label in _DOTS else repr(label)
                raise ShapeError(
                    f"einsum: {named} has size {n} in operand {i}, of shape {shape}, and {known} before"
                )
            if n != 1 or label not in sizes:
                sizes[label] = n
    return sizes


def _plain(
    labels: Labels, shape: Shape, sizes: dict[str, int]
) -> tuple[list[tuple[Any, ...]], Labels]:
    """The steps that leave an operand with every label once, and only those it does not broadcast."""
    steps: list[tuple[Any, ...]] = []
    names, dims = list(labels), list(shape)
    for label in dict.fromkeys(labels):
        while names.count(label) > 1:
            a = names.index(label)
            b = names.index(label, a + 1)
            steps.append(("diagonal", a, b))
            dims.append(dims[a])  # `diagonal` puts it last
            names.append(label)
            for k in (b, a):
                del names[k], dims[k]
    kept = [k for k, label in enumerate(names) if dims[k] == sizes[label]]
    if len(kept) < len(names):
        names = [names[k] for k in kept]
        steps.append(("reshape", tuple(dims[k] for k in kept)))
    return steps, tuple(names)


def _cheapest(left: list[Labels], out: Labels, sizes: dict[str, int]) -> tuple[int, int]:
    """The pair whose product is smallest compared with its factors; then the one of least work."""
    if len(left) == 2:
        return 0, 1

    def size(labels: Any) -> int:
        return math.prod(sizes[label] for label in labels)

    def cost(pair: tuple[int, int]) -> tuple[int, int]:
        first, second = left[pair[0]], left[pair[1]]
        kept = {*out, *(label for k, them in enumerate(left) if k not in pair for label in them)}
        both = {*first, *second}
        return size(both & kept) - size(first) - size(second), size(both)

    n = len(left)
    return min(((i, j) for i in range(n) for j in range(i + 1, n)), key=cost)


def _layout(
    first: Labels, second: Labels, kept: set[str], out: Labels, sizes: dict[str, int]
) -> tuple[_Pair, Labels]:
    """How to multiply two operands, and the labels of the product."""
    shared = [label for label in first if label in second]
    batch = tuple(label for label in shared if label in kept)
    summed = tuple(label for label in shared if label not in kept)
    x, y = first, second
    own = [tuple(label for label in labels if label not in shared) for labels in (x, y)]
    ahead = next((label for label in out if label in own[0] or label in own[1]), None)
    swapped = ahead in own[1]  # the result then needs no transposition
    if swapped:
        x, y, own = y, x, own[::-1]
    if len(y) > len(x):  # the larger one's order, so that it need not be copied
        summed = tuple(label for label in y if label in summed)
    elif swapped:
        summed = tuple(label for label in x if label in summed)

    def shape(*groups: Labels) -> Shape:
        return tuple(sizes[label] for group in groups for label in group)

    product = (*batch, *own[0], *own[1])
    front, result = shape(batch), shape(product)
    dims: Shape = ()
    n: Shape
    m: Shape
    if summed and (own[0] or own[1] or not batch):
        how = "matmul"
        orders = (*batch, *own[0], *summed), (*batch, *summed, *own[1])
        n, m = ((math.prod(shape(group)),) if group or batch else () for group in own)
        inner = math.prod(shape(summed))
        shapes = (*front, *n, inner), (*front, inner, *m)
        made = (*front, *n, *m)
    else:
        how, dims = "mul", tuple(range(len(product), len(product) + len(summed)))
        orders = (*batch, *own[0], *summed), (*batch, *own[1], *summed)
        n, m = ((1,) * len(group) for group in own)
        back = shape(summed)
        shapes = (*front, *shape(own[0]), *m, *back), (*front, *n, *shape(own[1]), *back)
        made = result
    laid = [
        (_order(labels, order), None if shape(order) == wanted else wanted)
        for labels, order, wanted in zip((x, y), orders, shapes, strict=True)
    ]
    pair = _Pair(
        0, 1, how, *laid[0], *laid[1], dims, None if made == result else result, swapped, bool(summed)
    )  # fmt: skip
    return pair, product


def tensordot(
    a: Tensor, b: Tensor, dims: Any = 2, *, axes: Any = None, out: Tensor | None = None
) -> Tensor:
    """Sum of products of two tensors over pairs of their dimensions.

    Value: for `dims=1` `sum over k of a[..., k] * b[k, ...]`. Adjoint: for each operand the same kind of
    sum, of `g` and the other one.

    Args:
        a, b: tensors of one dtype.
        dims: how many of the last dimensions of `a` meet the first ones of `b`; or two sequences that
            name the pairs.
        axes: NumPy's name of `dims`.
        out: tensor to write the result into, of its shape or empty; only where nothing is recorded.

    Returns:
        The other dimensions of `a`, then those of `b`.

    Raises:
        ArgumentError: if `dims` names no pairs.
        DimensionError: if one does not exist.
        ShapeError: if the sizes of a pair differ (1 broadcasts).
        DtypeError: if the dtypes differ, or are bool.

    Example:
        >>> import tapegrad as tg
        >>> tg.tensordot(tg.ones(2, 3, 4), tg.ones(4, 3), dims=([1, 2], [1, 0]))
        tensor([12., 12.])
    """
    dims = dims if axes is None else axes
    if out is not None:
        return into(out, tensordot, a, b, dims)
    a, b = operands("tensordot", ("a", "b"), a, b)
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ArgumentError(
                f"tensordot: dims must be between 0 and {min(a.ndim, b.ndim)} for shapes {a.shape} and "
                f"{b.shape}, got {dims}"
            )
        pairs = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        pairs = _named_pairs(dims, a, b)
    first = _LETTERS[: a.ndim]
    second = list(_LETTERS[a.ndim : a.ndim + b.ndim])
    for i, j in zip(*pairs, strict=True):
        second[j] = first[i]
        m, n = a.shape[i], b.shape[j]
        if m != n and 1 not in (m, n):
            raise ShapeError(
                f"tensordot: dim {i} of {a.shape} and dim {j} of {b.shape} differ ({m} != {n})"
            )
    rest = [label for label in (*first, *second) if (label in first) != (label in second)]
    equation = f"{first},{''.join(second)}->{''.join(rest)}"
    return _carried_out(_plan(equation, (a.array.shape, b.array.shape)), [a, b])


def _named_pairs(dims: Any, a: Tensor, b: Tensor) -> tuple[list[int], list[int]]:
    if not isinstance(dims, (tuple, list)) or len(dims) != 2:
        raise ArgumentError(f"tensordot: dims must be an int or two sequences, got {dims!r}")
    found = []
    for given, tensor, name in zip(dims, (a, b), "ab", strict=True):
        if not isinstance(given, (tuple, list)):
            raise ArgumentError(
                f"tensordot: dims of {name} must be a sequence of ints, got {given!r}"
            )
        normal = [normal_dim("tensordot", d, tensor.ndim) for d in given]
        if len(set(normal)) != len(normal):
            raise ArgumentError(f"tensordot: dims {list(given)} of {name} names a dimension twice")
        found.append(normal)
    if len(found[0]) != len(found[1]):
        raise ArgumentError(
            f"tensordot: dims names {len(found[0])} dimension(s) of a and {len(found[1])} of b"
        )
    return found[0], found[1]


@implements(np.einsum)
def _numpy_einsum(*operands_: Any, **options: Any) -> Any:
    unknown = options.keys() - {"optimize", "order"}
    if unknown:
        raise ArgumentError(f"np.einsum: {', '.join(sorted(unknown))} is not supported for tensors")
    return einsum(*operands_)


@implements(np.tensordot)
def _numpy_tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if not isinstance(axes, int):
        axes = [[d] if isinstance(d, int) else list(d) for d in axes]
    return tensordot(a, b, axes)
