"""What `import tapegrad` costs beside `import numpy`, and which packages it brings along.

Every figure is the time of the import statement in a fresh process whose modules are already
compiled and in the file cache: each is imported once before the time is taken.

    python benchmarks/bench_import.py
    python benchmarks/bench_import.py --detail
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from side_by_side import Contender, Results, Settings, main, number

LIMIT = 60.0  # ms over NumPy
ROW = "import, ms"


def _importing(module: str) -> Callable[[Settings], dict[str, Any]]:
    def run(settings: Settings) -> dict[str, Any]:
        _fresh(module)  # compiles what is not compiled yet, and fills the file cache
        return _fresh(module)

    return run


def _fresh(module: str) -> dict[str, Any]:
    """Import a module in a process that has imported nothing else, and say what came along."""
    program = (
        "import sys, time\n"
        "before = set(sys.modules)\n"
        "start = time.perf_counter()\n"
        f"import {module}\n"
        "spent = time.perf_counter() - start\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "new -= {*sys.stdlib_module_names, 'cython_runtime'}\n"
        "new = sorted(name for name in new if name[0] != '_')\n"
        "print(spent, len(set(sys.modules) - before), *new)\n"
    )
    keeping = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=keeping)
    spent, modules, *packages = done.stdout.split()
    milliseconds = float(spent) * 1e3
    return {
        "rows": {ROW: {"best": milliseconds, "median": milliseconds}},
        "modules": int(modules),
        "packages": packages,
    }


CONTENDERS = [
    Contender("numpy", "numpy", _importing("numpy"), smoke=True),
    Contender("tapegrad", "tapegrad", _importing("tapegrad"), smoke=True),
    Contender("torch", "torch", _importing("torch")),
    Contender("autograd", "autograd", _importing("autograd")),
    Contender("mygrad", "mygrad", _importing("mygrad")),
]


def report(results: Results) -> list[str]:
    """Print times, time over NumPy's, packages loaded, and the target."""
    base = results.figure("numpy", ROW)
    rows = []
    for name in results.names:
        value, spread = results.figure(name, ROW), results.spread(name, ROW)
        assert value is not None and spread is not None
        rows.append([
            name,
            number(value),
            f"{number(spread[0])} - {number(spread[1])}",
            number(None if base is None else value - base),
            str(results.note(name, "modules")),
        ])  # fmt: skip
    results.table(["", ROW, "least - greatest", "over numpy, ms", "modules"], rows)
    for name in results.names:
        others = [p for p in results.note(name, "packages") if p != name]
        print(f"{name} brings along: {', '.join(others) or 'nothing'}")
    print()
    mine = results.figure("tapegrad", ROW)
    over = None if base is None or mine is None else mine - base
    return results.target("import tapegrad over import numpy", over, LIMIT, " ms")


def detail(module: str = "tapegrad", count: int = 20) -> None:
    """Print the modules that take longest to import, each without what it imports in turn."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    costs = []
    for line in done.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            costs.append((int(own) / 1e3, rest.partition("|")[2].strip()))
    for cost, name in sorted(costs, reverse=True)[:count]:
        print(f"{cost:8.2f} ms  {name}")


if __name__ == "__main__":
    if "--detail" in sys.argv:
        detail()
        sys.exit()
    main(__file__, "import: time of the import statement", CONTENDERS, report, rounds=11)
