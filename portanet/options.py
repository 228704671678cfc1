"""Options: attributes whose values are checked where they are assigned."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np

from portanet.commit import update_together
from portanet.versioned import Versioned, advance_version


class WithOptions(Versioned):
    """An object that has options.

    A constructor assigns them all, calls check(), and lists their names in `_options`. From then on
    an assignment that check() refuses raises its error and changes nothing.
    """

    _options: frozenset[str] = frozenset()

    def check(self) -> None:
        """Raise ArgumentError if an option is out of its range."""

    def changed(self, **attributes: Any) -> Self:
        """Return a shallow copy with other attributes, unchecked."""
        other = copy(self)
        vars(other).update(attributes)
        return other

    def checked(self, options: Mapping[str, Any]) -> Self:
        """Return a shallow copy with other options, once check() has accepted them."""
        options = {name: python_number(value) for name, value in options.items()}
        other = self.changed(**options, _options=frozenset())  # check() may assign to options
        other.check()
        vars(other)["_options"] = self._options
        return other

    def followers(self, name: str) -> "Sequence[WithOptions]":  # noqa: ARG002 - for those with some
        """Return the objects that take an option over when it is assigned here."""
        return ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._options:
            super().__setattr__(name, python_number(value))
            return
        targets = [self, *self.followers(name)]
        news = [vars(target.checked({name: value})) for target in targets]
        advance_version()
        update_together(map(vars, targets), news)


def python_number(value: Any) -> Any:
    """Return a NumPy scalar as a Python number: a float64 would make float32 arrays float64.

    >>> python_number(np.float64(0.5)), python_number(np.int64(2)), python_number("a")
    (0.5, 2, 'a')
    """
    if isinstance(value, np.generic):
        for kind, make in ((np.floating, float), (np.integer, int), (np.bool_, bool)):
            if isinstance(value, kind):
                return make(value)
    return value
