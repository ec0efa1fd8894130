"""The README's code runs, its excerpt is the source, and its commands are those that CI runs."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

import tapegrad as tg

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(EXCERPT,) = [block for block in BLOCKS if block.startswith("def ")]
PROGRAMS = [block for block in BLOCKS if block is not EXCERPT]
SESSIONS = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_run(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {"__name__": "readme"})


def test_the_sessions_print_what_they_show():
    assert SESSIONS
    for session in SESSIONS:
        parsed = doctest.DocTestParser().get_doctest(session, {"tg": tg}, "README.md", None, 0)
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(parsed).failed == 0


def test_the_operation_shown_is_the_source():
    source = (ROOT / "src/tapegrad/ops/elementwise.py").read_text(encoding="utf-8")
    assert EXCERPT in source


def test_the_commands_install_an_extra_and_run_what_exists():
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert len(COMMANDS) == 2
    for command in COMMANDS:
        install, _, run = command.partition(" && ")
        extra = re.fullmatch(r"pip install -e \"\.\[(\w+)\]\"", install)
        assert extra is not None
        assert re.search(rf"^{extra[1]} = \[", extras, re.MULTILINE)
        assert shlex.split(run)[0] == "python"
    assert (ROOT / shlex.split(COMMANDS[0])[-1]).is_file()


def test_ci_runs_the_test_command_as_the_readme_has_it():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    pattern = re.search(r"grep -F '(.*?)' README\.md", script)
    assert pattern is not None
    found = [line for line in README.splitlines() if pattern[1] in line]
    assert found == [COMMANDS[1].strip()]
    assert 'bash -euo pipefail -c "$test_command"' in script


@pytest.mark.parametrize("target", re.findall(r"\]\(([^):]+)\)", README))
def test_the_links_lead_somewhere(target):
    assert (ROOT / target).exists()
