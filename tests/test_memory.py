"""Freed memory is kept for the next arrays, unless the environment says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tapegrad as tg

PROGRAM = """
import resource
import numpy as np
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    arrays = [np.empty(1 << 20, np.float32) for _ in range(8)]
    for array in arrays:
        array[::1024] = 1  # touch every page
for _ in range(3):
    step()
before = faults()
for _ in range(10):
    step()
print(faults() - before)
"""

glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not tg.memory.keep_freed_memory(),
    reason="needs glibc, and an environment that does not tune it",
)


def page_faults(first: str, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@glibc
def test_arrays_that_come_and_go_are_not_paged_in_again() -> None:
    assert page_faults("import tapegrad") < 1000  # of 8192 pages in each of ten steps
    assert page_faults("") > 8000


@glibc
def test_the_environment_has_the_last_word() -> None:
    assert page_faults("import tapegrad", MALLOC_TRIM_THRESHOLD_="131072") > 8000


def test_it_says_whether_anything_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    assert not tg.memory.keep_freed_memory()
