"""The promotion table, written out, and the same against PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from calls import over

NAMES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]

# Row and column in the order of NAMES; b bool, u1 uint8, i1..i8 ints, f2..f8 floats, c8 c16 complex.
TABLE = """
    b   u1  i1  i2  i4  i8  f2  f4  f8  c8  c16
    u1  u1  i2  i2  i4  i8  f2  f4  f8  c8  c16
    i1  i2  i1  i2  i4  i8  f2  f4  f8  c8  c16
    i2  i2  i2  i2  i4  i8  f2  f4  f8  c8  c16
    i4  i4  i4  i4  i4  i8  f2  f4  f8  c8  c16
    i8  i8  i8  i8  i8  i8  f2  f4  f8  c8  c16
    f2  f2  f2  f2  f2  f2  f2  f4  f8  c8  c16
    f4  f4  f4  f4  f4  f4  f4  f4  f8  c8  c16
    f8  f8  f8  f8  f8  f8  f8  f8  f8  c16 c16
    c8  c8  c8  c8  c8  c8  c8  c8  c16 c8  c16
    c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16
"""
BOTH = {
    (a, b): np.dtype({"b": "?"}.get(code, code))
    for a, line in zip(NAMES, TABLE.strip().splitlines(), strict=True)
    for b, code in zip(NAMES, line.split(), strict=True)
}
NUMBERS = {"bool": True, "int": 2, "float": 0.5, "complex": 1j}
# A number changes the dtype only when its category is higher: to int64, float32, complex64 (or 128).
WITH_NUMBER = {
    "bool": dict.fromkeys(NAMES) | {n: n for n in NAMES},
    "int": {n: n for n in NAMES} | {"bool": "int64"},
    "float": {n: "float32" for n in NAMES[:6]} | {n: n for n in NAMES[6:]},
    "complex": {n: "complex64" for n in NAMES[:9]} | {"float64": "complex128"}
    | {n: n for n in NAMES[9:]},
}  # fmt: skip
RANK = dict(zip(NAMES, (0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3), strict=True))
pairs = over(list(itertools.product(NAMES, NAMES)))


def ranked(dimensioned: str, zero_dim: str) -> Any:
    """A 0-d tensor changes the dtype only when its category is higher."""
    if RANK[zero_dim] <= RANK[dimensioned]:
        return np.dtype(dimensioned)
    if RANK[dimensioned] == 2:  # real with complex: the dimensioned one gives the precision
        return np.dtype("complex128" if dimensioned == "float64" else "complex64")
    return BOTH[dimensioned, zero_dim]


def torch_name(dtype: Any) -> str:
    """The dtype's name in our terms: NumPy has no complex32, so tapegrad answers complex64 there."""
    return str(dtype).removeprefix("torch.").replace("complex32", "complex64")


half_complex = pytest.mark.filterwarnings("ignore:ComplexHalf support:UserWarning")


def made(name: str, *shape: int) -> Any:
    return (
        tg.ones(*shape, dtype=getattr(tg, name)) if shape else tg.tensor(1, dtype=getattr(tg, name))
    )


@pairs
def test_tensors_promote_by_the_table(a: str, b: str) -> None:
    x, y = made(a, 2), made(b, 2)
    assert tg.promote_types(x.dtype, y.dtype) == BOTH[a, b]
    assert tg.result_type(x, y) == BOTH[a, b]
    assert (x + y).dtype == (x * y).dtype == tg.where(x == x, x, y).dtype == BOTH[a, b]
    assert tg.cat([x, y]).dtype == BOTH[a, b]
    assert (made(a) + made(b)).dtype == BOTH[a, b]


@pairs
def test_a_tensor_with_dimensions_outranks_one_without(a: str, b: str) -> None:
    x, y = made(a, 2), made(b)
    assert tg.result_type(x, y) == (x + y).dtype == (y * x).dtype == ranked(a, b)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("shape", [(2,), ()])
