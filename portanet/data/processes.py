"""Processes: what a loader has of its worker processes."""

from collections.abc import Callable
from operator import is_
from typing import Any


class Processes:
    """A loader's processes: none until they are needed, and none when this object is gone."""

    def __init__(self) -> None:
        self._pool: Any = None  # ProcessPool

    def __reduce__(self) -> tuple[Any, ...]:
        return Processes, ()  # a copy of a loader has processes of its own

    def reading(self, reader: Any, n: int) -> Callable[[Any], Any]:
        """Return a function that lets one of n processes do a job, and waits for it.

        Raises ArgumentError if the reader cannot be sent.
        """
        from portanet.data.process_pool import ProcessPool  # which takes as long as all else

        made_for = [n, reader.key, *reader.sources]
        if self._pool is None or self._pool.is_broken or not _same(made_for, self._pool.made_for):
            self._pool = ProcessPool(reader, n, made_for)
        return self._pool.ask


def _same(a: list[Any], b: list[Any]) -> bool:
    """Return whether two lists begin with equal numbers and keys, and have the same objects."""
    return a[:2] == b[:2] and len(a) == len(b) and all(map(is_, a[2:], b[2:]))
