"""The state of modules: hooks around saving and loading, extra state, what a failure leaves behind."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DtypeError, StateDictError


def model(lib: Any = tg) -> Any:
    inner = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
    return lib.nn.Sequential(OrderedDict(body=inner, head=lib.nn.Linear(3, 1)))


def values(module: Any) -> dict[str, Any]:
    return {key: value.numpy().copy() for key, value in module.state_dict().items()}


def unchanged(module: Any, before: dict[str, Any]) -> None:
    now = values(module)
    assert list(now) == list(before)
    for key, value in now.items():
        np.testing.assert_array_equal(value, before[key])


def larger(net: Any) -> Any:
    state = net.state_dict()
    for key in list(state):
        state[key] = state[key] + 1
    return state


# -- hooks -------------------------------------------------------------------------------------------


def log_hooks(lib: Any) -> tuple[Any, list[Any]]:
    """A model whose every module notes when which hook runs, and with what."""
    net, seen = model(lib), []
    for name, part in net.named_modules():

        def note(kind: str, name: str = name) -> Any:
            def hook(module: Any, *args: Any) -> None:
                shown = [a for a in args if isinstance(a, (str, bool))]
                shown += [sorted(a) for a in args if isinstance(a, dict) and "version" not in a]
                seen.append((kind, name, shown))

            return hook

        part.register_state_dict_pre_hook(note("before saving"))
        part.register_state_dict_post_hook(note("after saving"))
        part.register_load_state_dict_pre_hook(note("before loading"))
        part.register_load_state_dict_post_hook(note("after loading"))
    return net, seen


@pytest.mark.torch
def test_hooks_run_when_and_with_what_pytorchs_do() -> None:
    torch = pytest.importorskip("torch")
    logs = []
    for lib in (tg, torch):
        net, seen = log_hooks(lib)
        net.load_state_dict(net.state_dict())
        logs.append(seen)
    for kind in ("saving", "before loading", "after loading"):  # here all before loading come first
        ours, theirs = ([entry for entry in log if kind in entry[0]] for log in logs)
        assert ours == theirs


@pytest.mark.torch
def test_missing_and_unexpected_keys_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = model(), model(torch)
    keys = list(ours.state_dict())
    rng = np.random.default_rng(0)
    for _ in range(30):
        kept = [key for key in keys if rng.random() < 0.7]
        strange = [
            "x",
            "body.x",
            "body.0.weight.x",
            "body.5.weight",
            "head.weights",
            "headx",
            "head.",
        ]
        kept += [key for key in strange if rng.random() < 0.3]
        results = []
        for lib, net in ((tg, ours), (torch, theirs)):
            state = {key: net.state_dict().get(key, lib.zeros(1)) for key in kept}
            results.append(net.load_state_dict(state, strict=False))
        assert results[0].missing_keys == results[1].missing_keys
        assert sorted(results[0].unexpected_keys) == sorted(results[1].unexpected_keys)


def test_hooks_go_when_removed_and_come_along_with_copies() -> None:
    layer = nn.Linear(1, 1)
    seen: list[str] = []
    handles = [
        layer.register_state_dict_pre_hook(lambda *a: seen.append("a")),
        layer.register_state_dict_post_hook(lambda *a: seen.append("b")),
    ]
    copy.deepcopy(layer).state_dict()
    assert seen == ["a", "b"]
    for handle in handles:
        handle.remove()
    layer.state_dict()
    assert seen == ["a", "b"]
    for register in (
        layer.register_state_dict_pre_hook,
        layer.register_state_dict_post_hook,
        layer.register_load_state_dict_pre_hook,
        layer.register_load_state_dict_post_hook,
    ):
        with pytest.raises(ArgumentError, match="needs a function"):
            register(3)  # type: ignore[arg-type]


def test_a_hook_before_saving_may_prepare_the_module() -> None:
    net = model()
    net.head.register_state_dict_pre_hook(lambda m, prefix, keep: vars(m).pop("bias", None))
    assert "head.weight" in net.state_dict() and "head.bias" not in net.state_dict()


def test_saving_hooks_change_the_mapping_and_answer_nothing() -> None:
    def drop(module: Any, state: Any, prefix: str, metadata: Any) -> None:
        del state[prefix + "bias"]

    net = model()
    net.body[0].register_state_dict_post_hook(drop)
    assert "body.0.bias" not in net.state_dict()
    handle = net.register_state_dict_post_hook(lambda m, state, prefix, meta: state)
    with pytest.raises(ArgumentError, match="must return None"):
        net.state_dict()
    handle.remove()
    assert net.state_dict()._metadata["body.0"] == {"version": 1}


def test_a_hook_of_a_child_renames_its_keys_and_no_others() -> None:
    net = model()
    state = OrderedDict((k.replace("0.weight", "0.kernel"), v) for k, v in values(net).items())
    state["body.0.kernel"] += 1
    given = list(state)

    def rename(module: Any, state: Any, prefix: str, *_: Any) -> None:
        state[prefix + "weight"] = state.pop(prefix + "kernel")

    with pytest.raises(
        StateDictError, match=r"missing: body\.0\.weight\n  unexpected: body\.0\.kernel"
    ):
        net.load_state_dict(state)
    net.body[0].register_load_state_dict_pre_hook(rename)
    net.load_state_dict(state)
    np.testing.assert_array_equal(net.body[0].weight.detach().numpy(), state["body.0.kernel"])
    assert list(state) == given


def test_a_hook_before_loading_may_refuse() -> None:
    net = model()
    before = values(net)

    def refuse(
        m: Any, s: Any, p: Any, meta: Any, strict: bool, miss: Any, un: Any, errors: Any
    ) -> None:
        assert strict and meta["version"] == 1
        errors.append(f"too old: {p}")

    net.head.register_load_state_dict_pre_hook(refuse)
    with pytest.raises(StateDictError, match=r"nothing was loaded:\n  too old: head\."):
        net.load_state_dict(larger(net))
    unchanged(net, before)


def test_a_hook_after_loading_may_forgive() -> None:
    net = model()
    state = larger(net)
    state["x"] = state.pop("head.bias")
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    before = values(net)
    with pytest.raises(StateDictError, match=r"nothing was loaded:\n  unexpected: x$"):
        net.load_state_dict(state)
    unchanged(net, before)
    net.register_load_state_dict_post_hook(lambda module, keys: keys.unexpected_keys.clear())
    assert net.load_state_dict(state) == ([], [])
    np.testing.assert_array_equal(net.head.weight.detach().numpy(), before["head.weight"] + 1)


@pytest.mark.parametrize("assign", [False, True])
def test_a_failing_hook_after_loading_leaves_everything_as_it_was(assign: bool) -> None:
    net = model()
    before, held = values(net), list(net.parameters())

    def fail(module: Any, keys: Any) -> None:
        raise KeyboardInterrupt

    net.body.register_load_state_dict_post_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        net.load_state_dict(larger(net), assign=assign)
    unchanged(net, before)
    assert all(a is b for a, b in zip(net.parameters(), held, strict=True))


# -- parts that modules write and read themselves ---------------------------------------------------


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(tg.zeros(1))
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        if state["count"] < 0:
            raise ValueError("count")
        self.count = state["count"]


def test_extra_state_is_saved_and_loaded() -> None:
    a, b = nn.Sequential(Counter(), Counter()), nn.Sequential(Counter(), Counter())
    a[1].count = 7
    state = a.state_dict()
    assert list(state) == ["0.weight", "0._extra_state", "1.weight", "1._extra_state"]
    b.load_state_dict(state)
    assert [c.count for c in b] == [0, 7]
    del state["0._extra_state"]
    with pytest.raises(StateDictError, match=r"missing: 0\._extra_state"):
        b.load_state_dict(state)
    with pytest.raises(StateDictError, match="unexpected: _extra_state"):
        nn.Linear(1, 1, bias=False).load_state_dict({"weight": tg.zeros(1, 1), "_extra_state": 3})
    with pytest.raises(NotImplementedError):
        nn.Linear(1, 1).get_extra_state()
    with pytest.raises(NotImplementedError):
        nn.Linear(1, 1).set_extra_state(3)


def test_extra_state_that_is_refused_leaves_everything_as_it_was() -> None:
    net = nn.Sequential(Counter(), Counter())
    net[0].count = 5
    state = {"0.weight": tg.ones(1), "0._extra_state": {"count": 6}}
    state |= {"1.weight": tg.ones(1), "1._extra_state": {"count": -1}}
    with pytest.raises(ValueError, match="count"):
        net.load_state_dict(state)
    assert net[0].count == 5 and net[0].weight.item() == net[1].weight.item() == 0


class Renamed(nn.Linear):
    """Extends loading and saving as ported code does."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", 1) < 2:
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "weight"] = destination[prefix + "weight"].double()


