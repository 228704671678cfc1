"""Derivatives by finite differences."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS**0.2  # truncation and rounding errors are about equal
_SHRINK = 8.0  # the ratio of successive steps
_N_STEPS = 5  # the last step is eps^(1/5) / 4096 = 2e-7
_SAFETY = 4.0  # the difference of two estimates is that much below a bound on their error


def derivative(
    L: Callable[[], float], value: np.ndarray, i: tuple[int, ...], shrink: float = 1.0
) -> tuple[float, float]:
    """Return dL/dvalue[i] from four points, and its rounding error eps |L| / h.

    The step is h = eps^(1/5) (1 + |value[i]|) / shrink.
    """
    centre = value[i]
    h = _STEP * (1 + abs(centre)) / shrink
    at = []
    for k in (1, -1, 2, -2):
        value[i] = centre + k * h
        at.append(L())
    value[i] = centre
    rounding = _EPS * max(map(abs, at)) / h
    return (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h), rounding


def settled_derivative(
    L: Callable[[], float], value: np.ndarray, i: tuple[int, ...]
) -> tuple[float, float]:
    """Return dL/dvalue[i] where two successive steps agree best, and a bound on its error.

    A large step may have a kink between its points, a small one has a large rounding error: in
    both cases two successive estimates differ.

    >>> x = np.asarray([1e-4])  # the kink of |x| is between the points of the first step
    >>> bool(derivative(lambda: abs(x[0]), x, (0,))[0] < 0.9)
    True
    >>> bool(abs(settled_derivative(lambda: abs(x[0]), x, (0,))[0] - 1) < 1e-9)
    True
    """
    estimates = [derivative(L, value, i, _SHRINK**n) for n in range(_N_STEPS)]
    distance, (estimate, rounding) = min(
        (abs(coarse[0] - fine[0]), fine) for coarse, fine in pairwise(estimates)
    )
    return estimate, _SAFETY * distance + rounding
