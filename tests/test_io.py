"""Files: what comes back, what is refused, what a damaged or hostile file can do."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file, save_file

import standin
import tapegrad as tg
from optimisers import TABLE
from tapegrad import nn
from tapegrad.errors import ArgumentError, DeviceError, FileFormatError
from tapegrad.io import archive

DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


def dtype_of(name: str) -> Any:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def same(a: Any, b: Any) -> bool:
    """Whether two objects are of the same types and have the same bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tg.Tensor):
        return a.device == b.device and same(a.array, b.array)
    if isinstance(a, (np.ndarray, np.generic)):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    return a == b


def through(obj: Any, folder: Path, **options: Any) -> Any:
    path = folder / "file.safetensors"
    tg.save(obj, path)
    return tg.load(path, **options)


# -- what comes back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("name", DTYPES)
def test_tensors_and_arrays_of_every_dtype_come_back_bit_by_bit(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    dtype = dtype_of(name)
    octets = np.random.default_rng(0).integers(0, 256, (*shape, dtype.itemsize), np.uint8)
    array = (octets % 2 if name == "bool" else octets).view(dtype)[..., 0]
    obj = {"tensor": tg.from_numpy(array), "array": array}
    assert same(through(obj, tmp_path), obj)


@pytest.mark.parametrize(
    "obj",
    [
        None,
        True,
        -3,
        2**63,
        -(10**5000),
        0.1,
        -0.0,
        math.nan,
        -math.inf,
        complex(math.nan, -0.0),
        "text \ud800 \0 \U0001f600",
        b"\0\xff",
        [],
        (),
        {},
        OrderedDict(),
        [1, (2, [3.0, {"a": (None,)}])],
        {0: "int", "0": "text", 1.5: "float", None: "none", (1, "a"): "tuple", b"x": "bytes"},
        {False: 1, 2: 3},
        OrderedDict([("b", 1), ("a", OrderedDict(c=2))]),
        Counter({3: 2, "a": 1}),
        {"tensor": "a", "dict": [["b", 1]]},
        np.float32(0.1),
        np.int64(-5),
        np.bool_(True),
        np.complex128(1 - 2j),
        ml_dtypes.bfloat16(1.5),
        [np.dtype(np.float32), np.dtype(bool), np.dtype(ml_dtypes.bfloat16), tg.complex64],
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_data_come_back_as_they_were(obj: Any, tmp_path: Path) -> None:
    assert same(through(obj, tmp_path), obj)


KEYS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
LEAVES = (
    KEYS
    | st.floats()
    | st.complex_numbers()
    | arrays(st.sampled_from(DTYPES[:9]), (2, 2)).map(tg.from_numpy)
)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
            | st.dictionaries(KEYS, inner, max_size=3).map(OrderedDict)
        ),
    )
)
def test_any_nested_data_come_back(obj: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert same(through(obj, Path(folder)), obj)


def test_a_tensor_alone_and_awkward_names_come_back(tmp_path: Path) -> None:
    assert same(through(tg.ones(2), tmp_path), tg.ones(2))
    names = ["__metadata__", "", "a.b", "a.b#2", "ä\ud800", "\0", "tapegrad"]
    obj: dict[str, Any] = {name: tg.tensor(i) for i, name in enumerate(names)}
    obj["a"] = {"b": tg.tensor(70), "b#2": tg.tensor(71)}
    assert same(through(obj, tmp_path), obj)


def test_layouts_are_kept_in_value(tmp_path: Path) -> None:
    base = tg.arange(24.0).reshape(2, 3, 4)
    big = np.arange(3, dtype=">f4")
    obj = [base.permute(2, 0, 1), base[:, ::2], base.flip(0), tg.ones(1).expand(5)]
    assert all(tg.equal(a, b) for a, b in zip(through(obj, tmp_path), obj, strict=True))
    assert through(big, tmp_path).tolist() == [0, 1, 2]
    assert through(np.asfortranarray(np.eye(2, 3)), tmp_path).flags.c_contiguous


def test_shared_memory_is_written_once_and_shared_again(tmp_path: Path) -> None:
    a = tg.arange(1000.0)
    twice = through({"a": a, "b": a.detach(), "c": a[1:], "d": a.array}, tmp_path)
    assert (tmp_path / "file.safetensors").stat().st_size < 2 * 4000 + 2000
    assert twice["a"] is not twice["b"]
    twice["a"][0] = 7.0
    assert twice["b"][0] == 7.0
    assert twice["d"][0] == 7.0
    assert twice["c"][0] == 1.0


def test_gradients_and_parameters_become_values(tmp_path: Path) -> None:
    x = tg.ones(2, requires_grad=True)
    (x * x).sum().backward()
    back = through({"leaf": x, "result": x * 2, "parameter": nn.Parameter(tg.zeros(2))}, tmp_path)
    assert [type(value) for value in back.values()] == [tg.Tensor] * 3
    assert not any(value.requires_grad or value.grad is not None for value in back.values())
    assert back["result"].tolist() == [2.0, 2.0]


def test_tensors_are_put_on_a_device(tmp_path: Path) -> None:
    x = tg.arange(3.0).to("standin")
    back = through({"a": x, "b": x.detach(), "c": [tg.ones(2)]}, tmp_path)
    assert back["a"].device.type == "cpu"
    assert np.shares_memory(back["a"].array, back["b"].array)
    moved = tg.load(tmp_path / "file.safetensors", device="standin")
    assert all(
        isinstance(t.array, standin.StrictArray) for t in (moved["a"], moved["b"], *moved["c"])
    )
    moved["a"].fill_(5.0)
    assert moved["b"].cpu().tolist() == [5.0] * 3
    with pytest.raises(ArgumentError, match="names no device"):
        tg.load(tmp_path / "file.safetensors", device="moon")


# -- states ------------------------------------------------------------------------------------------


def test_a_model_loads_its_state(tmp_path: Path) -> None:
    def model() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))

    net, other = model(), model()
    net(tg.randn(3, 1, 4, 4))
    state = net.state_dict()
    back = through(state, tmp_path)
    assert same(back, state)
    assert same(back._metadata, state._metadata)
    other.load_state_dict(back)
    assert same(other.state_dict(), state)


