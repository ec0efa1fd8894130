"""Show the layers that image networks are made of, each on an array small enough to read.

For each: what goes in, what comes out, and the gradient that the sum of the outputs sends back. The
gradient says how much each input counts: max pooling counts the largest of a window only, a cropped
pixel not at all, and batch normalisation takes back what all inputs of a column have in common.

    python examples/layers.py
    python examples/layers.py --seed 3 --out /tmp/layers.png
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

import tapegrad as tg
from tapegrad import nn


class Shown(NamedTuple):
    """A layer, and the arrays to draw for it."""

    title: str
    layer: nn.Module
    arrays: dict[str, tg.Tensor]


ACTIVATIONS = {
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "ReLU": nn.ReLU(),
    "leaky ReLU": nn.LeakyReLU(0.1),
    "ELU": nn.ELU(),
    "softplus": nn.Softplus(),
}


def show(title: str, layer: nn.Module, x: tg.Tensor, **parameters: tg.Tensor) -> Shown:
    """Send `x` through the layer and ones back, and keep all as seen by the eye (rows, columns).

    Args:
        title: What to write above.
        layer: Any module of one input.
        x: Its input.
        parameters: Parameters of the layer by name, with the values they get first.
    """
    layer.load_state_dict({**layer.state_dict(), **parameters})
    layer.to(x.device)
    x = x.clone().requires_grad_()
    out = layer(x)
    out.sum().backward()
    arrays = {"input": x.detach(), **parameters, "output": out.detach(), "gradient": x.grad}
    return Shown(title, layer, {name: flat(value) for name, value in arrays.items()})


def flat(value: tg.Tensor) -> tg.Tensor:
    """Drop leading axes of one sample and one channel, so that a matrix is left."""
    value = value.cpu()
    while value.ndim > 2:
        value = value[0]
    return value.reshape(1, -1) if value.ndim < 2 else value


def gallery(device: str = "cpu") -> list[Shown]:
    """Show every layer but the activations."""

    def image(rows: list[list[float]]) -> tg.Tensor:
        return tg.tensor(rows, dtype=tg.float32, device=device)[None, None]

    crossing = image(
        [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
    )
    kernel = image([[1, 0, 1], [0, 1, 0], [1, 0, 1]]).cpu()
    squares = image([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    road = image(
        [[9, 9, 9, 9, 9], [9, 9, 8, 9, 9], [3, 3, 1, 3, 3], [3, 1, 2, 1, 3], [1, 2, 2, 2, 1]]
    )
    samples = tg.tensor([10.0, 0.0, -200.0]) + tg.tensor([1.0, 5.0, 50.0]) * tg.randn(4, 3)
    row = tg.tensor([[1.0, 2.0, 3.0]], device=device)
    weight, bias = tg.tensor([[0.5, 0.0, 1.0], [-1.0, 1.0, 0.0]]), tg.tensor([0.5, 0.0])
    linear, pool = nn.Linear(3, 2), nn.MaxPool2d(2)
    sky = nn.ZeroPad2d((0, 0, -2, 0))  # cropping is padding by less than nothing
    global_pool = nn.AdaptiveAvgPool2d(1)
    return [
        show("Dense: $y = x W^T + b$", linear, row, weight=weight, bias=bias),
        show("Dropout, 40 %: the rest grows", nn.Dropout(0.4), tg.ones(5, 5, device=device)),
        show("Flatten", nn.Flatten(), squares),
        show("Convolution", nn.Conv2d(1, 1, 3, bias=False), crossing, weight=kernel),
        show("Cropping: no sky", sky, road),
        show("Zero padding by 2", nn.ZeroPad2d(2), squares),
        show("Max pooling 2 x 2", pool, squares),
        show("Average pooling 2 x 2", nn.AvgPool2d(2), squares),
        show("Global average pooling", global_pool, squares),
        show("Batch normalisation: 4 samples", nn.BatchNorm1d(3), samples.to(device)),
        show("Upsampling by 2", nn.Upsample(scale_factor=2), squares[:, :, :3, :3]),
    ]


def activations(device: str = "cpu") -> dict[str, tuple[tg.Tensor, tg.Tensor, tg.Tensor]]:
    """Find the values and the slopes of the activations between -4 and 4."""
    curves = {}
    for name, layer in ACTIVATIONS.items():
        x = tg.linspace(-4, 4, 401).to(device).requires_grad_()
        y = layer(x)
        y.sum().backward()
        curves[name] = (x.detach().cpu(), y.detach().cpu(), x.grad.cpu())
    return curves


def draw(
    shown: list[Shown],
    curves: dict[str, tuple[tg.Tensor, tg.Tensor, tg.Tensor]],
    out: str,
    *,
    dpi: int,
) -> None:
    """Draw a box for each layer, the activations in the second."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(18, 12), facecolor="white")
    boxes = figure.subfigures(4, 3, wspace=0.02, hspace=0.03).ravel().tolist()
    activation = boxes.pop(1)
    for box in (activation, *boxes):
        box.set_facecolor("#f6f7f9")

    activation.suptitle("Activation", fontsize=13, weight="bold", y=0.96)
    panels = activation.subplots(1, 2, gridspec_kw={"top": 0.8, "bottom": 0.12, "wspace": 0.25})
    for panel, title, which in zip(panels, ("value", "slope"), (1, 2), strict=True):
        for name, curve in curves.items():
            panel.plot(curve[0].numpy(), curve[which].numpy(), lw=1.6, label=name)
        panel.set_title(title, fontsize=10)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(-1.3, 3)
    panels[0].legend(fontsize=8, loc="upper left")

    shades = {"input": "Blues", "output": "Oranges", "gradient": "Greens"}
    for box, (title, _, arrays) in zip(boxes, shown, strict=True):
        box.suptitle(title, fontsize=13, weight="bold", y=0.96)
        stacked = arrays["output"].shape[0] == 1 and arrays["output"].shape[1] > 8
        shape = (len(arrays), 1) if stacked else (1, len(arrays))
        spacing = {"top": 0.78, "bottom": 0.05, "left": 0.03, "right": 0.97, "wspace": 0.15}
        panels = box.subplots(*shape, gridspec_kw=spacing)
        for panel, (name, value) in zip(panels, arrays.items(), strict=True):
            value = value.round(decimals=2) + 0.0  # no minus zero, and no shades of rounding errors
            low, high = value.min().item(), value.max().item()
            margin = 0.6 * (high - low) or 1.0  # no cell so dark that its number is lost
            limits = {"vmin": low - 0.2 * margin, "vmax": high + margin}
            panel.imshow(value.numpy(), cmap=shades.get(name, "Purples"), **limits)
            size = 7 if stacked or max(value.shape) > 6 else 9
            for row, numbers in enumerate(value.tolist()):
                for column, number in enumerate(numbers):
                    panel.text(
                        column, row, f"{number:.3g}", ha="center", va="center", fontsize=size
                    )
            size = " x ".join(map(str, value.shape))
            panel.set_title(f"{name}, {size}", fontsize=10)
            panel.set_xticks([])
            panel.set_yticks([])
            panel.set_anchor("C")
    figure.savefig(out, dpi=dpi)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> list[Shown]:
    """Run the example by its command line; returns what it showed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of what dropout drops, and the batch")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--out", default="layers.png", help="where the picture goes")
    parser.add_argument("--smoke", action="store_true", help="a small picture")
    options = parser.parse_args(arguments)

    tg.manual_seed(options.seed)
    shown = gallery(options.device)
    for _, layer, arrays in shown:
        sizes = (" x ".join(map(str, arrays[name].shape)) for name in ("input", "output"))
        print(f"{' -> '.join(sizes):18s} {layer}")
    draw(shown, activations(options.device), options.out, dpi=40 if options.smoke else 90)
    print(f"picture in {options.out}")
    return shown


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        sys.exit(f"{error}; install what the examples need: pip install -e '.[examples]'")
