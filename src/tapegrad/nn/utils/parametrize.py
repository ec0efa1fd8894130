"""Parameters computed from others: `layer.weight` becomes a function of what is trained.

A parametrised module gets a subclass of its class in which the tensor's name is a property. What is
trained stands in `layer.parametrizations.weight`, a `ParametrizationList`, under `original`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from ... import stamps
from ...autograd import no_grad
from ...errors import ArgumentError, DtypeError, ShapeError
from ...tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

_computed: ContextVar[dict[tuple[int, str], tuple[Module, Tensor]] | None] = ContextVar(
    "tapegrad_parametrized", default=None
)


@contextmanager
def cached() -> Iterator[None]:
    """Compute every parametrised tensor once inside, whenever it is first read.

    Worth it where a weight is read several times, as in a recurrent layer. What is changed inside is seen
    only where it had not been read.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(tg.nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     layer.weight is layer.weight
        True
        >>> layer.weight is layer.weight
        False
    """
    if _computed.get() is not None:
        yield
        return
    token = _computed.set({})
    try:
        yield
    finally:
        _computed.reset(token)


class ParametrizationList(ModuleList):
    """What a tensor is computed from, and the modules that do it, one after the other.

    Args:
        modules: the modules; the first takes `original`, or the tensors that its `right_inverse` makes of
            it, the last gives the tensor.
        original: the tensor as it was.
        unsafe: allow the result to have another shape or dtype.

    Attributes:
        original: what is trained; `original0`, `original1` and so on where the `right_inverse` of the first
            module gives several tensors.

    Raises:
        ArgumentError: for no modules, or a `right_inverse` that gives no tensors.
        DtypeError, ShapeError: if the result does not fit, unless `unsafe`.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.parametrizations.weight_norm(tg.nn.Linear(2, 3))
        >>> [name for name, _ in layer.parametrizations.weight.named_parameters()]
        ['original0', 'original1']
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList: needs at least one module, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        made: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        made = module.right_inverse(made)
        self.is_tensor = not isinstance(made, Sequence)
        values = [made] if self.is_tensor else list(made)
        self.ntensors = len(values)
        for value in values:
            if not isinstance(value, Tensor):
                raise ArgumentError(
                    "right_inverse: must return a tensor or a sequence of tensors, got "
                    f"{type(value).__name__}"
                )
        if not unsafe:
            if self.is_tensor and made.dtype != original.dtype:
                raise DtypeError(
                    f"right_inverse: must keep the dtype {original.dtype}, got {made.dtype}; or pass "
                    "unsafe=True"
                )
            with no_grad():
                _check_result(self._computed(values), original, "the parametrisation")
        if self.is_tensor:
            if made is not original:
                _put(original, made)
            _register(self, "original", original)
            return
        for part, value in zip(self._parts(), values, strict=True):
            held = value.detach()
            if isinstance(original, Parameter):
                held = Parameter(held, requires_grad=original.requires_grad)
            _register(self, part, held)

    def _parts(self) -> list[str]:
        """Names of what the tensor is computed from."""
        if self.is_tensor:
            return ["original"]
        return [f"original{number}" for number in range(self.ntensors)]

    def _originals(self) -> list[Tensor]:
        return [getattr(self, part) for part in self._parts()]

    def _computed(self, values: list[Tensor]) -> Tensor:
        first, *others = self
        value: Tensor = first(*values)
        for module in others:
            value = module(value)
        return value

    def forward(self) -> Tensor:
        """Compute the tensor."""
        return self._computed(self._originals())

    def right_inverse(self, value: Tensor) -> None:
        """Change what is trained so that the tensor gets a value; what `layer.weight = value` calls.

        Args:
            value: for the tensor.

        Raises:
            ArgumentError: if a module has no `right_inverse`, or one gives another number of tensors.
            DtypeError: if one gives something else, or another dtype.
        """
        made: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ArgumentError(
                        f"parametrize: {type(module).__name__} has no right_inverse, so the tensor "
                        "cannot be assigned to"
                    )
                made = module.right_inverse(made)
        values = [made] if self.is_tensor else list(made) if isinstance(made, Sequence) else []
        if len(values) != self.ntensors:
            raise ArgumentError(
                f"right_inverse: must return {self.ntensors} tensors, got {len(values) or made!r}"
            )
        originals = self._originals()
        for held, new in zip(originals, values, strict=True):
            if not isinstance(new, Tensor) or new.dtype != held.dtype:
                found = new.dtype if isinstance(new, Tensor) else type(new).__name__
                raise DtypeError(f"right_inverse: must return a {held.dtype} tensor, got {found}")
        for held, new in zip(originals, values, strict=True):
            _put(held, new)


def _put(held: Tensor, new: Tensor) -> None:
    """Give a tensor new values: in its memory if they fit, so that whoever looks at it sees them."""
    if new.shape == held.shape and new.dtype == held.dtype and new.device == held.device:
        held.array[...] = new.array
        stamps.stamp(held.array, "right_inverse")
    else:
        setattr(held, "data", new.detach().clone())  # noqa: B010


def _register(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check_result(value: Any, before: Tensor, what: str) -> None:
    if not isinstance(value, Tensor):
        raise ArgumentError(f"{what} must return a tensor, got {type(value).__name__}")
    if value.dtype != before.dtype:
        raise DtypeError(
            f"{what} must keep the dtype {before.dtype}, got {value.dtype}; or pass unsafe=True"
        )
    if value.shape != before.shape:
        raise ShapeError(
            f"{what} must keep the shape {before.shape}, got {value.shape}; or pass unsafe=True"
        )


class _Parametrized:
    """Marks the classes made here; `_plain` is the class that the module had before."""

    _plain: type[Any]
    _names: tuple[str, ...]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _again, (self._plain, self._names), self.__getstate__()


def _again(plain: type[Any], names: tuple[str, ...]) -> Any:
    made = _class_for(plain, names)
    return object.__new__(made)


def _class_for(plain: type[Any], names: tuple[str, ...]) -> type[Any]:
    """The subclass of a class in which these names are parametrised; one for all its modules.

    The class itself keeps it, so that both go together.
    """
    if "_parametrized" not in vars(plain):
        plain._parametrized = {}
    known: dict[tuple[str, ...], type[Any]] = vars(plain)["_parametrized"]
    if names not in known:
        body: dict[str, Any] = {name: _property(name) for name in names}
        body |= {"_plain": plain, "_names": names, "__module__": plain.__module__}
        known[names] = type(f"Parametrized{plain.__name__}", (_Parametrized, plain), body)
    return known[names]


def _property(name: str) -> property:
    def read(self: Any) -> Any:
        computed = _computed.get()
        if computed is None:
            return vars(self.parametrizations)[name]()
        key = (id(self), name)
        if key not in computed:
            computed[key] = (
                self,
                self.parametrizations[name](),
            )  # holding it, its id stays its own
        return computed[key][1]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def _reclassify(module: Module, names: tuple[str, ...]) -> None:
    plain = type_before_parametrizations(module)
    module.__class__ = _class_for(plain, names) if names else plain


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer of a module by another module from now on.

    `parametrization(X)` gives the tensor from what is trained, which is the old parameter itself. If it
    has a method `right_inverse`, that gives the first X from the tensor, and the tensor can be assigned to;
    it may give several tensors, which `forward` gets as several arguments. A second parametrisation of
    the same tensor takes the result of the first.

    Args:
        module: whose tensor it is.
        tensor_name: its name.
        parametrization: a module, called whenever the tensor is read.
        unsafe: allow the result to have another shape or dtype.

    Returns:
        The module.

    Raises:
        ArgumentError: if there is no such tensor, or something else than tensors comes out.
        DtypeError: if `parametrization` is no module.
        DtypeError, ShapeError: if the result does not fit, unless `unsafe`. The module is as before.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrize
        >>> class Symmetric(tg.nn.Module):
        ...     def forward(self, X):
        ...         return X.triu() + X.triu(1).mT
        ...     def right_inverse(self, A):
        ...         return A.triu()
        >>> layer = parametrize.register_parametrization(tg.nn.Linear(3, 3), "weight", Symmetric())
        >>> tg.equal(layer.weight, layer.weight.T)
        True
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'parametrizations.weight.original']
    """
    if not isinstance(parametrization, Module):
        raise DtypeError(
            "register_parametrization: parametrization must be a module, got "
            f"{type(parametrization).__name__}"
        )
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held: Any = vars(module)["parametrizations"]
        _check_chained(getattr(module, tensor_name), parametrization, unsafe)
        held[tensor_name].append(parametrization)
        held[tensor_name].unsafe |= unsafe
        return module
    original = vars(module).get(tensor_name)
    if not isinstance(original, Parameter) and tensor_name not in module._buffers:
        raise ArgumentError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer "
            f"{tensor_name!r}"
        )
    if not isinstance(original, Tensor):
        raise ArgumentError(f"register_parametrization: {tensor_name!r} is {original!r}")
    made = ParametrizationList([parametrization], original, unsafe)
    del vars(module)[tensor_name]
    module._persistence = {k: v for k, v in module._persistence.items() if k != tensor_name}
    lists = vars(module).setdefault("parametrizations", ModuleDict())
    lists[tensor_name] = made
    _reclassify(module, tuple(lists))
    return module


def _check_chained(value: Tensor, parametrization: Any, unsafe: bool) -> None:
    if unsafe:
        return
    with no_grad():
        _check_result(parametrization(value), value, "the parametrisation")
        if hasattr(parametrization, "right_inverse"):
            try:
                back = parametrization.right_inverse(value)
            except NotImplementedError:
                return
            _check_result(back, value, "right_inverse")


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrised tensors, or this one.

    Args:
        module: the module.
        tensor_name: name of a tensor; any by default.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(tg.nn.Linear(2, 2))
        >>> parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
        (True, False)
    """
    if not isinstance(module, _Parametrized):
        return False
    return tensor_name is None or tensor_name in module._names


def type_before_parametrizations(module: Module) -> type[Any]:
    """The class of a module without the one that parametrisations gave it.

    Args:
        module: parametrised or not.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(tg.nn.Linear(2, 2))
        >>> type(layer).__name__, parametrize.type_before_parametrizations(layer).__name__
        ('ParametrizedLinear', 'Linear')
    """
    return module._plain if isinstance(module, _Parametrized) else type(module)


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrised tensor an ordinary parameter or buffer again.

    Args:
        module: whose tensor it is.
        tensor_name: its name.
        leave_parametrized: keep the value that the parametrisations give; otherwise what is trained
            becomes the tensor as it is.

    Returns:
        The module. The parameter is the one that it was before, except where the parametrisation is in
        terms of several tensors.

    Raises:
        ArgumentError: if it is not parametrised; or for `leave_parametrized=False` where it is in terms of
            several tensors.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(tg.nn.Linear(2, 2))
        >>> parametrize.remove_parametrizations(layer, "weight")
        Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(
            f"remove_parametrizations: {type(module).__name__} has no parametrised {tensor_name!r}"
        )
    lists: Any = vars(module)["parametrizations"]
    held = lists[tensor_name]
    if not held.is_tensor and not leave_parametrized:
        raise ArgumentError(
            f"remove_parametrizations: {tensor_name!r} is computed from {held.ntensors} tensors, so there "
            "is none to leave; pass leave_parametrized=True"
        )
    value = held()
    if held.is_tensor:
        kept = held.original
        if leave_parametrized:
            _put(kept, value)
    else:
        kept = value.detach()
        if value.requires_grad:
            kept = Parameter(kept)
    names = tuple(name for name in lists if name != tensor_name)
    del lists[tensor_name]
    if not names:
        del vars(module)["parametrizations"]
    _reclassify(module, names)
    _register(module, tensor_name, kept)
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrise a module as another one is, with the same parametrisations and the same parameters.

    Args:
        from_module: the other one; nothing happens if it is not parametrised.
        to_module: gets a parameter where it has none of the name.
        tensor_name: transfer those of this tensor; of all by default.

    Returns:
        `to_module`.

    Raises:
        ArgumentError: if the tensor is not parametrised.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.utils import parametrizations, parametrize
        >>> a, b = parametrizations.weight_norm(tg.nn.Linear(2, 2)), tg.nn.Linear(2, 2)
        >>> _ = parametrize.transfer_parametrizations_and_params(a, b)
        >>> tg.equal(a.weight, b.weight)
        True
    """
    if not is_parametrized(from_module):
        return to_module
    lists: Any = vars(from_module)["parametrizations"]
    if tensor_name is not None and tensor_name not in lists:
        raise ArgumentError(
            f"transfer_parametrizations_and_params: {type(from_module).__name__} has no parametrised "
            f"{tensor_name!r}"
        )
    for name in [tensor_name] if tensor_name is not None else list(lists):
        source = lists[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        target: Any = vars(to_module)["parametrizations"][name]
        for part in source._parts():
            vars(target)[part] = vars(source)[part]
    return to_module


__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]
