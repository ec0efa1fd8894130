"""The examples: each as a script, and the results they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg

EXAMPLES = Path(__file__).parents[1] / "examples"
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return import_module


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("digits", "test accuracy"),
        ("layers", "5 x 5 -> 3 x 3     Conv2d"),
        ("miniflow", "by MiniFlow 1.290070: 2.00 times as large"),
        ("sparrow", "median error"),
        ("tensorslow", "3  add     2 1       (2,)  float32      0"),
    ],
)
def test_the_script_runs_in_smoke_mode_and_draws_a_picture(name, line, tmp_path):
    if name == "digits":
        pytest.importorskip("sklearn")
    picture = tmp_path / "picture.png"
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", "--smoke", "--out", picture],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bar where there is no terminal
    assert line in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("digits", "--epochs"),
        ("miniflow", "--epochs"),
        ("sparrow", "--steps"),
        ("tensorslow", "--steps"),
    ],
)
def test_a_length_below_one_is_an_error(name, option, example, capsys):
    with pytest.raises(SystemExit):
        example(name).main([option, "0"])
    assert f"{option} must be at least 1, got 0" in capsys.readouterr().err


def test_digits_say_what_to_install_where_scikit_learn_is_missing(tmp_path):
    script = str(EXAMPLES / "digits.py")
    program = (
        "import runpy, sys; sys.modules['sklearn'] = None; sys.argv = ['digits.py', '--smoke'];"
        f"runpy.run_path({script!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "sklearn" in done.stderr
    assert "pip install -e '.[examples]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["layers", "miniflow", "sparrow", "tensorslow"])
def test_all_runs_on_the_named_device(name, example, tmp_path):
    example(name).main(["--smoke", "--device", "standin", "--out", str(tmp_path / "picture.png")])


def miniflow_in_numpy(gradient_of: float, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Train the 3-4-2 network by hand; `gradient_of` times the mean squared error is descended."""
    w1 = np.arange(1, 13).reshape(3, 4) / 10
    w2 = np.arange(13, 21).reshape(4, 2) / 10
    b1, b2 = np.array([-2.0, -6, -1, -7]), np.array([-2.5, -5])
    x, y = np.array([1.0, 2, 3]), np.array([-0.85, 0.75])
    outputs = []
    for _ in range(epochs):
        hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
        out = np.tanh(hidden @ w2 + b2)
        outputs.append(out)
        d2 = gradient_of * (out - y) * (1 - out**2)
        d1 = w2 @ d2 * hidden * (1 - hidden)
        w1, b1 = w1 - 0.1 * np.outer(x, d1), b1 - 0.1 * d1
        w2, b2 = w2 - 0.1 * np.outer(hidden, d2), b2 - 0.1 * d2
    return np.array(outputs), w1


def test_miniflow_trains_like_the_formulas_and_reaches_its_target(example):
    miniflow = example("miniflow")
    losses = tg.nn.MSELoss(), tg.nn.MSELoss(reduction="sum")
    histories = [miniflow.train(miniflow.network(), loss_fn, 30) for loss_fn in losses]
    for history, factor in zip(histories, (1, 2), strict=True):
        outputs, w1 = miniflow_in_numpy(factor, 30)
        np.testing.assert_allclose(history.outputs.numpy(), outputs, rtol=1e-12)
        np.testing.assert_allclose(history.w1[-1].numpy(), w1.ravel(), rtol=1e-12)
        assert history.w1.shape == (31, 12)
        assert history.w2.shape == (31, 8)
        assert history.outputs[0].round(decimals=2).tolist() == [0.72, -0.88]
    ours, theirs = histories
    assert abs(ours.outputs[-1] - tg.tensor([-0.85, 0.75])).max() < 0.1
    assert abs(theirs.outputs[9] - tg.tensor([-0.85, 0.75])).max() < 0.15


def test_miniflow_measures_that_its_namesakes_gradient_is_twice_too_large(example):
    difference, mean, miniflow = example("miniflow").slopes(example("miniflow").network())
    assert mean == pytest.approx(difference, rel=1e-7)
    assert miniflow == pytest.approx(2 * difference, rel=1e-7)


def test_sparrow_finds_the_gradients_of_the_formulas(example):
    sparrow = example("sparrow")
    assert max(sparrow.hand_difference(seed) for seed in range(5)) < 1e-13


