"""Comparison and logic."""

from __future__ import annotations

import numpy as np

import tapegrad as tg
from rows import (
    TEXT,
    UNFIT,
    Bad,
    Row,
    S,
    away,
    bools,
    both,
    compare,
    ints,
    mixed_bits,
    special,
    truths,
)
from tapegrad import errors

INTERNAL = {"answer"}  # test_comparing_inplace.py

ROWS = [
    compare("eq", np.equal, 3), compare("ne", np.not_equal, 3), compare("lt", np.less),
    compare("le", np.less_equal), compare("gt", np.greater), compare("ge", np.greater_equal),
    *(
        Row(name, getattr(tg, name), getattr(np, name), truths, method=name, numpy=getattr(np, name),
            broadcast=True, differentiable=False, bad=(UNFIT,))
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    *(
        Row(name, getattr(tg, name), getattr(np, name), mixed_bits, method=name,
            numpy=getattr(np, name), broadcast=True, differentiable=False,
            bad=(Bad((np.ones(2), 1), errors.DtypeError, name),
                 Bad((np.ones((2,), int), np.ones(3, int)), errors.ShapeError, "broadcast")))
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    Row("logical_not", tg.logical_not, np.logical_not, lambda rng: [
        S((bools(rng, 2, 3),)), S((ints(rng, 4),)), S((np.array(0.0),)), S((bools(rng, 0),))],
        special(), method="logical_not", numpy=np.logical_not, differentiable=False, bad=(TEXT,)),
    Row("bitwise_not", tg.bitwise_not, np.invert, lambda rng: [
        S((bools(rng, 2, 3),)), S((ints(rng, 4),)), S((ints(rng),)), S((bools(rng, 0),))],
        method="bitwise_not", numpy=np.invert, differentiable=False,
        bad=(Bad((np.ones(2),), errors.DtypeError, "integer or bool"),)),
    *(
        Row(name, getattr(tg, name), getattr(np, name), both(away), special(), method=name,
            numpy=getattr(np, name), differentiable=False, complex=2, bad=(TEXT,))
        for name in ("isnan", "isfinite", "isinf")
    ),
]  # fmt: skip
