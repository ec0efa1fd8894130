"""Files of PyTorch's: their tensors are read, and nothing in their pickles is ever run."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import standin
import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import FileFormatError


def archive(path: Path, pickled: bytes, /, **storages: bytes) -> Path:
    """A file such as `torch.save` writes, around any pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", pickled)
        file.writestr("x/byteorder", "little")
        for key, data in storages.items():
            file.writestr(f"x/data/{key.removeprefix('_')}", data)
    return path


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def numbers(values: Any) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def name(full: str) -> bytes:
    module, _, attribute = full.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def storage(key: str = "0", kind: str = "torch.FloatStorage", numel: int = 6) -> bytes:
    return b"(" + text("storage") + name(kind) + text(key) + text("cpu") + number(numel) + b"tQ"


def tensor(
    offset: int = 0,
    size: Any = (2, 3),
    stride: Any = (3, 1),
    memory: bytes | None = None,
    rebuild: str = "torch._utils._rebuild_tensor_v2",
) -> bytes:
    memory = storage() if memory is None else memory
    hooks = name("collections.OrderedDict") + b")R"
    view = number(offset) + numbers(size) + numbers(stride)
    return name(rebuild) + b"(" + memory + view + b"\x89" + hooks + b"tR"


DATA = np.arange(6, dtype=np.float32).tobytes()


# -- by hand -----------------------------------------------------------------------------------------


def test_a_tensor_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", b"\x80\x02" + tensor() + b".", _0=DATA)
    assert tg.equal(tg.load(path), tg.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (2, 3), (3, 1)),
        (6, (1,), (1,)),
        (-1, (1,), (1,)),
        (0, (-1,), (1,)),
        (5, (2,), (-1,)),
        (0, (2, 2), (5, 1)),
        (0, (2,), (1, 1)),
        (0, (2**31, 2**31), (0, 0)),
        (0, (2**62,), (0,)),
        (0, (2,), (2**63,)),
        (2**64, (1,), (1,)),
        (0, (1,) * 65, (1,) * 65),
    ],
    ids=str,
)
def test_no_tensor_leaves_its_storage(offset: int, size: Any, stride: Any, tmp_path: Path) -> None:
    pickled = b"\x80\x02" + tensor(offset, size, stride) + b"."
    with pytest.raises(FileFormatError):
        tg.load(archive(tmp_path / "a.pt", pickled, _0=DATA))


@pytest.mark.parametrize(
    "memory",
    [
        storage("1"),
        storage(numel=7),
        storage(numel=2**62),
        storage(numel=-1),
        storage("../data.pkl"),
        storage(kind="torch.QInt8Storage"),
        storage(kind="torch.storage.UntypedStorage"),
        storage(kind="torch.float32"),
        storage(kind="torch._utils._rebuild_tensor_v2"),
        b"(" + text("module") + text("a") + b"tQ",
        text("storage") + b"Q",
        b"N",
        text("0"),
    ],
    ids=lambda memory: repr(memory[-30:]),
)
def test_no_storage_is_made_up(memory: bytes, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError):
        tg.load(archive(tmp_path / "a.pt", b"\x80\x02" + tensor(memory=memory) + b".", _0=DATA))


def test_a_huge_expanded_tensor_takes_no_memory(tmp_path: Path) -> None:
    pickled = b"\x80\x02" + tensor(0, (10**6, 10**6), (0, 0)) + b"."
    x = tg.load(archive(tmp_path / "a.pt", pickled, _0=DATA))
    assert x.shape == (10**6, 10**6)
    assert not x.array.flags.writeable


# -- hostile pickles ---------------------------------------------------------------------------------

RAN: list[str] = []


def ran(*args: Any) -> str:
    RAN.append("ran")
    return "ran"


class Reduced:
    def __reduce__(self) -> Any:
        return ran, ("x",)


class Stateful:
    def __setstate__(self, state: Any) -> None:
        ran()

    def __getstate__(self) -> Any:
        return {"x": 1}


class WithNew:
    def __new__(cls, *args: Any) -> Any:
        ran()
        return object.__new__(cls)

    def __getnewargs__(self) -> Any:
        return ("x",)


class Dict(dict):
    def __setitem__(self, key: Any, value: Any) -> None:
        ran()


