"""Hypothesis strategies for tensors and for what operations take beside them.

Every argument that says what is drawn may be a value or a strategy itself. Examples shrink to few elements,
simple numbers and contiguous memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..creation import tensor
from ..errors import ArgumentError
from ..tensor import Tensor
from .domains import DOMAINS, SQUARE, in_complex, st
from .layouts import LAYOUTS
from .subject import HostArray, tensor_of

__all__ = ["broadcastable", "einsums", "indices", "shapes", "tensors"]

Draw = Callable[[Any], Any]


def _chosen(draw: Draw, given: Any) -> Any:
    """A value, drawn if a strategy for it was given."""
    return draw(given) if isinstance(given, st.SearchStrategy) else given


def shapes(
    min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3
) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw shapes, 0-d and without elements among them.

    Args:
        min_dims, max_dims: bounds of the number of dimensions.
        min_side, max_side: bounds of each size.

    Example:
        >>> from hypothesis import given
        >>> from tapegrad.testing import strategies
        >>> @given(strategies.shapes(1, 2))
        ... def test_dimensions(shape):
        ...     assert len(shape) in (1, 2)
        >>> test_dimensions()
    """
    return _shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


@st.composite
def _shapes(
    draw: Draw, min_dims: int, max_dims: int, min_side: int, max_side: int
) -> tuple[int, ...]:
    # more dimensions are more often drawn: there are more of such shapes, and they show more
    dims = draw(
        st.sampled_from([d for d in range(min_dims, max_dims + 1) for _ in range(3 + 2 * d)])
    )
    sides = [draw(st.sampled_from(range(max(min_side, 1), max_side + 1))) for _ in range(dims)]
    if dims and not min_side and draw(st.sampled_from([False] * 9 + [True])):
        sides[draw(st.integers(0, dims - 1))] = 0
    return tuple(sides)


def tensors(
    dtype: Any = np.float64,
    shape: Any = None,
    layout: Any = None,
    device: Any = "cpu",
    domain: Any = "real",
    requires_grad: bool = True,
) -> st.SearchStrategy[Tensor]:
    """Draw tensors.

    Args:
        dtype: dtype; float64 and complex128 are what gradients are checked in.
        shape: shape; any of up to three dimensions by default, without elements among them.
        layout: `"contiguous"`, `"transposed"`, `"reversed"` (negative strides), `"strided"` (with gaps) or
            `"broadcast"` (a dimension whose elements are one in memory); any of them by default.
        device: where the tensors are.
        domain: what values they have: `"real"` (with zeros and ties), `"positive"`, `"nonnegative"`, `"nonzero"`,
            `"unit"` (in (-1, 1)), `"probability"` (in (0, 1)), `"distinct"`; or what matrices: `"invertible"`,
            `"positive_definite"`, `"symmetric"` (with distinct eigenvalues). Complex values are these, turned.
        requires_grad: whether they require a gradient, if they are of a dtype that can.

    Raises:
        ArgumentError: when drawn from, for an unknown domain or layout, or a shape that is no square matrix.

    Example:
        >>> from hypothesis import given
        >>> from tapegrad.testing import strategies
        >>> @given(strategies.tensors(shape=(2, 3), domain="positive"))
        ... def test_square_root(x):
        ...     assert x.shape == (2, 3) and (x > 0).all()
        >>> test_square_root()
    """
    return _tensors(
        dtype=dtype, shape=shape, layout=layout, device=device, domain=domain,
        requires_grad=requires_grad,
    )  # fmt: skip


@st.composite
def _tensors(
    draw: Draw, dtype: Any, shape: Any, layout: Any, device: Any, domain: Any, requires_grad: bool
) -> Tensor:
    domain = _chosen(draw, domain)
    if domain not in DOMAINS:
        raise ArgumentError(
            f"tensors: domain must be one of {', '.join(map(repr, DOMAINS))}, got {domain!r}"
        )
    if shape is None:
        shape = draw(shapes(max_dims=1 if domain in SQUARE else 3))
        if domain in SQUARE:
            shape = shape + 2 * (draw(st.integers(1, 3)),)
    shape = tuple(_chosen(draw, shape))
    if domain in SQUARE and (len(shape) < 2 or shape[-1] != shape[-2]):
        raise ArgumentError(
            f"tensors: the domain {domain!r} is of square matrices, got shape {shape}"
        )
    kind = np.dtype(_chosen(draw, dtype))
    values = DOMAINS[domain](draw, shape)
    if kind.kind == "c":
        values = in_complex(draw, values, domain)
    if kind.kind in "iub":
        values = np.round(values)
    array = _laid(draw, layout, values.astype(kind), domain)
    made = tensor_of(np.asarray(array), _chosen(draw, device))
    return made.requires_grad_() if requires_grad and kind.kind in "fc" else made


def _laid(draw: Draw, layout: Any, array: HostArray, domain: str) -> HostArray:
    """The array in one of the layouts."""
    names = ["contiguous", *LAYOUTS]
    if domain not in SQUARE and domain != "distinct":  # whose elements must not all be the same
        names.append("broadcast")
    layout = draw(st.sampled_from(names)) if layout is None else _chosen(draw, layout)
    if layout == "contiguous":
        return array
    if layout == "broadcast":
        wide = [k for k, n in enumerate(array.shape) if n > 1]
        if not wide:
            return array
        axis = draw(st.sampled_from(wide))
        return np.broadcast_to(array.take([0], axis), array.shape)
    if layout not in LAYOUTS:
        raise ArgumentError(f"tensors: layout must be one of {names}, got {layout!r}")
    return LAYOUTS[layout](array)


