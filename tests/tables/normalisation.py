"""Normalisation of layers, batches, instances and groups, and the bilinear map."""

from __future__ import annotations

from typing import Any

import numpy as np

from rows import INF, NAN, Bad, Row, S, Sample, normal
from tapegrad import errors
from tapegrad.nn import functional as F


def _standard(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def _affine(y: Any, weight: Any, bias: Any, shape: Any) -> Any:
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _channels(x: Any) -> tuple[int, ...]:
    return (1, x.shape[1], *(1,) * (x.ndim - 2))


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(-len(shape), 0))
    return _affine(_standard(x, axes, eps), weight, bias, shape) if x.size else x


def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    axes = tuple(range(-len(shape), 0))
    eps = np.finfo(x.dtype).eps if eps is None else eps
    y = x / np.sqrt((x * x).mean(axes, keepdims=True) + eps) if x.size else x
    return _affine(y, weight, None, shape)


def _group_norm(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    if not x.size:
        return x
    y = _standard(x.reshape(x.shape[0], groups, -1), -1, eps).reshape(x.shape)
    return _affine(y, weight, bias, _channels(x))


def _batch_norm(
    x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))
    if not training:
        spread = np.sqrt(running_var.reshape(_channels(x)) + eps)
        y = (x - running_mean.reshape(_channels(x))) / spread
    else:
        y = _standard(x, axes, eps) if x.size else x
    return _affine(y, weight, bias, _channels(x))


def _instance_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    if not use_input_stats:
        return _batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    y = _standard(x, tuple(range(2, x.ndim)), eps) if x.size else x
    return _affine(y, weight, bias, _channels(x))


def _local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        out[:, c] = x[:, c] / (k + alpha / size * (window**2).sum(1)) ** beta
    return out


def _bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    out = np.einsum("...i,oij,...j->...o", x, weight, y)
    return out if bias is None else out + bias


def _layer_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3)
    return [
        S((x, (3,))), S((x, (2, 3))), S((x, (3,), normal(rng, 3), normal(rng, 3))),
        S((x, (3,), normal(rng, 3))), S((x, [3], None, normal(rng, 3), 0.5)),
        S((normal(rng, 2, 1, 2, 3), (2, 3), normal(rng, 2, 3), normal(rng, 2, 3))),
        S((normal(rng, 3), (3,), normal(rng, 3))), S((normal(rng, 3, 2)[::-1].T, (3,), normal(rng, 3)[::-1])),
        S((normal(rng, 0, 3), (3,), normal(rng, 3), normal(rng, 3))), S((normal(rng, 2, 0), (0,))),
        S((normal(rng, 2, 20), (20,), normal(rng, 20), normal(rng, 20))), S((normal(rng, 2, 20), (20,))),
    ]  # fmt: skip


def _rms_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 3)
    return [
        S((x, (3,))), S((x, (2, 3), normal(rng, 2, 3))), S((x, (3,), normal(rng, 3), 0.1)),
        S((x, (3,)), {"eps": 1.0}), S((normal(rng, 3, 2)[::-1].T, (3,), normal(rng, 3))),
        S((normal(rng, 0, 3), (3,), normal(rng, 3))), S((normal(rng, 2, 0), (0,))),
        S((normal(rng, 1, 2, 20), (20,), normal(rng, 20))), S((normal(rng, 2, 20), (20,))),
    ]  # fmt: skip


def _group_samples(rng: np.random.Generator) -> list[Sample]:
    x, w, b = normal(rng, 2, 4, 3), normal(rng, 4), normal(rng, 4)
    return [
        S((x, 2)), S((x, 2, w, b)), S((x, 4, w, b, 0.5)), S((normal(rng, 2, 4), 2, w, b)),
        S((normal(rng, 3, 2, 2, 2)[::-1], 2, w[:2], b[::2])), S((normal(rng, 0, 4, 3), 2, w, b)),
        S((normal(rng, 2, 4, 0), 2)), S((normal(rng, 1, 2, 4, 5), 1, w[:2], b[:2])),
        S((normal(rng, 1, 2, 4, 5), 2)),
    ]  # fmt: skip


def _batch_samples(rng: np.random.Generator) -> list[Sample]:
    w, b = normal(rng, 3), normal(rng, 3)
    none = {"running_mean": None, "running_var": None, "training": True}
    return [
        S((normal(rng, 4, 3),), none), S((normal(rng, 4, 3), None, None, w, b, True)),
        S((normal(rng, 2, 3, 2), None, None, w, b, True)), S((normal(rng, 2, 3, 2), None, None, None, b, True, 0.1, 0.5)),
        S((normal(rng, 2, 3, 2, 2)[::-1], None, None, w[::-1], None, True)),
        S((normal(rng, 0, 3), None, None, w, b, True)), S((normal(rng, 2, 3, 0),), none),
        S((normal(rng, 1, 3, 20), None, None, w, b, True)), S((normal(rng, 1, 3, 20),), none),
    ]  # fmt: skip


