"""Teach a network of 10, 7, 3 and 1 units half the sum of ten numbers, and see what can go wrong.

The usual recipe of such a first network, weights between 0 and 1 and plain gradient descent on one
sample at a time, seems to work: its loss falls from millions to about 3. In truth the first step is
so large that every ELU unit of the first layer ends far below zero, where its slope is none, and the
network answers the same number to everything. Or the step is larger still, and it answers none at all.

Three exercises follow: the gradients by hand in NumPy beside `backward`; what cures the exploding and
vanishing gradients and what does not; and that networks learn logic (all functions of two bits) and
recursion (the parity of a sequence, tested on longer ones than it was trained on).

    python examples/sparrow.py
    python examples/sparrow.py --seed 3 --steps 1000 --out /tmp/sparrow.png
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import NamedTuple

import numpy as np

import tapegrad as tg
from tapegrad import nn, optim

CONSTANT = 1.82  # mean error of the best constant answer, 12.5


class Recipe(NamedTuple):
    """One way to train the network; the defaults are the usual recipe."""

    init: str = "uniform"
    activation: type[nn.Module] = nn.ELU
    centred: bool = False
    optimizer: type[optim.Optimizer] = optim.SGD
    lr: float = 0.05
    weight_decay: float = 0.0
    clip: float = math.inf
    batch: int = 1


RECIPES = {
    "as usual": Recipe(),
    "Xavier initialisation": Recipe(init="xavier"),
    "weight decay 0.1": Recipe(weight_decay=0.1),
    "tanh units": Recipe(activation=nn.Tanh),
    "leaky ReLU units": Recipe(activation=nn.LeakyReLU),
    "centred inputs": Recipe(centred=True),
    "gradients clipped at 1": Recipe(clip=1.0),
    "clipped and Xavier": Recipe(clip=1.0, init="xavier"),
    "learning rate 1e-4": Recipe(lr=1e-4),
    "Adam": Recipe(optimizer=optim.Adam),
    "combined": Recipe("xavier", nn.LeakyReLU, True, optim.Adam, batch=20),
}


class Outcome(NamedTuple):
    """How a training ended: its losses, the mean error on fresh samples and a word for it."""

    losses: list[float]
    error: float
    verdict: str  # exploded, vanished, astray or learned


def half_sums(batch: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Make samples (batch, 10) of numbers between 0 and 5, and half of each sum (batch, 1)."""
    x = 5 * tg.rand(batch, 10)
    return x, x.sum(1, keepdim=True) / 2


class Centre(nn.Module):
    """Numbers between 0 and 5 with mean 0 and variance 1 instead."""

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return (x - 2.5) * (math.sqrt(12) / 5)


def network(recipe: Recipe) -> nn.Sequential:
    """Build the network and draw its weights."""
    activation = recipe.activation
    model = nn.Sequential(
        Centre() if recipe.centred else nn.Identity(),
        *(nn.Linear(10, 7), activation()),
        *(nn.Linear(7, 3), activation()),
        nn.Linear(3, 1),
    )
    for parameter in model.parameters():
        if recipe.init == "uniform":
            nn.init.uniform_(parameter)
        elif parameter.ndim == 2:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    return model


