"""`Optimizer`: parameter groups, state, and the flat blocks that make a step a few array operations.

The parameters of a group that are small are put side by side into one buffer at their first step
(one buffer per dtype and device), and each parameter becomes a view of it; so do their states. A
step then costs the same handful of NumPy calls whatever the number of parameters. Large parameters
stay where they are and are worked through in pieces that fit into the cache.

Correctness never rests on it. A parameter is moved only if nobody else looks at its memory (seen by
reference counts), and every step compares arrays by identity: where a parameter, a gradient or a
state is no longer what the block was made of, the block is dissolved and made anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from numbers import Real
from operator import is_
from typing import Any

import numpy as np

from .. import stamps
from ..autograd import enable_grad
from ..device import move
from ..errors import ArgumentError, DtypeError, GraphError, ShapeError, StateDictError
from ..gradients import clear_grad
from ..tape import Leaf
from ..tensor import Tensor, wrap
from .block import (
    PIECE,
    Block,
    Plan,
    filled,
    private_ones,
    rebind,
    steps_of,
    views,
)


def check_number(op: str, name: str, value: Any, below: float = float("inf")) -> None:
    """Refuse a hyper-parameter that is no finite number of at least 0 and less than `below`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not 0 <= float(value) < below:
        limit = "" if below == float("inf") else f" and below {below}"
        raise ArgumentError(
            f"{op}: {name} must be a finite number of at least 0{limit}, got {value!r}"
        )


def check_switches(op: str, options: Mapping[str, Any]) -> None:
    """Refuse what cannot be done; `foreach`, `fused` and `capturable` change nothing here."""
    if options.get("differentiable"):
        raise ArgumentError(
            f"{op}: differentiable=True is not supported; steps are not recorded. "
            "Write the update with operations on tensors to differentiate through it"
        )


