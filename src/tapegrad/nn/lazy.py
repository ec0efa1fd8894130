"""Layers that learn the size of their input when they are called for the first time."""

from __future__ import annotations

from typing import Any

from .._typing import Shape
from ..errors import ArgumentError, ShapeError
from .module import Module
from .uninitialised import Uninitialized


class LazyModuleMixin(Module):
    """What makes a layer lazy: it stands before the layer among the base classes.

    Until the first call some parameters or buffers are an `UninitializedParameter` or an
    `UninitializedBuffer`. That call hands its arguments to `initialize_parameters`, and then the layer
    becomes an ordinary one. Conversions (`double`, `cuda`), `state_dict`, `load_state_dict`, `deepcopy` and
    pickle work before it; an optimiser is made after it.

    Attributes:
        cls_to_become: class of the layer from then on; None if it stays what it is.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.nn.lazy import LazyModuleMixin
        >>> class LazyScale(LazyModuleMixin):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = tg.nn.UninitializedParameter()
        ...     def initialize_parameters(self, input):
        ...         self.factor.materialize(input.shape[-1:])
        ...         tg.nn.init.ones_(self.factor)
        ...     def forward(self, input):
        ...         return input * self.factor
        >>> layer = LazyScale()
        >>> layer(tg.ones(2, 3)).shape, layer.factor.shape
        ((2, 3), (3,))
    """

    cls_to_become: type[Any] | None = None
    _hooked = True  # the class of the ordinary layer says False: nothing stays behind

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialise everything, from the arguments of the first call; every lazy class writes its own."""
        raise NotImplementedError(f"{type(self).__name__}: define initialize_parameters(self, ...)")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer has no shape yet."""
        return any(isinstance(value, Uninitialized) for value in vars(self).values())

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        ordinary = self.cls_to_become
        if ordinary is not None or self.has_uninitialized_params():
            self.initialize_parameters(*args, **kwargs)
            if self.has_uninitialized_params():
                raise ArgumentError(
                    f"{type(self).__name__}: initialize_parameters has left something uninitialised"
                )
        if ordinary is None:
            return super()._call_with_hooks(args, kwargs)
        self.__class__ = ordinary
        if self._hooked:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _materialise(self, shapes: dict[str, Shape]) -> None:
        """Give shapes to what has none and draw its values; what has been loaded keeps its own.

        Args:
            shapes: of parameters and buffers, by name.

        Raises:
            ShapeError: if something has been loaded that does not fit; nothing is changed then.
        """
        held = {name: vars(self)[name] for name in shapes if vars(self)[name] is not None}
        loaded = {k: v for k, v in held.items() if not isinstance(v, Uninitialized)}
        for name, tensor in loaded.items():
            if tensor.shape != shapes[name]:
                raise ShapeError(
                    f"{type(self).__name__.lower()}: {name} was loaded with shape {tensor.shape}, "
                    f"but the input asks for {shapes[name]}"
                )
        if len(loaded) == len(held):
            return
        kept = {name: tensor.detach().clone() for name, tensor in loaded.items()}
        for name, tensor in held.items():
            if name not in loaded:
                tensor.materialize(shapes[name])
        self.reset_parameters()
        for name, values in kept.items():
            held[name].detach().copy_(values)

    def reset_parameters(self) -> None:
        """Draw all values anew; before the first call there are none, and nothing is done."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]