def train(recipe: Recipe, seed: int, steps: int, device: str = "cpu") -> Outcome:
    """Train a network by a recipe and judge its answers to 1,000 fresh samples."""
    tg.manual_seed(seed)
    model = network(recipe).to(device)
    parameters = list(model.parameters())
    optimizer = recipe.optimizer(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # some explode: that is the subject
        for _ in range(steps):
            x, y = (value.to(device) for value in half_sums(recipe.batch))
            loss = (model(x) - y).square().mean() / 2
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
            optimizer.step()
            losses.append(loss.item())
        x, y = (value.to(device) for value in half_sums(1000))
        with tg.no_grad():
            answers = model(x)
            error, spread = (answers - y).abs().mean().item(), answers.std().item()
    if not math.isfinite(error):
        error, verdict = math.inf, "exploded"
    elif spread < 0.01:
        verdict = "vanished"  # one answer to everything
    else:
        verdict = "learned" if error < CONSTANT / 2 else "astray"
    return Outcome(losses, error, verdict)


def gradients_by_hand(
    weights: list[np.ndarray], x: np.ndarray, y: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """Find the loss and its gradients in NumPy, layer by layer.

    Args:
        weights: `w1, b1, w2, b2, w3, b3`, matrices (outputs, inputs).
        x: One sample (10,).
        y: Its half sum (1,).
    """
    w1, b1, w2, b2, w3, b3 = weights
    h1 = w1 @ x + b1
    z1 = np.where(h1 > 0, h1, np.expm1(h1))
    h2 = w2 @ z1 + b2
    z2 = np.where(h2 > 0, h2, np.expm1(h2))
    out = w3 @ z2 + b3
    d3 = out - y
    d2 = w3.T @ d3 * np.where(h2 > 0, 1, np.exp(h2))
    d1 = w2.T @ d2 * np.where(h1 > 0, 1, np.exp(h1))
    gradients = [np.outer(d1, x), d1, np.outer(d2, z1), d2, np.outer(d3, z2), d3]
    return float((d3**2).sum() / 2), gradients


def hand_difference(seed: int) -> float:
    """Largest relative difference between the gradients by hand and those of `backward`."""
    tg.manual_seed(seed)
    model = network(Recipe(init="xavier")).double()
    x, y = (value.double() for value in half_sums(1))
    loss = (model(x) - y).square().mean() / 2
    loss.backward()
    weights = [parameter.detach().numpy() for parameter in model.parameters()]
    by_hand, gradients = gradients_by_hand(weights, x[0].numpy(), y[0].numpy())
    pairs = [(by_hand, loss.item())]
    pairs += zip(gradients, (p.grad.numpy() for p in model.parameters()), strict=True)
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def learn_logic(seed: int, steps: int = 300, device: str = "cpu") -> tg.Tensor:
    """Learn the 16 functions of two bits at once, XOR among them.

    Returns:
        How likely each function is held to be true for each pair of bits, (4, 16).
    """
    tg.manual_seed(seed)
    bits = tg.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], device=device)
    truth = (tg.arange(16) >> tg.arange(4).reshape(4, 1) & 1).to(tg.float32).to(device)
    model = nn.Sequential(nn.Linear(2, 8), nn.ELU(), nn.Linear(8, 16)).to(device)
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        loss = loss_fn(model(bits), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model(bits).detach().sigmoid().cpu()


class Parity(nn.Module):
    """Say after each bit whether the ones so far are odd in number: `p[t] = p[t-1] xor x[t]`."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.GRU(1, 16, batch_first=True)
        self.answer = nn.Linear(16, 1)

    def forward(self, bits: tg.Tensor) -> tg.Tensor:
        return self.answer(self.memory(bits)[0])


def learn_recursion(
    seed: int, steps: int = 1000, length: int = 12, device: str = "cpu"
) -> list[float]:
    """Learn parity on sequences of `length` bits.

    Returns:
        The accuracy after each bit of sequences of 100 bits.
    """

    def sequences(number: int, length: int) -> tuple[tg.Tensor, tg.Tensor]:
        bits = tg.randint(0, 2, (number, length, 1))
        return bits.to(tg.float32).to(device), (bits.cumsum(1) % 2).to(tg.float32).to(device)

    tg.manual_seed(seed)
    model = Parity().to(device)
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        bits, odd = sequences(64, length)
        loss = loss_fn(model(bits), odd)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    bits, odd = sequences(500, 100)
    with tg.no_grad():
        return ((model(bits) > 0) == (odd > 0)).to(tg.float32).mean((0, 2)).tolist()


def draw(
    outcomes: dict[str, list[Outcome]], logic: tg.Tensor, parity: list[float], out: str, *, dpi: int
) -> None:
    """Draw loss curves, the outcomes of all recipes, and what the exercises learned."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ((curves, bars), (table, recursion)) = plt.subplots(
        2, 2, figsize=(13, 9.5), height_ratios=(1.25, 1)
    )
    for name, colour in (("as usual", "#e4572e"), ("combined", "#2e86ab")):
        for i, outcome in enumerate(outcomes[name]):
            label = None if i else name
            curves.semilogy(outcome.losses, color=colour, lw=0.8, alpha=0.6, label=label)
    curves.axhline(2.6, color="#33415c", ls=":", lw=1.4, label="always 12.5")
    curves.set(title="Loss of every seed", xlabel="step", ylabel="half the squared error")
    curves.set_ylim(1e-5, 1e12)
    legend = curves.legend(loc="upper right")
    for line in legend.get_lines():
        line.set(alpha=1, lw=2)
    curves.grid(alpha=0.25)

    colours = {
        "exploded": "#d1382c",
        "vanished": "#8d99ae",
        "astray": "#e9c46a",
        "learned": "#4b9b5f",
    }
    names = list(outcomes)
    left = np.zeros(len(names))
    for verdict, colour in colours.items():
        counts = [sum(o.verdict == verdict for o in outcomes[name]) for name in names]
        bars.barh(names, counts, left=left, color=colour, label=verdict, height=0.7)
        left += counts
    for row, name in enumerate(names):
        error = np.median([outcome.error for outcome in outcomes[name]])
        bars.text(left[row] * 1.02, row, f"{error:.2f}", va="center", fontsize=9)
    bars.invert_yaxis()
    bars.set(title="Ends of the seeds, and their median error", xlim=(0, left[0] * 1.12))
    bars.set_xticks([])
    bars.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.4, 0.0), frameon=False, fontsize=9)

    table.imshow(logic.numpy(), cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    for (row, column), p in np.ndenumerate(logic.numpy()):
        dark = "white" if p > 0.5 else "#33415c"
        table.text(column, row, f"{p:.0f}", ha="center", va="center", color=dark)
    gates = {0: "false", 1: "NOR", 6: "XOR", 7: "NAND", 8: "AND", 9: "XNOR", 14: "OR", 15: "true"}
    table.set_xticks(range(16), [gates.get(i, "") for i in range(16)], rotation=90, fontsize=9)
    table.set_yticks(range(4), ["0 0", "0 1", "1 0", "1 1"])
    table.set(title="Logic: all 16 functions of two bits, learned", ylabel="bits")

    recursion.plot(range(1, 101), parity, color="#2e86ab", lw=1.8)
    recursion.axvspan(0, 12, color="#e9c46a", alpha=0.35, lw=0)
    recursion.text(13, 0.56, "trained on 12 bits", color="#8a6d1a")
    recursion.axhline(0.5, color="#33415c", ls=":", lw=1.4)
    recursion.text(72, 0.515, "guessing", color="#33415c")
    recursion.set(title="Recursion: parity of a sequence", xlabel="bits seen", ylabel="accuracy")
    recursion.set(xlim=(0, 100), ylim=(0.45, 1.03))
    recursion.grid(alpha=0.25)
    for panel in (curves, bars, recursion):
        panel.spines[["top", "right"]].set_visible(False)
    bars.spines["bottom"].set_visible(False)
    figure.tight_layout()
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, list[Outcome]]:
    """Run the example by its command line; returns the outcomes of each recipe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="the first of ten")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="sparrow.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="few steps and a small picture")
    options = parser.parse_args(arguments)
    steps, seeds = (20, 2) if options.smoke else (options.steps, 10)
    if steps < 1:
        parser.error(f"--steps must be at least 1, got {steps}")
    from tqdm import tqdm

    print(f"by hand and by backward differ by {hand_difference(options.seed):.1e} of the gradient")
    outcomes: dict[str, list[Outcome]] = {}
    # disable=None: no bar where the output is not a terminal
    progress = tqdm(RECIPES.items(), unit="recipe", disable=None)
    for name, recipe in progress:
        numbers = range(options.seed, options.seed + seeds)
        ends = [train(recipe, seed, steps, options.device) for seed in numbers]
        outcomes[name] = ends
        error = np.median([end.error for end in ends])
        counts = [
            f"{verdict} {sum(end.verdict == verdict for end in ends):2d}"
            for verdict in ("exploded", "vanished", "astray", "learned")
        ]
        progress.write(f"{name:24s} {'  '.join(counts)}  median error {error:.3f}")
    short = {"steps": 20} if options.smoke else {}
    logic = learn_logic(options.seed, device=options.device, **short)
    parity = learn_recursion(options.seed, device=options.device, **short)
    truth = np.arange(16) >> np.arange(4)[:, None] & 1
    print(f"logic: {(logic.numpy().round() == truth).mean():.1%} of the 64 answers right")
    print(f"parity: {parity[11]:.1%} right after 12 bits, {parity[99]:.1%} after 100")
    draw(outcomes, logic, parity, options.out, dpi=50 if options.smoke else 110)
    print(f"picture in {options.out}")
    return outcomes


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
