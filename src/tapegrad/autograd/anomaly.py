"""The mode that finds the operation where NaN and infinity begin; see `debug/findings.py`."""

from __future__ import annotations

from .origins import Debugging, current
from .scope import AtOnce


def _changes(mode: bool, check_nan: bool, check_inf: bool | None) -> dict[str, bool]:
    nan = mode and bool(check_nan)
    inf = nan if check_inf is None else mode and bool(check_inf)
    return {"anomaly": mode, "nan": nan, "inf": inf}


class detect_anomaly(Debugging):
    """A mode that raises an error at the first operation whose value or gradient became NaN or infinite.

    The error names the operation, the module that it ran in, the line of the program, the first such
    element, and the range of what the operation was given. Values are looked at as they are recorded,
    gradients as they are computed; `backward()` should be inside too, and what was recorded outside has
    no line. Errors of other kinds from within a gradient get a note with the line of the operation.

    - A *NaN* is reported where it is made, and also where it comes in: with a parameter, with data, with a
      value from outside the mode.
    - An *infinity* is reported where it is made out of finite numbers. One that is put in is not: a mask
      of `-inf`, `masked_fill(..., -inf)`, the padding of a maximum; the NaN that may come of it is.
    - A NaN given as a plain number, as in `masked_fill(x, mask, nan)`, is meant and not reported.
    - Within the computation of a gradient only the results count.

    Where infinite results are in order, such as `log(0)` on the way to a weight of zero, switch `check_inf`
    off. Values that are not recorded (constants, `no_grad()`) are not looked at. The mode belongs to its
    thread or task, and slows everything down in it while it is on.

    Args:
        check_nan: report NaN. With False nothing is reported, and the mode only notes lines.
        check_inf: report infinities; by default as `check_nan`.

    Raises:
        AnomalyError: from the operation, or from `backward()`.

    Example:
        >>> import tapegrad as tg
        >>> x = tg.tensor([1.0, 4.0, 0.0], requires_grad=True)
        >>> with tg.autograd.detect_anomaly():
        ...     x.sqrt().sum().backward()
        Traceback (most recent call last):
        tapegrad.errors.AnomalyError: sqrt: the gradient of its input 0, a leaf of shape (3,), became inf at [2], out of finite numbers
          line      <doctest tapegrad.autograd.anomaly.detect_anomaly[2]>:2 in <module>
                    x.sqrt().sum().backward()
          gradient  (3,) float32: 1, all 3 finite
          saved 0   (3,) float32: 0 to 2, all 3 finite, 1 zero
          help      the derivative is infinite at 0: keep away from it, as in (x + 1e-12).sqrt()
    """

    def __init__(self, check_nan: bool = True, check_inf: bool | None = None) -> None:
        super().__init__()
        self._changes = _changes(True, check_nan, check_inf)


class set_detect_anomaly(AtOnce, Debugging):
    """Switch `detect_anomaly` on or off, at once; inside `with` only until its end.

    Args:
        mode: whether to look for anomalies.
        check_nan, check_inf: as for `detect_anomaly`.

    Example:
        >>> import tapegrad as tg
        >>> with tg.autograd.set_detect_anomaly(True):
        ...     tg.autograd.is_anomaly_enabled()
        True
        >>> tg.autograd.is_anomaly_enabled()
        False
    """

    def __init__(self, mode: bool, check_nan: bool = True, check_inf: bool | None = None) -> None:
        self._changes = _changes(bool(mode), check_nan, check_inf)
        super().__init__()


def is_anomaly_enabled() -> bool:
    """Whether anomalies are being looked for in this thread and task.

    Example:
        >>> import tapegrad as tg
        >>> with tg.autograd.detect_anomaly():
        ...     tg.autograd.is_anomaly_enabled()
        True
    """
    settings = current()
    return settings is not None and settings.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN would be reported in this thread and task.

    Example:
        >>> import tapegrad as tg
        >>> with tg.autograd.detect_anomaly(check_nan=False):
        ...     tg.autograd.is_anomaly_check_nan_enabled()
        False
    """
    settings = current()
    return settings is not None and settings.nan