@pytest.mark.parametrize("name", [name for name in TABLE if hasattr(tg.optim, name)])
def test_an_optimiser_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    kind = getattr(tg.optim, name)
    for options in TABLE[name]:
        shapes = [(3, 2)] if name in ("Muon", "SparseAdam") else [(3, 2), (3,)]
        params = [tg.randn(*shape).requires_grad_() for shape in shapes]
        others = [p.detach().clone().requires_grad_() for p in params]

        def step(optimizer: Any, params: Any) -> None:
            def closure() -> Any:
                optimizer.zero_grad()
                loss = sum(((p - 1) ** 2).sum() for p in params)
                loss.backward()
                return loss

            optimizer.step(closure)

        first, second = kind(params, **options), kind(others, **options)
        step(first, params)
        back = through(
            {"optimizer": first.state_dict(), "params": [p.detach() for p in params]}, tmp_path
        )
        second.load_state_dict(back["optimizer"])
        with tg.no_grad():
            for p, value in zip(others, back["params"], strict=True):
                p.copy_(value)
        for _ in range(2):
            step(first, params)
            step(second, others)
        for p, q in zip(params, others, strict=True):
            assert same(p.array, q.array)


@pytest.mark.parametrize("name", ["MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR"])
def test_a_schedule_goes_on(name: str, tmp_path: Path) -> None:
    rates = tg.optim.lr_scheduler

    def made() -> tuple[Any, Any]:
        optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        if name == "MultiStepLR":
            return optimizer, rates.MultiStepLR(optimizer, [1, 2, 4, 4])
        if name == "OneCycleLR":
            return optimizer, rates.OneCycleLR(optimizer, 0.1, total_steps=10)
        if name == "ReduceLROnPlateau":
            return optimizer, rates.ReduceLROnPlateau(optimizer, patience=1)
        parts = [rates.ConstantLR(optimizer), rates.StepLR(optimizer, 2)]
        return optimizer, rates.SequentialLR(optimizer, parts, [2])

    def step(optimizer: Any, schedule: Any) -> Any:
        optimizer.step()
        schedule.step(*[1.0] * (name == "ReduceLROnPlateau"))
        return optimizer.param_groups[0]["lr"]

    first, second = made(), made()
    for _ in range(2):
        step(*first)
    back = through([part.state_dict() for part in first], tmp_path)
    for part, state in zip(second, back, strict=True):
        part.load_state_dict(state)
    second[0].step()
    assert [step(*first) for _ in range(6)] == [step(*second) for _ in range(6)]


