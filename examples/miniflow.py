"""Train a network of 3 inputs, 4 hidden units and 2 outputs on one sample and watch its weights.

The smallest complete training: `x = [1, 2, 3]` goes through a sigmoid layer and a tanh layer to the
target `[-0.85, 0.75]`. Textbooks build this network by hand, with a node class for every operation.

One such program, MiniFlow, divides the squared error by the number of rows in its gradient but by
the number of rows *and* outputs in its value, so its gradient is too large by the number of outputs,
here 2. It trains twice as fast as its learning rate says. Both gradients are drawn.

    python examples/miniflow.py
    python examples/miniflow.py --epochs 10 --out /tmp/miniflow.png
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

import tapegrad as tg
from tapegrad import nn, optim

X = [[1.0, 2.0, 3.0]]
TARGET = [[-0.85, 0.75]]
LR = 0.1


class History(NamedTuple):
    """What one training went through; the weights have one row more, their start."""

    outputs: tg.Tensor  # (epochs, 2), each before its step
    w1: tg.Tensor  # (epochs + 1, 12)
    w2: tg.Tensor  # (epochs + 1, 8)
    losses: list[float]  # the mean squared error, whichever loss was descended


def network(spread: float = 0.0) -> nn.Sequential:
    """Build the network with its given weights, each moved by `spread` times a normal number."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2), nn.Tanh()).double()
    w1 = tg.arange(1, 13, dtype=tg.float64).reshape(3, 4) / 10
    w2 = tg.arange(13, 21, dtype=tg.float64).reshape(4, 2) / 10
    given = {
        "0.weight": w1.T,  # a Linear keeps (outputs, inputs)
        "0.bias": tg.tensor([-2.0, -6.0, -1.0, -7.0]),
        "2.weight": w2.T,
        "2.bias": tg.tensor([-2.5, -5.0]),
    }
    model.load_state_dict(given)
    with tg.no_grad():
        for parameter in model.parameters():
            parameter += spread * tg.randn_like(parameter)
    return model


