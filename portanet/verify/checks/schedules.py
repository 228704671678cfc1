"""Schedules: functions of the step alone, on the host, which give finite floats."""

from collections.abc import Iterator
from math import isfinite

from portanet.verify.catalogue.schedules import ScheduleCase
from portanet.verify.report import Finding

N_STEPS = 40


def check_schedule(case: ScheduleCase) -> Iterator[Finding]:
    """Yield one finding: whether rates are floats >= 0, the same when asked in another order."""
    schedule, again = case.make(), case.make()
    rates = [schedule(step) for step in range(N_STEPS)]
    backwards = [again(step) for step in reversed(range(N_STEPS))][::-1]
    notes = [
        f"step {step}: {rate!r} is no float >= 0"
        for step, rate in enumerate(rates)
        if type(rate) is not float or not isfinite(rate) or rate < 0
    ]
    notes += [
        f"step {step}: {a!r} when asked in order, {b!r} backwards"
        for step, (a, b) in enumerate(zip(rates, backwards, strict=True))
        if a != b
    ]
    yield Finding(
        "schedule", "schedule", case.name, "rate", "numpy", "float64", not notes,
        note="; ".join(notes[:1]),
    )  # fmt: skip
