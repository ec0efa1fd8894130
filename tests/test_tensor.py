"""What a tensor is, shows, converts to, and how it stands beside NumPy."""

import copy
import functools
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: tg.tensor(3.0), "tensor(3.)"),
        (lambda: tg.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: tg.tensor([True, False]), "tensor([ True, False])"),
        (lambda: tg.tensor([1.5, -2.0]), "tensor([ 1.5000, -2.0000])"),
        (lambda: tg.tensor([1.0], dtype=tg.float64), "tensor([1.], dtype=tapegrad.float64)"),
        (lambda: tg.tensor([]), "tensor([])"),
        (lambda: tg.zeros(0, 3), "tensor([], size=(0, 3))"),
        (lambda: tg.tensor([1, 2], dtype=tg.int32), "tensor([1, 2], dtype=tapegrad.int32)"),
        (lambda: tg.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: tg.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward>)"),
        (lambda: tg.tensor([float("nan"), float("inf")]), "tensor([nan, inf])"),
        (
            lambda: tg.tensor([1.0, 60000.0]).half(),
            "tensor([1.0000e+00, 6.0000e+04], dtype=tapegrad.float16)",
        ),
        (lambda: tg.tensor([1e-5, -float("inf")]), "tensor([1.0000e-05,       -inf])"),
        (lambda: tg.tensor([0.5, 1.0]).half(), "tensor([0.5000, 1.0000], dtype=tapegrad.float16)"),
        (lambda: tg.tensor([[1.0, 2.0], [3.0, 4.0]]), "tensor([[1., 2.],\n        [3., 4.]])"),
    ],
)
def test_repr_reads_like_pytorchs(made, shown):
    assert repr(made()) == shown


def test_repr_summarises_long_tensors():
    assert "..." in repr(tg.zeros(2000)) and len(repr(tg.zeros(2000))) < 100


def test_attributes():
    x = tg.zeros(2, 3, dtype=tg.float64)
    assert x.shape == (2, 3) and x.size() == (2, 3) and x.size(-1) == 3
    assert x.ndim == x.dim() == 2 and x.numel() == 6 and len(x) == 2
    assert x.dtype == tg.float64 and x.device == tg.device("cpu") == "cpu"
    assert x.is_leaf and x.grad_fn is None and not x.requires_grad and x.grad is None
    assert x.element_size() == 8 and x.is_contiguous() and not x.T.is_contiguous()
    y = x.requires_grad_() * 2
    assert not y.is_leaf and y.grad_fn.name == "MulBackward"
    assert y.grad_fn.next_functions[0][0].variable is x


def test_conversions():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert float(x[0, 1]) == 2.0 and int(x[1, 0]) == 3 and bool(x[0, 0]) and complex(x[0, 0]) == 1
    assert [1, 2, 3][tg.tensor(1)] == 2
    assert f"{x[0, 0]:.2f}" == "1.00"
    assert 3.0 in x and 7.0 not in x
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert np.asarray(x).dtype == np.float32
    assert (
        x.double().dtype == tg.float64
        and x.long().dtype == tg.int64
        and x.half().dtype == tg.float16
    )


def test_numpy_shares_the_memory_and_is_no_tensors_own_array():
    x = tg.zeros(3)
    a = x.numpy()
    a[0] = 5.0
    assert x.tolist() == [5.0, 0.0, 0.0] and a is not x.array
    t = tg.from_numpy(a)
    t[1] = 6.0
    assert a[1] == 6.0


def test_dlpack_goes_both_ways():
    x = tg.arange(3.0)
    a = np.from_dlpack(x)
    assert a.tolist() == [0.0, 1.0, 2.0] and np.shares_memory(a, x.array)
    assert tg.from_dlpack(np.arange(3.0)).tolist() == [0.0, 1.0, 2.0]


