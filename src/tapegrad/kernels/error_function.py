"""The error function and the normal distribution, in full precision without SciPy.

On the host the three ranges of the approximations are computed each for its own elements, in blocks
that stay in the cache; on a device everywhere, and chosen by `np.where`, so that no shape depends on
values. float16 is computed in float32. These texts are used whether or not SciPy is installed, so that
results do not depend on it: on large arrays they take as long as SciPy's.

References:
    W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation
    23 (1969), 631-637.
    M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied
    Statistics 37 (1988), 477-484.
    T. J. Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18 (1971), 224-242.
"""

from __future__ import annotations

import math

import numpy as np

from . import kernel
from .parallel import fill

SQRT1_2 = math.sqrt(0.5)
NEAR, MIDDLE = 0.46875, 4.0  # Cody's ranges of |x|
BLOCK = 1 << 16  # elements: with 1 << 14 all takes a quarter longer
SMALL = (
    512  # elements up to which the C library, one by one, beats thirty to seventy calls of NumPy
)

# numerator and denominator, from the highest power down
_ERF = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
# erf(x) / x by x**2 up to END, where float32 rounds erf to 1; fitted by weighted least squares with
# a relative error of 2e-8
_ERF_SINGLE = (
    (5.381950999e-2, 7.478870962e0, 9.885717998e1, 1.384835253e3, 4.998812408e3, 2.962412000e4),
    (1.0, 3.051935022e1, 3.929891377e2, 2.995755566e3, 1.318129773e4, 2.625369327e4),
)
END = 3.92
# log(ndtr(-x) / ndtr(x)) / x by x**2 up to |x| = 6; fitted by weighted least squares (Lawson) with an
# error of 5e-9 in ndtr, and of 5e-6 relative to it where it is small
_LOG_ODDS_SINGLE = (
    (-1.7028215538e-2, -6.2992611584e0, -2.0625629781e2, -2.4997627776e3, -1.8002058118e4),
    (1.0, 8.1841342120e1, 1.0527484134e3, 1.1281117497e4),
)
_ERFCX = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
     1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
     1.23033935480374942e3),
)  # fmt: skip
_ERFCX_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip
_QUANTILE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
_QUANTILE_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip
_QUANTILE_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip


# -- parts --------------------------------------------------------------------------------------------


def _horner(z, coefficients):
    out = z * coefficients[0] if coefficients[0] != 1 else z
    out = out + coefficients[1]  # a new array, which the lines below may write into
    for c in coefficients[2:]:
        out *= z
        out += c
    return out


def _ratio(z, coefficients):
    above, below = coefficients
    return _horner(z, above) / _horner(z, below)


def _near(x):
    """erf for |x| <= NEAR."""
    return x * _ratio(x * x, _ERF)


def _middle(y):
    """erfcx for NEAR <= y <= MIDDLE."""
    return _ratio(y, _ERFCX)


def _far(y):
    """erfcx for y >= MIDDLE."""
    z = np.minimum(y, 1e8)  # beyond that 1 / (sqrt(pi) y) is exact, and squares overflow
    z = 1 / (z * z)
    return (0.56418958354775628695 - z * _ratio(z, _ERFCX_FAR)) / y


def _gauss(y):
    """`exp(-y**2)` for y >= 0, with the rounding error of the square put right (Dekker)."""
    y = np.minimum(y, 27)  # the result has underflowed there
    square = y * y
    c = y * (134217729.0 if y.dtype.itemsize == 8 else 4097.0)
    high = c - (c - y)
    low = y - high
    error = high * high
    error -= square
    error += 2 * high * low
    error += low * low
    out = np.exp(-square)
    return out - out * error


def _erf_single(x):
    """erf in float32, of one piece."""
    x = np.maximum(np.minimum(x, END), -END)
    out = x * _ratio(x * x, _ERF_SINGLE)
    return np.maximum(np.minimum(out, 1), -1)


def _erf_tail(x, y, scaled):
    return np.copysign(1 - scaled(y) * _gauss(y), x)


def _erfc_near(x):
    return 1 - _near(x)


def _erfc_tail(x, y, scaled):
    tail = scaled(y) * _gauss(y)
    return np.where(x < 0, 2 - tail, tail)


def _erfcx_near(x):
    return np.exp(x * x) * (1 - _near(x))


def _erfcx_tail(x, y, scaled):
    out = scaled(y)
    return np.where(x < 0, 2 / _gauss(-np.minimum(x, 0)) - out, out)


# -- putting the parts together -----------------------------------------------------------------------


def _everywhere(x, near, tail):
    """Every part for every element, moved into the part's range; for arrays of any type."""
    wide = x.astype(np.float32) if x.dtype.itemsize < 4 else x
    y = np.abs(wide)
    inner = near(np.maximum(np.minimum(wide, NEAR), -NEAR))
    middle = tail(wide, np.maximum(np.minimum(y, MIDDLE), NEAR), _middle)
    far = tail(wide, np.maximum(y, MIDDLE), _far)
    out = np.where(y <= NEAR, inner, np.where(y <= MIDDLE, middle, far))
    return out.astype(x.dtype) if wide is not x else out


def _by_part(x, near, tail):
    """Every part for its own elements; for one block on the host."""
    y = np.abs(x)
    inside = y <= NEAR
    out = np.empty_like(x)
    place = np.flatnonzero(inside)
    if place.size:
        out[place] = near(x[place])
        if place.size == x.size:
            return out
    outside = y <= MIDDLE
    outside ^= inside
    place = np.flatnonzero(outside)
    if place.size:
        out[place] = tail(x[place], y[place], _middle)
    inside |= outside
    place = np.flatnonzero(~inside)  # NaN too
    if place.size:
        out[place] = tail(x[place], y[place], _far)
    return out


