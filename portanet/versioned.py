"""A version number of all models and optimizers, which every assignment to an attribute advances.

A compiled step holds for the layers and options that it was made from. Comparing version numbers
tells it whether anybody has assigned to one of them since, at the cost of one comparison.
"""

from itertools import count
from typing import Any

from portanet.constructors import CalledType

_next = count(1).__next__  # no number comes twice, whichever thread asks
LATEST = [0]  # the version, for those who ask in every step: LATEST[0]


def advance_version() -> None:
    """Say that a model or an optimizer has changed in a way that no assignment shows."""
    LATEST[0] = _next()


class _Version:
    """A class attribute that is read only: a subclass or an instance may use its name."""

    def __get__(self, instance: Any, owner: type) -> int:
        return LATEST[0]


class VersionedType(CalledType):
    """The type of versioned classes: assignments to their own attributes count, too."""

    # The version advances before the change, in case an interrupt comes between the two, and after
    # it, in case another thread has looked between the two.
    def __setattr__(cls, name: str, value: Any) -> None:  # noqa: N805 - a class's attribute
        advance_version()
        super().__setattr__(name, value)
        advance_version()

    def __delattr__(cls, name: str) -> None:  # noqa: N805
        advance_version()
        super().__delattr__(name)
        advance_version()


class Versioned(metaclass=VersionedType):
    """Advances `Versioned.version` with each assignment to an attribute, of instance or class."""

    version = _Version()

    def __setattr__(self, name: str, value: Any) -> None:
        advance_version()
        object.__setattr__(self, name, value)
        advance_version()

    def __delattr__(self, name: str) -> None:
        advance_version()
        object.__delattr__(self, name)
        advance_version()
