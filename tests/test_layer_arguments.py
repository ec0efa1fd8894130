"""Wrong arguments are refused when a layer is made, by an error that names the class and the argument."""

from __future__ import annotations

from typing import Any

import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import ArgumentError

# Class: wrong arguments, positional or by name; and a word of the message.
WRONG: list[tuple[str, Any, str]] = [
    ("Linear", (2, -1), "out_features"), ("Linear", (True, 1), "in_features"), ("Bilinear", (0, 1, 2), "in1_features"),
    ("Softmax", ("x",), "dim"), ("LogSoftmax", (1.5,), "dim"), ("Softmin", ("x",), "dim"), ("GLU", ("x",), "dim"),
    ("Flatten", ("a",), "start_dim"), ("Flatten", (0, 1.5), "end_dim"), ("Unflatten", (1, 3), "unflattened_size"),
    ("Unflatten", ("a", (1,)), "dim"), ("Softplus", ("a",), "beta"), ("Softplus", {"threshold": None}, "threshold"),
    ("GELU", ("x",), "approximate"), ("LeakyReLU", ("x",), "negative_slope"), ("ELU", (None,), "alpha"), ("CELU", (0.0,), "alpha"),
    ("CELU", ("x",), "alpha"), ("RReLU", (2.0, 1.0), "lower"), ("RReLU", ("x",), "lower"), ("Hardtanh", ("a",), "min_val"),
    ("Hardtanh", (1.0, 0.0), "min_val"), ("Hardshrink", ("x",), "lambd"), ("Softshrink", (-1.0,), "lambd"), ("Threshold", ("a", 1), "threshold"),
    ("Threshold", (1, None), "value"), ("PReLU", (0,), "num_parameters"), ("PReLU", (1, "x"), "init"), ("Dropout", (1.5,), "p must"),
    ("PixelShuffle", (0,), "upscale_factor"), ("PixelUnshuffle", (1.5,), "downscale_factor"), ("ChannelShuffle", (0,), "groups"),
    ("ReflectionPad2d", ((1, 2, 3),), "padding"), ("ZeroPad2d", ("a",), "padding"), ("ConstantPad1d", (1, "a"), "value"),
    ("Unfold", (0,), "kernel_size"), ("Unfold", (2, 0), "dilation"), ("Unfold", {"kernel_size": 2, "padding": -1}, "padding"),
    ("Fold", (3, 0), "kernel_size"), ("Fold", ("x", 2), "output_size"), ("Conv2d", (3, 4, 3, 0), "stride"), ("Conv2d", (3, 4, (1, 2, 3)), "kernel_size"),
    ("Conv1d", (3, 4, 3, 1, -1), "padding"), ("Conv1d", (3, 4, 3, 1, "x"), "padding"), ("Conv1d", (3, 4, 3, 2, "same"), "'same'"),
    ("Conv1d", (3, 4, 1, 1, 0, 1, 2), "groups"), ("Conv3d", (0, 1, 1), "in_channels"), ("ConvTranspose2d", {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "padding_mode": "reflect"}, "padding_mode"),
    ("MaxPool2d", (0,), "kernel_size"), ("MaxPool2d", (2, 0), "stride"), ("MaxPool1d", (2, 2, 2), "half"), ("MaxPool3d", ((1, 2),), "kernel_size"),
    ("MaxPool1d", {"kernel_size": 2, "dilation": 0}, "dilation"), ("AvgPool1d", (2.5,), "kernel_size"), ("AvgPool2d", ((1, 2, 3),), "kernel_size"),
    ("AvgPool2d", {"kernel_size": 2, "divisor_override": 0}, "divisor_override"), ("AvgPool3d", (2, 1, 2), "half"), ("LPPool2d", (0, 2), "norm_type"),
    ("LPPool1d", ("x", 2), "norm_type"), ("LPPool3d", (2, 0), "kernel_size"), ("MaxUnpool2d", (0,), "kernel_size"), ("MaxUnpool1d", (2, 0), "stride"),
    ("AdaptiveAvgPool2d", ((1, 2, 3),), "output_size"), ("AdaptiveAvgPool1d", (-1,), "output_size"), ("AdaptiveMaxPool3d", ("x",), "output_size"),
    ("FractionalMaxPool2d", (2,), "output_size"), ("Upsample", (), "scale_factor"), ("Upsample", (2, 2), "scale_factor"), ("Upsample", (2, None, "x"), "mode"),
    ("Upsample", {"size": 2, "align_corners": True}, "align_corners"), ("Upsample", {"size": 2, "recompute_scale_factor": True}, "recompute"),
    ("Embedding", (-1, 3), "num_embeddings"), ("Embedding", (3, 2, 7), "padding_idx"), ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "max_norm": -1.0}, "max_norm"),
    ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "norm_type": "x"}, "norm_type"), ("EmbeddingBag", {"num_embeddings": 3, "embedding_dim": 2, "mode": "x"}, "mode"),
    ("BatchNorm1d", (2.5,), "num_features"), ("BatchNorm2d", (2, "x"), "eps"), ("BatchNorm3d", (2, 1e-5, "x"), "momentum"), ("InstanceNorm1d", (-1,), "num_features"),
    ("LayerNorm", (-1,), "normalized_shape"), ("LayerNorm", (2, None), "eps"), ("RMSNorm", ("a",), "normalized_shape"), ("RMSNorm", (2, "x"), "eps"),
    ("GroupNorm", (2, 3), "num_groups"), ("GroupNorm", (0, 3), "num_groups"), ("GroupNorm", (1, 3, "x"), "eps"), ("LocalResponseNorm", (0,), "size"),
    ("LocalResponseNorm", (2, "x"), "alpha"), ("CrossMapLRN2d", (2.5,), "size"), ("CosineSimilarity", ("x",), "dim"), ("PairwiseDistance", ("x",), "p must"),
    ("L1Loss", ("x",), "reduction"), ("CrossEntropyLoss", {"label_smoothing": 2.0}, "label_smoothing"), ("NLLLoss", {"ignore_index": 1.5}, "ignore_index"),
    ("HuberLoss", {"delta": 0.0}, "delta"), ("SmoothL1Loss", {"beta": -1.0}, "beta"), ("PoissonNLLLoss", {"eps": "x"}, "eps"), ("GaussianNLLLoss", {"eps": 0.0}, "eps"),
    ("CTCLoss", (-1,), "blank"), ("HingeEmbeddingLoss", ("x",), "margin"), ("MarginRankingLoss", (None,), "margin"), ("CosineEmbeddingLoss", ("x",), "margin"),
    ("MultiMarginLoss", (3,), "p must"), ("MultiMarginLoss", {"margin": "x"}, "margin"), ("TripletMarginLoss", (0.0,), "margin"), ("TripletMarginLoss", {"p": "x"}, "p must"),
    ("TripletMarginWithDistanceLoss", {"distance_function": 3}, "distance_function"), ("MultiheadAttention", (6, 4), "num_heads"), ("MultiheadAttention", (6, 0), "num_heads"),
    ("MultiheadAttention", (6, 2, 1.5), "dropout"), ("MultiheadAttention", ("x", 2), "embed_dim"), ("FractionalMaxPool3d", (0, 2), "kernel_size"),
    ("AdaptiveLogSoftmaxWithLoss", (4, 10, []), "cutoffs"), ("TransformerEncoderLayer", (6, 4), "num_heads"), ("DropConnect", (2, 2, 1.5), "p must"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "word"), WRONG)
