"""Modules: what they hold, how they are called, loaded, printed and refused."""

from __future__ import annotations

import copy
import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import (
    ArgumentError,
    DimensionError,
    DtypeError,
    ShapeError,
    StateDictError,
)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(tg.tensor([2.0]))
        self.register_buffer("offset", tg.tensor([1.0]))
        self.register_buffer("scratch", tg.tensor([0.0]), persistent=False)
        self.inner = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.inner(x * self.factor + self.offset)


# -- Parameter ---------------------------------------------------------------------------------------


def test_parameter_requires_grad_and_shares_memory():
    data = tg.zeros(2)
    p = nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and isinstance(p, tg.Tensor)
    data.array[0] = 5
    assert p.tolist() == [5.0, 0.0]
    assert p.array is not data.array


def test_parameter_takes_attributes_and_prints_its_kind():
    p = nn.Parameter(tg.zeros(2))
    p.note = "mine"
    assert p.note == "mine"
    assert repr(p) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"


def test_parameter_without_grad_and_empty():
    assert not nn.Parameter(tg.tensor([1]), requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)


def test_parameter_refuses_integers_and_strangers():
    with pytest.raises(DtypeError, match="only floating"):
        nn.Parameter(tg.tensor([1]))
    with pytest.raises(DtypeError, match="must be a tensor, got list"):
        nn.Parameter([1.0])


def test_result_of_an_operation_is_no_parameter():
    assert type(nn.Parameter(tg.ones(2)) * 2) is tg.Tensor


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_a_module_are_independent(again):
    m = Scale()
    m.tied = m.factor
    m.factor.note = "kept"
    n = again(m)
    assert n.tied is n.factor and type(n.factor) is nn.Parameter and n.factor.note == "kept"
    n.factor.array[...] = 7
    assert m.factor.item() == 2.0
    assert list(n.state_dict()) == list(m.state_dict())
    n(tg.ones(1, 1)).backward()
    assert n.factor.grad is not None and m.factor.grad is None


# -- what a module holds -----------------------------------------------------------------------------


def test_names_come_in_order_of_assignment_parents_first():
    m = Scale()
    assert [n for n, _ in m.named_parameters()] == ["factor", "inner.weight"]
    assert [n for n, _ in m.named_parameters("a", recurse=False)] == ["a.factor"]
    assert [n for n, _ in m.named_buffers()] == ["offset", "scratch"]
    assert [n for n, _ in m.named_modules()] == ["", "inner"]
    assert [n for n, _ in m.named_children()] == ["inner"]
    assert [type(c) for c in m.children()] == [nn.Linear]
    assert len(list(m.modules())) == 2


def test_views_for_ported_code_are_read_only():
    m = Scale()
    assert list(m._parameters) == ["factor"]
    assert list(m._buffers) == ["offset", "scratch"]
    assert list(m._modules) == ["inner"]
    with pytest.raises(TypeError):
        m._parameters["x"] = None


def test_parameter_registered_as_none_keeps_its_place():
    m = nn.Module()
    m.register_parameter("a", None)
    m.b = nn.Parameter(tg.zeros(1))
    assert list(m.state_dict()) == ["b"]
    m.a = nn.Parameter(tg.zeros(1))
    assert list(m.state_dict()) == ["a", "b"]


def test_shared_parameter_and_module_come_once():
    layer = nn.Linear(2, 2)
    m = nn.Sequential(layer, layer)
    m.tied = layer.weight
    assert [n for n, _ in m.named_parameters()] == ["tied", "0.bias"]
    assert len(list(m.modules())) == 2
    assert list(m.state_dict()) == ["tied", "0.weight", "0.bias", "1.weight", "1.bias"]
    assert len(list(m.named_parameters(remove_duplicate=False))) == 5


