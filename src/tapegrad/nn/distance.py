"""Distances and similarities as modules."""

from __future__ import annotations

from ..ops.distance import cosine_similarity, pairwise_distance
from ..tensor import Tensor
from .arguments import check_dims, check_numbers
from .module import Module


class CosineSimilarity(Module):
    """Compute the cosine of the angle between vectors along a dimension.

    Shape:
        shapes that broadcast; the result lacks the dimension.

    Args:
        dim: the dimension of the vectors.
        eps: smallest divisor.

    Example:
        >>> import tapegrad as tg
        >>> x, y = tg.tensor([[1.0, 0.0]]), tg.tensor([[1.0, 1.0]])
        >>> tg.nn.CosineSimilarity()(x, y)
        tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        check_dims(self, dim=dim)
        check_numbers(self, eps=eps)
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Compute the cosines."""
        return cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """Compute the distance between vectors along the last dimension.

    Shape:
        shapes (N, D) or (D,) that broadcast; the result lacks the last dimension.

    Args:
        p: order of the norm.
        eps: added to differences.
        keepdim: keep the last dimension with size 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.PairwiseDistance()(tg.tensor([3.0, 0.0]), tg.tensor([0.0, 4.0]))
        tensor(5.)
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        check_numbers(self, p=p, eps=eps)
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Compute the distances."""
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
