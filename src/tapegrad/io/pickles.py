"""The pickles of PyTorch's files, read by an interpreter of their data alone.

It knows the opcodes that build containers, numbers and strings. A name in the pickle is looked up in a
short table; nothing is imported, and nothing but that table's functions is called. Nothing that the pickle
built is hashed or printed unseen: tuples that share their parts would take forever.

References:
    Python's `pickletools`, which documents every opcode and takes a pickle apart without running it.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import FileFormatError
from .formats import check_bools
from .structure import simple_key


class Name(NamedTuple):
    """A class or a dtype that the pickle names, and that nothing is made of here."""

    name: str


class Storage(NamedTuple):
    """What a persistent id names: bytes in the archive, and their dtype if it says one."""

    name: str
    dtype: str | None
    numel: int


class Maker(NamedTuple):
    """A function that the pickle may call, by the name that it has there."""

    name: str
    make: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        """Call it; arguments that it does not take mean a damaged file."""
        try:
            return self.make(*args)
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"load: {self.name} got wrong arguments: {error}") from None


class _Mark:
    """Where the items of a container begin on the stack."""


_MARK = _Mark()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ARGUMENTS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_EMPTY = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes, named: Callable[[str], Any], persistent: Callable[[Any], Any]) -> Any:
    """The object that a pickle describes.

    Args:
        data: the pickle.
        named: gives what the pickle means by a full name: a `Maker`, which it may call, a `Name` or a dtype;
            None for what it may not name.
        persistent: gives the object of a persistent id.

    Raises:
        FileFormatError: for a name or an opcode that is not known.
    """
    machine = _Machine(named, persistent, len(data))
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            break
        machine.run(opcode.name, argument)
    if len(machine.stack) != 1:
        raise FileFormatError("load: the pickle ends in the middle")
    return _value(machine.stack.pop())


class _Machine:
    """Stack and memory of the interpreter."""

    def __init__(
        self, named: Callable[[str], Any], persistent: Callable[[Any], Any], size: int
    ) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._find, self._persistent = named, persistent
        self._copies = 8 * size + 1000  # items and letters in arguments of calls

    def run(self, name: str, argument: Any) -> None:
        """Carry out one opcode."""
        stack = self.stack
        if name in _ARGUMENTS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            items = tuple(self._pop() for _ in range(count))
            stack.append(items[::-1])
        else:
            self._run_other(name, argument)

    def _run_other(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self._memo
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                stack.append(_MARK)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = self._top(object)
            case "MEMOIZE":
                memo[len(memo)] = self._top(object)
            case "BINGET" | "LONG_BINGET":
                if argument not in memo:
                    raise FileFormatError("load: the pickle reads what it has not written")
                stack.append(memo[argument])
            case "TUPLE":
                stack.append(tuple(self._items()))
            case "APPEND":
                item = self._pop()
                self._top(list).append(_value(item))
            case "APPENDS":
                items = self._items()
                self._top(list).extend(map(_value, items))
            case "ADDITEMS":
                items = self._items()
                for item in items:
                    self._top(set).add(_key(item))
            case "SETITEM":
                value, key = self._pop(), self._pop()
                self._top(dict)[_key(key)] = _value(value)
            case "SETITEMS":
                items = self._items()
                target = self._top(dict)
                for key, value in zip(items[::2], items[1::2], strict=True):
                    target[_key(key)] = _value(value)
            case "GLOBAL":
                stack.append(self._named(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                attribute, module = self._pop(), self._pop()
                if type(attribute) is not str or type(module) is not str:
                    raise FileFormatError("load: the pickle is damaged: a name is no text")
                stack.append(self._named(f"{module}.{attribute}"))
            case "BINPERSID":
                stack.append(self._persistent(self._pop()))
            case "REDUCE":
                args, made = self._pop(), self._pop()
                if not isinstance(made, Maker) or type(args) is not tuple:
                    raise FileFormatError(
                        f"load: the pickle calls a {type(made).__name__}, which is not allowed"
                    )
                # what is called twice with the same long text must not make the file grow
                self._copies -= sum(len(a) for a in args if isinstance(a, (str, list, tuple, dict)))
                if self._copies < 0:
                    raise FileFormatError("load: the pickle copies more than there is in it")
                stack.append(made(*args))
            case "BUILD":
                state = self._pop()
                _build(self._top(object), state)
            case _:
                raise FileFormatError(
                    f"load: the pickle uses the opcode {name}, which PyTorch never does"
                )

    def _named(self, name: str) -> Any:
        found = self._find(name)
        if found is None:
            raise FileFormatError(
                f"load: the file asks for {name[:200]}, which is not data and was not run; only tensors, "
                "containers and numbers are read; save a state_dict() in PyTorch"
            )
        return found

    def _pop(self) -> Any:
        item = self._top(object)
        self.stack.pop()
        return item

    def _top(self, kind: type) -> Any:
        """The uppermost object, of a kind (dicts may be ordered)."""
        item = self.stack[-1] if self.stack else _MARK
        if item is _MARK or not isinstance(item, kind):
            raise FileFormatError("load: the pickle is damaged: a container is missing")
        return item

    def _items(self) -> list[Any]:
        """Everything above the last mark, which is taken off as well."""
        stack = self.stack
        place = len(stack) - 1
        while place >= 0 and stack[place] is not _MARK:
            place -= 1
        if place < 0:
            raise FileFormatError("load: the pickle is damaged: a mark is missing")
        items = stack[place + 1 :]
        del stack[place:]
        return items


def _key(key: Any) -> Any:
    # nested tuples that share their parts would take forever to hash
    if not simple_key(key):
        raise FileFormatError(f"load: a {type(key).__name__} is the key of a dict or in a set")
    return key


def _value(item: Any) -> Any:
    """What a container may hold, and a pickle be: not what only serves to make something else."""
    for part in item if type(item) is tuple else (item,):
        if isinstance(part, (Name, Maker, Storage)):
            raise FileFormatError(f"load: the file holds {part.name[:60]}, which is not data")
    return item


def _build(made: Any, state: Any) -> None:
    """Give an object its state; only few have one."""
    match made, state:
        case OrderedDict(), {"_metadata": metadata} if len(state) == 1:
            made._metadata = metadata  # type: ignore[attr-defined]
        case OrderedDict(), {} if not state:
            pass
        case np.dtype(), (int(), "<" | "|" | "=", *_):
            pass
        case np.ndarray(), (int(), tuple(shape), np.dtype() as dtype, bool(fortran), bytes(data)):
            size = dtype.itemsize
            for length in shape:
                if type(length) is not int or length < 0:
                    raise FileFormatError("load: an array of NumPy's has a wrong shape")
                size *= length
            if size != len(data) or made.size:
                raise FileFormatError("load: an array of NumPy's has a wrong size")
            made.__setstate__((1, shape, dtype, fortran, data))  # type: ignore[arg-type]
            check_bools(np.ascontiguousarray(made), "an array of NumPy's")
        case _:
            raise FileFormatError(f"load: a {type(made).__name__} has a state that is not data")
