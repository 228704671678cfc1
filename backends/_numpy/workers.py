"""Threads for work that releases the interpreter's lock, which Ctrl-C cannot leave stuck.

An executor of the standard library takes locks in Python code: a KeyboardInterrupt in between
leaves one taken, and the next call waits for ever. Here threads and their callers meet in
SimpleQueues only, which are C code.
"""

import weakref
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Workers:
    """Up to `n` threads, which live as long as this object."""

    def __init__(self, n: int) -> None:
        self._wanted: SimpleQueue[Any] = SimpleQueue()
        end = weakref.ref(self, self._wanted.put)  # puts itself there when this object is gone
        for _ in range(n):
            start_new_thread(_work, (self._wanted, end))

    def start(self, call: Callable[[], Any], answers: Any) -> None:
        """Let a thread make a call, and put (result, error) into the queue `answers`."""
        self._wanted.put((call, answers))


def result_of(answer: tuple[Any, BaseException | None]) -> Any:
    """Return what a call has returned, or raise what it has raised."""
    result, error = answer
    if error is not None:
        raise error
    return result


def _work(wanted: Any, end: Any) -> None:
    while (job := wanted.get()) is not end:
        call, answers = job
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is taken
            answers.put((None, error))
        del job, call, answers  # nothing is kept alive while it waits
    wanted.put(end)  # for the other threads
