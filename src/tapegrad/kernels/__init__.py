"""Kernels: the words that NumPy does not have.

A kernel has one text in NumPy vocabulary, right for every array type, and may have faster ones for
particular types. A tensor reaches the recorded operation, so rules call kernels like any other word.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from numpy import ndarray


def kernel(text: Callable[..., Any]) -> Any:
    """Make a function that is dispatched on the exact type of its first argument.

    A dict by type in a closure, not `functools.singledispatch`: 0.5 us less on every call.

    Args:
        text: what runs for every type that has nothing of its own.

    Returns:
        The function; `register(*types)` of it gives another implementation to some array types.
    """
    by_type: dict[type, Callable[..., Any]] = {}

    @wraps(text)
    def call(array: Any, *arguments: Any) -> Any:
        return by_type.get(array.__class__, text)(array, *arguments)

    return _registering(call, by_type)


def kernel_of_two(text: Callable[..., Any]) -> Any:
    """`kernel` for two operands of which either may be the constant: a NumPy array yields to the other."""
    by_type: dict[type, Callable[..., Any]] = {}

    @wraps(text)
    def call(array: Any, other: Any, *arguments: Any) -> Any:
        kind = array.__class__
        if kind is ndarray:
            kind = other.__class__
        return by_type.get(kind, text)(array, other, *arguments)

    return _registering(call, by_type)


def _registering(call: Any, by_type: dict[type, Callable[..., Any]]) -> Any:
    def register(*types: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def keep(implementation: Callable[..., Any]) -> Callable[..., Any]:
            for kind in types:
                by_type[kind] = implementation
            return implementation

        return keep

    call.register = register
    return call


from .activation import bounded_log, softplus  # noqa: E402
from .arrange import (  # noqa: E402
    diagonal_put,
    fold_along,
    pad,
    pad_along,
    unfold_along,
    unpad_along,
)
from .arrays import (  # noqa: E402
    broadcast,
    conj,
    direction,
    index_add,
    index_zero,
    packed,
    scatter_along,
    squares,
)
from .attention import attention_grad  # noqa: E402
from .complex_numbers import from_parts  # noqa: E402
from .convolution import (  # noqa: E402
    Window,
    col2im,
    conv,
    conv_input_grad,
    conv_weight_grad,
    im2col,
)
from .embedding import add_rows  # noqa: E402
from .error_function import (  # noqa: E402
    erf,
    erfc,
    erfcx,
    erfinv,
    log_ndtr,
    ndtr,
    ndtri,
    normal_cdf,
)
from .fused import (  # noqa: E402
    cross_entropy_grad,
    largest,
    masked,
    relu,
    relu_grad,
    select,
    sigmoid,
    softmax,
    softmax_grad,
)
from .gather import combine_at, running  # noqa: E402
from .matrices import cholesky, cofactors, lu_factor, row_order, solve_triangular  # noqa: E402
from .normalisation import normalise_grad  # noqa: E402
from .pooling import max_windows, max_windows_at, sum_windows  # noqa: E402
from .recurrent import gru, gru_grad, lstm, lstm_grad, rnn, rnn_grad  # noqa: E402
from .scan import accumulate, logaddexp_scan, recurrence  # noqa: E402
from .special import (  # noqa: E402
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    digamma,
    gammainc,
    gammaincc,
    i0,
    i0e,
    i1,
    i1e,
    lgamma,
    polygamma,
    zeta,
)
from .sums import total  # noqa: E402

__all__ = [
    "Window",
    "accumulate",
    "add_rows",
    "attention_grad",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "bounded_log",
    "broadcast",
    "cholesky",
    "cofactors",
    "col2im",
    "combine_at",
    "conj",
    "conv",
    "conv_input_grad",
    "conv_weight_grad",
    "cross_entropy_grad",
    "diagonal_put",
    "digamma",
    "direction",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "fold_along",
    "from_parts",
    "gammainc",
    "gammaincc",
    "gru",
    "gru_grad",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "im2col",
    "index_add",
    "index_zero",
    "kernel",
    "largest",
    "lgamma",
    "log_ndtr",
    "logaddexp_scan",
    "lstm",
    "lstm_grad",
    "lu_factor",
    "masked",
    "max_windows",
    "max_windows_at",
    "ndtr",
    "ndtri",
    "normal_cdf",
    "normalise_grad",
    "packed",
    "pad",
    "pad_along",
    "polygamma",
    "recurrence",
    "relu",
    "relu_grad",
    "rnn",
    "rnn_grad",
    "row_order",
    "running",
    "scatter_along",
    "select",
    "sigmoid",
    "softmax",
    "softmax_grad",
    "softplus",
    "solve_triangular",
    "squares",
    "sum_windows",
    "total",
    "unfold_along",
    "unpad_along",
    "zeta",
]
