"""Constructors by dtype, `Tensor.type` and `set_default_tensor_type`."""

from __future__ import annotations

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import errors, legacy

KINDS = {
    "BoolTensor": tg.bool, "ByteTensor": tg.uint8, "CharTensor": tg.int8, "ShortTensor": tg.int16,
    "IntTensor": tg.int32, "LongTensor": tg.int64, "HalfTensor": tg.float16, "FloatTensor": tg.float32,
    "DoubleTensor": tg.float64,
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_constructors_make_tensors_of_their_dtype(name):
    make, dtype = getattr(tg, name), KINDS[name]
    assert make.dtype == dtype and KINDS.keys() == legacy.NAMES.keys()
    for made, shape in (
        (make(2, 3), (2, 3)),
        (make(), (0,)),
        (make([[1, 0]]), (1, 2)),
        (make((2, 3)), (2,)),
    ):
        assert type(made) is tg.Tensor and made.dtype == dtype and made.shape == shape
    data = np.ones(2, dtype)
    made = make(data)
    data[:] = 0
    assert made.tolist() == [1, 1] and make(made).tolist() == [1, 1]
    for other in KINDS:
        assert isinstance(made, getattr(tg, other)) == (other == name)
    assert not isinstance(data, make)
    assert made.type() == f"tapegrad.{name}"


def test_only_tensors_on_the_cpu_are_instances():
    x = tg.ones(1, device="standin")
    assert not isinstance(x, tg.FloatTensor) and x.type() == "tapegrad.standin.FloatTensor"
    assert isinstance(tg.nn.Parameter(tg.ones(1)), tg.FloatTensor)
    assert tg.ones(1, dtype=tg.complex64).type() == "tapegrad.complex64"


def test_type_converts_and_records():
    x = tg.ones(2, requires_grad=True)
    for kind in (
        tg.DoubleTensor,
        "tapegrad.DoubleTensor",
        "torch.DoubleTensor",
        tg.float64,
        "float64",
    ):
        assert x.type(kind).dtype == tg.float64
    assert x.type(tg.FloatTensor) is x
    (3 * x.type(tg.DoubleTensor)).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.grad.dtype == tg.float32


def test_what_makes_no_sense_is_refused():
    for data in (3.5, "text", tg.tensor([1])):
        with pytest.raises(errors.DtypeError, match="data must be"):
            tg.FloatTensor(data)
    with pytest.raises(errors.DtypeError, match="constructors"):
        tg.ones(1).type("torch.NoTensor")
    with pytest.raises(errors.DtypeError, match="no dtype"):
        tg.ones(1).type("no dtype")


def test_the_default_dtype_by_a_constructor():
    before = tg.get_default_dtype()
    try:
        tg.set_default_tensor_type("torch.DoubleTensor")
        assert tg.ones(1).dtype == tg.float64
        tg.set_default_tensor_type(tg.FloatTensor)
        assert tg.ones(1).dtype == tg.float32
        with pytest.raises(errors.DtypeError, match="floating"):
            tg.set_default_tensor_type(tg.LongTensor)
    finally:
        tg.set_default_dtype(before)