def test_random_streams_go_on(tmp_path: Path) -> None:
    generator = tg.Generator().manual_seed(3)
    tg.rand(3), tg.rand(3, generator=generator)
    state = through({"default": tg.get_rng_state(), "own": generator.get_state()}, tmp_path)
    first = tg.rand(3), tg.rand(3, generator=generator)
    tg.set_rng_state(state["default"])
    generator.set_state(state["own"])
    assert same((tg.rand(3), tg.rand(3, generator=generator)), first)


# -- other readers and writers -----------------------------------------------------------------------


def test_a_state_dict_is_an_ordinary_safetensors_file(tmp_path: Path) -> None:
    state = nn.Linear(2, 3).state_dict()
    through(state, tmp_path)
    read = load_file(tmp_path / "file.safetensors")
    assert sorted(read) == ["bias", "weight"]
    assert all(same(read[key], state[key].array) for key in read)


def test_nested_tensors_are_named_by_their_path(tmp_path: Path) -> None:
    through({"optimizer": {"state": {0: {"exp_avg": tg.ones(2)}}}, "list": [tg.zeros(1)]}, tmp_path)
    assert sorted(load_file(tmp_path / "file.safetensors")) == [
        "list.0",
        "optimizer.state.0.exp_avg",
    ]


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}], ids=str)
def test_files_of_others_become_dicts(metadata: Any, tmp_path: Path) -> None:
    arrays = {"b": np.ones((2, 3), np.float16), "a": np.arange(3), "empty": np.zeros((0, 4))}
    save_file(arrays, tmp_path / "file.safetensors", metadata=metadata)
    back = tg.load(tmp_path / "file.safetensors")
    assert back.keys() == arrays.keys()
    assert all(same(back[key].array, arrays[key]) for key in arrays)


def test_dtypes_that_are_not_known_are_refused(tmp_path: Path) -> None:
    save_file({"w": np.ones(2, ml_dtypes.float8_e4m3fn)}, tmp_path / "file.safetensors")
    with pytest.raises(FileFormatError, match=r"tensor 'w' of .* has the dtype F8_E4M3"):
        tg.load(tmp_path / "file.safetensors")


# -- what is refused ---------------------------------------------------------------------------------

Pair = namedtuple("Pair", "a b")