def test_sparrow_would_see_a_wrong_gradient(example, monkeypatch):
    sparrow = example("sparrow")
    right = sparrow.gradients_by_hand

    def wrong(weights, x, y):
        loss, gradients = right(weights, x, y)
        return loss, [gradients[0] * (1 + 1e-6), *gradients[1:]]

    monkeypatch.setattr(sparrow, "gradients_by_hand", wrong)
    assert sparrow.hand_difference(0) == pytest.approx(1e-6, rel=1e-3)


def test_sparrow_fails_by_the_usual_recipe_and_learns_by_others(example):
    sparrow = example("sparrow")

    def ends(name, seeds, steps):
        return [sparrow.train(sparrow.RECIPES[name], seed, steps) for seed in seeds]

    usual = ends("as usual", range(5), 100)
    assert {end.verdict for end in usual} == {"exploded", "vanished"}
    assert {end.verdict for end in ends("leaky ReLU units", range(2), 20)} == {"exploded"}
    assert {end.verdict for end in ends("tanh units", range(2), 100)} == {"vanished"}
    assert {end.verdict for end in ends("Adam", range(2), 400)} == {"learned"}
    cured = ends("combined", range(2), 400)
    assert {end.verdict for end in cured} == {"learned"}
    assert max(end.error for end in cured) < 0.1


def test_sparrow_learns_all_functions_of_two_bits(example):
    truth = [[function >> row & 1 for function in range(16)] for row in range(4)]
    assert example("sparrow").learn_logic(0).round().tolist() == truth


def test_sparrow_learns_parity_beyond_the_length_of_its_training(example):
    accuracy = example("sparrow").learn_recursion(0)
    assert min(accuracy[:12]) == 1
    assert min(accuracy) > 0.9  # of up to 100 bits


def test_tensorslow_computes_its_affine_map(example):
    assert example("tensorslow").affine().tolist() == [2, -1]


def test_tensorslow_separates_crossed_clouds_that_no_line_separates(example):
    tensorslow = example("tensorslow")
    tg.manual_seed(0)
    x, y = tensorslow.clouds()
    design = np.column_stack([x.numpy(), np.ones(100)])
    line = np.linalg.lstsq(design, 2 * y.numpy() - 1, rcond=None)[0]
    assert np.mean((design @ line > 0) == y.numpy()) < 0.75
    model, losses = tensorslow.train(x, y, 2000)
    assert tensorslow.accuracy(model, x, y) == 1
    assert losses[-1] < 0.1 < 50 < losses[0]


def test_layers_show_what_the_layers_do(example):
    layers = example("layers")
    shown = {part.title.split(":")[0]: part.arrays for part in layers.gallery()}
    assert len(shown) == 11
    assert shown["Dense"]["output"].tolist() == [[4, 1]]
    row = shown["Flatten"]
    assert row["output"].tolist() == row["input"].reshape(1, 16).tolist()
    assert shown["Convolution"]["output"].tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert shown["Max pooling 2 x 2"]["output"].tolist() == [[6, 8], [3, 4]]
    assert shown["Average pooling 2 x 2"]["output"].tolist() == [[3.25, 5.25], [2, 2]]
    assert shown["Global average pooling"]["output"].tolist() == [[3.125]]
    squares = shown["Zero padding by 2"]
    assert np.array_equal(squares["output"].numpy(), np.pad(squares["input"].numpy(), 2))
    road = shown["Cropping"]
    assert road["output"].tolist() == road["input"][2:].tolist()
    assert road["gradient"].sum(1).tolist() == [0, 0, 5, 5, 5]
    small = shown["Upsampling by 2"]
    assert np.array_equal(small["output"].numpy(), np.kron(small["input"].numpy(), np.ones((2, 2))))
    normal = shown["Batch normalisation"]["output"].numpy()
    np.testing.assert_allclose(normal.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(0), 1, atol=1e-3)
    dropped = next(arrays for title, arrays in shown.items() if title.startswith("Dropout"))
    assert set(dropped["output"].round(decimals=4).unique().tolist()) == {0, np.float32(1.6667)}
    assert set(layers.activations()) == set(layers.ACTIVATIONS)


def test_digits_are_read_after_a_short_training(example):
    pytest.importorskip("sklearn")
    digits = example("digits")
    data = digits.digits()
    assert data.x.shape == (1437, 1, 8, 8)
    assert data.x_test.shape == (360, 1, 8, 8)
    assert data.y_test.bincount().min() > 25
    tg.manual_seed(0)
    model, losses, accuracies = digits.train(data, 3)  # ten epochs read 99.4 %
    assert accuracies[-1] == digits.accuracy(model, data.x_test, data.y_test) >= 0.985
    assert losses == sorted(losses, reverse=True)
