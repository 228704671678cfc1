"""Options: attributes whose values are checked where they are assigned, at first and later.

`Option` is for one value that has a range by itself: of a layer, a loss, a loader. `WithOptions` is
for options that depend on each other or are followed by others: of rules and schedules.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from portanet.commit import update_together
from portanet.errors import ArgumentError
from portanet.versioned import Versioned, advance_version


class Option:
    """An attribute of a class, whose values are checked wherever they are assigned.

        p = Option(check_number, 0, 1, open_high=True)

    check(who, name, value, *limits) returns the value to keep, or raises ArgumentError: then the
    attribute stays what it was. `none` allows None as well; a `fixed` one cannot be changed later.
    """

    def __init__(
        self, check: Callable[..., Any], *limits: Any, none: bool = False, fixed: bool = False,
        **how: Any,
    ) -> None:  # fmt: skip
        self.check, self.limits, self.none, self.fixed = check, limits, none, fixed
        self.how = how

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, instance: Any, value: object) -> None:
        value = python_number(value)
        who, kept = type(instance).__name__, vars(instance)
        if not (self.none and value is None):
            value = self.check(who, self.name, value, *self.limits, **self.how)
        if self.fixed and kept.get(self.name, value) != value:
            raise ArgumentError(
                f"{who}: {self.name} is fixed when a {who} is made; make another one to change it"
            )
        kept[self.name] = value  # where reading finds it, as there is no __get__

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: type) -> Any: ...


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
    """Return a NumPy scalar, or an array of shape (), as a Python number.

    A float64 would make float32 arrays float64.

    >>> python_number(np.float64(0.5)), python_number(np.int64(2)), python_number("a")
    (0.5, 2, 'a')
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic):
        for kind, make in ((np.floating, float), (np.integer, int), (np.bool_, bool)):
            if isinstance(value, kind):
                return make(value)
    return value
