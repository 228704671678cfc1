"""Ahead: calls made by threads before their results are asked for, which come in order."""

from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from portanet.backends._numpy.workers import Workers, result_of


class Ahead:
    """The results of calls, in their order; threads make up to `n_ahead` calls beyond the last.

    What a call raises is raised in its place. Without threads a call is made when its result is
    asked for. The threads end with this object, and there are at most n_ahead + 1 results.
    """

    def __init__(self, calls: Iterator[Callable[[], Any]], n_threads: int, n_ahead: int) -> None:
        self._calls, self._n_ahead = calls, n_ahead
        self._workers = Workers(min(n_threads, n_ahead + 1)) if n_threads else None
        self._made: deque[Any] = deque()  # a queue for the answer of each call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._workers is None:
            return next(self._calls)()
        while len(self._made) <= self._n_ahead and (call := next(self._calls, None)) is not None:
            answer = SimpleQueue()
            self._workers.start(call, answer)
            self._made.append(answer)
        if not self._made:
            raise StopIteration
        return result_of(self._made.popleft().get())

    def is_next_made(self) -> bool:
        """Return whether the next result is there, so that asking for it does not wait."""
        return bool(self._made) and not self._made[0].empty()
