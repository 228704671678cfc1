"""The ranges of the options that many rules share."""

from portanet.checks import check_number
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
        check_number(who, name, getattr(rule, name), 0, 1, open_high=True)
