"""Sequences of different lengths: padded to one length, or packed without padding.

Packed, the sequences are sorted by length, longest first, and all their elements at one time are
neighbouring rows. Between the two forms stands a mask of the places that are filled: reading the
places of a mask packs, writing them pads.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...device import device as Device
from ...device import move
from ...errors import ArgumentError, DtypeError, ShapeError
from ...ops.cast import as_operand
from ...ops.gather import index_select
from ...ops.index import getitem, setitem
from ...ops.shape import cat, reshape, split, transpose
from ...tensor import Tensor, to_host, wrap

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences of different lengths without padding.

    Made by `pack_padded_sequence` and `pack_sequence`; recurrent layers take it and give it back.

    Attributes:
        data: elements of all sequences, (S, ...): those of the first time, then those of the
            second.
        batch_sizes: number of sequences at each time, int64 on the CPU.
        sorted_indices: where each packed sequence stood in the batch; None if the batch was sorted.
        unsorted_indices: the inverse: where each sequence of the batch stands in the packed ones.

    Args:
        data, batch_sizes, sorted_indices, unsorted_indices: the attributes; one of the last two is
            enough.

    Raises:
        ArgumentError: if there are no batch sizes.

    Example:
        >>> import tapegrad as tg
        >>> a, b = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([4.0, 5.0])
        >>> tg.nn.utils.rnn.pack_sequence([a, b]).data
        tensor([1., 4., 2., 5., 3.])
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (tuple, list)) or len(data) != 2:
                raise ArgumentError("PackedSequence: batch_sizes must be given")
            data, batch_sizes = data
        if isinstance(batch_sizes, Tensor) and batch_sizes.device.type != "cpu":
            raise ArgumentError(
                f"PackedSequence: batch_sizes must be on the CPU, got {batch_sizes.device}"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Convert or move the data, and move the indices along; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        places = (self.sorted_indices, self.unsorted_indices)
        moved = (None if p is None else p.to(data.device) for p in places)
        return PackedSequence(data, self.batch_sizes, *moved)

    def cpu(self) -> PackedSequence:
        """Move to the host."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> PackedSequence:
        """Move to a GPU, by default the current one."""
        return self.to("cuda" if device is None else Device(device))

    def pin_memory(self) -> PackedSequence:
        """Pin the data, as far as tensors are pinned here; itself where nothing changes."""
        data = self.data.pin_memory()
        return self if data is self.data else self._replace(data=data)

    def is_pinned(self) -> bool:
        """Whether the data is pinned."""
        return bool(self.data.is_pinned())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.device.type == "cuda"


def _conversion(name: str) -> Any:
    def convert(self: PackedSequence) -> PackedSequence:
        return self.to(getattr(self.data, name)().dtype)

    convert.__name__ = name
    convert.__doc__ = f"Convert the data as `Tensor.{name}` does."
    return convert


