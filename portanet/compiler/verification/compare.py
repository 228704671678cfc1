"""Whether two ways to compute an array agree, number by number, on the host.

First they are compared with each other: numbers that differ by a few units of the last place, at
their own size or at the scale of their row and column, agree. What differs by more is judged by
how far both are from the same step in float64 (judge.py).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from portanet.compiler.verification.scales import scales, variances

ULPS = 8.0  # at a number's own size, or the scale of its row and column
NOISE = 8.0  # times a number's own noise
SCALE = 6.0  # standard deviations of its noise: the largest of a million numbers is 5 times it

Arrays = Mapping[str, np.ndarray]


def difference(got: Arrays, wanted: Arrays, allowed: Any) -> dict[str, str]:
    """Return the arrays that differ by more than `allowed(name, wanted)`, each with words."""
    found = {}
    for name, array in wanted.items():
        words = difference_of(got.get(name), array, partial(allowed, name, array))
        if words is not None:
            found[name] = words
    return found


def nothing(name: str, wanted: np.ndarray) -> float:  # noqa: ARG001 - as all that say what is allowed
    """Allow no difference, but for the sign of 0 and which NaN it is."""
    return 0.0


def some_ulps(name: str, wanted: np.ndarray) -> np.ndarray | float:  # noqa: ARG001
    """Allow a few units of the last place at a number's own size or at its row's and column's."""
    if wanted.dtype.kind != "f":
        return 0.0
    size = np.abs(wanted)
    return ULPS * float(np.finfo(wanted.dtype).eps) * (size + scales(size))


def by_noise(noise: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the error that an array with this noise may have."""
    size = np.abs(wanted)
    if not np.isfinite(np.max(size, initial=0)):
        size = np.where(np.isfinite(size), size, 0)
    allowed = SCALE * np.sqrt(variances(noise * noise))
    allowed += NOISE * noise
    allowed += 2 * float(np.finfo(wanted.dtype).eps) * size
    return allowed


def difference_of(got: Any, wanted: np.ndarray, allowed: Callable[[], Any]) -> str | None:
    """Return in words how an array differs by more than `allowed()`; None if it does not.

    What is allowed is asked for only where the arrays are not the same: most are.
    """
    if got is None:
        return "differ: the compiled one is missing"
    if got.shape != wanted.shape:
        return f"differ in shape: {got.shape} and {wanted.shape}"
    if np.array_equal(got, wanted):
        return None
    if wanted.dtype.kind != "f":
        return "differ"
    finite = np.isfinite(wanted)
    if not finite.all() and not np.array_equal(got[~finite], wanted[~finite], equal_nan=True):
        return "differ where the numbers are not finite"
    with np.errstate(invalid="ignore", over="ignore"):
        # of numbers that are close the difference is exact
        off = np.asarray(np.abs(got - wanted))
        bad = finite & ~(off <= allowed())
    return _worst(off, wanted, bad) if bad.any() else None


def _worst(off: np.ndarray, wanted: np.ndarray, bad: np.ndarray) -> str:
    """Return where and by how much an array is off most, in units of the last place."""
    off[~bad] = 0
    at = np.unravel_index(int(np.argmax(off)), off.shape)  # the first NaN, if there is one
    with np.errstate(all="ignore"):
        ulp = float(np.spacing(np.abs(wanted[at]))) or float(np.finfo(wanted.dtype).tiny)
        n = np.inf if np.isnan(off[at]) else off[at] / ulp
    return f"differ by {n:.0f} ulp at {[int(i) for i in at]} ({wanted[at]:g} expected)"


def first(found: Mapping[str, str]) -> str | None:
    """Return the first of some differences as a sentence, None if there are none."""
    for name, words in found.items():
        return f"compiled and uncompiled `{name}` {words}"
    return None
