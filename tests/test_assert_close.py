"""`assert_close`: what agrees, what does not, and PyTorch's words for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError
from tapegrad.testing import assert_close

NAN, INF = math.nan, math.inf


def array(*values: Any, dtype: str = "float64") -> np.ndarray:
    return np.array(values, dtype)


CLOSE: list[tuple[Any, Any, dict[str, Any]]] = [
    (array(1, 2, 3), array(1, 2, 3 + 1e-8), {}),
    (array(1, 2, 3, dtype="float32"), array(1, 2, 3.000001, dtype="float32"), {}),
    (array(1, dtype="float16"), array(1.0005, dtype="float32"), {"check_dtype": False}),
    (array(NAN), array(NAN), {"equal_nan": True}),
    (array(INF, -INF), array(INF, -INF), {}),
    (array(1), array(2), {"rtol": 0, "atol": 2}),
    (array(1, dtype="int64"), array(1.0), {"check_dtype": False}),
    (array(), array(), {}),
    (1.0, 1, {"check_dtype": False}),
    (NAN, NAN, {"equal_nan": True}),
    ([array(1), 1.0], (array(1), 1.0), {}),
    ({"a": [array(1)], "b": None}, {"b": None, "a": [array(1)]}, {}),
]
FAR: list[tuple[Any, Any, dict[str, Any]]] = [
    (array(1, 2, 3), array(1, 2, 3.000001), {}),
    (array(1, 2, 3), array(2, 4, 6), {}),
    (array(NAN), array(NAN), {}),
    (array(INF, 1), array(-INF, 1), {}),
    (array(INF, 1), array(1, 1), {}),
    (array(1, 2, dtype="int64"), array(1, 4, dtype="int64"), {}),
    (array(2**60, dtype="int64"), array(2**60 + 1, dtype="int64"), {}),
    (array(1, 0), array(2, 0), {"rtol": 0, "atol": 0}),
    (array(1.0).reshape(()), array(2.0).reshape(()), {}),
    (array(1 + 1j, dtype="complex128"), array(1 + 2j, dtype="complex128"), {}),
    (array(True, dtype="bool"), array(False, dtype="bool"), {}),
    (1.0, 1.1, {}),
    (NAN, NAN, {}),
    (1 + 1j, 1 + 2j, {}),
    ([array(1), 1.0], (array(1), 2.0), {}),
    ({"a": [array(1)]}, {"a": [array(2)]}, {}),
    ([1.0], [1.0, 2.0], {}),
    (array(1), array(2), {"msg": "other words"}),
    (array(1), array(2), {"msg": lambda text: f"before {text}"}),
]
REFUSED: list[tuple[Any, Any, type[Exception]]] = [
    ("a", "a", TypeError),
    (array(1.0), 1.0, TypeError),
    (array(1, dtype="int64"), array(1.0), AssertionError),
    (1.0, 1, AssertionError),
    (array(1, 2), array(1, 2, 3), AssertionError),
    ({"a": 1}, {"b": 1}, AssertionError),
]


def tensors(value: Any, make: Any) -> Any:
    """The value with every array in it made a tensor."""
    if isinstance(value, np.ndarray):
        return make(value)
    if isinstance(value, (tuple, list)):
        return type(value)(tensors(v, make) for v in value)
    if isinstance(value, dict):
        return {key: tensors(v, make) for key, v in value.items()}
    return value


@pytest.mark.parametrize(("actual", "expected", "more"), CLOSE)
@pytest.mark.parametrize("make", [tg.tensor, np.asarray], ids=["tensors", "arrays"])
def test_what_is_close_passes(actual: Any, expected: Any, more: dict[str, Any], make: Any) -> None:
    assert_close(tensors(actual, make), tensors(expected, make), **more)


@pytest.mark.parametrize(("actual", "expected", "more"), FAR)
@pytest.mark.parametrize("make", [tg.tensor, np.asarray], ids=["tensors", "arrays"])
def test_what_is_not_close_fails(
    actual: Any, expected: Any, more: dict[str, Any], make: Any
) -> None:
    with pytest.raises(AssertionError):
        assert_close(tensors(actual, make), tensors(expected, make), **more)


@pytest.mark.parametrize(("actual", "expected", "error"), REFUSED)
def test_what_differs_in_kind_is_refused(actual: Any, expected: Any, error: Any) -> None:
    with pytest.raises(error):
        assert_close(tensors(actual, tg.tensor), tensors(expected, tg.tensor))


def test_one_tolerance_alone_is_refused() -> None:
    with pytest.raises(ArgumentError, match="atol is missing"):
        assert_close(1.0, 1.0, rtol=1e-3)


def test_devices_strides_and_subclasses() -> None:
    x = tg.ones(2, 3)
    with pytest.raises(AssertionError, match="'device'"):
        assert_close(x, tg.ones(2, 3, device="standin"))
    assert_close(x, tg.ones(2, 3, device="standin"), check_device=False)
    with pytest.raises(AssertionError, match=r"'stride\(\)' do not match: \(3, 1\) != \(1, 2\)"):
        assert_close(x, tg.ones(3, 2).T, check_stride=True)
    assert_close(x, tg.ones(3, 2).T)
    assert_close(tg.nn.Parameter(x.clone()), x)
    with pytest.raises(TypeError, match="Parameter"):
        assert_close(tg.nn.Parameter(x.clone()), x, allow_subclasses=False)


@pytest.mark.torch
@pytest.mark.parametrize(("actual", "expected", "more"), CLOSE + FAR)
def test_the_verdict_and_its_words_are_pytorchs(
    actual: Any, expected: Any, more: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")

    def verdict(library: Any) -> str:
        try:
            library.testing.assert_close(
                tensors(actual, library.tensor), tensors(expected, library.tensor), **more
            )
        except AssertionError as error:
            return str(error)
        return ""

    assert verdict(tg) == verdict(torch)
