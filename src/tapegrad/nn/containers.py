"""Modules that hold other modules in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
        self.add_module(self._name_at(index), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container.

        Raises:
            DtypeError: if it is no module.
        """
        if not isinstance(module, Module):
            raise DtypeError(f"append: needs a module, got {type(module).__name__}")
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end; returns the container."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before a place; those after it get new numbers; returns the container.

        Raises:
            DtypeError: if it is no module.
        """
        if not isinstance(module, Module):
            raise DtypeError(f"insert: needs a module, got {type(module).__name__}")
        children = self._children()
        children.insert(index, module)
        self._renumber(children)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module out and return it; those after it get new numbers."""
        module: Module = vars(self)[self._name_at(index)]
        del self[index]
        return module

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)
        for name in names[index] if isinstance(index, slice) else [self._name_at(index)]:
            del vars(self)[name]
        if names == [str(number) for number in range(len(names))]:
            self._renumber(self._children())


class Sequential(_Ordered):
    """Call modules one after the other, each on the result of the one before.

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
