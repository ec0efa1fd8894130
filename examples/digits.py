"""Read handwritten digits with a convolutional network, at least 98.5 % of those it never saw.

The data are scikit-learn's: 1,797 pictures of 8 x 8 pixels, of which 360, the same for every seed,
are kept for the test. Nothing is chosen by them: the network is the one after the last epoch.

    python examples/digits.py
    python examples/digits.py --seed 3 --epochs 15 --out /tmp/digits.png
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import tapegrad as tg
from tapegrad import nn, optim

BATCH = 64
TEST = 360
LR = 3e-3


class Digits(NamedTuple):
    """Pictures (N, 1, 8, 8) with values from 0 to 1, and the digit of each (N,)."""

    x: tg.Tensor
    y: tg.Tensor
    x_test: tg.Tensor
    y_test: tg.Tensor


def digits(device: str = "cpu") -> Digits:
    """Load the data and split them, always in the same way."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x = tg.tensor(data.images, dtype=tg.float32)[:, None] / 16
    y = tg.tensor(data.target)
    order = tg.randperm(len(x), generator=tg.Generator().manual_seed(0))
    test, train = order[:TEST], order[TEST:]
    return Digits(*(part.to(device) for part in (x[train], y[train], x[test], y[test])))


def network() -> nn.Sequential:
    """Build the network: three convolutions, two poolings, one dense layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        nn.MaxPool2d(2),  # (N, 32, 4, 4)
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        nn.MaxPool2d(2),  # (N, 64, 2, 2)
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 10)),
    )


def answers(model: nn.Module, x: tg.Tensor) -> tg.Tensor:
    """The likeliest digit for each picture."""
    model.eval()
    with tg.no_grad():
        return model(x).argmax(1)


def accuracy(model: nn.Module, x: tg.Tensor, y: tg.Tensor) -> float:
    """Share of the pictures read right."""
    return (answers(model, x) == y).to(tg.float32).mean().item()


def train(data: Digits, epochs: int) -> tuple[nn.Module, list[float], list[float]]:
    """Train the network by AdamW, with a learning rate that falls along half a cosine.

    Returns:
        The model, and the mean training loss and the test accuracy of each epoch.
    """
    from tqdm import tqdm

    model = network().to(data.x.device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.AdamW(model.parameters(), lr=LR)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    losses: list[float] = []
    accuracies: list[float] = []

    # disable=None: no bar where the output is not a terminal
    progress = tqdm(range(epochs), unit="epoch", disable=None)
    for epoch in progress:
        model.train()
        total = 0.0
        for batch in tg.randperm(len(data.x), device=data.x.device).split(BATCH):
            loss = loss_fn(model(data.x[batch]), data.y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        scheduler.step()
        losses.append(total / len(data.x))
        accuracies.append(accuracy(model, data.x_test, data.y_test))
        progress.write(f"epoch {epoch + 1:2d}  loss {losses[-1]:.4f}  test {accuracies[-1]:.2%}")
    return model, losses, accuracies


def draw(
    model: nn.Module,
    data: Digits,
    losses: list[float],
    accuracies: list[float],
    out: str,
    *,
    dpi: int,
) -> None:
    """Draw the training, the confusion matrix and the test pictures that the network doubts most."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    read = answers(model, data.x_test)
    with tg.no_grad():
        sure = model(data.x_test).softmax(1)
    right = sure.gather(1, data.y_test[:, None])[:, 0]
    doubted = right.argsort()[:15].tolist()
    confusion = (10 * data.y_test + read).bincount(minlength=100).reshape(10, 10).cpu().numpy()

    figure = plt.figure(figsize=(16, 5))
    one, two, three = figure.subfigures(1, 3, width_ratios=(1, 1, 1.1))
    left = one.subplots(gridspec_kw={"left": 0.13, "right": 0.86, "bottom": 0.13})
    epochs = range(1, len(losses) + 1)
    left.plot(epochs, losses, color="#33415c", lw=1.8, label="training loss")
    left.set(title=f"Training ({accuracies[-1]:.2%} of the test right)", xlabel="epoch", ylim=0)
    left.set_ylabel("cross-entropy loss", color="#33415c")
    left.grid(alpha=0.25)
    twin = left.twinx()
    twin.plot(epochs, accuracies, color="#e09f3e", lw=1.8, label="test accuracy")
    twin.set_ylabel("accuracy", color="#b97a1a")
    twin.set_ylim(min(0.9, *accuracies) - 0.02, 1.005)
    left.legend(handles=[*left.lines, *twin.lines], loc="center right")
    for panel in (left, twin):
        panel.spines["top"].set_visible(False)

    middle = two.subplots(gridspec_kw={"left": 0.1, "right": 0.97, "bottom": 0.13})
    middle.imshow(confusion, cmap="Blues", vmax=50)
    for row in range(10):
        for column in range(10):
            number = confusion[row, column]
            colour = "white" if row == column else "#d1382c"
            text = str(number) if number else ""
            middle.text(column, row, text, ha="center", va="center", color=colour)
    middle.set(title="Confusion matrix of the test", xlabel="read as", ylabel="digit")
    middle.set_xticks(range(10))
    middle.set_yticks(range(10))

    three.suptitle("Doubted most: digit, and what it was read as", fontsize=12)
    panels = three.subplots(
        3, 5, gridspec_kw={"top": 0.84, "bottom": 0.04, "left": 0.02, "right": 0.98, "wspace": 0.08}
    )
    for panel, i in zip(panels.flat, doubted, strict=True):
        digit, answer = int(data.y_test[i]), int(read[i])
        panel.imshow(data.x_test[i, 0].cpu().numpy(), cmap="gray_r")
        colour = "#33415c" if digit == answer else "#d1382c"
        title = f"{digit} → {answer}, {sure[i, answer].item():.0%}"
        panel.set_title(title, fontsize=10, color=colour)
        panel.set_xticks([])
        panel.set_yticks([])
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> float:
    """Run the example by its command line; returns the test accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the batches")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="digits.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="one short epoch and a small picture")
    options = parser.parse_args(arguments)
    epochs = 1 if options.smoke else options.epochs
    if epochs < 1:
        parser.error(f"--epochs must be at least 1, got {epochs}")

    data = digits(options.device)
    if options.smoke:
        data = data._replace(x=data.x[:512], y=data.y[:512])
    tg.manual_seed(options.seed)
    start = time.perf_counter(), time.process_time()
    model, losses, accuracies = train(data, epochs)
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    wrong = round((1 - accuracies[-1]) * TEST)
    print(f"test accuracy {accuracies[-1]:.2%} ({wrong} of {TEST} wrong)")
    print(f"trained in {wall:.1f} s ({cpu:.1f} s of processor time)")
    draw(model, data, losses, accuracies, options.out, dpi=50 if options.smoke else 110)
    print(f"picture in {options.out}")
    return accuracies[-1]


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
