"""A change of several objects as one: all of it has happened, or none."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any


def update_together(targets: Iterable[dict[str, Any]], news: Iterable[Mapping[str, Any]]) -> None:
    """Update each dictionary with the mapping at its place; no KeyboardInterrupt comes between two.

    Python raises a KeyboardInterrupt between two instructions of its byte code only. A deque that
    keeps nothing drives `map`, and `map` calls `dict.update`: all three are C code, so the loop is
    part of one instruction. The dictionaries may be those of objects: `vars(parameter)`.

    >>> ours, theirs = {"n": 1}, {}
    >>> update_together([ours, theirs], [{"n": 2}, {"m": 3}])
    >>> ours, theirs
    ({'n': 2}, {'m': 3})
    """
    targets, news = list(targets), list(news)  # a generator would be byte code inside the loop
    deque(map(dict.update, targets, news), maxlen=0)