def broadcastable(
    count: int = 2, shape: Any = None, **more: Any
) -> st.SearchStrategy[tuple[Tensor, ...]]:
    """Draw tensors whose shapes broadcast to one.

    Args:
        count: how many.
        shape: shape of the result; any by default.
        more: as for `tensors`; `domain` may be a tuple with one for each.

    Example:
        >>> from hypothesis import given
        >>> import tapegrad as tg
        >>> from tapegrad.testing import strategies
        >>> @given(strategies.broadcastable(3))
        ... def test_sum(operands):
        ...     a, b, c = operands
        ...     assert (a + b + c).shape == tg.broadcast_shapes(a.shape, b.shape, c.shape)
        >>> test_sum()
    """
    return _broadcastable(count=count, shape=shape, more=more)


@st.composite
def _broadcastable(draw: Draw, count: int, shape: Any, more: dict[str, Any]) -> tuple[Tensor, ...]:
    whole = tuple(
        draw(shapes() if shape is None else shape) if not isinstance(shape, tuple) else shape
    )
    domain = more.get("domain", "real")
    domains = domain if isinstance(domain, tuple) else (domain,) * count
    made = []
    for i in range(count):
        how = draw(st.sampled_from(["whole", "whole", "fewer", "ones", "both"]))
        own = whole[draw(st.integers(0, len(whole))) :] if how in ("fewer", "both") else whole
        if how in ("ones", "both"):
            own = tuple(1 if n > 1 and draw(st.booleans()) else n for n in own)
        made.append(draw(tensors(shape=own, **{**more, "domain": domains[i]})))
    return tuple(made)


def indices(shape: tuple[int, ...], arrays: bool = True) -> st.SearchStrategy[Any]:
    """Draw what may stand in the brackets of `x[...]`.

    Integers, slices with steps of both signs, `None` and `...`, integer tensors that broadcast against each
    other, with repeated and negative elements, and masks of bools.

    Args:
        shape: of the tensor that is indexed.
        arrays: whether integer tensors and masks are among them.

    Example:
        >>> from hypothesis import given
        >>> import tapegrad as tg
        >>> from tapegrad.testing import strategies
        >>> @given(strategies.indices((2, 3)))
        ... def test_values_are_picked(index):
        ...     assert set(tg.ones(2, 3)[index].reshape(-1).tolist()) <= {1.0}
        >>> test_values_are_picked()
    """
    return _indices(shape=tuple(shape), arrays=arrays)


@st.composite
def _indices(draw: Draw, shape: tuple[int, ...], arrays: bool) -> Any:
    if arrays and shape and draw(st.integers(0, 5)) == 5:
        dims = draw(st.integers(1, len(shape)))
        size = int(np.prod(shape[:dims]))
        mask = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        return tensor(np.array(mask, bool).reshape(shape[:dims]))
    common = draw(st.sampled_from([(2,), (1,), (3,), (2, 2), ()]))
    kinds = ["slice", "int", "array"] if arrays else ["slice", "int"]
    index: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(kinds)) if n else "slice"
        if kind == "slice":
            index.append(draw(st.slices(n)))
        elif kind == "int":
            index.append(draw(st.integers(-n, n - 1)))
        else:
            size = int(np.prod(common))
            places = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            index.append(tensor(np.array(places, np.int64).reshape(common)))
    if draw(st.booleans()):
        index.append(Ellipsis)
    if draw(st.booleans()):
        index.insert(draw(st.integers(0, len(index))), None)
    return index[0] if len(index) == 1 and draw(st.booleans()) else tuple(index)


def einsums(
    max_operands: int = 3, max_letters: int = 4, max_side: int = 3, dtype: Any = np.float64
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw einsum equations with operands that fit: `(equation, operand, ...)`.

    Letters repeat within an operand (diagonals), stand in one operand only (sums), and the result is any choice
    of them, or left to be implied.

    Args:
        max_operands: how many operands at most.
        max_letters: how many different letters.
        max_side: greatest size of a letter.
        dtype: of the operands.

    Example:
        >>> from hypothesis import given
        >>> import tapegrad as tg
        >>> from tapegrad.testing import strategies
        >>> @given(strategies.einsums())
        ... def test_nothing_is_refused(call):
        ...     equation, *operands = call
        ...     tg.einsum(equation, *operands)
        >>> test_nothing_is_refused()
    """
    return _einsums(
        max_operands=max_operands, max_letters=max_letters, max_side=max_side, dtype=dtype
    )


@st.composite
def _einsums(
    draw: Draw, max_operands: int, max_letters: int, max_side: int, dtype: Any
) -> tuple[Any, ...]:
    letters = "ijkl"[: draw(st.integers(1, min(max_letters, 4)))]
    sides = {letter: draw(st.integers(1, max_side)) for letter in letters}
    terms = [
        "".join(draw(st.lists(st.sampled_from(letters), max_size=3)))
        for _ in range(draw(st.integers(1, max_operands)))
    ]
    equation = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set("".join(terms)))
        equation += "->" + "".join(
            draw(st.lists(st.sampled_from(used), unique=True)) if used else ""
        )
    operands = [
        draw(tensors(dtype, shape=tuple(sides[c] for c in term), domain="unit")) for term in terms
    ]
    return (equation, *operands)
