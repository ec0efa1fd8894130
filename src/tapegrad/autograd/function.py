"""`Function`: operations written by users, in PyTorch's shape."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..device import as_array
from ..errors import ArgumentError, GraphError
from ..gradients import crossed
from ..stamps import stamp, tick
from ..tape import Joint, output_node, recording, recording_mode
from ..tensor import Tensor, wrap


class FunctionCtx:
    """What `forward` leaves for `backward`.

    Attributes:
        needs_input_grad: for each argument of `forward`, whether its gradient will be used.
        saved_tensors: what `save_for_backward` was given.
    """

    needs_input_grad: tuple[bool, ...] = ()
    _to_save: tuple[Any, ...] = ()
    _saved: tuple[Any, ...] | None = None
    _dirty: tuple[Tensor, ...] = ()
    _constant: tuple[Tensor, ...] = ()
    _materialize = True
    _call: tuple[Any, ...] | None = None  # how to run `forward` again, if it kept values of its own

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or other tensors for `backward`.

        Args:
            tensors: tensors or None.
        """
        for i, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise ArgumentError(
                    f"save_for_backward: argument {i} must be a tensor or None, got "
                    f"{type(tensor).__name__}; set other values as attributes of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors; on the tape when the gradient is itself being recorded."""
        if self._saved is None:
            return self._to_save
        return self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that inputs were changed in place; they must be returned."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that outputs carry no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients of unused outputs arrive as zeros (the default) or as None."""
        self._materialize = value


class Function:
    """An operation with a gradient of its own; subclass it and call `apply`.

    `forward(ctx, *args)` computes with tensors and is not recorded; `backward(ctx, *grads)` gets one
    gradient per output and returns one per argument of `forward`, None where there is none. What it
    computes is recorded when the gradient is (`create_graph=True`), so it is differentiable to any order
    if it uses `ctx.saved_tensors`. `setup_context(ctx, inputs, output)` may be defined instead of using
    `ctx` in `forward`.

    Example:
        >>> import tapegrad as tg
        >>> class Cube(tg.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * g * x * x
        >>> x = tg.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; to be defined by the subclass."""
        raise NotImplementedError("Function: the subclass must define forward")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the arguments; to be defined by the subclass."""
        raise NotImplementedError("Function: the subclass must define backward")

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and put the operation on the tape.

        Args:
            args: tensors and other values.

        Returns:
            What `forward` returned, tensors among it recorded.
        """
        ctx = FunctionCtx()
        nodes = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        recorded = recording() and any(node is not None for node in nodes)
        ctx.needs_input_grad = tuple(recorded and node is not None for node in nodes)
        token = recording_mode.set(False)
        try:
            if cls.setup_context is None:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
        finally:
            recording_mode.reset(token)
        for tensor in ctx._dirty:
            stamp(tensor.array, cls.__name__)
        if not recorded:
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        if not ctx._dirty and _own_values(ctx, (*args, *outputs)):
            ctx._call = (tuple(a.detach() if isinstance(a, Tensor) else a for a in args), kwargs)
        return cls._record(ctx, args, nodes, outputs, isinstance(result, tuple))

    @classmethod
    def _record(
        cls, ctx: FunctionCtx, args: Any, nodes: Any, outputs: tuple[Any, ...], several: bool
    ) -> Any:
        node = Joint()
        node.parents = nodes
        for argument, parent in zip(args, nodes, strict=True):
            if parent is not None:
                parent.value = id(argument.array)
        node.rules = (_Rule(cls, ctx),)
        node.seq = tick()
        results = []
        arrays = []
        for out in outputs:
            if not isinstance(out, Tensor):
                results.append(out)
                arrays.append(np.zeros(()))
                continue
            dirty = any(out is d for d in ctx._dirty)
            if any(out is a for a in args) and not dirty:
                array = out.array[...]  # an input handed through is a value of its own
            else:
                array = as_array(out.array)
            made = out if dirty else wrap(array)
            results.append(made)
            arrays.append(array)
        if several:
            node.outputs = [(id(a), a.shape, a.dtype) for a in arrays]
            node.value, node.shape, node.dtype = 0, (), arrays[0].dtype
        else:
            node.outputs = None
            node.value, node.shape, node.dtype = id(arrays[0]), arrays[0].shape, arrays[0].dtype
        for i, (out, made) in enumerate(zip(outputs, results, strict=True)):
            if not isinstance(made, Tensor) or any(out is c for c in ctx._constant):
                continue
            if made.array.dtype.kind in "fcV":
                made.node = output_node(node, i) if several else node
        # outputs are recognised by identity when they are linked, so that nothing refers in a circle
        saved = tuple(None if t is None else t.array for t in ctx._to_save)
        ctx._to_save = ()
        node.saved = (*saved, _Shapes(arrays) if several else None)
        return tuple(results) if several else results[0]


class _Shapes:
    """What zeros for unused outputs look like."""

    def __init__(self, arrays: list[Any]) -> None:
        self.like = [(a.shape, a.dtype) for a in arrays]


class _Rule:
    """The joint rule of a `Function`: its `backward`, with the saved tensors put into `ctx`."""

    def __init__(self, function: type[Function], ctx: FunctionCtx) -> None:
        self.function = function
        self.ctx = ctx
        self.op = function.__name__

    def __call__(self, g: Any, *saved: Any) -> tuple[Any, ...]:
        *kept, shapes = saved
        several = shapes is not None
        grads = list(g) if several else [g]
        recorded = any(isinstance(h, Tensor) for h in grads)
        ctx = self.ctx
        if recorded and ctx._call is not None:
            _refuse_lost(self.function, ctx.needs_input_grad, *ctx._call)
        if several and ctx._materialize:
            some = next(h for h in grads if h is not None)
            raw_some = some.array if isinstance(some, Tensor) else some
            grads = [
                np.zeros_like(raw_some, shape=shape, dtype=dtype) if h is None else h
                for h, (shape, dtype) in zip(grads, shapes.like, strict=True)
            ]
        tensors = [None if h is None else _shown(crossed(h)) for h in grads]
        ctx._saved = tuple(v if v is None or isinstance(v, Tensor) else wrap(v[...]) for v in kept)
        try:
            answer = self.function.backward(ctx, *tensors)
        finally:
            ctx._saved = None
        answers = answer if isinstance(answer, tuple) else (answer,)
        wanted = len(ctx.needs_input_grad)
        if len(answers) > wanted and all(a is None for a in answers[wanted:]):
            answers = answers[:wanted]
        if len(answers) != wanted:
            raise GraphError(
                f"{self.op}.backward: must return one gradient per argument of forward ({wanted}), "
                f"got {len(answers)}"
            )
        for i, a in enumerate(answers):
            if a is not None and not isinstance(a, Tensor):
                raise GraphError(
                    f"{self.op}.backward: gradient {i} must be a tensor or None, got {type(a).__name__}"
                )
        return tuple(a if a is None else crossed(a if recorded else a.array) for a in answers)


def _own_values(ctx: FunctionCtx, known: tuple[Any, ...]) -> dict[str, Tensor]:
    """Floating tensors kept in `ctx` that are neither arguments nor results: `forward` made them."""
    ids = {id(t.array) for t in known if isinstance(t, Tensor)}
    kept = {f"saved tensor {i}": t for i, t in enumerate(ctx._to_save)}
    kept |= {f"ctx.{name}": value for name, value in vars(ctx).items()}
    return {
        name: t
        for name, t in kept.items()
        if isinstance(t, Tensor) and t.dtype.kind in "fcV" and id(t.array) not in ids
    }


def _refuse_lost(
    function: type[Function], needs: tuple[bool, ...], args: tuple[Any, ...], kwargs: Any
) -> None:
    """Refuse to record a gradient that reads what `forward` computed from its arguments.

    `forward` is not recorded, so such a value is a constant to `backward`, and derivatives through it would
    be missing without a word. It is run again, on the tape, to see which values lead back to an argument.
    """
    ctx = FunctionCtx()
    ctx.needs_input_grad = needs
    leaves = tuple(
        a.detach().requires_grad_() if need else a for a, need in zip(args, needs, strict=True)
    )
    token = recording_mode.set(True)
    try:
        if function.setup_context is None:
            result = function.forward(ctx, *leaves, **kwargs)
        else:
            result = function.forward(*leaves, **kwargs)
            function.setup_context(ctx, leaves, result)
    finally:
        recording_mode.reset(token)
    outputs = result if isinstance(result, tuple) else (result,)
    for name, value in _own_values(ctx, (*leaves, *outputs)).items():
        if value.node is not None:
            raise GraphError(
                f"{function.__name__}.backward: {name}, of shape {value.shape}, was computed in forward from "
                "its arguments, which is not recorded, so derivatives of this gradient would be wrong; "
                "save the arguments and compute it in backward, or return it as an output"
            )


def _shown(g: Any) -> Tensor:
    return g if isinstance(g, Tensor) else wrap(as_array(g)[...])


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `Function.backward` that computes outside the tape: asking for more is an error.

    Args:
        backward: the static method.

    Example:
        >>> import tapegrad as tg
        >>> class Half(tg.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x / 2
        ...     @staticmethod
        ...     @tg.autograd.function.once_differentiable
        ...     def backward(ctx, g):
        ...         return tg.as_tensor(g.numpy() / 2)
        >>> x = tg.tensor(2.0, requires_grad=True)
        >>> Half.apply(x).backward()
        >>> x.grad
        tensor(0.5000)
    """

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        if recording() and any(isinstance(g, Tensor) and g.node is not None for g in grads):
            raise GraphError(
                "once_differentiable: this Function's backward is not recorded, so its gradient cannot "
                "be differentiated again; write backward with tapegrad operations"
            )
        return backward(ctx, *grads)

    return once
