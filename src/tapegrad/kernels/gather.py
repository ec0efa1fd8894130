"""Combining values at places that may be named more than once."""

from __future__ import annotations

import numpy as np

from . import kernel
from .arrays import add_into


@kernel
def combine_at(x, at, values, ufunc):
    """A copy of `x` in which every value has been combined with what stood at its place.

    Args:
        x: array of any shape.
        at: positions in the flattened `x`, 1-d; one position may come several times.
        values: one for each position, 1-d, of the dtype of `x`.
        ufunc: `np.add`, `np.multiply`, `np.maximum` or `np.minimum`.
    """
    out = x.copy()
    flat = out.reshape(-1)
    if ufunc is np.add:
        add_into(flat, at, values)
    elif at.size:  # CuPy's maximum.at knows fewer dtypes, and no NaN
        order = np.argsort(at)
        at = at[order]
        values = running(ufunc, values[order], at, at.size)
        last = np.ones_like(at, dtype=bool)  # of each position: it has the result of all
        last[:-1] = at[1:] != at[:-1]
        at = at[last]
        flat[at] = ufunc(flat[at], values[last])
    return out


@combine_at.register(np.ndarray)
def _combine_at_numpy(x, at, values, ufunc):
    out = x.copy()
    ufunc.at(out.reshape(-1), at, values)
    return out


def running(ufunc, values, keys, most):
    """Results of combining all values so far with the same key, by doubling: log2(most) passes.

    Args:
        ufunc: NumPy function of two operands, associative.
        values: 1-d.
        keys: one for each value; equal ones stand together.
        most: how often a key comes at most, or more.
    """
    step = 1
    while step < most:
        same = keys[step:] == keys[:-step]
        further = np.where(same, ufunc(values[:-step], values[step:]), values[step:])
        values = np.concatenate([values[:step], further])
        step *= 2
    return values