for _name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
    setattr(PackedSequence, _name, _conversion(_name))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another one.

    Args:
        permutation: 1-d integer tensor, or None, which stands for no change.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.utils.rnn.invert_permutation(tg.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    return None if permutation is None else wrap(np.argsort(permutation.array))


def _lengths(op: str, lengths: Any, batch: int | None, longest: int) -> Any:
    """Lengths as an array on the host, checked."""
    array = to_host(lengths) if isinstance(lengths, Tensor) else np.asarray(lengths)
    if array.ndim != 1:
        raise ShapeError(f"{op}: lengths must be 1-d, got shape {array.shape}")
    if batch is not None and array.shape[0] != batch:
        raise ShapeError(
            f"{op}: there must be one length for each sequence of the batch ({batch}), got "
            f"{array.shape[0]}"
        )
    if not array.size:
        raise ShapeError(f"{op}: there are no sequences")
    if array.dtype.kind not in "iu":
        whole = array.astype(np.int64)
        if array.dtype.kind != "f" or not isinstance(lengths, Tensor) or (whole != array).any():
            raise DtypeError(f"{op}: lengths must be ints, got {array.dtype}")
        array = whole
    if array.min() <= 0:
        raise ArgumentError(f"{op}: lengths must be positive, got {int(array.min())}")
    if array.max() > longest:
        raise ArgumentError(
            f"{op}: a length of {int(array.max())} is more than the input has, {longest} times"
        )
    return array.astype(np.int64)


def _on_device(array: Any, like: Tensor) -> Tensor:
    return wrap(move(array, like.device))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences: leave the padding away.

    Value: the rows of `input` before the end of their sequence, time by time, the longest sequence
    first. Adjoint: `g` at these rows, 0 in the padding.

    Args:
        input: (T, N, ...), or (N, T, ...) with `batch_first`.
        lengths: N lengths between 1 and T; a tensor or a sequence of ints.
        batch_first: whether the batch is the first dimension.
        enforce_sorted: expect the sequences sorted by length, longest first; otherwise they are
            sorted, and the layers that take the result put theirs back into the order of the batch.

    Raises:
        ShapeError: if there is not one length for each sequence, or there are no sequences.
        ArgumentError: for a length below 1 or above T, or lengths that are not sorted.
        DtypeError: for lengths that are no ints.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]])
        >>> packed = tg.nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True)
        >>> packed.data, packed.batch_sizes
        (tensor([1., 4., 2., 5., 3.]), tensor([2, 2, 1]))
    """
    op = "pack_padded_sequence"
    input = as_operand(input, op)
    if input.ndim < 2:
        raise ShapeError(f"{op}: input must be (T, N, ...), got shape {input.shape}")
    if batch_first:
        input = transpose(input, 0, 1)
    times, batch = input.shape[:2]
    lengths = _lengths(op, lengths, batch, times)
    order = back = None
    if not enforce_sorted:
        places = np.argsort(-lengths, kind="stable")
        lengths = lengths[places]
        order = _on_device(places, input)
        back = invert_permutation(order)
        input = index_select(input, 1, order)
    elif any(a < b for a, b in pairwise(lengths.tolist())):
        raise ArgumentError(
            f"{op}: lengths must be sorted, longest first, got {lengths.tolist()}; sort the sequences or "
            "pass enforce_sorted=False"
        )
    filled = np.arange(lengths[0])[:, None] < lengths  # (times, N)
    if lengths[-1] == times:
        data = reshape(input, (times * batch, *input.shape[2:]))
    else:
        data = getitem(input[: len(filled)], _on_device(filled, input))
    sizes: Any = filled.sum(1)
    return PackedSequence(data, wrap(sizes), order, back)


def _filled(rows: Tensor, mask: Any, padding_value: float) -> Tensor:
    """Rows written to the places of a mask, in their order, and a padding everywhere else."""
    shape = (*mask.shape, *rows.shape[1:])
    if mask.all():
        return reshape(rows, shape)
    out = wrap(np.full_like(rows.array, padding_value, shape=shape))
    setitem(out, _on_device(mask, rows), rows)
    return out


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pad packed sequences to one length.

    Value: the rows of each sequence, in the order of the batch, followed by the padding. Adjoint:
    `g` without the padding, packed.

    Args:
        sequence: packed sequences.
        batch_first: whether the batch is the first dimension of the result.
        padding_value: what stands behind the end of a sequence.
        total_length: length of the result, by default that of the longest sequence.

    Returns:
        The padded sequences, (T, N, ...) or (N, T, ...), and their lengths, int64 on the CPU.

    Raises:
        ArgumentError: if `total_length` is less than that of the longest sequence.
        DtypeError: if `sequence` is not packed.

    Example:
        >>> import tapegrad as tg
        >>> packed = tg.nn.utils.rnn.pack_sequence([tg.ones(3), tg.ones(2)])
        >>> tg.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        (tensor([[1., 1., 1.],
                [1., 1., 0.]]), tensor([3, 2]))
    """
    op = "pad_packed_sequence"
    if not isinstance(sequence, PackedSequence):
        raise DtypeError(f"{op}: sequence must be packed, got {type(sequence).__name__}")
    data, batch_sizes, _, back = sequence
    sizes = to_host(batch_sizes)
    times = len(sizes)
    if total_length is not None:
        if total_length < times:
            raise ArgumentError(
                f"{op}: total_length must be at least that of the longest sequence ({times}), got "
                f"{total_length}"
            )
        sizes = np.concatenate([sizes, np.zeros(total_length - times, sizes.dtype)])
    mask = np.arange(sizes[0]) < sizes[:, None]  # (T, N)
    padded = _filled(data, mask, padding_value)
    lengths = mask.sum(0)
    if back is not None:
        padded = index_select(padded, 1, back)
        lengths = lengths[to_host(back)]
    return (transpose(padded, 0, 1) if batch_first else padded), wrap(lengths)


