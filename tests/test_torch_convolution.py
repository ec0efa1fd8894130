"""Convolutions of random shapes and options, and their layers, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
import tolerances
from tapegrad.kernels import convolution as kernels
from tapegrad.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]

RANKS = pytest.mark.parametrize("ndim", [1, 2, 3])
# A sum of some hundred products in another order differs by more than the sums of a dozen terms that the
# table of tolerances is made for.
LONG_SUMS = tolerances.Tolerance(1e-10, 1e-11)


def numbers(rng: np.random.Generator, ndim: int, low: int, high: int) -> Any:
    """One number for all dimensions, or one each."""
    if rng.random() < 0.5:
        return int(rng.integers(low, high))
    return tuple(int(n) for n in rng.integers(low, high, ndim))


def odd(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same values in another layout of memory."""
    layout = rng.integers(4)
    if layout == 1:
        return np.asfortranarray(array)
    if layout == 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    if layout == 3:
        return array[..., ::-1].copy()[..., ::-1]
    return array


def arguments(rng: np.random.Generator, ndim: int, transposed: bool) -> Any:
    """Arrays and options that PyTorch accepts, most of the time."""
    groups = int(rng.choice([1, 1, 2, 3]))
    inputs, outputs = (groups * int(n) for n in rng.integers(1, 4, 2))
    kernel = tuple(rng.integers(1, 4, ndim))
    batch = () if rng.random() < 0.2 else (int(rng.choice([0, 1, 2, 3, 5])),)
    spatial = rng.integers(1 if transposed else 4, 8 if ndim < 3 else 6, ndim)
    weight = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    x = rng.standard_normal((*batch, inputs, *spatial))
    w = rng.standard_normal((*weight, *kernel))
    b = rng.standard_normal(outputs) if rng.random() < 0.5 else None
    options = {
        "stride": numbers(rng, ndim, 1, 4), "padding": numbers(rng, ndim, 0, 4),
        "dilation": numbers(rng, ndim, 1, 4), "groups": groups,
    }  # fmt: skip
    if transposed:
        options["output_padding"] = numbers(rng, ndim, 0, 3)
    elif rng.random() < 0.3:
        options["padding"] = "same"
        options["stride"] = 1
    return odd(x, rng), odd(w, rng), b, options


def both(arrays: Any) -> Any:
    ours = [None if a is None else tg.tensor(a.copy("K")).requires_grad_() for a in arrays]
    theirs = [None if a is None else torch.tensor(a.copy(), requires_grad=True) for a in arrays]
    return ours, theirs


def same(have: Any, want: Any, what: str = "") -> None:
    tolerances.assert_same(have.detach().numpy(), want.detach().numpy(), what, LONG_SUMS)


def compare(name: str, rng: np.random.Generator, ndim: int, transposed: bool) -> bool:
    """One random call, its gradients, and the gradients of those; False if both refuse it."""
    *arrays, options = arguments(rng, ndim, transposed)
    what = f"{name} {[None if a is None else a.shape for a in arrays]} {options}"
    ours, theirs = both(arrays)
    try:
        want = getattr(torch, name)(*theirs, **options)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            getattr(tg, name)(*ours, **options)
        return False
    if not want.size(0) and arrays[0].ndim == ndim + 2:
        # PyTorch looks at nothing but the shapes if the batch is empty
        try:
            getattr(tg, name)(*ours, **options)
        except tg.errors.TapegradError:
            return False
    have = getattr(tg, name)(*ours, **options)
    same(have, want, what)
    g = rng.standard_normal(want.shape)
    live = [i for i, a in enumerate(arrays) if a is not None]
    first = tg.autograd.grad(have, [ours[i] for i in live], tg.tensor(g), create_graph=True)
    wanted = torch.autograd.grad(
        want, [theirs[i] for i in live], torch.tensor(g), create_graph=True
    )
    for h, w in zip(first, wanted, strict=True):
        same(h, w, what)
    if 0 in arrays[0].shape:
        return True
    second = tg.autograd.grad(sum((f**2).sum() for f in first), [ours[0], ours[1]])
    wanted = torch.autograd.grad(sum((f**2).sum() for f in wanted), [theirs[0], theirs[1]])
    for h, w in zip(second, wanted, strict=True):
        tolerances.assert_same(h.numpy(), w.numpy(), what, tolerances.Tolerance(1e-9, 1e-9))
    return True


@RANKS
@pytest.mark.parametrize("transposed", [False, True])
def test_random_calls_equal_pytorch(ndim: int, transposed: bool) -> None:
    rng = np.random.default_rng(10 * ndim + transposed)
    name = f"conv_transpose{ndim}d" if transposed else f"conv{ndim}d"
    done = 0
    for _ in range(200):
        done += compare(name, rng, ndim, transposed)
        if done == 40:
            return
    raise AssertionError(f"only {done} calls were accepted")


