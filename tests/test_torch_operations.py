"""Every row of the table against PyTorch: values, dtypes and gradients, at ties and NaN too."""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import pytest

import gradients
import tapegrad as tg
import tolerances
from calls import edges_of, host, is_varied, label, listed, lowered, mapped, samples_of
from samples import ROWS, Row, Sample

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings(r"ignore:var\(\).*degrees of freedom:UserWarning"),
    pytest.mark.filterwarnings(r"ignore:reduction. 'mean' divides the total loss:UserWarning"),
    pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:Using torch.cross without specifying:UserWarning"),
    pytest.mark.filterwarnings(r"ignore:index_reduce\(\) is in beta:UserWarning"),
    pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter:UserWarning"),
    pytest.mark.filterwarnings("ignore:stft with return_complex=False is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:A window was not provided:UserWarning"),
    pytest.mark.filterwarnings("ignore:The length of signal is shorter than the len:UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning"),
]

NO_COUNTERPART = {"getitem", "setitem"}  # tests/test_indexing.py compares those by index
COMPARED = [row for row in ROWS if row.name not in NO_COUNTERPART and row.torch != ""]


def counterpart(row: Row) -> Any:
    """PyTorch's function of the same name."""
    return reduce(getattr, (row.torch or row.name).split("."), torch)


def to_torch(array: np.ndarray, dtype: Any = None, grad: bool = False) -> Any:
    """A tensor of PyTorch with a copy of the values."""
    array = np.array(array if dtype is None or not is_varied(array) else lowered(array, dtype))
    return torch.tensor(array, requires_grad=grad and array.dtype.kind in "fc")


def both(row: Row, sample: Sample, dtype: str) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Results and inputs of the two frameworks."""
    ours: list[Any] = []
    theirs: list[Any] = []
    grad = row.torch_gradient

    def make(array: np.ndarray) -> Any:
        real = is_varied(array)
        made = tg.tensor(lowered(array, dtype) if real else array, requires_grad=real and grad)
        if real:
            ours.append(made)
        return made

    def make_torch(array: np.ndarray) -> Any:
        made = to_torch(array, dtype, grad)
        if is_varied(array):
            theirs.append(made)
        return made

    def weights(make_one: Any) -> Any:
        return mapped(sample.kwargs, make_one)

    with np.errstate(all="ignore"):
        have = listed(
            row.function(*mapped(sample.args, make), **weights(lambda a: plain(make(a), ours)))
        )
    args = mapped(sample.args, make_torch)
    if row.name == "permute" and args[0].ndim == 0:
        args = (args[0], ())
    kwargs = weights(lambda a: plain(make_torch(a), theirs))
    want = listed(counterpart(row)(*args, **kwargs))
    return have, want, ours, theirs


def plain(tensor: Any, noted: list[Any]) -> Any:
    """The tensor as a constant: class weights are not differentiated."""
    noted[:] = [t for t in noted if t is not tensor]
    return tensor.detach()


def compare(row: Row, sample: Sample, dtype: str) -> None:
    if not row.differentiable and not isinstance(sample.args[0], np.ndarray):
        return  # PyTorch's comparisons refuse a number on the left
    have, want, ours, theirs = both(row, sample, dtype)
    assert len(have) == len(want)
    what = f"{row}{label(sample)}"
    for h, w in zip(have, want, strict=True):
        assert str(w.dtype) == f"torch.{h.dtype}", what
        assert h.requires_grad == w.requires_grad, what
        tolerances.assert_same(host(h), w.detach().resolve_conj().numpy(), what)
    live = [(h, w) for h, w in zip(have, want, strict=True) if h.requires_grad]
    if not live:
        return
    cotangents = [lowered(c, dtype) for c in gradients.draw([h for h, _ in live], 3)]
    with np.errstate(all="ignore"):
        tg.autograd.backward([h for h, _ in live], [tg.tensor(c) for c in cotangents])
    torch.autograd.backward([w for _, w in live], [torch.tensor(c) for c in cotangents])
    for i, (o, t) in enumerate(zip(ours, theirs, strict=True)):
        assert o.grad is not None or t.grad is None, f"{what}: gradient of input {i} is missing"
        zero = np.zeros(o.shape)
        ours_grad = zero if o.grad is None else host(o.grad)
        theirs_grad = zero if t.grad is None else t.grad.resolve_conj().numpy()
        if row.keeps_nan:
            ours_grad = np.where(np.isnan(host(o)), theirs_grad, ours_grad)
        tolerances.assert_same(ours_grad, theirs_grad, f"{what}: gradient of input {i}",
                               tolerances.of(o.dtype))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", COMPARED, ids=repr)
def test_value_and_gradient_equal_pytorch(row: Row, dtype: str) -> None:
    for sample in samples_of(row):
        compare(row, sample, dtype)


@pytest.mark.parametrize("row", [r for r in COMPARED if edges_of(r)], ids=repr)
def test_edges_equal_pytorch(row: Row) -> None:
    for sample in edges_of(row):
        compare(row, sample, "float64")


@pytest.mark.parametrize("row", [r for r in COMPARED if r.integers], ids=repr)
def test_integer_inputs_have_pytorchs_dtype_and_value(row: Row) -> None:
    """Integers keep, promote or are refused as in PyTorch."""
    for dtype, sample in product(["int64", "int32", "uint8", "bool"], samples_of(row)):
        if not any(map(is_varied, sample.args)) or not all(
            is_varied(a) for a in sample.args if isinstance(a, np.ndarray)
        ):
            continue

        def change(array: np.ndarray, dtype: str = dtype) -> np.ndarray:
            if not is_varied(array):
                return array  # an index
            return np.abs(np.round(array)).astype(dtype) + np.array(1, dtype)

        args = mapped(sample.args, change)
        kwargs = mapped(sample.kwargs, change)
        try:
            want = listed(
                counterpart(row)(*mapped(args, torch.tensor), **mapped(kwargs, torch.tensor))
            )
        except (RuntimeError, TypeError, NotImplementedError, IndexError):
            continue
        with np.errstate(all="ignore"):
            have = listed(row.function(*mapped(args, tg.tensor), **mapped(kwargs, tg.tensor)))
        for h, w in zip(have, want, strict=True):
            assert str(w.dtype) == f"torch.{h.dtype}", f"{row}{label(sample)} of {dtype}"
            tolerances.assert_same(
                host(h), w.resolve_conj().numpy(), f"{row}{label(sample)} of {dtype}"
            )
