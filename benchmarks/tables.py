"""Numbers as text, and Markdown tables of them."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

Spread = tuple[float, float, float]


def spread(these: Sequence[float], those: Sequence[float]) -> Spread:
    """Return the smallest, median and largest of the ratios within the rounds."""
    ratios = [a / b for a, b in zip(these, those, strict=True)]
    return min(ratios), statistics.median(ratios), max(ratios)


def times(found: Spread | None) -> str:
    """Return ratios as text: the median, and the extremes in parentheses."""
    if found is None:
        return ""
    low, middle, high = found
    return f"{middle:.3g} ({low:.3g}-{high:.3g})"


def time(seconds: Sequence[float]) -> str:
    """Return the median with a unit, and the extremes in parentheses if there are several.

    >>> time([2e-6, 1e-6, 4e-6])
    '2 µs (1-4)'
    """
    unit, factor = next(
        (u, f) for u, f in UNITS if statistics.median(seconds) * f >= 1 or u == "µs"
    )
    low, middle, high = (digits(f(seconds) * factor) for f in (min, statistics.median, max))
    return f"{middle} {unit}" + (f" ({low}-{high})" if len(seconds) > 1 else "")


UNITS = (("s", 1.0), ("ms", 1e3), ("µs", 1e6))


def digits(number: float) -> str:
    """Return a number with three digits, and no exponent."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def size(n_bytes: float) -> str:
    """Return a number of bytes in MiB."""
    return f"{digits(n_bytes / 2**20)} MiB"


def slope(points: Sequence[dict[str, Any]], measure: str) -> str:
    """Return the exponent with which something grows between the last two points."""
    before, last = points[-2:]
    if min(before[measure], last[measure]) <= 0:
        return ""
    growth = math.log(last[measure] / before[measure])
    return f"n^{growth / math.log(last['value'] / before['value']):.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