HERE = __name__
HAND_MADE = {
    "system": name("os.system") + text("true") + b"\x85R.",
    "posix": name("posix.system") + text("true") + b"\x85R.",
    "eval": name("builtins.eval") + text("ran()") + b"\x85R.",
    "exec in Python 2": name("__builtin__.exec") + text("ran()") + b"\x85R.",
    "getattr": name("builtins.getattr") + b"N" + text("__class__") + b"\x86R.",
    "subprocess": name("subprocess.Popen") + text("true") + b"\x85R.",
    "own function": name(f"{HERE}.ran") + b")R.",
    "instance": b"(" + text("x") + b"i" + f"{HERE}\nran\n".encode() + b".",
    "object": b"(" + name(f"{HERE}.ran") + text("x") + b"o.",
    "new object": name(f"{HERE}.WithNew") + b")\x81.",
    "stack global": b"\x80\x04" + text(HERE) + text("ran") + b"\x93)R.",
    "stack global with dots": b"\x80\x04" + text("torch") + text("Size.__class__") + b"\x93)R.",
    "stack global of numbers": b"\x80\x04" + number(1) + number(2) + b"\x93)R.",
    "extension": b"\x82\x01)R.",
    "called text": text("os.system") + b")R.",
    "called storage": storage() + b")R.",
    "called class": name("torch.Tensor") + b")R.",
    "called dtype": name("torch.float32") + b")R.",
    "text persistent id": b"Pid\n.",
    "class of a module": name("torch.nn.modules.linear.Linear") + b")R.",
    "torch.load inside": name("torch.serialization.load") + text("x") + b"\x85R.",
    "torch internals": name("torch._utils._rebuild_wrapper_subclass") + b")R.",
    "nested module name": b"ctorch._utils os\nsystem\n)R.",
    "rebuild of a function": name("torch._tensor._rebuild_from_type_v2")
    + b"("
    + name("os.system")
    + name("torch.Tensor")
    + text("true")
    + b"\x85NtR.",
    "rebuild by something else": name("torch._tensor._rebuild_from_type_v2")
    + b"("
    + name("torch.Size")
    + name("torch.Tensor")
    + b"]\x85NtR.",
    "state of a tensor": tensor() + b"}" + text("array") + b"NsbN0.",
    "state of an OrderedDict": name("collections.OrderedDict")
    + b")R}"
    + text("__class__")
    + b"Nsb.",
    "state of a class": name("torch.Tensor") + b"}" + text("__new__") + b"Nsb.",
    "objects in an array": name("numpy.dtype") + text("O8") + b"\x89\x88\x87R.",
    "huge dtype": name("numpy.dtype") + text("V999999999") + b"\x89\x88\x87R.",
    "records": name("numpy.dtype") + text("f4,O") + b"\x89\x88\x87R.",
    "class as a value": b"}" + text("a") + name("torch.Tensor") + b"s.",
    "class in a list": b"]" + name("torch.FloatStorage") + b"a.",
    "storage as the result": storage() + b".",
    "function as the result": name("torch.Size") + b".",
    "encoding": name("_codecs.encode") + text("a") + text("rot13") + b"\x86R.",
    "wrong arguments": name("torch.Size") + number(3) + b"\x85R.",
    "list of a huge number": name("torch.Size") + text("a") + b"\x86R.",
    "pop of nothing": b"0.",
    "append to nothing": b"Na.",
    "append to a tensor": tensor() + b"Na.",
    "items without a mark": b"}Nu.",
    "odd items": b"}(Nu.",
    "mark as a value": b"]((e.",
    "memory never written": b"h\x05.",
    "list as a key": b"}]Ns.",
    "tensor as a key": b"}" + tensor() + b"Ns.",
    "two results": b"NN.",
    "no result": b".",
    "no end": b"N",
    "nothing": b"",
    "unknown opcode": b"\xff.",
    "too long text": b"X\xff\xff\xff\xff.",
    "too long bytes": b"\x80\x04\x8e" + b"\xff" * 8 + b".",
    "too long number": b"\x8b\xff\xff\xff\x7f.",
    "text that is none": b"X\x01\x00\x00\x00\xff.",
}
PICKLED = {
    f"{kind.__name__} {protocol}": pickle.dumps({"state": [kind()]}, protocol)
    for kind in (Reduced, Stateful, WithNew, Dict)
    for protocol in (0, 1, 2, 3, 4, 5)
}


