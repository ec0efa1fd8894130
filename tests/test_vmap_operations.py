"""`vmap` of every row of the table: equal to the loop over the examples, value and gradient."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from calls import host, is_varied, label, listed, mapped
from samples import ROWS, Row, Sample
from tapegrad.tensor import Tensor

EXAMPLES = 2


def examples_of(row: Row) -> Iterator[list[Sample]]:
    """Samples in groups of alike ones: the same call with other numbers."""
    seed = zlib.crc32(row.name.encode())
    drawn = [row.samples(np.random.default_rng(seed + i)) for i in range(EXAMPLES)]
    for group in zip(*drawn, strict=True):
        first = signature(group[0])
        yield list(group) if all(signature(s) == first for s in group) else [group[0]] * EXAMPLES


def signature(sample: Sample) -> str:
    """Everything about a sample but the values of its arrays."""
    return repr(mapped((sample.args, sample.kwargs), lambda a: (a.shape, a.dtype)))


def arrays_in(sample: Sample) -> list[np.ndarray]:
    """The arrays of a sample, in the order of its arguments."""
    found: list[np.ndarray] = []
    mapped((sample.args, sample.kwargs), lambda a: found.append(a))
    return found


def caller(row: Row, sample: Sample) -> Callable[..., tuple[Any, ...]]:
    """The call as a function of its arrays."""

    def function(*inputs: Any) -> tuple[Any, ...]:
        given = iter(inputs)
        args, kwargs = mapped((sample.args, sample.kwargs), lambda a: next(given))
        result = listed(row.function(*args, **kwargs))
        return tuple(r for r in result if isinstance(r, Tensor))

    return function


def ways(count: int, turn: int = 0) -> list[tuple[int | None, ...]]:
    """Which arrays are mapped over: all of them, and each alone (of many three, and others next time)."""
    chosen = sorted({(3 * turn + i) % count for i in range(3)}) if count > 1 else []
    return [(0,) * count, *(tuple(0 if i == j else None for j in range(count)) for i in chosen)]


def tensors(group: list[Sample], dims: tuple[int | None, ...], device: str) -> list[Tensor]:
    """The arrays of all examples on top of each other, or those of the first one."""
    made = []
    for dim, *arrays in zip(dims, *map(arrays_in, group), strict=True):
        array = arrays[0].copy() if dim is None else np.stack(arrays)
        made.append(tg.tensor(array, device=device, requires_grad=is_varied(array)))
    return made


def looped(function: Any, inputs: list[Tensor], dims: tuple[int | None, ...]) -> list[Tensor]:
    """The function applied to one example after the other."""
    results = [
        function(*(x if d is None else x[i] for x, d in zip(inputs, dims, strict=True)))
        for i in range(EXAMPLES)
    ]
    return [tg.stack(list(pieces)) for pieces in zip(*results, strict=True)]


def weights_like(outputs: list[Tensor], seed: int) -> list[Tensor]:
    """A random gradient for each of several tensors."""
    rng = np.random.default_rng(seed)
    return [tg.tensor(rng.uniform(0.5, 1.5, o.shape), device=o.device).to(o.dtype) for o in outputs]


def gradients_of(outputs: list[Tensor], inputs: list[Tensor], again: bool) -> list[np.ndarray]:
    """Gradients of recorded outputs, zeros where there is none; and those of these gradients."""
    leaves = [x for x in inputs if x.requires_grad]
    live = [o for o in outputs if o.requires_grad]
    if not live:
        return []
    cotangents = [c.requires_grad_(again) for c in weights_like(live, 0)]
    first = tg.autograd.grad(live, leaves, cotangents, create_graph=again, allow_unused=True)
    found = filled(first, leaves)
    live = [g for g in first if g is not None and g.requires_grad]
    if not live:
        return found
    both = [*leaves, *cotangents]
    second = tg.autograd.grad(live, both, weights_like(live, 1), allow_unused=True)
    return found + filled(second, both)


def filled(gradients: Any, leaves: list[Tensor]) -> list[np.ndarray]:
    """Gradients on the host, with zeros where there is none."""
    pairs = zip(leaves, gradients, strict=True)
    return [np.zeros(x.shape) if g is None else host(g) for x, g in pairs]


def check(
    row: Row, group: list[Sample], dims: tuple[int | None, ...], again: bool, device: str
) -> None:
    function = caller(row, group[0])
    said = f"{row}{label(group[0])} {dims}"
    inputs = tensors(group, dims, device)
    with np.errstate(all="ignore"):
        have = tg.func.vmap(function, in_dims=dims, randomness="same")(*inputs)
        want = looped(function, inputs, dims)
        assert len(have) == len(want)
        for h, w in zip(have, want, strict=True):
            assert h.dtype == w.dtype, said
            tolerances.assert_same(host(h), host(w), said)
        pairs = zip(
            gradients_of(list(have), inputs, again), gradients_of(want, inputs, again), strict=True
        )
        for h, w in pairs:
            tolerances.assert_same(h, w, f"gradient of {said}")


# Rows of which some samples are refused, and why; the others of their samples must agree.
SIZES = "the size of the result depends on values"
REFUSED = {
    "repeat_interleave": SIZES, "masked_select": SIZES, "nonzero": SIZES, "argwhere": SIZES,
    "unique": SIZES, "unique_consecutive": SIZES, "bincount": SIZES, "one_hot": SIZES,
    "getitem": "a mask that differs between examples", "index_put": "such a mask",
    "masked_scatter": "such a mask", "setitem": "such a mask, or a target that is not batched",
    "histc": "the range of the bins", "histogram": "the range of the bins",
    "ctc_loss": "the labels are read on the host", "embedding_bag": "offsets and padding",
    "embedding_bag_weighted": "offsets and padding",
    "as_strided": "an example has no memory of its own",
}  # fmt: skip
MAPPED_TOGETHER = {"searchsorted"}  # a sorter fits one sequence only


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_mapping_an_operation_is_the_loop_over_the_examples(row: Row, device: str) -> None:
    refused = 0
    name = row.name.removesuffix(" (complex)")
    for i, group in enumerate(examples_of(row)):
        count = len(arrays_in(group[0]))
        cases = ways(count, i) if count else []
        for dims in cases[:1] if name in MAPPED_TOGETHER else cases:
            again = row.differentiable and i == 0
            try:
                check(row, group, dims, again, device)
            except (tg.errors.GraphError, tg.errors.ArgumentError) as error:
                if name not in REFUSED or "vmap" not in str(error):
                    raise
                refused += 1
    assert refused or row.name not in REFUSED, "no longer refused: take it off the list"


def nested_ways(count: int) -> list[tuple[Any, Any]]:
    """Which arrays the outer and the inner mapping go over: all, or one here and the others there."""
    alone = [(way, tuple(None if d == 0 else 0 for d in way)) for way in ways(count)[1:]]
    return [((0,) * count, (0,) * count), *alone]


def nested_tensors(group: list[Sample], outer: Any, inner: Any, device: str) -> list[Tensor]:
    """As many examples as either mapping goes over, those of the outer one in both orders."""
    made = []
    for a, b, *arrays in zip(outer, inner, *map(arrays_in, group), strict=True):
        array = np.stack(arrays)
        if a is not None and b is not None:
            array = np.stack([array, array[::-1]])
        made.append(tg.tensor(array, device=device, requires_grad=is_varied(array)))
    return made


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.name.removesuffix(" (complex)") not in REFUSED], ids=repr
)
def test_nested_mappings_are_the_nested_loops(row: Row, device: str) -> None:
    group = next(g for g in examples_of(row))
    count = len(arrays_in(group[0]))
    if not count or row.name in MAPPED_TOGETHER:
        return
    function = caller(row, group[0])
    for outer, inner in nested_ways(count):
        inputs = nested_tensors(group, outer, inner, device)
        examples = next(x.shape[0] for x, d in zip(inputs, outer, strict=True) if d is not None)
        with np.errstate(all="ignore"):
            inside = tg.func.vmap(function, in_dims=inner, randomness="same")
            have = tg.func.vmap(inside, in_dims=outer, randomness="same")(*inputs)
            rows = [
                looped(
                    function,
                    [x if d is None else x[i] for x, d in zip(inputs, outer, strict=True)],
                    inner,
                )
                for i in range(examples)
            ]
            want = [tg.stack(list(pieces)) for pieces in zip(*rows, strict=True)]
            said = f"{row}{label(group[0])} {outer} {inner}"
            for h, w in zip(have, want, strict=True):
                tolerances.assert_same(host(h), host(w), said)
            again = row.differentiable
            for h, w in zip(
                gradients_of(list(have), inputs, again), gradients_of(want, inputs, again),
                strict=True,
            ):  # fmt: skip
                tolerances.assert_same(h, w, f"gradient of {said}")
