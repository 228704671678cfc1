"""Mathematical functions of float32, in the kernel language: at the speed of a vector unit.

LLVM makes no vectors of calls of the C library. These functions are nothing but arithmetic, so that
it can: eight numbers at a time with AVX-512, four with AVX2, two with NEON. They compute in
float64, where the error of a short series disappears before the result is rounded to float32:

    exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2, exp(r) by its Taylor series
    log(x) = k ln 2 + 2 artanh(s), x = 2^k m, sqrt(1/2) <= m < sqrt(2), s = (m - 1) / (m + 1)

and everything else from expm1 and log1p, whose series have no constant term to cancel. Against
float64 on all float32, with NaN, infinities and subnormal numbers: at most 0.513 ulps (0.613 erf),
where 0.5 is perfect; the table is in docs/compiler.md, and benchmarks/ulps.py makes it.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from math import inf, log, nan

_SHIFT = 1.5 * 2.0**52  # added to a number, rounds it: its last bits are then the integer
_PER_LN2 = 1 / log(2)
_LN2 = log(2)
_BIAS, _FRACTION = 1023, 52  # of float64's exponent; bits of its fraction
_SQRT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)

# exp(r) = 1 + r + r² (1/2 + r / 6 + …), the highest power first
_EXP = (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2)
# erf(x) = -expm1(-x q(x)): q from 0 to 4, fitted at 400 Chebyshev nodes; erf is off by 6.7e-9
_ERF = (
    -3.0794195235264473e-07, 4.499289385654721e-06, -3.902273533017643e-05,
    0.00022179942125029418, -0.0008425933509057528, 0.0019177608997435337,
    -0.00033662050152373025, -0.019083929110533148, 0.10276436937294842, 0.6366203810108851,
    1.12837915952304,
)  # fmt: skip


def _scaled(x):
    """Return expm1(r) and 2^k, where x = k ln 2 + r; beyond +-104 float32 knows inf and 0 only."""
    x = -104.0 if x < -104.0 else x
    x = 104.0 if x > 104.0 else x
    shifted = x * _PER_LN2 + _SHIFT
    r = x - (shifted - _SHIFT) * _LN2
    p = r * 0.0 + 1 / 40320
    for c in _EXP:
        p = c + r * p
    return r + r * r * p, from_bits((bits(shifted) + _BIAS) << _FRACTION)


def _exp(x):
    p, scale = _scaled(x)
    return scale + scale * p


def _expm1(x):
    p, scale = _scaled(x)
    return (scale - 1.0) + scale * p


def _log_of(u, x, one):
    """Return log(x + one), given the bits of x + one."""
    k = (u - _SQRT_HALF) >> _FRACTION
    scale = from_bits((_BIAS - k) << _FRACTION)
    f = x * scale + (one * scale - 1.0)  # m - 1, exact: x itself where k = 0
    s = f / (2.0 + f)
    t = s * s
    p = 1 / 9 + t * (1 / 11 + t * (1 / 13))
    p = 1 / 3 + t * (1 / 5 + t * (1 / 7 + t * p))
    return _from_int(k) * _LN2 + 2.0 * (s + s * t * p)


def _from_int(k):
    """Return a small integer as a float64, by an addition: AVX2 has no instruction for it."""
    return from_bits(k + bits(f8(_SHIFT))) - _SHIFT


def _log1p_at(x, one):
    u = x + one
    y = _log_of(bits(u), x, one)
    y = y if u > 0.0 else (f8(-inf) if u == 0.0 else f8(nan))
    return y if u < inf else u  # inf and NaN


def exp32(x):
    """exp(x)."""
    return f4(_exp(f8(x)))


def expm1_32(x):
    """exp(x) - 1, exact near 0."""
    return f4(_expm1(f8(x)))


def log32(x):
    """log(x); -inf at 0, NaN below."""
    return f4(_log1p_at(f8(x), 0.0))


def log1p_32(x):
    """log(1 + x), exact near 0; -inf at -1, NaN below."""
    return f4(_log1p_at(f8(x), 1.0))


def tanh32(x):
    """tanh(x) = t / (t + 2), t = expm1(2 |x|), with the sign of x."""
    t = _expm1(2.0 * abs(f8(x)))
    return f4(copysign(t / (t + 2.0), f8(x)))


def sigmoid32(x):
    """1 / (1 + exp(-x))."""
    return f4(1.0 / (1.0 + _exp(-f8(x))))


def erf32(x):
    """erf(x) = -expm1(-|x| q(|x|)), with the sign of x; 1 from 4 on."""
    size = abs(f8(x))
    size = 4.0 if size > 4.0 else size
    q = size * 0.0 + 9.4763247451277e-09
    for c in _ERF:
        q = c + size * q
    return f4(copysign(_expm1(-size * q), f8(x)))
