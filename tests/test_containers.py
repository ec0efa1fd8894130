"""Containers against PyTorch's, operation by operation; and what they refuse."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DimensionError, DtypeError


def kinds(container: Any) -> list[str]:
    """Names and kinds of what a container holds."""
    return [f"{name}:{type(child).__name__}" for name, child in container._modules.items()]


def sequential(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Tanh())


LISTS = {
    "append": lambda nn, m: m.append(nn.Sigmoid()),
    "extend": lambda nn, m: m.extend([nn.Sigmoid(), nn.Linear(1, 1)]),
    "insert": lambda nn, m: m.insert(1, nn.Sigmoid()) or m,
    "insert at the end": lambda nn, m: m.insert(3, nn.Sigmoid()) or m,
    "pop": lambda nn, m: [m.pop(1), m][1],
    "pop several": lambda nn, m: [m.pop(slice(0, 2)), m][1],
    "del": lambda nn, m: m.__delitem__(0) or m,
    "del from the end": lambda nn, m: m.__delitem__(-1) or m,
    "del slice": lambda nn, m: m.__delitem__(slice(0, None, 2)) or m,
    "set": lambda nn, m: m.__setitem__(-2, nn.Sigmoid()) or m,
    "slice": lambda nn, m: m[1:],
    "slice backwards": lambda nn, m: m[::-1],
}
ONLY_SEQUENTIAL = {
    "insert before the end": lambda nn, m: m.insert(-1, nn.Sigmoid()),
    "+": lambda nn, m: m + sequential(nn),
    "+=": lambda nn, m: m.__iadd__(sequential(nn)),
    "*": lambda nn, m: m * 2,
    "n *": lambda nn, m: 3 * m,
    "*=": lambda nn, m: m.__imul__(3),
}
ONLY_LIST = {
    "+": lambda nn, m: m.__add__([nn.Sigmoid()]),
    "+=": lambda nn, m: m.__iadd__([nn.Sigmoid()]),
}
CASES = [("Sequential", n, f) for n, f in (LISTS | ONLY_SEQUENTIAL).items()] + [
    ("ModuleList", n, f) for n, f in (LISTS | ONLY_LIST).items()
]


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "name", "change"), CASES, ids=[f"{k} {n}" for k, n, _ in CASES])
def test_lists_of_modules(kind: str, name: str, change: Any) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for lib in (tg.nn, torch.nn):
        made = sequential(lib)
        if kind == "ModuleList":
            made = lib.ModuleList(list(made))
        changed = change(lib, made)
        results.append((type(changed).__name__, kinds(changed), len(changed), repr(changed)))
    if name == "slice backwards" and kind == "Sequential":  # names stay with their modules
        assert results[0][1] == ["2:Tanh", "1:ReLU", "0:Linear"]
    assert results[0] == results[1]


def test_sums_and_products_hold_the_same_modules() -> None:
    m = sequential(nn)
    assert (m + m)[4] is m[1] and (m * 2)[5] is m[2] and (2 * m)[3] is m[0]
    before = list(m)
    m *= 2
    assert len(m) == 6 and m[3] is before[0]
    for wrong, error in ((lambda: m.__add__([nn.ReLU()]), ArgumentError), (lambda: m * 1.5, DtypeError), (lambda: m * 0, ArgumentError)):  # fmt: skip
        with pytest.raises(error, match="Sequential"):
            wrong()


def test_what_is_added_to_a_part_replaces_nothing() -> None:
    part = sequential(nn)[1:]
    assert kinds(part.append(nn.Sigmoid())) == ["1:ReLU", "2:Tanh", "3:Sigmoid"]
    part += sequential(nn)
    assert len(part) == 6 and type(part[-1]) is nn.Tanh


def test_lists_are_changed_as_a_whole_or_not_at_all() -> None:
    m = nn.ModuleList([nn.ReLU()])
    for wrong, error in (
        (lambda: m.extend([nn.ReLU(), 3]), DtypeError), (lambda: m.extend(3), DtypeError), (lambda: m.insert(2, nn.ReLU()), DimensionError),
        (lambda: m.insert(0, None), DtypeError), (lambda: m.__setitem__(0, 3), DtypeError), (lambda: m.pop(1), DimensionError),
    ):  # fmt: skip
        with pytest.raises(error):
            wrong()
        assert kinds(m) == ["0:ReLU"]
    assert not any(name.isdigit() for name in dir(m))


def test_modules_by_name() -> None:
    m = nn.ModuleDict([["a", nn.ReLU()], ("b", nn.Linear(1, 2))])
    m.update({"c": nn.Tanh(), "a": nn.Sigmoid()})
    m.update(nn.ModuleDict({"d": nn.Identity()}))
    assert list(m) == list(m.keys()) == ["a", "b", "c", "d"] and len(m) == 4 and "c" in m
    assert kinds(m)[0] == "a:Sigmoid" and list(m.state_dict()) == ["b.weight", "b.bias"]
    assert [k for k, v in m.items()] == list(m) and list(m.values())[1] is m["b"] is m.b
    assert type(m.pop("c")) is nn.Tanh and "c" not in m
    del m["d"]
    assert repr(m) == (
        "ModuleDict(\n  (a): Sigmoid()\n  (b): Linear(in_features=1, out_features=2, bias=True)\n)"
    )
    again = pickle.loads(pickle.dumps(copy.deepcopy(m)))
    assert kinds(again) == kinds(m)
    m.clear()
    assert len(m) == 0 and repr(m) == "ModuleDict()"


def test_modules_by_name_are_refused_all_or_none() -> None:
    m = nn.ModuleDict({"a": nn.ReLU()})
    for wrong, error in (
        (lambda: m.update({"b": nn.ReLU(), "keys": nn.ReLU()}), ArgumentError), (lambda: m.update([("b", 3)]), DtypeError),
        (lambda: m.update({"b": nn.ReLU(), "c.d": nn.ReLU()}), ArgumentError), (lambda: m.update(3), DtypeError),
        (lambda: m.update([nn.ReLU()]), ArgumentError), (lambda: m.__setitem__("b", None), DtypeError),
        (lambda: m["b"], KeyError), (lambda: m.pop("b"), KeyError), (lambda: m.__delitem__("training"), KeyError),
    ):  # fmt: skip
        with pytest.raises(error):
            wrong()
        assert kinds(m) == ["a:ReLU"]
    with pytest.raises(KeyError, match="there are: a"):
        m["b"]
    with pytest.raises(NotImplementedError):
        m(1)


@pytest.mark.torch
def test_parameters_in_a_list() -> None:
    torch = pytest.importorskip("torch")
    results = []
    for lib in (tg, torch):
        m = lib.nn.ParameterList([lib.zeros(2), lib.nn.Parameter(lib.ones(3)), "text"])
        m.append(lib.ones(1)).extend([lib.nn.Linear(1, 1)])
        m += [lib.zeros(4)]
        m[0] = lib.zeros(7)
        results.append([
            len(m), list(m.state_dict()), [tuple(p.shape) for p in m.parameters()], m[2], m[-1].requires_grad,
            [type(v).__name__ for v in m], type(m[1:3]).__name__, list(m[1:4].state_dict()), "0" in dir(m),
        ])  # fmt: skip
    assert results[0] == results[1]


def test_what_a_list_of_parameters_prints_and_refuses() -> None:
    m = nn.ParameterList([tg.zeros(2, 3), 3, nn.ReLU(), nn.Buffer(tg.zeros(1))])
    assert repr(m) == (
        "ParameterList(\n  (0): Parameter containing: [float32 of size 2x3]\n  (1): Object of type: int\n"
        "  (2): ReLU()\n  (3): Parameter containing: [float32 of size 1]\n)"
    )
    for wrong, error in (
        (lambda: m.extend(tg.zeros(2)), DtypeError), (lambda: m.extend(3), DtypeError), (lambda: m["0"], ArgumentError),
        (lambda: m.append(tg.tensor([1])), DtypeError), (lambda: m.extend([tg.zeros(1), tg.tensor([1])]), DtypeError),
        (lambda: m[4], DimensionError), (lambda: m(1), NotImplementedError),
    ):  # fmt: skip
        with pytest.raises(error):
            wrong()
        assert len(m) == len(list(m)) == 4
    again = pickle.loads(pickle.dumps(copy.deepcopy(m)))
    assert len(again) == 4 and again[0] is not m[0] and repr(again) == repr(m)


@pytest.mark.torch
def test_parameters_by_name() -> None:
    torch = pytest.importorskip("torch")
    results = []
    for lib in (tg, torch):
        one, zero = lib.ones(1), lib.zeros(2)
        m = lib.nn.ParameterDict({"b": one, "a": zero})
        m.update([("z", zero), ("c", "text")])
        m.update(OrderedDict([("y", one), ("x", one)]))
        m["d"] = lib.nn.Parameter(zero)
        row: list[Any] = [
            list(m),
            list(reversed(m)),
            list(m.state_dict()),
            m.get("c"),
            m.get("q", 3),
            "z" in m,
            len(m),
        ]
        row += [
            m.setdefault("e", one).requires_grad,
            m.setdefault("c", 5),
            m.pop("b").requires_grad,
            m.popitem()[0],
        ]
        del m["z"]
        both = m | lib.nn.ParameterDict({"new": one, "a": one})
        row += [
            list(both),
            tuple(both["a"].shape),
            tuple(m["a"].shape),
            list(m.copy()),
            m.copy()["a"] is m["a"],
        ]
        m |= {"r": one, "f": one}
        row += [
            list(m),
            list(m.fromkeys(["k", "i"], one)),
            [k for k, _ in m.items()],
            len(list(m.values())),
        ]
        m.clear()
        results.append([*row, len(m)])  # fmt: skip
    assert results[0] == results[1]


def test_what_a_dict_of_parameters_prints_and_refuses() -> None:
    m = nn.ParameterDict({"a": tg.zeros(2, 3)})
    for wrong, error in (
        (lambda: m.update({"b": tg.zeros(1), "keys": tg.zeros(1)}), ArgumentError), (lambda: m.update([("b", tg.tensor([1]))]), DtypeError),
        (lambda: m.update([("b", tg.zeros(1)), ("c.d", 1)]), ArgumentError), (lambda: m.update(3), DtypeError),
        (lambda: m.__setitem__(3, tg.zeros(1)), DtypeError), (lambda: m["b"], KeyError), (lambda: m["training"], KeyError),
        (lambda: m(1), NotImplementedError), (lambda: nn.ParameterDict().popitem(), KeyError),
    ):  # fmt: skip
        with pytest.raises(error):
            wrong()
        assert list(m) == ["a"]
    assert repr({"b": 1} | m) == (
        "ParameterDict(\n  (b): Object of type: int\n  (a): Parameter containing: [float32 of size 2x3]\n)"
    )
    again = pickle.loads(pickle.dumps(copy.deepcopy(m)))
    assert list(again) == ["a"] and np.shape(again["a"].tolist()) == (2, 3)
    assert repr(m.to("standin")).endswith("[float32 of size 2x3 (standin)]\n)")