def test_classes_may_extend_saving_and_loading() -> None:
    net = nn.Sequential(Renamed(2, 1, bias=False))
    state = net.state_dict()
    assert state["0.weight"].dtype == tg.float64 and state._metadata["0"]["version"] == 2
    net.load_state_dict(state)
    net.load_state_dict({"0.kernel": tg.ones(1, 2)})
    assert net[0].weight.tolist() == [[1, 1]]

    class Broken(nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            super()._load_from_state_dict(state_dict, prefix, {}, *rest)

    with pytest.raises(ArgumentError, match="hand on the local_metadata"):
        Broken(1, 1).load_state_dict(nn.Linear(1, 1).state_dict())


def test_a_number_saved_as_a_vector_is_loaded() -> None:
    layer = nn.Module()
    layer.register_buffer("count", tg.tensor(0.0))
    layer.load_state_dict({"count": tg.tensor([3.0])})
    assert layer.count.shape == () and layer.count.item() == 3
    layer.load_state_dict({"count": tg.tensor([4.0])}, assign=True)
    assert layer.count.shape == () and layer.count.item() == 4


def test_assigned_parameters_keep_what_the_module_says_of_gradients() -> None:
    layer, given = nn.Linear(1, 1, bias=False).requires_grad_(False), nn.Parameter(tg.ones(1, 1))
    layer.load_state_dict({"weight": given}, assign=True)
    assert layer.weight is given and not given.requires_grad


# -- the rest of Module ------------------------------------------------------------------------------


def test_set_submodule() -> None:
    net = model()
    net.set_submodule("body.1", nn.ReLU())
    assert isinstance(net.body[1], nn.ReLU) and len(net.body) == 2
    net.set_submodule("body.extra", nn.Tanh())
    assert isinstance(net.body.extra, nn.Tanh)
    for target, error in (
        ("", ArgumentError), ("body..x", ArgumentError), ("tail.x", AttributeError),
        ("head.weight", AttributeError),
    ):  # fmt: skip
        with pytest.raises(error):
            net.set_submodule(target, nn.ReLU())
    with pytest.raises(AttributeError, match="no module 'new'"):
        net.set_submodule("body.new", nn.ReLU(), strict=True)
    with pytest.raises(DtypeError, match="needs a module"):
        net.set_submodule("body.1", 3)  # type: ignore[arg-type]


def test_type_converts_everything_and_refuses_what_cannot_learn() -> None:
    net = model()
    assert net.type(tg.float64) is net
    assert {t.dtype for t in net.state_dict().values()} == {np.dtype(np.float64)}
    with pytest.raises(DtypeError, match="must be floating"):
        net.type(tg.int64)
    assert net.head.weight.dtype == tg.float64
    assert net.requires_grad_(False).type(tg.int32).head.weight.dtype == tg.int32


def test_bfloat16() -> None:
    pytest.importorskip("ml_dtypes")
    net = model().bfloat16()
    assert net.head.weight.dtype.name == "bfloat16"
    assert net.body[1].num_batches_tracked.dtype == tg.int64


def test_to_empty_keeps_shapes_and_parameters() -> None:
    net = model()
    weight = net.head.weight
    assert net.to_empty(device="standin") is net
    assert net.head.weight is weight and weight.device == "standin" and weight.shape == (1, 3)
    outer = model()
    outer.own = nn.Parameter(tg.zeros(2))
    outer.to_empty(device="standin", recurse=False)
    assert outer.own.device == "standin" and outer.head.weight.device == "cpu"


def test_dir_lists_what_can_be_written_as_an_attribute() -> None:
    net = model()
    names = dir(net)
    assert {"body", "head", "forward", "training"} <= set(names)
    assert "0" not in dir(net.body) and "weight" in dir(net.head)


def test_a_name_of_ones_own_is_printed() -> None:
    class Named(nn.Linear):
        def _get_name(self) -> str:
            return "Mine"

    assert repr(Named(1, 2)).startswith("Mine(in_features=1")


def test_hooks_and_flags_survive_copies_and_pickles() -> None:
    net = model().eval()
    net.head.register_forward_hook(double)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net)):
        x = tg.ones(1, 2)
        assert tg.equal(again(x), net(x)) and not again.training
        assert list(again.state_dict()) == list(net.state_dict())
    assert copy.copy(net).head is net.head


