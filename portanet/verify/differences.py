"""Derivatives by finite differences, from both sides, of a sum whose terms are known.

The terms are kept apart: a small one is not lost beside a large one that does not change.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

Terms = Callable[[], np.ndarray]  # the terms of L, as they are now

_EPS = float(np.finfo(np.float64).eps)
_STEP = _EPS**0.2  # truncation and rounding errors are about equal
_SHRINK = 8.0  # the ratio of successive steps
_N_STEPS = 7  # the last step is eps^(1/5) / 8^6 = 3e-9
_SAFETY = 4.0  # the difference of two estimates is that much below a bound on their error


def derivative(
    L: Terms, value: np.ndarray, i: tuple[int, ...], shrink: float = 1.0
) -> tuple[float, float]:
    """Return dL/dvalue[i] from four points, and its rounding error eps |terms that change| / h.

    The step is h = eps^(1/5) (1 + |value[i]|) / shrink.
    """
    h = _STEP * (1 + abs(value[i])) / shrink
    at = _terms(L, value, i, h, (1, -1, 2, -2))
    change = (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h)
    return float(np.sum(change)), _rounding(at, h)


def settled_derivative(L: Terms, value: np.ndarray, i: tuple[int, ...]) -> tuple[float, float]:
    """Return dL/dvalue[i] by the two successive steps that say most, and a bound on its error.

    A large step may have a kink between its points, a small one has a large rounding error: in
    both cases two successive estimates differ. NaN if L is not finite around the point.

    >>> x = np.asarray([1e-4])  # the kink of |x| is between the points of the first step
    >>> bool(derivative(lambda: abs(x), x, (0,))[0] < 0.9)
    True
    >>> bool(abs(settled_derivative(lambda: abs(x), x, (0,))[0] - 1) < 1e-9)
    True
    """
    with np.errstate(invalid="ignore"):
        estimates = [derivative(L, value, i, _SHRINK**n) for n in range(_N_STEPS)]
    finite = [estimate for estimate in estimates if np.isfinite(estimate[0])]
    if len(finite) < 2:
        return np.nan, 0.0
    bound, estimate = min(
        (_SAFETY * abs(coarse[0] - fine[0]) + fine[1], fine[0]) for coarse, fine in pairwise(finite)
    )
    return estimate, bound


def sides(L: Terms, value: np.ndarray, i: tuple[int, ...]) -> tuple[float, float] | None:
    """Return the least and the largest slope at a kink, None where there is no kink.

    At a kink the slopes of the two sides differ by as much at any step, while the difference
    shrinks with the step where there is a derivative. What a backward may return is between
    them, up to a thousandth: each term counts with the smaller of its slopes, or the larger.

    >>> x = np.asarray([0.0])
    >>> [round(slope, 3) for slope in sides(lambda: np.maximum(x, 0), x, (0,))]
    [-0.001, 1.001]
    >>> sides(lambda: x * x, x, (0,)) is None
    True
    """
    coarse, fine = (_slopes(L, value, i, _SHRINK**n) for n in (_N_STEPS - 2, _N_STEPS - 1))
    jumps = [float(np.sum(np.abs(right - left))) for left, right, _ in (coarse, fine)]
    left, right, rounding = fine
    if not jumps[1] > 2 * rounding or not 0.5 < jumps[1] / jumps[0] < 2:
        return None
    least, most = np.sum(np.minimum(left, right)), np.sum(np.maximum(left, right))
    allowance = 1e-3 * jumps[1] + rounding
    return float(least - allowance), float(most + allowance)


def _slopes(
    L: Terms, value: np.ndarray, i: tuple[int, ...], shrink: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the slopes of each term to the left and to the right, and their rounding error."""
    h = _STEP * (1 + abs(value[i])) / shrink
    at = _terms(L, value, i, h, (-1, 0, 1))
    return (at[1] - at[0]) / h, (at[2] - at[1]) / h, 2 * _rounding(at, h)


def _terms(
    L: Terms, value: np.ndarray, i: tuple[int, ...], h: float, steps: tuple[int, ...]
) -> list[np.ndarray]:
    """Return the terms of L some steps of h away."""
    centre, at = value[i], []
    with np.errstate(all="ignore"):  # beyond the end of a function's range, say
        for k in steps:
            value[i] = centre + k * h
            at.append(np.array(L()))
    value[i] = centre
    return at


def _rounding(at: list[np.ndarray], h: float) -> float:
    """Return the rounding error of a difference: of the terms that change, of all if none does."""
    sizes = np.max(np.abs(at), axis=0)
    changed = np.any([terms != at[0] for terms in at[1:]], axis=0)
    return _EPS * float(np.sum(sizes[changed] if changed.any() else sizes)) / h
