"""Hooks of nodes: kept on the node, so that what a hook refers to may lead back to it.

A dictionary beside the tape, even one with weak keys, would hold every hook, and through it the tensor that the
hook mentions, and through that the node: for ever. On the node they are a circle that Python clears away.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

Hooks = dict[int, Callable[..., Any]]  # by handle


class HookTable:
    """The hooks of all nodes: a mapping from nodes, whose entries lie in a slot of the node.

    Args:
        slot: its name; unset on most nodes.

    Attributes:
        data: falsy while no living node has an entry; read where even a call would cost too much.
    """

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self._nodes: weakref.WeakSet[Any] = weakref.WeakSet()
        self.data: set[Any] = self._nodes.data  # type: ignore[attr-defined]

    def __contains__(self, node: Any) -> bool:
        return hasattr(node, self.slot)

    def __getitem__(self, node: Any) -> Hooks:
        hooks: Hooks = getattr(node, self.slot)
        return hooks

    def __setitem__(self, node: Any, hooks: Hooks) -> None:
        setattr(node, self.slot, hooks)
        self._nodes.add(node)

    def get(self, node: Any) -> Hooks:
        """The hooks of a node; none if it has no entry."""
        return getattr(node, self.slot, None) or {}

    def setdefault(self, node: Any) -> Hooks:
        """The hooks of a node, with an entry made for it."""
        if node not in self:
            self[node] = {}
        return self[node]

    def pop(self, node: Any) -> Hooks:
        """Take the entry of a node away; its hooks."""
        hooks = self.get(node)
        if node in self:
            delattr(node, self.slot)
            self._nodes.discard(node)
        return hooks
