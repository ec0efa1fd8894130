"""Triangular systems, factorisations and cofactors, which NumPy's `linalg` does not have.

The loops run over blocks or columns of a matrix, never over the matrices of a batch.
"""

from __future__ import annotations

import numpy as np

from . import kernel

BLOCK = 64  # rows or columns done at once; what is left are matrix products


@kernel
def solve_triangular(b, a, upper, unit):
    """Solve `T x = b` by block substitution, T being a triangle of `a`.

    Args:
        b: (..., N, K).
        a: (..., N, N), with the leading dimensions of `b`; the other triangle is not read.
        upper: which triangle.
        unit: take the diagonal as ones, without reading it.
    """
    n = a.shape[-1]
    kept = np.tri(n, k=-1 if unit else 0, dtype=bool, like=a)
    kept = kept.swapaxes(-1, -2) if upper else kept
    t = np.where(kept, a, np.eye(n, dtype=a.dtype, like=a) if unit else 0)
    if n <= BLOCK:
        return np.linalg.solve(t, b)
    x = np.zeros_like(b)
    starts = range(0, n, BLOCK)
    for start in reversed(starts) if upper else starts:
        rows = slice(start, start + BLOCK)
        done = slice(start + BLOCK, None) if upper else slice(0, start)
        rest = b[..., rows, :] - np.matmul(t[..., rows, done], x[..., done, :])
        x[..., rows, :] = np.linalg.solve(t[..., rows, rows], rest)
    return x


@kernel
def cholesky(a):
    """Lower Cholesky factor, and the order of the first leading minor that is not positive, or 0.

    The factor of a matrix that has none is NaN.
    """
    try:
        out = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return _cholesky_by_columns(a)
    # neither NumPy, given NaN, nor CuPy raises; then the diagonal tells
    bad = ~(np.diagonal(out, 0, -2, -1).real > 0)
    if not out.size:
        return out, np.zeros_like(a, shape=a.shape[:-2], dtype=np.int32)
    first = np.argmax(bad, axis=-1) + 1
    return out, (first * np.any(bad, axis=-1)).astype(np.int32)


def _cholesky_by_columns(a):
    rest = a.copy()
    out = np.zeros_like(a)
    info = np.zeros_like(a, shape=a.shape[:-2], dtype=np.int32)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for j in range(a.shape[-1]):
            pivot = rest[..., j, j].real
            info = np.where((info == 0) & ~(pivot > 0), np.int32(j + 1), info)
            column = rest[..., j:, j] / np.sqrt(pivot)[..., None]
            out[..., j:, j] = column
            rest[..., j:, j:] -= column[..., :, None] * np.conjugate(column)[..., None, :]
    return np.where((info == 0)[..., None, None], out, np.nan).astype(a.dtype), info


@kernel
def lu_factor(a, pivot):
    """LU factorisation with partial pivoting, by blocks of columns.

    Golub and Van Loan, "Matrix Computations", section 3.4.

    Returns:
        Both factors in one matrix, the row that each row was swapped with, from 1 (int32), and the
        order of the rows.
    """
    m, n = a.shape[-2:]
    k = min(m, n)
    lead = a.shape[:-2]
    lu = a.copy().reshape(-1, m, n) if a.size else a.copy()
    if not a.size:
        order = np.zeros_like(a, shape=(*lead, m), dtype=np.int64) + np.arange(m, like=a)
        return lu, np.zeros_like(a, shape=(*lead, k), dtype=np.int32), order
    count = lu.shape[0]
    each = np.arange(count, like=a)
    order = np.zeros_like(a, shape=(count, m), dtype=np.int64) + np.arange(m, like=a)
    pivots = np.zeros_like(a, shape=(count, k), dtype=np.int64) + np.arange(k, like=a)
    for j in range(k):
        if pivot:
            best = j + np.argmax(_size(lu[:, j:, j]), axis=1)
            pivots[:, j] = best
            for rows in (lu, order):
                chosen = rows[each, best]
                rows[each, best] = rows[:, j]
                rows[:, j] = chosen
        head = lu[:, j, j]
        factors = lu[:, j + 1 :, j] / np.where(head == 0, 1, head)[:, None]
        lu[:, j + 1 :, j] = factors
        start = j - j % BLOCK
        stop = min(start + BLOCK, k)
        lu[:, j + 1 :, j + 1 : stop] -= factors[:, :, None] * lu[:, j, None, j + 1 : stop]
        if j + 1 == stop:  # what lies to the right of a finished block is changed all at once
            right = solve_triangular(
                lu[:, start:stop, stop:], lu[:, start:stop, start:stop], False, True
            )
            lu[:, start:stop, stop:] = right
            lu[:, stop:, stop:] -= np.matmul(lu[:, stop:, start:stop], right)
    pivots = (pivots + 1).astype(np.int32)
    return lu.reshape(a.shape), pivots.reshape(*lead, k), order.reshape(*lead, m)


def _size(x):
    """What LAPACK chooses pivots by: the absolute value, for complex numbers the sum of its parts'."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


@kernel
def row_order(pivots, rows):
    """The order of `rows` rows after the swaps that `lu_factor` names.

    Args:
        pivots: (..., K), counted from 1.
        rows: number of rows.
    """
    lead = pivots.shape[:-1]
    order = np.zeros_like(pivots, shape=(*lead, rows), dtype=np.int64) + np.arange(
        rows, like=pivots
    )
    if not order.size:
        return order
    order = order.reshape(-1, rows)
    swaps = pivots.reshape(-1, pivots.shape[-1]).astype(np.int64) - 1
    each = np.arange(order.shape[0], like=pivots)
    for j in range(swaps.shape[-1]):
        chosen = order[each, swaps[:, j]]
        order[each, swaps[:, j]] = order[:, j]
        order[:, j] = chosen
    return order.reshape(*lead, rows)


@kernel
def cofactors(x):
    """The matrix of cofactors: `det(x) inv(x)'`, and its limit where x is singular.

    With `x = U S V*` it is the conjugate of `U diag(products of the other singular values) V*`, times
    `det(U) det(V*)`.
    """
    if not x.size:
        return x.copy()
    u, s, vh = np.linalg.svd(x)
    others = np.where(np.eye(s.shape[-1], dtype=bool, like=x), 1, s[..., None, :])
    products = np.prod(others, axis=-1)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return sign * np.conjugate(np.matmul(u * products[..., None, :], vh))


@cofactors.register(np.ndarray)
def _cofactors_numpy(x):
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return cofactors.__wrapped__(x)
    return np.linalg.det(x)[..., None, None] * inverse.swapaxes(-1, -2)
