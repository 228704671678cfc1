"""A count of the assignments to attributes of models and optimizers.

A compiled step holds for the layers and options that it was made from. It looks whether they are
still the same when somebody has assigned to one since; a count says so at the cost of a comparison.
"""

from itertools import count
from typing import Any

_next = count(1).__next__  # no number comes twice, whichever thread asks


class Watched:
    """Counts assignments to the attributes of all such objects together."""

    n_changes = 0

    @staticmethod
    def count_change() -> None:
        """Count a change that no assignment to such an object shows."""
        Watched.n_changes = _next()

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        Watched.n_changes = _next()

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        Watched.n_changes = _next()
