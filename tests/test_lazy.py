"""Lazy layers and what they are made of: tensors without a shape."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DtypeError, GraphError, ShapeError, StateDictError
from tapegrad.nn.lazy import LazyModuleMixin


def model() -> Any:
    return nn.Sequential(
        nn.LazyConv2d(4, 2), nn.LazyBatchNorm2d(), nn.ReLU(), nn.LazyLinear(3, bias=False)
    )


X = (2, 2, 4, 5)


def test_the_first_call_makes_ordinary_layers_of_them() -> None:
    m = model()
    assert repr(m[0]) == "LazyConv2d(0, 4, kernel_size=(2, 2), stride=(1, 1))"
    y = m(tg.randn(*X))
    assert [type(c) for c in m] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Linear]
    assert (m[0].in_channels, m[1].num_features, m[3].in_features) == (2, 4, 4)
    assert all(type(p) is nn.Parameter for p in m.parameters())
    assert not any(c._hooked for c in m) and not any("_hooked" in vars(c) for c in m)
    y.sum().backward()
    assert all(p.grad is not None for p in m.parameters())
    assert m[1].num_batches_tracked.item() == 1
    assert list(m.state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "3.weight",
    ]  # fmt: skip


def test_values_are_those_of_the_ordinary_layer_for_the_same_seed() -> None:
    lazy = nn.LazyLinear(3)
    tg.manual_seed(0)
    lazy(tg.ones(1, 4))
    tg.manual_seed(0)
    assert tg.equal(lazy.weight, nn.Linear(4, 3).weight)


def test_parameters_stay_the_same_objects() -> None:
    m = model()
    parameters = list(m.parameters())
    optimizer = tg.optim.SGD(parameters, lr=0.1)
    m(tg.randn(*X)).sum().backward()
    assert all(a is b for a, b in zip(parameters, m.parameters(), strict=True))
    before = m[3].weight.detach().clone()
    optimizer.step()
    assert not tg.equal(before, m[3].weight)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_before_the_first_call(again: Any) -> None:
    m = model().double()
    n = again(m)
    n(tg.randn(*X, dtype=tg.float64))
    assert type(n[0]) is nn.Conv2d and type(m[0]) is nn.LazyConv2d
    assert n[1].running_mean.dtype == tg.float64
    assert type(again(n)[0]) is nn.Conv2d


def test_conversions_and_modes_before_the_first_call() -> None:
    m = model().double().eval().requires_grad_(False)
    assert all(p.dtype == tg.float64 and not p.requires_grad for p in m.parameters())
    m.requires_grad_(True)
    assert all(p.requires_grad for p in m.parameters())
    m.to("standin")
    assert all(p.device == "standin" for p in m.parameters())
    y = m(tg.ones(*X, dtype=tg.float64).to("standin"))
    assert y.device == "standin" and m[1].running_var.device == "standin"
    m.zero_grad()


def test_state_dicts_go_both_ways() -> None:
    done = model()
    done(tg.randn(*X))
    fresh = model()
    before = fresh.state_dict()
    assert repr(before["0.weight"]) == "<UninitializedParameter>"
    assert model().load_state_dict(before) == ([], [])
    fresh.load_state_dict(done.state_dict())
    assert type(fresh[0]) is nn.LazyConv2d and fresh[0].weight.shape == (4, 2, 2, 2)
    x = tg.randn(*X)
    assert tg.equal(fresh.eval()(x), done.eval()(x))
    assert type(fresh[0]) is nn.Conv2d and fresh[1].num_features == 4
    with pytest.raises(StateDictError, match=r"not initialised: 0.weight: expected \(4, 2, 2, 2\)"):
        done.load_state_dict(model().state_dict())
    held = nn.LazyLinear(3)
    held.load_state_dict({"weight": tg.ones(3, 4), "bias": tg.zeros(3)}, assign=True)
    assert held(tg.ones(1, 4)).tolist() == [[4.0, 4.0, 4.0]]


def test_what_was_loaded_is_kept_and_checked() -> None:
    layer = nn.LazyLinear(3)
    layer.load_state_dict({"weight": tg.ones(3, 4)}, strict=False)
    with pytest.raises(ShapeError, match=r"LazyLinear: weight was loaded with shape \(3, 4\)"):
        layer(tg.ones(1, 5))
    assert layer.in_features == 0 and repr(layer.bias) == "<UninitializedParameter>"
    layer(tg.ones(1, 4))
    assert layer.weight.tolist() == [[1.0] * 4] * 3 and layer.in_features == 4
    assert layer.bias.abs().max().item() <= 0.5


@pytest.mark.parametrize(
    ("make", "shape", "error", "message"),
    [
        (lambda: nn.LazyLinear(2), (), ShapeError, "at least one dimension"),
        (lambda: nn.LazyConv2d(2, 1), (2, 3), ShapeError, "LazyConv2d: input must be 3-d, or 4-d"),
        (lambda: nn.LazyConv1d(4, 1, groups=4), (1, 6, 3), ArgumentError, "divisible by groups=4"),
        (lambda: nn.LazyConvTranspose1d(4, 1), (1, 0, 3), ArgumentError, "channels of input"),
        (lambda: nn.LazyBatchNorm1d(), (3,), ShapeError, "2-d or 3-d"),
        (lambda: nn.LazyInstanceNorm3d(), (2, 3), ShapeError, "4-d or 5-d"),
    ],
)
def test_inputs_that_fit_no_layer_leave_it_lazy(make: Any, shape: Any, error: Any, message: str) -> None:  # fmt: skip
    layer = make()
    kind = type(layer)
    with pytest.raises(error, match=message):
        layer(tg.ones(*shape))
    assert type(layer) is kind and layer.has_uninitialized_params()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LazyLinear(-1), "LazyLinear: out_features"),
        (lambda: nn.LazyConv2d(3, 2, groups=2), "out_channels=3 must be divisible by groups=2"),
        (lambda: nn.LazyConv2d(3, 0), "kernel_size"),
        (lambda: nn.LazyConvTranspose2d(3, 2, padding_mode="reflect"), "padding_mode must be 'zeros'"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_at_once(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_instance_normalisation_of_one_sample_counts_its_channels() -> None:
    layer = nn.LazyInstanceNorm1d()
    layer(tg.randn(3, 5))
    assert layer.num_features == 3
    layer = nn.LazyInstanceNorm2d(affine=False, track_running_stats=False)
    layer(tg.randn(2, 3, 4, 4))
    assert type(layer) is nn.InstanceNorm2d and layer.num_features == 3


def test_hooks_see_the_ordinary_layer() -> None:
    layer, seen = nn.LazyLinear(3), []
    handle = layer.register_forward_hook(lambda m, args, out: seen.append(type(m)))
    layer(tg.ones(1, 2))
    layer(tg.ones(1, 2))
    handle.remove()
    assert seen == [nn.Linear, nn.Linear] and not layer._hooked


def test_lazy_classes_of_ones_own() -> None:
    class Lazy(LazyModuleMixin):
        def __init__(self, forgetful: bool = False):
            super().__init__()
            self.forgetful = forgetful
            self.factor = nn.UninitializedParameter()
            self.calls = 0

        def initialize_parameters(self, input: Any) -> None:
            self.calls += 1
            if not self.forgetful:
                self.factor.materialize(input.shape)
                nn.init.ones_(self.factor)

        def forward(self, input: Any) -> Any:
            return input * self.factor

    layer = Lazy()
    assert layer(tg.ones(2)).tolist() == layer(tg.ones(2)).tolist() == [1.0, 1.0]
    assert layer.calls == 1 and type(layer) is Lazy
    with pytest.raises(ArgumentError, match="left something uninitialised"):
        Lazy(True)(tg.ones(2))
    with pytest.raises(NotImplementedError, match="define initialize_parameters"):
        type("Other", (LazyModuleMixin,), {"cls_to_become": nn.Identity})()(1)


# -- tensors without a shape --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.UninitializedParameter, nn.UninitializedBuffer])
@pytest.mark.parametrize(
    "use",
    [
        lambda t: t.shape, lambda t: t.ndim, lambda t: t.numel(), lambda t: t + 1, lambda t: tg.ones(2) * t, lambda t: t[0],
        lambda t: tg.exp(t), lambda t: np.exp(t), lambda t: t.numpy(), lambda t: t.tolist(), lambda t: t.backward(), len,
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(make: Any, use: Any) -> None:
    with pytest.raises((ArgumentError, GraphError), match=r"call the model once|require"):
        use(make())


def test_what_is_known() -> None:
    p = nn.UninitializedParameter(requires_grad=False, dtype=tg.float16)
    assert (p.dtype, p.device, p.requires_grad, p.is_leaf) == (tg.float16, "cpu", False, True)
    assert p.detach() is p and isinstance(p, nn.Parameter)
    p.requires_grad_()
    p.materialize((2, 3), dtype=tg.float64)
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.dtype == tg.float64
    (p * 0 + 1).sum().backward()
    assert p.grad.shape == (2, 3)
    b = nn.UninitializedBuffer(persistent=False)
    again = pickle.loads(pickle.dumps(b))
    assert not again.persistent and not copy.deepcopy(b).requires_grad
    again.materialize((3,))
    assert type(again) is nn.Buffer and again.shape == (3,)
    with pytest.raises(DtypeError, match="int64"):
        nn.UninitializedParameter(dtype=tg.int64)


class Mask(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mask = nn.Buffer(tg.ones(2))
        self.scratch = nn.Buffer(tg.zeros(1), persistent=False)
        self.w = nn.Parameter(tg.ones(2))


def test_another_tensor_in_the_place_of_a_buffer_is_one() -> None:
    m = Mask()
    tg.optim.SGD(m.parameters(), lr=0.1)
    m.mask = m.mask * 0.5
    assert list(m.state_dict()) == ["w", "mask"] and m.state_dict()["mask"].tolist() == [0.5, 0.5]
    m.mask = nn.Parameter(tg.ones(1))
    assert list(m._buffers) == ["scratch"] and [n for n, _ in m.named_parameters()] == ["mask", "w"]


def test_buffers_by_assignment() -> None:
    m = Mask()
    assert list(m.state_dict()) == ["w", "mask"]
    assert [n for n, _ in m.named_buffers()] == ["mask", "scratch"]
    n = pickle.loads(pickle.dumps(copy.deepcopy(m).double()))
    assert n.mask.dtype == tg.float64 and list(n.state_dict()) == ["w", "mask"]
    n.load_state_dict({"w": tg.ones(2), "mask": tg.zeros(2)}, assign=True)
    assert list(n.state_dict()) == ["w", "mask"] and n.mask.tolist() == [0.0, 0.0]
    assert nn.Buffer().shape == (0,)
    with pytest.raises(DtypeError, match="Buffer: data must be a tensor"):
        nn.Buffer([1.0])
