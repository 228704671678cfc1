"""A count of the assignments to attributes of models and optimizers.

A compiled step holds for the layers and options that it was made from. It looks whether they are
still the same when somebody has assigned to one since; a count says so at the cost of a comparison.
"""

from typing import Any


class Watched:
    """Counts assignments to the attributes of all such objects together."""

    n_changes = 0

    def __setattr__(self, name: str, value: Any) -> None:
        Watched.n_changes += 1
        object.__setattr__(self, name, value)
