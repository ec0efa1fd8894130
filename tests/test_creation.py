"""Functions that make tensors: patterns against PyTorch, random numbers against their distributions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import gradients
import tapegrad as tg
import tolerances
from tapegrad.errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError

INF, NAN = float("inf"), float("nan")

# -- deterministic -----------------------------------------------------------------------------------

PATTERNS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("arange", (5,), {}), ("arange", (0,), {}), ("arange", (2.5,), {}), ("arange", (1, 7, 2), {}),
    ("arange", (3, 0, -1), {}), ("arange", (5, 2, -0.7), {}), ("arange", (1, 2.5, 0.5), {}),
    ("arange", (4,), {"dtype": "float64"}), ("arange", (0, 3, 2), {"dtype": "int32"}),
    ("linspace", (0, 1, 5), {}), ("linspace", (3, -3, 4), {}), ("linspace", (0, 1, 1), {}),
    ("linspace", (0, 1, 0), {}), ("linspace", (-1, 0, 3), {"dtype": "int64"}),
    ("linspace", (3, -3, 4), {"dtype": "int64"}), ("linspace", (0, 3, 6), {"dtype": "uint8"}),
    ("linspace", (0, 1, 7), {"dtype": "float64"}), ("linspace", (0, 1, 3), {"dtype": "float16"}),
    ("logspace", (0, 2, 3), {}), ("logspace", (0, 2, 3), {"base": 2}), ("logspace", (1, -1, 4, 3.0), {}),
    ("logspace", (0, 2, 1), {}), ("logspace", (0, 2, 0), {}), ("logspace", (0, 1, 3, 0), {}),
    ("logspace", (-1, 1, 4), {"dtype": "int64"}), ("logspace", (0, 3, 4), {"dtype": "int32"}),
    ("logspace", (-2, 2, 9), {"dtype": "float64"}),
    ("eye", (3,), {}), ("eye", (2, 3), {}), ("eye", (3, 2), {"dtype": "int64"}), ("eye", (2, 0), {}),
    ("tril_indices", (3, 3), {}), ("tril_indices", (3, 4, -1), {}), ("tril_indices", (4, 2, 1), {}),
    ("tril_indices", (0, 3), {}), ("tril_indices", (3, 3, -7), {}), ("tril_indices", (3, 3, 9), {}),
    ("tril_indices", (2, 3), {"offset": 1, "dtype": "int32"}),
    ("triu_indices", (3, 3), {}), ("triu_indices", (3, 4, 1), {}), ("triu_indices", (4, 2, -1), {}),
    ("triu_indices", (3, 0), {}), ("triu_indices", (3, 3, -5), {}), ("triu_indices", (3, 3, 5), {}),
    ("triu_indices", (2, 3), {"offset": 1, "dtype": "int32"}),
    ("full", ((2, 3), 1.5), {}), ("full", ((2,), 7), {}), ("full", ((2,), True), {}),
    ("full", ((2,), 1.5), {"dtype": "int64"}), ("zeros", (2, 3), {}), ("ones", ((2, 3),), {}),
    ("asarray", ([1, 2],), {}), ("asarray", ([[1.0], [2.0]],), {}), ("asarray", (3.5,), {}),
    ("asarray", (True,), {}), ("asarray", ([1, 2],), {"dtype": "float64", "copy": True}),
]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize(("name", "args", "options"), PATTERNS, ids=str)
def test_values_and_dtypes_are_pytorchs(
    name: str, args: tuple[Any, ...], options: dict[str, Any], device: str
) -> None:
    torch = pytest.importorskip("torch")
    have = getattr(tg, name)(*args, device=device, **options)
    theirs = {k: getattr(torch, v) if k == "dtype" else v for k, v in options.items()}
    want = getattr(torch, name)(*args, **theirs)
    assert str(want.dtype) == f"torch.{have.dtype}"
    tolerances.assert_same(have.cpu().numpy(), want.numpy())


@pytest.mark.parametrize(
    "make",
    [
        lambda t: tg.arange(t(1), t(4), t(2)),
        lambda t: tg.linspace(t(1), t(4), 2, dtype=tg.int64) - tg.tensor([0, 1]),
        lambda t: tg.logspace(t(0), t(1), 2, t(3), dtype=tg.int64),
    ],
)
@pytest.mark.parametrize("kind", [tg.tensor, np.int64])
def test_ends_may_be_tensors_and_numpy_numbers(make: Any, kind: Any) -> None:
    assert make(kind).tolist() == [1, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda **o: tg.arange(3.0, **o), lambda **o: tg.linspace(0, 1, 3, **o),
        lambda **o: tg.logspace(0, 1, 3, **o), lambda **o: tg.eye(2, **o),
        lambda **o: tg.asarray([1.0, 2.0], **o), lambda **o: tg.normal(0.0, 1.0, (2,), **o),
        lambda **o: tg.randint(0, 5, (2,), dtype=tg.float32, **o), lambda **o: tg.rand(2, **o),
        lambda **o: tg.randint_like(tg.zeros(2), 5, **o),
    ],
)  # fmt: skip
def test_a_new_tensor_can_require_a_gradient_and_live_on_a_device(make: Any, device: str) -> None:
    made = make(requires_grad=True, device=device)
    assert made.requires_grad and made.is_leaf
    assert made.device.type == device
    assert not make(device=device).requires_grad


SIDES = [
    ((3,), (2,)),
    ((3,),),
    ((), (2,)),
    ((2,), (1,), (3,)),
    ((0,), (2,)),
    ((),),
    ((2,), (3,), (2,), (2,)),
]


@pytest.mark.torch
@pytest.mark.parametrize("indexing", ["ij", "xy"])
@pytest.mark.parametrize("shapes", SIDES, ids=str)
def test_a_grid_is_pytorchs_with_its_gradient(shapes: Any, indexing: str, device: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    have = tg.meshgrid(*(tg.tensor(a, device=device) for a in arrays), indexing=indexing)
    want = torch.meshgrid(*map(torch.tensor, arrays), indexing=indexing)
    for h, w in zip(have, want, strict=True):
        np.testing.assert_array_equal(h.cpu().numpy(), w.numpy())

    def function(*tensors: Any) -> Any:
        return tuple(t * t for t in tg.meshgrid(list(tensors), indexing=indexing))

    gradients.check(function, arrays, device)
    gradients.check_second(function, arrays, device)


def test_a_grid_is_indexed_by_rows_unless_told() -> None:
    x, y = tg.meshgrid(tg.arange(2), tg.arange(3))
    assert x.tolist() == [[0, 0, 0], [1, 1, 1]] and y.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_a_grid_cannot_be_written_to() -> None:
    x, _ = tg.meshgrid(tg.arange(2), tg.arange(3))
    with pytest.raises(ArgumentError, match="read-only"):
        x[0, 0] = 1


def test_a_grid_of_two_devices_is_refused() -> None:
    with pytest.raises(DeviceError, match="different devices"):
        tg.meshgrid(tg.ones(2), tg.ones(2, device="standin"))


# -- sharing memory ----------------------------------------------------------------------------------


def test_asarray_shares_memory_where_it_can() -> None:
    array = np.zeros(2)
    for copy in (None, False):
        shared = tg.asarray(array, copy=copy)
        array[0] += 1
        assert shared[0].item() == array[0]
    copied = tg.asarray(array, copy=True)
    array[0] = 9
    assert copied[0].item() == 2


def test_asarray_of_a_tensor_is_the_tensor_unless_told() -> None:
    x = tg.ones(2, requires_grad=True)
    y = x * 2
    assert tg.asarray(x) is x and tg.asarray(y, copy=False) is y
    copied = tg.asarray(y, copy=True)
    assert copied is not y and copied.requires_grad
    detached = tg.asarray(y, requires_grad=False)
    assert not detached.requires_grad and y.requires_grad
    detached[0] = 7
    assert y[0].item() == 7  # it still shares
    plain = tg.ones(2)
    leaf = tg.asarray(plain, requires_grad=True)
    assert leaf.requires_grad and leaf.is_leaf and not plain.requires_grad


@pytest.mark.parametrize(
    ("obj", "options"),
    [([1.0], {}), (3.0, {}), (np.ones(2), {"dtype": tg.float32}), (np.ones(2), {"device": "standin"})],
)  # fmt: skip
def test_asarray_refuses_to_share_what_it_must_copy(obj: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="without a copy"):
        tg.asarray(obj, copy=False, **options)


# -- limits of dtypes --------------------------------------------------------------------------------

FLOATS = ["float16", "float32", "float64", "complex64", "complex128", "bfloat16"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def dtype_named(name: str) -> Any:
    return pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.dtype(name)


@pytest.mark.torch
@pytest.mark.parametrize("name", FLOATS)
def test_limits_of_floating_dtypes_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    have, want = tg.finfo(dtype_named(name)), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(have, field) == getattr(want, field), field
        assert type(getattr(have, field)) is type(getattr(want, field)), field
    assert repr(have) == repr(want)


@pytest.mark.torch
@pytest.mark.parametrize("name", INTS)
def test_limits_of_integer_dtypes_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    have, want = tg.iinfo(dtype_named(name)), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(have, field) == getattr(want, field), field
        assert type(getattr(have, field)) is type(getattr(want, field)), field


def test_limits_are_those_of_the_default_dtype_and_compare() -> None:
    assert tg.finfo() == tg.finfo(tg.float32) != tg.finfo(tg.float64)
    assert tg.iinfo(tg.int8) == tg.iinfo("int8") != tg.iinfo(tg.uint8)
    assert len({tg.finfo(), tg.finfo(tg.float32), tg.iinfo(tg.int8), tg.iinfo(tg.int8)}) == 2


# -- random numbers ----------------------------------------------------------------------------------

N = 20_000
# Dvoretzky, Kiefer and Wolfowitz: an empirical distribution function of N draws is further than this
# from the true one with probability below 1e-9, whatever the distribution; and the seed is fixed.
FAR = float(np.sqrt(np.log(2 / 1e-9) / (2 * N)))


def check_distribution(draws: Any, law: Any) -> None:
    """The draws against the distribution function of a law of `scipy.stats`, at and just below each."""
    values = np.sort(np.asarray(draws, dtype=np.float64).ravel())
    assert values.size == N
    points = np.unique(values)
    last = np.searchsorted(values, points, side="right") / N
    assert np.max(np.abs(last - law.cdf(points))) < FAR
    first = np.searchsorted(values, points, side="left") / N
    below = law.cdf(points - 1) if hasattr(law.dist, "pmf") else law.cdf(points)
    assert np.max(np.abs(first - below)) < FAR


def zeros(dtype: Any = None) -> Any:
    return tg.zeros(N, dtype=dtype)


LAWS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "rand": (lambda g: tg.rand(N, generator=g), stats.uniform()),
    "randn": (lambda g: tg.randn(N, generator=g), stats.norm()),
    "randint": (lambda g: tg.randint(-2, 5, (N,), generator=g), stats.randint(-2, 5)),
    "randint of uint64": (
        lambda g: tg.randint(0, 2**64, (N,), dtype=tg.uint64, generator=g).double() / 2.0**64,
        stats.uniform()),
    "randint_like": (lambda g: tg.randint_like(zeros(), 2, 9, generator=g), stats.randint(2, 9)),
    "randint_like to": (lambda g: tg.randint_like(zeros(tg.int32), 9, generator=g), stats.randint(0, 9)),
    "rand_like": (lambda g: tg.rand_like(zeros(tg.float64), generator=g), stats.uniform()),
    "randn_like": (lambda g: tg.randn_like(zeros(), generator=g), stats.norm()),
    "normal of numbers": (lambda g: tg.normal(1.0, 2.0, (N,), generator=g), stats.norm(1, 2)),
    "normal of tensors": (
        lambda g: tg.normal(zeros() + 1, zeros() + 2, generator=g), stats.norm(1, 2)),
    "normal of a mean": (lambda g: tg.normal(zeros() - 1, generator=g), stats.norm(-1, 1)),
    "normal of a deviation": (lambda g: tg.normal(3.0, zeros() + 0.5, generator=g), stats.norm(3, 0.5)),
    "normal of broadcasts": (
        lambda g: tg.normal(tg.ones(N // 4, 1), tg.ones(4), generator=g), stats.norm(1, 1)),
    "bernoulli": (lambda g: tg.bernoulli(zeros() + 0.3, generator=g), stats.bernoulli(np.float32(0.3))),
    "bernoulli p": (lambda g: tg.bernoulli(zeros(tg.int64), 0.3, generator=g), stats.bernoulli(0.3)),
    "poisson": (lambda g: tg.poisson(zeros() + 3.5, generator=g), stats.poisson(3.5)),
    "poisson large": (lambda g: tg.poisson(zeros() + 1000, generator=g), stats.poisson(1000)),
    "multinomial": (
        lambda g: tg.multinomial(tg.tensor([1.0, 1.0, 1.0, 1.0]), N, True, generator=g),
        stats.randint(0, 4)),
    "uniform_": (lambda g: zeros().uniform_(-1, 3, generator=g), stats.uniform(-1, 4)),
    "normal_": (lambda g: zeros().normal_(1, 2, generator=g), stats.norm(1, 2)),
    "log_normal_": (lambda g: zeros().log_normal_(0.5, 0.7, generator=g),
                    stats.lognorm(0.7, scale=np.exp(0.5))),
    "exponential_": (lambda g: zeros().exponential_(2.0, generator=g), stats.expon(scale=0.5)),
    "cauchy_": (lambda g: zeros().cauchy_(1.0, 2.0, generator=g), stats.cauchy(1, 2)),
    "geometric_": (lambda g: zeros().geometric_(0.3, generator=g), stats.geom(0.3)),
    "geometric_ of integers": (lambda g: zeros(tg.int32).geometric_(0.6, generator=g), stats.geom(0.6)),
    "bernoulli_": (lambda g: zeros().bernoulli_(generator=g), stats.bernoulli(0.5)),
    "bernoulli_ of bools": (
        lambda g: zeros(tg.bool).bernoulli_(0.2, generator=g), stats.bernoulli(0.2)),
    "bernoulli_ of a tensor": (
        lambda g: zeros().bernoulli_(tg.tensor([0.25]), generator=g), stats.bernoulli(0.25)),
    "random_ to": (lambda g: zeros().random_(6, generator=g), stats.randint(0, 6)),
    "random_ range": (lambda g: zeros(tg.int8).random_(-3, 4, generator=g), stats.randint(-3, 4)),
    "random_ of bytes": (lambda g: zeros(tg.uint8).random_(generator=g), stats.randint(0, 256)),
    "random_ of int8": (lambda g: zeros(tg.int8).random_(generator=g), stats.randint(0, 128)),
    "random_ from": (lambda g: zeros(tg.int8).random_(100, None, generator=g), stats.randint(100, 128)),
    "random_ of bools": (lambda g: zeros(tg.bool).random_(generator=g), stats.bernoulli(0.5)),
    "random_ of float16": (lambda g: zeros(tg.float16).random_(generator=g), stats.randint(0, 2049)),
    "random_ of float32": (
        lambda g: zeros().random_(generator=g) / 2**24, stats.uniform()),
    "random_ of int64": (lambda g: zeros(tg.int64).random_(generator=g) / 2.0**63, stats.uniform()),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_distribution(name: str) -> None:
    draw, law = LAWS[name]
    check_distribution(draw(tg.Generator().manual_seed(7)).numpy(), law)


@pytest.mark.parametrize("name", LAWS)
def test_a_generator_gives_the_same_draws_again(name: str) -> None:
    draw, _ = LAWS[name]
    first, second = (draw(tg.Generator().manual_seed(3)) for _ in range(2))
    assert tg.equal(first, second)
    tg.manual_seed(3)
    assert tg.equal(first, draw(None))
    assert tg.equal(draw(tg.Generator().manual_seed(4)), first) is False


def test_the_checker_of_distributions_catches_a_wrong_one() -> None:
    draws = np.random.default_rng(0).standard_normal(N)
    check_distribution(draws, stats.norm())
    for wrong in (stats.norm(0.1, 1), stats.norm(0, 1.1), stats.uniform(-2, 4)):
        with pytest.raises(AssertionError):
            check_distribution(draws, wrong)
    with pytest.raises(AssertionError):
        check_distribution(np.random.default_rng(0).integers(0, 7, N), stats.randint(0, 6))


def test_every_row_of_multinomial_has_its_own_weights() -> None:
    weights = np.array([[1.0, 2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 0.0], [1e-300, 3e-300, 0.0, 0.0]])
    drawn = tg.multinomial(tg.tensor(weights), N, replacement=True).numpy()
    assert drawn.shape == (3, N) and drawn.dtype == np.int64
    for row, p in zip(drawn, weights / weights.sum(-1, keepdims=True), strict=True):
        check_distribution(row, stats.rv_discrete(values=(range(4), p))())
        assert set(np.unique(row)) <= set(np.nonzero(p)[0])


def test_multinomial_without_replacement_draws_in_the_order_of_the_weights() -> None:
    p = np.array([0.5, 0.2, 0.3, 0.0])
    drawn = tg.multinomial(tg.tensor(np.tile(p, (N, 1))), 2).numpy()
    pairs = list(itertools.permutations(range(3), 2))
    chance = [p[i] * p[j] / (1 - p[i]) for i, j in pairs]
    which = np.array([pairs.index((i, j)) for i, j in drawn.tolist()])
    check_distribution(which, stats.rv_discrete(values=(range(6), chance))())


def test_multinomial_without_replacement_never_draws_twice_and_zeros_last() -> None:
    drawn = tg.multinomial(tg.tensor([[0.0, 1.0, 0.0, 2.0]] * 50), 4).numpy()
    assert (np.sort(drawn, axis=1) == np.arange(4)).all()
    assert set(np.unique(drawn[:, :2])) == {1, 3}
    assert tg.multinomial(tg.ones(0, 3), 2).shape == (0, 2)
    assert tg.multinomial(tg.ones(0, 3), 2, True).shape == (0, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_random_numbers_have_the_dtype_and_stay_in_range(dtype: str, device: str) -> None:
    kind = dtype_named(dtype)
    u = tg.rand(N, dtype=kind, device=device)
    assert u.dtype == kind and (u < 1).all().item() and (u >= 0).all().item()
    e = tg.zeros(N, dtype=kind, device=device).exponential_()
    assert e.dtype == kind and (e > 0).all().item()
    for made in (tg.normal(e, e), tg.bernoulli(u), tg.poisson(e), tg.normal(e), tg.normal(0, e)):
        assert made.dtype == kind and made.device == u.device and made.shape == u.shape
    for name in ("cauchy_", "log_normal_", "normal_", "uniform_", "random_", "bernoulli_"):
        assert getattr(e, name)() is e and e.dtype == kind
    assert tg.multinomial(u, 5).device == u.device


def test_the_dtype_of_normal_is_that_of_the_mean() -> None:
    single, double = tg.ones(2), tg.ones(2, dtype=tg.float64)
    assert tg.normal(single, double).dtype == tg.float32
    assert tg.normal(double, single).dtype == tg.float64
    assert tg.normal(0, double).dtype == tg.float64
    assert tg.normal(tg.tensor(0.0), tg.tensor(1.0)).shape == ()


def test_samples_carry_no_gradient() -> None:
    p = tg.full((3,), 0.5, requires_grad=True)
    for made in (tg.bernoulli(p), tg.poisson(p), tg.normal(p, p), tg.multinomial(p, 2)):
        assert not made.requires_grad


REFILLS = ["random_", "bernoulli_", "exponential_", "log_normal_", "cauchy_", "normal_", "uniform_"]


@pytest.mark.parametrize("name", REFILLS)
def test_a_refilled_tensor_has_no_history(name: str, device: str) -> None:
    x = tg.ones(3, requires_grad=True, device=device)
    y = x * 2
    assert getattr(y, name)() is y
    assert not y.requires_grad
    with tg.no_grad():
        getattr(x, name)()
    assert x.requires_grad and x.is_leaf


@pytest.mark.parametrize("name", REFILLS)
def test_what_cannot_be_refilled_stays_as_it_is(name: str) -> None:
    g = tg.Generator().manual_seed(1)
    before = g.get_state()
    leaf = tg.ones(3, requires_grad=True)
    with pytest.raises(GraphError, match="in place"):
        getattr(leaf, name)(generator=g)
    with pytest.raises(ArgumentError, match="read-only"):
        getattr(tg.ones(1).expand(3), name)(generator=g)
    if name not in ("random_", "bernoulli_"):
        with pytest.raises(DtypeError, match="must be floating"):
            getattr(tg.ones(3, dtype=tg.int64), name)(generator=g)
    assert leaf.tolist() == [1.0, 1.0, 1.0]
    assert tg.equal(g.get_state(), before)


def test_a_saved_value_that_was_refilled_is_noticed() -> None:
    x = tg.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y.exponential_()
    with pytest.raises(GraphError, match="exponential_"):
        z.sum().backward()


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tg.arange(3, 0), ArgumentError, "arange: step 1 does not lead"),
    (lambda: tg.arange(NAN), ArgumentError, "arange: end must be a finite number"),
    (lambda: tg.arange(0, INF), ArgumentError, "arange: end must be a finite number"),
    (lambda: tg.arange("3"), ArgumentError, "arange: end must be a finite number"),
    (lambda: tg.arange(3, dtype=tg.bool), DtypeError, "arange: dtype must be one of numbers"),
    (lambda: tg.linspace(0, 1, -1), ArgumentError, "linspace: steps must not be negative"),
    (lambda: tg.linspace(0, 1, 2.5), ArgumentError, "linspace: steps must be an int"),
    (lambda: tg.linspace(0, INF, 2), ArgumentError, "linspace: end must be a finite number"),
    (lambda: tg.linspace(0, 1, 2, dtype=tg.bool), DtypeError, "linspace: dtype"),
    (lambda: tg.logspace(0, 1, -1), ArgumentError, "logspace: steps must not be negative"),
    (lambda: tg.logspace(0, 1, 2.5), ArgumentError, "logspace: steps must be an int"),
    (lambda: tg.logspace(0, 1, 2, NAN), ArgumentError, "logspace: base must be a finite number"),
    (lambda: tg.logspace(None, 1, 2), ArgumentError, "logspace: start must be a finite number"),
    (lambda: tg.logspace(0, 1, 2, dtype=tg.bool), DtypeError, "logspace: dtype"),
    (lambda: tg.eye(-1), ArgumentError, "eye: n must not be negative"),
    (lambda: tg.eye(2, -1), ArgumentError, "eye: m must not be negative"),
    (lambda: tg.eye(2.5), ArgumentError, "eye: n must be an int"),
    (lambda: tg.tril_indices(-1, 3), ArgumentError, "tril_indices: row must not be negative"),
    (lambda: tg.triu_indices(3, 2.0), ArgumentError, "triu_indices: col must be an int"),
    (lambda: tg.triu_indices(3, 2, 0.5), ArgumentError, "triu_indices: offset must be an int"),
    (lambda: tg.tril_indices(3, 3, dtype=tg.float32), DtypeError, "must be int64 or int32"),
    (lambda: tg.meshgrid(), ArgumentError, "meshgrid: needs at least one tensor"),
    (lambda: tg.meshgrid([]), ArgumentError, "meshgrid: needs at least one tensor"),
    (lambda: tg.meshgrid(1, 2), DtypeError, r"meshgrid: tensors\[0\] must be a tensor"),
    (lambda: tg.meshgrid(tg.ones(2), tg.ones(2, 2)), ShapeError, "at most one dimension"),
    (lambda: tg.meshgrid(tg.ones(2), tg.arange(2)), DtypeError, "meshgrid: dtypes differ"),
    (lambda: tg.meshgrid(tg.ones(2), indexing="yx"), ArgumentError, "indexing must be 'ij' or 'xy'"),
    (lambda: tg.asarray(3, requires_grad=True), DtypeError, "requires_grad"),
    (lambda: tg.asarray("text"), DtypeError, "data must be numbers"),
    (lambda: tg.finfo(tg.int8), DtypeError, "finfo: type must be floating"),
    (lambda: tg.finfo(tg.bool), DtypeError, "finfo: type must be floating"),
    (lambda: tg.iinfo(tg.float32), DtypeError, "iinfo: type must be an integer dtype"),
    (lambda: tg.iinfo(tg.bool), DtypeError, "iinfo: type must be an integer dtype"),
    (lambda: tg.rand(-1), ArgumentError, "rand: sizes must not be negative"),
    (lambda: tg.randn(2, dtype=tg.int64), DtypeError, "randn: dtype must be floating"),
    (lambda: tg.randperm(-1), ArgumentError, "randperm: sizes must not be negative"),
    (lambda: tg.randint(5, 5, (2,)), ArgumentError, "randint: needs low < high"),
    (lambda: tg.randint(0, 300, (2,), dtype=tg.uint8), ArgumentError, "uint8 holds numbers from 0 to 255"),
    (lambda: tg.randint(-1, 3, (2,), dtype=tg.uint8), ArgumentError, "uint8 holds numbers from 0 to 255"),
    (lambda: tg.randint(0, 3, (2,), dtype=tg.bool), ArgumentError, "bool holds numbers from 0 to 1"),
    (lambda: tg.randint(1.5, (2,)), ArgumentError, "randint: low and high must be ints"),
    (lambda: tg.randint(0, 5, (-2,)), ArgumentError, "randint: sizes must not be negative"),
    (lambda: tg.randint_like(tg.zeros(2), 5, 5), ArgumentError, "randint: needs low < high"),
    (lambda: tg.normal(0.0, 1.0), ArgumentError, "normal: needs a size"),
    (lambda: tg.normal(0.0, -1.0, (2,)), ArgumentError, "normal: std must be a number of at least 0"),
    (lambda: tg.normal(0.0, NAN, (2,)), ArgumentError, "normal: std must be a number of at least 0"),
    (lambda: tg.normal("0", 1.0, (2,)), ArgumentError, "normal: mean must be a number"),
    (lambda: tg.normal(tg.ones(2), -tg.ones(2)), ArgumentError, "normal: std must not be negative"),
    (lambda: tg.normal(tg.ones(2), -1.0), ArgumentError, "normal: std must be a number of at least 0"),
    (lambda: tg.normal(tg.ones(2), tg.ones(2), (2,)), ArgumentError, "are for numbers only"),
    (lambda: tg.normal(tg.arange(2), 1.0), DtypeError, "normal: dtype must be floating"),
    (lambda: tg.normal(0, 1, (2,), dtype=tg.int64), DtypeError, "normal: dtype must be floating"),
    (lambda: tg.normal(tg.ones(2), tg.ones(3)), ShapeError, "normal: shapes"),
    (lambda: tg.normal(tg.ones(2), tg.ones(2, device="standin")), DeviceError, "different devices"),
    (lambda: tg.bernoulli(tg.ones(2) * 2), ArgumentError, "bernoulli: probabilities must lie"),
    (lambda: tg.bernoulli(tg.ones(2) * NAN), ArgumentError, "bernoulli: probabilities must lie"),
    (lambda: tg.bernoulli(tg.arange(2)), DtypeError, "bernoulli: dtype must be floating"),
    (lambda: tg.bernoulli(tg.ones(2), 1.5), ArgumentError, "bernoulli: p must be a number from 0 to 1"),
    (lambda: tg.bernoulli(0.5), DtypeError, "bernoulli: input must be a tensor"),
    (lambda: tg.poisson(-tg.ones(2)), ArgumentError, "poisson: rates must lie"),
    (lambda: tg.poisson(tg.ones(2) * INF), ArgumentError, "poisson: rates must lie"),
    (lambda: tg.poisson(tg.ones(2) * NAN), ArgumentError, "poisson: rates must lie"),
    (lambda: tg.poisson(tg.arange(2)), DtypeError, "poisson: dtype must be floating"),
    (lambda: tg.multinomial(tg.arange(3), 2), DtypeError, "multinomial: dtype must be floating"),
    (lambda: tg.multinomial(tg.tensor(1.0), 1), ShapeError, r"\(K,\) or \(N, K\)"),
    (lambda: tg.multinomial(tg.ones(2, 3, 2), 1), ShapeError, r"\(K,\) or \(N, K\)"),
    (lambda: tg.multinomial(tg.ones(3), 4), ArgumentError, "4 samples without replacement"),
    (lambda: tg.multinomial(tg.ones(3), 0), ArgumentError, "num_samples must be positive"),
    (lambda: tg.multinomial(tg.ones(3), -1), ArgumentError, "multinomial: sizes must not be negative"),
    (lambda: tg.multinomial(tg.zeros(3), 1), ArgumentError, "needs a weight above zero"),
    (lambda: tg.multinomial(tg.tensor([[1.0, 1.0], [0.0, 0.0]]), 1), ArgumentError, "every row"),
    (lambda: tg.multinomial(tg.tensor([1.0, -1.0]), 1), ArgumentError, "weights must not be negative"),
    (lambda: tg.multinomial(tg.tensor([1.0, INF]), 1), ArgumentError, "weights must not be negative"),
    (lambda: tg.multinomial(tg.tensor([1.0, NAN]), 1), ArgumentError, "weights must not be negative"),
    (lambda: tg.multinomial(tg.ones(2, 0), 1, True), ArgumentError, "needs a weight above zero"),
    (lambda: tg.ones(2).uniform_(1, 0), ArgumentError, "uniform_: needs a <= b"),
    (lambda: tg.ones(2).uniform_(0, INF), ArgumentError, "uniform_: b must be a finite number"),
    (lambda: tg.ones(2).normal_(0, -1), ArgumentError, "normal_: std must be a number of at least 0"),
    (lambda: tg.ones(2).log_normal_(0, 0), ArgumentError, "log_normal_: std must be a positive number"),
    (lambda: tg.ones(2).exponential_(0), ArgumentError, "exponential_: lambd must be a positive"),
    (lambda: tg.ones(2).exponential_(NAN), ArgumentError, "exponential_: lambd must be a positive"),
    (lambda: tg.ones(2).cauchy_(0, 0), ArgumentError, "cauchy_: sigma must be a positive number"),
    (lambda: tg.ones(2).geometric_(0), ArgumentError, "geometric_: p must be a number between 0 and 1"),
    (lambda: tg.ones(2).geometric_(1), ArgumentError, "geometric_: p must be a number between 0 and 1"),
    (lambda: tg.ones(2, dtype=tg.bool).geometric_(0.5), DtypeError, "geometric_: the dtype must be"),
    (lambda: tg.ones(2).bernoulli_(1.5), ArgumentError, "bernoulli_: p must be a number from 0 to 1"),
    (lambda: tg.ones(2).bernoulli_(tg.ones(2) * 2), ArgumentError, "bernoulli_: probabilities"),
    (lambda: tg.ones(2).bernoulli_(tg.arange(2)), DtypeError, "bernoulli_: dtype must be floating"),
    (lambda: tg.ones(4).bernoulli_(tg.ones(2)), ShapeError, "bernoulli_: p of shape"),
    (lambda: tg.ones(2).bernoulli_(tg.ones(3, 2)), ShapeError, "bernoulli_: p of shape"),
    (lambda: tg.ones(2).random_(0), ArgumentError, "random_: needs low < high"),
    (lambda: tg.ones(2).random_(5, 5), ArgumentError, "random_: needs low < high"),
    (lambda: tg.ones(2).random_(2.5), ArgumentError, "random_: low and high must be ints"),
    (lambda: tg.ones(2).random_(1, 2, 3), ArgumentError, "random_: takes at most"),
    (lambda: tg.ones(2, dtype=tg.uint8).random_(0, 300), ArgumentError, "uint8 holds numbers"),
    (lambda: tg.ones(2, dtype=tg.uint8).random_(-1, 3), ArgumentError, "uint8 holds numbers"),
    (lambda: tg.ones(2, dtype=tg.float16).random_(0, 100_000), ArgumentError, "float16 holds numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_arguments_are_refused_before_a_number_is_drawn(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    before = tg.get_rng_state()
    with pytest.raises(error, match=message):
        make()
    assert tg.equal(tg.get_rng_state(), before)


def test_a_single_rate_gives_a_single_count() -> None:
    assert tg.poisson(tg.tensor(50.0)).shape == () and tg.poisson(tg.tensor(0.0)).item() == 0