def double(module: Any, args: Any, output: Any) -> Any:
    return output * 2


# What PyTorch's Module has and this one does not, and why.
ABSENT = {
    "__getattr__", "__setstate__",  # nothing intercepts attributes
    "_apply", "_call_impl", "_wrapped_call_impl", "_slow_forward", "_get_backward_hooks",
    "_get_backward_pre_hooks", "_maybe_warn_non_full_backward_hook", "_register_state_dict_hook",
    "_register_load_state_dict_pre_hook",  # private ways to what has a public one
    "register_backward_hook",  # deprecated; wrong for modules of several operations
    "compile", "_compiled_call_impl",  # there is no compiler
    "ipu", "mtia", "xpu", "share_memory", "_replicate_for_data_parallel",  # other hardware, processes
    "T_destination", "call_super_init", "dump_patches",  # leftovers
}  # fmt: skip


@pytest.mark.torch
def test_modules_have_what_pytorchs_have() -> None:
    torch = pytest.importorskip("torch")
    assert set(dir(torch.nn.Module)) - set(dir(nn.Module)) == ABSENT


@pytest.mark.torch
def test_methods_have_pytorchs_arguments() -> None:
    import inspect

    torch = pytest.importorskip("torch")
    for name in set(dir(torch.nn.Module)) & set(dir(nn.Module)):
        ours, theirs = getattr(nn.Module, name), getattr(torch.nn.Module, name)
        if name.startswith("_") or not inspect.isfunction(theirs):
            continue
        any_number = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        found = [
            [
                (p.name, p.default)
                for p in inspect.signature(method).parameters.values()
                if p.kind not in any_number
            ]
            for method in (ours, theirs)
        ]
        assert found[0] == found[1], name


def test_early_states_of_batch_normalisation_are_loaded() -> None:
    layer = nn.BatchNorm1d(2)
    layer(tg.randn(3, 2))
    state = layer.state_dict()
    del state["num_batches_tracked"]
    with pytest.raises(StateDictError, match="missing: num_batches_tracked"):
        layer.load_state_dict(state)
    layer.load_state_dict(dict(state))  # a plain mapping does not say which version it is
    assert layer.num_batches_tracked.item() == 1
