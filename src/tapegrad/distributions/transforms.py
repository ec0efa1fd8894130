"""Mappings of samples with their inverses and the logarithms of their Jacobian determinants."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from .._typing import TensorLike
from ..errors import ArgumentError
from ..ops.nn import softmax
from ..ops.smooth import softplus
from ..ops.trigonometric import atanh
from ..tensor import Tensor, to_host
from . import constraints
from .distribution import Shape
from .parameters import sum_rightmost


class Transform:
    """A mapping of tensors, invertible where `bijective`.

    A subclass defines `_call(x)`, `_inverse(y)` and `log_abs_det_jacobian(x, y)`.

    Args:
        cache_size: 1 keeps the last pair of input and result, so that inverting a result that has just
            been computed costs and loses nothing; 0 keeps none.

    Attributes:
        domain, codomain: where arguments and results lie.
        bijective: whether there is an inverse.
        sign: +1 or -1 for a mapping of numbers that rises or falls.

    Example:
        >>> import tapegrad as tg
        >>> t = tg.distributions.AffineTransform(1.0, 2.0)
        >>> t(tg.tensor([3.0])), t.inv(tg.tensor([7.0]))
        (tensor([7.]), tensor([3.]))
    """

    domain: Any = constraints.real
    codomain: Any = constraints.real
    bijective: Any = False

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError(
                f"{type(self).__name__}: cache_size must be 0 or 1, got {cache_size}"
            )
        self._cache_size = cache_size
        self._inverted: weakref.ref[Transform] | None = None
        self._pair: tuple[Any, Any] = (None, None)

    @property
    def sign(self) -> Any:
        """+1 where the mapping rises, -1 where it falls."""
        raise NotImplementedError(f"{type(self).__name__}: sign is not defined")

    @property
    def inv(self) -> Transform:
        """The inverse mapping."""
        inverse = None if self._inverted is None else self._inverted()
        if inverse is None:
            inverse = _InverseTransform(self)
            self._inverted = weakref.ref(inverse)
        return inverse

    def __call__(self, x: Tensor) -> Tensor:
        """Map a tensor."""
        if not self._cache_size:
            return self._call(x)
        if self._pair[0] is not x:
            self._pair = x, self._call(x)
        return self._pair[1]

    def _invert(self, y: Tensor) -> Tensor:
        if not self._cache_size:
            return self._inverse(y)
        if self._pair[1] is not y:
            self._pair = self._inverse(y), y
        return self._pair[0]

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: _call is not defined")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: _inverse is not defined")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """`log |det dy/dx|`, one number for each event of the mapping."""
        raise NotImplementedError(f"{type(self).__name__}: there is no Jacobian determinant")

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        """Shape of the result for the shape of an argument."""
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Shape:
        """Shape of the argument for the shape of a result."""
        return tuple(shape)

    def _key(self) -> tuple[Any, ...]:
        """What two equal mappings of one kind have in common."""
        return ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        return all(map(_same, self._key(), other._key()))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self._key()))})"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        a, b = (to_host(v.detach()) if isinstance(v, Tensor) else v for v in (one, other))
        return one is other or np.array_equal(a, b)
    return bool(one == other)


class _InverseTransform(Transform):
    """The inverse of another mapping."""

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._forward = transform

    @property
    def domain(self) -> Any:
        return self._forward.codomain

    @property
    def codomain(self) -> Any:
        return self._forward.domain

    @property
    def bijective(self) -> Any:
        return self._forward.bijective

    @property
    def sign(self) -> Any:
        return self._forward.sign

    @property
    def inv(self) -> Transform:
        return self._forward

    def __call__(self, x: Tensor) -> Tensor:
        return self._forward._invert(x)

    def _invert(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._forward.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        return self._forward.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Shape:
        return self._forward.forward_shape(shape)

    def _key(self) -> tuple[Any, ...]:
        return (self._forward,)

    def __repr__(self) -> str:
        return f"{self._forward!r}.inv"


class ComposeTransform(Transform):
    """Mappings one after the other.

    Args:
        parts: list of mappings, the first one applied first.
        cache_size: whether to keep the last result.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions
        >>> d.ComposeTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)])(tg.tensor([0.0]))
        tensor([3.])
    """

    def __init__(self, parts: list[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = parts

    @property
    def domain(self) -> Any:
        """Where arguments lie."""
        if not self.parts:
            return constraints.real
        domain = self.parts[0].domain
        # an event of a later mapping, seen from the argument
        events = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            events += part.domain.event_dim - part.codomain.event_dim
            events = max(events, part.domain.event_dim)
        more = events - domain.event_dim
        return constraints.independent(domain, more) if more else domain

    @property
    def codomain(self) -> Any:
        """Where results lie."""
        if not self.parts:
            return constraints.real
        codomain = self.parts[-1].codomain
        events = self.parts[0].domain.event_dim
        for part in self.parts:
            events += part.codomain.event_dim - part.domain.event_dim
            events = max(events, part.codomain.event_dim)
        more = events - codomain.event_dim
        return constraints.independent(codomain, more) if more else codomain

    @property
    def bijective(self) -> bool:
        """Whether every part has an inverse."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the signs."""
        return math.prod(part.sign for part in self.parts)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum over the parts."""
        if not self.parts:
            return x.new_zeros(x.shape)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        total: Any = 0.0
        events = self.domain.event_dim
        for i, part in enumerate(self.parts):
            term = part.log_abs_det_jacobian(values[i], values[i + 1])
            total = total + sum_rightmost(term, events - part.domain.event_dim)
            events += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return tuple(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Shape:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return tuple(shape)

    def _key(self) -> tuple[Any, ...]:
        return tuple(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts!r})"


class IndependentTransform(Transform):
    """A mapping whose events take more dimensions; the Jacobian's logarithm is summed over them.

    Args:
        base_transform: the mapping.
        reinterpreted_batch_ndims: how many dimensions more.
        cache_size: whether to keep the last result.

    Example:
        >>> import tapegrad as tg
        >>> t = tg.distributions.IndependentTransform(tg.distributions.ExpTransform(), 1)
        >>> x = tg.tensor([1.0, 2.0])
        >>> t.log_abs_det_jacobian(x, t(x))
        tensor(3.)
    """

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def domain(self) -> Any:
        """Where arguments lie."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:
        """Where results lie."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> Any:
        """Whether there is an inverse."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        """That of the mapping."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """That of the mapping, summed over the dimensions of the event."""
        term = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(term, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Shape:
        return self.base_transform.inverse_shape(shape)

    def _key(self) -> tuple[Any, ...]:
        return self.base_transform, self.reinterpreted_batch_ndims


class ExpTransform(Transform):
    """`y = exp(x)`.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.ExpTransform()(tg.tensor([0.0]))
        tensor([1.])
    """

    codomain = constraints.positive
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(Transform):
    """`y = x**exponent` for positive x.

    Args:
        exponent: tensor or number, not 0.
        cache_size: whether to keep the last result.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.PowerTransform(2.0)(tg.tensor([3.0]))
        tensor([9.])
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: TensorLike, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent: Any = exponent

    @property
    def sign(self) -> Any:
        """That of the exponent."""
        return _sign(self.exponent)

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        return np.broadcast_shapes(tuple(shape), getattr(self.exponent, "shape", ()))

    inverse_shape = forward_shape

    def _key(self) -> tuple[Any, ...]:
        return (self.exponent,)


