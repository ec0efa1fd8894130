"""Pooling, interpolation, sampling and their layers against PyTorch, over random configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from tapegrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
TF = torch.nn.functional
FAMILIES = [1, 2, 3]
families = pytest.mark.parametrize("ndim", FAMILIES)


def compare(ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray) -> bool:
    """Values and gradients, or both refuse; whether there was a result."""
    a = [tg.tensor(x, requires_grad=True) for x in arrays]
    b = [torch.tensor(x, requires_grad=True) for x in arrays]
    try:
        want = theirs(*b)
    except (RuntimeError, ValueError, TypeError):
        with pytest.raises(tg.errors.TapegradError):
            ours(*a)
        return False
    have = ours(*a)
    if isinstance(want, tuple):
        np.testing.assert_array_equal(have[1].numpy(), want[1].numpy())
        assert have[1].dtype == tg.int64 and not have[1].requires_grad
        have, want = have[0], want[0]
    tolerances.assert_same(have.detach().numpy(), want.detach().numpy())
    if not isinstance(have, tuple):  # the same without a tape
        alone = ours(*(tg.tensor(x) for x in arrays))
        alone = alone[0] if isinstance(alone, tuple) else alone
        tolerances.assert_same(alone.numpy(), have.detach().numpy())
    if 0 in have.shape:
        return True
    g = np.random.default_rng(1).standard_normal(have.shape).astype(have.dtype)
    have.backward(tg.tensor(g))
    want.backward(torch.tensor(g))
    for x, y in zip(a, b, strict=True):
        grad = np.zeros(x.shape) if x.grad is None else x.grad.numpy()
        tolerances.assert_same(grad, y.grad.numpy())
    return True


class Draw:
    """Random shapes and options of one rank."""

    def __init__(self, ndim: int, seed: int) -> None:
        self.ndim = ndim
        self.rng = np.random.default_rng((ndim, seed))

    def sizes(self, low: int, high: int) -> Any:
        """One int, or one for each dimension."""
        if self.rng.random() < 0.5:
            return int(self.rng.integers(low, high))
        return tuple(int(n) for n in self.rng.integers(low, high, self.ndim))

    def coin(self) -> bool:
        """True or False."""
        return bool(self.rng.random() < 0.5)

    def image(self, batched: bool = False) -> np.ndarray:
        """Small integers half of the time, so that there are ties."""
        lead = self.rng.integers(1, 4, 2 if batched or self.coin() else 1)
        shape = (*lead, *self.rng.integers(1, 9, self.ndim))
        return (
            self.rng.integers(-3, 4, shape).astype(float)
            if self.coin()
            else self.rng.standard_normal(shape)
        )


def of(name: str, ndim: int) -> tuple[Any, Any]:
    """A function of both libraries."""
    return getattr(F, f"{name}{ndim}d"), getattr(TF, f"{name}{ndim}d")


@families
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_max_pool_of_random_windows(ndim: int) -> None:
    ours, theirs = of("max_pool", ndim)
    done = 0
    for seed in range(150):
        d = Draw(ndim, seed)
        x = d.image()
        kernel, dilation, padding = d.sizes(1, 5), d.sizes(1, 3), d.sizes(0, 2)
        reach = np.broadcast_to(kernel, ndim), np.broadcast_to(dilation, ndim)
        if np.any((x.shape[-ndim:] <= np.broadcast_to(padding, ndim)) & (reach[1] > 1)):
            continue  # a window that reads nothing: refused here, -inf in PyTorch
        stride = None if d.coin() else d.sizes(1, 4)
        options = (kernel, stride, padding, dilation, d.coin(), d.coin())
        done += compare(lambda t: ours(t, *options), lambda t: theirs(t, *options), x)  # noqa: B023
    assert done > 40


@families
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_avg_pool_of_random_windows(ndim: int) -> None:
    ours, theirs = of("avg_pool", ndim)
    done = 0
    for seed in range(150):
        d = Draw(ndim, seed)
        stride = None if d.coin() else d.sizes(1, 4)
        options = (d.sizes(1, 5), stride, d.sizes(0, 2), d.coin(), d.coin())
        more = {} if ndim == 1 or d.coin() else {"divisor_override": int(d.rng.integers(1, 6))}
        done += compare(
            lambda t: ours(t, *options, **more),  # noqa: B023
            lambda t: theirs(t, *options, **more),  # noqa: B023
            d.image(),
        )
    assert done > 40


@families
def test_adaptive_pool_to_random_sizes(ndim: int) -> None:
    for seed in range(60):
        d = Draw(ndim, seed)
        x, size = d.image(), d.sizes(1, 7)
        for name in ("adaptive_max_pool", "adaptive_avg_pool"):
            ours, theirs = of(name, ndim)
            assert compare(lambda t: ours(t, size), lambda t: theirs(t, size), x)  # noqa: B023
        ours, theirs = of("adaptive_max_pool", ndim)
        assert compare(lambda t: ours(t, size, True), lambda t: theirs(t, size, True), x)  # noqa: B023


@families
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_unpooling_puts_back_what_was_pooled(ndim: int) -> None:
    (pool, their_pool), (unpool, their_unpool) = of("max_pool", ndim), of("max_unpool", ndim)
    done = 0
    for seed in range(60):
        d = Draw(ndim, seed)
        kernel = d.sizes(1, 4)
        whole = d.image()

        def ours(t: Any, kernel: Any = kernel, whole: Any = whole) -> Any:
            return unpool(
                *pool(t, kernel, return_indices=True), kernel, None, 0, whole.shape[-ndim:]
            )

        def theirs(t: Any, kernel: Any = kernel, whole: Any = whole) -> Any:
            pooled = their_pool(t, kernel, return_indices=True)
            return their_unpool(*pooled, kernel, None, 0, whole.shape[-ndim:])

        done += compare(ours, theirs, whole)
    assert done > 20


@families
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_interpolation_to_random_sizes(ndim: int, dtype: str) -> None:
    smooth: tuple[str, ...] = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}[ndim]
    if dtype == "float32":
        smooth = smooth[:1]  # of bicubic's sixteen terms more cancels than float32 resolves
    for seed in range(150):
        d = Draw(ndim, seed)
        x = d.image(batched=True).astype(dtype)
        mode = str(d.rng.choice(["nearest", "nearest-exact", "area", *smooth]))
        options: dict[str, Any] = {"mode": mode}
        if d.coin():
            options["size"] = d.sizes(1, 14)
        else:
            one = float(d.rng.choice([0.5, 2, 3, 1.5, 0.7, 2.3]))
            factors = tuple(map(float, d.rng.uniform(0.4, 3, ndim)))
            options["scale_factor"] = one if d.coin() else factors
            # PyTorch's nearest modes round differently forward and backward without it
            options["recompute_scale_factor"] = mode.startswith("nearest") or d.coin()
            if min(int(n * f) for n, f in zip(x.shape[2:], np.broadcast_to(options["scale_factor"], ndim), strict=True)) < 1:  # fmt: skip
                continue
        if mode in smooth and d.coin():
            options["align_corners"] = d.coin()
        assert compare(
            lambda t: F.interpolate(t, **options),  # noqa: B023
            lambda t: TF.interpolate(t, **options),  # noqa: B023
            x,
        )


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_sampling_at_random_places(ndim: int, mode: str) -> None:
    for seed in range(60):
        d = Draw(ndim, seed)
        x = d.image(batched=True)
        grid = d.rng.uniform(-2.5, 2.5, (x.shape[0], *d.rng.integers(1, 4, ndim), ndim))
        if d.coin() and mode == "bilinear":
            grid = np.round(grid * 2) / 2
        options = (mode, str(d.rng.choice(["zeros", "border", "reflection"])), d.coin())
        assert compare(
            lambda t, u: F.grid_sample(t, u, *options),  # noqa: B023
            lambda t, u: TF.grid_sample(t, u, *options),  # noqa: B023
            x,
            grid,
        )


def test_places_that_are_no_numbers_are_outside() -> None:
    x = tg.ones(1, 1, 2, 2, dtype=tg.float64)
    grid = tg.tensor(np.full((1, 1, 1, 2), np.nan))
    assert F.grid_sample(x, grid, align_corners=False).item() == 0
    assert F.grid_sample(x, grid, padding_mode="border", align_corners=False).item() == 1


def test_large_images_are_computed_in_blocks() -> None:
    x = np.random.default_rng(0).standard_normal((7, 11, 60, 50))
    for ours, theirs in (
        (lambda t: F.max_pool2d(t, 3, 2, 1, 1, False, True), lambda t: TF.max_pool2d(t, 3, 2, 1, 1, False, True)),
        (lambda t: F.avg_pool2d(t, 3, 1, 1), lambda t: TF.avg_pool2d(t, 3, 1, 1)),
        (lambda t: F.interpolate(t, (90, 20), mode="bilinear"), lambda t: TF.interpolate(t, (90, 20), mode="bilinear")),
    ):  # fmt: skip
        assert compare(ours, theirs, x)


def test_low_precision_is_summed_in_single_precision() -> None:
    x = tg.full((1, 64, 64), 60000.0, dtype=tg.float16)
    assert F.adaptive_avg_pool2d(x, 1).item() == 60000


LAYERS = {
    "MaxPool": lambda nn, k: getattr(nn, f"MaxPool{k}d")(3, 2, 1),
    "MaxPool of pairs": lambda nn, k: getattr(nn, f"MaxPool{k}d")((2,) * k, ceil_mode=True),
    "MaxPool with indices": lambda nn, k: getattr(nn, f"MaxPool{k}d")(2, return_indices=True),
    "AvgPool": lambda nn, k: getattr(nn, f"AvgPool{k}d")(3, padding=1, count_include_pad=False),
    "AvgPool with stride": lambda nn, k: getattr(nn, f"AvgPool{k}d")((2,) * k, 1, ceil_mode=True),
    "LPPool": lambda nn, k: getattr(nn, f"LPPool{k}d")(2, 2),
    "LPPool of infinity": lambda nn, k: getattr(nn, f"LPPool{k}d")(float("inf"), 2, stride=1),
    "AdaptiveMaxPool": lambda nn, k: getattr(nn, f"AdaptiveMaxPool{k}d")(2),
    "AdaptiveAvgPool": lambda nn, k: getattr(nn, f"AdaptiveAvgPool{k}d")((3,) * k),
    "Upsample": lambda nn, k: nn.Upsample(scale_factor=2),
    "Upsample of factors": lambda nn, k: nn.Upsample(scale_factor=(2,) * k, mode="nearest-exact"),
    "Upsample to a size": lambda nn, k: nn.Upsample((5,) * k),
    "Upsample smoothly": lambda nn, k: nn.Upsample(
        scale_factor=1.5, mode=("linear", "bilinear", "trilinear")[k - 1], align_corners=True
    ),
    "ZeroPad": lambda nn, k: getattr(nn, f"ZeroPad{k}d")(1),
    "ConstantPad": lambda nn, k: getattr(nn, f"ConstantPad{k}d")((1, 2) * k, 1.5),
    "ReflectionPad": lambda nn, k: getattr(nn, f"ReflectionPad{k}d")((1, 2) * k),
    "ReplicationPad": lambda nn, k: getattr(nn, f"ReplicationPad{k}d")(2),
    "CircularPad": lambda nn, k: getattr(nn, f"CircularPad{k}d")((0, 1) * k),
    "ChannelShuffle": lambda nn, k: nn.ChannelShuffle(2),
    "Unflatten": lambda nn, k: nn.Unflatten(1, (2, -1)),
    "Flatten": lambda nn, k: nn.Flatten(),
}


@families
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_layers_compute_and_print_alike(name: str, ndim: int) -> None:
    ours, theirs = LAYERS[name](tg.nn, ndim), LAYERS[name](torch.nn, ndim)
    assert repr(ours) == repr(theirs)
    x = np.random.default_rng(2).uniform(0.5, 2, (2, 4, *(4, 5, 6)[:ndim]))
    assert compare(ours, theirs, x)


@families
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_unpooling_layers_compute_and_print_alike(ndim: int) -> None:
    def both(nn: Any) -> tuple[Any, Any]:
        pool = getattr(nn, f"MaxPool{ndim}d")(2, 2, return_indices=True)
        return pool, getattr(nn, f"MaxUnpool{ndim}d")(2)

    (pool, unpool), (their_pool, their_unpool) = both(tg.nn), both(torch.nn)
    assert repr(unpool) == repr(their_unpool)
    x = np.random.default_rng(2).standard_normal((2, 3, *(4, 2, 6)[:ndim]))
    assert compare(lambda t: unpool(*pool(t)), lambda t: their_unpool(*their_pool(t)), x)
    x = np.random.default_rng(2).standard_normal((2, 3, *(4, 5, 7)[:ndim]))
    size = x.shape
    assert compare(
        lambda t: unpool(*pool(t), output_size=size),
        lambda t: their_unpool(*their_pool(t), output_size=torch.Size(size)),
        x,
    )


IMAGE_LAYERS = {
    "UpsamplingNearest2d": lambda nn: nn.UpsamplingNearest2d(scale_factor=2),
    "UpsamplingBilinear2d": lambda nn: nn.UpsamplingBilinear2d((3, 7)),
    "PixelShuffle": lambda nn: nn.PixelShuffle(2),
    "PixelUnshuffle": lambda nn: nn.PixelUnshuffle(2),
    "bicubic": lambda nn: nn.Upsample(scale_factor=2, mode="bicubic"),
    "AdaptiveMaxPool2d that keeps one": lambda nn: nn.AdaptiveMaxPool2d((None, 2)),
    "AvgPool2d with a divisor": lambda nn: nn.AvgPool2d(2, divisor_override=3),
}


@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_layers_of_images_compute_and_print_alike(name: str) -> None:
    ours, theirs = IMAGE_LAYERS[name](tg.nn), IMAGE_LAYERS[name](torch.nn)
    assert repr(ours) == repr(theirs)
    assert compare(ours, theirs, np.random.default_rng(2).standard_normal((2, 4, 4, 6)))


def test_layers_refuse_what_pytorch_refuses() -> None:
    with pytest.raises(tg.errors.ArgumentError, match="padding"):
        tg.nn.ZeroPad2d((1, 2, 3))
    with pytest.raises(tg.errors.ArgumentError, match="tuple of ints"):
        tg.nn.Unflatten(1, 2)
    with pytest.raises(tg.errors.ArgumentError, match="tuple of ints"):
        tg.nn.Unflatten(1, (2, 1.5))
    with pytest.raises(tg.errors.ArgumentError, match="half"):
        tg.nn.MaxPool2d(2, padding=2)(tg.ones(1, 4, 4))
    with pytest.raises(tg.errors.ArgumentError, match="either"):
        tg.nn.Upsample()(tg.ones(1, 1, 4))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(20))
def test_fractional_windows_are_pytorchs_for_the_same_samples(
    ndim: int, dtype: str, seed: int
) -> None:
    rng = np.random.default_rng((ndim, seed))
    kernel = tuple(int(k) for k in rng.integers(1, 4, ndim))
    plane = tuple(int(n) for n in rng.integers(5, 12, ndim))
    # PyTorch's bound in three dimensions is one less than in two
    size = [int(rng.integers(1, n - k + 4 - ndim)) for n, k in zip(plane, kernel, strict=True)]
    x = rng.standard_normal((2, 3, *plane)).astype(dtype)
    u = rng.random((2, 3, ndim)).astype(dtype)
    name = f"fractional_max_pool{ndim}d"
    options = {"output_size": size, "return_indices": True}
    assert compare(
        lambda t: getattr(F, name)(t, kernel, **options, _random_samples=tg.tensor(u)),
        lambda t: getattr(TF, name)(t, kernel, **options, _random_samples=torch.tensor(u)),
        x,
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_fractional_layers(ndim: int) -> None:
    name = f"FractionalMaxPool{ndim}d"
    x, u = np.random.randn(1, 2, *(7, 8, 6)[:ndim]), np.random.rand(1, 2, ndim)
    for options in ({"output_size": 3, "return_indices": True}, {"output_ratio": 0.5}):
        ours = getattr(tg.nn, name)(2, **options, _random_samples=tg.tensor(u))
        theirs = getattr(torch.nn, name)(2, **options, _random_samples=torch.tensor(u))
        assert repr(ours) == repr(theirs) and not ours.state_dict()
        assert compare(ours, theirs, x)
    drawn = getattr(tg.nn, name)(2, output_size=3)
    tg.manual_seed(0)
    first = drawn(tg.tensor(x))
    tg.manual_seed(0)
    assert tg.equal(first, drawn(tg.tensor(x))) and not tg.equal(first, drawn(tg.tensor(x)))
    for options in ({}, {"output_size": 2, "output_ratio": 0.5}, {"output_ratio": 1.5}):
        with pytest.raises(tg.errors.ArgumentError):
            getattr(tg.nn, name)(2, **options)