def _in_blocks(x, function, *arguments):
    """Apply an elementwise function to a NumPy array block by block, keeping the memory layout."""
    x = np.asarray(x)
    wide = x.astype(np.float32) if x.dtype.itemsize < 4 else x
    out = np.empty_like(wide, subok=False)
    if out.strides != wide.strides:  # not dense: gaps, repetitions, steps backwards
        kept = np.empty_like(out)
        kept[...] = wide
        wide = kept
    source, target = wide.ravel("K"), out.ravel("K")  # of one layout, in the order of memory
    fill(target, lambda block: function(source[block], *arguments), BLOCK)
    return out.astype(x.dtype, copy=False)


def _one_by_one(x, function):
    """A function of the C library on a small array: 3 us where the blocks take 35, for 64 elements."""
    values = np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size)
    return values.reshape(x.shape).astype(x.dtype, copy=False)


HOST = (np.ndarray, np.float64, np.float32, np.float16)


@kernel
def erf(x):
    """Error function, to two units in the last place, in float32 to four."""
    if x.dtype.itemsize <= 4:
        return _erf_single(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)
    return _everywhere(x, _near, _erf_tail)


@erf.register(*HOST)
def _erf_numpy(x):
    if x.size <= SMALL:
        return _one_by_one(x, math.erf)
    if x.dtype.itemsize <= 4:
        return _in_blocks(x, _erf_single)
    return _in_blocks(x, _by_part, _near, _erf_tail)


@kernel
def erfc(x):
    """`1 - erf(x)`, to three units in the last place however small it is."""
    return _everywhere(x, _erfc_near, _erfc_tail)


@erfc.register(*HOST)
def _erfc_numpy(x):
    if x.size <= SMALL:
        return _one_by_one(x, math.erfc)
    return _in_blocks(x, _by_part, _erfc_near, _erfc_tail)


@kernel
def erfcx(x):
    """`exp(x**2) * erfc(x)`, which neither overflows nor underflows for positive x."""
    return _everywhere(x, _erfcx_near, _erfcx_tail)


@erfcx.register(*HOST)
def _erfcx_numpy(x):
    return _in_blocks(x, _by_part, _erfcx_near, _erfcx_tail)


@kernel
def ndtr(x):
    """Distribution function of the standard normal distribution."""
    return 0.5 * erfc(x * -SQRT1_2)


@kernel
def normal_cdf(x):
    """`ndtr` where 1e-8 makes no difference: in float32 a tenth of its time on large arrays."""
    return ndtr(x)


@normal_cdf.register(*HOST)
def _normal_cdf_numpy(x):
    if x.size <= SMALL or x.dtype.itemsize > 4:
        return ndtr(x)
    with np.errstate(over="ignore"):
        return _in_blocks(x, _ndtr_single)


def _ndtr_single(x):
    z = x * x
    np.minimum(z, np.float32(400), out=z)  # keeps powers finite; there ndtr is 0 or 1 anyway
    odds = _ratio(z, _LOG_ODDS_SINGLE)
    odds *= x
    np.exp(odds, out=odds)
    odds += 1
    return np.reciprocal(odds, out=odds)


@kernel
def log_ndtr(x):
    """`log(ndtr(x))`, accurate in both tails."""
    z = x * SQRT1_2
    low = np.minimum(z, -SQRT1_2)
    low = np.log(0.5 * erfcx(-low)) - low * low
    high = np.log1p(-0.5 * erfc(np.maximum(z, -SQRT1_2)))
    return np.where(x < -1, low, high)


def _quantile(centred, tail):
    """Quantile of the normal distribution, from the probability less 1/2 and the smaller tail."""
    inner = np.maximum(0.180625 - centred * centred, 0)
    inner = centred * _ratio(inner, _QUANTILE)
    inside = (tail > 0) & (tail < 0.5)  # the logarithm is taken of nothing else
    depth = np.sqrt(-np.log(np.where(inside, tail, 0.25)))
    near = _ratio(np.maximum(np.minimum(depth, 5) - 1.6, -1), _QUANTILE_TAIL)
    far = _ratio(np.maximum(depth, 5) - 5, _QUANTILE_FAR)
    outer = np.where(inside, np.where(depth <= 5, near, far), np.where(tail == 0, np.inf, np.nan))
    return np.where(np.abs(centred) <= 0.425, inner, np.copysign(outer, centred))


def _ndtri(p):
    return _quantile(p - 0.5, np.minimum(p, 1 - p))


def _erfinv(x):
    return _quantile(0.5 * x, 0.5 * (1 - np.abs(x))) * SQRT1_2


def _precisely(x, function):
    return function(x.astype(np.float32)).astype(x.dtype) if x.dtype.itemsize < 4 else function(x)


@kernel
def ndtri(p):
    """Inverse of `ndtr`; infinite at 0 and 1, NaN outside."""
    return _precisely(p, _ndtri)


@ndtri.register(*HOST)
def _ndtri_numpy(p):
    return _in_blocks(p, _ndtri)


@kernel
def erfinv(x):
    """Inverse of `erf`; infinite at -1 and 1, NaN outside."""
    return _precisely(x, _erfinv)


@erfinv.register(*HOST)
def _erfinv_numpy(x):
    return _in_blocks(x, _erfinv)
