"""Logits without infinities."""

from portanet.backends import array_namespace
from portanet.typing import Array

LARGE = 2.0**100


def bounded(x: Array) -> Array:
    """Return x clipped to [-2^100, 2^100] = ±1.3e30, so that infinities become finite.

    Sums of such numbers are finite in float32, and their product with 0 is 0. NaN stays NaN.

    >>> import numpy as np
    >>> bounded(np.asarray([-np.inf, 5.0]))
    array([-1.2676506e+30,  5.0000000e+00])
    """
    xp = array_namespace(x)
    return xp.minimum(xp.maximum(x, -LARGE), LARGE)