def _fixed_samples(rng: np.random.Generator) -> list[Sample]:
    w, b, x = normal(rng, 3), normal(rng, 3), normal(rng, 2, 3, 2)
    return [
        S((x, w, b)),
        S((x, w, None)),
        S((x, None, b)),
        S((x[..., 0], w, b)),
        S((x, None, None)),
    ]


MEAN, VAR = np.array([0.5, -1.0, 2.0]), np.array([0.5, 1.0, 3.0])


def _with_statistics(norm: Any, **options: Any) -> Any:
    """A norm by given running statistics, of the input, weight and bias."""

    def function(x: Any, weight: Any, bias: Any) -> Any:
        make = (lambda a: a) if isinstance(x, np.ndarray) else _like(x)
        return norm(x, make(MEAN), make(VAR), weight, bias, **options)

    return function


def _like(x: Any) -> Any:
    import tapegrad as tg

    return lambda array: tg.tensor(array, device=x.device, dtype=x.dtype)


def _instance_samples(rng: np.random.Generator) -> list[Sample]:
    w, b = normal(rng, 3), normal(rng, 3)
    return [
        S((normal(rng, 2, 3, 4),)), S((normal(rng, 2, 3, 2, 2), None, None, w, b)),
        S((normal(rng, 2, 3, 4), None, None, w, None, True, 0.1, 0.5)), S((normal(rng, 2, 3, 4)[::-1], None, None, None, b)),
        S((normal(rng, 2, 3, 0),)),
        S((normal(rng, 1, 3, 20), None, None, w, b)),
    ]  # fmt: skip


def _local_samples(rng: np.random.Generator) -> list[Sample]:
    x = normal(rng, 2, 4, 2)
    strong = {"alpha": 2.0, "beta": 0.5, "k": 0.7}
    return [
        S((x, 1), strong), S((x, 2), strong), S((x, 3), strong), S((x, 5)), S((x, 9), strong),
        S((normal(rng, 1, 3, 2, 2)[::-1], 2, 1.0, 1.0, 2.0)), S((normal(rng, 0, 3, 2), 2)),
        S((normal(rng, 2, 1, 2), 3), strong),
    ]  # fmt: skip


def _bilinear_samples(rng: np.random.Generator) -> list[Sample]:
    w, b = normal(rng, 2, 3, 2), normal(rng, 2)
    return [
        S((normal(rng, 2, 3), normal(rng, 2, 2), w, b)), S((normal(rng, 2, 3), normal(rng, 2, 2), w)),
        S((normal(rng, 3), normal(rng, 2), w, b)), S((normal(rng, 2, 1, 3), normal(rng, 2, 1, 2), w, b)),
        S((normal(rng, 0, 3), normal(rng, 0, 2), w, b)), S((normal(rng, 3, 2).T, normal(rng, 2, 2)[::-1], w[::-1], b)),
    ]  # fmt: skip


X, C = np.ones((2, 3)), np.ones(3)
X[0] = 0.0
P = X[..., None] + np.arange(2)
V2 = np.ones(2)
LONG = X.astype(np.int64)
SHAPE, DTYPE, ARGUMENT = errors.ShapeError, errors.DtypeError, errors.ArgumentError
NAMES = "nn.functional."
TEXTS = Bad(("text", (3,)), DTYPE, "must be a tensor")

