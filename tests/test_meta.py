"""Promises about the source itself: layers, sizes, names, documentation, coverage of the table."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import tapegrad as tg
import tapegrad.debug
import tapegrad.testing.strategies
from calls import over
from samples import BY_NAME, TABLES

ROOT = Path(tg.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
files = over([(path,) for path in FILES], lambda path: path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


# From the bottom up; a file imports only from its own layer and those below it.
LAYERS = [
    {"errors", "_typing", "memory", "equivalents", "hooking"},
    {"kernels"},
    {"device", "dtypes", "stamps", "tensor", "tape", "record", "_printing", "batching"},
    {"engine", "gradients"},
    {"ops"},
    # methods binds `Tensor.backward`, so it needs autograd, which itself needs none of these
    {"methods", "protocols", "creation", "legacy", "patterns", "questions", "storage", "windows",
     "sampling", "refilling", "random", "cuda", "autograd", "mapping"},
    {"testing"},
    {"nn", "optim", "linalg", "special", "fft"},
    {"func", "utils", "distributions"},
    {"data", "train", "io", "debug", "interop"},
    {"distributed"},
    {"__init__"},
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SPLIT_OK = {
    "nn/utils",
    "utils/__init__",
    "utils/checkpoint",
    "utils/data",
}  # PyTorch's own public paths


def unit(path: Path) -> str:
    """The folder or file below `tapegrad/` that a source file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Units imported while the file loads; imports inside functions run later and may look up."""
    stack: list[ast.AST] = [tree(path)]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
            continue
        stack.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("tapegrad."):
                    yield alias.name.split(".")[1], node.lineno
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = list(path.relative_to(ROOT).parts[:-1])
            folder = folder[: len(folder) - node.level + 1]
            full = folder + (node.module.split(".") if node.module else [])
            for name in [full[0]] if full else [alias.name for alias in node.names]:
                yield name, node.lineno


@files
def test_a_file_imports_only_from_its_layer_and_below(path: Path) -> None:
    own = unit(path)
    assert own in LEVEL, f"{own} has no layer; give it one in LAYERS"
    for name, line in imports(path):
        if name in LEVEL:
            assert LEVEL[name] <= LEVEL[own], f"{path}:{line} imports {name}, which is above {own}"


@files
def test_only_numpy_and_the_standard_library_load_with_the_package(path: Path) -> None:
    import sys

    if path.parent.name == "interop":  # loaded by who has the other package
        return
    allowed = {*sys.stdlib_module_names, "numpy", "tapegrad"}
    for node in tree(path).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] in allowed, f"{path}:{node.lineno} imports {name} at load"


@files
def test_a_file_stays_readable_in_size(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 600, f"{path.name} has {lines} lines: split it by subject"


def test_the_tape_and_the_engine_stay_small() -> None:
    lines = sum(len((ROOT / n).read_text().splitlines()) for n in ("tape.py", "engine.py"))
    assert lines <= 500


@files
def test_no_file_is_named_by_what_it_is_not_about(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if "/".join(parts[:2]) not in SPLIT_OK:
        assert not {"utils", "helpers", "common", "misc", "manager"} & set(parts)


def rules() -> set[str]:
    """Operations that have a rule `_<op>_vjp...` in `ops/`."""
    found = set()
    for path in (ROOT / "ops").glob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and "_vjp" in node.name:
                found.add(node.name.lstrip("_").partition("_vjp")[0])
    return found


# Rules of no operation of their own, and where they are tested; a table may name more as `INTERNAL`.
INTERNAL = {
    "stepwise",  # floor_divide
    "cast", "transfer",  # test_promotion.py, test_creation.py: dtype and device changes
    "write",  # the in-place forms of every row
    "index_add", "index_zero", "scatter_along",  # adjoints of getitem, setitem, max: second order
    "max_dim", "min_dim",  # max and min with dim
    "standard_gamma", "dirichlet_sample", "gamma_slope", "beta_slope",  # test_distributions.py
}  # fmt: skip


def test_every_operation_with_a_rule_has_a_row_of_samples() -> None:
    internal = INTERNAL.union(*(getattr(table, "INTERNAL", set()) for table in TABLES))
    missing = {op for op in rules() if op not in BY_NAME and op.rstrip("_") not in internal}
    assert not missing, f"no row in tests/samples.py for {sorted(missing)}"


def public(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    for name in names:
        value = getattr(module, name)
        if (inspect.isfunction(value) or inspect.isclass(value)) and (
            getattr(value, "__module__", "").startswith("tapegrad")
        ):
            yield f"{module.__name__}.{name}", value


MODULES = [
    tg,
    tg.nn,
    tg.nn.functional,
    tg.nn.init,
    tg.nn.utils,
    tg.nn.utils.parametrizations,
    tg.nn.utils.parametrize,
    tg.nn.utils.prune,
    tg.nn.utils.rnn,
    tg.optim,
    tg.optim.lr_scheduler,
    tg.optim.swa_utils,
    tg.autograd,
    tg.linalg,
    tg.fft,
    tg.special,
    tg.func,
    tg.debug,
    tg.testing,
    tg.testing.strategies,
    tg.io,
    tg.distributions,
    tg.autograd.functional,
    tg.autograd.graph,
    tg.utils.checkpoint,
    tg.utils.data,
]
PUBLIC = {id(value): (name, value) for module in MODULES for name, value in public(module)}
ITEMS = sorted(PUBLIC.values(), key=lambda item: item[0])


@over(ITEMS, lambda name, value: name)
def test_a_public_name_is_documented_with_an_example(name: str, value: Any) -> None:
    doc = inspect.getdoc(value) or ""
    assert doc, f"{name} has no docstring"
    if not (inspect.isclass(value) and issubclass(value, BaseException)):
        assert ">>>" in doc, f"{name} has no example"


@over(ITEMS, lambda name, value: name)
def test_a_public_function_is_annotated(name: str, value: Any) -> None:
    if not inspect.isfunction(value):
        return
    function = inspect.unwrap(value)
    signature = inspect.signature(function)
    bare = [
        p.name for p in signature.parameters.values() if p.annotation is inspect.Parameter.empty
    ]
    assert not bare, f"{name}: no annotation for {bare}"
    assert signature.return_annotation is not inspect.Signature.empty, f"{name}: no return type"
