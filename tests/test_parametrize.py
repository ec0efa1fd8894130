"""Parametrised tensors, weight and spectral normalisation, orthogonal matrices."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError, DtypeError, ShapeError
from tapegrad.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).mT

    def right_inverse(self, A):
        return A.triu()


class Double(nn.Module):
    def forward(self, X):
        return X * 2


class Split(nn.Module):
    """Magnitude and sign."""

    def forward(self, size, sign):
        return size * sign

    def right_inverse(self, A):
        return A.abs(), A.sgn()


def close(a: Any, b: Any, **how: Any) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **how)


# -- parametrize -------------------------------------------------------------------------------------


def test_a_parametrised_weight_is_computed_and_trained() -> None:
    layer = nn.Linear(3, 3)
    weight = layer.weight
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert type(layer).__name__ == "ParametrizedLinear" and isinstance(layer, nn.Linear)
    assert layer.parametrizations.weight.original is weight  # an optimiser that has it goes on
    close(layer.weight, layer.weight.T)
    layer(tg.ones(2, 3)).sum().backward()
    assert weight.grad is not None
    np.testing.assert_array_equal(weight.grad.numpy(), [[2, 4, 4], [0, 2, 4], [0, 0, 2]])
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert [name for name, _ in layer.named_modules()] == [
        "", "parametrizations", "parametrizations.weight", "parametrizations.weight.0",
    ]  # fmt: skip


def test_assignment_goes_through_the_right_inverse() -> None:
    layer = nn.Linear(2, 2)
    original, view = layer.weight, layer.weight.detach()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    loss = layer.weight.square().sum()
    layer.weight = tg.tensor([[1.0, 2.0], [9.0, 3.0]])
    assert layer.weight.tolist() == [[1, 2], [2, 3]] and view.tolist() == [[1, 2], [0, 3]]
    loss.backward()  # of the value that it was computed from
    assert layer.parametrizations.weight.original is original
    other = nn.Linear(2, 2)
    parametrize.register_parametrization(other, "weight", Double())
    with pytest.raises(ArgumentError, match="Double has no right_inverse"):
        other.weight = tg.zeros(2, 2)
    with pytest.raises(DtypeError, match="float32 tensor, got float64"):
        layer.weight = tg.zeros(2, 2, dtype=tg.float64)


def test_several_are_called_in_order() -> None:
    layer = nn.Linear(2, 2)
    with tg.no_grad():
        layer.weight.copy_(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Double())
    parametrize.register_parametrization(layer, "bias", Double())
    assert layer.weight.tolist() == [[2, 4], [4, 8]]
    assert parametrize.is_parametrized(layer, "bias")
    assert isinstance(layer, parametrize.type_before_parametrizations(layer))
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight.tolist() == [[2, 4], [4, 8]]
    assert type(layer).__name__ == "ParametrizedLinear"
    parametrize.remove_parametrizations(layer, "bias", leave_parametrized=False)
    assert type(layer) is nn.Linear and "parametrizations" not in vars(layer)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_a_tensor_in_terms_of_several() -> None:
    layer = nn.Linear(2, 2, bias=False)
    before = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Split())
    names = [name for name, _ in layer.named_parameters()]
    assert names == [f"parametrizations.weight.original{i}" for i in range(2)]
    close(layer.weight, before)
    layer.weight = -before
    close(layer.weight, -before)
    with pytest.raises(ArgumentError, match="computed from 2 tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer.weight) is nn.Parameter
    close(layer.weight, -before)


def test_removal_keeps_the_parameter_itself() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Double())
    doubled = layer.weight.tolist()
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight and weight.tolist() == doubled and weight.is_leaf


def test_a_buffer_can_be_parametrised() -> None:
    layer = nn.BatchNorm1d(2)
    parametrize.register_parametrization(layer, "running_var", Double())
    assert layer.running_var is not None and layer.running_var.tolist() == [2, 2]
    assert "parametrizations.running_var.original" in dict(layer.named_buffers())
    parametrize.remove_parametrizations(layer, "running_var")
    assert list(layer.state_dict())[-1] == "running_var"


def test_cached_values_are_computed_once_and_gradients_meet() -> None:
    calls = []

    class Counting(nn.Module):
        def forward(self, X):
            calls.append(1)
            return X * 3

    layer = nn.Linear(1, 1, bias=False)
    parametrize.register_parametrization(layer, "weight", Counting())
    del calls[:]
    with parametrize.cached():
        with parametrize.cached():
            y = layer(tg.ones(1, 1)) + layer(tg.ones(1, 1))
        layer(tg.ones(1, 1))
    assert len(calls) == 1
    y.backward()
    assert layer.parametrizations.weight.original.grad.item() == 6
    layer(tg.ones(1, 1))
    assert len(calls) == 2


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_parametrised_and_independent(again: Any) -> None:
    layer = parametrizations.weight_norm(nn.Linear(2, 2))
    other = again(layer)
    assert type(other) is type(layer)
    close(other.weight, layer.weight)
    parametrize.remove_parametrizations(other, "weight")
    assert type(other) is nn.Linear and parametrize.is_parametrized(layer)
    with tg.no_grad():
        other.weight.zero_()
    assert layer.weight.abs().sum().item() > 0


def test_functional_call_and_state_dicts_reach_the_originals() -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    values = {"parametrizations.weight.original": tg.ones(2, 2), "bias": tg.zeros(2)}
    out = tg.func.functional_call(layer, values, tg.ones(1, 2))
    assert out.tolist() == [[4, 4]]
    layer.load_state_dict(values)
    assert layer.weight.tolist() == [[2, 2], [2, 2]]


class Wrong(nn.Module):
    def __init__(self, result: Any, inverse: Any = None) -> None:
        super().__init__()
        self.result = result
        if inverse is not None:
            self.right_inverse = inverse

    def forward(self, X):
        return self.result(X)


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (Wrong(lambda X: 3), ArgumentError, "must return a tensor, got int"),
        (Wrong(lambda X: X.double()), DtypeError, "keep the dtype float32, got float64"),
        (Wrong(lambda X: X[0]), ShapeError, r"keep the shape \(2, 2\), got \(2,\)"),
        (Wrong(lambda X: X, lambda A: A.double()), DtypeError, "right_inverse: must keep"),
        (Wrong(lambda X: X, lambda A: 3), ArgumentError, "tensor or a sequence of tensors"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_module_is_as_before(
    module: Any, error: Any, message: str
) -> None:
    layer = nn.Linear(2, 2)
    weight, before = layer.weight, layer.weight.tolist()
    with pytest.raises(error, match=message):
        parametrize.register_parametrization(layer, "weight", module)
    assert type(layer) is nn.Linear and layer.weight is weight and weight.tolist() == before
    assert list(layer.state_dict()) == ["weight", "bias"]
    parametrize.register_parametrization(layer, "weight", Double())
    if "right_inverse: must keep" not in message and "sequence" not in message:
        with pytest.raises(error, match=message):
            parametrize.register_parametrization(layer, "weight", module)
        assert len(layer.parametrizations.weight) == 1


def test_parametrisations_are_transferred_and_shared() -> None:
    a = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    parametrize.register_parametrization(a, "bias", Split())
    b = nn.Linear(2, 2, bias=False)
    del b.bias
    assert parametrize.transfer_parametrizations_and_params(a, b) is b
    for name in ("weight", "bias"):
        close(getattr(a, name), getattr(b, name))
        assert parametrize.is_parametrized(b, name)
    assert all(p is q for p, q in zip(a.parameters(), b.parameters(), strict=True))
    c = parametrize.transfer_parametrizations_and_params(a, nn.Linear(2, 2), "bias")
    assert not parametrize.is_parametrized(c, "weight")
    plain = nn.Linear(2, 2)
    assert parametrize.transfer_parametrizations_and_params(plain, c) is c
    with pytest.raises(ArgumentError, match="no parametrised 'x'"):
        parametrize.transfer_parametrizations_and_params(a, c, "x")


def test_refusals() -> None:
    layer = nn.Linear(2, 2, bias=False)
    with pytest.raises(ArgumentError, match="no parameter or buffer 'wieght'"):
        parametrize.register_parametrization(layer, "wieght", Double())
    with pytest.raises(ArgumentError, match="no parameter or buffer 'bias'"):
        parametrize.register_parametrization(layer, "bias", Double())
    with pytest.raises(DtypeError, match="must be a module, got int"):
        parametrize.register_parametrization(layer, "weight", 3)
    with pytest.raises(ArgumentError, match="no parametrised 'weight'"):
        parametrize.remove_parametrizations(layer, "weight")
    assert not parametrize.is_parametrized(layer)
    with pytest.raises(ArgumentError, match="at least one"):
        parametrize.ParametrizationList([], layer.weight)
    unsafe = parametrize.register_parametrization(
        layer, "weight", Wrong(lambda X: X[:1]), unsafe=True
    )
    assert unsafe(tg.ones(1, 2)).shape == (1, 1)


@pytest.mark.torch
def test_names_and_printing_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")

    def build(lib: Any) -> Any:
        found = lib.nn.utils.parametrizations
        conv = found.spectral_norm(lib.nn.Conv2d(2, 3, 3))
        return lib.nn.Sequential(
            found.weight_norm(lib.nn.Linear(2, 3)), conv, found.orthogonal(lib.nn.Linear(2, 2))
        )

    ours, theirs = build(tg), build(torch)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [(n, tuple(p.shape)) for n, p in ours.named_parameters()] == [
        (n, tuple(p.shape)) for n, p in theirs.named_parameters()
    ]
    assert repr(ours) == repr(theirs)


# -- weight norm -------------------------------------------------------------------------------------

LAYERS = [
    ("Linear", (3, 4), (2, 3)),
    ("Conv2d", (2, 3, 3), (2, 2, 5, 5)),
    ("ConvTranspose1d", (2, 3, 2), (2, 2, 4)),
]


def pair(kind: str, args: Any, wrap: Any) -> tuple[Any, Any]:
    """A layer in both libraries, of one state, wrapped the same way."""
    import torch

    theirs = getattr(torch.nn, kind)(*args).double()
    ours = getattr(nn, kind)(*args).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return wrap(tg, ours), wrap(torch, theirs)


def same_training(ours: Any, theirs: Any, shape: Any, steps: int = 3) -> None:
    """Some steps of SGD give the same values, gradients and states."""
    import torch

    x = np.random.default_rng(0).standard_normal(shape)
    one = tg.optim.SGD(ours.parameters(), lr=0.1)
    two = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(steps):
        one.zero_grad()
        two.zero_grad()
        a, b = ours(tg.tensor(x)), theirs(torch.tensor(x))
        close(a, b, rtol=1e-10, atol=1e-12)
        a.square().sum().backward()
        b.square().sum().backward()
        one.step()
        two.step()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for value, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        close(value, other, rtol=1e-9, atol=1e-11)


@pytest.mark.torch
@pytest.mark.parametrize("dim", [0, 1, -2, None])
@pytest.mark.parametrize(("kind", "args", "shape"), LAYERS)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm_trains_as_pytorchs(kind: str, args: Any, shape: Any, dim: Any) -> None:
    pytest.importorskip("torch")
    for wrap in (
        lambda lib, layer: lib.nn.utils.parametrizations.weight_norm(layer, dim=dim),
        lambda lib, layer: lib.nn.utils.weight_norm(layer, dim=dim),
    ):
        ours, theirs = pair(kind, args, wrap)
        same_training(ours, theirs, shape)


def test_weight_norm_by_hook_can_be_undone() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    assert nn.utils.weight_norm(layer) is layer
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    with pytest.raises(ArgumentError, match="normalised already"):
        nn.utils.weight_norm(layer)
    with tg.no_grad():
        layer.weight_g.mul_(2)
    layer(tg.ones(1, 3)).sum().backward()
    assert layer.weight_g.grad is not None and layer.weight_v.grad is not None
    nn.utils.remove_weight_norm(layer)
    assert type(layer.weight) is nn.Parameter and not layer._hooked
    close(layer.weight, 2 * before, rtol=1e-6)
    with pytest.raises(ArgumentError, match="not normalised"):
        nn.utils.remove_weight_norm(layer)
    with pytest.raises(ArgumentError, match="no parameter 'wieght'"):
        nn.utils.weight_norm(layer, "wieght")


def test_weight_norm_loads_the_names_of_the_hook() -> None:
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    close(new.weight, old.weight)


# -- spectral norm -----------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("kind", "args", "shape"), LAYERS)
def test_spectral_norm_trains_as_pytorchs(kind: str, args: Any, shape: Any, steps: int) -> None:
    pytest.importorskip("torch")
    for wrap in (
        lambda lib, layer: lib.nn.utils.parametrizations.spectral_norm(
            layer, n_power_iterations=steps
        ),
        lambda lib, layer: lib.nn.utils.spectral_norm(layer, n_power_iterations=steps),
    ):
        ours, theirs = pair(kind, args, wrap)
        ours.load_state_dict({k: v.detach().numpy() for k, v in theirs.state_dict().items()})
        same_training(ours, theirs, shape)
        ours.eval()
        theirs.eval()
        same_training(ours, theirs, shape)


def test_spectral_norm_finds_the_largest_singular_value() -> None:
    for wrap in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        layer: Any = wrap(nn.Linear(6, 4).double(), n_power_iterations=200)
        layer(tg.ones(1, 6, dtype=tg.float64))
        assert tg.linalg.matrix_norm(layer.weight.detach(), 2).item() == pytest.approx(1, rel=1e-6)
    vector = parametrizations.spectral_norm(nn.LayerNorm(4))
    assert tg.linalg.vector_norm(vector.weight.detach()).item() == pytest.approx(1)


def test_spectral_norm_by_hook_can_be_undone() -> None:
    layer = nn.Linear(3, 2)
    weight = layer.weight
    nn.utils.spectral_norm(layer)
    assert layer.weight_orig is weight
    with pytest.raises(ArgumentError, match="normalised already"):
        nn.utils.spectral_norm(layer)
    layer(tg.ones(1, 3))
    layer.eval()
    layer(tg.ones(1, 3))
    last = layer.weight
    nn.utils.remove_spectral_norm(layer)
    close(layer.weight, last)
    assert list(layer.state_dict()) == ["bias", "weight"]
    for wrong in (
        lambda: nn.utils.remove_spectral_norm(layer),
        lambda: nn.utils.spectral_norm(layer, n_power_iterations=0),
        lambda: parametrizations.spectral_norm(layer, n_power_iterations=0),
        lambda: parametrizations.spectral_norm(layer, "wieght"),
    ):
        with pytest.raises(ArgumentError):
            wrong()
    with pytest.raises(ShapeError, match="no dim 2"):
        parametrizations.spectral_norm(layer, dim=2)


# -- orthogonal --------------------------------------------------------------------------------------

MAPS = ["matrix_exp", "cayley", "householder"]


def orthonormal(weight: Any, rtol: float = 1e-10) -> None:
    w = weight.detach().numpy()
    w = np.swapaxes(w, -1, -2) if w.shape[-2] < w.shape[-1] else w
    product = np.swapaxes(w.conj(), -1, -2) @ w
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(w.shape[-1]), product.shape), atol=rtol
    )


@pytest.mark.parametrize("trivialised", [True, False])
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3)])
def test_orthogonal_stays_orthogonal_in_training(shape: Any, name: str, trivialised: bool) -> None:
    layer: Any = nn.Module()
    layer.weight = nn.Parameter(tg.randn(shape, dtype=tg.float64))
    parametrizations.orthogonal(layer, "weight", name, use_trivialization=trivialised)
    orthonormal(layer.weight)
    target = tg.randn(shape, dtype=tg.float64)
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (layer.weight - target).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    orthonormal(layer.weight)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_an_orthogonal_matrix_can_be_assigned(shape: Any, name: str) -> None:
    layer: Any = nn.Module()
    layer.weight = nn.Parameter(tg.randn(shape, dtype=tg.float64))
    parametrizations.orthogonal(layer, "weight", name)
    new = nn.init.orthogonal_(tg.empty(shape, dtype=tg.float64))
    layer.weight = new
    close(layer.weight, new, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(
    ("shape", "trivialised"), [((4, 4), True), ((4, 4), False), ((5, 3), False), ((3, 5), False)]
)
def test_orthogonal_maps_are_pytorchs(shape: Any, name: str, trivialised: bool) -> None:
    torch = pytest.importorskip("torch")
    start = np.random.default_rng(1).standard_normal(shape)
    ours, theirs = nn.Linear(*shape[::-1], bias=False), torch.nn.Linear(*shape[::-1], bias=False)
    for layer, lib in ((ours, tg), (theirs, torch)):
        layer.double()
        with lib.no_grad():
            layer.weight.copy_(lib.tensor(start))
        lib.nn.utils.parametrizations.orthogonal(
            layer, orthogonal_map=name, use_trivialization=trivialised
        )
    close(ours.weight, theirs.weight, atol=1e-12)
    same_training(ours, theirs, (2, shape[1]))


def test_orthogonal_of_complex_matrices_and_refusals() -> None:
    layer: Any = nn.Module()
    layer.weight = nn.Parameter(tg.randn(3, 3, dtype=tg.complex128))
    with pytest.raises(ArgumentError, match="real weights"):
        parametrizations.orthogonal(layer, "weight", "householder")
    parametrizations.orthogonal(layer, "weight")
    orthonormal(layer.weight)
    with pytest.raises(ShapeError, match="at least 2"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ArgumentError, match="orthogonal_map"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="givens")
    square = parametrizations.orthogonal(nn.Linear(2, 2))
    with pytest.raises(ShapeError, match="expected a matrix"):
        square.weight = tg.zeros(3, 3)
    fixed = parametrizations.orthogonal(nn.Linear(2, 2), use_trivialization=False)
    with pytest.raises(NotImplementedError, match="use_trivialization"):
        fixed.weight = tg.eye(2)


def test_a_recurrent_layer_reads_parametrised_weights() -> None:
    layer = nn.LSTM(3, 4)
    x, before = tg.randn(5, 2, 3), layer.weight_hh_l0.detach().clone()
    out = layer(x)[0].detach()
    parametrizations.weight_norm(layer, "weight_hh_l0")
    close(layer(x)[0], out, rtol=1e-5, atol=1e-6)
    with tg.no_grad():
        layer.parametrizations.weight_hh_l0.original0.zero_()
    assert abs(layer(x)[0].detach() - out).max().item() > 1e-3
    with parametrize.cached():
        layer(x)[0].sum().backward()
    assert layer.parametrizations.weight_hh_l0.original1.grad is not None
    layer.weight_hh_l0 = before
    parametrize.remove_parametrizations(layer, "weight_hh_l0")
    close(layer(x)[0], out, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize(
    "change",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        lambda layer: nn.utils.prune.l1_unstructured(layer, "weight", 2),
    ],
)
def test_modules_with_a_computed_weight_can_be_copied(change: Any, again: Any) -> None:
    layer = change(nn.Linear(3, 2)).eval()
    x = tg.ones(1, 3)
    layer(x)
    other = again(layer)
    close(other(x), layer(x))
    other(x).sum().backward()
    assert all(p.grad is None for p in layer.parameters())
    assert all(p.grad is not None for p in other.parameters())
