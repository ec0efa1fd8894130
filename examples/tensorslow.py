"""Train a perceptron with three hidden layers on red and blue points and draw its decision boundary.

Two blue and two red clouds lie crosswise, so no straight line separates the colours. First, an affine
map `z = A x + b` is recorded and its tape printed: in define-by-run nothing is declared beforehand,
the graph is what the computation left behind.

    python examples/tensorslow.py
    python examples/tensorslow.py --seed 3 --steps 4000 --out /tmp/tensorslow.png
"""

from __future__ import annotations

import argparse
import sys

import tapegrad as tg
from tapegrad import nn, optim

LR = 0.03
COLOURS = ("#2e6fbb", "#d1382c")  # class 0 is blue, class 1 is red


def affine() -> tg.Tensor:
    """Compute `z = A x + b` for `x = (1, 2)`: it is (2, -1)."""
    a = tg.tensor([[1.0, 0.0], [0.0, -1.0]], requires_grad=True)
    b = tg.tensor([1.0, 1.0], requires_grad=True)
    x = tg.tensor([1.0, 2.0])
    return a @ x + b


def clouds(points: int = 25) -> tuple[tg.Tensor, tg.Tensor]:
    """Make the data: blue around (0, 1) and (1, 0), red around (0, 0) and (1, 1).

    Returns:
        Positions (4 * points, 2) and the class of each (4 * points,).
    """
    centres = tg.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    x = centres.repeat_interleave(points, 0) + 0.2 * tg.randn(4 * points, 2)
    return x, tg.arange(4 * points) // (2 * points)


def accuracy(model: nn.Module, x: tg.Tensor, y: tg.Tensor) -> float:
    """Share of the points whose more likely colour is the right one."""
    with tg.no_grad():
        return (model(x).argmax(1) == y).to(tg.float32).mean().item()


def train(x: tg.Tensor, y: tg.Tensor, steps: int) -> tuple[nn.Module, list[float]]:
    """Descend the summed cross-entropy of all points at once.

    Returns:
        The model, and the loss before each step.
    """
    from tqdm import tqdm

    model = nn.Sequential(
        *(nn.Linear(2, 4), nn.Sigmoid()),
        *(nn.Linear(4, 8), nn.Sigmoid()),
        *(nn.Linear(8, 2), nn.Sigmoid()),
        nn.Linear(2, 2),
    )
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    model.to(x.device)
    loss_fn = nn.CrossEntropyLoss(reduction="sum")
    optimizer = optim.SGD(model.parameters(), lr=LR)
    losses: list[float] = []

    # disable=None: no bar where the output is not a terminal
    progress = tqdm(range(steps), unit="step", disable=None)
    for step in progress:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0:
            progress.write(f"step {step:4d}  loss {losses[-1]:.4f}")
    return model, losses


def draw(
    model: nn.Module, x: tg.Tensor, y: tg.Tensor, losses: list[float], out: str, *, dpi: int
) -> None:
    """Draw how likely red is at each place, the boundary, the points and the loss curve."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    side = tg.linspace(-0.8, 1.8, 300)
    grid = tg.stack([side.expand(300, 300), side.reshape(300, 1).expand(300, 300)], 2)
    with tg.no_grad():
        red = model(grid.reshape(-1, 2).to(x.device)).softmax(1)[:, 1].reshape(300, 300)
    axis, red = side.numpy(), red.cpu().numpy()
    points, labels = x.cpu().numpy(), y.cpu().numpy()

    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 5), width_ratios=(1.15, 1))
    shades = LinearSegmentedColormap.from_list("", [COLOURS[0], "#f7f7f7", COLOURS[1]])
    image = left.pcolormesh(
        axis, axis, red, cmap=shades, vmin=0, vmax=1, alpha=0.6, rasterized=True
    )
    left.contour(axis, axis, red, levels=[0.5], colors="#222222", linewidths=1.6)
    for c, (name, colour) in enumerate(zip(("blue", "red"), COLOURS, strict=True)):
        cloud = points[labels == c]
        left.scatter(*cloud.T, s=30, c=colour, edgecolors="white", lw=0.8, label=name)
    left.set(title="Points and decision boundary", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    left.legend(loc="upper right", framealpha=0.9)
    figure.colorbar(image, ax=left, fraction=0.046, pad=0.03, label="probability of red")

    right.semilogy(losses, color="#33415c", lw=1.6)
    right.set(title=f"Training ({accuracy(model, x, y):.0%} right)", xlabel="step")
    right.set_ylabel("summed cross-entropy of 100 points")
    right.grid(alpha=0.25, which="both")
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> float:
    """Run the example by its command line; returns the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of the points and the weights")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="tensorslow.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="few steps and a small picture")
    options = parser.parse_args(arguments)
    steps = 200 if options.smoke else options.steps
    if steps < 1:
        parser.error(f"--steps must be at least 1, got {steps}")

    z = affine()
    print(f"z = A x + b = {z.tolist()}, on the tape:\n{z.tape()}\n")
    tg.manual_seed(options.seed)
    x, y = clouds()
    x, y = x.to(options.device), y.to(options.device)
    model, losses = train(x, y, steps)
    right = accuracy(model, x, y)
    print(f"final loss {losses[-1]:.4f}, accuracy {right:.0%}")
    draw(model, x, y, losses, options.out, dpi=50 if options.smoke else 110)
    print(f"picture in {options.out}")
    return right


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