ROWS = [
    Row("layer_norm", F.layer_norm, _layer_norm, _layer_samples,
        lambda rng: [S((np.array([[1.0, NAN, 2.0], [1.0, 1.0, 1.0], [INF, 0.0, 0.0]]), (3,))),
                     S((np.array([[3.0], [-1.0]]), (1,), np.array([2.0]), np.array([5.0])))],
        torch=NAMES + "layer_norm", integers=False, bad=(
            Bad((X, (4,)), SHAPE, "last sizes"), Bad((X, ()), ARGUMENT, "at least one"), Bad((X, 3), ARGUMENT, "sequence"),
            Bad((X, (1, 2, 3)), SHAPE, "last sizes"), Bad((X, (3,), V2), SHAPE, "weight must have shape (3,)"),
            Bad((X, (3,), C, np.ones((1, 3))), SHAPE, "bias"), Bad((X, (3,), C.astype("f4")), DTYPE, "float32"),
            Bad((LONG, (3,)), DTYPE, "floating"), Bad((X, ("a",)), ARGUMENT, "ints"), TEXTS)),
    Row("rms_norm", F.rms_norm, _rms_norm, _rms_samples,
        lambda rng: [S((np.array([[1.0, NAN, 2.0], [0.0, 0.0, 0.0]]), (3,)))],
        torch=NAMES + "rms_norm", integers=False, bad=(
            Bad((X, (4,)), SHAPE, "last sizes"), Bad((X, ()), ARGUMENT, "at least one"), Bad((X, (3,), V2), SHAPE, "weight"),
            Bad((LONG, (3,)), DTYPE, "floating"), TEXTS), complex=3),
    Row("group_norm", F.group_norm, _group_norm, _group_samples, torch=NAMES + "group_norm", integers=False, bad=(
        Bad((P, 2), SHAPE, "divisible"), Bad((P, 0), ARGUMENT, "positive"), Bad((P, -3), ARGUMENT, "positive"),
        Bad((C, 1), SHAPE, "(N, C, ...)"), Bad((X[:1], 3), SHAPE, "more than one"), Bad((P, 3, V2), SHAPE, "weight"),
        Bad((P, 3, C, V2), SHAPE, "bias"), Bad((LONG, 3), DTYPE, "floating"), Bad((P, 1.0), ARGUMENT, "num_groups"))),
    Row("group_norm_partial", F.group_norm, _group_norm,  # whose gradient PyTorch cannot compute
        lambda rng: [S((normal(rng, 2, 4, 3), 1, normal(rng, 4), None)), S((normal(rng, 2, 4, 3), 4, None, normal(rng, 4)))],
        torch="", integers=False),
    Row("batch_norm", F.batch_norm, _batch_norm, _batch_samples, torch=NAMES + "batch_norm", integers=False, bad=(
        Bad((X, None, None), ARGUMENT, "must be given unless training"), Bad((X, None, C), ARGUMENT, "both"),
        Bad((X, V2, C), SHAPE, "running_mean"), Bad((X, C, V2), SHAPE, "running_var"),
        Bad((X[:1], C, C, None, None, True), SHAPE, "more than one value"),
        Bad((C, C, C, None, None, True), SHAPE, "(N, C, ...)"), Bad((LONG, C, C), DTYPE, "floating"),
        Bad((X, C.astype("f4"), C), DTYPE, "running_mean"), Bad((X, C, C, V2), SHAPE, "weight"),
        Bad((X, C, C, None, None, True, 0.1, 0), ARGUMENT, "eps"),
        Bad((X, C, C, None, None, True, None), ARGUMENT, "momentum"))),
    Row("batch_norm_fixed", _with_statistics(F.batch_norm), _with_statistics(_batch_norm), _fixed_samples, torch="",
        integers=False),
    Row("instance_norm", F.instance_norm, _instance_norm, _instance_samples, torch=NAMES + "instance_norm", integers=False, bad=(
        Bad((X,), SHAPE, "more than one position"), Bad((P[..., :1],), SHAPE, "more than one position"),
        Bad((P, None, None, None, None, False), ARGUMENT, "without use_input_stats"), Bad((P, C), ARGUMENT, "both"),
        Bad((P, V2, V2), SHAPE, "running_mean"), Bad((P, None, None, V2), SHAPE, "weight"),
        Bad((P,), ARGUMENT, "eps must be positive", {"eps": 0}), Bad((P.astype(np.int64),), DTYPE, "floating"))),
    Row("instance_norm_fixed", _with_statistics(F.instance_norm, use_input_stats=False), _with_statistics(_batch_norm),
        _fixed_samples, torch="", integers=False),
    Row("local_response_norm", F.local_response_norm, _local_response_norm, _local_samples,
        torch=NAMES + "local_response_norm", integers=False, bad=(
            Bad((X, 2), SHAPE, "positions"), Bad((P, 0), ARGUMENT, "size"), Bad((P, -1), ARGUMENT, "size"),
            Bad((P, 1.5), ARGUMENT, "size"), Bad((P.astype(np.int64), 2), DTYPE, "floating"))),
    Row("bilinear", F.bilinear, _bilinear, _bilinear_samples, torch=NAMES + "bilinear", integers=False, bad=(
        Bad((X, X[:1], np.ones((2, 3, 3))), SHAPE, "leading"), Bad((X, X, np.ones((2, 3, 4))), SHAPE, "last sizes"),
        Bad((X, X, np.ones((2, 3))), SHAPE, "weight"), Bad((X, X, np.ones((2, 3, 3)), C), SHAPE, "bias"),
        Bad((X, X.astype("f4"), np.ones((2, 3, 3))), DTYPE, "float32"), Bad((X, 1.0, np.ones((2, 3, 3))), DTYPE, "input2")), complex=3, torch_complex_gradient=False),
]  # fmt: skip
