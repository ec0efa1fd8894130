"""`assert_close`: values that agree up to rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._typing import DType
from ..creation import as_tensor
from ..device import is_array
from ..errors import ArgumentError
from ..tensor import Tensor, to_host

__all__ = ["assert_close"]

TOLERANCES = {  # PyTorch's, relative and absolute
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}


def tolerances_of(*dtypes: DType) -> tuple[float, float]:
    """The greatest tolerances of some dtypes, relative and absolute; zero for integers."""
    pairs = [TOLERANCES.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
    return max(r for r, _ in pairs), max(a for _, a in pairs)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Assert that two values agree: `|actual - expected| <= atol + rtol * |expected|`, and in kind.

    Args:
        actual: tensor, array or number; or sequences and mappings of them, in any depth.
        expected: what it should be, of the same structure. Numbers of different types need
            `check_dtype=False`.
        allow_subclasses: whether a tensor of a subclass, such as a parameter, may stand for a tensor.
        rtol, atol: tolerances, both or none; by default those of the dtype (float64: 1e-7 and 1e-7;
            float32: 1.3e-6 and 1e-5; float16: 1e-3 and 1e-5; integers: 0).
        equal_nan: whether NaN equals NaN.
        check_device: whether both must be on one device.
        check_dtype: whether both must have one dtype.
        check_layout: accepted for PyTorch's sake; all tensors are strided.
        check_stride: whether both must have the same strides.
        msg: message to raise instead, or a function that makes it of the usual one.

    Raises:
        AssertionError: if they do not agree, with the greatest differences and where they are.
        TypeError: for values that cannot be compared.
        ArgumentError: if only one tolerance is given.

    Example:
        >>> import tapegrad as tg
        >>> tg.testing.assert_close(tg.tensor([0.1]) + tg.tensor([0.2]), tg.tensor([0.3]))
        >>> tg.testing.assert_close(tg.tensor([1.0, 2.0, 4.0]), tg.tensor([1.0, 2.0, 3.0]))
        Traceback (most recent call last):
            ...
        AssertionError: Tensor-likes are not close!
        <BLANKLINE>
        Mismatched elements: 1 / 3 (33.3%)
        Greatest absolute difference: 1.0 at index (2,) (up to 1e-05 allowed)
        Greatest relative difference: 0.3333333333333333 at index (2,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ArgumentError(
            f"assert_close: rtol and atol must be given together or not at all, {missing} is missing"
        )

    def compare(have: Any, want: Any) -> str | None:
        if have is None and want is None:
            return None
        if isinstance(have, (bool, int, float, complex)) and isinstance(
            want, (bool, int, float, complex)
        ):
            return _numbers(have, want, rtol, atol, equal_nan, check_dtype)
        tensors = _tensors(have, want, allow_subclasses)
        return _attributes(*tensors, check_device, check_dtype, check_stride) or _values(
            *tensors, rtol, atol, equal_nan
        )

    problem = _walk(actual, expected, compare, "")
    if problem is not None:
        if callable(msg):
            problem = msg(problem)
        raise AssertionError(problem if msg is None or callable(msg) else msg)


def _walk(
    actual: Any, expected: Any, compare: Callable[[Any, Any], str | None], path: str
) -> str | None:
    """The first problem in nested containers, with the item it is in."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(set(expected) - set(actual), key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(set(actual) - set(expected), key=str)}"
                + _item(path)
            )
        pairs = [(key, actual[key], expected[key]) for key in expected]
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{_item(path)}"
        pairs = [(i, a, e) for i, (a, e) in enumerate(zip(actual, expected, strict=True))]
    else:
        problem = compare(actual, expected)
        return None if problem is None else problem + _item(path)
    for key, have, want in pairs:
        problem = _walk(have, want, compare, f"{path}[{key!r}]")
        if problem is not None:
            return problem
    return None


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _item(path: str) -> str:
    return f"\n\nThe failure occurred for item {path}" if path else ""


