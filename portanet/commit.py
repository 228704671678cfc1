"""Several dicts updated at once, as far as an interrupt can tell.

Python looks for interrupts (Ctrl-C raises KeyboardInterrupt) between bytecodes. C code that calls
C code has none: what happens in one call of `update_together` happens wholly or not at all.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any


def update_together(targets: Iterable[dict[Any, Any]], news: Iterable[dict[Any, Any]]) -> None:
    """Update each dict of `targets` by the dict of `news` that stands at its place.

    >>> a, b = {"x": 1}, {}
    >>> update_together([a, b], [{"x": 2}, {"y": 3}])
    >>> a, b
    ({'x': 2}, {'y': 3})
    """
    deque(map(dict.update, targets, news), maxlen=0)
