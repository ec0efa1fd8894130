"""Pruning: masks, what they do to a module, and how several of them go together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DimensionError, DtypeError, ShapeError
from tapegrad.nn.utils import prune


def test_a_pruned_weight_is_zero_in_training_and_its_gradient_too() -> None:
    layer = nn.Linear(3, 2)
    weight = layer.weight
    mask = tg.tensor([[1, 0, 1], [0, 1, 1]])
    assert prune.custom_from_mask(layer, "weight", mask) is layer
    assert layer.weight_orig is weight and prune.is_pruned(layer)
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    layer(tg.ones(1, 3)).sum().backward()
    assert weight.grad is not None and weight.grad.tolist() == mask.tolist()
    with tg.no_grad():
        weight += 1
    layer(tg.ones(1, 3))
    np.testing.assert_array_equal(layer.weight.detach().numpy(), (weight * mask).detach().numpy())


def test_removal_makes_it_permanent() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    prune.l1_unstructured(layer, "weight", 1)
    pruned = layer.weight.tolist()
    assert prune.remove(layer, "weight") is layer
    assert layer.weight is weight and weight.is_leaf and weight.tolist() == pruned
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert not prune.is_pruned(layer) and not layer._hooked
    with pytest.raises(ArgumentError, match="is not pruned"):
        prune.remove(layer, "weight")


def test_random_methods_prune_as_much_as_they_should() -> None:
    tg.manual_seed(0)
    layer = nn.Linear(10, 20)
    prune.random_unstructured(layer, "weight", 0.25)
    assert layer.weight_mask.sum().item() == 150
    first = layer.weight_mask
    prune.random_unstructured(layer, "weight", 10)
    assert layer.weight_mask.sum().item() == 140
    assert bool((layer.weight_mask <= first).all())
    other = nn.Conv2d(4, 8, 3)
    prune.random_structured(other, "weight", 3, 0)
    kept = other.weight_mask.flatten(1).sum(1).numpy()
    assert sorted(set(kept)) == [0, 36] and (kept == 0).sum() == 3
    places = {tuple(prune.RandomUnstructured(1).prune(tg.ones(4)).tolist()) for _ in range(200)}
    assert len(places) == 4


def test_a_mask_is_the_same_by_the_same_seed() -> None:
    masks = []
    for _ in range(2):
        tg.manual_seed(5)
        masks.append(prune.RandomStructured(0.5, 1).prune(tg.ones(2, 6)))
    assert tg.equal(*masks)


METHODS: dict[str, Any] = {
    "identity": lambda p, layer: p.identity(layer, "weight"),
    "l1": lambda p, layer: p.l1_unstructured(layer, "weight", 0.3),
    "l1 of none": lambda p, layer: p.l1_unstructured(layer, "weight", 0),
    "l1 of all": lambda p, layer: p.l1_unstructured(layer, "weight", 1.0),
    "l2 of rows": lambda p, layer: p.ln_structured(layer, "weight", 2, 2, 0),
    "l1 of columns": lambda p, layer: p.ln_structured(layer, "weight", 0.5, n=1, dim=-1),
    "linf of rows": lambda p, layer: p.ln_structured(layer, "weight", 1, float("inf"), 0),
}
TWICE = ["l1", "l2 of rows", "l1 of columns", "identity"]
CASES = [(first, None) for first in METHODS] + [(one, two) for one in TWICE for two in TWICE]


@pytest.mark.torch
@pytest.mark.parametrize(("first", "second"), CASES)
def test_masks_are_pytorchs(first: str, second: str | None) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")
    weight = np.random.default_rng(0).standard_normal((5, 6))
    found = []
    for lib in (tg, torch):
        layer = lib.nn.Linear(6, 5).double()
        with lib.no_grad():
            layer.weight.copy_(lib.tensor(weight))
        for name in (first, second):
            if name is not None:
                METHODS[name](lib.nn.utils.prune, layer)
        out = layer(lib.ones(1, 6, dtype=lib.float64))
        found.append((layer.weight_mask, layer.weight.detach(), list(layer.state_dict())))
        assert out.requires_grad
    ours, theirs = found
    np.testing.assert_array_equal(ours[0].numpy(), theirs[0].numpy())
    np.testing.assert_array_equal(ours[1].numpy(), theirs[1].numpy())
    assert ours[2] == theirs[2]


@pytest.mark.torch
def test_scores_and_global_pruning_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")
    rng = np.random.default_rng(3)
    w, b, scores = rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal((4, 3))
    found = []
    for lib in (tg, torch):
        p = lib.nn.utils.prune
        layer, other = lib.nn.Linear(3, 4).double(), lib.nn.Linear(3, 4).double()
        for one in (layer, other):
            with lib.no_grad():
                one.weight.copy_(lib.tensor(w))
                one.bias.copy_(lib.tensor(b))
        p.l1_unstructured(layer, "weight", 2, importance_scores=lib.tensor(scores))
        every = [(layer, "weight"), (layer, "bias"), (other, "weight")]
        p.global_unstructured(
            every, p.L1Unstructured, importance_scores={(other, "weight"): lib.tensor(scores)},
            amount=0.4,
        )  # fmt: skip
        found.append([layer.weight_mask, layer.bias_mask, other.weight_mask, layer.weight.detach()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_tensor_of_no_module() -> None:
    t = tg.tensor([[1.0, -4.0], [3.0, 2.0]])
    assert prune.L1Unstructured(0.5).prune(t).tolist() == [[0, -4], [3, 0]]
    scores = tg.tensor([[9.0, 0.0], [0.0, 9.0]])
    assert prune.L1Unstructured(2).prune(t, importance_scores=scores).tolist() == [[1, 0], [0, 2]]
    left = prune.CustomFromMask(tg.tensor([[1, 1], [0, 0]]))
    assert left.prune(t, default_mask=tg.tensor([[0.0, 1.0], [1.0, 1.0]])).tolist() == [
        [0, -4], [0, 0],
    ]  # fmt: skip


def test_containers_hold_the_methods_in_order() -> None:
    layer = nn.Linear(4, 4)
    prune.l1_unstructured(layer, "weight", 1)
    prune.ln_structured(layer, "weight", 1, 2, 0)
    prune.identity(layer, "bias")
    (one, two) = nn.hooks.hooks_of(layer, prune.BasePruningMethod)
    assert [type(m).__name__ for m in one] == ["L1Unstructured", "LnStructured"]
    assert len(one) == 2 and isinstance(one[0], prune.L1Unstructured)
    with pytest.raises(ArgumentError, match="prunes 'weight', the method 'bias'"):
        one.add_pruning_method(two)
    with pytest.raises(DtypeError, match="needs a BasePruningMethod"):
        one.add_pruning_method(3)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", -1), ArgumentError, "not be negative"),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ArgumentError, "share from 0 to 1"),
        (lambda m: prune.l1_unstructured(m, "weight", 100), ArgumentError, "only 9 to prune"),
        (lambda m: prune.random_unstructured(m, "weight", "a"), DtypeError, "must be a number"),
        (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ShapeError, "at least 2 dimensions"),
        (lambda m: prune.ln_structured(m, "weight", 1, 2, 5), DimensionError, "dim 5"),
        (lambda m: prune.random_structured(m, "weight", 4, 0), ArgumentError, "only 3"),
        (lambda m: prune.identity(m, "wieght"), ArgumentError, "no parameter 'wieght'"),
        (lambda m: prune.custom_from_mask(m, "weight", tg.ones(3)), ShapeError, "the mask"),
        (
            lambda m: prune.l1_unstructured(m, "weight", 1, importance_scores=tg.ones(3)),
            ShapeError, "importance_scores",
        ),
        (
            lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=1),
            DtypeError, "'unstructured'",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(act: Any, error: Any, message: str) -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(error, match=message):
        act(layer)
    assert list(layer.state_dict()) == ["weight", "bias"] and not layer._hooked


def test_pruned_modules_on_another_device() -> None:
    layer = nn.Conv1d(3, 4, 2).to("standin")
    prune.l1_unstructured(layer, "weight", 3)
    prune.random_unstructured(layer, "weight", 3)
    prune.random_structured(layer, "weight", 1, 1)
    prune.ln_structured(layer, "weight", 1, 2, 0)
    assert layer.weight_mask.device == "standin"
    prune.remove(layer, "weight")
    assert layer.weight.device == "standin"
