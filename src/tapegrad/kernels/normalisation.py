"""Normalisation by mean and variance, with an affine map: value, and gradients of all inputs at once.

The array is seen in a shape in which what is normalised together are whole dimensions, so that layer,
group, instance and batch normalisation are one text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import kernel
from .sums import total


class Layout(NamedTuple):
    """How an array is seen while it is normalised.

    Attributes:
        view: the shape in which it is seen.
        axes: dimensions normalised together.
        within: those of them along which weight and bias do not vary.
        rest: the others of them.
        across: dimensions, not normalised, along which weight and bias do not vary.
        affine: shape of weight and bias that broadcasts to the view.
        parameter: shape of weight and bias as they are.
        n: number of elements normalised together.
    """

    view: tuple[int, ...]
    axes: tuple[int, ...]
    within: tuple[int, ...]
    rest: tuple[int, ...]
    across: tuple[int, ...]
    affine: tuple[int, ...]
    parameter: tuple[int, ...]
    n: int


def _sum(x, axes):
    return total(x, axes, True) if axes else x


def _dot(x, y, axes):
    """`sum(x * y)`, by BLAS where the last dimension is summed and long."""
    last = x.ndim - 1
    if last in axes and x.shape[last] > 15 and x.__class__ is y.__class__ is np.ndarray:
        return _sum(np.vecdot(x, y)[..., None], tuple(a for a in axes if a != last))
    return _sum(x * y, axes)


def moments(x, layout, centred=True):
    """Mean, distances from it, and their mean square; without `centred`, distances from zero."""
    mean = None
    if centred:
        mean = _sum(x, layout.axes) * (1 / max(layout.n, 1))
        x = x - mean
    return mean, x, _dot(x, x, layout.axes) * (1 / max(layout.n, 1))


def normalise(x, weight, bias, layout, eps, centred):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, with mean, var and 1 / sqrt(var + eps).

    Args:
        x: array.
        weight, bias: arrays, or None.
        layout: how `x` is seen.
        eps: keeps the root away from zero.
        centred: whether to take off the mean; otherwise it is None, and `var` the mean square.
    """
    mean, distance, var = moments(x.reshape(layout.view), layout, centred)
    rstd = 1 / np.sqrt(var + eps)
    return scaled(x, distance, weight, bias, layout, rstd, centred), mean, var, rstd


def scaled(x, distance, weight, bias, layout, rstd, own):
    """`distance * rstd * weight + bias` in the shape of `x`; in place if `distance` is `own`."""
    if weight is not None:
        weight = weight.reshape(layout.affine)
        if not layout.rest or len(layout.axes) > 1:  # then the product of both is small
            rstd, weight = rstd * weight, None
    out = np.multiply(distance, rstd, out=distance) if own else distance * rstd
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias.reshape(layout.affine)
    return out.reshape(x.shape)


@kernel
def normalise_grad(g, x, weight, mean, rstd, layout, needs, eps, fixed):
    """Gradients of `normalise` for its array, weight and bias.

    Args:
        g: gradient of the result.
        x: the array; None if only the bias needs a gradient.
        weight: array, or None.
        mean, rstd: what `normalise` answered; mean None if it did not take it off.
        layout: how `x` is seen.
        needs: which of the three gradients are wanted; None is given for the others.
        eps: as for `normalise`.
        fixed: whether mean and rstd are constants, not computed from `x`.
    """
    shape = g.shape
    g = g.reshape(layout.view)
    dx = dw = None
    each = _sum(g, layout.within)
    if needs[0] or needs[1]:
        x = x.reshape(layout.view)
        y = (x if mean is None else x - mean) * rstd
        both = _sum(g * y, layout.within)
        if needs[1]:
            dw = _sum(both, layout.across).reshape(layout.parameter)
    if needs[0]:
        if weight is not None:
            weight = weight.reshape(layout.affine)
            g, each_w, both = g * weight, each * weight, both * weight
        else:
            each_w = each
        if not fixed:
            if mean is not None:
                g = g - _sum(each_w, layout.rest) * (1 / max(layout.n, 1))
            g = g - y * (_sum(both, layout.rest) * (1 / max(layout.n, 1)))
        dx = (g * rstd).reshape(shape)
    db = _sum(each, layout.across).reshape(layout.parameter) if needs[2] else None
    return dx, dw, db


def recorded_grad(g, x, weight, mean, rstd, layout, needs, eps, fixed):
    """`normalise_grad` for tensors: mean and variance computed again, so that they are on the tape."""
    if x is not None and not fixed:
        seen = x.reshape(layout.view)
        mean, _, var = moments(seen, layout, mean is not None)
        rstd = 1 / np.sqrt(var + eps)
    return _text(g, x, weight, mean, rstd, layout, needs, eps, fixed)


_text = normalise_grad.__wrapped__


@normalise_grad.register(np.ndarray)
def _normalise_grad_numpy(g, x, weight, mean, rstd, layout, needs, eps, fixed):
    # The same with fewer temporary arrays: six tenths of the time of the text above.
    if not needs[0]:
        return _text(g, x, weight, mean, rstd, layout, needs, eps, fixed)
    shape = g.shape
    g = g.reshape(layout.view)
    x = x.reshape(layout.view)
    share = 1 / max(layout.n, 1)
    w = None if weight is None else weight.reshape(layout.affine)
    dw = db = None
    if layout.rest and len(layout.axes) == 1:  # weight and bias along what is normalised
        y = x * rstd if mean is None else np.subtract(x, mean)
        if mean is not None:
            y *= rstd
        both = g * y
        if needs[1]:
            dw = np.add.reduce(both, axis=0).reshape(layout.parameter)
        if needs[2]:
            db = np.add.reduce(g, axis=0).reshape(layout.parameter)
        if w is None:
            dx = g.copy()
            each, both = _sum(g, (1,)), _sum(both, (1,))
        else:
            dx = g * w
            each, both = (g @ w[0])[:, None], (both @ w[0])[:, None]
        if mean is not None:
            dx -= each * share
        y *= both * share
        dx -= y
        dx *= rstd
        return dx.reshape(shape), dw, db
    distance = x if mean is None else x - mean
    each = _sum(g, layout.within)
    both = _dot(g, distance, layout.within) * rstd
    if needs[1]:
        dw = _sum(both, layout.across).reshape(layout.parameter)
    if needs[2]:
        db = _sum(each, layout.across).reshape(layout.parameter)
    if w is not None and not fixed:
        each, both = each * w, both * w
    dx = g * (rstd if w is None else rstd * w)
    if fixed:
        return dx.reshape(shape), dw, db
    both = _sum(both, layout.rest) * (rstd * rstd * share)
    distance = np.multiply(distance, both, out=None if mean is None else distance)
    if mean is not None:
        distance += _sum(each, layout.rest) * (rstd * share)
    dx -= distance
    return dx.reshape(shape), dw, db
