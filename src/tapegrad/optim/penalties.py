"""What comes before an optimiser's own rule: `maximize`, and L1 and L2 penalties."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Penalty(NamedTuple):
    """Terms of one block, None for those that are not there.

    Attributes:
        maximize: whether the gradient is turned around.
        slope: coupled L2: this times the values is added to the gradient.
        sign: coupled L1: this times their signs is added to the gradient.
        keep: decoupled L2: share of the values that is kept.
        reach: decoupled L1: how far each value is drawn towards zero.
    """

    maximize: bool
    slope: Any = None
    sign: Any = None
    keep: Any = None
    reach: Any = None


def penalised(penalty: Penalty, p: Any, g: Any, s: Any, t: Any) -> Any:
    """Shrink the values in place where decay is decoupled; the gradient with the coupled terms.

    Args:
        penalty: the terms.
        p: values.
        g: gradients; read only.
        s, t: scratch, or None to allocate; the result may be `t`.
    """
    maximize, slope, sign, keep, reach = penalty
    if keep is not None:
        np.multiply(p, keep, out=p)
    if reach is not None:  # the proximal step of l1 * |p|: p - clip(p, -reach, reach)
        t = np.clip(p, -reach, reach, out=t)
        np.subtract(p, t, out=p)
    if slope is not None:
        t = np.multiply(p, slope, out=t)
        g = np.subtract(t, g, out=t) if maximize else np.add(t, g, out=t)
    elif maximize:
        g = np.negative(g, out=t)
    if sign is not None:
        s = np.sign(p, out=s)
        s = np.multiply(s, sign, out=s)
        g = np.add(g, s, out=t)
    return g
