"""Uninterruptible sequences of calls: all are made, or none.

Python raises KeyboardInterrupt (Ctrl-C) between two instructions of bytecode. While `deque.extend`
consumes a `map` over C functions, no bytecode runs: an interrupt is raised after the last call. The
replay of a plan relies on it:

    compute …            writes the plan's own memory; after an interrupt no state has changed
    call_all(calls)      writes the states: all of them, or none
"""

from collections import deque
from collections.abc import Callable, Iterator
from operator import call
from typing import Any

Call = Callable[[], Any]

forget = deque(maxlen=0).extend  # consumes an iterator without keeping its items


def call_all(calls: Iterator[Call], take: Callable[[Iterator[Any]], Any] = forget) -> None:
    """Make calls of C functions without interruption.

    `take` consumes what they return, such as list.extend; it must be a C function, too.
    If a call raises, the remaining calls are made before the error is re-raised. NumPy checks for
    overflow after it has written a result, so the result of a call that raised is complete.
    """
    try:
        take(map(call, calls))
    except BaseException:
        call_all(calls, take)
        raise
