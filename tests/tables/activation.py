"""Activation functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

import tapegrad as tg
from rows import INF, NAN, NO_DIM, TEXT, Bad, Row, S, Sample, away, both, normal, shaped
from tapegrad import errors
from tapegrad.nn import functional as F

VALUES = np.array([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 20.0, -20.0, 1000.0, -1000.0])
KINKS = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, INF, -INF, NAN])
WHOLE = Bad((np.array([1, 2]),), errors.DtypeError, "must be floating")
PRELU = np.ones((2, 3))


def apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs, at least 0.05 from 0, 0.5, 1, 3 and 6."""
    return rng.choice([-1.0, 1.0], shape) * (
        rng.choice([0.0, 0.5, 1.0, 3.0, 6.0], shape) + rng.uniform(0.05, 0.45, shape)
    )


def with_options(make: Any, *options: dict[str, Any]) -> Any:
    """Samples of one tensor, and one more for each set of options."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        return both(make)(rng) + [S((make(rng, 2, 3),), more) for more in options]

    return samples


def act(
    name: str,
    reference: Any,
    *options: dict[str, Any],
    make: Any = apart,
    edges: Any = KINKS,
    **more: Any,
) -> Row:
    """Row of an activation."""
    settings = {"torch": f"nn.functional.{name}", "integers": False, "bad": (TEXT, WHOLE), **more}
    return Row(name, getattr(F, name), reference, with_options(make, *options),
               lambda rng: [S((edges,)), *(S((edges,), o) for o in options)], **settings)  # fmt: skip


def _silu(x: Any) -> Any:
    return x / (1 + np.exp(-x)) if np.iscomplexobj(x) else x * scipy.special.expit(x)


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _celu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * scipy.special.ndtr(x)
    return x * scipy.special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def _prelu(x: Any, weight: Any) -> Any:
    w = weight.reshape((-1,) + (1,) * (x.ndim - 2)) if x.ndim > 1 else weight.reshape((1,) * x.ndim)
    return np.where(x > 0, x, w * x)


def _softshrink(x: Any, lambd: float = 0.5) -> Any:
    return np.where(np.isnan(x), x, np.sign(x) * np.maximum(np.abs(x) - lambd, 0))


def _glu(x: Any, dim: int = -1) -> Any:
    a, b = np.split(x, 2, dim)
    return a * scipy.special.expit(b)


def _normalize(x: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    return x / np.maximum((np.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p), eps)


SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _uniform(shape: Any) -> Any:
    return np.random.Generator(np.random.PCG64(3)).random(shape, dtype=np.float32)


def seeded(function: Any) -> Any:
    """The function with a generator that starts anew in every call."""
    return lambda *args, **kwargs: function(
        *args, **kwargs, generator=tg.Generator().manual_seed(3)
    )


def _dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    if p == 1:
        return x * 0
    return x * (_uniform(np.shape(x)) >= p) / (1 - p) if training and p else x


def _rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    slope = _uniform(np.shape(x)) * (upper - lower) + lower if training else (lower + upper) / 2
    return np.where(x > 0, x, x * slope)


def _gumbel_softmax(x: Any, tau: float = 1, dim: int = -1) -> Any:
    stream = np.random.Generator(np.random.PCG64(3))
    return scipy.special.softmax((x - np.log(stream.standard_exponential(x.shape))) / tau, dim)


INTERNAL: set[str] = set()
HALF = Bad((np.ones(3),), errors.ShapeError, "must be even")

ROWS = [
    act("relu6", lambda x: np.clip(x, 0, 6), integers=True, keeps_nan=True,
        bad=(TEXT, Bad((np.array([True]),), errors.DtypeError, "real numbers"))),
    act("hardtanh", lambda x, lo=-1.0, hi=1.0, **k: np.clip(x, k.get("min_val", lo), k.get("max_val", hi)),
        {"min_val": -2.0, "max_val": 0.25}, integers=True, keeps_nan=True, bad=(
            TEXT, Bad((PRELU, 2.0, 1.0), errors.ArgumentError, "must not exceed"),
            Bad((np.array([1], np.uint8),), errors.DtypeError, "negative"),
            Bad((PRELU.astype("f4"), -1e300), errors.ArgumentError, "beyond the range"))),
    act("leaky_relu", lambda x, negative_slope=0.01: np.where(x > 0, x, x * negative_slope),
        {"negative_slope": 0.3}, {"negative_slope": 2.0}, {"negative_slope": -0.5}, {"negative_slope": 0.0}),
    Row("prelu", tg.prelu, _prelu, lambda rng: [
            S((apart(rng, 2, 3), np.array([0.25, -0.5, 2.0]))), S((apart(rng, 2, 3), np.array([0.3]))),
            S((apart(rng, 2, 3, 2), np.array([0.25, -0.5, 2.0]))), S((apart(rng, 3), np.array([0.3]))),
            S((apart(rng), np.array([0.3]))), S((apart(rng, 2), np.array(0.3))),
            S((apart(rng, 0, 2), np.array([0.3, 0.4]))), S((apart(rng, 3, 2)[::-1].T, np.array([0.5, 1.0, 0.0])[::-1]))],
        lambda rng: [S((KINKS, np.array([0.5])))], method="prelu", integers=False, bad=(
            Bad((PRELU, np.ones(2)), errors.ShapeError, "channels"), Bad((PRELU, np.ones((1, 3))), errors.ShapeError, "weight"),
            Bad((np.ones(3), np.ones(3)), errors.ShapeError, "channels"),
            Bad((PRELU, np.ones(3, "f4")), errors.DtypeError, "weight must be float64"),
            Bad((PRELU, 0.5), errors.DtypeError, "weight must be a tensor"), WHOLE._replace(args=(np.array([1]), np.ones(1))))),
    act("elu", _elu, {"alpha": 0.4}, {"alpha": -2.0}, keeps_nan=True),
    act("selu", lambda x: SELU[0] * _elu(x, SELU[1]), keeps_nan=True),
    act("celu", _celu, {"alpha": 0.5}, keeps_nan=True, bad=(TEXT, WHOLE, Bad((PRELU, 0), errors.ArgumentError, "alpha"))),
    act("threshold", lambda x, threshold, value: np.where(x <= threshold, value, x), integers=True)._replace(
        samples=lambda rng: [S((apart(rng, 2, 3), 1.0, 0.5)), S((apart(rng), -0.5, 0.0)), S((apart(rng, 0), 0.5, 1.0)),
                             S((apart(rng, 3, 2)[::-1], 1.0, 2.0))],
        edges=lambda rng: [S((KINKS, 0.5, 7.0))], torch="threshold",
        bad=(TEXT._replace(args=("text", 1.0, 2.0)), Bad((PRELU.astype("f4"), 0.0, 1e300), errors.ArgumentError, "beyond the range"),
             Bad((np.array([True]), 0.0, 1.0), errors.DtypeError, "real numbers"))),
    act("hardshrink", lambda x, lambd=0.5: np.where((x >= -lambd) & (x <= lambd), 0, x), {"lambd": 0.9},
        method="hardshrink", torch="hardshrink"),
    act("softshrink", _softshrink, {"lambd": 0.9}, {"lambd": 0.0}, edges=KINKS[:-1], keeps_nan=True,
        bad=(TEXT, WHOLE, Bad((PRELU, -1.0), errors.ArgumentError, "at least 0"))),
    # PyTorch's gradient has 1/6 in single precision, whatever the dtype
    act("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, torch_gradient=False),
    act("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, keeps_nan=True),
    act("gelu", _gelu, edges=np.append(VALUES, NAN), make=normal,
        bad=(TEXT, WHOLE, Bad((PRELU,), errors.ArgumentError, "approximate", {"approximate": "exact"}))),
    Row("gelu_tanh", F.gelu, _gelu, lambda rng: [S((a.args[0],), {"approximate": "tanh"}) for a in both(normal)(rng)],
        lambda rng: [S((np.append(VALUES, NAN),), {"approximate": "tanh"})], torch="nn.functional.gelu", integers=False, bad=(WHOLE,)),
    act("silu", _silu, edges=np.append(VALUES, NAN), complex=3, torch_complex_gradient=False),
    act("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), edges=np.append(VALUES, NAN)),
    act("softplus", _softplus, {"beta": 2.0}, {"beta": 0.5, "threshold": 1.0}),
    act("logsigmoid", scipy.special.log_expit),
    act("softsign", lambda x: x / (1 + np.abs(x)), edges=np.append(VALUES, NAN), integers=True, bad=(TEXT, Bad((np.array([True]),), errors.DtypeError, "real numbers")), complex=3),
    act("tanhshrink", lambda x: x - np.tanh(x), integers=True, bad=(TEXT, Bad((np.array([True]),), errors.DtypeError, "real numbers")), complex=3),
    Row("glu", F.glu, _glu, shaped(((2, 4),), ((4, 3), 0), ((2, 2, 3), 1), ((0, 2),), ((6,),)),
        lambda rng: [S((np.array([1.0, INF, NAN, 2.0, 1000.0, -1000.0, 1.0, NAN]),))], torch="nn.functional.glu",
        integers=False, bad=(HALF, NO_DIM._replace(fragment="dim"), Bad((np.array(1.0),), errors.ShapeError, "0-d"), WHOLE)),
    Row("softmin", F.softmin, lambda x, dim: scipy.special.softmax(-x, dim), shaped(((2, 3), 1), ((2, 3), 0), ((0, 3), 1)),
        torch="nn.functional.softmin", integers=False, bad=(NO_DIM,)),
    Row("normalize", F.normalize, _normalize, lambda rng: [
            S((away(rng, 2, 3),)), S((away(rng, 2, 3), 1.0)), S((away(rng, 2, 3), 3.0, 0)), S((away(rng, 3), 2.0, 0)),
            S((away(rng, 2, 3),), {"eps": 100.0}), S((away(rng, 2, 3, 2), 2.0, (0, 2))), S((away(rng, 0, 2),))],
        lambda rng: [S((np.array([[0.0, 0.0], [3.0, 4.0]]),))], torch="nn.functional.normalize", integers=False,
        bad=(NO_DIM._replace(args=(PRELU, 2.0, 2)), WHOLE), complex=3),
    Row("dropout", seeded(F.dropout), _dropout, lambda rng: [
            *both(normal)(rng), S((normal(rng, 2, 3), 0.2)), S((normal(rng, 4), 1.0)), S((normal(rng, 4), 0.0)),
            S((normal(rng, 4),), {"training": False})],
        torch="", bad=(Bad((PRELU, 1.5), errors.ArgumentError, "between 0 and 1"), Bad((PRELU, -0.1), errors.ArgumentError, "p must"),
                       Bad((PRELU, NAN), errors.ArgumentError, "p must"), WHOLE, TEXT)),
    Row("rrelu", tg.rrelu, _rrelu, lambda rng: [*both(apart)(rng), S((apart(rng, 2, 3), 0.2, 0.8))],
        lambda rng: [S((KINKS,))], integers=False,
        bad=(TEXT, WHOLE, Bad((PRELU, 0.5, 0.25), errors.ArgumentError, "lower <= upper"))),
    Row("rrelu_training", seeded(tg.rrelu), _rrelu,
        lambda rng: [S((apart(rng, 2, 3), 0.2, 0.8), {"training": True}), S((apart(rng),), {"training": True})], torch=""),
    Row("gumbel_softmax", seeded(F.gumbel_softmax), _gumbel_softmax, lambda rng: [
            S((normal(rng, 2, 3),)), S((normal(rng, 2, 3), 0.5)), S((normal(rng, 2, 3),), {"dim": 0})], torch="",
        bad=(Bad((PRELU, 0.0), errors.ArgumentError, "tau"), Bad((PRELU,), errors.DimensionError, "dim", {"dim": 2}), WHOLE)),
]  # fmt: skip
