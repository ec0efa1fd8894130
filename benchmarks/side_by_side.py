"""Run contenders side by side: each in its own fresh process, in turn, over several rounds.

Two frameworks never share a process, because their thread pools fight over the cores. The order is
A B C, A B C, ..., so that a machine that is slow for a while is slow for all of them. A process
times every row many times and reports its best and its median; the table shows the median of those
over the rounds.

A benchmark file lists `Contender`s and hands them to `main` with a function that prints its report.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

MARK = "RESULT "  # begins the one line of a child's output that is its result


class Settings(NamedTuple):
    """What a contender is told: for how long to time a row, and whether this is only a try."""

    seconds: float
    smoke: bool


class Contender(NamedTuple):
    """One way to do the job.

    Attributes:
        name: shown in the table.
        module: what must be importable, else the contender is left out.
        run: called in the fresh process; returns `{"rows": {row: Timing}, ...}`, timings mostly in
            microseconds, and anything else that the report wants.
        smoke: takes part in `--smoke`, which needs nothing but NumPy and tapegrad.
    """

    name: str
    module: str
    run: Callable[[Settings], dict[str, Any]]
    smoke: bool = False


Timing = dict[str, float]  # {"best": microseconds, "median": microseconds}


def summary(samples: Sequence[float]) -> Timing:
    """Best and median of timings in seconds, in microseconds."""
    return {"best": min(samples) * 1e6, "median": statistics.median(samples) * 1e6}


def time_statement(statement: str, names: dict[str, Any], seconds: float) -> Timing:
    """Time a statement: blocks of about 2 ms, as many as fit into the given time.

    The garbage collector stays on, as it is in programs.
    """
    timer = timeit.Timer(statement, "import gc; gc.enable()", globals=names)
    loops = 1
    while (spent := timer.timeit(loops)) < 0.002 and loops < 10_000_000:
        loops = max(loops * 2, int(loops * 0.0025 / max(spent, 1e-7)))
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < end:
        samples.append(timer.timeit(loops) / loops)
    return summary(samples)


def time_blocks(block: Callable[[], Any], count: int, seconds: float, warm_up: int = 3) -> Timing:
    """Time a function that does `count` equal pieces of work; the result is per piece."""
    clock = time.perf_counter
    for _ in range(warm_up):
        block()
    samples: list[float] = []
    end = clock() + seconds
    while len(samples) < 3 or clock() < end:
        start = clock()
        block()
        samples.append((clock() - start) / count)
    return summary(samples)


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    options.add_argument("--seconds", type=float, default=0.5, help="per row and process")
    options.add_argument(
        "--only", default="", metavar="NAMES", help="contenders to run, divided by commas"
    )
    options.add_argument(
        "--statistic", choices=("best", "median"), default="best",
        help="of each process; the table has its median over the rounds",
    )  # fmt: skip
    options.add_argument("--json", metavar="FILE", help="write every figure of every round")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    options.add_argument(
        "--smoke", action="store_true", help="one round of a moment, NumPy and tapegrad only"
    )
    options.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    options.add_argument("--contender", help=argparse.SUPPRESS)  # the child's own option
    return options


def main(
    script: str,
    description: str,
    contenders: Sequence[Contender],
    report: Callable[[Results], list[str]],
    rounds: int = 7,
) -> None:
    """Run a benchmark: as the parent that starts the processes, or as one of them.

    Args:
        script: `__file__` of the benchmark.
        description: for `--help` and the head of the table.
        contenders: in the order of the table.
        report: prints the tables and returns the targets that were missed.
        rounds: how often every contender runs, by default.
    """
    options = parser(description, rounds).parse_args()
    by_name = {contender.name: contender for contender in contenders}
    if options.contender:
        settings = Settings(options.seconds, options.smoke)
        print(MARK + json.dumps(by_name[options.contender].run(settings)), flush=True)
        return
    if options.smoke:
        options.rounds, options.seconds = 1, 0.01
    chosen = _choose(options, contenders)
    results = Results(description, chosen, options)
    for number in range(options.rounds):
        for contender in chosen:
            _progress(f"round {number + 1} of {options.rounds}: {contender.name}")
            results.add(contender.name, _run_child(script, contender.name, options))
    _progress("")
    print(f"{description}\n{results.setting()}\n")
    missed = report(results)
    if options.json:
        Path(options.json).write_text(json.dumps(results.as_dict(), indent=1) + "\n")
    if options.check and missed:
        sys.exit("missed: " + "; ".join(missed))


def _choose(options: argparse.Namespace, contenders: Sequence[Contender]) -> list[Contender]:
    wanted = [name.strip() for name in options.only.split(",") if name.strip()]
    known = [contender.name for contender in contenders]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"--only: no contender {', '.join(unknown)}; there are: {', '.join(known)}")
    chosen = []
    for contender in contenders:
        if wanted and contender.name not in wanted:
            continue
        if options.smoke and not wanted and not contender.smoke:
            continue
        if importlib.util.find_spec(contender.module) is None:
            print(f"left out: {contender.name} ({contender.module} is not installed)")
            continue
        chosen.append(contender)
    if not chosen:
        sys.exit("no contender is installed")
    return chosen


def _run_child(script: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, script, "--contender", name, "--seconds", str(options.seconds)]
    if options.smoke:
        command.append("--smoke")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        _progress("")
        sys.exit(f"{name}: the process ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(lines[-1][len(MARK) :])  # type: ignore[no-any-return]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


class Results:
    """Everything that was measured, and the tables made of it."""

    def __init__(
        self, title: str, contenders: Sequence[Contender], options: argparse.Namespace
    ) -> None:
        self.title = title
        self.names = [contender.name for contender in contenders]
        self.options = options
        self.runs: dict[str, list[dict[str, Any]]] = {name: [] for name in self.names}

    def add(self, name: str, run: dict[str, Any]) -> None:
        """Note what one process reported."""
        self.runs[name].append(run)

    def figure(self, name: str, row: str) -> float | None:
        """Median over the rounds of a contender's figure, or None where it has none."""
        runs = self.runs.get(name, [])
        values = [run["rows"][row][self.options.statistic] for run in runs if row in run["rows"]]
        return statistics.median(values) if values else None

    def spread(self, name: str, row: str) -> tuple[float, float] | None:
        """Least and greatest figure of the rounds."""
        runs = self.runs.get(name, [])
        values = [run["rows"][row][self.options.statistic] for run in runs if row in run["rows"]]
        return (min(values), max(values)) if values else None

    def better(self, names: Sequence[str], row: str) -> tuple[float, str] | None:
        """The least figure among several contenders, and whose it is."""
        figures = [(f, n) for n in names if (f := self.figure(n, row)) is not None]
        return min(figures) if figures else None

    def note(self, name: str, key: str) -> Any:
        """Something else that a contender reported, of its first round."""
        runs = self.runs.get(name)
        return runs[0].get(key) if runs else None

    def setting(self) -> str:
        """One line on the machine and the way of measuring."""
        o = self.options
        return (
            f"Python {platform.python_version()}, {os.cpu_count()} cores, {_cpu()}; "
            f"median over {o.rounds} round(s) of each process's {o.statistic}"
        )

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, aligned or in Markdown; the first column is text, the others numbers."""
        widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
        edge = "| " if self.options.markdown else ""
        end = " |" if self.options.markdown else ""
        between = " | " if self.options.markdown else "  "

        def line(cells: Sequence[str]) -> str:
            padded = [
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            return (edge + between.join(padded) + end).rstrip()

        print(line(head))
        if self.options.markdown:
            marks = ["-" * (w - 1) + ":" if i else "-" * w for i, w in enumerate(widths)]
            print("| " + " | ".join(marks) + " |")
        for row in rows:
            print(line(row))
        print()

    def target(self, text: str, value: float | None, limit: float, unit: str = "") -> list[str]:
        """Print a target beside what was measured; returns it if it was missed.

        Args:
            text: what is measured.
            value: what was, or None if a contender is missing.
            limit: at most this; at least, if negative.
            unit: of both.
        """
        wanted = f"at most {limit:g}" if limit >= 0 else f"at least {-limit:g}"
        if value is None:
            print(f"target: {text}: {wanted}{unit}; not measured")
            return []
        met = value <= limit if limit >= 0 else value >= -limit
        verdict = "met" if met else "MISSED"
        print(f"target: {text}: {wanted}{unit}; measured {value:.2f}{unit}: {verdict}")
        return [] if met else [text]

    def as_dict(self) -> dict[str, Any]:
        """Every figure of every round, for `--json`."""
        o = self.options
        return {
            "title": self.title,
            "machine": {
                "python": platform.python_version(),
                "system": platform.platform(),
                "cores": os.cpu_count(),
                "cpu": _cpu(),
            },
            "rounds": o.rounds,
            "seconds": o.seconds,
            "runs": self.runs,
        }


def number(value: float | None) -> str:
    """A figure in three significant places, a dash for none."""
    if value is None:
        return "-"
    places = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{places}f}"


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return found[0] if found else platform.machine()
