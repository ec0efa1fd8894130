"""The spiral example: as a script, and trained to the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tapegrad as tg

SCRIPT = Path(__file__).parents[1] / "examples/spiral.py"
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")


@pytest.fixture
def spiral(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import spiral

    return spiral


def test_the_script_runs_in_smoke_mode_and_draws_a_picture(tmp_path):
    picture = tmp_path / "spiral.png"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--smoke", "--out", str(picture)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bar where there is no terminal
    assert "epoch   5" in done.stdout
    assert "final accuracy" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_data_are_three_arms_of_a_hundred_points_within_the_unit_circle(spiral):
    x, y = spiral.spiral()
    assert x.shape == (300, 2)
    assert x.dtype == tg.float32
    assert [int((y == c).sum()) for c in range(3)] == [100, 100, 100]
    radius = (x * x).sum(1).sqrt().reshape(3, 100)
    assert tg.allclose(radius, tg.linspace(0, 1, 100).expand(3, 100), atol=1e-6)


def test_a_full_training_reaches_99_percent(spiral):
    tg.manual_seed(0)
    x, y = spiral.spiral()
    model, losses, accuracies = spiral.train(x, y, 300, 0.3, silent=True)
    assert spiral.accuracy(model, x, y) == max(accuracies) >= 0.99
    assert losses[-1] < 0.2 * losses[0]


def test_the_same_seed_gives_the_same_training(spiral):
    runs = []
    for _ in range(2):
        tg.manual_seed(3)
        runs.append(spiral.train(*spiral.spiral(), 2, 0.3, silent=True)[1:])
    assert runs[0] == runs[1]


def test_a_wrong_number_of_epochs_is_an_error(spiral, capsys):
    with pytest.raises(SystemExit):
        spiral.main(["--epochs", "0"])
    assert "--epochs must be at least 1" in capsys.readouterr().err