def test_wrong_arguments(name: str, given: Any, word: str) -> None:
    with pytest.raises(ArgumentError, match=word) as caught:
        getattr(nn, name)(**given) if isinstance(given, dict) else getattr(nn, name)(*given)
    kind = "MultiheadAttention" if "num_heads" in word else name
    assert str(caught.value).startswith(f"{kind}: ")


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: nn.Linear(4, 3), (2, 5), "Linear: expected last dimension 4, got 5"),
        (lambda: nn.Conv2d(3, 4, 3), (1, 2, 5, 5), "Conv2d: .* expects 3 channels, got 2"),
        (lambda: nn.LayerNorm(4), (2, 3), r"^LayerNorm: the last sizes of input must be \(4,\)"),
        (lambda: nn.BatchNorm1d(4), (2, 3), "BatchNorm1d: expected 4 channels, got 3"),
        (lambda: nn.GroupNorm(2, 4), (2, 6), "GroupNorm: expected 4 channels, got 6"),
        (lambda: nn.MaxPool2d(3), (1, 1, 2, 2), "MaxPool2d: "),
    ],
)
def test_wrong_inputs_name_the_layer_and_both_sizes(make: Any, shape: Any, message: str) -> None:
    with pytest.raises(tg.errors.ShapeError, match=message):
        make()(tg.ones(*shape))


def test_the_message_names_the_innermost_layer_by_its_path() -> None:
    class Block(nn.Module):
        def __init__(self, features: int) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(128, 128), nn.Linear(features, 2)])

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x

    model = nn.Sequential(nn.ModuleDict({"encoder": nn.Identity()})["encoder"], Block(64))
    with pytest.raises(tg.errors.ShapeError, match=r"^1\.layers\.1 \(Linear\): expected last dimension 64, got 128 \(input"):  # fmt: skip
        model(tg.ones(3, 128))
    model = nn.Sequential(Block(128), nn.Softmax(5))
    with pytest.raises(tg.errors.DimensionError, match=r"^1 \(Softmax\): "):
        model(tg.ones(3, 128))
