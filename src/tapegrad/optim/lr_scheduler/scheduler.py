"""`LRScheduler`: steps, resuming, and what goes into and comes out of state dicts."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ...device import is_array
from ...errors import ArgumentError, StateDictError
from ...tensor import Tensor, wrap
from ..optimizer import Optimizer
from ..options import number
from .arguments import Rate, check_optimizer, check_whole, copied

_PASSING = frozenset({"_is_initial", "_get_lr_called_within_step", "verbose"})


class LRScheduler:
    """Base of all schedulers: sets the learning rate of every group, epoch by epoch.

    What counts as an epoch is up to the caller: `step` may as well come after every batch. It comes
    after the optimiser's step. A scheduler of your own derives from this class and writes `get_lr`,
    from `self.last_epoch` and either `self.base_lrs` or the groups' current rates; the latter lets
    several schedulers act on one optimiser.

    To resume, make optimiser and scheduler anew and load the state dicts of both. Where there is
    none of the scheduler, load the optimiser's first and pass `last_epoch`, the last epoch that is
    done: the scheduler begins with the one after it, at the rates that were loaded.

    Args:
        optimizer: whose groups are changed; they get their rate at the beginning as `initial_lr`.
        last_epoch: number of the last epoch, -1 to begin.

    Attributes:
        base_lrs: the `initial_lr` of every group.
        last_epoch: number of the current epoch, 0 at the beginning.

    Raises:
        ArgumentError: for arguments without meaning; nothing is changed then.
        DtypeError: for what is no optimiser.
        StateDictError: if groups have no `initial_lr` to resume with.

    Example:
        >>> import tapegrad as tg
        >>> class Halving(tg.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [lr * 0.5**self.last_epoch for lr in self.base_lrs]
        >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = Halving(optimizer)
        >>> for epoch in range(3):
        ...     optimizer.step()
        ...     print(scheduler.get_last_lr())
        ...     scheduler.step()
        [1.0]
        [0.5]
        [0.25]
    """

    base_lrs: list[Rate]
    last_epoch: int
    _step_count: int
    _last_lr: list[Rate]
    _is_initial = False
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer, last_epoch)
        self._initial_step()

    @property
    def _op(self) -> str:
        """The name for errors."""
        return type(self).__name__

    def _attach(self, optimizer: Optimizer, last_epoch: int) -> None:
        """Take the optimiser over, its rates at the beginning and the number of the last epoch."""
        check_optimizer(self._op, optimizer)
        check_whole(self._op, "last_epoch", last_epoch, least=-1)
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", copied(group["lr"]))
        else:
            self._check_resumed(optimizer, last_epoch, ("initial_lr",))
        self.optimizer = optimizer
        self.base_lrs = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _note_first_step(optimizer)

    def _check_resumed(self, optimizer: Optimizer, last_epoch: int, names: tuple[str, ...]) -> None:
        """Refuse groups that lack what an earlier scheduler of this kind put there."""
        for index, group in enumerate(optimizer.param_groups):
            for name in names:
                if name not in group:
                    raise StateDictError(
                        f"{self._op}: last_epoch={last_epoch} resumes, but group {index} of the "
                        f"optimiser has no {name!r}; load the optimiser's state dict first, or "
                        "leave last_epoch out"
                    )

    def _initial_step(self) -> None:
        """Begin: the rates of the first epoch, or of the one that is resumed."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _rewind(self) -> None:
        """Go before epoch 0."""
        self.last_epoch = -1

    def _restart(self) -> None:
        """Go to epoch 0, whatever the rates are now."""
        self._update_lr(0)

    # -- rates -----------------------------------------------------------------------------------

    def get_lr(self) -> list[Rate]:
        """Compute the rates of `last_epoch`, for `step`; ask `get_last_lr` for the current ones.

        Returns:
            One for each group, numbers or tensors as the groups' own.
        """
        raise NotImplementedError(f"{self._op}: get_lr() is not written")

    def get_last_lr(self) -> list[Rate]:
        """The rates that this scheduler set last, one for each group; tensors are copies."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch; call it after the optimiser's step.

        Args:
            epoch: deprecated, as in PyTorch: go to this epoch, by a closed form where there is one.

        Warns:
            UserWarning: before the first step of the optimiser, whose first rate would be passed
                over, and for `epoch`.
        """
        if self._step_count == 1:
            _warn_of_order(self.optimizer)
        if epoch is not None:
            warnings.warn(
                f"{self._op}.step: epoch is deprecated; call step() after every epoch",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        try:
            self._update_lr(epoch)
        except BaseException:
            self._step_count -= 1
            raise

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to a certain one, and set its rates."""
        before = self.last_epoch
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch = before + 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                rates = getattr(self, "_get_closed_form_lr", self.get_lr)()
            self._set_lr(self._one_per_group("get_lr()", rates))
        except BaseException:
            self.last_epoch = before
            raise
        finally:
            self._get_lr_called_within_step = False

    def _set_lr(self, rates: list[Rate]) -> None:
        """Give every group its rate."""
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._note_lr()

    def _note_lr(self) -> None:
        """Remember the rates of the groups as the last ones."""
        self._last_lr = [copied(group["lr"]) for group in self.optimizer.param_groups]

    def _one_per_group(self, name: str, values: list[Any]) -> list[Any]:
        """The values, refused if they are not one for each group."""
        groups = len(self.optimizer.param_groups)
        if len(values) != groups:
            raise ArgumentError(
                f"{self._op}: {name} has {len(values)} values for {groups} groups; if a group was "
                "added to the optimiser, make the scheduler anew or extend its lists"
            )
        return values

    def _warn_outside_step(self) -> None:
        """Warn who asks for the rates of an epoch that is not computed."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                f"{self._op}: ask get_last_lr() for the current rates; get_lr() computes the next",
                UserWarning,
                stacklevel=3,
            )

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, in PyTorch's layout; save the optimiser's beside it.

        Functions are left out; of a callable object its attributes are there.
        """
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, copied; nothing is changed unless everything fits.

        The learning rates themselves are in the optimiser's state dict.

        Args:
            state_dict: of a scheduler of this kind, or of PyTorch's.

        Raises:
            StateDictError: naming everything that does not fit.
        """
        problems = self._misfits(state_dict)
        if problems:
            raise StateDictError(
                f"{self._op}.load_state_dict: nothing was loaded:\n  " + "\n  ".join(problems)
            )
        self._take(state_dict)

    def _misfits(self, state_dict: Any) -> list[str]:
        """What does not fit, in words."""
        if not isinstance(state_dict, Mapping):
            return [f"needs a mapping, got {type(state_dict).__name__}"]
        mine, theirs = set(self.state_dict()) - _PASSING, set(state_dict) - _PASSING
        missing = [f"missing: {name!r}" for name in sorted(mine - theirs)]
        return missing + [f"unexpected: {name!r}" for name in sorted(theirs - mine)]

    def _take(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state dict that fits."""
        vars(self).update({k: taken(v) for k, v in state_dict.items() if k not in _PASSING})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_step_count" in state:
            _note_first_step(self.optimizer)


def set_rate(group: dict[str, Any], rate: Any) -> None:
    """Give a group a learning rate; a tensor is written into."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(number(rate))
    else:
        group["lr"] = rate


def taken(value: Any) -> Any:
    """A copy of a value from a state dict; arrays and PyTorch's tensors become tensors."""
    if is_array(value):
        return wrap(value.copy())
    if type(value).__module__.partition(".")[0] == "torch":
        return wrap(value.detach().cpu().numpy().copy())
    if isinstance(value, list):
        return [taken(one) for one in value]
    return copied(value) if isinstance(value, Tensor) else deepcopy(value)


class _FirstStep:
    """Stands before an optimiser's step until that is called, and notes that it was."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._own = vars(optimizer).get("step")  # somebody else's, e.g. with hooks
        self._plain = type(optimizer).step
        self._optimizer = weakref.ref(optimizer)  # which holds this object
        self._wrapped_by_lr_sched = True
        functools.update_wrapper(self, self._own or self._plain)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        optimizer = self._optimizer()
        assert optimizer is not None
        held = vars(optimizer)
        held["_opt_called"] = True
        if held.get("step") is self:  # later steps cost nothing more
            if self._own is None:
                del held["step"]
            else:
                held["step"] = self._own
        if self._own is not None:
            return self._own(*args, **kwargs)
        return self._plain(optimizer, *args, **kwargs)


def _note_first_step(optimizer: Optimizer) -> None:
    """Have an optimiser note its first step as `_opt_called`, PyTorch's name."""
    held = vars(optimizer)
    if not held.get("_opt_called") and not hasattr(held.get("step"), "_wrapped_by_lr_sched"):
        held["step"] = _FirstStep(optimizer)


def _warn_of_order(optimizer: Optimizer) -> None:
    """Warn if the optimiser has not been stepped, as far as that can be told."""
    held = vars(optimizer)
    if held.get("_opt_called"):
        return
    if hasattr(held.get("step"), "_wrapped_by_lr_sched"):
        text = (
            "scheduler.step() was called before optimizer.step(), so the first learning rate of "
            "the schedule is passed over; call optimizer.step() first"
        )
    else:
        text = (
            "optimizer.step was replaced after the scheduler was made, so whether it is called "
            "before scheduler.step() cannot be told; make sure that it is"
        )
    warnings.warn(text, UserWarning, stacklevel=3)