def test_parameters_before_super_init_work():
    class Early(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(tg.ones(1))
            super().__init__()

    class Never(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(tg.ones(1))

    assert len(list(Early().parameters())) == len(list(Never().parameters())) == 1
    assert Never().training


def test_missing_attribute_is_the_native_error():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        nn.Linear(1, 1).wieght  # noqa: B018


def test_lookup_by_path():
    m = nn.Sequential(OrderedDict(body=Scale()))
    assert m.get_submodule("body.inner") is m.body.inner
    assert m.get_submodule("") is m
    assert m.get_parameter("body.inner.weight") is m.body.inner.weight
    assert m.get_buffer("body.offset") is m.body.offset
    with pytest.raises(AttributeError, match="'body' has no module 'outer'"):
        m.get_submodule("body.outer")
    with pytest.raises(AttributeError, match="there are: factor"):
        m.get_parameter("body.weight")
    with pytest.raises(AttributeError, match="there are: offset, scratch"):
        m.get_buffer("body.factor")


@pytest.mark.parametrize("name", ["a.b", "", 3, "forward", "training"])
def test_registering_refuses_unusable_names(name):
    for register, value in (
        (nn.Module().register_parameter, None),
        (nn.Module().register_buffer, tg.zeros(1)),
        (nn.Module().add_module, nn.Identity()),
    ):
        with pytest.raises(ArgumentError):
            register(name, value)


def test_registering_refuses_other_kinds():
    m = nn.Module()
    with pytest.raises(DtypeError):
        m.register_parameter("a", tg.zeros(1))
    with pytest.raises(DtypeError):
        m.register_buffer("a", 3)
    with pytest.raises(DtypeError):
        m.register_module("a", 3)
    assert not hasattr(m, "a")


def test_forward_must_be_written():
    with pytest.raises(NotImplementedError, match="define forward"):
        nn.Module()(1)


# -- state dict --------------------------------------------------------------------------------------


def test_state_dict_round_trip_and_sharing():
    a, b = Scale(), Scale()
    a.factor.array[...] = 9
    state = a.state_dict(prefix="x.")
    assert list(state) == ["x.factor", "x.offset", "x.inner.weight"]
    state = a.state_dict()
    assert not state["factor"].requires_grad and a.state_dict(keep_vars=True)["factor"] is a.factor
    assert b.load_state_dict(state) == ([], [])
    assert b.factor.item() == 9
    a.factor.array[...] = 1
    assert state["factor"].item() == 1 and b.factor.item() == 9


def test_load_reports_everything_at_once_and_changes_nothing():
    m = mlp()
    before = {k: v.clone() for k, v in m.state_dict().items()}
    state = OrderedDict((k, v.clone() + 1) for k, v in m.state_dict().items())
    del state["0.bias"]
    state["2.weight"] = tg.zeros(5, 5)
    state["2.bias"] = "text"
    state["extra"] = tg.zeros(1)
    with pytest.raises(StateDictError) as caught:
        m.load_state_dict(state)
    text = str(caught.value)
    for part in (
        "missing: 0.bias",
        "unexpected: extra",
        "shape: 2.weight: expected (3, 4), got (5, 5)",
        "not a tensor: 2.bias: got str",
        "nothing was loaded",
    ):
        assert part in text
    assert all(tg.equal(before[k], v) for k, v in m.state_dict().items())
    with pytest.raises(StateDictError, match="mapping"):
        m.load_state_dict([1])


def test_load_not_strict_returns_what_it_passed_over():
    m = mlp()
    state = {"0.weight": np.ones((4, 2)), "extra": tg.zeros(1)}
    result = m.load_state_dict(state, strict=False)
    assert result.missing_keys == ["0.bias", "2.weight", "2.bias"]
    assert result.unexpected_keys == ["extra"]
    assert m[0].weight.dtype == tg.float32 and m[0].weight.sum().item() == 8
    with pytest.raises(StateDictError, match="shape: 0"):
        m.load_state_dict({"0.weight": tg.zeros(1)}, strict=False)


def test_load_by_assignment_takes_the_tensors_themselves():
    m, value = nn.Linear(1, 1, bias=False), tg.tensor([[3.0]], dtype=tg.float64)
    m.load_state_dict({"weight": value}, assign=True)
    assert m.weight.dtype == tg.float64 and m.weight.requires_grad
    value.array[...] = 4
    assert m.weight.item() == 4


def test_load_by_assignment_changes_nothing_if_one_entry_cannot_be_a_parameter():
    m = nn.Linear(1, 1)
    weight = m.weight
    with pytest.raises(DtypeError, match="int64"):
        m.load_state_dict({"weight": tg.zeros(1, 1), "bias": tg.tensor([1])}, assign=True)
    assert m.weight is weight


def test_load_by_assignment_keeps_the_dtype_of_a_buffer():
    m = nn.Module()
    m.register_buffer("count", tg.tensor([0.0]))
    m.load_state_dict({"count": np.array([3])}, assign=True)
    assert m.count.dtype == tg.int64


def test_loading_between_forward_and_backward_is_noticed():
    m = mlp()
    x = tg.ones(1, 2, requires_grad=True)
    loss = m(x).sum()
    m.load_state_dict(m.state_dict())
    with pytest.raises(tg.errors.GraphError, match="load_state_dict"):
        loss.backward()


# -- doing things to a module ------------------------------------------------------------------------


def test_train_and_eval_reach_everything():
    m = nn.Sequential(Scale())
    assert m.training and m.eval() is m
    assert not any(c.training for c in m.modules())
    assert m.train() is m and m[0].inner.training
    with pytest.raises(ArgumentError):
        m.train("yes")


def test_apply_goes_children_first():
    seen = []
    m = mlp()
    assert m.apply(lambda c: seen.append(type(c).__name__)) is m
    assert seen == ["Linear", "ReLU", "Linear", "Sequential"]


def test_conversion_keeps_parameters_gradients_and_tape():
    m = Scale()
    m(tg.ones(1, 1)).backward()
    weight = m.inner.weight
    assert m.double() is m and m.inner.weight is weight
    assert weight.dtype == weight.grad.dtype == m.offset.dtype == tg.float64
    m.zero_grad()
    m(tg.ones(1, 1, dtype=tg.float64)).backward()
    assert weight.grad.item() == 3 and weight.grad.dtype == tg.float64
    assert m.half().factor.dtype == tg.float16
    assert m.float().factor.dtype == tg.float32
    assert m.to(tg.zeros(1, dtype=tg.float64)).factor.dtype == tg.float64
    assert m.to("cpu", "float32").factor.dtype == tg.float32
    assert m.cpu().factor.device == "cpu"


def test_conversion_refusals():
    with pytest.raises(DtypeError, match="floating"):
        nn.Linear(1, 1).to(tg.int64)
    with pytest.raises(ArgumentError, match="unknown arguments"):
        nn.Linear(1, 1).to(memory="fast")
    with pytest.raises(ArgumentError, match="names no device"):
        nn.Linear(1, 1).to("gpu0")


def test_moving_to_another_device_and_training_there():
    m = mlp().to("standin")
    assert all(p.device == "standin" for p in m.parameters())
    x = tg.ones(5, 2).to("standin")
    target = tg.zeros(5, dtype=tg.int64).to("standin")
    nn.CrossEntropyLoss()(m(x), target).backward()
    assert m[0].weight.grad.device == "standin"
    with pytest.raises(tg.errors.DeviceError, match=r"0 \(Linear\): .*different devices"):
        m(tg.ones(5, 2))
    other = mlp()
    m.load_state_dict(other.state_dict())
    assert tg.equal(m[0].weight.detach().cpu(), other[0].weight.detach())


def test_requires_grad_and_zero_grad():
    m = mlp()
    m(tg.ones(1, 2)).sum().backward()
    m.zero_grad(set_to_none=False)
    assert m[0].weight.grad.abs().sum().item() == 0
    m.zero_grad()
    assert m[0].weight.grad is None
    assert m.requires_grad_(False) is m
    assert not m(tg.ones(1, 2)).requires_grad


# -- hooks -------------------------------------------------------------------------------------------


def test_forward_hooks_see_and_replace():
    m = nn.Identity()
    seen = []
    first = m.register_forward_hook(lambda mod, args, out: seen.append((mod, args, out.item())))
    second = m.register_forward_hook(lambda mod, args, out: out * 2)
    third = m.register_forward_hook(lambda mod, args, out: out + 1, prepend=True)
    x = tg.tensor(3.0)
    assert m(x).item() == 8
    assert seen == [(m, (x,), 4.0)]
    for handle in (first, second, third):
        handle.remove()
        handle.remove()
    assert m(x) is x and not m._hooked


def test_forward_pre_hooks_replace_arguments():
    m = nn.Identity()
    with m.register_forward_pre_hook(lambda mod, args: args[0] + 1):
        assert m(tg.tensor(1.0)).item() == 2
    with m.register_forward_pre_hook(
        lambda mod, args, kwargs: ((), {"input": kwargs["input"] * 3}), with_kwargs=True
    ):
        assert m(input=tg.tensor(1.0)).item() == 3
    assert m(tg.tensor(1.0)).item() == 1
    with pytest.raises(ArgumentError):
        m.register_forward_hook(3)


def test_call_without_hooks_is_one_class_attribute():
    assert "_hooked" not in vars(nn.Linear(1, 1)) and nn.Module._hooked is False


# -- containers --------------------------------------------------------------------------------------


def test_sequential_is_a_list():
    m = mlp()
    assert len(m) == 3 and [type(c).__name__ for c in m] == ["Linear", "ReLU", "Linear"]
    assert m[-1] is m[2] and type(m[:2]) is nn.Sequential and len(m[:2]) == 2
    assert m.append(nn.Tanh()) is m and isinstance(m[3], nn.Tanh)
    m[1] = nn.Sigmoid()
    assert isinstance(m[1], nn.Sigmoid)
    m.insert(0, nn.Identity())
    assert list(m._modules) == ["0", "1", "2", "3", "4"] and isinstance(m[0], nn.Identity)
    del m[0]
    assert isinstance(m.pop(), nn.Tanh) and len(m) == 3
    assert m(tg.ones(5, 2)).shape == (5, 3)


def test_sequential_of_named_modules():
    m = nn.Sequential(OrderedDict([("first", nn.Linear(1, 2)), ("second", nn.ReLU())]))
    assert m.first is m[0] and list(m.state_dict()) == ["first.weight", "first.bias"]
    assert list(m[1:]._modules) == ["second"]


def test_container_refusals():
    with pytest.raises(DtypeError, match="must be a module"):
        nn.Sequential(nn.ReLU(), 3)
    with pytest.raises(DtypeError, match="needs a module"):
        nn.ModuleList([3])
    with pytest.raises(DimensionError, match="out of range"):
        mlp()[3]
    with pytest.raises(ArgumentError, match="int or a slice"):
        mlp()["0"]


def test_module_list():
    m = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    m += [nn.Tanh()]
    assert len(m.__add__([nn.Tanh()])) == 4
    del m[1]
    assert [type(c).__name__ for c in m] == ["Linear", "Tanh"] and list(m._modules) == ["0", "1"]
    assert type(m[:1]) is nn.ModuleList
    with pytest.raises(NotImplementedError):
        m(1)


# -- printing ----------------------------------------------------------------------------------------


def test_printing():
    m = nn.Sequential(nn.Linear(2, 100), nn.ReLU(), nn.Sequential(nn.Softmax(1), nn.Flatten()))
    assert repr(m) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=100, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Sequential(\n"
        "    (0): Softmax(dim=1)\n"
        "    (1): Flatten(start_dim=1, end_dim=-1)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"


# -- layers and losses -------------------------------------------------------------------------------


def test_linear_value_and_gradients():
    m = nn.Linear(3, 2)
    x = tg.randn(5, 4, 3)
    y = m(x)
    np.testing.assert_allclose(
        y.detach().numpy(), x.numpy() @ m.weight.array.T + m.bias.array, rtol=1e-5, atol=1e-6
    )
    y.sum().backward()
    np.testing.assert_allclose(m.bias.grad.numpy(), [20, 20])
    assert m.weight.grad.shape == (2, 3)
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=tg.float64).weight.dtype == tg.float64


def test_linear_initial_distribution():
    m = nn.Linear(400, 300)
    bound = 1 / math.sqrt(400)
    for p in (m.weight, m.bias):
        assert np.abs(p.array).max() <= bound
    assert m.weight.array.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert abs(m.weight.array.mean()) < bound / 100
    assert m.bias.array.std() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_same_seed_same_parameters():
    tg.manual_seed(3)
    a = nn.Linear(4, 4)
    tg.manual_seed(3)
    assert tg.equal(a.weight, nn.Linear(4, 4).weight)


@pytest.mark.parametrize("bad", [-1, 2.5, "2", True])
def test_linear_refuses_sizes_without_meaning(bad):
    with pytest.raises(ArgumentError, match="in_features"):
        nn.Linear(bad, 2)


def test_wrong_feature_count_names_the_layer_and_both_sizes():
    with pytest.raises(ShapeError, match=r"^0 \(Linear\): expected last dimension 2, got 3"):
        mlp()(tg.ones(5, 3))
    with pytest.raises(ShapeError, match=r"^Linear: expected last dimension 2, got 3"):
        nn.Linear(2, 3)(tg.ones(5, 3))
    deep = nn.Sequential(OrderedDict(body=nn.Sequential(nn.ReLU(), nn.Linear(2, 3))))
    with pytest.raises(ShapeError, match=r"^body\.1 \(Linear\): expected last dimension 2, got 3"):
        deep(tg.ones(5, 3))
    with pytest.raises(DtypeError, match=r"^0 \(Linear\): .*float64"):
        mlp()(tg.ones(5, 2, dtype=tg.float64))


def test_activations():
    x = tg.tensor([[-1.0, 0.5, 2.0]])
    f = nn.functional
    assert nn.ReLU()(x).tolist() == [[0.0, 0.5, 2.0]]
    assert tg.equal(nn.Sigmoid()(x), f.sigmoid(x)) and tg.equal(nn.Tanh()(x), f.tanh(x))
    assert tg.equal(nn.Softmax()(x), f.softmax(x, 1))
    assert tg.equal(nn.LogSoftmax(-1)(x), f.log_softmax(x, -1))
    assert nn.Identity(1, a=2)(x) is x
    assert nn.Flatten(0)(x).shape == (3,)
    y = x.clone()
    assert nn.ReLU(inplace=True)(y) is y and y.tolist() == [[0.0, 0.5, 2.0]]


def test_losses_and_their_options():
    logits = tg.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])
    target = tg.tensor([0, 1, -100])
    weight = tg.tensor([1.0, 2.0])
    loss = nn.CrossEntropyLoss(weight=weight)
    log_p = logits.log_softmax(1)
    assert loss(logits, target).item() == pytest.approx(
        -(log_p[0, 0] + 2 * log_p[1, 1]).item() / 3, rel=1e-6
    )
    assert nn.NLLLoss(weight)(log_p, target).item() == pytest.approx(loss(logits, target).item())
    assert "weight" in loss.state_dict() and not nn.CrossEntropyLoss().state_dict()
    assert nn.CrossEntropyLoss(reduction="none")(logits, target).shape == (3,)
    assert nn.MSELoss(reduction="sum")(tg.tensor([1.0, 2.0]), tg.zeros(2)).item() == 5


