"""Softmax over very many classes, the rare ones of them in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from .._typing import DTypeLike
from ..errors import ArgumentError, DimensionError, ShapeError
from ..ops.nn import log_softmax
from ..ops.shape import cat, whole_number
from ..tensor import Tensor
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module


class AdaptiveLogProbabilities(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns."""

    output: Tensor  # log-probability of each target
    loss: Tensor  # minus their mean


class AdaptiveLogSoftmaxWithLoss(Module):
    """Compute log-probabilities of targets among very many classes without looking at all of them.

    Classes are sorted by frequency. The head decides between the `cutoffs[0]` most frequent ones, the
    shortlist, and clusters of the rare ones; only clusters that a target lies in are computed:
    `log p(t) = log_softmax(head(x))[t]` in the shortlist, and
    `log_softmax(head(x))[c] + log_softmax(tail_c(x))[t - first_c]` in a cluster c. The map of cluster i
    (from 1) goes through `in_features // div_value**i` features.

    Shape:
        input (N, D), or (D,), with D = `in_features`; target (N,), or (); output as target; loss ().

    Attributes:
        head: `Linear` from D to shortlist and clusters.
        tail: `ModuleList` with two `Linear` maps without bias for each cluster.

    Args:
        in_features: D.
        n_classes: how many classes.
        cutoffs: where clusters begin, ascending, each between 1 and `n_classes - 1`.
        div_value: see above.
        head_bias: whether the head adds a bias.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: for cutoffs that do not ascend within their limits.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.AdaptiveLogSoftmaxWithLoss(8, 1000, cutoffs=[10, 100])
        >>> output, loss = layer(tg.zeros(3, 8), tg.tensor([2, 50, 999]))
        >>> output.shape, layer.log_prob(tg.zeros(3, 8)).shape
        ((3,), (3, 1000))

    References:
        Grave, Joulin, Cisse, Grangier, Jegou, "Efficient softmax approximation for GPUs" (2017).
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.in_features = whole_number(name, "in_features", in_features)
        self.n_classes = whole_number(name, "n_classes", n_classes, 1)
        given = [whole_number(name, "cutoffs", cutoff) for cutoff in cutoffs]
        if not given or any(a >= b for a, b in pairwise([0, *given, n_classes])):
            raise ArgumentError(
                f"{name}: cutoffs must ascend between 1 and n_classes - 1 = {n_classes - 1}, and there must "
                f"be one, got {list(cutoffs)}"
            )
        if not div_value > 0:
            raise ArgumentError(f"{name}: div_value must be positive, got {div_value}")
        self.cutoffs = [*given, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = given[0]
        self.n_clusters = len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for index, (first, end) in enumerate(pairwise(self.cutoffs)):
            features = int(in_features // div_value ** (index + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, features, False, device, dtype),
                    Linear(features, end - first, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for cluster in self.tail:
            for layer in cluster:  # type: ignore[attr-defined]
                layer.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> AdaptiveLogProbabilities:
        """Compute the log-probabilities of the targets, and minus their mean.

        Args:
            input: (N, D) or (D,).
            target: classes, (N,) or ().

        Raises:
            ShapeError: if their shapes do not belong together.
            DimensionError: if a target is no class.
        """
        if target.ndim > 1 or input.ndim != target.ndim + 1 or input.shape[:-1] != target.shape:
            raise ShapeError(
                "adaptivelogsoftmaxwithloss: input and target must be (N, D) and (N,), or (D,) and (), got "
                f"{input.shape} and {target.shape}"
            )
        if not target.ndim:
            output, loss = self.forward(input.unsqueeze(0), target.unsqueeze(0))
            return AdaptiveLogProbabilities(output.squeeze(0), loss)
        wanted = target  # its place in the head
        found = []
        count = int((target >= 0).logical_and(target < self.shortlist_size).sum())
        for index, (first, end) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= first).logical_and(target < end)
            rows = inside.nonzero()[:, 0]
            if not rows.shape[0]:
                continue
            count += rows.shape[0]
            wanted = wanted.masked_fill(inside, self.shortlist_size + index)
            local = log_softmax(self.tail[index](input[rows]), 1)
            found.append((rows, local.gather(1, (target[rows] - first).unsqueeze(1))[:, 0]))
        if count != target.shape[0]:
            raise DimensionError(
                f"adaptivelogsoftmaxwithloss: target must lie between 0 and {self.n_classes - 1}, got "
                f"values from {target.min().item()} to {target.max().item()}"
            )
        head = log_softmax(self.head(input), 1)
        output = head.gather(1, wanted.unsqueeze(1))[:, 0]
        for rows, local in found:
            output = output.index_add(0, rows, local)
        return AdaptiveLogProbabilities(output, -output.mean())

    def _all(self, input: Tensor, head: Tensor) -> Tensor:
        head = log_softmax(head, 1)
        parts = [head[:, : self.shortlist_size]]
        for index, cluster in enumerate(self.tail):
            place = self.shortlist_size + index
            parts.append(log_softmax(cluster(input), 1) + head[:, place : place + 1])
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Compute the log-probabilities of all classes.

        Args:
            input: (N, D).

        Returns:
            Log-probabilities, (N, `n_classes`).
        """
        return self._all(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """Find the most probable class of each sample; clusters are looked at only where the head is in doubt.

        Args:
            input: (N, D).

        Returns:
            Classes, (N,).
        """
        head = self.head(input)
        output = head.argmax(1)
        rows = (output >= self.shortlist_size).nonzero()[:, 0]
        if not rows.shape[0]:
            return output  # type: ignore[no-any-return]
        rare = self._all(input[rows], head[rows]).argmax(1)
        return output.index_copy(0, rows, rare)  # type: ignore[no-any-return]