def _sequences(op: str, sequences: Any) -> list[Tensor]:
    given = [as_operand(s, op, f"sequences[{i}]") for i, s in enumerate(sequences)]
    if not given:
        raise ShapeError(f"{op}: there are no sequences")
    for i, sequence in enumerate(given):
        if not sequence.ndim or sequence.shape[1:] != given[0].shape[1:]:
            wanted = ", ".join(("T", *map(str, given[0].shape[1:])))
            raise ShapeError(
                f"{op}: all sequences must be alike but for their length, ({wanted}); sequences[{i}] has "
                f"shape {sequence.shape}"
            )
    return given


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Join sequences of different lengths, padded to the longest.

    Value: one sequence beside the other, each followed (or preceded) by the padding. Adjoint: `g`
    without the padding for each.

    Args:
        sequences: (L, ...) each, alike but for L.
        batch_first: whether the batch is the first dimension of the result.
        padding_value: what fills the shorter ones.
        padding_side: "right" or "left".

    Returns:
        (T, N, ...), or (N, T, ...) with `batch_first`, with T the longest L; the dtype is that of
        the first.

    Raises:
        ShapeError: if there are none, or they differ in more than their length.
        ArgumentError: for another side.

    Example:
        >>> import tapegrad as tg
        >>> a, b = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([4.0, 5.0])
        >>> tg.nn.utils.rnn.pad_sequence([a, b], batch_first=True)
        tensor([[1., 2., 3.],
                [4., 5., 0.]])
    """
    op = "pad_sequence"
    if padding_side not in ("right", "left"):
        raise ArgumentError(f"{op}: padding_side must be 'right' or 'left', got {padding_side!r}")
    given = _sequences(op, sequences)
    lengths = np.array([len(s) for s in given])
    longest = int(lengths.max())
    places = np.arange(longest)
    if padding_side == "left":
        places = places[::-1]
    mask = places < lengths[:, None]  # (N, T)
    padded = _filled(cat([s.to(given[0].dtype) for s in given]), mask, padding_value)
    return padded if batch_first else transpose(padded, 0, 1)


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Args:
        sequences: (L, ...) each, alike but for L.
        enforce_sorted: as for `pack_padded_sequence`.

    Raises:
        ShapeError: if there are none, or they differ in more than their length.
        ArgumentError: for empty ones, or if they are not sorted.

    Example:
        >>> import tapegrad as tg
        >>> a, b = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([4.0, 5.0])
        >>> tg.nn.utils.rnn.pack_sequence([a, b]).batch_sizes
        tensor([2, 2, 1])
    """
    given = _sequences("pack_sequence", sequences)
    lengths = [len(s) for s in given]
    return pack_padded_sequence(pad_sequence(given), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """Cut padded sequences to their lengths: the inverse of `pad_sequence`.

    Args:
        padded_sequences: (T, N, ...), or (N, T, ...) with `batch_first`.
        lengths: N lengths; a tensor or a sequence of ints.
        batch_first: whether the batch is the first dimension.

    Returns:
        The sequences, (L, ...) each.

    Example:
        >>> import tapegrad as tg
        >>> tg.nn.utils.rnn.unpad_sequence(tg.ones(2, 3), [3, 2], batch_first=True)
        [tensor([1., 1., 1.]), tensor([1., 1.])]
    """
    op = "unpad_sequence"
    padded = as_operand(padded_sequences, op, "padded_sequences")
    if padded.ndim < 2:
        raise ShapeError(f"{op}: padded_sequences must be (T, N, ...), got shape {padded.shape}")
    if not batch_first:
        padded = transpose(padded, 0, 1)
    batch, times = padded.shape[:2]
    lengths = _lengths(op, lengths, batch, times)
    rows = getitem(padded, _on_device(np.arange(times) < lengths[:, None], padded))
    return list(split(rows, lengths.tolist()))


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Take packed sequences apart, in the order of the batch: the inverse of `pack_sequence`.

    Args:
        packed_sequences: packed sequences.

    Returns:
        The sequences, (L, ...) each.

    Example:
        >>> import tapegrad as tg
        >>> packed = tg.nn.utils.rnn.pack_sequence([tg.ones(3), tg.ones(2)])
        >>> tg.nn.utils.rnn.unpack_sequence(packed)
        [tensor([1., 1., 1.]), tensor([1., 1.])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