def test_losses_refuse_wrong_options_at_once():
    for kind in (nn.CrossEntropyLoss, nn.NLLLoss, nn.MSELoss):
        with pytest.raises(ArgumentError, match="reduction"):
            kind(reduction="average")
    with pytest.raises(ArgumentError, match="label_smoothing"):
        nn.CrossEntropyLoss(label_smoothing=float("nan"))


# -- init --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: nn.init.uniform_(t, -3, 3), 3 / math.sqrt(3)),
        (lambda t: nn.init.normal_(t, 0, 0.5), 0.5),
        (lambda t: nn.init.xavier_uniform_(t, gain=2), 2 * math.sqrt(2 / 500)),
        (lambda t: nn.init.xavier_normal_(t), math.sqrt(2 / 500)),
        (lambda t: nn.init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 300)),
        (lambda t: nn.init.kaiming_normal_(t, mode="fan_out"), math.sqrt(2 / 200)),
    ],
)
def test_initialisers_have_the_right_spread(fill, std):
    t = nn.Parameter(tg.zeros(200, 300))
    assert fill(t) is t and t.is_leaf and t.requires_grad
    assert t.array.std() == pytest.approx(std, rel=0.02)
    assert abs(t.array.mean()) < std / 50


def test_constant_initialisers_and_gains():
    t = nn.Parameter(tg.empty(2, 3))
    assert nn.init.ones_(t).tolist() == [[1.0] * 3] * 2
    assert nn.init.zeros_(t).sum().item() == 0
    assert nn.init.constant_(t, 2.5)[0, 0].item() == 2.5
    assert nn.init.eye_(t).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    gain = nn.init.calculate_gain
    assert gain("relu") == math.sqrt(2) and gain("leaky_relu", 1) == 1 and gain("sigmoid") == 1
    with pytest.raises(ArgumentError, match="unknown"):
        gain("swish2")
    with pytest.raises(ArgumentError, match="mode"):
        nn.init.kaiming_normal_(t, mode="fan")
    with pytest.raises(ShapeError, match="2 dimensions"):
        nn.init.xavier_uniform_(tg.zeros(3))
    with pytest.raises(ShapeError, match="matrix"):
        nn.init.eye_(tg.zeros(3))


def test_deleting_renumbers_but_keeps_given_names():
    relu = nn.ReLU()
    m = nn.Sequential(relu, nn.Tanh(), relu)
    assert m.pop(0) is relu and list(m._modules) == ["0", "1"] and m[1] is relu
    named = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.ReLU()))
    del named[:2]
    assert list(named._modules) == ["c"]


def test_running_statistics_that_are_read_only_are_refused() -> None:
    mean, var = tg.zeros(1).expand(3), tg.ones(3)
    with pytest.raises(tg.errors.ArgumentError, match="running_mean is read-only"):
        tg.nn.functional.batch_norm(tg.ones(2, 3), mean, var, training=True)
