"""NumPy's functions on batched arrays: the batching rule of every word that operations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import innermost
from ..tensor import Tensor
from .array import BatchArray, Level, data_dependent, lift
from .ufuncs import aligned, ndim_of, shifted, top, wrapped

RULES: dict[Any, Callable[..., Any]] = {}  # called with the level and NumPy's own arguments


def rule(*functions: Any) -> Callable[[Any], Any]:
    """Let functions of NumPy mean this on batched arrays."""

    def keep(implementation: Any) -> Any:
        for function in functions:
            RULES[function] = implementation
        return implementation

    return keep


def _array_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """A function of NumPy where some of its arguments are batched."""
    if any(issubclass(kind, Tensor) for kind in types):
        return NotImplemented
    arrays = list(_batched_in((args, kwargs)))
    if not arrays:  # only `like=` is batched: what is made is the same for every example
        return function(*args, like=innermost(self), **kwargs)
    if kwargs.get("out") is not None:
        raise NotImplementedError(f"vmap: np.{function.__name__} has no out= here")
    implementation = RULES.get(function)
    if implementation is None:
        raise NotImplementedError(
            f"vmap: np.{function.__name__} has no batching rule; compute it outside of vmap"
        )
    return implementation(top(*arrays), *args, **kwargs)


def _batched_in(value: Any) -> Any:
    if isinstance(value, BatchArray):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _batched_in(v)
    elif isinstance(value, dict):
        yield from _batched_in(tuple(value.values()))


def family(make: Callable[[Any], Any], *functions: Any) -> None:
    """Give each of several functions the rule that is made for it."""
    for function in functions:
        RULES[function] = make(function)


# -- families ----------------------------------------------------------------------------------------


def _elementwise(function: Any) -> Any:
    def apply(level: Level, *args: Any, **kwargs: Any) -> Any:
        ndim = max(ndim_of(a) for a in args if a is not None)
        given = (aligned(a, level, ndim) for a in args)
        named = {key: aligned(value, level, ndim) for key, value in kwargs.items()}
        return wrapped(function(*given, **named), level)

    return apply


family(
    _elementwise,
    np.isclose, np.real, np.imag, np.angle, np.nan_to_num, np.sinc, np.i0, np.isposinf,
    np.isneginf, np.clip, np.around, np.round, np.isreal, np.iscomplex,
)  # fmt: skip


@rule(np.where)
def _where(level: Level, condition: Any, *choices: Any) -> Any:
    if not choices:
        raise data_dependent(condition)
    ndim = max(map(ndim_of, (condition, *choices)))
    given = (aligned(a, level, ndim) for a in (condition, *choices))
    return BatchArray(np.where(*given), level)


def _reduction(function: Any) -> Any:
    def reduce(level: Level, a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if "where" in kwargs:
            kwargs["where"] = aligned(kwargs["where"], level, a.ndim)
        a = lift(a, level)
        return BatchArray(function(a.inner, shifted(axis, a.ndim), *args, **kwargs), level)

    return reduce


family(
    _reduction,
    np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.mean, np.var, np.std, np.all, np.any,
    np.nansum, np.nanmean, np.median, np.nanmedian, np.count_nonzero,
)  # fmt: skip


def _whole(a: BatchArray, axis: Any) -> tuple[Any, Any]:
    """An array and an axis of it; flattened where none is given."""
    return (a, axis) if axis is not None and a.ndim else (a.ravel(), 0)


def _positional(function: Any) -> Any:
    def find(level: Level, a: Any, axis: Any = None, out: Any = None, **kwargs: Any) -> Any:
        flat, along = _whole(a, axis)
        found = function(flat.inner, shifted(along, flat.ndim), **kwargs)
        if kwargs.get("keepdims") and flat is not a:
            found = found.reshape(level.size, *(1,) * a.ndim)
        return BatchArray(found, level)

    return find


family(_positional, np.argmax, np.argmin)


def _along(function: Any, default: int | None, before: int = 0) -> Any:
    """A function along one axis: `before` further arguments stand in front of it."""

    def apply(level: Level, a: Any, *args: Any, **kwargs: Any) -> Any:
        more, rest = args[:before], args[before:]
        axis = kwargs.pop("axis", rest[0] if rest else default)
        a, axis = _whole(a, axis)
        return BatchArray(
            function(a.inner, *more, *((shifted(axis, a.ndim),)), *rest[1:], **kwargs), level
        )

    return apply


family(lambda f: _along(f, -1), np.sort, np.argsort)
family(lambda f: _along(f, None), np.cumsum, np.cumprod)
family(lambda f: _along(f, -1, before=1), np.partition, np.argpartition)


@rule(np.diff)
def _diff(level: Level, a: Any, n: int = 1, axis: int = -1) -> Any:
    return BatchArray(np.diff(a.inner, n, shifted(axis, a.ndim)), level)


@rule(np.unwrap)
def _unwrap(
    level: Level, p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi
) -> Any:
    return BatchArray(np.unwrap(p.inner, discont, shifted(axis, p.ndim), period=period), level)


@rule(np.flip)
def _flip(level: Level, m: Any, axis: Any = None) -> Any:
    return BatchArray(np.flip(m.inner, shifted(axis, m.ndim)), level)


@rule(np.roll)
def _roll(level: Level, a: Any, shift: Any, axis: Any = None) -> Any:
    flat, along = _whole(a, axis)
    out = BatchArray(np.roll(flat.inner, shift, shifted(along, flat.ndim)), level)
    return out.reshape(a.shape)


@rule(np.rot90)
def _rot90(level: Level, m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    return BatchArray(np.rot90(m.inner, k, shifted(axes, m.ndim)), level)


@rule(np.repeat)
def _repeat(level: Level, a: Any, repeats: Any, axis: Any = None) -> Any:
    if isinstance(repeats, BatchArray):
        raise data_dependent(repeats)
    a, axis = _whole(a, axis)
    return BatchArray(np.repeat(a.inner, repeats, shifted(axis, a.ndim)), level)


@rule(np.tile)
def _tile(level: Level, A: Any, reps: Any) -> Any:
    reps = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    ndim = max(A.ndim, len(reps))
    reps = (1,) * (ndim - len(reps)) + reps
    return BatchArray(np.tile(aligned(A, level, ndim), (1, *reps)), level)


def _leading(function: Any) -> Any:
    """A function of matrices that takes any dimensions in front of them."""

    def apply(level: Level, a: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapped(function(lift(a, level).inner, *args, **kwargs), level)

    return apply


family(
    _leading,
    np.tril, np.triu, np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky,
    np.linalg.qr, np.linalg.svd, np.linalg.svdvals, np.linalg.eigh, np.linalg.eigvalsh,
    np.linalg.eig, np.linalg.eigvals, np.linalg.pinv, np.linalg.matrix_power, np.linalg.matrix_rank,
)  # fmt: skip


@rule(np.linalg.solve)
def _solve(level: Level, a: Any, b: Any) -> Any:
    vector = ndim_of(b) == 1  # NumPy takes only a 1-d array for a vector
    b = b[:, None] if vector else b
    ndim = max(a.ndim, b.ndim)
    out = np.linalg.solve(aligned(a, level, ndim), aligned(b, level, ndim))
    return BatchArray(out[..., 0] if vector else out, level)


# -- new arrays --------------------------------------------------------------------------------------


def _new(function: Any) -> Any:
    def make(
        level: Level, a: Any, dtype: Any = None, order: str = "K", subok: bool = True,
        shape: Any = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        if shape is not None:
            shape = (level.size, *((shape,) if isinstance(shape, int) else shape))
        return BatchArray(function(a.inner, dtype=dtype, order=order, shape=shape), level)

    return make


family(_new, np.zeros_like, np.ones_like, np.empty_like)


@rule(np.full_like)
def _full_like(
    level: Level, a: Any, fill_value: Any, dtype: Any = None, order: str = "K",
    subok: bool = True, shape: Any = None,
) -> Any:  # fmt: skip
    out = np.empty_like(lift(a, level), dtype=dtype, order=order, shape=shape)  # type: ignore[call-overload]
    out[...] = fill_value
    return out


# -- products ----------------------------------------------------------------------------------------


@rule(np.dot)
def _dot(level: Level, a: Any, b: Any) -> Any:
    if not (ndim_of(a) and ndim_of(b)):
        return a * b
    if max(ndim_of(a), ndim_of(b)) > 2:
        raise NotImplementedError("vmap: np.dot of more than two dimensions; use matmul")
    return np.matmul(a, b)


@rule(np.cross)
def _cross(level: Level, a: Any, b: Any, *args: Any, axis: int = -1, **kwargs: Any) -> Any:
    ndim = max(a.ndim, b.ndim)
    axis = axis % ndim - ndim  # from the end, where both agree
    return BatchArray(np.cross(aligned(a, level, ndim), aligned(b, level, ndim), axis=axis), level)


# -- questions ---------------------------------------------------------------------------------------


@rule(np.shape)
def _shape(level: Level, a: Any) -> Any:
    return a.shape


@rule(np.ndim)
def _ndim(level: Level, a: Any) -> Any:
    return a.ndim


@rule(np.size)
def _size(level: Level, a: Any, axis: Any = None) -> Any:
    return a.size if axis is None else a.shape[axis]


@rule(np.iscomplexobj)
def _iscomplexobj(level: Level, x: Any) -> bool:
    return bool(x.dtype.kind == "c")


@rule(np.result_type)
def _result_type(level: Level, *arrays: Any) -> Any:
    return np.result_type(*(a.dtype if isinstance(a, BatchArray) else a for a in arrays))


@rule(np.may_share_memory, np.shares_memory)
def _may_share_memory(level: Level, a: Any, b: Any, max_work: Any = None) -> bool:
    return np.may_share_memory(innermost(a), innermost(b))


# -- Fourier transforms ------------------------------------------------------------------------------


def _transform(function: Any) -> Any:
    def apply(level: Level, a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return BatchArray(function(a.inner, n, shifted(axis, a.ndim), norm), level)

    return apply


family(_transform, np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)


def _transforms(function: Any) -> Any:
    def apply(level: Level, a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
        if axes is None:
            axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
        return BatchArray(function(a.inner, s, shifted(tuple(axes), a.ndim), norm), level)

    return apply


family(_transforms, np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)


setattr(BatchArray, "__array_function__", _array_function)  # noqa: B010
