"""The methods of pruning: what each of them keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from ... import creation
from ...autograd import no_grad
from ...errors import ArgumentError, DimensionError, DtypeError, ShapeError
from ...linalg import vector_norm
from ...sampling import rand_like
from ...tensor import Tensor, wrap
from ..hooks import hooks_of, take_off
from ..module import Module
from ..parameter import Parameter


class BasePruningMethod(ABC):
    """Base of the methods: a subclass writes `PRUNING_TYPE` and `compute_mask`.

    Attributes:
        PRUNING_TYPE: what a method of a tensor that is pruned already looks at: `"unstructured"` the elements
            that are left, `"structured"` the slices along `dim` in which something is left,
            `"global"` everything.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> class EverySecond(prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask.view(-1)[::2] = 0
        ...         return mask
        >>> layer = tg.nn.Linear(2, 2)
        >>> _ = EverySecond.apply(layer, "bias")
        >>> layer.bias_mask
        tensor([0., 1.])
    """

    PRUNING_TYPE: str
    _tensor_name: str

    @property
    def computes(self) -> str:
        """Name of the attribute that the hook sets."""
        return self._tensor_name

    def __call__(self, module: Module, inputs: Any) -> None:
        vars(module)[self._tensor_name] = self.apply_mask(module)

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Say what stays.

        Args:
            t: importance of every element; by default its value.
            default_mask: what stayed so far, ones and zeros of the same shape.

        Returns:
            A new mask.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter with zeros where it is pruned.

        Args:
            module: whose parameter it is.
        """
        held = vars(module)
        original: Tensor = held[f"{self._tensor_name}_orig"]
        kept: Tensor = original * held[f"{self._tensor_name}_mask"].to(original.dtype)
        return kept

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a parameter, and put the hook on its module.

        Args:
            module: whose parameter it is.
            name: of the parameter.
            args, kwargs: for the method's constructor.
            importance_scores: what the method looks at instead of the values.

        Returns:
            The hook.

        Raises:
            ArgumentError: if there is no such parameter, or the mask cannot be computed; nothing is changed.
            ShapeError: for scores of another shape.
        """
        before = [m for m in hooks_of(module, BasePruningMethod) if m._tensor_name == name]
        original: Any = vars(module).get(f"{name}_orig" if before else name)
        if not isinstance(original, Parameter):
            raise ArgumentError(f"prune: {type(module).__name__} has no parameter {name!r}")
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if before:
            container = PruningContainer(*before)
            container.add_pruning_method(method)
            method = container
        shown = getattr(module, name) if importance_scores is None else importance_scores
        if shown.shape != original.shape:
            raise ShapeError(
                f"prune: importance_scores must have the shape {original.shape}, got {shown.shape}"
            )
        with no_grad():
            default = (
                vars(module)[f"{name}_mask"].clone() if before else creation.ones_like(original)
            )
            mask = method.compute_mask(shown.detach(), default_mask=default)
        if before:
            take_off(module, lambda hook: hook is before[0])
            vars(module)[f"{name}_mask"] = mask
        else:
            del vars(module)[name]
            module.register_parameter(f"{name}_orig", original)
            module.register_buffer(f"{name}_mask", mask)
        method(module, ())
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """Prune a tensor that belongs to no module.

        Args:
            t: the tensor.
            default_mask: what stayed so far; ones by default.
            importance_scores: what to look at instead of the values, of the same shape.

        Returns:
            The tensor with zeros.
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise ShapeError(
                f"prune: importance_scores must have the shape {t.shape}, got {scores.shape}"
            )
        mask = creation.ones_like(t) if default_mask is None else default_mask
        with no_grad():
            mask = self.compute_mask(scores.detach(), default_mask=mask)
        kept: Tensor = t * mask
        return kept

    def remove(self, module: Module) -> None:
        """Make the pruned values those of the parameter itself; the mask goes. The hook stays.

        Args:
            module: whose parameter it is.
        """
        name, held = self._tensor_name, vars(module)
        with no_grad():
            values = self.apply_mask(module)
        original = held[f"{name}_orig"]
        original.data = values
        for part in (name, f"{name}_orig", f"{name}_mask"):
            held.pop(part, None)
        held[name] = original


class PruningContainer(BasePruningMethod):
    """Several methods for one parameter, each for what those before it have left.

    Args:
        args: the methods.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> layer = prune.random_unstructured(tg.nn.Linear(2, 2), "weight", 1)
        >>> both = prune.L1Unstructured.apply(layer, "weight", 1)
        >>> type(both).__name__, len(both), int(layer.weight_mask.sum())
        ('PruningContainer', 2, 2)
    """

    PRUNING_TYPE = "container"

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: list[BasePruningMethod] = []
        for method in args:
            inner = method if isinstance(method, PruningContainer) else [method]
            for one in inner:
                self.add_pruning_method(one)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method at the end.

        Args:
            method: for the same parameter.

        Raises:
            DtypeError: if it is no method.
            ArgumentError: if it is for another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise DtypeError(f"prune: needs a BasePruningMethod, got {type(method).__name__}")
        if self._pruning_methods and method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"prune: this container prunes {self._tensor_name!r}, the method {method._tensor_name!r}"
            )
        self._tensor_name = method._tensor_name
        self._pruning_methods.append(method)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method, which sees only what is left."""
        method = self._pruning_methods[-1]
        kind = method.PRUNING_TYPE
        left: Any = default_mask.array != 0
        place: Any
        if kind == "unstructured":
            place = left
        elif kind == "structured":
            dim = _dim(method.dim, t)  # type: ignore[attr-defined]
            others = tuple(d for d in range(t.ndim) if d != dim)
            place = (slice(None),) * dim + (left.any(axis=others),)
        elif kind == "global":
            place = ...
        else:
            raise ArgumentError(
                "prune: PRUNING_TYPE must be 'unstructured', 'structured' or 'global', got "
                f"{kind!r}"
            )
        mask: Tensor = default_mask.clone()
        part = method.compute_mask(wrap(t.array[place]), default_mask=wrap(mask.array[place]))
        mask.array[place] = part.array
        return mask


def _dim(dim: int, t: Tensor) -> int:
    if not -t.ndim <= dim < t.ndim:
        raise DimensionError(f"prune: dim {dim} is out of range for a tensor of shape {t.shape}")
    return dim % t.ndim


def _check_amount(amount: Any) -> None:
    if isinstance(amount, bool) or not isinstance(amount, Real):
        raise DtypeError(f"prune: amount must be a number, got {amount!r}")
    if isinstance(amount, Integral):
        if int(amount) < 0:
            raise ArgumentError(f"prune: amount must not be negative, got {amount}")
    elif not 0.0 <= float(amount) <= 1.0:
        raise ArgumentError(f"prune: amount must be an int, or a share from 0 to 1, got {amount}")


def _count(amount: Any, size: int) -> int:
    """How many of so many units an amount is."""
    if not isinstance(amount, Integral):
        return round(float(amount) * size)
    if int(amount) > size:
        raise ArgumentError(f"prune: amount is {amount}, but there are only {size} to prune")
    return int(amount)


def _without(mask: Tensor, places: Any) -> Tensor:
    """A copy of a mask with zeros at places of its flat form."""
    flat = mask.array.reshape(-1).copy()
    flat[places] = 0
    return wrap(flat.reshape(mask.shape))


def _slices(mask: Tensor, dim: int, kept: Any) -> Tensor:
    """A mask without the slices along a dimension that are not kept."""
    shape = [1] * mask.ndim
    shape[dim] = -1
    return mask * wrap(kept.astype(mask.dtype).reshape(shape))


class Identity(BasePruningMethod):
    """Prune nothing, but as if something were: the names change, and a mask of ones is there.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> list(prune.identity(tg.nn.Linear(2, 1), "bias").state_dict())
        ['weight', 'bias_orig', 'bias_mask']
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prune elements at random.

    Args:
        amount: how many, or their share from 0 to 1.

    Raises:
        DtypeError, ArgumentError: for an amount without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> int((prune.RandomUnstructured(0.25).prune(tg.ones(2, 4)) == 0).sum())
        2
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask with zeros at random places."""
        count = _count(self.amount, t.numel())
        order = np.argsort(rand_like(t, dtype=np.float64).array.reshape(-1))
        return _without(default_mask, order[:count])


class L1Unstructured(BasePruningMethod):
    """Prune the elements whose absolute values are smallest.

    Args:
        amount: how many, or their share from 0 to 1.

    Raises:
        DtypeError, ArgumentError: for an amount without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> prune.L1Unstructured(2).prune(tg.tensor([-3.0, 1.0, 0.5, 2.0]))
        tensor([-3.,  0.,  0.,  2.])
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask with zeros at the smallest."""
        count = _count(self.amount, t.numel())
        if not count:
            return _without(default_mask, slice(0))
        return _without(
            default_mask, np.argsort(np.abs(t.array).reshape(-1), kind="stable")[:count]
        )


class _Structured(BasePruningMethod):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def _prepare(self, t: Tensor) -> tuple[int, int]:
        """The dimension, and how many slices along it are pruned."""
        if t.ndim < 2:
            raise ShapeError(
                f"prune: slices need a tensor of at least 2 dimensions, got shape {t.shape}; use an "
                "unstructured method"
            )
        dim = _dim(self.dim, t)
        return dim, _count(self.amount, t.shape[dim])


class RandomStructured(_Structured):
    """Prune slices along a dimension at random.

    Args:
        amount: how many, or their share from 0 to 1.
        dim: the dimension.

    Raises:
        DtypeError, ArgumentError: for an amount without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> int(prune.RandomStructured(1, dim=0).prune(tg.ones(3, 4)).sum())
        8
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask with zeros in random slices."""
        dim, count = self._prepare(t)
        order = np.argsort(rand_like(t.movedim(dim, 0).flatten(1)[:, 0], dtype=np.float64).array)
        return _slices(default_mask, dim, np.argsort(order) >= count)


class LnStructured(_Structured):
    """Prune the slices along a dimension whose norms are smallest.

    Args:
        amount: how many, or their share from 0 to 1.
        n: order of the norm, any number, `inf` included.
        dim: the dimension.

    Raises:
        DtypeError, ArgumentError: for an amount without meaning.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> prune.LnStructured(1, n=2, dim=0).prune(tg.tensor([[1.0, 1.0], [0.0, 3.0]]))
        tensor([[0., 0.],
                [0., 3.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask with zeros in the slices with the smallest norms."""
        dim, count = self._prepare(t)
        others = tuple(d for d in range(t.ndim) if d != dim)
        order = 2.0 if self.n == "fro" else float(self.n)
        sizes = vector_norm(t, order, others).array
        return _slices(default_mask, dim, np.argsort(np.argsort(sizes, kind="stable")) >= count)


class CustomFromMask(BasePruningMethod):
    """Prune what a mask says.

    Args:
        mask: ones for what stays, zeros for the rest, of the parameter's shape.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import prune
        >>> prune.CustomFromMask(tg.tensor([1, 0])).prune(tg.tensor([2.0, 3.0]))
        tensor([2., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, together with the one so far."""
        if default_mask.shape != self.mask.shape:
            raise ShapeError(
                f"prune: the mask must have the shape {default_mask.shape}, got {self.mask.shape}"
            )
        both: Tensor = default_mask * self.mask.to(default_mask.dtype)
        return both
