"""The ranges of the options that many rules share."""

from portanet.checks import check_number
from portanet.errors import ArgumentError
from portanet.rule import Rule


def check_ranges(
    rule: Rule,
    *,
    below_one: tuple[str, ...] = (),
    positive: tuple[str, ...] = ("epsilon",),
    at_least_zero: tuple[str, ...] = ("weight_decay",),
) -> None:
    """Raise ArgumentError unless the options called so are in [0, 1), (0, inf) and [0, inf)."""
    who = type(rule).__name__
    for name in positive:
        check_number(who, name, getattr(rule, name), 0, float("inf"), open_low=True)
    for name in at_least_zero:
        check_number(who, name, getattr(rule, name), 0, float("inf"))
    for name in below_one:
        if check_number(who, name, getattr(rule, name), 0, 1) == 1:
            raise ArgumentError(f"{who}: {name} must be a number in [0, 1), is 1")