@pytest.mark.parametrize(
    "pickled", [*HAND_MADE.values(), *PICKLED.values()], ids=[*HAND_MADE, *PICKLED]
)
def test_hostile_pickles_are_refused_and_nothing_runs(
    pickled: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RAN.clear()
    monkeypatch.setattr(os, "system", ran)
    monkeypatch.setattr("builtins.eval", ran)
    path = archive(tmp_path / "a.pt", pickled, _0=DATA)
    with pytest.raises(FileFormatError):
        tg.load(path)
    assert not RAN


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", HAND_MADE["system"])
    with pytest.raises(
        FileFormatError, match=r"asks for os\.system, which is not data and was not run"
    ):
        tg.load(path)


def test_hostile_pickles_do_run_elsewhere() -> None:
    """So that the test above tests something."""
    RAN.clear()
    pickle.loads(PICKLED["Reduced 2"])
    pickle.loads(HAND_MADE["own function"])
    assert len(RAN) == 2


# ((x, x), (x, x)), ...: 2**200 leaves in 1 kB, for whoever hashes, prints or counts them
TOWER = b")" + b"".join(b"q\x01h\x01\x86" for _ in range(200))
TOWERS = {
    "key": b"}" + TOWER + b"Ns.",
    "member": name("builtins.set") + b"]" + TOWER + b"a\x85R.",
    "counted": name("collections.Counter") + b"]" + TOWER + b"N\x86a\x85R.",
    "ordered": name("collections.OrderedDict") + b"]" + TOWER + b"N\x86a\x85R.",
    "called": TOWER + b")R.",
    "called with": name("torch.Size") + TOWER + b"R.",
    "named": b"\x80\x04" + TOWER + text("x") + b"\x93.",
    "dtype": name("numpy.dtype") + TOWER + b"\x85R.",
    "device": name("torch.device") + TOWER + b"\x85R.",
    "index": name("torch.device") + text("cpu") + TOWER + b"\x86R.",
    "shape": name("numpy._core.multiarray._reconstruct")
    + name("numpy.ndarray")
    + TOWER
    + b"N\x87R.",
    "persistent": TOWER + b"Q.",
    "state": name("collections.OrderedDict") + b")R" + TOWER + b"b.",
    "marks": tensor().removesuffix(b"tR") + TOWER + b"tR.",
    "place": b"Nr\xff\xff\xff\xff0.",  # 2**32 - 1, of a memory that must not be an array
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pickled", TOWERS.values(), ids=TOWERS)
def test_nothing_explodes(pickled: bytes, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError):
        tg.load(archive(tmp_path / "a.pt", pickled, _0=DATA))


@pytest.mark.parametrize(
    ("maker", "item"),
    [
        ("_codecs.encode", text("a" * 10**4) + b"q\x03" + text("latin1") + b"\x86"),
        ("builtins.set", b"](" + b"K\x01" * 10**4 + b"e\x85"),
        ("torch.Size", b"](" + b"K\x01" * 10**4 + b"e\x85"),
    ],
)
def test_nothing_grows_by_copies(maker: str, item: bytes, tmp_path: Path) -> None:
    start = b"](" + name(maker) + b"q\x01" + item + b"q\x02R"
    once = archive(tmp_path / "a.pt", start + b"e.")
    assert len(tg.load(once)) == 1
    many = archive(tmp_path / "b.pt", start + b"h\x01h\x02R" * 10**4 + b"e.")
    with pytest.raises(FileFormatError, match="copies more"):
        tg.load(many)


def test_odd_but_harmless_structures_are_read(tmp_path: Path) -> None:
    cycle = tg.load(archive(tmp_path / "a.pt", b"]q\x01h\x01a."))
    assert cycle[0] is cycle
    assert len(tg.load(archive(tmp_path / "b.pt", TOWER + b"."))) == 2
    assert (
        len(tg.load(archive(tmp_path / "c.pt", b"]" + b"]" * 100_000 + b"a" * 100_000 + b"."))) == 1
    )


# -- damaged archives --------------------------------------------------------------------------------


def test_every_cut_off_file_is_refused(tmp_path: Path) -> None:
    data = archive(tmp_path / "a.pt", b"\x80\x02" + tensor() + b".", _0=DATA).read_bytes()
    path = tmp_path / "b.pt"
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(FileFormatError):
            tg.load(path)


def test_random_damage_never_does_anything_but_raise(tmp_path: Path) -> None:
    data = archive(tmp_path / "a.pt", b"\x80\x02" + tensor() + b".", _0=DATA).read_bytes()
    path = tmp_path / "b.pt"
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(1000):
        damaged = bytearray(data)
        for place in random.integers(4, len(data), random.integers(1, 6)):
            damaged[place] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(damaged)
        try:
            assert isinstance(tg.load(path), tg.Tensor)
        except FileFormatError:
            refused += 1
    assert refused > 300


def test_random_pickles_never_do_anything_but_raise(tmp_path: Path) -> None:
    """Without the archive's checksum in the way."""
    whole = b"\x80\x02}(" + text("a") + tensor() + text("b") + number(3) + b"u."
    opcodes = [op.code.encode("latin1") for op in pickletools.opcodes]
    random = np.random.default_rng(0)
    for _ in range(1000):
        damaged = bytearray(whole)
        for place in random.integers(0, len(damaged), random.integers(1, 4)):
            damaged[place : place + 1] = opcodes[int(random.integers(0, len(opcodes)))]
        try:
            tg.load(archive(tmp_path / "a.pt", bytes(damaged), _0=DATA))
        except FileFormatError:
            continue


def test_archives_that_pytorch_does_not_write_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x/data.pkl", b"N.")
        file.writestr("x/data/0", b"\0" * 10**6)
    with pytest.raises(FileFormatError, match="compressed"):
        tg.load(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/other", b"")
    with pytest.raises(FileFormatError, match=r"one data\.pkl"):
        tg.load(path)
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("x/data.pkl", b"N.")
        file.writestr("x/data.pkl", b"K\1.")
    with pytest.raises(FileFormatError, match=r"one data\.pkl"):
        tg.load(path)


def test_damaged_storages_are_noticed(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pt", b"\x80\x02" + tensor() + b".", _0=DATA)
    data = bytearray(path.read_bytes())
    data[data.index(DATA)] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="CRC"):
        tg.load(path)
    pickled = b"\x80\x02" + tensor(memory=storage(kind="torch.BoolStorage")) + b"."
    with pytest.raises(FileFormatError, match="no bools"):
        tg.load(archive(path, pickled, _0=bytes([0, 1, 2, 0, 1, 0])))


# -- with PyTorch ------------------------------------------------------------------------------------


def saved(obj: Any, folder: Path, **options: Any) -> Path:
    torch = pytest.importorskip("torch")
    torch.save(obj, folder / "file.pt", **options)
    return folder / "file.pt"


def equal(mine: tg.Tensor, theirs: Any) -> bool:
    """Whether shapes, dtypes and bits are the same."""
    torch = pytest.importorskip("torch")
    theirs = theirs.detach().resolve_conj().resolve_neg()
    if mine.dtype.name != str(theirs.dtype).removeprefix("torch."):
        return False
    octets = theirs.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return mine.shape == tuple(theirs.shape) and mine.array.tobytes() == octets


@pytest.mark.torch
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "dtype",
    [
        "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
    ],
)  # fmt: skip
def test_tensors_of_every_dtype_and_layout(dtype: str, protocol: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(24).to(getattr(torch, dtype)).reshape(2, 3, 4)
    obj = {
        "plain": x,
        "permuted": x.permute(2, 0, 1),
        "cut": x[1:, :, ::2],
        "one": x[1, 2, 3],
        "empty": x[:0],
        "expanded": x[:1].expand(5, 3, 4),
        "channels": x[None].contiguous(memory_format=torch.channels_last),
    }
    back = tg.load(saved(obj, tmp_path, pickle_protocol=protocol))
    assert list(back) == list(obj)
    for key in obj:
        assert equal(back[key], obj[key]), key
    shared = np.shares_memory(back["plain"].array, back["cut"].array)
    assert shared


@pytest.mark.torch
def test_shared_storages_stay_shared_and_marks_are_applied(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(4.0)
    z = torch.tensor([1 + 2j, 3 - 4j])
    w = torch.tensor([1 + 2j, 3 - 4j])
    obj = [x, x[2:], z.conj(), w.conj().imag]
    assert obj[2].is_conj() and obj[3].is_neg()
    back = tg.load(saved(obj, tmp_path))
    back[0][2] = 9.0
    assert back[1].tolist() == [9.0, 3.0]
    assert all(equal(a, b) for a, b in zip(back[2:], obj[2:], strict=True))


@pytest.mark.torch
def test_containers_and_other_data(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "its own"
    leaf = torch.ones(2, requires_grad=True)
    tagged = torch.ones(1)
    tagged.note = 3
    obj = {
        "numbers": [1, -(2**70), 2.5, True, None, 1 + 2j, "text", b"bytes"],
        "nested": ({"a": [()]}, OrderedDict(b=1), {1, 2}, torch.Size([2, 3]), {0: 1, (1, 2): 3}),
        "counter": Counter({3: 1}),
        "dtype": [torch.float32, torch.int64, torch.bfloat16],
        "device": torch.device("cuda:1"),
        "parameters": [parameter, leaf, tagged],
        "numpy": [
            np.float64(3.5),
            np.int32(-1),
            np.bool_(True),
            np.arange(6).reshape(2, 3),
            np.eye(2).T,
        ],
        "empty array": np.zeros((0, 2), np.float32),
    }
    back = tg.load(saved(obj, tmp_path))
    assert back["numbers"] == obj["numbers"]
    assert back["nested"] == obj["nested"]
    assert type(back["counter"]) is Counter and back["counter"] == obj["counter"]
    assert [d.name for d in back["dtype"]] == ["float32", "int64", "bfloat16"]
    assert back["device"] == tg.device("cuda:1")
    assert [type(t) for t in back["parameters"]] == [tg.Tensor] * 3
    assert not any(t.requires_grad for t in back["parameters"])
    for mine, theirs in zip([*back["numpy"], back["empty array"]], [*obj["numpy"], obj["empty array"]], strict=True):  # fmt: skip
        assert type(mine) is type(theirs)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.torch
def test_a_model_and_its_optimiser_go_on_here(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def model(lib: Any) -> Any:
        return lib.nn.Sequential(
            lib.nn.Linear(3, 4, bias=False), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 1)
        )

    def step(net: Any, optimizer: Any, x: Any) -> None:
        optimizer.zero_grad()
        (net(x) ** 2).mean().backward()
        optimizer.step()

    theirs, mine = model(torch), model(tg)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.1)
    step(theirs, optimizer, torch.tensor(x))
    path = saved({"model": theirs.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path)
    back = tg.load(path)
    mine.load_state_dict(back["model"])
    own = tg.optim.Adam(mine.parameters(), lr=0.5)
    own.load_state_dict(back["optimizer"])
    step(theirs, optimizer, torch.tensor(x))
    step(mine, own, tg.tensor(x))
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(
            mine.state_dict()[key].numpy(), value.numpy(), rtol=1e-5, atol=1e-6
        )
    assert back["model"]._metadata == theirs.state_dict()._metadata


@pytest.mark.torch
def test_tensors_are_put_on_a_device(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(2, 3)
    back = tg.load(saved([x, x.t()], tmp_path), device="standin")
    assert all(isinstance(t.array, standin.StrictArray) for t in back)
    assert equal(back[1].cpu(), x.t())


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
@pytest.mark.parametrize("what", ["module", "sparse", "quantised", "float8", "class"])
def test_what_is_not_read_is_named(what: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    obj, message = {
        "module": lambda: (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
        "sparse": lambda: (torch.eye(2).to_sparse(), "_rebuild_sparse_tensor"),
        "quantised": lambda: (
            torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            "_rebuild_qtensor",
        ),
        "float8": lambda: (torch.ones(2).to(torch.float8_e5m2), "float8_e5m2"),
        "class": lambda: (torch.Size, "torch.Size"),
    }[what]()
    with pytest.raises(FileFormatError, match=message):
        tg.load(saved({"a": obj}, tmp_path))


@pytest.mark.torch
def test_the_old_format_is_refused_with_a_hint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = saved({"a": torch.ones(2)}, tmp_path, _use_new_zipfile_serialization=False)
    with pytest.raises(
        FileFormatError, match=r"before 1\.6; load it there and torch\.save it again"
    ):
        tg.load(path)


@pytest.mark.torch
def test_pytorch_reads_state_dicts_saved_here(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    mine, theirs = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    tg.save(mine.state_dict(), tmp_path / "a.safetensors")
    theirs.load_state_dict(load_file(tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(theirs.weight.detach().numpy(), mine.weight.detach().numpy())
    state = {
        "half": tg.ones(2).to(ml_dtypes.bfloat16),
        "wave": tg.ones(2).to(tg.complex64),
        "number": tg.tensor(3),
    }
    tg.save(state, tmp_path / "b.safetensors")
    read = load_file(tmp_path / "b.safetensors")
    assert all(equal(state[key], read[key]) for key in state)


def test_big_endian_files_are_swapped(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x/data.pkl", b"\x80\x02" + tensor() + b".")
        file.writestr("x/byteorder", "big")
        file.writestr("x/data/0", np.arange(6, dtype=">f4").tobytes())
    (tmp_path / "a.pt").write_bytes(buffer.getvalue())
    assert tg.equal(tg.load(tmp_path / "a.pt"), tg.arange(6.0).reshape(2, 3))
