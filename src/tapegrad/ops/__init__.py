"""The operations; each stands with its gradient in one of the modules here.

What a module publishes it says itself: `__all__` are functions of `tapegrad`, `METHODS` are methods
of `Tensor`, and `INPLACE` have a method in place, `exp_` for `exp`.
"""

from . import arithmetic, cast, choose, compare, elementwise, index, linalg, nn, reduce, shape

OPERATIONS = (arithmetic, cast, choose, compare, elementwise, index, linalg, nn, reduce, shape)