def test_a_number_changes_only_the_category(name: str, number: str, shape: Any) -> None:
    x, wanted = made(name, *shape), np.dtype(WITH_NUMBER[number][name])
    value = NUMBERS[number]
    assert tg.result_type(x, value) == (x + value).dtype == (value * x).dtype == wanted


@pairs
def test_division_of_integers_is_floating(a: str, b: str) -> None:
    quotient = made(a, 2) / made(b, 2)
    assert quotient.dtype == (tg.float32 if RANK[a] < 2 and RANK[b] < 2 else BOTH[a, b])


@pairs
def test_comparisons_of_any_two_dtypes_are_bool(a: str, b: str) -> None:
    assert (made(a, 2) == made(b, 2)).dtype == tg.bool
    assert (made(a, 2) == made(b, 2)).all()


def test_the_default_dtype_decides_for_numbers() -> None:
    tg.set_default_dtype(tg.float64)
    try:
        assert (tg.ones(2, dtype=tg.int64) * 0.5).dtype == tg.float64
        assert (tg.ones(2, dtype=tg.int64) / 2).dtype == tg.float64
        assert (tg.ones(2, dtype=tg.float32) * 0.5).dtype == tg.float32
    finally:
        tg.set_default_dtype(tg.float32)


def test_gradients_come_back_in_the_dtype_of_their_input() -> None:
    x = tg.ones(2, dtype=tg.float32, requires_grad=True)
    y = tg.ones(2, dtype=tg.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == tg.float32 and y.grad.dtype == tg.float64


@pytest.mark.torch
@half_complex
@pairs
def test_promotion_equals_pytorchs(a: str, b: str) -> None:
    torch = pytest.importorskip("torch")
    for shapes in itertools.product([(2,), ()], repeat=2):
        x, y = (made(n, *s) for n, s in zip((a, b), shapes, strict=True))
        tx, ty = (
            torch.ones(s, dtype=getattr(torch, n)) for n, s in zip((a, b), shapes, strict=True)
        )
        assert torch_name((tx + ty).dtype) == (x + y).dtype
        assert torch_name(torch.result_type(tx, ty)) == tg.result_type(x, y)


@pytest.mark.torch
@half_complex
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", NUMBERS)
def test_promotion_with_numbers_equals_pytorchs(name: str, number: str) -> None:
    torch = pytest.importorskip("torch")
    value = NUMBERS[number]
    for shape in ((2,), ()):
        ours, theirs = made(name, *shape), torch.ones(shape, dtype=getattr(torch, name))
        assert torch_name((theirs + value).dtype) == (ours + value).dtype
        assert torch_name((value * theirs).dtype) == (value * ours).dtype


def test_a_comparison_of_numpys_0d_arrays_is_a_mask() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    mask = np.array(2.0) > np.array(1.0)
    assert isinstance(mask, np.bool_)
    for result in (np.where(mask, x, x * 3), x.masked_fill(~mask, 0.0), tg.masked_select(x, mask)):
        assert result.tolist() == [1.0, 2.0] and result.grad_fn is not None
    assert tg.logical_not(mask).tolist() is False
    with pytest.raises(
        tg.errors.DtypeError, match="where: condition must be a tensor, got float64"
    ):
        tg.where(np.float64(1.0), x, x)


def test_a_complex_tensor_becomes_real_by_dropping_what_is_imaginary(device: str) -> None:
    z = tg.tensor([1.5 + 2.5j, -1.5j], device=device)
    assert z.to(tg.float64).tolist() == [1.5, 0.0]
    assert z.to(tg.int64).tolist() == [1, 0]


def test_a_square_of_truths_is_a_number(device: str) -> None:
    out = tg.square(tg.tensor([True, False], device=device))
    assert out.dtype == tg.int64 and out.tolist() == [1, 0]
    assert tg.sign(tg.tensor([True, False], device=device)).tolist() == [True, False]


def test_a_gradient_comes_back_from_another_device_to_second_order() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (g,) = tg.autograd.grad((x.to("standin") ** 3).sum(), x, create_graph=True)
    assert g.device == x.device and g.tolist() == [3.0, 12.0]
    g.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [6.0, 12.0]
