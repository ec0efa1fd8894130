"""Averages of a model's parameters over training: stochastic weight averaging and EMA."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from .. import stamps
from ..autograd import no_grad
from ..creation import tensor
from ..device import move
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..nn import Module
from ..nn.batch_normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..tensor import Tensor, wrap
from .block import Block
from .flat import FlatOptimizer
from .lr_scheduler import LRScheduler
from .lr_scheduler.arguments import Rate, check_choice, check_optimizer, check_whole, per_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def _check_decay(op: str, decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ArgumentError(f"{op}: decay must be between 0 and 1, got {decay!r}")


class _Towards:
    """Moves averages by a share of the way to the current values, in place.

    The share is 1 - decay, or 1 / (n + 1) without a decay.
    """

    def __init__(self, decay: float | None) -> None:
        self.decay = decay

    def share(self, num_averaged: Any) -> float:
        """The share after so many values."""
        return 1 / (int(num_averaged) + 1) if self.decay is None else 1 - self.decay

    def __call__(self, averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        share = self.share(num_averaged)
        for average, value in zip(averaged, current, strict=True):
            a, x = average.array, value.array
            floating = a.dtype.kind in "fcV"
            way = np.subtract(x, a, dtype=None if floating else np.float64)
            way *= share
            if floating:
                np.add(a, way, out=a)
            else:  # counts: rounded towards zero
                a[...] = (a + way).astype(a.dtype)
            stamps.stamp(a, "update_parameters")


class _Average(FlatOptimizer):
    """The same over flat blocks: the current values come in the place of gradients."""

    def __init__(self, averaged: list[Tensor]) -> None:
        super().__init__(averaged, {})
        self._stamp = "update_parameters"

    def draw(self, averaged: list[Tensor], current: list[Tensor], share: float) -> None:
        """Move all averages by a share of the way."""
        self.param_groups[0].update(params=averaged, share=share)
        kept = [average.grad for average in averaged]
        try:
            for average, value in zip(averaged, current, strict=True):
                average._grad = value
            self.step()
        finally:
            for average, grad in zip(averaged, kept, strict=True):
                average._grad = grad

    def prepare(self, group: dict[str, Any], block: Block) -> Any:
        """The share as an operand."""
        return block.scalars(group["share"])

    def update(self, prepared: Any, p: Any, g: Any, s: Any, t: Any, *states: Any) -> None:
        """p + share * (x - p)."""
        np.subtract(g, p, out=s)
        np.multiply(s, prepared[0], out=s)
        np.add(p, s, out=p)


def _copy(averaged: list[Tensor], current: list[Tensor]) -> None:
    """Copy values, in place."""
    for average, value in zip(averaged, current, strict=True):
        array = move(value.array, average.device)
        average.array[...] = array.astype(average.dtype, copy=False)
        stamps.stamp(average.array, "update_parameters")


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """An exponential moving average of many tensors, in place: `a = decay * a + (1 - decay) * x`.

    Args:
        decay: what the average keeps, from 0 to 1.

    Returns:
        A function of averages, current values and the number of values averaged so far.

    Raises:
        ArgumentError: for a decay outside [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> average = [tg.zeros(2)]
        >>> tg.optim.swa_utils.get_ema_multi_avg_fn(0.9)(average, [tg.ones(2)], 1)
        >>> average
        [tensor([0.1000, 0.1000])]
    """
    _check_decay("get_ema_multi_avg_fn", decay)

    return _Towards(decay)


def get_swa_multi_avg_fn() -> MultiAverage:
    """The mean of all values of many tensors, in place: `a = a + (x - a) / (n + 1)`.

    Returns:
        A function of averages, current values and the number of values averaged so far.

    Example:
        >>> import tapegrad as tg
        >>> average = [tg.zeros(2)]
        >>> tg.optim.swa_utils.get_swa_multi_avg_fn()(average, [tg.ones(2)], 1)
        >>> average
        [tensor([0.5000, 0.5000])]
    """
    return _Towards(None)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An exponential moving average of one tensor: `decay * a + (1 - decay) * x`.

    Args:
        decay: what the average keeps, from 0 to 1.

    Returns:
        A function of average, current value and the number of values averaged so far.

    Raises:
        ArgumentError: for a decay outside [0, 1].

    Example:
        >>> import tapegrad as tg
        >>> tg.optim.swa_utils.get_ema_avg_fn(0.9)(tg.zeros(2), tg.ones(2), 1)
        tensor([0.1000, 0.1000])
    """
    _check_decay("get_ema_avg_fn", decay)

    def ema_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all values of one tensor: `a + (x - a) / (n + 1)`.

    Returns:
        A function of average, current value and the number of values averaged so far.

    Example:
        >>> import tapegrad as tg
        >>> tg.optim.swa_utils.get_swa_avg_fn()(tg.zeros(2), tg.ones(2), 1)
        tensor([0.5000, 0.5000])
    """

    def swa_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            mean: Tensor = averaged + (current - averaged) / (num_averaged + 1)
        return mean

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of the model's over training.

    Args:
        model: what is copied; the first `update_parameters` takes its values as they are then.
        device: where the copy lives, by default where the model does.
        avg_fn: new average of one tensor from the old one, the current value and the number
            averaged so far; the plain mean by default.
        multi_avg_fn: the same for lists of tensors of one dtype on one device, in place.
        use_buffers: average the buffers too; otherwise they follow the model's.

    Attributes:
        module: the copy; its state dict is that of the model.
        n_averaged: how often `update_parameters` was called, a buffer.

    Raises:
        ArgumentError: for both `avg_fn` and `multi_avg_fn`.

    Example:
        >>> import tapegrad as tg
        >>> from tapegrad.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
        >>> model = tg.nn.Linear(2, 1)
        >>> average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
        >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     model(tg.ones(1, 2)).sum().backward()
        ...     optimizer.step()
        ...     average.update_parameters(model)
        >>> (average.module.bias - model.bias).detach()
        tensor([0.1970])

    References:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
        2018 (SWA). Polyak and Juditsky, "Acceleration of stochastic approximation by averaging",
        SIAM J. Control Optim. 30, 1992.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers
        self._averages: dict[Any, _Average] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the copy answers."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters as they are now into the average.

        Args:
            model: the model that was copied.

        Raises:
            ShapeError: for a model with other parameters or buffers; nothing is changed then.
        """
        pairs = _pairs("parameters", self.module.parameters(), model.parameters())
        buffers = _pairs("buffers", self.module.buffers(), model.buffers())
        if self.use_buffers:
            pairs += buffers
        elif buffers:
            _copy([b for b, _ in buffers], [b for _, b in buffers])
        averaged = [average for average, _ in pairs]
        current = [_beside(value, average) for average, value in pairs]
        if not int(self.n_averaged):
            _copy(averaged, current)
        elif self.avg_fn is not None:
            old = [average.detach() for average in averaged]
            made = [self.avg_fn(*both, self.n_averaged) for both in zip(old, current, strict=True)]
            _copy(old, made)
        else:
            update = self.multi_avg_fn or _Towards(None)
            for averages, values in _of_one_kind(averaged, current):
                if isinstance(update, _Towards) and averages[0].dtype.kind in "fcV":
                    self._average(averages).draw(averages, values, update.share(self.n_averaged))
                else:
                    update([a.detach() for a in averages], values, self.n_averaged)
        self.n_averaged += 1

    def _average(self, averaged: list[Tensor]) -> _Average:
        """What averages tensors of one kind; it keeps their blocks from one time to the next."""
        kind = (averaged[0].dtype, str(averaged[0].device))
        if kind not in self._averages:
            self._averages[kind] = _Average(averaged)
        return self._averages[kind]


def _pairs(
    what: str, averaged: Iterable[Tensor], current: Iterable[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Averages and the values they are of, checked."""
    mine, theirs = list(averaged), list(current)
    if [a.array.shape for a in mine] != [x.array.shape for x in theirs]:
        raise ShapeError(
            f"AveragedModel.update_parameters: the {what} of this model are not those of the one "
            f"that was copied, in number ({len(theirs)}, {len(mine)} expected) or in shapes; "
            "pass that one"
        )
    return list(zip(mine, theirs, strict=True))


def _beside(value: Tensor, average: Tensor) -> Tensor:
    """A value where its average lives, apart from the tape."""
    array = value.array
    if type(array) is not np.ndarray or type(average.array) is not np.ndarray:
        array = move(array, average.device)
    return wrap(array[...])


def _of_one_kind(
    averaged: list[Tensor], current: list[Tensor]
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Averages and values, divided by dtype and device."""
    kinds: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
    for average, value in zip(averaged, current, strict=True):
        array = average.array
        place = None if type(array) is np.ndarray else str(average.device)
        lists = kinds.setdefault((array.dtype, place), ([], []))
        lists[0].append(average)
        lists[1].append(value)
    return list(kinds.values())


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the statistics of batch normalisation anew, for parameters that were averaged.

    Args:
        loader: batches, tensors or lists and tuples that begin with one.
        model: its batch normalisation layers get the mean over all batches; it is run in training
            mode and put back.
        device: where batches are moved first.

    Example:
        >>> import tapegrad as tg
        >>> model = tg.nn.BatchNorm1d(2)
        >>> tg.optim.swa_utils.update_bn([tg.ones(4, 2), 3 * tg.ones(4, 2)], model)
        >>> model.running_mean
        tensor([2., 2.])
    """
    layers = [m for m in model.modules() if isinstance(m, (BatchNorm1d, BatchNorm2d, BatchNorm3d))]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    training = model.training
    model.train()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean of all batches
        with no_grad():
            for batch in loader:
                given = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(given if device is None else given.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Anneal the learning rate of every group to a constant one, at which parameters are averaged.

    After n of N calls of `step`, from the learning rate lr at the beginning,

        lr_n = swa_lr * a + lr * (1 - a),    a = n / N (linear) or (1 - cos(pi * n / N)) / 2 (cos)

    and `swa_lr` from then on. It starts from the learning rate that the groups have when it is
    called, so another schedule may have run before.

    Args:
        optimizer: whose groups are changed.
        swa_lr: the last learning rate, or one for each group.
        anneal_epochs: N.
        anneal_strategy: "cos" or "linear".
        last_epoch: number of the last epoch, -1 to begin.

    Raises:
        ArgumentError: for options without meaning.

    Example:
        >>> import tapegrad as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = tg.optim.swa_utils.SWALR(optimizer, 0.5, 2, "linear")
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        ...     print(schedule.get_last_lr())
        [0.75]
        [0.5]
        [0.5]

    References:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
        2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float] | tuple[float, ...],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer("SWALR", optimizer)
        rates = per_group("SWALR", "swa_lr", swa_lr, optimizer)
        check_choice("SWALR", "anneal_strategy", anneal_strategy, ("cos", "linear"))
        check_whole("SWALR", "anneal_epochs", anneal_epochs)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How far a step is on its way, from 0 to 1."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Rate]:
        """The next learning rate of every group."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates: list[Rate] = []
        for group in self.optimizer.param_groups:
            lr, last = float(group["lr"]), float(group["swa_lr"])
            start = last if before == 1 else (lr - before * last) / (1 - before)
            rates.append(last * now + start * (1 - now))
        return rates
