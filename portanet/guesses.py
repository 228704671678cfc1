"""What was probably meant by a value that is refused: the end of a message gives an example."""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite, isqrt, nan
from typing import Any

import numpy as np

_MOST_TRIED = 100_000  # divisors: a number from a file may have 400 digits


def divisor(n: int, like: int) -> int:
    """Return the divisor of n that is nearest to another number, the smaller of two.

    >>> divisor(10, 3), divisor(8, 100)
    (2, 8)
    """
    small = [d for d in range(1, min(isqrt(n), _MOST_TRIED) + 1) if n % d == 0]
    return min(sorted([*small, *(n // d for d in small)]), key=lambda d: abs(d - like))


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three names that are like one that there is not; upper case does not count.

    >>> near_names("specis", ["petal width", "Species"])
    ['Species']
    """
    lower = {other.lower(): other for other in known}
    return [lower[near] for near in get_close_matches(name.lower(), list(lower), 3)]


def probably_meant(value: Any, low: float, high: float) -> str:
    """Return a number in a range that may have been meant: a percentage, a slip of the sign."""
    number = as_float(value, 0.1)
    share = number / 100 if number > 1 else 0.1
    guesses = (number, abs(number), share, 0.1, low + 1)
    return f"{next((guess for guess in guesses if low < guess < high), low):g}"


def as_float(value: Any, otherwise: float) -> float:
    """Return the number that a value or a text is, `otherwise` if it is none."""
    try:
        number = float(value) if isinstance(value, str | int | float | np.generic) else nan
    except ValueError:
        number = nan
    return number if isfinite(number) else otherwise
