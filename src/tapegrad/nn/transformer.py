"""Stacks of Transformer layers, and the whole model."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from .. import creation
from .._typing import DTypeLike
from ..dtypes import as_dtype, get_default_dtype
from ..errors import ArgumentError, DtypeError, ShapeError
from ..ops.elementwise import relu
from ..ops.shape import whole_number
from ..tensor import Tensor
from . import init
from .containers import ModuleList
from .module import Module
from .normalisation import LayerNorm
from .transformer_layers import Activation, TransformerDecoderLayer, TransformerEncoderLayer


def _copies(op: str, layer: Any, count: Any) -> ModuleList:
    if not isinstance(layer, Module):
        raise DtypeError(f"{op}: the layer must be a module, got {type(layer).__name__}")
    return ModuleList([deepcopy(layer) for _ in range(whole_number(op, "num_layers", count))])


def _is_causal(mask: Tensor | None, hint: bool | None, length: int) -> bool:
    """Whether a mask forbids just what comes later; looked up in its values if nobody says so."""
    if hint is not None:
        return hint
    if mask is None or mask.shape != (length, length) or mask.requires_grad:
        return False
    array = mask.array
    if not isinstance(array, np.ndarray):
        return False  # looking would wait for the device, and the mask itself says the same
    later = np.triu(np.ones_like(array, shape=(length, length), dtype=bool), 1)
    if array.dtype.kind == "b":
        return bool((array == later).all())
    return bool((array == np.where(later, -np.inf, 0.0)).all())


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer.

    Shape:
        that of the layer, `TransformerEncoderLayer`.

    Attributes:
        layers: `ModuleList` of the copies, which begin with equal parameters.

    Args:
        encoder_layer: what to copy.
        num_layers: how often.
        norm: a module for the result, or None.
        enable_nested_tensor, mask_check: accepted; there are no nested tensors here, so what padded positions
            become is computed like the rest.

    Raises:
        DtypeError: if the layer is no module.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
        >>> encoder = tg.nn.TransformerEncoder(layer, num_layers=2)
        >>> encoder(tg.ones(5, 3, 8)).shape
        (5, 3, 8)

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies("TransformerEncoder", encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Pass the sequence through all layers.

        Args:
            src, mask, src_key_padding_mask: as for the layer.
            is_causal: says whether `mask` is the causal one; None looks at its values.
        """
        causal = _is_causal(mask, is_causal, _length(src, self.layers))
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, causal)
        return src if self.norm is None else self.norm(src)


def _length(sequence: Tensor, layers: ModuleList) -> int:
    """Its second dimension where layers have the batch first, else its first."""
    first = (
        getattr(getattr(layers[0], "self_attn", None), "batch_first", False) if layers else False
    )
    return sequence.shape[1 if first and sequence.ndim == 3 else 0]


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer.

    Shape:
        that of the layer, `TransformerDecoderLayer`.

    Attributes:
        layers: `ModuleList` of the copies, which begin with equal parameters.

    Args:
        decoder_layer: what to copy.
        num_layers: how often.
        norm: a module for the result, or None.

    Raises:
        DtypeError: if the layer is no module.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16)
        >>> decoder = tg.nn.TransformerDecoder(layer, num_layers=2)
        >>> decoder(tg.ones(4, 3, 8), tg.ones(5, 3, 8)).shape
        (4, 3, 8)

    References:
        Vaswani et al., "Attention Is All You Need" (2017), section 3.1.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies("TransformerDecoder", decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Pass the sequence through all layers.

        Args:
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask: as for the
                layer.
            tgt_is_causal: says whether `tgt_mask` is the causal one; None looks at its values.
            memory_is_causal: says that `memory_mask` is the causal one.
        """
        causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, self.layers))
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                causal, memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encode one sequence, and decode another that looks at it.

    Embeddings, codes for positions and the last projection are not part of it.

    Shape:
        src (S, N, E) and tgt (T, N, E), or with `batch_first` the batch N first, or without N; result shaped
        as tgt. E = `d_model`.

    Attributes:
        encoder, decoder: `TransformerEncoder` and `TransformerDecoder`, each with a normalisation at its end.
            At first all matrices are uniform after Glorot.

    Args:
        d_model: E.
        nhead: heads, a divisor of E.
        num_encoder_layers, num_decoder_layers: how many layers.
        dim_feedforward, dropout, activation: as for `TransformerEncoderLayer`.
        custom_encoder, custom_decoder: modules to take instead.
        layer_norm_eps, batch_first, norm_first, bias: as for `TransformerEncoderLayer`.
        device, dtype: of the parameters.

    Raises:
        ArgumentError: if E is not a positive multiple of the number of heads, or for an unknown activation.

    Example:
        >>> import tapegrad as tg
        >>> model = tg.nn.Transformer(8, 2, 1, 1, dim_feedforward=16, batch_first=True)
        >>> mask = model.generate_square_subsequent_mask(4)
        >>> model(tg.ones(3, 5, 8), tg.ones(3, 4, 8), tgt_mask=mask).shape
        (3, 4, 8)

    References:
        Vaswani et al., "Attention Is All You Need" (2017).
    """

    encoder: Any
    decoder: Any

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__()
        layer = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first,
            bias, device, dtype,
        )  # fmt: skip
        norm = d_model, layer_norm_eps, True, bias, device, dtype
        self.encoder = custom_encoder
        if custom_encoder is None:
            first = TransformerEncoderLayer(*layer)
            self.encoder = TransformerEncoder(first, num_encoder_layers, LayerNorm(*norm))
        self.decoder = custom_decoder
        if custom_decoder is None:
            last = TransformerDecoderLayer(*layer)
            self.decoder = TransformerDecoder(last, num_decoder_layers, LayerNorm(*norm))
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode the one sequence and decode the other.

        Args:
            src, tgt: the sequences.
            src_mask, tgt_mask: (S, S) and (T, T), or one for each sample and head, (N * heads, ...); bools,
                True for what is not seen, or numbers added to the scores.
            memory_mask: (T, S), or one for each sample and head, likewise.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: (N, S), (N, T) and (N, S);
                bools, True for positions that none sees, or numbers.
            src_is_causal, tgt_is_causal: say whether the mask is the causal one; None looks at its values.
            memory_is_causal: says that `memory_mask` is the causal one.

        Raises:
            ShapeError: if batches differ, or the number of features is not E.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == tgt.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"transformer: src and tgt must have the same batch, got {src.shape} and {tgt.shape}"
            )
        if src.shape[-1:] != (self.d_model,) or tgt.shape[-1:] != (self.d_model,):
            raise ShapeError(
                f"transformer: src and tgt must have d_model = {self.d_model} features, got {src.shape} and "
                f"{tgt.shape}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(  # type: ignore[no-any-return]
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Any = None, dtype: DTypeLike = None
    ) -> Tensor:
        """The causal mask: minus infinity above the diagonal, zero elsewhere.

        Args:
            sz: length of the sequence.
            device: the CPU by default.
            dtype: the default dtype by default.

        Returns:
            A mask, (sz, sz), to be added to scores.

        Raises:
            ArgumentError: if the length is no int or negative.
        """
        length = whole_number("generate_square_subsequent_mask", "sz", sz)
        kind = get_default_dtype() if dtype is None else as_dtype(dtype)
        if kind.kind not in "fV":
            raise ArgumentError(
                f"generate_square_subsequent_mask: dtype must be floating, got {kind}"
            )
        return creation.full(  # type: ignore[no-any-return]
            (length, length), -np.inf, dtype=kind, device=device
        ).triu(1)