class Hook:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: None, "is a function"),
        (Hook(), "Hook, which is not saved; files hold tensors"),
        (nn.Linear(1, 1), r"is a tapegrad\S*Linear, .* save its state_dict"),
        (tg.Generator(), r"Generator, .* save its get_state"),
        (defaultdict(list), "convert it to a plain dict"),
        (Pair(1, 2), "convert it to a plain tuple"),
        (np.str_("a"), "has the dtype"),
        (np.array("text"), "has the dtype"),
        (np.array([{}], object), "has the dtype object"),
        (np.zeros(2, np.longdouble), "has the dtype float128|has the dtype longdouble"),
        (np.ma.masked_array([1, 2], [True, False]), "MaskedArray"),
        (np.datetime64("2000-01-01"), "has the dtype datetime64"),
        ({1, 2}, "is a set"),
        (object, "is a type"),
        ({Hook: 1}, "a key of .* is a type"),
        ({((1,),): 1}, "a key of .* is a tuple"),
        (nn.UninitializedParameter(), "has neither shape nor values"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_not_data_is_refused_by_its_path(value: Any, message: str, tmp_path: Path) -> None:
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        pytest.skip("long double is double here")
    tg.save({"kept": 1}, tmp_path / "file")
    with pytest.raises(ArgumentError, match=message) as caught:
        tg.save({"model": [0, {"hook": value}]}, tmp_path / "file")
    assert "obj['model'][1]['hook']" in str(caught.value)
    assert tg.load(tmp_path / "file") == {"kept": 1}
    assert os.listdir(tmp_path) == ["file"]


def test_attributes_of_ordered_dicts_are_not_lost_silently(tmp_path: Path) -> None:
    obj: Any = OrderedDict(a=1)
    obj.note = "mine"
    with pytest.raises(ArgumentError, match="attribute 'note'"):
        tg.save(obj, tmp_path / "file")


def test_inside_vmap_nothing_is_saved(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="vmap"):
        tg.vmap(lambda x: tg.save([x], tmp_path / "file"))(tg.ones(2))


def test_cycles_and_towers_are_refused(tmp_path: Path) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ArgumentError, match="contains itself"):
        tg.save({"a": cycle}, tmp_path / "file")
    tower: Any = 1
    for _ in range(100):
        tower = (tower,)
    assert same(through(tower, tmp_path), tower)
    with pytest.raises(ArgumentError, match="deeper than 100"):
        tg.save([tower], tmp_path / "file")


def test_paths_are_checked(tmp_path: Path) -> None:
    for call in (lambda p: tg.save({}, p), tg.load):
        with pytest.raises(ArgumentError, match="path must be"):
            call(3)
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        tg.save({}, tmp_path / "nowhere" / "file")
    with pytest.raises(OSError):
        tg.save({}, tmp_path)
    with pytest.raises(OSError):
        tg.load(tmp_path)
    with pytest.raises(FileFormatError, match="regular"):
        tg.load("/dev/zero")
    assert os.listdir(tmp_path) == []


# -- how files are written ---------------------------------------------------------------------------


