"""`gradcheck` and `gradgradcheck`: gradients against difference quotients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import grad
from ..errors import ArgumentError, GradcheckError
from ..tensor import Tensor
from .check import Check
from .differences import drawn
from .subject import TensorRun, TensorSubject, outputs_of, subject_of, tensor_of

__all__ = ["gradcheck", "gradgradcheck"]

Function = Callable[..., Any]


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare gradients with central differences.

    One random direction through all inputs and outputs is tried first; only if it disagrees are all
    derivatives computed, and each entry compared. What disagrees is looked at by five-point fits, so that a
    kink, the end of a domain or lack of precision is called by its name and not a wrong gradient.

    Args:
        func: function of tensors that returns a tensor, or several in tuples, lists or dicts; a module,
            whose parameters are checked too (in double precision); or, when `inputs` are NumPy arrays, any
            function that returns `(value, vjp)` or `(value, vjp, jvp)`: `vjp` takes one gradient for each
            value and returns one for each floating-point input, in PyTorch's convention for complex numbers.
        inputs: one or a tuple; tensors that require a gradient are varied, in float64 or complex128.
        eps: step of the differences.
        atol, rtol: how far analytic and numeric may differ, `atol + rtol * |numeric|`.
        raise_exception: False returns False instead.
        nondet_tol: how far two replays, or two calls, may differ; infinity does without the second ones.
        check_undefined_grad: whether outputs left out count as zero gradients.
        check_grad_dtypes: whether gradients have the dtypes of their inputs.
        check_batched_grad: whether `vmap` over replays gives the same as a loop.
        check_batched_forward_grad: the same for products `J v`; needs `check_forward_ad`.
        check_forward_ad: also compare products `J v` with differences: `jvp` of a function of arrays, and
            the reverse mode twice for functions of tensors.
        check_backward_ad: whether to check the gradients themselves.
        fast_mode, masked: accepted for PyTorch's sake; the cheap check always comes first, and there are no
            sparse tensors.

    Returns:
        True, or False with `raise_exception=False`.

    Raises:
        GradcheckError: with the worst entry, both matrices, and `reason`.
        ArgumentError: if there is nothing to check.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([0.5, 1.5], dtype=tg.float64, requires_grad=True)
        >>> tg.testing.gradcheck(lambda x: x.exp() * x, x)
        True
        >>> import numpy as np
        >>> def square(x):
        ...     return x * x, lambda g: g * x
        >>> tg.testing.gradcheck(square, np.array([1.0, 3.0]), raise_exception=False)
        False
    """
    if not check_backward_ad and not check_forward_ad:
        raise ArgumentError("gradcheck: either check_backward_ad or check_forward_ad must be True")
    if check_batched_grad and not check_backward_ad:
        raise ArgumentError("gradcheck: check_batched_grad needs check_backward_ad=True")
    if check_batched_forward_grad and not check_forward_ad:
        raise ArgumentError("gradcheck: check_batched_forward_grad needs check_forward_ad=True")
    check = Check(subject_of("gradcheck", func, inputs), eps, atol, rtol, nondet_tol)
    try:
        run = check.settled()
        if check_backward_ad:
            check.backward(run)
            check.dtypes(run, check_grad_dtypes)
        if check_undefined_grad and check_backward_ad:
            check.undefined(run)
        if check_batched_grad:
            check.batched(run)
        if check_forward_ad:
            check.forward(run)
        if check_batched_forward_grad:
            check.batched_forward(run)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the gradients of gradients with central differences of the gradients.

    Args:
        func, inputs: as for `gradcheck`, but functions of tensors only.
        grad_outputs: gradients of the outputs to start from, one for each; random by default. They are
            differentiated by, too, if they require a gradient.
        gen_non_contig_grad_outputs: make the random ones not contiguous.
        check_fwd_over_rev: also compare products of the second derivatives with a direction.
        check_rev_over_rev: whether to check the gradients of the gradients.
        eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes,
            check_batched_grad, fast_mode, masked: as for `gradcheck`.

    Returns:
        True, or False with `raise_exception=False`.

    Raises:
        GradcheckError: as `gradcheck`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([0.5, 1.5], dtype=tg.float64, requires_grad=True)
        >>> tg.testing.gradgradcheck(lambda x: x.exp() * x, x)
        True
    """
    subject = subject_of("gradgradcheck", func, inputs)
    if not isinstance(subject, TensorSubject):
        raise ArgumentError(
            "gradgradcheck: second derivatives need a function of tensors; the vjp of a function of arrays "
            "is not recorded. Check it as a function of its own with gradcheck"
        )
    try:
        run = subject.run(subject.arrays)
        cotangents = _given(grad_outputs, run, gen_non_contig_grad_outputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    if not any(o.requires_grad for o in run.outputs):
        return True
    leaves = subject.leaves(subject.arrays)
    return gradcheck(
        gradient_of(subject, len(leaves)), (*leaves, *cotangents), eps=eps, atol=atol, rtol=rtol,
        raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


def _given(grad_outputs: Any, run: TensorRun, gaps: bool) -> list[Any]:
    """The gradients of the outputs that a second-order check starts from."""
    if grad_outputs is not None:
        several = isinstance(grad_outputs, (tuple, list))
        given = list(grad_outputs) if several else [grad_outputs]
        if len(given) != len(run.outputs):
            raise ArgumentError(
                f"gradgradcheck: grad_outputs must hold one gradient for each of {len(run.outputs)} "
                f"outputs, got {len(given)}"
            )
        return given
    made = []
    for value, output in zip(drawn(run.values, np.random.default_rng(1)), run.outputs, strict=True):
        array = value.astype(output.dtype)
        if gaps and array.ndim:
            array = np.repeat(array, 2, -1)[..., ::2]
        made.append(tensor_of(array, output.device).requires_grad_())
    return made


def gradient_of(subject: TensorSubject, count: int) -> Function:
    """The recorded function from inputs and gradients of outputs to gradients of inputs."""

    def derived(*given: Any) -> tuple[Tensor, ...]:
        leaves, cotangents = given[:count], given[count:]
        outputs = outputs_of(subject.op, subject.call(*leaves))
        pairs = [
            (o, c)
            for o, c in zip(outputs, cotangents, strict=True)
            if o.requires_grad and c is not None
        ]
        found = grad(
            [o for o, _ in pairs], leaves, [c for _, c in pairs],
            create_graph=True, allow_unused=True,
        )  # fmt: skip
        return tuple(f for f in found if f is not None)

    return derived