@RANKS
@pytest.mark.parametrize("nbytes", [1, 500, 3000])
def test_a_small_buffer_gives_the_same(
    ndim: int, nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "BUFFER_BYTES", nbytes)
    rng = np.random.default_rng(nbytes + ndim)
    for transposed in (False, True, False, True, False, True):
        name = f"conv_transpose{ndim}d" if transposed else f"conv{ndim}d"
        while not compare(name, rng, ndim, transposed):
            pass


def test_random_windows_equal_pytorch() -> None:
    rng = np.random.default_rng(5)
    done = 0
    while done < 40:
        x = odd(rng.standard_normal((*rng.integers(1, 4, 2), *rng.integers(2, 8, 2))), rng)
        kernel, gaps, cuts, steps = (numbers(rng, 2, low, 4) for low in (1, 1, 0, 1))
        try:
            want = torch.nn.functional.unfold(torch.tensor(x.copy()), kernel, gaps, cuts, steps)
        except RuntimeError:
            with pytest.raises(tg.errors.ShapeError):
                F.unfold(tg.tensor(x), kernel, gaps, cuts, steps)
            continue
        same(F.unfold(tg.tensor(x), kernel, gaps, cuts, steps), want)
        back = torch.nn.functional.fold(want, x.shape[2:], kernel, gaps, cuts, steps)
        same(F.fold(tg.tensor(want.numpy()), x.shape[2:], kernel, gaps, cuts, steps), back)
        done += 1


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int8"])
def test_integers_are_convolved_as_in_pytorch(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, w = (rng.integers(0, 20, shape).astype(dtype) for shape in ((2, 2, 5, 5), (2, 2, 3, 3)))
    have = tg.conv2d(tg.tensor(x), tg.tensor(w), stride=2)
    want = torch.conv2d(torch.tensor(x), torch.tensor(w), stride=2)
    assert str(want.dtype) == f"torch.{have.dtype}"
    np.testing.assert_array_equal(have.numpy(), want.numpy())


def test_results_and_gradients_have_the_channels_last_in_memory() -> None:
    rng = np.random.default_rng(0)
    x, w = (
        tg.tensor(rng.standard_normal((2, 3, 6, 6))),
        tg.tensor(rng.standard_normal((4, 3, 3, 3))),
    )
    y = tg.relu(tg.conv2d(x, w, padding=1))
    window = kernels.Window((1, 1), ((1, 1), (1, 1)), (1, 1))
    g = kernels.conv_input_grad(y.array, w.array, (6, 6), window)
    for array in (y.array, g):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_no_channels_at_all_give_the_bias() -> None:
    x, w = tg.ones(1, 0, 4, 4, requires_grad=True), tg.ones(3, 0, 2, 2, requires_grad=True)
    b = tg.ones(3, requires_grad=True)
    y = tg.conv2d(x, w, b, stride=2)
    y.sum().backward()
    assert y.shape == (1, 3, 2, 2) and y.sum().item() == 12
    assert b.grad is not None and b.grad.tolist() == [4.0, 4.0, 4.0]
    assert tg.conv_transpose2d(y, w, stride=2).shape == (1, 0, 4, 4)
    assert tg.autograd.grad(tg.conv2d(x, w).sum(), [x, w])[0].shape == x.shape


def test_half_precision_is_added_in_single_precision() -> None:
    x, w = tg.ones(1, 1, 64, 64, dtype=tg.float16), tg.ones(1, 1, 64, 64, dtype=tg.float16)
    w.requires_grad_()
    (g,) = tg.autograd.grad(tg.conv2d(x, w), w, tg.ones(1, 1, 1, 1, dtype=tg.float16))
    assert tg.conv2d(x, w).item() == 4096 and g.dtype == tg.float16
    bias = tg.zeros(1, dtype=tg.float16, requires_grad=True)
    tg.conv2d(x, tg.ones(1, 1, 1, 1, dtype=tg.float16), bias).sum().backward()
    assert bias.grad is not None and bias.grad.item() == 4096


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "conv1d": (lambda nn: nn.Conv1d(2, 3, 3), (2, 2, 6)),
    "conv1d same": (lambda nn: nn.Conv1d(2, 3, 4, padding="same"), (2, 6)),
    "conv2d": (lambda nn: nn.Conv2d(2, 4, (3, 2), stride=2, padding=(1, 0), groups=2), (2, 2, 6, 5)),
    "conv2d without bias": (lambda nn: nn.Conv2d(2, 3, 3, bias=False, dilation=2), (2, 6, 6)),
    "conv2d valid": (lambda nn: nn.Conv2d(2, 3, 3, padding="valid", stride=2), (1, 2, 6, 6)),
    "conv3d": (lambda nn: nn.Conv3d(1, 2, 2, padding=1), (1, 1, 3, 2, 3)),
    "transpose1d": (lambda nn: nn.ConvTranspose1d(2, 3, 3), (2, 2, 4)),
    "transpose2d": (
        lambda nn: nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2, dilation=2), (1, 2, 3, 4)
    ),
    "transpose3d": (lambda nn: nn.ConvTranspose3d(2, 1, 2, stride=2, bias=False), (2, 2, 1, 2)),
    "unfold": (lambda nn: nn.Unfold((2, 3), padding=1), (2, 2, 4, 4)),
    "fold": (lambda nn: nn.Fold((4, 4), 2), (1, 8, 9)),
} | {
    f"{mode} {ndim}d": (
        lambda nn, mode=mode, ndim=ndim: getattr(nn, f"Conv{ndim}d")(
            1, 2, 3, padding=tuple(range(ndim)), padding_mode=mode
        ),
        (1, 1, *(4, 3, 5)[:ndim]),
    )
    for mode in ("reflect", "replicate", "circular")
    for ndim in (1, 2, 3)
} | {
    f"{mode} {padding}": (
        lambda nn, mode=mode, padding=padding: nn.Conv2d(1, 2, (2, 3), padding=padding, padding_mode=mode),
        (1, 1, 4, 5),
    )
    for mode in ("zeros", "reflect", "circular")
    for padding in ("same", "valid")
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_pytorchs_values_gradients_keys_and_text(name: str) -> None:
    build, shape = LAYERS[name]
    theirs = build(torch.nn).double()
    ours = build(tg.nn).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    same(y, z)
    g = rng.standard_normal(z.shape)
    y.backward(tg.tensor(g))
    z.backward(torch.tensor(g))
    same(a.grad, b.grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad)


@pytest.mark.parametrize("size", [(7, 5), (8, 6), (1, 2, 7, 6), (9, 5), (7,), (6, 5)])
def test_output_size_of_a_transposed_layer(size: tuple[int, ...]) -> None:
    theirs = torch.nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1).double()
    ours = tg.nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 3))
    try:
        want = theirs(torch.tensor(x), output_size=size)
    except (RuntimeError, ValueError):
        with pytest.raises(tg.errors.ShapeError, match="output_size must"):
            ours(tg.tensor(x), output_size=size)
        return
    same(ours(tg.tensor(x), output_size=size), want)


