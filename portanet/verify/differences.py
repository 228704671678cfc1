"""Derivatives by finite differences."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

_STEP = float(np.finfo(np.float64).eps) ** 0.2  # where truncation and rounding errors are equal
_SHRINK = 8.0  # the ratio of successive steps
_N_STEPS = 5  # the last step is eps^(1/5) / 4096 = 2e-7
_SAFETY = 4.0  # how far an estimate may be from the next one's error


def derivative(
    L: Callable[[], float], value: np.ndarray, i: tuple[int, ...], shrink: float = 1.0
) -> float:
    """Return dL/dvalue[i] from four points, at the step eps^(1/5) (1 + |value[i]|) / shrink."""
    centre = value[i]
    h = _STEP * (1 + abs(centre)) / shrink
    at = []
    for k in (1, -1, 2, -2):
        value[i] = centre + k * h
        at.append(L())
    value[i] = centre
    return (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h)


def settled_derivative(
    L: Callable[[], float], value: np.ndarray, i: tuple[int, ...]
) -> tuple[float, float]:
    """Return dL/dvalue[i] where two successive steps agree best, and a bound on its rounding error.

    Large steps may have a kink between their points, small ones have large rounding errors: of
    both, two successive estimates differ.

    >>> x = np.asarray([1e-4])  # the kink of |x| is between the points of the first step
    >>> derivative(lambda: abs(x[0]), x, (0,)) < 0.9
    True
    >>> abs(settled_derivative(lambda: abs(x[0]), x, (0,))[0] - 1) < 1e-9
    True
    """
    estimates = [derivative(L, value, i, _SHRINK**n) for n in range(_N_STEPS)]
    pairs = [(abs(coarse - fine), fine) for coarse, fine in pairwise(estimates)]
    distance, estimate = min(pairs)
    return estimate, _SAFETY * distance
