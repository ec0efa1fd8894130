"""Implementations for large NumPy arrays against the kernels' own texts, or a closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tapegrad import kernels
from tapegrad.kernels import parallel

RNG = np.random.default_rng(0)
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3e38])
FLOATS = ["float32", "float64"]


def values(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Normal numbers with a zero, NaN or infinity in every ninth place."""
    out = RNG.standard_normal(shape)
    flat = out.reshape(-1)
    flat[::9] = np.resize(SPECIAL, len(flat[::9]))
    with np.errstate(all="ignore"):
        return out.astype(dtype)


def layouts(x: np.ndarray) -> list[np.ndarray]:
    """The same values as they are, channels last, transposed, with gaps, backwards."""
    wide = np.repeat(x, 2, -1)
    return [
        x, np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        np.ascontiguousarray(x.T).T, wide[..., ::2], np.ascontiguousarray(x[::-1])[::-1],
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [*FLOATS, "float16"])
def test_relu_of_many_elements_is_the_maximum_with_zero(dtype: str) -> None:
    for x in layouts(values(3, 8, 17, 13, dtype=dtype)):
        assert x.size > 4096
        have = kernels.relu(x)
        np.testing.assert_array_equal(have, np.maximum(x, np.zeros((), dtype)))
        assert have.dtype == x.dtype and not np.shares_memory(have, x)


@pytest.mark.parametrize("dtype", [*FLOATS, "float16", "int64", "complex64"])
def test_masked_is_where_with_zero(dtype: str) -> None:
    kind = dtype if dtype[0] == "f" else "float32"
    x = values(4, 5, 3, 6, dtype=kind) if kind == dtype else RNG.integers(0, 9, (4, 5, 3, 6))
    for g in layouts(x.astype(dtype)):
        for mask in (g.real > 0, np.array(True), g.real[:1] > 0, np.ones((2, *g.shape), bool)):
            want = np.where(mask, g, np.zeros((), dtype))
            have = kernels.masked(g, mask)
            np.testing.assert_array_equal(have, want)
            assert have.dtype == dtype


@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_select_of_many_elements_is_where_to_the_last_bit(dtype: str) -> None:
    with np.errstate(invalid="ignore"):
        x, y = (values(3, 8, 17, 13).astype(dtype) for _ in range(2))
    for a in layouts(x):
        condition = RNG.random(x.shape) < 0.5
        have = kernels.select(condition, a, y)
        assert have.tobytes() == np.where(condition, a, y).tobytes()
        np.testing.assert_array_equal(
            kernels.select(condition, a, y[:1]), np.where(condition, a, y[:1])
        )


@pytest.mark.parametrize(("n", "rows"), [(1, 3000), (32, 4096), (5000, 4096), (7, 2049), (3, 0)])
@pytest.mark.parametrize("dtype", [*FLOATS, "float16"])
def test_rows_are_added_where_they_belong(n: int, rows: int, dtype: str) -> None:
    g = RNG.integers(-4, 5, (rows, 40)).astype(dtype)  # whose sums are exact
    indices = RNG.integers(0, n, rows)
    want = np.zeros((n, 40))
    np.add.at(want, indices, g.astype("float64"))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(kernels.add_rows(g, indices, n), want.astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_sigmoid_neither_warns_nor_loses_the_tail(dtype: str) -> None:
    x = np.linspace(-80, 80, 5001).astype(dtype)
    wide = x.astype(np.longdouble)
    with np.errstate(all="raise"):
        have = kernels.sigmoid(x)
    np.testing.assert_allclose(have, 1 / (1 + np.exp(-wide)), rtol=8 * np.finfo(dtype).eps)
    edge = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(kernels.sigmoid(edge), [0, 0, 1, 1, np.nan])


def test_the_normal_distribution_in_single_precision() -> None:
    special = pytest.importorskip("scipy.special")
    edge = [1e5, -1e5, 1e30, -1e30, np.inf, -np.inf]
    x = np.concatenate([np.linspace(-14, 14, 100_001), edge]).astype("float32")
    have, want = kernels.normal_cdf(x), special.ndtr(x.astype("float64"))
    np.testing.assert_allclose(have, want, atol=1.2e-7, rtol=0)  # one unit of float32 at 1
    np.testing.assert_array_equal(have[-6:], [1, 0, 1, 0, 1, 0])
    near = (x > -6) & (x < 0)
    np.testing.assert_allclose(have[near], want[near], rtol=2e-5)
    assert np.isnan(kernels.normal_cdf(np.full(1000, np.nan, "float32"))).all()


def test_powers_by_products_are_powers() -> None:
    import tapegrad as tg

    x: Any = tg.tensor(values(300, dtype="float64"), requires_grad=True)
    for exponent in (3, 4, 3.0, 4.0):
        with np.errstate(all="ignore"):
            want = np.power(x.detach().numpy(), float(exponent))
            np.testing.assert_allclose((x**exponent).detach().numpy(), want, rtol=1e-14)
    n = tg.tensor([-2, 3], dtype=tg.int64)
    assert (n**3).tolist() == [-8, 27] and (n**4).dtype == tg.int64


@pytest.mark.parametrize("dtype", [*FLOATS, "complex128", "int8"])
@pytest.mark.parametrize("shape", [(512, 256), (1000, 30), (3, 256, 130), (7,)])
def test_a_packed_copy_lies_in_row_order(dtype: str, shape: tuple[int, ...]) -> None:
    x = RNG.integers(-9, 9, shape).astype(dtype)
    for view in (x, x.T, x[::-1].T, x.swapaxes(0, -1)[..., ::2]):
        have = kernels.packed(view)
        np.testing.assert_array_equal(have, view)
        assert have.flags.c_contiguous and not np.shares_memory(have, x)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(40_001,), (300, 200), (7, 50, 130), (2, 5000, 8), (40_000, 1)])
