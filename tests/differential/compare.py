"""When are two looks at a run the same? Within rounding, each array on its own scale."""

from typing import Any

import numpy as np

# float64 programs of a dozen steps differ by rounding of 1e-13 or so where they are well
# conditioned; float32's rounding is 5e8 times as large.
RELATIVE = {"float64": 1e-9, "float32": 3e-4}
FLOOR = {"float64": 1e-3, "float32": 1e-2}  # of scales: gradients may be 0 but for rounding


class Near:
    """Compares what was seen; `slack` says by how much more a name's arrays may differ."""

    def __init__(self, dtype: str, slack: dict[str, float] | None = None) -> None:
        self.relative, self.floor = RELATIVE[dtype], FLOOR[dtype]
        self.slack = slack or {}

    def first_difference(self, mine: dict[str, Any], wanted: dict[str, Any]) -> str | None:
        """Return the name and how it differs; None if nothing does."""
        for name in [*wanted, *(mine.keys() - wanted.keys())]:
            if name not in mine or name not in wanted:
                there = "the readable run" if name in wanted else "the compiled run"
                return f"{name} is there in {there} only"
            why = self.difference(mine[name], wanted[name], self.slack.get(name, 0.0))
            if why is not None:
                return f"{name} {why}"
        return None

    def difference(self, a: Any, b: Any, slack: float) -> str | None:
        """Return how a value differs from the one that is wanted."""
        if isinstance(b, dict) and isinstance(a, dict):
            if a.keys() != b.keys():
                return f"has {sorted(map(str, a))}, not {sorted(map(str, b))}"
            a, b = list(a.values()), list(b.values())
        if isinstance(b, list) and isinstance(a, list):
            if len(a) != len(b):
                return f"has the length {len(a)}, not {len(b)}"
            whys = (self.difference(x, y, slack) for x, y in zip(a, b, strict=True))
            return next((why for why in whys if why is not None), None)
        if isinstance(b, np.ndarray) and isinstance(a, np.ndarray):
            return self._of_arrays(a, b, slack)
        if isinstance(b, float) and isinstance(a, float):
            return self._of_arrays(np.asarray(a), np.asarray(b), slack)
        return None if type(a) is type(b) and a == b else f"is {_short(a)}, not {_short(b)}"

    def _of_arrays(self, a: np.ndarray, b: np.ndarray, slack: float) -> str | None:
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"is {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
        off, scale = distance(a, b), size(b)
        if off <= self.relative * max(scale, self.floor) + slack:
            return None
        return f"is off by {off:.1e} of {scale:.1e}"


def size(b: np.ndarray) -> float:
    """Return the largest finite number."""
    finite = np.abs(b[np.isfinite(b)].astype(float)) if b.size else b
    return float(np.max(finite, initial=0.0))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference; NaN equals NaN, and infinity the same infinity."""
    a, b = a.astype(float), b.astype(float)
    with np.errstate(invalid="ignore"):
        off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.max(np.where(np.isnan(off), np.inf, off), initial=0.0))


def spread(a: Any, b: Any) -> float:
    """Return the largest difference between two values of one form, inf for other forms."""
    if isinstance(b, dict) and isinstance(a, dict) and a.keys() == b.keys():
        return max((spread(a[key], b[key]) for key in b), default=0.0)
    if isinstance(b, list) and isinstance(a, list) and len(a) == len(b):
        return max((spread(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    if isinstance(b, np.ndarray | float) and isinstance(a, np.ndarray | float):
        a, b = np.asarray(a), np.asarray(b)
        return distance(a, b) if a.shape == b.shape else np.inf
    return 0.0 if a == b else np.inf


def _short(value: Any) -> str:
    return repr(value)[:60]
