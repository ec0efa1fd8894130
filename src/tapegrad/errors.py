"""Every error that tapegrad raises on purpose.

Each type is also the built-in that Python users would expect in its place, and all of them are
`RuntimeError`, which is what PyTorch raises, so that ported `except` clauses keep working.
"""

import numpy as np


class TapegradError(RuntimeError):
    """Base of all errors raised by tapegrad."""


class ShapeError(TapegradError, ValueError):
    """Shapes that do not fit the operation."""


class DimensionError(TapegradError, IndexError):
    """A dimension or an index out of range."""


class DtypeError(TapegradError, TypeError):
    """A dtype that the operation does not accept."""


class ArgumentError(TapegradError, ValueError):
    """An argument with a value that has no meaning here."""


class LinAlgError(TapegradError, np.linalg.LinAlgError):
    """A matrix that cannot be inverted or decomposed: singular, not positive-definite, not finite."""


class DeviceError(TapegradError, ValueError):
    """Operands on different devices, or a device that is not there."""


class DependencyError(TapegradError, ImportError):
    """An optional package that a function needs and that cannot be imported."""


class GraphError(TapegradError):
    """A misuse of the tape: a second backward, a changed saved value, no gradient to follow."""


class AnomalyError(TapegradError, FloatingPointError):
    """A value or a gradient that became NaN or infinite under `autograd.detect_anomaly`.

    Attributes:
        op: name of the operation.
        phase: `"forward"` or `"backward"`.
        module: path and kind of the module that it ran in, such as `encoder.2 (Linear)`, or None.
        line: `file.py:123 in function`, where it was recorded; None if that was outside the mode.
        index: of the first such element.
    """

    op: str
    phase: str
    module: str | None
    line: str | None
    index: tuple[int, ...]


class GradcheckError(TapegradError, AssertionError):
    """A gradient that failed a check of `tapegrad.testing`, or that could not be checked.

    Attributes:
        reason: `"gradient"` for a wrong one. The others say why nothing can be said: `"kink"` and
            `"domain"` (not differentiable there, or at the end of where it is defined), `"precision"`,
            `"random"`, `"modified"` (it writes to what it was given), `"type"` (no tensors returned).
    """

    def __init__(self, message: str, reason: str = "gradient") -> None:
        super().__init__(message)
        self.reason = reason


class StateDictError(TapegradError, KeyError):
    """A state dict that does not fit the module or the optimiser."""

    __str__ = RuntimeError.__str__  # KeyError would show the repr, with every newline escaped


class FileFormatError(TapegradError, ValueError):
    """A file that is damaged, or not of a kind that `load` reads."""