def test_sums_by_blas_are_sums(dtype: str, shape: tuple[int, ...]) -> None:
    x = (RNG.standard_normal(shape) + 1000).astype(dtype)
    for axis in (None, (len(shape) - 1,), (0,), tuple(range(len(shape)))):
        for keepdims in (False, True):
            have = kernels.total(x, axis, keepdims)
            want = np.sum(x, axis=axis, keepdims=keepdims, dtype=np.longdouble)
            assert np.shape(have) == want.shape and have.dtype == dtype
            # each partial sum of at most 4096 numbers is rounded that often at the worst
            np.testing.assert_allclose(have, want.astype("f8"), rtol=64 * np.finfo(dtype).eps)


def test_sums_by_blas_keep_infinities_and_nan() -> None:
    x = np.zeros((64, 1024), "float32")
    x[0, 5], x[1, 7], x[2, :2] = np.inf, np.nan, (np.inf, -np.inf)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(kernels.total(x, (1,), False), np.add.reduce(x, axis=1))
        assert np.isnan(kernels.total(x, None, False))


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "int64"])
@pytest.mark.parametrize(("n", "width"), [(32, 40), (5000, 64), (300, 8)])
def test_values_are_added_at_whole_rows(dtype: str, n: int, width: int) -> None:
    rows = RNG.integers(-n, n, (20, 150))
    g = RNG.integers(-4, 5, (20, 150, width)).astype(dtype)
    for index in ((rows,), (rows, Ellipsis), (Ellipsis, rows, slice(None))):
        want = np.zeros((n, width), dtype)
        np.add.at(want, index, g)
        np.testing.assert_array_equal(kernels.index_add(g, (index,), (n, width), True), want)


def test_threads_change_no_bit_and_raise_what_the_text_raises() -> None:
    calls: list[int] = []

    @parallel.blocked
    def text(x: Any, y: Any, factor: float) -> Any:
        calls.append(x.size)
        return np.sqrt(x) * y + factor

    x, y = (RNG.random((700, 801)) for _ in range(2))
    kept, single = parallel.get_num_threads(), ()
    try:
        for threads in (1, 2, 5):
            parallel.set_num_threads(threads)
            calls.clear()
            np.testing.assert_array_equal(text(x, y, 2.0), np.sqrt(x) * y + 2.0)
            assert threads == 1 or max(calls) <= x.size // 2 + (1 << 12)
            assert sum(calls) == x.size + (threads > 1)  # one more for the dtype
            np.testing.assert_array_equal(text(x.T, y.T, 2.0), text(x, y, 2.0).T)
            x[-1, -1] = -1.0  # in the last share
            with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
                text(x, y, 2.0)
            x[-1, -1] = 1.0
            found = kernels.sigmoid(x), kernels.softmax(x, 1), kernels.normal_cdf(x.astype("f4"))
            for have, want in zip(found, single or found, strict=True):
                np.testing.assert_array_equal(have, want)
            single = found
    finally:
        parallel.set_num_threads(kept)


def test_threads_work_again_in_a_forked_process() -> None:
    import os

    kernels.sigmoid(np.zeros((1 << 10, 1 << 9)))  # starts them
    child = os.fork()
    if not child:
        out = kernels.sigmoid(np.zeros((1 << 10, 1 << 9)))
        os._exit(0 if (out == 0.5).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_numbers_of_threads_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        parallel.set_num_threads(0)
    with pytest.raises(TypeError, match="int"):
        parallel.set_num_threads(2.0)  # type: ignore[arg-type]


def test_a_share_may_itself_call_what_works_in_shares() -> None:
    """The threads wait for nobody: a kernel called inside a share runs in that share's thread."""
    import threading

    @parallel.blocked
    def outer(x: Any) -> Any:
        return kernels.sigmoid(x) + kernels.normal_cdf(x)

    kept, found = parallel.get_num_threads(), []
    x = RNG.standard_normal(1 << 20).astype("float32")
    try:
        parallel.set_num_threads(2)
        caller = threading.Thread(target=lambda: found.append(outer(x)), daemon=True)
        caller.start()
        caller.join(30)
        assert not caller.is_alive()
    finally:
        parallel.set_num_threads(kept)
    np.testing.assert_array_equal(found[0], kernels.sigmoid(x) + kernels.normal_cdf(x))
