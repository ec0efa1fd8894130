"""Blocks: parameters that an optimiser steps together, and which parameters may be moved there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from .options import number
from .penalties import Penalty

SMALL = 1 << 14  # elements up to which a parameter is worth moving into a shared buffer
PIECE = 1 << 15  # elements worked on at a time: the operands of a step then stay in the cache


class Block:
    """Parameters that are stepped together, and their states, over the same stretch of memory.

    Attributes:
        params: the parameters, one or several of one dtype on one device.
        arrays: what `param.array` was when the block was made.
        values: all their values, in one array.
        gathered: where their gradients are put together; None for a single parameter.
        places: each gradient's place in `gathered`, on the host.
        flatten: whether a single gradient is to be made flat before it is cut.
        pieces: how the block is cut so that a step stays in the cache: what cuts the gradient (or
            None), values, states and scratch.
        states: one array for each name of the optimiser's state.
        entries: the dict in `optimizer.state` of each parameter.
        tensors: for each name the tensors that the entries held when the block was made.
        counters: numbers of the state that all parameters share, 0-d arrays on the host.
        fresh: True until the first step has given the states a value.
        as_arrays: whether operands are 0-d arrays of the block's dtype, or else plain numbers.
        constants: an optimiser's hyper-parameters as numbers, and as operands for this dtype.
        penalty: what goes before the update, and the hyper-parameters it was made of.
    """

    __slots__ = (
        "arrays", "as_arrays", "constants", "counters", "entries", "flatten", "fresh", "gathered",
        "params", "penalty", "pieces", "places", "states", "tensors", "values",
    )  # fmt: skip

    params: list[Tensor]
    arrays: list[Any]
    values: Any
    gathered: Any
    places: list[Any] | None
    flatten: bool
    states: dict[str, Any]
    entries: list[dict[str, Any]]
    tensors: dict[str, list[Any]]
    counters: dict[str, Any]
    fresh: bool
    as_arrays: bool
    constants: tuple[tuple[float, ...], tuple[Any, ...]]
    penalty: tuple[Any, Penalty | None]
    pieces: list[tuple[Callable[[Any], Any] | None, Any, tuple[Any, ...], Any, Any]]

    def gradients(self) -> list[Any] | None:
        """The gradients of all parameters; none at all; or None if the block must be made anew.

        It must where a parameter or a state is no longer the array it was made of, and where some
        parameters have a gradient and some have not.
        """
        try:
            gradients = [p._grad.array for p in self.params]  # type: ignore[union-attr]
        except AttributeError:
            return [] if all(p.grad is None for p in self.params) else None
        try:
            for p, array in zip(self.params, self.arrays):  # noqa: B905  0.1 us
                if p.array is not array:
                    return None
            for name, tensors in self.tensors.items():
                for entry, tensor in zip(self.entries, tensors):  # noqa: B905
                    if entry[name] is not tensor:
                        return None
        except KeyError:
            return None
        return gradients

    def scalars(self, *numbers: float) -> tuple[Any, ...]:
        """Hyper-parameters as operands: 0-d arrays of the block's dtype, half the price."""
        old, operands = self.constants
        if old != numbers:
            if len(old) == len(numbers) and self.as_arrays:
                dtype = operands[0].dtype
                operands = tuple(  # most stay as they were
                    operand if number == last else np.array(number, dtype)
                    for number, last, operand in zip(numbers, old, operands, strict=True)
                )
            else:
                operands = self.operands(numbers)
            self.constants = (numbers, operands)
        return operands

    def operands(self, numbers: tuple[float, ...]) -> tuple[Any, ...]:
        """Numbers as operands of this block, made anew."""
        if not self.as_arrays:
            return numbers
        dtype = self.values.real.dtype  # complex values are worked through as pairs of real ones
        return tuple(np.array(number, dtype) for number in numbers)


class Plan:
    """How the parameters of one group are divided into blocks."""

    __slots__ = ("blocks", "group", "known", "slots", "waiting")

    def __init__(self, group: dict[str, Any], slots: tuple[str, ...]) -> None:
        self.group = group  # held, so that the id it is found by cannot be given to another
        self.known = list(group["params"])
        self.slots = slots
        self.blocks: list[Block] = []
        self.waiting = list(self.known)  # those that have never had a gradient


def views(flat: Any, params: list[Tensor]) -> list[Any]:
    """Each parameter's place in a block's array."""
    if len(params) == 1:
        return [flat[...]]
    pieces, start = [], 0
    for p in params:
        stop = start + p.array.size
        pieces.append(flat[start:stop].reshape(p.shape))
        start = stop
    return pieces


def rebind(p: Tensor, array: Any) -> None:
    """Let a parameter look at another array with the same values."""
    p.array = array
    if p.node is not None:
        p.node.value = id(array)


def counted(entry: Mapping[str, Any], name: str, first: float) -> float:
    """A number in a parameter's state; `first` if it is not there yet."""
    return float(number(entry.get(name, first)))


def filled(entry: Mapping[str, Any], slots: tuple[str, ...]) -> bool:
    """Whether a parameter's state has a value for every slot."""
    return all(isinstance(entry.get(name), Tensor) for name in slots)


def private_ones(params: list[Tensor]) -> set[int]:
    """Ids of the small parameters whose memory nobody else looks at, so that they can be moved.

    A view holds a reference to the array that owns the memory, and so does whoever saved it; the
    expected number counts the argument of `getrefcount` itself.
    """
    references = getattr(sys, "getrefcount", None)
    if references is None:
        return set()
    members: dict[int, list[Tensor]] = {}
    found = set()
    for p in params:
        if p.array.size > SMALL or not p.array.flags.c_contiguous or references(p.array) != 2:
            continue
        if p.array.base is None:
            found.add(id(p))
        elif type(p.array.base) is type(p.array) and p.array.base.base is None:
            members.setdefault(id(p.array.base), []).append(p)
    for group in members.values():
        if references(group[0].array.base) == len(group) + 1 and not _overlap(group):
            found.update(map(id, group))
    return found


def _overlap(params: list[Tensor]) -> bool:
    if len(params) > 1 and type(params[0].array) is not np.ndarray:
        return True  # not known
    return any(
        np.may_share_memory(p.array, q.array) for i, p in enumerate(params) for q in params[:i]
    )
