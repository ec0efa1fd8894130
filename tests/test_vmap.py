"""`vmap` itself: where examples stand, nesting, composition with derivatives, randomness, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import standin  # noqa: F401  registers the device "standin"
import tapegrad as tg
from tapegrad import func
from tapegrad.errors import ArgumentError, DimensionError, GraphError, ShapeError

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def same(have: Any, want: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(have.detach().numpy(), np.asarray(want), rtol=rtol, atol=1e-12)


# -- dimensions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out_dim", [0, 1, 2, -1, -2])
def test_examples_come_from_and_go_to_any_dimension(in_dim: int, out_dim: int) -> None:
    x = normal(2, 3, 4)
    have = func.vmap(lambda t: t * 2, in_dim, out_dim)(tg.tensor(x))
    same(have, np.moveaxis(2 * x, in_dim, out_dim))


def test_arguments_and_results_may_be_nested() -> None:
    a, b, c = normal(3, 2), normal(2, 3), normal(2)

    def call(pair: Any, rest: Any) -> Any:
        (x, y), (scale,) = pair["both"], rest
        return {"sum": x + y, "more": [x * scale, (y,)]}

    given = ({"both": (tg.tensor(a), tg.tensor(b))}, [tg.tensor(c)])
    out = func.vmap(call, in_dims=({"both": (0, 1)}, None))(*given)
    assert isinstance(out["more"], list) and isinstance(out["more"][1], tuple)
    same(out["sum"], a + b.T)
    same(out["more"][0], a * c)
    same(out["more"][1][0], b.T)


def test_out_dims_may_be_nested_like_the_result() -> None:
    x = normal(3, 2)
    first, rest = func.vmap(lambda t: (t, [t + 1]), out_dims=(1, [0]))(tg.tensor(x))
    same(first, x.T)
    same(rest[0], x + 1)


def test_what_is_the_same_for_all_examples_is_repeated_or_handed_through() -> None:
    w = tg.tensor(normal(2))
    assert func.vmap(lambda x: w)(tg.ones(3)).shape == (3, 2)
    assert func.vmap(lambda x: (x, w), out_dims=(0, None))(tg.ones(3))[1] is w
    assert func.vmap(lambda x: 5, out_dims=None)(tg.ones(3)) == 5


def test_named_arguments_are_the_same_for_all() -> None:
    out = func.vmap(lambda x, *, shift: x + shift)(tg.ones(3), shift=tg.tensor([1.0, 2.0, 3.0]))
    assert out.shape == (3, 3)


def test_inside_an_example_looks_like_one() -> None:
    seen = []

    def note(x: tg.Tensor) -> tg.Tensor:
        seen.append((x.shape, x.ndim, x.numel(), x.dtype, str(x.device), len(x), x.is_contiguous()))
        return x.sum()

    func.vmap(note)(tg.tensor(normal(5, 2, 3)))
    assert seen == [((2, 3), 2, 6, np.dtype("float64"), "cpu", 2, True)]


def test_the_function_runs_once() -> None:
    calls = []
    func.vmap(lambda x: calls.append(1) or x)(tg.ones(100))
    assert calls == [1]


def test_no_examples() -> None:
    assert func.vmap(lambda x: x.sum(0) @ x.T)(tg.zeros(0, 4, 3)).shape == (0, 4)


# -- nesting and chunks ----------------------------------------------------------------------------


def test_mappings_nest() -> None:
    x, y = normal(2, 4), normal(3, 4)
    outer = func.vmap(lambda a: func.vmap(lambda b: (a * b).sum())(tg.tensor(y)))
    same(outer(tg.tensor(x)), x @ y.T)


def test_three_levels_with_what_belongs_to_each() -> None:
    x, y, z = normal(2, 5), normal(3, 5), normal(4, 5)
    a, b, c = (tg.tensor(v) for v in (x, y, z))
    out = func.vmap(
        lambda p: func.vmap(lambda q: func.vmap(lambda r: (p * q.sin() * r).sum() + q[0])(c))(b)
    )(a)
    want = np.einsum("ai,bi,ci->abc", x, np.sin(y), z) + y[:, 0][None, :, None]
    same(out, want)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
def test_chunks_change_nothing(chunk_size: int) -> None:
    x, w = normal(5, 3), normal(3)

    def call(a: tg.Tensor, b: tg.Tensor) -> Any:
        return a * b, (a @ b).sin()

    given = tg.tensor(x.T), tg.tensor(w)
    whole = func.vmap(call, (1, None), (1, 0))(*given)
    parts = func.vmap(call, (1, None), (1, 0), chunk_size=chunk_size)(*given)
    for have, want in zip(parts, whole, strict=True):
        same(have, want.numpy())


# -- derivatives -----------------------------------------------------------------------------------


def net(w: tg.Tensor, x: tg.Tensor) -> tg.Tensor:
    return (w @ x).tanh().prod()


def test_gradient_of_every_example() -> None:
    w, x = normal(4, 3), normal(5, 3)
    have = func.vmap(func.grad(net), in_dims=(None, 0))(tg.tensor(w), tg.tensor(x))
    want = [func.grad(net)(tg.tensor(w), tg.tensor(row)).numpy() for row in x]
    same(have, np.stack(want))


def test_gradient_through_a_mapping_is_summed_over_what_all_examples_share() -> None:
    w, x = tg.tensor(normal(4, 3), requires_grad=True), tg.tensor(normal(5, 3), requires_grad=True)
    func.vmap(lambda row: net(w, row))(x).sum().backward()
    have = w.grad.numpy().copy(), x.grad.numpy().copy()
    w.grad = x.grad = None
    tg.stack([net(w, row) for row in x]).sum().backward()
    same(w.grad, have[0])
    same(x.grad, have[1])


def test_per_example_gradients_of_a_module() -> None:
    tg.manual_seed(0)
    model = tg.nn.Sequential(
        tg.nn.Conv2d(1, 2, 3), tg.nn.ReLU(), tg.nn.Flatten(), tg.nn.LayerNorm(8),
        tg.nn.Linear(8, 3),
    )  # fmt: skip
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    images, classes = tg.randn(6, 1, 4, 4), tg.tensor([0, 1, 2, 0, 1, 2])

    def loss(values: dict[str, tg.Tensor], image: tg.Tensor, target: tg.Tensor) -> tg.Tensor:
        out = func.functional_call(model, values, (image[None],))
        return tg.nn.functional.cross_entropy(out, target[None])

    have = func.vmap(func.grad(loss), in_dims=(None, 0, 0))(parameters, images, classes)
    assert have.keys() == parameters.keys()
    for i in range(6):
        want = func.grad(loss)(parameters, images[i], classes[i])
        for name in parameters:
            np.testing.assert_allclose(have[name][i].numpy(), want[name].numpy(), atol=1e-5)


def test_an_ensemble_of_modules() -> None:
    models = [tg.nn.Linear(3, 2) for _ in range(4)]
    x = tg.randn(5, 3)
    parameters, buffers = func.stack_module_state(models)

    def call(p: Any, b: Any, x: tg.Tensor) -> tg.Tensor:
        return func.functional_call(models[0], (p, b), (x,))

    out = func.vmap(call, in_dims=(0, 0, None))(parameters, buffers, x)
    for have, model in zip(out, models, strict=True):
        np.testing.assert_allclose(have.detach().numpy(), model(x).detach().numpy(), rtol=1e-6)
    with pytest.raises(ArgumentError, match="of one class"):
        func.stack_module_state([tg.nn.Linear(1, 1), tg.nn.ReLU()])
    with pytest.raises(ArgumentError, match="at least one"):
        func.stack_module_state([])


COMPOSITIONS: dict[str, Callable[..., Any]] = {
    "vmap of jacrev": lambda m, f, x, w: f.vmap(f.jacrev(lambda v: m.tanh(w @ v)))(x),
    "vmap of jacfwd": lambda m, f, x, w: f.vmap(f.jacfwd(lambda v: m.tanh(w @ v)))(x),
    "vmap of hessian": lambda m, f, x, w: f.vmap(f.hessian(lambda v: m.tanh(w @ v).sum()))(x),
    "jacrev of vmap": lambda m, f, x, w: f.jacrev(f.vmap(lambda v: m.tanh(w @ v)))(x),
    "jacfwd of vmap": lambda m, f, x, w: f.jacfwd(f.vmap(lambda v: m.tanh(w @ v)))(x),
    "jacrev twice": lambda m, f, x, w: f.jacrev(f.jacrev(f.vmap(lambda v: m.tanh(w @ v))))(x),
    "jacrev of jacfwd": lambda m, f, x, w: f.jacrev(f.jacfwd(lambda v: m.tanh(w @ v)))(x[0]),
    "hessian by two": lambda m, f, x, w: f.hessian(
        lambda a, b: m.sin(a @ b.T).sum(), argnums=(0, 1)
    )(x, w),
    "vmap of grad by both": lambda m, f, x, w: f.vmap(
        f.grad(lambda a, b: m.sin(b @ a).prod(), argnums=(0, 1)), (0, None)
    )(x, w),
    "grad of vmap of grad": lambda m, f, x, w: f.grad(
        lambda b: f.vmap(lambda v: (f.grad(lambda u: m.sin(b @ u).prod())(v) ** 2).sum())(x).sum()
    )(w),
    "vmap of third derivative": lambda m, f, x, w: f.vmap(
        f.grad(f.grad(f.grad(lambda s: m.sin(s) * s)))
    )(x[:, 0]),
    "vmap of vjp": lambda m, f, x, w: f.vmap(
        lambda v: f.vjp(lambda u: m.sin(w @ u), v)[1](w[:, 0])
    )(x),
    "vmap of jvp": lambda m, f, x, w: f.vmap(
        lambda v: f.jvp(lambda u: m.sin(w @ u), (v,), (v * 2,))
    )(x),
    "pull back a batch": lambda m, f, x, w: f.vmap(f.vjp(lambda u: m.sin(w @ u), x[0])[1])(
        m.stack([w[:, 0], w[:, 1]])
    ),
    "two results": lambda m, f, x, w: f.jacrev(lambda a: (a * 2, m.sin(a).sum()))(x[0]),
    "grad of a dict": lambda m, f, x, w: f.grad(lambda p: m.sin(p["w"] @ p["x"][0]).sum())(
        {"w": w, "x": [x[0]]}
    ),
    "jacrev of a dict": lambda m, f, x, w: f.jacrev(lambda p: {"y": m.sin(p["w"] @ x[0])})(
        {"w": w}
    ),
    "vjp of dicts": lambda m, f, x, w: f.vjp(
        lambda p: {"a": p["x"] * 2, "b": m.sin(p["w"])}, {"x": x, "w": w}
    )[1]({"a": x, "b": w}),
    "vjp of two results": lambda m, f, x, w: f.vjp(lambda a, b: (a * 2, b.sum()), x, w)[1](
        (x, w.sum())
    ),
    "jvp of dicts": lambda m, f, x, w: f.jvp(
        lambda p: [p["x"] * p["x"], m.sin(p["w"])], ({"x": x, "w": w},), ({"x": x * 2, "w": w},)
    ),
    "linear algebra": lambda m, f, x, w: f.vmap(
        f.grad(lambda v: m.linalg.det(m.outer(v, v) + m.eye(3, dtype=v.dtype)).log())
    )(x),
    "nested dimensions": lambda m, f, x, w: f.vmap(
        f.vmap(lambda a, b: a * b, (0, None)), (None, 0), out_dims=1
    )(x, w),
    "index by an example": lambda m, f, x, w: f.vmap(lambda v, i: v[i] + v[:2].sum())(
        x, m.tensor([0, 2, 1, 1])
    ),
    "running sums": lambda m, f, x, w: f.vmap(lambda v: m.cumsum(m.sort(v)[0], 0).flip(0))(x),
}


def compared(have: Any, want: Any) -> None:
    if isinstance(want, dict):
        assert have.keys() == want.keys()
        have, want = [*have.values()], [*want.values()]
    if isinstance(want, (tuple, list)):
        assert len(have) == len(want)
        for h, w in zip(have, want, strict=True):
            compared(h, w)
        return
    assert have.shape == tuple(want.shape)
    np.testing.assert_allclose(have.detach().numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_agree_with_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    x, w = normal(4, 3), normal(5, 3)
    call = COMPOSITIONS[name]
    have = call(tg, func, tg.tensor(x), tg.tensor(w))
    compared(have, call(torch, torch.func, torch.tensor(x), torch.tensor(w)))


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_all_rows_of_a_jacobian_in_one_replay(strategy: str) -> None:
    x, y = tg.tensor(normal(3)), tg.tensor(normal(2))

    def call(a: tg.Tensor, b: tg.Tensor) -> Any:
        return a.sin()[:, None] * b, b.sum()  # the second does not depend on a

    jacobian = tg.autograd.functional.jacobian
    one = jacobian(call, (x, y), strategy=strategy)
    all_at_once = jacobian(call, (x, y), strategy=strategy, vectorize=True)
    for row, want in zip(all_at_once, one, strict=True):
        for h, w in zip(row, want, strict=True):
            same(h, w.numpy())
            assert h.array.flags.writeable
    with pytest.raises(ArgumentError, match="strict"):
        jacobian(call, (x, y), strict=True, vectorize=True)


def test_vectorized_hessian_and_chunks_of_rows() -> None:
    x = tg.tensor(normal(4))

    def call(v: tg.Tensor) -> tg.Tensor:
        return (v.sin() * v.sum()).prod()

    want = tg.autograd.functional.hessian(call, x)
    same(tg.autograd.functional.hessian(call, x, vectorize=True), want.numpy())
    same(func.jacrev(func.grad(call), chunk_size=3)(x), want.numpy())
    same(func.jacrev(func.grad(call), chunk_size=1)(x), want.numpy())
    with pytest.raises(ArgumentError, match="chunk_size"):
        func.jacrev(call, chunk_size=0)


def test_a_derivative_of_a_closure_is_recorded_for_what_it_closes_over() -> None:
    w = tg.tensor(3.0, requires_grad=True)
    slope = func.grad(lambda x: w * x * x)(tg.tensor(2.0))
    slope.backward()
    assert w.grad.item() == 4.0
    with tg.no_grad():
        assert not func.grad(lambda x: w * x * x)(tg.tensor(2.0)).requires_grad


def test_gradients_and_directions_that_do_not_fit_are_refused() -> None:
    x = tg.tensor([1.0, 2.0])
    _, pull = func.vjp(lambda v: {"a": v, "b": v * 2}, x)
    same(pull({"b": x * 0, "a": x})[0], x.numpy())  # by key
    _, pull = func.vjp(lambda v: (v, v * 2), x)
    for given in ((x,), (x, x, x), ({"a": x, "b": x},), ((x, [x]),)):
        with pytest.raises(ArgumentError, match="one gradient for each of 2 results"):
            pull(*given)
    for given in ((x, x), (x[:1],), ([x],)):
        with pytest.raises(ShapeError, match="nested like the arguments"):
            func.jvp(lambda v: v, (x,), given)


def test_auxiliary_results_are_handed_through() -> None:
    x = tg.tensor([1.0, 2.0])
    rows, aux = func.jacrev(lambda v: (v * v, "more"), has_aux=True)(x)
    assert aux == "more" and rows.shape == (2, 2)
    value, slope, aux = func.jvp(lambda v: (v * v, {"n": 1}), (x,), (x,), has_aux=True)
    assert aux == {"n": 1} and slope.tolist() == [2.0, 8.0] and value.tolist() == [1.0, 4.0]
    with pytest.raises(ArgumentError, match="pair"):
        func.jacfwd(lambda v: v, has_aux=True)(x)


# -- randomness ------------------------------------------------------------------------------------

DRAWS: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "rand": lambda x: tg.rand(4), "randn": lambda x: tg.randn(2, 2), "rand_like": tg.rand_like,
    "randint": lambda x: tg.randint(0, 1000, (5,)), "normal": lambda x: tg.normal(0.0, 1.0, (3,)),
    "dropout": lambda x: tg.nn.functional.dropout(x + 1, 0.5),
    "gumbel": lambda x: tg.nn.functional.gumbel_softmax(x),
    "bernoulli": lambda x: tg.bernoulli(x * 0 + 0.5),
    "uniform_": lambda x: x.clone().uniform_(), "normal_": lambda x: x.clone().normal_(),
    "exponential_": lambda x: x.clone().exponential_(), "permutation": lambda x: tg.randperm(50),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_differ_are_the_same_or_are_refused(name: str) -> None:
    x = tg.zeros(3, 32)
    draw = DRAWS[name]
    with pytest.raises(GraphError, match="randomness='different'"):
        func.vmap(draw)(x)
    out = func.vmap(draw, randomness="different")(x)
    assert out.shape == (3, *draw(x[0]).shape)
    assert (out[0] != out[1]).any() and (out[1] != out[2]).any()
    out = func.vmap(draw, randomness="same")(x)
    assert (out[0] == out[1]).all() and (out[1] == out[2]).all()


def test_randomness_belongs_to_each_of_nested_mappings() -> None:
    inner = func.vmap(lambda x: tg.rand(()), randomness="different")
    out = func.vmap(inner, randomness="same")(tg.zeros(2, 3))
    assert (out[0] == out[1]).all() and out[0, 0] != out[0, 1]
    both = func.vmap(inner, randomness="different")(tg.zeros(2, 3))
    assert both.shape == (2, 3) and len(set(both.reshape(-1).tolist())) == 6
    inner = func.vmap(lambda x: tg.rand(()), randomness="same")
    out = func.vmap(inner, randomness="different")(tg.zeros(2, 3))
    assert (out[:, 0] == out[:, 1]).all() and out[0, 0] != out[1, 0]


def test_parameters_of_distributions_may_differ_between_examples() -> None:
    rates = tg.tensor([[0.0, 1000.0], [2000.0, 0.0], [5.0, 5.0]])
    out = func.vmap(tg.poisson, randomness="different")(rates)
    assert out[0, 0] == 0 and out[0, 1] > 500 and out[1, 0] > 1500 and out[1, 1] == 0
    nested = func.vmap(func.vmap(tg.poisson, randomness="different"), randomness="different")
    assert nested(rates)[1, 0] > 1500
    assert func.vmap(tg.bernoulli, randomness="same")(tg.tensor([[0.0, 1.0], [1.0, 0.0]])).tolist() == [
        [0.0, 1.0], [1.0, 0.0],
    ]  # fmt: skip
    with pytest.raises(GraphError, match="vmap"):
        func.vmap(tg.poisson, randomness="same")(rates)


def test_the_same_numbers_in_every_chunk_and_after_a_seed() -> None:
    same_ = func.vmap(lambda x: tg.rand(2), randomness="same", chunk_size=2)(tg.zeros(5))
    assert (same_ == same_[0]).all()
    different = func.vmap(lambda x: tg.rand(2), randomness="different")
    tg.manual_seed(1)
    first = different(tg.zeros(5))
    tg.manual_seed(1)
    assert tg.equal(first, different(tg.zeros(5)))


# -- what is refused -------------------------------------------------------------------------------


def test_arguments_that_do_not_fit_are_refused() -> None:
    x = tg.ones(3, 2)
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        (dict(in_dims=[0]), (x,), ArgumentError, "must be an int or a"),
        (dict(in_dims=(0, 0)), (x,), ArgumentError, "does not fit its 1 arguments"),
        (dict(in_dims=([0],)), (x,), ArgumentError, "does not fit"),
        (dict(in_dims=("0",)), (x,), ArgumentError, "ints and None"),
        (dict(in_dims=None), (x,), ArgumentError, "must be an int or a"),
        (dict(in_dims=(None,)), (x,), ArgumentError, "no tensor to map over"),
        (dict(), (), ArgumentError, "without arguments"),
        (dict(), (x, 2.0), ArgumentError, "is no tensor but float"),
        (dict(in_dims=2), (x,), ArgumentError, "has 2 for input 0"),
        (dict(in_dims=-3), (x,), ArgumentError, "has -3 for input 0"),
        (dict(), (tg.tensor(1.0),), ArgumentError, "0 dimensions"),
        (dict(), (x, tg.ones(4)), ShapeError, "got \\[3, 4\\]"),
    ]
    for options, args, error, message in cases:
        with pytest.raises(error, match=message):
            func.vmap(lambda *a: a[0], **options)(*args)
    with pytest.raises(ArgumentError, match="randomness"):
        func.vmap(lambda a: a, randomness="some")
    with pytest.raises(ArgumentError, match="chunk_size"):
        func.vmap(lambda a: a, chunk_size=0)


def test_results_that_do_not_fit_are_refused() -> None:
    x = tg.ones(3, 2)
    with pytest.raises(ArgumentError, match="must return tensors, got int"):
        func.vmap(lambda a: 1)(x)
    with pytest.raises(ArgumentError, match="out_dims"):
        func.vmap(lambda a: a, out_dims=(0, 0))(x)
    with pytest.raises(ArgumentError, match="out_dims"):
        func.vmap(lambda a: (a, a), out_dims=(0, 0, 0))(x)
    with pytest.raises(ArgumentError, match="out_dims"):
        func.vmap(lambda a: (a, a), out_dims=(0,))(x)
    with pytest.raises(ArgumentError, match="ints and None"):
        func.vmap(lambda a: a, out_dims="a")(x)
    with pytest.raises(ArgumentError, match="out_dims is None"):
        func.vmap(lambda a: a, out_dims=None)(x)
    with pytest.raises(DimensionError, match="has 2 for a result"):
        func.vmap(lambda a: a, out_dims=2)(x)


ASKS: dict[str, Callable[[tg.Tensor], Any]] = {
    "item": lambda x: x.sum().item(), "bool": lambda x: x if x.sum() > 0 else -x,
    "float": lambda x: float(x[0]), "tolist": lambda x: x.tolist(), "numpy": lambda x: x.numpy(),
    "nonzero": tg.nonzero, "unique": tg.unique, "mask": lambda x: x[x > 0],
    "masked_select": lambda x: tg.masked_select(x, x > 0), "where": lambda x: tg.where(x > 0),
    "int": lambda x: range(int(x[0])), "allclose": lambda x: tg.allclose(x, x),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKS)
def test_asking_for_the_values_of_one_example_is_refused(name: str) -> None:
    with pytest.raises(GraphError, match="vmap: this needs the values of single examples"):
        func.vmap(ASKS[name])(tg.ones(3, 2))


def test_batched_values_are_not_written_into_what_is_not_batched() -> None:
    fixed = tg.zeros(2)

    def by_index(x: tg.Tensor) -> tg.Tensor:
        fixed[0] = x[0]
        return fixed

    def by_method(x: tg.Tensor) -> tg.Tensor:
        return fixed.add_(x)

    for call in (by_index, by_method, lambda x: fixed.copy_(x), lambda x: tg.zeros(2).add_(x)):
        with pytest.raises(GraphError, match="room for one example only"):
            func.vmap(call)(tg.ones(3, 2))
    assert fixed.tolist() == [0.0, 0.0]


def test_writing_in_place_into_what_is_batched() -> None:
    x = tg.tensor(normal(3, 4), requires_grad=True)

    def call(v: tg.Tensor) -> tg.Tensor:
        out = tg.zeros_like(v)
        out[1:3] = v[:2] * 2
        out[tg.tensor([0, 3])] = v.sum()
        return out.mul_(v).sum()

    out = func.vmap(call)(x)
    want = tg.stack([call(row) for row in x])
    same(out, want.detach().numpy())
    (g,) = tg.autograd.grad(out.sum(), x)
    same(g, tg.autograd.grad(want.sum(), x)[0].numpy())


def test_a_mask_of_every_example_may_be_written_to() -> None:
    x = normal(3, 4)

    def call(v: tg.Tensor) -> tg.Tensor:
        out = v.clone()
        out[v < 0] = 0.0
        return out

    same(func.vmap(call)(tg.tensor(x)), np.maximum(x, 0))


def test_an_argument_changed_in_place_inside_is_changed_outside() -> None:
    x = tg.zeros(3, 2)
    func.vmap(lambda v: v.add_(1))(x)
    assert x.tolist() == [[1.0, 1.0]] * 3


def test_a_saved_value_changed_inside_is_noticed() -> None:
    def call(v: tg.Tensor) -> tg.Tensor:
        y = v.exp()
        out = y.sum()
        y.detach().mul_(0)
        return out + y.prod() * 0

    x = tg.ones(3, 2, requires_grad=True)
    with pytest.raises(GraphError, match="changed in place"):
        func.vmap(call)(x).sum().backward()


def test_a_shared_leaf_gives_no_gradient_for_each_example() -> None:
    w = tg.ones(2, requires_grad=True)
    with pytest.raises(GraphError, match="one value for all examples"):
        func.vmap(lambda x: tg.autograd.grad((w * x).sum(), w)[0])(tg.ones(3, 2))


def test_running_statistics_are_not_updated_by_examples() -> None:
    layer = tg.nn.BatchNorm1d(2)
    with pytest.raises(GraphError, match="room for one example only"):
        func.vmap(lambda x: layer(x))(tg.randn(3, 4, 2))
    layer.eval()
    assert func.vmap(lambda x: layer(x))(tg.randn(3, 4, 2)).shape == (3, 4, 2)


def test_a_batched_tensor_shows_itself() -> None:
    shown = []
    func.vmap(lambda x: shown.append(repr(x)) or x)(tg.tensor([1.0, 2.0], requires_grad=True))
    assert shown == ["batched(tensor([1., 2.]), level=1, size=2, grad_fn=<EnterBackward>)"]


def test_a_word_without_a_rule_says_so() -> None:
    from tapegrad.batching import BatchArray, Level

    array = BatchArray(np.ones((2, 3)), Level(2))
    with pytest.raises(NotImplementedError, match="interp has no batching rule"):
        np.interp(array, np.arange(3.0), np.arange(3.0))
    assert repr(array) == "BatchArray(lvl=1, size=2, shape=(3,))"


def test_mapping_runs_on_any_device() -> None:
    x, w = normal(4, 3), normal(5, 3)
    inputs = tg.tensor(x, device="standin"), tg.tensor(w, device="standin", requires_grad=True)

    def call(a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
        assert str(a.device) == "standin"
        rows = tg.cat([b @ a, a[tg.tensor([2, 0], device="standin")]])
        return tg.softmax(rows, 0).log().sum()

    out = func.vmap(call, (0, None))(*inputs)
    (g,) = tg.autograd.grad(out.sum(), inputs[1])
    plain = tg.tensor(x), tg.tensor(w, requires_grad=True)
    want = func.vmap(lambda a, b: tg.softmax(tg.cat([b @ a, a[[2, 0]]]), 0).log().sum(), (0, None))(
        *plain
    )
    same(out.cpu(), want.detach().numpy())
    same(g.cpu(), tg.autograd.grad(want.sum(), plain[1])[0].numpy())


@pytest.mark.parametrize("inner", [False, True])
def test_checkpoints_inside_and_around(inner: bool) -> None:
    x, w = tg.tensor(normal(4, 3), requires_grad=True), tg.tensor(normal(3), requires_grad=True)

    def call(v: tg.Tensor) -> tg.Tensor:
        return ((v * w).tanh() * w).sum()

    def checkpointed(*args: Any) -> Any:
        return tg.utils.checkpoint.checkpoint(*args, use_reentrant=False)

    def around(v: tg.Tensor) -> tg.Tensor:
        within = checkpointed(func.vmap(call), v)  # a checkpoint in a checkpoint
        return within + func.vmap(func.vmap(lambda a: a.sin()))(v).sum(1)

    def mapped() -> tg.Tensor:
        return func.vmap(lambda v: checkpointed(call, v))(x) if inner else checkpointed(around, x)

    def plain() -> tg.Tensor:
        out = func.vmap(call)(x)
        return out if inner else out + x.sin().sum(1)

    found = []
    for function in (mapped, plain):
        first = tg.autograd.grad(function().sum(), (x, w))
        (g,) = tg.autograd.grad(function().sum(), x, create_graph=True)
        found.append((*first, *tg.autograd.grad((g * g).sum(), (x, w))))
    for have, want in zip(*found, strict=True):
        same(have, want.numpy())
