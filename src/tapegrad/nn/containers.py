"""Modules that hold other modules: in order, or by name."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self

from ..errors import ArgumentError, DimensionError, DtypeError
from .module import Module, framed, indented


class _Ordered(Module):
    """Children numbered from 0, with the manners of a list."""

    def _children(self) -> list[Module]:
        return [child for child in vars(self).values() if isinstance(child, Module)]

    def _renumber(self, children: Iterable[Module]) -> None:
        children = list(children)
        for name in list(self._modules):
            del vars(self)[name]
        for index, child in enumerate(children):
            self.add_module(str(index), child)

    def _name_at(self, index: Any) -> str:
        names: list[str] = list(self._modules)
        try:
            place: int = index.__index__()
        except AttributeError:
            raise ArgumentError(
                f"{type(self).__name__}: index must be an int or a slice, got {index!r}"
            ) from None
        if not -len(names) <= place < len(names):
            raise DimensionError(
                f"{type(self).__name__}: index {place} is out of range, there are {len(names)} modules"
            )
        return names[place]

    def __len__(self) -> int:
        return len(self._children())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children())

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name_at(index), _module(type(self).__name__, module))

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container.

        Raises:
            DtypeError: if it is no module.
        """
        number = len(self)
        while str(number) in vars(self):  # a part of a `Sequential` keeps its numbers
            number += 1
        self.add_module(str(number), _module("append", module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end, all or none; returns the container.

        Raises:
            DtypeError: if one of them is no module.
        """
        if not isinstance(modules, Iterable):
            raise DtypeError(f"extend: needs modules one by one, got {type(modules).__name__}")
        for module in [_module("extend", module) for module in modules]:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before a place; those after it get new numbers; returns the container.

        Raises:
            DtypeError: if it is no module.
            DimensionError: if there is no such place.
        """
        children = self._children()
        if not -len(children) <= index <= len(children):
            raise DimensionError(
                f"insert: index {index} is out of range, there are {len(children)} modules"
            )
        children.insert(index, _module("insert", module))
        self._renumber(children)
        return self

    def pop(self, key: int | slice = -1) -> Any:
        """Take a module, or those of a slice, out and return them; others get new numbers."""
        found = self[key]
        del self[key]
        return found

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)
        for name in names[index] if isinstance(index, slice) else [self._name_at(index)]:
            del vars(self)[name]
        if names == [str(number) for number in range(len(names))]:
            self._renumber(self._children())


def _module(op: str, given: Any) -> Module:
    if not isinstance(given, Module):
        raise DtypeError(f"{op}: needs a module, got {type(given).__name__}")
    return given


class Sequential(_Ordered):
    """Call modules one after the other, each on the result of the one before.

    `a + b` joins two of them and `a * n` repeats one, with the same modules and not with copies;
    `a[1:3]` is a part.

    Args:
        args: the modules, or one mapping from names to modules.

    Raises:
        DtypeError: if one of them is no module.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.Sequential(tg.nn.Linear(2, 100), tg.nn.ReLU(), tg.nn.Linear(100, 3))
        Sequential(
          (0): Linear(in_features=2, out_features=100, bias=True)
          (1): ReLU()
          (2): Linear(in_features=100, out_features=3, bias=True)
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            items: Iterable[tuple[str, Any]] = args[0].items()
        else:
            items = ((str(index), module) for index, module in enumerate(args))
        for name, module in items:
            if not isinstance(module, Module):
                raise DtypeError(
                    f"Sequential: argument {name!r} must be a module, got {type(module).__name__}"
                )
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """Pass the input through all modules."""
        for module in tuple(self.__dict__.values()):
            if isinstance(module, Module):
                input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return vars(self)[self._name_at(index)]

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential("+", other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_sequential("+=", other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*self._children() * _times("*", times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(self._children() * (_times("*=", times) - 1))


def _sequential(operator: str, given: Any) -> Sequential:
    if not isinstance(given, Sequential):
        raise ArgumentError(
            f"Sequential {operator}: needs a Sequential, got {type(given).__name__}; "
            "others are added by extend"
        )
    return given


def _times(operator: str, given: Any) -> int:
    if not isinstance(given, int):
        raise DtypeError(f"Sequential {operator}: needs an int, got {type(given).__name__}")
    if given <= 0:
        raise ArgumentError(f"Sequential {operator}: needs a positive int, got {given}")
    return given


class ModuleList(_Ordered):
    """Hold modules in a list that its owner's parameters, state dict and printing know of.

    Args:
        modules: the modules.

    Raises:
        DtypeError: if one of them is no module.

    Example:
        >>> import tapegrad as tg
        >>> layers = tg.nn.ModuleList([tg.nn.Linear(2, 2) for _ in range(3)])
        >>> layers
        ModuleList(
          (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
        )
        >>> len(layers), len(list(layers.parameters()))
        (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._children()[index])
        return vars(self)[self._name_at(index)]

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs: list[list[Any]] = []  # neighbours that print alike share a row
        for index, child in enumerate(self._children()):
            text = repr(child)
            if runs and runs[-1][2] == text:
                runs[-1][1] = index
            else:
                runs.append([index, index, text])
        rows = [
            f"({first}): {indented(text)}"
            if first == last
            else f"({first}-{last}): {last - first + 1} x {indented(text)}"
            for first, last, text in runs
        ]
        return framed(type(self).__name__, self.extra_repr(), rows)


class ModuleDict(Module):
    """Hold modules by name, as a dictionary that keeps the order in which they came.

    Args:
        modules: a mapping from names to modules, or pairs of both.

    Raises:
        ArgumentError: for a name with a dot in it, or one that the class itself uses.
        DtypeError: if one of them is no module.

    Example:
        >>> import tapegrad as tg
        >>> choices = tg.nn.ModuleDict({"relu": tg.nn.ReLU(), "tanh": tg.nn.Tanh()})
        >>> choices["gelu"] = tg.nn.GELU()
        >>> list(choices), choices["tanh"](tg.tensor(0.0))
        (['relu', 'tanh', 'gelu'], tensor(0.))
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        try:
            return self._modules[key]
        except KeyError:
            known = ", ".join(self) or "none"
            raise KeyError(f"ModuleDict: no module {key!r}; there are: {known}") from None

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, _module("ModuleDict", module))

    def __delitem__(self, key: str) -> None:
        self[key]
        del vars(self)[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Module:
        """Take a module out and return it; KeyError if there is none."""
        found: Module = self[key]
        del self[key]
        return found

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of names and modules."""
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules, all or none; one whose name is there replaces the one that has it.

        Args:
            modules: a mapping from names to modules, or pairs of both.

        Raises:
            ArgumentError: for something else, or a name that cannot be used.
            DtypeError: if one of them is no module.
        """
        given = pairs("ModuleDict", modules)
        for key, module in given:
            self._check_name("ModuleDict", key)
            _module("ModuleDict", module)
        for key, module in given:
            self[key] = module


def pairs(op: str, given: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a mapping, or of an iterable of pairs."""
    if isinstance(given, (Mapping, Module)) and hasattr(given, "items"):
        return list(given.items())
    if not isinstance(given, Iterable):
        raise DtypeError(f"{op}: needs a mapping, or pairs, got {type(given).__name__}")
    found = []
    for place, item in enumerate(given):
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise ArgumentError(
                f"{op}: needs pairs of a name and a value, got {type(item).__name__} at {place}"
            )
        found.append((item[0], item[1]))
    return found
