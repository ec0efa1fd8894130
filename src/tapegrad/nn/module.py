"""`Module`: something with parameters that can be called.

A module's parameters, buffers and submodules are simply its attributes, found by walking `vars(self)`;
nothing stands between `self.weight` and the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from ..errors import (
    ArgumentError,
    DeviceError,
    DimensionError,
    DtypeError,
    ShapeError,
)
from ..gradients import clear_grad
from ..tensor import Tensor
from .destination import Movable
from .global_hooks import (
    register_module_forward_hook as register_module_forward_hook,
)
from .global_hooks import (
    register_module_forward_pre_hook as register_module_forward_pre_hook,
)
from .global_hooks import (
    register_module_full_backward_hook as register_module_full_backward_hook,
)
from .global_hooks import (
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
)
from .hooks import Hooked
from .parameter import Buffer, Parameter
from .state import Stateful


class Module(Hooked, Stateful, Movable):
    """Base of everything with parameters: write `__init__` and `forward`, get the rest.

    Attributes that are `Parameter`s are its parameters, attributes that are modules its children, and
    tensors given to `register_buffer` its buffers, each in the order of first assignment.

    Attributes:
        training: True after `train()` (the default), False after `eval()`.

    Example:
        >>> import tapegrad as tg
        >>> class Scale(tg.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = tg.nn.Parameter(tg.tensor(2.0))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> scale = Scale()
        >>> scale(tg.tensor(3.0)).item()
        6.0
        >>> [name for name, _ in scale.named_parameters()]
        ['factor']
    """

    # Defaults on the class: a subclass that never calls super().__init__() works all the same, and
    # a call without hooks costs one attribute test.
    training: bool = True
    _persistence: Mapping[str, bool] = MappingProxyType({})  # of buffers, by name
    _noted: bool = False  # whether buffers that were assigned are among them

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except (ShapeError, DtypeError, DeviceError, DimensionError, ArgumentError) as error:
            _locate(error, self)
            raise

    # -- what it holds ---------------------------------------------------------------------------

    @property
    def _parameters(self) -> Mapping[str, Any]:
        """Its own parameters by name, read-only."""
        return MappingProxyType({k: v for k, v in vars(self).items() if isinstance(v, Parameter)})

    @property
    def _buffers(self) -> Mapping[str, Any]:
        """Its own buffers by name, read-only."""
        self._note_buffers()
        held = vars(self)
        return MappingProxyType(
            {
                k: held[k]
                for k in self._persistence
                if k in held and not isinstance(held[k], (Parameter, Module))
            }
        )

    def _note_buffers(self) -> None:
        """Note the names of buffers that were assigned: another tensor under a name is one, too."""
        self._noted = True
        fresh = {
            k: v.persistent
            for k, v in vars(self).items()
            if isinstance(v, Buffer) and k not in self._persistence
        }
        if fresh:
            self._persistence = {**self._persistence, **fresh}

    @property
    def _modules(self) -> Mapping[str, Any]:
        """Its children by name, read-only."""
        return MappingProxyType({k: v for k, v in vars(self).items() if isinstance(v, Module)})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set an attribute to a parameter, or to None to keep its place.

        Args:
            name: attribute name, without a dot.
            param: the parameter, or None for one that is not used.

        Raises:
            ArgumentError: if the name is taken, empty or has a dot in it.
            DtypeError: if `param` is no parameter.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Module()
            >>> layer.register_parameter("bias", None)
            >>> layer.bias is None
            True
        """
        self._check_name("register_parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise DtypeError(
                f"register_parameter: {name!r} must be an nn.Parameter or None, "
                f"got {type(param).__name__}"
            )
        vars(self)[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set an attribute to a tensor that belongs to the state but is not trained.

        Args:
            name: attribute name, without a dot.
            tensor: the values, or None.
            persistent: whether `state_dict` contains it.

        Raises:
            ArgumentError: if the name is taken, empty or has a dot in it.
            DtypeError: if `tensor` is no tensor.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Module()
            >>> layer.register_buffer("mean", tg.zeros(2))
            >>> list(layer.state_dict())
            ['mean']
        """
        self._check_name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DtypeError(
                f"register_buffer: {name!r} must be a tensor or None, got {type(tensor).__name__}"
            )
        self._persistence = {**self._persistence, name: persistent}
        vars(self)[name] = tensor

    def add_module(self, name: str, module: Module | None) -> None:
        """Set an attribute to a child module; its name may be one that Python could not spell.

        Args:
            name: attribute name, without a dot.
            module: the child, or None to keep its place.

        Raises:
            ArgumentError: if the name is taken, empty or has a dot in it.
            DtypeError: if `module` is no module.
        """
        self._check_name("add_module", name)
        if module is not None and not isinstance(module, Module):
            raise DtypeError(
                f"add_module: {name!r} must be a module or None, got {type(module).__name__}"
            )
        vars(self)[name] = module

    register_module = add_module

    def _check_name(self, op: str, name: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ArgumentError(f"{op}: name must be a string without a dot, got {name!r}")
        held = vars(self).get(name)
        if hasattr(self, name) and not (
            name in vars(self) and (held is None or isinstance(held, (Parameter, Module, Tensor)))
        ):
            raise ArgumentError(f"{op}: {type(self).__name__} already has an attribute {name!r}")

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Walk over the module itself and all modules below it, parents first.

        Args:
            memo: modules to leave out; those that were given are added.
            prefix: put before every name.
            remove_duplicate: give a module that is reached on two ways only once.

        Returns:
            Pairs of a dotted path and a module; the path of the module itself is the prefix.
        """
        memo = set() if memo is None else memo
        if remove_duplicate:
            if self in memo:
                return
            memo.add(self)
        if not self._noted:
            self._note_buffers()
        yield prefix, self
        for name, child in vars(self).copy().items():
            if isinstance(child, Module):
                path = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Walk over the module itself and all modules below it.

        Args:
            remove_duplicate: give a module that is reached on two ways only once.
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Walk over the direct children with their names, each once."""
        seen = set()
        for name, child in self._modules.items():
            if child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Walk over the direct children, each once."""
        for _, child in self.named_children():
            yield child

    def _named_members(
        self, members: Callable[[Module], Any], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in members(module).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Walk over the parameters with their paths; a shared one comes once, under its first.

        Args:
            prefix: put before every path.
            recurse: include those of all modules below.
            remove_duplicate: give a shared parameter only once.

        Returns:
            Pairs of a dotted path and a parameter.
        """
        return self._named_members(_own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Walk over the parameters, each once.

        Args:
            recurse: include those of all modules below.

        Returns:
            The parameters, in the order of `named_parameters`.
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Walk over the buffers with their paths, as `named_parameters` does."""
        return self._named_members(_own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Walk over the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """Find the module at a dotted path; the empty path is the module itself.

        Raises:
            AttributeError: if there is none; the message says how far the path led.
        """
        module = self
        done: list[str] = []
        for name in target.split(".") if target else ():
            found = getattr(module, name, None)
            if not isinstance(found, Module):
                where = ".".join(done) or type(self).__name__
                raise AttributeError(f"get_submodule: {where!r} has no module {name!r}")
            module = found
            done.append(name)
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path, in the place of the one that is there.

        Args:
            target: the path; all modules on the way to its last name must be there.
            module: what comes there.
            strict: refuse to add one where there was none.

        Raises:
            ArgumentError: for an empty path or name.
            AttributeError: if the way leads nowhere, or something else is at its end.
            DtypeError: if `module` is no module.

        Example:
            >>> import tapegrad as tg
            >>> model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU())
            >>> model.set_submodule("1", tg.nn.Tanh())
            >>> model[1]
            Tanh()
        """
        path, _, name = target.rpartition(".")
        if not all(target.split(".")):
            raise ArgumentError(f"set_submodule: needs a dotted path, got {target!r}")
        if not isinstance(module, Module):
            raise DtypeError(f"set_submodule: needs a module, got {type(module).__name__}")
        parent = self.get_submodule(path)
        held = getattr(parent, name, None)
        if not isinstance(held, Module) and (strict or hasattr(parent, name)):
            raise AttributeError(
                f"set_submodule: {path or type(self).__name__!r} has no module {name!r}"
            )
        setattr(parent, name, module)

    def _get_member(self, op: str, target: str, members: Callable[[Module], Any]) -> Any:
        path, _, name = target.rpartition(".")
        found = members(self.get_submodule(path)).get(name)
        if found is None:
            known = ", ".join(members(self.get_submodule(path))) or "none"
            raise AttributeError(f"{op}: nothing at {target!r}; there are: {known}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """Find the parameter at a dotted path; AttributeError if there is none."""
        return self._get_member("get_parameter", target, _own_parameters)  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """Find the buffer at a dotted path; AttributeError if there is none."""
        return self._get_member("get_buffer", target, _own_buffers)  # type: ignore[no-any-return]

    # -- what can be done to it ------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put the module and everything below it into training mode, or out of it.

        Args:
            mode: False is `eval()`.

        Raises:
            ArgumentError: if `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put the module and everything below it into evaluation mode."""
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function on every module below, then on the module itself.

        Args:
            fn: gets the module; its result is ignored.
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say for all parameters whether gradients are wanted."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: set them to None; otherwise fill them with zeros.
        """
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    # -- how it looks ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name[:1].isdigit()]

    def __repr__(self) -> str:
        rows = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        return framed(self._get_name(), self.extra_repr(), rows)

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        state["_persistence"] = dict(self._persistence)
        for hook in self._forward_pre_hooks.values():
            computed = getattr(
                hook.function, "computes", ""
            )  # before every call: a copy does so too
            if isinstance(state.get(computed), Tensor):
                state[computed] = state[computed].detach()
        return state


def _own_parameters(module: Module) -> Mapping[str, Any]:
    return module._parameters


def _own_buffers(module: Module) -> Mapping[str, Any]:
    return module._buffers


def framed(name: str, extra: str, rows: list[str]) -> str:
    """A module's printed form: on one line without children, else one indented row for each."""
    lines = extra.split("\n") if extra else []
    if len(lines) == 1 and not rows:
        return f"{name}({extra})"
    if not lines and not rows:
        return f"{name}()"
    return f"{name}(\n  " + "\n  ".join(lines + rows) + "\n)"


def indented(text: str) -> str:
    """A child's printed form, all but its first line moved to the right."""
    return text.replace("\n", "\n  ")


def _locate(error: Any, module: Module) -> None:
    """Put the path of the innermost module that was running in front of an error's message."""
    inner = getattr(error, "module", None)
    if inner is None:
        error.module = inner = module
        text = str(error)
        operation, colon, rest = text.partition(": ")
        same = type(module).__name__.lower().startswith(operation.replace("_", "").lower())
        error.said = rest if colon and same else text  # "LayerNorm: layer_norm: ..." says it twice
    for path, candidate in module.named_modules():
        if candidate is inner:
            kind = type(inner).__name__
            error.args = (f"{path} ({kind}): {error.said}" if path else f"{kind}: {error.said}",)
            return