def train(model: nn.Sequential, loss_fn: nn.Module, epochs: int) -> History:
    """Descend `loss_fn` by plain SGD and keep what the model went through."""
    from tqdm import tqdm

    device = model[0].weight.device
    x = tg.tensor(X, dtype=tg.float64, device=device)
    y = tg.tensor(TARGET, dtype=tg.float64, device=device)
    optimizer = optim.SGD(model.parameters(), lr=LR)
    outputs, losses = [], []
    w1, w2 = ([layer.weight.detach().T.flatten()] for layer in (model[0], model[2]))

    # disable=None: no bar where the output is not a terminal
    progress = tqdm(range(epochs), unit="epoch", disable=None)
    for _ in progress:
        out = model(x)
        loss = loss_fn(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        outputs.append(out.detach().flatten())
        losses.append(nn.functional.mse_loss(outputs[-1], y.flatten()).item())
        w1.append(model[0].weight.detach().T.flatten())
        w2.append(model[2].weight.detach().T.flatten())
        progress.set_postfix(loss=f"{losses[-1]:.4f}")
    return History(tg.stack(outputs), tg.stack(w1), tg.stack(w2), losses)


def slopes(model: nn.Sequential, step: float = 1e-6) -> tuple[float, float, float]:
    """Find the slope of the mean squared error in the first weight of the output layer.

    Returns:
        By central difference, by `backward` of the mean, and as MiniFlow has it.
    """
    weight = model[2].weight
    x = tg.tensor(X, dtype=tg.float64, device=weight.device)
    y = tg.tensor(TARGET, dtype=tg.float64, device=weight.device)
    nudge = tg.zeros_like(weight)
    nudge[0, 0] = step

    def loss(moved: tg.Tensor, reduction: str) -> tg.Tensor:
        out = tg.func.functional_call(model, {"2.weight": moved}, (x,))
        return nn.functional.mse_loss(out, y, reduction=reduction)

    with tg.no_grad():
        difference = (loss(weight + nudge, "mean") - loss(weight - nudge, "mean")) / (2 * step)
    (mean,) = tg.autograd.grad(loss(weight, "mean"), [weight])
    # Over one row, what MiniFlow calls the gradient of the mean is the gradient of the sum.
    (total,) = tg.autograd.grad(loss(weight, "sum"), [weight])
    return difference.item(), mean[0, 0].item(), total[0, 0].item()


def draw(trainings: dict[str, History], out: str, *, dpi: int) -> None:
    """Draw outputs, both weight matrices and the loss over the epochs, a row for each training."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 4, figsize=(15, 7), width_ratios=(1, 1, 1, 1.1))
    for row, (name, history) in zip(panels, trainings.items(), strict=True):
        pictures = (
            ("output", history.outputs, "RdBu_r", ["out 0", "out 1"]),
            ("$w_1$", history.w1, "Reds", [f"{i},{j}" for i in range(3) for j in range(4)]),
            ("$w_2$", history.w2, "Reds", [f"{i},{j}" for i in range(4) for j in range(2)]),
        )
        for panel, (title, values, colours, labels) in zip(row[:3], pictures, strict=True):
            limits = {"vmin": -1, "vmax": 1} if title == "output" else {}
            image = panel.imshow(values.T.cpu().numpy(), aspect="auto", cmap=colours, **limits)
            panel.set(title=title, xlabel="epoch")
            panel.set_yticks(range(len(labels)), labels, fontsize=8)
            figure.colorbar(image, ax=panel, fraction=0.06, pad=0.03)
        row[0].set_ylabel(name, fontsize=11, labelpad=12)

        x = range(len(history.losses))
        for i, colour in enumerate(("#e4572e", "#2e86ab")):
            row[3].plot(x, history.outputs[:, i].tolist(), color=colour, lw=1.8, label=f"out {i}")
            row[3].axhline(TARGET[0][i], color=colour, lw=1, ls=":")
        row[3].plot(x, history.losses, color="#33415c", lw=1.4, ls="--", label="loss")
        row[3].set(title="outputs, targets (dotted) and loss", xlabel="epoch", ylim=(-1.1, 2.7))
        row[3].legend(loc="upper right")
        row[3].grid(alpha=0.25)
        row[3].spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, History]:
    """Run the example by its command line; returns both trainings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of what --spread adds")
    parser.add_argument("--spread", type=float, default=0.0, help="noise added to the weights")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="miniflow.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="few epochs and a small picture")
    options = parser.parse_args(arguments)
    epochs = 10 if options.smoke else options.epochs
    if epochs < 1:
        parser.error(f"--epochs must be at least 1, got {epochs}")

    trainings = {}
    losses = {
        "mean squared error": nn.MSELoss(),
        "MiniFlow's gradient": nn.MSELoss(reduction="sum"),
    }
    for name, loss_fn in losses.items():
        tg.manual_seed(options.seed)
        model = network(options.spread).to(options.device)
        if not trainings:
            difference, mean, miniflow = slopes(model)
            print("slope of the mean squared error in the first weight of the output layer")
            print(f"  by differences {difference:.6f}, by backward {mean:.6f}, ", end="")
            print(f"by MiniFlow {miniflow:.6f}: {miniflow / mean:.2f} times as large")
        history = trainings[name] = train(model, loss_fn, epochs)
        print(name)
        for epoch in sorted({0, min(10, epochs) - 1, epochs - 1}):
            first, second = history.outputs[epoch].tolist()
            loss = history.losses[epoch]
            print(f"  epoch {epoch + 1:3d}  output [{first:5.2f}, {second:5.2f}]  loss {loss:.4f}")
    draw(trainings, options.out, dpi=50 if options.smoke else 110)
    print(f"picture in {options.out}")
    return trainings


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
