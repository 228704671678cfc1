"""Where weights start. All draw on the host, in float64, and are then rounded to float32."""

from math import sqrt

import numpy as np

from portanet.random import next_key
from portanet.typing import Array, Rng


def fan_in_uniform(shape: tuple[int, ...], rng: Rng | None = None) -> Array:
    """Draw from U(-k, k) with k = 1 / sqrt(fan_in), the blog's choice.

    fan_in = shape[0], the number of inputs that a unit adds up: the variance of the sum is then
    var(x) / 3 whatever the layer's width.

    >>> float(abs(fan_in_uniform((4, 1000))).max()) <= 0.5
    True
    """
    k = 1 / sqrt(shape[0])
    return stream(rng).uniform(-k, k, shape).astype(np.float32)


def zeros(shape: tuple[int, ...]) -> Array:
    """Return zeros, as for a bias.

    >>> zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, np.float32)


def stream(rng: Rng | None) -> Rng:
    """Return rng, or where it is None the next stream that `portanet.seed` started."""
    return next_key("weights").generator() if rng is None else rng
