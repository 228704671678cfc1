"""Calls that are made all or none: the part of a replay that writes states.

Python looks for an interrupt (Ctrl-C) between two of its own instructions, and raises
KeyboardInterrupt there. While a deque takes what `map` gives, and `map` calls functions that are
written in C, there is no such instruction: the interrupt waits until the last call has returned.

    compute …            writes the plan's own memory; an interrupt leaves the step before
    call_all(calls)      writes the states; an interrupt leaves the step before, or the step after
"""

from collections import deque
from collections.abc import Callable, Iterator
from operator import call
from typing import Any

Call = Callable[[], Any]

forget = deque(maxlen=0).extend  # takes what calls return, and keeps nothing


def call_all(calls: Iterator[Call], take: Callable[[Iterator[Any]], Any] = forget) -> None:
    """Make calls of functions that are written in C, uninterrupted.

    `take` is such a function, too, and is given what they return: list.extend keeps it.
    A call may raise: NumPy looks for overflow, and warns or raises, when a result is written.
    Then the calls after it are made too, before the error is raised: the step is whole.
    """
    try:
        take(map(call, calls))
    except BaseException:
        call_all(calls, take)
        raise
