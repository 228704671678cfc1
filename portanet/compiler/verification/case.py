"""Case: one array before the judge, and how far its numbers may be from those in float64."""

from typing import Any

import numpy as np

from portanet.compiler.verification.compare import by_noise, difference_of, some_ulps

# times the few ulps of compare.py: an error of the readable step that needs no noise
_PLAUSIBLE = 32
_OWN = 8  # times the noise that the readable step's own error may be


class Case:
    """What the readable step gave beside what it gives in float64 (`center`).

    own     how the readable step is farther from float64 than rounding explains, in words
    found   how the plan is
    """

    def __init__(self, readable: np.ndarray, center: np.ndarray) -> None:
        self._readable, self._center = readable, center
        self._wanted = _wanted(readable, center)
        self._ulps: Any = None  # a few units of the last place
        self._noise: np.ndarray | None = None  # the largest error under noise so far
        self._allowed: np.ndarray | None = None
        self.own: str | None = None
        self.found: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether errors are larger than those that are explained yet."""
        return self.own is not None or self.found is not None

    def judge(self, got: np.ndarray | None) -> None:
        """Compare the readable step's numbers and the plan's with those in float64."""
        self.own = difference_of(self._readable, self._wanted, self._allowed_for_own)
        self.found = difference_of(got, self._wanted, self._allowed_for_plan)
        if self.is_open:
            self._allowed = self._ulps = None  # runs under noise need the memory

    def take_in(self, sample: np.ndarray) -> None:
        """Let the noise of one more run count."""
        off = _distance(sample, self._center)
        self._noise = off if self._noise is None else np.maximum(self._noise, off, out=off)

    def level(self) -> float:
        """Return how many times the few ulps of compare.py an error may be, at the worst place."""
        with np.errstate(all="ignore"):
            times = self._allowed_for_plan() / self._some_ulps()
        return float(np.max(np.where(np.isfinite(times), times, 0), initial=0))

    def _allowed_for_own(self) -> Any:
        if self._noise is None:
            return _PLAUSIBLE * self._some_ulps()
        return _OWN * by_noise(self._noise, self._wanted)

    def _some_ulps(self) -> Any:
        if self._ulps is None:
            self._ulps = some_ulps("", self._wanted)
        return self._ulps

    def _allowed_for_plan(self) -> np.ndarray:
        if self._allowed is None:
            errors = _distance(self._readable, self._center)
            if self._noise is not None:
                np.maximum(errors, self._noise, out=errors)
            self._allowed = by_noise(errors, self._wanted)
        return self._allowed


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        off = np.asarray(np.subtract(a, b, dtype=np.float64))
        np.abs(off, out=off)
    if not np.isfinite(np.max(off, initial=0)):
        off[~np.isfinite(off)] = 0
    return off


def _wanted(readable: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return float64's numbers in the dtype of the readable ones, and these where not finite."""
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(readable), center.astype(readable.dtype), readable)
