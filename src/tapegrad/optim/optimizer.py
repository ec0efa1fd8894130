"""`Optimizer`: parameter groups, state, and what goes into and comes out of state dicts.

How a step changes the values is in `flat.py` for most optimisers, in `lbfgs.py` for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from ..errors import ArgumentError, DtypeError, GraphError, StateDictError
from ..gradients import clear_grad
from ..tape import Leaf
from ..tensor import Tensor
from .hooks import Hooked
from .loading import fitted, paired

_PASSING = {"_hooks", "_step_hooked", "step"}  # what copies and pickles do not take along


class Optimizer(Hooked):
    """Base of all optimisers.

    Optimisers that change every element by itself derive from `FlatOptimizer`; one of your own that
    does not derives from this class, calls the constructor with its defaults and writes `step`.

    Args:
        params: parameters; or dicts with `params` and hyper-parameters of their own; or pairs of a
            name and a parameter, as `named_parameters()` gives them.
        defaults: hyper-parameters of groups that do not set them.

    Attributes:
        param_groups: dicts with the `params`, their `param_names` if they have any, and the
            hyper-parameters, read in every step.
        state: dict from each parameter to its state by name, tensors.
        defaults: the hyper-parameters that were given for all groups.

    Raises:
        ArgumentError: for no parameters, one given twice, or hyper-parameters without meaning.
        DtypeError: for what is no tensor.
        GraphError: for a tensor that was computed and is no leaf.

    Example:
        >>> import tapegrad as tg
        >>> w = tg.nn.Parameter(tg.ones(2))
        >>> optimizer = tg.optim.SGD([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([0., 0.])
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        op = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise DtypeError(
                f"{op}: params must be an iterable of tensors or dicts, got "
                f"{type(params).__name__}; put a single tensor into a list"
            )
        groups = list(params)
        if not groups:
            raise ArgumentError(f"{op}: params is empty; pass e.g. model.parameters()")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.check(defaults)
        for group in groups:
            self.add_param_group(group)

    # -- for subclasses --------------------------------------------------------------------------

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""

    def check_parameter(self, where: str, parameter: Tensor) -> None:
        """Refuse a parameter that cannot be trained here; `where` says which, for the error."""

    def state_shape(self, name: str, parameter: Tensor) -> tuple[int, ...] | None:
        """Shape that a tensor in the state of a parameter must have, or None for any."""
        return None

    def stays_on_host(self, name: str) -> bool:
        """Whether a value of the state is a number kept on the host, in a dtype of its own."""
        return name == "step"

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient.

        Args:
            closure: computes the loss anew, `backward` included; it is called first.

        Returns:
            What the closure returned, or None.
        """
        raise NotImplementedError(f"{type(self).__name__}: step() is not written")

    # -- groups ----------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own.

        Args:
            param_group: `params`, with or without names as in the other groups, and any
                hyper-parameters that differ from the defaults.

        Raises:
            ArgumentError, DtypeError, GraphError: as for the constructor; nothing is added then.
        """
        op = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise DtypeError(f"{op}: a parameter group must be a dict with 'params'")
        given = param_group["params"]
        if isinstance(given, (set, frozenset)):
            raise DtypeError(f"{op}: params must have an order, got a set; pass a list")
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = None
        if entries and all(isinstance(e, tuple) and len(e) == 2 for e in entries):
            names = [name for name, _ in entries]
            entries = [parameter for _, parameter in entries]
        elif any(isinstance(e, tuple) for e in entries):
            raise ArgumentError(f"{op}: name all parameters of a group or none of them")
        if not entries:
            raise ArgumentError(f"{op}: a parameter group is empty; pass e.g. model.parameters()")
        taken = {id(p): "another group" for group in self.param_groups for p in group["params"]}
        for index, parameter in enumerate(entries):
            if not isinstance(parameter, Tensor):
                raise DtypeError(
                    f"{op}: params[{index}] must be a tensor, got {type(parameter).__name__}"
                )
            if parameter.node is not None and not isinstance(parameter.node, Leaf):
                raise GraphError(
                    f"{op}: params[{index}] was computed by {parameter.node.op} and is no leaf; "
                    "optimise the tensor it was computed from, or its detach()"
                )
            if parameter.dtype.kind not in "fcV":
                raise DtypeError(
                    f"{op}: params[{index}] is {parameter.dtype}; only floating tensors are trained"
                )
            if id(parameter) in taken:
                raise ArgumentError(f"{op}: params[{index}] is in {taken[id(parameter)]} already")
            taken[id(parameter)] = "this group"
            self.check_parameter(f"{op}: params[{index}]", parameter)
        options = {k: v for k, v in param_group.items() if k != "params"}
        group = {**self.defaults, **options}
        self.check(group)
        if names is not None:
            group["param_names"] = names
        named = "param_names" in group
        if any(("param_names" in other) != named for other in self.param_groups):
            raise ArgumentError(
                f"{op}: this group has {'' if named else 'no '}names and another has "
                f"{'none' if named else 'some'}; name the parameters of all groups or of none"
            )
        self.param_groups.append({"params": entries, **group})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: set them to None, so that parameters without a new one are passed over by
                `step`; otherwise fill them with zeros.

        Example:
            Gradients add up until they are forgotten, so that a large batch can be taken in parts:

            >>> import tapegrad as tg
            >>> w = tg.zeros(2, requires_grad=True)
            >>> optimizer = tg.optim.SGD([w], lr=0.1)
            >>> x, y = tg.ones(8, 2), tg.ones(8)
            >>> parts = 4
            >>> for xs, ys in zip(x.split(2), y.split(2)):
            ...     loss = ((xs @ w - ys) ** 2).mean() / parts
            ...     loss.backward()
            >>> optimizer.step()
            >>> optimizer.zero_grad()
            >>> w.detach()
            tensor([0.2000, 0.2000])
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                clear_grad(parameter, set_to_none)

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Collect state and hyper-parameters, parameters by their number.

        Returns:
            `{"state": {0: {...}, ...}, "param_groups": [{..., "params": [0, ...]}]}`; the tensors
            share the memory of the optimiser's own. Groups of `named_parameters()` have the names
            under `param_names`, in the order of the numbers.

        Example:
            >>> import tapegrad as tg
            >>> model = tg.nn.Linear(2, 1)
            >>> optimizer = tg.optim.SGD(model.named_parameters(), lr=0.1)
            >>> group = optimizer.state_dict()["param_groups"][0]
            >>> group["params"], group["param_names"]
            ([0, 1], ['weight', 'bias'])
        """
        for hook in self._hooks_of("before saving"):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers[id(p)] = len(numbers)
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(p)]: dict(entry)
            for p, entry in self.state.items()
            if id(p) in numbers and entry
        }
        found: dict[str, Any] = {"state": dict(sorted(state.items())), "param_groups": groups}
        for hook in self._hooks_of("after saving"):
            answer = hook(self, found)
            found = found if answer is None else answer
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and hyper-parameters, copied; nothing is changed unless everything fits.

        Where the groups have names here and there, states are matched by name, whatever the order;
        otherwise by position.

        Args:
            state_dict: from `state_dict` of an optimiser with groups of the same sizes; one of
                PyTorch's too, with its tensors as tensors or NumPy arrays.

        Raises:
            StateDictError: naming everything that does not fit.
        """
        op = f"{type(self).__name__}.load_state_dict"
        if isinstance(state_dict, Mapping):
            for hook in self._hooks_of("before loading"):
                answer = hook(self, dict(state_dict))
                state_dict = state_dict if answer is None else answer
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise StateDictError(f"{op}: needs a mapping with 'state' and 'param_groups'")
        saved = state_dict["param_groups"]
        have = [len(group["params"]) for group in self.param_groups]
        sizes = [len(group.get("params", ())) for group in saved]
        if have != sizes:
            raise StateDictError(
                f"{op}: nothing was loaded: the optimiser has groups of {have} parameters, the "
                f"state dict of {sizes}"
            )
        problems: list[str] = []
        parameters = paired(self.param_groups, saved, problems)
        state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        for key, entry in {} if problems else state_dict["state"].items():
            p = parameters.get(key)
            if p is None:
                problems.append(f"unexpected: state of parameter {key!r}")
                continue
            for name, value in entry.items():
                state[p][name] = fitted(
                    name, value, p, self.state_shape(name, p), self.stays_on_host(name),
                    f"parameter {key!r}", problems,
                )  # fmt: skip
        groups = []
        for mine, group in zip(self.param_groups, saved, strict=True):
            options = {k: deepcopy(v) for k, v in group.items() if k != "params"}
            if mine.get("param_names"):
                options.pop("param_names", None)  # the same, perhaps in another order
            merged = {**mine, **options}
            try:
                self.check(merged)
            except ArgumentError as error:
                problems.append(str(error))
            groups.append(merged)
        if problems:
            raise StateDictError(f"{op}: nothing was loaded:\n  " + "\n  ".join(problems))
        for mine, group in zip(self.param_groups, groups, strict=True):
            mine.update(group)
        self.__setstate__({"state": state})
        for hook in self._hooks_of("after loading"):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in _PASSING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __repr__(self) -> str:
        rows = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            rows.append(f"Parameter Group {index}")
            rows += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*rows, ")"])