def test_the_same_object_makes_the_same_file(tmp_path: Path) -> None:
    obj = {"b": tg.ones(3), "a": {"c": tg.zeros(2, dtype=tg.int8)}, "n": 1}
    for name in "xy":
        tg.save(obj, tmp_path / name)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_file(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tg.save({"a": 1}, tmp_path / "file")

    def fail(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archive.os, broken, fail)
        with pytest.raises(KeyboardInterrupt):
            tg.save({"a": tg.ones(1000)}, tmp_path / "file")
    assert tg.load(tmp_path / "file") == {"a": 1}
    assert os.listdir(tmp_path) == ["file"]


def test_a_killed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    tg.save({"a": 1}, path)
    script = (
        "import os, tapegrad as tg; os.replace = lambda *_: os._exit(7)\n"
        f"tg.save({{'a': tg.ones(1000)}}, {str(path)!r})"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7
    assert tg.load(path) == {"a": 1}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_file_and_its_name_are_on_the_disk_when_save_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, int] = {}

    def note(handle: int) -> None:
        about = os.fstat(handle)
        flushed[about.st_ino] = about.st_size

    monkeypatch.setattr(archive.os, "fsync", note)
    tg.save({"a": tg.ones(1000)}, tmp_path / "file")
    about = (tmp_path / "file").stat()
    assert flushed[about.st_ino] == about.st_size > 4000
    assert tmp_path.stat().st_ino in flushed


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_file_or_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    old = os.umask(0o027)
    try:
        tg.save({}, path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    tg.save({}, path)
    assert path.stat().st_mode & 0o777 == 0o604


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    tg.save({"a": 1}, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tg.load(tmp_path / "real") == {"a": 1}


def test_import_does_not_load_files() -> None:
    script = "import sys, tapegrad; sys.exit('tapegrad.io' in sys.modules or 'safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# -- damaged files -----------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Any, bytes, Path]:
    """An object, the bytes of its file, and a path for damaged ones."""
    obj = {
        "w": tg.arange(3.0),
        "z": tg.tensor([1j, 2.0]).to(tg.complex128),
        "b": tg.tensor([True, False]),
        "n": [1, 2.5, (None, "x"), {3: np.float16(1.5)}],
    }
    tg.save(obj, tmp_path / "whole")
    return obj, (tmp_path / "whole").read_bytes(), tmp_path / "damaged"


def test_every_cut_off_file_is_refused(whole: tuple[Any, bytes, Path]) -> None:
    _, data, path = whole
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(FileFormatError):
            tg.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(FileFormatError):
        tg.load(path)


def test_a_flipped_bit_anywhere_is_noticed(whole: tuple[Any, bytes, Path]) -> None:
    obj, data, path = whole
    key = data.index(b"tapegrad")  # that of our entry, which is found by its text as well
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            back = tg.load(path)
        except FileFormatError:
            continue
        assert key <= place < key + 8, place
        assert same(back, obj)


def test_random_damage_never_does_anything_but_raise(whole: tuple[Any, bytes, Path]) -> None:
    obj, data, path = whole
    random = np.random.default_rng(0)
    for _ in range(800):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), random.integers(1, 20)):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            back = tg.load(path, verify=bool(random.integers(0, 2)))
        except FileFormatError:
            continue
        assert back.keys() == obj.keys()


def test_damage_names_the_tensor_and_can_be_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file"
    tg.save({"layer": {"weight": tg.zeros(3)}}, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"'layer\.weight' .* checksum") as caught:
        tg.load(path)
    assert isinstance(caught.value, ValueError)
    assert tg.load(path, verify=False)["layer"]["weight"][:2].tolist() == [0.0, 0.0]


# -- hostile files -----------------------------------------------------------------------------------


def with_header(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(dtype: str = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> Any:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"a": entry()}, b"1234", 2**63),
        ({"a": entry()}, b"1234", 2**64 - 1),
        ({"a": entry()}, b"1234", 10**9),
        ({"a": entry(offsets=(0, 8))}, b"1234", None),
        ({"a": entry(offsets=(4, 0))}, b"1234", None),
        ({"a": entry(offsets=(-4, 0))}, b"1234", None),
        ({"a": entry(offsets=(2**64, 2**64 + 4))}, b"1234", None),
        ({"a": entry(), "b": entry()}, b"1234", None),
        ({"a": entry(), "b": entry(offsets=(2, 6))}, b"123456", None),
        ({"a": entry(offsets=(4, 8))}, b"12345678", None),
        ({"a": entry(shape=(2,))}, b"1234", None),
        ({"a": entry(shape=(2**32, 2**32))}, b"1234", None),
        ({"a": entry(shape=(2**62, 4, 0), offsets=(0, 0))}, b"", None),
        ({"a": entry(shape=(-1,))}, b"1234", None),
        ({"a": entry(shape=(1.5,))}, b"1234", None),
        ({"a": entry(dtype="F128")}, b"1234", None),
        ({"a": entry(dtype=["F32"])}, b"1234", None),
        ({"a": 3}, b"", None),
        ({"a": {}}, b"", None),
        ({"__metadata__": 3}, b"", None),
        ({"__metadata__": {"a": 1}}, b"", None),
        ({"__metadata__": {"tapegrad": "tapegrad 1 "}}, b"", None),
        ({"__metadata__": {"tapegrad": ""}}, b"", None),
        ({"a": entry(dtype="BOOL", offsets=(0, 1))}, b"\2", None),
        ([], b"", None),
        (3, b"", None),
        (b"", b"", None),
        (b"{", b"", None),
        (b'{"a": NaN}', b"", None),
        (b'{"a":{"dtype":"\xff"}}', b"", None),
        (b'{"x":' * 100_000 + b"1" + b"}" * 100_000, b"", None),
        (b"[" * 100_000, b"", None),
        (b'{"a":' + b"9" * 5000 + b"}", b"", None),
        (b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), b"1234", None),
        (b'{"__metadata__":{"a":"1","a":"2"}}', b"", None),
        ({"\ud800": entry()}, b"1234", None),
    ],
)
def test_hostile_headers_are_refused(header: Any, data: bytes, length: Any, tmp_path: Path) -> None:
    with_header(tmp_path / "file", header, data, length)
    with pytest.raises(FileFormatError):
        tg.load(tmp_path / "file")


