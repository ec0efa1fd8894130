"""`FlatOptimizer`: a step of a few array operations, whatever the number of parameters.

The parameters of a group that are small are put side by side into one buffer at their first step
(one buffer per dtype and device), and each parameter becomes a view of it; so do their states. A
step then costs the same handful of NumPy calls whatever the number of parameters. Large parameters
stay where they are and are worked through in pieces that fit into the cache.

Correctness never rests on it. A parameter is moved only if nobody else looks at its memory (seen by
reference counts), and every step compares arrays by identity: where a parameter, a gradient or a
state is no longer what the block was made of, the block is dissolved and made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from .. import stamps
from ..autograd import enable_grad
from ..device import move
from ..dtypes import get_default_dtype
from ..errors import ShapeError
from ..tensor import Tensor, wrap
from .block import PIECE, Block, Plan, counted, filled, private_ones, rebind, views
from .optimizer import Optimizer
from .options import check_betas, check_number, check_switches, number
from .penalties import Penalty, penalised


class FlatOptimizer(Optimizer):
    """An optimiser whose rule is written over whole arrays.

    A subclass names its states and writes `update`, which gets the values and gradients of a whole
    block as arrays. Everything that optimisers have in common is done here: groups of parameters
    that are stepped at once, `maximize`, `weight_decay` and `l1_decay`, counting of steps, checks.

    `weight_decay` is an L2 penalty, `l1_decay`, an option of every group, an L1 penalty:

        g = g + weight_decay * p + l1_decay * sign(p)

    where decay is coupled, and where it is decoupled (`decoupled`, as in AdamW)

        p = p - lr * weight_decay * p,  then each element by up to lr * l1_decay towards zero

    which leaves exact zeros.

    Args:
        params: parameters, dicts, or pairs of a name and a parameter.
        defaults: hyper-parameters of groups that do not set them.

    Attributes:
        slots: names of the states with a value for each element.
        counters: names of the states that are one number, `step` first.
        numbers: hyper-parameters that must be finite and not negative, beside `lr` and the decays.
        decoupled: whether decay is; the option `decoupled_weight_decay` of a group goes before it.
        stacked: whether `update` gets parameters of one shape stacked along a new first dimension,
            rather than a flat vector.

    Example:
        >>> import numpy as np
        >>> import tapegrad as tg
        >>> class SignDescent(tg.optim.FlatOptimizer):
        ...     def prepare(self, group, block):
        ...         return block.scalars(group["lr"])
        ...     def update(self, prepared, p, g, s, t):
        ...         np.sign(g, out=s)
        ...         np.multiply(s, prepared[0], out=s)
        ...         np.subtract(p, s, out=p)
        >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = SignDescent([{"params": [w], "l1_decay": 0.01}], {"lr": 0.5})
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([ 0.5000, -1.5000])
    """

    slots: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    decoupled = False
    stacked = False

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self._plans: dict[int, Plan] = {}
        self._pool: dict[Any, tuple[Any, Any]] = {}
        self._stamp = f"{type(self).__name__}.step"
        super().__init__(params, defaults)

    # -- for subclasses --------------------------------------------------------------------------

    def check(self, options: dict[str, Any]) -> None:
        """Refuse hyper-parameters without meaning."""
        op = type(self).__name__
        for name in ("lr", "weight_decay", "l1_decay", *self.numbers):
            if name in options:
                check_number(op, name, options[name])
        if "betas" in options:
            check_betas(op, options["betas"])
        check_switches(op, options)

    def slots_of(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the states with a value for each element that a group needs."""
        return self.slots

    def slots_for(self, slots: tuple[str, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
        """Those of a group's states that a parameter of some shape has; all, unless `stacked`."""
        return slots

    def slot_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a state of a parameter; other than the parameter's only if `stacked`."""
        return shape

    def first(self, name: str, group: dict[str, Any]) -> float:
        """What a state is before the first step."""
        return 0.0

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """What `update` needs beside the arrays; called once per block and step.

        `block.counters["step"]` is the number of this step, from 1.
        """
        raise NotImplementedError

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """Change the values in place.

        Args:
            prepared: from `prepare`.
            p: values; write here.
            g: gradients, decay included; read only.
            s: scratch of the same shape, None if `stacked`.
            t: scratch too, but it may be `g` itself: not before `g` was read for the last time.
            states: one array for each of the group's slots; write here.
        """
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own.

        Args:
            param_group: as for `Optimizer.add_param_group`; betas given as tensors become numbers.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if "betas" in group:
            group["betas"] = tuple(map(number, group["betas"]))

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
        elif block.flatten:
            g = g.reshape(-1)
        if block.counters:
            block.counters["step"] += 1
        prepared = self.prepare(group, block)
        penalty = self.penalty(group, block)
        for cut, p, states, s, t in block.pieces:
            part = g if cut is None else cut(g)
            if penalty is not None:
                part = penalised(penalty, p, part, s, t)
            self.update(prepared, p, part, s, t, *states)
        block.fresh = False
        stamps.stamp(block.values, self._stamp)

    def penalty(self, group: dict[str, Any], block: Block) -> Penalty | None:
        """What is done to values and gradients before the update, None for nothing."""
        get = group.get
        l2, l1, maximize = get("weight_decay", 0), get("l1_decay", 0), get("maximize", False)
        if not (l2 or l1 or maximize):
            return None
        given = (l2, l1, maximize, get("decoupled_weight_decay", self.decoupled), group["lr"])
        if block.penalty[0] == given:
            return block.penalty[1]
        made = self._penalty(block, *map(number, given))
        changing = any(isinstance(value, Tensor) for value in given)  # in place, unseen
        block.penalty = (None if changing else given, made)
        return made

    def _penalty(
        self, block: Block, l2: float, l1: float, maximize: bool, decoupled: bool, lr: float
    ) -> Penalty:
        numbers = (1 - lr * l2, lr * l1) if decoupled else (l2, l1)
        first, second = block.operands(numbers)
        first, second = first if l2 else None, second if l1 else None
        if decoupled:
            return Penalty(maximize, keep=first, reach=second)
        return Penalty(maximize, slope=first, sign=second)

    # -- making blocks ---------------------------------------------------------------------------

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
                p.shape if self.stacked else None,
                *(self._counted(entry, name, plan.group) for name in self.counters),
                filled(entry, self.slots_for(plan.slots, p.shape)),
            )
            alone = id(p) not in private
            shared.setdefault((*kind, id(p) if alone else None), []).append(p)
        for params in shared.values():
            plan.blocks.append(self._block(params, plan))

    def _counted(self, entry: dict[str, Any], name: str, group: dict[str, Any]) -> float:
        return counted(entry, name, self.first(name, group))

    def _block(self, params: list[Tensor], plan: Plan) -> Block:
        slots = self.slots_for(plan.slots, params[0].shape)
        entries = [self.state[p] for p in params] if slots or self.counters else []
        for p, entry in zip(params, entries, strict=False):
            for name in slots:
                shape = self.slot_shape(name, p.shape)
                if isinstance(entry.get(name), Tensor) and entry[name].shape != shape:
                    raise ShapeError(
                        f"{type(self).__name__}: state {name!r} has shape {entry[name].shape}, its "
                        f"parameter needs {shape}; make a new optimiser for new parameters"
                    )
        block = Block()
        block.params, block.entries = params, entries
        block.constants, block.penalty = ((), ()), (None, None)
        block.states, block.tensors, block.counters = {}, {}, {}
        block.gathered = block.places = None
        block.flatten = False
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
        values = block.values
        block.as_arrays = type(values) is np.ndarray and values.dtype.itemsize >= 4
        block.fresh = not all(filled(entry, slots) for entry in entries)
        dtype = np.float64 if get_default_dtype() == np.float64 else np.float32
        for name in self.counters:
            count = np.array(self._counted(entries[0], name, plan.group), dtype)
            block.counters[name] = count
            for entry in entries:
                entry[name] = wrap(count[...])
        for name in slots:
            block.states[name] = self._state(name, block, plan.group)
        for name in (*slots, *self.counters):
            block.tensors[name] = [entry[name] for entry in entries]
        block.pieces = list(self._pieces(block))
        return block

    def _state(self, name: str, block: Block, group: dict[str, Any]) -> Any:
        """One array for a state of all parameters of a block; each gets its own view of it."""
        params, values = block.params, block.values
        first: complex = number(self.first(name, group))
        if values.dtype.kind == "c":
            first = complex(first, first)
        if self.stacked:
            shape = self.slot_shape(name, params[0].shape)
            held = np.full_like(values, first, shape=(len(params), *shape))
            places = [held[i, ...] for i in range(len(params))]
        else:
            held = np.full_like(values, first)
            places = views(held, params)
        for p, entry, view in zip(params, block.entries, places, strict=True):
            if isinstance(entry.get(name), Tensor):
                view[...] = move(entry[name].array, p.device)
            entry[name] = wrap(view)
        return held

    def _pieces(self, block: Block) -> Iterator[Any]:
        """Where a block is cut: what cuts the gradient, values, states and scratch."""
        values, states = block.values, tuple(block.states.values())
        if self.stacked:
            stack = (len(block.params), *block.params[0].shape)
            yield lambda g: g.reshape(stack), values.reshape(stack), states, None, None
            return
        if values.dtype.kind == "c":  # real and imaginary part, each by itself
            for name in ("real", "imag"):
                part = attrgetter(name)
                p = part(values)
                s, t = self._scratch(p, p.size)
                s, t = s.reshape(p.shape), t.reshape(p.shape)
                yield part, p, tuple(map(part, states)), s, t
            return
        whole = values.size <= PIECE or type(values) is not np.ndarray
        if whole or not values.flags.c_contiguous:
            s, t = self._scratch(values, values.size)
            yield None, values, states, s.reshape(values.shape), t.reshape(values.shape)
            return
        block.flatten = True
        values, states = values.reshape(-1), tuple(state.reshape(-1) for state in states)
        s, t = self._scratch(values, PIECE)
        for start in range(0, values.size, PIECE):
            cut = itemgetter(slice(start, min(start + PIECE, values.size)))
            p = cut(values)
            yield cut, p, tuple(map(cut, states)), s[: p.size], t[: p.size]

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

    def state_shape(self, name: str, parameter: Tensor) -> tuple[int, ...] | None:
        """Shape that a tensor in the state of a parameter must have."""
        return () if name in self.counters else self.slot_shape(name, parameter.shape)

    def stays_on_host(self, name: str) -> bool:
        """Whether a value of the state is a number kept on the host."""
        return name == "step" or name in self.counters

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k not in ("_plans", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._plans = {}
        self._pool = {}
