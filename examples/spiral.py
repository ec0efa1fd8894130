"""Train a small network on the spiral data set and draw what it learned.

Three classes of 100 points lie on three spiral arms, so no straight line separates them: a linear
model gets about half of them right, one hidden layer nearly all.

    python examples/spiral.py
    python examples/spiral.py --seed 3 --epochs 100 --out /tmp/spiral.png
"""

from __future__ import annotations

import argparse
import math
import sys

import tapegrad as tg
from tapegrad import nn, optim

CLASSES = 3
POINTS = 100  # per class
BATCH = 20


def spiral(points: int = POINTS, classes: int = CLASSES) -> tuple[tg.Tensor, tg.Tensor]:
    """Make the data: class `c` starts at the angle `4 c` and turns by 4 radians as its radius grows.

    Returns:
        Positions (classes * points, 2) and the class of each (classes * points,).
    """
    arms = []
    radius = tg.linspace(0, 1, points)
    for c in range(classes):
        angle = tg.linspace(4 * c, 4 * (c + 1), points) + 0.2 * tg.randn(points)
        arms.append(tg.stack([radius * tg.sin(angle), radius * tg.cos(angle)], 1))
    return tg.cat(arms), tg.arange(classes * points) // points


def accuracy(model: nn.Module, x: tg.Tensor, y: tg.Tensor) -> float:
    """Share of the points whose most likely class is the right one."""
    with tg.no_grad():
        return (model(x).argmax(1) == y).to(tg.float32).mean().item()


def train(
    x: tg.Tensor, y: tg.Tensor, epochs: int, lr: float, *, silent: bool = False
) -> tuple[nn.Module, list[float], list[float]]:
    """Train the network and keep the parameters of its best epoch.

    Weight decay and the overlap of the arms at the centre hold the last epoch at 98 to 99 %; which
    one or two points are missed changes from epoch to epoch. All accuracies are on the training data.

    Returns:
        The model, and the mean loss and the accuracy of each epoch.
    """
    from tqdm import tqdm

    model = nn.Sequential(nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, CLASSES)).to(x.device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-3)
    losses: list[float] = []
    accuracies: list[float] = []
    best, best_state = -1.0, {}

    # disable=None: no bar where the output is not a terminal
    progress = tqdm(range(epochs), unit="epoch", disable=True if silent else None)
    for epoch in progress:
        # From `lr` down to 0 along half a cosine: late steps settle instead of jumping about.
        optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * epoch / epochs)) / 2
        total = 0.0
        for batch in tg.randperm(len(x), device=x.device).split(BATCH):
            loss = loss_fn(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(x))
        accuracies.append(accuracy(model, x, y))
        if accuracies[-1] >= best:
            best = accuracies[-1]
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
        progress.set_postfix(loss=f"{losses[-1]:.4f}", accuracy=f"{accuracies[-1]:.2%}")
        if not silent:
            line = f"epoch {epoch + 1:3d}  loss {losses[-1]:.4f}  accuracy {accuracies[-1]:.2%}"
            progress.write(line)
    model.load_state_dict(best_state)
    return model, losses, accuracies


def draw(
    model: nn.Module,
    x: tg.Tensor,
    y: tg.Tensor,
    losses: list[float],
    accuracies: list[float],
    out: str,
    *,
    dpi: int,
) -> None:
    """Draw the points over the model's decision regions, and beside them the loss curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    colours = ["#e4572e", "#2e86ab", "#4b9b5f"]
    side = tg.linspace(-1.25, 1.25, 300)
    grid = tg.stack([side.expand(300, 300), side.reshape(300, 1).expand(300, 300)], 2)
    with tg.no_grad():
        regions = model(grid.reshape(-1, 2).to(x.device)).argmax(1).reshape(300, 300)
    axis, chosen = side.numpy(), regions.cpu().numpy()
    points, labels = x.cpu().numpy(), y.cpu().numpy()

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), width_ratios=(1, 1.1))
    left.pcolormesh(axis, axis, chosen, cmap=ListedColormap(colours), alpha=0.28, rasterized=True)
    for c, colour in enumerate(colours):
        left.contour(axis, axis, chosen == c, levels=[0.5], colors="white", linewidths=1.2)
        arm = points[labels == c]
        left.scatter(*arm.T, s=20, c=colour, edgecolors="white", lw=0.5, label=f"class {c}")
    left.set(title="Points and decision regions", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    left.legend(loc="upper right", framealpha=0.9)

    epochs = range(1, len(losses) + 1)
    right.plot(epochs, losses, color="#33415c", lw=1.6, label="loss")
    right.set(title=f"Training (best epoch: {max(accuracies):.1%} right)", xlabel="epoch")
    right.set_ylabel("cross-entropy loss", color="#33415c")
    right.set_ylim(0)
    right.grid(alpha=0.25)
    twin = right.twinx()
    twin.plot(epochs, accuracies, color="#e09f3e", lw=1.3, label="accuracy")
    twin.set_ylabel("accuracy", color="#b97a1a")
    twin.set_ylim(0, 1.02)
    right.legend(handles=[*right.lines, *twin.lines], loc="center right")
    for panel in (left, right, twin):
        panel.spines["top"].set_visible(False)
    figure.tight_layout()
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> float:
    """Run the example by its command line; returns the final accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the data and the training")
    parser.add_argument("--epochs", type=int, default=300)
    # The usual recipe for this data says lr 1.0, but its optimiser forgets its velocity between
    # steps. With momentum at work 1.0 is too far: seed 0 ends with 55 % of the points right.
    parser.add_argument("--lr", type=float, default=0.3, help="learning rate of the first epoch")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="spiral.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="few epochs and a small picture")
    options = parser.parse_args(arguments)
    epochs = 5 if options.smoke else options.epochs
    if epochs < 1:
        parser.error(f"--epochs must be at least 1, got {epochs}")

    tg.manual_seed(options.seed)
    x, y = spiral()
    x, y = x.to(options.device), y.to(options.device)
    model, losses, accuracies = train(x, y, epochs, options.lr)
    final = accuracy(model, x, y)
    print(f"final accuracy {final:.2%} (best epoch, kept; the last one had {accuracies[-1]:.2%})")
    draw(model, x, y, losses, accuracies, options.out, dpi=50 if options.smoke else 110)
    print(f"picture in {options.out}")
    return final


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