def test_both_operand_orders_with_numpy_and_python_numbers():
    x = tg.tensor([1.0, 2.0], dtype=tg.float64, requires_grad=True)
    a = np.array([3.0, 4.0])
    for out, value in [
        (x + a, [4.0, 6.0]), (a + x, [4.0, 6.0]), (a - x, [2.0, 2.0]), (a * x, [3.0, 8.0]),
        (a / x, [3.0, 2.0]), (2 - x, [1.0, 0.0]), (2 / x, [2.0, 1.0]), (2**x, [2.0, 4.0]),
        (a @ x, 11.0), (7 % x, [0.0, 1.0]), (7 // x, [7.0, 3.0]), (np.float64(2) * x, [2.0, 4.0]),
    ]:  # fmt: skip
        assert isinstance(out, tg.Tensor) and out.requires_grad and out.tolist() == value


def test_numpy_functions_record():
    x = tg.tensor([[1.0, 2.0]], dtype=tg.float64, requires_grad=True)
    y = np.concatenate([np.sin(x), np.sum(x, axis=0, keepdims=True)])
    assert isinstance(y, tg.Tensor) and y.requires_grad
    with pytest.raises(
        DtypeError, match=r"np\.roots is not recorded .* use tapegrad\.linalg\.eigvals"
    ):
        np.roots(x)
    with pytest.raises(DtypeError, match=r"np\.spacing is not recorded"):
        np.spacing(x)
    with pytest.raises(DtypeError, match=r"np\.sum: out must be a tensor"):
        np.sum(x, out=np.zeros(()))


def test_numpys_split_cuts_as_numpy_does():
    a = np.arange(6.0).reshape(6, 1)
    for where in (3, [2, 4], [4, 2], [0, 6]):
        for have, want in zip(np.split(tg.tensor(a), where), np.split(a, where), strict=True):
            np.testing.assert_array_equal(have.numpy(), want)
    with pytest.raises(tg.errors.ArgumentError, match="4 parts of 6 elements are not equal"):
        np.split(tg.tensor(a), 4)


def test_data_detach_and_clone():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.data[0] = 5.0
    assert x.tolist() == [5.0, 2.0] and x.requires_grad
    x.data = tg.tensor([7.0, 8.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [14.0, 16.0]
    d = x.detach()
    assert not d.requires_grad and np.shares_memory(d.array, x.array)
    c = x.clone()
    assert c.requires_grad and not np.shares_memory(c.array, x.array)


def test_a_detached_factor_stays_constant_in_second_order():
    x = tg.tensor(3.0, requires_grad=True)
    (d,) = tg.autograd.grad(x * x.detach(), x, create_graph=True)
    assert d.item() == 3.0 and not d.requires_grad


def test_copies_and_pickles_are_leaves_of_their_own():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = tg.ones(2)
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y.grad.tolist() == [1.0, 1.0]
    z = pickle.loads(pickle.dumps(x))
    assert z.requires_grad and z.tolist() == [1.0, 2.0]
    y.data[0] = 9.0
    assert x.tolist() == [1.0, 2.0]


def test_views_refuse_what_needs_a_copy():
    x = tg.zeros(2, 3)
    assert x.view(6).shape == (6,)
    with pytest.raises(ArgumentError, match="without a copy"):
        x.T.view(6)


def test_legacy_constructor():
    assert tg.Tensor(2, 3).shape == (2, 3)
    assert tg.Tensor([1, 2]).tolist() == [1.0, 2.0]


# -- creation, dtypes, randomness --------------------------------------------------------------------


def test_creation_follows_pytorchs_dtypes():
    assert tg.tensor([1.0]).dtype == tg.float32 and tg.tensor([1]).dtype == tg.int64
    assert tg.tensor(np.ones(1)).dtype == tg.float64 and tg.tensor(True).dtype == tg.bool
    assert tg.tensor(1j).dtype == tg.complex64
    assert tg.full((1,), 2).dtype == tg.int64 and tg.arange(3.0).dtype == tg.float32
    assert tg.linspace(0, 1, 5).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert tg.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert tg.eye(2, 3).shape == (2, 3) and tg.zeros((2, 2)).shape == (2, 2)
    assert tg.tensor([tg.tensor(1.0), tg.tensor(2.0)]).tolist() == [1.0, 2.0]


def test_the_same_seed_gives_the_same_bits():
    def draw():
        tg.manual_seed(7)
        return [
            tg.rand(3),
            tg.randn(3),
            tg.randint(0, 9, (3,)),
            tg.randperm(9),
            tg.empty(3).uniform_(),
        ]

    for a, b in zip(draw(), draw(), strict=True):
        assert tg.equal(a, b)


def test_generators_are_streams_of_their_own_and_can_be_resumed():
    g = tg.Generator().manual_seed(3)
    tg.rand(5, generator=g)
    state = g.get_state()
    a = tg.randn(4, generator=g)
    tg.manual_seed(0)
    g.set_state(state)
    assert tg.equal(a, tg.randn(4, generator=g)) and g.initial_seed() == 3


def test_random_numbers_have_their_moments():
    g = tg.Generator().manual_seed(0)
    u, n = tg.rand(100_000, generator=g), tg.randn(100_000, generator=g)
    # five standard errors of the means
    assert abs(u.mean().item() - 0.5) < 5 * (1 / 12 / 1e5) ** 0.5
    assert abs(n.mean().item()) < 5 * 1e5**-0.5 and abs(n.var().item() - 1) < 5 * (2 / 1e5) ** 0.5
    assert u.min() >= 0 and u.max() < 1


# -- bad input ---------------------------------------------------------------------------------------


def backward_twice():
    x = tg.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: tg.ones(2) + tg.ones(3),
            ShapeError,
            r"add: shapes \(2,\) and \(3,\) do not broadcast",
        ),
        (
            lambda: tg.ones(3, 4) @ tg.ones(5, 4),
            ShapeError,
            r"matmul: \(3, 4\) @ \(5, 4\) .*mean y\.T",
        ),
        (lambda: tg.ones(3, 4) @ tg.ones(5, 2), ShapeError, r"matmul: .* do not align \(4 != 5\)"),
        (lambda: tg.ones(2) @ tg.ones(2).double(), DtypeError, "matmul: operands have dtypes"),
        (lambda: tg.ones(2).backward(), GraphError, "does not require grad"),
        (lambda: tg.ones(2, requires_grad=True).backward(), GraphError, "only for a single value"),
        (
            lambda: tg.ones(2, requires_grad=True).backward(tg.ones(3)),
            ShapeError,
            "gradient must have",
        ),
        (backward_twice, GraphError, "freed by an earlier backward"),
        (lambda: bool(tg.ones(2)), ArgumentError, r"neither true nor false"),
        (lambda: tg.ones(2).item(), ArgumentError, "exactly one element"),
        (lambda: tg.ones(2, requires_grad=True).numpy(), GraphError, r"detach\(\)\.numpy"),
        (lambda: tg.tensor([1, 2], requires_grad=True), DtypeError, "int64 tensors cannot require"),
        (lambda: tg.tensor([[1], [2, 3]]), ShapeError, "equal lengths"),
        (lambda: tg.tensor("text"), DtypeError, "numbers"),
        (lambda: tg.ones(2).reshape(3), ShapeError, "do not fit"),
        (lambda: tg.ones(2)[5], IndexError, "out of bounds"),
        (lambda: tg.ones(2)[0.5], DtypeError, "index"),
        (lambda: tg.ones(2).sum(3), IndexError, "dim must be between"),
        (lambda: tg.ones(2).expand(3), ShapeError, "only sizes of 1"),
        (lambda: tg.ones(2) + "a", DtypeError, "must be a tensor"),
        (lambda: tg.zeros(2, device="tpu"), ArgumentError, "names no device"),
        (lambda: tg.ones(1).expand(3).add_(1), ArgumentError, "read-only"),
        (lambda: tg.ones(2, dtype=tg.int64).add_(0.5), DtypeError, "cannot hold"),
        (lambda: tg.zeros(-1), ArgumentError, "negative"),
        (lambda: tg.arange(0, 5, 0), ArgumentError, "does not lead"),
        (lambda: tg.tensor([1, 2]).mean(), DtypeError, "must be floating"),
        (lambda: tg.zeros(0).max(), ShapeError, "no elements"),
        (lambda: iter(tg.tensor(1.0)), TypeError, "0-d"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_every_error_is_also_a_runtime_error():
    for kind in (ShapeError, DtypeError, ArgumentError, DeviceError, GraphError):
        assert issubclass(kind, RuntimeError)


def test_a_gpu_without_cupy_says_what_to_install():
    if tg.cuda.is_available():
        pytest.skip("this machine has a card")
    with pytest.raises(DeviceError, match=r"tapegrad\[cuda13\]|driver"):
        tg.zeros(1, device="cuda")
    with pytest.raises(DeviceError, match="cuda"):
        tg.zeros(1).cuda()
    assert tg.cuda.device_count() == 0


def test_a_refused_assignment_changes_nothing():
    x = tg.arange(4.0)
    for bad in (tg.ones(3), tg.ones(2, 2)):
        with pytest.raises(ShapeError, match="does not broadcast"):
            x[:2] = bad
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


# -- import and dispatch -----------------------------------------------------------------------------


def test_import_loads_numpy_and_safetensors_at_most():
    code = (
        "import sys; before = set(sys.modules); import tapegrad; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    outside = {m for m in loaded if m not in sys.stdlib_module_names and not m.startswith("_")}
    assert outside <= {"tapegrad", "numpy", "safetensors", "cython_runtime"}


def calls(function):
    count = 0

    def see(frame, event, arg):
        nonlocal count
        count += event == "call"

    function()
    sys.setprofile(see)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count - 1  # the function itself


@pytest.mark.parametrize(
    ("operation", "budget"),
    [
        (lambda a, b: a * b, 1),
        (lambda a, b: a + b, 1),
        (lambda a, b: a * 2.0, 2),
        (lambda a, b: tg.exp(a), 3),
        (lambda a, b: a.relu(), 5),
        (lambda a, b: a.sum(), 4),
    ],
    ids=["mul", "add", "mul by a number", "exp", "relu", "sum"],
)
def test_python_calls_per_recorded_operation_stay_in_budget(operation, budget):
    a, b = tg.ones(4, requires_grad=True), tg.ones(4, requires_grad=True)
    assert calls(functools.partial(operation, a, b)) <= budget


def test_python_calls_per_replayed_node_stay_in_budget():
    x = tg.ones(4, requires_grad=True)
    y = x
    for _ in range(100):
        y = (y * 1.5).tanh()
    y = y.sum()
    backward = functools.partial(y.backward, retain_graph=True)
    assert calls(backward) <= 100 * 2 + 40  # the rules themselves, and what is done once
