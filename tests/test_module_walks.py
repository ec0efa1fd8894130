"""What modules find when they walk over themselves, beside PyTorch's, on trees with shared parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegrad as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def tree(lib: Any, seed: int) -> Any:
    """A random tree of modules in which parameters, buffers and modules may be shared or None."""
    rng = np.random.default_rng(seed)
    modules: list[Any] = []
    tensors: list[Any] = []

    def grow(depth: int) -> Any:
        module = lib.nn.Module()
        for i in range(rng.integers(1, 5)):
            kind = rng.integers(0, 8)
            name = f"{'abc'[rng.integers(3)]}{i}"
            if kind == 0:
                module.register_parameter(name, None)
            elif kind == 1:
                tensors.append(lib.nn.Parameter(lib.full((), float(len(tensors)))))
                setattr(module, name, tensors[-1])
            elif kind == 2:
                module.register_buffer(name, lib.zeros(1), persistent=bool(rng.integers(2)))
            elif kind == 3:
                module.register_buffer(name, None)
            elif kind == 4 and tensors:
                setattr(module, name, tensors[rng.integers(len(tensors))])
            elif kind == 5 and modules:
                module.add_module(name, modules[rng.integers(len(modules))])
            elif depth:
                module.add_module(name, grow(depth - 1))
        modules.append(module)
        return module

    return grow(3)


def walks(root: Any) -> list[Any]:
    """Names that every walk gives."""
    found: list[Any] = [list(root.state_dict()), len(list(root.modules()))]
    found.append([name for name, _ in root.named_children()])
    found.append([name for name, _ in root.named_modules(prefix="p")])
    found.append([name for name, _ in root.named_modules(remove_duplicate=False)])
    found.append(len(list(root.modules(remove_duplicate=False))))
    for recurse in (True, False):
        found.append(len(list(root.parameters(recurse))))
        found.append(len(list(root.buffers(recurse))))
        for unique in (True, False):
            for walk in (root.named_parameters, root.named_buffers):
                found.append([name for name, _ in walk("p", recurse, unique)])
                found.append([name for name, _ in walk(recurse=recurse, remove_duplicate=unique)])
    return found


@pytest.mark.parametrize("seed", range(40))
def test_walks_are_pytorchs(seed: int) -> None:
    ours, theirs = tree(tg, seed), tree(torch, seed)
    assert walks(ours) == walks(theirs)
    seen: list[list[Any]] = [[], []]
    for root, log in ((ours, seen[0]), (theirs, seen[1])):
        root.apply(lambda module, log=log: log.append(len(list(module.named_children()))))
        root.eval()
        log.append([m.training for m in root.modules()])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_members_are_found_by_their_paths(seed: int) -> None:
    root = tree(tg, seed)
    for path, module in root.named_modules(remove_duplicate=False):
        assert root.get_submodule(path) is module
    for path, parameter in root.named_parameters(remove_duplicate=False):
        assert root.get_parameter(path) is parameter
    for path, buffer in root.named_buffers(remove_duplicate=False):
        assert root.get_buffer(path) is buffer
    assert not any(b is p for b in root.buffers() for p in root.parameters())
