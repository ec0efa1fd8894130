"""The state of modules: `state_dict`, `load_state_dict`, and the hooks around both."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ..errors import ArgumentError
from ..gradients import RemovableHandle
from ..tensor import Tensor
from .loading import EXTRA, IncompatibleKeys, Metadata, load, note
from .parameter import Parameter

Hooks = Mapping[int, Callable[..., Any]]
NONE: Hooks = MappingProxyType({})


class Stateful:
    """What has a state that can be collected by path and loaded again.

    Each module writes and reads its own part, by `_save_to_state_dict` and `_load_from_state_dict`, which
    classes may extend.
    """

    _version: int = 1  # of the layout of the state, for classes that change theirs
    _state_dict_pre_hooks: Hooks = NONE
    _state_dict_hooks: Hooks = NONE
    _load_state_dict_pre_hooks: Hooks = NONE
    _load_state_dict_post_hooks: Hooks = NONE
    _modules: Any  # of Module
    _buffers: Any
    _persistence: Mapping[str, bool]

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of its own parameters and persistent buffers."""
        for name, value in vars(self).copy().items():
            if isinstance(value, Parameter):
                yield name, value
        for name, value in self._buffers.items():
            if value is not None and self._persistence[name]:
                yield name, value

    def _extends(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Stateful, method)

    def get_extra_state(self) -> Any:
        """What else belongs to the state; a class that writes it writes `set_extra_state` too.

        Returns:
            Anything; it stands under the key `_extra_state` in the state dict.
        """
        raise NotImplementedError(f"{type(self).__name__}: define get_extra_state(self)")

    def set_extra_state(self, state: Any) -> None:
        """Take over what `get_extra_state` gave.

        Args:
            state: from the state dict.
        """
        raise NotImplementedError(f"{type(self).__name__}: define set_extra_state(self, state)")

    # -- saving ----------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Collect parameters and persistent buffers by path, sharing their memory.

        Args:
            destination: mapping to fill; by default a new `OrderedDict`.
            prefix: put before every key, with its dot.
            keep_vars: give the parameters themselves, not detached tensors.

        Returns:
            The mapping, parameters before buffers before children.

        Example:
            >>> import tapegrad as tg
            >>> list(tg.nn.Sequential(tg.nn.Linear(2, 3)).state_dict())
            ['0.weight', '0.bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
        for hook in list(self._state_dict_hooks.values()):
            if hook(self, destination, prefix, metadata) is not None:
                raise ArgumentError(
                    "state_dict: a post-hook changes the mapping it is given, and must return None"
                )
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the module's own part into a state dict."""
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._extends("get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function before the module's part of a state dict is collected.

        Args:
            hook: `hook(module, prefix, keep_vars)`.

        Returns:
            A handle whose `remove()` takes the hook off.
        """
        return self._add_state_hook("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function when the part of the module and of all below it has been collected.

        Args:
            hook: `hook(module, state_dict, prefix, local_metadata)`; it may change the mapping, and
                returns None.

        Returns:
            A handle whose `remove()` takes the hook off.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Linear(2, 3)
            >>> def rename(module, state_dict, prefix, local_metadata):
            ...     state_dict[prefix + "kernel"] = state_dict.pop(prefix + "weight")
            >>> handle = layer.register_state_dict_post_hook(rename)
            >>> list(layer.state_dict())
            ['bias', 'kernel']
        """
        return self._add_state_hook("_state_dict_hooks", hook)

    # -- loading ---------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and buffers; nothing is changed unless everything fits.

        Args:
            state_dict: tensors or arrays by path.
            strict: refuse missing and unexpected keys too; shapes must fit in any case.
            assign: let the module hold the given tensors themselves instead of copying.

        Returns:
            `(missing_keys, unexpected_keys)`, both empty when strict.

        Raises:
            StateDictError: naming every missing, unexpected and misfit entry.

        Example:
            >>> import tapegrad as tg
            >>> a, b = tg.nn.Linear(2, 3), tg.nn.Linear(2, 3)
            >>> a.load_state_dict(b.state_dict())
            IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        """
        return load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Metadata,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Compare the module's own part with a state dict, and note what is to be changed.

        Nothing is changed yet: that happens when all modules have found no fault. A class that extends it
        may rename or convert entries of `state_dict` before it hands everything on to this one.
        """
        given = (local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(self, state_dict, prefix, *given)
        note(self, state_dict, prefix, *given)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function before the module looks for its part in a state dict.

        Args:
            hook: `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
                unexpected_keys, error_msgs)`; the mapping is a copy that it may change, and a message
                added to the last list refuses the loading.

        Returns:
            A handle whose `remove()` takes the hook off.

        Example:
            >>> import tapegrad as tg
            >>> layer = tg.nn.Linear(1, 1, bias=False)
            >>> def rename(module, state_dict, prefix, *_):
            ...     state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            >>> handle = layer.register_load_state_dict_pre_hook(rename)
            >>> layer.load_state_dict({"kernel": tg.tensor([[2.0]])})
            IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        """
        return self._add_state_hook("_load_state_dict_pre_hooks", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a function when a state dict has been loaded into the module and all below it.

        Args:
            hook: `hook(module, incompatible_keys)`; what it takes out of the lists is forgiven. If something
                is left, or a hook fails, everything is put back as it was.

        Returns:
            A handle whose `remove()` takes the hook off.
        """
        return self._add_state_hook("_load_state_dict_post_hooks", hook)

    def _add_state_hook(self, kind: str, hook: Any) -> RemovableHandle:
        if not callable(hook):
            raise ArgumentError(f"register hook: needs a function, got {type(hook).__name__}")
        hooks = vars(self).setdefault(kind, OrderedDict())
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle
