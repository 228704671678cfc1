"""NaN, infinities, -0 and a number below the smallest normal one, in the arguments of kernels."""

import numpy as np

SHARES = [1 / 64, 1 / 4]  # some of the sums of products are finite; all special numbers meet
EITHER_ZERO = {"max_pool2d"}  # the maximum of 0 and -0 is either, by the standard and in NumPy


class Sprinkled:
    """A random generator; a share of its uniform and normal numbers are special ones."""

    SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 1e-45)

    def __init__(self, share):
        self._rng, self._share = np.random.default_rng(0), share

    def __getattr__(self, name):
        return getattr(self._rng, name)

    def standard_normal(self, size):
        return self._sprinkled(self._rng.standard_normal(size))

    def uniform(self, low, high, size):
        return self._sprinkled(self._rng.uniform(low, high, size))

    def _sprinkled(self, x):
        chosen = self._rng.random(x.shape) < self._share
        x[chosen] = self._rng.choice(self.SPECIAL, chosen.sum())
        return x


def oracle(name, function):
    """Return what has special numbers where they should be, on NumPy: the plain definition.

    That of `segment_sum` multiplies by 0 and 1; as 0 NaN is NaN, one NaN would reach all sums.
    """
    return _segment_sum if name == "segment_sum" else function.plain


def _segment_sum(values, indices, n):
    total = np.zeros((n, values.shape[1]), values.dtype)
    np.add.at(total, indices, values)
    return total


def kinds(name, x):
    """Return which numbers are NaN, infinite or 0, and the signs of the latter two."""
    signed = np.isinf(x) | ((x == 0) & (name not in EITHER_ZERO))
    return np.stack([np.isnan(x), np.isinf(x), x == 0, np.where(signed, np.copysign(1, x), 0)])
