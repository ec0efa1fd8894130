"""tapegrad: an eager, tape-based autograd framework for NumPy and CuPy arrays."""

from . import autograd, creation, cuda, errors, ops, random, record, sampling, tape
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
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
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
from .ops.arithmetic import *
from .ops.cast import *
from .ops.choose import *
from .ops.compare import *
from .ops.elementwise import *
from .ops.index import *
from .ops.linalg import *
from .ops.nn import *
from .ops.reduce import *
from .ops.shape import *
from .random import Generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .sampling import *
from .tensor import Tensor

from . import methods, protocols  # isort: skip  (they bind Tensor's methods)
from . import nn, optim  # isort: skip

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
    "enable_grad",
    "errors",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "get_rng_state",
    "half",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "long",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "promote_types",
    "random",
    "seed",
    "set_default_dtype",
    "set_grad_enabled",
    "set_rng_state",
    "short",
    "tape",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
for _module in (*ops.OPERATIONS, creation, sampling):
    __all__ += _module.__all__
