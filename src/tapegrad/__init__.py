"""tapegrad: an eager, tape-based autograd framework for NumPy and CuPy arrays."""

import sys as _sys
from contextlib import suppress as _suppress
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from . import (
    autograd,
    creation,
    cuda,
    errors,
    legacy,
    memory,
    ops,
    patterns,
    questions,
    random,
    record,
    sampling,
    tape,
    windows,
)
from ._printing import set_printoptions
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .creation import *
from .device import device
from .dtypes import (
    bool,
    can_cast,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .kernels.parallel import get_num_threads, set_num_threads
from .legacy import *
from .mapping import vmap
from .ops.activation import *
from .ops.addmm import *
from .ops.arithmetic import *
from .ops.arrange import *
from .ops.average_pooling import *
from .ops.bessel import *
from .ops.bilinear import *
from .ops.cast import *
from .ops.cdist import *
from .ops.chain import *
from .ops.choose import *
from .ops.compare import *
from .ops.complex_numbers import *
from .ops.convolution import *
from .ops.cutting import *
from .ops.decompose import *
from .ops.determinant import *
from .ops.diagonal import *
from .ops.differences import *
from .ops.distance import *
from .ops.dropout import *
from .ops.einsum import *
from .ops.elementwise import *
from .ops.embed import *
from .ops.embedding import *
from .ops.exponential import *
from .ops.former import *
from .ops.gamma import *
from .ops.gather import *
from .ops.grid import *
from .ops.index import *
from .ops.integers import *
from .ops.interpolation import *
from .ops.joining import *
from .ops.least_squares import *
from .ops.linalg import *
from .ops.local_response import *
from .ops.lu import *
from .ops.matrix_function import *
from .ops.moments import *
from .ops.nn import *
from .ops.normalisation import *
from .ops.norms import *
from .ops.padding import *
from .ops.pairwise import *
from .ops.pooling import *
from .ops.predicates import *
from .ops.products import *
from .ops.put import *
from .ops.quantile import *
from .ops.recurrent import *
from .ops.recurrent_cells import *
from .ops.reduce import *
from .ops.repeating import *
from .ops.representation import *
from .ops.rounding import *
from .ops.scan import *
from .ops.scatter import *
from .ops.search import *
from .ops.shape import *
from .ops.solve import *
from .ops.sort import *
from .ops.special import *
from .ops.statistics import *
from .ops.stft import *
from .ops.ternary import *
from .ops.trigonometric import *
from .ops.vectors import *
from .patterns import *
from .questions import *
from .random import Generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .sampling import *
from .tensor import Tensor
from .windows import *

from . import methods, protocols  # isort: skip  (they bind Tensor's methods)

if "einops" in _sys.modules:  # it looks only at backends that are there already
    with _suppress(ImportError):  # an einops that has changed must not stop tapegrad
        from .interop import einops as _einops

newaxis = None
__version__ = "0.1.0"

__all__ = [
    "Generator",
    "Tensor",
    "autograd",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "complex64",
    "complex128",
    "cuda",
    "device",
    "double",
    "e",
    "enable_grad",
    "errors",
    "fft",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "func",
    "get_default_dtype",
    "get_num_threads",
    "get_rng_state",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "linalg",
    "load",
    "long",
    "manual_seed",
    "memory",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "optim",
    "pi",
    "promote_types",
    "random",
    "save",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "special",
    "tape",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "utils",
    "vmap",
]
memory.keep_freed_memory()
for _module in (*ops.OPERATIONS, creation, legacy, patterns, questions, sampling, windows):
    __all__ += _module.__all__


if TYPE_CHECKING:
    from . import debug, distributions, fft, func, io, linalg, nn, optim, special, testing, utils
    from .io import load, save
else:
    _LATE = {
        "debug", "distributions", "fft", "func", "io", "linalg", "nn", "optim", "special", "testing", "utils",
    }  # fmt: skip
    _LATE_FUNCTIONS = {"load": ".io", "save": ".io"}

    def __getattr__(name: str) -> object:
        """Subpackages are loaded when they are first asked for: half of the time of the import."""
        if name not in _LATE and name not in _LATE_FUNCTIONS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        if name in _LATE:
            return importlib.import_module(f".{name}", __name__)
        return getattr(importlib.import_module(_LATE_FUNCTIONS[name], __name__), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATE, *_LATE_FUNCTIONS})