class Optimizer:
    """Base of all optimisers.

    A subclass names its state in `slots`, checks its hyper-parameters in `check` and writes
    `update`, which gets the values and gradients of a whole block as arrays.

    Args:
        params: parameters; or dicts with `params` and hyper-parameters of their own; or pairs of a
            name and a parameter.
        defaults: hyper-parameters of groups that do not set them.

    Attributes:
        param_groups: dicts with the `params` and the hyper-parameters, read in every step.
        state: dict from each parameter to its state by name, tensors.

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
        self._plans: dict[int, Plan] = {}
        self._pool: dict[Any, tuple[Any, Any]] = {}
        op = type(self).__name__
        self._stamp = f"{op}.step"
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

    slots: tuple[str, ...] = ()
    counts_steps = False

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the states that a group needs."""
        return self.slots

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """What `update` needs beside the arrays; called once per block and step."""
        raise NotImplementedError

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Change the values in place.

        Args:
            prepared: from `prepare`.
            p: values; write here.
            g: gradients; read only.
            s, t: scratch of the same shape.
            states: one array for each of the group's slots; write here.
        """
        raise NotImplementedError

    # -- groups ----------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own.

        Args:
            param_group: `params`, and any hyper-parameters that differ from the defaults.

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
        options = {k: v for k, v in param_group.items() if k != "params"}
        group = {**self.defaults, **options}
        self.check(group)
        if names is not None:
            group["param_names"] = names
        self.param_groups.append({"params": entries, **group})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: set them to None, so that parameters without a new one are passed over by
                `step`; otherwise fill them with zeros.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                clear_grad(parameter, set_to_none)

    # -- a step ----------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient.

        Args:
            closure: computes the loss anew, `backward` included; it is called first.

        Returns:
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            plan = self._plans.get(id(group))
            if plan is None or not self._fits(plan, group):
                plan = self._plans[id(group)] = Plan(group, self.slots_of(group))
            if plan.waiting:
                self._admit(plan)
            found = [block.gradients() for block in plan.blocks]
            while None in found:  # nothing has been changed yet
                self._repair(plan, found)
                found = [block.gradients() for block in plan.blocks]
            for block, gradients in zip(plan.blocks, found):  # noqa: B905
                if gradients:
                    self._run(group, block, gradients)
        return loss

    def _fits(self, plan: Plan, group: dict[str, Any]) -> bool:
        """Whether a plan is for the parameters and slots that the group has now."""
        params = group["params"]
        return (
            len(plan.known) == len(params)
            and all(map(is_, plan.known, params))
            and plan.slots == self.slots_of(group)
        )

    def _repair(self, plan: Plan, found: list[Any]) -> None:
        """Dissolve the blocks that are no longer what they were made of, and make new ones."""
        broken = [
            block for block, gradients in zip(plan.blocks, found, strict=True) if gradients is None
        ]
        for block in broken:
            plan.blocks.remove(block)
            plan.waiting += block.params
            block.arrays, block.pieces, block.values = [], [], None  # nobody looks at them now
        self._admit(plan)

    def _run(self, group: dict[str, Any], block: Block, gradients: list[Any]) -> None:
        g = gradients[0]
        if block.places is not None:  # half the price of np.concatenate on small arrays
            for place, gradient in zip(block.places, gradients):  # noqa: B905
                place[...] = gradient
            g = block.gathered
        elif block.gathered is not None:  # on a device one launch, not one per parameter
            g = np.concatenate(gradients, axis=None, out=block.gathered)
        elif len(block.pieces) > 1:
            g = g.reshape(-1)
        if block.count is not None:
            block.count += 1
        prepared = self.prepare(group, block)
        for piece, p, states, s, t in block.pieces:
            self.update(prepared, p, g if piece is None else g[piece], s, t, *states)
        block.fresh = False
        stamps.stamp(block.values, self._stamp)

    def _admit(self, plan: Plan) -> None:
        """Put the waiting parameters that have a gradient now into blocks."""
        ready = [p for p in plan.waiting if p.grad is not None]
        if not ready:
            return
        plan.waiting = [p for p in plan.waiting if p.grad is None]
        private = private_ones(ready)
        shared: dict[Any, list[Tensor]] = {}
        for p in ready:
            entry = self.state.get(p, {})
            # what is stepped together must be of one kind and of one age
            kind = (
                type(p.array),
                p.dtype,
                str(p.device),
                steps_of(entry),
                filled(entry, plan.slots),
            )
            alone = id(p) not in private
            shared.setdefault((*kind, id(p) if alone else None), []).append(p)
        for params in shared.values():
            plan.blocks.append(self._block(params, plan.slots))

    def _block(self, params: list[Tensor], slots: tuple[str, ...]) -> Block:
        entries = [self.state[p] for p in params] if slots or self.counts_steps else []
        for p, entry in zip(params, entries, strict=False):
            for name in slots:
                if isinstance(entry.get(name), Tensor) and entry[name].shape != p.shape:
                    raise ShapeError(
                        f"{type(self).__name__}: state {name!r} has shape {entry[name].shape}, its "
                        f"parameter has {p.shape}; make a new optimiser for new parameters"
                    )
        block = Block()
        block.params, block.entries = params, entries
        block.constants = (None, ())
        block.states, block.tensors = {}, {}
        block.count = block.gathered = block.places = None
        if len(params) > 1:
            block.values = np.concatenate([p.array for p in params], axis=None)
            block.gathered = np.empty_like(block.values)
            if type(block.values) is np.ndarray:
                block.places = views(block.gathered, params)
            for p, view in zip(params, views(block.values, params), strict=True):
                rebind(p, view)
        else:
            block.values = params[0].array
        block.arrays = [p.array for p in params]
        block.fresh = not all(filled(entry, slots) for entry in entries)
        if self.counts_steps:
            block.count = np.array(steps_of(entries[0]), np.float32)
            for entry in entries:
                entry["step"] = wrap(block.count[...])
        for name in slots:
            held = np.zeros_like(block.values)
            for p, entry, view in zip(params, entries, views(held, params), strict=True):
                if isinstance(entry.get(name), Tensor):
                    view[...] = move(entry[name].array, p.device)
                entry[name] = wrap(view)
            block.states[name] = held
        for name in (*slots, *(("step",) if self.counts_steps else ())):
            block.tensors[name] = [entry[name] for entry in entries]
        block.pieces = list(self._pieces(block))
        return block

    def _pieces(self, block: Block) -> Iterator[Any]:
        """Where a block is cut: slice of the gradient, values, states and scratch."""
        values, states = block.values, tuple(block.states.values())
        whole = values.size <= PIECE or type(values) is not np.ndarray
        if whole or not values.flags.c_contiguous:
            s, t = self._scratch(values, values.size)
            yield None, values, states, s.reshape(values.shape), t.reshape(values.shape)
            return
        values, states = values.reshape(-1), tuple(state.reshape(-1) for state in states)
        s, t = self._scratch(values, PIECE)
        for start in range(0, values.size, PIECE):
            piece = slice(start, min(start + PIECE, values.size))
            size = piece.stop - start
            yield piece, values[piece], tuple(x[piece] for x in states), s[:size], t[:size]

    def _scratch(self, like: Any, size: int) -> tuple[Any, Any]:
        """Two arrays to compute in, shared by all blocks of a kind."""
        key = (type(like), like.dtype, str(wrap(like[...]).device))
        pool = self._pool.get(key)
        if pool is None or pool[0].size < size:
            pool = self._pool[key] = (
                np.empty_like(like, shape=(size,)),
                np.empty_like(like, shape=(size,)),
            )
        return pool[0][:size], pool[1][:size]

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Collect state and hyper-parameters, parameters named by their number.

        Returns:
            `{"state": {0: {...}, ...}, "param_groups": [{..., "params": [0, ...]}]}`; the tensors
            share the memory of the optimiser's own.

        Example:
            >>> import tapegrad as tg
            >>> p = tg.zeros(2, requires_grad=True)
            >>> tg.optim.SGD([p], lr=0.1).state_dict()["param_groups"][0]["params"]
            [0]
        """
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
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and hyper-parameters, copied; nothing is changed unless everything fits.

        Args:
            state_dict: from `state_dict` of an optimiser with groups of the same sizes.

        Raises:
            StateDictError: naming everything that does not fit.
        """
        op = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise StateDictError(f"{op}: needs a mapping with 'state' and 'param_groups'")
        saved = state_dict["param_groups"]
        have = [len(group["params"]) for group in self.param_groups]
        sizes = [len(group.get("params", ())) for group in saved]
        if have != sizes:
            raise StateDictError(
                f"{op}: nothing was loaded: the optimiser has groups of {have} parameters, the state "
                f"dict of {sizes}"
            )
        by_number: dict[Any, Tensor] = {}
        for mine, group in zip(self.param_groups, saved, strict=True):
            by_number.update(zip(group["params"], mine["params"], strict=True))
        problems: list[str] = []
        state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, entry in state_dict["state"].items():
            p = by_number.get(number)
            if p is None:
                problems.append(f"unexpected: state of parameter {number!r}")
                continue
            for name, value in entry.items():
                if isinstance(value, Tensor) and value.ndim and value.shape != p.shape:
                    problems.append(
                        f"shape: {name} of parameter {number!r}: expected {p.shape}, got {value.shape}"
                    )
                elif isinstance(value, Tensor) and name != "step":
                    state[p][name] = wrap(move(value.array, p.device).astype(p.dtype))
                else:
                    held = isinstance(value, Tensor)
                    state[p][name] = wrap(value.array.copy()) if held else deepcopy(value)
        groups = []
        for mine, group in zip(self.param_groups, saved, strict=True):
            options = {k: deepcopy(v) for k, v in group.items() if k != "params"}
            merged = {**mine, **options, "params": mine["params"]}
            try:
                self.check(merged)
            except ArgumentError as error:
                problems.append(str(error))
            groups.append(merged)
        if problems:
            raise StateDictError(f"{op}: nothing was loaded:\n  " + "\n  ".join(problems))
        for mine, group in zip(self.param_groups, groups, strict=True):
            mine.update(group)
        self.state = state
        self._plans.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_plans", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._plans = {}
        self._pool = {}

    def __repr__(self) -> str:
        rows = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            rows.append(f"Parameter Group {index}")
            rows += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*rows, ")"])
