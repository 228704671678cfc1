"""Rows of the schedules. They run on the host, once for every backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portanet.schedules import (
    Chain,
    Constant,
    Cosine,
    Exponential,
    MultiStep,
    OneCycle,
    PerEpoch,
    Plateau,
    Polynomial,
    StepDecay,
    WarmUp,
)


@dataclass(frozen=True)
class ScheduleCase:
    """One schedule with options."""

    name: str
    make: Callable[[], Any]

    kind = "schedule"


SCHEDULES = [
    ScheduleCase("Constant", lambda: Constant(0.1)),
    ScheduleCase("StepDecay", lambda: StepDecay(0.1, 3, gamma=0.5)),
    ScheduleCase("MultiStep", lambda: MultiStep(0.1, [3, 9])),
    ScheduleCase("Exponential", lambda: Exponential(0.1, 0.9)),
    ScheduleCase("Polynomial", lambda: Polynomial(0.1, 10, power=2.0, lowest=0.01)),
    ScheduleCase("Cosine", lambda: Cosine(0.1, 10, lowest=0.01, restarts=True)),
    ScheduleCase("OneCycle", lambda: OneCycle(0.1, 10, up=0.4)),
    ScheduleCase("Plateau", lambda: Plateau(0.1, factor=0.5, patience=1)),
    ScheduleCase("WarmUp", lambda: WarmUp(Cosine(0.1, 10), 5, start=0.01)),
    ScheduleCase("Chain", lambda: Chain([Constant(0.1), Cosine(0.1, 5)], [5])),
    ScheduleCase("PerEpoch", lambda: PerEpoch(StepDecay(0.1, 2), 3)),
]