def test_initial_weights_have_pytorchs_distribution() -> None:
    for name in ("Conv2d", "ConvTranspose2d"):
        ours = getattr(tg.nn, name)(64, 128, 3, groups=2)
        theirs = getattr(torch.nn, name)(64, 128, 3, groups=2)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert p.shape == tuple(q.shape)
            bound = abs(q.detach().numpy()).max()
            assert 0.8 * bound < abs(p.detach().numpy()).max() < 1.25 * bound


BAD: dict[str, Any] = {
    "groups": {"groups": 3}, "no groups": {"groups": 0}, "channels": {"in_channels": 0}, "kernel": {"kernel_size": 0},
    "padding mode": {"padding_mode": "mirror"}, "padding": {"padding": "full"}, "strided same": {"padding": "same", "stride": 2},
    "stride": {"stride": (1, 2, 3)}, "dilation": {"dilation": 0}, "float channels": {"out_channels": 2.0},
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_layer_refuses_arguments_without_meaning(what: str) -> None:
    with pytest.raises(tg.errors.ArgumentError, match=r"^Conv2d: "):
        tg.nn.Conv2d(**{"in_channels": 2, "out_channels": 2, "kernel_size": 3} | BAD[what])


def test_a_transposed_layer_pads_with_zeros_only() -> None:
    with pytest.raises(tg.errors.ArgumentError, match="padding_mode must be 'zeros'"):
        tg.nn.ConvTranspose1d(1, 1, 1, padding_mode="reflect")
    with pytest.raises(tg.errors.ArgumentError, match="padding must be"):
        tg.nn.ConvTranspose1d(1, 1, 1, padding="same")  # type: ignore[arg-type]


def test_the_result_may_be_viewed_as_rows() -> None:
    x = tg.ones(2, 3, 5, 5, requires_grad=True)
    y = tg.nn.Conv2d(3, 4, 3)(x)
    rows = y.view(y.size(0), -1)
    np.testing.assert_array_equal(rows.detach().numpy(), y.detach().numpy().reshape(2, -1))
    rows.sum().backward()
    assert x.grad is not None
    with pytest.raises(tg.errors.ArgumentError, match="without a copy"):
        tg.ones(2, 3).t().view(6)