def _tensors(actual: Any, expected: Any, allow_subclasses: bool) -> tuple[Tensor, Tensor]:
    """Both as tensors, if they are of related types."""
    kinds = type(actual), type(expected)
    related = issubclass(kinds[0], kinds[1]) or issubclass(kinds[1], kinds[0])
    if not (related if allow_subclasses else kinds[0] is kinds[1]) or not all(
        isinstance(v, (Tensor, np.generic)) or is_array(v) for v in (actual, expected)
    ):
        raise TypeError(
            f"assert_close: cannot compare {kinds[0].__qualname__} with {kinds[1].__qualname__}; give two "
            "tensors, two arrays, two numbers, or containers of them"
        )
    first, second = (v if isinstance(v, Tensor) else as_tensor(v) for v in (actual, expected))
    return first, second


def _attributes(
    actual: Tensor, expected: Tensor, device: bool, dtype: bool, stride: bool
) -> str | None:
    def differ(what: str, first: Any, second: Any) -> str | None:
        if first == second:
            return None
        return f"The values for attribute '{what}' do not match: {first} != {second}."

    strides = tuple(
        tuple(s // t.dtype.itemsize for s in t.array.strides) for t in (actual, expected)
    )
    return (
        differ("shape", actual.shape, expected.shape)
        or (differ("device", actual.device, expected.device) if device else None)
        or (differ("dtype", actual.dtype, expected.dtype) if dtype else None)
        or (differ("stride()", *strides) if stride else None)
    )


def _numbers(
    actual: Any,
    expected: Any,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    check_dtype: bool,
) -> str | None:
    if check_dtype and type(actual) is not type(expected):
        return (
            f"The (d)types do not match: {type(actual).__name__} != {type(expected).__name__}; "
            "pass check_dtype=False to compare the values"
        )
    one, other = np.asarray(actual), np.asarray(expected)
    return _difference("Scalars", one, other, rtol, atol, equal_nan)


def _values(
    actual: Tensor, expected: Tensor, rtol: float | None, atol: float | None, equal_nan: bool
) -> str | None:
    one, other = to_host(actual), to_host(expected)
    what = "Scalars" if not actual.ndim else "Tensor-likes"
    return _difference(what, one, other, rtol, atol, equal_nan)


def _difference(
    what: str, actual: Any, expected: Any, rtol: float | None, atol: float | None, equal_nan: bool
) -> str | None:
    """What is not close, in words, or None."""
    usual = tolerances_of(actual.dtype, expected.dtype)
    relative, absolute = usual if rtol is None or atol is None else (rtol, atol)
    exact = not relative and not absolute
    if exact and not {actual.dtype.kind, expected.dtype.kind} & set("fc"):
        good = actual == expected  # int64 has more digits than float64
    else:
        good = np.isclose(_wide(actual), _wide(expected), relative, absolute, equal_nan)
    if good.all():
        return None
    with np.errstate(all="ignore"):
        gap = np.where(good, 0, _gap(actual, expected))
        quotient = np.where(good, 0, gap / np.abs(_wide(expected)))
    verb = "equal" if exact else "close"
    allowed = [f" (up to {t:g} allowed)" if not exact else "" for t in (absolute, relative)]
    if what == "Scalars":
        return (
            f"Scalars are not {verb}!\n\nExpected {expected.item()} but got {actual.item()}.\n"
            f"Absolute difference: {gap.item()}{allowed[0]}\n"
            f"Relative difference: {quotient.item()}{allowed[1]}"
        )
    wrong = int((~good).sum())
    lines = [
        f"{what} are not {verb}!",
        "",
        f"Mismatched elements: {wrong} / {good.size} ({wrong / good.size:.1%})",
    ]
    for name, values, limit in zip(("absolute", "relative"), (gap, quotient), allowed, strict=True):
        place = tuple(map(int, np.unravel_index(int(np.argmax(values)), values.shape)))
        lines.append(f"Greatest {name} difference: {values[place]} at index {place}{limit}")
    return "\n".join(lines)


def _gap(actual: Any, expected: Any) -> Any:
    if {actual.dtype.kind, expected.dtype.kind} <= set("biu"):  # without the rounding of float64
        low, high = (f(actual, expected) for f in (np.minimum, np.maximum))
        return high.astype(np.uint64) - low.astype(np.uint64)
    return np.abs(_wide(actual) - _wide(expected))


def _wide(array: Any) -> Any:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