def with_structure(path: Path, structure: Any) -> None:
    """A file whose checksums are right and whose structure is anything."""
    text = structure if isinstance(structure, str) else json.dumps(structure)
    digest = archive._digest(np.zeros(1, np.float32))
    about = f'{{"structure":{text},"sha256":{{"t":"{digest}"}}}}'
    checksum = hashlib.sha256(about.encode()).hexdigest()
    metadata = {"tapegrad": f"tapegrad 1 {checksum} {about}"}
    save_file({"t": np.zeros(1, np.float32)}, path, metadata=metadata)


def test_a_structure_of_ones_own_is_read(tmp_path: Path) -> None:
    with_structure(tmp_path / "file", {"tuple": [{"tensor": "t"}]})
    assert same(tg.load(tmp_path / "file"), (tg.zeros(1),))


@pytest.mark.parametrize(
    "structure",
    [
        {},
        {"what": 1},
        {"tuple": 3},
        {"tuple": [], "list": []},
        {"tensor": "missing"},
        {"tensor": ["t"]},
        {"tensor": "t", "as": "float64"},
        {"tensor": "t", "as": "complex128"},
        {"array": "t", "as": 3},
        {"dict": [[1]]},
        {"dict": [[1, 2], [1, 3]]},
        {"dict": [[[1], 2]]},
        {"dict": [[{"tensor": "t"}, 2]]},
        {"dict": [3]},
        {"counter": [[[1], 2]]},
        {"ordered": [], "x": 1},
        {"int": "x"},
        {"float": "1e5"},
        {"bytes": "0"},
        {"complex": [1]},
        {"complex": ["a", 1]},
        {"dtype": "object"},
        {"dtype": "V8"},
        {"scalar": ["object", "00" * 8]},
        {"scalar": ["float32", "00"]},
        {"scalar": ["float32", "00" * 8]},
        {"scalar": ["bool", "02"]},
        '{"tuple":[],"tuple":[]}',
        '{"tuple":[' * 150 + "]}" * 150,
        "[" * 5000 + "]" * 5000,
        "1" * 5000,
    ],
    ids=lambda value: str(value)[:30],
)
def test_hostile_structures_are_refused(structure: Any, tmp_path: Path) -> None:
    with_structure(tmp_path / "file", structure)
    with pytest.raises(FileFormatError):
        tg.load(tmp_path / "file")


def test_pickles_and_newer_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    import pickle

    (tmp_path / "file").write_bytes(pickle.dumps(np.ones(3)))
    with pytest.raises(FileFormatError, match="is a pickle"):
        tg.load(tmp_path / "file")
    save_file({}, tmp_path / "file", metadata={"tapegrad": "tapegrad 2 0 {}"})
    with pytest.raises(FileFormatError, match="newer version"):
        tg.load(tmp_path / "file")


def test_a_card_that_is_not_there_is_no_fault_of_the_file(tmp_path: Path) -> None:
    if tg.cuda.is_available():
        pytest.skip("there is a card")
    tg.save({"a": tg.ones(1)}, tmp_path / "file")
    with pytest.raises(DeviceError):
        tg.load(tmp_path / "file", device="cuda")