def _sign(value: Any) -> Any:
    return value.sign() if isinstance(value, Tensor) else (value > 0) - (value < 0)


class SigmoidTransform(Transform):
    """`y = 1 / (1 + exp(-x))`, kept away from 0 and 1.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.SigmoidTransform()(tg.tensor([0.0]))
        tensor([0.5000])
    """

    codomain = constraints.unit_interval
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return _inside(x.sigmoid())

    def _inverse(self, y: Tensor) -> Tensor:
        y = _inside(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


def _inside(y: Tensor) -> Tensor:
    kind = dtypes.finfo(y.dtype)
    return y.clamp(min=float(kind.tiny), max=1 - float(kind.eps))


class SoftplusTransform(Transform):
    """`y = log(1 + exp(x))`.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.SoftplusTransform()(tg.tensor([0.0]))
        tensor([0.6931])
    """

    codomain = constraints.positive
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(Transform):
    """`y = tanh(x)`.

    Where results round to -1 or 1, only `cache_size=1` can invert them.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.TanhTransform()(tg.tensor([1.0]))
        tensor([0.7616])
    """

    codomain = constraints.interval(-1.0, 1.0)
    bijective = True
    sign = 1

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - softplus(-2 * x))


class AbsTransform(Transform):
    """`y = |x|`; its inverse is the positive one of the two.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.AbsTransform()(tg.tensor([-1.0]))
        tensor([1.])
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """`y = loc + scale * x`.

    Args:
        loc, scale: tensors or numbers.
        event_dim: how many dimensions on the right make one event.
        cache_size: whether to keep the last result.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.AffineTransform(1.0, -2.0)(tg.tensor([3.0]))
        tensor([-5.])
    """

    bijective = True

    def __init__(
        self, loc: TensorLike, scale: TensorLike, event_dim: int = 0, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.loc: Any = loc
        self.scale: Any = scale
        self.event_dim = event_dim

    @property
    def domain(self) -> Any:
        """Where arguments lie."""
        return (
            constraints.independent(constraints.real, self.event_dim)
            if self.event_dim
            else constraints.real
        )

    codomain = domain

    @property
    def sign(self) -> Any:
        """That of the scale."""
        return _sign(self.scale)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """`log |scale|`, summed over the event."""
        if isinstance(self.scale, Tensor):
            return sum_rightmost(self.scale.abs().log().expand(x.shape), self.event_dim)
        return sum_rightmost(x.new_full(x.shape, math.log(abs(self.scale))), self.event_dim)

    def forward_shape(self, shape: Sequence[int]) -> Shape:
        shapes = (getattr(value, "shape", ()) for value in (self.loc, self.scale))
        return np.broadcast_shapes(tuple(shape), *shapes)

    inverse_shape = forward_shape

    def _key(self) -> tuple[Any, ...]:
        return self.loc, self.scale


class SoftmaxTransform(Transform):
    """`y = softmax(x)`, with the inverse `log(y)`; not bijective, for one number is free.

    Example:
        >>> import tapegrad as tg
        >>> tg.distributions.SoftmaxTransform()(tg.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return softmax(x, -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()
