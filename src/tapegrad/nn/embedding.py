"""Tables of vectors, looked up by number."""

from __future__ import annotations

from typing import Any, Self

from .. import creation
from .._typing import DTypeLike
from ..errors import ArgumentError, ShapeError
from ..ops import embedding as ops
from ..ops.shape import whole_number
from ..tensor import Tensor
from . import init
from .arguments import check_numbers
from .module import Module
from .parameter import Parameter


class _Table(Module):
    """A table of vectors with a row that may be padding."""

    weight: Parameter
    padding_idx: int | None
    max_norm: float | None
    norm_type: float

    def _make(
        self, rows: Any, features: Any, padding: Any, sparse: bool, given: Any, frozen: bool,
        device: Any, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        kind = type(self).__name__
        self.num_embeddings = whole_number(kind, "num_embeddings", rows)
        self.embedding_dim = whole_number(kind, "embedding_dim", features)
        if self.max_norm is not None:
            check_numbers(self, max_norm=self.max_norm)
            if not self.max_norm >= 0:
                raise ArgumentError(f"{kind}: max_norm must not be negative, got {self.max_norm}")
        check_numbers(self, norm_type=self.norm_type)
        if sparse:
            raise ArgumentError(f"{kind}: sparse=True is not supported; gradients are dense")
        self.padding_idx = ops.padding_row(kind, padding, rows)
        if given is None:
            made = creation.empty(rows, features, device=device, dtype=dtype)
            self.weight = Parameter(made, requires_grad=not frozen)
            self.reset_parameters()
            return
        if tuple(given.shape) != (rows, features):
            raise ShapeError(
                f"{kind}: the weight must have shape {(rows, features)}, got {tuple(given.shape)}"
            )
        self.weight = Parameter(given, requires_grad=not frozen)

    def reset_parameters(self) -> None:
        """Draw the table anew from the standard normal distribution; the padding row becomes zeros."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            init.zeros_(self.weight.detach()[self.padding_idx])


def _two_dimensional(op: str, embeddings: Any) -> tuple[int, int]:
    if len(embeddings.shape) != 2:
        raise ShapeError(f"{op}: embeddings must be 2-d, got shape {tuple(embeddings.shape)}")
    rows, features = embeddings.shape
    return rows, features


class Embedding(_Table):
    """Look up rows of a table.

    Shape:
        input (...), int64 or int32; result (..., D) with D = `embedding_dim`.

    Attributes:
        weight: (V, D) with V = `num_embeddings`, at first N(0, 1).

    Args:
        num_embeddings, embedding_dim: V and D.
        padding_idx: row that is zeros at first and whose gradient is zero.
        max_norm: rows that are read are first scaled down, in place, to this norm if theirs is larger.
        norm_type: exponent of that norm.
        scale_grad_by_freq: whether to divide gradients by how often their row was read.
        sparse: must be False, gradients are dense.
        _weight: the table, instead of a new one.
        _freeze: whether it needs no gradient.
        device, dtype: of the table.

    Raises:
        ArgumentError: for `sparse`, or a `padding_idx` that does not exist.

    Example:
        >>> import tapegrad as tg
        >>> table = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> tg.nn.Embedding.from_pretrained(table)(tg.tensor([1, 0]))
        tensor([[3., 4.],
                [1., 2.]])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make(
            num_embeddings, embedding_dim, padding_idx, sparse, _weight, _freeze, device, dtype
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Make the layer of a table that is there already, and that it shares.

        Args:
            embeddings: the table, (V, D).
            freeze: whether the table is not to be trained.
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as for the layer.

        Raises:
            ShapeError: if the table is not 2-d.
        """
        rows, features = _two_dimensional("from_pretrained", embeddings)
        return cls(
            rows, features, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings,
            freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """Look up the rows."""
        return ops.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts + _options(self))


class EmbeddingBag(_Table):
    """Look up rows of a table and reduce them bag by bag.

    Shape:
        input (B, L), or (N,) with offsets (B,); result (B, D) with D = `embedding_dim`.

    Attributes:
        weight: (V, D) with V = `num_embeddings`, at first N(0, 1).

    Args:
        num_embeddings, embedding_dim: V and D.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for `Embedding`.
        mode: `"sum"`, `"mean"` or `"max"`.
        _weight: the table, instead of a new one.
        include_last_offset: whether offsets have N as an additional last element.
        padding_idx: row that is zeros at first and is left out of every bag.
        device, dtype: of the table.

    Raises:
        ArgumentError: for `sparse`, or a `padding_idx` that does not exist.

    Example:
        >>> import tapegrad as tg
        >>> table = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> tg.nn.EmbeddingBag.from_pretrained(table)(tg.tensor([0, 1, 1]), tg.tensor([0, 2]))
        tensor([[2., 3.],
                [3., 4.]])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        if mode not in ops.MODES:
            raise ArgumentError(f"EmbeddingBag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._make(
            num_embeddings, embedding_dim, padding_idx, sparse, _weight, False, device, dtype
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Make the layer of a table that is there already, and that it shares.

        Args:
            embeddings: the table, (V, D).
            freeze: whether the table is not to be trained.
            max_norm, norm_type, scale_grad_by_freq, mode, sparse: as for the layer.
            include_last_offset, padding_idx: as for the layer.

        Raises:
            ShapeError: if the table is not 2-d.
        """
        rows, features = _two_dimensional("from_pretrained", embeddings)
        made = cls(
            rows, features, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        made.weight.requires_grad_(not freeze)
        return made

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Look up the rows and reduce them."""
        return ops.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            False,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """What stands between the parentheses when the layer is printed."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}", *_options(self)]
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)


def _options(layer: Any) -> list[str]:
    """What both layers print of the options that are not as by default."""
    parts = [] if layer.max_norm is None else [f"max_norm={layer.max_norm}"]
    if layer.norm_type != 2:
        parts.append(f"norm_type={layer.norm_type}")
    if layer.scale_grad_by_freq:
        parts.append(f"scale_grad_by_freq={layer.scale_grad_by_freq}")
    return parts
