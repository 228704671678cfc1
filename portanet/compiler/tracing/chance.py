"""Chance: random numbers that a traced step draws outside of `from_host` would be frozen."""

import random
from typing import Any

import numpy as np

from portanet.compiler.errors import TraceError


class ChanceWatch:
    """Knows where all random streams stand, and whether one has moved unseen.

    `streams` are generators by name; Python's and NumPy's global ones are watched as well.
    """

    def __init__(self, streams: dict[str, Any]) -> None:
        self._streams = {"random": random, "numpy.random": np.random, **streams}
        self._seen = self._states()

    def check(self) -> None:
        """Raise TraceError if a stream has moved since the last look."""
        now = self._states()
        for name, state in now.items():
            if not _alike(state, self._seen[name]):
                raise TraceError(
                    f"random numbers are drawn from {name} outside of from_host: every step would "
                    "get the same ones"
                )

    def look(self) -> None:
        """Take where the streams stand now for right: a draw through from_host has moved them."""
        self._seen = self._states()

    def _states(self) -> dict[str, Any]:
        return {name: _state(stream) for name, stream in self._streams.items()}


def _state(stream: Any) -> Any:
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator.state
    return stream.getstate() if hasattr(stream, "getstate") else stream.get_state()


def _alike(a: Any, b: Any) -> bool:
    """Compare two states, which hold arrays in tuples and dicts."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
