"""Checks shared by schedules."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from portanet.checks import check_count, check_number, short
from portanet.errors import ArgumentError
from portanet.options import WithOptions
from portanet.reprs import own_call

Schedule = Callable[[int], float]


class Checked(WithOptions):
    """A schedule whose attributes are options, which are checked when they are assigned, too."""

    def __post_init__(self) -> None:
        self.check()
        self._options = frozenset(vars(self))

    def __repr__(self) -> str:
        return own_call(self)


def check_options(schedule: Any, **options: tuple[Any, float, float]) -> None:
    """Raise ArgumentError unless each option, (value, low, high), is a number in [low, high]."""
    for name, (value, low, high) in options.items():
        check_number(type(schedule).__name__, name, value, low, high)


def check_schedules(who: str, schedules: Sequence[Any]) -> None:
    """Raise ArgumentError unless all are callable."""
    for schedule in schedules:
        if not callable(schedule):
            raise ArgumentError(
                f"{who}: a schedule must be a function of the step such as Constant(0.1), "
                f"is {short(schedule)}"
            )


def check_rising(who: str, name: str, values: Sequence[Any]) -> None:
    """Raise ArgumentError unless values are increasing integers >= 1."""
    for value in values:
        check_count(who, name, value)
    if any(a >= b for a, b in pairwise(values)):
        raise ArgumentError(
            f"{who}: {name} must increase, are {short(list(values))}; "
            f"sort them: {short(sorted(values))}"
        )
